"""What a paper's tables need of a finished run: rows, labels, estimates, and notes that gather."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from riskmodel.reports.diff_inputs import problem_as_run
from riskmodel.reports.paper_words import DISCLAIMER, interval_name
from riskmodel.reports.trace import RunFolder


@dataclass(frozen=True)
class PaperTable:
    """One table ready for a paper.

    Parameters
    ----------
    name : str
        File name without ending.
    title : str
    frame : pandas.DataFrame
        Of text, one column a column of the printed table, in its order; unique headings.
    about : tuple of (str, str)
        What holds for the whole table: population, comparator, horizon, intervals.
    notes : tuple of str
        Below the table; those with a letter are referred to in its cells.
    spans : mapping of str to str
        Column -> the heading it stands under together with its neighbours.
    """

    name: str
    title: str
    frame: pd.DataFrame = field(repr=False)
    about: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    spans: Mapping[str, str] = field(default_factory=dict)


class Notes:
    """Notes below a table, each named by a letter where it is first referred to.

    Examples
    --------
    >>> notes = Notes()
    >>> notes.mark("assumed"), notes.mark("read off"), notes.mark("assumed")
    (' [a]', ' [b]', ' [a]')
    >>> notes.lines()
    ['[a] assumed', '[b] read off']
    """

    def __init__(self) -> None:
        self._texts: list[str] = []

    def mark(self, *texts: str | None) -> str:
        """Return the marks of some notes, to be set behind a cell's text."""
        letters = []
        for text in texts:
            if not text:
                continue
            text = " ".join(text.split())
            if text not in self._texts:
                self._texts.append(text)
            letters.append(_letter(self._texts.index(text)))
        return f" [{', '.join(letters)}]" if letters else ""

    def lines(self) -> list[str]:
        """Return the notes in the order of their letters."""
        return [f"[{_letter(place)}] {text}" for place, text in enumerate(self._texts)]


def _letter(place: int) -> str:
    """Return a, b, ... z, aa, ab and so on."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return letters


@dataclass(frozen=True)
class PaperRun:
    """A finished run as its tables, its record and the problem as it was run.

    Parameters
    ----------
    run : RunFolder
    """

    run: RunFolder

    @cached_property
    def data(self) -> dict[str, Any]:
        """Return problem, estimates, sources and statements as plain data; empty if not kept."""
        return problem_as_run(self.run)

    @cached_property
    def problem(self) -> Mapping[str, Any]:
        return self.data.get("problem") or {}

    @property
    def record(self) -> Mapping[str, Any]:
        return self.run.record

    @property
    def comparator(self) -> str:
        return self.problem.get("comparator", "comparator")

    def rows(self, table: str) -> list[dict[str, str]]:
        """Return the rows of a table; none where the run has no such table."""
        if table not in self.run.tables:
            return []
        return list(self.run.rows(table)[1].values())

    # --- labels

    def option(self, name: str) -> str:
        return (self.problem.get("options") or {}).get(name, {}).get("label", name)

    def outcome(self, name: str) -> str:
        return self._outcome(name).get("label", name)

    def composite(self, name: str) -> tuple[str, list[str]]:
        """Return a composite's label and the outcomes it is of."""
        composite = (self.problem.get("composites") or {}).get(name, {})
        return composite.get("label", name), composite.get("of") or []

    def _outcome(self, name: str) -> Mapping[str, Any]:
        return (self.problem.get("outcomes") or {}).get(name, {})

    def wanted(self, name: str) -> bool:
        return not self._outcome(name).get("unwanted", True)

    def diagnostic(self, name: str) -> bool:
        """Say whether an outcome is only what a test leads to, neither better nor worse."""
        return bool(self._outcome(name).get("diagnostic_impact"))

    def direction(self, name: str) -> str:
        """Return whether more of an outcome is better, in a word."""
        if self.diagnostic(name):
            return "neither wanted nor unwanted"
        return "wanted" if self.wanted(name) else "unwanted"

    def baseline(self, name: str) -> Mapping[str, Any]:
        return self._outcome(name).get("baseline") or {}

    def effect(self, outcome: str, option: str) -> Mapping[str, Any]:
        return (self._outcome(outcome).get("effects") or {}).get(option) or {}

    def definition(self, name: str) -> str | None:
        return self._outcome(name).get("definition")

    def band(self, name: str) -> str:
        """Return a band of the case mix with its covariate and edges."""
        covariate_name = (self.problem.get("case_mix") or {}).get("covariate", "")
        covariate = (self.problem.get("covariates") or {}).get(covariate_name, {})
        for band in covariate.get("bands") or []:
            if band["id"] == name:
                unit = f" {covariate['unit']}" if covariate.get("unit") else ""
                edges = [
                    f"{words} {band[edge]:g}{unit}"
                    for edge, words in (("above", "above"), ("up_to", "up to"))
                    if band.get(edge) is not None
                ]
                label = covariate.get("label", covariate_name)
                return f"{label}: {band['label']} ({' '.join(edges)})"
        return name

    def who(self, name: str) -> str:
        """Return a patient in a word or two: the only one of a run needs no name."""
        only = len(self.record.get("profiles") or []) == 1
        return "the patient" if only else f"patient {name}"

    def patient(self, name: str) -> str:
        """Return a patient with the values that were stated."""
        for profile in self.record.get("profiles") or []:
            if profile["id"] == name:
                covariates = self.problem.get("covariates") or {}
                shown = [
                    _covariate_words(covariates.get(key, {}), key, value)
                    for key, value in profile["values"].items()
                ]
                return f"{name} ({', '.join(filter(None, shown))})"
        return name

    # --- evidence

    def estimates_of(self, outcome: str, option: str) -> list[Mapping[str, Any]]:
        """Return the estimates behind the effect of an option on an outcome."""
        prior = (self.problem.get("priors") or {}).get(self.effect(outcome, option).get("prior"))
        names = (prior or {}).get("from") or []
        known = self.data.get("estimates") or {}
        return [known[name] for name in names if name in known]

    def priors_of_baseline(self, outcome: str) -> list[str]:
        """Return the priors behind an outcome's risk under the comparator."""
        baseline = self.baseline(outcome)
        parts = (baseline.get("intercept"), baseline.get("line"), *(baseline.get("terms") or []))
        return [part["prior"] for part in parts if part]

    def badges(self) -> dict[str, str]:
        """Return the badge of every prior in use."""
        return {row["prior"]: row["badge"] for row in self.rows("provenance")}

    def citation(self, key: str) -> str:
        source = (self.data.get("sources") or {}).get(key)
        if source is None:
            return key
        doi = f", doi:{source['doi']}" if source.get("doi") else ""
        tertiary = " [tertiary source]" if source.get("role") == "tertiary" else ""
        return " ".join(source["citation"].split()) + doi + tertiary

    def source_of(self, statement: Mapping[str, Any]) -> str:
        """Return where an estimate or statement comes from, in one line."""
        source = statement.get("source") or {}
        if source.get("judgement"):
            judgement = source["judgement"]
            return f"judgement of {judgement['whose']}: {' '.join(judgement['why'].split())}"
        return self.citation(source.get("key", "no source"))

    # --- what stands above and below every table

    def about(self, rows: Iterable[Mapping[str, str]] = ()) -> tuple[tuple[str, str], ...]:
        """Return what holds for a whole table, from the run and from the table's own rows."""
        rows = list(rows)
        told = [("Question", self.record["question"])]
        if self.problem.get("population"):
            told.append(("Population", self.problem["population"]))
        told.append(("Comparator", self.option(self.comparator)))
        told.append(("Horizon", self.record["horizon"]))
        if self.record.get("scenarios"):
            told.append(("Scenarios", ", ".join(self.record["scenarios"])))
        patients = list(dict.fromkeys(row["profile"] for row in rows if row.get("profile")))
        if patients:
            told.append(("Patients", "; ".join(self.patient(name) for name in patients)))
        if interval := self.interval(rows):
            told.append(("Intervals", interval))
        return tuple((name, " ".join(text.split())) for name, text in told)

    def interval(self, rows: Iterable[Mapping[str, str]]) -> str:
        """Return the kind and level of the intervals of some rows."""
        kinds = [interval_name(r["prob"], r["kind"]) for r in rows if r.get("prob")]
        return " or ".join(dict.fromkeys(kinds))

    def closing(self, *, of_draws: bool = True) -> list[str]:
        """Return what stands below every table of a run."""
        posterior = self.record.get("posterior") or {}
        lines = []
        if of_draws and posterior:
            lines.append(
                f"From {posterior['draws']} posterior draws ({posterior['chains']} chains, seed "
                f"{posterior['seed']}); points are posterior medians unless said otherwise."
            )
        if self.record.get("unconverged"):
            lines.append("NOT CONVERGED: the numbers are not to be used.")
        return [*lines, DISCLAIMER]


def _covariate_words(covariate: Mapping[str, Any], name: str, value: Any) -> str:
    label = covariate.get("label", name)
    if isinstance(value, bool):
        return label if value else ""
    shown = f"{value:g}" if isinstance(value, int | float) else str(value)
    unit = f" {covariate['unit']}" if covariate.get("unit") else ""
    return f"{label} {shown}{unit}"
