"""A page as sections, and the same page as HTML that needs no network and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

# On paper: one A4 sheet, two columns below the figures. On a screen: as wide as fits; on a phone:
# one column, tables that scroll by themselves.
STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 15px/1.45 Arial, 'Liberation Sans', sans-serif; max-width: 72rem;
  margin: 0 auto; padding: 1rem; color: #1a1a1a; background: #fff; }
h1 { font-size: 1.35rem; line-height: 1.25; margin: 0 0 .2rem; }
h2 { font-size: 1rem; margin: 0 0 .25rem; color: #00456f; }
p { margin: .2rem 0 .4rem; } ul { margin: .2rem 0 .4rem; padding-left: 1.1rem; }
.lead { font-weight: 600; } .small { font-size: .8rem; color: #444; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 1rem;
  margin: .8rem 0; }
figure { margin: 0; } figure svg { width: 100%; height: auto; display: block; }
figcaption { font-size: .8rem; color: #444; }
.columns { columns: 2 24rem; column-gap: 1.6rem; }
section { break-inside: avoid; margin: 0 0 1rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .82rem; }
th, td { padding: .15rem .4rem .15rem 0; border-bottom: 1px solid #ddd; text-align: left;
  vertical-align: top; }
th { font-weight: 600; }
@media (max-width: 40rem) { body { font-size: 16px; padding: .8rem; } .columns { columns: 1; }
  .figures { grid-template-columns: 1fr; } }
@page { size: A4; margin: 7mm 9mm; }
@media print {
  body { font-size: 6.3pt; line-height: 1.17; max-width: none; padding: 0; }
  h1 { font-size: 10pt; margin: 0; } h2 { font-size: 7.2pt; margin: 0 0 .4mm; }
  p, ul { margin: 0 0 .6mm; } ul { padding-left: 3mm; }
  .small { font-size: 5.4pt; line-height: 1.15; }
  .figures { grid-template-columns: repeat(3, 1fr); gap: 2mm; margin: 1mm 0; }
  figcaption { font-size: 5.4pt; line-height: 1.15; }
  .columns { columns: 2; column-gap: 5mm; }
  section { margin: 0 0 1.3mm; break-inside: auto; } h2 { break-after: avoid; }
  .table, li { break-inside: avoid; } figure svg { max-height: 46mm; }
  section:first-child td:first-child { white-space: nowrap; }
  .table { overflow: visible; } table { font-size: 6pt; }
  th, td { padding: .15mm 1.2mm .15mm 0; }
}
"""


@dataclass(frozen=True)
class Rows:
    """A table of text."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Bullets:
    """A list of lines."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Small:
    """A paragraph in small print."""

    text: str


@dataclass(frozen=True)
class Section:
    """A heading with blocks below: text, tables, lists, small print."""

    title: str
    blocks: Sequence[str | Rows | Bullets | Small]


@dataclass(frozen=True)
class Picture:
    """A figure: its file's name without ending, caption, alt text, and markup for HTML."""

    name: str
    caption: str
    alt_text: str
    svg: str


@dataclass(frozen=True)
class Page:
    """A page before it has a format."""

    title: str
    lead: str
    facts: Sequence[str]
    pictures: Sequence[Picture]
    sections: Sequence[Section]
    foot: Sequence[str]


def to_html(page: Page) -> str:
    """Return the page as one HTML text; nothing in it is fetched.

    Examples
    --------
    >>> "<h1>A &lt; B</h1>" in to_html(Page("A < B", "", (), (), (), ()))
    True
    """
    parts = [f"<h1>{escape(page.title)}</h1>"]
    if page.lead:
        parts.append(f'<p class="lead">{escape(page.lead)}</p>')
    parts += [f"<p>{escape(fact)}</p>" for fact in page.facts]
    if page.pictures:
        figures = "".join(
            f"<figure>{one.svg}<figcaption>{escape(one.caption)}</figcaption></figure>"
            for one in page.pictures
        )
        parts.append(f'<div class="figures">{figures}</div>')
    sections = "".join(
        f"<section><h2>{escape(section.title)}</h2>"
        f"{''.join(map(_html_block, section.blocks))}</section>"
        for section in page.sections
    )
    parts.append(f'<div class="columns">{sections}</div>')
    parts += [f'<p class="small">{escape(line)}</p>' for line in page.foot]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(page.title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _html_block(block) -> str:
    if isinstance(block, str):
        return f"<p>{escape(block)}</p>"
    if isinstance(block, Small):
        return f'<p class="small">{escape(block.text)}</p>'
    if isinstance(block, Bullets):
        return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in block.lines) + "</ul>"
    head = "".join(f"<th>{escape(cell)}</th>" for cell in block.headers)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in block.rows
    )
    return (
        f'<div class="table"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def to_markdown(page: Page) -> str:
    """Return the page as Markdown; figures are the files beside it.

    Examples
    --------
    >>> print(to_markdown(Page("A", "", (), (), (Section("B", ("c", Bullets(["d"]))),), ())))
    # A
    <BLANKLINE>
    ## B
    <BLANKLINE>
    c
    <BLANKLINE>
    - d
    <BLANKLINE>
    """
    parts = [f"# {page.title}"]
    if page.lead:
        parts.append(f"**{page.lead}**")
    parts += list(page.facts)
    for one in page.pictures:
        parts += [f"![{one.alt_text}](figures/{one.name}.svg)", one.caption]
    for section in page.sections:
        parts.append(f"## {section.title}")
        parts += [_markdown_block(block) for block in section.blocks]
    parts += list(page.foot)
    return "\n\n".join(parts) + "\n"


def _markdown_block(block) -> str:
    if isinstance(block, str):
        return block
    if isinstance(block, Small):
        return block.text
    if isinstance(block, Bullets):
        return "\n".join(f"- {line}" for line in block.lines)
    lines = [block.headers, ["---"] * len(block.headers), *block.rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def texts(page: Page) -> Mapping[str, str]:
    """Return the page in both formats by file name."""
    return {"brief.html": to_html(page), "brief.md": to_markdown(page)}
