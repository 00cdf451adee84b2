"""Bars of EVPPI and lines of EVSI are what their tables say."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from riskmodel.plots.information import plot_evppi, plot_evsi


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def values():
    return pd.DataFrame(
        {
            "source": ["a cohort", "a trial", "a survey", "unknown"],
            "parameters": ["x1", "x2 + x3", "x4", "x5"],
            "evppi": [0.002, 0.01, 0.0, np.nan],
            "standard_error": [0.001, 0.002, 0.0, np.nan],
            "floor": [0.003, 0.001, 0.001, np.nan],
            "share_of_evpi": [0.1, 0.5, 0.0, np.nan],
            "note": ["residual check failed", "", "", ""],
        }
    )


def test_bars_are_sorted_scaled_and_named(values):
    _, ax = plt.subplots()
    returned = plot_evppi(
        values, by="source", labels={"a trial": "Trial, 2019"}, evpi=0.02, scale=1000, ax=ax
    )
    assert returned is ax
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], [10, 2, 0])
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["Trial, 2019", "a cohort *", "a survey"]  # * has a note
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the largest on top
    assert [text.get_text() for text in ax.texts] == ["50% of EVPI", "10%", "0%"]
    assert set(ax.get_legend_handles_labels()[1]) == {
        "EVPPI",
        "± 1 standard error",
        "floor: an unrelated input",
        "EVPI",
    }


def test_floor_marks_and_standard_errors_are_the_tables(values):
    ax = plot_evppi(values)
    floors = next(c for c in ax.collections if c.get_label().startswith("floor"))
    np.testing.assert_allclose(floors.get_offsets()[:, 0], [0.001, 0.003, 0.001])
    (whiskers,) = ax.containers[1].lines[2]
    ends = [segment[:, 0].tolist() for segment in whiskers.get_segments()]
    np.testing.assert_allclose(ends, [[0.008, 0.012], [0.001, 0.003], [0, 0]])
    assert ax.get_xlim()[0] == 0


def test_bars_beyond_the_most_are_counted(values):
    ax = plot_evppi(values, most=1)
    assert len(ax.patches) == 1
    assert ax.get_xlabel().endswith("; 2 smaller not shown")


def test_lines_of_evsi_are_the_table():
    table = pd.DataFrame(
        {
            "method": ["regression"] * 3 + ["moment matching"] * 3,
            "n": [100, 10, 1000] * 2,
            "evsi": [2.0, 1.0, 3.0, 2.2, 1.2, 3.2],
            "standard_error": 0.5,
        }
    )
    ax = plot_evsi(table, by="method", labels={"regression": "By regression"}, evppi=4.0)
    lines = {line.get_label(): line for line in ax.get_lines()}
    assert list(lines) == ["By regression", "moment matching", "EVPPI"]
    xy = lines["By regression"].get_xydata()
    np.testing.assert_allclose(xy, [[10, 1], [100, 2], [1000, 3]])
    assert ax.get_xscale() == "log"
    styles = {line.get_linestyle() for line in lines.values()}
    assert len(styles) >= 2  # told apart without colour
    assert plot_evsi(table[:3], ax=ax) is ax
