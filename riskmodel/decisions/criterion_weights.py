"""Weights of criteria: stated, ordered, bounded or drawn; never without an owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from riskmodel.decisions.option_draws import refuse
from riskmodel.errors import NOTHING, Phrase, did_you_mean
from riskmodel.parameters.schema import Panel

SUM_TOLERANCE = 1e-6
_PROPOSALS = 200_000  # of one round of rejection
_ROUNDS = 10


@dataclass(frozen=True)
class SwingWeights:
    """Weights of swings, one a criterion, adding up to one.

    Parameters
    ----------
    weights : mapping of str to float
        What going from the worst to the best end of each criterion's swing is worth.
    whose : str
        Who was asked, or who supposes them.
    """

    weights: Mapping[str, float]
    whose: str


@dataclass(frozen=True)
class OrdinalWeights:
    """Weights of which only the order is stated: uniform over all that keep it.

    Parameters
    ----------
    order : sequence of str, or of sequences of str
        From the swing that matters most to the least; criteria in one inner sequence are not
        ordered among themselves.
    whose : str
    """

    order: Sequence[str | Sequence[str]]
    whose: str


@dataclass(frozen=True)
class RatioBounds:
    """Weights of which ratios are bounded: uniform over all within the bounds.

    Parameters
    ----------
    bounds : mapping of (str, str) to (float, float)
        Least and greatest ratio of the first criterion's weight to the second's; the greatest may
        be infinite.
    whose : str
    """

    bounds: Mapping[tuple[str, str], tuple[float, float]]
    whose: str


@dataclass(frozen=True)
class DirichletWeights:
    """Weights with a Dirichlet distribution.

    Parameters
    ----------
    concentration : mapping of str to float
        Above 0; the mean weight is each one's share of the sum.
    whose : str
    """

    concentration: Mapping[str, float]
    whose: str


WeightDistribution = OrdinalWeights | RatioBounds | DirichletWeights


def panel_weights(panel: Panel, value_functions: Mapping[str, object]) -> SwingWeights:
    """Return a panel's weights per event, as shares of the swings of value functions.

    Parameters
    ----------
    panel : Panel
        Its weights are per event or per unit.
    value_functions : mapping
        Of the criteria to share out: ``|best - worst|`` is each one's swing. With linear ones the
        additive score then differs between options as net benefit does, but for a positive
        factor, burden and stated pairs.

    Notes
    -----
    A weight of 0.5 over a swing of 0.4 counts as much as one of 0.2 over 1.
    """
    for name in value_functions:
        if name not in panel.weights:
            refuse(f"value_functions.{name}", name, ", ".join(panel.weights),
                   "the panel gives it no weight: leave it out")  # fmt: skip
    worth = {
        name: panel.weights[name].weight * abs(function.best - function.worst)
        for name, function in value_functions.items()
    }
    total = sum(worth.values())
    if not total > 0:
        refuse("weights", Phrase("weights of 0"), "one above 0", "name another panel")
    return SwingWeights({name: value / total for name, value in worth.items()}, panel.whose)


def require_weights(
    weights: object, criteria: Sequence[str], *, whose: str | None, normalise: bool
) -> tuple[np.ndarray, str]:
    """Return weights in the order of criteria, adding up to one, and whose they are.

    Raises
    ------
    ParameterError
        If one is missing, negative, of an absent criterion, or nobody's; if they do not add up to
        one, unless they may be normalised.
    """
    if isinstance(weights, SwingWeights):
        weights, whose = weights.weights, whose or weights.whose
    require_owner(whose)
    if not isinstance(weights, Mapping):
        refuse("weights", weights, "a mapping of criteria to weights, or SwingWeights",
               "name the criterion of every weight")  # fmt: skip
    row = np.array(_numbers("weights", weights, criteria, least=0.0))
    total = row.sum()
    if abs(total - 1) > SUM_TOLERANCE and not normalise:
        refuse("weights", Phrase(f"a sum of {total:.6g}"), "weights that add up to 1",
               "correct them, or say normalise=True: the result then shows both")  # fmt: skip
    if not total > 0:
        refuse("weights", Phrase("a sum of 0"), "one weight above 0", "correct them")
    return row / total, whose


def require_owner(whose: object) -> None:
    """Refuse weights that are nobody's."""
    if not isinstance(whose, str) or not whose.strip():
        refuse("whose", NOTHING if not whose else whose, "who was asked, or who supposes them",
               "name the owner of the weights")  # fmt: skip


def draw_weights(
    weights: str | WeightDistribution, criteria: Sequence[str], size: int, rng
) -> tuple[np.ndarray, str, str]:
    """Return weights (size, criterion), in words how they were drawn, and whose they are."""
    count = len(criteria)
    if isinstance(weights, str):
        if weights != "uniform":
            refuse("weights", weights, "uniform, OrdinalWeights, RatioBounds, DirichletWeights",
                   did_you_mean(weights, ["uniform"]))  # fmt: skip
        return rng.dirichlet(np.ones(count), size), "uniform", "nobody: every weight alike"
    if not isinstance(weights, WeightDistribution):
        refuse("weights", type(weights).__name__,
               "uniform, OrdinalWeights, RatioBounds, DirichletWeights",
               "exact weights go to mcda")  # fmt: skip
    require_owner(weights.whose)
    if isinstance(weights, OrdinalWeights):
        return _ordered(weights, criteria, size, rng), "ordinal", weights.whose
    if isinstance(weights, DirichletWeights):
        row = _numbers("weights.concentration", weights.concentration, criteria, least=0.0)
        if min(row) <= 0:
            refuse("weights.concentration", min(row), "numbers above 0", "leave the criterion out")
        return rng.dirichlet(row, size), "dirichlet", weights.whose
    return _bounded(weights, list(criteria), size, rng), "ratio bounds", weights.whose


def _numbers(field: str, given: Mapping, criteria: Sequence[str], *, least: float) -> list[float]:
    for name in given:
        if name not in criteria:
            refuse(f"{field}.{name}", name, ", ".join(criteria), did_you_mean(name, criteria))
    row = []
    for name in criteria:
        if name not in given:
            refuse(f"{field}.{name}", NOTHING, "a weight for every criterion",
                   "give it one; 0 leaves it out of the score")  # fmt: skip
        try:
            value = float(given[name])
        except (TypeError, ValueError):
            value = np.nan
        if not (np.isfinite(value) and value >= least):
            refuse(f"{field}.{name}", given[name], f"a finite number of at least {least:g}",
                   "turn the value function round if less is better")  # fmt: skip
        row.append(value)
    return row


def _ordered(weights: OrdinalWeights, criteria: Sequence[str], size: int, rng) -> np.ndarray:
    """Sort uniform weights into the order; inside a group any order is as likely."""
    groups = [[item] if isinstance(item, str) else list(item) for item in weights.order]
    named = [name for group in groups for name in group]
    for name in named:
        if name not in criteria:
            refuse("weights.order", name, ", ".join(criteria), did_you_mean(name, criteria))
    for name in criteria:
        if named.count(name) != 1:
            refuse("weights.order", Phrase(f"{name} {named.count(name)} times"),
                   "every criterion once", "put equals in one group")  # fmt: skip
    drawn = -np.sort(-rng.dirichlet(np.ones(len(criteria)), size), axis=1)
    columns, start = np.empty_like(drawn), 0
    for group in groups:
        part = rng.permuted(drawn[:, start : start + len(group)], axis=1)
        columns[:, [list(criteria).index(name) for name in group]] = part
        start += len(group)
    return columns


def _bounded(weights: RatioBounds, criteria: list[str], size: int, rng) -> np.ndarray:
    """Draw uniformly where ``constraints @ w >= 0``: by rejection, or else by hit and run."""
    constraints = _constraints(weights, criteria)
    inside = []
    found = 0
    for _ in range(_ROUNDS):
        proposed = rng.dirichlet(np.ones(len(criteria)), _PROPOSALS)
        inside.append(proposed[(proposed @ constraints.T >= 0).all(axis=1)])
        found += len(inside[-1])
        if found >= size:
            return np.concatenate(inside)[:size]
        if found < size / 20:
            break
    return _hit_and_run(constraints, criteria, size, rng)


def _constraints(weights: RatioBounds, criteria: list[str]) -> np.ndarray:
    rows = []
    for pair, (low, high) in weights.bounds.items():
        for name in pair:
            if name not in criteria:
                refuse("weights.bounds", name, ", ".join(criteria), did_you_mean(name, criteria))
        if not (0 <= low < high) or pair[0] == pair[1] or np.isinf(low):
            refuse(f"weights.bounds.{'/'.join(pair)}", (low, high),
                   "least below greatest, both at least 0, of two criteria",
                   "a ratio known exactly is a weight for mcda")  # fmt: skip
        first, second = (criteria.index(name) for name in pair)
        if low > 0:
            row = np.zeros(len(criteria))
            row[[first, second]] = 1, -low
            rows.append(row)
        if np.isfinite(high):
            row = np.zeros(len(criteria))
            row[[first, second]] = -1, high
            rows.append(row)
    return np.array(rows).reshape(-1, len(criteria))


def _hit_and_run(constraints: np.ndarray, criteria: list[str], size: int, rng) -> np.ndarray:
    """Walk inside the polytope along random chords; many walkers, each well after its start."""
    from scipy.optimize import linprog  # heavy, and rarely needed

    count = len(criteria)
    sides = np.vstack([constraints, np.eye(count)])
    sides = sides / np.linalg.norm(sides, axis=1, keepdims=True)
    centre = linprog(  # the point furthest from every side
        np.r_[np.zeros(count), -1],
        A_ub=np.column_stack([-sides, np.ones(len(sides))]),
        b_ub=np.zeros(len(sides)),
        A_eq=np.r_[np.ones(count), 0][None],
        b_eq=[1],
        bounds=[(0, 1)] * count + [(None, None)],
    )
    if not centre.success or centre.x[-1] <= 1e-12:
        refuse("weights.bounds", Phrase("bounds that no weights keep"), "bounds with room inside",
               "look for a ring: a over b, b over c, c over a")  # fmt: skip
    walkers = min(size, 2000)
    at = np.tile(centre.x[:count], (walkers, 1))
    kept = []
    burn, thin = 50 * count, 5 * count
    rounds = burn + thin * -(-size // walkers)
    for step in range(1, rounds + 1):
        way = rng.normal(size=at.shape)
        way -= way.mean(axis=1, keepdims=True)  # weights keep adding up to one
        slope, gap = way @ sides.T, at @ sides.T
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = -gap / slope
        forward = np.where(slope < 0, reach, np.inf).min(axis=1)
        back = np.where(slope > 0, reach, -np.inf).max(axis=1)
        at = at + (back + rng.random(walkers) * (forward - back))[:, None] * way
        if step > burn and (step - burn) % thin == 0:
            kept.append(at)
    return np.concatenate(kept)[:size]
