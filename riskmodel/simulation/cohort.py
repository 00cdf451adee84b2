"""Partitions of a cohort in, summaries and sums by draw out: one machine or many."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from riskmodel.errors import ParameterError, Phrase, Problem
from riskmodel.simulation import cohort_output as output
from riskmodel.simulation.block import (
    BLOCK,
    Plan,
    Summaries,
    Totals,
    Worker,
)
from riskmodel.simulation.cohort_input import (
    BEYOND_ONE,
    Partition,
    Patients,
    Reading,
    Source,
    check_rows,
    read_batches,
    refuse,
    require_usable,
)
from riskmodel.simulation.factored import Factored, external_risks

CHUNK_ROWS = 16_384
MAX_GROUPS = 1000

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Job:
    """All that a partition needs beside its rows.

    Parameters
    ----------
    factored : Factored
    evaluation : object
        What :func:`riskmodel.simulate` evaluates; for outcomes that are not factored.
    reading : Reading
    probs, thresholds : tuple of float
    single : bool
        Whether rows of draws are float32.
    backend : {"numba", "numpy"}
    strict : bool
    chunk_rows : int
        Rows read and written at once; a multiple of nothing in particular.
    """

    factored: Factored
    evaluation: Any
    reading: Reading
    probs: tuple[float, ...]
    thresholds: tuple[float, ...]
    single: bool
    backend: str
    strict: bool = False
    chunk_rows: int = CHUNK_ROWS

    def plan(self) -> Plan:
        """Return what is wanted of every patient."""
        dtype = np.float32 if self.single else np.float64
        return Plan(self.factored, np.array(self.probs), np.array(self.thresholds), dtype)


# --- one partition --------------------------------------------------------------------------------


class _Team:
    """Threads with a workspace each; sums are exact, so that it does not matter whose they are."""

    def __init__(self, job: Job, threads: int):
        self.job, self.plan = job, job.plan()
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="cohort")
        self.workers: SimpleQueue = SimpleQueue()
        self.every = [Worker(self.plan, job.backend) for _ in range(threads)]
        for worker in self.every:
            self.workers.put(worker)

    def compute(self, patients: Patients, groups: np.ndarray) -> tuple[np.ndarray, Summaries]:
        """Return the places of usable rows and their summaries."""
        rows = patients.usable
        out = Summaries(self.plan, len(rows))
        columns = {name: values[rows] for name, values in patients.columns.items()}
        places = self.job.factored.positions(columns)
        size = BLOCK
        if self.job.factored.external:  # rows of draws from outside are long
            size = 64

        def block(first: int) -> None:
            part = slice(first, min(first + size, len(rows)))
            outside = external_risks(
                self.job.factored,
                self.job.evaluation,
                {name: values[part] for name, values in columns.items()},
            )
            worker = self.workers.get()
            try:
                worker.summarize(
                    places[part], outside, patients.applies[rows[part]], groups[rows[part]],
                    patients.classes[rows[part]], out, part,
                )  # fmt: skip
            finally:
                self.workers.put(worker)

        if len(self.every) == 1:
            for first in range(0, len(rows), size):
                block(first)
        else:
            for done in [self.pool.submit(block, first) for first in range(0, len(rows), size)]:
                done.result()
        return rows, out

    def totals(self) -> Totals:
        """Return the sums so far, and start again from nothing."""
        found = Totals()
        for worker in self.every:
            found.add(worker.totals)
            worker.totals = Worker(self.plan, self.job.backend).totals
        return found

    def close(self) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)


def run_partition(
    team: _Team, source: Source | None, partition: Partition, progress: Progress | None = None
) -> Iterator[tuple[Any, Totals | None]]:
    """Yield a partition's tables of patients as they are done; with the last comes None and sums.

    Parameters
    ----------
    team : _Team
    source : Source or None
        Needed for tables in memory only.
    partition : Partition
    progress : callable, optional
        Called with the number of rows just done.
    """
    job = team.job
    labels: dict[str, int] = {}
    status: dict[str, int] = {}
    done = 0
    for table in read_batches(source, partition, job.reading.wanted, job.chunk_rows):
        if job.strict:
            require_usable(job.reading, table, partition, partition.first_in_file + done)
        patients = check_rows(job.reading, table, partition.first + done)
        groups = _numbered(patients.groups, labels)
        rows, summaries = team.compute(patients, groups)
        beyond = rows[summaries.status != 0]
        patients.status[beyond] = BEYOND_ONE
        patients.reason[beyond] = "an effect puts more than 0.1% of draws beyond a risk of 1"
        if job.strict and len(beyond):
            row = partition.first_in_file + done + int(beyond[0])
            refuse(Phrase(patients.reason[beyond[0]]), "a risk in [0, 1]",
                   "carry the effect on another scale, such as odds_ratio", field=f"row {row + 1}",
                   file=partition.file)  # fmt: skip
        for word, count in zip(*np.unique(patients.status.astype(str), return_counts=True),
                               strict=True):  # fmt: skip
            status[str(word)] = status.get(str(word), 0) + int(count)
        done += table.num_rows
        yield patients_table(team.plan, patients, rows, summaries), None
        if progress is not None:
            progress(table.num_rows)
    totals = team.totals()
    totals.status = status
    names = {number: label for label, number in labels.items()}
    for name in ("sums", "numbers"):
        by = getattr(totals, name)
        setattr(totals, name, {(names[key[0]], *key[1:]): value for key, value in by.items()})
    yield None, totals


def _numbered(groups: np.ndarray, labels: dict[str, int]) -> np.ndarray:
    """Return groups as numbers; the same label has the same number throughout a partition."""
    found, where = np.unique(groups.astype(str), return_inverse=True)
    numbers = np.array([labels.setdefault(str(label), len(labels)) for label in found])
    if len(labels) > MAX_GROUPS:
        refuse(
            Phrase(f"more than {MAX_GROUPS} subgroups"),
            f"at most {MAX_GROUPS}",
            "choose a column with fewer values, or a covariate with bands",
            field="by",
        )
    return numbers[where.ravel()].astype(np.int64)


def quantile_name(prob: float) -> str:
    """Return the end of a quantile's column.

    Examples
    --------
    >>> quantile_name(0.025)
    'quantile_0.025'
    """
    return f"quantile_{prob:g}"


def patients_table(plan: Plan, patients: Patients, rows: np.ndarray, summaries: Summaries):
    """Return the table that is written: a row a patient, in the order they came in."""
    import pyarrow as pa

    f, size = plan.factored, len(patients.status)
    kind = pa.float32() if plan.dtype == np.float32 else pa.float64()
    kept = summaries.status == 0
    whole = len(rows) == size and kept.all()

    def column(values: np.ndarray, applies: np.ndarray | None = None):
        hidden = np.isnan(values) | ~kept
        if applies is not None:
            hidden = hidden | ~applies
        if whole:
            return pa.array(values, type=kind, mask=hidden if hidden.any() else None)
        full, mask = np.zeros(size), np.ones(size, dtype=bool)
        full[rows], mask[rows] = values, hidden
        return pa.array(full, type=kind, mask=mask)

    identifiers = patients.identifiers
    if hasattr(identifiers, "combine_chunks"):
        identifiers = identifiers.combine_chunks()
    arrays: dict[str, Any] = {
        "id": identifiers,
        "status": pa.array(patients.status, pa.string()),
        "reason": pa.array(np.where(patients.reason == "", None, patients.reason), pa.string()),
        "extrapolated": pa.array(patients.extrapolated),
    }
    known = f.known_benefit.any()
    if known:
        names = np.array([*f.options, None], dtype=object)
        best = np.full(size, len(f.options))
        best[rows] = np.where(kept, summaries.best, -1) % (len(f.options) + 1)
        arrays["best_option"] = pa.array(names[best], pa.string())
    for j, option in enumerate(f.options):
        applies = patients.applies[rows, j]

        def add(name: str, row: int, applies=applies, option=option) -> None:
            place = plan.place_of[row]
            arrays[f"{option}.{name}"] = column(summaries.mean[:, place], applies)
            for q, prob in enumerate(plan.probs):
                values = summaries.quantile[:, place, q]
                arrays[f"{option}.{name}_{quantile_name(prob)}"] = column(values, applies)

        for k, outcome in enumerate(f.outcomes):
            if f.risk_row[j, k] >= 0:
                add(f"{outcome}.risk", int(f.risk_row[j, k]))
            if f.difference_row[j, k] >= 0:
                add(f"{outcome}.risk_difference", int(f.difference_row[j, k]))
        if f.known_benefit[j]:
            mean = np.zeros(len(rows))
            if j != f.comparator:
                add("net_benefit", int(f.benefit_row[j]))
                mean = summaries.mean[:, plan.place_of[int(f.benefit_row[j])]]
            arrays[f"{option}.prob_best"] = column(summaries.prob_best[:, j], applies)
            loss = np.maximum(summaries.most_expected - mean, 0.0)
            arrays[f"{option}.expected_loss"] = column(loss, applies)
    return pa.table(arrays)


def write_partition(
    team: _Team,
    source: Source | None,
    partition: Partition,
    folder: Path,
    plan: str,
    progress: Progress | None = None,
) -> dict:
    """Compute a partition and write it; nothing has its final name before it is whole.

    Returns
    -------
    dict
        What ``finished/`` records of it.
    """
    name = output.partition_name(partition.index)
    path = folder / output.PATIENTS / f"{name}.parquet"
    totals = None
    with output.whole_file(path) as part, _Writer(part) as writer:
        for table, sums in run_partition(team, source, partition, progress):
            if table is not None:
                writer.write(table)
            totals = sums
    output.save_totals(totals, folder / output.TOTALS / f"{name}.npz")
    return output.finish(folder, partition.index, plan, partition.rows)


class _Writer:
    """Writes a Parquet file in a thread of its own, one table behind."""

    def __init__(self, path: Path):
        self.path = path
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self.waiting: Future | None = None
        self.writer = None

    def __enter__(self) -> _Writer:
        return self

    def write(self, table) -> None:
        self._settle()
        self.waiting = self.pool.submit(self._write, table)

    def _write(self, table) -> None:
        import pyarrow.parquet as pq

        if self.writer is None:
            repeated = [name for name in table.schema.names if table.schema.field(name).type
                        in ("string", "bool") and name != "id"]  # fmt: skip
            self.writer = pq.ParquetWriter(
                self.path, table.schema, compression="zstd", compression_level=1,
                use_dictionary=repeated,
            )  # fmt: skip
        self.writer.write_table(table)

    def _settle(self) -> None:
        if self.waiting is not None:
            waiting, self.waiting = self.waiting, None
            waiting.result()

    def __exit__(self, kind, *_) -> None:
        try:
            if kind is None:
                self._settle()
        finally:
            self.pool.shutdown(wait=True)
            if self.writer is not None:
                try:
                    self.writer.close()
                except OSError:
                    if kind is None:
                        raise


# --- many partitions ------------------------------------------------------------------------------


def job_digest(job: Job, source: Source, said: dict) -> str:
    """Return a digest of all that a cohort's numbers depend on: draws, rules, rows, wishes."""
    f = job.factored
    found = hashlib.sha256()
    for array in (f.coefficients, f.effects, f.constants, f.program, f.numbers, f.kept):
        found.update(np.ascontiguousarray(array).tobytes())
    content = {
        **said,
        "columns": {name: list(where) for name, where in job.reading.columns.items()},
        "by": job.reading.by,
        "rule": job.reading.rule,
        "id": job.reading.identifier,
        "steps": f.steps,
        "probs": job.probs,
        "thresholds": job.thresholds,
        "single": job.single,
        "backend": job.backend,
        "source": source.stamp,
        "partitions": [(p.first, p.rows, p.pieces) for p in source.partitions],
        "table": _table_digest(source),
    }
    found.update(json.dumps(content, sort_keys=True, default=str).encode())
    return found.hexdigest()


def _table_digest(source: Source) -> str:
    if source.table is None:
        return ""
    found = hashlib.sha256()
    for batch in source.table.to_batches():
        for array in batch.columns:
            for buffer in array.buffers():
                if buffer is not None:
                    found.update(buffer)
    return found.hexdigest()


def shard_of(partitions: Sequence[Partition], shard: str | None) -> list[Partition]:
    """Return the partitions of one shard of many, ``3/64``; None is all of them.

    Raises
    ------
    ParameterError
    """
    if shard is None:
        return list(partitions)
    try:
        number, of = (int(part) for part in shard.split("/"))
        if not 1 <= number <= of:
            raise ValueError
    except ValueError:
        refuse(shard, "i/n, with i from 1 to n", "write for example 3/64", field="shard")
    return [partition for partition in partitions if partition.index % of == number - 1]


def run_cohort(
    job: Job,
    source: Source,
    folder: Path,
    digest: str,
    *,
    shard: str | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> int:
    """Compute every partition that is not finished yet, with threads, and return how many.

    Parameters
    ----------
    job : Job
    source : Source
    folder : Path
        Its plan must have been written.
    digest : str
        Of the plan.
    shard : str, optional
        ``i/n``; only these partitions.
    threads : int
    progress : callable, optional
        Called with numbers of rows as they are done, or were found to be.
    """
    team = _Team(job, threads)
    computed = 0
    try:
        for partition in shard_of(source.partitions, shard):
            if output.is_finished(folder, partition.index, digest):
                if progress is not None:
                    progress(partition.rows)
                continue
            with explained(folder):
                write_partition(team, source, partition, folder, digest, progress)
            computed += 1
    finally:
        team.close()
    return computed


class explained:
    """Says of a full disk what is left and how to go on."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind, error, trace) -> None:
        if isinstance(error, OSError) and not isinstance(error, ParameterError):
            done = len(list((self.folder / output.FINISHED).glob("part-*.json")))
            raise ParameterError(
                [
                    Problem(
                        field="out",
                        found=Phrase(f"{self.folder}: {error.strerror or error}"),
                        allowed="a folder with room, that can be written",
                        remedy=f"{done} partitions are finished and stay; make room and give the "
                        "same command again, which goes on from them",
                    )
                ]
            ) from error


def compute_table(job: Job, source: Source, threads: int, progress: Progress | None = None):
    """Return the table of patients and the sums of a cohort that fits into memory."""
    import pyarrow as pa

    team = _Team(job, threads)
    tables, merged = [], output.Merged()
    try:
        for partition in source.partitions:
            for table, totals in run_partition(team, source, partition, progress):
                if table is not None:
                    tables.append(table)
                if totals is not None:
                    merged.add(totals)
    finally:
        team.close()
    return pa.concat_tables(tables), merged


# --- shared with other processes ------------------------------------------------------------------


def save_job(job: Job, folder: Path) -> str:
    """Write all that other processes need beside rows; return its digest."""
    text = pickle.dumps(job, protocol=pickle.HIGHEST_PROTOCOL)
    digest = hashlib.sha256(text).hexdigest()
    with output.whole_file(output.job_path(folder, digest)) as part:
        part.write_bytes(text)
    return digest


@lru_cache(maxsize=2)
def _job_from(path: str, digest: str) -> Job:
    """Return a job from a file of the digest that was asked for; it is only ever read."""
    text = Path(path).read_bytes()
    if hashlib.sha256(text).hexdigest() != digest:
        raise OSError(0, "is not the file that was written", path)
    return pickle.loads(text)


def compute_elsewhere(folder: str, job: str, partition: Partition, plan: str) -> dict:
    """Compute one partition in another process, unless it is finished; return its record."""
    place = Path(folder)
    if not output.is_finished(place, partition.index, plan):
        # A workspace of its own: a worker may run two partitions at once, or one that fails.
        team = _Team(_job_from(str(output.job_path(place, job)), job), 1)
        try:
            with explained(place):
                write_partition(team, None, partition, place, plan)
        finally:
            team.close()
    return {"partition": partition.index, "rows": partition.rows}
