"""EVPPI against the least that a regression must do: ratios of CPU time, interleaved.

The base builds the same basis, its Gram matrix, one Cholesky solve and the mean of the maximum:
an EVPPI with no checks. On top of it stand reading and masking the draws, the standard error, 19
permutations, the residual check and the table. Nothing here fails; a ratio over its aim is a place
to look.
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


def case(draws: int, seed: int = 1) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return net benefit of two options whose parameters interact, and the parameters."""
    x = np.random.default_rng(seed).normal(size=(draws, 5))
    gain = x[:, 0] * x[:, 1] + x[:, 2] / 2 + x[:, 0] ** 2 / 2 - 0.4 + x[:, 3]
    return np.column_stack([np.zeros(draws), gain]), {f"x{i + 1}": x[:, i] for i in range(5)}


def base(net_benefit: np.ndarray, columns: np.ndarray) -> float:
    """Return EVPPI by one Gram solve of the basis that :func:`evppi` chooses."""
    matrix = choose(ready(columns)).matrix
    factor = cho_factor(matrix.T @ matrix + 1e-9 * np.eye(matrix.shape[1]))
    fitted = matrix @ cho_solve(factor, matrix.T @ net_benefit)
    return fitted.max(axis=1).mean() - fitted.mean(axis=0).max()


def cpu(function, *arguments, repeats: int, **keywords) -> float:
    """Return CPU seconds of one call, all threads counted."""
    start = time.process_time()
    for _ in range(repeats):
        function(*arguments, **keywords)
    return (time.process_time() - start) / repeats


def main() -> None:
    """Print every ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--draws", type=int, default=10_000)
    chosen = parser.parse_args()
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "not set")
    print(
        f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, OPENBLAS_NUM_THREADS {threads}"
    )
    print(f"{'parameters':<12} {'ms':>7} {'base ms':>8} {'ratio':>6} {'aim':>5}")
    net_benefit, parameters = case(chosen.draws)
    for size in (1, 2, 3, 4, 5):
        names = list(parameters)[:size]
        columns = np.column_stack([parameters[name] for name in names])
        rows = []
        for _ in range(chosen.rounds + 1):
            ours = cpu(evppi, net_benefit, parameters, of=names, repeats=10)
            rows.append((ours, cpu(base, net_benefit, columns, repeats=10)))
        ours, theirs = (1000 * statistics.median(column) for column in zip(*rows[1:], strict=True))
        ratio = statistics.median(a / b for a, b in rows[1:])
        mark = "  over" if ratio > AIM and size <= 3 else ""
        print(f"{size:<12} {ours:7.2f} {theirs:8.2f} {ratio:6.2f} {AIM:5.1f}{mark}")


if __name__ == "__main__":
    main()
