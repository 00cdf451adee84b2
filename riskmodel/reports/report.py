"""A run as one HTML page that opens without a network: results, methods, provenance, checklist."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from riskmodel.errors import ParameterError, Phrase, Problem
from riskmodel.reports.checklists import METHOD, Checklist, checklist_named, fill
from riskmodel.reports.method_text import method_text
from riskmodel.reports.page import anchor, bullets, heading, page, paragraph, table
from riskmodel.reports.paper_run import PaperRun
from riskmodel.reports.table_titles import TITLES, title_of
from riskmodel.reports.trace import RunFolder
from riskmodel.reports.traced_cells import TraceBook, cell_id

PAGE = "report.html"
_FIRST = (  # before the figures
    "absolute_effects",
    "mean_differences",
    "not_estimable",
    "net_benefit",
    "benefit_needed",
    "break_even_weight",
)
_RESTS = ("share_by_badge", "share_by_input", "contradictions", "rules")
_LAST = ("provenance", "diagnostics")
_FIGURES, _RESTS_ON, _NOTES = "Figures", "What the answer rests on", "Notes"


def write_report(folder: Path, record: Mapping[str, Any], checklist: str | None = None) -> Path:
    """Write ``report.html`` into a run's folder that holds its tables and figures already.

    Parameters
    ----------
    folder : Path
    record : mapping
        What stands, or will stand, in its ``run.json``.
    checklist : str, optional
        One of :data:`riskmodel.reports.checklists.CHECKLISTS`.

    Returns
    -------
    Path
    """
    path = Path(folder) / PAGE
    _write(path, report_page(RunFolder(Path(folder), record), checklist))
    return path


def report(run: Path | RunFolder, *, checklist: str | None = None, out: Path | None = None) -> Path:
    """Write the report of a finished run.

    Parameters
    ----------
    run : Path or RunFolder
        A folder that :func:`riskmodel.run_problem` wrote.
    checklist : {"barg", "robust", "path", "cheers-voi"}, optional
        A reporting checklist to fill as far as the run proves it.
    out : Path, optional
        The page; None is ``report.html`` in the run, in place of the one there.

    Returns
    -------
    Path

    Raises
    ------
    ParameterError
        If there is no run in the folder, no such checklist, or the page cannot stand at `out`.
    """
    opened = RunFolder.open(run)
    path = opened.folder / PAGE if out is None else Path(out)
    if path.is_dir():
        raise ParameterError(
            [
                Problem(
                    field="out",
                    found=Phrase(f"{path}, a folder"),
                    allowed="a file that ends in .html",
                    remedy=f"write {path / PAGE}",
                )
            ]
        )
    text = report_page(opened, checklist)
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, text)
    return path


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def report_page(run: RunFolder, checklist: str | None = None) -> str:
    """Return the page of a run as HTML.

    Parameters
    ----------
    run : RunFolder
    checklist : str, optional

    Returns
    -------
    str
        It refers to nothing outside itself; every number of a table has the id that
        ``riskmodel trace`` takes, and shows its trace when it is pointed at or focused.

    Raises
    ------
    ParameterError
        If there is no such checklist.
    """
    asked = None if checklist is None else checklist_named(checklist)
    return _Report(run).html(asked)


class _Report:
    """One page in the making: its sections, and the traces of its numbers."""

    def __init__(self, run: RunFolder):
        self.run = run
        self.paper = PaperRun(run)
        self.book = TraceBook(run)
        self.labels = _labels(self.paper)

    def html(self, checklist: Checklist | None) -> str:
        sections = list(self.sections())
        if checklist is not None:
            found = [anchor(title) for title, _ in sections]
            found += [anchor(_method_title(part.title)) for part in method_text(self.paper)]
            sections.append((checklist.title, self.checklist(checklist, found)))
        body = [self.top(), _contents(sections)]
        body += [heading(title) + text for title, text in sections]
        return page(self.run.record["problem"], body, self.book.as_json())

    def top(self) -> str:
        record = self.run.record
        parts = [f"<h1>{escape(record['question'])}</h1>"]
        if is_unconverged(record):
            parts.append(
                paragraph("NOT CONVERGED: the numbers of this page are not to be used.", "warning")
            )
        parts.append(f"<p>{_heading(record)}</p>")
        return "".join(parts)

    def sections(self) -> Iterator[tuple[str, str]]:
        """Return every section with its title, in the order of the page."""
        names = list(self.run.tables)
        order = [name for name in _FIRST if name in names]
        later = [name for name in (*_RESTS, *_LAST) if name in names]
        middle = [n for n in [*TITLES, *names] if n in names and n not in (*order, *later)]
        if self.run.record["notes"]:
            notes = "".join(paragraph(note, "note") for note in self.run.record["notes"])
            yield _NOTES, notes
        yield from self.tables(order)
        yield _RESTS_ON, self.rests_on()
        yield from self.tables(name for name in later if name in _RESTS)
        figures = "".join(self.figures())
        if figures:
            yield _FIGURES, figures
        yield from self.tables(dict.fromkeys(middle))
        yield METHOD, self.methods()
        yield from self.tables(name for name in later if name in _LAST)

    def tables(self, names) -> Iterator[tuple[str, str]]:
        for name in names:
            text = self.table(name)
            if text:
                yield title_of(name), text

    def table(self, name: str) -> str:
        card, rows = self.run.rows(name)
        ids = []
        for key, row in rows.items():
            self.book.add(name, card, key, row)
            ids.append(
                {
                    column: cell_id(name, key, column)
                    for column, text in row.items()
                    if self.book.traced(card, column, text)
                }
            )
        shown = list(rows.values())
        return table(title_of(name), shown, keys=card.keys, ids=ids, labels=self.labels)

    def rests_on(self) -> str:
        """Return the share of the conclusion that rests on what is no data."""
        parts = [paragraph(line) for line in shares(self.paper)]
        return "".join(parts) + bullets(_not_data(self.paper))

    def figures(self) -> Iterator[str]:
        folder = self.run.folder / "figures"
        drawn = [name for name in self.run.record.get("figures") or []]
        others = sorted(path.stem for path in folder.glob("*.svg")) if folder.is_dir() else []
        for name in dict.fromkeys([*drawn, *others]):
            image, words = folder / f"{name}.svg", folder / f"{name}.txt"
            if not image.exists() or not words.exists():
                yield paragraph(f"The figure {name} is no longer in the run's folder.", "note")
                continue
            caption, _, alternative = words.read_text(encoding="utf-8").partition("\n\nAlt text\n")
            data = base64.b64encode(image.read_bytes()).decode()
            yield (
                f'<figure><img alt="{escape(" ".join(alternative.split()))}" '
                f'src="data:image/svg+xml;base64,{data}">'
                f"<figcaption>{escape(caption.removeprefix('Caption').strip())}</figcaption>"
                "</figure>"
            )

    def methods(self) -> str:
        parts = [paragraph("Made from this run's record, its problem and its tables.")]
        for part in method_text(self.paper):
            parts.append(heading(part.title, level=3, name=_method_title(part.title)))
            parts += map(paragraph, part.paragraphs)
            parts.append(bullets(part.items))
        return "".join(parts)

    def checklist(self, checklist: Checklist, sections: list[str]) -> str:
        rows = []
        for answer in fill(checklist, self.paper, sections):
            proofs = "".join(
                f'<li>{escape(proof.text)} (<a href="#{anchor(proof.where)}">'
                f"{escape(proof.where)}</a>)</li>"
                for proof in answer.proofs
            )
            left = f'<p class="open">Author to complete: {escape(answer.left)}</p>'
            rows.append(
                f'<tr><th scope="row">{escape(answer.item.name)}</th>'
                f'<td class="long">{escape(answer.item.asks)}</td>'
                f'<td class="status">{escape(answer.status)}</td>'
                f'<td class="long">{f"<ul>{proofs}</ul>" if proofs else ""}'
                f"{left if answer.left else ''}</td></tr>"
            )
        heads = "".join(
            f'<th scope="col">{name}</th>'
            for name in ("item", "what it asks", "status", "where it stands, and what is left")
        )
        return (
            f"{paragraph(checklist.about)}"
            f'<div class="table" role="region" aria-label="{escape(checklist.title)}" '
            f'tabindex="0"><table><thead><tr>{heads}</tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table></div>"
        )


def _method_title(title: str) -> str:
    return f"{METHOD}: {title}"


def is_unconverged(record: Mapping[str, Any]) -> bool:
    """Say whether a run was written although it had not converged."""
    posterior = record.get("posterior") or {}
    return bool(record.get("unconverged") or posterior.get("unconverged"))


def _labels(paper: PaperRun) -> dict[str, dict[str, str]]:
    """Return what is shown in place of an id, by column."""
    problem = paper.problem
    options = {name: paper.option(name) for name in problem.get("options") or {}}
    outcomes = {name: paper.outcome(name) for name in problem.get("outcomes") or {}}
    composites = {name: paper.composite(name)[0] for name in problem.get("composites") or {}}
    return {
        "option": options,
        "outcome": outcomes,
        "other": {**outcomes, "any": "at least one of these events"},
        "composite": composites,
    }


def _contents(sections: list[tuple[str, str]]) -> str:
    links = "".join(
        f'<li><a href="#{anchor(title)}">{escape(title)}</a></li>' for title, _ in sections
    )
    how = (
        "Point at a number, tap it, or go to it with Tab and the arrow keys, and its trace shows: "
        "formula, priors, sources. Escape closes it."
    )
    return (
        f'<nav aria-label="Contents"><ul>{links}</ul></nav>'
        f'<p class="screen">{how}</p><noscript><p>Without scripts, `riskmodel trace RUN ID` shows '
        "it: each number has its id in the page.</p></noscript>"
    )


def _heading(record: Mapping[str, Any]) -> str:
    """Return what was run: horizon, seed, draws and whose weights, as far as there are any."""
    posterior, panel = record["posterior"], record["preferences"]
    drawn = "nothing was sampled: the sources allow no contrast"
    if posterior:
        drawn = f"seed {posterior['seed']}, {posterior['draws']} draws"
    weights = "no weights"
    if panel:
        weights = f"Weights: {escape(panel['id'])}; whose: {escape(panel.get('whose', ''))}"
    return (
        f"{escape(record['disclaimer'])} Problem <code>{escape(record['problem'])}</code>, "
        f"horizon {escape(record['horizon'])}, {drawn}. {weights}."
    )


# --- what is no data ----------------------------------------------------------------------------

_NO_DATA = ("assumed", "elicited", "transported")


def shares(paper: PaperRun) -> list[str]:
    """Return in sentences how much rests on assumed, elicited and transported inputs.

    Parameters
    ----------
    paper : PaperRun

    Returns
    -------
    list of str
        Of the distributions in use; and of the variance of net benefit, for each patient and
        option, where there is a net benefit.
    """
    badges = list(paper.badges().values())
    if not badges:
        return ["No distribution is in use: nothing was computed from priors."]
    counted = ", ".join(f"{badges.count(name)} {name}" for name in _NO_DATA if name in badges)
    lines = [
        f"Of {len(badges)} distributions in use, {badges.count('data')} rest on data"
        + (f"; {counted}." if counted else ".")
    ]
    found: dict[tuple[str, str], dict[str, float]] = {}
    for row in paper.rows("share_by_badge"):
        share = float(row["variance_share"])
        found.setdefault((row["profile"], row["option"]), {})[row["badge"]] = share
    for (profile, option), by_badge in found.items():
        rest = sum(by_badge.get(name, 0.0) for name in _NO_DATA)
        told = ", ".join(f"{name} {by_badge[name]:.1%}" for name in _NO_DATA if name in by_badge)
        lines.append(
            f"Of the variance of net benefit of {paper.option(option)} for {paper.who(profile)}, "
            f"{by_badge.get('data', 0.0):.1%} goes with inputs from data and {rest:.1%} with "
            f"others{f' ({told})' if told else ''}; the remainder belongs to inputs together, or "
            "to chance in the estimate. A small share says that the declared spread matters "
            "little, not that the declared place does."
        )
    panel = paper.record.get("preferences")
    if panel and panel.get("status") == "judgement":
        lines.append(
            f"The weights are a judgement of {panel['whose']}: no share of the variance stands "
            "for them."
        )
    return lines


def _not_data(paper: PaperRun) -> list[str]:
    """Return each input that is no data, with whose it is."""
    lines: dict[str, None] = {}
    for row in paper.rows("provenance"):
        if row["badge"] in _NO_DATA:
            why = " ".join((row["because"] or row["rule"]).split())
            lines[f"{row['prior']} [{row['badge']}]: {why}"] = None
    return list(lines)
