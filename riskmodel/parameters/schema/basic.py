"""What every file is made of: records, identifiers, durations, conditions, references."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from riskmodel.errors import ParameterError, Problem

IDENTIFIER = r"^[a-z][a-z0-9_]*$"
Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER)]
Text = Annotated[str, StringConstraints(min_length=1)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0)]
Pair = Annotated[list[Number], Field(min_length=2, max_length=2)]
Probability = Annotated[float, Field(ge=0, le=1)]
OpenProbability = Annotated[float, Field(gt=0, lt=1)]

Status = Literal["seen_primary", "seen_secondary", "unverified", "judgement"]

_DAYS = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "year": 365.25}


class Record(BaseModel):
    """Base of every part of a file: typed, closed, frozen."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True
    )


class Duration(Record):
    """A length of time, always written ``{value, unit}``."""

    value: Positive
    unit: Literal["day", "week", "month", "year"]

    @property
    def days(self) -> float:
        return self.value * _DAYS[self.unit]

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit}" + ("" if self.value == 1 else "s")

    @classmethod
    def read(cls, text: object) -> Duration:
        """Return a duration from ``{value, unit}`` or text such as "36 months".

        Examples
        --------
        >>> str(Duration.read("36 months"))
        '36 months'
        """
        if isinstance(text, cls):
            return text
        if isinstance(text, str):
            match = re.fullmatch(r"\s*(\d+\.?\d*)\s*(day|week|month|year)s?\s*", text)
        else:
            match = None
        try:
            return cls.model_validate(
                {"value": float(match[1]), "unit": match[2]} if match else text
            )
        except ValidationError:
            raise ParameterError(
                [
                    Problem(
                        field="horizon",
                        found=text,
                        allowed="a number with day, week, month or year",
                        remedy="write for example 36 months",
                    )
                ]
            ) from None


class AssumedDuration(Duration):
    """A length of time that no source gives, and why this one is taken."""

    because: Text


class Horizon(Record):
    """When a risk was counted: a length of time, or the source's own words where it gives none."""

    value: Positive | None = None
    unit: Literal["day", "week", "month", "year"] | None = None
    stated: Text | None = Field(None, description="the source's words, such as 'any follow-up'")

    @property
    def duration(self) -> Duration | None:
        if self.value is None or self.unit is None:
            return None
        return Duration(value=self.value, unit=self.unit)

    def __str__(self) -> str:
        return str(self.duration) if self.duration else str(self.stated)


class Span(Record):
    """A stretch of time as printed: one value, or a range of which one end may be open."""

    value: Positive | None = None
    lower: Annotated[float, Field(ge=0)] | None = None
    upper: Positive | None = None
    unit: Literal["day", "week", "month", "year"]

    @property
    def days(self) -> tuple[float | None, float | None]:
        """Return the two ends in days; None is an open end."""
        ends = (self.value, self.value) if self.value is not None else (self.lower, self.upper)
        lower, upper = (None if end is None else end * _DAYS[self.unit] for end in ends)
        return lower, upper

    def __str__(self) -> str:
        if self.value is not None:
            return str(Duration(value=self.value, unit=self.unit))
        if self.lower is None:
            return f"up to {self.upper:g} {self.unit}s"
        if self.upper is None:
            return f"{self.lower:g} {self.unit}s or more"
        return f"{self.lower:g} to {self.upper:g} {self.unit}s"


class Judgement(Record):
    """A number that stands in place of a citation."""

    whose: Text
    why: Text


class SourceReference(Record):
    """Where a figure stands: a source with its locator, or whose judgement it is."""

    key: Identifier | None = None
    locator: Text | None = None
    judgement: Judgement | None = None


class Clause(Record):
    """One test of one covariate."""

    covariate: Identifier
    is_: bool | Text | None = Field(None, alias="is")
    above: Number | None = None
    at_least: Number | None = None
    below: Number | None = None
    up_to: Number | None = None


class Condition(Record):
    """When something holds: every clause of `all`, or at least one of `any`."""

    all: list[Clause] | None = None
    any: list[Clause] | None = None
