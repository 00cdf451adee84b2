"""A baseline and an effect together, against closed forms, another quadrature and draws."""

import numpy as np
import pytest
from scipy import integrate, stats

from riskmodel.errors import ParameterError, RiskModelWarning
from riskmodel.evidence.absolute import RiskDifference, absolute_effect
from riskmodel.evidence.distributions import NormalMixture
from riskmodel.evidence.families import Family

# RR 0.62 (0.39 to 0.98) on a risk of 0.121 that 60 patients are worth.
BASELINE = Family("beta", 60 * 0.121, 60 * 0.879)
RATIO = Family("lognormal", np.log(0.62), 0.2351)


def test_both_uncertainties_widen_the_interval():
    found = absolute_effect(BASELINE, RATIO, "relative_risk").risk_difference
    lower, upper = found.interval(0.95)
    assert (-1000 * upper, -1000 * lower) == pytest.approx((1.8, 98.6), abs=0.05)
    assert -1000 * found.median() == pytest.approx(41.5, abs=0.05)
    # E[p0 (RR - 1)] = 0.121 * (0.62 exp(0.2351**2 / 2) - 1) = -0.04388
    assert found.mean() == pytest.approx(0.121 * (0.62 * np.exp(0.2351**2 / 2) - 1), abs=1e-9)
    assert found.std() == pytest.approx(
        np.sqrt(
            BASELINE.expect(np.square) * RATIO.expect(lambda r: (r - 1) ** 2) - found.mean() ** 2
        ),
        rel=1e-8,
    )


def test_a_certain_baseline_gives_the_plug_in_limits():
    # M1: ARR 46.0 per 1000, 2 to 74; a Beta of ten million patients is as good as a point.
    point = Family("beta", 1e7 * 0.121, 1e7 * 0.879)
    found = absolute_effect(point, RATIO, "relative_risk").risk_difference
    assert -1000 * found.median() == pytest.approx(46.0, abs=0.05)
    assert [round(-1000 * x) for x in found.interval(0.95)] == [74, 2]


def test_two_arms_give_the_probability_of_benefit_and_an_altman_interval():
    # 100/352 against 109/352, uniform priors.
    found = absolute_effect(Family("beta", 110, 244), Family("beta", 101, 253), "own_risk")
    assert -100 * found.risk_difference.median() == pytest.approx(2.54, abs=0.005)
    assert found.number_needed_to_treat.startswith("NNTB 39 (NNTB 10.8 to ∞ to NNTH 23")
    assert found.prob_benefit() == pytest.approx(0.771, abs=5e-4)
    exact = integrate.quad(
        lambda p: stats.beta(110, 244).pdf(p) * stats.beta(101, 253).cdf(p), 0, 1, points=[0.31]
    )[0]
    assert found.prob_benefit() == pytest.approx(exact, abs=1e-8)


def test_a_number_needed_below_k_is_a_difference_beyond_its_reciprocal():
    found = absolute_effect(BASELINE, RATIO, "relative_risk")
    assert found.prob_nntb_below(25) == pytest.approx(float(found.risk_difference.cdf(-0.04)))
    assert found.prob_nntb_below(1e9) == pytest.approx(found.prob_benefit(), abs=1e-6)
    wanted = absolute_effect(BASELINE, RATIO, "relative_risk", wanted=True)
    assert wanted.prob_nntb_below(25) == pytest.approx(
        1 - float(found.risk_difference.cdf(0.04)), abs=1e-12
    )
    with pytest.raises(ParameterError, match="k: found 0.5"):
        found.prob_nntb_below(0.5)


@pytest.mark.parametrize("scale", ["relative_risk", "odds_ratio", "hazard_ratio"])
@pytest.mark.parametrize("rho", [-0.6, 0.0, 0.4])
def test_quadrature_agrees_with_draws(scale, rho):
    found = absolute_effect(BASELINE, RATIO, scale, correlation=rho, n=40_000, seed=11)
    draws, exact = found.draws["risk_difference"], found.risk_difference
    # Five Monte Carlo standard errors of a mean and of a share.
    assert draws.mean() == pytest.approx(exact.mean(), abs=5 * exact.std() / 200)
    for x in (-0.08, -0.04, 0.0):
        share = float(exact.cdf(x))
        assert (draws <= x).mean() == pytest.approx(
            share, abs=5 * np.sqrt(share * (1 - share) / 40_000) + 1e-6
        )


def test_twice_the_nodes_give_the_same():
    for scale in ("relative_risk", "odds_ratio", "risk_difference"):
        effect = Family("normal", -0.03, 0.02) if scale == "risk_difference" else RATIO
        one, two = (RiskDifference(BASELINE, effect, scale, nodes=n) for n in (801, 1601))
        assert one.mean() == pytest.approx(two.mean(), abs=1e-9)
        assert one.std() == pytest.approx(two.std(), abs=1e-9)
        # Where treated risks below 0 are left out the integrand has a corner: second order there.
        np.testing.assert_allclose(one.interval(0.95), two.interval(0.95), rtol=0, atol=2e-7)


def test_an_exact_log_ratio_of_a_pooled_effect_can_be_given():
    pooled = NormalMixture([1.0], [np.log(0.62)], [0.2351])
    log = absolute_effect(BASELINE, pooled, "relative_risk", log_effect=True)
    plain = absolute_effect(BASELINE, RATIO, "relative_risk")
    assert log.risk_difference.median() == pytest.approx(plain.risk_difference.median(), abs=1e-10)
    with pytest.raises(ParameterError, match="log_effect=True"):
        absolute_effect(BASELINE, pooled, "relative_risk")


def test_treated_risks_beyond_one_are_counted_and_refused():
    # 1.27 on 0.85 is 1.08.
    with pytest.raises(ParameterError, match="outside \\[0, 1\\]"):
        absolute_effect(
            Family("beta", 51, 9), Family("lognormal", np.log(1.27), 0.08), "relative_risk"
        )
    few = absolute_effect(
        Family("beta", 31.2, 28.8), Family("lognormal", np.log(1.27), 0.08), "relative_risk"
    )
    assert 0 < few.share_beyond < 0.001
    assert "left out" in few.statement
    assert few.risk_difference.cdf(1.0) == pytest.approx(1.0)
    odds = absolute_effect(
        Family("beta", 51, 9), Family("lognormal", np.log(1.27), 0.08), "odds_ratio"
    )
    assert odds.share_beyond == 0


def test_a_difference_that_may_leave_the_unit_interval_is_truncated_and_stated():
    found = absolute_effect(
        Family("beta", 30, 70), Family("normal", -0.10, 0.045), "risk_difference", n=200_000, seed=1
    )
    assert 0 < found.share_beyond < 0.001
    draws = found.draws
    assert (draws["treated_risk"] >= 0).all()
    assert draws["risk_difference"].mean() == pytest.approx(
        found.risk_difference.mean(), abs=5 * 0.065 / np.sqrt(200_000)
    )


def test_the_seed_is_kept_and_an_unnamed_one_is_said():
    with pytest.warns(RiskModelWarning, match="seed: found nothing"):
        found = absolute_effect(BASELINE, RATIO, "odds_ratio", n=10)
    again = absolute_effect(BASELINE, RATIO, "odds_ratio", n=10, seed=found.seed)
    assert found.draws.equals(again.draws)
    assert absolute_effect(BASELINE, RATIO, "odds_ratio", seed=4).seed is None


def test_the_statement_says_independence_or_the_correlation():
    assert "independent" in str(absolute_effect(BASELINE, RATIO, "odds_ratio"))
    tied = absolute_effect(BASELINE, RATIO, "odds_ratio", correlation=0.3)
    assert "correlated at 0.3" in str(tied)
    assert list(tied.table["quantity"]) == ["baseline_risk", "risk_difference"]


@pytest.mark.parametrize(
    ("arguments", "named", "field"),
    [
        ((BASELINE, RATIO, "risk_ratio"), {}, "scale"),
        ((RATIO, RATIO, "odds_ratio"), {}, "baseline"),
        ((BASELINE, 0.62, "odds_ratio"), {}, "effect"),
        ((BASELINE, RATIO, "odds_ratio"), {"correlation": 1.0}, "correlation"),
        ((BASELINE, RATIO, "odds_ratio"), {"level": 95}, "level"),
        ((BASELINE, RATIO, "odds_ratio"), {"n": 2.5}, "n"),
        ((BASELINE, BASELINE, "own_risk"), {"log_effect": True}, "log_effect"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(arguments, named, field):
    with pytest.raises(ParameterError) as caught:
        absolute_effect(*arguments, **named)
    assert caught.value.problems[0].field == field
