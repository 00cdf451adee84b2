"""The figures of a brief: recovery from now on, what could be added, harm by course, bounds."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from riskmodel.evidence.attribution import attribution_bounds
from riskmodel.evidence.brief_checks import plan_summary
from riskmodel.evidence.brief_requests import ResolvedRequest
from riskmodel.evidence.distributions import Distribution
from riskmodel.evidence.small_series import SmallSeries, small_series
from riskmodel.models.drawn_distribution import DrawnDistribution
from riskmodel.models.recovery_conditional import conditional_curve, conditional_draws
from riskmodel.models.recovery_quadrature import integrate_recovery
from riskmodel.models.recovery_result import Recovery, prior_share
from riskmodel.parameters.library import Library
from riskmodel.parameters.schema.brief import (
    CourseHarm,
    NaturalCourse,
    RequestTreatment,
    ResponseSeries,
)
from riskmodel.simulation.course_risk import course_risk, course_source

if TYPE_CHECKING:
    import pandas as pd

PROB = 0.95
POINTS = 25  # of the drawn curve, from now to the horizon
UNIT = "month"
DAYS = 365.25 / 12


_FITTED: dict[str, Recovery] = {}  # by what they were made from: one fit serves every request
_HARM: dict[str, object] = {}


def natural_course(library: Library, course: NaturalCourse) -> tuple[str, Recovery]:
    """Return a plan's natural course, in months since the onset, and what it was made from."""
    summaries = [plan_summary(library, summary, course) for summary in course.summaries]
    key = repr((summaries, course.family, course.never, course.endpoint))
    if key not in _FITTED:
        _FITTED[key] = integrate_recovery(
            summaries,
            family=course.family,
            cure="mixture" if course.never else "none",
            endpoint=course.endpoint,
            time_unit=UNIT,
            time_from="the onset",
        )
    return key, _FITTED[key]


@lru_cache(maxsize=64)
def _judged_alone(made_from: str) -> Recovery | None:
    """Return the fit of those summaries alone whose weight is somebody's judgement."""
    whole = _FITTED[made_from]
    judged = [summary for summary in whole.summaries if summary.assumed]
    if not judged or len(judged) == len(whole.summaries):
        return whole if judged else None
    return integrate_recovery(
        judged,
        family=whole.family,
        cure=whole.cure,
        endpoint=whole.endpoint,
        time_unit=whole.time_unit,
        time_from=whole.time_from,
    )


def natural_table(library: Library, resolved: ResolvedRequest) -> pd.DataFrame:
    """Return recovery from now on, course by course: conditional on not having come there yet.

    Returns
    -------
    pandas.DataFrame
        As of :func:`riskmodel.models.recovery_conditional.conditional_curve`, with ``course``,
        ``label``, ``since_onset`` (months; 0 where it is unknown), ``badge``, and
        ``judged_share``: of the posterior's precision, what prior and judged summaries alone would
        have.
    """
    import pandas as pd

    already = (resolved.since_onset_days or 0.0) / DAYS
    frames = []
    for key, course in resolved.plan.natural_courses.items():
        made_from, _ = natural_course(library, course)
        table = _curve(made_from, already, resolved.plan.horizon.days / DAYS).copy()
        for name, value in (
            ("badge", course.badge),
            ("since_onset", already),
            ("label", course.label),
            ("course", key),
        ):
            table.insert(0, name, value)
        frames.append(table)
    return pd.concat(frames, ignore_index=True)


@lru_cache(maxsize=256)
def _curve(made_from: str, already: float, horizon: float) -> pd.DataFrame:
    further = np.linspace(0, horizon, POINTS)
    table = conditional_curve(_FITTED[made_from], already, further, prob=PROB)
    table["judged_share"] = table["prior_share"]
    judged = _judged_alone(made_from)
    if judged is not None:
        before = conditional_draws(judged, already, further)
        after = conditional_draws(_FITTED[made_from], already, further)
        share = np.atleast_1d(prior_share(before, after))
        table["judged_share"] = np.fmax(share, table["prior_share"])
    return table


# --- what treatment could add ---------------------------------------------------------------------


def added_table(library: Library, resolved: ResolvedRequest) -> pd.DataFrame:
    """Return what the option could add: series by series, and outcome by outcome where it is open.

    Returns
    -------
    pandas.DataFrame
        ``endpoint``, ``a0``, ``evidence`` (left out, chosen, face value), ``untreated`` and
        ``treated`` (means), ``mean``, ``median``, ``lower``, ``upper`` of the difference, ``prob``,
        ``probability_of_benefit``, ``prior_share``, ``by`` (days), ``estimate``,
        ``not_estimable`` (a reason, and then no number).
    """
    import pandas as pd

    plan, asked = resolved.plan, resolved.request.option
    rows = []
    for series in plan.options[asked].series:
        days = series_days(library, series)
        found = _contrast(library, resolved, series, days)
        record = library.statement(series.estimate)
        for row in found.contrast.table.to_dict("records"):
            treated = found.discounted.at(row["a0"])
            rows.append(
                {
                    "endpoint": record.outcome,
                    "course": plan.natural_courses[series.course].label,
                    "a0": row["a0"],
                    "evidence": row["evidence"],
                    "untreated": float(found.comparator.mean()),
                    "treated": float(treated.mean()),
                    "mean": row["mean"],
                    "median": row["median"],
                    "lower": row["lower"],
                    "upper": row["upper"],
                    "prob": row["level"],
                    "probability_of_benefit": row["probability_of_benefit"],
                    "prior_share": 2 / (2 + row["a0"] * found.n),
                    "by": days,
                    "estimate": series.estimate,
                    "not_estimable": "",
                }
            )
    for outcome in resolved.problem.outcomes.values():
        effect = outcome.effects.get(asked)
        if outcome.unwanted or effect is None or effect.not_estimable is None:
            continue
        rows.append(
            {"endpoint": outcome.label, "evidence": "", "not_estimable": effect.not_estimable}
        )
    columns = (
        "endpoint course a0 evidence untreated treated mean median lower upper prob "
        "probability_of_benefit prior_share by estimate not_estimable"
    ).split()
    return pd.DataFrame(rows, columns=columns)


def series_days(library: Library, series: ResponseSeries) -> float:
    """Return by when a series was counted, in days from the start of its treatment."""
    if series.by is not None:
        return series.by.days
    return library.statement(series.estimate).horizon.duration.days


def _contrast(
    library: Library, resolved: ResolvedRequest, series: ResponseSeries, days: float
) -> SmallSeries:
    already = (resolved.since_onset_days or 0.0) / DAYS
    return _series(library, series, _untreated(library, resolved, series, already, days / DAYS))


def _untreated(library, resolved, series, already: float, further: float) -> Distribution:
    _, course = natural_course(library, resolved.plan.natural_courses[series.course])
    draws = conditional_draws(course, already, [further])[:, 0]
    return DrawnDistribution(np.clip(draws, 0.0, 1.0)[None, :])


def _series(library: Library, series: ResponseSeries, untreated: Distribution) -> SmallSeries:
    counts = library.statement(series.estimate).counts
    return small_series(
        int(counts.events),
        int(counts.n),
        comparator=untreated,
        a0=series.discount.a0,
        wanted=True,
        because=series.discount.because,
    )


# --- was a response owed to the treatment? --------------------------------------------------------


def attribution(library: Library, resolved: ResolvedRequest, seed: int) -> pd.DataFrame:
    """Return bounds on the probability that a response is owed to the treatment.

    Of every treatment given before that was followed by a response, and of the option asked about,
    should a response be seen by the time its series was counted.

    Returns
    -------
    pandas.DataFrame
        ``treatment``, ``about`` (observed, or if one is seen), ``a0``, ``evidence``, ``lower``,
        ``upper`` (medians of the bounds), ``least``, ``most`` (the outer ends of their intervals),
        ``untreated``, ``treated``, ``months``, ``not_estimable``.
    """
    import pandas as pd

    rows = []
    for before in resolved.request.prior_treatments:
        if before.response == "response":
            rows += _observed(library, resolved, before, seed)
    already = (resolved.since_onset_days or 0.0) / DAYS
    option = resolved.plan.options[resolved.request.option]
    for series in option.series:
        months = series_days(library, series) / DAYS
        head = {"treatment": option.treatment, "about": "if one is seen"}
        rows += _bounds(library, resolved, series, already, months, seed, head)
    if not option.series:
        rows.append(
            {
                "treatment": option.treatment,
                "about": "if one is seen",
                "not_estimable": "no series of treated patients with a natural course beside it",
            }
        )
    columns = (
        "treatment about a0 evidence lower upper least most untreated treated months not_estimable"
    ).split()
    table = pd.DataFrame(rows, columns=columns)
    table["not_estimable"] = table["not_estimable"].fillna("")
    return table


def _observed(library, resolved, before: RequestTreatment, seed: int) -> list[dict]:
    head = {"treatment": before.treatment, "about": "observed"}
    series = resolved.plan.prior_series.get(before.treatment, [])
    if not series:
        return [{**head, "not_estimable": "no series of treated patients to set it against"}]
    if before.started == "unknown" or before.assessed == "unknown":
        return [{**head, "not_estimable": "when it started, or was assessed, is unknown"}]
    months = (before.assessed.days - before.started.days) / DAYS
    if months <= 0:
        return [{**head, "not_estimable": "it was assessed when it started"}]
    rows = []
    for one in series:
        rows += _bounds(library, resolved, one, before.started.days / DAYS, months, seed, head)
    return rows


def _bounds(library, resolved, series, already, months, seed, head) -> list[dict]:
    untreated = _untreated(library, resolved, series, already, months)
    found = _series(library, series, untreated)
    p0 = untreated.draws.ravel()
    # The two shares are independent: the treated one's quantiles are dealt out at random.
    order = np.random.default_rng(seed).permutation(len(p0))
    rows = []
    for a0, evidence in ((0.0, "left out"), (series.discount.a0, "chosen"), (1.0, "face value")):
        p1 = np.asarray(found.discounted.at(a0).ppf((order + 0.5) / len(p0)))
        lower, upper = attribution_bounds(p0, p1)
        tail = (1 - PROB) / 2
        rows.append(
            {
                **head,
                "a0": a0,
                "evidence": evidence,
                "lower": float(np.median(lower)),
                "upper": float(np.median(upper)),
                "least": float(np.quantile(lower, tail)),
                "most": float(np.quantile(upper, 1 - tail)),
                "untreated": float(p0.mean()),
                "treated": float(p1.mean()),
                "months": months,
                "not_estimable": "",
            }
        )
    return rows


# --- harm by course -------------------------------------------------------------------------------


def harm_table(library: Library, resolved: ResolvedRequest, seed: int) -> pd.DataFrame:
    """Return the probability of at least one event by course, one line a source.

    Returns
    -------
    pandas.DataFrame
        As of :func:`riskmodel.course_risk`, patients alike and, where the plan declares a spread,
        patients who differ; ``outcome`` is the event. Empty where the plan has no such event.
    """
    import pandas as pd

    harm = resolved.plan.options[resolved.request.option].harm
    if harm is None:
        return pd.DataFrame()
    courses = max(2, resolved.courses or harm.courses)
    named = [n for s in harm.sources for n in (s.first, s.later, s.untreated) if n]
    made_from = repr((harm, [library.statement(n) for n in named], courses, seed))
    if made_from not in _HARM:
        _HARM[made_from] = _harm(library, harm, courses, seed)
    table = _HARM[made_from].copy()
    table.insert(0, "outcome", resolved.problem.outcomes[harm.outcome].label)
    return table


def _harm(library: Library, harm: CourseHarm, courses: int, seed: int) -> pd.DataFrame:
    sources = [
        course_source(
            source.label,
            source.first,
            source.later,
            untreated=source.untreated,
            days_at_risk=source.days_at_risk,
            infusions_per_course=source.infusions_per_course,
            kind=source.kind.replace("_", " "),
            seed=seed,
            library=library,
        )
        for source in harm.sources
    ]
    spread = harm.between_patient_spread
    return course_risk(
        sources,
        courses=courses,
        between_patient_sd=[spread.log_hazard_sd] if spread else [0.0],
        seed=seed,
        prob=PROB,
    )


def needed_table(library: Library, resolved: ResolvedRequest, harm: pd.DataFrame) -> pd.DataFrame:
    """Return how much more of the wanted outcome would make up for the harm, source by source.

    Returns
    -------
    pandas.DataFrame
        ``source``, ``excess`` (mean risk beyond the untreated, where that is known, else all of
        it), ``weight``, ``whose``, ``needed``; empty without harm or a panel.

    Notes
    -----
    ``needed = weight of the harm / weight of the benefit x excess``: net benefit is zero there, as
    in :func:`riskmodel.benefit_needed`.
    """
    import pandas as pd

    problem, option = resolved.problem, resolved.plan.options[resolved.request.option]
    if harm.empty or problem.preferences is None:
        return pd.DataFrame()
    panel = library.records("preferences")[problem.preferences.default]
    wanted = [
        name
        for name, weight in panel.weights.items()
        if name in problem.outcomes and not problem.outcomes[name].unwanted and weight.weight > 0
    ]
    if option.harm.outcome not in panel.weights or len(wanted) != 1:
        return pd.DataFrame()
    ratio = panel.weights[option.harm.outcome].weight / panel.weights[wanted[0]].weight
    rows = []
    for row in at_course(harm, resolved.courses).itertuples():
        without = 0.0 if np.isnan(row.untreated) else row.untreated
        excess = row.mean - without
        rows.append(
            {
                "source": row.source,
                "course": row.course,
                "excess": excess,
                "weight": ratio,
                "whose": panel.whose,
                "outcome": problem.outcomes[wanted[0]].label,
                "needed": ratio * excess,
            }
        )
    return pd.DataFrame(rows)


def at_course(harm: pd.DataFrame, courses: int | None) -> pd.DataFrame:
    """Return the rows of a harm table at one course, or the last."""
    return harm[harm["course"] == (courses or harm["course"].max())]
