"""Windows and ranges of time on one axis, from days to years."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from riskmodel.plots.style import new_axes

_TICKS = {
    1: "1 day",
    7: "1 week",
    30.44: "1 month",
    91.3: "3 months",
    365.25: "1 year",
    1095.75: "3 years",
    3652.5: "10 years",
}
_COLOURS = {"window": "#0072B2", "time range": "#009E73"}
_PALE = "#AAAAAA"


def plot_timeline(table: pd.DataFrame, *, labels: Sequence[str], ax=None):
    """Draw each window or range as a bar on a logarithmic axis of time.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``kind``, ``from_days``, ``from_days_at_latest``, ``to_days``; nan or None at the
        end is an open end, drawn as an arrow. A window whose opening is itself a range fades in
        over it. A row without any number has its words, ``printed_time``, in place of a bar; one
        whose ``profiles`` are empty is drawn in grey.
    labels : sequence of str
        One a row, from the top down.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    ends = table[["from_days", "from_days_at_latest", "to_days"]].astype(float)
    known = ends.to_numpy()[np.isfinite(ends.to_numpy()) & (ends.to_numpy() > 0)]
    low, high = max(known.min(initial=1) / 2, 0.5), known.max(initial=30) * 2
    rows = np.arange(len(table))[::-1]
    seen: set[str] = set()
    for place, row, (start, latest, end) in zip(
        rows, table.itertuples(), ends.to_numpy(), strict=True
    ):
        kind = row.kind if row.profiles else f"{row.kind} for other patients"
        colour = _COLOURS[row.kind] if row.profiles else _PALE
        if np.isnan(start) and np.isnan(end):
            ax.text(low * 1.1, place, f"“{row.printed_time}”", va="center", color="#555555")
            continue
        left = low if not start > 0 else start
        right = high if np.isnan(end) else end
        label = None if kind in seen else kind
        seen.add(kind)
        solid = latest if np.isfinite(latest) and latest > left else left
        if solid > left:
            ax.barh(place, solid - left, left=left, height=0.5, color=colour, alpha=0.35)
        if right > solid:
            ax.barh(place, right - solid, left=solid, height=0.5, color=colour, label=label)
        else:
            ax.plot(solid, place, "D", color=colour, markersize=5, linestyle="", label=label)
        if np.isnan(end):
            ax.plot(high, place, ">", color=colour, markersize=5, clip_on=False)
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    ticks = [day for day in _TICKS if low <= day <= high]
    ax.set_xticks(ticks, [_TICKS[day] for day in ticks])
    ax.minorticks_off()
    ax.set_yticks(rows, labels)
    ax.set_ylim(-0.6, len(table) - 0.4)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="#dddddd", linewidth=0.5)
    ax.set_axisbelow(True)
    ax.set_xlabel("Time (logarithmic)")
    return ax
