"""A figure ready for print: its size, style, points, caption and alt text, and how it is saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from riskmodel.plots.style import house_style

FORMATS = ("pdf", "svg", "png")
PNG_DPI = 300
WIDTH_MM = 176  # BMC's full width; PLOS allows 66.8 to 190.5
DISCLAIMER = "Research use; not medical advice."


# Without dates the same picture is the same bytes.
_METADATA = {
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
    "png": {"Software": None},
}


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
    """

    name: str
    figure: Any
    points: pd.DataFrame
    caption: str
    alt_text: str


def new_figure(height_mm: float, *shape, **keywords):
    """Return a figure of the house's width, and its axes as of ``Figure.subplots``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # At print resolution from the start: text is a little wider there than on a screen.
    size = (WIDTH_MM / 25.4, height_mm / 25.4)
    figure = Figure(figsize=size, layout="constrained", dpi=PNG_DPI)
    FigureCanvasAgg(figure)
    return figure, figure.subplots(*shape, **keywords)


def styled(draw):
    """Run a drawing function under the house style, leaving the session's own as it is."""

    def drawn(*args, **keywords):
        with house_style():
            return draw(*args, **keywords)

    return drawn


def save_figure(figure: PaperFigure, folder: Path) -> list[Path]:
    """Write a figure as PDF, SVG and PNG, its points as CSV, its caption and alt text as text."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with house_style():
        figure.figure.get_layout_engine().execute(figure.figure)  # once, not for every format
        figure.figure.set_layout_engine("none")
        for ending in FORMATS:
            path = folder / f"{figure.name}.{ending}"
            fast = {"pil_kwargs": {"compress_level": 1}} if ending == "png" else {}
            figure.figure.savefig(
                path, format=ending, dpi=PNG_DPI, metadata=_METADATA[ending], **fast
            )
            paths.append(path)
    points = folder / f"{figure.name}.csv"
    figure.points.to_csv(points, index=False, float_format="%.8g")
    text = folder / f"{figure.name}.txt"
    text.write_text(f"Caption\n{figure.caption}\n\nAlt text\n{figure.alt_text}\n", encoding="utf-8")
    return [*paths, points, text]
