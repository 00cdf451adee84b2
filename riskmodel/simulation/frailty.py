"""Patients alike in everything written down who still differ in hazard: integrals over frailty.

A patient's frailty multiplies every cumulative hazard of theirs; its mean is 1. A risk that was
counted over patients is the average over them, ``E[1 - exp(-F H)]``, and the hazard ``H`` of the
average patient is solved from it. Averages are taken by quadrature, never at the mean frailty.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from riskmodel.errors import ParameterError, Problem

Family = Literal["lognormal", "gamma"]
NODES = 81
# The cumulative hazard that stands for a certain event: finite, so that nothing becomes nan.
CERTAIN = 1e9


def frailty_nodes(sd: float, family: Family = "lognormal") -> tuple[np.ndarray, np.ndarray]:
    """Return values and weights that stand for a frailty of mean 1.

    Parameters
    ----------
    sd : float
        Of the logarithm (lognormal, at most 2), or of the frailty itself (gamma); 0 is none.
    family : {"lognormal", "gamma"}

    Returns
    -------
    values, weights : ndarray, shape (nodes,)
        Gauss-Hermite for the lognormal, generalised Gauss-Laguerre for the gamma.

    Examples
    --------
    >>> values, weights = frailty_nodes(1.0)
    >>> float((values * weights).sum().round(9)), float((values**2 * weights).sum().round(4))
    (1.0, 2.7183)
    """
    from scipy.special import roots_genlaguerre, roots_hermitenorm

    most = 2.0
    if not (np.isfinite(sd) and 0 <= sd <= most) or family not in ("lognormal", "gamma"):
        raise ParameterError(
            [
                Problem(
                    field="between_patient_sd",
                    found=sd if family in ("lognormal", "gamma") else family,
                    allowed=f"0 to {most:g}, of a lognormal or gamma frailty",
                    remedy="give the spread between patients alike in everything written down",
                )
            ]
        )
    if sd == 0:
        return np.ones(1), np.ones(1)
    if family == "gamma":
        shape = 1 / sd**2
        x, w = roots_genlaguerre(NODES, shape - 1)
        return x / shape, w / w.sum()
    x, w = roots_hermitenorm(NODES)
    return np.exp(sd * x - sd**2 / 2), w / w.sum()


def survival(hazard, sd: float, family: Family = "lognormal") -> np.ndarray:
    """Return ``E[exp(-F H)]`` over patients: the share that stays free of the event.

    Parameters
    ----------
    hazard : array_like
        Cumulative hazard of the average patient, at least 0.
    sd, family
        As of :func:`frailty_nodes`.

    Notes
    -----
    Of a gamma frailty of variance ``v`` it is ``(1 + v H)^(-1 / v)``, in closed form.

    Examples
    --------
    >>> float(survival(0.5, 1.0, "gamma").round(6)), float(survival(0.5, 0.0).round(6))
    (0.666667, 0.606531)
    """
    hazard = np.asarray(hazard, dtype=float)
    values, weights = frailty_nodes(sd, family)
    if family == "gamma" and sd > 0:
        return (1 + sd**2 * hazard) ** (-1 / sd**2)
    return np.exp(-hazard[..., None] * values) @ weights


def hazard_of_risk(risk, sd: float, family: Family = "lognormal") -> np.ndarray:
    """Return the average patient's cumulative hazard at which the mean risk is what was counted.

    Parameters
    ----------
    risk : array_like
        From 0 to 1; 1 gives :data:`CERTAIN`.

    Notes
    -----
    Solves ``E[1 - exp(-F H)] = risk``; Newton's steps on ``log H``, halved into a bracket.

    Examples
    --------
    >>> hazard = hazard_of_risk([0.0, 0.12, 1.0], 1.0)
    >>> float((1 - survival(hazard[1], 1.0)).round(9)), float(hazard[2])
    (0.12, 1000000000.0)
    """
    risk = np.asarray(risk, dtype=float)
    with np.errstate(divide="ignore"):
        plain = -np.log1p(-risk)
        if family == "gamma" and sd > 0:
            plain = ((1 - risk) ** (-(sd**2)) - 1) / sd**2
    plain = np.minimum(plain, CERTAIN)
    if sd == 0 or family == "gamma":
        return plain
    inside = (risk > 0) & (plain < CERTAIN)
    hazard = plain.copy()
    hazard[inside] = np.exp(_solve(np.log(plain[inside]), risk[inside], sd))
    return np.minimum(hazard, CERTAIN)


def _solve(start: np.ndarray, risk: np.ndarray, sd: float) -> np.ndarray:
    """Return log hazards by bisection-guarded Newton; the average lies above the plain one."""
    values, weights = frailty_nodes(sd)
    low, high = start - 1e-9, start + np.log(CERTAIN)
    x = start.copy()
    for _ in range(100):
        hazard = np.exp(x)
        free = np.exp(-hazard[:, None] * values)
        miss = 1 - free @ weights - risk
        low, high = np.where(miss < 0, x, low), np.where(miss < 0, high, x)
        step = x - miss / np.maximum((free * values) @ weights * hazard, 1e-300)
        x_new = np.where((step > low) & (step < high), step, (low + high) / 2)
        if np.all(np.abs(x_new - x) < 1e-13):
            break
        x = x_new
    return x_new
