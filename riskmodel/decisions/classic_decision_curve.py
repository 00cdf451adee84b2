"""Classic decision curves: the net benefit of acting on predictions, on patients' own outcomes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.absolute_effects import KIND, interval_tails
from riskmodel.decisions.decision_curve import TREAT_ALL, TREAT_NONE
from riskmodel.decisions.flagging import (
    COMPETING,
    Binning,
    FollowUp,
    bootstrap_weights,
    cross_classify,
    from_top,
    incidence,
    incidence_draws,
    summed_by,
)
from riskmodel.decisions.patient_table import (
    Columns,
    drawn_seed,
    is_number,
    read_draws,
    read_seed,
    refuse,
)
from riskmodel.decisions.thresholds import read_thresholds, warn_of_whole_range
from riskmodel.errors import (
    NOTHING,
    ParameterError,
    Phrase,
    Problem,
    RiskModelWarning,
    did_you_mean,
)

Uncertainty = Literal["bayesian_bootstrap", "dirichlet"]
NO_INTERVAL = "no interval"
PRIOR_PATIENTS = 2.0  # of the Dirichlet: prevalence is then uniform before the data
TIE = 1e-12  # two sums of the same weights differ by rounding
_MAX_DIRICHLET = 8  # strategies; each doubles the cells


def decision_curve(
    data: pd.DataFrame | xr.Dataset | Mapping,
    outcome: str,
    predictions: str | Sequence[str] | Mapping | np.ndarray | xr.DataArray,
    thresholds: Sequence[float],
    *,
    prevalence: float | None = None,
    time: float | None = None,
    time_to_event: str | None = None,
    competing: str | None = None,
    harm: Mapping[str, float] | None = None,
    draws: int | None = None,
    seed: int | None = None,
    prob: float = 0.95,
    uncertainty: Uncertainty = "bayesian_bootstrap",
) -> pd.DataFrame:
    """Return the net benefit of acting on predictions, of treating all and of treating none.

    Parameters
    ----------
    data : pandas.DataFrame, xarray.Dataset or mapping of arrays
        One row a patient.
    outcome : str
        Column with 1 (or true) where the event happened, 0 where not.
    predictions : str, sequence of str, mapping, or array
        Columns of predicted risks in [0, 1]; or a mapping from a strategy's name to a column's
        name, to an array (patient,), or to posterior draws (sample, patient); or an array
        (strategy, sample, patient). Draws: see Notes.
    thresholds : sequence of float
        Threshold probabilities in [0, 1): the reasonable range, not all that is possible.
    prevalence : float, optional
        Of the event in the population, for case-control data; then sensitivity and
        specificity come from the data and the rest from this.
    time, time_to_event : float and str, optional
        Horizon, and the column of follow-up in the same unit: the risk of the flagged is then
        one minus Kaplan-Meier.
    competing : str, optional
        Column with 1 where another event came first and ended follow-up: the risk is then the
        Aalen-Johansen cumulative incidence.
    harm : mapping of str to float, optional
        Strategy -> harm of obtaining the prediction itself, in events per patient.
    draws : int, optional
        Number of posterior draws; None gives the point estimates alone.
    seed : int, optional
        None draws one, says it and records it in ``attrs``.
    prob : float
        Of the equal-tailed credible intervals, in (0, 1).
    uncertainty : {"bayesian_bootstrap", "dirichlet"}
        How draws are made: patients reweighted (within cases and controls if `prevalence` is
        given), or, for binary outcomes, a Dirichlet over the event by who is flagged by which
        strategy, conjugate, at each threshold.

    Returns
    -------
    pandas.DataFrame
        One row a strategy and threshold. ``net_benefit`` (events found per patient, net) with
        ``lower`` and ``upper``; ``standardised_net_benefit``, the same divided by prevalence;
        ``net_interventions_avoided`` per patient, against treating all; both with
        their limits; ``true_positives``, ``false_positives`` and ``share_flagged`` per patient;
        ``prevalence``, ``harm``, ``patients``; ``prob_useful``, the probability that a
        prediction beats both treating all and treating none; ``prob_best``, that no strategy is
        better (ties are shared, so it sums to one); ``prob`` and ``kind`` of the intervals. What
        needs draws is nan without them. ``attrs`` hold seed, draws and uncertainty.

    Raises
    ------
    ParameterError
        With every problem found: unknown columns, missing values, an outcome that is not 0 or 1,
        thresholds outside [0, 1), arguments that contradict one another.

    Warns
    -----
    RiskModelWarning
        If thresholds cover the whole range, predictions lie outside [0, 1], or nobody among the
        flagged is followed to the horizon (net benefit is then nan).

    Notes
    -----
    At threshold t with odds ``w = t / (1 - t)``::

        net benefit = true positives / n - w * false positives / n - harm
        net interventions avoided = (net benefit - net benefit of treating all) / w

    (Vickers and Elkin 2006, Medical Decision Making 26:565, doi:10.1177/0272989X06295361;
    survival: Vickers et al. 2008, doi:10.1186/1472-6947-8-53). A patient is flagged whose
    prediction is at or above the threshold; one of exactly 0 never is. With survival data,
    true positives are the share flagged times their risk.

    Numbers equal those of the package ``dcurves`` but in two places. At threshold 0 nothing is
    traded, and interventions avoided are nan here (infinite there). Where all the flagged had
    their event before the horizon, their risk is 1 here (missing there).

    A clinician who holds posterior draws of a risk can act on its mean and not on a draw, so
    predictions given as draws are averaged first. What acting on one draw's predictions would
    give is added as ``rule_lower`` and ``rule_upper`` (equal-tailed limits of the point
    estimate over draws): the spread of the rule, beside the spread due to patients.

    The Dirichlet's prior is two patients, spread evenly over the cells.

    Examples
    --------
    >>> data = {"event": [1, 1, 0, 0, 0], "model": [0.8, 0.3, 0.4, 0.1, 0.1]}
    >>> curve = decision_curve(data, "event", "model", [0.2, 0.5])
    >>> curve[["threshold", "net_benefit"]].round(3).values.tolist()[:4]
    [[0.2, 0.35], [0.5, 0.2], [0.2, 0.25], [0.5, -0.2]]
    >>> list(curve["strategy"].unique())
    ['model', 'treat all', 'treat none']
    """
    study = _read(
        data, outcome, predictions, thresholds, prevalence=prevalence, time=time,
        time_to_event=time_to_event, competing=competing, harm=harm, draws=draws, seed=seed,
        prob=prob, uncertainty=uncertainty,
    )  # fmt: skip
    return _table(study, _point(study), _posterior(study))


def decision_curve_difference(
    data: pd.DataFrame | xr.Dataset | Mapping,
    outcome: str,
    predictions: str | Sequence[str] | Mapping | np.ndarray | xr.DataArray,
    thresholds: Sequence[float],
    *,
    versus: str | None = None,
    **options,
) -> pd.DataFrame:
    """Return differences in net benefit between strategies, draw by draw.

    Parameters
    ----------
    data, outcome, predictions, thresholds
        As of :func:`riskmodel.decision_curve`.
    versus : str, optional
        A strategy, ``treat all`` or ``treat none``; None compares every pair.
    **options
        The other arguments of :func:`riskmodel.decision_curve`. With the same seed the draws
        are the same.

    Returns
    -------
    pandas.DataFrame
        One row a ``strategy``, ``versus`` and threshold: ``difference`` in net benefit
        (positive: the strategy is better) with ``lower`` and ``upper``, ``prob_positive``,
        ``prob``, ``kind``.

    Raises
    ------
    ParameterError
        As :func:`riskmodel.decision_curve`, and if `versus` is unknown.

    Examples
    --------
    >>> data = {"event": [1, 1, 0, 0, 0], "model": [0.8, 0.3, 0.4, 0.1, 0.1]}
    >>> found = decision_curve_difference(data, "event", "model", [0.2], versus="treat all")
    >>> found[["strategy", "versus", "difference"]].round(3).values.tolist()
    [['model', 'treat all', 0.1], ['treat none', 'treat all', -0.25]]
    """
    study = _read(data, outcome, predictions, thresholds, **options)
    names = [*study.predictions, TREAT_ALL, TREAT_NONE]
    if versus is not None and versus not in names:
        refuse("versus", versus, "a strategy of this curve", did_you_mean(versus, names))
    point = _net_benefit(study, _point(study))[..., 0]
    posterior = _posterior(study)
    drawn = None if posterior is None else _net_benefit(study, posterior)
    tails = interval_tails(study.prob)
    if versus is None:
        pairs = list(combinations(range(len(names)), 2))
    else:
        other = names.index(versus)
        pairs = [(i, other) for i in range(len(names)) if i != other]
    tables = []
    for i, j in pairs:
        table = {
            "strategy": names[i],
            "versus": names[j],
            "threshold": study.thresholds,
            "difference": point[i] - point[j],
            "lower": np.nan,
            "upper": np.nan,
            "prob_positive": np.nan,
            "prob": np.nan,
            "kind": NO_INTERVAL,
        }
        if drawn is not None:
            apart = drawn[i] - drawn[j]
            lower, upper = limits(apart, tails)
            known = np.isfinite(apart).all(axis=-1)
            positive = np.where(known, (apart > TIE).mean(axis=-1), np.nan)
            table |= {"lower": lower, "upper": upper, "prob_positive": positive}
            table |= {"prob": study.prob, "kind": KIND}
        tables.append(pd.DataFrame(table))
    found = pd.concat(tables, ignore_index=True)
    found.attrs = _record(study)
    return found


# --- what was asked -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Study:
    """Checked arguments; predictions are arrays, means over draws where draws were given."""

    predictions: dict[str, np.ndarray]
    by_draw: dict[str, np.ndarray]  # (sample, patient), of strategies that were given as draws
    events: np.ndarray
    thresholds: np.ndarray
    harm: np.ndarray  # (strategy,), the last two are treat all and none
    prevalence: float | None
    follow_up: FollowUp | None
    draws: int | None
    seed: int | None
    prob: float
    uncertainty: str
    binning: Binning = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "binning", Binning(self.thresholds))

    @property
    def odds(self) -> np.ndarray:
        return self.thresholds / (1 - self.thresholds)


def _read(
    data, outcome, predictions, thresholds, *, prevalence=None, time=None, time_to_event=None,
    competing=None, harm=None, draws=None, seed=None, prob=0.95, uncertainty="bayesian_bootstrap",
) -> _Study:  # fmt: skip
    """Check every argument and report all problems at once."""
    interval_tails(prob)
    table = Columns(data)
    grid, problems = read_thresholds(thresholds)
    problems += _contradictions(prevalence, time, time_to_event, competing, draws, uncertainty)
    problems += read_seed(seed)
    events = table.events(outcome, "outcome")
    if time_to_event is not None:
        followed = table.numbers(time_to_event, "time_to_event")
        other = None if competing is None else table.events(competing, "competing")
        problems += _follow_up_faults(followed, events, other, time, competing)
    arrays, by_draw = table.strategies(predictions, "predictions")
    names = [*arrays, TREAT_ALL, TREAT_NONE]
    for name in (TREAT_ALL, TREAT_NONE):
        if name in arrays:
            problems.append(
                Problem(
                    field="predictions",
                    found=name,
                    allowed=f"any name but '{TREAT_ALL}' and '{TREAT_NONE}'",
                    remedy="rename the column; these two are in every curve",
                )
            )
    harms, faults = _harms(harm, names)
    problems += faults
    if uncertainty == "dirichlet" and len(arrays) > _MAX_DIRICHLET:
        problems.append(
            Problem(
                field="predictions",
                found=Phrase(f"{len(arrays)} strategies"),
                allowed=f"at most {_MAX_DIRICHLET} with uncertainty='dirichlet'",
                remedy="use uncertainty='bayesian_bootstrap', or compare fewer at once",
            )
        )
    problems += table.problems
    for name, values in arrays.items():
        low, high = (float(end) for end in (values.min(), values.max())) if values.size else (0, 1)
        if low < 0 or high > 1:
            problems.append(
                Problem(
                    field=f"predictions.{name}",
                    found=Phrase(f"values from {low:g} to {high:g}"),
                    allowed="predicted risks, from 0 to 1",
                    remedy="divide percentages by 100; turn a score into a risk first: a threshold "
                    "is a probability",
                )
            )
    if not problems and prevalence is not None and not 0 < events.mean() < 1:
        problems.append(
            Problem(
                field="outcome",
                found=Phrase("cases or controls alone"),
                allowed="both, where a prevalence is given",
                remedy="check the outcome's column",
            )
        )
    if problems:
        raise ParameterError(problems)
    warn_of_whole_range(grid, stacklevel=3)
    follow_up = None
    if time_to_event is not None:
        kind = events.astype(np.int64)
        if other is not None:
            kind = np.where(other == 1, COMPETING, kind)
        follow_up = FollowUp.by(float(time), followed, kind)
    if draws is not None:
        seed = drawn_seed(seed, stacklevel=4)
    return _Study(
        arrays, by_draw, events, grid, harms, prevalence, follow_up,
        None if draws is None else int(draws), seed if draws is not None else None, prob,
        uncertainty,
    )  # fmt: skip


def _contradictions(prevalence, time, time_to_event, competing, draws, uncertainty):
    problems = []

    def fault(field_, found, allowed, remedy):
        problems.append(Problem(field=field_, found=found, allowed=allowed, remedy=remedy))

    if prevalence is not None and not (is_number(prevalence) and 0 < prevalence < 1):
        fault("prevalence", prevalence, "strictly between 0 and 1", "divide percentages by 100")
    if prevalence is not None and time_to_event is not None:
        fault(
            "prevalence",
            prevalence,
            "nothing where follow-up is given: it is then estimated from the data",
            "leave it out, or leave out time_to_event",
        )
    if (time is None) != (time_to_event is None):
        missing, given = ("time", "time_to_event") if time is None else ("time_to_event", "time")
        fault(missing, NOTHING, f"both {missing} and {given}, or neither", f"give {missing}")
    if time is not None and not (is_number(time) and time > 0 and np.isfinite(time)):
        fault("time", time, "a positive number", "give the horizon in the unit of time_to_event")
    if competing is not None and time_to_event is None:
        fault("competing", competing, "only with time_to_event", "give time and time_to_event")
    problems += read_draws(draws)
    if uncertainty not in ("bayesian_bootstrap", "dirichlet"):
        known = ("bayesian_bootstrap", "dirichlet")
        fault("uncertainty", uncertainty, " or ".join(known), did_you_mean(uncertainty, known))
    elif uncertainty == "dirichlet" and time_to_event is not None:
        fault("uncertainty", uncertainty, "bayesian_bootstrap with follow-up", "leave it out")
    return problems


def _follow_up_faults(followed, events, other, time, competing) -> list[Problem]:
    problems = []
    if followed.size and not followed.min() >= 0:
        problems.append(
            Problem(
                field="time_to_event",
                found=float(np.nanmin(followed)),
                allowed="0 or more",
                remedy="give the time from the prediction to the event or the last visit",
            )
        )
    elif followed.size and is_number(time) and followed.max() < time:
        problems.append(
            Problem(
                field="time",
                found=time,
                allowed=f"at most the longest follow-up, {followed.max():g}",
                remedy="choose an earlier horizon, or give it in the unit of time_to_event",
            )
        )
    if other is not None and other.size == events.size and (both := (other & events) == 1).any():
        problems.append(
            Problem(
                field="competing",
                found=Phrase(
                    f"1 in row {int(np.argmax(both))} (from 0), where the outcome is 1 too"
                ),
                allowed="one of the two in a patient: what came first",
                remedy=f"set '{competing}' or the outcome to 0 there",
            )
        )
    return problems


def _harms(harm, names) -> tuple[np.ndarray, list[Problem]]:
    problems = []
    if harm is not None and not isinstance(harm, Mapping):
        return np.zeros(len(names)), [
            Problem(
                field="harm",
                found=harm,
                allowed="a mapping from a strategy's name to a number",
                remedy=f"write for example {{'{names[0]}': 0.01}}",
            )
        ]
    for name, value in (harm or {}).items():
        if name not in names:
            problems.append(
                Problem(
                    field=f"harm.{name}",
                    found=name,
                    allowed="a strategy of this curve",
                    remedy=did_you_mean(name, names),
                )
            )
        elif not (is_number(value) and np.isfinite(value) and value >= 0):
            problems.append(
                Problem(
                    field=f"harm.{name}",
                    found=value,
                    allowed="0 or more, in events per patient",
                    remedy="a test that costs one event in 200 patients has harm 0.005",
                )
            )
    if problems:
        return np.zeros(len(names)), problems
    return np.array([float((harm or {}).get(name, 0.0)) for name in names]), []


# --- true and false positives ---------------------------------------------------------------------


@dataclass(frozen=True)
class _Positives:
    """Per patient, each with draws last; the point estimate is one draw."""

    true: np.ndarray  # (strategy, threshold, draw)
    false: np.ndarray
    prevalence: np.ndarray  # (threshold, draw)
    share: np.ndarray  # flagged; known even where their incidence is not


def _point(study: _Study) -> _Positives:
    arrays = list(study.predictions.values())
    if study.follow_up is not None:
        size = study.thresholds.size + 1
        found, share = np.empty((2, len(arrays), size, 1))
        for i, values in enumerate(arrays):
            bins = study.binning.bins(values)
            found[i, :, 0] = incidence(study.follow_up, bins, size)
            share[i, :, 0] = from_top(np.bincount(bins, minlength=size)) / bins.size
        return _from_incidence(study, found, share)
    counts = [study.binning.counts(values, study.events) for values in arrays]
    flagged = np.stack([from_top(count) for count in counts])[..., None].astype(float)
    return _from_cells(study, flagged)


def _from_cells(study: _Study, flagged: np.ndarray) -> _Positives:
    """Return positives of weights (strategy, bin, event, draw) cumulated from the top."""
    without, events = flagged[:, :, 0], flagged[:, :, 1]
    if study.prevalence is None:
        total = without[:, :1] + events[:, :1]
        true, false = events / total, without / total
    else:
        true = events / events[:, :1] * study.prevalence
        false = without / without[:, :1] * (1 - study.prevalence)
    prevalence = np.broadcast_to(true[0, 0], true[0, 1:].shape)
    true, false = true[:, 1:], false[:, 1:]
    return _Positives(true, false, prevalence, true + false)


def _from_incidence(study: _Study, found: np.ndarray, share: np.ndarray) -> _Positives:
    if np.isnan(found).any():
        where = np.isnan(found[:, 1:, 0]).any(axis=0)
        first = f"{study.thresholds[where][0]:g}" if where.any() else "none"
        warnings.warn(
            f"time: found {study.follow_up.horizon:g}, to which nobody is followed among those "
            f"flagged at some thresholds (the first: {first}); net benefit is nan there; choose "
            "an earlier horizon or lower thresholds",
            RiskModelWarning,
            stacklevel=4,
        )
    # Nobody flagged: no positives, whatever their incidence would be.
    true, false = found * share, (1 - found) * share
    prevalence = np.broadcast_to(true[0, 0], true[0, 1:].shape)
    return _Positives(true[:, 1:], false[:, 1:], prevalence, share[:, 1:])


def _posterior(study: _Study) -> _Positives | None:
    if study.draws is None:
        return None
    rng = np.random.default_rng(study.seed)
    size, arrays = study.thresholds.size + 1, list(study.predictions.values())
    if study.follow_up is not None:
        bins = [study.binning.bins(values) for values in arrays]
        drawn = incidence_draws(study.follow_up, bins, size, study.draws, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RiskModelWarning)  # the point estimate has said so
            return _from_incidence(study, *drawn)
    if len(arrays) == 1:  # one pass, and cells are bins
        counts = study.binning.counts(arrays[0], study.events)
        bin_, event = np.nonzero(counts)
        labels, count = [bin_], counts[bin_, event]
    else:
        bins = [study.binning.bins(values) for values in arrays]
        cells = cross_classify([study.events, *bins])
        (event, *labels), count = cells.labels, cells.count
    if study.uncertainty == "dirichlet":
        return _dirichlet(study, count, event, labels, rng)
    flagged = np.empty((len(labels), size, 2, study.draws))
    for place, weights in bootstrap_weights(count, study.draws, rng):
        for i, label in enumerate(labels):
            total = summed_by(label * 2 + event, 2 * size, weights)
            flagged[i, ..., place] = from_top(total.reshape(size, 2, -1))
    return _from_cells(study, flagged)


def _dirichlet(study: _Study, count, event, labels, rng) -> _Positives:
    """Draw from a Dirichlet over event x flagged by each strategy, anew at each threshold."""
    strategies, size = len(labels), study.thresholds.size
    kinds = 2**strategies
    prior = PRIOR_PATIENTS / (2 * kinds)
    true, false = np.empty((2, strategies, size, study.draws))
    prevalence = np.empty((size, study.draws))
    pattern = np.arange(kinds)[:, None] >> np.arange(strategies) & 1  # (kind, strategy)
    for j in range(size):
        flagged = sum((label > j).astype(np.int64) << i for i, label in enumerate(labels))
        cells = np.bincount(flagged * 2 + event, weights=count, minlength=2 * kinds) + prior
        shape = cells.reshape(kinds, 2, 1)
        weights = rng.standard_gamma(shape, size=(kinds, 2, study.draws))
        if study.prevalence is None:
            weights /= weights.sum(axis=(0, 1))
        else:
            weights /= weights.sum(axis=0)
            weights *= np.array([[1 - study.prevalence], [study.prevalence]])
        false[:, j] = pattern.T @ weights[:, 0]
        true[:, j] = pattern.T @ weights[:, 1]
        prevalence[j] = weights[:, 1].sum(axis=0)
    return _Positives(true, false, prevalence, true + false)


# --- the tables -----------------------------------------------------------------------------------


def _net_benefit(study: _Study, positives: _Positives) -> np.ndarray:
    """Return net benefit (strategy, threshold, draw); the last two are treat all and none."""
    odds = study.odds[:, None]
    everybody = positives.prevalence - odds * (1 - positives.prevalence)
    own = positives.true - odds * positives.false
    result = np.concatenate([own, everybody[None], np.zeros_like(everybody)[None]])
    result -= study.harm[:, None, None]
    return result


def limits(values: np.ndarray, tails: tuple[float, float]) -> np.ndarray:
    """Return the quantiles over draws, shape (tail, ...); nan where a draw is unknown.

    Parameters
    ----------
    values : ndarray, shape (..., draw)
    tails : (float, float)
        Probabilities.

    Examples
    --------
    >>> limits(np.array([4.0, 0.0, 2.0]), (0.25, 0.75))
    array([1., 3.])
    """
    # Sorting a row while it is in cache costs less than selecting from it.
    ordered = np.sort(values, axis=-1)
    place = np.asarray(tails) * (values.shape[-1] - 1)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, values.shape[-1] - 1)
    low, high = np.moveaxis(ordered[..., below], -1, 0), np.moveaxis(ordered[..., above], -1, 0)
    part = (place - below).reshape(-1, *[1] * (values.ndim - 1))
    between = low + part * (high - low)
    return np.where(np.isnan(ordered[..., -1]), np.nan, between)


def _divided(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return the ratio, nan where the divisor is 0."""
    return np.divide(values, by, out=np.full(np.shape(values), np.nan), where=by != 0)


def _table(study: _Study, point: _Positives, posterior: _Positives | None) -> pd.DataFrame:
    names = [*study.predictions, TREAT_ALL, TREAT_NONE]
    size = study.thresholds.size
    benefit = _net_benefit(study, point)[..., 0]
    prevalence = point.prevalence[:, 0]
    zero = np.zeros(size)
    true = np.concatenate([point.true[..., 0], [prevalence, zero]])
    false = np.concatenate([point.false[..., 0], [1 - prevalence, zero]])
    share = np.concatenate([point.share[..., 0], [zero + 1, zero]])
    odds = np.broadcast_to(study.odds, benefit.shape)
    table = {
        "strategy": np.repeat(names, size),
        "threshold": np.tile(study.thresholds, len(names)),
        "net_benefit": benefit,
        "lower": np.nan,
        "upper": np.nan,
        "standardised_net_benefit": _divided(benefit, np.broadcast_to(prevalence, benefit.shape)),
        "standardised_lower": np.nan,
        "standardised_upper": np.nan,
        "net_interventions_avoided": _divided(benefit - benefit[-2], odds),
        "avoided_lower": np.nan,
        "avoided_upper": np.nan,
        "true_positives": true,
        "false_positives": false,
        "share_flagged": share,
        "prevalence": np.broadcast_to(prevalence, benefit.shape),
        "harm": np.repeat(study.harm, size),
        "patients": study.events.size,
        "prob_useful": np.nan,
        "prob_best": np.nan,
        "prob": np.nan,
        "kind": NO_INTERVAL,
    }
    if posterior is not None:
        table |= _intervals(study, posterior)
    if study.by_draw:
        table["rule_lower"], table["rule_upper"] = _spread_of_the_rule(study, benefit)
    table = pd.DataFrame(
        {k: v.ravel() if isinstance(v, np.ndarray) else v for k, v in table.items()}
    )
    table.attrs = _record(study)
    return table


def _record(study: _Study) -> dict:
    if study.draws is None:
        return {"draws": None, "seed": None, "uncertainty": None}
    return {"draws": study.draws, "seed": study.seed, "uncertainty": study.uncertainty}


def _intervals(study: _Study, posterior: _Positives) -> dict:
    tails = interval_tails(study.prob)
    benefit = _net_benefit(study, posterior)
    lower, upper = limits(benefit, tails)
    standardised = benefit / np.where(posterior.prevalence > 0, posterior.prevalence, np.nan)
    standard_lower, standard_upper = limits(standardised, tails)
    del standardised
    odds = np.where(study.odds > 0, study.odds, np.nan)
    # Dividing by the odds keeps the order of draws, so it can wait until after the sort.
    avoided_lower, avoided_upper = limits(benefit - benefit[-2], tails) / odds
    return {
        "lower": lower,
        "upper": upper,
        "standardised_lower": standard_lower,
        "standardised_upper": standard_upper,
        "avoided_lower": avoided_lower,
        "avoided_upper": avoided_upper,
        "prob_useful": prob_useful(benefit),
        "prob_best": prob_best(benefit),
        "prob": study.prob,
        "kind": KIND,
    }


def prob_best(benefit: np.ndarray) -> np.ndarray:
    """Return the probability that no other strategy is better; ties are shared.

    Parameters
    ----------
    benefit : ndarray, shape (strategy, threshold, draw)

    Returns
    -------
    ndarray, shape (strategy, threshold)
        Sums to 1 over strategies; nan for one whose net benefit is unknown, which is left out.

    Examples
    --------
    >>> prob_best(np.array([[[1.0, 2.0]], [[1.0, 0.0]]])).ravel()
    array([0.75, 0.25])
    """
    known = np.isfinite(benefit).all(axis=-1)
    benefit = np.where(known[..., None], benefit, -np.inf) if not known.all() else benefit
    best = benefit >= benefit.max(axis=0) - TIE
    return np.where(known, (best / best.sum(axis=0)).mean(axis=-1), np.nan)


def prob_useful(benefit: np.ndarray) -> np.ndarray:
    """Return the probability that a strategy beats both of the last two, treat all and none.

    Parameters
    ----------
    benefit : ndarray, shape (strategy, threshold, draw)

    Returns
    -------
    ndarray, shape (strategy, threshold)
        nan for the last two, and where net benefit is unknown.
    """
    default = np.maximum(benefit[-1], benefit[-2])
    useful = (benefit > default + TIE).mean(axis=-1)
    useful[-2:] = np.nan
    return np.where(np.isfinite(benefit).all(axis=-1), useful, np.nan)


def _spread_of_the_rule(study: _Study, benefit: np.ndarray) -> np.ndarray:
    """Return limits of the net benefit of acting on one draw's predictions, (2, strategy, ...)."""
    spread = np.full((2, *benefit.shape), np.nan)
    names = list(study.predictions)
    bins_of = study.binning
    for name, samples in study.by_draw.items():
        place = names.index(name)
        if study.follow_up is None:
            cells = np.stack([from_top(bins_of.counts(s, study.events)) for s in samples], axis=-1)
            positives = _from_cells(study, cells[None].astype(float))
        else:
            size = study.thresholds.size + 1
            bins = [bins_of.bins(sample) for sample in samples]
            found = np.stack([incidence(study.follow_up, b, size) for b in bins], axis=-1)
            share = np.stack([from_top(np.bincount(b, minlength=size)) for b in bins], axis=-1)
            positives = _from_incidence(study, found[None], share[None] / study.events.size)
        drawn = positives.true[0] - study.odds[:, None] * positives.false[0] - study.harm[place]
        spread[:, place] = limits(drawn, interval_tails(study.prob))
    return spread
