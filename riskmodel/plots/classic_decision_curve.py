"""Decision curves on patients' data: net benefit with bands, and differences between strategies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgba

from riskmodel.plots.style import GREY, new_axes, small, styles

DEFAULTS = {
    "treat all": {"color": "#222222", "linestyle": (0, (5, 1.5)), "linewidth": 1.0},
    "treat none": {"color": GREY, "linestyle": "-", "linewidth": 0.8},
}
_ROOM_BELOW = 0.35  # of the height above zero, so that treating all may leave the picture
_NEAR = 0.055  # of the height; two labels nearer than this are moved apart


def plot_decision_curve(
    curve: pd.DataFrame,
    *,
    value: str = "net_benefit",
    xlabel: str = "Threshold probability",
    ylabel: str | None = None,
    labels: Mapping[str, str] | None = None,
    ylim: tuple[float, float] | None = None,
    ax=None,
):
    """Draw every strategy's net benefit against the threshold, with its band.

    Parameters
    ----------
    curve : pandas.DataFrame
        Of :func:`riskmodel.decision_curve` or :func:`riskmodel.trial_decision_curve`.
    value : str
        ``net_benefit``, ``standardised_net_benefit``, ``net_interventions_avoided``, or
        ``difference``.
    xlabel : str
    ylabel : str, optional
        None names value and interval.
    labels : mapping of str to str, optional
        Strategy -> its name for readers.
    ylim : (float, float), optional
        None shows all strategies that use the predictions whole, and the two defaults as far as
        they are near: treating all falls without end.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> curve = pd.DataFrame({"strategy": "model", "threshold": [0.1, 0.2],
    ...     "net_benefit": [0.05, 0.03], "lower": [0.03, 0.01], "upper": [0.07, 0.05],
    ...     "prob": 0.95, "kind": "equal-tailed"})
    >>> plot_decision_curve(curve).get_ylabel()
    'Net benefit, events per patient\\n(95% equal-tailed credible interval)'
    """
    ax = new_axes(ax)
    low, high = _BANDS[value]
    looks = _looks(curve["strategy"].unique())
    ends = {}
    for strategy, rows in curve.groupby("strategy", sort=False):
        look = looks[strategy]
        x, y = rows["threshold"].to_numpy(), rows[value].to_numpy()
        if strategy not in DEFAULTS and rows[low].notna().any():
            ax.fill_between(
                x,
                rows[low],
                rows[high],
                facecolor=to_rgba(look["color"], 0.15),
                edgecolor=look["color"],
                linestyle=look["linestyle"],
                linewidth=0.4,
            )
        name = (labels or {}).get(strategy, strategy)
        ax.plot(x, y, label=name, **look)
        ends[name] = (x, y, look["color"])
    low_end, high_end = curve["threshold"].min(), curve["threshold"].max()
    if high_end > low_end:
        ax.set_xlim(low_end, high_end)
    ax.set_ylim(*(ylim or _limits(curve, value, low, high)))
    _name_ends(ax, ends)
    ax.set(xlabel=xlabel, ylabel=ylabel or f"{_NAMES[value]}{_interval(curve)}")
    return ax


def plot_difference_curve(
    difference: pd.DataFrame,
    *,
    xlabel: str = "Threshold probability",
    ylabel: str | None = None,
    ax=None,
):
    """Draw differences in net benefit between strategies, with their bands, about zero.

    Parameters
    ----------
    difference : pandas.DataFrame
        Of :func:`riskmodel.decision_curve_difference`.
    xlabel : str
    ylabel : str, optional
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    pairs = list(difference.groupby(["strategy", "versus"], sort=False))
    looks = styles([f"{one} − {other}" for (one, other), _ in pairs])
    for (one, other), rows in pairs:
        name = f"{one} − {other}"
        look = looks[name]
        if rows["lower"].notna().any():
            ax.fill_between(
                rows["threshold"],
                rows["lower"],
                rows["upper"],
                facecolor=to_rgba(look["color"], 0.15),
                edgecolor=look["color"],
                linestyle=look["linestyle"],
                linewidth=0.4,
            )
        ax.plot(rows["threshold"], rows["difference"], label=name, **look)
    ax.axhline(0, color="black", linewidth=0.6)
    low, high = difference["threshold"].min(), difference["threshold"].max()
    if high > low:
        ax.set_xlim(low, high)
    ax.text(
        1,
        1.01,
        "above 0: the first of the two is better",
        transform=ax.transAxes,
        ha="right",
        va="bottom",
        fontsize=small(),
        color=GREY,
    )
    text = f"Difference in net benefit{_interval(difference)}"
    ax.set(xlabel=xlabel, ylabel=ylabel or text)
    return ax


_NAMES = {
    "net_benefit": "Net benefit, events per patient",
    "standardised_net_benefit": "Standardised net benefit",
    "net_interventions_avoided": "Net interventions avoided per patient",
    "difference": "Net benefit minus treating nobody",
}
_BANDS = {
    "net_benefit": ("lower", "upper"),
    "standardised_net_benefit": ("standardised_lower", "standardised_upper"),
    "net_interventions_avoided": ("avoided_lower", "avoided_upper"),
    "difference": ("difference_lower", "difference_upper"),
}


def _looks(strategies) -> dict[str, dict]:
    own = [name for name in strategies if name not in DEFAULTS]
    return styles(own) | DEFAULTS


def _interval(table: pd.DataFrame) -> str:
    known = table["prob"].dropna()
    if known.empty:
        return ""
    return f"\n({known.iloc[0]:.0%} {table['kind'].iloc[0]} credible interval)"


def _limits(curve: pd.DataFrame, value: str, low: str, high: str) -> tuple[float, float]:
    own = curve[~curve["strategy"].isin(DEFAULTS)]
    shown = own[[value, low, high]].to_numpy(dtype=float)
    everything = curve[value].to_numpy(dtype=float)
    if not np.isfinite(shown).any():
        shown = everything
    top = np.nanmax(np.where(np.isfinite(everything), everything, -np.inf))
    top, bottom = max(top, np.nanmax(shown), 0.0), min(np.nanmin(shown), 0.0)
    lowest = min(bottom, max(np.nanmin(everything), -_ROOM_BELOW * (top - bottom)))
    margin = 0.04 * (top - lowest) or 0.01
    return lowest - margin, top + margin


def _name_ends(ax, ends: dict[str, tuple[np.ndarray, np.ndarray, str]]) -> None:
    """Write each strategy's name where its line ends, or where it leaves the picture below."""
    low, high = ax.get_ylim()
    places = {}
    for name, (at, y, colour) in ends.items():
        known = np.isfinite(y)
        if not known.any():
            continue
        if y[known][-1] >= low:
            places[name] = min((y[known][-1] - low) / (high - low), 0.98)
            continue
        inside = np.flatnonzero(known & (y >= low))
        leaves = at[inside[-1]] if inside.size else at[known][0]
        ax.annotate(
            name, (leaves, low), xytext=(4, 8), textcoords="offset points", color=colour,
            fontsize=small(),
        )
    order = sorted(places, key=places.get)
    for before, name in zip(order, order[1:], strict=False):
        places[name] = max(places[name], places[before] + _NEAR)
    over = max(places.values(), default=0) - 1.0
    for name in order:
        ax.annotate(
            name,
            (1, places[name] - max(over, 0)),
            xycoords="axes fraction",
            xytext=(4, 0),
            textcoords="offset points",
            color=ends[name][2],
            va="center",
            fontsize=small(),
            annotation_clip=False,
        )
