"""The parts of one HTML page that opens without a network: style, script, sections, tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem;
  color: #1a1a1a; background: #fff; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.25rem; margin-top: 2.5rem; }
h3 { font-size: 1.05rem; margin-top: 1.75rem; }
a { color: #00558c; } code { overflow-wrap: anywhere; font-size: .875em; }
figure { margin: 1.5rem 0; } img { width: 100%; height: auto; }
figcaption { font-size: .875rem; white-space: pre-line; }
.table { overflow-x: auto; margin: .5rem 0 1.25rem; }
table { border-collapse: collapse; font-size: .8125rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: left;
  vertical-align: top; min-width: 2.5rem; }
tbody th { font-weight: 400; } thead th { border-bottom: 2px solid #767676; }
td.long, th.long { min-width: 16rem; max-width: 32rem; }
td.middle, th.middle { min-width: 11rem; }
td.number, th.number { text-align: right; white-space: nowrap; }
[data-traced] { cursor: help; } [data-traced]:hover { background: #eef4f9; }
.note { border-left: 3px solid #d55e00; padding-left: .8rem; }
.status { font-weight: 600; } .open { color: #8a3d00; }
.warning { border: 3px solid #b00020; padding: .5rem .8rem; font-weight: 600; }
.skip { position: absolute; left: -100vw; } .skip:focus { position: static; }
:focus-visible { outline: 3px solid #0072b2; outline-offset: 1px; }
nav ul { columns: 16rem; padding-left: 1.2rem; font-size: .9375rem; }
#trace-panel { position: fixed; left: 0; right: 0; bottom: 0; max-height: 42vh; overflow-y: auto;
  background: #fff; border-top: 3px solid #0072b2; padding: .5rem 1rem 1rem; font-size: .8125rem;
  line-height: 1.4; box-shadow: 0 -2px 12px rgb(0 0 0 / 20%); }
#trace-panel[hidden] { display: none; } #trace-panel p { margin: .2rem 0; }
#trace-panel .deeper { padding-left: 1rem; } #trace-panel .deepest { padding-left: 2rem; }
#trace-panel button { float: right; font: inherit; padding: .1rem .6rem; }
html.tracing { scroll-padding-bottom: 44vh; } html.tracing body { padding-bottom: 44vh; }
@media print {
  body { max-width: none; font-size: 9pt; } nav, .skip, #trace-panel, .screen { display: none; }
  .table { overflow: visible; } table { font-size: 6.5pt; } th, td { padding: .1rem .25rem; }
  td.long, th.long { min-width: 0; } h2, h3 { break-after: avoid; }
  figure, tr { break-inside: avoid; } thead { display: table-header-group; }
}
"""

# What it does: a number that is pointed at, tapped or focused shows its trace in the panel; in a
# table, arrow keys go from number to number, so that Tab stops once a table.
SCRIPT = r"""
(function () {
  "use strict";
  var book = JSON.parse(document.getElementById("trace-data").textContent);
  var panel = document.getElementById("trace-panel");
  var body = document.getElementById("trace-text");
  var shown = null;
  function say(text, depth) {
    if (!text) { return; }
    var line = document.createElement("p");
    line.textContent = text;
    if (depth) { line.className = depth; }
    body.appendChild(line);
  }
  function text(index) { return index === undefined || index === null ? "" : book.texts[index]; }
  function estimates(list, depth) { list.forEach(function (i) { say(text(i), depth); }); }
  function show(cell) {
    if (cell === shown) { return; }
    shown = cell;
    var name = decodeURIComponent(cell.id), parts = name.split("/");
    var column = parts[parts.length - 1], row = parts.slice(1, -1).join("/");
    var table = book.tables[parts[0]], basis = table.rows[row];
    if (typeof basis === "object") { basis = basis[column]; }
    body.textContent = "";
    say(name + " = " + (cell.getAttribute("data-stored") || cell.textContent));
    say(text(table.columns[column]));
    say(text(table.draws));
    book.bases[basis][1].forEach(function (i) { say(text(i)); });
    book.bases[basis][0].forEach(function (i) {
      var quantity = book.quantities[i];
      say(text(quantity[0]), "deeper");
      quantity[1].forEach(function (j) {
        say(text(book.priors[j][0]), "deeper");
        estimates(book.priors[j][1], "deepest");
      });
      estimates(quantity[2], "deepest");
    });
    say("riskmodel trace RUN '" + name + "' has it whole, with every address.");
    panel.hidden = false;
    panel.scrollTop = 0;
    document.documentElement.classList.add("tracing");
  }
  function hide() {
    panel.hidden = true;
    shown = null;
    document.documentElement.classList.remove("tracing");
  }
  function traced(event) {
    return event.target.closest ? event.target.closest("[data-traced]") : null;
  }
  ["mouseover", "focusin", "click"].forEach(function (kind) {
    document.addEventListener(kind, function (event) {
      var cell = traced(event);
      if (cell) { show(cell); }
    });
  });
  document.addEventListener("focusin", function (event) {
    if (!traced(event) && !panel.contains(event.target)) { hide(); }
  });
  function move(cell, key) {
    var table = cell.closest("table");
    if (key === "ArrowLeft" || key === "ArrowRight") {
      var all = Array.prototype.slice.call(table.querySelectorAll("[data-traced]"));
      return all[all.indexOf(cell) + (key === "ArrowRight" ? 1 : -1)];
    }
    var step = key === "ArrowDown" ? "nextElementSibling" : "previousElementSibling";
    for (var row = cell.parentNode[step]; row; row = row[step]) {
      var other = row.children[cell.cellIndex];
      if (other && other.hasAttribute("data-traced")) { return other; }
    }
    return null;
  }
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") { hide(); return; }
    var cell = traced(event);
    if (!cell || event.key.indexOf("Arrow") !== 0) { return; }
    event.preventDefault();
    var next = move(cell, event.key);
    if (next) {
      cell.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    }
  });
  document.getElementById("trace-close").addEventListener("click", hide);
}());
"""

_LONG, _MIDDLE = 40, 16  # characters from which a column is given room to wrap


def anchor(name: str) -> str:
    """Return the id of a section.

    Examples
    --------
    >>> anchor("What the answer rests on")
    'what-the-answer-rests-on'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def heading(title: str, *, level: int = 2, name: str | None = None) -> str:
    """Return a heading that links can go to."""
    return f'<h{level} id="{anchor(name or title)}">{escape(title)}</h{level}>'


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph of plain text."""
    mark = f' class="{kind}"' if kind else ""
    return f"<p{mark}>{escape(text)}</p>"


def bullets(texts: Iterable[str]) -> str:
    """Return a list of plain texts; nothing where there are none."""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def shown(text: str | None) -> str:
    """Return a number as a page shows it; other text as it stands.

    Examples
    --------
    >>> [shown(text) for text in ("0.16844019", "4000", "12345.6", "-61.571", "12 months", None)]
    ['0.1684', '4000', '12346', '-61.57', '12 months', '']
    """
    try:
        value = float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return text or ""
    if text is None or "." not in text and "e" not in text.lower():
        return text or ""
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def table(
    name: str,
    rows: Sequence[Mapping[str, str]],
    *,
    keys: Sequence[str] = (),
    ids: Sequence[Mapping[str, str]] | None = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """Return a table that scrolls inside itself.

    Parameters
    ----------
    name : str
        Its title, read out where it is reached.
    rows : sequence of mapping
        Column -> text.
    keys : sequence of str
        Columns that name a row.
    ids : sequence of mapping, optional
        For each row, column -> id of the cell, where the cell's number can be traced.
    labels : mapping, optional
        Column -> what is shown in place of a text.
    """
    if not rows:
        return ""
    labels, columns = labels or {}, list(rows[0])
    width = {name: max(len(row[name] or "") for row in rows) for name in columns}
    head = "".join(
        f'<th scope="col"{_class(width[column])}>{escape(column.replace("_", " "))}</th>'
        for column in columns
    )
    lines, first = [], True
    for place, row in enumerate(rows):
        cells = []
        for column in columns:
            text = row[column] or ""
            told = labels.get(column, {}).get(text, shown(text))
            element, scope = ("th", ' scope="row"') if column in keys else ("td", "")
            identifier = ids[place].get(column) if ids else None
            mark = _class(width[column], number=_plain(text))
            if identifier:
                stored = f' data-stored="{escape(text)}"' if told != text else ""
                mark += f' id="{escape(identifier)}" tabindex="{0 if first else -1}" data-traced'
                mark += stored
                first = False
            cells.append(f"<{element}{scope}{mark}>{escape(told)}</{element}>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="table" role="region" aria-label="{escape(name)}" tabindex="0"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _class(width: int, *, number: bool = False) -> str:
    if width > _LONG:
        return ' class="long"'
    if number:
        return ' class="number"'
    return ' class="middle"' if width > _MIDDLE else ""


def _plain(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def page(title: str, parts: Iterable[str], trace_data: str) -> str:
    """Return the whole page.

    Parameters
    ----------
    title : str
    parts : iterable of str
        HTML of what stands in ``main``.
    trace_data : str
        JSON of :meth:`riskmodel.reports.traced_cells.TraceBook.as_json`.
    """
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        '<a class="skip" href="#content">Skip to the content</a>'
        f'<main id="content" tabindex="-1">{"".join(parts)}</main>'
        '<aside id="trace-panel" aria-label="Where this number comes from" aria-live="polite" '
        'hidden><button type="button" id="trace-close">Close</button>'
        '<div id="trace-text"></div></aside>'
        f'<script type="application/json" id="trace-data">{trace_data}</script>'
        f"<script>{SCRIPT}</script></body></html>\n"
    )
