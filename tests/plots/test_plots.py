"""What is drawn is what the table says."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from riskmodel.plots.absolute_effect import plot_absolute_effect
from riskmodel.plots.decision_curve import plot_strategy_band, plot_treatment_decision_curve
from riskmodel.plots.preference import plot_preference_curve
from riskmodel.plots.style import house_style, styles


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def effects():
    x = np.array([50.0, 60.0, 70.0])
    tables = [
        pd.DataFrame(
            {
                "age": x,
                "outcome": name,
                "per_1000": sign * x,
                "per_1000_lower": sign * x - 20,
                "per_1000_upper": sign * x + 20,
            }
        )
        for name, sign in (("stroke", -1), ("bleeding", 1))
    ]
    return pd.concat(tables)


def draw_effects(effects, ax):
    labels = {"stroke": "Stroke", "bleeding": "Bleeding"}
    return plot_absolute_effect(
        effects, x="age", xlabel="Age (year)", labels=labels, edges=[60],
        band_labels=["younger", "older"], studied=[55, 65], ax=ax,
    )  # fmt: skip


def test_effect_lines_are_the_table_and_the_given_axes_are_returned(effects):
    _, ax = plt.subplots()
    assert draw_effects(effects, ax) is ax
    lines = {line.get_label(): line.get_xydata() for line in ax.get_lines()}
    for label, outcome in (("Stroke", "stroke"), ("Bleeding", "bleeding")):
        rows = effects[effects["outcome"] == outcome]
        np.testing.assert_array_equal(lines[label], rows[["age", "per_1000"]])
    assert ax.get_xlabel() == "Age (year)"
    assert "per 1000" in ax.get_ylabel()


def test_second_axis_is_the_number_needed_to_treat_of_the_first(effects):
    _, ax = plt.subplots()
    draw_effects(effects, ax)
    (second,) = ax.child_axes
    for at, text in zip(second.get_yticks(), second.get_yticklabels(), strict=True):
        if text.get_text() == "∞":
            assert at == 0
        else:
            word, number = text.get_text().split()
            assert at == pytest.approx(1000 / int(number) * (-1 if word == "NNTB" else 1))


def test_extrapolation_is_shaded_on_both_sides_of_the_studied_range(effects):
    _, ax = plt.subplots()
    draw_effects(effects, ax)
    spans = [p.get_bbox().intervalx for p in ax.patches]
    np.testing.assert_allclose(spans, [[50, 55], [65, 70]])


@pytest.fixture
def curve():
    weight = np.linspace(0, 1, 5)
    return pd.DataFrame(
        {
            "weight": weight,
            "net_benefit": 0.05 - 0.1 * weight,
            "lower": -0.1 - 0.1 * weight,
            "upper": 0.2 - 0.1 * weight,
            "prob_positive": 1 - weight,
            "prob": 0.95,
        }
    )


def test_preference_curve_draws_benefit_above_and_probability_below(curve):
    axes = plt.subplots(2, 1)[1]
    returned = plot_preference_curve(curve, xlabel="Weight", scale=1000, axes=axes)
    assert returned is axes
    np.testing.assert_allclose(axes[0].get_lines()[0].get_ydata(), 1000 * curve["net_benefit"])
    np.testing.assert_allclose(axes[1].get_lines()[0].get_ydata(), curve["prob_positive"])
    assert axes[1].get_ylim() == (0, 1)


def test_break_even_outside_the_drawn_range_is_not_drawn(curve):
    row = pd.Series({"weight": np.inf, "lower": 0.1, "upper": np.inf})
    axes = plot_preference_curve(curve, xlabel="Weight", break_even=row)
    assert "Break-even weight" not in [line.get_label() for line in axes[0].get_lines()]


@pytest.fixture
def strategies():
    threshold = np.array([0.0, 0.01, 0.02])
    tables = [
        pd.DataFrame(
            {
                "strategy": name,
                "threshold": threshold,
                "net_benefit": share * (0.01 - threshold),
                "lower": share * (-0.05 - threshold),
                "upper": share * (0.07 - threshold),
            }
        )
        for name, share in (("treat none", 0.0), ("treat all", 1.0))
    ]
    return pd.concat(tables)


def test_decision_curve_draws_every_strategy(strategies):
    ax = plot_treatment_decision_curve(strategies, scale=1000)
    drawn = {line.get_label(): line.get_ydata() for line in ax.get_lines()}
    assert list(drawn) == ["treat none", "treat all"]
    np.testing.assert_allclose(drawn["treat all"], [10, 0, -10])


def test_band_of_a_strategy_covers_its_interval(strategies):
    ax = plot_strategy_band(strategies, "treat all", scale=1000)
    (band,) = ax.collections
    y = band.get_paths()[0].vertices[:, 1]
    assert (y.min(), y.max()) == (pytest.approx(-70), pytest.approx(70))


def test_house_style_leaves_the_session_alone():
    before = dict(plt.rcParams)
    with house_style():
        assert plt.rcParams["pdf.fonttype"] == 42
    assert dict(plt.rcParams) == before


def test_colours_and_lines_tell_six_series_apart():
    looks = styles("abcdef")
    assert len({look["color"] for look in looks.values()}) == 6
    assert len({str(look["linestyle"]) for look in looks.values()}) == 6
