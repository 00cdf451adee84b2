"""Several horizons from the same draws, incidences beside a competing event, composites."""

import itertools

import numpy as np
import pytest

import riskmodel as rm
from riskmodel.decisions.over_time import (
    composite_effects,
    horizon_effects,
    restricted_mean_differences,
)
from riskmodel.errors import ParameterError
from riskmodel.evidence.competing_risks import composite_limits, cumulative_incidence
from riskmodel.evidence.time_varying import restricted_mean
from riskmodel.simulation.horizons import at_horizon, read_horizons, simulate_horizons
from riskmodel.simulation.overlap import any_event_risk, joint_risk

PATIENT = [{"serum_creatinine": 350, "age": 50}]


@pytest.fixture(scope="module")
def over_time(posterior):
    return simulate_horizons(posterior, PATIENT, horizons="36,6,12")


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said", ["6,12,36", " 36 months, 6,12 ", ["6 months", 12, "36 months"], [6.0, "1 year", "36"]]
)
def test_horizons_are_read_in_the_problems_unit_and_sorted(plex_aav, said):
    assert [str(h) for h in read_horizons(plex_aav.problem, said)] == [
        "6 months",
        "12 months",
        "36 months",
    ]


def test_everything_missing_for_any_horizon_is_said_at_once(plex_aav):
    with pytest.raises(ParameterError) as error:
        read_horizons(plex_aav.problem, "1, 12, 24, soon")
    text = str(error.value)
    assert "assumed baseline at 24 months" in text and "assumed baseline at 1 month" in text
    assert "write for example 36 months" in text
    fields = [problem.field for problem in error.value.problems]
    assert fields.count("outcomes.death.baseline.extension") == 2
    with pytest.raises(ParameterError, match="read as months"):
        read_horizons(plex_aav.problem, "")


# --- the grid -----------------------------------------------------------------------------------


def test_each_horizon_is_what_one_simulation_gives(posterior, over_time):
    assert over_time["time"].values.tolist() == [6, 12, 36]
    assert over_time["time"].attrs["units"] == "month"
    for i, horizon in enumerate(("6 months", "12 months", "36 months")):
        alone = rm.simulate(posterior, PATIENT, horizon=horizon, case_mix=False)
        np.testing.assert_array_equal(at_horizon(over_time, i)["risk"], alone["risk"])
        assert at_horizon(over_time, i).attrs["horizon"] == alone.attrs["horizon"]


def test_risks_rise_over_time_under_every_option(over_time):
    assert (over_time["risk"].diff("time") >= 0).all()


def test_effects_at_every_horizon_are_the_single_tables(posterior, over_time):
    table = horizon_effects(over_time)
    assert table["time_unit"].unique().tolist() == ["month"]
    alone = rm.absolute_effects(rm.simulate(posterior, PATIENT, horizon="36 months"))
    late = table[table["time"] == 36].set_index("outcome")
    for row in alone.itertuples():
        assert late.loc[row.outcome, "risk_difference"] == row.risk_difference
        assert late.loc[row.outcome, "number_needed_to_treat"] == row.number_needed_to_treat
    # One number needed to treat is not that of another time.
    kidney = table[table["outcome"] == "end_stage_kidney_disease"]
    assert kidney["number_needed_to_treat"].nunique() == 3


def test_restricted_means_follow_the_curves_draw_by_draw(over_time):
    table = restricted_mean_differences(over_time).set_index(["outcome", "time"])
    risk = over_time["risk"].sel(profile="patient", outcome="death")
    s0, s1 = (
        (1 - risk.sel(option=o)).transpose("chain", "draw", "time").values
        for o in ("standard_care", "plex")
    )
    times = np.array([6.0, 12.0, 36.0])
    gain = restricted_mean(s1, times) - restricted_mean(s0, times)
    for i, time in enumerate(times):
        row = table.loc[("death", time)]
        low, mid, high = np.quantile(gain[..., i], [0.025, 0.5, 0.975])
        assert row[["lower", "restricted_mean_difference", "upper"]].tolist() == pytest.approx(
            [low, mid, high], rel=1e-12
        )
        assert row["prob_benefit"] == (gain[..., i] > 0).mean()
    # Nobody can gain more than the whole time.
    assert (table["upper"] <= table.index.get_level_values("time")).all()


def test_a_risk_that_falls_between_extensions_is_refused(posterior):
    early = posterior.draws["death_second_half_hazard"]
    changed = posterior.draws.assign(death_second_half_hazard=early * 0 - 0.5)
    other = type(posterior)(posterior.loaded, changed, posterior.record)
    with pytest.raises(ParameterError, match="falls from 6 months to 12 months in 100.0%"):
        simulate_horizons(other, PATIENT, horizons="6,12", gate=False)


# --- a competing event --------------------------------------------------------------------------

RIVALS = """\
schema: riskmodel/problem/1
id: rivals
question: Does walking keep runners from falling before they stop?
population: runners
horizon: {value: 1, unit: year}
comparator: rest
options: {rest: {label: Rest}, walk: {label: Walk}}
outcomes:
  fall:
    label: Fall
    unwanted: true
    competing: stop
    baseline: {intercept: {prior: fall}}
    effects: {walk: {scale: hazard_ratio, prior: fall_ratio}}
  stop:
    label: Stop
    unwanted: true
    baseline: {intercept: {prior: stop}}
    effects: {walk: {scale: hazard_ratio, prior: stop_ratio}}
composites:
  fall_or_stop: {label: Fall or stop, of: [fall, stop]}
overlap:
  - {outcomes: [fall, stop], odds_ratio: 3, because: example}
priors:
  fall: {from: [fall]}
  stop: {from: [stop]}
  fall_ratio: {from: [fall_ratio]}
  stop_ratio: {from: [stop_ratio]}
correlations:
  - {priors: [fall_ratio, stop_ratio], rho: 0, because: example}
preferences: {reference: stop, default: me, vary: fall}
panels:
  - {id: me, label: Me, whose: a test, why: example, swing: no event to one, status: judgement,
     reference: stop, weights: {stop: {weight: 1}, fall: {weight: 0.5}}}
sources:
  diary: {citation: A diary, url: "https://example.org/diary", read: all of it, role: primary}
estimates:
  - {id: fall, measure: risk, outcome: fall, counts: {events: 45, n: 100}, population: runners,
     horizon: {value: 1, unit: year}, source: {key: diary, locator: page 1}, printed: 45/100,
     status: seen_primary}
  - {id: stop, measure: risk, outcome: stop, counts: {events: 26, n: 100}, population: runners,
     horizon: {value: 1, unit: year}, source: {key: diary, locator: page 1}, printed: 26/100,
     status: seen_primary}
  - {id: fall_ratio, measure: hazard_ratio, direction: event, outcome: fall, value: 0.5,
     interval: {lower: 0.25, upper: 1.0, level: 0.95, kind: confidence}, population: runners,
     horizon: {value: 1, unit: year}, source: {key: diary, locator: page 2},
     printed: 0.5 (0.25 to 1.0), status: seen_primary}
  - {id: stop_ratio, measure: hazard_ratio, direction: event, outcome: stop, value: 2,
     interval: {lower: 1.0, upper: 4.0, level: 0.95, kind: confidence}, population: runners,
     horizon: {value: 1, unit: year}, source: {key: diary, locator: page 3},
     printed: 2 (1.0 to 4.0), status: seen_primary}
"""


@pytest.fixture(scope="module")
def rivals(tmp_path_factory, drawn):
    path = tmp_path_factory.mktemp("rivals") / "rivals.yaml"
    path.write_text(RIVALS)
    return drawn(rm.load_problem(path))


def test_an_incidence_beside_a_competing_event_is_computed_in_every_draw(rivals):
    risk = rm.simulate(rivals, [{"id": "one"}], gate=False)["risk"].isel(profile=0)
    draws = {name: values.values for name, values in rivals.draws.items()}
    for option in ("rest", "walk"):
        h1, h2 = -np.log1p(-draws["fall"]), -np.log1p(-draws["stop"])
        if option == "walk":
            h1, h2 = h1 * draws["fall_ratio"], h2 * draws["stop_ratio"]
        wanted = cumulative_incidence({"fall": h1, "stop": h2}, [1.0]).incidence["fall"][..., 0]
        np.testing.assert_allclose(risk.sel(option=option, outcome="fall"), wanted, rtol=1e-10)
        # The rival itself stands as it was read.
        np.testing.assert_allclose(
            risk.sel(option=option, outcome="stop"), 1 - np.exp(-h2), rtol=1e-12
        )


def test_a_treatment_that_makes_the_rival_likelier_lowers_the_incidence(rivals):
    """With no effect on falls at all, more stops leave fewer falls: the composite tells."""
    none = rivals.draws.assign(fall_ratio=rivals.draws["fall_ratio"] * 0 + 1)
    risk = rm.simulate(
        type(rivals)(rivals.loaded, none, rivals.record), [{"id": "one"}], gate=False
    )["risk"].isel(profile=0)
    worse = rivals.draws["stop_ratio"].values > 1
    change = (risk.sel(option="walk") - risk.sel(option="rest")).sel(outcome="fall").values
    assert (change[worse] < 0).all() and (change[~worse] >= 0).all()


# --- composites ---------------------------------------------------------------------------------


def test_a_composite_is_the_union_under_the_declared_overlap(rivals):
    outcomes = rm.simulate(rivals, [{"id": "one"}], gate=False)
    row = composite_effects(outcomes).iloc[0]
    arms = {}
    for option in ("rest", "walk"):
        p, q = (
            outcomes["risk"].sel(profile="one", option=option, outcome=o).values
            for o in ("fall", "stop")
        )
        arms[option] = p + q - joint_risk(p, q, 3)
        lower, upper = composite_limits({"fall": p, "stop": q})
        assert ((arms[option] >= lower - 1e-12) & (arms[option] <= upper + 1e-12)).all()
    assert row["risk"] == pytest.approx(np.median(arms["walk"]), rel=1e-12)
    assert row["risk_difference"] == pytest.approx(
        np.median(arms["walk"] - arms["rest"]), rel=1e-12
    )
    assert row["smallest"] <= row["risk"] <= row["largest"]


def test_events_linked_through_a_third_are_summed_over_it():
    """Against enumeration of the eight cells of a chain a - b - c."""
    rng = np.random.default_rng(6)
    for _ in range(50):
        a, b, c = rng.uniform(0.05, 0.95, 3)
        first, second = np.exp(rng.normal(0, 2, 2))
        ab, bc = joint_risk(a, b, first), joint_risk(b, c, second)
        total = 0.0
        for x, y, z in itertools.product((0, 1), repeat=3):
            of_b = b if y else 1 - b
            p_xy = (ab if x else b - ab) if y else (a - ab if x else 1 - a - b + ab)
            p_yz = (bc if z else b - bc) if y else (c - bc if z else 1 - b - c + bc)
            total += p_xy * p_yz / of_b if x or z else 0.0
        risks = {"a": np.array(a), "b": np.array(b), "c": np.array(c)}
        found = any_event_risk(risks, {("a", "b"): first, ("b", "c"): second}, among=["a", "c"])
        assert float(found) == pytest.approx(float(total), rel=1e-10)


def test_the_shipped_composite_is_shown(posterior):
    outcomes = rm.simulate(posterior, PATIENT, case_mix=False)
    row = composite_effects(outcomes).iloc[0]
    assert row["composite"] == "kidney_failure_or_death"
    parts = rm.absolute_effects(outcomes).set_index("outcome")["risk"]
    two = parts[["end_stage_kidney_disease", "death"]]
    assert two.max() < row["risk"] < two.sum()


# --- an effect measured against another option, later -------------------------------------------


@pytest.fixture(scope="module")
def chained(tmp_path_factory, drawn):
    """Running is measured against walking, walking against rest; both go on to two years."""
    text = RIVALS.replace("    competing: stop\n", "")
    text = text.replace("walk: {label: Walk}}", "walk: {label: Walk}, run: {label: Run}}")
    text = text.replace(
        "baseline: {intercept: {prior: fall}}\n    effects: {walk: {scale: hazard_ratio, "
        "prior: fall_ratio}}",
        "baseline:\n      intercept: {prior: fall}\n      extension: [{horizon: {value: 2, unit: "
        "year}, later_hazard_ratio: {prior: later}}]\n    effects:\n      walk: {scale: "
        "hazard_ratio, prior: fall_ratio, waning: {half_life: {value: 1, unit: year}, default: "
        "held, because: example}}\n      run: {scale: hazard_ratio, prior: stop_ratio, "
        "relative_to: walk, waning: {half_life: {value: 1, unit: year}, default: held, "
        "because: example}}",
    )
    text = text.replace(
        "    baseline: {intercept: {prior: stop}}\n    effects: {walk: {scale: hazard_ratio, "
        "prior: stop_ratio}}",
        "    baseline: {fixed_risk: 0, because: example}\n    effects: {walk: {no_effect: example},"
        " run: {no_effect: example}}",
    )
    text = text.replace("  stop: {from: [stop]}\n", "  later: {from: [later], badge: assumed, "
                        "whose: a test, because: example}\n")  # fmt: skip
    text = text.replace("correlations:\n", "").replace(
        "  - {priors: [fall_ratio, stop_ratio], rho: 0, because: example}\n", ""
    )
    start, end = text.index("  - {id: stop, "), text.index("  - {id: fall_ratio")
    text = (
        text[:start]
        + """\
  - {id: later, measure: later_hazard_ratio, outcome: fall, value: 0.8,
     interval: {lower: 0.5, upper: 1.28, level: 0.95, kind: plausible}, population: runners,
     horizon: {value: 2, unit: year}, status: judgement,
     source: {judgement: {whose: a test, why: example}}}
"""
        + text[end:]
    )
    path = tmp_path_factory.mktemp("chained") / "rivals.yaml"
    path.write_text(text)
    return drawn(rm.load_problem(path))


@pytest.mark.parametrize("waning", ["held", "lost", "caught_up", "waning"])
def test_a_chain_of_effects_is_carried_on_once(chained, waning):
    risk = rm.simulate(chained, [{"id": "one"}], horizon="2 years", waning=waning, gate=False)[
        "risk"
    ].sel(profile="one", outcome="fall")
    hazard = {
        option: -np.log1p(-risk.sel(option=option).values) for option in risk["option"].values
    }
    draws = {name: values.values for name, values in chained.draws.items()}
    h, g = -np.log1p(-draws["fall"]), draws["later"]
    walk, run = draws["fall_ratio"], draws["stop_ratio"]
    np.testing.assert_allclose(hazard["rest"], h * (1 + g), rtol=1e-9)
    if waning == "held":  # both ratios hold throughout
        np.testing.assert_allclose(hazard["run"], h * walk * run * (1 + g), rtol=1e-9)
    elif waning == "lost":  # nobody has a ratio any more
        np.testing.assert_allclose(hazard["run"], h * (walk * run + g), rtol=1e-9)
    elif waning == "caught_up":
        np.testing.assert_allclose(hazard["run"], h * (1 + g), rtol=1e-9)
    else:  # between lost and held, as far as running differs from walking
        kept = (hazard["run"] - h * walk * run) / (hazard["walk"] - h * walk)
        low, high = np.minimum(1, run), np.maximum(1, run)
        assert ((kept >= low - 1e-9) & (kept <= high + 1e-9)).all()
