"""The JSON Schema of each kind of file, and what the shipped files say of it."""

import json
import re

import pytest
from jsonschema import Draft202012Validator

from riskmodel.errors import ParameterError
from riskmodel.parameters.json_schema import (
    FILE_KINDS,
    FOLDER,
    json_schema,
    schema_text,
    write_schemas,
)
from riskmodel.parameters.library import parameter_files, shipped_folder
from riskmodel.parameters.marked_yaml import load_marked

SHIPPED = parameter_files(shipped_folder())
FIRST_LINE = re.compile(r"# yaml-language-server: \$schema=(\S+)")


def name_of(path):
    return str(path.relative_to(shipped_folder()))


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_the_schema_is_valid_and_names_no_host(kind):
    schema = json_schema(kind)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"{kind}.json"
    assert schema["title"] == f"riskmodel/{kind}/1"
    assert "//" not in schema_text(kind).replace(schema["$schema"], "").replace("https?://", "")


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_the_shipped_schema_is_what_the_command_writes(kind):
    shipped = shipped_folder() / FOLDER / f"{kind}.json"
    assert shipped.read_text(encoding="utf-8") == schema_text(kind), (
        "run `riskmodel schema --out params/schema`"
    )


def test_nothing_else_lies_beside_the_shipped_schemas():
    names = {path.name for path in (shipped_folder() / FOLDER).iterdir()}
    assert names == {f"{kind}.json" for kind in FILE_KINDS}


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_every_shipped_file_names_its_schema_and_fits_it(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    match = FIRST_LINE.fullmatch(first)
    assert match, f"the first line is {first!r}"
    target = (path.parent / match[1]).resolve()
    value = load_marked(path).value
    assert target == shipped_folder() / FOLDER / f"{value['schema'].split('/')[1]}.json"
    validator = Draft202012Validator(json.loads(target.read_text(encoding="utf-8")))
    assert [f"{e.json_path}: {e.message}" for e in validator.iter_errors(value)] == []


def test_a_misspelt_key_and_a_bad_id_do_not_fit():
    validator = Draft202012Validator(json_schema("vocabulary"))
    bad = {"schema": "riskmodel/vocabulary/1", "groups": {"ok": {"lable": "x"}}}
    assert not validator.is_valid(bad)
    bad["groups"] = {"Not An Id": {"label": "x"}}
    assert not validator.is_valid(bad)
    bad["groups"] = {"an_id": {"label": "x"}}
    assert validator.is_valid(bad)


def test_schemas_are_written_whole_into_a_new_folder(tmp_path):
    written = write_schemas(tmp_path / "new", ["profile", "problem"])
    assert [path.name for path in written] == ["profile.json", "problem.json"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "problem.json",
        "profile.json",
    ]
    assert written[0].read_text(encoding="utf-8") == schema_text("profile")


def test_an_unknown_kind_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(ParameterError, match="did you mean 'evidence'"):
        write_schemas(tmp_path / "new", ["profile", "evidense"])
    assert not (tmp_path / "new").exists()
