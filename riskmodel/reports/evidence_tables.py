"""What the sources say that is not modelled: rules, windows, grades, disagreements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import betaincinv

from riskmodel.evidence.conditions import condition_words, holds
from riskmodel.parameters.library import LoadedProblem
from riskmodel.parameters.profiles import Patient
from riskmodel.parameters.schema import (
    Amount,
    Estimate,
    EvidenceLevel,
    Finding,
    Regimen,
    Rule,
    Statement,
    TimeRange,
    Window,
)
from riskmodel.reports.provenance import citation

_ANSWERS = {True: "yes", False: "no", None: "cannot be told: a covariate is not stated"}


def evidence_tables(loaded: LoadedProblem, patients: Sequence[Patient]) -> dict[str, pd.DataFrame]:
    """Return the tables of a run that rest on no draw; empty ones are there too."""
    return {
        "rules": rules_table(loaded, patients),
        "windows": windows_table(loaded, patients),
        "reported_risks": reported_risk_table(loaded),
        "evidence": evidence_table(loaded),
        "contradictions": contradiction_table(loaded),
    }


def evidence_table(loaded: LoadedProblem) -> pd.DataFrame:
    """Return one row a statement that the problem shows beside its result."""
    return pd.DataFrame(
        [
            {
                "id": record.id,
                "kind": _kind(record),
                "says": statement_words(record),
                "printed": record.printed or "",
                "population": record.population,
                "status": record.status,
                "source": citation(loaded, record),
                "locator": record.source.locator or "",
                "note": " ".join((record.note or "").split()),
            }
            for record in loaded.statements.values()
        ]
    )


def _kind(record: Statement) -> str:
    return "".join(f" {c.lower()}" if c.isupper() else c for c in type(record).__name__).strip()


def statement_words(record: Statement) -> str:
    """Return a statement of any kind as a line of text."""
    if isinstance(record, Estimate):
        shown = record.printed or f"{record.number:g}"
        return f"{record.measure.replace('_', ' ')} of {record.outcome}: {shown}"
    if isinstance(record, TimeRange):
        time = str(record.span) if record.span else record.stated or ""
        return f"{record.quantity.replace('_', ' ')}, {record.endpoint}: {time}" + (
            f" ({record.completeness})" if record.completeness else ""
        )
    if isinstance(record, Window):
        return f"{record.action}: {_window_words(record)} after {record.anchor}"
    if isinstance(record, Regimen):
        return regimen_words(record)
    if isinstance(record, EvidenceLevel):
        return f"{record.level}: {' '.join(record.statement.split())}"
    if isinstance(record, Rule | Finding):
        return " ".join(record.statement.split())
    raise TypeError(type(record).__name__)


def _window_words(window: Window) -> str:
    if window.opens is None and window.closes is None:
        return window.stated or ""
    opens = f"from {window.opens}" if window.opens else "at once"
    return opens + (f" to {window.closes}" if window.closes else "")


def regimen_words(regimen: Regimen) -> str:
    """Return how a treatment is given, as one reads it."""
    parts = [regimen.stage or ""]
    if regimen.dose:
        often = {1: "a day", 2: "twice a day", 3: "three times a day"}
        times = often.get(regimen.times_per_day, f"{regimen.times_per_day:g} times a day")
        parts.append(f"{_amount_words(regimen.dose)} {times}")
    if regimen.days:
        days = regimen.days
        parts.append(f"for {days.value or f'{days.lower} to {days.upper}'} days")
    if regimen.every is not None:
        parts.append("once" if regimen.every == "none" else f"every: {regimen.every}")
    if regimen.course_total:
        parts.append(f"{_amount_words(regimen.course_total)} a course")
    return " ".join(part for part in parts if part)


def _amount_words(amount: Amount) -> str:
    lower, upper = amount.limits
    if lower == upper:
        return f"{lower:g} {amount.unit}"
    if np.isnan(lower):
        return f"up to {upper:g} {amount.unit}"
    return f"{lower:g} to {upper:g} {amount.unit}"


def rules_table(loaded: LoadedProblem, patients: Sequence[Patient]) -> pd.DataFrame:
    """Return one row a patient and rule of a source: whether its condition holds, and what it says.

    What rules say is theirs; where two disagree, both stand here.
    """
    return pd.DataFrame(
        [
            {
                "profile": patient.id,
                "rule": record.id,
                "treatment": record.treatment,
                "says": record.says.replace("_", " "),
                "when": condition_words(record.when) or "always",
                "applies": _ANSWERS[holds(record.when, patient.values)],
                "statement": " ".join(record.statement.split()),
                "source": citation(loaded, record),
                "locator": record.source.locator or "",
            }
            for patient in patients
            for record in loaded.statements.values()
            if isinstance(record, Rule)
        ]
    )


def windows_table(loaded: LoadedProblem, patients: Sequence[Patient]) -> pd.DataFrame:
    """Return one row a window or time range, its ends in days, and whom its condition fits."""
    rows = []
    for record in loaded.statements.values():
        if isinstance(record, Window):
            opens = record.opens.days if record.opens else (None, None)
            closes = record.closes.days if record.closes else (None, None)
            if record.closes and not record.opens:
                opens = (0.0, None)
            label, what, when = record.action, _window_words(record), record.when
            ends = (opens[0], opens[1] if opens[1] != opens[0] else None, closes[1])
            since = record.anchor
        elif isinstance(record, TimeRange) and record.span:
            lower, upper = record.span.days
            words = [record.treatment, record.quantity]
            label = ", ".join(word.replace("_", " ") for word in words if word)
            label, when = f"{label}: {record.endpoint}", None
            ends, since = (lower, None, upper), ""
            what = str(record.span)
        else:
            continue
        fits = [p.id for p in patients if holds(when, p.values) is not False]
        rows.append(
            {
                "id": record.id,
                "label": label,
                "kind": _kind(record),
                "since": since,
                "printed_time": what,
                "from_days": ends[0],
                "from_days_at_latest": ends[1],
                "to_days": ends[2],
                "when": condition_words(when) or "always",
                "profiles": ", ".join(fits),
                "meaning": getattr(record, "meaning", None) or "",
                "population": record.population,
                "source": citation(loaded, record),
                "locator": record.source.locator or "",
            }
        )
    return pd.DataFrame(rows)


def reported_risk_table(loaded: LoadedProblem, *, prob: float = 0.95) -> pd.DataFrame:
    """Return reported proportions without a comparator, each with its own Jeffreys interval.

    They are set side by side and never averaged: different patients, times and counts.
    """
    tail = (1 - prob) / 2
    rows = []
    for record in loaded.statements.values():
        if not isinstance(record, Estimate) or record.measure != "risk":
            continue
        lower = upper = np.nan
        if record.counts:
            events, n = record.counts.events, record.counts.n
            lower, upper = betaincinv(events + 0.5, n - events + 0.5, [tail, 1 - tail])
        rows.append(
            {
                "estimate": record.id,
                "outcome": record.outcome,
                "population": record.population,
                "horizon": str(record.horizon),
                "unit_of_analysis": record.unit_of_analysis or "patients",
                "printed": record.printed or "",
                "risk": record.number,
                "lower": lower,
                "upper": upper,
                "prob": prob,
                "kind": "Jeffreys" if record.counts else "no counts printed",
                "source": citation(loaded, record),
                "locator": record.source.locator or "",
            }
        )
    return pd.DataFrame(rows)


def contradiction_table(loaded: LoadedProblem) -> pd.DataFrame:
    """Return one row a disagreement between sources that touches what the problem uses."""
    return pd.DataFrame(
        [
            {
                "id": conflict["id"],
                "between": "; ".join(conflict["sides"]),
                "differ_in": ", ".join(conflict["differ_in"]),
                "explanation": conflict["explanation"],
                "resolution": conflict["resolution"] or "open",
            }
            for conflict in loaded.contradictions
        ]
    )
