"""Figures for the supplement: chains and ranks, and densities before and after the evidence."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill

import numpy as np
import pandas as pd

from riskmodel.evidence.priors import build_priors, draw_priors, modelling_scale
from riskmodel.models.posterior import Posterior
from riskmodel.plots.draws import plot_prior_posterior, plot_ranks_by_chain, plot_trace
from riskmodel.reports.paper_figure import DISCLAIMER, PaperFigure, new_figure, styled

ROWS = 6  # quantities on a page of traces
PANELS = 12  # on a page of densities
MAX_POINTS = 250  # of a chain's trace that are drawn
BINS = 20
GRID_POINTS = 201


def scalar_draws(posterior: Posterior) -> dict[str, np.ndarray]:
    """Return every quantity's draws, (chain, draw), a line's coefficients apart."""
    found = {}
    for name, variable in posterior.draws.data_vars.items():
        values = variable.transpose("chain", "draw", ...).values
        if values.ndim == 2:
            found[str(name)] = values
            continue
        names = ("intercept", "slope") if values.shape[2] == 2 else range(values.shape[2])
        found |= {f"{name} ({part})": values[:, :, i] for i, part in enumerate(names)}
    return {name: values for name, values in found.items() if np.ptp(values) > 0}


# --- traces and ranks ---------------------------------------------------------------------------


def trace_table(name: str, values: np.ndarray) -> pd.DataFrame:
    """Return at most `MAX_POINTS` draws of each chain, evenly spaced, as they are drawn."""
    chains, draws = values.shape
    step = max(1, -(-draws // MAX_POINTS))
    kept = np.arange(0, draws, step)
    return pd.DataFrame(
        {
            "quantity": name,
            "panel": "trace",
            "chain": np.repeat(np.arange(1, chains + 1), len(kept)),
            "draw": np.tile(kept + 1, chains),
            "value": values[:, kept].ravel(),
        }
    )


def rank_table(name: str, values: np.ndarray) -> pd.DataFrame:
    """Return how often each chain takes each twentieth of all ranks, beside what is expected.

    Notes
    -----
    Rank plots of Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), doi:10.1214/20-BA1221.
    """
    from scipy.stats import rankdata

    chains, draws = values.shape
    ranks = rankdata(values, method="average").reshape(chains, draws) - 0.5
    place = np.minimum((BINS * ranks / values.size).astype(int), BINS - 1)
    counts = np.array([np.bincount(row, minlength=BINS) for row in place])
    share = counts * BINS / draws
    # The last edge again, so that the last step is drawn to its end.
    edges = np.append(np.arange(BINS), BINS) / BINS
    share = np.column_stack([share, share[:, -1]])
    return pd.DataFrame(
        {
            "quantity": name,
            "panel": "ranks",
            "chain": np.repeat(np.arange(1, chains + 1), BINS + 1),
            "rank": np.tile(edges, chains),
            "share": share.ravel(),
        }
    )


def trace_rank_figures(posterior: Posterior) -> Iterator[PaperFigure]:
    """Yield traces and ranks of every quantity, `ROWS` quantities a figure."""
    found = list(scalar_draws(posterior).items())
    pages = -(-len(found) // ROWS)
    for page in range(pages):
        name = "trace_rank" + (f"_{page + 1}" if pages > 1 else "")
        yield _trace_rank(posterior, dict(found[page * ROWS : (page + 1) * ROWS]), name)


@styled
def _trace_rank(posterior: Posterior, found: dict[str, np.ndarray], name: str) -> PaperFigure:
    figure, grid = new_figure(
        20 + 30 * len(found), len(found), 2, squeeze=False, width_ratios=(3, 2)
    )
    points = []
    for i, (quantity, values) in enumerate(found.items()):
        trace, ranks = trace_table(quantity, values), rank_table(quantity, values)
        plot_trace(trace, ax=grid[i, 0])
        plot_ranks_by_chain(ranks, ax=grid[i, 1])
        grid[i, 0].set_title(quantity.replace("_", " "), loc="left")
        last = i == len(found) - 1
        for ax in grid[i]:
            ax.tick_params(labelbottom=last)
        points += [trace, ranks]
    grid[-1, 0].set_xlabel("Draw")
    grid[-1, 1].set_xlabel("Rank among all draws (share)")
    grid[0, 1].set_title("frequency of ranks, 1 is expected", loc="left")
    figure.supylabel("Value")
    handles = dict(zip(*reversed(grid[0, 1].get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles, loc="outside lower center", ncol=len(handles))
    record = posterior.record
    size = next(iter(found.values())).shape
    told = {row["quantity"]: row for row in record.get("diagnostics") or ()}
    worst = max((row["r_hat"] for row in told.values()), default=float("nan"))
    least = min((row["ess_bulk"] for row in told.values()), default=float("nan"))
    caption = (
        f"How {size[0]} chains of {size[1]} draws went ({record.get('sampler', 'sampler')}, seed "
        f"{record['seed']}). Left: the draws in order, at most {MAX_POINTS} a chain, evenly "
        "spaced. Right: how often each chain takes each twentieth of all ranks, beside what is "
        "expected; level lines are what agreement looks like. Values are in each input's unit. "
        + (f"Over all quantities: largest R-hat {worst:.3f}, least bulk effective sample size "
           f"{least:.0f}, {record.get('divergences', 0)} divergent transitions. " if told else "")
        + f"No intervals are drawn. {DISCLAIMER}\n\nSources\n- this run's own draws"
    )  # fmt: skip
    alt = (
        f"Traces and rank plots of {', '.join(q.replace('_', ' ') for q in found)}: "
        f"{size[0]} chains each."
    )
    return PaperFigure(name, figure, pd.concat(points, ignore_index=True), caption, alt)


# --- before and after ---------------------------------------------------------------------------


def density_table(name: str, before: np.ndarray, after: np.ndarray, scale: str) -> pd.DataFrame:
    """Return Gaussian kernel densities of prior and posterior draws of one quantity.

    Parameters
    ----------
    name : str
    before, after : ndarray, shape (sample,)
    scale : {"log", "log_odds", "plain"}
        Where the kernel is normal: on the logarithm or the log odds, carried back to the
        quantity's own unit, or in that unit itself. On a logarithmic axis the density is per unit
        of the logarithm, so that areas are probabilities as they are seen.

    Returns
    -------
    pandas.DataFrame
        ``quantity``, ``kind``, ``value``, ``density``, from the 0.1st to the 99.9th percentile
        of both.
    """
    from scipy.special import expit, logit
    from scipy.stats import gaussian_kde

    to, back = {
        "log": (np.log, np.exp),
        "log_odds": (logit, expit),
        "plain": (np.asarray, np.asarray),
    }[scale]
    ends = np.quantile(to(after), [0.001, 0.999])
    wide = np.quantile(to(before), [0.001, 0.999])
    middle, half = ends.mean(), max(np.ptp(ends), 1e-12)
    # A prior without bounds would leave the posterior a spike.
    low = max(min(ends[0], wide[0]), middle - 3 * half)
    high = min(max(ends[1], wide[1]), middle + 3 * half)
    where = np.linspace(low, high, GRID_POINTS)
    tables = []
    for kind, values in (("prior", before), ("posterior", after)):
        density = gaussian_kde(to(values))(where)
        if scale == "log_odds":
            density = density / (expit(where) * expit(-where))
        tables.append(
            pd.DataFrame({"quantity": name, "kind": kind, "value": back(where), "density": density})
        )
    return pd.concat(tables, ignore_index=True)


def prior_posterior_figures(posterior: Posterior) -> Iterator[PaperFigure]:
    """Yield densities of every quantity before and after, `PANELS` a figure."""
    loaded = posterior.loaded
    after = scalar_draws(posterior)
    names = [name for name in posterior.draws.data_vars if name in loaded.problem.priors]
    priors = build_priors(loaded, names)
    drawn = draw_priors(
        priors,
        [c for c in loaded.problem.correlations if set(c.priors) <= set(names)],
        next(iter(after.values())).size,
        np.random.default_rng(posterior.seed),
    )
    found = {}
    for name, prior in priors.items():
        values = np.asarray(drawn[name])
        parts = {name: values}
        if values.ndim == 2:
            parts = {f"{name} ({p})": values[:, i] for i, p in enumerate(("intercept", "slope"))}
        scale = "plain" if values.ndim == 2 else modelling_scale(prior.measure)
        for part, before in parts.items():
            if part in after:
                table = density_table(part, before, after[part].ravel(), scale)
                found[part] = (prior, scale, table)
    pages = -(-len(found) // PANELS)
    listed = list(found.items())
    for page in range(pages):
        name = "prior_posterior" + (f"_{page + 1}" if pages > 1 else "")
        yield _prior_posterior(posterior, dict(listed[page * PANELS : (page + 1) * PANELS]), name)


@styled
def _prior_posterior(posterior: Posterior, found: dict, name: str) -> PaperFigure:
    columns = min(3, len(found))
    rows = -(-len(found) // columns)
    figure, grid = new_figure(20 + 36 * rows, rows, columns, squeeze=False)
    for ax, (quantity, (prior, scale, table)) in zip(grid.ravel(), found.items(), strict=False):
        measure = "log odds" if prior.measure == "log_odds_line" else prior.measure
        plot_prior_posterior(
            table,
            xlabel=measure.replace("_", " ").capitalize(),
            log=scale == "log",
            ax=ax,
        )
        words = quantity.replace("_", " ")
        ax.set_title(fill(f"{words} [{prior.badge}]", 32), loc="left")
    for ax in grid.ravel()[len(found) :]:
        ax.set_visible(False)
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncol=2)
    points = pd.concat([table for _, _, table in found.values()], ignore_index=True)
    size = posterior.draws.sizes["chain"] * posterior.draws.sizes["draw"]
    caption = (
        f"Every input before (dashed) and after (solid) the evidence is joined: kernel densities "
        f"of {size} draws each (seed {posterior.seed}), from the 0.1st to the 99.9th percentile. "
        "Where the two agree the prior made from the source is also what the model uses: nothing "
        "else in the problem speaks of it. In brackets: what the input rests on. No intervals are "
        f"drawn. {DISCLAIMER}\n\nSources\n- this run's own draws; provenance stands in its tables"
    )
    alt = f"Densities before and after of {', '.join(q.replace('_', ' ') for q in found)}."
    return PaperFigure(name, figure, points, caption, alt)
