"""Partitions on a Dask cluster: the same function, the same files, whichever process does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from riskmodel.errors import ParameterError, Phrase, Problem
from riskmodel.simulation import cohort_output as output
from riskmodel.simulation.cohort import Job, Progress, compute_elsewhere, save_job, shard_of
from riskmodel.simulation.cohort_input import Source


def require_dask() -> None:
    """Say how to install Dask where it is missing."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise ParameterError(
            [
                Problem(
                    field="engine",
                    found=Phrase("dask, which is not installed"),
                    allowed="threads, or dask with its package",
                    remedy="pip install 'riskmodel[dask]'",
                )
            ]
        ) from None


@contextmanager
def connected(client: Any, scheduler: str | None, threads: int) -> Iterator[Any]:
    """Yield a client: the one given, one of a scheduler's address, or of a cluster made here."""
    from distributed import Client, LocalCluster

    if client is not None:
        yield client
    elif scheduler is not None:
        try:
            made = Client(scheduler, timeout="10s", set_as_default=False)
        except (OSError, ValueError) as error:
            raise ParameterError(
                [
                    Problem(
                        field="scheduler",
                        found=Phrase(f"{scheduler}, which does not answer ({error})"),
                        allowed="the address of a running Dask scheduler",
                        remedy="start one with `dask scheduler`, and workers with `dask worker`",
                    )
                ]
            ) from error
        with made:
            yield made
    else:
        with (
            LocalCluster(
                n_workers=threads, threads_per_worker=1, dashboard_address=None,
                host="127.0.0.1",
            ) as cluster,
            Client(cluster, set_as_default=False) as made,
        ):  # fmt: skip
            yield made


def run_on_dask(
    job: Job,
    source: Source,
    folder: Path,
    digest: str,
    *,
    client: Any = None,
    scheduler: str | None = None,
    shard: str | None = None,
    threads: int = 2,
    progress: Progress | None = None,
) -> int:
    """Compute every partition that is not finished yet on a cluster, and return how many.

    Files are read and written by the workers, so that input and `folder` must lie where all of
    them reach it under the same name. A partition whose worker vanishes is computed again
    elsewhere: it is a function of its rows, and nothing of it had its final name.

    Raises
    ------
    ParameterError
        If the patients are in memory, or a partition fails on every worker.
    """
    require_dask()
    if source.table is not None:
        raise ParameterError(
            [
                Problem(
                    field="engine",
                    found=Phrase("dask for patients in memory"),
                    allowed="Parquet, CSV or Arrow files that every worker can read",
                    remedy="write the table to Parquet, or use engine='threads'",
                )
            ]
        )
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    folder = folder.absolute()
    saved = save_job(job, folder)
    waiting = []
    for partition in shard_of(source.partitions, shard):
        if not output.is_finished(folder, partition.index, digest):
            waiting.append(partition)
        elif progress is not None:
            progress(partition.rows)
    with connected(client, scheduler, threads) as made:
        if not made.scheduler_info()["workers"]:
            made.wait_for_workers(1, timeout=60)
        futures = {
            made.submit(
                compute_elsewhere, str(folder), saved, partition, digest, pure=False,
                key=f"cohort-{digest[:12]}-{partition.index}",
            ): partition
            for partition in waiting
        }  # fmt: skip
        try:
            for future in as_completed(list(futures), loop=made.loop):
                try:
                    done = future.result()
                except KilledWorker as error:
                    _lost(futures[future].index, error)
                if progress is not None:
                    progress(done["rows"])
        finally:
            made.cancel(list(futures))
    return len(waiting)


def _lost(index: int, error: Exception) -> None:
    raise ParameterError(
        [
            Problem(
                field=f"partition {index}",
                found=Phrase(f"workers that vanished while computing it ({error})"),
                allowed="workers with enough memory and time",
                remedy="finished partitions stay; give workers more memory, or smaller "
                "partitions, and the same command goes on from them",
            )
        ]
    ) from error
