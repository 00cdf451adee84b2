"""Two arms against nested adaptive quadrature, exact symmetries, the normal model and simulation.

The oracle codes the arms otherwise than the code does (comparator's log odds and the comparator
plus the effect, with the prior moved accordingly) and shares no node with it.
"""

import numpy as np
import pytest
from scipy import integrate, special, stats

from riskmodel.errors import ParameterError
from riskmodel.evidence.pooling import pool_effects
from riskmodel.evidence.pooling_counts import pool_counts
from riskmodel.evidence.pooling_likelihoods import ArmCounts, conditional_log_likelihood

TRIALS = ([1, 0, 2], [50, 60, 80], [4, 0, 5], [50, 60, 80])
BOTH = ("unconditional", "conditional")
NAMES = ("effect", "heterogeneity", "prediction")
SETTINGS = {
    "odds_ratio": {},
    "relative_risk": {},
    "risk_difference": {"tau_prior": ("half_normal", 0.05)},
}


def same(one, other, names=NAMES, **near):
    """Hold means, standard deviations and interval ends of two results against each other."""
    for name in names:
        here, there = getattr(one, name), getattr(other, name)
        numbers = [[d.mean(), d.std(), *d.interval(0.95)] for d in (here, there)]
        np.testing.assert_allclose(*numbers, err_msg=name, **near)


def swapped(trials):
    events, n, events_comparator, n_comparator = trials
    return events_comparator, n_comparator, events, n


# --- symmetries ----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", BOTH)
@pytest.mark.parametrize("trials", [TRIALS, ([0, 7], [12, 30], [3, 9], [25, 31])])
def test_exchanging_the_arms_turns_the_sign(trials, model):
    # By construction, so to rounding only.
    one, other = pool_counts(*trials, model=model), pool_counts(*swapped(trials), model=model)
    for name in ("effect", "prediction"):
        here, there = getattr(one, name), getattr(other, name)
        assert here.mean() == pytest.approx(-there.mean(), abs=1e-11)
        assert here.std() == pytest.approx(there.std(), abs=1e-11)
        lower, upper = there.interval(0.95)
        assert here.interval(0.95) == pytest.approx((-upper, -lower), abs=1e-11)
    assert one.heterogeneity.mean() == pytest.approx(other.heterogeneity.mean(), abs=1e-11)
    assert one.log_marginal_likelihood == pytest.approx(other.log_marginal_likelihood, abs=1e-10)


@pytest.mark.parametrize("measure", ["relative_risk", "risk_difference"])
def test_exchanging_the_arms_turns_the_sign_on_other_scales(measure):
    one = pool_counts(*TRIALS, measure=measure, **SETTINGS[measure])
    other = pool_counts(*swapped(TRIALS), measure=measure, **SETTINGS[measure])
    assert one.effect.mean() == pytest.approx(-other.effect.mean(), abs=1e-9)
    assert one.effect.std() == pytest.approx(other.effect.std(), abs=1e-9)


def test_an_odds_ratio_of_events_is_one_of_their_absence():
    events, n, events_comparator, n_comparator = (np.array(values) for values in TRIALS)
    turned = pool_counts(n - events, n, n_comparator - events_comparator, n_comparator)
    assert turned.effect.mean() == pytest.approx(-pool_counts(*TRIALS).effect.mean(), abs=1e-9)


def test_the_order_of_trials_does_not_matter():
    turned = [values[::-1] for values in TRIALS]
    same(pool_counts(*TRIALS), pool_counts(*turned), atol=1e-10)


# --- no events, and no correction ----------------------------------------------------------------


def without_double_zero(trials):
    return [[values[i] for i in (0, 2)] for values in trials]


def test_a_trial_without_events_says_nothing_in_the_conditional_model():
    with_it = pool_counts(*TRIALS, model="conditional")
    without = pool_counts(*without_double_zero(TRIALS), model="conditional")
    same(with_it, without, atol=1e-8)
    # its likelihood is 1 whatever the effect
    assert with_it.log_marginal_likelihood == pytest.approx(
        without.log_marginal_likelihood, abs=1e-8
    )
    assert with_it.notes[0].endswith("it carries no information")


def test_a_trial_without_events_says_a_little_in_the_unconditional_model():
    with_it, without = pool_counts(*TRIALS), pool_counts(*without_double_zero(TRIALS))
    assert 1e-8 < abs(with_it.effect.mean() - without.effect.mean()) < 0.1
    assert with_it.notes[0].endswith("it informs a little")


@pytest.mark.parametrize("measure", list(SETTINGS))
def test_arms_without_events_need_no_correction(measure):
    # 0 of 40 against 6 of 40: the log odds ratio of the counts alone is -inf.
    pooled = pool_counts([0, 0], [40, 30], [6, 0], [40, 30], measure=measure, **SETTINGS[measure])
    for name in NAMES:
        found = getattr(pooled, name)
        assert np.isfinite([found.mean(), found.std(), *found.interval(0.99)]).all()
    assert pooled.effect.mean() < 0
    assert pooled.notes[-1] == "no continuity correction"
    assert np.isfinite(pooled.studies.select_dtypes("number")).all(axis=None)
    assert list(pooled.studies["without_contrast"]) == [False, True]


def test_no_events_at_all_leave_the_conditional_prior():
    pooled = pool_counts([0, 0], [40, 30], [0, 0], [40, 30], model="conditional")
    assert pooled.effect.mean() == pytest.approx(0.0, abs=1e-7)
    assert pooled.effect.std() == pytest.approx(2.82, abs=1e-5)
    assert pooled.heterogeneity.median() == pytest.approx(0.5 * stats.norm.ppf(0.75), abs=1e-5)
    assert pooled.log_marginal_likelihood == pytest.approx(0.0, abs=1e-7)


# --- against other arithmetic --------------------------------------------------------------------


def test_one_trial_agrees_with_adaptive_quadrature():
    # tau of about 1e-4 leaves one effect. The oracle's axes are the comparator's log odds and the
    # effect; the prior of the mean log odds is then one of `log_odds + effect / 2`.
    y1, n1, y0, n0 = 0, 20, 4, 25
    pooled = pool_counts(
        [y1], [n1], [y0], [n0], tau_prior="half_normal:1e-4", mu_prior=(0, 1.5),
        baseline_prior=("normal", -1, 2),
    )  # fmt: skip

    def density(log_odds, effect):
        treated = log_odds + effect
        found = special.expit(treated) ** y1 * special.expit(-treated) ** (n1 - y1)
        found *= special.expit(log_odds) ** y0 * special.expit(-log_odds) ** (n0 - y0)
        found *= np.exp(-(((log_odds + effect / 2 + 1) / 2) ** 2) / 2 - (effect / 1.5) ** 2 / 2)
        return found * special.comb(n0, y0) * special.comb(n1, y1) / (2 * np.pi * 2 * 1.5)

    def at(effect):
        inner = integrate.quad_vec(lambda a: density(a, effect), -12, 8, epsrel=1e-9)[0]
        return inner * np.array([1.0, effect, effect**2])

    total, first, second = integrate.quad_vec(at, -13, 9, epsrel=1e-9)[0]
    mean = first / total
    assert pooled.effect.mean() == pytest.approx(mean, abs=1e-6)
    assert pooled.effect.std() == pytest.approx(np.sqrt(second / total - mean**2), abs=1e-6)
    assert pooled.log_marginal_likelihood == pytest.approx(np.log(total), abs=1e-6)


def test_the_conditional_likelihood_is_fishers_noncentral_hypergeometric():
    counts = ArmCounts(*np.array([[3.0], [17.0], [5.0], [23.0]]), ("one",))
    theta = np.linspace(-3, 3, 7)
    found = conditional_log_likelihood(counts, np.zeros(7, int), theta)
    expected = [stats.nchypergeom_fisher.logpmf(3, 40, 17, 8, np.exp(t)) for t in theta]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("model", BOTH)
def test_great_counts_are_the_normal_model_of_log_odds_ratios(model):
    n = np.full(4, 5000)
    events, comparator = np.array([400, 610, 350, 900]), np.array([520, 640, 500, 1010])
    estimate = special.logit(events / n) - special.logit(comparator / n)
    error = np.sqrt(1 / events + 1 / (n - events) + 1 / comparator + 1 / (n - comparator))
    exact = pool_counts(events, n, comparator, n, model=model)
    normal = pool_effects(estimate, error, mu_prior=(0, 2.82))
    same(exact, normal, atol=1e-2)


def test_great_counts_are_the_normal_model_on_other_scales():
    n = np.full(4, 5000)
    events, comparator = np.array([400, 610, 350, 900]), np.array([520, 640, 500, 1010])
    p1, p0 = events / n, comparator / n
    ratio = pool_counts(events, n, comparator, n, measure="relative_risk")
    error = np.sqrt((1 - p1) / events + (1 - p0) / comparator)
    same(ratio, pool_effects(np.log(p1 / p0), error, mu_prior=(0, 2.82)), atol=1e-2)
    prior = ("half_normal", 0.05)
    difference = pool_counts(events, n, comparator, n, measure="risk_difference", tau_prior=prior)
    error = np.sqrt(p1 * (1 - p1) / n + p0 * (1 - p0) / n)
    same(difference, pool_effects(p1 - p0, error, tau_prior=prior), atol=1e-3)


@pytest.mark.parametrize("model", BOTH)
def test_twice_the_nodes_change_nothing(model):
    plain, double = (pool_counts(*TRIALS, model=model, resolution=r) for r in (1.0, 2.0))
    same(plain, double, atol=1e-6)


def test_twice_the_nodes_change_nothing_on_other_scales():
    for measure in ("relative_risk", "risk_difference"):
        settings = {"measure": measure, **SETTINGS[measure]}
        plain, double = (pool_counts(*TRIALS, **settings, resolution=r) for r in (1.0, 2.0))
        same(plain, double, atol=1e-6)


# --- known truth ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", BOTH)
def test_a_known_truth_is_found_among_rare_events(model):
    # Risks of about 3%, arms of 50 to 300: some arms have no event. A correction of a half would
    # pull the mean towards 0; the exact likelihood does not.
    rng = np.random.default_rng(11)
    k, mu, tau = 80, -0.7, 0.3
    n, n_comparator = rng.integers(50, 300, (2, k))
    log_odds = rng.normal(-3.5, 0.5, k)
    events = rng.binomial(n, special.expit(log_odds + rng.normal(mu, tau, k)))
    comparator = rng.binomial(n_comparator, special.expit(log_odds))
    assert ((events == 0) & (comparator == 0)).any() and (events == 0).sum() > 5
    pooled = pool_counts(events, n, comparator, n_comparator, model=model)
    for found, truth in ((pooled.effect, mu), (pooled.heterogeneity, tau)):
        assert abs(found.mean() - truth) < 3.5 * found.std()
    assert pooled.effect.std() < 0.15


# --- what is returned ----------------------------------------------------------------------------


def test_the_tables():
    pooled = pool_counts(*TRIALS, study=["A", "B", "C"])
    table = pooled.studies
    assert list(table["study"]) == ["A", "B", "C"]
    assert list(table["events_comparator"]) == TRIALS[2]
    assert (table["effect_lower"] < table["effect_median"]).all()
    assert (table["effect_median"] < table["effect_upper"]).all()
    assert list(pooled.summary(0.9)["quantity"]) == list(NAMES)
    ratio = pooled.effect_ratio.interval(0.9)
    assert ratio == pytest.approx(np.exp(pooled.effect.interval(0.9)), rel=1e-9)


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trials", "field", "allowed"),
    [
        (([6], [5], [1], [5]), "events[0]", "at most n[0] = 5"),
        (([1], [5], [6], [5]), "events_comparator[0]", "at most n_comparator[0] = 5"),
        (([1.5], [5], [1], [5]), "events[0]", "a whole number"),
        (([1], [5], [-1], [5]), "events_comparator[0]", "a whole number"),
        (([1], [np.nan], [1], [5]), "n[0]", "a whole number"),
        (([0], [0], [1], [5]), "n[0]", "at least 1 patient"),
        (([1, 2], [5, 5], [1], [5]), "events, n, events_comparator, n_comparator", "one length"),
        (([], [5], [1], [5]), "events", "one number a study"),
        ((["few"], [5], [1], [5]), "events", "whole numbers"),
    ],
)
def test_counts_that_cannot_be(trials, field, allowed):
    with pytest.raises(ParameterError) as caught:
        pool_counts(*trials)
    (problem,) = [p for p in caught.value.problems if p.field == field]
    assert allowed in problem.allowed and problem.remedy


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"measure": "odds_rato"}, "measure"),
        ({"model": "conditioned"}, "model"),
        ({"model": "conditional", "measure": "relative_risk"}, "model"),
        ({"model": "conditional", "baseline_prior": ("normal", 0, 10)}, "baseline_prior"),
        ({"measure": "risk_difference"}, "tau_prior"),
        ({"tau_prior": "flat"}, "tau_prior"),
        ({"mu_prior": ("normal", 0, 0)}, "mu_prior"),
        ({"baseline_prior": ("beta", 0, 1)}, "baseline_prior"),
        ({"study": ["A", "B", "B"]}, "study"),
        ({"resolution": 0}, "resolution"),
    ],
)
def test_settings_that_cannot_be(settings, field):
    with pytest.raises(ParameterError) as caught:
        pool_counts(*TRIALS, **settings)
    assert [problem.field for problem in caught.value.problems] == [field]
