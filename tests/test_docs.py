"""What the documents show is what runs."""

import doctest
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import riskmodel as rm
from riskmodel.evidence.loading import check_files

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def one_file_disease(tmp_path):
    page = (ROOT / "docs" / "your-own-disease.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "drug_x.yaml"
    path.write_text(block, encoding="utf-8")
    return path


def test_disease_of_the_page_passes_every_check(one_file_disease):
    problems, files = check_files([one_file_disease])
    assert problems == []
    assert files == 1


def test_message_of_the_page_is_what_check_says(one_file_disease):
    page = (ROOT / "docs" / "your-own-disease.md").read_text(encoding="utf-8")
    shown = re.findall(r"^drug_x\.yaml:.*$", page, re.MULTILINE)
    text = one_file_disease.read_text(encoding="utf-8")
    lines = [
        line.replace(", level: 0.95", "") if "id: stroke_trial" in line else line
        for line in text.splitlines()
    ]
    one_file_disease.write_text("\n".join(lines), encoding="utf-8")
    problems, _ = check_files([one_file_disease])
    assert [str(p).removeprefix(f"{one_file_disease.parent}/") for p in problems] == shown


@pytest.mark.slow
def test_disease_of_the_page_runs_and_age_has_its_say(one_file_disease):
    posterior = rm.fit(rm.load_problem(one_file_disease), seed=1)
    outcomes = rm.simulate(posterior, [{"id": "young", "age": 50}, {"id": "old", "age": 80}])
    effects = rm.absolute_effects(outcomes).set_index(["profile", "outcome"])
    assert effects.loc[("old", "stroke"), "baseline_risk"] > 0.09
    assert effects.loc[("young", "stroke"), "baseline_risk"] < 0.09
    assert effects.loc[("old", "bleeding"), "risk_difference"] > 0
    curve = rm.treatment_decision_curve(outcomes)
    assert set(curve["strategy"]) == {"treat none", "treat all", "treat by modelled benefit"}


def test_every_link_of_the_readme_stands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize(
    "path",
    [p for p in sorted((ROOT / "docs").glob("*.md")) if ">>>" in p.read_text(encoding="utf-8")],
    ids=lambda p: p.name,
)
def test_every_example_of_a_page_gives_what_it_shows(path):
    failed, tried = doctest.testfile(str(path), module_relative=False)
    assert tried > 0 and failed == 0


@pytest.mark.slow
def test_the_python_of_the_readme_runs():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    assert len(names["curve"]) > 100


NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_notebook_text_runs_plainly_and_ends_with_its_figure(path, monkeypatch, tmp_path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    monkeypatch.setenv("CI", "true")  # the cohort of a million is a small one
    monkeypatch.chdir(tmp_path)
    plt.close("all")
    runpy.run_path(str(path))
    last = plt.figure(plt.get_fignums()[-1])
    drawn = [ax for ax in last.axes if ax.lines or ax.patches or ax.collections]
    assert drawn and any(ax.get_xlabel() for ax in drawn)
    assert not list(tmp_path.iterdir())
    plt.close("all")


def test_the_seven_notebooks_each_open_with_their_question():
    assert len(NOTEBOOKS) == 7
    for path in NOTEBOOKS:
        cells = re.split(r"^# %%", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
        opening = cells[0].splitlines()
        assert opening[0].strip() == "[markdown]", path.name
        assert opening[1].startswith("# # ") and "?" in opening[1], path.name
        assert "axes" in cells[-1] or "ax." in cells[-1], path.name


@pytest.mark.slow
def test_notebook_runs_in_jupyter(tmp_path):
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(ROOT / "notebooks" / "plex_aav.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [output for output in outputs if output["output_type"] == "error"] == []
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert any("Posterior" in output.get("data", {}).get("text/html", "") for output in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_notebook_is_kept_without_outputs_and_equal_to_its_text(path):
    import jupytext

    text = jupytext.read(path)
    kept = json.loads(path.with_suffix(".ipynb").read_text(encoding="utf-8"))
    assert all(not cell.get("outputs") for cell in kept["cells"])
    said = [(cell["cell_type"], "".join(cell["source"])) for cell in kept["cells"]]
    assert said == [(cell["cell_type"], cell["source"]) for cell in text.cells]


# --- the site -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def generated():
    """Return the generated pages, which need the package and nothing else."""
    module = runpy.run_path(str(ROOT / "docs" / "generate" / "pages.py"))
    return module["generated"]()


def test_every_public_function_stands_on_one_page_of_the_site(generated):
    text = "\n".join(page for path, page in generated.items() if path.startswith("reference/"))
    for name in rm.__all__:
        assert len(re.findall(rf"^::: riskmodel\.[a-z_.]+\.{name}$", text, re.MULTILINE)) == 1, name


def test_every_field_and_every_command_stands_in_the_site(generated):
    from riskmodel.parameters.json_schema import FILE_KINDS, json_schema

    fields = generated["reference/fields.md"]
    for kind in FILE_KINDS:
        schema = json_schema(kind)
        for record in (schema, *schema.get("$defs", {}).values()):
            for name in record.get("properties", {}):
                assert f"| `{name}` |" in fields
    for name in ("run", "report", "trace", "cohort"):
        assert f"## {name}\n" in generated["reference/commands.md"]


def test_the_menu_of_the_site_has_every_page_and_no_other(generated):
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("nav:")[1]
    listed = set(re.findall(r"[\w/-]+\.md", menu))
    written = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert listed == written | set(generated)


def test_examples_without_a_fence_get_one_and_others_keep_theirs():
    fenced = runpy.run_path(str(ROOT / "docs" / "generate" / "pages.py"))["fenced"]
    bare = "a\n\n>>> f()\n[1][2]\n\nb"
    assert fenced(bare) == "a\n\n```pycon\n>>> f()\n[1][2]\n```\n\nb"
    whole = "```python\n>>> f()\n1\n\n```"
    assert fenced(whole) == whole


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason="the docs extra is not installed")
    pytest.importorskip("mkdocstrings_handlers.python", reason="the docs extra is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "site" / "reference" / "evidence.html").exists()
