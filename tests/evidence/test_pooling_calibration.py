"""Simulation-based calibration of the quadrature models of single arms, rate ratios and slopes.

Truths are drawn from the priors, data from the truths; the posterior is exact, so the rank of a
truth is its distribution function there, and uniform. Where a prior is flat (the means and slopes
of regressions) the truth is fixed: the model is the same wherever it lies, and so are the ranks.
The other models are in test_pooling.py, test_pooling_quadrature.py and models/.
"""

import numpy as np
import pytest
from scipy import special, stats

from riskmodel.evidence.baseline_regression import regress_on_baseline
from riskmodel.evidence.pooling import pool_effects
from riskmodel.evidence.pooling_single_arm import pool_proportions, pool_rates

REPEATS, LEVEL = 150, 0.01
REPEATS_OF_SLOW = 60  # regression on baseline risk takes most of a second each
POOLED = ("effect", "heterogeneity", "prediction")


def drawn(rng, k=4):
    """Return mean, heterogeneity, effects of k studies and of a new one."""
    mu, tau = rng.normal(-1, 1), abs(rng.normal(0, 0.5))
    return mu, tau, rng.normal(mu, tau, k), rng.normal(mu, tau)


PRIORS = {"tau_prior": ("half_normal", 0.5), "mu_prior": ("normal", -1.0, 1.0)}


def proportions(rng):
    mu, tau, theta, new = drawn(rng)
    n = rng.integers(10, 60, 4)
    pooled = pool_proportions(rng.binomial(n, special.expit(theta)), n, **PRIORS)
    return [getattr(pooled, name).cdf(x) for name, x in zip(POOLED, (mu, tau, new), strict=True)]


def rates(rng):
    mu, tau, theta, new = drawn(rng)
    time = rng.uniform(2, 40, 4)
    pooled = pool_rates(rng.poisson(time * np.exp(theta)), time, **PRIORS)
    return [getattr(pooled, name).cdf(x) for name, x in zip(POOLED, (mu, tau, new), strict=True)]


def rate_ratios(rng):
    mu, tau, theta, new = drawn(rng)
    time, time0 = rng.uniform(5, 60, (2, 4))
    rate = np.exp(rng.normal(-1, 1, 4))
    counts = rng.poisson(rate * np.exp(theta) * time), rng.poisson(rate * time0)
    pooled = pool_rates(counts[0], time, counts[1], time0, **PRIORS)
    return [getattr(pooled, name).cdf(x) for name, x in zip(POOLED, (mu, tau, new), strict=True)]


def meta_regression(rng):
    tau, x, s = abs(rng.normal(0, 0.5)), rng.normal(0, 1, 8), rng.uniform(0.1, 0.5, 8)
    theta = rng.normal(0.2 - 0.4 * (x - x.mean()), tau)
    pooled = pool_effects(rng.normal(theta, s), s, moderators=x)
    found = pooled.coefficients["effect"].cdf(0.2), pooled.coefficients["moderator_1"].cdf(-0.4)
    new = rng.normal(0.2 - 0.4 * (1.5 - x.mean()), tau)
    return [*found, pooled.heterogeneity.cdf(tau), pooled.prediction_at([1.5]).cdf(new)]


def regression_on_baseline(rng):
    tau, sigma, slope = abs(rng.normal(0, 0.3)), abs(rng.normal(0, 1)), rng.normal(0, 0.5)
    s, s0 = rng.uniform(0.1, 0.3, (2, 6))
    xi = rng.normal(-1.0, sigma, 6)
    delta = rng.normal(-0.3 + slope * (xi + 1.0), tau)
    fitted = regress_on_baseline(
        rng.normal(xi + delta, s), s, rng.normal(xi, s0), s0,
        tau_prior=("half_normal", 0.3), baseline_prior=("half_normal", 1.0),
        slope_prior=(0.0, 0.5),
    )  # fmt: skip
    return [
        fitted.slope.cdf(slope),
        fitted.heterogeneity.cdf(tau),
        fitted.baseline_standard_deviation.cdf(sigma),
        fitted.effect.cdf(-0.3),
        fitted.effect_at(-2.0).cdf(-0.3 - slope),
    ]


def passes(ranks):
    return stats.kstest(ranks, "uniform").pvalue > LEVEL


@pytest.mark.slow
@pytest.mark.parametrize(
    "replicate, repeats",
    [
        (proportions, REPEATS),
        (rates, REPEATS),
        (rate_ratios, REPEATS),
        (meta_regression, REPEATS),
        (regression_on_baseline, REPEATS_OF_SLOW),
    ],
)
def test_ranks_of_the_truth_are_uniform(replicate, repeats):
    """Each quantity by Kolmogorov-Smirnov at 1%; a sound model fails for one seed in 20 to 33."""
    rng = np.random.default_rng(4)
    ranks = np.array([replicate(rng) for _ in range(repeats)], float)
    for number, column in enumerate(ranks.T):
        assert passes(column), (replicate.__name__, number)


@pytest.mark.parametrize("repeats, off, factor", [(REPEATS, 0.4, 1.8), (REPEATS_OF_SLOW, 0.6, 2.5)])
def test_the_power_of_the_calibration_test_is_as_stated(repeats, off, factor):
    """Stated: 9 of 10 runs catch a mean `off` posterior deviations, or a deviation wrong by
    `factor` either way; a sound posterior is refused once in a hundred."""
    z = np.random.default_rng(1).standard_normal((400, repeats))
    for wrong in (z + off, factor * z, z / factor):
        assert np.mean([not passes(stats.norm.cdf(row)) for row in wrong]) > 0.9
    refused = np.mean([not passes(stats.norm.cdf(row)) for row in z])
    assert refused < 0.01 + 4 * np.sqrt(0.01 * 0.99 / 400)


@pytest.mark.slow
def test_a_posterior_that_is_too_narrow_is_caught():
    """The test above is not blind: a model told errors of 0.3 where they are 0.8 fails it."""
    rng, ranks = np.random.default_rng(3), []
    for _ in range(REPEATS):
        mu, tau, theta, _ = drawn(rng)
        errors = np.full(4, 0.3)
        pooled = pool_effects(
            rng.normal(theta, 0.8), errors, tau_prior=("half_normal", 0.1), mu_prior=(-1.0, 1.0)
        )
        ranks.append(pooled.effect.cdf(mu))
    assert not passes(np.array(ranks))
