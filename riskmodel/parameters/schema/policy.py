"""The words of a treatment pathway: stages, courses, when to assess, where to go next."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from riskmodel.parameters.schema.basic import (
    Condition,
    Duration,
    Identifier,
    Number,
    Positive,
    Record,
    SourceReference,
    Span,
    Text,
)
from riskmodel.parameters.schema.evidence import Amount, Estimate, Source
from riskmodel.parameters.schema.problem import (
    Badge,
    Covariate,
    PriorReference,
    PriorSpecification,
    Spread,
)

# --- how long something takes ---------------------------------------------------------------------


class TimeSpecification(Record):
    """How long something takes, from patient to patient, and how sure its middle is.

    Either a range of the library (`from`, or a `range` of one's own) with the `meaning` its ends
    are taken to have, or a `median` with its `shape`.
    """

    family: Literal["lognormal", "weibull", "loglogistic", "exponential", "fixed"]
    from_: Identifier | None = Field(
        None, alias="from", description="a time range of the library whose ends are taken"
    )
    range: Span | None = Field(None, description="a range of one's own judgement")
    meaning: Literal["plausible_limits", "q05_q95", "iqr"] | None = Field(
        None,
        description="what the ends are taken to be from patient to patient: plausible_limits are "
        "the 2.5 and 97.5% points",
    )
    median: Duration | None = None
    shape: Positive | None = Field(
        None,
        description="of the logarithm: its standard deviation (lognormal), or the shape (weibull, "
        "loglogistic)",
    )
    log_sd: Positive | None = Field(
        None, description="how unsure the median is: standard deviation of its logarithm"
    )
    badge: Badge
    whose: Text
    because: Text


# --- courses and their harm -----------------------------------------------------------------------


class Courses(Record):
    """How often a stage's treatment is given, until the patient leaves the stage."""

    at_most: Annotated[int, Field(gt=0, le=400)] = 1
    every: Duration | Literal["none", "unknown"] = Field(
        description="from the start of a course to that of the next; none: a single course"
    )
    dose: Amount | None = Field(None, description="of one course, for events that depend on it")
    infusion_rate: Amount | None = None


class HazardChange(Record):
    """What a course's hazard is multiplied by, for each step from a reference."""

    hazard_ratio: PriorReference
    per: Positive
    reference: Number
    unit: Text = Field(description="of `per` and `reference`, as the course's own")


class CourseEvent(Record):
    """The risk that each course of a stage brings of one event, within the event's window."""

    first_course: PriorReference = Field(description="risk of one course, of those new to it")
    later_courses: PriorReference | None = Field(None, description="none: as the first")
    dose: HazardChange | None = None
    infusion_rate: HazardChange | None = None
    interval: HazardChange | None = Field(
        None, description="by the time between courses, in days; not of the first course"
    )
    stops: bool = Field(False, description="the event ends the stage")
    go_to: Identifier | None = Field(None, description="where, after an event that stops")


class RiskWindow(Record):
    """The share of a course's risk that falls until a time after the course's start."""

    until: Duration
    share: Annotated[float, Field(gt=0, le=1)]


class FrailtySpread(Record):
    """How far patients differ in the hazard of an event; integrated over, never plugged in."""

    log_hazard_sd: Annotated[float, Field(gt=0, le=2)]
    whose: Text
    because: Text


class CourseRiskSource(Record):
    """One source of an event's risk under repeated courses; several stay several lines."""

    label: Text
    kind: Literal["uncontrolled_series", "pooled_trials", "claims_cohort"]
    first: Identifier = Field(description="an estimate: of a first course, a patient, or a ratio")
    later: Identifier | None = Field(None, description="an estimate of later courses")
    untreated: Identifier | None = Field(
        None, description="of a ratio: an estimate of the risk without, over a stated time"
    )
    days_at_risk: Positive | None = Field(
        None, description="of a ratio: the days of a course on which it holds"
    )
    infusions_per_course: Annotated[int, Field(gt=0)] | None = None
    because: Text | None = None


class PathwayEvent(Record):
    """An adverse event, when after a course it comes, and who is prone to it."""

    label: Text
    windows: Annotated[list[RiskWindow], Field(min_length=1)] = Field(
        description="one after the other, from the course's start; shares add to 1"
    )
    because: Text = Field(description="why these windows")
    between_patient_spread: FrailtySpread | None = None
    fatal: PriorReference | None = Field(None, description="risk of death from one event")
    background: PriorReference | None = Field(None, description="rate without any course")
    course_sources: list[CourseRiskSource] = Field(
        default_factory=list, description="shown side by side for repeated courses, never averaged"
    )


# --- recovery -------------------------------------------------------------------------------------


class SinceOnset(Record):
    """The covariate that says how long the disease has lasted when the pathway begins."""

    covariate: Identifier
    unit: Literal["day", "week", "month", "year"]


class NaturalRecovery(Record):
    """Recovery that runs underneath every stage."""

    endpoint: Text = Field(description="what has happened by then")
    time: Identifier = Field(description="a name of `times`, counted from the onset")
    never: PriorReference | None = Field(None, description="risk of never recovering")
    when: Condition | None = Field(
        None, description="for whom it is possible at all; none: for everybody"
    )
    since_onset: SinceOnset | None = Field(
        None, description="none: the pathway begins at the onset"
    )
    caveat: Text | None = Field(None, description="printed with every result")


class OwnRecovery(Record):
    """A further way to recover that a stage opens, beside the natural one."""

    share: PriorReference
    time: Identifier = Field(description="a name of `times`, counted from the stage's start")


class StageRecovery(Record):
    """What a stage does to recovery."""

    hazard_ratio: PriorReference | None = Field(
        None, description="of natural recovery, in those who recover at all"
    )
    among: Literal["everyone", "responders"] = "everyone"
    after: Duration | None = Field(None, description="from when in the stage the ratio holds")
    own: OwnRecovery | None = None


class Response(Record):
    """A first response in a stage: an endpoint of its own, never recovery."""

    share: PriorReference = Field(description="risk of ever responding, if given long enough")
    time: Identifier = Field(description="a name of `times`, counted from the stage's start")


# --- stages ---------------------------------------------------------------------------------------


class Contraindication(Record):
    """For whom a stage is passed over, and where they go instead."""

    when: Condition
    because: Text
    source: SourceReference | None = None
    go_to: Identifier


class Assessment(Record):
    """When a stage is judged, what counts as success, and where each answer leads."""

    after: Duration
    because: Text
    success: Literal["response", "recovery"] = Field(
        description="anything else is failure; a recovered patient has left the stage"
    )
    on_success: Identifier | None = Field(None, description="needed where success is response")
    on_failure: Identifier


class Stage(Record):
    """One step of a pathway; without `assess` the patient stays until recovery or the horizon."""

    label: Text
    treatment: Identifier | None = Field(None, description="of the vocabulary; none: waiting")
    regimen: Identifier | None = Field(None, description="a regimen of the library, shown with it")
    not_for: list[Contraindication] = Field(default_factory=list)
    courses: Courses | None = None
    response: Response | None = None
    recovery: StageRecovery | None = None
    events: dict[Identifier, CourseEvent] = Field(default_factory=dict)
    assess: Assessment | None = None


class StartRule(Record):
    """Where patients begin: the first rule whose condition holds."""

    when: Condition | None = None
    stage: Identifier
    because: Text | None = None


class Death(Record):
    """Death from any cause, at an even hazard that gives a risk by a time."""

    risk: PriorReference
    by: Duration


class Relapse(Record):
    """Relapse after recovery, at an even hazard, and where it leads."""

    risk: PriorReference
    by: Duration
    go_to: Identifier
    at_most: Annotated[int, Field(gt=0, le=10)] = 1


class Policy(Record):
    """A treatment pathway: who gets what, when it is judged, and what follows."""

    schema_: Literal["riskmodel/policy/1"] = Field(alias="schema")
    id: Identifier
    label: Text
    population: Text
    horizon: Duration
    covariates: dict[Identifier, Covariate] = Field(default_factory=dict)
    natural_recovery: NaturalRecovery
    start: Annotated[list[StartRule], Field(min_length=1)]
    stages: Annotated[dict[Identifier, Stage], Field(min_length=1)]
    events: dict[Identifier, PathwayEvent] = Field(default_factory=dict)
    death: Death | None = None
    relapse: Relapse | None = None
    response_spread: Spread | None = Field(
        None, description="how far patients differ in responding at all; one luck for every stage"
    )
    times: dict[Identifier, TimeSpecification] = Field(default_factory=dict)
    priors: dict[Identifier, PriorSpecification] = Field(default_factory=dict)
    evidence: list[Identifier] = Field(
        default_factory=list, description="further records shown with the result"
    )
    caveats: list[Text] = Field(default_factory=list, description="printed with every result")
    overrides: Text | None = Field(
        None, description="why this record takes the place of the shipped one of the same id"
    )
    sources: dict[Identifier, Source] = Field(
        default_factory=dict, description="as in sources.yaml, for a policy in one file"
    )
    estimates: list[Estimate] = Field(
        default_factory=list, description="as in evidence/: judgements that stand in for figures"
    )
