"""The effects table of EMA and the benefit-risk framework of FDA, as far as a run proves them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import pandas as pd

from riskmodel.reports.paper_effects import MEDIANS, absolute_change, mean_change
from riskmodel.reports.paper_run import Notes, PaperRun, PaperTable
from riskmodel.reports.paper_words import TO_COMPLETE, effect_words, per_1000, share

FAVOURABLE, UNFAVOURABLE, NEITHER = "Favourable", "Unfavourable", "Neither"


def side(paper: PaperRun, row: Mapping[str, str]) -> str:
    """Return whether an effect is favourable, by the side of zero its posterior median lies on."""
    difference = float(row.get("risk_difference") or row["mean_difference"])
    if paper.diagnostic(row["outcome"]) or difference == 0:
        return NEITHER
    return FAVOURABLE if (difference > 0) == paper.wanted(row["outcome"]) else UNFAVOURABLE


def effects_table(paper: PaperRun) -> PaperTable | None:
    """Return favourable and unfavourable effects in the layout of EMA's assessment reports.

    Parameters
    ----------
    paper : PaperRun

    Returns
    -------
    PaperTable or None
        None where the run has no effect.

    References
    ----------
    EMA, Guidance document on the content of the (Co-)Rapporteur day 80 critical assessment
    report: overview and benefit-risk assessment, effects table.
    """
    rows = [*paper.rows("absolute_effects"), *paper.rows("mean_differences")]
    if not rows:
        return None
    notes, references, interval = Notes(), _References(paper), paper.interval(rows)
    several = len({row["profile"] for row in rows}) > 1
    control = f"Control: {paper.option(paper.comparator)}"
    order = (FAVOURABLE, UNFAVOURABLE, NEITHER)
    uncertainties = f"Uncertainties and strength of evidence ({interval})"
    frame = pd.DataFrame(
        [
            {
                "Kind of effect": side(paper, row),
                **({"Patient": row["profile"]} if several else {}),
                "Effect": f"{paper.outcome(row['outcome'])} ({paper.direction(row['outcome'])})",
                "Short description": _description(paper, row, notes),
                "Unit": _unit(row),
                control: _arm(row, "baseline_risk"),
                "Treatment": f"{paper.option(row['option'])}: {_arm(row, 'risk')}",
                uncertainties: _strength(paper, row, notes),
                "References": references.of(row["outcome"], row["option"]),
            }
            for row in sorted(rows, key=lambda row: order.index(side(paper, row)))
        ]
    )
    below = [
        *notes.lines(),
        MEDIANS,
        "Favourable and unfavourable: by the side of zero that the posterior median of the "
        "difference lies on.",
        *references.lines(),
    ]
    return PaperTable(
        "effects_table_ema",
        "Effects table (EMA layout)",
        frame,
        paper.about(rows),
        (*below, *paper.closing()),
    )


class _References:
    """Numbered sources in the order they are first named."""

    def __init__(self, paper: PaperRun) -> None:
        self._paper, self._lines = paper, []

    def of(self, outcome: str, option: str) -> str:
        priors = self._paper.problem.get("priors") or {}
        known = self._paper.data.get("estimates") or {}
        named = [
            known[key]
            for prior in _priors_of(self._paper, outcome, option)
            for key in (priors.get(prior) or {}).get("from") or []
            if key in known
        ]
        marks = []
        for estimate in named:
            locator = (estimate.get("source") or {}).get("locator")
            line = self._paper.source_of(estimate) + (f"; {locator}" if locator else "")
            if line not in self._lines:
                self._lines.append(line)
            marks.append(self._lines.index(line) + 1)
        return ", ".join(f"{mark}" for mark in dict.fromkeys(marks)) or "none"

    def lines(self) -> list[str]:
        return [f"{place}. {line}" for place, line in enumerate(self._lines, start=1)]


def _priors_of(paper: PaperRun, outcome: str, option: str) -> Iterator[str]:
    """Yield the priors of an outcome's baseline and of an option's effect on it."""
    yield from paper.priors_of_baseline(outcome)
    if paper.effect(outcome, option).get("prior"):
        yield paper.effect(outcome, option)["prior"]


def _description(paper: PaperRun, row: Mapping[str, str], notes: Notes) -> str:
    what = paper.definition(row["outcome"]) or TO_COMPLETE
    return f"{what}; by {row['horizon']}{notes.mark(paper.baseline(row['outcome']).get('caveat'))}"


def _unit(row: Mapping[str, str]) -> str:
    return "events per 1000 patients" if row.get("risk_difference") else row.get("unit") or "-"


def _arm(row: Mapping[str, str], column: str) -> str:
    return per_1000(float(row[column])) if row.get(column) else "mean not tabulated"


def _strength(paper: PaperRun, row: Mapping[str, str], notes: Notes) -> str:
    change = absolute_change(row) if row.get("risk_difference") else mean_change(row)
    parts = [f"Difference {change}"]
    if row.get("prob_benefit"):
        parts.append(f"probability of benefit {share(float(row['prob_benefit']))}")
    badges = paper.badges()
    used = [badges.get(name) for name in _priors_of(paper, row["outcome"], row["option"])]
    if any(used):
        parts.append("inputs: " + ", ".join(dict.fromkeys(filter(None, used))))
    certainty = [
        estimate["certainty"]
        for estimate in paper.estimates_of(row["outcome"], row["option"])
        if "certainty" in estimate
    ]
    parts.append("certainty: " + ("; ".join(dict.fromkeys(certainty)) or TO_COMPLETE.lower()))
    effect = paper.effect(row["outcome"], row["option"])
    return "; ".join(parts) + notes.mark(effect.get("because"), effect.get("no_effect"))


# --- FDA ------------------------------------------------------------------------------------------


def framework_table(paper: PaperRun) -> PaperTable:
    """Return the benefit-risk framework of FDA: evidence as the run has it, conclusions left open.

    Parameters
    ----------
    paper : PaperRun

    Returns
    -------
    PaperTable
        Condition, current options, benefit, risk and its management, and the integrated
        assessment. What cannot be proved from the run is marked as the author's to complete; no
        conclusion is drawn.

    References
    ----------
    FDA (2023), Benefit-Risk Assessment for New Drug and Biological Products: guidance for industry.
    """
    rows = [*paper.rows("absolute_effects"), *paper.rows("mean_differences")]
    dimensions = {
        "Analysis of condition": _condition(paper, rows),
        "Current treatment options": _options(paper),
        "Benefit": _effects(paper, rows, FAVOURABLE),
        "Risk and risk management": [*_effects(paper, rows, UNFAVOURABLE), *_management(paper)],
        "Benefit-risk integrated assessment": _integrated(paper),
    }
    interval = paper.interval(rows)
    evidence = "Evidence and uncertainties" + (f" ({interval})" if interval else "")
    frame = pd.DataFrame(
        [
            {
                "Dimension": dimension,
                evidence: "\n".join(lines) or TO_COMPLETE,
                "Conclusions and reasons": TO_COMPLETE,
            }
            for dimension, lines in dimensions.items()
        ]
    )
    notes = [
        "Benefits and risks are told apart by the side of zero that the posterior median of the "
        "difference lies on.",
        *paper.closing(),
    ]
    return PaperTable(
        "framework_fda",
        "Benefit-risk framework (FDA layout)",
        frame,
        paper.about(rows),
        tuple(notes),
    )


def _condition(paper: PaperRun, rows: Iterable[Mapping[str, str]]) -> list[str]:
    lines = []
    if paper.problem.get("population"):
        lines.append(f"Population: {paper.problem['population']}.")
    comparator = paper.option(paper.comparator)
    told = {
        f"{paper.outcome(row['outcome'])} under {comparator}, {paper.who(row['profile'])}: "
        f"{per_1000(float(row['baseline_risk']))} of 1000 by {row['horizon']}."
        for row in rows
        if row.get("baseline_risk")
    }
    lines += sorted(told)
    lines += [f"Caveat: {text}." for text in _caveats(paper)]
    return [*lines, f"Severity and what matters to patients: {TO_COMPLETE.lower()}."]


def _caveats(paper: PaperRun) -> list[str]:
    return [
        " ".join(outcome["baseline"]["caveat"].split())
        for outcome in (paper.problem.get("outcomes") or {}).values()
        if outcome.get("baseline", {}).get("caveat")
    ]


def _options(paper: PaperRun) -> list[str]:
    options = paper.problem.get("options") or {}
    lines = ["Options compared: " + ", ".join(part["label"] for part in options.values()) + "."]
    if not options:
        lines = []
    for row in paper.rows("rules"):
        lines.append(
            f"A source's rule ({row['says']}; when {row['when']}; {paper.who(row['profile'])}: "
            f"{row['applies']}): {row['statement']} ({row['source']})"
        )
    return [*dict.fromkeys(lines), f"Other options and unmet need: {TO_COMPLETE.lower()}."]


def _effects(paper: PaperRun, rows: Iterable[Mapping[str, str]], which: str) -> list[str]:
    lines = []
    for row in rows:
        if side(paper, row) != which:
            continue
        change = f"{absolute_change(row)} per 1000" if row.get("risk_difference") else ""
        needed = row.get("number_needed_to_treat")
        line = (
            f"{paper.outcome(row['outcome'])}, {paper.option(row['option'])} against "
            f"{paper.option(paper.comparator)}, {paper.who(row['profile'])}, by {row['horizon']}: "
            f"{change or mean_change(row)}" + (f"; {needed}" if needed else "")
        )
        if row.get("prob_benefit"):
            line += f"; probability of benefit {share(float(row['prob_benefit']))}"
        source = "; ".join(
            f"{effect_words(estimate)} [{paper.source_of(estimate)}]"
            for estimate in paper.estimates_of(row["outcome"], row["option"])
        )
        lines.append(f"{line}. From: {source}." if source else f"{line}.")
    return lines


def _management(paper: PaperRun) -> list[str]:
    lines = []
    covariates = paper.problem.get("covariates") or {}
    for option in (paper.problem.get("options") or {}).values():
        for reason in option.get("not_for") or []:
            label = covariates.get(reason["covariate"], {}).get("label", reason["covariate"])
            value = "" if reason["is"] is True else f" {reason['is']}"
            lines.append(
                f"{option['label']} is not modelled where {label.lower()}{value}: "
                f"{' '.join(reason['because'].split())}."
            )
    for row in paper.rows("not_estimable"):
        lines.append(
            f"Not estimable: {paper.outcome(row['outcome'])}, {paper.option(row['option'])}: "
            f"{row['because']}"
        )
    return [*lines, f"Monitoring and mitigation: {TO_COMPLETE.lower()}."]


def _integrated(paper: PaperRun) -> list[str]:
    panel = paper.record.get("preferences") or {}
    unit, lines = paper.outcome(panel.get("reference", "weighed events")), []
    for row in paper.rows("net_benefit"):
        low, high = float(row["lower"]), float(row["upper"])
        lines.append(
            f"Expected net benefit of {paper.option(row['option'])} against "
            f"{paper.option(paper.comparator)}, {paper.who(row['profile'])}: "
            f"{1000 * float(row['net_benefit']):+.0f} ({1000 * low:+.0f} to {1000 * high:+.0f}) "
            f"per 1000, counted in {unit}; probability above zero "
            f"{share(float(row['prob_positive']))}."
        )
    if panel:
        weights = ", ".join(
            f"{paper.outcome(name)} {part['weight']:g}" for name, part in panel["weights"].items()
        )
        lines.append(
            f"Weights '{panel['label']}', of {panel['whose']} ({panel['status']}): {weights}."
        )
    for row in paper.rows("contradictions"):
        if row["resolution"] == "open":
            lines.append(f"Sources disagree ({row['id']}, open): {row['explanation']}")
    return lines
