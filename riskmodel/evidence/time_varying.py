"""An effect over time: waning ratios, what follow-up did not see, NNT and restricted means.

A number needed to treat belongs to one time. ``NNT(t) = 1 / (risk difference at t)``, and between
two options with survival ``S0`` and ``S1``::

    restricted mean difference to t = integral from 0 to t of S1 - S0

Curves are taken to have constant hazards between the given times, so that every integral is
closed. Beyond the last follow-up nobody saw the ratio; three scenarios say what it may be:

=========  ===================================================================================
held       the ratio as it was
waning     its logarithm halves every half-life: ``log HR(t) = log HR 2 ** (-(t - f) / L)``
lost       1 from there on
=========  ===================================================================================

With the half-life ``L`` and the follow-up ``f`` at 0, waning is the form ``log HR(t) = log HR * exp(-k t)`` with
``k = log(2) / L``. Sources: Altman and Andersen (1999), BMJ 319:1492,
doi:10.1136/bmj.319.7223.1492 (NNT at a time); Royston and Parmar (2013), BMC Med Res Methodol
13:152, doi:10.1186/1471-2288-13-152 (restricted means).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from riskmodel.errors import ParameterError, Phrase, Problem
from riskmodel.evidence.measures import format_nnt

if TYPE_CHECKING:
    import pandas as pd

Beyond = Literal["held", "waning", "lost"]
SCENARIOS = ("held", "waning", "lost")
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)


def treated_survival(
    survival,
    times: Sequence[float],
    hazard_ratio,
    *,
    scenario: Beyond = "held",
    follow_up: float | None = None,
    half_life: float | None = None,
) -> np.ndarray:
    """Return the survival under a hazard ratio that may wane.

    Parameters
    ----------
    survival : array_like, shape (..., time)
        Under the comparator at `times`, falling within (0, 1]; leading axes are draws.
    times : array_like, shape (time,)
        Rising from above 0; survival at 0 is 1.
    hazard_ratio : array_like, shape (...)
        Above 0.
    scenario : {"held", "waning", "lost"}
        What the ratio is after `follow_up`.
    follow_up : float, optional
        To where the ratio was seen, in the unit of `times`; needed unless it is held.
    half_life : float, optional
        Of the log ratio after `follow_up`; needed where it wanes.

    Returns
    -------
    ndarray, shape (..., time)

    Raises
    ------
    ParameterError
        If the curve rises, a ratio is not positive, or what a scenario needs is missing.

    Examples
    --------
    A ratio of 0.5 that is lost after a year: what happens later happens to both alike.

    >>> s0 = np.exp(-0.2 * np.array([1.0, 3.0]))
    >>> treated_survival(s0, [1, 3], 0.5, scenario="lost", follow_up=1).round(4)
    array([0.9048, 0.6065])
    >>> treated_survival(s0, [1, 3], 0.5).round(4)
    array([0.9048, 0.7408])
    """
    survival, times = np.asarray(survival, dtype=float), np.asarray(times, dtype=float)
    ratio = np.asarray(hazard_ratio, dtype=float)
    _check(survival, times, ratio, scenario, follow_up, half_life)
    hazard = -np.diff(np.log(survival), axis=-1, prepend=0.0)  # accrued in each interval
    starts = np.append(0.0, times[:-1])
    mean = np.stack(
        [
            _mean_ratio(ratio, start, end, scenario, follow_up, half_life)
            for start, end in zip(starts, times, strict=True)
        ],
        axis=-1,
    )
    return np.exp(-np.cumsum(hazard * mean, axis=-1))


def _mean_ratio(ratio, start, end, scenario, follow_up, half_life) -> np.ndarray:
    """Return the mean of a ratio over an interval, before and after the follow-up apart."""
    if scenario == "held" or end <= follow_up:
        return ratio
    turn = max(start, follow_up)
    if scenario == "lost":
        later = np.ones(ratio.shape)
    else:
        later = np.zeros(ratio.shape)
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            time = turn + (end - turn) * (node + 1) / 2
            later = later + weight / 2 * ratio ** (2 ** (-(time - follow_up) / half_life))
    return (ratio * (turn - start) + later * (end - turn)) / (end - start)


def restricted_mean(survival, times: Sequence[float]) -> np.ndarray:
    """Return the mean time without the event, up to each of the times.

    Parameters
    ----------
    survival : array_like, shape (..., time)
        At `times`, falling within [0, 1].
    times : array_like, shape (time,)
        Rising from above 0; survival at 0 is 1.

    Returns
    -------
    ndarray, shape (..., time)
        In the unit of `times`: the area under the curve, with constant hazards between the times.

    Examples
    --------
    >>> times = np.array([1.0, 2.0])
    >>> restricted_mean(np.exp(-0.5 * times), times).round(6)
    array([0.786939, 1.264241])
    >>> restricted_mean([1.0, 1.0], times)
    array([1., 2.])
    """
    survival, times = np.asarray(survival, dtype=float), np.asarray(times, dtype=float)
    before = np.concatenate([np.ones((*survival.shape[:-1], 1)), survival[..., :-1]], axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        hazard = np.log(before) - np.log(survival)
        falling = (before - survival) / hazard
    # Where hardly anything happens the quotient loses digits; the trapezium does not.
    mean = np.where(hazard < 1e-6, (before + survival) / 2, falling)
    mean = np.where((before > 0) & (survival <= 0), 0.0, mean)  # infinite hazard: nobody is left
    mean = np.where(before <= 0, 0.0, mean)
    return np.cumsum(mean * np.diff(times, prepend=0.0), axis=-1)


def effects_over_time(
    survival,
    survival_treated,
    times: Sequence[float],
    *,
    time_unit: str,
    wanted: bool = False,
    prob: float = 0.95,
) -> pd.DataFrame:
    """Return risks, NNT and the restricted-mean difference over a grid of horizons.

    Parameters
    ----------
    survival, survival_treated : array_like, shape (..., time)
        Share without the event, draw by draw; leading axes must broadcast.
    times : array_like, shape (time,)
    time_unit : str
        Such as ``"month"``.
    wanted : bool
        Whether the event is a good one, such as recovery.
    prob : float
        Of the equal-tailed intervals.

    Returns
    -------
    pandas.DataFrame
        One row a time: ``time``, ``time_unit``, ``baseline_risk``, ``risk``, ``risk_difference``
        with ``lower`` and ``upper``, ``prob_benefit``, ``number_needed_to_treat`` (Altman 1998:
        from the median difference), ``restricted_mean_difference`` (time without the event gained
        up to then, in the unit of time) with ``restricted_mean_lower`` and ``..._upper``,
        ``prob``, ``kind``. Points are medians over draws.

    Examples
    --------
    >>> times = np.array([1.0, 3.0])
    >>> s0 = np.exp(-0.2 * times)
    >>> table = effects_over_time(s0, treated_survival(s0, times, 0.5), times, time_unit="year")
    >>> table[["risk_difference", "restricted_mean_difference"]].round(3).values.tolist()
    [[-0.086, 0.045], [-0.192, 0.336]]
    """
    import pandas as pd

    if not 0 < prob < 1:
        raise ParameterError(
            [
                Problem(
                    field="prob",
                    found=prob,
                    allowed="values strictly between 0 and 1",
                    remedy="divide percentages by 100",
                )
            ]
        )
    s0, s1 = (np.asarray(x, dtype=float) for x in (survival, survival_treated))
    s0, s1 = (x.reshape(-1, x.shape[-1]) for x in np.broadcast_arrays(s0, s1))
    levels = [(1 - prob) / 2, 0.5, (1 + prob) / 2]
    difference = s0 - s1
    lower, middle, upper = np.quantile(difference, levels, axis=0)
    gain = restricted_mean(s1, times) - restricted_mean(s0, times)
    gain_lower, gain_middle, gain_upper = np.quantile(gain, levels, axis=0)
    better = difference > 0 if wanted else difference < 0
    return pd.DataFrame(
        {
            "time": np.asarray(times, dtype=float),
            "time_unit": time_unit,
            "baseline_risk": np.median(1 - s0, axis=0),
            "risk": np.median(1 - s1, axis=0),
            "risk_difference": middle,
            "lower": lower,
            "upper": upper,
            "prob_benefit": better.mean(axis=0),
            "number_needed_to_treat": format_nnt(middle, lower, upper, wanted=wanted),
            "restricted_mean_difference": gain_middle,
            "restricted_mean_lower": gain_lower,
            "restricted_mean_upper": gain_upper,
            "prob": prob,
            "kind": "equal-tailed",
        }
    )


def _check(survival, times, ratio, scenario, follow_up, half_life) -> None:
    problems = []

    def fault(field: str, found, allowed: str, remedy: str) -> None:
        problems.append(Problem(field=field, found=found, allowed=allowed, remedy=remedy))

    if times.ndim != 1 or survival.shape[-1:] != times.shape:
        fault(
            "survival",
            Phrase(f"{survival.shape} beside {times.shape} times"),
            "one value a time along the last axis",
            "give both over the same times",
        )
    elif not (np.diff(times, prepend=0.0) > 0).all():
        fault("times", times.tolist(), "rising from above 0", "leave 0 out: survival is 1 there")
    elif not ((survival > 0) & (survival <= 1)).all() or (np.diff(survival, axis=-1) > 0).any():
        fault(
            "survival", Phrase("a curve that rises or leaves (0, 1]"), "a falling curve", "mend it"
        )
    if not (np.isfinite(ratio) & (ratio > 0)).all():
        fault("hazard_ratio", Phrase("0, a negative or missing value"), "above 0", "mend it")
    if scenario not in SCENARIOS:
        fault("scenario", scenario, ", ".join(SCENARIOS), "correct the word")
    elif scenario != "held":
        if follow_up is None or not follow_up >= 0:
            fault("follow_up", follow_up, "0 or more", "say to where the ratio was seen")
        if scenario == "waning" and (half_life is None or not half_life > 0):
            fault("half_life", half_life, "above 0", "say how fast the log ratio halves")
    if problems:
        raise ParameterError(problems)
