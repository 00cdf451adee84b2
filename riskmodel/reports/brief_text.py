"""What a brief says, section by section: figures from its tables, words from a fixed stock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from riskmodel.evidence.brief_requests import ResolvedRequest
from riskmodel.parameters.library import Library
from riskmodel.parameters.schema import Regimen
from riskmodel.parameters.schema.brief import SinceOnset
from riskmodel.reports.brief_numbers import at_course
from riskmodel.reports.brief_page import Bullets, Page, Picture, Rows, Section, Small
from riskmodel.reports.brief_rules import TIERS, parted
from riskmodel.reports.brief_words import neutral, plain
from riskmodel.reports.evidence_tables import regimen_words

DISCLAIMER = "Research use; not a determination; not medical advice."
_TIER_WORDS = {
    "seen_primary": "Seen, primary",
    "seen_secondary": "Seen, secondary",
    "judgement": "Judgement",
    "unverified": "Unverified",
}
_RELATIONS = {
    "same": "this diagnosis",
    "wider": "a wider group",
    "part": "a part of it",
    "other": "another group",
    "not stated": "not stated",
}
_UNPRINTED = "words that are not printed here; see the record"


def brief_page(
    library: Library,
    resolved: ResolvedRequest,
    tables: Mapping[str, pd.DataFrame],
    pictures: Sequence[Picture],
) -> Page:
    """Return the page of a brief.

    Parameters
    ----------
    library : Library
    resolved : ResolvedRequest
    tables : mapping of str to pandas.DataFrame
        Those of :class:`riskmodel.reports.brief.Brief`.
    pictures : sequence of Picture
    """
    plan, option = resolved.plan, resolved.problem.options[resolved.request.option]
    sections = [
        _evidence(tables["evidence_map"]),
        _natural(resolved, tables["natural"]),
        _added(resolved, tables["added"]),
        _harm(resolved, tables["harm"]),
        _attribution(library, tables["attribution"]),
        _rules(library, resolved, tables["rules"], tables["conflicts"]),
        _changes(resolved, tables),
        _measures(tables["measures"]),
    ]
    caveats = " ".join(_sentence(neutral(text)) for text in plan.caveats)
    return Page(
        title=f"Evidence brief: {neutral(plan.label, plan.id)}; asked about: "
        f"{neutral(option.label, resolved.request.option)}",
        lead=DISCLAIMER,
        facts=_facts(library, resolved),
        pictures=pictures,
        sections=[section for section in sections if section is not None],
        foot=[line for line in (caveats, _sources(library, tables), DISCLAIMER) if line],
    )


def percent(value: float) -> str:
    """Return a share as a percentage with as many digits as it bears.

    Examples
    --------
    >>> percent(0.137), percent(0.0034), percent(-0.0001)
    ('14%', '0.3%', '0.0%')
    """
    if abs(value) >= 0.0995:
        return f"{value:.0%}"
    text = f"{100 * value:.1f}%"
    return "0.0%" if text == "-0.0%" else text


def _interval(row) -> str:
    return f"{percent(row.lower)} to {percent(row.upper)}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


# --- the patient ----------------------------------------------------------------------------------


def _facts(library: Library, resolved: ResolvedRequest) -> list[str]:
    request, plan = resolved.request, resolved.plan
    grade = "unknown" if request.grade == "unknown" else f"{request.grade:g}"
    since = "unknown" if request.since_onset == "unknown" else str(request.since_onset)
    first = [
        f"Diagnosis category: {neutral(plan.diagnoses[request.diagnosis].label, _UNPRINTED)}.",
        f"Grade: {grade}.",
        f"Time since onset: {since}.",
        *(_before(library, resolved, before) for before in request.prior_treatments),
    ]
    if not request.prior_treatments:
        first.append("Treatments given before: none stated.")
    known, unknown = [], []
    for name, covariate in resolved.covariates.items():
        if name == plan.grade:
            continue
        label, value = plain(covariate.label).lower(), resolved.values.get(name)
        if value is None:
            unknown.append(label)
        else:
            said = {True: "yes", False: "no"}.get(value, value)
            said = f"{said:g}" if isinstance(said, float) else str(said).replace("_", " ")
            known.append(f"{label}: {said}" + ("" if name in resolved.stated else " (taken)"))
    second = [_asked(resolved)]
    if known:
        second.append(f"{_sentence('; '.join(known))}")
    if unknown:
        second.append(f"Not stated: {', '.join(unknown)}.")
    if any(before.response == "response" for before in request.prior_treatments):
        second.append(
            "A response was seen; a curve below is of somebody who has not come to its endpoint, "
            "and speaks of this patient only as far as that response was another one."
        )
    return [" ".join(first), " ".join(second)]


def _before(library: Library, resolved: ResolvedRequest, before) -> str:
    words = {"none": "no response", "response": "a response", "unknown": "response unknown"}
    label = neutral(library.records("treatment")[before.treatment].label, _UNPRINTED)
    parts = [words[before.response]]
    if isinstance(before.started, SinceOnset):
        parts.insert(0, f"started at {before.started}")
    if before.scale is not None:
        scale = resolved.plan.scales[before.scale]
        change = before.after - before.before
        better = change < 0 if scale.better == "lower" else change > 0
        verdict = "better" if better else "worse" if change else "unchanged"
        counted = ""
        if scale.least_change is not None and better:
            reached = abs(change) >= scale.least_change
            counted = f", {'at least' if reached else 'less than'} {scale.least_change:g}"
        parts.append(
            f"{neutral(scale.label)} {before.before:g} to {before.after:g} {neutral(scale.unit)} "
            f"({verdict}{counted})"
        )
    if isinstance(before.assessed, SinceOnset):
        parts.append(f"assessed at {before.assessed}")
    return f"Given before: {label} ({'; '.join(parts)})."


def _asked(resolved: ResolvedRequest) -> str:
    record: Regimen | None = resolved.regimen_record
    courses = "number of courses unknown"
    if resolved.courses is not None:
        courses = f"{resolved.courses} course{'s' if resolved.courses > 1 else ''}"
    if record is None:
        return f"Regimen: not stated; {courses}."
    how = regimen_words(record).replace("every: unknown", "at an unknown interval")
    words = [neutral(how.replace("every: ", "every "), _UNPRINTED)]
    sums = resolved.regimen
    if sums is not None and sums.course is not None:
        total = f"{sums.course} a course by multiplication"
        if sums.absolute is not None:
            low, high = sums.absolute.limits
            grams = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
            total += f", {grams} {sums.absolute.unit} for {sums.weight_kg:.3g} kg"
        words.append(total)
    return f"Regimen: {'; '.join(words)}; {courses}."


# --- sections -------------------------------------------------------------------------------------


def _evidence(table: pd.DataFrame) -> Section:
    used = [tier for tier in TIERS if table[tier].sum() or tier == "unverified"]
    rows = [
        [row["kind"], *(str(row[tier] or "") for tier in used), str(row["same_patients"] or "")]
        for row in table.to_dict("records")
    ]
    total = ["All", *(str(table[tier].sum()) for tier in used), str(table["same_patients"].sum())]
    headers = ["Records", *(_TIER_WORDS[tier] for tier in used), "Of this diagnosis, wider or part"]
    return Section("Evidence map by tier", [Rows(headers, [*rows, total])])


def _natural(resolved: ResolvedRequest, table: pd.DataFrame) -> Section:
    horizon = table["time"].max()
    since = resolved.request.since_onset
    start = (
        "The time since onset is unknown: curves start at the onset."
        if since == "unknown"
        else f"From {since} since onset, of somebody who has not come there by then."
    )
    rows, whose = [], []
    for key, course in resolved.plan.natural_courses.items():
        mine = table[table["course"] == key].set_index("time")
        for share in (0.25, 1.0):
            row = mine.loc[mine.index[np.abs(mine.index - share * horizon).argmin()]]
            rows.append(
                [
                    neutral(course.label, key),
                    f"{row.name:.3g} {row['time_unit']}s",
                    f"{percent(row['recovered'])} ({percent(row['lower'])} to "
                    f"{percent(row['upper'])})",
                    f"{percent(row['prior_share'])} / {percent(row['judged_share'])}",
                ]
            )
        whose.append(
            f"{neutral(course.label, key)}: {course.badge}, by {neutral(course.whose)}: "
            f"{neutral(course.because, _UNPRINTED)}."
        )
    return Section(
        "Natural recovery from now on",
        [
            start,
            Rows(
                ["Endpoint", "From now", "Chance (95% interval)", "Prior / prior or judged"], rows
            ),
            Small(" ".join(whose)),
        ],
    )


def _added(resolved: ResolvedRequest, table: pd.DataFrame) -> Section:
    blocks: list = []
    known = table[table["a0"].notna()]
    for (endpoint, days), rows in known.groupby(["endpoint", "by"], sort=False):
        cells = [
            [
                f"{row.a0:g} ({row.evidence})",
                f"{percent(row.untreated)} / {percent(row.treated)}",
                f"{percent(row.median)} ({_interval(row)})",
                f"{row.probability_of_benefit:.0%}",
                percent(row.prior_share),
            ]
            for row in rows.itertuples()
        ]
        headers = ["Discount a0", "Without / with", "Added (95% interval)", "P(adds)", "Prior"]
        blocks.append(f"{_sentence(neutral(endpoint))[:-1]} within {days:.0f} days:")
        blocks.append(Rows(headers, cells))
    missing = [
        f"{neutral(row.endpoint)}: not estimable ({neutral(row.not_estimable, _UNPRINTED)})."
        for row in table[table["not_estimable"].fillna("") != ""].itertuples()
    ]
    if missing:
        blocks.append(Bullets(missing))
    if not blocks:
        blocks.append("Not estimable: no record sets this option against its absence.")
    said = [
        f"a0 of {series.discount.a0:g} chosen by {neutral(series.discount.whose)}: "
        f"{neutral(series.discount.because, _UNPRINTED)}. "
        f"{_sentence(neutral(series.because, _UNPRINTED))} No bias term is taken off."
        for series in resolved.plan.options[resolved.request.option].series
    ]
    if said:
        blocks.append(Small(" ".join(said)))
    return Section("What the treatment could add over it", blocks)


def _harm(resolved: ResolvedRequest, table: pd.DataFrame) -> Section:
    if table.empty:
        words = "Not estimable: no record counts an event of this option by course."
        return Section("Harm by course", [words])
    at = at_course(table, resolved.courses)
    course = int(at["course"].iloc[0])
    rows = [
        [
            neutral(row.source, row.kind),
            row.kind,
            {"patient": "per patient, not by course", "day": "per day at risk"}.get(
                row.denominator, f"per {row.denominator}"
            ),
            ("excess " if row.estimand.startswith("excess") else "")
            + f"{percent(row.mean)} ({_interval(row)})"
            + ("" if np.isnan(row.untreated) else f"; {percent(row.untreated)} untreated"),
        ]
        for row in at.itertuples()
    ]
    harm = resolved.plan.options[resolved.request.option].harm
    words = [f"By course {course}"]
    if resolved.courses is None:
        words.append("the number of courses is unknown")
    if harm.between_patient_spread is not None:
        spread = harm.between_patient_spread
        words.append(
            f"patients differ (log hazard sd {spread.log_hazard_sd:g}, {neutral(spread.whose)})"
        )
    return Section(
        f"{neutral(table['outcome'].iloc[0], 'Harm')} by course",
        [
            f"{'; '.join(words)}. Three ways of counting, never averaged."
            if len(rows) == 3
            else f"{'; '.join(words)}. Sources are never averaged.",
            Rows(["Source", "Kind", "Counted", "At least one (95% interval)"], rows),
        ],
    )


def _attribution(library: Library, table: pd.DataFrame) -> Section:
    treatments = library.records("treatment")
    cells: dict[tuple, list[str]] = {}
    missing = []
    for row in table.itertuples():
        name = neutral(treatments[row.treatment].label, row.treatment)
        if row.not_estimable:
            missing.append(f"{name}, response {row.about}: not estimable ({row.not_estimable}).")
            continue
        within = f"{row.months:.2g} month" + ("" if f"{row.months:.2g}" == "1" else "s")
        line = cells.setdefault((name, row.about, within), [])
        line.append(
            f"{percent(row.lower)} to {percent(row.upper)} "
            f"({percent(row.least)} to {percent(row.most)})"
        )
    blocks: list = []
    if cells:
        headers = ["Response", "Series left out", "Discounted", "Face value"]
        rows = [
            [f"{name}, {about}, within {within}", *line]
            for (name, about, within), line in cells.items()
        ]
        blocks.append(Rows(headers, rows))
    if missing:
        blocks.append(Bullets(missing))
    blocks.append(
        Small(
            "Lower to upper bound on the probability that it was, from two groups' shares that are "
            "taken as exchangeable: medians, and in brackets the outer ends of their 95% "
            "intervals. No data of groups place a patient between them: that "
            "somebody improved on a treatment is weak evidence of its effect where many improve "
            "without it."
        )
    )
    return Section("Was, or would, a response be owed to the treatment?", blocks)


def _rules(
    library: Library, resolved: ResolvedRequest, table: pd.DataFrame, conflicts: pd.DataFrame
) -> Section:
    blocks: list = []
    if len(table):
        rows = [
            [
                row.source,
                row.says + ("" if row.about == _treatment(resolved) else f" {_words(row.about)}"),
                row.when,
                row.answer,
                _RELATIONS[row.patients],
            ]
            for row in table.itertuples()
        ]
        headers = ["Source", "Says", "When", "Here", "Written about"]
        blocks.append(Rows(headers, rows))
    else:
        blocks.append("No rule among the records speaks of this option.")
    lines = list(parted(library, resolved))
    told = {source for source in table["source"] if any(f" of {source} " in x for x in lines)}
    for row in conflicts[conflicts["rules"] > 0].itertuples():
        if row.rules > 2 and row.between in told:
            continue  # the gates are told above, with this patient's answers
        words = f" {row.sides}" if row.sides else ""
        words += f" {row.explanation}" if row.explanation else f" They differ in {row.differ_in}."
        lines.append(f"{row.between} ({row.state}):{words}")
    if lines:
        blocks.append(Bullets(lines))
    blocks.append(Small("What rules say is their sources'; nothing here follows from them."))
    return Section("Rules of the sources, and where they contradict each other", blocks)


def _treatment(resolved: ResolvedRequest) -> str:
    return resolved.plan.options[resolved.request.option].treatment


def _words(name: str) -> str:
    return f"({name.replace('_', ' ')})"


def _changes(resolved: ResolvedRequest, tables: Mapping[str, pd.DataFrame]) -> Section:
    lines = []
    changes = tables["changes"]
    for _, rows in changes.groupby("covariate", sort=False):
        first = rows.iloc[0]
        if first["now"] == "not stated":
            lines.append(f"{first['label']}, not stated: it has a part in {_rule_words(rows)}.")
        else:
            each = "; ".join(f"{row['if']}: {row['rules']}" for _, row in rows.iterrows())
            lines.append(f"{first['label']}, now {first['now']}; {each}.")
    added = tables["added"][tables["added"]["a0"].notna()]
    if len(added):
        each = " / ".join(f"{row.probability_of_benefit:.0%}" for row in added.itertuples())
        lines.append(
            f"The discount: P(adds) is {each} with the series left out, as chosen and at face "
            "value; a comparison with untreated patients would take its place."
        )
    last = tables["natural"].groupby("course", sort=False).tail(1)
    for row in last[last["prior_share"] > 0.3].itertuples():
        lines.append(
            f"{neutral(row.label, row.course)}: {row.prior_share:.0%} of what is known at "
            f"{row.time:.3g} months is prior; untreated patients seen this late would replace it."
        )
    needed = tables["needed"]
    if len(needed):
        each = ", ".join(
            f"{percent(row.needed)} ({neutral(row.source)})" for row in needed.itertuples()
        )
        first = needed.iloc[0]
        lines.append(
            f"{neutral(first['outcome'])}: what would have to be added for the harm to be "
            f"made up for, source by source: {each}; at a weight of "
            f"{first['weight']:g} to 1, illustrative, by {neutral(first['whose'])}."
        )
    if resolved.courses is None:
        lines.append("The number of courses, which is unknown: the lines above go on with it.")
    return Section("What would change the answer", [Bullets(lines or ["Nothing that was found."])])


def _rule_words(rows: pd.DataFrame) -> str:
    sources = dict.fromkeys(
        part.split(" ")[0] for rules in rows["rules"] for part in rules.split("; ")
    )
    number = len({name for ids in rows["ids"] for name in ids.split(", ")})
    return f"{number} rule{'s' if number > 1 else ''} of {', '.join(sources)}"


def _measures(table: pd.DataFrame) -> Section | None:
    if table.empty:
        return None
    rows = [
        [row.label, f"{row.when} since {row.since}", f"{row.source}; time: {row.source_of_time}"]
        for row in table.itertuples()
    ]
    return Section("Which objective measure, by when", [Rows(["Measure", "When", "Records"], rows)])


def _sources(library: Library, tables: Mapping[str, pd.DataFrame]) -> str:
    """Return the references of the sources that the page names."""
    keys: dict[str, None] = dict.fromkeys(tables["rules"]["source"])
    for name in ("source", "source_of_time"):
        if name in tables["measures"]:
            keys |= dict.fromkeys(tables["measures"][name])
    keys |= dict.fromkeys(tables["figures_from"]["source"])
    known = library.records("source")
    lines = [
        f"{key}: {neutral(known[key].citation, 'see the record')}" for key in keys if key in known
    ]
    return "Sources. " + " | ".join(lines) if lines else ""
