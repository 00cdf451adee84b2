"""Simulation-based calibration of the network: truths drawn from the priors, ranked in draws.

If the sampler draws from the posterior of the model that made the data, the rank of each true
value among the draws is uniform (Talts et al. 2018, arXiv:1804.06788). One model is compiled; only
its data change.
"""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

from riskmodel.evidence.heterogeneity import parse_tau_prior
from riskmodel.models.network_data import checked_arms
from riskmodel.models.network_model import NetworkModel
from riskmodel.models.posterior import group

DESIGN = ("ab", "ac", "bc", "abc")
REPLICATES, BINS, KEPT = 220, 10, 99
LEVEL = 0.01
EFFECT, BASELINE, TAU = 1.0, 1.0, 0.5
QUANTITIES = ("b v a", "c v b", "tau", "log likelihood")


def model_of(events, n=40):
    rows = [(f"s{i}", treatment) for i, arms in enumerate(DESIGN) for treatment in arms]
    data = pd.DataFrame(rows, columns=["study", "treatment"]).assign(events=events, n=n)
    return NetworkModel(checked_arms(data, "a"), parse_tau_prior(f"half_normal:{TAU}"),
                        EFFECT, BASELINE, KEPT)  # fmt: skip


def drawn_truth(rng):
    """Return true values from the priors as the docstring of `network` has them, and counts.

    Written apart from the model's matrices: pairs of effects have standard deviation EFFECT,
    differences of random effects TAU with correlation a half, each centred within its study.
    """
    effect = rng.normal(0, EFFECT / np.sqrt(2), 3)
    tau = abs(rng.normal(0, TAU))
    log_odds = []
    for arms in DESIGN:
        given = np.array(["abc".index(treatment) for treatment in arms])
        own = effect[given] + rng.normal(0, tau / np.sqrt(2), len(arms))
        log_odds += list(rng.normal(0, BASELINE) + own - own.mean())
    events = rng.binomial(40, expit(log_odds))
    return effect, tau, np.array(log_odds), events


def log_likelihood(arms, log_odds):
    return stats.binom.logpmf(arms.events, arms.n, expit(log_odds)).sum(axis=-1)


@cache
def replicates():
    """Return truths, shape (replicates, quantities), and draws, shape (replicates, q, KEPT)."""
    import nutpie

    rng = np.random.default_rng(11)
    truths, draws = [], []
    for _ in range(REPLICATES):
        effect, tau, log_odds, events = drawn_truth(rng)
        model = model_of(events)
        result = nutpie.sample(
            model.compiled(), draws=4 * KEPT, tune=300, chains=1, cores=1, progress_bar=False,
            seed=int(rng.integers(2**31)), target_accept=0.9, low_rank_modified_mass_matrix=True,
        )  # fmt: skip
        # Every fourth draw: ranks are of draws that hardly hang together.
        found = model.named(group(result, "posterior").load()).isel(chain=0, draw=slice(3, None, 4))
        drawn = found["effect"].values
        likelihood = log_likelihood(model.arms, found["log_odds"].values)
        draws.append([drawn[:, 1] - drawn[:, 0], drawn[:, 2] - drawn[:, 1],
                      found["tau"].values, likelihood])  # fmt: skip
        own = log_likelihood(model.arms, log_odds)
        truths.append([effect[1] - effect[0], effect[2] - effect[1], tau, own])
    return np.array(truths), np.array(draws)


def uniform_p_value(ranks):
    """Return the chi-square p-value of ranks from 0 to KEPT in equal bins."""
    counts = np.bincount(ranks * BINS // (KEPT + 1), minlength=BINS)
    return stats.chisquare(counts, stats_of_bins() * len(ranks)).pvalue


def stats_of_bins():
    """Return the share of the ranks 0 to KEPT that falls into each bin."""
    return np.bincount(np.arange(KEPT + 1) * BINS // (KEPT + 1), minlength=BINS) / (KEPT + 1)


@pytest.mark.slow
@pytest.mark.parametrize("quantity", range(len(QUANTITIES)), ids=QUANTITIES)
def test_ranks_of_the_truth_are_uniform(quantity):
    """Four quantities at 1% each: a sound model fails for one seed in 25, and the seed is fixed.

    With 900 replicates of another seed the p-values were 0.60, 0.014, 0.72 and 0.35.
    """
    truths, draws = replicates()
    ranks = (draws[:, quantity] < truths[:, quantity, None]).sum(axis=1)
    assert uniform_p_value(ranks) > LEVEL


@pytest.mark.slow
def test_a_posterior_three_quarters_as_wide_or_shifted_is_caught():
    """The same draws, drawn in around their mean or moved: the test says no."""
    truths, draws = replicates()
    effect, truth = draws[:, 0], truths[:, 0, None]
    mean = effect.mean(axis=1, keepdims=True)
    narrow = mean + 0.75 * (effect - mean)
    assert uniform_p_value((narrow < truth).sum(axis=1)) < LEVEL
    moved = effect + 0.5 * effect.std(axis=1, keepdims=True)
    assert uniform_p_value((moved < truth).sum(axis=1)) < LEVEL


def test_the_power_of_the_calibration_test_is_as_stated():
    """Stated: a standard deviation a quarter too small is caught in 4 of 5 runs of this size."""
    rng = np.random.default_rng(5)
    caught = []
    for _ in range(400):
        truth = rng.standard_normal((REPLICATES, 1))
        ranks = (0.75 * rng.standard_normal((REPLICATES, KEPT)) < truth).sum(axis=1)
        caught.append(uniform_p_value(ranks) < LEVEL)
    assert np.mean(caught) > 0.8
    # And where nothing is wrong, one run in a hundred is refused.
    false = []
    for _ in range(1000):
        truth = rng.standard_normal((REPLICATES, 1))
        ranks = (rng.standard_normal((REPLICATES, KEPT)) < truth).sum(axis=1)
        false.append(uniform_p_value(ranks) < LEVEL)
    assert np.mean(false) == pytest.approx(LEVEL, abs=4 * np.sqrt(LEVEL / 1000))
