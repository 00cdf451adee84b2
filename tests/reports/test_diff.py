"""Two runs side by side: inputs by field, outputs by Monte Carlo error, decisions by side."""

import csv
import io
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import norm

from riskmodel.errors import ParameterError
from riskmodel.reports.diff import diff_runs, print_diff
from riskmodel.reports.diff_inputs import flat
from riskmodel.reports.diff_outputs import multiple_for, quantile_factor

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def other_seed(finish, plain_text):
    return finish(plain_text, seed=4)


@pytest.fixture(scope="module")
def other_ratio(finish, plain_text):
    """One estimate moved, and the weight of one outcome so far that the sign turns."""
    text = plain_text.replace(
        "value: 0.8, interval: {lower: 0.6, upper: 1.0667,",
        "value: 0.5, interval: {lower: 0.375, upper: 0.6667,",
    ).replace("record: {weight: 0.5}", "record: {weight: 2}")
    assert text.count("0.375") == 2  # value and printed
    return finish(text, seed=4)


def fields(told, group):
    return {row["field"]: (row["a"], row["b"]) for row in told["inputs"] if row["group"] == group}


def edited(run, tmp_path, table, change):
    """Return a copy of a run with the rows of one table changed."""
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    path = copy / "tables" / f"{table}.csv"
    with path.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    kept = [row for row in rows if change(row) is not False]
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, rows[0].keys())
        writer.writeheader()
        writer.writerows(kept)
    return copy


def test_a_run_against_itself_differs_in_nothing(finished):
    told = diff_runs(finished, finished)
    assert told["same"]
    assert not (told["inputs"] or told["decisions"] or told["missing"])
    assert not any(told["outputs"][part] for part in ("moved", "exact", "unjudged"))
    out = io.StringIO()
    print_diff(told, Console(file=out, width=200))
    assert out.getvalue().startswith("No difference between")


def test_another_seed_changes_the_seed_and_moves_nothing(finished, other_seed):
    told = diff_runs(finished, other_seed)
    assert fields(told, "computation") == {"seed": (3, 4)}
    assert {row["group"] for row in told["inputs"]} == {"computation"}
    # Of runs that differ in the seed alone one in twenty names a number; these two do not.
    assert told["outputs"]["moved"] == []
    assert told["outputs"]["method"]["numbers_compared"] > 20
    assert told["outputs"]["unjudged"]  # they do differ, beyond what is stored of their error
    assert told["outputs"]["exact"] == []
    assert not told["same"]


def test_another_estimate_and_weight_are_named_by_field_and_move_outputs(finished, other_ratio):
    told = diff_runs(finished, other_ratio)
    changed = fields(told, "problem")
    assert changed["estimates.fall_ratio.value"] == (0.8, 0.5)
    assert changed["estimates.fall_ratio.interval.lower"] == (0.6, 0.375)
    assert changed["panels.runner.weights.record.weight"] == (0.5, 2.0)
    assert fields(told, "panel") == {"weights.record.weight": (0.5, 2.0)}
    assert fields(told, "files")  # the one file, by digest
    moved = {row["id"]: row for row in told["outputs"]["moved"]}
    name = "absolute_effects/runner.walking.fall/risk_difference"
    assert moved[name]["judged_by"] == "own"
    assert moved[name]["multiple"] > told["outputs"]["method"]["multiple"]
    untouched = "absolute_effects/runner.jumping.blister/risk_difference"
    assert untouched not in moved
    assert not any("per_1000" in key or "number_needed" in key for key in moved)


def test_flipped_decisions_are_told_in_words(finished, other_ratio):
    told = diff_runs(finished, other_ratio)
    main = [flip for flip in told["decisions"] if flip["table"] == "net_benefit"]
    kinds = {(flip["kind"], flip["option"]) for flip in main}
    assert kinds == {
        ("sign", "jumping"),
        ("probability", "jumping"),
        ("largest", None),
    }, [flip["words"] for flip in main]
    sign = next(flip for flip in main if flip["kind"] == "sign")
    assert sign["a"] < 0 < sign["b"]
    assert "below zero in A" in sign["words"] and "above zero in B" in sign["words"]
    largest = next(flip for flip in main if flip["kind"] == "largest")
    assert (largest["a"], largest["b"]) == ("walking", "jumping")
    for flip in told["decisions"]:
        for word in ("should", "recommend", "approve", "treat ", "better", "worse"):
            assert word not in flip["words"]


def test_the_multiple_and_the_limits_follow_the_normal_distribution():
    for numbers in (1, 7, 300):
        assert multiple_for(numbers) == pytest.approx(norm.isf(0.025 / numbers), rel=1e-9)
    for q in (0.5, 0.1, 0.025):
        oracle = math.sqrt(q * (1 - q)) / norm.pdf(norm.ppf(q))
        assert quantile_factor(q) == pytest.approx(oracle, rel=1e-9)


def test_the_error_of_a_limit_agrees_with_repeated_sampling():
    # 4000 samples of 1000 put a relative error of about 1/sqrt(2 * 4000) = 1.1% on each standard
    # deviation, so 5% is three of the ratio's, with 1.5% left for the finite samples.
    draws = np.random.default_rng(5).normal(size=(4000, 1000))
    found = np.quantile(draws, 0.025, axis=1).std() / draws.mean(axis=1).std()
    assert found == pytest.approx(quantile_factor(0.025), rel=0.065)


def test_a_number_moves_only_beyond_the_multiple_of_the_combined_error(finished, tmp_path):
    multiple = diff_runs(finished, finished)["outputs"]["method"]["multiple"]
    for times, expected in ((0.9, False), (1.1, True)):

        def shift(row, times=times):
            if (row["option"], row["outcome"]) == ("walking", "fall"):
                error = math.hypot(*[float(row["monte_carlo_standard_error"])] * 2)
                value = float(row["risk_difference"]) + times * multiple * error
                row["risk_difference"] = f"{value:.12g}"

        copy = edited(finished, tmp_path / str(times), "absolute_effects", shift)
        moved = [
            row["id"]
            for row in diff_runs(finished, copy)["outputs"]["moved"]
            if row["judged_by"] == "own"
        ]
        name = "absolute_effects/runner.walking.fall/risk_difference"
        assert moved == ([name] if expected else [])


def test_a_number_without_monte_carlo_error_moves_at_any_difference(finished, tmp_path):
    def shift(row):
        if (row["option"], row["outcome"]) == ("walking", "record"):  # declared to have no effect
            assert float(row["monte_carlo_standard_error"]) == 0
            row["risk_difference"] = "0.001"

    told = diff_runs(finished, edited(finished, tmp_path, "absolute_effects", shift))
    (row,) = (r for r in told["outputs"]["moved"] if r["judged_by"] == "own")
    assert (row["a"], row["b"], row["multiple"]) == (0.0, 0.001, None)


def test_what_one_run_alone_has_is_listed(finished, tmp_path):
    copy = edited(finished, tmp_path, "net_benefit", lambda row: row["option"] != "jumping")
    (copy / "tables" / "provenance.csv").unlink()
    record = json.loads((copy / "run.json").read_text(encoding="utf-8"))
    record["profiles"][0]["id"] = "someone"
    (copy / "run.json").write_text(json.dumps(record), encoding="utf-8")
    missing = {(m["what"], m["name"], m["only_in"]) for m in diff_runs(finished, copy)["missing"]}
    assert missing == {
        ("profile", "runner", "a"),
        ("profile", "someone", "b"),
        ("table", "provenance", "a"),
        ("row", "net_benefit/runner.jumping", "a"),
    }


def test_a_printed_or_declared_text_differs_exactly(finished, tmp_path):
    def shift(row):
        row["printed"] = row["printed"].replace("0.8", "0.81")

    told = diff_runs(finished, edited(finished, tmp_path, "provenance", shift))
    assert [row["id"] for row in told["outputs"]["exact"]] == [
        "provenance/fall_ratio.fall_ratio/printed"
    ]


def test_lists_of_records_are_named_by_id_or_place():
    assert flat({"a": [{"id": "x", "v": 1}], "b": [{"v": 2}], "c": [1, 2], "d": {}}) == {
        "a.x.id": "x",
        "a.x.v": 1,
        "b.0.v": 2,
        "c": [1, 2],
        "d": {},
    }


def test_the_table_reads_in_a_terminal(finished, other_ratio):
    told = diff_runs(finished, other_ratio)
    json.dumps(told, allow_nan=False)
    for width in (80, 160):
        out = io.StringIO()
        print_diff(told, Console(file=out, width=width))
        text = out.getvalue()
        assert max(map(len, text.splitlines())) <= width
        for words in ("Decisions that flipped", "Inputs that changed", "Outputs that moved"):
            assert words in text
    assert "estimates.fall_ratio.value" in text
    assert "Research use; not medical advice." in text


@pytest.mark.parametrize("record", [None, "{}", '{"schema": "riskmodel/run/99", "problem": "x"}'])
def test_a_folder_that_holds_no_run_of_this_version_is_refused(finished, tmp_path, record):
    if record is not None:
        (tmp_path / "run.json").write_text(record, encoding="utf-8")
    with pytest.raises(ParameterError) as caught:
        diff_runs(finished, tmp_path)
    (problem,) = caught.value.problems
    assert problem.field == "run"
    assert problem.allowed and problem.remedy


@pytest.mark.slow
def test_it_loads_neither_sampler_nor_tables_library(finished, other_seed):
    code = (
        "import sys; from riskmodel.reports.diff import diff_runs;"
        f"diff_runs({str(finished)!r}, {str(other_seed)!r});"
        "print([m for m in ('pymc', 'pandas', 'xarray', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
