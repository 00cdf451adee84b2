"""Patients rebuilt from curves: exact where the curve is, close where it is read by hand."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar

from riskmodel.errors import ParameterError, RiskModelWarning
from riskmodel.evidence.survival_curves import (
    arm_hazard_ratio,
    kaplan_meier,
    median_survival,
    restricted_mean_survival,
)
from riskmodel.evidence.survival_reconstruction import reconstruct_survival

AT_RISK = pd.DataFrame({"time": [0, 6, 12], "at_risk": [100, 70, 40]})
CURVE = pd.DataFrame({"time": [0, 3, 9, 12], "survival": [1.0, 0.8, 0.6, 0.6]})


def simulated(rng, number, scale, end=36.0):
    """Return patients with Weibull times, censored at random (mean 80) and at the end."""
    event = scale * rng.weibull(1.2, number)
    lost = np.minimum(rng.exponential(80, number), end)
    return pd.DataFrame({"time": np.minimum(event, lost), "event": (event <= lost).astype(int)})


def printed_at_risk(patients, every=6.0):
    times = np.arange(0, patients["time"].max() + 1e-9, every)
    return pd.DataFrame({"time": times, "at_risk": [(patients["time"] >= t).sum() for t in times]})


def corners(patients):
    """Return the curve at the foot of every step, exactly."""
    steps = kaplan_meier(patients["time"], patients["event"]).query("events > 0")
    end = patients["time"].max()
    return pd.DataFrame(
        {
            "time": [0, *steps["time"], end],
            "survival": [1, *steps["survival"], steps["survival"].iloc[-1]],
        }
    )


def read_by_hand(rng, patients, step=0.25, noise=0.002):
    """Return the curve on a fine grid, with noise, to three decimals."""
    steps = kaplan_meier(patients["time"], patients["event"])
    times = np.append(np.arange(0, patients["time"].max(), step), patients["time"].max())
    place = np.searchsorted(steps["time"], times, side="right")
    survival = np.append(1, steps["survival"])[place] + noise * rng.normal(size=len(times))
    survival[0] = 1
    return pd.DataFrame({"time": times, "survival": np.clip(survival, 0, 1).round(3)})


def event_times(patients):
    return np.sort(patients.loc[patients["event"] == 1, "time"])


# --- the arithmetic ------------------------------------------------------------------------------


def test_kaplan_meier_by_hand():
    """6 patients: 1, 2+, 3, 3, 4+, 5: survival 5/6, then of 4 two die, then the last."""
    table = kaplan_meier([1, 2, 3, 3, 4, 5], [1, 0, 1, 1, 0, 1])
    assert table["at_risk"].tolist() == [6, 5, 4, 2, 1]
    assert table["events"].tolist() == [1, 0, 2, 0, 1]
    np.testing.assert_allclose(table["survival"], [5 / 6, 5 / 6, 5 / 12, 5 / 12, 0])
    assert median_survival(table["time"], table["survival"]) == 3
    area = 1 + 2 * 5 / 6 + 2 * 5 / 12
    assert restricted_mean_survival(table["time"], table["survival"], 5) == pytest.approx(area)
    assert restricted_mean_survival(table["time"], table["survival"], 9) == pytest.approx(area)


def test_hazard_ratio_maximises_the_partial_likelihood_with_efrons_ties():
    """Oracle: the likelihood written out event by event, maximised by Brent's method."""
    rng = np.random.default_rng(3)
    arm, other = simulated(rng, 40, 30).round({"time": 0}), simulated(rng, 50, 15).round(0)
    patients = pd.concat([arm.assign(x=1), other.assign(x=0)])

    def minus_log_likelihood(beta):
        total = 0.0
        for time, dead in patients[patients["event"] == 1].groupby("time"):
            risk = np.exp(beta * patients.loc[patients["time"] >= time, "x"]).sum()
            gone = np.exp(beta * dead["x"]).sum()
            total += beta * dead["x"].sum()
            total -= sum(np.log(risk - k / len(dead) * gone) for k in range(len(dead)))
        return -total

    best = minimize_scalar(minus_log_likelihood, bracket=(-1, 1), options={"xtol": 1e-10})
    ratio, error = arm_hazard_ratio(arm, other)
    assert np.log(ratio) == pytest.approx(best.x, abs=1e-6)  # Brent's own precision near a minimum
    h = 1e-3
    second = (
        minus_log_likelihood(best.x + h) - 2 * best.fun + minus_log_likelihood(best.x - h)
    ) / h**2
    assert error == pytest.approx(1 / np.sqrt(second), rel=1e-4)
    back, _ = arm_hazard_ratio(other, arm)
    assert back * ratio == pytest.approx(1)


def test_hazard_ratio_at_its_limits():
    some = pd.DataFrame({"time": [1.0, 2.0], "event": [1, 1]})
    none = pd.DataFrame({"time": [3.0, 3.0], "event": [0, 0]})
    late = pd.DataFrame({"time": [5.0, 6.0], "event": [1, 1]})
    assert arm_hazard_ratio(none, some) == (0, np.inf)
    assert arm_hazard_ratio(some, none) == (np.inf, np.inf)
    assert arm_hazard_ratio(some, late) == (np.inf, np.inf)
    assert arm_hazard_ratio(some, some)[0] == pytest.approx(1)
    assert np.isnan(arm_hazard_ratio(none, none)[0])


# --- reconstruction ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("number", [6, 15, 40])
def test_few_patients_come_back_exactly(seed, number):
    patients = simulated(np.random.default_rng(seed), number, 20)
    assert patients["event"].any()  # with these seeds, something happens to somebody
    rebuilt = reconstruct_survival(
        corners(patients), printed_at_risk(patients), int(patients["event"].sum())
    )
    np.testing.assert_allclose(event_times(rebuilt.patients), event_times(patients))
    assert len(rebuilt.patients) == number
    assert rebuilt.greatest_error < 1e-6
    assert (rebuilt.at_risk["at_risk"] == rebuilt.at_risk["reconstructed"]).all()


def test_one_lost_between_two_steps_is_found_from_their_height():
    """0.9 to 0.7875 is a fall by an eighth: of ten one died, so one more was lost."""
    curve = pd.DataFrame({"time": [0, 1, 3, 9], "survival": [1, 0.9, 0.7875, 0.7875]})
    at_risk = pd.DataFrame({"time": [0, 9], "at_risk": [10, 7]})
    rebuilt = reconstruct_survival(curve, at_risk)
    lost = rebuilt.patients.query("event == 0 and time < 9")["time"]
    assert len(lost) == 1 and 1 <= lost.iloc[0] < 3
    assert rebuilt.rmse < 1e-9


@pytest.mark.parametrize("with_total", [True, False])
@pytest.mark.parametrize("number", [60, 200, 600])
def test_read_by_hand_median_hazard_ratio_and_restricted_mean_are_close(number, with_total):
    """Tolerances: the reading grid (0.25) for times, and of the ratio a fifth of its own error.

    At the median a noise of 0.002 in survival moves the time by 0.002 over the density there,
    about 0.03 a month, and one step of the curve, which may stand just at 0.5, is some
    20/number * 1.5 months wide.
    """
    rng = np.random.default_rng(number)
    arms = [simulated(rng, number, scale) for scale in (28, 18)]
    rebuilt = []
    for patients in arms[::-1]:
        rebuilt.append(
            reconstruct_survival(
                read_by_hand(rng, patients),
                printed_at_risk(patients),
                int(patients["event"].sum()) if with_total else None,
                comparator=rebuilt[0] if rebuilt else None,
            )
        )
    rebuilt = rebuilt[::-1]
    true_ratio, error = arm_hazard_ratio(*arms)
    quality = rebuilt[0].quality.set_index("quantity")
    own = quality.loc["hazard_ratio", "reconstructed"]
    assert abs(np.log(own / true_ratio)) < 0.2 * error
    for patients, result in zip(arms, rebuilt, strict=True):
        steps = kaplan_meier(patients["time"], patients["event"])
        median = median_survival(steps["time"], steps["survival"])
        mean = restricted_mean_survival(steps["time"], steps["survival"], 30)
        assert abs(result.median - median) < 0.25 + 60 / number
        assert abs(result.restricted_mean(30) - mean) < 0.25
        assert result.rmse < 0.005
        assert (result.at_risk["at_risk"] == result.at_risk["reconstructed"]).all()
        if with_total:
            assert result.events == patients["event"].sum()
        else:
            assert abs(result.events - patients["event"].sum()) <= max(2, 0.03 * number)
        assert any("levelled out" in note for note in result.notes)


def test_the_total_of_events_is_honoured_against_the_curve_and_said():
    free = reconstruct_survival(CURVE, AT_RISK)
    for shift in (-2, 2):
        held = reconstruct_survival(CURVE, AT_RISK, free.events + shift)
        assert held.events == free.events + shift
        assert (held.at_risk["reconstructed"] == held.at_risk["at_risk"]).all()
        (note,) = held.notes
        assert note.endswith(f"of {free.events + shift} placed to meet the total")
        assert len(held.patients) == 100


def test_without_later_numbers_at_risk_the_total_decides_how_many_are_lost():
    rng = np.random.default_rng(5)
    patients = simulated(rng, 300, 20)
    start = pd.DataFrame({"time": [0], "at_risk": [300]})
    total = int(patients["event"].sum())
    rebuilt = reconstruct_survival(corners(patients), start, total)
    assert rebuilt.events == total
    assert rebuilt.rmse < 0.005
    alone = reconstruct_survival(corners(patients), start)
    assert alone.notes == (
        "no later number at risk and no total of events: nobody lost on the way",
    )
    assert alone.patients.query("event == 0")["time"].min() == patients["time"].max()


def test_a_curve_that_reaches_zero_ends_with_everybody_dead():
    curve = pd.DataFrame({"time": [0, 1, 2], "survival": [1, 0.5, 0]})
    rebuilt = reconstruct_survival(curve, pd.DataFrame({"time": [0], "at_risk": [20]}))
    assert rebuilt.patients["event"].all() and rebuilt.events == 20
    assert rebuilt.median == 1


def test_a_level_curve_is_nobody_dead_and_no_median():
    curve = pd.DataFrame({"time": [0, 10], "survival": [1, 1]})
    at_risk = pd.DataFrame({"time": [0, 5], "at_risk": [20, 10]})
    rebuilt = reconstruct_survival(curve, at_risk, printed_median=np.inf)
    assert rebuilt.events == 0 and rebuilt.median == np.inf
    quality = rebuilt.quality.set_index("quantity")
    assert quality.loc["median", "difference"] == 0
    assert rebuilt.restricted_mean(10) == 10


def test_both_ends_of_steps_and_any_order_give_the_same_patients():
    both = pd.DataFrame({"time": [9, 0, 3, 12, 3, 9], "survival": [0.6, 1.0, 1.0, 0.6, 0.8, 0.8]})
    one = reconstruct_survival(CURVE, AT_RISK)
    other = reconstruct_survival(both, AT_RISK)
    pd.testing.assert_frame_equal(one.patients, other.patients)


def test_quality_against_the_printed_figures():
    comparator = reconstruct_survival(CURVE, AT_RISK)
    arm = reconstruct_survival(
        CURVE, AT_RISK, printed_median=14, printed_hazard_ratio=0.9, comparator=comparator
    )
    quality = arm.quality.set_index("quantity")
    assert quality.loc["hazard_ratio", "reconstructed"] == pytest.approx(1)
    assert quality.loc["hazard_ratio", "difference"] == pytest.approx(0.1)
    assert quality.loc["median", "difference"] == np.inf  # never reached in the curve
    assert quality.loc["rmse", "difference"] == arm.rmse


# --- what is cleaned, and what is refused --------------------------------------------------------


def test_small_wobbles_are_cleaned_and_counted():
    curve = pd.DataFrame({"time": [0.5, 3, 5, 9, 12], "survival": [1.004, 0.8, 0.806, 0.6, 0.6]})
    rebuilt = reconstruct_survival(curve, AT_RISK)
    assert rebuilt.notes == (
        "1 point a little outside the axes moved onto them",
        "the start (0, 1) added",
        "1 rise of at most 0.006 levelled out",
    )
    assert (np.diff(rebuilt.curve["survival"]) <= 0).all()


def test_a_curve_that_ends_before_the_last_number_at_risk_is_led_on():
    rebuilt = reconstruct_survival(CURVE[:3], AT_RISK)
    assert rebuilt.notes == ("the curve led on level to 12, the last time at risk",)
    nobody = pd.DataFrame({"time": [0, 6, 20], "at_risk": [100, 70, 0]})
    assert reconstruct_survival(CURVE, nobody).patients["time"].max() == 12


def table(second, times, values):
    return pd.DataFrame({"time": times, second: values})


@pytest.mark.parametrize(
    "curve, at_risk, events, field, words",
    [
        (table("survival", [0, 3, 6], [1, 0.7, 0.8]), AT_RISK, None, "curve.survival",
         "a rise by 0.1 up to 0.8 at time 6"),
        (table("survival", [0, 3, 6], [0.9, 0.8, 0.7]), AT_RISK, None, "curve.survival[0]",
         "add the point (0, 1)"),
        (table("survival", [0, 3, 6], [0, 0.2, 0.4]), AT_RISK, None, "curve.survival[0]",
         "cumulative incidence"),
        (table("survival", [0, 3, 6], [100, 80, 60]), AT_RISK, None, "curve.survival",
         "divide percentages by 100"),
        (table("survival", [0, 3, 6], [1, np.nan, 0.5]), AT_RISK, None, "curve.survival[1]",
         "a finite number"),
        (table("survival", [0, 3, 6], [1, "0,8", 0.5]), AT_RISK, None, "curve.survival[1]", "0,8"),
        (table("surv", [0], [1]), AT_RISK, None, "curve", "name a column survival"),
        (CURVE, table("at_risk", [0, 6, 12], [100, 70, 80]), None, "at_risk.at_risk[2]",
         "at most the 70 at time 6"),
        (CURVE, table("at_risk", [1, 6], [100, 70]), None, "at_risk.time[0]",
         "with the number of patients at the start"),
        (CURVE, table("at_risk", [0, 6, 6], [100, 70, 70]), None, "at_risk.time[2]", "after 6"),
        (CURVE, table("at_risk", [0, 6], [100, 70.5]), None, "at_risk.at_risk[1]", "whole number"),
        (CURVE, table("at_risk", [0, 6], [100, 95]), None, "at_risk.at_risk[1]",
         "at most about 80"),
        (CURVE, AT_RISK, 101, "events", "at most the 100 patients"),
        (CURVE, AT_RISK, 2.5, "events", "whole number"),
        (CURVE, AT_RISK, 5, "events", "which the curve and the numbers at risk imply"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_field_with_a_remedy(curve, at_risk, events, field, words):
    with pytest.raises(ParameterError) as caught:
        reconstruct_survival(curve, at_risk, events)
    (problem,) = caught.value.problems
    assert problem.field == field
    assert words in str(problem)


def test_all_problems_of_a_call_are_told_at_once():
    with pytest.raises(ParameterError) as caught:
        reconstruct_survival(
            table("survival", [0, 1], [1, 1.5]), table("at_risk", [0, 2], [5, 9]), -1
        )
    assert [p.field for p in caught.value.problems] == [
        "at_risk.at_risk[1]", "events", "curve.survival",
    ]  # fmt: skip


def test_a_printed_hazard_ratio_needs_the_other_arm():
    with pytest.raises(ParameterError, match="needs two arms"):
        reconstruct_survival(CURVE, AT_RISK, printed_hazard_ratio=0.8)


def test_patients_far_from_their_curve_are_warned_of_and_noted():
    """Nobody is left at time 6, but the curve goes on falling."""
    at_risk = table("at_risk", [0, 6], [100, 0])
    with pytest.warns(RiskModelWarning, match="a distance of"):
        rebuilt = reconstruct_survival(CURVE, at_risk)
    assert "a distance of" in rebuilt.notes[-1]


@pytest.mark.slow
def test_random_curves_always_give_all_patients_and_every_number_at_risk():
    rng = np.random.default_rng(7)
    for _ in range(40):
        number = int(rng.integers(5, 400))
        patients = simulated(rng, number, rng.uniform(5, 80))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RiskModelWarning)
            rebuilt = reconstruct_survival(
                read_by_hand(rng, patients, step=rng.uniform(0.1, 1)),
                printed_at_risk(patients, every=rng.uniform(2, 12)),
            )
        assert len(rebuilt.patients) == number
        assert (rebuilt.at_risk["at_risk"] - rebuilt.at_risk["reconstructed"]).abs().max() <= 1
        assert (rebuilt.patients["time"] >= 0).all()
