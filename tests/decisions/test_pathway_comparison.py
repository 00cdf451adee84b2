"""Pathways compared in the same patients: pairing, net benefit, and how surely one is best."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from riskmodel.decisions.pathway_comparison import compare_pathways
from riskmodel.errors import ParameterError
from riskmodel.evidence.policies import load_policy
from riskmodel.simulation.pathways import simulate_pathways

FILES = runpy.run_path(str(Path(__file__).parents[1] / "pathway_files.py"))
policy, prior, write = (FILES[name] for name in ("policy", "prior", "write"))


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Return two pathways that differ in nothing but which ratio their first stage has."""
    folder = tmp_path_factory.mktemp("pair")
    plain = policy(id="plain")
    quick = policy(id="quick")
    quick["stages"]["rest"]["recovery"]["hazard_ratio"]["prior"] = "quick_ratio"
    quick["priors"]["quick_ratio"] = prior("ratio", log_sd=0.3)
    del quick["priors"]["rest_ratio"]
    again = policy(id="again")
    # one file holds the judged figures; the others name them
    for data in (quick, again):
        data["estimates"] = []
    loaded = []
    for data in (plain, quick, again):
        folder.joinpath("policies").mkdir(exist_ok=True)
        write(folder / "policies", data)
    for name in ("plain", "quick", "again"):
        loaded.append(load_policy(folder / "policies" / f"{name}.yaml"))
    return loaded


def test_a_pathway_does_not_differ_from_itself(pair):
    found = compare_pathways(None, [pair[0], pair[2]], n=2000, draws=50, seed=1)
    parts = ["mean", "lower", "upper", "standard_error_patients", "standard_error_draws"]
    assert (found.differences[parts] == 0).all().all()
    assert len(found.net_benefit) == 0 and len(found.best) == 0


def test_the_same_patient_recovers_no_later_under_a_higher_ratio(pair):
    given = {"rest_ratio": 1.0, "quick_ratio": 2.0, "walk_ratio": 1.0}
    (plain, quick), _ = simulate_pathways(given, pair[:2], n=5000, draws=1, seed=1, keep="patients")
    before, after = plain.patients["recovery"], quick.patients["recovery"]
    assert (after <= before + 1e-9).all() and (after < before).mean() > 0.3
    # death is the same patient's death
    assert (plain.patients["death"] == quick.patients["death"]).all()


def test_pairing_makes_the_error_smaller_and_is_counted(pair):
    given = {"rest_ratio": 1.0, "quick_ratio": 1.2, "walk_ratio": 1.0, "death_risk": 0.1}
    found = compare_pathways(given, pair[:2], n=40_000, draws=1, seed=1)
    row = found.differences.set_index("quantity").loc["time_to_recovery"]
    plain, quick = (
        p.summary().set_index("quantity").loc["time_to_recovery"] for p in found.pathways
    )
    assert row["mean"] == pytest.approx(quick["mean"] - plain["mean"], abs=1e-3)
    apart = np.hypot(plain["standard_error_patients"], quick["standard_error_patients"])
    assert row["standard_error_patients"] < 0.5 * apart
    # and the error it states is the one that other seeds show: 20 of them know it to 16%
    means = [
        compare_pathways(given, pair[:2], n=2000, draws=1, seed=seed)
        .differences.set_index("quantity")
        .loc["time_to_recovery", "mean"]
        for seed in range(20)
    ]
    stated = row["standard_error_patients"] * np.sqrt(20)
    assert 0.5 < np.std(means, ddof=1) / stated < 1.6


def test_the_difference_is_that_of_the_closed_forms(pair):
    given = {"rest_ratio": 1.0, "quick_ratio": 3.0, "walk_ratio": 1.0, "death_risk": 0.0}
    found = compare_pathways(given, pair[:2], n=100_000, draws=1, seed=3)
    rate = np.log(2) / 60

    def restricted(first):
        early = -np.expm1(-rate * first * 30) / (rate * first)
        return early + np.exp(-rate * first * 30) * -np.expm1(-rate * 70) / rate

    row = found.differences.set_index("quantity").loc["time_to_recovery"]
    # four standard errors
    expected = restricted(3.0) - restricted(1.0)
    assert abs(row["mean"] - expected) < 4 * row["standard_error_patients"]


def test_net_benefit_is_the_weighted_difference_and_best_is_counted_by_draw(pair):
    quick = np.exp(0.3 + 0.3 * stats.norm.ppf((np.arange(200) + 0.5) / 200))
    given = {"rest_ratio": 1.0, "quick_ratio": quick, "walk_ratio": 1.0, "death_risk": 0.0}
    found = compare_pathways(
        given, pair[:2], n=200 * 500, seed=2, whose="a test",
        values={"time_in_recovered": 2.0, "death": -5.0},
    )  # fmt: skip
    differences = found.differences.set_index("quantity")["mean"]
    row = found.net_benefit.iloc[0]
    assert row["mean"] == pytest.approx(
        2 * differences["time_in_recovered"] - 5 * differences["death"]
    )
    best = found.best.set_index("pathway")
    assert best["probability_best"].sum() == pytest.approx(1)
    # quick is best where its ratio is above 1: at the normal score -1, 84.1% of the draws; the few
    # draws next to 1 may fall on either side
    assert best.loc["quick", "probability_best"] == pytest.approx(0.841, abs=0.03)
    assert 0 < best.loc["quick", "patient_noise"] < 0.2


def test_values_of_nobody_and_of_unknown_things_are_refused(pair):
    with pytest.raises(ParameterError) as caught:
        compare_pathways(None, pair[:2], n=100, seed=1, values={"deaths": 1.0, "courses": np.inf})
    fields = [problem.field for problem in caught.value.problems]
    assert fields == ["values.deaths", "values.courses", "whose"]
    assert "did you mean 'death'?" in str(caught.value)
    both = {"time_to_recovery": -1.0, "time_in_recovered": 1.0}
    with pytest.raises(ParameterError, match="weigh it once"):
        compare_pathways(None, pair[:2], n=100, seed=1, values=both, whose="a test")


def test_pathways_that_cannot_be_compared_are_refused(pair, tmp_path):
    with pytest.raises(ParameterError, match="two or more"):
        compare_pathways(None, pair[:1], n=100, seed=1)
    with pytest.raises(ParameterError, match="each pathway once"):
        compare_pathways(None, [pair[0], pair[0]], n=100, seed=1)
    other = policy(id="other")
    other["priors"]["rest_ratio"] = prior("ratio", log_sd=0.9)
    with pytest.raises(ParameterError, match="one meaning for one name"):
        compare_pathways(None, [pair[0], load_policy(write(tmp_path, other))], n=100, seed=1)
    longer = policy(id="longer", horizon={"value": 200, "unit": "day"})
    loaded = load_policy(write(tmp_path, longer))
    with pytest.raises(ParameterError, match="one horizon for all"):
        compare_pathways(None, [pair[0], loaded], n=100, seed=1)
    found = compare_pathways(None, [pair[0], loaded], n=100, seed=1, horizon="50 days")
    assert (found.differences["mean"] == 0).all()


def test_two_gates_of_one_document_agree_where_they_say_the_same():
    found = compare_pathways(
        None, ["grade_based_algorithm", "grade_or_failure_algorithm"],
        [{"id": "two", "neuropathy_grade": 2, "symptoms_progressing": True},
         {"id": "three", "neuropathy_grade": 3}],
        n=2000, draws=100, seed=1,
    )  # fmt: skip
    table = found.differences.set_index(["profile", "quantity"])
    assert (table.loc["three", ["mean", "lower", "upper"]] == 0).all().all()
    assert table.loc[("two", "courses"), "mean"] > 0.3
    assert table.loc[("two", "thromboembolism"), "mean"] > 0


def test_a_covariate_that_one_pathway_asks_about_may_be_stated_to_all(pair, tmp_path):
    asking = policy(
        id="asking",
        covariates={"pace": {"label": "Pace", "unit": "km/h", "range": [1, 30]}},
        start=[
            {"when": {"all": [{"covariate": "pace", "above": 10}]}, "stage": "walk"},
            {"stage": "rest"},
        ],
    )
    profiles = [{"id": "fast", "pace": 12}, {"id": "slow", "pace": 5}]
    loaded = load_policy(write(tmp_path, asking))
    found = compare_pathways(None, [pair[0], loaded], profiles, n=200, draws=20, seed=1)
    visits = found.pathways[1].summary().set_index(["profile", "quantity"])["mean"]
    assert visits["fast", "ever_in_rest"] == 0 and visits["slow", "ever_in_rest"] == 1
    with pytest.raises(ParameterError, match="unknown covariate"):
        compare_pathways(None, [pair[0], loaded], [{"id": "x", "shoe": 4}], n=100, seed=1)
