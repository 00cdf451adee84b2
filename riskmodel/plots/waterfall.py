"""Benefits and harms one after another, from none to net benefit."""

from __future__ import annotations

from textwrap import fill

import numpy as np
import pandas as pd

from riskmodel.plots.style import COLOURS, GREY, new_axes, small

LABEL_WIDTH = 34  # characters


def plot_waterfall(
    table: pd.DataFrame,
    *,
    xlabel: str = "Net benefit per patient",
    total: str = "Net benefit",
    scale: float = 1.0,
    ax=None,
):
    """Draw what each part adds or takes, from zero to their sum.

    Parameters
    ----------
    table : pandas.DataFrame
        ``label`` and ``contribution``, drawn from the top down; ``lower`` and ``upper`` of the
        last row, the sum, are drawn as a line.
    xlabel : str
    total : str
        What the last bar is called.
    scale : float
        Multiplies every value, 1000 for "per 1000 patients".
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Blue to the right adds, orange and hatched to the left takes.
    """
    ax = new_axes(ax)
    parts, whole = table.iloc[:-1], table.iloc[-1]
    values = scale * parts["contribution"].to_numpy(float)
    ends = np.cumsum(values)
    starts = ends - values
    place = np.arange(len(table))
    for better, colour, hatch, words in (
        (True, COLOURS[0], None, "adds to net benefit"),
        (False, COLOURS[1], "////", "takes from net benefit"),
    ):
        chosen = (values >= 0) == better
        if chosen.any():
            ax.barh(
                place[:-1][chosen], values[chosen], left=starts[chosen], height=0.6, color=colour,
                hatch=hatch, edgecolor="white", linewidth=0, label=words,
            )  # fmt: skip
    ax.barh(place[-1], scale * whole["contribution"], height=0.6, color=GREY, label=total)
    ax.plot(
        [scale * whole["lower"], scale * whole["upper"]], [place[-1]] * 2, color="black",
        linewidth=1.2, label="credible interval of the sum",
    )  # fmt: skip
    for y in place[:-1]:  # from the end of one bar down to the next
        ax.plot([ends[y]] * 2, [y - 0.3, y + 1.3], color=GREY, linewidth=0.5, linestyle=":")
    reach = max(np.ptp(np.append(ends, 0)), 1e-12)
    for y, (value, start, end) in enumerate(zip(values, starts, ends, strict=True)):
        side = 1 if value >= 0 else -1
        ax.annotate(
            f"{value:+.3g}", (max(start, end) if side > 0 else min(start, end), y),
            xytext=(3 * side, 0), textcoords="offset points", va="center",
            ha="left" if side > 0 else "right", fontsize=small(),
        )  # fmt: skip
    right = max(scale * whole["upper"], scale * whole["contribution"])
    ax.annotate(
        f"{scale * whole['contribution']:+.3g}", (right, place[-1]), xytext=(3, 0),
        textcoords="offset points", va="center", ha="left", fontsize=small(),
    )  # fmt: skip
    ax.axvline(0, color="black", linewidth=0.6)
    ax.set_yticks(place, [_wrapped(str(label)) for label in table["label"]])
    ax.invert_yaxis()
    ax.tick_params(axis="y", length=0)
    ax.margins(x=0.12 if reach else 0.2)
    ax.set_xlabel(xlabel)
    return ax


def _wrapped(label: str) -> str:
    return "\n".join(fill(line, LABEL_WIDTH) for line in label.splitlines())
