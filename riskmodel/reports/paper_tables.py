"""Tables of a finished run that go into a paper: which there are, and how they are written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from riskmodel.errors import ParameterError, Phrase, Problem, did_you_mean
from riskmodel.reports.paper_effects import effects_by_stratum, summary_of_findings
from riskmodel.reports.paper_evidence import diagnostics_table, evidence_table
from riskmodel.reports.paper_regulators import effects_table, framework_table
from riskmodel.reports.paper_run import PaperRun, PaperTable
from riskmodel.reports.paper_table_formats import FORMATS, require_format, written
from riskmodel.reports.trace import RunFolder

# By the name they are asked for.
TABLES: dict[str, Callable[[PaperRun], PaperTable | None]] = {
    "summary_of_findings": summary_of_findings,
    "effects_table_ema": effects_table,
    "framework_fda": framework_table,
    "evidence": evidence_table,
    "effects_by_stratum_and_horizon": effects_by_stratum,
    "diagnostics": diagnostics_table,
}
FOLDER = "paper_tables"


def paper_tables(run: Path | RunFolder, *, only: Sequence[str] = ()) -> dict[str, PaperTable]:
    """Return the tables of a run that go into a paper, from its folder alone.

    Parameters
    ----------
    run : Path or RunFolder
        A folder that ``riskmodel run`` wrote.
    only : sequence of str
        Names of tables; without any, all that the run has something for.

    Returns
    -------
    dict of str to PaperTable
        Each with its ``frame``, title, notes and what holds for the whole of it.

    Raises
    ------
    ParameterError
        If the folder holds no run, a name is unknown, or the run has nothing for it.
    """
    _require_known("only", only, list(TABLES))
    paper = PaperRun(RunFolder.open(run))
    made = {name: make(paper) for name, make in TABLES.items() if not only or name in only}
    empty = [name for name, table in made.items() if table is None]
    if only and empty:
        raise ParameterError(
            Problem(
                field="only",
                found=Phrase(f"{name}, for which this run has nothing"),
                allowed=", ".join(paper_tables(paper.run)),
                remedy="leave it out, or run a problem with effects that can be estimated",
            )
            for name in empty
        )
    return {name: table for name, table in made.items() if table is not None}


def write_paper_tables(
    run: Path | RunFolder,
    out: Path | None = None,
    *,
    formats: Sequence[str] = ("markdown",),
    only: Sequence[str] = (),
) -> list[Path]:
    """Write the tables of a run that go into a paper, a file a table and format.

    Parameters
    ----------
    run : Path or RunFolder
        A folder that ``riskmodel run`` wrote.
    out : Path, optional
        A folder; by default ``paper_tables`` in the run's. Files of the same names are replaced.
    formats : sequence of {"markdown", "html", "latex", "csv", "docx"}
        A CSV file has a text file beside it, with title, notes and what holds for the table.
    only : sequence of str
        Names of tables; without any, all that the run has something for.

    Returns
    -------
    list of Path
        What was written, in the order of the tables. The same run gives the same bytes.

    Raises
    ------
    ParameterError
        As :func:`paper_tables`; if a format is unknown, or needs a package that is not installed;
        if `out` cannot be written. Nothing is written then.
    """
    _require_known("format", formats, list(FORMATS))
    for format in formats:
        require_format(format)
    run = RunFolder.open(run)
    tables = paper_tables(run, only=only)
    out = run.folder / FOLDER if out is None else Path(out)
    _require_folder(out)
    made = {
        out / name: content
        for table in tables.values()
        for format in dict.fromkeys(formats)
        for name, content in written(table, format, run.record["written"]).items()
    }  # all of them, before the first is put in its place
    out.mkdir(parents=True, exist_ok=True)
    for path, content in made.items():
        part = path.with_name(f".{path.name}.part-{os.getpid()}")
        try:
            part.write_bytes(content)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    return list(made)


def _require_known(field: str, names: Iterable[str], known: Sequence[str]) -> None:
    problems = [
        Problem(
            field=field,
            found=name,
            allowed=", ".join(known),
            remedy=did_you_mean(name, known),
        )
        for name in names
        if name not in known
    ]
    if problems:
        raise ParameterError(problems)


def _require_folder(out: Path) -> None:
    above = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise ParameterError(
            [
                Problem(
                    field="out",
                    found=Phrase(f"{out}, where {above} is no folder that can be written"),
                    allowed="a folder",
                    remedy="choose another folder",
                )
            ]
        )
