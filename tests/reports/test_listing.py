"""What the library holds, a line each."""

import io
import json

import pytest
from rich.console import Console

from riskmodel.errors import ParameterError
from riskmodel.parameters.library import load_library
from riskmodel.reports.listing import list_records, print_list


@pytest.fixture(scope="module")
def library():
    return load_library()


def test_every_named_thing_is_listed_once(library):
    rows = list_records(library)
    assert len(rows) == sum(map(len, library.entries.values()))
    assert len({(row["kind"], row["id"]) for row in rows}) == len(rows)
    assert all(row["about"] and row["line"] > 0 for row in rows)
    json.dumps(rows, allow_nan=False)


def test_a_row_says_what_was_printed_its_status_and_its_source(library):
    (row,) = [row for row in list_records(library, kind="estimate") if row["id"] == "rr_eskd_12m"]
    assert row["printed"] == "RR 0.62 (0.39 to 0.98)"
    assert (row["topic"], row["status"], row["source"]) == ("plex_aav", "seen_primary", "walsh2022")


def test_filters_combine(library):
    rows = list_records(
        library, kind="estimate", topic="plex_aav", status="seen_primary", source="zeng2022"
    )
    assert rows
    for row in rows:
        assert row["kind"] == "estimate"
        assert row["topic"] == "plex_aav"
        assert row["status"] == "seen_primary"
        assert row["source"] == "zeng2022"
    assert len(rows) < len(list_records(library, kind="estimate", topic="plex_aav"))


def test_what_fits_nothing_is_an_empty_list_not_an_error(library):
    assert list_records(library, kind="profile", status="seen_primary") == []


def test_every_unknown_filter_is_named_with_what_is_allowed(library):
    with pytest.raises(ParameterError) as caught:
        list_records(library, kind="rul", topic="plex_av", status="sen_primary", source="walsh202")
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["kind", "topic", "status", "source"]
    assert "did you mean 'rule'?" in lines[0]
    assert "allowed: problem, estimate, " in lines[0]
    assert "did you mean 'plex_aav'?" in lines[1]
    assert "did you mean 'seen_primary'?" in lines[2]
    assert "did you mean 'walsh2022'?" in lines[3]


@pytest.mark.parametrize("terminal, width", [(False, 80), (True, 100), (True, 200)])
def test_a_printed_record_is_one_short_line(library, terminal, width):
    out = io.StringIO()
    rows = list_records(library)
    print_list(rows, Console(file=out, force_terminal=terminal, width=width, no_color=True))
    lines = out.getvalue().splitlines()
    kinds = {row["kind"] for row in rows}
    assert len(lines) == len(rows) + len(kinds)
    assert terminal or max(map(len, lines)) <= 160


def test_an_empty_list_says_so():
    out = io.StringIO()
    print_list([], Console(file=out))
    assert out.getvalue() == "nothing in the library fits all of these\n"
