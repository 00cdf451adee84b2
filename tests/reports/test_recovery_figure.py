"""A fitted time to recovery, drawn for a journal by name."""

from types import SimpleNamespace

import numpy as np
import pytest

import riskmodel as rm
from riskmodel.errors import ParameterError
from riskmodel.evidence.recovery_data import read_patients
from riskmodel.evidence.recovery_likelihood import Parameters
from riskmodel.evidence.recovery_priors import recovery_priors
from riskmodel.evidence.recovery_summaries import RecoveredCount
from riskmodel.models.recovery_result import FamilyDraws, Recovery


@pytest.fixture(scope="module")
def result():
    """A result made by hand: log-normal times, a quarter of patients never recovering."""
    rng = np.random.default_rng(1)
    priors = recovery_priors("lognormal", "mixture", "month")
    never = rng.beta(20, 60, 400)
    posterior = Parameters(
        rng.normal(np.log(10), 0.1, 400), np.exp(rng.normal(-0.5, 0.1, 400)), None,
        np.log(never), np.log1p(-never), np.zeros((400, 0)), np.zeros((400, 0)),
    )  # fmt: skip
    part = FamilyDraws("lognormal", "mixture", 1.0, posterior, priors.draw(400, rng), priors)
    return Recovery(
        (part,), "full_recovery", "month", "onset",
        read_patients([0, 3, 6, 6, 24], [3, 6, 12, 12, float("inf")]),
        (RecoveredCount(recovered=8, n=10, by=12.0),), np.zeros(0), np.ones(0),
        follow_up=SimpleNamespace(supported=True), record={"seed": 4},
    )  # fmt: skip


def test_the_curve_is_drawn_for_a_journal_and_is_its_points(result):
    made = rm.figure(result, "recovery_curves", journal="elsevier")
    assert made.figure.get_size_inches()[0] * 25.4 == pytest.approx(190)
    lines = [line.get_xydata() for line in made.figure.axes[0].get_lines()]
    points = made.points[["time", "recovered"]].to_numpy()
    assert any(line.shape == points.shape and np.allclose(line, points) for line in lines)
    assert "95% equal-tailed credible interval (seed 4)" in made.caption
    assert "never recover" in made.caption and "full_recovery" in made.caption


def test_another_name_is_answered_with_what_there_is(result):
    with pytest.raises(ParameterError, match="recovery_curves"):
        rm.figure(result, "waterfall")
