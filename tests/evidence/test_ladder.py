"""Each rung of the ladder, with numbers worked by hand and what it refuses."""

import math

import numpy as np
import pytest
from scipy import stats

from riskmodel.errors import ParameterError
from riskmodel.evidence.ladder import as_prior, expected_maximum, rounding_interval
from riskmodel.parameters.schema import Estimate, TimeRange

NNT = "number_needed_to_treat"
NNH = "number_needed_to_harm"


def record(**words):
    return Estimate.model_validate(
        {
            "id": "one",
            "outcome": "example",
            "population": "example",
            "horizon": {"value": 12, "unit": "month"},
            "source": {"key": "diary", "locator": "page 1"},
            "printed": "as here",
            "status": "seen_primary",
            **words,
        }
    )


def time_range(**words):
    return TimeRange.model_validate(
        {
            "id": "months",
            "population": "example",
            "quantity": "recovery",
            "endpoint": "example",
            "source": {"key": "diary", "locator": "page 1"},
            "printed": "as here",
            "status": "seen_primary",
            **words,
        }
    )


def error_of(found, summary):
    table = found.reconstruction_error.set_index("summary")
    return table.loc[summary]


# --- intervals and counts -------------------------------------------------------------------------


def test_a_ratio_with_its_interval():
    interval = {"lower": 0.39, "upper": 0.98, "level": 0.95, "kind": "confidence"}
    found = as_prior(record(measure="relative_risk", value=0.62, interval=interval))
    assert (found.distribution.family, found.badge) == ("lognormal", "data")
    assert found.distribution.second == pytest.approx(0.2351, abs=5e-5)
    # exp(log 0.62 - 1.96 * 0.2351) = 0.3911: the printed 0.39 is a rounded limit.
    row = error_of(found, "lower limit")
    assert (row["printed"], row["distribution"]) == pytest.approx((0.39, 0.3911), abs=5e-5)
    assert row["difference"] == pytest.approx(row["distribution"] - 0.39)
    assert found.worst_reconstruction == pytest.approx(0.00287, abs=1e-4)


def test_the_stated_level_is_used_and_none_is_taken():
    found = as_prior(measure="hazard_ratio", value=1.0, interval=(0.5, 2.0), level=0.9)
    assert found.distribution.second == pytest.approx(math.log(2) / stats.norm.ppf(0.95))
    with pytest.raises(ParameterError, match="level") as caught:
        as_prior(measure="hazard_ratio", value=1.0, interval=(0.5, 2.0))
    assert caught.value.problems[0].severity == "Q"


def test_a_lopsided_interval_shows_in_the_reconstruction():
    found = as_prior(measure="odds_ratio", value=2.0, interval=(1.0, 8.0), level=0.95)
    # Location log 2, half width log 8 / 2: limits 2 / sqrt(8) and 2 sqrt(8).
    assert error_of(found, "lower limit")["distribution"] == pytest.approx(2 / math.sqrt(8))
    assert error_of(found, "upper limit")["relative_difference"] == pytest.approx(
        2 * math.sqrt(8) / 8 - 1
    )


def test_differences_are_normal_and_risks_logit_normal_or_beta():
    assert as_prior(
        measure="mean_difference", value=-4.88, interval=(-8.0, -1.76), level=0.95
    ).distribution.std() == pytest.approx(6.24 / (2 * stats.norm.ppf(0.975)))
    risk = {"measure": "risk", "value": 0.2, "interval": (0.1, 0.35), "level": 0.95}
    assert as_prior(**risk).distribution.family == "logit_normal"
    beta = as_prior(**risk, family="beta")
    assert beta.distribution.interval(0.95) == pytest.approx((0.1, 0.35), abs=1e-7)


def test_a_limit_printed_as_zero_needs_a_beta_and_the_point():
    risk = {"measure": "risk", "value": 0.02, "interval": (0.0, 0.1), "level": 0.95}
    with pytest.raises(ParameterError, match="family='beta'"):
        as_prior(**risk)
    found = as_prior(**risk, family="beta").distribution
    assert (found.median(), found.ppf(0.975)) == pytest.approx((0.02, 0.1), abs=1e-6)


def test_counts_take_the_jeffreys_prior_and_show_a_printed_interval():
    found = as_prior(record(measure="risk", counts={"events": 4, "n": 5}))
    assert (found.distribution.first, found.distribution.second) == (4.5, 1.5)
    assert [round(x, 2) for x in found.distribution.interval(0.95)] == [0.37, 0.98]
    none = as_prior(measure="risk", events=0, n=5)
    assert none.distribution.ppf(0.95) == pytest.approx(0.306, abs=5e-4)
    assert none.notes
    interval = {"lower": 0.28, "upper": 0.99, "level": 0.95, "kind": "confidence"}
    both = as_prior(record(measure="risk", counts={"events": 4, "n": 5}, interval=interval))
    assert error_of(both, "lower limit")["distribution"] == pytest.approx(0.371, abs=1e-3)


@pytest.mark.parametrize(
    ("value", "n", "events"), [(0.115, 52, 6), (0.12, 52, 6), (0.8, 5, 4), (0.071, 42, 3)]
)
def test_a_percentage_of_n_finds_its_count_back(value, n, events):
    found = as_prior(measure="risk", value=value, n=n)
    assert found.distribution.first == events + 0.5
    assert f"{events} of {n}" in found.rule


def test_a_percentage_of_n_needs_no_p_value():
    tested = record(measure="risk", value=11.5, unit="percent", p_value="0.011")
    assert as_prior(tested, n=52).distribution.first == 6.5
    with pytest.raises(ParameterError, match="ratio or difference"):
        as_prior(tested)


def test_a_percentage_that_no_count_gives_is_refused():
    with pytest.raises(ParameterError, match="13.80 people"):
        as_prior(measure="risk", value=0.69, n=20)
    assert as_prior(measure="risk", value=0.69, n=20, estimated=True).badge == "assumed"
    # 69% of 900 may be 617 to 625; the printed share itself is kept.
    assert "617 to 625" in as_prior(measure="risk", value=0.69, n=900).rule


# --- numbers needed -------------------------------------------------------------------------------


def test_the_rounding_of_a_number_needed():
    nearest, up = rounding_interval(14), rounding_interval(14, "up")
    assert [round(100 * x, 2) for x in nearest] == [6.90, 7.41]
    assert [round(100 * x, 2) for x in up] == [7.14, 7.69]
    assert rounding_interval(6.25) == pytest.approx((1 / 6.255, 1 / 6.245))
    assert rounding_interval(1)[1] == 1.0


@pytest.mark.parametrize(
    ("rounded", "words"), [("nearest", "6.90 to 7.41"), ("up", "7.14 to 7.69")]
)
def test_a_bare_number_needed_is_refused_with_what_it_may_stand_for(rounded, words):
    with pytest.raises(ParameterError, match=words) as caught:
        as_prior(record(measure=NNT, value=14), rounded=rounded)
    (problem,) = caught.value.problems
    assert problem.severity == "Q" and "effective_sample_size" in problem.remedy


def test_a_number_needed_with_an_effective_sample_size_is_assumed():
    found = as_prior(record(measure=NNT, value=14), effective_sample_size=500, comparator_risk=0.2)
    centre = np.mean(rounding_interval(14))
    treated = 0.2 - centre
    error = math.sqrt((0.2 * 0.8 + treated * (1 - treated)) / 250)
    width = np.ptp(rounding_interval(14))
    assert (found.measure, found.badge) == ("risk_difference", "assumed")
    assert found.distribution.mean() == pytest.approx(-centre)
    # Sampling error and the uniform of rounding, independent.
    assert found.distribution.std() == pytest.approx(math.sqrt(error**2 + width**2 / 12), rel=1e-4)
    assert abs(1 / found.distribution.median()) == pytest.approx(14, abs=0.03)


def test_without_a_baseline_the_variance_is_the_greatest_possible():
    worst = as_prior(measure=NNT, value=14, effective_sample_size=500).distribution.std()
    for risk in np.linspace(0.08, 0.95, 30):
        known = as_prior(
            measure=NNT, value=14, effective_sample_size=500, comparator_risk=float(risk)
        )
        assert known.distribution.std() <= worst + 1e-12


def test_a_number_needed_with_its_arms():
    found = as_prior(measure=NNT, value=14, n=(100, 300))
    assert found.badge == "data" and "100 against 300" in found.rule
    assert as_prior(measure=NNT, value=14, n=400).badge == "assumed"


@pytest.mark.parametrize(
    ("measure", "wanted", "sign"),
    [(NNT, False, -1), (NNT, True, 1), (NNH, False, 1), (NNH, True, -1)],
)
def test_the_direction_of_a_number_needed(measure, wanted, sign):
    found = as_prior(measure=measure, value=14, wanted=wanted, sd=0.02)
    assert np.sign(found.distribution.mean()) == sign


def test_a_spread_that_nobody_printed_is_never_data():
    with pytest.raises(ParameterError, match="assumed, elicited or transported"):
        as_prior(measure=NNT, value=14, sd=0.02, badge="data")
    assert as_prior(measure=NNT, value=14, sd=0.02, badge="elicited").badge == "elicited"


def test_a_number_needed_with_an_interval_through_infinity():
    found = as_prior(measure=NNT, value=39, interval=(-23.9, 10.8), level=0.95)
    low, high = -1 / 10.8, 1 / 23.9
    assert found.distribution.mean() == pytest.approx(-1 / 39)
    assert found.distribution.std() == pytest.approx((high - low) / (2 * stats.norm.ppf(0.975)))
    assert "through infinity" in found.notes[0]
    plain = as_prior(measure=NNH, value=14, interval=(8, 40), level=0.95)
    assert plain.distribution.mean() == pytest.approx(1 / 14)


# --- ranges, quantiles, moments -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("meaning", "sigma", "above"),
    [("plausible_limits", 0.457, 0.025), ("q05_q95", 0.545, 0.05), ("iqr", 1.328, 0.25)],
)
def test_a_range_by_its_meaning(meaning, sigma, above):
    span = {"lower": 6, "upper": 36, "unit": "month"}
    found = as_prior(time_range(span=span, meaning=meaning))
    assert found.distribution.median() == pytest.approx(14.7, abs=0.005)
    assert found.distribution.second == pytest.approx(sigma, abs=5e-4)
    assert 1 - found.distribution.cdf(36) == pytest.approx(above)
    assert (found.unit, found.describes) == ("month", "patients")
    assert found.worst_reconstruction < 1e-12


def test_a_range_without_a_meaning_shows_what_each_would_make_of_it():
    span = {"lower": 6, "upper": 36, "unit": "month"}
    with pytest.raises(ParameterError) as caught:
        as_prior(time_range(span=span, meaning="not_stated"))
    (problem,) = caught.value.problems
    assert problem.severity == "Q"
    assert "2.5%, 5% or 25%" in problem.remedy and "0.457, 0.545 or 1.328" in problem.remedy
    declared = as_prior(time_range(span=span, meaning="not_stated"), meaning="iqr")
    assert declared.badge == "assumed"


@pytest.mark.parametrize(
    ("n", "expected"), [(2, 1 / math.sqrt(math.pi)), (3, 1.5 / math.sqrt(math.pi))]
)
def test_the_expected_largest_of_few(n, expected):
    assert expected_maximum(n) == pytest.approx(expected, abs=1e-9)


def test_smallest_and_largest_of_n():
    found = as_prior(interval=(6, 36), meaning="min_max", n=42)
    assert found.distribution.second == pytest.approx(math.log(6) / (2 * expected_maximum(42)))
    rng = np.random.default_rng(4)
    draws = np.log(found.distribution.rvs((4000, 42), random_state=rng))
    # Extremes of 4000 simulated series of 42; five standard errors of their mean.
    largest = draws.max(axis=1)
    assert largest.mean() == pytest.approx(math.log(36), abs=5 * largest.std() / math.sqrt(4000))
    with pytest.raises(ParameterError, match="how many were observed"):
        as_prior(interval=(6, 36), meaning="min_max")


def test_median_and_quartiles_keep_the_median():
    found = as_prior(measure="time", median=10, quartiles=(6, 20))
    assert found.distribution.median() == pytest.approx(10)
    spread = math.log(20 / 6) / (2 * stats.norm.ppf(0.75))
    assert found.distribution.second == pytest.approx(spread)
    assert error_of(found, "quantile 0.25")["distribution"] == pytest.approx(
        10 * math.sqrt(6 / 20), rel=1e-9
    )


@pytest.mark.parametrize("family", ["normal", "lognormal", "gamma"])
def test_mean_and_standard_deviation_are_kept(family):
    found = as_prior(measure="time", mean=10, standard_deviation=8, family=family)
    assert (found.distribution.mean(), found.distribution.std()) == pytest.approx((10, 8))
    assert found.describes == "patients"
    risk = as_prior(measure="risk", mean=0.2, standard_deviation=0.1).distribution
    assert (risk.family, risk.mean(), risk.std()) == ("beta", *map(pytest.approx, (0.2, 0.1)))


def test_the_mean_itself_is_surer_than_the_patients():
    found = as_prior(measure="mean", mean=10, standard_deviation=8, n=16, of="mean")
    assert (found.distribution.std(), found.describes) == (2, "the quantity")


def test_eighty_percent_by_week_six_needs_one_number_more():
    with pytest.raises(ParameterError, match="one more is needed"):
        as_prior(quantiles={0.8: 6}, unit="week")
    two = as_prior(quantiles={0.8: 6}, median=3).distribution
    assert (two.cdf(6), two.cdf(3)) == pytest.approx((0.8, 0.5))
    spread = as_prior(quantiles={0.8: 6}, log_sd=0.6)
    assert spread.distribution.cdf(6) == pytest.approx(0.8) and spread.badge == "assumed"


# --- p-values -------------------------------------------------------------------------------------


def test_a_p_value_gives_the_standard_error_back():
    found = as_prior(measure="relative_risk", value=0.8, p_value="0.27")
    # z = 1.1031, |log 0.8| / z = 0.2023
    assert found.distribution.second == pytest.approx(0.2023, abs=5e-5)
    assert error_of(found, "p-value")["difference"] == pytest.approx(0, abs=1e-12)


def test_a_bound_on_p_is_a_bound_on_the_standard_error():
    found = as_prior(measure="mean_difference", value=-4.88, p_value="p < 0.001")
    assert found.distribution.std() == pytest.approx(4.88 / stats.norm.isf(0.0005))
    assert "at most" in found.rule


def test_an_interval_and_its_p_value_agree():
    # The same log standard error from both, to the rounding of p.
    error = 0.2
    p = 2 * stats.norm.sf(abs(math.log(0.6)) / error)
    found = as_prior(measure="odds_ratio", value=0.6, p_value=p)
    assert found.distribution.second == pytest.approx(error)


@pytest.mark.parametrize("p", ["> 0.05", "NS", "0", "1", -0.1, 1.5])
def test_a_p_value_that_says_nothing_is_refused(p):
    with pytest.raises(ParameterError) as caught:
        as_prior(measure="relative_risk", value=0.8, p_value=p)
    assert caught.value.problems[0].field == "p_value"
    with pytest.raises(ParameterError, match="at the null"):
        as_prior(measure="relative_risk", value=1.0, p_value=0.4)


# --- declared spreads and refusals ----------------------------------------------------------------


def test_declared_spreads_fit_their_measures():
    risk = as_prior(measure="risk", value=0.275, effective_sample_size=60).distribution
    assert (risk.first, risk.second) == pytest.approx((16.5, 43.5))
    assert as_prior(measure="rate", value=2.0, log_sd=0.4).distribution.median() == pytest.approx(2)
    mean = as_prior(measure="time", mean=10, log_sd=0.5).distribution
    assert mean.mean() == pytest.approx(10)
    with pytest.raises(ParameterError, match="fits a relative_risk"):
        as_prior(measure="relative_risk", value=0.8, sd=0.1)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"measure": "risk", "value": 0.3}, "value"),
        ({"measure": "risk", "value": 12}, "value"),
        ({"measure": "relative_risk", "value": 0.8}, "value"),
        ({"measure": "relative_risk", "value": -0.48, "log_sd": 0.1}, "value"),
        ({"measure": "relative_ris", "value": 0.8}, "measure"),
        ({"measure": NNT, "value": 0}, "value"),
        ({"measure": NNT, "value": 0.5, "sd": 0.1}, "value"),
        ({"measure": NNT, "value": -8, "sd": 0.1}, "value"),
        ({"measure": "risk", "events": 6, "n": 5}, "events"),
        ({"measure": "risk", "events": 2.5, "n": 5}, "events"),
        ({"measure": "odds_ratio", "events": 2, "n": 5}, "measure"),
        ({"measure": "odds_ratio", "value": 3, "interval": (1, 2), "level": 0.95}, "value"),
        ({"measure": "odds_ratio", "interval": (2, 1), "level": 0.95}, "interval"),
        ({"measure": "odds_ratio", "interval": (1, 2), "level": 95}, "level"),
        ({"measure": "odds_ratio", "interval": (0, 2), "level": 0.95}, "interval"),
        ({"interval": (0.1, 0.4), "meaning": "iqr"}, "measure"),
        ({"interval": (6, 36), "meaning": "range"}, "meaning"),
        ({"measure": "time", "quartiles": (20, 6), "median": 10}, "quantiles"),
        ({"measure": "time", "mean": 5, "standard_deviation": 0}, "standard_deviation"),
        ({"measure": "risk", "value": 0.3, "effective_sample_size": 9, "sd": 0.1}, "sd"),
        (
            {"measure": "risk", "events": 2, "n": 5, "effective_sample_size": 9},
            "effective_sample_size",
        ),
        (
            {"measure": NNT, "value": 4, "effective_sample_size": 50, "comparator_risk": 0.1},
            "comparator_risk",
        ),
        ({"measure": "risk", "value": 0.3, "badge": "sure"}, "badge"),
        ({"measure": "risk", "value": 0.2, "events": 4, "n": 5}, "value"),
        (
            {"measure": NNT, "value": 14, "n": 400, "effective_sample_size": 50},
            "effective_sample_size",
        ),
        ({"measure": NNT, "value": 1, "sd": 0.1}, "value"),
        ({"measure": NNT, "interval": (1, 1.02), "value": 1.01, "level": 0.95}, "value"),
        ({}, "measure"),
    ],
)
def test_what_allows_no_distribution_is_refused_by_name(given, field):
    with pytest.raises(ParameterError) as caught:
        as_prior(**given)
    assert caught.value.problems[0].field == field


def test_a_keyword_never_overrules_a_record():
    with pytest.raises(ParameterError, match="one says 0.62"):
        as_prior(record(measure="relative_risk", value=0.62), value=0.7, log_sd=0.2)


def test_a_judgement_is_assumed_and_a_percentage_is_read_as_printed():
    judged = record(
        measure="risk",
        counts={"events": 4, "n": 5},
        status="judgement",
        source={"judgement": {"whose": "a reader", "why": "example"}},
    )
    assert as_prior(judged).badge == "assumed"
    percent = record(measure="risk", value=11.5, unit="percent")
    assert as_prior(percent, n=52).distribution.first == 6.5


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"stated": "weeks"}, "span"),
        ({"span": {"lower": 6, "unit": "month"}, "meaning": "minimum"}, "span"),
        ({"span": {"value": 6, "unit": "month"}, "meaning": "minimum"}, "meaning"),
        ({"span": {"value": 6, "unit": "month"}, "meaning": "median"}, "value"),
    ],
)
def test_times_without_a_spread_are_refused(words, field):
    with pytest.raises(ParameterError) as caught:
        as_prior(time_range(**words))
    assert caught.value.problems[0].field == field


def test_every_shipped_estimate_gives_a_distribution_or_a_reason():
    from riskmodel.parameters.library import load_library

    made = refused = 0
    library = load_library()
    for one in [*library.records("estimate").values(), *library.records("time_range").values()]:
        try:
            found = as_prior(one)
        except ParameterError as error:
            assert error.problems[0].remedy
            refused += 1
        else:
            assert np.isfinite(found.distribution.median())
            made += 1
    assert made and refused


# --- printed figures that the rung did not use ----------------------------------------------------


def test_a_median_beside_a_range_is_held_against_it():
    found = as_prior(measure="time", median=10, interval=(6, 36), meaning="min_max", n=42)
    row = error_of(found, "quantile 0.5")
    assert (row["printed"], row["distribution"]) == pytest.approx((10, math.sqrt(6 * 36)))
    assert found.worst_reconstruction == pytest.approx(math.sqrt(6 * 36) / 10 - 1)


def test_a_mean_beside_quartiles_is_held_against_them():
    found = as_prior(measure="time", mean=20, median=10, quartiles=(6, 20))
    sigma = math.log(20 / 6) / (2 * stats.norm.ppf(0.75))
    row = error_of(found, "mean")
    assert (row["printed"], row["distribution"]) == pytest.approx((20, 10 * math.exp(sigma**2 / 2)))


def test_a_mean_and_standard_deviation_beside_a_range_are_held_against_it():
    given = {"mean": 17, "standard_deviation": 12, "interval": (6, 36), "meaning": "q05_q95"}
    found = as_prior(measure="time", **given)
    for summary, printed, own in (
        ("mean", 17, found.distribution.mean()),
        ("standard deviation", 12, found.distribution.std()),
    ):
        row = error_of(found, summary)
        assert (row["printed"], row["distribution"]) == pytest.approx((printed, own))


def test_a_standard_deviation_of_patients_is_no_spread_of_their_mean():
    given = {"measure": "mean", "mean": 10, "interval": (8, 12), "level": 0.95, "n": 16}
    row = error_of(as_prior(**given, standard_deviation=4), "standard deviation")
    assert row["printed"] == 4 and np.isnan(row["distribution"])
    row = error_of(as_prior(**given, standard_deviation=4, of="mean"), "standard error")
    assert (row["printed"], row["distribution"]) == pytest.approx((1, 4 / (2 * 1.96)), abs=1e-4)


def test_a_p_value_beside_an_interval_is_held_against_it():
    ratio = {"measure": "odds_ratio", "value": 0.6, "interval": (0.4, 0.9), "level": 0.95}
    own = 2 * stats.norm.sf(-math.log(0.6) / (math.log(0.9 / 0.4) / (2 * stats.norm.ppf(0.975))))
    row = error_of(as_prior(**ratio, p_value="0.3"), "p-value")
    assert (row["printed"], row["distribution"]) == pytest.approx((0.3, own))
    # A bound is given back by anything below it, and 'not significant' is said to be passed over.
    assert error_of(as_prior(**ratio, p_value="< 0.05"), "p-value, at most")["difference"] == 0
    above = error_of(as_prior(**ratio, p_value="< 0.001"), "p-value, at most")
    assert above["distribution"] == pytest.approx(own)
    assert "NS" in as_prior(**ratio, p_value="NS").notes[-1]
    through = as_prior(measure=NNT, value=14, interval=(8, 40), level=0.95, p_value=0.5)
    assert error_of(through, "p-value")["distribution"] < 0.01


def test_a_proportion_beside_its_counts_is_compared_as_printed():
    row = error_of(as_prior(measure="risk", value=0.12, events=6, n=52), "point (mean)")
    assert (row["printed"], row["distribution"]) == pytest.approx((0.12, 6.5 / 53))
    with pytest.raises(ParameterError, match="4 of 5, as rounded"):
        as_prior(measure="risk", value=0.2, events=4, n=5)
    adjusted = as_prior(measure="risk", value=0.2, events=4, n=5, estimated=True)
    assert error_of(adjusted, "point (mean)")["printed"] == 0.2
    percent = record(measure="risk", value=12, unit="percent", counts={"events": 6, "n": 52})
    assert error_of(as_prior(percent), "point (mean)")["printed"] == pytest.approx(0.12)


def test_ends_without_a_level_are_said_to_be_passed_over():
    found = as_prior(measure="odds_ratio", value=0.6, interval=(0.4, 0.9), p_value=0.01)
    assert "no level or meaning" in found.notes[-1]


def test_people_beside_a_declared_spread_are_said_to_be_passed_over():
    found = as_prior(measure="risk", value=0.3, n=50, effective_sample_size=20)
    assert "n = 50 is not used" in found.notes[-1]


def test_what_was_used_is_not_said_twice():
    for given in (
        {"measure": "odds_ratio", "value": 0.6, "interval": (0.4, 0.9), "level": 0.95},
        {"measure": "time", "median": 10, "quartiles": (6, 20)},
        {"measure": "mean", "mean": 10, "standard_deviation": 8},
        {"measure": "relative_risk", "value": 0.8, "p_value": "0.27"},
        {"measure": "risk", "value": 0.12, "n": 52},
        {"measure": "time", "mean": 10, "log_sd": 0.5},
        {"measure": "time", "median": 10, "log_sd": 0.5},
        {"measure": NNT, "value": 14, "sd": 0.02},
    ):
        assert as_prior(**given).reconstruction_error["summary"].is_unique
        assert len(as_prior(**given).reconstruction_error) <= 3


def test_a_number_needed_of_one_is_refused_where_its_prior_leaves_the_possible():
    with pytest.raises(ParameterError, match="beyond a risk difference of 1"):
        as_prior(measure=NNT, value=1, sd=0.1)
    assert as_prior(measure=NNT, value=2, sd=0.1).measure == "risk_difference"


# --- numbers needed by their reciprocals ----------------------------------------------------------


def test_quantiles_of_a_number_needed_are_those_of_the_difference_turned_round():
    """N(0.1, 0.02): a tenth lies below 0.1 - 1.2816 * 0.02, where the number needed is at its 90%."""
    ends = {0.1: 1 / (0.1 + 1.2815516 * 0.02), 0.5: 10.0, 0.9: 1 / (0.1 - 1.2815516 * 0.02)}
    found = as_prior(measure="number_needed_to_treat", quantiles=ends, wanted=True)
    assert found.measure == "risk_difference"
    assert found.distribution.mean() == pytest.approx(0.1, rel=1e-6)
    assert found.distribution.std() == pytest.approx(0.02, rel=1e-6)
    assert found.worst_reconstruction < 1e-6
    # A wanted event less often: the same with the sign turned, and quantiles not turned round.
    harm = as_prior(measure="number_needed_to_harm", quantiles=ends, wanted=True)
    assert harm.distribution.mean() == pytest.approx(-0.1, rel=1e-6)
    assert harm.distribution.std() == pytest.approx(0.02, rel=1e-6)
    quartiles = as_prior(
        measure="number_needed_to_treat", median=10.0, quartiles=(9.0, 11.5), wanted=False
    )
    assert quartiles.distribution.mean() == pytest.approx(-0.1, rel=0.03)


@pytest.mark.parametrize("meaning, z", [("plausible_limits", 1.96), ("q05_q95", 1.645)])
def test_a_range_of_a_number_needed_is_one_of_reciprocals(meaning, z):
    found = as_prior(
        measure="number_needed_to_treat", interval=(5, 20), meaning=meaning, wanted=True
    )
    assert found.measure == "risk_difference"
    assert found.distribution.mean() == pytest.approx(0.125)
    assert found.distribution.std() == pytest.approx(0.075 / z, rel=1e-3)
    assert found.worst_reconstruction < 1e-9
    assert (found.badge == "assumed") == (meaning == "plausible_limits")


@pytest.mark.parametrize(
    "figures, field, words",
    [
        ({"mean": 12, "standard_deviation": 3}, "standard_deviation", "no mean and no standard"),
        ({"interval": (5, 20), "meaning": "min_max", "n": 6}, "meaning", "plausible_limits"),
        ({"quantiles": {0.1: -9, 0.9: 12}}, "quantiles", "through infinity"),
        ({"quantiles": {0.9: 12}, "sd": 0.02}, "quantiles", "give value"),
        ({"interval": (5, 20), "level": 0.95, "family": "lognormal"}, "family", "either sign"),
    ],
)
def test_what_has_no_reciprocal_is_refused_with_the_reason(figures, field, words):
    with pytest.raises(ParameterError) as caught:
        as_prior(measure="number_needed_to_treat", **figures)
    (problem,) = caught.value.problems
    assert problem.field == field
    assert words in str(problem)
