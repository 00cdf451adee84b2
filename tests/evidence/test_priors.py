"""Each rule of the table in priors.py, against numbers worked by hand."""

import math

import numpy as np
import pytest

from riskmodel.errors import ParameterError
from riskmodel.evidence.loading import load_problem
from riskmodel.evidence.priors import (
    active_priors,
    build_prior,
    build_priors,
    default_scenarios,
    draw_prior,
    rests_on_unverified,
    transformed,
    used_priors,
)
from riskmodel.parameters.schema import Estimate, PriorSpecification


@pytest.fixture(scope="module")
def loaded():
    return load_problem("plex_aav")


def made_from(loaded, estimate, **specification):
    """Return the prior of one estimate, put in the place of a shipped one."""
    whole = {
        "id": "one",
        "outcome": "example",
        "population": "example",
        "horizon": {"value": 12, "unit": "month"},
        "source": {"key": "diary", "locator": "page 1"},
        "printed": "as here",
        "status": "seen_primary",
        **estimate,
    }
    declared = PriorSpecification.model_validate({"from": ["one"], **specification})
    problem = loaded.problem.model_copy(update={"priors": {"one": declared}, "scenarios": {}})
    estimates = {"one": Estimate.model_validate(whole)}
    return build_prior(type(loaded)(problem, estimates, {}, {}), "one")


# --- the rules ----------------------------------------------------------------------------------


def test_a_ratio_with_its_interval_is_log_normal(loaded):
    prior = build_prior(loaded, "eskd_relative_risk")
    # log 0.62 = -0.4780; (log 0.98 - log 0.39) / (2 * 1.959964) = 0.92141 / 3.91993 = 0.2351
    assert (prior.family, prior.measure, prior.badge) == ("lognormal", "relative_risk", "data")
    assert prior.first == pytest.approx(-0.4780, abs=5e-5)
    assert prior.second == pytest.approx(0.2351, abs=5e-5)
    assert prior.estimates == ("rr_eskd_12m",)
    assert "95% interval" in prior.rule


def test_the_stated_level_of_an_interval_is_used(loaded):
    interval = {"lower": 0.5, "upper": 2.0, "level": 0.9, "kind": "confidence"}
    prior = made_from(loaded, {"measure": "hazard_ratio", "value": 1.0, "interval": interval})
    assert prior.second == pytest.approx(2 * math.log(2) / (2 * 1.644854), rel=1e-6)


def test_counts_take_the_jeffreys_prior(loaded):
    prior = build_prior(loaded, "death_risk_lung_haemorrhage")
    assert (prior.family, prior.first, prior.second) == ("beta", 15.5, 81.5)
    assert prior.mean() == pytest.approx(15.5 / 97)


def test_counts_of_nobody_are_never_zero_for_certain(loaded):
    prior = made_from(loaded, {"measure": "risk", "counts": {"events": 0, "n": 5}})
    assert (prior.first, prior.second) == (0.5, 5.5)
    assert prior.quantile(0.975) > 0.3


def test_a_risk_with_an_effective_sample_size_keeps_its_mean(loaded):
    prior = build_prior(loaded, "serious_infection_risk")
    assert (prior.first, prior.second) == pytest.approx((16.5, 43.5))  # 60 * 0.275, 60 * 0.725
    assert prior.mean() == pytest.approx(0.275)
    assert prior.badge == "assumed"
    low, high = prior.quantile([0.025, 0.975])  # "60 patients gives 17 to 39%"
    assert (round(low, 2), round(high, 2)) == (0.17, 0.39)


def test_the_complement_turns_survival_into_death(loaded):
    prior = build_prior(loaded, "death_risk_mepex")
    assert (prior.first, prior.second) == pytest.approx((67 * 0.24, 67 * 0.76))
    counted = made_from(
        loaded, {"measure": "risk", "counts": {"events": 60, "n": 80}}, complement=True
    )
    assert (counted.first, counted.second) == (20.5, 60.5)


def test_a_rate_is_carried_per_day(loaded):
    prior = build_prior(loaded, "thrombosis_rate_central_line")
    assert prior.first == pytest.approx(math.log(0.0013))
    assert prior.second == 0.4
    risk = -math.expm1(-14 * math.exp(prior.first))
    assert round(risk, 3) == 0.018  # 14 days of 1.3 per 1000: 1.8%


def test_a_rate_per_other_units_of_time_is_the_same_rate(loaded):
    estimate = {"measure": "rate", "value": 5.2}
    per = {"value": 100, "unit": "year", "of": "person-years"}
    prior = made_from(loaded, {**estimate, "per": per}, log_sd=0.3, badge="assumed")
    assert math.exp(prior.first) == pytest.approx(5.2 / 36525)


def test_percent_is_a_risk_per_hundred(loaded):
    estimate = {"measure": "risk", "value": 25, "unit": "percent"}
    prior = made_from(loaded, estimate, effective_sample_size=40, badge="elicited")
    assert (prior.first, prior.second) == (10, 30)


def test_a_line_stands_at_transformed_covariate_values(loaded):
    prior = build_prior(loaded, "eskd_line")
    expected = [math.log(200 / 300), 0.0, math.log(500 / 300)]
    assert prior.positions == pytest.approx(expected)
    assert prior.risks == pytest.approx((0.025, 0.075, 0.25))
    assert (prior.intercept, prior.slope) == ((-2, 1.5), (0, 5))
    assert (prior.effective_sample_size, prior.badge) == (60, "elicited")


def test_transforms_are_steps_from_the_centre():
    assert transformed([55, 75], "linear", 65, per=10).tolist() == [-1, 1]
    assert transformed([150, 600], "log", 300, per=math.log(2)) == pytest.approx([-1, 1])


def test_a_mean_difference_with_its_interval_is_normal(loaded):
    interval = {"lower": -3.43, "upper": 0.43, "level": 0.95, "kind": "confidence"}
    estimate = {"measure": "mean_difference", "value": -1.5, "unit": "points", "interval": interval}
    prior = made_from(loaded, estimate)
    # (0.43 + 3.43) / (2 * 1.959964) = 0.9847
    assert (prior.family, prior.measure) == ("normal", "mean_difference")
    assert (prior.first, prior.second) == pytest.approx((-1.5, 0.9847), abs=5e-5)
    assert prior.quantile([0.025, 0.975]) == pytest.approx((-3.43, 0.43), abs=1e-6)
    assert prior.mean() == -1.5
    reverse = made_from(loaded, estimate, reverse=True)
    assert (reverse.first, reverse.second) == pytest.approx((1.5, 0.9847), abs=5e-5)


def test_a_ratio_the_other_way_round_is_its_reciprocal(loaded):
    estimate = {**RATIO, "interval": WIDE}
    there, back = made_from(loaded, estimate), made_from(loaded, estimate, reverse=True)
    assert back.first == pytest.approx(-there.first)
    assert back.second == there.second
    assert back.quantile(0.975) == pytest.approx(1 / there.quantile(0.025))


@pytest.mark.parametrize(
    "measure, wanted, sign",
    [
        ("number_needed_to_treat", True, 1),  # one more of what is wanted
        ("number_needed_to_treat", False, -1),  # one fewer of what is not
        ("number_needed_to_harm", False, 1),
        ("number_needed_to_harm", True, -1),
    ],
)
def test_a_number_needed_with_its_interval_is_a_normal_risk_difference(
    loaded, measure, wanted, sign
):
    interval = {"lower": 3.5, "upper": 14, "level": 0.95, "kind": "confidence"}
    prior = made_from(
        loaded, {"measure": measure, "wanted": wanted, "value": 5.6, "interval": interval}
    )
    # 1 / 5.6 = 0.1786; (1 / 3.5 - 1 / 14) / (2 * 1.959964) = 0.05466
    assert (prior.family, prior.measure) == ("normal", "risk_difference")
    assert (prior.first, prior.second) == pytest.approx((sign * 0.17857, 0.05466), abs=5e-5)


def test_a_bare_number_needed_takes_a_declared_spread_and_a_badge(loaded):
    bare = {"measure": "number_needed_to_harm", "value": 14}
    prior = made_from(loaded, bare, sd=0.03, badge="assumed", whose="a test", because="example")
    assert (prior.first, prior.second) == pytest.approx((1 / 14, 0.03))
    with pytest.raises(ParameterError, match="badge: found nothing"):
        made_from(loaded, bare, sd=0.03)


# --- what is refused ----------------------------------------------------------------------------

RATIO = {"measure": "relative_risk", "value": 0.62}
WIDE = {"lower": 0.39, "upper": 0.98, "level": 0.95, "kind": "confidence"}


@pytest.mark.parametrize(
    "estimate, specification, words",
    [
        (RATIO, {}, "a point alone is no distribution"),
        ({"measure": "risk", "value": 0.1}, {}, "declare `effective_sample_size:`"),
        ({"measure": "number_needed_to_treat", "value": 14}, {}, "the ratio or risks"),
        ({**RATIO, "interval": {**WIDE, "kind": "rounding"}}, {}, "a point alone"),
        ({"measure": "risk", "value": 0.1}, {"effective_sample_size": 50}, "badge: found nothing"),
        (RATIO, {"log_sd": 0.2}, "its spread is declared, not printed"),
        (
            {**RATIO, "interval": WIDE, "status": "judgement"},
            {},
            "one is a judgement",
        ),
        (
            {"measure": "risk", "value": 0},
            {"effective_sample_size": 50, "badge": "assumed"},
            "a risk above 0 and below 1",
        ),
        ({**RATIO, "interval": WIDE}, {"complement": True}, "no meaning here"),
        ({**RATIO, "interval": WIDE}, {"effective_sample_size": 9}, "no meaning here"),
        ({"measure": "risk", "counts": {"events": 1, "n": 9}}, {"log_sd": 1}, "no meaning here"),
        ({"measure": "risk", "counts": {"events": 1, "n": 9}}, {"sd": 1}, "no meaning here"),
        ({"measure": "risk", "counts": {"events": 1, "n": 9}}, {"reverse": True}, "no meaning"),
        (
            {
                "measure": "risk",
                "interval": {"lower": 0.1, "upper": 0.2, "kind": "range"},
            },
            {"effective_sample_size": 9, "badge": "assumed"},
            "a range without a point",
        ),
    ],
)
def test_what_no_rule_covers_is_refused(loaded, estimate, specification, words):
    with pytest.raises(ParameterError, match=words):
        made_from(loaded, estimate, **specification)


def test_two_estimates_are_not_pooled_in_silence(loaded):
    priors = {"two": PriorSpecification.model_validate({"from": ["rr_eskd_12m", "slr_death_12m"]})}
    changed = loaded.problem.model_copy(update={"priors": priors})
    both = type(loaded)(changed, loaded.estimates, {}, {})
    with pytest.raises(ParameterError, match="name the estimate to use"):
        build_prior(both, "two")


def test_every_prior_that_cannot_be_made_is_reported(loaded):
    bare = {
        name: estimate.model_copy(update={"interval": None})
        for name, estimate in loaded.estimates.items()
    }
    with pytest.raises(ParameterError) as caught:
        build_priors(type(loaded)(loaded.problem, bare, {}, {}))
    assert len(caught.value.problems) == 9  # three ratios, six hazards at other horizons


# --- quantiles, means, draws --------------------------------------------------------------------


def test_quantiles_give_back_the_printed_interval(loaded):
    for name, printed in (
        ("eskd_relative_risk", (0.39, 0.62, 0.98)),
        ("serious_infection_relative_risk", (1.03, 1.26, 1.54)),
        ("death_relative_risk", (0.64, 0.90, 1.27)),
    ):
        quantiles = build_prior(loaded, name).quantile([0.025, 0.5, 0.975])
        assert quantiles == pytest.approx(printed, abs=0.006)  # printed to two decimals


def test_draws_have_the_quantiles_and_mean_of_the_prior(loaded):
    rng = np.random.default_rng(5)
    for name in ("eskd_relative_risk", "serious_infection_risk"):
        prior = build_prior(loaded, name)
        draws = draw_prior(prior, 100_000, rng)
        # 100 000 draws: the error of a mean is about sd / 300
        assert draws.mean() == pytest.approx(prior.mean(), abs=4 * draws.std() / 316)
        assert np.mean(draws < prior.quantile(0.1)) == pytest.approx(0.1, abs=0.005)


def test_draws_of_a_line_are_intercept_and_slope(loaded):
    draws = draw_prior(build_prior(loaded, "eskd_line"), 100_000, np.random.default_rng(5))
    assert draws.shape == (100_000, 2)
    assert draws.mean(axis=0) == pytest.approx((-2, 0), abs=0.07)
    assert draws.std(axis=0) == pytest.approx((1.5, 5), rel=0.02)


# --- which are in use ---------------------------------------------------------------------------


def test_the_shipped_problem_uses_and_samples_what_its_runs_may_show(loaded):
    assert set(used_priors(loaded.problem)) == {
        "eskd_line",
        "eskd_relative_risk",
        "eskd_later_hazard",
        "eskd_second_half_hazard",
        "serious_infection_risk",
        "serious_infection_relative_risk",
        "serious_infection_later_hazard",
        "serious_infection_second_half_hazard",
        "thrombosis_rate_central_line",
        "death_risk_lung_haemorrhage",
        "death_relative_risk",
        "death_later_hazard",
        "death_second_half_hazard",
    }
    others = set(active_priors(loaded)) - set(used_priors(loaded.problem))
    assert others == {"thrombosis_rate_haemodialysis_catheter", "death_risk_mepex"}


def test_what_is_only_remembered_enters_by_name_alone(loaded):
    recalled = "serious_infection_line_recalled"
    assert rests_on_unverified(loaded, recalled)
    assert "recalled_infection_strata" in loaded.problem.scenarios
    assert "recalled_infection_strata" not in default_scenarios(loaded)
    assert recalled not in active_priors(loaded)
    assert recalled not in build_priors(loaded)
    switched = loaded.with_scenarios(["recalled_infection_strata"])
    assert recalled in active_priors(switched)


def test_every_other_scenario_may_be_shown_by_every_run(loaded):
    shown = set(default_scenarios(loaded))
    assert shown == set(loaded.problem.scenarios) - {"recalled_infection_strata"}
