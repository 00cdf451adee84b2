"""EVPI, EVPPI, EVSI and ENBS against closed forms, and what they do with awkward draws.

Tolerances follow Monte Carlo error. Draws alone leave about 2% of EVPPI open at 10^4 and 0.6% at
10^5, so the error of the method is measured against the exact conditional mean on the same draws.
"""

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import betaln, gammaln, ndtr, ndtri

from riskmodel.decisions.information import evpi, evppi
from riskmodel.decisions.net_benefit import Weighting, net_benefit, weighting
from riskmodel.decisions.regression_bases import (
    Basis,
    hermite_chaos,
    ready,
    solve,
    spline_functions,
)
from riskmodel.decisions.sample_information import (
    BinomialTrial,
    NormalTrial,
    enbs,
    evsi,
    population_reached,
)
from riskmodel.errors import ParameterError, RiskModelWarning

METHODS = ["regression", "moment matching"]
EXACT = ndtri((np.arange(100_000) + 0.5) / 100_000)  # a normal sample without sampling error


def normal_loss(mean, sd):
    """Return E[max(X, 0)] - max(mean, 0) for X ~ N(mean, sd^2), the closed form of normal EVPI."""
    sd = np.maximum(sd, 1e-9)
    density = np.exp(-((mean / sd) ** 2) / 2) / np.sqrt(2 * np.pi)
    return sd * density + mean * ndtr(mean / sd) - np.maximum(mean, 0)


def case_l(draws, seed):
    """Net benefit linear in five normal parameters."""
    x = np.random.default_rng(seed).normal(size=(draws, 5))
    coefficients = np.array([1.0, 0.5, 0.3, 0.2, 0.1])
    return x, 0.3 + x @ coefficients, coefficients


def gain_n(x):
    """Net benefit of case N, whose parameters interact."""
    return x[:, 0] * x[:, 1] + x[:, 2] / 2 + x[:, 0] ** 2 / 2 - 0.4 + x[:, 3]


def truth_n(names):
    """EVPPI of case N: closed form given x1, then a quadrature over x1."""
    z = np.linspace(-9, 9, 40_001)
    weight = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    mean = (z**2 / 2 if "x1" in names else 0.5 + 0 * z) - 0.4
    variance = z**2 * ({"x1", "x2"} <= set(names)) + 0.25 * ("x3" in names) + ("x4" in names)
    value = normal_loss(mean, np.sqrt(variance)) + np.maximum(mean, 0)
    return (weight * value).sum() - 0.1


def conditional_n(x, names):
    """The exact conditional mean of case N at the draws."""
    product = x[:, 0] * x[:, 1] if {"x1", "x2"} <= set(names) else 0
    square = x[:, 0] ** 2 / 2 if "x1" in names else 0.5
    return product + square - 0.4 + ("x3" in names) * x[:, 2] / 2 + ("x4" in names) * x[:, 3]


def named(x):
    return {f"x{i + 1}": column for i, column in enumerate(x.T)}


def on_draws(conditional):
    return np.maximum(conditional, 0).mean() - max(conditional.mean(), 0)


def one(table):
    assert len(table) == 1
    return table.iloc[0]


# --- EVPI ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mean, expected", [(0.01, 0.01534), (0.05, 0.00417)])
def test_normal_evpi_is_the_closed_form(mean, expected):
    found = one(evpi(mean + 0.05 * EXACT))
    assert found["evpi"] == pytest.approx(expected, abs=5e-6)
    assert found["evpi"] == pytest.approx(normal_loss(mean, 0.05), rel=1e-3)
    assert found["n_draws"] == len(EXACT)


def test_every_way_to_give_net_benefit_gives_the_same():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(4, 500, 3))
    flat = values.reshape(-1, 3)
    names = ["rest", "walking", "jumping"]
    array = xr.DataArray(values, {"option": names}, ("chain", "draw", "option"))
    given = [
        flat,
        pd.DataFrame(flat, columns=names),
        array,
        array.transpose("option", "draw", "chain"),
        array.to_dataset(name="net_benefit"),
    ]
    found = [one(evpi(each))["evpi"] for each in given]
    np.testing.assert_allclose(found, found[0], rtol=1e-12)
    assert one(evpi(given[1]))["option"] in names
    # the difference alone is as good as both options
    pair = evpi(np.column_stack([flat[:, 0], flat[:, 1]]))["evpi"].item()
    assert evpi(flat[:, 1] - flat[:, 0])["evpi"].item() == pytest.approx(pair, rel=1e-12)


def test_evpi_is_zero_where_one_option_is_best_in_every_draw():
    x = np.random.default_rng(1).normal(size=1000)
    found = one(evpi(np.column_stack([x, x - 0.1, x - 5])))
    assert (found["evpi"], found["standard_error"], found["option"]) == (0, 0, "option_1")
    row = one(evppi(np.column_stack([x, x - 0.1]), {"x": x}))
    assert row["evppi"] == 0
    assert np.isnan(row["share_of_evpi"])  # nothing of nothing


def test_scaling_net_benefit_scales_evpi_and_keeps_the_option():
    values = np.random.default_rng(1).normal(size=(2000, 4))
    once, thrice = one(evpi(values)), one(evpi(3 * values))
    assert thrice["evpi"] == pytest.approx(3 * once["evpi"], rel=1e-12)
    assert thrice["option"] == once["option"]


def test_scaling_all_weights_and_the_burden_multiplies_evpi(small, hand_made):
    rng = np.random.default_rng(3)
    outcomes = hand_made(small, rng.uniform(0.05, 0.5, size=(400, 1, 3, 3)))
    bound = weighting(outcomes)
    panel = bound.panel

    def scaled(factor):
        weights = {
            name: w.model_copy(update={"weight": factor * w.weight})
            for name, w in panel.weights.items()
        }
        pairs = [p.model_copy(update={"weight": factor * p.weight}) for p in panel.together]
        changed = panel.model_copy(
            update={"weights": weights, "together": pairs, "burden": factor * 0.02}
        )
        return one(evpi(Weighting(bound.problem, changed).net_benefit(outcomes["risk"])))

    assert scaled(2.5)["evpi"] == pytest.approx(2.5 * scaled(1)["evpi"], rel=1e-9)
    assert scaled(2.5)["option"] == scaled(1)["option"]
    assert scaled(1)["evpi"] > 0


def test_standard_error_of_evpi_is_the_spread_of_repeated_estimates():
    rng = np.random.default_rng(5)
    tables = [one(evpi(0.1 + rng.normal(size=1000))) for _ in range(300)]
    spread = np.std([row["evpi"] for row in tables])
    # the standard deviation of 300 estimates is known to about 4%
    assert np.mean([row["standard_error"] for row in tables]) == pytest.approx(spread, rel=0.15)


def test_draws_of_chains_that_stick_have_a_larger_standard_error():
    rng = np.random.default_rng(6)
    gain = np.repeat(rng.normal(size=(4, 100)), 10, axis=1)  # every draw ten times
    array = xr.DataArray(gain, dims=("chain", "draw"))
    by_chain, as_if_independent = one(evpi(array)), one(evpi(gain.ravel()))
    assert by_chain["evpi"] == as_if_independent["evpi"]
    ratio = by_chain["standard_error"] / as_if_independent["standard_error"]
    assert 2.2 < ratio < 4.5  # the root of 10, estimated


# --- EVPPI: known answers -----------------------------------------------------------------------

SETS = [("x1",), ("x2",), ("x1", "x2"), ("x1", "x3"), ("x1", "x2", "x3"), ("x1", "x2", "x3", "x4"),
        ("x1", "x2", "x3", "x4", "x5")]  # fmt: skip


def test_known_answers_are_met_within_monte_carlo_error():
    x, gain_l, coefficients = case_l(100_000, seed=1)
    both = np.stack([gain_l, gain_n(x)])
    table = evppi(np.stack([0 * both, both], axis=2), named(x), of=SETS)
    for row in table.itertuples():
        names = row.parameters.split(" + ")
        spread = np.sqrt(sum(coefficients[int(name[1]) - 1] ** 2 for name in names))
        truth = normal_loss(0.3, spread) if row.weight == 0 else truth_n(names)
        assert abs(row.evppi - truth) < 4 * row.standard_error + 1e-4, row


@pytest.mark.parametrize("names", [s for s in SETS if s != ("x2",)], ids="-".join)
def test_bias_is_below_one_percent_at_a_hundred_thousand_draws(names):
    # Every draw comes twice, with the other parameters mirrored: what they add cancels within each
    # pair, so that a regression is left with its own error and no chance slopes.
    x, _, coefficients = case_l(50_000, seed=2)
    known = np.array([f"x{i + 1}" in names for i in range(5)])
    x = np.concatenate([x, np.where(known, x, -x)])
    both = np.stack([0.3 + x @ coefficients, gain_n(x)])
    table = evppi(np.stack([0 * both, both], axis=2), named(x), of=names)
    exact = 0.3 + x[:, known] @ coefficients[known], conditional_n(x, names)
    for found, conditional, gain in zip(table["evppi"], exact, both, strict=True):
        conditional = conditional + (gain - conditional).mean()
        assert found == pytest.approx(on_draws(conditional), rel=0.01)


def test_the_default_is_not_additive_which_would_lose_a_third():
    x = np.random.default_rng(3).normal(size=(10_000, 4))
    gain, names = gain_n(x), ["x1", "x2", "x3"]
    row = one(evppi(gain, named(x), of=names))
    truth = truth_n(names)
    additive = np.column_stack([spline_functions(column, 6) for column in x[:, :3].T])
    fitted = additive @ np.linalg.lstsq(additive, gain, rcond=None)[0]
    assert on_draws(fitted) < 0.7 * truth  # what a sum of smooths sees
    assert row["evppi"] > 0.93 * truth
    for size in (2, 3, 4):  # and no default of several parameters is one
        found = one(evppi(gain, named(x), of=list(named(x))[:size]))
        assert found["evppi"] > 0.9 * truth_n([f"x{i + 1}" for i in range(size)])
        assert "tensor" in found["method"] or "chaos" in found["method"]


def test_a_gaussian_process_stands_in_beyond_five_parameters():
    x = np.random.default_rng(4).normal(size=(6000, 7))
    gain = gain_n(x) + 0.5 * np.random.default_rng(5).normal(size=6000)
    row = one(evppi(gain, named(x), of=list(named(x))))
    assert "Gaussian process" in row["method"]
    exact = conditional_n(x, ["x1", "x2", "x3", "x4"])
    assert row["evppi"] == pytest.approx(on_draws(exact + (gain - exact).mean()), rel=0.03)


def test_a_gaussian_process_stands_in_where_the_residual_check_fails():
    rng = np.random.default_rng(5)
    x = rng.normal(size=4000)
    gain = 0.1 + np.sin(12 * x)  # too fast for a spline of seven terms
    row = one(evppi(gain + 0.2 * rng.normal(size=4000), {"x": x}))
    assert "Gaussian process" in row["method"]
    assert row["evppi"] > 0.85 * on_draws(gain)


def test_a_failed_residual_check_warns_and_is_noted():
    rng = np.random.default_rng(6)
    x = rng.uniform(size=20_000)
    gain = np.where((400 * x).astype(int) % 2, 1.0, -1.0) * (1 + (x > 0.5)) + 0.05  # beyond both
    with pytest.warns(RiskModelWarning, match="evppi: found x: residual check failed"):
        row = one(evppi(gain, {"x": np.round(x * 64) / 64 + 1e-4 * gain}))
    assert "residual check failed" in row["note"]


def test_estimates_above_evpi_are_reported_not_hidden():
    x = np.random.default_rng(7).normal(size=20_000)
    gain = (x > 2.5) - float(ndtr(-2.5))  # a step that no smooth function has
    with pytest.warns(RiskModelWarning):
        row = one(evppi(gain, {"x": x}))
    assert "above EVPI" in row["note"] or "residual check failed" in row["note"]


def test_a_set_found_to_be_worth_less_than_its_part_is_reported():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(600, 5))  # few draws for 56 terms
    gain = np.sign(np.sin(4 * x[:, 0])) * 2 + 0.1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = evppi(gain, named(x), of=[("x1",), tuple(named(x))])
    small, large = table["evppi"]
    assert small > large
    assert "below EVPPI of its part x1" in table["note"].iloc[1]
    assert any("below EVPPI of its part" in str(w.message) for w in caught)


# --- EVPPI: properties --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_evppi_lies_between_zero_and_evpi_and_grows_with_the_set(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3000, 4))
    mix = rng.normal(size=(4, 3))
    benefit = x @ mix + 0.5 * (x[:, :2] ** 2) @ rng.normal(size=(2, 3)) + rng.normal(size=(3000, 3))
    sets = [("x1",), ("x1", "x2"), ("x1", "x2", "x3"), ("x1", "x2", "x3", "x4")]
    table = evppi(benefit, named(x), of=sets)
    perfect = one(evpi(benefit))
    assert (table["evppi"] >= 0).all()
    assert (table["evppi"] <= perfect["evpi"] + 2 * table["standard_error"]).all()
    steps = np.diff(table["evppi"])
    assert (steps > -2 * table["standard_error"].to_numpy()[1:]).all()
    np.testing.assert_allclose(table["share_of_evpi"], table["evppi"] / perfect["evpi"])
    assert (table["note"] == "").all()


def test_an_unrelated_parameter_stays_at_its_floor():
    rng = np.random.default_rng(9)
    above = 0
    for _ in range(40):
        gain, x = 0.02 + rng.normal(size=2000), rng.normal(size=2000)
        row = one(evppi(gain, {"x": x}))
        above += row["evppi"] > row["floor"]
        assert row["evppi"] < 0.08  # of an EVPI of 0.39
    assert above <= 7  # 2 expected; more than 7 has probability 0.001


def test_standard_error_of_evppi_is_the_spread_of_repeated_estimates():
    rng = np.random.default_rng(10)
    rows = []
    for _ in range(200):
        x = rng.normal(size=(1500, 2))
        rows.append(one(evppi(0.3 + x[:, 0] + x[:, 1], {"x": x[:, 0]})))
    spread = np.std([row["evppi"] for row in rows])
    assert np.mean([row["standard_error"] for row in rows]) == pytest.approx(spread, rel=0.25)
    mean = np.mean([row["evppi"] for row in rows])
    assert mean == pytest.approx(normal_loss(0.3, 1.0), abs=4 * spread / np.sqrt(200) + 0.003)


def test_all_weights_and_options_in_one_call_are_those_of_single_calls():
    x = np.random.default_rng(11).normal(size=(2000, 3))
    weights = np.linspace(0, 2, 5)
    options = np.stack([0 * x[:, 0], x[:, 0] * x[:, 1] + 0.1, x[:, 2]], axis=1)
    benefit = np.stack([options * [1, 1, w] for w in weights])
    array = xr.DataArray(benefit, {"weight": weights}, ("weight", "draw", "option"))
    at_once = evppi(array, named(x), of=["x1", "x2"])
    assert at_once["weight"].tolist() == weights.tolist()
    columns = ["evppi", "standard_error", "floor", "share_of_evpi"]
    for i in range(len(weights)):
        alone = one(evppi(benefit[i], named(x), of=["x1", "x2"]))
        np.testing.assert_allclose(
            at_once.loc[i, columns].astype(float), alone[columns].astype(float), rtol=1e-8
        )
    numbered = evppi(benefit, named(x), of=["x1", "x2"])
    assert numbered["weight"].tolist() == [0, 1, 2, 3, 4]


def test_the_order_of_options_does_not_matter():
    x = np.random.default_rng(12).normal(size=(2000, 3))
    benefit = np.column_stack([0 * x[:, 0], x[:, 0] * x[:, 1], 0.2 + x[:, 2]])
    one_way = one(evppi(benefit, named(x), of=["x1", "x2"]))["evppi"]
    other = one(evppi(benefit[:, [2, 0, 1]], named(x), of=["x1", "x2"]))["evppi"]
    assert other == pytest.approx(one_way, rel=1e-9)


def test_the_same_call_gives_the_same_numbers():
    x, gain, _ = case_l(1000, seed=13)
    pd.testing.assert_frame_equal(evppi(gain, named(x)), evppi(gain, named(x)))


def test_columns_are_the_contract():
    x, gain, _ = case_l(500, seed=14)
    columns = ["parameters", "evppi", "standard_error", "floor", "method", "share_of_evpi",
               "n_draws", "note"]  # fmt: skip
    assert list(evppi(gain, x).columns) == columns
    assert list(evppi(gain, x, sources={"x1": "a"}).columns) == ["source", *columns]
    assert list(evpi(gain).columns) == ["evpi", "standard_error", "option", "n_draws"]


# --- EVPPI: sets and sources --------------------------------------------------------------------


def test_of_takes_one_name_a_set_or_several_sets():
    x, gain, _ = case_l(500, seed=15)
    asked = {
        "x2": ["x2"],
        ("x1", "x2"): ["x1 + x2"],
        (("x1",), ("x3", "x2")): ["x1", "x3 + x2"],
        ("x1", ("x2", "x3")): ["x1", "x2 + x3"],
    }
    for of, expected in asked.items():
        assert evppi(gain, named(x), of=of)["parameters"].tolist() == expected
    assert evppi(gain, named(x))["parameters"].tolist() == ["x1", "x2", "x3", "x4", "x5"]


def test_sources_group_parameters_by_document():
    x, gain, _ = case_l(2000, seed=16)
    sources = {"x1": "trial", "x2": ["trial", "review"], "x3": "review", "x4": "review"}
    table = evppi(gain, named(x), sources=sources)
    assert dict(zip(table["source"], table["parameters"], strict=True)) == {
        "trial": "x1 + x2",
        "review": "x2 + x3 + x4",
        "no document": "x5",
    }
    together = one(evppi(gain, named(x), of=["x1", "x2"]))["evppi"]
    assert table["evppi"].iloc[0] == pytest.approx(together, rel=1e-12)
    both = one(evppi(gain, named(x), of=["trial", "review"], sources=sources))
    assert (both["source"], both["parameters"]) == ("trial + review", "x1 + x2 + x3 + x4")


# --- awkward draws ------------------------------------------------------------------------------


def test_draws_set_aside_are_left_out_and_counted():
    x, gain, _ = case_l(3000, seed=17)
    benefit = np.column_stack([0 * gain, gain])
    benefit[::10] = np.nan
    x[5::10, 0] = np.nan
    table = evppi(benefit, named(x), of=[("x1",), ("x2",)])
    assert table["n_draws"].tolist() == [2400, 2700]
    kept = np.isfinite(benefit).all(axis=1)
    alone = one(evppi(benefit[kept], {"x2": x[kept, 1]}))
    assert table["evppi"].iloc[1] == pytest.approx(alone["evppi"], rel=1e-9)


def test_an_option_that_does_not_apply_is_left_out_and_a_lone_option_has_no_value():
    rng = np.random.default_rng(18)
    values = rng.normal(size=(4, 300, 3, 3))
    values[:, :, 1, 2] = np.nan  # one profile has two options
    values[:, :, 2, 1:] = np.nan  # another has one
    array = xr.DataArray(
        values,
        {"profile": ["a", "b", "c"], "option": ["rest", "walking", "jumping"]},
        ("chain", "draw", "profile", "option"),
    )
    x = xr.DataArray(values[:, :, 0, 0], dims=("chain", "draw"), name="x")
    perfect = evpi(array).set_index("profile")
    pair = one(evpi(array.sel(profile="b", option=["rest", "walking"], drop=True)))
    assert perfect.loc["b", "evpi"] == pytest.approx(pair["evpi"], rel=1e-12)
    assert np.isnan(perfect.loc["c", "evpi"]) and perfect.loc["c", "n_draws"] == 0
    table = evppi(array, x).set_index("profile")
    assert np.isnan(table.loc["c", "evppi"])
    assert table.loc["c", "note"] == "fewer than two options have net benefit"
    assert table.loc["a", "evppi"] > 0


def test_constants_copies_and_near_copies_do_no_harm():
    x, gain, _ = case_l(4000, seed=19)
    first = x[:, 0]
    alone = one(evppi(gain, {"x": first}))
    more = {"x": first, "copy": 3 - 2 * first, "constant": np.full(4000, 7.0)}
    row = one(evppi(gain, more, of=list(more)))
    assert row["evppi"] == pytest.approx(alone["evppi"], rel=1e-9)
    assert row["method"] == alone["method"]
    near = first + 1e-3 * x[:, 4]
    row = one(evppi(gain, {"x": first, "near": near}, of=["x", "near"]))
    assert row["evppi"] == pytest.approx(alone["evppi"], rel=0.02)
    triple = {"x": first, "y": x[:, 1], "sum": first + x[:, 1]}
    row = one(evppi(gain, triple, of=list(triple)))
    pair = one(evppi(gain, triple, of=["x", "y"]))
    assert row["evppi"] == pytest.approx(pair["evppi"], rel=0.02)
    nothing = one(evppi(gain, {"constant": np.ones(4000)}))
    assert (nothing["evppi"], nothing["method"], nothing["standard_error"]) == (0, "constant", 0)


def test_discrete_parameters_are_known_by_group():
    rng = np.random.default_rng(20)
    kind, smoker = rng.integers(0, 3, 5000), rng.random(5000) < 0.3
    mean = np.array([[-0.5, 0.2], [0.4, -0.6], [0.1, 0.9]])[kind, smoker.astype(int)]
    gain = mean + rng.normal(size=5000)
    row = one(evppi(gain, {"kind": kind, "smoker": smoker}, of=["kind", "smoker"]))
    assert row["method"] == "group means (6 groups)"
    assert row["evppi"] == pytest.approx(on_draws(mean), abs=3 * row["standard_error"])
    x = rng.normal(size=5000)  # discrete and continuous together, with their interaction
    both = smoker * (x + 0.3) - 0.1
    row = one(evppi(both + rng.normal(size=5000), {"s": smoker, "x": x}, of=["s", "x"]))
    assert "tensor" in row["method"]
    assert row["evppi"] == pytest.approx(on_draws(both), abs=3 * row["standard_error"])


def test_tied_options_change_nothing():
    x, gain, _ = case_l(2000, seed=21)
    pair = one(evppi(np.column_stack([0 * gain, gain]), {"x": x[:, 0]}))
    tied = one(evppi(np.column_stack([0 * gain, gain, gain, 0 * gain]), {"x": x[:, 0]}))
    assert tied["evppi"] == pytest.approx(pair["evppi"], rel=1e-6)
    equal = one(evppi(np.column_stack([gain, gain]), {"x": x[:, 0]}))
    assert equal["evppi"] == 0


def test_heavy_tails_and_point_masses_are_fitted():
    rng = np.random.default_rng(22)
    ratio = np.exp(rng.normal(size=8000))
    mass = np.where(rng.random(8000) < 0.5, 0, rng.gamma(2, 1, 8000))
    for name, x in (("ratio", ratio), ("mass", mass)):
        gain = x - 1.1 * x.mean()
        row = one(evppi(gain + rng.normal(size=8000), {name: x}))
        assert row["evppi"] == pytest.approx(on_draws(gain), abs=3 * row["standard_error"])


def test_a_parameter_of_several_columns_is_known_whole():
    x, gain, _ = case_l(2000, seed=23)
    line = xr.Dataset({"line": (("chain", "draw", "term"), x[:, :2].reshape(4, 500, 2))})
    row = one(evppi(gain, line))
    assert row["parameters"] == "line"
    pair = one(evppi(gain, named(x), of=["x1", "x2"]))
    assert row["evppi"] == pytest.approx(pair["evppi"], rel=1e-12)


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "benefit, parameters, keywords, words",
    [
        (np.ones((200, 1)), np.ones(200), {}, "net_benefit: found one option"),
        (np.ones((2, 2, 200, 2)), np.ones(200), {}, "net_benefit: found shape"),
        ([["a", "b"]], np.ones(1), {}, "net_benefit: found"),
        (np.array([[0, np.inf]] * 200), np.ones(200), {}, "an infinite value"),
        (np.full((200, 2), np.nan), np.ones(200), {}, "no two options"),
        (np.ones((50, 2)), np.ones(50), {}, "100 draws"),
        (np.ones((200, 2)), np.ones(100), {}, "parameters.x1: found shape"),
        (np.ones((200, 2)), {"slope": np.ones(200)}, {"of": "slop"}, "did you mean 'slope'"),
        (np.ones((200, 2)), np.ones(200), {"of": []}, "of: found an empty set"),
        (np.ones((200, 2)), np.ones(200), {"sources": {"y": "a"}}, "sources: found 'y'"),
        (np.ones((200, 2)), {}, {}, "parameters: found none"),
        (xr.DataArray(np.ones((5, 2)), dims=("n", "option")), [1], {}, "dimensions n, option"),
        (xr.Dataset({"risk": 1}), [1], {}, "a Dataset of risk"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_five_parts(benefit, parameters, keywords, words):
    with pytest.raises(ParameterError) as caught:
        evppi(benefit, parameters, **keywords)
    assert words in str(caught.value)
    (problem,) = caught.value.problems
    assert problem.allowed and problem.remedy


# --- the bases ----------------------------------------------------------------------------------


def test_splines_hold_cubics_and_sum_to_one():
    x = np.random.default_rng(24).gamma(2, size=500)
    matrix = spline_functions(x, 5)
    assert matrix.shape == (500, 9)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-12)
    cubic = 1 - 2 * x + 0.5 * x**3
    fitted = matrix @ np.linalg.lstsq(matrix, cubic, rcond=None)[0]
    np.testing.assert_allclose(fitted, cubic, rtol=1e-8, atol=1e-8)
    from scipy.interpolate import BSpline  # another implementation, at the same knots

    interior = np.sort(x)[np.arange(1, 6) * 500 // 6]
    knots = np.concatenate([[x.min()] * 4, interior, [x.max()] * 4])
    inside = x < x.max()
    other = BSpline.design_matrix(x[inside], knots, 3).toarray()
    np.testing.assert_allclose(matrix[inside], other, atol=1e-12)


def test_hermite_polynomials_are_orthonormal_under_the_normal():
    inputs = ready(EXACT[:, None])
    matrix = hermite_chaos(inputs, degree=3)
    gram = matrix.T @ matrix / len(EXACT)
    np.testing.assert_allclose(gram, np.eye(4), atol=0.01)  # the grid ends at 4.4


def test_covariance_of_the_fit_is_that_of_the_fitted_values():
    rng = np.random.default_rng(25)
    x, y = rng.normal(size=(500, 2)), rng.normal(size=(500, 6))
    solved = solve(Basis(hermite_chaos(ready(x), degree=3), ""))
    coefficients = solved.coefficients(y)
    fitted = solved.basis.matrix @ coefficients
    for block, found in enumerate(solved.covariance(coefficients, 3)):
        expected = np.cov(fitted[:, 3 * block : 3 * block + 3].T, bias=True)
        np.testing.assert_allclose(found, expected, atol=1e-8)


# --- EVSI ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_linear_normal_evsi_is_the_closed_form(method):
    rng = np.random.default_rng(26)
    effect, other = 0.5 * rng.normal(size=20_000), rng.normal(size=20_000)
    gain = 0.1 + 0.6 * effect + 0.4 * other
    sizes = [10, 50, 200, 1000, 100_000]
    table = evsi(gain, {"effect": effect, "other": other}, NormalTrial("effect", 4.0), sizes,
                 method=method, seed=5)  # fmt: skip
    kept = [0.25 * n / (0.25 * n + 16) for n in sizes]  # of the prior variance
    truth = np.array([normal_loss(0.1, 0.6 * 0.5 * np.sqrt(share)) for share in kept])
    assert (abs(table["evsi"] - truth) < 3 * table["standard_error"]).all()
    assert (np.diff(table["evsi"]) > 0).all()
    perfect = one(evppi(gain, {"effect": effect}))
    assert (table["evsi"] <= perfect["evppi"] + 2 * table["standard_error"]).all()
    assert table["share_of_evppi"].iloc[-1] == pytest.approx(1, abs=0.02)
    assert (table["parameters"] == "effect").all()
    assert table["method"].str.startswith(method).all()
    assert (table["seed"] == 5).all()


@pytest.mark.parametrize("method", METHODS)
def test_evsi_of_a_two_arm_trial_is_the_enumerated_one(method):
    rng = np.random.default_rng(27)
    risks = {"comparator": rng.beta(4, 16, 20_000), "treated": rng.beta(5, 25, 20_000)}
    gain = risks["comparator"] - risks["treated"] - 0.02

    def beta_binomial(x, n, a, b):
        return np.exp(
            gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
            + betaln(x + a, n - x + b) - betaln(a, b)
        )  # fmt: skip

    def truth(n):  # every pair of counts, with the conjugate posterior means
        x = np.arange(n // 2 + 1)
        one_arm = beta_binomial(x, n // 2, 4, 16)
        other = beta_binomial(x, n // 2, 5, 25)
        gained = ((4 + x) / (20 + n // 2))[:, None] - (5 + x) / (30 + n // 2) - 0.02
        best = (one_arm[:, None] * other * np.maximum(gained, 0)).sum()
        return best - max(4 / 20 - 5 / 30 - 0.02, 0)

    sizes = [10, 40, 200, 1000]
    trial = BinomialTrial("comparator", "treated")
    table = evsi(gain, risks, trial, sizes, method=method, seed=1)
    expected = np.array([truth(n) for n in sizes])
    assert (abs(table["evsi"] - expected) < 3 * table["standard_error"] + 0.02 * expected).all()
    assert (table["n"] == sizes).all()


def test_both_methods_agree_with_three_options_and_several_weights():
    rng = np.random.default_rng(28)
    x = rng.normal(size=(8000, 2))
    options = np.stack([0 * x[:, 0], 0.1 + 0.4 * x[:, 0], 0.05 + 0.5 * x[:, 0] + 0.2 * x[:, 1]], 1)
    benefit = np.stack([options, options * [1, 1, 0.5]])
    parameters = {"x": x[:, 0], "y": x[:, 1]}
    both = [
        evsi(benefit, parameters, NormalTrial("x", 3.0), [20, 300], method=method, seed=2)
        for method in METHODS
    ]
    assert both[0]["weight"].tolist() == [0, 1, 0, 1]
    error = np.hypot(both[0]["standard_error"], both[1]["standard_error"])
    assert (abs(both[0]["evsi"] - both[1]["evsi"]) < 3 * error).all()


def test_a_users_own_trial_is_a_function_of_parameters_n_and_rng():
    rng = np.random.default_rng(29)
    rate = rng.gamma(4, 0.1, size=5000)
    gain = rate - 0.42

    def counts(parameters, n, rng):
        return rng.poisson(parameters["rate"] * n)

    table = evsi(gain, {"rate": rate}, counts, [5, 500], of=["rate"], seed=3)
    assert 0 < table["evsi"].iloc[0] < table["evsi"].iloc[1] <= one(evpi(gain))["evpi"]
    with pytest.raises(ParameterError, match="log_likelihood"):
        evsi(gain, {"rate": rate}, counts, 5, method="moment matching", seed=3)
    with pytest.raises(ParameterError, match="one trial's summaries for every draw"):
        evsi(gain, {"rate": rate}, lambda parameters, n, rng: np.ones(3), 5, seed=3)


def test_too_sharp_a_likelihood_for_the_draws_is_reported():
    effect = np.random.default_rng(30).normal(size=500)
    with pytest.warns(RiskModelWarning, match="effective draws"):
        evsi(effect, {"effect": effect}, NormalTrial("effect", 1.0), 10**6,
             method="moment matching", seed=1)  # fmt: skip


def test_evsi_sets_aside_draws_without_parameters_or_net_benefit():
    rng = np.random.default_rng(31)
    effect = rng.normal(size=3000)
    gain = effect + 0.1
    effect[::3], gain[1::3] = np.nan, np.nan
    for method in METHODS:
        row = one(evsi(gain, {"effect": effect}, NormalTrial("effect", 2.0), 50,
                       method=method, seed=1))  # fmt: skip
        assert row["n_draws"] == 1000
        truth = normal_loss(0.1, np.sqrt(50 / 54))
        assert abs(row["evsi"] - truth) < 4 * row["standard_error"]


def test_same_seed_same_numbers_and_no_seed_says_so():
    effect = np.random.default_rng(32).normal(size=500)
    call = (effect, {"effect": effect}, NormalTrial("effect", 3.0), [10, 100])
    pd.testing.assert_frame_equal(evsi(*call, seed=0), evsi(*call, seed=0))
    with pytest.warns(RiskModelWarning, match="seed: found nothing; drew"):
        drawn = evsi(*call)
    assert drawn["seed"].nunique() == 1
    more = evsi(*call[:3], [10, 100, 1000], seed=0)  # sizes added at the end change nothing before
    np.testing.assert_array_equal(more["evsi"][:2], evsi(*call, seed=0)["evsi"])


@pytest.mark.parametrize(
    "trial, sizes, keywords, words",
    [
        (NormalTrial("effect", 1.0), 10, {"method": "regresion"}, "did you mean 'regression'"),
        (NormalTrial("efect", 1.0), 10, {}, "did you mean 'effect'"),
        (NormalTrial("effect", 1.0), 1, {}, "sizes: found 1"),
        (NormalTrial("effect", 1.0), 10.5, {}, "sizes: found 10.5"),
        (BinomialTrial("effect", "effect"), 10, {}, "one risk a draw, in [0, 1]"),
        ("trial", 10, {}, "trial: found 'str'"),
    ],
)
def test_evsi_refuses_what_it_cannot_use(trial, sizes, keywords, words):
    effect = np.random.default_rng(33).normal(size=500)
    with pytest.raises(ParameterError) as caught:
        evsi(effect, {"effect": effect}, trial, sizes, seed=1, **keywords)
    assert words in str(caught.value)


# --- population and ENBS ------------------------------------------------------------------------


def test_population_is_discounted_evenly_over_the_years():
    assert population_reached(1000, 10) == 10_000
    assert population_reached(1000, 10, delay=4) == 6000
    months = (np.arange(120_000) + 0.5) / 12_000
    summed = (1000 * 1.03**-months).mean() * 10
    assert population_reached(1000, 10, 0.03) == pytest.approx(summed, rel=1e-8)
    later = population_reached(1000, 10, 0.03) - population_reached(1000, 2, 0.03)
    assert population_reached(1000, 10, 0.03, delay=2) == pytest.approx(later)
    with pytest.raises(ParameterError, match="delay: found 11"):
        population_reached(1000, 10, delay=11)
    with pytest.raises(ParameterError, match="discount: found -0.1"):
        population_reached(1000, 10, -0.1)


def test_enbs_is_the_populations_value_less_the_cost():
    table = pd.DataFrame(
        {
            "profile": ["a", "b", "a", "b"],
            "n": [100, 100, 400, 400],
            "evsi": [0.010, 0.001, 0.016, 0.002],
            "standard_error": 0.001,
        }
    )
    found = enbs(table, 1000, 10, fixed_cost=20, cost_per_patient=0.1, worth=2)
    assert found["population_evsi"].tolist() == pytest.approx([200, 20, 320, 40])
    assert found["cost"].tolist() == [30, 30, 60, 60]
    assert found["enbs"].tolist() == pytest.approx([170, -10, 260, -20])
    assert found["enbs_standard_error"].tolist() == pytest.approx([20] * 4)
    assert found["largest"].tolist() == [False, True, True, False]
    with pytest.raises(ParameterError, match="no column n"):
        enbs(table.drop(columns="n"), 1000, 10)
    with pytest.raises(ParameterError, match="fixed_cost: found -1"):
        enbs(table, 1000, 10, fixed_cost=-1)


# --- from a run's own outcomes ------------------------------------------------------------------


def test_net_benefit_of_a_run_goes_in_as_it_is(small, hand_made):
    rng = np.random.default_rng(34)
    risk = rng.uniform(0.05, 0.5, size=(400, 2, 3, 3))
    benefit = net_benefit(hand_made(small, risk))
    table = evpi(benefit)
    assert table["profile"].tolist() == ["case_0", "case_1"]
    parameter = {"risk": risk[:, 0, 1, 0]}
    table = evppi(benefit, parameter).set_index("profile")
    assert table.loc["case_0", "evppi"] > table.loc["case_1", "evppi"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_trial_is_worth_no_more_than_what_it_informs_of(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(8000, 3)) @ rng.normal(size=(3, 3))
    gain = 0.1 + x[:, 0] * x[:, 1] + x[:, 2]
    parameters = {"a": x[:, 0], "b": x[:, 2]}
    known = evppi(gain, parameters, of="b").iloc[0]
    perfect = evpi(gain).iloc[0]
    found = evsi(gain, parameters, NormalTrial("b", 2.0), [4, 40, 400], seed=seed)
    # The two errors are of the same draws; two of them together are an upper bound.
    slack = 2 * np.hypot(found["standard_error"], known["standard_error"])
    assert (found["evsi"] <= known["evppi"] + slack).all()
    assert known["evppi"] <= perfect["evpi"] + 2 * perfect["standard_error"]
    assert (found["evsi"] >= 0).all() and found["evsi"].iloc[0] < found["evsi"].iloc[2] + slack[2]


@pytest.mark.parametrize(
    "make, field",
    [
        (lambda: NormalTrial("x", -1.0), "standard_deviation"),
        (lambda: NormalTrial("x", np.nan), "standard_deviation"),
        (lambda: BinomialTrial("x", "y", 1.0), "share_treated"),
    ],
)
def test_a_trial_that_cannot_be_is_refused(make, field):
    with pytest.raises(ParameterError) as caught:
        make()
    assert caught.value.problems[0].field == field
