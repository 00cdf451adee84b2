"""Pure formulas between risk, ratios, differences, numbers needed to treat and rates.

Every function broadcasts. Scalars in give a NumPy float out, arrays give an array. A risk is a
probability of an event by one horizon; an effect is treatment against comparator on one of
`SCALES`; a risk difference is treatment minus comparator, so negative means fewer events.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike

from riskmodel.errors import ParameterError, Phrase, Problem, did_you_mean

Floats = np.ndarray | np.float64

SCALES = ("relative_risk", "odds_ratio", "hazard_ratio", "risk_difference")

_OTHER_SCALE = "use another scale, converted with convert_effect at a declared reference risk"


def apply_effect(baseline_risk: ArrayLike, effect: ArrayLike, scale: str) -> Floats:
    """Return the risk under treatment by the bare formula of one scale, unchecked.

    For draws: a relative risk or a risk difference may carry a draw out of [0, 1], and the caller
    counts those draws. `treated_risk` is the checked form.

    Parameters
    ----------
    baseline_risk : array_like, shape (...,)
        Risk under the comparator by one horizon; dimensionless, in [0, 1].
    effect : array_like, shape (...,)
        Treatment against comparator on `scale`; broadcast against `baseline_risk`.
    scale : {"relative_risk", "odds_ratio", "hazard_ratio", "risk_difference"}
        ``p0 * RR``, ``OR * p0 / (1 - p0 + OR * p0)``, ``1 - (1 - p0) ** HR`` or ``p0 + RD``.

    Returns
    -------
    ndarray, shape (...,)
        Risk under treatment by the same horizon; in [0, 1] for an odds or hazard ratio, perhaps
        outside it for the other two.

    Raises
    ------
    ValueError
        If the scale is none of `SCALES`.

    References
    ----------
    Cummings (2009), Arch Pediatr Adolesc Med 163:438, doi:10.1001/archpediatrics.2009.31, for
    the ratios; Altman and Andersen (1999), BMJ 319:1492, doi:10.1136/bmj.319.7223.1492, for the
    hazard ratio.

    Examples
    --------
    >>> apply_effect([0.121, 0.421], 0.62, "relative_risk").round(3)
    array([0.075, 0.261])
    """
    _check_scale("scale", scale)
    baseline_risk = np.asarray(baseline_risk, dtype=float)
    effect = np.asarray(effect, dtype=float)
    if scale == "relative_risk":
        return (baseline_risk * effect)[()]
    if scale == "odds_ratio":
        events = baseline_risk * effect
        return (events / (1 - baseline_risk + events))[()]
    if scale == "hazard_ratio":
        with np.errstate(divide="ignore"):  # a risk of 1 has an infinite log, and stays 1
            return (-np.expm1(effect * np.log1p(-baseline_risk)))[()]
    return (baseline_risk + effect)[()]


def effect_between(baseline_risk: ArrayLike, treated_risk: ArrayLike, scale: str) -> Floats:
    """Return the effect that leads from one risk to another, by the bare formula, unchecked.

    Parameters
    ----------
    baseline_risk, treated_risk : array_like, shape (...,)
        Risks under comparator and treatment by one horizon; dimensionless, in [0, 1].
    scale : {"relative_risk", "odds_ratio", "hazard_ratio", "risk_difference"}
        Scale of the effect wanted.

    Returns
    -------
    ndarray, shape (...,)
        Treatment against comparator; a ratio in [0, inf], a difference in [-1, 1] and negative
        for fewer events. Ratios are nan or infinite where a risk of 0 or 1 leaves them undefined.

    Raises
    ------
    ValueError
        If the scale is none of `SCALES`.

    References
    ----------
    As for `apply_effect`, of which this is the inverse.

    Examples
    --------
    >>> effect_between(0.31, 0.273, "hazard_ratio").round(2)
    np.float64(0.86)
    """
    _check_scale("scale", scale)
    baseline_risk = np.asarray(baseline_risk, dtype=float)
    treated_risk = np.asarray(treated_risk, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "relative_risk":
            return (treated_risk / baseline_risk)[()]
        if scale == "odds_ratio":
            return (treated_risk * (1 - baseline_risk) / ((1 - treated_risk) * baseline_risk))[()]
        if scale == "hazard_ratio":
            return (np.log1p(-treated_risk) / np.log1p(-baseline_risk))[()]
        return (treated_risk - baseline_risk)[()]


def treated_risk(baseline_risk: ArrayLike, effect: ArrayLike, scale: str) -> Floats:
    """Return the risk under treatment, checked going in and coming out.

    Parameters
    ----------
    baseline_risk : array_like, shape (...,)
        Risk under the comparator by one horizon; dimensionless, in [0, 1].
    effect : array_like, shape (...,)
        A ratio above 0 or a difference in [-1, 1], treatment against comparator.
    scale : {"relative_risk", "odds_ratio", "hazard_ratio", "risk_difference"}
        Scale of the effect.

    Returns
    -------
    ndarray, shape (...,)
        Risk under treatment by the same horizon, in [0, 1]; never clipped into it.

    Raises
    ------
    ValueError
        If an input is missing or outside its range, or a result falls outside [0, 1]; the text
        then says which share of them.

    References
    ----------
    As for `apply_effect`.

    Examples
    --------
    >>> treated_risk(0.31, 0.86, "hazard_ratio").round(3)
    np.float64(0.273)
    >>> treated_risk(0.4, 3.0, "relative_risk")
    Traceback (most recent call last):
        ...
    riskmodel.errors.ParameterError: treated_risk: found 100.0% of results outside [0, 1], \
such as 1.2; allowed: 0 to 1; use another scale, converted with convert_effect at a declared \
reference risk
    """
    _check_scale("scale", scale)
    baseline_risk = _risk("baseline_risk", baseline_risk)
    effect = _effect("effect", effect, scale)
    result = np.asarray(apply_effect(baseline_risk, effect, scale))
    outside = (result < 0) | (result > 1)
    if outside.any():
        found = (
            f"{outside.mean():.1%} of results outside [0, 1], such as {result[outside].flat[0]:.6g}"
        )
        _refuse("treated_risk", Phrase(found), "0 to 1", _OTHER_SCALE)
    return result[()]


def convert_effect(
    effect: ArrayLike, from_scale: str, to_scale: str, reference_risk: ArrayLike
) -> Floats:
    """Return the effect on another scale that gives the same treated risk at a reference risk.

    The two agree at that baseline risk alone: which scale is carried to other baselines is an
    assumption, not a change of units.

    Parameters
    ----------
    effect : array_like, shape (...,)
        A ratio above 0 or a difference in [-1, 1], treatment against comparator.
    from_scale, to_scale : {"relative_risk", "odds_ratio", "hazard_ratio", "risk_difference"}
        Scale of `effect` and scale wanted.
    reference_risk : array_like, shape (...,)
        Risk under the comparator at which the two agree; dimensionless, in (0, 1).

    Returns
    -------
    ndarray, shape (...,)
        A ratio above 0 or a difference in (-1, 1); below 1, or negative, for fewer events.

    Raises
    ------
    ValueError
        If an input is missing or outside its range, or the treated risk at the reference risk
        is not strictly between 0 and 1, as with a relative risk of at least ``1 / reference_risk``.

    References
    ----------
    As for `apply_effect`.

    Examples
    --------
    >>> convert_effect(0.62, "relative_risk", "odds_ratio", 0.17).round(4)
    np.float64(0.5752)
    """
    return _converted("effect", effect, from_scale, to_scale, reference_risk)


def relative_risk_to_odds_ratio(relative_risk: ArrayLike, reference_risk: ArrayLike) -> Floats:
    """Return the odds ratio that gives the same treated risk at a reference risk.

    Parameters
    ----------
    relative_risk : array_like, shape (...,)
        Treatment over comparator; above 0.
    reference_risk : array_like, shape (...,)
        Risk under the comparator at which the two agree; dimensionless, in (0, 1).

    Returns
    -------
    ndarray, shape (...,)
        Treatment over comparator; above 0, and further from 1 than the relative risk.

    Raises
    ------
    ValueError
        If ``relative_risk * reference_risk`` is at least 1, or an input is outside its range.

    References
    ----------
    As for `apply_effect`.

    Examples
    --------
    >>> relative_risk_to_odds_ratio([0.62, 1.0], 0.17).round(4)
    array([0.5752, 1.    ])
    """
    return _converted("relative_risk", relative_risk, "relative_risk", "odds_ratio", reference_risk)


def risk_to_odds(risk: ArrayLike) -> Floats:
    """Return the odds of an event.

    Parameters
    ----------
    risk : array_like, shape (...,)
        Probability of the event by one horizon; dimensionless, in [0, 1].

    Returns
    -------
    ndarray, shape (...,)
        ``risk / (1 - risk)``, in [0, inf]; infinite at a risk of 1.

    Raises
    ------
    ValueError
        If a risk is missing or outside [0, 1].

    Examples
    --------
    >>> risk_to_odds([0.0, 0.2, 1.0])
    array([0.  , 0.25,  inf])
    """
    risk = _risk("risk", risk)
    with np.errstate(divide="ignore"):
        return (risk / (1 - risk))[()]


def odds_to_risk(odds: ArrayLike) -> Floats:
    """Return the risk that has the given odds.

    Parameters
    ----------
    odds : array_like, shape (...,)
        Odds of the event by one horizon; dimensionless, in [0, inf].

    Returns
    -------
    ndarray, shape (...,)
        ``odds / (1 + odds)``, in [0, 1]; 1 at infinite odds.

    Raises
    ------
    ValueError
        If odds are missing or negative.

    Examples
    --------
    >>> odds_to_risk([0.0, 0.25, float("inf")])
    array([0. , 0.2, 1. ])
    """
    odds = _numbers("odds", odds)
    _require("odds", odds, odds >= 0, "0 or more", "give odds for the event, not log odds")
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(odds), 1.0, odds / (1 + odds))[()]


def rate_to_risk(rate: ArrayLike, time: ArrayLike) -> Floats:
    """Return the risk by a time under a constant rate, with no competing event.

    Parameters
    ----------
    rate : array_like, shape (...,)
        Events per person and unit of time; in [0, inf).
    time : array_like, shape (...,)
        Length of follow-up in the unit of the rate; in [0, inf).

    Returns
    -------
    ndarray, shape (...,)
        ``1 - exp(-rate * time)``: probability of at least one event by the time, in [0, 1].

    Raises
    ------
    ValueError
        If a rate or time is missing, negative or infinite.

    References
    ----------
    Fleurence and Hollenbeak (2007), Pharmacoeconomics 25:3,
    doi:10.2165/00019053-200725010-00002.

    Examples
    --------
    >>> rate_to_risk(0.3, [1.0, 5.0]).round(4)
    array([0.2592, 0.7769])
    """
    rate = _not_negative("rate", rate, "events per person and unit of time")
    time = _not_negative("time", time, "follow-up in the unit of the rate")
    return (-np.expm1(-rate * time))[()]


def risk_to_rate(risk: ArrayLike, time: ArrayLike) -> Floats:
    """Return the constant rate that gives a risk by a time, with no competing event.

    Parameters
    ----------
    risk : array_like, shape (...,)
        Probability of at least one event by `time`; dimensionless, in [0, 1).
    time : array_like, shape (...,)
        Length of follow-up; above 0. Its unit becomes the unit of the rate.

    Returns
    -------
    ndarray, shape (...,)
        ``-log(1 - risk) / time``: events per person and unit of time, in [0, inf).

    Raises
    ------
    ValueError
        If a risk is missing or outside [0, 1), where no finite rate fits, or a time is not a
        positive finite number.

    References
    ----------
    As for `rate_to_risk`, of which this is the inverse.

    Examples
    --------
    >>> risk_to_rate(0.2592, 1.0).round(3)
    np.float64(0.3)
    """
    risk = _numbers("risk", risk)
    _require(
        "risk",
        risk,
        (risk >= 0) & (risk < 1),
        "0 to below 1",
        "divide percentages by 100; no finite rate gives a risk of 1",
    )
    time = _not_negative("time", time, "follow-up")
    _require("time", time, time > 0, "above 0", "give the follow-up in the unit wanted")
    return (-np.log1p(-risk) / time)[()]


def log_standard_error(lower: ArrayLike, upper: ArrayLike, level: float = 0.95) -> Floats:
    """Return the standard error of a log ratio from its printed confidence interval.

    Parameters
    ----------
    lower, upper : array_like, shape (...,)
        Limits of a relative risk, odds ratio or hazard ratio; above 0, lower below upper.
    level : float
        Coverage of the interval, two-sided; in (0, 1).

    Returns
    -------
    ndarray, shape (...,)
        ``(log(upper) - log(lower)) / (2 z)`` with ``z`` the normal quantile at
        ``(1 + level) / 2``; on the natural log scale, above 0.

    Raises
    ------
    ValueError
        If the limits are missing, not positive, infinite, equal or the wrong way round, or the
        level is outside (0, 1).

    References
    ----------
    Altman and Bland (2011), BMJ 343:d2304, doi:10.1136/bmj.d2304.

    Examples
    --------
    >>> log_standard_error(0.39, 0.98).round(4)
    np.float64(0.2351)
    """
    lower, upper = _numbers("lower", lower), _numbers("upper", upper)
    remedy = "give the limits of a ratio, not of its logarithm"
    for name, limit in (("lower", lower), ("upper", upper)):
        _require(name, limit, (limit > 0) & np.isfinite(limit), "a finite number above 0", remedy)
    _require_order("lower", lower, upper, lower < upper, "below upper", "check the printed limits")
    return ((np.log(upper) - np.log(lower)) / (2 * _normal_quantile("level", level)))[()]


def standard_error(lower: ArrayLike, upper: ArrayLike, level: float = 0.95) -> Floats:
    """Return the standard error of a difference from its printed confidence interval.

    Parameters
    ----------
    lower, upper : array_like, shape (...,)
        Limits of a risk difference or mean difference, in its unit; lower below upper.
    level : float
        Coverage of the interval, two-sided; in (0, 1).

    Returns
    -------
    ndarray, shape (...,)
        ``(upper - lower) / (2 z)`` with ``z`` the normal quantile at ``(1 + level) / 2``; in the
        unit of the limits, above 0.

    Raises
    ------
    ValueError
        If the limits are missing, infinite, equal or the wrong way round, or the level is outside
        (0, 1).

    References
    ----------
    Altman and Bland (2011), BMJ 343:d2090, doi:10.1136/bmj.d2090.

    Examples
    --------
    >>> standard_error(-3.43, 0.43).round(4)
    np.float64(0.9847)
    """
    lower, upper = _numbers("lower", lower), _numbers("upper", upper)
    for name, limit in (("lower", lower), ("upper", upper)):
        _require(name, limit, np.isfinite(limit), "a finite number", "give both limits")
    _require_order("lower", lower, upper, lower < upper, "below upper", "check the printed limits")
    return ((upper - lower) / (2 * _normal_quantile("level", level)))[()]


def wilson_interval(events: ArrayLike, n: ArrayLike, prob: float = 0.95) -> tuple[Floats, Floats]:
    """Return the Wilson score interval of a proportion.

    Parameters
    ----------
    events : array_like, shape (...,)
        People with the event; whole numbers, 0 to `n`.
    n : array_like, shape (...,)
        People observed; whole numbers above 0.
    prob : float
        Coverage of the confidence interval, two-sided; in (0, 1).

    Returns
    -------
    lower, upper : ndarray, shape (...,)
        Limits of the risk, in [0, 1]; exactly 0 below no events, exactly 1 above `n` events.

    Raises
    ------
    ValueError
        If counts are missing, not whole or out of range, or `prob` is outside (0, 1).

    References
    ----------
    Wilson (1927), J Am Stat Assoc 22:209, doi:10.1080/01621459.1927.10502953; method 3 of
    Newcombe (1998), Stat Med 17:857.

    Examples
    --------
    >>> lower, upper = wilson_interval(81, 263)
    >>> lower.round(4), upper.round(4)
    (np.float64(0.2553), np.float64(0.3662))
    """
    events, n = _counts("events", events, "n", n)
    z = _normal_quantile("prob", prob)
    return _wilson_lower(events, n, z)[()], (1 - _wilson_lower(n - events, n, z))[()]


def risk_difference_interval(
    events: ArrayLike,
    n: ArrayLike,
    events_comparator: ArrayLike,
    n_comparator: ArrayLike,
    prob: float = 0.95,
) -> tuple[Floats, Floats]:
    """Return Newcombe's hybrid score interval of a risk difference.

    Parameters
    ----------
    events, n : array_like, shape (...,)
        People with the event, and people, under treatment; whole numbers.
    events_comparator, n_comparator : array_like, shape (...,)
        The same under the comparator.
    prob : float
        Coverage of the confidence interval, two-sided; in (0, 1).

    Returns
    -------
    lower, upper : ndarray, shape (...,)
        Limits of the risk with treatment minus the risk with the comparator; in [-1, 1],
        negative is fewer events.

    Raises
    ------
    ValueError
        If counts are missing, not whole or out of range, or `prob` is outside (0, 1).

    References
    ----------
    Method 10, without continuity correction, of Newcombe (1998), Stat Med 17:873,
    doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.

    Examples
    --------
    >>> lower, upper = risk_difference_interval(56, 70, 48, 80)
    >>> lower.round(4), upper.round(4)
    (np.float64(0.0524), np.float64(0.3339))
    """
    events, n = _counts("events", events, "n", n)
    events_comparator, n_comparator = _counts(
        "events_comparator", events_comparator, "n_comparator", n_comparator
    )
    risk, risk_comparator = events / n, events_comparator / n_comparator
    lower, upper = wilson_interval(events, n, prob)
    lower_comparator, upper_comparator = wilson_interval(events_comparator, n_comparator, prob)
    difference = risk - risk_comparator
    down = np.hypot(risk - lower, upper_comparator - risk_comparator)
    up = np.hypot(upper - risk, risk_comparator - lower_comparator)
    return (difference - down)[()], (difference + up)[()]


def number_needed_to_treat(risk_difference: ArrayLike, *, wanted: bool = False) -> Floats:
    """Return how many people are treated for one good event more or one bad event fewer.

    A display, never a parameter: summarize draws of the risk difference first, then invert.

    Parameters
    ----------
    risk_difference : array_like, shape (...,)
        Risk with treatment minus risk with the comparator by one horizon; dimensionless, in
        [-1, 1].
    wanted : bool
        Whether the event is wanted (a recovery) or unwanted (a complication).

    Returns
    -------
    ndarray, shape (...,)
        ``-1 / risk_difference`` for an unwanted event, ``1 / risk_difference`` for a wanted one:
        positive to benefit, negative to harm, at least 1 in size, infinite where the two risks
        are equal.

    Raises
    ------
    ValueError
        If a difference is missing or outside [-1, 1].

    References
    ----------
    Altman (1998), BMJ 317:1309, doi:10.1136/bmj.317.7168.1309.

    Examples
    --------
    >>> number_needed_to_treat([-0.05, 0.02])
    array([ 20., -50.])
    >>> number_needed_to_treat(0.25, wanted=True)
    np.float64(4.0)
    """
    benefit = _benefit("risk_difference", risk_difference, wanted)
    # Below the smallest normal number the inverse overflows; it is as good as infinite.
    with np.errstate(divide="ignore", over="ignore"):
        return np.where(benefit == 0, np.inf, 1 / benefit)[()]


def format_nnt(
    risk_difference: ArrayLike, lower: ArrayLike, upper: ArrayLike, *, wanted: bool = False
) -> str | np.ndarray:
    """Return a number needed to treat with its interval, printed Altman's way.

    Each number says its direction: NNTB to benefit, NNTH to harm. Limits run from the most to
    the least favourable, through infinity where the interval of the difference holds zero. The
    point is rounded to the nearest whole number, limits to one decimal, halves upwards. A limit
    of exactly zero prints as ∞ without a direction, a point of exactly zero as ``NNT ∞``.

    Parameters
    ----------
    risk_difference, lower, upper : array_like, shape (...,)
        Risk with treatment minus risk with the comparator, and the limits of its interval;
        dimensionless, in [-1, 1], with ``lower <= risk_difference <= upper``.
    wanted : bool
        Whether the event is wanted (a recovery) or unwanted (a complication).

    Returns
    -------
    str or ndarray of str, shape (...,)
        Text without unit, outcome, comparator or horizon: the caller names those beside it. An
        ndarray has dtype object.

    Raises
    ------
    ValueError
        If a value is missing or outside [-1, 1], or the three are not in order.

    References
    ----------
    Altman (1998), BMJ 317:1309, doi:10.1136/bmj.317.7168.1309.

    Examples
    --------
    >>> format_nnt(-0.0256, -0.0927, 0.0418)
    'NNTB 39 (NNTB 10.8 to ∞ to NNTH 23.9)'
    >>> format_nnt(0.10, 0.05, 0.20)
    'NNTH 10 (NNTH 20.0 to NNTH 5.0)'
    """
    point, first, last = np.broadcast_arrays(
        _benefit("risk_difference", risk_difference, wanted),
        _benefit("lower", lower, wanted),
        _benefit("upper", upper, wanted),
    )
    low, high = (first, last) if wanted else (last, first)
    sign = 1 if wanted else -1
    remedy = "give lower, point and upper of one difference, treatment minus comparator"
    _require_order("lower", sign * first, sign * last, low <= high, "at most upper", remedy)
    _require(
        "risk_difference",
        sign * point,
        (low <= point) & (point <= high),
        "a value from lower to upper",
        remedy,
    )
    text = np.empty(point.shape, dtype=object)
    for index in np.ndindex(point.shape):
        text[index] = _altman(point[index], low[index], high[index])
    return text[()]


def _altman(point: float, low: float, high: float) -> str:
    """Print one benefit and its limits, all as reductions of harm, as numbers needed."""
    through = " to ∞ to " if low < 0 < high else " to "
    return f"{_needed(point, 0, 'NNT ')} ({_needed(high, 1)}{through}{_needed(low, 1)})"


def _needed(benefit: float, decimals: int, undirected: str = "") -> str:
    """Print one number needed with its direction; infinity has none."""
    number = 1 / abs(benefit) if abs(benefit) > np.finfo(float).tiny else np.inf
    if np.isinf(number):
        return f"{undirected}∞"
    scale = 10**decimals
    # Built-in rounding would send 12.5 to 12; readers expect 13.
    rounded = np.floor(number * scale + 0.5) / scale
    return f"{'NNTB' if benefit > 0 else 'NNTH'} {rounded:.{decimals}f}"


def _converted(
    name: str, effect: ArrayLike, from_scale: str, to_scale: str, reference_risk: ArrayLike
) -> Floats:
    """Convert an effect through the treated risk; `name` is the caller's argument."""
    _check_scale("from_scale", from_scale)
    _check_scale("to_scale", to_scale)
    effect = _effect(name, effect, from_scale)
    reference_risk = _numbers("reference_risk", reference_risk)
    _require(
        "reference_risk",
        reference_risk,
        (reference_risk > 0) & (reference_risk < 1),
        "strictly between 0 and 1",
        "divide percentages by 100",
    )
    effect, reference_risk = np.broadcast_arrays(effect, reference_risk)
    treated = np.asarray(apply_effect(reference_risk, effect, from_scale))
    outside = (treated <= 0) | (treated >= 1)
    if outside.any():
        _refuse(
            name,
            Phrase(
                f"{effect[outside].flat[0]:.6g} at reference_risk "
                f"{reference_risk[outside].flat[0]:.6g}, a treated risk of "
                f"{treated[outside].flat[0]:.6g}"
            ),
            "an effect whose treated risk at reference_risk is strictly between 0 and 1"
            + (" (ratio * reference_risk below 1)" if from_scale == "relative_risk" else ""),
            "give the comparator risk of the source the effect came from as reference_risk",
        )
    if from_scale == to_scale:
        return effect.copy()[()]
    return effect_between(reference_risk, treated, to_scale)


def _wilson_lower(events: np.ndarray, n: np.ndarray, z: float) -> np.ndarray:
    """Return the lower root of the score equation, in the form without cancellation."""
    root = np.sqrt(z**2 + 4 * events * (n - events) / n)
    return 2 * events * (events / n) / (2 * events + z**2 + z * root)


def _normal_quantile(name: str, prob: float) -> float:
    """Return the normal quantile that bounds a two-sided interval of the given coverage."""
    prob = _numbers(name, prob)
    _require(
        name,
        prob,
        (prob > 0) & (prob < 1),
        "strictly between 0 and 1",
        "divide percentages by 100",
    )
    return np.vectorize(NormalDist().inv_cdf)((1 + prob) / 2)


def _benefit(name: str, risk_difference: ArrayLike, wanted: bool) -> np.ndarray:
    """Return a risk difference signed so that positive is to the patient's benefit."""
    difference = _numbers(name, risk_difference)
    _require(
        name,
        difference,
        np.abs(difference) <= 1,
        "-1 to 1",
        "give a difference of two risks; divide percentage points by 100",
    )
    return difference if wanted else -difference


def _effect(name: str, effect: ArrayLike, scale: str) -> np.ndarray:
    """Return an effect as floats within the range of its scale."""
    effect = _numbers(name, effect)
    if scale == "risk_difference":
        _require(
            name,
            effect,
            np.abs(effect) <= 1,
            "-1 to 1 for a risk_difference",
            "divide percentage points by 100",
        )
    else:
        _require(
            name,
            effect,
            (effect > 0) & np.isfinite(effect),
            f"a finite {scale} above 0",
            "give the ratio, not its logarithm or a percentage reduction",
        )
    return effect


def _risk(name: str, risk: ArrayLike) -> np.ndarray:
    """Return a risk as floats in [0, 1]."""
    risk = _numbers(name, risk)
    _require(name, risk, (risk >= 0) & (risk <= 1), "0 to 1", "divide percentages by 100")
    return risk


def _not_negative(name: str, value: ArrayLike, meaning: str) -> np.ndarray:
    """Return finite floats of at least 0."""
    value = _numbers(name, value)
    ok = (value >= 0) & np.isfinite(value)
    _require(name, value, ok, "a finite number, 0 or more", f"give {meaning}")
    return value


def _counts(
    events_name: str, events: ArrayLike, n_name: str, n: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Return whole numbers of people with the event and of people, broadcast."""
    events, n = _numbers(events_name, events), _numbers(n_name, n)
    remedy = "give the counts of the cited table, not percentages"
    for name, count, least in ((n_name, n, 1), (events_name, events, 0)):
        whole = np.isfinite(count) & (count == np.floor(count)) & (count >= least)
        _require(name, count, whole, f"a whole number, {least} or more", remedy)
    events, n = np.broadcast_arrays(events, n)
    _require_order(events_name, events, n, events <= n, f"at most {n_name}", remedy)
    return events, n


def _check_scale(name: str, scale: str) -> None:
    """Refuse a scale that is not in `SCALES`."""
    if scale not in SCALES:
        _refuse(name, scale, ", ".join(SCALES), did_you_mean(scale, SCALES))


def _numbers(name: str, value: ArrayLike) -> np.ndarray:
    """Return floats without a missing value."""
    try:
        numbers = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        _refuse(name, value, "a number or an array of numbers", "convert text to numbers first")
    _require(name, numbers, ~np.isnan(numbers), "numbers without nan", "leave missing values out")
    return numbers


def _require(name: str, value: np.ndarray, ok: np.ndarray, allowed: str, remedy: str) -> None:
    """Refuse an argument unless all its values pass, showing the first that does not."""
    if np.all(ok):
        return
    value, ok = np.broadcast_arrays(value, ok)
    found = f"{value[~ok].flat[0]:.6g}"
    if ok.size > 1:
        found += f" ({np.count_nonzero(~ok)} of {ok.size} values)"
    _refuse(name, Phrase(found), allowed, remedy)


def _require_order(
    name: str, value: np.ndarray, limit: np.ndarray, ok: np.ndarray, allowed: str, remedy: str
) -> None:
    """Refuse an argument out of order with another, showing both."""
    if np.all(ok):
        return
    value, limit, ok = np.broadcast_arrays(value, limit, ok)
    found = f"{value[~ok].flat[0]:.6g} against {limit[~ok].flat[0]:.6g}"
    _refuse(name, Phrase(found), allowed, remedy)


def _refuse(name: str, found: object, allowed: str, remedy: str) -> NoReturn:
    """Raise the one problem of one argument."""
    raise ParameterError([Problem(field=name, found=found, allowed=allowed, remedy=remedy)])
