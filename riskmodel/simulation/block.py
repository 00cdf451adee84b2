"""Blocks of patients through either backend, and the sums by draw that any blocks add up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from riskmodel.simulation import chunked
from riskmodel.simulation.factored import (
    MAX_SUMMED,
    SHARE_BITS,
    UNKNOWN,
    Factored,
    compile_problem,
    external_risks,
)

BLOCK = MAX_SUMMED  # patients whose sums stay in float64 before they are moved into whole numbers
WORTH_COMPILING = 200_000_000  # cells; below that numba's loading outlasts chunked numpy
HISTOGRAM_BINS = 2048
STATUS = ("computed", "beyond_one")


def choose_backend(cells: int, backend: str | None = None) -> str:
    """Return "numba" or "numpy": as asked, or by the size of the job and what is installed.

    Examples
    --------
    >>> choose_backend(1000)
    'numpy'
    """
    if backend is not None:
        return backend
    if cells < WORTH_COMPILING:
        return "numpy"
    try:
        import numba  # noqa: F401
    except ImportError:
        return "numpy"
    return "numba"


@dataclass(frozen=True)
class Plan:
    """What is wanted of every patient of a compiled problem.

    Parameters
    ----------
    factored : Factored
    probs : ndarray
        Of the quantiles; may be empty.
    thresholds : ndarray
        Of the decision curve, increasing; may be empty.
    dtype : numpy dtype
        Of rows of draws: float64 or float32. Sums are float64 either way.
    """

    factored: Factored
    probs: np.ndarray
    thresholds: np.ndarray
    dtype: type = np.float64

    @cached_property
    def stat_rows(self) -> np.ndarray:
        """Rows that are summarized over draws: risks, differences, net benefit."""
        f = self.factored
        every = [f.risk_row.ravel(), f.difference_row.ravel(), f.benefit_row]
        rows = np.unique(np.concatenate(every))
        return rows[rows != UNKNOWN].astype(np.int64)

    @cached_property
    def place_of(self) -> dict[int, int]:
        return {int(row): place for place, row in enumerate(self.stat_rows)}

    @cached_property
    def stat_varies(self) -> np.ndarray:
        return self.stat_rows < self.factored.varying

    @cached_property
    def known_before(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and quantiles of the constant rows; nan elsewhere."""
        f = self.factored
        mean = np.full(len(self.stat_rows), np.nan)
        quantile = np.full((len(self.stat_rows), len(self.probs)), np.nan)
        for s, row in enumerate(self.stat_rows):
            if row >= f.varying:
                values = f.constants[row - f.varying].astype(self.dtype)
                mean[s] = values.mean(dtype=np.float64)
                quantile[s] = np.quantile(values, self.probs) if len(self.probs) else []
        return mean, quantile

    @cached_property
    def _summed(self) -> list[tuple[int, int]]:
        """Varying rows that are summed by draw, with the option each belongs to."""
        f = self.factored
        rows = [(int(row), f.comparator) for row in f.risk_row[f.comparator]]
        rows += [(int(row), j) for j in f.alternatives for row in f.difference_row[j]]
        rows += [(int(row), j) for j, row in enumerate(f.benefit_row)]
        return [(row, j) for row, j in rows if row != UNKNOWN and row < f.varying]

    @cached_property
    def summed(self) -> np.ndarray:
        return np.array([row for row, _ in self._summed], dtype=np.int64)

    @cached_property
    def summed_option(self) -> np.ndarray:
        return np.array([option for _, option in self._summed], dtype=np.int64)

    @cached_property
    def summed_bits(self) -> np.ndarray:
        """Sums of each row are kept in multiples of 2 to the minus this."""
        benefit = set(self.factored.benefit_row.tolist())
        scale = self.factored.benefit_scale
        return np.array([scale if row in benefit else SHARE_BITS for row in self.summed], float)

    @cached_property
    def summed_rounding(self) -> np.ndarray:
        return 1.5 * 2.0 ** (52 - self.summed_bits)

    @property
    def benefit_rounding(self) -> float:
        return 1.5 * 2.0 ** (52 - self.factored.benefit_scale)


@dataclass
class Totals:
    """Sums over patients in whole numbers: any order of adding gives the same bits.

    Parameters
    ----------
    sums : mapping of (group, class, option) to ndarray of int, shape (row, draw)
        Of patients of a group and rule class for whom the model expects most of `option`
        (-1: net benefit is not known). In multiples of ``2 ** -Plan.summed_bits``.
    numbers : mapping of the same to ndarray of int
        Patients; patients to whom each option applies; then, in multiples of 2^-40, sums of the
        greatest expected net benefit and of the expected greatest one.
    bins : ndarray of int, shape (bin, alternative, draw)
        Net benefit of patients whose expected net benefit lies between two thresholds.
    bin_counts : ndarray of int, shape (bin, alternative)
    histograms : ndarray of int, shape (row, 2048)
        How many patients have each value of a mean over draws.
    status : mapping of str to int
        Rows by status.
    set_aside : int
        Draws of patients set aside because an effect has no meaning there.
    """

    sums: dict = field(default_factory=dict)
    numbers: dict = field(default_factory=dict)
    bins: np.ndarray | None = None
    bin_counts: np.ndarray | None = None
    histograms: np.ndarray | None = None
    status: dict = field(default_factory=dict)
    set_aside: int = 0

    def add(self, other: Totals) -> None:
        """Add another part of the cohort."""
        for name in ("sums", "numbers"):
            mine = getattr(self, name)
            for key, values in getattr(other, name).items():
                if key in mine:
                    mine[key] = mine[key] + values
                else:
                    mine[key] = values
        for name in ("bins", "bin_counts", "histograms"):
            values = getattr(other, name)
            if values is not None:
                mine = getattr(self, name)
                setattr(self, name, values if mine is None else mine + values)
        for key, count in other.status.items():
            self.status[key] = self.status.get(key, 0) + count
        self.set_aside += other.set_aside


class Summaries:
    """What comes out of patients, over draws.

    Parameters
    ----------
    mean : ndarray, shape (patient, stat row)
    quantile : ndarray, shape (patient, stat row, prob)
    prob_best : ndarray, shape (patient, option)
    most_expected : ndarray, shape (patient,)
        Expected net benefit of the best option in each draw.
    best : ndarray of int, shape (patient,)
        Option of the greatest expected net benefit; -1 where none is known.
    set_aside : ndarray, shape (patient,)
        Draws set aside.
    status : ndarray of int, shape (patient,)
        Place in :data:`STATUS`.
    """

    def __init__(self, plan: Plan, patients: int):
        mean, quantile = plan.known_before
        options = len(plan.factored.options)
        self.mean = np.repeat(mean[None], patients, axis=0)
        self.quantile = np.repeat(quantile[None], patients, axis=0)
        self.prob_best = np.full((patients, options), np.nan)
        self.most_expected = np.full(patients, np.nan)
        self.best = np.full(patients, -1, dtype=np.int64)
        self.set_aside = np.zeros(patients)
        self.status = np.zeros(patients, dtype=np.int64)


class Worker:
    """Workspace of one thread: rows of draws, and sums that are not yet whole numbers.

    Parameters
    ----------
    plan : Plan
    backend : {"numba", "numpy"}
    """

    def __init__(self, plan: Plan, backend: str):
        self.plan, self.backend = plan, backend
        self.totals = Totals()
        f = plan.factored
        self.curve = len(plan.thresholds) + 1 if len(plan.thresholds) else 0
        alternatives = len(f.alternatives)
        self.bin_sums = np.zeros((max(1, self.curve), alternatives, f.draws))
        self.slots = np.zeros((0, len(plan.summed), f.draws))
        if self.curve:
            self.totals.bins = np.zeros(self.bin_sums.shape, dtype=np.int64)
            self.totals.bin_counts = np.zeros(self.bin_sums.shape[:2], dtype=np.int64)
        if backend == "numba":
            cast = plan.dtype
            self.coefficients = f.coefficients.astype(cast)
            self.effects = f.effects.astype(cast)
            self.rows = np.zeros((f.varying + len(f.constants), f.draws), dtype=cast)
            self.rows[f.varying :] = f.constants

    def summarize(
        self,
        places: np.ndarray,
        outside: np.ndarray,
        applies: np.ndarray,
        groups: np.ndarray,
        classes: np.ndarray,
        out: Summaries,
        part: slice,
    ) -> None:
        """Summarize a block of at most 1,024 patients into `out`, and add them to the sums.

        Parameters
        ----------
        places : ndarray, shape (patient, step)
        outside : ndarray, shape (patient, row, draw)
        applies : ndarray of bool, shape (patient, option)
        groups, classes : ndarray of int, shape (patient,)
            Subgroup and rule class.
        out : Summaries
        part : slice
            Of `out`, the patients of this block.
        """
        plan, f = self.plan, self.plan.factored
        keys, local = np.unique(np.column_stack([groups, classes]), axis=0, return_inverse=True)
        local = np.ascontiguousarray(local.ravel(), dtype=np.int64)
        step = len(f.options) + 1
        if len(self.slots) < len(keys) * step:
            self.slots = np.zeros((len(keys) * step, *self.slots.shape[1:]))
        bins_used = np.zeros(len(self.bin_sums), dtype=bool)
        block = _Block(self, places, outside, applies, local, out, part, bins_used)
        if self.backend == "numba":
            self._compiled(block)
        else:
            chunked.summarize(f, plan, block)
        computed = out.status[part] == 0
        self._count(keys, local, applies, computed, out, part)
        self._flush(keys, step, local, computed, out.best[part], bins_used)

    def _compiled(self, block: _Block) -> None:
        from riskmodel.simulation import kernels

        plan, f = self.plan, self.plan.factored
        kernels.summarize(
            f.program, self.coefficients, f.coefficient_step, self.effects, f.numbers,
            block.places.astype(plan.dtype), block.outside.astype(plan.dtype, copy=False),
            self.rows, f.varying, f.checked, f.set_aside_before, f.kept.size, plan.stat_rows,
            plan.stat_varies, f.benefit_row, f.known_benefit, f.comparator, f.burden,
            block.applies, plan.probs, plan.thresholds, plan.summed, plan.summed_option,
            plan.summed_rounding, plan.benefit_rounding, block.classes, self.slots, self.bin_sums,
            block.bins_used, block.mean, block.quantile, block.prob_best, block.most_expected,
            block.best, block.set_aside, block.status,
        )  # fmt: skip

    def _count(self, keys, local, applies, computed, out: Summaries, part: slice) -> None:
        """Add numbers of patients, and sums over patients of what is expected of them."""
        plan, f = self.plan, self.plan.factored
        best = out.best[part]
        greatest = np.zeros(len(best))
        for j in f.alternatives:
            if f.known_benefit[j]:
                mean = out.mean[part, plan.place_of[int(f.benefit_row[j])]]
                greatest = np.where(best == j, mean, greatest)
        expected = np.where(best >= 0, out.most_expected[part], 0.0)
        whole = np.column_stack([fixed_point(greatest), fixed_point(expected)])
        for i, key in enumerate(keys):
            for option in range(-1, len(f.options)):
                mine = (local == i) & (best == option) & computed
                if not mine.any():
                    continue
                numbers = np.concatenate(
                    [[mine.sum()], applies[mine].sum(axis=0), whole[mine].sum(axis=0)]
                )
                self._add("numbers", (int(key[0]), int(key[1]), option), numbers)
        self.totals.set_aside += int(out.set_aside[part].sum())
        if self.curve:
            for a, j in enumerate(f.alternatives):
                if not f.known_benefit[j]:
                    continue
                mean = out.mean[part, plan.place_of[int(f.benefit_row[j])]]
                mine = computed & applies[:, j]
                where = np.searchsorted(plan.thresholds, mean[mine] + f.burden)
                self.totals.bin_counts[:, a] += np.bincount(where, minlength=self.curve)
        self._histograms(out, part, computed, applies)

    def _histograms(self, out: Summaries, part: slice, computed, applies) -> None:
        plan = self.plan
        if self.totals.histograms is None:
            shape = (len(plan.stat_rows), HISTOGRAM_BINS)
            self.totals.histograms = np.zeros(shape, dtype=np.int64)
        ranges = histogram_ranges(plan)
        options = _row_options(plan)
        for s, (low, high) in enumerate(ranges):
            mine = computed & applies[:, options[s]]
            share = (out.mean[part, s][mine] - low) / (high - low)
            where = np.clip((share * HISTOGRAM_BINS).astype(np.int64), 0, HISTOGRAM_BINS - 1)
            self.totals.histograms[s] += np.bincount(where, minlength=HISTOGRAM_BINS)

    def _flush(self, keys, step, local, computed, best, bins_used) -> None:
        """Move the sums of a block into whole numbers."""
        plan = self.plan
        scales = 2.0**plan.summed_bits
        used = np.unique(local[computed] * step + best[computed] + 1)
        for slot in used:
            key = (*(int(part) for part in keys[slot // step]), int(slot % step) - 1)
            if key not in self.totals.sums:
                shape = (len(plan.summed), plan.factored.draws)
                self.totals.sums[key] = np.zeros(shape, dtype=np.int64)
            _move(self.slots[slot], scales[:, None], self.totals.sums[key])
        for b in np.flatnonzero(bins_used):
            _move(self.bin_sums[b], 2.0**plan.factored.benefit_scale, self.totals.bins[b])

    def _add(self, name: str, key, values) -> None:
        mine = getattr(self.totals, name)
        mine[key] = mine[key] + values if key in mine else values


def _move(sums: np.ndarray, scale, totals: np.ndarray) -> None:
    totals += (sums * scale).astype(np.int64)  # exact: multiples of one over the scale
    sums[...] = 0.0


@dataclass
class _Block:
    """Patients going in, and where their summaries and sums go."""

    worker: Worker
    places: np.ndarray
    outside: np.ndarray
    applies: np.ndarray
    classes: np.ndarray
    out: Summaries
    part: slice
    bins_used: np.ndarray

    def __post_init__(self):
        for name in vars(self.out):
            setattr(self, name, getattr(self.out, name)[self.part])
        self.slot_sums, self.bin_sums = self.worker.slots, self.worker.bin_sums

    def first_of(self, part: slice) -> int:
        return part.start


def fixed_point(values: np.ndarray) -> np.ndarray:
    """Return values as whole multiples of 2^-40, so that sums do not depend on their order."""
    return np.rint(np.nan_to_num(values) * 2.0**40).astype(np.int64)


def histogram_ranges(plan: Plan) -> list[tuple[float, float]]:
    """Return the lowest and highest value each row's histogram tells apart."""
    f = plan.factored
    ranges = []
    benefit, differences = set(f.benefit_row.tolist()), set(f.difference_row.ravel().tolist())
    for row in plan.stat_rows:
        if row in benefit:
            ranges.append((-f.benefit_bound, f.benefit_bound))
        elif row >= f.varying:  # one value, in the middle bin, whatever its unit
            value = float(f.constants[row - f.varying].mean())
            ranges.append((value - 1, value + 1))
        else:
            ranges.append((-1.0, 1.0) if row in differences else (0.0, 1.0))
    return ranges


def _row_options(plan: Plan) -> list[int]:
    """Return the option each summarized row belongs to (the first, if several share it)."""
    f = plan.factored
    options: dict[int, int] = {}
    for rows in (f.risk_row, f.difference_row, f.benefit_row[:, None]):
        for j, k in np.ndindex(*rows.shape):
            options.setdefault(int(rows[j, k]), j)
    return [options[int(row)] for row in plan.stat_rows]


def simulated_risks(
    factored: Factored, places: np.ndarray, outside: np.ndarray, backend: str, rows: Sequence[int]
) -> np.ndarray:
    """Return rows of risks of patients, shape (patient, row, kept draw)."""
    wanted = np.asarray(rows, dtype=np.int64)
    out = np.empty((len(places), len(wanted), factored.draws))
    if backend == "numpy":
        chunked.risks(factored, places, outside, wanted, out)
        return out
    from riskmodel.simulation import kernels

    space = np.zeros((factored.varying + len(factored.constants), factored.draws))
    space[factored.varying :] = factored.constants
    kernels.risks(
        factored.program, factored.risk_operations, factored.coefficients,
        factored.coefficient_step, factored.effects, factored.numbers, places, outside, space,
        wanted, out,
    )  # fmt: skip
    return out


def many_risks(evaluation, columns: dict) -> np.ndarray | None:
    """Return risks of many patients by the program; None where the formulas must be used.

    Returns
    -------
    ndarray, shape (draw, patient, option, outcome), or None
        Before anything is set aside. None where a draw has no meaning for anybody, or outcomes
        compete: both need every outcome of every draw at once.
    """
    problem = evaluation.problem
    if any(getattr(o, "competing", None) for o in problem.outcomes.values()):
        return None
    factored = compile_problem(evaluation)
    if not factored.kept.all():
        return None
    rows = np.unique(factored.risk_row[factored.risk_row != UNKNOWN])
    places = factored.positions(columns)
    backend = choose_backend(factored.cells(len(places)))
    shape = (len(places), *factored.risk_row.shape, factored.draws)
    risk = np.full(shape, np.nan)
    size = chunked.chunk_size(factored) if factored.external else len(places)
    for first in range(0, len(places), size):
        part = slice(first, first + size)
        outside = external_risks(
            factored, evaluation, {name: values[part] for name, values in columns.items()}
        )
        made = simulated_risks(factored, places[part], outside, backend, rows)
        for j, k in np.ndindex(*factored.risk_row.shape):
            if factored.risk_row[j, k] != UNKNOWN:
                risk[part, j, k] = made[:, np.searchsorted(rows, factored.risk_row[j, k])]
    return np.moveaxis(risk, -1, 0)
