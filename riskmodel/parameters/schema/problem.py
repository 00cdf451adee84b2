"""The words of a decision problem, of whose weights it takes, and of its patients."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from riskmodel.parameters.schema.basic import (
    AssumedDuration,
    Duration,
    Identifier,
    Number,
    OpenProbability,
    Pair,
    Positive,
    Probability,
    Record,
    SourceReference,
    Status,
    Text,
)
from riskmodel.parameters.schema.evidence import Estimate, Source

Badge = Literal["data", "assumed", "elicited", "transported"]
WaningScenario = Literal["held", "waning", "lost", "caught_up"]

# --- whose values ------------------------------------------------------------------------------


class Weight(Record):
    """How bad or good one event, or one unit of a score, is in reference outcomes."""

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

    overrides: Text | None = Field(
        None, description="why this record takes the place of the shipped one of the same id"
    )

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
    type: Literal["number", "boolean", "category"] = "number"
    categories: list[Identifier] = Field(
        default_factory=list, description="what a covariate of `type: category` may be"
    )
    unit: Text | None = None
    accepts: dict[str, Positive] = Field(
        default_factory=dict, description="other units, and what one of each is in `unit`"
    )
    range: Pair | None = None
    studied: Pair | None = Field(
        None, description="range the evidence covers; beyond it is extrapolation"
    )
    default: bool | Number | Text | None = None
    refuse: Refusal | None = None
    bands: list[Band] = Field(default_factory=list)


class NotFor(Record):
    """A covariate value for which an option does not apply."""

    covariate: Identifier
    is_: bool | Text = Field(alias="is")
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
    """The baseline at another horizon than the problem's own, later or earlier."""

    horizon: Duration
    later_hazard_ratio: PriorReference = Field(
        description="hazard accrued between the two horizons, over that before the earlier one"
    )


class Baseline(Record):
    """The risk, or mean, under the comparator: exactly one of its forms."""

    link: Literal["logit"] = "logit"
    intercept: PriorReference | None = Field(None, description="risk where every term is zero")
    terms: list[Term] = Field(default_factory=list)
    line: PriorReference | None = Field(None, description="a prior that declares a `line:`")
    fixed_risk: Probability | None = None
    fixed_mean: Number | None = Field(
        None, description="of a continuous outcome; 0 where only differences were printed"
    )
    not_estimable: Text | None = Field(
        None, description="why no risk or mean is known, even without treatment"
    )
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
    """What an option does to one outcome: a prior, or why there is none."""

    scale: (
        Literal[
            "relative_risk",
            "odds_ratio",
            "hazard_ratio",
            "risk_difference",
            "added_rate",
            "own_risk",
            "mean_difference",
        ]
        | None
    ) = Field(None, description="own_risk: the option's own risk, whatever the comparator's is")
    prior: Identifier | None = None
    not_estimable: Text | None = Field(
        None, description="why the sources allow no contrast; nothing is computed"
    )
    no_effect: Text | None = Field(
        None, description="why the outcome is taken to be as under the comparator"
    )
    relative_to: Identifier | None = Field(
        None, description="the option this effect was measured against; none is the comparator"
    )
    reference_risk: OpenProbability | None = Field(
        None, description="where the printed measure is converted to `scale`"
    )
    exposure: AssumedDuration | None = None
    because: Text | None = None
    waning: Waning | None = None


class Outcome(Record):
    """An event by the horizon, or a score at it, and what each option does to it."""

    label: Text
    type: Literal["event", "continuous"] = "event"
    unwanted: bool = Field(description="whether more of it is worse")
    unit: Text | None = Field(None, description="of a continuous outcome, such as points (0-10)")
    diagnostic_impact: bool = Field(
        False, description="a change in what is done, never a benefit: no panel may weigh it"
    )
    definition: Text | None = None
    competing: Identifier | None = Field(
        None,
        description="the outcome that was counted as censoring where this one's risk, as one minus "
        "Kaplan-Meier, was read; its incidence beside that one is computed",
    )
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


class Pool(Record):
    """Random effects over the studies that a prior names."""

    tau_prior: Text | None = Field(
        None,
        description="of the heterogeneity: family:numbers, such as half_normal:0.5 (taken for "
        "ratios where none is given; half_normal:1 for risks and rates)",
    )
    take: Literal["mean", "new_study"] = Field(
        description="the mean effect or risk of the studies, or that of a new one"
    )
    measure: Literal["odds_ratio", "relative_risk", "risk_difference"] | None = Field(
        None, description="of counts in two groups: the scale to pool on, where it is another"
    )
    because: Text


class Experts(Record):
    """Several experts' judgements of one number, pooled into one density."""

    pool: Literal["linear", "log"]
    weights: dict[Identifier, Positive] = Field(
        default_factory=dict, description="judgement -> weight, with sum 1; equal if left out"
    )
    because: Text


class Bias(Record):
    """What a source's figure is thought to be off by, on the modelling scale."""

    mean: Number
    sd: Positive


class RobustMixture(Record):
    """The source with a weight, and a vague normal on the modelling scale with the rest."""

    weight: OpenProbability
    mean: Number = 0.0
    sd: Positive


class Discount(Record):
    """How much less an indirect or non-randomised source counts: exactly one of four ways."""

    power: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="power prior: the share of its information that the source keeps"
    )
    bias: Bias | None = None
    robust: RobustMixture | None = None
    level: Identifier | None = Field(
        None, description="a grade of trust, such as very_low: a power that is a convention"
    )
    system: Literal["grade", "robins_i"] | None = Field(
        None, description="whose grades the level is one of"
    )
    because: Text
    whose: Text


class Correlation(Record):
    """How two priors go together, as a correlation of their normal scores."""

    priors: Annotated[list[Identifier], Field(min_length=2, max_length=2)]
    rho: Annotated[float, Field(gt=-1, lt=1)]
    because: Text


class PriorSpecification(Record):
    """How estimates become one distribution: the rule follows from what is declared."""

    from_: Annotated[list[Identifier], Field(alias="from", min_length=1)]
    effective_sample_size: Positive | None = None
    log_sd: Positive | None = None
    sd: Positive | None = Field(None, description="of a difference printed without a spread")
    reverse: bool = Field(
        False, description="the contrast the other way round: one over a ratio, minus a difference"
    )
    complement: bool = Field(False, description="use one minus the printed risk")
    line: Line | None = None
    pool: Pool | None = Field(None, description="required where `from` names several studies")
    experts: Experts | None = Field(
        None, description="where `from` names several judgements, in place of `pool`"
    )
    discount: Discount | None = None
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


class Composite(Record):
    """Any of several events, as the declared overlaps put them together: shown, never weighed."""

    label: Text
    of: Annotated[list[Identifier], Field(min_length=2)]


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


class SettledQuestion(Record):
    """A written answer to a question that two or more records raise together."""

    between: Annotated[list[Identifier], Field(min_length=2)]
    because: Text
    whose: Text


class DecisionProblem(Record):
    """A question: options, outcomes, baseline models, effects, rules."""

    schema_: Literal["riskmodel/problem/1"] = Field(alias="schema")
    id: Identifier
    question: Text
    population: Text
    horizon: Duration
    comparator: Identifier
    covariates: dict[Identifier, Covariate] = Field(default_factory=dict)
    reference_profile: dict[Identifier, bool | Number | Text] = Field(default_factory=dict)
    options: Annotated[dict[Identifier, Option], Field(min_length=2)]
    outcomes: Annotated[dict[Identifier, Outcome], Field(min_length=1)]
    overlap: list[Overlap] = Field(default_factory=list)
    composites: dict[Identifier, Composite] = Field(default_factory=dict)
    priors: dict[Identifier, PriorSpecification] = Field(default_factory=dict)
    correlations: list[Correlation] = Field(default_factory=list)
    preferences: PreferenceChoice | None = Field(
        None, description="none where nothing can be weighed"
    )
    evidence: list[Identifier] = Field(
        default_factory=list,
        description="further records shown with the result: windows, regimens, rules, grades",
    )
    resolutions: list[SettledQuestion] = Field(default_factory=list)
    case_mix: CaseMix | None = None
    published_strata: PublishedStrata | None = None
    scenarios: dict[Identifier, Scenario] = Field(default_factory=dict)
    overrides: Text | None = Field(
        None, description="why this record takes the place of the shipped one of the same id"
    )
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

    overrides: Text | None = Field(
        None, description="why this record takes the place of the shipped one of the same id"
    )

    schema_: Literal["riskmodel/profile/1"] = Field(alias="schema")
    id: Identifier
    label: Text
    values: Annotated[dict[Identifier, bool | Number | Text], Field(min_length=1)]


class Preferences(Panel):
    """A panel in a file of its own."""

    schema_: Literal["riskmodel/preferences/1"] = Field(alias="schema")
