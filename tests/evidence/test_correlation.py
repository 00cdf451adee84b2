"""Covariances of two effects, against simulated trials, and what they do to the net benefit."""

import numpy as np
import pytest
from scipy import stats

from riskmodel.errors import ParameterError, RiskModelWarning
from riskmodel.evidence.correlation import (
    arm_covariance,
    correlation_from,
    effect_covariance,
    joint_normal,
    net_benefit_by_correlation,
    net_benefit_of_ratios,
    shared_control_covariance,
)


def test_a_shared_control_by_hand():
    assert shared_control_covariance(20, 100) == pytest.approx(1 / 20 - 1 / 100)
    assert shared_control_covariance(20, 100, measure="odds_ratio") == pytest.approx(
        1 / 20 + 1 / 80
    )
    assert shared_control_covariance(20, 100, measure="risk_difference") == pytest.approx(0.0016)


def test_events_that_come_as_if_by_chance_do_not_covary():
    for measure in ("relative_risk", "odds_ratio", "risk_difference"):
        assert arm_covariance(20, 100, events_second=10, events_both=2, measure=measure) == 0


@pytest.mark.parametrize("measure", ["relative_risk", "odds_ratio", "risk_difference"])
def test_two_outcomes_of_one_arm_covary_as_simulated(measure):
    # 40% first, 30% second, 20% both, of 400; the formulas are first-order in 1/n.
    rng = np.random.default_rng(8)
    runs, n = 40_000, 400
    both, first, second, _ = rng.multinomial(n, [0.2, 0.2, 0.1, 0.5], size=runs).T
    p1, p2 = (first + both) / n, (second + both) / n
    scale = {
        "relative_risk": np.log,
        "odds_ratio": lambda p: np.log(p / (1 - p)),
        "risk_difference": lambda p: p,
    }[measure]
    x, y = scale(p1), scale(p2)
    expected = arm_covariance(160, n, events_second=120, events_both=80, measure=measure)
    # The standard error of a covariance, and 1% for what is second-order.
    error = np.sqrt((x.var() * y.var() + expected**2) / runs)
    assert np.cov(x, y)[0, 1] == pytest.approx(expected, abs=5 * error + 0.01 * expected)


def test_a_covariance_and_its_correlation():
    matrix = effect_covariance(0.2, 0.3, -0.4)
    assert correlation_from(matrix[0, 1], 0.2, 0.3) == pytest.approx(-0.4)
    with pytest.raises(ParameterError, match="of the same trial"):
        correlation_from(0.2, 0.2, 0.3)


def test_draws_have_the_covariance_and_repeat():
    matrix = effect_covariance(0.2, 0.3, 0.5)
    draws = joint_normal([1.0, -1.0], matrix, n=50_000, seed=5, names=["benefit", "harm"])
    # Five standard errors of a mean, and of a variance or covariance (at most 2 s**4 / n).
    np.testing.assert_allclose(draws.mean(), [1, -1], atol=5 * 0.3 / np.sqrt(50_000))
    np.testing.assert_allclose(draws.cov(), matrix, atol=5 * 0.09 * np.sqrt(2 / 50_000))
    again = joint_normal([1.0, -1.0], matrix, n=50_000, seed=5, names=["benefit", "harm"])
    assert draws.equals(again)
    with pytest.warns(RiskModelWarning, match="drew"):
        joint_normal([0, 0], matrix, n=3)


def test_net_benefit_over_the_correlation_is_a_normal_probability():
    found = net_benefit_by_correlation(0.046, 0.025, 0.03, 0.02, weight=0.5)
    assert list(found.table["correlation"]) == [-0.5, 0.0, 0.5]
    for row in found.table.itertuples():
        variance = 0.025**2 + 0.01**2 - 2 * row.correlation * 0.025 * 0.01
        exact = stats.norm.sf(0, 0.046 - 0.015, np.sqrt(variance))
        assert row.probability_net_benefit == pytest.approx(exact, abs=1e-12)
    assert "independent" in str(found)
    declared = net_benefit_by_correlation(0.046, 0.025, 0.03, 0.02, correlation=0.2)
    assert list(declared.table["correlation"]) == [-0.5, 0.0, 0.2, 0.5]
    assert "0.2 of benefit and harm (declared)" in str(declared)


def test_no_harm_is_the_probability_of_benefit_alone():
    found = net_benefit_by_correlation(0.046, 0.025, 0.03, 0.02, weight=0)
    assert found.table["probability_net_benefit"].to_numpy() == pytest.approx(
        [stats.norm.cdf(0.046 / 0.025)] * 3
    )
    ratios = net_benefit_of_ratios(np.log(0.62), 0.235, 0.2, 0.0, 0.1, 0.25, weight=0)
    assert ratios.table["probability_net_benefit"].to_numpy() == pytest.approx(
        [stats.norm.cdf(-np.log(0.62) / 0.235)] * 3
    )


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.3])
def test_net_benefit_of_ratios_agrees_with_draws(rho):
    named = {"weight": 0.5, "burden": 0.01, "correlation": rho}
    found = net_benefit_of_ratios(np.log(0.62), 0.235, 0.2, np.log(1.3), 0.1, 0.25, **named)
    row = found.table.query("chosen").iloc[0]
    draws = joint_normal(np.log([0.62, 1.3]), effect_covariance(0.235, 0.1, rho), n=200_000, seed=6)
    net = 0.2 * (1 - np.exp(draws["effect_1"])) - 0.125 * (np.exp(draws["effect_2"]) - 1) - 0.01
    # Five Monte Carlo standard errors.
    assert net.mean() == pytest.approx(row["mean"], abs=5 * net.std() / np.sqrt(200_000))
    assert net.std() == pytest.approx(row["standard_deviation"], rel=0.02)
    assert (net > 0).mean() == pytest.approx(
        row["probability_net_benefit"], abs=5 * 0.5 / np.sqrt(200_000)
    )


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: shared_control_covariance(0, 100), "events"),
        (lambda: shared_control_covariance(100, 100, measure="odds_ratio"), "events"),
        (lambda: shared_control_covariance(20, 100, events_second=10), "events_both"),
        (lambda: arm_covariance(20, 100, events_second=10, events_both=11), "events_both"),
        (lambda: shared_control_covariance(20, 100, measure="hazard_ratio"), "measure"),
        (lambda: effect_covariance(0.2, 0.3, 1.0), "correlation"),
        (lambda: effect_covariance(0.0, 0.3, 0.1), "standard_error_first"),
        (lambda: joint_normal([0, 0], [[1, 2], [2, 1]], seed=1), "covariance"),
        (lambda: joint_normal([0, 0], [[1, 0], [0.5, 1]], seed=1), "covariance"),
        (lambda: net_benefit_by_correlation(0.1, 0.1, 0.1, 0.1, weight=-1), "weight"),
        (lambda: net_benefit_of_ratios(0, 0.1, 20, 0, 0.1, 0.2), "baseline_benefit"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(call, field):
    with pytest.raises(ParameterError) as caught:
        call()
    assert caught.value.problems[0].field == field
