"""Thresholds from the harm side: a distribution, and the same net benefit as explicit harms."""

import numpy as np
import pytest

import riskmodel as rm
from riskmodel.decisions.decision_curve import BY_MODEL, TREAT_ALL
from riskmodel.decisions.net_benefit import weighting
from riskmodel.decisions.thresholds import derived_threshold, harm_side
from riskmodel.errors import ParameterError


def at(curve, strategy, column="net_benefit"):
    return curve[curve["strategy"] == strategy][column].to_numpy()


@pytest.fixture
def made(small, hand_made):
    """Risks of three cases under three options and outcomes, spread over draws."""
    rng = np.random.default_rng(1)
    return hand_made(small, 0.2 + 0.2 * rng.random((400, 3, 3, 3)))


def test_gain_less_threshold_is_the_net_benefit(made):
    bound = weighting(made)
    gained, threshold = harm_side(bound, made["risk"])
    whole = bound.net_benefit(made["risk"], burden=0.0)
    np.testing.assert_allclose(gained - threshold, whole, atol=1e-15)
    risk = made["risk"].sel(outcome=bound.panel.reference)
    np.testing.assert_allclose(gained, risk.sel(option="rest") - risk, atol=1e-15)


def test_the_threshold_is_the_sum_of_weights_times_absolute_harm(small, hand_made):
    # Two more blisters in ten at weight 0.2, one record fewer at 0.5: 0.04 + 0.05. The pair's
    # weight of 1.5 against 1 + 0.2 counts on joint risks, which are 0 with no falls.
    risk = np.zeros((8, 1, 3, 3))
    risk[..., 1] = 0.3
    risk[:, :, 1:, 1] = 0.2
    risk[:, :, 1:, 2] = 0.2
    table = derived_threshold(hand_made(small, risk)).set_index("option")
    np.testing.assert_allclose(table["threshold"], 0.09, atol=1e-12)
    np.testing.assert_allclose(table[["lower", "upper"]], 0.09, atol=1e-12)
    assert (table["benefit"] == 0).all() and (table["prob_benefit_above"] == 0).all()
    np.testing.assert_allclose(table["residual_burden_upper"], 0.1)


def test_the_table_is_the_distribution_over_draws(made):
    table = derived_threshold(made, prob=0.8)
    gained, threshold = harm_side(weighting(made), made["risk"])
    place = {"profile": "case_1", "option": "walking"}
    draws, gain = (x.sel(place).values.ravel() for x in (threshold, gained))
    row = table[(table["profile"] == "case_1") & (table["option"] == "walking")].iloc[0]
    np.testing.assert_allclose([row["lower"], row["upper"]], np.quantile(draws, [0.1, 0.9]))
    assert row["threshold"] == pytest.approx(draws.mean())
    assert row["prob_benefit_above"] == (gain > draws).mean()


def test_a_benefit_the_panel_does_not_weigh_is_refused(made):
    with pytest.raises(ParameterError, match="did you mean 'record'"):
        derived_threshold(made, benefit="recrd")


def test_a_derived_threshold_leaves_the_curve_as_with_explicit_harms(made):
    grid = [0.0, 0.02, 0.05]
    plain = rm.treatment_decision_curve(made, grid)
    derived = rm.treatment_decision_curve(made, grid, harms="derived")
    np.testing.assert_allclose(derived["net_benefit"], plain["net_benefit"], atol=1e-14)
    np.testing.assert_allclose(derived["upper"], plain["upper"], atol=1e-14)
    rows = derived[(derived["strategy"] == BY_MODEL) & (derived["option"] == "walking")]
    _, threshold = harm_side(weighting(made), made["risk"])
    draws = threshold.sel(option="walking").mean("profile").values.ravel()
    np.testing.assert_allclose(rows["derived_threshold"], draws.mean() + np.array(grid))
    limits = np.quantile(draws, [0.025, 0.975])
    np.testing.assert_allclose(rows["derived_lower"] - grid, limits[0])
    np.testing.assert_allclose(rows["derived_upper"] - grid, limits[1])


def test_harms_in_the_threshold_leave_the_benefit_alone(made):
    curve = rm.treatment_decision_curve(made, [0.0, 0.03], harms="in_threshold")
    gained, _ = harm_side(weighting(made), made["risk"])
    for option in ("walking", "jumping"):
        rows = curve[curve["option"] == option]
        mean = float(gained.sel(option=option).mean())
        np.testing.assert_allclose(at(rows, TREAT_ALL), [mean, mean - 0.03], atol=1e-14)


def test_thresholds_left_out_cover_what_the_harm_side_implies(made):
    curve = rm.treatment_decision_curve(made, harms="in_threshold")
    panel = weighting(made).panel
    rows = curve[(curve["option"] == "walking") & (curve["strategy"] == TREAT_ALL)]
    _, threshold = harm_side(weighting(made), made["risk"])
    draws = threshold.sel(option="walking").values.ravel()
    low, high = np.quantile(draws, [0.025, 0.975], method="inverted_cdf")
    ends = low + panel.residual_burden.lower, high + panel.residual_burden.upper
    np.testing.assert_allclose(rows["threshold"].iloc[[0, -1]], ends, atol=1e-12)
    below = rows["prob_threshold_below"].to_numpy()
    assert (np.diff(below) >= 0).all() and below[0] == pytest.approx(0.025, abs=0.01)
    share = (draws <= rows["threshold"].iloc[50]).mean()
    assert below[50] == pytest.approx(share, abs=1e-12)


def test_an_unknown_word_for_harms_is_refused(made):
    with pytest.raises(ParameterError, match="did you mean 'derived'"):
        rm.treatment_decision_curve(made, [0.1], harms="derive")
