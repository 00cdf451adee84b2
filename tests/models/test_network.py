"""Networks against the pooling of two arms, a closed form for large trials, and known truth.

Distances are measured in Monte Carlo standard errors; five of them, as in test_posterior.py.
"""

import itertools

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from scipy.special import expit, logit

from riskmodel.errors import ParameterError, RiskModelWarning
from riskmodel.evidence.pooling_counts import pool_counts
from riskmodel.models.convergence import monte_carlo_standard_error
from riskmodel.models.drawn_distribution import DrawnDistribution
from riskmodel.models.network import network
from riskmodel.models.network_data import checked_arms, connected_parts, sum_to_zero_basis
from riskmodel.models.network_tables import league_table, rank_tables

WITHIN = 5
# Seven studies of two arms and two of three: every simulated network has this shape, so that the
# model is compiled once.
DESIGN = ("ab", "ab", "ab", "ac", "ac", "bc", "bc", "abc", "abc")


def simulated(rng, *, effects, tau, n=300, design=DESIGN, extra_bc=0.0):
    """Return arms of consistent trials; `extra_bc` is added to c over b where only they meet."""
    rows = []
    for i, arms in enumerate(design):
        k = len(arms)
        covariance = tau**2 * (np.eye(k) + 1) / 2  # of differences: tau^2, correlation 0.5
        random = rng.multivariate_normal(np.zeros(k), covariance - tau**2 / 2 * np.ones((k, k)))
        base = rng.normal(-1.2, 0.4)
        for treatment, deviation in zip(arms, random, strict=True):
            eta = base + effects[treatment] + deviation
            eta += extra_bc * (arms == "bc" and treatment == "c")
            events = rng.binomial(n, expit(eta))
            rows.append({"study": f"s{i}", "treatment": treatment, "events": events, "n": n})
    return pd.DataFrame(rows)


EFFECTS = {"a": 0.0, "b": -0.5, "c": -0.9}


# --- arms ----------------------------------------------------------------------------------------


def test_random_effects_of_a_study_vary_by_tau_and_correlate_by_a_half():
    arms = checked_arms(simulated(np.random.default_rng(1), effects=EFFECTS, tau=0.1))
    covariance = arms.deviation_matrix @ arms.deviation_matrix.T
    for rows in arms.by_study:
        contrast = np.eye(len(rows))[1:] - np.eye(len(rows))[0]
        found = contrast @ covariance[np.ix_(rows, rows)] @ contrast.T
        wanted = 0.5 * np.eye(len(rows) - 1) + 0.5
        np.testing.assert_allclose(found, wanted, atol=1e-12)
        others = np.setdiff1d(np.arange(len(arms.study)), rows)
        assert np.abs(covariance[np.ix_(rows, others)]).max() == 0


@pytest.mark.parametrize("size", [2, 3, 7])
def test_treatment_effects_sum_to_zero_and_every_pair_has_one_prior(size):
    basis = sum_to_zero_basis(size)
    np.testing.assert_allclose(basis.T @ basis, np.eye(size - 1), atol=1e-12)
    np.testing.assert_allclose(basis.sum(axis=0), 0, atol=1e-12)
    covariance = basis @ basis.T / 2
    for a, b in itertools.combinations(range(size), 2):
        difference = covariance[a, a] + covariance[b, b] - 2 * covariance[a, b]
        assert difference == pytest.approx(1)


def test_large_studies_are_centred_and_small_ones_not():
    data = {"study": list("xxyy"), "treatment": list("abab"), "events": [2000, 2500, 1, 2],
            "n": [10_000, 10_000, 20, 20]}  # fmt: skip
    large, small = checked_arms(data).centring
    # x: 1/(1/1600 + 1/1875) = 863 pieces of information, times 0.05^2 = 2.16: 2.16/3.16
    assert large == pytest.approx(0.683, abs=0.001)
    assert small < 0.01


def test_effects_are_measured_from_the_mean_of_a_studys_arms():
    data = {"study": list("xxyyy"), "treatment": list("abcab"), "events": [1] * 5, "n": [9] * 5}
    arms = checked_arms(data)
    assert arms.treatments == ("a", "b", "c")
    np.testing.assert_allclose(arms.effect_matrix[:2], [[0.5, -0.5, 0], [-0.5, 0.5, 0]])
    np.testing.assert_allclose(arms.effect_matrix[2], [2 / 3, -1 / 3, -1 / 3])
    np.testing.assert_allclose(arms.split_vector((0, 1)), [-0.5, 0.5, -0.5, 0.5, 0])
    assert arms.together() == {(0, 1): [0, 1], (0, 2): [1], (1, 2): [1]}
    # c is known from study y alone: nothing can contradict it.
    assert not any(arms.closed_by_others(pair) for pair in arms.together())


def test_only_pairs_joined_without_their_own_studies_are_split():
    data = simulated(np.random.default_rng(1), effects=EFFECTS, tau=0.1, design=("ab", "ac", "bc"))
    arms = checked_arms(data)
    assert all(arms.closed_by_others(pair) for pair in arms.together())
    line = checked_arms(data[data["study"] != "s2"])
    assert not any(line.closed_by_others(pair) for pair in line.together())


def test_the_reference_is_the_most_studied_or_the_one_named():
    data = simulated(np.random.default_rng(1), effects=EFFECTS, tau=0.1, design=("ab", "bc"))
    assert checked_arms(data).treatments == ("b", "a", "c")
    assert checked_arms(data, "c").treatments == ("c", "a", "b")
    with pytest.raises(ParameterError, match="reference: found 'd'"):
        checked_arms(data, "d")


ROWS = {
    "study": ["s", "s", "t", "t"],
    "treatment": ["a", "b", "a", "c"],
    "events": [1, 2, 3, 4],
    "n": [10, 10, 10, 10],
}


@pytest.mark.parametrize(
    "change, field, words",
    [
        ({"events": [1, 2, 3, 11]}, "data.events[3]", "at most the arm's n, 10"),
        ({"events": [1, 2.5, 3, 4]}, "data.events[1]", "whole number"),
        ({"events": [1, "2,5", 3, 4]}, "data.events[1]", "2,5"),
        ({"events": [1, -2, 3, 4]}, "data.events[1]", "at least 0"),
        ({"n": [10, 0, 10, 10]}, "data.n[1]", "at least 1"),
        ({"n": [10, np.nan, 10, 10]}, "data.n[1]", "whole number"),
        ({"treatment": ["a", "a", "a", "c"]}, "data.treatment[1]", "'a' again in study 's'"),
        ({"treatment": ["a", "b", "A ", "c"]}, "data.treatment[2]", "one spelling of a name"),
        ({"treatment": ["a", "b", None, "c"]}, "data.treatment[2]", "nothing"),
        ({"study": ["s", "s", "t", "u"]}, "data.study[2]", "one arm of study 't'"),
        (
            {"treatment": ["a", "b", "c", "d"]},
            "data.treatment",
            "2 parts that no study joins: (a, b); (c, d)",
        ),
    ],
)
def test_rows_that_cannot_be_are_refused_by_field(change, field, words):
    with pytest.raises(ParameterError) as caught:
        network({**ROWS, **change}, seed=1)
    problem = caught.value.problems[0]
    assert problem.field == field
    assert words in str(problem)


def test_a_misspelt_column_is_asked_about():
    data = {**ROWS, "event": ROWS["events"]}
    del data["events"]
    with pytest.raises(ParameterError, match="no column events.*did you mean 'event'"):
        network(data, seed=1)


@pytest.mark.parametrize(
    "settings, field",
    [
        ({"tau_prior": "flat"}, "tau_prior"),
        ({"tau_prior": "half_norml:1"}, "tau_prior"),
        ({"prob": 95}, "prob"),
        ({"draws": 10}, "draws"),
        ({"effect_deviation": 0}, "effect_deviation"),
        ({"seed": 1.5}, "seed"),
        ({"seed": -1}, "seed"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, field):
    with pytest.raises(ParameterError) as caught:
        network(ROWS, **{"seed": 1, **settings})
    assert caught.value.problems[0].field == field


def test_parts_joined_by_any_member_are_one():
    assert connected_parts([{1, 2}, {3, 4}, {5}, {2, 3}]) == [{5}, {1, 2, 3, 4}]


# --- tables from draws ---------------------------------------------------------------------------


@pytest.fixture
def drawn():
    """Return arms of three treatments, and four draws whose ranks are known."""
    arms = checked_arms(simulated(np.random.default_rng(1), effects=EFFECTS, tau=0.1))
    effect = np.array([[0, -1, -2], [0, -2, -1], [0, -1, -2], [-3, -1, -2.0]])
    draws = xr.Dataset(
        {
            "effect": (("chain", "draw", "treatment"), np.stack([effect, effect])),
            "tau": (("chain", "draw"), np.zeros((2, 4))),
        },
        coords={"treatment": list(arms.treatments)},
    )
    return arms, draws


def test_ranks_by_hand(drawn):
    ranks, sucra = rank_tables(*drawn, unwanted=True, prob=0.95)
    table = ranks.pivot(index="treatment", columns="rank", values="probability")
    np.testing.assert_allclose(table.loc["a"], [0.25, 0, 0.75])
    np.testing.assert_allclose(table.loc["b"], [0.25, 0.5, 0.25])
    np.testing.assert_allclose(table.loc["c"], [0.5, 0.5, 0])
    assert sucra["treatment"].tolist() == ["c", "b", "a"]
    # SUCRA is the mean of the cumulative probabilities of all ranks but the last.
    np.testing.assert_allclose(sucra["sucra"], [(0.5 + 1) / 2, (0.25 + 0.75) / 2, 0.25])
    assert sucra["sucra"].mean() == pytest.approx(0.5)
    turned = rank_tables(*drawn, unwanted=False, prob=0.95)[1]
    assert turned["treatment"].tolist() == ["a", "b", "c"]


def test_the_league_is_the_same_both_ways(drawn):
    league = league_table(*drawn, 0.9, np.random.default_rng(1)).set_index(
        ["treatment", "comparator"]
    )
    assert len(league) == 6
    for a, b in itertools.combinations("abc", 2):
        one, other = league.loc[(a, b)], league.loc[(b, a)]
        assert one["odds_ratio"] == pytest.approx(1 / other["odds_ratio"])
        assert one["lower"] == pytest.approx(1 / other["upper"])
        assert one["predicted_lower"] == pytest.approx(1 / other["predicted_upper"])
        # Heterogeneity is 0 in these draws: a new study is the mean.
        assert one["predicted_upper"] == pytest.approx(one["upper"])
    assert league.loc[("b", "a"), "direct_studies"] == 5


def test_draws_speak_the_protocol_of_distributions():
    rng = np.random.default_rng(2)
    found, wanted = DrawnDistribution(rng.normal(1, 2, (4, 5000))), stats.norm(1, 2)
    error = 2 / np.sqrt(20000)
    assert abs(found.mean() - 1) < WITHIN * error
    assert found.monte_carlo_standard_error == pytest.approx(error, rel=0.2)
    assert abs(found.std() - 2) < WITHIN * error
    q = np.array([0.05, 0.5, 0.9])
    np.testing.assert_allclose(found.ppf(q), wanted.ppf(q), atol=0.15)
    np.testing.assert_allclose(found.cdf(wanted.ppf(q)), q, atol=0.02)
    np.testing.assert_allclose(found.cdf(0.3) + found.sf(0.3), 1)
    np.testing.assert_allclose(found.pdf([-1, 1, 3]), wanted.pdf([-1, 1, 3]), rtol=0.1)
    np.testing.assert_allclose(found.interval(0.9), wanted.interval(0.9), atol=0.15)
    low, high = found.hdi(0.9)
    assert found.cdf(high) - found.cdf(low) == pytest.approx(0.9, abs=0.01)
    assert np.isin(found.rvs(10, random_state=1), found.draws).all()
    assert np.isnan(found.ppf(1.2))


# --- sampled -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def consistent():
    data = simulated(np.random.default_rng(12), effects=EFFECTS, tau=0.1)
    return data, network(data, reference="a", seed=4)


def normal_network(data, *, scale, tau_scale, reference="a"):
    """Return mean and sd of log odds ratios by quadrature over tau, arms taken as normal.

    Generalised least squares on differences from each study's first arm: their sampling
    covariance shares that arm, random effects have tau^2 (0.5 I + 0.5 J).
    """
    names = [reference, *sorted(set(data["treatment"]) - {reference})]
    y, x, sampling, between = [], [], [], []
    for _, arms in data.groupby("study"):
        p = (arms["events"] / arms["n"]).to_numpy()
        variance = 1 / (arms["n"].to_numpy() * p * (1 - p))
        given = np.array([[t == name for name in names] for t in arms["treatment"]], dtype=float)
        y.append(logit(p[1:]) - logit(p[0]))
        x.append(given[1:, 1:] - given[0, 1:])
        k = len(arms) - 1
        sampling.append(np.diag(variance[1:]) + variance[0])
        between.append(0.5 * np.eye(k) + 0.5)
    y, x = np.concatenate(y), np.concatenate(x)

    def block(parts):
        size = sum(map(len, parts))
        out, at = np.zeros((size, size)), 0
        for part in parts:
            out[at : at + len(part), at : at + len(part)] = part
            at += len(part)
        return out

    sampling, between = block(sampling), block(between)
    prior = scale**2 * (0.5 * np.eye(x.shape[1]) + 0.5)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    tau = 5 * tau_scale * (nodes + 1) / 2
    log_weight, means, covariances = [], [], []
    for t in tau:
        own = sampling + t**2 * between
        marginal = stats.multivariate_normal(np.zeros(len(y)), own + x @ prior @ x.T)
        log_weight.append(marginal.logpdf(y) - 0.5 * (t / tau_scale) ** 2)
        precision = np.linalg.inv(prior) + x.T @ np.linalg.solve(own, x)
        covariances.append(np.linalg.inv(precision))
        means.append(covariances[-1] @ x.T @ np.linalg.solve(own, y))
    weight = np.exp(np.array(log_weight) - max(log_weight)) * weights
    weight /= weight.sum()
    mean = weight @ np.array(means)
    second = np.einsum("t,tij->ij", weight, np.array(covariances))
    second += np.einsum("t,ti,tj->ij", weight, means - mean, means - mean)
    return mean, np.sqrt(np.diag(second)), float(weight @ tau)


@pytest.mark.slow
def test_large_trials_agree_with_the_normal_network_by_quadrature():
    """The normal approximation of arms of 20,000 errs by about 1/(n p q) = 0.0003: no matter."""
    data = simulated(np.random.default_rng(3), effects=EFFECTS, tau=0.2, n=20_000)
    found = network(data, reference="a", seed=5, inconsistency=False)
    mean, deviation, tau = normal_network(data, scale=2.82, tau_scale=0.5)
    for k, name in enumerate("bc"):
        effect = found.effect(name)
        assert abs(effect.mean() - mean[k]) < WITHIN * effect.monte_carlo_standard_error
        error = monte_carlo_standard_error((effect.draws - mean[k]) ** 2)
        assert abs(np.mean((effect.draws - mean[k]) ** 2) - deviation[k] ** 2) < WITHIN * error
    heterogeneity = found.heterogeneity
    assert abs(heterogeneity.mean() - tau) < WITHIN * heterogeneity.monte_carlo_standard_error


@pytest.mark.slow
def test_two_treatments_are_the_pooling_of_two_arms():
    """Oracle: `pool_counts` by quadrature; sparse counts, arms and a trial without events."""
    events = {"a": [4, 0, 6, 3, 0, 8], "b": [1, 0, 2, 3, 2, 3]}
    n = [50, 40, 60, 55, 45, 70]
    data = pd.DataFrame(
        [
            {"study": f"s{i}", "treatment": t, "events": events[t][i], "n": n[i]}
            for i in range(6)
            for t in "ab"
        ]
    )
    found = network(data, reference="a", seed=8)
    exact = pool_counts(events["b"], n, events["a"], n)
    for drawn, wanted in (
        (found.effect("b"), exact.effect),
        (found.heterogeneity, exact.heterogeneity),
        (found.prediction("b"), exact.prediction),
    ):
        assert abs(drawn.mean() - wanted.mean()) < WITHIN * drawn.monte_carlo_standard_error
        square = (drawn.draws - wanted.mean()) ** 2
        error = monte_carlo_standard_error(square)
        assert abs(square.mean() - wanted.var()) < WITHIN * error
    assert "s1" in found.notes[0] and "inform a little" in found.notes[0]
    assert any("consistency is assumed and cannot be seen" in note for note in found.notes)
    assert found.inconsistency.empty


@pytest.mark.slow
def test_a_consistent_network_recovers_the_truth_and_flags_nothing(consistent):
    _, found = consistent
    league = found.league.set_index(["treatment", "comparator"])
    for a, b in itertools.combinations("abc", 2):
        row = league.loc[(b, a)]
        truth = np.exp(EFFECTS[b] - EFFECTS[a])
        assert row["lower"] < truth < row["upper"]
        assert row["predicted_lower"] < row["lower"] and row["upper"] < row["predicted_upper"]
    assert len(found.inconsistency) == 3
    assert not found.inconsistency["flagged"].any()
    assert (found.inconsistency["lower"] < 0).all() and (found.inconsistency["upper"] > 0).all()
    assert found.sucra["treatment"].tolist() == ["c", "b", "a"]
    assert found.record["divergences"] == 0


@pytest.mark.slow
def test_an_inconsistent_loop_is_flagged_with_its_sign():
    """Trials of c against b alone are 1.5 off in log odds; each edge of the triangle sees it."""
    data = simulated(
        np.random.default_rng(9), effects=EFFECTS, tau=0.05, design=("ab", "ac", "bc") * 3,
        extra_bc=1.5,
    )  # fmt: skip
    found = network(data, reference="a", seed=6)
    rows = found.inconsistency.set_index(["treatment", "comparator"])
    for pair, sign in ((("b", "a"), 1), (("c", "a"), -1), (("c", "b"), 1)):
        row = rows.loc[pair]
        assert row["flagged"]
        assert sign * row["difference"] == pytest.approx(1.5, abs=0.6)
        assert row["lower"] < sign * 1.5 < row["upper"]
    # Direct and indirect are on either side of what the consistent model makes of both.
    both = found.league.set_index(["treatment", "comparator"]).loc[("c", "b"), "odds_ratio"]
    row = rows.loc[("c", "b")]
    assert row["indirect_odds_ratio"] < both < row["direct_odds_ratio"]
    assert any(note.startswith("inconsistent: c v b") for note in found.notes)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_and_any_reference_the_same_contrast(consistent):
    data, found = consistent
    again = network(data, reference="a", seed=4, inconsistency=False)
    pd.testing.assert_frame_equal(found.league, again.league)
    other = network(data, reference="c", seed=14, inconsistency=False)
    one, two = found.effect("b", "c"), other.effect("b")
    error = np.hypot(one.monte_carlo_standard_error, two.monte_carlo_standard_error)
    assert abs(one.mean() - two.mean()) < WITHIN * error
    assert any("were not compared" in note for note in again.notes)


@pytest.mark.slow
def test_what_comes_out_can_be_shown(consistent):
    _, found = consistent
    assert repr(found) == "Network of 3 treatments in 9 studies, reference a, seed 4"
    matrix = found.league_matrix()
    assert list(matrix.index) == list(matrix.columns) == ["a", "b", "c"]
    assert matrix.loc["a", "a"] == "" and " to " in matrix.loc["a", "b"]
    forest = found.forest_plot_table()
    assert forest["kind"].tolist() == ["pooled", "predicted"] * 2
    evidence = found.direct_evidence.set_index(["treatment", "comparator"])
    assert evidence.loc[("b", "a"), "studies"] == 5
    assert evidence.loc[("b", "a"), "n"] == 1500
    with pytest.raises(ParameterError, match="treatment: found 'd'"):
        found.effect("d")


@pytest.mark.slow
def test_without_a_seed_one_is_drawn_and_said():
    data = simulated(np.random.default_rng(12), effects=EFFECTS, tau=0.1)
    with pytest.warns(RiskModelWarning, match="seed: found nothing; drew"):
        found = network(data, inconsistency=False)
    assert isinstance(found.record["seed"], int)


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["log_normal:-2.56:1.74", "log_t:-2.4:1.6:5"])
def test_other_priors_of_heterogeneity_agree_with_the_pooling_of_two_arms(prior):
    events, other, n = [5, 9, 7, 12], [10, 12, 8, 25], [80, 90, 75, 120]
    rows = [
        {"study": f"s{i}", "treatment": t, "events": y[i], "n": n[i]}
        for i in range(4)
        for t, y in (("a", other), ("b", events))
    ]
    found = network(pd.DataFrame(rows), reference="a", seed=2, tau_prior=prior, draws=8000)
    exact = pool_counts(events, n, other, n, tau_prior=prior)
    for drawn, wanted in (
        (found.effect("b"), exact.effect),
        (found.heterogeneity, exact.heterogeneity),
    ):
        assert abs(drawn.mean() - wanted.mean()) < WITHIN * drawn.monte_carlo_standard_error
