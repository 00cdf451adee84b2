"""An event by a horizon: baseline risk, effect, what happens after the first horizon.

Pure formulas on arrays of draws; no PyMC. Arrays have the shape ``(sample, profile)``, where
either may be 1 and broadcasts.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import expit, logit

from riskmodel.evidence.measures import apply_effect, effect_between
from riskmodel.evidence.priors import transformed
from riskmodel.parameters.schema import Baseline, Effect, WaningScenario

# 31 nodes integrate a logistic curve over a normal of standard deviation up to 1 to 1e-10, and
# up to 2 to 1e-6: small beside any risk's Monte Carlo error.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(31)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_TIME_NODES, _TIME_WEIGHTS = np.polynomial.legendre.leggauss(20)

# What is applied as it was printed, at any baseline.
UNCARRIED = ("added_rate", "own_risk", "mean_difference")

Draws = Mapping[str, np.ndarray]  # prior id -> (sample,), or (sample, 2) for a line


def baseline_risk(
    baseline: Baseline, draws: Draws, priors: Mapping, covariates: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Return the risk or mean under the comparator, averaged over patients alike in covariates.

    Parameters
    ----------
    baseline : Baseline
    draws : mapping of str to ndarray
        Draws of each prior: (sample,), or (sample, 2) of intercept and slope for a line.
    priors : mapping of str to Prior or LinePrior
    covariates : mapping of str to ndarray, shape (profile,)

    Returns
    -------
    ndarray, shape (sample, profile)
        Either length is 1 where the risk does not vary along it; nan where none is known.
    """
    fixed = baseline.fixed_mean if baseline.fixed_risk is None else baseline.fixed_risk
    if fixed is not None or baseline.not_estimable:
        return np.full((1, 1), np.nan if fixed is None else fixed)
    if baseline.line is not None:
        line = priors[baseline.line.prior]
        position = transformed(covariates[line.covariate], line.transform, line.centre)
        intercept, slope = draws[line.id][:, 0, None], draws[line.id][:, 1, None]
        return expit(intercept + slope * position)
    risk = draws[baseline.intercept.prior][:, None]
    if not baseline.terms:
        return risk
    log_odds = logit(risk)
    for term in baseline.terms:
        step = transformed(covariates[term.covariate], term.transform, term.centre, term.per)
        log_odds = log_odds + np.log(draws[term.prior])[:, None] * step
    return expit(log_odds)


def carried_effect(
    effect: Effect, draws: np.ndarray, measure: str, spread_sd: float = 0.0
) -> np.ndarray:
    """Return an effect on the scale that carries it to other baseline risks.

    Parameters
    ----------
    effect : Effect
    draws : ndarray, shape (sample,)
        In the printed `measure`; rates are per day.
    measure : str
    spread_sd : float
        Standard deviation of patients' log odds around those of their like.

    Returns
    -------
    ndarray, shape (sample, 1)
        nan where the printed effect has no meaning at the reference risk.

    Notes
    -----
    An effect carried on another scale is converted where it was observed: it is the one that
    leads, averaged over the same spread, from the reference risk to the treated risk that the
    printed measure gives there. At the reference risk both scales therefore agree exactly. Within
    a spread that holds for the printed scale too: a printed odds ratio is that of averages.

    Examples
    --------
    >>> effect = Effect(scale="odds_ratio", prior="rr", reference_risk=0.275)
    >>> carried_effect(effect, np.array([1.26]), "relative_risk").round(4)
    array([[1.3979]])
    """
    draws = np.asarray(draws, dtype=float)[:, None]
    reference, scale = effect.reference_risk, effect.scale
    if scale in UNCARRIED or (scale == measure and (spread_sd == 0 or reference is None)):
        return draws
    treated = apply_effect(reference, draws, measure)
    treated = np.where((treated > 0) & (treated < 1), treated, np.nan)
    if spread_sd == 0 or scale in ("relative_risk", "risk_difference"):
        return effect_between(reference, treated, scale)
    centre = log_odds_with_mean(np.array(reference), spread_sd)
    if scale == "odds_ratio":
        return np.exp(log_odds_with_mean(treated, spread_sd) - centre)
    return _hazard_ratio_with_mean(treated, centre, spread_sd)


def risk_under_effect(
    risk: np.ndarray, effect: Effect, carried: np.ndarray, spread_sd: float = 0.0
) -> np.ndarray:
    """Return the risk under an option, given the risk under the comparator.

    Parameters
    ----------
    risk : ndarray, shape (sample, profile)
        Risk under the comparator, the mean over patients alike in every covariate.
    effect : Effect
    carried : ndarray, shape (sample, 1)
        From :func:`carried_effect`.
    spread_sd : float
        Standard deviation of those patients' log odds; integrated over.

    Returns
    -------
    ndarray, shape (sample, profile)
        A value outside [0, 1], or nan, marks a draw in which the effect has no meaning at this
        risk. Nothing is clipped.
    """
    if effect.scale == "added_rate":
        return -np.expm1(np.log1p(-risk) - carried * effect.exposure.days)
    if effect.scale == "own_risk":
        return np.broadcast_to(carried, np.broadcast_shapes(risk.shape, carried.shape))
    if effect.scale == "mean_difference":
        return risk + carried
    if spread_sd == 0 or effect.scale in ("relative_risk", "risk_difference"):
        return apply_effect(risk, carried, effect.scale)  # linear in risk: the mean is enough
    centre = log_odds_with_mean(risk, spread_sd)
    if effect.scale == "odds_ratio":
        return mean_over_spread(centre + np.log(carried), spread_sd)
    total = np.zeros(np.broadcast_shapes(risk.shape, carried.shape))
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        total += weight * apply_effect(expit(centre + spread_sd * node), carried, effect.scale)
    return total


def mean_over_spread(log_odds, spread_sd: float) -> np.ndarray:
    """Return the mean risk of patients whose log odds are normal around `log_odds`.

    Gauss-Hermite quadrature.

    Examples
    --------
    >>> float(mean_over_spread(0.0, 0.6))
    0.5
    """
    log_odds = np.asarray(log_odds, dtype=float)
    rarer = np.zeros(log_odds.shape)  # of event and no event, so that no mean rounds beyond 1
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        rarer += weight * expit(-np.abs(log_odds) + spread_sd * node)
    return np.where(log_odds > 0, 1 - rarer, rarer)


def log_odds_with_mean(risk, spread_sd: float) -> np.ndarray:
    """Return the middle of the log odds whose mean risk over the spread is `risk`.

    The inverse of :func:`mean_over_spread`, by Newton steps to 1e-13; infinite at 0 and 1.

    Examples
    --------
    >>> middle = log_odds_with_mean(0.275, 0.6)
    >>> round(float(mean_over_spread(middle, 0.6)), 10)
    0.275
    """
    risk = np.asarray(risk, dtype=float)
    if spread_sd == 0:
        return logit(risk)
    # The rarer of event and no event, which floating point resolves; the spread is symmetric.
    side = np.where(risk > 0.5, -1.0, 1.0)
    target = logit(np.minimum(risk, 1 - risk))
    log_odds = target * np.sqrt(1 + 0.346 * spread_sd**2)  # logistic-normal approximation
    for _ in range(20):
        mean, slope = np.zeros(risk.shape), np.zeros(risk.shape)
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            p = expit(log_odds + spread_sd * node)
            mean += weight * p
            slope += weight * p * (1 - p)
        # On the log odds of the mean, nearly a straight line: the steps never overshoot.
        with np.errstate(invalid="ignore"):
            step = (logit(mean) - target) * mean * (1 - mean) / slope
        step = np.where(np.isinf(target), 0.0, step)
        log_odds = log_odds - step
        if not np.any(np.abs(step) > 1e-8):  # Newton squares the error: the next is rounding
            break
    return side * log_odds


def _hazard_ratio_with_mean(treated, centre, spread_sd: float) -> np.ndarray:
    """Return the hazard ratio whose mean treated risk over the spread is `treated` (Newton)."""
    log_survival = [np.log(expit(-(centre + spread_sd * node))) for node in _NODES]
    log_ratio = np.log(np.log1p(-treated) / np.log(expit(-centre)))
    for _ in range(50):
        ratio = np.exp(log_ratio)
        mean, slope = np.zeros(treated.shape), np.zeros(treated.shape)
        for s, weight in zip(log_survival, _WEIGHTS, strict=True):
            survival = np.exp(ratio * s)
            mean += weight * (1 - survival)
            slope += weight * -survival * s * ratio
        step = np.clip((mean - treated) / slope, -1, 1)
        log_ratio = log_ratio - step
        if not np.any(np.abs(step) > 1e-13):
            break
    return np.exp(log_ratio)


def earlier_risk(risk: np.ndarray, later_hazard_ratio: np.ndarray) -> np.ndarray:
    """Return a risk at a horizon before the first, from that at the first.

    Parameters
    ----------
    risk : ndarray, shape (sample, profile)
        By the first horizon, under the comparator or under an option.
    later_hazard_ratio : ndarray, shape (sample, 1)
        Cumulative hazard accrued between the earlier horizon and the first, over that accrued
        before the earlier one.

    Returns
    -------
    ndarray, shape (sample, profile)

    Notes
    -----
    ``H(early) = H / (1 + g)``, with ``H = -log(1 - p)``. Taken under every option with the same
    ``g``: the hazard ratio is constant up to the first horizon.

    Examples
    --------
    Half of the hazard by then:

    >>> earlier_risk(np.array([[0.19]]), np.array([[1.0]])).round(4)
    array([[0.1]])
    """
    return -np.expm1(np.log1p(-risk) / (1 + later_hazard_ratio))


def later_risks(
    risk: np.ndarray,
    treated: np.ndarray,
    later_hazard_ratio: np.ndarray,
    scenario: WaningScenario,
    *,
    later_days: float,
    half_life_days: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the two risks at a later horizon, from those at the first.

    Parameters
    ----------
    risk, treated : ndarray, shape (sample, profile)
        Risks at the first horizon under the comparator and under the option.
    later_hazard_ratio : ndarray, shape (sample, 1)
        Cumulative hazard under the comparator accrued after the first horizon, over that
        accrued before it; spread evenly over the later period.
    scenario : {"held", "waning", "lost", "caught_up"}
        The hazard ratio throughout; its logarithm halving every `half_life_days` after the
        first horizon; 1 after it; equal cumulative risks at the later horizon.
    later_days : float
        Length of the later period.
    half_life_days : float

    Returns
    -------
    risk, treated : ndarray, shape (sample, profile)

    Notes
    -----
    With cumulative hazards ``H = -log(1 - p)``, as in docs/model.md::

        H0(late) = H0 * (1 + g)
        held       H1(late) = H1 * (1 + g)
        waning     H1(late) = H1 + H0 * g * mean over later t of HR ** (2 ** (-t / half_life))
        lost       H1(late) = H1 + H0 * g
        caught_up  H1(late) = H0(late)

    Examples
    --------
    >>> p0, p1, g = np.array([[0.2]]), np.array([[0.1]]), np.array([[0.5]])
    >>> early, lost = later_risks(p0, p1, g, "lost", later_days=730, half_life_days=365)
    >>> bool(np.isclose(lost, 1 - (1 - p1) * (1 - early) / (1 - p0)).all())
    True
    """
    hazard, hazard_treated = -np.log1p(-risk), -np.log1p(-treated)
    late = hazard * (1 + later_hazard_ratio)
    if scenario == "held":
        late_treated = hazard_treated * (1 + later_hazard_ratio)
    elif scenario == "lost":
        late_treated = hazard_treated + hazard * later_hazard_ratio
    elif scenario == "caught_up":
        late_treated = late
    elif scenario == "waning":
        ratio = np.divide(hazard_treated, hazard, out=np.ones(late.shape), where=hazard > 0)
        mean = np.zeros(ratio.shape)
        for node, weight in zip(_TIME_NODES, _TIME_WEIGHTS, strict=True):
            time = later_days * (node + 1) / 2
            mean += weight / 2 * ratio ** (2 ** (-time / half_life_days))
        late_treated = hazard_treated + hazard * later_hazard_ratio * mean
    else:
        raise ValueError(
            f"scenario: found {scenario!r}; allowed: held, waning, lost, caught_up; "
            "correct the word"
        )
    return -np.expm1(-late), -np.expm1(-late_treated)
