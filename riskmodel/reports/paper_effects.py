"""Summary of findings, and absolute effects by stratum and horizon: what happens to 1000 people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from riskmodel.reports.paper_run import Notes, PaperRun, PaperTable
from riskmodel.reports.paper_words import (
    NOT_STATED,
    TO_COMPLETE,
    change_with_limits,
    effect_words,
    per_1000,
    share,
    studied,
)

MEDIANS = (
    "Differences are medians of the differences draw by draw, not differences of the two medians "
    "beside them."
)
NUMBERS_NEEDED = (
    "NNTB, NNTH: number needed to treat for one person to benefit, to be harmed; limits run from "
    "the most to the least favourable, through infinity where the interval of the difference "
    "holds zero (Altman 1998, doi:10.1136/bmj.317.7168.1309)."
)


def summary_of_findings(paper: PaperRun) -> PaperTable | None:
    """Return what each option does to each outcome, in the layout of GRADE.

    Parameters
    ----------
    paper : PaperRun

    Returns
    -------
    PaperTable or None
        None where the run has no absolute effect, mean difference or refused contrast. Certainty
        stands only where a record of the evidence gives it.

    References
    ----------
    Guyatt et al. (2013), GRADE guidelines 12, doi:10.1016/j.jclinepi.2012.01.012.
    """
    effects, means = paper.rows("absolute_effects"), paper.rows("mean_differences")
    refused = paper.rows("not_estimable")
    if not (effects or means or refused):
        return None
    notes, interval = Notes(), paper.interval([*effects, *means])
    control = f"Risk with {paper.option(paper.comparator)}, per 1000"
    treated, difference = "Risk with the option, per 1000", f"Difference ({interval})"
    needed = f"Number needed to treat ({interval})"
    several = len({row["profile"] for row in [*effects, *means]}) > 1
    rows = []
    for row in [*effects, *means]:
        outcome, option = row["outcome"], row["option"]
        cells = {"Patient": row["profile"]} if several else {}
        cells |= _evidence_cells(paper, notes, outcome, option)
        if row.get("risk_difference"):
            cells |= {
                control: per_1000(float(row["baseline_risk"]))
                + _of_baseline(paper, notes, outcome),
                treated: per_1000(float(row["risk"])),
                difference: f"{absolute_change(row)} per 1000",
                needed: _number_needed(row),
            }
        else:
            cells |= {
                control: "not a risk",
                treated: "not a risk",
                difference: mean_change(row),
                needed: "not a risk",
            }
        rows.append(cells | _last_cells(paper, notes, row, outcome, option))
    for row in refused:
        cells = {"Patient": "any"} if several else {}
        cells |= _evidence_cells(paper, notes, row["outcome"], row["option"])
        gap = dict.fromkeys((control, treated, needed), "not estimable")
        why = f"no contrast{notes.mark(row['because'])}"
        rows.append(cells | gap | {difference: why} | _last_cells(paper, notes, {}, "", ""))
    head = f"Anticipated absolute effects by {paper.record['horizon']}"
    order = [
        *(["Patient"] if several else []),
        "Outcome",
        "Option",
        "Participants (trials)",
        "Relative effect as its source states it (interval)",
        control,
        treated,
        difference,
        needed,
        "Certainty of the evidence",
        "Notes",
    ]
    below = [*notes.lines()]
    if effects:
        below += [MEDIANS, NUMBERS_NEEDED]
    return PaperTable(
        "summary_of_findings",
        "Summary of findings",
        pd.DataFrame(rows)[order],
        paper.about([*effects, *means]),
        (*below, *paper.closing()),
        dict.fromkeys((control, treated, difference), head),
    )


def _evidence_cells(paper: PaperRun, notes: Notes, outcome: str, option: str) -> dict[str, str]:
    """Return outcome, option, who was studied, and the relative effect with its notes."""
    effect = paper.effect(outcome, option)
    estimates = paper.estimates_of(outcome, option)
    relative = "; ".join(effect_words(estimate) for estimate in estimates)
    if effect.get("no_effect"):
        relative = f"none assumed{notes.mark(effect['no_effect'])}"
    badge = paper.badges().get(effect.get("prior", ""))
    if badge and badge != "data":
        relative += notes.mark(f"the effect rests on an input badged as {badge}")
    name = f"{paper.outcome(outcome)} ({paper.direction(outcome)})"
    return {
        "Outcome": name + notes.mark(paper.definition(outcome)),
        "Option": paper.option(option),
        "Participants (trials)": "; ".join(studied(e) for e in estimates) or NOT_STATED,
        "Relative effect as its source states it (interval)": relative or NOT_STATED,
    }


def _of_baseline(paper: PaperRun, notes: Notes, outcome: str) -> str:
    """Return the mark of a note that says what the risk under the comparator rests on."""
    badges = [paper.badges().get(name) for name in paper.priors_of_baseline(outcome)]
    others = [badge for badge in dict.fromkeys(badges) if badge and badge != "data"]
    return notes.mark(
        *(f"the risk with the comparator rests on an input badged as {badge}" for badge in others)
    )


def _last_cells(paper, notes: Notes, row: Mapping[str, str], outcome, option) -> dict[str, str]:
    certainties = [e["certainty"] for e in paper.estimates_of(outcome, option) if "certainty" in e]
    plain = f"Probability of benefit {share(float(row['prob_benefit']))}" if _has(row) else ""
    baseline = paper.baseline(outcome)
    plain += notes.mark(
        baseline.get("caveat"),
        baseline.get("because"),
        paper.effect(outcome, option).get("because"),
    )
    return {
        "Certainty of the evidence": "; ".join(dict.fromkeys(certainties)) or TO_COMPLETE,
        "Notes": plain.strip(),
    }


def _has(row: Mapping[str, str]) -> bool:
    return bool(row.get("prob_benefit"))


def absolute_change(row: Mapping[str, str]) -> str:
    """Return a row's difference per 1000 with its interval, as fewer and more."""
    return change_with_limits(
        *(1000 * float(row[p]) for p in ("risk_difference", "lower", "upper"))
    )


def mean_change(row: Mapping[str, str]) -> str:
    """Return a row's mean difference with its interval, as lower and higher."""
    values = (float(row[part]) for part in ("mean_difference", "lower", "upper"))
    unit = f", in {row['unit']}" if row.get("unit") else ""
    return change_with_limits(*values, ("lower", "higher")) + unit


def _number_needed(row: Mapping[str, str]) -> str:
    return row.get("number_needed_to_treat") or "neither benefit nor harm"


# --- by stratum and horizon -----------------------------------------------------------------------

_TABLES = ("absolute_effects", "absolute_effects_by_band", "horizons", "waning", "composites")


def effects_by_stratum(paper: PaperRun) -> PaperTable | None:
    """Return every absolute effect of a run: by patient, by band of the case mix, by horizon.

    Parameters
    ----------
    paper : PaperRun

    Returns
    -------
    PaperTable or None
        None where the run has no absolute effect.
    """
    rows = [(table, row) for table in _TABLES for row in paper.rows(table)]
    if not rows:
        return None
    interval = paper.interval([row for _, row in rows])
    control = f"Risk with {paper.option(paper.comparator)}, per 1000"
    frame = pd.DataFrame(
        [
            {
                "Stratum": stratum,
                "Horizon": horizon,
                "Outcome": _event(paper, row),
                "Option": paper.option(row["option"]),
                control: per_1000(float(row["baseline_risk"])),
                "Risk with the option, per 1000": per_1000(float(row["risk"])),
                f"Difference per 1000 ({interval})": absolute_change(row),
                f"Number needed to treat ({interval})": _number_needed(row),
                "Probability of benefit": share(float(row["prob_benefit"])) if _has(row) else "-",
            }
            for stratum, horizon, row in _places(paper, rows)
        ]
    ).drop_duplicates(ignore_index=True)
    notes = [MEDIANS, NUMBERS_NEEDED]
    if (paper.problem.get("case_mix") or {}).get("because"):
        notes.append(
            "Bands are averaged over the declared case mix: "
            + " ".join(paper.problem["case_mix"]["because"].split())
        )
    return PaperTable(
        "effects_by_stratum_and_horizon",
        "Absolute effects by stratum and horizon",
        frame,
        paper.about([row for _, row in rows]),
        (*notes, *paper.closing()),
    )


def _places(paper: PaperRun, rows) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    for table, row in rows:
        who = paper.who(row.get("profile", ""))
        stratum = paper.band(row["band"]) if row.get("band") else who[0].upper() + who[1:]
        horizon = row["horizon"]
        if row.get("time_unit"):
            horizon = f"{float(row['time']):g} {row['time_unit']}s"
        if table == "waning":
            horizon += f", effect {row['waning'].replace('_', ' ')}"
        yield stratum, horizon, row


def _event(paper: PaperRun, row: Mapping[str, str]) -> str:
    if row.get("composite"):
        label, parts = paper.composite(row["composite"])
        direction = "wanted" if parts and paper.wanted(parts[0]) else "unwanted"
        return f"{label} (composite, {direction})"
    return f"{paper.outcome(row['outcome'])} ({paper.direction(row['outcome'])})"
