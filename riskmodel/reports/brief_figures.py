"""The three figures of a brief, at the size at which they are printed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from riskmodel.plots.style import house_style
from riskmodel.reports.paper_figure import PaperFigure, save_figure

if TYPE_CHECKING:
    import pandas as pd

WIDTH_MM, HEIGHT_MM = 63, 50
_SMALL = {
    "font.size": 6.5,
    "axes.labelsize": 6.5,
    "axes.titlesize": 6.5,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6,
    "lines.linewidth": 1.1,
}


def brief_figures(tables: Mapping[str, pd.DataFrame], disclaimer: str) -> list[PaperFigure]:
    """Return the figures that a brief's tables allow: recovery, what is added, harm.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        ``natural``, ``added``, ``harm``.
    disclaimer : str
    """
    found = []
    with house_style():
        from matplotlib import rc_context

        with rc_context(_SMALL):
            found.append(_natural(tables["natural"], disclaimer))
            if tables["added"]["a0"].notna().any():
                found.append(_added(tables["added"], disclaimer))
            if len(tables["harm"]):
                found.append(_harm(tables["harm"], disclaimer))
    return found


def _figure(*shape):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = (WIDTH_MM / 25.4, HEIGHT_MM / 25.4)
    figure = Figure(figsize=size, layout="constrained", dpi=300)
    FigureCanvasAgg(figure)
    return figure, figure.subplots(*shape, squeeze=False)[:, 0]


def _natural(table: pd.DataFrame, disclaimer: str) -> PaperFigure:
    from riskmodel.plots.brief import plot_from_now
    from riskmodel.plots.style import COLOURS

    courses = list(table.groupby("course", sort=False))[:2]
    figure, axes = _figure(len(courses), 1)
    said = []
    for ax, (_, rows), colour in zip(axes, courses, (COLOURS[0], COLOURS[2]), strict=False):
        plot_from_now(rows, ax=ax, colour=colour)
        if ax is not axes[-1]:
            ax.set_xlabel("")
            ax.tick_params(labelbottom=False)
        last = rows.iloc[-1]
        said.append(
            f"{last['label']}: {last['recovered']:.0%} ({last['lower']:.0%} to "
            f"{last['upper']:.0%}) by {last['time']:.3g} {last['time_unit']}s from now"
        )
    return PaperFigure(
        "recovery_from_now",
        figure,
        table,
        "The natural course from now on, of somebody who has not come there yet: mean and "
        f"{table['prob'].iloc[0]:.0%} credible interval. Two endpoints, two axes. {disclaimer}",
        f"Line charts with bands. {'; '.join(said)}.",
    )


def _added(table: pd.DataFrame, disclaimer: str) -> PaperFigure:
    from riskmodel.plots.brief import plot_added

    rows = table[table["a0"].notna()]
    rows = rows[rows["estimate"] == rows["estimate"].iloc[0]]
    figure, (ax,) = _figure(1, 1)
    plot_added(rows, ax=ax)
    each = ", ".join(f"{r.evidence} {r.median:+.0%}" for r in rows.itertuples())
    first = rows.iloc[0]
    return PaperFigure(
        "added_by_treatment",
        figure,
        rows,
        f"What treatment could add to {first['endpoint']} within {first['by']:.0f} days: median "
        f"and {first['prob']:.0%} credible interval, with the uncontrolled series left out, "
        f"discounted and at face value. {disclaimer}",
        f"Three intervals around zero. Medians: {each}.",
    )


def _harm(table: pd.DataFrame, disclaimer: str) -> PaperFigure:
    from riskmodel.plots.brief import plot_harm

    figure, (ax,) = _figure(1, 1)
    plot_harm(table, ax=ax)
    last = table[table["course"] == table["course"].max()]
    each = ", ".join(f"{r.source} {100 * r.mean + 0.0:.1f}%" for r in last.itertuples())
    return PaperFigure(
        "harm_by_course",
        figure,
        table,
        f"{table['outcome'].iloc[0]}: probability of at least one by course, source by source, "
        f"never averaged; bands are {table['prob'].iloc[0]:.0%} credible intervals. {disclaimer}",
        f"Line chart, a line a source. By course {int(table['course'].max())}: {each}.",
    )


def save_figures(figures: list[PaperFigure], folder: Path) -> None:
    """Write figures as PDF, SVG and PNG with points, caption and alt text."""
    for figure in figures:
        save_figure(figure, folder)


def inline_svg(path: Path, name: str, alt_text: str) -> str:
    """Return a saved SVG as markup that can stand in a page beside others.

    Parameters
    ----------
    path : pathlib.Path
    name : str
        Put before its ids, so that two figures share none.
    alt_text : str
    """
    from html import escape

    text = path.read_text(encoding="utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'id="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    head = f'<svg role="img" aria-label="{escape(alt_text, quote=True)}"'
    text = re.sub(r"<svg", head, text, count=1)
    return re.sub(r'\s(?:width|height)="[\d.]+pt"', "", text, count=2).strip()
