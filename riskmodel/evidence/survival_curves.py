"""Kaplan and Meier's curve of patients, what is read off it, and Cox's ratio of two arms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from riskmodel.errors import ParameterError, Problem

if TYPE_CHECKING:
    import pandas as pd


def kaplan_meier(time: Sequence[float], event: Sequence[int]) -> pd.DataFrame:
    """Return the Kaplan-Meier estimate of survival at every time something happens.

    Parameters
    ----------
    time : array_like, shape (patient,)
        0 or more.
    event : array_like, shape (patient,)
        1 for an event, 0 for censoring; who is censored at the time of an event is at risk then.

    Returns
    -------
    pandas.DataFrame
        ``time``, ``at_risk`` just before it, ``events``, ``censored``, ``survival`` just after.

    References
    ----------
    Kaplan and Meier (1958), Journal of the American Statistical Association 53:457,
    doi:10.1080/01621459.1958.10501452.

    Examples
    --------
    >>> kaplan_meier([1, 2, 3, 4], [1, 0, 1, 0])["survival"].tolist()
    [0.75, 0.75, 0.375, 0.375]
    """
    import pandas as pd

    time, event = np.asarray(time, dtype=float), np.asarray(event, dtype=int)
    times, place = np.unique(time, return_inverse=True)
    died = np.bincount(place, weights=event, minlength=len(times)).astype(int)
    lost = np.bincount(place, minlength=len(times)) - died
    number = len(time) - np.append(0, np.cumsum(died + lost)[:-1])
    return pd.DataFrame(
        {
            "time": times,
            "at_risk": number,
            "events": died,
            "censored": lost,
            "survival": np.cumprod(1 - died / number),
        }
    )


def median_survival(time: Sequence[float], survival: Sequence[float]) -> float:
    """Return the earliest time at which a falling curve is at 0.5 or less; infinite if never.

    Examples
    --------
    >>> median_survival([1, 2, 3], [0.8, 0.5, 0.3])
    2.0
    """
    reached = np.flatnonzero(np.asarray(survival) <= 0.5 + 1e-9)
    return float(np.asarray(time)[reached[0]]) if len(reached) else float("inf")


def restricted_mean_survival(
    time: Sequence[float], survival: Sequence[float], horizon: float
) -> float:
    """Return the area below a survival step function from 0 to a horizon, in the unit of time.

    Parameters
    ----------
    time, survival : array_like, shape (step,)
        Survival from each time on; 1 before the first.
    horizon : float
        Above 0. Past the last time the curve is led on level.

    Examples
    --------
    >>> restricted_mean_survival([1, 2], [0.5, 0], 3)
    1.5
    """
    time, survival = np.asarray(time, dtype=float), np.asarray(survival, dtype=float)
    if not (np.isfinite(horizon) and horizon > 0):
        raise ParameterError(
            [
                Problem(
                    field="horizon",
                    found=horizon,
                    allowed="a time above 0",
                    remedy="give it in the unit of the curve's time",
                )
            ]
        )
    inside = time < horizon
    edges = np.concatenate([[0.0], time[inside], [horizon]])
    return float(np.sum(np.diff(edges) * np.append(1.0, survival[inside])))


def arm_hazard_ratio(arm: pd.DataFrame, comparator: pd.DataFrame) -> tuple[float, float]:
    """Return Cox's hazard ratio of an arm over its comparator, and the log's standard error.

    Parameters
    ----------
    arm, comparator : pandas.DataFrame
        ``time`` and ``event`` of the patients of each.

    Returns
    -------
    (float, float)
        0 or infinite, with an infinite error, where one arm has no event.

    Notes
    -----
    Partial likelihood with Efron's treatment of ties, by Newton's method.

    References
    ----------
    Efron (1977), Journal of the American Statistical Association 72:557,
    doi:10.1080/01621459.1977.10480613.

    Examples
    --------
    >>> import pandas as pd
    >>> arm = pd.DataFrame({"time": [2, 4], "event": [1, 1]})
    >>> other = pd.DataFrame({"time": [1, 3], "event": [1, 1]})
    >>> ratio, _ = arm_hazard_ratio(arm, other)
    >>> print(round(ratio, 4))  # (sqrt(17) - 1) / 8
    0.3904
    """
    time = np.concatenate([arm["time"], comparator["time"]]).astype(float)
    event = np.concatenate([arm["event"], comparator["event"]]).astype(int)
    treated = np.repeat([1.0, 0.0], [len(arm), len(comparator)])
    died = event == 1
    if not died[treated == 1].any() or not died[treated == 0].any():
        none = not died.any()
        ratio = float("nan") if none else (np.inf if died[treated == 1].any() else 0.0)
        return ratio, float("inf")
    times, deaths = np.unique(time[died], return_counts=True)
    still = time >= times[:, None]
    here = (time == times[:, None]) & died
    at_risk, dead = ((np.stack([x @ (1 - treated), x @ treated])) for x in (still, here))
    # Of d tied deaths the l-th finds l/d of them already gone.
    share = np.concatenate([np.arange(d) / d for d in deaths])
    control, active = np.repeat(at_risk, deaths, axis=1) - share * np.repeat(dead, deaths, axis=1)
    total, beta = dead[1].sum(), 0.0
    for _ in range(100):
        part = active * np.exp(beta)
        chance = part / (part + control)
        information = np.sum(chance * (1 - chance))
        if information < 1e-10:
            break
        change = np.clip((total - chance.sum()) / information, -2, 2)
        beta += change
        if abs(change) < 1e-12:
            break
    if information < 1e-6 or abs(beta) > 20:  # all of one arm's events before the other's
        return (np.inf if beta > 0 else 0.0), float("inf")
    return float(np.exp(beta)), float(1 / np.sqrt(information))


def survival_at(steps: pd.DataFrame, time: np.ndarray) -> np.ndarray:
    """Return a step function at some times, 1 before its first step."""
    place = np.searchsorted(steps["time"].to_numpy(), time, side="right")
    return np.append(1.0, steps["survival"].to_numpy())[place]
