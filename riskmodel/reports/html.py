"""One HTML page of a run that opens without a network."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import pandas as pd

from riskmodel.reports.paper_figure import PaperFigure

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1a1a1a; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
figure { margin: 1.5rem 0; } img { width: 100%; height: auto; }
figcaption { font-size: .875rem; white-space: pre-line; }
.table { overflow-x: auto; } table { border-collapse: collapse; font-size: .8125rem; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: left;
  vertical-align: top; }
.note { border-left: 3px solid #D55E00; padding-left: .8rem; }
"""

_FIRST = (  # before the figures
    "absolute_effects",
    "mean_differences",
    "not_estimable",
    "net_benefit",
    "benefit_needed",
    "break_even_weight",
    "rules",
    "contradictions",
)
_TITLES = {
    "absolute_effects": "Absolute effects",
    "composites": "Composites of events",
    "horizons": "Absolute effects at several horizons",
    "restricted_means": "Time without the event, up to several horizons",
    "absolute_effects_by_band": "Absolute effects by band of the declared case mix",
    "mean_differences": "Mean differences",
    "not_estimable": "What the sources allow no contrast of",
    "net_benefit": "Net benefit",
    "benefit_needed": "How large the unknown effect would have to be",
    "break_even_weight": "Break-even weight",
    "published_strata": "Published strata beside the model",
    "rules": "Rules of the sources, and whether they speak of these patients",
    "contradictions": "Where the sources disagree",
    "windows": "Windows and ranges of time",
    "reported_risks": "Reported proportions without a comparator",
    "evidence": "Further statements of the sources",
    "waning": "After the first horizon: four scenarios",
    "scenarios": "Named scenarios and panels",
    "own_baseline": "If the patient stood elsewhere in the between-patient spread",
    "discounts": "If a discounted source were left out, counted as chosen, or in full",
    "tipping_points": "For which discounts a net benefit is how probable",
    "correlations": "If declared pairs of inputs went together otherwise",
    "share_by_input": "How much rests on each input",
    "share_by_badge": "How much rests on each kind of input",
    "stated_risks": "Stated risks beside the fitted line",
    "overlap": "Overlap of outcomes",
    "prior_predictive": "What the priors alone imply",
    "provenance": "Provenance",
    "diagnostics": "Diagnostics",
    "not_applicable": "Patients to whom an option does not apply",
}


def write_report(
    folder: Path,
    record: Mapping,
    tables: Mapping[str, pd.DataFrame],
    figures: Sequence[PaperFigure],
) -> Path:
    """Write ``report.html`` of a run whose figures are already in its folder."""
    parts = [
        f"<h1>{escape(record['question'])}</h1>",
        f"<p>{_heading(record)}</p>",
        *(f'<p class="note">{escape(note)}</p>' for note in record["notes"]),
    ]
    first = [name for name in _FIRST if name in tables]
    parts += [_section(name, tables[name]) for name in first]
    for figure in figures:
        image = base64.b64encode((folder / "figures" / f"{figure.name}.svg").read_bytes()).decode()
        parts.append(
            f'<figure><img alt="{escape(figure.alt_text, quote=True)}" '
            f'src="data:image/svg+xml;base64,{image}">'
            f"<figcaption>{escape(figure.caption)}</figcaption></figure>"
        )
    for name in [*_TITLES, *(n for n in tables if n not in _TITLES)]:
        if name in tables and name not in first:
            parts.append(_section(name, tables[name]))
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(record['problem'])}</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>"
    )
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _heading(record: Mapping) -> str:
    """Return what was run: horizon, seed, draws and whose weights, as far as there are any."""
    posterior, panel = record["posterior"], record["preferences"]
    drawn = "nothing was sampled: the sources allow no contrast"
    if posterior:
        drawn = f"seed {posterior['seed']}, {posterior['draws']} draws"
    weights = "no weights"
    if panel:
        weights = f"Weights: {escape(panel['id'])}; whose: {escape(panel['whose'])}"
    return (
        f"{escape(record['disclaimer'])} Problem <code>{escape(record['problem'])}</code>, "
        f"horizon {escape(record['horizon'])}, {drawn}. {weights}."
    )


def _section(name: str, table: pd.DataFrame) -> str:
    return f"<h2>{escape(_TITLES.get(name, name))}</h2>{_table(table)}"


def _table(table: pd.DataFrame) -> str:
    html = table.to_html(index=False, border=0, na_rep="", float_format=lambda x: f"{x:.4g}")
    return f'<div class="table">{html}</div>'
