"""Files found, names resolved, scenarios set."""

import pytest

from riskmodel.errors import ParameterError
from riskmodel.evidence.loading import load_problem
from riskmodel.parameters.library import (
    LoadedProblem,
    find_problem,
    load_library,
    set_at,
    shipped_folder,
)
from riskmodel.parameters.schema import Duration


def test_the_shipped_folder_is_there_with_every_kind():
    library = load_library()
    assert library.problems == []
    assert all(library.entries.values())
    assert shipped_folder() / "sources.yaml" in library.files


def test_an_unknown_problem_is_answered_with_the_nearest_id():
    with pytest.raises(ParameterError, match=r"did you mean 'plex_aav'\?"):
        find_problem("plex_av")


def test_a_file_without_a_problem_is_refused():
    with pytest.raises(ParameterError, match="name a problem file"):
        find_problem(shipped_folder() / "sources.yaml")


def test_a_missing_problem_file_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="no such file"):
        find_problem(tmp_path / "none.yaml")


def test_a_problem_reads_the_folders_beside_it_and_nothing_else(tmp_path, small_text):
    problem, evidence = small_text.split("estimates:\n")
    for folder in ("problems", "evidence", "elsewhere"):
        (tmp_path / folder).mkdir()
    (tmp_path / "problems" / "small.yaml").write_text(problem)
    (tmp_path / "evidence" / "small.yaml").write_text(
        "schema: riskmodel/evidence/1\ntopic: small\nestimates:\n" + evidence
    )
    (tmp_path / "elsewhere" / "broken.yaml").write_text("a: [")
    loaded = load_problem(tmp_path / "problems" / "small.yaml")
    assert len(loaded.estimates) == 12
    assert len(loaded.digests) == 2


def test_a_problem_of_its_own_folder_is_found_from_within_it(tmp_path, small_text, monkeypatch):
    problem, evidence = small_text.split("estimates:\n")
    (tmp_path / "problems").mkdir()
    (tmp_path / "evidence").mkdir()
    (tmp_path / "problems" / "small.yaml").write_text(problem)
    (tmp_path / "evidence" / "small.yaml").write_text(
        "schema: riskmodel/evidence/1\ntopic: small\nestimates:\n" + evidence
    )
    monkeypatch.chdir(tmp_path / "problems")
    assert load_problem("small.yaml").id == "small"


def test_every_input_has_a_digest_though_two_files_share_a_name():
    assert set(load_problem("plex_aav").digests) == {
        "sources.yaml",
        "problems/plex_aav.yaml",
        "evidence/plex_aav.yaml",
        "evidence/plex_harm.yaml",
        "preferences/panel.yaml",
    }


def test_a_loaded_problem_comes_back_from_json_the_same():
    loaded = load_problem("plex_aav").with_scenarios(["eskd_odds_ratio"])
    again = LoadedProblem.from_json(loaded.to_json())
    assert (again.problem, again.estimates, again.scenarios) == (
        loaded.problem, loaded.estimates, loaded.scenarios,
    )  # fmt: skip
    assert again.to_json() == loaded.to_json()


def test_a_scenario_changes_only_what_it_sets():
    base = load_problem("plex_aav")
    changed = base.with_scenarios(["infection_hazard_ratio"])
    effect = changed.problem.outcomes["serious_infection"].effects["plex"]
    assert effect.scale == "hazard_ratio"
    assert effect.reference_risk == 0.275
    assert base.problem.outcomes["serious_infection"].effects["plex"].scale == "odds_ratio"
    assert changed.problem.outcomes["death"] == base.problem.outcomes["death"]


def test_every_shipped_scenario_can_be_switched_on():
    base = load_problem("plex_aav")
    for name in base.problem.scenarios:
        assert base.with_scenarios([name]).scenarios == (name,)


def test_a_path_to_nowhere_is_not_made():
    for path in ("a.x.b", "a.b.c", "a.0"):
        with pytest.raises(KeyError):
            set_at({"a": {"b": 1}}, path, 2)


@pytest.mark.parametrize(
    "text, days",
    [("36 months", 1095.75), ("1 year", 365.25), (" 2weeks ", 14), ("1.5 days", 1.5)],
)
def test_a_duration_is_read_from_words(text, days):
    assert Duration.read(text).days == pytest.approx(days)


@pytest.mark.parametrize(
    "text", ["", "36", "3y", "36 Months", "1.2.3 months", ". days", "-1 year", "0 months", 36, None]
)
def test_words_that_are_no_duration_are_refused_as_typed(text):
    with pytest.raises(ParameterError) as caught:
        Duration.read(text)
    assert caught.value.problems[0].found == text
    assert "write for example 36 months" in str(caught.value)
