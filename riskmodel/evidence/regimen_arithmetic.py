"""Doses with units: a day's, a course's, per kilogram and for one body, against what was printed.

A kilogram of body is not a kilogram of drug: `g/kg` here is grams per kilogram of body, so that a
dose without a weight cannot turn into grams by itself. pint does the units, and loads on first use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, did_you_mean
from riskmodel.evidence import statement_checks
from riskmodel.parameters.library import Library, load_library
from riskmodel.parameters.schema import Duration, Regimen

if TYPE_CHECKING:
    import pandas as pd

# Assumed by the maintainers: outside the first a weight is taken for a slip; above the second it is
# asked whether pounds were meant.
WEIGHTS = (2.0, 300.0)
PERHAPS_POUNDS = 130.0
KILOGRAMS_A_POUND = 0.45359237
SURFACES = (0.1, 3.5)

_QUANTITY = re.compile(r"\s*(\d+\.?\d*|\.\d+)\s*([A-Za-zµ][A-Za-z0-9µ/²^ ]*)\s*")
_RANGE = re.compile(r"\s*(\d+\.?\d*)\s*(?:-|–|to)\s*(\d+\.?\d*)\s*([A-Za-zµ].*?)\s*")
_EVERY = re.compile(r"\s*(?:every\s+)?(-?\d+\.?\d*)\s*(day|week|month|year)s?\s*", re.IGNORECASE)
_SPELT = {"gm": "g", "grams": "g", "gram": "g", "lbs": "lb", "pounds": "lb", "m²": "m2"}


@dataclass(frozen=True)
class RegimenTotal:
    """The smallest and largest amount of one course."""

    lower: float
    upper: float
    unit: str

    @property
    def limits(self) -> tuple[float, float]:
        return self.lower, self.upper

    def __str__(self) -> str:
        ends = (
            f"{self.lower:g}" if self.lower == self.upper else f"{self.lower:g} to {self.upper:g}"
        )
        return f"{ends} {self.unit}"


def regimen_total(record: Regimen) -> RegimenTotal | None:
    """Return the total of one course: as printed, or else dose times times a day times days.

    Parameters
    ----------
    record : Regimen
        Of the library; its own checks have passed.

    Returns
    -------
    RegimenTotal or None
        In the unit of the dose, or of the printed total; None where an end is open.

    Examples
    --------
    >>> library = load_library()
    >>> str(regimen_total(library.statement("s001_ivig_dose_5d")))
    '2 g/kg'
    """
    printed = statement_checks._ends(record.course_total)
    if printed is not None:
        return RegimenTotal(*printed, unit=record.course_total.unit)
    ends = statement_checks._course_total(record)
    return None if ends is None else RegimenTotal(*ends, unit=record.dose.unit)


@dataclass(frozen=True)
class RegimenArithmetic:
    """A regimen that has passed every check, with its totals.

    Parameters
    ----------
    record : Regimen
    course : RegimenTotal or None
        Per kilogram or square metre, or absolute, as the dose is.
    absolute : RegimenTotal or None
        In grams, for the body that was given.
    weight_kg, surface_m2 : float or None
    interval_days : float or None
        From course to course; None for a single course or an unknown interval.
    notes : tuple of str
        What is doubtful.
    """

    record: Regimen
    course: RegimenTotal | None
    absolute: RegimenTotal | None
    weight_kg: float | None
    surface_m2: float | None
    interval_days: float | None
    notes: tuple[str, ...] = ()

    def courses_within(self, time: str | Duration) -> int:
        """Return how many courses begin within a time from the start of the first.

        Raises
        ------
        ParameterError
            If the interval is unknown.
        """
        if self.record.every == "none":
            return 1
        if self.interval_days is None:
            _refuse(
                "every",
                Phrase("an unknown interval"),
                "a time above 0, or none for a single course",
                "state the interval; from an unknown one nothing is counted",
            )
        return 1 + int((Duration.read(time).days - 1e-9) // self.interval_days)

    def table(self) -> pd.DataFrame:
        """Return each step of the arithmetic: quantity, lower, upper, unit, how."""
        import pandas as pd

        rows = []
        if self.record.dose:
            low, high = self.record.dose.limits
            rows.append(("dose", low, high, self.record.dose.unit, "as given"))
        if self.course:
            how = "as printed" if self.record.course_total else _sum_words(self.record)
            rows.append(("course total", *self.course.limits, self.course.unit, how))
        if self.absolute:
            body = (
                f"x {self.weight_kg:g} kg"
                if self.course.unit.endswith("/kg")
                else f"x {self.surface_m2:g} m2"
                if self.course.unit.endswith("/m2")
                else "in grams"
            )
            rows.append(("course total, absolute", *self.absolute.limits, "g", body))
        return pd.DataFrame(rows, columns=["quantity", "lower", "upper", "unit", "how"])


def regimen(
    treatment: str | None = None,
    *,
    dose: str | None = None,
    days: int | tuple[int, int] | None = None,
    times_per_day: float = 1,
    every: str = "unknown",
    course_total: str | None = None,
    maximum_per_day: str | None = None,
    weight: str | None = None,
    surface: str | None = None,
    library: Library | None = None,
) -> RegimenArithmetic:
    """Return a regimen's totals, after every check that a regimen of a file passes.

    Parameters
    ----------
    treatment : str, optional
        Of the vocabulary, whose dose limits then hold; None knows no limits.
    dose : str
        Of one administration, with its unit: mg, g, mg/kg, g/kg, mg/m2, g/m2; a range as "1-2 g".
    days : int or pair of int, optional
        Of one course.
    times_per_day : float
    every : str
        "4 weeks", from course to course; "none" for a single course; or "unknown".
    course_total : str, optional
        As printed; refused where dose times days is another.
    maximum_per_day : str, optional
    weight : str, optional
        With its unit, "70 kg" or "154 lb"; for the absolute total.
    surface : str, optional
        Of the body, "1.8 m2".
    library : Library, optional
        None is the shipped one.

    Returns
    -------
    RegimenArithmetic

    Raises
    ------
    ParameterError
        With every fault, and what was likely meant.

    Notes
    -----
    ``course = dose x times a day x days``; ``absolute = course x weight`` (or surface).

    Examples
    --------
    >>> plan = regimen("immunoglobulin", dose="0.4 g/kg", days=5, every="none", weight="154 lb")
    >>> str(plan.course), f"{plan.absolute.upper:.0f} g"
    ('2 g/kg', '140 g')
    """
    library = library or load_library()
    problems: list[Problem] = []

    def read(part, *arguments):
        try:
            return part(*arguments)
        except ParameterError as error:
            problems.extend(error.problems)
            return None

    data: dict[str, Any] = {
        "id": "typed",
        "population": "as typed",
        "source": {"judgement": {"whose": "the caller", "why": "typed"}},
        "status": "judgement",
        "treatment": treatment or "unnamed",
        "times_per_day": times_per_day,
        "every": read(_interval, every),
        "dose": read(_amount, "dose", dose),
        "course_total": read(_amount, "course_total", course_total),
        "maximum_per_day": read(_amount, "maximum_per_day", maximum_per_day),
        "days": _days(days),
    }
    if treatment is not None and treatment not in library.entries["treatment"]:
        known = library.entries["treatment"]
        problems.append(
            Problem(
                field="treatment",
                found=treatment,
                allowed="a treatment of the vocabulary",
                remedy=did_you_mean(treatment, known),
            )
        )
    notes: list[str] = []
    kilograms = read(_weight, weight, notes)
    metres = read(_surface, surface)
    record = read(_record, {key: value for key, value in data.items() if value is not None})
    if record is not None:
        found = _record_faults(record, treatment, library)
        misread = {problem.field for problem in problems}
        problems += [problem for problem in found if problem.field not in misread]
    if problems:
        raise ParameterError(problems)
    course = regimen_total(record)
    return RegimenArithmetic(
        record=record,
        course=course,
        absolute=_absolute(course, kilograms, metres),
        weight_kg=kilograms,
        surface_m2=metres,
        interval_days=record.every.days[0] if not isinstance(record.every, str) else None,
        notes=tuple(notes),
    )


def course_total(
    dose: str, days: int | tuple[int, int], *, times_per_day: float = 1, weight: str | None = None
) -> RegimenTotal:
    """Return the total of one course: per kilogram, or in grams where a weight is given.

    Parameters
    ----------
    dose, days, times_per_day, weight
        As of :func:`regimen`.

    Examples
    --------
    >>> str(course_total("1-2 g", (3, 5))), str(course_total("0.4 g/kg", 5, weight="70 kg"))
    ('3 to 10 g', '140 g')
    """
    plan = regimen(dose=dose, days=days, times_per_day=times_per_day, weight=weight)
    return plan.absolute or plan.course


# --- reading --------------------------------------------------------------------------------------


@cache
def _units():
    """Return pint's registry with a body's kilogram and square metre as dimensions of their own."""
    import pint

    units = pint.UnitRegistry()
    units.define("body_kg = [body_mass]")
    units.define("body_m2 = [body_surface]")
    return units


def _quantity(value: float, unit: str):
    mass, *per = unit.split("/")
    units = _units()
    quantity = units.Quantity(value, _SPELT.get(mass.strip(), mass.strip()))
    return quantity / units.Quantity(1, f"body_{_SPELT.get(per[0], per[0])}") if per else quantity


def _amount(field: str, text: str | None) -> dict | None:
    """Return an amount as a file would say it, in a unit that the schema knows."""
    if text is None:
        return None
    ranged = _RANGE.fullmatch(str(text))
    single = None if ranged else _QUANTITY.fullmatch(str(text))
    allowed = "a number or a range with mg, g, mg/kg, g/kg, mg/m2 or g/m2"
    if ranged is None and single is None:
        _refuse(field, text, allowed, "write the unit with the number: 0.4 g/kg")
    ends = (ranged[1], ranged[2]) if ranged else (single[1],)
    unit = (ranged[3] if ranged else single[2]).strip()
    for part in ("per day", "/day", "/d", "daily", "a day"):
        unit = unit.removesuffix(part).strip()
    spelt = "/".join(_SPELT.get(part.strip(), part.strip()) for part in unit.split("/"))
    known = ("mg", "g", "mg/kg", "g/kg", "mg/m2", "g/m2")
    if spelt.endswith("/lb"):
        _refuse(field, text, allowed, "give the dose per kilogram: 1 lb is 0.45359237 kg")
    if spelt not in known:
        _refuse(field, text, allowed, did_you_mean(spelt, known))
    numbers = [float(end) for end in ends]
    if len(numbers) == 1:
        return {"value": numbers[0], "unit": spelt}
    return {"lower": numbers[0], "upper": numbers[1], "unit": spelt}


def _interval(text: str) -> dict | str:
    """Return the time from course to course as a file would say it; 0 is no interval."""
    word = str(text).strip().lower()
    if word in ("none", "unknown"):
        return word
    match = _EVERY.fullmatch(str(text))
    if match is None or float(match[1]) <= 0:
        _refuse(
            "every",
            text,
            "a time above 0, none for a single course, or unknown",
            "every 0 weeks is no interval: write none if one course is meant, unknown if the "
            "request does not say"
            if match
            else "write for example 4 weeks, none or unknown",
        )
    return {"value": float(match[1]), "unit": match[2].lower()}


def _days(days) -> dict | None:
    if days is None:
        return None
    if isinstance(days, tuple):
        return {"lower": days[0], "upper": days[1]}
    return {"value": days}


def _weight(text: str | None, notes: list[str]) -> float | None:
    """Return kilograms; what looks like pounds is asked about, never converted in silence."""
    if text is None:
        return None
    match = _QUANTITY.fullmatch(str(text))
    unit = _SPELT.get(match[2].strip(), match[2].strip()) if match else None
    if unit not in ("kg", "lb"):
        _refuse("weight", text, "a number with kg or lb", "write for example 70 kg")
    kilograms = float(_units().Quantity(float(match[1]), unit).to("kg").magnitude)
    if not WEIGHTS[0] <= kilograms <= WEIGHTS[1]:
        number = float(match[1])
        likely = [
            f"was {number:g} {other} meant?"
            for other, factor in (("lb", KILOGRAMS_A_POUND), ("kg", 1.0))
            if other != unit and WEIGHTS[0] <= number * factor <= WEIGHTS[1]
        ]
        _refuse(
            "weight",
            text,
            f"{WEIGHTS[0]:g} to {WEIGHTS[1]:g} kg",
            likely[0] if likely else "check the number and its unit",
        )
    if unit == "kg" and kilograms > PERHAPS_POUNDS:
        pounds = kilograms * KILOGRAMS_A_POUND
        notes.append(f"weight {kilograms:g} kg: if pounds were meant, it is {pounds:.0f} kg")
    return kilograms


def _surface(text: str | None) -> float | None:
    if text is None:
        return None
    match = _QUANTITY.fullmatch(str(text))
    if not match or _SPELT.get(match[2].strip(), match[2].strip()) != "m2":
        _refuse("surface", text, "a number with m2", "write for example 1.8 m2")
    number = float(match[1])
    if not SURFACES[0] <= number <= SURFACES[1]:
        _refuse("surface", text, f"{SURFACES[0]:g} to {SURFACES[1]:g} m2", "check the number")
    return number


# --- checking -------------------------------------------------------------------------------------


def _record(data: dict) -> Regimen:
    try:
        return Regimen.model_validate(data)
    except ValidationError as error:
        raise ParameterError(
            Problem(
                field=".".join(str(part) for part in detail["loc"]),
                found=detail["input"],
                allowed=detail["msg"].removeprefix("Input should be "),
                remedy="correct the value",
            )
            for detail in error.errors(include_url=False)
        ) from None


def _record_faults(record: Regimen, treatment: str | None, library: Library) -> list[Problem]:
    """Return what the checks of a file's regimens say, with fields as they were typed."""

    def fault(*part, **words) -> Problem:
        return Problem(field=".".join(map(str, part)), **words)

    found: list[Problem] = []
    entry = library.entries["treatment"].get(treatment or "")
    if record.dose is None:
        found.append(
            fault("dose", found=NOTHING, allowed="an amount with its unit", remedy="add the dose")
        )
    elif entry is not None:
        found += statement_checks._dose_faults(record, entry.record, fault)
    found += statement_checks._course_faults(record, fault)
    found += statement_checks._maximum_faults(record, fault)
    return found


def _absolute(
    course: RegimenTotal | None, kilograms: float | None, metres: float | None
) -> RegimenTotal | None:
    """Return the total in grams, where the body it takes is known."""
    if course is None:
        return None
    units = _units()
    body = units.Quantity(1)
    if course.unit.endswith("/kg"):
        if kilograms is None:
            return None
        body = units.Quantity(kilograms, "body_kg")
    if course.unit.endswith("/m2"):
        if metres is None:
            return None
        body = units.Quantity(metres, "body_m2")
    ends = [float((_quantity(end, course.unit) * body).to("g").magnitude) for end in course.limits]
    return RegimenTotal(*ends, unit="g")


def _sum_words(record: Regimen) -> str:
    low, high = statement_checks._ends(record.days) or (1, 1)
    days = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    often = f" x {record.times_per_day:g} a day" if record.times_per_day != 1 else ""
    return f"dose{often} x {days} days"


def _refuse(field: str, found, allowed: str, remedy: str):
    raise ParameterError([Problem(field=field, found=found, allowed=allowed, remedy=remedy)])


__all__ = ["RegimenArithmetic", "RegimenTotal", "course_total", "regimen", "regimen_total"]
