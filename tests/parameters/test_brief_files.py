"""Plans and requests as files: one fault each, and nothing that names a patient."""

import pytest

from riskmodel.cli import main
from riskmodel.errors import ParameterError
from riskmodel.evidence.brief_checks import check_plan, check_request
from riskmodel.evidence.loading import check_files
from riskmodel.parameters.library import Entry, load_library, shipped_folder, validate
from riskmodel.parameters.marked_yaml import load_marked
from riskmodel.parameters.schema import BriefPlan
from riskmodel.reports.brief import make_brief

PLAN = shipped_folder() / "briefs" / "ivig_plexopathy.yaml"
REQUEST = shipped_folder() / "requests" / "plexopathy_example.yaml"
GRADE, SINCE = "grade: 2\n", "since_onset: {value: 8, unit: month}"
REGIMEN = "regimen: {dose: 0.4 g/kg, days: 5, weight: 70 kg, every: 4 weeks}"

REQUEST_FAULTS = {
    "another_plan": ("plan: ivig_plexopathy", "plan: ivig_plexopathi", "plan", "did you mean"),
    "another_option": ("option: immunoglobulin", "option: wait", "option", "corticosteroid"),
    "another_diagnosis": (
        "diagnosis: idiopathic_lumbosacral_plexopathy",
        "diagnosis: gout",
        "diagnosis",
        "neuralgic_amyotrophy",
    ),
    "grade_beyond": (GRADE, "grade: 7\n", "grade", "1 to 4"),
    "words_for_time": (SINCE, "since_onset: long", "since_onset", "unknown"),
    "negative_time": (SINCE, "since_onset: {value: -8, unit: month}", "since_onset", "equal to 0"),
    "a_year": (SINCE, "since_onset: {value: 2019, unit: year}", "since_onset", "of the calendar"),
    "after_today": (SINCE, "since_onset: {value: 4, unit: month}", "assessed", "at most 4 months"),
    "assessed_first": (
        "assessed: {value: 7, unit: month}",
        "assessed: {value: 5, unit: month}",
        "prior_treatments[1].assessed",
        "at least 6 months",
    ),
    "unknown_treatment": (
        "- treatment: methylprednisolone",
        "- treatment: aspirin",
        "prior_treatments[0].treatment",
        "use one of",
    ),
    "unknown_scale": (
        "scale: pain_numerical",
        "scale: pain",
        "prior_treatments[1].scale",
        "use one of: modified_rankin",
    ),
    "off_the_scale": ("before: 7", "before: 11", "prior_treatments[1].before", "0 to 10 points"),
    "half_a_scale": ("    after: 3\n", "", "prior_treatments[1]", "before and after"),
    "every_0_weeks": (
        "every: 4 weeks",
        "every: 0 weeks",
        "regimen.every",
        "write none if one course is meant, unknown if",
    ),
    "every_0_in_parts": (
        "every: 4 weeks",
        "every: {value: 0, unit: week}",
        "regimen.every",
        "every 0 weeks is no interval",
    ),
    "slip_of_the_unit": ("dose: 0.4 g/kg", "dose: 0.4 mg/kg", "regimen.dose", "was 0.4 g/kg meant"),
    "pounds": ("weight: 70 kg", "weight: 400 kg", "regimen.weight", "was 400 lb meant"),
    "courses_of_a_single": ("every: 4 weeks", "every: none", "courses", "given once"),
    "no_course": ("courses: 3", "courses: 0", "courses", "greater than 0"),
    "regimen_twice": (
        REGIMEN,
        "regimen: {id: s001_ivig_dose_5d, dose: 0.4 g/kg}",
        "regimen.dose",
        "leave out one of the two",
    ),
    "unknown_factor": (
        "prior_thrombosis: false",
        "prior_trombosis: false",
        "risk_factors",
        "did you mean 'prior_thrombosis'",
    ),
    "factor_in_words": (
        "prior_thrombosis: false",
        "prior_thrombosis: never_seen",
        "risk_factors.prior_thrombosis",
        "true or false",
    ),
    "against_the_history": (
        "prior_thrombosis: false",
        "corticosteroid_failure: false",
        "risk_factors.corticosteroid_failure",
        "mend one of the two",
    ),
    "free_text": ("courses: 3", "courses: 3\ncomment: a kind person", "comment", "unknown key"),
}

PLAN_FAULTS = {
    "another_problem": ("problem: ivig_plexopathy", "problem: ivig", "problem", "decision problem"),
    "another_group": (
        "group: neuralgic_amyotrophy",
        "group: amyotrophy",
        "diagnoses.neuralgic_amyotrophy.group",
        "a known group",
    ),
    "unknown_record": (
        "record: lrpn_complete_recovery, by: ever",
        "record: lrpn_complete, by: ever",
        "natural_courses.complete_recovery.summaries[1].record",
        "did you mean 'lrpn_complete_recovery'",
    ),
    "range_without_meaning": (
        "meaning: q05_q95, of",
        "of",
        "natural_courses.complete_recovery.summaries[0]",
        "meaning",
    ),
    "bare_range": (
        ", effective_sample_size: 10",
        "",
        "natural_courses.complete_recovery.summaries[0]",
        "a bare figure has no weight",
    ),
    "never_of_everybody": ("    never: true\n", "", "natural_courses.complete_recovery", "never"),
    "weight_as_data": (
        "badge: assumed",
        "badge: data",
        "natural_courses.complete_recovery.badge",
        "write assumed",
    ),
    "discount_above_one": ("a0: 0.2\n", "a0: 1.2\n", "options.immunoglobulin.series[0]", "1"),
    "discount_of_nobody": (
        "          whose: the maintainers of riskmodel\n",
        "",
        "options.immunoglobulin.series[0].discount.whose",
        "required",
    ),
    "series_without_counts": (
        "- estimate: dlrpn_ivig_response\n        course",
        "- estimate: lrpn_community_nis_improved\n        course",
        "options.immunoglobulin.series[0].estimate",
        "counts of a wanted outcome",
    ),
    "unverified": (
        "record: na_prednisolone_pain_untreated, n: 203",
        "record: na_tsairis_1y, n: 99",
        "",
        "unverified",
    ),
    "change_from_nowhere": (
        "least_change: 4",
        "least_change: 9",
        "scales.neuropathy_impairment_score.least_change",
        "name the record",
    ),
    "harm_of_nothing": ("outcome: thrombo", "outcome: trombo", "harm.outcome", "did you mean"),
}


@pytest.fixture(scope="module")
def library():
    return load_library()


def faults_of(library, text, change, path):
    """Return what reading and checking a changed file finds, against one shipped library."""
    assert change[0] in text
    path.write_text(text.replace(*change[:2], 1), encoding="utf-8")
    try:
        document = load_marked(path)
        record = validate(document)
    except ParameterError as error:
        return list(error.problems)
    check = check_plan if isinstance(record, BriefPlan) else check_request
    return check(library, Entry(record, document, ()))


@pytest.mark.parametrize("name", REQUEST_FAULTS)
def test_a_bad_request_is_reported_by_line_and_field(name, library, tmp_path):
    change = REQUEST_FAULTS[name]
    path = tmp_path / f"{name}.yaml"
    found = faults_of(library, REQUEST.read_text(encoding="utf-8"), change, path)
    assert found and all(problem.line and problem.column for problem in found)
    assert any(change[2] in problem.field and change[3] in str(problem) for problem in found), [
        str(problem) for problem in found
    ]


@pytest.mark.parametrize("name", PLAN_FAULTS)
def test_a_bad_plan_is_reported_by_line_and_field(name, library, tmp_path):
    change = PLAN_FAULTS[name]
    text = PLAN.read_text(encoding="utf-8").replace("id: ivig_plexopathy", "id: mine", 1)
    found = faults_of(library, text, change, tmp_path / f"{name}.yaml")
    assert any(change[2] in problem.field and change[3] in str(problem) for problem in found), [
        str(problem) for problem in found
    ]
    assert all(problem.line for problem in found)


@pytest.mark.parametrize(
    "old, new",
    [
        (SINCE, 'since_onset: "2024-03-01"'),
        (SINCE, 'since_onset: "March 2024"'),
        (SINCE, 'since_onset: "since 2019"'),
        ("every: 4 weeks", 'every: "from 12.03.2024"'),
        ("dose: 0.4 g/kg", 'dose: "Jane Example, born 3 March 1960"'),
        ("dose: 0.4 g/kg", 'dose: "MRN 0012345"'),
        ("# An invented patient.", "# Mrs Example, MRN 0012345."),
    ],
)
def test_what_names_a_patient_is_refused_and_not_repeated(old, new, tmp_path, capsys):
    text = REQUEST.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "request.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert main(["brief", str(path), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "not repeated here" in said
    for part in ("2024", "2019", "1960", "Jane", "0012345"):
        assert part not in said
    assert not (tmp_path / "out").exists()


def test_a_date_is_answered_with_the_way_to_write_a_time(tmp_path):
    path = tmp_path / "request.yaml"
    text = REQUEST.read_text(encoding="utf-8").replace(SINCE, 'since_onset: "2024-03-01"')
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match="dates identify a patient: count from the onset"):
        make_brief(path, figures=False)


def test_check_finds_them_too(tmp_path):
    path = tmp_path / "request.yaml"
    text = REQUEST.read_text(encoding="utf-8").replace("every: 4 weeks", "every: 0 weeks")
    path.write_text(text, encoding="utf-8")
    found, files = check_files([path])
    assert files == 1
    assert [problem.field for problem in found] == ["regimen.every"]
    with pytest.raises(ParameterError, match="every 0 weeks is no interval"):
        make_brief(path, figures=False)


def test_shipped_plans_and_example_pass_every_check():
    found, files = check_files([shipped_folder() / "briefs", shipped_folder() / "requests"])
    assert [str(problem) for problem in found] == []
    assert files == 3


def test_a_plan_of_ones_own_serves_a_request(tmp_path):
    text = PLAN.read_text(encoding="utf-8").replace("id: ivig_plexopathy", "id: mine", 1)
    plan = tmp_path / "mine.yaml"
    plan.write_text(text, encoding="utf-8")
    request = tmp_path / "request.yaml"
    text = REQUEST.read_text(encoding="utf-8").replace("plan: ivig_plexopathy", "plan: mine")
    request.write_text(text, encoding="utf-8")
    assert make_brief(request, params=[plan], figures=False).request.plan.id == "mine"


def test_a_plan_that_passes_a_verdict_makes_no_page(tmp_path):
    text = PLAN.read_text(encoding="utf-8").replace("id: ivig_plexopathy", "id: denied_by_me", 1)
    text = text.replace(
        "label: Idiopathic plexopathy after pulsed corticosteroids", "label: Denied"
    )
    plan = tmp_path / "mine.yaml"
    plan.write_text(text, encoding="utf-8")
    request = tmp_path / "request.yaml"
    text = REQUEST.read_text(encoding="utf-8").replace(
        "plan: ivig_plexopathy", "plan: denied_by_me"
    )
    request.write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match="words of a verdict"):
        make_brief(request, params=[plan], figures=False).texts()
