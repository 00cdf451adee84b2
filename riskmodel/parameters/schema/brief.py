"""The words of a brief: what a plan puts on its page, and what a de-identified request may say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from riskmodel.parameters.schema.basic import (
    Duration,
    Identifier,
    Number,
    Pair,
    Positive,
    Probability,
    Record,
    Text,
)
from riskmodel.parameters.schema.policy import CourseRiskSource, FrailtySpread
from riskmodel.parameters.schema.problem import Badge, Covariate

# --- a plan: shipped, or of one's own -------------------------------------------------------------


class DiagnosisCategory(Record):
    """A diagnosis that a request may name, and the group of patients that it is."""

    label: Text
    group: Identifier = Field(description="of the vocabulary")


class PriorTreatment(Record):
    """A treatment that a request may say was given before."""

    counts_as: list[Identifier] = Field(
        default_factory=list, description="wider treatments of the vocabulary that rules speak of"
    )
    failure_sets: list[Identifier] = Field(
        default_factory=list, description="covariates that are true when it brought no response"
    )


class ResponseScale(Record):
    """A scale on which a request may state a response: before, after, when."""

    label: Text
    unit: Text
    range: Pair = Field(description="what may be typed")
    better: Literal["lower", "higher"]
    least_change: Positive | None = Field(
        None, description="the change that a source counts as a response"
    )
    from_: Identifier | None = Field(
        None, alias="from", description="the estimate in whose outcome that change stands"
    )


class PlanSummary(Record):
    """A record of the library as a statement on recovery, with what the record leaves open."""

    record: Identifier = Field(description="an estimate (a share, counts) or a time range")
    meaning: Literal["plausible_limits", "q05_q95", "iqr"] | None = Field(
        None, description="what the two ends of a range are taken to be"
    )
    of: Literal["everyone", "recovered"] | None = Field(
        None, description="whose times a range or quantile is"
    )
    by: Duration | Literal["ever"] | None = Field(
        None, description="when a share was counted, where its source gives only words"
    )
    n: Annotated[int, Field(gt=0)] | None = Field(
        None, description="patients behind it, as its source's population says"
    )
    effective_sample_size: Positive | None = Field(
        None, description="how many patients it is worth, where no number is printed: a judgement"
    )


class NaturalCourse(Record):
    """How patients reach one endpoint without the treatment, from records of the library."""

    label: Text
    endpoint: Literal["first_response", "functional_recovery", "full_recovery", "relapse"]
    outcome: Identifier | None = Field(
        None, description="the outcome of the problem that this endpoint is"
    )
    family: Literal["lognormal", "weibull", "loglogistic", "gamma"] = "lognormal"
    never: bool = Field(False, description="a fraction that never gets there is modelled")
    summaries: Annotated[list[PlanSummary], Field(min_length=1)]
    badge: Badge
    whose: Text
    because: Text


class SeriesDiscount(Record):
    """How much of an uncontrolled series is counted."""

    a0: Probability = Field(description="of a power prior; 0 leaves the series out")
    whose: Text
    because: Text


class ResponseSeries(Record):
    """An uncontrolled series of treated patients, set against the natural course."""

    estimate: Identifier = Field(description="counts of a wanted outcome, all treated")
    course: Identifier = Field(description="the natural course of the same endpoint")
    by: Duration | None = Field(
        None, description="after the start of treatment; none: as the record's horizon says"
    )
    discount: SeriesDiscount
    because: Text = Field(description="why these patients may be set against this course")


class CourseHarm(Record):
    """An unwanted event under repeated courses: the sources stay apart."""

    outcome: Identifier = Field(description="of the problem")
    sources: Annotated[list[CourseRiskSource], Field(min_length=1)]
    between_patient_spread: FrailtySpread | None = None
    courses: Annotated[int, Field(gt=0, le=60)] = Field(
        6, description="how far the lines go where a request does not know the number"
    )


class BriefOption(Record):
    """What a plan says of one option."""

    treatment: Identifier = Field(description="of the vocabulary")
    also: list[Identifier] = Field(
        default_factory=list, description="wider treatments whose rules speak of this one"
    )
    series: list[ResponseSeries] = Field(default_factory=list)
    harm: CourseHarm | None = None
    regimens: list[Identifier] = Field(
        default_factory=list, description="records that a request may name as its regimen"
    )


class ObjectiveMeasure(Record):
    """What could be measured, and by when, so that the next look is not a matter of opinion."""

    label: Text
    estimate: Identifier = Field(description="whose outcome it is")
    by: Identifier = Field(description="a time range or window: when")
    since: Literal["start of treatment", "onset"]
    options: list[Identifier] = Field(
        default_factory=list, description="for which options; none: for all"
    )
    whose: Text
    because: Text


class BriefPlan(Record):
    """A page on one decision problem, for one patient at a time."""

    schema_: Literal["riskmodel/brief/1"] = Field(alias="schema")
    id: Identifier
    label: Text
    problem: Identifier
    horizon: Duration = Field(description="how far ahead the page looks, from today")
    diagnoses: Annotated[dict[Identifier, DiagnosisCategory], Field(min_length=1)]
    grade: Identifier | None = Field(None, description="the covariate that a grade is")
    covariates: dict[Identifier, Covariate] = Field(
        default_factory=dict, description="beyond the problem's own, for rules that ask for them"
    )
    prior_treatments: dict[Identifier, PriorTreatment] = Field(default_factory=dict)
    scales: dict[Identifier, ResponseScale] = Field(default_factory=dict)
    natural_courses: Annotated[dict[Identifier, NaturalCourse], Field(min_length=1)]
    options: Annotated[dict[Identifier, BriefOption], Field(min_length=1)]
    prior_series: dict[Identifier, list[ResponseSeries]] = Field(
        default_factory=dict, description="series of treatments that may have been given before"
    )
    measures: list[ObjectiveMeasure] = Field(default_factory=list)
    evidence: list[Identifier] = Field(
        default_factory=list, description="statements beyond the problem's own"
    )
    caveats: list[Text] = Field(default_factory=list)
    overrides: Text | None = Field(
        None, description="why this record takes the place of the shipped one of the same id"
    )


# --- a request: the user's, of one patient, without anything that could name them -----------------


class SinceOnset(Record):
    """A length of time since the onset of the disease; never a date, for dates identify."""

    value: Annotated[float, Field(ge=0)]
    unit: Literal["day", "week", "month", "year"]

    @property
    def days(self) -> float:
        return self.value * Duration(value=1, unit=self.unit).days

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit}" + ("" if self.value == 1 else "s")


class RequestTreatment(Record):
    """A treatment given before, when since the onset, and what came of it."""

    treatment: Identifier
    started: SinceOnset | Literal["unknown"] = Field("unknown", description="since the onset")
    response: Literal["none", "response", "unknown"]
    scale: Identifier | None = None
    before: Number | None = None
    after: Number | None = None
    assessed: SinceOnset | Literal["unknown"] = Field("unknown", description="since the onset")


class IntervalAsWritten(Record):
    """An interval as it was asked for; 0 is refused by the regimen's own check."""

    value: Number
    unit: Literal["day", "week", "month", "year"]


class RequestRegimen(Record):
    """How the treatment is asked for: a record of the library, or in figures with their units."""

    id: Identifier | None = None
    dose: Text | None = Field(None, description='of one day, with its unit: "0.4 g/kg"')
    days: Annotated[int, Field(gt=0, le=365)] | None = None
    weight: Text | None = Field(None, description='with its unit: "70 kg"')
    every: IntervalAsWritten | Text | None = Field(
        None, description="{value, unit} or text such as 4 weeks; none: a single course; unknown"
    )


class BriefRequest(Record):
    """One de-identified patient and what is asked for: words of the plan, numbers and units."""

    schema_: Literal["riskmodel/request/1"] = Field(alias="schema")
    plan: Identifier
    option: Identifier
    diagnosis: Identifier
    grade: Number | Literal["unknown"] = "unknown"
    since_onset: SinceOnset | Literal["unknown"]
    prior_treatments: list[RequestTreatment] = Field(default_factory=list)
    regimen: RequestRegimen | None = None
    courses: Annotated[int, Field(gt=0, le=60)] | Literal["unknown"] = "unknown"
    risk_factors: dict[Identifier, bool | Number | Identifier] = Field(default_factory=dict)

    @property
    def label(self) -> str:
        """What it is about, for lists; nothing of the patient."""
        return f"a request about {self.option}, on {self.plan}"
