"""Each shipped problem as its user runs it: tables and figures, or why there is no contrast."""

import json
import re
import warnings

import numpy as np
import pandas as pd
import pytest

import riskmodel as rm
from riskmodel.parameters.library import load_library
from riskmodel.reports import run as run_module
from riskmodel.reports.run import run_problem

PROBLEMS = (
    "plex_aav",
    "plex_aav_lung_haemorrhage",
    "ivig_plexopathy",
    "ivig_continuation",
    "plex_ms_relapse",
    "plex_gbs",
    "mg_ivig_or_plex",
    "cidp_plex",
    "ivig_dermatomyositis",
    "pregabalin_neuropathic_pain",
    "nerve_stimulation_pain",
    "nerve_injury_timing",
    "plexus_mri",
)
NO_CONTRAST_AT_ALL = ("nerve_stimulation_pain", "nerve_injury_timing")
BENEFIT_UNKNOWN = ("ivig_plexopathy", "ivig_continuation", "pregabalin_neuropathic_pain")
VERDICTS = re.compile(r"should (not )?be (treated|given)|we recommend|do not treat|approve|deny")


def test_thirteen_problems_are_shipped():
    assert set(load_library().entries["problem"]) == set(PROBLEMS)


@pytest.fixture(scope="module")
def runs(tmp_path_factory, drawn):
    """Run a problem with exact draws in place of the sampler, which its own tests hold."""
    finished = {}

    def run(name, scenarios=()):
        key = (name, *scenarios)
        if key in finished:
            return finished[key]
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a shipped problem raises no warning
            loaded = rm.load_problem(name)
        folder = tmp_path_factory.mktemp("runs") / name
        patch = pytest.MonkeyPatch()
        if name != "plex_aav":
            patch.setattr(run_module, "fit", lambda loaded, **_: drawn(loaded))
        finished[key] = run_problem(loaded, None, folder, scenarios=scenarios, seed=7)
        patch.undo()
        return finished[key]

    return run


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBLEMS)
def test_a_run_leaves_tables_figures_and_a_report(runs, name):
    run = runs(name)
    files = {path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*.*")}
    assert {"run.json", "report.html", "tables/evidence.csv"} <= files
    assert [f for f in files if f.endswith(".pdf")] or name == "nerve_stimulation_pain"
    record = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
    assert (record["posterior"] is None) == (name in NO_CONTRAST_AT_ALL)
    if name not in NO_CONTRAST_AT_ALL:
        assert {"posterior.nc", "outcomes.nc", "tables/provenance.csv"} <= files
        assert len(run.tables["absolute_effects"]) or len(run.tables["mean_differences"])
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    own_words = page.replace("weak against", "")
    assert not VERDICTS.search(own_words)


@pytest.mark.slow
@pytest.mark.parametrize("name", NO_CONTRAST_AT_ALL)
def test_a_run_without_any_contrast_says_so_and_samples_nothing(runs, name):
    run = runs(name)
    assert run.posterior is None
    assert not (run.folder / "posterior.nc").exists()
    assert run.tables["not_estimable"]["because"].str.len().min() > 10
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "the sources allow no contrast" in page


@pytest.mark.slow
@pytest.mark.parametrize("name", BENEFIT_UNKNOWN)
def test_where_one_side_is_unknown_the_run_says_what_it_would_take(runs, name):
    run = runs(name)
    assert "net_benefit" not in run.tables
    needed = run.tables["benefit_needed"]
    assert np.isfinite(needed["needed"]).all()
    assert set(needed["outcome"]) <= set(run.tables["not_estimable"]["outcome"])


@pytest.mark.parametrize("name", PROBLEMS)
def test_infection_and_thrombosis_stand_beside_every_exchange_and_immunoglobulin(name):
    problem = load_library().records("problem")[name]
    labels = " ".join(option.label.lower() for option in problem.options.values())
    if "plasma exchange" in labels or "immunoglobulin" in labels or name == "plex_ms_relapse":
        outcomes = " ".join(outcome.label.lower() for outcome in problem.outcomes.values())
        assert "infection" in outcomes
        assert "thrombo" in outcomes


@pytest.mark.slow
def test_imaging_is_an_impact_and_never_a_benefit(runs):
    run = runs("plexus_mri")
    (row,) = run.tables["absolute_effects"].to_dict("records")
    assert np.isnan(row["prob_benefit"])
    assert row["number_needed_to_treat"] == ""
    assert run.loaded.problem.preferences is None
    assert row["risk"] == pytest.approx(0.71, abs=0.02)


@pytest.mark.slow
def test_a_figure_without_a_source_is_shown_and_enters_only_by_name(runs):
    run = runs("nerve_stimulation_pain")
    evidence = run.tables["evidence"].set_index("id")
    assert "-4.88" in evidence.loc["s000_pns_nrs_mean_difference", "printed"]
    with_it = runs("nerve_stimulation_pain", ("printed_difference",))
    (row,) = with_it.tables["mean_differences"].to_dict("records")
    assert row["mean_difference"] == pytest.approx(-4.88, abs=5 * row["monte_carlo_standard_error"])
    assert set(with_it.tables["provenance"]["badge"]) == {"assumed"}


@pytest.mark.slow
def test_a_run_prints_the_contradictions_of_what_it_uses(runs):
    table = runs("ivig_dermatomyositis").tables["contradictions"]
    said = " ".join(table["between"])
    assert "s004_tee_count" in said and "proderm_tee_overall" in said
    assert (table["resolution"] != "").all()
    record = json.loads((runs("ivig_dermatomyositis").folder / "run.json").read_text())
    assert record["contradictions"] == list(table["id"])


@pytest.mark.slow
def test_three_gates_of_one_source_are_told_apart_for_a_patient(runs):
    rules = runs("ivig_continuation").tables["rules"].set_index("rule")["applies"]
    assert rules["s004_hold_ivig_rule"] == "no"  # grade 2
    assert rules["s004_ivig_not_indicated"] == "yes"


@pytest.mark.slow
def test_windows_keep_their_numbers_and_words(runs):
    windows = pd.read_csv(runs("nerve_injury_timing").folder / "tables" / "windows.csv")
    windows = windows.set_index("id")
    assert windows.loc["s000_repair_blunt", ["from_days", "to_days"]].tolist() == [14, 28]
    assert windows.loc["s000_explore_closed", "from_days_at_latest"] == pytest.approx(152.19, 1e-4)
    assert windows.loc["s000_repair_sharp", "printed_time"] == "acute"
    assert np.isnan(windows.loc["s000_repair_sharp", "from_days"])
    assert windows.loc["nerve_repair_timing_sharp", "profiles"] is np.nan  # the patient's is blunt


@pytest.mark.slow
def test_deaths_with_lung_haemorrhage_are_the_two_groups_counted(runs):
    row = runs("plex_aav_lung_haemorrhage").tables["absolute_effects"].set_index("outcome")
    # Jeffreys means 8.5/96 and 15.5/97: a difference of -71 per 1000
    assert row.loc["death", "per_1000"] == pytest.approx(-71, abs=4)
