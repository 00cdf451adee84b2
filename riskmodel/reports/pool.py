"""Pool the studies of a CSV file: tables, JSON, and the forest plot ready for print."""

from __future__ import annotations

import json as json_format
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from riskmodel.errors import NOTHING, ParameterError, Problem, did_you_mean
from riskmodel.evidence.heterogeneity import HeterogeneityPrior, parse_tau_prior
from riskmodel.evidence.measures import risk_difference_interval
from riskmodel.evidence.pooling import pool_effects
from riskmodel.evidence.pooling_counts import MEASURES as COUNT_MEASURES
from riskmodel.evidence.pooling_counts import pool_counts
from riskmodel.parameters.study_table import StudyTable, read_study_table
from riskmodel.plots.forest import number_text, plot_forest
from riskmodel.reports.folder import move_into_place, next_free_folder, require_free
from riskmodel.reports.paper_figure import (
    DISCLAIMER,
    PaperFigure,
    new_figure,
    save_figure,
    styled,
)
from riskmodel.reports.pool_scale import pool_scale

SCHEMA = "riskmodel/pool/1"
RECORD = "pool.json"
RATIOS = ("odds_ratio", "relative_risk", "hazard_ratio", "rate_ratio")
DIFFERENCES = ("risk_difference", "mean_difference")
MEASURES = (*RATIOS, *DIFFERENCES)
DEFAULT_TAU_PRIOR = "half_normal:0.5"  # for log ratios only
LOPSIDED = 0.1  # of the halves of an interval on its scale, worth a warning


@dataclass(frozen=True, eq=False)
class Pool:
    """What :func:`run_pool` did.

    Parameters
    ----------
    table : StudyTable
    measure : str
    result : PooledEffects or PooledCounts
        On the scale where effects add: the logarithm of a ratio.
    summary : pandas.DataFrame
        Rows ``effect``, ``prediction``, ``heterogeneity``: ``median``, ``lower``, ``upper``, in
        the measure itself (ratios, not logarithms; heterogeneity stays on the scale of pooling),
        ``mean`` and ``standard_deviation`` on the scale of pooling, ``scale``, ``prob``, ``kind``.
    studies : pandas.DataFrame
        One row a study: what it reported and its shrunken effect, in the measure itself.
    forest : pandas.DataFrame
        What the forest plot draws.
    notes : tuple of str
    figure : PaperFigure
    folder : Path
    files : tuple of Path
        What was written.
    """

    table: StudyTable
    measure: str
    result: Any = field(repr=False)
    summary: pd.DataFrame = field(repr=False)
    studies: pd.DataFrame = field(repr=False)
    forest: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = field(repr=False)
    figure: PaperFigure = field(repr=False)
    folder: Path
    files: tuple[Path, ...] = field(repr=False)


def run_pool(
    path: Path,
    *,
    measure: str = "odds_ratio",
    tau_prior: str | None = None,
    out: Path | None = None,
    json: bool = False,
    prob: float = 0.95,
    console: Console | None = None,
) -> Pool:
    """Pool the studies of a CSV file, print the table, and write tables and the forest plot.

    Parameters
    ----------
    path : Path
        Columns ``study`` and either ``events``, ``n``, ``events_comparator``, ``n_comparator``;
        or ``estimate`` and ``standard_error``, or ``estimate``, ``lower``, ``upper`` with their
        ``level``. Ratios are pooled by their logarithm, and a standard error is that of the
        logarithm; whether estimates are ratios or logarithms a column ``scale`` says, or the
        numbers themselves (:mod:`riskmodel.reports.pool_scale`). Also ``badge``, ``controlled``
        (``no`` for a series without a comparator) and ``note``.
    measure : {"odds_ratio", "relative_risk", "hazard_ratio", "rate_ratio", "risk_difference", \
"mean_difference"}
        Counts take the first two and the risk difference.
    tau_prior : str, optional
        As ``half_normal:0.5``, which is the default for ratios; differences name their own.
    out : Path, optional
        A new or empty folder; by default the next free ``runs/NAME-1``.
    json : bool
        Print JSON and nothing else.
    prob : float
        Probability of the equal-tailed credible intervals.
    console : rich.console.Console, optional

    Returns
    -------
    Pool

    Raises
    ------
    ParameterError
        For bad cells, all of them, with file, line and column; and for words that are unknown.
    """
    prior = _checked_words(measure, tau_prior, prob)
    table = read_study_table(path)
    pooling = _pool_counts if table.layout == "counts" else _pool_effects
    result, observed, notes = pooling(table, measure, prior, prob)
    left_out, more = _leave_one_out(result, len(table.study))
    notes = (*notes, *more)
    folder = next_free_folder(Path("runs"), Path(path).stem) if out is None else Path(out)
    require_free(folder, force=False)
    summary = _summary(result, measure, prob)
    studies = _studies(table, result, observed, measure, prob)
    forest = _forest(table, summary, studies)
    figure = _figure(table, result, measure, summary, forest, notes)
    pool = Pool(table, measure, result, summary, studies, forest, notes, figure, folder, files=())
    files = _write(pool, left_out)
    pool = Pool(**{**{n: getattr(pool, n) for n in pool.__dataclass_fields__}, "files": files})
    if json:
        sys.stdout.write(json_format.dumps(pool_json(pool), indent=2, ensure_ascii=False) + "\n")
    else:
        print_pool(pool, console or Console())
    return pool


# --- from cells to a result ----------------------------------------------------------------------


def _checked_words(measure: str, tau_prior: object, prob: float) -> HeterogeneityPrior:
    """Return the prior of heterogeneity; refuse unknown words, and a prior of another scale."""
    problems = []
    if measure not in MEASURES:
        problems.append(_problem("measure", measure, MEASURES, did_you_mean(measure, MEASURES)))
    if not 0 < prob < 1:
        remedy = "divide percentages by 100"
        problems.append(_problem("prob", prob, "strictly between 0 and 1", remedy))
    if tau_prior is None and measure in DIFFERENCES:
        problems.append(
            _problem(
                "tau_prior",
                NOTHING,
                "a prior on the scale of the measure, as half_normal:0.05 for risks",
                f"{DEFAULT_TAU_PRIOR} is for log ratios; a difference must name its own",
            )
        )
    if problems:
        raise ParameterError(problems)
    return parse_tau_prior(DEFAULT_TAU_PRIOR if tau_prior is None else tau_prior)


def _problem(name: str, found: object, allowed: object, remedy: str) -> Problem:
    allowed = allowed if isinstance(allowed, str) else ", ".join(allowed)
    return Problem(field=name, found=found, allowed=allowed, remedy=remedy)


def _pool_counts(table: StudyTable, measure: str, prior, prob: float):
    """Return the pooled counts, what each study observed, and notes."""
    if measure not in COUNT_MEASURES:
        remedy = "counts have no time at risk; give estimates instead"
        raise ParameterError([_problem("measure", measure, COUNT_MEASURES, remedy)])
    problems = []
    counts = {name: np.array(values) for name, values in table.numbers.items()}
    for events, n in (("events", "n"), ("events_comparator", "n_comparator")):
        for row in range(len(table.study)):
            problems += _count_problems(table, row, events, n, counts)
    if problems:
        raise ParameterError(sorted(problems, key=lambda p: (p.line, p.column)))
    result = pool_counts(**counts, measure=measure, study=table.study, tau_prior=prior)
    observed = _observed_counts(counts, measure, prob)
    notes = [*table.notes, *result.notes]
    if observed["value"].isna().any():
        notes.append(
            "a study with a count of 0 (or of all) has no estimate of its own, and no mark"
        )
    return result, observed, tuple(notes)


def _count_problems(table: StudyTable, row: int, events: str, n: str, counts) -> list[Problem]:
    problems = []
    for name, least in ((events, 0), (n, 1)):
        value = counts[name][row]
        if value < least or value != round(value):
            remedy = "give the count as printed; a weighted count has no binomial likelihood"
            allowed = f"a whole number of at least {least}"
            problems.append(table.problem(row, name, _plain(value), allowed, remedy))
    if not problems and counts[events][row] > counts[n][row]:
        problems.append(
            table.problem(
                row,
                events,
                _plain(counts[events][row]),
                f"at most {n}, {counts[n][row]:g}",
                "count patients with an event, not episodes; or are the columns exchanged?",
            )
        )
    return problems


def _plain(value: float):
    return int(value) if value == round(value) else float(value)


def _observed_counts(counts: Mapping[str, np.ndarray], measure: str, prob: float) -> pd.DataFrame:
    """Return each study's own estimate, none where a count leaves it none; never a correction."""
    from scipy.special import ndtri

    y, n, y0, n0 = (counts[name] for name in ("events", "n", "events_comparator", "n_comparator"))
    z = ndtri(0.5 + prob / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        if measure == "risk_difference":
            value = y / n - y0 / n0
            lower, upper = risk_difference_interval(y, n, y0, n0, prob)
        elif measure == "odds_ratio":
            log = np.log(y / (n - y)) - np.log(y0 / (n0 - y0))
            error = np.sqrt(1 / y + 1 / (n - y) + 1 / y0 + 1 / (n0 - y0))
            value, lower, upper = np.exp([log, log - z * error, log + z * error])
        else:
            log = np.log(y / n) - np.log(y0 / n0)
            error = np.sqrt(1 / y - 1 / n + 1 / y0 - 1 / n0)
            value, lower, upper = np.exp([log, log - z * error, log + z * error])
    known = np.isfinite(value) & np.isfinite(lower) & np.isfinite(upper)
    known &= (measure == "risk_difference") | (value > 0)
    text = [f"{a:g}/{b:g} v {c:g}/{d:g}" for a, b, c, d in zip(y, n, y0, n0, strict=True)]
    columns = {"value": value, "lower": lower, "upper": upper}
    table = pd.DataFrame({name: np.where(known, x, np.nan) for name, x in columns.items()})
    return table.assign(counts=text)


def _pool_effects(table: StudyTable, measure: str, prior, prob: float):
    """Return the pooled estimates, what each study printed, and notes."""
    ratio = measure in RATIOS
    _check_effects(table, ratio=False)  # what is wrong on any scale
    scale, taken = pool_scale(table, measure)
    if scale == "log":
        table = _without_logarithms(table)
    _check_effects(table, ratio)
    numbers = table.numbers
    notes = [*table.notes, *taken]
    estimate = np.array(numbers["estimate"])
    forward, back = (np.log, np.exp) if ratio else (np.asarray, np.asarray)
    if table.layout == "standard_error":
        error = np.array(numbers["standard_error"])
    else:
        error, more = _errors_of_limits(table, forward)
        notes += more
    if ratio:
        notes.append(f"each {measure.replace('_', ' ')} was pooled by its logarithm")
    result = pool_effects(forward(estimate), error, study=table.study, tau_prior=prior)
    rows = result.studies_table(prob)
    lower, upper = (back(rows[f"estimate_{end}"].to_numpy()) for end in ("lower", "upper"))
    if "lower" in numbers:  # as printed, where they are of this level
        printed = np.isclose(numbers["level"], prob)
        lower = np.where(printed, numbers["lower"], lower)
        upper = np.where(printed, numbers["upper"], upper)
    observed = pd.DataFrame({"value": estimate, "lower": lower, "upper": upper, "counts": ""})
    return result, observed, tuple(notes)


def _without_logarithms(table: StudyTable) -> StudyTable:
    """Return the table with ratios in place of their logarithms; standard errors stay."""
    numbers = {
        name: [math.exp(min(value, 700.0)) for value in values]
        if name in ("estimate", "lower", "upper")
        else values
        for name, values in table.numbers.items()
    }
    return replace(table, numbers=numbers)


def _check_effects(table: StudyTable, ratio: bool) -> None:
    problems = [p for row in range(len(table.study)) for p in _effect_problems(table, row, ratio)]
    if problems:
        raise ParameterError(sorted(problems, key=lambda p: (p.line, p.column)))


def _effect_problems(table: StudyTable, row: int, ratio: bool) -> list[Problem]:
    numbers = {name: values[row] for name, values in table.numbers.items()}
    problems = []

    def add(column, found, allowed, remedy):
        problems.append(table.problem(row, column, found, allowed, remedy))

    if "standard_error" in numbers and numbers["standard_error"] <= 0:
        remedy = "a study without spread cannot be weighed; leave it out"
        add("standard_error", numbers["standard_error"], "a number above 0", remedy)
    if ratio:
        for name in ("estimate", "lower", "upper"):
            if numbers.get(name, 1.0) <= 0:
                remedy = "rounded to 0? give more digits; a logarithm? say so in a column scale"
                add(name, numbers[name], "a ratio above 0", remedy)
    if "lower" in numbers and not problems:
        lower, upper = numbers["lower"], numbers["upper"]
        if lower >= upper:
            remedy = "are the limits exchanged?"
            add("lower", lower, f"below the upper limit, {upper:g}", remedy)
        elif not lower <= numbers["estimate"] <= upper:
            add("estimate", numbers["estimate"], f"between {lower:g} and {upper:g}", "read again")
    if "level" in numbers and not 0.5 <= numbers["level"] < 1:
        remedy = "divide percentages by 100"
        add("level", numbers["level"], "from 0.5 to below 1", remedy)
    return problems


def _errors_of_limits(table: StudyTable, forward) -> tuple[np.ndarray, list[str]]:
    """Return standard errors from limits, with notes on what was taken for granted."""
    from scipy.special import ndtri

    notes = []
    middle, lower, upper = (
        forward(np.array(table.numbers[name])) for name in ("estimate", "lower", "upper")
    )
    if "level" not in table.numbers:
        raise ParameterError(
            [
                Problem(
                    field="level",
                    found=NOTHING,
                    allowed="the level of each study's limits, such as 0.95",
                    remedy="add a column `level`; there is no default",
                    severity="Q",
                    file=table.path,
                    line=1,
                    column=1,
                )
            ]
        )
    level = np.array(table.numbers["level"])
    half = (upper - lower) / 2
    for row in np.flatnonzero(np.abs((upper + lower) / 2 - middle) > LOPSIDED * half):
        notes.append(
            f"line {table.lines[row]}, {table.study[row]}: the estimate lies off the middle of its "
            "limits on the scale of pooling; rounding, another measure, or a misprint?"
        )
    return half / ndtri(0.5 + level / 2), notes


# --- tables --------------------------------------------------------------------------------------


def _summary(result, measure: str, prob: float) -> pd.DataFrame:
    ratio, rows = measure in RATIOS, []
    for name in ("effect", "prediction", "heterogeneity"):
        found = getattr(result, name)
        ends = np.array([found.median(), *found.interval(prob)])
        shown = ratio and name != "heterogeneity"
        scale = f"log {measure.replace('_', ' ')}" if ratio else measure.replace("_", " ")
        rows.append(
            {
                "quantity": name,
                **dict(
                    zip(("median", "lower", "upper"), np.exp(ends) if shown else ends, strict=True)
                ),
                "in": measure if name != "heterogeneity" else f"standard deviation of {scale}",
                "mean": found.mean(),
                "standard_deviation": found.std(),
                "scale": scale,
                "probability_below_no_effect": (
                    np.nan if name == "heterogeneity" else float(found.cdf(0.0))
                ),
                "prob": prob,
                "kind": "equal_tailed",
            }
        )
    return pd.DataFrame(rows)


def _studies(
    table: StudyTable, result, observed: pd.DataFrame, measure: str, prob: float
) -> pd.DataFrame:
    """Return what each study observed beside its own effect given all studies."""
    back = np.exp if measure in RATIOS else np.asarray
    if table.layout == "counts":
        tails = [0.5, 0.5 - prob / 2, 0.5 + prob / 2]
        own = np.array([found.ppf(tails) for found in result.posterior.study_effects()])
    else:
        columns = ["effect_median", "effect_lower", "effect_upper"]
        own = result.studies_table(prob)[columns].to_numpy()
    frame = pd.DataFrame(
        {
            "study": table.study,
            "observed": observed["value"],
            "observed_lower": observed["lower"],
            "observed_upper": observed["upper"],
            "shrunken": back(own[:, 0]),
            "shrunken_lower": back(own[:, 1]),
            "shrunken_upper": back(own[:, 2]),
            "counts": observed["counts"],
            "badge": [badge or "data" for badge in table.badge],
            "note": table.note,
            "prob": prob,
        }
    )
    if table.layout != "counts":
        frame.insert(7, "weight", result.studies_table(prob)["weight"])
    return frame


def _forest(table: StudyTable, summary: pd.DataFrame, studies: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row, controlled in zip(studies.itertuples(), table.controlled, strict=True):
        observed = "uncontrolled" if controlled == "no" else "observed"
        note = "; ".join(filter(None, (row.counts, row.note)))
        common = {"label": row.study, "badge": row.badge, "note": note}
        for kind, name in ((observed, "observed"), ("shrunken", "shrunken")):
            value, lower, upper = (getattr(row, f"{name}{end}") for end in ("", "_lower", "_upper"))
            rows.append({**common, "kind": kind, "value": value, "lower": lower, "upper": upper})
    number = len(table.study)
    notes = {"effect": f"{number} {'study' if number == 1 else 'studies'}", "prediction": ""}
    for name, kind, label in (
        ("effect", "pooled", "Pooled effect"),
        ("prediction", "predicted", "New study"),
    ):
        row = summary.set_index("quantity").loc[name]
        ends = {end: row[end] for end in ("lower", "upper")}
        rows.append(
            {"label": label, "kind": kind, "value": row["median"], **ends, "badge": "",
             "note": notes[name]}
        )  # fmt: skip
    return pd.DataFrame(rows)[["label", "kind", "value", "lower", "upper", "badge", "note"]]


# --- the figure ----------------------------------------------------------------------------------


@styled
def _figure(table, result, measure, summary, forest, notes) -> PaperFigure:
    lines = len(table.study) + 2
    figure, ax = new_figure(min(38 + 9.5 * lines, 230))
    prob, words = summary["prob"].iloc[0], measure.replace("_", " ").capitalize()
    ratio = measure in RATIOS
    plot_forest(
        forest,
        xlabel=f"{words} ({prob:.0%} interval)" + (", logarithmic axis" if ratio else ""),
        ratio=ratio,
        digits=2 if ratio else 3,
        ax=ax,
    )
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncol=2)
    by_name = summary.set_index("quantity")
    model = (
        f"exact binomial likelihood with normal random effects ({result.model} model)"
        if table.layout == "counts"
        else "normal likelihood with normal random effects"
    )
    effect, new = (_words(by_name.loc[name], ratio) for name in ("effect", "prediction"))
    tau = by_name.loc["heterogeneity"]
    caption = (
        f"{words} of {len(table.study)} studies and their synthesis: {model}, by quadrature. "
        f"Prior of the heterogeneity: {result.tau_prior}; of the mean effect: "
        f"{'flat' if result.mu_prior is None else result.mu_prior}. Observed: the study alone "
        f"({prob:.0%} confidence interval). Shrunken: the study's own effect given all studies "
        f"(median, {prob:.0%} equal-tailed credible interval). Pooled: {effect}. Predicted for a "
        f"new study: {new}. Heterogeneity, the {tau['in']}: "
        f"{number_text(tau['median'], tau['lower'], tau['upper'])}. Medians with {prob:.0%} "
        f"equal-tailed credible intervals. {_sentence(notes)}"
    )
    said = [
        f"{row.label}, {row.kind}: {number_text(row.value, row.lower, row.upper)}"
        for row in forest.itertuples()
        if row.value == row.value
    ]
    return PaperFigure(
        "forest",
        figure,
        forest,
        f"{' '.join(caption.split())}\n{DISCLAIMER}\n\nSources\n- {table.path.name}",
        f"Forest plot of {words.lower()}s. {'; '.join(said)}.",
    )


def _words(row: pd.Series, ratio: bool) -> str:
    return number_text(row["median"], row["lower"], row["upper"], 2 if ratio else 3)


def _sentence(notes: tuple[str, ...]) -> str:
    text = "; ".join(notes)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


# --- what is written and printed -----------------------------------------------------------------


def pool_json(pool: Pool) -> dict:
    """Return a pool as plain values: what JSON has no number for is null or the text infinity."""
    result = pool.result
    return {
        "schema": SCHEMA,
        "file": str(pool.table.path),
        "measure": pool.measure,
        "model": getattr(result, "model", "normal"),
        "tau_prior": str(result.tau_prior),
        "mu_prior": "flat" if result.mu_prior is None else _prior_text(result.mu_prior),
        "summary": _records(pool.summary),
        "studies": _records(pool.studies),
        "notes": list(pool.notes),
        "folder": str(pool.folder),
        "files": [str(path.relative_to(pool.folder)) for path in pool.files],
        "use": DISCLAIMER,
    }


def _prior_text(prior: object) -> str:
    return f"normal:{prior[0]:g}:{prior[1]:g}" if isinstance(prior, tuple) else str(prior)


def _records(table: pd.DataFrame) -> list[dict]:
    return [
        {name: _value(value) for name, value in row.items()} for row in table.to_dict("records")
    ]


def _value(value):
    if isinstance(value, float | np.floating):
        if math.isnan(value):
            return None
        return float(value) if math.isfinite(value) else f"{'-' if value < 0 else ''}infinity"
    return value.item() if isinstance(value, np.generic) else value


def _leave_one_out(result, studies: int) -> tuple[pd.DataFrame | None, tuple[str, ...]]:
    """Return the pool without each study in turn; None and a note where that has no posterior."""
    if not hasattr(result, "leave_one_out") or studies < 3:
        return None, ()
    try:
        return result.leave_one_out(), ()
    except ParameterError:
        words = f"leave-one-out: no posterior with {studies - 1} studies under this prior"
        return None, (words,)


def _write(pool: Pool, left_out: pd.DataFrame | None) -> tuple[Path, ...]:
    """Write everything into a folder of its own, then put it in its place."""
    folder = pool.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.part-", dir=folder.parent))
    os.chmod(part, 0o755)  # as any other folder; mkdtemp makes it private
    try:
        (part / "tables").mkdir()
        for name, table in (("summary", pool.summary), ("studies", pool.studies)):
            table.to_csv(part / "tables" / f"{name}.csv", index=False, float_format="%.8g")
        if left_out is not None:
            path = part / "tables" / "leave_one_out.csv"
            left_out.to_csv(path, index=False, float_format="%.8g")
        save_figure(pool.figure, part / "figures")
        written = sorted(path.relative_to(part) for path in part.rglob("*") if path.is_file())
        files = tuple(folder / path for path in [*written, Path(RECORD)])
        record = pool_json(
            Pool(**{**{n: getattr(pool, n) for n in pool.__dataclass_fields__}, "files": files})
        )
        text = json_format.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
        (part / RECORD).write_text(text + "\n", encoding="utf-8")
        if folder.exists():  # empty, or it would have been refused
            folder.rmdir()
        move_into_place(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return files


def print_pool(pool: Pool, console: Console) -> None:
    """Print the studies, the synthesis, what was taken for granted, and where the rest is."""
    ratio, prob = pool.measure in RATIOS, pool.summary["prob"].iloc[0]
    digits, words = (2 if ratio else 3), pool.measure.replace("_", " ")
    table = Table(box=None, pad_edge=False, header_style="bold")
    counted = pool.table.layout == "counts"
    table.add_column("Study", min_width=min(max(map(len, pool.table.study)), 24))
    if counted:
        table.add_column("Counts", no_wrap=True)
    badged = set(pool.studies["badge"]) != {"data"}
    for title in (f"Observed {words}", "Shrunken", *(["Badge"] if badged else [])):
        table.add_column(title, no_wrap=True)
    for row in pool.studies.itertuples():
        observed = number_text(row.observed, row.observed_lower, row.observed_upper, digits)
        shrunken = number_text(row.shrunken, row.shrunken_lower, row.shrunken_upper, digits)
        counts = [row.counts] if counted else []
        badge = [row.badge] if badged else []
        table.add_row(Text(row.study), *counts, observed or "none", shrunken, *badge)
    # Numbers are never cut: a narrow terminal breaks the line itself.
    console.print(table, width=max(console.width, 110), crop=False, no_wrap=True)
    console.print()
    rows = pool.summary.set_index("quantity")
    for name, label in (
        ("effect", "Pooled"),
        ("prediction", "New study"),
        ("heterogeneity", "Heterogeneity"),
    ):
        row = rows.loc[name]
        text = number_text(row["median"], row["lower"], row["upper"], digits)
        more = f"P({'ratio < 1' if ratio else 'below 0'}) {row['probability_below_no_effect']:.3f}"
        if name == "heterogeneity":
            more = row["in"]
        console.print(f"{label:14}{text}  {more}", highlight=False, markup=False)
    console.print(
        f"\nMedians, {prob:.0%} equal-tailed intervals; tau prior {pool.result.tau_prior}",
        highlight=False,
        markup=False,
    )
    for note in pool.notes:
        console.print(f"- {note}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"Forest plot and tables: {pool.folder}", highlight=False, soft_wrap=True)
    console.print(DISCLAIMER, highlight=False)
