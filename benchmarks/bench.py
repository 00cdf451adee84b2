"""Ratios of whole-process times, pair by pair in one interleaved run.

``make bench`` prints, for each pair, the median wall and CPU seconds of both commands, the median
of the ratios, the ratio that is aimed at, and peak memory. Nothing here fails: machines differ
and are shared; a ratio over its aim is a place to look.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
RISKMODEL = [PYTHON, "-m", "riskmodel"]

COMPOSE = """
import sys, typer, numpy, pydantic
from pathlib import Path
from ruamel.yaml import YAML
for path in sorted(Path(sys.argv[1]).rglob("*.yaml")):
    YAML(typ="safe", pure=True).compose(path.read_text(encoding="utf-8"))
"""

# Both build the same model; times are printed by the process itself, imports left out.
FIT = """
import time, warnings; warnings.simplefilter("ignore")
import nutpie, pymc
from riskmodel.evidence.loading import load_problem
from riskmodel.models.posterior import fit
problem = load_problem("plex_aav")
start = time.perf_counter()
fit(problem, seed=7, reuse=False)
print(time.perf_counter() - start)
"""
BARE = """
import time, warnings; warnings.simplefilter("ignore")
import nutpie, pymc
from riskmodel.evidence.loading import load_problem
from riskmodel.models.joint import build_model
model = build_model(load_problem("plex_aav"))
start = time.perf_counter()
compiled = nutpie.compile_pymc_model(model)
nutpie.sample(compiled, draws=1000, tune=1000, chains=4, cores=2, seed=7, target_accept=0.95,
              progress_bar=False)
print(time.perf_counter() - start)
"""


class Measured(NamedTuple):
    wall: float
    cpu: float
    peak_mib: float
    printed: str


class Pair(NamedTuple):
    """A command, what it is measured against, and the ratio aimed at."""

    name: str
    command: Sequence[str]
    against: Sequence[str]
    aim: float
    printed: bool = False  # the processes print their own seconds


def measure(command: Sequence[str]) -> Measured:
    """Run a command once and return its times and peak memory, by the system's own account."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"exit {process.returncode}: {' '.join(command)[:200]}")
        output.seek(0)
        printed = output.read().decode()
    cpu = usage.ru_utime + usage.ru_stime
    return Measured(wall, cpu, usage.ru_maxrss / 1024, printed)


def compare(pair: Pair, rounds: int) -> str:
    """Return a line of results; each round runs one command, then the other."""
    measure(pair.command), measure(pair.against)  # warm caches
    rows = [(measure(pair.command), measure(pair.against)) for _ in range(rounds)]

    def seconds(run: Measured) -> float:
        return float(run.printed.split()[-1]) if pair.printed else run.wall

    ours = statistics.median(seconds(a) for a, _ in rows)
    theirs = statistics.median(seconds(b) for _, b in rows)
    ratio = statistics.median(seconds(a) / seconds(b) for a, b in rows)
    cpu = statistics.median(a.cpu / b.cpu for a, b in rows)
    peak = max(a.peak_mib for a, _ in rows)
    mark = "" if ratio <= pair.aim else "  over"
    return (
        f"{pair.name:<44} {ours:7.2f} {theirs:7.2f} {ratio:7.2f} {pair.aim:5.0f} {cpu:7.2f} "
        f"{peak:7.0f}{mark}"
    )


def pairs(folder: Path) -> list[Pair]:
    """Return what is measured; runs are written below a temporary folder."""
    run = [*RISKMODEL, "run", "plex_aav", "--seed", "7", "--force", "--quiet"]
    first = [*run, "--profile", "serum_creatinine=420,age=62", "--out", str(folder / "first")]
    subprocess.run(first, check=True, stdout=subprocess.DEVNULL)  # stores the posterior
    second = [*run, "--profile", "serum_creatinine=310,age=50", "--out", str(folder / "second")]
    params = str(ROOT / "params")
    return [
        Pair("--help / import typer", [*RISKMODEL, "--help"], [PYTHON, "-c", "import typer"], 4),
        Pair(
            "check params/ / compose the same files",
            [*RISKMODEL, "check", params],
            [PYTHON, "-c", COMPOSE, params],
            2,
        ),
        Pair(
            "second run / import xarray, pyplot",
            second,
            [PYTHON, "-c", "import xarray, matplotlib.pyplot"],
            4,
        ),
        Pair("fit, warm / bare nutpie", [PYTHON, "-c", FIT], [PYTHON, "-c", BARE], 3, True),
    ]


def main() -> None:
    """Print every ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, {rounds} interleaved rounds")
    print(f"{'':<44} {'s':>7} {'base s':>7} {'ratio':>7} {'aim':>5} {'CPU':>7} {'MiB':>7}")
    with tempfile.TemporaryDirectory() as name:
        os.environ["RISKMODEL_CACHE"] = str(Path(name) / "cache")
        for pair in pairs(Path(name)):
            print(compare(pair, rounds), flush=True)


if __name__ == "__main__":
    main()
