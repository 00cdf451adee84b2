"""Priors for tau against SciPy's distributions, and how they may be written."""

import numpy as np
import pytest
from scipy import integrate, stats

from riskmodel.errors import ParameterError
from riskmodel.evidence.heterogeneity import HeterogeneityPrior, parse_tau_prior

TAU = np.array([1e-6, 0.01, 0.3, 1.0, 4.0])
PROBS = np.array([0.001, 0.1, 0.5, 0.9, 0.999])
# location and scale of the last two are invented.
ORACLES = {
    "half_normal:0.5": stats.halfnorm(scale=0.5),
    "half_cauchy:0.3": stats.halfcauchy(scale=0.3),
    "half_student_t:4:0.5": None,
    "uniform:5": stats.uniform(0, 5),
    "log_normal:-3:1.5": stats.lognorm(0.75, scale=np.exp(-1.5)),
    "log_t:-3:1.5:5": None,
}


def oracle_of(text):
    """Return pdf and ppf by other means where SciPy has no such distribution."""
    if ORACLES[text] is not None:
        return ORACLES[text].pdf, ORACLES[text].ppf
    if text.startswith("half_student"):
        t = stats.t(4, scale=0.5)
        return lambda tau: 2 * t.pdf(tau), lambda q: t.ppf(0.5 + q / 2)
    t = stats.t(5, loc=-3, scale=1.5)
    return lambda tau: t.pdf(np.log(tau**2)) * 2 / tau, lambda q: np.exp(t.ppf(q) / 2)


@pytest.mark.parametrize("text", ORACLES)
def test_density_and_quantiles_agree_with_scipy(text):
    prior = parse_tau_prior(text)
    pdf, ppf = oracle_of(text)
    np.testing.assert_allclose(np.exp(prior.log_density(TAU)), pdf(TAU), rtol=1e-12)
    np.testing.assert_allclose(prior.ppf(PROBS), ppf(PROBS), rtol=1e-10)
    assert prior.log_density(-0.1) == -np.inf and prior.proper


@pytest.mark.parametrize("text", ORACLES)
def test_density_integrates_to_one_in_its_variable_of_integration(text):
    prior = parse_tau_prior(text)
    lower, upper = (float(end) for end in prior.reach(9.0, np.array(0.1), np.array(1.0)))

    def density(v):
        tau, log_slope = prior.tau_and_log_slope(v, 0.1)
        return np.exp(prior.log_density(tau) + log_slope)

    total, _ = integrate.quad(density, lower, upper, limit=500)
    # The half-Cauchy and half-t tails stop where the likelihood has made them vanish.
    assert total == pytest.approx(1.0, abs=1e-3 if "cauchy" in text else 1e-6)
    v = np.linspace(lower + 0.1, min(upper, 6.0), 7)
    tau = prior.tau_and_log_slope(v, 0.1)[0]
    np.testing.assert_allclose(prior.integration_variable(tau, 0.1), v, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "written",
    [
        "half_student_t:4:0.5",
        " half_student_t: 4, 0.5",
        ("half_student_t", 4, 0.5),
        ["half_student_t", np.int64(4), np.float64(0.5)],
        {"family": "half_student_t", "scale": 0.5, "degrees_of_freedom": 4},
        HeterogeneityPrior("half_student_t", (4.0, 0.5)),
    ],
)
def test_one_prior_can_be_written_in_several_ways(written):
    prior = parse_tau_prior(written)
    assert prior == HeterogeneityPrior("half_student_t", (4.0, 0.5))
    assert str(prior) == "half_student_t:4:0.5"
    assert (prior.degrees_of_freedom, prior.scale) == (4.0, 0.5)


@pytest.mark.parametrize(
    "written, words",
    [
        ("half_norml:0.5", "did you mean 'half_normal'?"),
        ("gamma:1", "use one of: flat"),
        ("half_normal", "write it as half_normal:scale"),
        ("half_normal:0.5:2", "write it as half_normal:scale"),
        ("flat:1", "write it as flat"),
        ("half_normal:half", "'half' is not a number"),
        (("half_normal", True), "True is not a number"),
        (("half_normal", 0.0), "positive scale"),
        (("half_normal", np.inf), "positive scale"),
        (("log_normal", np.nan, 1.0), "location is nan"),
        ({"family": "half_normal", "scle": 1}, "did you mean 'scale'?"),
        (0.5, "name a family first"),
        (None, "name a family first"),
    ],
)
def test_a_prior_that_cannot_be_is_refused(written, words):
    with pytest.raises(ParameterError, match="tau_prior: found") as caught:
        parse_tau_prior(written)
    assert words in str(caught.value)


def test_flat_prior_is_improper_and_has_no_quantiles():
    flat = parse_tau_prior(("flat",))
    assert flat == parse_tau_prior("flat") and not flat.proper
    np.testing.assert_array_equal(flat.log_density([0.0, 3.0, 1e9]), 0.0)
    with pytest.raises(ParameterError, match="a proper prior"):
        flat.ppf(0.5)


@pytest.mark.parametrize(
    "text, power, moments",
    [
        ("flat", 1, -1),
        ("flat", 2, 0),
        ("flat", 3, 1),
        ("flat", 4, 2),
        ("half_cauchy:1", 0, 0),  # one study: the prior itself, which has no mean
        ("half_cauchy:1", 1, 1),
        ("half_cauchy:1", 2, 2),
        ("half_student_t:3:1", 0, 2),
        ("log_t:-3:1:5", 0, 0),
        ("log_t:-3:1:5", 2, 2),
        ("half_normal:1", 0, 2),
        ("uniform:1", 0, 2),
        ("log_normal:-3:1", 0, 2),
    ],
)
def test_moments_exist_by_how_fast_the_tail_falls(text, power, moments):
    assert parse_tau_prior(text).finite_moments(power) == moments


def test_draws_follow_the_prior():
    draws = parse_tau_prior("half_normal:0.5").rvs(4000, 3)
    # One seed at the 0.1% level: it passes or fails for good.
    assert stats.kstest(draws, stats.halfnorm(scale=0.5).cdf).pvalue > 0.001
