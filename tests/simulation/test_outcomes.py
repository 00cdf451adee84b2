"""Risks of patients under options, against the formulas by hand."""

import json
import re

import numpy as np
import pytest
import xarray as xr
from scipy.special import expit, logit

import riskmodel as rm
from riskmodel.errors import ParameterError, RiskModelWarning
from riskmodel.evidence.priors import LinePrior, build_priors
from riskmodel.models.events import log_odds_with_mean, mean_over_spread
from riskmodel.models.posterior import Posterior
from riskmodel.simulation.outcomes import band_risks, loaded_problem, save_outcomes

PLEX = {"option": "plex", "profile": "patient"}
BARE = {"option": "standard_care", "profile": "patient"}
# The same few operations in another order.
SAME = {"rtol": 1e-12, "atol": 0}


@pytest.fixture(scope="module")
def patient(posterior):
    return rm.simulate(posterior, [{"serum_creatinine": 350, "age": 50}])["risk"]


@pytest.fixture(scope="module")
def later(posterior):
    """The reference profile at 36 months, by scenario of what becomes of the effect."""
    return {
        waning: rm.simulate(posterior, horizon="36 months", waning=waning, case_mix=False)
        for waning in ("held", "waning", "lost", "caught_up", None)
    }


def made(loaded, **changed):
    """Return a posterior of made-up draws, near-constant but for what is given."""
    rng = np.random.default_rng(1)
    draws = {}
    for name, prior in build_priors(loaded).items():
        noise = rng.normal(size=(4, 1000))
        if isinstance(prior, LinePrior):
            value = np.stack([-2.5 + 0.01 * noise, 2.8 + 0 * noise], axis=-1)
            draws[name] = (("chain", "draw", "coefficient"), value)
        else:
            draws[name] = (("chain", "draw"), prior.mean() * np.exp(0.001 * noise))
    dataset = xr.Dataset(draws)
    for name, values in changed.items():
        dataset[name].values[...] = values
    return Posterior(loaded, dataset, {"seed": 1})


def found(error):
    return {problem.field: problem for problem in error.value.problems}


# --- shapes and formulas ------------------------------------------------------------------------


def test_outcomes_have_the_promised_dimensions_and_labels(outcomes, plex_aav):
    risk = outcomes["risk"]
    assert risk.dims == ("chain", "draw", "profile", "option", "outcome")
    assert risk.shape == (4, 1000, 1, 2, 4)
    assert list(risk["option"].values) == list(plex_aav.problem.options)
    assert list(risk["outcome"].values) == list(plex_aav.problem.outcomes)
    assert float(outcomes["serum_creatinine"].sel(profile="reference")) == 420
    assert outcomes["serum_creatinine"].attrs["units"] == "umol/L"
    assert ((risk >= 0) & (risk <= 1)).all()
    assert json.loads(outcomes.attrs["record"])["seed"] == 7
    assert loaded_problem(outcomes).problem == plex_aav.problem


def test_risks_equal_the_hand_formula_in_every_draw(patient, posterior):
    draws = posterior.draws
    line = draws["eskd_line"]
    log_odds = line.sel(coefficient="intercept") + line.sel(coefficient="slope") * np.log(350 / 300)
    infection = draws["serious_infection_risk"].values
    ratio = draws["serious_infection_relative_risk"].values
    own_ratio = log_odds_with_mean(0.275 * ratio, 0.6) - log_odds_with_mean(0.275, 0.6)
    by_hand = {
        ("end_stage_kidney_disease", 0): expit(log_odds.values),
        ("end_stage_kidney_disease", 1): expit(log_odds.values)
        * draws["eskd_relative_risk"].values,
        ("serious_infection", 0): infection,
        ("serious_infection", 1): mean_over_spread(
            log_odds_with_mean(infection, 0.6) + own_ratio, 0.6
        ),
        ("catheter_thrombosis", 0): np.zeros((4, 1000)),
        ("catheter_thrombosis", 1): 1 - np.exp(-14 * draws["thrombosis_rate_central_line"].values),
        ("death", 0): draws["death_risk_lung_haemorrhage"].values,
        ("death", 1): (draws["death_risk_lung_haemorrhage"] * draws["death_relative_risk"]).values,
    }
    for (outcome, option), wanted in by_hand.items():
        values = patient.isel(profile=0, option=option).sel(outcome=outcome).values
        # Newton's last step, and 1 - exp against expm1 of a small number.
        np.testing.assert_allclose(values, wanted, rtol=1e-10, atol=1e-15, err_msg=outcome)


def test_patients_share_the_draws_so_that_they_can_be_compared(posterior, patient):
    two = rm.simulate(
        posterior, [{"serum_creatinine": 200}, {"serum_creatinine": 350}], case_mix=False
    )["risk"]
    np.testing.assert_array_equal(two.isel(profile=1), patient.isel(profile=0))
    kidney = two.sel(outcome="end_stage_kidney_disease", option="standard_care")
    others = two.sel(outcome=["serious_infection", "death"])
    np.testing.assert_array_equal(others.isel(profile=0), others.isel(profile=1))
    assert not (kidney.isel(profile=0) == kidney.isel(profile=1)).any()


def test_creatinine_in_mg_per_dl_is_the_same_patient(posterior, patient):
    text = f"{350 / 88.42:.10f} mg/dL"
    converted = rm.simulate(posterior, [{"serum_creatinine": text}], case_mix=False)["risk"]
    np.testing.assert_allclose(converted, patient, rtol=1e-8)


def test_every_form_of_baseline_and_effect_equals_its_formula(small_posterior):
    profile = {"distance": 45, "years": 12}
    risk = rm.simulate(small_posterior, [profile], case_mix=False)["risk"].isel(profile=0)
    draws = {name: v.values for name, v in small_posterior.draws.data_vars.items()}
    fall = expit(draws["fall_line"] @ np.array([1, np.log(45 / 30)]))
    record = expit(
        logit(draws["record_risk"])
        + np.log(draws["record_by_distance"]) * np.log(45 / 30) / 0.5
        + np.log(draws["record_by_years"]) * 7 / 10
    )
    treated = 0.3 * draws["record_ratio"]
    odds_ratio = treated / (1 - treated) * 0.7 / 0.3
    blister = draws["blister_risk"]
    by_hand = {
        ("rest", "fall"): fall,
        ("walking", "fall"): fall * draws["fall_ratio"],
        ("jumping", "fall"): 1 - (1 - fall) ** draws["fall_hazard"],
        ("rest", "record"): record,
        ("walking", "record"): record,
        ("jumping", "record"): odds_ratio * record / (1 - record + odds_ratio * record),
        ("rest", "blister"): blister,
        ("walking", "blister"): 1 - (1 - blister) * np.exp(-10 * draws["blister_rate"]),
    }
    for (option, outcome), wanted in by_hand.items():
        values = risk.sel(option=option, outcome=outcome)
        np.testing.assert_allclose(values, wanted, **SAME, err_msg=f"{option} {outcome}")


def test_between_patient_spread_averages_over_patients_who_stand_in_it(small_posterior):
    """A hundred patients across the spread, each simulated alone, average to the one without."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    weights = weights / weights.sum()
    whole = rm.simulate(small_posterior, case_mix=False)["risk"].sel(outcome="blister")
    each = sum(
        w
        * rm.simulate(small_posterior, spread_position=z, case_mix=False, gate=False)["risk"].sel(
            outcome="blister"
        )
        for z, w in zip(nodes, weights, strict=True)
    )
    # 41 nodes here against 31 there, at a spread of 1.
    np.testing.assert_allclose(each, whole, atol=1e-9)


# --- a later horizon ----------------------------------------------------------------------------


def test_shipped_problem_runs_at_36_months_under_each_scenario(later, outcomes):
    early = outcomes["risk"].sel(profile="reference")
    for name, result in later.items():
        risk = result["risk"].sel(profile="reference")
        assert result.attrs["horizon"] == "36 months"
        assert result.attrs["waning"] == (name or "")
        if name != "caught_up":  # whose option may be ahead of the later comparator at 12 months
            assert (risk >= early).all()
        # The line is out after fourteen days: later months add nothing.
        np.testing.assert_array_equal(
            risk.sel(outcome="catheter_thrombosis"), early.sel(outcome="catheter_thrombosis")
        )


def test_later_risks_follow_the_stated_formulas(later, outcomes, posterior):
    early = outcomes["risk"].sel(profile="reference")
    for outcome, growth in {
        "end_stage_kidney_disease": "eskd_later_hazard",
        "serious_infection": "serious_infection_later_hazard",
        "death": "death_later_hazard",
    }.items():
        p0, p1 = (early.sel(option=o, outcome=outcome) for o in ("standard_care", "plex"))
        late0 = 1 - (1 - p0) ** (1 + posterior.draws[growth])
        risk = {n: r["risk"].sel(profile="reference", outcome=outcome) for n, r in later.items()}
        for result in risk.values():
            np.testing.assert_allclose(result.sel(option="standard_care"), late0, rtol=1e-11)
        lost = 1 - (1 - p1) * (1 - late0) / (1 - p0)
        np.testing.assert_allclose(risk["lost"].sel(option="plex"), lost, rtol=1e-10)
        held = 1 - (1 - p1) ** (1 + posterior.draws[growth])
        np.testing.assert_allclose(risk["held"].sel(option="plex"), held, rtol=1e-10)
        np.testing.assert_array_equal(
            risk["caught_up"].sel(option="plex"), risk["caught_up"].sel(option="standard_care")
        )
        gain = {n: np.abs(r.sel(option="plex") - late0) for n, r in risk.items()}
        assert (gain["waning"] <= gain["held"] + 1e-12).all()
        assert (gain["waning"] >= gain["lost"] - 1e-12).all()
        # Waning is what the shipped effects declare.
        np.testing.assert_array_equal(risk[None], risk["waning"])


def test_a_later_horizon_names_every_outcome_without_an_extension(small_posterior):
    with pytest.raises(ParameterError) as error:
        rm.simulate(small_posterior, horizon="12 months")
    fields = found(error)
    assert {f"outcomes.{o}.baseline.extension" for o in ("fall", "record", "blister")} <= set(
        fields
    )
    assert "outcomes.fall.effects.walking.waning" in fields
    assert "badge: assumed" in fields["outcomes.fall.baseline.extension"].remedy


def test_an_undeclared_later_horizon_says_which_is_declared(posterior):
    with pytest.raises(ParameterError) as error:
        rm.simulate(posterior, horizon="24 months")
    problem = found(error)["outcomes.death.baseline.extension"]
    assert problem.found == "6 months, 36 months declared"


def test_an_earlier_horizon_has_its_share_of_the_hazard(posterior, outcomes):
    early = rm.simulate(posterior, horizon="6 months", case_mix=False)["risk"]
    own = outcomes["risk"].sel(profile="reference")
    for outcome, growth in {
        "end_stage_kidney_disease": "eskd_second_half_hazard",
        "serious_infection": "serious_infection_second_half_hazard",
        "death": "death_second_half_hazard",
    }.items():
        for option in ("standard_care", "plex"):
            by_hand = 1 - (1 - own.sel(option=option, outcome=outcome)) ** (
                1 / (1 + posterior.draws[growth])
            )
            found = early.sel(profile="reference", option=option, outcome=outcome)
            np.testing.assert_allclose(found, by_hand, rtol=1e-11)
    # The line is out after fourteen days, whatever the horizon.
    np.testing.assert_array_equal(
        early.sel(profile="reference", outcome="catheter_thrombosis"),
        own.sel(outcome="catheter_thrombosis"),
    )


def test_an_exposure_that_outlasts_the_horizon_is_refused(posterior):
    with pytest.raises(ParameterError) as error:
        rm.simulate(posterior, horizon="10 days")
    problem = found(error)["outcomes.catheter_thrombosis.effects.plex.exposure"]
    assert problem.found == "14 days, longer than 10 days"


def test_the_problems_own_horizon_in_another_unit_needs_nothing(posterior, outcomes):
    again = rm.simulate(posterior, horizon="1 year", case_mix=False)
    np.testing.assert_array_equal(again["risk"], outcomes["risk"])


# --- a risk beyond one --------------------------------------------------------------------------


def relative_risk(*values):
    """Draws of a relative risk of 1.5, but for a few."""
    draws = np.full(4000, 1.5) + 0.001 * np.random.default_rng(2).normal(size=4000)
    draws[: len(values)] = values
    return np.random.default_rng(3).permutation(draws).reshape(4, 1000)


def test_more_than_one_draw_in_a_thousand_beyond_one_stops_with_share_and_remedy(plex_aav):
    ratio = relative_risk(*[30.0] * 5)
    with pytest.raises(ParameterError) as error:
        rm.simulate(made(plex_aav, eskd_relative_risk=ratio), case_mix=False)
    problem = found(error)["outcomes.end_stage_kidney_disease.effects.plex.scale"]
    assert "relative_risk" in problem.found and "0.12%" in problem.found
    assert "reference" in problem.found and "reference_risk" in problem.remedy
    assert "clipped" in problem.remedy


def test_up_to_one_draw_in_a_thousand_is_set_aside_and_said(plex_aav):
    ratio = relative_risk(*[30.0] * 4)
    outcomes = rm.simulate(made(plex_aav, eskd_relative_risk=ratio), case_mix=False)
    aside = (ratio == 30.0)[..., None, None]
    # The whole draw goes, whatever the option and outcome: what is left stays paired.
    np.testing.assert_array_equal(
        outcomes["risk"].isel(profile=0).isnull(), np.broadcast_to(aside, (4, 1000, 2, 4))
    )
    assert outcomes["set_aside"].item() == 0.001
    assert "reference: 0.100% of draws set aside, a risk beyond 1" in json.loads(
        outcomes.attrs["notes"]
    )
    table = rm.absolute_effects(outcomes)
    assert np.isfinite(table["risk_difference"]).all()
    assert np.isfinite(table["monte_carlo_standard_error"]).all()


def test_draws_set_aside_in_the_case_mix_are_said_too(plex_aav):
    # At 420 umol/L the ratio of 4 keeps the risk below 1; at 800 it does not.
    posterior = made(plex_aav, eskd_relative_risk=relative_risk(4.0, 4.0))
    outcomes = rm.simulate(posterior)
    assert outcomes["set_aside"].item() == 0
    assert float(outcomes["case_set_aside"].max()) == 0.0005
    notes = json.loads(outcomes.attrs["notes"])
    assert any("case mix" in note and "0.050% of draws set aside" in note for note in notes)


def test_a_printed_ratio_without_meaning_at_the_reference_counts_as_beyond_one(plex_aav):
    ratio = relative_risk(*[4.0] * 5)  # 4 times 27.5% is more than everybody
    with pytest.raises(ParameterError) as error:
        rm.simulate(made(plex_aav, serious_infection_relative_risk=ratio), case_mix=False)
    assert "outcomes.serious_infection.effects.plex.scale" in found(error)


def test_the_prior_predictive_refuses_nothing_and_reports_the_share(posterior):
    patient = [{"id": "reference", "serum_creatinine": 1500}]
    predicted = rm.prior_predictive(posterior, patient, seed=0)
    assert predicted["risk"].dims == ("draw", "profile", "option", "outcome")
    share = float(predicted["risk"].isnull().any(("option", "outcome")).mean())
    assert share == float(predicted["set_aside"].sel(profile="reference")) > 0
    kept = predicted["risk"].values[np.isfinite(predicted["risk"].values)]
    assert ((kept >= 0) & (kept <= 1)).all()
    again = rm.prior_predictive(posterior, patient, seed=0)
    xr.testing.assert_identical(predicted, again)


# --- who can be helped --------------------------------------------------------------------------


def test_an_option_that_is_not_for_a_patient_is_nan_with_its_reason(posterior):
    profiles = [
        {"id": "well", "serum_creatinine": 420},
        {"id": "ill", "serum_creatinine": 420, "active_infection": True},
    ]
    with pytest.warns(RiskModelWarning, match="ill.*active infection"):
        outcomes = rm.simulate(posterior, profiles, case_mix=False)
    risk = outcomes["risk"]
    assert risk.sel(profile="ill", option="plex").isnull().all()
    assert risk.sel(profile="ill", option="standard_care").notnull().all()
    assert risk.sel(profile="well").notnull().all()
    assert "plex" in json.loads(outcomes.attrs["patients"])["ill"]["not_for"]
    assert float(outcomes["set_aside"].sel(profile="ill")) == 0
    assert set(rm.absolute_effects(outcomes)["profile"]) == {"well"}
    assert set(rm.summarize_net_benefit(rm.net_benefit(outcomes))["profile"]) == {"well"}


def test_nobody_left_to_treat_stops_with_every_patients_reason(posterior):
    profiles = [
        {"serum_creatinine": 420, "active_infection": True},
        {"serum_creatinine": 200, "coagulopathy": True},
    ]
    with pytest.raises(ParameterError) as error:
        rm.simulate(posterior, profiles)
    assert "active infection" in found(error)["patient_1"].found
    assert "coagulopathy" in found(error)["patient_2"].found


def test_an_option_beside_the_excluded_one_still_applies(small_posterior):
    outcomes = rm.simulate(small_posterior, [{"distance": 30, "years": 5, "sprained": True}])
    risk = outcomes["risk"].isel(profile=0)
    assert risk.sel(option="jumping").isnull().all()
    assert risk.sel(option=["rest", "walking"]).notnull().all()
    assert set(rm.absolute_effects(outcomes)["option"]) == {"walking"}


def test_dialysis_is_another_question(posterior):
    with pytest.raises(ParameterError, match="another estimand|recovery"):
        rm.simulate(posterior, [{"serum_creatinine": 420, "dialysis": True}])


def test_a_covariate_without_influence_is_said_only_when_stated(posterior, outcomes):
    sentence = re.compile("Age has no influence")
    without = rm.simulate(posterior, [{"serum_creatinine": 420}], case_mix=False)
    assert any(map(sentence.match, json.loads(outcomes.attrs["notes"])))
    assert not any(map(sentence.match, json.loads(without.attrs["notes"])))
    np.testing.assert_array_equal(without["risk"], outcomes["risk"])


def test_caveats_travel_with_the_result(outcomes):
    notes = " ".join(json.loads(outcomes.attrs["notes"]))
    assert "not this patient's own" in notes and "carried over" in notes


def test_a_scenario_whose_prior_was_not_sampled_is_refused(posterior):
    with pytest.raises(ParameterError) as error:
        rm.simulate(posterior, scenarios=["recalled_infection_strata"])
    assert "serious_infection_line_recalled" in found(error)["scenarios"].allowed


def test_scenarios_change_what_they_name_and_nothing_else(posterior, outcomes):
    other = rm.simulate(posterior, scenarios=["haemodialysis_catheter"], case_mix=False)
    same = ["end_stage_kidney_disease", "serious_infection", "death"]
    np.testing.assert_array_equal(
        other["risk"].sel(outcome=same), outcomes["risk"].sel(outcome=same)
    )
    clots = other["risk"].sel(outcome="catheter_thrombosis", option="plex")
    rate = posterior.draws["thrombosis_rate_haemodialysis_catheter"]
    np.testing.assert_allclose(clots.isel(profile=0), 1 - np.exp(-14 * rate), rtol=1e-12)


def test_scales_agree_where_they_were_converted_and_part_elsewhere(posterior):
    """At 17% the three kidney scales coincide in every draw; at a higher risk the odds ratio
    promises the least, the relative risk the most."""
    line = posterior.draws["eskd_line"]
    line = line.copy(data=np.stack([np.full((4, 1000), logit(0.17)), np.zeros((4, 1000))], -1))
    at_reference = Posterior(
        posterior.loaded, posterior.draws.assign(eskd_line=line), posterior.record
    )

    def kidney(source, scenario, **profile):
        risk = rm.simulate(source, scenarios=scenario, case_mix=False, gate=False, **profile)
        return risk["risk"].sel(option="plex", outcome="end_stage_kidney_disease")

    scenarios = ([], ["eskd_hazard_ratio"], ["eskd_odds_ratio"])
    one, two, three = (kidney(at_reference, s) for s in scenarios)
    np.testing.assert_allclose(one, two, rtol=1e-12)
    np.testing.assert_allclose(one, three, rtol=1e-12)
    high = {"profiles": [{"serum_creatinine": 600}]}
    rr, hr, odds = (float(kidney(posterior, s, **high).mean()) for s in scenarios)
    assert rr < hr < odds


def test_a_draw_set_aside_in_one_band_counts_in_the_others(plex_aav):
    posterior = made(plex_aav, eskd_relative_risk=relative_risk(3.5, 3.5))
    missing = band_risks(rm.simulate(posterior)).isnull().any(("option", "outcome"))
    assert missing.sum(("chain", "draw")).values.tolist() == [0, 0, 0, 2]


# --- bands, files -------------------------------------------------------------------------------


def test_band_risks_are_means_over_the_cases_of_a_band(outcomes):
    bands = band_risks(outcomes)
    assert list(bands["band"].values) == ["low", "low_moderate", "moderate_high", "high"]
    weights = outcomes["case_weight"].values
    for name in bands["band"].values:
        inside = outcomes["case_band"].values == name
        wanted = np.average(
            outcomes["case_risk"].values[:, :, inside], axis=2, weights=weights[inside]
        )
        np.testing.assert_allclose(bands.sel(band=name), wanted, rtol=1e-12)


def test_the_case_mix_is_simulated_as_patients_are(posterior, outcomes):
    values = outcomes["case_value"].values[[0, 20, 63]]
    profiles = [{"serum_creatinine": float(value)} for value in values]
    alone = rm.simulate(posterior, profiles, case_mix=False, gate=False)["risk"]
    cases = outcomes["case_risk"].isel(case=[0, 20, 63])
    np.testing.assert_array_equal(alone.values, cases.values)


def test_saved_outcomes_come_back(outcomes, tmp_path):
    save_outcomes(outcomes, tmp_path / "outcomes.nc")
    with xr.open_dataset(tmp_path / "outcomes.nc", engine="h5netcdf") as opened:
        back = opened.load()
    xr.testing.assert_equal(back, outcomes)
    assert back.attrs == outcomes.attrs
    assert loaded_problem(back) == loaded_problem(outcomes)
    assert rm.absolute_effects(back).equals(rm.absolute_effects(outcomes))
