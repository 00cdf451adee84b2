"""One thing of the library whole: its value, where it comes from, what uses and contradicts it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Console

from riskmodel.errors import ParameterError
from riskmodel.evidence.conflicts import Conflict, find_conflicts
from riskmodel.parameters.library import STATEMENTS, Entry, Kind, Library
from riskmodel.parameters.schema import (
    Contradiction,
    DecisionProblem,
    Estimate,
    NotEncodedFile,
    Record,
    SourceReference,
    Statement,
)
from riskmodel.reports.listing import printed, unknown

# Of an estimate, what one line says better than the fields one by one.
_VALUE_FIELDS = ("value", "unit", "interval", "counts")


def describe(library: Library, name: str) -> dict:
    """Return everything the library says about an id, as plain data.

    Parameters
    ----------
    library : Library
    name : str
        Any id of the library; of a reading that was split, all its parts are returned; of a
        contradiction found by rule, its two sides.

    Returns
    -------
    dict
        ``id``, and ``records``, each with ``kind``, ``id``, ``file``, ``line``, ``record`` (the
        fields as written), and where they apply ``overrides``, ``value``, ``source``,
        ``used_by``, ``named_by``, ``priors``, ``sides`` and ``contradictions``.

    Raises
    ------
    ParameterError
        If nothing has this id.

    Examples
    --------
    >>> from riskmodel.parameters.library import load_library
    >>> shown = describe(load_library(), "plex_aav")["records"][0]
    >>> shown["kind"], shown["record"]["comparator"]
    ('problem', 'standard_care')
    """
    found = named(library, name)
    conflicts = find_conflicts(library)
    by_rule = [conflict for conflict in conflicts if conflict.id == name]
    if not found and not by_rule:
        known = {*known_ids(library), *(conflict.id for conflict in conflicts)}
        raise ParameterError([unknown("id", name, known, "an id that `riskmodel list` shows")])
    records = [_describe(library, *thing, conflicts) for thing in found]
    if not any(record["kind"] == "contradiction" for record in records):
        records += [_describe_conflict(conflict) for conflict in by_rule]
    return {"schema": "riskmodel/show/1", "id": name, "records": records}


def named(library: Library, name: str) -> list[tuple[Kind, str, Entry]]:
    """Return what has this id, and the parts of a reading that was split."""
    return [
        (kind, key, entry)
        for kind, entries in library.entries.items()
        for key, entry in entries.items()
        if key == name or getattr(entry.record, "part_of", None) == name
    ]


def known_ids(library: Library) -> set[str]:
    """Return every id of a library, and of every reading that was split."""
    known = {key for entries in library.entries.values() for key in entries}
    return known | {
        entry.record.part_of
        for kind in STATEMENTS.values()
        for entry in library.entries[kind].values()
        if entry.record.part_of
    }


def statements(library: Library) -> Iterator[tuple[str, Statement]]:
    """Yield every statement of a library with its id, whatever its kind."""
    for kind in STATEMENTS.values():
        yield from library.records(kind).items()


# --- as data ------------------------------------------------------------------------------------


def _describe(library: Library, kind: Kind, name: str, entry: Entry, conflicts) -> dict:
    record = entry.record
    line, _ = entry.document.position(entry.location)
    told: dict[str, Any] = {
        "kind": kind,
        "id": name,
        "file": str(entry.document.file),
        "line": line,
        "topic": entry.document.value.get("topic"),
        "overrides": _overrides(library, kind, name, record),
        "record": _fields(record, name),
    }
    if isinstance(record, Estimate):
        told["value"] = value_of(record)
    if isinstance(record, Statement):
        told["source"] = source_of(library, record.source)
        told["used_by"] = uses_of(library, {name, record.part_of})
        told["contradictions"] = [_conflict(c) for c in conflicts if name in c.ids]
    elif isinstance(record, NotEncodedFile):
        told["contradictions"] = [_conflict(c) for c in conflicts if name in c.ids]
    elif isinstance(record, DecisionProblem):
        told["priors"] = _priors(library, record)
        told["contradictions"] = [_conflict(c) for c in conflicts if name in c.problems]
    elif isinstance(record, Contradiction):
        (conflict,) = (c for c in conflicts if c.id == name)
        told["found_by"] = list(conflict.found_by)
        told["sides"] = [asdict(side) for side in conflict.sides]
        told["used_by"] = [{"problem": p, "as": "one side of it"} for p in conflict.problems]
    elif kind == "preferences":
        told["source"] = source_of(library, record.source) if record.source else None
        told["used_by"] = uses_of(library, {name})
    elif kind in ("source", "treatment", "group"):
        told["named_by"] = _named_by(library, kind, name)
        told["used_by"] = uses_of(library, set(told["named_by"]) | {name})
    return {key: value for key, value in told.items() if value is not None}


def _fields(record: Record, name: str) -> dict:
    if isinstance(record, NotEncodedFile):
        return {"reading": name, "because": record.readings[name]}
    return record.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def _overrides(library: Library, kind: Kind, name: str, record: Record) -> dict | None:
    shipped = library.overridden.get((kind, name))
    if shipped is None:
        return None
    line, _ = shipped.document.position(shipped.location)
    return {"why": record.overrides, "instead_of": f"{shipped.document.file}:{line}"}


def value_of(estimate: Estimate) -> dict:
    """Return the number an estimate stands for, percents as proportions, and its interval."""
    lower, upper = estimate.limits or (None, None)
    interval = estimate.interval
    number = estimate.number
    return {
        "measure": estimate.measure,
        "value": None if math.isnan(number) else number,
        "lower": lower,
        "upper": upper,
        "level": interval.level if interval else None,
        "kind": interval.kind if interval else None,
        "counts": estimate.counts.model_dump(mode="json") if estimate.counts else None,
        "unit": None if estimate.unit == "percent" else estimate.unit,
        "words": in_words(estimate),
    }


def in_words(estimate: Estimate) -> str:
    """Return value, interval, unit and counts of an estimate in one line, as they were printed.

    Examples
    --------
    >>> from riskmodel.parameters.library import load_library
    >>> in_words(load_library().records("estimate")["rr_eskd_12m"])
    'relative_risk 0.62 (0.39 to 0.98, 95% confidence)'
    """
    unit = {None: "", "percent": "%"}.get(estimate.unit, f" {estimate.unit}")
    words = [estimate.measure]
    if estimate.value is not None:
        words.append(f"{estimate.value:g}{unit}")
    if estimate.interval:
        interval = estimate.interval
        level = "" if interval.level is None else f"{100 * interval.level:g}% "
        limits = f"{interval.lower:g}{unit} to {interval.upper:g}{unit}"
        words.append(f"({limits}, {level}{interval.kind})")
    if estimate.counts:
        words.append(f"{estimate.counts.events:g} of {estimate.counts.n}")
    if estimate.comparator_counts:
        others = estimate.comparator_counts
        words.append(f"against {others.events:g} of {others.n}")
    if estimate.events_over:
        over = estimate.events_over
        words.append(f"{over.events:g} in {over.time:g} {over.unit}s of {over.of}")
    if estimate.per:
        words.append(f"per {estimate.per.value:g} {estimate.per.unit} of {estimate.per.of}")
    return " ".join(words)


def source_of(library: Library, reference: SourceReference) -> dict:
    """Return where a record comes from: its source with places and locator, or whose judgement."""
    if reference.key is None:
        return {"judgement": reference.judgement.model_dump() if reference.judgement else None}
    told = {"key": reference.key, "locator": reference.locator}
    source = library.records("source").get(reference.key)
    if source is None:
        return told
    places = {part: getattr(source, part) for part in ("citation", "doi", "pmid", "url", "read")}
    badge = "tertiary source" if source.role == "tertiary" else None
    told |= {**places, "role": source.role, "badge": badge}
    return {key: value for key, value in told.items() if value is not None}


def uses_of(library: Library, names: set) -> list[dict]:
    """Return each problem that uses one of some ids, and as what."""
    uses = []
    for problem in library.records("problem").values():
        strata = problem.published_strata
        chosen = problem.preferences
        roles = [f"prior {p}" for p, s in problem.priors.items() if names & set(s.from_)]
        if strata and any(
            names & {row.risk_difference, row.number_needed_to_treat} - {None}
            for row in strata.rows
        ):
            roles.append("published strata")
        if names & set(problem.evidence):
            roles.append("evidence shown beside the result")
        if chosen and chosen.default in names:
            roles.append("default preferences")
        if any(
            rule.source and rule.source.key in names - {None}
            for option in problem.options.values()
            for rule in option.not_for
        ):
            roles.append("rule of an option")
        uses += [{"problem": problem.id, "as": role} for role in roles]
    return uses


def _named_by(library: Library, kind: Kind, name: str) -> list[str]:
    """Return the statements that cite a source, or are about a treatment or a group."""

    def names(record: Statement) -> set:
        if kind == "source":
            return {record.source.key}
        also = getattr(record, "after", []) if kind == "treatment" else []
        return {getattr(record, kind), *also}

    return [key for key, record in statements(library) if name in names(record)]


def _priors(library: Library, problem: DecisionProblem) -> list[dict]:
    """Return each prior of a problem with its badge and what it rests on."""
    estimates = library.records("estimate")
    return [
        {
            "prior": name,
            "badge": specification.badge or "data",
            "from": [
                _estimate(estimates[key]) if key in estimates else {"id": key}
                for key in specification.from_
            ],
        }
        for name, specification in problem.priors.items()
    ]


def _estimate(estimate: Estimate) -> dict:
    """Return one estimate in a line: what it prints, where, and its status."""
    return {
        "id": estimate.id,
        "printed": printed(estimate),
        "source": _where(estimate.source),
        "status": estimate.status,
    }


def _where(reference: SourceReference) -> str:
    if reference.key:
        return reference.key
    return f"judgement of {reference.judgement.whose}" if reference.judgement else "no source"


def _conflict(conflict: Conflict) -> dict:
    """Return a contradiction as plain data."""
    resolution = conflict.resolution
    return {
        "id": conflict.id,
        "found_by": list(conflict.found_by),
        "between": list(conflict.ids),
        "differ_in": list(conflict.differ_in),
        "explanation": conflict.explanation,
        "resolution": resolution.model_dump() if resolution else None,
        "problems": list(conflict.problems),
    }


def _describe_conflict(conflict: Conflict) -> dict:
    """Return a contradiction that no register holds, told as if it did."""
    record = {"differ_in": list(conflict.differ_in), "explanation": conflict.explanation}
    return {
        "kind": "contradiction",
        "id": conflict.id,
        "record": record,
        "found_by": list(conflict.found_by),
        "sides": [asdict(side) for side in conflict.sides],
        "used_by": [{"problem": p, "as": "one side of it"} for p in conflict.problems],
    }


# --- in a terminal ------------------------------------------------------------------------------


def print_record(described: dict, console: Console) -> None:
    """Print what :func:`describe` returned."""

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    for told in described["records"]:
        place = f"  {told['file']}:{told['line']}" if "file" in told else ""
        console.print(f"{told['kind']} {told['id']}", style="bold", end="", markup=False)
        say(place)
        if "overrides" in told:
            overrides = told["overrides"]
            say(f"  stands in place of {overrides['instead_of']}, because {overrides['why']}")
        skip = _VALUE_FIELDS if "value" in told else ()
        if "value" in told:
            say(f"  value: {told['value']['words']}")
        _print_tree({k: v for k, v in told["record"].items() if k not in skip}, say)
        _print_source(told.get("source"), say)
        if "found_by" in told:
            say(f"  found by: {', '.join(told['found_by'])}")
        if "named_by" in told:
            say(f"  named by: {', '.join(told['named_by']) or 'no record'}")
        if "used_by" in told:
            uses = "; ".join(f"{use['problem']}, {use['as']}" for use in told["used_by"])
            say(f"  used by: {uses or 'no problem'}")
        _print_sides(told.get("sides", []), say)
        _print_priors(told.get("priors", []), say)
        _print_contradictions(told.get("contradictions"), say)


def _print_tree(data: object, say, depth: int = 1) -> None:
    pad = "  " * depth
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        mark = "-" if isinstance(key, int) else f"{key}:"
        if isinstance(value, list) and not any(isinstance(v, dict | list) for v in value):
            say(f"{pad}{mark} {', '.join(map(str, value))}")
        elif isinstance(value, dict | list) and value and depth < 6:
            say(f"{pad}{mark}")
            _print_tree(value, say, depth + 1)
        else:
            say(f"{pad}{mark} {' '.join(str(value).split())}")


def _print_source(source: dict | None, say) -> None:
    if not source or "citation" not in source:
        return
    badge = f" [{source['badge']}]" if "badge" in source else ""
    say("  cited from:")
    say(f"    {source['citation']}{badge}")
    for part, mark in (("doi", "doi:"), ("pmid", "PMID: "), ("url", "")):
        if part in source:
            say(f"    {mark}{source[part]}")
    say(f"    read: {source['read']} ({source['role']})")


def _print_sides(sides: list[dict], say) -> None:
    for side in sides:
        where = ", ".join(filter(None, (side["source"], side["locator"])))
        say(f"  side {side['id']}: {side['printed']}; {where or 'no source'} ({side['status']})")


def _print_priors(priors: list[dict], say) -> None:
    if priors:
        say("  what the priors rest on:")
    for prior in priors:
        say(f"    {prior['prior']} ({prior['badge']})")
        for estimate in prior["from"]:
            told = "stands nowhere"
            if "status" in estimate:
                told = f"{estimate['printed']}; {estimate['source']} ({estimate['status']})"
            say(f"      {estimate['id']}: {told}")


def _print_contradictions(contradictions: list[dict] | None, say) -> None:
    if contradictions is None:
        return
    if not contradictions:
        say("  contradictions: none known")
        return
    say("  contradictions:")
    for conflict in contradictions:
        say(
            f"    {conflict['id']}: {' / '.join(conflict['between'])} "
            f"({', '.join(conflict['differ_in'])})"
        )
        for line in conflict["explanation"].splitlines():
            say(f"      {' '.join(line.split())}")
        resolution = conflict["resolution"]
        told = "open"
        if resolution:
            told = f"{resolution['because']} ({resolution['whose']})"
        say(f"      resolution: {told}")
