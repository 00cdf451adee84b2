"""The figures of a run over several horizons."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.absolute_effects import KIND, interval_tails
from riskmodel.plots.over_time import plot_risk_over_time
from riskmodel.reports.figures import MAX_PROFILES, figure_caption, profile_words, sample_size
from riskmodel.reports.paper_figure import PaperFigure, new_figure, styled
from riskmodel.simulation.outcomes import loaded_problem


def time_figures(outcomes: xr.Dataset, *, prob: float = 0.95) -> Iterator[PaperFigure]:
    """Yield the risks over time of each patient, one figure each.

    Parameters
    ----------
    outcomes : xarray.Dataset
        From :func:`riskmodel.simulate_horizons`.
    prob : float
    """
    for who in list(outcomes["profile"].values)[:MAX_PROFILES]:
        name = "risk_over_time" + (f"_{who}" if outcomes.sizes["profile"] > 1 else "")
        yield _risk_over_time(outcomes, who, name, prob)


def risks_over_time(outcomes: xr.Dataset, who: str, *, prob: float = 0.95) -> pd.DataFrame:
    """Return every event's risk under every option at every horizon, for one patient.

    Returns
    -------
    pandas.DataFrame
        ``profile``, ``option``, ``outcome``, ``time``, ``time_unit``, ``risk`` (posterior median),
        ``lower``, ``upper``, ``prob``, ``kind``; what is not known is left out.
    """
    tails = interval_tails(prob)
    rows = []
    problem = loaded_problem(outcomes).problem
    for name, outcome in problem.outcomes.items():
        if outcome.type != "event":
            continue
        for option in problem.options:
            risk = outcomes["risk"].sel(profile=who, option=option, outcome=name)
            draws = risk.transpose("time", ...).values.reshape(risk.sizes["time"], -1)
            if not np.isfinite(draws).any():
                continue
            lower, middle, upper = np.nanquantile(draws, [tails[0], 0.5, tails[1]], axis=1)
            for i, time in enumerate(outcomes["time"].values):
                rows.append(
                    {
                        "profile": who,
                        "option": option,
                        "outcome": name,
                        "time": float(time),
                        "time_unit": outcomes["time"].attrs["units"],
                        "risk": middle[i],
                        "lower": lower[i],
                        "upper": upper[i],
                        "prob": prob,
                        "kind": KIND,
                    }
                )
    return pd.DataFrame(rows)


@styled
def _risk_over_time(outcomes: xr.Dataset, who: str, name: str, prob: float) -> PaperFigure:
    problem = loaded_problem(outcomes).problem
    table = risks_over_time(outcomes, who, prob=prob)
    shown = list(dict.fromkeys(table["outcome"]))
    unit = outcomes["time"].attrs["units"]
    columns = min(2, len(shown))
    rows = -(-len(shown) // columns)
    figure, grid = new_figure(20 + 52 * rows, rows, columns, squeeze=False, sharex=True)
    handles = {}
    for i, (ax, outcome) in enumerate(zip(grid.ravel(), shown, strict=False)):
        part = table[table["outcome"] == outcome]
        labels = {
            key: option.label
            for key, option in problem.options.items()
            if key in set(part["option"])
        }
        plot_risk_over_time(
            part,
            labels=labels,
            xlabel=f"Time ({unit}s)" if i + columns >= len(shown) else "",
            ylabel="Cumulative risk (%)" if i % columns == 0 else "",
            ax=ax,
        )
        ax.tick_params(labelbottom=True)
        ax.set_title(problem.outcomes[outcome].label, loc="left")
        for mark, words in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(words, mark)
    for ax in grid.ravel()[len(shown) :]:
        ax.set_visible(False)
    figure.legend(handles.values(), handles, loc="outside lower center", ncol=3)
    own = problem.horizon
    caption = (
        f"Cumulative risks for {profile_words(outcomes, who)} under each option. Population: "
        f"{problem.population}. Marks: posterior medians at "
        f"{', '.join(outcomes.attrs['horizons'])}; "
        f"bands: {prob:.0%} equal-tailed credible intervals from {sample_size(outcomes)} draws. "
        f"The evidence is at {own}; every other horizon rests on assumed shares of the hazard, "
        "and the lines between the marks on constant hazards. Axes differ between panels."
    )
    last = table[table["time"] == table["time"].max()]
    said = [
        f"{problem.outcomes[row.outcome].label}, {problem.options[row.option].label.lower()}: "
        f"{100 * row.risk:.1f}% ({100 * row.lower:.1f} to {100 * row.upper:.1f})"
        for row in last.itertuples()
    ]
    alt = (
        f"Line charts of cumulative risk, one panel an outcome. At {last['time'].iloc[0]:g} "
        f"{unit}s: {'; '.join(said)}."
    )
    return PaperFigure(name, figure, table, figure_caption(caption, outcomes), alt)
