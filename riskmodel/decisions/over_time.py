"""Effects over several horizons, restricted means, and composites of events."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.absolute_effects import (
    KIND,
    absolute_effects,
    interval_tails,
    standard_error,
)
from riskmodel.evidence.measures import format_nnt
from riskmodel.evidence.time_varying import restricted_mean
from riskmodel.simulation.horizons import at_horizon
from riskmodel.simulation.outcomes import loaded_problem
from riskmodel.simulation.overlap import any_event_risk


def horizon_effects(outcomes: xr.Dataset, *, prob: float = 0.95) -> pd.DataFrame:
    """Return absolute effects, with their NNT, at every horizon.

    Parameters
    ----------
    outcomes : xarray.Dataset
        From :func:`riskmodel.simulate_horizons`.
    prob : float
        Of the equal-tailed credible intervals, in (0, 1).

    Returns
    -------
    pandas.DataFrame
        The rows of :func:`riskmodel.absolute_effects` for each horizon, with ``time`` in
        ``time_unit``.
    """
    tables = [
        absolute_effects(at_horizon(outcomes, i), prob=prob).assign(
            time=float(time), time_unit=outcomes["time"].attrs["units"]
        )
        for i, time in enumerate(outcomes["time"].values)
    ]
    table = pd.concat(tables, ignore_index=True)
    first = ["profile", "option", "outcome", "time", "time_unit"]
    if table.empty:
        return table
    table = table[[*first, *(column for column in table.columns if column not in first)]]
    order = {name: i for i, name in enumerate(outcomes["outcome"].values)}
    return table.sort_values(
        ["profile", "option", "outcome", "time"],
        key=lambda column: column.map(order) if column.name == "outcome" else column,
        kind="stable",
    ).reset_index(drop=True)


def restricted_mean_differences(outcomes: xr.Dataset, *, prob: float = 0.95) -> pd.DataFrame:
    """Return how much time without each event an option adds, up to every horizon.

    Parameters
    ----------
    outcomes : xarray.Dataset
        From :func:`riskmodel.simulate_horizons`.
    prob : float
        Of the equal-tailed credible intervals, in (0, 1).

    Returns
    -------
    pandas.DataFrame
        One row a profile, option (but the comparator), outcome and horizon: ``restricted_mean``
        under the comparator and its ``restricted_mean_difference`` (option minus comparator) with
        ``lower`` and ``upper``, in ``time_unit``; ``prob_benefit``; ``prob``, ``kind``;
        ``monte_carlo_standard_error`` of the median. Points are posterior medians.

    Notes
    -----
    The area between two curves of ``1 - risk``, with constant hazards from one horizon to the next
    (:func:`riskmodel.evidence.time_varying.restricted_mean`): a risk by 12 months alone is spread
    evenly over them. More horizons, less of that assumption.
    """
    tails = interval_tails(prob)
    problem = loaded_problem(outcomes).problem
    times, unit = outcomes["time"].values, outcomes["time"].attrs["units"]
    rows = []
    for who, option in itertools.product(outcomes["profile"].values, problem.alternatives):
        for name, outcome in problem.outcomes.items():
            if outcome.type != "event" or outcome.diagnostic_impact:
                continue
            place = {"profile": who, "outcome": name}
            arms = [
                1 - outcomes["risk"].sel(place | {"option": arm}).transpose(..., "time").values
                for arm in (problem.comparator, option)
            ]
            if not np.isfinite(arms[1] - arms[0]).any():
                continue
            base, treated = (restricted_mean(arm, times) for arm in arms)
            gain = treated - base
            errors = standard_error(gain, of_median=True)
            for i, time in enumerate(times):
                lower, middle, upper = np.nanquantile(gain[..., i], [tails[0], 0.5, tails[1]])
                better = gain[..., i] > 0 if outcome.unwanted else gain[..., i] < 0
                rows.append(
                    {
                        "profile": who,
                        "option": option,
                        "outcome": name,
                        "time": float(time),
                        "time_unit": unit,
                        "horizon": outcomes.attrs["horizons"][i],
                        "restricted_mean": np.nanmedian(base[..., i]),
                        "restricted_mean_difference": middle,
                        "lower": lower,
                        "upper": upper,
                        "prob_benefit": better.sum() / np.isfinite(gain[..., i]).sum(),
                        "prob": prob,
                        "kind": KIND,
                        "monte_carlo_standard_error": float(errors[i]),
                    }
                )
    return pd.DataFrame(rows)


def composite_effects(outcomes: xr.Dataset, *, prob: float = 0.95) -> pd.DataFrame:
    """Return risks and effects of the problem's declared composites.

    Parameters
    ----------
    outcomes : xarray.Dataset
        From :func:`riskmodel.simulate`.
    prob : float
        Of the equal-tailed credible intervals, in (0, 1).

    Returns
    -------
    pandas.DataFrame
        One row a profile, option (but the comparator) and composite: ``baseline_risk``, ``risk``,
        ``risk_difference`` with ``lower`` and ``upper``, ``per_1000``, ``prob_benefit``,
        ``number_needed_to_treat``, and ``smallest`` and ``largest``: between which risks a
        composite with these components must lie under the option. Points are posterior medians.
    """
    tails = interval_tails(prob)
    problem = loaded_problem(outcomes).problem
    pairs = {tuple(pair.outcomes): pair.odds_ratio for pair in problem.overlap}
    events = [name for name, outcome in problem.outcomes.items() if outcome.type == "event"]
    rows = []
    for who, option in itertools.product(outcomes["profile"].values, problem.alternatives):
        for name, composite in problem.composites.items():
            arms = {}
            for arm in (problem.comparator, option):
                risk = outcomes["risk"].sel(profile=who, option=arm)
                risks = {event: risk.sel(outcome=event).values for event in events}
                # A link through an event of unknown risk cannot be summed over.
                known = {k: v for k, v in risks.items() if np.isfinite(v).any()}
                if set(composite.of) <= set(known):
                    among = {k: v for k, v in pairs.items() if set(k) <= set(known)}
                    parts = np.stack([known[event] for event in composite.of])
                    arms[arm] = any_event_risk(known, among, composite.of), parts
            if len(arms) < 2:
                continue
            (base, _), (treated, parts) = arms[problem.comparator], arms[option]
            difference = treated - base
            lower, middle, upper = np.nanquantile(difference, [tails[0], 0.5, tails[1]])
            unwanted = problem.outcomes[composite.of[0]].unwanted
            better = difference < 0 if unwanted else difference > 0
            rows.append(
                {
                    "profile": who,
                    "option": option,
                    "composite": name,
                    "horizon": outcomes.attrs["horizon"],
                    "baseline_risk": np.nanmedian(base),
                    "risk": np.nanmedian(treated),
                    "risk_difference": middle,
                    "lower": lower,
                    "upper": upper,
                    "per_1000": 1000 * middle,
                    "prob_benefit": better.sum() / np.isfinite(difference).sum(),
                    "number_needed_to_treat": format_nnt(middle, lower, upper, wanted=not unwanted),
                    "smallest": np.nanmedian(parts.max(axis=0)),
                    "largest": np.nanmedian(np.minimum(1, parts.sum(axis=0))),
                    "prob": prob,
                    "kind": KIND,
                    "monte_carlo_standard_error": float(standard_error(difference, of_median=True)),
                }
            )
    return pd.DataFrame(rows)
