"""Text that may name a patient: found, placed, and never repeated."""

import pytest

from riskmodel.parameters.identifiers import check_identifiers, likely_identifier
from riskmodel.parameters.library import parameter_files, shipped_folder
from riskmodel.parameters.marked_yaml import load_marked


@pytest.mark.parametrize(
    "text, what",
    [
        ("Jane Example 12/03/1961", "a name with a date"),
        ("Jane Q. Example, 3 March 1961", "a name with a date"),
        ("Mrs Example (1961-03-12)", "a name with a date"),
        ("1961-03-12, Mr Example", "a name with a date"),
        ("born 3 March 1961", "a date of birth"),
        ("DOB: 12.03.61", "a date of birth"),
        ("date of birth March 3, 1961", "a date of birth"),
        ("MRN 0012345", "a record number"),
        ("Patient ID: AB-123456", "a record number"),
        ("hospital number 00 12 34", "a record number"),
        ("patient no. 4711-08", "a record number"),
        ("123-45-6789", "an insurance number"),
        ("write to jane@example.org", "an e-mail address"),
    ],
)
def test_what_may_name_a_patient_is_found(text, what):
    assert likely_identifier(text) == what


@pytest.mark.parametrize(
    "text",
    [
        "patient no 3 of 12",
        "case number 12",
        "NCT00987389, ISRCTN12345678",
        "10.1136/bmj-2021-064604",
        "a page last updated 28 July 2025",
        "Table Two, 12 March 2020",
        "creatinine 420, age 62, 5 exchanges in 14 days",
        "0.4 g/kg daily for 5 days",
        "the maintainers of riskmodel",
        "Jane Example",
        "",
    ],
)
def test_what_names_nobody_passes(text):
    assert likely_identifier(text) is None


def test_authors_stand_beside_dates_in_citations_only(tmp_path):
    text = "Example Walker, 3 March 2022"
    assert likely_identifier(text) == "a name with a date"
    assert likely_identifier(text, kind="citation") is None
    path = tmp_path / "one.yaml"
    path.write_text(
        f"sources:\n  one: {{citation: '{text}', note: MRN 0012345}}\n"
        f"estimates:\n  - source: {{locator: '{text}'}}\n    note: '{text}'\n"
    )
    found = check_identifiers(load_marked(path))
    assert [(p.line, p.field) for p in found] == [
        (2, "sources.one.note"),
        (5, "estimates[0].note"),
    ]


def test_the_text_is_not_repeated(tmp_path):
    path = tmp_path / "one.yaml"
    path.write_text("a: 1  # MRN 00012345\nb: [x, 'Jane Example 12/03/1961']\n# DOB 1.2.1961\n")
    found = check_identifiers(load_marked(path))
    assert [(p.line, p.column, p.field) for p in found] == [(2, 8, "b[1]"), (1, 6, ""), (3, 1, "")]
    for problem in found:
        assert problem.severity == "E"
        assert not any(word in str(problem) for word in ("00012345", "Example", "1961"))


def test_a_value_is_reported_once(tmp_path):
    path = tmp_path / "one.yaml"
    path.write_text("a: 'ward 3 # MRN 00012345'\n")
    (problem,) = check_identifiers(load_marked(path))
    assert problem.field == "a"


def test_the_shipped_library_names_nobody():
    for path in parameter_files(shipped_folder()):
        assert check_identifiers(load_marked(path)) == [], path


def test_long_text_is_read_at_once():
    for piece in ("Aa ", "born ", "MRN 1 ", "1-", "a.", "12/"):
        assert likely_identifier(piece * 40_000) is None
