"""Contradictions as text and as JSON, and the command that lists them."""

import json

import pytest
from rich.console import Console

from riskmodel.cli import main
from riskmodel.evidence.conflicts import Conflict, Side
from riskmodel.parameters.schema import Resolution
from riskmodel.reports.conflicts import conflicts_json, print_conflicts

SIDES = (
    Side("a", "NNT = 6.25", "page", "second part", "seen_secondary"),
    Side("b", "[RR] 0.62", "review", "", "seen_primary"),
    Side("c", "no record of its own: a date", "", "", "not_encoded"),
)


def conflict(**changes):
    parts = {
        "id": "c1",
        "found_by": ("register", "rule arithmetic"),
        "sides": SIDES,
        "differ_in": ("arithmetic", "misprint_suspected"),
        "explanation": "One line.\nBy a rule.",
        "resolution": None,
        "problems": ("one", "two"),
    }
    return Conflict(**{**parts, **changes})


def text_of(*conflicts, width=100):
    console = Console(width=width)
    with console.capture() as captured:
        print_conflicts(conflicts, console)
    return captured.get()


def test_a_contradiction_is_printed_with_both_sides_why_and_that_it_is_open():
    lines = text_of(conflict()).splitlines()
    assert lines == [
        "c1  arithmetic, misprint suspected",
        "  found by: register, rule arithmetic",
        "  - a: NNT = 6.25 [page, second part; seen_secondary]",
        "  - b: [RR] 0.62 [review; seen_primary]",
        "  - c: no record of its own: a date",
        "  why: One line.",
        "  by rule: By a rule.",
        "  resolution: open",
        "  used by: one, two",
        "",
        "1 contradiction, 1 open",
    ]


def test_a_resolution_is_printed_with_whose_it_is():
    answer = Resolution(because="Two endpoints.", whose="us")
    text = text_of(conflict(resolution=answer, problems=()))
    assert "  resolution: Two endpoints. (us)" in text
    assert "used by" not in text and "1 contradiction, 0 open" in text


def test_none_is_said_in_words():
    assert text_of() == "no contradiction touches it\n"


def test_the_json_holds_every_part():
    (found,) = json.loads(conflicts_json([conflict()]))
    assert found["differ_in"] == ["arithmetic", "misprint_suspected"]
    assert found["sides"][0] == {
        "id": "a",
        "printed": "NNT = 6.25",
        "source": "page",
        "locator": "second part",
        "status": "seen_secondary",
    }
    assert found["resolution"] is None and found["problems"] == ["one", "two"]


@pytest.mark.parametrize("arguments", [[], ["plex_aav"]])
def test_the_command_prints_text_and_json_of_the_same_contradictions(arguments, capsys):
    assert main(["conflicts", *arguments]) == 0
    text = capsys.readouterr().out
    assert main(["conflicts", *arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "c10" in {one["id"] for one in found}
    assert all(f"{one['id']}  " in text for one in found)
    if arguments:
        assert all("plex_aav" in one["problems"] for one in found)


def test_an_unknown_problem_is_bad_input(capsys):
    assert main(["conflicts", "plex_avv"]) == 1
    assert "did you mean 'plex_aav'?" in capsys.readouterr().err
