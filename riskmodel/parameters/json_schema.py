"""The JSON Schema of each kind of parameter file, so that editors complete and check."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from riskmodel.errors import ParameterError, Problem, did_you_mean
from riskmodel.parameters.schema import FILE_SCHEMAS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = "schema"  # below a params folder


def _name(schema: str) -> str:
    """Return the name of a kind of file: ``problem`` of ``riskmodel/problem/1``."""
    return schema.split("/")[1]


FILE_KINDS: tuple[str, ...] = tuple(map(_name, FILE_SCHEMAS))


def json_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of one kind of parameter file.

    Parameters
    ----------
    name : str
        One of :data:`FILE_KINDS`: sources, evidence, vocabulary, contradictions, not_encoded,
        problem, policy, profile, preferences.

    Raises
    ------
    ParameterError
        If there is no such kind.

    Notes
    -----
    It holds shapes, types and words. What needs arithmetic, or another file, is for
    `riskmodel check`.

    Examples
    --------
    >>> schema = json_schema("profile")
    >>> schema["$id"], schema["required"]
    ('profile.json', ['schema', 'id', 'label', 'values'])
    """
    if name not in FILE_KINDS:
        raise ParameterError(
            [
                Problem(
                    field="name",
                    found=name,
                    allowed=", ".join(FILE_KINDS),
                    remedy=did_you_mean(name, FILE_KINDS),
                )
            ]
        )
    (identifier,) = (schema for schema in FILE_SCHEMAS if _name(schema) == name)
    body = FILE_SCHEMAS[identifier].model_json_schema(by_alias=True)
    head = {"$schema": DIALECT, "$id": f"{name}.json", "title": identifier}
    return _closed({**head, **{key: part for key, part in body.items() if key != "title"}})


def _closed(part: Any) -> Any:
    """Refuse keys of mappings that fit no pattern, as the models do."""
    if isinstance(part, list):
        return [_closed(item) for item in part]
    if not isinstance(part, dict):
        return part
    part = {key: _closed(value) for key, value in part.items()}
    if "patternProperties" in part:
        part.setdefault("additionalProperties", False)
    return part


def schema_text(name: str) -> str:
    """Return the JSON Schema of one kind of file as the text of its own file."""
    return json.dumps(json_schema(name), indent=2, ensure_ascii=False) + "\n"


def write_schemas(folder: Path, names: Iterable[str] = FILE_KINDS) -> list[Path]:
    """Write the JSON Schema of kinds of files into a folder, each whole or not at all.

    Parameters
    ----------
    folder : Path
        Made if it is not there; schemas in it are replaced.
    names : iterable of str

    Returns
    -------
    list of Path
    """
    texts = {f"{name}.json": schema_text(name) for name in names}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        part = folder / f".{name}.{os.getpid()}.part"
        try:
            part.write_text(text, encoding="utf-8")
            part.replace(folder / name)
        finally:
            part.unlink(missing_ok=True)
    return [folder / name for name in texts]
