"""What knowing more would be worth: by source or parameter, and by the size of a trial."""

from __future__ import annotations

from textwrap import fill

import numpy as np
import pandas as pd

from riskmodel.plots.style import COLOURS, GREY, new_axes, styles

LABEL_WIDTH = 34  # characters


def plot_evppi(
    table: pd.DataFrame,
    *,
    by: str = "parameters",
    labels: dict[str, str] | None = None,
    xlabel: str = "EVPPI (net benefit per patient)",
    evpi: float | None = None,
    scale: float = 1.0,
    most: int = 12,
    ax=None,
):
    """Draw EVPPI as bars, largest on top, each with its standard error and its floor.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of one group (profile, weight) of :func:`riskmodel.evppi`.
    by : str
        The column that names a bar: ``parameters`` or ``source``.
    labels : dict, optional
        What to write for each name.
    xlabel : str
    evpi : float, optional
        EVPI of the group, drawn as a line.
    scale : float
        Multiplies every value, 1000 for "per 1000 patients".
    most : int
        Bars; the rest is named by its number.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    A bar that ends left of its floor mark cannot be told from nothing. A name with an asterisk has
    a note in the table.
    """
    ax = new_axes(ax)
    rows = table.dropna(subset="evppi").sort_values("evppi", ascending=False, kind="stable")
    shown, hidden = rows.head(most), len(rows) - most
    place = np.arange(len(shown))
    value, error = scale * shown["evppi"].to_numpy(), scale * shown["standard_error"].to_numpy()
    ax.barh(place, value, height=0.6, color=COLOURS[0], label="EVPPI")
    ax.errorbar(
        value,
        place,
        xerr=error,
        fmt="none",
        ecolor="black",
        elinewidth=0.9,
        capsize=2,
        label="± 1 standard error",
    )
    ax.scatter(
        scale * shown["floor"],
        place,
        marker="|",
        s=130,
        linewidths=1.8,
        color=COLOURS[1],
        zorder=3,
        label="floor: an unrelated input",
    )
    if evpi is not None:
        ax.axvline(scale * evpi, color=GREY, linewidth=0.8, linestyle="--", label="EVPI")
    names = [(labels or {}).get(name, name) for name in shown[by]]
    noted = shown["note"] != "" if "note" in shown else [False] * len(shown)
    names = [f"{name} *" if flag else name for name, flag in zip(names, noted, strict=True)]
    ax.set_yticks(place, [fill(str(name), LABEL_WIDTH) for name in names])
    ax.invert_yaxis()
    for y, (_, row) in zip(place, shown.iterrows(), strict=True):
        if np.isfinite(row["share_of_evpi"]):
            end = scale * max(row["evppi"] + row["standard_error"], row["floor"])
            ax.annotate(
                f"{row['share_of_evpi']:.0%}" + (" of EVPI" if y == 0 else ""),
                (end, y),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                color=GREY,
            )
    ax.set_xlim(left=0)
    ax.margins(x=0.12)
    ax.set_xlabel(xlabel + (f"; {hidden} smaller not shown" if hidden > 0 else ""))
    return ax


def plot_evsi(
    table: pd.DataFrame,
    *,
    by: str | None = None,
    labels: dict[str, str] | None = None,
    xlabel: str = "Patients in the trial",
    ylabel: str = "EVSI (net benefit per patient)",
    evppi: float | None = None,
    scale: float = 1.0,
    ax=None,
):
    """Draw EVSI against the number of patients, with bands of one standard error either side.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :func:`riskmodel.evsi`.
    by : str, optional
        A column with one line a value: ``parameters``, ``profile``, ``method``.
    labels : dict, optional
        What to write for each value of `by`.
    xlabel, ylabel : str
    evppi : float, optional
        What a trial without end would be worth, drawn as a line.
    scale : float
        Multiplies every value.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    lines = [("EVSI", table)] if by is None else list(table.groupby(by, sort=False))
    looks = styles(str(name) for name, _ in lines)
    for name, rows in lines:
        rows = rows.dropna(subset="evsi").sort_values("n")
        look = looks[str(name)]
        value, error = scale * rows["evsi"], scale * rows["standard_error"]
        ax.plot(rows["n"], value, marker="o", markersize=3, label=(labels or {}).get(name, name),
                **look)  # fmt: skip
        ax.fill_between(
            rows["n"],
            (value - error).clip(lower=0),
            value + error,
            color=look["color"],
            alpha=0.18,
            linewidth=0,
        )
    if evppi is not None:
        ax.axhline(scale * evppi, color=GREY, linewidth=0.8, linestyle="--", label="EVPPI")
    ax.set(xscale="log", xlabel=xlabel, ylabel=ylabel)
    ax.xaxis.set_major_formatter(lambda n, _: f"{n:,.0f}" if n >= 1 else "")
    ax.set_ylim(bottom=0)
    return ax
