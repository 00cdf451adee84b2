"""Colours, line styles and sizes that every figure shares."""

from __future__ import annotations

from collections.abc import Iterable

# Okabe and Ito's palette, told apart with every kind of colour vision; black is kept for rules.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
GREY = "#666666"

RC = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "riskmodel",
    "savefig.bbox": None,
    "legend.frameon": False,
}


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


def new_axes(ax=None):
    """Return the axes given, or those of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots()[1]
