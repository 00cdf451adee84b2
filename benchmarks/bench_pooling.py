"""Ratios for pooling normal estimates, interleaved in one process; medians are printed.

``python benchmarks/bench_pooling.py`` prints, for each pair, the median seconds of both, the
median of the ratios and the ratio that is aimed at. Nothing here fails: machines differ and are
shared; a ratio over its aim is a place to look.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np

from riskmodel.evidence.pooling import pool_effects

STUDIES, ANALYSES = 30, 1000
TAILS = (0.025, 0.975)


def simulated(rng: np.random.Generator, analyses: int) -> tuple[np.ndarray, np.ndarray]:
    """Return estimates (analyses, studies) and their standard errors; log odds ratios in size."""
    error = np.exp(rng.normal(-1.5, 0.6, STUDIES))
    return rng.normal(-0.3, np.hypot(error, 0.3), (analyses, STUDIES)), error


def one(estimate: np.ndarray, error: np.ndarray):
    """Pool one analysis as far as what REML gives: mean effect, its error and interval, tau."""
    pooled = pool_effects(estimate, error)
    return pooled.effect.mean(), pooled.effect.std(), pooled.effect.interval(0.95)


def many(estimate: np.ndarray, error: np.ndarray):
    """Pool all analyses in one call; the same numbers as `one`."""
    pooled = pool_effects(estimate, error)
    return pooled.effect_mean, pooled.effect_standard_deviation, pooled.effect_quantiles(TAILS)


def reml(estimate: np.ndarray, error: np.ndarray):
    """Pool one analysis by PyMARE's restricted maximum likelihood."""
    from pymare import Dataset
    from pymare.estimators import VarianceBasedLikelihoodEstimator

    data = Dataset(y=estimate, v=error**2)
    return (
        VarianceBasedLikelihoodEstimator(method="REML").fit_dataset(data).summary().get_fe_stats()
    )


def compare(name: str, ours: Callable, theirs: Callable, aim: float, rounds: int) -> str:
    """Return a line of results; each round runs one, then the other."""
    ours(), theirs()  # warm
    rows = [(_seconds(ours), _seconds(theirs)) for _ in range(rounds)]
    ratio = statistics.median(a / b for a, b in rows)
    medians = [statistics.median(column) for column in zip(*rows, strict=True)]
    mark = "" if ratio <= aim else "  over"
    return f"{name:<52} {medians[0]:9.5f} {medians[1]:9.5f} {ratio:7.3f} {aim:5.1f}{mark}"


def _seconds(function: Callable) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    """Print every ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(1)
    estimate, error = simulated(rng, ANALYSES)
    print(f"Python {sys.version.split()[0]}, {STUDIES} studies, {rounds} interleaved rounds")
    print(f"{'':<52} {'s':>9} {'base s':>9} {'ratio':>7} {'aim':>5}")
    name = "pool_effects / PyMARE REML"
    if importlib.util.find_spec("pymare") is None:
        print(f"{name:<52} not installed: pip install 'riskmodel[bench]'")
    else:
        first = estimate[0]
        print(
            compare(name, lambda: one(first, error), lambda: reml(first, error), 2.0, 20 * rounds)
        )
    name = f"{ANALYSES} analyses in one call / {ANALYSES} calls"
    each = lambda: [one(row, error) for row in estimate]  # noqa: E731
    print(compare(name, lambda: many(estimate, error), each, 0.2, rounds))


if __name__ == "__main__":
    main()
