"""What moves net benefit: a tornado of the inputs, and how far each is from turning its sign."""

from __future__ import annotations

from textwrap import fill

import numpy as np
import pandas as pd

from riskmodel.plots.style import COLOURS, GREY, new_axes

BLUE, ORANGE = COLOURS[:2]
LABEL_WIDTH = 34  # characters
BEYOND = 6.0  # posterior standard deviations: what is further is drawn at the edge, with its number


def plot_tornado(
    table: pd.DataFrame,
    *,
    labels: dict[str, str] | None = None,
    xlabel: str = "Expected net benefit per patient",
    scale: float = 1.0,
    most: int = 12,
    ax=None,
):
    """Draw a bar an input, from net benefit at its P5 (blue) to that at its P95 (orange, hatched).

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of one patient and option of :func:`riskmodel.one_way_tornado`.
    labels : dict, optional
        What to write for each input.
    xlabel : str
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
    The values at both ends stand beside the bar: the input's own. An input that turns the sign
    at an end is marked "flips".
    """
    ax = new_axes(ax)
    rows = table.assign(_size=table["swing"].abs()).sort_values(
        "_size", ascending=False, kind="stable"
    )
    shown, hidden = rows.head(most), len(rows) - most
    place = np.arange(len(shown))
    centre = scale * shown["net_benefit"].iloc[0]
    for end, colour, hatch, word in (
        ("low", BLUE, None, "input at its P5"),
        ("high", ORANGE, "////", "input at its P95"),
    ):
        value = scale * shown[f"net_benefit_{end}"].to_numpy()
        ax.barh(
            place, value - centre, left=centre, height=0.6, color=colour, hatch=hatch,
            edgecolor="white", linewidth=0, label=word,
        )  # fmt: skip
        for y, x, at in zip(place, value, shown[f"{end}_value"], strict=True):
            other = scale * shown["net_benefit_high" if end == "low" else "net_benefit_low"].iloc[y]
            left = x < other
            ax.annotate(
                f"{at:.3g}", (min(x, centre) if left else max(x, centre), y),
                xytext=(-3 if left else 3, 0), textcoords="offset points",
                ha="right" if left else "left", va="center", color=colour,
            )  # fmt: skip
    ax.axvline(centre, color=GREY, linewidth=0.8, linestyle="--", label="all draws")
    ax.axvline(0, color="black", linewidth=0.8)
    names = [fill(str((labels or {}).get(n, n)), LABEL_WIDTH) for n in shown["parameters"]]
    names = [f"{n} (flips)" if flag else n for n, flag in zip(names, shown["flips"], strict=True)]
    ax.set_yticks(place, names)
    ax.invert_yaxis()
    ax.margins(x=0.15)
    ax.set_xlabel(xlabel + (f"; {hidden} smaller not shown" if hidden > 0 else ""))
    return ax


def plot_flip_distance(
    table: pd.DataFrame,
    *,
    labels: dict[str, str] | None = None,
    joint: float | None = None,
    xlabel: str = "Shift that turns the sign (posterior standard deviations)",
    beyond: float = BEYOND,
    most: int = 12,
    ax=None,
):
    """Draw how far each input is from turning the sign of net benefit, nearest on top.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of one patient and option of :func:`riskmodel.flip_distance`.
    labels : dict, optional
        What to write for each input.
    joint : float, optional
        The joint distance of all inputs, drawn as a line.
    xlabel : str
    beyond : float
        Bars end here; the number beside a longer one says how far it is.
    most : int
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Blue with ↓: the input would have to be lower; orange, hatched, with ↑: higher. The input's
    value now and at the flip stand beside the bar. An input that turns no sign within its
    support has an empty bar.
    """
    ax = new_axes(ax)
    rows = table.sort_values("standard_deviations", kind="stable")
    shown, hidden = rows.head(most), len(rows) - most
    place = np.arange(len(shown))
    distance = shown["standard_deviations"].to_numpy()
    for word, colour, hatch in (("↓ lower", BLUE, None), ("↑ higher", ORANGE, "////")):
        ax.barh(  # an empty bar, for the legend
            0, 0, color=colour, hatch=hatch, edgecolor="white", linewidth=0, label=word
        )
    for y, (_, row) in enumerate(shown.iterrows()):
        down, far = row["shift"] < 0, row["standard_deviations"]
        if not np.isfinite(far):
            ax.barh(y, beyond, height=0.6, color="none", edgecolor=GREY, linestyle=":")
            ax.annotate(
                "none within its support", (beyond, y), xytext=(3, 0),
                textcoords="offset points", va="center", color=GREY,
            )  # fmt: skip
            continue
        ax.barh(
            y, min(far, beyond), height=0.6, color=BLUE if down else ORANGE,
            hatch=None if down else "////", edgecolor="white", linewidth=0,
        )  # fmt: skip
        arrow = "↓" if down else "↑"
        text = f"{arrow} {far:.2g} sd: {row['location']:.3g} to {row['location_at_flip']:.3g}"
        if far > beyond:
            text = f"{text} (bar cut)"
        ax.annotate(
            text, (min(far, beyond), y), xytext=(3, 0), textcoords="offset points", va="center"
        )
    if joint is not None and np.isfinite(joint):
        ax.axvline(joint, color="black", linewidth=0.9, linestyle="--", label="all inputs together")
    names = [fill(str((labels or {}).get(n, n)), LABEL_WIDTH) for n in shown["parameters"]]
    ax.set_yticks(place, names)
    ax.invert_yaxis()
    drawn = np.where(np.isfinite(distance), np.minimum(distance, beyond), beyond)
    ax.set_xlim(0, 1.6 * max(drawn.max() if drawn.size else 1.0, 1.0))
    end = max(drawn.max() if drawn.size else 1.0, joint if joint and np.isfinite(joint) else 0)
    ax.set_xticks([tick for tick in ax.get_xticks() if 0 <= tick <= end])  # beyond is only text
    ax.set_xlabel(xlabel + (f"; {hidden} further not shown" if hidden > 0 else ""))
    return ax
