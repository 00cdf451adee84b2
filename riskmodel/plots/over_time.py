"""Risks under two options over several horizons."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from riskmodel.plots.style import new_axes, styles

POINTS_BETWEEN = 20


def plot_risk_over_time(
    table: pd.DataFrame, *, labels: Mapping[str, str], xlabel: str, ylabel: str, ax=None
):
    """Draw cumulative risks with bands: marks at the horizons, constant hazards between them.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``option``, ``time``, ``risk``, ``lower``, ``upper``; risks in [0, 1).
    labels : mapping of str to str
        Option -> words for the legend; drawn in this order.
    xlabel, ylabel : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Of risks in percent, from zero.
    """
    ax = new_axes(ax)
    for (option, label), style, marker in zip(
        labels.items(), styles(labels).values(), "osD^vP", strict=False
    ):
        part = table[table["option"] == option].sort_values("time")
        times = part["time"].to_numpy()
        fine = _between(times)
        lower, middle, upper = (
            100 * _constant_hazards(times, part[column].to_numpy(), fine)
            for column in ("lower", "risk", "upper")
        )
        ax.fill_between(fine, lower, upper, color=style["color"], alpha=0.15, linewidth=0)
        marks = [POINTS_BETWEEN * (i + 1) for i in range(len(times))]
        ax.plot(
            fine,
            middle,
            **style,
            marker=marker,
            markevery=marks,
            markersize=4,
            label=label,
            clip_on=False,
        )
    ax.set_xlim(0, 1.03 * table["time"].max())
    ax.set_ylim(bottom=0)
    ax.set_xticks([0, *sorted(table["time"].unique())])
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    return ax


def _between(times: np.ndarray) -> np.ndarray:
    edges = np.append(0.0, times)
    parts = [
        np.linspace(start, end, POINTS_BETWEEN, endpoint=False)
        for start, end in zip(edges[:-1], edges[1:], strict=True)
    ]
    return np.append(np.concatenate(parts), times[-1])


def _constant_hazards(times, risks, fine) -> np.ndarray:
    """Return risks between horizons: cumulative hazards on straight lines."""
    hazards = np.append(0.0, -np.log1p(-np.asarray(risks, dtype=float)))
    return -np.expm1(-np.interp(fine, np.append(0.0, times), hazards))
