"""Loading a problem or a panel: reading and checking, schema, names and arithmetic, as one."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from riskmodel.errors import ParameterError, Phrase, Problem, RiskModelWarning
from riskmodel.evidence.brief_checks import check_plan, check_request
from riskmodel.evidence.checks import as_panel, check_panel
from riskmodel.evidence.conflicts import (
    Conflict,
    check_baseline_classes,
    check_contradictions,
    find_conflicts,
)
from riskmodel.evidence.policy_checks import check_policy
from riskmodel.evidence.problem_checks import check_problem
from riskmodel.evidence.same_figure import check_same_figures
from riskmodel.evidence.statement_checks import (
    check_name,
    check_source,
    check_statement,
    check_vocabulary,
)
from riskmodel.evidence.pool_checks import check_pools
from riskmodel.evidence.use_checks import check_uses
from riskmodel.parameters.identifiers import check_identifiers
from riskmodel.parameters.library import (
    STATEMENTS,
    Entry,
    Library,
    LoadedProblem,
    find_problem,
    load_library,
    resolve,
    shipped_folder,
    used_estimates,
    whole_path,
    with_shipped,
)
from riskmodel.parameters.references import check_estimate_sources, check_references
from riskmodel.parameters.schema import DecisionProblem, Estimate, Panel


def load_problem(name: str | Path) -> LoadedProblem:
    """Return a checked decision problem by its shipped id or the path of its file.

    Parameters
    ----------
    name : str or Path
        A shipped id such as ``"plex_aav"``, or a YAML file. A file in a folder ``problems/``
        may use what stands in the folders beside it; any file may use shipped ids.

    Returns
    -------
    LoadedProblem

    Raises
    ------
    ParameterError
        With everything `riskmodel check` finds wrong with it. Warnings are issued as
        RiskModelWarning.

    Examples
    --------
    >>> load_problem("plex_aav").problem.comparator
    'standard_care'
    """
    library, entry = find_problem(name)
    found = _check_whole(library, entry)
    stops = [problem for problem in found if problem.severity != "W"]
    if stops:
        raise ParameterError(stops)
    for problem in found:
        warnings.warn(str(problem), RiskModelWarning, stacklevel=2)
    loaded = resolve(library, entry)
    disagreements = tuple(map(_as_data, find_conflicts(library, loaded.id)))
    return replace(loaded, contradictions=disagreements)


def _as_data(conflict: Conflict) -> dict:
    """Return a disagreement as plain data, which travels with the run."""
    return {
        "id": conflict.id,
        "sides": [f"{side.id}: {side.printed} [{side.source}]" for side in conflict.sides],
        "differ_in": list(conflict.differ_in),
        "explanation": conflict.explanation,
        "resolution": conflict.resolution and conflict.resolution.because,
    }


def _check_whole(library: Library, entry: Entry) -> list[Problem]:
    """Return what is wrong with a problem, the estimates it uses and its panel.

    Each step is taken only when those before it found nothing to stop at: arithmetic on unknown
    names or impossible figures would only repeat their faults in other words.
    """
    found = check_references(library, entry)
    if found:
        return found
    problem: DecisionProblem = entry.record
    used = [library.entries["estimate"][name] for name in used_estimates(problem)]
    shown = [library.statement_entry(name) for name in problem.evidence]
    cited = [*used, *(other for other in shown if other not in used)]
    found += _statement_faults(library, cited)
    keys = {part.record.source.key for part in cited if part.record.source.key}
    sources = [library.entries["source"][key] for key in sorted(keys)]
    for source in sources:
        found += check_source(source)
    parts = [entry, *cited, *sources]
    if problem.preferences:
        panel = library.entries["preferences"][problem.preferences.default]
        found += check_panel(panel.record, panel)
        parts.append(panel)
    found += _name_faults(entry)
    found += _identifier_faults(parts)
    if any(fault.severity == "E" for fault in found):
        return found
    loaded = resolve(library, entry)
    own = check_problem(loaded)
    if any(fault.severity == "E" for fault in own):
        return found + own
    return found + own + check_uses(loaded, library) + list(check_pools(loaded))


def _statement_faults(library: Library, entries: list[Entry]) -> list[Problem]:
    """Return what is wrong with statements, by themselves and against the same figure elsewhere."""
    estimates = [entry for entry in entries if isinstance(entry.record, Estimate)]
    elsewhere = check_same_figures(library, estimates)
    found = []
    for entry in entries:
        is_estimate = isinstance(entry.record, Estimate)
        asked, answerable = elsewhere.get(entry.record.id, ((), ())) if is_estimate else ((), ())
        found += check_statement(entry, library, asked, answerable)
    return found


def _identifier_faults(entries: Iterable[Entry]) -> list[Problem]:
    """Return the places that may name a patient, in every file that something is taken from."""
    documents = {entry.document.file: entry.document for entry in entries}
    return [fault for document in documents.values() for fault in check_identifiers(document)]


def _name_faults(entry: Entry) -> list[Problem]:
    """Refuse names in a problem that another reader would take for true or false."""
    found = check_name(entry.record.id, entry)
    for part in ("options", "outcomes", "covariates", "priors", "scenarios"):
        for name in getattr(entry.record, part):
            found += check_name(name, entry._replace(location=(part, name)))
    return found


def switch_on(loaded: LoadedProblem, scenarios: Iterable[str]) -> LoadedProblem:
    """Return a checked problem with scenarios switched on that also pass together.

    Raises
    ------
    ParameterError
        If one is unknown, or they do not fit together.
    """
    active = loaded.with_scenarios(scenarios)
    stops = [fault for fault in check_problem(active) if fault.severity != "W"]
    if stops:
        raise ParameterError(stops)
    return active


def load_panel(loaded: LoadedProblem, preferences: str | None) -> Panel | None:
    """Return a panel from a YAML file, or one the problem knows by its id; None stays None.

    Raises
    ------
    ParameterError
        If there is no such panel, its file is wrong, or it weighs what the problem lacks.
    """
    if preferences is None:
        return None
    if Path(preferences).suffix not in (".yaml", ".yml"):
        return as_panel(loaded, preferences)
    library = load_library([Path(preferences)])
    entries = list(library.entries["preferences"].values())
    found = list(library.problems)
    for entry in entries:
        found += check_panel(entry.record, entry)
    if not entries and not found:
        found.append(
            Problem(
                field="schema",
                found=Phrase("no panel"),
                file=Path(preferences),
                allowed="a file of schema riskmodel/preferences/1",
                remedy="name a preferences file",
            )
        )
    found += _identifier_faults(entries)
    stops = [problem for problem in found if problem.severity != "W"]
    if stops:
        raise ParameterError(stops)
    for problem in found:
        warnings.warn(str(problem), RiskModelWarning, stacklevel=2)
    return as_panel(loaded, entries[0].record)


def check_files(paths: Iterable[Path] | None = None) -> tuple[list[Problem], int]:
    """Return everything wrong in parameter files, and how many files were read.

    Parameters
    ----------
    paths : iterable of Path, optional
        Files and folders; None is the shipped library. Shipped ids are known to every file.

    Returns
    -------
    problems : list of Problem
        In the order of files and lines; severity E, W or Q.
    files : int
    """
    paths = [Path(path) for path in paths] if paths is not None else [shipped_folder()]
    own = load_library(paths)
    everything = with_shipped(own)
    found = list(everything.problems)
    checked = {whole_path(path) for path in own.files}
    statements = [entry for kind in STATEMENTS.values() for entry in own.entries[kind].values()]
    found += _statement_faults(everything, statements)
    for entry in own.entries["preferences"].values():
        found += check_panel(entry.record, entry)
    for entry in own.entries["source"].values():
        found += check_source(entry)
    for kind in ("treatment", "group"):
        for name, entry in own.entries[kind].items():
            found += check_vocabulary(everything, kind, name, entry)
    every = [(name, entry) for part in own.entries.values() for name, entry in part.items()]
    found += _identifier_faults(entry for _, entry in every)
    for name, entry in every:
        found += check_name(name, entry)
    names = [
        *check_estimate_sources(everything),
        *check_contradictions(everything),
        *check_baseline_classes(everything),
    ]
    found += [p for p in names if whole_path(p.file) in checked]
    for entry in own.entries["problem"].values():
        found += [p for p in _check_whole(everything, entry) if p not in found]
    for entry in own.entries["policy"].values():
        found += [p for p in check_policy(everything, entry) if p not in found]
    for entry in own.entries["brief"].values():
        found += [p for p in check_plan(everything, entry) if p not in found]
    for entry in own.entries["request"].values():
        found += [p for p in check_request(everything, entry) if p not in found]
    found.sort(key=lambda p: (str(p.file), p.line or 0, p.column or 0))
    return found, len(own.files)
