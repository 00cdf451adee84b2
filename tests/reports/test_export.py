"""A run packed for an archive: whole, described, the same bytes again, and valid."""

import hashlib
import json
import zipfile
from pathlib import Path
from urllib.parse import unquote

import pytest
from ruamel.yaml import YAML

from riskmodel.errors import ParameterError
from riskmodel.reports import export as export_module
from riskmodel.reports.crate_metadata import SOFTWARE_AUTHORS, SOFTWARE_LICENCE, TO_COMPLETE
from riskmodel.reports.export import export_run

ROOT = Path(__file__).resolve().parents[2]

# Every word of a crate, as the context of RO-Crate 1.1 maps it. A word that is not here is not
# known to be one of that context.
SCHEMA_WORDS = (
    "CreateAction CreativeWork Dataset Organization Person PropertyValue ScholarlyArticle "
    "SoftwareApplication about actionStatus agent author citation contentSize datePublished "
    "description encodingFormat endTime hasPart identifier instrument license mentions name object "
    "result softwareRequirements url value version"
).split()
CONTEXT = {word: f"http://schema.org/{word}" for word in SCHEMA_WORDS} | {
    "File": "http://schema.org/MediaObject",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
}


@pytest.fixture(scope="module")
def crate(finished, tmp_path_factory):
    return export_run(finished, tmp_path_factory.mktemp("crate") / "run.zip")


@pytest.fixture(scope="module")
def described(crate):
    with zipfile.ZipFile(crate) as archive:
        return json.loads(archive.read("ro-crate-metadata.json"))


@pytest.fixture(scope="module")
def entities(described):
    return {entity["@id"]: entity for entity in described["@graph"]}


def references(value):
    """Yield every id that a part of the description refers to."""
    if isinstance(value, dict) and set(value) == {"@id"}:
        yield value["@id"]
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from references(part)


def test_the_description_has_what_ro_crate_requires(described, entities):
    assert described["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    assert len(entities) == len(described["@graph"]), "an id is given twice"
    descriptor = entities["ro-crate-metadata.json"]
    assert descriptor["@type"] == "CreativeWork"
    assert descriptor["about"] == {"@id": "./"}
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    root = entities["./"]
    assert root["@type"] == "Dataset"
    for field in ("name", "description", "datePublished", "license", "hasPart", "author"):
        assert root[field], field
    assert entities[root["conformsTo"]["@id"]]["name"] == "Process Run Crate"


def test_every_word_is_one_of_the_context_and_every_reference_is_described(described, entities):
    elsewhere = {"https://w3id.org/ro/crate/1.1"}
    for entity in described["@graph"]:
        for word in [entity["@type"], *entity]:
            assert word.startswith("@") or word in CONTEXT or word == "sha256", word
        for name in references(list(entity.values())):
            assert name in entities or name in elsewhere, name


def test_the_action_says_command_tool_inputs_and_results(finished, entities):
    action = entities[entities["./"]["mentions"]["@id"]]
    record = json.loads((finished / "run.json").read_text(encoding="utf-8"))
    assert action["@type"] == "CreateAction"
    assert (
        entities[action["instrument"]["@id"]]["version"]
        == record["posterior"]["versions"]["riskmodel"]
    )
    given = [entities[part["@id"]] for part in action["object"]]
    values = {part["name"]: part.get("value") for part in given}
    assert values["seed"] == 3
    assert values["profile/runner/distance"] == 40
    assert values["weight/record"] == 0.5
    assert {part["sha256"] for part in given if part["@type"] == "CreativeWork"} == set(
        record["inputs"].values()
    )
    results = {part["@id"] for part in action["result"]}
    assert {"run/run.json", "run/outcomes.nc", "run/tables/net_benefit.csv"} <= results


def test_every_file_is_there_with_its_digest_and_nothing_else(finished, crate, entities):
    with zipfile.ZipFile(crate) as archive:
        names = set(archive.namelist())
        described = {unquote(part["@id"]) for part in entities["./"]["hasPart"]}
        assert described == names - {"ro-crate-metadata.json"}
        for name in described:
            content = archive.read(name)
            assert entities[name]["sha256"] == hashlib.sha256(content).hexdigest()
            assert entities[name]["contentSize"] == str(len(content))
            if name.startswith("run/"):
                assert content == (finished / name.removeprefix("run/")).read_bytes()
    kept = {p.relative_to(finished).as_posix() for p in finished.rglob("*") if p.is_file()}
    assert {f"run/{name}" for name in kept} <= names


def test_the_problem_as_run_and_the_environment_are_packed(crate):
    with zipfile.ZipFile(crate) as archive:
        problem = json.loads(archive.read("inputs/problem_as_run.json"))
        environment = archive.read("environment.txt").decode()
    assert problem["estimates"]["fall_ratio"]["value"] == 0.8
    assert problem["sources"]["diary"]["citation"] == "A diary, 2001"
    assert "numpy==2.0\n" in environment  # what the draws were made with


def test_authors_and_licence_are_left_to_the_author_or_taken_from_him(finished, entities, tmp_path):
    assert entities[entities["./"]["author"]["@id"]]["name"] == TO_COMPLETE
    assert entities[entities["./"]["license"]["@id"]]["name"] == TO_COMPLETE
    out = export_run(
        finished, tmp_path / "crate", authors=["A. Writer", "B. Reader"], licence="CC-BY-4.0"
    )
    graph = json.loads((out / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]
    told = {entity["@id"]: entity for entity in graph}
    assert [told[part["@id"]]["name"] for part in told["./"]["author"]] == [
        "A. Writer",
        "B. Reader",
    ]
    assert told["./"]["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}
    assert TO_COMPLETE not in (out / "CITATION.cff").read_text(encoding="utf-8")


def test_the_citation_file_has_what_the_format_requires(crate):
    with zipfile.ZipFile(crate) as archive:
        cited = YAML(typ="safe").load(archive.read("CITATION.cff").decode())
    assert {"cff-version", "title", "message", "authors"} <= set(cited)
    for reference in cited["references"]:
        assert reference["type"] and reference["title"] and reference["authors"]
    assert [part["notes"] for part in cited["references"][1:]] == ["A diary, 2001"]


def test_the_software_is_cited_as_the_package_itself_says():
    own = YAML(typ="safe").load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert own["license"] == SOFTWARE_LICENCE
    assert [author["name"] for author in own["authors"]] == [SOFTWARE_AUTHORS]


def test_the_same_run_gives_the_same_bytes(finished, crate, tmp_path):
    again = export_run(finished, tmp_path / "again.zip")
    assert again.read_bytes() == crate.read_bytes()


def test_a_folder_holds_the_same_as_the_zip(finished, crate, tmp_path):
    out = export_run(finished, tmp_path / "folder")
    with zipfile.ZipFile(crate) as archive:
        names = archive.namelist()
        assert {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()} == set(names)
        for name in names:
            assert (out / name).read_bytes() == archive.read(name)


@pytest.mark.parametrize("name", ["crate.zip", "crate"])
def test_nothing_half_written_is_left(finished, tmp_path, monkeypatch, name):
    (tmp_path / "here").mkdir()
    before = export_run(finished, tmp_path / "here" / name)
    state = {p: p.read_bytes() for p in (tmp_path / "here").rglob("*") if p.is_file()}

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_module.shutil, "copyfileobj", fail)
    with pytest.raises(OSError, match="No space"):
        export_run(finished, before, force=True)
    assert {p: p.read_bytes() for p in (tmp_path / "here").rglob("*") if p.is_file()} == state


def test_what_is_there_is_not_replaced_unasked_nor_what_is_no_export(finished, tmp_path):
    out = export_run(finished, tmp_path / "crate.zip")
    with pytest.raises(ParameterError, match="there already"):
        export_run(finished, out)
    export_run(finished, out, force=True)
    other = tmp_path / "thesis.zip"
    other.write_text("years of work")
    with pytest.raises(ParameterError, match="something else than an export"):
        export_run(finished, other, force=True)
    assert other.read_text() == "years of work"


@pytest.mark.parametrize(
    "place, asked, words",
    [
        ("x.zip", {"format": "ro-crat"}, "did you mean 'ro-crate'?"),
        (None, {}, "inside the run itself"),
    ],
)
def test_bad_input_is_refused_in_five_parts(finished, tmp_path, place, asked, words):
    out = finished / "crate.zip" if place is None else tmp_path / place
    with pytest.raises(ParameterError, match="found .*; allowed: ") as caught:
        export_run(finished, out, **asked)
    assert words in str(caught.value)
    with pytest.raises(ParameterError, match="holds no run"):
        export_run(tmp_path, tmp_path / "y.zip")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the checks' own
@pytest.mark.parametrize("form", ["zip", "folder"])
def test_it_passes_the_published_checks(finished, tmp_path, form, monkeypatch):
    """Every required check of RO-Crate 1.1 and of the Process Run Crate profile, offline."""
    pytest.importorskip("rocrate_validator", reason="pip install roc-validator")
    from rocrate_validator import models, services
    from rocrate_validator.utils.http import HttpRequester

    class Response:
        status_code, from_cache, ok = 200, True, True
        text = json.dumps({"@context": CONTEXT})
        headers = {"Content-Type": "application/ld+json"}

        def json(self):
            return json.loads(self.text)

        def raise_for_status(self):
            pass

    def get(self, url, **_):
        assert url == "https://w3id.org/ro/crate/1.1/context"
        return Response()

    monkeypatch.setattr(HttpRequester, "get", get, raising=False)  # made on demand
    out = export_run(finished, tmp_path / ("crate.zip" if form == "zip" else "crate"))

    def issues(severity):
        result = services.validate(
            services.ValidationSettings(
                rocrate_uri=str(out),
                profile_identifier="process-run-crate",
                requirement_severity=severity,
                offline=True,
            )
        )
        return {issue.check.identifier: issue.message for issue in result.get_issues()}

    assert issues(models.Severity.REQUIRED) == {}
    # What is only recommended and is left to the author: a publisher, affiliations, addresses.
    assert len(issues(models.Severity.RECOMMENDED)) <= 6
    described = out / "ro-crate-metadata.json"
    if form == "folder":  # the checks can fail: without a licence they do
        broken = json.loads(described.read_text(encoding="utf-8"))
        broken["@graph"][1].pop("license")
        described.write_text(json.dumps(broken), encoding="utf-8")
        assert issues(models.Severity.REQUIRED)
