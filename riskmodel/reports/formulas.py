"""How each number of a run's tables is computed: in words, in symbols, and where it is written up.

To make a new table traceable, add a :class:`TableCard` to :data:`TABLES`: which columns name a
row, what a row rests on, and a :class:`Formula` for each column that holds a computed number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from riskmodel.parameters.schema import Baseline, Effect

PAGE = "docs/model.md"
# Headings of that page.
PRIORS = "From a printed figure to a distribution"
EVENT = "An event by the horizon"
OVERLAP = "Two events in one patient"
TIME = "Other horizons"
BENEFIT = "Net benefit"
SYNTHESIS = "Several studies, or a discounted one"
CORRELATION = "Inputs that go together"
INFORMATION = "What better knowledge would be worth"
INFLUENCE = "How much rests on what"
COMPUTATION = "Computation"

# What a row rests on, and so what is traced:
# contrast   one outcome's baseline and one option's effect on it
# arm        outcomes and their overlap under one option
# composite  the outcomes of a composite, and their overlap
# benefit    every weighed outcome, the option's effects and the weights
# badge      of those, the priors of one badge
# prior      one prior
# strata     the printed figures of a band, and the model's own contrast in it
# statement  one record of the library
# row        what the row says itself
RestsOn = Literal[
    "contrast", "arm", "composite", "benefit", "badge", "prior", "strata", "statement", "row"
]


@dataclass(frozen=True)
class Formula:
    """How one number is computed.

    Parameters
    ----------
    words, symbols : str
    section : str
        The heading of ``docs/model.md`` it is written up under.
    """

    words: str
    symbols: str
    section: str


@dataclass(frozen=True)
class TableCard:
    """What a table of a run holds.

    Parameters
    ----------
    keys : tuple of str
        The columns that name a row.
    rests_on : str
        What a row is traced to; see above.
    columns : mapping of str to Formula
    draws : str or None
        The variable of ``outcomes.nc`` (or ``prior`` for ``posterior.nc``) that a row summarises.
    """

    keys: tuple[str, ...]
    rests_on: RestsOn
    columns: Mapping[str, Formula] = field(default_factory=dict)
    draws: str | None = None


def _limits(of: str, symbol: str, section: str) -> dict[str, Formula]:
    return {
        "lower": Formula(
            f"lower limit of the equal-tailed credible interval of {of}",
            f"quantile({symbol}, (1 - prob) / 2)",
            section,
        ),
        "upper": Formula(
            f"upper limit of the equal-tailed credible interval of {of}",
            f"quantile({symbol}, (1 + prob) / 2)",
            section,
        ),
    }


_PER_1000 = {
    "per_1000": Formula(
        "posterior median difference in risk, events per 1000 patients",
        "1000 median(p1 - p0)",
        EVENT,
    ),
    "per_1000_lower": Formula(
        "lower limit of the credible interval of the difference, per 1000 patients",
        "1000 quantile(p1 - p0, (1 - prob) / 2)",
        EVENT,
    ),
    "per_1000_upper": Formula(
        "upper limit of the credible interval of the difference, per 1000 patients",
        "1000 quantile(p1 - p0, (1 + prob) / 2)",
        EVENT,
    ),
}
_RISK_EFFECT = {
    "baseline_risk": Formula(
        "posterior median of the risk under the comparator by the horizon", "median(p0)", EVENT
    ),
    "risk": Formula(
        "posterior median of the risk under the option by the horizon", "median(p1)", EVENT
    ),
    "risk_difference": Formula(
        "posterior median of the option's risk minus the comparator's, draw by draw",
        "median(p1 - p0)",
        EVENT,
    ),
    **_limits("the risk difference", "p1 - p0", EVENT),
    **_PER_1000,
    "prob_benefit": Formula(
        "share of the draws in which the option is better: fewer unwanted or more wanted events",
        "mean(p1 < p0), or mean(p1 > p0) where the event is wanted",
        EVENT,
    ),
    "number_needed_to_treat": Formula(
        "the risk difference displayed as a number of patients, from its median and limits, "
        "passing through infinity (Altman 1998)",
        "1 / |median(p1 - p0)|",
        BENEFIT,
    ),
    "monte_carlo_standard_error": Formula(
        "Monte Carlo standard error of the median difference", "MCSE(median(p1 - p0))", COMPUTATION
    ),
}
_BENEFIT_SYMBOLS = (
    "NB = sum_k sign_k w_k (p1_k - p0_k) - sum_pairs (w_together - w_a - w_b)(p1_ab - p0_ab) "
    "- burden"
)
_NET_BENEFIT = {
    "net_benefit": Formula(
        "posterior mean of the weighted benefit less the weighted harm, in reference outcomes "
        "per patient",
        f"mean(NB), {_BENEFIT_SYMBOLS}",
        BENEFIT,
    ),
    "prob_positive": Formula("share of the draws with net benefit above 0", "P(NB > 0)", BENEFIT),
}
_BENEFIT_SUMMARY = {
    **_NET_BENEFIT,
    **_limits("net benefit", "NB", BENEFIT),
    "prob_best": Formula(
        "share of the draws in which the option has the largest net benefit of all",
        "P(NB = max over options)",
        BENEFIT,
    ),
    "monte_carlo_standard_error": Formula(
        "Monte Carlo standard error of the mean", "MCSE(mean(NB))", COMPUTATION
    ),
}

_INFORMATION = {
    "evpi": Formula(
        "expected value of perfect information, in the unit of net benefit per patient",
        "mean(max over options of NB) - max over options of mean(NB)",
        INFORMATION,
    ),
    "evppi": Formula(
        "expected value of knowing these inputs, by regression of net benefit on them",
        "mean(max over options of E[NB | inputs]) - max over options of mean(NB)",
        INFORMATION,
    ),
    "standard_error": Formula(
        "standard error over the draws, by the influence function",
        "sd(influence) / sqrt(n)",
        INFORMATION,
    ),
    "floor": Formula(
        "the largest value found when the inputs' draws are shuffled",
        "max over permutations of EVPPI",
        INFORMATION,
    ),
    "share_of_evpi": Formula(
        "share of the value of perfect information", "EVPPI / EVPI", INFORMATION
    ),
    "n_draws": Formula("draws that were used", "n", COMPUTATION),
}

TABLES: dict[str, TableCard] = {
    "absolute_effects": TableCard(
        ("profile", "option", "outcome"), "contrast", _RISK_EFFECT, "risk"
    ),
    "absolute_effects_by_band": TableCard(
        ("band", "option", "outcome"), "contrast", _RISK_EFFECT, "band_risk"
    ),
    "mean_differences": TableCard(
        ("profile", "option", "outcome"),
        "contrast",
        {
            "mean_difference": Formula(
                "posterior median of the option's mean minus the comparator's, draw by draw",
                "median(m1 - m0)",
                EVENT,
            ),
            **_limits("the mean difference", "m1 - m0", EVENT),
            "prob_benefit": Formula(
                "share of the draws in which the option's mean is the better one",
                "mean(m1 < m0), or mean(m1 > m0) where more is wanted",
                EVENT,
            ),
            "monte_carlo_standard_error": Formula(
                "Monte Carlo standard error of the median difference",
                "MCSE(median(m1 - m0))",
                COMPUTATION,
            ),
        },
        "risk",
    ),
    "net_benefit": TableCard(("profile", "option"), "benefit", _BENEFIT_SUMMARY, "risk"),
    "benefit_needed": TableCard(
        ("profile", "option", "outcome"),
        "benefit",
        {
            "needed": Formula(
                "change of an outcome of unknown effect at which net benefit is zero, given "
                "everything else: posterior median",
                "median(-NB_rest / (sign w))",
                BENEFIT,
            ),
            **_limits("that change", "-NB_rest / (sign w)", BENEFIT),
        },
        "risk",
    ),
    "break_even_weight": TableCard(
        ("profile", "option", "outcome"),
        "benefit",
        {
            "weight": Formula(
                "weight of the outcome at which the probability of a net benefit falls to one half",
                "w with P(NB(w) > 0) = 0.5",
                BENEFIT,
            ),
            "lower": Formula(
                "weight at which that probability first falls to 0.975",
                "w with P(NB(w) > 0) = 0.975",
                BENEFIT,
            ),
            "upper": Formula(
                "weight at which that probability falls to 0.025",
                "w with P(NB(w) > 0) = 0.025",
                BENEFIT,
            ),
            "benefit_and_harm": Formula(
                "share of the draws with benefit from the rest, and harm from this outcome",
                "P(NB_rest > 0, sign (p1 - p0) < 0)",
                BENEFIT,
            ),
            "benefit_no_harm": Formula(
                "share of the draws with benefit from the rest, and no harm from this outcome",
                "P(NB_rest > 0, sign (p1 - p0) >= 0)",
                BENEFIT,
            ),
            "no_benefit_harm": Formula(
                "share of the draws with no benefit from the rest, and harm from this outcome",
                "P(NB_rest <= 0, sign (p1 - p0) < 0)",
                BENEFIT,
            ),
            "no_benefit_no_harm": Formula(
                "share of the draws with neither benefit from the rest nor harm from this outcome",
                "P(NB_rest <= 0, sign (p1 - p0) >= 0)",
                BENEFIT,
            ),
        },
        "risk",
    ),
    "scenarios": TableCard(
        ("changed", "name", "profile", "option"), "benefit", _BENEFIT_SUMMARY, "risk"
    ),
    "own_baseline": TableCard(
        ("profile", "option", "outcome", "position"),
        "benefit",
        {
            **_NET_BENEFIT,
            "own_baseline_risk": Formula(
                "posterior median of the risk of a patient who stands that many standard "
                "deviations above the middle of the declared spread",
                "median(expit(m + s position))",
                EVENT,
            ),
        },
    ),
    "correlations": TableCard(
        ("prior", "other", "rho", "profile", "option"),
        "benefit",
        {
            **_NET_BENEFIT,
            "declared": Formula(
                "correlation of the two priors' normal scores that the run used",
                "rho",
                CORRELATION,
            ),
        },
    ),
    "discounts": TableCard(
        ("prior", "alternative", "profile", "option"),
        "benefit",
        {
            **_NET_BENEFIT,
            "a0": Formula(
                "share of the source's information that counts: 0, the declared one (for a bias, "
                "the share of the precision it leaves; for a mixture, the weight), and 1",
                "a0",
                SYNTHESIS,
            ),
            "median": Formula("median of the prior at this a0", "Q(1/2)", SYNTHESIS),
            **_limits("the prior at this a0", "theta", SYNTHESIS),
        },
    ),
    "tipping_points": TableCard(
        ("prior", "profile", "option", "cut", "a0_from"),
        "benefit",
        {
            "a0_from": Formula(
                "lower end of a stretch of a0 in which the claim holds; none where it never does",
                "inf {a0 : P(NB(a0) > 0) >= cut}, stretch by stretch",
                SYNTHESIS,
            ),
            "a0_to": Formula(
                "upper end of that stretch",
                "sup {a0 : P(NB(a0) > 0) >= cut}, stretch by stretch",
                SYNTHESIS,
            ),
            "stretches": Formula(
                "how many such stretches there are; 0 where the claim holds for no a0",
                "number of intervals in {a0 : P(NB(a0) > 0) >= cut}",
                SYNTHESIS,
            ),
            "not_computed_up_to": Formula(
                "greatest a0 at which more than 0.1% of the draws would put a risk beyond 1",
                "max {a0 : P(p(a0) > 1) > 0.001}",
                SYNTHESIS,
            ),
            "chosen_a0": Formula("the a0 of the declared discount", "a0", SYNTHESIS),
            "prob_lowest": Formula(
                "lowest probability that net benefit is above zero, over every a0 with one",
                "min over a0 of mean(NB(a0) > 0)",
                SYNTHESIS,
            ),
            "prob_highest": Formula(
                "highest probability that net benefit is above zero, over every a0 with one",
                "max over a0 of mean(NB(a0) > 0)",
                SYNTHESIS,
            ),
            "monte_carlo_standard_error": Formula(
                "Monte Carlo standard error of that probability at the cut",
                "sqrt(cut (1 - cut) / draws)",
                SYNTHESIS,
            ),
        },
    ),
    "evpi": TableCard(("profile",), "benefit", _INFORMATION),
    "evppi_by_parameter": TableCard(("profile", "parameters"), "benefit", _INFORMATION),
    "evppi_by_source": TableCard(("profile", "source"), "benefit", _INFORMATION),
    "waning": TableCard(
        ("waning", "horizon", "profile", "option", "outcome"),
        "contrast",
        {**_RISK_EFFECT, **_NET_BENEFIT},
    ),
    "horizons": TableCard(("profile", "option", "outcome", "time"), "contrast", _RISK_EFFECT),
    "restricted_means": TableCard(
        ("profile", "option", "outcome", "time"),
        "contrast",
        {
            "restricted_mean": Formula(
                "posterior median of the mean time without the event under the comparator, up to "
                "the horizon",
                "median(integral of 1 - p0(t))",
                TIME,
            ),
            "restricted_mean_difference": Formula(
                "posterior median of the time without the event that the option adds",
                "median(integral of p0(t) - p1(t))",
                TIME,
            ),
            **_limits("that time", "integral of p0(t) - p1(t)", TIME),
            "prob_benefit": Formula(
                "share of the draws in which the option adds time without an unwanted event, or "
                "takes time until a wanted one",
                "P(integral of p0(t) - p1(t) > 0), or < 0 where the event is wanted",
                TIME,
            ),
            "monte_carlo_standard_error": Formula(
                "Monte Carlo standard error of the median", "MCSE(median)", COMPUTATION
            ),
        },
    ),
    "composites": TableCard(
        ("profile", "option", "composite"),
        "composite",
        {
            **{name: formula for name, formula in _RISK_EFFECT.items() if "_1000_" not in name},
            "baseline_risk": Formula(
                "posterior median risk of at least one of the events under the comparator",
                "median(P(any))",
                OVERLAP,
            ),
            "risk": Formula(
                "posterior median risk of at least one of the events under the option",
                "median(P(any))",
                OVERLAP,
            ),
            "smallest": Formula(
                "median of the largest component, below which no composite can be",
                "median(max over components of p1)",
                OVERLAP,
            ),
            "largest": Formula(
                "median of the sum of the components, above which no composite can be",
                "median(min(1, sum over components of p1))",
                OVERLAP,
            ),
        },
    ),
    "share_by_input": TableCard(
        ("profile", "option", "prior"),
        "prior",
        {
            "variance_share": Formula(
                "share of the variance of net benefit that knowing this input would remove",
                "var(mean(NB | bin)) / var(NB), twenty equal bins of the input's draws",
                INFLUENCE,
            ),
            "net_benefit_low": Formula(
                "mean net benefit in the lowest twentieth of this input's draws",
                "mean(NB | lowest bin)",
                INFLUENCE,
            ),
            "net_benefit_high": Formula(
                "mean net benefit in the highest twentieth of this input's draws",
                "mean(NB | highest bin)",
                INFLUENCE,
            ),
        },
        "prior",
    ),
    "share_by_badge": TableCard(
        ("profile", "option", "badge"),
        "badge",
        {
            "variance_share": Formula(
                "the shares of the inputs of one badge, added", "sum of shares", INFLUENCE
            )
        },
    ),
    "published_strata": TableCard(
        ("band",),
        "strata",
        {
            "printed_per_1000": Formula(
                "the printed risk difference, per 1000 patients", "1000 RD as printed", PRIORS
            ),
            "model_per_1000": Formula(
                "posterior median difference, averaged over the declared case mix in the band",
                "1000 median(p1 - p0)",
                EVENT,
            ),
            **_limits("the model's difference per 1000", "1000 (p1 - p0)", EVENT),
            "model_minus_printed": Formula(
                "the model's difference less the printed one, per 1000 patients",
                "1000 median(p1 - p0) - 1000 RD as printed",
                EVENT,
            ),
            "implied_untreated_risk": Formula(
                "untreated risk that the printed difference needs at the printed relative risk",
                "RD / (RR - 1)",
                PRIORS,
            ),
            "model_untreated_risk": Formula(
                "posterior median risk under the comparator, averaged over the band's case mix",
                "median(p0)",
                EVENT,
            ),
            "model_number_needed_to_treat": _RISK_EFFECT["number_needed_to_treat"],
        },
    ),
    "stated_risks": TableCard(
        ("prior", "estimate"),
        "prior",
        {
            "stated_risk": Formula("the risk as stated", "r_i", PRIORS),
            "fitted_risk": Formula(
                "posterior median of what the line gives at the same place",
                "median(expit(a + b (g(x_i) - g(centre))))",
                PRIORS,
            ),
            **_limits("what the line gives there", "expit(eta(x_i))", PRIORS),
        },
        "prior",
    ),
    "prior_predictive": TableCard(
        ("profile", "option", "outcome"),
        "contrast",
        {
            "median": Formula(
                "median risk that the priors alone imply, before stated risks are seen",
                "median(p) over draws of the priors",
                PRIORS,
            ),
            **_limits("the risk that the priors alone imply", "p", PRIORS),
            "set_aside": Formula(
                "share of the draws of the priors that put some risk of the patient beyond 1",
                "P(p > 1)",
                EVENT,
            ),
        },
    ),
    "overlap": TableCard(
        ("profile", "option", "outcome", "other"),
        "arm",
        {
            "odds_ratio": Formula(
                "the declared odds ratio of association of the two events", "psi", OVERLAP
            ),
            "joint_risk": Formula(
                "posterior mean risk of both events in one patient; of an event with itself, its "
                "own; of `any`, at least one event",
                "mean(2 psi p q / (S + sqrt(S^2 - 4 psi (psi - 1) p q))), S = 1 + (psi - 1)(p + q)",
                OVERLAP,
            ),
        },
        "risk",
    ),
    "provenance": TableCard(
        ("prior", "estimate"),
        "prior",
        {
            "value": Formula(
                "the printed number; per hundred becomes a proportion", "as printed", PRIORS
            )
        },
    ),
    "diagnostics": TableCard(
        ("quantity",),
        "prior",
        {
            "mean": Formula("posterior mean", "mean", COMPUTATION),
            "sd": Formula("posterior standard deviation", "sd", COMPUTATION),
            "monte_carlo_standard_error": Formula(
                "Monte Carlo standard error of the mean", "MCSE(mean)", COMPUTATION
            ),
            "r_hat": Formula(
                "spread over and within chains (Vehtari et al. 2021)", "R-hat", COMPUTATION
            ),
            "ess_bulk": Formula("effective sample size in the bulk", "ESS bulk", COMPUTATION),
            "ess_tail": Formula("effective sample size in the tails", "ESS tail", COMPUTATION),
        },
        "prior",
    ),
    "reported_risks": TableCard(
        ("estimate",),
        "statement",
        {
            "risk": Formula(
                "the printed proportion, or people with the event over people observed",
                "events / n",
                PRIORS,
            ),
            "lower": Formula(
                "lower limit of Jeffreys' interval of the counts",
                "quantile(Beta(events + 1/2, n - events + 1/2), (1 - prob) / 2)",
                PRIORS,
            ),
            "upper": Formula(
                "upper limit of Jeffreys' interval of the counts",
                "quantile(Beta(events + 1/2, n - events + 1/2), (1 + prob) / 2)",
                PRIORS,
            ),
        },
    ),
    "windows": TableCard(
        ("id", "label"),
        "statement",
        {
            name: Formula(
                "the printed time in days; a month is 365.25 / 12 days, a year 365.25",
                "value x days of its unit",
                PRIORS,
            )
            for name in ("from_days", "from_days_at_latest", "to_days")
        },
    ),
    "rules": TableCard(("profile", "rule"), "statement"),
    "evidence": TableCard(("id",), "statement"),
    "contradictions": TableCard(("id",), "row"),
    "not_estimable": TableCard(("option", "outcome"), "row"),
    "not_applicable": TableCard(("profile", "option"), "row"),
}

# Columns that say how a number is to be read, in any table.
LABELS = ("horizon", "prob", "kind", "unit", "because", "note", "stopped", "label", "locator")


def card_of(table: str, columns: list[str]) -> TableCard:
    """Return what is known of a table; of an unknown one, the columns that may name its rows.

    Examples
    --------
    >>> card_of("some_table", ["profile", "value", "option"]).keys
    ('profile', 'option')
    """
    from riskmodel.reports.decision_formulas import DECISION_TABLES  # written in these words

    for cards in (TABLES, DECISION_TABLES):
        if table in cards:
            return cards[table]
    naming = dict.fromkeys(key for card in TABLES.values() for key in card.keys)
    keys = tuple(column for column in columns if column in naming)
    return TableCard(keys or tuple(columns[:1]), "row")


# --- a baseline and an effect in symbols --------------------------------------------------------

_EFFECTS = {
    "relative_risk": "p1 = p0 RR",
    "odds_ratio": "p1 = OR p0 / (1 - p0 + OR p0)",
    "hazard_ratio": "p1 = 1 - (1 - p0)^HR",
    "risk_difference": "p1 = p0 + RD",
    "added_rate": "p1 = 1 - (1 - p0) exp(-rate time)",
    "own_risk": "p1 = the option's own risk",
    "mean_difference": "m1 = m0 + MD",
}
_WANING = {
    "held": "H1(late) = H1 (1 + g)",
    "waning": "H1(late) = H1 + H0 g mean(HR^(2^(-t / half-life)))",
    "lost": "H1(late) = H1 + H0 g",
    "caught_up": "H1(late) = H0 (1 + g)",
}


def baseline_formula(baseline: Baseline) -> str:
    """Return how the risk, or mean, under the comparator follows from its priors."""
    if baseline.not_estimable:
        return "p0 is not known"
    if baseline.fixed_mean is not None:
        return f"m0 = {baseline.fixed_mean:g}, as declared"
    if baseline.fixed_risk is not None:
        return f"p0 = {baseline.fixed_risk:g}, as declared"
    if baseline.line:
        formula = "p0(x) = expit(a + b (g(x) - g(centre)))"
    elif baseline.terms:
        formula = "p0(x) = expit(logit(risk) + sum of terms)"
    else:
        formula = "p0 = the stated risk"
    spread = baseline.between_patient_spread
    if spread:
        formula += (
            f", the mean over patients alike but for a spread s = {spread.log_odds_sd:g} of "
            "their log odds"
        )
    return formula


def effect_formula(effect: Effect) -> str:
    """Return how the risk, or mean, under an option follows from the comparator's."""
    if effect.not_estimable:
        return "p1 is not known"
    if effect.no_effect or effect.scale is None:
        return "p1 = p0"
    formula = _EFFECTS[effect.scale]
    if effect.exposure:
        formula += f", time = {effect.exposure}"
    if effect.reference_risk is not None:
        formula += f", converted from the printed measure at p0 = {effect.reference_risk:g}"
    if effect.relative_to:
        formula += f", with p0 the risk under {effect.relative_to}"
    return formula


def later_formula(scenario: str) -> str:
    """Return how a treated risk goes on after the problem's own horizon."""
    return f"{_WANING[scenario]}, with H = -log(1 - p)"
