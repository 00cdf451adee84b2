"""The small figures of a brief: recovery from now on, what treatment could add, harm by course."""

from __future__ import annotations

import numpy as np
import pandas as pd

from riskmodel.plots.style import COLOURS, GREY, LINES, new_axes


def plot_from_now(table: pd.DataFrame, *, ax=None, colour: str = COLOURS[0]):
    """Draw one endpoint's chance from now on, of somebody who has not come there yet.

    Parameters
    ----------
    table : pandas.DataFrame
        Of one endpoint: time, recovered, lower, upper, prob, prior_share, label, time_unit.
    ax : matplotlib.axes.Axes, optional
    colour : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    if table["endpoint"].nunique() != 1:
        raise ValueError("endpoint: two endpoints never share an axis")
    ax = new_axes(ax)
    ax.fill_between(
        table["time"], table["lower"], table["upper"], color=colour, alpha=0.2, linewidth=0
    )
    ax.plot(table["time"], table["recovered"], color=colour)
    ax.set_xlim(0, table["time"].max())
    ax.xaxis.get_major_locator().set_params(integer=True, nbins=6)
    highest = float(table["upper"].max())
    ax.set_ylim(0, 1 if highest > 0.4 else 1.25 * highest)
    _percent(ax.yaxis, highest)
    last = table.iloc[-1]
    ax.set_title(f"{last['label']} (prior: {last['prior_share']:.0%})", loc="left")
    ax.set_xlabel(f"Time from now ({last['time_unit']}s)")
    ax.set_ylabel("Chance")
    return ax


def plot_added(table: pd.DataFrame, *, ax=None):
    """Draw a risk difference with its series left out, discounted and at face value.

    Parameters
    ----------
    table : pandas.DataFrame
        Of one series: a0, evidence, mean, lower, upper, prob.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    rows = table.dropna(subset=["a0"]).reset_index(drop=True)
    places = np.arange(len(rows))[::-1]
    ax.axvline(0, color="black", linewidth=0.6)
    for place, row, colour in zip(places, rows.itertuples(), (GREY, *COLOURS), strict=False):
        ax.plot([row.lower, row.upper], [place, place], color=colour, linewidth=1.2)
        ax.plot(row.median, place, marker="o", markersize=3.5, color=colour)
        ax.annotate(
            f"{row.median:+.0%} ({row.lower:+.0%} to {row.upper:+.0%})",
            (0.0, place),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            va="bottom",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.3},
        )
    ax.set_yticks(places, [f"{row.evidence}\n(a0 {row.a0:g})" for row in rows.itertuples()])
    ax.set_ylim(-0.5, len(rows) - 0.35)
    ax.set_xlim(-1, 1)
    ax.set_xticks([-1, 0, 1])
    _percent(ax.xaxis, 1.0)
    ax.set_xlabel("Added by treatment (percentage points)")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def plot_harm(table: pd.DataFrame, *, ax=None):
    """Draw the probability of at least one event by course, a line for each source.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :func:`riskmodel.course_risk`, one scenario and spread; sources are never averaged.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    for place, (source, rows) in enumerate(table.groupby("source", sort=False)):
        colour, line = COLOURS[place % len(COLOURS)], LINES[place % len(LINES)]
        excess = rows["estimand"].iloc[0].startswith("excess")
        ax.fill_between(
            rows["course"], rows["lower"], rows["upper"], color=colour, alpha=0.18, linewidth=0
        )
        ax.plot(
            rows["course"],
            rows["mean"],
            color=colour,
            linestyle=line,
            label=source + (" (excess)" if excess else ""),
        )
    ax.axhline(0, color="black", linewidth=0.4)
    ax.set_xlim(1, table["course"].max())
    ax.xaxis.get_major_locator().set_params(integer=True)
    _percent(ax.yaxis, float(table["upper"].max()))
    ax.set_xlabel("Course (number)")
    ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncol=1, borderaxespad=0.1)
    return ax


def _percent(axis, highest: float) -> None:
    from matplotlib.ticker import FuncFormatter

    digits = 0 if highest >= 0.05 else 1
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.{digits}f}%"))
