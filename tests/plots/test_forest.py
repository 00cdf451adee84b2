"""What the forest plot draws is what its table says."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from riskmodel.errors import ParameterError
from riskmodel.evidence.pooling import pool_effects
from riskmodel.plots.forest import LOOKS, number_text, plot_forest
from riskmodel.plots.style import house_style


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def table():
    rows = [
        ("One", "observed", 0.5, 0.2, 1.25, "data", "4/50 v 8/50"),
        ("One", "shrunken", 0.6, 0.4, 0.9, "data", "4/50 v 8/50"),
        ("Two", "observed", np.nan, np.nan, np.nan, "data", "0/20 v 0/20"),
        ("Two", "shrunken", 0.7, 0.3, 1.5, "data", "0/20 v 0/20"),
        ("Series", "uncontrolled", 0.8, 0.1, 4.0, "transported", ""),
        ("Pooled effect", "pooled", 0.65, 0.45, 0.95, "", "2 studies"),
        ("New study", "predicted", 0.65, 0.3, 1.4, "", ""),
    ]
    return pd.DataFrame(rows, columns="label kind value lower upper badge note".split())


def marks(ax, kind):
    """Return points of a kind, or None if nothing of it is in the legend."""
    lines = {line.get_label(): line for line in ax.get_lines()}
    return lines.get(LOOKS[kind][2])


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_points_intervals_and_the_given_axes(table):
    _, ax = plt.subplots()
    assert plot_forest(table, xlabel="Odds ratio", ratio=True, ax=ax) is ax
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "Odds ratio"
    for kind in ("observed", "shrunken", "uncontrolled", "predicted"):
        rows = table[table["kind"] == kind]
        np.testing.assert_array_equal(marks(ax, kind).get_xdata(), rows["value"])
    ends = [segment[:, 0] for c in ax.collections for segment in c.get_segments()]
    drawn = {tuple(end) for end in ends}
    for row in table[table["kind"].isin(["shrunken", "uncontrolled", "predicted"])].itertuples():
        assert (row.lower, row.upper) in drawn or row.kind == "uncontrolled"


def test_the_pooled_effect_is_a_diamond_as_wide_as_its_interval(table):
    ax = plot_forest(table, xlabel="x", ratio=True)
    (diamond,) = ax.patches
    corners = diamond.get_xy()
    assert corners[:, 0].min() == 0.45 and corners[:, 0].max() == 0.95
    assert corners[corners[:, 1].argmax(), 0] == 0.65
    # A broken line carries it up to the studies; a whole one stands where no difference is.
    verticals = [line.get_xdata()[0] for line in ax.get_lines() if line.get_label()[0] == "_"]
    assert {1.0, 0.65} <= set(verticals)


def test_a_study_has_one_line_with_the_shrunken_below_the_observed(table):
    ax = plot_forest(table, xlabel="x", ratio=True)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["One", "Two", "Series", "Pooled effect", "New study"]
    observed, shrunken = (marks(ax, kind).get_ydata() for kind in ("observed", "shrunken"))
    ticks = ax.get_yticks()
    assert (observed > shrunken).all()
    np.testing.assert_allclose((observed + shrunken) / 2, ticks[:2])
    assert (np.diff(ticks) < 0).all()


def test_uncontrolled_series_are_hollow_and_others_are_not(table):
    ax = plot_forest(table, xlabel="x", ratio=True)
    assert marks(ax, "uncontrolled").get_markerfacecolor() == "white"
    assert marks(ax, "observed").get_markerfacecolor() != "white"
    ax = plot_forest(
        table[:1].assign(controlled=False), xlabel="x", ratio=True, ax=plt.subplots()[1]
    )
    assert marks(ax, "observed") is None
    assert marks(ax, "uncontrolled").get_markerfacecolor() == "white"


def test_badges_and_notes_are_columns_of_text_once_a_line(table):
    shown = texts(plot_forest(table, xlabel="x", ratio=True))
    assert shown.count("data") == 2 and shown.count("transported") == 1
    assert shown.count("4/50 v 8/50") == 1
    assert {"Value (interval)", "Badge", "Note"} <= set(shown)
    assert "0.50 (0.20 to 1.25)" in shown
    bare = texts(plot_forest(table.drop(columns=["badge", "note"]), xlabel="x", ratio=True))
    assert not {"Badge", "Note"} & set(bare)


def test_an_interval_beyond_the_axis_ends_in_an_arrow(table):
    table.loc[0, ["lower", "upper"]] = [1e-6, 1e6]
    ax = plot_forest(table, xlabel="x", ratio=True)
    low, high = ax.get_xlim()
    assert low > 1e-3 and high < 1e3  # the others can still be read
    arrows = {line.get_marker(): line.get_xdata() for line in ax.get_lines()}
    assert arrows["<"][0] == low and arrows[">"][0] == high
    infinite = table.assign(upper=[np.inf, *table["upper"][1:]])
    assert np.isfinite(plot_forest(infinite, xlabel="x", ratio=True).get_xlim()).all()


def test_ratios_have_plain_ticks_with_one_among_them(table):
    ax = plot_forest(table, xlabel="x", ratio=True)
    formatter = ax.xaxis.get_major_formatter()
    ticks = [formatter(tick) for tick in ax.get_xticks()]
    assert "1" in ticks and "0.5" in ticks
    near = pd.DataFrame(
        {"label": ["a"], "kind": ["pooled"], "value": [1.02], "lower": [0.99], "upper": [1.05]}
    )
    assert len(plot_forest(near, xlabel="x", ratio=True, ax=plt.subplots()[1]).get_xticks()) >= 3


def test_differences_have_a_linear_axis_and_a_line_at_zero(table):
    table[["value", "lower", "upper"]] -= 0.6
    ax = plot_forest(table, xlabel="Risk difference", directions=("fewer", "more"))
    assert ax.get_xscale() == "linear"
    verticals = [line.get_xdata()[0] for line in ax.get_lines() if line.get_label()[0] == "_"]
    assert 0.0 in verticals
    assert {"← fewer", "more →"} <= set(texts(ax))
    none = plot_forest(table, xlabel="x", reference=np.nan, ax=plt.subplots()[1])
    rules = [line.get_xdata()[0] for line in none.get_lines() if line.get_label()[0] == "_"]
    assert 0.0 not in rules


def test_the_table_of_a_synthesis_fits_as_it_is():
    pooled = pool_effects([-0.6, -0.2, -0.9], [0.3, 0.25, 0.5], study=["x", "y", "z"])
    table = pooled.forest_plot_table(controlled=[True, True, False])
    ax = plot_forest(table, xlabel="Log odds ratio")
    assert len(marks(ax, "shrunken").get_xdata()) == 3
    assert len(marks(ax, "observed").get_xdata()) == 2
    assert len(marks(ax, "uncontrolled").get_xdata()) == 1


def test_everything_lies_within_the_figure(table):
    """Labels, columns and legend of a figure at print size, whatever the notes' length."""
    with house_style():
        figure, ax = plt.subplots(figsize=(6.9, 4), layout="constrained")
        table["note"] = "a note of some length that has to be broken into lines somewhere"
        plot_forest(table, xlabel="Odds ratio", ratio=True, ax=ax)
        figure.canvas.draw()
        right = max(text.get_window_extent().x1 for text in ax.texts)
        left = min(label.get_window_extent().x0 for label in ax.get_yticklabels())
        assert right <= figure.bbox.x1 + 1 and left >= -1
        assert ax.get_position().width > 0.25


@pytest.mark.parametrize(
    "change, field, words",
    [
        ({"kind": "shrunk"}, "table.kind[0]", "did you mean 'shrunken'?"),
        ({"lower": 0.9}, "table.value[0]", "between its limits"),
        ({"value": -0.5, "lower": -0.9}, "table.value[0]", "is it a logarithm?"),
    ],
)
def test_rows_that_cannot_be_are_refused(table, change, field, words):
    for column, value in change.items():
        table.loc[0, column] = value
    with pytest.raises(ParameterError) as caught:
        plot_forest(table, xlabel="x", ratio=True)
    assert caught.value.problems[0].field == field
    assert words in str(caught.value)


def test_missing_columns_and_empty_tables_are_refused(table):
    with pytest.raises(ParameterError, match="no column kind"):
        plot_forest(table.drop(columns="kind"), xlabel="x")
    with pytest.raises(ParameterError, match="at least one row"):
        plot_forest(table[:0], xlabel="x")


@pytest.mark.parametrize(
    "numbers, text",
    [
        ((0.618, 0.392, 0.984), "0.62 (0.39 to 0.98)"),
        ((0.05, 0.0026, 0.95), "0.05 (0.003 to 0.95)"),
        ((1.0, np.nan, np.nan), "1.00"),
        ((np.nan, np.nan, np.nan), ""),
        ((2.0, 0.5, np.inf), "2.00 (0.50 to infinity)"),
        ((1234.0, 1.0, 2e6), "1234 (1.00 to 2e+06)"),
    ],
)
def test_numbers_keep_two_figures_where_they_are_small(numbers, text):
    assert number_text(*numbers) == text
