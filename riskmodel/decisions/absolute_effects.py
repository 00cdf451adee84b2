"""Risks and risk differences of patients and bands, with intervals and numbers needed to treat."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.errors import ParameterError, Problem
from riskmodel.evidence.measures import format_nnt
from riskmodel.models.convergence import (
    monte_carlo_standard_error,
    monte_carlo_standard_error_quantile,
)
from riskmodel.parameters.schema import DecisionProblem
from riskmodel.simulation.outcomes import loaded_problem

KIND = "equal-tailed"


def absolute_effects(outcomes: xr.Dataset, *, prob: float = 0.95) -> pd.DataFrame:
    """Return risks and risk differences of every profile, option and outcome.

    Parameters
    ----------
    outcomes : xarray.Dataset
        From :func:`riskmodel.simulate`.
    prob : float
        Of the equal-tailed credible intervals, in (0, 1).

    Returns
    -------
    pandas.DataFrame
        One row a profile, option (but the comparator) and outcome: ``baseline_risk``, ``risk``,
        ``risk_difference`` (option minus comparator; negative is fewer events) with ``lower``
        and ``upper``, the same ``per_1000``, ``prob_benefit``, ``number_needed_to_treat`` in
        words (Altman 1998, from the median difference; both are left out for an outcome that is
        only a diagnostic impact), and ``monte_carlo_standard_error`` of
        the median difference. Points are posterior medians. Rows of an option that does not apply
        to a patient, and of what the sources allow no contrast of, are left out; continuous
        outcomes have a table of their own, :func:`mean_differences`.

    Raises
    ------
    ParameterError
        If `prob` is not in (0, 1).
    """
    return _effects_table(
        outcomes["risk"],
        "profile",
        loaded_problem(outcomes).problem,
        outcomes.attrs["horizon"],
        prob,
    )


def mean_differences(outcomes: xr.Dataset, *, prob: float = 0.95) -> pd.DataFrame:
    """Return means and mean differences of every continuous outcome.

    Parameters
    ----------
    outcomes : xarray.Dataset
        From :func:`riskmodel.simulate`.
    prob : float
        Of the equal-tailed credible intervals, in (0, 1).

    Returns
    -------
    pandas.DataFrame
        One row a profile, option (but the comparator) and continuous outcome: ``mean_difference``
        (option minus comparator) with ``lower`` and ``upper``, in ``unit``; ``prob_benefit``; and
        ``monte_carlo_standard_error`` of the median difference. Points are posterior medians.

    Raises
    ------
    ParameterError
        If `prob` is not in (0, 1).
    """
    tails = interval_tails(prob)
    problem = loaded_problem(outcomes).problem
    comparator = outcomes["risk"].sel(option=problem.comparator)
    rows = []
    for name, outcome in problem.outcomes.items():
        if outcome.type != "continuous":
            continue
        for who, option in itertools.product(outcomes["profile"].values, problem.alternatives):
            place = {"profile": who, "outcome": name}
            difference = (outcomes["risk"].sel(option=option) - comparator).sel(place).values
            if not np.isfinite(difference).any():
                continue
            lower, middle, upper = np.nanquantile(difference, [tails[0], 0.5, tails[1]])
            better = difference < 0 if outcome.unwanted else difference > 0
            rows.append(
                {
                    "profile": who,
                    "option": option,
                    "outcome": name,
                    "horizon": outcomes.attrs["horizon"],
                    "mean_difference": middle,
                    "lower": lower,
                    "upper": upper,
                    "unit": outcome.unit,
                    "prob_benefit": better.sum() / np.isfinite(difference).sum(),
                    "prob": prob,
                    "kind": KIND,
                    "monte_carlo_standard_error": float(standard_error(difference, of_median=True)),
                }
            )
    return pd.DataFrame(rows)


def not_estimable(problem: DecisionProblem) -> pd.DataFrame:
    """Return what the sources allow no contrast of, and why: one row an option and outcome."""
    rows = []
    for name, outcome in problem.outcomes.items():
        for option, effect in outcome.effects.items():
            because = effect.not_estimable
            if because is None and outcome.baseline.not_estimable and effect.scale != "own_risk":
                because = outcome.baseline.not_estimable
            if because:
                rows.append(
                    {"option": option, "outcome": name, "because": " ".join(because.split())}
                )
    return pd.DataFrame(rows)


def band_effects(outcomes: xr.Dataset, *, prob: float = 0.95) -> pd.DataFrame:
    """Return :func:`absolute_effects` averaged over the declared case mix within each band."""
    return _effects_table(
        outcomes["band_risk"],
        "band",
        loaded_problem(outcomes).problem,
        outcomes.attrs["horizon"],
        prob,
    )


def effects_along(outcomes: xr.Dataset, covariate: str, *, prob: float = 0.95) -> pd.DataFrame:
    """Return :func:`absolute_effects` of a grid of profiles, with the covariate as a column.

    For curves: without Monte Carlo standard errors, which take longer than all the rest.
    """
    problem = loaded_problem(outcomes).problem
    table = _effects_table(
        outcomes["risk"], "profile", problem, outcomes.attrs["horizon"], prob, with_error=False
    )
    values = outcomes[covariate].to_series()
    return table.assign(**{covariate: table["profile"].map(values)})


def _effects_table(
    risk: xr.DataArray,
    by: str,
    problem: DecisionProblem,
    horizon: str,
    prob: float,
    *,
    with_error: bool = True,
) -> pd.DataFrame:
    tails = interval_tails(prob)
    options = [str(option) for option in risk["option"].values]
    values = risk.transpose("chain", "draw", by, "option", "outcome").values
    base = values[:, :, :, options.index(problem.comparator)]
    tables = []
    for option in problem.alternatives:
        treated = values[:, :, :, options.index(option)]
        for k, (name, outcome) in enumerate(problem.outcomes.items()):
            if outcome.type != "event":
                continue
            applies = np.isfinite(treated[..., k] - base[..., k]).any(axis=(0, 1))
            if not applies.any():
                continue
            before, after = base[..., applies, k], treated[..., applies, k]
            difference = after - before
            lower, middle, upper = quantiles(difference, [tails[0], 0.5, tails[1]])
            better = difference < 0 if outcome.unwanted else difference > 0
            table = {
                by: risk[by].values[applies],
                "option": option,
                "outcome": name,
                "horizon": horizon,
                "baseline_risk": quantiles(before, [0.5])[0],
                "risk": quantiles(after, [0.5])[0],
                "risk_difference": middle,
                "lower": lower,
                "upper": upper,
                "per_1000": 1000 * middle,
                "per_1000_lower": 1000 * lower,
                "per_1000_upper": 1000 * upper,
                "prob_benefit": better.sum(axis=(0, 1)) / np.isfinite(difference).sum(axis=(0, 1)),
                "number_needed_to_treat": format_nnt(
                    middle, lower, upper, wanted=not outcome.unwanted
                ),
                "prob": prob,
                "kind": KIND,
            }
            if outcome.diagnostic_impact:  # neither better nor worse for the patient
                table |= {"prob_benefit": np.nan, "number_needed_to_treat": ""}
            if with_error:
                table["monte_carlo_standard_error"] = standard_error(difference, of_median=True)
            tables.append(pd.DataFrame(table))
    if not tables:
        return pd.DataFrame()
    table = pd.concat(tables, ignore_index=True)
    order = {str(name): place for place, name in enumerate(risk[by].values)}
    return table.sort_values(by, key=lambda names: names.map(order), kind="stable").reset_index(
        drop=True
    )


def quantiles(draws: np.ndarray, probs, *, sample_dims: int = 2) -> np.ndarray:
    """Return quantiles over the leading sample dimensions, shape (prob, ...).

    Draws set aside are left out.
    """
    shape = draws.shape[sample_dims:]
    size = int(np.prod(draws.shape[:sample_dims]))
    flat = np.ascontiguousarray(draws.reshape(size, -1).T)  # a quantity's draws side by side
    quantile = np.quantile if np.isfinite(flat).all() else np.nanquantile
    return quantile(flat, probs, axis=-1).reshape(-1, *shape)


def standard_error(draws: np.ndarray, *, of_median: bool = False) -> np.ndarray:
    """Return Monte Carlo standard errors of means, or medians, over (chain, draw).

    Draws set aside are filled by the mean; a constant has no error.
    """
    filled = np.where(np.isfinite(draws), draws, np.nanmean(draws, axis=(0, 1)))
    varies = np.ptp(filled, axis=(0, 1)) > 0
    if of_median:
        error = monte_carlo_standard_error_quantile(filled, 0.5)
    else:
        error = monte_carlo_standard_error(filled)
    return np.where(varies, error, 0.0)


def interval_tails(prob: float) -> tuple[float, float]:
    """Return the two tail probabilities of an equal-tailed interval."""
    if not 0 < prob < 1:
        raise ParameterError(
            [
                Problem(
                    field="prob",
                    found=prob,
                    allowed="values strictly between 0 and 1",
                    remedy="divide percentages by 100",
                )
            ]
        )
    return (1 - prob) / 2, (1 + prob) / 2
