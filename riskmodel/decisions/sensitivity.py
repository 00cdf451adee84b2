"""How much of a conclusion rests on each input, and what would change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import ndtri

from riskmodel.decisions.net_benefit import net_benefit, summarize_net_benefit
from riskmodel.errors import ParameterError
from riskmodel.evidence.checks import as_panel
from riskmodel.evidence.priors import (
    build_priors,
    default_scenarios,
    transformed,
    used_priors,
)
from riskmodel.models.posterior import Posterior
from riskmodel.parameters.schema import Panel
from riskmodel.simulation.outcomes import loaded_problem, simulate

BINS = 20


def share_by_input(
    posterior: Posterior, outcomes: xr.Dataset, *, preferences: str | Panel | None = None
) -> pd.DataFrame:
    """Return how far each input accounts for the spread and the sign of net benefit.

    Parameters
    ----------
    posterior : Posterior
    outcomes : xarray.Dataset
        Simulated from it, in the same scenarios.
    preferences : str or Panel, optional

    Returns
    -------
    pandas.DataFrame
        One row a profile, option and prior in use: ``badge``; ``variance_share``, the
        first-order share of the variance of net benefit that knowing the input would remove;
        ``net_benefit_low`` and ``net_benefit_high``, the mean net benefit in the lowest and the
        highest twentieth of the input's draws.

    Notes
    -----
    Variance of the means over twenty equal bins of the input (a line is binned by its value
    at the profile), less what bins of unrelated draws would show. Shares of independent inputs
    sum to at most 1; what is missing is interaction.
    """
    loaded = loaded_problem(outcomes)
    later = outcomes.attrs["horizon"] != str(loaded.problem.horizon)
    priors = build_priors(loaded, used_priors(loaded.problem, later=later))
    benefit = net_benefit(outcomes, preferences)["net_benefit"]
    rows = []
    for who in outcomes["profile"].values:
        for option in loaded.problem.alternatives:
            value = benefit.sel(profile=who, option=option).values.ravel()
            kept = np.isfinite(value)
            if not kept.any():
                continue
            for name, prior in priors.items():
                draws = _input(posterior, prior, outcomes, who)
                share, low, high = _binned(draws[kept], value[kept])
                rows.append(
                    {
                        "profile": who,
                        "option": option,
                        "prior": name,
                        "badge": prior.badge,
                        "measure": prior.measure,
                        "variance_share": share,
                        "net_benefit_low": low,
                        "net_benefit_high": high,
                        "rule": prior.rule,
                    }
                )
    if not rows:
        return pd.DataFrame()
    return (
        pd.DataFrame(rows)
        .sort_values(
            ["profile", "option", "variance_share"], ascending=[True, True, False], kind="stable"
        )
        .reset_index(drop=True)
    )


def _input(posterior: Posterior, prior, outcomes: xr.Dataset, who: str) -> np.ndarray:
    draws = posterior.draws[prior.id].values
    draws = draws.reshape(-1, *draws.shape[2:])
    if prior.measure != "log_odds_line":
        return draws
    value = outcomes[prior.covariate].sel(profile=who).values
    return draws[:, 0] + draws[:, 1] * transformed(value, prior.transform, prior.centre)


def _binned(draws: np.ndarray, value: np.ndarray) -> tuple[float, float, float]:
    order = np.array_split(value[np.argsort(draws, kind="stable")], BINS)
    means = np.array([part.mean() for part in order])
    within = np.mean([part.var(ddof=1) / part.size for part in order])
    total = value.var(ddof=1)
    # The bins are all there are, not a sample of bins: their variance divides by their number.
    between = means.var() - within * (1 - 1 / BINS)
    share = between / total if total > 0 else 0.0
    return float(np.clip(share, 0, 1)), float(means[0]), float(means[-1])


def share_by_badge(shares: pd.DataFrame) -> pd.DataFrame:
    """Return the variance shares of :func:`share_by_input` summed by badge."""
    keys = ["profile", "option", "badge"]
    return shares.groupby(keys, sort=False, as_index=False)["variance_share"].sum()


def scenario_table(
    posterior: Posterior,
    profiles: Sequence,
    *,
    preferences: str | Panel | None = None,
    **simulated,
) -> pd.DataFrame:
    """Return net benefit as run, under each named scenario, and by each other panel's weights.

    Parameters
    ----------
    posterior : Posterior
    profiles : sequence
    preferences : str or Panel, optional
    **simulated
        `horizon`, `waning` of :func:`riskmodel.simulate`.

    Returns
    -------
    pandas.DataFrame
        Of :func:`riskmodel.summarize_net_benefit`, with ``changed`` (``nothing``, ``scenario``
        or ``panel``), its name and label. A scenario that stops (a risk beyond 1, say) has its
        reason in ``stopped`` instead of numbers. Scenarios that rest on unverified estimates
        are left out.
    """
    loaded = posterior.loaded
    panel = as_panel(loaded, preferences)
    simulated = {**simulated, "case_mix": False}
    as_run = simulate(posterior, profiles, **simulated)
    tables = [_benefit_row(as_run, panel, "nothing", "", "As run")]
    for name in default_scenarios(loaded):
        label = loaded.problem.scenarios[name].label
        if loaded.with_scenarios([name]).problem == loaded.problem:  # names what is so already
            tables.append(_benefit_row(as_run, panel, "scenario", name, label))
            continue
        try:
            outcomes = simulate(posterior, profiles, scenarios=[name], **simulated)
        except ParameterError as error:
            row = {"changed": "scenario", "name": name, "label": label, "stopped": str(error)}
            tables.append(pd.DataFrame([row]))
            continue
        tables.append(_benefit_row(outcomes, panel, "scenario", name, label))
    for name, other in loaded.panels.items():
        if name != panel.id:
            tables.append(_benefit_row(as_run, other, "panel", name, other.label))
    return pd.concat(tables, ignore_index=True)


def _benefit_row(
    outcomes: xr.Dataset, panel: Panel, changed: str, name: str, label: str
) -> pd.DataFrame:
    table = summarize_net_benefit(net_benefit(outcomes, panel))
    first = {"changed": changed, "name": name, "label": label, "stopped": ""}
    for position, (column, value) in enumerate(first.items()):
        table.insert(position, column, value)
    return table


def correlation_table(
    posterior: Posterior,
    profiles: Sequence,
    *,
    preferences: str | Panel | None = None,
    rhos: Sequence[float] = (-0.5, 0.0, 0.5),
    **simulated,
) -> pd.DataFrame:
    """Return net benefit if declared pairs of priors went together otherwise.

    Parameters
    ----------
    posterior : Posterior
    profiles : sequence
    preferences : str or Panel, optional
    rhos : sequence of float
        Correlations of the two normal scores, in (-1, 1).
    **simulated
        `horizon`, `waning` of :func:`riskmodel.simulate`.

    Returns
    -------
    pandas.DataFrame
        One row a declared pair (``prior``, ``other``), correlation, profile and option:
        ``declared`` (the correlation the run used), ``net_benefit``, ``prob_positive``. Empty if
        no pair is declared.

    Notes
    -----
    The same draws, paired otherwise: with the normal scores ``u`` and ``v`` of the two priors'
    draws, the second becomes its own quantile at ``rho u + sqrt(1 - rho^2) v'``, where ``v'`` is
    ``v`` without its declared part of ``u``. Both keep their distributions.
    """
    tables = []
    names = used_priors(posterior.problem)
    for pair in posterior.problem.correlations:
        if not set(pair.priors) <= set(names):
            continue
        for rho in rhos:
            paired = _paired(posterior, *pair.priors, declared=pair.rho, rho=rho)
            outcomes = simulate(paired, profiles, case_mix=False, gate=False, **simulated)
            table = summarize_net_benefit(net_benefit(outcomes, preferences))
            table = table[["profile", "option", "net_benefit", "prob_positive"]]
            first, second = pair.priors
            named = {"prior": first, "other": second, "declared": pair.rho, "rho": rho}
            for position, (column, value) in enumerate(named.items()):
                table.insert(position, column, value)
            tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _paired(posterior: Posterior, first: str, second: str, *, declared: float, rho: float):
    """Return the posterior with the second prior's draws put in another order."""
    u, v = (_normal_scores(posterior.draws[name].values) for name in (first, second))
    rest = (v - declared * u) / np.sqrt(1 - declared**2)
    order = np.argsort(np.argsort(rho * u + np.sqrt(1 - rho**2) * rest, axis=None))
    draws = posterior.draws[second]
    changed = np.sort(draws.values, axis=None)[order].reshape(draws.shape)
    return replace(posterior, draws=posterior.draws.assign({second: (draws.dims, changed)}))


def _normal_scores(draws: np.ndarray) -> np.ndarray:
    """Return the standard normal scores of draws by their ranks."""
    ranks = np.argsort(np.argsort(draws, axis=None)).reshape(draws.shape)
    return ndtri((ranks + 0.5) / draws.size)


def own_baseline_table(
    posterior: Posterior,
    profiles: Sequence,
    *,
    positions: Sequence[float] = (-1.96, 0.0, 1.96),
    preferences: str | Panel | None = None,
    **simulated,
) -> pd.DataFrame:
    """Return net benefit if patients stood elsewhere in the declared between-patient spreads.

    Parameters
    ----------
    posterior : Posterior
    profiles : sequence
    positions : sequence of float
        Standard deviations of the log odds above the middle of the spread.
    preferences : str or Panel, optional
    **simulated
        `scenarios`, `horizon`, `waning` of :func:`riskmodel.simulate`.

    Returns
    -------
    pandas.DataFrame
        One row a position, profile, option and outcome that has a spread:
        ``own_baseline_risk`` (median), ``net_benefit`` (mean), ``prob_positive``. A position
        that stops (a risk beyond 1, say) has its reason in ``stopped`` instead of numbers.
        Empty if no outcome has a spread.
    """
    problem = posterior.loaded.with_scenarios(simulated.get("scenarios", ())).problem
    spread = [name for name, o in problem.outcomes.items() if o.baseline.between_patient_spread]
    tables = []
    for position in positions if spread else ():
        try:
            outcomes = simulate(
                posterior, profiles, spread_position=position, case_mix=False, **simulated
            )
        except ParameterError as error:
            tables.append(pd.DataFrame([{"position": position, "stopped": str(error)}]))
            continue
        table = summarize_net_benefit(net_benefit(outcomes, preferences))
        for name in spread:
            risk = outcomes["risk"].sel(outcome=name, option=problem.comparator)
            own = risk.median(("chain", "draw")).to_series()
            tables.append(
                table[["profile", "option", "net_benefit", "prob_positive"]].assign(
                    outcome=name,
                    position=position,
                    own_baseline_risk=table["profile"].map(own),
                    stopped="",
                )
            )
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
