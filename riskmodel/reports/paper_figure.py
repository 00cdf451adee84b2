"""A figure ready for print: its size, style, points, caption and alt text, and how it is saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from riskmodel.plots.journals import HOUSE, Journal, current_journal, drawn_for
from riskmodel.plots.style import house_style
from riskmodel.reports.figure_files import write_file
from riskmodel.reports.run_digest import run_digest

FORMATS = HOUSE.formats
PNG_DPI = HOUSE.dpi
WIDTH_MM = HOUSE.width_mm
DISCLAIMER = "Research use; not medical advice."
MARK = "NOT CONVERGED"
UNCONVERGED = f"{MARK}: these draws cannot be relied on"


@dataclass(frozen=True)
class Origin:
    """What figures are drawn from: the run's digest, and what in it had not converged."""

    digest: str = ""
    unconverged: tuple[str, ...] = ()


_NOWHERE = Origin()
_ORIGIN: ContextVar[Origin] = ContextVar("origin", default=_NOWHERE)


@contextmanager
def drawn_from(record: Mapping) -> Iterator[Origin]:
    """Let every figure drawn inside the block carry a run's digest, and a mark if it needs one.

    Parameters
    ----------
    record : mapping
        Of the run, as in its ``run.json``.
    """
    origin = Origin(run_digest(record), tuple(record.get("unconverged") or ()))
    token = _ORIGIN.set(origin)
    try:
        yield origin
    finally:
        _ORIGIN.reset(token)


@dataclass(frozen=True)
class PaperFigure:
    """One figure ready to be saved.

    Parameters
    ----------
    name : str
        File name without ending.
    figure : matplotlib.figure.Figure
    points : pandas.DataFrame
        What was drawn.
    caption, alt_text : str
    journal : Journal
        That it was drawn for; by default the one drawn for when it is made.
    digest : str
        Of the run; by default of the one drawn from.
    """

    name: str
    figure: Any
    points: pd.DataFrame
    caption: str
    alt_text: str
    journal: Journal = field(default_factory=current_journal)
    digest: str = field(default_factory=lambda: _ORIGIN.get().digest)

    def save(self, folder: Path | str) -> list[Path]:
        """Write the figure's files into a folder, in the formats of its journal."""
        return save_figure(self, Path(folder))

    def _repr_png_(self) -> bytes:
        """Show the figure in a notebook."""
        import io

        picture = io.BytesIO()
        with drawn_for(self.journal), house_style():
            self.figure.savefig(picture, format="png", dpi=150)
        return picture.getvalue()


def new_figure(height_mm: float, *shape, **keywords):
    """Return a figure of the journal's width, and its axes as of ``Figure.subplots``.

    A height above the journal's greatest is cut to it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    journal = current_journal()
    # At print resolution from the start: text is a little wider there than on a screen.
    size = (journal.width_mm / 25.4, min(height_mm, journal.greatest_height_mm) / 25.4)
    figure = Figure(figsize=size, layout="constrained", dpi=journal.dpi)
    FigureCanvasAgg(figure)
    return figure, figure.subplots(*shape, **keywords)


def styled(draw):
    """Run a drawing function under the house style, and finish what it drew.

    The session's own style is left alone. The figure is held to its journal's limits, and marked
    if it comes from a run that has not converged.
    """

    @wraps(draw)
    def drawn(*args, **keywords):
        with house_style():
            return finished(draw(*args, **keywords))

    return drawn


def finished(made: PaperFigure) -> PaperFigure:
    """Return a figure held to its journal's limits and marked if its draws have not converged."""
    unconverged = _ORIGIN.get().unconverged
    if unconverged:
        _mark(made.figure, made.journal)
        made = replace(
            made,
            caption=f"{UNCONVERGED}: {'; '.join(unconverged)}.\n{made.caption}",
            alt_text=f"{UNCONVERGED}. {made.alt_text}",
        )
    hold_to(made.figure, made.journal)
    return made


def _mark(figure, journal: Journal) -> None:
    """Write the mark along the right edge, in a strip that the layout leaves to it."""
    strip = 2.2 * journal.font_size / 72 / figure.get_size_inches()[0]
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(rect=(0, 0, 1 - strip, 1))
    figure.text(
        1 - strip / 2,
        0.5,
        MARK,
        rotation=90,
        ha="center",
        va="center",
        in_layout=False,
        bbox={"boxstyle": "square,pad=0.3", "facecolor": "white", "edgecolor": "black"},
    )


def hold_to(figure, journal: Journal) -> None:
    """Bring text and lines within what a journal allows; take away what it does not."""
    from matplotlib.collections import Collection
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        if text.get_fontsize() < journal.smallest_text:
            text.set_fontsize(journal.smallest_text)
        if not journal.coloured_text and not _is_grey(text.get_color()):
            text.set_color("black")
    for line in figure.findobj(Line2D):
        if line.get_linewidth() > 0:
            line.set_linewidth(journal.line(line.get_linewidth()))
        if line.get_markeredgewidth() > 0:
            line.set_markeredgewidth(journal.line(line.get_markeredgewidth()))
    for patch in figure.findobj(Patch):
        if patch.get_linewidth() > 0:
            patch.set_linewidth(journal.line(patch.get_linewidth()))
        if not journal.patterns:
            patch.set_hatch(None)
    for drawn in figure.findobj(Collection):
        widths = np.atleast_1d(drawn.get_linewidth())
        drawn.set_linewidth([journal.line(w) if w > 0 else w for w in widths])
    if not journal.grid:
        for ax in figure.axes:
            ax.grid(False)


def _is_grey(colour) -> bool:
    from matplotlib.colors import to_rgb

    return len(set(to_rgb(colour))) == 1


def save_figure(figure: PaperFigure, folder: Path) -> list[Path]:
    """Write a figure in its journal's formats, its points as CSV, caption and alt text as text.

    Returns
    -------
    list of Path
        What was written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    journal = figure.journal
    with drawn_for(journal), house_style():
        engine = figure.figure.get_layout_engine()
        if engine is not None:
            engine.execute(figure.figure)  # once, not for every format
            figure.figure.set_layout_engine("none")
        paths = [
            write_file(
                figure.figure,
                folder / f"{figure.name}.{ending}",
                dpi=journal.dpi,
                digest=figure.digest,
            )
            for ending in journal.formats
        ]
    points = folder / f"{figure.name}.csv"
    figure.points.to_csv(points, index=False, float_format="%.8g")
    text = folder / f"{figure.name}.txt"
    text.write_text(f"Caption\n{figure.caption}\n\nAlt text\n{figure.alt_text}\n", encoding="utf-8")
    return [*paths, points, text]
