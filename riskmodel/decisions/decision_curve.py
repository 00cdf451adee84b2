"""Decision curves: whom to treat, from modelled benefit over a case mix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.absolute_effects import KIND, interval_tails, quantiles
from riskmodel.decisions.net_benefit import Weighting, weighting
from riskmodel.decisions.thresholds import harm_side
from riskmodel.errors import NOTHING, ParameterError, Problem, did_you_mean
from riskmodel.parameters.schema import Panel

TREAT_NONE, TREAT_ALL, BY_MODEL = "treat none", "treat all", "treat by modelled benefit"

Harms = Literal["explicit", "derived", "in_threshold"]
_GRID = 101


def treatment_decision_curve(
    outcomes: xr.Dataset,
    thresholds: Sequence[float] | None = None,
    *,
    preferences: str | Panel | None = None,
    harms: Harms = "explicit",
    benefit: str | Sequence[str] | None = None,
    prob: float = 0.95,
) -> pd.DataFrame:
    """Return the model-expected net benefit of strategies, against the treatment threshold.

    Parameters
    ----------
    outcomes : xarray.Dataset
        From :func:`riskmodel.simulate`. Its declared case mix is used; without one, its
        profiles, each counting the same.
    thresholds : sequence of float, optional
        Net benefit below which treating is not worth its residual burden, in reference outcomes
        per patient; harms that the model counts are not in it. None is 101 values over the
        panel's ``residual_burden``. With ``harms="in_threshold"``: the smallest benefit for which
        treatment is accepted, all its harms included; None is then 101 values over the interval
        of the threshold that the harm side implies.
    preferences : str or Panel, optional
    harms : {"explicit", "derived", "in_threshold"}
        Where harms count. Explicit: in the net benefit. Derived: there too, and the whole
        treatment threshold (weights times absolute harm, a distribution, plus the residual
        burden) stands beside. In the threshold: net benefit is the benefit alone.
    benefit : str or sequence of str, optional
        Outcomes that count as the benefit, for the last two; None is the panel's reference.
    prob : float

    Returns
    -------
    pandas.DataFrame
        One row an option, strategy and threshold: ``strategy``, ``threshold``, ``net_benefit``
        (posterior mean), ``lower``, ``upper``, ``share_treated``, ``prob``, ``kind``. With
        ``harms="derived"`` also ``derived_threshold`` (posterior mean over the case mix, the
        row's residual burden included) with ``derived_lower`` and ``derived_upper``. With
        ``harms="in_threshold"`` also ``prob_threshold_below``: the probability, over draws and
        the case mix, that the threshold which the harm side implies is at or below the row's.

    Raises
    ------
    ParameterError
        If no thresholds are given and the panel declares none; if `harms` or `benefit` is
        unknown.

    Notes
    -----
    ``E[mean over x of s(x) * (NB(x) - T)]`` (Vickers, Kattan and Sargent 2007, Trials 8:14,
    doi:10.1186/1745-6215-8-14). The strategy "treat by modelled benefit" treats
    where the *posterior mean* of NB(x) exceeds T: an allocation one could act on, never one that
    knows the draw. Without patients' own outcomes the curve is optimistic by construction.
    """
    bound = weighting(outcomes, preferences)
    _require_known(harms)
    residual = harms != "in_threshold"
    if thresholds is not None or residual:
        given = _thresholds(bound.panel) if thresholds is None else np.asarray(thresholds, float)
    risk, weights, values = _cases(outcomes)
    tails = interval_tails(prob)
    rows = []
    for option in bound.problem.alternatives:
        gained, harm = _sides(bound, risk, option, harms, benefit)
        applies = np.isfinite(gained).any(axis=0)
        kept = np.isfinite(gained[:, applies]).all(axis=1)  # draws set aside anywhere
        gained, harm = gained[kept][:, applies], harm[kept][:, applies]
        share = weights[applies] / weights[applies].sum()
        grid = given if thresholds is not None or residual else _implied(harm, share, bound, tails)
        for strategy, treated in _strategies(bound, gained, values[applies], grid).items():
            allocation = treated * share  # (threshold, case)
            draws = gained @ allocation.T - grid * allocation.sum(axis=1)
            lower, upper = quantiles(draws, tails, sample_dims=1)
            table = {
                "option": option,
                "strategy": strategy,
                "threshold": grid,
                "net_benefit": draws.mean(axis=0),
                "lower": lower,
                "upper": upper,
                "share_treated": allocation.sum(axis=1),
                "prob": prob,
                "kind": KIND,
            }
            if harms != "explicit":
                table |= _harm_columns(harm, share, grid, tails, harms)
            rows.append(pd.DataFrame(table))
    return pd.concat(rows, ignore_index=True)


def _require_known(harms: str) -> None:
    known = ("explicit", "derived", "in_threshold")
    if harms not in known:
        raise ParameterError(
            [
                Problem(
                    field="harms",
                    found=harms,
                    allowed=" or ".join(known),
                    remedy=did_you_mean(harms, known),
                )
            ]
        )


def _sides(
    bound: Weighting, risk: xr.DataArray, option: str, harms: Harms, benefit
) -> tuple[np.ndarray, np.ndarray]:
    """Return what net benefit counts, and the threshold the harm side implies: (sample, case)."""
    if harms == "explicit":
        value = _benefit(bound, risk, option)
        return value, np.zeros_like(value)
    gained, harm = harm_side(bound, risk, benefit)
    counted = gained if harms == "in_threshold" else gained - harm
    both = (counted + 0 * harm, harm + 0 * counted)  # unknown together
    return tuple(_flat(part.sel(option=option), risk) for part in both)


def _implied(
    harm: np.ndarray, share: np.ndarray, bound: Weighting, tails: tuple[float, float]
) -> np.ndarray:
    """Return a grid over the interval of the implied threshold, with the residual burden's own."""
    declared = bound.panel.residual_burden
    extra = (0.0, 0.0) if declared is None else (declared.lower, declared.upper)
    order = np.argsort(harm, axis=None, kind="stable")
    mass = np.cumsum(np.broadcast_to(share, harm.shape).ravel()[order])
    places = np.searchsorted(mass, np.asarray(tails) * mass[-1])
    low, high = harm.ravel()[order][np.minimum(places, mass.size - 1)]
    return np.linspace(low + extra[0], high + extra[1], _GRID)


def _harm_columns(
    harm: np.ndarray,
    share: np.ndarray,
    grid: np.ndarray,
    tails: tuple[float, float],
    harms: Harms,
) -> dict:
    if harms == "in_threshold":
        below = [((harm <= threshold) @ share).mean() for threshold in grid]
        return {"prob_threshold_below": below}
    mean = harm @ share
    lower, upper = np.quantile(mean, tails)
    return {
        "derived_threshold": mean.mean() + grid,
        "derived_lower": lower + grid,
        "derived_upper": upper + grid,
    }


def _cases(outcomes: xr.Dataset) -> tuple[xr.DataArray, np.ndarray, np.ndarray]:
    if "case_risk" in outcomes:
        return outcomes["case_risk"], outcomes["case_weight"].values, outcomes["case_value"].values
    size = outcomes.sizes["profile"]
    risk = outcomes["risk"].rename(profile="case")
    return risk, np.full(size, 1 / size), np.full(size, np.nan)


def _benefit(bound: Weighting, risk: xr.DataArray, option: str) -> np.ndarray:
    """Return net benefit (sample, case); the residual burden is the threshold, not counted here."""
    value = bound.net_benefit(risk, burden=0.0).sel(option=option)
    return _flat(value, risk)


def _flat(value: xr.DataArray, risk: xr.DataArray) -> np.ndarray:
    return value.transpose("chain", "draw", "case").values.reshape(-1, risk.sizes["case"])


def _strategies(
    bound: Weighting, benefit: np.ndarray, values: np.ndarray, thresholds: np.ndarray
) -> dict[str, np.ndarray]:
    """Return which cases each strategy treats, shape (threshold, case)."""
    size = (thresholds.size, values.size)
    strategies = {TREAT_NONE: np.zeros(size), TREAT_ALL: np.ones(size)}
    mix = bound.problem.case_mix
    if mix is not None and np.isfinite(values).all():
        covariate = bound.problem.covariates[mix.covariate]
        for band in covariate.bands:
            if band.above is not None:
                name = f"treat above {band.above:g} {covariate.unit}"
                strategies[name] = np.broadcast_to((values > band.above).astype(float), size)
    worthwhile = benefit.mean(axis=0) > thresholds[:, None]
    strategies[BY_MODEL] = worthwhile.astype(float)
    return strategies


def _thresholds(panel: Panel) -> np.ndarray:
    declared = panel.residual_burden
    if declared is None:
        raise ParameterError(
            [
                Problem(
                    field="thresholds",
                    found=NOTHING,
                    allowed="a range of treatment thresholds",
                    remedy=f"pass thresholds, or declare `residual_burden:` in panel '{panel.id}'",
                )
            ]
        )
    return np.linspace(declared.lower, declared.upper, _GRID)
