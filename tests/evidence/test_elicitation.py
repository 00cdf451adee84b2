"""Experts' answers, fitted and pooled."""

import warnings

import numpy as np
import pytest

from riskmodel.errors import ParameterError, RiskModelWarning
from riskmodel.evidence.elicitation import elicit, fit_quantiles, pool_densities
from riskmodel.evidence.families import Family

RANGE = {"lower": 6, "upper": 36}


@pytest.mark.parametrize(
    ("meaning", "sigma", "above"),
    [("plausible_limits", 0.457, 0.025), ("q05_q95", 0.545, 0.05), ("iqr", 1.328, 0.25)],
)
def test_a_range_is_fitted_by_its_meaning(meaning, sigma, above):
    found = elicit({"one": RANGE | {"meaning": meaning}}, family="lognormal", thresholds=[36])
    assert found.distribution.median() == pytest.approx(14.7, abs=0.005)  # sqrt(6 * 36) = 14.697
    assert found.distribution.second == pytest.approx(sigma, abs=5e-4)
    tail = found.tails.query("threshold == 36 and expert == 'one'")
    assert tail["probability_above"].item() == pytest.approx(above, abs=1e-9)


@pytest.mark.parametrize(
    "truth",
    [
        Family("normal", -2.0, 3.0),
        Family("lognormal", 2.0, 0.5),
        Family("gamma", 1.7, 4.0),
        Family("beta", 1.5, 9.0),
    ],
    ids=lambda f: f.family,
)
def test_a_known_distribution_is_recovered_and_chosen(truth):
    p = [0.05, 0.25, 0.5, 0.75, 0.95]
    fit = fit_quantiles(truth.family, p, truth.ppf(p))
    assert (fit.first, fit.second) == pytest.approx((truth.first, truth.second), rel=1e-6)
    support = (0, 1) if truth.family == "beta" else None
    answers = dict(zip(p, map(float, truth.ppf(p)), strict=True))
    best = elicit({"one": answers}, support=support).distribution
    assert best.family == truth.family


def test_the_linear_pool_averages_what_is_believed():
    one, two = Family("lognormal", 1.0, 0.3), Family("gamma", 4.0, 2.0)
    pooled = pool_densities([one, two], [0.3, 0.7], "linear")
    x = np.array([1.0, 4.0, 9.0])
    np.testing.assert_allclose(pooled.pdf(x), 0.3 * one.pdf(x) + 0.7 * two.pdf(x))
    assert pooled.mean() == pytest.approx(0.3 * one.mean() + 0.7 * two.mean())


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (Family("normal", 0, 1), Family("normal", 3, 2)),
        (Family("lognormal", 0, 0.5), Family("lognormal", 1, 0.3)),
        (Family("gamma", 2, 1), Family("gamma", 5, 2)),
        (Family("beta", 2, 8), Family("beta", 4, 4)),
        (Family("gamma", 3, 1), Family("lognormal", 1, 0.5)),
    ],
)
def test_the_log_pool_is_the_normalised_product_of_powers(one, two):
    pooled = pool_densities([one, two], [0.4, 0.6], "log")
    low, high = min(one.ppf(1e-12), two.ppf(1e-12)), max(one.ppf(1 - 1e-12), two.ppf(1 - 1e-12))
    x = np.linspace(low, high, 400_001)
    density = np.exp(0.4 * one.logpdf(x) + 0.6 * two.logpdf(x))
    mean = (density * x).sum() / density.sum()
    assert pooled.mean() == pytest.approx(mean, rel=1e-5)  # the sum's own error


def test_weights_decide_and_one_expert_of_weight_one_is_the_pool():
    experts = {"one": {0.05: 1, 0.95: 5}, "two": {0.05: 10, 0.95: 20}}
    found = elicit(experts, family="normal", weights={"one": 1, "two": 0})
    assert found.distribution.mean() == pytest.approx(3.0)
    assert list(found.summary["expert"]) == ["one", "two", "pooled"]  # everyone is shown
    halves = elicit(experts, family="normal")
    assert halves.distribution.mean() == pytest.approx((3 + 15) / 2)
    assert halves.badge == "elicited"
    assert "weights one 0.5, two 0.5" in halves.rule


def test_feedback_shows_fitted_quantiles_and_densities():
    found = elicit({"one": {0.05: 6, 0.5: 14, 0.95: 36}}, family="lognormal", thresholds=[48])
    table = found.fitted
    assert list(table["stated"]) == [6, 14, 36]
    np.testing.assert_allclose(table["difference"], table["fitted"] - table["stated"])
    assert 48 in set(found.tails["threshold"])
    density = found.densities().query("expert == 'pooled'")
    assert np.trapezoid(density["density"], density["value"]) == pytest.approx(0.996, abs=2e-3)


def test_families_may_differ_between_experts():
    found = elicit(
        {"one": {0.1: 2, 0.9: 8}, "two": {0.1: 2, 0.9: 9}},
        family={"one": "gamma", "two": "lognormal"},
        pool="log",
    )
    assert [f.family for f in found.experts.values()] == ["gamma", "lognormal"]


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("experts", "words"),
    [
        ({"ann": {0.05: 6, 0.5: 5, 0.95: 30}}, "they cross"),
        ({"ann": {0.05: 6, 0.95: 6}}, "they cross"),
        ({"ann": {0.05: 0, 0.95: 30}}, "strictly between 0 and inf"),
        ({"ann": {0.05: -2, 0.95: 30}}, "strictly between 0 and inf"),
        ({"ann": RANGE}, "meaning"),
        ({"ann": {0.5: 6}}, "two quantiles"),
        ({"ann": {5: 6, 95: 30}}, "divide percentages"),
        ({"ann": {0.05: float("nan"), 0.95: 30}}, "finite number"),
        ({"ann": 14}, "quantiles by probability"),
    ],
)
def test_what_an_expert_cannot_have_meant_is_refused_by_name(experts, words):
    with pytest.raises(ParameterError, match=words) as caught:
        elicit(experts, family="lognormal", quantity="months")
    assert caught.value.problems[0].field == "experts.ann.months"


def test_every_fault_is_reported_at_once():
    with pytest.raises(ParameterError) as caught:
        elicit({"ann": {0.05: 6, 0.95: 5}, "bob": {0.5: 3}}, quantity="months")
    assert [p.field for p in caught.value.problems] == ["experts.ann.months", "experts.bob.months"]


def test_one_expert_named_twice_is_refused():
    with pytest.raises(ParameterError, match="twice"):
        elicit([("ann", {0.05: 6, 0.95: 30}), ("Ann ", {0.05: 7, 0.95: 30})])


def test_equal_answers_under_two_names_are_a_warning():
    with pytest.warns(RiskModelWarning, match="same answers as ann"):
        found = elicit({"ann": {0.05: 6, 0.95: 30}, "bob": {0.05: 6, 0.95: 30}})
    assert [concern.severity for concern in found.concerns] == ["W"]


def test_a_bound_of_zero_goes_to_the_gamma_with_a_warning():
    answers = {0.1: 0, 0.5: 5, 0.9: 20}
    with pytest.warns(RiskModelWarning, match="passed over for gamma"):
        found = elicit({"ann": answers}, support=(0, np.inf))
    assert found.distribution.family == "gamma"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert elicit({"ann": answers}, family="gamma").experts["ann"].family == "gamma"


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"one": 60, "two": 40}, "normalise=True"),
        ({"one": -0.2, "two": 1.2}, "0 or more"),
        ({"one": 1.0}, "every expert"),
        ({"one": 0.5, "two": 0.5, "three": 0}, "one, two"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights, words):
    experts = {"one": {0.05: 1, 0.95: 5}, "two": {0.05: 10, 0.95: 20}}
    with pytest.raises(ParameterError, match=words):
        elicit(experts, weights=weights)


def test_weights_are_normalised_only_when_asked():
    experts = {"one": {0.05: 1, 0.95: 5}, "two": {0.05: 10, 0.95: 20}}
    found = elicit(experts, weights={"one": 60, "two": 40}, normalise=True)
    assert found.weights == {"one": 0.6, "two": 0.4}


def test_risks_in_percent_are_refused():
    with pytest.raises(ParameterError, match="divide percentages by 100"):
        elicit({"ann": {0.05: 5, 0.95: 30}}, support=(0, 1))


def test_weights_given_as_text_are_read_as_numbers():
    answers = {"ann": {0.05: 6, 0.95: 36}, "bob": {0.05: 4, 0.95: 20}}
    found = elicit(answers, weights={"bob": "0.25", "ann": "0.75"})
    assert found.weights == {"ann": 0.75, "bob": 0.25}


@pytest.mark.parametrize("normalise", [True, False])
def test_somebody_must_count(normalise):
    answers = {"ann": {0.05: 6, 0.95: 36}, "bob": {0.05: 4, 0.95: 20}}
    with pytest.raises(ParameterError, match="one weight above 0"):
        elicit(answers, weights={"ann": 0, "bob": 0}, normalise=normalise)


@pytest.mark.parametrize("support", [(1, 0), (1, 1), (0, float("nan")), 1, (0, 1, 2), ("low", 1)])
def test_a_support_out_of_order_is_blamed_itself(support):
    with pytest.raises(ParameterError) as caught:
        elicit({"ann": {0.05: 0.1, 0.95: 0.4}}, support=support)
    assert [problem.field for problem in caught.value.problems] == ["support"]
