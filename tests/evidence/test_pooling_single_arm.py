"""Single arms against nested adaptive quadrature, conjugate forms, the normal model, simulation.

The oracle integrates each study over its standard normal by a plain trapezoid sum, and mu and tau
by SciPy's adaptive rule; it shares no node, no table and no change of variable with the code.
"""

import numpy as np
import pytest
from scipy import integrate, special, stats

from riskmodel.errors import ParameterError
from riskmodel.evidence.heterogeneity import parse_tau_prior
from riskmodel.evidence.pooling import pool_effects
from riskmodel.evidence.pooling_single_arm import baseline_risk, pool_proportions, pool_rates

EVENTS, PATIENTS = [3, 8, 0], [20, 40, 15]
CASES, TIME = [3, 0, 12], [210.0, 95.5, 480.0]
Z = np.linspace(-9.0, 9.0, 361)
Z_WEIGHTS = stats.norm.pdf(Z) * (Z[1] - Z[0])


def binomial(theta):
    y, n = np.array(EVENTS)[:, None], np.array(PATIENTS)[:, None]
    return special.comb(n, y) * special.expit(theta) ** y * special.expit(-theta) ** (n - y)


def poisson(theta):
    y, expected = np.array(CASES)[:, None], np.array(TIME)[:, None] * np.exp(theta)
    return expected**y * np.exp(-expected) / special.factorial(y)


def oracle(likelihoods, mu_prior, tau_prior, mu_ends, tau_end):
    """Return evidence, and mean and spread of mu, tau and a new study's effect."""
    prior = parse_tau_prior(tau_prior)

    def given_both(mu, tau):
        standard = (mu - mu_prior[0]) / mu_prior[1]
        density = np.prod(likelihoods(mu + tau * Z) @ Z_WEIGHTS) * np.exp(-(standard**2) / 2)
        return density * np.array([1.0, mu, mu**2, tau, tau**2])

    def given_tau(tau):
        found = integrate.quad_vec(lambda mu: given_both(mu, tau), *mu_ends, epsrel=1e-8)[0]
        return found * np.exp(prior.log_density(tau)) / (mu_prior[1] * np.sqrt(2 * np.pi))

    total, *moments = integrate.quad_vec(given_tau, 0.0, tau_end, epsrel=1e-7)[0]
    mu, mu_squared, tau, tau_squared = np.array(moments) / total
    spread = mu_squared - mu**2
    return {
        "log_evidence": np.log(total),
        "effect": (mu, np.sqrt(spread)),
        "heterogeneity": (tau, np.sqrt(tau_squared - tau**2)),
        "prediction": (mu, np.sqrt(spread + tau_squared)),
    }


def assert_same_as_oracle(pooled, found):
    assert pooled.log_marginal_likelihood == pytest.approx(found["log_evidence"], abs=1e-6)
    for name in ("effect", "heterogeneity", "prediction"):
        here = getattr(pooled, name)
        assert (here.mean(), here.std()) == pytest.approx(found[name], abs=2e-6), name


# --- against other arithmetic --------------------------------------------------------------------


def test_proportions_agree_with_adaptive_quadrature():
    # Compared: evidence and six moments. A half-normal(0.6) beyond 5 has 1e-16 of its mass.
    pooled = pool_proportions(
        EVENTS, PATIENTS, tau_prior=("half_normal", 0.6), mu_prior=("normal", -1.0, 2.0)
    )
    found = oracle(binomial, (-1.0, 2.0), ("half_normal", 0.6), (-14.0, 9.0), 5.0)
    assert_same_as_oracle(pooled, found)


def test_rates_agree_with_adaptive_quadrature():
    pooled = pool_rates(CASES, TIME, tau_prior=("half_normal", 0.6), mu_prior=("normal", -4, 2.0))
    found = oracle(poisson, (-4.0, 2.0), ("half_normal", 0.6), (-17.0, 7.0), 5.0)
    assert_same_as_oracle(pooled, found)


def both_kinds(resolution):
    return [
        pool_proportions(EVENTS, PATIENTS, resolution=resolution),
        pool_rates(CASES, TIME, resolution=resolution),
        pool_proportions([0, 5], [30, 5], tau_prior="half_student_t:4:0.5", resolution=resolution),
    ]


def test_twice_the_nodes_change_nothing():
    for plain, double in zip(both_kinds(1.0), both_kinds(2.0), strict=True):
        for name in ("effect", "heterogeneity", "prediction"):
            one, other = getattr(plain, name), getattr(double, name)
            numbers = [[d.mean(), d.std(), *d.interval(0.95)] for d in (one, other)]
            assert numbers[0] == pytest.approx(numbers[1], abs=1e-6), name
        assert plain.pooled.interval() == pytest.approx(double.pooled.interval(), abs=1e-6)
        assert plain.predicted.interval() == pytest.approx(double.predicted.interval(), abs=1e-6)


# --- limit cases ---------------------------------------------------------------------------------


def test_one_study_without_heterogeneity_is_its_own_likelihood_and_prior():
    # A flat prior of the log odds is Beta(0, 0), so the risk is Beta(y, n - y): 3 of 20 has mean
    # 0.15. tau of about 1e-4 moves it by its square.
    pooled = pool_proportions(
        [3], [20], tau_prior=("half_normal", 1e-4), mu_prior=("uniform", -30, 30)
    )
    conjugate = stats.beta(3, 17)
    assert pooled.pooled.mean() == pytest.approx(0.15, abs=1e-6)
    assert pooled.pooled.std() == pytest.approx(conjugate.std(), abs=1e-6)
    assert pooled.pooled.interval(0.95) == pytest.approx(conjugate.interval(0.95), abs=1e-6)
    assert pooled.predicted.interval(0.95) == pytest.approx(conjugate.interval(0.95), abs=1e-6)


def test_one_study_without_events_under_a_normal_prior():
    pooled = pool_proportions([0], [25], tau_prior=("half_normal", 1e-4), mu_prior=("normal", 0, 2))

    def density(mu, power=0):
        return mu**power * stats.norm.pdf(mu, 0, 2) * special.expit(-mu) ** 25

    parts = [integrate.quad(density, -25, 10, (power,), epsabs=0)[0] for power in (0, 1)]
    assert pooled.effect.mean() == pytest.approx(parts[1] / parts[0], abs=1e-6)
    assert pooled.log_marginal_likelihood == pytest.approx(np.log(parts[0]), abs=1e-6)


def test_rates_without_heterogeneity_are_a_gamma():
    # With no difference between studies only the sums matter: 15 events in 785.5, Gamma(15).
    pooled = pool_rates(CASES, TIME, tau_prior=("half_normal", 1e-4), mu_prior=("uniform", -40, 20))
    conjugate = stats.gamma(sum(CASES), scale=1 / sum(TIME))
    assert pooled.pooled.mean() == pytest.approx(15 / 785.5, rel=1e-6)
    assert pooled.pooled.interval(0.95) == pytest.approx(conjugate.interval(0.95), rel=1e-5)


def test_great_counts_are_the_normal_model_of_log_odds():
    # A log odds of y events is normal up to about 1 / sqrt(y), here 1 / 150 of its own error.
    n = np.full(5, 200_000)
    events = np.array([24_000, 36_500, 30_100, 52_000, 22_900])
    prior = {"tau_prior": ("half_normal", 1.0), "mu_prior": (0.0, 4.0)}
    error = np.sqrt(1 / events + 1 / (n - events))
    exact = pool_proportions(events, n, **prior)
    normal = pool_effects(special.logit(events / n), error, **prior)
    for name in ("effect", "heterogeneity", "prediction"):
        here, there = getattr(exact, name), getattr(normal, name)
        assert (here.mean(), here.std()) == pytest.approx((there.mean(), there.std()), abs=1e-4)
        assert here.interval(0.95) == pytest.approx(there.interval(0.95), abs=1e-4)


def test_events_and_their_absence_mirror_each_other():
    few = pool_proportions(EVENTS, PATIENTS)
    many = pool_proportions(np.subtract(PATIENTS, EVENTS), PATIENTS)
    assert many.effect.mean() == pytest.approx(-few.effect.mean(), abs=1e-9)
    assert many.predicted.mean() == pytest.approx(1 - few.predicted.mean(), abs=1e-9)
    lower, upper = few.predicted.interval(0.9)
    assert many.predicted.interval(0.9) == pytest.approx((1 - upper, 1 - lower), abs=1e-9)


def test_a_rate_follows_the_unit_of_time():
    # 12 months a year: the log rate moves by log(12), the prior's mean with it.
    years = pool_rates(CASES, TIME, mu_prior=("normal", -3, 3))
    months = pool_rates(CASES, np.multiply(TIME, 12), mu_prior=("normal", -3 - np.log(12), 3))
    ends = np.divide(years.predicted.interval(0.95), 12)
    assert months.predicted.interval(0.95) == pytest.approx(ends, rel=1e-7)
    assert months.heterogeneity.mean() == pytest.approx(years.heterogeneity.mean(), abs=1e-8)


def test_rare_events_are_a_rate():
    # Binomial and Poisson differ by about the risk itself, 1e-5.
    n = np.array([400_000, 700_000, 250_000])
    prior = {"mu_prior": ("normal", -11.0, 3.0), "tau_prior": ("half_normal", 0.5)}
    risks, rates = pool_proportions([5, 2, 0], n, **prior), pool_rates([5, 2, 0], n, **prior)
    assert risks.predicted.interval(0.9) == pytest.approx(rates.predicted.interval(0.9), rel=1e-4)


# --- known truth ---------------------------------------------------------------------------------


def test_a_known_truth_is_found():
    rng = np.random.default_rng(20260101)
    k, mu, tau = 150, -1.5, 0.6
    n = rng.integers(20, 200, k)
    true = rng.normal(mu, tau, k)
    pooled = pool_proportions(rng.binomial(n, special.expit(true)), n)
    for found, truth in ((pooled.effect, mu), (pooled.heterogeneity, tau)):
        assert abs(found.mean() - truth) < 3.5 * found.std()
        assert found.std() < 0.1
    assert pooled.prediction.std() == pytest.approx(tau, abs=0.15)
    time = rng.uniform(5, 50, k)
    rates = pool_rates(rng.poisson(time * np.exp(true)), time)
    assert abs(rates.effect.mean() - mu) < 3.5 * rates.effect.std()
    assert abs(rates.heterogeneity.mean() - tau) < 3.5 * rates.heterogeneity.std()


def test_intervals_are_calibrated_when_the_truth_comes_from_the_prior():
    # The place of the truth in its posterior is uniform over draws of the prior; 25 replications
    # and a Kolmogorov test at 1 in 1000 for each of three quantities.
    rng = np.random.default_rng(7)
    places = []
    for _ in range(25):
        mu, tau = rng.normal(-1.0, 1.0), abs(rng.normal(0.0, 0.5))
        theta = rng.normal(mu, tau, 5)
        n = rng.integers(10, 60, 4)
        pooled = pool_proportions(
            rng.binomial(n, special.expit(theta[:4])),
            n,
            tau_prior=("half_normal", 0.5),
            mu_prior=("normal", -1.0, 1.0),
        )
        found = pooled.effect, pooled.heterogeneity, pooled.predicted
        truth = mu, tau, special.expit(theta[4])
        places.append([float(d.cdf(value)) for d, value in zip(found, truth, strict=True)])
    for column in np.array(places).T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3


# --- what is returned ----------------------------------------------------------------------------


def test_studies_are_pulled_towards_the_middle():
    pooled = pool_proportions(EVENTS, PATIENTS, study=["A", "B", "C"])
    table = pooled.studies.set_index("study")
    assert list(table["n"]) == PATIENTS
    assert 0 < table.loc["C", "proportion_mean"] < pooled.pooled.mean()
    inside = (table["proportion_lower"] < table["proportion_median"]) & (
        table["proportion_median"] < table["proportion_upper"]
    )
    assert inside.all()
    rates = pool_rates(CASES, TIME).studies
    assert list(rates["person_time"]) == TIME
    assert rates["rate_lower"].gt(0).all()
    assert set(pooled.summary()["quantity"]) == {
        "effect",
        "heterogeneity",
        "prediction",
        "pooled_proportion",
        "predicted_proportion",
    }


def test_zeros_are_named_and_nothing_is_added():
    notes = pool_proportions([0, 5], [30, 5]).notes
    assert notes == (
        "1 of 2 arms without events enter as they are",
        "1 of 2 arms with nothing but events enter as they are",
        "no continuity correction",
    )
    assert np.isfinite(pool_rates([0, 0], [10.0, 20.0]).effect.mean())


def test_a_predicted_rate_without_a_variance_says_so():
    # E exp(2 t) given tau holds exp(2 tau**2); a half-normal(s) falls as exp(-tau**2 / (2 s**2)),
    # so there is a variance only for s < 1/2 (and a mean only for s < 1, or nearly).
    assert pool_rates(CASES, TIME, tau_prior=("half_normal", 1.0)).predicted.var() == np.inf


def test_a_rate_under_a_bounded_heterogeneity_has_moments():
    # With tau at most 0.3: E exp(t) is E exp(mu + tau**2 / 2) over the posterior's own table.
    pooled = pool_rates(CASES, TIME, tau_prior="uniform:0.3", mu_prior=("normal", -4, 2))
    posterior = pooled.posterior
    expected = (posterior.weights * np.exp(posterior.mu[:, None] + posterior.tau**2 / 2)).sum()
    assert pooled.predicted.mean() == pytest.approx(expected, rel=1e-7)
    heavy = pool_rates(CASES, TIME, tau_prior="half_cauchy:0.5")
    assert heavy.predicted.mean() == np.inf


# --- the risk in a new population ----------------------------------------------------------------


def test_the_robust_mixture_is_a_weighted_sum():
    new = baseline_risk(EVENTS, PATIENTS, robust_weight=0.2)
    x = np.array([0.01, 0.1, 0.5, 0.9])
    expected = 0.8 * new.predicted.cdf(x) + 0.2 * x
    np.testing.assert_allclose(new.distribution.cdf(x), expected, rtol=1e-10)
    assert new.distribution.mean() == pytest.approx(0.8 * new.predicted.mean() + 0.1, abs=1e-9)
    assert new.robust_weight == 0.2
    assert list(new.summary()["quantity"]) == ["baseline_risk", "predicted_proportion"]


def test_the_ends_of_the_robust_weight():
    trusted = baseline_risk(EVENTS, PATIENTS, robust_weight=0)
    assert trusted.distribution is trusted.predicted
    vague = baseline_risk(EVENTS, PATIENTS, robust_weight=1.0)
    assert vague.distribution.interval(0.9) == pytest.approx((0.05, 0.95), abs=1e-9)
    assert vague.effective_sample_size == pytest.approx(2.0, abs=1e-9)  # Beta(1, 1) counts for 2
    between = baseline_risk(EVENTS, PATIENTS).effective_sample_size
    assert 2.0 < between < trusted.effective_sample_size < sum(PATIENTS)


def test_alike_studies_without_heterogeneity_count_in_full():
    # Beta(60, 240) has 300 patients in it.
    new = baseline_risk(
        [20, 20, 20],
        [100, 100, 100],
        robust_weight=0,
        tau_prior=("half_normal", 1e-4),
        mu_prior=("uniform", -30, 30),
    )
    assert new.effective_sample_size == pytest.approx(300, rel=1e-4)


@pytest.mark.parametrize("weight", [-0.1, 1.1, np.nan, "0.1", True, None])
def test_no_other_robust_weight(weight):
    with pytest.raises(ParameterError, match="robust_weight: found .*allowed: a number from 0"):
        baseline_risk(EVENTS, PATIENTS, robust_weight=weight)


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "n", "field", "allowed"),
    [
        ([21], [20], "events[0]", "at most n[0] = 20"),
        ([1, 2.5], [20, 20], "events[1]", "a whole number"),
        ([-1], [20], "events[0]", "a whole number"),
        ([np.nan], [20], "events[0]", "a whole number"),
        ([1], [np.inf], "n[0]", "a whole number"),
        ([0], [0], "n[0]", "at least 1 patient"),
        ([1, 2], [20], "events, n", "one length"),
        ([], [20], "events", "one number a study"),
        ([[1, 2]], [20, 20], "events", "one number a study"),
        (["few"], [20], "events", "whole numbers"),
    ],
)
def test_counts_that_cannot_be(events, n, field, allowed):
    for pool in (pool_proportions, baseline_risk):
        with pytest.raises(ParameterError) as caught:
            pool(events, n)
        (problem,) = [p for p in caught.value.problems if p.field == field]
        assert allowed in problem.allowed and problem.remedy


@pytest.mark.parametrize("time", [[0.0], [-1.0], [np.nan], [np.inf], ["long"], [], None])
def test_times_that_cannot_be(time):
    with pytest.raises(ParameterError, match="person_time"):
        pool_rates([1], time)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"tau_prior": "flat"}, "tau_prior"),
        ({"tau_prior": "half_norml:1"}, "tau_prior"),
        ({"mu_prior": ("normal", 0, -1)}, "mu_prior"),
        ({"mu_prior": "flat"}, "mu_prior"),
        ({"study": ["A", "A", "B"]}, "study"),
        ({"study": ["A"]}, "study"),
        ({"resolution": 0.1}, "resolution"),
    ],
)
def test_settings_that_cannot_be(settings, field):
    for pool, data in ((pool_proportions, (EVENTS, PATIENTS)), (pool_rates, (CASES, TIME))):
        with pytest.raises(ParameterError) as caught:
            pool(*data, **settings)
        assert [problem.field for problem in caught.value.problems] == [field]


def test_every_problem_is_named_at_once():
    with pytest.raises(ParameterError) as caught:
        pool_proportions([1, -2], [20.5, 30], tau_prior="flat", resolution=0)
    fields = {problem.field for problem in caught.value.problems}
    assert fields == {"events[1]", "n[0]", "tau_prior", "resolution"}
