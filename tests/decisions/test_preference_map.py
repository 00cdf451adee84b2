"""Two weights at once: against the curve of one, and lines that lie where net benefit is zero."""

import numpy as np
import pytest

import riskmodel as rm
from riskmodel.decisions.preference_map import preference_contours, preference_map
from riskmodel.errors import ParameterError

HARMS = ("blister", "fall")


@pytest.fixture
def panel(small):
    """The runner's, without the pair, whose own weight stands whatever the two weigh alone."""
    return small.panels["runner"].model_copy(update={"together": []})


@pytest.fixture
def outcomes(small, hand_made):
    risk = np.random.default_rng(4).uniform(0.1, 0.5, size=(400, 1, 3, 3))
    risk[:, :, 1] += [0.2, 0.3, 0.2]  # walking: more records, and more of the two harms
    return hand_made(small, risk)


def test_a_row_of_the_map_is_the_curve_of_one_weight(outcomes):
    weights = [0.0, 0.3, 0.9]
    table = preference_map(outcomes, harms=HARMS, weights=(weights, [0.5, 1.0]))
    curve = rm.preference_curve(outcomes, outcome="blister", weights=weights)
    row = table[table["weight_2"] == 1.0]  # the panel's own
    for column in ("net_benefit", "lower", "upper", "prob_positive"):
        np.testing.assert_allclose(row[column], curve[column], atol=1e-12)


def test_lines_lie_where_net_benefit_and_its_probability_change(outcomes, panel):
    given = {"harms": HARMS, "preferences": panel}
    lines = preference_contours(outcomes, weights=[0.0, 0.2, 0.5], **given)
    lines = lines[(lines["weight_2"] > 0) & np.isfinite(lines["weight_2"])]
    assert set(lines["contour"]) == {"net_benefit", "prob_positive"}
    for row in lines.itertuples():
        grid = ([row.weight_1], [row.weight_2 * (1 - 1e-9), row.weight_2 * (1 + 1e-9)])
        at = preference_map(outcomes, weights=grid, **given)
        before, after = at[at["option"] == row.option][row.contour]
        assert before > row.level >= after or np.isclose(before, row.level, atol=1e-8)


def test_a_line_is_at_0_or_infinite_where_nothing_changes_sign(small, hand_made, panel):
    risk = np.full((3, 1, 3, 3), 0.3)
    risk[:, 0, 1, 1] = 0.6  # only better
    risk[:, 0, 2, 1] = 0.1  # only worse
    outcomes = hand_made(small, risk)
    lines = preference_contours(outcomes, harms=HARMS, weights=[0.5], preferences=panel)
    assert (lines[lines["option"] == "walking"]["weight_2"] == np.inf).all()
    assert (lines[lines["option"] == "jumping"]["weight_2"] == 0).all()


@pytest.mark.parametrize("harms", [("fall", "fall"), ("fall", "nothing"), "fall"])
def test_harms_that_cannot_be_varied_are_named(outcomes, harms):
    with pytest.raises(ParameterError) as caught:
        preference_map(outcomes, harms=harms)
    assert caught.value.problems[0].remedy
