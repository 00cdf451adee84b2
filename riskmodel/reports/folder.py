"""A run's folder: free before, whole after, never half-written."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from riskmodel.errors import ParameterError, Phrase, Problem

RECORD = "run.json"


def next_free_folder(parent: Path, name: str) -> Path:
    """Return ``parent/name-1``, or the first number that is not there yet."""
    number = 1
    while (parent / f"{name}-{number}").exists():
        number += 1
    return parent / f"{name}-{number}"


def require_free(out: Path, *, force: bool) -> None:
    """Refuse a folder that holds anything, unless it is a run and may be replaced."""
    if not out.exists():
        return
    if not out.is_dir():
        _refuse_folder(out, "a file", "a folder that does not exist yet", "choose another folder")
    if not any(out.iterdir()):
        return
    if (out / RECORD).is_file():
        if not force:
            _refuse_folder(
                out,
                "a folder that holds another run",
                "a new or empty folder",
                "choose another folder, or pass --force to replace that run",
            )
        return
    _refuse_folder(
        out,
        "a folder that holds something else than a run",
        "a new or empty folder",
        "choose another folder; --force replaces runs only",
    )


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
