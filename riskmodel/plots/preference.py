"""Net benefit against how bad a harm is judged to be."""

from __future__ import annotations

import pandas as pd

from riskmodel.plots.style import COLOURS, GREY


def plot_preference_curve(
    curve: pd.DataFrame,
    *,
    xlabel: str,
    ylabel: str = "Net benefit",
    marked_weight: float | None = None,
    break_even: pd.Series | None = None,
    scale: float = 1.0,
    axes=None,
):
    """Draw net benefit and the probability that it is positive against a weight.

    Parameters
    ----------
    curve : pandas.DataFrame
        One profile and option of :func:`riskmodel.preference_curve`.
    xlabel, ylabel : str
    marked_weight : float, optional
        The panel's own weight.
    break_even : pandas.Series, optional
        A row of :func:`riskmodel.break_even_weight`; its middle is marked.
    scale : float
        Multiplies net benefit, 1000 for "per 1000 patients".
    axes : pair of matplotlib.axes.Axes, optional

    Returns
    -------
    pair of matplotlib.axes.Axes
    """
    if axes is None:
        import matplotlib.pyplot as plt

        axes = plt.subplots(2, 1, sharex=True)[1]
    top, bottom = axes
    weight, colour = curve["weight"], COLOURS[0]
    prob = curve["prob"].iloc[0]
    top.fill_between(
        weight,
        scale * curve["lower"],
        scale * curve["upper"],
        color=colour,
        alpha=0.18,
        linewidth=0,
        label=f"{prob:.0%} credible interval",
    )
    top.plot(weight, scale * curve["net_benefit"], color=colour, label="Posterior mean")
    top.axhline(0, color="black", linewidth=0.6)
    bottom.plot(weight, curve["prob_positive"], color=colour)
    bottom.axhline(0.5, color="black", linewidth=0.6, linestyle=":")
    bottom.set_ylim(0, 1)
    for ax in axes:
        if marked_weight is not None:
            ax.axvline(
                marked_weight,
                color=GREY,
                linewidth=0.8,
                linestyle="--",
                label="Panel's weight" if ax is top else None,
            )
        if break_even is not None and weight.min() <= break_even["weight"] <= weight.max():
            ax.axvline(
                break_even["weight"],
                color=COLOURS[1],
                linewidth=0.8,
                linestyle="-.",
                label="Break-even weight" if ax is top else None,
            )
    top.set_ylabel(ylabel)
    bottom.set(xlabel=xlabel, ylabel="P(net benefit > 0)")
    bottom.set_xlim(weight.min(), weight.max())
    return axes
