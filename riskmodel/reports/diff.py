"""Two runs set side by side: which inputs changed, which outputs moved, which decisions flipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from riskmodel.reports.diff_decisions import MAIN, flips
from riskmodel.reports.diff_inputs import input_changes, problem_as_run
from riskmodel.reports.diff_outputs import (
    FAMILY_LEVEL,
    OutputDifferences,
    output_differences,
)
from riskmodel.reports.trace import RunFolder

SHOWN = 30  # rows of one part that are printed; JSON has all
_JUDGED = {
    "own": "the standard error of its row",
    "limit": "an interval's limit: from the error of its row, by normal theory",
    "share": "a share of the draws: binomial, with the least effective number of draws",
}


def diff_runs(a: Path | RunFolder, b: Path | RunFolder) -> dict:
    """Return what differs between two runs, as plain data.

    Parameters
    ----------
    a, b : Path or RunFolder
        Folders that ``riskmodel run`` wrote.

    Returns
    -------
    dict
        ``same``: nothing differs; ``inputs``: field by field; ``outputs``: the numbers that moved
        by more than Monte Carlo error (``moved``), texts and declared numbers that differ
        (``exact``), numbers that differ without a known error (``unjudged``), and the ``method``
        in figures; ``decisions``: what flipped, in words; ``missing``: what one run alone has;
        ``notes``.

    Raises
    ------
    ParameterError
        If a folder holds no run of this version.
    """
    a, b = RunFolder.open(a), RunFolder.open(b)
    inputs, outputs = input_changes(a, b), output_differences(a, b)
    decisions, missing = list(flips(a, b)), [*_profiles(a, b), *outputs.missing]
    differs = [inputs, outputs.moved, outputs.exact, outputs.unjudged, decisions, missing]
    return {
        "schema": "riskmodel/diff/1",
        "a": _head(a),
        "b": _head(b),
        "same": not any(differs),
        "inputs": inputs,
        "outputs": {
            "moved": sorted(outputs.moved, key=lambda row: -(row["multiple"] or float("inf"))),
            "exact": outputs.exact,
            "unjudged": outputs.unjudged,
            "method": _method(outputs),
        },
        "decisions": decisions,
        "missing": missing,
        "notes": list(_notes(a, b, inputs, outputs)),
    }


def _head(run: RunFolder) -> dict:
    record = run.record
    return {name: record.get(name) for name in ("problem", "question", "written")} | {
        "run": str(run.folder)
    }


def _method(outputs: OutputDifferences) -> dict:
    return {
        "numbers_compared": outputs.compared,
        "family_level": FAMILY_LEVEL,
        "multiple": outputs.multiple,
        "rule": "moved: |a - b| above multiple x sqrt(s_a^2 + s_b^2), s a Monte Carlo standard "
        "error; multiple = Phi^-1(1 - family_level / (2 numbers_compared))",
        "judged_by": _JUDGED,
        "unjudged": "no standard error is stored: listed, and never counted as moved",
        "followers": "per 1000 and numbers needed to treat move with the difference they print",
    }


def _profiles(a: RunFolder, b: RunFolder) -> Iterator[dict]:
    ids = [[profile["id"] for profile in run.record.get("profiles") or []] for run in (a, b)]
    for name, mine, other in (("a", *ids), ("b", *reversed(ids))):
        for profile in mine:
            if profile not in other:
                yield {"what": "profile", "name": profile, "only_in": name}


def _notes(a: RunFolder, b: RunFolder, inputs: list, outputs: OutputDifferences) -> Iterator[str]:
    digests = [(run.record.get("posterior") or {}).get("digest") for run in (a, b)]
    if digests[0] and digests[0] == digests[1]:
        yield (
            "Both runs rest on the same draws: what differs is due to the inputs, and the rule "
            "for independent draws finds too little rather than too much."
        )
    if a.record["problem"] != b.record["problem"]:
        yield "The two runs are of different problems."
    for name, run in (("A", a), ("B", b)):
        if not problem_as_run(run):
            yield (
                f"Run {name} kept no draws, and its files have changed since: of its problem only "
                "the digests can be compared."
            )
    if any(row["field"] == "prob" and row["a"] and row["b"] for row in inputs):
        yield "Intervals stand at different levels: their limits are not judged."
    files = any(change["group"] == "files" for change in inputs)
    fields = any(change["group"] == "problem" for change in inputs)
    if files and not fields and problem_as_run(a) and problem_as_run(b):
        yield "Files changed in parts that the problem as it was run does not use."
    if outputs.unjudged:
        yield (
            f"{len(outputs.unjudged)} numbers without a stored Monte Carlo standard error differ; "
            "they are not counted as moved (--json lists them)."
        )


# --- text -----------------------------------------------------------------------------------------


def print_diff(told: dict, console: Console) -> None:
    """Print a difference as one table, a part for inputs, outputs, decisions and what is missing.

    Parameters
    ----------
    told : dict
        Of :func:`diff_runs`.
    console : rich.console.Console
    """
    from rich.table import Table
    from rich.text import Text

    if told["same"]:
        _line(console, f"No difference between {told['a']['run']} and {told['b']['run']}.")
        return
    table = Table(show_edge=False, pad_edge=False, expand=True)
    table.add_column("What", overflow="fold", ratio=5)
    table.add_column(f"A: {told['a']['run']}", overflow="fold", ratio=3)
    table.add_column(f"B: {told['b']['run']}", overflow="fold", ratio=3)
    table.add_column("How", overflow="fold", ratio=3)
    for title, rows in _parts(told):
        if not rows:
            continue
        table.add_section()
        table.add_row(Text(title, style="bold"))
        for row in rows[:SHOWN]:
            table.add_row(*(Text(cell) for cell in row))
        if len(rows) > SHOWN:
            table.add_row(Text(f"and {len(rows) - SHOWN} more (--json lists all)", style="italic"))
    console.print(table)
    method = told["outputs"]["method"]
    _line(
        console,
        f"Moved: by more than {method['multiple']:.2f} combined Monte Carlo standard errors, for "
        f"{method['numbers_compared']} numbers compared, so that with nothing but another seed "
        f"one or more would be named with a chance of {method['family_level']:g}. Numbers per 1000 "
        "and numbers needed to treat follow the difference they print.",
    )
    for note in told["notes"]:
        _line(console, f"Note: {note}")
    _line(console, "Research use; not medical advice.")


def _line(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False)


def _parts(told: dict) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    outputs = told["outputs"]
    yield f"Decisions that flipped ({len(told['decisions'])})", list(_flip_rows(told["decisions"]))
    yield (
        f"Inputs that changed ({len(told['inputs'])})",
        [
            (_field(row), _short(row["a"]), _short(row["b"]), row["change"])
            for row in told["inputs"]
        ],
    )
    yield (
        f"Outputs that moved by more than Monte Carlo error ({len(outputs['moved'])})",
        list(_moved_rows(outputs["moved"])),
    )
    yield (
        f"Texts and declared numbers that differ ({len(outputs['exact'])})",
        [(row["id"], _short(row["a"]), _short(row["b"]), "") for row in outputs["exact"]],
    )
    yield (
        f"In one run only ({len(told['missing'])})",
        [
            (
                f"{row['what']} {row['name']}",
                *(("yes", "no") if row["only_in"] == "a" else ("no", "yes")),
                "",
            )
            for row in told["missing"]
        ],
    )


_FLIPS = {
    "sign": "expected net benefit of {option}",
    "probability": "P(net benefit > 0) of {option}",
    "largest": "largest expected net benefit",
}


def _flip_rows(decisions: list[dict]) -> Iterator[tuple[str, ...]]:
    """Yield a line each; variations that flip as the run itself does are only counted."""
    main = {(flip["kind"], flip["option"]) for flip in decisions if flip["table"] == MAIN}
    counted: dict[str, int] = {}
    for flip in decisions:
        if flip["table"] != MAIN and (flip["kind"], flip["option"]) in main:
            counted[flip["table"]] = counted.get(flip["table"], 0) + 1
            continue
        what = _FLIPS[flip["kind"]].format(option=flip["option"])
        how = {"sign": "other side of zero", "probability": "other side of one half"}
        yield (
            f"{flip['where']}: {what}",
            _short(flip["a"]),
            _short(flip["b"]),
            how.get(flip["kind"], "another option"),
        )
    for table, number in counted.items():
        yield f"the same in variations: {table}", "", "", f"{number} flips"


def _field(row: dict) -> str:
    return row["field"] if row["group"] in ("run", "problem") else f"{row['group']}: {row['field']}"


def _moved_rows(moved: list[dict]) -> Iterator[tuple[str, ...]]:
    """Yield a line for each row of a table: its own point if that moved, else what moved most."""
    rows: dict[str, list[dict]] = {}
    for cell in moved:
        rows.setdefault(cell["id"].rpartition("/")[0], []).append(cell)
    first = ("absolute_effects", "mean_differences", "composites", MAIN)
    order = {table: place for place, table in enumerate(first)}
    for row in sorted(rows, key=lambda name: order.get(name.split("/")[0], len(first))):
        cells = sorted(rows[row], key=lambda cell: cell["judged_by"] != "own")
        more = f"; and {len(cells) - 1} more of this row" if len(cells) > 1 else ""
        cell = cells[0]
        yield cell["id"], _short(cell["a"]), _short(cell["b"]), _times(cell) + more


def _times(row: dict) -> str:
    if row["multiple"] is None:
        return "has no Monte Carlo error"
    return f"{row['difference']:+.3g}, {row['multiple']:.3g} standard errors"


def _short(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
