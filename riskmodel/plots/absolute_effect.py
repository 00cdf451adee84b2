"""Benefit and harm on one axis, against a covariate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgba

from riskmodel.plots.style import GREY, new_axes, styles

_NUMBERS_NEEDED = (5, 10, 20, 50)
_APART = 0.055  # of the axis, between two of them


def plot_absolute_effect(
    table: pd.DataFrame,
    *,
    x: str,
    xlabel: str,
    labels: Mapping[str, str],
    edges: Sequence[float] = (),
    band_labels: Sequence[str] = (),
    studied: Sequence[float] | None = None,
    log: bool = False,
    ax=None,
):
    """Draw the risk difference of every outcome against a covariate.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :func:`riskmodel.absolute_effects`, one option, with the covariate in column `x`.
    x, xlabel : str
    labels : mapping of str to str
        Outcome -> its name for readers, in drawing order.
    edges : sequence of float
        Band edges: a rule each, and a mark on the axis.
    band_labels : sequence of str
        One more than edges.
    studied : (float, float), optional
        Beyond it the background is shaded: extrapolation.
    log : bool
        Whether the covariate's axis is logarithmic.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    low, high = table[x].min(), table[x].max()
    if log:
        ax.set_xscale("log")
    looks = styles(labels)
    for outcome, label in labels.items():
        rows = table[table["outcome"] == outcome].sort_values(x)
        colour = looks[outcome]["color"]
        ax.fill_between(
            rows[x],
            rows["per_1000_lower"],
            rows["per_1000_upper"],
            facecolor=to_rgba(colour, 0.16),
            edgecolor=colour,
            linestyle=looks[outcome]["linestyle"],
            linewidth=0.5,
        )
        ax.plot(rows[x], rows["per_1000"], label=label, **looks[outcome])
    ax.axhline(0, color="black", linewidth=0.6)
    if studied is not None:
        for a, b in ((low, studied[0]), (studied[1], high)):
            if a < b:
                ax.axvspan(a, b, color="black", alpha=0.06, linewidth=0, zorder=0)
    for edge in edges:
        ax.axvline(edge, color=GREY, linewidth=0.5, linestyle=":", zorder=0)
    if len(edges):  # an empty line would be laid out in the figure's corner
        ax.plot(
            edges,
            np.zeros(len(edges)),
            "|",
            color="black",
            markersize=7,
            transform=ax.get_xaxis_transform(),
            clip_on=False,
            zorder=5,
        )
    limits = [low, *edges, high]
    for a, b, name in zip(limits[:-1], limits[1:], band_labels, strict=False):
        middle = np.sqrt(a * b) if log else (a + b) / 2
        ax.text(
            middle,
            1.01,
            name,
            ha="center",
            va="bottom",
            color=GREY,
            transform=ax.get_xaxis_transform(),
        )
    ax.set_xlim(low, high)
    if log:
        ticks = sorted({low, *edges, high})
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
    ax.set(xlabel=xlabel, ylabel="Risk difference per 1000 patients\n(below 0: fewer events)")
    _number_needed_axis(ax)
    return ax


def _number_needed_axis(ax) -> None:
    """Add the number needed to treat as a second axis; it passes through infinity at 0."""
    second = ax.secondary_yaxis("right")
    low, high = ax.get_ylim()
    marks = [(0.0, "∞")] if low <= 0 <= high else []
    for number in _NUMBERS_NEEDED:
        for at, text in ((-1000 / number, f"NNTB {number}"), (1000 / number, f"NNTH {number}")):
            apart = all(abs(at - other) >= _APART * (high - low) for other, _ in marks)
            if low <= at <= high and apart:
                marks.append((at, text))
    second.set_yticks([at for at, _ in marks], [text for _, text in marks])
    second.set_ylabel("Number needed to treat")
    second.spines["right"].set_visible(True)
