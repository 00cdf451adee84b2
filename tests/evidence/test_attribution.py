"""Bounds on one patient's response: by hand, at their ends, and over every joint distribution."""

import numpy as np
import pytest

from riskmodel.errors import ParameterError
from riskmodel.evidence.attribution import attribution_bounds, attribution_table


def test_the_hand_checked_case():
    lower, upper = attribution_bounds(0.6, 0.7)
    assert float(lower) == pytest.approx(1 / 7) and float(upper) == pytest.approx(4 / 7)


def test_the_bounds_hold_over_every_joint_distribution_and_are_met():
    """Patients are of four kinds; of responders, the share owing it is P(only treated) / p1."""
    rng = np.random.default_rng(1)
    for _ in range(200):
        p0, p1 = rng.uniform(0.02, 0.98, 2)
        # Both respond with probability `both`, between the Frechet bounds.
        both = np.linspace(max(0, p0 + p1 - 1), min(p0, p1), 11)
        owing = (p1 - both) / p1
        lower, upper = attribution_bounds(p0, p1)
        assert owing.min() == pytest.approx(float(lower), abs=1e-12)
        assert owing.max() == pytest.approx(float(upper), abs=1e-12)


def test_limits():
    assert [float(b) for b in attribution_bounds(0.0, 0.5)] == [1.0, 1.0]  # nobody recovers alone
    assert [float(b) for b in attribution_bounds(1.0, 0.5)] == [0.0, 0.0]  # everybody does
    assert float(attribution_bounds(0.7, 0.6)[0]) == 0.0  # no excess: nothing need be owed
    assert np.isnan(attribution_bounds(0.5, 0.0)).all()


def test_the_table_says_how_well_the_bounds_are_known():
    rng = np.random.default_rng(2)
    p0, p1 = rng.beta(12, 8, 4000), rng.beta(14, 6, 4000)
    table = attribution_table(p0, p1, prob=0.9).set_index("bound")
    lower, _ = attribution_bounds(p0, p1)
    assert table.loc["lower", "upper"] == np.quantile(lower, 0.95)
    assert (table["lower"] <= table["median"]).all() and (table["median"] <= table["upper"]).all()


def test_percentages_are_refused():
    with pytest.raises(ParameterError) as error:
        attribution_bounds(60, 70)
    assert [p.field for p in error.value.problems] == ["untreated", "treated"]
