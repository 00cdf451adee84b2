"""Files written before effects are looked at: sizes that matter, and what was recommended."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from riskmodel.parameters.schema.basic import (
    Duration,
    Identifier,
    Record,
    SourceReference,
    Status,
    Text,
)

OWN_RULE = "own_rule"  # an error that brings its own remedy


def _past(text: str) -> str:
    """Return a date as written, if it is one that has come."""
    try:
        when = date.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or len(text) != 10 or when > date.today():
        raise PydanticCustomError(
            OWN_RULE,
            'a day that is not after today, such as "2026-01-31"',
            {"remedy": "fix them before the effects are seen, and write the day in quotes"},
        )
    return text


Past = Annotated[str, AfterValidator(_past)]
PerThousand = Annotated[float, Field(gt=0, le=1000)]


class Sizes(Record):
    """From which absolute effect per 1000 patients on an effect is small, moderate, large."""

    small: PerThousand
    moderate: PerThousand
    large: PerThousand

    @property
    def cuts(self) -> tuple[float, float, float]:
        return self.small, self.moderate, self.large


def _rising(sizes: Sizes) -> Sizes:
    if not sizes.small < sizes.moderate < sizes.large:
        raise PydanticCustomError(
            OWN_RULE,
            "small below moderate below large",
            {"remedy": "say from where on, per 1000, an effect is each"},
        )
    return sizes


class MagnitudeThresholds(Record):
    """What counts as a small, moderate and large effect, whose judgement it is, and since when."""

    schema_: Literal["riskmodel/thresholds/1"] = Field(alias="schema")
    id: Identifier
    label: Text
    locked: Past = Field(description="the day on which they were fixed, in quotes")
    whose: Text
    why: Text
    status: Status
    source: SourceReference | None = None
    horizon: Duration | None = Field(
        None, description="of the risks they are about; a run at another is refused"
    )
    outcomes: Annotated[
        dict[Identifier, Annotated[Sizes, AfterValidator(_rising)]], Field(min_length=1)
    ]


class Recommendation(Record):
    """What was recommended, by stratum, and the option and the weight it is read for."""

    schema_: Literal["riskmodel/recommendation/1"] = Field(alias="schema")
    id: Identifier
    label: Text
    problem: Identifier = Field(description="the decision problem whose strata are named")
    option: Identifier
    outcome: Identifier | None = Field(
        None, description="whose weight is sought; by default the one the problem varies"
    )
    strata: Annotated[dict[Identifier, Literal["for", "against"]], Field(min_length=1)] = Field(
        description="bands of the case mix, or profiles of the run"
    )
    source: SourceReference
    printed: Text | None = None
    status: Status
    note: Text | None = None
