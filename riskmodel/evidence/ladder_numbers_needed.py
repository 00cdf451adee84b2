"""Rungs of the ladder for numbers needed to treat or to harm, which become risk differences."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import special

from riskmodel.errors import Phrase
from riskmodel.evidence.checks import rounding
from riskmodel.evidence.distributions import NormalMixture
from riskmodel.evidence.elicitation import fit_quantiles
from riskmodel.evidence.families import (
    Family,
    refuse,
    require_number,
    require_probability,
)
from riskmodel.evidence.ladder_figure import Figure
from riskmodel.evidence.ladder_result import LadderPrior, result


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


def direction(figure: Figure) -> float:
    """Return the sign of the risk difference, treatment minus comparator."""
    to_treat = figure.measure == "number_needed_to_treat"
    return 1.0 if figure.wanted == to_treat else -1.0


def check_family(figure: Figure) -> None:
    """Refuse another family than the normal one, in which every number needed is read."""
    if figure.family not in (None, "normal"):
        refuse(
            "family",
            figure.family,
            f"normal, for a {figure.measure}",
            "it becomes a risk difference, which may have either sign: leave the family out",
        )


def from_number_needed_quantiles(figure: Figure) -> LadderPrior:
    """Return the normal of differences whose quantiles are the reciprocals of those printed.

    As 1/x falls, the share of numbers needed below x is that of differences, in size, above 1/x.
    """
    sign, stated = direction(figure), dict(sorted(figure.quantiles.items()))
    if min(stated.values()) < 1:
        refuse(
            "quantiles",
            stated,
            "numbers of 1 or more",
            "where some have the other sign, the number passes through infinity: give the "
            "interval, or the quantiles of the risk difference",
        )
    turned = {(1 - p if sign > 0 else p): sign / x for p, x in stated.items()}
    probabilities = sorted(turned)
    distribution = fit_quantiles("normal", probabilities, [turned[p] for p in probabilities])
    rows = [
        (
            f"number needed, quantile {p:g}",
            x,
            sign / float(distribution.ppf(1 - p if sign > 0 else p)),
        )
        for p, x in stated.items()
    ]
    rule = f"{distribution}: the reciprocals of {len(stated)} quantiles of a number needed"
    return result(figure, distribution, rule, rows)


def refuse_number_needed_moments(figure: Figure):
    """Refuse a mean with a standard deviation: the reciprocal of a difference has neither."""
    refuse(
        "standard_deviation",
        Phrase(
            f"a {figure.measure} of mean {figure.mean:g} and spread {figure.standard_deviation:g}"
        ),
        "quantiles or an interval of it, or the mean and spread of the risk difference",
        "the reciprocal of a difference that may be near 0 has no mean and no standard deviation",
    )


def from_number_needed_interval(
    figure: Figure, level: float, words: str | None = None, *, assumed: bool = False
) -> LadderPrior:
    """Return the normal of differences between the reciprocals of two limits."""
    lower, upper = figure.interval
    if min(abs(lower), abs(upper)) < 1:
        refuse(
            "interval",
            [lower, upper],
            "limits of at least 1 in size",
            "a difference of risks is at most 1; where it may be 0 the number is infinite",
        )
    sign = direction(figure)
    through = lower < 0 < upper
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
    words = f"{level:.0%} limits of a number needed" if words is None else words
    rule = f"{distribution}: the reciprocals of the {words}"
    return result(figure, distribution, rule, rows, assumed=assumed, notes=notes)


def from_number_needed(figure: Figure) -> LadderPrior:
    """Return rounding's uniform convolved with a sampling spread that was stated or bounded."""
    low, high = rounded_differences(figure)
    sign, middle = direction(figure), 0.5 * (low + high)
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
    return result(figure, distribution, rule, rows, assumed=assumed)


def rounded_differences(figure: Figure) -> tuple[float, float]:
    """Return the smallest and largest difference that rounding leaves open."""
    if figure.kind == "rounding" and figure.interval is not None:
        lower, upper = figure.interval
        return 1 / upper, 1 / max(lower, 1.0)
    return rounding_interval(figure.value, figure.rounded)


def _arms(figure: Figure) -> tuple[tuple[float, float], str, bool]:
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
