"""Decision curves of a file: what is read, what is written, and what is refused by name."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest

from riskmodel.decisions.classic_decision_curve import decision_curve
from riskmodel.errors import ParameterError, RiskModelWarning
from riskmodel.reports.curve import curve_figures, curve_report, read_range, save_curve


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    risk = rng.beta(1, 3, 200)
    return pd.DataFrame(
        {
            "event": (rng.random(200) < risk).astype(int),
            "model": risk.round(3),
            "marker": np.clip(risk + 0.1 * rng.normal(size=200), 0, 1).round(3),
            "arm": np.where(rng.random(200) < 0.5, "new", "old"),
            "years": rng.uniform(1, 5, 200).round(2),
            "remark": "never read",
        }
    )


@pytest.fixture
def path(data, tmp_path):
    path = tmp_path / "patients.csv"
    data.to_csv(path, index=False)
    return path


def test_thresholds_are_read_with_both_ends_and_without_rounding_dust():
    assert read_range("0.05:0.35:0.05") == [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35]
    assert read_range("0.3") == [0.3]
    assert len(read_range("0.01:0.99:0.01")) == 99


@pytest.mark.parametrize("text", ["", "a", "0.1:0.2", "0.3:0.1:0.1", "0:1:0", "0:1:0.00001"])
def test_thresholds_that_cannot_be_read_are_refused(text):
    with pytest.raises(ParameterError, match="0.05:0.35:0.01"):
        read_range(text)


def test_a_report_is_the_curve_of_the_file_and_records_what_was_asked(path, data):
    report = curve_report(path, "event", ["model", "marker"], "0.1:0.4:0.1", draws=200, seed=3)
    grid = [0.1, 0.2, 0.3, 0.4]
    wanted = decision_curve(data, "event", ["model", "marker"], grid, draws=200, seed=3)
    pd.testing.assert_frame_equal(report.curve, wanted)
    assert set(report.difference["strategy"]) == {"model", "marker", "treat all"}
    record = report.record
    assert (record["seed"], record["draws"], record["patients"]) == (3, 200, 200)
    assert record["file"] == "patients.csv" and len(record["sha256"]) == 64
    assert record["thresholds"] == {"lowest": 0.1, "highest": 0.4, "number": 4}


def test_a_seed_that_was_drawn_serves_curve_and_differences_and_is_said_once(path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        report = curve_report(path, "event", ["model"], "0.2", draws=200)
    assert len([w for w in caught if "seed" in str(w.message)]) == 1
    assert report.record["seed"] is not None
    row = report.curve.iloc[0]
    pair = report.difference[report.difference["versus"] == "treat none"].iloc[0]
    assert pair["lower"] == pytest.approx(row["lower"], abs=1e-12)


def test_tables_record_and_figures_are_written(path, tmp_path):
    report = curve_report(path, "event", ["model"], "0.1,0.2,0.3", draws=200, seed=1)
    paths = save_curve(report, tmp_path / "out", figures=True)
    names = {p.name for p in paths}
    assert {"curve.csv", "curve.json", "difference.csv"} <= names
    for stem in ("decision_curve", "difference_curve"):
        assert {f"{stem}.{end}" for end in ("pdf", "svg", "png", "csv", "txt")} <= names
    assert all(p.exists() for p in paths) and not list((tmp_path / "out").glob(".*"))
    back = pd.read_csv(tmp_path / "out" / "curve.csv")
    np.testing.assert_allclose(back["net_benefit"], report.curve["net_benefit"], rtol=1e-9)
    read = json.loads((tmp_path / "out" / "curve.json").read_text())
    assert read["schema"] == "riskmodel/curve/1" and len(read["curve"]) == 9
    useful = [row["prob_useful"] for row in read["curve"] if row["strategy"] == "treat all"]
    assert useful == [None] * 3
    text = (tmp_path / "out" / "figures" / "decision_curve.txt").read_text()
    assert "seed 1" in text and "Research use" in text


def test_points_alone_and_follow_up_are_reported(path):
    report = curve_report(
        path, "event", ["model"], "0.1,0.2", draws=None, time=2, time_to_event="years"
    )
    assert report.record["seed"] is None
    (first, _) = curve_figures(report)
    assert "by 2, Kaplan-Meier" in first.caption and "Point estimates" in first.caption


def test_a_trials_file_gives_the_curve_of_whom_to_treat(path, tmp_path):
    report = curve_report(
        path, "event", ["model"], "0:0.1:0.02", arm="arm", treated="new", draws=200, seed=1
    )
    assert report.trial and "share_treated" in report.curve and report.difference.empty
    names = {p.name for p in save_curve(report, tmp_path / "trial")}
    assert names == {"curve.csv", "curve.json"}
    (figure,) = curve_figures(report)
    assert "trial data" in figure.caption


def test_the_treated_arm_may_be_a_number_that_was_typed(data, tmp_path):
    path = tmp_path / "numbers.csv"
    data.assign(arm=(data["arm"] == "new") * 1.0).to_csv(path, index=False)
    for treated in ("1", None):
        report = curve_report(
            path, "event", ["model"], "0.1", arm="arm", treated=treated, draws=None
        )
        assert report.curve["share_congruent"].between(0, 1).all()


@pytest.mark.parametrize(
    "arguments, keywords, words",
    [
        (("evnt", ["model"], "0.1"), {}, "did you mean 'event'"),
        (("event", ["modle"], "0.1"), {}, "did you mean 'model'"),
        (("event", ["remark"], "0.1"), {}, "numbers"),
        (("event", ["model"], "0.1"), {"treated": "new"}, "only with arm"),
        (("event", ["model"], "0.1"), {"arm": "arm", "prevalence": 0.1}, "nothing with arm"),
        (("event", ["model"], "10"), {}, "divide percentages"),
    ],
)
def test_what_is_wrong_is_said_with_the_name_of_the_file(path, arguments, keywords, words):
    with pytest.raises(ParameterError, match=words) as caught:
        curve_report(path, *arguments, seed=1, **keywords)
    assert str(caught.value).startswith(str(path))


def test_an_empty_file_a_missing_one_and_a_taken_place_are_refused(path, tmp_path):
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    with pytest.raises(ParameterError, match="line of column names"):
        curve_report(empty, "event", ["model"], "0.1")
    with pytest.raises(FileNotFoundError):
        curve_report(tmp_path / "none.csv", "event", ["model"], "0.1")
    report = curve_report(path, "event", ["model"], "0.1", draws=None)
    with pytest.raises(ParameterError, match="a folder"):
        save_curve(report, path)


def test_doubts_are_said_and_kept_in_the_record(path):
    with pytest.warns(RiskModelWarning, match="whole range"):
        report = curve_report(path, "event", ["model"], "0.01:0.99:0.01", draws=None)
    assert "whole range" in report.record["warnings"][0]
