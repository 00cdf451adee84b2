"""A finished run weighed again, without fitting: by any panel, over weights, and by criteria."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.acceptability import (
    acceptability,
    likelihood_helped_or_harmed,
)
from riskmodel.decisions.criterion_weights import RatioBounds
from riskmodel.decisions.magnitude import magnitude
from riskmodel.decisions.multicriteria import MulticriteriaResult, mcda, smaa
from riskmodel.decisions.net_benefit import (
    Weighting,
    break_even_weight,
    net_benefit,
    summarize_net_benefit,
)
from riskmodel.decisions.preference_map import map_harms, preference_contours, preference_map
from riskmodel.decisions.revealed import revealed_threshold
from riskmodel.decisions.value_functions import LinearValue
from riskmodel.errors import ParameterError, Phrase, RiskModelWarning
from riskmodel.parameters.library import LoadedProblem
from riskmodel.parameters.schema import Panel
from riskmodel.plots.multicriteria import (
    plot_acceptability,
    plot_contributions,
    plot_preference_map,
    plot_ranks,
)
from riskmodel.reports.drawn_run import drawn_outcomes, figures_of, refuse, run_panel
from riskmodel.reports.paper_figure import (
    DISCLAIMER,
    PaperFigure,
    new_figure,
    save_figure,
    styled,
)
from riskmodel.reports.trace import RunFolder

SCHEMA = "riskmodel/decide/1"
MAX_PROFILES = 4  # that figures are drawn of
_SHARES = (0.001, 0.999)  # of the draws of a continuous outcome: the swing it is scored over


@dataclass(frozen=True)
class DecideReport:
    """One run weighed by one panel.

    Parameters
    ----------
    folder : Path
        Of the run.
    outcomes : xarray.Dataset
        As they lay in the folder.
    panel : Panel
    tables : dict of str to pandas.DataFrame
        By the name of their files.
    record : dict
        Problem, horizon, weights, whose, seed, notes.
    """

    folder: Path
    outcomes: xr.Dataset = field(repr=False)
    panel: Panel
    tables: dict[str, pd.DataFrame] = field(repr=False)
    record: dict

    def to_json(self) -> str:
        """Return everything but the map's grid as JSON; what is not known is null."""
        tables = {
            name: json.loads(table.to_json(orient="records", double_precision=10))
            for name, table in self.tables.items()
            if name != "preference_map"
        }
        return json.dumps({**self.record, **tables}, indent=2, ensure_ascii=False) + "\n"


def decide_report(
    run: Path | RunFolder,
    *,
    preferences: str | Panel | None = None,
    prob: float = 0.95,
    seed: int | None = None,
    thresholds: str | Path | None = None,
    recommendation: str | Path | None = None,
) -> DecideReport:
    """Return net benefit, break-even, acceptability and multi-criteria scores of a finished run.

    Parameters
    ----------
    run : Path or RunFolder
        A folder that :func:`riskmodel.run_problem` wrote; nothing is fitted again.
    preferences : str or Panel, optional
        A panel, or the id of one the problem knows; None is the one of the run.
    prob : float
        Of the equal-tailed credible intervals, in (0, 1).
    seed : int, optional
        Of the drawn weights; None is the run's own.
    thresholds : str or Path, optional
        A file of schema ``riskmodel/thresholds/1``, as of :func:`riskmodel.magnitude`.
    recommendation : str or Path, optional
        A file of schema ``riskmodel/recommendation/1`` or the id of a shipped one, as of
        :func:`riskmodel.revealed_threshold`.

    Returns
    -------
    DecideReport
        Tables ``magnitude`` and ``revealed_threshold``, where asked for, ``net_benefit``,
        ``break_even``, ``likelihood_helped_or_harmed``, ``acceptability``, ``preference_map`` and
        ``preference_contours`` (where two harms are weighed), and of multi-criteria analysis
        ``scores``, ``ranks``, ``contributions``, ``central_weights``, ``criterion_weights``, each
        with a column ``method``: ``mcda`` with the panel's weights, ``smaa`` over all weights,
        ``smaa_ranges`` over those within the panel's ranges.

    Raises
    ------
    ParameterError
        If it is no run, holds no draws or no weights, or no net benefit can be computed.

    Notes
    -----
    Criteria are scored in proportion from no event to one event, a continuous outcome over the
    span of its draws, so that the additive score with the panel's weights orders options as net
    benefit without burden and stated pairs does.
    """
    opened = RunFolder.open(run)
    outcomes = drawn_outcomes(opened)
    panel = run_panel(opened, preferences)
    bound = Weighting(opened.loaded.problem, panel)
    seed = (opened.record.get("posterior") or {}).get("seed", 0) if seed is None else seed
    tables = {"net_benefit": summarize_net_benefit(net_benefit(outcomes, panel), prob=prob)}
    if tables["net_benefit"].empty:
        refuse("run", Phrase("no option with net benefit"), "a contrast of every weighed outcome",
                "name a panel that weighs only what can be estimated")  # fmt: skip
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RiskModelWarning)
        tables["break_even"] = break_even_weight(outcomes, preferences=panel)
        if panel.reference != bound.problem.preferences.vary:
            tables["likelihood_helped_or_harmed"] = likelihood_helped_or_harmed(
                outcomes, preferences=panel
            )
        tables["acceptability"] = acceptability(outcomes, preferences=panel)
        if _harms(bound):
            tables["preference_map"] = preference_map(outcomes, preferences=panel, prob=prob)
            tables["preference_contours"] = preference_contours(outcomes, preferences=panel)
        if thresholds is not None:
            tables["magnitude"] = magnitude(outcomes, thresholds)
        if recommendation is not None:
            tables["revealed_threshold"] = revealed_threshold(
                recommendation, outcomes, preferences=panel
            )
        notes = []
        if len(panel.weights) > 1:
            tables |= _multicriteria(bound, outcomes, seed, prob, notes)
        else:
            notes.append("one outcome is weighed: there are no criteria to score")
    notes += [str(w.message) for w in caught if issubclass(w.category, RiskModelWarning)]
    record = {
        "schema": SCHEMA,
        "problem": opened.loaded.id,
        "question": bound.problem.question,
        "horizon": outcomes.attrs["horizon"],
        "unit": f"{panel.reference} per patient",
        "preferences": {
            "id": panel.id,
            "whose": panel.whose,
            "swing": panel.swing,
            "status": panel.status,
            "weights": {name: weight.weight for name, weight in panel.weights.items()},
            "burden": panel.burden,
        },
        "varied": bound.problem.preferences.vary,
        "seed": seed,
        "digest": (opened.record.get("posterior") or {}).get("digest"),
        "notes": list(dict.fromkeys(notes)),
        "disclaimer": DISCLAIMER,
    }
    return DecideReport(opened.folder, outcomes, panel, tables, record)


def _harms(bound: Weighting) -> tuple[str, str] | None:
    try:
        return map_harms(bound)
    except ParameterError:
        return None


# --- criteria -----------------------------------------------------------------------------------


def _multicriteria(bound, outcomes, seed: int, prob: float, notes: list[str]) -> dict:
    functions = _value_functions(bound, outcomes)
    if bound.panel.together:
        notes.append("stated pairs are left out of criteria: an additive score has no place for "
                     "them")  # fmt: skip
    if bound.panel.burden:
        notes.append("the burden is left out of criteria")
    results = {
        "mcda": mcda(outcomes, functions, bound.panel, prob=prob),
        "smaa": smaa(outcomes, functions, seed=seed, prob=prob),
    }
    bounds = _bounds(bound.panel, functions)
    if bounds is not None:
        results["smaa_ranges"] = smaa(outcomes, functions, bounds, seed=seed, prob=prob)
    return {
        "scores": _joined(results, "scores"),
        "ranks": _joined(results, "ranks"),
        "contributions": _joined(results, "contributions"),
        "central_weights": _joined(results, "central"),
        "criterion_weights": _joined(results, "weights"),
    }


def _joined(results: dict[str, MulticriteriaResult], name: str) -> pd.DataFrame:
    tables = []
    for method, result in results.items():
        table = getattr(result, name)
        if not table.empty:
            table = table.copy()
            table.insert(0, "method", method)
            tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _value_functions(bound: Weighting, outcomes: xr.Dataset) -> dict[str, LinearValue]:
    functions = {}
    for name in bound.panel.weights:
        outcome = bound.problem.outcomes[name]
        low, high = 0.0, 1.0
        if outcome.type == "continuous":
            draws = outcomes["risk"].sel(outcome=name).values
            low, high = (float(f"{q:.3g}") for q in np.nanquantile(draws, _SHARES))
            if low == high:
                low, high = low - 0.5, low + 0.5
        worst, best = (high, low) if outcome.unwanted else (low, high)
        functions[name] = LinearValue(worst, best, outcome.unit or "risk")
    return functions


def _bounds(panel: Panel, functions: dict[str, LinearValue]) -> RatioBounds | None:
    """Return the panel's ranges, which are per event beside the reference, per swing."""
    span = {name: abs(function.best - function.worst) for name, function in functions.items()}
    reference = panel.weights[panel.reference].weight if panel.reference in panel.weights else 0
    if not reference:
        return None
    bounds = {}
    for name, weight in panel.weights.items():
        if name == panel.reference or not weight.range or weight.range[0] == weight.range[1]:
            continue
        scale = span[name] / span[panel.reference] / reference
        bounds[name, panel.reference] = tuple(scale * end for end in weight.range)
    return RatioBounds(bounds, panel.whose) if bounds else None


# --- written and drawn --------------------------------------------------------------------------


def save_decide(
    report: DecideReport, out: Path | None = None, *, figures: bool = False
) -> list[Path]:
    """Write the tables as CSV and JSON, and the figures if asked; return what was written.

    Parameters
    ----------
    report : DecideReport
    out : Path, optional
        A folder; None is ``decide/<panel>`` in the run's own, so that nothing of the run and no
        other panel's answer is written over.
    figures : bool
    """
    out = report.folder / "decide" / report.panel.id if out is None else Path(out)
    tables = out / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    texts = {
        f"{name}.csv": table.to_csv(index=False, float_format="%.8g")
        for name, table in report.tables.items()
    }
    texts["decide.json"] = report.to_json()
    written = []
    for name, text in texts.items():
        part = tables / f".{name}.part-{os.getpid()}"
        try:
            part.write_text(text, encoding="utf-8")
            os.replace(part, tables / name)
        finally:
            part.unlink(missing_ok=True)
        written.append(tables / name)
    with figures_of(report.folder):
        for figure in decide_figures(report) if figures else ():
            written += save_figure(figure, out / "figures")
    return written


def decide_figures(report: DecideReport) -> Iterator[PaperFigure]:
    """Yield acceptability, preference maps, ranks and contributions, profile by profile."""
    drawn = _Drawn(report)
    profiles = list(report.tables["acceptability"]["profile"].unique())
    for who in profiles[:MAX_PROFILES]:
        suffix = f"_{who}" if len(profiles) > 1 else ""
        yield drawn.acceptability(who, f"acceptability{suffix}")
        if "preference_map" in report.tables:
            table = report.tables["preference_map"]
            options = table.loc[table["profile"] == who, "option"].unique()
            for option in options:
                several = f"_{option}" if len(options) > 1 else ""
                yield drawn.preference_map(who, option, f"preference_map{several}{suffix}")
        if "ranks" in report.tables:
            yield drawn.ranks(who, f"ranks{suffix}")
            yield drawn.contributions(who, f"contributions{suffix}")


class _Drawn:
    """The figures of one report."""

    def __init__(self, report: DecideReport):
        self.report, self.panel = report, report.panel
        self.problem = _problem(report)
        self.options = {name: option.label for name, option in self.problem.options.items()}
        self.labels = {name: outcome.label for name, outcome in self.problem.outcomes.items()}

    def _words(self, text: str) -> str:
        return (
            f"{text} Horizon: {self.report.record['horizon']}. Weights: "
            + ", ".join(f"{self.labels[k].lower()} {w.weight:g}"
                        for k, w in self.panel.weights.items())
            + f"; whose: {self.panel.whose}; swing: {self.panel.swing}. {DISCLAIMER}"
        )  # fmt: skip

    def _of(self, name: str, who: str, **equal) -> pd.DataFrame:
        table = self.report.tables[name]
        kept = table["profile"] == who
        for column, value in equal.items():
            kept &= table[column] == value
        return table[kept]

    def _beside(self, outcome: str) -> str:
        reference = self.labels[self.panel.reference].lower()
        return f"Weight of {self.labels[outcome].lower()} ({reference} = 1)"

    @styled
    def acceptability(self, who: str, name: str) -> PaperFigure:
        table = self._of("acceptability", who)
        varied = table["outcome"].iloc[0]
        figure, ax = new_figure(80)
        weight = self.panel.weights.get(varied)
        plot_acceptability(
            table,
            xlabel=self._beside(varied),
            labels=self.options,
            marked_weight=weight.weight if weight else None,
            ax=ax,
        )
        figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncol=3)
        caption = self._words(
            f"Probability that each option has the highest net benefit for {who}, against the "
            f"weight of {self.labels[varied].lower()}; behind it, the option of highest expected "
            f"net benefit. From {table['n_draws'].iloc[0]} draws."
        )
        ends = table[table["weight"].isin([table["weight"].min(), table["weight"].max()])]
        alt = "Line chart of P(best) against a weight: " + "; ".join(
            f"{self.options[row.option]} {row.prob_best:.2f} at {row.weight:g}"
            for row in ends.itertuples()
        )
        return PaperFigure(name, figure, table, caption, f"{alt}.")

    @styled
    def preference_map(self, who: str, option: str, name: str) -> PaperFigure:
        table = self._of("preference_map", who, option=option)
        lines = self._of("preference_contours", who, option=option)
        harms = [table[f"outcome_{i}"].iloc[0] for i in (1, 2)]
        known = [self.panel.weights.get(harm) for harm in harms]
        figure, ax = new_figure(95)
        reference = self.labels[self.panel.reference].lower()
        plot_preference_map(
            table,
            contours=lines,
            xlabel=self._beside(harms[0]),
            ylabel=self._beside(harms[1]),
            colour_label=f"Net benefit ({reference}\nequivalents per 1000)",
            marked=tuple(weight.weight for weight in known) if all(known) else None,
            scale=1000,
            ax=ax,
        )
        figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncol=3)
        caption = self._words(
            f"Expected net benefit of {self.options[option].lower()} for {who} over the weights of "
            f"two outcomes. Solid line: net benefit is zero; others: its probability of being "
            "above zero. A line that is not shown lies outside the map."
        )
        low, high = 1000 * table["net_benefit"].min(), 1000 * table["net_benefit"].max()
        alt = (
            f"Map of net benefit over two weights, from {low:.3g} to {high:.3g} per 1000; it is "
            f"positive on {(table['net_benefit'] > 0).mean():.0%} of the map."
        )
        return PaperFigure(name, figure, table, caption, alt)

    @styled
    def ranks(self, who: str, name: str) -> PaperFigure:
        table = self._of("ranks", who, method="smaa")
        options = table["option"].nunique()
        figure, ax = new_figure(34 + 11 * options)
        plot_ranks(table, labels=self.options, ax=ax)
        figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncol=4)
        caption = self._words(
            f"How often each option takes each rank for {who} when all weights are equally likely; "
            f"criteria are scored from no event to one event. The panel's weights are not used."
        )
        best = table[table["rank"] == 1]
        alt = "Stacked bars of ranks; best: " + ", ".join(
            f"{self.options[row.option]} {row.acceptability:.0%}" for row in best.itertuples()
        )
        return PaperFigure(name, figure, table, caption, f"{alt}.")

    @styled
    def contributions(self, who: str, name: str) -> PaperFigure:
        table = self._of("contributions", who, method="mcda")
        options = table["option"].nunique()
        figure, ax = new_figure(42 + 11 * options)
        plot_contributions(table, labels=self.options, outcome_labels=self.labels, ax=ax)
        figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncol=2)
        caption = self._words(
            f"What each criterion adds to the score of each option for {who}. Beside the weights "
            "stand the mean frequencies: "
            + "; ".join(f"{self.labels[row.outcome].lower()}, {self.options[row.option].lower()} "
                        f"{row.measurement:.3g}" for row in table.itertuples())
            + "."
        )  # fmt: skip
        totals = table.groupby("option", sort=False)["contribution"].sum()
        alt = "Stacked bars of contributions; totals: " + ", ".join(
            f"{self.options[option]} {total:.3f}" for option, total in totals.items()
        )
        return PaperFigure(name, figure, table, caption, f"{alt}.")


def _problem(report: DecideReport):
    return LoadedProblem.from_json(report.outcomes.attrs["problem"]).problem
