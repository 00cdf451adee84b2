"""Arithmetic that one estimate or one panel must pass.

``riskmodel check`` is the schema of :mod:`riskmodel.parameters`, these checks and those of
:mod:`riskmodel.evidence.problem_checks` as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from statistics import NormalDist

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, did_you_mean
from riskmodel.evidence.priors import POSITIVE_MEASURES
from riskmodel.parameters.library import Entry, LoadedProblem
from riskmodel.parameters.schema import RATIO_MEASURES, Estimate, Panel, Record, Weight

# --- one estimate -------------------------------------------------------------------------------


def check_estimate(estimate: Estimate, entry: Entry) -> list[Problem]:
    """Return what is impossible or missing in one estimate."""
    return list(_estimate_faults(estimate, entry))


def _estimate_faults(estimate: Estimate, entry: Entry) -> Iterator[Problem]:
    def fault(*part, **words) -> Problem:
        return entry.document.problem((*entry.location, *part), **words)

    if estimate.value is None and estimate.counts is None:
        yield fault("value", found=NOTHING, allowed="a value or counts", remedy="add one of them")
        return
    value, limits, interval = estimate.number, estimate.limits, estimate.interval
    if estimate.value is not None:
        yield from _impossible_value(estimate, value, fault)
    if estimate.counts is not None:
        yield from _count_faults(estimate, fault)
    if limits is not None:
        lower, upper = limits
        if lower > upper:
            yield fault(
                "interval",
                found=[interval.lower, interval.upper],
                allowed="lower below upper",
                remedy="exchange the two limits",
            )
        elif lower == upper:
            yield fault(
                "interval",
                found=[interval.lower, interval.upper],
                allowed="lower below upper",
                remedy="give the two limits as printed, or leave out `interval:`",
            )
        elif not lower <= value <= upper:
            yield fault(
                "value",
                found=estimate.value,
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
                remedy="add `level:`; there is no default",
            )
        if estimate.measure in POSITIVE_MEASURES and lower <= 0 < value:
            yield fault(
                "interval",
                "lower",
                found=interval.lower,
                allowed="a number above 0",
                remedy="a ratio or rate cannot reach 0; was a logarithm entered, or a rounded 0?",
            )
        if estimate.measure == "risk" and not 0 <= lower <= upper <= 1 and 0 <= value <= 1:
            yield fault(
                "interval",
                found=[interval.lower, interval.upper],
                allowed="risks between 0 and 1",
                remedy="divide percentages by 100, or add `unit: percent`",
            )
    yield from _asymmetry(estimate, fault)
    horizon = estimate.horizon
    if (horizon.stated is None) == (horizon.duration is None):
        yield fault(
            "horizon",
            found=_named(horizon),
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
    yield from _source_faults(estimate, fault)


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


def _named(part: Record) -> Phrase:
    """Return the keys that were given."""
    return Phrase(", ".join(part.model_dump(exclude_none=True)) or NOTHING)


def _count_faults(estimate: Estimate, fault) -> Iterator[Problem]:
    counts = estimate.counts
    if estimate.measure != "risk":
        yield fault(
            "counts",
            found=Phrase(f"counts of a {estimate.measure}"),
            allowed="counts of a risk only",
            remedy="give the value and interval as printed, or `measure: risk`",
        )
    if counts.events > counts.n:
        yield fault(
            "counts",
            "events",
            found=counts.events,
            allowed=f"0 to n = {counts.n}",
            remedy="events cannot outnumber people; check the two",
        )
    elif (
        estimate.measure == "risk"
        and estimate.value is not None
        and abs(estimate.number - counts.events / counts.n) > 0.005
    ):
        yield fault(
            "value",
            found=estimate.value,
            allowed=f"{counts.events} of {counts.n}, which is {counts.events / counts.n:.4g}",
            remedy="check the two, or leave out `value:`",
        )


def _impossible_value(estimate: Estimate, value: float, fault) -> Iterator[Problem]:
    if estimate.measure == "risk" and not 0 <= value <= 1:
        yield fault(
            "value",
            found=estimate.value,
            allowed="a risk between 0 and 1",
            remedy="divide percentages by 100, or add `unit: percent`",
        )
    if estimate.measure == "risk_difference" and not -1 <= value <= 1:
        yield fault(
            "value",
            found=estimate.value,
            allowed="a difference between -1 and 1",
            remedy="divide percentages by 100, or add `unit: percent`",
        )
    if estimate.measure in POSITIVE_MEASURES and value <= 0:
        yield fault(
            "value",
            found=estimate.value,
            allowed="a number above 0",
            remedy="was a logarithm entered, or a reduction in percent?",
        )
    if estimate.measure.startswith("number_needed") and value <= -1:
        yield fault(
            "value",
            severity="Q",
            found=estimate.value,
            allowed="a positive number, with its direction in `measure:`",
            remedy="is it the other of number_needed_to_treat and number_needed_to_harm?",
        )
    if estimate.measure.startswith("number_needed") and abs(value) < 1:
        yield fault(
            "value",
            found=estimate.value,
            allowed="at least 1 in magnitude",
            remedy="the reciprocal of a risk difference cannot be nearer to 0",
        )


def _source_faults(estimate: Estimate, fault) -> Iterator[Problem]:
    source, seen = estimate.source, estimate.status.startswith("seen")
    if (source.key is None) == (source.judgement is None):
        yield fault(
            "source",
            found=_named(source),
            allowed="either {key, locator} or {judgement: {whose, why}}",
            remedy="cite one source, or say whose judgement it is",
        )
        return
    if source.key is not None and source.locator is None:
        yield fault(
            "source",
            found=source.key,
            allowed="a locator such as 'Table 2, row 4'",
            remedy="add `locator:`",
        )
    if seen and source.key is None:
        yield fault(
            "status",
            found=estimate.status,
            allowed="judgement or unverified",
            remedy="a figure that was seen names its source",
        )
    if seen and estimate.printed is None:
        yield fault(
            "printed",
            found=NOTHING,
            allowed="the figure as it stands in the source",
            remedy="add `printed:`",
        )


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
    burden = panel.residual_burden
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
