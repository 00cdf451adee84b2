"""A finished run as figures ask about it: every part read or computed once, nothing sampled."""

from __future__ import annotations

import warnings
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.errors import ConvergenceError, Phrase, RiskModelWarning
from riskmodel.models.posterior import Posterior, load_posterior
from riskmodel.parameters.library import LoadedProblem
from riskmodel.parameters.profiles import Patient
from riskmodel.parameters.schema import Panel
from riskmodel.reports.drawn_run import drawn_outcomes, refuse, run_panel
from riskmodel.reports.evidence_tables import evidence_tables
from riskmodel.reports.trace import OUTCOMES, POSTERIOR, RunFolder
from riskmodel.simulation.outcomes import as_patients, simulate

OVER_TIME = "outcomes_over_time.nc"
DEFAULT_PROB = 0.95


class FinishedRun:
    """A run's folder opened for figures.

    Parameters
    ----------
    run : Path, str, RunFolder or Run
    allow_unconverged : bool
        Whether a run that did not converge may be opened.

    Raises
    ------
    ParameterError
        If there is no run.
    ConvergenceError
        If it did not converge, and that was not allowed.
    """

    def __init__(self, run, *, allow_unconverged: bool = False):
        if not isinstance(run, RunFolder):
            run = RunFolder.open(Path(getattr(run, "folder", run)))
        self.opened = run
        self.folder, self.record = run.folder, run.record
        unconverged = self.record.get("unconverged")
        if unconverged and not allow_unconverged:
            raise ConvergenceError(
                f"{self.folder}: not converged: {'; '.join(unconverged)}; allowed: a run that "
                "converged; run it again with more draws, or give --allow-unconverged "
                "(allow_unconverged=True) and every figure carries a mark"
            )

    @property
    def loaded(self) -> LoadedProblem:
        """Return the problem as it was run."""
        loaded = self.opened.loaded
        if loaded is None:
            refuse(
                "run",
                Phrase(f"{self.folder}, whose problem is no longer in the library"),
                "a run whose problem can be read",
                "give the problem's file back, or run it again",
            )
        return loaded

    @property
    def prob(self) -> float:
        """Return the probability of the run's intervals."""
        if "prob" in self.record:
            return float(self.record["prob"])
        path = self.opened.tables.get("absolute_effects")  # an older version kept it only there
        return float(pd.read_csv(path)["prob"].iloc[0]) if path else DEFAULT_PROB

    @cached_property
    def outcomes(self) -> xr.Dataset:
        """Return the risks of the run's patients."""
        return drawn_outcomes(self.opened)

    @cached_property
    def over_time(self) -> xr.Dataset:
        """Return the risks at several horizons."""
        path = self.folder / OVER_TIME
        if not path.exists():
            refuse(
                "run",
                Phrase(f"{self.folder}, a run at one horizon"),
                "a run at several horizons",
                "run it again with --horizons, such as 6,12,36",
            )
        with xr.open_dataset(path, engine="h5netcdf") as file:
            return file.load()

    @cached_property
    def posterior(self) -> Posterior:
        """Return the draws of every input."""
        _ = self.outcomes  # says why, where nothing was drawn
        return load_posterior(self.loaded, self.folder / POSTERIOR)

    @cached_property
    def grid(self) -> xr.Dataset:
        """Return risks along the case mix's covariate, from the stored draws."""
        from riskmodel.reports.figures import covariate_grid

        outcomes = self.outcomes
        if not self.loaded.problem.case_mix:
            refuse(
                "run",
                Phrase(f"{self.loaded.id}, a problem without a case mix"),
                "a problem that declares `case_mix:`",
                "declare whom the problem is about, along which covariate",
            )
        later = outcomes.attrs["horizon"] != str(self.loaded.problem.horizon)
        return simulate(
            self.posterior,
            covariate_grid(self.loaded),
            horizon=outcomes.attrs["horizon"] if later else None,
            waning=outcomes.attrs["waning"] or None,
            case_mix=False,
            gate=False,
        )

    @property
    def later(self) -> bool:
        """Say whether the run stands at another horizon than the problem's own."""
        if not (self.folder / OUTCOMES).exists():
            return False
        return self.outcomes.attrs["horizon"] != str(self.loaded.problem.horizon)

    @cached_property
    def panel(self) -> Panel:
        """Return whose weights the run is weighed by; refuse a run without."""
        return run_panel(self.opened, None)

    @property
    def weights(self) -> Panel | None:
        """Return the run's panel, or None where it has none."""
        return self.panel if self.record.get("preferences") else None

    @cached_property
    def patients(self) -> list[Patient]:
        """Return the run's patients."""
        given = [
            {"id": p["id"]} | {name: v for name, v in p["values"].items() if v is not None}
            for p in self.record["profiles"]
        ]
        return as_patients(self.loaded.problem, given or None)

    @cached_property
    def evidence(self) -> dict[str, pd.DataFrame]:
        """Return the tables of what is not modelled that hold any row."""
        tables = evidence_tables(self.loaded, self.patients)
        return {name: table for name, table in tables.items() if len(table)}

    @cached_property
    def differences(self) -> pd.DataFrame | None:
        """Return whether the median effect on each outcome is better, option by option."""
        if not (self.folder / OUTCOMES).exists():
            return None
        problem = self.loaded.problem
        rows = []
        for name, outcome in problem.outcomes.items():
            risk = self.outcomes["risk"].sel(outcome=name)
            for option in problem.alternatives:
                drawn = (risk.sel(option=option) - risk.sel(option=problem.comparator)).values
                if np.isfinite(drawn).any() and (middle := float(np.nanmedian(drawn))):
                    rows.append({"outcome": name, "better": (middle < 0) == outcome.unwanted})
        return pd.DataFrame(rows, columns=["outcome", "better"])

    @cached_property
    def decision(self):
        """Return the run weighed by its panel; see :func:`riskmodel.reports.decide`."""
        from riskmodel.reports.decide import decide_report

        _ = self.panel
        return self._quietly(decide_report)

    @cached_property
    def value(self):
        """Return what better knowledge would be worth; see :mod:`riskmodel.reports.value`."""
        from riskmodel.reports.value import value_report

        _ = self.panel
        return self._quietly(value_report)

    @cached_property
    def sensitivity(self):
        """Return what would turn the decision; see :mod:`riskmodel.reports.sensitivity`."""
        from riskmodel.reports.sensitivity import sensitivity_report

        _ = self.panel
        return self._quietly(sensitivity_report)

    def _quietly(self, report):
        """Make a report; what it warns of stands in its own record and captions."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RiskModelWarning)
            return report(self.opened)
