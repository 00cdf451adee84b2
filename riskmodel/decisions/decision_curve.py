"""Decision curves: whom to treat, from modelled benefit over a case mix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.absolute_effects import KIND, interval_tails, quantiles
from riskmodel.decisions.net_benefit import Weighting, weighting
from riskmodel.errors import NOTHING, ParameterError, Problem
from riskmodel.parameters.schema import Panel

TREAT_NONE, TREAT_ALL, BY_MODEL = "treat none", "treat all", "treat by modelled benefit"


def treatment_decision_curve(
    outcomes: xr.Dataset,
    thresholds: Sequence[float] | None = None,
    *,
    preferences: str | Panel | None = None,
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
        panel's ``residual_burden``.
    preferences : str or Panel, optional
    prob : float

    Returns
    -------
    pandas.DataFrame
        One row an option, strategy and threshold: ``strategy``, ``threshold``, ``net_benefit``
        (posterior mean), ``lower``, ``upper``, ``share_treated``, ``prob``, ``kind``.

    Raises
    ------
    ParameterError
        If no thresholds are given and the panel declares none.

    Notes
    -----
    ``E[mean over x of s(x) * (NB(x) - T)]`` (Vickers, Kattan and Sargent 2007, Trials 8:14,
    doi:10.1186/1745-6215-8-14). The strategy "treat by modelled benefit" treats
    where the *posterior mean* of NB(x) exceeds T: an allocation one could act on, never one that
    knows the draw. Without patients' own outcomes the curve is optimistic by construction.
    """
    bound = weighting(outcomes, preferences)
    thresholds = _thresholds(bound.panel) if thresholds is None else np.asarray(thresholds, float)
    risk, weights, values = _cases(outcomes)
    tails = interval_tails(prob)
    rows = []
    for option in bound.problem.alternatives:
        benefit = _benefit(bound, risk, option)
        applies = np.isfinite(benefit).any(axis=0)
        kept = np.isfinite(benefit[:, applies]).all(axis=1)  # draws set aside anywhere
        benefit, share = benefit[kept][:, applies], weights[applies] / weights[applies].sum()
        for strategy, treated in _strategies(bound, benefit, values[applies], thresholds).items():
            allocation = treated * share  # (threshold, case)
            draws = benefit @ allocation.T - thresholds * allocation.sum(axis=1)
            lower, upper = quantiles(draws, tails, sample_dims=1)
            rows.append(
                pd.DataFrame(
                    {
                        "option": option,
                        "strategy": strategy,
                        "threshold": thresholds,
                        "net_benefit": draws.mean(axis=0),
                        "lower": lower,
                        "upper": upper,
                        "share_treated": allocation.sum(axis=1),
                        "prob": prob,
                        "kind": KIND,
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def _cases(outcomes: xr.Dataset) -> tuple[xr.DataArray, np.ndarray, np.ndarray]:
    if "case_risk" in outcomes:
        return outcomes["case_risk"], outcomes["case_weight"].values, outcomes["case_value"].values
    size = outcomes.sizes["profile"]
    risk = outcomes["risk"].rename(profile="case")
    return risk, np.full(size, 1 / size), np.full(size, np.nan)


def _benefit(bound: Weighting, risk: xr.DataArray, option: str) -> np.ndarray:
    """Return net benefit (sample, case); the residual burden is the threshold, not counted here."""
    value = bound.net_benefit(risk, burden=0.0).sel(option=option)
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
    return np.linspace(declared.lower, declared.upper, 101)
