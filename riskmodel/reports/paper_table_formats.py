"""A paper's table as Markdown, HTML, LaTeX, CSV and docx.

The first four are written here: a table with notes is a few lines in each, while what the table
libraries write as LaTeX has columns that neither wrap nor break over pages, and passes characters
such as ≤ and ∞ on to compilers that know none of them. docx is python-docx's.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from html import escape
from itertools import groupby

from riskmodel.errors import ParameterError, Phrase, Problem
from riskmodel.reports.paper_run import PaperTable

FORMATS = {"markdown": "md", "html": "html", "latex": "tex", "csv": "csv", "docx": "docx"}
_WORD_ENDS = re.compile(r"[\s/_-]")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def require_format(format: str) -> None:
    """Refuse a format whose package is not installed.

    Raises
    ------
    ParameterError
        For docx without python-docx.
    """
    if format != "docx":
        return
    try:
        import docx  # noqa: F401
    except ImportError:
        raise ParameterError(
            [
                Problem(
                    field="format",
                    found=Phrase("docx, without the package python-docx"),
                    allowed="markdown, html, latex, csv, and docx where python-docx is installed",
                    remedy="pip install 'riskmodel[docx]'",
                )
            ]
        ) from None


def written(table: PaperTable, format: str, date: str) -> dict[str, bytes]:
    """Return the files of a table in one format, by name.

    Parameters
    ----------
    table : PaperTable
    format : {"markdown", "html", "latex", "csv", "docx"}
    date : str
        ISO 8601; of the run, for formats that carry one.
    """
    name = f"{table.name}.{FORMATS[format]}"
    if format == "csv":
        return {name: csv_text(table).encode(), f"{table.name}.txt": _beside(table).encode()}
    if format == "docx":
        return {name: docx_bytes(table, date)}
    make = {"markdown": markdown, "html": html, "latex": latex}[format]
    return {name: make(table).encode()}


def _cells(table: PaperTable) -> Iterator[list[str]]:
    for row in table.frame.itertuples(index=False, name=None):
        yield [str(cell) for cell in row]


def _spans(table: PaperTable) -> list[tuple[str, int]]:
    """Return the headings above the headings, each with the number of columns it spans."""
    over = [table.spans.get(column, "") for column in table.frame.columns]
    return [(name, len(list(group))) for name, group in groupby(over)]


def _beside(table: PaperTable) -> str:
    about = "".join(f"{name}: {text}\n" for name, text in table.about)
    spans = "".join(
        f"{head}: {', '.join(c for c, over in table.spans.items() if over == head)}\n"
        for head in dict.fromkeys(table.spans.values())
    )
    return f"{table.title}\n\n{about}\n{spans}" + "".join(f"{note}\n" for note in table.notes)


# --- CSV and Markdown -----------------------------------------------------------------------------


def csv_text(table: PaperTable) -> str:
    """Return the cells alone, a heading a column."""
    return table.frame.to_csv(index=False, lineterminator="\n")


def markdown(table: PaperTable) -> str:
    """Return a table in GitHub's Markdown; a heading over several stands before each of them."""
    heads = [
        f"{table.spans[column]}: {column}" if column in table.spans else column
        for column in table.frame.columns
    ]
    lines = [f"## {_marked_down(table.title)}", ""]
    lines += [f"- **{name}:** {_marked_down(text)}" for name, text in table.about]
    lines += ["", _pipes(heads), "|" + " --- |" * len(heads)]
    lines += [_pipes(row) for row in _cells(table)]
    lines += [""] + [line for note in table.notes for line in (_marked_down(note), "")]
    return "\n".join(lines).rstrip() + "\n"


def _pipes(cells: list[str]) -> str:
    return "| " + " | ".join(_marked_down(cell) for cell in cells) + " |"


def _marked_down(text: str) -> str:
    text = re.sub(r"([\\`*_{}\[\]<>|#~])", r"\\\1", text)
    return re.sub(r"^(\d+)\. ", r"\1\\. ", text).replace("\n", "<br>")


# --- HTML -----------------------------------------------------------------------------------------

_STYLE = """
body { font: 15px/1.45 Arial, "Liberation Sans", sans-serif; color: #1a1a1a; background: #fff;
  margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.2rem; margin-bottom: .5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem .8rem; font-size: .875rem; }
dt { font-weight: bold; } dd { margin: 0; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .8125rem; border-top: 2px solid;
  border-bottom: 2px solid; }
thead { border-bottom: 1px solid; }
th, td { padding: .3rem .5rem; text-align: left; vertical-align: top; }
tbody tr + tr { border-top: 1px solid #ddd; }
tbody th { font-weight: normal; } td, tbody th { overflow-wrap: break-word; min-width: 3.5rem; }
.span { border-bottom: 1px solid #888; text-align: center; }
.notes p { font-size: .8125rem; margin: .25rem 0; }
@media (max-width: 40rem) { dl { display: block; } dd { margin: 0 0 .3rem; } }
"""


def html(table: PaperTable) -> str:
    """Return a page that opens by itself, with headings that name their columns and rows."""
    about = "".join(f"<dt>{escape(n)}</dt><dd>{_hyper(t)}</dd>\n" for n, t in table.about)
    notes = "".join(f"<p>{_hyper(note)}</p>\n" for note in table.notes)
    title = escape(table.title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f'<dl>\n{about}</dl>\n<div class="table" tabindex="0" role="region" aria-label="{title}">\n'
        f"{html_table(table)}</div>\n"
        f'<div class="notes">\n{notes}</div>\n</body>\n</html>\n'
    )


def html_table(table: PaperTable) -> str:
    """Return the table element alone, for a page of the caller's own."""
    lines = ["<table>", "<thead>"]
    if table.spans:
        cells = [
            f'<th class="span" scope="colgroup" colspan="{width}">{escape(name)}</th>'
            if name
            else f'<td colspan="{width}"></td>'
            for name, width in _spans(table)
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    heads = "".join(f'<th scope="col">{escape(column)}</th>' for column in table.frame.columns)
    lines += [f"<tr>{heads}</tr>", "</thead>", "<tbody>"]
    for first, *rest in _cells(table):
        others = "".join(f"<td>{_hyper(cell)}</td>" for cell in rest)
        lines.append(f'<tr><th scope="row">{_hyper(first)}</th>{others}</tr>')
    return "\n".join([*lines, "</tbody>", "</table>", ""])


def _hyper(text: str) -> str:
    return escape(text).replace("\n", "<br>")


# --- LaTeX ----------------------------------------------------------------------------------------

_SPECIALS = {
    "[": "{[}",  # after a row's end a bracket would start its option
    "]": "{]}",
    "/": r"/\allowbreak{}",
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_\allowbreak{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "∞": r"$\infty$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "−": r"$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "µ": r"$\mu$",
    "μ": r"$\mu$",
    "²": r"$^2$",
    "³": r"$^3$",
    "–": "--",
    "—": "---",
    "’": "'",
    "‘": "`",
    "“": "``",
    "”": "''",
    "\u00a0": "~",
    "\n": r"\newline ",
}
_LINE, _LANDSCAPE = 90, 150  # characters of footnote size that fit on a line of a page


def latex(table: PaperTable) -> str:
    """Return a longtable that wraps its cells and breaks over pages, to be input into a paper.

    A table too wide for a page that stands is laid on its side.
    """
    columns = list(table.frame.columns)
    wide = sum(_least(table)) > _LINE or len(columns) > 7
    shape = "".join(
        rf">{{\raggedright\arraybackslash}}p{{\dimexpr {width:.3f}\linewidth-2\tabcolsep\relax}}"
        for width in _widths(table, _LANDSCAPE if wide else _LINE)
    )
    head = [r"\toprule", *_latex_spans(table), _latex_row(columns), r"\midrule"]
    packages = "array,booktabs,longtable" + (",pdflscape" if wide else "")
    lines = [
        rf"% \usepackage{{{packages}}} and, with an old pdfLaTeX, \usepackage[utf8]{{inputenc}}",
        *([r"\begin{landscape}"] if wide else []),
        r"{\footnotesize\setlength{\tabcolsep}{3pt}",
        *(rf"\noindent\textbf{{{_tex(name)}:}} {_tex(text)}\par" for name, text in table.about),
        rf"\begin{{longtable}}{{@{{}}{shape}@{{}}}}",
        rf"\caption{{{_tex(table.title)}}}\\",
        *head,
        r"\endfirsthead",
        *head,
        r"\endhead",
        r"\bottomrule",
        r"\endlastfoot",
        *(_latex_row(row) for row in _cells(table)),
        r"\end{longtable}",
        *(rf"\noindent {_tex(note)}\par" for note in table.notes),
        "}",
        *([r"\end{landscape}"] if wide else []),
    ]
    return "\n".join(lines) + "\n"


def _latex_row(cells: list[str]) -> str:
    return " & ".join(map(_tex, cells)) + r" \\"


def _latex_spans(table: PaperTable) -> Iterator[str]:
    if not table.spans:
        return
    cells, rules, place = [], [], 1
    for name, width in _spans(table):
        if name:
            cells.append(rf"\multicolumn{{{width}}}{{c}}{{{_tex(name)}}}")
            rules.append(rf"\cmidrule(lr){{{place}-{place + width - 1}}}")
        else:
            cells += [""] * width
        place += width
    yield " & ".join(cells) + r" \\"
    yield "".join(rules)


def _least(table: PaperTable) -> list[int]:
    """Return how many characters each column needs for its longest word, and the gap beside it."""
    return [
        2 + max(len(word) for text in [column, *cells] for word in _WORD_ENDS.split(f"{text} "))
        for column, cells in table.frame.astype(str).items()
    ]


def _widths(table: PaperTable, line: int) -> list[float]:
    """Return each column's share of a line: its longest word, and of the rest by its length."""
    least = _least(table)
    lengths = [cells.str.len().mean() for _, cells in table.frame.astype(str).items()]
    rest = max(line - sum(least), 0) / max(sum(lengths), 1)
    needs = [word + rest * length for word, length in zip(least, lengths, strict=True)]
    return [need / sum(needs) for need in needs]


def _tex(text: str) -> str:
    """Return text that LaTeX prints as it stands, and may break after a slash.

    Examples
    --------
    >>> _tex("5% of R&D_x [a]")
    '5\\\\% of R\\\\&D\\\\_\\\\allowbreak{}x {[}a{]}'
    """
    return "".join(_SPECIALS.get(character, character) for character in text)


# --- docx -----------------------------------------------------------------------------------------


def docx_bytes(table: PaperTable, date: str) -> bytes:
    """Return a Word document with the table on a page that lies on its side.

    Parameters
    ----------
    table : PaperTable
    date : str
        ISO 8601, the document's date.
    """
    from datetime import datetime

    import docx
    from docx.enum.section import WD_ORIENT
    from docx.shared import Mm, Pt

    document = docx.Document()
    moment = datetime.fromisoformat(date).replace(tzinfo=None)
    properties = document.core_properties
    properties.created = properties.modified = moment
    properties.title, properties.author, properties.comments = table.title, "", ""
    section = document.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Mm(297), Mm(210)
    section.left_margin = section.right_margin = Mm(15)
    document.styles["Normal"].font.name = "Arial"
    document.styles["Normal"].font.size = Pt(8)
    document.add_heading(table.title, level=1)
    for name, text in table.about:
        paragraph = document.add_paragraph()
        paragraph.paragraph_format.space_after = Pt(0)
        paragraph.add_run(f"{name}: ").bold = True
        paragraph.add_run(text)
    document.add_paragraph()
    _docx_table(document, table, 297 - 2 * 15)
    for note in table.notes:
        document.add_paragraph(note).paragraph_format.space_after = Pt(0)
    saved = io.BytesIO()
    document.save(saved)
    return _undated(saved.getvalue())


def _docx_table(document, table: PaperTable, width_mm: float) -> None:
    from docx.shared import Mm

    columns = list(table.frame.columns)
    grid = document.add_table(rows=1 + bool(table.spans), cols=len(columns))
    grid.style, grid.autofit = "Table Grid", False
    if table.spans:
        place = 0
        for name, width in _spans(table):
            cell = grid.cell(0, place)
            if width > 1 and name:
                cell = cell.merge(grid.cell(0, place + width - 1))
            if name:
                cell.text = name
            place += width
    for cell, column in zip(grid.rows[-1].cells, columns, strict=True):
        cell.text = ""
        cell.paragraphs[0].add_run(column).bold = True
    for row in grid.rows:
        _repeat(row)
    for texts in _cells(table):
        for cell, text in zip(grid.add_row().cells, texts, strict=True):
            cell.text = text
    for column, share in zip(grid.columns, _widths(table, _LANDSCAPE), strict=True):
        for cell in column.cells:
            cell.width = Mm(width_mm * share)


def _repeat(row) -> None:
    """Mark a row as a heading that comes again on every page."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    mark = OxmlElement("w:tblHeader")
    mark.set(qn("w:val"), "true")
    row._tr.get_or_add_trPr().append(mark)


def _undated(packed: bytes) -> bytes:
    """Return a zip file whose members carry no time, so that the same table is the same bytes."""
    plain = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(packed)) as given,
        zipfile.ZipFile(plain, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for member in given.infolist():
            info = zipfile.ZipInfo(member.filename, _EPOCH)
            info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, 3
            made.writestr(info, given.read(member))
    return plain.getvalue()
