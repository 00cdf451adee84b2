"""Shares of variance with known answers, and what scenarios change."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy.special import expit
from scipy.stats import norm

import riskmodel as rm
from riskmodel.decisions.sensitivity import (
    BINS,
    own_baseline_table,
    scenario_table,
    share_by_badge,
    share_by_input,
)
from riskmodel.evidence.priors import LinePrior, build_priors
from riskmodel.models.events import log_odds_with_mean
from riskmodel.models.posterior import Posterior

SIZE = 40_000
# What twenty bins of equal probability keep of the variance of a normal: the means of the bins.
_EDGES = norm.pdf(norm.ppf(np.linspace(0, 1, BINS + 1)))
KEPT = BINS * np.sum(np.diff(_EDGES) ** 2)
# A share of variance from 40,000 draws has a standard error below 0.005.
TOLERANCE = 0.015


@pytest.fixture(scope="module")
def normals(plex_aav):
    """A posterior of independent standard normals in place of every input."""
    rng = np.random.default_rng(14)
    draws = {}
    for name, prior in build_priors(plex_aav).items():
        line = isinstance(prior, LinePrior)
        dims = ("chain", "draw", "coefficient") if line else ("chain", "draw")
        draws[name] = (dims, rng.normal(size=(4, SIZE // 4, *[2] * line)))
    return Posterior(plex_aav, xr.Dataset(draws), {"seed": 1})


@pytest.fixture
def shares(plex_aav, normals, hand_made):
    """Return the share of each input where the kidney risk is a known function of them."""

    def of(function):
        value = function({n: v.values.reshape(SIZE, -1) for n, v in normals.draws.items()})
        risk = np.full((SIZE, 1, 2, 4), 0.3)
        risk[:, 0, 1, 0] -= 0.001 * value
        outcomes = hand_made(plex_aav, risk, serum_creatinine=("profile", [420.0]))
        table = share_by_input(normals, outcomes, preferences="kidney_and_infection")
        return table.set_index("prior")

    return of


def test_shares_of_a_sum_are_the_shares_of_its_variances(shares):
    table = shares(lambda x: (2 * x["eskd_relative_risk"] + x["serious_infection_risk"])[:, 0])
    share = table["variance_share"]
    assert share["eskd_relative_risk"] == pytest.approx(0.8 * KEPT, abs=TOLERANCE)
    assert share["serious_infection_risk"] == pytest.approx(0.2 * KEPT, abs=TOLERANCE)
    others = share.drop(["eskd_relative_risk", "serious_infection_risk"])
    assert (others < TOLERANCE).all()
    assert list(share.index[:2]) == ["eskd_relative_risk", "serious_infection_risk"]


def test_one_input_accounts_for_all_of_itself_and_for_no_more(shares):
    share = shares(lambda x: x["death_relative_risk"][:, 0])["variance_share"]
    assert share["death_relative_risk"] == pytest.approx(KEPT, abs=0.001)


def test_interaction_is_nobodys_first_order_share(shares):
    share = shares(lambda x: (x["eskd_relative_risk"] * x["death_relative_risk"])[:, 0])
    assert (share["variance_share"] < TOLERANCE).all()


def test_a_line_counts_by_its_value_at_the_profile(shares):
    at = np.log(420 / 300)
    share = shares(lambda x: x["eskd_line"] @ np.array([1, at]))["variance_share"]
    assert share["eskd_line"] == pytest.approx(KEPT, abs=0.001)


def test_lowest_and_highest_twentieth_show_the_direction(shares):
    row = shares(lambda x: x["eskd_relative_risk"][:, 0]).loc["eskd_relative_risk"]
    edge = 0.001 * BINS * (_EDGES[1] - _EDGES[0])  # mean of the outer twentieth
    assert row["net_benefit_low"] == pytest.approx(-edge, rel=0.02)
    assert row["net_benefit_high"] == pytest.approx(edge, rel=0.02)


def test_a_constant_rests_on_nothing(shares):
    assert (shares(lambda x: np.zeros(SIZE))["variance_share"] == 0).all()


def test_shipped_shares_sum_to_at_most_one_and_by_badge(posterior, outcomes):
    table = share_by_input(posterior, outcomes)
    # Twelve shares of independent inputs, each within some 0.01 of its own.
    assert table["variance_share"].sum() <= 1.05
    by_badge = share_by_badge(table).set_index("badge")["variance_share"]
    assert by_badge.sum() == pytest.approx(table["variance_share"].sum())
    assert "eskd_later_hazard" not in set(table["prior"])


def test_later_hazards_count_at_the_later_horizon(posterior):
    later = rm.simulate(posterior, horizon="36 months", case_mix=False)
    assert "eskd_later_hazard" in set(share_by_input(posterior, later)["prior"])


def test_scenarios_stand_beside_the_run_and_leave_out_the_unverified(posterior, outcomes):
    table = scenario_table(posterior, [{"id": "reference", "serum_creatinine": 420, "age": 62}])
    as_run = rm.summarize_net_benefit(rm.net_benefit(outcomes)).iloc[0]
    first = table.iloc[0]
    assert first["changed"] == "nothing"
    for column in ("net_benefit", "lower", "upper", "prob_positive"):
        assert first[column] == as_run[column]
    names = set(table["name"])
    assert "recalled_infection_strata" not in names
    assert {"eskd_odds_ratio", "haemodialysis_catheter", "kidney_and_infection"} <= names
    same = table[table["name"] == "central_line"].iloc[0]  # as in the main analysis
    assert same["net_benefit"] == as_run["net_benefit"]
    fewer_clots = table[table["name"] == "haemodialysis_catheter"].iloc[0]
    assert fewer_clots["net_benefit"] > as_run["net_benefit"]
    less_benefit = table[table["name"] == "eskd_odds_ratio"].iloc[0]
    assert less_benefit["net_benefit"] < as_run["net_benefit"]


def test_a_scenario_that_stops_says_why(plex_aav, posterior):
    ratio = posterior.draws["serious_infection_relative_risk"] * 0 + 2.5
    risk = posterior.draws["serious_infection_risk"]
    draws = posterior.draws.assign(
        serious_infection_relative_risk=ratio,
        serious_infection_risk=risk.where(risk < 0.35, 0.45),
    )
    high = Posterior(plex_aav, draws, posterior.record)
    table = scenario_table(high, [{"serum_creatinine": 420}]).set_index("name")
    stopped = table.loc["infection_relative_risk"]
    assert "beyond a risk of 1" in stopped["stopped"] and np.isnan(stopped["net_benefit"])
    assert table.loc["infection_hazard_ratio", "stopped"] == ""


def test_own_baseline_walks_through_the_spread(posterior):
    table = own_baseline_table(posterior, [{"serum_creatinine": 420}], positions=[-1.96, 0, 1.96])
    assert list(table["position"]) == [-1.96, 0, 1.96]
    assert set(table["outcome"]) == {"serious_infection"}
    middle = log_odds_with_mean(posterior.draws["serious_infection_risk"].values, 0.6)
    wanted = [np.median(expit(middle + 0.6 * z)) for z in (-1.96, 0, 1.96)]
    np.testing.assert_allclose(table["own_baseline_risk"], wanted, rtol=1e-12)
    # A patient who is infected anyway has more to lose, at these baselines below a half.
    assert (np.diff(table["net_benefit"]) < 0).all()


def test_own_baseline_is_empty_without_a_spread(small_posterior):
    # three positions, two options that differ from the comparator
    assert len(own_baseline_table(small_posterior, [{"distance": 30, "years": 5}])) == 3 * 2
    unspread = small_posterior.loaded.problem.model_dump(by_alias=True, exclude_unset=True)
    del unspread["outcomes"]["blister"]["baseline"]["between_patient_spread"]
    loaded = replace(
        small_posterior.loaded, problem=type(small_posterior.problem).model_validate(unspread)
    )
    plain = replace(small_posterior, loaded=loaded)
    assert own_baseline_table(plain, [{"distance": 30, "years": 5}]).empty


def test_a_position_without_meaning_is_listed_with_its_reason(posterior):
    # At the upper end of the spread the baseline is near 0.5 and a relative risk above 1 passes 1
    # in more than 0.1% of draws; the other positions still have numbers.
    loaded = posterior.loaded.with_scenarios(["infection_relative_risk"])
    table = own_baseline_table(replace(posterior, loaded=loaded), [{"serum_creatinine": 420}])
    assert list(table["stopped"] == "") == [True, True, False]
    assert "beyond a risk of 1" in table["stopped"].iloc[2]
    assert table["net_benefit"].notna().tolist() == [True, True, False]
