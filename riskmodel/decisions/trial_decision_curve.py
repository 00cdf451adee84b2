"""Decision curves of treatment on a trial's own data: whom to treat by predicted benefit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.absolute_effects import KIND, interval_tails
from riskmodel.decisions.classic_decision_curve import (
    NO_INTERVAL,
    limits,
    prob_best,
    prob_useful,
)
from riskmodel.decisions.decision_curve import TREAT_ALL, TREAT_NONE
from riskmodel.decisions.flagging import bootstrap_weights, cross_classify, from_top, summed_by
from riskmodel.decisions.patient_table import Columns, drawn_seed, read_draws, read_seed
from riskmodel.decisions.thresholds import read_thresholds
from riskmodel.errors import ParameterError, Phrase, Problem, did_you_mean


def trial_decision_curve(
    data: pd.DataFrame | xr.Dataset | Mapping,
    arm: str,
    outcome: str,
    predicted_benefit: str | Sequence[str] | Mapping | np.ndarray | xr.DataArray,
    thresholds: Sequence[float],
    *,
    treated: object = 1,
    allocation: float | str | None = None,
    draws: int | None = 2000,
    seed: int | None = None,
    prob: float = 0.95,
) -> pd.DataFrame:
    """Return the net benefit, in a trial, of treating where the predicted benefit is enough.

    Parameters
    ----------
    data : pandas.DataFrame, xarray.Dataset or mapping of arrays
        One row a randomised patient.
    arm : str
        Column of the arm each was allocated to: two values.
    outcome : str
        Column with 1 where the unwanted event happened, 0 where not.
    predicted_benefit : str, sequence of str, mapping, or array
        Predicted absolute risk reductions, given as the predictions of
        :func:`riskmodel.decision_curve`; posterior draws are averaged first. Several are
        several strategies.
    thresholds : sequence of float
        Smallest absolute risk reductions for which treatment is accepted.
    treated : object
        The value of `arm` that means treatment.
    allocation : float or str, optional
        Probability of being allocated to treatment by design, or a column of each patient's
        (for stratified allocation); None is the observed share.
    draws : int, optional
        Of the Bayesian bootstrap within arms; None gives the point estimates alone.
    seed : int, optional
        None draws one, says it and records it in ``attrs``.
    prob : float
        Of the equal-tailed credible intervals, in (0, 1).

    Returns
    -------
    pandas.DataFrame
        One row a strategy and threshold: ``net_benefit`` = -(event rate under the strategy) -
        threshold * (share treated under it), with ``lower`` and ``upper``; ``difference`` from
        treating nobody, with ``difference_lower`` and ``difference_upper``; ``event_rate``,
        ``share_treated``; ``share_congruent``, of patients allocated to what the strategy would
        have had; ``patients``; ``prob_useful`` and ``prob_best`` as in
        :func:`riskmodel.decision_curve`; ``prob``, ``kind``.

    Raises
    ------
    ParameterError
        With every problem found in the data and arguments.

    Notes
    -----
    The event rate under a strategy is that of the patients whose arm is the one it would choose,
    each weighted by one over the probability of that arm (weights divided by their sum), so that
    treating all has the treated arm's event rate, exactly, and treating none the other's. A
    patient is treated whose predicted benefit is *above* the threshold (Vickers, Kattan and
    Sargent 2007, Trials 8:14, doi:10.1186/1745-6215-8-14). Where the benefits were predicted
    from the same trial the curve is optimistic: predict by cross-validation, or elsewhere.

    Examples
    --------
    >>> data = {
    ...     "arm": [1, 1, 1, 1, 0, 0, 0, 0],
    ...     "event": [0, 0, 0, 1, 1, 1, 0, 1],
    ...     "gain": [0.3, 0.3, 0.0, 0.0, 0.3, 0.3, 0.0, 0.0],
    ... }
    >>> curve = trial_decision_curve(data, "arm", "event", "gain", [0.1], draws=None)
    >>> curve[["strategy", "event_rate", "difference"]].round(3).values.tolist()
    [['gain', 0.25, 0.45], ['treat all', 0.25, 0.4], ['treat none', 0.75, 0.0]]
    """
    trial = _read(
        data, arm, outcome, predicted_benefit, thresholds, treated, allocation, draws, seed, prob
    )
    rate, share, congruent = (part[..., 0] for part in _rates(trial, trial.count[:, None]))
    benefit = -rate - trial.thresholds * share
    names, size = [*trial.names, TREAT_ALL, TREAT_NONE], trial.thresholds.size
    table = {
        "strategy": np.repeat(names, size),
        "threshold": np.tile(trial.thresholds, len(names)),
        "net_benefit": benefit,
        "lower": np.nan,
        "upper": np.nan,
        "difference": benefit - benefit[-1],
        "difference_lower": np.nan,
        "difference_upper": np.nan,
        "event_rate": rate,
        "share_treated": share,
        "share_congruent": congruent,
        "patients": int(trial.count.sum()),
        "prob_useful": np.nan,
        "prob_best": np.nan,
        "prob": np.nan,
        "kind": NO_INTERVAL,
    }
    if trial.draws is not None:
        table |= _intervals(trial, benefit.shape)
    table = pd.DataFrame(
        {k: v.ravel() if isinstance(v, np.ndarray) else v for k, v in table.items()}
    )
    table.attrs = {"draws": trial.draws, "seed": trial.seed}
    return table


@dataclass(frozen=True)
class _Trial:
    """Patients counted by arm, event, stratum of allocation and bins of predicted benefit."""

    names: list[str]
    thresholds: np.ndarray
    count: np.ndarray  # (cell,)
    arm: np.ndarray
    event: np.ndarray
    inverse: np.ndarray  # one over the probability of the arm allocated to
    bins: list[np.ndarray]  # how many thresholds the predicted benefit is above
    draws: int | None
    seed: int | None
    prob: float


def _read(
    data, arm, outcome, predicted_benefit, thresholds, treated, allocation, draws, seed, prob
) -> _Trial:
    interval_tails(prob)
    table = Columns(data)
    grid, problems = read_thresholds(thresholds, probability=False)
    problems += read_seed(seed) + read_draws(draws)
    events = table.events(outcome, "outcome")
    arms, faults = _arms(table, arm, treated)
    benefits, _ = table.strategies(predicted_benefit, "predicted_benefit")
    chance, more = _chances(table, allocation, arms)
    problems += faults + more + table.problems
    if problems:
        raise ParameterError(problems)
    known, stratum = np.unique(chance, return_inverse=True)
    bins = [np.searchsorted(grid, values, side="left") for values in benefits.values()]
    cells = cross_classify([arms, events, stratum, *bins])
    arms, events, stratum, *bins = cells.labels
    inverse = np.where(arms == 1, 1 / known[stratum], 1 / (1 - known[stratum]))
    if draws is not None:
        seed, draws = drawn_seed(seed, stacklevel=4), int(draws)
    return _Trial(
        list(benefits), grid, cells.count.astype(float), arms, events, inverse, bins, draws,
        seed if draws is not None else None, prob,
    )  # fmt: skip


def _arms(table: Columns, arm: object, treated: object) -> tuple[np.ndarray, list[Problem]]:
    """Return the arm of each patient, 1 for treatment."""
    column = table.column(arm, "arm")
    nothing = np.zeros(0, dtype=np.int64)
    if column is None:
        return nothing, []
    missing = pd.isna(column)
    if missing.any():
        return nothing, [
            Problem(
                field=f"arm.{arm}",
                found=Phrase(f"nothing in row {int(np.argmax(missing))} (from 0)"),
                allowed="an arm for every patient",
                remedy="leave out those who were never allocated, and say so",
            )
        ]
    found = pd.unique(pd.Series(column)).tolist()
    if len(found) != 2:
        return nothing, [
            Problem(
                field=f"arm.{arm}",
                found=Phrase(f"{len(found)} values: {', '.join(map(str, found[:5]))}"),
                allowed="two arms",
                remedy="keep the two that are compared",
            )
        ]
    if treated not in found:
        return nothing, [
            Problem(
                field="treated",
                found=treated,
                allowed=f"a value of '{arm}'",
                remedy=did_you_mean(treated, map(str, found)),
            )
        ]
    return (column == treated).astype(np.int64), []


def _chances(
    table: Columns, allocation: float | str | None, arms: np.ndarray
) -> tuple[np.ndarray, list[Problem]]:
    """Return each patient's probability of being allocated to treatment."""
    if allocation is None:
        return np.full(arms.size, arms.mean() if arms.size else 0.5), []
    if isinstance(allocation, str):
        chance = table.numbers(allocation, "allocation")
    else:
        chance = table.checked(np.full(table.size, allocation), "allocation")
    if not chance.size or ((chance > 0) & (chance < 1)).all():
        return chance, []
    return chance, [
        Problem(
            field="allocation",
            found=float(chance[(chance <= 0) | (chance >= 1)][0]),
            allowed="strictly between 0 and 1",
            remedy="give the probability of treatment: 2 to 1 is 0.6667",
        )
    ]


def _rates(trial: _Trial, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return event rate, share treated and share congruent, (strategy, threshold, draw).

    Parameters
    ----------
    trial : _Trial
    weights : ndarray, shape (cell, draw)
        The last two strategies are treat all and none.
    """
    size = trial.thresholds.size + 1
    group = trial.arm * 2 + trial.event  # (not treated, treated) x (no event, event)
    total = weights.sum(axis=0)
    rates, shares, congruents = [], [], []
    for bins in trial.bins:
        label = bins * 4 + group
        inverse = summed_by(label, 4 * size, weights * trial.inverse[:, None])
        plain = summed_by(label, 4 * size, weights)
        chosen = _congruent(inverse.reshape(size, 2, 2, -1))
        rates.append(_ratio(chosen[:, 1], chosen.sum(axis=1)))
        plain = plain.reshape(size, 2, 2, -1)
        congruents.append(_congruent(plain).sum(axis=1) / total)
        shares.append(from_top(plain.sum(axis=(1, 2)))[1:] / total)
    for every in (1, 0):
        own = trial.arm == every
        inverse = weights[own] * trial.inverse[own, None]
        rate = inverse[trial.event[own] == 1].sum(axis=0) / inverse.sum(axis=0)
        shape = (size - 1, weights.shape[1])
        rates.append(np.broadcast_to(rate, shape))
        shares.append(np.full(shape, float(every)))
        congruents.append(np.broadcast_to(weights[own].sum(axis=0) / total, shape))
    return np.stack(rates), np.stack(shares), np.stack(congruents)


def _congruent(binned: np.ndarray) -> np.ndarray:
    """Return weights of the congruent by event, (threshold, event, draw), from (bin, arm, ...)."""
    above = from_top(binned[:, 1])[1:]  # chosen to be treated, and treated
    below = np.cumsum(binned[:, 0], axis=0)[:-1]
    return above + below


def _ratio(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return the ratio; nan where nobody was allocated as the strategy would have it."""
    return np.divide(values, by, out=np.full(values.shape, np.nan), where=by > 0)


def _intervals(trial: _Trial, shape: tuple[int, int]) -> dict:
    rng = np.random.default_rng(trial.seed)
    benefit = np.empty((*shape, trial.draws))
    for place, weights in bootstrap_weights(trial.count, trial.draws, rng):
        for arm in (0, 1):  # how many were allocated to an arm was not left to chance
            own = trial.arm == arm
            weights[own] *= trial.count[own].sum() / weights[own].sum(axis=0)
        rate, share, _ = _rates(trial, weights)
        benefit[..., place] = -rate - trial.thresholds[:, None] * share
    tails = interval_tails(trial.prob)
    lower, upper = limits(benefit, tails)
    difference_lower, difference_upper = limits(benefit - benefit[-1], tails)
    return {
        "lower": lower,
        "upper": upper,
        "difference_lower": difference_lower,
        "difference_upper": difference_upper,
        "prob_useful": prob_useful(benefit),
        "prob_best": prob_best(benefit),
        "prob": trial.prob,
        "kind": KIND,
    }
