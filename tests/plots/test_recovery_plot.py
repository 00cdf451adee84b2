"""Recovery curves as they are drawn."""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pytest

from riskmodel.errors import ParameterError
from riskmodel.evidence.recovery_data import read_patients
from riskmodel.evidence.recovery_likelihood import Parameters
from riskmodel.evidence.recovery_priors import recovery_priors
from riskmodel.evidence.recovery_summaries import RecoveredCount
from riskmodel.models.recovery_result import FamilyDraws, Recovery
from riskmodel.plots.recovery import plot_recovery

INF = float("inf")


@pytest.fixture
def result():
    rng = np.random.default_rng(1)
    priors = recovery_priors("lognormal", "mixture", "month")
    never = rng.beta(20, 60, 400)
    posterior = Parameters(
        rng.normal(np.log(10), 0.1, 400), np.exp(rng.normal(-0.5, 0.1, 400)), None,
        np.log(never), np.log1p(-never), np.zeros((400, 0)), np.zeros((400, 0)),
    )  # fmt: skip
    part = FamilyDraws("lognormal", "mixture", 1.0, posterior, priors.draw(400, rng), priors)
    patients = read_patients([0, 3, 6, 6, 24], [3, 6, 12, 12, INF])
    return Recovery(
        (part,), "full_recovery", "month", "onset", patients,
        (RecoveredCount(recovered=8, n=10, by=12.0),), np.zeros(0), np.ones(0),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_curve_ceiling_prior_and_what_was_seen_are_drawn(result):
    time = np.linspace(0, 30, 7)
    _, ax = plt.subplots()
    assert plot_recovery(result, time=time, ax=ax) is ax
    curve = result.curve(time)
    drawn = {line.get_label(): line.get_xydata() for line in ax.get_lines()}
    assert drawn["Lognormal, mixture cure"] == pytest.approx(curve[["time", "recovered"]].values)
    grey, band, steps = ax.collections[:3]
    assert grey.get_label() == "Prior, 95% interval"
    assert band.get_paths()[0].vertices[:, 1].max() == pytest.approx(curve["upper"].max())
    assert steps.get_label() == "Observed (Turnbull), between visits"
    ceiling = [line for line in ax.get_lines() if line.get_linestyle() == ":"]
    assert ceiling[0].get_ydata()[0] == pytest.approx(1 - result.never_recovered.mean())
    printed = [line for line in ax.get_lines() if line.get_marker() == "D"]
    assert (printed[0].get_xdata()[0], printed[0].get_ydata()[0]) == (12, 0.8)
    assert ax.get_xlabel() == "Time since onset (months)"
    assert ax.get_ylabel() == "Share with full recovery"


def test_exact_times_are_drawn_as_steps(result):
    exact = dataclasses.replace(result, patients=read_patients([2, 5, 9], [2, 5, INF]))
    ax = plot_recovery(exact)
    (line,) = [one for one in ax.get_lines() if one.get_label() == "Observed (Turnbull)"]
    # what recovered at 2 and at 5 is a third each: EM stops within 1e-9
    assert line.get_ydata() == pytest.approx([0, 1 / 3, 2 / 3, 2 / 3], abs=1e-6)
    assert line.get_xdata() == pytest.approx([0, 2, 5, 9])


def test_two_endpoints_do_not_share_an_axis_without_a_link(result):
    other = dataclasses.replace(result, endpoint="first_response")
    undeclared = dataclasses.replace(result, endpoint=None)
    for pair in ([result, other], [result, undeclared], [undeclared, undeclared]):
        with pytest.raises(ParameterError, match="two different things"):
            plot_recovery(pair)
    ax = plot_recovery({"A": result, "B": other}, link="an example")
    assert ax.get_ylabel() == "Share that has reached its endpoint"
    assert ax.get_xlabel().endswith("Different endpoints: an example")
    assert plot_recovery([result, result]).get_legend() is not None
    with pytest.raises(ParameterError, match="one unit of time"):
        plot_recovery([result, dataclasses.replace(result, time_unit="day")], link="an example")
