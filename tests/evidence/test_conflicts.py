"""Contradictions: found by rule without the register, joined with it, and checked by name."""

import re
from textwrap import dedent, indent

import pytest

from riskmodel.errors import ParameterError
from riskmodel.evidence.conflict_advice import exclude_each_other
from riskmodel.evidence.conflict_estimands import cut_for
from riskmodel.evidence.conflict_regimens import course_total, daily_dose
from riskmodel.evidence.conflicts import (
    check_baseline_classes,
    check_contradictions,
    find_clashes,
    find_conflicts,
)
from riskmodel.parameters.library import load_library
from riskmodel.parameters.schema import Clause, Condition, Regimen

VOCABULARY = """
    schema: riskmodel/vocabulary/1
    treatments:
      drug: {label: Drug}
      other: {label: Other drug}
    groups:
      disease: {label: Disease}
      severe: {label: Severe disease, within: disease}
      mild: {label: Mild disease, within: disease}
      elsewhere: {label: Another disease}
"""
SOURCES = "schema: riskmodel/sources/1\nsources:\n" + "".join(
    f"  {key}: {{citation: {key}, doi: 10.1000/{key}, read: abstract, role: primary}}\n"
    for key in ("review", "page", "trial", "cohort", "registry")
)
COMMON = {
    "population": "patients",
    "group": "disease",
    "treatment": "drug",
    "source": "{key: review, locator: abstract}",
    "status": "seen_primary",
}


def record(**fields):
    """One record in YAML, with what most of them have in common."""
    source = fields.pop("by", None)
    fields = {**COMMON, **fields}
    if source:
        fields["source"] = f"{{key: {source}, locator: abstract}}"
    lines = [f"{key}: {value}" for key, value in fields.items() if value is not None]
    return "  - " + "\n    ".join(lines) + "\n"


def estimate(**fields):
    base = {"measure": "risk", "outcome": "fall", "horizon": "{value: 12, unit: month}"}
    return record(**{**base, **fields})


def library_of(tmp_path, register=None, **parts):
    """A library in a folder: `estimates="..."`, `rules="..."` and so on."""
    (tmp_path / "vocabulary.yaml").write_text(dedent(VOCABULARY))
    (tmp_path / "sources.yaml").write_text(SOURCES)
    text = "schema: riskmodel/evidence/1\ntopic: test\n"
    text += "".join(f"{part}:\n{records}" for part, records in parts.items())
    (tmp_path / "evidence.yaml").write_text(text)
    if register:
        text = "schema: riskmodel/contradictions/1\ncontradictions:\n" + indent(
            dedent(register).strip(), "  "
        )
        (tmp_path / "contradictions.yaml").write_text(text + "\n")
    library = load_library([tmp_path])
    assert not library.problems, [str(p) for p in library.problems]
    return library


def clashes(tmp_path, **parts):
    return find_clashes(library_of(tmp_path, **parts))


# --- one estimand ------------------------------------------------------------------------------


def ratio(name, value, lower, upper, **fields):
    limits = f"{{lower: {lower}, upper: {upper}, level: 0.95, kind: confidence}}"
    return estimate(id=name, measure="relative_risk", value=value, interval=limits, **fields)


def test_two_sources_far_apart_on_one_estimand_are_found(tmp_path):
    text = ratio("a", 0.5, 0.4, 0.62) + ratio("b", 1.2, 0.96, 1.5, by="trial")
    (found,) = clashes(tmp_path, estimates=text)
    assert (found.id, found.ids) == ("rule:apart:a+b", ("a", "b"))
    # log(1.2 / 0.5) over sqrt(0.1118^2 + 0.1139^2), by hand
    assert "5.5 standard errors" in found.explanation and "1.96" in found.explanation


@pytest.mark.parametrize(
    "other",
    [
        {"by": "review"},
        {"by": "trial", "horizon": "{value: 3, unit: year}"},
        {"by": "trial", "outcome": "fracture"},
        {"by": "trial", "group": "elsewhere"},
        {"by": "trial", "treatment": "other"},
        {"by": "trial", "comparator": "other drug"},
    ],
    ids=lambda fields: next(key for key in reversed(fields)),
)
def test_another_estimand_is_never_a_difference_of_size(tmp_path, other):
    text = ratio("a", 0.5, 0.4, 0.62) + ratio("b", 1.2, 0.96, 1.5, **other)
    assert clashes(tmp_path, estimates=text) == []


def test_sources_that_share_a_study_are_not_compared(tmp_path):
    text = ratio("a", 0.5, 0.4, 0.62, study_ids="[one]")
    text += ratio("b", 1.2, 0.96, 1.5, by="trial", study_ids="[one, two]")
    assert clashes(tmp_path, estimates=text) == []


def test_the_cut_grows_with_the_number_of_sources(tmp_path):
    assert cut_for(1) == pytest.approx(1.960, abs=5e-4)  # any table of the normal distribution
    assert cut_for(3) == pytest.approx(2.394, abs=5e-4)
    # 2.1 standard errors apart: found between two sources, not among four
    two = ratio("a", 1.0, 0.8, 1.25) + ratio("b", 1.4, 1.12, 1.75, by="trial")
    four = two + ratio("c", 1.2, 0.96, 1.5, by="cohort") + ratio("d", 1.2, 0.96, 1.5, by="page")
    assert len(clashes(tmp_path, estimates=two)) == 1
    assert clashes(tmp_path, estimates=four) == []


def test_what_was_only_remembered_contradicts_nobody(tmp_path):
    judged = "{judgement: {whose: us, why: remembered}}"
    text = ratio("a", 0.5, 0.4, 0.62)
    text += ratio("b", 1.2, 0.96, 1.5, source=judged, status="unverified")
    assert clashes(tmp_path, estimates=text) == []


def test_one_figure_over_two_numbers_of_participants_is_found(tmp_path):
    text = ratio("a", 0.62, 0.39, 0.98, participants=999, study_ids="[one]")
    text += ratio("b", 0.62, 0.39, 0.98, by="page", participants=829, study_ids="[one]")
    (found,) = clashes(tmp_path, estimates=text)
    assert found.differ_in == ("denominator",) and "over 999 and over 829" in found.explanation


# --- two estimands -----------------------------------------------------------------------------


def test_a_risk_without_comparison_beside_a_difference_is_another_estimand(tmp_path):
    text = estimate(id="page_share", value=11.5, unit="percent", printed='"11.5%"', by="page")
    text += estimate(
        id="difference",
        measure="risk_difference",
        value=0.0,
        unit="percent",
        interval="{lower: -0.7, upper: 0.7, level: 0.95, kind: confidence}",
        outcome="serious falls",
        group="elsewhere",
        comparator="no drug",
        horizon="{stated: each trial}",
        printed='"0.0% (-0.7 to 0.7)"',
    )
    (found,) = clashes(tmp_path, estimates=text)
    assert found.id == "rule:estimand_differs:drug:fall"
    assert found.ids == ("page_share", "difference")
    assert found.differ_in == ("estimand", "population")
    assert "11.5%" in found.explanation and "0.0% (-0.7 to 0.7)" in found.explanation


def test_estimands_are_told_once_for_an_outcome_with_all_ids(tmp_path):
    text = "".join(
        estimate(id=f"share_{key}", value=value, unit="percent", by=key)
        for key, value in [("page", 11.5), ("cohort", 4.9), ("registry", 6.3)]
    )
    text += ratio("odds", 1.1, 0.44, 2.88, comparator="placebo")
    text += ratio("other_outcome", 1.1, 0.44, 2.88, comparator="placebo", outcome="fever")
    (found,) = clashes(tmp_path, estimates=text)
    assert found.ids == ("share_page", "share_cohort", "share_registry", "odds")


def test_a_group_of_a_trial_and_early_against_late_treatment_are_no_such_pair(tmp_path):
    arm = estimate(id="arm", value=11.5, unit="percent", by="page", comparator="placebo")
    assert clashes(tmp_path, estimates=arm + ratio("a", 1.1, 0.4, 2.9)) == []
    share = estimate(id="share", value=11.5, unit="percent", by="page")
    early = ratio("a", 1.1, 0.4, 2.9, comparator="drug begun later")
    assert clashes(tmp_path, estimates=share + early) == []


# --- counts -------------------------------------------------------------------------------------


def counts(name, events, n, **fields):
    return estimate(id=name, counts=f"{{events: {events}, n: {n}}}", **fields)


def test_a_fraction_mixed_from_two_others_is_found(tmp_path):
    text = counts("first", 1, 52, by="trial", horizon="{value: 16, unit: week}")
    text += counts("whole", 6, 95, by="trial", horizon="{value: 40, unit: week}")
    text += counts("page_count", 6, 52, by="page", horizon="{stated: not stated}")
    text += estimate(id="page_percent", value=11.5, unit="percent", by="page")
    (found,) = clashes(tmp_path, estimates=text)
    assert found.id == "rule:mixed_counts:page_count+whole+first"
    assert found.ids == ("page_count", "page_percent", "whole", "first")
    assert found.differ_in == ("denominator", "horizon")
    assert "6/52 (11.5%) has the numerator of 6/95 (6.3%)" in found.explanation
    assert "the denominator of 1/52 (1.9%)" in found.explanation


@pytest.mark.parametrize(
    "change", [{"outcome": "fever"}, {"treatment": "other"}, {"by": "trial"}], ids=str
)
def test_fractions_that_happen_to_share_numbers_are_not_mixed(tmp_path, change):
    text = counts("first", 1, 52, by="trial") + counts("whole", 6, 95, by="trial")
    found = clashes(tmp_path, estimates=text + counts("third", 6, 52, **{"by": "page", **change}))
    assert not [clash for clash in found if clash.rule == "mixed_counts"]


# --- arithmetic ---------------------------------------------------------------------------------


def edge(name, value):
    return estimate(id=name, value=value, unit="percent", at="{age: 40}", treatment=None)


def difference(name, value, classes, **fields):
    return estimate(
        id=name,
        measure="risk_difference",
        value=value,
        unit="percent",
        baseline_class=classes,
        by="page",
        **fields,
    )


def test_a_difference_too_small_for_its_class_is_found_and_a_misprint_suspected(tmp_path):
    text = edge("low", 2.5) + ratio("rr", 0.62, 0.39, 0.98)
    text += difference("small", -0.08, "{up_to: low}")
    (found,) = clashes(tmp_path, estimates=text)
    assert (found.id, found.ids) == ("rule:arithmetic:small+rr", ("small", "rr", "low"))
    assert found.differ_in == ("arithmetic", "misprint_suspected")
    assert "untreated risk of 0.21%" in found.explanation  # 0.08 / (1 - 0.62)
    assert "0.13% and 4.00% at the limits" in found.explanation  # 0.08 / 0.61 and 0.08 / 0.02
    assert "0.8 points, would fit" in found.explanation


@pytest.mark.parametrize("value, fits", [(-2.1, True), (-0.9, False), (-4.6, False)])
def test_a_difference_must_lie_between_the_edges_of_its_class(tmp_path, value, fits):
    text = edge("low", 2.5) + edge("high", 7.5) + ratio("rr", 0.62, 0.39, 0.98)
    text += difference("of_class", value, "{above: low, up_to: high}")
    assert (clashes(tmp_path, estimates=text) == []) is fits


@pytest.mark.parametrize("needed, fits", [(21.7, True), (22, True), (6.25, False)])
def test_a_number_needed_to_treat_is_the_reciprocal_within_rounding(tmp_path, needed, fits):
    text = edge("low", 7.5) + edge("high", 25) + difference("d", -4.6, "{above: low, up_to: high}")
    text += estimate(
        id="nnt",
        measure="number_needed_to_treat",
        value=needed,
        baseline_class="{above: low, up_to: high}",
        by="page",
    )
    found = clashes(tmp_path, estimates=text)
    assert (found == []) is fits
    assert fits or "that gives 21.74" in found[0].explanation


def test_an_edge_that_is_no_risk_is_reported_in_its_place(tmp_path):
    text = edge("low_edge", 2.5) + difference("d", -0.8, "{up_to: lowedge}")
    (problem,) = check_baseline_classes(library_of(tmp_path, estimates=text))
    assert (problem.field, problem.found) == ("estimates[1].baseline_class.up_to", "lowedge")
    assert problem.remedy == "did you mean 'low_edge'?"


# --- regimens -----------------------------------------------------------------------------------


def dose(name, amount, days=None, **fields):
    return record(id=name, dose=amount, days=days, **fields)


def test_amounts_with_nothing_in_common_are_found_with_their_arithmetic(tmp_path):
    text = dose("pulse", "{lower: 1, upper: 2, unit: g}", "{lower: 3, upper: 5}", by="page")
    text += dose("five", "{value: 1, unit: g}", "{value: 5}", group="severe")
    text += dose("weighed", "{lower: 2, upper: 4, unit: mg/kg}", printed='"2-4 mg/kg/day"')
    (found,) = clashes(tmp_path, regimens=text)
    assert found.id == "rule:regimen:drug+page+review"
    assert found.ids == ("pulse", "five", "weighed")
    assert "1 to 2 g a day, 3 to 10 g a course" in found.explanation
    assert "1 g a day, 5 g a course" in found.explanation
    assert "2-4 mg/kg/day: 0.14 to 0.28 g a day" in found.explanation
    assert "taken at 70 kg" in found.explanation


@pytest.mark.parametrize(
    "other",
    [
        {"group": "elsewhere"},
        {"treatment": "other"},
        {"by": "page"},
        {"stage": "maintenance"},
        {"amount": "{value: 1, unit: g}"},
        {"amount": "{value: 1, unit: g/m2}"},
    ],
    ids=str,
)
def test_regimens_that_are_not_comparable_or_agree_are_not_found(tmp_path, other):
    amount = other.pop("amount", "{value: 3, unit: mg/kg}")
    text = dose("a", "{lower: 1, upper: 2, unit: g}", by="page", stage="initial")
    assert clashes(tmp_path, regimens=text + dose("b", amount, **other)) == []


def test_a_printed_course_total_goes_before_days_times_doses():
    regimen = Regimen.model_validate(
        {
            "id": "a",
            "treatment": "drug",
            "dose": {"value": 0.4, "unit": "g/kg"},
            "times_per_day": 2,
            "days": {"value": 5},
            "course_total": {"value": 2, "unit": "g/kg"},
            "population": "patients",
            "source": {"key": "page"},
            "status": "seen_secondary",
        }
    )
    assert course_total(regimen) == ((140.0, 140.0), "g")
    assert daily_dose(regimen) == ((56.0, 56.0), "g")


# --- times --------------------------------------------------------------------------------------


def time(name, quantity, lower, upper, unit, **fields):
    span = f"{{lower: {lower}, upper: {upper}, unit: {unit}}}"
    fields = {"meaning": "not_stated", **fields}
    return record(id=name, quantity=quantity, endpoint="response", span=span, **fields)


def test_a_trial_shorter_than_the_time_to_respond_is_found(tmp_path):
    text = time("trial", "minimum_trial", 3, 4, "week") + time("answer", "onset", 4, 6, "week")
    (found,) = clashes(tmp_path, time_ranges=text)
    assert (found.id, found.ids) == ("rule:times:drug:minimum_trial+onset", ("trial", "answer"))
    assert found.differ_in == ("horizon",)
    assert "3 to 4 weeks" in found.explanation and "4 to 6 weeks" in found.explanation


def test_a_full_effect_before_another_source_sees_the_first_response_is_found(tmp_path):
    text = time("full", "full_effect", 3, 6, "month", by="page")
    text += time("first", "onset", 4, 10, "month", group="elsewhere")
    (found,) = clashes(tmp_path, time_ranges=text)
    assert found.differ_in == ("horizon", "population")


@pytest.mark.parametrize(
    "first, second",
    [
        (("minimum_trial", 3, 6, "month"), ("onset", 4, 6, "week")),
        (("full_effect", 3, 6, "month"), ("onset", 1, 2, "week")),
        (("onset", 3, 4, "week"), ("recovery", 6, 36, "month")),
    ],
    ids=str,
)
def test_times_that_leave_room_are_not_found(tmp_path, first, second):
    text = time("a", *first) + time("b", *second, by="page")
    assert clashes(tmp_path, time_ranges=text) == []


# --- advice -------------------------------------------------------------------------------------


def rule(name, says, when=None, **fields):
    return record(id=name, says=says, when=when, statement=f"it {says}", **fields)


def test_rules_for_and_against_in_nested_groups_are_found(tmp_path):
    text = rule("yes", "for") + rule("no", "not_effective", by="page", group="severe")
    (found,) = clashes(tmp_path, rules=text)
    assert (found.id, found.ids) == ("rule:opposed:drug+page+review", ("yes", "no"))
    assert found.differ_in == ("rule", "population")


LOW, HIGH = "{all: [{covariate: age, up_to: 40}]}", "{all: [{covariate: age, above: 40}]}"
INTOLERANT = "{any: [{covariate: intolerant, is: true}]}"


@pytest.mark.parametrize(
    "yes, no",
    [
        ({}, {"group": "elsewhere", "by": "page"}),
        ({"group": "mild"}, {"group": "severe", "by": "page"}),
        ({"when": HIGH}, {"when": LOW, "by": "page"}),
        ({}, {"says": "contraindicated", "when": INTOLERANT, "by": "page"}),
        ({}, {"says": "caution", "by": "page"}),
        ({}, {"group": "severe"}),
        ({"group": "severe"}, {"when": LOW, "by": "page"}),
    ],
    ids=str,
)
def test_rules_that_do_not_meet_or_make_an_exception_are_not_found(tmp_path, yes, no):
    text = rule("yes", **{"says": "for", **yes}) + rule("no", **{"says": "against", **no})
    assert clashes(tmp_path, rules=text) == []


def test_an_exception_that_both_sources_make_is_no_contradiction(tmp_path):
    text = rule("yes", "for") + rule("own", "against", group="severe")
    text += rule("no", "not_effective", by="page", group="severe")
    assert clashes(tmp_path, rules=text) == []


def test_one_source_with_three_gates_to_one_treatment_is_found_once(tmp_path):
    grade = "{covariate: grade, at_least: 3}"
    text = rule("a", "for", f"{{all: [{grade}]}}")
    text += rule("b", "for", f"{{all: [{grade}, {{covariate: intolerant, is: true}}]}}")
    text += rule("c", "for", f"{{any: [{grade}, {{covariate: failed, is: true}}]}}")
    text += rule("apart", "for", "{all: [{covariate: age, above: 80}]}")
    (found,) = clashes(tmp_path, rules=text)
    assert (found.id, found.ids) == ("rule:gates:drug+review", ("a", "b", "c"))
    assert "grade at least 3 and intolerant" in found.explanation
    assert "grade at least 3 or failed" in found.explanation


@pytest.mark.parametrize(
    "a, b, apart",
    [
        ({"is": True}, {"is": False}, True),
        ({"is": True}, {"is": True}, False),
        ({"below": 40}, {"at_least": 40}, True),
        ({"up_to": 40}, {"at_least": 40}, False),
        ({"above": 40}, {"up_to": 40}, True),
        ({"above": 30}, {"up_to": 40}, False),
    ],
)
def test_conditions_exclude_each_other_by_value_and_by_edge(a, b, apart):
    one = Condition(all=[Clause(covariate="x", **a)])
    other = Condition(all=[Clause(covariate="x", **b)])
    assert exclude_each_other(one, other) is apart
    either = Condition(any=[Clause(covariate="x", **b), Clause(covariate="y", is_=True)])
    assert exclude_each_other(one, either) is False


# --- the register and the rules as one -----------------------------------------------------------

REGISTER = """
    - id: c1
      between: [trial, answer]
      differ_in: [horizon]
      explanation: The trial ends first.
      resolution: {because: The longer is taken., whose: us}
    - id: c2
      between: [trial, answer]
      differ_in: [wording]
      explanation: Another difference.
"""
TIMES = time("trial", "minimum_trial", 3, 4, "week") + time(
    "answer_part", "onset", 4, 6, "week", part_of="answer"
)


def test_what_both_found_is_shown_once_and_marked_so(tmp_path):
    first, second = find_conflicts(library_of(tmp_path, REGISTER, time_ranges=TIMES))
    assert (first.id, first.found_by) == ("c1", ("register", "rule times"))
    assert first.ids == ("trial", "answer_part")  # the reading stands for its part
    assert first.explanation.splitlines()[0] == "The trial ends first."
    assert "3 to 4 weeks" in first.explanation.splitlines()[1]
    assert not first.is_open and first.resolution.whose == "us"
    # the same records, but a difference of another kind
    assert (second.id, second.found_by, second.is_open) == ("c2", ("register",), True)


def test_without_the_register_the_rule_finds_it_alone(tmp_path):
    library = library_of(tmp_path, REGISTER, time_ranges=TIMES)
    (found,) = find_conflicts(library, register={})
    assert (found.id, found.found_by) == (
        "rule:times:drug:minimum_trial+onset",
        ("rule times",),
    )
    assert found.is_open
    assert [side.source for side in found.sides] == ["review", "review"]


def test_names_of_the_register_must_stand_somewhere(tmp_path):
    register = """
        - {id: c1, between: [trial, answr], differ_in: [horizon], explanation: a}
        - {id: c2, between: [trial, trial], differ_in: [horizon], explanation: b}
        - {id: c3, between: [answer, trial], differ_in: [horizon], explanation: c}
        - {id: c4, between: [trial, answer], differ_in: [horizon], explanation: d}
    """
    problems = check_contradictions(library_of(tmp_path, register, time_ranges=TIMES))
    assert [(p.line, p.field, p.severity) for p in problems] == [
        (3, "contradictions[0].between[1]", "E"),
        (4, "contradictions[1].between[1]", "E"),
        (6, "contradictions[3].between", "E"),
    ]
    assert problems[0].remedy == "did you mean 'answer'?"
    assert "c3 names the same sides" in problems[2].remedy


def test_an_unknown_problem_is_answered_with_the_nearest_name(tmp_path):
    with pytest.raises(
        ParameterError, match="problem: found 'nothing'; allowed: .*; there is none"
    ):
        find_conflicts(library_of(tmp_path, time_ranges=TIMES), "nothing")


# --- the shipped library -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped():
    return load_library()


def test_the_shipped_register_is_whole_and_every_name_in_it_stands(shipped):
    register = shipped.records("contradiction")
    assert sorted(register) == [f"c{i:02}" for i in range(1, 37)]
    assert [str(problem) for problem in check_contradictions(shipped)] == []
    assert [str(problem) for problem in check_baseline_classes(shipped)] == []


@pytest.mark.parametrize(
    "name, ids, says",
    [
        (
            "mixed_counts",
            {"s004_tee_count", "s004_tee_percent", "proderm_tee_overall"},
            r"6/52 .* 6/95 .* 1/52",
        ),
        ("estimand_differs", {"s004_tee_percent"}, r"11\.5%.*0\.0"),
        ("arithmetic", {"ard_eskd_12m_low", "rr_eskd_12m"}, r"0\.08 points .* 0\.21%"),
        ("regimen", {"s004_methylpred_dose"}, r"3 to 10 g a course.*70 kg"),
        ("times", {"s001_mmf_minimum_trial", "s001_mmf_response"}, "3 to 4 weeks.*4 to 6 weeks"),
    ],
)
def test_the_rules_find_these_in_the_shipped_library_with_the_register_empty(
    shipped, name, ids, says
):
    found = [
        conflict
        for conflict in find_conflicts(shipped, register={})
        if conflict.found_by == (f"rule {name}",) and ids <= set(conflict.ids)
    ]
    assert [c for c in found if re.search(says, c.explanation, re.DOTALL)]


def test_the_shipped_list_stays_readable_and_its_ids_are_its_own(shipped):
    found = find_conflicts(shipped)
    assert len({c.id for c in found}) == len(found)
    assert 34 <= len(found) <= 60
    both = [c.id for c in found if len(c.found_by) > 1]
    assert {"c10", "c14", "c16", "c19", "c20", "c22"} <= set(both)
    assert all(len(c.sides) >= 2 for c in found)


def test_a_problem_sees_what_touches_the_records_it_uses(shipped):
    found = {c.id for c in find_conflicts(shipped, "plex_aav")}
    assert {"c10", "c11"} <= found
    assert "c22" not in found
