"""A finished run packed for an archive: inputs, outputs, digests, environment and citation."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from riskmodel.errors import ParameterError, Phrase, Problem, did_you_mean
from riskmodel.reports.crate_metadata import (
    METADATA,
    PackedFile,
    citation_file,
    crate_metadata,
    environment,
)
from riskmodel.reports.diff_inputs import problem_as_run
from riskmodel.reports.folder import move_into_place
from riskmodel.reports.trace import RunFolder

FORMATS = ("ro-crate",)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say; the same run is the same bytes
_BLOCK = 1 << 20

Part = Path | bytes  # a file of the run, or the text of one that is made here


def export_run(
    run: Path | RunFolder,
    out: Path,
    *,
    format: str = "ro-crate",
    authors: Sequence[str] = (),
    licence: str | None = None,
    force: bool = False,
) -> Path:
    """Pack a run into one zip file or folder that an archive takes.

    Parameters
    ----------
    run : Path or RunFolder
        A folder that ``riskmodel run`` wrote; everything in it is packed.
    out : Path
        ``NAME.zip`` for one file, anything else for a folder. It appears only when it is whole.
    format : {"ro-crate"}
        RO-Crate 1.1 with the Process Run Crate profile.
    authors : sequence of str
        Names; without any they are marked as the author's to complete.
    licence : str, optional
        An SPDX identifier, such as CC-BY-4.0, or an address; without one, as for `authors`.
    force : bool
        Whether an earlier export in `out` may be replaced.

    Returns
    -------
    Path
        `out`. The same run gives the same bytes.

    Raises
    ------
    ParameterError
        If the folder holds no run, the format is unknown, or `out` is taken, inside the run or
        beyond writing.
    """
    if format not in FORMATS:
        raise ParameterError(
            [
                Problem(
                    field="format",
                    found=format,
                    allowed=", ".join(FORMATS),
                    remedy=did_you_mean(format, FORMATS),
                )
            ]
        )
    run, out = RunFolder.open(run), Path(out)
    _require_place(run, out, force=force)
    parts = _parts(run, authors, licence)
    files = [_packed(path, part) for path, part in parts.items()]
    metadata = crate_metadata(run, problem_as_run(run), files, authors=authors, licence=licence)
    parts = {METADATA: _json(metadata), **parts}
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part-{os.getpid()}")
    try:
        if out.suffix == ".zip":
            _write_zip(parts, part)
            os.replace(part, out)
        else:
            _write_folder(parts, part)
            move_into_place(part, out)
    finally:
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)
    return out


def _parts(run: RunFolder, authors: Sequence[str], licence: str | None) -> dict[str, Part]:
    """Return everything of the crate but its description, by path."""
    problem = problem_as_run(run)
    made: dict[str, Part] = {
        "CITATION.cff": citation_file(
            run, problem.get("sources") or {}, authors=authors, licence=licence
        ).encode(),
        "environment.txt": "".join(
            f"{name}=={version}\n" for name, version in environment(run.record).items()
        ).encode(),
    }
    if problem:
        made["inputs/problem_as_run.json"] = _json(problem)
    kept = {f"run/{path.relative_to(run.folder).as_posix()}": path for path in _files(run.folder)}
    return dict(sorted({**made, **kept}.items()))


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder; links and hidden files are somebody else's."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not path.is_symlink() and not hidden:
            yield path


def _json(data: Mapping) -> bytes:
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode()


def _opened(part: Part) -> BinaryIO:
    return part.open("rb") if isinstance(part, Path) else BytesIO(part)


def _packed(path: str, part: Part) -> PackedFile:
    digest, size = hashlib.sha256(), 0
    with _opened(part) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return PackedFile(path, size, digest.hexdigest())


# --- writing --------------------------------------------------------------------------------------


def _write_zip(parts: Mapping[str, Part], path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # the same bytes on every system
            info.external_attr = 0o644 << 16
            with _opened(part) as file, archive.open(info, "w", force_zip64=True) as packed:
                shutil.copyfileobj(file, packed, _BLOCK)


def _write_folder(parts: Mapping[str, Part], folder: Path) -> None:
    for name, part in parts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with _opened(part) as file, path.open("wb") as written:
            shutil.copyfileobj(file, written, _BLOCK)


def _require_place(run: RunFolder, out: Path, *, force: bool) -> None:
    """Refuse a place that is taken, inside the run, or beyond writing."""
    if out.resolve() == run.folder.resolve() or out.resolve().is_relative_to(run.folder.resolve()):
        _refuse(out, "inside the run itself", "a place outside it", "name another one")
    above = next(folder for folder in out.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        _refuse(out, f"where {above} cannot be written", "a file or folder", "choose another place")
    if not out.exists():
        return
    if out.is_dir() and not any(out.iterdir()):
        if out.suffix == ".zip":
            _refuse(out, "a folder", "a file that is not there yet", "choose another name")
        return
    if not force:
        _refuse(
            out,
            "which is there already",
            "a file or folder that is not there yet",
            "choose another name, or pass --force to replace an earlier export",
        )
    if not _is_export(out):
        _refuse(
            out,
            "which is something else than an export",
            "an earlier export, to be replaced",
            "choose another name; --force replaces an export and nothing else",
        )


def _is_export(out: Path) -> bool:
    if out.is_dir():
        return out.suffix != ".zip" and (out / METADATA).is_file()
    if not zipfile.is_zipfile(out) or out.suffix != ".zip":
        return False
    with zipfile.ZipFile(out) as archive:
        return METADATA in archive.namelist()


def _refuse(out: Path, found: str, allowed: str, remedy: str):
    raise ParameterError(
        [Problem(field="out", found=Phrase(f"{out}, {found}"), allowed=allowed, remedy=remedy)]
    )
