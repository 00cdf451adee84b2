"""A cohort's folder: whole or resumable at any moment, the same by shards, threads and clusters."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskmodel.cli import main
from riskmodel.errors import ParameterError
from riskmodel.evidence.priors import LinePrior, build_priors, draw_prior
from riskmodel.models.posterior import Posterior
from riskmodel.reports.cohort import merge_cohort, simulate_cohort
from riskmodel.simulation import cohort as computing
from riskmodel.simulation.cohort_output import digest_of

ROWS, GROUP = 600, 100

# What a process of its own needs to begin, or go on with, the cohort of these tests.
BEGIN = """
import sys
sys.path.insert(0, {tests!r})
from test_cohort import begin
begin({data!r}, {out!r}, engine={engine!r})
"""


def made(loaded, size=400):
    """Return made-up draws of the shipped problem."""
    import xarray as xr

    rng = np.random.default_rng(5)
    draws = {}
    for name, prior in build_priors(loaded).items():
        if isinstance(prior, LinePrior):
            values = rng.normal([-1.5, 0.6], [0.2, 0.1], (size, 2)).reshape(4, -1, 2)
            draws[name] = (("chain", "draw", "coefficient"), values)
        else:
            draws[name] = (("chain", "draw"), draw_prior(prior, size, rng).reshape(4, -1))
    return Posterior(loaded, xr.Dataset(draws), {"seed": 5, "digest": "made", "draws": size})


def begin(data, out, **options):
    """Begin the cohort in a process of its own, slowly enough to be stopped."""
    import riskmodel as rm

    # A shell that puts its jobs behind it has them ignore interrupts, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    slow = computing.write_partition

    def slowly(*arguments, **words):
        time.sleep(0.4)
        return slow(*arguments, **words)

    computing.write_partition = slowly
    simulate_cohort(
        made(rm.load_problem("plex_aav")), data, out=out, partition_rows=GROUP, threads=1,
        **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def posterior(plex_aav):
    return made(plex_aav)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "serum_creatinine": rng.uniform(100, 600, ROWS),
            "age": rng.integers(20, 90, ROWS),
            "centre": rng.choice(["north", "south"], ROWS),
        }
    )
    frame.loc[[5, 250], "serum_creatinine"] = [np.nan, 9000]
    path = tmp_path_factory.mktemp("data") / "patients.parquet"
    frame.to_parquet(path, row_group_size=GROUP)
    return path


@pytest.fixture(scope="module")
def whole(posterior, data, tmp_path_factory):
    """The cohort in one go."""
    out = tmp_path_factory.mktemp("whole") / "cohort"
    return simulate_cohort(posterior, data, out=out, partition_rows=GROUP, threads=2)


def require_same(found, whole):
    """Compare patients and summary to the last bit."""
    assert found.patients.to_table().equals(whole.patients.to_table())
    assert set(found.summary) == set(whole.summary)
    for name, table in whole.summary.items():
        pd.testing.assert_frame_equal(found.summary[name], table, check_exact=True)
        files = [c.folder / "summary" / f"{name}.csv" for c in (found, whole)]
        assert files[0].read_bytes() == files[1].read_bytes()


def finished(out):
    return {p.stem for p in (out / "finished").glob("part-*.json")}


# --- the folder ---------------------------------------------------------------------------------


def test_the_folder_holds_patients_summary_and_record(whole):
    folder = whole.folder
    assert sorted(p.name for p in folder.iterdir() if not p.name.startswith("job-")) == [
        "finished", "patients", "plan.json", "run.json", "summary", "totals"
    ]  # fmt: skip
    record = json.loads((folder / "run.json").read_text())
    assert record["rows"] == ROWS and record["partitions"] == 6
    assert record["status"] == {"computed": ROWS - 2, "missing": 1, "out_of_range": 1}
    assert record["posterior"]["seed"] == 5 and record["preferences"]["id"] == "panel"
    assert record["disclaimer"].startswith("Research use")
    table = whole.patients.to_table()
    assert table["id"].to_pylist() == list(range(ROWS))
    marked = table.filter(pa.compute.not_equal(table["status"], "computed"))
    assert marked["id"].to_pylist() == [5, 250]
    assert marked["plex.net_benefit"].null_count == 2
    first = json.loads((folder / "finished" / "part-000000.json").read_text())
    for name, digest in first["sha256"].items():
        assert digest_of(folder / name) == digest
    assert not [p for p in folder.rglob(".*")]


def test_a_table_comes_back_from_a_table_and_goes_on_as_arrow(posterior, data, whole):
    found = simulate_cohort(posterior, pq.read_table(data))
    assert found.folder is None
    assert pa.table(found).equals(whole.patients.to_table())
    assert pa.table(whole).equals(found.patients)
    for name, table in whole.summary.items():
        pd.testing.assert_frame_equal(found.summary[name], table, check_exact=True)
    json.dumps(found.to_json(), allow_nan=False)


def test_a_second_call_computes_nothing(posterior, data, whole, monkeypatch):
    monkeypatch.setattr(computing, "write_partition", None)
    again = simulate_cohort(posterior, data, out=whole.folder, partition_rows=GROUP)
    require_same(again, whole)


def test_another_cohort_may_not_go_on_in_the_same_folder(posterior, data, whole, tmp_path):
    with pytest.raises(ParameterError, match="another cohort"):
        simulate_cohort(posterior, data, out=whole.folder, quantiles=[0.5])
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(ParameterError, match=r"something else \(mine.txt\)"):
        simulate_cohort(posterior, data, out=tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "kept"


def test_a_partition_that_was_changed_is_computed_again(posterior, data, whole, tmp_path):
    out = tmp_path / "cohort"
    simulate_cohort(posterior, data, out=out, partition_rows=GROUP)
    changed = out / "patients" / "part-000003.parquet"
    changed.write_bytes(changed.read_bytes()[:-10])
    with pytest.raises(ParameterError, match=r"1 of 6 partitions not finished \(3\)"):
        merge_cohort(out)
    computed = []
    found = simulate_cohort(
        posterior, data, out=out, partition_rows=GROUP, chunk_rows=33,
        progress=lambda done, rows: computed.append((done, rows)),
    )  # fmt: skip
    require_same(found, whole)
    assert computed[-1] == (ROWS, ROWS)


def test_shards_in_any_order_merge_to_the_whole(posterior, data, whole, tmp_path):
    out = tmp_path / "cohort"
    for i, shard in enumerate(("3/4", "1/4", "4/4", "2/4")):
        part = simulate_cohort(posterior, data, out=out, partition_rows=GROUP, shard=shard)
        assert part.summary == {}
        if i < 3:
            with pytest.raises(ParameterError, match="partitions not finished"):
                merge_cohort(out)
    require_same(merge_cohort(out), whole)


@pytest.mark.parametrize("shard", ["0/4", "5/4", "a", "1/0", "1-4"])
def test_a_shard_is_i_of_n(posterior, data, tmp_path, shard):
    with pytest.raises(ParameterError, match="shard.*i/n"):
        simulate_cohort(posterior, data, out=tmp_path / "cohort", shard=shard)


def test_strict_stops_at_the_first_row_and_names_row_and_column(posterior, data, tmp_path):
    with pytest.raises(ParameterError) as caught:
        simulate_cohort(posterior, data, strict=True)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.field) == (data, 6, "serum_creatinine")
    path = tmp_path / "p.csv"
    path.write_text("age,serum_creatinine\n60,300\n61,400\n62,9000\n")
    with pytest.raises(ParameterError) as caught:
        simulate_cohort(posterior, path, strict=True)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (4, 2)
    assert "30 to 2000" in problem.allowed and "9000" in str(problem.found)


def test_a_full_disk_leaves_what_is_finished_and_says_how_to_go_on(
    posterior, data, whole, tmp_path, monkeypatch
):
    out = tmp_path / "cohort"
    write, calls = computing._Writer._write, []

    def full(self, table):
        calls.append(1)
        if len(calls) > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, table)

    with monkeypatch.context() as patch:
        patch.setattr(computing._Writer, "_write", full)
        with pytest.raises(ParameterError, match="No space left.*3 partitions are finished"):
            simulate_cohort(posterior, data, out=out, partition_rows=GROUP)
    assert len(finished(out)) == 3
    assert not list((out / "patients").glob(".*"))
    require_same(simulate_cohort(posterior, data, out=out, partition_rows=GROUP), whole)


def test_an_unreadable_row_group_leaves_the_partitions_before_it(posterior, data, tmp_path):
    broken = tmp_path / "broken.parquet"
    content = bytearray(data.read_bytes())
    column = pq.ParquetFile(data).metadata.row_group(2).column(1)
    start = column.dictionary_page_offset or column.data_page_offset
    content[start : start + 40] = b"\xff" * 40
    broken.write_bytes(content)
    out = tmp_path / "cohort"
    with pytest.raises(ParameterError, match=r"broken\.parquet.*row group 2"):
        simulate_cohort(posterior, broken, out=out, partition_rows=GROUP)
    assert finished(out) == {"part-000000", "part-000001"}
    assert pq.read_table(out / "patients" / "part-000001.parquet").num_rows == GROUP


def test_wishes_that_contradict_one_another_are_refused(posterior, data, tmp_path):
    for words, message in (
        ({"engine": "sparks"}, "threads or dask"),
        ({"engine": "dask"}, "a folder that every process can write"),
        ({"shard": "1/2"}, "a folder that every process can write"),
        ({"client": 1}, "dask, with a client"),
        ({"quantiles": [2.5]}, "increasing values in"),
        ({"threads": 0}, "a whole number above 0"),
        ({"partition_rows": 0}, "1 to"),
        ({"rule": "height>3"}, "covariate>value"),
        ({"by": "centr"}, "did you mean 'centre'"),
        ({"preferences": "nobody"}, "panel"),
    ):
        with pytest.raises(ParameterError, match=message):
            simulate_cohort(posterior, data, **words)


def test_progress_is_plain_lines_where_there_is_no_terminal(posterior, data, capsys):
    simulate_cohort(posterior, data, progress=True)
    assert "600 of 600 patients" in capsys.readouterr().err


# --- stopped processes --------------------------------------------------------------------------


def start(data, out, cache, engine="threads"):
    """Begin a cohort in another process, and wait for its first finished partition."""
    code = BEGIN.format(tests=os.path.dirname(__file__), data=str(data), out=str(out),
                        engine=engine)  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
        env={**os.environ, "RISKMODEL_CACHE": str(cache)},
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not finished(out):
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "SIGINT"])
def test_a_stopped_cohort_goes_on_and_ends_the_same(posterior, data, whole, tmp_path, cache, stop):
    out = tmp_path / "cohort"
    process = start(data, out, cache)
    process.send_signal(stop)
    process.wait(60)
    process.stderr.close()
    before = {p: p.stat().st_mtime_ns for p in (out / "patients").glob("part-*.parquet")}
    kept = finished(out)
    assert 1 <= len(kept) < 6
    for path in before:  # whatever has its final name is whole
        assert pq.read_table(path).num_rows == GROUP
    require_same(simulate_cohort(posterior, data, out=out, partition_rows=GROUP), whole)
    same = [path for path, when in before.items() if path.stat().st_mtime_ns == when]
    assert len(same) >= len(kept)


# --- the command line ---------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_line_computes_goes_on_and_merges(data, tmp_path, capsys):
    out = tmp_path / "cohort"
    command = ["cohort", "plex_aav", str(data), "--out", str(out), "--seed", "7", "--by", "centre"]
    command += ["--partition-rows", "100", "--quantiles", "none", "--rule", "age>65"]
    assert main([*command, "--shard", "1/2", "--quiet"]) == 0
    assert main([*command, "--shard", "2/2", "--quiet"]) == 0
    assert main(["cohort", "merge", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["status"]: row["rows"] for row in found["status"]} == {
        "computed": 598, "missing": 1, "out_of_range": 1
    }  # fmt: skip
    assert "treat above 65 year" in {row["policy"] for row in found["policies"]}
    assert {row["group"] for row in found["policies_by_group"]} == {"north", "south"}
    assert main(command) == 0
    captured = capsys.readouterr()
    assert "treat by modelled benefit" in captured.out and "600 of 600" in captured.err
    assert main([*command[:2], str(tmp_path / "none.parquet"), "--out", str(out)]) == 1
    assert "no such file" in capsys.readouterr().err
    assert main(["cohort", "merge", str(tmp_path)]) == 1
    assert main(["cohort", "plex_aav", str(data)]) == 1
    assert "add --out FOLDER" in capsys.readouterr().err
