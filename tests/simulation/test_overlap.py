"""Joint risks within their bounds, and unions against enumeration."""

import itertools

import numpy as np
import pytest

from riskmodel.simulation.overlap import any_event_risk, joint_risk

SIZE = 20_000


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(8)
    risk, other = rng.uniform(size=(2, SIZE))
    extremes = rng.choice([0.0, 1e-12, 1.0 - 1e-12, 1.0], size=(2, SIZE))
    use = rng.uniform(size=(2, SIZE)) < 0.1
    risk, other = np.where(use, extremes, [risk, other])
    return risk, other, 10 ** rng.uniform(-8, 8, SIZE)


def test_joint_risk_keeps_the_frechet_bounds(pairs):
    risk, other, odds_ratio = pairs
    both = joint_risk(risk, other, odds_ratio)
    # Rounding of sums near 1, beside numbers up to 1e8.
    assert (both >= np.maximum(0, risk + other - 1) - 1e-12).all()
    assert (both <= np.minimum(risk, other) + 1e-12).all()


def test_joint_risk_gives_back_its_odds_ratio():
    rng = np.random.default_rng(9)
    risk, other = rng.uniform(0.02, 0.98, size=(2, SIZE))
    odds_ratio = np.exp(rng.uniform(-4, 4, SIZE))
    both = joint_risk(risk, other, odds_ratio)
    found = both * (1 - risk - other + both) / ((risk - both) * (other - both))
    np.testing.assert_allclose(found, odds_ratio, rtol=1e-9)


def test_extreme_odds_ratios_meet_the_bounds():
    np.testing.assert_allclose(joint_risk(0.9, 0.8, 1e-9), 0.7, rtol=1e-6)
    np.testing.assert_allclose(joint_risk(0.2, 0.3, 1e9), 0.2, rtol=1e-6)
    # Where the plain quadratic formula cancels: 9 digits of the odds ratio must survive.
    both = joint_risk(0.9, 0.9, 1e-8)
    neither = 1 - 1.8 + both
    assert both * neither / (0.9 - both) ** 2 == pytest.approx(1e-8, rel=1e-6)


def test_independent_events_multiply(pairs):
    risk, other, _ = pairs
    np.testing.assert_allclose(joint_risk(risk, other, 1.0), risk * other, rtol=1e-14)


def test_joint_risk_is_symmetric_and_rises_with_the_odds_ratio():
    grid = 10.0 ** np.arange(-4, 5)
    both = joint_risk(0.3, 0.6, grid)
    np.testing.assert_allclose(both, joint_risk(0.6, 0.3, grid), rtol=1e-13)
    assert (np.diff(both) > 0).all()


# --- at least one event -------------------------------------------------------------------------

# Events 0 to 4 and who leans on whom: a star, a chain, two trees, and nobody.
TREES = {
    "star": [(0, 1), (0, 2), (0, 3), (0, 4)],
    "chain": [(0, 1), (1, 2), (2, 3), (3, 4)],
    "two trees": [(0, 1), (1, 2), (3, 4)],
    "alone": [],
}


def enumerated(risks, edges):
    """Return P(any) by summing the joint distribution of a tree over its 32 states."""
    total = 0.0
    for state in itertools.product([0, 1], repeat=len(risks)):
        if not any(state):
            continue
        done, probability = set(), 1.0
        for (a, b), odds_ratio in edges.items():
            if a not in done:
                probability *= risks[a] if state[a] else 1 - risks[a]
            both = joint_risk(risks[a], risks[b], odds_ratio)
            cell = {
                (1, 1): both,
                (1, 0): risks[a] - both,
                (0, 1): risks[b] - both,
                (0, 0): 1 - risks[a] - risks[b] + both,
            }[state[a], state[b]]
            probability *= cell / (risks[a] if state[a] else 1 - risks[a])
            done |= {a, b}
        for event, risk in enumerate(risks):
            if event not in done:
                probability *= risk if state[event] else 1 - risk
        total += probability
    return total


@pytest.mark.parametrize("tree", TREES)
def test_any_event_is_the_sum_over_all_states(tree):
    rng = np.random.default_rng(10)
    for _ in range(20):
        risks = rng.uniform(0.01, 0.99, 5)
        edges = {pair: float(np.exp(rng.normal(0, 2))) for pair in TREES[tree]}
        found = any_event_risk(dict(enumerate(risks)), edges)
        # 32 products of a few factors each.
        assert found == pytest.approx(enumerated(risks, edges), abs=1e-12)


@pytest.mark.parametrize("tree", TREES)
def test_any_event_lies_between_the_largest_risk_and_one(tree):
    rng = np.random.default_rng(11)
    risks = rng.uniform(size=(5, 2000))
    risks[:, :40] = rng.choice([0.0, 0.5, 1.0], size=(5, 40))
    edges = {pair: float(np.exp(rng.normal(0, 2))) for pair in TREES[tree]}
    found = any_event_risk(dict(enumerate(risks)), edges)
    assert (found <= 1).all()
    assert (found >= risks.max(axis=0) - 1e-12).all()
    assert (found <= risks.sum(axis=0) + 1e-12).all()
    assert (found[risks.max(axis=0) == 1] == 1).all()
