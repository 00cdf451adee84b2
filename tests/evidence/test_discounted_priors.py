"""Discounts and pools of a problem file, against closed forms and what stands alone."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

import riskmodel as rm
from riskmodel.errors import ParameterError, RiskModelWarning
from riskmodel.evidence.discounted_priors import at_strength, chosen_strength, discounted
from riskmodel.evidence.discounting import discount
from riskmodel.evidence.pooling import pool_effects
from riskmodel.evidence.pooling_counts import pool_counts
from riskmodel.evidence.pooling_single_arm import pool_proportions, pool_rates
from riskmodel.evidence.priors import JEFFREYS, Prior, build_prior, undiscounted_prior
from riskmodel.evidence.trust_levels import DEFAULT_LEVELS
from riskmodel.parameters.schema import Discount

TEXT = (Path(__file__).parent / "discounted.yaml").read_text(encoding="utf-8")
PROBS = np.array([0.025, 0.2, 0.5, 0.8, 0.975])
RATIO = Prior("x", "odds_ratio", "lognormal", -0.5, 0.2, "assumed", (), "as printed")
COUNTS = Prior("x", "risk", "beta", 4.5, 1.5, "assumed", (), f"4 of 5 with {JEFFREYS}")
STATED = Prior("x", "risk", "beta", 4.0, 1.0, "assumed", (), "the weight of 5 patients")


def way(**words):
    return Discount(because="example", whose="a test", **words)


@pytest.fixture
def load(tmp_path):
    def read(*changes):
        text = TEXT
        for there, instead in changes:
            assert there in text, there
            text = text.replace(there, instead)
        path = tmp_path / "trail.yaml"
        path.write_text(text, encoding="utf-8")
        return rm.load_problem(path)

    return read


@pytest.fixture(scope="module")
def trail():
    return rm.load_problem(Path(__file__).parent / "discounted.yaml")


# --- one source -----------------------------------------------------------------------------------


def test_discounts_of_a_normal_are_those_that_stand_alone():
    figures = {"estimate": -0.5, "standard_error": 0.2}
    for words, alone in (
        ({"power": 0.25}, {"a0": 0.25}),
        ({"bias": {"mean": -0.1, "sd": 0.3}}, {"bias_mean": -0.1, "bias_sd": 0.3}),
        (
            {"robust": {"weight": 0.8, "mean": 0.1, "sd": 1.0}},
            {"weight": 0.8, "vague": (0.1, 1.0)},
        ),
        ({"level": "serious", "system": "robins_i"}, {"level": "serious"}),
        ({"level": "very_low", "system": "grade"}, {"level": "very low", "system": "GRADE"}),
    ):
        exact = discount(**figures, **alone)
        found = discounted(RATIO, way(**words))
        assert exact.distribution.cdf(np.log(found.quantile(PROBS))) == pytest.approx(
            PROBS, abs=1e-4
        )
        assert chosen_strength(RATIO, way(**words)) == pytest.approx(exact.strength, rel=1e-6)
        for a0 in (0.1, 0.6, 1.0):
            other = at_strength(RATIO, way(**words), a0)
            assert exact.at(a0).cdf(np.log(other.quantile(PROBS))) == pytest.approx(PROBS, abs=1e-4)


def test_the_chosen_a0_is_the_discount_itself():
    for prior in (RATIO, COUNTS, STATED):
        for words in (
            {"power": 0.3},
            {"bias": {"mean": 0.4, "sd": 0.5}},
            {"robust": {"weight": 0.3, "sd": 2.0}},
        ):
            declared = way(**words)
            found = at_strength(prior, declared, chosen_strength(prior, declared))
            expected = discounted(prior, declared)
            np.testing.assert_allclose(found.quantile(PROBS), expected.quantile(PROBS), rtol=1e-6)


def test_counts_keep_their_form_under_a_power_and_what_they_were_added_to():
    half = way(power=0.5)
    found = discounted(COUNTS, half)
    assert (found.family, found.first, found.second) == ("beta", 2.5, 1.0)
    assert at_strength(COUNTS, half, 0.0).first == 0.5  # the Jeffreys prior is left
    assert at_strength(STATED, half, 0.0) is None
    assert at_strength(RATIO, half, 0.0) is None
    assert at_strength(COUNTS, way(bias={"mean": 0, "sd": 1}), 0.0) is None
    vague = at_strength(COUNTS, way(robust={"weight": 0.5, "mean": -1, "sd": 2.0}), 0.0)
    log_odds = np.log(vague.quantile(PROBS)) - np.log1p(-vague.quantile(PROBS))
    np.testing.assert_allclose(log_odds, -1 + 2 * norm.ppf(PROBS), atol=1e-6)


def test_a_bias_and_a_mixture_of_a_risk_are_those_of_draws():
    rng = np.random.default_rng(8)
    size = 400_000
    risk = rng.beta(4.5, 1.5, size)
    log_odds = np.log(risk) - np.log1p(-risk)
    moved = log_odds - rng.normal(0.4, 0.7, size)
    mixture = np.where(rng.random(size) < 0.6, log_odds, rng.normal(0, 3, size))
    for words, draws in (
        ({"bias": {"mean": 0.4, "sd": 0.7}}, moved),
        ({"robust": {"weight": 0.6, "sd": 3.0}}, mixture),
    ):
        found = discounted(COUNTS, way(**words))
        assert (found.family, found.measure) == ("quantiles", "risk")
        quantiles = found.quantile(PROBS)
        below = [(draws < np.log(q / (1 - q))).mean() for q in quantiles]
        # Five Monte Carlo errors of a share: 5 sqrt(0.25 / 400,000).
        assert below == pytest.approx(PROBS, abs=0.004)


def test_moments_that_do_not_exist_stay_so_after_a_discount():
    flat = pool_effects([-0.5, -0.2, -0.4], [0.1, 0.2, 0.1], tau_prior="flat").effect
    assert flat.std() == np.inf
    knots = tuple(flat.ppf(norm.cdf(np.linspace(-6, 6, 601))))
    prior = Prior("x", "odds_ratio", "quantiles", flat.mean(), np.inf, "assumed", (), "", knots)
    for words in (
        {"power": 0.5},
        {"bias": {"mean": 0, "sd": 1}},
        {"robust": {"weight": 0.5, "sd": 1}},
    ):
        after = discounted(prior, way(**words))
        assert after.second == np.inf, words
        assert np.isfinite(after.quantile([0.025, 0.975])).all()


# --- pooled counts in a file ----------------------------------------------------------------------


def test_pooled_counts_of_two_groups_are_pool_counts(trail):
    exact = pool_counts([5, 0, 20], [50, 20, 90], [14, 3, 30], [52, 21, 89]).effect
    prior = build_prior(trail, "fall_ratio")
    assert (prior.measure, prior.badge) == ("odds_ratio", "data")
    found = np.log(prior.quantile(PROBS))
    np.testing.assert_allclose(found, exact.ppf(PROBS), atol=2e-4 * exact.std())
    assert "binomial likelihood on the odds ratio scale" in prior.rule


def test_pooled_proportions_are_a_baseline_and_take_a_robust_weight(trail):
    exact = pool_proportions([12, 9, 20], [40, 50, 60]).prediction
    plain = undiscounted_prior(trail, "fall_risk").quantile(PROBS)
    log_odds = np.log(plain) - np.log1p(-plain)
    np.testing.assert_allclose(log_odds, exact.ppf(PROBS), atol=2e-4 * exact.std())
    robust = build_prior(trail, "fall_risk").quantile(PROBS)
    at = np.log(robust) - np.log1p(-robust)
    mixture = 0.8 * exact.cdf(at) + 0.2 * norm.cdf(at, -1, 1.5)
    np.testing.assert_allclose(mixture, PROBS, atol=1e-4)


def test_pooled_rates_are_pool_rates_a_day(trail):
    exact = pool_rates([3, 2], [900, 500]).effect
    prior = build_prior(trail, "cramp_rate")
    np.testing.assert_allclose(
        np.log(prior.quantile(PROBS)), exact.ppf(PROBS), atol=2e-4 * exact.std()
    )


def test_a_risk_difference_names_its_own_prior_of_tau(load):
    there = "pool: {take: mean, measure: odds_ratio, because: example}"
    scale = (
        "{scale: odds_ratio, prior: fall_ratio}",
        "{scale: risk_difference, prior: fall_ratio}",
    )
    change = (there, there.replace("odds_ratio", "risk_difference"))
    with pytest.raises(ParameterError, match="half_normal:0.05") as caught:
        load(change, scale)
    assert caught.value.problems[0].field == "priors.fall_ratio.pool.tau_prior"
    tau = there.replace("odds_ratio", "risk_difference, tau_prior: half_normal:0.05")
    prior = build_prior(load((there, tau), scale), "fall_ratio")
    exact = pool_counts(
        [5, 0, 20],
        [50, 20, 90],
        [14, 3, 30],
        [52, 21, 89],
        measure="risk_difference",
        tau_prior="half_normal:0.05",
    ).effect
    np.testing.assert_allclose(prior.quantile(PROBS), exact.ppf(PROBS), atol=2e-4 * exact.std())


def test_pooled_counts_can_be_widened_and_turned_round(load):
    plain = build_prior(load(), "fall_ratio")
    more = "because: example}\n    reverse: true\n    badge: assumed\n    whose: a test\n"
    more += "    because: example\n    discount: {power: 0.25, because: example, whose: a test}\n"
    there = "measure: odds_ratio, because: example}\n"
    found = build_prior(load((there, f"measure: odds_ratio, {more}")), "fall_ratio")
    median = np.log(plain.quantile(0.5))
    expected = -(median + 2 * (np.log(plain.quantile(PROBS)) - median))[::-1]
    np.testing.assert_allclose(np.log(found.quantile(PROBS)), expected, atol=1e-9)


# --- what a file may not say ----------------------------------------------------------------------

LEVEL = "discount: {level: serious, system: robins_i,"


@pytest.mark.parametrize(
    ("there", "instead", "field", "words"),
    [
        (LEVEL, "discount: {level: serios, system: robins_i,", "discount.level", "mean 'serious'"),
        (LEVEL, "discount: {level: critical, system: robins_i,", "discount.level", "set aside"),
        (LEVEL, "discount: {level: very_low, system: robins_i,", "discount.level", "moderate"),
        (LEVEL, "discount: {level: serious,", "discount.system", "together"),
        (LEVEL, "discount: {system: robins_i,", "discount", "exactly one of"),
        (LEVEL, "discount: {power: 0.5, system: grade,", "discount.level", "together"),
        (LEVEL, f"{LEVEL} power: 0.5,", "discount", "exactly one of"),
        (
            "whose: a test}\n    badge: assumed\n    whose: a test\n    because: example\n"
            "  cramp_risk",
            "whose: a test}\n    badge: transported\n    whose: a test\n    because: example\n"
            "  cramp_risk",
            "badge",
            "nobody's data",
        ),
        ("fall_trial_c]\n    pool", "cramp_watch_a]\n    pool", "pool.measure", "both groups"),
        ("[fall_series_a, fall_series_b, fall_series_c]", "[fall_series_a]", "from", "two or more"),
        (
            "    pool: {take: new_study, because: example}\n",
            "    pool: {take: new_study, because: example}\n    effective_sample_size: 30\n",
            "effective_sample_size",
            "no meaning here",
        ),
        (
            "    pool: {take: new_study, because: example}\n",
            "    pool: {take: new_study, tau_prior: half_norml:1, because: example}\n",
            "pool.tau_prior",
            "half_normal",
        ),
    ],
)
def test_what_cannot_be_discounted_or_pooled_is_refused_at_its_place(
    load, there, instead, field, words
):
    with pytest.raises(ParameterError, match=words) as caught:
        load((there, instead))
    (problem,) = caught.value.problems
    assert problem.field.split(".", 2)[2] == field
    assert problem.line and problem.remedy


@pytest.mark.parametrize(
    ("there", "instead", "words"),
    [
        ("comparator_counts: {events: 3, n: 21}", "comparator_counts: {events: 22, n: 21}", "0 to"),
        ("     comparator_counts: {events: 3, n: 21}, ", "     ", "add `comparator_counts:`"),
        ("value: 0.66,", "value: 1.66,", "are the groups exchanged"),
        ("events_over: {events: 2, time: 500", "events_over: {events: 2, time: 900", "time's unit"),
    ],
)
def test_counts_of_two_groups_and_over_time_are_checked(load, there, instead, words):
    with pytest.raises(ParameterError, match=words):
        load((there, instead))


def test_measures_are_pooled_together_only_where_counts_and_a_scale_say_how(load):
    effect = "{scale: odds_ratio, prior: fall_ratio"
    with pytest.raises(ParameterError, match="one measure for all") as caught:
        load(
            ("measure: odds_ratio, because", "because"),
            (effect, f"{effect}, reference_risk: 0.3, because: example"),
        )
    assert caught.value.problems[0].field == "priors.fall_ratio.from"


def test_counts_of_both_groups_stand_in_the_printed_figure(load):
    with pytest.warns(RiskModelWarning, match="with 3 in it"):
        load(('3 of 21"', '2 of 21"'))


def test_a_pool_of_experts_enters_as_a_judgement_with_an_interval(load):
    asked = {"ann": {0.05: 0.5, 0.5: 0.8, 0.95: 1.2}, "bob": {0.05: 0.6, 0.5: 0.9, 0.95: 1.5}}
    lower, median, upper = rm.elicit(asked, pool="log", family="lognormal").distribution.ppf(
        [0.025, 0.5, 0.975]
    )
    found = TEXT.index("value: 1.2,"), TEXT.index("  - {id: cramp_series")
    loaded = load(
        (
            TEXT[found[0] : found[1]],
            f"value: {median:.4g}, interval: {{lower: {lower:.4g}, upper: {upper:.4g}, level: 0.95,"
            " kind: credible},\n     population: runners, horizon: {value: 6, unit: month},"
            " status: judgement,\n     source: {judgement: {whose: coaches, why: example}}}\n",
        ),
        ("    discount: {level: serious, system: robins_i, because: example, whose: a test}\n", ""),
        (
            "badge: assumed\n    whose: a test\n    because: example\n  cramp_risk",
            "badge: elicited\n    whose: coaches\n    because: example\n  cramp_risk",
        ),
    )
    prior = build_prior(loaded, "blister_ratio")
    assert prior.badge == "elicited"
    # The log pool of two log-normals is one: its three quantiles are printed to 4 digits.
    assert prior.quantile([0.025, 0.5, 0.975]) == pytest.approx([lower, median, upper], rel=1e-3)


def test_what_a_level_stands_for_is_printed_as_assumed(trail):
    prior = build_prior(trail, "blister_ratio")
    strength = DEFAULT_LEVELS["ROBINS-I"]["serious"]
    plain = undiscounted_prior(trail, "blister_ratio")
    assert prior.second == pytest.approx(plain.second / np.sqrt(strength))
    assert prior.badge == "assumed"
    assert "assumed for ROBINS-I 'serious': a default of this package" in prior.rule
