"""Rules that speak of a patient, where they part, and what would change what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from riskmodel.evidence.brief_checks import plan_records
from riskmodel.evidence.brief_requests import ResolvedRequest
from riskmodel.evidence.conditions import condition_words, holds
from riskmodel.evidence.conflicts import Conflict, find_conflicts
from riskmodel.parameters.library import Library, used_estimates
from riskmodel.parameters.schema import Clause, Condition, Estimate, Rule, Statement, Window
from riskmodel.reports.brief_words import neutral, plain

if TYPE_CHECKING:
    import pandas as pd

ANSWERS = {True: "holds", False: "does not hold", None: "cannot be told"}
AGAINST = ("against", "not_effective", "contraindicated")
TIERS = ("seen_primary", "seen_secondary", "judgement", "unverified")
_SAYS = {
    "for": "for",
    "against": "against",
    "not_effective": "without effect",
    "contraindicated": "against",
    "required": "for",
    "caution": "caution",
}


def shown_records(library: Library, resolved: ResolvedRequest) -> dict[str, Statement]:
    """Return every statement that the problem or the plan rests on or shows, by id."""
    names = [*used_estimates(resolved.problem), *resolved.problem.evidence]
    names += plan_records(resolved.plan)
    return {name: library.statement(name) for name in dict.fromkeys(names)}


def evidence_map(library: Library, resolved: ResolvedRequest) -> pd.DataFrame:
    """Return how many records of each kind stand on which tier, and how many are of these patients.

    Returns
    -------
    pandas.DataFrame
        ``kind``, a column for each tier, ``total``, ``same_patients``: of the diagnosis' own group,
        one within it or one that it is within.
    """
    import pandas as pd

    rows: dict[str, dict] = {}
    group = resolved.plan.diagnoses[resolved.request.diagnosis].group
    for record in shown_records(library, resolved).values():
        row = rows.setdefault(study_kind(record), {**dict.fromkeys(TIERS, 0), "same_patients": 0})
        row[record.status] += 1
        row["same_patients"] += relation(library, group, record.group) in ("same", "wider", "part")
    order = [kind for kind in _KINDS if kind in rows]
    table = pd.DataFrame([{"kind": kind, **rows[kind]} for kind in order])
    table.insert(5, "total", table[list(TIERS)].sum(axis=1))
    return table


_KINDS = (
    "Pooled trials",
    "With a comparator",
    "Historical controls",
    "No comparator",
    "Design not stated",
    "Times, windows",
    "Regimens",
    "Rules",
    "Levels, findings",
)


def study_kind(record: Statement) -> str:
    """Return what kind of study or statement a record is, as far as it says.

    Examples
    --------
    >>> from riskmodel.parameters.library import load_library
    >>> study_kind(load_library().statement("dlrpn_ivig_response"))
    'No comparator'
    """
    if isinstance(record, Estimate):
        certainty = (record.certainty or "").lower()
        if record.trials:
            return _KINDS[0]
        if "historical" in certainty:
            return _KINDS[2]
        if record.comparator:
            return _KINDS[1]
        if "uncontrolled" in certainty or (record.treatment and record.counts):
            return _KINDS[3]
        return _KINDS[4]
    return {
        "TimeRange": _KINDS[5],
        "Window": _KINDS[5],
        "Regimen": _KINDS[6],
        "Rule": _KINDS[7],
    }.get(type(record).__name__, _KINDS[8])


def relation(library: Library, mine: str, other: str | None) -> str:
    """Return how another group stands to a patient's own: same, wider, part, other or not stated.

    Examples
    --------
    >>> from riskmodel.parameters.library import load_library
    >>> relation(load_library(), "neuralgic_amyotrophy", "plexopathy")
    'wider'
    """
    if other is None:
        return "not stated"
    if mine == other:
        return "same"
    if other in _around(library, mine):
        return "wider"
    return "part" if mine in _around(library, other) else "other"


def _around(library: Library, group: str) -> set[str]:
    groups, found = library.records("group"), set()
    above = groups[group].within
    while above is not None and above not in found:
        found.add(above)
        above = groups[above].within
    return found


# --- rules ----------------------------------------------------------------------------------------


def option_rules(library: Library, resolved: ResolvedRequest) -> list[Rule]:
    """Return the rules that speak of the option's treatment, or of a wider one."""
    option = resolved.plan.options[resolved.request.option]
    named = {option.treatment, *option.also}
    return [
        record
        for record in shown_records(library, resolved).values()
        if isinstance(record, Rule) and record.treatment in named
    ]


def answer(rule: Rule, values: Mapping, resolved: ResolvedRequest) -> bool | None:
    """Say whether a rule's condition, and the failures it asks for first, hold."""
    parts = [holds(rule.when, values)]
    for treatment in rule.after:
        known = treatment in resolved.failed
        unknown = treatment in resolved.given and any(
            before.response == "unknown"
            for before in resolved.request.prior_treatments
            if treatment
            in (before.treatment, *resolved.plan.prior_treatments[before.treatment].counts_as)
        )
        parts.append(True if known else None if unknown else False)
    return False if False in parts else None if None in parts else True


def rules_table(library: Library, resolved: ResolvedRequest) -> pd.DataFrame:
    """Return one row a rule about the option: what it says, when, and whether that holds here.

    Returns
    -------
    pandas.DataFrame
        ``rule``, ``source``, ``says``, ``when``, ``answer``, ``patients`` (the relation of the
        rule's group to the diagnosis), ``statement``, ``locator``.
    """
    import pandas as pd

    group = resolved.plan.diagnoses[resolved.request.diagnosis].group
    rows = []
    for rule in option_rules(library, resolved):
        asked = [words for words in (_when(rule), _after(rule)) if words]
        rows.append(
            {
                "rule": rule.id,
                "source": rule.source.key or "judgement",
                "says": _SAYS[rule.says],
                "about": rule.treatment,
                "when": "; ".join(asked) or "always",
                "answer": ANSWERS[answer(rule, resolved.values, resolved)],
                "patients": relation(library, group, rule.group),
                "statement": neutral(rule.statement),
                "locator": neutral(rule.source.locator or "", "see the record"),
            }
        )
    columns = [
        "rule",
        "source",
        "says",
        "about",
        "when",
        "answer",
        "patients",
        "statement",
        "locator",
    ]
    return pd.DataFrame(rows, columns=columns)


def _when(rule: Rule) -> str:
    return plain(condition_words(rule.when))


def _after(rule: Rule) -> str:
    names = " and ".join(name.replace("_", " ") for name in rule.after)
    return f"after no response to {names}" if names else ""


def parted(library: Library, resolved: ResolvedRequest) -> list[str]:
    """Return where rules about the option contradict each other, for this patient and at all."""
    rules = option_rules(library, resolved)
    lines = []
    speaks = [r for r in rules if answer(r, resolved.values, resolved) is True]
    speaks_for = [r for r in speaks if r.says in ("for", "required")]
    speaks_against = [r for r in speaks if r.says in AGAINST]
    if speaks_for and speaks_against:
        lines.append(
            f"Conditions that hold here: for, {_named(speaks_for)}; against, "
            f"{_named(speaks_against)}."
        )
    gates: dict[tuple, list[Rule]] = {}
    for rule in rules:
        if (
            rule.when is not None
            and rule.says == "for"
            and (rule.strength or "").startswith("only")
        ):
            gates.setdefault((rule.source.key, rule.treatment), []).append(rule)
    for (source, _), listed in gates.items():
        if len(listed) < 2:
            continue
        answers = [ANSWERS[answer(r, resolved.values, resolved)] for r in listed]
        each = ", ".join(
            f"{_when(rule)}: {word}" for rule, word in zip(listed, answers, strict=True)
        )
        verb = "part here" if len(set(answers)) > 1 else "agree here, and part in others"
        if set(answers) == {ANSWERS[None]}:
            verb = "part, and none can be told here"
        lines.append(f"{len(listed)} gates of {source} {verb} ({each}).")
    return lines


def _named(rules: list[Rule]) -> str:
    return ", ".join(dict.fromkeys(f"{r.source.key or 'a judgement'}" for r in rules))


@lru_cache(maxsize=8)
def _conflicts(library_files: tuple, problem: str | None) -> tuple[Conflict, ...]:
    from riskmodel.parameters.library import load_overlay

    own = [path for path, shipped in library_files if not shipped]
    return tuple(find_conflicts(load_overlay(own)))


def conflicts_of(library: Library, resolved: ResolvedRequest) -> pd.DataFrame:
    """Return the register's disagreements among what is shown, of the option's treatment.

    Returns
    -------
    pandas.DataFrame
        ``id``, ``between`` (two sources or more), ``differ_in``, ``state``, ``explanation`` (empty
        where it holds a word of a verdict).
    """
    import pandas as pd

    from riskmodel.parameters.library import is_shipped

    shown = shown_records(library, resolved)
    option = resolved.plan.options[resolved.request.option]
    named = {option.treatment, *option.also}
    files = tuple((path, is_shipped(path)) for path in library.files)
    rows = []
    for conflict in _conflicts(files, None):
        sides = [side for side in conflict.sides if side.id in shown]
        about = any(shown[side.id].treatment in named for side in sides)
        if len(sides) < 2 or not about or "register" not in conflict.found_by:
            continue
        rows.append(
            {
                "id": conflict.id,
                "between": ", ".join(dict.fromkeys(side.source for side in sides)),
                "records": ", ".join(side.id for side in sides),
                "differ_in": ", ".join(word.replace("_", " ") for word in conflict.differ_in),
                "state": "open" if conflict.is_open else "settled in writing",
                "rules": sum(isinstance(shown[side.id], Rule) for side in sides),
                "sides": _sides([shown[side.id] for side in sides]),
                "explanation": neutral(conflict.explanation.split("\n")[0]),
            }
        )
    columns = ["id", "between", "records", "differ_in", "state", "rules", "sides", "explanation"]
    table = pd.DataFrame(rows, columns=columns)
    # Those among rules first: they are what a reader of one patient's page looks for.
    return table.sort_values("rules", ascending=False, kind="stable").reset_index(drop=True)


def _sides(records: list[Statement]) -> str:
    """Return what each source's rule says, where the rules do not say the same."""
    said = [(r.source.key, _SAYS[r.says]) for r in records if isinstance(r, Rule)]
    if len({word for _, word in said}) < 2:
        return ""
    return f"{'; '.join(f'{source} says {word}' for source, word in dict.fromkeys(said))}."


# --- what would change the answers ----------------------------------------------------------------


def changes(library: Library, resolved: ResolvedRequest) -> pd.DataFrame:
    """Return what of this patient, if it were otherwise or known, would change a rule's answer.

    Returns
    -------
    pandas.DataFrame
        ``covariate``, ``label``, ``now``, ``if`` (another value), ``rules`` (their sources and new
        answers).
    """
    import pandas as pd

    rules = option_rules(library, resolved)
    now = {rule.id: answer(rule, resolved.values, resolved) for rule in rules}
    rows = []
    for name, covariate in resolved.covariates.items():
        clauses = [c for rule in rules for c in _clauses(rule.when) if c.covariate == name]
        if not clauses:
            continue
        value = resolved.values.get(name)
        for words, other in _alternatives(value, covariate, clauses):
            changed = []
            for rule in rules:
                then = answer(rule, {**resolved.values, name: other}, resolved)
                if then is not now[rule.id]:
                    changed.append((rule, then))
            if changed:
                rows.append(
                    {
                        "covariate": name,
                        "label": plain(covariate.label),
                        "now": _said(value),
                        "if": words,
                        "rules": "; ".join(
                            f"{rule.source.key} ({_SAYS[rule.says]}, {_when(rule) or 'always'}) "
                            f"{ANSWERS[then]}"
                            for rule, then in changed
                        ),
                        "ids": ", ".join(rule.id for rule, _ in changed),
                        "number": len(changed),
                    }
                )
    columns = ["covariate", "label", "now", "if", "rules", "ids", "number"]
    return pd.DataFrame(rows, columns=columns)


def _clauses(condition: Condition | None) -> list[Clause]:
    if condition is None:
        return []
    return [*(condition.all or ()), *(condition.any or ())]


def _alternatives(value, covariate, clauses: list[Clause]) -> Iterator[tuple[str, object]]:
    if covariate.type == "boolean":
        for other in (True, False):
            if value is not other:
                yield _said(other), other
        return
    if covariate.type == "category":
        for other in covariate.categories:
            if other != value:
                yield other, other
        return
    low, high = covariate.range or (float("-inf"), float("inf"))
    step = 1e-6
    places: dict[str, float] = {}
    for clause in clauses:
        for limit, words, inside in (
            (clause.at_least, "at least", 0.0),
            (clause.above, "above", step),
            (clause.up_to, "up to", 0.0),
            (clause.below, "below", -step),
        ):
            if limit is None:
                continue
            places[f"{words} {limit:g}"] = limit + inside
            outside = {"at least": "below", "above": "up to", "up to": "above", "below": "at least"}
            beyond = limit + {"at least": -step, "above": 0.0, "up to": step, "below": 0.0}[words]
            places[f"{outside[words]} {limit:g}"] = beyond
    for words, other in places.items():
        if low <= other <= high:
            yield words, other


def _said(value) -> str:
    if value is None:
        return "not stated"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, (int, float)) else str(value).replace("_", " ")


# --- measures -------------------------------------------------------------------------------------


def measures_table(library: Library, resolved: ResolvedRequest) -> pd.DataFrame:
    """Return which measure to look at, by when, and where both are from.

    Returns
    -------
    pandas.DataFrame
        ``label``, ``when`` (as printed), ``since``, ``from_days``, ``to_days``, ``outcome`` and
        ``source`` of the measure, ``source_of_time``, ``whose``, ``because``.
    """
    import pandas as pd

    rows = []
    for measure in resolved.plan.measures:
        if measure.options and resolved.request.option not in measure.options:
            continue
        record, time = library.statement(measure.estimate), library.statement(measure.by)
        if isinstance(time, Window):
            ends = (
                time.opens.days[0] if time.opens else 0.0,
                time.closes.days[1] if time.closes else None,
            )
            words = f"from {time.opens}" if time.opens else ""
            words += f" to {time.closes}" if time.closes else ""
            words = words.strip() or neutral(time.stated or "")
        else:
            ends = time.span.days if time.span else (None, None)
            words = str(time.span) if time.span else neutral(time.stated or "")
        rows.append(
            {
                "label": neutral(measure.label),
                "when": words,
                "since": measure.since,
                "from_days": ends[0],
                "to_days": ends[1],
                "outcome": neutral(record.outcome),
                "source": record.source.key or "judgement",
                "source_of_time": time.source.key or "judgement",
                "whose": neutral(measure.whose),
                "because": neutral(measure.because),
            }
        )
    return pd.DataFrame(rows)
