"""A run's inputs as numbers that can be changed, and what net benefit then is, without fitting."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit, logit

from riskmodel.decisions.net_benefit import Weighting, weighting
from riskmodel.decisions.power_scaling import log_prior_density
from riskmodel.errors import RiskModelWarning
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
from riskmodel.simulation.outcomes import loaded_problem, simulate


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
    _simulated: Mapping = field(repr=False)

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
        if parameters is self.parameters:
            return self._means(self.draws)
        return self._means(self.net_benefit(parameters))

    def net_benefit(self, parameters: pd.DataFrame) -> xr.DataArray:
        """Return draws of net benefit by option if the inputs' draws were these."""
        changed = {
            name: self._as_drawn(name, parameters[name].to_numpy())
            for name in self.parameters.columns
            if not parameters[name].equals(self.parameters[name])
        }
        posterior = replace(self._posterior, draws=self._posterior.draws.assign(changed))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RiskModelWarning)  # said when the run was made
            outcomes = simulate(
                posterior, [self._patient], case_mix=False, gate=False, **self._simulated
            )
        risk = outcomes["risk"].isel(profile=0).reset_coords(drop=True)  # aligned at every step
        return self._bound.net_benefit(risk)

    def _as_drawn(self, name: str, values: np.ndarray):
        draws = self._posterior.draws[name]
        prior = self.priors[name]
        if not isinstance(prior, LinePrior):
            return draws.dims, values.reshape(draws.shape)
        moved = logit(values) - logit(self.parameters[name].to_numpy())  # all in the intercept
        new = draws.values.copy()
        new[..., 0] += moved.reshape(draws.shape[:-1])
        return draws.dims, new

    def _means(self, benefit: xr.DataArray) -> dict[str, float]:
        comparator = self._bound.problem.comparator
        found = {}
        for option in map(str, benefit["option"].values):
            value = benefit.sel(option=option).values
            known = np.isfinite(value)
            if option != comparator and known.any():
                found[option] = float(value[known].mean())
        return found

    def log_densities(self) -> dict[str, np.ndarray]:
        """Return the log density of every prior at its draws, as power-scaling takes them."""
        every = draws_by_prior(self._posterior.draws)
        found = {}
        for name, prior in self.priors.items():
            found |= log_prior_density(prior, every[name])
        return found


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
    simulated = {
        "horizon": outcomes.attrs["horizon"] if later else None,
        "waning": outcomes.attrs.get("waning") or None,
    }
    names = [n for n in used_priors(loaded.problem, later=later) if n in posterior.draws]
    priors = build_priors(loaded, names)
    every = draws_by_prior(posterior.draws)
    for who in map(str, outcomes["profile"].values):
        benefit = bound.net_benefit(outcomes["risk"].sel(profile=[who])).isel(profile=0)
        alternatives = benefit.sel(option=list(loaded.problem.alternatives))
        if not np.isfinite(alternatives.values).any():
            continue
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
            _patient_of(outcomes, loaded.problem, who),
            bound,
            simulated,
        )


def _patient_of(outcomes: xr.Dataset, problem, who: str) -> dict:
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
