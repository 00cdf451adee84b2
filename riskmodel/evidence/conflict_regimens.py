"""Rules on doses and times: amounts with nothing in common, trials that end too soon."""

from __future__ import annotations

import math
from itertools import combinations, product

from riskmodel.evidence.conflict_matching import Clash, Read, by_key, ids_of, shown
from riskmodel.parameters.schema import Amount, Regimen, TimeRange

BODY_WEIGHT = 70.0  # kg; doses per kilogram meet doses of the whole body at this weight

Range = tuple[float, float]

# --- regimens ------------------------------------------------------------------------------------


def regimens(read: Read) -> list[Clash]:
    """Return regimens of one treatment by two sources whose amounts have nothing in common.

    Course totals are compared where both are known, and daily doses otherwise; once for each
    treatment and pair of sources, with the arithmetic of every regimen of the two.
    """
    meeting = by_key(
        ((a.treatment, *sorted((str(a.source.key), str(b.source.key)))), (a, b))
        for a, b in combinations(read.of("regimen"), 2)
        if a.treatment == b.treatment
        and a.source.key != b.source.key
        and read.groups_meet(a, b)
        and (a.stage is None or b.stage is None or a.stage == b.stage)
    )
    return [
        _regimens_apart(read, key, pairs)
        for key, pairs in meeting.items()
        if any(_have_nothing_in_common(a, b) for a, b in pairs)
    ]


def _have_nothing_in_common(a: Regimen, b: Regimen) -> bool:
    for amount in (course_total, daily_dose):
        first, second = amount(a), amount(b)
        if first is not None and second is not None and first[1] == second[1]:
            return not _overlap(first[0], second[0])
    return False


def daily_dose(regimen: Regimen) -> tuple[Range, str] | None:
    """Return the smallest and largest dose of a day, and what it is measured in."""
    if regimen.dose is None:
        return None
    limits, unit = _whole_body(regimen.dose)
    low, high = (limit * regimen.times_per_day for limit in limits)
    return None if math.isnan(low) or math.isnan(high) else ((low, high), unit)


def course_total(regimen: Regimen) -> tuple[Range, str] | None:
    """Return the smallest and largest total of one course: as printed, or days times doses."""
    if regimen.course_total is not None:
        limits, unit = _whole_body(regimen.course_total)
        return None if any(map(math.isnan, limits)) else (limits, unit)
    day = daily_dose(regimen)
    if day is None or regimen.days is None:
        return None
    (low, high), unit = day
    first = regimen.days.value or regimen.days.lower
    last = regimen.days.value or regimen.days.upper
    if first is None or last is None:
        return None
    return (low * first, high * last), unit


def _whole_body(amount: Amount) -> tuple[Range, str]:
    """Return an amount in grams, of a body of 70 kg where it is per kilogram."""
    low, high = amount.limits
    if amount.unit in ("mg", "mg/kg"):
        low, high = low / 1000, high / 1000
    if amount.unit in ("mg/kg", "g/kg"):
        low, high = low * BODY_WEIGHT, high * BODY_WEIGHT
    unit = "g" if amount.unit in ("mg", "g", "mg/kg", "g/kg") else amount.unit
    return (low, high), unit


def _overlap(a: Range, b: Range) -> bool:
    return a[0] <= b[1] * (1 + 1e-9) and b[0] <= a[1] * (1 + 1e-9)


def _regimens_apart(read: Read, key: tuple, pairs: list[tuple[Regimen, Regimen]]) -> Clash:
    every = list({r.id: r for pair in pairs for r in pair}.values())
    weighed = any("/kg" in a.unit for r in every for a in (r.dose, r.course_total) if a)
    sums = "; ".join(f"{shown(r)}: {_arithmetic(r)}" for r in every)
    at_weight = f" Doses per kilogram are taken at {BODY_WEIGHT:g} kg." if weighed else ""
    return Clash(
        rule="regimen",
        key="+".join(key),
        ids=ids_of(every),
        differ_in=("arithmetic",),
        explanation=(
            f"Amounts of {read.label(key[0])} for patients of one group have nothing in common: "
            f"{sums}.{at_weight}"
        ),
    )


def _arithmetic(regimen: Regimen) -> str:
    day, total = daily_dose(regimen), course_total(regimen)
    parts = []
    if day is not None:
        parts.append(f"{_range(*day)} a day")
    if total is not None:
        parts.append(f"{_range(*total)} a course")
    return ", ".join(parts) or "no amount"


def _range(limits: Range, unit: str) -> str:
    low, high = limits
    return f"{low:.3g} {unit}" if low == high else f"{low:.3g} to {high:.3g} {unit}"


# --- times ---------------------------------------------------------------------------------------


def times(read: Read) -> list[Clash]:
    """Return times of one treatment that leave no room for each other.

    A trial that may end before the response it waits for is over; a full effect that is complete
    before another source sees the first response. Once for each treatment and pair of quantities.
    """
    ranges = [t for t in read.of("time_range") if t.treatment and t.span is not None]
    meeting = by_key(
        ((a.treatment, a.quantity, b.quantity), (a, b))
        for a, b in product(ranges, ranges)
        if a.treatment == b.treatment and _leaves_no_room(a, b)
    )
    return [_times_apart(read, key, pairs) for key, pairs in meeting.items()]


def _leaves_no_room(a: TimeRange, b: TimeRange) -> bool:
    if a.quantity == "minimum_trial":
        asked = b.quantity in ("onset", "full_effect")
    else:
        asked = (a.quantity, b.quantity) == ("full_effect", "onset")
        asked = asked and a.source.key != b.source.key
    if not asked:
        return False
    (a_lower, a_upper), (_, b_upper) = a.span.days, b.span.days
    ends = a_upper if a_upper is not None else a_lower
    return b_upper is not None and ends is not None and ends < b_upper


def _times_apart(read: Read, key: tuple, pairs: list[tuple[TimeRange, TimeRange]]) -> Clash:
    treatment, first, second = key
    earlier = list({a.id: a for a, _ in pairs}.values())
    later = list({b.id: b for _, b in pairs}.values())
    elsewhere = not any(read.groups_may_meet(a, b) for a, b in pairs)
    name = read.label(treatment)
    what = (
        f"A trial of {name} may be over ({_spans(earlier)}) before the stated time to respond is "
        f"({_spans(later)}): a patient who would have responded is then counted as a failure."
        if first == "minimum_trial"
        else f"One source has the full effect of {name} within {_spans(earlier)}, another sees "
        f"the first response as late as {_spans(later)}."
    )
    other = " The second is of other patients." if elsewhere else ""
    return Clash(
        rule="times",
        key=f"{treatment}:{first}+{second}",
        ids=ids_of(earlier, later),
        differ_in=("horizon", "population") if elsewhere else ("horizon",),
        explanation=what + other,
    )


def _spans(ranges: list[TimeRange]) -> str:
    return ", ".join(dict.fromkeys(str(r.span) for r in ranges))


RULES = (regimens, times)
