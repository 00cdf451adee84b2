"""The probability of at least one event by course K, source by source, over patients who differ.

Sources that count in different ways stay apart: a risk per course grows with courses, a risk per
patient over a trial does not, and nothing here averages the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem
from riskmodel.evidence.measures import log_standard_error, standard_error
from riskmodel.parameters.library import Library, load_library
from riskmodel.parameters.policies import LoadedPolicy
from riskmodel.parameters.schema import RATIO_MEASURES, Estimate
from riskmodel.simulation.frailty import Family, hazard_of_risk, survival
from riskmodel.simulation.random_numbers import uniform

if TYPE_CHECKING:
    import pandas as pd

Denominator = Literal["course", "infusion", "patient", "day"]
DRAWS = 4000
MOST_COURSES = 400
AS_STUDIED = "as studied"
_DENOMINATORS: dict[str | None, Denominator] = {
    None: "patient",
    "patients": "patient",
    "courses": "course",
    "infusions": "infusion",
}


@dataclass(frozen=True)
class CourseSource:
    """What one source says of an event under repeated courses, in its own denominator.

    Parameters
    ----------
    label : str
    first : tuple, float or array_like
        Of the first course: ``(events, n)``, a risk that is taken as known, or draws of it. Of a
        denominator "day": of the hazard ratio on the days at risk, ``(value, lower, upper)`` of
        its 95% interval, or draws.
    later : tuple, float or array_like, optional
        Of every later course; None: as the first.
    denominator : {"course", "infusion", "patient", "day"}
        What was counted. "patient": over a follow-up whose courses were not counted, so that the
        line is flat. "day": a ratio on so many days of each course over an untreated hazard.
    infusions_per_course : int, optional
        Needed for "infusion".
    days_at_risk, untreated_per_day : float, optional
        Needed for "day": days of each course on which the ratio holds, and the hazard without.
    kind : str
        Of source: a series without comparator, pooled trials, a claims cohort.
    estimand : str
        What its risk is of.
    """

    label: str
    first: object
    later: object = None
    denominator: Denominator = "course"
    infusions_per_course: int | None = None
    days_at_risk: float | None = None
    untreated_per_day: float | None = None
    kind: str = ""
    estimand: str = "any event"


def course_risk(
    sources: CourseSource | Sequence[CourseSource],
    *,
    courses: int = 12,
    between_patient_sd: float | Sequence[float] = 0.0,
    family: Family = "lognormal",
    scenarios: Mapping[str, float | tuple[float, float, float]] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    prob: float = 0.95,
) -> pd.DataFrame:
    """Return the probability of at least one event by each course, one line for each source.

    Parameters
    ----------
    sources : CourseSource or sequence of CourseSource
    courses : int
        The last course, K.
    between_patient_sd : float or sequence of float
        Of the logarithm of a patient's frailty (or of a gamma frailty itself); each value gives
        lines of its own. It is integrated over, never plugged in.
    family : {"lognormal", "gamma"}
    scenarios : mapping of str to float or (value, lower, upper), optional
        What every hazard is multiplied by under a slower infusion, another dose and so on: a
        number, or a ratio with its 95% interval. The sources as studied are always there.
    draws, seed
        Of what the sources leave open.
    prob : float
        Of the equal-tailed credible intervals.

    Returns
    -------
    DataFrame
        source, kind, denominator, estimand, scenario, between_patient_sd, course, mean, median,
        lower, upper, prob, plug_in (the mean without a frailty, as if each course were a new
        patient), untreated (on the same days; only of "day"), by_course (False: flat, for the
        source did not count courses).

    Raises
    ------
    ParameterError
        If a source mixes denominators, lacks what its denominator needs, or a number cannot be.

    Notes
    -----
    With ``h_k`` the cumulative hazard that course ``k`` adds to the average patient, solved from
    the risk that was counted, and a frailty ``F`` of mean 1:
    ``P(by K) = 1 - E[prod_k (1 - r_k(F))] = 1 - E[exp(-F sum_k h_k)]``. Since a patient's courses
    share ``F``, this lies below the plug-in ``1 - prod_k (1 - r_k)``.

    Examples
    --------
    >>> series = CourseSource("a series", first=0.12, later=0.004)
    >>> table = course_risk(series, courses=2, between_patient_sd=[0.0, 1.0])
    >>> table["mean"].round(4).tolist()
    [0.12, 0.1235, 0.12, 0.1229]
    """
    import pandas as pd

    sources = [sources] if isinstance(sources, CourseSource) else list(sources)
    spreads = np.atleast_1d(np.asarray(between_patient_sd, dtype=float)).tolist()
    _check(sources, courses, draws, prob)
    changes = {AS_STUDIED: 1.0, **(scenarios or {})}
    rows: list[pd.DataFrame] = []
    for number, source in enumerate(sources):
        for scenario, change in changes.items():
            factor = _ratio(change, draws, seed, f"scenario:{scenario}", scenario)
            for sd in spreads if source.denominator != "patient" else spreads[:1]:
                rows.append(
                    _line(source, number, scenario, factor, sd, family, courses, draws, seed, prob)
                )
    return pd.concat([part for part in rows if len(part)], ignore_index=True)


def _line(source, number, scenario, factor, sd, family, courses, draws, seed, prob):
    """Return the rows of one source, scenario and spread."""
    import pandas as pd

    by_course = source.denominator != "patient"
    if not by_course and scenario != AS_STUDIED:
        return pd.DataFrame()  # per patient and not by course: no hazard that could be multiplied
    use = f"course risk:{number}"
    first, later, untreated = _hazards(source, sd, family, draws, seed, use)
    plain_first, plain_later, _ = _hazards(source, 0.0, family, draws, seed, use)
    tail = (1 - prob) / 2
    rows = []
    for course in range(1, courses + 1):
        if by_course:
            hazard = factor * (first + (course - 1) * later)
            risk = 1 - survival(hazard, sd, family)
            plug_in = float(-np.expm1(-factor * (plain_first + (course - 1) * plain_later)).mean())
        else:
            risk = _risk(source.first, draws, seed, f"{use}:first", source)
            plug_in = float("nan")
        rows.append(
            {
                "course": course,
                "mean": float(risk.mean()),
                "median": float(np.median(risk)),
                "lower": float(np.quantile(risk, tail)),
                "upper": float(np.quantile(risk, 1 - tail)),
                "prob": prob,
                "plug_in": plug_in,
                "untreated": float(-np.expm1(-untreated * course)),
                "by_course": by_course,
            }
        )
    table = pd.DataFrame(rows)
    head = {
        "source": source.label,
        "kind": source.kind,
        "denominator": source.denominator,
        "estimand": source.estimand,
        "scenario": scenario,
        "between_patient_sd": sd if by_course else float("nan"),
    }
    for place, (key, value) in enumerate(head.items()):
        table.insert(place, key, value)
    return table


def _hazards(source: CourseSource, sd: float, family: Family, draws: int, seed: int, use: str):
    """Return the average patient's hazard of a first and a later course, and the untreated one."""
    nothing = float("nan")
    if source.denominator == "patient":
        return None, None, nothing
    if source.denominator == "day":
        base = source.untreated_per_day * source.days_at_risk
        first = _ratio(source.first, draws, seed, f"{use}:first", source.label) * base
        later = first
        if source.later is not None:
            later = _ratio(source.later, draws, seed, f"{use}:later", source.label) * base
        return first, later, base
    each = source.infusions_per_course if source.denominator == "infusion" else 1
    first = each * hazard_of_risk(
        _risk(source.first, draws, seed, f"{use}:first", source), sd, family
    )
    if source.later is None:
        return first, first, nothing
    later = hazard_of_risk(_risk(source.later, draws, seed, f"{use}:later", source), sd, family)
    return first, each * later, nothing


# --- what a source leaves open --------------------------------------------------------------------


def _risk(value, draws: int, seed: int, use: str, source: CourseSource) -> np.ndarray:
    """Return draws of a risk: Jeffreys' Beta of counts, or what was given."""
    if isinstance(value, tuple):
        from scipy.special import betaincinv

        events, n = value
        if not 0 <= events <= n or n <= 0:
            _refuse(source.label, value, "(events, n) with events from 0 to n", "check the counts")
        return betaincinv(events + 0.5, n - events + 0.5, uniform(seed, 0, np.arange(draws), use))
    array = np.asarray(value, dtype=float).ravel()
    # A difference of risks, per patient, may be negative; a risk may not.
    lowest = -1.0 if source.denominator == "patient" else 0.0
    if array.size == 0 or not ((array >= lowest) & (array <= 1)).all():
        _refuse(source.label, value, f"risks from {lowest:g} to 1", "divide percentages by 100")
    return np.resize(array, draws)


def _ratio(value, draws: int, seed: int, use: str, name: str) -> np.ndarray:
    """Return draws of a ratio: log-normal of an interval, or what was given."""
    if isinstance(value, tuple):
        from scipy.special import ndtri

        point, lower, upper = value
        if not 0 < lower <= point <= upper:
            _refuse(name, value, "(value, lower, upper), all above 0", "check the interval")
        error = log_standard_error(lower, upper, 0.95)
        return point * np.exp(error * ndtri(uniform(seed, 0, np.arange(draws), use)))
    array = np.asarray(value, dtype=float).ravel()
    if array.size == 0 or not ((array >= 0) & np.isfinite(array)).all():
        _refuse(name, value, "ratios of at least 0", "a reduction of 40% is a ratio of 0.6")
    return np.resize(array, draws)


def _check(sources: Sequence[CourseSource], courses: int, draws: int, prob: float) -> None:
    problems = []
    for name, value, most in (("courses", courses, MOST_COURSES), ("draws", draws, 10**6)):
        if not (isinstance(value, (int, np.integer)) and 1 <= value <= most):
            problems.append(
                Problem(
                    field=name,
                    found=value,
                    allowed=f"a whole number from 1 to {most}",
                    remedy="write for example 12",
                )
            )
    if not 0 < prob < 1:
        problems.append(
            Problem(field="prob", found=prob, allowed="above 0 and below 1", remedy="write 0.95")
        )
    if len({source.label for source in sources}) < len(sources) or not sources:
        problems.append(
            Problem(
                field="sources",
                found=Phrase(", ".join(source.label for source in sources) or NOTHING),
                allowed="one source or more, each under a label of its own",
                remedy="name each source; two of them are never averaged",
            )
        )
    needs = {"infusion": ("infusions_per_course",), "day": ("days_at_risk", "untreated_per_day")}
    for source in sources:
        if source.denominator not in ("course", "infusion", "patient", "day"):
            problems.append(
                Problem(
                    field=f"{source.label}.denominator",
                    found=source.denominator,
                    allowed="course, infusion, patient or day",
                    remedy="say what the source counted",
                )
            )
        if source.denominator == "patient" and source.later is not None:
            problems.append(
                Problem(
                    field=f"{source.label}.later",
                    found=Phrase("a later course, of a risk per patient"),
                    allowed="nothing: a risk per patient over a follow-up is not by course",
                    remedy="patients, courses and infusions are not exchanged; name the source's "
                    "counts per course",
                )
            )
        for part in (p for parts in needs.values() for p in parts):
            value, wanted = getattr(source, part), part in needs.get(source.denominator, ())
            if wanted != (value is not None) or (wanted and not value > 0):
                problems.append(
                    Problem(
                        field=f"{source.label}.{part}",
                        found=NOTHING if value is None else value,
                        allowed="a number above 0"
                        if wanted
                        else f"nothing, for a denominator of {source.denominator}",
                        remedy=f"add {part}" if wanted else "leave it out",
                    )
                )
    if problems:
        raise ParameterError(problems)


# --- from records ---------------------------------------------------------------------------------


def course_source(
    label: str,
    first: str | Estimate,
    later: str | Estimate | None = None,
    *,
    untreated: str | Estimate | None = None,
    days_at_risk: float | None = None,
    infusions_per_course: int | None = None,
    kind: str = "",
    draws: int = DRAWS,
    seed: int = 0,
    library: Library | None = None,
) -> CourseSource:
    """Return what records of the library say, in the denominator that they count in.

    Parameters
    ----------
    label : str
    first, later : str or Estimate
        An id, or a record: counts or a risk (its ``unit_of_analysis`` is the denominator), a risk
        difference (per patient), or a ratio (per day at risk, over `untreated`).
    untreated : str or Estimate, optional
        Of a ratio: a risk with a stated length of time.
    days_at_risk : float, optional
        Of a ratio: on how many days of a course it holds.
    infusions_per_course : int, optional
    kind : str
    draws, seed
        Of a difference's or ratio's interval.
    library : Library, optional

    Raises
    ------
    ParameterError
        If first and later courses are counted in different units, or a record has no spread.

    Examples
    --------
    >>> source = course_source("one centre", "ivig_neuropathy_tec_first_courses",
    ...                        "ivig_neuropathy_tec_later_courses")
    >>> source.denominator, source.first, source.later
    ('course', (3.0, 25), (2.0, 591))
    """
    known = library or load_library()
    records = [
        known.statement(part) if isinstance(part, str) else part
        for part in (first, later, untreated)
    ]
    one, other, without = records
    units = {_counted(part) for part in (one, other) if part is not None}
    if len(units) > 1:
        _refuse(
            label,
            Phrase(f"{one.id} per {_counted(one)}, {other.id} per {_counted(other)}"),
            "one denominator for first and later courses",
            "patients, courses and infusions are not exchanged",
        )
    (unit,) = units
    use = f"record:{label}"
    estimand = "excess risk" if one.measure == "risk_difference" else "any event"
    return CourseSource(
        label=label,
        first=_value(one, draws, seed, f"{use}:first"),
        later=None if other is None else _value(other, draws, seed, f"{use}:later"),
        denominator=unit,
        infusions_per_course=infusions_per_course,
        days_at_risk=days_at_risk,
        untreated_per_day=None if without is None else _even_hazard(label, without),
        kind=kind,
        estimand=f"{estimand}: {one.outcome}",
    )


def _counted(record: Estimate) -> Denominator:
    if record.measure in RATIO_MEASURES:
        return "day"
    return _DENOMINATORS.get(record.unit_of_analysis, "patient")


def _even_hazard(label: str, record: Estimate) -> float:
    duration = record.horizon.duration
    if duration is None or record.measure != "risk":
        _refuse(
            label,
            Phrase(f"{record.id}, a {record.measure} over {record.horizon}"),
            "a risk over a stated length of time",
            "name the untreated risk that the ratio belongs to",
        )
    return float(-np.log1p(-record.number) / duration.days)


def _value(record: Estimate, draws: int, seed: int, use: str):
    """Return counts, an interval, or draws of a difference; never a bare point."""
    if record.measure == "risk" and record.counts is not None:
        return record.counts.events, record.counts.n
    limits = record.limits
    if limits is not None and record.interval.level is not None:
        level = record.interval.level
        if record.measure in RATIO_MEASURES and level == 0.95:
            return record.number, *limits
        if record.measure == "risk_difference":
            from scipy.special import ndtri

            scores = ndtri(uniform(seed, 0, np.arange(draws), use))
            return record.number + standard_error(*limits, level) * scores
    _refuse(
        record.id,
        Phrase(f"a {record.measure} without counts or an interval that can be used"),
        "counts, a risk difference with its interval, or a ratio with its 95% interval",
        "a point alone is no distribution",
    )


def policy_course_sources(
    loaded: LoadedPolicy, event: str, *, draws: int = DRAWS, seed: int = 0
) -> list[CourseSource]:
    """Return the sources that a pathway lists for an event under repeated courses.

    Examples
    --------
    >>> from riskmodel.evidence.policies import load_policy
    >>> policy = load_policy("stepwise_immunotherapy")
    >>> [s.denominator for s in policy_course_sources(policy, "thromboembolism")]
    ['course', 'patient', 'day']
    """
    if event not in loaded.policy.events:
        _refuse("event", event, ", ".join(loaded.policy.events), "name one of the pathway's events")
    return [
        course_source(
            source.label,
            loaded.statements[source.first],
            loaded.statements[source.later] if source.later else None,
            untreated=loaded.statements[source.untreated] if source.untreated else None,
            days_at_risk=source.days_at_risk,
            infusions_per_course=source.infusions_per_course,
            kind=source.kind.replace("_", " "),
            draws=draws,
            seed=seed,
        )
        for source in loaded.policy.events[event].course_sources
    ]


def _refuse(field: str, found, allowed: str, remedy: str):
    raise ParameterError([Problem(field=field, found=found, allowed=allowed, remedy=remedy)])
