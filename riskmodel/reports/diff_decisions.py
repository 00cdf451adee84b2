"""Which decisions stand on another side in one run than in another: in words, without verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from riskmodel.reports.diff_inputs import problem_as_run
from riskmodel.reports.diff_outputs import number
from riskmodel.reports.trace import RunFolder

MAIN = "net_benefit"  # the table of the run as it was asked for; others vary one thing each

Group = tuple[str, ...]


def flips(a: RunFolder, b: RunFolder) -> Iterator[dict]:
    """Yield what stands on another side in B than in A, in every table of net benefit.

    Parameters
    ----------
    a, b : RunFolder

    Yields
    ------
    dict
        ``table`` and ``where`` it stands; ``kind``: ``sign`` of an option's expected net benefit,
        the option with the ``largest`` one (the comparator's is zero), or the ``probability`` of
        a net benefit crossing one half; ``option``; ``a`` and ``b``; and ``words``. The run as it
        was asked for comes first.
    """
    labels, comparator = _labels(a)
    told: set[str] = set()
    for table in sorted(a.tables, key=lambda name: name != MAIN):
        if table not in b.tables:
            continue
        before, after = _benefits(a, table), _benefits(b, table)
        for group in before:
            if group not in after:
                continue
            for flip in _flips_of(before[group], after[group], labels, comparator):
                place = _place(table, group)
                words = f"{place}: {flip.pop('words')}"
                if words not in told:  # a table may repeat net benefit for every outcome
                    told.add(words)
                    yield {"table": table, "where": place, **flip, "words": words}


def _labels(run: RunFolder) -> tuple[dict[str, str], str]:
    problem = problem_as_run(run).get("problem") or {}
    options = problem.get("options") or {}
    labels = {name: option.get("label", name) for name, option in options.items()}
    return labels, problem.get("comparator", "the comparator")


def _benefits(run: RunFolder, table: str) -> dict[Group, dict[str, Mapping[str, str]]]:
    """Return the rows of net benefit by what they are about, then by option."""
    card, rows = run.rows(table)
    groups: dict[Group, dict[str, Mapping[str, str]]] = {}
    for row in rows.values():
        if number(row.get("net_benefit")) is None or "option" not in row:
            continue
        about = tuple(row[key] for key in card.keys if key != "option" and row.get(key))
        groups.setdefault(about, {})[row["option"]] = row
    return groups


def _place(table: str, group: Group) -> str:
    return ", ".join(group) if table == MAIN else f"{table}, {', '.join(group)}"


def _flips_of(before: dict, after: dict, labels: dict, comparator: str) -> Iterator[dict]:
    both = [option for option in before if option in after]
    against = labels.get(comparator, comparator)
    for option in both:
        one, other = (number(rows[option]["net_benefit"]) for rows in (before, after))
        name = labels.get(option, option)
        if (one > 0) != (other > 0):
            words = (
                f"expected net benefit of {name} against {against} is {_side(one)} in A "
                f"({one:+.4g}) and {_side(other)} in B ({other:+.4g})"
            )
            near = [
                run
                for run, rows, value in (("A", before, one), ("B", after, other))
                if _near_zero(rows[option], value)
            ]
            if near:
                words += f"; in {' and '.join(near)} within two standard errors of zero"
            yield {"kind": "sign", "option": option, "a": one, "b": other, "words": words}
        yield from _even_odds(option, name, before[option], after[option])
    firsts = [_largest(rows, comparator) for rows in (before, after)]
    if firsts[0] != firsts[1]:
        shown = [labels.get(option, option) for option in firsts]
        words = f"largest expected net benefit: {shown[0]} in A, {shown[1]} in B"
        yield {"kind": "largest", "option": None, "a": firsts[0], "b": firsts[1], "words": words}


def _side(value: float) -> str:
    return "above zero" if value > 0 else "below zero" if value < 0 else "zero"


def _near_zero(row: Mapping[str, str], value: float) -> bool:
    error = number(row.get("monte_carlo_standard_error"))
    of_benefit = "risk_difference" not in row  # else the error is of that
    return error is not None and of_benefit and abs(value) < 2 * error


def _even_odds(option: str, name: str, before: Mapping, after: Mapping) -> Iterator[dict]:
    one, other = (number(row.get("prob_positive")) for row in (before, after))
    if one is None or other is None or (one > 0.5) == (other > 0.5):
        return
    words = (
        f"the probability that net benefit of {name} is above zero is {one:.3g} in A and "
        f"{other:.3g} in B, on either side of one half"
    )
    yield {"kind": "probability", "option": option, "a": one, "b": other, "words": words}


def _largest(rows: Mapping[str, Mapping[str, str]], comparator: str) -> str:
    """Return the option with the largest expected net benefit; the comparator's is zero."""
    values = {option: number(row["net_benefit"]) for option, row in rows.items()}
    best = max(values, key=values.get)
    return best if values[best] > 0 else comparator
