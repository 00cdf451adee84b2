"""What the documents show is what runs."""

import doctest
import json
import re
import runpy
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


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.py")), ids=lambda p: p.name)
def test_notebook_text_runs_plainly(path):
    assert "outcomes" in runpy.run_path(str(path))


@pytest.mark.slow
def test_notebook_runs_in_jupyter(tmp_path):
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(ROOT / "notebooks" / "plex_aav.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    errors = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "error"
    ]
    assert errors == []


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.name)
def test_notebook_is_kept_without_outputs_and_equal_to_its_text(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert all(not cell.get("outputs") for cell in cells)
    text = path.with_suffix(".py").read_text(encoding="utf-8")
    for cell in cells:
        if cell["cell_type"] == "code":
            assert "".join(cell["source"]) in text
