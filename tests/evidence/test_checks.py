"""Everything `riskmodel check` refuses: one small file a fault, by line and field."""

import shutil
import warnings
from pathlib import Path

import pytest

from riskmodel.errors import ParameterError, RiskModelWarning
from riskmodel.evidence.checks import as_panel, jeffreys_limit
from riskmodel.evidence.loading import check_files, load_panel, load_problem, switch_on
from riskmodel.parameters.library import parameter_files, shipped_folder

BAD = Path(__file__).parent.parent / "bad_params"


FAULTS = [
    ("alias", 11, "estimates[0].horizon", "E"),
    ("another_horizon", 17, "priors.ratio.from[0]", "Q"),
    ("another_kind", 9, "estimates[0].interval.kind", "W"),
    ("another_level", 9, "estimates[0].interval.level", "W"),
    ("answer_to_no_question", 9, "rules[0].resolution.meaning", "E"),
    ("asymmetric_interval", 9, "estimates[0].interval", "W"),
    ("bands_gap", 14, "covariates.distance.bands[1].above", "E"),
    ("bands_overlap", 14, "covariates.distance.bands[1].above", "E"),
    ("bands_without_edges", 14, "covariates.distance.bands[1].above", "E"),
    ("benefit_and_harm_at_other_times", 27, "published_strata.rows[0].risk_difference", "Q"),
    ("benefit_and_harm_of_other_patients", 20, "priors.harm.from[0]", "Q"),
    ("boolean_as_id", 5, "estimates[0].id", "E"),
    ("bracket_numbers", 12, "estimates[0].source.locator", "E"),
    ("capital_in_id", 5, "estimates[0].id", "E"),
    ("case_mix_beside_its_median", 21, "case_mix.within", "E"),
    ("certain_without_reason", 13, "outcomes.fall.baseline.because", "E"),
    ("clause_of_nobody", 8, "rules[0].when.any[0]", "E"),
    ("clause_of_nothing", 8, "rules[0].when.all[0]", "E"),
    ("clock_time", 8, "estimates[0].value", "E"),
    ("competing_in_a_chain", 13, "outcomes.fall.competing", "E"),
    ("competing_with_itself", 13, "outcomes.fall.competing", "E"),
    ("complement_of_a_ratio", 17, "priors.ratio.complement", "E"),
    ("composite_as_component", 17, "priors.ratio.from[0]", "E"),
    ("composite_of_one_outcome_twice", 18, "composites.any.of", "E"),
    ("composite_of_opposites", 18, "composites.any.of", "E"),
    ("composite_under_an_outcomes_name", 18, "composites.fall", "E"),
    ("counted_infusions", 5, "estimates[0].unit_of_analysis", "Q"),
    ("counts_of_a_ratio", 10, "estimates[0].counts", "E"),
    ("course_against_total", 9, "regimens[0].course_total", "E"),
    ("course_every_0_weeks", 8, "regimens[0].every", "E"),
    ("date", 14, "estimates[0].note", "E"),
    ("decimal_comma", 8, "estimates[0].value", "E"),
    ("declared_in_vain", 17, "priors.ratio.effective_sample_size", "E"),
    ("deep_nesting", 3, "topic", "E"),
    ("direction_not_turned", 17, "priors.ratio.from[0]", "E"),
    ("directive", 1, "", "E"),
    ("dose_above_its_maximum", 9, "regimens[0].maximum_per_day", "E"),
    ("dose_in_another_unit", 7, "regimens[0].dose", "E"),
    ("dose_limits_swapped", 4, "treatments.walking_drug.dose_limits[0]", "E"),
    ("dose_without_its_point", 7, "regimens[0].dose", "E"),
    ("duplicate_id", 14, "estimates[1]", "E"),
    ("duplicate_key", 10, "estimates[0].value", "E"),
    ("empty", 1, "", "E"),
    ("empty_value", 10, "estimates[0].population", "E"),
    ("ends_of_a_point", 9, "time_ranges[0].meaning", "E"),
    ("event_under_two_outcomes", 19, "priors.accident.from[0]", "Q"),
    ("exclusion_by_a_number", 10, "options.walk.not_for[0].covariate", "E"),
    ("explicit_tag", 8, "estimates[0].value", "E"),
    ("false_as_id", 5, "estimates[0].id", "E"),
    ("fraction_of_a_person", 8, "estimates[0].counts.events", "E"),
    ("groups_in_a_ring", 5, "groups.runners.within", "E"),
    ("hazard_of_staying_free", 5, "estimates[0].direction", "Q"),
    ("horizon_as_text", 11, "estimates[0].horizon", "E"),
    ("horizon_twice", 11, "estimates[0].horizon", "E"),
    ("horizon_without_unit", 10, "estimates[0].horizon", "E"),
    ("infinite", 8, "estimates[0].value", "E"),
    ("interval_without_width", 9, "estimates[0].interval", "E"),
    ("judgement_without_badge", 17, "priors.ratio.badge", "E"),
    ("limits_in_one_text", 9, "estimates[0].interval", "E"),
    ("line_without_sample_size", 20, "priors.line.effective_sample_size", "E"),
    ("list_of_nothing", 5, "findings[0].items", "E"),
    ("logarithm_of_zero", 9, "covariates.distance.range", "E"),
    ("malformed_doi", 4, "sources.diary.doi", "E"),
    ("missing_horizon", 5, "estimates[0].horizon", "E"),
    ("missing_level", 9, "estimates[0].interval.level", "Q"),
    ("more_events_than_people", 8, "estimates[0].counts.events", "E"),
    ("name_and_birth", 9, "estimates[0].note", "E"),
    ("negative_nnt", 8, "estimates[0].value", "Q"),
    ("negative_ratio", 8, "estimates[0].value", "E"),
    ("negative_weight", 12, "weights.bruise.weight", "E"),
    ("nnt_against_ratio", 17, "estimates[1].value", "E"),
    ("nnt_below_one", 8, "estimates[0].value", "E"),
    ("nnt_beyond_baseline", 8, "estimates[0].value", "E"),
    ("nnt_limit_below_one", 9, "estimates[0].interval", "E"),
    ("nnt_outside_interval", 8, "estimates[0].value", "E"),
    ("nnt_rounded", 17, "priors.ratio.from[0]", "W"),
    ("nnt_through_infinity", 9, "estimates[0].interval", "W"),
    ("nnt_without_spread", 17, "priors.ratio.from[0]", "E"),
    ("nnt_zero", 8, "estimates[0].value", "E"),
    ("no_locator", 12, "estimates[0].source", "E"),
    ("no_reference_risk", 14, "outcomes.fall.effects.walk", "E"),
    ("no_reference_value", 2, "reference_profile.distance", "E"),
    ("no_source", 12, "estimates[0].source", "E"),
    ("no_value", 5, "estimates[0].value", "E"),
    ("nobody_of_five", 8, "estimates[0].counts.events", "W"),
    ("not_a_number", 8, "estimates[0].value", "E"),
    ("null_value", 9, "estimates[0].interval.lower", "E"),
    ("number_in_exponent", 9, "estimates[0].trials", "E"),
    ("number_without_unit", 9, "covariates.distance.unit", "E"),
    ("octal", 14, "estimates[0].trials", "E"),
    ("only_a_list", 1, "", "E"),
    ("other_patients", 17, "priors.ratio.from[0]", "Q"),
    ("overlap_ring", 20, "overlap[2].outcomes", "E"),
    ("own_risk_without_comparator", 17, "priors.ratio.from[0]", "Q"),
    ("pair_better_than_one", 13, "together[0].weight", "E"),
    ("panel_of_another_problem", 21, "panels[0].weights.blister", "E"),
    ("panel_range_swapped", 21, "panels[0].weights.fall.range", "E"),
    ("panel_without_reference", 21, "panels[0].reference", "E"),
    ("percent_sign", 8, "estimates[0].value", "E"),
    ("point_outside_interval", 8, "estimates[0].value", "E"),
    ("printed_another_number", 9, "estimates[0].printed", "W"),
    ("printed_odds_ratio_on_patients_who_differ", 14, "outcomes.fall.effects.walk", "E"),
    ("quoted_number", 8, "estimates[0].value", "E"),
    ("range_without_meaning", 5, "time_ranges[0].meaning", "Q"),
    ("rate_as_risk", 9, "estimates[0].unit", "E"),
    ("rate_per_nothing", 5, "estimates[0].per", "E"),
    ("rate_without_exposure", 14, "outcomes.fall.effects.walk.exposure", "E"),
    ("ratio_as_baseline", 13, "outcomes.fall.baseline.intercept.prior", "E"),
    ("ratio_beyond_certainty", 8, "estimates[0].value", "E"),
    ("ratio_in_percent", 8, "estimates[0].value", "E"),
    ("ratio_limit_zero", 9, "estimates[0].interval.lower", "E"),
    ("ratio_of_zero", 8, "estimates[0].value", "E"),
    ("ratio_under_another_name", 6, "estimates[0].measure", "W"),
    ("ratio_without_spread", 17, "priors.ratio.from[0]", "E"),
    ("record_number", 9, "estimates[0].note", "E"),
    ("record_number_in_a_comment", 1, "", "E"),
    ("reduction_as_ratio", 8, "estimates[0].value", "E"),
    ("risk_12", 8, "estimates[0].value", "E"),
    ("risk_beyond_the_covariate", 19, "priors.risk.from[1]", "E"),
    ("risk_limit_above_one", 9, "estimates[0].interval", "E"),
    ("risk_of_a_course", 16, "priors.risk.from[0]", "Q"),
    ("risk_of_exactly_one", 8, "estimates[0].value", "W"),
    ("same_figure_two_values", 17, "estimates[1].value", "Q"),
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
    ("source_of_nowhere", 4, "sources.diary", "E"),
    ("span_both_ways", 8, "time_ranges[0].span", "E"),
    ("span_swapped", 8, "time_ranges[0].span", "E"),
    ("statement_of_unknown_source", 10, "rules[0].source.key", "E"),
    ("statement_without_locator", 10, "rules[0].source", "E"),
    ("study_used_twice", 17, "priors.ratio.from[0]", "Q"),
    ("swapped_limits", 9, "estimates[0].interval", "E"),
    ("tab", 8, "", "E"),
    ("tertiary_source", 17, "priors.ratio.from[0]", "W"),
    ("time_of_nothing", 5, "time_ranges[0].span", "E"),
    ("total_of_another_kind", 9, "regimens[0].course_total.unit", "E"),
    ("two_baselines", 13, "outcomes.fall.baseline", "E"),
    ("two_documents", 14, "", "E"),
    ("two_sources", 12, "estimates[0].source", "E"),
    ("underscore", 14, "estimates[0].participants", "E"),
    ("unknown_comparator", 7, "comparator", "E"),
    ("unknown_covariate", 15, "outcomes.fall.baseline.terms[0].covariate", "E"),
    ("unknown_estimate", 16, "priors.risk.from[0]", "E"),
    ("unknown_group", 6, "findings[0].group", "E"),
    ("unknown_key", 9, "estimates[0].intervall", "E"),
    ("unknown_larger_group", 5, "groups.sprinters.within", "E"),
    ("unknown_measure", 6, "estimates[0].measure", "E"),
    ("unknown_option", 14, "outcomes.fall.effects.wallk", "E"),
    ("unknown_outcome", 18, "preferences.reference", "E"),
    ("unknown_prior", 14, "outcomes.fall.effects.walk.prior", "E"),
    ("unknown_source", 30, "estimates[1].source.key", "E"),
    ("unknown_treatment", 6, "rules[0].treatment", "E"),
    ("unknown_treatment_before", 7, "rules[0].after[0]", "E"),
    ("unverified_by_default", 17, "priors.ratio.from", "E"),
    ("value_against_counts", 8, "estimates[0].value", "E"),
    ("weight_of_an_impact", 19, "preferences.default", "E"),
    ("weight_of_undeclared_overlap", 19, "preferences.default", "E"),
    ("weights_of_nobody", 2, "whose", "E"),
    ("weights_out_of_100", 11, "weights", "W"),
    ("weights_over_no_swing", 2, "swing", "E"),
    ("whole_range_of_burden", 13, "residual_burden", "W"),
    ("window_of_nothing", 5, "windows[0].opens", "E"),
    ("window_that_closes_first", 9, "windows[0].closes", "E"),
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
        ("course_every_0_weeks", "use one of: none, unknown"),
        ("nnt_through_infinity", "NNTB 11 to infinity to NNTH 24"),
        ("nnt_beyond_baseline", "16.0% is more than there is room for"),
        ("nnt_against_ratio", "a difference of -0.038, one in 26.3"),
        ("nnt_against_ratio", "a relative risk of 0.167"),
        ("nnt_against_ratio", "a comparator's risk of 0.219"),
        ("nnt_rounded", "13.5 to 14.5, differences of 6.90% to 7.41%"),
        ("risk_12", "(0.12), or add `unit: percent`; nothing is divided by itself"),
        ("ratio_beyond_certainty", "a risk of 1.2; is it an odds ratio"),
        ("reduction_as_ratio", "RRR 38% = RR 0.62"),
        ("hazard_of_staying_free", "event or event_free"),
        ("nobody_of_five", "a risk up to 45.1% (Clopper-Pearson) or 30.6% (Jeffreys)"),
        ("rate_as_risk", "1 - exp(-r t)"),
        ("range_without_meaning", "2.5% if these are plausible limits, 5% if q05_q95, 25% if iqr"),
        ("weights_out_of_100", "divide each by 60"),
        ("benefit_and_harm_of_other_patients", "harm beside benefit, of other patients"),
        ("benefit_and_harm_at_other_times", "'runners', 3 months; harm: number_needed_to_harm 14"),
        ("study_used_twice", "both counting hill_run"),
        ("other_patients", "add `badge: transported`"),
        ("risk_beyond_the_covariate", "was 90 km meant, 90000 m?"),
        ("dose_in_another_unit", "was 0.4 g/kg meant?"),
        ("dose_in_another_unit", "where the course would be 2 mg/kg"),
        ("dose_without_its_point", "was 0.4 g/kg meant?"),
        ("course_against_total", "0.4 g/kg x 5 days = 2 g/kg"),
        ("same_figure_two_values", "same_figure_two_values.yaml:5 cites 'Table 1'"),
        ("unknown_treatment", "did you mean 'plasma_exchange'?"),
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
        if problems[0].severity == "W":
            with pytest.warns(RiskModelWarning) as warned:
                load_problem(BAD / f"{name}.yaml")
            assert [str(one.message) for one in warned] == [str(problems[0])], name
            continue
        with pytest.raises(ParameterError) as caught:
            load_problem(BAD / f"{name}.yaml")
        assert caught.value.problems == tuple(problems), name


def _text(name):
    return (BAD / f"{name}.yaml").read_text(encoding="utf-8")


# --- the shipped library ------------------------------------------------------------------------


def test_the_shipped_library_passes_whole_and_file_by_file():
    problems, files = check_files()
    shipped = parameter_files(shipped_folder())
    assert ([str(problem) for problem in problems], files) == ([], len(shipped))
    for path in shipped:
        assert check_files([path]) == ([], 1), path


def test_a_copy_of_the_shipped_library_passes_and_goes_before_it(tmp_path):
    mine = tmp_path / "mine"
    shutil.copytree(shipped_folder(), mine)
    assert check_files([mine])[0] == []
    evidence = mine / "evidence" / "plex_aav.yaml"
    text = evidence.read_text().replace(
        "  - id: rr_eskd_12m\n", "  - id: rr_eskd_12m\n    overrides: read again\n"
    )
    text = text.replace("value: 0.62\n", "value: 0.61\n", 1).replace("RR 0.62", "RR 0.61", 1)
    evidence.write_text(text)
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
        (3, "whose"),
        (6, "who"),
        (15, "weights.serious_infection.weight"),
    }
    text = text.split("together:")[0]
    path.write_text(text.replace("serious_infection: {", "serious_infections: {"))
    with pytest.raises(ParameterError, match="did you mean 'serious_infection'?"):
        load_panel(loaded, str(path))
    path.write_text("schema: riskmodel/sources/1\nsources: {}\n")
    with pytest.raises(ParameterError, match="no panel"):
        load_panel(loaded, str(path))


# --- figures one by one -------------------------------------------------------------------------

ESTIMATE = """\
schema: riskmodel/evidence/1
topic: good
estimates:
  - id: one
    outcome: fall
    population: runners
    horizon: {{value: 6, unit: month}}
    source: {{key: zeng2022, locator: "Table 1"}}
    status: seen_primary
    {}
"""


@pytest.fixture
def checked(tmp_path):
    """Return (field, severity) of everything wrong with an estimate of these lines."""

    def check(*lines):
        path = tmp_path / "one.yaml"
        path.write_text(ESTIMATE.format("\n    ".join(lines)), encoding="utf-8")
        problems, _ = check_files([path])
        return [(p.field.removeprefix("estimates[0]."), p.severity) for p in problems]

    return check


NNT = ("measure: number_needed_to_treat", "value: 21")
INTERVAL = "interval: {{lower: {}, upper: {}, level: 0.95, kind: confidence}}"


@pytest.mark.parametrize(
    "lines",
    [
        # Room for the rounding of both: 1/6.49 is below 0.155, and 5.5 may have been rounded up.
        ("measure: number_needed_to_treat", "value: 6.25", "comparator_risk: 0.16"),
        ("measure: number_needed_to_treat", "value: 6", "comparator_risk: 0.155"),
        # A harm comes out of what the comparator leaves, not out of its risk.
        ("measure: number_needed_to_harm", "value: 6.25", "comparator_risk: 0.01"),
        ("measure: number_needed_to_treat", "wanted: true", "value: 2", "comparator_risk: 0.1"),
        ("measure: risk_difference", "unit: percent", "value: -4.6", "comparator_risk: 0.05"),
        ("measure: risk", "value: 1", "fixed: true"),
        ("measure: risk", "counts: {events: 6.3, n: 52}", "estimated: true"),
        ("measure: hazard_ratio", "value: 26.6", 'printed: "HR 26.6"'),
        ("measure: rate", "value: 1.3", "per: {value: 1000, unit: day, of: days}"),
        ("measure: mean_difference", "value: -4.88", "unit: points (0-10)"),
    ],
)
def test_figures_that_are_possible_pass(checked, lines):
    printed = () if "printed" in lines[-1] else ('printed: "21 6.25 6 2 4.6 1 26.6 1.3 4.88"',)
    assert checked(*lines, *printed) == []


@pytest.mark.parametrize(
    "lines, found",
    [
        (("measure: number_needed_to_harm", "value: 1.05", "comparator_risk: 0.5"), ("value", "E")),
        (
            ("measure: risk_difference", "value: -0.16", "comparator_risk: 0.1"),
            ("value", "E"),
        ),
        (("measure: risk", "value: 0.2", "unit: percentage points"), ("unit", "E")),
        (("measure: odds_ratio", "value: 2", "unit: times"), ("unit", "E")),
        (("measure: risk", "counts: {events: 5, n: 5}"), ("counts.events", "W")),
        (("measure: risk", "value: 0"), ("value", "W")),
    ],
)
def test_figures_that_are_not_possible_are_found(checked, lines, found):
    printed = 'printed: "1.05 0.16 0.2 2 5 0"'
    assert checked(*lines, printed) == [found]


def test_a_number_needed_lies_in_its_interval_on_either_side_of_infinity(checked):
    limits = INTERVAL.format(-24, 11)
    assert checked(*NNT, limits, "printed: 21 (-24 to 11)") == [("interval", "W")]
    inside = ("measure: number_needed_to_treat", "value: 7")
    assert checked(*inside, limits, "printed: 7 (-24 to 11)") == [("value", "E")]
    answered = 'resolution: {interval: "read as NNTB 11 to infinity to NNTH 24"}'
    assert checked(*NNT, limits, "printed: 21 (-24 to 11)", answered) == []


def test_a_rate_printed_over_a_time_at_risk_is_no_risk(checked):
    lines = ("measure: risk", "unit: percent", "value: 1.8")
    assert checked(*lines, 'printed: "1.8 per 100 person-years"') == [("measure", "E")]
    assert checked(*lines, 'printed: "1.8 per 100"') == []


def test_the_limit_after_no_event_is_the_quantile_of_the_beta_distribution():
    # scipy.stats.beta(0.5, n + 0.5).ppf(0.95); the midpoint rule is good to a few in a million.
    for n, expected in ((1, 0.7714801862), (5, 0.3057455847), (48, 0.0390247694)):
        assert jeffreys_limit(n) == pytest.approx(expected, rel=2e-6)


# --- several figures of one work ----------------------------------------------------------------


def two_estimates(first, second, **changes):
    """Return a file with two estimates that differ in these lines."""
    text = ESTIMATE.format(first)
    again = ESTIMATE.format(second).split("estimates:\n")[1].replace("id: one", "id: two")
    for old, new in changes.items():
        again = again.replace(old, new)
    return text + again


RR = 'measure: relative_risk\n    value: {0}\n    printed: "RR {0}"'


@pytest.mark.parametrize(
    "second, asked",
    [
        (RR.format(0.26), True),
        (RR.format(0.6), False),  # the same to its rounding
        (RR.format(0.26) + "\n    treatment: pregabalin", False),
        (RR.format(0.26) + "\n    resolution: {value: example}", False),
        (RR.format(0.26).replace("relative_risk", "odds_ratio").replace("RR", "OR"), False),
    ],
)
def test_one_figure_with_two_values_is_asked_about_until_one_is_chosen(tmp_path, second, asked):
    path = tmp_path / "two.yaml"
    path.write_text(two_estimates(RR.format(0.62), second))
    problems, _ = check_files([path])
    assert [(p.field, p.severity) for p in problems] == [("estimates[1].value", "Q")] * asked


def test_either_of_two_readings_may_hold_the_answer(tmp_path):
    path = tmp_path / "two.yaml"
    first = RR.format(0.62) + "\n    resolution: {value: the table holds}"
    path.write_text(two_estimates(first, RR.format(0.26)))
    assert check_files([path])[0] == []


def test_one_work_is_known_by_its_doi_in_another_file(tmp_path):
    (tmp_path / "one.yaml").write_text(ESTIMATE.format(RR.format(0.62)))
    text = ESTIMATE.format(RR.format(0.26)).replace("id: one", "id: two")
    (tmp_path / "two.yaml").write_text(text.replace("zeng2022", "again").replace("good", "other"))
    (tmp_path / "sources.yaml").write_text(
        "schema: riskmodel/sources/1\nsources:\n  again: {citation: Zeng again, "
        'doi: "10.1136/BMJ-2021-064597", read: abstract, role: primary}\n'
    )
    ((problem,), _) = check_files([tmp_path])
    assert (problem.file.name, problem.severity) == ("two.yaml", "Q")
    assert "one.yaml:4 cites 'Table 1'" in problem.remedy


def test_three_figures_that_agree_within_their_rounding_pass(tmp_path):
    # 10% x (1 - 0.62) is 3.8 points, one in 26.3.
    needed = "measure: number_needed_to_treat\n    value: {0}\n    printed: NNT {0}"
    path = tmp_path / "two.yaml"
    for value, faults in ((26, 0), (27, 0), (26.3, 0), (40, 1), (12, 1)):
        risk = needed.format(value) + "\n    comparator_risk: 0.1"
        path.write_text(two_estimates(risk, RR.format(0.62)))
        assert len(check_files([path])[0]) == faults, value
