"""Who is flagged at each threshold, and what becomes of them: counts, incidence, bootstrap draws.

Predictions are sorted once into the bins between thresholds; a cumulative sum from the top then
serves every threshold. Row 0 of a cumulated array is everybody, row j whoever is flagged at the
j-th threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CELLS = 1 << 14  # of the table that guesses a bin; a power of two, so that p * CELLS is exact
CHUNK = 1 << 15  # rows whose passes stay in cache
_SMALL = 20_000  # rows for which the table does not pay
_CODES = 1 << 22  # cells that are counted without sorting
DRAW_BLOCK = 512


class Binning:
    """Counts how many thresholds a value reaches.

    Parameters
    ----------
    thresholds : ndarray, shape (threshold,)
        Increasing, in [0, 1).

    Notes
    -----
    A value is flagged at a threshold it equals; a prediction of exactly 0 is never flagged, so
    that a threshold of 0 stands for the limit from above. Both are the conventions of the
    reference packages.
    """

    def __init__(self, thresholds: np.ndarray):
        reached = np.where(thresholds == 0, np.nextafter(0, 1), thresholds)
        self.size = reached.size
        self._reached = reached
        self._padded = np.append(reached, np.inf)
        self._guess: np.ndarray | None = None
        self._steps = 0

    def bins(self, values: np.ndarray) -> np.ndarray:
        """Return for each value the number of thresholds at or below it."""
        if values.size < _SMALL:
            return np.searchsorted(self._reached, values, side="right")
        found = np.empty(values.size, dtype=np.int64)
        for start in range(0, values.size, CHUNK):
            found[start : start + CHUNK] = self._chunk(values[start : start + CHUNK])
        return found

    def counts(self, values: np.ndarray, events: np.ndarray) -> np.ndarray:
        """Return the number of patients, shape (bin, event), in one pass.

        Parameters
        ----------
        values : ndarray, shape (patient,)
        events : ndarray of int, shape (patient,)
            0 or 1.
        """
        total = np.zeros(2 * (self.size + 1), dtype=np.int64)
        for start in range(0, values.size, CHUNK):
            part = values[start : start + CHUNK]
            if values.size < _SMALL:
                code = np.searchsorted(self._reached, part, side="right")
            else:
                code = self._chunk(part)
            code *= 2
            code += events[start : start + CHUNK]
            total += np.bincount(code, minlength=total.size)
        return total.reshape(-1, 2)

    def _chunk(self, part: np.ndarray) -> np.ndarray:
        # A table guesses the bin from the leading bits; at most `steps` comparisons mend it.
        if self._guess is None:
            edges = np.arange(CELLS) / CELLS
            self._guess = np.searchsorted(self._reached, edges, side="right").astype(np.int64)
            inside = np.searchsorted(self._reached, edges + 1 / CELLS, side="left") - self._guess
            self._steps = int(inside.max())
        cell = (part * CELLS).astype(np.int64)
        np.clip(cell, 0, CELLS - 1, out=cell)
        found = self._guess.take(cell)
        for _ in range(self._steps):
            found += part >= self._padded.take(found)
        return found


def from_top(binned: np.ndarray) -> np.ndarray:
    """Return sums over bins from each to the top, shape (bin, ...): row 0 is everybody.

    Examples
    --------
    >>> from_top(np.array([1, 2, 4]))
    array([7, 6, 4])
    """
    return np.cumsum(binned[::-1], axis=0)[::-1]


# --- patients who share every bin -----------------------------------------------------------------


@dataclass(frozen=True)
class Cells:
    """Patients counted by all that matters of them.

    Parameters
    ----------
    count : ndarray, shape (cell,)
    labels : tuple of ndarray, shape (cell,)
        One for each column that was classified by.
    """

    count: np.ndarray
    labels: tuple[np.ndarray, ...]


def cross_classify(columns: Sequence[np.ndarray]) -> Cells:
    """Return how many patients share every label.

    Parameters
    ----------
    columns : sequence of ndarray of int, shape (patient,)
        Labels, 0 or above.

    Examples
    --------
    >>> cells = cross_classify([np.array([0, 1, 1]), np.array([2, 0, 0])])
    >>> cells.count, cells.labels
    (array([1, 2]), (array([0, 1]), array([2, 0])))
    """
    code, size = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in columns:
        width = int(column.max()) + 1
        if size * width > _CODES and size > 1:
            known, code = np.unique(code, return_inverse=True)
            size = known.size
        code = code * width + column
        size *= width
    if size > _CODES:
        known, code = np.unique(code, return_inverse=True)
        size = known.size
    count = np.bincount(code, minlength=size)
    anyone = np.zeros(size, dtype=np.int64)
    anyone[code] = np.arange(code.size)  # one patient stands for the cell
    held = count > 0
    anyone = anyone[held]
    return Cells(count[held], tuple(np.asarray(column)[anyone] for column in columns))


def bootstrap_weights(
    count: np.ndarray, size: int, rng: np.random.Generator, block: int | None = None
):
    """Yield blocks of Bayesian bootstrap weights, shape (cell, draw in block), and their place.

    The weight of a cell is the sum of its patients' standard exponentials: Gamma(count). So the
    cost is that of the cells, whatever the number of patients. Weights are not yet divided by
    their sum.

    Parameters
    ----------
    count : ndarray, shape (cell,)
    size : int
        Draws in all.
    rng : numpy.random.Generator
    block : int, optional

    References
    ----------
    Rubin (1981), Annals of Statistics 9:130, doi:10.1214/aos/1176345338.
    """
    if block is None:  # at most 32 MiB a block
        block = int(np.clip((1 << 22) // max(count.size, 1), 16, DRAW_BLOCK))
    shape = count.astype(float)[:, None]
    for start in range(0, size, block):
        wide = min(block, size - start)
        yield slice(start, start + wide), rng.standard_gamma(shape, size=(count.size, wide))


def summed_by(labels: np.ndarray, size: int, weights: np.ndarray) -> np.ndarray:
    """Return the sums of rows that share a label, shape (size, draw).

    Parameters
    ----------
    labels : ndarray of int, shape (row,)
    size : int
    weights : ndarray, shape (row, draw)
    """
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    total = np.zeros((size, weights.shape[1]))
    total[ordered[starts]] = np.add.reduceat(weights[order], starts, axis=0)
    return total


# --- time to event --------------------------------------------------------------------------------

CENSORED, EVENT, COMPETING = 0, 1, 2


@dataclass(frozen=True)
class FollowUp:
    """Patients' follow-up, as far as an incidence by a horizon depends on it.

    Parameters
    ----------
    passed : ndarray of int, shape (patient,)
        How many distinct event times up to the horizon each was at risk at.
    kind : ndarray of int, shape (patient,)
        0 censored or beyond the horizon, 1 the event, 2 the competing event.
    times : int
        Number of distinct event times.
    """

    passed: np.ndarray
    kind: np.ndarray
    times: int
    followed: np.ndarray
    horizon: float

    @classmethod
    def by(cls, horizon: float, time: np.ndarray, kind: np.ndarray) -> FollowUp:
        """Return the follow-up by a horizon.

        Parameters
        ----------
        horizon : float
        time : ndarray, shape (patient,)
        kind : ndarray of int, shape (patient,)
        """
        seen = np.where(time <= horizon, kind, CENSORED)
        distinct = np.unique(time[seen > 0])
        passed = np.searchsorted(distinct, time, side="right")
        return cls(passed, seen, distinct.size, time, horizon)

    def determined(self, bins: np.ndarray, size: int) -> np.ndarray:
        """Return for each row of flagged, shape (size,), whether their incidence is known.

        It is if somebody is followed to the horizon, or if the last of them all had an event:
        then nobody is left.
        """
        last = np.full(size, -np.inf)
        np.maximum.at(last, bins, self.followed)
        censored = np.full(size, -np.inf)
        gone = self.kind == CENSORED
        np.maximum.at(censored, bins[gone], self.followed[gone])
        last, censored = (np.maximum.accumulate(x[::-1])[::-1] for x in (last, censored))
        return (last >= self.horizon) | (censored < last) | ~np.isfinite(last)


def incidence(follow_up: FollowUp, bins: np.ndarray, size: int) -> np.ndarray:
    """Return the cumulative incidence among the flagged by the horizon, shape (size,).

    Kaplan-Meier where nothing competes, Aalen-Johansen where something does; 0 where nobody is
    flagged.

    Parameters
    ----------
    follow_up : FollowUp
    bins : ndarray of int, shape (patient,)
    size : int
        Thresholds and one.

    References
    ----------
    Vickers et al. (2008), BMC Medical Informatics and Decision Making 8:53,
    doi:10.1186/1472-6947-8-53.
    """
    order = np.argsort(bins, kind="stable")
    edges = np.searchsorted(bins[order], np.arange(size + 1))
    width = follow_up.times + 1
    leaving, events, any_event = (np.zeros(width) for _ in range(3))
    result = np.zeros(size)
    for row in range(size - 1, -1, -1):  # from the top: each row adds the patients of one bin
        added = order[edges[row] : edges[row + 1]]
        if added.size:
            passed, kind = follow_up.passed[added], follow_up.kind[added]
            leaving += np.bincount(passed, minlength=width)
            events += np.bincount(passed[kind == EVENT], minlength=width)
            any_event += np.bincount(passed[kind > 0], minlength=width)
        at_risk = from_top(leaving)[1:]
        some = at_risk > 0
        hazard = np.where(some, any_event[1:] / np.where(some, at_risk, 1), 0.0)
        own = np.where(some, events[1:] / np.where(some, at_risk, 1), 0.0)
        free = np.cumprod(1 - hazard)
        before = np.r_[1.0, free[:-1]] if free.size else free
        result[row] = (before * own).sum()
    return np.where(follow_up.determined(bins, size), result, np.nan)


def incidence_draws(
    follow_up: FollowUp,
    bins: Sequence[np.ndarray],
    size: int,
    draws: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return incidence among the flagged and their share in reweighted samples of the patients.

    Parameters
    ----------
    follow_up : FollowUp
    bins : sequence of ndarray of int, shape (patient,)
        One for each strategy; all are computed from the same weights.
    size : int
        Thresholds and one.
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    incidence, share : ndarray, shape (strategy, size, draw)
    """
    cells = cross_classify([follow_up.passed, follow_up.kind, *bins])
    passed, kind, *labels = cells.labels
    order = np.argsort(-passed, kind="stable")  # the longest followed first
    passed, kind = passed[order], kind[order]
    labels = [label[order] for label in labels]
    edges = np.searchsorted(-passed, -np.arange(follow_up.times, -1, -1), side="right")
    found = np.zeros((len(labels), size, draws))
    share = np.zeros_like(found)
    for place, weights in bootstrap_weights(cells.count[order], draws, rng):
        total = weights.sum(axis=0)
        for i, label in enumerate(labels):
            found[i, :, place], share[i, :, place] = _backwards(
                weights, kind, label, edges, follow_up.times, size
            )
            share[i, :, place] /= total
    for i, label in enumerate(bins):
        found[i, ~follow_up.determined(label, size)] = np.nan
    return found, share


def _backwards(weights, kind, label, edges, times, size):
    """Return incidence and weight at risk by going from the last event time to the first.

    At each time, with R at risk, D events of any kind and D1 of the own kind, the incidence from
    there on is ``C <- (D1 + (R - D) * C) / R``.
    """
    wide = weights.shape[1]
    at_risk, incidence_ = np.zeros((size, wide)), np.zeros((size, wide))
    own, any_event = np.zeros((size, wide)), np.zeros((size, wide))
    start = 0
    for time, stop in zip(range(times, -1, -1), edges, strict=True):
        top = 0
        for cell in range(start, stop):
            rows = label[cell] + 1
            at_risk[:rows] += weights[cell]
            if kind[cell] != CENSORED and time > 0:
                any_event[:rows] += weights[cell]
                if kind[cell] == EVENT:
                    own[:rows] += weights[cell]
                top = max(top, rows)
        start = stop
        if top:
            now = incidence_[:top]
            now *= at_risk[:top] - any_event[:top]
            now += own[:top]
            now /= at_risk[:top]
            own[:top] = 0
            any_event[:top] = 0
    np.clip(incidence_, 0, 1, out=incidence_)  # R - D of one and the same sum may be -1e-17
    return incidence_, at_risk
