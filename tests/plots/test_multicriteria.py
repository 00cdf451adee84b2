"""What is drawn is what the tables hold."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest

from riskmodel.decisions.acceptability import acceptability
from riskmodel.decisions.multicriteria import mcda, smaa
from riskmodel.decisions.preference_map import preference_contours, preference_map
from riskmodel.decisions.value_functions import LinearValue
from riskmodel.plots.multicriteria import (
    plot_acceptability,
    plot_contributions,
    plot_preference_map,
    plot_ranks,
)

VALUES = {f"outcome_{i}": LinearValue(1, 0, "risk") for i in (1, 2)}
DRAWS = np.random.default_rng(1).uniform(0.1, 0.9, size=(200, 3, 2))


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_acceptability_lines_and_frontier_are_the_table():
    table = acceptability(-DRAWS, {"outcome_1": 1, "outcome_2": np.linspace(0, 2, 11)})
    ax = plt.subplots()[1]
    assert plot_acceptability(table, labels={"option_1": "First"}, marked_weight=1, ax=ax) is ax
    lines = {line.get_label(): line for line in ax.get_lines()}
    rows = table[table["option"] == "option_1"]
    np.testing.assert_allclose(lines["First"].get_xydata(), rows[["weight", "prob_best"]])
    assert "Panel's weight" in lines
    frontier = table[table["frontier"]]
    for row in frontier.itertuples():  # the middle of the band at every weight
        edges = [
            y
            for band in ax.collections
            for x, y in band.get_paths()[0].vertices
            if np.isclose(x, row.weight)
        ]
        assert (min(edges) + max(edges)) / 2 == pytest.approx(row.prob_best)


def test_rank_bars_fill_the_width_and_carry_marks_beside_colour():
    result = smaa(DRAWS, VALUES, size=600, seed=1)
    ax = plot_ranks(result.ranks)
    widths = np.array([[bar.get_width() for bar in bars] for bars in ax.containers])
    np.testing.assert_allclose(widths.sum(axis=0), 1)
    assert len({bars[0].get_hatch() for bars in ax.containers}) == 3


def test_contributions_end_at_the_score():
    weights = {"outcome_1": 0.7, "outcome_2": 0.3}
    result = mcda(DRAWS, VALUES, weights, whose="a test")
    ax = plot_contributions(result.contributions)
    ends = [bar.get_x() + bar.get_width() for bar in ax.containers[-1]]
    np.testing.assert_allclose(ends, result.scores["score"])
    assert [bars.get_label() for bars in ax.containers] == [
        "outcome_1 (weight 0.70)",
        "outcome_2 (weight 0.30)",
    ]


def test_the_map_shows_its_lines_down_to_the_axis(small, hand_made):
    risk = np.random.default_rng(4).uniform(0.1, 0.5, size=(200, 1, 3, 3))
    risk[:, :, 1] += [0.2, 0.3, 0.2]
    outcomes = hand_made(small, risk)
    panel = small.panels["runner"].model_copy(update={"together": []})
    given = {"harms": ("blister", "fall"), "preferences": panel}
    grid = np.linspace(0, 1.5, 9)
    table = preference_map(outcomes, weights=(grid, grid), **given)
    lines = preference_contours(outcomes, weights=grid, **given)
    chosen = table["option"] == "walking"
    ax = plot_preference_map(
        table[chosen], contours=lines[lines["option"] == "walking"], marked=(0.2, 1)
    )
    drawn = {line.get_label(): line for line in ax.get_lines()}
    assert {"Net benefit = 0", "P(net benefit > 0) = 0.5", "Panel's weights"} <= set(drawn)
    assert drawn["Net benefit = 0"].get_ydata()[-1] == 0
    exact = table[chosen & np.isclose(table["weight_2"], 0)].set_index("weight_1")["net_benefit"]
    crossing = np.interp(0, exact.to_numpy()[::-1], exact.index.to_numpy()[::-1])
    assert drawn["Net benefit = 0"].get_xdata()[-1] == pytest.approx(crossing)
