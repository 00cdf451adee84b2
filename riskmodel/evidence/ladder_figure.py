"""What was printed about one number, checked: the figure that climbs the ladder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import special

from riskmodel.errors import NOTHING, Phrase, did_you_mean
from riskmodel.evidence.elicitation import MEANINGS
from riskmodel.evidence.families import (
    refuse,
    require_number,
    require_probability,
)
from riskmodel.evidence.priors import DIFFERENCES, NUMBERS_NEEDED, POSITIVE_MEASURES
from riskmodel.parameters.schema import Estimate, TimeRange

_BADGES = ("data", "assumed", "elicited", "transported")
_OTHER_MEASURES = ("risk", "mean", "median", "standardised_mean_difference", "time")
_MEASURES = (*POSITIVE_MEASURES, *DIFFERENCES, *_OTHER_MEASURES)
ALL_MEANINGS = (*MEANINGS, "min_max")
FORWARD: dict[str, Callable] = {
    "normal": np.asarray,
    "lognormal": np.log,
    "logit_normal": special.logit,
}


@dataclass(frozen=True)
class Figure:
    """Everything that may have been printed about one number."""

    measure: str | None = None
    value: float | None = None
    interval: tuple[float, float] | None = None
    level: float | None = None
    kind: str | None = None
    meaning: str | None = None
    events: float | None = None
    n: Any = None
    mean: float | None = None
    standard_deviation: float | None = None
    quantiles: dict[float, float] = field(default_factory=dict)
    p_value: str | float | None = None
    comparator_risk: float | None = None
    effective_sample_size: float | None = None
    sd: float | None = None
    log_sd: float | None = None
    family: str | None = None
    wanted: bool = False
    rounded: str = "nearest"
    decimals_per: float = 1.0  # 100 where the number was printed per hundred
    estimated: bool = False
    of: str = "patients"
    unit: str | None = None
    judged: bool = False
    meaning_declared: bool = False
    badge: str | None = None


def quartile_parts(median, quartiles):
    """Yield the probability and value of a median and of quartiles, as given."""
    if quartiles is not None:
        yield 0.25, require_number("quartiles", quartiles[0])
        yield 0.75, require_number("quartiles", quartiles[1])
    if median is not None:
        yield 0.5, require_number("median", median)


def from_record(record, said: dict) -> Figure:
    """Return what a record says, with what the caller adds; refuse what both say."""
    if record is None:
        figure = Figure()
    elif isinstance(record, Estimate):
        figure = _from_estimate(record)
    elif isinstance(record, TimeRange):
        figure = _from_time_range(record)
    else:
        refuse(
            "estimate", record, "an Estimate or a TimeRange", "give the figures by keyword instead"
        )
    for name, given in said.items():
        printed = getattr(figure, name)
        if record is not None and name not in ("wanted", "badge", "unit", "family"):
            if printed is not None and printed != given:
                refuse(
                    name,
                    given,
                    f"nothing: {record.id} says {printed}",
                    "leave it out, or give all figures by keyword without the record",
                )
    declared = record is not None and "meaning" in said and figure.meaning is None
    return replace(figure, **said, meaning_declared=declared)


def _from_estimate(estimate: Estimate) -> Figure:
    interval = estimate.interval
    counts = estimate.counts
    number = estimate.number
    unit = estimate.unit if estimate.unit != "percent" else None
    if estimate.per is not None:
        unit = f"per {estimate.per.value:g} {estimate.per.unit} of {estimate.per.of}"
    return Figure(
        measure=estimate.measure,
        value=None if estimate.value is None else number,
        interval=estimate.limits,
        level=interval.level if interval else None,
        kind=interval.kind if interval else None,
        events=counts.events if counts else None,
        n=counts.n if counts else None,
        p_value=estimate.p_value,
        comparator_risk=estimate.comparator_risk,
        wanted=estimate.wanted,
        estimated=estimate.estimated,
        decimals_per=100.0 if estimate.unit == "percent" else 1.0,
        unit=unit,
        judged=estimate.status in ("judgement", "unverified"),
    )


def _from_time_range(record: TimeRange) -> Figure:
    span = record.span
    if span is None:
        refuse(
            "span",
            Phrase(f"{record.id}, {record.stated!r}"),
            "a time in numbers",
            "a word is no distribution: elicit it",
        )
    base = Figure(
        measure="time", unit=span.unit, judged=record.status in ("judgement", "unverified")
    )
    meaning = None if record.meaning == "not_stated" else record.meaning
    if span.value is not None:
        if meaning == "mean":
            return replace(base, mean=span.value)
        if meaning in ("median", "point"):
            return replace(base, value=span.value)
        refuse(
            "meaning",
            record.meaning or NOTHING,
            "a median, a mean or a point",
            "a least time is a bound, and no distribution",
        )
    if span.lower is None or span.upper is None:
        refuse(
            "span",
            str(span),
            "a range with two ends",
            "an open end says nothing of the spread: give a quantile, as in quantiles={0.8: 6}",
        )
    return replace(base, interval=(span.lower, span.upper), kind="range", meaning=meaning)


def check_words(figure: Figure) -> None:
    """Refuse unknown words, and numbers that cannot be whatever the rung."""
    if figure.measure is not None and figure.measure not in _MEASURES:
        refuse(
            "measure", figure.measure, ", ".join(_MEASURES), did_you_mean(figure.measure, _MEASURES)
        )
    if figure.badge is not None and figure.badge not in _BADGES:
        refuse("badge", figure.badge, ", ".join(_BADGES), did_you_mean(figure.badge, _BADGES))
    if figure.rounded not in ("nearest", "up"):
        refuse(
            "rounded",
            figure.rounded,
            "nearest, up",
            did_you_mean(figure.rounded, ["nearest", "up"]),
        )
    if figure.of not in ("patients", "mean"):
        refuse("of", figure.of, "patients, mean", did_you_mean(figure.of, ["patients", "mean"]))
    families = (*FORWARD, "gamma", "beta")
    if figure.family is not None and figure.family not in families:
        refuse("family", figure.family, ", ".join(families), did_you_mean(figure.family, families))
    for probability, number in figure.quantiles.items():
        require_probability("quantiles", probability)
        require_number("quantiles", number)
    ordered = [x for _, x in sorted(figure.quantiles.items())]
    if any(low >= high for low, high in zip(ordered[:-1], ordered[1:], strict=True)):
        refuse(
            "quantiles",
            dict(sorted(figure.quantiles.items())),
            "values that rise with the probability",
            "they cross; check the printed figures",
        )
    if figure.interval is not None:
        lower, upper = (require_number("interval", end) for end in figure.interval)
        if lower >= upper:
            refuse("interval", (lower, upper), "lower below upper", "check the printed limits")
    spreads = [
        name
        for name in ("effective_sample_size", "sd", "log_sd")
        if getattr(figure, name) is not None
    ]
    for name in spreads:
        require_number(name, getattr(figure, name), above=0)
    if len(spreads) > 1:
        refuse(
            spreads[1],
            getattr(figure, spreads[1]),
            f"one spread, beside {spreads[0]}",
            "leave one of the two out",
        )


def guess(figure: Figure) -> str:
    """Return the measure of numbers without one."""
    if figure.events is not None:
        return "risk"
    numbers = [
        *(figure.interval or ()),
        *figure.quantiles.values(),
        *(x for x in (figure.value, figure.mean) if x is not None),
    ]
    if numbers and min(numbers) < 0:
        return "mean_difference"
    if numbers and max(numbers) > 1:
        return "time"
    refuse("measure", NOTHING, ", ".join(_MEASURES), "say what the number is")


def declared_spread(figure: Figure) -> str | None:
    """Return the name of the spread that nobody printed, if one was declared."""
    names = ("effective_sample_size", "sd", "log_sd")
    return next((name for name in names if getattr(figure, name) is not None), None)


def check_value(figure: Figure) -> None:
    """Refuse a point that its measure or its interval cannot have."""
    value, measure = figure.value, figure.measure
    if value is None:
        return
    value = require_number("value", value)
    if measure == "risk" and not 0 <= value <= 1:
        refuse("value", value, "a risk between 0 and 1", "divide percentages by 100")
    if measure == "risk_difference" and not -1 <= value <= 1:
        refuse("value", value, "a difference between -1 and 1", "divide percentage points by 100")
    if measure in POSITIVE_MEASURES and value <= 0:
        refuse(
            "value",
            value,
            "a number above 0",
            "was a logarithm entered, or a reduction in percent?",
        )
    if measure in NUMBERS_NEEDED and abs(value) < 1:
        refuse("value", value, "1 or more in size", "no difference of risks exceeds 1")
    if measure in NUMBERS_NEEDED and value < 0:
        refuse(
            "value",
            value,
            "a number above 0",
            "give it without sign, as a number needed to treat or to harm",
            "Q",
        )
    if figure.interval and measure not in NUMBERS_NEEDED:
        lower, upper = figure.interval
        if not lower <= value <= upper:
            refuse(
                "value",
                value,
                f"a point inside its interval, {lower:g} to {upper:g}",
                "check the point and both limits",
            )


def family_of(figure: Figure) -> str:
    """Return the family asked for, or the one in which the measure is modelled."""
    if figure.family is not None:
        return figure.family
    if figure.measure in POSITIVE_MEASURES:
        return "lognormal"
    if figure.measure == "risk":
        return "logit_normal"
    if figure.measure in ("time", "median"):
        return "lognormal"
    return "normal"
