"""For the supplement: how chains went, how their ranks mix, and what data made of the priors."""

from __future__ import annotations

import pandas as pd

from riskmodel.plots.forest import label_ratios
from riskmodel.plots.style import COLOURS, GREY, LINES, new_axes


def plot_trace(table: pd.DataFrame, *, label: str = "", ax=None):
    """Draw the draws of one quantity in the order they were made, a line a chain.

    Parameters
    ----------
    table : pandas.DataFrame
        ``chain``, ``draw``, ``value``.
    label : str
        Of the vertical axis: the quantity, with its unit.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    for place, (chain, rows) in enumerate(table.groupby("chain", sort=True)):
        ax.plot(
            rows["draw"], rows["value"], color=COLOURS[place % len(COLOURS)], linewidth=0.5,
            label=f"chain {chain}",
        )  # fmt: skip
    ax.set_xlim(table["draw"].min(), table["draw"].max())
    ax.set_ylabel(label)
    return ax


def plot_ranks_by_chain(table: pd.DataFrame, *, ax=None):
    """Draw how often each chain takes each range of ranks; level where chains agree.

    Parameters
    ----------
    table : pandas.DataFrame
        ``chain``, ``rank`` (the lower edge of a bin as a share of all draws) and ``share`` (of the
        chain's draws, as a multiple of what is expected).
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    ax.axhline(1, color="black", linewidth=0.5)
    for place, (chain, rows) in enumerate(table.groupby("chain", sort=True)):
        ax.plot(
            rows["rank"], rows["share"], drawstyle="steps-post", linewidth=0.9,
            color=COLOURS[place % len(COLOURS)], linestyle=LINES[place % len(LINES)],
            label=f"chain {chain}",
        )  # fmt: skip
    ax.set_xlim(0, 1)
    ax.set_ylim(0, max(2.0, 1.05 * table["share"].max()))
    return ax


def plot_prior_posterior(table: pd.DataFrame, *, xlabel: str, log: bool = False, ax=None):
    """Draw the density of one quantity before and after the evidence is joined.

    Parameters
    ----------
    table : pandas.DataFrame
        ``kind`` (``prior`` or ``posterior``), ``value``, ``density``.
    xlabel : str
        The quantity, with its unit.
    log : bool
        Whether the axis is logarithmic.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    looks = {
        "prior": {"color": GREY, "linestyle": "--"},
        "posterior": {"color": COLOURS[0], "linestyle": "-"},
    }
    if log:
        ax.set_xscale("log")
    for kind, look in looks.items():
        rows = table[table["kind"] == kind]
        if kind == "posterior":
            ax.fill_between(rows["value"], 0, rows["density"], color=look["color"], alpha=0.15,
                            linewidth=0)  # fmt: skip
        ax.plot(rows["value"], rows["density"], label=kind, **look)
    if log:
        label_ratios(ax, (table["value"].min(), table["value"].max()))
    ax.set_xlim(table["value"].min(), table["value"].max())
    ax.set_ylim(bottom=0)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(xlabel)
    return ax
