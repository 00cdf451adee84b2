"""Pooling against adaptive quadrature, closed forms, a doubled grid, NUTS and simulation.

The oracle here shares no formula with the code: the mean (and slopes) are removed by contrasts, or
integrated by brute force, and tau by SciPy's adaptive quadrature.
"""

import warnings

import numpy as np
import pytest
from scipy import integrate, linalg, optimize, stats

from riskmodel.errors import ParameterError, RiskModelWarning
from riskmodel.evidence import pooling_normal
from riskmodel.evidence.distributions import GridDistribution, NormalMixture
from riskmodel.evidence.heterogeneity import parse_tau_prior
from riskmodel.evidence.pooling import PooledBatch, PooledEffects, pool_effects

# The eight schools (Rubin 1981): points gained by coaching, not log ratios.
SCHOOLS = (
    np.array([28.0, 8, -3, 7, -1, 1, 18, 12]),
    np.array([15.0, 10, 16, 11, 9, 11, 10, 18]),
)
PRIORS = [
    "half_normal:0.5",
    "half_normal:10",
    "half_cauchy:5",
    "half_student_t:4:3",
    "uniform:50",
    "log_normal:2:2",
    "log_t:2:1.8:5",
    "flat",
]


def pool(*args, **kwargs):
    """Pool where the default prior is used on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RiskModelWarning)
        return pool_effects(*args, **kwargs)


def simulated(rng, k, tau, mu=0.0):
    s = np.exp(rng.normal(-1.5, 0.7, k))
    return rng.normal(mu, np.hypot(s, tau)), s


class Oracle:
    """Posterior by contrasts and adaptive quadrature over log tau; slow and plain."""

    def __init__(self, y, s, prior, mu_prior=None, design=None):
        self.y, self.s = np.asarray(y, float), np.asarray(s, float)
        self.prior, self.mu_prior = parse_tau_prior(prior), mu_prior
        self.design = np.ones((len(self.y), 1)) if design is None else design
        self.contrasts = linalg.null_space(self.design.T)
        far = 1e60 if self.prior.family == "log_t" else 1e9
        low, high = np.log(self.s.min() / far), np.log(self.s.max() * far)
        if self.prior.family == "uniform":
            high = np.log(self.prior.upper)
        grid = np.linspace(low, high, 801)
        log_density = np.array([self.log_posterior(np.exp(u)) + u for u in grid])
        self.top = log_density.max()
        inside = np.flatnonzero(log_density > self.top - 45)
        first, last = max(inside[0] - 1, 0), min(inside[-1] + 1, 800)
        self.breaks = np.linspace(grid[first], grid[last], 41)
        self.total = self.integral(lambda tau: 1.0)

    def log_marginal(self, tau):
        covariance = np.diag(self.s**2 + tau**2)
        if self.mu_prior is not None:
            mean, deviation = self.mu_prior
            return self.log_normal(self.y - mean, covariance + deviation**2)
        k = self.contrasts
        return self.log_normal(k.T @ self.y, k.T @ covariance @ k)

    @staticmethod
    def log_normal(x, covariance):
        """Log density of a multivariate normal; SciPy's own spends its time on checks."""
        root = np.linalg.cholesky(covariance)
        z = np.linalg.solve(root, x)
        return -0.5 * (z @ z + len(x) * np.log(2 * np.pi)) - np.log(np.diag(root)).sum()

    def log_posterior(self, tau):
        return self.log_marginal(tau) + float(self.prior.log_density(tau))

    def integral(self, function):
        def integrand(u):
            tau = np.exp(u)
            return np.exp(self.log_posterior(tau) + u - self.top) * function(tau)

        parts = zip(self.breaks[:-1], self.breaks[1:], strict=True)
        return sum(integrate.quad(integrand, a, b, epsabs=1e-13, epsrel=1e-10)[0] for a, b in parts)

    def expect(self, function):
        return self.integral(function) / self.total

    def conditional(self, tau):
        """Mean and variance of the mean effect given tau, by generalised least squares."""
        inverse = np.linalg.inv(np.diag(self.s**2 + tau**2))
        gram, right = self.design.T @ inverse @ self.design, self.design.T @ inverse @ self.y
        if self.mu_prior is not None:
            mean, deviation = self.mu_prior
            gram[0, 0] += deviation**-2
            right[0] += mean * deviation**-2
        return np.linalg.solve(gram, right)[0], np.linalg.inv(gram)[0, 0]

    def effect_cdf(self, x):
        def given(tau):
            mean, variance = self.conditional(tau)
            return stats.norm.cdf(x, mean, np.sqrt(variance))

        return self.expect(given)


def check_against(oracle, pooled):
    mean = oracle.expect(lambda tau: oracle.conditional(tau)[0])
    square = oracle.expect(lambda tau: sum(np.array(oracle.conditional(tau)) ** [2, 1]))
    deviation = np.sqrt(square - mean**2)
    assert pooled.effect.mean() == pytest.approx(mean, abs=1e-7 * deviation)
    assert pooled.effect.std() == pytest.approx(deviation, rel=1e-6)
    for prob, end in zip((0.025, 0.975), pooled.effect.interval(0.95), strict=True):
        assert oracle.effect_cdf(end) == pytest.approx(prob, abs=1e-8)
    tau = oracle.expect(lambda tau: tau)
    assert pooled.heterogeneity.mean() == pytest.approx(tau, rel=1e-6)
    spread = np.sqrt(oracle.expect(lambda x: x**2) - tau**2)
    assert pooled.heterogeneity.std() == pytest.approx(spread, rel=1e-5)
    # A new study: variance is that of the mean plus the mean of tau squared.
    variance = deviation**2 + oracle.expect(lambda x: x**2)
    assert pooled.prediction.std() == pytest.approx(np.sqrt(variance), rel=1e-6)
    assert pooled.prediction.mean() == pytest.approx(mean, abs=1e-7 * deviation)


# --- the answer is right ------------------------------------------------------------------------


@pytest.mark.parametrize("prior", ["half_normal:10", "half_student_t:4:3", "log_t:2:1.8:5", "flat"])
def test_eight_schools_agree_with_adaptive_quadrature(prior):
    check_against(Oracle(*SCHOOLS, prior), pool(*SCHOOLS, tau_prior=prior))


def test_a_normal_prior_for_the_mean_agrees_with_adaptive_quadrature():
    oracle = Oracle(*SCHOOLS, "half_normal:10", mu_prior=(3.0, 4.0))
    check_against(oracle, pool(*SCHOOLS, tau_prior="half_normal:10", mu_prior=(3.0, 4.0)))


def test_meta_regression_agrees_with_adaptive_quadrature():
    x = np.array([0.1, 0.5, 0.2, 0.9, 1.4, 1.1, 0.3, 2.0])
    design = np.column_stack([np.ones(8), x - x.mean()])
    oracle = Oracle(*SCHOOLS, "half_normal:10", design=design)
    pooled = pool(*SCHOOLS, tau_prior="half_normal:10", moderators=x)
    check_against(oracle, pooled)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("k, tau", [(3, 0.2), (5, 1.0), (30, 0.3), (300, 0.0)])
def test_quadrature_is_converged_to_1e_6_against_a_doubled_grid(prior, k, tau, monkeypatch):
    y, s = simulated(np.random.default_rng(k), k, tau)

    def numbers():
        pooled = pool_effects(y, s, tau_prior=prior)
        return np.array(
            [
                *pooled.effect.interval(0.95),
                *pooled.prediction.interval(0.95),
                *pooled.heterogeneity.interval(0.95),
                pooled.effect.mean(),
                pooled.effect.std(),
                pooled.prediction.std(),
            ]
        )

    once = numbers()
    monkeypatch.setattr(pooling_normal, "_REFINEMENT", 2.0)
    twice = numbers()
    np.testing.assert_array_equal(np.isinf(once), np.isinf(twice))
    exist = np.isfinite(once)
    assert np.abs(once[exist] - twice[exist]).max() < 1e-6 * np.ptp(once[:2])


def test_a_single_study_is_the_prior_and_the_estimate():
    pooled = pool_effects([0.4], [0.3], tau_prior="half_normal:0.5")
    # Given tau the mean is Normal(y, sqrt(s**2 + tau**2)), and the likelihood of tau is level.
    assert pooled.effect.mean() == pytest.approx(0.4)
    assert pooled.effect.var() == pytest.approx(0.3**2 + 0.5**2, rel=1e-9)
    assert pooled.heterogeneity.median() == pytest.approx(stats.halfnorm.ppf(0.5, scale=0.5))
    assert pooled.prediction.var() == pytest.approx(0.3**2 + 2 * 0.5**2, rel=1e-9)


def test_a_tight_prior_at_zero_is_the_common_effect_by_inverse_variances():
    y, s = np.array([0.2, 0.5, 0.1]), np.array([0.1, 0.2, 0.4])
    pooled = pool_effects(y, s, tau_prior=("half_normal", 1e-6))
    weights = s**-2 / sum(s**-2)  # 100, 25, 6.25 of 131.25
    assert pooled.effect.mean() == pytest.approx(weights @ y, abs=1e-9)
    assert pooled.effect.std() == pytest.approx(131.25**-0.5, rel=1e-9)
    np.testing.assert_allclose(pooled.studies["weight"], weights, rtol=1e-8)
    np.testing.assert_allclose(pooled.studies["effect_mean"], weights @ y, rtol=1e-8)
    np.testing.assert_allclose(pooled.studies["shrinkage"], 1.0, rtol=1e-8)


def test_precise_studies_give_the_posterior_of_a_normal_sample():
    y = np.array([1.0, 2.0, 4.0, 4.5, 6.0, 7.5])
    pooled = pool_effects(y, np.full(6, 1e-5), tau_prior="flat")
    # With no sampling error and flat priors mu is Student t with k - 2 degrees of freedom, scale
    # sqrt(S / (k (k - 2))), S the sum of squares about the mean.
    scale = np.sqrt(np.sum((y - y.mean()) ** 2) / (6 * 4))
    theirs = stats.t(4, y.mean(), scale)
    np.testing.assert_allclose(pooled.effect.interval(0.95), theirs.interval(0.95), rtol=1e-6)
    assert pooled.effect.std() == pytest.approx(theirs.std(), rel=1e-6)
    np.testing.assert_allclose(pooled.studies["effect_mean"], y, rtol=1e-6)


def test_shifting_and_scaling_the_data_shifts_and_scales_the_answer():
    y, s = simulated(np.random.default_rng(5), 7, 0.3)
    once = pool_effects(y, s, tau_prior=("half_cauchy", 0.4))
    other = pool_effects(100 + 3 * y, 3 * s, tau_prior=("half_cauchy", 1.2))
    np.testing.assert_allclose(
        other.effect.interval(0.9), 100 + 3 * np.array(once.effect.interval(0.9)), rtol=1e-10
    )
    assert other.heterogeneity.mean() == pytest.approx(3 * once.heterogeneity.mean(), rel=1e-8)
    assert other.bayes_factor_heterogeneity() == pytest.approx(once.bayes_factor_heterogeneity())


def test_studies_of_very_different_precision_and_extreme_disagreement():
    y, s = np.array([0.0, 1.0, -1.0, 50.0]), np.array([1e-4, 1.0, 1.0, 0.1])
    check_against(Oracle(y, s, "half_normal:1"), pool(y, s, tau_prior="half_normal:1"))


# --- moments that do not exist ------------------------------------------------------------------


def test_flat_heterogeneity_needs_three_studies_its_mean_four_its_deviation_five():
    y, s = simulated(np.random.default_rng(8), 5, 0.2)
    with pytest.raises(ParameterError, match="flat with 2 studies.*3 or more studies"):
        pool_effects(y[:2], s[:2], tau_prior="flat")
    three, four, five = (pool_effects(y[:k], s[:k], tau_prior="flat") for k in (3, 4, 5))
    assert (three.effect.mean(), three.effect.std()) == (np.inf, np.inf)
    assert np.isfinite(three.effect.median()) and np.isfinite(three.effect.interval(0.95)).all()
    assert np.isfinite(four.effect.mean()) and four.effect.std() == np.inf
    assert np.isfinite([five.effect.mean(), five.effect.std()]).all()
    for pooled, exist in ((three, 0), (four, 1), (five, 2)):
        for quantity in (pooled.prediction, pooled.heterogeneity):
            assert np.isfinite([quantity.mean(), quantity.std()]).sum() == exist
        # A study's own effect always has both: it is held by its own estimate.
        assert np.isfinite(pooled.studies["effect_standard_deviation"]).all()
    batch = pool_effects([y[:3], y[:3]], s[:3], tau_prior="flat")
    assert np.isinf(batch.effect_mean).all() and np.isinf(batch.effect_standard_deviation).all()
    assert np.isinf(batch.heterogeneity_mean).all()


def test_a_prior_for_the_mean_lets_two_studies_do_under_a_flat_heterogeneity():
    pooled = pool_effects([0.1, 0.3], [0.2, 0.2], tau_prior="flat", mu_prior=(0.0, 1.0))
    assert np.isfinite(pooled.effect.median()) and pooled.effect.mean() == np.inf


def test_a_flat_heterogeneity_counts_moderators_against_the_studies():
    with pytest.raises(ParameterError, match="4 or more studies"):
        pool_effects([0.1, 0.2, 0.4], [0.1] * 3, tau_prior="flat", moderators=[1.0, 2.0, 4.0])


def test_three_studies_under_a_flat_prior_have_a_tail_that_falls_as_one_over_tau():
    pooled = pool_effects([0.1, 0.5, 0.2], [0.1, 0.2, 0.3], tau_prior="flat")
    tail = pooled.heterogeneity.sf([1e3, 1e4, 1e5])
    np.testing.assert_allclose(tail[:-1] / tail[1:], 10.0, rtol=1e-4)


# --- tables -------------------------------------------------------------------------------------


def test_study_effects_agree_with_their_mixtures_and_lie_between_report_and_pool():
    pooled = pool(*SCHOOLS, tau_prior="half_normal:10", study=list("ABCDEFGH"))
    table = pooled.studies
    for row in table.itertuples():
        mixture = pooled.study_effect(row.study)
        assert row.effect_mean == pytest.approx(mixture.mean())
        assert row.effect_standard_deviation == pytest.approx(mixture.std())
        assert (row.effect_lower, row.effect_upper) == pytest.approx(mixture.interval(0.95))
    inside = (table["effect_mean"] - pooled.effect.mean()) * (
        table["estimate"] - table["effect_mean"]
    )
    assert (inside > -1).all() and table["shrinkage"].between(0, 1).all()
    assert table["weight"].sum() == pytest.approx(1.0)
    with pytest.raises(ParameterError, match="name one of the studies"):
        pooled.study_effect("Z")


def test_a_study_effect_agrees_with_adaptive_quadrature():
    oracle = Oracle(*SCHOOLS, "half_normal:10")
    y, s = SCHOOLS

    def mean_of_first(tau):
        shrinkage = s[0] ** 2 / (s[0] ** 2 + tau**2)
        return (1 - shrinkage) * y[0] + shrinkage * oracle.conditional(tau)[0]

    pooled = pool(*SCHOOLS, tau_prior="half_normal:10")
    assert pooled.studies["effect_mean"][0] == pytest.approx(oracle.expect(mean_of_first), rel=1e-7)


def test_leave_one_out_is_the_synthesis_of_the_others():
    y, s = simulated(np.random.default_rng(4), 6, 0.3)
    pooled = pool_effects(y, s, study=list("abcdef"))
    table = pooled.leave_one_out()
    for place in range(6):
        others = pool_effects(np.delete(y, place), np.delete(s, place))
        row = table.iloc[place]
        assert row["left_out"] == "abcdef"[place]
        assert row["effect_mean"] == pytest.approx(others.effect.mean(), abs=1e-10)
        ends = others.effect.interval(0.95)
        assert (row["effect_lower"], row["effect_upper"]) == pytest.approx(ends, abs=1e-9)
        assert row["heterogeneity_median"] == pytest.approx(others.heterogeneity.median(), rel=1e-6)
        assert row["change"] == pytest.approx(others.effect.median() - pooled.effect.median())


def test_leave_one_out_keeps_the_centres_of_moderators_and_refuses_too_few():
    y, s = simulated(np.random.default_rng(4), 5, 0.3)
    x = np.array([0.0, 1, 2, 3, 4])
    table = pool_effects(y, s, moderators=x).leave_one_out()
    others = pool_effects(y[1:], s[1:], moderators=x[1:])
    assert table["effect_mean"][0] == pytest.approx(others.effect_at([2.0]).mean())
    with pytest.raises(ParameterError, match="leaving ann out leaves 2 studies; .*3 or more"):
        pool_effects(y[:3], s[:3], tau_prior="flat", study=["ann", "bob", "cid"]).leave_one_out()
    with pytest.raises(ParameterError, match="none to leave"):
        pool_effects(y[:1], s[:1]).leave_one_out()


@pytest.mark.parametrize("prob", [95, 0, 1, float("nan")])
def test_a_probability_of_intervals_is_checked_in_every_table(prob):
    y, s = simulated(np.random.default_rng(4), 5, 0.3)
    pooled, batch = pool_effects(y, s), pool_effects(np.stack([y, y]), s)
    tables = (
        pooled.summary,
        pooled.studies_table,
        pooled.leave_one_out,
        pooled.forest_plot_table,
        batch.table,
    )
    for table in tables:
        with pytest.raises(ParameterError, match="strictly between 0 and 1") as caught:
            table(prob=prob)
        assert caught.value.problems[0].field == "prob"


def test_forest_plot_table_holds_observed_shrunken_pooled_and_predicted():
    pooled = pool_effects([0.1, 0.4], [0.1, 0.2], study=["A", "B"])
    table = pooled.forest_plot_table(0.9, controlled=[True, False], badges=["data", "assumed"])
    assert table["kind"].tolist() == [
        "observed", "shrunken", "observed", "shrunken", "pooled", "predicted",
    ]  # fmt: skip
    assert table["controlled"].tolist() == [True, True, False, False, False, False]
    assert table["badge"].tolist()[:4] == ["data", "data", "assumed", "assumed"]
    assert table["estimate"][0] == 0.1
    assert table["upper"][0] == pytest.approx(0.1 + stats.norm.ppf(0.95) * 0.1)
    assert (table["lower"][4], table["upper"][4]) == pytest.approx(pooled.effect.interval(0.9))
    assert table["upper"][5] > table["upper"][4] and (table["prob"] == 0.9).all()
    with pytest.raises(ParameterError, match="badges: found 1 values"):
        pooled.forest_plot_table(badges=["data"])


def test_summary_names_every_quantity():
    pooled = pool_effects([0.1, 0.4, 0.2], [0.1] * 3, moderators=[1.0, 2.0, 4.0])
    assert pooled.summary()["quantity"].tolist() == [
        "effect", "heterogeneity", "prediction", "moderator_1",
    ]  # fmt: skip


# --- Bayes factor -------------------------------------------------------------------------------


def test_bayes_factor_agrees_with_adaptive_quadrature():
    oracle = Oracle(*SCHOOLS, "half_normal:10", mu_prior=(3.0, 4.0))
    expected = oracle.total * np.exp(oracle.top - oracle.log_marginal(0.0))
    pooled = pool(*SCHOOLS, tau_prior="half_normal:10", mu_prior=(3.0, 4.0))
    assert pooled.bayes_factor_heterogeneity() == pytest.approx(expected, rel=1e-7)


def test_bayes_factor_under_a_flat_mean_is_the_limit_of_wide_priors():
    y, s = simulated(np.random.default_rng(2), 8, 0.5)
    flat = pool_effects(y, s).bayes_factor_heterogeneity()
    wide = pool_effects(y, s, mu_prior=(0.0, 1e4)).bayes_factor_heterogeneity()
    assert flat == pytest.approx(wide, rel=1e-5) and flat > 1


def test_bayes_factor_of_one_study_is_one_and_of_equal_studies_below_one():
    assert pool_effects([0.3], [0.2]).bayes_factor_heterogeneity() == pytest.approx(1.0)
    alike = pool_effects(np.zeros(20), np.full(20, 0.1))
    assert alike.bayes_factor_heterogeneity() < 0.5


def test_bayes_factor_is_refused_under_an_improper_prior():
    with pytest.raises(ParameterError, match="a proper prior; the Bayes factor"):
        pool_effects([0.1, 0.2, 0.5], [0.1] * 3, tau_prior="flat").bayes_factor_heterogeneity()


# --- moderators ---------------------------------------------------------------------------------


def test_a_slope_without_noise_is_found_and_the_effect_is_at_the_mean_of_the_moderator():
    import pandas as pd

    x = np.array([1.0, 2.0, 3.0, 6.0])
    frame = pd.DataFrame({"dose": x})
    pooled = pool_effects(0.2 + 0.1 * x, [0.05] * 4, moderators=frame)
    assert pooled.coefficients["dose"].mean() == pytest.approx(0.1)
    assert pooled.moderator_centres == {"dose": 3.0}
    assert pooled.effect.mean() == pytest.approx(0.5)
    assert pooled.effect_at({"dose": 10.0}).mean() == pytest.approx(1.2)
    assert pooled.prediction_at([10.0]).std() > pooled.effect_at([10.0]).std()
    with pytest.raises(ParameterError, match="moderators"):
        pooled.effect_at({"doze": 10.0})
    with pytest.raises(ParameterError, match="moderators"):
        pooled.effect_at([1.0, 2.0])


def test_a_moderator_known_to_be_useless_leaves_the_common_effect_alone():
    # Symmetric design: the slope is uncorrelated with the mean, so given tau it changes nothing.
    y, s = np.array([0.3, 0.1, 0.1, 0.3]), np.full(4, 0.2)
    x = np.array([-1.0, -1.0, 1.0, 1.0])
    pooled = pool_effects(y, s, moderators=x, tau_prior=("half_normal", 1e-6))
    assert pooled.coefficients["moderator_1"].mean() == pytest.approx(0.0, abs=1e-9)
    assert pooled.effect.std() == pytest.approx(0.1, rel=1e-6)


# --- many at once -------------------------------------------------------------------------------


@pytest.mark.parametrize("prior", ["half_normal:0.5", "half_cauchy:0.3", "log_t:-3:1.8:5", "flat"])
@pytest.mark.parametrize("mu_prior", [None, (0.1, 0.5)])
def test_a_batch_is_the_same_as_one_by_one(prior, mu_prior):
    rng = np.random.default_rng(6)
    pairs = [simulated(rng, 6, 0.4) for _ in range(7)]
    y, s = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    batch = pool_effects(y, s, tau_prior=prior, mu_prior=mu_prior)
    assert isinstance(batch, PooledBatch) and len(batch) == 7
    table = batch.table(0.9)
    for row in range(7):
        alone = pool_effects(y[row], s[row], tau_prior=prior, mu_prior=mu_prior)
        assert isinstance(alone, PooledEffects)
        for name in ("effect", "heterogeneity", "prediction"):
            quantity = getattr(alone, name)
            lower, upper = quantity.interval(0.9)
            expected = [quantity.mean(), quantity.std(), quantity.median(), lower, upper]
            columns = ["mean", "standard_deviation", "median", "lower", "upper"]
            found = table.loc[row, [f"{name}_{column}" for column in columns]]
            np.testing.assert_allclose(found.to_numpy(float), expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(batch[-1].effect.mean(), batch.effect_mean[-1])


def test_a_batch_with_moderators_shares_them():
    rng = np.random.default_rng(6)
    y, x = rng.normal(size=(3, 5)), rng.normal(size=(5, 2))
    batch = pool_effects(y, np.full(5, 0.2), moderators=x)
    alone = pool_effects(y[2], np.full(5, 0.2), moderators=x)
    assert batch.effect_standard_deviation[2] == pytest.approx(alone.effect.std())
    assert list(batch[1].coefficients) == ["effect", "moderator_1", "moderator_2"]


# --- the protocol -------------------------------------------------------------------------------


def test_results_speak_the_frozen_distribution_protocol():
    pooled = pool_effects([0.1, 0.4, 0.3], [0.1, 0.2, 0.1])
    for quantity in (pooled.effect, pooled.heterogeneity, pooled.prediction):
        assert quantity.cdf(quantity.ppf([0.1, 0.9])) == pytest.approx([0.1, 0.9])
        assert quantity.rvs(5, random_state=1).shape == (5,)
        lower, upper = quantity.hdi(0.9)
        assert quantity.cdf(upper) - quantity.cdf(lower) == pytest.approx(0.9)
        assert upper - lower <= np.ptp(quantity.interval(0.9)) + 1e-12
        assert quantity.pdf(quantity.median()) > 0
    assert isinstance(pooled.effect, NormalMixture)
    assert isinstance(pooled.heterogeneity.base, GridDistribution)
    assert "3 studies" in repr(pooled) and "half_normal:0.5" in repr(pooled)
    assert pooled.heterogeneity.hdi(0.5)[0] == pytest.approx(0.0, abs=1e-6)


# --- what cannot be pooled ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, words",
    [
        (dict(estimate=[0.1, np.nan]), "estimate[1]: found nan"),
        (dict(estimate=[0.1, np.inf]), "estimate[1]: found inf"),
        (dict(estimate=[]), "estimate: found shape (0,)"),
        (dict(estimate=["a", "b"]), "estimate: found ['a', 'b']"),
        (dict(estimate=np.zeros((1, 1, 2))), "one or two dimensions"),
        (dict(standard_error=[0.1, 0.0]), "standard_error[1]: found 0.0"),
        (dict(standard_error=[0.1, -0.2]), "standard_error[1]: found -0.2"),
        (dict(standard_error=[0.1]), "standard_error: found shape (1,)"),
        (dict(study=["A"]), "study: found 1 names"),
        (dict(study=["A", "A"]), "double use"),
        (dict(tau_prior="half_norml:1"), "did you mean 'half_normal'?"),
        (dict(mu_prior=0.3), "mu_prior: found 0.3"),
        (dict(mu_prior=(0.0, 0.0)), "standard deviation is positive"),
        (dict(moderators=[1.0, 1.0]), "none constant"),
        (dict(moderators=[[1.0, 2.0], [3.0, 5.0]]), "cannot tell apart"),
        (dict(moderators=[1.0, 2.0, 3.0]), "one row a study"),
        (dict(moderators=[1.0, np.nan]), "moderators: found nan or inf"),
    ],
)
def test_what_cannot_be_pooled_is_refused_by_name(arguments, words):
    good = {"estimate": [0.1, 0.2], "standard_error": [0.1, 0.2]}
    with pytest.raises(ParameterError) as caught:
        pool_effects(**(good | arguments))
    assert words in str(caught.value)


def test_every_problem_is_reported_at_once():
    with pytest.raises(ParameterError) as caught:
        pool_effects([np.nan, 0.1], [0.1, -1], study=["A", "A"], mu_prior=(0, -1))
    fields = [problem.field for problem in caught.value.problems]
    assert fields == ["estimate[0]", "standard_error[1]", "study", "mu_prior"]


def test_the_default_prior_warns_of_estimates_that_are_no_log_ratios():
    with pytest.warns(RiskModelWarning, match="found 28; allowed: log ratios"):
        pool_effects(*SCHOOLS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pool_effects(*SCHOOLS, tau_prior=("half_normal", 10))


# --- slow: another method, and calibration ------------------------------------------------------


@pytest.mark.slow
def test_agrees_with_nuts_within_five_standard_errors():
    import arviz
    import pymc

    y, s = SCHOOLS
    with pymc.Model():
        mu = pymc.Flat("mu")
        tau = pymc.HalfNormal("tau", 10.0)
        theta = pymc.Deterministic("theta", mu + tau * pymc.Normal("z", shape=8))
        pymc.Normal("y", theta, s, observed=y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            draws = pymc.sample(
                2000, tune=1000, chains=4, cores=1, random_seed=3, target_accept=0.95,
                progressbar=False,
            )  # fmt: skip
    pooled = pool(*SCHOOLS, tau_prior="half_normal:10")
    posterior = draws.posterior
    ours = {"mu": pooled.effect, "tau": pooled.heterogeneity}
    for name, quantity in ours.items():
        x = posterior[name]
        error = float(arviz.mcse(posterior[[name]], method="mean")[name])
        assert abs(float(x.mean()) - quantity.mean()) < 5 * error, name
        squares = ((x - x.mean()) ** 2).to_dataset(name=name)
        error = float(arviz.mcse(squares, method="mean")[name]) / (2 * quantity.std())
        assert abs(float(x.std()) - quantity.std()) < 5 * error, name
        for prob in (0.025, 0.5, 0.975):
            error = float(arviz.mcse(posterior[[name]], method="quantile", prob=prob)[name])
            assert abs(float(posterior[name].quantile(prob)) - quantity.ppf(prob)) < 5 * error
    error = arviz.mcse(posterior[["theta"]], method="mean")["theta"].to_numpy()
    theirs = posterior["theta"].mean(("chain", "draw")).to_numpy()
    assert (np.abs(theirs - pooled.studies["effect_mean"].to_numpy()) < 5 * error).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "prior", ["half_normal:0.5", "half_cauchy:0.3", "log_normal:-3:1.5", "log_t:-3:1.5:5"]
)
def test_ranks_of_the_truth_are_uniform(prior):
    """Simulation-based calibration by exact probability integral transforms.

    4,000 data sets, chi-squared over 20 bins at the 1% level for each of three quantities. Its
    power against a posterior whose deviation is 10% too small or too great is above 0.95, and
    against a mean off by a tenth of a deviation above 0.95 (non-central chi-squared, below).
    """
    count, bins, k = 4000, 20, 6
    rng = np.random.default_rng(20)
    mu = rng.normal(0.2, 0.7, count)
    tau = parse_tau_prior(prior).rvs(count, rng)
    s = np.exp(rng.normal(-1.2, 0.5, k))
    theta = rng.normal(mu[:, None], tau[:, None], (count, k))
    new = rng.normal(mu, tau)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RiskModelWarning)
        batch = pool_effects(rng.normal(theta, s), s, tau_prior=prior, mu_prior=(0.2, 0.7))
    edges = np.arange(1, bins) / bins
    for name, truth in (("effect", mu), ("heterogeneity", tau), ("prediction", new)):
        quantiles = getattr(batch, f"{name}_quantiles")(edges)
        rank = (truth[:, None] > quantiles).sum(axis=1)
        counts = np.bincount(rank, minlength=bins)
        assert stats.chisquare(counts).pvalue > 0.01, (name, counts)


def test_the_power_of_the_calibration_test_is_as_stated():
    count, bins = 4000, 20
    edges = stats.norm.ppf(np.arange(bins + 1) / bins)
    cut = stats.chi2.ppf(0.99, bins - 1)
    for off in (stats.norm(0, 1.1), stats.norm(0, 1 / 1.1), stats.norm(0.1, 1)):
        share = np.diff(off.cdf(edges))
        excess = count * np.sum((share - 1 / bins) ** 2 * bins)
        assert stats.ncx2.sf(cut, bins - 1, excess) > 0.95


@pytest.mark.slow
def test_intervals_cover_the_truth_as_often_as_they_say():
    """2,000 data sets at a fixed truth; 95% intervals cover 95% to within what the prior moves."""
    rng = np.random.default_rng(2)
    s = np.exp(rng.normal(-1.2, 0.5, 12))
    y = rng.normal(0.3, np.hypot(s, 0.25), (2000, 12))
    ends = pool_effects(y, s).effect_quantiles([0.025, 0.975])
    covered = np.mean((ends[:, 0] <= 0.3) & (ends[:, 1] >= 0.3))
    # A Bayesian interval is exact only on average over the prior; 0.93 to 0.98 leaves room for
    # that, with a Monte Carlo error of 0.005.
    assert 0.93 < covered < 0.98


def test_reml_lies_near_the_mode_of_tau_under_a_flat_prior():
    y, s = simulated(np.random.default_rng(9), 40, 0.5)
    oracle = Oracle(y, s, "flat")
    reml = optimize.minimize_scalar(
        lambda tau: -oracle.log_marginal(tau), bounds=(0, 3), method="bounded",
        options={"xatol": 1e-10},
    ).x  # fmt: skip
    pooled = pool_effects(y, s, tau_prior="flat")
    tau = np.linspace(reml - 0.01, reml + 0.01, 2001)
    assert tau[np.argmax(pooled.heterogeneity.pdf(tau))] == pytest.approx(reml, abs=2e-5)
