"""The structural regression on baseline risk: limit case, bias, grid, and another method."""

import numpy as np
import pytest

from riskmodel.errors import ParameterError
from riskmodel.evidence import baseline_regression
from riskmodel.evidence.baseline_regression import regress_on_baseline
from riskmodel.evidence.pooling import pool_effects


def simulated(seed, k, slope, *, sigma=0.5, error=0.4, tau=0.1, effect=-0.3, mean=-1.5):
    """Return arguments of `regress_on_baseline` drawn from its model."""
    rng = np.random.default_rng(seed)
    s = error * np.exp(rng.normal(0, 0.1, (2, k)))
    xi = rng.normal(mean, sigma, k)
    delta = rng.normal(effect + slope * (xi - mean), tau)
    return rng.normal(xi + delta, s[1]), s[1], rng.normal(xi, s[0]), s[0]


def test_naive_regression_finds_a_slope_where_there_is_none_and_this_one_does_not():
    fitted = regress_on_baseline(*simulated(1, 400, 0.0))
    naive, error = fitted.naive_slope
    # Dilution: -0.4**2 / (0.5**2 + 0.4**2) = -0.39.
    assert naive == pytest.approx(-0.39, abs=0.08) and naive + 5 * error < 0
    lower, upper = fitted.slope.interval(0.99)
    assert lower < 0 < upper and fitted.slope.std() < 0.15
    assert fitted.effect.cdf(-0.3) == pytest.approx(0.5, abs=0.495)
    assert fitted.baseline_mean.cdf(-1.5) == pytest.approx(0.5, abs=0.495)
    assert fitted.baseline_standard_deviation.cdf(0.5) == pytest.approx(0.5, abs=0.495)


@pytest.mark.parametrize("slope", [-0.5, 0.4])
def test_a_true_slope_is_found(slope):
    fitted = regress_on_baseline(*simulated(3, 200, slope))
    lower, upper = fitted.slope.interval(0.99)
    assert lower < slope < upper and upper - lower < 1.0
    for log_odds in (-2.5, -1.5, -0.5):
        truth = -0.3 + slope * (log_odds + 1.5)
        assert 0.005 < fitted.effect_at(log_odds).cdf(truth) < 0.995


def test_with_baselines_known_it_is_meta_regression():
    y, sy, x, _ = simulated(5, 12, 0.3, error=0.2)
    fitted = regress_on_baseline(
        y, sy, x, np.full(12, 1e-5), slope_prior=(0.0, 30.0), tau_prior=("half_normal", 0.3)
    )
    pooled = pool_effects(y - x, sy, moderators=x, tau_prior=("half_normal", 0.3))
    theirs = pooled.coefficients["moderator_1"]
    # The slope's prior is 30 wide, the posterior 0.2: it moves nothing by more than 1e-4.
    assert fitted.slope.mean() == pytest.approx(theirs.mean(), abs=2e-4)
    assert fitted.slope.std() == pytest.approx(theirs.std(), rel=2e-4)
    assert fitted.heterogeneity.median() == pytest.approx(pooled.heterogeneity.median(), rel=1e-3)
    assert fitted.effect_at(-1.0).std() == pytest.approx(pooled.effect_at([-1.0]).std(), rel=2e-4)


@pytest.mark.parametrize("error, tolerance", [(0.4, 1e-6), (0.05, 1e-3)])
def test_the_grid_is_converged(error, tolerance, monkeypatch):
    data = simulated(7, 10, 0.2, error=error)

    def numbers():
        fitted = regress_on_baseline(*data)
        names = ("slope", "heterogeneity", "baseline_standard_deviation")
        quick = [getattr(fitted, name) for name in names]
        ends = [quantity.interval(0.95) for quantity in (*quick, fitted.effect_at(-3.0))]
        moments = [(quantity.mean(), quantity.std()) for quantity in (*quick, fitted.effect)]
        return np.array([ends, moments])

    once = numbers()
    monkeypatch.setattr(baseline_regression, "_REFINEMENT", 1.5)
    assert np.abs(numbers() - once).max() < tolerance


def test_the_effect_at_a_risk_is_the_one_at_its_log_odds():
    fitted = regress_on_baseline(*simulated(7, 8, 0.2))
    assert fitted.effect_at_risk(0.2).mean() == fitted.effect_at(np.log(0.25)).mean()
    assert fitted.prediction_at(-1.0).std() > fitted.effect_at(-1.0).std()
    assert fitted.study[0] == "study 1"
    with pytest.raises(ParameterError, match="risk: found 20"):
        fitted.effect_at_risk(20)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"log_odds": [0.1, 0.2]}, "3 or more"),
        ({"log_odds": [0.1, np.nan, 0.3]}, "log_odds[1]: found nan"),
        ({"standard_error_comparator": [0.1, 0.0, 0.3]}, "standard_error_comparator[1]"),
        ({"standard_error": [0.1, 0.2]}, "standard_error: found 2 studies"),
        ({"log_odds": ["a", "b", "c"]}, "log_odds: found ['a'"),
        ({"tau_prior": "flat"}, "tau_prior: found 'flat'"),
        ({"baseline_prior": "flat"}, "baseline_prior: found 'flat'"),
        ({"slope_prior": (0, -1)}, "slope_prior"),
        ({"slope_prior": None}, "slope_prior: found None"),
        ({"study": ["A", "A", "B"]}, "3 different names"),
    ],
)
def test_what_cannot_be_regressed_is_refused_by_name(change, words):
    good = {
        "log_odds": [0.1, 0.2, 0.5],
        "standard_error": [0.1, 0.2, 0.3],
        "log_odds_comparator": [0.1, 0.3, 0.2],
        "standard_error_comparator": [0.1, 0.2, 0.3],
    }
    with pytest.raises(ParameterError) as caught:
        regress_on_baseline(**(good | change))
    assert words in str(caught.value)


@pytest.mark.slow
def test_agrees_with_nuts_within_five_standard_errors():
    import warnings

    import arviz
    import pymc

    y, sy, x, sx = simulated(9, 12, 0.3)
    with pymc.Model():
        mu, delta = pymc.Flat("mu"), pymc.Flat("delta")
        slope = pymc.Normal("slope", 0.0, 2.0)
        sigma, tau = pymc.HalfNormal("sigma", 2.0), pymc.HalfNormal("tau", 0.5)
        z, w = pymc.Normal("z", shape=12), pymc.Normal("w", shape=12)
        xi = mu + sigma * z
        pymc.Normal("x", xi, sx, observed=x)
        pymc.Normal("y", xi + delta + slope * sigma * z + tau * w, sy, observed=y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            draws = pymc.sample(
                1500, tune=1000, chains=4, cores=1, random_seed=5, target_accept=0.97,
                progressbar=False,
            )  # fmt: skip
    fitted = regress_on_baseline(y, sy, x, sx)
    ours = {
        "mu": fitted.baseline_mean,
        "delta": fitted.effect,
        "slope": fitted.slope,
        "sigma": fitted.baseline_standard_deviation,
        "tau": fitted.heterogeneity,
    }
    for name, quantity in ours.items():
        error = float(arviz.mcse(draws.posterior[[name]], method="mean")[name])
        assert abs(float(draws.posterior[name].mean()) - quantity.mean()) < 5 * error, name
        for prob in (0.025, 0.5, 0.975):
            error = float(arviz.mcse(draws.posterior[[name]], method="quantile", prob=prob)[name])
            theirs = float(draws.posterior[name].quantile(prob))
            assert abs(theirs - quantity.ppf(prob)) < 5 * error, (name, prob)


@pytest.mark.slow
def test_intervals_cover_and_the_naive_ones_do_not():
    """60 data sets of 25 trials; 95% intervals. By chance fewer than 51 of 60 is below 0.1%."""
    covered, naive = 0, 0
    for seed in range(60):
        fitted = regress_on_baseline(*simulated(100 + seed, 25, 0.0))
        lower, upper = fitted.slope.interval(0.95)
        covered += lower < 0 < upper
        slope, error = fitted.naive_slope
        naive += abs(slope) < 1.96 * error
    assert covered >= 51 and naive < 51 - 5
