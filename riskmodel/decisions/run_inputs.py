"""A run's inputs as numbers that can be changed, and what net benefit then is, without fitting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit, logit

from riskmodel.decisions.net_benefit import Weighting, weighting
from riskmodel.decisions.power_scaling import log_prior_density
from riskmodel.evidence.priors import (
    LinePrior,
    Prior,
    build_priors,
    modelling_scale,
    transformed,
    used_priors,
)
from riskmodel.models.posterior import Posterior, draws_by_prior
from riskmodel.parameters.schema import Panel
from riskmodel.simulation.changed_draws import ChangedDraws
from riskmodel.simulation.outcomes import loaded_problem


@dataclass(frozen=True)
class RunInputs:
    """The inputs of one patient's net benefit, and the model that goes from one to the other.

    Parameters
    ----------
    profile : str
    parameters : pandas.DataFrame
        Draws by prior in its own unit; a line by the risk it gives at the patient.
    scales, units : dict of str to str
        The modelling scale and the unit of each.
    priors : dict
        As :func:`riskmodel.evidence.priors.build_priors` makes them.
    draws : xarray.DataArray
        Net benefit as run, with the dimensions chain, draw and option.
    """

    profile: str
    parameters: pd.DataFrame = field(repr=False)
    scales: Mapping[str, str]
    units: Mapping[str, str]
    priors: Mapping[str, Prior | LinePrior] = field(repr=False)
    draws: xr.DataArray = field(repr=False)
    _posterior: Posterior = field(repr=False)
    _patient: Mapping = field(repr=False)
    _bound: Weighting = field(repr=False)
    _model: ChangedRisks = field(repr=False)

    @property
    def correlations(self) -> list:
        """Declared correlations between these inputs."""
        return [
            c for c in self._posterior.problem.correlations if set(c.priors) <= set(self.scales)
        ]

    @property
    def patient(self) -> dict:
        """The profile, as :func:`riskmodel.simulate` takes it."""
        return dict(self._patient)

    def expected(self, parameters: pd.DataFrame) -> dict[str, float]:
        """Return expected net benefit by option if the inputs' draws were these.

        Raises
        ------
        ParameterError
            If more than 0.1% of the draws put a risk beyond [0, 1].
        """
        options = list(map(str, self.draws["option"].values))
        if parameters is self.parameters:
            value = self.draws.values.reshape(-1, len(options))
        else:
            value = self._values(parameters)
        found = {}
        for option, column in zip(options, value.T, strict=True):
            known = column[np.isfinite(column)]
            if option != self._bound.problem.comparator and known.size:
                found[option] = float(known.mean())
        return found

    def net_benefit(self, parameters: pd.DataFrame) -> xr.DataArray:
        """Return draws of net benefit by option if the inputs' draws were these."""
        return self.draws.copy(data=self._values(parameters).reshape(self.draws.shape))

    def _values(self, parameters: pd.DataFrame) -> np.ndarray:
        """Return net benefit, (draw, option), if the inputs' draws were these."""
        changed = {
            name: self._as_drawn(name, parameters[name].to_numpy())
            for name in self.parameters.columns
            if parameters[name] is not self.parameters[name]
            and not np.array_equal(parameters[name].to_numpy(), self.parameters[name].to_numpy())
        }
        bound, options = self._bound, list(map(str, self.draws["option"].values))
        value = bound.value_of(self._model.risks(changed), self._model.outcomes)
        comparator = options.index(bound.problem.comparator)
        value = value - value[:, [comparator]] - bound.panel.burden
        value[:, comparator] += bound.panel.burden
        return value

    def _as_drawn(self, name: str, values: np.ndarray) -> np.ndarray:
        draws = self._posterior.draws[name]
        prior = self.priors[name]
        if not isinstance(prior, LinePrior):
            return values
        moved = logit(values) - logit(self.parameters[name].to_numpy())  # all in the intercept
        new = draws.values.reshape(values.size, -1).copy()
        new[:, 0] += moved
        return new

    def log_densities(self) -> dict[str, np.ndarray]:
        """Return the log density of every prior at its draws, as power-scaling takes them."""
        every = draws_by_prior(self._posterior.draws)
        found = {}
        for name, prior in self.priors.items():
            found |= log_prior_density(prior, every[name])
        return found


class ChangedRisks:
    """One patient's risks again and again, for other draws of a few priors.

    Outcomes are evaluated apart, those that compete together, and only where a changed prior enters
    them: an input is asked about dozens of times, and most outcomes do not know it.
    """

    def __init__(self, posterior: Posterior, patient: Mapping, horizon, waning):
        problem = posterior.problem
        self.outcomes = list(problem.outcomes)
        self._parts = []
        for names in _apart(problem):
            kept = {name: problem.outcomes[name] for name in names}
            loaded = replace(
                posterior.loaded, problem=problem.model_copy(update={"outcomes": kept})
            )
            one = ChangedDraws(
                replace(posterior, loaded=loaded), [patient], horizon=horizon, waning=waning
            )
            used = set(used_priors(loaded.problem, later=horizon is not None))
            place = [self.outcomes.index(name) for name in names]
            self._parts.append((one, used, place, _risks(one, {})))

    def risks(self, changes: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return risks, shape (draw, option, outcome); a draw without meaning is nan throughout."""
        parts = [
            (place, _risks(one, changes) if used & set(changes) else before)
            for one, used, place, before in self._parts
        ]
        draws, options, _ = parts[0][1].shape
        risk = np.empty((draws, options, len(self.outcomes)))
        aside = np.zeros(draws, dtype=bool)
        for place, part in parts:
            risk[..., place] = part
            aside |= np.isnan(part).all(axis=(1, 2)) & np.isfinite(part).any()
        risk[aside] = np.nan
        return risk


def _risks(model: ChangedDraws, changes: Mapping[str, np.ndarray]) -> np.ndarray:
    risk = model.risks(changes)
    return risk.values.reshape(-1, risk.sizes["option"], risk.sizes["outcome"])


def _apart(problem) -> list[list[str]]:
    """Return the outcomes in groups of which none is read beside another's."""
    groups = [{name} for name in problem.outcomes]
    for name, outcome in problem.outcomes.items():
        if outcome.competing:
            joined = [group for group in groups if name in group or outcome.competing in group]
            groups = [group for group in groups if group not in joined] + [set().union(*joined)]
    return [[name for name in problem.outcomes if name in group] for group in groups]


def run_inputs(
    posterior: Posterior, outcomes: xr.Dataset, preferences: str | Panel | None = None
) -> Iterator[RunInputs]:
    """Yield the inputs of every patient of a run to whom an option applies.

    Parameters
    ----------
    posterior : Posterior
    outcomes : xarray.Dataset
        Simulated from it.
    preferences : str or Panel, optional
    """
    loaded = loaded_problem(outcomes)
    posterior = replace(posterior, loaded=loaded)
    bound = weighting(outcomes, preferences)
    later = outcomes.attrs["horizon"] != str(loaded.problem.horizon)
    simulated = outcomes.attrs["horizon"] if later else None, outcomes.attrs.get("waning") or None
    names = [n for n in used_priors(loaded.problem, later=later) if n in posterior.draws]
    priors = build_priors(loaded, names)
    every = draws_by_prior(posterior.draws)
    for who in map(str, outcomes["profile"].values):
        benefit = bound.net_benefit(outcomes["risk"].sel(profile=[who])).isel(profile=0)
        alternatives = benefit.sel(option=list(loaded.problem.alternatives))
        if not np.isfinite(alternatives.values).any():
            continue
        patient = patient_of(outcomes, loaded.problem, who)
        columns, scales, units = {}, {}, {}
        for name, prior in priors.items():
            if isinstance(prior, LinePrior):
                at = transformed(
                    float(outcomes[prior.covariate].sel(profile=who)), prior.transform, prior.centre
                )
                columns[name] = expit(every[name][:, 0] + every[name][:, 1] * at)
                scales[name], units[name] = "log_odds", "risk at the patient"
                continue
            if np.ptp(every[name]) == 0:
                continue
            columns[name] = every[name]
            scales[name] = modelling_scale(prior.measure)
            units[name] = prior.measure.replace("_", " ")
            if prior.measure == "rate":
                units[name] += " per day"
        yield RunInputs(
            who,
            pd.DataFrame(columns),
            scales,
            units,
            {name: priors[name] for name in columns},
            benefit.transpose("chain", "draw", "option"),
            posterior,
            patient,
            bound,
            ChangedRisks(posterior, patient, *simulated),
        )


def patient_of(outcomes: xr.Dataset, problem, who: str) -> dict:
    """Return a profile as it was given to the simulation, read from the coordinates."""
    patient: dict = {"id": who}
    for name, covariate in problem.covariates.items():
        if name not in outcomes.coords:
            continue
        value = outcomes[name].sel(profile=who).values.item()
        if value == "" or (isinstance(value, float) and np.isnan(value)):
            continue
        patient[name] = bool(value) if covariate.type == "boolean" else value
    return patient
