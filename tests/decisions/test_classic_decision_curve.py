"""Classic decision curves: by hand, against a reference package, closed forms and invariances."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import betaincinv

from riskmodel.decisions.classic_decision_curve import (
    decision_curve,
    decision_curve_difference,
    prob_best,
)
from riskmodel.decisions.flagging import Binning, cross_classify
from riskmodel.errors import ParameterError, RiskModelWarning

GRID = np.arange(5, 51, 5) / 100
ALL, NONE = "treat all", "treat none"
REFERENCE_FOLDER = Path(__file__).parent / "reference"


def at(curve, strategy, column="net_benefit"):
    return curve[curve["strategy"] == strategy][column].to_numpy()


def simulated(size=400, seed=5):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=size)
    risk = 1 / (1 + np.exp(1.2 - x))
    other = 1 / (1 + np.exp(1.2 - 0.6 * x - 0.6 * rng.normal(size=size)))
    return pd.DataFrame({"event": rng.random(size) < risk, "model": risk, "marker": other})


def followed(size=400, seed=6, competing=0.3):
    """Follow-up with hazards 0.1 to 1.1 a year, another event, and censoring."""
    rng = np.random.default_rng(seed)
    hazard = 0.1 + rng.random(size)
    own, other = rng.exponential(1 / hazard), rng.exponential(1 / competing, size)
    censored = rng.uniform(0.5, 3, size)
    time = np.minimum(np.minimum(own, other), censored)
    return pd.DataFrame(
        {
            "event": time == own,
            "other": time == other,
            "time": time,
            "model": hazard / (hazard + competing) * -np.expm1(-(hazard + competing)),
        }
    )


# --- by hand --------------------------------------------------------------------------------------

TEN = pd.DataFrame(
    {
        "event": [1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
        "model": [0.9, 0.6, 0.2, 0.7, 0.4, 0.3, 0.2, 0.1, 0.1, 0.0],
    }
)


def test_ten_patients_by_hand():
    # At 0.2: 7 flagged, 3 of them events: 3/10 - 1/4 * 4/10 = 0.2; treating all 3/10 - 7/40.
    # At 0.5: 3 flagged, 2 of them events: 2/10 - 1/10 = 0.1; treating all 3/10 - 7/10.
    curve = decision_curve(TEN, "event", "model", [0.2, 0.5])
    np.testing.assert_allclose(at(curve, "model"), [0.2, 0.1], atol=1e-15)
    np.testing.assert_allclose(at(curve, ALL), [0.125, -0.4], atol=1e-15)
    np.testing.assert_array_equal(at(curve, NONE), 0)
    np.testing.assert_allclose(at(curve, "model", "share_flagged"), [0.7, 0.3])
    np.testing.assert_allclose(at(curve, "model", "true_positives"), [0.3, 0.2])
    np.testing.assert_allclose(at(curve, "model", "false_positives"), [0.4, 0.1])
    np.testing.assert_allclose(at(curve, "model", "standardised_net_benefit"), [2 / 3, 1 / 3])
    # 0.075 of net benefit at odds 1/4 is 0.3: three patients of ten are spared.
    np.testing.assert_allclose(at(curve, "model", "net_interventions_avoided"), [0.3, 0.5])
    assert (curve["prevalence"] == 0.3).all() and (curve["patients"] == 10).all()
    assert (curve["kind"] == "no interval").all() and curve["lower"].isna().all()


def test_a_prediction_at_the_threshold_is_flagged_and_one_of_zero_never_is():
    curve = decision_curve(TEN, "event", "model", [0.0, 0.1, 0.7, 0.9])
    np.testing.assert_allclose(at(curve, "model", "share_flagged"), [0.9, 0.9, 0.2, 0.1])
    assert np.isnan(at(curve, "model", "net_interventions_avoided")[0])  # nothing is traded


def test_a_test_that_is_harmful_to_get_is_worth_less_by_its_harm():
    plain, harmed = (
        decision_curve(TEN, "event", "model", GRID, harm=harm) for harm in (None, {"model": 0.02})
    )
    np.testing.assert_allclose(at(plain, "model") - at(harmed, "model"), 0.02, atol=1e-15)
    np.testing.assert_array_equal(at(plain, ALL), at(harmed, ALL))


def test_cases_and_controls_with_the_prevalence_of_elsewhere():
    # At 0.5 sensitivity is 2/3 and the false positive share 1/7.
    curve = decision_curve(TEN, "event", "model", [0.5], prevalence=0.1)
    assert at(curve, "model").item() == pytest.approx(0.1 * 2 / 3 - 0.9 / 7, abs=1e-15)
    assert at(curve, ALL).item() == pytest.approx(0.1 - 0.9, abs=1e-15)
    same = decision_curve(TEN, "event", "model", GRID, prevalence=0.3)
    plain = decision_curve(TEN, "event", "model", GRID)
    np.testing.assert_allclose(same["net_benefit"], plain["net_benefit"], atol=1e-14)


def test_six_patients_by_kaplan_meier_by_hand():
    # Flagged at 0.5: times 1 (event), 2 (censored), 3 (event), 5: survival 3/4 * 1/2 by time 4.
    data = pd.DataFrame(
        {
            "event": [1, 0, 1, 0, 0, 1],
            "years": [1, 2, 3, 5, 6, 2.5],
            "model": [0.9, 0.8, 0.6, 0.5, 0.1, 0.2],
        }
    )
    curve = decision_curve(data, "event", "model", [0.5], time=4, time_to_event="years")
    assert at(curve, "model", "true_positives").item() == pytest.approx(4 / 6 * 5 / 8, abs=1e-15)
    assert at(curve, "model", "false_positives").item() == pytest.approx(4 / 6 * 3 / 8, abs=1e-15)
    # All: 5/6, then 1 of 4 at 2.5, then 1 of 3 at 3.
    assert curve["prevalence"].iloc[0] == pytest.approx(1 - 5 / 6 * 3 / 4 * 2 / 3, abs=1e-15)


def test_five_patients_with_another_event_first_by_hand():
    # 1: event (1 of 5). 2: other (1 of 4). 3: event (1 of 3): 1/5 + 4/5 * 3/4 * 1/3 = 2/5.
    data = {
        "event": [1, 0, 1, 0, 0],
        "other": [0, 1, 0, 0, 0],
        "years": [1.0, 2.0, 3.0, 9.0, 9.0],
        "model": [0.9] * 5,
    }
    keywords = dict(time=5, time_to_event="years")
    curve = decision_curve(data, "event", "model", [0.5], competing="other", **keywords)
    assert curve["prevalence"].iloc[0] == pytest.approx(0.4, abs=1e-15)
    # Taking the other event for censoring overstates: 1 - 4/5 * 2/3.
    wrong = decision_curve(data, "event", "model", [0.5], **keywords)
    assert wrong["prevalence"].iloc[0] == pytest.approx(7 / 15, abs=1e-15)


def test_events_at_the_same_time_and_at_the_horizon_count():
    data = {"event": [1, 1, 0, 1], "years": [2, 2, 2, 3], "model": [0.5] * 4}
    curve = decision_curve(data, "event", "model", [0.2], time=2, time_to_event="years")
    assert curve["prevalence"].iloc[0] == pytest.approx(0.5)
    curve = decision_curve(data, "event", "model", [0.2], time=3, time_to_event="years")
    assert curve["prevalence"].iloc[0] == pytest.approx(1)


# --- against the reference package ----------------------------------------------------------------

# Of dcurves 1.1.7 on sixteen patients, so that the numbers are held without it too:
# dca(data, "event", ["a", "b"], [0, 0.1, 0.25, 0.4], harm={"b": 0.01})["net_benefit"].
SIXTEEN = pd.DataFrame(
    {
        "event": [1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        "a": np.array([80, 55, 40, 25, 5, 60, 40, 30, 25, 20, 10, 10, 5, 0, 0, 100]) / 100,
        "b": np.array([50, 45, 10, 30, 20, 10, 15, 25, 40, 5, 35, 0, 0, 12, 8, 3]) / 100,
        "time": [1, 3, 2, 6, 2.5, 4, 7, 1.5, 8, 3, 5, 9, 2, 6, 7, 4.5],
    }
)
REFERENCE = {
    ("binary", "a"): [0.3125, 0.194444444444444, 0.145833333333333, 0.0625],
    ("binary", "b"): [0.3025, 0.260833333333333, 0.115, 0.0733333333333333],
    ("binary", "all"): [0.3125, 0.236111111111111, 0.0833333333333333, -0.145833333333333],
    ("control", "a"): [0.15, 0.0513131313131313, -0.00878787878787879, -0.0645454545454545],
    ("survival", "a"): [
        0.279166666666667,
        0.138888888888889,
        0.086309523809524,
        0.0624999999999999,
    ],
    ("survival", "b"): [0.255625, 0.214537037037037, 0.0525, 0.0733333333333333],
}
DESIGNS = {
    "binary": {},
    "control": {"prevalence": 0.15},
    "survival": {"time": 4, "time_to_event": "time"},
}


@pytest.mark.parametrize("design, strategy", REFERENCE)
def test_numbers_are_those_that_the_reference_package_gave(design, strategy):
    curve = decision_curve(
        SIXTEEN, "event", ["a", "b"], [0, 0.1, 0.25, 0.4], harm={"b": 0.01}, **DESIGNS[design]
    )
    name = {"all": ALL}.get(strategy, strategy)
    np.testing.assert_allclose(at(curve, name), REFERENCE[design, strategy], atol=1e-10)


@pytest.mark.parametrize(
    "design, own",
    [
        ("binary", {}),
        ("control", {"prevalence": 0.15}),
        ("survival", {"time": 3, "time_to_event": "time"}),
    ],
)
@pytest.mark.parametrize(
    "theirs, name",
    [
        ("net_benefit", "net_benefit"),
        ("tp_rate", "true_positives"),
        ("fp_rate", "false_positives"),
        ("net_intervention_avoided", "net_interventions_avoided"),
        ("prevalence", "prevalence"),
    ],
)
def test_numbers_equal_those_of_the_reference_package(design, own, theirs, name):
    # Of dcurves, made by reference/make_dcurves_reference.py; versions in the file's first line.
    wanted = pd.read_csv(REFERENCE_FOLDER / "dcurves.csv", comment="#")
    wanted = wanted[wanted["design"] == design]
    wanted = wanted.replace({"model": {"all": ALL, "none": NONE}})
    wanted = wanted.set_index(["model", "threshold"])[theirs].astype(float)
    data = pd.read_csv(REFERENCE_FOLDER / "patients.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RiskModelWarning)  # nobody is left at risk at the far end
        found = decision_curve(
            data, "event", ["model", "other"], np.arange(0, 100) / 100, harm={"other": 0.02}, **own
        )
    found = found.set_index(["strategy", "threshold"])[name].reindex(wanted.index)
    overlap = np.isfinite(wanted)
    if name != "net_benefit":
        overlap &= wanted.index.get_level_values("threshold") > 0
    assert overlap.sum() >= 300
    assert (wanted - found)[overlap].abs().max() < 1e-10


def test_survival_numbers_equal_those_of_the_reference_in_r():
    # R's dcurves, Surv(ttcancer, cancer) ~ famhistory at 1.5 years, threshold 0.01.
    data = pd.read_csv(REFERENCE_FOLDER / "survival_of_dcurves.csv", comment="#")
    curve = decision_curve(data, "cancer", "famhistory", [0.01], time=1.5, time_to_event="ttcancer")
    row = curve.iloc[0]
    found = row[["true_positives", "false_positives", "net_benefit", "prevalence"]].tolist()
    wanted = [0.0531743954260046, 0.10015893790732873, 0.05216268898249623, 0.2201127546956282]
    np.testing.assert_allclose(found, wanted, atol=1e-10)


# --- closed forms ---------------------------------------------------------------------------------


def test_a_calibrated_model_with_uniform_risks_has_the_net_benefit_of_the_integral():
    # E[p; p >= t] = (1 - t^2) / 2 and E[1 - p; p >= t] = (1 - t)^2 / 2: net benefit (1 - t) / 2.
    size = 200_000
    risk = (np.arange(size) + 0.5) / size
    event = np.random.default_rng(2).random(size) < risk
    curve = decision_curve({"event": event, "model": risk}, "event", "model", GRID)
    wanted = (1 - GRID**2) / 2 - GRID / (1 - GRID) * (1 - GRID) ** 2 / 2
    np.testing.assert_allclose(wanted, (1 - GRID) / 2)
    # One patient's contribution has a standard deviation below 0.72; five standard errors.
    np.testing.assert_allclose(at(curve, "model"), wanted, atol=5 * 0.72 / np.sqrt(size))


def test_competing_hazards_have_the_incidence_of_the_closed_form():
    # Hazards 0.6 and 0.3 a year by one year: 2/3 * (1 - exp(-0.9)) = 0.3956; taking the other
    # event for censoring gives 1 - exp(-0.6) = 0.4512.
    rng = np.random.default_rng(8)
    size = 40_000
    own, other = rng.exponential(1 / 0.6, size), rng.exponential(1 / 0.3, size)
    stop = rng.uniform(0.2, 2, size)
    time = np.minimum(np.minimum(own, other), stop)
    data = {"event": time == own, "other": time == other, "time": time, "model": np.ones(size)}
    keywords = dict(time=1, time_to_event="time")
    right = decision_curve(data, "event", "model", [0.2], competing="other", **keywords)
    wrong = decision_curve(data, "event", "model", [0.2], **keywords)
    error = 5 * 0.6 / np.sqrt(size)  # five standard errors; censoring takes a quarter
    assert right["prevalence"].iloc[0] == pytest.approx(0.3956, abs=error)
    assert wrong["prevalence"].iloc[0] == pytest.approx(0.4512, abs=error)


def test_without_censoring_the_incidence_is_the_share_of_patients():
    data = followed(competing=0.3)
    data["time"] = np.where(data["event"] | data["other"], data["time"], 9.0)
    happened = data.assign(event=data["event"] & (data["time"] <= 1))
    curve = decision_curve(
        data, "event", "model", GRID, time=1, time_to_event="time", competing="other"
    )
    plain = decision_curve(happened, "event", "model", GRID)
    np.testing.assert_allclose(curve["net_benefit"], plain["net_benefit"], atol=1e-12)


# --- properties -----------------------------------------------------------------------------------


def test_treating_all_and_none_are_exact():
    data = simulated()
    curve = decision_curve(data, "event", ["model", "marker"], GRID)
    share = data["event"].mean()
    np.testing.assert_allclose(
        at(curve, ALL), share - GRID / (1 - GRID) * (1 - share), rtol=0, atol=1e-15
    )
    assert (at(curve, NONE) == 0).all() and (at(curve, ALL, "share_flagged") == 1).all()
    everyone = decision_curve(data.assign(model=1.0), "event", "model", GRID)
    np.testing.assert_allclose(at(everyone, "model"), at(everyone, ALL), atol=1e-15)
    nobody = decision_curve(data.assign(model=0.0), "event", "model", GRID)
    np.testing.assert_array_equal(at(nobody, "model"), 0)


@pytest.mark.parametrize("keywords", [{}, {"time": 1, "time_to_event": "time"}])
def test_permuting_patients_changes_nothing(keywords):
    data = followed()
    mixed = data.sample(frac=1, random_state=1)
    one, other = (
        decision_curve(d, "event", "model", GRID, draws=200, seed=4, **keywords)
        for d in (data, mixed)
    )
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)


def test_doubling_every_patient_changes_no_point_estimate_and_narrows_the_interval():
    data = simulated()
    twice = pd.concat([data, data], ignore_index=True)
    one, two = (
        decision_curve(d, "event", "model", GRID, draws=2000, seed=4) for d in (data, twice)
    )
    np.testing.assert_allclose(one["net_benefit"], two["net_benefit"], atol=1e-14)
    ratio = (two["upper"] - two["lower"]) / (one["upper"] - one["lower"])
    # 1/sqrt(2) within the noise of limits from 2000 draws.
    np.testing.assert_allclose(ratio.dropna(), 1 / np.sqrt(2), atol=0.08)


def test_swapping_event_labels_turns_net_benefit_into_interventions_avoided():
    # Who is not flagged at t is flagged for the absence of the event at 1 - t.
    data = simulated()
    swapped = data.assign(event=~data["event"], model=1 - data["model"])
    curve = decision_curve(data, "event", "model", GRID)
    other = decision_curve(swapped, "event", "model", 1 - GRID)
    np.testing.assert_allclose(
        at(other, "model")[::-1], at(curve, "model", "net_interventions_avoided"), atol=1e-12
    )


def test_the_order_of_thresholds_and_their_repetition_change_nothing():
    data = simulated()
    one = decision_curve(data, "event", "model", GRID)
    other = decision_curve(data, "event", "model", [*GRID[::-1], *GRID])
    pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize("size", [999, 60_000])
@pytest.mark.parametrize("spacing", [0.01, 1e-5])
def test_bins_are_those_of_plain_comparisons(size, spacing):
    rng = np.random.default_rng(3)
    thresholds = np.arange(0, 60) * spacing
    values = rng.random(size) * 70 * spacing
    values[:200] = thresholds[rng.integers(0, 60, 200)]
    values[200:210], values[210:220] = -0.5, 1.5
    wanted = (values[:, None] >= thresholds).sum(axis=1)
    wanted[values <= 0] = 0  # never flagged
    np.testing.assert_array_equal(Binning(thresholds).bins(values), wanted)
    events = rng.integers(0, 2, size).astype(np.int8)
    counts = Binning(thresholds).counts(values, events)
    np.testing.assert_array_equal(counts.sum(axis=1), np.bincount(wanted, minlength=61))
    np.testing.assert_array_equal(counts[:, 1], np.bincount(wanted, events, minlength=61))


def test_cross_classified_patients_keep_their_labels_when_cells_are_many():
    rng = np.random.default_rng(3)
    columns = [rng.integers(0, 3000, 500) for _ in range(4)]
    cells = cross_classify(columns)
    wanted, count = np.unique(np.stack(columns, axis=1), axis=0, return_counts=True)
    found = np.stack(cells.labels, axis=1)
    order = np.lexsort(found.T[::-1])
    np.testing.assert_array_equal(found[order], wanted)
    np.testing.assert_array_equal(cells.count[order], count)


# --- draws ----------------------------------------------------------------------------------------


def beta_limits(a, b):
    return np.array([betaincinv(a, b, 0.025), betaincinv(a, b, 0.975)])


@pytest.mark.parametrize("uncertainty, prior", [("bayesian_bootstrap", 0), ("dirichlet", 1)])
def test_the_interval_of_treating_all_is_that_of_a_beta_prevalence(uncertainty, prior):
    data = simulated()
    events, size = data["event"].sum(), len(data)
    curve = decision_curve(
        data, "event", ["model", "marker"], [0.2], draws=20_000, seed=2, uncertainty=uncertainty
    )
    row = curve[curve["strategy"] == ALL].iloc[0]
    share = beta_limits(events + prior, size - events + prior)
    wanted = share - 0.25 * (1 - share)
    # A limit from 20,000 draws has a standard error of 0.019 of the interval's own deviations.
    error = 4 * 0.019 * (wanted[1] - wanted[0]) / 3.92
    np.testing.assert_allclose(row[["lower", "upper"]].astype(float), wanted, atol=error)


def test_draws_by_cells_are_distributed_as_draws_by_patients():
    data = simulated(size=150)
    rng = np.random.default_rng(9)
    weights = rng.exponential(size=(20_000, len(data)))
    weights /= weights.sum(axis=1, keepdims=True)
    value = {}
    for name in ("model", "marker"):
        gain = np.where(data["event"], 1, -0.25) * (data[name] >= 0.2)
        value[name] = weights @ gain
    apart = np.quantile(value["model"] - value["marker"], [0.025, 0.975])
    found = decision_curve_difference(
        data, "event", ["model", "marker"], [0.2], versus="marker", draws=20_000, seed=2
    ).iloc[0]
    error = 5 * np.sqrt(2) * 0.019 * np.ptp(apart) / 3.92
    np.testing.assert_allclose([found["lower"], found["upper"]], apart, atol=error)
    curve = decision_curve(data, "event", ["model", "marker"], [0.2], draws=20_000, seed=2)
    row = curve[curve["strategy"] == "model"].iloc[0]
    wanted = np.quantile(value["model"], [0.025, 0.975])
    error = 5 * np.sqrt(2) * 0.019 * np.ptp(wanted) / 3.92
    np.testing.assert_allclose([row["lower"], row["upper"]], wanted, atol=error)


@pytest.mark.parametrize("competing", [None, "other"])
def test_reweighted_incidences_are_distributed_as_those_of_weighted_patients(competing):
    data = followed(size=120)
    keywords = dict(time=1, time_to_event="time", competing=competing)
    curve = decision_curve(data, "event", "model", [0.3], draws=4000, seed=2, **keywords)
    rng = np.random.default_rng(10)
    flagged = data[data["model"] >= 0.3].sort_values("time")
    some = rng.exponential(size=(4000, len(flagged)))
    rest = rng.standard_gamma(len(data) - len(flagged), size=4000)
    at_risk = np.cumsum(some[:, ::-1], axis=1)[:, ::-1]
    seen = (flagged["time"] <= 1).to_numpy()
    own = flagged["event"].to_numpy() & seen
    other = (flagged["other"].to_numpy() & seen) if competing else np.zeros_like(own)
    hazard = np.where(own | other, some / at_risk, 0)
    before = np.cumprod(np.c_[np.ones(4000), 1 - hazard[:, :-1]], axis=1)
    risk = (before * np.where(own, hazard, 0)).sum(axis=1)
    share = some.sum(axis=1) / (some.sum(axis=1) + rest)
    value = share * (risk - 3 / 7 * (1 - risk))
    row = curve.iloc[0]
    limits = np.quantile(value, [0.025, 0.975])
    # Two limits from 4,000 draws each, five standard errors.
    error = 5 * np.sqrt(2) * 0.042 * np.ptp(limits) / 3.92
    np.testing.assert_allclose([row["lower"], row["upper"]], limits, atol=error)


def test_incidence_without_weights_is_that_of_the_reweighted_with_equal_ones(monkeypatch):
    import riskmodel.decisions.flagging as flagging

    def equal(count, size, rng, block=None):
        yield slice(0, size), np.repeat(count[:, None].astype(float), size, axis=1)

    data = followed(size=200).round(2)  # many ties
    data["time"] += 0.01
    bins = Binning(GRID).bins(data["model"].to_numpy())
    kind = np.where(data["other"], 2, data["event"].astype(int))
    follow_up = flagging.FollowUp.by(1.0, data["time"].to_numpy(), kind)
    point = flagging.incidence(follow_up, bins, GRID.size + 1)
    monkeypatch.setattr(flagging, "bootstrap_weights", equal)
    found, share = flagging.incidence_draws(follow_up, [bins], GRID.size + 1, 2, None)
    np.testing.assert_allclose(found[0, :, 1], point, atol=1e-12)
    np.testing.assert_allclose(share[0, 1:, 0], (data["model"].to_numpy() >= GRID[:, None]).mean(1))


def test_intervals_of_cases_and_controls_hold_their_numbers_fixed():
    curve = decision_curve(simulated(), "event", "model", [0.2], prevalence=0.1, draws=500, seed=3)
    row = curve[curve["strategy"] == ALL].iloc[0]
    np.testing.assert_allclose([row["lower"], row["upper"]], 0.1 - 0.25 * 0.9, atol=1e-12)
    row = curve.iloc[0]
    assert row["lower"] < row["net_benefit"] < row["upper"]


def test_a_95_percent_interval_holds_the_truth_19_times_of_20():
    covered, runs = 0, 300
    truth = (1 - 0.3) / 2  # uniform calibrated risks, as above
    for seed in range(runs):
        rng = np.random.default_rng(1000 + seed)
        risk = rng.random(300)
        data = {"event": rng.random(300) < risk, "model": risk}
        row = decision_curve(data, "event", "model", [0.3], draws=400, seed=seed).iloc[0]
        covered += row["lower"] <= truth <= row["upper"]
    # Four binomial standard errors, and half a point for 400 draws.
    assert abs(covered / runs - 0.95) < 4 * np.sqrt(0.95 * 0.05 / runs) + 0.005


def test_probabilities_of_being_best_sum_to_one_and_ties_are_shared():
    data = simulated()
    data["copy"] = data["model"]
    curve = decision_curve(data, "event", ["model", "copy", "marker"], GRID, draws=300, seed=1)
    total = curve.groupby("threshold")["prob_best"].sum()
    np.testing.assert_allclose(total, 1, atol=1e-12)
    np.testing.assert_allclose(at(curve, "model", "prob_best"), at(curve, "copy", "prob_best"))
    assert prob_best(np.zeros((4, 1, 5))).ravel().tolist() == [0.25] * 4


def test_usefulness_is_beating_both_treating_all_and_none():
    many = simulated(size=4000)
    curve = decision_curve(many, "event", "model", [0.3], draws=500, seed=1)
    assert at(curve, "model", "prob_useful").item() == 1
    assert np.isnan(at(curve, ALL, "prob_useful")).all()
    flat = many.assign(model=1.0)  # treats all: never better than that
    curve = decision_curve(flat, "event", "model", GRID, draws=200, seed=1)
    assert at(curve, "model", "prob_useful").max() == 0


def test_differences_are_those_of_the_curves_and_swap_sign():
    data = simulated()
    keywords = dict(draws=500, seed=1)
    names = ["model", "marker"]
    curve = decision_curve(data, "event", names, GRID, **keywords)
    found = decision_curve_difference(data, "event", names, GRID, **keywords)
    pair = found[(found["strategy"] == "model") & (found["versus"] == ALL)]
    np.testing.assert_allclose(pair["difference"], at(curve, "model") - at(curve, ALL), atol=1e-14)
    odds = GRID / (1 - GRID)
    for column, own in (("lower", "avoided_lower"), ("upper", "avoided_upper")):
        np.testing.assert_allclose(pair[column], at(curve, "model", own) * odds, atol=1e-12)
    other = decision_curve_difference(data, "event", names, GRID, versus="model", **keywords)
    back = other[(other["strategy"] == ALL) & (other["versus"] == "model")]
    np.testing.assert_allclose(back["lower"], -pair["upper"].to_numpy(), atol=1e-12)
    assert len(found) == 6 * GRID.size and len(other) == 3 * GRID.size


def test_the_same_seed_gives_the_same_numbers_and_none_is_named():
    data = simulated()
    with pytest.warns(RiskModelWarning, match="drew"):
        one = decision_curve(data, "event", "model", GRID, draws=200)
    other = decision_curve(data, "event", "model", GRID, draws=200, seed=one.attrs["seed"])
    pd.testing.assert_frame_equal(one, other)
    assert other.attrs["draws"] == 200
    zero = decision_curve(data, "event", "model", GRID, draws=200, seed=0)
    assert zero.attrs["seed"] == 0


def test_the_two_ways_of_drawing_agree_on_many_patients():
    data = simulated(size=4000)
    one, other = (
        decision_curve(data, "event", ["model", "marker"], GRID, draws=4000, seed=1, uncertainty=u)
        for u in ("bayesian_bootstrap", "dirichlet")
    )
    width = (one["upper"] - one["lower"]).to_numpy()
    for column in ("lower", "upper"):
        # The prior is two patients in 4,000; limits differ by Monte Carlo error.
        assert (np.abs(one[column] - other[column]) <= 0.1 * width + 5e-3).all()


# --- predictions as draws, and other forms of input -----------------------------------------------


def test_predictions_as_draws_are_averaged_before_acting():
    data = simulated(size=200)
    rng = np.random.default_rng(1)
    logit = np.log(data["model"] / (1 - data["model"])).to_numpy()
    samples = 1 / (1 + np.exp(-(logit + rng.normal(0, 0.4, (50, 1)))))
    curve = decision_curve(data, "event", {"fitted": samples}, GRID)
    plain = decision_curve(data.assign(m=samples.mean(axis=0)), "event", "m", GRID)
    np.testing.assert_array_equal(at(curve, "fitted"), at(plain, "m"))
    by_draw = [at(decision_curve(data.assign(m=s), "event", "m", GRID), "m") for s in samples]
    limits = np.quantile(by_draw, [0.025, 0.975], axis=0)
    np.testing.assert_allclose(at(curve, "fitted", "rule_lower"), limits[0], atol=1e-12)
    np.testing.assert_allclose(at(curve, "fitted", "rule_upper"), limits[1], atol=1e-12)
    for same in (
        np.stack([samples]),
        xr.DataArray(samples[None, None], dims=("strategy", "chain", "draw", "patient")),
    ):
        other = decision_curve(data, "event", same, GRID)
        np.testing.assert_array_equal(other["net_benefit"], curve["net_benefit"])
        np.testing.assert_array_equal(other["rule_lower"], curve["rule_lower"])


def test_tables_of_every_kind_give_the_same_curve():
    data = simulated()
    wanted = decision_curve(data, "event", "model", GRID)
    arrays = {name: data[name].to_numpy() for name in data}
    for other in (arrays, xr.Dataset.from_dataframe(data), data.set_index("marker")):
        pd.testing.assert_frame_equal(decision_curve(other, "event", ["model"], GRID), wanted)
    named = decision_curve(data, "event", {"model": "model"}, GRID)
    pd.testing.assert_frame_equal(named, wanted)


# --- bad and doubtful input -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, keywords, field, words",
    [
        ({}, {"outcome": "evnt"}, "outcome", "did you mean 'event'"),
        ({}, {"predictions": ["model", "markr"]}, "predictions", "did you mean 'marker'"),
        ({"model": np.nan}, {}, "predictions.model", "missing"),
        ({"event": 2}, {}, "outcome.event", "0 or 1"),
        ({"event": np.nan}, {}, "outcome.event", "missing"),
        ({"model": "high"}, {}, "predictions.model", "numbers"),
        ({}, {"thresholds": [20, 30]}, "thresholds", "divide percentages by 100"),
        ({}, {"thresholds": [0.1, np.nan]}, "thresholds", "finite"),
        ({}, {"thresholds": []}, "thresholds", "reasonable range"),
        ({}, {"prevalence": 15}, "prevalence", "divide percentages by 100"),
        ({}, {"time": 1}, "time_to_event", "both"),
        ({}, {"time_to_event": "time"}, "time", "both"),
        ({}, {"time": 9, "time_to_event": "time"}, "time", "longest follow-up"),
        ({}, {"time": 1, "time_to_event": "time", "prevalence": 0.1}, "prevalence", "estimated"),
        ({"time": -1}, {"time": 1, "time_to_event": "time"}, "time_to_event", "0 or more"),
        ({}, {"competing": "other"}, "competing", "time_to_event"),
        ({}, {"time": 1, "time_to_event": "time", "competing": "event"}, "competing", "first"),
        ({}, {"harm": {"modl": 0.1}}, "harm.modl", "did you mean 'model'"),
        ({}, {"harm": {"model": -0.1}}, "harm.model", "0 or more"),
        ({}, {"draws": 10}, "draws", "100 or more"),
        ({}, {"draws": 200, "seed": -1}, "seed", "whole number"),
        ({}, {"uncertainty": "bootstrap", "draws": 200}, "uncertainty", "bayesian_bootstrap"),
        ({}, {"predictions": {"model": np.ones((3, 7))}}, "predictions.model", "last dimension"),
        ({}, {"predictions": {ALL: "model"}}, "predictions", "rename"),
        ({}, {"predictions": []}, "predictions", "at least one"),
    ],
)
def test_bad_input_is_refused_with_what_would_mend_it(change, keywords, field, words):
    data = followed(size=50).assign(marker=0.5, event=lambda d: d["event"].astype(float))
    data = data.astype(dict.fromkeys(change, object))
    for name, value in change.items():
        data.loc[3, name] = value
    arguments = {"outcome": "event", "predictions": "model", "thresholds": [0.1, 0.2], "seed": 1}
    with pytest.raises(ParameterError) as caught:
        decision_curve(data, **(arguments | keywords))
    (problem,) = caught.value.problems
    assert problem.field == field and words in str(problem)


def test_every_problem_is_reported_at_once():
    with pytest.raises(ParameterError) as caught:
        decision_curve(simulated(), "evnt", "modl", [5], draws=1, prevalence=2)
    assert len(caught.value.problems) == 5


def test_a_table_without_patients_or_without_cases_is_refused():
    with pytest.raises(ParameterError, match="no patients"):
        decision_curve(simulated().iloc[:0], "event", "model", GRID)
    with pytest.raises(ParameterError, match="cases or controls alone"):
        decision_curve(simulated().assign(event=False), "event", "model", GRID, prevalence=0.1)
    none = decision_curve(simulated().assign(event=False), "event", "model", GRID)
    assert (at(none, "model") <= 0).all()
    assert none["standardised_net_benefit"].isna().all()


def test_the_whole_range_of_thresholds_is_warned_of():
    with pytest.warns(RiskModelWarning, match="range that is reasonable"):
        decision_curve(TEN, "event", "model", np.arange(0, 100) / 100)


@pytest.mark.parametrize("change", [lambda x: 10 * x - 1, lambda x: 100 * x])
def test_predictions_that_are_no_risks_are_refused(change):
    scores = TEN.assign(model=change(TEN["model"]))
    with pytest.raises(ParameterError) as caught:
        decision_curve(scores, "event", "model", [0.2])
    (problem,) = caught.value.problems
    assert problem.field == "predictions.model" and "divide percentages" in problem.remedy


def test_nobody_followed_to_the_horizon_gives_no_number_but_a_warning():
    data = {"event": [1, 0, 0, 0], "years": [1, 2, 9, 9], "model": [0.9, 0.8, 0.1, 0.1]}
    with pytest.warns(RiskModelWarning, match="nobody is followed"):
        curve = decision_curve(data, "event", "model", [0.05, 0.5], time=5, time_to_event="years")
    value = at(curve, "model")
    assert np.isfinite(value[0]) and np.isnan(value[1])
    assert at(curve, "model", "share_flagged")[1] == 0.5
    # Where the last of them had the event, nobody is left, and the risk is known to be 1.
    data["event"] = [1, 1, 0, 0]
    curve = decision_curve(data, "event", "model", [0.5], time=5, time_to_event="years")
    assert at(curve, "model", "true_positives").item() == pytest.approx(0.5)
