"""Loading a problem or a panel: reading and checking, schema, names and arithmetic, as one."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

from riskmodel.errors import ParameterError, Phrase, Problem, RiskModelWarning
from riskmodel.evidence.checks import as_panel, check_estimate, check_panel
from riskmodel.evidence.problem_checks import check_problem
from riskmodel.parameters.library import (
    Entry,
    Library,
    LoadedProblem,
    find_problem,
    load_library,
    resolve,
    shipped_folder,
    used_estimates,
    with_shipped,
)
from riskmodel.parameters.references import check_estimate_sources, check_references
from riskmodel.parameters.schema import Panel


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
    return resolve(library, entry)


def _check_whole(library: Library, entry: Entry) -> list[Problem]:
    """Return what is wrong with a problem, the estimates it uses and its panel.

    Each step is taken only when those before it found nothing to stop at: arithmetic on unknown
    names or impossible figures would only repeat their faults in other words.
    """
    found = check_references(library, entry)
    if found:
        return found
    for name in used_estimates(entry.record):
        estimate = library.entries["estimate"][name]
        found += check_estimate(estimate.record, estimate)
    panel = library.entries["preferences"][entry.record.preferences.default]
    found += check_panel(panel.record, panel)
    if any(problem.severity == "E" for problem in found):
        return found
    return found + check_problem(resolve(library, entry))


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
    if found:
        raise ParameterError(found)
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
    found = list(own.problems)
    checked = {path.resolve() for path in own.files}
    for entry in own.entries["estimate"].values():
        found += check_estimate(entry.record, entry)
    for entry in own.entries["preferences"].values():
        found += check_panel(entry.record, entry)
    found += [p for p in check_estimate_sources(everything) if p.file.resolve() in checked]
    for entry in own.entries["problem"].values():
        found += [p for p in _check_whole(everything, entry) if p not in found]
    found.sort(key=lambda p: (str(p.file), p.line or 0, p.column or 0))
    return found, len(own.files)
