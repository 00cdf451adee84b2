"""Rules on arithmetic: fractions put together from two others, and figures that do not add up."""

from __future__ import annotations

import math
from itertools import combinations, permutations

from riskmodel.evidence.conflict_matching import (
    NUMBERS_NEEDED,
    Clash,
    Read,
    by_key,
    ids_of,
    one_horizon,
    one_outcome,
    outcome_words,
    shown,
)
from riskmodel.parameters.schema import Estimate

IMPLAUSIBLY_LOW = 0.1  # an implied risk below this share of its class's upper edge

# --- counts put together from two others ---------------------------------------------------------


def mixed_counts(read: Read) -> list[Clash]:
    """Return fractions whose numerator is one fraction's of another source and whose denominator
    is another's of it: same outcome and treatment, neither fraction equal to the first.
    """
    counted = [e for e in read.of("estimate") if e.counts is not None and e.measure == "risk"]
    found: dict[tuple, Clash] = {}
    for a, b in permutations(counted, 2):
        if a.source.key != b.source.key or a.counts.n == b.counts.n:
            continue
        for mixed in counted:
            if (
                mixed.source.key != a.source.key
                and mixed.counts.events == a.counts.events != b.counts.events
                and mixed.counts.n == b.counts.n
                and a.counts.events > 0
                and mixed.treatment is not None
                and mixed.treatment == a.treatment == b.treatment
                and one_outcome(mixed, a)
                and one_outcome(mixed, b)
            ):
                same = _same_figure(mixed, read.of("estimate"))
                key = (mixed.source.key, mixed.counts.events, mixed.counts.n)
                found.setdefault(key, _mixed(same, mixed, a, b))
    return list(found.values())


def _same_figure(e: Estimate, estimates: list[Estimate]) -> list[Estimate]:
    """Return the source's records of this fraction, as counts or as the percentage they make."""
    return [
        other
        for other in estimates
        if other.source.key == e.source.key
        and other.measure == e.measure
        and other.treatment == e.treatment
        and one_outcome(other, e)
        and abs(other.number - e.counts.events / e.counts.n) < 0.001
    ]


def _mixed(same: list[Estimate], mixed: Estimate, a: Estimate, b: Estimate) -> Clash:
    def fraction(e: Estimate) -> str:
        return f"{e.counts.events:g}/{e.counts.n} ({e.counts.events / e.counts.n:.1%})"

    return Clash(
        rule="mixed_counts",
        key=f"{mixed.id}+{a.id}+{b.id}",
        ids=ids_of(same, [a, b]),
        differ_in=("denominator", "horizon"),
        explanation=(
            f"{fraction(mixed)} has the numerator of {fraction(a)}, horizon {a.horizon}, over the "
            f"denominator of {fraction(b)}, horizon {b.horizon}. No one group of patients with "
            "that count stands in the other source."
        ),
    )


# --- one figure, two numbers of participants ------------------------------------------------------


def participants(read: Read) -> list[Clash]:
    """Return figures that two sources print alike, number and interval, over other participants."""
    groups = by_key(
        ((e.measure, outcome_words(e.outcome), e.treatment, e.number, e.limits), e)
        for e in read.of("estimate")
        if e.participants and e.limits is not None
    )
    return [
        Clash(
            rule="participants",
            key=f"{a.id}+{b.id}",
            ids=(a.id, b.id),
            differ_in=("denominator",),
            explanation=(
                f"Two sources print the same figure for {a.outcome}, {shown(a)}, over "
                f"{a.participants} and over {b.participants} participants."
            ),
        )
        for estimates in groups.values()
        for a, b in combinations(estimates, 2)
        if a.participants != b.participants
        and a.source.key != b.source.key
        and one_horizon(a.horizon, b.horizon)
    ]


# --- arithmetic ----------------------------------------------------------------------------------


def arithmetic(read: Read) -> list[Clash]:
    """Return differences and numbers needed to treat that do not fit what stands beside them.

    A risk difference in a class of patients implies with the relative risk an untreated risk of
    ``|RD| / |1 - RR|``; it must lie in the class, and not below a tenth of its upper edge. A
    number needed to treat must be the reciprocal of the difference in the same class.
    """
    estimates = read.by_id("estimate")
    differences = [
        e for e in estimates.values() if e.measure == "risk_difference" and e.baseline_class
    ]
    found = []
    for difference in differences:
        implied = [
            (ratio, abs(difference.number / (1 - ratio.number)))
            for ratio in _ratios_beside(read, difference)
        ]
        edges = tuple(
            None if name is None or name not in estimates else estimates[name]
            for name in (difference.baseline_class.above, difference.baseline_class.up_to)
        )
        wrong = [(ratio, risk) for ratio, risk in implied if not _fits(risk, *edges)]
        if wrong:
            found.append(_implausible(difference, wrong, *edges))
        found += [
            _no_reciprocal(difference, needed)
            for needed in estimates.values()
            if needed.measure in NUMBERS_NEEDED
            and needed.baseline_class == difference.baseline_class
            and needed.treatment == difference.treatment
            and one_outcome(needed, difference)
            and not _is_reciprocal(needed, difference)
        ]
    return found


def _ratios_beside(read: Read, difference: Estimate) -> list[Estimate]:
    """Return the relative risks of the same contrast: of the same studies, if there are any, or
    of some of them.
    """
    ratios = [
        e
        for e in read.of("estimate")
        if e.measure == "relative_risk"
        and e.treatment == difference.treatment
        and outcome_words(e.outcome) == outcome_words(difference.outcome)
        and one_horizon(e.horizon, difference.horizon)
        and e.number != 1
        and (e.number < 1) == (difference.number < 0)
        and read.groups_may_meet(e, difference)
    ]
    studies = read.studies(difference)
    same = [e for e in ratios if studies and read.studies(e) == studies]
    return same or [e for e in ratios if read.share_a_study(e, difference)] or ratios


def _fits(risk: float, above: Estimate | None, up_to: Estimate | None) -> bool:
    if above is not None and risk <= above.number:
        return False
    return up_to is None or IMPLAUSIBLY_LOW * up_to.number <= risk <= up_to.number


def _implausible(
    difference: Estimate,
    wrong: list[tuple[Estimate, float]],
    above: Estimate | None,
    up_to: Estimate | None,
) -> Clash:
    ratio, risk = wrong[0]
    lower = "" if above is None else f"above {above.number:.2%} "
    upper = "" if up_to is None else f"up to {up_to.number:.2%}"
    spread = ""
    if ratio.limits is not None and not ratio.limits[0] <= 1 <= ratio.limits[1]:
        ends = sorted(abs(difference.number / (1 - limit)) for limit in ratio.limits)
        spread = f" ({ends[0]:.2%} and {ends[1]:.2%} at the limits of the ratio's interval)"
    tenfold = up_to is not None and _fits(10 * risk, above, up_to)
    edges = [edge for edge in (above, up_to) if edge is not None]
    return Clash(
        rule="arithmetic",
        key=f"{difference.id}+{ratio.id}",
        ids=ids_of([difference], [r for r, _ in wrong], edges),
        differ_in=("arithmetic", "misprint_suspected") if tenfold else ("arithmetic",),
        explanation=(
            f"A difference of {abs(difference.number) * 100:g} points with a ratio of "
            f"{ratio.number:g} needs an untreated risk of {risk:.2%}{spread}, where the class of "
            f"patients has risks {lower}{upper}."
            + (
                f" Ten times the difference, {abs(difference.number) * 1000:g} points, would fit: "
                "a misprint is possible, and both readings stay."
                if tenfold
                else ""
            )
        ),
    )


def _is_reciprocal(needed: Estimate, difference: Estimate) -> bool:
    """Return whether a number needed to treat is one over a difference, within their rounding."""
    half = _half_a_digit(needed.value)
    scale = 100 if difference.unit == "percent" else 1
    step = _half_a_digit(difference.value) / scale
    size = abs(difference.number)
    highest = math.inf if size <= step else 1 / (size - step)
    return needed.number + half >= 1 / (size + step) and needed.number - half <= highest


def _half_a_digit(value: float) -> float:
    """Return half of the last decimal place a number is written with."""
    decimals = f"{value:g}".partition(".")[2]
    return 0.5 * 10 ** -len(decimals)


def _no_reciprocal(difference: Estimate, needed: Estimate) -> Clash:
    return Clash(
        rule="arithmetic",
        key=f"{needed.id}+{difference.id}",
        ids=(needed.id, difference.id),
        differ_in=("arithmetic",),
        explanation=(
            f"{shown(needed)} is not one over the difference in the same class of patients, "
            f"{shown(difference)}: that gives {1 / abs(difference.number):.4g}."
        ),
    )


RULES = (mixed_counts, participants, arithmetic)
