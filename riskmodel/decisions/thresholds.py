"""Thresholds: reading them, and deriving them from the harm side as a distribution."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.absolute_effects import KIND, interval_tails
from riskmodel.decisions.net_benefit import Weighting, weighting
from riskmodel.errors import (
    NOTHING,
    ParameterError,
    Phrase,
    Problem,
    RiskModelWarning,
    did_you_mean,
)
from riskmodel.parameters.schema import Panel

_WHOLE = (0.01, 0.99)


def read_thresholds(
    thresholds: Sequence[float] | float, *, probability: bool = True
) -> tuple[np.ndarray, list[Problem]]:
    """Return thresholds in increasing order, and what is wrong with them.

    Parameters
    ----------
    thresholds : sequence of float
    probability : bool
        Whether they are threshold probabilities, from 0 up to but not including 1.

    Examples
    --------
    >>> read_thresholds([0.2, 0.1])
    (array([0.1, 0.2]), [])
    >>> print(read_thresholds([20])[1][0])
    thresholds: found 20.0; allowed: from 0 up to but not including 1; divide percentages by 100
    """
    try:
        values = np.atleast_1d(np.asarray(thresholds, dtype=float)).ravel()
    except (TypeError, ValueError):
        return np.array([]), [
            _fault(thresholds, "a sequence of numbers", "write for example [0.05, 0.1, 0.2]")
        ]
    if not values.size:
        return values, [_fault(NOTHING, "at least one number", "give the reasonable range")]
    if not np.isfinite(values).all():
        return values, [_fault(Phrase("nan or inf"), "finite numbers", "leave them out")]
    if probability and not ((values >= 0) & (values < 1)).all():
        found = float(values[(values < 0) | (values >= 1)][0])
        return values, [
            _fault(found, "from 0 up to but not including 1", "divide percentages by 100")
        ]
    return np.unique(values), []


def warn_of_whole_range(thresholds: np.ndarray, *, stacklevel: int = 3) -> None:
    """Warn where threshold probabilities cover all that is possible, not what is reasonable."""
    if thresholds.min() <= _WHOLE[0] and thresholds.max() >= _WHOLE[1]:
        warnings.warn(
            f"thresholds: found {thresholds.min():g} to {thresholds.max():g}, the whole range; "
            "allowed, but hardly anybody would act at every one of them; restrict them to the "
            "range that is reasonable for this decision, and declare it",
            RiskModelWarning,
            stacklevel=stacklevel + 1,
        )


def _fault(found: object, allowed: str, remedy: str) -> Problem:
    return Problem(field="thresholds", found=found, allowed=allowed, remedy=remedy)


# --- from the harm side ---------------------------------------------------------------------------


def harm_side(
    bound: Weighting, risk: xr.DataArray, benefit: str | Sequence[str] | None = None
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return net benefit as what is gained and the threshold it has to pass, draw by draw.

    Parameters
    ----------
    bound : Weighting
    risk : xarray.DataArray
        With the dimensions ``option`` and ``outcome``.
    benefit : str or sequence of str, optional
        Outcomes that count as the benefit; None is the panel's reference.

    Returns
    -------
    gained, threshold : xarray.DataArray
        Both in reference outcomes per patient and without ``outcome``. ``threshold`` is the sum
        of weight times absolute change of every other weighed outcome (more of an unwanted one
        is positive), and of what pairs count together; the residual burden is not in it.
        ``gained - threshold`` is the net benefit before that burden.

    Notes
    -----
    The treatment threshold of Vickers, Kattan and Sargent (2007), Trials 8:14,
    doi:10.1186/1745-6215-8-14: the smallest benefit for which the harms are accepted.
    """
    names = _benefit_names(bound, benefit)
    kept = {name: bound.panel.weights[name] for name in names}
    alone = bound.panel.model_copy(update={"weights": kept, "together": []})
    gained = Weighting(bound.problem, alone).net_benefit(risk, burden=0.0)
    return gained, gained - bound.net_benefit(risk, burden=0.0)


def _benefit_names(bound: Weighting, benefit: str | Sequence[str] | None) -> list[str]:
    weighed = [name for name, weight in bound.panel.weights.items() if weight.weight > 0]
    names = (
        [benefit or bound.panel.reference] if not benefit or isinstance(benefit, str) else benefit
    )
    problems = [
        Problem(
            field="benefit",
            found=name,
            allowed=f"an outcome that panel '{bound.panel.id}' weighs",
            remedy=did_you_mean(name, weighed),
        )
        for name in names
        if name not in weighed
    ]
    if problems:
        raise ParameterError(problems)
    return list(names)


def derived_threshold(
    outcomes: xr.Dataset,
    *,
    benefit: str | Sequence[str] | None = None,
    preferences: str | Panel | None = None,
    prob: float = 0.95,
) -> pd.DataFrame:
    """Return the benefit at which treating makes up for its harms: a distribution, not a number.

    Parameters
    ----------
    outcomes : xarray.Dataset
        From :func:`riskmodel.simulate`.
    benefit : str or sequence of str, optional
        Outcomes that count as the benefit; None is the panel's reference.
    preferences : str or Panel, optional
    prob : float
        Of the equal-tailed credible intervals, in (0, 1).

    Returns
    -------
    pandas.DataFrame
        One row a profile and option: ``threshold`` (posterior mean of the sum of weight times
        absolute harm, in reference outcomes per patient) with ``lower`` and ``upper``;
        ``benefit`` (posterior mean) on the same scale; ``prob_benefit_above``, the probability
        that the benefit exceeds the threshold; and the panel's ``residual_burden_lower`` and
        ``residual_burden_upper``, which come on top. Options without a net benefit are left out.

    Raises
    ------
    ParameterError
        If `benefit` names what the panel does not weigh.
    """
    tails = interval_tails(prob)
    bound = weighting(outcomes, preferences)
    gained, threshold = harm_side(bound, outcomes["risk"], benefit)
    residual = bound.panel.residual_burden
    rows = []
    for who in outcomes["profile"].values:
        for option in bound.problem.alternatives:
            place = {"profile": who, "option": option}
            gain, harm = (part.sel(place).values.ravel() for part in (gained, threshold))
            kept = np.isfinite(gain) & np.isfinite(harm)
            if not kept.any():
                continue
            lower, upper = np.quantile(harm[kept], tails)
            rows.append(
                {
                    **place,
                    "threshold": harm[kept].mean(),
                    "lower": lower,
                    "upper": upper,
                    "benefit": gain[kept].mean(),
                    "prob_benefit_above": (gain[kept] > harm[kept]).mean(),
                    "residual_burden_lower": np.nan if residual is None else residual.lower,
                    "residual_burden_upper": np.nan if residual is None else residual.upper,
                    "prob": prob,
                    "kind": KIND,
                }
            )
    return pd.DataFrame(rows)
