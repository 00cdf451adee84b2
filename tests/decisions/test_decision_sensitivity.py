"""What turns a decision, against closed forms: tornado, flips, powers of priors, magnitudes."""

import json
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import expit, logit
from scipy.stats import genpareto, norm

import riskmodel as rm
from riskmodel.decisions.decision_sensitivity import run_scenarios, sensitivity, tables_as_json
from riskmodel.decisions.flip_distance import (
    discount_to_flip,
    flip_distance,
    from_scale,
    joint_flip_distance,
    to_scale,
)
from riskmodel.decisions.magnitude import magnitude
from riskmodel.decisions.power_scaling import log_prior_density, pareto_smoothed, power_scaling
from riskmodel.decisions.refit_power import refitter, with_power
from riskmodel.decisions.revealed import preference_misfit, revealed_threshold
from riskmodel.decisions.run_inputs import run_inputs
from riskmodel.decisions.tornado import gains, one_way_tornado, scenario_flips
from riskmodel.errors import ParameterError, Problem
from riskmodel.evidence.priors import SCORES, LinePrior, Prior, build_priors

SIZE, WEIGHT = 20_000, 0.5


@pytest.fixture(scope="module")
def normals():
    rng = np.random.default_rng(51)
    draws = rng.normal([0.10, 0.08], [0.03, 0.05], (SIZE, 2))
    return pd.DataFrame(draws, columns=["benefit", "harm"])


def linear(draws):
    return (draws["benefit"] - WEIGHT * draws["harm"]).mean()


@pytest.fixture(scope="module")
def benefit(normals):
    return (normals["benefit"] - WEIGHT * normals["harm"]).to_numpy()


# --- tornado and scenarios ----------------------------------------------------------------------


def test_tornado_ends_are_the_conditional_means_of_a_linear_model(normals, benefit):
    table = one_way_tornado(benefit, normals).set_index("parameters")
    for name, slope in (("benefit", 1.0), ("harm", -WEIGHT)):
        row = table.loc[name]
        for end, prob in (("low", 0.05), ("high", 0.95)):
            at = np.quantile(normals[name], prob)
            exact = benefit.mean() + slope * (at - normals[name].mean())
            error = row[f"standard_error_{end}"]
            assert 0 < error < 0.002
            assert abs(row[f"net_benefit_{end}"] - exact) < 4 * error  # four standard errors
    assert list(table.index) == ["benefit", "harm"]  # 0.03 against 0.025 of spread


def test_tornado_of_an_input_without_noise_is_exact_up_to_a_parabola():
    x = np.random.default_rng(2).normal(size=4000)
    row = one_way_tornado(x**2 - 0.1, {"x": x}).iloc[0]
    assert row["net_benefit_low"] == pytest.approx(row["low_value"] ** 2 - 0.1, abs=1e-10)
    assert not row["flips"]


def test_tornado_of_a_discrete_input_is_the_mean_at_the_value():
    x = np.repeat([0.0, 1.0], 500)
    row = one_way_tornado(np.where(x > 0, 0.2, -0.1), {"x": x}).iloc[0]
    ends = (row["net_benefit_low"], row["net_benefit_high"])
    assert ends == pytest.approx((-0.1, 0.2))
    assert row["method"] == "mean at the value" and row["flips"]


def test_swapping_options_turns_the_tornado(normals, benefit):
    table = pd.DataFrame({"a": benefit, "b": np.zeros(SIZE)})
    one = one_way_tornado(table, normals, comparator="b")
    other = one_way_tornado(table, normals, comparator="a")
    assert np.allclose(one["net_benefit_low"], -other["net_benefit_low"])


def test_the_comparator_is_the_option_of_no_net_benefit_or_the_first():
    zero = pd.DataFrame({"a": [1.0, 2.0], "none": [0.0, 0.0]})
    assert [labels["option"] for labels, _ in gains(zero)] == ["a"]
    ((labels, draws),) = gains(zero + 1)
    assert labels["option"] == "none" and draws.tolist() == [-1.0, -2.0]
    with pytest.raises(ParameterError, match="comparator"):
        list(gains(zero, "nobody"))


def test_ends_must_be_two_probabilities(normals, benefit):
    with pytest.raises(ParameterError, match="ends"):
        one_way_tornado(benefit, normals, ends=(5, 95))


def test_a_scenario_flips_where_the_sign_is_another(benefit):
    table = scenario_flips({"as run": benefit, "OR": benefit - 0.2, "HR": benefit - 0.01})
    assert table.set_index("scenario")["flips"].to_dict() == {
        "as run": False,
        "OR": True,
        "HR": False,
    }
    near = scenario_flips({"as run": benefit, "zero": benefit - benefit.mean() - 1e-6})
    assert near["unclear"].tolist() == [False, True]


# --- flip distance ------------------------------------------------------------------------------


def test_flip_distance_of_a_linear_model_is_exact(normals):
    table = flip_distance(linear, normals).set_index("parameters")
    mean = linear(normals)
    for name, slope in (("benefit", 1.0), ("harm", -WEIGHT)):
        sd = normals[name].std()
        exact = mean / (abs(slope) * sd)
        assert table.loc[name, "standard_deviations"] == pytest.approx(exact, rel=1e-7)
        assert table.loc[name, "shift"] == pytest.approx(-mean / slope, rel=1e-7)
        assert table.loc[name, "own_unit"] == table.loc[name, "shift"]


@pytest.mark.parametrize("scale, start", [("log", np.log(0.6)), ("log_odds", logit(0.3))])
def test_flip_distance_moves_on_the_modelling_scale(scale, start):
    z = start + 0.2 * np.random.default_rng(4).standard_normal(4000)
    draws = pd.DataFrame({"x": from_scale(z, scale)})

    def expected(changed):
        return {"new": 0.5 - to_scale(changed["x"], scale).mean()}

    row = flip_distance(expected, draws, scales={"x": scale}).iloc[0]
    assert row["shift"] == pytest.approx(0.5 - z.mean(), rel=1e-6)
    assert row["location_at_flip"] == pytest.approx(float(from_scale(0.5, scale)), rel=1e-6)
    assert row["own_unit"] == pytest.approx(np.exp(row["shift"]))
    assert row["option"] == "new"


def test_the_nearer_of_two_flips_is_found():
    draws = pd.DataFrame({"x": np.random.default_rng(5).normal(0, 1, 4000)})
    draws -= draws.mean()

    def expected(changed):
        at = changed["x"].mean()
        return (at + 3.3) * (1.7 - at)

    assert flip_distance(expected, draws).loc[0, "shift"] == pytest.approx(1.7, rel=1e-6)


def test_none_within_its_support_is_an_answer():
    draws = pd.DataFrame({"x": np.random.default_rng(6).uniform(0.2, 0.4, 2000)})
    row = flip_distance(lambda d: d["x"].mean(), draws, scales={"x": "log_odds"}).iloc[0]
    assert np.isinf(row["standard_deviations"]) and "none within its support" in row["reason"]
    row = flip_distance(lambda d: d["x"].mean(), draws, supports={"x": (-0.1, 1)}).iloc[0]
    assert row["location_at_flip"] == pytest.approx(0, abs=1e-9)
    row = flip_distance(lambda d: d["x"].mean(), draws, supports={"x": (0.1, 1)}).iloc[0]
    assert np.isinf(row["shift"])


def test_the_support_ends_where_the_model_does():
    draws = pd.DataFrame({"x": np.random.default_rng(7).normal(0, 1, 2000)})

    def expected(changed):
        at = changed["x"].mean()
        if at < -2:
            rm.load_problem("there_is_no_such_problem")  # raises what a model raises
        return at + 1.99

    row = flip_distance(expected, draws).iloc[0]
    assert row["location_at_flip"] == pytest.approx(-1.99, abs=1e-6)

    def earlier(changed):
        return expected(changed) + 0.02

    assert "the model stops" in flip_distance(earlier, draws).loc[0, "reason"]


def test_what_does_not_vary_or_has_no_scale_is_refused():
    with pytest.raises(ParameterError, match="a constant"):
        flip_distance(linear, pd.DataFrame({"benefit": [1.0, 1.0], "harm": [1.0, 2.0]}))
    with pytest.raises(ParameterError, match="without a log"):
        flip_distance(
            linear,
            pd.DataFrame({"benefit": [-1.0, 1.0], "harm": [1.0, 2.0]}),
            scales={"benefit": "log"},
        )


def test_joint_distance_of_a_linear_model_is_its_mean_over_its_spread():
    rng = np.random.default_rng(8)
    covariance = [[0.03**2, 0.5 * 0.03 * 0.05], [0.5 * 0.03 * 0.05, 0.05**2]]
    draws = pd.DataFrame(
        rng.multivariate_normal([0.1, 0.08], covariance, SIZE), columns=["benefit", "harm"]
    )
    value = (draws["benefit"] - WEIGHT * draws["harm"]).to_numpy()
    table = joint_flip_distance(linear, draws, value)
    exact = value.mean() / value.std(ddof=1)
    assert table["distance"].to_numpy() == pytest.approx(exact, rel=1e-6)
    assert table["distance_linear"].to_numpy() == pytest.approx(exact, rel=1e-6)
    assert table["explained"].to_numpy() == pytest.approx(1)
    shift = table["shift"].to_numpy()
    inverse = np.linalg.inv(np.cov(draws.T.to_numpy()))
    assert np.sqrt(shift @ inverse @ shift) == pytest.approx(exact, rel=1e-6)
    # Never further than any input alone, in its own conditional spread or its marginal one.
    alone = flip_distance(linear, draws)
    conditional = np.sqrt(1 / np.diag(inverse))
    assert (exact <= (alone.set_index("parameters")["shift"].abs() / conditional) + 1e-9).all()


def test_a_discount_flips_where_the_mean_of_a_lognormal_does():
    z = np.random.default_rng(9).standard_normal(SIZE)
    z = (z - z.mean()) / z.std()
    draws = pd.DataFrame({"rr": np.exp(-0.2 + 0.3 * z), "other": z})

    def expected(changed):
        return 1 - changed["rr"].mean()

    table = discount_to_flip(
        expected, draws, scales={"rr": "log"}, sources={"rr": "trial", "other": ["trial", "paper"]}
    ).set_index("source")
    # E = exp(-0.2 + 0.09 / (2 a)) = 1 at a = 0.225; of drawn normals, a few in a thousand off.
    assert table.loc["trial", "power"] == pytest.approx(0.225, rel=0.02)
    assert table.loc["trial", "parameters"] == "rr + other"
    assert np.isnan(table.loc["paper", "power"])


# --- powers of priors ---------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.8, 1.25])
def test_power_scaling_of_a_conjugate_normal_is_its_closed_form(alpha):
    prior, error, seen = 0.5, 0.4, 0.3
    precision = 1 / prior**2 + 1 / error**2
    rng = np.random.default_rng(10)
    x = rng.normal(seen / error**2 / precision, precision**-0.5, 100_000)
    likelihood = -(((x - seen) / error) ** 2) / 2
    before = -((x / prior) ** 2) / 2
    table = power_scaling(x, {"prior": before, "likelihood": likelihood}, alphas=[alpha])
    table = table.set_index("component")
    for name, powers in (("prior", (alpha, 1)), ("likelihood", (1, alpha))):
        changed = powers[0] / prior**2 + powers[1] / error**2
        exact = powers[1] * seen / error**2 / changed
        row = table.loc[name]
        monte_carlo = changed**-0.5 / np.sqrt(row["effective_draws"])
        assert abs(row["net_benefit"] - exact) < 4 * monte_carlo
        positive = norm.cdf(exact * np.sqrt(changed))
        assert row["prob_positive"] == pytest.approx(positive, abs=0.006)
        assert row["pareto_k"] < 0.7


def test_a_power_of_one_changes_nothing(benefit):
    row = power_scaling(benefit, {"x": -(benefit**2)}, alphas=[1.0]).iloc[0]
    assert row["net_benefit"] == pytest.approx(benefit.mean())
    assert row["pareto_k"] == -np.inf and row["effective_draws"] == pytest.approx(SIZE)


@pytest.mark.parametrize("k", [0.2, 0.5, 0.9])
def test_the_shape_of_a_pareto_tail_is_found(k):
    found = []
    for seed in range(5):
        weights = genpareto.rvs(k, size=SIZE, random_state=seed) + 1e-9
        found.append(pareto_smoothed(np.log(weights))[1])
    # 425 tail draws: a standard error of (1 + k) / sqrt(425), over five samples.
    assert np.mean(found) == pytest.approx(k, abs=4 * (1 + k) / np.sqrt(5 * 425) + 0.02)


def test_a_refit_is_offered_and_taken_where_the_tail_is_too_heavy():
    x = np.random.default_rng(11).standard_normal(4000)
    density = -4 * x**2  # a power below 1/8 less would not be integrable
    offered = power_scaling(x + 0.1, {"x": density}, alphas=[0.8])
    assert offered.loc[0, "pareto_k"] > 0.7 and "refit" in offered.loc[0, "note"]
    taken = power_scaling(x + 0.1, {"x": density}, alphas=[0.8], refit=lambda *_: x - 5)
    assert taken.loc[0, "method"] == "refit" and taken.loc[0, "flips"]


def test_powers_must_be_positive(benefit):
    with pytest.raises(ParameterError, match="alphas"):
        power_scaling(benefit, {"x": benefit}, alphas=[0])
    with pytest.raises(ParameterError, match="log_density.x"):
        power_scaling(benefit, {"x": benefit[:5]})


def test_a_power_of_a_beta_multiplies_its_patients():
    prior = Prior("p", "risk", "beta", 12.0, 30.0, "data", (), "")
    draws = np.random.default_rng(12).beta(12, 30, 100_000)
    (density,) = log_prior_density(prior, draws).values()
    weights, _ = pareto_smoothed(-0.2 * density)
    a, b = 0.8 * 12, 0.8 * 30
    mean = weights @ draws
    assert mean == pytest.approx(a / (a + b), abs=0.001)
    exact = a * b / ((a + b) ** 2 * (a + b + 1))
    assert weights @ (draws - mean) ** 2 == pytest.approx(exact, rel=0.03)


def test_a_prior_kept_as_quantiles_has_the_density_of_its_normal():
    knots = tuple(0.3 + 0.2 * np.linspace(-6, 6, 601))
    prior = Prior("x", "relative_risk", "quantiles", 0.3, 0.2, "data", (), "", knots)
    z = np.linspace(-2, 2, 9)
    (density,) = log_prior_density(prior, np.exp(0.3 + 0.2 * z)).values()
    assert density - density[4] == pytest.approx(-(z**2) / 2, abs=1e-9)


# --- magnitude ----------------------------------------------------------------------------------

FIXED = {"locked": "2026-01-31", "whose": "an example", "fall": [5, 20, 50], "gain": [5, 20, 50]}


def test_magnitudes_are_normal_probabilities_and_sum_to_one():
    rng = np.random.default_rng(13)
    draws = pd.DataFrame({"fall": rng.normal(-0.02, 0.02, 200_000)})
    fixed = {name: FIXED[name] for name in ("locked", "whose", "fall")}
    row = magnitude(draws, fixed).iloc[0]
    below = norm(-0.02, 0.02).cdf
    assert row["large_benefit"] == pytest.approx(below(-0.05), abs=0.004)
    assert row["trivial"] == pytest.approx(below(0.005) - below(-0.005), abs=0.004)
    assert row["small_harm"] == pytest.approx(below(0.02) - below(0.005), abs=0.004)
    assert row[["trivial", "small", "moderate", "large"]].sum() == pytest.approx(1)
    parts = [c for c in row.index if c.endswith(("_benefit", "_harm"))]
    assert row[parts].sum() + row["trivial"] == pytest.approx(1)


def test_more_of_a_wanted_outcome_is_a_benefit_and_a_threshold_met_counts():
    table = magnitude({"fall": [0.02], "gain": [0.02]}, FIXED, wanted=["gain"])
    assert table.set_index("outcome")["moderate_harm"].to_dict() == {"fall": 1.0, "gain": 0.0}
    assert table["moderate"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "change, named",
    [
        ({"locked": None}, "thresholds.locked"),
        ({"locked": "soon"}, "thresholds.locked"),
        ({"locked": str(date.today() + timedelta(days=2))}, "thresholds.locked"),
        ({"whose": ""}, "thresholds.whose"),
        ({"fall": [20, 5, 50]}, "thresholds.fall"),
        ({"fall": [5, 20]}, "thresholds.fall"),
        ({"absent": [5, 20, 50]}, "thresholds.absent"),
    ],
)
def test_thresholds_without_date_owner_or_order_are_refused(change, named):
    with pytest.raises(ParameterError) as caught:
        magnitude({"fall": [0.1], "gain": [0.1]}, {**FIXED, **change})
    assert caught.value.problems[0].field == named


# --- what recommendations and choices imply -----------------------------------------------------


def strata(**parts):
    rows = [{"stratum": name, "benefit": b, "harm": h} for name, (b, h) in parts.items()]
    return pd.DataFrame(rows)


def test_a_recommendation_implies_an_interval_of_weights():
    # Break-even weights of matched pairs: 4.6 against 8.5 per 100, and 16.0 against 13.5.
    table = strata(low=(0.046, 0.085), high=(0.160, 0.135))
    found = revealed_threshold({"low": "against", "high": "for"}, table).set_index("stratum")
    assert found.loc["all", "lower"] == pytest.approx(0.541, abs=5e-4)
    assert found.loc["all", "upper"] == pytest.approx(1.185, abs=5e-4)
    swapped = revealed_threshold({"low": "for", "high": "against"}, table).iloc[-1]
    assert swapped["consistent"] == "none: contradictory" and swapped["prob_consistent"] == 0


@pytest.mark.parametrize(
    "benefit, harm, stance, lower, upper",
    [
        (0.1, 0.2, "for", 0, 0.5),
        (0.1, 0.2, "against", 0.5, np.inf),
        (-0.1, 0.2, "for", np.nan, np.nan),
        (-0.1, 0.2, "against", 0, np.inf),
        (-0.1, -0.2, "for", 0.5, np.inf),
        (-0.1, -0.2, "against", 0, 0.5),
        (0.1, -0.2, "for", 0, np.inf),
        (0.1, -0.2, "against", np.nan, np.nan),
        (0.1, 0.0, "for", 0, np.inf),
        (-0.1, 0.0, "for", np.nan, np.nan),
    ],
)
def test_weights_of_one_stratum_in_every_sign(benefit, harm, stance, lower, upper):
    row = revealed_threshold({"a": stance}, strata(a=(benefit, harm))).iloc[0]
    assert [row["lower"], row["upper"]] == pytest.approx([lower, upper], nan_ok=True)


def test_an_unknown_stratum_or_stance_is_refused():
    with pytest.raises(ParameterError, match="recommendation.b"):
        revealed_threshold({"b": "for"}, strata(a=(1, 1)))
    with pytest.raises(ParameterError, match="for, against"):
        revealed_threshold({"a": "perhaps"}, strata(a=(1, 1)))


LEVELS = [150, 250, 350, 450, 600]


def test_without_the_figures_shown_the_check_says_what_is_missing():
    found = preference_misfit(LEVELS, always=145, never=80, n=470, lower_than=[(600, 450)])
    shares = found.findings.set_index("check")["value"]
    assert shares["always"] == pytest.approx(0.309, abs=5e-4)
    assert shares["never"] == pytest.approx(0.170, abs=5e-4)
    assert any("600 below 450" in text for text in found.not_checked)
    assert found.table["monotone"].isna().all()


def test_uptake_that_falls_as_the_ratio_rises_is_a_misfit():
    ratio = dict(benefit=[0.01, 0.02, 0.05, 0.10, 0.16], harm=[0.1] * 5)
    uptake = [145 / 470, 0.5, 390 / 470, 0.8, 0.6]
    counts = dict(always=145, never=80, n=470)
    found = preference_misfit(
        LEVELS, **counts, uptake=uptake, lower_than=[(600, 350)], **ratio, weight=0.7
    )
    checks = found.findings.set_index("check")["value"]
    assert checks["without one weight"] == pytest.approx(390 / 470 - 0.6)
    assert checks["weight 0.7 for everybody"] == pytest.approx((145 + 80) / 470)
    assert (np.diff(found.table["monotone"]) >= 0).all()
    monotone = [145 / 470, 0.5, 0.7, 0.8, 1 - 80 / 470]
    fits = preference_misfit(LEVELS, **counts, uptake=monotone, **ratio)
    checks = fits.findings.set_index("check")["value"]
    assert checks["without one weight"] == checks["largest misfit"] == 0
    assert checks["outside always and never"] == pytest.approx(0, abs=1e-12)


def test_counts_that_do_not_fit_are_refused():
    with pytest.raises(ParameterError, match="at most n"):
        preference_misfit(LEVELS, always=300, never=200, n=470)
    with pytest.raises(ParameterError, match="uptake"):
        preference_misfit(LEVELS, always=1, never=1, n=4, uptake=[31, 40, 50, 60, 70])


# --- of a run -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn_run(plex_aav):
    """A posterior without a sampler: every prior as it is, the line as a normal near its own."""
    rng = np.random.default_rng(15)
    draws = {}
    for name, prior in build_priors(plex_aav).items():
        if isinstance(prior, LinePrior):
            line = rng.normal([-2.0, 1.5], [0.25, 0.4], (4, 250, 2))
            draws[name] = (("chain", "draw", "coefficient"), line)
        else:
            values = prior.at_score(rng.standard_normal(1000))
            draws[name] = (("chain", "draw"), values.reshape(4, 250))
    posterior = rm.models.posterior.Posterior(plex_aav, xr.Dataset(draws), {"seed": 15})
    patient = {"id": "one", "serum_creatinine": 420, "age": 62}
    return posterior, rm.simulate(posterior, [patient], gate=False)


def test_unchanged_inputs_give_the_net_benefit_of_the_run(drawn_run):
    (inputs,) = run_inputs(*drawn_run)
    again = inputs.net_benefit(inputs.parameters.copy())
    assert np.allclose(again.values, inputs.draws.transpose(*again.dims).values)
    line = inputs.parameters["eskd_line"]
    risk = drawn_run[1]["risk"].sel(option="standard_care", outcome="end_stage_kidney_disease")
    assert np.allclose(line, risk.values.ravel())


def test_a_shift_found_in_a_run_brings_net_benefit_to_zero(drawn_run):
    (inputs,) = run_inputs(*drawn_run)
    table = flip_distance(inputs.expected, inputs.parameters, scales=inputs.scales)
    row = table.iloc[0]
    assert np.isfinite(row["shift"])
    moved = from_scale(
        to_scale(inputs.parameters[row["parameters"]], row["scale"]) + row["shift"], row["scale"]
    )
    changed = inputs.parameters.assign(**{row["parameters"]: moved})
    assert inputs.expected(changed)["plex"] == pytest.approx(0, abs=1e-8)


def test_the_line_moves_on_the_log_odds_of_the_patient(drawn_run):
    (inputs,) = run_inputs(*drawn_run)
    moved = expit(logit(inputs.parameters["eskd_line"]) + 0.3)
    draws = inputs._as_drawn("eskd_line", moved.to_numpy())
    before = drawn_run[0].draws["eskd_line"].values
    assert np.allclose(draws - before.reshape(draws.shape), [0.3, 0.0])


def test_scales_of_a_run_are_named_and_agree_at_the_reference_risk(drawn_run):
    posterior, outcomes = drawn_run
    scenarios, stopped = run_scenarios(posterior, outcomes)
    assert any("as OR not RR" in name for name in scenarios)
    assert any("as HR not RR" in name for name in scenarios)
    assert not stopped


def test_sensitivity_of_a_run_joins_the_tables(drawn_run):
    posterior, outcomes = drawn_run
    fixed = {"locked": "2026-01-31", "whose": "an example", "serious_infection": [10, 30, 60]}
    found = sensitivity(
        outcomes, posterior, thresholds=fixed, recommendation={"low": "against", "high": "for"},
        alphas=[0.8],
    )  # fmt: skip
    assert list(found.tables()) == [
        "tornado", "scenarios", "power_scaling", "flip_distance", "joint_flip_distance",
        "discounts", "magnitude", "revealed",
    ]  # fmt: skip
    assert set(found.tornado["badge"]) >= {"data", "assumed"}
    assert (found.power_scaling["pareto_k"] < 0.7).all()
    read = json.loads(tables_as_json(found, {"schema": "x"}))
    assert len(read["tornado"]) == len(found.tornado)
    low, high = found.flip_distance["standard_deviations"].agg(["min", "max"])
    assert low > 0 and high >= low


def test_sensitivity_of_draws_says_what_it_could_not_do(normals, benefit):
    found = sensitivity(benefit, normals)
    assert list(found.tables()) == ["tornado", "scenarios"]
    assert len(found.notes) == 2


# --- powers by fitting again --------------------------------------------------------------------


def test_a_prior_to_a_power_is_wider_on_its_modelling_scale():
    normal = Prior("rr", "relative_risk", "lognormal", -0.3, 0.2, "data", (), "")
    kept = replace(normal, family="quantiles", knots=tuple(-0.3 + 0.2 * SCORES))
    for power in (0.25, 0.8, 4.0):
        wide = with_power(normal, power)
        assert wide.second == pytest.approx(0.2 / np.sqrt(power))
        # the same from its quantiles, which end at six standard deviations
        middle = np.linspace(-2, 2, 9) * min(1, np.sqrt(power))
        again = with_power(kept, power)
        np.testing.assert_allclose(again.at_score(middle), wide.at_score(middle), rtol=2e-3)
    beta = with_power(Prior("p", "risk", "beta", 4.0, 16.0, "data", (), ""), 0.5)
    assert (beta.first, beta.second) == (2.0, 8.0)


def test_a_refit_that_stops_says_so_and_leaves_the_reweighted_number():
    x = np.random.default_rng(6).normal(0.1, 1, 4000)

    def refit(component, alpha):
        raise ParameterError([Problem(field="risk", found=2, allowed="1", remedy="less")])

    table = power_scaling(x, {"x": -((x - 0.1) ** 2) / 2}, alphas=[0.01], refit=refit)
    assert table.loc[0, "pareto_k"] > 0.7 and table.loc[0, "method"] == "reweighted"
    assert "the refit stopped: risk" in table.loc[0, "note"]


@pytest.mark.slow
def test_a_run_fitted_again_agrees_with_weights_that_hold(posterior, outcomes):
    refit = refitter(posterior, outcomes)
    inputs = next(run_inputs(posterior, outcomes))
    found = refit("eskd_relative_risk", 0.8).sel(option="plex").values
    table = power_scaling(
        inputs.draws, {"x": inputs.log_densities()["eskd_relative_risk"]}, alphas=[0.8]
    )
    # Four standard errors of two sets of 4000 draws, those of the chains nearly independent.
    error = 4 * np.sqrt(2) * found.std() / np.sqrt(found.size / 2)
    assert table.loc[0, "pareto_k"] < 0.7
    assert found.mean() == pytest.approx(table.loc[0, "net_benefit"], abs=error)
