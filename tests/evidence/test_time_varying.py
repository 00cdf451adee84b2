"""Waning ratios and restricted means against closed forms, quadrature and limits."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expi

from riskmodel.errors import ParameterError
from riskmodel.evidence.time_varying import effects_over_time, restricted_mean, treated_survival

TIMES = np.array([1.0, 2.0, 5.0])
SURVIVAL = np.array([0.9, 0.75, 0.5])


def test_held_is_proportional_hazards():
    np.testing.assert_allclose(treated_survival(SURVIVAL, TIMES, 0.6), SURVIVAL**0.6, rtol=1e-14)


def test_waning_equals_the_exponential_integral():
    """With a constant hazard h: H1 = h L / log 2 * (Ei(a) - Ei(a 2^(-t/L))), a = log HR."""
    h, ratio, half_life, time = 0.2, 0.4, 1.5, 4.0
    a = np.log(ratio)
    closed = h * half_life / np.log(2) * (expi(a) - expi(a * 2 ** (-time / half_life)))
    found = treated_survival(
        [np.exp(-h * time)], [time], ratio, scenario="waning", follow_up=0, half_life=half_life
    )
    assert -np.log(found[0]) == pytest.approx(closed, rel=1e-12)


def test_waning_after_follow_up_equals_quadrature_interval_by_interval():
    hazards = -np.diff(np.log(SURVIVAL), prepend=0.0) / np.diff(TIMES, prepend=0.0)

    def rate(t):
        ratio = 0.5 if t <= 1.4 else 0.5 ** (2 ** (-(t - 1.4) / 2))
        return hazards[np.searchsorted(TIMES, t, side="left")] * ratio

    found = treated_survival(SURVIVAL, TIMES, 0.5, scenario="waning", follow_up=1.4, half_life=2)
    for time, survival in zip(TIMES, found, strict=True):
        wanted = quad(rate, 0, time, points=[1.0, 1.4, 2.0], limit=200)[0]
        assert -np.log(survival) == pytest.approx(wanted, rel=1e-8)


def test_waning_lies_between_lost_and_held():
    kinds = {
        name: treated_survival(SURVIVAL, TIMES, 0.5, scenario=name, follow_up=1, half_life=2)
        for name in ("held", "waning", "lost")
    }
    assert (kinds["held"][1:] > kinds["waning"][1:]).all()
    assert (kinds["waning"][1:] > kinds["lost"][1:]).all()
    assert kinds["held"][0] == kinds["lost"][0]
    # A half-life without end holds the ratio; one of nothing loses it.
    slow = treated_survival(SURVIVAL, TIMES, 0.5, scenario="waning", follow_up=1, half_life=1e9)
    fast = treated_survival(SURVIVAL, TIMES, 0.5, scenario="waning", follow_up=1, half_life=1e-9)
    np.testing.assert_allclose(slow, kinds["held"], rtol=1e-8)
    np.testing.assert_allclose(fast, kinds["lost"], rtol=1e-6)


def test_the_printed_conversion_of_a_crude_proportion():
    """A hazard ratio of 0.86 on 31.0% leads to 27.3%: 3.7 points, not the crude 2.6."""
    table = effects_over_time(
        [0.69], treated_survival([0.69], [1.0], 0.86), [1.0], time_unit="year"
    )
    assert 100 * table["risk"][0] == pytest.approx(27.3, abs=0.05)
    assert 100 * table["risk_difference"][0] == pytest.approx(-3.7, abs=0.05)


def test_restricted_means_have_the_exponential_closed_form():
    times = np.array([0.5, 2.0, 7.0])
    rates = np.array([[1e-12], [0.3], [4.0]])
    found = restricted_mean(np.exp(-rates * times), times)
    np.testing.assert_allclose(found, -np.expm1(-rates * times) / rates, rtol=1e-5)


def test_restricted_means_at_their_ends():
    assert restricted_mean([1.0, 1.0], [2.0, 5.0]).tolist() == [2.0, 5.0]
    assert restricted_mean([0.0, 0.0], [2.0, 5.0]).tolist() == [0.0, 0.0]
    assert restricted_mean([1.0, 0.0], [2.0, 5.0]).tolist() == [2.0, 2.0]


def test_draws_give_intervals_and_direction():
    rng = np.random.default_rng(5)
    ratio = np.exp(rng.normal(-0.4, 0.2, 4000))
    survival = np.exp(-0.2 * TIMES)
    treated = treated_survival(np.broadcast_to(survival, (4000, 3)), TIMES, ratio)
    unwanted = effects_over_time(survival, treated, TIMES, time_unit="year")
    wanted = effects_over_time(survival, treated, TIMES, time_unit="year", wanted=True)
    assert (unwanted["prob_benefit"] > 0.95).all() and (wanted["prob_benefit"] < 0.05).all()
    assert unwanted["number_needed_to_treat"].str.startswith("NNTB").all()
    assert wanted["number_needed_to_treat"].str.startswith("NNTH").all()
    assert (unwanted["restricted_mean_difference"] > 0).all()
    # Number needed to treat changes with time: one figure without its time says nothing.
    assert unwanted["number_needed_to_treat"].nunique() == 3


def test_what_is_missing_is_said():
    with pytest.raises(ParameterError) as error:
        treated_survival([0.9, 0.95], [1, 2], -1, scenario="waning")
    assert {p.field for p in error.value.problems} == {
        "survival",
        "hazard_ratio",
        "follow_up",
        "half_life",
    }
    with pytest.raises(ParameterError, match="leave 0 out"):
        treated_survival([1.0, 0.9], [0, 1], 0.5)
    with pytest.raises(ParameterError, match="correct the word"):
        treated_survival([0.9], [1], 0.5, scenario="fading", follow_up=0)
