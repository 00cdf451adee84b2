"""What other powers of a prior or a source's likelihood would say, from the same draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from riskmodel.decisions.flip_distance import to_scale
from riskmodel.decisions.information import refuse
from riskmodel.decisions.tornado import gains
from riskmodel.errors import NOTHING, ConvergenceError, ParameterError, Phrase
from riskmodel.evidence.priors import SCORES, LinePrior, Prior, modelling_scale

ALPHAS = (0.8, 0.9, 1 / 0.9, 1.25)
GOOD_K = 0.7
UNRELIABLE = "k above 0.7: not reliable; fit again with this power: give `refit`"
Refit = Callable[[str, float], Any]


def pareto_smoothed(log_weights: Sequence[float]) -> tuple[np.ndarray, float]:
    """Return importance weights that sum to one, their tail smoothed, and Pareto's k.

    Parameters
    ----------
    log_weights : sequence of float, shape (draw,)
        Up to a constant.

    Returns
    -------
    weights : ndarray, shape (draw,)
    k : float
        Shape of the tail; above 0.7 the weights cannot be relied on. Minus infinite for equal
        weights; nan where the draws are too few (below 25) for a tail.

    Notes
    -----
    The largest ``min(S / 5, 3 sqrt(S))`` weights are replaced by quantiles of a generalised
    Pareto distribution fitted to them, none above the largest; the fit is Zhang and Stephens's,
    with the weak prior of k at 0.5 that ten more draws would be.

    References
    ----------
    Vehtari, Simpson, Gelman, Yao and Gabry (2024), JMLR 25(72):1; Zhang and Stephens (2009),
    Technometrics 51:316, doi:10.1198/tech.2009.08017.

    Examples
    --------
    >>> weights, k = pareto_smoothed(np.zeros(1000))
    >>> float(weights[0].round(6)), k
    (0.001, -inf)
    """
    logs = np.asarray(log_weights, dtype=float)
    if logs.ndim != 1 or not np.isfinite(logs).all():
        refuse(
            "log_weights",
            Phrase(f"shape {logs.shape}, or values that are not finite"),
            "one finite number a draw",
            "leave out draws without a density",
        )
    weights = np.exp(logs - logs.max())
    if np.ptp(logs) < 1e-12:
        return weights / weights.sum(), -np.inf
    tail = int(np.ceil(min(logs.size / 5, 3 * np.sqrt(logs.size))))
    if tail < 5:
        return weights / weights.sum(), np.nan
    order = np.argsort(weights, kind="stable")
    cut = weights[order[-tail - 1]]
    over = weights[order[-tail:]] - cut
    if over[0] < 0 or over[-1] <= 1e-12:
        return weights / weights.sum(), -np.inf
    k, sigma = _generalised_pareto(np.maximum(over, 1e-300))
    probability = (np.arange(tail) + 0.5) / tail
    if abs(k) < 1e-12:
        quantile = -sigma * np.log1p(-probability)
    else:
        quantile = sigma / k * np.expm1(-k * np.log1p(-probability))
    weights[order[-tail:]] = np.minimum(cut + quantile, 1.0)  # the largest weight is 1
    return weights / weights.sum(), float(k)


def _generalised_pareto(x: np.ndarray) -> tuple[float, float]:
    """Return shape and scale of exceedances in increasing order."""
    n = x.size
    grid = 30 + int(np.sqrt(n))
    theta = 1 / x[-1] + (1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / (
        3 * x[int(n / 4 + 0.5) - 1]
    )
    shape = np.log1p(-theta[:, None] * x).mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        profile = n * (np.log(-theta / shape) - shape - 1)
    profile = np.where(np.isfinite(profile), profile, -np.inf)
    weight = np.exp(profile - profile.max())
    best = np.sum(theta * weight) / weight.sum()
    k = np.log1p(-best * x).mean()
    sigma = -k / best
    return (n * k + 5) / (n + 10), sigma


def power_scaling(
    net_benefit: Any,
    log_density: Mapping[str, Sequence[float]],
    *,
    alphas: Sequence[float] = ALPHAS,
    comparator: str | None = None,
    refit: Refit | None = None,
) -> pd.DataFrame:
    """Return net benefit if a prior or a likelihood counted with another power.

    Parameters
    ----------
    net_benefit : DataFrame, DataArray, Dataset or array
        Draws by option.
    log_density : mapping of str to array_like, shape (draw,)
        Log density of each component (a prior, or a source's likelihood) at the draws.
    alphas : sequence of float
        Powers, above 0; 1 is as it is.
    comparator : str, optional
        None is the option whose net benefit is 0 in every draw, or else the first.
    refit : callable, optional
        ``refit(component, alpha)`` returns draws of net benefit under the power, like
        `net_benefit`: called only where k is above 0.7. A run's is made by
        :func:`riskmodel.decisions.refit_power.refitter`.

    Returns
    -------
    pandas.DataFrame
        One row a group, option, component and power: ``component``, ``alpha``, ``net_benefit``
        (reweighted mean), ``prob_positive``, ``net_benefit_as_run``, ``flips``, ``pareto_k``,
        ``effective_draws`` (one over the sum of squared weights), ``method`` (``reweighted`` or
        ``refit``) and ``note``, which offers a refit where k is above 0.7.

    Raises
    ------
    ParameterError
        If a density does not fit the draws, or a power is not above 0.

    Notes
    -----
    Weights ``density ** (alpha - 1)``, Pareto-smoothed, on the draws as they are (Kallioinen et
    al. 2024). A density is relative to the scale it is written on: use the modelling scale.

    References
    ----------
    Kallioinen, Paananen, Buerkner and Vehtari (2024), Stat Comput 34:57,
    doi:10.1007/s11222-023-10366-5.

    Examples
    --------
    >>> x = np.random.default_rng(6).normal(0.1, 1, 20_000)
    >>> table = power_scaling(x, {"x": -((x - 0.1) ** 2) / 2}, alphas=[0.8])
    >>> table[["component", "flips", "method"]].values.tolist()
    [['x', False, 'reweighted']]
    """
    alphas = [float(alpha) for alpha in alphas]
    if not alphas or min(alphas) <= 0:
        refuse("alphas", alphas or NOTHING, "powers above 0", "0.8 and 1.25 are the usual two")
    groups = list(gains(net_benefit, comparator))
    rows = []
    for component, density in log_density.items():
        density = np.asarray(density, dtype=float).ravel()
        if not np.isfinite(density).any():
            refuse(
                f"log_density.{component}",
                Phrase("no finite value"),
                "a finite log density at the draws",
                "look at the draws at which it is not finite",
            )
        for alpha in alphas:
            again: dict | None = None
            for labels, draws in groups:
                if density.shape != draws.shape:
                    refuse(
                        f"log_density.{component}",
                        Phrase(f"{density.size} values"),
                        f"{draws.size}, one a draw of net benefit",
                        "give the density at the same draws, in the same order",
                    )
                row = _reweighted(draws, density, alpha)
                if row["pareto_k"] > GOOD_K and refit is not None:
                    if again is None:
                        again, stopped = _refitted(refit, component, alpha, comparator)
                    row["note"] = stopped or row["note"]
                    row |= again.get(tuple(labels.values()), {})
                    row["flips"] = row["net_benefit"] * row["net_benefit_as_run"] < 0
                rows.append({**labels, "component": component, "alpha": alpha, **row})
    return pd.DataFrame(rows)


def _reweighted(draws: np.ndarray, density: np.ndarray, alpha: float) -> dict:
    kept = np.isfinite(draws) & np.isfinite(density)
    value = draws[kept]
    weights, k = pareto_smoothed((alpha - 1) * density[kept])
    mean, before = float(weights @ value), float(draws[np.isfinite(draws)].mean())
    note = ""
    if k > GOOD_K:
        note = UNRELIABLE
    elif np.isnan(k):
        note = "too few draws to judge the weights"
    return {
        "net_benefit": mean,
        "prob_positive": float(weights @ (value > 0)),
        "net_benefit_as_run": before,
        "flips": mean * before < 0,
        "pareto_k": k,
        "effective_draws": float(1 / np.sum(weights**2)),
        "method": "reweighted",
        "note": note,
    }


def _refitted(refit: Refit, component: str, alpha: float, comparator: str | None):
    """Return figures by group of the fitted draws, and why there are none."""
    try:
        net_benefit = refit(component, alpha)
    except (ParameterError, ConvergenceError) as error:
        return {}, f"k above 0.7: not reliable; the refit stopped: {error}"
    found = {}
    for labels, draws in gains(net_benefit, comparator):
        kept = draws[np.isfinite(draws)]
        found[tuple(labels.values())] = {
            "net_benefit": float(kept.mean()),
            "prob_positive": float((kept > 0).mean()),
            "effective_draws": float(kept.size),
            "method": "refit",
            "note": "k above 0.7; refitted",
        }
    return found, ""


# --- densities of a run's priors ----------------------------------------------------------------


def log_prior_density(prior: Prior | LinePrior, draws: np.ndarray) -> dict[str, np.ndarray]:
    """Return the log density of a prior at its draws, on the modelling scale, up to a constant.

    Parameters
    ----------
    prior : Prior or LinePrior
    draws : ndarray, shape (draw,) or (draw, 2)
        In the unit of the measure; intercept and slope of a line.

    Returns
    -------
    dict of str to ndarray
        By the prior's name. A line has two: its name for the stated risks, and its name with
        ``(before the risks)`` for what intercept and slope are given before.

    Notes
    -----
    On the log odds a Beta's power multiplies both shapes: its weight in patients. A prior kept
    as quantiles has the density of the line between them, smoothed over neighbouring knots.

    Examples
    --------
    >>> prior = Prior("rr", "relative_risk", "lognormal", 0.0, 0.5, "data", (), "")
    >>> log_prior_density(prior, np.exp([0.5, 1.0]))["rr"].round(3).tolist()
    [-0.5, -2.0]
    """
    draws = np.asarray(draws, dtype=float)
    if isinstance(prior, LinePrior):
        return _line_density(prior, draws)
    if prior.family == "beta":
        return {prior.id: prior.first * np.log(draws) + prior.second * np.log1p(-draws)}
    value = to_scale(draws, "plain" if prior.family == "normal" else modelling_scale(prior.measure))
    if prior.family in ("normal", "lognormal"):
        return {prior.id: -(((value - prior.first) / prior.second) ** 2) / 2}
    knots = np.asarray(prior.knots)
    log_slope = np.log(np.maximum(np.gradient(knots, SCORES), 1e-300))
    score = np.interp(value, knots, SCORES)
    return {prior.id: -(score**2) / 2 - np.interp(value, knots, log_slope)}


def _line_density(prior: LinePrior, draws: np.ndarray) -> dict[str, np.ndarray]:
    intercept, slope = draws[:, 0], draws[:, 1]
    eta = intercept[:, None] + slope[:, None] * np.asarray(prior.positions)
    risks = np.asarray(prior.risks)
    seen = -np.logaddexp(0, -eta) @ risks - np.logaddexp(0, eta) @ (1 - risks)
    (a, sa), (b, sb) = prior.intercept, prior.slope
    before = -(((intercept - a) / sa) ** 2 + ((slope - b) / sb) ** 2) / 2
    return {
        prior.id: prior.effective_sample_size * seen,
        f"{prior.id} (before the risks)": before,
    }
