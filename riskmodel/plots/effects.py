"""Differences and proportions with their intervals, one row each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from riskmodel.plots.style import GREY, new_axes, small

_BLUE, _ORANGE = "#0072B2", "#D55E00"
LOOKS = {
    "more is better": (_BLUE, "o"),
    "more is worse": (_ORANGE, "s"),
    "impact on decisions only": (GREY, "D"),
}


def plot_differences(
    table: pd.DataFrame,
    *,
    labels: Sequence[str],
    xlabel: str,
    missing: Sequence[str] = (),
    directions: tuple[str, str] | None = None,
    ax=None,
):
    """Draw one row an effect: point and interval, coloured and marked by which way is better.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``value``, ``lower``, ``upper`` and ``meaning``, a key of `LOOKS`; drawn from
        the top down.
    labels : sequence of str
        One a row.
    xlabel : str
    missing : sequence of str
        Labels of rows below, for which the sources allow no contrast: words instead of a mark.
    directions : (str, str), optional
        Words below the axis for less and for more; None leaves them out.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    rows = np.arange(len(labels) + len(missing))[::-1]
    for words, (colour, marker) in LOOKS.items():
        chosen = (table["meaning"] == words).to_numpy()
        if not chosen.any():
            continue
        part, place = table[chosen], rows[: len(labels)][chosen]
        ax.hlines(place, part["lower"], part["upper"], color=colour, linewidth=1.5)
        ax.plot(part["value"], place, marker, color=colour, markersize=5, label=words, linestyle="")
    ax.axvline(0, color=GREY, linewidth=0.8, zorder=0)
    # Words start beside the axis whatever its limits are.
    for place, _ in zip(rows[len(labels) :], missing, strict=True):
        ax.text(
            0.02,
            place,
            "no contrast in the sources",
            transform=ax.get_yaxis_transform(),
            va="center",
            color="#555555",
            fontsize=small(),
            backgroundcolor="white",
        )
    ax.set_yticks(rows, [*labels, *missing])
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(xlabel)
    if directions:
        for x, words, side in (
            (0, f"← {directions[0]}", "left"),
            (1, f"{directions[1]} →", "right"),
        ):
            ax.text(x, 1.01, words, transform=ax.transAxes, ha=side, va="bottom", fontsize=small())
    return ax


def plot_proportions(table: pd.DataFrame, *, labels: Sequence[str], xlabel: str, ax=None):
    """Draw reported proportions as hollow marks with their intervals: no comparator, no contrast.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``risk``, ``lower``, ``upper`` in [0, 1]; a row without an interval has only its
        mark.
    labels : sequence of str
    xlabel : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    rows = np.arange(len(labels))[::-1]
    known = table["lower"].notna().to_numpy()
    part = table[known]
    ax.hlines(rows[known], 100 * part["lower"], 100 * part["upper"], color=_BLUE, linewidth=1.2)
    for chosen, marker, words in (
        (known, "o", "counts printed: with 95% interval"),
        (~known, "D", "no counts printed: no interval"),
    ):
        if chosen.any():
            ax.plot(
                100 * table["risk"][chosen],
                rows[chosen],
                marker,
                markerfacecolor="white",
                markeredgecolor=_BLUE,
                markersize=5,
                linestyle="",
                label=words,
            )
    ax.set_yticks(rows, labels)
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.set_xlim(left=0)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(xlabel)
    return ax
