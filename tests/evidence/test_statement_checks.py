"""Times, windows, regimens, rules and sources: what each must be, and what an answer settles."""

import pytest

from riskmodel.evidence.loading import check_files
from riskmodel.evidence.statement_checks import larger_groups
from riskmodel.parameters.library import load_library

HEAD = """\
schema: riskmodel/evidence/1
topic: good
{kind}:
  - id: one
    population: runners
    source: {{judgement: {{whose: a test, why: example}}}}
    status: judgement
    {lines}
"""


@pytest.fixture
def checked(tmp_path):
    """Return (field, severity) of everything wrong with one statement of these lines."""

    def check(kind, *lines):
        path = tmp_path / "one.yaml"
        path.write_text(HEAD.format(kind=kind, lines="\n    ".join(lines)), encoding="utf-8")
        problems, _ = check_files([path])
        return [(p.field.removeprefix(f"{kind}[0]."), p.severity) for p in problems]

    return check


# --- written answers ----------------------------------------------------------------------------

RANGE = ("quantity: recovery", "endpoint: walking", "span: {lower: 6, upper: 36, unit: month}")


def test_a_question_is_open_until_it_is_answered_in_the_record(checked):
    assert checked("time_ranges", *RANGE) == [("meaning", "Q")]
    assert checked("time_ranges", *RANGE, "meaning: not_stated") == []
    assert checked("time_ranges", *RANGE, "resolution: {meaning: taken as q05_q95}") == []


def test_an_answer_to_what_is_settled_or_was_never_asked_is_refused(checked):
    answered = "resolution: {meaning: taken as q05_q95}"
    assert checked("time_ranges", *RANGE, "meaning: iqr", answered) == [("resolution.meaning", "E")]
    two = "resolution: {meaning: taken as q05_q95, span: in months}"
    assert checked("time_ranges", *RANGE, two) == [("resolution.span", "E")]


def test_no_answer_settles_an_error(checked):
    swapped = "span: {lower: 36, upper: 6, unit: month}"
    assert checked("time_ranges", *RANGE[:2], swapped, "resolution: {span: as printed}") == [
        ("span", "E"),
        ("resolution.span", "E"),
    ]


def test_a_warning_may_be_answered_too(checked):
    lines = ("quantity: onset", "endpoint: walking", "span: {value: 1, unit: month}")
    assert checked("time_ranges", *lines, "printed: after 30 days") == [("printed", "W")]
    answered = "resolution: {printed: 30 days is a month}"
    assert checked("time_ranges", *lines, "printed: after 30 days", answered) == []


# --- times --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "span, meaning",
    [
        ("{value: 4, unit: week}", "point"),
        ("{upper: 4, unit: week}", "minimum"),
        ("{lower: 0, upper: 7, unit: day}", "plausible_limits"),
        ("{lower: 3, unit: month}", "not_stated"),
    ],
)
def test_spans_that_fit_their_meaning_pass(checked, span, meaning):
    lines = ("quantity: onset", "endpoint: walking", f"span: {span}", f"meaning: {meaning}")
    assert checked("time_ranges", *lines) == []


def test_an_open_end_needs_no_meaning(checked):
    assert checked("time_ranges", *RANGE[:2], "span: {upper: 36, unit: month}") == []
    assert checked("time_ranges", *RANGE[:2], "stated: often incomplete") == []


@pytest.mark.parametrize(
    "lines, found",
    [
        (("opens: {value: 2, unit: week}", "closes: {value: 4, unit: week}"), []),
        (("opens: {value: 2, unit: week}",), []),
        (("stated: early",), []),
        # Opens between months 2 and 5, closes between weeks 20 and 30: they may overlap.
        (("opens: {lower: 2, upper: 5, unit: month}", "closes: {value: 20, unit: week}"), []),
        (("opens: {value: 4, unit: week}", "closes: {value: 4, unit: week}"), [("closes", "E")]),
        (("opens: {value: 5, unit: month}", "closes: {value: 8, unit: week}"), [("closes", "E")]),
        (("closes: {lower: 4, upper: 2, unit: week}",), [("closes", "E")]),
    ],
)
def test_a_window_opens_before_it_closes(checked, lines, found):
    head = ("action: repair", "anchor: the injury", "statement: example")
    assert checked("windows", *head, *lines) == found


# --- rules and findings -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "clause, passes",
    [
        ("{covariate: grade, at_least: 3}", True),
        ("{covariate: grade, at_least: 2, up_to: 2}", True),
        ("{covariate: grade, above: 2, up_to: 4}", True),
        ("{covariate: grade, is: severe}", True),
        ("{covariate: grade, above: 2, up_to: 2}", False),
        ("{covariate: grade, above: 2, at_least: 3}", False),
        ("{covariate: grade, is: true, above: 2}", False),
        ("{covariate: grade}", False),
    ],
)
def test_a_clause_asks_something_that_somebody_meets(checked, clause, passes):
    lines = ("treatment: plasma_exchange", "says: for", "statement: example")
    found = checked("rules", *lines, f"when: {{all: [{clause}]}}")
    assert found == ([] if passes else [("when.all[0]", "E")])


def test_a_condition_is_all_or_any(checked):
    lines = ("treatment: plasma_exchange", "says: for", "statement: example")
    clause = "[{covariate: grade, is: severe}]"
    both = f"when: {{all: {clause}, any: {clause}}}"
    assert checked("rules", *lines, both) == [("when", "E")]
    assert checked("rules", *lines, "when: {}") == [("when", "E")]


# --- regimens -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines, found",
    [
        (("dose: {value: 0.4, unit: g/kg}", "days: {value: 5}"), []),
        (("dose: {value: 400, unit: mg/kg}", "course_total: {value: 2, unit: g/kg}"), []),
        (("dose: {value: 2, unit: g/kg}", "every: unknown"), []),
        (("dose: {lower: 0.4, upper: 40, unit: g/kg}",), [("dose", "E")]),
        (("dose: {lower: 1, upper: 0.4, unit: g/kg}",), [("dose", "E")]),
        (("dose: {value: 35, unit: g}",), []),  # no limit for a dose that is not per kilogram
        (("days: {value: 5, lower: 1}",), [("days", "E")]),
    ],
)
def test_a_dose_lies_within_the_limits_of_its_treatment(checked, lines, found):
    assert checked("regimens", "treatment: immunoglobulin", *lines) == found


@pytest.mark.parametrize(
    "dose, days, total, agrees",
    [
        ("{value: 0.4, unit: g/kg}", "{value: 5}", "{value: 2, unit: g/kg}", True),
        ("{value: 400, unit: mg/kg}", "{value: 5}", "{value: 2, unit: g/kg}", True),
        (
            "{value: 1, unit: g/kg}",
            "{lower: 1, upper: 2}",
            "{lower: 1, upper: 2, unit: g/kg}",
            True,
        ),
        ("{value: 1, unit: g/kg}", "{lower: 1, upper: 2}", "{value: 2, unit: g/kg}", False),
        ("{lower: 0.3, upper: 1, unit: g/kg}", "{value: 1}", "{value: 1, unit: g/kg}", False),
        ("{value: 0.4, unit: g/kg}", "{value: 5}", "{value: 1, unit: g/kg}", False),
        # An open end leaves nothing to hold the total against.
        ("{lower: 0.4, unit: g/kg}", "{value: 5}", "{value: 9, unit: g/kg}", True),
    ],
)
def test_a_course_total_is_dose_times_days(checked, dose, days, total, agrees):
    lines = ("treatment: immunoglobulin", f"dose: {dose}", f"days: {days}")
    found = checked("regimens", *lines, f"course_total: {total}")
    assert found == ([] if agrees else [("course_total", "E")])


def test_times_a_day_and_sessions_count(checked):
    lines = ("treatment: prednisone", "dose: {value: 10, unit: mg}", "times_per_day: 3")
    total = "course_total: {value: 150, unit: mg}"
    assert checked("regimens", *lines, "days: {value: 5}", total) == []
    assert checked("regimens", *lines, "sessions: 5", total) == []
    assert checked("regimens", *lines, "sessions: 6", total) == [("course_total", "E")]


def test_a_maximum_of_another_kind_is_left_alone(checked):
    lines = ("treatment: azathioprine", "dose: {lower: 1, upper: 2, unit: mg/kg}")
    assert checked("regimens", *lines, "maximum_per_day: {value: 150, unit: mg}") == []


def test_the_printed_regimen_holds_its_numbers(checked):
    lines = ("treatment: immunoglobulin", "dose: {value: 0.4, unit: g/kg}", "days: {value: 5}")
    assert checked("regimens", *lines, "printed: 0.4 g/kg for five days") == []
    assert checked("regimens", *lines, "printed: 0.4 g/kg for 3 days") == [("printed", "W")]
    assert checked("regimens", *lines, "every: none", "printed: 0.4 g/kg, 5 days, once") == []


# --- sources and groups -------------------------------------------------------------------------

SOURCE = "schema: riskmodel/sources/1\nsources:\n  one: {{citation: {}, read: all of it, {}}}\n"


@pytest.mark.parametrize(
    "citation, parts, passes",
    [
        ("A trial", 'role: primary, doi: "10.1000/example"', True),
        ("A trial", 'role: primary, pmid: "12345"', True),
        ("A page", "role: tertiary, url: https://example.org/page", True),
        ("A page", 'role: tertiary, title: A page, date: "2025-07-28"', True),
        ('"A page, undated"', "role: tertiary, title: A page", True),
        ('"A leaflet, date not printed"', "role: secondary, title: A leaflet", True),
        ("A page", "role: tertiary, title: A page", False),
        ("A page", 'role: tertiary, date: "2025"', False),
        ("A trial", 'role: primary, title: A trial, date: "2001"', False),
        ('"[12]"', "role: primary", False),
    ],
)
def test_a_source_can_be_looked_up(tmp_path, citation, parts, passes):
    path = tmp_path / "sources.yaml"
    path.write_text(SOURCE.format(citation, parts))
    found = [(p.field, p.severity) for p in check_files([path])[0]]
    assert found == ([] if passes else [("sources.one", "E")])


@pytest.mark.parametrize("locator", ["1, 2", "[3]", "(4)", "5-7", "1;2"])
def test_bracket_numbers_are_no_locator(tmp_path, locator):
    text = HEAD.format(kind="findings", lines="kind: effect\n    statement: example")
    text = text.replace("judgement: {whose: a test, why: example}", "key: zeng2022, locator: {}")
    text = text.replace("status: judgement", "status: seen_primary")
    path = tmp_path / "one.yaml"
    path.write_text(text.replace("{}", f'"{locator}"'))
    assert [p.field for p in check_files([path])[0]] == ["findings[0].source.locator"]
    path.write_text(text.replace("{}", f'"page {locator}"'))
    assert check_files([path])[0] == []


def test_groups_lie_within_one_another():
    library = load_library()
    chain = larger_groups(library, "anca_vasculitis_creatinine_above_500")
    assert chain[0] == "anca_vasculitis_creatinine_above_500"
    assert chain[-1] == "anca_vasculitis"
    assert larger_groups(library, "nobody") == []


@pytest.mark.parametrize("word", ["no", "on", "y", "off"])
def test_a_name_that_is_false_elsewhere_is_refused_wherever_it_stands(tmp_path, small_text, word):
    path = tmp_path / "small.yaml"
    path.write_text(small_text.replace("walking", word))
    fields = {p.field for p in check_files([path])[0]}
    assert f"options.{word}" in fields
