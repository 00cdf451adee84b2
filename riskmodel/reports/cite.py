"""A reference for what the library holds: as BibTeX, as a line in Vancouver style, as CSL-JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from riskmodel.errors import ParameterError, Phrase, Problem
from riskmodel.parameters.library import Library
from riskmodel.parameters.schema import (
    Contradiction,
    DecisionProblem,
    Panel,
    Record,
    Source,
    SourceReference,
    Statement,
)
from riskmodel.reports.listing import unknown
from riskmodel.reports.show import known_ids, named

FORMATS = ("vancouver", "bibtex", "csl-json")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Author(NamedTuple):
    """A person's family name, initials and suffix; or a name of other shape in `literal`."""

    family: str = ""
    initials: str = ""
    suffix: str = ""
    literal: str = ""


@dataclass(frozen=True)
class Cited:
    """The sources behind an id, and the judgements that have no source.

    Parameters
    ----------
    sources : dict of str to Source
    locators : dict of str to list of str
        Where in each source the records behind the id stand.
    judgements : list of str
        A line each: whose, and why.
    """

    sources: dict[str, Source]
    locators: dict[str, list[str]]
    judgements: list[str]


# --- what an id rests on ------------------------------------------------------------------------


def cited_by(library: Library, name: str) -> Cited:
    """Return the sources and judgements behind any id of a library.

    Parameters
    ----------
    library : Library
    name : str
        A source's key; a record or a split reading, for its sources; a contradiction, for those
        of its sides; a problem, for all it uses.

    Raises
    ------
    ParameterError
        If nothing has this id, or it cites nothing.

    Examples
    --------
    >>> from riskmodel.parameters.library import load_library
    >>> list(cited_by(load_library(), "rr_eskd_12m").sources)
    ['walsh2022']
    """
    found = named(library, name)
    if not found:
        fault = unknown("id", name, known_ids(library), "an id that `riskmodel list` shows")
        raise ParameterError([fault])
    cited = Cited({}, {}, [])
    for _, key, entry in found:
        if isinstance(entry.record, Source):
            cited.sources[key] = entry.record
        for reference in _references(library, entry.record):
            _add(cited, library, reference)
    if not cited.sources and not cited.judgements:
        raise ParameterError(
            [
                Problem(
                    field="id",
                    found=Phrase(f"{name}, a {found[0][0]} that cites nothing"),
                    allowed="a source, a statement, a contradiction, a panel or a problem",
                    remedy=f"`riskmodel show {name}` tells what names it",
                )
            ]
        )
    return cited


def _references(library: Library, record: Record) -> Iterable[SourceReference]:
    """Return where each figure behind a record stands."""
    if isinstance(record, Statement):
        return [record.source]
    if isinstance(record, Contradiction):
        return [part for side in record.between for part in _of_id(library, side)]
    if isinstance(record, Panel):
        judged = {"judgement": {"whose": record.whose, "why": record.why}}
        return [record.source or SourceReference.model_validate(judged)]
    if isinstance(record, DecisionProblem):
        return _of_problem(library, record)
    return []


def _of_id(library: Library, name: str) -> list[SourceReference]:
    return [
        entry.record.source
        for _, _, entry in named(library, name)
        if isinstance(entry.record, Statement)
    ]


def _of_problem(library: Library, problem: DecisionProblem) -> list[SourceReference]:
    names = [name for prior in problem.priors.values() for name in prior.from_]
    strata = problem.published_strata.rows if problem.published_strata else []
    names += [n for row in strata for n in (row.risk_difference, row.number_needed_to_treat) if n]
    names += problem.evidence
    rules = [rule.source for option in problem.options.values() for rule in option.not_for]
    panel = problem.preferences and library.records("preferences").get(problem.preferences.default)
    return [
        *(part for name in dict.fromkeys(names) for part in _of_id(library, name)),
        *filter(None, rules),
        *(_references(library, panel) if panel else ()),
    ]


def _add(cited: Cited, library: Library, reference: SourceReference) -> None:
    if reference.judgement is not None:
        line = f"judgement of {reference.judgement.whose}: {_one_line(reference.judgement.why)}"
        if line not in cited.judgements:
            cited.judgements.append(line)
    source = library.records("source").get(reference.key)
    if source is None:
        return
    cited.sources[reference.key] = source
    places = cited.locators.setdefault(reference.key, [])
    if reference.locator and reference.locator not in places:
        places.append(reference.locator)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def require_format(name: str) -> str:
    """Return the name of a citation format, or refuse it."""
    if name not in FORMATS:
        raise ParameterError([unknown("format", name, FORMATS)])
    return name


def render(cited: Cited, style: str) -> str:
    """Return citations as text: for BibTeX and Vancouver with the judgements said beside them.

    CSL-JSON is a list of items and can hold no remark: there, judgements are left out.
    """
    if require_format(style) == "csl-json":
        items = [csl_item(key, source) for key, source in cited.sources.items()]
        return json.dumps(items, indent=2, ensure_ascii=False)
    if style == "bibtex":  # what stands between entries is a remark, unless it holds an @
        remarks = [f"% no citation: {line.replace('@', '(at)')}" for line in cited.judgements]
        return "\n\n".join([*(bibtex(*item) for item in cited.sources.items()), *remarks])
    lines = [vancouver(source) for source in cited.sources.values()]
    return "\n".join([*lines, *(f"No citation: {line.rstrip('.')}." for line in cited.judgements)])


def as_data(name: str, cited: Cited, style: str) -> dict:
    """Return citations with their keys and locators as plain data."""
    makers = {
        "bibtex": bibtex,
        "csl-json": csl_item,
        "vancouver": lambda _, source: vancouver(source),
    }
    make = makers[require_format(style)]
    return {
        "schema": "riskmodel/cite/1",
        "id": name,
        "format": style,
        "citations": [
            {"key": key, "locators": cited.locators.get(key, []), "citation": make(key, source)}
            for key, source in cited.sources.items()
        ],
        "judgements": cited.judgements,
    }


# --- the parts of a reference -------------------------------------------------------------------


def parse_author(text: str) -> Author:
    """Return an author's name in parts: family name first, initials last, as indexes print it.

    Examples
    --------
    >>> parse_author("van Eijk JJJ")
    Author(family='van Eijk', initials='JJJ', suffix='', literal='')
    >>> parse_author("Soares Ferreira Jr A").suffix
    'Jr'
    >>> parse_author("A Study Group").literal
    'A Study Group'
    """
    match = re.fullmatch(r"(.+?)(?: (Jr|Sr|II|III|IV))? ([A-Z](?:-?[A-Z]){0,4})", text.strip())
    if match is None:
        return Author(literal=text.strip())
    return Author(match[1], match[3], match[2] or "")


def is_others(author: str) -> bool:
    """Say whether an entry in a list of authors stands for those not named."""
    return author.strip().rstrip(".").lower() in ("et al", "and others")


def _dotted(initials: str) -> str:
    return " ".join(f"{letter}." for letter in initials if letter != "-")


def is_article(source: Source) -> bool:
    """Say whether a source is an article: of some date or volume of a journal or series."""
    return bool(source.container and (source.date or source.volume) and not source.publisher)


def what_was_read(source: Source) -> str:
    """Return what of a source was read, with its badge and note, for the note of a reference."""
    parts = [f"Read: {_one_line(source.read)}"]
    if source.role == "tertiary":
        parts.append("tertiary source")
    if source.note:
        parts.append(_one_line(source.note))
    return "; ".join(parts)


def _title(source: Source) -> str | None:
    """Return the title, or what stands for it where a reference cannot be without one."""
    if source.title or is_article(source):
        return source.title
    return source.citation


# --- BibTeX -------------------------------------------------------------------------------------

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def escape(text: str) -> str:
    r"""Return text that LaTeX prints as it stands.

    Examples
    --------
    >>> print(escape("5% of a_b & {c}"))
    5\% of a\_b \& \{c\}
    """
    return "".join(_ESCAPES.get(character, character) for character in text)


def bibtex(key: str, source: Source) -> str:
    """Return one BibTeX entry: an article, or else a miscellaneous one with a title.

    Nothing is made up: an article whose record lacks a title or authors has no such field.

    Examples
    --------
    >>> source = Source(citation="A diary, 2001", read="full text", role="primary")
    >>> print(bibtex("diary", source))
    @misc{diary,
      title = {{A diary, 2001}},
      note = {Read: full text}
    }
    """
    article = is_article(source)
    year, month, day = [*(source.date or "").split("-"), "", ""][:3]
    title = _title(source)
    fields = {
        "author": _bibtex_authors(source.authors),
        "title": f"{{{escape(title)}}}" if title else "",
        "journal": escape(source.container or "") if article else "",
        "howpublished": "" if article else escape(source.publisher or source.container or ""),
        "year": year,
        "month": MONTHS[int(month) - 1] if month else "",
        "day": str(int(day)) if day else "",
        "volume": escape(source.volume or ""),
        "number": escape(source.issue or ""),
        "pages": escape(source.pages or "").replace("-", "--"),
        "doi": _verbatim(source.doi or ""),
        "pmid": source.pmid or "",
        "url": _verbatim(source.url or ""),
        "note": escape(what_was_read(source)),
    }
    lines = [
        f"  {name} = {value if name == 'month' else f'{{{value}}}'}"
        for name, value in fields.items()
        if value
    ]
    return "\n".join([f"@{'article' if article else 'misc'}{{{key},", ",\n".join(lines), "}"])


def _bibtex_authors(authors: list[str]) -> str:
    names = []
    for text in authors:
        author = parse_author(text)
        if is_others(text):
            names.append("others")
        elif author.literal:
            names.append(f"{{{escape(author.literal)}}}")
        else:
            parts = (author.family, author.suffix, _dotted(author.initials))
            names.append(", ".join(escape(part) for part in parts if part))
    return " and ".join(names)


def _verbatim(address: str) -> str:
    """Return an address as BibTeX wants it: as it is, but for what would break the entry."""
    return address.replace("{", "%7B").replace("}", "%7D").replace("\\", "%5C")


# --- Vancouver ----------------------------------------------------------------------------------


def vancouver(source: Source) -> str:
    """Return a reference in one line, in Vancouver style, with what was read.

    Examples
    --------
    >>> source = Source(
    ...     citation="-", authors=["Example A", "et al"], container="J Ex", date="2019",
    ...     volume="1", pages="7-9", doi="10.1000/ex", read="abstract", role="primary",
    ... )
    >>> vancouver(source)
    'Example A, et al. J Ex. 2019;1:7-9. doi:10.1000/ex. [Read: abstract]'
    """
    if is_article(source):
        issue = f"({source.issue})" if source.issue else ""
        place = f"{source.volume or ''}{issue}" + (f":{source.pages}" if source.pages else "")
        between = ";" if source.date and (source.volume or issue) else ""
        parts = [source.title, source.container, f"{_date(source.date)}{between}{place}"]
    elif source.title:
        parts = [source.title, source.container, source.publisher, _date(source.date)]
    else:
        parts = [source.citation]
    known = source.title or is_article(source)
    authors = ", ".join("et al" if is_others(a) else a for a in source.authors) if known else ""
    parts = [authors, *parts, source.doi and f"doi:{source.doi}"]
    parts += [source.pmid and f"PMID: {source.pmid}"]
    line = " ".join(part if part[-1] in ".?!" else f"{part}." for part in parts if part)
    address = f" Available from: {source.url}" if source.url else ""
    return f"{line}{address} [{what_was_read(source)}]"


def _date(date: str | None) -> str:
    if not date:
        return ""
    year, *rest = date.split("-")
    words = [year, *(MONTHS[int(month) - 1].title() for month in rest[:1])]
    return " ".join([*words, *(str(int(day)) for day in rest[1:])])


# --- CSL-JSON -----------------------------------------------------------------------------------


def csl_item(key: str, source: Source) -> dict[str, Any]:
    """Return one item of CSL-JSON.

    Examples
    --------
    >>> source = Source(citation="A diary, 2001", date="2001", read="full text", role="primary")
    >>> csl_item("diary", source)["issued"]
    {'date-parts': [[2001]]}
    """
    kind = "article-journal" if is_article(source) else "webpage" if source.url else "document"
    parts = [int(part) for part in source.date.split("-")] if source.date else None
    item = {
        "id": key,
        "type": kind,
        "title": _title(source),
        "author": [_csl_author(author) for author in source.authors] or None,
        "container-title": source.container,
        "publisher": source.publisher,
        "issued": {"date-parts": [parts]} if parts else None,
        "volume": source.volume,
        "issue": source.issue,
        "page": source.pages,
        "DOI": source.doi,
        "PMID": source.pmid,
        "URL": source.url,
        "note": what_was_read(source),
    }
    return {name: value for name, value in item.items() if value is not None}


def _csl_author(text: str) -> dict[str, str]:
    author = parse_author(text)
    if is_others(text):
        return {"literal": "et al."}
    if author.literal:
        return {"literal": author.literal}
    name = {"family": author.family, "given": _dotted(author.initials)}
    return {**name, "suffix": author.suffix} if author.suffix else name
