"""The value tree and the graph of the model: boxes in columns, joined by lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

import pandas as pd

from riskmodel.plots.style import COLOURS, GREY, new_axes, small

# Each kind of input by its frame as well as by its colour, so that it can be told in grey.
BADGES = {
    "data": (COLOURS[0], "-"),
    "elicited": (COLOURS[2], (0, (5, 1.5))),
    "transported": (COLOURS[4], (0, (3, 1, 1, 1))),
    "assumed": (COLOURS[1], (0, (1, 1))),
}
_GAP = 0.34  # between columns, in widths of a box


def plot_boxes(
    nodes: pd.DataFrame,
    links: pd.DataFrame,
    *,
    columns: Sequence[str] = (),
    wrap_at: int | Sequence[int] = 24,
    widths: Sequence[float] | None = None,
    ax=None,
):
    """Draw boxes in columns from left to right, with a curve for every link.

    Parameters
    ----------
    nodes : pandas.DataFrame
        ``node``, ``label``, ``column`` (0 is leftmost) and, where the frame says something,
        ``badge`` (a key of `BADGES`, or empty). Drawn from the top down in their order.
    links : pandas.DataFrame
        ``origin`` and ``target``, both nodes.
    columns : sequence of str
        Words above each column.
    wrap_at : int or sequence of int
        Characters in a line of a box, one for all columns or one each.
    widths : sequence of float, optional
        Of the columns beside each other; by default all the same.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> nodes = pd.DataFrame({"node": ["a", "b"], "label": ["One", "Two"], "column": [0, 1]})
    >>> ax = plot_boxes(nodes, pd.DataFrame({"origin": ["a"], "target": ["b"]}))
    >>> [text.get_text() for text in ax.texts]
    ['One', 'Two']
    >>> plt.close(ax.figure)
    """
    ax = new_axes(ax)
    count = int(nodes["column"].max()) + 1
    widths = list(widths or [1.0] * count)
    wraps = [wrap_at] * count if isinstance(wrap_at, int) else list(wrap_at)
    lefts = [sum(widths[:i]) + _GAP * i for i in range(count)]
    labels = {
        row.node: "\n".join(wrap(str(row.label), wraps[row.column])) for row in nodes.itertuples()
    }
    heights = {node: 0.5 + label.count("\n") * 0.36 for node, label in labels.items()}
    tallest = max(
        sum(heights[node] + 0.35 for node in part["node"]) for _, part in nodes.groupby("column")
    )
    middles = {}
    for _, part in nodes.groupby("column", sort=True):
        free = tallest - sum(heights[node] for node in part["node"])
        gap, top = free / len(part), tallest
        for node in part["node"]:
            middles[node] = top - gap / 2 - heights[node] / 2
            top -= gap + heights[node]
        middles |= _beside(list(part["node"]), links, middles)
    column_of = dict(zip(nodes["node"], nodes["column"], strict=True))
    for link in links.itertuples():
        start = lefts[column_of[link.origin]] + widths[column_of[link.origin]]
        _draw_link(
            ax, (start, middles[link.origin]), (lefts[column_of[link.target]], middles[link.target])
        )
    badges = nodes["badge"] if "badge" in nodes else [""] * len(nodes)
    for (node, column), badge in zip(column_of.items(), badges, strict=True):
        box = (lefts[column], middles[node] - heights[node] / 2, widths[column], heights[node])
        _draw_box(ax, box, labels[node], badge)
    for column, words in enumerate(columns):
        middle = lefts[column] + widths[column] / 2
        ax.text(middle, tallest + 0.1, words, ha="center", va="bottom")
    ax.set_xlim(-0.02, lefts[-1] + widths[-1] + 0.02)
    ax.set_ylim(-0.05, tallest + (0.5 if len(columns) else 0.05))
    ax.set_axis_off()
    return ax


def _beside(column: list[str], links: pd.DataFrame, middles: Mapping[str, float]) -> dict:
    """Return heights of boxes that each stand alone beside a box of their own, as a table's row."""
    into = links[links["target"].isin(column)]
    alone = len(into) == len(column) and into["target"].is_unique and into["origin"].is_unique
    if not alone or not set(into["origin"]) <= set(middles):
        return {}
    return {row.target: middles[row.origin] for row in into.itertuples()}


def _draw_link(ax, start: tuple[float, float], end: tuple[float, float]) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    middle = (start[0] + end[0]) / 2
    path = Path(
        [start, (middle, start[1]), (middle, end[1]), end],
        [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4],
    )
    ax.add_patch(PathPatch(path, facecolor="none", edgecolor=GREY, linewidth=0.7, zorder=1))


def _draw_box(ax, box, label: str, badge: str) -> None:
    from matplotlib.patches import Rectangle

    left, bottom, width, height = box
    colour, dashes = BADGES.get(badge, ("black", "-"))
    ax.add_patch(
        Rectangle(
            (left, bottom), width, height, facecolor="white", edgecolor=colour,
            linestyle=dashes, linewidth=1.3 if badge else 0.8, zorder=2,
            label=badge or "_nolegend_",
        )
    )  # fmt: skip
    ax.text(
        left + width / 2, bottom + height / 2, label, ha="center", va="center", zorder=3,
        fontsize=small(), linespacing=1.05,
    )  # fmt: skip


def badge_handles(badges: Sequence[str]) -> Mapping[str, object]:
    """Return one frame for the legend by badge, in the fixed order of `BADGES`."""
    from matplotlib.patches import Rectangle

    return {
        badge: Rectangle(
            (0, 0), 1, 1, facecolor="white", edgecolor=look[0], linestyle=look[1], linewidth=1.3
        )
        for badge, look in BADGES.items()
        if badge in set(badges)
    }
