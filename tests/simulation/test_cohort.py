"""The cohort's program against `simulate` and `net_benefit`, patient by patient and sum by sum."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import riskmodel as rm
from riskmodel.decisions.decision_curve import treatment_decision_curve
from riskmodel.decisions.information import evpi
from riskmodel.errors import ParameterError
from riskmodel.evidence.priors import LinePrior, build_priors, draw_prior
from riskmodel.models.posterior import Posterior
from riskmodel.reports.cohort import simulate_cohort
from riskmodel.simulation import block, outcomes

BACKENDS = ("numpy", "numba")
PROBS = (0.025, 0.5, 0.975)
SAME = {"rtol": 1e-12, "atol": 1e-12}

# Beside what the small problem has: an own risk, an effect against another option, a difference,
# a mean, an unknown contrast, an effect averaged over a spread where the risk varies, a category.
MORE_OUTCOMES = """\
  strain:
    label: Strain
    unwanted: true
    baseline: {intercept: {prior: strain_risk}}
    effects:
      walking: {scale: own_risk, prior: strain_own}
      jumping: {scale: odds_ratio, prior: strain_ratio, relative_to: walking}
  ache:
    label: Ache
    unwanted: true
    baseline:
      intercept: {prior: strain_risk}
      terms: [{covariate: years, transform: linear, centre: 5, per: 10, prior: strain_by_years}]
      between_patient_spread: {log_odds_sd: 0.7, because: example}
    effects:
      walking: {scale: odds_ratio, prior: ache_ratio, reference_risk: 0.2, because: example}
      jumping: {scale: hazard_ratio, prior: fall_hazard, reference_risk: 0.2, because: example}
  chill:
    label: Chill
    unwanted: true
    baseline:
      intercept: {prior: strain_risk}
      terms: [{covariate: years, transform: linear, centre: 5, per: 10, prior: strain_by_years}]
    effects:
      walking: {scale: odds_ratio, prior: ache_ratio}
      jumping: {scale: risk_difference, prior: ache_difference}
  cramp:
    label: Cramp
    unwanted: true
    baseline:
      intercept: {prior: strain_risk}
      terms: [{covariate: years, transform: linear, centre: 5, per: 10, prior: strain_by_years}]
      between_patient_spread: {log_odds_sd: 0.4, because: example}
    effects:
      walking: {scale: odds_ratio, prior: ache_ratio, reference_risk: 0.2, because: example}
      jumping: {scale: hazard_ratio, prior: fall_hazard, relative_to: walking,
                reference_risk: 0.2, because: example}
  pace:
    label: Pace
    type: continuous
    unit: seconds a kilometre
    unwanted: true
    baseline: {fixed_mean: 0, because: only differences were printed}
    effects:
      walking: {scale: mean_difference, prior: pace_difference}
      jumping: {no_effect: example}
  unknown:
    label: Unknown
    unwanted: true
    baseline: {intercept: {prior: strain_risk}}
    effects:
      walking: {not_estimable: nobody counted}
      jumping: {no_effect: example}

overlap:
  - {outcomes: [strain, ache], odds_ratio: 0.4, because: example}
"""
MORE_PRIORS = """\
priors:
  strain_risk: {from: [record_counts]}
  strain_by_years: {from: [record_by_years]}
  strain_own: {from: [blister_counts]}
  strain_ratio: {from: [strain_ratio]}
  ache_ratio: {from: [strain_ratio]}
  ache_difference: {from: [ache_difference]}
  pace_difference: {from: [pace_difference]}
"""
MORE_ESTIMATES = """\
  - {id: strain_ratio, measure: odds_ratio, outcome: strain, value: 1.3,
     interval: {lower: 1.0, upper: 1.69, level: 0.95, kind: confidence}, population: "runners, s",
     horizon: {value: 6, unit: month}, source: {key: diary, locator: page 2},
     printed: "1.3 (1.0 to 1.69)", status: seen_primary}
  - {id: ache_difference, measure: risk_difference, outcome: ache, value: 0.05,
     interval: {lower: 0.03, upper: 0.07, level: 0.95, kind: confidence}, population: "runners, a",
     horizon: {value: 6, unit: month}, source: {key: diary, locator: page 2},
     printed: "0.05 (0.03 to 0.07)", status: seen_primary}
  - {id: pace_difference, measure: mean_difference, outcome: pace, value: -8,
     unit: seconds a kilometre, interval: {lower: -12, upper: -4, level: 0.95, kind: confidence},
     population: "runners, p", horizon: {value: 6, unit: month},
     source: {key: diary, locator: page 2}, printed: "-8 (-12 to -4)", status: seen_primary}
"""
WEIGHTS = "blister: {weight: 0.2, range: [0, 1.5]}"
MORE_WEIGHTS = (
    f"{WEIGHTS}, strain: {{weight: 0.4}}, ache: {{weight: 0.3}}, chill: {{weight: 0.1}}, "
    "pace: {weight: 0.01}"
)


def drawn(loaded, size=400, seed=5):
    """Return made-up draws of every prior, lines among them."""
    rng = np.random.default_rng(seed)
    draws = {}
    for name, prior in build_priors(loaded).items():
        if isinstance(prior, LinePrior):
            values = rng.normal([-1.5, 0.6], [0.2, 0.1], (size, 2)).reshape(4, -1, 2)
            draws[name] = (("chain", "draw", "coefficient"), values)
        else:
            draws[name] = (("chain", "draw"), draw_prior(prior, size, rng).reshape(4, -1))
    return Posterior(loaded, xr.Dataset(draws), {"seed": seed, "digest": "made", "draws": size})


@pytest.fixture(scope="module")
def wide(small_text, tmp_path_factory):
    text = small_text.replace("\noverlap:\n", MORE_OUTCOMES, 1)
    text = text.replace("\npriors:\n", f"\n{MORE_PRIORS}", 1).replace(WEIGHTS, MORE_WEIGHTS)
    text = text.replace(
        "together: [{outcomes: [fall, blister], weight: 1.5}]",
        "burden: 0.01\n    together: [{outcomes: [fall, blister], weight: 1.5}, "
        "{outcomes: [strain, ache], weight: 0.6}]",
    )
    path = tmp_path_factory.mktemp("wide") / "wide.yaml"
    path.write_text(text + MORE_ESTIMATES)
    return drawn(rm.load_problem(path))


@pytest.fixture(scope="module")
def runners():
    """Forty runners; some may not jump."""
    rng = np.random.default_rng(8)
    return pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(40)],
            "distance": rng.uniform(5, 60, 40),
            "years": rng.uniform(0, 20, 40),
            "sprained": rng.random(40) < 0.3,
            "club": rng.choice(["north", "south"], 40),
        }
    )


def profiles(frame):
    wanted = frame.drop(columns="club").to_dict(orient="records")
    return [{k: v for k, v in row.items() if v == v} for row in wanted]


def few_at_a_time(posterior, rows, **options):
    """Simulate by the formulas themselves: a handful of profiles never meets the program."""
    parts = [
        rm.simulate(posterior, rows[i : i + 5], case_mix=False, gate=False, **options)
        for i in range(0, len(rows), 5)
    ]
    whole = xr.concat(parts, "profile", data_vars="minimal", coords="minimal", compat="override",
                      join="outer", combine_attrs="override")  # fmt: skip
    return whole.assign_attrs(parts[0].attrs)


@pytest.fixture(scope="module")
def by_formula(wide, runners):
    return few_at_a_time(wide, profiles(runners))


def require_same_patients(cohort, simulated, panel=None):
    """Compare every column with `simulate`, `net_benefit` and their tables."""
    table = cohort.patients.to_pandas().set_index("id")
    benefit = rm.net_benefit(simulated, panel)
    summary = rm.summarize_net_benefit(benefit).set_index(["profile", "option"])
    risk = simulated["risk"].stack(sample=("chain", "draw"))
    compared = 0
    for option in risk["option"].values:
        for outcome in risk["outcome"].values:
            for name, values in (
                ("risk", risk.sel(option=option, outcome=outcome)),
                ("risk_difference", (risk.sel(option=option) - risk.sel(option="rest"))
                 .sel(outcome=outcome)),
            ):  # fmt: skip
                column = f"{option}.{outcome}.{name}"
                values = values.transpose("profile", "sample").values
                if column not in table:
                    assert option == "rest" or not np.isfinite(values).any(), column
                    continue
                np.testing.assert_allclose(table[column], _mean(values), **SAME, err_msg=column)
                for prob in PROBS:
                    wanted = np.full(len(values), np.nan)
                    some = np.isfinite(values).any(axis=1)
                    wanted[some] = np.nanquantile(values[some], prob, axis=1)
                    found = table[f"{column}_quantile_{prob:g}"]
                    np.testing.assert_allclose(found, wanted, **SAME, err_msg=column)
                compared += 1
    every = benefit["net_benefit"].stack(sample=("chain", "draw"))
    for who in risk["profile"].values:
        draws = every.sel(profile=who).transpose("option", "sample").values
        draws = draws[:, np.isfinite(draws).any(axis=0)]
        applies = np.isfinite(draws).any(axis=1)
        expected = np.where(applies, draws.mean(axis=1), -np.inf)
        assert table.loc[who, "best_option"] == every["option"].values[expected.argmax()]
        most = np.where(applies[:, None], draws, -np.inf).max(axis=0).mean()
        for j, option in enumerate(every["option"].values):
            if not applies[j]:
                assert np.isnan(table.loc[who, f"{option}.prob_best"])
                continue
            loss = table.loc[who, f"{option}.expected_loss"]
            np.testing.assert_allclose(loss, most - expected[j], **SAME)
            if option != "rest":
                row = summary.loc[(who, option)]
                found = table.loc[who, [f"{option}.net_benefit", f"{option}.prob_best"]]
                wanted = row[["net_benefit", "prob_best"]]
                np.testing.assert_allclose(found.astype(float), wanted.astype(float), **SAME)
                tails = [f"{option}.net_benefit_quantile_{prob:g}" for prob in (0.025, 0.975)]
                np.testing.assert_allclose(
                    table.loc[who, tails].astype(float), row[["lower", "upper"]].astype(float),
                    **SAME,
                )  # fmt: skip
    return compared


def _mean(values):
    found = np.full(len(values), np.nan)
    some = np.isfinite(values).any(axis=1)
    found[some] = np.nanmean(values[some], axis=1)
    return found


# --- patients -----------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_column_equals_what_simulate_and_net_benefit_give(wide, runners, by_formula, backend):
    cohort = simulate_cohort(wide, runners, backend=backend, by="club")
    assert require_same_patients(cohort, by_formula) > 30


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_shipped_problem_with_its_later_horizon_and_draws_set_aside(plex_aav, backend):
    posterior = drawn(plex_aav, size=2000)
    # One draw in 2,000 puts a high risk beyond 1: 0.05%, set aside and not refused.
    posterior.draws["eskd_relative_risk"].values[0, 3] = 6.0
    rows = [{"id": f"p{i}", "serum_creatinine": 150.0 + 30 * i, "age": 60} for i in range(20)]
    frame = pd.DataFrame(rows)
    for horizon in (None, "36 months"):
        wanted = few_at_a_time(posterior, rows, horizon=horizon)
        assert (wanted["set_aside"].values > 0).any() and (wanted["set_aside"].values == 0).any()
        found = simulate_cohort(posterior, frame, horizon=horizon, backend=backend)
        table = found.patients.to_pandas().set_index("id")
        np.testing.assert_allclose(
            table["plex.end_stage_kidney_disease.risk"],
            wanted["risk"].sel(option="plex", outcome="end_stage_kidney_disease")
            .mean(("chain", "draw")), **SAME,
        )  # fmt: skip
        summary = rm.summarize_net_benefit(rm.net_benefit(wanted)).set_index("profile")
        for name, column in (("net_benefit", ""), ("lower", "_quantile_0.025")):
            np.testing.assert_allclose(
                table[f"plex.net_benefit{column}"], summary[name], **SAME, err_msg=name
            )
        np.testing.assert_allclose(table["plex.prob_best"], summary["prob_best"], **SAME)


def test_a_row_beyond_one_is_marked_where_simulate_would_stop(plex_aav):
    posterior = drawn(plex_aav, size=2000)
    posterior.draws["eskd_relative_risk"].values[0, :20] = 10.0
    frame = pd.DataFrame({"serum_creatinine": [31.0, 420.0], "age": 60})
    for backend in BACKENDS:
        table = simulate_cohort(posterior, frame, backend=backend).patients.to_pandas()
        assert list(table["status"]) == ["computed", "beyond_one"]
        assert np.isnan(table["plex.net_benefit"][1]) and table["plex.net_benefit"][0] == (
            pytest.approx(table["plex.net_benefit"][0])
        )
    with pytest.raises(ParameterError, match="beyond a risk of 1"):
        rm.simulate(posterior, [{"serum_creatinine": 420}], case_mix=False, gate=False)


@pytest.mark.parametrize("backend", BACKENDS)
def test_many_profiles_of_simulate_go_through_the_program_and_agree(
    wide, runners, by_formula, backend, monkeypatch
):
    monkeypatch.setattr(block, "choose_backend", lambda *_: backend)
    assert len(runners) > outcomes.HANDFUL
    many = rm.simulate(wide, profiles(runners), case_mix=False, gate=False)
    np.testing.assert_allclose(many["risk"], by_formula["risk"], **SAME)
    np.testing.assert_array_equal(many["set_aside"], by_formula["set_aside"])


def test_single_precision_is_near_and_says_so(wide, runners):
    double = simulate_cohort(wide, runners, backend="numba").patients
    for backend in BACKENDS:
        single = simulate_cohort(wide, runners, backend=backend, float32=True).patients
        assert str(single.schema.field("walking.net_benefit").type) == "float"
        np.testing.assert_allclose(
            single["walking.net_benefit"].to_numpy(),
            double["walking.net_benefit"].to_numpy(),
            atol=2e-6,
        )


# --- the cohort ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cohort(wide, runners):
    return simulate_cohort(wide, runners, by="club", thresholds=[0.0, 0.02, 0.05])


def benefit_draws(wide, runners):
    simulated = few_at_a_time(wide, profiles(runners))
    benefit = rm.net_benefit(simulated)["net_benefit"].stack(sample=("chain", "draw"))
    return benefit.transpose("sample", "profile", "option"), simulated


def test_policies_are_sums_by_draw_of_what_each_patient_gains(wide, runners, cohort):
    benefit, _ = benefit_draws(wide, runners)
    values = np.nan_to_num(benefit.values)  # who may not be given an option gains nothing by it
    names = list(benefit["option"].values)
    found = cohort.summary["policies"].set_index(["policy", "option"])
    far = (runners["distance"] > 20).to_numpy()
    applies = np.isfinite(benefit.values).any(axis=0)
    expected = np.where(applies, values.mean(axis=0), -np.inf)
    best = expected.argmax(axis=1)
    policies = {
        ("treat all", "walking"): values[:, :, 1].sum(axis=1),
        ("treat all", "jumping"): values[:, :, 2].sum(axis=1),
        ("treat above 20 km", "jumping"): values[:, far, 2].sum(axis=1),
        ("treat by modelled benefit", ""): values[:, np.arange(40), best].sum(axis=1),
    }
    assert names == ["rest", "walking", "jumping"]
    for key, gained in policies.items():
        row = found.loc[key]
        np.testing.assert_allclose(row["net_benefit_total"], gained.mean(), **SAME)
        lower, upper = np.quantile(gained, [0.025, 0.975])
        # Each of 40 terms is rounded to a multiple of 2^-41 of the bound: 1e-12 each at most.
        np.testing.assert_allclose([row["total_lower"], row["total_upper"]], [lower, upper],
                                   atol=1e-10)  # fmt: skip
    assert found.loc[("treat all", "jumping"), "treated"] == (~runners["sprained"]).sum()


def test_an_interval_of_a_sum_is_wider_than_independent_patients_would_have(cohort, wide, runners):
    benefit, _ = benefit_draws(wide, runners)
    apart = np.sqrt((benefit.sel(option="walking").std("sample") ** 2).sum()).item()
    row = cohort.summary["policies"].set_index(["policy", "option"]).loc[("treat all", "walking")]
    assert row["total_upper"] - row["total_lower"] > 3 * 2 * 1.96 * apart


def test_events_averted_and_caused_are_sums_of_risk_differences_by_draw(wide, runners, cohort):
    _, simulated = benefit_draws(wide, runners)
    change = simulated["risk"].sel(option="jumping") - simulated["risk"].sel(option="rest")
    change = change.sum("profile", skipna=True).stack(sample=("chain", "draw"))
    table = cohort.summary["events"].set_index(["policy", "option", "outcome"])
    for outcome in ("fall", "blister", "record", "ache"):
        row = table.loc[("treat all", "jumping", outcome)]
        values = change.sel(outcome=outcome).values
        sign = -1 if row["direction"] == "averted" else 1
        np.testing.assert_allclose(sign * row["events"], values.mean(), rtol=1e-10)
        limits = sorted(sign * np.array([row["lower"], row["upper"]]))
        np.testing.assert_allclose(limits, np.quantile(values, [0.025, 0.975]), rtol=1e-9)
    without = simulated["risk"].sel(option="rest", outcome="fall").mean(("chain", "draw")).sum()
    assert row["wanted"] is False or not row["wanted"]
    found = table.loc[("treat all", "jumping", "fall"), "events_without"]
    np.testing.assert_allclose(found, without, rtol=1e-10)
    assert ("treat all", "walking", "unknown") not in table.index


def test_the_curve_is_that_of_the_same_patients_as_profiles(wide, runners):
    jumpers = runners[~runners["sprained"]]
    grid = [0.0, 0.01, 0.02, 0.05, 0.08]
    found = simulate_cohort(wide, jumpers, thresholds=grid).summary["decision_curve"]
    simulated = few_at_a_time(wide, profiles(jumpers)).drop_vars("case_risk", errors="ignore")
    wanted = treatment_decision_curve(simulated, grid)
    keys = ["option", "strategy", "threshold"]
    both = found.merge(wanted, on=keys, suffixes=("", "_wanted"))
    assert len(both) == len(wanted)  # and the rule's strategies beside
    for name in ("net_benefit", "lower", "upper", "share_treated"):
        np.testing.assert_allclose(both[name], both[f"{name}_wanted"], rtol=1e-9, atol=1e-11)


def test_population_information_is_the_sum_of_each_patients_own(wide, runners, cohort):
    benefit, simulated = benefit_draws(wide, runners)
    table = cohort.summary["information"].set_index("decided")
    each = evpi(rm.net_benefit(simulated))["evpi"]
    np.testing.assert_allclose(table.loc["each patient", "evpi_total"], each.sum(), rtol=1e-9)
    together = np.nan_to_num(benefit.values).sum(axis=1)
    wanted = together.max(axis=1).mean() - together.mean(axis=0).max()
    np.testing.assert_allclose(table.loc["one for all", "evpi_total"], wanted, atol=1e-9)


def test_subgroups_add_up_to_the_whole(cohort, runners):
    groups = cohort.summary["policies_by_group"]
    whole = cohort.summary["policies"].set_index(["policy", "option"])["net_benefit_total"]
    parts = groups.groupby(["policy", "option"])["net_benefit_total"].sum()
    np.testing.assert_allclose(parts.loc[whole.index], whole, rtol=1e-12, atol=1e-12)
    sizes = groups.groupby("group")["patients"].first()
    assert sizes.to_dict() == runners["club"].value_counts().to_dict()


def test_the_spread_of_patients_lies_between_their_own_expectations(cohort):
    table = cohort.patients.to_pandas()
    rows = cohort.summary["patients"].set_index(["option", "outcome", "quantity"])
    row = rows.loc[("rest", "fall", "risk")]
    wanted = np.quantile(table["rest.fall.risk"], [0.05, 0.25, 0.5, 0.75, 0.95])
    # 40 patients in bins of a 2,048th: between order statistics only the bins' own width counts.
    np.testing.assert_allclose(row.astype(float), wanted, atol=0.02)


@pytest.mark.parametrize("backend", BACKENDS)
def test_results_have_the_same_bits_for_any_threads_and_chunks(plex_aav, backend):
    posterior = drawn(plex_aav, size=200)
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(
        {
            "serum_creatinine": rng.uniform(100, 600, 2400),  # more than two blocks
            "age": 60,
            "centre": rng.choice(["north", "south"], 2400),
        }
    )

    def bits(**options):
        return simulate_cohort(posterior, frame, by="centre", backend=backend, **options)

    first = bits(threads=1)
    for options in (
        {"threads": 2},
        {"threads": 3, "chunk_rows": 777},
        {"threads": 2, "chunk_rows": 100, "partition_rows": 1100},
    ):
        other = bits(**options)
        assert other.patients.equals(first.patients)
        for name, table in first.summary.items():
            pd.testing.assert_frame_equal(other.summary[name], table, check_exact=True)


def test_the_order_of_patients_changes_no_sum(wide, runners):
    turned = simulate_cohort(wide, runners[::-1])
    table = simulate_cohort(wide, runners).summary["policies"]
    pd.testing.assert_frame_equal(turned.summary["policies"], table, check_exact=True)


def test_both_backends_agree_on_the_cohort(wide, runners):
    found = [simulate_cohort(wide, runners, backend=backend).summary for backend in BACKENDS]
    for name, table in found[0].items():
        pd.testing.assert_frame_equal(found[1][name], table, rtol=1e-10, atol=1e-11)
