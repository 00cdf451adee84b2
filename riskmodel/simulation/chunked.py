"""The same program and summaries in plain numpy, some patients at a time.

For small jobs, which numba's loading would outlast, and where numba is missing.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from riskmodel.models.events import (
    _NODES,
    _WEIGHTS,
    log_odds_with_mean,
    mean_over_spread,
)
from riskmodel.simulation.factored import (
    ADD,
    CENTRE,
    COPY,
    DIFFERENCE,
    EXPOSURE,
    EXTERNAL,
    HAZARD,
    JOINT,
    LINEAR,
    LOGISTIC,
    ODDS,
    RATIO,
    SPREAD_HAZARD,
    SPREAD_ODDS,
    WEIGHED,
    Factored,
)
from riskmodel.simulation.overlap import joint_risk

MAX_SHARE = 0.001
CHUNK_CELLS = 2_000_000  # numbers a chunk may hold: rows x patients x draws


def chunk_size(factored: Factored) -> int:
    """Return how many patients are taken together."""
    rows = max(1, factored.varying)
    return max(1, CHUNK_CELLS // (rows * max(1, factored.draws)))


def run_operations(
    factored: Factored, last: int, places: np.ndarray, outside: np.ndarray, dtype
) -> list[np.ndarray]:
    """Carry out the first operations of a program.

    Parameters
    ----------
    factored : Factored
    last : int
    places : ndarray, shape (patient, step)
    outside : ndarray, shape (patient, row, draw)
    dtype : numpy dtype

    Returns
    -------
    list of ndarray, shape (patient, draw)
        By row; (1, draw) for constant ones.
    """
    rows: list = [None] * factored.varying
    rows += [row[None].astype(dtype, copy=False) for row in factored.constants]
    effects = factored.effects.astype(dtype, copy=False)
    taken = 0
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        for kind, out, a, b, number, terms in factored.program[:last]:
            if kind == LOGISTIC:
                rows[out] = expit(_linear(factored, a, terms, places, dtype))
            elif kind == LINEAR:
                rows[out] = _linear(factored, a, terms, places, dtype)
            elif kind in (CENTRE, SPREAD_ODDS, SPREAD_HAZARD):
                made = _spread(kind, rows[a], effects[b], factored.numbers[number])
                rows[out] = made.astype(dtype, copy=False)
            elif kind == RATIO:
                rows[out] = rows[a] * effects[b]
            elif kind == ODDS:
                events = rows[a] * effects[b]
                rows[out] = events / (1 - rows[a] + events)
            elif kind == HAZARD:
                rows[out] = -np.expm1(effects[b] * np.log1p(-rows[a]))
            elif kind == ADD:
                rows[out] = rows[a] + effects[b]
            elif kind == EXPOSURE:
                rows[out] = rows[a] + (1 - rows[a]) * effects[b]
            elif kind == EXTERNAL:
                rows[out] = outside[:, taken].astype(dtype, copy=False)
                taken += 1
            elif kind == DIFFERENCE:
                rows[out] = rows[a] - rows[b]
            elif kind == JOINT:
                both = joint_risk(rows[a], rows[b], factored.numbers[number])
                rows[out] = both.astype(dtype, copy=False)
            elif kind == COPY:
                rows[out] = np.repeat(rows[a], len(places), axis=0)
            elif kind == WEIGHED:
                rows[out] = rows[out] + dtype(factored.numbers[number]) * rows[a]
    return rows


def _spread(kind: int, row: np.ndarray, effect: np.ndarray, sd: float) -> np.ndarray:
    """Return the middle of patients' log odds, or the mean treated risk around it."""
    row, effect = row.astype(np.float64), effect.astype(np.float64)
    if kind == CENTRE:
        return log_odds_with_mean(expit(row), sd)
    if kind == SPREAD_ODDS:
        return mean_over_spread(row + effect, sd)
    total = np.zeros(row.shape)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        total += weight * -np.expm1(effect * np.log1p(-expit(row + sd * node)))
    return total


def _linear(factored: Factored, start: int, terms: int, places: np.ndarray, dtype) -> np.ndarray:
    coefficients = factored.coefficients[start : start + terms + 1].astype(dtype, copy=False)
    steps = factored.coefficient_step[start + 1 : start + terms + 1]
    log_odds = np.repeat(coefficients[:1], len(places), axis=0)
    for coefficient, step in zip(coefficients[1:], steps, strict=True):
        log_odds += places[:, step, None].astype(dtype) * coefficient
    return log_odds


def risks(
    factored: Factored, places: np.ndarray, outside: np.ndarray, wanted: np.ndarray, out: np.ndarray
) -> None:
    """Write risks of patients, draw by draw: `out` is (patient, wanted row, draw)."""
    size = chunk_size(factored)
    for first in range(0, len(places), size):
        part = slice(first, first + size)
        rows = run_operations(
            factored, factored.risk_operations, places[part], outside[part], np.float64
        )
        for w, row in enumerate(wanted):
            out[part, w] = rows[row]


def summarize(factored: Factored, job, block) -> None:
    """Summarize a block of patients over draws and add them to the sums by draw.

    Parameters
    ----------
    factored : Factored
    job : Plan
        Rows wanted, probabilities, thresholds; see :mod:`riskmodel.simulation.block`.
    block : Block
        Patients going in and arrays for what comes out.
    """
    size = chunk_size(factored)
    for first in range(0, len(block.places), size):
        part = slice(first, first + size)
        rows = run_operations(
            factored, len(factored.program), block.places[part], block.outside[part], job.dtype
        )
        _summarize_chunk(factored, job, block, rows, part)


def _summarize_chunk(factored, job, block, rows, part: slice) -> None:
    patients = len(block.places[part])
    aside = np.zeros((patients, factored.draws), dtype=bool)
    worst = np.zeros(patients, dtype=np.int64)
    for row, before in zip(factored.checked, factored.set_aside_before, strict=True):
        beyond = ~((rows[row] >= 0) & (rows[row] <= 1))
        aside |= beyond
        worst = np.maximum(worst, beyond.sum(axis=1) + before)
    refused = worst > MAX_SHARE * factored.kept.size
    block.status[part] = refused
    aside[refused] = False
    some = aside.any(axis=1)
    kept = factored.draws - aside.sum(axis=1)
    block.set_aside[part] = np.where(refused, 0, factored.draws - kept)
    for s, row in enumerate(job.stat_rows):
        values = rows[row]
        if not job.stat_varies[s] and not some.any():
            continue  # the same for all, and known before
        values = np.broadcast_to(values, (patients, factored.draws))
        block.mean[part, s], block.quantile[part, s] = _row_summary(values, aside, some, job.probs)
        if row < factored.varying and some.any():
            mean = block.mean[part, s].astype(values.dtype)
            rows[row] = np.where(aside, mean[:, None], values)
    _choose(factored, job, block, rows, part, aside, kept, refused)


def _row_summary(values, aside, some, probs) -> tuple[np.ndarray, np.ndarray]:
    mean = values.mean(axis=1, dtype=np.float64)
    quantile = np.empty((len(values), len(probs)))
    if len(probs):
        quantile[:] = np.quantile(values, probs, axis=1).T
    for i in np.flatnonzero(some):
        left = values[i][~aside[i]]
        mean[i] = left.mean(dtype=np.float64)
        if len(probs):
            quantile[i] = np.quantile(left, probs)
    return mean, quantile


def _choose(factored, job, block, rows, part, aside, kept, refused) -> None:
    """Compare options draw by draw and by expectation, and add to the sums by draw."""
    applies = block.applies[part]
    patients, options = applies.shape
    most = np.full((patients, factored.draws), -np.inf, dtype=job.dtype)
    which = np.full((patients, factored.draws), -1)
    leading, top = np.full(patients, -1), np.full(patients, -np.inf)
    expected = np.zeros((patients, options))
    for j in range(options):
        if not factored.known_benefit[j]:
            continue
        value = np.zeros((1, 1), dtype=job.dtype)
        if j != factored.comparator:
            value = rows[factored.benefit_row[j]]
            expected[:, j] = block.mean[part, job.place_of[factored.benefit_row[j]]]
        better = (value > most) & applies[:, j, None]
        most, which = np.where(better, value, most), np.where(better, j, which)
        ahead = (expected[:, j] > top) & applies[:, j]
        leading, top = np.where(ahead, j, leading), np.where(ahead, expected[:, j], top)
    block.best[part] = leading
    which[aside] = -1
    chosen = leading >= 0
    for j in range(options):
        block.prob_best[part, j] = np.where(chosen, (which == j).sum(axis=1) / kept, np.nan)
    total = np.where(aside, 0.0, most.astype(np.float64)).sum(axis=1)
    block.most_expected[part] = np.where(chosen, total / kept, np.nan)
    for i in np.flatnonzero(~refused):
        where = block.first_of(part) + i
        slot = block.classes[where] * (options + 1) + leading[i] + 1
        for s, row in enumerate(job.summed):
            if applies[i, job.summed_option[s]]:
                r = job.summed_rounding[s]
                values = rows[row][i if len(rows[row]) > 1 else 0].astype(np.float64)
                block.slot_sums[slot, s] += (values + r) - r
        if not len(job.thresholds):
            continue
        for a, j in enumerate(factored.alternatives):
            if not (factored.known_benefit[j] and applies[i, j]):
                continue
            b = np.searchsorted(job.thresholds, expected[i, j] + factored.burden)
            block.bins_used[b] = True
            values = rows[factored.benefit_row[j]][i].astype(np.float64)
            r = job.benefit_rounding
            block.bin_sums[b, a] += (values + r) - r
