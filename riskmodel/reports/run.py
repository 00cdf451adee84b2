"""A run: one folder with draws, tables, figures and the record of how they were made."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import xarray as xr

from riskmodel.decisions.absolute_effects import (
    absolute_effects,
    band_effects,
    interval_tails,
    mean_differences,
    not_estimable,
)
from riskmodel.decisions.discounts import discount_table, tipping_points
from riskmodel.decisions.net_benefit import (
    benefit_needed,
    break_even_weight,
    net_benefit,
    summarize_net_benefit,
)
from riskmodel.decisions.over_time import (
    composite_effects,
    horizon_effects,
    restricted_mean_differences,
)
from riskmodel.decisions.sensitivity import (
    correlation_table,
    own_baseline_table,
    scenario_table,
    share_by_badge,
    share_by_input,
)
from riskmodel.evidence.checks import as_panel
from riskmodel.evidence.priors import used_priors
from riskmodel.models.gate import allowed_unconverged
from riskmodel.models.posterior import (
    DEFAULT_DRAWS,
    Posterior,
    fit,
    package_versions,
    save_posterior,
)
from riskmodel.parameters.library import LoadedProblem
from riskmodel.parameters.schema import Duration, Panel
from riskmodel.reports.evidence_figures import evidence_figures
from riskmodel.reports.evidence_tables import evidence_tables
from riskmodel.reports.figures import covariate_grid, run_figures
from riskmodel.reports.folder import RECORD, move_into_place, require_free
from riskmodel.reports.paper_figure import drawn_from, save_figure
from riskmodel.reports.progress import Steps
from riskmodel.reports.provenance import provenance_table
from riskmodel.reports.report import write_report
from riskmodel.reports.run_digest import run_digest
from riskmodel.reports.tables import (
    overlap_table,
    prior_predictive_table,
    stated_risk_table,
    strata_table,
)
from riskmodel.reports.time_figures import time_figures
from riskmodel.simulation.horizons import read_horizons, simulate_horizons
from riskmodel.simulation.outcomes import (
    as_patients,
    require_horizon,
    save_outcomes,
    simulate,
)

WANING_SCENARIOS = ("held", "waning", "lost", "caught_up")


@dataclass(frozen=True)
class Run:
    """What one run made.

    Parameters
    ----------
    folder : Path
    loaded : LoadedProblem
        The problem as it was run, with its scenarios.
    posterior : Posterior or None
        None where the sources allow no contrast at all, and nothing was sampled.
    outcomes : xarray.Dataset or None
    tables : mapping of str to pandas.DataFrame
    record : mapping
    """

    folder: Path
    loaded: LoadedProblem = field(repr=False)
    posterior: Posterior | None
    outcomes: xr.Dataset | None = field(repr=False)
    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    record: Mapping = field(repr=False)


def run_problem(
    loaded: LoadedProblem,
    profiles: Sequence | None,
    out: Path,
    *,
    scenarios: Sequence[str] = (),
    preferences: str | Panel | None = None,
    horizon: str | Duration | None = None,
    horizons: str | Sequence[str | float | Duration] = (),
    waning: str | None = None,
    seed: int | None = None,
    draws: int = DEFAULT_DRAWS,
    prob: float = 0.95,
    force: bool = False,
    allow_unconverged: bool = False,
    command: Sequence[str] = (),
    steps: Steps | None = None,
) -> Run:
    """Fit, simulate, tabulate and draw a problem into one folder.

    Parameters
    ----------
    loaded : LoadedProblem
    profiles : sequence or None
        As for :func:`riskmodel.simulate`.
    out : Path
        The run's folder; appears only when everything in it is whole.
    scenarios, preferences, horizon, waning, seed, draws, prob
        As for :func:`riskmodel.fit`, :func:`riskmodel.simulate` and :func:`riskmodel.net_benefit`.
    horizons : str or sequence
        Further horizons shown beside, as for :func:`riskmodel.simulate_horizons`; empty is none.
    force : bool
        Whether an earlier run in `out` may be replaced.
    allow_unconverged : bool
        Whether to go on where a reported quantity has not converged. The record then says which,
        in ``unconverged``, and every figure carries a mark.
    command : sequence of str
        What was typed, for the record.
    steps : Steps, optional

    Returns
    -------
    Run

    Raises
    ------
    ParameterError
        For anything about the input, before anything is written.
    ConvergenceError
        If a reported quantity has not converged, unless that is allowed; nothing is written.
    """
    out, steps = Path(out), steps or Steps()
    asked = {
        "scenarios": scenarios, "preferences": preferences, "horizon": horizon,
        "horizons": horizons, "waning": waning, "seed": seed, "draws": draws, "prob": prob,
        "force": force, "command": command, "steps": steps,
    }  # fmt: skip
    with allowed_unconverged() if allow_unconverged else nullcontext([]) as unconverged:
        return _run(loaded, profiles, out, unconverged, **asked)


def _run(
    loaded, profiles, out, unconverged, *, scenarios, preferences, horizon, horizons, waning, seed,
    draws, prob, force, command, steps,
) -> Run:  # fmt: skip
    """Run a problem; what had not converged stands in `unconverged` as soon as it is known."""
    require_free(out, force=force)
    loaded = loaded.with_scenarios(scenarios)
    panel = None
    if preferences is not None or loaded.problem.preferences is not None:
        panel = as_panel(loaded, preferences)
    patients = as_patients(loaded.problem, profiles)
    require_horizon(loaded.problem, horizon)  # before anything is sampled
    several = read_horizons(loaded.problem, horizons) if horizons else []
    interval_tails(prob)
    posterior = outcomes = grid = over_time = None
    tables = evidence_tables(loaded, patients)
    tables["not_estimable"] = not_estimable(loaded.problem)
    tables["not_applicable"] = _not_applicable(patients)
    if used_priors(loaded.problem):
        posterior = fit(loaded, seed=seed, draws=draws, step=steps)
        simulated = {"horizon": horizon, "waning": waning}
        with steps("Simulate"):
            outcomes = simulate(posterior, patients, **simulated)
            if loaded.problem.case_mix:
                grid = simulate(
                    posterior, covariate_grid(loaded), case_mix=False, gate=False, **simulated
                )
            if several:
                over_time = simulate_horizons(posterior, patients, horizons=several, waning=waning)
        with steps("Compare"):
            tables = run_tables(posterior, outcomes, patients, panel, simulated, prob) | tables
            if several:
                tables |= time_tables(posterior, over_time, patients, panel, prob)
    tables = {name: table for name, table in tables.items() if len(table)}
    part = out.with_name(f".{out.name}.part-{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        with steps("Write draws and tables"):
            if posterior is not None:
                save_posterior(posterior, part / "posterior.nc")
                save_outcomes(outcomes, part / "outcomes.nc")
            if over_time is not None:
                save_outcomes(over_time, part / "outcomes_over_time.nc")
            (part / "tables").mkdir()
            for name, table in tables.items():
                table.to_csv(part / "tables" / f"{name}.csv", index=False, float_format="%.8g")
        record = _record(loaded, posterior, outcomes, several, panel, patients, command)
        record |= {"prob": prob} | ({"unconverged": unconverged} if unconverged else {})
        record["digest"] = run_digest(record)
        with steps("Draw figures"), drawn_from(record):
            figures = []
            for figure in _figures(loaded, outcomes, grid, over_time, tables, panel, prob):
                save_figure(figure, part / "figures")
                figures.append(figure)
        record["figures"] = [figure.name for figure in figures]
        record["seconds"] = {name: round(seconds, 3) for name, seconds in steps.seconds.items()}
        with steps("Write the report"):
            write_report(part, record)
        (part / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        move_into_place(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Run(out, loaded, posterior, outcomes, tables, record)


def _figures(loaded, outcomes, grid, over_time, tables, panel, prob):
    if outcomes is not None:
        yield from run_figures(outcomes, grid, preferences=panel, prob=prob)
    if over_time is not None:
        yield from time_figures(over_time, prob=prob)
    yield from evidence_figures(loaded, tables)


def run_tables(
    posterior: Posterior,
    outcomes: xr.Dataset,
    patients,
    panel: Panel | None,
    simulated: dict,
    prob: float,
) -> dict[str, pd.DataFrame]:
    """Return every table of a run that rests on draws, by name; some may be empty."""
    later = outcomes.attrs["horizon"] != str(posterior.problem.horizon)
    by_band = band_effects(outcomes, prob=prob) if "case_risk" in outcomes else pd.DataFrame()
    tables = {
        "absolute_effects": absolute_effects(outcomes, prob=prob),
        "absolute_effects_by_band": by_band,
        "mean_differences": mean_differences(outcomes, prob=prob),
        "composites": composite_effects(outcomes, prob=prob),
        "published_strata": strata_table(outcomes, by_band),
        "stated_risks": stated_risk_table(posterior, prob=prob),
        "overlap": overlap_table(outcomes),
        "prior_predictive": prior_predictive_table(posterior, patients, prob=prob),
        "provenance": provenance_table(posterior.loaded, later=later),
        "diagnostics": pd.DataFrame(posterior.record["diagnostics"]),
    }
    if panel is not None:
        tables |= _preference_tables(posterior, outcomes, patients, panel, simulated, prob)
        if later:
            horizon = Duration.read(outcomes.attrs["horizon"])
            tables["waning"] = _waning_table(posterior, patients, panel, [horizon], prob)
    return tables


def time_tables(
    posterior: Posterior, over_time: xr.Dataset, patients, panel: Panel | None, prob: float
) -> dict[str, pd.DataFrame]:
    """Return every table of a run over several horizons, by name."""
    tables = {
        "horizons": horizon_effects(over_time, prob=prob),
        "restricted_means": restricted_mean_differences(over_time, prob=prob),
    }
    own = posterior.problem.horizon
    shown = [Duration.read(horizon) for horizon in over_time.attrs["horizons"]]
    if any(horizon.days != own.days for horizon in shown):  # these rest on further priors
        tables["provenance"] = provenance_table(posterior.loaded, later=True)
    later = [horizon for horizon in shown if horizon.days > own.days]
    if panel is not None and later:
        tables["waning"] = _waning_table(posterior, patients, panel, later, prob)
    return tables


def _preference_tables(
    posterior, outcomes: xr.Dataset, patients, panel: Panel, simulated: dict, prob: float
) -> dict[str, pd.DataFrame]:
    """Return the tables that weigh outcomes, or what an unknown one would have to be."""
    benefit = summarize_net_benefit(net_benefit(outcomes, panel), prob=prob)
    tables = {
        "net_benefit": benefit,
        "benefit_needed": benefit_needed(outcomes, panel, prob=prob),
        "scenarios": scenario_table(posterior, patients, preferences=panel, **simulated),
    }
    if benefit.empty:
        return tables
    shares = share_by_input(posterior, outcomes, preferences=panel)
    return tables | {
        "break_even_weight": break_even_weight(outcomes, preferences=panel),
        "own_baseline": own_baseline_table(posterior, patients, preferences=panel, **simulated),
        "discounts": discount_table(posterior, patients, preferences=panel, prob=prob, **simulated),
        "tipping_points": tipping_points(posterior, patients, preferences=panel, **simulated),
        "correlations": correlation_table(posterior, patients, preferences=panel, **simulated),
        "share_by_input": shares,
        "share_by_badge": share_by_badge(shares),
    }


def _not_applicable(patients) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"profile": patient.id, "option": option, "because": reason}
            for patient in patients
            for option, reason in patient.not_for.items()
        ]
    )


def _waning_table(posterior, patients, panel, horizons, prob: float) -> pd.DataFrame:
    """Return effects and net benefit at later horizons under each waning scenario."""
    tables = []
    for horizon, name in itertools.product(horizons, WANING_SCENARIOS):
        outcomes = simulate(posterior, patients, horizon=horizon, waning=name, case_mix=False)
        effects = absolute_effects(outcomes, prob=prob).assign(waning=name)
        benefit = summarize_net_benefit(net_benefit(outcomes, panel), prob=prob)
        benefit = benefit[["profile", "option", "net_benefit", "prob_positive"]]
        tables.append(effects.merge(benefit, on=["profile", "option"]))
    table = pd.concat(tables, ignore_index=True)
    first = ["waning", "horizon"]
    return table[[*first, *(column for column in table.columns if column not in first)]]


def _record(loaded, posterior, outcomes, several, panel, patients, command) -> dict:
    return {
        "schema": "riskmodel/run/1",
        "command": list(command),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "problem": loaded.id,
        "question": loaded.problem.question,
        "scenarios": list(loaded.scenarios),
        "horizon": str(loaded.problem.horizon) if outcomes is None else outcomes.attrs["horizon"],
        "horizons": [str(horizon) for horizon in several],
        "waning": (outcomes is not None and outcomes.attrs["waning"]) or "each effect's default",
        "preferences": panel
        and panel.model_dump(mode="json", exclude_unset=True, exclude={"schema_"}),
        "profiles": [
            {
                "id": p.id,
                "values": dict(p.values),
                "notes": list(p.notes),
                "not_for": dict(p.not_for),
            }
            for p in patients
        ],
        "notes": [] if outcomes is None else json.loads(outcomes.attrs["notes"]),
        "contradictions": [conflict["id"] for conflict in loaded.contradictions],
        "inputs": dict(loaded.digests),
        "posterior": posterior and dict(posterior.record),
        "versions_now": package_versions(),
        "disclaimer": "Research use; not medical advice.",
    }
