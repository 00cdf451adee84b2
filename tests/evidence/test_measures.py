"""Formulas between risk, ratios, differences, numbers needed to treat and rates."""

import subprocess
import sys

import numpy as np
import pytest

from riskmodel.evidence.measures import (
    SCALES,
    apply_effect,
    convert_effect,
    effect_between,
    format_nnt,
    log_standard_error,
    number_needed_to_treat,
    odds_to_risk,
    rate_to_risk,
    relative_risk_to_odds_ratio,
    risk_difference_interval,
    risk_to_odds,
    risk_to_rate,
    treated_risk,
    wilson_interval,
)

RATIOS = SCALES[:3]

# A handful of correctly rounded operations: some units in the last place, 2e-16 each.
ROUNDING = 1e-14
# A printed number with `d` decimals is right to half a unit of its last place.
FOUR_DECIMALS = 0.5e-4
ONE_DECIMAL = 0.05


def random_risks(seed, n=500):
    return np.random.default_rng(seed).uniform(0.001, 0.95, n)


def random_effects(scale, baseline_risk, seed):
    """Effects that leave the treated risk well inside (0, 1)."""
    target = np.random.default_rng(seed).uniform(0.001, 0.95, len(baseline_risk))
    return effect_between(baseline_risk, target, scale)


# Worked numbers -----------------------------------------------------------------------------


def test_standard_error_of_a_log_ratio_comes_from_its_printed_limits():
    assert log_standard_error(0.39, 0.98) == pytest.approx(0.2351, abs=FOUR_DECIMALS)


def test_standard_error_uses_the_level_of_the_interval():
    wide, narrow = log_standard_error(0.39, 0.98, level=0.90), log_standard_error(0.39, 0.98)
    # Normal quantiles 1.959964 and 1.644854, given to seven digits.
    assert wide / narrow == pytest.approx(1.959964 / 1.644854, rel=1e-6)


@pytest.mark.parametrize(
    "baseline, reduction, least, most", [(0.121, 46.0, 2, 74), (0.421, 160.0, 8, 257)]
)
def test_one_relative_risk_gives_each_baseline_its_own_reduction(baseline, reduction, least, most):
    relative_risk = [0.62, 0.98, 0.39]
    per_1000 = 1000 * (baseline - treated_risk(baseline, relative_risk, "relative_risk"))
    assert per_1000[0] == pytest.approx(reduction, abs=ONE_DECIMAL)
    # The limits are printed as whole numbers per 1000.
    assert per_1000[1:] == pytest.approx([least, most], abs=0.5)


def test_a_hazard_ratio_acts_on_survival_not_on_risk():
    treated = treated_risk(0.310, 0.86, "hazard_ratio")
    # Printed in per cent with one decimal.
    assert treated == pytest.approx(0.273, abs=0.0005)
    assert 0.310 - treated == pytest.approx(0.037, abs=0.0005)


def test_one_effect_at_a_reference_risk_on_three_scales():
    assert convert_effect(0.62, "relative_risk", "odds_ratio", 0.17) == pytest.approx(
        0.5752, abs=FOUR_DECIMALS
    )
    assert convert_effect(0.62, "relative_risk", "hazard_ratio", 0.17) == pytest.approx(
        0.5978, abs=FOUR_DECIMALS
    )
    assert relative_risk_to_odds_ratio(0.62, 0.17) == convert_effect(
        0.62, "relative_risk", "odds_ratio", 0.17
    )


def test_the_scale_matters_far_above_the_reference_risk_and_hardly_below():
    effects = {scale: convert_effect(0.62, "relative_risk", scale, 0.17) for scale in RATIOS}
    far = [100 * (0.421 - treated_risk(0.421, effects[scale], scale)) for scale in RATIOS]
    near = [100 * (0.021 - treated_risk(0.021, effects[scale], scale)) for scale in RATIOS]
    assert far == pytest.approx([16.0, 12.6, 14.2], abs=ONE_DECIMAL)
    # "All are 0.80-0.88 points", two decimals.
    assert 0.795 <= min(near) <= max(near) < 0.885


def test_interval_of_a_risk_difference_that_straddles_zero():
    lower, upper = risk_difference_interval(100, 352, 109, 352)
    # Printed in points with two decimals.
    assert 100 * (100 / 352 - 109 / 352) == pytest.approx(-2.56, abs=0.005)
    assert (100 * lower, 100 * upper) == pytest.approx((-9.27, 4.18), abs=0.005)


def test_counts_to_the_printed_number_needed_to_treat():
    lower, upper = risk_difference_interval(100, 352, 109, 352)
    assert format_nnt(100 / 352 - 109 / 352, lower, upper) == (
        "NNTB 39 (NNTB 10.8 to ∞ to NNTH 23.9)"
    )


@pytest.mark.parametrize("difference", [-0.0691, -1 / 14, -0.0740])
def test_a_bare_number_needed_hides_a_range_of_differences(difference):
    assert format_nnt(difference, -0.2, -0.01).startswith("NNTB 14 ")


def test_the_difference_a_patient_accepts_is_one_over_the_number_willing_to_treat():
    assert number_needed_to_treat(-0.05) == 20


NEWCOMBE_1998_TABLE_2_METHOD_10 = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0000),
    (10, 10, 0, 10, 0.6075, 1.0000),
]


@pytest.mark.parametrize("a, m, b, n, lower, upper", NEWCOMBE_1998_TABLE_2_METHOD_10)
def test_difference_intervals_are_those_newcombe_printed(a, m, b, n, lower, upper):
    assert risk_difference_interval(a, m, b, n) == pytest.approx((lower, upper), abs=FOUR_DECIMALS)


@pytest.mark.parametrize(
    "events, n, lower, upper",
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_intervals_are_those_newcombe_printed(events, n, lower, upper):
    assert wilson_interval(events, n) == pytest.approx((lower, upper), abs=FOUR_DECIMALS)


# Limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", RATIOS)
@pytest.mark.parametrize("effect", [1e-6, 0.5, 1.0, 3.0, 1e6])
def test_a_baseline_of_zero_stays_zero_under_any_ratio(scale, effect):
    assert treated_risk(0.0, effect, scale) == 0.0


@pytest.mark.parametrize("scale", ["odds_ratio", "hazard_ratio"])
@pytest.mark.parametrize("effect", [1e-6, 0.5, 1.0, 3.0, 1e6])
def test_a_baseline_of_one_stays_one_under_odds_and_hazard_ratios(scale, effect):
    assert treated_risk(1.0, effect, scale) == 1.0


@pytest.mark.parametrize("scale, none", [*((s, 1.0) for s in RATIOS), ("risk_difference", 0.0)])
def test_no_effect_leaves_the_risk_as_it_was(scale, none):
    risks = np.concatenate([[0.0, 1e-12, 1.0], random_risks(1)])
    # log1p and expm1 undo each other to the last place but one, relative to the survival.
    np.testing.assert_allclose(treated_risk(risks, none, scale), risks, rtol=ROUNDING)


def test_hazard_ratio_keeps_its_digits_at_tiny_risks():
    # 1 - (1 - p) ** HR is HR * p to first order; the next term is p / 2 = 5e-16 relative.
    assert treated_risk(1e-15, 0.6, "hazard_ratio") == pytest.approx(0.6e-15, rel=1e-14)


def test_odds_and_rates_reach_their_ends_without_a_warning():
    assert risk_to_odds(1.0) == np.inf
    assert odds_to_risk(np.inf) == 1.0
    assert (
        risk_to_odds(0.0) == odds_to_risk(0.0) == rate_to_risk(0.0, 5) == risk_to_rate(0.0, 5) == 0
    )
    assert rate_to_risk(3.0, 0.0) == 0
    assert rate_to_risk(1e6, 1.0) == 1


def test_a_rate_is_no_risk():
    assert rate_to_risk(0.6, 1.0) == pytest.approx(0.4512, abs=FOUR_DECIMALS)


def test_wilson_limits_are_exact_at_no_and_all_events():
    for n in range(1, 200):
        assert wilson_interval(0, n)[0] == 0
        assert wilson_interval(n, n)[1] == 1


def test_number_needed_is_infinite_for_equal_risks_whichever_way_zero_is_signed():
    np.testing.assert_array_equal(number_needed_to_treat([0.0, -0.0]), [np.inf, np.inf])
    assert number_needed_to_treat(0, wanted=True) == np.inf


def test_number_needed_is_one_at_the_largest_difference():
    np.testing.assert_array_equal(number_needed_to_treat([-1, 1]), [1, -1])


# Properties over random values ---------------------------------------------------------------


@pytest.mark.parametrize("scale", SCALES)
def test_effect_there_and_back(scale):
    baseline = random_risks(2)
    effect = random_effects(scale, baseline, 3)
    back = effect_between(baseline, treated_risk(baseline, effect, scale), scale)
    # A risk up to 0.95 loses a factor 20 in 1 - p, and a difference of two risks as near as
    # 1e-4 a factor 1e4: 1e-11 holds both.
    np.testing.assert_allclose(back, effect, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("from_scale", SCALES)
@pytest.mark.parametrize("to_scale", SCALES)
def test_conversion_there_and_back(from_scale, to_scale):
    reference = random_risks(4)
    effect = random_effects(from_scale, reference, 5)
    there = convert_effect(effect, from_scale, to_scale, reference)
    # As above, twice.
    np.testing.assert_allclose(
        treated_risk(reference, there, to_scale),
        treated_risk(reference, effect, from_scale),
        rtol=1e-11,
    )
    back = convert_effect(there, to_scale, from_scale, reference)
    np.testing.assert_allclose(back, effect, rtol=1e-10, atol=1e-15)


def test_conversion_to_the_same_scale_changes_no_digit():
    ratio = np.random.default_rng(6).uniform(0.1, 1.0, 100)
    for scale in RATIOS:
        np.testing.assert_array_equal(convert_effect(ratio, scale, scale, 0.17), ratio)
    difference = 0.1 * ratio
    np.testing.assert_array_equal(
        convert_effect(difference, SCALES[3], SCALES[3], 0.17), difference
    )


def test_bare_and_checked_formulas_agree_where_both_stand():
    baseline = random_risks(7)
    for scale in SCALES:
        effect = random_effects(scale, baseline, 8)
        np.testing.assert_array_equal(
            apply_effect(baseline, effect, scale), treated_risk(baseline, effect, scale)
        )


def test_ratios_order_themselves_around_the_relative_risk():
    baseline = random_risks(9)
    relative_risk = np.random.default_rng(10).uniform(0.05, 0.98, len(baseline))
    odds_ratio = convert_effect(relative_risk, "relative_risk", "odds_ratio", baseline)
    hazard_ratio = convert_effect(relative_risk, "relative_risk", "hazard_ratio", baseline)
    assert (odds_ratio < hazard_ratio).all()
    assert (hazard_ratio < relative_risk).all()


def test_the_odds_ratio_of_the_event_not_happening_is_the_inverse():
    baseline, odds_ratio = random_risks(11), np.random.default_rng(12).uniform(0.1, 5, 500)
    treated = treated_risk(baseline, odds_ratio, "odds_ratio")
    # Each 1 - p loses at most a factor 100 of the digits here.
    np.testing.assert_allclose(
        treated_risk(1 - baseline, 1 / odds_ratio, "odds_ratio"), 1 - treated, rtol=1e-12
    )


def test_risk_and_odds_there_and_back():
    risk = random_risks(13)
    # 1 - p at 0.95 loses a factor 20.
    np.testing.assert_allclose(odds_to_risk(risk_to_odds(risk)), risk, rtol=ROUNDING)


def test_risk_and_rate_there_and_back():
    risk, time = random_risks(14), np.random.default_rng(15).uniform(0.01, 100, 500)
    np.testing.assert_allclose(rate_to_risk(risk_to_rate(risk, time), time), risk, rtol=ROUNDING)


def test_number_needed_there_and_back():
    difference = np.random.default_rng(16).uniform(-1, 1, 500)
    for wanted in (False, True):
        number = number_needed_to_treat(difference, wanted=wanted)
        assert (np.abs(number) >= 1).all()
        sign = 1 if wanted else -1
        np.testing.assert_allclose(sign / number, difference, rtol=ROUNDING)


def test_wanted_events_turn_the_sign_of_the_number_needed():
    difference = np.random.default_rng(17).uniform(-1, 1, 50)
    np.testing.assert_array_equal(
        number_needed_to_treat(difference, wanted=True), -number_needed_to_treat(difference)
    )


def random_counts(seed, n=500):
    rng = np.random.default_rng(seed)
    people = rng.integers(1, 2000, (2, n))
    return rng.integers(0, people + 1), people


def test_swapping_arms_flips_the_interval_of_the_difference():
    (a, b), (m, n) = random_counts(18)
    lower, upper = risk_difference_interval(a, m, b, n)
    swapped = risk_difference_interval(b, n, a, m)
    # The same operations with the signs turned.
    np.testing.assert_allclose(swapped, (-upper, -lower), rtol=0, atol=1e-15)


def test_counting_the_event_not_happening_flips_the_interval_too():
    (a, b), (m, n) = random_counts(19)
    lower, upper = risk_difference_interval(a, m, b, n)
    complement = risk_difference_interval(m - a, m, n - b, n)
    # 1 - p is rounded to 1e-16 on a scale of 1.
    np.testing.assert_allclose(complement, (-upper, -lower), rtol=0, atol=1e-14)


def test_intervals_hold_their_point_and_stay_in_range():
    (a, b), (m, n) = random_counts(20)
    lower, upper = risk_difference_interval(a, m, b, n)
    assert (
        (lower >= -1) & (lower <= a / m - b / n) & (a / m - b / n <= upper) & (upper <= 1)
    ).all()
    low, high = wilson_interval(a, m)
    assert ((low >= 0) & (low <= a / m) & (a / m <= high) & (high <= 1)).all()


def test_wilson_limits_solve_the_score_equation():
    (events, _), (n, _) = random_counts(21)
    z = 1.959963984540054
    for limit in wilson_interval(events, n):
        left = (events / n - limit) ** 2
        # Both sides lie in [0, 1] and are rounded at 1e-16.
        np.testing.assert_allclose(left, z**2 * limit * (1 - limit) / n, rtol=1e-10, atol=1e-15)


def test_a_higher_coverage_gives_a_wider_interval():
    narrow, wide = (risk_difference_interval(100, 352, 109, 352, prob) for prob in (0.9, 0.99))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


# Shapes -------------------------------------------------------------------------------------


def test_scalars_give_numpy_floats():
    results = [
        *(f(0.2, 0.5, s) for f in (apply_effect, treated_risk, effect_between) for s in SCALES),
        *(convert_effect(0.5, s, t, 0.4) for s in SCALES[:3] for t in SCALES),
        relative_risk_to_odds_ratio(0.5, 0.2),
        risk_to_odds(0.2),
        odds_to_risk(1),
        rate_to_risk(1, 2),
        risk_to_rate(0.1, 2),
        log_standard_error(1, 2),
        *wilson_interval(1, 2),
        *risk_difference_interval(1, 2, 1, 3),
        number_needed_to_treat(-1),
    ]
    assert {type(result) for result in results} == {np.float64}


def test_arguments_broadcast():
    rows, columns = np.full((3, 1), 0.2), np.full(4, 0.5)
    for scale in SCALES:
        for formula in (apply_effect, treated_risk, effect_between):
            assert formula(rows, columns, scale).shape == (3, 4)
        assert convert_effect(columns, scale, "odds_ratio", rows).shape == (3, 4)
        assert convert_effect(columns, scale, scale, rows).shape == (3, 4)
    assert relative_risk_to_odds_ratio(columns, rows).shape == (3, 4)
    assert rate_to_risk(rows, columns).shape == risk_to_rate(rows, columns).shape == (3, 4)
    assert log_standard_error(rows, columns).shape == (3, 4)
    assert wilson_interval([[1], [2]], [4, 5, 6])[0].shape == (2, 3)
    assert risk_difference_interval([[1], [2]], 5, [1, 2, 3], 6)[1].shape == (2, 3)
    assert format_nnt(-0.1, [[-0.2], [-0.3]], [0.1, 0.2, 0.3]).shape == (2, 3)


def test_arguments_are_left_as_they_were():
    baseline, effect = np.array([0.2, 0.3]), np.array([0.5, 0.6])
    for scale in SCALES:
        treated_risk(baseline, effect, scale)
        convert_effect(effect, scale, scale, baseline)[...] = 0
    np.testing.assert_array_equal((baseline, effect), ([0.2, 0.3], [0.5, 0.6]))


# Printing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "difference, lower, upper, text",
    [
        (-0.0256, -0.0927, 0.0418, "NNTB 39 (NNTB 10.8 to ∞ to NNTH 23.9)"),
        (0.0256, -0.0418, 0.0927, "NNTH 39 (NNTB 23.9 to ∞ to NNTH 10.8)"),
        (-0.04598, -0.07381, -0.00242, "NNTB 22 (NNTB 13.5 to NNTB 413.2)"),
        (0.04598, 0.00242, 0.07381, "NNTH 22 (NNTH 413.2 to NNTH 13.5)"),
        (-0.05, -0.10, 0.0, "NNTB 20 (NNTB 10.0 to ∞)"),
        (0.05, 0.0, 0.10, "NNTH 20 (∞ to NNTH 10.0)"),
        (0.05, -0.0, 0.10, "NNTH 20 (∞ to NNTH 10.0)"),
        (0.0, -0.10, 0.05, "NNT ∞ (NNTB 10.0 to ∞ to NNTH 20.0)"),
        (0.0, 0.0, 0.05, "NNT ∞ (∞ to NNTH 20.0)"),
        (0.0, 0.0, 0.0, "NNT ∞ (∞ to ∞)"),
        (-1.0, -1.0, 1.0, "NNTB 1 (NNTB 1.0 to ∞ to NNTH 1.0)"),
        (-0.08, -0.16, -0.08, "NNTB 13 (NNTB 6.3 to NNTB 12.5)"),
    ],
)
def test_numbers_needed_are_printed_altmans_way(difference, lower, upper, text):
    printed = format_nnt(difference, lower, upper)
    assert printed == text
    assert type(printed) is str
    # The same benefit told of a wanted event: signs turn, limits change places.
    assert format_nnt(-difference, -upper, -lower, wanted=True) == text


def test_arrays_print_to_an_array_of_text():
    printed = format_nnt([-0.05, 0.05], [-0.1, 0.0], [0.0, 0.1])
    assert printed.dtype == object
    assert printed.tolist() == ["NNTB 20 (NNTB 10.0 to ∞)", "NNTH 20 (∞ to NNTH 10.0)"]


@pytest.mark.parametrize(
    "values, name",
    [
        ((-0.05, 0.1, -0.1), "lower"),
        ((-0.2, -0.1, 0.1), "risk_difference"),
        ((0.2, -0.1, 0.1), "risk_difference"),
        ((np.nan, -0.1, 0.1), "risk_difference"),
        ((0.0, np.nan, 0.1), "lower"),
        ((0.0, -0.1, np.nan), "upper"),
        ((0.0, -1.1, 0.1), "lower"),
        ((0.0, -0.1, 39.0), "upper"),
    ],
)
@pytest.mark.parametrize("wanted", [False, True])
def test_intervals_that_cannot_be_are_refused(values, name, wanted):
    with pytest.raises(ValueError, match=f"^{name}: found .*; allowed: .*; "):
        format_nnt(*values, wanted=wanted)


def test_a_refused_interval_shows_what_was_given_whichever_event_is_meant():
    for wanted in (False, True):
        with pytest.raises(ValueError, match=r"^lower: found 0\.1 against -0\.1; allowed: at most"):
            format_nnt(0.0, 0.1, -0.1, wanted=wanted)
        with pytest.raises(ValueError, match=r"^risk_difference: found 0\.2; allowed"):
            format_nnt(0.2, -0.1, 0.1, wanted=wanted)


# Refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: apply_effect(0.1, 0.5, "risk_ratio"), "scale"),
        (lambda: effect_between(0.1, 0.5, "risk_ratio"), "scale"),
        (lambda: treated_risk(0.1, 0.5, "risk_ratio"), "scale"),
        (lambda: convert_effect(0.5, "risk_ratio", "odds_ratio", 0.1), "from_scale"),
        (lambda: convert_effect(0.5, "odds_ratio", "risk_ratio", 0.1), "to_scale"),
    ],
)
def test_an_unknown_scale_is_answered_with_the_known_ones(call, name):
    allowed = "relative_risk, odds_ratio, hazard_ratio, risk_difference"
    with pytest.raises(ValueError, match=f"^{name}: found 'risk_ratio'; allowed: {allowed}; "):
        call()


@pytest.mark.parametrize(
    "baseline, effect, scale, name",
    [
        (-0.1, 0.5, "relative_risk", "baseline_risk"),
        (12.1, 0.5, "relative_risk", "baseline_risk"),
        (np.nan, 0.5, "relative_risk", "baseline_risk"),
        (None, 0.5, "relative_risk", "baseline_risk"),
        ("high", 0.5, "relative_risk", "baseline_risk"),
        (0.1, 0.0, "relative_risk", "effect"),
        (0.1, -0.47, "odds_ratio", "effect"),
        (0.1, np.inf, "hazard_ratio", "effect"),
        (0.1, np.nan, "hazard_ratio", "effect"),
        (0.1, -5.0, "risk_difference", "effect"),
        (0.4, 3.0, "relative_risk", "treated_risk"),
        (0.1, -0.2, "risk_difference", "treated_risk"),
    ],
)
def test_risks_and_effects_out_of_range_are_refused_by_name(baseline, effect, scale, name):
    with pytest.raises(ValueError, match=f"^{name}: found .*; allowed: .*; "):
        treated_risk(baseline, effect, scale)


def test_results_out_of_range_are_counted_and_never_clipped():
    with pytest.raises(ValueError) as caught:
        treated_risk([0.1, 0.2, 0.4, 0.6], 2.0, "relative_risk")
    assert str(caught.value) == (
        "treated_risk: found 25.0% of results outside [0, 1], such as 1.2; allowed: 0 to 1; "
        "use another scale, converted with convert_effect at a declared reference risk"
    )
    assert apply_effect(0.6, 2.0, "relative_risk") == 1.2


@pytest.mark.parametrize("relative_risk", [2.0, 2.5])
def test_a_relative_risk_too_large_for_its_reference_risk_is_refused(relative_risk):
    with pytest.raises(
        ValueError, match=f"relative_risk: found {relative_risk:g} at reference_risk 0.5"
    ):
        relative_risk_to_odds_ratio(relative_risk, 0.5)
    with pytest.raises(ValueError, match=r"^effect: found .*; allowed: .*below 1.*; give"):
        convert_effect([1.0, relative_risk], "relative_risk", "hazard_ratio", 0.5)


def test_a_difference_that_leaves_no_risk_has_no_ratio():
    with pytest.raises(ValueError, match=r"^effect: found -0.1 at reference_risk 0.1, a treated"):
        convert_effect(-0.1, "risk_difference", "odds_ratio", 0.1)


@pytest.mark.parametrize("reference", [0.0, 1.0, -0.1, 17, np.nan])
def test_a_reference_risk_must_lie_inside_zero_to_one(reference):
    with pytest.raises(ValueError, match=r"^reference_risk: found .*; allowed: .*; "):
        convert_effect(0.62, "relative_risk", "odds_ratio", reference)


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: risk_to_odds(1.1), "risk"),
        (lambda: odds_to_risk(-0.1), "odds"),
        (lambda: odds_to_risk(np.nan), "odds"),
        (lambda: rate_to_risk(-1, 1), "rate"),
        (lambda: rate_to_risk(np.inf, 1), "rate"),
        (lambda: rate_to_risk(1, -1), "time"),
        (lambda: risk_to_rate(1.0, 1), "risk"),
        (lambda: risk_to_rate(0.5, 0), "time"),
        (lambda: risk_to_rate(0.5, np.nan), "time"),
        (lambda: log_standard_error(-0.5, 0.5), "lower"),
        (lambda: log_standard_error(0.5, np.inf), "upper"),
        (lambda: log_standard_error(0.98, 0.39), "lower"),
        (lambda: log_standard_error(0.62, 0.62), "lower"),
        (lambda: log_standard_error(0.39, 0.98, level=95), "level"),
        (lambda: wilson_interval(3, 2), "events"),
        (lambda: wilson_interval(0, 0), "n"),
        (lambda: wilson_interval(1.5, 2), "events"),
        (lambda: wilson_interval(-1, 2), "events"),
        (lambda: wilson_interval(1, np.inf), "n"),
        (lambda: wilson_interval(1, 2, prob=1), "prob"),
        (lambda: risk_difference_interval(1, 2, 3, 2), "events_comparator"),
        (lambda: risk_difference_interval(1, 2, 1, 2.5), "n_comparator"),
        (lambda: risk_difference_interval(1, 2, 1, 2, prob=95), "prob"),
        (lambda: number_needed_to_treat(-2.56), "risk_difference"),
        (lambda: number_needed_to_treat(np.nan), "risk_difference"),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(call, name):
    with pytest.raises(ValueError, match=f"^{name}: found .*; allowed: .*; "):
        call()


def test_a_refusal_shows_the_first_bad_value_and_counts_them():
    with pytest.raises(ValueError, match=r"^risk: found 1\.1 \(2 of 4 values\); allowed: 0 to 1; "):
        risk_to_odds([0.1, 1.1, 0.2, -3])


@pytest.mark.slow
def test_import_does_not_bring_scipy_stats():
    code = "import sys, riskmodel.evidence.measures; print('scipy.stats' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
