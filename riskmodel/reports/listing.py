"""What the library holds, a line each: by kind, topic, status or source."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import get_args

from rich.console import Console

from riskmodel.errors import ParameterError, Problem, did_you_mean
from riskmodel.parameters.library import KINDS, STATEMENTS, Entry, Library
from riskmodel.parameters.schema import (
    Contradiction,
    DecisionProblem,
    Estimate,
    NotEncodedFile,
    Profile,
    Record,
    Regimen,
    Source,
    SourceReference,
    Statement,
    Status,
)

PIPED_WIDTH = 160  # where no terminal reads
SHOWN_AT_MOST = 20  # names in one message
SHORTEST = 24  # what is left of a figure in a narrow terminal


def list_records(
    library: Library,
    *,
    kind: str | None = None,
    topic: str | None = None,
    status: str | None = None,
    source: str | None = None,
) -> list[dict]:
    """Return one row a named thing of a library; filters combine.

    Parameters
    ----------
    library : Library
    kind : str, optional
        One of :data:`riskmodel.parameters.library.KINDS`.
    topic : str, optional
        The ``topic:`` of an evidence file.
    status : str, optional
        Such as "seen_primary".
    source : str, optional
        The key of the source that a record cites.

    Returns
    -------
    list of dict
        ``kind``, ``id``, ``topic``, ``about``, ``printed``, ``status``, ``source``, ``file`` and
        ``line``, in the order of kinds and ids; what does not apply is None.

    Raises
    ------
    ParameterError
        With every filter that the library does not know.

    Examples
    --------
    >>> from riskmodel.parameters.library import load_library
    >>> [row["id"] for row in list_records(load_library(), kind="problem")][0]
    'cidp_plex'
    """
    topics = {_topic(e) for k in STATEMENTS.values() for e in library.entries[k].values()}
    asked = {
        "kind": (kind, KINDS),
        "topic": (topic, sorted(topics - {None})),
        "status": (status, get_args(Status)),
        "source": (source, sorted(library.entries["source"])),
    }
    faults = [
        unknown(name, value, known)
        for name, (value, known) in asked.items()
        if value is not None and value not in known
    ]
    if faults:
        raise ParameterError(faults)
    wanted = {name: value for name, (value, _) in asked.items() if value is not None}
    return [
        row
        for kind_, entries in library.entries.items()
        for name, entry in sorted(entries.items())
        if _matches(row := summary(kind_, name, entry), wanted)
    ]


def unknown(
    field: str,
    found: str,
    known: Collection[str],
    allowed: str = "",
    listed_by: str = "`riskmodel list`",
) -> Problem:
    """Return the message about a name that is none of those known; long lists stay unprinted."""
    few = len(known) <= SHOWN_AT_MOST
    remedy = did_you_mean(found, known)
    if not few and not remedy.startswith("did you mean"):
        remedy = f"{listed_by} shows them all"
    allowed = allowed or (", ".join(known) if few else f"one of the {len(known)} known")
    return Problem(field=field, found=found, allowed=allowed, remedy=remedy)


def _matches(row: dict, wanted: dict) -> bool:
    return all(row[name] == value for name, value in wanted.items())


def _topic(entry: Entry) -> str | None:
    """Return the topic of an evidence file; a problem in one file has none."""
    return entry.document.value.get("topic")


def summary(kind: str, name: str, entry: Entry) -> dict:
    """Return one row about a named thing: what it is about, printed, status, source, place."""
    record = entry.record
    line, _ = entry.document.position(entry.location)
    return {
        "kind": kind,
        "id": name,
        "topic": _topic(entry),
        "about": about(record, name),
        "printed": printed(record),
        "status": getattr(record, "status", None),
        "source": _source(getattr(record, "source", None)),
        "file": str(entry.document.file),
        "line": line,
    }


def about(record: Record, name: str) -> str:
    """Return in a line what a record is about."""
    if isinstance(record, NotEncodedFile):
        return _one_line(record.readings[name])
    if isinstance(record, Contradiction):
        state = "resolved" if record.resolution else "open"
        return f"{' / '.join(record.between)}: {', '.join(record.differ_in)} ({state})"
    if isinstance(record, DecisionProblem):
        return _one_line(record.question)
    if isinstance(record, Source):
        return record.citation + (" [tertiary source]" if record.role == "tertiary" else "")
    if isinstance(record, Profile):
        values = ", ".join(
            f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in record.values.items()
        )
        return f"{record.label}: {values}"
    if isinstance(record, Estimate):
        return record.outcome
    if isinstance(record, Regimen):
        return record.treatment
    text = getattr(record, "statement", None) or getattr(record, "label", None)
    return _one_line(text or getattr(record, "population", ""))


def printed(record: Record) -> str | None:
    """Return the figure as it stands in the source, or else the number itself."""
    if not isinstance(record, Statement):
        return None
    if record.printed is None and isinstance(record, Estimate):
        return f"{record.number:g}"
    return None if record.printed is None else _one_line(record.printed)


def _source(source: SourceReference | None) -> str | None:
    return source.key if source else None


def _one_line(text: str) -> str:
    return " ".join(text.split())


def print_list(rows: Iterable[dict], console: Console) -> None:
    """Print rows of :func:`list_records` under their kinds: id, figure, status, source.

    One line each; long texts are cut, and whole in `riskmodel show` and in JSON.
    """
    rows = list(rows)
    for kind in dict.fromkeys(row["kind"] for row in rows):
        mine = [_columns(row) for row in rows if row["kind"] == kind]
        widths = [max(len(row[i]) for row in mine) for i in range(4)]
        room = (console.width if console.is_terminal else PIPED_WIDTH) - sum(widths) + widths[1] - 8
        widths[1] = max(min(widths[1], room), SHORTEST)
        console.print(f"{kind} ({len(mine)})", style="bold", highlight=False)
        for columns in mine:
            cells = [_cut(text, width) for text, width in zip(columns, widths, strict=True)]
            line = "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
            console.print(f"  {line.rstrip()}", highlight=False, markup=False, soft_wrap=True)
    if not rows:
        console.print("nothing in the library fits all of these", highlight=False)


def _columns(row: dict) -> tuple[str, str, str, str]:
    origin = row["source"] or ("judgement" if row["status"] else "")
    return row["id"], row["printed"] or row["about"], row["status"] or "", origin


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
