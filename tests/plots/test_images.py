"""A dozen figures against their pictures: what a journal's reader would see changes knowingly.

After a wanted change, look at the new pictures of
``pytest -o addopts= tests/plots/test_images.py --mpl-generate-path=tests/plots/baseline``.
"""

import numpy as np
import pandas as pd
import pytest

from riskmodel.plots.absolute_effect import plot_absolute_effect
from riskmodel.plots.boxes import plot_boxes
from riskmodel.plots.decision_curve import plot_treatment_decision_curve
from riskmodel.plots.draws import plot_prior_posterior, plot_ranks_by_chain, plot_trace
from riskmodel.plots.effects import plot_differences
from riskmodel.plots.forest import plot_forest
from riskmodel.plots.icons import plot_icons
from riskmodel.plots.information import plot_evppi
from riskmodel.plots.journals import JOURNALS, drawn_for
from riskmodel.plots.multicriteria import plot_contributions, plot_ranks
from riskmodel.plots.over_time import plot_risk_over_time
from riskmodel.plots.preference import plot_preference_curve
from riskmodel.plots.style import house_style, style_of
from riskmodel.plots.tornado import plot_flip_distance, plot_tornado
from riskmodel.plots.waterfall import plot_waterfall
from riskmodel.reports.paper_figure import new_figure

# Freetype places glyphs a little differently from one build to the next; a line that moves by a
# pixel over a third of the picture is far beyond this.
compared = pytest.mark.mpl_image_compare(
    tolerance=2, savefig_kwargs={"dpi": 80}, style=style_of(JOURNALS["elsevier"])
)


@pytest.fixture(autouse=True)
def styled():
    with drawn_for("elsevier"), house_style():
        yield


def laid_out(figure):
    figure.get_layout_engine().execute(figure)
    figure.set_layout_engine("none")
    return figure


@compared
def test_forest():
    table = pd.DataFrame(
        {
            "label": ["One 2001", "one", "Two 2002", "Pooled"],
            "kind": ["observed", "used", "observed", "pooled"],
            "value": [0.62, 0.62, 1.26, 0.9],
            "lower": [0.39, 0.39, 1.03, 0.7],
            "upper": [0.98, 0.98, 1.54, 1.2],
            "badge": ["", "data", "", "assumed"],
        }
    )
    figure, ax = new_figure(60)
    plot_forest(table, xlabel="Ratio (95% interval)", ratio=True, ax=ax)
    return laid_out(figure)


@compared
def test_boxes():
    nodes = pd.DataFrame(
        {
            "node": list("abcd"),
            "label": ["A source", "An input of many words", "Another input", "Net benefit"],
            "column": [0, 1, 1, 2],
            "badge": ["", "data", "assumed", ""],
        }
    )
    links = pd.DataFrame({"origin": list("aabc"), "target": list("bcdd")})
    figure, ax = new_figure(50)
    plot_boxes(nodes, links, columns=["Sources", "Inputs", "Decision"], wrap_at=14, ax=ax)
    return laid_out(figure)


@compared
def test_waterfall():
    table = pd.DataFrame(
        {
            "label": ["Benefit\n(weight 1)", "Harm\n(weight 0.3)", "Burden", "Net benefit"],
            "contribution": [0.06, -0.02, -0.01, 0.03],
            "lower": [0.01, -0.04, -0.01, -0.02],
            "upper": [0.12, -0.01, -0.01, 0.08],
        }
    )
    figure, ax = new_figure(60)
    plot_waterfall(table, scale=1000, xlabel="Net benefit per 1000", ax=ax)
    return laid_out(figure)


@compared
def test_icons():
    figure, axes = new_figure(70, 1, 3)
    plot_icons(17, 100, ax=axes[0])
    plot_icons(11, 100, before=17, ax=axes[1])
    plot_icons(35, 100, before=28, ax=axes[2])
    return laid_out(figure)


@compared
def test_tornado():
    figure, ax = new_figure(50)
    plot_tornado(
        pd.DataFrame(
            {
                "parameters": ["one", "two"],
                "net_benefit": 0.05,
                "net_benefit_low": [0.11, 0.03],
                "net_benefit_high": [-0.02, 0.06],
                "low_value": [0.68, 0.1],
                "high_value": [1.2, 0.2],
                "swing": [-0.13, 0.03],
                "flips": [True, False],
            }
        ),
        scale=1000,
        ax=ax,
    )
    return laid_out(figure)


@compared
def test_flip_distance():
    figure, ax = new_figure(50)
    plot_flip_distance(
        pd.DataFrame(
            {
                "parameters": ["one", "two", "three"],
                "standard_deviations": [1.1, 9.4, np.inf],
                "shift": [0.1, -0.4, np.nan],
                "location": [0.9, 0.6, 0.2],
                "location_at_flip": [1.1, 0.1, np.nan],
            }
        ),
        joint=1.0,
        ax=ax,
    )
    return laid_out(figure)


@compared
def test_evppi():
    figure, ax = new_figure(50)
    plot_evppi(
        pd.DataFrame(
            {
                "parameters": ["one", "two"],
                "evppi": [0.003, 0.0002],
                "standard_error": [0.0003, 0.0001],
                "floor": [0.0001, 0.0001],
                "share_of_evpi": [0.7, 0.05],
                "note": ["", "a note"],
            }
        ),
        evpi=0.0045,
        scale=1000,
        ax=ax,
    )
    return laid_out(figure)


@compared
def test_ranks_and_contributions():
    figure, axes = new_figure(80, 2, 1)
    ranks = pd.DataFrame(
        {"option": ["a", "a", "b", "b"], "rank": [1, 2, 1, 2], "acceptability": [0.7, 0.3] * 2}
    )
    plot_ranks(ranks, ax=axes[0])
    parts = pd.DataFrame(
        {
            "option": ["a", "b", "a", "b"],
            "outcome": ["x", "x", "y", "y"],
            "contribution": [0.4, 0.3, 0.2, -0.1],
            "weight": [0.6, 0.6, 0.4, 0.4],
        }
    )
    plot_contributions(parts, ax=axes[1])
    return laid_out(figure)


@compared
def test_preference_curve():
    weight = np.linspace(0, 1.5, 16)
    curve = pd.DataFrame(
        {
            "weight": weight,
            "net_benefit": 0.07 - 0.06 * weight,
            "lower": -0.04 - 0.07 * weight,
            "upper": 0.16 - 0.05 * weight,
            "prob_positive": 0.9 - 0.4 * weight,
            "prob": 0.95,
        }
    )
    figure, axes = new_figure(80, 2, 1, sharex=True)
    plot_preference_curve(
        curve, axes=axes, xlabel="Weight", marked_weight=0.3,
        break_even=pd.Series({"weight": 1.1}), scale=1000,
    )  # fmt: skip
    return laid_out(figure)


@compared
def test_decision_curve_and_risk_over_time():
    threshold = np.linspace(0, 0.05, 6)
    curve = pd.concat(
        pd.DataFrame({"strategy": name, "threshold": threshold, "net_benefit": start - threshold})
        for name, start in (("treat none", 0.0), ("treat all", 0.045))
    )
    times = pd.DataFrame(
        {
            "option": ["a"] * 3 + ["b"] * 3,
            "time": [6.0, 12.0, 36.0] * 2,
            "risk": [0.12, 0.17, 0.24, 0.08, 0.1, 0.17],
            "lower": [0.08, 0.1, 0.15, 0.04, 0.05, 0.1],
            "upper": [0.18, 0.24, 0.38, 0.14, 0.2, 0.3],
        }
    )
    figure, axes = new_figure(60, 1, 2)
    plot_treatment_decision_curve(curve, scale=1000, ax=axes[0])
    plot_risk_over_time(
        times, labels={"a": "A", "b": "B"}, xlabel="Time (months)", ylabel="Risk (%)", ax=axes[1]
    )
    return laid_out(figure)


@compared
def test_absolute_effect():
    x = np.geomspace(100, 800, 9)
    table = pd.concat(
        pd.DataFrame(
            {
                "outcome": name,
                "x": x,
                "per_1000": slope * x,
                "per_1000_lower": 1.6 * slope * x - 5,
                "per_1000_upper": 0.4 * slope * x + 5,
            }
        )
        for name, slope in (("benefit", -0.2), ("harm", 0.1))
    )
    figure, ax = new_figure(80)
    plot_absolute_effect(
        table, x="x", xlabel="A marker (µmol/L)", labels={"benefit": "Benefit", "harm": "Harm"},
        edges=(300,), band_labels=("Low", "High"), studied=(150, 600), log=True, ax=ax,
    )  # fmt: skip
    return laid_out(figure)


@compared
def test_differences():
    table = pd.DataFrame(
        {
            "value": [-60.0, 70.0],
            "lower": [-117.0, 9.0],
            "upper": [-5.0, 151.0],
            "meaning": ["more is worse", "more is better"],
        }
    )
    figure, ax = new_figure(50)
    plot_differences(
        table, labels=["One", "Two"], xlabel="Difference per 1000", missing=["Three"],
        directions=("fewer", "more"), ax=ax,
    )  # fmt: skip
    return laid_out(figure)


@compared
def test_supplement():
    draws = np.sin(np.arange(80).reshape(2, 40) * [[1.0], [1.7]])
    trace = pd.DataFrame(
        {"chain": np.repeat([1, 2], 40), "draw": np.tile(np.arange(40), 2), "value": draws.ravel()}
    )
    ranks = pd.DataFrame(
        {
            "chain": [1] * 4 + [2] * 4,
            "rank": [0, 1 / 3, 2 / 3, 1] * 2,
            "share": [1.1, 0.9, 1, 1, 0.9, 1.1, 1, 1],
        }
    )
    where = np.geomspace(0.3, 2, 40)
    density = pd.concat(
        pd.DataFrame(
            {"kind": kind, "value": where, "density": np.exp(-((np.log(where) / sd) ** 2) / 2) / sd}
        )
        for kind, sd in (("prior", 0.5), ("posterior", 0.3))
    )
    figure, axes = new_figure(50, 1, 3)
    plot_trace(trace, label="Value", ax=axes[0])
    plot_ranks_by_chain(ranks, ax=axes[1])
    plot_prior_posterior(density, xlabel="Ratio", log=True, ax=axes[2])
    return laid_out(figure)
