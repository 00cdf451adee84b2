"""Looking things up: what the library holds, and one thing of it whole."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from riskmodel.errors import ParameterError, Problem, did_you_mean
from riskmodel.parameters.library import Library
from riskmodel.parameters.schema import DecisionProblem, Estimate, Record


def print_list(library: Library, console: Console) -> None:
    """Print every named thing of a library, by kind."""
    for kind, entries in library.entries.items():
        table = Table(title=kind, title_justify="left", box=None, padding=(0, 1), show_header=False)
        table.add_column(no_wrap=True)
        table.add_column()
        for name, entry in sorted(entries.items()):
            table.add_row(name, escape(headline(entry.record)))
        console.print(table)


def headline(record: Record) -> str:
    """Return one line about a record."""
    if isinstance(record, DecisionProblem):
        return record.question
    if isinstance(record, Estimate):
        return f"{record.outcome}: {record.printed or f'{record.number:g}'} ({record.status})"
    return getattr(record, "label", None) or getattr(record, "citation", "")


def print_record(library: Library, name: str, console: Console) -> None:
    """Print one thing of a library whole, with the file it stands in and what uses it.

    Raises
    ------
    ParameterError
        If nothing has this id.
    """
    found = [(kind, entries[name]) for kind, entries in library.entries.items() if name in entries]
    if not found:
        known = [key for entries in library.entries.values() for key in entries]
        raise ParameterError(
            [
                Problem(
                    field="id",
                    found=name,
                    allowed="an id that `riskmodel list` shows",
                    remedy=did_you_mean(name, known),
                )
            ]
        )
    for kind, entry in found:
        line, _ = entry.document.position(entry.location)
        where = escape(f"{entry.document.file}:{line}")
        console.print(f"[bold]{kind} {name}[/bold]  {where}", soft_wrap=True)
        data = entry.record.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)
        _print_tree(data, console)
        if isinstance(entry.record, Estimate):
            _print_source(library, entry.record, console)
            _print_uses(library, name, console)
        if isinstance(entry.record, DecisionProblem):
            _print_priors(library, entry.record, console)


def _print_tree(data: object, console: Console, depth: int = 1) -> None:
    pad = "  " * depth
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        mark = "-" if isinstance(key, int) else f"{key}:"
        if isinstance(value, dict | list) and value and depth < 6:
            if all(not isinstance(v, dict | list) for v in value) and isinstance(value, list):
                text = ", ".join(map(str, value))
                console.print(f"{pad}{mark} {text}", highlight=False, markup=False)
                continue
            console.print(f"{pad}{mark}", highlight=False)
            _print_tree(value, console, depth + 1)
        else:
            text = " ".join(str(value).split())
            console.print(f"{pad}{mark} {text}", highlight=False, markup=False)


def _print_uses(library: Library, name: str, console: Console) -> None:
    uses = [
        f"{problem.id}, prior {prior}"
        for problem in library.records("problem").values()
        for prior, specification in problem.priors.items()
        if name in specification.from_
    ]
    shown = [
        f"{problem.id}, published strata"
        for problem in library.records("problem").values()
        if problem.published_strata
        and any(
            name in (row.risk_difference, row.number_needed_to_treat)
            for row in problem.published_strata.rows
        )
    ]
    console.print(f"  used by: {'; '.join([*uses, *shown]) or 'no problem'}", highlight=False)


def _print_source(library: Library, estimate: Estimate, console: Console) -> None:
    if estimate.source.key is None:
        return
    source = library.records("source")[estimate.source.key]
    places = [f"doi:{source.doi}" if source.doi else "", source.url or ""]
    lines = [source.citation, *filter(None, places), f"read: {source.read} ({source.role})"]
    console.print("  cited from:", highlight=False)
    for line in lines:
        console.print(f"    {line}", highlight=False, markup=False, soft_wrap=True)


def _print_priors(library: Library, problem: DecisionProblem, console: Console) -> None:
    """Print each prior with its badge and what it rests on, names whole."""
    estimates: dict[str, Estimate] = library.records("estimate")
    console.print("  what the priors rest on:", highlight=False)
    for name, specification in problem.priors.items():
        console.print(f"    {name} ({specification.badge or 'data'})", highlight=False)
        for key in specification.from_:
            estimate = estimates[key]
            where = estimate.source.key or f"judgement of {estimate.source.judgement.whose}"
            printed = estimate.printed or f"{estimate.number:g}"
            line = f"      {key}: {printed}; {where} ({estimate.status})"
            console.print(line, highlight=False, markup=False, soft_wrap=True)
