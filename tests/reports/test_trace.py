"""From a number in a run's output back to the page it was printed on."""

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from riskmodel.errors import ParameterError
from riskmodel.parameters.library import load_library, resolve
from riskmodel.reports import run as run_module
from riskmodel.reports.formulas import _EFFECTS, LABELS, PAGE, TABLES, card_of
from riskmodel.reports.run import run_problem
from riskmodel.reports.trace import RunFolder, list_ids, print_ids, print_trace, trace

ROOT = Path(__file__).resolve().parents[2]
DIFFERENCE = "absolute_effects/patient.plex.end_stage_kidney_disease/risk_difference"


# --- the registry -------------------------------------------------------------------------------


def test_every_formula_names_a_heading_of_the_page():
    headings = [
        line.removeprefix("## ").split(" (")[0]
        for line in (ROOT / PAGE).read_text(encoding="utf-8").splitlines()
        if line.startswith("## ")
    ]
    for card in TABLES.values():
        for formula in card.columns.values():
            assert formula.section in headings
            assert formula.words and formula.symbols


def test_the_symbols_of_effects_are_those_of_the_page():
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    for scale in ("relative_risk", "odds_ratio", "hazard_ratio", "risk_difference", "added_rate"):
        _, symbols = _EFFECTS[scale].split(" = ", 1)
        assert f"| `{scale}` | `{symbols}` |" in page


def test_an_unknown_table_is_named_by_the_columns_that_name_rows_elsewhere():
    assert card_of("new", ["profile", "x", "outcome"]).keys == ("profile", "outcome")
    assert card_of("new", ["x", "y"]).keys == ("x",)


# --- runs ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(posterior, small_posterior, tmp_path_factory):
    """Runs without figures: the shipped problem, at its horizon and later, and two others."""
    folder = tmp_path_factory.mktemp("runs")
    library = load_library()
    drawless = resolve(library, library.entries["problem"]["nerve_injury_timing"])
    patient = {"id": "patient", "serum_creatinine": 420, "age": 62}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "run_figures", lambda *_, **__: iter(()))
        run_problem(posterior.loaded, [patient], folder / "plex", seed=7)
        run_problem(posterior.loaded, [patient], folder / "late", seed=7, horizon="36 months")
        patch.setattr(run_module, "time_figures", lambda *_, **__: iter(()))
        run_problem(posterior.loaded, [patient], folder / "several", seed=7, horizons="6,12,36")
        run_problem(
            small_posterior.loaded, [{"id": "Ann.B/c", "distance": 40, "years": 3}],
            folder / "small", seed=11,
        )  # fmt: skip
        run_problem(drawless, None, folder / "drawless")
    return folder


def ids_of(run):
    for table in list_ids(run)["tables"]:
        listed = list_ids(run, table["table"])
        for row in listed["rows"]:
            for column in listed["columns"]:
                yield f"{table['table']}/{row}/{column}"


@pytest.mark.slow
def test_a_risk_difference_leads_back_to_locators_and_addresses(runs):
    traced = trace(runs / "plex", DIFFERENCE)
    with (runs / "plex" / "tables" / "absolute_effects.csv").open(encoding="utf-8") as text:
        row = next(r for r in csv.DictReader(text) if r["outcome"] == "end_stage_kidney_disease")
    assert traced["stored"] == row["risk_difference"]
    assert traced["formula"]["symbols"] == "median(p1 - p0)"
    assert traced["formula"]["section"] == "docs/model.md, An event by the horizon"
    assert traced["patient"]["values"]["serum_creatinine"] == 420
    baseline, effect = traced["quantities"]
    assert (baseline["role"], effect["role"]) == ("baseline", "effect")
    assert effect["formula"] == "p1 = p0 RR"
    (prior,) = effect["priors"]
    assert (prior["id"], prior["badge"]) == ("eskd_relative_risk", "data")
    assert prior["distribution"] == "LogNormal(-0.478, 0.2351)"
    (estimate,) = prior["estimates"]
    assert estimate["printed"] == "RR 0.62 (0.39 to 0.98)"
    assert estimate["source"]["locator"] == "abstract, results"
    assert estimate["source"]["doi"] == "10.1136/bmj-2021-064604"
    assert len(baseline["priors"][0]["estimates"]) == 3
    told = {conflict["id"]: conflict["resolution"] for conflict in traced["contradictions"]}
    assert "c10" in told


@pytest.mark.slow
def test_it_is_computed_again_from_the_draws_and_agrees(runs):
    draws = trace(runs / "plex", DIFFERENCE)["draws"]
    assert draws["computed_again"] == pytest.approx(
        trace(runs / "plex", DIFFERENCE)["value"], rel=1e-6
    )
    assert (draws["agrees"], draws["seed"], draws["draws"]) == (True, 7, 4000)


@pytest.mark.slow
def test_a_table_that_was_changed_by_hand_does_not_agree_with_its_draws(runs, tmp_path):
    shutil.copytree(runs / "plex", tmp_path / "changed")
    path = tmp_path / "changed" / "tables" / "absolute_effects.csv"
    stored = trace(runs / "plex", DIFFERENCE)["stored"]
    path.write_text(path.read_text(encoding="utf-8").replace(stored, "-0.2"), encoding="utf-8")
    assert trace(tmp_path / "changed", DIFFERENCE)["draws"]["agrees"] is False


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plex", "late", "several", "small", "drawless"])
def test_every_number_of_a_run_can_be_traced(runs, name):
    covariates = {"distance", "serum_creatinine"}  # where a risk was stated
    count, run = 0, RunFolder.open(runs / name)
    for number in ids_of(run):
        traced = trace(run, number)
        json.dumps(traced, allow_nan=False)
        assert traced["table"] in TABLES, f"{traced['table']}: add a card to formulas.py"
        computed = traced["value"] is not None and traced["column"] not in (
            {*LABELS, "printed"} | covariates
        )
        if computed:
            assert traced["formula"]["symbols"], f"{number}: add a formula to formulas.py"
        assert traced.get("draws", {}).get("agrees", True), number
        count += 1
    assert count > (20 if name == "drawless" else 200)


@pytest.mark.slow
def test_net_benefit_rests_on_every_weighed_outcome_and_the_weights(runs):
    traced = trace(runs / "plex", "net_benefit/patient.plex/net_benefit")
    assert traced["weights"]["panel"] == "panel"
    effects = [part["outcome"] for part in traced["quantities"] if part["role"] == "effect"]
    assert effects == list(traced["weights"]["weights"])
    assert [p["role"] for p in traced["quantities"]].count("overlap") == 2


@pytest.mark.slow
def test_another_panels_row_shows_that_panels_weights(runs):
    traced = trace(runs / "plex", "scenarios/panel.kidney_and_infection.patient.plex/net_benefit")
    assert traced["weights"]["panel"] == "kidney_and_infection"


@pytest.mark.slow
def test_a_scenarios_row_rests_on_the_priors_of_that_scenario(runs):
    def priors(row):
        traced = trace(runs / "plex", f"scenarios/{row}.patient.plex/net_benefit")
        return {prior["id"] for part in traced["quantities"] for prior in part["priors"]}

    assert "thrombosis_rate_central_line" in priors("nothing")
    assert "thrombosis_rate_haemodialysis_catheter" in priors("scenario.haemodialysis_catheter")


@pytest.mark.slow
def test_a_printed_number_of_a_band_leads_to_its_own_page(runs):
    traced = trace(runs / "plex", "published_strata/Low/printed_per_1000")
    (part,) = traced["quantities"]
    assert [estimate["id"] for estimate in part["estimates"]] == ["ard_eskd_12m_low"]


@pytest.mark.slow
def test_a_later_horizon_brings_its_assumed_hazard_and_how_the_effect_goes_on(runs):
    row = "waning/lost.36 months.patient.plex.end_stage_kidney_disease/risk_difference"
    baseline, effect = trace(runs / "late", row)["quantities"]
    assert [prior["id"] for prior in baseline["priors"]] == ["eskd_line", "eskd_later_hazard"]
    assert "H1(late) = H1 + H0 g" in effect["formula"]
    (judged,) = baseline["priors"][1]["estimates"]
    assert judged["source"]["judgement"]["whose"] == "the maintainers of riskmodel"


@pytest.mark.slow
def test_each_of_several_horizons_brings_its_own_assumed_hazard(runs):
    def priors(time):
        row = f"restricted_means/patient.plex.death.{time}/restricted_mean_difference"
        baseline, effect = trace(runs / "several", row)["quantities"]
        return [prior["id"] for prior in baseline["priors"]], effect["formula"]

    named, formula = priors(6)
    assert named == ["death_risk_lung_haemorrhage", "death_second_half_hazard"]
    assert "late" not in formula
    named, formula = priors(36)
    assert named == ["death_risk_lung_haemorrhage", "death_later_hazard"]
    assert "HR^(2^(-t / half-life))" in formula
    assert priors(12)[0] == ["death_risk_lung_haemorrhage"]


@pytest.mark.slow
def test_a_composite_rests_on_its_outcomes_and_their_overlap(runs):
    row = "composites/patient.plex.kidney_failure_or_death/risk"
    roles = [part["role"] for part in trace(runs / "plex", row)["quantities"]]
    assert roles == ["baseline", "effect", "baseline", "effect", "overlap"]


@pytest.mark.slow
def test_names_with_dots_and_slashes_are_found(runs):
    traced = trace(runs / "small", "absolute_effects/Ann.B/c.walking.fall/risk")
    assert traced["row"] == {"profile": "Ann.B/c", "option": "walking", "outcome": "fall"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "number, words",
    [
        ("absolute_effect/x/risk", "did you mean 'absolute_effects'?"),
        ("absolute_effects/patient.plex.deth/risk", "did you mean 'patient.plex.death'?"),
        ("absolute_effects/patient.plex.death/rik", "did you mean 'risk'?"),
        ("absolute_effects/risk", "allowed: table/row-key/column"),
    ],
)
def test_what_is_not_there_is_answered_with_what_there_is(runs, number, words):
    with pytest.raises(ParameterError) as caught:
        trace(runs / "plex", number)
    assert words in str(caught.value)


@pytest.mark.slow
def test_a_trace_and_a_list_can_be_read_in_a_terminal(runs):
    out = io.StringIO()
    console = Console(file=out, width=80)
    print_trace(trace(runs / "plex", DIFFERENCE), console)
    print_ids(list_ids(runs / "plex"), console)
    print_ids(list_ids(runs / "plex", "net_benefit"), console)
    text = out.getvalue()
    for words in (
        f"{DIFFERENCE} = ",
        "computed again from them",
        "(agrees)",
        "prior eskd_relative_risk [data]",
        "walsh2022, abstract, results",
        "doi:10.1136/bmj-2021-064604",
        "absolute_effects/profile.option.outcome/COLUMN",
        "net_benefit/patient.plex/COLUMN",
    ):
        assert words in text


@pytest.mark.slow
def test_a_trace_loads_no_sampler_and_no_tables_library(runs):
    code = (
        "import sys; from riskmodel.cli import main;"
        f"assert main(['trace', {str(runs / 'plex')!r}, {DIFFERENCE!r}, '--json']) == 0;"
        "print([m for m in ('pymc', 'pandas', 'xarray', 'matplotlib') if m in sys.modules],"
        "file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.splitlines()[-1:]) == (0, ["[]"]), done.stderr
    assert json.loads(done.stdout)["id"] == DIFFERENCE


def test_a_folder_without_a_run_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(ParameterError, match="which holds no run"):
            list_ids(folder)
    (tmp_path / "run.json").write_text('{"schema": "something/1"}')
    with pytest.raises(ParameterError, match="which holds no run"):
        trace(tmp_path, DIFFERENCE)
