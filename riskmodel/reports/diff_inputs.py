"""Which inputs of two runs differ, down to the field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from riskmodel.parameters.library import LoadedProblem
from riskmodel.reports.trace import RunFolder

# Sections of the problem as it was run, and what their fields are called.
_SECTIONS = ("problem", "estimates", "sources", "panels", "statements", "contradictions")
_STATED = ("question", "scenarios", "horizon", "horizons", "waning")
_COMPUTED = ("seed", "draws", "chains", "tune", "target_accept", "sampler")


def input_changes(a: RunFolder, b: RunFolder) -> list[dict]:
    """Return every input that differs between two runs.

    Parameters
    ----------
    a, b : RunFolder

    Returns
    -------
    list of dict
        ``group`` (run, panel, profiles, computation, versions, files or problem), ``field``
        with a dotted path, ``a`` and ``b`` (None where a run has no such field) and ``change``:
        changed, added or removed, from `a` to `b`.
    """
    before, after = _inputs(a), _inputs(b)
    changes = []
    for group in before:
        changes += [{"group": group, **change} for change in changed(before[group], after[group])]
    elsewhere = set(before["files"].values()) & set(after["files"].values())
    return [change for change in changes if not _only_moved(change, elsewhere)]


def _only_moved(change: dict, elsewhere: set[str]) -> bool:
    """Say whether a file stands under one name here and another there, with the same bytes."""
    digest = change["a"] or change["b"]
    return change["group"] == "files" and change["change"] != "changed" and digest in elsewhere


def _inputs(run: RunFolder) -> dict[str, dict[str, Any]]:
    record, posterior = run.record, run.record.get("posterior") or {}
    return {
        "run": {
            "problem": record["problem"],
            **{name: record.get(name) for name in _STATED},
            "prob": _levels(run),
        },
        "panel": flat(record.get("preferences") or {}),
        "profiles": flat(
            {
                profile["id"]: {part: profile.get(part) or {} for part in ("values", "not_for")}
                for profile in record.get("profiles") or []
            }
        ),
        "computation": {name: posterior.get(name) for name in _COMPUTED},
        "versions": {
            **{f"sampled_with.{k}": v for k, v in (posterior.get("versions") or {}).items()},
            **{f"run_with.{k}": v for k, v in (record.get("versions_now") or {}).items()},
        },
        "files": dict(record.get("inputs") or {}),
        "problem": flat(problem_as_run(run)),
    }


def _levels(run: RunFolder) -> list[str]:
    """Return the probabilities that the intervals of a run's tables stand at."""
    return sorted(
        {
            row["prob"]
            for table in run.tables
            if table != "reported_risks"  # at a level of its own, whatever was asked for
            for row in run.rows(table)[1].values()
            if row.get("prob")
        }
    )


def problem_as_run(run: RunFolder) -> dict[str, Any]:
    """Return the problem of a run as plain data, each section under its own name.

    It is read as it was written, without the schema, so that a run of another version can still
    be set beside this one. Empty where the run kept no draws and its files have changed since.
    """
    if "problem" in run.attributes:
        data = json.loads(run.attributes["problem"])
    else:
        loaded: LoadedProblem | None = run.loaded
        if loaded is None:
            return {}
        data = json.loads(loaded.to_json())
    return {name: data[name] for name in _SECTIONS if name in data}


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Return every leaf of nested data under its dotted path.

    Records of a list that carry an ``id`` stand under it, others under their place; a list of
    plain values is one leaf, since its items have no names.

    Examples
    --------
    >>> flat({"a": {"b": 1, "c": [1, 2]}, "d": [{"id": "x", "e": 2}, {"id": "y", "e": 3}]})
    {'a.b': 1, 'a.c': [1, 2], 'd.x.id': 'x', 'd.x.e': 2, 'd.y.id': 'y', 'd.y.e': 3}
    """
    return dict(_leaves(value, path))


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        named = value.items()
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        ids = [item.get("id") if isinstance(item, Mapping) else None for item in value]
        unique = all(ids) and len(set(ids)) == len(ids)
        named = zip(ids if unique else range(len(value)), value, strict=True)
    else:
        yield path, value
        return
    for name, part in named:
        yield from _leaves(part, f"{path}.{name}" if path else str(name))


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict]:
    """Return the fields that differ, in the order of the first, then what is new.

    Examples
    --------
    >>> changed({"a": 1, "b": 2}, {"b": 3, "c": 4})  # doctest: +NORMALIZE_WHITESPACE
    [{'field': 'a', 'a': 1, 'b': None, 'change': 'removed'},
     {'field': 'b', 'a': 2, 'b': 3, 'change': 'changed'},
     {'field': 'c', 'a': None, 'b': 4, 'change': 'added'}]
    """
    rows = []
    for name in dict.fromkeys([*before, *after]):
        one, other = before.get(name), after.get(name)
        if name in before and name in after and (one == other):
            continue
        change = "changed" if name in before and name in after else "added"
        if name not in after:
            change = "removed"
        rows.append({"field": name, "a": one, "b": other, "change": change})
    return rows
