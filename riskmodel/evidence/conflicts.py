"""Where statements disagree: what rules find by themselves, joined with the readers' register."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from riskmodel.errors import ParameterError, Problem, did_you_mean
from riskmodel.evidence import (
    conflict_advice,
    conflict_arithmetic,
    conflict_estimands,
    conflict_regimens,
)
from riskmodel.evidence.conflict_matching import Clash, Read, shown
from riskmodel.parameters.library import STATEMENTS, Library
from riskmodel.parameters.schema import (
    Contradiction,
    DecisionProblem,
    Estimate,
    Resolution,
    Statement,
)

RULES = (
    *conflict_estimands.RULES,
    *conflict_arithmetic.RULES,
    *conflict_regimens.RULES,
    *conflict_advice.RULES,
)
REGISTER = "register"


@dataclass(frozen=True)
class Side:
    """One of the statements that disagree.

    Parameters
    ----------
    id : str
        Of the record; or of a reading that is no record, and then `status` is "not_encoded".
    printed : str
        The figure as printed, or what is said where there is none.
    source, locator : str
        The source's key and the place in it; for a judgement, whose it is and none.
    status : str
    """

    id: str
    printed: str
    source: str
    locator: str
    status: str


@dataclass(frozen=True)
class Conflict:
    """Statements that do not fit together.

    Parameters
    ----------
    id : str
        The register's, or ``rule:NAME:...`` where only a rule found it.
    found_by : tuple of str
        "register", and the names of the rules.
    sides : tuple of Side
    differ_in : tuple of str
        What they differ in: estimand, denominator, horizon, population and so on.
    explanation : str
    resolution : Resolution or None
        None: open.
    problems : tuple of str
        Ids of the decision problems that use any of the records.
    """

    id: str
    found_by: tuple[str, ...]
    sides: tuple[Side, ...]
    differ_in: tuple[str, ...]
    explanation: str
    resolution: Resolution | None
    problems: tuple[str, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """Return the ids of the sides."""
        return tuple(side.id for side in self.sides)

    @property
    def is_open(self) -> bool:
        return self.resolution is None


def find_conflicts(
    library: Library,
    problem: str | None = None,
    *,
    register: Mapping[str, Contradiction] | None = None,
) -> list[Conflict]:
    """Return what does not fit together in a library: the register's first, then the rules' own.

    Parameters
    ----------
    library : Library
    problem : str, optional
        The id of a decision problem: only what touches a record that it uses.
    register : mapping of str to Contradiction, optional
        Instead of the library's own; empty, for what the rules find by themselves.

    Returns
    -------
    list of Conflict
        A rule's finding that the register tells too stands there once, marked as found by both.

    Raises
    ------
    ParameterError
        If there is no such problem.

    Examples
    --------
    >>> from riskmodel.parameters.library import load_library
    >>> by_id = {c.id: c for c in find_conflicts(load_library(), "plex_aav")}
    >>> by_id["c10"].differ_in
    ('arithmetic', 'misprint_suspected')
    """
    problems = library.records("problem")
    if problem is not None and problem not in problems:
        raise ParameterError(
            [
                Problem(
                    field="problem",
                    found=problem,
                    allowed="the id of a decision problem",
                    remedy=did_you_mean(problem, problems),
                )
            ]
        )
    names = _Names(library)
    entries = library.records("contradiction") if register is None else register
    found = _joined(names, entries, find_clashes(library))
    found = [_of_replaced(library, conflict) for conflict in found]
    used = {key: _used_records(record, names) for key, record in problems.items()}
    found = [
        replace(c, problems=tuple(key for key, ids in used.items() if ids & parts))
        for c, parts in ((c, set(names.with_parts(c.ids))) for c in found)
    ]
    return [c for c in found if problem is None or problem in c.problems]


def _of_replaced(library: Library, conflict: Conflict) -> Conflict:
    """Say of a reader's words that they are about a record that a user's own one replaces."""
    if REGISTER not in conflict.found_by:
        return conflict
    replaced = [
        side.id
        for side in conflict.sides
        for kind in STATEMENTS.values()
        if side.id in library.entries[kind] and library.entries[kind][side.id].record.overrides
    ]
    if not replaced:
        return conflict
    words = f"Written about the shipped {', '.join(replaced)}, which another record replaces now: "
    return replace(conflict, explanation=words + conflict.explanation)


def find_clashes(library: Library) -> list[Clash]:
    """Return what every rule finds in a library, whatever its register says."""
    read = Read(library)
    return list(chain.from_iterable(rule(read) for rule in RULES))


def _used_records(problem: DecisionProblem, names: _Names) -> set[str]:
    """Return the ids of the records a problem uses, those of a whole reading by each part."""
    used = list(problem.evidence)
    for prior in problem.priors.values():
        used += prior.from_
    for row in problem.published_strata.rows if problem.published_strata else []:
        used += [name for name in (row.risk_difference, row.number_needed_to_treat) if name]
    return set(names.with_parts(used))


# --- names: of records, and of readings that became several --------------------------------------


class _Names:
    """What a name in the register stands for."""

    def __init__(self, library: Library):
        self.statements: dict[str, Statement] = {
            name: record
            for kind in STATEMENTS.values()
            for name, record in library.records(kind).items()
        }
        self.parts: dict[str, list[str]] = {}
        for name, record in self.statements.items():
            if record.part_of:
                self.parts.setdefault(record.part_of, []).append(name)
        self.not_encoded = library.records("not_encoded")

    def known(self) -> set[str]:
        return {*self.statements, *self.parts, *self.not_encoded}

    def records(self, names: Iterable[str]) -> list[str]:
        """Return the ids of records by these names; for a reading that is no record, its parts."""
        found: dict[str, None] = {}
        for name in names:
            if name in self.statements or name in self.not_encoded:
                found[name] = None
            else:
                found |= dict.fromkeys(self.with_parts([name]))
        return list(found)

    def with_parts(self, names: Iterable[str]) -> list[str]:
        """Return the ids of records by these names, and of every part of them."""
        found: dict[str, None] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop(0)
            if name in found:
                continue
            if name in self.statements or name in self.not_encoded:
                found[name] = None
            waiting[:0] = [part for part in self.parts.get(name, []) if part not in found]
        return list(found)

    def side(self, name: str) -> Side:
        record = self.statements.get(name)
        if record is None:
            reason = self.not_encoded[name].readings[name]
            return Side(name, f"no record of its own: {reason}", "", "", "not_encoded")
        source = record.source
        if source.judgement is not None:
            return Side(name, shown(record), source.judgement.whose, "", record.status)
        return Side(name, shown(record), source.key or "", source.locator or "", record.status)


# --- the register and the rules as one ----------------------------------------------------------


def _joined(
    names: _Names, register: Mapping[str, Contradiction], clashes: list[Clash]
) -> list[Conflict]:
    told: dict[str, list[Clash]] = {key: [] for key in register}
    records = {key: names.records(entry.between) for key, entry in register.items()}
    alone = []
    for clash in clashes:
        homes = [key for key in register if _same(clash, register[key], records[key])]
        for key in homes:
            told[key].append(clash)
        if not homes:
            alone.append(clash)
    return [
        *(_registered(names, register[key], records[key], told[key]) for key in sorted(register)),
        *(_found(names, clash) for clash in alone),
    ]


def _same(clash: Clash, entry: Contradiction, records: list[str]) -> bool:
    """Return whether a finding and an entry are one: the ids of one cover the other's, and they
    see a difference of one kind."""
    ids, between = set(clash.ids), set(records)
    covered = len(ids & between) >= 2 and (ids <= between or between <= ids)
    return covered and bool(set(clash.differ_in) & set(entry.differ_in))


def _registered(
    names: _Names, entry: Contradiction, records: list[str], clashes: list[Clash]
) -> Conflict:
    ids = dict.fromkeys([*records, *(name for clash in clashes for name in clash.ids)])
    explanations = [entry.explanation, *(clash.explanation for clash in clashes)]
    return Conflict(
        id=entry.id,
        found_by=tuple(dict.fromkeys([REGISTER, *(f"rule {c.rule}" for c in clashes)])),
        sides=tuple(names.side(name) for name in ids),
        differ_in=tuple(entry.differ_in),
        explanation="\n".join(" ".join(text.split()) for text in explanations),
        resolution=entry.resolution,
        problems=(),
    )


def _found(names: _Names, clash: Clash) -> Conflict:
    return Conflict(
        id=clash.id,
        found_by=(f"rule {clash.rule}",),
        sides=tuple(names.side(name) for name in clash.ids),
        differ_in=clash.differ_in,
        explanation=clash.explanation,
        resolution=None,
        problems=(),
    )


# --- checks of the register ---------------------------------------------------------------------


def check_contradictions(library: Library) -> list[Problem]:
    """Return what is wrong with the register: names that stand nowhere, and entries given twice.

    Parameters
    ----------
    library : Library

    Returns
    -------
    list of Problem
        At their place in the file; severity E.
    """
    names, found = _Names(library), []
    known, seen = names.known(), {}
    for entry in library.entries["contradiction"].values():
        record: Contradiction = entry.record
        for i, name in enumerate(record.between):
            place = (*entry.location, "between", i)
            if name not in known:
                found.append(
                    entry.document.problem(
                        place,
                        found=name,
                        allowed="the id of a record, or of a reading that records are part of",
                        remedy=did_you_mean(name, known),
                    )
                )
            elif name in record.between[:i]:
                found.append(
                    entry.document.problem(
                        place,
                        found=name,
                        allowed="each record once",
                        remedy="take the second one out, or name the other side",
                    )
                )
        sides = (frozenset(record.between), frozenset(record.differ_in))
        if sides in seen:
            found.append(
                entry.document.problem(
                    (*entry.location, "between"),
                    found=record.between,
                    allowed="each disagreement once",
                    remedy=f"{seen[sides]} names the same sides and difference; join the two",
                )
            )
        seen.setdefault(sides, record.id)
    return found


def check_baseline_classes(library: Library) -> list[Problem]:
    """Return the edges of classes that are no estimate of risk in the library."""
    estimates, found = library.records("estimate"), []
    risks = [name for name, estimate in estimates.items() if estimate.measure == "risk"]
    for entry in library.entries["estimate"].values():
        record: Estimate = entry.record
        for part in ("above", "up_to"):
            name = getattr(record.baseline_class, part, None)
            if name is not None and name not in risks:
                found.append(
                    entry.document.problem(
                        (*entry.location, "baseline_class", part),
                        found=name,
                        allowed="the id of an estimate whose measure is risk",
                        remedy=did_you_mean(name, risks),
                    )
                )
    return found
