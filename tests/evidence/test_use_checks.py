"""Whether the estimates of one problem may stand side by side, and what settles the question."""

import re
from pathlib import Path

import pytest

from riskmodel.errors import ParameterError
from riskmodel.evidence.loading import check_files, load_problem
from riskmodel.evidence.use_checks import uses_of

BAD = Path(__file__).parent.parent / "bad_params"
ANSWER = "resolutions: [{{between: [{}, {}], because: example, whose: a test}}]\n"


@pytest.fixture
def found(tmp_path):
    """Return what is wrong with a bad file after changes to its text."""

    def check(name, *changes):
        text = (BAD / f"{name}.yaml").read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        path = tmp_path / "problem.yaml"
        path.write_text(text, encoding="utf-8")
        return [(p.field, p.severity) for p in check_files([path])[0]]

    return check


@pytest.mark.parametrize(
    "name, pair",
    [
        ("benefit_and_harm_of_other_patients", ("benefit", "harm")),
        ("benefit_and_harm_at_other_times", ("shown", "harm")),
        ("study_used_twice", ("ratio", "risk")),
        ("other_patients", ("risk", "ratio")),
        ("event_under_two_outcomes", ("ratio", "accident")),
        ("own_risk_without_comparator", ("risk", "ratio")),
    ],
)
def test_a_written_answer_about_both_settles_the_question(found, name, pair):
    (one,) = found(name)
    assert one[1] == "Q"
    head = "preferences: {ref"
    assert found(name, (head, ANSWER.format(*pair) + head)) == []
    assert found(name, (head, ANSWER.format(pair[0], pair[0]) + head)) == [one]


def test_a_problem_with_an_open_question_does_not_load():
    with pytest.raises(ParameterError, match="harm beside benefit, of other patients"):
        load_problem(BAD / "benefit_and_harm_of_other_patients.yaml")


# --- a benefit beside a harm --------------------------------------------------------------------


def pair_of_shipped(tmp_path, answer=""):
    """Return a problem that uses the two printed numbers needed of one answer page."""
    text = (BAD / "benefit_and_harm_of_other_patients.yaml").read_text(encoding="utf-8")
    text = re.sub(r"  - \{id: (benefit|harm),.*?seen_primary\}\n", "", text, flags=re.DOTALL)
    judged = "sd: 0.02, badge: assumed, whose: a test, because: example, horizon: {value: 6, unit: "
    for name, key in (("benefit", "s000_nnt_eskd_high"), ("harm", "s000_nnh_serious_infection")):
        declared = f"{name}: {{from: [{key}], {judged}month, because: example}}}}"
        text = text.replace(f"{name}: {{from: [{name}]}}", declared)
    path = tmp_path / "pair.yaml"
    path.write_text(text.replace("preferences: {ref", f"{answer}preferences: {{ref"))
    return [problem for problem in check_files([path])[0] if problem.severity != "W"]


def test_6_25_above_500_beside_14_for_all_stops_and_names_both(tmp_path):
    (problem,) = pair_of_shipped(tmp_path)
    assert problem.severity == "Q"
    assert "s000_nnh_serious_infection beside s000_nnt_eskd_high" in str(problem)
    assert "number_needed_to_treat 6.25" in problem.remedy
    assert "number_needed_to_harm 14" in problem.remedy
    names = ("s000_nnt_eskd_high", "s000_nnh_serious_infection")
    assert pair_of_shipped(tmp_path, ANSWER.format(*names)) == []


def test_a_matched_pair_passes(found):
    name = "benefit_and_harm_of_other_patients"
    assert found(name, ("population: runners who fall often", "population: Runners")) == []
    # The vocabulary decides where both name a group: one within the other is not the same.
    group = ("population: runners who fall often", "group: anca_vasculitis, population: one")
    harm = ("population: runners,\n     interval: {lower: 12", "group: anca_vasculitis, {}")
    same = harm[1].format("population: other,\n     interval: {lower: 12")
    assert found(name, group, (harm[0], same)) == []
    within = same.replace("anca_vasculitis", "anca_vasculitis_severe_kidney")
    assert found(name, group, (harm[0], within)) == [("priors.harm.from[0]", "Q")]


def test_a_ratio_needs_no_matched_pair(found):
    changes = (
        ("number_needed_to_treat, outcome", "relative_risk, outcome"),
        ("value: 6,", "value: 0.6,"),
        ("{lower: 4, upper: 9", "{lower: 0.4, upper: 0.9"),
        ('"6 (4 to 9)"', '"0.6 (0.4 to 0.9)"'),
        ("{scale: risk_difference, prior: benefit", "{scale: relative_risk, prior: benefit"),
    )
    assert found("benefit_and_harm_of_other_patients", *changes) == []


# --- one study twice ----------------------------------------------------------------------------


def test_two_arms_of_one_trial_are_one_result(found):
    same = ("key: review", "key: diary"), ("[hill_run, city_run]", "[hill_run]")
    assert found("study_used_twice", *same) == []
    assert found("study_used_twice", same[0]) == [("priors.ratio.from[0]", "Q")]


def test_studies_are_known_from_the_source_where_the_estimate_names_none(found):
    changes = (
        (", study_ids: [hill_run, city_run]", ""),
        ("sources:\n  review: {", "sources:\n  review: {study_ids: [hill_run, lake_run], "),
    )
    assert found("study_used_twice", *changes) == [("priors.ratio.from[0]", "Q")]


# --- composites ---------------------------------------------------------------------------------


def test_a_composite_that_is_the_outcome_passes(found):
    risk = ("outcome: fall, counts", "outcome: Fall or cut, composite: [fall, cut], counts")
    name = "composite_as_component"
    assert found(name, risk) != []  # the outcome is still called a fall
    assert found(name, risk, ("label: Fall", "label: Fall or cut")) == []
    assert found(name, risk, ("label: Fall", "label: Fall\n    definition: a fall or a cut")) == []


def test_a_definition_does_not_make_a_part_of_the_composite(found):
    # The outcome is declared as the composite, and its baseline is of one part.
    wrong = found("composite_as_component", ("label: Fall", "label: Fall or cut"))
    assert wrong == [("priors.ratio.from[0]", "E")]


def test_an_overlap_settles_an_event_under_two_outcomes(found):
    overlap = "overlap: [{outcomes: [fall, accident], odds_ratio: 50, because: example}]\n"
    head = "preferences: {ref"
    assert found("event_under_two_outcomes", (head, overlap + head)) == []


# --- other patients -----------------------------------------------------------------------------


def test_a_badge_answers_for_other_patients(found):
    for badge in ("transported", "assumed"):
        answered = f"{{from: [ratio], badge: {badge}, whose: a test, because: example}}"
        assert found("other_patients", ("{from: [ratio]}", answered)) == []
    elicited = "{from: [ratio], badge: elicited, whose: a test, because: example}"
    assert found("other_patients", ("{from: [ratio]}", elicited)) == [("priors.ratio.from[0]", "Q")]


def test_a_group_within_the_other_is_no_transfer(found):
    within = ("group: dermatomyositis", "group: neuralgic_amyotrophy")
    assert found("other_patients", within) == []


def test_a_scenario_is_asked_too(found):
    scenario = (
        "scenarios:\n  elsewhere:\n    label: Elsewhere\n    because: example\n"
        "    set: {outcomes.fall.effects.walk.prior: other}\npreferences: {ref"
    )
    other = "  ratio: {from: [ratio]}\n  other: {from: [other]}\n"
    ratio = re.search(r"  - \{id: ratio,.*?seen_primary\}\n", _text("other_patients"), re.DOTALL)[0]
    here = ratio.replace("group: dermatomyositis", "group: plexopathy").replace("page 2", "page 3")
    changes = (
        (ratio, here + ratio.replace("id: ratio", "id: other")),
        ("  ratio: {from: [ratio]}\n", other),
        ("preferences: {ref", scenario),
    )
    assert found("other_patients", *changes) == [("priors.other.from[0]", "Q")]


def _text(name):
    return (BAD / f"{name}.yaml").read_text(encoding="utf-8")


# --- one estimate in its place ------------------------------------------------------------------


def test_courses_may_stand_for_patients_where_the_estimate_says_how(found):
    name = "risk_of_a_course"
    answer = "resolution: {unit_of_analysis: one course each}"
    assert found(name, ("unit_of_analysis: courses", f"unit_of_analysis: courses, {answer}")) == []
    vain = found(name, ("unit_of_analysis: courses", f"unit_of_analysis: patients, {answer}"))
    assert vain == [("estimates[0].resolution.unit_of_analysis", "E")]


def test_a_tertiary_source_may_be_taken_with_a_reason(found):
    answer = "id: ratio, resolution: {source: nothing else was found}"
    assert found("tertiary_source", ("id: ratio", answer)) == []
    assert found("tertiary_source", ("role: tertiary", "role: secondary")) == []


def test_a_number_needed_may_carry_its_rounding(found):
    interval = "value: 14, interval: {lower: 13.5, upper: 14.5, kind: rounding}"
    assert found("nnt_rounded", ("value: 14", interval)) == []
    assert found("nnt_rounded", ("value: 14", "value: 14.2"), ("NNT 14", "NNT 14.2")) == []


def test_a_hazard_of_staying_free_may_be_turned(found):
    turned = ("{from: [ratio]}", "{from: [ratio], reverse: true}")
    assert found("direction_not_turned", turned) == []


# --- where they are used ------------------------------------------------------------------------


def test_every_use_of_an_estimate_has_its_place(small):
    uses = uses_of(small)
    assert {(use.id, use.role, use.outcome, use.option) for use in uses} >= {
        ("fall_at_10", "baseline", "fall", None),
        ("record_by_years", "covariate", "record", None),
        ("blister_rate", "effect", "blister", "walking"),
    }
    for use in uses:
        _, prior, _, i = use.location
        assert small.problem.priors[prior].from_[i] == use.id
