"""From a number in a run's output back through formula, prior and estimate to the locator."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from riskmodel.errors import ParameterError, Phrase, Problem
from riskmodel.evidence.priors import LinePrior, Prior, build_prior
from riskmodel.parameters.library import LoadedProblem, find_problem, resolve
from riskmodel.parameters.schema import Duration, Estimate, Panel, Statement
from riskmodel.reports.folder import RECORD
from riskmodel.reports.formulas import (
    LABELS,
    PAGE,
    TableCard,
    baseline_formula,
    card_of,
    effect_formula,
    later_formula,
)
from riskmodel.reports.listing import unknown
from riskmodel.reports.show import in_words

COMPETING = "incidence = H / (H + H_other) (1 - exp(-(H + H_other)))"
OUTCOMES, POSTERIOR = "outcomes.nc", "posterior.nc"


@dataclass(frozen=True)
class RunFolder:
    """A finished run as it lies on disk.

    Parameters
    ----------
    folder : Path
    record : mapping
        Its ``run.json``.
    """

    folder: Path
    record: Mapping[str, Any] = field(repr=False)

    @classmethod
    def open(cls, folder: Path | RunFolder) -> RunFolder:
        """Return the run in a folder; one that is open already, as it is.

        Raises
        ------
        ParameterError
            If there is none.
        """
        if isinstance(folder, cls):
            return folder
        folder = Path(folder)
        try:
            record = json.loads((folder / RECORD).read_bytes())
            if record["schema"] != "riskmodel/run/1":
                raise ValueError
            _ = record["problem"]
        except (OSError, ValueError, KeyError, TypeError):
            raise ParameterError(
                [
                    Problem(
                        field="run",
                        found=Phrase(f"{folder}, which holds no run"),
                        allowed="a folder that `riskmodel run` wrote",
                        remedy="name the folder given to its --out; one of an older version is run "
                        "again",
                    )
                ]
            ) from None
        return cls(folder, record)

    @cached_property
    def tables(self) -> dict[str, Path]:
        """Return the path of every table by name."""
        return {path.stem: path for path in sorted((self.folder / "tables").glob("*.csv"))}

    def rows(self, table: str) -> tuple[TableCard, dict[str, dict[str, str]]]:
        """Return what a table holds, and its rows by row-key."""
        if table not in self.tables:
            raise ParameterError([unknown("table", table, list(self.tables))])
        with self.tables[table].open(encoding="utf-8", newline="") as text:
            reader = csv.DictReader(text)
            card = card_of(table, list(reader.fieldnames or ()))
            rows: dict[str, dict[str, str]] = {}
            for row in reader:
                key = name = ".".join(row[column] for column in card.keys if row.get(column))
                number = 2
                while key in rows:
                    key, number = f"{name}#{number}", number + 1
                rows[key] = row
        return card, rows

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """Return the attributes of the outcomes: the problem as it was run, horizon, notes."""
        path = self.folder / OUTCOMES
        if not path.exists():  # the sources allowed no contrast, and nothing was drawn
            return {}
        with _netcdf(path) as file:
            return {name: str(value) for name, value in file.attrs.items()}

    @cached_property
    def loaded(self) -> LoadedProblem | None:
        """Return the problem as it was run; None where only its id is known by now."""
        if "problem" in self.attributes:
            try:
                return LoadedProblem.from_json(self.attributes["problem"])
            except (KeyError, ValueError):  # a word of the problem's that is no longer one
                raise ParameterError(
                    [
                        Problem(
                            field="run",
                            found=Phrase(f"{self.folder}, written by another version"),
                            allowed="a run of this version",
                            remedy="run it again: its command stands in run.json",
                        )
                    ]
                ) from None
        try:
            loaded = resolve(*find_problem(self.record["problem"]))
        except ParameterError:
            return None
        inputs = dict(self.record["inputs"])
        return loaded if dict(loaded.digests) == inputs else None

    @cached_property
    def _by_scenario(self) -> dict[str, LoadedProblem]:
        return {}

    @cached_property
    def _priors(self) -> dict[tuple[tuple[str, ...], str], Prior | LinePrior]:
        return {}

    def with_scenario(self, name: str) -> LoadedProblem | None:
        """Return the problem as it was run with one scenario more; made once for many numbers."""
        if self.loaded is None:
            return None
        if name not in self._by_scenario:
            self._by_scenario[name] = self.loaded.with_scenarios([name])
        return self._by_scenario[name]

    def prior(self, loaded: LoadedProblem, name: str) -> Prior | LinePrior:
        """Return a prior of the problem as it was run; made once for many numbers."""
        key = (loaded.scenarios, name)
        if key not in self._priors:
            self._priors[key] = build_prior(loaded, name)
        return self._priors[key]


def _netcdf(path: Path):
    import h5netcdf  # the draws are read without xarray, which takes longer than the trace

    return h5netcdf.File(path, "r")


# --- what there is ------------------------------------------------------------------------------


def list_ids(folder: Path | RunFolder, table: str | None = None) -> dict:
    """Return the tables of a run, or the rows and columns of one, as plain data.

    Parameters
    ----------
    folder : Path or RunFolder
        A run's folder; opened once for many numbers, it is read once.
    table : str, optional

    Returns
    -------
    dict
        ``tables``, each with its name, key columns and number of rows; or ``rows`` and
        ``columns`` of one table.

    Raises
    ------
    ParameterError
        If there is no run in the folder, or no such table in the run.
    """
    run = RunFolder.open(folder)
    told = {"schema": "riskmodel/trace/1", "run": str(run.folder)}
    if table is not None:
        card, rows = run.rows(table)
        return {**told, "table": table, "keys": card.keys, "rows": list(rows)} | {
            "columns": _columns(card, rows)
        }
    tables = []
    for name in run.tables:
        card, rows = run.rows(name)
        tables.append({"table": name, "keys": card.keys, "rows": len(rows)})
    return {**told, "problem": run.record["problem"], "tables": tables}


def _columns(card: TableCard, rows: Mapping[str, Mapping]) -> list[str]:
    first = next(iter(rows.values()), {})
    return [column for column in first if column not in card.keys]


# --- one number ---------------------------------------------------------------------------------


def trace(folder: Path | RunFolder, name: str) -> dict:
    """Return where one number of a run's tables comes from, as plain data.

    Parameters
    ----------
    folder : Path or RunFolder
        A run's folder; opened once for many numbers, it is read once.
    name : str
        ``table/row-key/column``; the row-key is the row's key columns joined by dots.

    Returns
    -------
    dict
        ``stored``, the text in the table, and its ``value`` if that is a number; ``formula``;
        ``draws``, with the number computed again from them where that takes no fitting;
        ``quantities``: each baseline and effect with its priors, each prior with its estimates,
        each estimate with its source, locator and addresses.

    Raises
    ------
    ParameterError
        If the run, the table, the row or the column is not there.
    """
    run = RunFolder.open(folder)
    table, row_key, column = _split(name)
    card, rows = run.rows(table)
    if row_key not in rows:
        listed_by = f"`riskmodel trace {run.folder} {table}`"
        raise ParameterError([unknown("row", row_key, list(rows), listed_by=listed_by)])
    row = rows[row_key]
    if column not in row:
        raise ParameterError([unknown("column", column, _columns(card, rows))])
    traced = Tracer(run, card, table, row, column)
    told = {
        "schema": "riskmodel/trace/1",
        "id": name,
        "run": str(run.folder),
        "problem": run.record["problem"],
        "question": run.record["question"],
        "horizon": run.record["horizon"],
        "scenarios": run.record["scenarios"],
        "table": table,
        "row": {key: row[key] for key in card.keys if key in row},
        "column": column,
        "stored": row[column],
        "value": _number(row[column]),
        "formula": traced.formula(),
        "draws": traced.draws(),
        "patient": traced.patient(),
        "weights": traced.weights(),
        "quantities": traced.quantities(),
        "contradictions": [],
        "row_says": {key: row[key] for key in row if key not in card.keys and row[key]}
        if card.rests_on in ("row", "statement")
        else None,
    }
    told["contradictions"] = traced.contradictions(told["quantities"])
    return {key: part for key, part in told.items() if part is not None or key == "value"}


def _split(name: str) -> tuple[str, str, str]:
    parts = name.split("/")
    if len(parts) < 3:
        raise ParameterError(
            [
                Problem(
                    field="id",
                    found=name,
                    allowed="table/row-key/column",
                    remedy="`riskmodel trace RUN` lists the tables, `riskmodel trace RUN TABLE` "
                    "the rows and columns of one",
                )
            ]
        )
    return parts[0], "/".join(parts[1:-1]), parts[-1]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


@dataclass(frozen=True)
class Tracer:
    """One number of one row, and the run it stands in."""

    run: RunFolder
    card: TableCard
    table: str
    row: Mapping[str, str]
    column: str

    @cached_property
    def loaded(self) -> LoadedProblem | None:
        """Return the problem, with the scenario that the row itself switches on."""
        if self.row.get("changed") == "scenario":
            return self.run.with_scenario(self.row["name"])
        return self.run.loaded

    # --- formula and draws

    def formula(self) -> dict[str, str]:
        known = self.card.columns.get(self.column)
        if known:
            return {
                "words": known.words,
                "symbols": known.symbols,
                "section": f"{PAGE}, {known.section}",
            }
        if self.column in self.card.keys:
            words = "names the row"
        elif self.column in LABELS or self.card.columns or self.card.rests_on != "row":
            words = "carried over from what was declared or printed, not computed"
        else:
            words = "stands in the table as the run wrote it"
        return {"words": words, "symbols": "", "section": ""}

    def draws(self) -> dict | None:
        """Return which draws the number summarises, and the number computed from them again."""
        if self.card.draws is None or self.column not in self.card.columns:
            return None
        posterior = self.run.record["posterior"]
        told = {
            "chains": posterior["chains"],
            "draws": posterior["draws"],
            "seed": posterior["seed"],
        }
        if self.card.draws == "prior":
            return {"file": POSTERIOR, "variable": self._prior_name(), **told}
        told = {"file": OUTCOMES, "variable": self.card.draws, **told}
        at = {key: self.row[key] for key in ("profile", "band", "outcome") if self.row.get(key)}
        if self.card.rests_on == "arm":
            return {**told, "at": {**at, "option": self.row["option"]}}
        told["at"] = {**at, "option": self.row.get("option")}
        told["minus"] = {**at, "option": self.loaded.problem.comparator}
        if self.card.rests_on != "contrast":
            return told
        with _netcdf(self.run.folder / OUTCOMES) as file:
            treated, base = (_slice(file, told["variable"], told[arm]) for arm in ("at", "minus"))
        kept = np.isfinite(treated - base)
        told["kept"] = int(kept.sum())
        stored = _number(self.row[self.column])
        again = self._again(treated[kept], base[kept], treated, base)
        if again is not None and stored is not None:
            agrees = math.isclose(stored, again, rel_tol=1e-6, abs_tol=1e-12)
            told |= {"computed_again": again, "agrees": agrees}
        return told

    def _again(self, treated, base, treated_all, base_all) -> float | None:
        """Return the number from its draws, where it is a plain summary of them."""
        tail = (1 - float(self.row.get("prob") or "nan")) / 2
        difference = treated - base
        if not difference.size:
            return None
        unwanted = self.loaded.problem.outcomes[self.row["outcome"]].unwanted
        column = self.column.removeprefix("per_1000_")
        scale = 1000 if self.column.startswith("per_1000") else 1
        if column in ("risk_difference", "mean_difference", "per_1000"):
            return scale * float(np.median(difference))
        if column in ("lower", "upper"):
            return scale * float(np.quantile(difference, tail if column == "lower" else 1 - tail))
        if column == "prob_benefit":
            return float(np.mean(difference < 0 if unwanted else difference > 0))
        if column == "baseline_risk":
            return float(np.nanmedian(base_all))
        if column == "risk":
            return float(np.nanmedian(treated_all))
        return None

    def _prior_name(self) -> str:
        return (self.row.get("prior") or self.row.get("quantity") or "").split("[")[0]

    # --- whom it is about, and whose weights

    def patient(self) -> dict | None:
        profiles = {profile["id"]: profile for profile in self.run.record["profiles"]}
        profile = profiles.get(self.row.get("profile"))
        if profile is None:
            return None
        stated = {name: value for name, value in profile["values"].items() if value is not None}
        return {"id": profile["id"], "values": stated, "notes": profile["notes"]}

    @cached_property
    def _panel(self) -> Panel | None:
        chosen = self.run.record["preferences"]
        if self.loaded is None or not chosen:
            return None
        if self.row.get("changed") == "panel":
            return self.loaded.panels.get(self.row["name"])
        if "weights" not in chosen:  # an older version kept only its name
            return None
        return Panel.model_validate(chosen)

    def weights(self) -> dict | None:
        """Return the weights that net benefit was computed with."""
        if self.card.rests_on not in ("benefit", "badge") and self.column not in (
            "net_benefit",
            "prob_positive",
        ):
            return None
        panel = self._panel
        if panel is None:
            return {"panel": self.run.record["preferences"], "note": "not kept with the run"}
        return {
            "panel": panel.id,
            "whose": panel.whose,
            "status": panel.status,
            "reference": panel.reference,
            "weights": {name: weight.weight for name, weight in panel.weights.items()},
            "together": [pair.model_dump(mode="json") for pair in panel.together],
            "burden": panel.burden,
        }

    # --- what it rests on

    @cached_property
    def _horizon(self) -> str:
        """Return the horizon of the row, or of the whole run."""
        return self.row.get("horizon") or self.run.record["horizon"]

    def quantities(self) -> list[dict]:
        """Return each baseline, effect, prior or record that the number rests on."""
        if self.loaded is None:
            return []
        rests_on = self.card.rests_on
        option, outcome = self.row.get("option"), self.row.get("outcome")
        if rests_on == "contrast":
            if self.column in ("net_benefit", "prob_positive"):
                return self._benefit(option)
            return self._contrast(option, outcome)
        if rests_on == "arm":
            return self._arm(option, outcome, self.row["other"])
        if rests_on == "composite":
            return self._arm(option, *self.loaded.problem.composites[self.row["composite"]].of)
        if rests_on == "benefit":
            return self._benefit(option)
        if rests_on == "badge":
            return self._of_badge(self.row["badge"])
        if rests_on == "prior":
            return self._one_prior()
        if rests_on == "strata":
            return self._strata()
        if rests_on == "statement":
            name = next(self.row[key] for key in ("id", "rule", "estimate") if key in self.row)
            return [{"role": "record", "priors": [], "estimates": [self._statement(name)]}]
        return []

    def _contrast(self, option: str | None, outcome: str | None) -> list[dict]:
        problem = self.loaded.problem
        if outcome not in problem.outcomes:
            return []
        found = [self._baseline(outcome)]
        if option in problem.options and option != problem.comparator:
            found += self._effects(option, outcome)
        return found

    def _arm(self, option: str, *outcomes: str) -> list[dict]:
        problem = self.loaded.problem
        wanted = problem.outcomes if "any" in outcomes else dict.fromkeys(outcomes)
        found = [part for name in wanted for part in self._contrast(option, name)]
        for pair in problem.overlap:
            if set(pair.outcomes) <= set(wanted):
                found.append(
                    {
                        "role": "overlap",
                        "outcomes": pair.outcomes,
                        "formula": f"psi = {pair.odds_ratio:g}, as declared",
                        "because": _line(pair.because),
                        "priors": [],
                    }
                )
        return found

    def _benefit(self, option: str | None) -> list[dict]:
        weighed = self._panel.weights if self._panel else self.loaded.problem.outcomes
        return self._arm(option, *weighed) if option else []

    def _of_badge(self, badge: str) -> list[dict]:
        parts = self._benefit(self.row["option"])
        for part in parts:
            part["priors"] = [prior for prior in part["priors"] if prior["badge"] == badge]
        return [part for part in parts if part["priors"]]

    def _one_prior(self) -> list[dict]:
        name = self._prior_name()
        if name not in self.loaded.problem.priors:
            return []
        prior = self._prior(name)
        if self.row.get("estimate"):
            estimates = [e for e in prior["estimates"] if e["id"] == self.row["estimate"]]
            prior["estimates"] = estimates or prior["estimates"]
        return [{"role": "prior", "priors": [prior]}]

    def _strata(self) -> list[dict]:
        problem = self.loaded.problem
        strata = problem.published_strata
        bands = {band.id: band.label for band in problem.covariates[strata.covariate].bands}
        row = next(row for row in strata.rows if bands[row.band] == self.row["band"])
        names = filter(None, (row.risk_difference, row.number_needed_to_treat))
        printed = {
            "role": "printed",
            "because": _line(strata.caveat),
            "priors": [],
            "estimates": [self._statement(name) for name in names],
        }
        if self.column.startswith("printed"):
            return [printed]
        return [printed, *self._contrast(strata.option, strata.outcome)]

    def _baseline(self, name: str) -> dict:
        problem = self.loaded.problem
        outcome = problem.outcomes[name]
        baseline = outcome.baseline
        priors = [part.prior for part in (baseline.intercept, baseline.line) if part]
        priors += [term.prior for term in baseline.terms]
        formula = baseline_formula(baseline)
        other = [e for e in baseline.extension if str(e.horizon) == self._horizon]
        if other and self._horizon != str(problem.horizon):
            priors += [extension.later_hazard_ratio.prior for extension in other]
            later = other[0].horizon.days > problem.horizon.days
            symbols = "H0(late) = H0 (1 + g)" if later else "H0(early) = H0 / (1 + g)"
            formula += f"; {symbols}, with H = -log(1 - p)"
        if outcome.competing:
            formula += f"; {COMPETING}, H_other of {outcome.competing}"
        reasons = [baseline.not_estimable, baseline.because, baseline.caveat]
        if baseline.between_patient_spread:
            reasons.append(baseline.between_patient_spread.because)
        return {
            "role": "baseline",
            "option": problem.comparator,
            "outcome": name,
            "label": outcome.label,
            "formula": formula,
            "because": "; ".join(_line(reason) for reason in reasons if reason),
            "priors": [self._prior(prior) for prior in priors],
        }

    def _effects(self, option: str, name: str) -> list[dict]:
        """Return the option's effect, and before it the one it was measured against."""
        problem = self.loaded.problem
        effect = problem.outcomes[name].effects.get(option)
        if effect is None:
            return []
        before = []
        if effect.relative_to and effect.relative_to != problem.comparator:
            before = self._effects(effect.relative_to, name)
        formula = effect_formula(effect)
        later = Duration.read(self._horizon).days > problem.horizon.days
        if later and effect.waning:
            chosen = self.row.get("waning") or self.run.attributes.get("waning")
            formula += f"; {later_formula(chosen or effect.waning.default)}"
        reasons = [effect.not_estimable, effect.no_effect, effect.because]
        reasons += [effect.exposure.because if effect.exposure else None]
        return [
            *before,
            {
                "role": "effect",
                "option": option,
                "outcome": name,
                "label": f"{problem.options[option].label} on {problem.outcomes[name].label}",
                "formula": formula,
                "because": "; ".join(_line(reason) for reason in reasons if reason),
                "priors": [self._prior(effect.prior)] if effect.prior else [],
            },
        ]

    def _prior(self, name: str) -> dict:
        prior = self.run.prior(self.loaded, name)
        specification = self.loaded.problem.priors[name]
        because = [specification.whose, specification.because]
        if specification.horizon:
            because.append(f"taken at {specification.horizon}: {specification.horizon.because}")
        return {
            "id": name,
            "badge": prior.badge,
            "rule": prior.rule,
            "measure": prior.measure,
            "distribution": distribution_of(prior),
            "because": "; ".join(_line(part) for part in because if part),
            "estimates": [self._statement(key) for key in prior.estimates],
        }

    def _statement(self, name: str) -> dict:
        """Return one record with its source whole."""
        record = self.loaded.estimates.get(name) or self.loaded.statements.get(name)
        if record is None:
            return {"id": name}
        value = in_words(record) if isinstance(record, Estimate) else None
        told = {
            "id": name,
            "printed": record.printed,
            "value": value,
            "status": record.status,
            "population": record.population,
            "horizon": str(record.horizon) if isinstance(record, Estimate) else None,
            "source": self._source(record),
        }
        return {key: value for key, value in told.items() if value is not None}

    def _source(self, record: Statement) -> dict:
        reference = record.source
        if reference.key is None:
            judgement = reference.judgement
            return {"judgement": judgement.model_dump() if judgement else None}
        source = self.loaded.sources[reference.key]
        told = {
            "key": reference.key,
            "locator": reference.locator,
            "citation": source.citation,
            "doi": source.doi,
            "pmid": source.pmid,
            "url": source.url,
            "read": source.read,
            "role": source.role,
            "badge": "tertiary source" if source.role == "tertiary" else None,
        }
        return {key: value for key, value in told.items() if value is not None}

    def contradictions(self, quantities: list[dict]) -> list[dict]:
        """Return the contradictions that touch an estimate the number rests on."""
        used = {estimate["id"] for estimate in _estimates(quantities)}
        if self.loaded is None:
            return []
        return [
            {key: conflict[key] for key in ("id", "explanation", "resolution") if key in conflict}
            for conflict in self.loaded.contradictions
            if used & {side.split(": ")[0] for side in conflict["sides"]}
        ]


def _estimates(quantities: Iterable[dict]) -> Iterable[dict]:
    for quantity in quantities:
        yield from quantity.get("estimates", [])
        for prior in quantity["priors"]:
            yield from prior["estimates"]


def _line(text: str) -> str:
    return " ".join(text.split())


def distribution_of(prior: Prior | LinePrior) -> str:
    """Return a prior as a distribution with its parameters.

    Examples
    --------
    >>> distribution_of(Prior("rr", "relative_risk", "lognormal", -0.478, 0.2351, "data", (), ""))
    'LogNormal(-0.478, 0.2351)'
    """
    if isinstance(prior, LinePrior):
        a, b = prior.intercept, prior.slope
        return (
            f"a ~ Normal({a[0]:g}, {a[1]:g}), b ~ Normal({b[0]:g}, {b[1]:g}), x {prior.covariate}, "
            f"g {prior.transform}, centre {prior.centre:g}, each stated risk the weight of "
            f"{prior.effective_sample_size:g} patients"
        )
    names = {"lognormal": "LogNormal", "beta": "Beta", "normal": "Normal"}
    return f"{names.get(prior.family, prior.family)}({prior.first:.4g}, {prior.second:.4g})"


def _slice(file, variable: str, at: Mapping[str, str]) -> np.ndarray:
    """Return the draws of a variable at named places of its dimensions, end to end."""
    array = file.variables[variable]
    index: list[Any] = []
    for dimension in array.dimensions:
        if dimension in at:
            names = [_text(name) for name in file.variables[dimension][...]]
            index.append(names.index(at[dimension]))
        else:
            index.append(slice(None))
    return np.asarray(array[tuple(index)], dtype=float).ravel()


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


# --- in a terminal ------------------------------------------------------------------------------


def print_ids(listed: dict, console: Console) -> None:
    """Print what :func:`list_ids` returned."""
    if "table" in listed:
        for row in listed["rows"]:
            _say(console, f"{listed['table']}/{row}/COLUMN")
        _say(console, f"columns: {', '.join(listed['columns'])}")
        return
    for table in listed["tables"]:
        rows = f"{table['rows']} row" + ("" if table["rows"] == 1 else "s")
        _say(console, f"{table['table']}/{'.'.join(table['keys'])}/COLUMN  ({rows})")
    _say(console, "name a table for its rows and columns")


def print_trace(traced: dict, console: Console) -> None:
    """Print what :func:`trace` returned."""

    def say(depth: int, text: str) -> None:
        _say(console, "  " * depth + text)

    say(0, f"{traced['id']} = {traced['stored']}")
    scenarios = f"; scenarios {', '.join(traced['scenarios'])}" if traced["scenarios"] else ""
    say(1, f"{traced['problem']}: {traced['question']}")
    say(1, f"horizon {traced['horizon']}{scenarios}; run {traced['run']}")
    formula = traced["formula"]
    say(1, f"formula: {formula['words']}")
    if formula["symbols"]:
        say(2, f"{formula['symbols']}  ({formula['section']})")
    if "draws" in traced:
        _print_draws(traced["draws"], say)
    if "patient" in traced:
        values = ", ".join(f"{name} {_shown(v)}" for name, v in traced["patient"]["values"].items())
        say(1, f"patient {traced['patient']['id']}: {values}")
    if "weights" in traced:
        _print_weights(traced["weights"], say)
    for key, value in traced.get("row_says", {}).items():
        say(1, f"{key}: {value}")
    for quantity in traced["quantities"]:
        _print_quantity(quantity, say)
    for conflict in traced["contradictions"]:
        say(1, f"contradiction {conflict['id']}: {_line(conflict['explanation'])}")
        say(2, f"resolution: {conflict['resolution'] or 'open'}")
    _print_sources(traced["quantities"], say)


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _print_draws(draws: dict, say) -> None:
    def place(at: Mapping) -> str:
        return ", ".join(f"{key} {value}" for key, value in at.items() if value)

    where = f"{draws['file']}, {draws['variable']}"
    if "at" in draws:
        where += f" at {place(draws['at'])}"
    if "minus" in draws:
        where += f", minus option {draws['minus']['option']}"
    kept = f"{draws['kept']} of {draws['draws']}" if "kept" in draws else draws["draws"]
    say(1, f"draws: {where}: {kept} draws, {draws['chains']} chains, seed {draws['seed']}")
    if "computed_again" in draws:
        word = "agrees" if draws["agrees"] else "DOES NOT AGREE"
        say(2, f"computed again from them: {draws['computed_again']:.8g} ({word})")


def _print_weights(weights: dict, say) -> None:
    if "weights" not in weights:
        say(1, f"weights: {weights['panel']}, {weights['note']}")
        return
    told = ", ".join(f"{name} {weight:g}" for name, weight in weights["weights"].items())
    say(1, f"weights {weights['panel']}, of {weights['whose']} ({weights['status']}): {told}")
    for pair in weights["together"]:
        say(2, f"{' and '.join(pair['outcomes'])} together {pair['weight']:g}")
    if weights["burden"]:
        say(2, f"burden {weights['burden']:g}")


def _print_quantity(quantity: dict, say) -> None:
    label = quantity.get("label") or ", ".join(quantity.get("outcomes", []))
    joint = {"baseline": "baseline of", "effect": "effect of", "overlap": "overlap of"}
    heads = {"printed": "as printed", "record": "as recorded"}
    head = heads.get(quantity["role"], f"{joint.get(quantity['role'], '')} {label}".strip())
    if head:
        formula = f": {quantity['formula']}" if "formula" in quantity else ""
        say(1, f"{head}{formula}")
    if quantity.get("because"):
        say(2, f"because: {quantity['because']}")
    for prior in quantity["priors"]:
        say(2, f"prior {prior['id']} [{prior['badge']}]: {prior['distribution']}")
        say(3, f"{prior['rule']}")
        if prior["because"]:
            say(3, f"because: {prior['because']}")
        for estimate in prior["estimates"]:
            _print_estimate(estimate, say, 3)
    for estimate in quantity.get("estimates", []):
        _print_estimate(estimate, say, 2)


def _print_estimate(estimate: dict, say, depth: int) -> None:
    if "source" not in estimate:
        say(depth, f"{estimate['id']}: not kept with the run")
        return
    printed = f'"{estimate["printed"]}"' if "printed" in estimate else "nothing printed"
    value = f"; {estimate['value']}" if "value" in estimate else ""
    say(depth, f"estimate {estimate['id']}: {printed}{value} ({estimate['status']})")
    source = estimate["source"]
    if "key" in source:
        say(depth + 1, f"{source['key']}, {source.get('locator', 'no locator')}")
    elif source["judgement"]:
        judgement = source["judgement"]
        say(depth + 1, f"judgement of {judgement['whose']}: {_line(judgement['why'])}")


def _print_sources(quantities: list[dict], say) -> None:
    sources = {
        estimate["source"]["key"]: estimate["source"]
        for estimate in _estimates(quantities)
        if "key" in estimate.get("source", {})
    }
    for key, source in sources.items():
        badge = f" [{source['badge']}]" if "badge" in source else ""
        say(1, f"{key}: {source['citation']}{badge}")
        places = (("doi", "doi:"), ("pmid", "PMID: "), ("url", ""))
        for part, mark in places:
            if part in source:
                say(2, f"{mark}{source[part]}")
        say(2, f"read: {source['read']}")
