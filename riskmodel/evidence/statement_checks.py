"""What one statement, source or name of the vocabulary must pass, whatever kind it is.

A question about one field is answered in the record itself, under ``resolution: {field: answer}``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import singledispatch

from riskmodel.errors import NOTHING, Phrase, Problem, did_you_mean
from riskmodel.evidence.checks import check_estimate, named
from riskmodel.evidence.printed import printed_faults
from riskmodel.parameters.library import Entry, Library
from riskmodel.parameters.schema import (
    Amount,
    Clause,
    Condition,
    Days,
    DoseLimits,
    Estimate,
    Finding,
    Group,
    Regimen,
    Rule,
    Source,
    Span,
    Statement,
    TimeRange,
    Treatment,
    Window,
)

Fault = Callable[..., Problem]


def check_statement(
    entry: Entry,
    library: Library,
    asked: Iterable[Problem] = (),
    answerable: Iterable[str] = (),
) -> list[Problem]:
    """Return what is wrong, doubtful or open in one statement.

    Parameters
    ----------
    entry : Entry
        Of an estimate, time range, window, regimen, rule, evidence level or finding.
    library : Library
        Where its source, treatment and group stand.
    asked : iterable of Problem
        What was found elsewhere about fields of this statement.
    answerable : iterable of str
        Further fields that a question is open about, asked of another statement.
    """
    record: Statement = entry.record

    def fault(*part, **words) -> Problem:
        return entry.document.problem((*entry.location, *part), **words)

    found = list(asked)
    source = library.records("source").get(record.source.key or "")
    if source is not None and source.role == "tertiary":
        answerable = [*answerable, "source"]  # asked where a prior is made from it
    if isinstance(record, Estimate):
        found += check_estimate(record, entry)
    found += _source_reference_faults(record, library, fault)
    found += _vocabulary_faults(record, library, fault)
    found += _own_faults(record, library, fault)
    if not any(problem.severity == "E" for problem in found):
        found += printed_faults(record, fault)
    return list(_answered(found, record, fault, answerable))


# --- questions and their answers ----------------------------------------------------------------


def _last_part(field: str) -> str:
    return re.sub(r"\[\d+\]$", "", field.rsplit(".", 1)[-1])


def _answered(
    found: list[Problem], record: Statement, fault: Fault, answerable: Iterable[str]
) -> Iterator[Problem]:
    """Yield what no written answer settles, and answers to what nobody asked."""
    for problem in found:
        if problem.severity == "E" or _last_part(problem.field) not in record.resolution:
            yield problem
    open_fields = {_last_part(problem.field) for problem in found if problem.severity != "E"}
    open_fields |= {*answerable, *_asked_where_used(record)}
    for field in record.resolution:
        if field not in open_fields:
            yield fault(
                "resolution",
                field,
                of_key=True,
                found=Phrase(f"an answer about `{field}`"),
                allowed="answers to open questions"
                + (f": {', '.join(sorted(open_fields))}" if open_fields else ", of which none is"),
                remedy="it answers no open question; delete it, or put the words under `note:`",
            )


def _asked_where_used(record: Statement) -> Iterator[str]:
    """Yield the fields about which a question comes up only once a problem uses the statement."""
    if isinstance(record, Estimate):
        if record.unit_of_analysis not in (None, "patients"):
            yield "unit_of_analysis"
        if record.measure.startswith("number_needed"):
            yield "value"  # a rounded number needed, used again


# --- what every statement has -------------------------------------------------------------------


def _source_reference_faults(
    record: Statement, library: Library, fault: Fault
) -> Iterator[Problem]:
    source, seen = record.source, record.status.startswith("seen")
    if (source.key is None) == (source.judgement is None):
        yield fault(
            "source",
            found=named(source),
            allowed="either {key, locator} or {judgement: {whose, why}}",
            remedy="cite one source, or say whose judgement it is",
        )
        return
    if source.key is not None and not isinstance(record, Estimate):
        yield from _must_be("source", library.entries["source"], source.key, fault, "source", "key")
    if source.key is not None and source.locator is None:
        yield fault(
            "source",
            found=source.key,
            allowed="a locator such as 'Table 2, row 4'",
            remedy="add `locator:`",
        )
    elif source.locator and re.fullmatch(r"[\s\d,;\[\]()–-]*", source.locator):
        yield fault(
            "source",
            "locator",
            found=source.locator,
            allowed="where in the source it stands, such as 'Table 2, row 4'",
            remedy="bracket numbers of a page lead nowhere; name the page, table or heading",
        )
    if seen and source.key is None:
        yield fault(
            "status",
            found=record.status,
            allowed="judgement or unverified",
            remedy="a figure that was seen names its source",
        )
    if seen and record.printed is None and isinstance(record, Estimate):
        yield fault(
            "printed",
            found=NOTHING,
            allowed="the figure as it stands in the source",
            remedy="add `printed:`",
        )


def _vocabulary_faults(record: Statement, library: Library, fault: Fault) -> Iterator[Problem]:
    treatments, groups = library.entries["treatment"], library.entries["group"]
    if record.treatment is not None:
        yield from _must_be("treatment", treatments, record.treatment, fault, "treatment")
    if record.group is not None:
        yield from _must_be("group", groups, record.group, fault, "group")
    for i, treatment in enumerate(record.after if isinstance(record, Rule) else ()):
        yield from _must_be("treatment", treatments, treatment, fault, "after", i)


def _must_be(kind: str, known: Iterable[str], name: str, fault: Fault, *part) -> Iterator[Problem]:
    if name not in known:
        yield fault(*part, found=name, allowed=f"a known {kind}", remedy=did_you_mean(name, known))


# --- what each kind has -------------------------------------------------------------------------


@singledispatch
def _own_faults(record: Statement, library: Library, fault: Fault) -> Iterator[Problem]:
    """Yield what is wrong with what only this kind of statement has."""
    return iter(())


@_own_faults.register
def _(record: TimeRange, library: Library, fault: Fault) -> Iterator[Problem]:
    span = record.span
    if span is None:
        if record.stated is None:
            yield _empty("span", "a span of time, or `stated:` with the source's word", fault)
        return
    faults = list(_range_faults(span, "span", fault))
    yield from faults
    if faults:
        return
    lower, upper = span.days
    if record.meaning is None and None not in (lower, upper) and lower < upper:
        end = f"{span.upper:g} {span.unit}s"
        yield fault(
            "meaning",
            severity="Q",
            found=NOTHING,
            allowed="what the two ends are: plausible_limits, q05_q95, iqr, min_max or not_stated",
            remedy=f"it decides how many take longer than {end}: 2.5% if these are plausible "
            "limits, 5% if q05_q95, 25% if iqr; the source may not say",
        )
    if lower == upper and record.meaning in ("plausible_limits", "q05_q95", "iqr", "min_max"):
        yield fault(
            "meaning",
            found=record.meaning,
            allowed="median, mean, point, minimum or not_stated, for one value",
            remedy="give both ends, or correct `meaning:`",
        )


@_own_faults.register
def _(record: Window, library: Library, fault: Fault) -> Iterator[Problem]:
    yield from _condition_faults(record.when, "when", fault)
    if record.opens is None and record.closes is None:
        if record.stated is None:
            yield _empty(
                "opens", "when it opens or closes, or `stated:` with the source's word", fault
            )
        return
    found = []
    for part in ("opens", "closes"):
        span = getattr(record, part)
        found += _range_faults(span, part, fault) if span else ()
    yield from found
    if not found and record.opens and record.closes:
        opens, closes = record.opens.days, record.closes.days
        if opens[0] is not None and closes[1] is not None and opens[0] >= closes[1]:
            yield fault(
                "closes",
                found=Phrase(str(record.closes)),
                allowed=f"a time after it opens, at {record.opens}",
                remedy="exchange the two, or correct a unit",
            )


@_own_faults.register
def _(record: Rule, library: Library, fault: Fault) -> Iterator[Problem]:
    yield from _condition_faults(record.when, "when", fault)


@_own_faults.register
def _(record: Finding, library: Library, fault: Fault) -> Iterator[Problem]:
    if record.kind == "list" and not record.items:
        yield _empty("items", "what is on the list", fault)


@_own_faults.register
def _(record: Regimen, library: Library, fault: Fault) -> Iterator[Problem]:
    found = []
    for part in ("dose", "days", "every", "course_total", "maximum_per_day", "maximum_rate"):
        value = getattr(record, part)
        if isinstance(value, Span | Amount | Days):
            found += _range_faults(value, part, fault)
    yield from found
    if found:
        return
    treatment = library.records("treatment").get(record.treatment)
    if treatment is not None and record.dose is not None:
        yield from _dose_faults(record, treatment, fault)
    yield from _course_faults(record, fault)
    yield from _maximum_faults(record, fault)


def _empty(part: str, allowed: str, fault: Fault) -> Problem:
    return fault(part, found=NOTHING, allowed=allowed, remedy="add one of them")


def _range_faults(value: Span | Amount | Days, part: str, fault: Fault) -> Iterator[Problem]:
    """Hold a quantity to one value or a range, the lower end first."""
    ends = value.lower is not None or value.upper is not None
    if (value.value is not None) == ends:
        yield fault(
            part,
            found=named(value),
            allowed="either `value`, or `lower` and `upper`",
            remedy="give one value or a range",
        )
    elif value.lower is not None and value.upper is not None and value.lower >= value.upper:
        yield fault(
            part,
            found=[value.lower, value.upper],
            allowed="lower below upper",
            remedy="exchange the two ends, or give one `value:`",
        )


def _condition_faults(condition: Condition | None, part: str, fault: Fault) -> Iterator[Problem]:
    if condition is None:
        return
    if (condition.all is None) == (condition.any is None):
        yield fault(
            part,
            found=named(condition),
            allowed="either `all:` or `any:`, with clauses",
            remedy="give one list of clauses",
        )
    for kind in ("all", "any"):
        for i, clause in enumerate(getattr(condition, kind) or ()):
            lowest = [end for end in (clause.above, clause.at_least) if end is not None]
            highest = [end for end in (clause.below, clause.up_to) if end is not None]
            tests = len(lowest) + len(highest) + (clause.is_ is not None)
            if not tests or (clause.is_ is not None and tests > 1):
                yield fault(
                    part,
                    kind,
                    i,
                    found=named(clause),
                    allowed="either `is`, or one or two of above, at_least, below, up_to",
                    remedy="say what is asked of the covariate",
                )
            elif len(lowest) > 1 or len(highest) > 1 or _empty_range(clause):
                yield fault(
                    part,
                    kind,
                    i,
                    found=named(clause),
                    allowed="one lower end below one upper end",
                    remedy="nobody meets this clause, or one end says the same twice; correct it",
                )


def _empty_range(clause: Clause) -> bool:
    """Say whether no number meets both ends of a clause."""
    lowest = clause.at_least if clause.above is None else clause.above
    highest = clause.up_to if clause.below is None else clause.below
    if lowest is None or highest is None:
        return False
    both_within = clause.at_least is not None and clause.up_to is not None
    return lowest > highest or (lowest == highest and not both_within)


# --- regimens -----------------------------------------------------------------------------------

_IN_GRAMS = {"mg": 0.001, "g": 1.0}


def _grams(unit: str) -> tuple[float, str]:
    """Return how many grams a unit's first part is, and what it is given per.

    Examples
    --------
    >>> _grams("mg/kg")
    (0.001, 'kg')
    """
    mass, _, per = unit.partition("/")
    return _IN_GRAMS.get(mass, float("nan")), per


def _dose_faults(record: Regimen, treatment: Treatment, fault: Fault) -> Iterator[Problem]:
    """Refuse a dose that the limits of its treatment take for a slip of the unit or the point."""
    dose = record.dose
    scale, per = _grams(dose.unit)
    for limits in treatment.dose_limits:
        limit_scale, limit_per = _grams(limits.unit)
        if per != limit_per:
            continue
        ends = [end for end in (dose.value, dose.lower, dose.upper) if end is not None]
        outside = [
            end
            for end in ends
            if not limits.lower * (1 - 1e-9)
            <= end * scale / limit_scale
            <= limits.upper * (1 + 1e-9)
        ]
        if outside:
            total = _course_total(record)
            course = (
                f", where the course would be {_shown(total)} {dose.unit}"
                if total is not None
                else ""
            )
            yield fault(
                "dose",
                found=Phrase(f"{outside[0]:g} {dose.unit}"),
                allowed=f"{limits.lower:g} to {limits.upper:g} {limits.unit} of "
                f"{treatment.label}{course}",
                remedy=_likely_dose(outside[0], dose.unit, limits),
            )


def _likely_dose(found: float, unit: str, limits: DoseLimits) -> str:
    """Return what was probably meant: the same number in the limits' unit, or a lost point."""
    scale, per = _grams(unit)
    limit_scale, _ = _grams(limits.unit)
    for mass, grams in _IN_GRAMS.items():
        if limits.lower <= found * grams / limit_scale <= limits.upper:
            return f"was {found:g} {mass}{'/' + per if per else ''} meant?"
    for factor in (10, 100, 1000):
        for number in (found / factor, found * factor):
            if limits.lower <= number * scale / limit_scale <= limits.upper:
                return f"was {number:g} {unit} meant?"
    return "check the number and its unit"


def _ends(value: Amount | Days | None) -> tuple[float, float] | None:
    """Return both ends of a quantity, or None if one is open or nothing is given."""
    if value is None:
        return None
    if value.value is not None:
        return value.value, value.value
    return None if value.lower is None or value.upper is None else (value.lower, value.upper)


def _course_total(record: Regimen) -> tuple[float, float] | None:
    """Return the smallest and largest total of one course, in the dose's unit."""
    dose = _ends(record.dose)
    times = _ends(record.days)
    if times is None and record.days is None and record.sessions:
        times = (record.sessions, record.sessions)
    if dose is None or times is None:
        return None
    often = record.times_per_day
    return dose[0] * times[0] * often, dose[1] * times[1] * often


def _shown(ends: tuple[float, float]) -> str:
    return f"{ends[0]:g}" if ends[0] == ends[1] else f"{ends[0]:g} to {ends[1]:g}"


def _course_faults(record: Regimen, fault: Fault) -> Iterator[Problem]:
    """Refuse a printed total that is not dose times days."""
    computed, printed = _course_total(record), _ends(record.course_total)
    if computed is None or printed is None:
        return
    scale, per = _grams(record.dose.unit)
    printed_scale, printed_per = _grams(record.course_total.unit)
    if per != printed_per:
        yield fault(
            "course_total",
            "unit",
            found=record.course_total.unit,
            allowed=f"a unit of the dose's kind, {record.dose.unit}",
            remedy="give both per kilogram, both per square metre, or both as they are",
        )
        return
    in_dose_unit = tuple(end * printed_scale / scale for end in printed)
    if any(abs(a - b) > 0.01 * b for a, b in zip(in_dose_unit, computed, strict=True)):
        often = f" x {record.times_per_day:g} a day" if record.times_per_day != 1 else ""
        count = f"{_shown(_ends(record.days))} days" if record.days else f"{record.sessions} times"
        yield fault(
            "course_total",
            found=Phrase(f"{_shown(printed)} {record.course_total.unit}"),
            allowed=f"{_shown(_ends(record.dose))} {record.dose.unit}{often} x {count} = "
            f"{_shown(computed)} {record.dose.unit}",
            remedy="correct one of the three; where the source's own figures disagree, leave the "
            "total out and record it as a regimen of its own",
        )


def _maximum_faults(record: Regimen, fault: Fault) -> Iterator[Problem]:
    """Refuse a daily dose above the printed daily maximum, where both are of one kind."""
    dose, maximum = _ends(record.dose), _ends(record.maximum_per_day)
    if dose is None or maximum is None:
        return
    scale, per = _grams(record.dose.unit)
    maximum_scale, maximum_per = _grams(record.maximum_per_day.unit)
    daily = dose[0] * record.times_per_day
    if per == maximum_per and daily * scale > maximum[1] * maximum_scale * (1 + 1e-9):
        yield fault(
            "maximum_per_day",
            found=Phrase(f"{maximum[1]:g} {record.maximum_per_day.unit}"),
            allowed=f"at least the smallest daily dose, {daily:g} {record.dose.unit}",
            remedy="check both and their units",
        )


# --- sources and the vocabulary -----------------------------------------------------------------


def check_source(entry: Entry) -> list[Problem]:
    """Return a fault for a source that nobody could look up.

    A page or document without an identifier is known by its title and its date, or the word
    that it has none.
    """
    source: Source = entry.record
    if source.doi or source.pmid or source.url:
        return []
    undated = re.search(r"(?i)undated|no date|not (?:printed|stated|dated)", source.citation)
    if source.title and (source.date or undated) and source.role != "primary":
        return []
    return [
        entry.document.problem(
            entry.location,
            of_key=True,
            found=Phrase("no DOI, PMID or URL"),
            allowed="one of doi, pmid, url, or for a page without any, its title and date",
            remedy="add `doi:`, `pmid:` or `url:`; the bracket numbers of a web page are none",
        )
    ]


def check_vocabulary(library: Library, kind: str, name: str, entry: Entry) -> list[Problem]:
    """Return what is wrong with a treatment or a group of the vocabulary."""

    def fault(*part, **words) -> Problem:
        return entry.document.problem((*entry.location, *part), **words)

    if kind == "group":
        return list(_group_faults(library, name, entry.record, fault))
    return [
        fault(
            "dose_limits",
            i,
            found=[limits.lower, limits.upper],
            allowed="lower below upper",
            remedy="exchange the two limits",
        )
        for i, limits in enumerate(entry.record.dose_limits)
        if limits.lower >= limits.upper
    ]


def _group_faults(library: Library, name: str, group: Group, fault: Fault) -> Iterator[Problem]:
    groups = library.entries["group"]
    if group.within is None:
        return
    faults = list(_must_be("group", groups, group.within, fault, "within"))
    yield from faults
    if not faults and name in larger_groups(library, group.within):
        yield fault(
            "within",
            found=group.within,
            allowed="a larger group",
            remedy="the groups lie within one another in a ring; open it",
        )


def larger_groups(library: Library, name: str) -> list[str]:
    """Return a group and every larger one it lies within, the smallest first.

    Examples
    --------
    >>> from riskmodel.parameters.library import load_library
    >>> larger_groups(load_library(), "dermatomyositis")
    ['dermatomyositis', 'inflammatory_myopathy']
    """
    groups, chain = library.records("group"), []
    while name in groups and name not in chain:
        chain.append(name)
        name = groups[name].within
    return chain


# --- names that other readers take for something else -------------------------------------------

_BOOLEAN_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")


def check_name(name: str, entry: Entry) -> list[Problem]:
    """Return a fault for an id that another reader of the file would take for true or false."""
    if name not in _BOOLEAN_WORDS:
        return []
    of_key = bool(entry.location) and entry.location[-1] == name
    location = entry.location if of_key else (*entry.location, "id")
    return [
        entry.document.problem(
            location,
            of_key=of_key,
            found=name,
            allowed="an id that is a word in every reader of YAML",
            remedy="choose a longer one; older readers take this for true, false or nothing",
        )
    ]
