"""What a discount does to a distribution kept as quantiles at standard normal scores.

A distribution without a formula is an array of values at :data:`riskmodel.evidence.priors.SCORES`,
between which its value is a straight line in the score, and beyond which the line goes on. Each
function takes and returns such values, on the modelling scale.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from riskmodel.evidence.priors import SCORES

# Nodes of the mean over a standard normal: the trapezoid rule, which leaves out 2e-19.
_NODES = np.linspace(-9, 9, 201)
_WEIGHTS = np.exp(-0.5 * _NODES**2) / np.exp(-0.5 * _NODES**2).sum()


def log_odds_of_beta(first: float, second: float) -> np.ndarray:
    """Return the log odds of a Beta at the scores; exact in both tails.

    Examples
    --------
    >>> middle = len(SCORES) // 2
    >>> float(log_odds_of_beta(3.0, 3.0)[middle].round(12))
    0.0
    """
    risk = special.betaincinv(first, second, special.ndtr(SCORES))
    rest = special.betaincinv(second, first, special.ndtr(-SCORES))
    tiny = np.finfo(float).tiny
    return np.log(np.maximum(risk, tiny)) - np.log(np.maximum(rest, tiny))


def moments(values: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation of the distribution that has these values.

    Examples
    --------
    >>> [round(moment, 6) for moment in moments(1 + 2 * SCORES)]
    [1.0, 2.0]
    """
    weight = np.exp(-0.5 * SCORES**2)
    mean = float(np.average(values, weights=weight))
    return mean, float(np.sqrt(np.average((values - mean) ** 2, weights=weight)))


def widened(values: np.ndarray, power: float) -> np.ndarray:
    """Return a power prior: the distance from the median over the root of the power.

    Parameters
    ----------
    values : ndarray, shape (601,)
    power : float
        Above 0, at most 1.

    Examples
    --------
    >>> bool(np.allclose(widened(-0.5 + 0.2 * SCORES, 0.25), -0.5 + 0.4 * SCORES))
    True
    """
    median = np.interp(0.0, SCORES, values)
    return median + (values - median) / np.sqrt(power)


def mixed(values: np.ndarray, weight: float, mean: float, sd: float) -> np.ndarray:
    """Return the mixture of a distribution, with a weight, and a normal with the rest.

    Parameters
    ----------
    values : ndarray, shape (601,)
    weight : float
        Of the distribution, in [0, 1].
    mean, sd : float
        Of the normal.

    Examples
    --------
    >>> both = mixed(-1 + SCORES, 0.5, 1.0, 1.0)
    >>> [round(moment, 3) for moment in moments(both)]  # variance 1 within, 1 between
    [0.0, 1.414]
    """
    if weight in (0, 1):
        return np.array(values) if weight else mean + sd * SCORES
    at = np.unique(np.concatenate([values, mean + sd * SCORES]))
    own, vague = _score_at(at, values), (at - mean) / sd
    below = weight * special.ndtr(own) + (1 - weight) * special.ndtr(vague)
    above = weight * special.ndtr(-own) + (1 - weight) * special.ndtr(-vague)
    return _inverted(at, below, above)


def shifted(values: np.ndarray, mean: float, sd: float) -> np.ndarray:
    """Return the distribution of ``x - b``, with b an independent normal.

    Parameters
    ----------
    values : ndarray, shape (601,)
        Of x.
    mean, sd : float
        Of b; `sd` 0 or more.

    Examples
    --------
    >>> bool(np.allclose(shifted(0.5 + 0.3 * SCORES, 0.1, 0.4), 0.4 + 0.5 * SCORES, atol=1e-4))
    True
    """
    if sd == 0:
        return values - mean
    at = values - mean + sd * SCORES  # wider than the sum: as if both went together
    spread = 0.5 * np.ptp(np.interp([-1.0, 1.0], SCORES, values))
    if sd < spread:  # the mean over whichever of the two is the narrower
        score = _score_at(at[:, None] + mean + sd * _NODES, values)
    else:
        ends = np.array([values[0] - values[1], values[-1] - values[-2]]) / (SCORES[1] - SCORES[0])
        beyond = np.maximum(np.abs(_NODES) - SCORES[-1], 0.0)
        inside = np.interp(_NODES, SCORES, values) + beyond * np.where(_NODES < 0, *ends)
        score = (at[:, None] + mean - inside) / sd
    return _inverted(at, special.ndtr(score) @ _WEIGHTS, special.ndtr(-score) @ _WEIGHTS)


def _score_at(x: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the standard normal score at which a distribution reaches x."""
    score = np.interp(x, values, SCORES)
    step = SCORES[1] - SCORES[0]
    for end, beyond in ((0, x < values[0]), (-1, x > values[-1])):
        slope = abs(values[end] - values[end + 1 if end == 0 else end - 1]) / step
        if slope > 0:
            score = np.where(beyond, SCORES[end] + (x - values[end]) / slope, score)
    return score


def _inverted(at: np.ndarray, below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Return the values at the scores, from the probabilities below and above some others."""
    with np.errstate(divide="ignore"):
        score = np.where(below < above, special.ndtri(below), -special.ndtri(above))
    kept = np.isfinite(score)
    score, first = np.unique(score[kept], return_index=True)
    return np.interp(SCORES, score, at[kept][first])
