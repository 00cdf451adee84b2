"""Treatment pathways as files: one fault each, times as distributions, the shipped ones."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from riskmodel.errors import ParameterError
from riskmodel.evidence.loading import check_files
from riskmodel.evidence.policies import load_policy, policy_priors, time_distribution
from riskmodel.parameters.library import load_library, shipped_folder
from riskmodel.simulation.pathways import simulate_pathway

BAD = Path(__file__).resolve().parent.parent / "bad_policies"

FAULTS = [
    ("dose_against_its_regimen", 14, "stages.hills.courses.dose", "2 g/kg"),
    ("dose_of_another_unit", 16, "stages.hills.events.fall.dose.unit", "in the same unit"),
    ("events_without_courses", 15, "stages.hills.events", "add `courses:`"),
    ("every_0_weeks", 13, "stages.hills.courses.every", "use one of: none, unknown"),
    ("every_unknown", 13, "stages.hills.courses.every", "nothing is simulated"),
    ("exponential_through_two_ends", 26, "times.healing.family", "give a median"),
    ("judgement_without_badge", 30, "priors.first_fall.badge", "bad_fall is a judgement"),
    ("prior_of_no_use", 31, "priors.idle", "take it out"),
    ("range_without_meaning", 26, "times.healing.meaning", "2.5, 5 or 25% of patients"),
    ("risk_as_ratio", 15, "stages.hills.recovery.hazard_ratio.prior", "answer, a risk"),
    ("risk_of_courses_as_of_patients", 7, "natural_recovery.never.prior", "are not exchanged"),
    (
        "risk_of_patients_as_of_a_course",
        16,
        "stages.hills.events.fall.first_course.prior",
        "are not exchanged",
    ),
    ("several_courses_every_none", 13, "stages.hills.courses.every", "nothing is simulated"),
    ("stages_in_a_ring", 12, "stages.hills", "end the ring"),
    ("start_of_some", 10, "start[0]", "takes everybody else"),
    ("stops_and_goes_nowhere", 16, "stages.hills.events.fall.go_to", "add `go_to:`"),
    ("success_of_nothing", 16, "stages.hills.assess.success", "add `response:`"),
    ("two_ways_to_a_time", 26, "times.healing", "range, median"),
    ("unknown_key", 22, "events.fall.lable", "did you mean 'label'?"),
    ("unknown_prior", 7, "natural_recovery.never.prior", "did you mean 'never'?"),
    ("unknown_stage", 17, "stages.hills.assess.on_failure", "did you mean 'sofa'?"),
    ("windows_short_of_one", 23, "events.fall.windows", "shares that add to 0.8"),
]


@pytest.mark.parametrize("name, line, field, words", FAULTS, ids=[f[0] for f in FAULTS])
def test_a_bad_pathway_is_reported_by_line_and_field_and_not_loaded(name, line, field, words):
    problems, _ = check_files([BAD / f"{name}.yaml"])
    (problem,) = problems
    assert (problem.line, problem.field, problem.severity) == (line, field, "E")
    assert words in str(problem)
    with pytest.raises(ParameterError) as caught:
        simulate_pathway(None, BAD / f"{name}.yaml", n=10, seed=1)
    assert [str(p) for p in caught.value.problems] == [str(problem)]


def test_a_stage_out_of_reach_is_a_warning():
    ((problem,), _) = check_files([BAD / "stage_out_of_reach.yaml"])
    assert problem.severity == "W" and problem.field == "stages.bench"
    with pytest.warns(UserWarning, match="nothing leads to"):
        load_policy(BAD / "stage_out_of_reach.yaml")


def test_every_bad_pathway_has_its_expectation_and_the_sound_one_passes():
    names = {path.stem for path in BAD.glob("*.yaml")}
    assert names == {fault[0] for fault in FAULTS} | {"stage_out_of_reach", "sound"}
    assert check_files([BAD / "sound.yaml"])[0] == []


def test_an_unknown_pathway_names_the_nearest():
    with pytest.raises(ParameterError, match="did you mean 'stepwise_immunotherapy'?"):
        load_policy("stepwise_immunotherapies")
    with pytest.raises(ParameterError, match="name a pathway's file"):
        load_policy(shipped_folder() / "profiles" / "creatinine_420.yaml")


# --- times ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "meaning, beyond, sigma",
    # the lognormal through "6 to 36 months", by what the two ends are taken to be
    [("plausible_limits", 0.025, 0.457), ("q05_q95", 0.05, 0.545), ("iqr", 0.25, 1.328)],
)
@pytest.mark.parametrize("family", ["lognormal", "weibull", "loglogistic"])
def test_two_ends_give_the_family_through_them(tmp_path, family, meaning, beyond, sigma):
    text = (BAD / "sound.yaml").read_text(encoding="utf-8")
    ends = f"family: {family}, range: {{lower: 6, upper: 36, unit: month}}, meaning: {meaning}"
    old = "family: lognormal, range: {lower: 10, upper: 60, unit: day}, meaning: iqr"
    assert old in text
    path = tmp_path / "times.yaml"
    path.write_text(text.replace(old, ends), encoding="utf-8")
    law = time_distribution(load_policy(path), "healing")
    month = 365.25 / 12
    known = {
        "lognormal": lambda: stats.lognorm(law.shape, scale=law.median),
        "weibull": lambda: stats.weibull_min(
            law.shape, scale=law.median / np.log(2) ** (1 / law.shape)
        ),
        "loglogistic": lambda: stats.fisk(law.shape, scale=law.median),
    }[family]()
    assert known.sf(36 * month) == pytest.approx(beyond)
    assert known.cdf(6 * month) == pytest.approx(beyond)
    if family == "lognormal":
        assert law.median / month == pytest.approx(14.7, abs=0.005)
        assert law.shape == pytest.approx(sigma, abs=5e-4)


# --- the shipped ones -----------------------------------------------------------------------------


def test_the_shipped_pathways_rest_on_records_or_say_whose_judgement_they_are():
    library = load_library()
    policies = library.records("policy")
    assert set(policies) >= {
        "stepwise_immunotherapy", "grade_based_algorithm", "grade_or_failure_algorithm",
        "repair_timing_by_mechanism",
    }  # fmt: skip
    for name, policy in policies.items():
        loaded = load_policy(name)
        for key, prior in policy_priors(loaded).items():
            specification = policy.priors[key]
            judged = [loaded.estimates[e] for e in specification.from_]
            if prior.badge != "data":
                assert specification.whose and specification.because, (name, key)
            if any(estimate.status == "judgement" for estimate in judged):
                assert prior.badge == "assumed", (name, key)
            assert all(estimate.status != "unverified" for estimate in judged), (name, key)
        for key, time in policy.times.items():
            assert time.badge != "data", (name, key)


def test_shipped_figures_are_the_records_they_name():
    loaded = load_policy("stepwise_immunotherapy")
    priors = policy_priors(loaded)
    # 3 of 42 recovered completely; Jeffreys, and the other way round
    assert (priors["never_recovers"].first, priors["never_recovers"].second) == (39.5, 3.5)
    first, later = (priors[f"thromboembolism_{k}_course"] for k in ("first", "later"))
    assert (first.first, first.second) == (3.5, 22.5)
    assert (later.first, later.second) == (2.5, 589.5)
    time = time_distribution(loaded, "natural_recovery_time")
    assert time.median / (365.25 / 12) == pytest.approx(np.sqrt(6 * 36))
