"""Where a posterior of mu and tau lies, by normal approximations; tables of likelihoods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from riskmodel.evidence.heterogeneity import HeterogeneityPrior
from riskmodel.evidence.pooling_priors import LocationPrior
from riskmodel.evidence.quadrature_curves import DEGREE, DEPTH, REACH, Curve, stretched, unstretched

_NEGLIGIBLE = 250.0  # a likelihood is tabulated to e**-250 of its greatest


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
    low = max(pilot.mu[0] - REACH * pilot.tau_top, mu_prior.lower)
    high = min(pilot.mu[1] + REACH * pilot.tau_top, mu_prior.upper)
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
        count = max(int(np.ceil((last - first) / step)) + 1, 2 * DEGREE)
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
        reach += REACH * 9 * tau_prior.parameters[0]
    elif tau_prior.family == "uniform":
        reach += REACH * tau_prior.parameters[0]
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
    kept = np.flatnonzero(log_posterior > -DEPTH - 6)
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
