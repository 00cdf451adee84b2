"""A request with its plan: every word known, every time in order, the regimen's arithmetic done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, did_you_mean
from riskmodel.evidence.regimen_arithmetic import RegimenArithmetic, regimen, regimen_total
from riskmodel.parameters.library import Entry, Library
from riskmodel.parameters.profiles import resolve_patients
from riskmodel.parameters.schema import BriefPlan, BriefRequest, Covariate, DecisionProblem, Regimen
from riskmodel.parameters.schema.brief import RequestTreatment, SinceOnset

LONGEST_DAYS = 100 * 365.25  # since an onset; more is a year of the calendar


@dataclass(frozen=True)
class ResolvedRequest:
    """One de-identified patient in the words of a plan.

    Parameters
    ----------
    request : BriefRequest
    plan : BriefPlan
    problem : DecisionProblem
    covariates : mapping of str to Covariate
        The problem's and the plan's.
    values : mapping of str to float, bool, str or None
        What is known of the patient; None is unknown.
    stated : frozenset of str
        Covariates that the request itself settles; the others are defaults, or unknown.
    failed : frozenset of str
        Treatments, wider ones among them, that brought no response.
    given : frozenset of str
        Treatments, wider ones among them, that were given.
    regimen : RegimenArithmetic or None
        Of a regimen in figures.
    regimen_record : Regimen or None
        As asked for: of the library, or typed.
    courses : int or None
        None is unknown.
    notes : tuple of str
    """

    request: BriefRequest
    plan: BriefPlan
    problem: DecisionProblem
    covariates: Mapping[str, Covariate]
    values: Mapping[str, float | bool | str | None]
    stated: frozenset[str]
    failed: frozenset[str]
    given: frozenset[str]
    regimen: RegimenArithmetic | None
    regimen_record: Regimen | None
    courses: int | None
    notes: tuple[str, ...] = field(default=())

    @property
    def since_onset_days(self) -> float | None:
        """Days since the onset, or None where unknown."""
        since = self.request.since_onset
        return None if since == "unknown" else since.days


def resolve_request(library: Library, entry: Entry) -> ResolvedRequest:
    """Return a request with everything it refers to.

    Parameters
    ----------
    library : Library
    entry : Entry
        Of a BriefRequest.

    Raises
    ------
    ParameterError
        With every fault, at its place in the file.
    """
    request: BriefRequest = entry.record
    found: list[Problem] = []

    def fault(*part, **words) -> None:
        found.append(entry.document.problem((*entry.location, *part), **words))

    plans = library.records("brief")
    plan: BriefPlan | None = plans.get(request.plan)
    if plan is None:
        fault(
            "plan",
            found=request.plan,
            allowed="the id of a plan: " + ", ".join(plans),
            remedy=did_you_mean(request.plan, plans),
        )
        raise ParameterError(found)
    problem: DecisionProblem = library.records("problem")[plan.problem]
    for part, known in (("option", plan.options), ("diagnosis", plan.diagnoses)):
        name = getattr(request, part)
        if name not in known:
            fault(part, found=name, allowed=", ".join(known), remedy=did_you_mean(name, known))
    _check_times(request, plan, fault)
    failed, given, implied = _history(request, plan, fault)
    covariates = {**problem.covariates, **plan.covariates}
    typed = _typed_covariates(request, plan, implied, covariates, fault)
    values: dict = {}
    try:
        shape = SimpleNamespace(covariates=covariates, options=problem.options)
        (patient,) = resolve_patients(shape, [{k: v for k, v in typed.items() if v is not None}])
        values = dict(patient.values)
    except ParameterError as error:
        for one in error.problems:
            place = _covariate_place(one.field, request, plan)
            fault(*place, found=one.found, allowed=one.allowed, remedy=one.remedy)
    record, sums = _regimen(library, request, plan, fault)
    courses = _courses(request, record, fault)
    if found:
        raise ParameterError(found)
    notes = []
    for name, value in values.items():
        if name not in typed and value is not None:
            said = {True: "yes", False: "no"}.get(value, value)
            notes.append(f"{covariates[name].label.lower()}: not stated, taken as {said}")
    return ResolvedRequest(
        request=request,
        plan=plan,
        problem=problem,
        covariates=covariates,
        values=values,
        stated=frozenset(typed),
        failed=frozenset(failed),
        given=frozenset(given),
        regimen=sums,
        regimen_record=record,
        courses=courses,
        notes=(*notes, *(sums.notes if sums else ())),
    )


# --- times and treatments -------------------------------------------------------------------------


def _check_times(request: BriefRequest, plan: BriefPlan, fault) -> None:
    now = request.since_onset
    spots: list[tuple[tuple, object]] = [(("since_onset",), now)]
    for i, before in enumerate(request.prior_treatments):
        spots.append((("prior_treatments", i, "started"), before.started))
        spots.append((("prior_treatments", i, "assessed"), before.assessed))
    for place, time in spots:
        if isinstance(time, SinceOnset) and time.days > LONGEST_DAYS:
            fault(
                *place,
                found=Phrase("more than a hundred years, not repeated here"),
                allowed="a time since the onset: {value: 8, unit: month}",
                remedy="a year of the calendar identifies a patient: count from the onset",
            )
        elif isinstance(time, SinceOnset) and isinstance(now, SinceOnset) and time.days > now.days:
            fault(
                *place,
                found=str(time),
                allowed=f"at most {now}, the time since the onset",
                remedy="every time here counts from the onset of the disease",
            )


def _history(request: BriefRequest, plan: BriefPlan, fault):
    """Return treatments that failed, that were given, and what their failure sets."""
    failed: set[str] = set()
    given: set[str] = set()
    implied: dict[str, bool] = {}
    for i, before in enumerate(request.prior_treatments):
        place = ("prior_treatments", i)
        known = plan.prior_treatments.get(before.treatment)
        if known is None:
            fault(
                *place,
                "treatment",
                found=before.treatment,
                allowed=", ".join(plan.prior_treatments),
                remedy=did_you_mean(before.treatment, plan.prior_treatments),
            )
            continue
        _check_response(before, plan, place, fault)
        names = {before.treatment, *known.counts_as}
        given |= names
        if before.response == "none":
            failed |= names
            implied |= dict.fromkeys(known.failure_sets, True)
    return failed, given, implied


def _check_response(before: RequestTreatment, plan: BriefPlan, place: tuple, fault) -> None:
    started, assessed = before.started, before.assessed
    if isinstance(started, SinceOnset) and isinstance(assessed, SinceOnset):
        if assessed.days < started.days:
            fault(
                *place,
                "assessed",
                found=str(assessed),
                allowed=f"at least {started}, when the treatment started",
                remedy="both count from the onset of the disease",
            )
    if before.scale is None:
        for part in ("before", "after"):
            if getattr(before, part) is not None:
                fault(
                    *place,
                    part,
                    found=getattr(before, part),
                    allowed="nothing, without a scale",
                    remedy=f"add scale: one of {', '.join(plan.scales)}",
                )
        return
    scale = plan.scales.get(before.scale)
    if scale is None:
        fault(
            *place,
            "scale",
            found=before.scale,
            allowed=", ".join(plan.scales),
            remedy=did_you_mean(before.scale, plan.scales),
        )
        return
    low, high = scale.range
    for part in ("before", "after"):
        value = getattr(before, part)
        if value is None:
            fault(
                *place,
                part,
                found=NOTHING,
                allowed=f"a number of {scale.unit}, {low:g} to {high:g}",
                remedy="give the value before and after, or leave the scale out",
            )
        elif not low <= value <= high:
            fault(
                *place,
                part,
                found=value,
                allowed=f"{low:g} to {high:g} {scale.unit}",
                remedy="check the value and the scale",
            )


# --- covariates -----------------------------------------------------------------------------------


def _typed_covariates(request, plan, implied: dict, covariates, fault) -> dict:
    typed: dict = dict(request.risk_factors)
    if request.grade != "unknown":
        if plan.grade is None:
            fault(
                "grade",
                found=request.grade,
                allowed="unknown: this plan has no grade",
                remedy="leave it out",
            )
        elif plan.grade in typed:
            fault(
                "risk_factors",
                plan.grade,
                found=typed[plan.grade],
                allowed="the grade once",
                remedy="leave it in `grade` alone",
            )
        else:
            typed[plan.grade] = request.grade
    for name, value in implied.items():
        if name in typed and typed[name] is not value:
            fault(
                "risk_factors",
                name,
                found=typed[name],
                allowed="what the treatments given before say: true",
                remedy="a treatment without a response stands among them; mend one of the two",
            )
        typed[name] = value
    for name in list(typed):
        if name not in covariates:
            fault(
                "risk_factors",
                name,
                found=Phrase("an unknown risk factor"),
                allowed=", ".join(covariates),
                remedy=did_you_mean(name, covariates),
            )
            del typed[name]
        elif covariates[name].type == "boolean" and not isinstance(typed[name], bool):
            fault(
                "risk_factors",
                name,
                found=typed[name],
                allowed="true or false",
                remedy="write true or false, without quotes; leave it out where it is unknown",
            )
            del typed[name]
    return typed


def _covariate_place(name: str, request: BriefRequest, plan: BriefPlan) -> tuple:
    if name == plan.grade and name not in request.risk_factors:
        return ("grade",)
    return ("risk_factors", name)


# --- the regimen ----------------------------------------------------------------------------------


def _regimen(library: Library, request: BriefRequest, plan: BriefPlan, fault):
    """Return the regimen asked for, and its arithmetic where it is in figures."""
    asked = request.regimen
    option = plan.options.get(request.option)
    if asked is None or option is None:
        return None, None
    every = asked.every
    if every is not None and not isinstance(every, str):
        every = f"{every.value:g} {every.unit}s"
    if asked.id is not None:
        known = option.regimens
        if asked.id not in known:
            fault(
                "regimen",
                "id",
                found=asked.id,
                allowed=", ".join(known) or "none: this option lists no regimen",
                remedy=did_you_mean(asked.id, known),
            )
            return None, None
        if asked.dose is not None or asked.days is not None:
            fault(
                "regimen",
                "dose" if asked.dose is not None else "days",
                found=asked.dose if asked.dose is not None else asked.days,
                allowed="an id, or figures",
                remedy="leave out one of the two",
            )
            return None, None
        record = library.statement(asked.id)
        total = regimen_total(record)
        dose = record.dose
        if every is None and asked.weight is None:
            return record, None
        if dose is None or dose.value is None or total is None:
            fault(
                "regimen",
                "id",
                found=asked.id,
                allowed="a regimen with one dose, where a weight or an interval is added",
                remedy="write its dose and days in figures",
            )
            return None, None
        words = {
            "dose": f"{dose.value:g} {dose.unit}",
            "days": record.days and (record.days.value or (record.days.lower, record.days.upper)),
        }
        kept = record.every if isinstance(record.every, str) else str(record.every or "unknown")
        every = every or kept
    else:
        words = {"dose": asked.dose, "days": asked.days}
    try:
        sums = regimen(
            option.treatment,
            **words,
            every=every or "unknown",
            weight=asked.weight,
            library=library,
        )
    except ParameterError as error:
        for one in error.problems:
            part = one.field.split(".")[0]
            place = ("regimen", part) if getattr(asked, part, None) is not None else ("regimen",)
            fault(*place, found=one.found, allowed=one.allowed, remedy=one.remedy)
        return None, None
    return sums.record, sums


def _courses(request: BriefRequest, record: Regimen | None, fault) -> int | None:
    single = record is not None and record.every == "none"
    if request.courses == "unknown":
        return 1 if single else None
    if single and request.courses > 1:
        fault(
            "courses",
            found=request.courses,
            allowed="1, of a regimen that is given once",
            remedy="state the interval from course to course, or unknown",
        )
    return request.courses
