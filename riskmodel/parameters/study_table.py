"""A CSV file of studies: numbers with the line and column each stands in."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, did_you_mean

COUNTS = ("events", "n", "events_comparator", "n_comparator")
BY_ERROR = ("estimate", "standard_error")
BY_LIMITS = ("estimate", "lower", "upper")
LAYOUTS = {"counts": COUNTS, "standard_error": BY_ERROR, "limits": BY_LIMITS}
WORDS = ("study", "badge", "note", "controlled", "scale")
SCALES = ("ratio", "log")
KNOWN = (*WORDS, *COUNTS, *BY_ERROR, "lower", "upper", "level")
BADGES = ("data", "assumed", "elicited", "transported")
ALLOWED = (
    "a header line with study and either " + ", ".join(COUNTS) + "; or " + ", ".join(BY_ERROR)
    + "; or " + ", ".join(BY_LIMITS)
)  # fmt: skip
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\Z")


@dataclass(frozen=True)
class StudyTable:
    """Studies of one file.

    Parameters
    ----------
    path : Path
    layout : {"counts", "standard_error", "limits"}
        Which numbers the file has.
    study : tuple of str
    numbers : dict of str to list of float
        Each column of the layout, and ``level`` if it stands there.
    badge, note, controlled : tuple of str
        Of each study; empty where nothing is said. Not controlled ("no") is a series without a
        comparator, drawn hollow.
    scale : tuple of str
        Of each estimate of a ratio: the ratio itself, or its natural logarithm.
    lines : tuple of int
        Where each study stands.
    columns : dict of str to int
        Place of each column, from 1.
    notes : tuple of str
        Which columns were left alone.
    """

    path: Path
    layout: str
    study: tuple[str, ...]
    numbers: dict[str, list[float]] = field(repr=False)
    badge: tuple[str, ...] = field(repr=False)
    note: tuple[str, ...] = field(repr=False)
    controlled: tuple[str, ...] = field(repr=False)
    scale: tuple[str, ...] = field(repr=False)
    lines: tuple[int, ...] = field(repr=False)
    columns: dict[str, int] = field(repr=False)
    notes: tuple[str, ...] = ()

    def problem(self, row: int, column: str, found: object, allowed: str, remedy: str, **more):
        """Return a problem of one cell, with its place."""
        return Problem(
            field=f"{self.study[row]}.{column}",
            found=found,
            allowed=allowed,
            remedy=remedy,
            file=self.path,
            line=self.lines[row],
            column=self.columns.get(column, 1),
            **more,
        )


def read_study_table(path: Path) -> StudyTable:
    """Return the studies of a CSV file, or raise with every bad cell named by line and column.

    Parameters
    ----------
    path : Path
        UTF-8, commas between the columns, decimal points. Columns as in `ALLOWED`, and if there
        is something to say ``level`` (of the limits), ``scale`` (of ratios), ``badge``,
        ``controlled`` and ``note``.
    """
    path = Path(path)
    first, header, rows = _read(path)
    columns = _columns(path, first, header)
    layout = _layout(path, first, columns)
    wanted = (*LAYOUTS[layout], *(["level"] if "level" in columns and layout == "limits" else []))
    problems: list[Problem] = []
    numbers: dict[str, list[float]] = {name: [] for name in wanted}
    words: dict[str, list[str]] = {name: [] for name in WORDS}
    lines = []
    for line, cells in rows:
        if len(cells) != len(header):
            found = f"{len(cells)} cells under {len(header)} columns"
            remedy = "check the separators of this line; a decimal comma makes one cell two"
            problems.append(_fault(path, found, remedy, line))
            continue
        named = {name: cells[place - 1].strip() for name, place in columns.items()}
        lines.append(line)
        for name in WORDS:
            words[name].append(named.get(name, ""))
        if not words["study"][-1]:
            words["study"][-1] = f"study {len(lines)}"
        for name in wanted:
            value = _number(named[name])
            if isinstance(value, str):
                place = {"file": path, "line": line, "column": columns[name]}
                found = named[name] or NOTHING
                problems.append(
                    Problem(
                        field=f"{words['study'][-1]}.{name}",
                        found=found,
                        allowed="a number, with a decimal point",
                        remedy=value,
                        **place,
                    )
                )
                value = math.nan
            numbers[name].append(value)
    problems += _word_problems(path, words, lines, columns)
    if problems:
        raise ParameterError(sorted(problems, key=lambda p: (p.line or 0, p.column or 0)))
    left = [name for name in columns if name not in (*wanted, *WORDS)]
    notes = (f"columns left alone: {', '.join(left)}",) if left else ()
    study, *said = (tuple(words[name]) for name in WORDS)
    return StudyTable(path, layout, study, numbers, *said, tuple(lines), columns, notes)


def _fault(path: Path, found: str, remedy: str, line: int | None = None) -> Problem:
    return Problem(
        field="",
        found=Phrase(found),
        allowed=ALLOWED,
        remedy=remedy,
        file=path,
        line=line,
        column=1 if line else None,
    )


def _fail(*parts):
    raise ParameterError([_fault(*parts)])


def _read(path: Path) -> tuple[int, list[str], list[tuple[int, list[str]]]]:
    """Return the line of the header, the header, and the other lines that are not empty."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _fail(path, f"a byte that is not UTF-8 at offset {error.start}", "save it as UTF-8 text")
    except OSError as error:
        _fail(path, error.strerror or str(error), "check the path and its permissions")
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        table = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        line = reader.line_num
        _fail(path, f"text that is not CSV ({error})", "check quotes and separators", line)
    if len(table) < 2:
        _fail(path, "no study", "add a line below the header")
    (first, header), *rows = table
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        _fail(path, "semicolons or tabs between columns", "separate columns with commas", first)
    return first, [cell.strip() for cell in header], rows


def _columns(path: Path, line: int, header: list[str]) -> dict[str, int]:
    """Return the place of each column; what is nearly a known name is refused."""
    problems = []
    for name in dict.fromkeys(header):
        if not name or header.count(name) > 1:
            found = "a column without a name" if not name else f"column {name} twice"
            problems.append(_fault(path, found, "name each column once", line))
            continue
        guess = did_you_mean(name, KNOWN)
        if name not in KNOWN and guess.startswith("did you mean"):
            place = header.index(name) + 1
            problems.append(
                Problem(
                    field="",
                    found=Phrase(f"column {name}"),
                    allowed=ALLOWED,
                    remedy=guess,
                    file=path,
                    line=line,
                    column=place,
                )
            )
    if problems:
        raise ParameterError(problems)
    return {name: place for place, name in enumerate(header, start=1)}


def _layout(path: Path, line: int, columns: dict[str, int]) -> str:
    """Return which of the layouts the columns are; two at once are refused."""
    found = [name for name, wanted in LAYOUTS.items() if set(wanted) <= set(columns)]
    if len(found) == 1:
        return found[0]
    if not found:
        near = max(LAYOUTS.values(), key=lambda wanted: len(set(wanted) & set(columns)))
        missing = [name for name in near if name not in columns]
        remedy = f"add {', '.join(missing)}"
        return _fail(path, f"the columns {', '.join(columns)}", remedy, line)
    both = " and ".join(", ".join(LAYOUTS[name]) for name in found)
    remedy = "keep those to be pooled; counts are better where they are printed"
    return _fail(path, f"both {both}", remedy, line)


def _number(text: str) -> float | str:
    """Return a number, or the remedy for what is none.

    Examples
    --------
    >>> _number("0.62"), _number("0,62")
    (0.62, 'a decimal comma? write 0.62')
    """
    if _NUMBER.match(text):
        value = float(text)
        return value if math.isfinite(value) else "give a finite number"
    if not text:
        return "fill the cell, or leave the study out"
    if re.match(r"[-+]?\d+,\d+\Z", text):
        return f"a decimal comma? write {text.replace(',', '.')}"
    if text.endswith("%"):
        return "divide percentages by 100 yourself, and leave the sign out"
    if re.match(r"[-+]?[\d.]+\s*(-|–|to)\s*[-+]?[\d.]+\Z", text):
        return "give the two limits in columns lower and upper"
    return "give one number alone, without unit or thousands separator"


def _word_problems(path: Path, words, lines, columns) -> list[Problem]:
    """Check that studies are named once, and badges are known."""
    problems, seen = [], {}
    for row, (name, badge) in enumerate(zip(words["study"], words["badge"], strict=True)):
        if seen.setdefault(name, lines[row]) != lines[row]:
            problems.append(
                Problem(
                    field="study",
                    found=name,
                    allowed=f"each study once; it stands on line {seen[name]} already",
                    remedy="two reports of one study count its patients twice; rename if they "
                    "are two",
                    file=path,
                    line=lines[row],
                    column=columns.get("study", 1),
                )
            )
        if words["controlled"][row] not in ("", "yes", "no"):
            problems.append(
                Problem(
                    field=f"{name}.controlled",
                    found=words["controlled"][row],
                    allowed="yes, or no for a series without a comparator",
                    remedy="write yes or no",
                    file=path,
                    line=lines[row],
                    column=columns["controlled"],
                )
            )
        if words["scale"][row] not in ("", *SCALES):
            problems.append(
                Problem(
                    field=f"{name}.scale",
                    found=words["scale"][row],
                    allowed="ratio, or log for its natural logarithm",
                    remedy=did_you_mean(words["scale"][row], SCALES),
                    file=path,
                    line=lines[row],
                    column=columns["scale"],
                )
            )
        if badge and badge not in BADGES:
            problems.append(
                Problem(
                    field=f"{name}.badge",
                    found=badge,
                    allowed=", ".join(BADGES),
                    remedy=did_you_mean(badge, BADGES),
                    file=path,
                    line=lines[row],
                    column=columns["badge"],
                )
            )
    return problems
