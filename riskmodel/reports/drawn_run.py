"""A finished run opened to be asked further: its draws, and whose weights it is weighed by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import xarray as xr

from riskmodel.errors import ParameterError, Phrase, Problem
from riskmodel.evidence.checks import as_panel
from riskmodel.evidence.loading import load_panel
from riskmodel.parameters.schema import Panel
from riskmodel.reports.paper_figure import drawn_from
from riskmodel.reports.trace import OUTCOMES, RunFolder


def drawn_outcomes(opened: RunFolder) -> xr.Dataset:
    """Return the outcomes of a run; refuse one that drew nothing."""
    path = opened.folder / OUTCOMES
    if not path.exists():
        refuse(
            "run",
            Phrase(f"{opened.folder}, which holds no draws"),
            "a run whose sources allow a contrast",
            "a contrast that is not estimable can be neither weighed nor turned",
        )
    with xr.open_dataset(path, engine="h5netcdf") as file:
        return file.load()


def run_panel(opened: RunFolder, preferences: str | Panel | None) -> Panel:
    """Return a panel for a run: given, by id or YAML file, or the run's own."""
    loaded = opened.loaded
    if isinstance(preferences, str):
        return load_panel(loaded, preferences)
    if preferences is not None:
        return as_panel(loaded, preferences)
    chosen = opened.record.get("preferences")
    if not chosen:
        refuse(
            "preferences",
            Phrase("a run without weights"),
            ", ".join(loaded.panels) or "a panel for this problem",
            "name a panel with --preferences",
        )
    if "weights" not in chosen:  # an older version kept only its name
        return as_panel(loaded, chosen["id"])
    return as_panel(loaded, Panel.model_validate(chosen))


@contextmanager
def figures_of(folder: Path) -> Iterator[None]:
    """Let figures drawn inside the block carry the digest of a run, and a mark if it needs one."""
    with drawn_from(RunFolder.open(folder).record):
        yield


def refuse(field: str, found: object, allowed: str, remedy: str) -> NoReturn:
    """Raise a ParameterError with one problem."""
    raise ParameterError([Problem(field=field, found=found, allowed=allowed, remedy=remedy)])
