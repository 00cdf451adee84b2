"""What a run found, short enough to read in a terminal."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from riskmodel.reports.figures import break_even_words
from riskmodel.reports.paper_figure import DISCLAIMER
from riskmodel.reports.run import Run

MAX_PROFILES = 8


def summary_json(run: Run) -> str:
    """Return a run's folder, its record and every table as JSON; what is not known is null.

    Parameters
    ----------
    run : Run

    Returns
    -------
    str
        ``schema`` riskmodel/finished/1, ``folder``, ``record`` (as ``run.json`` has it) and
        ``tables``, each a list of rows.
    """
    tables = {
        name: json.loads(table.to_json(orient="records", double_precision=12))
        for name, table in run.tables.items()
    }
    told = {
        "schema": "riskmodel/finished/1",
        "folder": str(run.folder),
        "record": run.record,
        "tables": tables,
    }
    return json.dumps(told, indent=2, ensure_ascii=False)


def digits_for(standard_error: float) -> int:
    """Return how many decimals a number keeps, so that the last is above its Monte Carlo error.

    Examples
    --------
    >>> digits_for(0.4), digits_for(0.03), digits_for(12.0)
    (0, 1, 0)
    """
    if not standard_error > 0:
        return 1
    return int(np.clip(np.floor(-np.log10(standard_error)), 0, 4))


def print_summary(run: Run, console: Console) -> None:
    """Print effects, net benefit, what they rest on, caveats, and where the rest is."""
    loaded = run.loaded
    problem, panel = loaded.problem, run.record["preferences"]
    posterior = run.record["posterior"]
    console.print(Text(problem.question, style="bold"))
    console.print(
        f"Horizon {run.record['horizon']}; comparator "
        f"{problem.options[problem.comparator].label.lower()}; "
        + (
            f"{posterior['draws']} draws, seed {posterior['seed']}"
            if posterior
            else "nothing sampled: the sources allow no contrast"
        )
        + (f"; scenarios {', '.join(loaded.scenarios)}" if loaded.scenarios else ""),
        highlight=False,
    )
    profiles = [p["id"] for p in run.record["profiles"]]
    for who in profiles[:MAX_PROFILES]:
        _print_profile(run, problem, who, console)
    if len(profiles) > MAX_PROFILES:
        console.print(f"... and {len(profiles) - MAX_PROFILES} more profiles in tables/")
    _print_not_estimable(run, problem, console)
    _print_rests_on(run, console)
    if "own_baseline" in run.tables:
        _print_own_baseline(run, problem, console)
    if "tipping_points" in run.tables:
        _print_tipping_points(run.tables["tipping_points"], problem, console)
    if "horizons" in run.tables:
        _print_horizons(run, problem, console)
    if "waning" in run.tables:
        _print_waning(run.tables["waning"], problem, console)
    _print_contradictions(run, console)
    if panel:
        console.print(f"\nWeights: '{panel['id']}', of {panel['whose']} ({panel['status']}).")
    for note in run.record["notes"]:
        console.print(f"Note: {note}.", highlight=False)
    console.print(f"{DISCLAIMER} Written to {run.folder}", highlight=False, soft_wrap=True)


def _print_profile(run: Run, problem, who: str, console: Console) -> None:
    record = next(p for p in run.record["profiles"] if p["id"] == who)
    stated = [
        _stated(problem.covariates[name], value)
        for name, value in record["values"].items()
        if value is not None and value is not False
    ]
    console.print(Text(f"\n{who}: {', '.join(stated)}".rstrip(": "), style="bold"))
    for note in [*record["notes"], *(f"{o}: {why}" for o, why in record["not_for"].items())]:
        console.print(f"  {note}", style="dim", highlight=False)
    if record["not_for"] and set(problem.alternatives) <= set(record["not_for"]):
        console.print("  no option applies; nothing is computed")
        return
    effects = _of(run, "absolute_effects", who)
    for option, rows in effects.groupby("option", sort=False) if len(effects) else ():
        console.print(_effects_table(problem, option, rows, rows["prob"].iloc[0]))
    for row in _of(run, "mean_differences", who).itertuples():
        digits = digits_for(row.monte_carlo_standard_error)
        said = f"{problem.options[row.option].label}, {problem.outcomes[row.outcome].label.lower()}"
        console.print(
            f"  {said}: {row.mean_difference:+.{digits}f} ({row.lower:+.{digits}f} to "
            f"{row.upper:+.{digits}f}) {row.unit}; P(better) {row.prob_benefit:.2f}",
            highlight=False,
        )
    _print_benefit(run, problem, who, console)
    _print_rules(run, who, console)


def _of(run: Run, name: str, who: str) -> pd.DataFrame:
    """Return a table's rows of one patient; empty where the run has no such table."""
    table = run.tables.get(name)
    return pd.DataFrame() if table is None else table[table["profile"] == who]


def _stated(covariate, value) -> str:
    label = covariate.label.lower()
    if covariate.type == "boolean":
        return label
    return (
        f"{label} {value}"
        if covariate.type == "category"
        else f"{label} {value:g} {covariate.unit}"
    )


def _effects_table(problem, option: str, rows: pd.DataFrame, prob: float) -> Table:
    comparator = problem.options[problem.comparator].label.lower()
    title = f"{problem.options[option].label} against {comparator}"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1))
    table.add_column("Outcome")
    for header in ("without", "with", f"per 1000\n({prob:.0%} CrI)", "number needed", "P(better)"):
        table.add_column(header, justify="right", no_wrap=True)
    for row in rows.itertuples():
        digits = digits_for(1000 * row.monte_carlo_standard_error)
        table.add_row(
            problem.outcomes[row.outcome].label,
            f"{row.baseline_risk:.1%}",
            f"{row.risk:.1%}",
            f"{row.per_1000:+.{digits}f}\n({row.per_1000_lower:+.{digits}f} to "
            f"{row.per_1000_upper:+.{digits}f})",
            "\nto ".join(row.number_needed_to_treat.replace(" (", "\n(").rsplit(" to ", 1)),
            "impact only"
            if problem.outcomes[row.outcome].diagnostic_impact
            else f"{row.prob_benefit:.2f}",
        )
    return table


def _print_benefit(run: Run, problem, who: str, console: Console) -> None:
    even = _of(run, "break_even_weight", who)
    for row in _of(run, "net_benefit", who).itertuples():
        digits = digits_for(1000 * row.monte_carlo_standard_error)
        label = problem.options[row.option].label
        reference = problem.outcomes[problem.preferences.reference].label.lower()
        console.print(
            f"  Net benefit of {label.lower()}: {1000 * row.net_benefit:+.{digits}f} "
            f"({1000 * row.lower:+.{digits}f} to {1000 * row.upper:+.{digits}f}) {reference} "
            f"equivalents per 1000; P(net benefit > 0) = {row.prob_positive:.2f}",
            highlight=False,
        )
        line = even[even["option"] == row.option].iloc[0]
        varied = problem.outcomes[line["outcome"]].label.lower()
        console.print(f"  Weight of {varied}: {break_even_words(line)}", highlight=False)

    for row in _of(run, "benefit_needed", who).itertuples():
        outcome, event = problem.outcomes[row.outcome], row.unit == "risk"
        scale, unit = (1000, "per 1000") if event else (1, row.unit)
        console.print(
            f"  {problem.options[row.option].label}: what it does to {outcome.label.lower()} is "
            f"not known; to make up for the rest it would have to be {scale * row.needed:+.3g} "
            f"({scale * row.lower:+.3g} to {scale * row.upper:+.3g}) {unit} by these weights",
            highlight=False,
        )


def _print_rules(run: Run, who: str, console: Console) -> None:
    rules = _of(run, "rules", who)
    for row in rules.itertuples():
        if row.applies != "no":
            told = "" if row.applies == "yes" else f" [{row.when}: not stated]"
            console.print(
                f"  A source's rule: {row.statement}{told} ({row.source})",
                style="dim",
                highlight=False,
                markup=False,
            )


def _print_not_estimable(run: Run, problem, console: Console) -> None:
    if "not_estimable" not in run.tables:
        return
    console.print("\nWhat the sources allow no contrast of:")
    for row in run.tables["not_estimable"].itertuples():
        console.print(
            f"  {problem.options[row.option].label}, "
            f"{problem.outcomes[row.outcome].label.lower()}: {row.because}",
            highlight=False,
            markup=False,
        )


def _print_contradictions(run: Run, console: Console) -> None:
    if "contradictions" not in run.tables:
        return
    console.print("\nWhere the sources disagree (`riskmodel conflicts` has them whole):")
    for row in run.tables["contradictions"].itertuples():
        state = "open" if row.resolution == "open" else f"resolved: {row.resolution}"
        console.print(f"  {row.id}: {row.explanation} [{state}]", highlight=False, markup=False)


def _print_rests_on(run: Run, console: Console) -> None:
    if "share_by_badge" not in run.tables:
        return
    shares = run.tables["share_by_badge"]
    first = shares[shares["profile"] == shares["profile"].iloc[0]]
    parts = [f"{row.badge} {row.variance_share:.0%}" for row in first.itertuples()]
    console.print(
        f"\nSpread of net benefit by kind of input ({first['profile'].iloc[0]}): "
        f"{', '.join(parts)}",
        highlight=False,
    )


def _print_own_baseline(run: Run, problem, console: Console) -> None:
    table = run.tables["own_baseline"]
    table = table[table["stopped"] == ""]  # the others have their reason in the table
    if table.empty:
        return
    first = table[table["profile"] == table["profile"].iloc[0]]
    for (option, outcome), rows in first.groupby(["option", "outcome"], sort=False):
        low, high = rows.iloc[0], rows.iloc[-1]
        console.print(
            f"If this patient's own baseline of {problem.outcomes[outcome].label.lower()} were "
            f"{low['own_baseline_risk']:.0%} or {high['own_baseline_risk']:.0%} "
            f"({low['position']:+g} and {high['position']:+g} standard deviations in the declared "
            f"spread): net benefit of {problem.options[option].label.lower()} "
            f"{1000 * low['net_benefit']:+.0f} or {1000 * high['net_benefit']:+.0f} per 1000, "
            f"P(net benefit > 0) {low['prob_positive']:.2f} or {high['prob_positive']:.2f}",
            highlight=False,
        )


def _print_tipping_points(table: pd.DataFrame, problem, console: Console) -> None:
    """Print for which a0 of each discounted source the first patient's benefit is how probable."""
    first = table[table["profile"] == table["profile"].iloc[0]]
    for (prior, option), rows in first.groupby(["prior", "option"], sort=False):
        said = "; ".join(f"at least {cut:g} {words}" for cut, words in _by_cut(rows))
        lowest = rows["not_computed_up_to"].max()
        if lowest > 0:
            said += f"; up to a0 = {lowest:.3g} risks would pass 1, and nothing is claimed"
        console.print(
            f"If {prior} ({rows['discount'].iloc[0]}) counted otherwise, P(net benefit > 0) of "
            f"{problem.options[option].label.lower()} is {said}; chosen a0 "
            f"{rows['chosen_a0'].iloc[0]:.3g} (assumed)",
            highlight=False,
            markup=False,
        )


def _by_cut(rows: pd.DataFrame):
    """Return each cut once, with the words of its whole set."""
    return rows.drop_duplicates("cut")[["cut", "holds"]].itertuples(index=False)


def _print_horizons(run: Run, problem, console: Console) -> None:
    """Print each outcome's difference at every horizon, and the time without it that is gained."""
    gained = run.tables["restricted_means"].set_index(["profile", "option", "outcome", "time"])
    grouped = run.tables["horizons"].groupby(["profile", "option", "outcome"], sort=False)
    console.print("\nOver time, differences per 1000 (and mean time without the event gained):")
    for key, rows in grouped:
        who, option, outcome = key
        said = "; ".join(
            f"{row.horizon} {row.per_1000:+.0f} ({row.per_1000_lower:+.0f} to "
            f"{row.per_1000_upper:+.0f})"
            for row in rows.itertuples()
        )
        last = gained.loc[(*key, rows["time"].iloc[-1])]
        label = f"{problem.options[option].label}, {problem.outcomes[outcome].label.lower()}"
        console.print(
            f"  {who}, {label}: {said}; {last['restricted_mean_difference']:+.2g} "
            f"{last['time_unit']}s",
            highlight=False,
        )


def _print_waning(table: pd.DataFrame, problem, console: Console) -> None:
    console.print("\nLater, under four scenarios of how effects go on:")
    for (horizon, who, name), rows in table.groupby(["horizon", "profile", "waning"], sort=False):
        console.print(
            f"  {horizon}, {who}, {name}: net benefit "
            f"{1000 * rows['net_benefit'].iloc[0]:+.0f} per 1000, "
            f"P(net benefit > 0) = {rows['prob_positive'].iloc[0]:.2f}",
            highlight=False,
        )
