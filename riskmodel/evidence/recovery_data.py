"""Times to recovery as examinations leave them: exact, not yet, by a visit, between two.

Patients and printed summaries both become rows of one likelihood: "in (low, high]", "at this time",
"not by then", "never", each with a weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem

# What a row says of one patient.
EXACT, LEFT, BETWEEN, LATER, RIGHT, NEVER, RECOVERED = range(7)
_SHOWN = 5  # rows named in a message


@dataclass(frozen=True)
class Patients:
    """Times of patients, checked.

    Attributes
    ----------
    lower, upper : ndarray, shape (patient,)
        Recovered after `lower` and by `upper`; equal: at that time; an infinite `upper`: not by
        `lower`.
    entry : ndarray, shape (patient,)
        Who had recovered by then would not be among them; 0 for all who were followed throughout.
    weights : ndarray, shape (patient,)
    covariates : ndarray, shape (patient, covariate)
        As given, not centred.
    names : tuple of str
    """

    lower: np.ndarray
    upper: np.ndarray
    entry: np.ndarray
    weights: np.ndarray
    covariates: np.ndarray
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.lower)

    @property
    def recovered(self) -> np.ndarray:
        """Whether each was seen recovered."""
        return np.isfinite(self.upper)


def read_patients(
    lower: ArrayLike | None,
    upper: ArrayLike | None,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    covariates: Any = None,
) -> Patients:
    """Return checked times of patients.

    Parameters
    ----------
    lower, upper : array_like, shape (patient,), or None
        ``lower == upper``: seen at that time; ``upper = inf``: not yet; ``lower = 0``: before the
        first visit; else between two visits. Both None is nobody.
    entry : array_like, shape (patient,), optional
        Delayed entry: when each came under observation, not yet recovered.
    weights : array_like, shape (patient,), optional
        How many patients each row stands for; 0 or more.
    covariates : mapping of str to array_like, or DataFrame, optional

    Returns
    -------
    Patients

    Raises
    ------
    ParameterError
        With every problem of every argument.

    Examples
    --------
    >>> read_patients([3, 6, 0], [6, float("inf"), 2]).recovered.tolist()
    [True, False, True]
    """
    problems: list[Problem] = []
    if (lower is None) != (upper is None):
        problems.append(
            Problem(
                field="lower" if lower is None else "upper",
                found=NOTHING,
                allowed="lower and upper together",
                remedy="give both, or neither where only summaries are fitted",
            )
        )
        raise ParameterError(problems)
    low = _column("lower", [] if lower is None else lower, None, problems)
    high = _column("upper", [] if upper is None else upper, len(low), problems)
    start = _column("entry", np.zeros(len(low)) if entry is None else entry, len(low), problems)
    weight = _column(
        "weights", np.ones(len(low)) if weights is None else weights, len(low), problems
    )
    table, names = _covariates(covariates, len(low), problems)
    if problems:
        raise ParameterError(problems)
    _check_times(low, high, start, weight, problems)
    if problems:
        raise ParameterError(problems)
    return Patients(low, high, start, weight, table, names)


def _column(name: str, given, length: int | None, problems: list[Problem]) -> np.ndarray:
    try:
        column = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        column = np.full((1, 1), np.nan)
        given = Phrase("what is no column of numbers")
    allowed = "one number a patient" + ("" if length is None else f", {length} in all")
    if column.ndim != 1 or (length is not None and len(column) != length):
        found = given if isinstance(given, Phrase) else Phrase(f"shape {column.shape}")
        problems.append(
            Problem(field=name, found=found, allowed=allowed, remedy="give one list of numbers")
        )
        return np.zeros(length or 0)
    return column


def _covariates(given, length: int, problems: list[Problem]) -> tuple[np.ndarray, tuple[str, ...]]:
    if given is None:
        return np.zeros((length, 0)), ()
    if not hasattr(given, "keys"):
        problems.append(
            Problem(
                field="covariates",
                found=given,
                allowed="a mapping of names to columns, or a DataFrame",
                remedy='give for example {"age": [61, 48, ...]}',
            )
        )
        return np.zeros((length, 0)), ()
    names = tuple(str(name) for name in given.keys())
    columns = [
        _column(f"covariates.{name}", given[name], length, problems) for name in given.keys()
    ]
    for name, column in zip(names, columns, strict=True):
        bad = ~np.isfinite(column)
        if bad.any():
            problems.append(_at(f"covariates.{name}", column, bad, "finite numbers", _MISSING))
        elif length and np.ptp(column) == 0:
            problems.append(
                Problem(
                    field=f"covariates.{name}",
                    found=Phrase(f"{column[0]:g} for every patient"),
                    allowed="values that differ",
                    remedy="leave it out: nothing can be learned of it",
                )
            )
    table = np.column_stack(columns) if columns else np.zeros((length, 0))
    return table, names


_MISSING = "leave these patients out, or impute them and say so"


def _check_times(low, high, start, weight, problems: list[Problem]) -> None:
    whole = "finite times of 0 or more"
    unseen = (low >= 0) & ((start > low) | ((start == low) & (high == low) & (high > 0)))
    bad_entry, bad_weight = (~(np.isfinite(x) & (x >= 0)) for x in (start, weight))
    checks = (
        ("lower", low, ~np.isfinite(low), whole, "a patient never examined tells nothing"),
        ("lower", low, low < 0, "times of 0 or more", "count from the start of observation"),
        ("upper", high, np.isnan(high), "times, or inf", "write float('inf') for not yet"),
        ("upper", high, high < low, "no less than lower", "exchange the ends, or mend one"),
        ("upper", high, high <= 0, "times above 0", "who has recovered at 0 is to be left out"),
        ("entry", start, bad_entry, whole, "0 where there is no delay"),
        ("entry", start, unseen, "no later than lower", "who enters late had not recovered then"),
        ("weights", weight, bad_weight, "finite numbers of 0 or more", "count patients"),
    )
    for name, column, bad, allowed, remedy in checks:
        if bad.any() and not any(problem.field == name for problem in problems):
            problems.append(_at(name, column, bad, allowed, remedy))


def _at(name: str, column: np.ndarray, bad: np.ndarray, allowed: str, remedy: str) -> Problem:
    rows = np.flatnonzero(bad)
    shown = ", ".join(f"{column[row]:g} in row {row}" for row in rows[:_SHOWN])
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return Problem(field=name, found=Phrase(shown + more), allowed=allowed, remedy=remedy)


# --- rows ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rows:
    """Rows of a likelihood, each distinct one once.

    Attributes
    ----------
    kind : ndarray of int, shape (row,)
        ``EXACT`` at `low`; ``LEFT`` by `high`; ``BETWEEN`` both; ``LATER`` than `low` but once;
        ``RIGHT``: not by `low`, perhaps never; ``NEVER``; ``RECOVERED``: at any time.
    low, high : ndarray, shape (row,)
        Times; 1 where a kind has none.
    pattern : ndarray of int, shape (row,)
        Which row of `patterns` holds the covariates.
    weight : ndarray, shape (row,)
        Negative where the row is what others are conditional on.
    patterns : ndarray, shape (pattern, covariate)
    """

    kind: np.ndarray
    low: np.ndarray
    high: np.ndarray
    pattern: np.ndarray
    weight: np.ndarray
    patterns: np.ndarray

    def __len__(self) -> int:
        return len(self.kind)

    def of(self, kind: int) -> np.ndarray:
        """Return where the rows of a kind stand."""
        return np.flatnonzero(self.kind == kind)


def rows_of_patients(patients: Patients, centred: np.ndarray) -> tuple[Rows, np.ndarray]:
    """Return the rows of patients, one or two a patient, and whose each is.

    Parameters
    ----------
    patients : Patients
    centred : ndarray, shape (patient, covariate)

    Returns
    -------
    (Rows, ndarray of int)
        With ``weight`` 1, or -1 for a delayed entry; and the patient of each row.
    """
    low, high = patients.lower, patients.upper
    kind = np.full(len(patients), BETWEEN)
    kind[low == 0] = LEFT
    kind[low == high] = EXACT
    kind[np.isinf(high)] = RIGHT
    told = ~((kind == RIGHT) & (low == 0))  # "not by time 0" tells nothing
    late = patients.entry > 0
    who = np.concatenate([np.flatnonzero(told), np.flatnonzero(late)])
    sign = np.concatenate([np.ones(told.sum()), -np.ones(late.sum())])
    kind = np.concatenate([kind[told], np.full(late.sum(), RIGHT)])
    low = np.concatenate([low[told], patients.entry[late]])
    high = np.concatenate([high[told], np.ones(late.sum())])
    patterns, pattern = _distinct(centred)
    rows = Rows(
        kind,
        np.where(kind == LEFT, 1.0, low),
        np.where((kind == RIGHT) | (kind == EXACT), 1.0, high),
        pattern[who],
        sign,
        patterns,
    )
    return rows, who


def _distinct(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if table.shape[1] == 0:
        return np.zeros((1, 0)), np.zeros(len(table), dtype=int)
    patterns, which = np.unique(table, axis=0, return_inverse=True)
    return patterns, which.reshape(-1)


def merge(parts: Sequence[tuple[Rows, np.ndarray]]) -> Rows:
    """Return rows of several parts as one, equal ones once with their weights added.

    Parameters
    ----------
    parts : sequence of (Rows, ndarray)
        Rows and the weight of each, on top of their own.

    Examples
    --------
    >>> patients = read_patients([3, 3], [6, 6])
    >>> rows, _ = rows_of_patients(patients, patients.covariates)
    >>> merge([(rows, np.ones(2))]).weight.tolist()
    [2.0]
    """
    width = max((part.patterns.shape[1] for part, _ in parts), default=0)
    tables = []
    for part, weight in parts:
        known = np.zeros((len(part), width))
        if part.patterns.shape[1]:
            known = part.patterns[part.pattern]
        columns = [part.kind, part.low, part.high, part.weight * weight]
        tables.append(np.column_stack([*columns, known]))
    table = np.concatenate(tables) if tables else np.zeros((0, 4 + width))
    keys, which = np.unique(np.delete(table, 3, axis=1), axis=0, return_inverse=True)
    weight = np.bincount(which.reshape(-1), weights=table[:, 3], minlength=len(keys))
    kept = weight != 0
    keys, weight = keys[kept], weight[kept]
    patterns, pattern = _distinct(keys[:, 3:])
    return Rows(keys[:, 0].astype(int), keys[:, 1], keys[:, 2], pattern, weight, patterns)


def make_rows(
    entries: Sequence[tuple[int, float, float, float]], pattern: Mapping | np.ndarray | None = None
) -> Rows:
    """Return rows from (kind, low, high, weight), all with one set of covariates.

    Examples
    --------
    >>> make_rows([(LEFT, 1.0, 24.0, 40.0)]).high.tolist()
    [24.0]
    """
    table = np.array(entries, dtype=float).reshape(-1, 4)
    patterns = np.zeros((1, 0)) if pattern is None else np.asarray(pattern, dtype=float)[None, :]
    return Rows(
        table[:, 0].astype(int),
        table[:, 1],
        table[:, 2],
        np.zeros(len(table), dtype=int),
        table[:, 3],
        patterns,
    )
