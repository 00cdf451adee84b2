"""Cohorts: time per patient against what the machine could do at best, and against plain numpy.

The floor is measured here and now: exponentials, odds, and products added to a row (axpy), each
over 4,000 draws that stay in cache. A cohort cannot be faster than the parts it is made of; the
ratio to their sum says how much is lost beside them. Ratios are medians within interleaved rounds,
of CPU time unless a line says wall. Nothing here fails: a ratio over its aim is a place to look.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cohort_problem import made_posterior, patients  # noqa: E402

from riskmodel.evidence.checks import as_panel  # noqa: E402
from riskmodel.models.posterior import draws_by_prior  # noqa: E402
from riskmodel.reports.cohort import simulate_cohort  # noqa: E402
from riskmodel.simulation import kernels  # noqa: E402
from riskmodel.simulation.block import Plan, Summaries, Worker  # noqa: E402
from riskmodel.simulation.factored import (  # noqa: E402
    EXPOSURE,
    HAZARD,
    JOINT,
    LOGISTIC,
    ODDS,
    Factored,
    compile_problem,
    weigh,
)
from riskmodel.simulation.outcomes import _Evaluation  # noqa: E402

DRAWS = 4000
QUANTILES = np.array([0.025, 0.5, 0.975])


def compiled(draws: int) -> Factored:
    """Return the measured problem: 8 covariates, 3 options, 4 outcomes."""
    posterior = made_posterior(draws)
    weighed = weigh(posterior.problem, as_panel(posterior.loaded, None))
    return compile_problem(_Evaluation(posterior.loaded, draws_by_prior(posterior.draws)), weighed)


# --- the floor ----------------------------------------------------------------------------------


def component_seconds(repeats: int = 2000, draws: int = DRAWS) -> dict[str, float]:
    """Return CPU seconds of one pass over a row of draws, in the first cache."""
    rng = np.random.default_rng(1)
    small, row, out = rng.uniform(0.1, 0.9, (3, draws))
    found = {}
    parts: dict[str, Callable[[], None]] = {
        "exp": lambda: kernels._exp_float64(out),
        "odds": lambda: kernels._odds(small, row, out),
        "axpy": lambda: kernels._add_product(small, 1e-9, out),
    }
    for name, part in parts.items():
        out[:] = 0.5
        part()
        start = time.process_time()
        for _ in range(repeats):
            part()
        found[name] = (time.process_time() - start) / repeats
        out[:] = 0.5
    return found


def operations(factored: Factored) -> dict[str, int]:
    """Return how many passes of each kind a patient needs, at the least."""
    kinds = factored.program[:, 0]
    terms = int(factored.program[kinds == LOGISTIC, 5].sum())
    exps = int((kinds == LOGISTIC).sum()) + 2 * int((kinds == HAZARD).sum())
    odds = int((kinds == LOGISTIC).sum()) + int(np.isin(kinds, [ODDS, EXPOSURE, JOINT]).sum())
    plan = Plan(factored, QUANTILES, np.zeros(0))
    others = int((~np.isin(kinds, [LOGISTIC, ODDS, EXPOSURE, JOINT, HAZARD])).sum())
    # One product a term and a simple operation, one addition to each sum by draw, one to a mean.
    return {
        "exp": exps,
        "odds": odds,
        "axpy": terms + others + len(plan.summed) + int(plan.stat_varies.sum()),
    }


# --- what is measured -----------------------------------------------------------------------------


def block_runner(factored: Factored, size: int, backend: str, probs, dtype=np.float64):
    """Return a function that summarizes a block of patients once."""
    plan = Plan(factored, np.asarray(probs, dtype=float), np.zeros(0), dtype)
    worker = Worker(plan, backend)
    columns = patients(size)
    places = factored.positions(columns)
    outside = np.zeros((size, 0, factored.draws))
    applies = np.ones((size, len(factored.options)), dtype=bool)
    nobody = np.zeros(size, dtype=np.int64)

    def run() -> None:
        out = Summaries(plan, size)
        worker.summarize(places, outside, applies, nobody, nobody, out, slice(0, size))

    run()
    return run


def naive_runner(factored: Factored, size: int):
    """Return plain numpy: every draw, patient, option and outcome at once, nothing factored."""
    columns = patients(size)
    places = factored.positions(columns)
    starts = factored.program[factored.program[:, 0] == LOGISTIC]

    def run() -> None:
        shape = (size, len(factored.options), len(factored.outcomes), factored.draws)
        risk = np.empty(shape)
        for k, (_, _, start, _, _, terms) in enumerate(starts):
            rows = factored.coefficients[start : start + terms + 1]
            steps = factored.coefficient_step[start + 1 : start + terms + 1]
            for j in range(len(factored.options)):
                log_odds = rows[0] + places[:, steps] @ rows[1:]
                if j:
                    log_odds = log_odds + np.log(factored.effects[2 * k + j - 1])
                risk[:, j, k] = 1 / (1 + np.exp(-log_odds))
        difference = risk - risk[:, :1]
        benefit = -difference.sum(axis=2)
        for values in (risk, difference[:, 1:], benefit[:, 1:]):
            values.mean(axis=-1)
            np.quantile(values, QUANTILES, axis=-1)
        (benefit.argmax(axis=1)[:, None] == np.arange(3)[:, None]).mean(axis=-1)
        benefit.max(axis=1).mean(axis=-1)
        difference.sum(axis=0)

    return run


def cpu(run: Callable[[], None]) -> float:
    """Return CPU seconds, all threads counted."""
    start = time.process_time()
    run()
    return time.process_time() - start


def line(name: str, value: float, aim: str, missed: bool = False, note: str = "") -> None:
    """Print one ratio beside its aim."""
    print(f"{name:<58} {value:8.2f} {aim:>8}{'  over' if missed else ''}  {note}", flush=True)


def against_floor(factored: Factored, rounds: int) -> None:
    """Print time per patient as a multiple of its parts."""
    size = 256
    wanted = {
        "float64, no quantiles / floor": (block_runner(factored, size, "numba", []), 2.0),
        "float64, three quantiles / floor": (block_runner(factored, size, "numba", QUANTILES), 3.0),
    }
    needed = operations(factored)
    ratios: dict[str, list[float]] = {name: [] for name in wanted}
    micro: dict[str, list[float]] = {name: [] for name in [*wanted, "floor"]}
    for _ in range(rounds):
        parts = component_seconds()
        floor = sum(needed[name] * seconds for name, seconds in parts.items())
        micro["floor"].append(1e6 * floor)
        for name, (run, _) in wanted.items():
            spent = cpu(run) / size
            micro[name].append(1e6 * spent)
            ratios[name].append(spent / floor)
    rates = ", ".join(f"{name} {DRAWS / s / 1e9:.2f} G/s" for name, s in parts.items())
    counted = ", ".join(f"{count} {name}" for name, count in needed.items())
    print(f"floor a patient: {counted} of {DRAWS} draws; {rates}")
    for name, (_, aim) in wanted.items():
        ratio = statistics.median(ratios[name])
        note = f"{statistics.median(micro[name]):.0f} us, floor "
        note += f"{statistics.median(micro['floor']):.0f} us"
        line(name, ratio, f"<= {aim:.0f}", ratio > aim, note)


def against_numpy(factored: Factored, rounds: int) -> None:
    """Print how much faster single precision is than plain numpy.

    By the clock with two threads each, where numpy can use them (the naive tensor cannot), and by
    CPU time, which other people's jobs disturb less.
    """
    makers = {
        "single": (lambda: block_runner(factored, 256, "numba", QUANTILES, np.float32), 256, 2),
        "chunked": (lambda: block_runner(factored, 16, "numpy", QUANTILES), 16, 2),
        "naive": (lambda: naive_runner(factored, 8), 8, 1),
    }
    runs = {name: ([make() for _ in range(n)], size) for name, (make, size, n) in makers.items()}
    clock: dict[str, list[float]] = {name: [] for name in runs}
    spent: dict[str, list[float]] = {name: [] for name in runs}
    with ThreadPoolExecutor(2) as pool:
        for _ in range(rounds):
            for name, (parts, size) in runs.items():
                start, used = time.perf_counter(), time.process_time()
                for done in [pool.submit(part) for part in parts]:
                    done.result()
                clock[name].append((time.perf_counter() - start) / size / len(parts))
                spent[name].append((time.process_time() - used) / size / len(parts))
    note = ", ".join(f"{name} {1e6 * statistics.median(s):.0f} us" for name, s in spent.items())
    for other, aim in (("naive", 25), ("chunked", 8)):
        for kind, taken in (("wall", clock), ("CPU", spent)):
            pairs = zip(taken[other], taken["single"], strict=True)
            ratio = statistics.median(b / a for b, a in pairs)
            said = f"{other} numpy / float32, {kind}, threads {len(runs[other][0])} and 2"
            line(said, ratio, f">= {aim}" if kind == "wall" else "-",
                 ratio < aim and kind == "wall", note)  # fmt: skip
            note = ""


CHILD = """
import json, resource, sys, time, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, {benchmarks!r})
from cohort_problem import made_posterior
from riskmodel.reports.cohort import simulate_cohort
def main():
    posterior = made_posterior({draws})
    start, cpu = time.perf_counter(), time.process_time()
    cohort = simulate_cohort(posterior, {data!r}, out={out!r}, quantiles={quantiles},
                             threads={threads}, engine={engine!r}, float32={float32},
                             backend="numba", thresholds=[])
    print(json.dumps([time.perf_counter() - start, time.process_time() - cpu,
                      resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
if __name__ == "__main__":
    main()
"""


def whole_process(
    data: Path, folder: Path, *, draws: int, threads: int = 1, engine: str = "threads",
    quantiles=(), float32: bool = False,
) -> tuple[float, float, float]:  # fmt: skip
    """Return wall and CPU seconds, and peak MiB, of a cohort in a process of its own."""
    import json
    import shutil

    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    code = CHILD.format(
        benchmarks=str(Path(__file__).resolve().parent), draws=draws, data=str(data),
        out=str(out), quantiles=list(map(float, quantiles)), threads=threads, engine=engine,
        float32=float32,
    )  # fmt: skip
    script = folder / "child.py"
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def written(size: int, folder: Path) -> Path:
    """Return a Parquet file of patients, in row groups of 131,072."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / f"patients-{size}.parquet"
    if not path.exists():
        with pq.ParquetWriter(path, pa.table(patients(1)).schema) as writer:
            for first in range(0, size, 131_072):
                rows = min(131_072, size - first)
                writer.write_table(pa.table(patients(rows, seed=first)), row_group_size=131_072)
    return path


def threads_and_memory(folder: Path, quick: bool, rounds: int) -> None:
    """Print what a second thread gives, what memory grows by, and what Dask costs."""
    posterior, table = made_posterior(DRAWS), pa.table(patients(12_288))

    def clocked(threads: int) -> tuple[float, float]:
        start, used = time.perf_counter(), time.process_time()
        simulate_cohort(posterior, table, threads=threads, backend="numba", thresholds=[])
        return time.perf_counter() - start, time.process_time() - used

    clocked(1)
    pairs = [(clocked(1), clocked(2)) for _ in range(max(3, rounds))]
    wall = statistics.median(one[0] / two[0] for one, two in pairs)
    best = max(one[0] / two[0] for one, two in pairs)
    spent = statistics.median(one[1] / two[1] for one, two in pairs)
    note = f"load {os.getloadavg()[0]:.1f}, best pair {best:.2f}, CPU one / two {spent:.2f}"
    line("one thread / two threads, wall", wall, ">= 1.8", wall < 1.8, note)
    sizes = (10**5, 10**6) if quick else (10**5, 10**7)
    small = whole_process(written(sizes[0], folder), folder, draws=200, threads=2)
    base = whole_process(written(1000, folder), folder, draws=200, threads=2)
    data, pairs = written(sizes[1], folder), []
    for _ in range(1 if quick else max(1, rounds // 2)):
        alone = whole_process(data, folder, draws=200, threads=2)
        dask = whole_process(data, folder, draws=200, threads=2, engine="dask")
        pairs.append((dask[0] / alone[0], alone[0], dask[0], alone[2]))
    wall, alone_s, dask_s, peak = (statistics.median(part) for part in zip(*pairs, strict=True))
    ratio = peak / small[2]
    note = f"{small[2]:.0f} and {peak:.0f} MiB whole processes, {base[2]:.0f} with 1,000 patients"
    line(f"peak memory, {sizes[1]:.0e} / {sizes[0]:.0e} patients", ratio, "<= 1.2", ratio > 1.2,
         note)  # fmt: skip
    line(f"Dask / one process, wall, {sizes[1]:.0e} patients, D=200", wall, "<= 1.1", wall > 1.1,
         f"{dask_s:.1f} s and {alone_s:.1f} s, two workers or threads")  # fmt: skip


def headline(folder: Path, quick: bool) -> None:
    """Print the headline: so many patients in one go, with its cost for each."""
    size = 20_000 if quick else 10**6
    for float32 in (False, True):
        wall, spent, peak = whole_process(
            written(size, folder), folder, draws=DRAWS, threads=os.cpu_count() or 1,
            quantiles=QUANTILES, float32=float32,
        )  # fmt: skip
        kind = "float32" if float32 else "float64"
        print(
            f"{size:,} patients x {DRAWS:,} draws x 3 options x 4 outcomes, three quantiles, "
            f"{kind}: {wall:.0f} s, {1e6 * wall / size:.0f} us a patient, "
            f"{1e6 * spent / size:.0f} us of CPU, peak {peak:.0f} MiB",
            flush=True,
        )


def main() -> None:
    """Print every ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="smaller cohorts, in half a minute")
    parser.add_argument("--only", choices=["floor", "numpy", "files", "headline"])
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    print(
        f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, threads as printed, "
        f"load {os.getloadavg()[0]:.1f}, {chosen.rounds} interleaved rounds"
    )
    factored = compiled(DRAWS)
    if chosen.only in (None, "floor"):
        against_floor(factored, chosen.rounds)
    if chosen.only in (None, "numpy"):
        against_numpy(factored, chosen.rounds)
    with tempfile.TemporaryDirectory() as name:
        if chosen.only in (None, "files"):
            threads_and_memory(Path(name), chosen.quick, chosen.rounds)
        if chosen.only in (None, "headline"):
            headline(Path(name), chosen.quick)


if __name__ == "__main__":
    main()
