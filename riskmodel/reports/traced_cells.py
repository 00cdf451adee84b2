"""The trace of every number of a run in short, made once by row, for a page that shows it on hover.

The page carries one compact table of texts: a cell names its row's basis, a basis names quantities,
a quantity names priors and estimates. Thousands of cells share a few dozen texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from riskmodel.reports.formulas import TableCard
from riskmodel.reports.trace import POSTERIOR, RunFolder, Tracer

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
# Columns that rest on something else than the others of their row.
_WEIGHED = ("net_benefit", "prob_positive")


def cell_id(table: str, row: str, column: str) -> str:
    """Return the id of a number as an attribute may hold it: a space is no part of one.

    Examples
    --------
    >>> cell_id("waning", "held.36 months", "risk")
    'waning/held.36%20months/risk'
    """
    return quote(f"{table}/{row}/{column}", safe="/.,:;=+*()[]<>#!?'&|@~^$")


def id_of_cell(attribute: str) -> str:
    """Return the id that ``riskmodel trace`` takes, of one that :func:`cell_id` made.

    Examples
    --------
    >>> id_of_cell("waning/held.36%20months/risk")
    'waning/held.36 months/risk'
    """
    return unquote(attribute)


def is_number(text: str | None) -> bool:
    """Say whether a cell holds a number that is finite.

    Examples
    --------
    >>> [is_number(text) for text in ("0.17", "-3e-05", "NNTB 16 (8.5 to 209)", "", "nan")]
    [True, True, False, False, False]
    """
    return bool(text) and _NUMBER.fullmatch(text) is not None


class TraceBook:
    """The short traces of a run, each text kept once.

    Parameters
    ----------
    run : RunFolder
    """

    def __init__(self, run: RunFolder):
        self.run = run
        self._texts: dict[str, int] = {}
        self._parts: dict[str, dict[str, int]] = {"priors": {}, "quantities": {}, "bases": {}}
        self._tables: dict[str, dict[str, Any]] = {}

    def traced(self, card: TableCard, column: str, text: str | None) -> bool:
        """Say whether a cell is a number with a trace, or a text that a formula makes."""
        return is_number(text) or bool(text and column in card.columns)

    def add(self, table: str, card: TableCard, row_key: str, row: Mapping[str, str]) -> None:
        """Take in the traces of one row."""
        known = self._tables.setdefault(table, {"columns": {}, "rows": {}})
        bases: dict[str, int] = {}
        columns: dict[str, int] = {}
        for column, text in row.items():
            if not self.traced(card, column, text):
                continue
            tracer = Tracer(self.run, card, table, row, column)
            if column not in known["columns"]:
                known["columns"][column] = self._formula(tracer)
                known["draws"] = known.get("draws") or self._draws(card)
            kind = _kind_of(card, column)
            if kind not in bases:
                bases[kind] = self._basis(tracer)
            columns[column] = bases[kind]
        if columns:  # one number where the whole row rests on the same
            known["rows"][row_key] = columns if len(bases) > 1 else next(iter(bases.values()))

    def as_json(self) -> str:
        """Return all texts as JSON that may stand inside a ``script`` element."""
        parts = {name: [json.loads(text) for text in found] for name, found in self._parts.items()}
        data = {"texts": list(self._texts), **parts, "tables": self._tables}
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        return text.replace("<", "\\u003c")

    # --- what a cell rests on

    def _text(self, text: str) -> int:
        return self._texts.setdefault(" ".join(text.split()), len(self._texts))

    def _part(self, name: str, part: list) -> int:
        found = self._parts[name]
        return found.setdefault(json.dumps(part), len(found))

    def _formula(self, tracer: Tracer) -> int:
        formula = tracer.formula()
        words = formula["words"]
        if formula["symbols"]:
            words += f": {formula['symbols']}"
        if formula["section"]:
            words += f" ({formula['section']})"
        return self._text(words)

    def _draws(self, card: TableCard) -> int | None:
        posterior = self.run.record.get("posterior")
        if card.draws is None or not posterior:
            return None
        where = POSTERIOR if card.draws == "prior" else f"{card.draws} of the outcomes"
        return self._text(
            f"{where}: {posterior['draws']} draws, {posterior['chains']} chains, seed "
            f"{posterior['seed']}"
        )

    def _basis(self, tracer: Tracer) -> int:
        quantities = tracer.quantities()
        lines = []
        weights = tracer.weights()
        if weights and "weights" in weights:
            told = ", ".join(f"{name} {weight:g}" for name, weight in weights["weights"].items())
            lines.append(
                self._text(
                    f"weights {weights['panel']}, of {weights['whose']} ({weights['status']}): "
                    f"{told}"
                )
            )
        conflicts = [conflict["id"] for conflict in tracer.contradictions(quantities)]
        if conflicts:
            lines.append(self._text(f"contradictions that touch it: {', '.join(conflicts)}"))
        return self._part("bases", [[self._quantity(part) for part in quantities], lines])

    def _quantity(self, quantity: Mapping[str, Any]) -> int:
        label = quantity.get("label") or ", ".join(quantity.get("outcomes", []))
        heads = {
            "printed": "as printed",
            "record": "as recorded",
            "prior": "",
            "overlap": f"overlap of {label}",
        }
        head = heads.get(quantity["role"], f"{quantity['role']}: {label}")
        if "formula" in quantity:
            head += f": {quantity['formula']}"
        return self._part(
            "quantities",
            [
                self._text(head),
                [self._prior(prior) for prior in quantity["priors"]],
                [self._text(_estimate(part)) for part in quantity.get("estimates", [])],
            ],
        )

    def _prior(self, prior: Mapping[str, Any]) -> int:
        head = f"{prior['id']} [{prior['badge']}]: {prior['distribution']}; {prior['rule']}"
        return self._part(
            "priors",
            [self._text(head), [self._text(_estimate(part)) for part in prior["estimates"]]],
        )


def _kind_of(card: TableCard, column: str) -> str:
    """Return what tells a column's basis from that of others in its row; "" for most."""
    if card.rests_on == "contrast" and column in _WEIGHED:
        return column
    if card.rests_on == "strata" and column.startswith("printed"):
        return column
    return ""


def _estimate(estimate: Mapping[str, Any]) -> str:
    if "source" not in estimate:
        return f"{estimate['id']}: not kept with the run"
    printed = f'"{estimate["printed"]}"' if "printed" in estimate else "nothing printed"
    source = estimate["source"]
    if "key" in source:
        tertiary = " [tertiary source]" if source.get("role") == "tertiary" else ""
        where = f"{source['citation']}{tertiary}, {source.get('locator', 'no locator')}"
    elif source.get("judgement"):
        where = f"judgement of {source['judgement']['whose']}: {source['judgement']['why']}"
    else:
        where = "no source"
    return f"{printed} ({estimate['status']}): {where}"
