"""Patients: from what was typed to covariate values in the problem's own units."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, did_you_mean
from riskmodel.parameters.library import load_library
from riskmodel.parameters.schema import Covariate, DecisionProblem

_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(\S.*?)?\s*\Z")
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True)
class Patient:
    """One profile with every covariate of a problem.

    Parameters
    ----------
    id : str
    values : mapping of str to float or bool or str or None
        In the problem's units; None where nothing was stated and there is no default.
    notes : tuple of str
        What was taken for granted, converted, or lies beyond the studied range.
    not_for : mapping of str to str
        Option -> the reason why it does not apply to this patient.
    """

    id: str
    values: Mapping[str, float | bool | str | None]
    notes: tuple[str, ...] = ()
    not_for: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Place:
    """Where a value was typed."""

    file: Path | None = None
    line: int | None = None
    columns: Mapping[str, int] = field(default_factory=dict)

    def problem(self, name: str, **words) -> Problem:
        return Problem(
            field=name, file=self.file, line=self.line, column=self.columns.get(name, 1), **words
        )


def read_profile_text(text: str) -> dict[str, str]:
    """Return what ``name=value,name=value`` says, values as typed.

    Examples
    --------
    >>> read_profile_text("serum_creatinine=4.75 mg/dL, age=62")
    {'serum_creatinine': '4.75 mg/dL', 'age': '62'}
    """
    values: dict[str, str] = {}
    for part in text.split(","):
        name, sign, value = (piece.strip() for piece in part.partition("="))
        if not sign or not name or not value or name in values:
            raise ParameterError(
                [
                    Problem(
                        field="profile",
                        found=part.strip(),
                        allowed="name=value, each name once, separated by commas",
                        remedy="write for example serum_creatinine=420,age=62; a decimal point, "
                        "not a comma",
                    )
                ]
            )
        values[name] = value
    return values


def read_profiles_csv(path: Path) -> tuple[list[dict], list[_Place]]:
    """Return the rows of a CSV file of patients, and where each stands.

    A column ``id`` names the patients; every other column is a covariate, with another unit
    than the problem's in brackets: ``serum_creatinine [mg/dL]``. Empty cells are not stated.
    """
    path = Path(path)

    def fault(found, remedy, line=None):
        return [
            Problem(
                field="",
                found=Phrase(found),
                allowed="a CSV file with a header line and a line for each patient",
                remedy=remedy,
                file=path,
                line=line,
                column=1 if line else None,
            )
        ]

    def fail(*parts):
        raise ParameterError(fault(*parts))

    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fail(f"a byte that is not UTF-8 at offset {error.start}", "save the file as UTF-8 text")
    except OSError as error:
        fail(error.strerror or str(error), "check the path and its permissions")
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        table = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        fail(f"text that is not CSV ({error})", "check quotes and separators", reader.line_num)
    if len(table) < 2:
        fail("no patient", "add a line below the header")
    (first, header), *table = table
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        fail("semicolons or tabs between the columns", "separate columns with commas", first)
    columns = [_column(cell) for cell in header]
    names = [name for name, _ in columns]
    if len(set(names)) < len(names) or "" in names:
        fail("a column without a name, or the same name twice", "name each column once", first)
    rows, places, problems = [], [], []
    for line, cells in table:
        if len(cells) != len(header):
            problems += fault(
                f"{len(cells)} cells under {len(header)} columns",
                "check the separators of this line",
                line,
            )
            continue
        stated = {
            name: (number, f"{cell.strip()} {unit}".strip())
            for number, ((name, unit), cell) in enumerate(zip(columns, cells, strict=True), start=1)
            if cell.strip()
        }
        rows.append({name: text for name, (_, text) in stated.items()})
        places.append(_Place(path, line, {name: number for name, (number, _) in stated.items()}))
    if problems:
        raise ParameterError(problems)
    return rows, places


def _column(text: str) -> tuple[str, str]:
    """Return name and unit of a column ``name [unit]``."""
    name, _, unit = text.partition("[")
    return name.strip(), unit.strip().removesuffix("]").strip()


def read_patients(
    problem: DecisionProblem, texts: Iterable[str], path: Path | None, *, needed: Iterable[str] = ()
) -> list[Patient] | None:
    """Return the patients of a command line: typed, named, or in a CSV file; None for none.

    Parameters
    ----------
    problem : DecisionProblem
    texts : iterable of str
        ``name=value,name=value``, or the id of a shipped profile.
    path : Path or None
        A CSV file.
    needed : iterable of str
    """
    rows, places = [], []
    for text in texts:
        rows.append(read_profile_text(text) if "=" in text else _shipped_profile(text))
        places.append(_Place())
    if path is not None:
        more, where = read_profiles_csv(path)
        rows += more
        places += where
    return resolve_patients(problem, rows, places, needed=needed) if rows else None


def _shipped_profile(name: str) -> dict:
    known = load_library().records("profile")
    if name not in known:
        raise ParameterError(
            [
                Problem(
                    field="profile",
                    found=name,
                    allowed="name=value,name=value, or the id of a shipped profile",
                    remedy=did_you_mean(name, known),
                )
            ]
        )
    return {"id": name, **known[name].values}


def resolve_patients(
    problem: DecisionProblem,
    rows: Iterable[Mapping],
    places: Iterable[_Place] | None = None,
    *,
    needed: Iterable[str] = (),
) -> list[Patient]:
    """Return patients with every covariate checked and in the problem's units.

    Parameters
    ----------
    problem : DecisionProblem
    rows : iterable of mapping
        Covariate -> number, boolean, or text with a unit such as ``"4.75 mg/dL"``; ``id`` is
        the patient's name.
    places : iterable, optional
        Where each row was typed.
    needed : iterable of str
        Covariates that some baseline model cannot do without.

    Returns
    -------
    list of Patient

    Raises
    ------
    ParameterError
        With every fault of every row.
    """
    rows = list(rows)
    places = list(places) if places is not None else [_Place() for _ in rows]
    needed = list(needed)
    patients, problems = [], []
    seen: set[str] = set()
    for number, (row, place) in enumerate(zip(rows, places, strict=True), start=1):
        name = str(row.get("id", f"patient_{number}" if len(rows) > 1 else "patient"))
        if name in seen:
            problems.append(
                place.problem(
                    "id",
                    found=name,
                    allowed="each id once",
                    remedy="give each patient a name of their own",
                )
            )
        seen.add(name)
        typed = {key: value for key, value in row.items() if key != "id"}
        patient, faults = _patient(problem, name, typed, place, needed)
        patients.append(patient)
        problems += faults
    if not rows:
        problems.append(
            Problem(
                field="profiles",
                found=NOTHING,
                allowed="at least one patient",
                remedy="give a profile",
            )
        )
    if problems:
        raise ParameterError(problems)
    return patients


def _patient(problem, name: str, typed: Mapping, place: _Place, needed) -> tuple[Patient, list]:
    values: dict[str, float | bool | str | None] = {}
    notes: list[str] = []
    faults: list[Problem] = []
    for key in typed:
        if key not in problem.covariates:
            faults.append(
                place.problem(
                    key,
                    found=Phrase("an unknown covariate"),
                    allowed=", ".join(problem.covariates),
                    remedy=did_you_mean(key, problem.covariates),
                )
            )
    for key, covariate in problem.covariates.items():
        if key in typed:
            try:
                values[key] = _value(key, covariate, typed[key], place, notes)
            except ParameterError as error:
                faults += error.problems
            continue
        values[key] = covariate.default
        if key in needed and covariate.default is None:
            faults.append(
                place.problem(
                    key,
                    found=NOTHING,
                    allowed=f"a value in {covariate.unit or 'words'}",
                    remedy=f"add `{key}`: the baseline risk depends on it",
                )
            )
        elif covariate.default is not None:
            notes.append(
                f"{covariate.label.lower()} not stated, taken as {_said(covariate.default)}"
            )
    for key, value in values.items():
        refuse = problem.covariates[key].refuse
        if refuse and value is refuse.is_:
            faults.append(
                place.problem(
                    key,
                    found=Phrase(_said(value)),
                    allowed=f"{_said(not refuse.is_)} only",
                    remedy=f"this problem does not apply: {refuse.because}",
                )
            )
    not_for: dict[str, str] = {}
    for option, declared in problem.options.items():
        reasons = [
            f"{problem.covariates[rule.covariate].label}: {rule.because}"
            for rule in declared.not_for
            if _holds(values.get(rule.covariate), rule.is_)
        ]
        if reasons:
            not_for[option] = "; ".join(reasons)
    return Patient(name, values, tuple(notes), not_for), faults


def _holds(value: object, wanted: bool | str) -> bool:
    return value is not None and type(value) is type(wanted) and value == wanted


def _said(value: bool | float | str) -> str:
    """Return a covariate's value as one says it."""
    if isinstance(value, str):
        return value
    return ("yes" if value else "no") if isinstance(value, bool) else f"{value:g}"


def _value(key: str, covariate: Covariate, typed: object, place: _Place, notes: list[str]):
    if covariate.type == "boolean":
        word = str(typed).strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        _refuse(place, key, typed, "yes or no", "write yes or no")
    if covariate.type == "category":
        word = str(typed).strip()
        if word not in covariate.categories:
            remedy = did_you_mean(word, covariate.categories)
            _refuse(place, key, typed, ", ".join(covariate.categories), remedy)
        return word
    unit = covariate.unit
    allowed = f"a number in {unit}" + (
        f" ({covariate.range[0]:g} to {covariate.range[1]:g})" if covariate.range else ""
    )
    if isinstance(typed, bool) or typed is None:
        _refuse(place, key, typed, allowed, "give a number")
    match = _NUMBER.match(str(typed))
    if "," in str(typed):
        _refuse(place, key, typed, allowed, "decimal comma? write a decimal point, and no others")
    if match is None or not math.isfinite(float(match.group(1))):
        _refuse(place, key, typed, allowed, "give a number")
    number, written = float(match.group(1)), match.group(2)
    factor = 1.0
    if written is not None and written != unit:
        if written not in covariate.accepts:
            units = [unit, *covariate.accepts]
            _refuse(
                place, key, typed, f"a number in {' or '.join(units)}", did_you_mean(written, units)
            )
        factor = covariate.accepts[written]
        notes.append(
            f"{covariate.label.lower()} {number:g} {written} is {number * factor:.4g} {unit}"
        )
    value = number * factor
    if covariate.range and not covariate.range[0] <= value <= covariate.range[1]:
        _refuse(place, key, typed, allowed, _likely_unit(covariate, number, factor))
    if covariate.studied and not covariate.studied[0] <= value <= covariate.studied[1]:
        low, high = covariate.studied
        notes.append(
            f"{covariate.label.lower()} {value:g} {unit} lies outside the range the evidence "
            f"covers, {low:g} to {high:g} {unit}: extrapolation"
        )
    return value


def _likely_unit(covariate: Covariate, number: float, factor: float) -> str:
    """Return a question about the unit, where another one would put the value in range."""
    low, high = covariate.range
    for unit, other in {covariate.unit: 1.0, **covariate.accepts}.items():
        if other != factor and low <= number * other <= high:
            same = f" = {number * other:.0f} {covariate.unit}" if unit != covariate.unit else ""
            return f"did you mean {number:g} {unit}{same}? write '{number:g} {unit}'"
    return "check the value and its unit"


def _refuse(place: _Place, name: str, found: object, allowed: str, remedy: str):
    raise ParameterError([place.problem(name, found=found, allowed=allowed, remedy=remedy)])
