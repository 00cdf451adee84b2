"""Which option is best over weights: against counting by hand, closed forms, and symmetries."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import riskmodel as rm
from riskmodel.decisions.acceptability import (
    acceptability,
    best_shares,
    likelihood_helped_or_harmed,
)
from riskmodel.errors import ParameterError

ROUNDING = 1e-12  # a handful of sums of numbers near 1


def by_loop(values, weights, burden=0.0):
    """Count set by set; ties, found exactly, share."""
    shares = []
    for row in weights:
        benefit = values @ row - burden
        best = benefit == benefit.max(axis=1, keepdims=True)
        shares.append((best / best.sum(axis=1, keepdims=True)).mean(axis=0))
    return np.array(shares)


@pytest.mark.parametrize("seed", range(6))
def test_one_varied_weight_equals_counting_every_draw_at_every_weight(seed):
    rng = np.random.default_rng(seed)
    options = rng.integers(2, 8)
    values = rng.normal(size=(700, options, 3))
    values[:, 0] = 0
    weights = np.column_stack([np.ones(60), rng.permutation(rng.uniform(0, 4, 60)), np.full(60, 2)])
    burden = rng.normal(size=options) / 5
    shares, errors = best_shares(values, weights, burden)
    np.testing.assert_allclose(shares, by_loop(values, weights, burden), rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(errors, np.sqrt(shares * (1 - shares) / 700), atol=ROUNDING)


def test_many_varied_weights_equal_counting(seed=3):
    rng = np.random.default_rng(seed)
    values, weights = rng.normal(size=(900, 4, 3)), rng.dirichlet(np.ones(3), 50)
    np.testing.assert_allclose(
        best_shares(values, weights)[0], by_loop(values, weights), rtol=0, atol=ROUNDING
    )


@pytest.mark.parametrize("levels", [2, 3, 5])
def test_ties_share_and_everything_adds_up_to_one(levels):
    """Whole numbers tie often, at weights and throughout, and are exact."""
    rng = np.random.default_rng(levels)
    values = rng.integers(0, levels, size=(400, 4, 2)).astype(float)
    for weights in (
        np.column_stack([np.ones(9), np.arange(9.0)]),
        rng.integers(0, 4, size=(12, 2)).astype(float),
    ):
        shares, _ = best_shares(values, weights)
        np.testing.assert_allclose(shares, by_loop(values, weights), rtol=0, atol=ROUNDING)
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=ROUNDING)


def test_two_normal_options_agree_with_the_closed_form():
    """P(a - w h > 0) with a ~ N(1, 1) and h ~ N(1, 0.5): a probability of one normal."""
    from scipy.special import ndtr

    rng = np.random.default_rng(8)
    values = np.zeros((200_000, 2, 2))
    values[:, 1] = np.column_stack([rng.normal(1, 1, 200_000), -rng.normal(1, 0.5, 200_000)])
    table = acceptability(values, {"outcome_1": 1, "outcome_2": [0, 0.5, 1, 2, 3]})
    table = table[table["option"] == "option_2"]
    weight = table["weight"].to_numpy()
    exact = ndtr((1 - weight) / np.sqrt(1 + 0.25 * weight**2))
    away = np.abs(table["prob_best"] - exact) / table["monte_carlo_standard_error"]
    assert (away < 4).all()  # five numbers within four standard errors
    assert table["frontier"].tolist()[:2] == [True, True]
    assert table["frontier"].tolist()[3:] == [False, False]


def test_the_frontier_may_be_the_less_probable_option():
    values = np.zeros((10, 2, 1))
    values[:4, 1] = 10
    values[4:, 1] = -1
    table = acceptability(values[:, :, 0]).set_index("option")
    assert table.loc["option_2", ["prob_best", "frontier"]].tolist() == [0.4, True]


def test_scaling_weights_and_burden_keeps_everything_but_net_benefit():
    rng = np.random.default_rng(5)
    values, burden = rng.normal(size=(500, 3, 2)), np.array([0, 0.1, 0.3])
    weights = np.column_stack([np.ones(20), np.linspace(0, 2, 20)])
    once = acceptability(values, weights, burden=burden)
    eight = acceptability(values, 8 * weights, burden=8 * burden)  # exact in binary
    for column in ("prob_best", "frontier", "option"):
        assert (once[column] == eight[column]).all()
    np.testing.assert_allclose(8 * once["net_benefit"], eight["net_benefit"], rtol=1e-12)


def test_permuting_options_and_draws_permutes_the_answer():
    rng = np.random.default_rng(6)
    values = rng.normal(size=(300, 4, 2))
    weights = np.column_stack([np.ones(15), np.linspace(0, 3, 15)])
    order = [2, 0, 3, 1]
    shares = best_shares(values, weights)[0]
    moved = best_shares(rng.permutation(values)[:, order], weights)[0]
    np.testing.assert_allclose(moved, shares[:, order], atol=ROUNDING)


def test_every_form_of_input_is_read_alike():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(200, 3, 2))
    weights = {"good": 1.0, "bad": [0.5, 2.0, 4.0]}
    array = xr.DataArray(
        values.reshape(2, 100, 3, 2),
        dims=("chain", "draw", "option", "outcome"),
        coords={"option": list("abc"), "outcome": ["good", "bad"]},
    )
    columns = pd.MultiIndex.from_product([list("abc"), ["good", "bad"]])
    frame = pd.DataFrame(values.reshape(200, 6), columns=columns)
    plain = acceptability(values, np.column_stack([np.ones(3), weights["bad"]]))
    for given in (array, frame, frame.iloc[:, ::-1]):
        table = acceptability(given, weights)
        assert (table["outcome"] == "bad").all()
        wide = table.pivot(index="weight", columns="option", values="prob_best")[list("abc")]
        np.testing.assert_allclose(wide.to_numpy().ravel(), plain["prob_best"])
    benefit = pd.DataFrame(values @ [1.0, 2.0], columns=list("abc"))
    at_two = acceptability(benefit)
    assert at_two["prob_best"].tolist() == plain["prob_best"].iloc[3:6].tolist()
    over = xr.DataArray(
        np.stack([benefit, benefit]),
        dims=("weight", "draw", "option"),
        coords={"weight": [1.0, 2.0], "option": list("abc")},
    )
    assert set(acceptability(over)["weight"]) == {1.0, 2.0}


def test_errors_allow_for_autocorrelation_within_chains():
    """A draw repeated ten times is one draw: errors grow by the root of ten."""
    rng = np.random.default_rng(7)
    values = np.repeat(rng.normal(size=(4, 2000, 2, 1)), 10, axis=1)
    array = xr.DataArray(values, dims=("chain", "draw", "option", "outcome"),
                         coords={"option": ["a", "b"], "outcome": ["x"]})  # fmt: skip
    error = acceptability(array, {"x": 1})["monte_carlo_standard_error"].iloc[0]
    assert error == pytest.approx(np.sqrt(0.25 / 8000), rel=0.4)  # 32 batches: 13% either way


def test_outcomes_of_a_problem_agree_with_net_benefit_at_each_weight(small, hand_made):
    risk = np.random.default_rng(12).uniform(0.02, 0.98, size=(300, 2, 3, 3))
    outcomes = hand_made(small, risk)
    table = acceptability(outcomes, [0.0, 0.2, 1.0])
    assert set(table["outcome"]) == {"blister"}
    panel = small.panels["runner"]
    for weight in (0.0, 0.2, 1.0):
        weights = dict(panel.weights)
        weights["blister"] = weights["blister"].model_copy(update={"weight": weight})
        benefit = rm.net_benefit(outcomes, panel.model_copy(update={"weights": weights}))
        expected = rm.summarize_net_benefit(benefit)
        got = table[(table["weight"] == weight) & (table["option"] != "rest")]
        np.testing.assert_allclose(got["prob_best"], expected["prob_best"], atol=ROUNDING)
        np.testing.assert_allclose(got["net_benefit"], expected["net_benefit"], atol=ROUNDING)
    several = acceptability(outcomes, {"record": [0.5, 1], "blister": [0.2, 0.4]})
    first = several[several["weight_set"] == 0]
    same = table[table["weight"] == 0.2]
    np.testing.assert_allclose(first["prob_best"], same["prob_best"], atol=ROUNDING)
    assert len(acceptability(outcomes)) == 2 * 121 * 3


@pytest.mark.parametrize(
    "weights, field",
    [
        ({"outcome_1": 1, "outcome_2": -1}, "weights.outcome_2"),
        ({"outcome_1": 1, "outcome_3": 1}, "weights.outcome_3"),
        ({"outcome_1": 1}, "weights.outcome_2"),
        ({"outcome_1": [1, 2], "outcome_2": [1, 2, 3]}, "weights.outcome_1"),
        ({"outcome_1": 1, "outcome_2": np.nan}, "weights.outcome_2"),
        ([[1, 2, 3]], "weights"),
        (None, "weights"),
    ],
)
def test_weights_that_cannot_be_used_are_named(weights, field):
    with pytest.raises(ParameterError) as caught:
        acceptability(np.zeros((5, 2, 2)), weights)
    (problem,) = caught.value.problems
    assert problem.field == field
    assert problem.allowed and problem.remedy


# --- helped or harmed ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "nnt, nnh, ratio", [(21.7, 14, 0.645), (6.25, 14, 2.24), (100 / 4.6, 100 / 8.5, 0.541)]
)
def test_the_ratio_is_the_break_even_weight(nnt, nnh, ratio):
    row = likelihood_helped_or_harmed({"benefit": [1 / nnt], "harm": [1 / nnh]}).iloc[0]
    assert row["likelihood_helped_or_harmed"] == pytest.approx(ratio, abs=5e-4)
    assert row["break_even_weight"] == pytest.approx(nnh / nnt)
    assert row["prob_above_one"] == (nnh > nnt)
    assert row["implied_weight"] == 1


def test_two_wrongs_make_no_right():
    row = likelihood_helped_or_harmed({"benefit": [-0.1], "harm": [-0.05]}).iloc[0]
    assert np.isnan(row["likelihood_helped_or_harmed"])
    assert "no meaning" in row["note"]


def test_of_outcomes_the_stated_weight_stands_beside(small, hand_made):
    risk = np.full((4, 1, 3, 3), 0.3)
    risk[:, 0, 1] = [0.2, 0.3, 0.5]  # ten points fewer falls, twenty more blisters
    table = likelihood_helped_or_harmed(hand_made(small, risk))
    row = table[table["option"] == "walking"].iloc[0]
    assert row["likelihood_helped_or_harmed"] == pytest.approx(0.5)
    assert (row["prob_above_one"], row["stated_weight"]) == (0, 0.2)
    assert row["prob_positive_at_stated_weight"] == 1
    assert "the stated weight 0.2 gives the other sign" in row["note"]


@pytest.mark.parametrize("levels", [3, None])
def test_the_compiled_count_equals_the_other_ties_and_burden_included(levels, monkeypatch):
    from riskmodel.decisions import acceptability as module

    rng = np.random.default_rng(8)
    values = rng.normal(size=(1500, 4, 3))
    if levels:  # few values: ties in most draws
        values = rng.integers(0, levels, size=values.shape).astype(float)
    weights, burden = rng.integers(1, 4, size=(7, 3)).astype(float), np.array([0, 0.5, 1, 0.0])
    plain = module.best_shares(values, weights, burden, chains=2)
    monkeypatch.setattr(module, "_COMPILED_FROM", 0)
    used = []
    monkeypatch.setattr(
        module, "_count_compiled", lambda *a, f=module._count_compiled: used.append(1) or f(*a)
    )
    compiled = module.best_shares(values, weights, burden, chains=2)
    assert used
    for one, other in zip(plain, compiled, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)
    np.testing.assert_allclose(compiled[0], by_loop(values, weights, burden), atol=1e-12)
