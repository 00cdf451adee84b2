"""A brief: a de-identified request becomes one page, the same bytes each time."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from riskmodel.errors import ParameterError, Phrase, Problem
from riskmodel.evidence.brief_checks import check_plan, plan_records
from riskmodel.evidence.brief_requests import ResolvedRequest, resolve_request
from riskmodel.parameters.library import Entry, Library, file_digest, load_library, with_shipped
from riskmodel.reports.brief_numbers import (
    added_table,
    attribution,
    harm_table,
    natural_table,
    needed_table,
)
from riskmodel.reports.brief_page import Page, Picture, texts
from riskmodel.reports.brief_rules import (
    changes,
    conflicts_of,
    evidence_map,
    measures_table,
    rules_table,
)
from riskmodel.reports.brief_text import DISCLAIMER, brief_page
from riskmodel.reports.brief_words import verdict_words
from riskmodel.reports.folder import move_into_place, require_free

if TYPE_CHECKING:
    import pandas as pd

    from riskmodel.reports.paper_figure import PaperFigure

RECORD = "brief.json"
SCHEMA = "riskmodel/brief-record/1"
CONTENTS = (RECORD, "brief.html", "brief.md", "brief.pdf", "figures")


@dataclass(frozen=True)
class Brief:
    """A brief before it is written.

    Parameters
    ----------
    request : ResolvedRequest
    tables : mapping of str to pandas.DataFrame
        evidence_map, natural, added, harm, needed, attribution, rules, conflicts, changes,
        measures, figures_from.
    figures : tuple of PaperFigure
    seed : int
    library : Library
    """

    request: ResolvedRequest
    tables: Mapping[str, pd.DataFrame]
    figures: tuple[PaperFigure, ...]
    seed: int
    library: Library = field(repr=False)

    def page(self, pictures: Sequence[Picture] = ()) -> Page:
        """Return the page; without pictures, its words and tables alone."""
        return brief_page(self.library, self.request, self.tables, pictures)

    def texts(self, pictures: Sequence[Picture] = ()) -> Mapping[str, str]:
        """Return HTML and Markdown by file name.

        Raises
        ------
        ParameterError
            If a label of one's own plan holds a word of a verdict.
        """
        found = texts(self.page(pictures))
        _require_no_verdict(found)
        return found

    def to_json(self) -> str:
        """Return what was asked and every table, without a date or a path; unknown is null."""
        request = self.request.request
        asked = request.model_dump(by_alias=True, exclude={"regimen"})
        record = self.request.regimen_record
        asked["regimen"] = None if record is None else record.model_dump(by_alias=True)
        tables = {name: json.loads(t.to_json(orient="records")) for name, t in self.tables.items()}
        return json.dumps(
            {
                "schema": SCHEMA,
                "note": DISCLAIMER,
                "request": asked,
                "values": dict(self.request.values),
                "notes": list(self.request.notes),
                "seed": self.seed,
                "inputs": _digests(self.library, self.request),
                "tables": tables,
            },
            indent=2,
            ensure_ascii=False,
            allow_nan=False,
            default=str,
        )


def make_brief(request: str | Path, *, params: Sequence[Path] = (), figures: bool = True) -> Brief:
    """Return the brief of a request's file.

    Parameters
    ----------
    request : str or pathlib.Path
        A YAML file of schema riskmodel/request/1.
    params : sequence of pathlib.Path
        The user's own files, laid over the shipped library: plans, evidence.
    figures : bool
        Whether to draw them.

    Returns
    -------
    Brief

    Raises
    ------
    ParameterError
        With everything that is wrong with the request or its plan.

    Examples
    --------
    >>> from riskmodel.parameters.library import shipped_folder
    >>> example = shipped_folder() / "requests" / "plexopathy_example.yaml"
    >>> brief = make_brief(example, figures=False)
    >>> brief.tables["added"]["a0"].dropna().tolist()
    [0.0, 0.2, 1.0]
    """
    library, entry = _find(Path(request), [Path(path) for path in params])
    resolved = resolve_request(library, entry)
    return brief_of(library, resolved, figures=figures)


def brief_of(library: Library, resolved: ResolvedRequest, *, figures: bool = True) -> Brief:
    """Return the brief of a request that has been resolved."""
    # Of the plan and not of the patient: two patients differ by what they are, not by their luck.
    text = resolved.plan.model_dump_json(by_alias=True)
    seed = int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % 2**31
    harm = harm_table(library, resolved, seed)
    tables = {
        "evidence_map": evidence_map(library, resolved),
        "natural": natural_table(library, resolved),
        "added": added_table(library, resolved),
        "harm": harm,
        "needed": needed_table(library, resolved, harm),
        "attribution": attribution(library, resolved, seed),
        "rules": rules_table(library, resolved),
        "conflicts": conflicts_of(library, resolved),
        "changes": changes(library, resolved),
        "measures": measures_table(library, resolved),
        "figures_from": _figures_from(library, resolved),
    }
    drawn: tuple = ()
    if figures:
        from riskmodel.reports.brief_figures import brief_figures

        drawn = tuple(brief_figures(tables, DISCLAIMER))
    return Brief(resolved, tables, drawn, seed, library)


def _find(path: Path, params: list[Path]) -> tuple[Library, Entry]:
    """Return a request's entry and the library with the user's own files, both checked."""
    own = load_library([path, *params])
    if own.problems:
        raise ParameterError(own.problems)
    library = with_shipped(own)
    found = list(library.problems)
    entries = [e for e in own.entries["request"].values() if e.document.file == path]
    if not entries and not found:
        found.append(
            Problem(
                field="schema",
                found=Phrase("no request"),
                file=path,
                allowed="a file of schema riskmodel/request/1",
                remedy="name a request's file; docs/brief.md says what may stand in it",
            )
        )
    if not found:
        plan = library.entries["brief"].get(entries[0].record.plan)
        if plan is not None:
            found += [p for p in check_plan(library, plan) if p.severity != "W"]
    if found:
        raise ParameterError(found)
    return library, entries[0]


def _figures_from(library: Library, resolved: ResolvedRequest) -> pd.DataFrame:
    """Return the records that the page's figures rest on, with source and locator."""
    import pandas as pd

    rows = []
    for name in plan_records(resolved.plan.model_copy(update={"evidence": []})):
        record = library.statement(name)
        rows.append(
            {
                "record": name,
                "status": record.status,
                "printed": record.printed or "",
                "source": record.source.key or "judgement",
                "locator": record.source.locator or "",
                "population": record.population,
            }
        )
    return pd.DataFrame(rows)


def _digests(library: Library, resolved: ResolvedRequest) -> dict[str, str]:
    """Return the digest of each file that the page rests on, by its name alone."""
    entries = [library.entries["brief"][resolved.plan.id]]
    entries.append(library.entries["problem"][resolved.problem.id])
    entries += [library.statement_entry(name) for name in plan_records(resolved.plan)]
    files = {entry.document.file for entry in entries}
    return {path.name: file_digest(path) for path in sorted(files)}


def _require_no_verdict(found: Mapping[str, str]) -> None:
    words = sorted({word.lower() for text in found.values() for word in verdict_words(text)})
    if words:
        raise ParameterError(
            [
                Problem(
                    field="brief",
                    found=Phrase(f"words of a verdict: {', '.join(words)}"),
                    allowed="labels that pass no verdict",
                    remedy="rename what your own plan or problem calls so",
                )
            ]
        )


# --- writing --------------------------------------------------------------------------------------


def write_brief(
    request: str | Path,
    out: Path,
    *,
    params: Sequence[Path] = (),
    force: bool = False,
    pdf: bool = True,
) -> list[str]:
    """Write a brief's folder: HTML, Markdown, figures, record and, where a browser is, PDF.

    Parameters
    ----------
    request : str or pathlib.Path
    out : pathlib.Path
        A new or empty folder; it appears only when it is whole.
    params : sequence of pathlib.Path
    force : bool
        Replace an earlier brief, and nothing else.
    pdf : bool
        Whether to look for a browser.

    Returns
    -------
    list of str
        What the user is to know: why there is no PDF, and how to print it.

    Raises
    ------
    ParameterError
        With everything that is wrong.
    """
    out = Path(out)
    if not (force and _is_brief(out)):
        require_free(out, force=False)
    brief = make_brief(request, params=params)
    part = out.with_name(f".{out.name}.part-{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        messages = _write(brief, part, pdf)
        if out.exists() and not any(out.iterdir()):
            out.rmdir()
        move_into_place(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return messages


def _write(brief: Brief, folder: Path, pdf: bool) -> list[str]:
    from riskmodel.reports.brief_figures import inline_svg, save_figures
    from riskmodel.reports.brief_pdf import print_pdf

    save_figures(list(brief.figures), folder / "figures")
    pictures = [
        Picture(
            figure.name,
            figure.caption.removesuffix(DISCLAIMER).strip(),
            figure.alt_text,
            inline_svg(folder / "figures" / f"{figure.name}.svg", figure.name, figure.alt_text),
        )
        for figure in brief.figures
    ]
    for name, text in brief.texts(pictures).items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / RECORD).write_text(brief.to_json() + "\n", encoding="utf-8")
    message = print_pdf(folder / "brief.html", folder / "brief.pdf") if pdf else None
    return [message] if message else []


def _is_brief(out: Path) -> bool:
    """Say whether a folder holds an earlier brief and nothing else."""
    try:
        known = json.loads((out / RECORD).read_bytes())["schema"] == SCHEMA
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return known and {path.name for path in out.iterdir()} <= set(CONTENTS)
