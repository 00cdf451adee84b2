"""Model-expected decision curves: exact lines, and the best allocation."""

import numpy as np
import pytest

import riskmodel as rm
from riskmodel.decisions.decision_curve import BY_MODEL, TREAT_ALL, TREAT_NONE
from riskmodel.decisions.net_benefit import weighting
from riskmodel.errors import ParameterError

STRATA = (0.008, 0.021, 0.046, 0.160)
THRESHOLDS = np.linspace(0, 0.08, 33)


@pytest.fixture
def strata(plex_aav, hand_made):
    """Four patients whose kidney risk falls by known points, and nothing else."""
    risk = np.full((8, 4, 2, 4), 0.3)
    risk[:, :, 1, 0] -= STRATA
    return hand_made(plex_aav, risk)


def expected_net_benefit(benefit, weights, threshold):
    """Return the formula of docs/model.md in one line: the oracle of allocation by benefit."""
    return float((np.asarray(weights) * np.maximum(np.asarray(benefit) - threshold, 0)).sum())


def at(curve, strategy, column="net_benefit"):
    return curve[curve["strategy"] == strategy][column].to_numpy()


@pytest.mark.parametrize("stratum, points", [(0, -4.2), (1, -2.9), (2, -0.4), (3, 11.0)])
def test_treating_all_at_a_threshold_of_five_points(strata, stratum, points):
    # Reductions of 0.8, 2.1, 4.6 and 16.0 points, less the threshold.
    one = strata.isel(profile=[stratum])
    curve = rm.treatment_decision_curve(one, [0.05], preferences="kidney_and_infection")
    assert 100 * at(curve, TREAT_ALL).item() == pytest.approx(points, abs=1e-10)


def test_treating_by_model_takes_the_strata_worth_it(strata):
    thresholds = [0.0, 0.03, 0.05, 0.2]
    curve = rm.treatment_decision_curve(strata, thresholds, preferences="kidney_and_infection")
    np.testing.assert_allclose(at(curve, BY_MODEL, "share_treated"), [1, 0.5, 0.25, 0])
    wanted = [expected_net_benefit(STRATA, [0.25] * 4, t) for t in thresholds]
    np.testing.assert_allclose(at(curve, BY_MODEL), wanted, atol=1e-12)


@pytest.fixture(scope="module")
def curve(outcomes):
    return rm.treatment_decision_curve(outcomes, THRESHOLDS)


@pytest.fixture(scope="module")
def benefit(outcomes):
    """Net benefit of every case, in the draws in which all have one: (draw, case)."""
    cases = outcomes[["case_risk"]].rename(case_risk="risk", case="profile")
    cases = cases.assign_coords(profile=np.arange(64)).assign_attrs(outcomes.attrs)
    value = rm.net_benefit(cases)["net_benefit"].sel(option="plex").values.reshape(-1, 64)
    return value[np.isfinite(value).all(axis=1)]


def test_every_strategy_is_there(curve):
    edges = [f"treat above {edge} umol/L" for edge in (200, 300, 500)]
    assert set(curve["strategy"]) == {TREAT_NONE, TREAT_ALL, *edges, BY_MODEL}
    assert len(curve) == 6 * THRESHOLDS.size


def test_treating_nobody_is_worth_exactly_nothing(curve):
    none = curve[curve["strategy"] == TREAT_NONE]
    assert (none[["net_benefit", "lower", "upper", "share_treated"]] == 0).all(axis=None)


def test_treating_all_is_a_line_of_slope_minus_one(curve, benefit, outcomes):
    mean = benefit.mean(axis=0) @ outcomes["case_weight"].values
    np.testing.assert_allclose(at(curve, TREAT_ALL), mean - THRESHOLDS, atol=1e-12)
    np.testing.assert_allclose(at(curve, TREAT_ALL, "share_treated"), 1, atol=1e-12)


def test_treating_above_an_edge_counts_the_cases_above_it(curve, benefit, outcomes):
    weights = outcomes["case_weight"].values
    for edge in (200, 300, 500):
        above = outcomes["case_value"].values > edge
        share = weights[above].sum()
        wanted = benefit.mean(axis=0)[above] @ weights[above] - THRESHOLDS * share
        name = f"treat above {edge} umol/L"
        np.testing.assert_allclose(at(curve, name), wanted, atol=1e-12)
        np.testing.assert_allclose(at(curve, name, "share_treated"), share, atol=1e-12)


def test_treating_by_model_allocates_by_posterior_mean_and_is_never_beaten(
    curve, benefit, outcomes
):
    best = at(curve, BY_MODEL)
    weights = outcomes["case_weight"].values
    by_hand = [expected_net_benefit(benefit.mean(axis=0), weights, t) for t in THRESHOLDS]
    np.testing.assert_allclose(best, by_hand, atol=1e-12)
    for strategy in curve["strategy"].unique():
        assert (best >= at(curve, strategy) - 1e-12).all(), strategy  # rounding of sums
    assert (np.diff(at(curve, BY_MODEL, "share_treated")) <= 0).all()
    # An oracle that knew each draw would do better: this curve must not.
    oracle = [np.maximum(benefit - t, 0).mean(axis=0) @ weights for t in THRESHOLDS]
    assert (best < oracle).all()


def test_bands_are_quantiles_over_draws_of_one_fixed_allocation(outcomes, benefit):
    curve = rm.treatment_decision_curve(outcomes, [0.02], prob=0.8)
    weights = outcomes["case_weight"].values
    treated = benefit.mean(axis=0) > 0.02
    draws = (benefit - 0.02)[:, treated] @ weights[treated]
    row = curve[curve["strategy"] == BY_MODEL].iloc[0]
    np.testing.assert_allclose([row["lower"], row["upper"]], np.quantile(draws, [0.1, 0.9]))
    assert (row["prob"], row["kind"]) == (0.8, "equal-tailed")


def test_thresholds_default_to_the_panels_declared_burden(outcomes, small, hand_made):
    curve = rm.treatment_decision_curve(outcomes)
    assert (curve["threshold"].min(), curve["threshold"].max()) == (0, 0.05)
    assert (curve.groupby("strategy").size() == 101).all()
    bare = small.panels["runner"].model_copy(update={"residual_burden": None})
    with pytest.raises(ParameterError, match="residual_burden"):
        rm.treatment_decision_curve(hand_made(small, np.full((4, 1, 3, 3), 0.2)), preferences=bare)


def test_the_panels_burden_is_the_threshold_and_counted_once(outcomes):
    panel = weighting(outcomes).panel
    burdened = panel.model_copy(update={"burden": 0.04})
    one, other = (
        rm.treatment_decision_curve(outcomes, [0.01, 0.03], preferences=p)
        for p in (panel, burdened)
    )
    np.testing.assert_array_equal(one["net_benefit"], other["net_benefit"])


def test_cases_an_option_is_not_for_are_left_out(small, hand_made):
    risk = np.full((8, 2, 3, 3), 0.4)
    risk[:, 0, 2, 0] = 0.1
    risk[:, 1, 2] = np.nan
    outcomes = hand_made(small, risk)
    curve = rm.treatment_decision_curve(outcomes, [0.0], preferences="runner")
    jumping = curve[curve["option"] == "jumping"]
    wanted = rm.net_benefit(outcomes)["net_benefit"].sel(option="jumping", profile="case_0")
    assert at(jumping, TREAT_ALL).item() == pytest.approx(float(wanted.mean()), abs=1e-12)
    assert set(curve["option"]) == {"walking", "jumping"}
