"""A run's folder: free before, whole after, never half-written."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from riskmodel.errors import ParameterError, Phrase, Problem

RECORD = "run.json"
CONTENTS = (
    RECORD,
    "posterior.nc",
    "outcomes.nc",
    "outcomes_over_time.nc",
    "tables",
    "figures",
    "report.html",
    "paper_tables",
    "decide",
)


def next_free_folder(parent: Path, name: str) -> Path:
    """Return ``parent/name-1``, or the first number that is not there yet."""
    number = 1
    while (parent / f"{name}-{number}").exists():
        number += 1
    return parent / f"{name}-{number}"


def require_free(out: Path, *, force: bool) -> None:
    """Refuse a place that cannot be a run's folder: taken, beyond writing, or not a folder.

    An earlier run may be replaced by force, if it is a run and nothing else: what somebody laid
    beside its files would go with it.
    """
    if Path.cwd().is_relative_to(out.resolve()):
        _refuse_folder(out, "the folder you are in", "a new or empty folder", "name another one")
    above = next(folder for folder in out.absolute().parents if folder.exists())
    if not above.is_dir():
        _refuse_folder(out, "a place below a file", "a folder", "choose another folder")
    if not os.access(above, os.W_OK):
        _refuse_folder(out, f"where {above} cannot be written", "a folder", "choose another folder")
    if not out.exists():
        return
    if not out.is_dir():
        _refuse_folder(out, "a file", "a folder that does not exist yet", "choose another folder")
    names = {path.name for path in out.iterdir()}
    if not names:
        return
    others = sorted(names - set(CONTENTS))
    if others or not _is_run(out / RECORD):
        _refuse_folder(
            out,
            f"a folder that holds something else than a run ({(others or sorted(names))[0]})",
            "a new or empty folder",
            "choose another folder; --force replaces a run and nothing else",
        )
    if not force:
        _refuse_folder(
            out,
            "a folder that holds another run",
            "a new or empty folder",
            "choose another folder, or pass --force to replace that run",
        )


def _is_run(record: Path) -> bool:
    """Say whether a file is the record of a run."""
    try:
        return json.loads(record.read_bytes())["schema"] == "riskmodel/run/1"
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _refuse_folder(out: Path, found: str, allowed: str, remedy: str):
    raise ParameterError(
        [Problem(field="out", found=Phrase(f"{out}, {found}"), allowed=allowed, remedy=remedy)]
    )


def move_into_place(part: Path, out: Path) -> None:
    """Put the finished folder under its name; an earlier run goes only then."""
    old = out.with_name(f".{out.name}.old-{os.getpid()}")
    if out.exists():
        out.rename(old)
    try:
        part.rename(out)
    except OSError:
        if old.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
