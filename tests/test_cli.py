"""The command line: exit codes, messages, and what is left on disk."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from riskmodel.cli import main
from riskmodel.parameters.library import parameter_files, shipped_folder

BAD = Path(__file__).parent / "bad_params"
PATIENT = ("--profile", "serum_creatinine=420,age=62")


@pytest.fixture
def say(capsys):
    """Run a command line; return exit code, standard output and standard error."""

    def say(*argv):
        code = main([str(part) for part in argv])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return say


@pytest.fixture
def refused(say, tmp_path):
    """Run the shipped problem with bad input; return its message, nothing having been written."""

    def refused(*argv, code=1):
        before = sorted(tmp_path.rglob("*"))
        found, out, err = say("run", "plex_aav", "--out", tmp_path / "run", *argv)
        assert (found, out) == (code, "")
        assert sorted(tmp_path.rglob("*")) == before
        return err

    return refused


# --- check --------------------------------------------------------------------------------------


def test_check_says_that_the_shipped_library_passes(say):
    code, out, err = say("check")
    assert (code, err) == (0, "")
    files = len(parameter_files(shipped_folder()))
    assert out == f"{files} files: 0 errors, 0 open questions, 0 warnings\n"
    assert say("check", shipped_folder()) == (0, out, "")


def test_check_prints_a_line_for_each_problem_and_exits_1(say):
    code, out, _ = say("check", BAD / "unknown_key.yaml", BAD / "missing_level.yaml")
    first, second, last = out.splitlines()
    assert code == 1
    assert first.startswith(f"{BAD}/missing_level.yaml:9:15: [Q] estimates[0].interval.level: ")
    assert second.startswith(f"{BAD}/unknown_key.yaml:9:5: estimates[0].intervall: found an unkno")
    assert last == "2 files: 1 error, 1 open question, 0 warnings"


def test_check_of_a_missing_path_exits_1(say, tmp_path):
    code, out, _ = say("check", tmp_path / "none.yaml")
    assert code == 1
    assert "no such file" in out


# --- list and show ------------------------------------------------------------------------------


def test_list_shows_every_id(say):
    code, out, err = say("list")
    assert (code, err) == (0, "")
    for name in ("plex_aav", "rr_eskd_12m", "walsh2022", "panel", "creatinine_420"):
        assert re.search(rf"^ *{name}\b", out, re.MULTILINE), name


def test_show_of_an_estimate_says_what_was_printed_where_and_who_uses_it(say):
    code, out, _ = say("show", "rr_eskd_12m")
    assert code == 0
    assert "RR 0.62 (0.39 to 0.98)" in out
    assert "walsh2022" in out
    assert "used by: plex_aav, prior eskd_relative_risk" in out
    assert re.search(r"evidence/plex_aav\.yaml:\d+$", out.splitlines()[0])


@pytest.mark.parametrize("name", ["plex_aav", "panel", "zeng2022", "creatinine_420"])
def test_show_knows_every_kind(say, name):
    code, out, err = say("show", name)
    assert (code, err) == (0, "")
    assert name in out


def test_show_of_an_unknown_id_names_the_nearest(say):
    code, out, err = say("show", "rr_eskd_12")
    assert (code, out) == (1, "")
    assert err == (
        "id: found 'rr_eskd_12'; allowed: an id that `riskmodel list` shows; "
        "did you mean 'rr_eskd_12m'?\n"
    )


def test_list_filters_combine_and_unknown_ones_are_refused(say):
    code, out, err = say("list", "--kind", "estimate", "--source", "walsh2022")
    assert (code, err) == (0, "")
    assert "rr_eskd_12m" in out
    assert "aav_strata" not in out
    code, out, err = say("list", "--kind", "estimat", "--status", "sen_primary")
    assert (code, out) == (1, "")
    assert [line.split(";")[-1] for line in err.splitlines()] == [
        " did you mean 'estimate'?",
        " did you mean 'seen_primary'?",
    ]


def test_an_own_folder_is_laid_over_the_library_for_looking_up(say, tmp_path):
    path = tmp_path / "sources.yaml"
    text = (
        "schema: riskmodel/sources/1\nsources:\n  zeng2022: {citation: Mine, doi: 10.1000/x, "
        "read: full text, role: primary%s}\n"
    )
    path.write_text(text % "")
    for command in (("list",), ("show", "zeng2022"), ("cite", "zeng2022")):
        code, out, err = say(*command, "--params", tmp_path)
        assert (code, out) == (1, "")
        assert err.startswith(f"{path}:3:13: sources.zeng2022: found 'zeng2022'; allowed: ")
    path.write_text(text % ", overrides: an erratum")
    assert "because an erratum" in say("show", "zeng2022", "--params", tmp_path)[1]
    assert say("cite", "zeng2022", "--params", tmp_path)[1].startswith("Mine. doi:10.1000/x.")
    code, out, _ = say("list", "--kind", "source", "--params", tmp_path)
    assert re.search(r"zeng2022 +Mine", out)


def test_cite_prints_each_format_and_refuses_others(say):
    assert say("cite", "rr_eskd_12m")[1].startswith("Walsh M, Collister D, Zeng L, et al. BMJ.")
    assert say("cite", "rr_eskd_12m", "--format", "bibtex")[1].startswith("@article{walsh2022,")
    assert json.loads(say("cite", "rr_eskd_12m", "--format", "csl-json")[1])[0]["id"] == "walsh2022"
    code, out, err = say("cite", "rr_eskd_12m", "--format", "ris")
    assert (code, out) == (1, "")
    assert err.startswith("format: found 'ris'; allowed: vancouver, bibtex, csl-json; ")


def test_cite_of_a_judgement_says_whose_it_is(say):
    name = "serious_infection_risk_implied"
    code, out, err = say("cite", name)
    assert (code, err) == (0, "")
    assert out.startswith("No citation: judgement of the maintainers of riskmodel: ")
    code, out, err = say("cite", name, "--format", "csl-json")
    assert (code, json.loads(out)) == (0, [])
    assert err.startswith("no citation: judgement of the maintainers of riskmodel: ")


@pytest.mark.parametrize(
    "argv",
    [
        ("list", "--json"),
        ("list", "--kind", "source", "--json"),
        ("show", "plex_aav", "--json"),
        ("cite", "plex_aav", "--json"),
        ("cite", "plex_aav", "--format", "csl-json"),
        ("cite", "plex_aav", "--format", "csl-json", "--json"),
        ("schema",),
        ("schema", "problem"),
    ],
)
def test_json_is_all_that_stands_on_standard_output(say, argv):
    code, out, _ = say(*argv)
    assert code == 0
    json.loads(out)


def test_schema_is_written_into_a_folder(say, tmp_path):
    code, out, err = say("schema", "profile", "--out", tmp_path / "schema")
    assert (code, err) == (0, "")
    assert out == f"{tmp_path / 'schema' / 'profile.json'}\n"
    written = say("schema", "--out", tmp_path / "schema")[1].splitlines()
    shipped = Path(__file__).parent.parent / "params" / "schema"
    assert sorted(Path(line).name for line in written) == sorted(p.name for p in shipped.iterdir())
    code, out, err = say("schema", "profil")
    assert (code, out) == (1, "")
    assert "did you mean 'profile'?" in err


def test_trace_of_what_is_no_run_is_refused(say, tmp_path):
    code, out, err = say("trace", tmp_path)
    assert (code, out) == (1, "")
    assert err.startswith(f"run: found {tmp_path}, which holds no run; allowed: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    "argv", [("list",), ("show", "plex_aav"), ("cite", "plex_aav"), ("schema", "problem")]
)
def test_looking_things_up_loads_nothing_heavy(argv):
    heavy = ("pymc", "arviz", "pandas", "xarray", "scipy.stats", "matplotlib.pyplot")
    code = (
        f"import sys; from riskmodel.cli import main; assert main({list(argv)!r}) == 0;"
        f"print([m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.splitlines()[-1:]) == (0, ["[]"]), done.stderr


# --- usage --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "argv",
    [
        ("run", "plex_aav", "--nothing"),
        ("run",),
        ("nothing",),
        ("run", "plex_aav", "--draws", "many"),
        ("run", "plex_aav", "--prob", "95"),
        ("run", "plex_aav", "--waning", "slowly"),
        ("check", "--nothing"),
    ],
)
def test_wrong_usage_exits_2(say, argv):
    code, out, err = say(*argv)
    assert (code, out) == (2, "")
    assert "Usage: riskmodel" in err


def test_help_exits_0_and_gives_an_example(say):
    for argv in (
        ("--help",),
        *(
            (command, "--help")
            for command in ("run", "check", "list", "show", "cite", "trace", "schema")
        ),
    ):
        code, out, err = say(*argv)
        assert (code, err) == (0, "")
        assert len(argv) == 1 or "Example: riskmodel" in out


# --- bad input to a run -------------------------------------------------------------------------


def test_an_unknown_problem_is_answered_with_the_nearest(say, tmp_path):
    code, out, err = say("run", "plex_av", "--out", tmp_path / "run")
    assert (code, out) == (1, "")
    assert err.startswith("problem: found 'plex_av'; allowed: a shipped id (cidp_plex, ")
    assert err.endswith("did you mean 'plex_aav'?\n")


def test_a_bad_problem_file_is_reported_as_check_does(say, tmp_path):
    path = BAD / "no_reference_risk.yaml"
    _, checked, _ = say("check", path)
    code, _, err = say("run", path, "--out", tmp_path / "run")
    assert code == 1
    assert err.splitlines() == checked.splitlines()[:-1]


@pytest.mark.parametrize(
    "argv, words",
    [
        (("--profile", "serum_creatinine=5"), "did you mean 5 mg/dL = 442 umol/L?"),
        (("--profile", "serum_creatinine=420,dialysis=yes"), "another estimand"),
        (("--profile", "age=62"), "serum_creatinine: found nothing"),
        (("--profile", "creatinine_42"), "did you mean 'creatinine_420'?"),
        (("--profiles", "none.csv"), "none.csv: found No such file"),
        ((*PATIENT, "--scenario", "eskd_odd_ratio"), "did you mean 'eskd_odds_ratio'?"),
        ((*PATIENT, "--preferences", "pannel"), "did you mean 'panel'?"),
        ((*PATIENT, "--preferences", "none.yaml"), "none.yaml: found no such file"),
        ((*PATIENT, "--horizon", "later"), "horizon: found 'later'"),
        ((*PATIENT, "--horizon", "1.2.3 months"), "write for example 36 months"),
        ((*PATIENT, "--seed", "-1"), "seed: found -1"),
        ((*PATIENT, "--draws", "10"), "draws: found 10"),
    ],
)
def test_bad_input_exits_1_with_the_message_alone_and_writes_nothing(refused, argv, words):
    err = refused(*argv)
    assert words in err
    assert all("; allowed: " in line for line in err.splitlines())


def test_every_fault_of_a_csv_file_is_printed(say, tmp_path):
    path = tmp_path / "patients.csv"
    path.write_text("serum_creatinine,age\n5,62\n420,620\n")
    code, _, err = say("run", "plex_aav", "--profiles", path, "--out", tmp_path / "run")
    assert code == 1
    assert [line.split(": ")[0] for line in err.splitlines()] == [f"{path}:2:1", f"{path}:3:2"]
    assert os.listdir(tmp_path) == ["patients.csv"]


def test_a_preferences_file_with_faults_is_reported_by_line(say, tmp_path):
    text = (shipped_folder() / "preferences" / "panel.yaml").read_text(encoding="utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("weight: 0.3", "weight: -0.3"), encoding="utf-8")
    code, _, err = say(
        "run", "plex_aav", *PATIENT, "--preferences", path, "--out", tmp_path / "run"
    )
    assert code == 1
    assert err.startswith(f"{path}:15:31: weights.serious_infection.weight: found -0.3; allowed: ")


# --- the output folder --------------------------------------------------------------------------


def files_of(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def earlier(tmp_path):
    """A folder that holds the record of an earlier run."""
    folder = tmp_path / "run"
    (folder / "tables").mkdir(parents=True)
    (folder / "run.json").write_text('{"schema": "riskmodel/run/1"}')
    (folder / "tables" / "effects.csv").write_text("kept")
    return folder


def test_a_folder_that_holds_another_run_is_left_untouched_without_force(refused, earlier):
    before = files_of(earlier)
    assert "pass --force to replace that run" in refused(*PATIENT)
    assert files_of(earlier) == before


def test_files_that_no_run_wrote_are_never_replaced_even_by_force(refused, earlier):
    (earlier / "notes.txt").write_text("mine")
    before = files_of(earlier)
    assert "something else than a run (notes.txt)" in refused(*PATIENT, "--force")
    assert files_of(earlier) == before


@pytest.mark.parametrize("name", ["thesis.docx", "run.json"])
def test_a_folder_that_is_no_run_is_never_replaced_even_by_force(refused, tmp_path, name):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / name).write_text("[1, 2]")
    assert "something else than a run" in refused(*PATIENT, "--force")
    assert files_of(folder) == {folder / name: b"[1, 2]"}


def test_a_place_that_cannot_be_a_folder_is_refused_before_anything_is_computed(
    say, tmp_path, monkeypatch
):
    file = tmp_path / "file"
    file.write_text("kept")
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    for out, words in (
        (file, "a file"),
        (file / "run", "a place below a file"),
        (".", "the folder you are in"),
        ("..", "the folder you are in"),
    ):
        code, _, err = say("run", "plex_aav", *PATIENT, "--out", out, "--force")
        assert (code, words in err) == (1, True), err
    assert file.read_text() == "kept"


# --- runs that really run -----------------------------------------------------------------------


@pytest.fixture(scope="session")
def two_runs(tmp_path_factory):
    """Two runs without a seed, one after the other, in a cache of their own."""
    folder = tmp_path_factory.mktemp("two_runs")
    environment = {**os.environ, "RISKMODEL_CACHE": str(folder / "cache"), "MPLBACKEND": "agg"}

    def run(*argv):
        return subprocess.run(
            [sys.executable, "-m", "riskmodel", "run", "plex_aav", *argv],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    first = run(*PATIENT, "--out", "first")
    second = run("--profile", "serum_creatinine=250", "--preferences", "kidney_and_infection")
    return folder, first, second


@pytest.mark.slow
def test_a_seed_that_was_drawn_is_said_and_recorded(two_runs):
    folder, first, _ = two_runs
    assert first.returncode == 0, first.stderr
    record = json.loads((folder / "first" / "run.json").read_text())
    seed = record["posterior"]["seed"]
    assert f"drew {seed}; pass seed={seed} to repeat this run" in first.stderr
    assert record["command"][1:] == ["run", "plex_aav", *PATIENT, "--out", "first"]
    assert record["posterior"]["reused"] is False


@pytest.mark.slow
def test_results_go_to_standard_output_and_progress_to_standard_error(two_runs):
    _, first, _ = two_runs
    assert "Net benefit of plasma exchange" in first.stdout
    assert "Research use; not medical advice" in first.stdout
    assert "Sample the posterior" in first.stderr
    assert "Sample the posterior" not in first.stdout
    assert "Traceback" not in first.stdout + first.stderr


@pytest.mark.slow
def test_a_second_run_reuses_the_stored_posterior_and_its_seed(two_runs):
    folder, _, second = two_runs
    assert second.returncode == 0, second.stderr
    assert "Sample the posterior" not in second.stderr
    first, again = (
        json.loads((folder / path / "run.json").read_text())["posterior"]
        for path in ("first", "runs/plex_aav-1")
    )
    assert (again["reused"], again["seed"]) == (True, first["seed"])


@pytest.mark.slow
def test_a_number_of_a_run_is_traced(two_runs, say):
    folder, *_ = two_runs
    name = "absolute_effects/patient.plex.death/risk_difference"
    code, out, err = say("trace", folder / "first", name)
    assert (code, err) == (0, "")
    assert out.startswith(f"{name} = ")
    assert json.loads(say("trace", folder / "first", name, "--json")[1])["id"] == name
    assert "net_benefit/profile.option/COLUMN" in say("trace", folder / "first")[1]
    listed = json.loads(say("trace", folder / "first", "net_benefit", "--json")[1])
    assert listed["rows"] == ["patient.plex"]


@pytest.mark.slow
def test_only_whole_folders_are_left(two_runs):
    folder, *_ = two_runs
    names = {path.name for path in folder.iterdir()} | {p.name for p in (folder / "runs").iterdir()}
    assert names == {"first", "runs", "cache", "plex_aav-1"}
    assert not [path for path in folder.rglob("*") if ".part" in path.name or ".old" in path.name]


@pytest.mark.slow
def test_a_run_is_replaced_by_force(two_runs, say, monkeypatch):
    folder, *_ = two_runs
    monkeypatch.setenv("RISKMODEL_CACHE", str(folder / "cache"))
    before = files_of(folder / "first")
    code, out, err = say("run", "plex_aav", "--out", folder / "first", "--force", "--quiet")
    assert (code, out, err) == (0, "", "")
    after = files_of(folder / "first")
    assert set(after) >= {folder / "first" / "run.json", folder / "first" / "posterior.nc"}
    assert after[folder / "first" / "run.json"] != before[folder / "first" / "run.json"]


@pytest.mark.slow
def test_a_patient_to_whom_nothing_applies_gets_the_reason_and_no_numbers(
    two_runs, refused, monkeypatch
):
    folder, *_ = two_runs
    monkeypatch.setenv("RISKMODEL_CACHE", str(folder / "cache"))
    err = refused("--profile", "serum_creatinine=420,active_infection=yes", "--quiet")
    assert "no benefit is computed for this patient" in err


@pytest.mark.slow
def test_a_horizon_that_is_not_declared_is_refused(two_runs, refused, monkeypatch):
    folder, *_ = two_runs
    monkeypatch.setenv("RISKMODEL_CACHE", str(folder / "cache"))
    err = refused(*PATIENT, "--horizon", "24 months", "--quiet")
    assert "an assumed baseline at 24 months" in err


# --- every command ------------------------------------------------------------------------------


def _commands():
    import typer

    from riskmodel.cli import app

    return sorted(typer.main.get_command(app).commands)


def test_the_program_lists_its_commands_and_its_completion(say):
    code, out, _ = say("--help")
    assert code == 0
    assert "--install-completion" in out and "--show-completion" in out
    for name in _commands():
        assert re.search(rf"^\s+{name}\b", out, re.MULTILINE), name


@pytest.mark.parametrize("name", _commands())
def test_help_of_every_command_ends_with_an_example_that_the_command_takes(say, name):
    code, out, _ = say(name, "--help")
    assert code == 0
    examples = re.findall(rf"Example: riskmodel {name}\b(.*)", out)
    assert examples, f"{name} has no example"
    _, _, shown = out.partition("Options:")
    for option in re.findall(r"--[a-z-]+", examples[0]):
        assert option in shown, f"{name} has no {option}"


@pytest.mark.parametrize("name", ["run", "decide", "value", "sensitivity", "pathway", "cohort",
                                  "curve"])  # fmt: skip
def test_long_commands_can_be_quiet_without_progress_and_print_json(say, name):
    _, out, _ = say(name, "--help")
    assert {"--quiet", "--no-progress", "--json"} <= set(re.findall(r"--[a-z-]+", out))


@pytest.mark.slow
def test_the_package_runs_as_a_module_and_completes_words_in_a_shell():
    done = subprocess.run(
        [sys.executable, "-m", "riskmodel", "list", "--kind", "problem", "--json"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0 and json.loads(done.stdout)["records"]
    words = {
        "COMP_WORDS": "riskmodel re",
        "COMP_CWORD": "1",
        "_RISKMODEL_COMPLETE": "complete_bash",
    }
    done = subprocess.run(
        [Path(sys.executable).with_name("riskmodel")],
        capture_output=True, text=True, timeout=60, env={**os.environ, **words},
    )  # fmt: skip
    assert done.stdout.split() == ["report"]


@pytest.mark.slow
def test_a_run_prints_json_and_nothing_else_on_request(say, tmp_path, posterior):
    argv = ("run", "plex_aav", "--seed", "7", *PATIENT)
    code, out, err = say(*argv, "--out", tmp_path / "a", "--json", "--no-progress")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["folder"] == str(tmp_path / "a")
    assert told["record"] == json.loads((tmp_path / "a" / "run.json").read_text(encoding="utf-8"))
    assert {row["outcome"] for row in told["tables"]["absolute_effects"]} >= {"death"}
    code, out, _ = say("report", tmp_path / "a", "--checklist", "robust")
    assert (code, out) == (0, f"{tmp_path / 'a' / 'report.html'}\n")
    assert "ROBUST" in (tmp_path / "a" / "report.html").read_text(encoding="utf-8")
    code, _, err = say("report", tmp_path / "a", "--checklist", "grade")
    assert code == 1 and "barg, robust, path, cheers-voi" in err
