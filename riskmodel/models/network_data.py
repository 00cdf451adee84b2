"""The arms of a network of trials: checked, connected, and as the matrices of its model."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

TYPICAL_TAU = 0.05  # in log odds
COLUMNS = ("study", "treatment", "events", "n")


@dataclass(frozen=True, eq=False)
class Arms:
    """Checked rows, arms of one study beside one another.

    Parameters
    ----------
    study, treatment : ndarray of int, shape (arm,)
        Places in `studies` and `treatments`.
    events, n : ndarray of int, shape (arm,)
    studies, treatments : tuple of str
        The reference treatment is the first.
    """

    study: np.ndarray
    treatment: np.ndarray
    events: np.ndarray
    n: np.ndarray
    studies: tuple[str, ...]
    treatments: tuple[str, ...]

    @property
    def reference(self) -> str:
        """The treatment against which results are first shown."""
        return self.treatments[0]

    @cached_property
    def by_study(self) -> list[np.ndarray]:
        """The rows of each study."""
        return [np.flatnonzero(self.study == i) for i in range(len(self.studies))]

    def together(self) -> dict[tuple[int, int], list[int]]:
        """Return the studies of each pair of treatments that one study compares."""
        found: dict[tuple[int, int], list[int]] = {}
        for i, rows in enumerate(self.by_study):
            for pair in itertools.combinations(sorted(self.treatment[rows]), 2):
                found.setdefault(tuple(map(int, pair)), []).append(i)
        return dict(sorted(found.items()))

    # Matrices of the model.

    @cached_property
    def effect_matrix(self) -> np.ndarray:
        """Arms by treatments: which was given, less the mean over the study's arms."""
        given = np.eye(len(self.treatments))[self.treatment]
        return given - np.stack([given[rows].mean(axis=0) for rows in self.by_study])[self.study]

    @cached_property
    def deviation_matrix(self) -> np.ndarray:
        """Arms by free random effects, for a heterogeneity of 1.

        Within a study the deviations sum to 0, the difference of any two has variance 1, and
        differences that share an arm have correlation 0.5.
        """
        blocks, place = [], np.zeros(len(self.study), dtype=int)
        for rows in self.by_study:
            place[rows] = np.arange(len(rows)) + sum(len(block) for block in blocks)
            blocks.append(sum_to_zero_basis(len(rows)) / np.sqrt(2))
        matrix = np.zeros((len(self.study), sum(block.shape[1] for block in blocks)))
        row = column = 0
        for block in blocks:
            matrix[row : row + block.shape[0], column : column + block.shape[1]] = block
            row, column = row + block.shape[0], column + block.shape[1]
        return matrix[place]

    @cached_property
    def centring(self) -> np.ndarray:
        """How far each random effect is known from its own study's counts, from 0 to 1.

        The counts' information on it, at risks half an event from the observed ones and the
        baseline fitted, against that of a prior of standard deviation `TYPICAL_TAU`. It steers the
        sampler and changes no result.
        """
        risk = (self.events + 0.5) / (self.n + 1)
        weight = self.n * risk * (1 - risk)
        matrix, known = self.deviation_matrix, np.zeros(self.deviation_matrix.shape[1])
        for rows in self.by_study:
            own, share = matrix[rows], weight[rows] / weight[rows].sum()
            known += weight[rows] @ (own - share @ own) ** 2
        return known * TYPICAL_TAU**2 / (1 + known * TYPICAL_TAU**2)

    @cached_property
    def unrelated_contrasts(self) -> list[tuple[int, int]]:
        """The pairs that have an effect of their own where effects are unrelated.

        Each arm of a study against the first in the order of `treatments`, so that every effect
        is one that some study informs; a study of two arms gives its pair, one of three arms two
        of its three.
        """
        found = {
            (int(given[0]), int(other))
            for given in (np.sort(self.treatment[rows]) for rows in self.by_study)
            for other in given[1:]
        }
        return sorted(found)

    @cached_property
    def unrelated_matrix(self) -> np.ndarray:
        """Arms by unrelated contrasts: which was given, less the mean over the study's arms."""
        matrix = np.zeros((len(self.study), len(self.unrelated_contrasts)))
        for rows in self.by_study:
            base = int(self.treatment[rows].min())
            for row in rows:
                if self.treatment[row] != base:
                    pair = (base, int(self.treatment[row]))
                    matrix[row, self.unrelated_contrasts.index(pair)] = 1.0
            matrix[rows] -= matrix[rows].mean(axis=0)
        return matrix

    def contrast_name(self, pair: tuple[int, int]) -> str:
        """Return a pair as ``second v first``."""
        return f"{self.treatments[pair[1]]} v {self.treatments[pair[0]]}"

    def split_vector(self, pair: tuple[int, int]) -> np.ndarray:
        """Return what a direct effect beyond the indirect one adds to each arm.

        In studies with both treatments of the pair, half to the one and minus half to the other.
        """
        vector = np.zeros(len(self.study))
        for rows in self.by_study:
            given = self.treatment[rows]
            if np.isin(pair, given).all():
                vector[rows] = 0.5 * (given == pair[1]) - 0.5 * (given == pair[0])
        return vector

    # Connections.

    def closed_by_others(self, pair: tuple[int, int]) -> bool:
        """Say whether a pair stays connected without the studies that have both treatments."""
        rest = [
            set(self.treatment[rows].tolist())
            for rows in self.by_study
            if not np.isin(pair, self.treatment[rows]).all()
        ]
        return any(set(pair) <= part for part in connected_parts(rest))


def sum_to_zero_basis(size: int) -> np.ndarray:
    """Return orthonormal columns that span the vectors of sum 0 (Helmert's contrasts).

    Examples
    --------
    >>> sum_to_zero_basis(2).round(4)
    array([[-0.7071],
           [ 0.7071]])
    """
    basis = np.zeros((size, size - 1))
    for k in range(1, size):
        basis[:k, k - 1] = -1.0
        basis[k, k - 1] = k
        basis[:, k - 1] /= np.sqrt(k * (k + 1))
    return basis


def connected_parts(groups: Iterable[set]) -> list[set]:
    """Return the parts that groups with a common member form, in order of their first.

    Examples
    --------
    >>> [sorted(part) for part in connected_parts([{"a", "b"}, {"c", "d"}, {"b", "e"}])]
    [['c', 'd'], ['a', 'b', 'e']]
    """
    parts: list[set] = []
    for group in groups:
        touched = [part for part in parts if part & group]
        merged = set(group).union(*touched)
        parts = [part for part in parts if not part & group] + [merged]
    return parts


def checked_arms(data: object, reference: str | None = None) -> Arms:
    """Return the rows of a network as arms, or raise with every problem found.

    Parameters
    ----------
    data : DataFrame, or mapping of columns
        One row an arm: ``study``, ``treatment``, ``events``, ``n``.
    reference : str, optional
        By default the treatment of most studies, of several the first by name.
    """
    import pandas as pd

    table = pd.DataFrame(data)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        known = [str(name) for name in table.columns]
        raise ParameterError(
            [
                Problem(
                    field="data",
                    found=Phrase(f"no column {name}"),
                    allowed=f"one row an arm, with the columns {', '.join(COLUMNS)}",
                    remedy=did_you_mean(name, known),
                )
                for name in missing
            ]
        )
    problems: list[Problem] = []
    names = {column: _names(table, column, problems) for column in COLUMNS[:2]}
    counts = {column: _counts(table, column, problems) for column in COLUMNS[2:]}
    if not problems:
        _check_rows(names, counts, problems)
    if problems:
        raise ParameterError(problems)
    arms = _arranged(names, counts, reference)
    _check_connected(arms)
    return arms


def _names(table: pd.DataFrame, column: str, problems: list[Problem]) -> list[str]:
    """Return a column as text without surrounding space; spellings of one name are refused."""
    names: list[str] = []
    spellings: dict[str, str] = {}
    for i, value in enumerate(table[column]):
        name = "" if value is None or value != value else str(value).strip()
        names.append(name)
        if not name:
            problems.append(_problem(f"data.{column}[{i}]", NOTHING, "a name", "name the row"))
            continue
        known = spellings.setdefault(" ".join(name.casefold().split()), name)
        if known != name:
            problems.append(
                _problem(
                    f"data.{column}[{i}]",
                    name,
                    f"one spelling of a name, as '{known}'",
                    "write it in one way if it is the same, in clearly other words if not",
                )
            )
    return names


def _counts(table: pd.DataFrame, column: str, problems: list[Problem]) -> np.ndarray:
    import pandas as pd

    values = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
    least = 1 if column == "n" else 0
    for i in np.flatnonzero(~((values >= least) & (values == np.round(values)))):
        problems.append(
            _problem(
                f"data.{column}[{i}]",
                table[column].iloc[i],
                f"a whole number of at least {least}",
                "give the count as printed, and leave out an arm without one",
            )
        )
    return values


def _check_rows(names: dict, counts: dict, problems: list[Problem]) -> None:
    """Check what needs more than one cell, or more than one row."""
    for i in np.flatnonzero(counts["events"] > counts["n"]):
        problems.append(
            _problem(
                f"data.events[{i}]",
                int(counts["events"][i]),
                f"at most the arm's n, {counts['n'][i]:g}",
                "check the row; events are patients, not episodes",
            )
        )
    if not len(counts["n"]):
        problems.append(_problem("data", NOTHING, "at least one study of two arms", "give rows"))
    seen: dict[tuple[str, str], int] = {}
    for i, arm in enumerate(zip(names["study"], names["treatment"], strict=True)):
        if seen.setdefault(arm, i) != i:
            problems.append(
                _problem(
                    f"data.treatment[{i}]",
                    Phrase(f"'{arm[1]}' again in study '{arm[0]}'"),
                    "each treatment once in a study",
                    "add the counts of its arms, or name them as different treatments",
                )
            )
    for study in dict.fromkeys(names["study"]):
        if len({t for s, t in seen if s == study}) == 1:
            problems.append(
                _problem(
                    f"data.study[{names['study'].index(study)}]",
                    Phrase(f"one arm of study '{study}'"),
                    "two arms or more in each study",
                    "leave it out: without a comparator it says nothing of a contrast",
                )
            )


def _arranged(names: dict, counts: dict, reference: str | None) -> Arms:
    studies = tuple(dict.fromkeys(names["study"]))
    known = sorted(set(names["treatment"]))
    if reference is None:
        reference = max(
            known, key=lambda name: (names["treatment"].count(name), -known.index(name))
        )
    elif reference not in known:
        raise ParameterError(
            [_problem("reference", reference, ", ".join(known), did_you_mean(reference, known))]
        )
    treatments = (reference, *(name for name in known if name != reference))
    study = np.array([studies.index(name) for name in names["study"]])
    treatment = np.array([treatments.index(name) for name in names["treatment"]])
    order = np.lexsort((treatment, study))
    events, n = (counts[column].astype(int)[order] for column in COLUMNS[2:])
    return Arms(study[order], treatment[order], events, n, studies, treatments)


def _check_connected(arms: Arms) -> None:
    parts = connected_parts(
        {arms.treatments[k] for k in arms.treatment[rows]} for rows in arms.by_study
    )
    if len(parts) > 1:
        parts.sort(key=lambda part: (-len(part), sorted(part)))
        listed = "; ".join(f"({', '.join(sorted(part))})" for part in parts)
        raise ParameterError(
            [
                _problem(
                    "data.treatment",
                    Phrase(f"{len(parts)} parts that no study joins: {listed}"),
                    "one connected network",
                    "analyse each part by itself, or add a study with arms of both",
                )
            ]
        )


def _problem(field: str, found: object, allowed: str, remedy: str) -> Problem:
    return Problem(field=field, found=found, allowed=allowed, remedy=remedy)
