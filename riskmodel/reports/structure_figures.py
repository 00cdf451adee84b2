"""The figures of what a problem is made of: values, model, and the evidence behind it."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill

import numpy as np
import pandas as pd

from riskmodel.evidence.priors import LinePrior, Prior, build_priors, used_priors
from riskmodel.parameters.library import LoadedProblem
from riskmodel.parameters.schema import Duration, Estimate, Panel
from riskmodel.plots.boxes import badge_handles, plot_boxes
from riskmodel.plots.forest import plot_forest
from riskmodel.plots.style import unit_text
from riskmodel.reports.paper_figure import DISCLAIMER, PaperFigure, new_figure, styled
from riskmodel.reports.provenance import citation, sources_in_use

RATIOS = frozenset(
    {
        "relative_risk", "odds_ratio", "hazard_ratio", "rate_ratio", "prevalence_ratio",
        "later_hazard_ratio",
    }
)  # fmt: skip
MAX_ROWS = 24  # of a forest: more do not fit on a page, and go on another figure
LABEL_WIDTH = 34  # characters
_TAILS = (0.5, 0.025, 0.975)


# --- value tree ---------------------------------------------------------------------------------

_GROUPS = {
    "better": "Benefits: better in the middle of the draws",
    "worse": "Harms: worse in the middle of the draws",
    "either": "Better under one option, worse under another",
    "unknown": "No contrast known",
    "avoid": "Events to avoid",
    "gain": "Outcomes to gain",
    "decisions": "Changes decisions only",
}


def value_tree_tables(
    loaded: LoadedProblem, panel: Panel | None, differences: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return boxes and links of a value tree: benefits and harms, outcomes, their weights.

    Parameters
    ----------
    loaded : LoadedProblem
    panel : Panel or None
        Without one there are no weights.
    differences : pandas.DataFrame, optional
        ``outcome`` and ``better`` (whether the median effect of one option is), to tell benefits
        from harms; without it outcomes are only told apart by whether they are wanted.

    Returns
    -------
    pair of pandas.DataFrame
        As :func:`riskmodel.plots.boxes.plot_boxes` takes them.
    """
    problem = loaded.problem
    groups: dict[str, list[str]] = {group: [] for group in _GROUPS}
    for name, outcome in problem.outcomes.items():
        groups[_group(name, outcome, differences)].append(name)
    nodes, links = [("value", "Net benefit", 0)], []
    for group, members in groups.items():
        if members:
            nodes.append((group, _GROUPS[group], 1))
            links.append(("value", group))
        for name in members:
            outcome = problem.outcomes[name]
            words = outcome.label + ("" if outcome.type == "event" else f" ({outcome.unit})")
            nodes.append((name, words, 2))
            links.append((group, name))
            if panel is not None:
                nodes.append((f"{name} weight", _weight_words(panel, name), 3))
                links.append((name, f"{name} weight"))
    if panel and panel.burden:
        nodes += [("burden", "Burden of treating", 1), ("burden weight", f"{panel.burden:g}", 3)]
        links += [("value", "burden"), ("burden", "burden weight")]
    return (
        pd.DataFrame(nodes, columns=["node", "label", "column"]),
        pd.DataFrame(links, columns=["origin", "target"]),
    )


def _group(name: str, outcome, differences: pd.DataFrame | None) -> str:
    if outcome.diagnostic_impact:
        return "decisions"
    if differences is None:
        return "avoid" if outcome.unwanted else "gain"
    found = set(differences.loc[differences["outcome"] == name, "better"])
    if not found:
        return "unknown"
    return "either" if len(found) > 1 else "better" if found.pop() else "worse"


def _weight_words(panel: Panel, name: str) -> str:
    weight = panel.weights.get(name)
    if weight is None:
        return "not weighed"
    if name == panel.reference:
        return f"{weight.weight:g} (reference)"
    span = f" (range {weight.range[0]:g} to {weight.range[1]:g})" if weight.range else ""
    return f"{weight.weight:g}{span}"


@styled
def value_tree_figure(
    loaded: LoadedProblem, panel: Panel | None, differences: pd.DataFrame | None = None
) -> PaperFigure:
    """Return the value tree of a problem; arguments as of :func:`value_tree_tables`."""
    nodes, links = value_tree_tables(loaded, panel, differences)
    columns = ["", "Side", "Outcome", "Weight"][: int(nodes["column"].max()) + 1]
    figure, ax = new_figure(24 + 15 * nodes["column"].value_counts().max())
    plot_boxes(
        nodes, links, columns=columns, wrap_at=(14, 24, 26, 20)[: len(columns)],
        widths=(0.7, 1.2, 1.3, 1.0)[: len(columns)], ax=ax,
    )  # fmt: skip
    weights = (
        f"Weights ({panel.swing}): whose: {panel.whose}; why: {' '.join(panel.why.split())}"
        if panel
        else "No weights are given."
    )
    comparator = loaded.problem.options[loaded.problem.comparator].label.lower()
    caption = (
        f"Value tree: what is compared with {comparator}, and how it counts. Population: "
        f"{loaded.problem.population}. Horizon: {loaded.problem.horizon}. {weights} No number here "
        f"has an interval: weights are values, not estimates. {DISCLAIMER}"
    )
    shown = nodes.merge(links, left_on="node", right_on="target", how="left")
    points = shown[["node", "label", "column", "origin"]].rename(columns={"origin": "under"})
    said = "; ".join(
        f"{row.label} under {row.under}" for row in points[points["column"] == 2].itertuples()
    )
    return PaperFigure(
        "value_tree", figure, points, caption, f"Tree from net benefit to outcomes: {said}."
    )


# --- graph of the model -------------------------------------------------------------------------


def model_graph_tables(
    loaded: LoadedProblem, panel: Panel | None, *, later: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return boxes and links from sources over priors and outcomes to net benefit.

    Parameters
    ----------
    loaded : LoadedProblem
    panel : Panel or None
    later : bool
        Whether priors that only a later horizon uses are shown.
    """
    problem = loaded.problem
    priors = build_priors(loaded, used_priors(problem, later=later))
    nodes, links, sources = [], [], {}
    for name, prior in priors.items():
        for key in prior.estimates:
            estimate = loaded.estimates[key]
            origin = estimate.source.key or "judgement"
            sources.setdefault(origin, _source_words(loaded, estimate))
            links.append((f"source {origin}", f"prior {name}"))
    nodes += [(f"source {key}", words, 0, "") for key, words in sources.items()]
    nodes += [(f"prior {n}", n.replace("_", " "), 1, p.badge) for n, p in priors.items()]
    for name, outcome in problem.outcomes.items():
        used = set(
            used_priors(problem.model_copy(update={"outcomes": {name: outcome}}), later=later)
        )
        nodes.append((f"outcome {name}", f"Risk: {outcome.label}", 2, ""))
        if outcome.type != "event":
            nodes[-1] = (f"outcome {name}", f"Mean: {outcome.label}", 2, "")
        links += [(f"prior {prior}", f"outcome {name}") for prior in priors if prior in used]
        if panel is not None and name in panel.weights:
            links.append((f"outcome {name}", "net benefit"))
    if panel is not None:
        nodes.append(("net benefit", "Net benefit", 3, ""))
    links = pd.DataFrame(links, columns=["origin", "target"]).drop_duplicates(ignore_index=True)
    return pd.DataFrame(nodes, columns=["node", "label", "column", "badge"]), links


def _source_words(loaded: LoadedProblem, estimate: Estimate) -> str:
    """Return a source in a few words: first author and year, or whose judgement."""
    judgement = estimate.source.judgement
    if judgement is not None:
        return "Judgement"
    return short_citation(loaded.sources[estimate.source.key].citation)


def short_citation(citation_text: str) -> str:
    """Return the first author or title of a citation with its year.

    Examples
    --------
    >>> short_citation("Walsh M, Collister D, Zeng L, et al. BMJ 2022;376:e064604")
    'Walsh 2022'
    >>> short_citation("Barth D et al. Neurology 2011;76:2017-23")
    'Barth 2011'
    >>> short_citation("A diary, 2001")
    'A diary 2001'
    """
    import re

    head = citation_text.split(",")[0].split(". ")[0].strip()
    year = re.search(r"\b(19|20)\d\d\b", citation_text)
    pattern = r"([^\W\d_][\w'’-]+(?: [a-z][\w'’-]*)*) [A-Z]{1,3}(?: et al\.?)?"
    author = re.fullmatch(pattern, head)
    name = author.group(1) if author else " ".join(head.split()[:6])
    if year is None or year.group() in name:
        return name
    return f"{name} {year.group()}"


@styled
def model_graph_figure(
    loaded: LoadedProblem, panel: Panel | None, *, later: bool = False
) -> PaperFigure:
    """Return the graph of the model; arguments as of :func:`model_graph_tables`."""
    nodes, links = model_graph_tables(loaded, panel, later=later)
    nodes = _untangled(nodes, links)
    columns = ["Sources", "Inputs", "Outcomes", "Decision"][: int(nodes["column"].max()) + 1]
    figure, ax = new_figure(30 + 13 * nodes["column"].value_counts().max())
    plot_boxes(
        nodes, links, columns=columns, wrap_at=(18, 26, 24, 12)[: len(columns)],
        widths=(1.0, 1.35, 1.25, 0.7)[: len(columns)], ax=ax,
    )  # fmt: skip
    handles = badge_handles(list(nodes["badge"]))
    figure.legend(handles.values(), handles, loc="outside lower center", ncol=4)
    problem = loaded.problem
    apart = [outcome.label.lower() for outcome in problem.outcomes.values() if outcome.competing]
    caption = (
        f"The model as a graph: from sources over inputs to outcomes under each option. "
        f"Population: {problem.population}. Horizon: {problem.horizon}. Frames: what an input "
        f"rests on. "
        + (f"Counted beside a competing outcome: {', '.join(apart)}. " if apart else "")
        + (f"{len(problem.correlations)} declared correlations between inputs are not drawn. "
           if problem.correlations else "")
        + f"{DISCLAIMER}\n\nSources\n"
        + "\n".join(f"- {line}" for line in sources_in_use(loaded, later=later))
    )  # fmt: skip
    counts = nodes["column"].value_counts()
    alt = (
        f"Graph with {counts.get(0, 0)} sources, {counts.get(1, 0)} inputs and "
        f"{counts.get(2, 0)} outcomes. "
        + "; ".join(
            f"{row.label} ({row.badge})" for row in nodes[nodes["column"] == 1].itertuples()
        )
        + "."
    )
    label = nodes.set_index("node")["label"]
    badge = nodes.set_index("node")["badge"]
    points = links.assign(
        origin_label=links["origin"].map(label),
        target_label=links["target"].map(label),
        origin_badge=links["origin"].map(badge),
        target_badge=links["target"].map(badge),
    )
    return PaperFigure("model_graph", figure, points, caption, alt)


def _untangled(nodes: pd.DataFrame, links: pd.DataFrame) -> pd.DataFrame:
    """Return boxes in an order with few crossings: each column by where its links come from."""
    place = {}
    for _ in range(8):
        for column in sorted(nodes["column"].unique()):
            part = nodes[nodes["column"] == column]
            for i, node in enumerate(part["node"]):
                place.setdefault(node, i / len(part))
        for ends in (("origin", "target"), ("target", "origin")):
            near = links[ends[0]].map(place)
            means = near.groupby(links[ends[1]], sort=False).mean()
            for column in nodes["column"].unique():
                part = [n for n in nodes.loc[nodes["column"] == column, "node"]]
                ordered = sorted(part, key=lambda node: (means.get(node, place[node]), place[node]))
                place |= {node: i / len(part) for i, node in enumerate(ordered)}
    order = nodes["node"].map(place)
    return (
        nodes.assign(_place=order)
        .sort_values(["column", "_place"], kind="stable", ignore_index=True)
        .drop(columns="_place")
    )


# --- forest of the evidence ---------------------------------------------------------------------


def forest_tables(loaded: LoadedProblem, *, later: bool = False) -> dict[str, pd.DataFrame]:
    """Return what the inputs rest on and what the model takes from it, by kind of measure.

    Parameters
    ----------
    loaded : LoadedProblem
    later : bool
        Whether inputs that only a later horizon uses are there too.

    Returns
    -------
    dict of str to pandas.DataFrame
        By ``ratio``, ``risk`` (in percent), ``rate`` (per 1000 days) or another measure; rows as
        :func:`riskmodel.plot_forest` takes them, with ``prior``, ``estimate``, ``measure`` and
        ``source``.
    """
    rows: dict[str, list[dict]] = {}
    for name, prior in build_priors(loaded, used_priors(loaded.problem, later=later)).items():
        kind = "ratio" if prior.measure in RATIOS else prior.measure
        if isinstance(prior, LinePrior):
            kind = "risk"
        of_prior = [_printed_row(loaded, name, prior, loaded.estimates[k]) for k in prior.estimates]
        of_prior = [row for row in of_prior if _kind_of(row["measure"]) == kind]
        if isinstance(prior, Prior):
            of_prior.append(_used_row(name, prior, loaded.problem.priors[name].reverse))
        rows.setdefault(kind, []).extend(of_prior)
    kinds = sorted(rows, key=lambda kind: kind != "ratio")  # effects first
    tables = {kind: pd.DataFrame(rows[kind]) for kind in kinds if rows[kind]}
    for kind, scale in (("risk", 100), ("rate", 1000)):
        if kind in tables:
            tables[kind][["value", "lower", "upper"]] *= scale
    return tables


def _kind_of(measure: str) -> str:
    return "ratio" if measure in RATIOS else measure


def _printed_row(loaded: LoadedProblem, name: str, prior, estimate: Estimate) -> dict:
    interval = estimate.interval
    lower, upper = (interval.lower, interval.upper) if interval else (np.nan, np.nan)
    scale = 0.01 if estimate.unit == "percent" else 1
    per = 1.0
    if estimate.measure == "rate" and estimate.per is not None:
        per = Duration(value=estimate.per.value, unit=estimate.per.unit).days
    at = ""
    if estimate.at:
        units = loaded.problem.covariates
        at = " at " + ", ".join(
            f"{value:g} {unit_text(units[key].unit)}" if key in units else f"{key} {value:g}"
            for key, value in estimate.at.items()
        )
    return {
        "label": fill(f"{_source_words(loaded, estimate)}{at}", LABEL_WIDTH),
        "kind": "observed",
        "value": estimate.number / per,
        "lower": np.nan if lower is None else lower * scale / per,
        "upper": np.nan if upper is None else upper * scale / per,
        "badge": "",
        "note": "",
        "prior": name,
        "estimate": estimate.id,
        "measure": estimate.measure,
        "source": citation(loaded, estimate),
    }


def _used_row(name: str, prior: Prior, turned: bool) -> dict:
    value, lower, upper = prior.quantile(_TAILS)
    words = [prior.measure.replace("_", " ")] if prior.measure in RATIOS else []
    words += ["turned round"] if turned else []
    return {
        "label": fill(name.replace("_", " "), LABEL_WIDTH),
        "kind": "used",
        "value": float(value),
        "lower": float(lower),
        "upper": float(upper),
        "badge": prior.badge,
        "note": ", ".join(words),
        "prior": name,
        "estimate": "",
        "measure": prior.measure,
        "source": "",
    }


_AXES = {
    "ratio": "Ratio (95% interval), logarithmic axis",
    "risk": "Risk (%), 95% interval",
    "rate": "Rate per 1000 days (95% interval)",
}


def evidence_forest_figures(loaded: LoadedProblem, *, later: bool = False) -> Iterator[PaperFigure]:
    """Yield forests of the evidence, one a kind of measure: printed, and what the model takes."""
    tables = forest_tables(loaded, later=later)
    for kind, table in tables.items():
        pages = -(-len(table) // MAX_ROWS)
        for page in range(pages):
            rows = table.iloc[page * MAX_ROWS : (page + 1) * MAX_ROWS]
            name = "evidence_forest" if kind == "ratio" else f"evidence_forest_{kind}"
            yield _forest(loaded, kind, rows, name + (f"_{page + 1}" if pages > 1 else ""))


@styled
def _forest(loaded: LoadedProblem, kind: str, table: pd.DataFrame, name: str) -> PaperFigure:
    figure, ax = new_figure(32 + 8 * len(table))
    plot_forest(
        table,
        xlabel=_AXES.get(kind, f"{kind.replace('_', ' ').capitalize()} (95% interval)"),
        ratio=kind == "ratio",
        reference=np.nan if kind in ("risk", "rate") else None,
        digits=1 if kind == "risk" else 2,
        ax=ax,
    )
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncol=3)
    problem = loaded.problem
    caption = (
        f"The evidence behind {len(set(table['prior']))} inputs, and what the model takes from it. "
        f"Population: {problem.population}. Horizon: {problem.horizon}. Squares: as printed in the "
        "source, with its own interval where one is printed; triangles: the prior distribution in "
        "use, median and 95% equal-tailed credible interval, with what it rests on. "
        f"{DISCLAIMER}\n\nSources\n"
        + "\n".join(f"- {line}" for line in dict.fromkeys(table["source"]) if line)
    )
    said = "; ".join(
        f"{' '.join(row.label.split())} {row.value:.3g}"
        + (f" ({row.lower:.3g} to {row.upper:.3g})" if np.isfinite(row.lower) else "")
        for row in table.itertuples()
        if np.isfinite(row.value)
    )
    return PaperFigure(name, figure, table, caption, f"Forest plot. {said}.")
