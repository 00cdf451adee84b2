"""Model-expected decision curves of strategies."""

from __future__ import annotations

import pandas as pd

from riskmodel.plots.style import new_axes, styles


def plot_treatment_decision_curve(
    curve: pd.DataFrame,
    *,
    xlabel: str = "Treatment threshold",
    ylabel: str = "Model-expected net benefit",
    scale: float = 1.0,
    ax=None,
):
    """Draw the posterior mean of every strategy against the threshold.

    Parameters
    ----------
    curve : pandas.DataFrame
        One option of :func:`riskmodel.treatment_decision_curve`.
    xlabel, ylabel : str
    scale : float
        Multiplies both axes, 1000 for "per 1000 patients".
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    strategies = list(curve["strategy"].unique())
    looks = styles(strategies)
    for strategy, rows in curve.groupby("strategy", sort=False):
        ax.plot(
            scale * rows["threshold"],
            scale * rows["net_benefit"],
            label=strategy,
            **looks[strategy],
        )
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.set_xlim(scale * curve["threshold"].min(), scale * curve["threshold"].max())
    return ax


def plot_strategy_band(curve: pd.DataFrame, strategy: str, *, scale: float = 1.0, ax=None):
    """Draw one strategy with its credible band.

    Parameters
    ----------
    curve : pandas.DataFrame
    strategy : str
    scale : float
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    look = styles(list(curve["strategy"].unique()))[strategy]
    rows = curve[curve["strategy"] == strategy]
    ax.fill_between(
        scale * rows["threshold"],
        scale * rows["lower"],
        scale * rows["upper"],
        color=look["color"],
        alpha=0.2,
        linewidth=0,
    )
    ax.plot(scale * rows["threshold"], scale * rows["net_benefit"], **look)
    ax.axhline(0, color="black", linewidth=0.5)
    ax.set_title(strategy, loc="left")
    ax.set_xlim(scale * curve["threshold"].min(), scale * curve["threshold"].max())
    return ax
