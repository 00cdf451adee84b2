"""Discounts of a distribution kept as quantiles, against closed forms and quadrature."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit

from riskmodel.evidence.distributions import NormalMixture
from riskmodel.evidence.priors import SCORES
from riskmodel.evidence.quantile_arithmetic import (
    log_odds_of_beta,
    mixed,
    moments,
    shifted,
    widened,
)

SOURCE = -0.5 + 0.2 * SCORES  # Normal(-0.5, 0.2)
# Straight lines between quantiles 0.02 standard deviations apart: within 1e-4 of one.
TOLERANCE = 1e-4


def test_a_power_prior_multiplies_precision():
    np.testing.assert_allclose(widened(SOURCE, 0.25), -0.5 + 0.4 * SCORES, atol=1e-12)


@pytest.mark.parametrize("weight", [0.02, 0.5, 0.98])
@pytest.mark.parametrize("sd", [0.1, 2.0])
def test_a_mixture_has_the_quantiles_of_the_closed_form(weight, sd):
    exact = NormalMixture([weight, 1 - weight], [-0.5, 0.3], [0.2, sd])
    # Of quantiles by their probability, since between two modes a tiny one moves a quantile far.
    found = exact.cdf(mixed(SOURCE, weight, 0.3, sd))
    np.testing.assert_allclose(found, stats.norm.cdf(SCORES), atol=TOLERANCE)


def test_a_mixture_at_its_ends_is_one_of_its_parts():
    np.testing.assert_array_equal(mixed(SOURCE, 1, 0.3, 2.0), SOURCE)
    np.testing.assert_allclose(mixed(SOURCE, 0, 0.3, 2.0), 0.3 + 2.0 * SCORES)


@pytest.mark.parametrize("sd", [0.0, 0.01, 0.199, 0.201, 3.0])
def test_a_bias_of_a_normal_is_a_normal(sd):
    found = shifted(SOURCE, 0.1, sd)
    spread = np.hypot(0.2, sd)
    np.testing.assert_allclose(found, -0.6 + spread * SCORES, atol=TOLERANCE * spread)


@pytest.mark.parametrize("shapes", [(0.5, 10.5), (4.5, 1.5), (60.5, 0.5)])
def test_the_log_odds_of_a_beta_keep_both_tails(shapes):
    values = log_odds_of_beta(*shapes)
    assert np.isfinite(values).all() and (np.diff(values) > 0).all()
    middle = abs(SCORES) < 3
    beta = stats.beta(*shapes)
    np.testing.assert_allclose(
        beta.cdf(expit(values[middle])), stats.norm.cdf(SCORES[middle]), atol=1e-9
    )


@pytest.mark.parametrize("sd", [0.2, 1.0, 2.5])
def test_a_bias_of_a_risk_is_the_convolution_by_quadrature(sd):
    found = shifted(log_odds_of_beta(4.5, 1.5), 0.4, sd)
    beta = stats.beta(4.5, 1.5)
    for score in (-2.0, 0.0, 1.5):
        at = np.interp(score, SCORES, found)

        def below(bias, at=at):
            return stats.norm.pdf(bias, 0.4, sd) * beta.cdf(expit(at + bias))

        exact = integrate.quad(below, 0.4 - 9 * sd, 0.4 + 9 * sd, points=[0.4])[0]
        assert exact == pytest.approx(stats.norm.cdf(score), abs=TOLERANCE)


def test_moments_are_those_of_a_normal():
    assert moments(SOURCE) == pytest.approx((-0.5, 0.2), rel=1e-6)
