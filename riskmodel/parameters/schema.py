"""The words of the parameter language: what each file may say, and in which shape.

Shapes and types are checked here. Whether figures agree with one another is arithmetic, and
lives in :mod:`riskmodel.evidence.checks`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

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

RATIO_MEASURES = ("relative_risk", "odds_ratio", "hazard_ratio")
Status = Literal["seen_primary", "seen_secondary", "unverified", "judgement"]
Badge = Literal["data", "assumed", "elicited", "transported"]
WaningScenario = Literal["held", "waning", "lost", "caught_up"]

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


# --- what sources report ----------------------------------------------------------------------


class Source(Record):
    """One bibliographic record, and what of it was read."""

    citation: Text
    doi: Annotated[str, StringConstraints(pattern=r"^10\.\d{4,9}/\S+$")] | None = None
    pmid: Annotated[str, StringConstraints(pattern=r"^\d{1,9}$")] | None = None
    url: Annotated[str, StringConstraints(pattern=r"^https?://\S+$")] | None = None
    read: Text = Field(description="which page was read: abstract, full text, summary")
    role: Literal["primary", "secondary", "tertiary"]


class SourceFile(Record):
    """Bibliographic records, each under the key that estimates cite."""

    schema_: Literal["riskmodel/sources/1"] = Field(alias="schema")
    sources: dict[Identifier, Source]


class Judgement(Record):
    """A number that stands in place of a citation."""

    whose: Text
    why: Text


class SourceReference(Record):
    """Where a figure stands: a source with its locator, or whose judgement it is."""

    key: Identifier | None = None
    locator: Text | None = None
    judgement: Judgement | None = None


class Interval(Record):
    """Two limits, the level they were stated at, and what kind of interval they are."""

    lower: Number
    upper: Number
    level: OpenProbability | None = None
    kind: Literal["confidence", "credible", "rounding", "plausible"]


class Counts(Record):
    """People with the event, of people observed."""

    events: Annotated[int, Field(ge=0)]
    n: Annotated[int, Field(gt=0)]


class Per(Record):
    """The exposure a rate is counted over, such as 1000 patient-days."""

    value: Positive
    unit: Literal["day", "week", "month", "year"]
    of: Text


class Estimate(Record):
    """What one source printed, untouched."""

    id: Identifier
    measure: Literal[
        "relative_risk",
        "odds_ratio",
        "hazard_ratio",
        "risk_difference",
        "risk",
        "rate",
        "number_needed_to_treat",
        "number_needed_to_harm",
        "later_hazard_ratio",
    ]
    outcome: Text
    wanted: bool = False
    value: Number | None = None
    unit: Literal["percent"] | None = Field(
        None, description="percent: value and interval are printed per hundred"
    )
    interval: Interval | None = None
    counts: Counts | None = None
    per: Per | None = None
    at: dict[Identifier, Number] | None = Field(
        None, description="covariate values at which a risk holds"
    )
    population: Text
    comparator: Text | None = None
    horizon: Horizon
    certainty: Text | None = None
    trials: Annotated[int, Field(gt=0)] | None = None
    participants: Annotated[int, Field(gt=0)] | None = None
    source: SourceReference
    printed: Text | None = Field(None, description="the figure exactly as it stands in the source")
    status: Status
    note: Text | None = None

    @property
    def number(self) -> float:
        """Return the value as a proportion where it was printed per hundred."""
        if self.value is None:
            return self.counts.events / self.counts.n
        return self.value / 100 if self.unit == "percent" else self.value

    @property
    def limits(self) -> tuple[float, float] | None:
        """Return the interval's limits in the unit of :attr:`number`."""
        if self.interval is None:
            return None
        scale = 100 if self.unit == "percent" else 1
        return self.interval.lower / scale, self.interval.upper / scale


class EvidenceFile(Record):
    """Estimates on one topic."""

    schema_: Literal["riskmodel/evidence/1"] = Field(alias="schema")
    topic: Text
    estimates: Annotated[list[Estimate], Field(min_length=1)]


# --- whose values ------------------------------------------------------------------------------


class Weight(Record):
    """How bad or good one event is, in reference outcomes."""

    weight: Annotated[float, Field(ge=0)]
    range: Pair | None = Field(None, description="reasonable range, for the preference curve")


class TogetherWeight(Record):
    """How bad two events are in one patient; without it, the sum of the two."""

    outcomes: Annotated[list[Identifier], Field(min_length=2, max_length=2)]
    weight: Annotated[float, Field(ge=0)]


class ResidualBurden(Record):
    """The reasonable range of what is left of a treatment's cost beside explicit harms."""

    lower: Annotated[float, Field(ge=0)]
    upper: Positive
    because: Text


class Panel(Record):
    """Whose weights, over what swing."""

    id: Identifier
    label: Text
    whose: Text
    why: Text
    swing: Text
    status: Status
    source: SourceReference | None = None
    reference: Identifier
    weights: Annotated[dict[Identifier, Weight], Field(min_length=1)]
    together: list[TogetherWeight] = Field(default_factory=list)
    burden: Annotated[float, Field(ge=0)] = Field(
        0.0, description="residual burden of treating, in reference outcomes per patient"
    )
    residual_burden: ResidualBurden | None = None


# --- a decision problem -----------------------------------------------------------------------


class Refusal(Record):
    """A covariate value for which the question itself is another one."""

    is_: bool = Field(alias="is")
    because: Text


class Band(Record):
    """A half-open class of a covariate: above one edge, up to and including the other."""

    id: Identifier
    label: Text
    above: Number | None = None
    up_to: Number | None = None


class Covariate(Record):
    """What a profile may state about a patient, in which unit and range."""

    label: Text
    type: Literal["number", "boolean"] = "number"
    unit: Text | None = None
    accepts: dict[str, Positive] = Field(
        default_factory=dict, description="other units, and what one of each is in `unit`"
    )
    range: Pair | None = None
    studied: Pair | None = Field(
        None, description="range the evidence covers; beyond it is extrapolation"
    )
    default: bool | Number | None = None
    refuse: Refusal | None = None
    bands: list[Band] = Field(default_factory=list)


class NotFor(Record):
    """A covariate value for which an option does not apply."""

    covariate: Identifier
    is_: bool = Field(alias="is")
    because: Text
    source: SourceReference | None = None


class Option(Record):
    """One thing that may be done."""

    label: Text
    not_for: list[NotFor] = Field(default_factory=list)


class PriorReference(Record):
    """The name of a prior."""

    prior: Identifier


class Term(Record):
    """One covariate's part of a baseline model: a log odds ratio per step of the covariate."""

    covariate: Identifier
    transform: Literal["linear", "log"] = "linear"
    centre: Number
    per: Positive = 1.0
    prior: Identifier


class Spread(Record):
    """How far patients alike in every covariate still differ; integrated over."""

    log_odds_sd: Annotated[float, Field(gt=0, le=2)]  # up to 2 the quadrature is exact to 1e-6
    because: Text


class Extension(Record):
    """The baseline at a later horizon: hazard accrued after the first, over that before it."""

    horizon: Duration
    later_hazard_ratio: PriorReference


class Baseline(Record):
    """The risk under the comparator: one of ``intercept``, ``line`` or ``fixed_risk``."""

    link: Literal["logit"] = "logit"
    intercept: PriorReference | None = Field(None, description="risk where every term is zero")
    terms: list[Term] = Field(default_factory=list)
    line: PriorReference | None = Field(None, description="a prior that declares a `line:`")
    fixed_risk: Probability | None = None
    between_patient_spread: Spread | None = None
    because: Text | None = None
    caveat: Text | None = Field(None, description="printed with every result")
    extension: list[Extension] = Field(default_factory=list)


class Waning(Record):
    """How a ratio effect goes on after the problem's horizon."""

    half_life: Duration = Field(description="of the log hazard ratio, for scenario `waning`")
    default: WaningScenario
    because: Text


class Effect(Record):
    """What an option does to one outcome."""

    scale: Literal["relative_risk", "odds_ratio", "hazard_ratio", "risk_difference", "added_rate"]
    prior: Identifier
    reference_risk: OpenProbability | None = Field(
        None, description="where the printed measure is converted to `scale`"
    )
    exposure: AssumedDuration | None = None
    because: Text | None = None
    waning: Waning | None = None


class Outcome(Record):
    """An event by the horizon: its risk under the comparator, and what each option does to it."""

    label: Text
    unwanted: bool
    definition: Text | None = None
    baseline: Baseline
    effects: dict[Identifier, Effect]


class NormalParameters(Record):
    """Mean and standard deviation of a normal distribution."""

    mean: Number
    sd: Positive


class Line(Record):
    """A line on the log-odds scale through stated risks at stated covariate values."""

    covariate: Identifier
    transform: Literal["linear", "log"]
    centre: Number
    intercept: NormalParameters = Field(description="weak prior of the log odds at `centre`")
    slope: NormalParameters = Field(description="weak prior of the slope")


class PriorSpecification(Record):
    """How estimates become one distribution: the rule follows from what is declared."""

    from_: Annotated[list[Identifier], Field(alias="from", min_length=1)]
    effective_sample_size: Positive | None = None
    log_sd: Positive | None = None
    complement: bool = Field(False, description="use one minus the printed risk")
    line: Line | None = None
    horizon: AssumedDuration | None = Field(
        None, description="the horizon taken where the source's own is another or none"
    )
    badge: Badge | None = None
    whose: Text | None = None
    because: Text | None = None


class Overlap(Record):
    """How much likelier two events are together than apart, as an odds ratio."""

    outcomes: Annotated[list[Identifier], Field(min_length=2, max_length=2)]
    odds_ratio: Positive
    because: Text


class CaseMix(Record):
    """A declared distribution of one covariate: normal on `transform`, cut to `within`."""

    covariate: Identifier
    transform: Literal["linear", "log"]
    median: Number
    sd: Positive
    within: Pair
    because: Text


class PublishedStratum(Record):
    """The printed effect in one band."""

    band: Identifier
    risk_difference: Identifier
    number_needed_to_treat: Identifier | None = None


class PublishedStrata(Record):
    """Printed effects by band, shown beside the model's and never fitted."""

    covariate: Identifier
    option: Identifier
    outcome: Identifier
    rows: Annotated[list[PublishedStratum], Field(min_length=1)]
    caveat: Text


class PreferenceChoice(Record):
    """Which outcome weights are relative to, whose weights are taken, and which one varies."""

    reference: Identifier
    default: Identifier
    vary: Identifier = Field(description="the outcome whose weight the preference curve varies")


class Scenario(Record):
    """Another answer to an open question: parts of the problem, set to other values."""

    label: Text
    because: Text
    set: dict[str, Any] = Field(description="dotted path in this file -> the value taken instead")


class DecisionProblem(Record):
    """A question: options, outcomes, baseline models, effects, rules."""

    schema_: Literal["riskmodel/problem/1"] = Field(alias="schema")
    id: Identifier
    question: Text
    population: Text
    horizon: Duration
    comparator: Identifier
    covariates: dict[Identifier, Covariate] = Field(default_factory=dict)
    reference_profile: dict[Identifier, bool | Number] = Field(default_factory=dict)
    options: Annotated[dict[Identifier, Option], Field(min_length=2)]
    outcomes: Annotated[dict[Identifier, Outcome], Field(min_length=1)]
    overlap: list[Overlap] = Field(default_factory=list)
    priors: Annotated[dict[Identifier, PriorSpecification], Field(min_length=1)]
    preferences: PreferenceChoice
    case_mix: CaseMix | None = None
    published_strata: PublishedStrata | None = None
    scenarios: dict[Identifier, Scenario] = Field(default_factory=dict)
    sources: dict[Identifier, Source] = Field(
        default_factory=dict, description="as in sources.yaml, for a problem in one file"
    )
    estimates: list[Estimate] = Field(
        default_factory=list, description="as in evidence/, for a problem in one file"
    )
    panels: list[Panel] = Field(
        default_factory=list, description="as in preferences/, for a problem in one file"
    )

    @property
    def alternatives(self) -> list[str]:
        """Return every option but the comparator."""
        return [option for option in self.options if option != self.comparator]


# --- patients ----------------------------------------------------------------------------------


class Profile(Record):
    """A named patient, in a file of their own."""

    schema_: Literal["riskmodel/profile/1"] = Field(alias="schema")
    id: Identifier
    label: Text
    values: Annotated[dict[Identifier, bool | Number | Text], Field(min_length=1)]


class Preferences(Panel):
    """A panel in a file of its own."""

    schema_: Literal["riskmodel/preferences/1"] = Field(alias="schema")


FILE_SCHEMAS: dict[str, type[Record]] = {
    "riskmodel/sources/1": SourceFile,
    "riskmodel/evidence/1": EvidenceFile,
    "riskmodel/problem/1": DecisionProblem,
    "riskmodel/profile/1": Profile,
    "riskmodel/preferences/1": Preferences,
}
