"""Decision curves on data: what is drawn is what the table says."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from riskmodel.decisions.classic_decision_curve import decision_curve, decision_curve_difference
from riskmodel.decisions.trial_decision_curve import trial_decision_curve
from riskmodel.plots.classic_decision_curve import plot_decision_curve, plot_difference_curve

GRID = np.arange(5, 51, 5) / 100


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    risk = rng.beta(1, 3, 300)
    return pd.DataFrame(
        {
            "event": rng.random(300) < risk,
            "model": risk,
            "marker": np.clip(risk + 0.1 * rng.normal(size=300), 0, 1),
            "arm": rng.integers(0, 2, 300),
        }
    )


@pytest.fixture(scope="module")
def curve(data):
    return decision_curve(data, "event", ["model", "marker"], GRID, draws=200, seed=1)


@pytest.mark.parametrize(
    "value, low, high",
    [
        ("net_benefit", "lower", "upper"),
        ("standardised_net_benefit", "standardised_lower", "standardised_upper"),
        ("net_interventions_avoided", "avoided_lower", "avoided_upper"),
    ],
)
def test_lines_and_bands_are_the_table_and_the_given_axes_are_returned(curve, value, low, high):
    _, ax = plt.subplots()
    assert plot_decision_curve(curve, value=value, ax=ax) is ax
    lines = {line.get_label(): line.get_xydata() for line in ax.get_lines()}
    assert list(lines) == ["model", "marker", "treat all", "treat none"]
    for strategy, rows in curve.groupby("strategy"):
        np.testing.assert_array_equal(lines[strategy], rows[["threshold", value]])
    assert len(ax.collections) == 2  # bands of the two predictions
    band = ax.collections[0].get_paths()[0].vertices
    rows = curve[curve["strategy"] == "model"]
    assert band[:, 1].min() == pytest.approx(rows[low].min())
    assert band[:, 1].max() == pytest.approx(rows[high].max())
    assert "95% equal-tailed credible interval" in ax.get_ylabel()


def test_every_strategy_is_named_beside_its_line_and_told_apart_without_colour(curve):
    ax = plot_decision_curve(curve, labels={"model": "New model"})
    assert {text.get_text() for text in ax.texts} == {
        "New model", "marker", "treat all", "treat none",
    }  # fmt: skip
    looks = {(line.get_linestyle(), line.get_linewidth()) for line in ax.get_lines()}
    assert len(looks) == 4
    # Treating all falls far below: the picture keeps to where decisions are made.
    lowest = curve["net_benefit"].min()
    assert ax.get_ylim()[0] > lowest


def test_points_alone_are_drawn_without_bands_or_their_words(data):
    ax = plot_decision_curve(decision_curve(data, "event", "model", GRID))
    assert not ax.collections and "interval" not in ax.get_ylabel()


def test_a_single_threshold_can_be_drawn(data):
    plot_decision_curve(decision_curve(data, "event", "model", [0.2], draws=100, seed=1))


def test_a_trials_curve_is_drawn_by_difference(data):
    curve = trial_decision_curve(data, "arm", "event", "model", GRID, draws=100, seed=1)
    ax = plot_decision_curve(curve, value="difference")
    line = ax.get_lines()[0]
    np.testing.assert_array_equal(
        line.get_ydata(), curve[curve["strategy"] == "model"]["difference"]
    )


def test_differences_are_drawn_about_zero(data):
    table = decision_curve_difference(data, "event", ["model", "marker"], GRID, draws=200, seed=1)
    table = table[table["strategy"] == "model"]
    ax = plot_difference_curve(table)
    lines = {line.get_label(): line.get_ydata() for line in ax.get_lines()[:3]}
    rows = table[table["versus"] == "marker"]
    np.testing.assert_array_equal(lines["model − marker"], rows["difference"])
    assert ax.get_lines()[-1].get_ydata()[0] == 0 and len(ax.collections) == 3
