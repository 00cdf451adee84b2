"""Discounts against their closed forms, and the set of discounts for which a claim holds."""

import numpy as np
import pytest
from scipy import integrate, stats

from riskmodel.errors import ParameterError
from riskmodel.evidence.discounting import discount, tipping_point
from riskmodel.evidence.families import Family
from riskmodel.evidence.trust_levels import DEFAULT_LEVELS, default_strength

TRIAL = {"estimate": -0.4, "standard_error": 0.2}
BELOW = ("prob_below", 0.0, 0.95)


def test_a_power_prior_of_counts_counts_fewer_patients():
    found = discount(events=4, n=5, a0=0.2)
    assert (found.distribution.first, found.distribution.second) == pytest.approx((1.8, 1.2))
    assert [round(x, 2) for x in found.distribution.interval(0.95)] == [0.11, 0.97]
    assert found.prior_share == pytest.approx(2 / 3)  # 2 patients of prior, 1 of the five


def test_a_power_prior_of_an_estimate_divides_its_variance():
    found = discount(**TRIAL, a0=0.25)
    assert (found.distribution.mean(), found.distribution.std()) == pytest.approx((-0.4, 0.4))
    both = discount(**TRIAL, a0=0.25, prior=(0.0, 0.4))
    assert both.distribution.mean() == pytest.approx(-0.2)  # equal precisions meet half way
    assert both.prior_share == pytest.approx(0.5)


def test_a_bias_moves_the_centre_and_widens():
    found = discount(**TRIAL, bias_mean=-0.1, bias_sd=0.3)
    assert found.distribution.mean() == pytest.approx(-0.3)
    assert found.distribution.var() == pytest.approx(0.04 + 0.09)
    assert found.strength == pytest.approx(0.04 / 0.13)
    chosen, same = found.distribution, found.at(found.strength)
    assert (same.mean(), same.var()) == pytest.approx((chosen.mean(), chosen.var()))
    assert found.at(1.0).mean() == pytest.approx(-0.4)
    # A bias of exactly 0 is the evidence at face value.
    assert (
        discount(**TRIAL, bias_mean=0, bias_sd=0).distribution
        == discount(**TRIAL, a0=1).distribution
    )


def test_a_robust_mixture_is_updated_by_how_well_each_part_foresaw():
    found = discount(**TRIAL, weight=0.7, vague=(0, 1), prior=(0.5, 0.3)).distribution
    rest = stats.norm(0.5, 0.3)
    informative, vague = stats.norm(-0.4, 0.2), stats.norm(0, 1)

    def density(t):
        return rest.pdf(t) * (0.7 * informative.pdf(t) + 0.3 * vague.pdf(t))

    total = integrate.quad(density, -6, 6, points=[-0.2, 0.4])[0]
    mean = integrate.quad(lambda t: t * density(t), -6, 6, points=[-0.2, 0.4])[0] / total
    assert found.mean() == pytest.approx(mean, abs=1e-7)
    assert found.pdf(0.1) == pytest.approx(density(0.1) / total, rel=1e-7)


def test_a_robust_mixture_of_counts_with_direct_counts():
    # Direct evidence of 3 of 10 as a Beta(4, 8): likelihood p^3 (1-p)^7.
    found = discount(events=4, n=5, weight=0.5, vague=(1, 1), prior=(4, 8)).distribution
    informative = stats.beta(5, 2)

    def density(p):
        return p**3 * (1 - p) ** 7 * (0.5 * informative.pdf(p) + 0.5)

    total = integrate.quad(density, 0, 1)[0]
    mean = integrate.quad(lambda p: p * density(p), 0, 1)[0] / total
    assert found.mean() == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize(
    "how",
    [{"a0": 0.3}, {"bias_mean": 0.1, "bias_sd": 0.15}, {"weight": 0.3, "vague": (0, 2)}],
    ids=["power", "bias", "mixture"],
)
def test_the_table_always_shows_nothing_chosen_and_all(how):
    table = discount(**TRIAL, **how, prior=(0.1, 0.5), claim=BELOW).table
    assert list(table["evidence"]) == ["left out", "chosen", "face value"]
    assert list(table["a0"])[::2] == [0, 1]
    assert {"mean", "median", "lower", "upper", "level", "claim_holds"} <= set(table)


def test_nothing_known_is_not_a_number():
    table = discount(**TRIAL, a0=0.5).table
    assert np.isnan(table["mean"][0]) and np.isinf(table["standard_deviation"][0])


def test_levels_stand_for_defaults_that_are_called_assumed():
    assert default_strength("Serious") == 0.2
    assert default_strength("very_low", "GRADE") == default_strength("very low", "GRADE")
    for levels in DEFAULT_LEVELS.values():
        assert list(levels.values()) == sorted(levels.values(), reverse=True)
    found = discount(**TRIAL, level="moderate", because="confounding by severity")
    assert "assumed" in found.rule and "severity" in found.rule and found.badge == "assumed"
    with pytest.raises(ParameterError, match="did you mean 'serious'"):
        default_strength("serios")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({**TRIAL, "a0": -0.1}, "a0"),
        ({**TRIAL, "a0": 1.01}, "a0"),
        ({**TRIAL, "a0": float("nan")}, "a0"),
        ({**TRIAL, "weight": 2, "vague": (0, 1)}, "weight"),
        ({**TRIAL, "weight": 0.5}, "vague"),
        ({**TRIAL, "bias_sd": -1}, "bias_sd"),
        ({**TRIAL}, "a0"),
        ({**TRIAL, "a0": 0.2, "level": "low"}, "a0"),
        ({**TRIAL, "events": 1, "n": 2, "a0": 0.2}, "estimate"),
        ({"a0": 0.2}, "estimate"),
        ({"estimate": 0.1, "a0": 0.2}, "standard_error"),
        ({"estimate": 0.1, "standard_error": 0, "a0": 0.2}, "standard_error"),
        ({"standard_error": 0.1, "a0": 0.2}, "estimate"),
        ({"events": 2, "a0": 1}, "n"),
        ({"n": 2, "a0": 1}, "events"),
        ({"events": 6, "n": 5, "a0": 0.2}, "events"),
        ({"events": 4, "n": 5, "bias_sd": 1}, "bias_sd"),
        ({**TRIAL, "a0": 0.2, "claim": ("below", 0, 0.95)}, "claim"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(given, field):
    with pytest.raises(ParameterError) as caught:
        discount(**given)
    assert caught.value.problems[0].field == field


# --- tipping points -------------------------------------------------------------------------------


def test_a_claim_that_holds_from_some_discount_up():
    # 0.4 sqrt(a0) / 0.2 = 1.6449 at a0 = 0.67637.
    found = tipping_point(discount(**TRIAL, a0=0.5), BELOW)
    ((low, high),) = found.intervals
    assert low == pytest.approx((stats.norm.ppf(0.95) / 2) ** 2, abs=1e-9)
    assert high == 1
    assert found.holds(0.8) and not found.holds(0.6)


def test_a_claim_that_never_holds():
    found = tipping_point(discount(estimate=0.1, standard_error=0.2, a0=0.5), BELOW)
    assert found.intervals == ()
    assert "for no a0" in str(found)


def test_a_claim_that_holds_up_to_some_discount():
    # Direct evidence against the discounted: the more of it, the less the claim.
    found = tipping_point(
        discount(estimate=0.3, standard_error=0.2, a0=0.5, prior=(-0.4, 0.2)), BELOW
    )
    ((low, high),) = found.intervals
    assert low == 0 and 0 < high < 1


def test_a_claim_that_holds_at_both_ends_and_not_between():
    # z(a0) = (a + b a0) / sqrt(c + d a0) falls at first, as b/a < d/(2c), and then rises; it
    # meets 1.6 where (a + b a0)**2 = 1.6**2 (c + d a0).
    a, b, c, d = 1.68, 2.2, 1.0, 4.4
    prior = (-a / c, c**-0.5)
    evidence = discount(estimate=-b / d, standard_error=d**-0.5, a0=0.5, prior=prior)
    level = stats.norm.cdf(1.6)
    found = tipping_point(evidence, ("prob_below", 0, level))
    roots = np.roots([b**2, 2 * a * b - 1.6**2 * d, a**2 - 1.6**2 * c])
    inside = sorted(root for root in roots if 0 < root < 1)
    expected = [0, *inside, 1]
    flat = [end for interval in found.intervals for end in interval]
    assert len(found.intervals) == 2
    np.testing.assert_allclose(flat, expected, atol=1e-8)


def test_a_stretch_narrower_than_the_grid_is_found_for_a_named_claim():
    # A probability that touches 0.95 between grid points 0.3 and 0.4 alone.
    def believed(a0):
        share = 0.951 - 20 * (a0 - 0.3333) ** 2
        return Family("normal", -stats.norm.ppf(share), 1.0) if share > 0 else None

    found = tipping_point(believed, BELOW, points=11)
    half = np.sqrt(0.001 / 20)
    np.testing.assert_allclose(found.intervals, [(0.3333 - half, 0.3333 + half)], atol=1e-8)


def test_a_callable_claim_over_what_a_callable_gives():
    found = tipping_point(
        lambda a0: Family("normal", a0, 1.0) if a0 else None, lambda d: 0.2 <= d.mean() <= 0.7
    )
    np.testing.assert_allclose(found.intervals, [(0.2, 0.7)], atol=1e-9)


def test_a_robust_mixture_has_a_tipping_point_too():
    evidence = discount(**TRIAL, weight=0.5, vague=(0, 2), prior=(-0.2, 0.3))
    found = tipping_point(evidence, BELOW)
    for low, high in found.intervals:
        for edge in (low, high):
            if 0 < edge < 1:
                assert evidence.at(edge).cdf(0.0) == pytest.approx(0.95, abs=1e-7)


def test_half_of_the_evidence_is_refused_by_the_name_of_the_other_half():
    with pytest.raises(ParameterError, match="n: found nothing"):
        discount(events=2, a0=1)
    with pytest.raises(ParameterError, match="standard_error: found nothing"):
        discount(estimate=1, a0=1)


def test_a_bias_without_spread_moves_the_centre_and_has_no_a0():
    found = discount(**TRIAL, bias_mean=-0.1, claim=BELOW, prior=(0, 0.4))
    left_out, chosen, face = found.table.to_dict("records")
    # Precisions 25 and 6.25: 25 / 31.25 of -0.3 and of -0.4.
    assert (left_out["mean"], chosen["mean"], face["mean"]) == pytest.approx((0, -0.24, -0.32))
    assert np.isnan(found.strength) and np.isnan(chosen["a0"]) and face["a0"] == 1
    assert found.prior_share == pytest.approx(0.2)
    for a0 in (found.strength, 0.5):
        with pytest.raises(ParameterError, match="a bias without spread has no a0"):
            found.at(a0)
    with pytest.raises(ParameterError, match="a bias without spread has no a0") as caught:
        tipping_point(found, BELOW)
    assert caught.value.problems[0].field == "bias_sd"
    # No bias at all is face value, and any a0 the power prior's.
    none, power = discount(**TRIAL, bias_mean=0, bias_sd=0), discount(**TRIAL, a0=1)
    assert none.strength == 1 and none.at(0.3) == power.at(0.3)


@pytest.mark.parametrize("bias", [(-0.1, 0.2), (0.2, 1e-3), (0, 0.3), (0, 0), (-0.1, 0)])
def test_the_rows_of_a_bias_are_what_their_a0_gives(bias):
    mean, sd = bias
    found = discount(**TRIAL, bias_mean=mean, bias_sd=sd, prior=(0.1, 0.5))
    for row in found.table.to_dict("records"):
        if not np.isnan(row["a0"]):
            assert found.at(row["a0"]).mean() == pytest.approx(row["mean"], rel=1e-6)
    if found.table["a0"][1] == 1:
        assert found.table["mean"][1] == found.table["mean"][2]


def test_a_narrow_stretch_is_printed_with_digits_that_tell_its_ends_apart():
    def nearly_all(found):
        return found.var() <= 0.04 / 0.99996

    found = tipping_point(discount(**TRIAL, a0=1), nearly_all)
    assert "from 0.99996 to 1.00000" in str(found)
