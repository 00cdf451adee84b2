"""pool_counts of 20 trials against PyMC's compile and sample of the same model, interleaved.

    python benchmarks/bench_counts.py --rounds 5

Both run in processes of their own that print their own seconds, imports left out: whoever pools
counts has numpy and scipy loaded, whoever samples has PyMC. Both answer with the posterior of
effect, heterogeneity, prediction and every study. One round of each runs first, to warm caches.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

AIM = 1 / 20
DATA = """
import time, warnings; warnings.simplefilter("ignore")
import numpy as np
rng = np.random.default_rng(20)
n, n_comparator = rng.integers(50, 400, (2, 20))
trials = rng.binomial(n, 0.04), n, rng.binomial(n_comparator, 0.05), n_comparator
"""
QUADRATURE = (
    DATA
    + """
import pandas, scipy.interpolate
from riskmodel.evidence.pooling_counts import pool_counts
start = time.perf_counter()
pooled = pool_counts(*trials)
pooled.summary(), pooled.studies
print(time.perf_counter() - start)
"""
)
SAMPLED = (
    DATA
    + """
import pymc, nutpie
from riskmodel.models.pooled_counts import build_pooled_counts
start = time.perf_counter()
model = build_pooled_counts(*trials)
compiled = nutpie.compile_pymc_model(model)
nutpie.sample(compiled, draws=1000, tune=1000, chains=4, cores=2, seed=7, target_accept=0.95,
              progress_bar=False)
print(time.perf_counter() - start)
"""
)


def seconds(code: str) -> float:
    """Run code in a new interpreter and return the seconds it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    """Print the medians and the median of the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, {rounds} interleaved rounds")
    seconds(QUADRATURE), seconds(SAMPLED)
    pairs = [(seconds(QUADRATURE), seconds(SAMPLED)) for _ in range(rounds)]
    ours, theirs = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
    ratio = statistics.median(a / b for a, b in pairs)
    mark = "" if ratio <= AIM else "  over"
    print(f"pool_counts, 20 trials {ours:.3f} s; PyMC and nutpie {theirs:.2f} s; ", end="")
    print(f"ratio {ratio:.4f} (aim {AIM:.4f}){mark}")


if __name__ == "__main__":
    main()
