"""Everything `riskmodel check` refuses: one small file a fault, by line and field."""

import shutil
import warnings
from pathlib import Path

import pytest

from riskmodel.errors import ParameterError
from riskmodel.evidence.checks import as_panel
from riskmodel.evidence.loading import check_files, load_panel, load_problem, switch_on
from riskmodel.parameters.library import shipped_folder

BAD = Path(__file__).parent.parent / "bad_params"

FAULTS = [
    ("alias", 11, "estimates[0].horizon", "E"),
    ("another_horizon", 17, "priors.ratio.from[0]", "Q"),
    ("bands_gap", 14, "covariates.distance.bands[1].above", "E"),
    ("bands_overlap", 14, "covariates.distance.bands[1].above", "E"),
    ("bands_without_edges", 14, "covariates.distance.bands[1].above", "E"),
    ("capital_in_id", 5, "estimates[0].id", "E"),
    ("case_mix_beside_its_median", 21, "case_mix.within", "E"),
    ("certain_without_reason", 13, "outcomes.fall.baseline.because", "E"),
    ("complement_of_a_ratio", 17, "priors.ratio.complement", "E"),
    ("counts_of_a_ratio", 10, "estimates[0].counts", "E"),
    ("date", 14, "estimates[0].note", "E"),
    ("decimal_comma", 8, "estimates[0].value", "E"),
    ("declared_in_vain", 17, "priors.ratio.effective_sample_size", "E"),
    ("deep_nesting", 3, "topic", "E"),
    ("directive", 1, "", "E"),
    ("duplicate_id", 14, "estimates[1]", "E"),
    ("duplicate_key", 10, "estimates[0].value", "E"),
    ("empty", 1, "", "E"),
    ("empty_value", 10, "estimates[0].population", "E"),
    ("exclusion_by_a_number", 10, "options.walk.not_for[0].covariate", "E"),
    ("explicit_tag", 8, "estimates[0].value", "E"),
    ("fraction_of_a_person", 8, "estimates[0].counts.events", "E"),
    ("horizon_as_text", 11, "estimates[0].horizon", "E"),
    ("horizon_twice", 11, "estimates[0].horizon", "E"),
    ("interval_without_width", 9, "estimates[0].interval", "E"),
    ("judgement_without_badge", 17, "priors.ratio.badge", "E"),
    ("line_without_sample_size", 20, "priors.line.effective_sample_size", "E"),
    ("logarithm_of_zero", 9, "covariates.distance.range", "E"),
    ("missing_horizon", 5, "estimates[0].horizon", "E"),
    ("missing_level", 9, "estimates[0].interval.level", "Q"),
    ("more_events_than_people", 8, "estimates[0].counts.events", "E"),
    ("negative_ratio", 8, "estimates[0].value", "E"),
    ("nnt_below_one", 8, "estimates[0].value", "E"),
    ("nnt_without_spread", 14, "outcomes.fall.effects.walk.prior", "E"),
    ("no_locator", 12, "estimates[0].source", "E"),
    ("no_reference_risk", 14, "outcomes.fall.effects.walk", "E"),
    ("no_reference_value", 2, "reference_profile.distance", "E"),
    ("no_source", 12, "estimates[0].source", "E"),
    ("no_value", 5, "estimates[0].value", "E"),
    ("not_a_number", 8, "estimates[0].value", "E"),
    ("number_without_unit", 9, "covariates.distance.unit", "E"),
    ("octal", 14, "estimates[0].trials", "E"),
    ("only_a_list", 1, "", "E"),
    ("printed_odds_ratio_on_patients_who_differ", 14, "outcomes.fall.effects.walk", "E"),
    ("pair_better_than_one", 13, "together[0].weight", "E"),
    ("asymmetric_interval", 9, "estimates[0].interval", "W"),
    ("negative_nnt", 8, "estimates[0].value", "Q"),
    ("overlap_ring", 20, "overlap[2].outcomes", "E"),
    ("panel_of_another_problem", 21, "panels[0].weights.blister", "E"),
    ("panel_range_swapped", 21, "panels[0].weights.fall.range", "E"),
    ("panel_without_reference", 21, "panels[0].reference", "E"),
    ("percent_sign", 8, "estimates[0].value", "E"),
    ("point_outside_interval", 8, "estimates[0].value", "E"),
    ("quoted_number", 8, "estimates[0].value", "E"),
    ("rate_per_nothing", 5, "estimates[0].per", "E"),
    ("rate_without_exposure", 14, "outcomes.fall.effects.walk.exposure", "E"),
    ("ratio_as_baseline", 13, "outcomes.fall.baseline.intercept.prior", "E"),
    ("ratio_limit_zero", 9, "estimates[0].interval.lower", "E"),
    ("ratio_without_spread", 17, "priors.ratio.from[0]", "E"),
    ("risk_12", 8, "estimates[0].value", "E"),
    ("risk_limit_above_one", 9, "estimates[0].interval", "E"),
    ("scenario_of_nowhere", 23, "scenarios.other.set.outcomes.stumble.effects.walk.scale", "E"),
    ("scenario_that_does_not_fit", 23, "scenarios.other.set.outcomes.fall.effects.walk.scale", "E"),
    ("scenario_that_sets_a_prior", 23, "scenarios.other.set.priors.ratio.from", "E"),
    (
        "scenario_with_unknown_prior",
        23,
        "scenarios.other.set.outcomes.fall.effects.walk.prior",
        "E",
    ),
    (
        "scenario_without_reference_risk",
        23,
        "scenarios.other.set.outcomes.fall.effects.walk.scale",
        "E",
    ),
    ("schema_of_another_kind", 1, "schema", "E"),
    ("seen_on_no_page", 13, "estimates[0].status", "E"),
    ("seen_without_printed", 25, "estimates[0].printed", "E"),
    ("swapped_limits", 9, "estimates[0].interval", "E"),
    ("tab", 8, "", "E"),
    ("two_baselines", 13, "outcomes.fall.baseline", "E"),
    ("two_documents", 14, "", "E"),
    ("two_sources", 12, "estimates[0].source", "E"),
    ("underscore", 14, "estimates[0].participants", "E"),
    ("unknown_comparator", 7, "comparator", "E"),
    ("unknown_covariate", 15, "outcomes.fall.baseline.terms[0].covariate", "E"),
    ("unknown_estimate", 16, "priors.risk.from[0]", "E"),
    ("unknown_key", 9, "estimates[0].intervall", "E"),
    ("unknown_measure", 6, "estimates[0].measure", "E"),
    ("unknown_option", 14, "outcomes.fall.effects.wallk", "E"),
    ("unknown_outcome", 18, "preferences.reference", "E"),
    ("unknown_prior", 14, "outcomes.fall.effects.walk.prior", "E"),
    ("unknown_source", 30, "estimates[1].source.key", "E"),
    ("unverified_by_default", 17, "priors.ratio.from", "E"),
    ("value_against_counts", 8, "estimates[0].value", "E"),
    ("weight_of_undeclared_overlap", 19, "preferences.default", "E"),
    ("word_that_looks_false", 14, "estimates[0].wanted", "E"),
    ("wrong_schema", 1, "schema", "E"),
]


@pytest.mark.parametrize("name, line, field, severity", FAULTS)
def test_bad_file_is_reported_by_line_and_field(name, line, field, severity):
    problems, files = check_files([BAD / f"{name}.yaml"])
    (problem,) = problems
    assert files == 1
    assert (problem.line, problem.field, problem.severity) == (line, field, severity)
    _assert_five_parts(problem)


def _assert_five_parts(problem):
    """Hold a message to: where, which field, found, allowed, remedy; in one line."""
    place, _, words = str(problem).partition(": ")
    assert place == f"{problem.file}:{problem.line}:{problem.column}"
    if problem.severity != "E":
        assert words.startswith(f"[{problem.severity}] ")
        words = words.removeprefix(f"[{problem.severity}] ")
    assert words.startswith(f"{problem.field}: found " if problem.field else "found ")
    _, allowed, remedy = words.split("; ", 2)
    assert allowed.startswith("allowed: ") and len(allowed) > len("allowed: ")
    assert remedy == problem.remedy and remedy
    assert "\n" not in words


def test_every_bad_file_has_its_expectation():
    assert {path.stem for path in BAD.glob("*.yaml")} == {fault[0] for fault in FAULTS}


@pytest.mark.parametrize(
    "name, words",
    [
        ("unknown_key", "did you mean 'interval'?"),
        ("unknown_measure", "did you mean 'relative_risk'?"),
        ("unknown_source", "did you mean 'diary'?"),
        ("wrong_schema", "did you mean 'riskmodel/evidence/1'?"),
        ("decimal_comma", "decimal comma?"),
        ("risk_12", "divide percentages by 100"),
        ("percent_sign", "write a percentage as a number between 0 and 1"),
        ("quoted_number", "without quotes"),
        ("negative_ratio", "was a logarithm entered"),
        ("swapped_limits", "exchange the two limits"),
        ("horizon_as_text", "a mapping of value, unit"),
        ("duplicate_id", "duplicate_id.yaml:5 already; rename one"),
        ("ratio_without_spread", "a point alone is no distribution"),
        ("another_horizon", "declare `horizon: {value, unit, because}`"),
        ("tab", "indent with spaces, not tabs"),
        ("word_that_looks_false", "write true or false"),
    ],
)
def test_the_remedy_names_what_was_probably_meant(name, words):
    ((problem,), _) = check_files([BAD / f"{name}.yaml"])
    assert words in str(problem)


def test_loading_a_bad_problem_raises_what_check_reports():
    names = [name for name, *_ in FAULTS if "schema: riskmodel/problem/1" in _text(name)]
    assert len(names) > 30
    for name in names:
        problems, _ = check_files([BAD / f"{name}.yaml"])
        with pytest.raises(ParameterError) as caught:
            load_problem(BAD / f"{name}.yaml")
        assert caught.value.problems == tuple(problems), name


def _text(name):
    return (BAD / f"{name}.yaml").read_text(encoding="utf-8")


# --- the shipped library ------------------------------------------------------------------------


def test_the_shipped_library_passes_whole_and_file_by_file():
    problems, files = check_files()
    assert (problems, files) == ([], 7)
    for path in shipped_folder().rglob("*.yaml"):
        assert check_files([path]) == ([], 1), path


def test_a_copy_of_the_shipped_library_passes_and_goes_before_it(tmp_path):
    mine = tmp_path / "mine"
    shutil.copytree(shipped_folder(), mine)
    evidence = mine / "evidence" / "plex_aav.yaml"
    evidence.write_text(evidence.read_text().replace("value: 0.62", "value: 0.61"))
    assert check_files([mine])[0] == []
    loaded = load_problem(mine / "problems" / "plex_aav.yaml")
    assert loaded.estimates["rr_eskd_12m"].value == 0.61
    assert load_problem("plex_aav").estimates["rr_eskd_12m"].value == 0.62


def test_a_problem_that_fits_issues_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_problem("plex_aav").id == "plex_aav"


# --- several files ------------------------------------------------------------------------------


def test_a_folder_reports_every_fault_of_every_file_in_order(tmp_path):
    for name in ("unknown_key", "tab", "missing_level"):
        shutil.copy(BAD / f"{name}.yaml", tmp_path)
    text = _text("risk_12").replace("horizon: {value: 6", "horizon: {value: -6")
    (tmp_path / "risk_12.yaml").write_text(text.replace("    population: runners\n", ""))
    problems, files = check_files([tmp_path])
    assert files == 4
    assert [(p.file.stem, p.line) for p in problems] == [
        ("missing_level", 9),
        ("risk_12", 5),
        ("risk_12", 9),
        ("tab", 8),
        ("unknown_key", 9),
    ]


def test_a_file_named_twice_is_read_once(tmp_path):
    path = shutil.copy(BAD / "missing_level.yaml", tmp_path)
    problems, files = check_files([tmp_path, path])
    assert (len(problems), files) == (1, 1)


def test_an_empty_folder_and_a_missing_file_are_faults(tmp_path):
    for path, words in ((tmp_path, "no YAML file"), (tmp_path / "none.yaml", "no such file")):
        ((problem,), _) = check_files([path])
        assert words in str(problem)
        assert str(problem).startswith(f"{path}: found ")


# --- problems -----------------------------------------------------------------------------------


def test_a_remembered_figure_is_allowed_in_a_scenario(tmp_path):
    text = _text("unverified_by_default")
    seen = text[text.index("  - {id: ratio,") :].replace("id: ratio", "id: seen")
    text += seen.replace("status: unverified", "status: seen_primary")
    text = text.replace("prior: ratio}", "prior: seen}")
    text = text.replace("  ratio: {from", "  seen: {from: [seen]}\n  ratio: {from")
    text += (
        "scenarios:\n  recalled:\n    label: Remembered\n    because: example\n"
        "    set: {outcomes.fall.effects.walk.prior: ratio}\n"
    )
    path = tmp_path / "recalled.yaml"
    path.write_text(text)
    assert check_files([path])[0] == []
    active = switch_on(load_problem(path), ["recalled"])
    assert active.scenarios == ("recalled",)


def test_scenarios_that_do_not_fit_together_are_refused(tmp_path):
    text = _text("two_baselines").replace("intercept: {prior: risk}, ", "")
    text += (
        "scenarios:\n  measured:\n    label: Measured\n    because: example\n"
        "    set: {outcomes.fall.baseline: {intercept: {prior: risk}}}\n"
        "  fixed:\n    label: Fixed\n    because: example\n"
        "    set: {outcomes.fall.baseline.fixed_risk: 0.2}\n"
    )
    path = tmp_path / "two.yaml"
    path.write_text(text)
    loaded = load_problem(path)
    assert switch_on(loaded, ["fixed"]).problem.outcomes["fall"].baseline.fixed_risk == 0.2
    with pytest.raises(ParameterError, match="exactly one of intercept, line, fixed_risk"):
        switch_on(loaded, ["measured", "fixed"])
    assert loaded.problem.scenarios["measured"].set == {
        "outcomes.fall.baseline": {"intercept": {"prior": "risk"}}
    }


def test_an_unknown_scenario_is_answered_with_the_nearest_name():
    with pytest.raises(ParameterError, match="did you mean 'haemodialysis_catheter'?"):
        switch_on(load_problem("plex_aav"), ["hemodialysis_catheter"])


# --- panels -------------------------------------------------------------------------------------


def test_a_panel_is_found_by_name_and_read_from_a_file(tmp_path):
    loaded = load_problem("plex_aav")
    assert load_panel(loaded, None) is None
    assert as_panel(loaded, None).id == "panel"
    assert load_panel(loaded, "kidney_and_infection").id == "kidney_and_infection"
    text = (shipped_folder() / "preferences" / "panel.yaml").read_text()
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("id: panel", "id: mine"))
    assert load_panel(loaded, str(path)).id == "mine"


def test_an_unknown_panel_is_answered_with_those_known():
    with pytest.raises(ParameterError, match="did you mean 'panel'?"):
        load_panel(load_problem("plex_aav"), "pannel")


def test_a_panel_file_with_faults_is_reported_by_line(tmp_path):
    loaded = load_problem("plex_aav")
    text = (shipped_folder() / "preferences" / "panel.yaml").read_text()
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("weight: 0.3", "weight: -0.3").replace("whose:", "who:"))
    with pytest.raises(ParameterError) as caught:
        load_panel(loaded, str(path))
    assert {(p.line, p.field) for p in caught.value.problems} == {
        (2, "whose"),
        (5, "who"),
        (14, "weights.serious_infection.weight"),
    }
    text = text.split("together:")[0]
    path.write_text(text.replace("serious_infection: {", "serious_infections: {"))
    with pytest.raises(ParameterError, match="did you mean 'serious_infection'?"):
        load_panel(loaded, str(path))
    path.write_text("schema: riskmodel/sources/1\nsources: {}\n")
    with pytest.raises(ParameterError, match="no panel"):
        load_panel(loaded, str(path))
