"""A distribution known by its draws alone, in SciPy's frozen-distribution protocol."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from riskmodel.evidence.distributions import Distribution
from riskmodel.models.convergence import monte_carlo_standard_error

Floats = np.ndarray | np.float64


class DrawnDistribution(Distribution):
    """Draws of one quantity, read as a distribution.

    Moments, quantiles and `cdf` are those of the draws; the density is a Gaussian kernel's, of
    Silverman's width, good for a picture. `rvs` takes draws at random.

    Parameters
    ----------
    draws : array_like, shape (chain, draw)
        Finite numbers.

    Examples
    --------
    >>> drawn = DrawnDistribution(np.arange(8.0).reshape(2, 4))
    >>> drawn.mean(), drawn.median(), float(drawn.cdf(1.0))
    (3.5, 3.5, 0.25)
    """

    def __init__(self, draws: ArrayLike):
        self._draws = np.asarray(draws, dtype=float)
        self._sorted = np.sort(self._draws, axis=None)

    def __repr__(self) -> str:
        lower, upper = self.interval(0.95)
        return f"DrawnDistribution(median {self.median():.4g}, 95% {lower:.4g} to {upper:.4g})"

    @property
    def draws(self) -> np.ndarray:
        """The draws, (chain, draw)."""
        return self._draws

    @property
    def monte_carlo_standard_error(self) -> float:
        """Of the mean: digits below it are noise."""
        return float(monte_carlo_standard_error(self._draws))

    def support(self) -> tuple[float, float]:
        """Return the least and the greatest draw."""
        return float(self._sorted[0]), float(self._sorted[-1])

    def cdf(self, x: ArrayLike) -> Floats:
        """Return the share of draws at or below `x`."""
        x = np.asarray(x, dtype=float)
        return (np.searchsorted(self._sorted, x, side="right") / len(self._sorted))[()]

    def sf(self, x: ArrayLike) -> Floats:
        """Return the share of draws above `x`."""
        return 1.0 - self.cdf(x)

    def ppf(self, q: ArrayLike) -> Floats:
        """Return the quantiles of the draws."""
        q = np.asarray(q, dtype=float)
        inside = (q >= 0) & (q <= 1)
        return np.where(inside, np.quantile(self._sorted, np.clip(q, 0, 1)), np.nan)[()]

    def isf(self, q: ArrayLike) -> Floats:
        """Return the quantiles from above."""
        return self.ppf(1.0 - np.asarray(q, dtype=float))

    def logpdf(self, x: ArrayLike) -> Floats:
        """Return the log density of a Gaussian kernel over the draws."""
        x = np.asarray(x, dtype=float)
        number = len(self._sorted)
        spread = min(self.std(), (self.ppf(0.75) - self.ppf(0.25)) / 1.34) or self.std() or 1.0
        width = 0.9 * spread * number**-0.2
        z = (x[..., None] - self._sorted) / width
        norm = np.log(number * width * np.sqrt(2 * np.pi))
        return (special.logsumexp(-0.5 * z**2, axis=-1) - norm)[()]

    def rvs(self, size=None, random_state=None) -> Floats:
        """Return draws taken at random; `random_state` is a seed or a NumPy generator."""
        return np.random.default_rng(random_state).choice(self._sorted, size=size)

    def expect(self, function: Callable) -> float:
        """Return the mean of a function over the draws."""
        return float(np.mean(function(self._sorted)))
