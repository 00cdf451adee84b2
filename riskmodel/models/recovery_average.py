"""Weights of families by how well they predict, or by their marginal likelihood; never best AIC."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from riskmodel.evidence.recovery_data import Patients, Rows, rows_of_patients
from riskmodel.evidence.recovery_likelihood import (
    Parameters,
    log_likelihood,
    row_log_likelihood,
)
from riskmodel.evidence.recovery_priors import RecoveryPriors

METHODS = ("stacking", "marginal_likelihood")
MAX_PARETO_K = 0.7


# --- leave-one-out, by Pareto-smoothed importance sampling ---------------------------------------


@dataclass(frozen=True)
class LeaveOneOut:
    """Expected log predictive density of each distinct patient, left out.

    Attributes
    ----------
    pointwise : ndarray, shape (patient,)
    pareto_k : ndarray, shape (patient,)
        Above 0.7 the value is unreliable.
    weights : ndarray, shape (patient,)
        How many patients each stands for.
    """

    pointwise: np.ndarray
    pareto_k: np.ndarray
    weights: np.ndarray

    @property
    def elpd(self) -> float:
        """Their weighted sum."""
        return float(self.pointwise @ self.weights)


def patient_log_likelihood(
    family: str, cure: str, patients: Patients, centred: np.ndarray, parameters: Parameters
) -> np.ndarray:
    """Return the log likelihood of each patient at each draw, shape (draw, patient)."""
    rows, who = rows_of_patients(patients, centred)
    each = row_log_likelihood(family, cure, rows, parameters) * rows.weight
    found = np.zeros((len(parameters), len(patients)))
    np.add.at(found.T, who, each.T)
    return found


def leave_one_out(log_likelihoods: np.ndarray, weights: np.ndarray) -> LeaveOneOut:
    """Return the leave-one-out predictive densities of a posterior's draws.

    Parameters
    ----------
    log_likelihoods : ndarray, shape (draw, patient)
    weights : ndarray, shape (patient,)

    References
    ----------
    Vehtari, Gelman and Gabry (2017), Statistics and Computing 27:1413,
    doi:10.1007/s11222-016-9696-4.
    """
    point, shape = [], []
    for column in log_likelihoods.T:
        smooth, k = pareto_smoothed(-column)
        point.append(special.logsumexp(smooth + column))
        shape.append(k)
    return LeaveOneOut(np.array(point), np.array(shape), np.asarray(weights, dtype=float))


def pareto_smoothed(log_ratios: np.ndarray) -> tuple[np.ndarray, float]:
    """Return normalised log importance weights with a smoothed tail, and the tail's shape.

    Parameters
    ----------
    log_ratios : ndarray, shape (draw,)

    Returns
    -------
    (ndarray, float)

    References
    ----------
    Vehtari, Simpson, Gelman, Yao and Gabry (2024), Journal of Machine Learning Research 25(72);
    the tail is fitted after Zhang and Stephens (2009), Technometrics 51:316,
    doi:10.1198/tech.2009.08017.

    Examples
    --------
    >>> weights, k = pareto_smoothed(np.zeros(100))
    >>> float(np.exp(weights).sum().round(12)), k
    (1.0, -inf)
    """
    weights = log_ratios - log_ratios.max()
    number = len(weights)
    size = int(min(0.2 * number, 3 * np.sqrt(number)))
    order = np.argsort(weights)
    tail = order[-size:]
    cut = weights[order[-size - 1]]
    excess = np.exp(weights[tail]) - np.exp(cut)
    k = -np.inf
    if size >= 5 and excess[-1] > 0 and np.ptp(weights[tail]) > 1e-12:
        k, scale = _pareto_fit(excess)
        if np.isfinite(k):
            place = (np.arange(size) + 0.5) / size
            if abs(k) > 1e-12:
                ordered = scale * np.expm1(-k * np.log1p(-place)) / k
            else:
                ordered = -scale * np.log1p(-place)
            weights = weights.copy()
            weights[tail] = np.minimum(np.log(ordered + np.exp(cut)), 0.0)
    return weights - special.logsumexp(weights), float(k)


def _pareto_fit(excess: np.ndarray) -> tuple[float, float]:
    """Return shape and scale of a generalized Pareto distribution, sorted excesses given."""
    number = len(excess)
    points = 30 + int(np.sqrt(number))
    grid = np.arange(1, points + 1) - 0.5
    quarter = excess[int(number / 4 + 0.5) - 1]
    theta = 1 / excess[-1] + (1 - np.sqrt(points / grid)) / (3 * max(quarter, 1e-300))
    k = np.mean(np.log1p(-theta[:, None] * excess), axis=1)
    profile = number * (np.log(-theta / k) - k - 1)
    weight = 1 / np.exp(profile - profile[:, None]).sum(axis=1)
    mean = float(weight @ theta)
    k = float(np.mean(np.log1p(-mean * excess)))
    scale = -k / mean
    return (number * k + 10 * 0.5) / (number + 10), scale  # a weak prior at 1/2


def stacking_weights(pointwise: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
    """Return the weights whose mixture predicts left-out patients best.

    Parameters
    ----------
    pointwise : ndarray, shape (patient, family)
        Leave-one-out log predictive densities.
    counts : ndarray, shape (patient,), optional

    Returns
    -------
    ndarray, shape (family,)
        0 or more, adding to 1.

    References
    ----------
    Yao, Vehtari, Simpson and Gelman (2018), Bayesian Analysis 13:917, doi:10.1214/17-BA1091.

    Examples
    --------
    >>> stacking_weights(np.log([[0.9, 0.1], [0.9, 0.1]])).round(3).tolist()
    [1.0, 0.0]
    """
    counts = np.ones(len(pointwise)) if counts is None else np.asarray(counts, dtype=float)
    density = np.exp(pointwise - pointwise.max(axis=1, keepdims=True))
    weights = np.full(pointwise.shape[1], 1 / pointwise.shape[1])
    for _ in range(20_000):  # expectation-maximisation: the objective is concave
        part = density * weights
        new = counts @ (part / part.sum(axis=1, keepdims=True)) / counts.sum()
        change = np.abs(new - weights).max()
        weights = new
        if change < 1e-10:
            break
    return weights / weights.sum()


# --- marginal likelihood -------------------------------------------------------------------------


def to_array(parameters: Parameters, priors: RecoveryPriors) -> np.ndarray:
    """Return draws on the whole real line, shape (draw, dimension)."""
    columns = [parameters.location, np.log(parameters.spread)]
    if priors.family == "generalized_gamma":
        columns.append(parameters.shape)
    if priors.cure != "none":
        columns.append(parameters.log_never - parameters.log_ever)
    for slopes in (parameters.scale_slopes, parameters.never_slopes):
        if slopes is not None:
            columns.extend(slopes.T)
    return np.column_stack(columns)


def from_array(table: np.ndarray, priors: RecoveryPriors, covariates: int) -> Parameters:
    """Return parameters from :func:`to_array`'s columns."""
    columns = list(table.T)
    location, spread = columns.pop(0), np.exp(columns.pop(0))
    shape = columns.pop(0) if priors.family == "generalized_gamma" else None
    none = np.zeros((len(table), 0))
    if priors.cure == "none":
        slopes = np.column_stack(columns) if columns else none
        return Parameters(location, spread, shape, scale_slopes=slopes)
    logit = columns.pop(0)
    scale = np.column_stack(columns[:covariates]) if covariates else none
    never = np.column_stack(columns[covariates:]) if covariates else none
    return Parameters(
        location, spread, shape, -np.logaddexp(0, -logit), -np.logaddexp(0, logit), scale, never
    )


def marginal_likelihood(
    rows: Rows, priors: RecoveryPriors, posterior: Parameters, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the log marginal likelihood by bridge sampling, and its standard error.

    Parameters
    ----------
    rows : Rows
    priors : RecoveryPriors
    posterior : Parameters
        Draws; half of them make a normal proposal, the other half are bridged to it.
    rng : numpy.random.Generator

    Returns
    -------
    (float, float)
        The error is on the log scale, of independent draws.

    Notes
    -----
    Constants of printed quantiles that are the same for every family are left out.

    References
    ----------
    Meng and Wong (1996), Statistica Sinica 6:831; Gronau et al. (2017), Journal of Mathematical
    Psychology 81:80, doi:10.1016/j.jmp.2017.09.005.
    """
    table = to_array(posterior, priors)
    covariates = rows.patterns.shape[1]
    chosen = rng.permutation(len(table))
    fit, bridge = table[chosen[::2]], table[chosen[1::2]]
    mean, covariance = fit.mean(axis=0), np.cov(fit.T).reshape(table.shape[1], -1)
    root = np.linalg.cholesky(covariance)
    proposal = mean + rng.standard_normal(bridge.shape) @ root.T

    def log_posterior(points):
        parameters = from_array(points, priors, covariates)
        found = log_likelihood(priors.family, priors.cure, rows, parameters)
        found = found + priors.log_density(parameters)
        return np.where(np.isfinite(found), found, -np.inf)

    def log_proposal(points):
        z = np.linalg.solve(root, (points - mean).T)
        return (
            -0.5 * (z**2).sum(axis=0)
            - np.log(np.diag(root)).sum()
            - 0.5 * len(mean) * np.log(2 * np.pi)
        )

    first = log_posterior(bridge) - log_proposal(bridge)
    second = log_posterior(proposal) - log_proposal(proposal)
    n1, n2 = len(first), len(second)
    log_first, log_second = np.log(n1 / (n1 + n2)), np.log(n2 / (n1 + n2))
    found = float(np.median(first))
    for _ in range(1000):
        top = special.logsumexp(
            second - np.logaddexp(log_first + second, log_second + found)
        ) - np.log(n2)
        bottom = special.logsumexp(-np.logaddexp(log_first + first, log_second + found)) - np.log(
            n1
        )
        new = float(top - bottom)
        if abs(new - found) < 1e-10:
            break
        found = new
    up = np.exp(second - np.logaddexp(log_first + second, log_second + found))
    down = np.exp(-np.logaddexp(log_first + first, log_second + found) + found)
    error = np.var(up) / up.mean() ** 2 / n2 + np.var(down) / down.mean() ** 2 / n1
    return found, float(np.sqrt(error))


def weights_of_evidence(log_marginal: np.ndarray) -> np.ndarray:
    """Return posterior probabilities of families that were equally likely before.

    Examples
    --------
    >>> weights_of_evidence(np.log([1.0, 3.0])).round(9).tolist()
    [0.25, 0.75]
    """
    return special.softmax(np.asarray(log_marginal, dtype=float))


def thinned(parameters: Parameters, chains: int, keep: int) -> Parameters:
    """Return `keep` draws of every chain, evenly spaced."""
    length = len(parameters) // chains
    inside = np.unique(np.linspace(0, length - 1, keep).round().astype(int)) if keep else []
    places = np.concatenate([chain * length + np.asarray(inside, int) for chain in range(chains)])
    values = (getattr(parameters, name) for name in Parameters.__dataclass_fields__)
    return Parameters(*(None if value is None else value[places] for value in values))


def shares_of(weights: np.ndarray, total: int) -> np.ndarray:
    """Return whole numbers in proportion to weights that add to a total.

    Examples
    --------
    >>> shares_of(np.array([0.5, 0.3, 0.2]), 7).tolist()
    [4, 2, 1]
    """
    exact = np.asarray(weights) * total
    whole = np.floor(exact).astype(int)
    rest = np.argsort(whole - exact, kind="stable")[: total - whole.sum()]
    whole[rest] += 1
    return whole
