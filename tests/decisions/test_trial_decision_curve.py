"""Whom to treat, on a trial's data: by hand, closed forms, and what may not matter."""

import numpy as np
import pandas as pd
import pytest

from riskmodel.decisions.trial_decision_curve import trial_decision_curve
from riskmodel.errors import ParameterError, RiskModelWarning

GRID = np.arange(0, 21) / 100
ALL, NONE = "treat all", "treat none"


def at(curve, strategy, column="difference"):
    return curve[curve["strategy"] == strategy][column].to_numpy()


def simulated(size=600, seed=4, chance=0.5):
    """Benefit rises from 0 to 0.2 over the patients; untreated risk is 0.4."""
    rng = np.random.default_rng(seed)
    gain = 0.2 * rng.random(size)
    arm = rng.random(size) < chance
    event = rng.random(size) < 0.4 - arm * gain
    return pd.DataFrame({"arm": arm.astype(int), "event": event, "gain": gain})


EIGHT = pd.DataFrame(
    {
        "arm": ["new", "new", "new", "old", "old", "old", "old", "old"],
        "event": [0, 1, 1, 1, 0, 1, 0, 0],
        "gain": [0.3, 0.2, 0.0, 0.3, 0.2, 0.0, 0.1, 0.0],
    }
)


def test_eight_patients_by_hand():
    # At 0.1: who is above are rows 0, 1, 3, 4; congruent are 0, 1 (new) and 5, 6, 7 (old).
    # New has 3 of 8: weights 8/3 and 8/5: (8/3 + 8/5) / (2 * 8/3 + 3 * 8/5) = 0.42105.
    curve = trial_decision_curve(EIGHT, "arm", "event", "gain", [0.1], treated="new", draws=None)
    row = curve.iloc[0]
    assert row["event_rate"] == pytest.approx((8 / 3 + 8 / 5) / (16 / 3 + 24 / 5), abs=1e-15)
    assert row["share_treated"] == 0.5 and row["share_congruent"] == 5 / 8
    assert row["net_benefit"] == pytest.approx(-row["event_rate"] - 0.05, abs=1e-15)
    assert row["difference"] == pytest.approx(row["net_benefit"] + 2 / 5, abs=1e-15)
    assert np.isnan(row["lower"]) and row["kind"] == "no interval"


def test_treating_all_and_none_are_the_arms_themselves():
    data = simulated(chance=0.3)
    curve = trial_decision_curve(data, "arm", "event", "gain", GRID, draws=None)
    rates = data.groupby("arm")["event"].mean()
    np.testing.assert_allclose(at(curve, ALL, "net_benefit"), -rates[1] - GRID, atol=1e-15)
    np.testing.assert_allclose(at(curve, NONE, "net_benefit"), -rates[0], atol=1e-15)
    np.testing.assert_array_equal(at(curve, NONE), 0)
    everyone = trial_decision_curve(data.assign(gain=1.0), "arm", "event", "gain", GRID, draws=None)
    np.testing.assert_allclose(at(everyone, "gain"), at(everyone, ALL), atol=1e-14)
    nobody = trial_decision_curve(data.assign(gain=-1.0), "arm", "event", "gain", GRID, draws=None)
    np.testing.assert_allclose(at(nobody, "gain"), 0, atol=1e-14)


@pytest.mark.parametrize("chance", [0.5, 2 / 3])
def test_a_large_trial_has_the_closed_form(chance):
    # Benefit uniform on (0, 0.2): treating above T gains (0.2 - T)^2 / 0.4 net of T.
    size = 200_000
    data = simulated(size=size, chance=chance)
    curve = trial_decision_curve(data, "arm", "event", "gain", GRID, allocation=chance, draws=None)
    # Five standard errors of a difference of two proportions near 0.4 in arms of a third or more.
    error = 5 * np.sqrt(2 * 0.24 / (size / 3))
    np.testing.assert_allclose(at(curve, "gain"), (0.2 - GRID) ** 2 / 0.4, atol=error)


def test_strata_allocated_otherwise_are_weighted_by_their_own_probability():
    # Stratum 1 has double the risk and mostly treated patients: unweighted, treating looks bad.
    rng = np.random.default_rng(3)
    size = 200_000
    stratum = rng.random(size) < 0.5
    chance = np.where(stratum, 0.8, 0.2)
    arm = rng.random(size) < chance
    event = rng.random(size) < np.where(stratum, 0.6, 0.3) - 0.1 * arm
    data = {"arm": arm, "event": event, "chance": chance, "gain": np.full(size, 0.1)}
    right = trial_decision_curve(
        data, "arm", "event", "gain", [0.0], allocation="chance", draws=None
    )
    wrong = trial_decision_curve(data, "arm", "event", "gain", [0.0], draws=None)
    assert at(right, ALL).item() == pytest.approx(0.1, abs=5 * np.sqrt(2 * 0.25 * 5 / size))
    assert at(wrong, ALL).item() < 0


def test_permuting_patients_and_naming_the_arms_otherwise_change_nothing():
    data = simulated()
    wanted = trial_decision_curve(data, "arm", "event", "gain", GRID, draws=200, seed=1)
    mixed = data.sample(frac=1, random_state=2)
    pd.testing.assert_frame_equal(
        trial_decision_curve(mixed, "arm", "event", "gain", GRID, draws=200, seed=1), wanted
    )
    named = data.assign(arm=np.where(data["arm"] == 1, "new", "old"))
    found = trial_decision_curve(
        named, "arm", "event", "gain", GRID, treated="new", draws=200, seed=1
    )
    pd.testing.assert_frame_equal(found, wanted)


def test_swapping_the_arms_swaps_treating_all_and_none():
    data = simulated()
    curve = trial_decision_curve(data, "arm", "event", "gain", [0.0], draws=None)
    other = trial_decision_curve(data, "arm", "event", "gain", [0.0], treated=0, draws=None)
    assert at(curve, ALL).item() == pytest.approx(-at(other, ALL).item(), abs=1e-15)


def test_the_interval_of_treating_all_is_that_of_patients_reweighted_within_arms():
    data = simulated(size=200)
    curve = trial_decision_curve(data, "arm", "event", "gain", [0.05], draws=20_000, seed=1)
    row = curve[curve["strategy"] == ALL].iloc[0]
    rng = np.random.default_rng(5)
    risk = {}
    for arm, rows in data.groupby("arm"):
        weights = rng.exponential(size=(20_000, len(rows)))
        risk[arm] = weights @ rows["event"] / weights.sum(axis=1)
    limits = np.quantile(risk[0] - risk[1] - 0.05, [0.025, 0.975])
    # Two limits from 20,000 draws each, 0.019 of a deviation; five standard errors.
    error = 5 * np.sqrt(2) * 0.019 * np.ptp(limits) / 3.92
    found = row[["difference_lower", "difference_upper"]].astype(float)
    np.testing.assert_allclose(found, limits, atol=error)


def test_a_95_percent_interval_holds_the_truth_19_times_of_20():
    covered, runs = 0, 200
    for seed in range(runs):
        data = simulated(size=800, seed=seed)
        row = trial_decision_curve(data, "arm", "event", "gain", [0.05], draws=400, seed=seed).iloc[
            0
        ]
        covered += row["difference_lower"] <= 0.15**2 / 0.4 <= row["difference_upper"]
    assert abs(covered / runs - 0.95) < 4 * np.sqrt(0.95 * 0.05 / runs) + 0.005


def test_several_predictions_share_their_draws_and_ties():
    data = simulated().assign(copy=lambda d: d["gain"])
    samples = np.stack([data["gain"] - 0.01, data["gain"] + 0.01])
    curve = trial_decision_curve(
        data, "arm", "event", {"gain": "gain", "copy": "copy", "mean": samples}, GRID,
        draws=200, seed=1,
    )  # fmt: skip
    np.testing.assert_array_equal(at(curve, "gain", "lower"), at(curve, "copy", "lower"))
    np.testing.assert_allclose(at(curve, "gain"), at(curve, "mean"), atol=1e-12)
    np.testing.assert_allclose(curve.groupby("threshold")["prob_best"].sum(), 1, atol=1e-12)
    assert curve.attrs == {"draws": 200, "seed": 1}


def test_a_benefit_at_the_threshold_is_not_enough():
    curve = trial_decision_curve(
        EIGHT, "arm", "event", "gain", [0.0, 0.2, 0.3], treated="new", draws=None
    )
    np.testing.assert_array_equal(at(curve, "gain", "share_treated"), [5 / 8, 2 / 8, 0])


@pytest.mark.parametrize(
    "keywords, field, words",
    [
        ({"arm": "amr"}, "arm", "did you mean 'arm'"),
        ({"arm": "gain"}, "arm.gain", "two arms"),
        ({"treated": "new"}, "treated", "a value of 'arm'"),
        ({"allocation": 2}, "allocation", "2 to 1 is 0.6667"),
        ({"allocation": "chanse"}, "allocation", "a column"),
        ({"outcome": "gain"}, "outcome.gain", "0 or 1"),
        ({"predicted_benefit": "gian"}, "predicted_benefit", "did you mean 'gain'"),
        ({"thresholds": [np.inf]}, "thresholds", "finite"),
        ({"draws": 1}, "draws", "100 or more"),
    ],
)
def test_bad_input_is_refused_with_what_would_mend_it(keywords, field, words):
    arguments = {
        "arm": "arm", "outcome": "event", "predicted_benefit": "gain", "thresholds": GRID, "seed": 1
    }  # fmt: skip
    with pytest.raises(ParameterError) as caught:
        trial_decision_curve(simulated(), **(arguments | keywords))
    (problem,) = caught.value.problems
    assert problem.field == field and words in str(problem)


def test_an_arm_that_is_missing_is_refused_and_a_drawn_seed_is_named():
    data = simulated().astype({"arm": float})
    data.loc[7, "arm"] = np.nan
    with pytest.raises(ParameterError, match="nothing in row 7"):
        trial_decision_curve(data, "arm", "event", "gain", GRID, seed=1)
    with pytest.warns(RiskModelWarning, match="drew"):
        curve = trial_decision_curve(simulated(), "arm", "event", "gain", GRID, draws=100)
    assert curve.attrs["seed"] is not None
