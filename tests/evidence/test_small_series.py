"""A few treated patients: their limits, and the contrast that needs more than them."""

import numpy as np
import pytest
from scipy import integrate, stats

from riskmodel.errors import ParameterError
from riskmodel.evidence.families import Family
from riskmodel.evidence.small_series import biased_series, clopper_pearson, small_series


def limit(series, method, sides, end):
    table = series.limits
    return table.query("method == @method and sides == @sides")[end].item()


def test_four_of_five_is_37_to_98_percent():
    series = small_series(4, 5)
    lower, upper = series.proportion.interval(0.95)
    assert (round(lower, 2), round(upper, 2)) == (0.37, 0.98)
    assert series.proportion.median() == pytest.approx(0.78, abs=0.005)


def test_nobody_of_five_has_one_sided_limits():
    series = small_series(0, 5)
    assert limit(series, "Clopper-Pearson", "one-sided", "upper") == pytest.approx(1 - 0.05**0.2)
    assert round(limit(series, "Clopper-Pearson", "one-sided", "upper"), 2) == 0.45
    assert round(limit(series, "Jeffreys", "one-sided", "upper"), 2) == 0.31
    assert "never 0%" in str(series)


@pytest.mark.parametrize("n", [1, 5, 11])
def test_all_of_n_is_never_everybody(n):
    series = small_series(n, n)
    assert "at least" in str(series) and "never 100%" in str(series)
    assert series.proportion.median() < 1
    assert limit(series, "Clopper-Pearson", "one-sided", "lower") == pytest.approx(0.05 ** (1 / n))


def test_three_of_42():
    lower, upper = small_series(3, 42).proportion.interval(0.95)
    assert (100 * lower, 100 * upper) == pytest.approx((2.1, 17.9), abs=0.05)


@pytest.mark.parametrize(("events", "n"), [(4, 5), (3, 42), (1, 10)])
def test_exact_limits_agree_with_scipy(events, n):
    theirs = stats.binomtest(events, n).proportion_ci(0.95, method="exact")
    assert clopper_pearson(events, n) == pytest.approx((theirs.low, theirs.high), rel=1e-9)


# --- contrasts ------------------------------------------------------------------------------------


def test_a_contrast_without_a_comparator_is_refused():
    with pytest.raises(ParameterError) as caught:
        small_series(4, 5).contrast  # noqa: B018
    (problem,) = caught.value.problems
    assert (problem.field, problem.severity) == ("comparator", "Q")


def test_a_discount_without_a_comparator_is_refused():
    with pytest.raises(ParameterError, match="comparator"):
        small_series(4, 5, a0=0.2)


def test_a_comparator_without_a_discount_is_refused():
    with pytest.raises(ParameterError, match="a0: found nothing"):
        small_series(4, 5, comparator=(6, 20))


def test_a_contrast_is_discounted_and_says_how_much_is_prior():
    found = small_series(4, 5, comparator=(6, 20), a0=0.2, wanted=True).contrast
    # E[p1] - E[p0] = 1.8/3 - 6.5/21
    assert found.risk_difference.mean() == pytest.approx(1.8 / 3 - 6.5 / 21, abs=1e-9)
    exact = integrate.quad(
        lambda p: stats.beta(6.5, 14.5).pdf(p) * stats.beta(1.8, 1.2).sf(p), 0, 1
    )[0]
    assert found.absolute.prob_benefit() == pytest.approx(exact, abs=1e-7)
    assert found.prior_share == pytest.approx(2 / 3)
    assert "prior share of posterior precision 67%" in found.statement
    assert "no bias term" in found.statement and found.badge == "assumed"
    assert list(found.table["a0"]) == [0.0, 0.2, 1.0]


def test_a_level_of_trust_stands_for_its_default():
    one = small_series(4, 5, comparator=(6, 20), trust="serious").contrast
    two = small_series(4, 5, comparator=Family("beta", 6.5, 14.5), a0=0.2).contrast
    assert one.risk_difference.median() == pytest.approx(two.risk_difference.median(), abs=1e-12)
    assert "'serious'" in one.statement


def test_a_bias_is_integrated_out_of_the_series_and_not_of_the_prior():
    found = biased_series(4, 5, a0=0.5, prior=(2.0, 3.0), bias_mean=0.7, bias_sd=0.3)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    bias = 0.7 + 0.3 * nodes

    def density(p):
        counted = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + bias)))
        series = weights @ (counted**4 * (1 - counted)) / weights.sum()
        return stats.beta(2, 3).pdf(p) * series**0.5

    total = integrate.quad(density, 0, 1)[0]
    mean = integrate.quad(lambda p: p * density(p), 0, 1)[0] / total
    assert found.mean() == pytest.approx(mean, abs=1e-7)
    unbiased = biased_series(4, 5, a0=0.2, prior=(1.0, 1.0), bias_mean=0.0, bias_sd=0.0)
    assert unbiased.interval(0.95) == pytest.approx(Family("beta", 1.8, 1.2).interval(0.95), 1e-6)


def test_a_series_that_looks_better_than_it_is_loses_benefit():
    plain = small_series(4, 5, comparator=(6, 20), a0=0.5, wanted=True).contrast
    biased = small_series(
        4, 5, comparator=(6, 20), a0=0.5, wanted=True, bias_mean=1, bias_sd=0.5
    ).contrast
    assert biased.risk_difference.mean() < plain.risk_difference.mean()
    assert biased.table["mean"][0] == pytest.approx(plain.table["mean"][0], abs=1e-6)
    assert "bias of the log odds N(1, sd 0.5)" in biased.statement


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"events": 6, "n": 5}, "events"),
        ({"events": 2.5, "n": 5}, "events"),
        ({"events": 0, "n": 0}, "n"),
        ({"events": 4, "n": 5, "comparator": (6, 5), "a0": 0.2}, "comparator events"),
        ({"events": 4, "n": 5, "comparator": 0.3, "a0": 0.2}, "comparator"),
        ({"events": 4, "n": 5, "comparator": (6, 20), "a0": 1.2}, "a0"),
        ({"events": 4, "n": 5, "bias_sd": -1}, "bias_sd"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(given, field):
    with pytest.raises(ParameterError) as caught:
        small_series(**given)
    assert caught.value.problems[0].field == field
