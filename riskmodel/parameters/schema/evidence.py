"""The words for what sources report: figures, times, regimens, rules, grades, and disagreements."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from riskmodel.parameters.schema.basic import (
    Condition,
    Duration,
    Horizon,
    Identifier,
    Number,
    OpenProbability,
    Positive,
    Probability,
    Record,
    SourceReference,
    Span,
    Status,
    Text,
)

RATIO_MEASURES = ("relative_risk", "odds_ratio", "hazard_ratio")
TWO_ARM_MEASURES = ("relative_risk", "odds_ratio", "risk_difference")
CONTINUOUS_MEASURES = ("mean_difference", "standardised_mean_difference", "mean", "median")

# --- sources ------------------------------------------------------------------------------------


class Source(Record):
    """One bibliographic record, and what of it was read."""

    citation: Text
    authors: list[Text] = Field(default_factory=list, description="family name and initials, each")
    title: Text | None = None
    container: Text | None = Field(None, description="journal, book or site it appeared in")
    publisher: Text | None = None
    date: Annotated[str, StringConstraints(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")] | None = Field(
        None, description="of publication or last update: year, year-month or year-month-day"
    )
    volume: Text | None = None
    issue: Text | None = None
    pages: Text | None = None
    doi: Annotated[str, StringConstraints(pattern=r"^10\.\d{4,9}/\S+$")] | None = None
    pmid: Annotated[str, StringConstraints(pattern=r"^\d{1,9}$")] | None = None
    url: Annotated[str, StringConstraints(pattern=r"^https?://\S+$")] | None = None
    read: Text = Field(description="which page was read: abstract, full text, summary")
    role: Literal["primary", "secondary", "tertiary"]
    study_ids: list[Identifier] = Field(
        default_factory=list, description="the studies it reports or pools, for double use"
    )
    note: Text | None = None
    overrides: Text | None = Field(
        None, description="why this record takes the place of the shipped one of the same id"
    )


class SourceFile(Record):
    """Bibliographic records, each under the key that estimates cite."""

    schema_: Literal["riskmodel/sources/1"] = Field(alias="schema")
    sources: dict[Identifier, Source]


# --- what a source says -------------------------------------------------------------------------


class Statement(Record):
    """What every reading of a source carries, whatever it is about."""

    id: Identifier
    part_of: Identifier | None = Field(
        None, description="the reading of which this is one part, where one sentence gives several"
    )
    treatment: Identifier | None = Field(None, description="a treatment of the vocabulary")
    group: Identifier | None = Field(None, description="a group of patients of the vocabulary")
    population: Text
    source: SourceReference
    printed: Text | None = Field(None, description="the figure exactly as it stands in the source")
    status: Status
    note: Text | None = None
    resolution: dict[str, Text] = Field(
        default_factory=dict, description="field -> the written answer to a question about it"
    )
    overrides: Text | None = Field(
        None, description="why this record takes the place of the shipped one of the same id"
    )


class Interval(Record):
    """Two limits, the level they were stated at, and what kind of interval they are."""

    lower: Number
    upper: Number
    level: OpenProbability | None = None
    kind: Literal["confidence", "credible", "rounding", "plausible", "range"]


class Counts(Record):
    """People with the event, of people observed."""

    events: Annotated[float, Field(ge=0)]
    n: Annotated[int, Field(gt=0)]


class EventsOverTime(Record):
    """Events, and the time under watch that they were counted in."""

    events: Annotated[float, Field(ge=0)]
    time: Positive
    unit: Literal["day", "week", "month", "year"]
    of: Text


class Per(Record):
    """The exposure a rate is counted over, such as 1000 patient-days."""

    value: Positive
    unit: Literal["day", "week", "month", "year"]
    of: Text


class BaselineClass(Record):
    """The edges of untreated risk between which a class of patients lies, as estimates of risk."""

    above: Identifier | None = None
    up_to: Identifier | None = None


class Estimate(Statement):
    """What one source printed, untouched."""

    measure: Literal[
        "relative_risk",
        "odds_ratio",
        "hazard_ratio",
        "rate_ratio",
        "prevalence_ratio",
        "risk_difference",
        "risk",
        "rate",
        "number_needed_to_treat",
        "number_needed_to_harm",
        "later_hazard_ratio",
        "mean_difference",
        "standardised_mean_difference",
        "mean",
        "median",
    ]
    outcome: Text
    composite: list[Text] = Field(
        default_factory=list, description="the outcomes that a composite counts together"
    )
    wanted: bool = False
    direction: Literal["event", "event_free"] | None = Field(
        None, description="of a hazard ratio: of the event, or of staying free of it"
    )
    value: Number | None = None
    unit: Text | None = Field(
        None, description="percent: printed per hundred; for a mean, its unit; otherwise none"
    )
    interval: Interval | None = None
    p_value: Text | None = Field(None, description="as printed, such as '< 0.001'")
    counts: Counts | None = None
    comparator_counts: Counts | None = Field(
        None, description="of the comparator's group, for a ratio or difference with `counts`"
    )
    events_over: EventsOverTime | None = Field(
        None, description="of a rate: its events and the time they were counted in"
    )
    unit_of_analysis: (
        Literal["patients", "courses", "infusions", "devices", "procedures", "respondents"] | None
    ) = Field(None, description="what was counted; none is patients")
    estimated: bool = Field(False, description="counts were worked out, and may be fractions")
    fixed: bool = Field(False, description="a value of exactly 0 or 1 that is meant, not rounded")
    per: Per | None = None
    at: dict[Identifier, Number] | None = Field(
        None, description="covariate values at which a risk holds"
    )
    baseline_class: BaselineClass | None = Field(
        None, description="of an effect in a class of patients: the class's edges of untreated risk"
    )
    comparator: Text | None = None
    comparator_risk: Probability | None = Field(
        None, description="risk without the treatment, where the source prints it"
    )
    horizon: Horizon
    certainty: Text | None = None
    trials: Annotated[int, Field(gt=0)] | None = None
    participants: Annotated[int, Field(gt=0)] | None = None
    study_ids: list[Identifier] = Field(
        default_factory=list, description="the studies it counts, for double use"
    )

    def _repr_html_(self) -> str:
        from riskmodel.parameters.rich_display import estimate_card

        return estimate_card(self)

    @property
    def number(self) -> float:
        """Return the value as a proportion where it was printed per hundred; nan for a range.

        Without a value, what its counts give; nan where that would divide by nobody.
        """
        if self.value is not None:
            return self.value / 100 if self.unit == "percent" else self.value
        if self.comparator_counts is not None and self.counts is not None:
            return self._crude_contrast()
        if self.events_over is not None and self.per is not None:
            days = Duration(value=self.events_over.time, unit=self.events_over.unit).days
            per_days = Duration(value=self.per.value, unit=self.per.unit).days
            return self.events_over.events / days * per_days
        return self.counts.events / self.counts.n if self.counts else float("nan")

    def _crude_contrast(self) -> float:
        """Return the measure of two groups' counts as they are, with nothing added."""
        a, n = self.counts.events, self.counts.n
        c, m = self.comparator_counts.events, self.comparator_counts.n
        if self.measure == "risk_difference":
            return a / n - c / m
        top, bottom = (
            (a * m, n * c) if self.measure == "relative_risk" else (a * (m - c), (n - a) * c)
        )
        return top / bottom if top and bottom else float("nan")

    @property
    def limits(self) -> tuple[float, float] | None:
        """Return the interval's limits in the unit of :attr:`number`."""
        if self.interval is None:
            return None
        scale = 100 if self.unit == "percent" else 1
        return self.interval.lower / scale, self.interval.upper / scale


class TimeRange(Statement):
    """How long something takes: a range or a point of time, and what its ends mean."""

    quantity: Literal["onset", "full_effect", "recovery", "minimum_trial", "relapse", "follow_up"]
    endpoint: Text = Field(description="what has happened by then, such as walking with aid")
    span: Span | None = None
    stated: Text | None = Field(None, description="the source's word where it gives no number")
    meaning: (
        Literal[
            "plausible_limits",
            "q05_q95",
            "iqr",
            "min_max",
            "median",
            "mean",
            "point",
            "minimum",
            "not_stated",
        ]
        | None
    ) = Field(None, description="what the ends of the range are; required for a range")
    completeness: Text | None = Field(None, description="how many get there, if the source says")


class Window(Statement):
    """When something should be done, counted from an anchor."""

    action: Text
    anchor: Text = Field(description="what time is counted from, such as the injury")
    opens: Span | None = None
    closes: Span | None = None
    stated: Text | None = Field(None, description="the source's word where it gives no number")
    when: Condition | None = None
    statement: Text


class Amount(Record):
    """A quantity of a drug as printed: one value, or a range."""

    value: Positive | None = None
    lower: Positive | None = None
    upper: Positive | None = None
    unit: Literal["mg", "g", "mg/kg", "g/kg", "mg/m2", "g/m2", "mL/kg/min", "mg/kg/min"]

    @property
    def limits(self) -> tuple[float, float]:
        """Return the smallest and largest amount; nan for an end that is open."""
        if self.value is not None:
            return self.value, self.value
        nan = float("nan")
        return self.lower or nan, self.upper or nan


class Days(Record):
    """Days of one course: one value, or a range."""

    value: Annotated[int, Field(gt=0)] | None = None
    lower: Annotated[int, Field(gt=0)] | None = None
    upper: Annotated[int, Field(gt=0)] | None = None


class Regimen(Statement):
    """How a treatment is given."""

    treatment: Identifier
    dose: Amount | None = Field(None, description="of one administration")
    times_per_day: Positive = 1
    days: Days | None = Field(None, description="days of one course")
    every: Span | Literal["none", "unknown"] | None = Field(
        None, description="time from course to course; none: a single course"
    )
    sessions: Annotated[int, Field(gt=0)] | None = None
    course_total: Amount | None = Field(None, description="as printed, for one course")
    maximum_per_day: Amount | None = None
    maximum_rate: Amount | None = None
    route: Text | None = None
    stage: Text | None = Field(None, description="such as initial, maintenance, current, target")


class Rule(Statement):
    """What a source says to do, or not to do, and when."""

    treatment: Identifier
    says: Literal["for", "against", "not_effective", "contraindicated", "required", "caution"]
    strength: Text | None = None
    after: list[Identifier] = Field(
        default_factory=list, description="treatments that have to have failed first"
    )
    when: Condition | None = None
    statement: Text


class EvidenceLevel(Statement):
    """How good a source says the evidence is, or what kind of study there is."""

    outcome: Text | None = None
    level: Text
    system: Text | None = Field(None, description="whose grades: GRADE, a society's, the author's")
    randomised_trials: Annotated[int, Field(ge=0)] | None = None
    participants: Annotated[int, Field(gt=0)] | None = None
    statement: Text


class Finding(Statement):
    """What a source reports without a figure that could be modelled."""

    kind: Literal["definition", "risk_factor", "harm", "effect", "diagnostic", "preference", "list"]
    statement: Text
    items: list[Text] = Field(default_factory=list)


class EvidenceFile(Record):
    """What sources say on one topic."""

    schema_: Literal["riskmodel/evidence/1"] = Field(alias="schema")
    topic: Identifier
    estimates: list[Estimate] = Field(default_factory=list)
    time_ranges: list[TimeRange] = Field(default_factory=list)
    windows: list[Window] = Field(default_factory=list)
    regimens: list[Regimen] = Field(default_factory=list)
    rules: list[Rule] = Field(default_factory=list)
    evidence_levels: list[EvidenceLevel] = Field(default_factory=list)
    findings: list[Finding] = Field(default_factory=list)


# --- the names they share -----------------------------------------------------------------------


class DoseLimits(Record):
    """Outside these a dose is taken for a slip of the unit."""

    lower: Positive
    upper: Positive
    unit: Literal["mg", "g", "mg/kg", "g/kg", "mg/m2", "g/m2"]
    because: Text


class Treatment(Record):
    """Something that may be done: a drug, a procedure, a test."""

    label: Text
    dose_limits: list[DoseLimits] = Field(
        default_factory=list, description="per administration, one for each way of stating it"
    )
    overrides: Text | None = None


class Group(Record):
    """A group of patients."""

    label: Text
    within: Identifier | None = Field(None, description="the larger group it belongs to")
    overrides: Text | None = None


class VocabularyFile(Record):
    """Treatments and groups of patients, so that statements about the same thing meet."""

    schema_: Literal["riskmodel/vocabulary/1"] = Field(alias="schema")
    treatments: dict[Identifier, Treatment] = Field(default_factory=dict)
    groups: dict[Identifier, Group] = Field(default_factory=dict)


# --- where they disagree ------------------------------------------------------------------------


class Resolution(Record):
    """A written answer to a disagreement."""

    because: Text
    whose: Text


class Contradiction(Record):
    """Two or more statements that do not fit together, as a reader found them."""

    id: Identifier
    between: Annotated[list[Identifier], Field(min_length=2)]
    differ_in: Annotated[
        list[
            Literal[
                "estimand",
                "denominator",
                "horizon",
                "population",
                "endpoint",
                "arithmetic",
                "misprint_suspected",
                "rule",
                "strength",
                "wording",
            ]
        ],
        Field(min_length=1),
    ]
    explanation: Text
    resolution: Resolution | None = Field(None, description="none: open")
    overrides: Text | None = None


class ContradictionFile(Record):
    """The register of disagreements."""

    schema_: Literal["riskmodel/contradictions/1"] = Field(alias="schema")
    contradictions: list[Contradiction]


class NotEncodedFile(Record):
    """Readings that became no record of their own, and why."""

    schema_: Literal["riskmodel/not_encoded/1"] = Field(alias="schema")
    readings: dict[Identifier, Text]
