"""Time to recovery from printed summaries alone, without a sampler: the same numbers every time.

The likelihood, priors and result are those of :func:`riskmodel.fit_recovery`. A handful of printed
figures and two or three parameters need no chains: points of a low-discrepancy sequence are
weighed by the posterior, twice, and thinned to draws of equal weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from scipy import special

from riskmodel.errors import NOTHING
from riskmodel.evidence.families import refuse
from riskmodel.evidence.recovery_data import make_rows, merge, read_patients
from riskmodel.evidence.recovery_families import require_family
from riskmodel.evidence.recovery_follow_up import follow_up
from riskmodel.evidence.recovery_likelihood import Parameters, log_likelihood, require_cure
from riskmodel.evidence.recovery_priors import RecoveryPriors, recovery_priors
from riskmodel.evidence.recovery_summaries import read_summaries, require_endpoint
from riskmodel.models.recovery_average import from_array
from riskmodel.models.recovery_result import FamilyDraws, Recovery, replaced

FIRST, SECOND, DRAWS, PRIOR_DRAWS = 2**14, 2**15, 4000, 20_000
LEAST_EFFECTIVE = 2000  # of the second round's weights
_BINS = 24  # of each dimension but the last, for the path along which points are thinned
_WIDER = 1.6  # than the first round's spread: the second round's points reach past the posterior


def integrate_recovery(
    summaries: Iterable[Any],
    *,
    family: str = "lognormal",
    cure: str = "none",
    endpoint: str | None = None,
    time_unit: str = "month",
    time_from: str = "the start",
    priors: Mapping[str, Any] | None = None,
) -> Recovery:
    """Return the posterior of a time to recovery from printed summaries, without a seed.

    Parameters
    ----------
    summaries : iterable
        Printed counts, shares, quantiles and ranges; see
        :mod:`riskmodel.evidence.recovery_summaries`.
    family, cure, endpoint, time_unit, time_from, priors
        As of :func:`riskmodel.fit_recovery`; one family.

    Returns
    -------
    Recovery
        ``record["effective_points"]`` is the effective number of weighed points behind the draws.

    Raises
    ------
    ParameterError
        For summaries that cannot be used, or a posterior too narrow for the points.

    Notes
    -----
    Round one weighs points of the prior by the likelihood; round two weighs points of a normal of
    the round's mean and 1.6 times its spread by prior times likelihood over that normal. The
    sequence is Roberts' (additive recurrence by powers of the generalised golden ratio), so that
    the result depends on its input alone.

    Examples
    --------
    >>> from riskmodel.evidence.recovery_summaries import RecoveredCount
    >>> found = integrate_recovery([RecoveredCount(recovered=3, n=42)], cure="mixture",
    ...     endpoint="full_recovery")
    >>> round(1 - found.never_recovered.mean(), 3)  # Beta(1 + 3, 1 + 39): 4 of 44
    0.091
    """
    family, cure = require_family(family), require_cure(cure)
    if endpoint is not None:
        require_endpoint(endpoint)
    told = tuple(read_summaries(summaries, endpoint=endpoint, time_unit=time_unit, cure=cure))
    if not told:
        refuse("summaries", NOTHING, "one printed summary or more", "give a count or a range")
    parts = [(rows, np.ones(len(rows))) for rows in (make_rows(one.entries()) for one in told)]
    rows = merge(parts)
    believed = recovery_priors(family, cure, time_unit, priors)

    def log_posterior(table: np.ndarray) -> np.ndarray:
        parameters = from_array(table, believed, 0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            found = log_likelihood(family, cure, rows, parameters)
            found = found + believed.log_density(parameters)
        return np.where(np.isfinite(found), found, -np.inf)

    table, effective = _weighed(log_posterior, believed)
    if effective < LEAST_EFFECTIVE:
        refuse(
            "summaries",
            f"{effective:.0f} effective points",
            f"at least {LEAST_EFFECTIVE}",
            "so narrow a posterior needs fit_recovery",
        )
    none = np.zeros((DRAWS, 0))
    found = from_array(table, believed, 0)
    posterior = Parameters(
        found.location,
        found.spread,
        found.shape,
        found.log_never,
        found.log_ever,
        none,
        None if found.log_never is None else none,
    )
    prior = believed.draw(PRIOR_DRAWS, np.random.default_rng(0), 0)
    result = Recovery(
        (FamilyDraws(family, cure, 1.0, posterior, prior, believed),),
        endpoint,
        time_unit,
        time_from,
        read_patients(None, None),
        told,
        np.zeros(0),
        np.ones(0),
        record={
            "method": "weighed points of a low-discrepancy sequence",
            "draws": DRAWS,
            "effective_points": round(effective, 1),
            "priors": [believed.statement()],
        },
    )
    if cure == "none":
        return result
    never = result.never_recovered
    return replaced(
        result,
        follow_up=follow_up(result.patients, told, np.zeros(1), float(never.prior_share)),
    )


def _weighed(log_posterior, priors: RecoveryPriors) -> tuple[np.ndarray, float]:
    """Return draws of equal weight, shape (draw, dimension), and their effective number."""
    table, log_proposal = _of_prior(priors)
    mean, root = _moments(table, log_posterior(table) - log_proposal)
    scores = special.ndtri(_sequence(SECOND, len(mean)))
    table = mean + _WIDER * scores @ root.T
    weight = log_posterior(table) + 0.5 * (scores**2).sum(axis=1)
    weight = np.exp(weight - weight.max())
    weight /= weight.sum()
    effective = 1 / float((weight**2).sum())
    # Systematic, along a path through the scores: each stretch of it has its share of the draws,
    # which are then put out of order, as draws are.
    path = _path(scores)
    places = np.searchsorted(np.cumsum(weight[path]), (np.arange(DRAWS) + 0.5) / DRAWS)
    chosen = path[np.minimum(places, SECOND - 1)]
    return table[np.random.default_rng(0).permutation(chosen)], effective


def _path(scores: np.ndarray) -> np.ndarray:
    """Return an order of points in which neighbours are near: to and fro through bins."""
    bins = (special.ndtr(scores) * _BINS).astype(int)
    key = np.zeros(len(scores), dtype=int)
    for column in bins.T[:-1]:
        # Every other bin is walked backwards, so that the path does not jump.
        column = np.where(key % 2 == 0, column, _BINS - 1 - column)
        key = key * _BINS + column
    last = np.where(key % 2 == 0, scores[:, -1], -scores[:, -1])
    return np.lexsort((last, key))


def _of_prior(priors: RecoveryPriors) -> tuple[np.ndarray, np.ndarray]:
    """Return points spread as the prior is, on the sampler's scale, and their log density."""
    normals = [priors.location, priors.log_spread]
    if priors.family == "generalized_gamma":
        normals.append(priors.shape)
    places = _sequence(FIRST, len(normals) + (priors.cure != "none"))
    columns = [m + s * special.ndtri(u) for (m, s), u in zip(normals, places.T, strict=False)]
    if priors.cure != "none":
        never = special.betaincinv(*priors.never, places[:, -1])
        columns.append(special.logit(np.clip(never, 1e-12, 1 - 1e-12)))
    table = np.column_stack(columns)
    return table, priors.log_density(from_array(table, priors, 0))


def _moments(table: np.ndarray, log_weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and Cholesky root of the weighed points."""
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    mean = weight @ table
    centred = table - mean
    covariance = (centred * weight[:, None]).T @ centred
    return mean, np.linalg.cholesky(covariance + 1e-10 * np.eye(len(mean)))


def _sequence(number: int, dimensions: int) -> np.ndarray:
    """Return points that fill the unit cube evenly, shape (number, dimensions)."""
    ratio = 2.0
    for _ in range(64):  # the positive root of x**(d + 1) = x + 1
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    steps = ratio ** -np.arange(1, dimensions + 1)
    places = (0.5 + np.arange(1, number + 1)[:, None] * steps) % 1.0
    return np.clip(places, 1e-12, 1 - 1e-12)
