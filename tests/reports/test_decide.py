"""A run weighed again without fitting."""

import json

import numpy as np
import pandas as pd
import pytest

import riskmodel as rm
from riskmodel.errors import ParameterError
from riskmodel.reports.decide import decide_figures, decide_report, save_decide

TABLES = {
    *("net_benefit", "break_even", "likelihood_helped_or_harmed", "acceptability"),
    *("scores", "ranks", "contributions", "central_weights", "criterion_weights"),
}


@pytest.fixture
def run(small, hand_made, tmp_path):
    """A folder as a run leaves it, with risks made by hand."""
    risk = np.random.default_rng(4).uniform(0.1, 0.5, size=(200, 2, 3, 3))
    hand_made(small, risk).to_netcdf(tmp_path / "outcomes.nc", engine="h5netcdf")
    panel = small.panels["runner"]
    record = {
        "schema": "riskmodel/run/1",
        "problem": "small",
        "inputs": {},
        "preferences": {"id": panel.id},
        "posterior": {"seed": 3, "digest": "none"},
    }
    (tmp_path / "run.json").write_text(json.dumps(record))
    return tmp_path


def test_tables_are_those_of_the_functions(run, small):
    report = decide_report(run)
    assert TABLES <= set(report.tables)
    benefit = rm.summarize_net_benefit(rm.net_benefit(report.outcomes))
    pd.testing.assert_frame_equal(report.tables["net_benefit"], benefit)
    shares = report.tables["acceptability"].groupby(["profile", "weight"])["prob_best"].sum()
    np.testing.assert_allclose(shares, 1)
    assert set(report.tables["scores"]["method"]) == {"mcda", "smaa", "smaa_ranges"}
    bounded = report.tables["criterion_weights"].query("method == 'smaa_ranges'")
    ratio = bounded.set_index("outcome")["weight"]
    assert ratio["blister"] / ratio["fall"] < 1.5  # the panel's range
    assert any("pairs" in note for note in report.record["notes"])


def test_another_panel_is_used_and_written_apart(run, small):
    panel = small.panels["runner"].model_copy(update={"id": "other", "burden": 0.02})
    report = decide_report(run, preferences=panel)
    burdened = decide_report(run).tables["net_benefit"]["net_benefit"] - 0.02
    np.testing.assert_allclose(report.tables["net_benefit"]["net_benefit"], burdened)
    written = save_decide(report)
    assert all(path.parent == run / "decide" / "other" / "tables" for path in written)
    told = json.loads((run / "decide" / "other" / "tables" / "decide.json").read_text())
    assert told["preferences"]["whose"] == "a test"
    assert TABLES <= set(told)
    assert "treat" not in " ".join(str(value) for value in told["notes"])


def test_the_same_run_gives_the_same_bytes(run, tmp_path):
    for name in ("a", "b"):
        save_decide(decide_report(run), tmp_path / name)
    first = {path.name: path.read_bytes() for path in (tmp_path / "a" / "tables").iterdir()}
    again = {path.name: path.read_bytes() for path in (tmp_path / "b" / "tables").iterdir()}
    assert first == again


def test_figures_have_captions_and_points(run):
    names = []
    for figure in decide_figures(decide_report(run)):
        names.append(figure.name)
        assert "whose: a test" in figure.caption
        assert figure.alt_text and len(figure.points)
    assert names[:3] == ["acceptability_case_0", "ranks_case_0", "contributions_case_0"]
    assert len(names) == 6


def test_what_cannot_be_weighed_is_refused(run):
    with pytest.raises(ParameterError, match="preferences"):
        decide_report(run, preferences="nobody")
    (run / "outcomes.nc").unlink()
    with pytest.raises(ParameterError, match="holds no draws"):
        decide_report(run)
    with pytest.raises(ParameterError, match="holds no run"):
        decide_report(run / "nowhere")
