"""Scores, ranks and weights: closed forms, net benefit as the oracle, and refusals."""

import numpy as np
import pytest

import riskmodel as rm
from riskmodel.decisions.criterion_weights import (
    DirichletWeights,
    OrdinalWeights,
    RatioBounds,
    SwingWeights,
    draw_weights,
    panel_weights,
)
from riskmodel.decisions.multicriteria import SCORES, mcda, smaa
from riskmodel.decisions.value_functions import LinearValue, PiecewiseLinearValue, UserValue
from riskmodel.errors import ParameterError, RiskModelWarning

FEWER, MORE = LinearValue(1, 0, "risk"), LinearValue(0, 1, "risk")
TWO = {"outcome_1": FEWER, "outcome_2": FEWER}
THREE = {**TWO, "outcome_3": MORE}
WEIGHTS = {"outcome_1": 0.5, "outcome_2": 0.3, "outcome_3": 0.2}
CRITERIA = list(WEIGHTS)


@pytest.fixture(scope="module")
def draws():
    return np.random.default_rng(1).uniform(0.05, 0.95, size=(500, 4, 3))


# --- stated weights -----------------------------------------------------------------------------


def test_additive_scores_are_weighted_sums(draws):
    result = mcda(draws, THREE, WEIGHTS, whose="a test")
    values = np.stack([1 - draws[..., 0], 1 - draws[..., 1], draws[..., 2]], axis=-1)
    score = values @ [0.5, 0.3, 0.2]
    np.testing.assert_allclose(result.scores["score"], score.mean(axis=0))
    best = np.bincount(score.argmax(axis=1), minlength=4) / 500
    np.testing.assert_allclose(result.scores["prob_best"], best)
    error = score.std(axis=0, ddof=1) / np.sqrt(500)
    np.testing.assert_allclose(result.scores["monte_carlo_standard_error"], error)
    added = result.contributions.groupby("option")["contribution"].sum()
    np.testing.assert_allclose(added, result.scores["score"])
    assert (result.weights["whose"] == "a test").all()


@pytest.mark.parametrize("score", SCORES)
def test_hand_computed_scores(score):
    """Values 0.25 and 0.64 at weights of one half."""
    result = mcda([[[0.75, 0.36], [0.0, 1.0]]], TWO, {"outcome_1": 0.5, "outcome_2": 0.5},
                  whose="a test", score=score)  # fmt: skip
    expected = {
        "additive": [0.445, 0.5],
        "product": [0.4, 0.0],  # 0.5 x 0.8
        "scale_loss": [-(1 / 0.5 + 1 / 0.8), -np.inf],
    }[score]
    np.testing.assert_allclose(result.scores["score"], expected, rtol=1e-12)
    # Only the additive score lets an option live that is at its worst on a criterion.
    assert result.scores["prob_best"].tolist() == ([0, 1] if score == "additive" else [1, 0])


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("weights", ["stated", "uniform"])
def test_ranks_add_up_to_one_both_ways(draws, score, weights):
    result = (
        mcda(draws, THREE, WEIGHTS, whose="a test", score=score)
        if weights == "stated"
        else smaa(draws, THREE, score=score, size=2000, seed=1)
    )
    table = result.ranks.pivot(index="option", columns="rank", values="acceptability")
    np.testing.assert_allclose(table.sum(axis=0), 1)
    np.testing.assert_allclose(table.sum(axis=1), 1)
    np.testing.assert_allclose(table[1], result.scores["prob_best"])


def test_swapping_options_swaps_the_answer(draws):
    once = mcda(draws, THREE, WEIGHTS, whose="a test").scores["prob_best"].to_numpy()
    swapped = mcda(draws[:, ::-1], THREE, WEIGHTS, whose="a test").scores["prob_best"].to_numpy()
    assert (once == swapped[::-1]).all()


def test_a_panel_orders_options_as_net_benefit_does(small, hand_made):
    risk = np.random.default_rng(9).uniform(0.05, 0.95, size=(300, 1, 3, 3))
    outcomes = hand_made(small, risk)
    panel = small.panels["runner"].model_copy(update={"together": [], "burden": 0.0})
    functions = {"fall": LinearValue(0.5, 0), "record": MORE, "blister": LinearValue(2, 1)}
    with pytest.warns(RiskModelWarning, match="outside its swing"):
        result = mcda(outcomes, functions, panel)
    benefit = rm.summarize_net_benefit(rm.net_benefit(outcomes, panel))
    np.testing.assert_allclose(result.scores["prob_best"][1:], benefit["prob_best"], atol=1e-12)
    gain = result.scores["score"][1:].to_numpy() - result.scores["score"][0]
    total = sum(panel.weights[name].weight * abs(f.best - f.worst) for name, f in functions.items())
    np.testing.assert_allclose(total * gain, benefit["net_benefit"], atol=1e-12)
    shared = panel_weights(panel, {"fall": LinearValue(0.4, 0), "record": MORE})
    assert shared.weights["fall"] == pytest.approx(0.4 / 0.9)
    assert shared.whose == panel.whose


# --- drawn weights ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "benefit, harm, share", [(4.6, 8.5, 0.351), (16.0, 13.5, 0.542), (16.0, 7.14, 0.691)]
)
def test_two_fixed_criteria_agree_with_the_closed_form(benefit, harm, share):
    """P(best) = ARR / (ARR + ARI); the central weights are midpoints of the two intervals."""
    assert share == pytest.approx(benefit / (benefit + harm), abs=5e-4)
    result = smaa([[[benefit / 100, 0], [0, harm / 100]]], TWO, size=40_000, seed=3)
    row = result.scores.iloc[1]
    assert abs(row["prob_best"] - share) < 4 * row["prob_best_standard_error"] + 5e-4
    central = result.central.set_index(["option", "outcome"]).loc[("option_2", "outcome_1")]
    turn = harm / (benefit + harm)  # the option is best where the first weight is above it
    away = abs(central["weight"] - (1 + turn) / 2)
    assert away < 4 * central["monte_carlo_standard_error"]
    assert central["confidence_factor"] == 1


def test_an_option_that_is_never_best_has_no_central_weights():
    result = smaa([[[0.2, 0.2], [0.3, 0.3]]], TWO, size=500, seed=1)
    rows = result.central[result.central["option"] == "option_2"]
    assert rows[["weight", "confidence_factor"]].isna().all(axis=None)


def test_the_same_seed_gives_the_same_numbers_and_none_is_recorded(draws):
    once, again = (smaa(draws, THREE, size=2000, seed=5) for _ in range(2))
    assert once.ranks.equals(again.ranks)
    drawn = smaa(draws, THREE, size=2000)
    replayed = smaa(draws, THREE, size=2000, seed=drawn.record["seed"])
    assert drawn.ranks.equals(replayed.ranks)


def test_standard_errors_cover_repeated_runs():
    """Over 40 fresh sets of draws and weights the spread is what the errors say, within 35%."""
    shares, errors = [], []
    for seed in range(40):
        draws = np.random.default_rng(seed).uniform(0.2, 0.6, size=(100, 2, 2))
        row = smaa(draws, TWO, size=400, seed=seed).scores.iloc[0]
        shares.append(row["prob_best"])
        errors.append(row["prob_best_standard_error"])
    assert np.std(shares) == pytest.approx(np.mean(errors), rel=0.35)


def test_ordered_weights_have_the_known_means():
    """Sorted uniform weights of three: 11/18, 5/18, 2/18; a group shares its two."""
    rng = np.random.default_rng(2)
    strict = OrdinalWeights(["outcome_2", "outcome_1", "outcome_3"], "a test")
    drawn, _, _ = draw_weights(strict, CRITERIA, 40_000, rng)
    assert (drawn[:, 1] >= drawn[:, 0]).all() and (drawn[:, 0] >= drawn[:, 2]).all()
    np.testing.assert_allclose(drawn.mean(axis=0), np.array([5, 11, 2]) / 18, atol=0.003)
    grouped = OrdinalWeights(["outcome_2", ["outcome_1", "outcome_3"]], "a test")
    drawn, _, _ = draw_weights(grouped, CRITERIA, 40_000, rng)
    np.testing.assert_allclose(drawn.mean(axis=0), np.array([3.5, 11, 3.5]) / 18, atol=0.003)


def test_bounded_ratios_hold_and_two_criteria_agree_with_the_closed_form():
    """Uniform w1 with 1 <= w1 / w2 <= 3 lies evenly between 1/2 and 3/4."""
    rng = np.random.default_rng(4)
    bounds = RatioBounds({("outcome_1", "outcome_2"): (1, 3)}, "a test")
    drawn, _, _ = draw_weights(bounds, CRITERIA[:2], 20_000, rng)
    quantiles = np.quantile(drawn[:, 0], [0, 0.25, 0.5, 1])
    np.testing.assert_allclose(quantiles, [0.5, 0.5625, 0.625, 0.75], atol=0.004)


def test_narrow_bounds_are_walked_and_agree_with_rejection():
    """The walk is even: within narrow bounds the density of the simplex hardly changes."""
    rng = np.random.default_rng(5)
    narrow = {("outcome_1", "outcome_2"): (1, 1.01), ("outcome_2", "outcome_3"): (1, 1.01)}
    drawn, _, _ = draw_weights(RatioBounds(narrow, "a test"), CRITERIA, 4000, rng)
    np.testing.assert_allclose(drawn.sum(axis=1), 1)
    for ratio in (drawn[:, 0] / drawn[:, 1], drawn[:, 1] / drawn[:, 2]):
        assert ratio.min() >= 1 - 1e-12 and ratio.max() <= 1.01 + 1e-12
        np.testing.assert_allclose(ratio.mean(), 1.005, atol=0.0003)  # 4 errors: 0.0029 / 63 x 4
        np.testing.assert_allclose(ratio.std(), 0.01 / np.sqrt(12), rtol=0.05)


def test_dirichlet_weights_have_their_mean(draws):
    given = DirichletWeights({"outcome_1": 6, "outcome_2": 3, "outcome_3": 1}, "a test")
    result = smaa(draws, THREE, given, size=20_000, seed=6)
    np.testing.assert_allclose(result.weights["weight"], [0.6, 0.3, 0.1], atol=0.005)
    assert set(result.weights["whose"]) == {"a test"}


# --- value functions ----------------------------------------------------------------------------


def test_pieces_join_at_their_points_and_go_on_beyond():
    value = PiecewiseLinearValue(((0, 1), (10, 0.2), (30, 0)))
    assert (value.worst, value.best) == (30, 0)
    np.testing.assert_allclose(value([-5, 0, 5, 10, 20, 40]), [1.4, 1, 0.6, 0.2, 0.1, -0.1])


@pytest.mark.parametrize(
    "make",
    [
        lambda: LinearValue(1, 1),
        lambda: LinearValue(None, 1),
        lambda: PiecewiseLinearValue(((0, 0), (0, 1))),
        lambda: PiecewiseLinearValue(((0, 0), (1, 0.7), (2, 0.5), (3, 1))),
        lambda: PiecewiseLinearValue(((0, 0), (1, 0.7))),
        lambda: UserValue(np.square, worst=0, best=2),
    ],
)
def test_a_value_function_without_a_swing_is_refused(make):
    with pytest.raises(ParameterError) as caught:
        make()
    assert caught.value.problems[0].remedy


def test_a_function_of_ones_own_is_used_over_its_swing():
    root = UserValue(np.sqrt, worst=0, best=1)
    result = mcda([[[0.25], [0.16]]], {"outcome_1": root}, {"outcome_1": 1}, whose="a test")
    assert result.scores["score"].tolist() == [0.5, 0.4]


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "weights, options, field",
    [
        ({**WEIGHTS, "outcome_1": 0.6}, {}, "weights"),
        (WEIGHTS, {"whose": None}, "whose"),
        (WEIGHTS, {"whose": "  "}, "whose"),
        ({**WEIGHTS, "outcome_1": -0.5}, {}, "weights.outcome_1"),
        ({**WEIGHTS, "outcome_4": 0.0}, {}, "weights.outcome_4"),
        ({"outcome_1": 0.5, "outcome_2": 0.5}, {}, "weights.outcome_3"),
        (dict.fromkeys(WEIGHTS, 0.0), {"normalise": True}, "weights"),
        ([0.5, 0.3, 0.2], {}, "weights"),
        (WEIGHTS, {"score": "aditive"}, "score"),
    ],
)
def test_weights_that_mean_nothing_are_refused(draws, weights, options, field):
    with pytest.raises(ParameterError) as caught:
        mcda(draws, THREE, weights, **{"whose": "a test", **options})
    (problem,) = caught.value.problems
    assert problem.field == field
    assert problem.allowed and problem.remedy


def test_weights_are_normalised_only_if_asked_and_shown_both_ways(draws):
    given = SwingWeights({name: 100 * weight for name, weight in WEIGHTS.items()}, "a test")
    result = mcda(draws, THREE, given, normalise=True)
    assert result.weights["stated_weight"].tolist() == [50, 30, 20]
    np.testing.assert_allclose(result.weights["weight"], [0.5, 0.3, 0.2])
    assert result.record["normalised"]


def test_a_criterion_without_swing_or_draws_is_refused(draws):
    with pytest.raises(ParameterError, match=r"value_functions.outcome_1.*swing"):
        mcda(draws, {"outcome_1": np.sqrt}, {"outcome_1": 1}, whose="a test")
    with pytest.raises(ParameterError, match="did you mean 'outcome_1'"):
        mcda(draws, {"outcome1": FEWER}, {"outcome1": 1}, whose="a test")
    with pytest.raises(ParameterError, match="can be estimated"):
        mcda(np.full((5, 2, 2), np.nan), TWO, {"outcome_1": 0.5, "outcome_2": 0.5}, whose="a test")


@pytest.mark.parametrize(
    "weights, field",
    [
        ("equal", "weights"),
        (WEIGHTS, "weights"),
        (OrdinalWeights(CRITERIA, ""), "whose"),
        (OrdinalWeights(CRITERIA[:2], "a test"), "weights.order"),
        (OrdinalWeights([*CRITERIA, "outcome_1"], "a test"), "weights.order"),
        (RatioBounds({("outcome_1", "x"): (1, 2)}, "a test"), "weights.bounds"),
        (RatioBounds({("outcome_1", "outcome_2"): (2, 1)}, "a test"),
         "weights.bounds.outcome_1/outcome_2"),
        (RatioBounds({("outcome_1", "outcome_2"): (2, 3), ("outcome_2", "outcome_1"): (1, 2)},
                     "a test"), "weights.bounds"),
        (DirichletWeights({**WEIGHTS, "outcome_1": 0}, "a test"), "weights.concentration"),
    ],
)  # fmt: skip
def test_distributions_of_weights_that_mean_nothing_are_refused(draws, weights, field):
    with pytest.raises(ParameterError) as caught:
        smaa(draws, THREE, weights, size=500, seed=1)
    assert caught.value.problems[0].field == field
