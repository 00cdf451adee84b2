"""The tables of a run that need more than one of the left rooms."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.absolute_effects import KIND, interval_tails
from riskmodel.evidence.priors import build_priors, used_priors
from riskmodel.models.posterior import Posterior
from riskmodel.simulation.outcomes import loaded_problem, prior_predictive
from riskmodel.simulation.overlap import any_event_risk, joint_risk


def strata_table(outcomes: xr.Dataset, own: pd.DataFrame) -> pd.DataFrame:
    """Return the published effect in each band beside the model's, cell by cell.

    Parameters
    ----------
    outcomes : xarray.Dataset
    own : pandas.DataFrame
        Of :func:`riskmodel.band_effects`; empty without a case mix.

    Returns
    -------
    pandas.DataFrame
        One row a published band: printed reduction and NNT; the untreated risk that the printed
        reduction implies at the printed ratio; the model's own risk, reduction and NNT, averaged
        over the declared case mix; and their difference. Empty if nothing is published.
    """
    loaded = loaded_problem(outcomes)
    problem, strata = loaded.problem, loaded.problem.published_strata
    if strata is None or own.empty:
        return pd.DataFrame()
    own = own[(own["option"] == strata.option) & (own["outcome"] == strata.outcome)]
    own = own.set_index("band")
    effect = problem.outcomes[strata.outcome].effects[strata.option]
    studies = [loaded.estimates[key] for key in problem.priors[effect.prior].from_]
    ratio = np.nan  # a pool prints no ratio of its own
    if len(studies) == 1 and studies[0].measure == "relative_risk":
        ratio = studies[0].number
    bands = {band.id: band for band in problem.covariates[strata.covariate].bands}
    rows = []
    for row in strata.rows:
        printed = loaded.estimates[row.risk_difference]
        nnt = loaded.estimates[row.number_needed_to_treat] if row.number_needed_to_treat else None
        implied = printed.number / (ratio - 1)
        mine = own.loc[row.band]
        rows.append(
            {
                "band": bands[row.band].label,
                "edges": _edges(bands[row.band]),
                "printed_per_1000": 1000 * printed.number,
                "model_per_1000": mine["per_1000"],
                "lower": mine["per_1000_lower"],
                "upper": mine["per_1000_upper"],
                "model_minus_printed": mine["per_1000"] - 1000 * printed.number,
                "printed_number_needed_to_treat": nnt.printed if nnt else "",
                "model_number_needed_to_treat": mine["number_needed_to_treat"],
                "implied_untreated_risk": implied,
                "model_untreated_risk": mine["baseline_risk"],
                "printed_source": printed.source.key,
                "locator": printed.source.locator,
                "note": " ".join((printed.note or "").split()),
                "prob": mine["prob"],
                "kind": mine["kind"],
            }
        )
    return pd.DataFrame(rows)


def _edges(band) -> str:
    if band.above is None:
        return f"up to {band.up_to:g}"
    return f"above {band.above:g}" + (f" up to {band.up_to:g}" if band.up_to is not None else "")


def stated_risk_table(posterior: Posterior, *, prob: float = 0.95) -> pd.DataFrame:
    """Return each stated risk behind a line beside what the fitted line gives there."""
    tails = interval_tails(prob)
    rows = []
    for name, prior in build_priors(
        posterior.loaded, used_priors(posterior.loaded.problem)
    ).items():
        if prior.measure != "log_odds_line":
            continue
        draws = posterior.draws[name].values.reshape(-1, 2)
        for key, position, risk in zip(prior.estimates, prior.positions, prior.risks, strict=True):
            fitted = 1 / (1 + np.exp(-(draws[:, 0] + draws[:, 1] * position)))
            lower, middle, upper = np.quantile(fitted, [tails[0], 0.5, tails[1]])
            rows.append(
                {
                    "prior": name,
                    "estimate": key,
                    prior.covariate: posterior.loaded.estimates[key].at[prior.covariate],
                    "stated_risk": risk,
                    "fitted_risk": middle,
                    "lower": lower,
                    "upper": upper,
                    "prob": prob,
                    "kind": KIND,
                }
            )
    return pd.DataFrame(rows)


def overlap_table(outcomes: xr.Dataset) -> pd.DataFrame:
    """Return joint risks (posterior means) of every pair of outcomes, and of any event.

    Returns
    -------
    pandas.DataFrame
        One row a profile, option and pair; on the diagonal the outcome's own risk; ``any`` is
        at least one event. Pairs without a declared overlap are independent given the others,
        and are left out.
    """
    problem = loaded_problem(outcomes).problem
    if not problem.overlap:
        return pd.DataFrame()
    names = [name for name, outcome in problem.outcomes.items() if outcome.type == "event"]
    rows = []
    for who, option in itertools.product(outcomes["profile"].values, problem.options):
        arm = outcomes["risk"].sel(profile=who, option=option)
        risks = {name: arm.sel(outcome=name).values for name in names}
        kept = np.isfinite(sum(risks.values()))
        if not kept.any():
            continue
        risks = {name: risk[kept] for name, risk in risks.items()}
        place = {"profile": who, "option": option}
        for name in names:
            rows.append(
                {
                    **place,
                    "outcome": name,
                    "other": name,
                    "odds_ratio": np.nan,
                    "joint_risk": risks[name].mean(),
                    "because": "",
                }
            )
        pairs = {}
        for overlap in problem.overlap:
            a, b = overlap.outcomes
            pairs[(a, b)] = overlap.odds_ratio
            both = joint_risk(risks[a], risks[b], overlap.odds_ratio)
            rows.append(
                {
                    **place,
                    "outcome": a,
                    "other": b,
                    "odds_ratio": overlap.odds_ratio,
                    "joint_risk": both.mean(),
                    "because": overlap.because,
                }
            )
        any_event = any_event_risk(risks, pairs)
        rows.append(
            {
                **place,
                "outcome": "any",
                "other": "any",
                "odds_ratio": np.nan,
                "joint_risk": any_event.mean(),
                "because": "at least one event",
            }
        )
    return pd.DataFrame(rows)


def prior_predictive_table(posterior: Posterior, profiles, *, prob: float = 0.95) -> pd.DataFrame:
    """Return what the priors alone imply for every risk, before stated risks are seen.

    Returns
    -------
    pandas.DataFrame
        One row a profile, option and outcome: ``median``, ``lower``, ``upper``, and
        ``set_aside``, the share of prior draws that put some risk of the profile beyond 1.
    """
    tails = interval_tails(prob)
    predicted = prior_predictive(posterior, profiles)
    rows = []
    for who in predicted["profile"].values:
        for option, outcome in itertools.product(
            predicted["option"].values, predicted["outcome"].values
        ):
            draws = predicted["risk"].sel(profile=who, option=option, outcome=outcome).values
            if not np.isfinite(draws).any():
                continue
            lower, middle, upper = np.nanquantile(draws, [tails[0], 0.5, tails[1]])
            rows.append(
                {
                    "profile": who,
                    "option": option,
                    "outcome": outcome,
                    "median": middle,
                    "lower": lower,
                    "upper": upper,
                    "set_aside": float(predicted["set_aside"].sel(profile=who)),
                    "prob": prob,
                    "kind": KIND,
                }
            )
    return pd.DataFrame(rows)
