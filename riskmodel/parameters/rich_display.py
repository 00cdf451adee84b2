"""What a notebook shows of a problem or an estimate: short, and every text of a file escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

MOST = 12  # rows that are shown; the rest is counted


def card(title: str, rows: Iterable[tuple[str, object]], below: str = "") -> str:
    """Return a title with fields beneath it, as HTML.

    Parameters
    ----------
    title : str
    rows : iterable of (str, object)
        Name and value; a value of None or "" is left out.
    below : str
        HTML that follows.

    Examples
    --------
    >>> card("A", [("risk", "< 5%"), ("note", None)])
    '<div><strong>A</strong><table><tr><th>risk</th><td>&lt; 5%</td></tr></table></div>'
    """
    lines = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(_line(value))}</td></tr>"
        for name, value in rows
        if value not in (None, "")
    )
    return f"<div><strong>{escape(_line(title))}</strong><table>{lines}</table>{below}</div>"


def grid(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows under headings as HTML; of many, the first :data:`MOST` and a count.

    Examples
    --------
    >>> grid(["id"], [["<b>"]])
    '<table><tr><th>id</th></tr><tr><td>&lt;b&gt;</td></tr></table>'
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    lines = "".join(
        f"<tr>{''.join(f'<td>{escape(_line(value))}</td>' for value in row)}</tr>"
        for row in rows[:MOST]
    )
    more = f"<p>and {len(rows) - MOST} more</p>" if len(rows) > MOST else ""
    return f"<table><tr>{head}</tr>{lines}</table>{more}"


def _line(value: object) -> str:
    return " ".join(str(value).split())


def problem_card(loaded: Any) -> str:
    """Return a loaded problem as HTML: question, options, outcomes, priors, what is open.

    Parameters
    ----------
    loaded : LoadedProblem
    """
    problem = loaded.problem
    options = [
        f"{option.label} (comparator)" if name == problem.comparator else option.label
        for name, option in problem.options.items()
    ]
    open_ones = sum(not conflict.get("resolution") for conflict in loaded.contradictions)
    rows = [
        ("id", loaded.id),
        ("population", problem.population),
        ("horizon", problem.horizon),
        ("options", "; ".join(options)),
        ("covariates", ", ".join(problem.covariates)),
        ("scenarios on", ", ".join(loaded.scenarios)),
        ("panels", ", ".join(loaded.panels)),
        ("evidence", f"{len(loaded.estimates)} estimates, {len(loaded.sources)} sources"),
        ("contradictions", f"{len(loaded.contradictions)}, {open_ones} of them open"),
    ]
    outcomes = [
        [
            outcome.label,
            "unwanted" if outcome.unwanted else "wanted",
            "; ".join(
                f"{problem.options[name].label}: "
                + ("not estimable" if effect.not_estimable else effect.scale or "no effect")
                for name, effect in outcome.effects.items()
                if name in problem.options
            ),
        ]
        for outcome in problem.outcomes.values()
    ]
    return card(problem.question, rows, grid(["outcome", "", "effects"], outcomes))


def estimate_card(estimate: Any) -> str:
    """Return an estimate as HTML: as printed, where it stands, of whom, by when.

    Parameters
    ----------
    estimate : Estimate
    """
    interval, counts, source = estimate.interval, estimate.counts, estimate.source
    judgement = source.judgement
    where = f"{source.key}, {source.locator or 'no locator'}" if source.key else None
    if judgement is not None:
        where = f"judgement of {judgement.whose}: {judgement.why}"
    spread = None
    if interval is not None:
        level = f"{100 * interval.level:g}% " if interval.level is not None else ""
        kind = f"{interval.kind} interval" if interval.kind else "interval"
        spread = f"{interval.lower:g} to {interval.upper:g} ({level}{kind})"
    rows = [
        ("printed", estimate.printed),
        ("measure", estimate.measure.replace("_", " ")),
        ("outcome", estimate.outcome),
        ("value", f"{estimate.number:.4g}"),
        ("interval", spread),
        ("counts", f"{counts.events:g} of {counts.n:g}" if counts is not None else None),
        ("population", estimate.population),
        ("comparator", estimate.comparator),
        ("horizon", estimate.horizon),
        ("status", estimate.status),
        ("source", where),
    ]
    return card(estimate.id, rows)
