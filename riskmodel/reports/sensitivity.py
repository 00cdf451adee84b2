"""What would turn a run's decision: a run's folder in, tables and figures out, nothing refitted."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from riskmodel.decisions.decision_sensitivity import (
    DecisionSensitivity,
    sensitivity,
    tables_as_json,
)
from riskmodel.errors import Phrase
from riskmodel.evidence.priors import build_priors, used_priors
from riskmodel.models.posterior import load_posterior
from riskmodel.parameters.library import LoadedProblem
from riskmodel.parameters.schema import Panel
from riskmodel.plots.tornado import plot_flip_distance, plot_tornado
from riskmodel.reports.drawn_run import drawn_outcomes, figures_of, refuse, run_panel
from riskmodel.reports.paper_figure import (
    DISCLAIMER,
    PaperFigure,
    new_figure,
    save_figure,
    styled,
)
from riskmodel.reports.provenance import citation
from riskmodel.reports.trace import POSTERIOR, RunFolder

SCHEMA = "riskmodel/sensitivity/1"
PREFIX = "sensitivity_"


@dataclass(frozen=True)
class SensitivityReport:
    """What would turn the decision of one run.

    Parameters
    ----------
    folder : Path
        Of the run.
    found : DecisionSensitivity
        Its tables; ``discounts`` by source, with the ``citation``.
    record : dict
        Problem, options, weights, horizon, seed, digest of the draws.
    """

    folder: Path
    found: DecisionSensitivity = field(repr=False)
    record: dict = field(default_factory=dict)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables by the name of their files."""
        return {f"{PREFIX}{name}": table for name, table in self.found.tables().items()}

    def to_json(self) -> str:
        """Return everything as JSON; what is not known, or infinite, is null."""
        return tables_as_json(self.found, self.record)


def sensitivity_report(
    run: Path | RunFolder,
    *,
    preferences: str | Panel | None = None,
    thresholds: Mapping[str, Any] | str | Path | None = None,
    recommendation: Mapping[str, str] | str | Path | None = None,
    refit: bool = False,
    progress: Callable[[str], None] | None = None,
) -> SensitivityReport:
    """Return what would turn the sign of a run's expected net benefit.

    Parameters
    ----------
    run : Path or RunFolder
        A folder that :func:`riskmodel.run_problem` wrote.
    preferences : str or Panel, optional
        A panel, or the id of one the problem knows; None is the one of the run.
    thresholds : mapping, str or Path, optional
        Of :func:`riskmodel.magnitude`.
    recommendation : mapping, str or Path, optional
        Of :func:`riskmodel.revealed_threshold`.
    refit : bool
        Whether to fit again where reweighting does not hold, as :func:`riskmodel.sensitivity`.
    progress : callable, optional
        Told what is evaluated next.

    Returns
    -------
    SensitivityReport

    Raises
    ------
    ParameterError
        If it is no run, holds no draws, has no weights, or no net benefit can be computed.
    """
    opened = RunFolder.open(run)
    outcomes, loaded = drawn_outcomes(opened), opened.loaded
    panel = run_panel(opened, preferences)
    posterior = load_posterior(loaded, opened.folder / POSTERIOR)
    later = outcomes.attrs["horizon"] != str(loaded.problem.horizon)
    names = [n for n in used_priors(loaded.problem, later=later) if n in posterior.draws]
    sources = _sources(loaded, names)
    found = sensitivity(
        outcomes,
        posterior,
        panel,
        sources=sources,
        thresholds=thresholds,
        recommendation=recommendation,
        refit=refit,
        progress=progress,
    )
    if found.tornado.empty:
        refuse(
            "run",
            Phrase(f"{opened.folder}, whose net benefit is not known"),
            "a run in which every weighed outcome can be compared",
            "name a panel that weighs only what can be, with --preferences",
        )
    if not found.discounts.empty:
        cited = [_citation(loaded, source) for source in found.discounts["source"]]
        found.discounts["citation"] = cited
    stored = opened.record.get("posterior") or {}
    record = {
        "schema": SCHEMA,
        "problem": loaded.id,
        "question": loaded.problem.question,
        "horizon": outcomes.attrs["horizon"],
        "unit": f"{panel.reference} per patient",
        "reference": loaded.problem.outcomes[panel.reference].label,
        "preferences": {"id": panel.id, "whose": panel.whose, "status": panel.status},
        "seed": stored.get("seed"),
        "digest": stored.get("digest"),
        "disclaimer": DISCLAIMER,
    }
    return SensitivityReport(opened.folder, found, record)


def _sources(loaded: LoadedProblem, names: list[str]) -> dict[str, list[str]]:
    """Return the documents behind each prior: keys of sources, or whose judgement it is."""
    found = {}
    for name, prior in build_priors(loaded, names).items():
        documents = []
        for key in prior.estimates:
            source = loaded.estimates[key].source
            judged = source.judgement
            documents.append(source.key if judged is None else f"judgement of {judged.whose}")
        found[name] = list(dict.fromkeys(documents))
    return found


def _citation(loaded: LoadedProblem, source: str) -> str:
    if source not in loaded.sources:
        return source
    for estimate in loaded.estimates.values():
        if estimate.source.key == source:
            return citation(loaded, estimate)
    return loaded.sources[source].citation


# --- written and drawn --------------------------------------------------------------------------


def save_sensitivity(
    report: SensitivityReport, out: Path | None = None, *, figures: bool = False
) -> list[Path]:
    """Write the tables as CSV and JSON, and the figures if asked; return what was written.

    Parameters
    ----------
    report : SensitivityReport
    out : Path, optional
        A folder; None is the run's own, whose ``tables`` and ``figures`` take them in.
    figures : bool
    """
    out = report.folder if out is None else Path(out)
    tables = out / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    texts = {
        f"{name}.csv": table.to_csv(index=False, float_format="%.8g")
        for name, table in report.tables().items()
    }
    texts["sensitivity.json"] = report.to_json()
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
        for figure in sensitivity_figures(report) if figures else ():
            written += save_figure(figure, out / "figures")
    return written


def sensitivity_figures(report: SensitivityReport) -> list[PaperFigure]:
    """Return a tornado and a chart of flip distances for every patient and option."""
    groups = list(report.found.tornado.groupby(["profile", "option"], sort=False))
    figures = []
    for (who, option), table in groups:
        tail = f"_{who}_{option}" if len(groups) > 1 else ""
        figures.append(_tornado_figure(report, table, who, option, tail))
        figures.append(_flip_figure(report, who, option, tail))
    return figures


@styled
def _tornado_figure(report, table: pd.DataFrame, who: str, option: str, tail: str) -> PaperFigure:
    figure, ax = new_figure(34 + 9 * min(len(table), 12))
    unit = _unit(report)
    plot_tornado(
        table, labels=_labels(table), xlabel=f"Expected net benefit ({unit})", scale=1000, ax=ax
    )
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncol=3)
    caption = (
        f"Expected net benefit of {_words(option)} for {who} where each input stands at its 5th or "
        f"95th percentile, others keeping their spread ({table['method'].iloc[0]} on the same "
        f"draws). The input's values stand at the ends of the bars. {_frame(report)}"
    )
    said = "; ".join(
        f"{_words(row.parameters)} {1000 * row.net_benefit_low:.3g} to "
        f"{1000 * row.net_benefit_high:.3g}"
        for row in table.itertuples()
    )
    alt = f"Tornado chart of expected net benefit per 1000 patients by input: {said}."
    return PaperFigure(f"tornado{tail}", figure, table, caption, alt)


@styled
def _flip_figure(report, who: str, option: str, tail: str) -> PaperFigure:
    def here(table: pd.DataFrame) -> pd.DataFrame:
        return table[(table["profile"] == who) & (table["option"] == option)]

    table, joint = here(report.found.flip_distance), here(report.found.joint_flip_distance)
    distance = float(joint["distance"].iloc[0]) if len(joint) else np.inf
    figure, ax = new_figure(34 + 9 * min(len(table), 12))
    plot_flip_distance(table, labels=_labels(table), joint=distance, ax=ax)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncol=3)
    together = f"{distance:.2g}" if np.isfinite(distance) else "none found"
    caption = (
        f"How far the location of each input would have to move on its modelling scale, the other "
        f"draws fixed, to reverse the sign of expected net benefit of {_words(option)} for {who}. "
        f"Beside the bars: location now and at the flip, in the input's unit. Joint (Mahalanobis) "
        f"distance of all inputs: {together}. {_frame(report)}"
    )
    said = "; ".join(
        f"{_words(row.parameters)} "
        + (f"{row.standard_deviations:.2g}" if np.isfinite(row.standard_deviations) else "none")
        for row in table.itertuples()
    )
    alt = f"Bar chart of flip distances in posterior standard deviations: {said}."
    return PaperFigure(f"flip_distance{tail}", figure, table, caption, alt)


def _labels(table: pd.DataFrame) -> dict[str, str]:
    badges = zip(table["parameters"], table["badge"], strict=True)
    return {name: f"{_words(name)} [{badge}]" for name, badge in badges}


def _words(name: str) -> str:
    return str(name).replace("_", " ")


def _unit(report: SensitivityReport) -> str:
    return f"{report.record['reference'].lower()} equivalents per 1000 patients"


def _frame(report: SensitivityReport) -> str:
    whose = report.record["preferences"]["whose"]
    return f"Horizon: {report.record['horizon']}. Weights: whose: {whose}. {DISCLAIMER}"
