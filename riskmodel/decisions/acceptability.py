"""Which option is best, and how surely, as weights change; and where benefit meets harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.net_benefit import (
    BREAK_EVEN_PROBABILITIES,
    Weighting,
    falls_to,
    weighting,
)
from riskmodel.decisions.option_draws import OptionDraws, read_effects, refuse
from riskmodel.errors import Phrase, did_you_mean
from riskmodel.parameters.schema import Panel

_LINE_DRAWS = 8192  # of one chunk: a few arrays of it fit a core's cache
_CELLS = 80_000  # weights x draws of one chunk where weights do not lie on a line
_COMPILED_DRAWS = 256  # of one chunk of the compiled loop
_COMPILED_FROM = 10_000_000  # weights x draws x options: below, loading the loop takes longer
_BATCHES_OF_A_CHAIN = 8
REST = "everything else"  # the part of net benefit that no varied weight multiplies


def acceptability(
    effects: Any,
    weights: Any = None,
    *,
    outcome: str | None = None,
    preferences: str | Panel | None = None,
    burden: Sequence[float] | Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return P(best) of every option over weights, and which option is on the frontier.

    Parameters
    ----------
    effects : xarray.Dataset, DataArray, DataFrame or array_like
        Outcomes from :func:`riskmodel.simulate`; or effects (draw, option, outcome), signed so
        that more is better, in any form of which names can be read: a DataArray with dimensions
        ``option`` and ``outcome``, a DataFrame with columns of two levels, an array. Without an
        outcome dimension (a DataFrame with one column an option): net benefit itself, at one
        weight, or at each of a dimension ``weight``.
    weights : optional
        For outcomes from :func:`riskmodel.simulate`: a sequence, the weights of `outcome` (None is
        121 values over the panel's range), or a mapping or DataFrame of several outcomes' weights,
        one set a row. For effects: a mapping of every outcome to a weight or a sequence of them, a
        DataFrame of such columns, or an array (set, outcome).
    outcome : str, optional
        Whose weight varies, where `weights` is a sequence or None; None is the one the problem
        names.
    preferences : str or Panel, optional
        The weights that do not vary; of outcomes from :func:`riskmodel.simulate` only.
    burden : sequence or mapping, optional
        Taken from the net benefit of each option, of effects only; a panel has its own.

    Returns
    -------
    pandas.DataFrame
        One row a profile (if any), weight and option: ``outcome`` and ``weight`` where one varies,
        else ``weight_set`` and a ``weight_<outcome>`` each; ``prob_best``, which adds up to one
        over options (options equal in a draw share it); ``monte_carlo_standard_error`` of it
        (by batch means where draws come by chain); ``net_benefit``, the mean; ``frontier``, true
        for the option of highest mean, the first of equals; ``n_draws``.

    Raises
    ------
    ParameterError
        If weights are negative, not numbers, or on an absent outcome.

    Notes
    -----
    The frontier option is the one to prefer on expectation; its ``prob_best`` may be below a half
    and even below another's. Memory beside the input is of the order of options x weights: where
    one weight varies each draw gives, for every option, the interval of weights at which it is
    best, and the ends are counted (Fenwick, Claxton, Sculpher 2001 for curve and frontier).

    Examples
    --------
    >>> effects = np.array([[[0, 0], [2.0, -1.0]], [[0, 0], [4.0, -1.0]]])  # benefit, harm
    >>> table = acceptability(effects, {"outcome_1": 1, "outcome_2": [1, 3, 5]})
    >>> table.pivot(index="weight", columns="option", values="prob_best").loc[3].tolist()
    [0.5, 0.5]
    """
    if isinstance(effects, xr.Dataset) and "problem" in effects.attrs and "risk" in effects:
        if burden is not None:
            refuse("burden", burden, "the burden of a panel", "set it in the panel")
        draws, sets = _of_outcomes(effects, weights, outcome, preferences)
        costs = np.zeros(len(draws.options))
    else:
        for name, given in (("preferences", preferences), ("outcome", outcome)):
            if given is not None:
                refuse(name, given, "nothing beside effects of one's own",
                       "give every outcome's weight in a mapping")  # fmt: skip
        draws = read_effects(effects)
        sets = _sets(draws.outcomes, weights)
        costs = _burden(draws.options, burden)
    tables = []
    for place, group in enumerate(draws.groups):
        values, options, chains = draws.group(place)
        if len(options) < 2 or not len(values):
            continue
        kept = [draws.options.index(option) for option in options]
        table = _one_group(values, options, costs[kept], sets, chains)
        for name, label in reversed(group.items()):
            table.insert(0, name, label)
        tables.append(table)
    if not tables:
        refuse("effects", Phrase("no two options with finite effects"), "two options or more",
               "a contrast that is not estimable has no acceptability")  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def _one_group(values, options, costs, sets: pd.DataFrame, chains: int | None) -> pd.DataFrame:
    matrix = sets[[name for name in sets.columns if name.startswith("\0")]].to_numpy()
    shown = sets[[name for name in sets.columns if not name.startswith("\0")]]
    shares, errors = best_shares(values, matrix, costs, chains=chains)
    mean = matrix @ values.mean(axis=0).T - costs
    frontier = mean.argmax(axis=1)[:, None] == np.arange(len(options))
    table = shown.loc[shown.index.repeat(len(options))].reset_index(drop=True)
    table.insert(0, "option", np.tile(np.array(options, dtype=object), len(shown)))
    return table.assign(
        prob_best=shares.ravel(),
        monte_carlo_standard_error=errors.ravel(),
        net_benefit=mean.ravel(),
        frontier=frontier.ravel(),
        n_draws=len(values),
    )


# --- which weights ------------------------------------------------------------------------------

# Sets of weights are a table: the columns to show, and those to multiply by, whose names start
# with NUL so that no outcome's name can be one of them.


def _of_outcomes(
    outcomes: xr.Dataset, weights: Any, outcome: str | None, preferences
) -> tuple[OptionDraws, pd.DataFrame]:
    """Return net benefit as parts, linear in the weights that vary, and the weights."""
    bound = weighting(outcomes, preferences)
    if isinstance(weights, Mapping | pd.DataFrame):
        if outcome is not None:
            refuse("outcome", outcome, "nothing beside weights by outcome", "leave it out")
        frame = _frame(weights, tuple(bound.problem.outcomes), whole=False)
    else:
        outcome = varied_outcome(bound, outcome)
        grid = weight_range(bound, outcome) if weights is None else _row("weights", weights)
        frame = pd.DataFrame({outcome: grid})
    parts = split_all(bound, outcomes["risk"], tuple(frame.columns))
    draws = read_effects(parts.assign_coords(outcome=[REST, *frame.columns]))
    frame.insert(0, REST, 1.0)
    return draws, _labelled(frame, varied=list(frame.columns[1:]))


def varied_outcome(bound: Weighting, outcome: str | None) -> str:
    """Return an outcome of the problem: the one given, or the one whose weight it varies."""
    outcome = outcome or bound.problem.preferences.vary
    if outcome not in bound.problem.outcomes:
        known = bound.problem.outcomes
        refuse("outcome", outcome, ", ".join(known), did_you_mean(outcome, known))
    return outcome


def weight_range(bound: Weighting, outcome: str, steps: int = 121) -> np.ndarray:
    """Return weights over the panel's range of an outcome; 0 to 1 where it states none."""
    declared = bound.panel.weights.get(outcome)
    low, high = declared.range if declared and declared.range else (0.0, 1.0)
    return np.linspace(low, high, steps)


def split_all(bound: Weighting, risk: xr.DataArray, outcomes: Sequence[str]) -> xr.DataArray:
    """Return net benefit as parts along ``outcome``: the rest, then what each weight multiplies.

    Net benefit is linear in every weight (a stated pair keeps its own), so that
    ``rest + sum of weight * part`` is net benefit at those weights.
    """
    nothing = bound
    for name in outcomes:
        nothing = nothing.with_weight(name, 0.0)
    rest = nothing.net_benefit(risk)
    parts = [rest, *(nothing.with_weight(name, 1.0).net_benefit(risk) - rest for name in outcomes)]
    return xr.concat(parts, dim="outcome")


def _sets(outcomes: tuple[str, ...], weights: Any) -> pd.DataFrame:
    if weights is None:
        if len(outcomes) > 1:
            refuse("weights", None, f"a weight for each of {', '.join(outcomes)}",
                   "give a mapping of outcomes to weights")  # fmt: skip
        return pd.DataFrame({f"\0{outcomes[0]}": [1.0]})
    if isinstance(weights, Mapping | pd.DataFrame):
        frame = _frame(weights, outcomes, whole=True)
    else:
        try:
            matrix = np.asarray(weights, dtype=float)
        except (TypeError, ValueError):
            refuse("weights", type(weights).__name__, "numbers", "give an array (set, outcome)")
        if matrix.ndim != 2 or matrix.shape[1] != len(outcomes):
            refuse("weights", Phrase(f"shape {matrix.shape}"), f"(set, {len(outcomes)})",
                   "give one row a set and one column an outcome")  # fmt: skip
        frame = _frame(pd.DataFrame(matrix, columns=list(outcomes)), outcomes, whole=True)
    varied = [name for name in frame if len(frame) > 1 and np.ptp(frame[name]) > 0]
    return _labelled(frame, varied)


def _frame(weights: Mapping | pd.DataFrame, outcomes: tuple[str, ...], *, whole: bool):
    for name in weights:
        if name not in outcomes:
            refuse(f"weights.{name}", name, ", ".join(outcomes), did_you_mean(name, outcomes))
    missing = [name for name in outcomes if name not in weights] if whole else []
    if missing:
        refuse(f"weights.{missing[0]}", Phrase("nothing"), "a weight for every outcome",
               "give 0 to what shall not count")  # fmt: skip
    rows = {name: _row(f"weights.{name}", weights[name]) for name in weights}
    size = max((len(row) for row in rows.values()), default=0)
    for name, row in rows.items():
        if len(row) not in (1, size):
            refuse(f"weights.{name}", Phrase(f"{len(row)} weights"), f"1 or {size}",
                   "give every outcome one weight, or as many as the others")  # fmt: skip
    if not size:
        refuse("weights", Phrase("nothing"), "one weight or more", "name an outcome's weights")
    order = [name for name in outcomes if name in rows]
    return pd.DataFrame({name: np.broadcast_to(rows[name], size) for name in order})


def _row(field: str, weights: Any) -> np.ndarray:
    try:
        row = np.atleast_1d(np.asarray(weights, dtype=float))
    except (TypeError, ValueError):
        refuse(field, weights, "numbers of at least 0", "give a number or a sequence of numbers")
    if row.ndim != 1 or not row.size:
        refuse(field, Phrase(f"shape {row.shape}"), "a sequence of weights", "flatten it")
    wrong = row[~(np.isfinite(row) & (row >= 0))]
    if wrong.size:
        refuse(field, float(wrong[0]), "finite numbers of at least 0",
               "the sign stands in the effect: more is better")  # fmt: skip
    return row


def _labelled(frame: pd.DataFrame, varied: list[str]) -> pd.DataFrame:
    multiply = frame.rename(columns=lambda name: f"\0{name}")
    if len(varied) == 1:
        shown = pd.DataFrame({"outcome": varied[0], "weight": frame[varied[0]]})
    else:
        named = [name for name in frame if name != REST]
        shown = frame[named].rename(columns=lambda name: f"weight_{name}")
        shown.insert(0, "weight_set", np.arange(len(frame)))
    return pd.concat([shown, multiply], axis=1)


def _burden(options: tuple[str, ...], burden) -> np.ndarray:
    if burden is None:
        return np.zeros(len(options))
    if isinstance(burden, Mapping):
        for name in burden:
            if name not in options:
                refuse(f"burden.{name}", name, ", ".join(options), did_you_mean(name, options))
        burden = [burden.get(name, 0.0) for name in options]
    costs = np.asarray(burden, dtype=float)
    if costs.shape != (len(options),) or not np.isfinite(costs).all():
        refuse("burden", burden, f"{len(options)} numbers, one an option", "0 for the comparator")
    return costs


# --- counting -----------------------------------------------------------------------------------


def best_shares(
    values: np.ndarray,
    weights: np.ndarray,
    burden: np.ndarray | None = None,
    *,
    chains: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of draws in which each option is best, and its Monte Carlo standard error.

    Parameters
    ----------
    values : ndarray, shape (draw, option, outcome)
        More is better.
    weights : ndarray, shape (set, outcome)
    burden : ndarray, shape (option,), optional
    chains : int, optional
        Draws of so many equal chains lie end to end: the error is then by means of 8 batches a
        chain; otherwise draws are taken as independent.

    Returns
    -------
    shares, errors : ndarray, shape (set, option)
    """
    draws, options, _ = values.shape
    burden = np.zeros(options) if burden is None else np.asarray(burden, dtype=float)
    weights = np.ascontiguousarray(weights, dtype=float)
    counted, size = _way_to_count(values, weights, burden)
    batches = _batches(draws, chains)
    total = np.zeros((len(weights), options))
    squares = np.zeros_like(total)
    for start, stop in zip(batches[:-1], batches[1:], strict=True):
        count = np.zeros_like(total)
        for first in range(start, stop, size):
            count += counted(values[first : min(first + size, stop)])
        total += count
        squares += count**2 / (stop - start)
    shares = total / draws
    if len(batches) == 2:
        return shares, np.sqrt(np.clip(shares * (1 - shares), 0, None) / draws)
    groups = len(batches) - 1
    spread = np.clip(squares / draws - shares**2, 0, None)  # of the batches' means
    return shares, np.sqrt(spread / (groups - 1))


def _way_to_count(values: np.ndarray, weights: np.ndarray, burden: np.ndarray):
    """Return what counts one chunk of draws, and how many draws that is."""
    line = _line(weights)
    if line is not None:
        return lambda chunk: _count_on_line(chunk, burden, *line), _LINE_DRAWS
    if values.shape[0] * values.shape[1] * len(weights) >= _COMPILED_FROM:
        try:
            from riskmodel.decisions.best_kernel import count_best
        except ImportError:  # no numba, or none for this Python: slower, the same counts
            pass
        else:
            return partial(_count_compiled, count_best, weights, burden), _COMPILED_DRAWS
    size = max(1, min(_LINE_DRAWS, _CELLS // len(weights)))
    return lambda chunk: _count_each(chunk, weights, burden), size


def _count_compiled(loop, weights: np.ndarray, burden: np.ndarray, chunk: np.ndarray):
    """Count by the compiled loop; sets with ties are counted again, to share them."""
    counts = np.zeros((len(weights), chunk.shape[1]))
    tied = loop(np.ascontiguousarray(chunk.transpose(1, 2, 0)), weights, burden, counts)
    if tied.any():
        counts[tied] = _count_each(chunk, weights[tied], burden)
    return counts


def _batches(draws: int, chains: int | None) -> np.ndarray:
    wanted = 1 if chains is None else chains * _BATCHES_OF_A_CHAIN
    if draws < 4 * wanted:
        wanted = 1
    return np.linspace(0, draws, wanted + 1).round().astype(int)


def _line(weights: np.ndarray):
    """Return origin, direction, sorted steps and their places, if weights lie on a line."""
    if len(weights) < 3:
        return None
    away = weights - weights[0]
    length = np.abs(away).max(axis=1)
    far = int(length.argmax())
    if not length[far]:
        return None
    direction = away[far]
    step = away @ direction / (direction @ direction)
    if not np.allclose(np.outer(step, direction), away, rtol=0, atol=1e-13 * length[far]):
        return None
    axis = int(np.abs(direction).argmax())  # steps in the unit of the weight that varies most
    origin = weights[0] - direction * weights[0, axis] / direction[axis]
    step = weights[:, axis]
    order = np.argsort(step, kind="stable")
    return origin, direction / direction[axis], step[order], order, weights


def _count_on_line(chunk, burden, origin, direction, step, order, weights) -> np.ndarray:
    """Count by the interval of steps at which an option is best: its ends are where it is passed.

    Option i is ahead of j where ``a_i - a_j >= (b_j - b_i) t``. Draws in which the options' steps
    do not add up to all of them, because of ties, are counted step by step.
    """
    a = np.ascontiguousarray((chunk @ origin - burden).T)
    b = np.ascontiguousarray((chunk @ direction).T)
    options, draws = a.shape
    low, high = np.full((options, draws), -np.inf), np.full((options, draws), np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        for i in range(options - 1):
            for j in range(i + 1, options):
                slope = b[j] - b[i]
                cross = (a[i] - a[j]) / (slope + 0.0)  # never -0.0: a gap over 0 keeps its sign
                ahead_before = slope >= 0
                end = np.where(ahead_before, cross, np.inf)
                begin = np.where(ahead_before, -np.inf, cross)
                np.fmin(high[i], end, out=high[i])
                np.fmax(low[j], np.where(ahead_before, cross, -np.inf), out=low[j])
                np.fmax(low[i], begin, out=low[i])
                np.fmin(high[j], np.where(ahead_before, np.inf, cross), out=high[j])
    covered = np.zeros(draws, dtype=np.int64)
    spans = []
    for i in range(options):
        some = np.flatnonzero((low[i] <= high[i]) & (high[i] >= step[0]) & (low[i] <= step[-1]))
        first = np.searchsorted(step, low[i, some], side="left")
        last = np.searchsorted(step, high[i, some], side="right")
        covered[some] += np.maximum(last - first, 0)
        spans.append((some, first, last))
    clear = covered == len(step)
    count = np.zeros((len(step), options))
    for i, (some, first, last) in enumerate(spans):
        counted = clear[some] & (last > first)
        ends = np.bincount(first[counted], minlength=len(step) + 1)
        ends = ends - np.bincount(last[counted], minlength=len(step) + 1)
        count[order, i] = np.cumsum(ends)[:-1]
    if not clear.all():
        tied = chunk[~clear]
        size = max(1, _CELLS // len(weights))
        for start in range(0, len(tied), size):
            count += _count_each(tied[start : start + size], weights, burden)
    return count


def _count_each(chunk: np.ndarray, weights: np.ndarray, burden: np.ndarray) -> np.ndarray:
    """Count set by set: net benefit (option, set, draw), the largest, and who has it."""
    draws, options, _ = chunk.shape
    benefit = [weights @ chunk[:, i].T - burden[i] for i in range(options)]
    best = benefit[0].copy()
    for other in benefit[1:]:
        np.maximum(best, other, out=best)
    is_best = [one == best for one in benefit]
    counts = np.stack([np.count_nonzero(one, axis=1) for one in is_best], axis=1)
    if (counts.sum(axis=1) == draws).all():
        return counts.astype(float)
    sharing = np.sum(is_best, axis=0)
    return np.stack([(one / sharing).sum(axis=1) for one in is_best], axis=1)


# --- benefit against harm, unweighted ------------------------------------------------------------


def likelihood_helped_or_harmed(
    effects: Any,
    benefit: str | None = None,
    harm: str | None = None,
    *,
    preferences: str | Panel | None = None,
) -> pd.DataFrame:
    """Return NNH / NNT beside what it leaves unsaid: that one harm weighs as much as one benefit.

    Parameters
    ----------
    effects : xarray.Dataset, or mapping or DataFrame of draws
        Outcomes from :func:`riskmodel.simulate`; or, under the names `benefit` and `harm`, draws of
        the probability of being helped and of being harmed by treating (absolute; negative is the
        reverse).
    benefit, harm : str, optional
        Outcomes; None is the panel's reference and the one whose weight the problem varies
        (``benefit`` and ``harm`` of a mapping).
    preferences : str or Panel, optional
        Whose weights to show beside; of outcomes only.

    Returns
    -------
    pandas.DataFrame
        One row a profile and option. ``helped`` and ``harmed``: mean absolute effects;
        ``number_needed_to_treat`` and ``number_needed_to_harm``, 1 over each (nan where it is not
        above 0); ``likelihood_helped_or_harmed``, their ratio, which is the weight of the harm at
        which expected net benefit of these two is zero; ``implied_weight``, always 1;
        ``prob_above_one``, P(net benefit > 0) at that weight; ``stated_weight`` of the panel and
        ``prob_positive_at_stated_weight``; ``break_even_weight`` with ``lower`` and ``upper``, as
        of :func:`riskmodel.break_even_weight` but of these two outcomes alone; ``note``.

    Notes
    -----
    ``NNH / NNT = ARR / ARI`` is the break-even weight r*; asking whether it is above 1 is asking
    whether net benefit is positive *if the weight is 1*. It says nothing to somebody for whom the
    harm is half, or twice, as bad. Where either effect may have the other sign its draws are not
    summarised as a ratio: two wrongs would make a right.

    Examples
    --------
    >>> table = likelihood_helped_or_harmed({"benefit": [1 / 21.7], "harm": [1 / 14]})
    >>> round(float(table["likelihood_helped_or_harmed"].iloc[0]), 3)
    0.645
    """
    rows = []
    for names, option, helped, harmed, stated in _pairs(effects, benefit, harm, preferences):
        kept = np.isfinite(helped) & np.isfinite(harmed)
        helped, harmed = helped[kept], harmed[kept]
        if not helped.size:
            continue
        better, worse = helped.mean(), harmed.mean()
        sure = better > 0 and worse > 0
        upper, middle, lower = (falls_to(helped, harmed, p) for p in BREAK_EVEN_PROBABILITIES)
        rows.append(
            {
                **names,
                "option": option,
                "helped": better,
                "harmed": worse,
                "number_needed_to_treat": 1 / better if better > 0 else np.nan,
                "number_needed_to_harm": 1 / worse if worse > 0 else np.nan,
                "likelihood_helped_or_harmed": better / worse if sure else np.nan,
                "implied_weight": 1.0,
                "prob_above_one": (helped - harmed > 0).mean(),
                "stated_weight": stated,
                "prob_positive_at_stated_weight": (helped - stated * harmed > 0).mean()
                if np.isfinite(stated)
                else np.nan,
                "break_even_weight": middle,
                "lower": lower,
                "upper": upper,
                "note": _unsaid(better, worse, stated),
            }
        )
    return pd.DataFrame(rows)


def _unsaid(better: float, worse: float, stated: float) -> str:
    if better <= 0:
        return "no benefit on average: the ratio has no meaning"
    if worse <= 0:
        return "no harm on average: the ratio has no meaning"
    note = "break-even weight; above 1 favours treatment only if harm and benefit weigh the same"
    crossed = np.isfinite(stated) and (better > worse) != (better > stated * worse)
    return f"{note}; the stated weight {stated:g} gives the other sign" if crossed else note


def _pairs(effects, benefit, harm, preferences):
    """Yield names, option, draws of being helped and harmed, and the stated weight."""
    if not isinstance(effects, xr.Dataset):
        if preferences is not None:
            refuse("preferences", preferences, "nothing beside draws of one's own", "leave it out")
        draws = []
        for name in (benefit or "benefit", harm or "harm"):
            if name not in effects:
                refuse("effects", name, ", ".join(map(str, effects)), did_you_mean(name, effects))
            draws.append(np.atleast_1d(np.asarray(effects[name], dtype=float)))
        yield {}, "option", *np.broadcast_arrays(*draws), np.nan
        return
    bound = weighting(effects, preferences)
    benefit = varied_outcome(bound, benefit or bound.panel.reference)
    harm = varied_outcome(bound, harm)
    if benefit == harm:
        refuse("harm", harm, "another outcome than the benefit", "name the two outcomes")
    known = bound.panel.weights
    weights = [known[name].weight if name in known else np.nan for name in (benefit, harm)]
    stated = weights[1] / weights[0] if weights[0] else np.nan
    change = effects["risk"] - effects["risk"].sel(option=bound.problem.comparator)
    for who in effects["profile"].values:
        for option in bound.problem.alternatives:
            helped, harmed = (
                sign * (-1 if bound.problem.outcomes[name].unwanted else 1)
                * change.sel(profile=who, option=option, outcome=name).values.ravel()
                for name, sign in ((benefit, 1), (harm, -1))
            )  # fmt: skip
            names = {"profile": who, "benefit": benefit, "harm": harm}
            yield names, option, helped, harmed, stated
