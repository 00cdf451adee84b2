"""The quadrature behind pooled counts: its likelihoods, its convergence, and its calibration.

Where a tolerance is not that of rounding, the test says what it stands for. ``RELATIVE`` is the
stated accuracy: mean, standard deviation and interval ends to 1e-6 of a standard deviation.
"""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit, logit

from riskmodel.evidence.pooling_counts import pool_counts
from riskmodel.evidence.pooling_likelihoods import (
    ArmCounts,
    BaselinePrior,
    conditional_log_likelihood,
    half_difference,
    integrated_log_likelihood,
)

RELATIVE = 1e-6
MEASURES = ("odds_ratio", "relative_risk", "risk_difference")
TAU = {
    "odds_ratio": ("half_normal", 0.5),
    "relative_risk": ("half_normal", 0.5),
    "risk_difference": ("half_normal", 0.05),
}
MIXED = ([1, 0, 3, 0, 6], [60, 45, 110, 80, 150], [4, 0, 7, 2, 9], [58, 50, 100, 85, 160])


def described(distribution):
    return np.array([distribution.mean(), distribution.std(), *distribution.interval(0.95)])


def risks(measure, log_odds, theta):
    """Both risks, by root finding on the plain definition of each measure."""
    plain = {
        "odds_ratio": lambda p1, p0: logit(p1) - logit(p0),
        "relative_risk": lambda p1, p0: np.log(p1 / p0),
        "risk_difference": lambda p1, p0: p1 - p0,
    }[measure]
    from scipy.optimize import brentq

    d = brentq(lambda d: plain(expit(log_odds + d), expit(log_odds - d)) - theta, -40, 40)
    return expit(log_odds + d), expit(log_odds - d)


# --- the likelihoods -----------------------------------------------------------------------------


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("log_odds, theta", [(-4.0, 0.3), (-1.0, -0.6), (2.0, 0.2), (0.0, 0.0)])
def test_the_two_risks_are_those_of_the_definition(measure, log_odds, theta):
    d = half_difference(measure, np.array(log_odds), theta)
    p1, p0 = risks(measure, log_odds, theta)
    assert expit(log_odds + d) == pytest.approx(p1, rel=1e-10)
    assert expit(log_odds - d) == pytest.approx(p0, rel=1e-10)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("y1, n1, y0, n0", [(3, 40, 7, 50), (0, 30, 2, 35), (0, 20, 0, 25)])
def test_the_baseline_is_integrated_out(measure, y1, n1, y0, n0):
    counts = ArmCounts(*(np.array([float(x)]) for x in (y1, n1, y0, n0)), ("one",))
    theta = {"risk_difference": [-0.1, 0.02]}.get(measure, [-1.0, 0.8])

    def by_scipy(effect):
        def integrand(a):
            d = half_difference(measure, a, effect)
            arms = stats.binom.pmf(y1, n1, expit(a + d)) * stats.binom.pmf(y0, n0, expit(a - d))
            return arms * stats.norm.pdf(a, -1, 3)

        points = np.linspace(-26, 24, 101)
        return sum(
            integrate.fixed_quad(integrand, a, b, n=20)[0]
            for a, b in zip(points, points[1:], strict=False)
        )

    found = integrated_log_likelihood(
        counts, np.zeros(2, int), np.array(theta), measure, BaselinePrior("normal", -1, 3)
    )
    assert np.exp(found) == pytest.approx([by_scipy(t) for t in theta], rel=1e-8)


@pytest.mark.parametrize("y1, n1, y0, n0", [(3, 40, 7, 50), (0, 30, 2, 35), (5, 9, 9, 9)])
def test_the_conditional_likelihood_is_fishers_noncentral_hypergeometric(y1, n1, y0, n0):
    counts = ArmCounts(*(np.array([float(x)]) for x in (y1, n1, y0, n0)), ("one",))
    theta = np.array([-2.0, 0.0, 1.3])
    found = conditional_log_likelihood(counts, np.zeros(3, int), theta)
    wanted = stats.nchypergeom_fisher.pmf(y1, n1 + n0, n1, y1 + y0, np.exp(theta))
    assert np.exp(found) == pytest.approx(wanted, rel=1e-9)


# --- oracles of the whole ------------------------------------------------------------------------


@pytest.mark.parametrize("measure", MEASURES)
def test_one_study_without_heterogeneity_is_a_double_integral(measure):
    """scipy.integrate.dblquad over the effect and the baseline; tau of 1e-7 stands for none."""
    y1, n1, y0, n0 = 3, 40, 7, 50
    mean, sd = (0.0, 0.3) if measure == "risk_difference" else (0.0, 1.0)
    ends = (-0.6, 0.5) if measure == "risk_difference" else (-4.0, 3.0)

    def joint(a, theta):
        d = float(half_difference(measure, np.array(a), theta))
        logs = -0.5 * ((theta - mean) / sd) ** 2 - 0.5 * ((a + 2) / 2) ** 2
        for y, n, arm in ((y1, n1, a + d), (y0, n0, a - d)):
            logs += y * arm - n * np.log1p(np.exp(arm))
        return np.exp(logs + 32.0)

    def integral(power):
        return integrate.dblquad(
            lambda a, theta: theta**power * joint(a, theta), *ends, -7, 3, epsabs=1e-9, epsrel=1e-6
        )[0]

    total = integral(0)
    first, second = integral(1) / total, integral(2) / total
    pooled = pool_counts(
        [y1], [n1], [y0], [n0], measure=measure, tau_prior=("half_normal", 1e-7),
        mu_prior=("normal", mean, sd), baseline_prior=("normal", -2, 2),
    )  # fmt: skip
    spread = np.sqrt(second - first**2)
    assert pooled.effect.mean() == pytest.approx(first, abs=2e-5 * spread)  # that of dblquad
    assert pooled.effect.std() == pytest.approx(spread, rel=2e-5)


def brute_force(trials, log_likelihood, tau_scale, lattice):
    """Posterior of mu and tau, and marginal likelihood, on lattices; effects by a plain sum."""
    theta, mu, tau = lattice
    like = np.exp(np.stack([log_likelihood(i, theta) for i in range(len(trials[0]))]))
    step = theta[1] - theta[0]
    density = np.empty((len(mu), len(tau)))
    for r, t in enumerate(tau):
        kernel = stats.norm.pdf(theta, mu[:, None], max(t, 0.05)) * step
        density[:, r] = np.prod(kernel @ like.T, axis=1)
    density *= stats.norm.pdf(mu, 0, 1)[:, None] * stats.halfnorm.pdf(tau, scale=tau_scale)
    weight = integrate.simpson(density, x=tau, axis=1)
    total = integrate.simpson(weight, x=mu)
    mean = integrate.simpson(weight * mu, x=mu) / total
    variance = integrate.simpson(weight * (mu - mean) ** 2, x=mu) / total
    by_tau = integrate.simpson(density, x=mu, axis=0)
    return mean, np.sqrt(variance), integrate.simpson(by_tau * tau, x=tau) / total, total


@pytest.mark.parametrize("model", ["conditional", "unconditional"])
def test_several_studies_are_a_plain_sum_over_a_lattice(model):
    """A lattice of another kind: uniform in effect, mean and tau; no interpolation anywhere."""
    trials = tuple(np.array(x, float) for x in ([1, 0, 5], [30, 25, 60], [4, 3, 4], [30, 30, 55]))
    counts = ArmCounts(*trials, ("a", "b", "c"))

    def log_likelihood(i, theta):
        index = np.full(len(theta), i)
        if model == "conditional":
            return conditional_log_likelihood(counts, index, theta)
        prior = BaselinePrior("normal", -1, 2)
        return integrated_log_likelihood(counts, index, theta, "odds_ratio", prior, nodes=150)

    # A lattice of 0.05 holds normals of 0.05 and wider; a narrower one is near enough to that.
    theta, mu = np.arange(-14, 12, 0.05), np.linspace(-5, 4, 181)
    tau = np.linspace(0.0, 3.0, 121)
    mean, spread, mean_tau, total = brute_force(trials, log_likelihood, 0.5, (theta, mu, tau))
    pooled = pool_counts(
        *trials, model=model, mu_prior=(0, 1),
        baseline_prior=("normal", -1, 2) if model == "unconditional" else None,
    )  # fmt: skip
    assert pooled.effect.mean() == pytest.approx(mean, abs=3e-4)
    assert pooled.effect.std() == pytest.approx(spread, rel=3e-4)
    assert pooled.heterogeneity.mean() == pytest.approx(mean_tau, abs=3e-4)


def test_a_rare_outcome_has_the_same_odds_ratio_and_relative_risk():
    trials = [3, 5, 8], [9000, 12000, 20000], [6, 9, 9], [9000, 11000, 21000]
    ratio = pool_counts(*trials, measure="relative_risk").effect
    odds = pool_counts(*trials, measure="odds_ratio").effect
    assert described(ratio) == pytest.approx(described(odds), abs=2e-3)  # the size of the risks


# --- convergence ---------------------------------------------------------------------------------

HARD = {
    "mixed": MIXED,
    "one": ([3], [50], [7], [50]),
    "no events at all": ([0, 0, 0], [50, 20, 100], [0, 0, 0], [50, 40, 100]),
    "nothing under treatment": ([0, 0, 0, 0], [50, 60, 70, 100], [1, 2, 0, 4], [50, 60, 70, 110]),
    "great and small": ([500, 5200, 3], [10000, 100000, 50], [600, 5000, 6], [10000, 100000, 50]),
    "far apart": ([100, 400, 300], [1000, 1000, 1000], [400, 100, 300], [1000, 1000, 1000]),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize(
    "settings",
    [
        ("odds_ratio", "unconditional"),
        ("odds_ratio", "conditional"),
        ("relative_risk", "unconditional"),
        ("risk_difference", "unconditional"),
    ],
)
def test_a_doubled_grid_gives_the_same(name, settings):
    measure, model = settings
    once, twice = (
        pool_counts(
            *HARD[name], measure=measure, model=model, tau_prior=TAU[measure], resolution=resolution
        )
        for resolution in (1, 2)
    )
    for quantity in ("effect", "heterogeneity", "prediction"):
        wanted = described(getattr(twice, quantity))
        allowed = (3 if measure == "risk_difference" else 1) * RELATIVE * wanted[1]
        assert described(getattr(once, quantity)) == pytest.approx(wanted, abs=allowed), quantity
    assert once.log_marginal_likelihood == pytest.approx(twice.log_marginal_likelihood, abs=1e-6)
    if name in ("mixed", "great and small"):
        columns = ["effect_mean", "effect_standard_deviation", "effect_lower", "effect_upper"]
        wanted = twice.studies[columns].to_numpy()
        allowed = 1e-5 * wanted[:, 1].min()
        assert once.studies[columns].to_numpy() == pytest.approx(wanted, abs=allowed)


@pytest.mark.slow
@pytest.mark.parametrize(
    "tau_prior",
    [("half_cauchy", 0.5), ("half_student_t", 4, 0.5), ("uniform", 2), ("log_normal", -2.5, 1.7),
     ("log_t", -3.4, 1.6, 5)],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("name", ["mixed", "nothing under treatment", "great and small"])
def test_a_doubled_grid_gives_the_same_under_every_prior(tau_prior, name):
    """Heavy tails and logarithmic priors: within 2e-5 of a standard deviation."""
    once, twice = (pool_counts(*HARD[name], tau_prior=tau_prior, resolution=r) for r in (1, 2))
    for quantity in ("effect", "heterogeneity", "prediction"):
        wanted = np.array(getattr(twice, quantity).interval(0.95))
        found = np.array(getattr(once, quantity).interval(0.95))
        assert found == pytest.approx(wanted, abs=2e-5 * (wanted[1] - wanted[0])), quantity


def test_a_prior_alone_comes_back_from_data_that_say_nothing():
    pooled = pool_counts([0, 0], [20, 30], [0, 0], [20, 30], model="conditional")
    assert described(pooled.effect) == pytest.approx([0, 2.82, -5.5271, 5.5271], abs=1e-4)
    prior = stats.halfnorm(scale=0.5)
    wanted = [prior.mean(), prior.std(), *prior.interval(0.95)]
    assert described(pooled.heterogeneity) == pytest.approx(wanted, abs=1e-6)
    assert pooled.log_marginal_likelihood == pytest.approx(0.0, abs=1e-9)


# --- limits --------------------------------------------------------------------------------------


def test_no_result_is_continuity_corrected_and_cut_effects_say_so():
    for measure in MEASURES:
        notes = pool_counts(*MIXED, measure=measure, tau_prior=TAU[measure]).notes
        assert notes[-1] == "no continuity correction"
    assert "cut to (-1, 1)" in notes[1]
    assert "uncut" in pool_counts(*MIXED, measure="relative_risk").notes[1]


def test_a_vague_baseline_prior_comes_near_to_conditioning():
    """As the prior of the mean log odds widens the two models answer alike where events occur."""
    trials = [3, 6, 9], [100, 120, 200], [7, 9, 8], [100, 110, 210]
    exact = pool_counts(*trials, model="conditional").effect
    gaps = [
        abs(pool_counts(*trials, baseline_prior=("normal", 0, sd)).effect.mean() - exact.mean())
        for sd in (1, 10)
    ]
    assert gaps[1] < 0.02 < gaps[0]


def test_moments_that_do_not_exist_are_infinite():
    pooled = pool_counts([0], [30], [3], [30], model="conditional", tau_prior=("half_cauchy", 0.5))
    assert pooled.heterogeneity.mean() == np.inf
    assert pooled.prediction.mean() == np.inf
    assert np.isfinite([*pooled.prediction.interval(0.95), pooled.effect.std()]).all()


def test_the_marginal_likelihood_adds_up_over_every_outcome():
    """Over all counts of one small trial the probabilities sum to 1: an error in any would show."""
    total = sum(
        np.exp(
            pool_counts([y1], [3], [y0], [2], baseline_prior=("normal", -1, 1.5))
            .log_marginal_likelihood
        )
        for y1 in range(4)
        for y0 in range(3)
    )  # fmt: skip
    assert total == pytest.approx(1.0, abs=1e-7)


# --- calibration ---------------------------------------------------------------------------------

REPEATS = 150
# Kolmogorov-Smirnov at the 1% level on 150 ranks catches, in at least 90% of runs on normal
# posteriors, a mean off by 0.4 posterior standard deviations, or a standard deviation wrong by the
# factor 1.8 (shown by a test of its own in test_pooling_calibration.py).


@pytest.mark.slow
@pytest.mark.parametrize(
    "measure, model",
    [("odds_ratio", "unconditional"), ("odds_ratio", "conditional"),
     ("relative_risk", "unconditional"), ("risk_difference", "unconditional")],
)  # fmt: skip
def test_truths_drawn_from_the_prior_have_uniform_ranks(measure, model):
    """Simulation-based calibration: the posterior is exact, so a rank is its distribution function.

    Four quantities at 1% each; a sound model fails for one seed in 25, and the seed is fixed.
    """
    rng = np.random.default_rng(2)
    k, scale = 4, (0.1 if measure == "risk_difference" else 1.0)
    settings = {
        "measure": measure,
        "tau_prior": ("half_normal", 0.5 * scale),
        "mu_prior": ("normal", 0.0, scale),
    }
    if model == "unconditional":
        settings["baseline_prior"] = ("normal", -2.0, 1.0)
    cut = (lambda m, s: stats.truncnorm((-1 - m) / s, (1 - m) / s, m, s)) if scale < 1 else None
    ranks = []
    for _ in range(REPEATS):
        n1, n0 = rng.integers(20, 80, (2, k))
        mu, tau = rng.normal(0, scale), abs(rng.normal(0, 0.5 * scale))
        effects = (cut or stats.norm)(mu, tau).rvs(size=k + 1, random_state=rng)
        base = rng.normal(-2, 1, k)
        d = half_difference(measure, base, effects[:k])
        y1, y0 = rng.binomial(n1, expit(base + d)), rng.binomial(n0, expit(base - d))
        pooled = pool_counts(y1, n1, y0, n0, model=model, **settings)
        own = pooled.posterior.study_effects()[0]
        ranks.append(
            [
                pooled.effect.cdf(mu),
                pooled.heterogeneity.cdf(tau),
                pooled.prediction.cdf(effects[k]),
                own.cdf(effects[0]),
            ]
        )
    for quantity, values in zip(("mu", "tau", "new", "own"), np.transpose(ranks), strict=True):
        assert stats.kstest(values, "uniform").pvalue > 0.01, quantity
