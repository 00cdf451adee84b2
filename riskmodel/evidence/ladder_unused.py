"""Printed figures that a rung passed over, held against its distribution; points alone, refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import special

from riskmodel.errors import NOTHING, ParameterError, Phrase
from riskmodel.evidence.elicitation import MEANINGS
from riskmodel.evidence.families import (
    refuse,
    require_number,
    require_probability,
)
from riskmodel.evidence.ladder_figure import Figure, declared_spread
from riskmodel.evidence.ladder_intervals import WIDTHS
from riskmodel.evidence.ladder_numbers_needed import rounded_differences
from riskmodel.evidence.ladder_points import parsed_p_value
from riskmodel.evidence.ladder_result import LadderPrior, errors
from riskmodel.evidence.priors import DIFFERENCES, NUMBERS_NEEDED, POSITIVE_MEASURES


def with_unused(found: LadderPrior, figure: Figure, used: set[str]) -> LadderPrior:
    """Add a row for every printed figure that the rung passed over, or a note."""
    rows, notes = [], []
    if figure.value is not None and "value" not in used:
        rows.append(_point_row(found, figure))
    if figure.interval is not None and "interval" not in used and figure.kind != "rounding":
        rows += _end_rows(found, figure)
        if figure.level is None and figure.meaning not in MEANINGS:
            lower, upper = figure.interval
            notes.append(f"{lower:g} to {upper:g} cannot be held against it: no level or meaning")
    own = figure.measure not in NUMBERS_NEEDED  # else what was printed is of reciprocals
    if "quantiles" not in used:
        rows += [
            (f"quantile {p:g}", x, float(found.distribution.ppf(p)) if own else np.nan)
            for p, x in sorted(figure.quantiles.items())
        ]
    if figure.mean is not None and "mean" not in used:
        rows.append(("mean", figure.mean, found.distribution.mean() if own else np.nan))
    if figure.standard_deviation is not None and "standard_deviation" not in used:
        rows.append(_deviation_row(found, figure))
    if figure.p_value is not None and "p_value" not in used:
        try:
            rows.append(_p_value_row(found, figure))
        except ParameterError:
            notes.append(f"the p-value {figure.p_value} cannot be held against it")
    if figure.n is not None and declared_spread(figure) is not None:
        notes.append(f"n = {figure.n} is not used: the spread is declared")
    if not rows and not notes:
        return found
    error = found.reconstruction_error
    if rows:
        error = pd.concat([error, errors(rows)], ignore_index=True)
    return replace(found, reconstruction_error=error, notes=(*found.notes, *notes))


def _point_row(found: LadderPrior, figure: Figure) -> tuple[str, float, float]:
    if figure.events is not None:
        return "point (mean)", figure.value, found.distribution.mean()
    median = found.distribution.median()
    if figure.measure in NUMBERS_NEEDED:
        return "number needed (1 / median)", figure.value, abs(1 / median) if median else np.inf
    return "point (median)", figure.value, median


def _end_rows(found: LadderPrior, figure: Figure):
    """Yield both ends of an interval with a level, or of a range whose meaning gives one."""
    level = figure.level if figure.level is not None else WIDTHS.get(figure.meaning)
    if level is None or figure.measure in NUMBERS_NEEDED:
        return
    ends = found.distribution.interval(require_probability("level", level))
    for side, printed, end in zip(("lower", "upper"), figure.interval, ends, strict=True):
        yield f"{side} limit", printed, float(end)


def _deviation_row(found: LadderPrior, figure: Figure) -> tuple[str, float, float]:
    """Return a standard deviation of patients, or the error of their mean, beside the spread."""
    name, printed = (
        "standard deviation",
        require_number("standard_deviation", figure.standard_deviation, above=0),
    )
    own = found.describes == "patients" or figure.meaning is not None
    if figure.of == "mean" and figure.n is not None:
        name, printed = "standard error", printed / np.sqrt(require_number("n", figure.n, above=0))
        own = found.describes == "the quantity"
    if figure.measure in NUMBERS_NEEDED or not own:
        return name, printed, np.nan
    return name, printed, found.distribution.std()


def _p_value_row(found: LadderPrior, figure: Figure) -> tuple[str, float, float]:
    """Return a p-value beside that of the distribution against no effect.

    One printed as a bound is given back by anything below it.
    """
    p, bound = parsed_p_value(figure.p_value)
    spread = found.distribution
    effects = (*POSITIVE_MEASURES, *DIFFERENCES, "standardised_mean_difference")
    comparable = figure.measure in effects and figure.measure != "rate"
    if figure.measure in NUMBERS_NEEDED:
        z = spread.mean() / spread.std()
    elif comparable and getattr(spread, "family", "") in ("normal", "lognormal"):
        z = spread.first / spread.second
    else:
        z = np.nan
    own = float(2 * special.ndtr(-abs(z)))
    if not bound:
        return "p-value", p, own
    return "p-value, at most", p, own if np.isnan(own) else max(own, p)


def refuse_point(figure: Figure):
    """Refuse a figure without a spread, and say what would give it one."""
    measure, value = figure.measure, figure.value
    if measure in NUMBERS_NEEDED and value is not None:
        low, high = rounded_differences(figure)
        way = "rounded to nearest" if figure.rounded == "nearest" else "always rounded up"
        refuse(
            "value",
            Phrase(
                f"a {measure} of {value:g} without a spread: risk differences of "
                f"{100 * low:.2f} to {100 * high:.2f} points, if {way}"
            ),
            "a number needed with the interval, arm counts or ratio it came from",
            "look for the ratio and the comparator's risk, or the counts, and use these; else "
            "state effective_sample_size or sd, marked as assumed",
            "Q",
        )
    if len(figure.quantiles) == 1:
        ((probability, number),) = figure.quantiles.items()
        refuse(
            "quantiles",
            Phrase(f"one quantile, {probability:g} by {number:g}"),
            "two numbers",
            "one more is needed: another quantile, the median, or log_sd marked as assumed",
            "Q",
        )
    if value is None and figure.mean is None:
        refuse("value", NOTHING, "a figure as printed", "give a value, interval, counts or range")
    shown = value if value is not None else figure.mean
    remedy = {
        "risk": "its counts, n, or effective_sample_size",
        "time": "another quantile, or log_sd",
    }.get(
        measure,
        "its interval with level, its p-value, or log_sd"
        if measure in POSITIVE_MEASURES
        else "its interval with level, its standard deviation, or sd",
    )
    refuse(
        "value",
        Phrase(f"{measure} {shown:g} without a spread"),
        "a figure with its interval, counts or another number that gives a spread",
        f"a point alone is no distribution: give {remedy}",
        "Q",
    )
