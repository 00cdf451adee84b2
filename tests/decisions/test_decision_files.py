"""Files of thresholds and recommendations: what they may say, and what they turn into."""

import numpy as np
import pandas as pd
import pytest

from riskmodel import ParameterError, cli, magnitude, revealed_threshold
from riskmodel.decisions.decision_files import read_recommendation, read_thresholds

THRESHOLDS = """\
schema: riskmodel/thresholds/1
id: example_sizes
label: An example
locked: "2026-01-31"
whose: an example
why: to show the format
status: judgement
outcomes:
  fall: {small: 5, moderate: 20, large: 50}
"""
RECOMMENDATION = """\
schema: riskmodel/recommendation/1
id: example
label: An example
problem: some_problem
option: drug
strata: {low: against, high: for}
source: {key: zeng2022, locator: "an example"}
status: unverified
"""


def written(tmp_path, text, name="file.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_thresholds_of_a_file_size_effects(tmp_path):
    path = written(tmp_path, THRESHOLDS)
    assert read_thresholds(path).outcomes["fall"].cuts == (5, 20, 50)
    draws = {"fall": [-0.001, -0.01, -0.03, 0.06]}
    row = magnitude(draws, path).iloc[0]
    assert (
        row[["trivial", "small_benefit", "moderate_benefit", "large_harm"]].tolist() == [0.25] * 4
    )
    assert (row["locked"], row["whose"]) == ("2026-01-31", "an example")


@pytest.mark.parametrize(
    "old, new, line, field",
    [
        ('"2026-01-31"', '"2999-01-31"', 4, "locked"),
        ('"2026-01-31"', "soon", 4, "locked"),
        ('locked: "2026-01-31"\n', "", 1, "locked"),
        ("whose: an example\n", "", 1, "whose"),
        ("small: 5", "small: 25", 9, "outcomes.fall"),
        ("large: 50", "large: 5000", 9, "outcomes.fall.large"),
        ("large: 50", "huge: 50", 9, "outcomes.fall.huge"),
        ("small: 5", "small: -5", 9, "outcomes.fall.small"),
        ("riskmodel/thresholds/1", "riskmodel/threshold/1", 1, "schema"),
    ],
)
def test_a_faulty_file_of_thresholds_is_refused_by_place(tmp_path, old, new, line, field):
    assert old in THRESHOLDS
    path = written(tmp_path, THRESHOLDS.replace(old, new))
    with pytest.raises(ParameterError) as caught:
        magnitude({"fall": [0.1]}, path)
    found = {problem.field: problem for problem in caught.value.problems}
    assert found[field].line == line
    assert found[field].allowed and found[field].remedy


def test_the_command_check_reads_both_kinds(tmp_path, capsys):
    good = [written(tmp_path, THRESHOLDS, "a.yaml"), written(tmp_path, RECOMMENDATION, "b.yaml")]
    assert cli.main(["check", *map(str, good)]) == 0
    bad = written(tmp_path, RECOMMENDATION.replace("for}", "in favour}"), "c.yaml")
    capsys.readouterr()
    assert cli.main(["check", str(bad)]) == 1
    assert "c.yaml:6:30: strata.high" in capsys.readouterr().out


def test_a_recommendation_of_a_file_implies_weights(tmp_path):
    table = pd.DataFrame(
        {"stratum": ["low", "high"], "benefit": [0.02, 0.16], "harm": [0.08, 0.10]}
    )
    found = revealed_threshold(written(tmp_path, RECOMMENDATION), table)
    assert found.iloc[-1][["lower", "upper"]].tolist() == pytest.approx([0.25, 1.6])


@pytest.mark.parametrize(
    "text, field",
    [
        (RECOMMENDATION.replace("zeng2022", "nobody_at_all"), "source.key"),
        (RECOMMENDATION.replace("for}", "maybe}"), "strata.high"),
        (THRESHOLDS, "schema"),
    ],
)
def test_a_faulty_recommendation_is_refused(tmp_path, text, field):
    with pytest.raises(ParameterError) as caught:
        read_recommendation(written(tmp_path, text))
    (problem,) = caught.value.problems
    assert (problem.field, problem.line is not None) == (field, True)


def test_an_unknown_recommendation_is_answered_with_the_shipped_ones():
    with pytest.raises(ParameterError) as caught:
        read_recommendation("plex_aav_guidline")
    assert "plex_aav_guideline" in str(caught.value)


def test_the_shipped_recommendation_names_bands_of_its_problem(plex_aav):
    shipped = read_recommendation("plex_aav_guideline")
    problem = plex_aav.problem
    assert shipped.problem == problem.id and shipped.option in problem.alternatives
    bands = problem.covariates[problem.case_mix.covariate].bands
    assert list(shipped.strata) == [band.id for band in bands]


def test_of_outcomes_horizon_and_problem_must_be_theirs(small, hand_made, tmp_path):
    outcomes = hand_made(small, np.full((4, 1, 3, 3), 0.1))
    text = THRESHOLDS.replace("fall:", "blister:")
    assert len(magnitude(outcomes, written(tmp_path, text)))
    other = text.replace("outcomes:", "horizon: {value: 7, unit: week}\noutcomes:")
    with pytest.raises(ParameterError, match="horizon"):
        magnitude(outcomes, written(tmp_path, other))
    with pytest.raises(ParameterError, match="recommendation.problem"):
        revealed_threshold(written(tmp_path, RECOMMENDATION), outcomes)
