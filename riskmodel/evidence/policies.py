"""A treatment pathway ready to be simulated: checked, its priors and its times as distributions."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from statistics import NormalDist
from typing import Literal

from riskmodel.errors import ParameterError, RiskModelWarning
from riskmodel.evidence.priors import Prior, build_priors
from riskmodel.parameters.marked_yaml import Location
from riskmodel.parameters.policies import LoadedPolicy, find_policy, resolve_policy
from riskmodel.parameters.schema import Policy
from riskmodel.parameters.schema.policy import TimeSpecification

# What the two ends of a range are, as probabilities from patient to patient.
MEANINGS = {"plausible_limits": (0.025, 0.975), "q05_q95": (0.05, 0.95), "iqr": (0.25, 0.75)}

Kind = Literal["risk", "course_risk", "ratio", "rate"]


def load_policy(name: str | Path | LoadedPolicy) -> LoadedPolicy:
    """Return a checked treatment pathway by its shipped id or the path of its file.

    Parameters
    ----------
    name : str or pathlib.Path or LoadedPolicy
        What is loaded already is returned as it is.

    Returns
    -------
    LoadedPolicy

    Raises
    ------
    ParameterError
        With everything `riskmodel check` finds wrong with it. Warnings are issued as
        RiskModelWarning.

    Examples
    --------
    >>> load_policy("stepwise_immunotherapy").policy.horizon.unit
    'month'
    """
    from riskmodel.evidence.policy_checks import check_policy

    if isinstance(name, LoadedPolicy):
        return name
    library, entry = find_policy(name)
    found = check_policy(library, entry)
    stops = [problem for problem in found if problem.severity != "W"]
    if stops:
        raise ParameterError(stops)
    for problem in found:
        warnings.warn(str(problem), RiskModelWarning, stacklevel=2)
    return resolve_policy(library, entry)


def policy_priors(loaded: LoadedPolicy) -> dict[str, Prior]:
    """Return the priors of a pathway by name."""
    return build_priors(loaded, list(loaded.policy.priors))


@dataclass(frozen=True)
class TimeDistribution:
    """How long something takes from patient to patient.

    Parameters
    ----------
    family : {"lognormal", "weibull", "loglogistic", "exponential", "fixed"}
    median : float
        In days.
    shape : float
        Standard deviation of the logarithm (lognormal) or the shape; 1 for an exponential, nan
        for a fixed time.
    log_sd : float
        Standard deviation of the logarithm of the median: how unsure it is; 0 where it is taken
        as known.
    """

    family: str
    median: float
    shape: float
    log_sd: float


def time_distribution(loaded: LoadedPolicy, name: str) -> TimeDistribution:
    """Return one of a pathway's `times` as a distribution over patients.

    Notes
    -----
    Two ends at probabilities ``a`` and ``b`` give a lognormal of median ``sqrt(lower upper)`` and
    log standard deviation ``log(upper / lower) / (z_b - z_a)``; a Weibull of shape
    ``log(log(1 - b) / log(1 - a)) / log(upper / lower)``; a log-logistic of shape
    ``(logit b - logit a) / log(upper / lower)``.
    """
    specification = loaded.policy.times[name]
    log_sd = specification.log_sd or 0.0
    if specification.median is not None:
        shape = {"exponential": 1.0, "fixed": float("nan")}.get(
            specification.family, specification.shape
        )
        return TimeDistribution(
            specification.family, specification.median.days, float(shape), log_sd
        )
    span = specification.range or loaded.time_ranges[specification.from_].span
    lower, upper = span.days
    return TimeDistribution(
        specification.family, *_through(specification, lower, upper), log_sd=log_sd
    )


def _through(specification: TimeSpecification, lower: float, upper: float) -> tuple[float, float]:
    """Return median and shape of the family that has two ends at the probabilities they mean."""
    a, b = MEANINGS[specification.meaning]
    width = log(upper / lower)
    if specification.family == "lognormal":
        z = NormalDist().inv_cdf
        sigma = width / (z(b) - z(a))
        return exp(log(lower) - sigma * z(a)), sigma
    if specification.family == "weibull":
        shape = log(log(1 - b) / log(1 - a)) / width
        return lower * (log(2) / -log(1 - a)) ** (1 / shape), shape
    shape = (log(b / (1 - b)) - log(a / (1 - a))) / width
    return lower * ((1 - a) / a) ** (1 / shape), shape


def prior_uses(policy: Policy) -> Iterator[tuple[Location, str, Kind]]:
    """Yield where a pathway names a prior, its name, and what kind of number it must be."""
    natural = policy.natural_recovery
    if natural.never:
        yield ("natural_recovery", "never", "prior"), natural.never.prior, "risk"
    if policy.death:
        yield ("death", "risk", "prior"), policy.death.risk.prior, "risk"
    if policy.relapse:
        yield ("relapse", "risk", "prior"), policy.relapse.risk.prior, "risk"
    for key, event in policy.events.items():
        for part, kind in (("fatal", "risk"), ("background", "rate")):
            reference = getattr(event, part)
            if reference:
                yield ("events", key, part, "prior"), reference.prior, kind
    for key, stage in policy.stages.items():
        place = ("stages", key)
        if stage.response:
            yield (*place, "response", "share", "prior"), stage.response.share.prior, "risk"
        recovery = stage.recovery
        if recovery and recovery.hazard_ratio:
            yield (
                (*place, "recovery", "hazard_ratio", "prior"),
                recovery.hazard_ratio.prior,
                "ratio",
            )
        if recovery and recovery.own:
            yield (*place, "recovery", "own", "share", "prior"), recovery.own.share.prior, "risk"
        for event, of_course in stage.events.items():
            spot = (*place, "events", event)
            for part in ("first_course", "later_courses"):
                reference = getattr(of_course, part)
                if reference:
                    yield (*spot, part, "prior"), reference.prior, "course_risk"
            for part in ("dose", "infusion_rate", "interval"):
                change = getattr(of_course, part)
                if change:
                    yield (*spot, part, "hazard_ratio", "prior"), change.hazard_ratio.prior, "ratio"


def time_uses(policy: Policy) -> Iterator[tuple[Location, str]]:
    """Yield where a pathway names one of its times, and the name."""
    yield ("natural_recovery", "time"), policy.natural_recovery.time
    for key, stage in policy.stages.items():
        if stage.response:
            yield ("stages", key, "response", "time"), stage.response.time
        if stage.recovery and stage.recovery.own:
            yield ("stages", key, "recovery", "own", "time"), stage.recovery.own.time


def steps(policy: Policy) -> Iterator[tuple[Location, str, str]]:
    """Yield each way from stage to stage: where it is written, from which, to which."""
    for key, stage in policy.stages.items():
        place = ("stages", key)
        for i, rule in enumerate(stage.not_for):
            yield (*place, "not_for", i, "go_to"), key, rule.go_to
        if stage.assess:
            yield (*place, "assess", "on_failure"), key, stage.assess.on_failure
            if stage.assess.on_success:
                yield (*place, "assess", "on_success"), key, stage.assess.on_success
        for event, of_course in stage.events.items():
            if of_course.go_to:
                yield (*place, "events", event, "go_to"), key, of_course.go_to
