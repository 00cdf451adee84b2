"""Treatment pathways simulated for some patients: tables, figures and the record of the run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

import riskmodel
from riskmodel.decisions.pathway_comparison import PathwayComparison, compare_pathways
from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem
from riskmodel.evidence.policies import load_policy
from riskmodel.parameters.policies import LoadedPolicy
from riskmodel.parameters.profiles import read_patients
from riskmodel.plots.pathway import plot_course_risk, plot_moves, plot_pathway_recovery, plot_states
from riskmodel.reports.paper_figure import (
    DISCLAIMER,
    PaperFigure,
    new_figure,
    save_figure,
    styled,
)
from riskmodel.simulation.course_risk import course_risk, policy_course_sources
from riskmodel.simulation.pathways import DEFAULT_N, Pathway, simulate_pathway

SCHEMA = "riskmodel/pathway/1"
COURSES = 12
MOST_DRAWN = 4  # profiles that figures are drawn of


@dataclass(frozen=True)
class PathwayReport:
    """Pathways of the same patients.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        states, endpoints, summary, moves, provenance; with several pathways differences and, with
        values, net_benefit and best; where a pathway lists sources by course, course_risk.
    record : dict
        What was asked: pathways and their digests, profiles, seed, draws, patients, versions.
    pathways : tuple of Pathway
    """

    tables: Mapping[str, pd.DataFrame]
    record: dict = field(default_factory=dict)
    pathways: tuple[Pathway, ...] = ()

    def to_json(self) -> str:
        """Return record and tables as JSON; what is unknown is null."""
        tables = {name: json.loads(t.to_json(orient="records")) for name, t in self.tables.items()}
        return json.dumps(
            {"schema": SCHEMA, "record": self.record, "tables": tables},
            indent=2,
            ensure_ascii=False,
            allow_nan=False,
        )


def pathway_report(
    policies: Sequence[str],
    *,
    profile: Sequence[str] = (),
    profiles: Path | None = None,
    values: str | None = None,
    whose: str | None = None,
    n: int = DEFAULT_N,
    draws: int | None = None,
    seed: int | None = None,
    horizon: str | None = None,
    prob: float = 0.95,
    posterior=None,
) -> PathwayReport:
    """Return what would happen to patients along one pathway or several.

    Parameters
    ----------
    policies : sequence of str
        Shipped ids, or files of schema riskmodel/policy/1.
    profile : sequence of str
        ``name=value,name=value``, or a shipped profile's id; none is one with every default.
    profiles : pathlib.Path, optional
        A CSV file of patients.
    values, whose : str, optional
        ``time_in_recovered=1,death=-24``: what one unit is worth, and whose values they are.
    n, draws, seed, horizon, prob, posterior
        As of :func:`riskmodel.simulate_pathway`.

    Returns
    -------
    PathwayReport

    Raises
    ------
    ParameterError
        With everything that is wrong.
    """
    if not policies:
        _refuse("policies", NOTHING, "one pathway or several", "name one")
    loaded = [load_policy(policy) for policy in policies]
    patients = _patients(loaded, profile, profiles)
    if len(loaded) == 1:
        if values is not None:
            _refuse("values", values, "values with two pathways or more", "name another pathway")
        comparison = None
        pathways = (
            simulate_pathway(
                posterior, loaded[0], patients, n=n, draws=draws, seed=seed, horizon=horizon
            ),
        )
    else:
        comparison = compare_pathways(
            posterior, loaded, patients, values=read_values(values), whose=whose, n=n, draws=draws,
            seed=seed, horizon=horizon, prob=prob,
        )  # fmt: skip
        pathways = comparison.pathways
    tables = _tables(pathways, comparison, prob)
    return PathwayReport(tables, _record(pathways, comparison, prob), pathways)


def _patients(loaded: Sequence[LoadedPolicy], texts: Sequence[str], path: Path | None):
    """Return profiles as typed; every pathway reads the same covariates from them."""
    asked = {}
    for policy in loaded:
        asked |= policy.policy.covariates
    found = read_patients(SimpleNamespace(covariates=asked, options={}), texts, path)
    if found is None:
        return None
    return [
        {"id": p.id, **{key: value for key, value in p.values.items() if value is not None}}
        for p in found
    ]


def read_values(text: str | None) -> dict[str, float] | None:
    """Return what one unit of each quantity is worth, from ``name=number,name=number``.

    Examples
    --------
    >>> read_values("time_in_recovered=1, death=-24")
    {'time_in_recovered': 1.0, 'death': -24.0}
    """
    if text is None:
        return None
    values = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        try:
            values[name.strip()] = float(number)
        except ValueError:
            _refuse(
                "values",
                part.strip(),
                "name=number, separated by commas",
                "write for example death=-24",
            )
    return values


def _tables(
    pathways: Sequence[Pathway], comparison: PathwayComparison | None, prob: float
) -> dict[str, pd.DataFrame]:
    def each(table) -> pd.DataFrame:
        frames = []
        for pathway in pathways:
            frame = table(pathway)
            frame.insert(0, "pathway", pathway.id)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    tables = {
        "summary": each(lambda p: p.summary(prob)),
        "endpoints": each(lambda p: p.endpoint_curves(prob)),
        "states": each(Pathway.states),
        "moves": each(Pathway.moves),
        "provenance": each(provenance_table),
    }
    by_course = [frame for p in pathways if len(frame := _course_risk(p, prob))]
    if by_course:
        tables["course_risk"] = pd.concat(by_course, ignore_index=True)
    if comparison is not None:
        tables["differences"] = comparison.differences
        if len(comparison.net_benefit):
            tables |= {"net_benefit": comparison.net_benefit, "best": comparison.best}
    return tables


def provenance_table(pathway: Pathway) -> pd.DataFrame:
    """Return what each number of a pathway rests on.

    Returns
    -------
    DataFrame
        name, kind, badge, whose, because, records (ids of estimates or of a time range), and
        median, lower, upper over the draws that were used (times in days, rates per day).
    """
    policy, rows = pathway.policy.policy, []
    for kind, named in (("prior", policy.priors), ("time", policy.times)):
        for name, spec in named.items():
            draws = pathway.parameters.values[name]
            records = spec.from_ if isinstance(spec.from_, list) else [spec.from_ or ""]
            given = name in pathway.parameters.given
            rows.append(
                {
                    "name": name,
                    "kind": kind,
                    "badge": "posterior" if given else pathway.parameters.badges[name],
                    "whose": spec.whose,
                    "because": spec.because,
                    "records": ", ".join(records),
                    "unit": "days" if kind == "time" else "",
                    "median": float(np.median(draws)),
                    "lower": float(np.quantile(draws, 0.025)),
                    "upper": float(np.quantile(draws, 0.975)),
                }
            )
    return pd.DataFrame(rows)


def _course_risk(pathway: Pathway, prob: float) -> pd.DataFrame:
    frames = []
    for name, event in pathway.policy.policy.events.items():
        if event.course_sources:
            spread = event.between_patient_spread
            table = course_risk(
                policy_course_sources(pathway.policy, name, seed=pathway.seed),
                courses=COURSES,
                between_patient_sd=[0.0, spread.log_hazard_sd] if spread else 0.0,
                seed=pathway.seed,
                prob=prob,
            )
            table.insert(0, "event", name)
            table.insert(0, "pathway", pathway.id)
            frames.append(table)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _record(pathways, comparison: PathwayComparison | None, prob: float) -> dict:
    first = pathways[0]
    badges = pd.Series(first.parameters.badges).value_counts().to_dict()
    return {
        "pathways": [p.id for p in pathways],
        "inputs": {name: digest for p in pathways for name, digest in p.policy.digests.items()},
        "profiles": [
            {"id": patient.id, "values": dict(patient.values), "notes": list(patient.notes)}
            for patient in first.profiles
        ],
        "horizon": str(first.policy.policy.horizon),
        "time_unit": first.time_unit,
        "seed": first.seed,
        "draws": first.draws,
        "patients_per_draw": first.patients_per_draw,
        "patients_per_profile": first.n,
        "values": comparison.values if comparison else {},
        "whose": comparison.whose if comparison else "",
        "prob": prob,
        "badges": badges,
        "caveats": [
            *dict.fromkeys(
                text
                for p in pathways
                for text in (p.policy.policy.natural_recovery.caveat, *p.policy.policy.caveats)
                if text
            )
        ],
        "versions": {
            "riskmodel": riskmodel.__version__,
            "numpy": np.__version__,
            "pandas": pd.__version__,
        },
        "note": DISCLAIMER,
    }


# --- writing --------------------------------------------------------------------------------------


def save_pathway(report: PathwayReport, out: Path, *, figures: bool = True) -> list[Path]:
    """Write tables as CSV, record and tables as JSON and, if asked, figures into a folder.

    Parameters
    ----------
    report : PathwayReport
    out : pathlib.Path
        Made if it is not there; files of the same names are written over.
    figures : bool

    Returns
    -------
    list of pathlib.Path
        What was written.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        _refuse("out", Phrase(f"{out}, a file"), "a folder", "name another place")
    (out / "tables").mkdir(parents=True, exist_ok=True)
    texts = {
        f"tables/{name}.csv": table.to_csv(index=False, float_format="%.10g", lineterminator="\n")
        for name, table in report.tables.items()
    }
    texts["pathway.json"] = report.to_json() + "\n"
    paths = []
    for name, text in texts.items():
        target = out / name
        part = target.with_name(f".{target.name}.part")
        part.write_text(text, encoding="utf-8")
        paths.append(part.replace(target))
    if figures:
        for figure in pathway_figures(report):
            paths += save_figure(figure, out / "figures")
    return paths


def pathway_figures(report: PathwayReport) -> list[PaperFigure]:
    """Return the figures: states and moves of each pathway, recovery, and risk by course."""
    found = []
    for pathway in report.pathways:
        for profile in pathway.profiles[:MOST_DRAWN]:
            found += [
                _states_figure(report, pathway, profile.id),
                _moves_figure(report, pathway, profile.id),
            ]
    for profile in report.pathways[0].profiles[:MOST_DRAWN]:
        found.append(_recovery_figure(report, profile.id))
    if "course_risk" in report.tables:
        table = report.tables["course_risk"]
        for (policy, event), rows in table.groupby(["pathway", "event"], sort=False):
            found.append(_course_figure(report, policy, event, rows))
    return found


def _of(report: PathwayReport, table: str, pathway: str, profile: str) -> pd.DataFrame:
    rows = report.tables[table]
    return rows[(rows["pathway"] == pathway) & (rows["profile"] == profile)]


def _said(report: PathwayReport) -> str:
    record = report.record
    judged = sum(count for badge, count in record["badges"].items() if badge != "data")
    return (
        f"{record['patients_per_profile']} simulated patients in {record['draws']} draws of the "
        f"parameters (seed {record['seed']}); {judged} of {sum(record['badges'].values())} numbers "
        f"are assumed, elicited or transported. "
        f"{' '.join(_sentence(c) for c in record['caveats'])} {DISCLAIMER}"
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


@styled
def _states_figure(report: PathwayReport, pathway: Pathway, profile: str) -> PaperFigure:
    table = _of(report, "states", pathway.id, profile)
    figure, ax = new_figure(75)
    plot_states(table, ax=ax)
    label = pathway.policy.policy.label
    last = table[table["time"] == table["time"].max()]
    shares = ", ".join(f"{row.label} {row.probability:.0%}" for row in last.itertuples())
    return PaperFigure(
        f"states_{pathway.id}_{profile}",
        figure,
        table,
        f"{label}, {profile}: where patients are over time, in {pathway.time_unit}s. "
        f"{_said(report)}",
        f"Stacked area chart of shares over {report.record['horizon']}. At the end: {shares}.",
    )


@styled
def _moves_figure(report: PathwayReport, pathway: Pathway, profile: str) -> PaperFigure:
    table = _of(report, "moves", pathway.id, profile)
    figure, ax = new_figure(90)
    plot_moves(table, ax=ax)
    first = table[table["move"] == 1].sort_values("share", ascending=False)
    ways = ", ".join(
        f"{row.origin_label} to {row.destination_label} {row.share:.0%}"
        for row in first.itertuples()
    )
    return PaperFigure(
        f"moves_{pathway.id}_{profile}",
        figure,
        table,
        f"{pathway.policy.policy.label}, {profile}: who went where within "
        f"{report.record['horizon']}, move by move; bands are shares of all patients, and a block "
        f"that nothing leaves stayed there. {_said(report)}",
        f"Flow diagram. First moves: {ways or 'none'}.",
    )


@styled
def _recovery_figure(report: PathwayReport, profile: str) -> PaperFigure:
    curves = {
        pathway.policy.policy.label: _of(report, "endpoints", pathway.id, profile)
        for pathway in report.pathways
    }
    figure, ax = new_figure(75)
    plot_pathway_recovery(curves, ax=ax)
    points = pd.concat(curves.values(), ignore_index=True)
    points = points[points["endpoint"] == "recovery"]
    ends = [
        f"{label} {rows[rows['endpoint'] == 'recovery']['mean'].iloc[-1]:.0%}"
        for label, rows in curves.items()
    ]
    return PaperFigure(
        f"recovery_{profile}",
        figure,
        points,
        f"{points['label'].iloc[0]} over time, {profile}; deaths before it stay in the "
        f"denominator. {_said(report)}",
        f"Line chart with bands. By {report.record['horizon']}: {', '.join(ends)}.",
    )


@styled
def _course_figure(report: PathwayReport, policy: str, event: str, rows: pd.DataFrame):
    figure, axes = new_figure(80, 1, rows["source"].nunique(), sharey=True, squeeze=False)
    plot_course_risk(rows, axes=axes[0])
    last = rows[(rows["course"] == rows["course"].max())].drop_duplicates("source")
    said = ", ".join(f"{row.source} {row.mean:.1%}" for row in last.itertuples())
    return PaperFigure(
        f"course_risk_{policy}_{event}",
        figure,
        rows,
        f"At least one event by course, source by source: {event.replace('_', ' ')}. The sources "
        f"count differently and are not averaged; a risk per patient is flat, for its courses were "
        f"not counted. {DISCLAIMER}",
        f"Line charts, one a source. By course {int(rows['course'].max())}: {said}.",
    )


def _refuse(field_: str, found, allowed: str, remedy: str):
    raise ParameterError([Problem(field=field_, found=found, allowed=allowed, remedy=remedy)])


def print_pathway(report: PathwayReport, console) -> None:
    """Print what a reader asks first: endpoints, courses, events and death, and the differences.

    Parameters
    ----------
    report : PathwayReport
    console : rich.console.Console
        The other tables are in the report's folder.
    """
    summary = report.tables["summary"]
    hidden = summary["quantity"].str.startswith(("ever_in_", "time_in_", "courses_of_"))
    _print_quantities(summary[~hidden], ["profile", "pathway"], console)
    if "differences" in report.tables and len(report.tables["differences"]):
        console.print("\nDifferences, on the same patients and the same draws:", style="bold")
        _print_quantities(report.tables["differences"], ["profile", "pathway", "versus"], console)
    console.print(f"Intervals: equal-tailed. {DISCLAIMER}", highlight=False)


def _print_quantities(table: pd.DataFrame, by: list[str], console) -> None:
    for names, rows in table.groupby(by, sort=False):
        title = f"{names[0]}: {names[1]}" + (f" minus {names[2]}" if len(names) > 2 else "")
        console.print(f"\n{title}", style="bold", highlight=False)
        for row in rows.itertuples():
            console.print(
                f"  {row.label} ({row.unit}): {row.mean:.3g} ({row.prob:.0%} {row.lower:.3g} to "
                f"{row.upper:.3g}; standard error {row.standard_error:.1g})",
                highlight=False,
            )
