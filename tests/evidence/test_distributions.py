"""Distributions against SciPy's own: where the answer is known to many digits, so are ours."""

import numpy as np
import pytest
from scipy import integrate, stats

from riskmodel.errors import ParameterError
from riskmodel.evidence.distributions import (
    GridDistribution,
    NormalMixture,
    TransformedDistribution,
    expit_of,
    exponential_of,
    mixture_quantiles,
)

PROBS = np.array([1e-9, 1e-4, 0.025, 0.2, 0.5, 0.77, 0.975, 0.9999])


def grid_of(distribution, lower, upper, n=801):
    points = np.linspace(lower, upper, n)
    return GridDistribution(points, distribution.logpdf(points))


PAIRS = {
    "one normal": (NormalMixture([3.0], [-2.0], [0.7]), stats.norm(-2, 0.7)),
    "equal normals": (NormalMixture([1, 2], [1, 1], [2, 2]), stats.norm(1, 2)),
    "grid normal": (grid_of(stats.norm(1, 2), -19, 21), stats.norm(1, 2)),
    "grid gamma": (grid_of(stats.gamma(3.0), 0, 60, 3001), stats.gamma(3.0)),
    "grid beta": (grid_of(stats.beta(2.5, 7.0), 0, 1, 2001), stats.beta(2.5, 7.0)),
    "grid beta, both ends": (grid_of(stats.beta(4.3, 2.2), 0, 1, 2001), stats.beta(4.3, 2.2)),
    "grid half-normal": (grid_of(stats.halfnorm(), 0, 9), stats.halfnorm()),
    "grid logistic": (grid_of(stats.logistic(), -40, 40, 4001), stats.logistic()),
    "lognormal": (
        exponential_of(NormalMixture([1], [0.3], [0.5])),
        stats.lognorm(0.5, 0, np.exp(0.3)),
    ),
    "falling": (
        TransformedDistribution(
            NormalMixture([1], [1], [2]), lambda x: -3 * x, lambda y: -y / 3, lambda x: -3 + 0 * x
        ),
        stats.norm(-3, 6),
    ),
}


@pytest.fixture(params=PAIRS, name="pair")
def _pair(request):
    return PAIRS[request.param]


def test_moments_agree_with_scipy_to_1e_8(pair):
    ours, theirs = pair
    for name in ("mean", "std", "var", "median"):
        assert getattr(ours, name)() == pytest.approx(getattr(theirs, name)(), rel=1e-8, abs=1e-8)


def test_probabilities_and_quantiles_agree_with_scipy_to_1e_8(pair):
    ours, theirs = pair
    x = theirs.ppf(PROBS)
    np.testing.assert_allclose(ours.ppf(PROBS[1:]), x[1:], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(ours.isf(PROBS[1:]), theirs.isf(PROBS[1:]), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(ours.cdf(x), PROBS, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours.sf(x), 1 - PROBS, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(ours.pdf(x[1:]), theirs.pdf(x[1:]), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(ours.logpdf(x[1:]), theirs.logpdf(x[1:]), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(ours.interval(0.9), theirs.interval(0.9), rtol=1e-8, atol=1e-8)


def test_cdf_and_ppf_undo_each_other(pair):
    ours, _ = pair
    np.testing.assert_allclose(ours.cdf(ours.ppf(PROBS)), PROBS, rtol=1e-7, atol=1e-12)


def test_scalars_give_scalars_and_arrays_keep_their_shape(pair):
    ours, _ = pair
    q = np.array([[0.1, 0.5, 0.9], [0.2, 0.4, 0.6]])
    assert np.ndim(ours.ppf(0.3)) == np.ndim(ours.cdf(0.3)) == np.ndim(ours.logpdf(0.3)) == 0
    for name in ("ppf", "isf", "cdf", "sf", "pdf", "logpdf"):
        assert getattr(ours, name)(q).shape == q.shape
        assert getattr(ours, name)(q)[1, 2] == getattr(ours, name)(0.6)


def test_edges_follow_scipy(pair):
    ours, theirs = pair
    lower, upper = ours.support()
    assert ours.ppf(0.0) == lower and ours.ppf(1.0) == upper
    assert np.isnan(ours.ppf([-0.1, 1.1, np.nan])).all()
    assert ours.cdf(-1e9) == 0.0 and ours.cdf(1e9) == 1.0
    assert ours.sf(-1e9) == 1.0 and ours.sf(1e9) == 0.0
    if lower == theirs.support()[0] == 0:
        assert ours.pdf(-1.0) == 0.0


def test_draws_follow_the_distribution_and_the_seed(pair):
    ours, theirs = pair
    draws = ours.rvs(size=4000, random_state=11)
    # A Kolmogorov-Smirnov test at 0.1%: one seed, so it passes or fails for good.
    assert stats.kstest(draws, theirs.cdf).pvalue > 0.001
    np.testing.assert_array_equal(draws, ours.rvs(4000, np.random.default_rng(11)))
    assert np.ndim(ours.rvs()) == 0 and ours.rvs((2, 3), 1).shape == (2, 3)
    assert ours.rvs(2, np.random.RandomState(1)).shape == (2,)


def test_mixture_of_two_normals_is_exact():
    weights, means, deviations = [0.3, 0.7], [-1.0, 2.0], [0.5, 1.5]
    mixture = NormalMixture(weights, means, deviations)
    parts = [stats.norm(m, s) for m, s in zip(means, deviations, strict=True)]
    x = np.linspace(-6, 9, 31)
    np.testing.assert_allclose(mixture.cdf(x), 0.3 * parts[0].cdf(x) + 0.7 * parts[1].cdf(x))
    np.testing.assert_allclose(mixture.pdf(x), 0.3 * parts[0].pdf(x) + 0.7 * parts[1].pdf(x))
    assert mixture.mean() == pytest.approx(0.3 * -1 + 0.7 * 2)  # 1.1
    assert mixture.var() == pytest.approx(0.3 * (0.25 + 1) + 0.7 * (2.25 + 4) - 1.1**2)
    np.testing.assert_allclose(mixture.cdf(mixture.ppf(PROBS)), PROBS, rtol=1e-10)


def test_mixture_quantiles_survive_components_of_very_different_width():
    mixture = NormalMixture([0.5, 0.499999, 1e-6], [0.0, 30.0, 0.0], [1e-6, 1.0, 1e12])
    probs = np.array([1e-7, 1e-3, 0.2, 0.499, 0.6, 0.999, 1 - 1e-7])
    np.testing.assert_allclose(mixture.cdf(mixture.ppf(probs)), probs, rtol=1e-8)


def test_far_tails_keep_their_digits():
    mixture = NormalMixture([0.5, 0.5], [0, 0], [1, 1])
    np.testing.assert_allclose(mixture.isf([1e-15, 1e-200]), stats.norm.isf([1e-15, 1e-200]))
    np.testing.assert_allclose(mixture.sf([8.0, 30.0]), stats.norm.sf([8.0, 30.0]))


def test_many_mixtures_at_once_are_the_same_as_one_by_one():
    rng = np.random.default_rng(3)
    weights = rng.dirichlet(np.ones(5), size=7)
    means, deviations = rng.normal(size=(7, 5)), rng.uniform(0.1, 2, size=(7, 5))
    together = mixture_quantiles(weights, means, deviations, PROBS)
    for row in range(7):
        alone = NormalMixture(weights[row], means[row], deviations[row]).ppf(PROBS)
        np.testing.assert_allclose(together[row], alone, rtol=1e-12, atol=1e-12)


def test_halving_the_spacing_divides_the_error_of_a_grid_by_about_sixteen():
    theirs = stats.logistic()
    errors = [abs(grid_of(theirs, -40, 40, n).ppf(0.9) - theirs.ppf(0.9)) for n in (161, 321, 641)]
    assert errors[0] / errors[1] > 10 and errors[1] / errors[2] > 10


def test_hdi_of_symmetric_is_equal_tailed_and_of_half_normal_starts_at_zero():
    symmetric = NormalMixture([1], [2.0], [3.0])
    np.testing.assert_allclose(symmetric.hdi(0.9), symmetric.interval(0.9), rtol=1e-8)
    half = PAIRS["grid half-normal"][0]
    np.testing.assert_allclose(half.hdi(0.9), (0.0, stats.halfnorm.ppf(0.9)), atol=1e-8)


def test_hdi_of_gamma_has_ends_of_equal_density_and_is_the_narrowest():
    gamma = PAIRS["grid gamma"][0]
    lower, upper = gamma.hdi(0.95)
    assert gamma.cdf(upper) - gamma.cdf(lower) == pytest.approx(0.95, abs=1e-10)
    assert gamma.pdf(lower) == pytest.approx(gamma.pdf(upper), rel=1e-8)
    below = np.linspace(0, 0.05, 2001)
    assert (
        upper - lower <= (stats.gamma(3).ppf(below + 0.95) - stats.gamma(3).ppf(below)).min() + 1e-9
    )


def test_expectations_agree_with_adaptive_quadrature():
    mixture = NormalMixture([0.4, 0.6], [-1, 2], [0.5, 3.0])
    risk = expit_of(mixture)
    mean, _ = integrate.quad(
        lambda x: mixture.pdf(x) / (1 + np.exp(-x)), -40, 40, limit=400, epsabs=1e-12
    )
    assert risk.mean() == pytest.approx(mean, abs=1e-10)
    assert exponential_of(mixture).mean() == pytest.approx(
        0.4 * np.exp(-1 + 0.125) + 0.6 * np.exp(2 + 4.5), rel=1e-10
    )
    assert 0 < risk.support()[1] <= 1


def test_a_moment_that_does_not_exist_is_inf():
    one = NormalMixture([1], [0], [1], finite_moments=1)
    none = NormalMixture([1], [0], [1], finite_moments=0)
    assert (one.mean(), one.std(), one.var()) == (0.0, np.inf, np.inf)
    assert (none.mean(), none.std()) == (np.inf, np.inf)
    assert exponential_of(one, finite_moments=0).mean() == np.inf


@pytest.mark.parametrize(
    "build, field",
    [
        (lambda: NormalMixture([1, 1], [0], [1]), "weights"),
        (lambda: NormalMixture([-1, 2], [0, 0], [1, 1]), "weights"),
        (lambda: NormalMixture([0.0], [0], [1]), "weights"),
        (lambda: NormalMixture([1], [np.nan], [1]), "means"),
        (lambda: NormalMixture([1], [0], [0.0]), "standard_deviations"),
        (lambda: GridDistribution([0, 1, 1, 2, 3, 4, 5], np.zeros(7)), "points"),
        (lambda: GridDistribution([0, 1, 2], np.zeros(3)), "points"),
        (lambda: GridDistribution(np.arange(8), [0, 0, -np.inf, 0, 0, 0, 0, 0]), "log_density"),
        (lambda: GridDistribution(np.arange(6), np.zeros(5)), "log_density"),
        (lambda: NormalMixture([1], [0], [1]).interval(95), "prob"),
    ],
)
def test_what_is_no_distribution_is_refused_by_name(build, field):
    with pytest.raises(ParameterError) as caught:
        build()
    assert caught.value.problems[0].field == field
