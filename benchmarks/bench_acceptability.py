"""Acceptability against a numpy loop over weights: ratios of CPU time, interleaved, and memory.

The base computes net benefit of every draw and option at one weight, finds the best and counts,
weight by weight. Nothing here fails; a ratio under its aim is a place to look.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
import tracemalloc

import numpy as np

from riskmodel.decisions.acceptability import best_shares

AIM = 10.0


def loop(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return P(best), shape (set, option), one set of weights after the other."""
    shares = np.empty((len(weights), values.shape[1]))
    for place, row in enumerate(weights):
        best = (values @ row).argmax(axis=1)
        shares[place] = np.bincount(best, minlength=values.shape[1]) / len(values)
    return shares


def timed(function, *arguments):
    """Return CPU seconds, all threads counted, and the result."""
    start = time.process_time()
    result = function(*arguments)
    return time.process_time() - start, result


def main() -> None:
    """Print every ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--draws", type=int, default=100_000)
    parser.add_argument("--weights", type=int, default=200)
    parser.add_argument("--options", type=int, default=5)
    chosen = parser.parse_args()
    rng = np.random.default_rng(1)
    values = rng.normal(size=(chosen.draws, chosen.options, 2))
    values[:, 0] = 0
    line = np.column_stack([np.ones(chosen.weights), np.linspace(0, 2, chosen.weights)])
    scattered = rng.dirichlet(np.ones(2), chosen.weights)
    wide = rng.normal(size=(chosen.draws, chosen.options, 4))
    cases = {
        "one weight varies": (values, line, AIM),
        "two, adding to one": (values, scattered, AIM),
        "four, anywhere": (wide, rng.dirichlet(np.ones(4), chosen.weights), AIM),
    }
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "not set")
    print(
        f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, OPENBLAS_NUM_THREADS {threads}"
    )
    print(f"{'weights':<20} {'ms':>7} {'loop ms':>8} {'ratio':>6} {'aim':>5} {'MiB':>6} differ")
    for name, (draws, weights, aim) in cases.items():
        rows = []
        for _ in range(chosen.rounds + 1):
            ours, (shares, _) = timed(best_shares, draws, weights)
            base, expected = timed(loop, draws, weights)
            rows.append((ours, base))
        tracemalloc.start()
        best_shares(draws, weights)
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        ours, base = (1000 * statistics.median(column) for column in zip(*rows[1:], strict=True))
        ratio = statistics.median(b / a for a, b in rows[1:])
        mark = "  under" if ratio < aim else ""
        away = np.abs(shares - expected).max()
        print(
            f"{name:<20} {ours:7.1f} {base:8.1f} {ratio:6.1f} {aim:5.1f} {peak:6.1f} "
            f"{away:.0e}{mark}"
        )


if __name__ == "__main__":
    main()
