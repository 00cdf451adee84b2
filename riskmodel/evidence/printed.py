"""What the printed figure says: its numbers, the name of its measure, the level it states."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from riskmodel.errors import Phrase, Problem
from riskmodel.parameters.schema import (
    Amount,
    Estimate,
    Record,
    Regimen,
    Statement,
    TimeRange,
    Window,
)

_NUMBER = re.compile(r"\d+(?:[.,·]\d+)*|(?<!\d)[.·]\d+")
_WORDS = {
    word: float(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()
    )
} | {"half": 0.5, "once": 1.0, "twice": 2.0, "none": 0.0, "single": 1.0}
_LABELS: tuple[tuple[str, re.Pattern], ...] = (
    ("odds_ratio", re.compile(r"\bOR\b|(?i:odds ratio)")),
    ("relative_risk", re.compile(r"\bRR\b|(?i:relative risk\b(?! reduction)|risk ratio)")),
    ("hazard_ratio", re.compile(r"\bHR\b|(?i:hazard ratio)")),
    ("risk_difference", re.compile(r"\bA?RD\b|\bARR\b|(?i:risk (?:difference|reduction))")),
    ("number_needed_to_treat", re.compile(r"\bNNTB?\b|(?i:needed to treat)")),
    ("number_needed_to_harm", re.compile(r"\bNN(?:H|TH)\b|(?i:needed to harm)")),
)
_LEVEL = re.compile(
    r"(\d{2}(?:\.\d+)?)\s?%\s*(CI\b|CrI\b|confidence|credible|(?:un)?certainty|interval)"
)
_KINDS = (
    ("credible", re.compile(r"\bCrI\b|(?i:credible|posterior)")),
    ("confidence", re.compile(r"\bCI\b|(?i:confidence)")),
)
_PERSON_TIME = re.compile(
    r"(?i:(?:per|/)\s*(?:\d[\d, ]*\s*)?(?:person|patient|subject|device|line)?[- ]?"
    r"(?:years?|months?|weeks?|days?)\b|\bpy\b|person[- ]years?|patient[- ](?:years?|days?))"
)
_COUNTED = re.compile(
    r"(?i:(?:of|per|/|in|among)\s*[\d, ]*\s*"
    r"(infusions?|cycles|courses|procedures|sessions|exchanges|administrations|devices|lines))\b"
)


def printed_numbers(text: str) -> set[float]:
    """Return every number of a text without its sign, in each way it may be read.

    A comma may stand before decimals or between thousands; small numbers may be words.

    Examples
    --------
    >>> sorted(printed_numbers("RR 0,62 (0.39\\u20130.98)"))
    [0.39, 0.62, 0.98, 62.0]
    >>> sorted(printed_numbers("two of 1,200"))
    [1.2, 2.0, 1200.0]
    """
    found: set[float] = set()
    for token in _NUMBER.findall(text.replace("·", ".")):
        readings = {token.replace(",", ""), token.replace(",", ".")}
        for reading in readings:
            try:
                found.add(float(reading))
            except ValueError:  # several separators: no number in this reading
                continue
    found |= {_WORDS[word] for word in re.findall(r"[a-z]+", text.lower()) if word in _WORDS}
    return found


def stands_in(number: float, text: str, unit: str | None = None) -> bool:
    """Say whether a text holds a number, whatever its sign; proportions may stand as percent.

    Examples
    --------
    >>> stands_in(-0.08, "\\u22120.08 percentage points", "percent"), stands_in(0.275, "27.5%")
    (True, True)
    >>> stands_in(21.7, "NNT = 12.7")
    False
    """
    wanted = {abs(number)}
    if unit is None:
        wanted |= {abs(number) * per for per in _bases(text)}
    elif "%" not in text and unit == "percent":
        wanted.add(abs(number) / 100)
    return any(
        abs(one - other) <= 1e-9 * max(1.0, one)
        for one in wanted
        for other in printed_numbers(text)
    )


def _bases(text: str) -> set[float]:
    """Return what proportions of a text are counted per: 100 for percent, 1000 for "per 1000"."""
    bases = {100.0} if "%" in text or "percent" in text else set()
    for match in re.finditer(r"(?i:per|/)\s*(10{2,5}|10{0,2}[, ]000)\b", text):
        bases.add(float(re.sub(r"[, ]", "", match[1])))
    return bases


def names_ratio(text: str | None, number: float) -> bool:
    """Say whether a text gives a number under the name of a ratio, as in HR 26.6.

    Examples
    --------
    >>> names_ratio("HR 26.6 (10.4 to 68.0)", 26.6), names_ratio("reduced by 38%", 38)
    (True, False)
    """
    found = re.findall(r"(?:\b[AaR]?(?:OR|RR|HR)\b|[Rr]atio)\W{1,5}(\d+(?:\.\d+)?)", text or "")
    return any(float(one) == number for one in found)


def says_person_time(text: str | None) -> bool:
    """Say whether a text speaks of events over a time at risk, such as per 100 person-years."""
    return bool(text and _PERSON_TIME.search(text))


def counted_thing(text: str | None) -> str | None:
    """Return what a text counts in place of people, such as infusions, or None."""
    match = _COUNTED.search(text) if text else None
    return match[1] if match else None


def printed_faults(record: Statement, fault: Callable[..., Problem]) -> Iterator[Problem]:
    """Yield what does not agree between a record and its printed figure."""
    text = record.printed
    if text is None:
        return
    missing = [
        f"{number:g}" for number, unit in _numbers_of(record) if not stands_in(number, text, unit)
    ]
    if missing:
        yield fault(
            "printed",
            severity="W",
            found=text,
            allowed=f"the figure as it stands in the source, with {', '.join(missing)} in it",
            remedy="copy it again, or correct the number; a figure worked out by hand is no "
            "reading",
        )
    if isinstance(record, Estimate):
        yield from _label_faults(record, text, fault)
        yield from _interval_faults(record, text, fault)


def _numbers_of(record: Statement) -> Iterator[tuple[float, str | None]]:
    """Yield the numbers that a printed figure must hold, with the unit each is written in."""
    if isinstance(record, Estimate):
        if record.value is not None:
            yield record.value, record.unit
        if record.interval is not None and record.interval.kind != "rounding":
            yield record.interval.lower, record.unit
            yield record.interval.upper, record.unit
        for counts in (record.counts, record.comparator_counts):
            if counts is not None and not record.estimated:
                yield counts.events, "count"
                yield counts.n, "count"
        if record.events_over is not None and not record.estimated:
            yield record.events_over.events, "count"
            yield record.events_over.time, "count"
    parts = {
        TimeRange: ("span",),
        Window: ("opens", "closes"),
        Regimen: ("dose", "days", "every", "course_total", "maximum_per_day", "maximum_rate"),
    }
    for name in parts.get(type(record), ()):
        part = getattr(record, name)
        for end in ("value", "lower", "upper"):
            number = getattr(part, end, None) if isinstance(part, Record) else None
            if number is not None and not (end == "lower" and number == 0):
                yield number, part.unit if isinstance(part, Amount) else "count"


def _label_faults(estimate: Estimate, text: str, fault) -> Iterator[Problem]:
    """Warn where the source's own label is of another measure."""
    labels = [measure for measure, pattern in _LABELS if pattern.search(text)]
    if labels and estimate.measure in dict(_LABELS) and estimate.measure not in labels:
        yield fault(
            "measure",
            severity="W",
            found=Phrase(f"{estimate.measure}, printed as {' and '.join(labels)}"),
            allowed="the measure that the source names",
            remedy="correct `measure:`; an odds ratio is further from 1 than the relative risk of "
            "the same patients, the more so the commoner the event",
        )


def _interval_faults(estimate: Estimate, text: str, fault) -> Iterator[Problem]:
    """Warn where the printed level or kind of an interval is another one."""
    interval = estimate.interval
    if interval is None:
        return
    levels = {round(float(match[1]) / 100, 4) for match in _LEVEL.finditer(text)}
    if interval.level is not None and levels and round(interval.level, 4) not in levels:
        yield fault(
            "interval",
            "level",
            severity="W",
            found=interval.level,
            allowed=f"the printed level, {', '.join(f'{level:g}' for level in sorted(levels))}",
            remedy="correct it: the standard error follows from the level that is stated",
        )
    kinds = [kind for kind, pattern in _KINDS if pattern.search(text)]
    if interval.kind in ("confidence", "credible") and kinds and interval.kind not in kinds:
        yield fault(
            "interval",
            "kind",
            severity="W",
            found=interval.kind,
            allowed=f"the printed kind, {kinds[0]}",
            remedy="correct `kind:`",
        )
