"""Contradictions as text and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from riskmodel.evidence.conflicts import Conflict, Side

NONE_FOUND = "no contradiction touches it"


def print_conflicts(conflicts: Iterable[Conflict], console: Console) -> None:
    """Print each contradiction: what found it, its sides, why they differ, and its resolution.

    Parameters
    ----------
    conflicts : iterable of Conflict
    console : rich.console.Console
    """
    conflicts = list(conflicts)
    for conflict in conflicts:
        _print_conflict(conflict, console)
    open_ones = sum(conflict.is_open for conflict in conflicts)
    console.print(_count(len(conflicts), open_ones), markup=False, highlight=False)


def _count(number: int, open_ones: int) -> str:
    if number == 0:
        return NONE_FOUND
    return f"{number} contradiction{'' if number == 1 else 's'}, {open_ones} open"


def _print_conflict(conflict: Conflict, console: Console) -> None:
    console.print(
        Text.assemble((conflict.id, "bold"), f"  {kind(conflict)}"),
        soft_wrap=True,
        highlight=False,
    )
    _print_lines("found by", ", ".join(conflict.found_by), console)
    for side in conflict.sides:
        _print_lines(None, side_line(side), console)
    for i, line in enumerate(conflict.explanation.splitlines()):
        _print_lines("why" if i == 0 else "by rule", line, console)
    _print_lines("resolution", resolution(conflict), console)
    if conflict.problems:
        _print_lines("used by", ", ".join(conflict.problems), console)
    console.print()


def _print_lines(label: str | None, text: str, console: Console) -> None:
    """Print a labelled text, its lines after the first indented further."""
    start = "  - " if label is None else f"  {label}: "
    wrapped = textwrap.wrap(
        text,
        max(console.width, 60),
        initial_indent=start,
        subsequent_indent="      ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    for line in wrapped or [start.rstrip()]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def kind(conflict: Conflict) -> str:
    """Return what the sides differ in, in words."""
    return ", ".join(word.replace("_", " ") for word in conflict.differ_in)


def side_line(side: Side) -> str:
    """Return one side with its printed figure and its source."""
    place = ", ".join(filter(None, (side.source, side.locator)))
    where = f" [{place}; {side.status}]" if place else ""
    return f"{side.id}: {side.printed}{where}"


def resolution(conflict: Conflict) -> str:
    """Return the written answer and whose it is, or that there is none."""
    if conflict.resolution is None:
        return "open"
    because = " ".join(conflict.resolution.because.split())
    return f"{because} ({conflict.resolution.whose})"


def conflict_record(conflict: Conflict) -> dict:
    """Return a contradiction as plain values, as the JSON output holds it."""
    answer = conflict.resolution
    return {
        "id": conflict.id,
        "found_by": list(conflict.found_by),
        "differ_in": list(conflict.differ_in),
        "sides": [
            {
                "id": side.id,
                "printed": side.printed,
                "source": side.source,
                "locator": side.locator,
                "status": side.status,
            }
            for side in conflict.sides
        ],
        "explanation": conflict.explanation,
        "resolution": None if answer is None else answer.model_dump(),
        "problems": list(conflict.problems),
    }


def conflicts_json(conflicts: Iterable[Conflict]) -> str:
    """Return contradictions as JSON text: a list, one object each.

    Examples
    --------
    >>> conflicts_json([])
    '[]'
    """
    return json.dumps([conflict_record(c) for c in conflicts], indent=2, ensure_ascii=False)
