"""Rules on estimands: one quantity further apart than chance, and two offered for one."""

from __future__ import annotations

import math
from itertools import chain, combinations
from statistics import NormalDist

from riskmodel.evidence.conflict_matching import (
    NUMBERS_NEEDED,
    Clash,
    Read,
    by_key,
    ids_of,
    is_composite,
    one_horizon,
    one_outcome,
    outcome_words,
    shown,
    slug,
)
from riskmodel.parameters.schema import RATIO_MEASURES, Estimate

FALSE_ALARMS = 0.05  # two-sided, over all pairs of one estimand together

_RATIOS = (*RATIO_MEASURES, "rate_ratio")
_DIFFERENCES = ("risk_difference", *NUMBERS_NEEDED)
_NORMAL = NormalDist()


# --- the same estimand, further apart than chance ------------------------------------------------


def apart(read: Read) -> list[Clash]:
    """Return pairs of sources that give one estimand figures further apart than chance would.

    The standardised difference is ``|a - b| / sqrt(se_a^2 + se_b^2)``, on the log scale for ratios
    and rates and on the log-odds scale for risks. Its cut is Bonferroni's, which holds whatever
    the dependence between pairs: for `k` sources, 5% two-sided over all ``k (k - 1) / 2`` pairs.
    """
    found = []
    groups = by_key((_estimand(e), e) for e in read.of("estimate") if _with_error(e) is not None)
    for estimates in chain.from_iterable(map(_by_horizon, groups.values())):
        pairs = [(a, b) for a, b in combinations(estimates, 2) if not read.share_a_study(a, b)]
        cut = cut_for(len(pairs))
        for a, b in pairs:
            distance = standardised_difference(a, b)
            if distance > cut:
                found.append(_apart(a, b, distance, cut, len(pairs)))
    return found


def _estimand(e: Estimate) -> tuple:
    return (
        e.measure,
        outcome_words(e.outcome),
        e.treatment,
        e.group or e.population,
        e.comparator,
        e.direction,
        e.unit_of_analysis or "patients",
        e.per,
        tuple(sorted((e.at or {}).items())),
    )


def _by_horizon(estimates: list[Estimate]) -> list[list[Estimate]]:
    """Return estimates in parts of one horizon each; those without a length of time in none."""
    parts: list[list[Estimate]] = []
    for e in estimates:
        part = next((p for p in parts if one_horizon(p[0].horizon, e.horizon)), None)
        if part is not None:
            part.append(e)
        elif e.horizon.duration is not None:
            parts.append([e])
    return parts


def cut_for(pairs: int) -> float:
    """Return the standardised difference beyond which a pair is reported.

    Examples
    --------
    >>> round(cut_for(1), 2), round(cut_for(10), 2)
    (1.96, 2.81)
    """
    return _NORMAL.inv_cdf(1 - FALSE_ALARMS / (2 * max(pairs, 1)))


def standardised_difference(a: Estimate, b: Estimate) -> float:
    """Return how many standard errors lie between two estimates of one measure."""
    (first, first_error), (second, second_error) = _with_error(a), _with_error(b)
    return abs(first - second) / math.hypot(first_error, second_error)


def _with_error(e: Estimate) -> tuple[float, float] | None:
    """Return value and standard error on the scale they are compared on; None if there is none."""
    if e.measure == "risk":
        return _risk_with_error(e)
    value, limits = e.number, e.limits
    if limits is None or e.interval.level is None or math.isnan(value):
        return None
    if e.measure in _RATIOS or e.measure == "rate":
        if min(value, *limits) <= 0:
            return None
        value, limits = math.log(value), tuple(map(math.log, limits))
    elif e.measure in NUMBERS_NEEDED:
        return None  # their limits run through infinity
    return value, _error(limits, e.interval.level)


def _risk_with_error(e: Estimate) -> tuple[float, float] | None:
    events_of_n = _events_of_n(e)
    if e.limits is None and events_of_n is not None:
        # half an event on each side keeps 0 of n and n of n finite
        events, others = events_of_n[0] + 0.5, events_of_n[1] - events_of_n[0] + 0.5
        return math.log(events / others), math.sqrt(1 / events + 1 / others)
    if e.limits is None or e.interval.level is None:
        return None
    if not all(0 < p < 1 for p in (e.number, *e.limits)):
        return None
    return _logit(e.number), _error(tuple(map(_logit, e.limits)), e.interval.level)


def _events_of_n(e: Estimate) -> tuple[float, int] | None:
    """Return the counts of a risk, worked out where only its percentage and number are printed."""
    if e.counts is not None:
        return e.counts.events, e.counts.n
    if e.participants is None or math.isnan(e.number):
        return None
    return e.number * e.participants, e.participants


def _error(limits: tuple[float, float], level: float) -> float:
    return (limits[1] - limits[0]) / (2 * _NORMAL.inv_cdf(0.5 + level / 2))


def _logit(p: float) -> float:
    return math.log(p / (1 - p))


def _apart(a: Estimate, b: Estimate, distance: float, cut: float, pairs: int) -> Clash:
    of = "one pair" if pairs == 1 else f"{pairs} pairs (Bonferroni)"
    return Clash(
        rule="apart",
        key=f"{a.id}+{b.id}",
        ids=(a.id, b.id),
        differ_in=("population",),
        explanation=(
            f"Two sources give one quantity ({a.outcome}, {a.measure.replace('_', ' ')}, "
            f"{a.horizon}) figures that lie {distance:.1f} standard errors apart, {shown(a)} and "
            f"{shown(b)}; beyond {cut:.2f}, the cut for 5% over {of}, chance alone does not "
            "explain it. Their patients, periods or definitions probably differ."
        ),
    )


# --- two estimands offered for one quantity ------------------------------------------------------


def estimands(read: Read) -> list[Clash]:
    """Return risks without a comparison group that stand beside contrasts of the same outcome.

    Once for each treatment and outcome, with every risk of patients and every ratio, difference or
    number needed to treat. An outcome that is wanted counts only where the patients meet; a harm is
    carried from one group of patients to another, so it counts wherever the treatment is the same.
    """
    estimates = [e for e in read.of("estimate") if e.treatment and not is_composite(e)]
    risks = [e for e in estimates if _is_uncontrolled(e, estimates)]
    whole = {e.id for e in risks}
    risks = [e for e in risks if e.part_of not in whole]  # not the subgroups of one beside it
    contrasts = [
        e
        for e in estimates
        if e.measure in (*_RATIOS, *_DIFFERENCES) and not _is_among_the_treated(read, e)
    ]
    meeting = by_key(
        (risk.treatment, (risk, contrast))
        for risk in risks
        for contrast in contrasts
        if risk.treatment == contrast.treatment
        and one_outcome(risk, contrast)
        and risk.source.key != contrast.source.key
        and (not risk.wanted or read.groups_may_meet(risk, contrast))
    )
    return [
        _estimands_differ(read, treatment, part)
        for treatment, pairs in meeting.items()
        for part in _by_outcome(pairs)
    ]


def _is_among_the_treated(read: Read, e: Estimate) -> bool:
    """Return whether a contrast is of two ways of giving the treatment: early or late, more or
    less of it.
    """
    comparator = f" {(e.comparator or '').lower()} "
    without = any(f" {word} " in comparator for word in ("no", "without", "not"))
    return read.label(e.treatment).lower() in comparator and not without


def _is_uncontrolled(e: Estimate, estimates: list[Estimate]) -> bool:
    """Return whether a risk under treatment was printed without one to compare it with."""
    if e.measure != "risk" or e.at or e.comparator or e.comparator_risk is not None:
        return False
    if math.isnan(e.number) or e.unit_of_analysis not in (None, "patients"):
        return False
    return not any(
        other is not e
        and other.source.key == e.source.key
        and other.comparator
        and one_outcome(e, other)
        and (other.part_of or other.id) == (e.part_of or e.id)
        for other in estimates
    )


def _by_outcome(pairs: list[tuple[Estimate, Estimate]]) -> list[list[tuple[Estimate, Estimate]]]:
    """Return the pairs in parts that share no outcome, even by a chain of narrower names."""
    parts: list[list] = []
    for pair in pairs:
        touching = [part for part in parts if any(one_outcome(pair[0], p[0]) for p in part)]
        parts = [part for part in parts if part not in touching]
        parts.append([p for part in touching for p in part] + [pair])
    return parts


def _estimands_differ(read: Read, treatment: str, pairs: list) -> Clash:
    risks = list({risk.id: risk for risk, _ in pairs}.values())
    contrasts = list({contrast.id: contrast for _, contrast in pairs}.values())
    outcome = min((e.outcome for e in (*risks, *contrasts)), key=len)
    population = len({e.group or e.population for e in (*risks, *contrasts)}) > 1
    return Clash(
        rule="estimand_differs",
        key=f"{treatment}:{slug(outcome)}",
        ids=ids_of(risks, contrasts),
        differ_in=("estimand", "population") if population else ("estimand",),
        explanation=(
            f"Estimand differs. Under {read.label(treatment)}, a risk counts everyone who has the "
            f"outcome ({outcome}), with or without the treatment's doing: "
            f"{_listed(risks)}. A figure against a comparison group counts what the treatment "
            f"adds: {_listed(contrasts)}. The first does not bound the second, and the two are "
            "never averaged."
        ),
    )


def _listed(estimates: list[Estimate], most: int = 5) -> str:
    texts = list(dict.fromkeys(shown(e) for e in estimates))
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


RULES = (apart, estimands)
