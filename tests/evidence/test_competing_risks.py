"""Cumulative incidences against closed forms, quadrature, simulation, and limits."""

import numpy as np
import pytest
from scipy.integrate import quad

from riskmodel.errors import ParameterError
from riskmodel.evidence.competing_risks import (
    aalen_johansen,
    composite_consistency,
    composite_limits,
    cumulative_incidence,
    incidence_beside,
)


def test_the_hand_checked_case():
    found = cumulative_incidence({"failure": 0.6, "death": 0.3}, [0.0, 1.0])
    assert found.incidence["failure"][1] == pytest.approx(2 / 3 * (1 - np.exp(-0.9)), abs=1e-15)
    assert found.incidence["failure"][1] == pytest.approx(0.3956, abs=5e-5)
    assert found.one_minus_kaplan_meier["failure"][1] == pytest.approx(0.4512, abs=5e-5)
    assert found.incidence["failure"][0] == 0 and found.event_free[0] == 1


def test_piecewise_hazards_equal_adaptive_quadrature():
    edges, first, second = [0, 1, 2.5], np.array([0.5, 0.1, 0.3]), np.array([0.2, 0.0, 0.6])
    times = [0.4, 1.0, 2.0, 4.0]
    found = cumulative_incidence({"a": first, "b": second}, times, edges=edges)

    def at(rate, t):
        return rate[np.searchsorted(edges, t, side="right") - 1]

    def free(t):
        breaks = [0.0, *[e for e in edges[1:] if e < t], t]
        return np.exp(
            -sum(
                (at(first, start) + at(second, start)) * (end - start)
                for start, end in zip(breaks[:-1], breaks[1:], strict=True)
            )
        )

    for i, time in enumerate(times):
        wanted = quad(lambda u: free(u) * at(first, u), 0, time, points=[1, 2.5], limit=200)[0]
        assert found.incidence["a"][i] == pytest.approx(wanted, abs=1e-9)
        assert found.event_free[i] == pytest.approx(free(time), abs=1e-12)


def test_incidences_and_the_event_free_share_everybody():
    rng = np.random.default_rng(1)
    hazards = {name: rng.gamma(1.0, 0.4, size=(50, 3)) for name in "abc"}
    found = cumulative_incidence(hazards, [0.5, 2, 9], edges=[0, 1, 4])
    total = sum(found.incidence.values()) + found.event_free
    np.testing.assert_allclose(total, 1, atol=1e-13)
    for cause in hazards:  # never above one minus Kaplan-Meier, and rising
        assert (found.incidence[cause] <= found.one_minus_kaplan_meier[cause] + 1e-15).all()
        assert (np.diff(found.incidence[cause], axis=-1) >= 0).all()


def test_limits_of_no_and_of_overwhelming_competition():
    alone = cumulative_incidence({"a": 0.4, "b": 0.0}, [2.0])
    assert alone.incidence["a"][0] == pytest.approx(1 - np.exp(-0.8), abs=1e-15)
    swept = cumulative_incidence({"a": 0.4, "b": 1e9}, [2.0])
    assert swept.incidence["a"][0] < 1e-9
    nothing = cumulative_incidence({"a": 0.0, "b": 0.0}, [2.0])
    assert nothing.incidence["a"][0] == 0 and nothing.event_free[0] == 1


def test_draws_ride_along_and_the_table_summarises_them():
    rng = np.random.default_rng(2)
    found = cumulative_incidence({"a": rng.gamma(9, 0.05, 500), "b": 0.3}, [1.0, 2.0])
    assert found.incidence["a"].shape == (500, 2)
    table = found.table(prob=0.9).set_index(["cause", "time"])
    low, mid, high = np.quantile(found.incidence["a"][:, 1], [0.05, 0.5, 0.95])
    assert table.loc[("a", 2.0), ["lower", "incidence", "upper"]].tolist() == [low, mid, high]
    assert set(table["kind"]) == {"equal-tailed"} and ("any", 2.0) in table.index


@pytest.mark.parametrize(("risk", "other"), [(0.2, 0.3), (0.9, 0.01), (0.0, 0.4), (1e-9, 0.5)])
def test_incidence_beside_equals_quadrature_of_hazards_in_step(risk, other):
    # A Weibull clock, so that both hazards vary, in step.
    h1, h2, shape = -np.log1p(-risk), -np.log1p(-other), 1.7
    wanted = quad(
        lambda t: shape * t ** (shape - 1) * h1 * np.exp(-(h1 + h2) * t**shape), 0, 1, epsabs=1e-13
    )[0]
    assert float(incidence_beside(risk, other)) == pytest.approx(wanted, rel=1e-9, abs=1e-13)


def test_incidence_beside_at_its_ends():
    assert float(incidence_beside(1.0, 0.3)) == 1.0  # an infinite hazard comes first
    assert float(incidence_beside(0.3, 1.0)) == 0.0
    assert float(incidence_beside(0.0, 0.0)) == 0.0
    assert np.isnan(incidence_beside(np.nan, 0.2))


def test_aalen_johansen_finds_constant_hazards_where_one_minus_kaplan_meier_does_not():
    rng = np.random.default_rng(3)
    size = 20_000
    times = rng.exponential([[1 / 0.6], [1 / 0.3], [2.0]], size=(3, size))
    first = times.argmin(axis=0)
    table = aalen_johansen(times.min(axis=0), np.array([1, 2, 0])[first])
    row = table[(table["cause"] == 1) & (table["time"] <= 1)].iloc[-1]
    # Binomial standard error of a share of about 0.4, before censoring: 0.0035; four of them.
    assert row["incidence"] == pytest.approx(0.3956, abs=0.014)
    assert row["one_minus_kaplan_meier"] == pytest.approx(0.4512, abs=0.016)


def test_aalen_johansen_without_competition_is_one_minus_kaplan_meier():
    from riskmodel.evidence.survival_curves import kaplan_meier

    rng = np.random.default_rng(4)
    time, event = rng.integers(1, 9, 60).astype(float), rng.integers(0, 2, 60)
    table = aalen_johansen(time, event)
    wanted = 1 - kaplan_meier(time, event)["survival"]
    np.testing.assert_allclose(table["incidence"], wanted, atol=1e-12)
    np.testing.assert_allclose(table["one_minus_kaplan_meier"], wanted, atol=1e-12)


def test_a_composite_lies_between_its_largest_part_and_the_sum():
    lower, upper = composite_limits({"a": [0.2, 0.7], "b": [0.3, 0.6]})
    assert lower.tolist() == [0.3, 0.7] and upper.tolist() == [0.5, 1.0]
    parts = {"failure": 0.19, "death": 0.13}
    assert composite_consistency(0.28, parts)["consistent"][0]
    assert not composite_consistency(0.18, parts)["consistent"][0]  # below a part
    assert not composite_consistency(0.33, parts)["consistent"][0]  # above the sum
    assert composite_consistency(0.3204, parts)["consistent"][0]  # within rounding


def test_everything_wrong_is_said_at_once():
    with pytest.raises(ParameterError) as error:
        cumulative_incidence({"a": -0.1, "b": np.nan}, [-1.0])
    assert {p.field for p in error.value.problems} == {"hazards.a", "hazards.b", "times"}
    with pytest.raises(ParameterError, match="one for each of the edges"):
        cumulative_incidence({"a": [0.1, 0.2]}, [1], edges=[0, 1, 2])
    with pytest.raises(ParameterError, match="say where each interval begins"):
        cumulative_incidence({"a": [0.1, 0.2]}, [1], edges=[1, 2])
    with pytest.raises(ParameterError, match="divide percentages by 100"):
        composite_consistency(28, {"a": 0.1, "b": 0.2})
