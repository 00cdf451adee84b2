"""Two events in one patient: joint risks from margins and declared odds ratios."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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


def any_event_risk(
    risks: Mapping[str, np.ndarray],
    overlap: Mapping[Pair, float],
    among: Iterable[str] | None = None,
) -> np.ndarray:
    """Return the probability of at least one event, given pairwise overlaps without a ring.

    Parameters
    ----------
    risks : mapping of str to ndarray
        Risk of each event; equal shapes.
    overlap : mapping of (str, str) to float
        Odds ratios. Pairs that are not named are independent given those that are; the pairs
        must not close a ring, so that these margins and odds ratios always have one joint
        distribution.
    among : iterable of str, optional
        The events that count; None is all of them. Two that have no pair of their own may still
        go together through a third that is not among them.

    Returns
    -------
    ndarray
        In [max of the risks, min(1, their sum)].

    Notes
    -----
    Pairs without a ring make a tree, in which ``P(none)`` is summed from the leaves inwards
    (Pearl 1988, Probabilistic Reasoning in Intelligent Systems, chapter 4).

    Examples
    --------
    >>> risks = {"a": np.array(0.2), "b": np.array(0.3), "c": np.array(0.5)}
    >>> round(float(any_event_risk(risks, {("a", "b"): 1.0})), 10)  # all independent
    0.72
    >>> round(float(any_event_risk(risks, {("a", "b"): 4.0}, among=["a", "c"])), 10)
    0.6
    """
    counted = set(risks if among is None else among)
    beside: dict[str, dict[str, float]] = {event: {} for event in risks}
    for (a, b), odds_ratio in overlap.items():
        beside[a][b] = beside[b][a] = odds_ratio

    def none_below(event: str, parent: str | None) -> tuple[np.ndarray, np.ndarray]:
        """Return P(nothing counted at or below an event), without it and with it."""
        seen.add(event)
        without, with_it = np.ones(1), np.zeros(1) if event in counted else np.ones(1)
        p = np.asarray(risks[event], dtype=float)
        for other, odds_ratio in beside[event].items():
            if other == parent:
                continue
            free, hit = none_below(other, event)
            q = np.asarray(risks[other], dtype=float)
            both = joint_risk(p, q, odds_ratio)
            with np.errstate(divide="ignore", invalid="ignore"):
                given = np.where(p > 0, both / p, q)  # where one is certain the other is as it is
                given_not = np.where(p < 1, (q - both) / (1 - p), q)
            given, given_not = (np.clip(x, 0, 1) for x in (given, given_not))  # rounding only
            without = without * (given_not * hit + (1 - given_not) * free)
            with_it = with_it * (given * hit + (1 - given) * free)
        return without, with_it

    none, seen = np.ones(1), set()
    for event in risks:
        if event not in seen:
            without, with_it = none_below(event, None)
            p = np.asarray(risks[event], dtype=float)
            none = none * ((1 - p) * without + p * with_it)
    return (1 - none).reshape(np.broadcast_shapes(*(np.shape(risk) for risk in risks.values())))
