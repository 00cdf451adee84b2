"""Rungs of the ladder for intervals, ranges and quantiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import special

from riskmodel.errors import NOTHING, Phrase
from riskmodel.evidence.elicitation import MEANINGS, fit_quantiles
from riskmodel.evidence.families import (
    Family,
    normal_nodes,
    refuse,
    require_number,
    require_probability,
)
from riskmodel.evidence.ladder_figure import ALL_MEANINGS, FORWARD, Figure, family_of
from riskmodel.evidence.ladder_numbers_needed import from_number_needed_interval
from riskmodel.evidence.ladder_result import LadderPrior, result
from riskmodel.evidence.priors import NUMBERS_NEEDED

WIDTHS = {meaning: above - below for meaning, (below, above) in MEANINGS.items()}


def from_interval(figure: Figure) -> LadderPrior:
    """Return the distribution of an interval with its level, or of a range with its meaning."""
    if figure.meaning is not None and figure.level is None:
        return _from_range(figure)
    level = require_probability("level", figure.level)
    if figure.measure in NUMBERS_NEEDED:
        return from_number_needed_interval(figure, level)
    kind = f"{level:.0%} {figure.kind or ''}".strip()
    return _between(figure, level, f"{kind} interval", "limit")


def _between(figure: Figure, level: float, name: str, end: str, **more) -> LadderPrior:
    """Return the distribution that holds `level` between two printed ends."""
    lower, upper = figure.interval
    family = family_of(figure)
    tail = (1 - level) / 2
    if family in FORWARD:
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
    return result(figure, distribution, f"{distribution} from the {name}{how}", rows, **more)


def _location_scale(figure: Figure, family: str, z: float) -> Family:
    """Return the distribution whose transformed value is normal, from two ends z away."""
    forward = FORWARD[family]
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


def _fitted_between(figure: Figure, family: str, tail: float) -> Family:
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


def _from_range(figure: Figure) -> LadderPrior:
    meaning = figure.meaning
    if meaning not in ALL_MEANINGS:
        refuse("meaning", meaning, ", ".join(ALL_MEANINGS), _consequences(figure))
    assumed = meaning == "plausible_limits" or figure.meaning_declared
    describes = "patients" if figure.measure == "time" else "the quantity"
    if figure.measure in NUMBERS_NEEDED:
        return _number_needed_range(figure, assumed)
    if meaning == "min_max":
        return _from_extremes(figure, assumed=assumed, describes=describes)
    level, words, notes = _reading(meaning)
    return _between(figure, level, words, "end", assumed=assumed, describes=describes, notes=notes)


def _reading(meaning: str) -> tuple[float, str, tuple[str, ...]]:
    """Return how much a range holds, in words, and what is to be said of it."""
    level, notes = WIDTHS[meaning], ()
    if meaning == "plausible_limits":
        notes = ("limits called plausible, read as 95%, are over-confident by default",)
    return level, f"range read as {meaning}, which holds {level:.0%}", notes


def _number_needed_range(figure: Figure, assumed: bool) -> LadderPrior:
    if figure.meaning == "min_max":
        refuse(
            "meaning",
            figure.meaning,
            ", ".join(MEANINGS),
            "extremes of a number needed have no expected place: use the counts of each study",
        )
    level, words, notes = _reading(figure.meaning)
    found = from_number_needed_interval(figure, level, f"ends of a {words}", assumed=assumed)
    return replace(found, notes=(*found.notes, *notes))


def _from_extremes(figure: Figure, **more) -> LadderPrior:
    """Return the distribution whose expected smallest and largest of n are the printed ones."""
    family = family_of(figure)
    if family not in FORWARD:
        refuse("family", family, ", ".join(FORWARD), "extremes are fitted on a normal scale")
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
    return result(
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


def _consequences(figure: Figure) -> str:
    """Say what each meaning of a range would make of it."""
    lower, upper = figure.interval
    if not 0 < lower < upper:
        return "say which; the share beyond each end is 2.5%, 5% or 25%"
    spreads = [
        f"{np.log(upper / lower) / (2 * special.ndtri((1 + level) / 2)):.3f}"
        for level in WIDTHS.values()
    ]
    return (
        f"say which: above {upper:g} would lie 2.5%, 5% or 25%, with a log standard deviation of "
        f"{', '.join(spreads[:2])} or {spreads[2]}"
    )


def refuse_interval(figure: Figure):
    """Refuse two ends that say neither their level nor their meaning."""
    lower, upper = figure.interval
    shown = Phrase(f"{lower:g} to {upper:g}, without a level or meaning")
    if figure.kind in ("range", "plausible") or figure.measure == "time":
        refuse("meaning", shown, ", ".join(ALL_MEANINGS), _consequences(figure), "Q")
    refuse(
        "level",
        shown,
        "the level the source states, such as 0.95",
        "there is no default; for a range that is no interval give its meaning",
        "Q",
    )


def from_quantiles(figure: Figure) -> LadderPrior:
    """Return the distribution through two printed quantiles, or fitted to more."""
    stated = dict(sorted(figure.quantiles.items()))
    probabilities, values = list(stated), list(stated.values())
    family = family_of(figure)
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
    if probabilities == [0.25, 0.5, 0.75] and family in FORWARD:
        lower, point, upper = (FORWARD[family](x) for x in values)
        spread = (upper - lower) / (2 * special.ndtri(0.75))
        distribution, how = Family(family, float(point), float(spread)), "median and quartiles"
    else:
        distribution = fit_quantiles(family, probabilities, values)
        how = f"{len(stated)} quantiles"
    rows = [(f"quantile {p:g}", x, float(distribution.ppf(p))) for p, x in stated.items()]
    describes = "patients" if figure.measure in ("time", "mean", "median") else "the quantity"
    return result(figure, distribution, f"{distribution} from {how}", rows, describes=describes)
