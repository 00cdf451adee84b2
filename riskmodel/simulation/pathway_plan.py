"""A pathway as arrays: what the simulation of one chunk of patients looks things up in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem
from riskmodel.evidence.conditions import condition_words, holds, named_covariates
from riskmodel.parameters.policies import LoadedPolicy
from riskmodel.parameters.profiles import Patient
from riskmodel.parameters.schema import Duration
from riskmodel.parameters.schema.policy import CourseEvent, PathwayEvent, Stage
from riskmodel.simulation.frailty import hazard_of_risk
from riskmodel.simulation.pathway_parameters import PathwayDraws
from riskmodel.simulation.random_numbers import use_number
from riskmodel.simulation.time_laws import TimeLaw

RECOVERED, DEAD = "recovered", "dead"


@dataclass(frozen=True)
class Exposure:
    """The hazard that a stage's courses bring of one event, along the time in the stage.

    Cumulative over ``t`` days it is ``first * initial(t) + later * repeated(t)`` for the average
    patient, both straight lines between `breaks`.
    """

    event: int
    first: np.ndarray
    later: np.ndarray
    breaks: np.ndarray
    initial: np.ndarray
    repeated: np.ndarray
    stops: bool
    go_to: int


@dataclass(frozen=True)
class StagePlan:
    """One stage as numbers; arrays are by draw."""

    name: str
    luck: int
    response_use: int
    own_use: int
    assess_after: float
    by_response: bool
    on_success: int
    on_failure: int
    share: np.ndarray | None
    response: TimeLaw | None
    ratio: np.ndarray | None
    among_responders: bool
    after: float
    own_share: np.ndarray | None
    own: TimeLaw | None
    courses: int
    every: float
    exposures: tuple[Exposure, ...]


@dataclass(frozen=True)
class EventPlan:
    """One adverse event as numbers; arrays are by draw."""

    name: str
    use: int
    frailty_use: int
    sd: float
    fatal: np.ndarray | None
    background: np.ndarray | None


@dataclass(frozen=True)
class Plan:
    """A pathway for some patients as numbers; arrays are by draw, or by profile where said.

    Parameters
    ----------
    states : tuple of str
        The stages, then recovered, then dead.
    start : ndarray of int, shape (profiles,)
    enter : ndarray of int, shape (profiles, stages)
        Where a patient who is sent to a stage goes, after contraindications.
    since_onset : ndarray, shape (profiles,)
        Days.
    possible : ndarray of bool, shape (profiles,)
        Whether natural recovery is.
    """

    id: str
    states: tuple[str, ...]
    stages: tuple[StagePlan, ...]
    events: tuple[EventPlan, ...]
    horizon: float
    natural: TimeLaw
    never: np.ndarray | None
    response_sd: float
    death_rate: np.ndarray | None
    relapse_rate: np.ndarray | None
    relapse_to: int
    relapse_most: int
    start: np.ndarray
    enter: np.ndarray
    since_onset: np.ndarray
    possible: np.ndarray
    lucks: int

    @property
    def recovered(self) -> int:
        return len(self.stages)

    @property
    def dead(self) -> int:
        return len(self.stages) + 1


def build_plan(
    loaded: LoadedPolicy, patients: Sequence[Patient], draws: PathwayDraws, horizon: float
) -> Plan:
    """Return a pathway as the numbers that its simulation uses.

    Raises
    ------
    ParameterError
        If a condition asks about a covariate that a patient does not state.
    """
    policy = loaded.policy
    names = list(policy.stages)
    index = {name: i for i, name in enumerate(names)}
    enter, start, possible = _ways(loaded, patients, index)
    values = draws.values
    natural = policy.natural_recovery
    # Stages of one treatment share their luck, in one pathway and across those compared.
    keys = [stage.treatment or name for name, stage in policy.stages.items()]
    lucks = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    events = list(policy.events)
    spread = policy.response_spread
    return Plan(
        id=policy.id,
        states=(*names, RECOVERED, DEAD),
        stages=tuple(
            _stage(policy, name, stage, key, lucks[key], index, events, draws)
            for (name, stage), key in zip(policy.stages.items(), keys, strict=True)
        ),
        events=tuple(_event(name, event, values) for name, event in policy.events.items()),
        horizon=horizon,
        natural=draws.laws[natural.time],
        never=values[natural.never.prior] if natural.never else None,
        response_sd=spread.log_odds_sd if spread else 0.0,
        death_rate=_even_rate(policy.death, values),
        relapse_rate=_even_rate(policy.relapse, values),
        relapse_to=index[policy.relapse.go_to] if policy.relapse else -1,
        relapse_most=policy.relapse.at_most if policy.relapse else 0,
        start=start,
        enter=enter,
        since_onset=_since_onset(loaded, patients),
        possible=possible,
        lucks=len(lucks),
    )


def _even_rate(risk, values: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Return the even hazard a day that gives a risk by a time."""
    if risk is None:
        return None
    return hazard_of_risk(values[risk.risk.prior], 0.0) / risk.by.days


def _event(name: str, event: PathwayEvent, values: Mapping[str, np.ndarray]) -> EventPlan:
    spread = event.between_patient_spread
    return EventPlan(
        name=name,
        use=use_number(f"event:{name}"),
        frailty_use=use_number(f"frailty:{name}"),
        sd=spread.log_hazard_sd if spread else 0.0,
        fatal=values[event.fatal.prior] if event.fatal else None,
        background=values[event.background.prior] if event.background else None,
    )


def _stage(policy, name, stage: Stage, key, luck, index, events, draws: PathwayDraws) -> StagePlan:
    values, assess, response, recovery = draws.values, stage.assess, stage.response, stage.recovery
    own = recovery.own if recovery else None
    courses = stage.courses
    repeated = courses is not None and isinstance(courses.every, Duration)
    share = values[response.share.prior] if response else None
    if share is not None and policy.response_spread:
        share = mean_logit(share, policy.response_spread.log_odds_sd)
    return StagePlan(
        name=name,
        luck=luck,
        response_use=use_number(f"response:{key}"),
        own_use=use_number(f"own recovery:{key}"),
        assess_after=assess.after.days if assess else np.inf,
        by_response=bool(assess and assess.success == "response"),
        on_success=index[assess.on_success] if assess and assess.on_success else -1,
        on_failure=index[assess.on_failure] if assess else -1,
        share=share,
        response=draws.laws[response.time] if response else None,
        ratio=values[recovery.hazard_ratio.prior] if recovery and recovery.hazard_ratio else None,
        among_responders=bool(recovery and recovery.among == "responders"),
        after=recovery.after.days if recovery and recovery.after else 0.0,
        own_share=values[own.share.prior] if own else None,
        own=draws.laws[own.time] if own else None,
        courses=courses.at_most if courses else 0,
        every=courses.every.days if repeated else np.inf,
        exposures=tuple(
            _exposure(policy, stage, event, of_course, events, index, values)
            for event, of_course in stage.events.items()
        ),
    )


def mean_logit(risk: np.ndarray, sd: float) -> np.ndarray:
    """Return the log odds of the middle patient at which the mean over patients is a risk.

    Patients' log odds are normal around it with standard deviation `sd`.

    Examples
    --------
    >>> float(mean_logit(np.array([0.5]), 1.0).round(9)[0])
    0.0
    """
    from scipy.special import expit, logit, roots_hermitenorm

    nodes, weights = roots_hermitenorm(61)
    weights = weights / weights.sum()
    target = np.clip(risk, 1e-12, 1 - 1e-12)
    middle = logit(target)
    low, high = middle - 8 * sd - 8 * sd**2, middle + 8 * sd + 8 * sd**2
    for _ in range(200):
        middle = (low + high) / 2
        over = expit(middle[:, None] + sd * nodes) @ weights > target
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return middle


def _exposure(policy, stage: Stage, event, of_course: CourseEvent, events, index, values):
    courses, shown = stage.courses, policy.events[event]
    sd = shown.between_patient_spread.log_hazard_sd if shown.between_patient_spread else 0.0
    first = hazard_of_risk(values[of_course.first_course.prior], sd)
    later = first
    if of_course.later_courses:
        later = hazard_of_risk(values[of_course.later_courses.prior], sd)
    every = courses.every.days if isinstance(courses.every, Duration) else np.inf
    for change, amount in (
        (of_course.dose, courses.dose and courses.dose.value),
        (of_course.infusion_rate, courses.infusion_rate and courses.infusion_rate.value),
    ):
        if change:
            factor = _factor(change, amount, values)
            first, later = first * factor, later * factor
    if of_course.interval and np.isfinite(every):
        later = later * _factor(of_course.interval, every, values)
    ends = np.array([0.0, *(window.until.days for window in shown.windows)])
    reached = np.array([0.0, *np.cumsum([window.share for window in shown.windows])])
    starts = every * np.arange(1, courses.at_most) if courses.at_most > 1 else np.zeros(0)
    breaks = np.unique(np.concatenate([ends, *(start + ends for start in starts)]))
    repeated = sum((np.interp(breaks - s, ends, reached) for s in starts), np.zeros(breaks.size))
    return Exposure(
        event=events.index(event),
        first=first,
        later=later,
        breaks=breaks,
        initial=np.interp(breaks, ends, reached),
        repeated=repeated,
        stops=of_course.stops,
        go_to=index[of_course.go_to] if of_course.go_to else -1,
    )


def _factor(change, amount: float, values: Mapping[str, np.ndarray]) -> np.ndarray:
    return values[change.hazard_ratio.prior] ** ((amount - change.reference) / change.per)


# --- patients -------------------------------------------------------------------------------------


def _ways(loaded: LoadedPolicy, patients: Sequence[Patient], index: Mapping[str, int]):
    """Return for each patient where each stage leads after contraindications, the start, and
    whether natural recovery is possible."""
    policy = loaded.policy
    problems: list[Problem] = []
    enter = np.zeros((len(patients), len(index)), dtype=np.int64)
    start = np.zeros(len(patients), dtype=np.int64)
    possible = np.ones(len(patients), dtype=bool)

    def told(condition, patient: Patient) -> bool:
        answer = holds(condition, patient.values)
        if answer is None:
            unknown = [n for n in sorted(named_covariates(condition)) if patient.values[n] is None]
            problems.append(
                Problem(
                    field=unknown[0],
                    found=NOTHING,
                    allowed=f"a value for {patient.id}, so that it can be told whether "
                    f"{condition_words(condition)}",
                    remedy=f"add `{unknown[0]}` to the profile",
                )
            )
        return bool(answer)

    for i, patient in enumerate(patients):
        direct = {
            name: next((r.go_to for r in stage.not_for if told(r.when, patient)), name)
            for name, stage in policy.stages.items()
        }
        for name in policy.stages:
            enter[i, index[name]] = index[_final(name, direct)]
        first = next(rule.stage for rule in policy.start if told(rule.when, patient))
        start[i] = enter[i, index[first]]
        possible[i] = told(policy.natural_recovery.when, patient)
    if problems:
        raise ParameterError(dict.fromkeys(problems))
    return enter, start, possible


def _final(name: str, direct: Mapping[str, str]) -> str:
    while direct[name] != name:
        name = direct[name]
    return name


def _since_onset(loaded: LoadedPolicy, patients: Sequence[Patient]) -> np.ndarray:
    since = loaded.policy.natural_recovery.since_onset
    if since is None:
        return np.zeros(len(patients))
    problems, days = [], []
    unit = Duration(value=1.0, unit=since.unit).days
    for patient in patients:
        value = patient.values[since.covariate]
        if value is None or value < 0:
            problems.append(
                Problem(
                    field=since.covariate,
                    found=NOTHING if value is None else value,
                    allowed=f"{since.unit}s since the onset, at least 0, for {patient.id}",
                    remedy="natural recovery is counted from the onset; state it in the profile",
                )
            )
            continue
        days.append(value * unit)
    if problems:
        raise ParameterError(problems)
    return np.array(days)


def passed_over(loaded: LoadedPolicy, patient: Patient) -> dict[str, str]:
    """Return the stages that are not for a patient, and why."""
    return {
        stage.label: Phrase(rule.because)
        for stage in loaded.policy.stages.values()
        for rule in stage.not_for
        if holds(rule.when, patient.values)
    }
