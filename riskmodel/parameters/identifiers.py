"""Finds text that may name a patient. It says where, and never what: the text is not repeated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from riskmodel.errors import ParameterError, Phrase, Problem
from riskmodel.parameters.marked_yaml import Location, MarkedDocument

_MONTH = (
    "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
    "|(?:januar|februar|märz|mai|juni|juli|oktober|dezember)"
)
_DATE = (
    r"(?:\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})\b|\b\d{4}[./-]\d{1,2}[./-]\d{1,2}"
    rf"|\b\d{{1,2}}\.?\s{{1,3}}(?i:{_MONTH})\.?,?\s{{1,3}}\d{{4}}"
    rf"|\b(?i:{_MONTH})\.?\s{{1,3}}\d{{1,2}},?\s{{1,3}}\d{{4}})"
)
_NAME = r"[A-ZÀ-Þ][a-zà-ÿ'’-]{1,40}"
_BORN = r"(?i:\b(?:date of birth|birth ?date|born(?: on)?|d\.?o\.?b\b\.?|geb(?:oren)?\b\.?))"
_RECORD = (
    r"(?i:\b(?:mrn|medical record(?: number| no)?|(?:patient|hospital|chart|record|insurance|case)"
    r"[ -]?(?:id|number|no)|nhs(?: number| no)?|social security(?: number| no)?|ssn))\b"
)

# Words that start with a capital and are no names, in front of a date.
_NOT_NAMES = r"(?!(?:Last|First|Table|Figure|Page|Section|Accessed|Updated|Published|Read|Seen)\b)"

# In any text. A record number has four digits or more, so that "patient no 3" passes.
_ANYWHERE: tuple[tuple[str, re.Pattern], ...] = (
    ("a date of birth", re.compile(rf"{_BORN}[\s:=#-]{{0,4}}(?:on\s+)?{_DATE}")),
    ("a record number", re.compile(rf"{_RECORD}\s*[.:=#]*\s*[A-Z]{{0,3}}-?(?=(?:[ -]?\d){{4}})")),
    ("an insurance number", re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")),
    ("an e-mail address", re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.\w")),
)
# Where no citation stands: there, a person beside a date is an author beside a publication.
_OUTSIDE_CITATIONS = (
    (
        "a name with a date",
        re.compile(
            rf"(?:\b(?i:mr|mrs|ms|miss|patient|pt)\.?\s+{_NAME}|\b{_NOT_NAMES}{_NAME}"
            rf"(?:\s+[A-Z]\.?)?,?\s+{_NAME})[\s,;:(*]{{1,4}}(?:{_BORN}[\s:]*)?{_DATE}"
        ),
    ),
    (
        "a name with a date",
        re.compile(rf"{_DATE}[\s,;:)]{{1,4}}(?i:mr|mrs|ms|miss|patient|pt)\.?\s+{_NAME}"),
    ),
)


def likely_identifier(text: str, *, kind: Literal["text", "citation"] = "text") -> str | None:
    """Return what a text seems to hold that could name a patient, or None.

    Parameters
    ----------
    text : str
    kind : {"text", "citation"}
        In a citation, names and dates stand side by side by nature.

    Examples
    --------
    >>> likely_identifier("seen on the ward, MRN 0012345")
    'a record number'
    >>> likely_identifier("Example A. J Ex, 3 March 2022", kind="citation")
    """
    if not re.search(r"[\d@]", text):
        return None
    rules = _ANYWHERE if kind == "citation" else (*_ANYWHERE, *_OUTSIDE_CITATIONS)
    return next((what for what, pattern in rules if pattern.search(text)), None)


def check_identifiers(document: MarkedDocument) -> list[Problem]:
    """Return the places of a file, values and comments, whose text may name a patient.

    Parameters
    ----------
    document : MarkedDocument

    Returns
    -------
    list of Problem
        By position only; no message holds the text.
    """
    return [*_in_values(document), *_in_comments(document)]


_YEAR = r"(?:19|20)\d\d"
_CALENDAR = re.compile(
    rf"{_DATE}|\b(?i:{_MONTH})\.?,?\s{{0,3}}{_YEAR}\b|\b\d{{1,2}}[./-]{_YEAR}\b|\b{_YEAR}-\d{{1,2}}\b"
    rf"|\A\s*(?:(?i:since|in|from)\s+)?{_YEAR}\s*\Z"
)


def refuse_what_names(document: MarkedDocument) -> None:
    """Refuse a request that may name its patient, by an identifier or by a calendar date.

    Parameters
    ----------
    document : MarkedDocument

    Raises
    ------
    ParameterError
        By position only; no message holds the text.
    """
    found = check_identifiers(document)
    told = {(problem.line, problem.column) for problem in found}
    dates = [
        document.problem(
            location,
            found=Phrase("text that looks like a calendar date, not repeated here"),
            allowed="a time since the onset: {value: 8, unit: month}",
            remedy="dates identify a patient: count from the onset of the disease",
        )
        for location, text in _texts(document.value, ())
        if _CALENDAR.search(text)
    ]
    found += [fault for fault in dates if (fault.line, fault.column) not in told]
    if found:
        raise ParameterError(found)


def _fault(what: str) -> dict:
    return {
        "found": Phrase(f"text that looks like {what}, not repeated here"),
        "allowed": "nothing that could name a patient",
        "remedy": "take it out of the file, and of every copy",
    }


def _in_values(document: MarkedDocument) -> Iterator[Problem]:
    for location, text in _texts(document.value, ()):
        cited = "sources" in location or location[-1:] == ("locator",)
        what = likely_identifier(text, kind="citation" if cited else "text")
        if what:
            yield document.problem(location, **_fault(what))


def _texts(value: object, location: Location) -> Iterator[tuple[Location, str]]:
    if isinstance(value, str):
        yield location, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _texts(part, (*location, key))
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from _texts(part, (*location, i))


def _in_comments(document: MarkedDocument) -> Iterator[Problem]:
    """Yield a fault for each comment on a line of its own, or after a value."""
    try:
        text = document.file.read_text(encoding="utf-8-sig")
    except OSError:  # read once already; it may be gone by now
        return
    kind = "citation" if "sources:" in text else "text"
    for number, line in enumerate(text.splitlines(), start=1):
        match = re.search(r"(?:^|\s)#(.*)", line)
        what = likely_identifier(match[1], kind=kind) if match else None
        if match and what and not _is_value(document, number):
            yield Problem(
                field="", file=document.file, line=number, column=match.start() + 1, **_fault(what)
            )


def _is_value(document: MarkedDocument, number: int) -> bool:
    """Say whether a flagged value starts on a line, so that it is not reported twice."""
    return any(
        document.position(location)[0] == number and likely_identifier(text)
        for location, text in _texts(document.value, ())
    )
