"""EVPPI against the least that a regression must do: ratios of CPU time, interleaved.

The base builds the same basis, its Gram matrix, one Cholesky solve of one column (the difference of
the two options) and the mean of the maximum: an EVPPI with no checks. On top of it stand reading
and masking the draws, the standard error, 19 permutations, the residual check and the table.
Nothing here fails; a ratio over its aim is a place to look.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from riskmodel.decisions.information import evppi
from riskmodel.decisions.regression_bases import choose, ready

AIM = 2.0
THREADS = "OPENBLAS_NUM_THREADS"


def case(draws: int, seed: int = 1) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return net benefit of two options whose parameters interact, and the parameters."""
    x = np.random.default_rng(seed).normal(size=(draws, 5))
    gain = x[:, 0] * x[:, 1] + x[:, 2] / 2 + x[:, 0] ** 2 / 2 - 0.4 + x[:, 3]
    return np.column_stack([np.zeros(draws), gain]), {f"x{i + 1}": x[:, i] for i in range(5)}


def base(net_benefit: np.ndarray, columns: np.ndarray) -> float:
    """Return EVPPI by one Gram solve of the basis that :func:`evppi` chooses."""
    matrix = choose(ready(columns)).matrix
    gain = net_benefit[:, 1] - net_benefit[:, 0]
    factor = cho_factor(matrix.T @ matrix + 1e-9 * np.eye(matrix.shape[1]))
    fitted = matrix @ cho_solve(factor, matrix.T @ gain)
    return np.maximum(fitted, 0).mean() - max(fitted.mean(), 0)


def cpu(function, *arguments, repeats: int, **keywords) -> float:
    """Return CPU seconds of one call, all threads counted."""
    start = time.process_time()
    for _ in range(repeats):
        function(*arguments, **keywords)
    return (time.process_time() - start) / repeats


def report(label: str, rows: list[tuple[float, float]], aim: float | None) -> None:
    """Print the medians of one case; the first round warms up and is left out."""
    ours, theirs = (1000 * statistics.median(column) for column in zip(*rows[1:], strict=True))
    ratio = statistics.median(a / b for a, b in rows[1:])
    mark = "" if aim is None else f"{aim:5.1f}" + ("  over" if ratio > aim else "")
    print(f"{label:<24} {ours:8.2f} {theirs:8.2f} {ratio:6.2f} {mark}")


def main() -> None:
    """Print every ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--draws", type=int, default=10_000)
    chosen = parser.parse_args()
    print(
        f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, "
        f"{os.environ[THREADS]} BLAS thread, {chosen.draws} draws, {chosen.rounds} rounds"
    )
    print(f"{'parameters':<24} {'CPU ms':>8} {'base ms':>8} {'ratio':>6} {'aim':>5}")
    net_benefit, parameters = case(chosen.draws)
    sets = [list(parameters)[:size] for size in (1, 2, 3, 4, 5)]
    columns = [np.column_stack([parameters[name] for name in names]) for names in sets]

    def bases(several: list[np.ndarray]) -> None:
        for each in several:
            base(net_benefit, each)

    for _ in range(3):  # so that the allocator has met every size before the first is timed
        evppi(net_benefit, parameters, of=sets)
        bases(columns)
    cases = [(str(len(s)), [i], AIM if len(s) <= 3 else None) for i, s in enumerate(sets)]
    for label, which, aim in [*cases, ("1, 2 and 3 in one call", [0, 1, 2], AIM)]:
        rows = []
        for _ in range(chosen.rounds + 1):
            of = [sets[i] for i in which]
            ours = cpu(evppi, net_benefit, parameters, of=of, repeats=10)
            rows.append((ours, cpu(bases, [columns[i] for i in which], repeats=10)))
        report(label, rows, aim)


if __name__ == "__main__":
    if THREADS not in os.environ:  # two threads that spin cost more CPU than such sizes gain
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, THREADS: "1"})
    main()
