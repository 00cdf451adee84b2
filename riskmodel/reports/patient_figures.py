"""One patient's benefits and harms: icons, waterfall, and effects against the baseline risk."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.absolute_effects import KIND, effects_along, interval_tails
from riskmodel.decisions.net_benefit import Weighting, net_benefit, weighting
from riskmodel.parameters.schema import Panel
from riskmodel.plots.absolute_effect import plot_absolute_effect
from riskmodel.plots.icons import plot_icons
from riskmodel.plots.journals import current_journal
from riskmodel.plots.waterfall import plot_waterfall
from riskmodel.reports.figures import (
    MAX_PROFILES,
    figure_caption,
    option_suffix,
    profile_words,
    sample_size,
    weighed_options,
)
from riskmodel.reports.paper_figure import PaperFigure, new_figure, styled
from riskmodel.simulation.outcomes import loaded_problem

DENOMINATORS = (100, 1000)
_MARK = 5  # points, of an icon in the legend


# --- icon arrays --------------------------------------------------------------------------------


def icon_table(outcomes: xr.Dataset, who: str, of: int, *, prob: float = 0.95) -> pd.DataFrame:
    """Return how many of so many patients like this one have each event under each option.

    Parameters
    ----------
    outcomes : xarray.Dataset
        From :func:`riskmodel.simulate`.
    who : str
        The profile.
    of : int
        The denominator, the same for every option and event.
    prob : float

    Returns
    -------
    pandas.DataFrame
        ``profile``, ``outcome``, ``option``, ``of``, ``events`` (posterior mean, rounded to whole
        patients; what is drawn), ``mean``, ``lower``, ``upper`` (per `of`), ``horizon``, ``prob``,
        ``kind``. Events without a contrast are left out.
    """
    problem = loaded_problem(outcomes).problem
    tails = interval_tails(prob)
    rows = []
    for name, outcome in problem.outcomes.items():
        if outcome.type != "event":
            continue
        risk = outcomes["risk"].sel(profile=who, outcome=name)
        draws = {option: risk.sel(option=option).values for option in problem.options}
        known = {o: d[np.isfinite(d)] for o, d in draws.items() if np.isfinite(d).any()}
        if problem.comparator not in known or len(known) < 2:
            continue
        for option, values in known.items():
            lower, upper = of * np.quantile(values, tails)
            rows.append(
                {
                    "profile": who,
                    "outcome": name,
                    "option": option,
                    "of": of,
                    "events": int(np.floor(of * values.mean() + 0.5)),
                    "mean": of * values.mean(),
                    "lower": lower,
                    "upper": upper,
                    "horizon": outcomes.attrs["horizon"],
                    "prob": prob,
                    "kind": KIND,
                }
            )
    return pd.DataFrame(rows)


def icon_figures(outcomes: xr.Dataset, of: int, prob: float) -> Iterator[PaperFigure]:
    """Yield icon arrays, one figure a patient: a row an event, a column an option."""
    for who in list(outcomes["profile"].values)[:MAX_PROFILES]:
        table = icon_table(outcomes, who, of, prob=prob)
        if len(table):
            yield _icons(outcomes, table, who, of, prob)


@styled
def _icons(outcomes: xr.Dataset, table: pd.DataFrame, who: str, of: int, prob: float):
    problem = loaded_problem(outcomes).problem
    options = [option for option in problem.options if option in set(table["option"])]
    events = list(dict.fromkeys(table["outcome"]))
    # Options beside each other and events below; for 100 the events go beside each other.
    across, down = (events, options) if of <= 100 else (options, events)
    side = current_journal().width_mm / len(across)
    height = 10 + min(0.85 * side * (1.0 if of <= 100 else 0.4), 42)
    figure, grid = new_figure(18 + height * len(down), len(down), len(across), squeeze=False)
    counts = table.set_index(["outcome", "option"])["events"]
    handles = {}
    for i, row in enumerate(down):
        for j, column in enumerate(across):
            outcome, option = (column, row) if of <= 100 else (row, column)
            ax = grid[i, j]
            if (outcome, option) not in counts.index:
                ax.set_axis_off()
                continue
            number = int(counts[outcome, option])
            before = int(counts[outcome, problem.comparator])
            alone = option == problem.comparator
            event = problem.outcomes[outcome]
            comparator = problem.options[problem.comparator].label.lower()
            plot_icons(
                number,
                of,
                before=None if alone else before,
                unwanted=event.unwanted,
                words=(
                    "with the event",
                    f"with it, beyond those under {comparator}",
                    f"without it, of those with it under {comparator}",
                ),
                ax=ax,
            )
            text = f"{event.label}\n{problem.options[option].label}: {number} of {of}"
            ax.set_title(_wrapped(text, 27 if len(across) > 3 else 34 if len(across) > 2 else 52))
            for mark, words in zip(*ax.get_legend_handles_labels(), strict=True):
                wanted = not event.unwanted and words != "with the event"
                handles.setdefault(f"{words}{' (wanted)' if wanted else ''}", mark)
    drawn = max(float(mark.get_sizes()[0]) ** 0.5 for mark in handles.values())
    figure.legend(
        handles.values(), handles, loc="outside lower center", ncol=2, markerscale=_MARK / drawn
    )
    said = [
        f"{problem.outcomes[row.outcome].label}, {problem.options[row.option].label.lower()}: "
        f"{row.mean:.1f} ({row.lower:.1f} to {row.upper:.1f})"
        for row in table.itertuples()
    ]
    caption = (
        f"Of {of} patients like this one ({profile_words(outcomes, who)}), how many have each "
        f"event by {outcomes.attrs['horizon']}: the same {of} patients and the same time under "
        f"every option. Population: {problem.population}. One icon is one patient; filled icons "
        f"are the posterior mean, rounded. Per {of}, mean and {prob:.0%} equal-tailed credible "
        f"interval from {sample_size(outcomes)} draws: {'; '.join(said)}. "
        "One patient may have several of these events; which ones is not shown."
    )
    alt = f"Icon arrays of {of} patients. {'; '.join(said)}."
    name = f"icon_array_{of}" + (f"_{who}" if outcomes.sizes["profile"] > 1 else "")
    return PaperFigure(name, figure, table, figure_caption(caption, outcomes), alt)


def _wrapped(text: str, width: int) -> str:
    from textwrap import fill

    return "\n".join(fill(line, width) for line in text.splitlines())


# --- waterfall ----------------------------------------------------------------------------------


def waterfall_table(
    outcomes: xr.Dataset, who: str, option: str, preferences=None, *, prob: float = 0.95
) -> pd.DataFrame:
    """Return what each weighed outcome adds to expected net benefit, and their sum last.

    Parameters
    ----------
    outcomes : xarray.Dataset
    who, option : str
        Of a profile for whom the option has a net benefit.
    preferences : str or Panel, optional
    prob : float

    Returns
    -------
    pandas.DataFrame
        ``profile``, ``option``, ``part``, ``label``, ``weight``, ``contribution`` (posterior mean,
        in reference outcomes per patient), ``lower``, ``upper``, ``prob``, ``kind``. Contributions
        add up to net benefit exactly: stated pairs and burden have rows of their own.
    """
    bound = weighting(outcomes, preferences)
    problem, panel = bound.problem, bound.panel
    risk = outcomes["risk"].sel(profile=who, option=[problem.comparator, option])
    whole = net_benefit(outcomes, preferences)["net_benefit"].sel(profile=who, option=option)
    parts, rest = [], whole
    for name, weight in panel.weights.items():
        if not weight.weight:
            continue
        single = panel.model_copy(update={"weights": {name: weight}, "together": [], "burden": 0.0})
        drawn = Weighting(problem, single).net_benefit(risk).sel(option=option)
        parts.append((name, f"{problem.outcomes[name].label}\n(weight {weight.weight:g})",
                      weight.weight, drawn))  # fmt: skip
        rest = rest - drawn
    if panel.together:
        parts.append(("together", "Two events in one patient", np.nan, rest + panel.burden))
    if panel.burden:
        parts.append(("burden", "Burden of treating", 1.0, whole * 0 - panel.burden))
    parts.append(("net_benefit", "Net benefit", np.nan, whole))
    tails = interval_tails(prob)
    rows = []
    for part, label, weight, drawn in parts:
        lower, upper = np.nanquantile(drawn.values, tails)
        rows.append(
            {
                "profile": who,
                "option": option,
                "part": part,
                "label": label,
                "weight": weight,
                "contribution": float(np.nanmean(drawn.values)),
                "lower": lower,
                "upper": upper,
                "prob": prob,
                "kind": KIND,
            }
        )
    return pd.DataFrame(rows)


def waterfall_figures(
    outcomes: xr.Dataset, preferences: str | Panel | None, prob: float
) -> Iterator[PaperFigure]:
    """Yield benefits and harms one after another, a figure a patient and option."""
    benefit = net_benefit(outcomes, preferences)["net_benefit"]
    for option in weighed_options(outcomes, preferences):
        if option == loaded_problem(outcomes).problem.comparator:
            continue
        for who in list(outcomes["profile"].values)[:MAX_PROFILES]:
            if np.isfinite(benefit.sel(profile=who, option=option)).any():
                yield _waterfall(outcomes, who, option, preferences, prob)


@styled
def _waterfall(outcomes, who: str, option: str, preferences, prob: float) -> PaperFigure:
    bound = weighting(outcomes, preferences)
    problem, panel = bound.problem, bound.panel
    table = waterfall_table(outcomes, who, option, preferences, prob=prob)
    figure, ax = new_figure(34 + 11 * len(table))
    reference = problem.outcomes[panel.reference].label.lower()
    plot_waterfall(
        table, xlabel=f"Net benefit ({reference} equivalents per 1000 patients)", scale=1000, ax=ax
    )
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncol=2)
    label = problem.options[option].label
    comparator = problem.options[problem.comparator].label.lower()
    said = [
        f"{' '.join(row.label.split())} {1000 * row.contribution:+.3g} "
        f"({1000 * row.lower:.3g} to {1000 * row.upper:.3g})"
        for row in table.itertuples()
    ]
    caption = (
        f"What benefits and harms add up to: {label.lower()} against {comparator} for "
        f"{profile_words(outcomes, who)}. Each outcome's difference in risk times its weight; "
        f"whose: {panel.whose}. Horizon: {outcomes.attrs['horizon']}. Bars: posterior means; line: "
        f"{prob:.0%} equal-tailed credible interval of the sum from {sample_size(outcomes)} draws. "
        f"Per 1000, with {prob:.0%} intervals: {'; '.join(said)}."
    )
    name = f"waterfall{option_suffix(problem, option)}"
    name += f"_{who}" if outcomes.sizes["profile"] > 1 else ""
    alt = f"Waterfall chart of net benefit per 1000 patients: {'; '.join(said)}."
    return PaperFigure(name, figure, table, figure_caption(caption, outcomes), alt)


# --- against the baseline risk ------------------------------------------------------------------


def baseline_outcome(grid: xr.Dataset, panel: Panel | None) -> str | None:
    """Return the event whose risk under the comparator differs along the case mix, if one does.

    The panel's reference comes first, then the problem's order.
    """
    problem = loaded_problem(grid).problem
    names = [name for name, outcome in problem.outcomes.items() if outcome.type == "event"]
    if panel is not None and panel.reference in names:
        names.insert(0, panel.reference)
    for name in names:
        risk = grid["risk"].sel(option=problem.comparator, outcome=name)
        middle = risk.median(("chain", "draw")).values
        if np.isfinite(middle).all() and np.ptp(middle) > 1e-6:
            return name
    return None


@styled
def baseline_risk_figure(grid: xr.Dataset, option: str, against: str, prob: float) -> PaperFigure:
    """Return an option's benefit and harm against the risk of an event without it.

    Parameters
    ----------
    grid : xarray.Dataset
        Simulated along the case mix's covariate.
    option : str
    against : str
        The event, as of :func:`baseline_outcome`.
    prob : float
    """
    loaded = loaded_problem(grid)
    problem, mix = loaded.problem, loaded.problem.case_mix
    covariate = problem.covariates[mix.covariate]
    table = effects_along(grid, mix.covariate, prob=prob)
    table = table[table["option"] == option]
    risks = table[table["outcome"] == against].set_index("profile")["baseline_risk"]
    column = f"baseline_risk_of_{against}"
    table = table.assign(**{column: 100 * table["profile"].map(risks)})
    table = table[table[column].notna()]
    labels = {
        key: outcome.label
        for key, outcome in problem.outcomes.items()
        if key in set(table["outcome"]) and outcome.effects[option].prior
    }
    figure, ax = new_figure(110)
    event = problem.outcomes[against].label
    comparator = problem.options[problem.comparator].label.lower()
    plot_absolute_effect(
        table,
        x=column,
        xlabel=f"{event} by {grid.attrs['horizon']} under {comparator} (%, posterior median)",
        labels=labels,
        ax=ax,
    )
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncol=2)
    low, high = table[column].min(), table[column].max()
    caption = (
        f"Benefit and harm of {problem.options[option].label.lower()} against {comparator}, by the "
        f"risk of {event.lower()} without it. Population: {problem.population}. Horizon: "
        f"{grid.attrs['horizon']}. The risk without it follows {covariate.label.lower()}, from "
        f"{mix.within[0]:g} to {mix.within[1]:g} {covariate.unit}. Lines: posterior medians of the "
        f"risk difference; bands: {prob:.0%} equal-tailed credible intervals from "
        f"{sample_size(grid)} draws. Right axis: number needed to treat for one event fewer (NNTB) "
        "or one more (NNTH)."
    )
    ends = [table[table[column] == end].set_index("outcome")["per_1000"] for end in (low, high)]
    said = "; ".join(
        f"{text} {ends[0][key]:+.0f} to {ends[1][key]:+.0f} per 1000"
        for key, text in labels.items()
    )
    alt = f"Line chart of risk differences for baseline risks of {low:.3g}% to {high:.3g}%: {said}."
    name = f"effect_by_baseline_risk{option_suffix(problem, option)}"
    return PaperFigure(name, figure, table, figure_caption(caption, grid), alt)
