"""Rungs of the ladder for counts, percentages, moments, p-values and declared spreads."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from scipy import special

from riskmodel.errors import NOTHING, Phrase
from riskmodel.evidence.checks import rounding
from riskmodel.evidence.families import (
    Family,
    refuse,
    require_counts,
    require_number,
    require_probability,
)
from riskmodel.evidence.ladder_figure import FORWARD, Figure, family_of
from riskmodel.evidence.ladder_numbers_needed import direction, from_number_needed
from riskmodel.evidence.ladder_result import LadderPrior, result
from riskmodel.evidence.priors import NUMBERS_NEEDED, POSITIVE_MEASURES


def _check_point_of_counts(figure: Figure, events: float, n: float) -> None:
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


def from_counts(figure: Figure) -> LadderPrior:
    """Return the Beta of events among people, with the Jeffreys prior."""
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
    return result(
        figure,
        distribution,
        f"Beta of {events:g} of {n:g} with the Jeffreys prior",
        rows,
        notes=notes,
    )


def from_moments(figure: Figure) -> LadderPrior:
    """Return the distribution with a printed mean and standard deviation."""
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
    return result(figure, distribution, f"{distribution} from {rule}", rows, describes=describes)


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


def from_declared(figure: Figure, declared: str) -> LadderPrior:
    """Return the distribution around a point with a spread that was declared."""
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
        return from_number_needed(figure)
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
    elif declared == "sd" and family_of(replace(figure, family=None)) == "normal":
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
    return result(figure, distribution, rule, [row], assumed=True)


def _from_quantile_and_spread(figure: Figure, declared: str) -> LadderPrior:
    """Return "80% by week 6" with a declared spread."""
    ((probability, number),) = figure.quantiles.items()
    if figure.measure in NUMBERS_NEEDED:
        refuse(
            "quantiles",
            Phrase(f"one quantile of a {figure.measure}, {probability:g} by {number:g}"),
            "its median or point for a declared spread",
            "a spread of risk differences is put around a point: give value",
        )
    spread, z = getattr(figure, declared), special.ndtri(probability)
    if declared == "log_sd" and number > 0:
        distribution = Family("lognormal", float(np.log(number) - spread * z), spread)
    elif declared == "sd":
        distribution = Family("normal", float(number - spread * z), spread)
    else:
        refuse(declared, spread, "log_sd for a positive time, sd otherwise", "give one of these")
    row = (f"quantile {probability:g}", number, float(distribution.ppf(probability)))
    rule = f"{distribution} from one quantile and its declared spread"
    return result(figure, distribution, rule, [row], assumed=True, describes="patients")


def parsed_p_value(printed) -> tuple[float, bool]:
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


def from_p_value(figure: Figure) -> LadderPrior:
    """Return the distribution of an effect whose p-value was printed."""
    p, bound = parsed_p_value(figure.p_value)
    family = family_of(figure)
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
        sign, point = direction(figure), 1 / figure.value
    centre = sign * float(FORWARD[family](point))
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
    return result(figure, distribution, rule, rows, notes=notes)


def from_percent(figure: Figure) -> LadderPrior:
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
    return result(
        figure,
        distribution,
        f"Beta of {found}, found back from the percentage, with the Jeffreys prior",
        [("proportion (mean)", value, distribution.mean())],
        assumed=not len(counts),
    )
