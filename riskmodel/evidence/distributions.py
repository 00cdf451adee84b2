"""Continuous distributions of one number that speak SciPy's frozen-distribution protocol.

=========================  ====================================================================
`NormalMixture`            a finite mixture of normals, exact
`GridDistribution`         from values of a log density on a grid
`TransformedDistribution`  a strictly monotone function of another distribution
=========================  ====================================================================

Each has ``mean() std() var() median() ppf(q) isf(q) cdf(x) sf(x) pdf(x) logpdf(x) interval(prob)
rvs(size, random_state) support()``, and beyond SciPy ``hdi(prob)`` and ``expect(function)``.
They are vectorised over `q` and `x`, as SciPy's are: a scalar in gives a NumPy float out.

A moment that does not exist is `inf`, never a number: a finite sum always has a mean, so whoever
builds a distribution declares with `finite_moments` how many of the two first moments exist in
what the sum stands for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from riskmodel.errors import ParameterError, Phrase, Problem

Floats = np.ndarray | np.float64

_LOG_ROOT_TWO_PI = 0.5 * np.log(2.0 * np.pi)
_EPSILON = np.finfo(float).eps

# The trapezoid rule on a normal density is accurate far beyond double precision at this step.
_Z = np.arange(-15.0, 15.0 + 1 / 32, 1 / 16)
_Z_WEIGHTS = np.exp(-0.5 * _Z**2) / np.sqrt(2.0 * np.pi) / 16.0

_GAUSS_POINTS, _GAUSS_WEIGHTS = np.polynomial.legendre.leggauss(10)
_GAUSS_POINTS = 0.5 * (_GAUSS_POINTS + 1.0)  # on [0, 1]
_GAUSS_WEIGHTS = 0.5 * _GAUSS_WEIGHTS


def _refuse(field: str, found: object, allowed: str, remedy: str):
    raise ParameterError([Problem(field=field, found=found, allowed=allowed, remedy=remedy)])


class Distribution:
    """What the distributions here have in common; each brings density, cdf, ppf and `expect`."""

    _finite_moments = 2

    @property
    def finite_moments(self) -> int:
        """Return how many of the two first moments exist."""
        return self._finite_moments

    def pdf(self, x: ArrayLike) -> Floats:
        """Return the density at `x`."""
        return np.exp(self.logpdf(x))

    def mean(self) -> float:
        """Return the mean; `inf` where there is none."""
        return self._moments[0]

    def var(self) -> float:
        """Return the variance; `inf` where there is none."""
        return self._moments[1]

    def std(self) -> float:
        """Return the standard deviation; `inf` where there is none."""
        return float(np.sqrt(self._moments[1]))

    def median(self) -> float:
        """Return the median."""
        return float(self.ppf(0.5))

    def interval(self, prob: float = 0.95) -> tuple[float, float]:
        """Return the ends of the equal-tailed interval of probability `prob`."""
        tail = 0.5 * (1.0 - _checked_prob(prob))
        return float(self.ppf(tail)), float(self.isf(tail))

    def hdi(self, prob: float = 0.95) -> tuple[float, float]:
        """Return the ends of the narrowest single interval of probability `prob`.

        With one mode this is the interval of highest density; with several it is still one
        interval, the narrowest, not the union of several.
        """
        return _narrowest_interval(self, _checked_prob(prob))

    def rvs(self, size=None, random_state=None) -> Floats:
        """Return independent draws; `random_state` is a seed or a NumPy generator."""
        return self.ppf(_generator(random_state).uniform(size=size))

    @property
    def _moments(self) -> tuple[float, float]:
        if "_kept_moments" not in self.__dict__:
            self._kept_moments = self._find_moments()
        return self._kept_moments

    def _find_moments(self) -> tuple[float, float]:
        if self._finite_moments < 1:
            return np.inf, np.inf
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(self.expect(lambda x: x))
            if self._finite_moments < 2 or not np.isfinite(mean):
                return mean, np.inf
            variance = float(self.expect(lambda x: np.square(x - mean)))
        return mean, variance


class NormalMixture(Distribution):
    """A finite mixture of normal distributions, exact.

    Parameters
    ----------
    weights : array_like, shape (m,)
        Not negative; divided by their sum.
    means, standard_deviations : array_like, shape (m,)
        Of the components; standard deviations are positive.
    finite_moments : {2, 1, 0}, optional
        How many of the two first moments exist in what the mixture stands for: with 1 the
        variance is `inf`, with 0 the mean too.

    Raises
    ------
    ParameterError
        For shapes that differ, numbers that are not finite, a negative weight or a standard
        deviation that is not positive.

    Notes
    -----
    ``cdf(x) = sum(w * Phi((x - m) / s))``; ``mean = sum(w * m)``;
    ``var = sum(w * (s**2 + (m - mean)**2))``. Quantiles are found by Newton's method on
    ``Phi**-1(cdf(x))``, which is nearly a line, inside a bracket that always shrinks.

    Examples
    --------
    >>> mixture = NormalMixture([0.5, 0.5], [-1.0, 1.0], [1.0, 1.0])
    >>> mixture.mean(), mixture.var(), round(mixture.median(), 12) + 0.0
    (0.0, 2.0, 0.0)
    >>> mixture.cdf([-1.0, 1.0]).round(4)
    array([0.2614, 0.7386])
    """

    def __init__(
        self,
        weights: ArrayLike,
        means: ArrayLike,
        standard_deviations: ArrayLike,
        *,
        finite_moments: int = 2,
    ):
        weights, means, deviations = (
            np.atleast_1d(np.asarray(values, float))
            for values in (weights, means, standard_deviations)
        )
        _check_mixture(weights, means, deviations)
        kept = weights > 0
        self.weights = weights[kept] / weights[kept].sum()
        self.means = means[kept]
        self.standard_deviations = deviations[kept]
        self._finite_moments = finite_moments

    def __repr__(self) -> str:
        return f"NormalMixture({len(self.weights)} components, {_summary(self)})"

    def support(self) -> tuple[float, float]:
        """Return the ends of the support."""
        return -np.inf, np.inf

    def logpdf(self, x: ArrayLike) -> Floats:
        """Return the log density at `x`."""
        z = self._standardised(x)
        terms = np.log(self.weights / self.standard_deviations) - 0.5 * z**2 - _LOG_ROOT_TWO_PI
        return _like(x, special.logsumexp(terms, axis=-1))

    def cdf(self, x: ArrayLike) -> Floats:
        """Return the probability of at most `x`."""
        return _like(x, special.ndtr(self._standardised(x)) @ self.weights)

    def sf(self, x: ArrayLike) -> Floats:
        """Return the probability of more than `x`, accurate in the upper tail."""
        return _like(x, special.ndtr(-self._standardised(x)) @ self.weights)

    def ppf(self, q: ArrayLike) -> Floats:
        """Return the quantiles at `q`."""
        found = mixture_quantiles(
            self.weights, self.means, self.standard_deviations, np.ravel(np.asarray(q, float))
        )
        return _like(q, found.reshape(np.shape(q)))

    def isf(self, q: ArrayLike) -> Floats:
        """Return what is exceeded with probability `q`; as `ppf` of 1 - q, accurate for small q."""
        found = -mixture_quantiles(
            self.weights, -self.means, self.standard_deviations, np.ravel(np.asarray(q, float))
        )
        return _like(q, found.reshape(np.shape(q)))

    def rvs(self, size=None, random_state=None) -> Floats:
        """Return independent draws; `random_state` is a seed or a NumPy generator."""
        generator = _generator(random_state)
        component = generator.choice(len(self.weights), size=size, p=self.weights)
        return self.means[component] + self.standard_deviations[component] * (
            generator.standard_normal(size=size)
        )

    def expect(self, function: Callable) -> float:
        """Return the mean of `function`, by the trapezoid rule on each component."""
        x = self.means[:, None] + self.standard_deviations[:, None] * _Z
        return float(self.weights @ (function(x) @ _Z_WEIGHTS))

    def _find_moments(self) -> tuple[float, float]:
        if self._finite_moments < 1:
            return np.inf, np.inf
        mean = float(self.weights @ self.means)
        if self._finite_moments < 2:
            return mean, np.inf
        squares = self.standard_deviations**2 + (self.means - mean) ** 2
        return mean, float(self.weights @ squares)

    def _standardised(self, x: ArrayLike) -> np.ndarray:
        return (np.asarray(x, float)[..., None] - self.means) / self.standard_deviations


def mixture_quantiles(
    weights: np.ndarray, means: np.ndarray, standard_deviations: np.ndarray, q: ArrayLike
) -> np.ndarray:
    """Return quantiles of one or many mixtures of normals.

    Parameters
    ----------
    weights, means, standard_deviations : ndarray, shape (..., m)
        Of the components; weights sum to 1 along the last axis.
    q : array_like, shape (n,)
        Probabilities in [0, 1]; others give `nan`.

    Returns
    -------
    ndarray, shape (..., n)

    Examples
    --------
    >>> one = np.array([1.0])
    >>> mixture_quantiles(one, 2 * one, 3 * one, [0.025, 0.5]).round(3)
    array([-3.88,  2.  ])
    """
    q = np.atleast_1d(np.asarray(q, float))
    shape = np.broadcast_shapes(weights.shape, means.shape, standard_deviations.shape)
    components = [
        np.broadcast_to(values, shape).reshape(-1, shape[-1])
        for values in (weights, means, standard_deviations)
    ]
    found = np.stack([_one_quantile(*components, prob) for prob in q], axis=-1)
    return found.reshape(*shape[:-1], len(q))


def _one_quantile(weights, means, deviations, prob: float) -> np.ndarray:
    """Return the quantile at one probability for each row of components."""
    if not 0.0 < prob < 1.0:
        edge = {0.0: -np.inf, 1.0: np.inf}.get(float(prob), np.nan)
        return np.full(len(weights), edge)
    if prob > 0.5:  # the same from the other side: small probabilities keep their digits
        return -_lower_quantile(weights, -means, deviations, 1.0 - prob)
    return _lower_quantile(weights, means, deviations, prob)


def _lower_quantile(weights, means, deviations, prob: float) -> np.ndarray:
    """Return the quantile at a probability of at most one half."""
    target = special.ndtri(prob)
    ends = np.where(weights > 0, means + target * deviations, np.nan)
    lower, upper = np.nanmin(ends, axis=1), np.nanmax(ends, axis=1)  # the quantile lies between
    x = np.clip(_by_moments(weights, means, deviations, target), lower, upper)
    active = np.arange(len(x))
    for _ in range(100):
        w, m, s = weights[active], means[active], deviations[active]
        z = (x[active, None] - m) / s
        reached = special.ndtri(np.einsum("ij,ij->i", w, special.ndtr(z)))
        miss = reached - target
        lower[active] = np.where(miss <= 0, x[active], lower[active])
        upper[active] = np.where(miss >= 0, x[active], upper[active])
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            slope = np.einsum("ij,ij->i", w / s, np.exp(-0.5 * z**2)) * np.exp(0.5 * reached**2)
            step = miss / slope
        middle = 0.5 * (lower[active] + upper[active])
        new = x[active] - step
        newton = (new >= lower[active]) & (new <= upper[active]) & np.isfinite(new)
        new = np.where(newton, new, middle)
        moved = np.abs(new - x[active])
        x[active] = new
        scale = 1e-13 * (np.abs(new) + s.min(axis=1))
        active = active[(moved > scale) & (upper[active] - lower[active] > 0)]
        if not len(active):
            break
    return x


def _by_moments(weights, means, deviations, target: float) -> np.ndarray:
    """Return the quantile of the normal with the same first two moments: where to start."""
    mean = np.einsum("ij,ij->i", weights, means)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = deviations**2 + (means - mean[:, None]) ** 2
        return mean + target * np.sqrt(np.einsum("ij,ij->i", weights, squares))


class GridDistribution(Distribution):
    """A continuous distribution from values of its log density on a grid.

    Parameters
    ----------
    points : array_like, shape (n,)
        Strictly increasing, seven or more. They are the whole support: beyond them there is
        nothing, so carry the grid to where the density no longer matters.
    log_density : array_like, shape (n,)
        Up to a constant. The first and last values may be ``-inf`` (a density that vanishes
        there); those between are finite.
    finite_moments : {2, 1, 0}, optional
        See `NormalMixture`.

    Raises
    ------
    ParameterError
        For a grid that does not increase, has fewer than seven points or numbers that are
        not finite.

    Notes
    -----
    Between points the log density is a cubic spline, so the density is positive everywhere and the
    cdf strictly increasing; each piece is integrated by ten-point Gauss-Legendre quadrature, and
    normalised. The error falls as the fourth power of the spacing, and a quadratic log density (a
    normal) is exact. Where the density vanishes at an end it does so as a power of the distance,
    found from the next five points and split off before the spline is drawn.

    Examples
    --------
    >>> x = np.linspace(-9, 9, 181)
    >>> normal = GridDistribution(x, -0.5 * x**2)
    >>> round(float(normal.ppf(0.975)), 6), round(normal.std(), 6)
    (1.959964, 1.0)
    """

    def __init__(self, points: ArrayLike, log_density: ArrayLike, *, finite_moments: int = 2):
        points, values = _checked_grid(points, log_density)
        self.points = points
        self._finite_moments = finite_moments
        self._set_pieces(values - values.max())
        pieces = np.arange(len(points) - 1)
        x, weights = self._quadrature(pieces, points[1:])
        masses = weights.sum(axis=1)
        self._log_total = float(np.log(masses.sum()))
        self._x, self._weights = x, weights / masses.sum()
        below, above = np.cumsum(masses), np.cumsum(masses[::-1])[::-1]
        self._below = np.concatenate([[0.0], below / below[-1]])
        self._above = np.concatenate([above / above[0], [0.0]])

    def __repr__(self) -> str:
        return f"GridDistribution({len(self.points)} points, {_summary(self)})"

    def support(self) -> tuple[float, float]:
        """Return the ends of the support."""
        return float(self.points[0]), float(self.points[-1])

    def logpdf(self, x: ArrayLike) -> Floats:
        """Return the log density at `x`; ``-inf`` outside the grid."""
        values = np.asarray(x, float)
        inside = (values >= self.points[0]) & (values <= self.points[-1])
        found = self._log_values(np.where(inside, values, self.points[1])) - self._log_total
        return _like(x, np.where(inside, found, np.where(np.isnan(values), np.nan, -np.inf)))

    def cdf(self, x: ArrayLike) -> Floats:
        """Return the probability of at most `x`."""
        values, piece = self._place(x)
        found = np.clip(self._below[piece] + self._mass(piece, values), 0.0, 1.0)
        return _like(x, np.where(values >= self.points[-1], 1.0, found))

    def sf(self, x: ArrayLike) -> Floats:
        """Return the probability of more than `x`, accurate in the upper tail."""
        values, piece = self._place(x)
        rest = (self._below[piece + 1] - self._below[piece]) - self._mass(piece, values)
        found = np.clip(self._above[piece + 1] + np.maximum(rest, 0.0), 0.0, 1.0)
        return _like(x, np.where(values <= self.points[0], 1.0, found))

    def ppf(self, q: ArrayLike) -> Floats:
        """Return the quantiles at `q`."""
        return _like(q, self._quantile(np.asarray(q, float)))

    def isf(self, q: ArrayLike) -> Floats:
        """Return what is exceeded with probability `q`."""
        return _like(q, self._quantile(1.0 - np.asarray(q, float)))

    def expect(self, function: Callable) -> float:
        """Return the mean of `function`, by quadrature on each piece."""
        return float(np.sum(self._weights * function(self._x)))

    def _set_pieces(self, values: np.ndarray) -> None:
        """Split the log density into powers of the distance to the ends and a smooth rest."""
        from scipy.interpolate import CubicSpline

        values = values.copy()
        self._powers = [0.0, 0.0]
        for side, order in ((0, slice(None, 6)), (1, slice(None, -7, -1))):
            if np.isfinite(values[order][0]):
                continue
            distance = np.abs(self.points[order] - self.points[order][0])
            power, level = _power_at_end(distance, values[order])
            self._powers[side] = power
            with np.errstate(divide="ignore", invalid="ignore"):
                values -= power * np.log(np.abs(self.points - self.points[order][0]))
            values[0 if side == 0 else -1] = level
        self._spline = CubicSpline(self.points, values)

    def _log_values(self, x: np.ndarray) -> np.ndarray:
        found = self._spline(x)
        for power, distance in zip(
            self._powers, (x - self.points[0], self.points[-1] - x), strict=True
        ):
            if power:
                found = found + special.xlogy(power, np.maximum(distance, 0.0))
        return found

    def _quadrature(self, piece: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return nodes and weights times density from the start of each piece to `x` in it."""
        start = self.points[piece]
        nodes = start[..., None] + (x - start)[..., None] * _GAUSS_POINTS
        weights = (x - start)[..., None] * _GAUSS_WEIGHTS * np.exp(self._log_values(nodes))
        for side, here in ((0, piece == 0), (1, piece == len(self.points) - 2)):
            if self._powers[side] and here.any():
                nodes[here], weights[here] = self._end_quadrature(side, x[here])
        return nodes, weights

    def _end_quadrature(self, side: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `_quadrature` in the first or last piece, in a variable that undoes the power."""
        power = self._powers[side] + 1.0
        if side == 0:
            near, far, sign, end = np.zeros_like(x), x - self.points[0], 1.0, self.points[0]
        else:
            near, end, sign = self.points[-1] - x, self.points[-1], -1.0
            far = np.full_like(x, self.points[-1] - self.points[-2])
        below, above = near**power, far**power
        raised = below[..., None] + (above - below)[..., None] * _GAUSS_POINTS
        nodes = end + sign * raised ** (1.0 / power)
        smooth = self._spline(nodes)
        if self._powers[1 - side]:
            other = self.points[-1] - nodes if side == 0 else nodes - self.points[0]
            smooth = smooth + special.xlogy(self._powers[1 - side], other)
        return nodes, (above - below)[..., None] / power * _GAUSS_WEIGHTS * np.exp(smooth)

    def _mass(self, piece: np.ndarray, x: np.ndarray) -> np.ndarray:
        return self._quadrature(piece, x)[1].sum(axis=-1) * np.exp(-self._log_total)

    def _place(self, x: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        values = np.clip(np.asarray(x, float), self.points[0], self.points[-1])
        piece = np.searchsorted(self.points, values, side="right") - 1
        return np.atleast_1d(values), np.atleast_1d(np.clip(piece, 0, len(self.points) - 2))

    def _quantile(self, q: np.ndarray) -> np.ndarray:
        wanted = np.ravel(q)
        good = (wanted >= 0) & (wanted <= 1)
        prob = np.where(good, wanted, 0.5)
        piece = np.searchsorted(self._below, prob, side="right") - 1
        piece = np.clip(piece, 0, len(self.points) - 2)
        lower, upper = self.points[piece].copy(), self.points[piece + 1].copy()
        amount = prob - self._below[piece]
        whole = self._below[piece + 1] - self._below[piece]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.clip(np.nan_to_num(amount / whole), 0.0, 1.0)
        x = lower + (upper - lower) * share
        for _ in range(60):
            miss = self._mass(piece, x) - amount
            lower, upper = np.where(miss <= 0, x, lower), np.where(miss >= 0, x, upper)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                new = x - miss / np.exp(self._log_values(x) - self._log_total)
            new = np.where((new >= lower) & (new <= upper), new, 0.5 * (lower + upper))
            moved = np.abs(new - x)
            x = new
            if np.all(moved <= 4 * _EPSILON * (np.abs(x) + (upper - lower))):
                break
        x = np.where(prob <= 0, self.points[0], np.where(prob >= 1, self.points[-1], x))
        return np.where(good, x, np.nan).reshape(q.shape)


def _power_at_end(distance: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Return the power of a density that vanishes at an end, and the level of the smooth rest.

    ``log f = power * log d + level + c1 d + c2 d**2 + c3 d**3`` through the next five points.
    """
    d, unit = distance[1:], distance[1]
    system = np.column_stack([np.log(d), np.ones(5), d / unit, (d / unit) ** 2, (d / unit) ** 3])
    power, level, *_ = np.linalg.solve(system, values[1:])
    if power <= 0:  # not a power law; a straight line to nothing is the least that can be said
        return 1.0, float(values[1] - np.log(unit))
    return float(power), float(level)


class TransformedDistribution(Distribution):
    """A strictly monotone function of a distribution.

    Parameters
    ----------
    base : distribution
        Any with ``cdf sf ppf isf logpdf expect support`` of this module.
    forward, inverse : callable
        The function and its inverse, vectorised.
    derivative : callable
        Of `forward`; its sign, the same everywhere, says whether the function rises.
    finite_moments : {2, 1, 0}, optional
        See `NormalMixture`.

    Notes
    -----
    ``pdf(y) = base.pdf(inverse(y)) / abs(derivative(inverse(y)))``.

    Examples
    --------
    >>> normal = NormalMixture([1.0], [np.log(0.62)], [0.2351])
    >>> ratio = TransformedDistribution(normal, np.exp, np.log, np.exp)
    >>> [round(end, 2) for end in ratio.interval(0.95)]
    [0.39, 0.98]
    """

    def __init__(
        self,
        base: Distribution,
        forward: Callable,
        inverse: Callable,
        derivative: Callable,
        *,
        finite_moments: int | None = None,
    ):
        self.base = base
        self._forward, self._inverse, self._derivative = forward, inverse, derivative
        self._finite_moments = base._finite_moments if finite_moments is None else finite_moments
        self._rises = bool(derivative(base.ppf(0.5)) > 0)

    def __repr__(self) -> str:
        return f"TransformedDistribution({_summary(self)})"

    def support(self) -> tuple[float, float]:
        """Return the ends of the support."""
        with np.errstate(over="ignore", divide="ignore"):
            ends = [float(self._forward(np.float64(end))) for end in self.base.support()]
        return (ends[0], ends[1]) if self._rises else (ends[1], ends[0])

    def logpdf(self, x: ArrayLike) -> Floats:
        """Return the log density at `x`; ``-inf`` outside the support."""
        values = np.asarray(x, float)
        lower, upper = self.support()
        inside = (values > lower) & (values < upper)
        with np.errstate(all="ignore"):
            back = self._inverse(np.where(inside, values, self.median()))
            found = self.base.logpdf(back) - np.log(np.abs(self._derivative(back)))
        return _like(x, np.where(inside, found, np.where(np.isnan(values), np.nan, -np.inf)))

    def cdf(self, x: ArrayLike) -> Floats:
        """Return the probability of at most `x`."""
        return self._tail(x, lower=True)

    def sf(self, x: ArrayLike) -> Floats:
        """Return the probability of more than `x`."""
        return self._tail(x, lower=False)

    def ppf(self, q: ArrayLike) -> Floats:
        """Return the quantiles at `q`."""
        return self._forwarded(q, self.base.ppf if self._rises else self.base.isf)

    def isf(self, q: ArrayLike) -> Floats:
        """Return what is exceeded with probability `q`."""
        return self._forwarded(q, self.base.isf if self._rises else self.base.ppf)

    def rvs(self, size=None, random_state=None) -> Floats:
        """Return independent draws; `random_state` is a seed or a NumPy generator."""
        return self._forward(self.base.rvs(size=size, random_state=random_state))

    def expect(self, function: Callable) -> float:
        """Return the mean of `function`."""
        return self.base.expect(lambda x: function(self._forward(x)))

    def _forwarded(self, q: ArrayLike, quantile: Callable) -> Floats:
        with np.errstate(over="ignore", divide="ignore"):
            return _like(q, self._forward(np.asarray(quantile(q), float)))

    def _tail(self, x: ArrayLike, *, lower: bool) -> Floats:
        values = np.asarray(x, float)
        ends = self.support()
        with np.errstate(all="ignore"):
            back = self._inverse(np.clip(values, *ends))
        side = self.base.cdf if lower == self._rises else self.base.sf
        found = np.asarray(side(back), float)
        found = np.where(values <= ends[0], 0.0 if lower else 1.0, found)
        found = np.where(values >= ends[1], 1.0 if lower else 0.0, found)
        return _like(x, np.where(np.isnan(values), np.nan, found))


def exponential_of(base: Distribution, *, finite_moments: int | None = None):
    """Return the distribution of ``exp`` of a distribution: a ratio from a log ratio.

    Examples
    --------
    >>> ratio = exponential_of(NormalMixture([1.0], [0.0], [1.0]))
    >>> round(ratio.mean(), 6), round(float(np.exp(0.5)), 6)
    (1.648721, 1.648721)
    """
    return TransformedDistribution(base, np.exp, np.log, np.exp, finite_moments=finite_moments)


def expit_of(base: Distribution):
    """Return the distribution of the risk whose log odds are distributed as `base`.

    Examples
    --------
    >>> risk = expit_of(NormalMixture([1.0], [0.0], [1.0]))
    >>> round(risk.mean(), 6), [round(end, 3) for end in risk.interval(0.95)]
    (0.5, [0.123, 0.877])
    """
    return TransformedDistribution(
        base,
        special.expit,
        special.logit,
        lambda x: special.expit(x) * special.expit(-x),
        finite_moments=2,
    )


def _narrowest_interval(distribution: Distribution, prob: float) -> tuple[float, float]:
    """Return the narrowest interval: the ends have equal density, or one is an end of support."""

    def ends(below):
        return distribution.ppf(below), distribution.isf(np.maximum(1.0 - prob - below, 0.0))

    grid = (1.0 - prob) * np.sin(0.5 * np.pi * np.linspace(0.0, 1.0, 129)) ** 2
    lower, upper = ends(grid)
    best = int(np.argmin(np.where(np.isfinite(upper - lower), upper - lower, np.inf)))
    left, right = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]

    def tilt(below):
        lower, upper = ends(np.array([below]))
        with np.errstate(invalid="ignore"):
            return float(distribution.logpdf(lower)[0] - distribution.logpdf(upper)[0])

    from scipy.optimize import brentq

    signs = [tilt(left), tilt(right)]
    if not np.isfinite(signs).all() or signs[0] * signs[1] > 0:
        inner = np.linspace(left, right, 65)[1:-1]  # a corner, or an end where density is nothing
        signs = [tilt(inner[0]), tilt(inner[-1])]
        if signs[0] * signs[1] > 0:
            return float(lower[best]), float(upper[best])
        left, right = inner[0], inner[-1]
    below = brentq(tilt, left, right, xtol=1e-15, rtol=8 * _EPSILON)
    found = ends(np.array([below]))
    return float(found[0][0]), float(found[1][0])


def _summary(distribution: Distribution) -> str:
    lower, upper = distribution.interval(0.95)
    return f"median {distribution.median():.4g}, 95% equal-tailed {lower:.4g} to {upper:.4g}"


def _like(given: object, found: ArrayLike) -> Floats:
    """Return a NumPy float for a scalar, an array of the same shape otherwise."""
    found = np.asarray(found, float).reshape(np.shape(given))
    return found[()]


def _generator(random_state):
    if isinstance(random_state, np.random.RandomState | np.random.Generator):
        return random_state
    return np.random.default_rng(random_state)


def _checked_prob(prob: float) -> float:
    if not 0.0 < prob < 1.0:
        _refuse("prob", prob, "a number strictly between 0 and 1", "divide percentages by 100")
    return float(prob)


def _check_mixture(weights, means, deviations) -> None:
    if not weights.shape == means.shape == deviations.shape or weights.ndim != 1:
        shapes = Phrase(f"shapes {weights.shape}, {means.shape}, {deviations.shape}")
        _refuse("weights", shapes, "three lists of one length", "give one entry a component")
    for field, values in (("weights", weights), ("means", means)):
        if not np.isfinite(values).all():
            _refuse(field, Phrase("nan or inf"), "finite numbers", "leave the component out")
    if (weights < 0).any() or weights.sum() <= 0:
        _refuse("weights", float(weights.min()), "numbers of at least 0, not all 0", "check them")
    if not (np.isfinite(deviations) & (deviations > 0)).all():
        _refuse(
            "standard_deviations",
            Phrase("a value that is not positive and finite"),
            "positive numbers",
            "a point is not a distribution here",
        )


def _checked_grid(points: ArrayLike, log_density: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    points, values = np.asarray(points, float), np.asarray(log_density, float)
    if points.ndim != 1 or points.shape != values.shape:
        shapes = Phrase(f"shapes {points.shape} and {values.shape}")
        _refuse("log_density", shapes, "one value a point", "evaluate it on the points")
    inner = np.flatnonzero(np.isfinite(values))
    if len(inner):  # of several points without density at an end, only the nearest says anything
        start, stop = max(inner[0] - 1, 0), min(inner[-1] + 2, len(points))
        points, values = points[start:stop], values[start:stop]
    if len(points) < 7:
        _refuse("points", len(inner), "seven or more points", "use a finer grid")
    if not (np.isfinite(points).all() and (np.diff(points) > 0).all()):
        _refuse("points", Phrase("a grid that does not rise"), "increasing numbers", "sort them")
    if not np.isfinite(values[1:-1]).all() or np.isnan(values).any() or (values == np.inf).any():
        _refuse(
            "log_density",
            Phrase("nan, inf, or -inf inside the grid"),
            "finite numbers; -inf only at the ends",
            "change the variable, or cut the grid where the density vanishes",
        )
    return points, values
