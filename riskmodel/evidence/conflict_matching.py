"""What two statements have in common: outcome, patients, horizon, studies; and what was found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from riskmodel.parameters.library import STATEMENTS, Library
from riskmodel.parameters.schema import Estimate, Horizon, Statement

SEEN = ("seen_primary", "seen_secondary")
NUMBERS_NEEDED = ("number_needed_to_treat", "number_needed_to_harm")
SAME_HORIZON = 0.01  # 12 months and 1 year differ by nothing, 365 days by less than this

# Words that say nothing about which outcome is meant.
_EMPTY_WORDS = frozenset("a an and any by cause from in of on the to under with".split())


@dataclass(frozen=True)
class Clash:
    """Statements that a rule found not to fit together.

    Parameters
    ----------
    rule : str
        The rule's name.
    key : str
        What tells this finding from the rule's others, and stays the same from run to run.
    ids : tuple of str
        The records, in the order they are shown.
    differ_in : tuple of str
        Words of :class:`riskmodel.parameters.schema.Contradiction`.
    explanation : str
        With the arithmetic, where there is any.
    """

    rule: str
    key: str
    ids: tuple[str, ...]
    differ_in: tuple[str, ...]
    explanation: str

    @property
    def id(self) -> str:
        return f"rule:{self.rule}:{self.key}"


class Read:
    """The statements of a library that were read on a page, and what they refer to.

    What was only remembered and what the maintainers judged contradicts nobody's source, so no
    rule looks at it.
    """

    def __init__(self, library: Library):
        self._seen = {
            kind: [r for r in library.records(kind).values() if r.status in SEEN]
            for kind in STATEMENTS.values()
        }
        self._sources = library.records("source")
        self._groups = library.records("group")
        self._treatments = library.records("treatment")

    def of(self, kind: str) -> list:
        """Return the statements of one kind, in the order of the library."""
        return self._seen[kind]

    def by_id(self, kind: str) -> dict[str, Statement]:
        return {record.id: record for record in self._seen[kind]}

    def studies(self, estimate: Estimate) -> set[str]:
        """Return the studies an estimate counts: its own, or those of its source."""
        source = self._sources.get(estimate.source.key)
        return set(estimate.study_ids or (source.study_ids if source else []))

    def share_a_study(self, a: Estimate, b: Estimate) -> bool:
        """Return whether two estimates cannot be told apart as two sources of evidence."""
        return a.source.key == b.source.key or bool(self.studies(a) & self.studies(b))

    def groups_meet(self, a: Statement, b: Statement) -> bool:
        """Return whether two statements are about the same patients, or one's within the other's.

        Where a group is not named nothing is known, and they do not meet.
        """
        return a.group is not None and b.group is not None and self.nested(a.group, b.group)

    def groups_may_meet(self, a: Statement, b: Statement) -> bool:
        """Return whether nothing says that two statements are about different patients."""
        return a.group is None or b.group is None or self.nested(a.group, b.group)

    def nested(self, a: str, b: str) -> bool:
        """Return whether two groups are one, or one lies within the other."""
        return self.is_within(a, b) or self.is_within(b, a)

    def is_within(self, group: str, larger: str) -> bool:
        """Return whether a group is another one, or part of it."""
        return larger in self._up_from(group)

    def _up_from(self, group: str) -> list[str]:
        path = []
        while group is not None and group not in path:
            path.append(group)
            record = self._groups.get(group)
            group = record.within if record else None
        return path

    def label(self, treatment: str | None) -> str:
        """Return a treatment's name in words, small at the start."""
        record = self._treatments.get(treatment)
        text = record.label if record else str(treatment or "no treatment named").replace("_", " ")
        return text[:1].lower() + text[1:]


def outcome_words(outcome: str) -> frozenset[str]:
    """Return the words of an outcome that tell it from others, without plural endings.

    Examples
    --------
    >>> sorted(outcome_words("Falls, on the stairs"))
    ['fall', 'stair']
    """
    words = re.findall(r"[a-z0-9]+", outcome.lower())
    return frozenset(
        w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w
        for w in words
        if w not in _EMPTY_WORDS
    )


def one_outcome(a: Estimate, b: Estimate) -> bool:
    """Return whether two estimates name one outcome, or one names the other more narrowly.

    A composite is never one with its parts.
    """
    if any(is_composite(e) for e in (a, b)):
        return outcome_words(a.outcome) == outcome_words(b.outcome)
    first, second = outcome_words(a.outcome), outcome_words(b.outcome)
    return first <= second or second <= first


def is_composite(estimate: Estimate) -> bool:
    """Return whether an estimate counts several outcomes together."""
    return bool(estimate.composite) or " or " in f" {estimate.outcome.lower()} "


def one_horizon(a: Horizon, b: Horizon) -> bool:
    """Return whether two horizons are lengths of time within one part in a hundred.

    Examples
    --------
    >>> one_horizon(Horizon(value=12, unit="month"), Horizon(value=365, unit="day"))
    True
    """
    if a.duration is None or b.duration is None:
        return False
    longer = max(a.duration.days, b.duration.days)
    return abs(a.duration.days - b.duration.days) <= SAME_HORIZON * longer


def by_key(pairs: Iterable[tuple]) -> dict:
    """Return values gathered under their keys, in order."""
    gathered: dict = {}
    for key, value in pairs:
        gathered.setdefault(key, []).append(value)
    return gathered


def ids_of(*groups: Iterable[Statement]) -> tuple[str, ...]:
    """Return the ids of all records, each once, in order."""
    return tuple(dict.fromkeys(record.id for record in chain(*groups)))


def shown(record: Statement) -> str:
    """Return the figure a statement prints, or its own words where it prints none.

    Examples
    --------
    >>> from riskmodel.parameters.library import load_library
    >>> shown(load_library().records("estimate")["rr_eskd_12m"])
    'RR 0.62 (0.39 to 0.98)'
    """
    if record.printed:
        return record.printed
    for part in ("statement", "level", "stated"):
        if getattr(record, part, None):
            return " ".join(getattr(record, part).split())
    if isinstance(record, Estimate):
        if record.counts is not None and record.value is None:
            return f"{record.counts.events:g}/{record.counts.n}"
        unit = {"percent": "%", None: ""}.get(record.unit, f" {record.unit}")
        return f"{record.measure.replace('_', ' ')} {record.value:g}{unit}"
    span = getattr(record, "span", None)
    return str(span) if span is not None else f"{type(record).__name__.lower()} {record.id}"


def slug(text: str) -> str:
    """Return text as part of an id.

    Examples
    --------
    >>> slug("Falls, on the stairs")
    'falls_on_the_stairs'
    """
    return "_".join(re.findall(r"[a-z0-9]+", text.lower()))
