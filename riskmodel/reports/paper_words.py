"""Numbers of a paper's table in words: events per 1000, fewer and more, intervals, measures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

DISCLAIMER = "Research use; not medical advice."
TO_COMPLETE = "Author to complete"
NOT_STATED = "not stated"


def count(value: float) -> str:
    """Return a number of events per 1000: whole from 10 on, two significant digits below.

    Parameters
    ----------
    value : float
        Events per 1000 people, or a difference of two such numbers; printed without its sign.

    Examples
    --------
    >>> [count(value) for value in (168.44, 9.96, -4.778, 0.2613, 0)]
    ['168', '10', '4.8', '0.26', '0']
    """
    size = abs(value)
    if size >= 9.95:
        return f"{math.floor(size + 0.5)}"
    if size == 0:
        return "0"
    digits = 1 - math.floor(math.log10(float(f"{size:.1e}")))
    return f"{size:.{digits}f}"


def change(value: float, words: tuple[str, str] = ("fewer", "more")) -> str:
    """Return a difference as a number and a direction.

    Parameters
    ----------
    value : float
        Treatment minus comparator.
    words : tuple of str
        For a difference below zero, and above.

    Examples
    --------
    >>> change(-61.57), change(4.5), change(0.0), change(-1.27, ("lower", "higher"))
    ('62 fewer', '4.5 more', 'no difference', '1.3 lower')
    """
    if value == 0:
        return "no difference"
    return f"{count(value)} {words[0] if value < 0 else words[1]}"


def change_with_limits(
    value: float, lower: float, upper: float, words: tuple[str, str] = ("fewer", "more")
) -> str:
    """Return a difference with both limits of its interval, each with its direction.

    Fewer and more speak of events. Whether fewer is better depends on the event, which the table
    names as wanted or unwanted.

    Examples
    --------
    >>> change_with_limits(-61.57, -117.2, -4.778)
    '62 fewer (117 fewer to 4.8 fewer)'
    >>> change_with_limits(-61.57, -117.2, 4.5)
    '62 fewer (117 fewer to 4.5 more)'
    """
    if value == lower == upper:
        return change(value, words)
    return f"{change(value, words)} ({change(lower, words)} to {change(upper, words)})"


def per_1000(risk: float) -> str:
    """Return a risk as events per 1000.

    Examples
    --------
    >>> per_1000(0.16844)
    '168'
    """
    return count(1000 * risk)


def share(value: float) -> str:
    """Return a probability in words that do not claim more than the draws can.

    Examples
    --------
    >>> share(0.983), share(0.0), share(1.0)
    ('0.98', 'below 0.01', 'above 0.99')
    """
    if value < 0.01:
        return "below 0.01"
    if value > 0.99:
        return "above 0.99"
    return f"{value:.2f}"


def interval_name(prob: str | float, kind: str) -> str:
    """Return what kind of interval stands in a column.

    Examples
    --------
    >>> interval_name("0.95", "equal-tailed")
    '95% equal-tailed credible interval'
    """
    return f"{float(prob) * 100:g}% {kind} credible interval"


def duration(value: Mapping[str, Any] | None) -> str:
    """Return a duration of a parameter file as one reads it.

    Examples
    --------
    >>> duration({"value": 12.0, "unit": "month"}), duration({"stated": "in hospital"})
    ('12 months', 'in hospital')
    """
    if not value:
        return NOT_STATED
    if "value" not in value:
        return str(value.get("stated", NOT_STATED))
    number = value["value"]
    return f"{number:g} {value['unit']}{'' if number == 1 else 's'}"


# --- an estimate ----------------------------------------------------------------------------------


def measure_words(measure: str) -> str:
    """Return a measure's name without underscores."""
    return measure.replace("_", " ")


def value_words(estimate: Mapping[str, Any]) -> str:
    """Return the number of an estimate in its own unit, or the counts it has.

    Examples
    --------
    >>> value_words({"measure": "risk", "value": 2.5, "unit": "percent"})
    '2.5%'
    >>> value_words({"measure": "risk", "counts": {"events": 15.0, "n": 96}})
    '15/96'
    >>> value_words({"measure": "rate", "value": 1.3,
    ...              "per": {"value": 1000.0, "unit": "day", "of": "device-days"}})
    '1.3 per 1000 device-days'
    """
    value, unit = estimate.get("value"), estimate.get("unit")
    groups = (estimate.get("counts"), estimate.get("comparator_counts"))
    counted = " v ".join(f"{group['events']:g}/{group['n']}" for group in groups if group)
    if estimate.get("events_over"):
        over = estimate["events_over"]
        counted = f"{over['events']:g} in {over['time']:g} {over['unit']}s of {over['of']}"
    if value is None:
        return counted or "no number printed"
    text = f"{value:g}%" if unit == "percent" else f"{value:g}" + (f" {unit}" if unit else "")
    if estimate.get("per"):
        text += f" per {estimate['per']['value']:g} {estimate['per']['of']}"
    return f"{text} ({counted})" if counted else text


def interval_words(estimate: Mapping[str, Any]) -> str:
    """Return an estimate's interval with its level and kind.

    Examples
    --------
    >>> interval_words({"interval": {"lower": 0.39, "upper": 0.98, "level": 0.95,
    ...                              "kind": "confidence"}})
    '0.39 to 0.98 (95% confidence)'
    >>> interval_words({})
    'none printed'
    """
    interval = estimate.get("interval")
    if not interval:
        return "none printed"
    level = f"{interval['level'] * 100:g}% " if interval.get("level") else ""
    unit = "%" if estimate.get("unit") == "percent" else ""
    return f"{interval['lower']:g}{unit} to {interval['upper']:g}{unit} ({level}{interval['kind']})"


def effect_words(estimate: Mapping[str, Any]) -> str:
    """Return an estimate as measure, number and interval.

    Examples
    --------
    >>> effect_words({"measure": "relative_risk", "value": 0.62,
    ...               "interval": {"lower": 0.39, "upper": 0.98, "level": 0.95,
    ...                            "kind": "confidence"}})
    'relative risk 0.62, 0.39 to 0.98 (95% confidence)'
    """
    words = f"{measure_words(estimate['measure'])} {value_words(estimate)}"
    return f"{words}, {interval_words(estimate)}" if estimate.get("interval") else words


def studied(estimate: Mapping[str, Any]) -> str:
    """Return how many people and trials are behind an estimate, as far as its record says.

    Examples
    --------
    >>> studied({"participants": 999, "trials": 7}), studied({"counts": {"events": 3, "n": 96}})
    ('999 (7 trials)', '96')
    """
    people = estimate.get("participants")
    if people is None and estimate.get("counts"):
        groups = (estimate.get("counts"), estimate.get("comparator_counts"))
        people = sum(group["n"] for group in groups if group)
    trials = estimate.get("trials")
    of_trials = f"{trials} trial{'' if trials == 1 else 's'}" if trials else ""
    if people is None:
        return of_trials or NOT_STATED
    return f"{people} ({of_trials})" if of_trials else f"{people}"
