"""Decision curves at 10^6 patients x 99 thresholds, against the package ``dcurves``.

Interleaved in one process; medians of wall and CPU seconds. Needs ``dcurves`` (the extra
``reference``), and without it prints our own times alone. Nothing here fails: machines differ.

    python benchmarks/bench_decision_curve.py --pairs 5
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings

import numpy as np
import pandas as pd

from riskmodel.decisions.classic_decision_curve import decision_curve

PATIENTS, DRAWS = 1_000_000, 4000
THRESHOLDS = np.arange(1, 100) / 100


def timed(task) -> tuple[float, float, object]:
    """Return wall and CPU seconds of a task, and what it returned."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = task()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def largest_difference(reference: pd.DataFrame, own: pd.DataFrame) -> float:
    """Return the largest absolute difference in net benefit."""
    names = {"all": "treat all", "none": "treat none"}
    a = reference.replace({"model": names}).set_index(["model", "threshold"])["net_benefit"]
    b = own.set_index(["strategy", "threshold"])["net_benefit"]
    return float((a - b.reindex(a.index)).abs().max())


def compare_designs() -> None:
    """Print the largest differences on 300 patients, in each design that both packages know."""
    from dcurves import dca

    rng = np.random.default_rng(2)
    risk = np.round(rng.beta(1, 3, 300), 2)
    time = np.round(rng.exponential(4, 300), 1) + 0.1
    data = pd.DataFrame({"event": (rng.random(300) < risk).astype(int), "time": time})
    data["model"] = risk
    for name, own, theirs in (
        ("binary", {}, {}),
        ("case-control", {"prevalence": 0.15}, {"prevalence": 0.15}),
        (
            "survival",
            {"time": 3, "time_to_event": "time"},
            {"time": 3, "time_to_outcome_col": "time"},
        ),
    ):
        wanted = dca(data, "event", ["model"], THRESHOLDS, **theirs)
        found = decision_curve(data, "event", "model", THRESHOLDS, **own)
        print(f"{name}: largest difference in net benefit {largest_difference(wanted, found):.1e}")


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    pairs = parser.parse_args().pairs
    rng = np.random.default_rng(1)
    risk = rng.beta(1, 3, PATIENTS)
    data = pd.DataFrame({"event": rng.random(PATIENTS) < risk, "model": risk})
    tasks = {
        "point estimate": lambda: decision_curve(data, "event", "model", THRESHOLDS),
        f"{DRAWS} draws": lambda: decision_curve(
            data, "event", "model", THRESHOLDS, draws=DRAWS, seed=1
        ),
    }
    try:
        from dcurves import dca
    except ImportError:
        print("dcurves is not installed: no comparison (pip install 'riskmodel[reference]')")
    else:
        tasks = {"dcurves": lambda: dca(data, "event", ["model"], THRESHOLDS), **tasks}
    warnings.simplefilter("ignore")
    seconds = {name: [] for name in tasks}
    results = {}
    for turn in range(pairs + 1):
        for name, task in tasks.items():
            wall, cpu, results[name] = timed(task)
            if turn:  # the first is for caches and imports
                seconds[name].append((wall, cpu))
    median = {
        name: [statistics.median(part) for part in zip(*values, strict=True)]
        for name, values in seconds.items()
    }
    for name, (wall, cpu) in median.items():
        print(f"{name:16} wall {1000 * wall:9.1f} ms   CPU {1000 * cpu:9.1f} ms")
    if "dcurves" not in tasks:
        return
    for name, aim in (("point estimate", 100), (f"{DRAWS} draws", 10)):
        ratios = [a[0] / b[0] for a, b in zip(seconds["dcurves"], seconds[name], strict=True)]
        print(f"dcurves / {name}: {statistics.median(ratios):.0f} (aim: at least {aim})")
    apart = largest_difference(results["dcurves"], results["point estimate"])
    print(f"largest difference in net benefit: {apart:.1e} (aim: at most 1e-12)")
    compare_designs()


if __name__ == "__main__":
    main()
