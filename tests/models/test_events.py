"""Risks and effects against scipy.integrate.quad, worked numbers and limits."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit, logit
from scipy.stats import norm

from riskmodel.evidence.measures import SCALES, apply_effect
from riskmodel.evidence.priors import LinePrior, Prior
from riskmodel.models.events import (
    baseline_risk,
    carried_effect,
    later_risks,
    log_odds_with_mean,
    mean_over_spread,
    risk_under_effect,
)
from riskmodel.parameters.schema import Baseline, Effect, Term

# Newton stops at 1e-13 and sums of 31 nodes round at 1e-16; 1e-11 leaves room for the slope.
SOLVED = 1e-11
# What 31 Hermite nodes leave of a logistic curve, by the spread: as the module says.
NODES = {0.05: 1e-10, 0.6: 1e-10, 1.0: 1e-10, 1.5: 1e-7, 2.0: 1e-6}


def mean_by_quad(function, sd):
    """Average a function of a normal deviate, by an adaptive rule that shares no code."""
    value, _ = quad(
        lambda z: norm.pdf(z) * function(sd * z), -9, 9, epsabs=1e-13, epsrel=1e-12, limit=400
    )
    return value


def effect_of(scale, reference=None, **more):
    return Effect(scale=scale, prior="x", reference_risk=reference, **more)


# --- the spread between patients ----------------------------------------------------------------


@pytest.mark.parametrize("sd", [0.05, 0.6, 1.0, 2.0])
@pytest.mark.parametrize("middle", [-6.0, -1.2, 0.0, 0.9, 4.0])
def test_mean_over_spread_is_the_integral(middle, sd):
    wanted = mean_by_quad(lambda step: expit(middle + step), sd)
    assert mean_over_spread(middle, sd) == pytest.approx(wanted, abs=NODES[sd])


@pytest.mark.parametrize("sd", [0.0, 0.05, 0.6, 2.0])
def test_log_odds_with_mean_and_back(sd):
    risk = np.array([[1e-9, 1e-4, 0.02, 0.275, 0.5], [0.725, 0.98, 0.9999, 1 - 1e-9, 0.3]])
    back = mean_over_spread(log_odds_with_mean(risk, sd), sd)
    np.testing.assert_allclose(back, risk, rtol=SOLVED, atol=0)


def test_log_odds_with_mean_survives_rare_events_and_a_wide_spread():
    risk = np.array([1e-12, 1e-6, 1e-3, 1 - 1e-6])
    middle = log_odds_with_mean(risk, 2.0)
    np.testing.assert_allclose(mean_over_spread(middle, 2.0), risk, rtol=SOLVED)
    # Where events are rare, the mean over a normal of log odds is that of a log-normal risk.
    assert middle[0] == pytest.approx(np.log(1e-12) - 2.0, abs=1e-6)


def test_risks_of_zero_and_one_are_infinite_log_odds():
    middle = log_odds_with_mean(np.array([0.0, 0.5, 1.0]), 0.6)
    np.testing.assert_array_equal(middle, [-np.inf, 0.0, np.inf])
    np.testing.assert_array_equal(mean_over_spread(middle[[0, 2]], 0.6), [0.0, 1.0])


def test_a_vanishing_spread_changes_nothing():
    risk = np.array([0.01, 0.275, 0.8])
    # The difference is of the order of the squared spread.
    np.testing.assert_allclose(log_odds_with_mean(risk, 1e-6), logit(risk), atol=1e-11)
    np.testing.assert_allclose(mean_over_spread(logit(risk), 1e-6), risk, atol=1e-11)
    for scale in ("odds_ratio", "hazard_ratio"):
        effect = effect_of(scale, 0.275)
        alone = carried_effect(effect, [1.26], "relative_risk")
        nearly = carried_effect(effect, [1.26], "relative_risk", 1e-6)
        np.testing.assert_allclose(nearly, alone, rtol=1e-10)


# --- carrying an effect -------------------------------------------------------------------------


def test_relative_risk_1_26_at_27_5_percent_is_an_odds_ratio_of_1_3979():
    carried = carried_effect(effect_of("odds_ratio", 0.275), [1.26], "relative_risk")
    assert carried.round(4) == 1.3979


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("sd", [0.0, 0.6, 1.5])
def test_carried_effect_gives_back_the_printed_one_at_the_reference(scale, sd):
    effect, reference = effect_of(scale, 0.275), np.array([[0.275]])
    carried = carried_effect(effect, [0.6, 1.0, 1.26, 2.5], "relative_risk", sd)
    treated = risk_under_effect(reference, effect, carried, sd)
    np.testing.assert_allclose(treated[:, 0] / 0.275, [0.6, 1.0, 1.26, 2.5], rtol=SOLVED)


def test_infection_adds_7_15_points_at_the_reference_so_nnh_is_14():
    effect = effect_of("odds_ratio", 0.275)
    carried = carried_effect(effect, [1.26], "relative_risk", 0.6)
    increase = float(risk_under_effect(np.array([[0.275]]), effect, carried, 0.6)[0, 0]) - 0.275
    assert increase == pytest.approx(0.0715, abs=1e-12)
    assert round(1 / increase) == 14


@pytest.mark.parametrize("scale", ["odds_ratio", "hazard_ratio"])
@pytest.mark.parametrize("risk", [0.05, 0.275, 0.7])
@pytest.mark.parametrize("sd", [0.6, 1.5])
def test_treated_risk_averages_each_patients_own(scale, risk, sd):
    effect = effect_of(scale, 0.275)
    carried = carried_effect(effect, [1.26], "relative_risk", sd)
    middle = float(log_odds_with_mean(risk, sd))
    wanted = mean_by_quad(
        lambda step: float(apply_effect(expit(middle + step), carried[0, 0], scale)), sd
    )
    treated = risk_under_effect(np.array([[risk]]), effect, carried, sd)
    assert treated[0, 0] == pytest.approx(wanted, abs=NODES[sd])


def test_a_patients_own_odds_ratio_is_further_from_one_than_the_averaged():
    effect = effect_of("odds_ratio", 0.275)
    alone = carried_effect(effect, [0.7, 1.26], "relative_risk")
    own = carried_effect(effect, [0.7, 1.26], "relative_risk", 0.6)
    assert own[0] < alone[0] < 1 < alone[1] < own[1]


@pytest.mark.parametrize(
    "scale, carried, reduction",
    [("relative_risk", 0.62, 16.0), ("odds_ratio", 0.5752, 12.6), ("hazard_ratio", 0.5978, 14.2)],
)
def test_an_effect_fixed_at_17_percent_by_scale(scale, carried, reduction):
    # An effect fixed at a baseline of 17%, to three or four digits by hand.
    effect = effect_of(scale, 0.17)
    value = carried_effect(effect, [0.62], "relative_risk")
    assert value[0, 0] == pytest.approx(carried, abs=5e-5)
    points = 100 * (0.421 - risk_under_effect(np.array([[0.421]]), effect, value)[0, 0])
    assert points == pytest.approx(reduction, abs=0.05)
    low = 100 * (0.021 - risk_under_effect(np.array([[0.021]]), effect, value)[0, 0])
    assert 0.795 < low < 0.885


@pytest.mark.parametrize("scale", ["odds_ratio", "hazard_ratio"])
@pytest.mark.parametrize("sd", [0.0, 0.6])
def test_a_printed_ratio_without_meaning_at_the_reference_is_nan(scale, sd):
    carried = carried_effect(effect_of(scale, 0.275), [1.26, 4.0], "relative_risk", sd)
    assert np.isfinite(carried[0, 0]) and np.isnan(carried[1, 0])


def test_a_relative_risk_beyond_one_is_left_for_the_caller_to_count():
    effect = effect_of("relative_risk")
    treated = risk_under_effect(np.array([[0.5]]), effect, np.array([[2.5]]))
    assert treated[0, 0] == 1.25


@pytest.mark.parametrize("per_1000, percent", [(1.3, 1.80), (0.8, 1.11)])
def test_a_line_for_fourteen_days(per_1000, percent):
    exposure = {"value": 14.0, "unit": "day", "because": "an example"}
    effect = effect_of("added_rate", exposure=exposure)
    carried = carried_effect(effect, [per_1000 / 1000], "rate")
    added = risk_under_effect(np.zeros((1, 1)), effect, carried)
    assert 100 * added[0, 0] == pytest.approx(percent, abs=0.005)
    # Beside another risk the two are independent: neither happens.
    both = risk_under_effect(np.array([[0.3]]), effect, carried)
    assert both[0, 0] == pytest.approx(1 - 0.7 * (1 - added[0, 0]), abs=1e-15)


# --- after the first horizon --------------------------------------------------------------------

P0, P1 = np.array([[0.2], [0.05], [0.6]]), np.array([[0.1], [0.07], [0.3]])
GROWTH = np.array([[0.5], [1.2], [0.8]])
DAYS = {"later_days": 730.5, "half_life_days": 365.25}


def later(scenario, **days):
    return later_risks(P0, P1, GROWTH, scenario, **{**DAYS, **days})


def test_comparator_goes_on_at_its_own_hazard_in_every_scenario():
    wanted = 1 - (1 - P0) ** (1 + GROWTH)
    for scenario in ("held", "waning", "lost", "caught_up"):
        np.testing.assert_allclose(later(scenario)[0], wanted, rtol=1e-13)


def test_lost_effect_keeps_what_was_gained_and_gains_no_more():
    early, lost = later("lost")
    np.testing.assert_allclose(lost, 1 - (1 - P1) * (1 - early) / (1 - P0), rtol=1e-13)


def test_held_effect_is_one_hazard_ratio_throughout():
    early, held = later("held")
    np.testing.assert_allclose(
        np.log1p(-held) / np.log1p(-early), np.log1p(-P1) / np.log1p(-P0), rtol=1e-12
    )


def test_caught_up_effect_leaves_no_difference():
    early, caught_up = later("caught_up")
    np.testing.assert_array_equal(caught_up, early)


@pytest.mark.parametrize("half_life", [60.0, 365.25, 5000.0])
def test_waning_effect_is_the_integral_of_its_hazard(half_life):
    _, waning = later("waning", half_life_days=half_life)
    for p0, p1, growth, found in zip(P0[:, 0], P1[:, 0], GROWTH[:, 0], waning[:, 0], strict=True):
        log_ratio = np.log(np.log1p(-p1) / np.log1p(-p0))
        rate = -np.log1p(-p0) * growth / DAYS["later_days"]
        hazard, _ = quad(
            lambda t, r=rate, b=log_ratio: r * np.exp(b * 0.5 ** (t / half_life)),
            0,
            DAYS["later_days"],
            epsabs=1e-13,
        )
        # 20 Gauss-Legendre nodes: the fastest waning here spans 12 half-lives.
        assert found == pytest.approx(1 - (1 - p1) * np.exp(-hazard), abs=1e-9)


def test_waning_lies_between_held_and_lost_and_reaches_both():
    held, lost = later("held")[1], later("lost")[1]
    between = later("waning")[1]
    sign = np.sign(P0 - P1)  # benefit in the first and last row, harm in the middle one
    assert (sign * (between - held) >= 0).all() and (sign * (lost - between) >= 0).all()
    # An effect that halves every hundred years has lost 0.7% of its logarithm after two.
    np.testing.assert_allclose(later("waning", half_life_days=1e9)[1], held, rtol=1e-6)
    # In a half-life of a minute nothing is left but at the first instant, before any node.
    np.testing.assert_allclose(later("waning", half_life_days=1e-3)[1], lost, rtol=1e-12)


def test_a_baseline_risk_of_zero_has_a_later_risk_of_zero():
    zero, growth = np.zeros((1, 1)), np.array([[0.5]])
    for scenario in ("held", "waning", "lost", "caught_up"):
        risk, treated = later_risks(zero, zero, growth, scenario, **DAYS)
        assert risk == treated == 0.0


def test_an_unknown_scenario_is_refused():
    with pytest.raises(ValueError, match="held, waning, lost, caught_up"):
        later("forever")


# --- baseline models ----------------------------------------------------------------------------


def prior_of(name, measure="risk"):
    return Prior(name, measure, "beta", 1.0, 1.0, "data", (), "")


def test_terms_add_on_the_log_odds_scale_from_their_centre():
    baseline = Baseline(
        intercept={"prior": "risk"},
        terms=[
            Term(covariate="age", centre=60.0, per=10.0, prior="by_age"),
            Term(covariate="dose", transform="log", centre=5.0, per=2.0, prior="by_dose"),
        ],
    )
    draws = {
        "risk": np.array([0.2, 0.4]),
        "by_age": np.array([1.5, 0.8]),
        "by_dose": np.array([2.0, 3.0]),
    }
    covariates = {"age": np.array([60.0, 75.0, 50.0]), "dose": np.array([5.0, 5.0, 20.0])}
    found = baseline_risk(baseline, draws, {}, covariates)
    assert found.shape == (2, 3)
    for s in range(2):
        odds = draws["risk"][s] / (1 - draws["risk"][s])
        by_hand = [
            odds,
            odds * draws["by_age"][s] ** 1.5,
            odds / draws["by_age"][s] * draws["by_dose"][s] ** (np.log(4) / 2),
        ]
        np.testing.assert_allclose(found[s] / (1 - found[s]), by_hand, rtol=1e-13)


@pytest.mark.parametrize("transform, step", [("log", np.log(450 / 300)), ("linear", 150.0)])
def test_a_line_is_read_at_the_profile(transform, step):
    line = LinePrior(
        "line", "x", transform, 300.0, (), (), 1.0, (0.0, 1.0), (0.0, 1.0), "data", (), ""
    )
    draws = {"line": np.array([[-2.0, 0.004], [-1.0, 0.5]])}
    found = baseline_risk(
        Baseline(line={"prior": "line"}), draws, {"line": line}, {"x": np.array([300.0, 450.0])}
    )
    np.testing.assert_allclose(found[:, 0], expit([-2.0, -1.0]), rtol=1e-14)
    np.testing.assert_allclose(
        found[:, 1], expit([-2.0 + 0.004 * step, -1 + 0.5 * step]), rtol=1e-13
    )


def test_a_fixed_risk_needs_no_draws():
    assert baseline_risk(Baseline(fixed_risk=0.0), {}, {}, {}) == np.zeros((1, 1))
