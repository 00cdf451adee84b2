"""What a brief's plan and a request must pass: known names, and figures that can be used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, did_you_mean
from riskmodel.evidence.recovery_summaries import RecoverySummary, recovery_summary
from riskmodel.evidence.statement_checks import check_name
from riskmodel.parameters.identifiers import check_identifiers
from riskmodel.parameters.library import STATEMENTS, Entry, Library
from riskmodel.parameters.schema import BriefPlan, DecisionProblem, Estimate
from riskmodel.parameters.schema.brief import NaturalCourse, PlanSummary, ResponseSeries

Fault = Callable[..., Problem]


def check_plan(library: Library, entry: Entry) -> list[Problem]:
    """Return what is wrong with a brief's plan and the records that it names.

    Parameters
    ----------
    library : Library
    entry : Entry
        Of a BriefPlan.
    """
    plan: BriefPlan = entry.record

    def fault(*part, **words) -> Problem:
        return entry.document.problem((*entry.location, *part), **words)

    found = list(_unknown_names(library, plan, fault))
    if found:
        return found
    problem: DecisionProblem = library.records("problem")[plan.problem]
    found += check_name(plan.id, entry)
    found += check_identifiers(entry.document)
    for name in plan.covariates:
        if name in problem.covariates:
            found.append(
                fault(
                    "covariates",
                    name,
                    found=name,
                    allowed="covariates that the problem does not have",
                    remedy="leave it out: the problem declares it",
                )
            )
    for key, course in plan.natural_courses.items():
        found += _course_faults(library, key, course, fault)
    for place, series in plan_series(plan):
        found += _series_faults(library, series, place, fault)
    for key, scale in plan.scales.items():
        if scale.least_change is not None:
            found += _change_faults(library, key, scale, fault)
    return found + list(_unverified(library, plan, fault))


def plan_records(plan: BriefPlan) -> list[str]:
    """Return the ids of every statement that a plan names, each once, in order."""
    names: list[str] = []
    for course in plan.natural_courses.values():
        names += [summary.record for summary in course.summaries]
    names += [series.estimate for _, series in plan_series(plan)]
    for option in plan.options.values():
        names += option.regimens
        if option.harm:
            for source in option.harm.sources:
                names += [n for n in (source.first, source.later, source.untreated) if n]
    names += [scale.from_ for scale in plan.scales.values() if scale.from_]
    for measure in plan.measures:
        names += [measure.estimate, measure.by]
    return list(dict.fromkeys([*names, *plan.evidence]))


def plan_series(plan: BriefPlan) -> Iterator[tuple[tuple, ResponseSeries]]:
    """Yield each uncontrolled series of a plan with its place in the file."""
    for key, option in plan.options.items():
        for i, series in enumerate(option.series):
            yield ("options", key, "series", i), series
    for key, listed in plan.prior_series.items():
        for i, series in enumerate(listed):
            yield ("prior_series", key, i), series


def plan_summary(library: Library, summary: PlanSummary, course: NaturalCourse) -> RecoverySummary:
    """Return a plan's record as a statement on recovery.

    Raises
    ------
    ParameterError
        If the record cannot be one, or leaves open what the plan does not say.
    """
    said: dict = {"endpoint": course.endpoint}
    for name in ("meaning", "of", "n"):
        if getattr(summary, name) is not None:
            said[name] = getattr(summary, name)
    if summary.by == "ever":
        said["by"] = float("inf")
    elif summary.by is not None:
        said |= {"by": summary.by.value, "unit": summary.by.unit}
    if summary.effective_sample_size is not None:
        said |= {"effective_sample_size": summary.effective_sample_size, "whose": course.whose}
    return recovery_summary(library.statement(summary.record), **said)


# --- names ----------------------------------------------------------------------------------------


def _unknown_names(library: Library, plan: BriefPlan, fault: Fault) -> Iterator[Problem]:
    problem = library.records("problem").get(plan.problem)
    if problem is None:
        known = library.records("problem")
        yield fault(
            "problem",
            found=plan.problem,
            allowed="the id of a decision problem",
            remedy=did_you_mean(plan.problem, known),
        )
        return
    statements = {name for kind in STATEMENTS.values() for name in library.entries[kind]}
    treatments, groups = library.entries["treatment"], library.entries["group"]
    covariates = {**problem.covariates, **plan.covariates}
    estimates, regimens = library.entries["estimate"], library.entries["regimen"]
    timed = {*library.entries["time_range"], *library.entries["window"]}
    wanted: list[tuple[str, Iterable[str], str, tuple]] = []
    for key, diagnosis in plan.diagnoses.items():
        wanted.append(("group", groups, diagnosis.group, ("diagnoses", key, "group")))
    if plan.grade:
        wanted.append(("covariate", covariates, plan.grade, ("grade",)))
    for key, before in plan.prior_treatments.items():
        place = ("prior_treatments", key)
        wanted.append(("treatment", treatments, key, place))
        for i, name in enumerate(before.counts_as):
            wanted.append(("treatment", treatments, name, (*place, "counts_as", i)))
        for i, name in enumerate(before.failure_sets):
            wanted.append(("covariate", covariates, name, (*place, "failure_sets", i)))
    for key, course in plan.natural_courses.items():
        place = ("natural_courses", key)
        if course.outcome:
            wanted.append(("outcome", problem.outcomes, course.outcome, (*place, "outcome")))
        for i, summary in enumerate(course.summaries):
            known = {*estimates, *library.entries["time_range"]}
            spot = (*place, "summaries", i, "record")
            wanted.append(("estimate or time range", known, summary.record, spot))
    for place, series in plan_series(plan):
        wanted.append(("estimate", estimates, series.estimate, (*place, "estimate")))
        wanted.append(("natural course", plan.natural_courses, series.course, (*place, "course")))
    for key in plan.prior_series:
        wanted.append(("treatment", plan.prior_treatments, key, ("prior_series", key)))
    for key, option in plan.options.items():
        place = ("options", key)
        wanted.append(("option", problem.options, key, place))
        wanted.append(("treatment", treatments, option.treatment, (*place, "treatment")))
        for i, name in enumerate(option.also):
            wanted.append(("treatment", treatments, name, (*place, "also", i)))
        for i, name in enumerate(option.regimens):
            wanted.append(("regimen", regimens, name, (*place, "regimens", i)))
        if option.harm:
            spot = (*place, "harm", "outcome")
            wanted.append(("outcome", problem.outcomes, option.harm.outcome, spot))
            for i, source in enumerate(option.harm.sources):
                for part in ("first", "later", "untreated"):
                    name = getattr(source, part)
                    if name:
                        spot = (*place, "harm", "sources", i, part)
                        wanted.append(("estimate", estimates, name, spot))
    for key, scale in plan.scales.items():
        if scale.from_:
            wanted.append(("estimate", estimates, scale.from_, ("scales", key, "from")))
    for i, measure in enumerate(plan.measures):
        place = ("measures", i)
        wanted.append(("estimate", estimates, measure.estimate, (*place, "estimate")))
        wanted.append(("time range or window", timed, measure.by, (*place, "by")))
        for j, name in enumerate(measure.options):
            wanted.append(("option", plan.options, name, (*place, "options", j)))
    for i, name in enumerate(plan.evidence):
        wanted.append(("statement of the library", statements, name, ("evidence", i)))
    for kind, known, name, place in wanted:
        if name not in known:
            yield fault(
                *place, found=name, allowed=f"a known {kind}", remedy=did_you_mean(name, known)
            )


def _unverified(library: Library, plan: BriefPlan, fault: Fault) -> Iterator[Problem]:
    """What was read on no page is no default: no plan rests on it."""
    for name in plan_records(plan):
        if library.statement(name).status == "unverified":
            yield fault(
                found=Phrase(f"{name}, which is unverified"),
                allowed="records that were read, or judgements that say whose they are",
                remedy="name another record, or read its source first",
            )


# --- figures --------------------------------------------------------------------------------------


def _course_faults(
    library: Library, key: str, course: NaturalCourse, fault: Fault
) -> Iterator[Problem]:
    if course.badge == "data" and any(s.effective_sample_size for s in course.summaries):
        yield fault(
            "natural_courses",
            key,
            "badge",
            found=course.badge,
            allowed="assumed, elicited or transported, where a weight is a judgement",
            remedy="write assumed",
        )
    for i, summary in enumerate(course.summaries):
        place = ("natural_courses", key, "summaries", i)
        try:
            found = plan_summary(library, summary, course)
        except ParameterError as error:
            for problem in error.problems:
                yield fault(
                    *place, found=problem.found, allowed=problem.allowed, remedy=problem.remedy
                )
            continue
        if not course.never and getattr(found, "by", 0.0) == float("inf"):
            yield fault(
                *place,
                "by",
                found="ever",
                allowed="a time, or `never: true`",
                remedy="who never recovers cannot be in a course where everybody does",
            )


def _series_faults(
    library: Library, series: ResponseSeries, place: tuple, fault: Fault
) -> Iterator[Problem]:
    record: Estimate = library.statement(series.estimate)
    if record.measure != "risk" or record.counts is None or not record.wanted:
        yield fault(
            *place,
            "estimate",
            found=Phrase(f"{record.id}, a {record.measure} of {record.outcome}"),
            allowed="counts of a wanted outcome",
            remedy="a share without its number of patients has no weight",
        )
    elif record.treatment is None:
        yield fault(
            *place,
            "estimate",
            found=Phrase(f"{record.id}, of no treatment"),
            allowed="patients who were all treated",
            remedy="untreated patients belong to a natural course",
        )
    if series.by is None and record.horizon.duration is None:
        yield fault(
            *place,
            "by",
            found=NOTHING,
            allowed="a time, where the record's horizon is only words",
            remedy="say by when the response was counted",
        )


def _change_faults(library: Library, key: str, scale, fault: Fault) -> Iterator[Problem]:
    """The least change that counts stands in the words of a record, not in a plan alone."""
    words = ""
    if scale.from_:
        record = library.statement(scale.from_)
        words = f"{record.outcome} {record.printed or ''}"
    if f" {scale.least_change:g} " not in f" {words} ":
        yield fault(
            "scales",
            key,
            "least_change",
            found=scale.least_change,
            allowed="a change that the outcome of the record in `from` states",
            remedy="name the record it is from, or leave it out",
        )


# --- requests -------------------------------------------------------------------------------------


def check_request(library: Library, entry: Entry) -> list[Problem]:
    """Return what is wrong with a request: with its words, its times and its regimen.

    Parameters
    ----------
    library : Library
    entry : Entry
        Of a BriefRequest.
    """
    from riskmodel.evidence.brief_requests import resolve_request

    try:
        resolve_request(library, entry)
    except ParameterError as error:
        return list(error.problems)
    return []
