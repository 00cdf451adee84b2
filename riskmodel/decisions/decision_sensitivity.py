"""All that would turn a decision, joined: inputs, assumptions, weights of evidence, distances."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.flip_distance import (
    discount_to_flip,
    flip_distance,
    joint_flip_distance,
)
from riskmodel.decisions.magnitude import magnitude
from riskmodel.decisions.net_benefit import net_benefit
from riskmodel.decisions.power_scaling import ALPHAS, UNRELIABLE, power_scaling
from riskmodel.decisions.refit_power import refitter
from riskmodel.decisions.revealed import revealed_threshold
from riskmodel.decisions.run_inputs import RunInputs, run_inputs
from riskmodel.decisions.tornado import one_way_tornado, scenario_flips
from riskmodel.errors import ParameterError, RiskModelWarning
from riskmodel.evidence.checks import as_panel
from riskmodel.evidence.priors import LinePrior, default_scenarios
from riskmodel.models.posterior import Posterior
from riskmodel.parameters.schema import Panel
from riskmodel.simulation.outcomes import loaded_problem, simulate

RATIO_SCALES = {"relative_risk": "RR", "odds_ratio": "OR", "hazard_ratio": "HR"}
Evaluate = Callable[[pd.DataFrame], Any]


@dataclass(frozen=True)
class DecisionSensitivity:
    """What would turn the sign of expected net benefit; a table is empty where not asked for.

    Parameters
    ----------
    tornado : pandas.DataFrame
        Of :func:`riskmodel.one_way_tornado`.
    scenarios : pandas.DataFrame
        Of :func:`riskmodel.scenario_flips`, over scales and declared scenarios.
    power_scaling : pandas.DataFrame
        Of :func:`riskmodel.power_scaling`, by prior.
    flip_distance, joint_flip_distance : pandas.DataFrame
        Of the functions of those names, by patient.
    discounts : pandas.DataFrame
        Of :func:`riskmodel.discount_to_flip`, by source.
    magnitude : pandas.DataFrame
        Of :func:`riskmodel.magnitude`.
    revealed : pandas.DataFrame
        Of :func:`riskmodel.revealed_threshold`.
    notes : tuple of str
        What was not computed, and why.
    """

    tornado: pd.DataFrame
    scenarios: pd.DataFrame = field(default_factory=pd.DataFrame)
    power_scaling: pd.DataFrame = field(default_factory=pd.DataFrame)
    flip_distance: pd.DataFrame = field(default_factory=pd.DataFrame)
    joint_flip_distance: pd.DataFrame = field(default_factory=pd.DataFrame)
    discounts: pd.DataFrame = field(default_factory=pd.DataFrame)
    magnitude: pd.DataFrame = field(default_factory=pd.DataFrame)
    revealed: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[str, ...] = ()

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables that hold something, by name."""
        found = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "notes"}
        return {name: table for name, table in found.items() if not table.empty}


def sensitivity(
    outcomes: Any,
    parameters: Any,
    preferences: str | Panel | None = None,
    *,
    expected: Evaluate | None = None,
    scales: Mapping[str, str] | None = None,
    log_density: Mapping[str, Sequence[float]] | None = None,
    scenarios: Mapping[str, Any] | None = None,
    sources: Mapping[str, str | Sequence[str]] | None = None,
    thresholds: Mapping[str, Any] | str | Path | None = None,
    recommendation: Mapping[str, str] | str | Path | None = None,
    alphas: Sequence[float] = ALPHAS,
    refit: bool = False,
    progress: Callable[[str], None] | None = None,
) -> DecisionSensitivity:
    """Return what would turn the sign of expected net benefit, from draws already made.

    Parameters
    ----------
    outcomes : xarray.Dataset, or draws of net benefit
        Of :func:`riskmodel.simulate`; or net benefit as of :func:`riskmodel.one_way_tornado`.
    parameters : Posterior, or DataFrame
        The posterior that `outcomes` were simulated from, which gives everything else; or the
        draws of each input.
    preferences : str or Panel, optional
        The weights.
    expected : callable, optional
        Where `parameters` are draws: expected net benefit of changed draws, as of
        :func:`riskmodel.flip_distance`. Without it there are no flip distances and discounts.
    scales : mapping, optional
        The modelling scale of each input.
    log_density : mapping, optional
        As of :func:`riskmodel.power_scaling`.
    scenarios : mapping of str to outcomes or net benefit, optional
        Beside ``as run``.
    sources : mapping of str to str or sequence of str, optional
        Input -> documents, which are discounted whole.
    thresholds : mapping, str or Path, optional
        Of :func:`riskmodel.magnitude`.
    recommendation : mapping, str or Path, optional
        Of :func:`riskmodel.revealed_threshold`.
    alphas : sequence of float
        Powers of priors.
    refit : bool
        Of a run: fit again with the power where Pareto's k is above 0.7, some seconds each.
    progress : callable, optional
        Told what is evaluated next, patient by patient.

    Returns
    -------
    DecisionSensitivity

    Raises
    ------
    ParameterError
        As the functions it joins.

    Notes
    -----
    Nothing is fitted. With a posterior, the model is evaluated again on changed draws: every
    ratio also on the two other scales (printed measures converted at a stated reference risk),
    every declared scenario that rests on verified estimates, every input shifted and discounted.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> x = pd.DataFrame({"benefit": rng.normal(0.1, 0.02, 4000)})
    >>> found = sensitivity(x["benefit"] - 0.04, x, expected=lambda z: (z["benefit"] - 0.04).mean())
    >>> list(found.tables()), round(float(found.flip_distance.loc[0, "location_at_flip"]), 3)
    (['tornado', 'scenarios', 'flip_distance', 'joint_flip_distance', 'discounts'], 0.04)
    """
    if isinstance(parameters, Posterior):
        found = _of_run(
            outcomes, parameters, preferences, scenarios, sources, alphas, refit, progress
        )
    else:
        found = _of_draws(
            outcomes, parameters, preferences, expected, scales, log_density, scenarios, sources,
            alphas,
        )  # fmt: skip
    if thresholds is not None:
        found = replace(found, magnitude=magnitude(outcomes, thresholds))
    if recommendation is not None:
        table = revealed_threshold(recommendation, outcomes, preferences=preferences)
        found = replace(found, revealed=table)
    return found


def _of_draws(
    outcomes, parameters, preferences, expected, scales, log_density, scenarios, sources, alphas
) -> DecisionSensitivity:
    benefit = outcomes
    if isinstance(outcomes, xr.Dataset) and "net_benefit" not in outcomes:
        benefit = net_benefit(outcomes, preferences)["net_benefit"]
    if isinstance(benefit, pd.Series):
        benefit = benefit.to_numpy()
    notes, parts = [], {}
    parts["tornado"] = one_way_tornado(benefit, parameters)
    parts["scenarios"] = scenario_flips({"as run": benefit, **(scenarios or {})}, preferences)
    if log_density is not None:
        parts["power_scaling"] = power_scaling(benefit, log_density, alphas=alphas)
    else:
        notes.append("power scaling: needs `log_density`, the log density of each prior by draw")
    if expected is not None and isinstance(parameters, pd.DataFrame):
        parts["flip_distance"] = flip_distance(expected, parameters, scales=scales)
        parts["joint_flip_distance"] = joint_flip_distance(
            expected, parameters, benefit, scales=scales
        )
        parts["discounts"] = discount_to_flip(expected, parameters, scales=scales, sources=sources)
    else:
        notes.append(
            "flip distances and discounts: need `expected`, net benefit of changed draws, and "
            "parameters as a DataFrame"
        )
    return DecisionSensitivity(**parts, notes=tuple(notes))


# --- of a run -----------------------------------------------------------------------------------


def _of_run(
    outcomes, posterior, preferences, scenarios, sources, alphas, refit, progress
) -> DecisionSensitivity:
    panel = as_panel(loaded_problem(outcomes), preferences)
    parts: dict[str, list[pd.DataFrame]] = {}
    notes: list[str] = []
    told = progress or (lambda step: None)
    again = _fitted_once(refitter(posterior, outcomes, panel), told) if refit else None
    for inputs in run_inputs(posterior, outcomes, panel):
        told(f"{inputs.profile}: shift, discount and reweight {len(inputs.priors)} inputs")
        for name, table in _of_patient(inputs, sources, alphas, again, notes).items():
            if not table.empty:
                if "profile" in table:
                    table = table.drop(columns="profile")
                table.insert(0, "profile", inputs.profile)
                parts.setdefault(name, []).append(table)
    tables = {name: pd.concat(found, ignore_index=True) for name, found in parts.items()}
    tables.setdefault("tornado", pd.DataFrame())
    changed = scenarios
    if changed is None:
        told("other scales and declared scenarios")
        changed, stopped = run_scenarios(posterior, outcomes)
        notes += stopped
    tables["scenarios"] = scenario_flips({"as run": outcomes, **changed}, panel)
    return DecisionSensitivity(**tables, notes=tuple(dict.fromkeys(notes)))


def _fitted_once(refit, told):
    """Return a refit that samples each prior and power once, whoever asks."""

    @cache
    def fitted(component: str, alpha: float) -> xr.DataArray:
        told(f"fit again with {component} to the power {alpha:.3g}")
        return refit(component, alpha)

    return fitted


def _of_patient(
    inputs: RunInputs, sources, alphas, again, notes: list[str]
) -> dict[str, pd.DataFrame]:
    def stated(table: pd.DataFrame, column: str = "parameters") -> pd.DataFrame:
        if table.empty:
            return table
        badge = table[column].map(lambda name: inputs.priors[name].badge)
        return table.assign(badge=badge)

    lines = {name for name, prior in inputs.priors.items() if isinstance(prior, LinePrior)}
    correlated = [c for c in inputs.correlations if c.rho]
    if correlated:
        notes.append(
            "power scaling: each prior alone; declared correlations are not in its density"
        )
    if lines:
        notes.append(
            "lines are shifted and discounted by their risk at the patient: slope as it is"
        )
    refit = again and (lambda *asked: again(*asked).sel(profile=inputs.profile, drop=True))
    powers = power_scaling(inputs.draws, inputs.log_densities(), alphas=alphas, refit=refit)
    if (powers["note"] == UNRELIABLE).any():
        notes.append(
            "power scaling: where Pareto's k is above 0.7 the run can be fitted again: "
            "`riskmodel sensitivity RUN --refit`, or `sensitivity(..., refit=True)`"
        )
    keep = {"parameters": inputs.parameters, "scales": inputs.scales}
    rests = None
    if sources is not None:
        rests = {name: sources[name] for name in inputs.parameters if name in sources}
    return {
        "tornado": stated(one_way_tornado(inputs.draws, inputs.parameters)),
        "power_scaling": powers,
        "flip_distance": stated(flip_distance(inputs.expected, units=inputs.units, **keep)),
        "joint_flip_distance": stated(
            joint_flip_distance(inputs.expected, draws=inputs.draws, **keep)
        ),
        "discounts": discount_to_flip(inputs.expected, sources=rests, **keep),
    }


def run_scenarios(
    posterior: Posterior, outcomes: xr.Dataset
) -> tuple[dict[str, xr.Dataset], list[str]]:
    """Return outcomes under every other scale of a ratio and every declared scenario.

    Parameters
    ----------
    posterior : Posterior
    outcomes : xarray.Dataset
        Simulated from it.

    Returns
    -------
    scenarios : dict of str to Dataset
        Those that the model allows.
    stopped : list of str
        The others, each with its reason.

    Notes
    -----
    A ratio is carried on another scale from the reference risk of its effect, or where it has
    none, from the mean comparator risk of the run's patients: there both scales agree.
    """
    loaded = loaded_problem(outcomes)
    patients = [one.patient for one in run_inputs(posterior, outcomes)]
    simulated = _simulated(loaded, outcomes)
    found: dict[str, xr.Dataset] = {}
    stopped: list[str] = []

    def add(name: str, scenario: list[str], changed) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RiskModelWarning)
                found[name] = simulate(
                    replace(posterior, loaded=changed), patients, scenarios=scenario,
                    case_mix=False, gate=False, **simulated,
                )  # fmt: skip
        except ParameterError as error:
            stopped.append(f"scenario {name}: {error}")

    if not patients:
        return found, stopped
    for name, changed in _other_scales(loaded, outcomes):
        add(name, [], changed)
    for name in default_scenarios(loaded):
        if loaded.with_scenarios([name]).problem != loaded.problem:
            add(loaded.problem.scenarios[name].label, [name], loaded)
    return found, stopped


def _simulated(loaded, outcomes: xr.Dataset) -> dict:
    later = outcomes.attrs["horizon"] != str(loaded.problem.horizon)
    return {
        "horizon": outcomes.attrs["horizon"] if later else None,
        "waning": outcomes.attrs.get("waning") or None,
    }


def _other_scales(loaded, outcomes: xr.Dataset):
    """Yield a name and the problem with one ratio effect on another scale."""
    problem = loaded.problem
    baseline = outcomes["risk"].sel(option=problem.comparator)
    for key, outcome in problem.outcomes.items():
        for option, effect in outcome.effects.items():
            if effect.scale not in RATIO_SCALES:
                continue
            at = effect.reference_risk or float(baseline.sel(outcome=key).mean())
            if not 0 < at < 1:
                continue
            for scale in RATIO_SCALES:
                if scale == effect.scale:
                    continue
                changed = effect.model_copy(update={"scale": scale, "reference_risk": at})
                outcome_changed = outcome.model_copy(
                    update={"effects": {**outcome.effects, option: changed}}
                )
                outcomes_changed = {**problem.outcomes, key: outcome_changed}
                words = f"{outcome.label}: {problem.options[option].label}"
                name = (
                    f"{words} as {RATIO_SCALES[scale]} not {RATIO_SCALES[effect.scale]}, "
                    f"from a risk of {at:.3g}"
                )
                changed_problem = problem.model_copy(update={"outcomes": outcomes_changed})
                yield name, replace(loaded, problem=changed_problem)


def tables_as_json(found: DecisionSensitivity, record: Mapping[str, Any]) -> str:
    """Return a record and every table as JSON; what is not known or infinite is null."""
    rows = {name: table.to_dict("records") for name, table in found.tables().items()}
    whole = {**record, "notes": list(found.notes), **rows}
    return json.dumps(_plain(whole), indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.bool_ | bool):
        return bool(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value
