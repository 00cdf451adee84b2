"""From a CSV file to the table, the JSON and the forest plot; and what is refused on the way."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from riskmodel.errors import ParameterError
from riskmodel.evidence.pooling import pool_effects
from riskmodel.evidence.pooling_counts import pool_counts
from riskmodel.reports.pool import run_pool

COUNTS = """\
study,events,n,events_comparator,n_comparator,note
One,4,50,9,48,open label
Two,0,40,3,41,
Three,12,120,20,118,
Four,0,22,0,25,
"""
LIMITS = """\
study,estimate,lower,upper,level,badge
One,0.62,0.39,0.98,0.95,data
Two,0.86,0.68,1.09,0.9,transported
Three,0.40,0.15,1.10,0.95,
"""
ERRORS = "study,estimate,standard_error\nOne,-0.02,0.01\nTwo,-0.05,0.02\nThree,0.01,0.03\n"


@pytest.fixture
def write(tmp_path):
    def written(text, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=100)


def printed(console):
    return console.file.getvalue()


def test_counts_are_pooled_by_the_exact_likelihood_and_shown(write, console, tmp_path):
    pool = run_pool(write(COUNTS), out=tmp_path / "out", console=console)
    wanted = pool_counts([4, 0, 12, 0], [50, 40, 120, 22], [9, 3, 20, 0], [48, 41, 118, 25])
    row = pool.summary.set_index("quantity").loc["effect"]
    assert row["median"] == pytest.approx(np.exp(wanted.effect.median()))
    assert row["lower"] == pytest.approx(np.exp(wanted.effect.interval(0.95)[0]))
    tau = pool.summary.set_index("quantity").loc["heterogeneity"]
    assert tau["median"] == pytest.approx(wanted.heterogeneity.median())  # not exponentiated
    # 4/46 over 9/39; and nothing where a count is 0.
    assert pool.studies["observed"][0] == pytest.approx((4 / 46) / (9 / 39))
    assert pool.studies["observed"].isna().tolist() == [False, True, False, True]
    text = printed(console)
    assert "0/40 v 3/41" in text and "none" in text
    assert "no continuity correction" in text
    assert "Research use; not medical advice." in text


def test_everything_is_written_and_the_points_are_what_is_drawn(write, console, tmp_path):
    out = tmp_path / "out"
    pool = run_pool(write(COUNTS), out=out, console=console)
    names = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert names == {str(path.relative_to(out)) for path in pool.files}
    figures = {f"figures/forest.{end}" for end in ("pdf", "svg", "png", "csv", "txt")}
    assert figures | {"tables/summary.csv", "tables/studies.csv", "pool.json"} <= names
    points = pd.read_csv(out / "figures" / "forest.csv", keep_default_na=False, na_values=[""])
    assert points["kind"].tolist() == ["observed", "shrunken"] * 4 + ["pooled", "predicted"]
    caption = (out / "figures" / "forest.txt").read_text()
    for words in ("binomial", "half_normal:0.5", "credible", "data.csv", "Alt text"):
        assert words in caption
    assert not list(tmp_path.glob(".out*"))


def test_ratios_with_limits_are_logged_at_their_own_level_and_that_is_said(
    write, console, tmp_path
):
    pool = run_pool(write(LIMITS), measure="hazard_ratio", out=tmp_path / "out", console=console)
    error = [
        np.log(0.98 / 0.39) / 2 / 1.959964,
        np.log(1.09 / 0.68) / 2 / 1.644854,
        np.log(1.10 / 0.15) / 2 / 1.959964,
    ]
    wanted = pool_effects(np.log([0.62, 0.86, 0.40]), error)
    row = pool.summary.set_index("quantity").loc["effect"]
    assert row["mean"] == pytest.approx(wanted.effect.mean(), abs=1e-6)
    assert row["upper"] == pytest.approx(np.exp(wanted.effect.interval(0.95)[1]), rel=1e-6)
    # Printed limits stay as printed, those of another level are brought to 95%.
    assert pool.studies["observed_lower"].tolist()[::2] == [0.39, 0.15]
    assert pool.studies["observed_lower"][1] < 0.68
    assert pool.studies["badge"].tolist() == ["data", "transported", "data"]
    assert "each hazard ratio was pooled by its logarithm" in printed(console)
    assert (tmp_path / "out" / "tables" / "leave_one_out.csv").exists()


def test_limits_without_a_level_are_asked_about_and_nothing_is_written(write, console, tmp_path):
    text = "study,estimate,lower,upper\nOne,0.6,0.4,0.9\nTwo,0.5,0.45,0.9\n"
    with pytest.raises(ParameterError, match="there is no default"):
        run_pool(write(text), out=tmp_path / "out", console=console)
    assert not (tmp_path / "out").exists()


def test_a_lopsided_estimate_is_named_by_its_line(write, console, tmp_path):
    text = "study,estimate,lower,upper,level\nOne,0.6,0.4,0.9,0.95\nTwo,0.5,0.45,0.9,0.95\n"
    pool = run_pool(write(text), out=tmp_path / "out", console=console)
    assert any(note.startswith("line 3, Two: the estimate lies off") for note in pool.notes)
    assert not any(note.startswith("line 2") for note in pool.notes)


def test_differences_stay_as_they_are(write, console, tmp_path):
    pool = run_pool(
        write(ERRORS),
        measure="risk_difference",
        tau_prior="half_normal:0.05",
        out=tmp_path / "out",
        console=console,
    )
    wanted = pool_effects([-0.02, -0.05, 0.01], [0.01, 0.02, 0.03], tau_prior="half_normal:0.05")
    row = pool.summary.set_index("quantity").loc["effect"]
    assert row["median"] == pytest.approx(wanted.effect.median())
    assert row["probability_below_no_effect"] == pytest.approx(wanted.effect.cdf(0))
    assert pool.figure.figure.axes[0].get_xscale() == "linear"


def test_json_is_all_that_is_printed(write, capsys, tmp_path):
    path = write(COUNTS)
    run_pool(path, out=tmp_path / "out", json=True)
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == "riskmodel/pool/1"
    assert data["measure"] == "odds_ratio" and data["tau_prior"] == "half_normal:0.5"
    assert [row["quantity"] for row in data["summary"]] == ["effect", "prediction", "heterogeneity"]
    assert data["studies"][1]["observed"] is None
    assert data == json.loads((tmp_path / "out" / "pool.json").read_text())


def test_the_same_file_gives_the_same_bytes(write, console, tmp_path):
    path = write(LIMITS)
    for name in "ab":
        run_pool(path, out=tmp_path / name, console=console)
    for name in ("figures/forest.png", "figures/forest.svg", "tables/summary.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_folder_with_something_in_it_is_left_alone(write, console, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(ParameterError, match="out: found"):
        run_pool(write(COUNTS), out=out, console=console)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


def test_without_a_folder_the_next_free_one_is_taken(write, console, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(LIMITS)
    for number in (1, 2):
        pool = run_pool(path, console=console)
        assert str(pool.folder) == f"runs/data-{number}"
        assert (pool.folder / "figures" / "forest.pdf").exists()


def test_marks_of_windows_are_read(write, console, tmp_path):
    text = ("\ufeff" + LIMITS.replace("\n", "\r\n")).encode()
    assert len(run_pool(write(text), out=tmp_path / "o", console=console).studies) == 3


def test_an_unknown_column_is_left_alone_and_said(write, console, tmp_path):
    text = "study,estimate,standard_error,year\nA,-0.5,0.2,1999\nB,0.6,0.2,2000\n"
    pool = run_pool(write(text), out=tmp_path / "out", console=console)
    assert "columns left alone: year" in pool.notes


def cells(*rows, header="study,estimate,lower,upper"):
    return "\n".join([header, *rows]) + "\n"


ARMS = "study,events,n,events_comparator,n_comparator"


@pytest.mark.parametrize(
    "text, line, column, words",
    [
        (cells("A,-0.48,-0.94,-0.40"), 1, 2, "not all in the middle"),
        (cells("A,0.6,0.4,0.9", "B,0.6,-0.4,0.9"), 3, 3, "a logarithm?"),
        (cells("A,0.6,0.4,0.9", "B,0.6,0.9,0.4"), 3, 3, "exchanged"),
        (cells("A,0.3,0.4,0.9"), 2, 2, "between 0.4 and 0.9"),
        (cells('A,"0,62",0.4,0.9'), 2, 2, "a decimal comma? write 0.62"),
        (cells("A,62%,0.4,0.9"), 2, 2, "divide percentages by 100"),
        (cells("A,0.6,,0.9"), 2, 3, "fill the cell"),
        (cells("A,0.6,nan,0.9"), 2, 3, "one number alone"),
        (cells("A,0.6,0.4-0.9,0.9"), 2, 3, "columns lower and upper"),
        (cells("A,0.6,0,0.9"), 2, 3, "a ratio above 0"),
        (cells("A,0.6,0.4,0.9", "A,0.6,0.4,0.9"), 3, 1, "already"),
        (cells("A,0.6,0.4,0.9,0.4"), 2, 1, "5 cells under 4 columns"),
        (cells("A,0.6,0.4,0.9,95", header="study,estimate,lower,upper,level"), 2, 5, "0.5"),
        (cells("A,0.6,0.4,0.9,dat", header="study,estimate,lower,upper,badge"), 2, 5, "'data'"),
        (cells("A,0.6,0", header="study,estimate,standard_error"), 2, 3, "above 0"),
        (cells("A,0.6,0.1", header="study,estimate,standard_eror"), 1, 3, "'standard_error'?"),
        (cells("A,0.6", header="study,estimate"), 1, 1, "add standard_error"),
        (cells("A,11,10,2,10", header=ARMS), 2, 2, "at most n, 10"),
        (cells("A,1,10,2,10", "B,1.5,10,2,10", header=ARMS), 3, 2, "weighted"),
        (cells("A,1,0,2,10", header=ARMS), 2, 3, "at least 1"),
        (cells("A;0.6", header="study;estimate"), 1, 1, "separate columns with commas"),
        ("study,estimate\n", None, None, "no study"),
        (b"study\xff", None, None, "not UTF-8"),
    ],
)
def test_bad_cells_are_named_by_line_and_column(
    write, console, tmp_path, text, line, column, words
):
    with pytest.raises(ParameterError) as caught:
        run_pool(write(text), out=tmp_path / "out", console=console)
    problem = caught.value.problems[0]
    assert (problem.line, problem.column) == (line, column)
    assert problem.file.name == "data.csv"
    assert words in str(problem)
    assert not (tmp_path / "out").exists()


def test_all_bad_cells_are_told_at_once_in_their_order(write, console, tmp_path):
    text = cells("A,0.6,x,0.9", "B,y,0.4,0.9", "C,0.6,0.4,0.9", "D,0.6,0.4,z")
    with pytest.raises(ParameterError) as caught:
        run_pool(write(text), out=tmp_path / "out", console=console)
    assert [(p.line, p.column, p.field) for p in caught.value.problems] == [
        (2, 3, "A.lower"), (3, 2, "B.estimate"), (5, 4, "D.upper"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "settings, field, words",
    [
        ({"measure": "odd_ratio"}, "measure", "did you mean 'odds_ratio'?"),
        ({"measure": "hazard_ratio"}, "measure", "counts have no time at risk"),
        ({"measure": "risk_difference"}, "tau_prior", "must name its own"),
        ({"tau_prior": "half_normal:-1"}, "tau_prior", "positive"),
        ({"prob": 95}, "prob", "divide percentages by 100"),
    ],
)
def test_words_that_are_unknown_are_refused(write, console, tmp_path, settings, field, words):
    with pytest.raises(ParameterError) as caught:
        run_pool(write(COUNTS), out=tmp_path / "out", console=console, **settings)
    assert caught.value.problems[0].field == field
    assert words in str(caught.value)


def test_a_missing_file_is_named(console, tmp_path):
    with pytest.raises(ParameterError, match="nothing.csv"):
        run_pool(tmp_path / "nothing.csv", out=tmp_path / "out", console=console)


# --- ratios or their logarithms ------------------------------------------------------------------

LOGS = "study,estimate,standard_error\nA,-0.6,0.3\nB,-0.2,0.25\nC,-0.9,0.5\n"


def test_estimates_below_0_are_taken_as_logarithms_and_that_is_said(write, console, tmp_path):
    pool = run_pool(write(LOGS), out=tmp_path / "out", console=console)
    same = pool_effects([-0.6, -0.2, -0.9], [0.3, 0.25, 0.5])
    row = pool.summary.set_index("quantity").loc["effect"]
    assert row["median"] == pytest.approx(np.exp(same.effect.median()))
    assert pool.studies["observed"].tolist() == pytest.approx(np.exp([-0.6, -0.2, -0.9]))
    assert "taken as logarithms of odds ratios (some are below 0)" in printed(console)


@pytest.mark.parametrize("scale", ["ratio", "log"])
def test_a_column_says_which_of_the_two_they_are(write, console, tmp_path, scale):
    text = "study,estimate,standard_error,scale\nA,0.6,0.3," + scale + "\nB,0.8,0.2," + scale
    pool = run_pool(write(text), out=tmp_path / "out", console=console)
    wanted = [0.6, 0.8] if scale == "ratio" else np.exp([0.6, 0.8])
    assert pool.studies["observed"].tolist() == pytest.approx(wanted)
    assert "(as the column scale says)" in printed(console)


@pytest.mark.parametrize(
    "text, measure, words",
    [
        (cells("A,0.6,0.3", header="study,estimate,standard_error"), "odds_ratio",
         "0.6 may be the ratio itself, or the logarithm of 1.82"),
        (cells("A,0.6,0.1,1.1", "B,0.8,0.2,1.4"), "odds_ratio", "are they logarithms already?"),
        (cells("A,0.6,0.3,log", "B,0.6,0.3,", header="study,estimate,standard_error,scale"),
         "hazard_ratio", "an empty cell, log"),
        (cells("A,0.6,0.3,logs", header="study,estimate,standard_error,scale"), "odds_ratio",
         "did you mean 'log'"),
        (cells("A,0.6,0.3,log", header="study,estimate,standard_error,scale"),
         "risk_difference", "leave the column out"),
    ],
)  # fmt: skip
def test_what_may_be_either_is_asked_and_not_guessed(
    write, console, tmp_path, text, measure, words
):
    with pytest.raises(ParameterError) as caught:
        run_pool(write(text), measure=measure, tau_prior="half_normal:0.5",
                 out=tmp_path / "out", console=console)  # fmt: skip
    assert words in str(caught.value)
    assert not (tmp_path / "out").exists()
