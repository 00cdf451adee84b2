"""What the tornado and the chart of flip distances draw."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from riskmodel.plots.tornado import BLUE, ORANGE, plot_flip_distance, plot_tornado


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


TORNADO = pd.DataFrame(
    {
        "parameters": ["wide", "narrow"],
        "net_benefit": 0.05,
        "net_benefit_low": [0.11, 0.04],
        "net_benefit_high": [-0.02, 0.06],
        "low_value": [0.6, 1.0],
        "high_value": [1.2, 2.0],
        "swing": [-0.13, 0.02],
        "flips": [True, False],
    }
)


def test_tornado_draws_both_ends_from_the_expected_value(ax):
    assert plot_tornado(TORNADO, scale=1000, ax=ax) is ax
    blue, orange = ax.containers
    ends = [bar.get_x() + bar.get_width() for bar in blue]
    assert ends == pytest.approx([110, 40])
    assert [bar.get_x() for bar in orange] == pytest.approx([50, 50])
    assert blue[0].get_hatch() is None and orange[0].get_hatch() == "////"
    assert [text.get_text() for text in ax.get_yticklabels()] == ["wide (flips)", "narrow"]
    assert {text.get_text() for text in ax.texts} == {"0.6", "1.2", "1", "2"}


def test_tornado_names_what_it_leaves_out(ax):
    plot_tornado(TORNADO, most=1, ax=ax)
    assert "1 smaller not shown" in ax.get_xlabel()


def test_flip_distances_say_direction_value_and_none(ax):
    table = pd.DataFrame(
        {
            "parameters": ["none", "far", "down"],
            "standard_deviations": [np.inf, 9.2, 1.1],
            "shift": [np.inf, 3.7, -0.2],
            "location": [0.2, 0.0013, 0.9],
            "location_at_flip": [np.nan, 0.053, 0.74],
        }
    )
    assert plot_flip_distance(table, joint=1.0, ax=ax) is ax
    texts = [text.get_text() for text in ax.texts]
    assert texts == [
        "↓ 1.1 sd: 0.9 to 0.74",
        "↑ 9.2 sd: 0.0013 to 0.053 (bar cut)",
        "none within its support",
    ]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["down", "far", "none"]
    colours = {bar.get_facecolor()[:3] for bar in ax.patches[2:4]}
    assert colours == {plt.matplotlib.colors.to_rgb(c) for c in (BLUE, ORANGE)}
    assert ax.get_legend_handles_labels()[1] == ["all inputs together", "↓ lower", "↑ higher"]
