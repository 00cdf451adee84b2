"""Effects, weights and break-even on risks made by hand, where every answer is known."""

import itertools
import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import riskmodel as rm
from riskmodel.decisions.net_benefit import falls_to, weighting
from riskmodel.errors import ParameterError
from riskmodel.evidence.measures import format_nnt
from riskmodel.parameters.schema import DecisionProblem
from riskmodel.simulation.overlap import joint_risk

ROUNDING = 1e-12  # a handful of sums of numbers near 1


@pytest.fixture(scope="module")
def risks():
    """Risks [draw, profile, option, outcome] of the small problem, of every size and sign."""
    return np.random.default_rng(12).uniform(0.02, 0.98, size=(500, 2, 3, 3))


@pytest.fixture
def small_outcomes(small, risks, hand_made):
    return hand_made(small, risks)


def benefit_of(outcomes, panel=None):
    return rm.net_benefit(outcomes, panel)["net_benefit"].values[0]


def panel_with(loaded, *, together=None, burden=0.0, scale=1.0, **weights):
    """Return the first panel of a problem with other weights."""
    panel = loaded.panels[loaded.problem.preferences.default]
    changed = {
        name: weight.model_copy(update={"weight": scale * weights.get(name, weight.weight)})
        for name, weight in panel.weights.items()
    }
    pairs = (
        []
        if together is None
        else [pair.model_copy(update={"weight": scale * together}) for pair in panel.together]
    )
    return panel.model_copy(
        update={"weights": changed, "together": pairs, "burden": scale * burden}
    )


def with_wanted(loaded, **wanted):
    """Return a problem with other outcomes wanted."""
    data = loaded.problem.model_dump(by_alias=True, exclude_unset=True)
    for name, value in wanted.items():
        data["outcomes"][name]["unwanted"] = not value
    return replace(loaded, problem=DecisionProblem.model_validate(data))


# --- absolute effects ---------------------------------------------------------------------------


def test_effects_are_quantiles_of_paired_differences(small_outcomes, risks):
    table = rm.absolute_effects(small_outcomes, prob=0.9)
    assert len(table) == 2 * 2 * 3
    assert list(table["profile"]) == ["case_0"] * 6 + ["case_1"] * 6
    row = table[
        (table["profile"] == "case_1")
        & (table["option"] == "jumping")
        & (table["outcome"] == "fall")
    ].iloc[0]
    difference = risks[:, 1, 2, 0] - risks[:, 1, 0, 0]
    lower, middle, upper = np.quantile(difference, [0.05, 0.5, 0.95])
    wanted = {
        "horizon": "6 months",
        "baseline_risk": np.median(risks[:, 1, 0, 0]),
        "risk": np.median(risks[:, 1, 2, 0]),
        "risk_difference": middle,
        "lower": lower,
        "upper": upper,
        "per_1000": 1000 * middle,
        "per_1000_lower": 1000 * lower,
        "per_1000_upper": 1000 * upper,
        "prob_benefit": (difference < 0).mean(),
        "number_needed_to_treat": format_nnt(middle, lower, upper),
        "prob": 0.9,
        "kind": "equal-tailed",
    }
    for column, value in wanted.items():
        assert row[column] == (pytest.approx(value) if isinstance(value, float) else value), column
    # 500 independent draws.
    error = difference.std(ddof=1) / np.sqrt(500)
    assert row["monte_carlo_standard_error"] == pytest.approx(error, rel=0.3)


def test_effects_of_the_shipped_problem_name_their_horizon_and_interval(outcomes):
    table = rm.absolute_effects(outcomes)
    assert list(table["outcome"]) == list(outcomes["outcome"].values)
    assert set(table["horizon"]) == {"12 months"}
    assert set(table["prob"]) == {0.95} and set(table["kind"]) == {"equal-tailed"}
    for row in table.itertuples():
        assert row.number_needed_to_treat == format_nnt(row.risk_difference, row.lower, row.upper)
        assert row.lower <= row.risk_difference <= row.upper
    harm = table.set_index("outcome").loc["catheter_thrombosis"]
    assert harm["prob_benefit"] == 0 and harm["number_needed_to_treat"].startswith("NNTH")
    assert harm["baseline_risk"] == 0


def test_band_effects_cover_every_band_and_rise_with_it(outcomes):
    table = rm.band_effects(outcomes)
    kidney = table[table["outcome"] == "end_stage_kidney_disease"]
    assert list(kidney["band"]) == ["low", "low_moderate", "moderate_high", "high"]
    assert (np.diff(kidney["baseline_risk"]) > 0).all()
    assert (np.diff(kidney["risk_difference"]) < 0).all()


@pytest.mark.parametrize("prob", [0, 1, 95, -0.1])
def test_a_probability_outside_zero_to_one_is_refused(small_outcomes, prob):
    with pytest.raises(ParameterError) as error:
        rm.absolute_effects(small_outcomes, prob=prob)
    assert error.value.problems[0].field == "prob"


# --- signs --------------------------------------------------------------------------------------


def test_a_wanted_outcome_is_the_unwanted_absence_of_it(small, risks, hand_made):
    """Counting the records, or the missing of records: the same decision, in every number."""
    panel = panel_with(small)
    missed = risks.copy()
    missed[..., 1] = 1 - risks[..., 1]
    one = hand_made(with_wanted(small, record=True), risks)
    other = hand_made(with_wanted(small, record=False), missed)
    np.testing.assert_allclose(
        benefit_of(one, panel), benefit_of(other, panel), rtol=0, atol=ROUNDING
    )
    effects, mirrored = rm.absolute_effects(one), rm.absolute_effects(other)
    for column in ("prob_benefit", "number_needed_to_treat"):
        assert list(effects[column]) == list(mirrored[column])
    record = effects["outcome"] == "record"
    np.testing.assert_allclose(
        effects.loc[record, "risk_difference"], -mirrored.loc[record, "risk_difference"]
    )
    columns = ["weight", "lower", "upper"]
    np.testing.assert_allclose(
        rm.break_even_weight(one, outcome="record", preferences=panel)[columns],
        rm.break_even_weight(other, outcome="record", preferences=panel)[columns],
        rtol=1e-9,
    )


def test_more_of_a_wanted_outcome_is_benefit(small, hand_made):
    risk = np.full((8, 1, 3, 3), 0.2)
    risk[:, :, 2, 1] = 0.45
    outcomes = hand_made(small, risk)
    row = rm.absolute_effects(outcomes).set_index(["option", "outcome"]).loc[("jumping", "record")]
    assert row["prob_benefit"] == 1
    assert row["number_needed_to_treat"].startswith("NNTB 4 ")
    # Weight 0.5 in the panel.
    np.testing.assert_allclose(benefit_of(outcomes)[:, 0], [[0, 0, 0.125]] * 8, atol=ROUNDING)


def test_net_benefit_of_the_comparator_is_zero_even_with_a_burden(small_outcomes, small):
    benefit = benefit_of(small_outcomes, panel_with(small, burden=0.03, together=1.5))
    np.testing.assert_array_equal(benefit[:, :, 0], 0)


def test_burden_falls_on_every_option_but_the_comparator(small_outcomes, small):
    without = benefit_of(small_outcomes, panel_with(small, together=1.5))
    with_burden = benefit_of(small_outcomes, panel_with(small, together=1.5, burden=0.03))
    np.testing.assert_allclose(without - with_burden, [[[0, 0.03, 0.03]] * 2] * 500, atol=ROUNDING)


def test_exchanging_an_option_with_the_comparator_flips_the_sign(small, risks, hand_made):
    outcomes, exchanged = (hand_made(small, r) for r in (risks, risks[:, :, [1, 0, 2]]))
    np.testing.assert_allclose(
        benefit_of(outcomes)[:, :, 1], -benefit_of(exchanged)[:, :, 1], atol=ROUNDING
    )
    one, other = (
        rm.absolute_effects(o).query("option == 'walking'")["risk_difference"].to_numpy()
        for o in (outcomes, exchanged)
    )
    np.testing.assert_allclose(one, -other)


def test_without_harm_net_benefit_is_the_benefit(small, risks, hand_made):
    risk = risks.copy()
    risk[..., 1:] = risk[:, :, :1, 1:]  # records and blisters as at rest
    benefit = benefit_of(hand_made(small, risk), panel_with(small))
    reduction = risk[:, :, :1, 0] - risk[:, :, :, 0]
    np.testing.assert_allclose(benefit, reduction, atol=ROUNDING)


def test_scaled_weights_scale_net_benefit(small_outcomes, small):
    one, seven = (
        benefit_of(small_outcomes, panel_with(small, together=1.5, burden=0.02, scale=c))
        for c in (1, 7)
    )
    np.testing.assert_allclose(seven, 7 * one, atol=10 * ROUNDING)


# --- together -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fall, blister, pair_sign", [(0, 0, -1), (1, 1, 1), (0, 1, -1), (1, 0, -1)]
)
def test_net_benefit_is_the_mean_value_of_all_joint_states(
    small, risks, hand_made, fall, blister, pair_sign
):
    loaded = with_wanted(small, fall=bool(fall), blister=bool(blister))
    panel = panel_with(small, together=1.5)
    signs = {"fall": 2 * fall - 1, "record": 1, "blister": 2 * blister - 1}
    weights = {name: signs[name] * panel.weights[name].weight for name in signs}
    few = risks[:40]
    both = joint_risk(few[..., 0], few[..., 2], 3.0)
    cells = {
        (1, 1): both,
        (1, 0): few[..., 0] - both,
        (0, 1): few[..., 2] - both,
        (0, 0): 1 - few[..., 0] - few[..., 2] + both,
    }
    mean = 0
    for (a, c), b in itertools.product(cells, (0, 1)):
        alone = a * weights["fall"] + c * weights["blister"]
        value = (pair_sign * 1.5 if a and c else alone) + b * weights["record"]
        mean = mean + value * cells[a, c] * (few[..., 1] if b else 1 - few[..., 1])
    wanted = mean - mean[:, :, :1]
    benefit = benefit_of(hand_made(loaded, few), panel)
    np.testing.assert_allclose(benefit, wanted, atol=ROUNDING)


def test_a_pair_that_weighs_its_sum_changes_nothing(small_outcomes, small):
    alone = benefit_of(small_outcomes, panel_with(small))
    paired = benefit_of(small_outcomes, panel_with(small, together=1.2))  # 1 + 0.2
    np.testing.assert_allclose(paired, alone, atol=ROUNDING)


@pytest.mark.parametrize("outcome", ["fall", "record", "blister"])
def test_net_benefit_is_linear_in_each_weight(small_outcomes, small, outcome):
    panel = panel_with(small, together=1.5, burden=0.01)
    rest, harm = weighting(small_outcomes, panel).split(small_outcomes["risk"], outcome)
    for weight in (0.0, 0.37, 4.0):
        changed = panel_with(small, together=1.5, burden=0.01, **{outcome: weight})
        wanted = rm.net_benefit(small_outcomes, changed)["net_benefit"]
        line = (rest - weight * harm).transpose(*wanted.dims)
        np.testing.assert_allclose(line, wanted, atol=10 * ROUNDING)


# --- tables of net benefit ----------------------------------------------------------------------


def test_summary_is_of_the_draws(small_outcomes):
    benefit = rm.net_benefit(small_outcomes)
    table = rm.summarize_net_benefit(benefit, prob=0.8).set_index(["profile", "option"])
    every = benefit["net_benefit"].values[0]
    for i, j in itertools.product(range(2), (1, 2)):
        row = table.loc[(f"case_{i}", ["rest", "walking", "jumping"][j])]
        draws = every[:, i, j]
        assert row["net_benefit"] == pytest.approx(draws.mean())
        np.testing.assert_allclose(
            row[["lower", "upper"]].astype(float), np.quantile(draws, [0.1, 0.9])
        )
        assert row["prob_positive"] == (draws > 0).mean()
        assert row["prob_best"] == (every[:, i].argmax(axis=1) == j).mean()


def test_the_panel_used_travels_with_net_benefit(small_outcomes, small):
    benefit = rm.net_benefit(small_outcomes, panel_with(small, blister=0.9))
    assert json.loads(benefit.attrs["panel"])["weights"]["blister"]["weight"] == 0.9
    assert benefit["net_benefit"].attrs["units"] == "fall per patient"


def test_an_unknown_panel_is_named_with_those_there_are(small_outcomes):
    with pytest.raises(ParameterError, match="preferences: found 'runer'.*did you mean 'runner'"):
        rm.net_benefit(small_outcomes, "runer")


# --- another weight -----------------------------------------------------------------------------


def two_way(plex_aav, hand_made, reduction, increase):
    """Outcomes in which nothing differs but kidney failure and infection, without doubt."""
    risk = np.full((10, 1, 2, 4), 0.3)
    risk[:, :, 1, 0] -= reduction
    risk[:, :, 1, 1] += increase
    return hand_made(plex_aav, risk)


@pytest.mark.parametrize(
    "reduction, increase, weight",
    # NNT 21.7 or 6.25 against NNH 14, to three digits by hand.
    [
        (1 / 21.7, 1 / 14, 0.645),
        (1 / 6.25, 1 / 14, 2.24),
        (0.046, 0.085, 0.541),
        (0.160, 0.135, 1.185),
    ],
)
def test_break_even_weight_is_benefit_over_harm(plex_aav, hand_made, reduction, increase, weight):
    outcomes = two_way(plex_aav, hand_made, reduction, increase)
    row = rm.break_even_weight(outcomes, preferences="kidney_and_infection").iloc[0]
    assert row["outcome"] == "serious_infection"
    assert row["weight"] == pytest.approx(weight, abs=5e-4)
    assert row["lower"] == row["upper"] == row["weight"]
    assert row["benefit_and_harm"] == 1
    # And the curve agrees: worth it just below that weight, not above.
    curve = rm.preference_curve(
        outcomes,
        weights=[row["weight"] - 1e-6, row["weight"] + 1e-6],
        preferences="kidney_and_infection",
    )
    assert list(curve["prob_positive"]) == [1, 0]


def test_break_even_is_zero_without_benefit_and_infinite_without_harm(plex_aav, hand_made):
    panel = {"preferences": "kidney_and_infection"}
    no_benefit = rm.break_even_weight(two_way(plex_aav, hand_made, -0.01, 0.05), **panel)
    assert list(no_benefit[["lower", "weight", "upper"]].iloc[0]) == [0, 0, 0]
    assert no_benefit["no_benefit_harm"].item() == 1
    no_harm = rm.break_even_weight(two_way(plex_aav, hand_made, 0.05, -0.01), **panel)
    assert list(no_harm[["lower", "weight", "upper"]].iloc[0]) == [np.inf] * 3
    assert no_harm["benefit_no_harm"].item() == 1


def test_break_even_never_divides_two_negatives(plex_aav, hand_made):
    """Harm and benefit both reversed: a ratio of 2 that means never, not up to 2."""
    outcomes = two_way(plex_aav, hand_made, -0.1, -0.05)
    row = rm.break_even_weight(outcomes, preferences="kidney_and_infection").iloc[0]
    assert row["weight"] == 0 and row["no_benefit_no_harm"] == 1


def test_quadrants_are_shares_of_all_draws(small_outcomes):
    table = rm.break_even_weight(small_outcomes)
    quadrants = ["benefit_and_harm", "benefit_no_harm", "no_benefit_harm", "no_benefit_no_harm"]
    np.testing.assert_allclose(table[quadrants].sum(axis=1), 1, atol=ROUNDING)
    assert (table[quadrants] > 0).all(axis=None)
    assert (table["lower"] <= table["weight"]).all() and (table["weight"] <= table["upper"]).all()


def by_brute_force(benefit, harm, level):
    """Try every weight at which a sign may turn, in exact arithmetic."""
    benefit, harm = [Fraction(int(x)) for x in benefit], [Fraction(int(x)) for x in harm]
    turns = {b / h for b, h in zip(benefit, harm, strict=True) if h != 0 and b / h > 0}
    for weight in [Fraction(0), *sorted(turns)]:
        positive = sum(b - weight * h > 0 for b, h in zip(benefit, harm, strict=True))
        if Fraction(positive, len(benefit)) <= Fraction(level).limit_denominator(1000):
            return float(weight)
    return np.inf


@pytest.mark.parametrize("level", [0.0, 0.025, 0.5, 0.975])
def test_falls_to_is_the_first_weight_of_all_that_could_be(level):
    rng = np.random.default_rng(13)
    for size in (1, 2, 7, 40, 40, 40, 200):
        for centre in (-3, 0, 4):  # every mixture of the four quadrants, with ties and zeros
            benefit = rng.integers(-6, 7, size) + centre
            harm = rng.integers(-6, 7, size) + rng.integers(-3, 7)
            wanted = by_brute_force(benefit, harm, level)
            found = falls_to(benefit.astype(float), harm.astype(float), level)
            assert found == pytest.approx(wanted, rel=1e-14), (benefit, harm)


def test_preference_curve_meets_the_summary_at_the_panels_weight(outcomes):
    summary = rm.summarize_net_benefit(rm.net_benefit(outcomes)).iloc[0]
    row = rm.preference_curve(outcomes, weights=[0.3]).iloc[0]
    for column in ("net_benefit", "lower", "upper"):
        assert row[column] == pytest.approx(summary[column], abs=1e-10)
    assert row["prob_positive"] == pytest.approx(summary["prob_positive"], abs=1 / 4000)


def test_preference_curve_runs_over_the_declared_range_and_crosses_at_break_even(outcomes):
    curve = rm.preference_curve(outcomes)
    assert len(curve) == 121
    assert (curve["weight"].min(), curve["weight"].max()) == (0, 1.5)
    edge = rm.break_even_weight(outcomes).iloc[0]
    below, above = curve[curve["weight"] < edge["weight"]], curve[curve["weight"] > edge["weight"]]
    assert (below["prob_positive"] > 0.5).all()
    assert above["prob_positive"].iloc[0] <= 0.5 + 1e-12


def test_an_unknown_outcome_to_vary_is_named(small_outcomes):
    with pytest.raises(ParameterError, match="did you mean 'blister'"):
        rm.preference_curve(small_outcomes, outcome="blisters")


def test_tables_hold_one_type_a_column(small_outcomes):
    for table in (
        rm.absolute_effects(small_outcomes),
        rm.preference_curve(small_outcomes),
        rm.break_even_weight(small_outcomes),
    ):
        assert isinstance(table, pd.DataFrame)
        assert not table.isna().any(axis=None)
