"""Multi-criteria scores: with stated weights, and over all weights that somebody might hold."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from riskmodel.decisions.absolute_effects import KIND, interval_tails, standard_error
from riskmodel.decisions.criterion_weights import (
    SwingWeights,
    WeightDistribution,
    draw_weights,
    panel_weights,
    require_weights,
)
from riskmodel.decisions.option_draws import OptionDraws, read_effects, refuse
from riskmodel.decisions.value_functions import ValueFunction, require_value_function
from riskmodel.errors import NOTHING, Phrase, RiskModelWarning, did_you_mean
from riskmodel.parameters.schema import Panel

Score = Literal["additive", "product", "scale_loss"]
SCORES = ("additive", "product", "scale_loss")
_CHUNK = 20_000  # pairs of draw and weights at a time
_MARGIN = 1e-9  # beyond the swing by rounding


@dataclass(frozen=True)
class MulticriteriaResult:
    """Scores, ranks and contributions of every option.

    Parameters
    ----------
    scores : pandas.DataFrame
        A row a group (profile) and option: ``score`` (mean), ``lower``, ``upper``, ``prob_best``,
        the ``monte_carlo_standard_error`` of the score and ``prob_best_standard_error``, ``prob``,
        ``kind``.
    ranks : pandas.DataFrame
        A row a group, option and ``rank`` (1 is best): ``acceptability``, the probability of the
        rank, with ``monte_carlo_standard_error``. Options that tie share their ranks.
    contributions : pandas.DataFrame
        A row a group, option and criterion (``outcome``): ``measurement`` and ``value``, the means
        before and after the value function, ``weight`` (mean), ``contribution`` (mean) with its
        ``monte_carlo_standard_error``. Contributions add up to the score; under the product to the
        mean of its logarithm.
    weights : pandas.DataFrame
        A row a criterion: ``weight``, ``stated_weight`` as given, ``worst``, ``best``, ``unit``,
        ``whose``.
    central : pandas.DataFrame
        Of :func:`smaa` alone, a row a group, option and criterion: ``weight``, the mean of the
        weights under which the option is best, with ``monte_carlo_standard_error``; and
        ``confidence_factor``, the probability that it is best at these, with its
        ``confidence_factor_standard_error``; nan for an option that never is.
    record : dict
        Score, how weights came about, whose, seed, numbers of draws and weights, notes.
    """

    scores: pd.DataFrame
    ranks: pd.DataFrame
    contributions: pd.DataFrame
    weights: pd.DataFrame
    central: pd.DataFrame = field(default_factory=pd.DataFrame)
    record: dict = field(default_factory=dict)


def mcda(
    draws: Any,
    value_functions: Mapping[str, ValueFunction],
    weights: Mapping[str, float] | SwingWeights | Panel,
    *,
    whose: str | None = None,
    normalise: bool = False,
    score: Score = "additive",
    prob: float = 0.95,
) -> MulticriteriaResult:
    """Return multi-criteria scores of every option under stated weights.

    Parameters
    ----------
    draws : xarray.Dataset, DataArray, DataFrame or array_like
        Measurements of every option on every criterion, in the criterion's own unit: outcomes from
        :func:`riskmodel.simulate`, or anything :func:`riskmodel.acceptability` reads.
    value_functions : mapping of criterion to value function
        :class:`LinearValue`, :class:`PiecewiseLinearValue` or :class:`UserValue`, each with its
        swing; criteria without one are left out.
    weights : mapping, SwingWeights or Panel
        One of every criterion, of its whole swing, adding up to one. A panel's weights per event
        are shared out over the swings.
    whose : str
        Owner of the weights, unless they carry one.
    normalise : bool
        Accept weights that do not add up to one; the result shows both.
    score : {"additive", "product", "scale_loss"}
        ``sum of w u``; ``product of u ** w``; or minus the scale loss, ``-sum of u ** -w``. The
        last two let no strength make up for a criterion at its worst; values are kept within
        [0, 1] for them, and an option at 0 on a weighed criterion scores 0, or minus infinity.
    prob : float
        Of the equal-tailed intervals, in (0, 1).

    Returns
    -------
    MulticriteriaResult
        More is better in every score.

    Raises
    ------
    ParameterError
        If weights are nobody's, negative, not adding up to one, on an absent criterion or on one
        without a swing.

    Warns
    -----
    RiskModelWarning
        If measurements lie outside a swing.

    Notes
    -----
    Scale loss was proposed by Saint-Hilary et al. (2019) and compared with the additive, product
    and multilinear scores by Menzies et al. (2022); those two papers' abstracts were read, so the
    exact form of the scale loss, and Keeney and Raiffa (1976) for the additive score, are to be
    confirmed.

    References
    ----------
    Saint-Hilary, Robert, Gasparini, Jaki and Mozgunov (2019), Statistical Methods in Medical
    Research 28:2738, doi:10.1177/0962280218786526.
    Menzies, Saint-Hilary and Mozgunov (2022), Statistical Methods in Medical Research 31:899,
    doi:10.1177/09622802211072512.

    Examples
    --------
    >>> from riskmodel.decisions.value_functions import LinearValue
    >>> draws = [[[0.20, 0.00], [0.10, 0.05]]]  # two options, two unwanted outcomes
    >>> swing = LinearValue(worst=1, best=0, unit="risk")
    >>> result = mcda(draws, {"outcome_1": swing, "outcome_2": swing},
    ...               {"outcome_1": 0.8, "outcome_2": 0.2}, whose="an example")
    >>> result.scores["score"].round(3).tolist()
    [0.84, 0.91]
    """
    read, criteria = _ready(draws, value_functions, score)
    stated = None
    if isinstance(weights, Panel):
        weights = panel_weights(weights, {name: value_functions[name] for name in criteria})
    row, whose = require_weights(weights, criteria, whose=whose, normalise=normalise)
    given = weights.weights if isinstance(weights, SwingWeights) else weights
    stated = np.array([float(given[name]) for name in criteria])
    record = {"weights": "stated", "whose": whose, "normalised": not np.allclose(stated, row)}
    return _score(read, criteria, value_functions, row[None], score, prob, stated, record)


def smaa(
    draws: Any,
    value_functions: Mapping[str, ValueFunction],
    weights: Literal["uniform"] | WeightDistribution = "uniform",
    *,
    score: Score = "additive",
    size: int = 20_000,
    seed: int | None = None,
    prob: float = 0.95,
) -> MulticriteriaResult:
    """Return how often each option takes each rank over draws and over weights nobody has fixed.

    Parameters
    ----------
    draws, value_functions, score, prob
        As of :func:`mcda`.
    weights : "uniform", OrdinalWeights, RatioBounds or DirichletWeights
        Where weights are drawn from; all but uniform have an owner.
    size : int
        Pairs of a draw and a set of weights; made up to a whole number for every draw.
    seed : int, optional
        None draws one and records it.

    Returns
    -------
    MulticriteriaResult
        With ``central`` weights and confidence factors.

    Raises
    ------
    ParameterError
        As of :func:`mcda`, and if bounds of ratios leave no room.

    Notes
    -----
    All ranks are looked at, as by Lahdelma and Salminen (2001), by Monte Carlo integration, as by
    Tervonen and Lahdelma (2007). Its use for benefit and risk by Tervonen et al. (2011, Statistics
    in Medicine) is to be confirmed. Standard errors are over draws, each with the weights it met;
    over pairs where there is but one draw.

    References
    ----------
    Lahdelma and Salminen (2001), Operations Research 49:444.
    Tervonen and Lahdelma (2007), European Journal of Operational Research,
    doi:10.1016/j.ejor.2005.12.037.

    Examples
    --------
    One benefit and one harm known exactly: P(best) of treating is ARR / (ARR + ARI).

    >>> from riskmodel.decisions.value_functions import LinearValue
    >>> swing = LinearValue(worst=1, best=0, unit="risk")
    >>> draws = [[[0.16, 0.0], [0.0, 0.135]]]
    >>> result = smaa(draws, {"outcome_1": swing, "outcome_2": swing}, size=100_000, seed=1)
    >>> round(float(result.scores["prob_best"][1]), 2), round(16.0 / (16.0 + 13.5), 2)
    (0.54, 0.54)
    """
    read, criteria = _ready(draws, value_functions, score)
    if not isinstance(size, int) or size < 1:
        refuse("size", size, "a whole number above 0", "20000 gives two decimals")
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
    rng = np.random.default_rng(seed)
    each = -(-size // len(read.values))
    drawn, how, whose = draw_weights(weights, criteria, each * len(read.values), rng)
    record = {"weights": how, "whose": whose, "seed": seed, "size": len(drawn)}
    return _score(read, criteria, value_functions, drawn, score, prob, None, record)


# --- from draws to scores -----------------------------------------------------------------------


def _ready(draws, value_functions, score) -> tuple[OptionDraws, list[str]]:
    if score not in SCORES:
        refuse("score", score, ", ".join(SCORES), did_you_mean(score, SCORES))
    read = read_effects(draws, "draws")
    if not isinstance(value_functions, Mapping) or not value_functions:
        refuse("value_functions", value_functions or NOTHING, "a mapping of criteria to functions",
               "state a swing for every criterion")  # fmt: skip
    for name, function in value_functions.items():
        if name not in read.outcomes:
            known = read.outcomes
            refuse(f"value_functions.{name}", name, ", ".join(known), did_you_mean(name, known))
        require_value_function(name, function)
    criteria = [name for name in read.outcomes if name in value_functions]
    kept = [read.outcomes.index(name) for name in criteria]
    values = read.values[..., kept]
    never = ~np.isfinite(values).any(axis=(0, 1, 2))
    if never.any():
        refuse(f"value_functions.{criteria[int(never.argmax())]}", Phrase("no finite draw"),
               "criteria that can be estimated", "leave the criterion out")  # fmt: skip
    read = OptionDraws(values, read.groups, read.options, tuple(criteria), read.chains)
    return read, criteria


def _score(read, criteria, functions, weights, score, prob, stated, record) -> MulticriteriaResult:
    tails = interval_tails(prob)
    stated = np.full(len(criteria), np.nan) if stated is None else stated
    tables: dict[str, list[pd.DataFrame]] = {}
    notes = []
    for place, group in enumerate(read.groups):
        measured, options, chains = read.group(place)
        if len(options) < 2 or not len(measured):
            continue
        values = np.stack(
            [functions[name](measured[..., k]) for k, name in enumerate(criteria)], axis=-1
        )
        notes += _outside(values, criteria, group, score)
        if score != "additive":
            values = values.clip(0, 1)
        sampled = _Sampled(values, _pairs(weights, len(read.values), len(values)), score, chains)
        parts = sampled.tables(options, criteria, measured, tails, prob)
        if len(weights) == 1:
            parts.pop("central")
        for name, table in parts.items():
            for key, label in reversed(group.items()):
                table.insert(0, key, label)
            tables.setdefault(name, []).append(table)
    if not tables:
        refuse("draws", Phrase("no two options with finite draws"), "two options or more",
               "a contrast that is not estimable has no score")  # fmt: skip
    for note in notes:
        warnings.warn(note, RiskModelWarning, stacklevel=3)
    record = {"score": score, **record, "draws": len(read.values), "notes": notes}
    weight_table = pd.DataFrame(
        {
            "outcome": criteria,
            "weight": weights.mean(axis=0),
            "stated_weight": stated,
            "worst": [float(functions[name].worst) for name in criteria],
            "best": [float(functions[name].best) for name in criteria],
            "unit": [getattr(functions[name], "unit", "") for name in criteria],
            "whose": record["whose"],
        }
    )
    joined = {name: pd.concat(rows, ignore_index=True) for name, rows in tables.items()}
    return MulticriteriaResult(**joined, weights=weight_table, record=record)


def _pairs(weights: np.ndarray, draws: int, kept: int) -> np.ndarray:
    """Return weights as (per draw, draw, criterion); those of draws set aside are dropped."""
    if len(weights) == 1:
        return np.broadcast_to(weights, (1, kept, weights.shape[1]))
    return weights.reshape(-1, draws, weights.shape[1])[:, :kept]


def _outside(values: np.ndarray, criteria, group: dict, score: str) -> list[str]:
    beyond = ((values < -_MARGIN) | (values > 1 + _MARGIN)).mean(axis=(0, 1))
    where = ", ".join(map(str, group.values()))
    done = "taken at its ends" if score != "additive" else "the value function goes on"
    return [
        f"{name}{f' of {where}' if where else ''}: {share:.2%} of draws lie outside its swing; "
        f"{done}"
        for name, share in zip(criteria, beyond, strict=True)
        if share > 0
    ]


@dataclass(frozen=True)
class _Sampled:
    """Values (draw, option, criterion) and the sets of weights (per draw, draw, criterion)."""

    values: np.ndarray
    weights: np.ndarray
    score: str
    chains: int | None

    def tables(self, options, criteria, measured, tails, prob) -> dict[str, pd.DataFrame]:
        sets, draws, count = self.weights.shape
        size = len(options)
        rank_share = np.zeros((draws, size, size))  # mean over the weights that a draw met
        parts = np.zeros((draws, size, count))
        scores = np.empty((sets, draws, size))
        preferred = np.zeros((draws, size, count))  # weights, where the option is best
        step = max(1, _CHUNK // draws)
        for start in range(0, sets, step):
            weights = self.weights[start : start + step]
            each = self._parts(weights)
            total = each.sum(axis=-1)
            scores[start : start + step] = np.exp(total) if self.score == "product" else total
            ranks = _rank_shares(total)
            rank_share += ranks.sum(axis=0)
            parts += each.sum(axis=0)
            preferred += np.einsum("sdo,sdk->dok", ranks[..., 0], weights)
        rank_share, parts, preferred = rank_share / sets, parts / sets, preferred / sets
        best = rank_share[..., 0]
        one = draws == 1  # then pairs are what varies, and what is independent
        lower, upper = _quantiles(scores.reshape(-1, size), tails)
        best_error = self._share_error(best, sets)
        score_error = (
            _finite(scores[:, 0]).std(axis=0) / np.sqrt(sets)
            if one
            else self._error(_finite(scores.mean(axis=0)))
        )
        scored = pd.DataFrame(
            {
                "option": options,
                "score": scores.mean(axis=(0, 1)),
                "lower": lower,
                "upper": upper,
                "prob_best": best.mean(axis=0),
                "monte_carlo_standard_error": score_error,
                "prob_best_standard_error": best_error,
                "prob": prob,
                "kind": KIND,
            }
        )
        ranked = pd.DataFrame(
            {
                "option": np.repeat(options, size),
                "rank": np.tile(np.arange(1, size + 1), size),
                "acceptability": rank_share.mean(axis=0).ravel(),
                "monte_carlo_standard_error": self._share_error(rank_share, sets).ravel(),
            }
        )
        contributed = pd.DataFrame(
            {
                "option": np.repeat(options, count),
                "outcome": np.tile(criteria, size),
                "measurement": measured.mean(axis=0).ravel(),
                "value": self.values.mean(axis=0).ravel(),
                "weight": np.tile(self.weights.mean(axis=(0, 1)), size),
                "contribution": parts.mean(axis=0).ravel(),
                "monte_carlo_standard_error": (
                    self._part_error() if one else self._error(_finite(parts))
                ).ravel(),
            }
        )
        central = self._central(options, criteria, best, preferred, sets)
        return {
            "scores": scored,
            "ranks": ranked,
            "contributions": contributed,
            "central": central,
        }

    def _parts(self, weights: np.ndarray) -> np.ndarray:
        """Return what each criterion adds: (set, draw, option, criterion)."""
        weights, values = weights[:, :, None, :], self.values[None]
        if self.score == "additive":
            return weights * values
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.where(weights > 0, weights * np.log(values), 0.0)
        return logs if self.score == "product" else -np.exp(-logs)

    def _error(self, means: np.ndarray) -> np.ndarray:
        """Return the standard error of a mean over draws, shape (draw, ...)."""
        if self.chains and len(means) >= 8 * self.chains:
            return standard_error(means.reshape(self.chains, -1, *means.shape[1:]))
        return means.std(axis=0, ddof=1) / np.sqrt(len(means))

    def _share_error(self, shares: np.ndarray, sets: int) -> np.ndarray:
        if len(shares) > 1:
            return self._error(shares)
        return np.sqrt(shares[0] * (1 - shares[0]) / sets)

    def _part_error(self) -> np.ndarray:
        parts = self._parts(self.weights)[:, 0]
        return _finite(parts).std(axis=0) / np.sqrt(len(parts))

    def _central(self, options, criteria, best, preferred, sets) -> pd.DataFrame:
        rows = []
        share = best.mean(axis=0)
        for i, option in enumerate(options):
            if share[i] > 0:
                weights = preferred[:, i].mean(axis=0) / share[i]
                # A ratio of two means over draws: its error is that of the residual over the share.
                left = preferred[:, i] - best[:, [i]] * weights
                error = (
                    self._error(left) / share[i]
                    if len(best) > 1
                    else self._central_error(i, weights, share[i])
                )
                each = _rank_shares(_total(self._parts(weights[None, None])))[0, :, i, 0]
                sure, unsure = each.mean(), float(self._share_error(each[:, None], np.inf)[0])
            else:
                weights = error = np.full(len(criteria), np.nan)
                sure = unsure = np.nan
            rows.append(
                pd.DataFrame(
                    {
                        "option": option,
                        "outcome": criteria,
                        "weight": weights,
                        "monte_carlo_standard_error": error,
                        "confidence_factor": sure,
                        "confidence_factor_standard_error": unsure,
                    }
                )
            )
        return pd.concat(rows, ignore_index=True)

    def _central_error(self, option: int, weights: np.ndarray, share: float) -> np.ndarray:
        each = _rank_shares(_total(self._parts(self.weights)))[:, 0, option, 0]
        left = each[:, None] * (self.weights[:, 0] - weights)
        return left.std(axis=0) / np.sqrt(len(left)) / share


def _total(parts: np.ndarray) -> np.ndarray:
    return parts.sum(axis=-1)


def _finite(values: np.ndarray) -> np.ndarray:
    """Return values with infinite ones as nan: a score that is lost has no standard error."""
    return np.where(np.isfinite(values), values, np.nan)


def _quantiles(scores: np.ndarray, tails) -> np.ndarray:
    """Return quantiles over draws; minus infinity is an answer, never nan."""
    return np.quantile(scores, tails, axis=0, method="inverted_cdf")


def _rank_shares(scores: np.ndarray) -> np.ndarray:
    """Return (..., option, rank) the share of every rank; options that tie share theirs.

    Examples
    --------
    >>> _rank_shares(np.array([3.0, 1.0, 3.0])).tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [0.5, 0.5, 0.0]]
    """
    size = scores.shape[-1]
    above = np.stack([(scores > scores[..., [i]]).sum(axis=-1) for i in range(size)], axis=-1)
    same = np.stack([(scores == scores[..., [i]]).sum(axis=-1) for i in range(size)], axis=-1)
    rank = np.arange(size)
    within = (rank >= above[..., None]) & (rank < (above + same)[..., None])
    return within / same[..., None]
