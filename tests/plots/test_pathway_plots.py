"""What the figures of pathways draw: areas that add to everybody, one endpoint, bands, panels."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from riskmodel.plots.pathway import plot_course_risk, plot_moves, plot_pathway_recovery, plot_states
from riskmodel.simulation.course_risk import CourseSource, course_risk
from riskmodel.simulation.pathways import simulate_pathway


@pytest.fixture(scope="module")
def result():
    return simulate_pathway(
        None, "stepwise_immunotherapy", [{"id": "a"}, {"id": "b"}], n=2000, draws=100, seed=1
    )


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_areas_add_to_everybody_and_name_the_unit_of_time(result, ax):
    table = result.states()
    table = table[table["profile"] == "a"]
    assert plot_states(table, ax=ax) is ax
    top = max(area.get_paths()[0].vertices[:, 1].max() for area in ax.collections)
    assert top == pytest.approx(1)
    assert ax.get_xlabel() == "Time since the pathway began (months)"
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "Complete recovery" in words and "Dead" in words


def test_a_curve_is_of_one_endpoint_and_one_profile(result, ax):
    table = result.endpoint_curves()
    one = table[table["profile"] == "a"]
    plot_pathway_recovery({"pathway": one}, ax=ax)
    (line,) = ax.get_lines()
    rows = one[one["endpoint"] == "recovery"]
    np.testing.assert_allclose(line.get_ydata(), rows["mean"])
    assert "Complete recovery" in ax.get_ylabel() and "95% credible" in ax.get_ylabel()
    assert "months" in ax.get_xlabel()
    with pytest.raises(ValueError, match="one profile"):
        plot_pathway_recovery({"both": table}, ax=ax)
    with pytest.raises(ValueError, match="one profile"):
        plot_states(result.states(), ax=ax)


def test_bands_leave_and_arrive_as_wide_as_their_share(result, ax):
    moves = result.moves()
    moves = moves[moves["profile"] == "a"]
    plot_moves(moves, ax=ax)
    first = moves[(moves["move"] == 1) & (moves["share"] >= 0.002)]
    widths = []
    for band in ax.collections:
        x, y = band.get_paths()[0].vertices.T
        if x.min() < 0.2:
            start = y[np.isclose(x, x.min())]
            widths.append(start.max() - start.min())
    assert sorted(widths) == pytest.approx(sorted(first["share"]))
    assert sum(widths) == pytest.approx(1, abs=0.01)
    texts = {text.get_text() for text in ax.texts}
    assert "Pulsed corticosteroid 100%" in texts
    assert [tick.get_text() for tick in ax.get_xticklabels()][:2] == ["Beginning", "After move 1"]


def test_each_source_has_a_panel_of_its_own():
    sources = [
        CourseSource("a series", (3, 25), (2, 591), kind="uncontrolled series"),
        CourseSource("trials", (5, 500), denominator="patient", kind="pooled trials"),
    ]
    table = course_risk(sources, courses=5, between_patient_sd=[0.0, 0.8], draws=200)
    figure, axes = plt.subplots(1, 2, sharey=True)
    assert plot_course_risk(table, axes=axes) is axes
    assert [len(ax.get_lines()) for ax in axes] == [2, 1]
    assert "per patient, not by course" in axes[1].get_title()
    assert set(axes[1].get_lines()[0].get_ydata()).__len__() == 1
    assert axes[0].get_xlabel() == "Course (number)"
    plt.close(figure)
