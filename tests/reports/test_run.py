"""A run folder as its user finds it."""

import json
import re
import subprocess
import sys
import warnings

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from riskmodel.errors import ParameterError
from riskmodel.reports import run as run_module
from riskmodel.reports.figures import covariate_grid, run_figures
from riskmodel.reports.paper_figure import FORMATS, PNG_DPI, WIDTH_MM, save_figure
from riskmodel.reports.run import run_problem
from riskmodel.simulation.outcomes import simulate

pytestmark = pytest.mark.slow

PATIENT = {"id": "patient", "serum_creatinine": 420, "age": 62}
FIGURES = {"absolute_effect", "preference_curve", "decision_curve"}


@pytest.fixture(scope="module")
def finished(posterior, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "first"
    return run_problem(posterior.loaded, [PATIENT], folder, seed=7)


@pytest.fixture(scope="module")
def figures(posterior):
    outcomes = simulate(posterior, [PATIENT])
    grid = simulate(posterior, covariate_grid(posterior.loaded), case_mix=False, gate=False)
    return {figure.name: figure for figure in run_figures(outcomes, grid)}


def table(run, name):
    return pd.read_csv(run.folder / "tables" / f"{name}.csv")


@pytest.fixture(scope="module")
def over_time(posterior, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "over_time"
    return run_problem(posterior.loaded, [PATIENT], folder, seed=7, horizons="6,12,36")


def test_several_horizons_stand_side_by_side(over_time, finished):
    assert over_time.record["horizons"] == ["6 months", "12 months", "36 months"]
    assert (over_time.folder / "outcomes_over_time.nc").exists()
    horizons = table(over_time, "horizons")
    assert sorted(horizons["time"].unique()) == [6, 12, 36]
    own = horizons[horizons["time"] == 12].set_index("outcome")
    for row in table(finished, "absolute_effects").itertuples():
        assert own.loc[row.outcome, "risk_difference"] == row.risk_difference
    waning = table(over_time, "waning")
    assert set(waning["horizon"]) == {"36 months"} and waning["waning"].nunique() == 4
    text = (over_time.folder / "figures" / "risk_over_time.txt").read_text(encoding="utf-8")
    assert "6 months, 12 months, 36 months" in text and "constant hazards" in text
    points = pd.read_csv(over_time.folder / "figures" / "risk_over_time.csv")
    drawn = points[(points["option"] == "plex") & (points["time"] == 12)].set_index("outcome")
    for row in table(finished, "absolute_effects").itertuples():
        assert drawn.loc[row.outcome, "risk"] == pytest.approx(row.risk, rel=1e-7)


def test_a_horizon_that_is_not_declared_writes_nothing(posterior, tmp_path):
    with pytest.raises(ParameterError, match="an assumed baseline at 24 months"):
        run_problem(posterior.loaded, [PATIENT], tmp_path / "run", horizons="12,24")
    assert not list(tmp_path.iterdir())


def test_run_folder_holds_what_the_design_says(finished):
    files = {path.relative_to(finished.folder).as_posix() for path in finished.folder.rglob("*.*")}
    assert {"run.json", "posterior.nc", "outcomes.nc", "report.html"} <= files
    for name in FIGURES:
        for ending in (*FORMATS, "csv", "txt"):
            assert f"figures/{name}.{ending}" in files
    assert not [path for path in finished.folder.parent.iterdir() if path.name.startswith(".")]


def test_record_holds_seed_digests_versions_and_diagnostics(finished):
    record = json.loads((finished.folder / "run.json").read_text(encoding="utf-8"))
    assert record["posterior"]["seed"] == 7
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in record["inputs"].values())
    assert {"problems/plex_aav.yaml", "sources.yaml"} <= set(record["inputs"])
    assert record["posterior"]["versions"]["pymc"]
    assert record["posterior"]["divergences"] == 0
    assert all(row["r_hat"] < 1.01 for row in record["posterior"]["diagnostics"])
    assert any("not this patient's own" in note for note in record["notes"])
    assert any("Age has no influence" in note for note in record["notes"])


def test_tables_on_disk_are_the_tables_of_the_run(finished):
    for name, frame in finished.tables.items():
        read = table(finished, name)
        assert list(read.columns) == list(frame.columns)
        assert len(read) == len(frame)


def test_published_strata_stand_beside_ours_cell_by_cell(finished):
    strata = table(finished, "published_strata").set_index("band")
    assert list(strata["printed_per_1000"]) == [-0.8, -21, -46, -160]
    implied = strata["implied_untreated_risk"]
    # 0.021/0.38, 0.046/0.38, 0.16/0.38
    np.testing.assert_allclose(implied[1:], [0.0553, 0.1211, 0.4211], atol=5e-5)
    assert strata.loc["High", "printed_number_needed_to_treat"] == "NNT = 6.25"
    np.testing.assert_allclose(
        strata["model_minus_printed"],
        strata["model_per_1000"] - strata["printed_per_1000"],
        rtol=1e-6,  # the CSV keeps eight digits
    )
    assert (strata["lower"] <= strata["model_per_1000"]).all()


def test_provenance_walks_from_each_prior_to_a_locator_or_a_judge(finished):
    provenance = table(finished, "provenance").fillna("")
    for row in provenance.itertuples():
        if row.status.startswith("seen"):
            assert row.locator
            assert row.printed
        else:
            assert "judgement of" in row.source
    assert "unverified" not in set(provenance["status"])
    own = provenance.set_index("prior")
    assert own.loc["eskd_relative_risk", "printed"] == "RR 0.62 (0.39 to 0.98)"
    assert own.loc["serious_infection_risk", "badge"] == "assumed"


def test_no_output_gives_a_verdict(finished):
    texts = [finished.folder / "report.html", *finished.folder.glob("figures/*.txt")]
    verdicts = (
        r"\b(should (not )?(be treated|receive)|approved?|den(y|ied)|do not treat|recommend)\b"
    )
    for path in texts:
        text = path.read_text(encoding="utf-8")
        assert not re.search(verdicts, text, re.IGNORECASE), path.name
        assert "not medical advice" in text


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_saved_figure_has_its_size_fonts_points_and_caption(finished, name):
    folder = finished.folder / "figures"
    pixels = matplotlib.image.imread(folder / f"{name}.png").shape[1]
    assert pixels / PNG_DPI * 25.4 == pytest.approx(WIDTH_MM, abs=0.1)  # one pixel is 0.08 mm
    pdf = (folder / f"{name}.pdf").read_bytes()
    box = re.search(rb"/MediaBox \[ ?0 0 ([0-9.]+) ([0-9.]+) ?\]", pdf)
    assert float(box[1]) / 72 * 25.4 == pytest.approx(WIDTH_MM, abs=0.1)
    assert b"/FontFile2" in pdf  # TrueType, embedded
    assert b"Arimo" in pdf
    assert b"/CreationDate" not in pdf
    assert b"<text" not in (folder / f"{name}.svg").read_bytes()  # text as paths
    caption = (folder / f"{name}.txt").read_text(encoding="utf-8")
    assert "95% equal-tailed credible" in caption
    assert "4000 draws" in caption
    assert "Sources\n" in caption
    assert "Alt text\n" in caption
    assert len(pd.read_csv(folder / f"{name}.csv")) > 10


def test_points_of_a_figure_are_what_was_drawn(figures):
    figure = figures["absolute_effect"]
    ax = figure.figure.axes[0]
    drawn = {line.get_label(): line.get_ydata() for line in ax.get_lines()}
    points = figure.points[figure.points["outcome"] == "serious_infection"]
    np.testing.assert_array_equal(drawn["Serious infection"], points["per_1000"])


def test_decision_curve_says_that_it_is_no_validation(figures):
    assert "not a validation" in figures["decision_curve"].caption
    assert "Model-expected net benefit" in figures["decision_curve"].figure.get_supylabel()


def test_same_run_saves_the_same_bytes(posterior, tmp_path):
    def saved(folder):
        outcomes = simulate(posterior, [PATIENT])
        figures = {figure.name: figure for figure in run_figures(outcomes, None)}
        return [path.read_bytes() for path in save_figure(figures["preference_curve"], folder)]

    assert saved(tmp_path / "a") == saved(tmp_path / "b")


def test_failing_run_leaves_nothing_behind(posterior, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_module, "write_report", fail)
    with pytest.raises(OSError, match="No space left"):
        run_problem(posterior.loaded, [PATIENT], tmp_path / "run", seed=7)
    assert list(tmp_path.iterdir()) == []


def test_failing_run_keeps_the_earlier_one(finished, posterior, monkeypatch):
    before = (finished.folder / "run.json").read_bytes()
    monkeypatch.setattr(run_module, "write_report", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_problem(posterior.loaded, [PATIENT], finished.folder, seed=7, force=True)
    assert (finished.folder / "run.json").read_bytes() == before


def test_folder_of_another_run_needs_force(finished, posterior):
    with pytest.raises(ParameterError, match="--force"):
        run_problem(posterior.loaded, [PATIENT], finished.folder, seed=7)


def test_later_horizon_runs_under_four_scenarios(posterior, tmp_path):
    run = run_problem(posterior.loaded, [PATIENT], tmp_path / "late", seed=7, horizon="36 months")
    waning = run.tables["waning"]
    eskd = waning[waning["outcome"] == "end_stage_kidney_disease"].set_index("waning")
    assert list(eskd.index) == ["held", "waning", "lost", "caught_up"]
    difference = eskd["risk_difference"]
    assert difference["held"] < difference["waning"] < difference["lost"] < 0
    assert difference["caught_up"] == pytest.approx(0, abs=1e-12)
    assert (waning["horizon"] == "36 months").all()


def test_several_patients_get_a_row_and_a_preference_curve_each(posterior, tmp_path):
    patients = [
        {"id": "a", "serum_creatinine": 250},
        {"id": "b", "serum_creatinine": 600},
        {"id": "c", "serum_creatinine": 420, "active_infection": True},
    ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = run_problem(posterior.loaded, patients, tmp_path / "three", seed=7)
    assert any("no benefit is computed" in str(w.message) for w in caught)
    assert set(run.tables["net_benefit"]["profile"]) == {"a", "b"}
    assert list(run.tables["not_applicable"]["profile"]) == ["c"]
    names = {path.stem for path in (run.folder / "figures").glob("*.pdf")}
    assert {"preference_curve_a", "preference_curve_b"} <= names
    assert "preference_curve_c" not in names
    beyond = next(p for p in run.record["profiles"] if p["id"] == "b")
    assert any("extrapolation" in note for note in beyond["notes"])


def test_second_run_samples_nothing_and_loads_neither_pymc_nor_arviz(finished, tmp_path):
    code = f"""
import sys
from riskmodel.cli import main
assert main(["run", "plex_aav", "--profile", "serum_creatinine=310", "--seed", "7",
             "--out", {str(tmp_path / "second")!r}, "--quiet"]) == 0
heavy = {{"pymc", "arviz", "pytensor", "nutpie", "numba"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "second" / "run.json").read_text(encoding="utf-8"))
    assert record["posterior"]["reused"] is True
