"""The figures of a run's draws, by name, with caption, alt text and the points that were drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.absolute_effects import (
    absolute_effects,
    effects_along,
    mean_differences,
    not_estimable,
)
from riskmodel.decisions.decision_curve import BY_MODEL, TREAT_NONE, treatment_decision_curve
from riskmodel.decisions.net_benefit import (
    Weighting,
    break_even_weight,
    net_benefit,
    preference_curve,
    weighting,
)
from riskmodel.parameters.library import LoadedProblem
from riskmodel.parameters.schema import Panel
from riskmodel.plots.absolute_effect import plot_absolute_effect
from riskmodel.plots.decision_curve import plot_strategy_band, plot_treatment_decision_curve
from riskmodel.plots.effects import plot_differences
from riskmodel.plots.preference import plot_preference_curve
from riskmodel.plots.style import unit_text
from riskmodel.reports.paper_figure import DISCLAIMER, PaperFigure, new_figure, styled
from riskmodel.reports.provenance import sources_in_use
from riskmodel.simulation.outcomes import loaded_problem

MAX_PROFILES = 6
GRID_POINTS = 61


def covariate_grid(loaded: LoadedProblem) -> list[dict]:
    """Return profiles along the axis of the case mix's covariate, others at the reference."""
    mix = loaded.problem.case_mix
    space = np.geomspace if mix.transform == "log" else np.linspace
    return [
        {
            "id": f"{mix.covariate} {value:.6g}",
            **loaded.problem.reference_profile,
            mix.covariate: float(value),
        }
        for value in space(*mix.within, GRID_POINTS).round(6)
    ]


def run_figures(
    outcomes: xr.Dataset,
    grid: xr.Dataset | None,
    *,
    preferences: str | Panel | None = None,
    prob: float = 0.95,
) -> Iterator[PaperFigure]:
    """Yield every figure of a run.

    Parameters
    ----------
    outcomes : xarray.Dataset
        Of the run's patients.
    grid : xarray.Dataset or None
        Of :func:`covariate_grid`; None where the problem declares no case mix, and then only
        preference curves are drawn.
    preferences : str or Panel, optional
    prob : float
    """
    loaded = loaded_problem(outcomes)
    weighed = weighed_options(outcomes, preferences)
    if grid is None:
        yield from effect_figures(outcomes, prob)
    for option in loaded.problem.alternatives:
        if grid is not None:
            yield absolute_effect_figure(grid, option, prob)
        if option not in weighed:
            continue
        yield from preference_curve_figures(outcomes, option, preferences, prob)
        if "case_risk" in outcomes:
            yield decision_curve_figure(outcomes, option, preferences, prob)


def weighed_options(outcomes: xr.Dataset, preferences: str | Panel | None = None) -> list[str]:
    """Return the options that have a net benefit for somebody, if there are weights at all."""
    if preferences is None and loaded_problem(outcomes).problem.preferences is None:
        return []
    benefit = net_benefit(outcomes, preferences)["net_benefit"]
    known = np.isfinite(benefit).any(("chain", "draw", "profile"))
    return [str(option) for option in benefit["option"].values[known.values]]


def option_suffix(problem, option: str) -> str:
    """Return what tells figures of several options apart in their names; nothing for one."""
    return f"_{option}" if len(problem.alternatives) > 1 else ""


def effect_figures(outcomes: xr.Dataset, prob: float) -> Iterator[PaperFigure]:
    """Yield the effects on every outcome, one figure a patient."""
    events, means = absolute_effects(outcomes, prob=prob), mean_differences(outcomes, prob=prob)
    for who in list(outcomes["profile"].values)[:MAX_PROFILES]:
        parts = [t[t["profile"] == who] if len(t) else t for t in (events, means)]
        if any(len(part) for part in parts):
            name = "effects" + (f"_{who}" if outcomes.sizes["profile"] > 1 else "")
            yield _effects(outcomes, *parts, who, name, prob)


@styled
def _effects(outcomes, events, means, who: str, name: str, prob: float) -> PaperFigure:
    problem = loaded_problem(outcomes).problem
    several = len(problem.alternatives) > 1
    unknown = not_estimable(problem)

    def label(option: str, outcome: str) -> str:
        text = problem.outcomes[outcome].label
        return f"{text},\n{problem.options[option].label.lower()}" if several else text

    panels = []
    if len(events):
        table = events.assign(
            value=events["per_1000"], lower=events["per_1000_lower"], upper=events["per_1000_upper"]
        )
        panels.append((f"Difference per 1000 by {outcomes.attrs['horizon']}", table))
    for (_, unit), part in means.groupby(["outcome", "unit"], sort=False) if len(means) else ():
        panels.append((f"Mean difference, {unit}", part.assign(value=part["mean_difference"])))
    missing = []
    for outcome, rows in unknown.groupby("outcome", sort=False) if len(unknown) else ():
        if several and len(rows) == len(problem.alternatives):
            missing.append(f"{problem.outcomes[outcome].label},\nevery option")
        else:
            missing += [label(option, outcome) for option in rows["option"]]
    counts = [len(table) + (len(missing) if i == 0 else 0) for i, (_, table) in enumerate(panels)]
    figure, axes = new_figure(
        28 + 11 * sum(counts) + 14 * (len(panels) - 1),
        len(panels),
        1,
        squeeze=False,
        height_ratios=counts,
    )
    points = []
    for i, (ax, (xlabel, table)) in enumerate(zip(axes.ravel(), panels, strict=True)):
        table = table.assign(meaning=[_meaning(problem.outcomes[key]) for key in table["outcome"]])
        plot_differences(
            table,
            labels=[label(row.option, row.outcome) for row in table.itertuples()],
            xlabel=xlabel,
            missing=missing if i == 0 else (),
            directions=("fewer", "more") if "per_1000" in table else ("lower", "higher"),
            ax=ax,
        )
        points.append(table[["profile", "option", "outcome", "value", "lower", "upper"]])
    handles = {}
    for ax in axes.ravel():
        handles |= {
            words: mark for mark, words in zip(*ax.get_legend_handles_labels(), strict=True)
        }
    figure.legend(handles.values(), handles, loc="outside lower center", ncol=2)
    comparator = problem.options[problem.comparator].label
    caption = (
        f"Difference from {comparator.lower()} for {profile_words(outcomes, who)}. Population: "
        f"{problem.population}. Horizon: {outcomes.attrs['horizon']}. Marks: posterior medians; "
        f"bars: {prob:.0%} equal-tailed credible intervals from {sample_size(outcomes)} draws."
    )
    for row in unknown.itertuples():
        caption += f" {label(row.option, row.outcome)}: {row.because}.".replace("\n", " ")
    table = pd.concat(points, ignore_index=True)
    said = [
        f"{label(row.option, row.outcome)} {row.value:.3g} ({row.lower:.3g} to {row.upper:.3g})"
        for row in table.itertuples()
    ]
    alt = f"Differences with intervals: {'; '.join(said)}.".replace("\n", " ")
    return PaperFigure(name, figure, table, figure_caption(caption, outcomes), alt)


def _meaning(outcome) -> str:
    """Return which way of an outcome is better, as the figures say it."""
    if outcome.diagnostic_impact:
        return "impact on decisions only"
    return "more is worse" if outcome.unwanted else "more is better"


@styled
def absolute_effect_figure(grid: xr.Dataset, option: str, prob: float) -> PaperFigure:
    """Return benefit and harm of an option along the case mix's covariate."""
    loaded = loaded_problem(grid)
    problem, mix = loaded.problem, loaded.problem.case_mix
    name = f"absolute_effect{option_suffix(problem, option)}"
    covariate = problem.covariates[mix.covariate]
    table = effects_along(grid, mix.covariate, prob=prob)
    table = table[table["option"] == option]
    labels = {
        key: outcome.label
        for key, outcome in problem.outcomes.items()
        if key in set(table["outcome"]) and outcome.effects[option].prior
    }
    low, high = mix.within
    edges = [b.up_to for b in covariate.bands if b.up_to is not None and low < b.up_to < high]
    figure, ax = new_figure(110)
    plot_absolute_effect(
        table,
        x=mix.covariate,
        xlabel=f"{covariate.label} ({unit_text(covariate.unit)})",
        labels=labels,
        edges=edges,
        band_labels=[band.label for band in covariate.bands] if edges else (),
        studied=covariate.studied,
        log=mix.transform == "log",
        ax=ax,
    )
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncol=2)
    label, comparator = problem.options[option].label, problem.options[problem.comparator].label
    studied = covariate.studied
    beyond = (
        f" Shaded: beyond {studied[0]:g} to {studied[1]:g} {covariate.unit}, where the line is "
        "extrapolated."
        if studied
        else ""
    )
    caption = (
        f"Benefit and harm of {label.lower()} against {comparator.lower()} by "
        f"{covariate.label.lower()}. Population: {problem.population}. Horizon: "
        f"{grid.attrs['horizon']}. Lines: posterior medians of the risk difference; bands: "
        f"{prob:.0%} equal-tailed credible intervals from {sample_size(grid)} draws. Dotted rules "
        f"and marks: edges of the published classes.{beyond} Right axis: number needed to treat "
        f"for one event fewer (NNTB) or one more (NNTH)."
    )
    first = table[table[mix.covariate] == table[mix.covariate].min()].set_index("outcome")
    last = table[table[mix.covariate] == table[mix.covariate].max()].set_index("outcome")
    parts = [
        f"{text}: {first.loc[key, 'per_1000']:.0f} per 1000 at {low:g} {covariate.unit} and "
        f"{last.loc[key, 'per_1000']:.0f} at {high:g}"
        for key, text in labels.items()
    ]
    alt = f"Line chart of risk differences by {covariate.label.lower()}. {'; '.join(parts)}."
    return PaperFigure(name, figure, table, figure_caption(caption, grid), alt)


def preference_curve_figures(
    outcomes: xr.Dataset, option: str, preferences: str | Panel | None, prob: float
) -> Iterator[PaperFigure]:
    """Yield net benefit of an option against the varied weight, one figure a patient."""
    suffix = option_suffix(loaded_problem(outcomes).problem, option)
    curves = preference_curve(outcomes, preferences=preferences, prob=prob)
    curves = curves[curves["option"] == option]
    break_even = break_even_weight(outcomes, preferences=preferences)
    break_even = break_even[break_even["option"] == option].set_index("profile")
    profiles = list(curves["profile"].unique())[:MAX_PROFILES]
    for who in profiles:
        name = f"preference_curve{suffix}" + (f"_{who}" if outcomes.sizes["profile"] > 1 else "")
        yield _preference_curve(
            outcomes, curves[curves["profile"] == who], break_even.loc[who], name, preferences
        )


@styled
def _preference_curve(outcomes, curve, break_even, name: str, preferences) -> PaperFigure:
    bound = weighting(outcomes, preferences)
    problem, panel = bound.problem, bound.panel
    outcome, who = curve["outcome"].iloc[0], curve["profile"].iloc[0]
    option, prob = curve["option"].iloc[0], curve["prob"].iloc[0]
    varied, reference = problem.outcomes[outcome].label, problem.outcomes[panel.reference].label
    figure, axes = new_figure(110, 2, 1, sharex=True, height_ratios=(3, 2))
    plot_preference_curve(
        curve,
        axes=axes,
        scale=1000,
        xlabel=f"Weight of {varied.lower()} ({reference.lower()} = 1)",
        ylabel=f"Net benefit\n({reference.lower()}\nequivalents per 1000)",
        marked_weight=panel.weights[outcome].weight if outcome in panel.weights else None,
        break_even=break_even,
    )
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncol=4)
    others = _weights_words(bound, without=outcome)
    label = problem.options[option].label
    caption = (
        f"Net benefit of {label.lower()} for {profile_words(outcomes, who)}, against how bad "
        f"{varied.lower()} is judged to be beside {reference.lower()}. Horizon: "
        f"{outcomes.attrs['horizon']}. Other weights: {others}; whose: {panel.whose}. Line: "
        f"posterior mean; band: {prob:.0%} equal-tailed credible interval from "
        f"{sample_size(outcomes)} draws. Below: probability that net benefit is above zero. "
        f"{break_even_words(break_even)}"
    )
    ends = curve.iloc[[0, -1]]
    alt = (
        f"Two line charts against the weight of {varied.lower()}. Net benefit goes from "
        f"{1000 * ends['net_benefit'].iloc[0]:.0f} per 1000 at weight {ends['weight'].iloc[0]:g} "
        f"to {1000 * ends['net_benefit'].iloc[1]:.0f} at {ends['weight'].iloc[1]:g}; the "
        f"probability that it is positive from {ends['prob_positive'].iloc[0]:.2f} to "
        f"{ends['prob_positive'].iloc[1]:.2f}."
    )
    return PaperFigure(name, figure, curve, figure_caption(caption, outcomes), alt)


def _weights_words(bound: Weighting, without: str | None = None) -> str:
    return ", ".join(
        f"{bound.problem.outcomes[key].label.lower()} {weight.weight:g}"
        for key, weight in bound.panel.weights.items()
        if key != without
    )


def break_even_words(row: pd.Series) -> str:
    """Return a break-even weight and its interval as a sentence.

    Examples
    --------
    >>> break_even_words(pd.Series({"lower": 0.0, "weight": 1.08, "upper": np.inf}))
    'P(net benefit > 0) is never above 0.975, falls to 0.5 at weight 1.08, stays above 0.025.'
    """

    def words(level: float, weight: float) -> str:
        if weight == 0:
            return f"is never above {level}"
        return (
            f"stays above {level}"
            if np.isinf(weight)
            else f"falls to {level} at weight {weight:.2f}"
        )

    levels = ((0.975, row["lower"]), (0.5, row["weight"]), (0.025, row["upper"]))
    return f"P(net benefit > 0) {', '.join(words(*pair) for pair in levels)}."


@styled
def decision_curve_figure(
    outcomes: xr.Dataset, option: str, preferences: str | Panel | None, prob: float
) -> PaperFigure:
    """Return the model-expected decision curves of an option over the declared case mix."""
    bound = weighting(outcomes, preferences)
    problem, panel = bound.problem, bound.panel
    name = f"decision_curve{option_suffix(problem, option)}"
    curve = treatment_decision_curve(outcomes, preferences=preferences, prob=prob)
    covariate = problem.covariates[problem.case_mix.covariate]
    named = curve["strategy"].str.replace(covariate.unit, unit_text(covariate.unit), regex=False)
    curve = curve.assign(strategy=named)[curve["option"] == option]
    shown = [strategy for strategy in curve["strategy"].unique() if strategy != TREAT_NONE]
    columns = 3
    figure, grid = new_figure(
        120, -(-(len(shown) + 1) // columns), columns, sharex=True, squeeze=False
    )
    axes = grid.ravel()
    plot_treatment_decision_curve(curve, ax=axes[0], xlabel="", ylabel="", scale=1000)
    axes[0].set_title("all strategies, means", loc="left")
    for place, (ax, strategy) in enumerate(zip(axes[1:], shown, strict=False), start=1):
        plot_strategy_band(curve, strategy, scale=1000, ax=ax)
        if place > 1:
            ax.sharey(axes[1])
            ax.tick_params(labelleft=place % columns == 0)
    for ax in axes[len(shown) + 1 :]:
        ax.set_visible(False)
    reference = problem.outcomes[panel.reference].label.lower()
    figure.supxlabel(f"Treatment threshold: residual burden ({reference} equivalents per 1000)")
    figure.supylabel(f"Model-expected net benefit ({reference} equivalents per 1000)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncol=3)
    mix = problem.case_mix
    label = problem.options[option].label
    burden = f" ({panel.residual_burden.because.rstrip('.')})" if panel.residual_burden else ""
    caption = (
        f"Model-expected net benefit of {label.lower()} by strategy; not a validation: without "
        f"patients' own outcomes the model marks its own work. Case mix: {covariate.label.lower()} "
        f"{'log-' if mix.transform == 'log' else ''}normal, median {mix.median:g} "
        f"{covariate.unit}, within {mix.within[0]:g} to {mix.within[1]:g} ({mix.because}). "
        f"Horizon: {outcomes.attrs['horizon']}. Harms are counted by the model; the threshold "
        f"holds only the residual burden{burden}. "
        f"Weights: {_weights_words(bound)}; whose: {panel.whose}. First panel: posterior means; "
        f"others: mean and {prob:.0%} equal-tailed credible band from {sample_size(outcomes)} "
        f"draws. '{BY_MODEL}' treats where the posterior mean net benefit exceeds the threshold."
    )
    at_zero = curve[curve["threshold"] == curve["threshold"].min()]
    parts = [f"{row.strategy} {1000 * row.net_benefit:.0f}" for row in at_zero.itertuples()]
    alt = (
        "Line charts of net benefit against the treatment threshold, by strategy. At the lowest "
        f"threshold, per 1000: {'; '.join(parts)}."
    )
    return PaperFigure(name, figure, curve, figure_caption(caption, outcomes), alt)


def sample_size(outcomes: xr.Dataset) -> int:
    """Return the number of draws, over all chains."""
    return outcomes.sizes["chain"] * outcomes.sizes["draw"]


def profile_words(outcomes: xr.Dataset, who: str) -> str:
    """Return a patient as "serum creatinine 420 umol/L, age 62 year"."""
    problem = loaded_problem(outcomes).problem
    words = []
    for name, covariate in problem.covariates.items():
        value = outcomes[name].sel(profile=who).item()
        if value == "" or (covariate.type != "category" and np.isnan(value)):
            continue
        if covariate.type == "category":
            words.append(f"{covariate.label.lower()} {value}")
        elif covariate.type == "number":
            words.append(f"{covariate.label.lower()} {value:g} {covariate.unit}")
        elif value:
            words.append(covariate.label.lower())
    return ", ".join(words) or str(who)


def figure_caption(text: str, outcomes: xr.Dataset) -> str:
    """Return a caption with scenarios, notes, the disclaimer and the sources in use."""
    loaded = loaded_problem(outcomes)
    parts = [" ".join(text.split())]
    if loaded.scenarios:
        parts.append(f"Scenarios switched on: {', '.join(loaded.scenarios)}.")
    if outcomes.attrs["waning"]:
        parts.append(f"Effect after the first horizon: {outcomes.attrs['waning']}.")
    parts += [f"{note}." for note in json.loads(outcomes.attrs["notes"])]
    parts.append(DISCLAIMER)
    later = outcomes.attrs["horizon"] != str(loaded.problem.horizon)
    sources = "\n".join(f"- {line}" for line in sources_in_use(loaded, later=later))
    return "\n".join(parts) + f"\n\nSources\n{sources}"
