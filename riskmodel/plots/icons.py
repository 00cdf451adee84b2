"""Icon arrays: of so many patients, how many have the event under each option."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from riskmodel.plots.style import COLOURS, GREY, new_axes

_PALE = "#D9D9D9"


def plot_icons(
    events: int,
    of: int,
    *,
    before: int | None = None,
    columns: int | None = None,
    words: Sequence[str] = ("event", "event more than under the comparator", "event avoided"),
    unwanted: bool = True,
    ax=None,
):
    """Draw a grid with an icon a patient; those with the event are filled, row by row.

    Parameters
    ----------
    events : int
        Patients with the event, 0 to `of`.
    of : int
        Patients in all: the denominator.
    before : int, optional
        Patients with the event under the comparator: what is more is marked apart, and what is
        fewer is drawn as a ring in place of a filled icon.
    columns : int, optional
        Icons in a row; by default 10 of 100 and 50 of 1000.
    words : sequence of three str
        For the legend.
    unwanted : bool
        Whether the event is worse for the patient: gives the colour of what is more.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = plot_icons(12, 100, before=17)
    >>> [len(part.get_offsets()) for part in ax.collections]
    [83, 12, 5]
    >>> plt.close(ax.figure)
    """
    ax = new_axes(ax)
    columns = columns or (10 if of <= 100 else 50)
    rows = -(-of // columns)
    number = np.arange(of)
    x, y = number % columns, rows - 1 - number // columns
    shared = events if before is None else min(events, before)
    more = events - shared
    fewer = 0 if before is None else max(before - events, 0)
    side = _icon_area(ax, columns, rows)
    kept, gained, lost = (
        slice(0, shared),
        slice(shared, shared + more),
        slice(events, events + fewer),
    )
    rest = slice(events + fewer, of)
    pale = {"color": _PALE, "linewidths": 0}
    ax.scatter(x[rest], y[rest], s=side, marker="s", **pale)
    ax.scatter(x[kept], y[kept], s=side, marker="s", color=GREY, linewidths=0, label=words[0])
    if more:
        ax.scatter(
            x[gained], y[gained], s=side, marker="s", linewidths=0, label=words[1],
            color=COLOURS[1] if unwanted else COLOURS[0],
        )  # fmt: skip
    if fewer:
        ax.scatter(
            x[lost], y[lost], s=0.72 * side, marker="s", facecolor="white", linewidths=0.8,
            edgecolor=COLOURS[0] if unwanted else COLOURS[1], label=words[2],
        )  # fmt: skip
    ax.set_xlim(-0.6, columns - 0.4)
    ax.set_ylim(-0.6, rows - 0.4)
    ax.set_aspect("equal", anchor="N")
    ax.set_axis_off()
    return ax


def _icon_area(ax, columns: int, rows: int) -> float:
    """Return the area of an icon in square points: four fifths of its place, as wide as it gets."""
    figure = ax.figure
    place = ax.get_subplotspec()
    across = place.get_gridspec().ncols if place else 1
    down = place.get_gridspec().nrows if place else 1
    width = 72 * figure.get_size_inches()[0] * 0.86 / across / columns
    height = 72 * figure.get_size_inches()[1] * 0.72 / down / rows
    return (0.8 * min(width, height)) ** 2
