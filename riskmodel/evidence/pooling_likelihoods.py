"""The exact likelihoods of events in two arms, with and without a baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special


@dataclass(frozen=True)
class BaselinePrior:
    """The prior of a study's mean log odds, or of the risk with those log odds.

    Parameters
    ----------
    family : {"normal", "beta"}
        Normal for the mean log odds; Beta for the risk.
    first, second : float
    """

    family: str
    first: float
    second: float

    def __str__(self) -> str:
        return f"{self.family}:{self.first:g}:{self.second:g}"

    def log_density(self, log_odds: np.ndarray) -> np.ndarray:
        """Return the log density of the mean log odds."""
        if self.family == "normal":
            z = (log_odds - self.first) / self.second
            return -0.5 * z**2 - np.log(self.second) - 0.5 * np.log(2 * np.pi)
        return (
            -self.first * softplus(-log_odds)
            - self.second * softplus(log_odds)
            - special.betaln(self.first, self.second)
        )

    def slope_and_information(self, log_odds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivative of the log density, and its second with the sign turned."""
        if self.family == "normal":
            slope = (self.first - log_odds) / self.second**2
            return slope, np.full(np.shape(log_odds), 1 / self.second**2)
        p = special.expit(log_odds)
        total = self.first + self.second
        return self.first - total * p, total * p * (1 - p)

    @property
    def start(self) -> float:
        """The middle of it."""
        if self.family == "normal":
            return self.first
        return float(np.log(self.first / self.second))


def softplus(x: np.ndarray) -> np.ndarray:
    """Return ``log(1 + exp(x))`` without overflow.

    Examples
    --------
    >>> softplus(np.array([0.0, 1000.0])).round(6)
    array([6.93147e-01, 1.00000e+03])
    """
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def half_difference(measure: str, log_odds: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Return half the difference of the two arms' log odds.

    Parameters
    ----------
    measure : {"odds_ratio", "relative_risk", "risk_difference"}
    log_odds : ndarray
        Mean of the two arms' log odds.
    theta : ndarray
        Log odds ratio, log relative risk, or risk difference strictly between -1 and 1.

    Examples
    --------
    >>> d = half_difference("relative_risk", np.array(-1.0), np.log(2.0))
    >>> p1, p0 = special.expit(-1.0 + d), special.expit(-1.0 - d)
    >>> round(float(p1 / p0), 12)
    2.0
    >>> d = half_difference("risk_difference", np.array(-1.0), 0.1)
    >>> round(float(special.expit(-1.0 + d) - special.expit(-1.0 - d)), 12)
    0.1
    """
    if measure == "odds_ratio":
        return 0.5 * theta + np.zeros_like(log_odds)
    if measure == "relative_risk":
        return 0.5 * theta + np.arcsinh(np.exp(log_odds) * np.sinh(0.5 * theta))
    folded = np.arctanh(theta)
    return folded + np.arcsinh(np.sinh(folded) * np.cosh(log_odds))


def _slope_of_half_difference(measure: str, log_odds: np.ndarray, theta: np.ndarray):
    """Return the derivative of `half_difference` with respect to the mean log odds."""
    if measure == "odds_ratio":
        return np.zeros_like(log_odds)
    if measure == "relative_risk":
        q = np.exp(log_odds) * np.sinh(0.5 * theta)
        return q / np.sqrt(1 + q**2)
    sinh = np.sinh(np.arctanh(theta))
    return sinh * np.sinh(log_odds) / np.sqrt(1 + (sinh * np.cosh(log_odds)) ** 2)


@dataclass(frozen=True)
class ArmCounts:
    """Checked counts of every study.

    Parameters
    ----------
    events, n, events_comparator, n_comparator : ndarray, shape (k,)
        Whole numbers, as floats.
    study : tuple of str
    """

    events: np.ndarray
    n: np.ndarray
    events_comparator: np.ndarray
    n_comparator: np.ndarray
    study: tuple[str, ...]

    @property
    def double_zero(self) -> np.ndarray:
        """Which studies have no event at all, or nothing but events."""
        total = self.events + self.events_comparator
        return (total == 0) | (total == self.n + self.n_comparator)

    @property
    def log_coefficients(self) -> np.ndarray:
        """Log of the product of the two binomial coefficients."""
        return log_choose(self.n, self.events) + log_choose(
            self.n_comparator, self.events_comparator
        )


def log_choose(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return the log of the binomial coefficient.

    Examples
    --------
    >>> round(float(np.exp(log_choose(5, 2))), 10)
    10.0
    """
    return special.gammaln(n + 1.0) - special.gammaln(k + 1.0) - special.gammaln(n - k + 1.0)


def integrated_log_likelihood(
    counts: ArmCounts,
    index: np.ndarray,
    theta: np.ndarray,
    measure: str,
    prior: BaselinePrior,
    nodes: int = 60,
) -> np.ndarray:
    """Return the log likelihood of each study's effect, its baseline integrated out.

    Parameters
    ----------
    counts : ArmCounts
    index, theta : ndarray, shape (p,)
        Studies and effects.
    measure : str
    prior : BaselinePrior
    nodes : int
        Of the trapezoid rule over the mean log odds, stretched around its conditional mode.

    Returns
    -------
    ndarray, shape (p,)
        Binomial coefficients included.
    """
    if measure == "risk_difference":
        theta = np.clip(theta, -1 + 1e-12, 1 - 1e-12)
    y1, n1 = counts.events[index], counts.n[index]
    y0, n0 = counts.events_comparator[index], counts.n_comparator[index]

    def log_joint(log_odds, column=True):
        take = (lambda x: x[:, None]) if column else (lambda x: x)
        d = half_difference(measure, log_odds, take(theta))
        one, none = log_odds + d, log_odds - d
        found = take(y1) * one - take(n1) * softplus(one) + prior.log_density(log_odds)
        return found + take(y0) * none - take(n0) * softplus(none)

    mode, spread = _conditional_mode(y1, n1, y0, n0, theta, measure, prior)
    unit = np.minimum(1.5 * spread, 1.0)
    multiples = np.array([4.0, 9.5, 20.0, 45.0, 100.0, 400.0])
    steps = np.concatenate([-multiples[::-1], multiples]) * np.minimum(spread, 1.0)[:, None]
    deep = log_joint(mode[:, None] + steps) < log_joint(mode, column=False)[:, None] - 38.0
    deep[:, [0, -1]] = True
    half = len(multiples)
    left = half - 1 - np.argmax(deep[:, :half][:, ::-1], axis=1)
    right = half + np.argmax(deep[:, half:], axis=1)
    rows = np.arange(len(theta))
    low, high = np.arcsinh(steps[rows, left] / unit), np.arcsinh(steps[rows, right] / unit)
    step = (high - low) / (nodes - 1)
    u = low[:, None] + step[:, None] * np.arange(nodes)
    logs = log_joint(mode[:, None] + unit[:, None] * np.sinh(u)) + np.log(np.cosh(u))
    top = logs.max(axis=1)
    total = np.exp(logs - top[:, None]).sum(axis=1) * step * unit
    return top + np.log(total) + counts.log_coefficients[index]


def _conditional_mode(y1, n1, y0, n0, theta, measure, prior):
    """Return the mode of the mean log odds given the effect, and its spread, by scoring."""
    crude = (y1 + y0 + 0.5) / (n1 + n0 + 1.0)
    log_odds = special.logit(crude)
    for _ in range(40):
        d = half_difference(measure, log_odds, theta)
        slope = _slope_of_half_difference(measure, log_odds, theta)
        p1, p0 = special.expit(log_odds + d), special.expit(log_odds - d)
        score, information = prior.slope_and_information(log_odds)
        score = score + (y1 - n1 * p1) * (1 + slope) + (y0 - n0 * p0) * (1 - slope)
        information = information + n1 * p1 * (1 - p1) * (1 + slope) ** 2
        information = information + n0 * p0 * (1 - p0) * (1 - slope) ** 2
        step = np.clip(score / information, -2.0, 2.0)
        log_odds = log_odds + step
        if np.abs(step).max() < 1e-4:
            break
    return log_odds, 1 / np.sqrt(information)


def conditional_log_likelihood(
    counts: ArmCounts, index: np.ndarray, theta: np.ndarray
) -> np.ndarray:
    """Return the log likelihood of each study's log odds ratio given its events in all.

    Fisher's noncentral hypergeometric distribution: ``C(n1, y1) C(n0, t - y1) exp(theta y1)``
    over its sum over every possible number of events in the first arm.

    Examples
    --------
    >>> counts = ArmCounts(*np.array([[3.0], [10.0], [1.0], [10.0]]), ("one",))
    >>> np.exp(conditional_log_likelihood(counts, np.array([0]), np.zeros(1))).round(6)
    array([0.247678])

    which is 120 * 10 / 4845, the central hypergeometric.
    """
    found = np.zeros(len(theta))
    for i in np.unique(index):
        here = index == i
        y, n1, n0 = counts.events[i], counts.n[i], counts.n_comparator[i]
        total = y + counts.events_comparator[i]
        j = np.arange(max(0.0, total - n0), min(n1, total) + 1)
        if len(j) == 1:
            continue  # nothing else could have happened: the likelihood is 1
        logs = log_choose(n1, j) + log_choose(n0, total - j)
        own = log_choose(n1, y) + log_choose(n0, total - y)
        effects = theta[here]
        sums = np.empty(len(effects))
        for part in np.array_split(np.arange(len(effects)), 1 + len(effects) * len(j) // 1_000_000):
            terms = logs[:, None] + (j - y)[:, None] * effects[part]
            top = terms.max(axis=0)
            sums[part] = top + np.log(np.exp(terms - top).sum(axis=0))
        found[here] = own - sums
    return found
