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
from scipy import special

from riskmodel.evidence.distributions import GridDistribution, TransformedDistribution
from riskmodel.evidence.heterogeneity import HeterogeneityPrior, heterogeneity_of
from riskmodel.evidence.pooling_priors import LocationPrior
from riskmodel.evidence.quadrature_curves import (
    DEPTH,
    HERMITE,
    HERMITE_WEIGHTS,
    REACH,
    Curve,
    local_polynomial,
    log_marginals,
)
from riskmodel.evidence.quadrature_pilot import Pilot, tabulate

_NEAR = 14  # points of a local interpolation between Gauss-Legendre nodes


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
        return heterogeneity_of(base, self.tau_prior, self.unit)

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
        near = np.flatnonzero(values > values.max() - DEPTH)
        theta = theta[max(near[0] - 1, 0) : near[-1] + 2]
        core = _core(theta, log_density(theta))
        theta = np.union1d(theta, np.linspace(*core, int(300 * self.resolution)))
        gaps = np.diff(theta, prepend=-np.inf)
        theta = theta[gaps > 1e-6 * np.minimum(core[1] - core[0], np.abs(theta) + 1e-300)]
        exist = self.finite_moments if curve.level_edges else 2
        return GridDistribution(theta, log_density(theta), finite_moments=exist)

    def _points(self) -> np.ndarray:
        """Return a grid for effects of single studies, finest in the middle."""
        reach = REACH * float(self.tau[self.weights.sum(axis=0) > 1e-16].max())
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
        shifted = points[:, None] + tau * HERMITE
        place = (np.arcsinh((shifted - self.centre) / self.width) - u[0]) / (u[1] - u[0])
        outside = (place < 0) | (place > len(u) - 1)
        values = np.exp(local_polynomial(fine.T, place))  # (p, h, f)
        values[outside] = 0.0
        return np.einsum("phf,h->fp", values, HERMITE_WEIGHTS)

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


def posterior_of(
    log_likelihood: Callable[[np.ndarray, np.ndarray], np.ndarray],
    centres: np.ndarray,
    scales: np.ndarray,
    mu_prior: LocationPrior,
    tau_prior: HeterogeneityPrior,
    *,
    power: int,
    folds: np.ndarray | None = None,
    resolution: float = 1.0,
) -> QuadraturePosterior:
    """Return the posterior of mu and tau for any likelihood of a study's effect.

    Parameters
    ----------
    log_likelihood, centres, scales, mu_prior, tau_prior, power, folds, resolution
        As for :func:`riskmodel.evidence.quadrature_pilot.tabulate`.
    """
    curves, pilot = tabulate(
        log_likelihood,
        centres,
        scales,
        mu_prior,
        tau_prior,
        power=power,
        folds=folds,
        resolution=resolution,
    )
    return random_effects(
        curves,
        pilot,
        mu_prior,
        tau_prior,
        bounds=(mu_prior.lower, mu_prior.upper),
        power=power,
        resolution=resolution,
        break_at_zero=folds is not None and bool(np.any(folds)),
    )


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
    kept = np.flatnonzero(rows > rows.max() - DEPTH)
    ends = float(mu[max(kept[0] - 1, 0)]), float(mu[min(kept[-1] + 1, len(mu) - 1)])
    columns = found.max(axis=0)
    kept = np.flatnonzero(columns > columns.max() - DEPTH)
    first, last = max(kept[0] - 1, 0), min(kept[-1] + 1, len(v) - 1)
    low = pilot.variable[0] if first == 0 else float(v[first])
    return ends, (low, float(v[last]))
