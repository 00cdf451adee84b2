"""A real scheduler and two worker processes on loopback, one of which is killed in mid-run."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xarray as xr

from riskmodel.errors import ParameterError
from riskmodel.evidence.priors import LinePrior, build_priors, draw_prior
from riskmodel.models.posterior import Posterior
from riskmodel.reports.cohort import simulate_cohort

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

GROUP, PARTS = 2000, 12


@pytest.fixture(scope="module")
def posterior(plex_aav):
    rng, size, draws = np.random.default_rng(5), 1000, {}
    for name, prior in build_priors(plex_aav).items():
        if isinstance(prior, LinePrior):
            values = rng.normal([-1.5, 0.6], [0.2, 0.1], (size, 2)).reshape(4, -1, 2)
            draws[name] = (("chain", "draw", "coefficient"), values)
        else:
            draws[name] = (("chain", "draw"), draw_prior(prior, size, rng).reshape(4, -1))
    return Posterior(plex_aav, xr.Dataset(draws), {"seed": 5, "digest": "made", "draws": size})


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "serum_creatinine": rng.uniform(100, 600, GROUP * PARTS),
            "age": rng.integers(20, 90, GROUP * PARTS),
        }
    )
    path = tmp_path_factory.mktemp("data") / "patients.parquet"
    frame.to_parquet(path, row_group_size=GROUP)
    return path


@pytest.fixture(scope="module")
def whole(posterior, data, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "cohort"
    return simulate_cohort(posterior, data, out=out, partition_rows=GROUP)


def require_same(found, whole):
    assert found.patients.to_table().equals(whole.patients.to_table())
    for name, table in whole.summary.items():
        pd.testing.assert_frame_equal(found.summary[name], table, check_exact=True)


@pytest.fixture
def cluster(tmp_path):
    """Yield a scheduler's address and the worker processes; end them, and only them."""
    address = tmp_path / "scheduler.json"
    log = (tmp_path / "log").open("w")
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
               "--port", "0", "--no-dashboard", "--scheduler-file", str(address)]  # fmt: skip
    processes = [subprocess.Popen(command, stdout=log, stderr=log)]
    _wait(address.exists)
    time.sleep(0.2)
    where = json.loads(address.read_text())["address"]
    for i in range(2):
        command = [sys.executable, "-m", "distributed.cli.dask_worker", where, "--nthreads",
                   str(i + 1), "--no-nanny", "--no-dashboard", "--name", f"worker-{i}",
                   "--local-directory",
                   str(tmp_path)]  # fmt: skip
        processes.append(subprocess.Popen(command, stdout=log, stderr=log))
    try:
        yield where, processes[1:]
    finally:
        for process in processes[::-1]:
            if process.poll() is None:
                process.kill()  # a worker asked to end waits for a scheduler that ends with it
        for process in processes:
            process.wait(30)
        log.close()


def _wait(ready, seconds=60):
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_a_worker_killed_in_mid_run_changes_no_bit(posterior, data, whole, tmp_path, cluster):
    where, workers = cluster
    out = tmp_path / "cohort"
    with distributed.Client(where, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
        pids = client.run(os.getpid)
        assert set(pids.values()) == {process.pid for process in workers}
        killed = []

        def kill_one(done, rows):
            if not killed and done < rows:
                os.kill(workers[0].pid, signal.SIGKILL)
                killed.append(done)

        found = simulate_cohort(
            posterior, data, out=out, partition_rows=GROUP, engine="dask", client=client,
            progress=kill_one,
        )  # fmt: skip
        assert killed and killed[0] < GROUP * PARTS
        workers[0].wait(30)
        assert len(client.scheduler_info()["workers"]) == 1
    require_same(found, whole)
    # An address serves as well as a client, and goes on from what is finished.
    again = simulate_cohort(
        posterior, data, out=out, partition_rows=GROUP, engine="dask", scheduler=where
    )
    require_same(again, whole)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_a_cluster_of_its_own_is_started_and_closed(posterior, data, whole, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = simulate_cohort(
            posterior, data, out=tmp_path / "cohort", partition_rows=GROUP, engine="dask",
            threads=2,
        )  # fmt: skip
    require_same(found, whole)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_what_a_worker_cannot_read_is_named_and_the_rest_stays(posterior, data, tmp_path, cluster):
    content = bytearray(data.read_bytes())
    column = pq.ParquetFile(data).metadata.row_group(7).column(0)
    start = column.dictionary_page_offset or column.data_page_offset
    content[start : start + 40] = b"\xff" * 40
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(content)
    out = tmp_path / "cohort"
    with pytest.raises(ParameterError, match=r"broken\.parquet.*row group 7") as caught:
        simulate_cohort(
            posterior, broken, out=out, partition_rows=GROUP, engine="dask", scheduler=cluster[0]
        )
    (problem,) = caught.value.problems
    assert problem.field == "partition 7" and problem.file == broken
    assert not (out / "finished" / "part-000007.json").exists()


def test_patients_in_memory_do_not_go_to_a_cluster(posterior, tmp_path):
    frame = pd.DataFrame({"serum_creatinine": [300.0], "age": [60]})
    with pytest.raises(ParameterError, match="dask for patients in memory"):
        simulate_cohort(posterior, frame, out=tmp_path / "cohort", engine="dask")


def test_a_scheduler_that_is_not_there_is_said_to_be_none(posterior, data, tmp_path):
    with pytest.raises(ParameterError, match="which does not answer"):
        simulate_cohort(
            posterior, data, out=tmp_path / "cohort", engine="dask", scheduler="tcp://127.0.0.1:1"
        )
