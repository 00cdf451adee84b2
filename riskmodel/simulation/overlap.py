"""Two events in one patient: joint risks from margins and declared odds ratios."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Pair = tuple[str, str]


def joint_risk(risk, other, odds_ratio) -> np.ndarray:
    """Return the probability that both of two events happen.

    Parameters
    ----------
    risk, other : array_like
        Risks of the two events, in [0, 1].
    odds_ratio : array_like
        Odds ratio of association, above 0; 1 is independence.

    Returns
    -------
    ndarray
        Between ``max(0, risk + other - 1)`` and ``min(risk, other)`` for every odds ratio.

    References
    ----------
    Plackett (1965), J Am Stat Assoc 60:516-522, doi:10.1080/01621459.1965.10480807.

    Examples
    --------
    >>> round(float(joint_risk(0.2, 0.3, 1.0)), 10)
    0.06
    >>> p = joint_risk(0.2, 0.3, 4.0)
    >>> round(float(p * (1 - 0.2 - 0.3 + p) / ((0.2 - p) * (0.3 - p))), 10)
    4.0
    """
    p, q, psi = (np.asarray(x, dtype=float) for x in (risk, other, odds_ratio))
    # The root of Plackett's quadratic, each part in the form whose terms do not cancel; the middle
    # is negative only if psi < 1.
    middle = 1 + (psi - 1) * (p + q)
    apart = (1 + (psi - 1) * (p - q)) ** 2 + 4 * (psi - 1) * q * (1 - p)
    root = np.sqrt(np.where(psi > 1, apart, middle**2 - 4 * psi * (psi - 1) * p * q))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(
            middle > 0, 2 * psi * p * q / (middle + root), (middle - root) / (2 * (psi - 1))
        )


def any_event_risk(risks: Mapping[str, np.ndarray], overlap: Mapping[Pair, float]) -> np.ndarray:
    """Return the probability of at least one event, given pairwise overlaps without a ring.

    Parameters
    ----------
    risks : mapping of str to ndarray
        Risk of each event; equal shapes.
    overlap : mapping of (str, str) to float
        Odds ratios. Pairs that are not named are independent given those that are; the pairs
        must not close a ring, so that these margins and odds ratios always have one joint
        distribution.

    Returns
    -------
    ndarray
        In [max of the risks, 1].

    Notes
    -----
    In a tree, ``P(none) = prod over pairs P(neither) / prod over events (1 - p)^(pairs - 1)``.

    Examples
    --------
    >>> risks = {"a": np.array(0.2), "b": np.array(0.3), "c": np.array(0.5)}
    >>> round(float(any_event_risk(risks, {("a", "b"): 1.0})), 10)  # all independent
    0.72
    """
    none = np.ones(np.broadcast_shapes(*(np.shape(risk) for risk in risks.values())))
    degree = dict.fromkeys(risks, 0)
    for (a, b), odds_ratio in overlap.items():
        neither = 1 - risks[a] - risks[b] + joint_risk(risks[a], risks[b], odds_ratio)
        none = none * np.clip(neither, 0, 1)  # rounding only: the bounds hold exactly
        degree[a], degree[b] = degree[a] + 1, degree[b] + 1
    for event, risk in risks.items():
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = (1 - risk) ** (1.0 - degree[event])
        none = none * np.where(risk < 1, factor, 0.0)
    return 1 - none
