"""Acceptability and its frontier, ranks, contributions of criteria, and the map of two weights."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill

import numpy as np
import pandas as pd

from riskmodel.plots.style import COLOURS, GREY, new_axes, styles

_SHADES = 80  # of the map, from most harm to most benefit
_BAND = 0.02  # half the height of the frontier's band
HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "++++")


def plot_acceptability(
    table: pd.DataFrame,
    *,
    xlabel: str = "Weight",
    labels: Mapping[str, str] | None = None,
    marked_weight: float | None = None,
    ax=None,
):
    """Draw P(best) of every option against a weight, and the frontier above it.

    Parameters
    ----------
    table : pandas.DataFrame
        One profile of :func:`riskmodel.acceptability` in which one weight varies.
    xlabel : str
    labels : mapping, optional
        What to write for each option.
    marked_weight : float, optional
        The panel's own weight.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    The pale band follows the option of highest expected net benefit; it breaks where another
    option takes over.
    """
    ax = new_axes(ax)
    options = list(table["option"].unique())
    looks = styles(options)
    frontier = table[table["frontier"]].sort_values("weight")
    runs = (frontier["option"] != frontier["option"].shift()).cumsum()
    for first, (_, rows) in enumerate(frontier.groupby(runs, sort=False)):
        ax.fill_between(
            rows["weight"],
            rows["prob_best"] - _BAND,
            rows["prob_best"] + _BAND,
            color=GREY,
            alpha=0.35,
            linewidth=0,
            label="Frontier: highest expected net benefit" if first == 0 else None,
        )
    for option in options:
        rows = table[table["option"] == option].sort_values("weight")
        ax.plot(rows["weight"], rows["prob_best"], label=_label(labels, option), **looks[option])
    if marked_weight is not None:
        ax.axvline(marked_weight, color=GREY, linewidth=0.8, linestyle="--", label="Panel's weight")
    ax.set(xlabel=xlabel, ylabel="P(best)", ylim=(-0.02, 1.02))
    ax.set_xlim(table["weight"].min(), table["weight"].max())
    return ax


def plot_ranks(ranks: pd.DataFrame, *, labels: Mapping[str, str] | None = None, ax=None):
    """Draw rank acceptability as one stacked bar an option, best rank first.

    Parameters
    ----------
    ranks : pandas.DataFrame
        One profile of ``ranks`` of :func:`riskmodel.smaa` or :func:`riskmodel.mcda`.
    labels : mapping, optional
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    options = list(ranks["option"].unique())
    left = np.zeros(len(options))
    for place, (rank, rows) in enumerate(ranks.groupby("rank")):
        share = rows.set_index("option").loc[options, "acceptability"].to_numpy()
        bars = ax.barh(
            range(len(options)),
            share,
            left=left,
            height=0.6,
            color=COLOURS[place % len(COLOURS)],
            hatch=HATCHES[place % len(HATCHES)],
            edgecolor="white",
            linewidth=0.5,
            label=f"Rank {rank}" + (" (best)" if rank == 1 else ""),
        )
        _write(ax, bars, [f"{value:.0%}" if value >= 0.06 else "" for value in share])
        left += share
    _rows_of(ax, options, labels)
    ax.set(xlabel="Share of draws and weights", xlim=(0, 1))
    return ax


def plot_contributions(
    contributions: pd.DataFrame,
    *,
    labels: Mapping[str, str] | None = None,
    outcome_labels: Mapping[str, str] | None = None,
    xlabel: str = "Contribution to the score (0 worst, 1 best)",
    ax=None,
):
    """Draw what each criterion adds to each option's score, stacked; negative ones to the left.

    Parameters
    ----------
    contributions : pandas.DataFrame
        One profile of ``contributions`` of :func:`riskmodel.mcda` or :func:`riskmodel.smaa`.
    labels, outcome_labels : mapping, optional
        What to write for options and for criteria.
    xlabel : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    options = list(contributions["option"].unique())
    ahead, behind = np.zeros(len(options)), np.zeros(len(options))
    for place, (outcome, rows) in enumerate(contributions.groupby("outcome", sort=False)):
        rows = rows.set_index("option").loc[options]
        part, weight = rows["contribution"].to_numpy(), rows["weight"].iloc[0]
        ax.barh(
            range(len(options)),
            part,
            left=np.where(part >= 0, ahead, behind),
            height=0.6,
            color=COLOURS[place % len(COLOURS)],
            hatch=HATCHES[place % len(HATCHES)],
            edgecolor="white",
            linewidth=0.5,
            label=f"{_label(outcome_labels, outcome)} (weight {weight:.2f})",
        )
        ahead, behind = ahead + np.maximum(part, 0), behind + np.minimum(part, 0)
    width = max(ahead.max() - behind.min(), 1e-12)
    for y, total in enumerate(ahead + behind):
        ax.annotate(f"{total:.3g}", (ahead[y] + 0.01 * width, y), va="center", color=GREY)
    _rows_of(ax, options, labels)
    ax.axvline(0, color="black", linewidth=0.6)
    ax.margins(x=0.1)
    ax.set_xlabel(xlabel)
    return ax


def plot_preference_map(
    table: pd.DataFrame,
    *,
    contours: pd.DataFrame | None = None,
    xlabel: str = "Weight of the first harm",
    ylabel: str = "Weight of the second harm",
    colour_label: str = "Net benefit",
    marked: tuple[float, float] | None = None,
    scale: float = 1.0,
    ax=None,
):
    """Draw expected net benefit over two weights, its zero line, and lines of its probability.

    Parameters
    ----------
    table : pandas.DataFrame
        One profile and option of :func:`riskmodel.preference_map`.
    contours : pandas.DataFrame, optional
        The same of :func:`riskmodel.preference_contours`, drawn with labels.
    xlabel, ylabel, colour_label : str
    marked : pair of float, optional
        The panel's own weights.
    scale : float
        Multiplies net benefit, 1000 for "per 1000 patients".
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    ax = new_axes(ax)
    grid = table.pivot(index="weight_2", columns="weight_1", values="net_benefit") * scale
    most = max(float(np.abs(grid.to_numpy()).max()), 1e-12)
    colours = LinearSegmentedColormap.from_list("house", [COLOURS[1], "#FFFFFF", COLOURS[0]])
    shades = ScalarMappable(Normalize(-most, most), colours)
    # Fine steps of colour as areas: an image would be megabytes in a vector file.
    area = ax.contourf(
        grid.columns, grid.index, grid, levels=np.linspace(-most, most, _SHADES + 1),
        cmap=colours, norm=shades.norm,
    )  # fmt: skip
    area.set_edgecolor("face")  # or hairlines show between them
    area.set_linewidth(0.3)
    ax.figure.colorbar(shades, ax=ax, label=colour_label)
    if contours is not None:
        _lines(ax, contours, float(grid.index.max()))
    if marked is not None:
        ax.plot(*marked, marker="o", color="black", markersize=4, linestyle="", clip_on=False,
                label="Panel's weights")  # fmt: skip
    ax.set(xlabel=xlabel, ylabel=fill(ylabel, 40))
    ax.set_xlim(grid.columns.min(), grid.columns.max())
    ax.set_ylim(grid.index.min(), grid.index.max())
    return ax


def _lines(ax, contours: pd.DataFrame, top: float) -> None:
    looks = {0.5: "--", 0.8: "-.", 0.95: ":"}
    for (kind, level), rows in contours.groupby(["contour", "level"], sort=True):
        rows = rows.sort_values("weight_1")
        across, up = rows["weight_1"].to_numpy(), rows["weight_2"].to_numpy()
        on = np.isfinite(up) & (up > 0)
        if not on.any() or up[on].min() > top:
            continue
        across, up = _to_the_axis(across[on], up[on], ends=bool((up == 0).any()))
        zero = kind == "net_benefit"
        ax.plot(
            across,
            up,
            color="black",
            linestyle="-" if zero else looks.get(level, (0, (5, 1, 1, 1))),
            linewidth=1.4 if zero else 0.9,
            label="Net benefit = 0" if zero else f"P(net benefit > 0) = {level:g}",
        )


def _to_the_axis(across: np.ndarray, up: np.ndarray, *, ends: bool):
    """Go on in the last direction to a weight of 0, which lies between two steps of the table."""
    if not ends or len(across) < 2 or up[-1] >= up[-2]:
        return across, up
    slope = (across[-1] - across[-2]) / (up[-1] - up[-2])
    return np.append(across, across[-1] - up[-1] * slope), np.append(up, 0.0)


def _label(labels: Mapping[str, str] | None, name: str) -> str:
    return (labels or {}).get(name, str(name))


def _rows_of(ax, options, labels) -> None:
    ax.set_yticks(range(len(options)), [_label(labels, option) for option in options])
    ax.invert_yaxis()


def _write(ax, bars, texts) -> None:
    for bar, text in zip(bars, texts, strict=True):
        if text:
            middle = (bar.get_x() + bar.get_width() / 2, bar.get_y() + bar.get_height() / 2)
            patch = {"boxstyle": "round,pad=0.15", "facecolor": "white", "linewidth": 0}
            ax.annotate(text, middle, ha="center", va="center", bbox=patch)
