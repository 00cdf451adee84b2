"""Pathways over time: who is where, who recovers when, who went where, and harm by course."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from riskmodel.plots.style import COLOURS, GREY, LINES, new_axes, styles

# Where patients want to be, and where nobody does; the stages take the palette between them.
ENDS = {"recovered": "#009E73", "dead": "#4d4d4d"}
_STAGE_COLOURS = ("#0072B2", "#E69F00", "#CC79A7", "#56B4E9", "#D9D9D9", "#D55E00", "#F0E442")


def state_colours(states: pd.Series | list[str]) -> dict[str, str]:
    """Return a colour for each state: recovered and dead always the same, stages in their order.

    Examples
    --------
    >>> state_colours(["first", "recovered", "dead"])
    {'first': '#0072B2', 'recovered': '#009E73', 'dead': '#4d4d4d'}
    """
    names = [name for name in dict.fromkeys(states) if name not in ("beginning",)]
    stages = [name for name in names if name not in ENDS]
    colours = {n: _STAGE_COLOURS[i % len(_STAGE_COLOURS)] for i, n in enumerate(stages)}
    return {name: ENDS.get(name) or colours[name] for name in names}


def plot_states(states: pd.DataFrame, *, ax=None, legend: bool = True):
    """Draw who is where over time, as areas that add to everybody.

    Parameters
    ----------
    states : pandas.DataFrame
        One profile of ``Pathway.states()``.
    ax : matplotlib.axes.Axes, optional
    legend : bool
        To the right, in the order of the areas.

    Returns
    -------
    matplotlib.axes.Axes
    """
    _one_profile(states)
    ax = new_axes(ax)
    wide = states.pivot(index="time", columns="state", values="probability")
    names = list(dict.fromkeys(states["state"]))
    labels = states.drop_duplicates("state").set_index("state")["label"]
    colours = state_colours(names)
    # Recovery grows from the floor and death from the ceiling, so that both read off an axis.
    order = [name for name in ("recovered", *names) if name in names]
    order = list(dict.fromkeys([*order[:1], *(n for n in names if n not in ENDS), *order[-1:]]))
    order = [n for n in order if wide[n].max() > 0]
    ax.stackplot(
        wide.index,
        *(wide[name] for name in order),
        labels=[labels[name] for name in order],
        colors=[colours[name] for name in order],
        edgecolor="white",
        linewidth=0.3,
    )
    ax.set_xlim(0, wide.index.max())
    ax.set_ylim(0, 1)
    ax.set_xlabel(_time_label(states))
    ax.set_ylabel("Share of patients")
    if legend:
        handles, words = ax.get_legend_handles_labels()
        ax.legend(
            handles[::-1], words[::-1], loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=7
        )
    return ax


def plot_pathway_recovery(
    curves: Mapping[str, pd.DataFrame], *, endpoint: str = "recovery", ax=None
):
    """Draw the share that has reached one endpoint over time, a curve for each pathway.

    Parameters
    ----------
    curves : mapping of str to pandas.DataFrame
        Label -> one profile of ``Pathway.endpoint_curves()``.
    endpoint : str
        One: two endpoints never share an axis.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    looks = styles(curves)
    for label, table in curves.items():
        rows = table[table["endpoint"] == endpoint]
        _one_profile(rows)
        look = looks[label]
        if rows["lower"].notna().all():
            ax.fill_between(
                rows["time"],
                rows["lower"],
                rows["upper"],
                color=look["color"],
                alpha=0.15,
                linewidth=0,
            )
        ax.plot(rows["time"], rows["mean"], label=label, **look)
    ax.set_xlim(0, rows["time"].max())
    ax.set_ylim(0, 1 if rows["upper"].max() > 0.5 else None)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(_time_label(rows))
    name = rows["label"].iloc[0]
    ax.set_ylabel(f"{name}\n(share; {rows['prob'].iloc[0]:.0%} credible interval)")
    if len(curves) > 1:
        ax.legend(loc="best", fontsize=7)
    return ax


def plot_moves(moves: pd.DataFrame, *, least: float = 0.002, ax=None):
    """Draw who went where, move by move, as bands as wide as the share of patients.

    Parameters
    ----------
    moves : pandas.DataFrame
        One profile of ``Pathway.moves()``.
    least : float
        Bands narrower than this share are left out.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Columns are the number of moves; a block without a band to its right is where its patients
        stayed until the end of follow-up.
    """
    _one_profile(moves)
    ax = new_axes(ax)
    rows = moves[(moves["share"] >= least) & (moves["move"] > 0)]
    first = moves[moves["move"] == 0]
    places = moves.drop_duplicates("destination").sort_values("destination_place")
    stages = [n for n in places["destination"] if n not in ENDS]
    order = [n for n in ("recovered", *stages, "dead") if n in set(places["destination"])]
    # A stage has the colour it has in the areas, whichever stages nobody reached.
    colours = {
        name: ENDS.get(name) or _STAGE_COLOURS[place % len(_STAGE_COLOURS)]
        for name, place in zip(places["destination"], places["destination_place"], strict=True)
    }
    labels = dict(zip(moves["destination"], moves["destination_label"], strict=True))
    columns = [first.groupby("destination")["share"].sum()]
    for move in range(1, int(rows["move"].max() if len(rows) else 0) + 1):
        columns.append(rows[rows["move"] == move].groupby("destination")["share"].sum())
    blocks = [_stack(column, order) for column in columns]
    width, left = 0.08, {}
    for x, column in enumerate(blocks):
        for name, (low, high) in column.items():
            ax.bar(x, high - low, bottom=low, width=2 * width, color=colours[name], linewidth=0)
            left[x, name] = low
            if high - low > 0.045 or (x == 0):
                ax.text(
                    x + width + 0.02,
                    (low + high) / 2,
                    f"{labels[name]} {high - low:.0%}",
                    va="center",
                    fontsize=6.5,
                    bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
                    zorder=5,
                )
    arriving: dict[tuple[int, str], float] = {}
    for row in rows.sort_values(
        ["move", "origin", "destination"],
        key=lambda c: c.map(order.index) if c.name != "move" else c,
    ).itertuples():
        x = int(row.move) - 1
        low = left[x, row.origin]
        left[x, row.origin] = low + row.share
        there = arriving.get((x + 1, row.destination), blocks[x + 1][row.destination][0])
        arriving[x + 1, row.destination] = there + row.share
        _band(ax, (x + width, x + 1 - width), (low, there), row.share, colours[row.destination])
    ax.set_xlim(-width - 0.02, len(blocks) - 1 + 0.62)
    ax.set_ylim(min((low for c in blocks for low, _ in c.values()), default=0) - 0.01, None)
    ax.set_xticks(range(len(blocks)), ["Beginning", *(_ordinal(x) for x in range(1, len(blocks)))])
    ax.set_yticks([])
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="x", length=0)
    return ax


def _ordinal(move: int) -> str:
    return f"After move {move}"


def _stack(column: pd.Series, order: list[str]) -> dict[str, tuple[float, float]]:
    """Return where each block of a column lies, with a gap between blocks."""
    place, found = 0.0, {}
    for name in order:
        share = float(column.get(name, 0.0))
        if share > 0:
            found[name] = (place, place + share)
            place += share + 0.035
    return found


def _band(ax, x: tuple[float, float], y: tuple[float, float], share: float, colour: str) -> None:
    """Draw a band that leaves and arrives level."""
    t = np.linspace(0, 1, 40)
    ease = t * t * (3 - 2 * t)
    low = y[0] + (y[1] - y[0]) * ease
    ax.fill_between(
        x[0] + (x[1] - x[0]) * t, low, low + share, color=colour, alpha=0.35, linewidth=0, zorder=1
    )


def plot_course_risk(table: pd.DataFrame, *, axes=None):
    """Draw the probability of at least one event by course, a panel for each source.

    The band is of each panel's first line.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :func:`riskmodel.course_risk`; several scenarios or spreads are lines of one panel.
    axes : sequence of matplotlib.axes.Axes, optional
        One for each source; they should share their y axis.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
    """
    sources = list(dict.fromkeys(table["source"]))
    if axes is None:
        import matplotlib.pyplot as plt

        axes = plt.subplots(1, len(sources), sharey=True, squeeze=False)[1][0]
    for ax, source in zip(axes, sources, strict=True):
        rows = table[table["source"] == source]
        lines = list(rows.groupby(["scenario", "between_patient_sd"], sort=False, dropna=False))
        for i, ((scenario, sd), line) in enumerate(lines):
            look = {"color": COLOURS[i % len(COLOURS)], "linestyle": LINES[i % len(LINES)]}
            flat = not line["by_course"].iloc[0]
            if flat:
                look["linestyle"] = ":"
            if i == 0:  # bands of several lines would hide one another; the table has them all
                ax.fill_between(
                    line["course"],
                    line["lower"],
                    line["upper"],
                    color=look["color"],
                    alpha=0.18,
                    linewidth=0,
                )
            ax.plot(line["course"], line["mean"], label=_line_label(scenario, sd), **look)
            if line["untreated"].notna().all() and i == 0:
                ax.plot(line["course"], line["untreated"], color=GREY, lw=0.9, label="untreated")
        kind = rows["kind"].iloc[0]
        counted = {"patient": "per patient, not by course", "day": "per day at risk"}.get(
            rows["denominator"].iloc[0], f"per {rows['denominator'].iloc[0]}"
        )
        if rows["estimand"].iloc[0].startswith("excess"):
            counted = f"excess risk {counted}"
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_title("\n".join(filter(None, (source, kind, counted))), fontsize=7.5)
        ax.set_xlabel("Course (number)")
        if rows["lower"].min() < 0:
            ax.axhline(0, color="black", linewidth=0.5)
        if rows["by_course"].all() and rows["untreated"].notna().any():
            ax.legend([ax.lines[1]], ["untreated, same days"], loc="upper left", fontsize=6.5)
    counted = table.groupby("source", sort=False).apply(
        lambda rows: rows.groupby(["scenario", "between_patient_sd"], dropna=False).ngroups,
        include_groups=False,
    )
    if counted.max() > 1:
        axes[sources.index(counted.idxmax())].legend(loc="upper left", fontsize=6.5)
        axes[0].set_ylim(top=axes[0].get_ylim()[1] * (1 + 0.09 * counted.max()))
    axes[0].set_ylabel(f"At least one event ({table['prob'].iloc[0]:.0%} credible interval)")
    return axes


def _line_label(scenario: str, sd: float) -> str:
    if np.isnan(sd):
        return scenario
    return f"{scenario}, patients differ" if sd else f"{scenario}, patients alike"


def _time_label(table: pd.DataFrame) -> str:
    return f"Time since the pathway began ({table['time_unit'].iloc[0]}s)"


def _one_profile(table: pd.DataFrame) -> None:
    if table["profile"].nunique() != 1:
        raise ValueError(
            "profile: give the rows of one profile, such as table[table.profile == id]"
        )
