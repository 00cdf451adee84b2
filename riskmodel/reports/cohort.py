"""A cohort: patients from files or tables, one row each out, and what policies would do to all."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from riskmodel.decisions.cohort_summary import CohortSums, cohort_tables
from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, did_you_mean
from riskmodel.evidence.checks import as_panel
from riskmodel.evidence.problem_checks import needed_covariates
from riskmodel.models.posterior import Posterior, draws_by_prior, package_versions
from riskmodel.parameters.schema import Duration, Panel
from riskmodel.simulation import cohort_output as output
from riskmodel.simulation.block import choose_backend
from riskmodel.simulation.cohort import Job, compute_table, job_digest, run_cohort, save_job
from riskmodel.simulation.cohort_input import PARTITION_ROWS, Source, open_source, read_columns
from riskmodel.simulation.factored import compile_problem, require_draws, weigh
from riskmodel.simulation.outcomes import _Evaluation

QUANTILES = (0.025, 0.5, 0.975)
RECORD, SUMMARY = "run.json", "summary"
_CURVE_POINTS = 21
Engine = Literal["threads", "dask"]


@dataclass(frozen=True)
class Cohort:
    """What a cohort gave.

    Parameters
    ----------
    patients : pyarrow.Table or pyarrow.dataset.Dataset
        A row a patient, in the order they came in; the table itself, or the files it lies in.
    summary : mapping of str to DataFrame
        See :func:`riskmodel.decisions.cohort_summary.cohort_tables`; empty for one shard of many.
    folder : Path or None
    record : mapping
    """

    patients: Any = field(repr=False)
    summary: Mapping[str, pd.DataFrame] = field(repr=False)
    folder: Path | None
    record: Mapping[str, Any] = field(repr=False)

    def to_json(self) -> dict:
        """Return record and summary as plain data; nan is null."""
        tables = {
            name: json.loads(table.to_json(orient="records", double_precision=15))
            for name, table in self.summary.items()
        }
        return {"schema": "riskmodel/cohort-summary/1", "record": dict(self.record), **tables}

    def __arrow_c_stream__(self, requested_schema=None):
        """Hand patients to polars, pyarrow or whatever else reads Arrow streams."""
        table = self.patients if self.folder is None else self.patients.to_table()
        return table.__arrow_c_stream__(requested_schema)


def cohort_command(
    problem: str,
    data: Sequence[str],
    out: Path | None,
    *,
    scenarios: Sequence[str] = (),
    preferences: str | None = None,
    horizon: str | None = None,
    draws: int = 4000,
    seed: int | None = None,
    quantiles: str = "",
    quiet: bool = False,
    **wishes,
) -> Cohort:
    """Return a cohort as the command line asks for it, or the merge of one.

    Parameters
    ----------
    problem : str
        A problem, or ``merge``; then `data` is one folder.
    data : sequence of str
    out : Path or None
    scenarios, preferences, horizon, draws, seed, quantiles
        As typed.
    quiet : bool
    **wishes
        Of :func:`simulate_cohort`.

    Raises
    ------
    ParameterError
    """
    if problem == "merge":
        if len(data) != 1:
            _refuse("merge", Phrase(f"{len(data)} folders"), "one cohort's folder", "name one")
        return merge_cohort(data[0], command=wishes.get("command", ()))
    from riskmodel.evidence.loading import load_panel, load_problem, switch_on
    from riskmodel.models.posterior import fit

    if out is None:
        _refuse("out", NOTHING, "a folder for what is computed", "add --out FOLDER")
    loaded = load_problem(problem)
    active = switch_on(loaded, scenarios)
    panel = load_panel(active, preferences)
    later = None if horizon is None else Duration.read(horizon)
    probs = [] if quantiles.strip() in ("", "none") else _typed_numbers(quantiles)
    posterior = fit(active, draws=draws, seed=seed)
    try:
        return simulate_cohort(
            posterior, list(data), out=out, preferences=panel, horizon=later, quantiles=probs,
            progress=not quiet, **wishes,
        )  # fmt: skip
    except KeyboardInterrupt:
        done = len(list((out / output.FINISHED).glob("part-*.json")))
        message = f"{done} partitions are finished; the same command goes on from them"
        raise KeyboardInterrupt(message) from None


def _typed_numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        _refuse("quantiles", text, "numbers separated by commas, or none",
                "write for example 0.025,0.5,0.975")  # fmt: skip


def simulate_cohort(
    posterior: Posterior,
    data: Any,
    *,
    out: str | Path | None = None,
    preferences: str | Panel | None = None,
    mapping: Mapping[str, str] | Sequence[str] = (),
    identifier: str | None = None,
    by: str | None = None,
    rule: str | None = None,
    quantiles: Sequence[float] = QUANTILES,
    thresholds: Sequence[float] | None = None,
    horizon: Duration | str | None = None,
    waning: str | None = None,
    prob: float = 0.95,
    threads: int | None = None,
    float32: bool = False,
    strict: bool = False,
    engine: Engine = "threads",
    client: Any = None,
    scheduler: str | None = None,
    shard: str | None = None,
    partition_rows: int = PARTITION_ROWS,
    chunk_rows: int | None = None,
    backend: Literal["numba", "numpy"] | None = None,
    progress: bool | Callable[[int, int], None] = False,
    command: Sequence[str] = (),
) -> Cohort:
    """Return risk, net benefit and the best option of every patient of a cohort, and of them all.

    Parameters
    ----------
    posterior : Posterior
        From :func:`riskmodel.fit`.
    data : path, sequence of paths, or table
        Parquet, CSV or Arrow files, folders of Parquet; a pandas or polars DataFrame, a pyarrow
        Table, anything with ``__arrow_c_stream__``, or a mapping of columns.
    out : path, optional
        A folder: new, or one in which this very cohort was begun, which then goes on. None
        returns a table, for what fits into memory.
    preferences : str or Panel, optional
    mapping : mapping or sequence of str
        ``column -> covariate`` or ``column -> covariate:unit`` for columns of other names.
    identifier : str, optional
        The column of ids; None is ``id``, or else the row's number.
    by : str, optional
        A column, or a covariate, whose subgroups get tables of their own.
    rule : str, optional
        ``covariate>value``, a policy to compare; None is each edge of the problem's bands.
    quantiles : sequence of float
        Of every patient's risks, differences and net benefit; may be empty.
    thresholds : sequence of float, optional
        Of the decision curve; None is 21 values over the panel's ``residual_burden``.
    horizon, waning
        As for :func:`riskmodel.simulate`.
    prob : float
        Of the summary's equal-tailed credible intervals, in (0, 1).
    threads : int, optional
        None is one for each core this process may use. No result depends on it.
    float32 : bool
        Whether rows of draws are kept in single precision; sums are in double either way.
    strict : bool
        Whether to stop at the first row that cannot be used, instead of marking it.
    engine : {"threads", "dask"}
    client, scheduler : optional
        A Dask client, or a scheduler's address; None starts a local cluster and closes it.
    shard : str, optional
        ``i/n``: only the i-th of n parts, for array jobs; :func:`merge_cohort` ends it.
    partition_rows : int
        Rows that are lost at most by a stop.
    chunk_rows : int, optional
        Rows read and written at once. No result depends on it.
    backend : {"numba", "numpy"}, optional
        None chooses by the size of the job.
    progress : bool or callable
        True shows a bar (lines where there is no terminal); a callable gets rows done and all.
    command : sequence of str
        What was typed, for the record.

    Returns
    -------
    Cohort

    Raises
    ------
    ParameterError
        For anything about the input; with `strict` also for the first row that cannot be used.

    Notes
    -----
    Each patient's numbers are those of :func:`riskmodel.simulate` and
    :func:`riskmodel.net_benefit`, to 1e-12. Sums over patients are taken draw by draw, and
    exactly: each term is rounded to a multiple of 2^-41 (Demmel and Nguyen 2015, IEEE Trans
    Comput 64:2060, doi:10.1109/TC.2014.2345391), so that threads, chunks, shards and clusters
    give the same bits. In draws that are set aside for a patient the patient's mean stands in.
    """
    started = time.perf_counter()
    _require_engine(engine, out, client, scheduler, shard)
    source = open_source(data, partition_rows)
    job, said = _job(
        posterior, source, preferences, mapping, identifier, by, rule, quantiles, thresholds,
        horizon, waning, float32, strict, chunk_rows, backend, prob,
    )  # fmt: skip
    threads = _cores() if threads is None else _whole("threads", threads)
    if out is None:
        with _shown(progress, source.rows) as done:
            table, merged = compute_table(job, source, threads, done)
        record = said | {"seconds": round(time.perf_counter() - started, 3)}
        return Cohort(table, _tables(job, merged, prob), None, record)
    folder = Path(out)
    digest = job_digest(job, source, said)
    output.require_folder(folder, digest)
    _begin(folder, digest, job, source, said, prob)
    with _shown(progress, source.rows) as done:
        if engine == "dask":
            from riskmodel.simulation.cohort_dask import run_on_dask

            run_on_dask(
                job, source, folder, digest, client=client, scheduler=scheduler, shard=shard,
                threads=threads, progress=done,
            )  # fmt: skip
        else:
            run_cohort(job, source, folder, digest, shard=shard, threads=threads, progress=done)
    if shard is not None:
        return Cohort(_dataset(folder), {}, folder, said)
    return merge_cohort(
        folder,
        command=command,
        timing={"seconds": round(time.perf_counter() - started, 3), "threads": threads,
                "engine": engine},
    )  # fmt: skip


def merge_cohort(
    folder: str | Path, *, command: Sequence[str] = (), timing: Mapping[str, Any] | None = None
) -> Cohort:
    """Return a cohort whose partitions are all finished, with its summary and record written.

    Parameters
    ----------
    folder : path
    command : sequence of str
    timing : mapping, optional
        For the record.

    Raises
    ------
    ParameterError
        If the folder is no cohort's, or a partition is missing or not as it was written.
    """
    folder = Path(folder)
    plan = output.read_plan(folder)
    if plan is None:
        _refuse("out", Phrase(f"{folder}, no cohort's folder"), "a folder that `cohort` wrote",
                "check the path")  # fmt: skip
    missing = [
        index for index in range(plan["partitions"])
        if not output.is_finished(folder, index, plan["digest"])
    ]  # fmt: skip
    if missing:
        shown = ", ".join(map(str, missing[:8])) + (", ..." if len(missing) > 8 else "")
        _refuse(
            str(folder),
            Phrase(f"{len(missing)} of {plan['partitions']} partitions not finished ({shown})"),
            "all partitions whole, as they were written",
            "run the shards that are left, or the same command again: finished ones are skipped",
        )
    job = load_job(folder, plan["job"])
    merged = output.Merged()
    for index in range(plan["partitions"]):
        name = output.partition_name(index)
        merged.add(output.load_totals(folder / output.TOTALS / f"{name}.npz"))
    tables = _tables(job, merged, plan["prob"])
    for name, table in tables.items():
        with output.whole_file(folder / SUMMARY / f"{name}.csv") as part:
            table.to_csv(part, index=False, float_format="%.10g")
    record = {
        **plan,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(command),
        "status": merged.counts.status,
        "draws_set_aside": merged.counts.set_aside,
        "timing": dict(timing or {}),
        "versions": package_versions(),
        "disclaimer": "Research use; not medical advice.",
    }
    output.write_json(folder / RECORD, record)
    return Cohort(_dataset(folder), tables, folder, record)


def load_job(folder: Path, digest: str) -> Job:
    """Return what a cohort's processes share; refuse a file of another digest."""
    import hashlib
    import pickle

    path = output.job_path(folder, digest)
    text = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(text).hexdigest() != digest:
        _refuse(
            str(path),
            Phrase("another file than was written"),
            "the file that the cohort was begun with",
            "begin again in a new folder",
        )
    return pickle.loads(text)


def _refuse(field_: str, found: object, allowed: str, remedy: str):
    raise ParameterError([Problem(field=field_, found=found, allowed=allowed, remedy=remedy)])


def _require_engine(engine, out, client, scheduler, shard) -> None:
    if engine not in ("threads", "dask"):
        _refuse("engine", engine, "threads or dask", did_you_mean(engine, ("threads", "dask")))
    if out is None and (engine == "dask" or shard is not None):
        _refuse("out", NOTHING, "a folder that every process can write",
                "pass out=, or leave out engine and shard")  # fmt: skip
    if engine == "threads" and (client is not None or scheduler is not None):
        _refuse("engine", engine, "dask, with a client or scheduler", "pass engine='dask'")


def _job(
    posterior, source, preferences, mapping, identifier, by, rule, quantiles, thresholds, horizon,
    waning, float32, strict, chunk_rows, backend, prob,
) -> tuple[Job, dict]:  # fmt: skip
    loaded, problem = posterior.loaded, posterior.problem
    panel = None
    if preferences is not None or problem.preferences is not None:
        panel = as_panel(loaded, preferences)
    evaluation = _Evaluation(loaded, draws_by_prior(posterior.draws), horizon, waning)
    needed = needed_covariates(problem)
    reading = read_columns(
        problem, source, needed, mapping=mapping, identifier=identifier, by=by, rule=rule
    )
    factored = compile_problem(evaluation, None if panel is None else weigh(problem, panel))
    require_draws(factored)
    job = Job(
        factored=factored,
        evaluation=evaluation,
        reading=reading,
        probs=_numbers("quantiles", quantiles),
        thresholds=_thresholds(thresholds, panel),
        single=bool(float32),
        backend=choose_backend(factored.cells(source.rows), backend),
        strict=strict,
        **({} if chunk_rows is None else {"chunk_rows": _whole("chunk_rows", chunk_rows)}),
    )
    said = {
        "problem": loaded.id,
        "scenarios": list(loaded.scenarios),
        "horizon": str(evaluation.horizon),
        "waning": waning or "each effect's default",
        "preferences": None if panel is None else json.loads(
            panel.model_dump_json(by_alias=True, exclude_unset=True, exclude={"schema_"})
        ),
        "posterior": {key: posterior.record.get(key) for key in ("digest", "seed", "draws")},
        "inputs": dict(loaded.digests),
        "prob": prob,
        "strict": strict,
    }  # fmt: skip
    return job, said


def _whole(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        _refuse(name, value, "a whole number above 0", "leave it out for the default")
    return value


def _cores() -> int:
    """Return how many cores this process may use."""
    known = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1


def _numbers(name: str, values: Sequence[float]) -> tuple[float, ...]:
    found = tuple(float(value) for value in values)
    if any(not 0 <= value <= 1 for value in found) or sorted(set(found)) != list(found):
        _refuse(name, list(found), "increasing values in [0, 1]", "divide percentages by 100")
    return found


def _thresholds(thresholds: Sequence[float] | None, panel: Panel | None) -> tuple[float, ...]:
    if thresholds is not None:
        found = tuple(float(value) for value in thresholds)
        if not np.isfinite(found).all() or sorted(set(found)) != list(found):
            _refuse("thresholds", list(found), "increasing finite numbers", "sort them")
        return found
    if panel is None or panel.residual_burden is None:
        return ()
    burden = panel.residual_burden
    return tuple(np.linspace(burden.lower, burden.upper, _CURVE_POINTS).tolist())


def _begin(folder: Path, digest: str, job: Job, source: Source, said: dict, prob: float) -> None:
    """Write what the folder computes, before anything else; shards may do so at the same time."""
    plan = output.read_plan(folder)
    if plan is not None and output.job_path(folder, plan["job"]).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    saved = save_job(job, folder)
    output.write_json(
        folder / output.PLAN,
        {
            "schema": "riskmodel/cohort/1",
            "digest": digest,
            "job": saved,
            "rows": source.rows,
            "partitions": len(source.partitions),
            "files": [str(name) for name, *_ in source.stamp] if source.table is None else [],
            "columns": {name: list(where) for name, where in job.reading.columns.items()},
            "quantiles": list(job.probs),
            "draws": job.factored.draws,
            "precision": "float32" if job.single else "float64",
            "backend": job.backend,
            **said,
            "prob": prob,
        },
    )


def _tables(job: Job, merged, prob: float) -> dict[str, pd.DataFrame]:
    return cohort_tables(
        CohortSums(job.reading.problem, job.plan(), job.reading.rule, merged, prob)
    )


def _dataset(folder: Path):
    import pyarrow.dataset as ds

    files = sorted((folder / output.PATIENTS).glob("part-*.parquet"))
    return ds.dataset([str(file) for file in files], format="parquet") if files else None


# --- progress -------------------------------------------------------------------------------------


@contextmanager
def _shown(progress: bool | Callable[[int, int], None], rows: int):
    """Yield what to call with rows done: a bar on a terminal, lines elsewhere, or nothing."""
    if progress is False:
        yield None
        return
    if callable(progress):
        state = {"done": 0}

        def count(number: int) -> None:
            state["done"] += number
            progress(state["done"], rows)

        yield count
        return
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal:
        with _bar(console, rows) as advance:
            yield advance
    else:
        yield _Lines(console, rows)


@contextmanager
def _bar(console, rows: int):
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} patients"),
        BarColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    started = time.perf_counter()
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=rows, rate="")
        state = {"done": 0}

        def advance(number: int) -> None:
            state["done"] += number
            rate = state["done"] / max(time.perf_counter() - started, 1e-9)
            bar.update(task, advance=number, rate=f"{rate:,.0f} a second")

        yield advance


class _Lines:
    """A plain line every ten seconds, and at the end."""

    EVERY = 10.0

    def __init__(self, console, rows: int):
        self.console, self.rows, self.done = console, rows, 0
        self.started = self.said = time.perf_counter()

    def __call__(self, number: int) -> None:
        self.done += number
        now = time.perf_counter()
        if now - self.said < self.EVERY and self.done < self.rows:
            return
        self.said = now
        rate = self.done / max(now - self.started, 1e-9)
        left = (self.rows - self.done) / rate if rate else float("inf")
        self.console.print(
            f"{self.done:,} of {self.rows:,} patients, {rate:,.0f} a second, {left:,.0f} s left",
            highlight=False,
        )
