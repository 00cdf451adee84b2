"""One printed figure -> a distribution, by the highest rung that what was printed can reach.

=============================  ====================================================================
what was printed               distribution
=============================  ====================================================================
events of n                    Beta(events + 1/2, n - events + 1/2), Jeffreys
an interval with its level     log-normal for ratios and rates, normal for differences, logit-normal
                               or Beta for risks; normal for a risk difference from the limits of a
                               number needed, through infinity where they have two signs
a range with its meaning       as an interval of 95% (``plausible_limits``), 90% (``q05_q95``) or
                               50% (``iqr``); ``min_max`` by the expected extremes of n
quantiles, median and          fitted; a median and quartiles keep the median
quartiles, "80% by week 6"
mean and standard deviation    moments of patients, or of the mean where n is given and asked for
a point and its p-value        z = the normal quantile of 1 - p/2, standard error = point / z
a percentage of n              Beta, the count found back from the percentage
a point and a declared spread  ``effective_sample_size``, ``sd`` or ``log_sd``; always `assumed`
a number needed and n          normal around 1/NNT: the variance at the comparator's risk, or its
                               greatest possible; with what rounding leaves open
=============================  ====================================================================

A point alone is refused, whatever it is; a number needed also says which differences it may stand
for. Each result carries the *reconstruction error*: what was printed, what the distribution's own
summary gives, and the difference; figures that the rung did not use are held against it too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import special

from riskmodel.errors import NOTHING, ParameterError, Phrase, did_you_mean
from riskmodel.evidence.checks import rounding
from riskmodel.evidence.distributions import NormalMixture
from riskmodel.evidence.elicitation import MEANINGS, fit_quantiles
from riskmodel.evidence.families import (
    Family,
    normal_nodes,
    refuse,
    require_counts,
    require_number,
    require_probability,
)
from riskmodel.evidence.priors import DIFFERENCES, NUMBERS_NEEDED, POSITIVE_MEASURES
from riskmodel.parameters.schema import Estimate, TimeRange

_BADGES = ("data", "assumed", "elicited", "transported")
_OTHER_MEASURES = ("risk", "mean", "median", "standardised_mean_difference", "time")
_MEASURES = (*POSITIVE_MEASURES, *DIFFERENCES, *_OTHER_MEASURES)
_WIDTHS = {meaning: above - below for meaning, (below, above) in MEANINGS.items()}
_ALL_MEANINGS = (*MEANINGS, "min_max")
_FORWARD: dict[str, Callable] = {
    "normal": np.asarray,
    "lognormal": np.log,
    "logit_normal": special.logit,
}


@dataclass(frozen=True)
class LadderPrior:
    """A distribution made from one printed figure.

    Attributes
    ----------
    distribution : distribution
        With SciPy's frozen protocol and `hdi`.
    measure : str
        What it is a distribution of; a number needed becomes a ``risk_difference``.
    rule : str
        How it was made, in words.
    badge : {"data", "assumed", "elicited", "transported"}
    reconstruction_error : DataFrame
        Columns ``summary, printed, distribution, difference, relative_difference``, for every
        printed figure, used or not; nan where the distribution has no such summary.
    describes : {"the quantity", "patients"}
        Whether the spread is of what is known about one number, or of patients who differ.
    unit : str or None
    notes : tuple of str
        What is doubtful and was let through.
    """

    distribution: Any
    measure: str
    rule: str
    badge: str
    reconstruction_error: pd.DataFrame
    describes: str = "the quantity"
    unit: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def worst_reconstruction(self) -> float:
        """The greatest relative difference between what was printed and what came out."""
        return float(self.reconstruction_error["relative_difference"].abs().max())

    def __str__(self) -> str:
        return f"{self.measure}: {self.rule} [{self.badge}]"


@dataclass(frozen=True)
class _Figure:
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


def as_prior(
    estimate: Estimate | TimeRange | None = None,
    *,
    measure: str | None = None,
    value: float | None = None,
    interval: tuple[float, float] | None = None,
    level: float | None = None,
    meaning: str | None = None,
    events: float | None = None,
    n: int | tuple[int, int] | None = None,
    mean: float | None = None,
    standard_deviation: float | None = None,
    median: float | None = None,
    quartiles: tuple[float, float] | None = None,
    quantiles: Mapping[float, float] | None = None,
    p_value: str | float | None = None,
    comparator_risk: float | None = None,
    effective_sample_size: float | None = None,
    sd: float | None = None,
    log_sd: float | None = None,
    family: str | None = None,
    wanted: bool | None = None,
    rounded: Literal["nearest", "up"] = "nearest",
    estimated: bool = False,
    of: Literal["patients", "mean"] = "patients",
    unit: str | None = None,
    badge: str | None = None,
) -> LadderPrior:
    """Return the distribution that one printed figure allows, and how well it gives it back.

    Parameters
    ----------
    estimate : Estimate or TimeRange, optional
        A record of the library; the keywords add to it what it does not say, never what it says.
    measure : str, optional
        As in the parameter language, or ``time``. Without it, positive numbers of which one is
        above 1 are taken as a time, numbers of either sign as a difference.
    value : float
        The printed point; a risk in [0, 1], a number needed above 1 in size.
    interval, level : tuple of float, float
        Printed limits and their stated level; there is no default.
    meaning : {"plausible_limits", "q05_q95", "iqr", "min_max"}
        What the ends of a range are; `min_max` needs `n`.
    events, n : int
        People with the event, and people; for a number needed `n` is of both arms together, or
        (under treatment, under the comparator).
    mean, standard_deviation : float
    median, quartiles : float, tuple of float
    quantiles : mapping of probability to value
        "80% by week 6" is ``{0.8: 6}``; it needs one more number.
    p_value : str or float
        Two-sided, as printed: ``"0.03"``, ``"< 0.001"``.
    comparator_risk : float
        For the variance of a risk difference.
    effective_sample_size, sd, log_sd : float
        A spread that nobody printed: patients the point counts for (both arms together for a number
        needed), or a standard deviation on the modelling scale.
    family : str, optional
        ``normal``, ``lognormal``, ``logit_normal``, ``gamma`` or ``beta``, in place of the rule's.
    wanted : bool, optional
        Whether the event of a number needed is wanted.
    rounded : {"nearest", "up"}
        How a number needed was rounded.
    estimated : bool
        Whether a percentage that no whole count of n gives may pass.
    of : {"patients", "mean"}
        Whose spread a mean, standard deviation and n give: patients, or the mean itself.
    unit : str, optional
        Carried into the result.
    badge : str, optional
        In place of the rule's: ``elicited`` or ``transported``, for example.

    Returns
    -------
    LadderPrior

    Raises
    ------
    ParameterError
        If what was printed allows no distribution; the message says what would.

    References
    ----------
    Altman and Bland (2011), BMJ 343:d2090 and d2304, on standard errors from intervals and
    p-values.

    Examples
    --------
    >>> found = as_prior(interval=(6, 36), meaning="plausible_limits", unit="month")
    >>> round(found.distribution.median(), 1), found.badge
    (14.7, 'assumed')
    >>> found = as_prior(measure="risk", events=4, n=5)
    >>> [round(end, 2) for end in found.distribution.interval(0.95)]
    [0.37, 0.98]
    >>> as_prior(measure="number_needed_to_treat", value=14)
    Traceback (most recent call last):
        ...
    riskmodel.errors.ParameterError: [Q] value: found a number_needed_to_treat of 14 without a \
spread: risk differences of 6.90 to 7.41 points, if rounded to nearest; allowed: a number \
needed with the interval, arm counts or ratio it came from; look for the ratio and the \
comparator's risk, or the counts, and use these; else state effective_sample_size or sd, marked \
as assumed
    """
    said = {
        "measure": measure,
        "value": value,
        "interval": tuple(interval) if interval is not None else None,
        "level": level,
        "meaning": meaning,
        "events": events,
        "n": n,
        "mean": mean,
        "standard_deviation": standard_deviation,
        "p_value": p_value,
        "comparator_risk": comparator_risk,
        "effective_sample_size": effective_sample_size,
        "sd": sd,
        "log_sd": log_sd,
        "family": family,
        "wanted": wanted,
        "unit": unit,
        "badge": badge,
    }
    said = {name: given for name, given in said.items() if given is not None}
    stated = {float(q): float(x) for q, x in (quantiles or {}).items()}
    for probability, number in _quartile_parts(median, quartiles):
        stated[probability] = number
    figure = _from_record(estimate, said)
    figure = replace(
        figure,
        quantiles=figure.quantiles | stated,
        rounded=rounded,
        estimated=figure.estimated or estimated,
        of=of,
    )
    _check_words(figure)
    return _climb(replace(figure, measure=figure.measure or _guess(figure)))


def rounding_interval(
    number_needed: float, rounded: Literal["nearest", "up"] = "nearest"
) -> tuple[float, float]:
    """Return the smallest and largest risk difference that a printed number needed stands for.

    Parameters
    ----------
    number_needed : float
        At least 1 in size.
    rounded : {"nearest", "up"}
        To the nearest, or always up, at the last printed digit.

    Returns
    -------
    tuple of float
        Sizes, without sign.

    Examples
    --------
    >>> [round(100 * end, 2) for end in rounding_interval(14)]
    [6.9, 7.41]
    >>> [round(100 * end, 2) for end in rounding_interval(14, "up")]
    [7.14, 7.69]
    """
    size = abs(require_number("number_needed", number_needed))
    if size < 1:
        refuse(
            "number_needed", number_needed, "1 or more in size", "no difference of risks exceeds 1"
        )
    below, above = rounding(size)
    if rounded == "up":
        below, above = size - (above - below), size
    return 1 / above, 1 / max(below, 1.0)


# --- what was printed -----------------------------------------------------------------------------


def _quartile_parts(median, quartiles):
    if quartiles is not None:
        yield 0.25, require_number("quartiles", quartiles[0])
        yield 0.75, require_number("quartiles", quartiles[1])
    if median is not None:
        yield 0.5, require_number("median", median)


def _from_record(record, said: dict) -> _Figure:
    """Return what a record says, with what the caller adds; refuse what both say."""
    if record is None:
        figure = _Figure()
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


def _from_estimate(estimate: Estimate) -> _Figure:
    interval = estimate.interval
    counts = estimate.counts
    number = estimate.number
    unit = estimate.unit if estimate.unit != "percent" else None
    if estimate.per is not None:
        unit = f"per {estimate.per.value:g} {estimate.per.unit} of {estimate.per.of}"
    return _Figure(
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


def _from_time_range(record: TimeRange) -> _Figure:
    span = record.span
    if span is None:
        refuse(
            "span",
            Phrase(f"{record.id}, {record.stated!r}"),
            "a time in numbers",
            "a word is no distribution: elicit it",
        )
    base = _Figure(
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


def _check_words(figure: _Figure) -> None:
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
    families = (*_FORWARD, "gamma", "beta")
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


def _guess(figure: _Figure) -> str:
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


# --- the rungs ------------------------------------------------------------------------------------


def _climb(figure: _Figure) -> LadderPrior:
    """Return the result of the highest rung that the figure reaches."""
    _check_value(figure)
    found, used = _highest_rung(figure)
    return _with_unused(found, figure, used)


def _highest_rung(figure: _Figure) -> tuple[LadderPrior, set[str]]:
    """Return the result, and the names of the printed figures that it was made from."""
    measure = figure.measure
    declared = _declared_spread(figure)
    if figure.events is not None:
        _no_other_spread(declared, "counts")
        return _from_counts(figure), {"interval"} if figure.level is not None else set()
    usable = figure.interval is not None and figure.kind != "rounding"
    if usable and (figure.level is not None or figure.meaning is not None):
        _no_other_spread(declared, "an interval")
        return _from_interval(figure), {"interval", "value"}
    if usable and declared is None and figure.p_value is None:
        _refuse_interval(figure)
    if len(figure.quantiles) > 1:
        _no_other_spread(declared, "quantiles")
        return _from_quantiles(figure), {"quantiles"}
    if figure.mean is not None and figure.standard_deviation is not None:
        _no_other_spread(declared, "a standard deviation")
        return _from_moments(figure), {"mean", "standard_deviation"}
    if declared is not None:
        return _from_declared(figure, declared), {_declared_point(figure)}
    if measure == "risk" and figure.value is not None and figure.n is not None:
        return _from_percent(figure), {"value"}
    if figure.p_value is not None and figure.value is not None:
        return _from_p_value(figure), {"value", "p_value"}
    if measure in NUMBERS_NEEDED and figure.value is not None and figure.n is not None:
        return _from_number_needed(figure), {"value"}
    _refuse_point(figure)


def _with_unused(found: LadderPrior, figure: _Figure, used: set[str]) -> LadderPrior:
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
    if figure.n is not None and _declared_spread(figure) is not None:
        notes.append(f"n = {figure.n} is not used: the spread is declared")
    if not rows and not notes:
        return found
    error = found.reconstruction_error
    if rows:
        error = pd.concat([error, _errors(rows)], ignore_index=True)
    return replace(found, reconstruction_error=error, notes=(*found.notes, *notes))


def _point_row(found: LadderPrior, figure: _Figure) -> tuple[str, float, float]:
    if figure.events is not None:
        return "point (mean)", figure.value, found.distribution.mean()
    median = found.distribution.median()
    if figure.measure in NUMBERS_NEEDED:
        return "number needed (1 / median)", figure.value, abs(1 / median) if median else np.inf
    return "point (median)", figure.value, median


def _end_rows(found: LadderPrior, figure: _Figure):
    """Yield both ends of an interval with a level, or of a range whose meaning gives one."""
    level = figure.level if figure.level is not None else _WIDTHS.get(figure.meaning)
    if level is None or figure.measure in NUMBERS_NEEDED:
        return
    ends = found.distribution.interval(require_probability("level", level))
    for side, printed, end in zip(("lower", "upper"), figure.interval, ends, strict=True):
        yield f"{side} limit", printed, float(end)


def _deviation_row(found: LadderPrior, figure: _Figure) -> tuple[str, float, float]:
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


def _p_value_row(found: LadderPrior, figure: _Figure) -> tuple[str, float, float]:
    """Return a p-value beside that of the distribution against no effect.

    One printed as a bound is given back by anything below it.
    """
    p, bound = _p_value(figure.p_value)
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


def _declared_spread(figure: _Figure) -> str | None:
    names = ("effective_sample_size", "sd", "log_sd")
    return next((name for name in names if getattr(figure, name) is not None), None)


def _declared_point(figure: _Figure) -> str:
    """Return the name of the figure that a declared spread is put around."""
    if figure.value is not None:
        return "value"
    return "quantiles" if figure.quantiles else "mean"


def _no_other_spread(declared: str | None, printed: str) -> None:
    if declared is not None:
        refuse(
            declared,
            Phrase(f"a declared spread beside {printed}"),
            "one of the two",
            "leave the declared spread out: what was printed says more",
        )


def _check_value(figure: _Figure) -> None:
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


def _family_of(figure: _Figure) -> str:
    if figure.family is not None:
        return figure.family
    if figure.measure in POSITIVE_MEASURES:
        return "lognormal"
    if figure.measure == "risk":
        return "logit_normal"
    if figure.measure in ("time", "median"):
        return "lognormal"
    return "normal"


def _errors(rows) -> pd.DataFrame:
    """Return what was printed, what the distribution gives, and the difference."""
    table = pd.DataFrame(rows, columns=["summary", "printed", "distribution"]).astype(
        {"printed": float, "distribution": float}
    )
    table["difference"] = table["distribution"] - table["printed"]
    with np.errstate(divide="ignore", invalid="ignore"):
        table["relative_difference"] = np.where(
            table["difference"] == 0, 0.0, table["difference"] / table["printed"].abs()
        )
    return table


def _result(figure: _Figure, distribution, rule: str, rows, *, assumed: bool = False, **more):
    badge = figure.badge or ("assumed" if assumed or figure.judged else "data")
    if badge == "data" and assumed:
        refuse(
            "badge",
            "data",
            "assumed, elicited or transported",
            "a spread that nobody printed is not data",
        )
    measure = figure.measure
    if measure in NUMBERS_NEEDED:
        measure = "risk_difference"
        _check_differences(figure, distribution)
    return LadderPrior(
        distribution=distribution,
        measure=measure,
        rule=rule,
        badge=badge,
        reconstruction_error=_errors(rows),
        unit=figure.unit,
        **more,
    )


def _check_differences(figure: _Figure, distribution) -> None:
    """Refuse a normal that puts more than 1% where no difference of risks can be."""
    beyond = float(distribution.cdf(-1.0) + 1 - distribution.cdf(1.0))
    if beyond > 0.01:
        refuse(
            "value" if figure.value is not None else "interval",
            Phrase(
                f"a {figure.measure} whose normal distribution puts {beyond:.0%} beyond a risk "
                "difference of 1 in size"
            ),
            "a risk difference between -1 and 1, but for 1%",
            "nearly everybody is affected: give the counts of both arms, not a number needed",
        )


def _check_point_of_counts(figure: _Figure, events: float, n: float) -> None:
    """Refuse a printed proportion that its own counts do not round to."""
    if figure.value is None or figure.estimated:
        return
    per = figure.decimals_per
    low, high = rounding(figure.value * per, coarsest=0.5 if per > 1 else 0.005)
    if not low - 1e-9 <= events / n * per <= high + 1e-9:
        refuse(
            "value",
            figure.value,
            f"{events / n:.4g}, which is {events:g} of {n:g}, as rounded",
            "check both; say estimated=True for an adjusted or estimated proportion",
        )


def _from_counts(figure: _Figure) -> LadderPrior:
    if figure.measure != "risk":
        refuse("measure", figure.measure, "risk, for counts", "give the ratio and its interval")
    if figure.estimated:
        events, n = (require_number(name, getattr(figure, name)) for name in ("events", "n"))
    else:
        events, n = require_counts(figure.events, figure.n)
    _check_point_of_counts(figure, events, n)
    notes = ()
    if events in (0, n):
        notes = ("nobody, or everybody: never 0% or 100% for certain",)
    distribution = Family("beta", events + 0.5, n - events + 0.5)
    rows = [("proportion (mean)", events / n, distribution.mean())]
    if figure.interval is not None and figure.level is not None:
        ends = distribution.interval(figure.level)
        rows += [
            (f"{side} limit", printed, end)
            for side, printed, end in zip(("lower", "upper"), figure.interval, ends, strict=True)
        ]
    return _result(
        figure,
        distribution,
        f"Beta of {events:g} of {n:g} with the Jeffreys prior",
        rows,
        notes=notes,
    )


def _from_interval(figure: _Figure) -> LadderPrior:
    if figure.meaning is not None and figure.level is None:
        return _from_range(figure)
    level = require_probability("level", figure.level)
    if figure.measure in NUMBERS_NEEDED:
        return _from_number_needed_interval(figure, level)
    kind = f"{level:.0%} {figure.kind or ''}".strip()
    return _between(figure, level, f"{kind} interval", "limit")


def _between(figure: _Figure, level: float, name: str, end: str, **more) -> LadderPrior:
    """Return the distribution that holds `level` between two printed ends."""
    lower, upper = figure.interval
    family = _family_of(figure)
    tail = (1 - level) / 2
    if family in _FORWARD:
        distribution = _location_scale(figure, family, special.ndtri(1 - tail))
        how = "" if figure.value is None else ", around the printed point"
    else:
        distribution, how = _fitted_between(figure, family, tail), ", fitted to both ends"
    rows = [
        (f"lower {end}", lower, float(distribution.ppf(tail))),
        (f"upper {end}", upper, float(distribution.ppf(1 - tail))),
    ]
    if figure.value is not None:
        rows.insert(0, ("point (median)", figure.value, distribution.median()))
    return _result(figure, distribution, f"{distribution} from the {name}{how}", rows, **more)


def _location_scale(figure: _Figure, family: str, z: float) -> Family:
    """Return the distribution whose transformed value is normal, from two ends z away."""
    forward = _FORWARD[family]
    low, high = {"normal": (-np.inf, np.inf), "lognormal": (0, np.inf)}.get(family, (0, 1))
    lower, upper = figure.interval
    inside = (lower, upper) if figure.value is None else (lower, figure.value, upper)
    if not all(low < x < high for x in inside):
        refuse(
            "interval",
            [lower, upper],
            f"numbers strictly between {low:g} and {high:g} for a {family}",
            "a limit printed as 0 may be rounded: give the counts, or family='beta'"
            if family == "logit_normal"
            else "a limit of 0 has no logarithm: give more digits, or another family",
        )
    below, above = forward(lower), forward(upper)
    centre = 0.5 * (below + above) if figure.value is None else forward(figure.value)
    return Family(family, float(centre), float((above - below) / (2 * z)))


def _fitted_between(figure: _Figure, family: str, tail: float) -> Family:
    """Return a gamma or Beta with the two ends as quantiles; a closed end needs the point."""
    lower, upper = figure.interval
    probabilities, values = [tail, 1 - tail], [lower, upper]
    closed = [end for end in (0.0, 1.0) if end in (lower, upper)] if family == "beta" else []
    if family == "gamma" and lower == 0:
        closed = [0.0]
    if closed:
        if figure.value is None or len(closed) == 2:
            refuse(
                "interval",
                [lower, upper],
                f"ends that a {family} can have as quantiles",
                "give the point too, or the counts",
            )
        keep = 1 if closed[0] == 0.0 else 0
        probabilities, values = (
            ([0.5, probabilities[1]], [figure.value, upper])
            if keep
            else ([probabilities[0], 0.5], [lower, figure.value])
        )
    if family == "beta" and not all(0 < x < 1 for x in values):
        refuse("interval", [lower, upper], "risks between 0 and 1", "divide percentages by 100")
    if family == "gamma" and min(values) < 0:
        refuse("interval", [lower, upper], "numbers above 0", "choose another family")
    return fit_quantiles(family, probabilities, values)


def _from_range(figure: _Figure) -> LadderPrior:
    meaning = figure.meaning
    if meaning not in _ALL_MEANINGS:
        refuse("meaning", meaning, ", ".join(_ALL_MEANINGS), _consequences(figure))
    assumed = meaning == "plausible_limits" or figure.meaning_declared
    describes = "patients" if figure.measure == "time" else "the quantity"
    if meaning == "min_max":
        return _from_extremes(figure, assumed=assumed, describes=describes)
    level = _WIDTHS[meaning]
    notes = ()
    if meaning == "plausible_limits":
        notes = ("limits called plausible, read as 95%, are over-confident by default",)
    words = f"range read as {meaning}, which holds {level:.0%}"
    return _between(figure, level, words, "end", assumed=assumed, describes=describes, notes=notes)


def _from_extremes(figure: _Figure, **more) -> LadderPrior:
    """Return the distribution whose expected smallest and largest of n are the printed ones."""
    family = _family_of(figure)
    if family not in _FORWARD:
        refuse("family", family, ", ".join(_FORWARD), "extremes are fitted on a normal scale")
    if figure.n is None:
        refuse("n", NOTHING, "how many were observed", "the extremes of few lie closer together")
    n = require_number("n", figure.n)
    if n < 2 or n != int(n):
        refuse("n", figure.n, "a whole number, 2 or more", "give how many were observed")
    reach = expected_maximum(int(n))
    distribution = _location_scale(figure, family, reach)
    back = {"normal": float, "lognormal": np.exp, "logit_normal": special.expit}[family]
    centre, spread = distribution.first, distribution.second
    lower, upper = figure.interval
    rows = [
        ("smallest (expected)", lower, back(centre - reach * spread)),
        ("largest (expected)", upper, back(centre + reach * spread)),
    ]
    if figure.value is not None:
        rows.insert(0, ("point (median)", figure.value, distribution.median()))
    return _result(
        figure,
        distribution,
        f"{distribution}: the ends are the expected extremes of {n:g}, {reach:.3f} standard "
        "deviations from the centre",
        rows,
        **more,
    )


def expected_maximum(n: int) -> float:
    """Return the expected largest of n standard normal values.

    Examples
    --------
    >>> round(expected_maximum(2), 4), round(expected_maximum(5), 4)
    (0.5642, 1.163)
    """
    x, weight = normal_nodes(4001, 12.0)
    return float(n * weight @ (x * np.exp((n - 1) * special.log_ndtr(x))))


def _consequences(figure: _Figure) -> str:
    """Say what each meaning of a range would make of it."""
    lower, upper = figure.interval
    if not 0 < lower < upper:
        return "say which; the share beyond each end is 2.5%, 5% or 25%"
    spreads = [
        f"{np.log(upper / lower) / (2 * special.ndtri((1 + level) / 2)):.3f}"
        for level in _WIDTHS.values()
    ]
    return (
        f"say which: above {upper:g} would lie 2.5%, 5% or 25%, with a log standard deviation of "
        f"{', '.join(spreads[:2])} or {spreads[2]}"
    )


def _refuse_interval(figure: _Figure):
    lower, upper = figure.interval
    shown = Phrase(f"{lower:g} to {upper:g}, without a level or meaning")
    if figure.kind in ("range", "plausible") or figure.measure == "time":
        refuse("meaning", shown, ", ".join(_ALL_MEANINGS), _consequences(figure), "Q")
    refuse(
        "level",
        shown,
        "the level the source states, such as 0.95",
        "there is no default; for a range that is no interval give its meaning",
        "Q",
    )


def _from_quantiles(figure: _Figure) -> LadderPrior:
    stated = dict(sorted(figure.quantiles.items()))
    probabilities, values = list(stated), list(stated.values())
    family = _family_of(figure)
    low, high = {"normal": (-np.inf, np.inf), "lognormal": (0, np.inf), "gamma": (0, np.inf)}.get(
        family, (0, 1)
    )
    if not low < values[0] <= values[-1] < high:
        refuse(
            "quantiles",
            stated,
            f"numbers strictly between {low:g} and {high:g} for a {family}",
            "choose another family, or check the unit",
        )
    if probabilities == [0.25, 0.5, 0.75] and family in _FORWARD:
        lower, point, upper = (_FORWARD[family](x) for x in values)
        spread = (upper - lower) / (2 * special.ndtri(0.75))
        distribution, how = Family(family, float(point), float(spread)), "median and quartiles"
    else:
        distribution = fit_quantiles(family, probabilities, values)
        how = f"{len(stated)} quantiles"
    rows = [(f"quantile {p:g}", x, float(distribution.ppf(p))) for p, x in stated.items()]
    describes = "patients" if figure.measure in ("time", "mean", "median") else "the quantity"
    return _result(figure, distribution, f"{distribution} from {how}", rows, describes=describes)


def _from_moments(figure: _Figure) -> LadderPrior:
    mean, sd = figure.mean, require_number("standard_deviation", figure.standard_deviation, above=0)
    mean = require_number("mean", mean)
    describes, rule = "patients", "mean and standard deviation of patients"
    if figure.of == "mean":
        if figure.n is None:
            refuse("n", NOTHING, "how many the mean is of", "give n, or of='patients'")
        n = require_number("n", figure.n, above=1)
        sd, describes = sd / np.sqrt(n), "the quantity"
        rule = f"the mean of {n:g}, standard error = standard deviation / sqrt(n)"
    family = figure.family or {"time": "lognormal", "risk": "beta"}.get(figure.measure, "normal")
    if figure.of == "mean" and figure.family is None:
        family = "normal"
    distribution = _of_moments(family, mean, sd)
    rows = [
        ("mean", mean, distribution.mean()),
        (
            "standard deviation" if describes == "patients" else "standard error",
            sd,
            distribution.std(),
        ),
    ]
    return _result(figure, distribution, f"{distribution} from {rule}", rows, describes=describes)


def _of_moments(family: str, mean: float, sd: float) -> Family:
    if family == "normal":
        return Family("normal", mean, sd)
    if family in ("lognormal", "gamma") and mean <= 0:
        refuse("mean", mean, f"a number above 0 for a {family}", "choose family='normal'")
    if family == "lognormal":
        spread = np.sqrt(np.log1p((sd / mean) ** 2))
        return Family("lognormal", float(np.log(mean) - spread**2 / 2), float(spread))
    if family == "gamma":
        return Family("gamma", (mean / sd) ** 2, sd**2 / mean)
    if family == "beta":
        if not (0 < mean < 1 and sd**2 < mean * (1 - mean)):
            refuse(
                "standard_deviation",
                sd,
                "below sqrt(mean * (1 - mean)), with a mean in (0, 1)",
                "divide percentages by 100",
            )
        size = mean * (1 - mean) / sd**2 - 1
        return Family("beta", mean * size, (1 - mean) * size)
    refuse("family", family, "normal, lognormal, gamma, beta", "moments fit these")


def _from_declared(figure: _Figure, declared: str) -> LadderPrior:
    value, measure = figure.value, figure.measure
    if value is None and len(figure.quantiles) == 1 and 0.5 not in figure.quantiles:
        return _from_quantile_and_spread(figure, declared)
    if value is None:
        value = figure.quantiles.get(0.5, figure.mean)
    if value is None:
        refuse("value", NOTHING, "a point for the declared spread", "give the printed value")
    figure = replace(figure, value=value)
    if measure in NUMBERS_NEEDED:
        if declared == "log_sd":
            refuse(
                "log_sd",
                figure.log_sd,
                "effective_sample_size or sd",
                "a risk difference has no logarithm",
            )
        return _from_number_needed(figure)
    spread = getattr(figure, declared)
    if declared == "effective_sample_size" and measure == "risk":
        if not 0 < value < 1:
            refuse("value", value, "a risk above 0 and below 1", "give the counts instead")
        distribution = Family("beta", spread * value, spread * (1 - value))
        rule = f"Beta with mean {value:.4g} and the weight of {spread:g} patients (declared)"
        row = ("point (mean)", value, distribution.mean())
    elif declared == "log_sd" and (measure in POSITIVE_MEASURES or measure in ("time", "median")):
        of_mean = figure.mean is not None and figure.mean == value
        centre = np.log(require_number("value", value, above=0)) - of_mean * spread**2 / 2
        distribution = Family("lognormal", float(centre), spread)
        rule = f"{distribution}, the spread declared"
        row = (
            ("mean", value, distribution.mean())
            if of_mean
            else ("point (median)", value, distribution.median())
        )
    elif declared == "sd" and _family_of(replace(figure, family=None)) == "normal":
        distribution = Family("normal", value, spread)
        rule = f"normal around {value:.4g}, standard deviation {spread:g} (declared)"
        row = ("point (median)", value, distribution.median())
    else:
        refuse(
            declared,
            spread,
            f"the spread that fits a {measure}",
            "effective_sample_size for a risk or number needed, log_sd for a ratio, rate or "
            "time, sd for a difference or mean",
        )
    return _result(figure, distribution, rule, [row], assumed=True)


def _from_quantile_and_spread(figure: _Figure, declared: str) -> LadderPrior:
    """Return "80% by week 6" with a declared spread."""
    ((probability, number),) = figure.quantiles.items()
    spread, z = getattr(figure, declared), special.ndtri(probability)
    if declared == "log_sd" and number > 0:
        distribution = Family("lognormal", float(np.log(number) - spread * z), spread)
    elif declared == "sd":
        distribution = Family("normal", float(number - spread * z), spread)
    else:
        refuse(declared, spread, "log_sd for a positive time, sd otherwise", "give one of these")
    row = (f"quantile {probability:g}", number, float(distribution.ppf(probability)))
    rule = f"{distribution} from one quantile and its declared spread"
    return _result(figure, distribution, rule, [row], assumed=True, describes="patients")


def _p_value(printed) -> tuple[float, bool]:
    """Return a p-value and whether it is only an upper bound."""
    if isinstance(printed, str):
        match = re.fullmatch(r"\s*(?:[pP]\s*)?([<=≤]?)\s*(\d*\.?\d+(?:[eE]-?\d+)?)\s*", printed)
        if match is None:
            refuse(
                "p_value",
                printed,
                "a number, or '< 0.001'",
                "'not significant' and '> 0.05' bound nothing: give the interval",
            )
        return require_probability("p_value", float(match[2])), match[1] in ("<", "≤")
    return require_probability("p_value", printed), False


def _from_p_value(figure: _Figure) -> LadderPrior:
    p, bound = _p_value(figure.p_value)
    family = _family_of(figure)
    if figure.measure == "risk" or family not in ("normal", "lognormal"):
        refuse(
            "p_value",
            figure.p_value,
            "a p-value of a ratio or difference",
            "give the counts, or the interval",
        )
    if figure.measure in ("mean", "median", "time", "rate"):
        refuse(
            "p_value",
            figure.p_value,
            "a p-value of a ratio or difference",
            "a mean is tested against no difference that is known here",
        )
    sign, point = 1.0, figure.value
    if figure.measure in NUMBERS_NEEDED:
        sign, point = _direction(figure), 1 / figure.value
    centre = sign * float(_FORWARD[family](point))
    z = float(-special.ndtri(p / 2))
    if centre == 0 or z < 1e-3:
        refuse(
            "p_value",
            figure.p_value,
            "a p-value below 1 of an effect that is not null",
            "at the null a p-value says nothing of the spread: give the interval",
        )
    error = abs(centre) / z
    distribution = Family(family, centre, error)
    rule = f"{distribution}: standard error = size / z, z = {z:.3f} from a two-sided p " + (
        f"of at most {p:g}, so at most that wide" if bound else f"of {p:g}"
    )
    shown = distribution.median()
    if figure.measure in NUMBERS_NEEDED:
        shown = abs(1 / shown)
    rows = [
        ("point (median)", figure.value, shown),
        ("p-value", p, float(2 * special.ndtr(-abs(centre) / error))),
    ]
    notes = ("the p-value of an exact or rank test is not quite that of a normal one",)
    return _result(figure, distribution, rule, rows, notes=notes)


def _from_percent(figure: _Figure) -> LadderPrior:
    """Return the Beta of the counts that a percentage of n stands for."""
    value, n = figure.value, require_number("n", figure.n, above=0)
    if n != int(n):
        refuse("n", figure.n, "a whole number of people", "give the denominator as printed")
    per = figure.decimals_per
    low, high = rounding(value * per, coarsest=0.5 if per > 1 else 0.005)
    slack = 1e-9
    counts = np.arange(np.ceil(low / per * n - slack), np.floor(high / per * n + slack) + 1)
    counts = counts[(counts >= 0) & (counts <= n)]
    if not len(counts) and not figure.estimated:
        refuse(
            "n",
            Phrase(f"{value:.4g} of {n:g}, which is {value * n:.2f} people"),
            "a percentage that some whole count of n gives",
            "check the denominator; say estimated=True for an adjusted or estimated percentage",
        )
    events = value * n
    if len(counts) == 1:
        events = float(counts[0])
    distribution = Family("beta", events + 0.5, n - events + 0.5)
    found = (
        f"{events:g} of {n:g}"
        if len(counts) == 1
        else f"about {events:.1f} of {n:g}"
        + (f" ({counts[0]:g} to {counts[-1]:g} by rounding)" if len(counts) else " (estimated)")
    )
    return _result(
        figure,
        distribution,
        f"Beta of {found}, found back from the percentage, with the Jeffreys prior",
        [("proportion (mean)", value, distribution.mean())],
        assumed=not len(counts),
    )


# --- numbers needed -------------------------------------------------------------------------------


def _direction(figure: _Figure) -> float:
    """Return the sign of the risk difference, treatment minus comparator."""
    to_treat = figure.measure == "number_needed_to_treat"
    return 1.0 if figure.wanted == to_treat else -1.0


def _from_number_needed_interval(figure: _Figure, level: float) -> LadderPrior:
    lower, upper = figure.interval
    if min(abs(lower), abs(upper)) < 1:
        refuse(
            "interval",
            [lower, upper],
            "limits of at least 1 in size",
            "a difference of risks is at most 1; where it may be 0 the number is infinite",
        )
    sign = _direction(figure)
    through = lower < 0
    ends = sorted((sign / lower, sign / upper))
    point = sign / figure.value if figure.value is not None else 0.5 * sum(ends)
    if not ends[0] <= point <= ends[1]:
        refuse("value", figure.value, "a point inside its interval", "check the point and limits")
    z = special.ndtri((1 + level) / 2)
    distribution = Family("normal", point, float((ends[1] - ends[0]) / (2 * z)))
    below, above = distribution.interval(level)
    rows = [
        ("risk difference, lower limit", ends[0], below),
        ("risk difference, upper limit", ends[1], above),
    ]
    if figure.value is not None:
        rows.insert(0, ("number needed (1 / median)", figure.value, abs(1 / distribution.median())))
    notes = ("an interval through infinity: the difference may be 0",) if through else ()
    rule = f"{distribution}: the reciprocals of the {level:.0%} limits of a number needed"
    return _result(figure, distribution, rule, rows, notes=notes)


def _from_number_needed(figure: _Figure) -> LadderPrior:
    """Return rounding's uniform convolved with a sampling spread that was stated or bounded."""
    low, high = _rounded_differences(figure)
    sign, middle = _direction(figure), 0.5 * (low + high)
    if figure.sd is not None:
        sd, how, assumed = figure.sd, f"standard deviation {figure.sd:g} (declared)", True
    else:
        arms, how, assumed = _arms(figure)
        sd, more = _difference_sd(sign * middle, arms, figure.comparator_risk)
        how = f"standard error {sd:.4g} {more}, {how}"
    distribution = _rounded_normal(sign, low, high, sd)
    rule = (
        f"normal around {sign * low:.4g} to {sign * high:.4g} (rounding of "
        f"{figure.value:g}, {figure.rounded}), {how}"
    )
    rows = [("number needed (1 / median)", figure.value, abs(1 / distribution.median()))]
    return _result(figure, distribution, rule, rows, assumed=assumed)


def _rounded_differences(figure: _Figure) -> tuple[float, float]:
    if figure.kind == "rounding" and figure.interval is not None:
        lower, upper = figure.interval
        return 1 / upper, 1 / max(lower, 1.0)
    return rounding_interval(figure.value, figure.rounded)


def _arms(figure: _Figure) -> tuple[tuple[float, float], str, bool]:
    """Return people under treatment and comparator, in words, and whether that is assumed."""
    if figure.effective_sample_size is not None:
        if figure.n is not None:
            refuse(
                "effective_sample_size",
                figure.effective_sample_size,
                f"nothing beside n = {figure.n}",
                "leave one of the two out: both say how many patients the number is of",
            )
        size = figure.effective_sample_size
        return (size / 2, size / 2), f"as of {size:g} patients in two equal arms (declared)", True
    if isinstance(figure.n, tuple | list):
        treated, comparator = (require_number("n", one, above=0) for one in figure.n)
        return (treated, comparator), f"of {treated:g} against {comparator:g} patients", False
    size = require_number("n", figure.n, above=1)
    return (size / 2, size / 2), f"of {size:g} patients, arms taken as equal", True


def _difference_sd(
    difference: float, arms: tuple[float, float], comparator_risk: float | None
) -> tuple[float, str]:
    """Return the standard error of a risk difference, at a known or at the worst baseline."""
    treated, comparator = arms
    if comparator_risk is None:
        # The variance p0(1-p0)/n0 + (p0+d)(1-p0-d)/n1 has one greatest value in p0.
        baseline = (treated + comparator * (1 - 2 * difference)) / (2 * (treated + comparator))
        baseline = float(np.clip(baseline, max(0.0, -difference), min(1.0, 1 - difference)))
        words = "(the greatest possible)"
    else:
        baseline = require_probability("comparator_risk", comparator_risk, ends=True)
        words = f"at the comparator's risk {baseline:g}"
    risk = baseline + difference
    if not 0 <= risk <= 1:
        refuse(
            "comparator_risk",
            baseline,
            f"a risk that a difference of {difference:.4g} fits",
            "the difference exceeds it: check the number needed and the risk",
        )
    variance = baseline * (1 - baseline) / comparator + risk * (1 - risk) / treated
    if variance <= 0:
        refuse("comparator_risk", baseline, "a risk above 0 and below 1", "check the risk")
    return float(np.sqrt(variance)), words


def _rounded_normal(sign: float, low: float, high: float, sd: float) -> NormalMixture:
    """Return a normal around a centre that is anywhere between two differences alike."""
    count = int(np.clip(np.ceil(8 * (high - low) / sd), 25, 4000))
    centres = low + (high - low) * (np.arange(count) + 0.5) / count
    return NormalMixture(np.full(count, 1 / count), sign * centres, np.full(count, sd))


def _refuse_point(figure: _Figure):
    """Refuse a figure without a spread, and say what would give it one."""
    measure, value = figure.measure, figure.value
    if measure in NUMBERS_NEEDED and value is not None:
        low, high = _rounded_differences(figure)
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
        Phrase(f"a {measure} of {shown:g} without a spread"),
        "a figure with its interval, counts or another number that gives a spread",
        f"a point alone is no distribution: give {remedy}",
        "Q",
    )
