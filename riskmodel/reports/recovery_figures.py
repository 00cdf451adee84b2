"""The figure of a fitted time to recovery."""

from __future__ import annotations

import numpy as np

from riskmodel.plots.recovery import plot_recovery
from riskmodel.reports.paper_figure import DISCLAIMER, PaperFigure, new_figure, styled

POINTS = 201


@styled
def recovery_curve_figure(result, *, prob: float = 0.95) -> PaperFigure:
    """Return the share recovered over time, with its prior and what was observed.

    Parameters
    ----------
    result : Recovery
        From :func:`riskmodel.fit_recovery`.
    prob : float
    """
    time = np.linspace(0, 1.15 * result.end_of_observation(), POINTS)
    figure, ax = new_figure(95)
    plot_recovery(result, time=time, prob=prob, ax=ax)
    points = result.curve(time, prob=prob)
    if ax.get_legend() is not None:  # outside, where it hides no curve
        ax.get_legend().remove()
        figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncol=2)
    end = points.iloc[-1]
    record = result.record
    caption = (
        f"Share that has reached {result.endpoint or 'an undeclared endpoint'} by time from "
        f"{result.time_from}, in {result.time_unit}s. Line: posterior mean; band: {prob:.0%} "
        f"equal-tailed credible interval (seed {record.get('seed')}). {result.statement}. "
        f"{DISCLAIMER}"
    )
    alt = (
        f"Rising curve with a band; at {end['time']:.3g} {result.time_unit}s "
        f"{end['recovered']:.0%} ({end['lower']:.0%} to {end['upper']:.0%})."
    )
    return PaperFigure("recovery_curves", figure, points, " ".join(caption.split()), alt)
