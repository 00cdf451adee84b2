"""Random effects over any study likelihoods, by quadrature: no sampler and no seed.

The model is one for every kind of count::

    data_i | theta_i ~ any likelihood L_i(theta_i), all nuisances already integrated
    theta_i | mu, tau ~ Normal(mu, tau)
    mu ~ its prior,  tau ~ its prior

What is needed is ``I_i(mu, tau)``, the integral of ``L_i`` over that normal, for each study:

* ``log L_i`` is tabulated once, on a uniform grid of a variable that may stretch theta;
* where the normal is wide against the grid, ``I_i`` is the trapezoid sum over it, whose error
  falls exponentially for smooth functions, with Gregory's weights and a normal tail at ends that
  are level; where it is narrow, Gauss-Hermite nodes fall between tabulated values and those are
  interpolated by local polynomials of degree nine.

The posterior of (mu, tau) is then a table on Gauss-Legendre nodes, after a pilot by normal
approximations has found where it lies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from riskmodel.evidence.distributions import GridDistribution, TransformedDistribution
from riskmodel.evidence.heterogeneity import HeterogeneityPrior

_DEGREE = 10  # points of a local interpolation
_BARYCENTRIC = np.array([(-1) ** j * special.comb(_DEGREE - 1, j) for j in range(_DEGREE)])
_GREGORY = np.array([95 / 288, 317 / 240, 23 / 30, 793 / 720, 157 / 160])
_REACH = 8.5  # standard deviations; a normal has 1e-17 of its mass beyond
_NEAR = 14  # the same, between Gauss-Legendre nodes
_CHEBYSHEV = 7  # values of a narrow tau that give all of them
_NEGLIGIBLE = 250.0  # a likelihood is tabulated to e**-250 of its greatest
_INSIDE = 1 - 1e-12  # a risk difference of 1 is an effect without end on any other scale
_DEPTH = 36.0  # what is less than e**-36 of the greatest is left out
_LOG_ROOT_TWO_PI = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True)
class LocationPrior:
    """The proper prior of mu, perhaps cut at the ends of what an effect can be.

    Parameters
    ----------
    family : {"normal", "uniform"}
    first, second : float
        Mean and standard deviation, or the ends.
    lower, upper : float
        Ends of what an effect can be on this scale.
    """

    family: str
    first: float
    second: float
    lower: float = -np.inf
    upper: float = np.inf

    def __str__(self) -> str:
        return f"{self.family}:{self.first:g}:{self.second:g}"

    @property
    def ends(self) -> tuple[float, float]:
        """Where mu can be, but for a mass of no account."""
        if self.family == "uniform":
            low, high = self.first, self.second
        else:
            low, high = self.first - 9 * self.second, self.first + 9 * self.second
        return max(low, self.lower), min(high, self.upper)

    @property
    def centre(self) -> float:
        """The mean, before the cut."""
        return self.first if self.family == "normal" else 0.5 * (self.first + self.second)

    @property
    def spread(self) -> float:
        """The standard deviation, before the cut."""
        if self.family == "normal":
            return self.second
        return (self.second - self.first) / np.sqrt(12)

    def log_density(self, mu: np.ndarray) -> np.ndarray:
        """Return the log density at `mu`, which lies between the ends."""
        if self.family == "uniform":
            low, high = self.ends
            return np.full(np.shape(mu), -np.log(high - low))
        z = (np.asarray(mu) - self.first) / self.second
        inside = special.ndtr((self.upper - self.first) / self.second) - special.ndtr(
            (self.lower - self.first) / self.second
        )
        return -0.5 * z**2 - np.log(self.second) - _LOG_ROOT_TWO_PI - np.log(inside)


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
    first = np.clip(place.astype(int) - (_DEGREE // 2 - 1), 0, last - _DEGREE + 1)
    offset = place - first
    whole = np.rint(offset)
    offset = np.where(np.abs(offset - whole) < 1e-9, whole + 1e-9, offset)
    extra = (1,) * (values.ndim - 1)
    total = np.zeros(place.shape + values.shape[1:])
    below = np.zeros(place.shape)
    for j in range(_DEGREE):
        share = _BARYCENTRIC[j] / (offset - j)
        total += share.reshape(place.shape + extra) * values[first + j]
        below += share
    return total / below.reshape(place.shape + extra)


class PanelRule:
    """Gauss-Legendre nodes on one or more panels of a variable u, and x as a function of u.

    Parameters
    ----------
    edges : sequence of float
        Ends of the panels in u.
    counts : sequence of int
        Nodes in each.
    """

    def __init__(self, edges, counts):
        self.edges, self.counts = np.asarray(edges, float), list(counts)
        nodes, weights = [], []
        for low, high, count in zip(self.edges[:-1], self.edges[1:], self.counts, strict=True):
            x, w = np.polynomial.legendre.leggauss(count)
            nodes.append(0.5 * (low + high) + 0.5 * (high - low) * x)
            weights.append(0.5 * (high - low) * w)
        self.u, self.weights = np.concatenate(nodes), np.concatenate(weights)

    def interpolation(self, u: np.ndarray) -> np.ndarray:
        """Return the matrix that takes values at the nodes to values at `u`.

        A polynomial through the fourteen nearest nodes of the panel: a log density that has a
        corner far down keeps it to itself.
        """
        u = np.asarray(u, float)
        matrix = np.zeros((len(u), len(self.u)))
        panel = np.clip(np.searchsorted(self.edges, u, side="right") - 1, 0, len(self.counts) - 1)
        begin = 0
        for i, count in enumerate(self.counts):
            here = np.flatnonzero(panel == i)
            nodes = self.u[begin : begin + count]
            first = np.searchsorted(nodes, u[here]) - _NEAR // 2
            columns = np.clip(first, 0, count - _NEAR)[:, None] + np.arange(_NEAR)
            near = nodes[columns]
            between = near[:, :, None] - near[:, None, :]
            between[:, np.arange(_NEAR), np.arange(_NEAR)] = 1.0
            gap = u[here, None] - near
            gap = np.where(np.abs(gap) < 1e-14 * (1 + np.abs(near)), 1e-14, gap)
            share = 1 / (between.prod(axis=2) * gap)
            matrix[here[:, None], begin + columns] = share / share.sum(axis=1, keepdims=True)
            begin += count
        return matrix

    def uniform(self, count: int) -> np.ndarray:
        """Return `count` or a few more points, evenly spread in each panel, ends included."""
        lengths = np.diff(self.edges) / (self.edges[-1] - self.edges[0])
        parts = [
            np.linspace(low, high, max(int(count * length), 16), endpoint=False)
            for low, high, length in zip(self.edges[:-1], self.edges[1:], lengths, strict=True)
        ]
        return np.concatenate([*parts, self.edges[-1:]])


# --- the integral of one likelihood over a normal ------------------------------------------------


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
            near = np.abs(mu[:, None] - edge) < _REACH * tau
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
    reach = _REACH * tau[-1]
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


_HERMITE, _HERMITE_WEIGHTS = np.polynomial.hermite_e.hermegauss(12)
_HERMITE_WEIGHTS = _HERMITE_WEIGHTS / _HERMITE_WEIGHTS.sum()


def _narrow_marginals(curve: Curve, mu: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """As `log_marginals` where the normal is narrow against the likelihood: Gauss-Hermite."""
    points = mu[:, None, None] + tau[:, None] * _HERMITE
    logs = curve.log_likelihood(points)
    top = logs.max(axis=-1)
    return top + np.log(np.exp(logs - top[..., None]) @ _HERMITE_WEIGHTS)


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


# --- tabulating likelihoods ----------------------------------------------------------------------


def tabulate(
    log_likelihood: Callable[[np.ndarray, np.ndarray], np.ndarray],
    centres: np.ndarray,
    scales: np.ndarray,
    mu_prior: LocationPrior,
    tau_prior: HeterogeneityPrior,
    *,
    power: int,
    folds: np.ndarray | None = None,
    resolution: float = 1.0,
) -> tuple[list[Curve], Pilot]:
    """Return every study's tabulated likelihood, and about where the posterior lies.

    Parameters
    ----------
    log_likelihood : callable
        Of study indices and effects, both flat arrays of one length.
    centres, scales : ndarray, shape (k,)
        About the best effect of each study and its standard error; only to place the grids.
    mu_prior, tau_prior
    power : int
        See `find_pilot`.
    folds : ndarray, shape (k,), optional
        `Curve.fold` of each; 0 for none.
    resolution : float
    """
    folds = np.zeros(len(centres)) if folds is None else folds
    bounded = bool(np.isfinite(mu_prior.upper))
    coarse, values = _coarse(log_likelihood, centres, scales, mu_prior, tau_prior)
    means, variances = _as_normals(coarse, values, scales, mu_prior)
    pilot = find_pilot(means, variances, mu_prior, tau_prior, power)
    low = max(pilot.mu[0] - _REACH * pilot.tau_top, mu_prior.lower)
    high = min(pilot.mu[1] + _REACH * pilot.tau_top, mu_prior.upper)
    grids = []
    for i in range(len(centres)):
        first, last = _natural_range(coarse[i], values[i], low, high)
        step = min(0.3, 0.35 * scales[i]) / resolution
        if folds[i]:
            step = min(0.05, 0.35 * scales[i] / max(abs(centres[i]), scales[i])) / resolution
            first, last = unstretched(np.array([first, last]), folds[i], bounded)
        elif bounded:
            step = 0.35 * scales[i] / resolution
        else:  # a level end is carried on, so that a narrow normal meets no sharp break
            first -= 100 * step * resolution * (values[i][0] > values[i].max() - _NEGLIGIBLE)
            last += 100 * step * resolution * (values[i][-1] > values[i].max() - _NEGLIGIBLE)
        count = max(int(np.ceil((last - first) / step)) + 1, 2 * _DEGREE)
        grids.append((first, (last - first) / (count - 1), count))
    index = np.repeat(np.arange(len(grids)), [count for *_, count in grids])
    u = np.concatenate([first + step * np.arange(count) for first, step, count in grids])
    theta = np.clip(stretched(u, folds[index], bounded), mu_prior.lower, mu_prior.upper)
    logs = np.split(log_likelihood(index, theta), np.cumsum([c for *_, c in grids])[:-1])
    curves = [
        Curve(first, step, log, float(scale), float(fold), bounded)
        for (first, step, _), log, scale, fold in zip(grids, logs, scales, folds, strict=True)
    ]
    return curves, pilot


def _coarse(log_likelihood, centres, scales, mu_prior, tau_prior):
    """Return a sparse wide grid for each study and its log likelihoods, shape (k, 81)."""
    reach = mu_prior.ends[1] - mu_prior.ends[0]
    if tau_prior.family == "half_normal":
        reach += _REACH * 9 * tau_prior.parameters[0]
    elif tau_prior.family == "uniform":
        reach += _REACH * tau_prior.parameters[0]
    else:
        reach = max(reach + 60.0, 400.0)  # likelihoods are level, or nothing, beyond
    offsets = np.sinh(np.linspace(-1, 1, 81) * np.arcsinh(reach / scales)[:, None])
    theta = np.clip(centres[:, None] + scales[:, None] * offsets, mu_prior.lower, mu_prior.upper)
    index = np.repeat(np.arange(len(centres)), theta.shape[1])
    return theta, log_likelihood(index, theta.ravel()).reshape(theta.shape)


def _as_normals(theta, values, scales, mu_prior):
    """Return mean and variance of each likelihood, as what it adds to a wide normal."""
    wide = mu_prior.spread**2 + scales**2
    logs = values - 0.5 * (theta - mu_prior.centre) ** 2 / wide[:, None]
    weight = np.exp(logs - logs.max(axis=1, keepdims=True)) * np.gradient(theta, axis=1)
    weight /= weight.sum(axis=1, keepdims=True)
    mean = (weight * theta).sum(axis=1)
    variance = (weight * (theta - mean[:, None]) ** 2).sum(axis=1)
    precision = np.maximum(1 / variance - 1 / wide, 1e-3 / wide)
    middle = (mean / variance - mu_prior.centre / wide) / precision
    middle = np.clip(middle, mean - 3 * np.sqrt(wide), mean + 3 * np.sqrt(wide))
    return middle, 1 / precision


def _natural_range(theta, values, low: float, high: float) -> tuple[float, float]:
    """Return the ends between which a likelihood is neither level nor of no account."""
    live = values > values.max() - _NEGLIGIBLE
    level = 1e-12 * np.maximum(1.0, np.abs(values))
    from_low = np.flatnonzero(live & (np.abs(values - values[0]) > level))
    from_high = np.flatnonzero(live & (np.abs(values - values[-1]) > level))
    if not len(from_low):  # level throughout
        return 0.0, 1.0
    first = max(theta[max(from_low[0] - 1, 0)], low)
    last = min(theta[min(from_high[-1] + 1, len(theta) - 1)], high)
    if last <= first:  # all that matters lies on one side, where this likelihood is level
        first, last = (theta[0], theta[0] + 1.0) if high <= first else (theta[-1] - 1.0, theta[-1])
    return float(first), float(last)


# --- where the posterior lies: a pilot by normal approximations ----------------------------------


@dataclass(frozen=True)
class Pilot:
    """About where mu and tau lie; used only to place nodes.

    Parameters
    ----------
    unit : float
        A usual size of tau.
    variable : tuple of float
        Ends of the variable of integration of tau.
    mu : tuple of float
        Ends of mu, wide.
    centre, width : float
        Of mu; the width is the least that matters.
    tau_top : float
        The greatest tau that matters.
    """

    unit: float
    variable: tuple[float, float]
    mu: tuple[float, float]
    centre: float
    width: float
    tau_top: float


def find_pilot(
    means: np.ndarray,
    variances: np.ndarray,
    mu_prior: LocationPrior,
    tau_prior: HeterogeneityPrior,
    power: int,
) -> Pilot:
    """Return about where mu and tau lie, taking each likelihood as normal.

    Parameters
    ----------
    means, variances : ndarray, shape (k,)
        Of the likelihoods, as normals.
    power : int
        The likelihood falls at least as ``tau**-power``.
    """
    spread = float(np.sqrt(np.median(variances) + np.var(means))) + 1e-12
    unit = _usual_tau(means, variances, mu_prior, tau_prior, spread)
    one = np.array([unit])
    low, high = (float(end[0]) for end in tau_prior.reach(power, one, np.array([spread])))
    v = np.linspace(low, high, 400)[1:] if low == 0 else np.linspace(low, high, 400)
    tau, log_slope = tau_prior.tau_and_log_slope(v, unit)
    log_posterior, centre, width = _normal_posterior(means, variances, mu_prior, tau)
    log_posterior = log_posterior + tau_prior.log_density(tau) + log_slope
    log_posterior -= log_posterior.max()
    kept = np.flatnonzero(log_posterior > -_DEPTH - 6)
    first, last = max(kept[0] - 2, 0), min(kept[-1] + 2, len(v) - 1)
    weight = np.exp(log_posterior)
    weight /= weight.sum()
    matters = np.flatnonzero(weight > 1e-9)
    low_end, high_end = mu_prior.ends
    ends = (
        max(float((centre - 20 * width)[kept].min()), low_end),
        min(float((centre + 20 * width)[kept].max()), high_end),
    )
    middle = float(np.clip(weight @ centre, *ends))
    return Pilot(
        unit=unit,
        variable=(low if first == 0 else float(v[first]), float(v[last])),
        mu=ends,
        centre=middle,
        width=float(width[matters].min()),
        tau_top=float(tau[last]),
    )


def _usual_tau(means, variances, mu_prior, tau_prior, spread: float) -> float:
    """Return the median of tau over a wide grid of its logarithm."""
    tau = np.exp(np.linspace(np.log(spread) - 14, np.log(spread) + 14, 400))
    top = tau_prior.support[1]
    tau = tau[tau < top] if np.isfinite(top) else tau
    if len(tau) < 2:
        return 0.5 * top
    log_posterior = _normal_posterior(means, variances, mu_prior, tau)[0]
    log_posterior = log_posterior + tau_prior.log_density(tau) + np.log(tau)
    with np.errstate(under="ignore"):
        weight = np.exp(log_posterior - log_posterior.max())
    return float(tau[np.searchsorted(np.cumsum(weight), 0.5 * weight.sum())])


def _normal_posterior(means, variances, mu_prior, tau):
    """Return the log marginal likelihood of tau, and mean and width of mu given it."""
    total = variances + tau[:, None] ** 2
    precision = 1 / mu_prior.spread**2 + (1 / total).sum(axis=1)
    centre = (mu_prior.centre / mu_prior.spread**2 + (means / total).sum(axis=1)) / precision
    misfit = ((means - centre[:, None]) ** 2 / total).sum(axis=1)
    misfit = misfit + ((centre - mu_prior.centre) / mu_prior.spread) ** 2
    return (
        -0.5 * (misfit + np.log(total).sum(axis=1) + np.log(precision)),
        centre,
        1 / np.sqrt(precision),
    )


# --- the posterior -------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class QuadraturePosterior:
    """The joint posterior of mu and tau on a table, and what follows from it.

    Parameters
    ----------
    curves : tuple of Curve
    mu_rule, tau_rule : PanelRule
    centre, width : float
        ``mu = centre + width * sinh(u)``.
    mu, tau : ndarray, shapes (m,) and (r,)
    log_slope_mu, log_slope_tau : ndarray
        Of mu and tau along their variables of integration.
    log_density : ndarray, shape (m, r)
        Joint log density of mu and tau, up to `log_marginal_likelihood`.
    log_integrals : ndarray, shape (k, m, r)
        ``log I_i``; in a truncated model over the mass of the normal that lies inside.
    log_marginal_likelihood : float
    tau_prior : HeterogeneityPrior
    unit : float
    bounds : tuple of float
        Ends of what an effect can be.
    finite_moments : int
        Of tau.
    resolution : float
    """

    curves: tuple[Curve, ...]
    mu_rule: PanelRule
    tau_rule: PanelRule
    centre: float
    width: float
    mu: np.ndarray
    tau: np.ndarray
    log_slope_mu: np.ndarray
    log_slope_tau: np.ndarray
    log_density: np.ndarray
    log_integrals: np.ndarray
    log_marginal_likelihood: float
    tau_prior: HeterogeneityPrior
    unit: float
    bounds: tuple[float, float]
    finite_moments: int
    resolution: float

    @cached_property
    def weights(self) -> np.ndarray:
        """Posterior probability of each node, shape (m, r); they sum to 1."""
        found = np.exp(self.log_density + self.log_slope_mu[:, None] + self.log_slope_tau)
        found *= self.mu_rule.weights[:, None] * self.tau_rule.weights
        return found / found.sum()

    @cached_property
    def effect(self) -> GridDistribution:
        """The posterior of mu."""
        tau_weights = self.tau_rule.weights * np.exp(self.log_slope_tau)
        log_density = _log_matmul(self.log_density, tau_weights)
        u = self.mu_rule.uniform(int(400 * self.resolution))
        values = self.mu_rule.interpolation(u) @ log_density
        return GridDistribution(self.centre + self.width * np.sinh(u), values)

    @cached_property
    def heterogeneity(self) -> TransformedDistribution:
        """The posterior of tau."""
        mu_weights = self.mu_rule.weights * np.exp(self.log_slope_mu)
        log_density = _log_matmul(self.log_density.T, mu_weights)
        v = self.tau_rule.uniform(int(400 * self.resolution))
        values = self.tau_rule.interpolation(v) @ (log_density + self.log_slope_tau)
        base = GridDistribution(v, values, finite_moments=self.finite_moments)
        prior, unit = self.tau_prior, self.unit
        return TransformedDistribution(
            base,
            lambda v: prior.tau_and_log_slope(v, unit)[0],
            lambda tau: prior.integration_variable(tau, unit),
            lambda v: prior.slope_of_tau(v, unit),
        )

    @cached_property
    def prediction(self) -> GridDistribution:
        """The posterior of the effect in a new study."""
        points = self._points()
        density = self._smoothed(np.ones((1, *self.weights.shape)), points)[0]
        return _cut_grid(points, density, self.finite_moments)

    def study_effects(self) -> list[GridDistribution]:
        """Return the posterior of each study's own effect."""
        points = self._points()
        rest = self._smoothed(np.exp(-_floor(self.log_integrals)), points)
        return [
            self._study_effect(curve, points, density)
            for curve, density in zip(self.curves, rest, strict=True)
        ]

    def _study_effect(self, curve: Curve, points: np.ndarray, density: np.ndarray):
        """Return the likelihood of one study times what the others predict for it."""
        from scipy.interpolate import CubicSpline

        kept = density > 1e-250
        spline = CubicSpline(points[kept], np.log(density[kept]))
        low, high = points[kept][[0, -1]]

        def log_density(theta):
            return curve.log_likelihood(theta) + spline(theta)

        theta = np.union1d(points[kept], curve.theta[(curve.theta > low) & (curve.theta < high)])
        values = log_density(theta)
        near = np.flatnonzero(values > values.max() - _DEPTH)
        theta = theta[max(near[0] - 1, 0) : near[-1] + 2]
        core = _core(theta, log_density(theta))
        theta = np.union1d(theta, np.linspace(*core, int(300 * self.resolution)))
        gaps = np.diff(theta, prepend=-np.inf)
        theta = theta[gaps > 1e-6 * np.minimum(core[1] - core[0], np.abs(theta) + 1e-300)]
        exist = self.finite_moments if curve.level_edges else 2
        return GridDistribution(theta, log_density(theta), finite_moments=exist)

    def _points(self) -> np.ndarray:
        """Return a grid for effects of single studies, finest in the middle."""
        reach = _REACH * float(self.tau[self.weights.sum(axis=0) > 1e-16].max())
        low = max(self.mu[0] - reach, self.bounds[0])
        high = min(self.mu[-1] + reach, self.bounds[1])
        ends = np.arcsinh((np.array([low, high]) - self.centre) / self.width)
        count = int(self.resolution * max(400, 60 * (ends[1] - ends[0])))
        points = self.centre + self.width * np.sinh(np.linspace(*ends, count))
        points[[0, -1]] = low, high
        return points

    def _smoothed(self, factors: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return the mixture over mu and tau of normals, each weighted by a factor more.

        Parameters
        ----------
        factors : ndarray, shape (f, m, r)
        points : ndarray, shape (p,)

        Returns
        -------
        ndarray, shape (f, p)
        """
        spacing = np.gradient(self.mu)
        fine_spacing = np.gradient(self._fine_mu)
        total = np.zeros((len(factors), len(points)))
        inside = log_inside(self.mu, self.tau, self.bounds)
        for r in np.flatnonzero(self.weights.sum(axis=0) > 1e-15):
            carries = self.weights[:, r] > 1e-10 * self.weights[:, r].max()
            low, high = self.mu[carries][[0, -1]]
            near = (self._fine_mu >= low) & (self._fine_mu <= high)
            tau = self.tau[r]
            if tau >= 1.3 * spacing[carries].max():
                weighted = factors[:, :, r] * (self.weights[:, r] * np.exp(-inside[:, r]))
                total += _normal_sum(weighted, self.mu, tau, points)
                continue
            with np.errstate(divide="ignore"):
                table = np.log(factors[:, :, r]) + self.log_density[:, r] - inside[:, r]
            table = np.maximum(table, -600.0) + self._log_share[r]
            fine = _product(self._fine_interpolation, table.T).T  # (f, fine)
            if near.any() and tau >= 1.3 * fine_spacing[near].max():
                weighted = np.exp(fine) * self._fine_weights
                total += _normal_sum(weighted, self._fine_mu, tau, points)
            else:
                total += self._narrowly_smoothed(fine, tau, points)
        return total

    def _narrowly_smoothed(self, fine: np.ndarray, tau: float, points: np.ndarray) -> np.ndarray:
        """As `_smoothed` for one tau that is small against the spacing of mu."""
        u = self._fine_u
        shifted = points[:, None] + tau * _HERMITE
        place = (np.arcsinh((shifted - self.centre) / self.width) - u[0]) / (u[1] - u[0])
        outside = (place < 0) | (place > len(u) - 1)
        values = np.exp(local_polynomial(fine.T, place))  # (p, h, f)
        values[outside] = 0.0
        return np.einsum("phf,h->fp", values, _HERMITE_WEIGHTS)

    @cached_property
    def _fine_u(self) -> np.ndarray:
        return np.linspace(self.mu_rule.edges[0], self.mu_rule.edges[-1], 400)

    @cached_property
    def _fine_mu(self) -> np.ndarray:
        return self.centre + self.width * np.sinh(self._fine_u)

    @cached_property
    def _fine_weights(self) -> np.ndarray:
        """Weights of the trapezoid rule over mu; the density vanishes at the ends, or nearly."""
        u = self._fine_u
        weights = self.width * np.cosh(u) * (u[1] - u[0])
        weights[[0, -1]] *= 0.5
        return weights

    @cached_property
    def _log_share(self) -> np.ndarray:
        """What turns `log_density` into a density of mu weighted by each tau."""
        return self.log_slope_tau + np.log(self.tau_rule.weights) - self._log_total

    @cached_property
    def _log_total(self) -> float:
        found = self.log_density + self.log_slope_mu[:, None] + self.log_slope_tau
        found = found + np.log(self.mu_rule.weights[:, None] * self.tau_rule.weights)
        return float(special.logsumexp(found))

    @cached_property
    def _fine_interpolation(self) -> np.ndarray:
        return self.mu_rule.interpolation(self._fine_u)


def _normal_sum(weighted: np.ndarray, mu: np.ndarray, tau: float, points: np.ndarray):
    """Return sums of normal densities around `mu` at `points`, shape (f, p)."""
    kept = (weighted > 1e-16 * weighted.max(axis=1, keepdims=True)).any(axis=0)
    kernel = (points - mu[kept, None]) / tau
    np.multiply(kernel, -0.5 * kernel, out=kernel)
    np.exp(kernel, out=kernel)
    return _product(weighted[:, kept], kernel) / (np.sqrt(2 * np.pi) * tau)


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the matrix product, in pieces too small for more than one thread.

    A product of this size takes a fraction of a millisecond; waking the threads of the linear
    algebra for it, where other processes want the cores, takes many.
    """
    total = np.zeros((len(a), b.shape[1]))
    size = max(250_000 // total.size, 1)
    for first in range(0, len(b), size):
        total += a[:, first : first + size] @ b[first : first + size]
    return total


def log_inside(mu: np.ndarray, tau: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    """Return the log mass of ``Normal(mu, tau)`` that lies between bounds, shape (m, r)."""
    if not np.isfinite(bounds).any():
        return np.zeros((len(mu), len(tau)))
    upper = special.ndtr((bounds[1] - mu[:, None]) / tau)
    lower = special.ndtr((bounds[0] - mu[:, None]) / tau)
    return np.log(np.maximum(upper - lower, 1e-300))


def _core(x: np.ndarray, log_density: np.ndarray) -> tuple[float, float]:
    """Return the ends between which all but about a millionth of a density lies."""
    below = np.cumsum(np.exp(log_density - log_density.max()) * np.gradient(x))
    ends = np.searchsorted(below, np.array([1e-6, 1 - 1e-6]) * below[-1])
    return float(x[max(ends[0] - 1, 0)]), float(x[min(ends[1] + 1, len(x) - 1)])


def _log_matmul(logs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    top = logs.max(axis=1)
    return top + np.log(np.exp(logs - top[:, None]) @ weights)


def _floor(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, -250.0)


def _cut_grid(points: np.ndarray, density: np.ndarray, finite_moments: int) -> GridDistribution:
    kept = np.flatnonzero(density > density.max() * 1e-17)
    inner = slice(kept[0], kept[-1] + 1)
    values = np.log(np.maximum(density[inner], 1e-300))
    return GridDistribution(points[inner], values, finite_moments=finite_moments)


def random_effects(
    curves: list[Curve],
    pilot: Pilot,
    mu_prior: LocationPrior,
    tau_prior: HeterogeneityPrior,
    *,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    power: int,
    resolution: float = 1.0,
    break_at_zero: bool = False,
) -> QuadraturePosterior:
    """Return the posterior of mu and tau.

    Parameters
    ----------
    curves : list of Curve
        One a study, reaching as far as `pilot` says that effects do.
    pilot : Pilot
    mu_prior, tau_prior
    bounds : tuple of float
        Ends of what an effect can be; the normal of the random effects is cut there.
    power : int
        See `find_pilot`.
    resolution : float
        Multiplies every number of nodes.
    break_at_zero : bool
        Whether likelihoods have a corner at no effect.
    """
    curves = tuple(curves)
    ends, variable = _trimmed(curves, pilot, mu_prior, tau_prior, bounds)
    width = 1.5 * pilot.width
    centre = 0.0 if break_at_zero else pilot.centre
    u = np.arcsinh((np.array(ends) - centre) / width)
    edges = [u[0], 0.0, u[1]] if break_at_zero and u[0] < 0 < u[1] else list(u)
    counts = [int(resolution * (24 + 10 * (b - a))) for a, b in zip(edges, edges[1:], strict=False)]
    mu_rule = PanelRule(edges, counts)
    tau_rule = PanelRule(variable, [int(resolution * (36 + 7 * (variable[1] - variable[0])))])
    mu = centre + width * np.sinh(mu_rule.u)
    tau, log_slope_tau = tau_prior.tau_and_log_slope(tau_rule.u, pilot.unit)
    cut = np.isfinite(bounds).any()
    integrals = np.stack([log_marginals(curve, mu, tau) for curve in curves])
    if cut:
        integrals = integrals - log_inside(mu, tau, bounds)
    log_density = integrals.sum(axis=0)
    log_density += mu_prior.log_density(mu)[:, None] + tau_prior.log_density(tau)
    log_slope_mu = np.log(width) + np.log(np.cosh(mu_rule.u))
    mass = log_density + log_slope_mu[:, None] + log_slope_tau
    mass = mass + np.log(mu_rule.weights[:, None] * tau_rule.weights)
    return QuadraturePosterior(
        curves=curves,
        mu_rule=mu_rule,
        tau_rule=tau_rule,
        centre=centre,
        width=width,
        mu=mu,
        tau=tau,
        log_slope_mu=log_slope_mu,
        log_slope_tau=log_slope_tau,
        log_density=log_density - log_density.max(),
        log_integrals=integrals,
        log_marginal_likelihood=float(special.logsumexp(mass)) + sum(c.top for c in curves),
        tau_prior=tau_prior,
        unit=pilot.unit,
        bounds=bounds,
        finite_moments=min(tau_prior.finite_moments(power), 2),
        resolution=resolution,
    )


def _trimmed(curves, pilot, mu_prior, tau_prior, bounds):
    """Return the ends of mu and of tau's variable between which the posterior has its mass."""
    u = np.arcsinh((np.array(pilot.mu) - pilot.centre) / pilot.width)
    mu = pilot.centre + pilot.width * np.sinh(np.linspace(*u, 40))
    mu[[0, -1]] = pilot.mu
    v = np.linspace(*pilot.variable, 8)
    v[0] = v[0] + 1e-3 * (v[1] - v[0])
    tau, log_slope = tau_prior.tau_and_log_slope(v, pilot.unit)
    found = sum(log_marginals(curve, mu, tau) for curve in curves)
    found = found - len(curves) * log_inside(mu, tau, bounds)
    found = found + mu_prior.log_density(mu)[:, None] + tau_prior.log_density(tau) + log_slope
    rows = found.max(axis=1)
    kept = np.flatnonzero(rows > rows.max() - _DEPTH)
    ends = float(mu[max(kept[0] - 1, 0)]), float(mu[min(kept[-1] + 1, len(mu) - 1)])
    columns = found.max(axis=0)
    kept = np.flatnonzero(columns > columns.max() - _DEPTH)
    first, last = max(kept[0] - 1, 0), min(kept[-1] + 1, len(v) - 1)
    low = pilot.variable[0] if first == 0 else float(v[first])
    return ends, (low, float(v[last]))
