"""Recovery over time: fitted curves with bands, what was seen, and what the prior said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from riskmodel.errors import Phrase
from riskmodel.evidence.families import refuse
from riskmodel.evidence.recovery_turnbull import turnbull
from riskmodel.models.recovery_result import Recovery
from riskmodel.plots.style import COLOURS, GREY, LINES, new_axes

_POINTS = 201


def plot_recovery(
    results: Recovery | Sequence[Recovery] | Mapping[str, Recovery],
    *,
    time: ArrayLike | None = None,
    prob: float = 0.95,
    observed: bool = True,
    prior: bool = True,
    never: bool = True,
    link: str | None = None,
    at: Mapping[str, float] | None = None,
    ax=None,
):
    """Draw the share recovered over time.

    Parameters
    ----------
    results : Recovery, sequence or mapping
        A mapping gives the labels.
    time : array_like, optional
        From 0 to past the longest observation where left out.
    prob : float
        Of the bands.
    observed : bool
        Whether to draw Turnbull's estimate of the patients, as steps, and printed counts.
    prior : bool
        Whether to draw the prior's band, in grey, behind a single result.
    never : bool
        Whether to mark where the curve ends if a fraction never recovers.
    link : str, optional
        Needed for results of different, or undeclared, endpoints: why they may share an axis. It
        is printed below the axis.
    at : mapping, optional
        Covariates.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ParameterError
        If endpoints differ, or are not declared, and no link is; if units of time differ.
    """
    named = _named(results)
    require_one_axis(list(named.values()), link)
    first = next(iter(named.values()))
    ax = new_axes(ax)
    time = _times(named, time)
    alone = len(named) == 1
    if prior and alone:
        rows = first.prior_curve(time, prob, at=at)
        ax.fill_between(
            rows["time"],
            rows["lower"],
            rows["upper"],
            color=GREY,
            alpha=0.12,
            linewidth=0,
            label=f"Prior, {prob:.0%} interval",
        )
        ax.plot(rows["time"], rows["recovered"], color=GREY, linewidth=0.8, linestyle=(0, (4, 2)))
    for place, (label, result) in enumerate(named.items()):
        colour, line = COLOURS[place % len(COLOURS)], LINES[place % len(LINES)]
        rows = result.curve(time, prob, at=at)
        ax.fill_between(
            rows["time"], rows["lower"], rows["upper"], color=colour, alpha=0.2, linewidth=0
        )
        ax.plot(rows["time"], rows["recovered"], color=colour, linestyle=line, label=label)
        if never and result.cure != "none":
            _draw_ceiling(ax, result, colour, at, time[-1], alone)
        if observed:
            _draw_observed(ax, result, colour, alone, time[-1])
    _label(ax, named, first, prob, link)
    ax.set_xlim(0, time[-1])
    ax.set_ylim(0, 1)
    return ax


def require_one_axis(results: Sequence[Recovery], link: str | None = None) -> None:
    """Refuse results that may not share an axis or a comparison.

    Parameters
    ----------
    results : sequence of Recovery
    link : str, optional
        Words that say why different endpoints may.

    Raises
    ------
    ParameterError
        For different or undeclared endpoints without a link, or different units of time.
    """
    units = {result.time_unit for result in results}
    if len(units) > 1:
        refuse("time_unit", sorted(units), "one unit of time", "fit them in the same unit")
    if len(results) < 2 or (link is not None and str(link).strip()):
        return
    endpoints = [result.endpoint for result in results]
    if None in endpoints or len(set(endpoints)) > 1:
        shown = ", ".join(one or "not declared" for one in endpoints)
        refuse(
            "endpoint",
            Phrase(shown),
            "results of one declared endpoint",
            "two endpoints are two different things: draw them apart, or say in link= why they may "
            "share an axis",
        )


def _named(results) -> dict[str, Recovery]:
    if isinstance(results, Recovery):
        return {_family_label(results): results}
    if isinstance(results, Mapping):
        return dict(results)
    named: dict[str, Recovery] = {}
    for result in results:
        label, number = _family_label(result), 2
        while label in named:
            label, number = f"{_family_label(result)} ({number})", number + 1
        named[label] = result
    return named


def _family_label(result: Recovery) -> str:
    family = result.family.replace("_", " ").capitalize()
    return family if result.cure == "none" else f"{family}, {result.cure} cure"


def _times(named: Mapping[str, Recovery], time) -> np.ndarray:
    if time is not None:
        return np.atleast_1d(np.asarray(time, dtype=float))
    end = max(result.end_of_observation() for result in named.values())
    return np.linspace(0, 1.15 * end, _POINTS)


def _draw_ceiling(ax, result: Recovery, colour, at, end: float, alone: bool) -> None:
    level = 1 - result.never_recovered_at(at).mean()
    supported = result.follow_up is None or result.follow_up.supported
    label = "Ever recover" + ("" if supported else " (follow-up too short to say)")
    ax.plot(
        [0, end],
        [level, level],
        color=colour,
        linewidth=0.8,
        linestyle=":",
        label=label if alone else None,
    )


def _draw_observed(ax, result: Recovery, colour, alone: bool, end: float) -> None:
    shade = "black" if alone else colour
    if len(result.patients) and not result.patients.names:
        times, least, most = _steps(turnbull(result.patients), result, end)
        if np.array_equal(least, most):
            ax.step(
                times,
                least,
                where="post",
                color=shade,
                linewidth=0.8,
                label="Observed (Turnbull)" if alone else None,
            )
        else:
            ax.fill_between(
                times,
                least,
                most,
                step="post",
                facecolor="none",
                edgecolor=shade,
                linewidth=0.6,
                label="Observed (Turnbull), between visits" if alone else None,
            )
    for time, share in _printed(result):
        ax.plot(
            time,
            share,
            marker="D",
            markersize=4,
            color=shade,
            markerfacecolor="white",
            linestyle="none",
            clip_on=False,
        )


def _steps(table, result: Recovery, end: float):
    """Return times, and the least and the most that may have recovered from each on.

    Inside a stretch that holds mass the data do not say when: all of it at its end, or at its
    start.
    """
    waiting = result.patients.lower[~result.patients.recovered]
    last = min(max([0.0, *waiting, *table["upper"]]), end)
    times = np.unique(np.concatenate([[0.0, last], table["lower"], table["upper"]]))
    mass = table["mass"].to_numpy()
    least = [mass[(table["upper"] <= time).to_numpy()].sum() for time in times]
    most = [mass[(table["lower"] <= time).to_numpy()].sum() for time in times]
    return times, np.array(least), np.array(most)


def _printed(result: Recovery):
    """Yield printed shares of everyone by a time."""
    for summary in result.summaries:
        if hasattr(summary, "by") and np.isfinite(summary.by):
            share = getattr(summary, "share", None)
            yield summary.by, summary.recovered / summary.n if share is None else share
        if hasattr(summary, "quantiles") and summary.of != "recovered":
            for share, time in summary.quantiles.items():
                yield time, share


def _label(ax, named, first: Recovery, prob: float, link: str | None) -> None:
    endpoints = {result.endpoint for result in named.values()}
    if len(endpoints) == 1:
        what = (first.endpoint or "endpoint not declared").replace("_", " ")
        ax.set_ylabel(f"Share with {what}" if first.endpoint else f"Share ({what})")
    else:
        ax.set_ylabel("Share that has reached its endpoint")
    time = f"Time since {first.time_from} ({first.time_unit}s)"
    ax.set_xlabel(f"{time}\nDifferent endpoints: {link}" if link else time)
    handles, labels = ax.get_legend_handles_labels()
    if len(labels) > 1:
        ax.legend(handles, labels, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.3)
