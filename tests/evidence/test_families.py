"""Named distributions and mixtures, against SciPy's own."""

import numpy as np
import pytest
from scipy import integrate, stats

from riskmodel.errors import ParameterError
from riskmodel.evidence.distributions import Distribution
from riskmodel.evidence.families import Family, Mixture, distribution_of, expected
from riskmodel.evidence.priors import Prior

PAIRS = [
    (Family("normal", 1.0, 2.0), stats.norm(1.0, 2.0)),
    (Family("lognormal", 0.4, 0.7), stats.lognorm(0.7, scale=np.exp(0.4))),
    (Family("gamma", 2.5, 1.5), stats.gamma(2.5, scale=1.5)),
    (Family("beta", 0.5, 5.5), stats.beta(0.5, 5.5)),
    (Family("uniform", -1.0, 3.0), stats.uniform(-1.0, 4.0)),
]


@pytest.mark.parametrize(("own", "theirs"), PAIRS, ids=lambda x: getattr(x, "family", ""))
def test_families_agree_with_scipy(own, theirs):
    q = np.array([0.001, 0.025, 0.3, 0.5, 0.9, 0.999])
    x = theirs.ppf(q)
    # Both are closed forms: only rounding differs.
    np.testing.assert_allclose(own.ppf(q), x, rtol=1e-10)
    np.testing.assert_allclose(own.cdf(x), q, rtol=1e-10)
    np.testing.assert_allclose(own.pdf(x), theirs.pdf(x), rtol=1e-10)
    assert own.mean() == pytest.approx(theirs.mean(), rel=1e-12)
    assert own.std() == pytest.approx(theirs.std(), rel=1e-12)
    assert own.interval(0.9) == pytest.approx(theirs.interval(0.9))
    assert isinstance(own, Distribution)


def test_a_logit_normal_has_the_moments_of_its_density():
    own = Family("logit_normal", -1.0, 0.8)
    mean = integrate.quad(lambda x: x * own.pdf(x), 0, 1)[0]
    assert integrate.quad(own.pdf, 0, 1)[0] == pytest.approx(1, abs=1e-8)
    assert own.mean() == pytest.approx(mean, abs=1e-8)
    assert own.median() == pytest.approx(1 / (1 + np.e))


def test_the_narrowest_interval_of_a_skewed_density_has_equal_density_at_its_ends():
    own = Family("gamma", 3.0, 1.0)
    low, high = own.hdi(0.9)
    assert own.cdf(high) - own.cdf(low) == pytest.approx(0.9, abs=1e-9)
    assert own.pdf(low) == pytest.approx(own.pdf(high), rel=1e-6)
    assert high - low < np.diff(own.interval(0.9))[0]


def test_a_mixture_weighs_its_parts():
    parts = Family("gamma", 2.0, 1.0), Family("normal", 5.0, 1.0)
    mixture = Mixture(parts, (0.25, 0.75))
    assert mixture.mean() == pytest.approx(0.25 * 2 + 0.75 * 5)
    assert mixture.cdf(mixture.ppf(0.2)) == pytest.approx(0.2, abs=1e-12)
    draws = mixture.rvs(20_000, random_state=3)
    # Five Monte Carlo standard errors: 5 * sd / sqrt(20000).
    assert draws.mean() == pytest.approx(mixture.mean(), abs=5 * mixture.std() / np.sqrt(20_000))
    assert mixture.expect(np.square) == pytest.approx(mixture.var() + mixture.mean() ** 2, rel=1e-6)


def test_expectations_of_any_distribution_with_quantiles():
    assert expected(stats.beta(2, 3), lambda x: x) == pytest.approx(0.4, abs=1e-8)


def test_a_distribution_is_found_in_what_carries_one():
    family = Family("normal", 0, 1)
    assert distribution_of("x", family) is family
    assert distribution_of("x", stats.norm()).mean() == 0
    prior = Prior("p", "risk", "beta", 2.0, 3.0, "data", (), "")
    assert distribution_of("x", prior) == Family("beta", 2.0, 3.0)
    with pytest.raises(ParameterError, match="x: found 0.3"):
        distribution_of("x", 0.3)


@pytest.mark.parametrize(
    "given", [("beta", 0.0, 1.0), ("normal", 0.0, 0.0), ("gama", 1.0, 1.0), ("uniform", 2.0, 1.0)]
)
def test_impossible_parameters_are_refused(given):
    with pytest.raises(ParameterError):
        Family(*given)
