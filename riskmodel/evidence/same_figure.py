"""Several readings of one figure: the same work printing it twice, or in three measures at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations, product

from riskmodel.errors import Phrase, Problem
from riskmodel.evidence.checks import absolute_difference, rounding
from riskmodel.evidence.measures import treated_risk
from riskmodel.evidence.priors import NUMBERS_NEEDED
from riskmodel.parameters.library import Entry, Library
from riskmodel.parameters.schema import RATIO_MEASURES, Estimate


def check_same_figures(
    library: Library, entries: Iterable[Entry]
) -> dict[str, tuple[list[Problem], list[str]]]:
    """Return what does not agree between estimates of one work, by the id of the estimate.

    Parameters
    ----------
    library : Library
    entries : iterable of Entry
        The estimates to report about; they are held against all of the library.

    Returns
    -------
    dict of str to (list of Problem, list of str)
        Questions (the same figure with two values) and errors (a number needed, a ratio and a
        comparator's risk that cannot all be right); and the fields of this estimate that may
        hold the answer to a question, asked here or of the other estimate.
    """
    reported = {entry.record.id for entry in entries}
    found: dict[str, tuple[list[Problem], list[str]]] = defaultdict(lambda: ([], []))
    for group in _groups(library):
        for one, other in combinations(group, 2):
            # The later one asks, or the one that is being checked.
            asking, known = (other, one) if other.record.id in reported else (one, other)
            if asking.record.id not in reported:
                continue
            for question in _two_values(asking, known):
                for entry in (asking, known):
                    found[entry.record.id][1].append(_figure_field(entry.record))
                if known.record.resolution.get(_figure_field(known.record)) is None:
                    found[asking.record.id][0].append(question)
            found[asking.record.id][0].extend(_three_values(asking, known))
    return dict(found)


def _figure_field(estimate: Estimate) -> str:
    return "counts" if estimate.value is None else "value"


def _groups(library: Library) -> Iterator[list[Entry]]:
    """Yield the estimates that are about one outcome, treatment and time in one work."""
    groups: dict[tuple, list[Entry]] = defaultdict(list)
    for entry in library.entries["estimate"].values():
        estimate: Estimate = entry.record
        key = (
            _work(library, entry),
            estimate.outcome.casefold(),
            estimate.treatment,
            estimate.group,
            _time(estimate),
        )
        groups[key].append(entry)
    yield from (group for group in groups.values() if len(group) > 1)


def _work(library: Library, entry: Entry) -> str:
    """Return the DOI of the work an estimate is from, else its source key, else its file."""
    key = entry.record.source.key
    if key is None:
        return f"file {entry.document.file}"
    source = library.entries["source"].get(key)
    return f"doi {source.record.doi.lower()}" if source and source.record.doi else f"key {key}"


def _time(estimate: Estimate) -> object:
    duration = estimate.horizon.duration
    return round(duration.days) if duration else estimate.horizon.stated


def _same_patients(one: Entry, other: Entry) -> bool:
    """Say whether two estimates of one work are about the same patients.

    Within one file two descriptions are two groups of patients; from file to file the vocabulary
    decides, since two people will not have described one group in the same words.
    """
    a, b = one.record, other.record
    if a.population.casefold() == b.population.casefold():
        return True
    return a.group is not None and one.document.file != other.document.file


def _two_values(asking: Entry, known: Entry) -> Iterator[Problem]:
    """Ask about one figure that stands in the library with two values."""
    a, b = asking.record, known.record
    same = all(
        getattr(a, part) == getattr(b, part)
        for part in (
            "measure",
            "wanted",
            "at",
            "comparator",
            "unit_of_analysis",
            "per",
            "direction",
            "baseline_class",
        )
    )
    if a.source.key is None or not same or not _same_patients(asking, known):
        return
    if _overlap(_stands_for(a), _stands_for(b)):
        return
    yield asking.document.problem(
        (*asking.location, _figure_field(a)),
        severity="Q",
        found=Phrase(f"{a.number:g} at '{a.source.locator}', {b.id} has {b.number:g}"),
        allowed="one number for one figure of one work",
        remedy=f"{_place(known)} cites '{b.source.locator}'; correct one, or say under "
        f"`resolution: {{{_figure_field(a)}: ...}}` which holds and what the other is",
    )


def _stands_for(estimate: Estimate) -> tuple[float, float]:
    """Return the smallest and largest number that an estimate's rounding leaves open."""
    if estimate.value is None:  # counts are exact; nan for a range, which differs from nothing
        return estimate.number, estimate.number
    whole = estimate.unit == "percent" or estimate.measure in NUMBERS_NEEDED
    # A ratio of 1 was printed 1.0 at least, and a risk of 0.1 as 10% at least.
    coarsest = 0.5 if whole else 0.005 if estimate.measure == "risk" else 0.05
    low, high = rounding(estimate.value, coarsest=coarsest)
    scale = 100 if estimate.unit == "percent" else 1
    return low / scale, high / scale


def _overlap(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return not (a[1] < b[0] - 1e-12 or b[1] < a[0] - 1e-12)


def _place(entry: Entry) -> str:
    line, _ = entry.document.position(entry.location)
    return f"{entry.document.file.name}:{line}"


def _three_values(asking: Entry, known: Entry) -> Iterator[Problem]:
    """Refuse a difference, a ratio and a comparator's risk that cannot all be right."""
    for difference, ratio in ((asking, known), (known, asking)):
        d, r = difference.record, ratio.record
        span = absolute_difference(d)
        risk = d.comparator_risk if d.comparator_risk is not None else r.comparator_risk
        if span is None or r.measure not in RATIO_MEASURES or r.value is None or not risk:
            continue
        if not _same_patients(difference, ratio) or r.number <= 0:
            continue
        ends = [
            _difference(p, ratio_, r.measure)
            for p, ratio_ in product(rounding(risk, coarsest=0.005), rounding(r.number))
            if 0 < p < 1 and ratio_ > 0
        ]
        if not ends or min(ends) <= span[1] + 1e-12 and span[0] <= max(ends) + 1e-12:
            continue
        yield asking.document.problem(
            (*asking.location, "value"),
            found=Phrase(
                f"{_figure(d)}, {r.measure} {r.number:g} of {r.id}, comparator's risk {risk:g}"
            ),
            allowed="three figures that agree within their rounding",
            remedy=_implied(d, r, risk) + "; check all three, none is chosen here",
        )


def _difference(risk: float, ratio: float, measure: str) -> float:
    """Return the risk difference a ratio makes at a risk, kept to what is possible."""
    if measure == "relative_risk":
        return min(risk * ratio, 1.0) - risk
    return float(treated_risk(risk, ratio, measure)) - risk


def _figure(estimate: Estimate) -> str:
    if estimate.measure in NUMBERS_NEEDED:
        return f"{estimate.measure} {estimate.number:g}"
    return f"{estimate.measure} {estimate.number:.3g}"


def _implied(difference: Estimate, ratio: Estimate, risk: float) -> str:
    """Return each of three figures as the other two imply it."""
    stated = difference.number
    if difference.measure in NUMBERS_NEEDED:
        more = difference.wanted == (difference.measure == "number_needed_to_treat")
        stated = (1 if more else -1) / stated
    from_ratio = _difference(risk, ratio.number, ratio.measure)
    needed = f"{1 / abs(from_ratio):.3g}" if from_ratio else "infinity"
    words = [f"risk and ratio give a difference of {from_ratio:.3g}, one in {needed}"]
    treated = risk + stated
    if 0 < treated < 1:
        words.append(f"risk and difference a relative risk of {treated / risk:.3g}")
    if ratio.measure == "relative_risk" and ratio.number != 1:
        implied = stated / (ratio.number - 1)
        words.append(f"ratio and difference a comparator's risk of {implied:.3g}")
    return "; ".join(words)
