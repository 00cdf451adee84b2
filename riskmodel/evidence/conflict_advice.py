"""Rules on advice: one source for what another is against, one treatment behind several gates."""

from __future__ import annotations

from itertools import combinations, product

from riskmodel.evidence.conflict_matching import Clash, Read, by_key, ids_of
from riskmodel.parameters.schema import Clause, Condition, Rule

_FOR = ("for", "required")
_AGAINST = ("against", "not_effective", "contraindicated")


def opposed(read: Read) -> list[Clash]:
    """Return rules for and against one treatment in patients who are the same or nested.

    Rules whose conditions cannot both hold do not meet. An exception that a source makes itself for
    some of its patients is no contradiction. Once for each treatment and pair of sources.
    """
    rules = read.of("rule")
    meeting = by_key(
        ((a.treatment, *sorted((str(a.source.key), str(b.source.key)))), (a, b))
        for a, b in product(rules, rules)
        if a.treatment == b.treatment
        and a.says in _FOR
        and b.says in _AGAINST
        and read.groups_meet(a, b)
        and not _is_exception(a, b)
        and _may_both_apply(read, a, b)
        and not _makes_the_exception_itself(read, a, b)
        and not _makes_the_exception_itself(read, b, a)
    )
    return [_opposed(read, key, pairs) for key, pairs in meeting.items()]


def _is_exception(a: Rule, b: Rule) -> bool:
    """Return whether the rule against is a stated exception to the rule for."""
    if b.says == "contraindicated" and b.when is not None:
        return True
    return a.source.key == b.source.key and (a.group != b.group or a.when != b.when)


def _may_both_apply(read: Read, a: Rule, b: Rule) -> bool:
    """Return whether it can be told from groups and conditions that some patients meet both rules.

    A condition on a larger group says nothing about a smaller one, unless the smaller one's rule
    has a condition on the same covariate.
    """
    if a.group == b.group:
        return not exclude_each_other(a.when, b.when)
    wider, narrower = (a, b) if read.is_within(b.group, a.group) else (b, a)
    if wider.when is None:
        return True
    return narrower.when is not None and any(
        {c.covariate for c in first} & {c.covariate for c in second} and not _clash(first, second)
        for first in _ways(wider.when)
        for second in _ways(narrower.when)
    )


def _makes_the_exception_itself(read: Read, a: Rule, b: Rule) -> bool:
    """Return whether the source of rule `a` says what rule `b` says, of all the patients of `b`."""
    sides = _FOR if b.says in _FOR else _AGAINST
    return a.source.key != b.source.key and any(
        own.source.key == a.source.key
        and own.treatment == b.treatment
        and own.says in sides
        and own.group not in (None, a.group)
        and own.when in (None, b.when)
        and read.is_within(b.group, own.group)
        for own in read.of("rule")
    )


def _opposed(read: Read, key: tuple, pairs: list[tuple[Rule, Rule]]) -> Clash:
    in_favour = list({a.id: a for a, _ in pairs}.values())
    against = list({b.id: b for _, b in pairs}.values())
    narrower = any(a.group != b.group for a, b in pairs)
    return Clash(
        rule="opposed",
        key="+".join(key),
        ids=ids_of(in_favour, against),
        differ_in=("rule", "population") if narrower else ("rule",),
        explanation=(
            f"On {read.label(key[0])} one rule speaks for ({_says(in_favour)}) and another against "
            f"({_says(against)})"
            + (", the one's patients being among the other's." if narrower else ", in one group.")
        ),
    )


def _says(rules: list[Rule]) -> str:
    return "; ".join(dict.fromkeys(" ".join(r.statement.split()).rstrip(".") for r in rules))


def gates(read: Read) -> list[Clash]:
    """Return rules of one source that open one treatment to the same patients at other gates.

    Gates are told from separate indications by sharing a clause: severe; severe and intolerant.
    """
    meeting = by_key(
        ((a.treatment, str(a.source.key)), (a, b))
        for a, b in combinations(read.of("rule"), 2)
        if a.treatment == b.treatment
        and a.source.key == b.source.key
        and a.group is not None
        and a.group == b.group
        and a.when is not None
        and b.when is not None
        and _is_other_gate(a, b)
    )
    return [_gates(read, key, pairs) for key, pairs in meeting.items()]


def _is_other_gate(a: Rule, b: Rule) -> bool:
    if (a.says in _AGAINST) != (b.says in _AGAINST):
        return False  # a rule and its converse
    return a.when != b.when and bool(_clauses(a.when) & _clauses(b.when))


def _gates(read: Read, key: tuple, pairs: list[tuple[Rule, Rule]]) -> Clash:
    every = list({r.id: r for pair in pairs for r in pair}.values())
    texts = "; ".join(dict.fromkeys(in_words(r.when) for r in every))
    return Clash(
        rule="gates",
        key="+".join(key),
        ids=ids_of(every),
        differ_in=("rule", "wording"),
        explanation=(
            f"One source opens {read.label(key[0])} to the same patients under several conditions: "
            f"{texts}. They do not admit the same patients."
        ),
    )


# --- conditions ----------------------------------------------------------------------------------


def exclude_each_other(a: Condition | None, b: Condition | None) -> bool:
    """Return whether two conditions cannot hold in one patient.

    Examples
    --------
    >>> low = Condition(all=[Clause(covariate="age", up_to=40)])
    >>> high = Condition(all=[Clause(covariate="age", above=40)])
    >>> exclude_each_other(low, high), exclude_each_other(low, None)
    (True, False)
    """
    if a is None or b is None:
        return False
    return all(_clash(first, second) for first in _ways(a) for second in _ways(b))


def in_words(condition: Condition) -> str:
    """Return a condition as a reader would say it.

    Examples
    --------
    >>> in_words(Condition(all=[Clause(covariate="age", above=40)]))
    'age above 40'
    """
    every = [_clause_in_words(c) for c in condition.all or []]
    if condition.any:
        some = " or ".join(_clause_in_words(c) for c in condition.any)
        every.append(f"({some})" if every else some)
    return " and ".join(every)


def _clause_in_words(clause: Clause) -> str:
    name = clause.covariate.replace("_", " ")
    if isinstance(clause.is_, bool):
        return name if clause.is_ else f"no {name}"
    parts = [] if clause.is_ is None else [f"is {clause.is_}"]
    for word in ("above", "at_least", "below", "up_to"):
        limit = getattr(clause, word)
        if limit is not None:
            parts.append(f"{word.replace('_', ' ')} {limit:g}")
    return " ".join([name, *parts])


def _clauses(condition: Condition) -> set[Clause]:
    return {*(condition.all or []), *(condition.any or [])}


def _ways(condition: Condition) -> list[list[Clause]]:
    """Return every set of clauses that is enough for a condition."""
    every = condition.all or []
    return [[*every, one] for one in condition.any] if condition.any else [every]


def _clash(first: list[Clause], second: list[Clause]) -> bool:
    return any(a.covariate == b.covariate and _clauses_exclude(a, b) for a in first for b in second)


def _clauses_exclude(a: Clause, b: Clause) -> bool:
    if a.is_ is not None and b.is_ is not None:
        return a.is_ != b.is_
    return _below(a, b) or _below(b, a)


def _below(a: Clause, b: Clause) -> bool:
    """Return whether every number that meets `a` is smaller than any that meets `b`."""
    tops = [(v, strict) for v, strict in ((a.below, True), (a.up_to, False)) if v is not None]
    floors = [(v, strict) for v, strict in ((b.above, True), (b.at_least, False)) if v is not None]
    return any(
        top < floor or (top == floor and (strict or floor_strict))
        for top, strict in tops
        for floor, floor_strict in floors
    )


RULES = (opposed, gates)
