"""The figures of what sources say that is not modelled: times, and proportions on their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap

import pandas as pd

from riskmodel.parameters.library import LoadedProblem
from riskmodel.plots.effects import plot_proportions
from riskmodel.plots.timeline import plot_timeline
from riskmodel.reports.paper_figure import DISCLAIMER, PaperFigure, new_figure, styled


def evidence_figures(
    loaded: LoadedProblem, tables: Mapping[str, pd.DataFrame]
) -> Iterator[PaperFigure]:
    """Yield the figures of what the sources say that is not modelled.

    Parameters
    ----------
    loaded : LoadedProblem
    tables : mapping of str to pandas.DataFrame
        Of :func:`riskmodel.reports.evidence_tables.evidence_tables`.
    """
    if "windows" in tables and tables["windows"][["from_days", "to_days"]].notna().any(axis=None):
        yield _timeline(loaded, tables["windows"])
    if "reported_risks" in tables:
        yield _reported_risks(loaded, tables["reported_risks"])


@styled
def _timeline(loaded: LoadedProblem, table: pd.DataFrame) -> PaperFigure:
    figure, ax = new_figure(34 + 13 * len(table))
    labels = ["\n".join(wrap(_time_label(row), 46)) for row in table.itertuples()]
    plot_timeline(table, labels=labels, ax=ax)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncol=2)
    caption = (
        f"Windows and ranges of time as the sources print them. Population: "
        f"{loaded.problem.population}. Pale: the opening is itself a range; arrow: no end is "
        "printed; diamond: one point of time; words: no number is printed; grey: for other "
        "patients than these. What the ends of a range mean: "
        + "; ".join(f"{row.label}: {row.meaning or row.printed_time}" for row in table.itertuples())
        + "."
    )
    said = [f"{row.label}: {row.printed_time}" for row in table.itertuples()]
    return PaperFigure(
        "timeline",
        figure,
        table,
        _evidence_caption(caption, table),
        f"Bars on an axis of time. {'; '.join(said)}.",
    )


def _time_label(row) -> str:
    condition = f" ({row.when})" if row.when != "always" else ""
    return f"{row.label}{condition}" + (f", since {row.since}" if row.since else "")


@styled
def _reported_risks(loaded: LoadedProblem, table: pd.DataFrame) -> PaperFigure:
    figure, ax = new_figure(32 + 12 * len(table))
    labels = [
        "\n".join(wrap(f"{row.outcome}: {row.population} ({row.horizon})", 52))
        for row in table.itertuples()
    ]
    plot_proportions(table, labels=labels, xlabel="Reported proportion (%)", ax=ax)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncol=2)
    caption = (
        "Reported proportions without a comparator, never averaged: patients, times and units of "
        "counting differ. Hollow marks: no contrast can be read from them. Bars: 95% Jeffreys "
        "intervals where counts are printed."
    )
    said = [f"{row.outcome}, {row.population}: {100 * row.risk:.3g}%" for row in table.itertuples()]
    return PaperFigure(
        "reported_risks",
        figure,
        table,
        _evidence_caption(caption, table),
        f"Proportions with intervals. {'; '.join(said)}.",
    )


def _evidence_caption(text: str, table: pd.DataFrame) -> str:
    lines = dict.fromkeys(
        f"- {row.source}" + (f" ({row.locator})" if row.locator else "")
        for row in table.itertuples()
    )
    return f"{' '.join(text.split())}\n{DISCLAIMER}\n\nSources\n" + "\n".join(lines)
