"""A tabulated log likelihood, and its integral over normals of any width."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

DEGREE = 10  # points of a local interpolation
_BARYCENTRIC = np.array([(-1) ** j * special.comb(DEGREE - 1, j) for j in range(DEGREE)])
_GREGORY = np.array([95 / 288, 317 / 240, 23 / 30, 793 / 720, 157 / 160])
REACH = 8.5  # standard deviations; a normal has 1e-17 of its mass beyond
_CHEBYSHEV = 7  # values of a narrow tau that give all of them
_INSIDE = 1 - 1e-12  # a risk difference of 1 is an effect without end on any other scale
DEPTH = 36.0  # what is less than e**-36 of the greatest is left out


@dataclass(frozen=True)
class Curve:
    """The log likelihood of one study's effect, tabulated.

    Parameters
    ----------
    start, step : float
        Of the uniform grid of the stretched variable u.
    log_values : ndarray
        Log likelihood at the grid.
    scale : float
        Width of its narrowest feature, about one standard error.
    fold : float
        0 for ``theta = u``; else ``theta = fold * sinh(u)``, a grid ever finer towards 0.
    bounded : bool
        With a fold, ``theta = tanh(fold * sinh(u))``, ever finer towards -1 and 1 as well.
    """

    start: float
    step: float
    log_values: np.ndarray
    scale: float
    fold: float = 0.0
    bounded: bool = False

    @cached_property
    def u(self) -> np.ndarray:
        """The uniform grid."""
        return self.start + self.step * np.arange(len(self.log_values))

    @cached_property
    def theta(self) -> np.ndarray:
        """The grid of effects."""
        return stretched(self.u, self.fold, self.bounded)

    @cached_property
    def top(self) -> float:
        """The greatest log likelihood."""
        return float(self.log_values.max())

    @cached_property
    def weighted(self) -> np.ndarray:
        """Likelihood, over its greatest, times the weights of the trapezoid rule."""
        weights = np.full(len(self.log_values), self.step)
        weights[:5] *= _GREGORY
        weights[-5:] *= _GREGORY[::-1]
        if self.fold:
            weights *= self.fold * np.cosh(self.u)
            if self.bounded:
                weights /= np.cosh(self.fold * np.sinh(self.u)) ** 2
        return weights * np.exp(self.log_values - self.top)

    @cached_property
    def level(self) -> bool:
        """Whether the likelihood is the same for every effect."""
        return float(np.ptp(self.log_values)) < 1e-10

    @cached_property
    def level_edges(self) -> tuple[float, ...]:
        """Ends of the grid at which the likelihood is not small, and so level."""
        return tuple(
            float(edge)
            for edge, value in zip(self.theta[[0, -1]], self.log_values[[0, -1]], strict=True)
            if value - self.top > -230.0
        )

    def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
        """Return the log likelihood anywhere, over its greatest; a line beyond the grid."""
        place = (unstretched(theta, self.fold, self.bounded) - self.start) / self.step
        found = local_polynomial(self.log_values, place) - self.top
        last = len(self.log_values) - 1
        for end, inner in ((0, 1), (last, last - 1)):
            beyond = place < 0 if end == 0 else place > last
            if beyond.any():
                edge = self.theta[end]
                slope = (self.log_values[end] - self.log_values[inner]) / (edge - self.theta[inner])
                slope = max(slope, 0.0) if end == 0 else min(slope, 0.0)
                line = self.log_values[end] - self.top + slope * (theta - edge)
                found = np.where(beyond, line, found)
        return found


def stretched(u: np.ndarray, fold: ArrayLike, bounded: bool = False) -> np.ndarray:
    """Return effects from the variable that `Curve` stretches.

    Examples
    --------
    >>> stretched(np.array([0.0, 1.0]), 0.0), stretched(np.array([0.0, 1.0]), 0.1).round(4)
    (array([0., 1.]), array([0.    , 0.1175]))
    """
    fold = np.asarray(fold)
    found = fold * np.sinh(np.where(fold > 0, u, 0.0))
    return np.where(fold > 0, np.tanh(found) if bounded else found, u)


def unstretched(theta: np.ndarray, fold: float, bounded: bool = False) -> np.ndarray:
    """Return the inverse of `stretched`.

    Examples
    --------
    >>> unstretched(stretched(np.array([-2.0, 3.0]), 1e-6, True), 1e-6, True).round(9)
    array([-2.,  3.])
    """
    theta = np.asarray(theta)
    if not fold:
        return theta
    if bounded:
        theta = np.arctanh(np.clip(theta, -_INSIDE, _INSIDE))
    return np.arcsinh(theta / fold)


def local_polynomial(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return values between tabulated ones, along the first axis of `values`.

    `place` counts in steps of the table from 0.

    Examples
    --------
    >>> table = np.sin(0.1 * np.arange(40))
    >>> bool(abs(local_polynomial(table, np.array([17.3]))[0] - np.sin(1.73)) < 1e-13)
    True
    """
    last = len(values) - 1
    place = np.clip(place, 0.0, last)
    first = np.clip(place.astype(int) - (DEGREE // 2 - 1), 0, last - DEGREE + 1)
    offset = place - first
    whole = np.rint(offset)
    offset = np.where(np.abs(offset - whole) < 1e-9, whole + 1e-9, offset)
    extra = (1,) * (values.ndim - 1)
    total = np.zeros(place.shape + values.shape[1:])
    below = np.zeros(place.shape)
    for j in range(DEGREE):
        share = _BARYCENTRIC[j] / (offset - j)
        total += share.reshape(place.shape + extra) * values[first + j]
        below += share
    return total / below.reshape(place.shape + extra)


def log_marginals(curve: Curve, mu: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """Return ``log I(mu, tau)`` over the top of the curve.

    Parameters
    ----------
    curve : Curve
    mu, tau : ndarray, shapes (m,) and (r,)
        tau increases.

    Returns
    -------
    ndarray, shape (m, r)
    """
    if curve.fold:
        spacing = np.sqrt(curve.fold**2 + (np.abs(mu)[:, None] + 6 * tau) ** 2)
        summed = tau >= 1.2 * curve.step * spacing
    else:
        summed = np.broadcast_to(tau >= 1.2 * curve.step, (len(mu), len(tau)))
        for edge in curve.level_edges:  # the sum breaks off there, too sharply for a small tau
            near = np.abs(mu[:, None] - edge) < REACH * tau
            summed = summed & ~(near & (tau < 12 * curve.step))
    found = np.empty(summed.shape)
    if curve.level:
        return np.zeros(summed.shape)
    columns = np.flatnonzero(summed.any(axis=0))
    for block in np.array_split(columns, max(len(columns) // 6, 1)):
        if len(block):
            found[:, block] = _wide_marginals(curve, mu, tau[block])
    columns = np.flatnonzero(~summed.all(axis=0))
    if len(columns):
        simple = not curve.fold and not curve.level_edges
        narrow = (_narrow_table if simple else _narrow_marginals)(curve, mu, tau[columns])
        found[:, columns] = np.where(summed[:, columns], found[:, columns], narrow)
    return found


def _wide_marginals(curve: Curve, mu: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """As `log_marginals` where the normal is wide against the grid: the trapezoid sum."""
    reach = REACH * tau[-1]
    first, last = np.searchsorted(curve.theta, [mu[0] - reach, mu[-1] + reach])
    near = slice(max(first - 1, 0), last + 1)
    squares = (curve.theta[near] - mu[:, None]) ** 2
    kernel = np.exp(squares[None] * (-0.5 / tau**2)[:, None, None])  # (r, m, q)
    total = (kernel @ curve.weighted[near]).T / (np.sqrt(2 * np.pi) * tau)
    for edge, value, side in zip(
        curve.theta[[0, -1]], np.exp(curve.log_values[[0, -1]] - curve.top), (1, -1), strict=True
    ):
        if value > 1e-100:  # level there and beyond
            total += value * special.ndtr(side * (edge - mu[:, None]) / tau)
    return np.log(np.maximum(total, 1e-300))


HERMITE, HERMITE_WEIGHTS = np.polynomial.hermite_e.hermegauss(12)
HERMITE_WEIGHTS = HERMITE_WEIGHTS / HERMITE_WEIGHTS.sum()


def _narrow_marginals(curve: Curve, mu: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """As `log_marginals` where the normal is narrow against the likelihood: Gauss-Hermite."""
    points = mu[:, None, None] + tau[:, None] * HERMITE
    logs = curve.log_likelihood(points)
    top = logs.max(axis=-1)
    return top + np.log(np.exp(logs - top[..., None]) @ HERMITE_WEIGHTS)


def _narrow_table(curve: Curve, mu: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """As `_narrow_marginals` for many tau: a polynomial in tau squared through a few."""
    if len(tau) <= _CHEBYSHEV:
        return _narrow_marginals(curve, mu, tau)
    angles = (2 * np.arange(_CHEBYSHEV) + 1) * np.pi / (2 * _CHEBYSHEV)
    nodes = 0.5 * tau[-1] ** 2 * (1 + np.cos(angles))
    gap = tau[:, None] ** 2 - nodes
    gap = np.where(np.abs(gap) < 1e-14 * nodes, 1e-14 * nodes, gap)
    share = (-1.0) ** np.arange(_CHEBYSHEV) * np.sin(angles) / gap
    return (
        _narrow_marginals(curve, mu, np.sqrt(nodes)) @ (share / share.sum(axis=1, keepdims=True)).T
    )
