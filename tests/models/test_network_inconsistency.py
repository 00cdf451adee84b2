"""Unrelated mean effects beside side-splitting: the matrices, the deviance, and pairwise pooling.

Distances are measured in Monte Carlo standard errors; five of them, as in test_posterior.py.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

from riskmodel.evidence.pooling_counts import pool_counts
from riskmodel.models.network import network
from riskmodel.models.network_data import checked_arms
from riskmodel.models.network_inconsistency import residual_deviance

WITHIN = 5
EFFECTS = {"a": 0.0, "b": -0.5, "c": -0.9}


def triangle(rng, *, n, tau, extra=0.0, times=3):
    """Return trials of two arms around one loop; `extra` is added to c over b."""
    rows = []
    for i, pair in enumerate(("ab", "ac", "bc") * times):
        base, deviation = rng.normal(-1.0, 0.3), rng.normal(0, tau)
        for sign, treatment in zip((-0.5, 0.5), pair, strict=True):
            eta = base + EFFECTS[treatment] + sign * deviation
            eta += extra * (pair == "bc" and treatment == "c")
            rows.append({"study": f"s{i}", "treatment": treatment,
                         "events": rng.binomial(n, expit(eta)), "n": n})  # fmt: skip
    return pd.DataFrame(rows)


def test_unrelated_effects_are_those_against_a_studys_first_treatment():
    data = {"study": list("xxyyyzz"), "treatment": list("ababcbc"), "events": [1] * 7, "n": [9] * 7}
    arms = checked_arms(data, "a")
    assert arms.unrelated_contrasts == [(0, 1), (0, 2), (1, 2)]
    third = 1 / 3
    np.testing.assert_allclose(
        arms.unrelated_matrix,
        [
            [-0.5, 0, 0],
            [0.5, 0, 0],
            [-third, -third, 0],
            [2 * third, -third, 0],
            [-third, 2 * third, 0],
            [0, 0, -0.5],
            [0, 0, 0.5],
        ],
    )
    assert arms.contrast_name((1, 2)) == "c v b"


def test_consistent_effects_are_a_case_of_unrelated_ones():
    data = {"study": list("xxyyyzz"), "treatment": list("ababcbc"), "events": [1] * 7, "n": [9] * 7}
    arms = checked_arms(data, "a")
    treatment = np.array([0.3, -1.1, 2.0])
    contrast = [treatment[b] - treatment[a] for a, b in arms.unrelated_contrasts]
    np.testing.assert_allclose(
        arms.unrelated_matrix @ contrast, arms.effect_matrix @ treatment, atol=1e-12
    )


def test_residual_deviance_by_hand():
    data = {"study": list("xx"), "treatment": list("ab"), "events": [0, 5], "n": [10, 20]}
    arms = checked_arms(data, "a")
    found = residual_deviance(arms, np.array([[0.5, 5.0], [1.0, 4.0]]))
    # 0 of 10 where 0.5 is expected: 2 * 10 log(10 / 9.5); 5 of 20 where 4 is:
    # 2 (5 log(5/4) + 15 log(15/16)).
    wanted = [
        [20 * np.log(10 / 9.5), 0],
        [20 * np.log(10 / 9), 10 * np.log(1.25) + 30 * np.log(15 / 16)],
    ]
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    # As twice the difference of log likelihoods from the saturated model.
    saturated = stats.binom.logpmf(arms.events, arms.n, arms.events / arms.n)
    own = stats.binom.logpmf(arms.events, arms.n, np.array([1.0, 4.0]) / arms.n)
    np.testing.assert_allclose(found[1], 2 * (saturated - own), atol=1e-12)


@pytest.fixture(scope="module")
def loop():
    # Heterogeneity held near 0.15, so that sharing it changes nothing.
    known = f"log_normal:{2 * np.log(0.15)}:0.02"
    data = triangle(np.random.default_rng(21), n=2000, tau=0.15, extra=1.5)
    return data, known, network(data, reference="a", seed=3, tau_prior=known)


@pytest.mark.slow
def test_in_one_loop_unrelated_effects_are_each_pairs_own_pooling(loop):
    """Oracle: `pool_counts` of each pair alone, by quadrature, with the same known tau."""
    data, known, found = loop
    assert len(found.unrelated_effects) == 3
    for row in found.unrelated_effects.itertuples():
        wide = data.pivot(index="study", columns="treatment", values=["events", "n"])
        own = wide.dropna(subset=[("n", row.treatment), ("n", row.comparator)])
        exact = pool_counts(
            own["events"][row.treatment], own["n"][row.treatment],
            own["events"][row.comparator], own["n"][row.comparator], tau_prior=known,
        )  # fmt: skip
        assert row.direct_studies == 3
        error = row.monte_carlo_standard_error
        assert abs(row.unrelated_log_odds_ratio - exact.effect.mean()) < WITHIN * error
        # The error of a standard deviation is about that of the mean over root 2.
        assert abs(row.unrelated_standard_deviation - exact.effect.std()) < WITHIN * error
        assert abs(np.log(row.unrelated_odds_ratio) - exact.effect.median()) < 1.5 * WITHIN * error


@pytest.mark.slow
def test_an_inconsistent_loop_fits_better_with_unrelated_effects(loop):
    _, _, found = loop
    rows = found.model_comparison.set_index("model")
    assert rows.loc["unrelated", "residual_deviance"] < rows.loc["consistent", "residual_deviance"]
    column = rows["deviance_information_criterion"]
    error = np.hypot(*rows["monte_carlo_standard_error"])
    assert column["unrelated"] < column["consistent"] - WITHIN * error
    # A saturated fit would have a deviance of about one an arm.
    assert rows.loc["unrelated", "residual_deviance"] == pytest.approx(18, abs=6)
    # Free log odds: one a study, one an effect, and what heterogeneity leaves of nine more.
    assert 9 < rows.loc["unrelated", "effective_parameters"] < 18
    (note,) = [n for n in found.notes if n.startswith("unrelated less consistent")]
    assert "below 0 speaks against consistency" in note
    # Means of arms add up to the whole.
    sums = found.deviance[["consistent", "unrelated"]].sum()
    np.testing.assert_allclose(sums, rows["residual_deviance"][["consistent", "unrelated"]])


@pytest.mark.slow
def test_a_consistent_loop_has_the_same_effects_either_way():
    data = triangle(np.random.default_rng(22), n=1000, tau=0.1)
    found = network(data, reference="a", seed=3)
    rows = found.model_comparison.set_index("model")
    assert abs(np.diff(rows["deviance_information_criterion"])[0]) < 5
    for row in found.unrelated_effects.itertuples():
        assert row.unrelated_lower < row.consistent_odds_ratio < row.unrelated_upper
        # Without the loop there is less to go by.
        assert row.unrelated_standard_deviation > row.consistent_standard_deviation
    assert network(data, reference="a", seed=3, inconsistency=False).model_comparison.empty
