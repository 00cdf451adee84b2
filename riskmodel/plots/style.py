"""Colours, line styles and sizes that every figure shares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from riskmodel.plots.journals import Journal, current_journal

FONTS = Path(__file__).parent / "fonts"

# Okabe and Ito's palette, told apart with every kind of colour vision; black is kept for rules.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
GREY = "#666666"


def small() -> float:
    """Return the size of the smallest text, in points: what the journal drawn for still allows.

    Examples
    --------
    >>> small()
    7
    """
    return current_journal().smallest_text


def style_of(journal: Journal) -> dict:
    """Return matplotlib's parameters in the house style, at the sizes of a journal."""
    size, thin = journal.font_size, journal.line(0.6)
    return {
        "font.family": "sans-serif",
        "font.sans-serif": ["Arimo", "DejaVu Sans"],
        "font.size": size,
        "axes.labelsize": size,
        "axes.titlesize": size,
        "figure.titlesize": size,
        "figure.labelsize": size,
        "xtick.labelsize": size,
        "ytick.labelsize": size,
        "legend.fontsize": size,
        "legend.title_fontsize": size,
        "axes.linewidth": thin,
        "xtick.major.width": thin,
        "ytick.major.width": thin,
        "hatch.linewidth": journal.line(0.8),
        "lines.linewidth": journal.line(1.4),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "pdf.fonttype": 42,
        "ps.fonttype": 42,
        "svg.fonttype": "path",
        "svg.hashsalt": "riskmodel",
        "savefig.bbox": None,
        "legend.frameon": False,
    }


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house style inside the block; the session's own style is left alone.

    Sizes are those of :func:`~riskmodel.plots.journals.current_journal`. Arimo has Arial's widths
    and is bundled, so a figure looks the same on every machine.
    """
    from matplotlib import font_manager, rc_context

    known = {font.name for font in font_manager.fontManager.ttflist}
    if "Arimo" not in known:
        font_manager.fontManager.addfont(FONTS / "Arimo-Regular.ttf")
    with rc_context(style_of(current_journal())):
        yield


def styles(names: Iterable[str]) -> dict[str, dict]:
    """Return a colour and a line style for each name, always the same for the same list.

    Examples
    --------
    >>> styles(["a", "b"])["b"]
    {'color': '#D55E00', 'linestyle': '--'}
    """
    return {
        name: {"color": COLOURS[i % len(COLOURS)], "linestyle": LINES[i % len(LINES)]}
        for i, name in enumerate(names)
    }


def unit_text(unit: str) -> str:
    """Return a unit as it is printed: files write ``u`` for micro.

    Examples
    --------
    >>> unit_text("umol/L")
    'µmol/L'
    """
    return f"µ{unit[1:]}" if unit.startswith(("umol", "ug", "uL", "um/")) else unit


def new_axes(ax=None):
    """Return the axes given, or those of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots()[1]
