"""Arithmetic that one estimate or one panel must pass.

``riskmodel check`` is the schema of :mod:`riskmodel.parameters`, these checks and those of the
modules beside it as one: :mod:`~riskmodel.evidence.statement_checks` of every other statement,
:mod:`~riskmodel.evidence.same_figure` of several readings of one figure,
:mod:`~riskmodel.evidence.use_checks` and :mod:`~riskmodel.evidence.problem_checks` of a problem.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from math import cos, isnan, log, pi, sin, sqrt
from statistics import NormalDist

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, did_you_mean
from riskmodel.evidence.printed import counted_thing, names_ratio, says_person_time
from riskmodel.evidence.priors import NUMBERS_NEEDED, POSITIVE_MEASURES
from riskmodel.parameters.library import Entry, LoadedProblem
from riskmodel.parameters.schema import (
    CONTINUOUS_MEASURES,
    RATIO_MEASURES,
    TWO_ARM_MEASURES,
    Estimate,
    Panel,
    Record,
    Weight,
)

# --- one estimate -------------------------------------------------------------------------------

# Beyond this a ratio that is not printed under that name is taken for a change in percent.
HIGHEST_RATIO = 20.0
_STAYS_FREE = re.compile(r"(?i:survival|surviving|event.free|\bfree\b|-free\b|\balive\b)")


def check_estimate(estimate: Estimate, entry: Entry) -> list[Problem]:
    """Return what is impossible, missing or doubtful in one estimate."""
    return list(_estimate_faults(estimate, entry))


def _estimate_faults(estimate: Estimate, entry: Entry) -> Iterator[Problem]:
    def fault(*part, **words) -> Problem:
        return entry.document.problem((*entry.location, *part), **words)

    interval = estimate.interval
    counted = estimate.counts is not None or estimate.events_over is not None
    if estimate.value is None and not counted and interval is None:
        yield fault("value", found=NOTHING, allowed="a value or counts", remedy="add one of them")
        return
    if estimate.value is None and not counted and interval.kind != "range":
        yield fault(
            "value",
            found=NOTHING,
            allowed="a value or counts, or an interval of `kind: range`",
            remedy="add the point, or say that a range was printed",
        )
        return
    if estimate.value is not None:
        yield from _impossible_value(estimate, estimate.number, fault)
        yield from _number_needed_faults(estimate, fault)
    if estimate.counts is not None:
        yield from _count_faults(estimate, "counts", fault)
    if estimate.comparator_counts is not None:
        yield from _count_faults(estimate, "comparator_counts", fault)
    yield from _counted_apart(estimate, fault)
    if interval is not None:
        yield from _interval_faults(estimate, fault)
    yield from _asymmetry(estimate, fault)
    yield from _unit_faults(estimate, fault)
    yield from _counted_faults(estimate, fault)
    yield from _direction_faults(estimate, fault)
    yield from _comparator_faults(estimate, fault)
    horizon = estimate.horizon
    if (horizon.stated is None) == (horizon.duration is None):
        yield fault(
            "horizon",
            found=named(horizon),
            allowed="either {value, unit} or {stated: the source's words}",
            remedy="give the follow-up the source states",
        )
    if estimate.measure == "rate" and estimate.per is None:
        yield fault(
            "per",
            found=NOTHING,
            allowed="what the rate is counted over",
            remedy="add `per: {value: 1000, unit: day, of: ...}`",
        )


def _interval_faults(estimate: Estimate, fault) -> Iterator[Problem]:
    interval, (lower, upper) = estimate.interval, estimate.limits
    shown = [interval.lower, interval.upper]
    if lower > upper:
        yield fault(
            "interval",
            found=shown,
            allowed="lower below upper",
            remedy="exchange the two limits",
        )
    elif lower == upper:
        yield fault(
            "interval",
            found=shown,
            allowed="lower below upper",
            remedy="give the two limits as printed, or leave out `interval:`",
        )
    elif estimate.measure in NUMBERS_NEEDED and lower < 0 < upper:
        yield from _interval_through_infinity(estimate, fault)
    elif not isnan(estimate.number) and not lower <= estimate.number <= upper:
        yield fault(
            "value",
            found=estimate.number if estimate.value is None else estimate.value,
            allowed=f"a point inside its interval, {interval.lower:g} to {interval.upper:g}",
            remedy="check the point and both limits",
        )
    if interval.kind in ("confidence", "credible") and interval.level is None:
        yield fault(
            "interval",
            "level",
            severity="Q",
            found=NOTHING,
            allowed="the level the source states, such as 0.95",
            remedy="add `level:`; there is no default. If none is stated, say so under "
            "`resolution: {level: ...}`; no distribution is then made from this interval",
        )
    if estimate.measure in POSITIVE_MEASURES and lower <= 0 < estimate.number:
        yield fault(
            "interval",
            "lower",
            found=interval.lower,
            allowed="a number above 0",
            remedy="a ratio or rate cannot reach 0; was a logarithm entered, or a rounded 0?",
        )
    if estimate.measure == "risk" and not 0 <= lower <= upper <= 1 and _possible_risk(estimate):
        yield fault(
            "interval",
            found=shown,
            allowed="risks between 0 and 1",
            remedy="divide percentages by 100, or add `unit: percent`",
        )
    if estimate.measure in NUMBERS_NEEDED and lower < upper and min(map(abs, shown)) < 1:
        yield fault(
            "interval",
            found=shown,
            allowed="limits of at least 1 in magnitude",
            remedy="the reciprocal of a risk difference cannot be nearer to 0; where the "
            "difference may be 0 the number needed is infinite",
        )


def _possible_risk(estimate: Estimate) -> bool:
    return isnan(estimate.number) or 0 <= estimate.number <= 1


def _interval_through_infinity(estimate: Estimate, fault) -> Iterator[Problem]:
    """Read limits of opposite sign as what they are: through infinity, never through zero."""
    interval, value = estimate.interval, estimate.number
    names = ("NNTB", "NNTH")
    outward, inward = names if estimate.measure == "number_needed_to_treat" else names[::-1]
    words = f"{outward} {interval.upper:g} to infinity to {inward} {-interval.lower:g}"
    if not isnan(value) and not (value >= interval.upper or value <= interval.lower):
        yield fault(
            "value",
            found=estimate.value,
            allowed=f"a point inside its interval, {words}",
            remedy="check the point and both limits",
        )
        return
    yield fault(
        "interval",
        severity="W",
        found=[interval.lower, interval.upper],
        allowed=f"read as {words}",
        remedy="an interval of both signs runs through infinity, not through 0; if this is what "
        "the source means, say so under `resolution: {interval: ...}`",
    )


def _asymmetry(estimate: Estimate, fault) -> Iterator[Problem]:
    """Warn where the two sides of a ratio's interval give different standard errors."""
    if estimate.measure not in RATIO_MEASURES or estimate.limits is None:
        return
    (lower, upper), value = estimate.limits, estimate.number
    if not 0 < lower < value < upper:
        return
    below, above = log(value / lower), log(upper / value)
    if max(below, above) > 1.1 * min(below, above):
        z = NormalDist().inv_cdf((1 + (estimate.interval.level or 0.95)) / 2)
        yield fault(
            "interval",
            severity="W",
            found=Phrase(f"log standard error {below / z:.3f} below and {above / z:.3f} above"),
            allowed="about the same on both sides, within a tenth",
            remedy="is it another measure, a rounded limit, or a typing error?",
        )


def named(part: Record) -> Phrase:
    """Return the keys that were given."""
    return Phrase(", ".join(part.model_dump(exclude_none=True)) or NOTHING)


def _count_faults(estimate: Estimate, part: str, fault) -> Iterator[Problem]:
    """Yield what is impossible or doubtful in the counts of one group."""
    counts = getattr(estimate, part)
    if counts.events > counts.n:
        yield fault(
            part,
            "events",
            found=counts.events,
            allowed=f"0 to n = {counts.n}",
            remedy="events cannot outnumber people; check the two",
        )
        return
    if not counts.events.is_integer() and not estimate.estimated:
        yield fault(
            part,
            "events",
            found=counts.events,
            allowed="a whole number of people",
            remedy="give the count as printed, or add `estimated: true` if it was worked out",
        )
    if (
        estimate.measure == "risk"
        and estimate.value is not None
        and abs(estimate.number - counts.events / counts.n) > 0.005
    ):
        yield fault(
            "value",
            found=estimate.value,
            allowed=f"{counts.events:g} of {counts.n}, which is {counts.events / counts.n:.4g}",
            remedy="check the two, or leave out `value:`",
        )
    if estimate.measure == "risk" and counts.events in (0, counts.n):
        yield fault(
            part,
            "events",
            severity="W",
            found=Phrase(f"{counts.events:g} of {counts.n}"),
            allowed=_one_sided(counts.n, none=counts.events == 0),
            remedy="never 0% or 100% for certain; such counts enter with the Jeffreys prior. Say "
            "under `resolution: {events: ...}` that this is understood",
        )


def _counted_apart(estimate: Estimate, fault) -> Iterator[Problem]:
    """Yield counts that are of another kind of figure than the one they stand beside."""
    two = estimate.measure in TWO_ARM_MEASURES
    if estimate.counts is not None and estimate.measure != "risk" and not two:
        yield fault(
            "counts",
            found=Phrase(f"counts of a {estimate.measure}"),
            allowed="counts of a risk, or of both groups of a relative risk, odds ratio or risk "
            "difference",
            remedy="give the value and interval as printed, or `measure: risk`",
        )
    elif two and (estimate.counts is None) != (estimate.comparator_counts is None):
        given, other = "counts", "comparator_counts"
        if estimate.counts is None:
            given, other = other, given
        yield fault(
            given,
            found=Phrase(f"the counts of one group of a {estimate.measure}"),
            allowed="`counts:` of the treated and `comparator_counts:` of the others",
            remedy=f"add `{other}:`, or give the value and interval as printed",
        )
    elif estimate.comparator_counts is not None and not two:
        yield fault(
            "comparator_counts",
            found=Phrase(f"a second group of a {estimate.measure}"),
            allowed="two groups of a relative risk, odds ratio or risk difference",
            remedy="make the second group an estimate of its own",
        )
    elif two and estimate.counts is not None and estimate.value is not None:
        yield from _crude_against_printed(estimate, fault)
    if estimate.events_over is not None and estimate.measure != "rate":
        yield fault(
            "events_over",
            found=Phrase(f"events over time of a {estimate.measure}"),
            allowed="events over time of a rate only",
            remedy="give `counts:` of people, or `measure: rate`",
        )
    elif estimate.events_over is not None and estimate.per is not None:
        crude = estimate.model_copy(update={"value": None}).number
        if estimate.value is not None and abs(crude - estimate.number) > 0.05 * estimate.number:
            yield fault(
                "value",
                found=estimate.value,
                allowed=f"about {crude:.4g}, as its events and time give",
                remedy="check the time's unit, or leave out `value:`",
            )


def _crude_against_printed(estimate: Estimate, fault) -> Iterator[Problem]:
    """Ask where the printed contrast is far from the one that the counts of both groups give."""
    crude, printed = estimate.model_copy(update={"value": None}).number, estimate.number
    difference = estimate.measure == "risk_difference"
    if isnan(crude) or (printed <= 0 and not difference):
        return
    far = abs(crude - printed) > 0.01 if difference else abs(log(crude / printed)) > 0.05
    if far:
        yield fault(
            "counts",
            severity="Q",
            found=Phrase(f"counts that give {crude:.4g} beside a printed {printed:g}"),
            allowed="counts and figure of the same patients, within rounding",
            remedy="are the groups exchanged, or was the figure adjusted? Say under "
            "`resolution: {counts: ...}` which of the two is meant",
        )


def _one_sided(n: int, *, none: bool) -> str:
    """Return the one-sided 95% limits of no event, or of nothing but events, among n."""
    exact, jeffreys = 1 - 0.05 ** (1 / n), jeffreys_limit(n)
    if none:
        return (
            f"a risk up to {exact:.1%} (Clopper-Pearson) or {jeffreys:.1%} (Jeffreys), "
            "one-sided 95%"
        )
    return (
        f"a risk down to {1 - exact:.1%} (Clopper-Pearson) or {1 - jeffreys:.1%} (Jeffreys), "
        "one-sided 95%"
    )


def jeffreys_limit(n: int, prob: float = 0.95) -> float:
    """Return the upper one-sided limit of a risk after no event among n, by the Jeffreys prior.

    Parameters
    ----------
    n : int
        People observed.
    prob : float
        Of the one-sided interval, in (0, 1).

    Returns
    -------
    float
        The quantile at `prob` of Beta(1/2, n + 1/2).

    Notes
    -----
    With risk = sin(angle)**2 the distribution function is proportional to the integral of
    cos(angle)**(2 n) from 0, which needs no special function and so no heavy import.

    Examples
    --------
    >>> round(jeffreys_limit(5), 3)
    0.306
    """
    steps = 4000
    width = min(pi / 2, 8 / sqrt(2 * n)) / steps  # beyond it the integrand is below 1e-13
    total, sums = 0.0, [0.0]
    for i in range(steps):
        total += cos((i + 0.5) * width) ** (2 * n)
        sums.append(total)
    step = bisect_left(sums, prob * total)
    part = (prob * total - sums[step - 1]) / (sums[step] - sums[step - 1])
    return sin((step - 1 + part) * width) ** 2


def _impossible_value(estimate: Estimate, value: float, fault) -> Iterator[Problem]:
    ratio = estimate.measure in (*RATIO_MEASURES, "rate_ratio", "prevalence_ratio")
    if estimate.unit not in (None, "percent"):
        return  # its unit is asked about, and decides what the number may be
    if estimate.measure == "risk" and not 0 <= value <= 1:
        yield fault(
            "value",
            found=estimate.value,
            allowed="a risk between 0 and 1",
            remedy=_percent_meant(estimate),
        )
    if estimate.measure == "risk_difference" and not -1 <= value <= 1:
        yield fault(
            "value",
            found=estimate.value,
            allowed="a difference between -1 and 1",
            remedy=_percent_meant(estimate),
        )
    if estimate.measure == "risk" and value in (0, 1) and not (estimate.counts or estimate.fixed):
        yield fault(
            "value",
            severity="W",
            found=estimate.value,
            allowed="a risk above 0 and below 1",
            remedy="give the counts, or add `fixed: true` if it is certain by definition",
        )
    if estimate.measure in POSITIVE_MEASURES and value <= 0:
        yield fault(
            "value",
            found=estimate.value,
            allowed="a number above 0",
            remedy="was a logarithm entered, or a reduction in percent?",
        )
    elif ratio and (
        estimate.unit == "percent"
        or (value > HIGHEST_RATIO and not names_ratio(estimate.printed, value))
    ):
        yield fault(
            "value",
            found=Phrase(f"{estimate.value:g}" + (" percent" if estimate.unit else "")),
            allowed=f"a ratio of two numbers, without a unit, up to {HIGHEST_RATIO:g}",
            remedy=_reduction_meant(estimate),
        )


def _percent_meant(estimate: Estimate) -> str:
    return (
        f"divide percentages by 100 ({estimate.value / 100:g}), or add `unit: percent`; nothing is "
        "divided by itself"
        if estimate.unit is None
        else "check the figure; it is above 100%"
    )


def _reduction_meant(estimate: Estimate) -> str:
    percent = estimate.value
    if not 0 < percent < 100:
        return "check the figure; was another measure meant?"
    return f"was a reduction meant? RRR {percent:g}% = RR {1 - percent / 100:.3g}"


def _number_needed_faults(estimate: Estimate, fault) -> Iterator[Problem]:
    if estimate.measure not in NUMBERS_NEEDED:
        return
    if estimate.number <= -1:
        yield fault(
            "value",
            severity="Q",
            found=estimate.value,
            allowed="a positive number, with its direction in `measure:`",
            remedy="is it the other of number_needed_to_treat and number_needed_to_harm?",
        )
    if abs(estimate.number) < 1:
        yield fault(
            "value",
            found=estimate.value,
            allowed="at least 1 in magnitude",
            remedy="the reciprocal of a risk difference cannot be nearer to 0",
        )


def _unit_faults(estimate: Estimate, fault) -> Iterator[Problem]:
    """Hold a proportion to percent or no unit, and tell a rate from a risk."""
    if estimate.measure in CONTINUOUS_MEASURES:
        return
    risk = estimate.measure == "risk"
    remedy = (
        "a rate has `measure: rate` with `per: {value, unit, of}`; over a time t at a constant "
        "rate r it becomes the risk 1 - exp(-r t)"
    )
    if estimate.unit not in (None, "percent"):
        rate = (
            says_person_time(estimate.unit) or "person" in estimate.unit or "100" in (estimate.unit)
        )
        yield fault(
            "unit",
            found=estimate.unit,
            allowed="percent, or no unit at all",
            remedy=remedy if risk and rate else "leave out `unit:`, or correct `measure:`",
        )
    elif risk and says_person_time(estimate.printed):
        yield fault(
            "measure",
            found=Phrase("risk, printed over a time at risk"),
            allowed="a share of the people observed",
            remedy=remedy,
        )


def _counted_faults(estimate: Estimate, fault) -> Iterator[Problem]:
    """Ask what was counted where the printed figure counts something other than people."""
    if estimate.measure != "risk" or estimate.unit_of_analysis is not None:
        return
    thing = counted_thing(estimate.printed)
    if thing:
        yield fault(
            "unit_of_analysis",
            severity="Q",
            found=NOTHING,
            allowed=f"what was counted, where the printed figure speaks of {thing}",
            remedy="add `unit_of_analysis:`; a risk of an infusion is not that of a patient who "
            "has several",
        )


def _direction_faults(estimate: Estimate, fault) -> Iterator[Problem]:
    if (
        estimate.measure == "hazard_ratio"
        and estimate.direction is None
        and _STAYS_FREE.search(estimate.outcome)
    ):
        yield fault(
            "direction",
            severity="Q",
            found=NOTHING,
            allowed="event or event_free",
            remedy=f"is it the hazard of the event, or of staying free of it? The outcome reads "
            f"'{estimate.outcome}'",
        )


def _comparator_faults(estimate: Estimate, fault) -> Iterator[Problem]:
    """Refuse effects that the printed comparator risk leaves no room for."""
    risk = estimate.comparator_risk
    if risk is None or estimate.value is None:
        return
    if estimate.measure == "relative_risk" and 0 < risk < 1 < estimate.number * risk:
        yield fault(
            "value",
            found=estimate.value,
            allowed=f"at most {1 / risk:.3g}, with a comparator risk of {risk:g}",
            remedy=f"{estimate.number:g} x {risk:g} is a risk of {estimate.number * risk:.3g}; is "
            "it an odds ratio, or is the risk another?",
        )
    span = absolute_difference(estimate)
    if span is None:
        return
    # Every rounding gets the benefit of the doubt: the nearest difference, the roomiest risk.
    lowest, highest = rounding(risk, coarsest=0.005)
    too_low, too_high = span[1] < -highest - 1e-12, span[0] > 1 - lowest + 1e-12
    if too_low or too_high:
        points = abs(1 / estimate.number if estimate.measure in NUMBERS_NEEDED else estimate.number)
        room = risk if too_low else 1 - risk
        yield fault(
            "value",
            found=estimate.value,
            allowed=f"a difference of at most {room:.1%}, "
            + ("the comparator's risk" if too_low else "what the comparator's risk leaves")
            + (f": a number needed of {1 / room:.3g} or more" if room else ""),
            remedy=f"{points:.1%} is more than there is room for; check both figures",
        )


def rounding(value: float, coarsest: float = 0.5) -> tuple[float, float]:
    """Return the smallest and largest number that a printed one may stand for.

    Parameters
    ----------
    value : float
    coarsest : float
        The largest half step; 0.005 for a risk, which is printed to whole percents at least.

    Examples
    --------
    >>> rounding(14)
    (13.5, 14.5)
    >>> [round(end, 4) for end in rounding(6.25)]
    [6.245, 6.255]
    >>> [round(end, 4) for end in rounding(0.1, coarsest=0.005)]
    [0.095, 0.105]
    """
    text = f"{abs(value):.10f}".rstrip("0")
    half = min(coarsest, 0.5 * 10.0 ** -len(text.partition(".")[2]))
    return value - half, value + half


def absolute_difference(estimate: Estimate) -> tuple[float, float] | None:
    """Return the risk difference an estimate stands for, at both ends of its rounding.

    A number needed is one over the difference, rounded to nearest or up.

    Parameters
    ----------
    estimate : Estimate

    Returns
    -------
    tuple of float or None
        Risk with treatment minus risk with the comparator, smallest and largest; None for
        another measure, or a number needed nearer to zero than 1.
    """
    if estimate.value is None:
        return None
    if estimate.measure == "risk_difference":
        scale = 100 if estimate.unit == "percent" else 1
        low, high = rounding(estimate.value, coarsest=0.005 * scale)
        return low / scale, high / scale
    if estimate.measure not in NUMBERS_NEEDED or abs(estimate.number) < 1:
        return None
    low, high = rounding(estimate.value)
    if float(estimate.value).is_integer():  # it may have been rounded up
        low = estimate.value - 1
    more = estimate.wanted == (estimate.measure == "number_needed_to_treat")
    ends = [(1 if more else -1) / end for end in (low, high) if end]
    return (min(ends), max(ends)) if len(ends) == 2 else None


# --- one panel ----------------------------------------------------------------------------------


def _highest(weight: Weight) -> float:
    return max(weight.weight, weight.range[1] if weight.range else 0.0)


def check_panel(panel: Panel, entry: Entry) -> list[Problem]:
    """Return what is wrong with a set of weights."""

    def fault(*part, **words) -> Problem:
        return entry.document.problem((*entry.location, *part), **words)

    found = []
    reference = panel.weights.get(panel.reference)
    if reference is None or reference.weight <= 0:
        found.append(
            fault(
                "reference",
                found=panel.reference,
                allowed="an outcome with a weight above 0",
                remedy="give the reference outcome a weight",
            )
        )
    for name, weight in panel.weights.items():
        if weight.range and not 0 <= weight.range[0] < weight.range[1]:
            found.append(
                fault(
                    "weights",
                    name,
                    "range",
                    found=weight.range,
                    allowed="two weights from 0 up, the lower first",
                    remedy="correct the range",
                )
            )
    for i, pair in enumerate(panel.together):
        for j, outcome in enumerate(pair.outcomes):
            if outcome not in panel.weights:
                found.append(
                    fault(
                        "together",
                        i,
                        "outcomes",
                        j,
                        found=outcome,
                        allowed="an outcome that has a weight",
                        remedy="give it one under `weights:`",
                    )
                )
            elif pair.weight < _highest(panel.weights[outcome]):
                found.append(
                    fault(
                        "together",
                        i,
                        "weight",
                        found=pair.weight,
                        allowed=f"at least that of {outcome} alone, "
                        f"{_highest(panel.weights[outcome]):g} at the end of its range",
                        remedy="two events are no better than one; raise it, or narrow the range",
                    )
                )
    found += _weights_of_points(panel, fault)
    burden = panel.residual_burden
    if burden and burden.lower == 0 and burden.upper >= 1:
        found.append(
            fault(
                "residual_burden",
                severity="W",
                found=[burden.lower, burden.upper],
                allowed="the range that someone could reasonably hold",
                remedy="the whole range from 0 to 1 is no reasonable range; say which part of it "
                "is, and why",
            )
        )
    if burden and burden.lower >= burden.upper:
        found.append(
            fault(
                "residual_burden",
                found=[burden.lower, burden.upper],
                allowed="lower below upper",
                remedy="exchange the two",
            )
        )
    return found


def _weights_of_points(panel: Panel, fault) -> list[Problem]:
    """Warn of points shared out of 100: weights are relative to the reference outcome's."""
    weights = [weight.weight for weight in panel.weights.values()]
    reference = panel.weights.get(panel.reference)
    if len(weights) < 2 or reference is None or reference.weight == 1:
        return []
    total = sum(weights)
    if not any(abs(total - whole) < 1e-6 * whole for whole in (1, 10, 100)):
        return []
    return [
        fault(
            "weights",
            severity="W",
            found=Phrase(f"weights that sum to {total:g}"),
            allowed=f"weights relative to {panel.reference}, which is 1",
            remedy=f"divide each by {reference.weight:g}, its own weight; nothing is shared out "
            "by itself",
        )
    ]


def as_panel(loaded: LoadedProblem, preferences: str | Panel | None) -> Panel:
    """Return a panel that fits a problem: given as such, named, or the problem's default.

    Raises
    ------
    ParameterError
        If there is no such panel, or it weighs what the problem does not have.
    """
    if isinstance(preferences, Panel):
        panel = preferences
    else:
        name = preferences or loaded.problem.preferences.default
        if name not in loaded.panels:
            raise ParameterError(
                [
                    Problem(
                        field="preferences",
                        found=name,
                        allowed=", ".join(loaded.panels),
                        remedy=did_you_mean(name, loaded.panels),
                    )
                ]
            )
        panel = loaded.panels[name]
    problems = [
        Problem(
            field=f"weights.{name}",
            found=name,
            allowed=", ".join(loaded.problem.outcomes),
            remedy=did_you_mean(name, loaded.problem.outcomes),
        )
        for name in panel.weights
        if name not in loaded.problem.outcomes
    ]
    problems += [
        Problem(
            field=f"weights.{name}",
            found=Phrase(f"{name}, an impact on decisions"),
            allowed="outcomes that patients are better or worse for",
            remedy="take the weight out: a change in what is done is no benefit by itself",
        )
        for name in panel.weights
        if name in loaded.problem.outcomes and loaded.problem.outcomes[name].diagnostic_impact
    ]
    declared = {frozenset(overlap.outcomes) for overlap in loaded.problem.overlap}
    problems += [
        Problem(
            field=f"together[{i}]",
            found=pair.outcomes,
            remedy="declare their `overlap:`",
            allowed="a pair whose overlap the problem declares",
        )
        for i, pair in enumerate(panel.together)
        if frozenset(pair.outcomes) not in declared
    ]
    if problems:
        raise ParameterError(problems)
    return panel
