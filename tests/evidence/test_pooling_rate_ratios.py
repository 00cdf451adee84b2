"""Rate ratios of two arms against a lattice, closed forms, the normal model and known truth."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from riskmodel.errors import ParameterError
from riskmodel.evidence.pooling import pool_effects
from riskmodel.evidence.pooling_single_arm import pool_rates

Y, T = [3, 0, 12], [210.0, 95.5, 480.0]
Y0, T0 = [9, 2, 20], [200.0, 101.0, 490.0]
NAMES = ("effect", "heterogeneity", "prediction")


def same(one, other, rtol, atol=0.0):
    for name in NAMES:
        a, b = getattr(one, name), getattr(other, name)
        for ends in (
            [a.mean(), b.mean()],
            [a.std(), b.std()],
            [a.interval(0.95), b.interval(0.95)],
        ):
            np.testing.assert_allclose(ends[0], ends[1], rtol=rtol, atol=atol, err_msg=name)


def test_rate_ratios_agree_with_a_plain_sum_over_a_lattice():
    """Independent: Poisson events with baselines integrated over d log rate, no binomial in it."""

    def marginal(mu, tau):
        found = 1.0
        z = np.linspace(-9, 9, 181)
        weight = stats.norm.pdf(z) * (z[1] - z[0])
        theta = mu[..., None] + tau[..., None] * z
        for y, t, y0, t0 in zip(Y, T, Y0, T0, strict=True):
            # The integral of both Poisson probabilities over the log baseline rate is a gamma
            # function: (y + y0 - 1)! / (y! y0!) (t r)**y t0**y0 / (t r + t0)**(y + y0).
            log = y * (theta + np.log(t)) + y0 * np.log(t0)
            own = np.exp(log - (y + y0) * np.logaddexp(theta + np.log(t), np.log(t0)))
            found = found * (own @ weight)
        return found

    mu, tau = np.linspace(-5, 4, 361), (np.arange(200) + 0.5) * 2.6 / 200
    grid = marginal(*np.meshgrid(mu, tau, indexing="ij"))
    grid = grid * stats.norm(0, 2.82).pdf(mu)[:, None] * stats.halfnorm(scale=0.5).pdf(tau)
    grid /= grid.sum()
    pooled = pool_rates(Y, T, Y0, T0)
    mean = grid.sum(axis=1) @ mu
    assert pooled.effect.mean() == pytest.approx(mean, abs=1e-4)
    assert pooled.effect.std() == pytest.approx(
        np.sqrt(grid.sum(axis=1) @ (mu - mean) ** 2), rel=1e-3
    )
    assert pooled.heterogeneity.mean() == pytest.approx(grid.sum(axis=0) @ tau, rel=1e-3)


def test_one_study_without_heterogeneity_is_a_beta_prime():
    """Under a flat prior, expit(theta + log(T/T0)) is Beta(y, y0)."""
    pooled = pool_rates(
        [7], [100.0], [4], [50.0], tau_prior=("uniform", 1e-4), mu_prior=("uniform", -15, 15)
    )
    share = special.expit(pooled.effect.ppf([0.025, 0.5, 0.975]) + np.log(2))
    np.testing.assert_allclose(share, stats.beta(7, 4).ppf([0.025, 0.5, 0.975]), rtol=1e-6)


def test_twice_the_nodes_change_nothing():
    same(pool_rates(Y, T, Y0, T0), pool_rates(Y, T, Y0, T0, resolution=2.0), rtol=1e-6, atol=1e-7)


def test_great_counts_are_the_normal_model_of_log_rate_ratios():
    y, y0 = np.array([4000, 5200, 3100]), np.array([4800, 5000, 3900])
    time = np.array([1e5, 1.2e5, 0.9e5])
    exact = pool_rates(y, time, y0, time)
    near = pool_effects(np.log(y / y0), np.sqrt(1 / y + 1 / y0), mu_prior=(0.0, 2.82))
    same(exact, near, rtol=2e-3, atol=2e-4)


def test_exchanging_the_arms_turns_the_sign_and_the_unit_of_time_does_not_matter():
    one = pool_rates(Y, T, Y0, T0)
    turned = pool_rates(Y0, T0, Y, T)
    assert turned.effect.mean() == pytest.approx(-one.effect.mean(), rel=1e-6)
    days = pool_rates(Y, 365.25 * np.array(T), Y0, 365.25 * np.array(T0))
    same(one, days, rtol=1e-9, atol=1e-9)


def test_a_study_without_events_says_nothing():
    one = pool_rates(Y, T, Y0, T0)
    more = pool_rates([*Y, 0], [*T, 90.0], [*Y0, 0], [*T0, 70.0])
    same(one, more, rtol=1e-6, atol=1e-7)
    assert more.notes[0] == "1 of 4 studies without any event carries no information on the ratio"
    assert "1 of 4 studies without events in one arm enter as they are" in more.notes
    assert more.studies["without_contrast"].tolist() == [False, False, False, True]


@pytest.mark.slow
def test_intervals_cover_as_often_as_they_say_when_the_truth_comes_from_the_prior():
    """300 sets; 95% intervals miss about 15 times, and 99.9% of binomial counts lie in 5 to 28."""
    rng = np.random.default_rng(8)
    inside = np.zeros(3)
    for _ in range(300):
        mu, tau = rng.normal(0, 1), abs(rng.normal(0, 0.5))
        theta = rng.normal(mu, tau, 6)
        time, time0 = rng.uniform(20, 200, (2, 5))
        rate = np.exp(rng.normal(-3.5, 1, 5))
        y, y0 = rng.poisson(rate * np.exp(theta[:5]) * time), rng.poisson(rate * time0)
        found = pool_rates(y, time, y0, time0, mu_prior=("normal", 0, 1))
        for k, (name, truth) in enumerate(zip(NAMES, (mu, tau, theta[5]), strict=True)):
            low, high = getattr(found, name).interval(0.95)
            inside[k] += low <= truth <= high
    low, high = stats.binom(300, 0.05).ppf([0.0005, 0.9995])
    assert ((300 - inside >= low) & (300 - inside <= high)).all(), inside


def test_the_tables_and_the_ratio():
    pooled = pool_rates(Y, T, Y0, T0, study=["a", "b", "c"])
    assert pooled.summary()["quantity"].tolist() == list(NAMES)
    table = pooled.studies_table(0.8)
    assert table["person_time_comparator"].tolist() == T0
    assert (table["effect_lower"] < table["effect_median"]).all()
    np.testing.assert_allclose(pooled.effect_ratio.median(), np.exp(pooled.effect.median()))
    with pytest.raises(ParameterError, match="prob: found 95"):
        pooled.studies_table(95)


@pytest.mark.parametrize(
    "given, field",
    [
        ((Y, T, Y0, None), "person_time_comparator"),
        ((Y, T, None, T0), "events_comparator"),
        ((Y, T, [9, 2.5, 20], T0), "events_comparator[1]"),
        ((Y, T, Y0, [200.0, 0.0, 490.0]), "person_time_comparator[1]"),
        ((Y, T, [9, 2], T0), "events, person_time, events_comparator, person_time_comparator"),
    ],
)
def test_half_a_comparator_and_wrong_cells_are_refused(given, field):
    with pytest.raises(ParameterError) as caught:
        pool_rates(*given)
    assert caught.value.problems[0].field == field


@pytest.mark.parametrize("tau_prior", ["flat", "half_norml:1"])
def test_improper_or_unknown_priors_are_refused(tau_prior):
    with pytest.raises(ParameterError) as caught:
        pool_rates(Y, T, Y0, T0, tau_prior=tau_prior)
    assert caught.value.problems[0].field == "tau_prior"


def test_the_marginal_likelihood_is_the_integral():
    """One study, no heterogeneity to speak of: the binomial averaged over the prior of the mean."""
    pooled = pool_rates([3], [100.0], [5], [100.0], tau_prior=("uniform", 1e-4))
    wanted = integrate.quad(
        lambda m: stats.binom(8, special.expit(m)).pmf(3) * stats.norm(0, 2.82).pdf(m), -20, 20
    )[0]
    assert pooled.log_marginal_likelihood == pytest.approx(np.log(wanted), abs=1e-6)
