"""What more information would be worth to a run: a run's folder in, tables and figures out."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.information import evpi, evppi, parts, read_net_benefit
from riskmodel.decisions.net_benefit import net_benefit
from riskmodel.errors import RiskModelWarning
from riskmodel.evidence.priors import build_priors, used_priors
from riskmodel.models.posterior import draws_by_prior, load_posterior
from riskmodel.parameters.library import LoadedProblem
from riskmodel.parameters.schema import Panel
from riskmodel.plots.information import LABEL_WIDTH, plot_evppi
from riskmodel.reports.drawn_run import drawn_outcomes, figures_of, run_panel
from riskmodel.reports.paper_figure import (
    DISCLAIMER,
    PaperFigure,
    new_figure,
    save_figure,
    styled,
)
from riskmodel.reports.provenance import citation
from riskmodel.reports.trace import POSTERIOR, RunFolder

SCHEMA = "riskmodel/value/1"
TABLES = ("evpi", "evppi_by_parameter", "evppi_by_source")


@dataclass(frozen=True)
class ValueReport:
    """What more information would be worth to one run.

    Parameters
    ----------
    folder : Path
        Of the run.
    evpi : pandas.DataFrame
        Of :func:`riskmodel.evpi`, a row a profile.
    by_parameter, by_source : pandas.DataFrame
        Of :func:`riskmodel.evppi`, with the ``badge`` of what is known together, and the
        ``citation`` of a source. A parameter that rests on several sources is known with each.
    record : dict
        Problem, options, weights, horizon, seed, digest of the draws, warnings.
    """

    folder: Path
    evpi: pd.DataFrame
    by_parameter: pd.DataFrame
    by_source: pd.DataFrame
    record: dict = field(default_factory=dict)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables by the name of their files."""
        return dict(zip(TABLES, (self.evpi, self.by_parameter, self.by_source), strict=True))

    def to_json(self) -> str:
        """Return everything as JSON; what is not known is null."""
        rows = {
            name: [
                {
                    key: None if isinstance(value, float) and not np.isfinite(value) else value
                    for key, value in row.items()
                }
                for row in table.to_dict("records")
            ]
            for name, table in self.tables().items()
        }
        return json.dumps({**self.record, **rows}, indent=2, ensure_ascii=False) + "\n"


def value_report(run: Path | RunFolder, *, preferences: str | Panel | None = None) -> ValueReport:
    """Return EVPI of a run, and EVPPI by parameter and by the source it rests on.

    Parameters
    ----------
    run : Path or RunFolder
        A folder that :func:`riskmodel.run_problem` wrote.
    preferences : str or Panel, optional
        A panel, or the id of one the problem knows; None is the one of the run.

    Returns
    -------
    ValueReport

    Raises
    ------
    ParameterError
        If it is no run, holds no draws, has no weights, or no net benefit can be computed.

    Warns
    -----
    RiskModelWarning
        As :func:`riskmodel.evppi`; the record says the same.

    Notes
    -----
    EVPPI by source answers which cited document would be worth replacing by a study without
    error: all that the run took from it is known together.
    """
    opened = RunFolder.open(run)
    outcomes, loaded = drawn_outcomes(opened), opened.loaded
    panel = run_panel(opened, preferences)
    benefit = net_benefit(outcomes, panel)["net_benefit"]
    draws = _parameters(loaded, opened, outcomes)
    sources = _sources(loaded, draws)
    parts(read_net_benefit(benefit))  # refuses what cannot be compared, before anything is fitted
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RiskModelWarning)
        by_parameter = evppi(benefit, draws)
        by_source = evppi(benefit, draws, sources=sources)
    doubts = [str(w.message) for w in caught if issubclass(w.category, RiskModelWarning)]
    for doubt in doubts:
        warnings.warn(doubt, RiskModelWarning, stacklevel=2)
    priors = build_priors(loaded, list(draws))
    by_parameter = by_parameter.assign(
        badge=[priors[name].badge for name in by_parameter["parameters"]]
    )
    by_source = by_source.assign(
        badge=[_badges(priors, names) for names in by_source["parameters"]],
        citation=[_citation(loaded, source) for source in by_source["source"]],
    )
    record = {
        "schema": SCHEMA,
        "problem": loaded.id,
        "question": loaded.problem.question,
        "horizon": outcomes.attrs["horizon"],
        "reference": loaded.problem.outcomes[panel.reference].label,
        "unit": f"{panel.reference} per patient",
        "preferences": {"id": panel.id, "whose": panel.whose, "status": panel.status},
        "seed": (opened.record.get("posterior") or {}).get("seed"),
        "digest": (opened.record.get("posterior") or {}).get("digest"),
        "warnings": doubts,
        "disclaimer": DISCLAIMER,
    }
    return ValueReport(
        opened.folder, evpi(benefit), _by_value(by_parameter), _by_value(by_source), record
    )


def _parameters(
    loaded: LoadedProblem, opened: RunFolder, outcomes: xr.Dataset
) -> dict[str, np.ndarray]:
    """Return the draws of every prior that the outcomes use."""
    later = outcomes.attrs["horizon"] != str(loaded.problem.horizon)
    posterior = load_posterior(loaded, opened.folder / POSTERIOR)
    every = draws_by_prior(posterior.draws)
    return {name: every[name] for name in used_priors(loaded.problem, later=later) if name in every}


def _sources(loaded: LoadedProblem, names: Mapping) -> dict[str, list[str]]:
    """Return the documents behind each prior: keys of sources, or whose judgement it is."""
    found = {}
    for name, prior in build_priors(loaded, list(names)).items():
        documents = []
        for key in prior.estimates:
            source = loaded.estimates[key].source
            judged = source.judgement
            documents.append(source.key if judged is None else f"judgement of {judged.whose}")
        if documents:
            found[name] = list(dict.fromkeys(documents))
    return found


def _badges(priors: Mapping, names: str) -> str:
    return ", ".join(dict.fromkeys(priors[name].badge for name in names.split(" + ")))


def _citation(loaded: LoadedProblem, source: str) -> str:
    if source not in loaded.sources:
        return source
    for estimate in loaded.estimates.values():
        if estimate.source.key == source:
            return citation(loaded, estimate)
    return loaded.sources[source].citation


def _by_value(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows by profile, most valuable first."""
    return table.sort_values(
        ["profile", "evppi"], ascending=[True, False], kind="stable", ignore_index=True
    )


# --- written and drawn --------------------------------------------------------------------------


def save_value(
    report: ValueReport, out: Path | None = None, *, figures: bool = False
) -> list[Path]:
    """Write the tables as CSV and JSON, and the figures if asked; return what was written.

    Parameters
    ----------
    report : ValueReport
    out : Path, optional
        A folder; None is the run's own, whose ``tables`` and ``figures`` take them in.
    figures : bool
    """
    out = report.folder if out is None else Path(out)
    tables = out / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    texts = {f"{name}.csv": _csv(table) for name, table in report.tables().items()}
    texts["value_of_information.json"] = report.to_json()
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
        for figure in value_figures(report) if figures else ():
            written += save_figure(figure, out / "figures")
    return written


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, float_format="%.8g")


def value_figures(report: ValueReport) -> list[PaperFigure]:
    """Return the figure of EVPPI by source, one a profile that has a net benefit."""
    known = report.evpi.dropna(subset="evpi")
    several = len(known) > 1
    return [_evppi_figure(report, row.profile, row.evpi, several) for row in known.itertuples()]


@styled
def _evppi_figure(report: ValueReport, who: str, perfect: float, several: bool) -> PaperFigure:
    table = report.by_source[report.by_source["profile"] == who]
    bars = min(len(table), 12)
    figure, ax = new_figure(34 + 9 * bars)
    labels = {row.source: _short(row.citation) for row in table.itertuples()}
    plot_evppi(
        table,
        by="source",
        labels=labels,
        xlabel=f"EVPPI ({report.record['reference'].lower()} equivalents per 1000 patients)",
        evpi=perfect,
        scale=1000,
        ax=ax,
    )
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncol=4)
    whose = report.record["preferences"]["whose"]
    draws = int(table["n_draws"].max())
    noted = table[table["note"] != ""]
    caption = (
        f"What it would be worth to know, without error, all that the model took from each source, "
        f"for {who}. Horizon: {report.record['horizon']}. EVPI {1000 * perfect:.3g} per 1000. "
        f"Bars: EVPPI by regression on {draws} draws; lines: one standard error either side; "
        f"marks: what 19 of 20 unrelated inputs would stay below. Weights: whose: {whose}. "
        + "".join(f"{labels[row.source]}: {row.note}. " for row in noted.itertuples())
        + DISCLAIMER
        + "\n\nSources\n"
        + "\n".join(f"- {row.citation} [{row.badge}]" for row in table.itertuples())
    )
    said = "; ".join(
        f"{labels[row.source]} {1000 * row.evppi:.3g}" for row in table.head(bars).itertuples()
    )
    alt = f"Bar chart of EVPPI per 1000 patients by source: {said}."
    name = "evppi_by_source" + (f"_{who}" if several else "")
    return PaperFigure(name, figure, table, caption, alt)


def _short(cited: str) -> str:
    """Return a citation cut to what fits beside a bar."""
    return shorten(cited, 2 * LABEL_WIDTH, placeholder=" ...")
