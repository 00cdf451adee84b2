"""Coverage of 95% intervals where events are rare, as a Markdown table.

Ten trials of 50 to 200 patients an arm, a risk of 1% under the comparator, true log odds ratios
Normal(mu, 0.3) between trials. For each method the share of simulated meta-analyses whose interval
holds mu, with its Monte Carlo standard error; the mean width of the interval; and how far the mean
estimate lies from mu.

    python benchmarks/coverage_counts.py --repeats 1000
    python benchmarks/coverage_counts.py --repeats 1000 --times 3   # arms of unlike size

The comparison is the usual one: 0.5 added to every cell of a trial with an empty cell, trials
without any event left out, inverse variance, DerSimonian and Laird's moment estimate of the
variance between trials, and a normal interval. A simulated meta-analysis without a single event in
any trial has no such interval; it is counted, and left out of that method's row.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from scipy.special import expit, logit

from riskmodel.evidence.pooling_counts import pool_counts

TRIALS, LEAST, MOST, RISK, TAU = 10, 50, 200, 0.01, 0.3
Counts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def simulated(mu: float, rng: np.random.Generator, times: int = 1) -> Counts:
    """Return events and patients of both arms; the comparator's are multiplied by `times`."""
    n, n_comparator = rng.integers(LEAST, MOST + 1, (2, TRIALS))
    n_comparator = n_comparator * times
    effects = rng.normal(mu, TAU, TRIALS)
    events = rng.binomial(n, expit(logit(RISK) + effects))
    return events, n, rng.binomial(n_comparator, RISK), n_comparator


def corrected_inverse_variance(counts: Counts) -> tuple[float, float, float] | None:
    """Return estimate and interval by DerSimonian and Laird with 0.5 added; None if there is none.

    Examples
    --------
    >>> arms = [np.array(x) for x in ([1, 2], [10, 10], [2, 4], [10, 10])]
    >>> [round(value, 3) for value in corrected_inverse_variance(arms)]
    [-0.917, -2.499, 0.664]

    which is the fixed-effect answer by hand: the log odds ratios log(4/9) and log(3/8), weighted
    by 0.576 and 0.96, are too alike for any variance between them.
    """
    a, n1, c, n0 = (np.asarray(x, float) for x in counts)
    kept = (a + c > 0) & (a + c < n1 + n0)
    cells = np.stack([a, n1 - a, c, n0 - c])[:, kept]
    if not cells.size:
        return None
    cells = cells + 0.5 * (cells == 0).any(axis=0)
    y = np.log(cells[0] * cells[3] / (cells[1] * cells[2]))
    w = 1 / (1 / cells).sum(axis=0)
    fixed = (w * y).sum() / w.sum()
    scale = w.sum() - (w**2).sum() / w.sum()
    between = max(0.0, ((w * (y - fixed) ** 2).sum() - (len(y) - 1)) / scale) if len(y) > 1 else 0
    w = 1 / (1 / w + between)
    estimate, error = (w * y).sum() / w.sum(), w.sum() ** -0.5
    return float(estimate), float(estimate - 1.959964 * error), float(estimate + 1.959964 * error)


def posterior(**settings) -> Callable[[Counts], tuple[float, float, float]]:
    """Return a method that pools by quadrature."""

    def method(counts: Counts):
        effect = pool_counts(*counts, **settings).effect
        return (effect.median(), *effect.interval(0.95))

    return method


METHODS = {
    "pool_counts, unconditional": posterior(),
    "pool_counts, conditional": posterior(model="conditional"),
    "DerSimonian-Laird, 0.5 added": corrected_inverse_variance,
}


def rows(mu: float, repeats: int, seed: int, times: int) -> list[str]:
    """Return a line of the table for each method."""
    rng = np.random.default_rng(seed)
    found = {name: [] for name in METHODS}
    for _ in range(repeats):
        counts = simulated(mu, rng, times)
        for name, method in METHODS.items():
            found[name].append(method(counts))
    lines = []
    for name, results in found.items():
        known = np.array([result for result in results if result is not None])
        holds = (known[:, 1] <= mu) & (mu <= known[:, 2])
        coverage, m = holds.mean(), len(known)
        error = np.sqrt(coverage * (1 - coverage) / m)
        below, above = (known[:, 2] < mu).mean(), (known[:, 1] > mu).mean()
        bias = known[:, 0].mean() - mu
        bias_error = known[:, 0].std(ddof=1) / np.sqrt(m)
        width = (known[:, 2] - known[:, 1]).mean()
        lines.append(
            f"| {mu:g} | {name} | {100 * coverage:.1f} ({100 * error:.1f}) | {100 * below:.1f} / "
            f"{100 * above:.1f} | {width:.2f} | {bias:+.2f} ({bias_error:.2f}) | {repeats - m} |"
        )
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--times", type=int, default=1, help="comparator's arms this much larger")
    chosen = parser.parse_args()
    columns = (
        "true log odds ratio",
        "method",
        "coverage, % (Monte Carlo error)",
        "wholly below / above, %",
        "mean width",
        "bias of the median or estimate (error)",
        "no answer",
    )
    print(f"| {' | '.join(columns)} |")
    print("|---|---|---|---|---|---|---|")
    for mu in (0.0, 0.7):
        for line in rows(mu, chosen.repeats, chosen.seed, chosen.times):
            print(line, flush=True)


if __name__ == "__main__":
    main()
