"""Simulated pathways: known answers, limits, conservation, the same bits however they are cut."""

import runpy
import tempfile
import tracemalloc
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate

from riskmodel.errors import ParameterError, RiskModelWarning
from riskmodel.evidence.policies import load_policy
from riskmodel.simulation.course_risk import CourseSource, course_risk
from riskmodel.simulation.frailty import hazard_of_risk
from riskmodel.simulation.pathway_tables import split_error
from riskmodel.simulation.pathways import simulate_pathway
from riskmodel.simulation.random_numbers import use_number

FILES = runpy.run_path(str(Path(__file__).parents[1] / "pathway_files.py"))
courses_policy, policy, prior, write = (
    FILES[name] for name in ("courses_policy", "policy", "prior", "write")
)
estimate, exponential, time = (FILES[name] for name in ("estimate", "exponential", "time"))

SHIPPED = {
    "stepwise_immunotherapy": {},
    "grade_based_algorithm": {"neuropathy_grade": 3},
    "grade_or_failure_algorithm": {"neuropathy_grade": 2, "symptoms_progressing": True},
    "repair_timing_by_mechanism": {"injury_mechanism": "closed"},
}


@pytest.fixture(scope="module")
def walks(tmp_path_factory):
    return load_policy(write(tmp_path_factory.mktemp("walks"), policy()))


@pytest.fixture(scope="module")
def stepwise():
    return load_policy("stepwise_immunotherapy")


def row(result, quantity):
    table = result.summary().set_index("quantity")
    return table.loc[quantity]


def close(found, expected, errors=4):
    """Say whether a simulated mean lies within so many of its standard errors."""
    return abs(found["mean"] - expected) <= errors * found["standard_error_patients"] + 1e-12


# --- known answers --------------------------------------------------------------------------------


def two_stages(rate, death, first, second, change, t):
    """Return the cumulative incidence of recovery by t, death competing, in closed form."""
    a, b = rate * first + death, rate * second + death
    early = rate * first / a * -np.expm1(-a * np.minimum(t, change))
    late = rate * second / b * -np.expm1(-b * np.maximum(t - change, 0)) * np.exp(-a * change)
    return early + late


def test_two_stages_with_competing_death_are_their_closed_form(walks):
    given = {"rest_ratio": 0.5, "walk_ratio": 2.0, "death_risk": 0.2, "healing": 60.0}
    result = simulate_pathway(given, walks, n=100_000, draws=1, seed=11)
    rate, death = np.log(2) / 60, -np.log(0.8) / 100
    numbers = (rate, death, 0.5, 2.0, 30)
    # all within 4 standard errors of 100 000 patients: each fails by chance once in 16 000
    assert close(row(result, "recovery_by_horizon"), two_stages(*numbers, 100.0))
    restricted, _ = integrate.quad(lambda t: 1 - two_stages(*numbers, t), 0, 100, points=[30])
    assert close(row(result, "time_to_recovery"), restricted)
    still = np.exp(-(rate * 0.5 + death) * 30)
    assert close(row(result, "ever_in_walk"), still)
    assert close(row(result, "time_in_rest"), (1 - still) / (rate * 0.5 + death))
    curve = result.endpoint_curves()
    curve = curve[curve["endpoint"] == "recovery"]
    exact = two_stages(*numbers, curve["time"].to_numpy())
    error = np.sqrt(exact * (1 - exact) / 200_000)
    assert (np.abs(curve["mean"] - exact) <= 4 * error + 1e-12).all()
    # and not what one minus Kaplan-Meier would say
    assert abs(-np.expm1(-rate * (15 + 140)) - exact[-1]) > 0.05
    # mortality does not end at recovery
    assert close(row(result, "death_by_horizon"), 0.2)


def test_response_decides_the_next_stage_and_the_ratio_holds_from_it(tmp_path):
    data = policy(
        death=None,
        stages={
            "rest": {
                "label": "Rest",
                "response": {"share": {"prior": "share"}, "time": "answer"},
                "recovery": {"hazard_ratio": {"prior": "rest_ratio"}, "among": "responders"},
                "assess": {
                    "after": {"value": 30, "unit": "day"},
                    "because": "example",
                    "success": "response",
                    "on_success": "good",
                    "on_failure": "bad",
                },
            },
            "good": {"label": "Good"},
            "bad": {"label": "Bad"},
        },
        times={
            "healing": exponential(60),
            "answer": time(family="fixed", median={"value": 10, "unit": "day"}),
        },
        priors={
            "rest_ratio": prior("ratio", log_sd=0.3),
            "share": prior("small_risk", effective_sample_size=50),
        },
    )
    result = simulate_pathway(
        {"rest_ratio": 3.0, "share": 0.4, "healing": 60.0},
        load_policy(write(tmp_path, data)), n=100_000, draws=1, seed=2,
    )  # fmt: skip
    rate = np.log(2) / 60
    waits = np.exp(-rate * 10)
    responders = 0.4 * waits * np.exp(-rate * 3 * 20)
    others = 0.6 * np.exp(-rate * 30)
    assert close(row(result, "ever_in_good"), responders)
    assert close(row(result, "ever_in_bad"), others)
    assert close(row(result, "response_by_horizon"), 0.4 * waits)


def test_cure_and_time_since_onset_condition_on_not_having_recovered(tmp_path):
    data = policy(
        death=None,
        covariates={"weeks": {"label": "Weeks", "unit": "week", "default": 0}},
        natural_recovery={
            "endpoint": "running again",
            "time": "healing",
            "never": {"prior": "never"},
            "since_onset": {"covariate": "weeks", "unit": "week"},
        },
        stages={"rest": {"label": "Rest"}},
        times={"healing": time(family="lognormal", median={"value": 60, "unit": "day"}, shape=0.7)},
        priors={"never": prior("small_risk", effective_sample_size=50)},
    )
    result = simulate_pathway(
        {"never": 0.3}, load_policy(write(tmp_path, data)),
        [{"id": "new", "weeks": 0}, {"id": "late", "weeks": 12}], n=100_000, draws=1, seed=4,
    )  # fmt: skip
    from scipy.stats import lognorm

    free = lognorm(0.7, scale=60).sf

    def survival(t):
        return 0.3 + 0.7 * free(t)

    table = result.summary().set_index(["profile", "quantity"])
    for profile, start in (("new", 0.0), ("late", 84.0)):
        expected = 1 - survival(start + 100) / survival(start)
        assert close(table.loc[(profile, "recovery_by_horizon")], expected), profile


def test_falls_by_course_are_those_of_quadrature_over_frailty(tmp_path):
    loaded = load_policy(write(tmp_path, courses_policy(4, sd=1.0)))
    given = {"never": 1.0, "first_fall": 0.12, "later_fall": 0.03}
    result = simulate_pathway(given, loaded, n=200_000, draws=1, seed=5)
    source = CourseSource("same", first=0.12, later=0.03)
    exact = course_risk(source, courses=4, between_patient_sd=1.0, draws=1)
    assert close(row(result, "any_fall"), exact["mean"].iloc[-1])
    # the plug-in is another number, further off than the error of simulation
    plug_in = exact["plug_in"].iloc[-1]
    assert not close(row(result, "any_fall"), plug_in)
    hazards = hazard_of_risk([0.12, 0.03], 1.0)
    assert close(row(result, "fall"), hazards[0] + 3 * hazards[1])
    assert row(result, "courses")["mean"] == 4


def test_falls_come_in_the_windows_of_their_course(tmp_path):
    loaded = load_policy(write(tmp_path, courses_policy(2)))
    given = {"never": 1.0, "first_fall": 0.2, "later_fall": 0.2}
    result = simulate_pathway(given, loaded, n=50_000, draws=1, seed=6, keep="patients")
    first = result.patients["first_fall"]
    first = first[np.isfinite(first)]
    in_first, in_gap = first < 10, (first > 8) & (first < 10)
    assert not in_gap.any()
    # of those whose first event is of the first course: hazard 75% in the first two days
    hazard = -np.log(0.8)
    expected = -np.expm1(-0.75 * hazard) / 0.2
    share, n = (first[in_first] <= 2).mean(), in_first.sum()
    assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / n)


def test_dose_rate_and_interval_multiply_the_hazard_of_a_course(tmp_path):
    """Of three courses; hazard ratios per step: 1.5 a unit of dose, 2 for 5 of rate, 0.8 for 10 days."""
    data = courses_policy(3)
    stage = data["stages"]["hills"]
    stage["courses"] |= {
        "dose": {"value": 3, "unit": "g/kg"},
        "infusion_rate": {"value": 15, "unit": "mg/kg/min"},
    }
    changes = {
        "dose": ("per_km", {"per": 1, "reference": 1, "unit": "g/kg"}),
        "infusion_rate": ("per_rate", {"per": 5, "reference": 10, "unit": "mg/kg/min"}),
        "interval": ("per_days", {"per": 10, "reference": 20, "unit": "day"}),
    }
    for word, (name, parts) in changes.items():
        stage["events"]["fall"][word] = {"hazard_ratio": {"prior": name}, **parts}
        data["priors"][name] = prior(f"{name}_ratio", log_sd=0.2)
        data["estimates"].append(estimate(f"{name}_ratio", "hazard_ratio", 1.2, direction="event"))
    given = {"never": 1.0, "first_fall": 0.05, "later_fall": 0.02}
    ratios = {"per_km": 1.5, "per_rate": 2.0, "per_days": 0.8}
    loaded = load_policy(write(tmp_path, data))
    result = simulate_pathway(given | ratios, loaded, n=200_000, draws=1, seed=9)
    first, later = -np.log1p([-0.05, -0.02])
    common = 1.5**2 * 2.0  # two steps of dose, one of rate
    assert close(row(result, "fall"), common * (first + 2 * later / 0.8))
    plain = simulate_pathway(given | dict.fromkeys(ratios, 1.0), loaded, n=200_000, draws=1, seed=9)
    assert close(row(plain, "fall"), first + 2 * later)


def test_an_event_that_stops_a_stage_ends_its_courses(tmp_path):
    loaded = load_policy(write(tmp_path, courses_policy(5, stops=True)))
    given = {"never": 1.0, "first_fall": 0.3, "later_fall": 0.3}
    result = simulate_pathway(given, loaded, n=50_000, draws=1, seed=7, keep="patients")
    kept = result.patients
    assert kept["fall"].max() == 1
    fell = kept["fall"] > 0
    assert close(row(result, "any_fall"), 1 - 0.7**5)
    assert close(row(result, "ever_in_sofa"), 1 - 0.7**5)
    assert (kept["courses"][~fell] == 5).all()
    given = np.floor(kept["first_fall"][fell] / 10).astype(int) + 1
    assert (kept["courses"][fell] == given).all()
    assert np.allclose(kept["time_in_hills"][fell], kept["first_fall"][fell])


def test_fatal_events_kill_their_share(tmp_path):
    loaded = load_policy(write(tmp_path, courses_policy(1, later=False, fatal=True)))
    given = {"never": 1.0, "first_fall": 0.5, "fatal_fall": 0.3}
    result = simulate_pathway(given, loaded, n=50_000, draws=1, seed=8)
    # events are a Poisson process with mean log 2; a share of 0.3 of them kill
    assert close(row(result, "death_by_horizon"), 1 - np.exp(-0.3 * np.log(2)))


def test_background_events_go_on_everywhere_without_courses(tmp_path):
    data = policy(
        events={
            "fall": {
                "label": "Fall",
                "windows": [{"until": {"value": 1, "unit": "day"}, "share": 1}],
                "because": "example",
                "background": {"prior": "falls"},
            }
        },
        death=None,
    )
    data["priors"]["falls"] = prior("fall_rate", log_sd=0.3)
    data["priors"].pop("death_risk")
    data["estimates"].append(
        estimate("fall_rate", "rate", 1.0, per={"value": 100, "unit": "day", "of": "days"})
    )
    result = simulate_pathway(
        {"falls": 0.02, "rest_ratio": 1.0, "walk_ratio": 1.0},
        load_policy(write(tmp_path, data)), n=20_000, draws=1, seed=8,
    )  # fmt: skip
    found = row(result, "fall")
    assert close(found, 2.0)
    assert found["standard_error_patients"] == pytest.approx(np.sqrt(2 / 20_000), rel=0.05)


def test_relapse_sends_patients_back_with_a_new_episode(tmp_path):
    data = policy(
        death=None,
        stages={"rest": {"label": "Rest"}},
        relapse={
            "risk": {"prior": "again"}, "by": {"value": 100, "unit": "day"}, "go_to": "rest",
            "at_most": 3,
        },
        priors={"again": prior("small_risk", effective_sample_size=50)},
    )  # fmt: skip
    loaded = load_policy(write(tmp_path, data))
    result = simulate_pathway({"again": 0.9}, loaded, n=50_000, draws=1, seed=9)
    rate, back = np.log(2) / 60, -np.log(0.1) / 100
    # the first relapse: a sum of two exponentials, in closed form
    exact = 1 - (back * np.exp(-rate * 100) - rate * np.exp(-back * 100)) / (back - rate)
    assert close(row(result, "relapse_by_horizon"), exact)
    # time recovered in an on-off process; up to three relapses are almost all there are
    exact = rate / (rate + back) * (100 - -np.expm1(-(rate + back) * 100) / (rate + back))
    found = row(result, "time_in_recovered")
    assert abs(found["mean"] - exact) < 4 * found["standard_error_patients"] + 0.05


def test_it_has_the_same_patients_as_a_loop_of_one_after_another():
    bench = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "bench_pathways.py"))
    numbers = {
        "answers": "RESPONDS", "never": "NEVER", "death": "DIES", "ratio": "RATIO",
        "fall": "FIRST_FALL", "later": "LATER_FALL", "healing": "HEALS", "answering": "ANSWERS",
    }  # fmt: skip
    given = {name: np.full(2, bench[constant]) for name, constant in numbers.items()}
    each = bench["PATIENTS"] // bench["DRAWS"]
    uses = ("natural recovery", "death", "frailty:fall", "event:fall")
    uses += tuple(f"response:{stage}" for stage in bench["STAGES"])
    hazards = hazard_of_risk([bench["FIRST_FALL"], bench["LATER_FALL"]], bench["SPREAD"])
    loop = bench["looped"](
        2 * each, bench["counted"], {use: use_number(use) for use in uses}, tuple(hazards)
    )
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_policy(bench["written"](Path(folder)))
    result = simulate_pathway(given, loaded, n=2 * each, draws=2, seed=1)
    totals = result.totals[0]
    assert loop == {
        "recovered": totals.reached[:, 1, -1].sum(),
        "falls": totals.measures[:, list(result.means(0)).index("fall")].sum(),
    }
    assert loop["recovered"] > each and loop["falls"] > 200


# --- limits ---------------------------------------------------------------------------------------


def test_nothing_happens_without_hazard(tmp_path):
    loaded = load_policy(write(tmp_path, courses_policy(3, sd=0.5, fatal=True)))
    given = {"never": 1.0, "first_fall": 0.0, "later_fall": 0.0, "fatal_fall": 1.0}
    result = simulate_pathway(given, loaded, n=2000, draws=1, seed=1)
    for quantity in ("recovery_by_horizon", "any_fall", "death_by_horizon"):
        assert row(result, quantity)["mean"] == 0
    assert row(result, "time_in_hills")["mean"] == 30


def test_everything_happens_at_once_under_an_endless_hazard(walks, tmp_path):
    given = {"rest_ratio": 1e12, "walk_ratio": 1.0, "death_risk": 0.0}
    result = simulate_pathway(given, walks, n=2000, draws=1, seed=1)
    assert row(result, "recovery_by_horizon")["mean"] == 1
    assert row(result, "time_to_recovery")["mean"] < 1e-3
    given = {"rest_ratio": 1.0, "walk_ratio": 1.0, "death_risk": 1.0}
    result = simulate_pathway(given, walks, n=2000, draws=1, seed=1)
    assert row(result, "death_by_horizon")["mean"] == 1
    assert row(result, "time_in_dead")["mean"] == pytest.approx(100, abs=1e-3)
    loaded = load_policy(write(tmp_path, courses_policy(3, stops=True)))
    given = {"never": 1.0, "first_fall": 1.0, "later_fall": 0.0}
    result = simulate_pathway(given, loaded, n=2000, draws=1, seed=1)
    assert row(result, "any_fall")["mean"] == 1 and row(result, "courses")["mean"] == 1


# --- conservation and identity --------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_every_patient_is_in_exactly_one_state_at_every_time(name):
    result = simulate_pathway(
        None, name, [SHIPPED[name]], n=3000, draws=50, seed=3, keep="patients"
    )
    occupied = result.totals[0].occupied
    assert (occupied.sum(axis=1) == result.patients_per_draw).all()
    assert occupied.min() >= 0
    together = sum(result.patients[f"time_in_{state}"] for state in result.plan.states)
    np.testing.assert_allclose(together, result.plan.horizon, rtol=1e-12)
    states = result.states()
    assert states.groupby("time")["probability"].sum().to_numpy() == pytest.approx(1, abs=1e-12)
    moves = result.moves()
    assert moves[moves["move"] == 0]["share"].sum() == pytest.approx(1)


def same(one, other):
    for mine, theirs in zip(one.totals, other.totals, strict=True):
        for part in fields(mine):
            assert (getattr(mine, part.name) == getattr(theirs, part.name)).all(), part.name
    if one.patients is not None:
        for name, values in one.patients.items():
            assert (values == other.patients[name]).all(), name


def test_the_same_bits_for_any_chunk_and_with_or_without_compiled_numbers(stepwise):
    def run(**how):
        return simulate_pathway(
            None, stepwise, [{"id": "a"}, {"id": "b", "prior_thrombosis": True}],
            n=600, draws=20, seed=12, keep="patients", **how,
        )  # fmt: skip

    whole = run()
    for chunk in (13, 128, 10_000):
        same(whole, run(chunk=chunk))
    same(whole, run(compiled=True, chunk=177))
    assert whole.summary().equals(run(chunk=100).summary())


def test_the_same_bits_in_threads(stepwise):
    def run(**how):
        return simulate_pathway(None, stepwise, n=2000, draws=40, seed=1, keep="patients", **how)

    with ThreadPoolExecutor(3) as threads:
        same(run(), run(executor=threads, chunk=300))


@pytest.mark.slow
def test_the_same_bits_in_processes(stepwise):
    def run(**how):
        return simulate_pathway(None, stepwise, n=2000, draws=40, seed=1, keep="patients", **how)

    with ProcessPoolExecutor(2) as processes:
        same(run(), run(executor=processes, chunk=900))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_patients(stepwise):
    peaks = []
    for n in (40_000, 400_000):
        tracemalloc.start()
        simulate_pathway(None, stepwise, n=n, draws=100, seed=1, chunk=4096, compiled=True)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


# --- the parts of the error -----------------------------------------------------------------------


def test_error_is_split_between_patients_and_numbers():
    rng = np.random.default_rng(3)
    draws, patients, between, within = 4000, 25, 0.3, 2.0
    truth = 1 + between * rng.standard_normal(draws)
    sample = truth[:, None] + within * rng.standard_normal((draws, patients))
    found = split_error(sample.mean(axis=1), sample.var(axis=1, ddof=1), patients, 0.95)
    # 4000 draws know a standard deviation to about 1.1%, and the parts a little less well
    assert found["standard_error_patients"] == pytest.approx(
        within / np.sqrt(draws * patients), rel=0.03
    )
    assert found["standard_error_draws"] == pytest.approx(between / np.sqrt(draws), rel=0.1)
    assert found["standard_error"] == pytest.approx(
        np.hypot(found["standard_error_patients"], found["standard_error_draws"])
    )
    # the interval is of the numbers, without the noise of 25 patients
    assert found["upper"] - found["lower"] == pytest.approx(2 * 1.96 * between, rel=0.08)


def test_more_patients_leave_what_the_numbers_leave_open(walks):
    few = simulate_pathway(None, walks, n=400 * 20, draws=400, seed=1)
    many = simulate_pathway(None, walks, n=400 * 400, draws=400, seed=1)
    a, b = row(few, "recovery_by_horizon"), row(many, "recovery_by_horizon")
    assert b["standard_error_patients"] == pytest.approx(
        a["standard_error_patients"] / np.sqrt(20), rel=0.1
    )
    # the same draws of the numbers, whose spread is found again under the noise
    assert a["standard_error_draws"] == pytest.approx(b["standard_error_draws"], rel=0.2)
    assert abs(a["mean"] - b["mean"]) < 4 * a["standard_error_patients"]


# --- numbers and patients -------------------------------------------------------------------------


def test_draws_of_a_prior_depend_on_its_name_and_the_seed_only(walks):
    one = simulate_pathway(None, walks, n=100, draws=50, seed=1).parameters
    given = simulate_pathway({"walk_ratio": 1.0}, walks, n=100, draws=50, seed=1).parameters
    assert (one.values["rest_ratio"] == given.values["rest_ratio"]).all()
    assert given.given == ("walk_ratio",) and (given.values["walk_ratio"] == 1).all()
    other = simulate_pathway(None, walks, n=100, draws=50, seed=2).parameters
    assert (one.values["rest_ratio"] != other.values["rest_ratio"]).all()


def test_arrays_of_anybody_are_taken_draw_by_draw(walks):
    ratios = np.linspace(0.2, 5, 40)
    result = simulate_pathway({"rest_ratio": ratios, "death_risk": 0.0}, walks, n=40_000, seed=1)
    assert result.draws == 40 and (result.parameters.values["rest_ratio"] == ratios).all()
    reached = result.totals[0].visits[:, 1] / result.patients_per_draw
    exact = np.exp(-ratios * 0.5 * np.log(2))
    assert np.abs(reached - exact).max() < 4.5 * np.sqrt(0.25 / 1000)
    thinned = simulate_pathway({"rest_ratio": ratios}, walks, n=100, draws=10, seed=1)
    assert (thinned.parameters.values["rest_ratio"] == ratios[::4]).all()


@pytest.mark.parametrize(
    "given, field, words",
    [
        ({"rest_ration": 1.0}, "posterior.rest_ration", "did you mean 'rest_ratio'?"),
        ({"rest_ratio": -1.0}, "posterior.rest_ratio", "above 0"),
        ({"death_risk": 12.0}, "posterior.death_risk", "from 0 to 1"),
        ({"rest_ratio": [1.0, np.nan]}, "posterior.rest_ratio", "finite"),
        ({"rest_ratio": np.ones(3), "walk_ratio": np.ones(4)}, "posterior", "one length"),
        ("draws", "posterior", "a mapping of names to draws"),
    ],
)
def test_draws_that_cannot_be_are_refused(walks, given, field, words):
    with pytest.raises(ParameterError) as caught:
        simulate_pathway(given, walks, n=100, seed=1)
    (problem,) = caught.value.problems
    assert problem.field == field and words in str(problem)


def test_a_fitted_posterior_gives_what_it_has_under_the_same_names(walks):
    import xarray as xr

    class Fitted:
        draws = xr.Dataset(
            {
                "rest_ratio": (("chain", "draw"), np.full((2, 5), 2.0)),
                "something_else": (("chain", "draw"), np.zeros((2, 5))),
                "effect": (("chain", "draw", "option"), np.zeros((2, 5, 1))),
            }
        )

    result = simulate_pathway(Fitted(), walks, n=100, seed=1)
    assert result.draws == 10 and result.parameters.given == ("rest_ratio",)


@pytest.mark.parametrize(
    "words, field",
    [
        ({"n": 0}, "n"),
        ({"n": 10.5}, "n"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"keep": "all"}, "keep"),
        ({"chunk": 0}, "chunk"),
        ({"draws": 0}, "draws"),
    ],
)
def test_arguments_that_cannot_be_are_refused(walks, words, field):
    with pytest.raises(ParameterError) as caught:
        simulate_pathway(None, walks, **({"n": 100, "seed": 1} | words))
    assert [problem.field for problem in caught.value.problems] == [field]


def test_without_a_seed_one_is_drawn_and_said(walks):
    with pytest.warns(RiskModelWarning, match="seed: found nothing; drew"):
        result = simulate_pathway(None, walks, n=100)
    assert simulate_pathway(None, walks, n=100, seed=result.seed).summary().equals(result.summary())


def test_a_contraindicated_stage_is_passed_over_and_noted(stepwise):
    profiles = [{"id": "plain"}, {"id": "barred", "corticosteroid_contraindicated": True}]
    result = simulate_pathway(None, stepwise, profiles, n=500, draws=50, seed=1)
    table = result.summary().set_index(["profile", "quantity"])["mean"]
    assert table["plain", "ever_in_pulse"] == 1 and table["barred", "ever_in_pulse"] == 0
    assert table["barred", "ever_in_immunoglobulin"] == 1
    assert any("passed over" in note for note in result.profiles[1].notes)


def test_what_a_condition_asks_about_must_be_stated():
    with pytest.raises(ParameterError) as caught:
        simulate_pathway(None, "grade_based_algorithm", [{"id": "someone"}], n=100, seed=1)
    assert caught.value.problems[0].field == "neuropathy_grade"
    assert "add `neuropathy_grade`" in str(caught.value)


def test_times_are_in_the_unit_of_the_pathway(walks):
    in_days = simulate_pathway(None, walks, n=500, draws=50, seed=1, keep="patients")
    assert in_days.time_unit == "day"
    tables = (in_days.states(), in_days.endpoint_curves(), in_days.patient_table())
    assert all((table["time_unit"] == "day").all() for table in tables)
    summary = in_days.summary()
    assert summary["unit"].notna().all()
    in_weeks = simulate_pathway(None, walks, n=500, draws=50, seed=1, horizon="10 weeks")
    assert in_weeks.states()["time"].max() == pytest.approx(10)
    assert in_weeks.states()["time_unit"].unique().tolist() == ["week"]
    assert isinstance(in_days.patient_table(), pd.DataFrame)
    with pytest.raises(ParameterError, match="keep"):
        in_weeks.patient_table()
