"""A run fitted again with another power on one prior, where reweighting its draws does not hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import xarray as xr
from scipy.special import ndtr

from riskmodel.decisions.information import refuse
from riskmodel.decisions.net_benefit import weighting
from riskmodel.errors import did_you_mean
from riskmodel.evidence.priors import SCORES, LinePrior, Prior, build_priors
from riskmodel.models.posterior import (
    DEFAULT_DRAWS,
    Posterior,
    _sample,
    diagnose,
    no_step,
    require_convergence,
)
from riskmodel.parameters.schema import Panel
from riskmodel.simulation.changed_draws import ChangedDraws
from riskmodel.simulation.outcomes import loaded_problem

BEFORE = " (before the risks)"  # after a line's name: what it is given before its risks are seen


def with_power(prior: Prior | LinePrior, power: float, *, before: bool = False):
    """Return a prior whose density, on its modelling scale, is raised to a power.

    Parameters
    ----------
    prior : Prior or LinePrior
    power : float
        Above 0.
    before : bool
        Of a line: what it was given before its risks, instead of the risks.

    Notes
    -----
    A normal keeps its mean and has its variance divided; a Beta, on the log odds, has both shapes
    multiplied; a line's stated risks count for as many more patients; a prior kept as quantiles has
    them computed from the powered density.

    Examples
    --------
    >>> prior = Prior("rr", "relative_risk", "lognormal", 0.0, 0.5, "data", (), "")
    >>> with_power(prior, 0.25).second
    1.0
    """
    root = math.sqrt(power)
    if isinstance(prior, LinePrior):
        if not before:
            return replace(prior, effective_sample_size=prior.effective_sample_size * power)
        (a, sa), (b, sb) = prior.intercept, prior.slope
        return replace(prior, intercept=(a, sa / root), slope=(b, sb / root))
    if prior.family == "beta":
        return replace(prior, first=prior.first * power, second=prior.second * power)
    if prior.family in ("normal", "lognormal"):
        return replace(prior, second=prior.second / root)
    score = np.linspace(SCORES[0], SCORES[-1], 8001)
    value = np.interp(score, SCORES, prior.knots)
    # density ** power on the value's scale, as mass per step of the score
    mass = np.exp(-power * score**2 / 2) * np.maximum(np.gradient(value, score), 1e-300) ** (
        1 - power
    )
    share = np.concatenate([[0], np.cumsum((mass[1:] + mass[:-1]) / 2)])
    knots = np.interp(ndtr(np.asarray(SCORES)), share / share[-1], value)
    return replace(prior, knots=tuple(map(float, knots)))


def refitter(
    posterior: Posterior, outcomes: xr.Dataset, preferences: str | Panel | None = None
) -> Callable[[str, float], xr.DataArray]:
    """Return what :func:`riskmodel.power_scaling` takes as `refit`, for a run.

    Parameters
    ----------
    posterior : Posterior
    outcomes : xarray.Dataset
        Simulated from it: the patients and the horizon that are asked about again.
    preferences : str or Panel, optional

    Returns
    -------
    callable
        Of a prior's name (of a line also with ``(before the risks)``) and a power; samples the
        model with it, by the seed of the posterior, and returns net benefit with the dimensions
        chain, draw, profile and option.
    """
    from riskmodel.decisions.run_inputs import patient_of

    loaded = loaded_problem(outcomes)
    bound = weighting(outcomes, preferences)
    later = outcomes.attrs["horizon"] != str(loaded.problem.horizon)
    horizon = outcomes.attrs["horizon"] if later else None
    patients = [
        patient_of(outcomes, loaded.problem, who) for who in map(str, outcomes["profile"].values)
    ]

    def refit(component: str, power: float) -> xr.DataArray:
        priors = build_priors(loaded)
        name = component.removesuffix(BEFORE)
        if name not in priors:
            refuse("component", component, ", ".join(priors), did_you_mean(name, priors))
        changed = with_power(priors[name], power, before=name != component)
        there = posterior.draws.sizes["chain"] * posterior.draws.sizes["draw"]
        draws = max(there, DEFAULT_DRAWS)  # fewer than the usual would often not converge
        powered = {**priors, name: changed}
        dataset, _ = _sample(loaded, powered, seed=posterior.seed, draws=draws, step=no_step)
        divergences = int(dataset.attrs.pop("divergences"))
        require_convergence(diagnose(dataset), divergences)
        model = ChangedDraws(
            replace(posterior, loaded=loaded, draws=dataset),
            patients,
            horizon=horizon,
            waning=outcomes.attrs.get("waning") or None,
        )
        benefit = bound.net_benefit(model.risks({}))
        return benefit.transpose("chain", "draw", "profile", "option")

    return refit
