"""Net benefit over the weights of two harms at once, and where it changes sign."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.absolute_effects import KIND, interval_tails
from riskmodel.decisions.acceptability import split_all, varied_outcome, weight_range
from riskmodel.decisions.net_benefit import Weighting, falls_to, weighting
from riskmodel.decisions.option_draws import refuse
from riskmodel.errors import Phrase
from riskmodel.parameters.schema import Panel

LEVELS = (0.5, 0.8, 0.95)
STEPS = 41
_CELLS = 400_000  # weights x draws of one chunk


def preference_map(
    outcomes: xr.Dataset,
    *,
    harms: tuple[str, str] | None = None,
    weights: tuple[Sequence[float], Sequence[float]] | None = None,
    preferences: str | Panel | None = None,
    prob: float = 0.95,
) -> pd.DataFrame:
    """Return net benefit against the weights of two outcomes.

    Parameters
    ----------
    outcomes : xarray.Dataset
        From :func:`riskmodel.simulate`.
    harms : pair of str, optional
        Whose weights vary; None is the one the problem names and the next one of the panel's.
    weights : pair of sequences of float, optional
        None is 41 values each over the panel's ranges, or 0 to 1.
    preferences : str or Panel, optional
        The other weights.
    prob : float
        Of the equal-tailed credible intervals, in (0, 1).

    Returns
    -------
    pandas.DataFrame
        One row a profile, option and pair of weights: ``outcome_1``, ``weight_1``, ``outcome_2``,
        ``weight_2``, ``net_benefit`` (posterior mean), ``lower``, ``upper``, ``prob_positive``,
        ``prob``, ``kind``.

    Notes
    -----
    ``net benefit = a - h1 * w1 - h2 * w2`` draw by draw; a stated pair of the two keeps its own
    weight, so that at 0 and 0 it is only where both happen that they still count.
    """
    tails = interval_tails(prob)
    bound, names, grids, parts = _ready(outcomes, harms, weights, preferences)
    first, second = (grid.ravel() for grid in np.meshgrid(*grids, indexing="ij"))
    tables = []
    for who, option, draws in _each(bound, outcomes, parts):
        columns = {key: np.empty(len(first)) for key in ("net_benefit", "lower", "upper", "above")}
        step = max(1, _CELLS // len(draws))
        for start in range(0, len(first), step):
            at = slice(start, start + step)
            ones = np.ones(len(first[at]))
            value = np.stack([ones, first[at], second[at]], axis=1) @ draws.T
            columns["net_benefit"][at] = value.mean(axis=1)
            columns["above"][at] = (value > 0).mean(axis=1)
            columns["lower"][at], columns["upper"][at] = np.quantile(value, tails, axis=1)
        tables.append(
            pd.DataFrame(
                {
                    "profile": who,
                    "option": option,
                    "outcome_1": names[0],
                    "weight_1": first,
                    "outcome_2": names[1],
                    "weight_2": second,
                    "net_benefit": columns["net_benefit"],
                    "lower": columns["lower"],
                    "upper": columns["upper"],
                    "prob_positive": columns["above"],
                    "prob": prob,
                    "kind": KIND,
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def preference_contours(
    outcomes: xr.Dataset,
    *,
    harms: tuple[str, str] | None = None,
    weights: Sequence[float] | None = None,
    preferences: str | Panel | None = None,
    levels: Sequence[float] = LEVELS,
) -> pd.DataFrame:
    """Return the lines of the map: zero expected net benefit, and levels of its probability.

    Parameters
    ----------
    outcomes, harms, preferences
        As of :func:`preference_map`.
    weights : sequence of float, optional
        Of the first harm; None is 41 values over its range.
    levels : sequence of float
        Of P(net benefit > 0), in (0, 1).

    Returns
    -------
    pandas.DataFrame
        One row a profile, option, line and weight of the first harm: ``contour``
        (``net_benefit`` or ``prob_positive``), ``level``, ``outcome_1``, ``weight_1``,
        ``outcome_2`` and ``weight_2``: the least weight of the second harm at which net benefit is
        0 or below, or its probability at most the level; 0 where it is so already, infinite where
        it never is.
    """
    for level in levels:
        interval_tails(level)
    bound, names, grids, parts = _ready(
        outcomes, harms, None if weights is None else (weights, [0.0]), preferences
    )
    rows = []
    for who, option, draws in _each(bound, outcomes, parts):
        rest, first, second = draws.T  # a harm's part is what its weight adds: negative
        for weight in grids[0]:
            left = rest + weight * first
            mean, slope = left.mean(), second.mean()
            zero = 0.0 if mean <= 0 else (mean / -slope if slope < 0 else np.inf)
            lines = [("net_benefit", 0.0, zero)]
            lines += [("prob_positive", p, falls_to(left, -second, p)) for p in levels]
            rows += [
                (who, option, kind, level, names[0], weight, names[1], other)
                for kind, level, other in lines
            ]
    columns = ("profile", "option", "contour", "level", "outcome_1", "weight_1", "outcome_2")
    table = pd.DataFrame(rows, columns=[*columns, "weight_2"])
    order = ["profile", "option", "contour", "level"]
    return table.sort_values(order, kind="stable", ignore_index=True)


def map_harms(bound: Weighting, harms: tuple[str, str] | None = None) -> tuple[str, str]:
    """Return the two outcomes of the map: those given, or the panel's first two harms."""
    if harms is None:
        first = varied_outcome(bound, None)
        others = [
            name
            for name in bound.panel.weights
            if name not in (first, bound.panel.reference) and bound.problem.outcomes[name].unwanted
        ]
        if not others:
            refuse("harms", Phrase(f"only {first}"), "two outcomes whose weights vary",
                   "the preference curve shows one")  # fmt: skip
        ranged = [name for name in others if bound.panel.weights[name].range]
        return first, (ranged or others)[0]
    if isinstance(harms, str) or len(harms) != 2 or harms[0] == harms[1]:
        refuse("harms", harms, "two different outcomes", "name the two whose weights vary")
    return tuple(varied_outcome(bound, name) for name in harms)


def _ready(outcomes, harms, weights, preferences):
    bound = weighting(outcomes, preferences)
    names = map_harms(bound, harms)
    if weights is None:
        grids = [weight_range(bound, name, STEPS) for name in names]
    else:
        grids = [np.asarray(row, dtype=float) for row in weights]
        for name, row in zip(names, grids, strict=True):
            if row.ndim != 1 or not row.size or not np.isfinite(row).all() or (row < 0).any():
                refuse(f"weights.{name}", row, "finite numbers of at least 0", "correct them")
    return bound, names, grids, split_all(bound, outcomes["risk"], names)


def _each(bound: Weighting, outcomes, parts) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield profile, option and the finite draws of net benefit's parts (draw, part)."""
    found = False
    for who in outcomes["profile"].values:
        for option in bound.problem.alternatives:
            draws = parts.sel(profile=who, option=option).transpose(..., "outcome").values
            draws = draws.reshape(-1, draws.shape[-1])
            draws = draws[np.isfinite(draws).all(axis=1)]
            if len(draws):
                found = True
                yield who, option, draws
    if not found:
        refuse("outcomes", Phrase("no option with net benefit"), "one that can be estimated",
               "a contrast that is not estimable has no map")  # fmt: skip
