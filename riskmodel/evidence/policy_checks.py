"""What a treatment pathway must pass: known names, a course that can be given, an end in sight."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, did_you_mean
from riskmodel.evidence.conditions import named_covariates
from riskmodel.evidence.policies import policy_priors, prior_uses, steps, time_uses
from riskmodel.evidence.statement_checks import check_name, check_statement
from riskmodel.parameters.identifiers import check_identifiers
from riskmodel.parameters.library import STATEMENTS, Entry, Library
from riskmodel.parameters.policies import policy_estimates, resolve_policy
from riskmodel.parameters.schema import Policy
from riskmodel.parameters.schema.policy import Stage, TimeSpecification

Fault = Callable[..., Problem]

RATIOS = ("hazard_ratio", "rate_ratio")  # what may multiply a hazard
MOST_VISITS = 200  # of stages, where a pathway may come back to one


def check_policy(library: Library, entry: Entry) -> list[Problem]:
    """Return what is wrong with a treatment pathway and the records that it names.

    Arithmetic is looked at only where every name is known.

    Parameters
    ----------
    library : Library
    entry : Entry
        Of a Policy.
    """
    policy: Policy = entry.record

    def fault(*part, **words) -> Problem:
        return entry.document.problem((*entry.location, *part), **words)

    found = list(_unknown_names(library, policy, fault))
    if found:
        return found
    found += check_name(policy.id, entry)
    for name in policy_estimates(policy):
        found += check_statement(library.entries["estimate"][name], library)
    found += check_identifiers(entry.document)
    for key, time in policy.times.items():
        found += _time_faults(library, key, time, fault)
    if policy.times[policy.natural_recovery.time].family == "fixed":
        found.append(
            fault(
                "natural_recovery",
                "time",
                found=Phrase("a fixed time"),
                allowed="a time that differs from patient to patient",
                remedy="choose another family: a hazard ratio has no hold on a fixed time",
            )
        )
    for key, stage in policy.stages.items():
        found += _stage_faults(key, stage, fault)
        found += _course_faults(library, policy, key, stage, fault)
    found += _event_faults(policy, fault)
    found += _way_faults(policy, fault)
    if not any(problem.severity == "E" for problem in found):
        found += _prior_faults(library, policy, entry, fault)
    return list(dict.fromkeys(found))


# --- names ----------------------------------------------------------------------------------------


def _unknown_names(library: Library, policy: Policy, fault: Fault) -> Iterator[Problem]:
    statements = [name for kind in STATEMENTS.values() for name in library.entries[kind]]
    wanted: list[tuple] = []
    for i, rule in enumerate(policy.start):
        wanted.append(("stage", policy.stages, rule.stage, ("start", i, "stage")))
        wanted += _of_condition(policy, rule.when, ("start", i, "when"))
    if policy.relapse:
        wanted.append(("stage", policy.stages, policy.relapse.go_to, ("relapse", "go_to")))
    wanted += [("stage", policy.stages, name, place) for place, _, name in steps(policy)]
    wanted += [("time", policy.times, name, place) for place, name in time_uses(policy)]
    wanted += [("prior", policy.priors, name, place) for place, name, _ in prior_uses(policy)]
    for key, stage in policy.stages.items():
        place = ("stages", key)
        if stage.treatment:
            known = library.entries["treatment"]
            wanted.append(("treatment", known, stage.treatment, (*place, "treatment")))
        if stage.regimen:
            known = library.entries["regimen"]
            wanted.append(("regimen", known, stage.regimen, (*place, "regimen")))
        for i, rule in enumerate(stage.not_for):
            wanted += _of_condition(policy, rule.when, (*place, "not_for", i, "when"))
            if rule.source and rule.source.key:
                spot = (*place, "not_for", i, "source", "key")
                wanted.append(("source", library.entries["source"], rule.source.key, spot))
        wanted += [
            ("event", policy.events, name, (*place, "events", name)) for name in stage.events
        ]
    for key, time in policy.times.items():
        if time.from_:
            known = library.entries["time_range"]
            wanted.append(("time range", known, time.from_, ("times", key, "from")))
    for key, prior in policy.priors.items():
        for i, name in enumerate(prior.from_):
            known = library.entries["estimate"]
            wanted.append(("estimate", known, name, ("priors", key, "from", i)))
    wanted += _of_condition(policy, policy.natural_recovery.when, ("natural_recovery", "when"))
    since = policy.natural_recovery.since_onset
    if since:
        spot = ("natural_recovery", "since_onset", "covariate")
        wanted.append(("covariate", policy.covariates, since.covariate, spot))
    for key, event in policy.events.items():
        for i, source in enumerate(event.course_sources):
            for part in ("first", "later", "untreated"):
                if getattr(source, part):
                    spot = ("events", key, "course_sources", i, part)
                    known = library.entries["estimate"]
                    wanted.append(("estimate", known, getattr(source, part), spot))
    wanted += [
        ("statement of the library", statements, name, ("evidence", i))
        for i, name in enumerate(policy.evidence)
    ]
    for kind, known, name, place in wanted:
        if name not in known:
            yield fault(
                *place,
                of_key=place[-1] == name,
                found=name,
                allowed=f"a known {kind}",
                remedy=did_you_mean(name, known),
            )


def _of_condition(policy: Policy, condition, place: tuple) -> list[tuple]:
    return [
        ("covariate", policy.covariates, name, place)
        for name in sorted(named_covariates(condition))
    ]


# --- times ----------------------------------------------------------------------------------------


def _time_faults(
    library: Library, key: str, time: TimeSpecification, fault: Fault
) -> Iterator[Problem]:
    ways = [way for way in ("from_", "range", "median") if getattr(time, way) is not None]
    shown = [way.rstrip("_") for way in ways]
    place = ("times", key)
    if len(ways) != 1:
        yield fault(
            *place,
            found=Phrase(", ".join(shown)) if shown else NOTHING,
            allowed="exactly one of from, range, median",
            remedy="give two ends with their meaning, or a median with its shape",
        )
        return
    if ways == ["median"]:
        needs = time.family not in ("exponential", "fixed")
        if needs != (time.shape is not None):
            yield fault(
                *place,
                "shape",
                found=NOTHING if time.shape is None else time.shape,
                allowed="how far patients differ"
                if needs
                else f"nothing, for a {time.family} time",
                remedy="add `shape:`" if needs else "leave it out",
            )
        return
    span = time.range or library.entries["time_range"][time.from_].record.span
    ends = (None, None) if span is None else span.days
    if None in ends or not 0 < ends[0] < ends[1]:
        yield fault(
            *place,
            shown[0],
            found=Phrase(str(span) if span else "a time without a number"),
            allowed="a range with two ends above 0, the lower first",
            remedy="give a median with its shape, and say whose judgement it is",
        )
    if time.meaning is None:
        yield fault(
            *place,
            "meaning",
            found=NOTHING,
            allowed="plausible_limits, q05_q95 or iqr",
            remedy="say what the two ends are taken to be: 6 to 36 months leaves 2.5, 5 or 25% "
            "of patients beyond 36 months",
        )
    if time.family in ("exponential", "fixed"):
        yield fault(
            *place,
            "family",
            found=time.family,
            allowed="lognormal, weibull or loglogistic, which two ends determine",
            remedy="choose one of them, or give a median",
        )


# --- stages ---------------------------------------------------------------------------------------


def _stage_faults(key: str, stage: Stage, fault: Fault) -> Iterator[Problem]:
    place = ("stages", key)
    if stage.recovery and stage.recovery.among == "responders" and stage.response is None:
        yield fault(
            *place,
            "recovery",
            "among",
            found="responders",
            allowed="everyone, in a stage without `response:`",
            remedy="add `response:`, or write everyone",
        )
    if stage.recovery and stage.recovery.among == "responders" and stage.recovery.after:
        yield fault(
            *place,
            "recovery",
            "after",
            found=str(stage.recovery.after),
            allowed="nothing among responders, in whom the ratio holds from their response",
            remedy="leave out `after:`, or write `among: everyone`",
        )
    if stage.assess is None:
        return
    by_response = stage.assess.success == "response"
    if by_response and stage.response is None:
        yield fault(
            *place,
            "assess",
            "success",
            found="response",
            allowed="recovery, in a stage without `response:`",
            remedy="add `response:`, or judge by recovery",
        )
    if by_response != (stage.assess.on_success is not None):
        yield fault(
            *place,
            "assess",
            "on_success",
            found=stage.assess.on_success or NOTHING,
            allowed="the stage of those who responded"
            if by_response
            else "nothing: who has recovered has left the stage",
            remedy="add `on_success:`" if by_response else "leave it out",
        )


def _course_faults(
    library: Library, policy: Policy, key: str, stage: Stage, fault: Fault
) -> Iterator[Problem]:
    place, courses = ("stages", key, "courses"), stage.courses
    if courses is None:
        if stage.events:
            yield fault(
                "stages",
                key,
                "events",
                found=Phrase("events of courses, and no course"),
                allowed="events in a stage with `courses:`",
                remedy="add `courses:`, or give the event a `background:` rate",
            )
        return
    if courses.every == "unknown" or (courses.every == "none") != (courses.at_most == 1):
        yield fault(
            *place,
            "every",
            found=str(courses.every),
            allowed="a time above 0 for several courses, none for a single one",
            remedy="state the interval that is simulated, or `every: none` with `at_most: 1`; "
            "from an unknown interval nothing is simulated",
        )
    if stage.regimen:
        yield from _against_regimen(library, key, stage, fault)
    for event, of_course in stage.events.items():
        spot = ("stages", key, "events", event)
        if of_course.stops != (of_course.go_to is not None):
            yield fault(
                *spot,
                "go_to",
                found=of_course.go_to or NOTHING,
                allowed="the stage after an event that stops this one"
                if of_course.stops
                else "nothing, for an event that does not stop the stage",
                remedy="add `go_to:`" if of_course.stops else "leave it out, or add `stops: true`",
            )
        for part, amount in (("dose", courses.dose), ("infusion_rate", courses.infusion_rate)):
            change = getattr(of_course, part)
            if change and (amount is None or amount.value is None or amount.unit != change.unit):
                yield fault(
                    *spot,
                    part,
                    "unit",
                    found=change.unit,
                    allowed=f"the unit of the course's own {part}, given as one value",
                    remedy=f"add `{part}:` to `courses:`, in the same unit",
                )
        if of_course.interval and of_course.interval.unit != "day":
            yield fault(
                *spot,
                "interval",
                "unit",
                found=of_course.interval.unit,
                allowed="day",
                remedy="give `per` and `reference` in days",
            )


def _against_regimen(library: Library, key: str, stage: Stage, fault: Fault) -> Iterator[Problem]:
    """Refuse a course whose dose or interval is not that of the regimen shown with it."""
    from riskmodel.evidence.regimen_arithmetic import regimen_total

    regimen = library.entries["regimen"][stage.regimen].record
    total, dose = regimen_total(regimen), stage.courses.dose
    if dose is not None and total is not None and dose.unit == total.unit:
        (low, high), (first, last) = dose.limits, total.limits
        if not (first * 0.99 <= low and high <= last * 1.01):
            yield fault(
                "stages",
                key,
                "courses",
                "dose",
                found=Phrase(f"{low:g} {dose.unit}"),
                allowed=f"the course total of {stage.regimen}, {total}",
                remedy="give the dose of that regimen, or leave `regimen:` out",
            )


def _event_faults(policy: Policy, fault: Fault) -> Iterator[Problem]:
    for key, event in policy.events.items():
        ends = [window.until.days for window in event.windows]
        shares = [window.share for window in event.windows]
        if abs(sum(shares) - 1) > 1e-9 or sorted(set(ends)) != ends:
            yield fault(
                "events",
                key,
                "windows",
                found=Phrase(f"shares that add to {sum(shares):g}, until {ends} days"),
                allowed="shares that add to 1, each window later than the last",
                remedy="say which share of a course's risk falls until when",
            )


# --- ways -----------------------------------------------------------------------------------------


def _way_faults(policy: Policy, fault: Fault) -> Iterator[Problem]:
    last = len(policy.start) - 1
    for i, rule in enumerate(policy.start):
        if (rule.when is None) != (i == last):
            yield fault(
                "start",
                i,
                found=Phrase("no condition" if rule.when is None else "a condition"),
                allowed="a condition in every rule but the last, which takes everybody else",
                remedy="add or take out `when:`",
            )
    passed = {key: [rule.go_to for rule in stage.not_for] for key, stage in policy.stages.items()}
    for key in policy.stages:
        if key in _reached(passed, key):
            yield fault(
                "stages",
                key,
                "not_for",
                found=Phrase("stages that send a patient to one another"),
                allowed="a way that ends",
                remedy="send one of them to a stage that is for everybody",
            )
    onward: dict[str, list[str]] = {key: [] for key in policy.stages}
    for _, here, there in steps(policy):
        onward[here].append(there)
    ring = [key for key in policy.stages if key in _reached(onward, key)]
    spans = [policy.stages[key].assess.after.days for key in ring if policy.stages[key].assess]
    if spans and policy.horizon.days / min(spans) > MOST_VISITS:
        yield fault(
            "stages",
            ring[0],
            found=Phrase(f"a ring of stages that may be gone round more than {MOST_VISITS} times"),
            allowed=f"at most {MOST_VISITS} assessments within the horizon",
            remedy="assess later, or end the ring",
        )
    known = {rule.stage for rule in policy.start}
    if policy.relapse:
        known.add(policy.relapse.go_to)
    reached = known.union(*(_reached(onward, key) for key in known))
    for key in policy.stages:
        if key not in reached:
            yield fault(
                "stages",
                key,
                of_key=True,
                severity="W",
                found=Phrase("a stage that nothing leads to"),
                allowed="stages that some patient may reach",
                remedy="lead to it, or take it out",
            )


def _reached(onward: dict[str, list[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(onward[start])
    while waiting:
        key = waiting.pop()
        if key not in seen:
            seen.add(key)
            waiting += onward[key]
    return seen


# --- priors ---------------------------------------------------------------------------------------


def _prior_faults(
    library: Library, policy: Policy, entry: Entry, fault: Fault
) -> Iterator[Problem]:
    used = {name for _, name, _ in prior_uses(policy)}
    timed = {name for _, name in time_uses(policy)}
    for part, names in (("priors", used), ("times", timed)):
        for key in getattr(policy, part):
            if key not in names:
                yield fault(
                    part,
                    key,
                    of_key=True,
                    found=key,
                    allowed=f"{part} that the pathway uses",
                    remedy="name it where it belongs, or take it out",
                )
    for name in policy.priors:
        if policy.priors[name].line:
            yield fault(
                "priors",
                name,
                "line",
                found=Phrase("a line"),
                allowed="a single number",
                remedy="a pathway's numbers run along no covariate; give one for its patients",
            )
            return
    try:
        priors = policy_priors(resolve_policy(library, entry))
    except ParameterError as error:
        yield from error.problems
        return
    wanted = {"risk": ("risk",), "course_risk": ("risk",), "ratio": RATIOS, "rate": ("rate",)}
    for place, name, kind in prior_uses(policy):
        if priors[name].measure not in wanted[kind]:
            yield fault(
                *place,
                found=Phrase(f"{name}, a {priors[name].measure}"),
                allowed=f"a prior of a {' or '.join(wanted[kind])}",
                remedy="name another prior here",
            )
            continue
        yield from _denominator_faults(library, policy, place, name, kind, fault)


def _denominator_faults(
    library: Library, policy: Policy, place, name: str, kind: str, fault: Fault
) -> Iterator[Problem]:
    """Refuse a risk per patient where one per course is meant, and the other way round."""
    if kind not in ("risk", "course_risk"):
        return
    allowed = ("courses",) if kind == "course_risk" else (None, "patients")
    for estimate in policy.priors[name].from_:
        unit = library.entries["estimate"][estimate].record.unit_of_analysis
        if unit not in allowed:
            counted = unit or "patients"
            yield fault(
                *place,
                found=Phrase(f"{name}, from {estimate}, which counts {counted}"),
                allowed="a risk counted per course" if kind == "course_risk" else "per patient",
                remedy="patients, courses and infusions are not exchanged: name an estimate with "
                "`unit_of_analysis: courses`"
                if kind == "course_risk"
                else "patients, courses and infusions are not exchanged: name an estimate of "
                "patients",
            )
