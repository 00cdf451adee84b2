"""The log probability of what rows say, under a family and a fraction that never recovers.

With F the share of those who recover that has done so by t, and pi the fraction that never does:
none ``1 - F``; mixture ``pi + (1 - pi)(1 - F)``; promotion ``exp(-theta F)``, ``pi = exp(-theta)``.
The formulas of :func:`log_masses` are written once for numpy and for the sampler's tensors.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from riskmodel.errors import did_you_mean
from riskmodel.evidence.families import refuse
from riskmodel.evidence.recovery_data import (
    BETWEEN,
    EXACT,
    LATER,
    LEFT,
    NEVER,
    RECOVERED,
    RIGHT,
    Rows,
)
from riskmodel.evidence.recovery_families import both_tails, log_density

CURES = ("none", "mixture", "promotion")
_BLOCK = 2**21  # values worked on at once

NUMPY = SimpleNamespace(
    exp=np.exp,
    log=np.log,
    log1p=np.log1p,
    expm1=np.expm1,
    where=np.where,
    minimum=np.minimum,
    maximum=np.maximum,
    logaddexp=np.logaddexp,
)


def require_cure(cure: object) -> str:
    """Return the name of a cure model, or refuse it.

    Examples
    --------
    >>> require_cure("mixture")
    'mixture'
    """
    if cure not in CURES:
        refuse("cure", cure, ", ".join(CURES), did_you_mean(cure, CURES))
    return str(cure)


@dataclass(frozen=True)
class Points:
    """The distinct (time, covariates) that rows ask about, and where each row finds its own.

    Attributes
    ----------
    time : ndarray, shape (point,)
    pattern : ndarray of int, shape (point,)
    low, high : ndarray of int, shape (row,)
        Places in `time`; 0 where a row has no such end.
    """

    time: np.ndarray
    pattern: np.ndarray
    low: np.ndarray
    high: np.ndarray


def points_of(rows: Rows) -> Points:
    """Return the points of time that rows need.

    Examples
    --------
    >>> from riskmodel.evidence.recovery_data import make_rows
    >>> points_of(make_rows([(BETWEEN, 3.0, 6.0, 1), (RIGHT, 6.0, 1.0, 2)])).time.tolist()
    [3.0, 6.0]
    """
    asks_low = np.isin(rows.kind, (EXACT, BETWEEN, LATER, RIGHT))
    asks_high = np.isin(rows.kind, (LEFT, BETWEEN))
    keys = np.concatenate(
        [
            np.column_stack([rows.pattern, rows.low])[asks_low],
            np.column_stack([rows.pattern, rows.high])[asks_high],
        ]
    )
    distinct, place = np.unique(keys, axis=0, return_inverse=True)
    place = place.reshape(-1)
    low, high = np.zeros(len(rows), dtype=int), np.zeros(len(rows), dtype=int)
    low[asks_low], high[asks_high] = place[: asks_low.sum()], place[asks_low.sum() :]
    return Points(distinct[:, 1], distinct[:, 0].astype(int), low, high)


def log1mexp(x, xp=NUMPY):
    """Return ``log(1 - exp(x))`` for x below 0, to full precision at both ends.

    Examples
    --------
    >>> round(float(log1mexp(np.log(0.25))), 12) == round(float(np.log(0.75)), 12)
    True
    """
    near = x > -0.6931471805599453
    small = xp.where(near, x, -1.0)
    large = xp.where(near, -1.0, x)
    return xp.where(near, xp.log(-xp.expm1(small)), xp.log1p(-xp.exp(large)))


def log_difference(survival_low, survival_high, recovered_low, recovered_high, xp=NUMPY):
    """Return the log of ``S(low) - S(high)``, taken from the tail where both are small.

    Examples
    --------
    >>> a, b = np.log(0.75), np.log(0.5)
    >>> float(np.exp(log_difference(a, b, log1mexp(a), log1mexp(b))).round(12))
    0.25
    """
    upper = survival_low < recovered_high  # both ends late: survival is the smaller
    large = xp.where(upper, survival_low, recovered_high)
    small = xp.where(upper, survival_high, recovered_low)
    # Two ends that rounding makes equal keep a finite, very unlikely, mass.
    return large + log1mexp(xp.minimum(small - large, -1e-15), xp)


@dataclass(frozen=True)
class Ends:
    """What a family says of rows of one kind, already looked up.

    ``survival_low``, ``recovered_low``, ``survival_high``, ``recovered_high`` and ``density`` are
    logs, and None where the kind has no use for them; ``log_never`` and ``log_ever`` are the logs
    of pi and 1 - pi, and None without a cure fraction.
    """

    survival_low: Any = None
    recovered_low: Any = None
    survival_high: Any = None
    recovered_high: Any = None
    density: Any = None
    log_never: Any = None
    log_ever: Any = None


def log_masses(kind: int, ends: Ends, cure: str, xp=NUMPY):
    """Return the log probability (density, for exact times) of rows of one kind.

    Parameters
    ----------
    kind : int
        From :mod:`riskmodel.evidence.recovery_data`.
    ends : Ends
    cure : {"none", "mixture", "promotion"}
    xp : namespace
        Of the functions to use: NumPy's, or the sampler's.

    Examples
    --------
    Nobody sees those who never recover come back: ``pi + (1 - pi) S``.

    >>> half = np.log(0.5)
    >>> ends = Ends(half, half, log_never=np.log(0.2), log_ever=np.log(0.8))
    >>> float(np.exp(log_masses(RIGHT, ends, "mixture")).round(12))
    0.6
    """
    if cure == "promotion":
        return _promotion(kind, ends, xp)
    never, ever = (0.0, 0.0) if cure == "none" else (ends.log_never, ends.log_ever)
    if kind == EXACT:
        return ever + ends.density
    if kind == LEFT:
        return ever + ends.recovered_high
    if kind == BETWEEN:
        return ever + log_difference(
            ends.survival_low, ends.survival_high, ends.recovered_low, ends.recovered_high, xp
        )
    if kind == LATER:
        return ever + ends.survival_low
    if kind == RIGHT:
        if cure == "none":
            return ends.survival_low
        return xp.logaddexp(never, ever + ends.survival_low)
    return never if kind == NEVER else ever


def _promotion(kind, ends, xp):
    theta = -ends.log_never
    if kind == EXACT:
        return xp.log(theta) + ends.density - theta * xp.exp(ends.recovered_low)
    if kind == LEFT:
        return log1mexp(-theta * xp.exp(ends.recovered_high), xp)
    if kind == BETWEEN:
        step = log_difference(
            ends.survival_low, ends.survival_high, ends.recovered_low, ends.recovered_high, xp
        )
        return log1mexp(-theta * xp.exp(step), xp) - theta * xp.exp(ends.recovered_low)
    if kind == LATER:
        later = log1mexp(-theta * xp.exp(ends.survival_low), xp)
        return later - theta * xp.exp(ends.recovered_low)
    if kind == RIGHT:
        return -theta * xp.exp(ends.recovered_low)
    return -theta if kind == NEVER else ends.log_ever


# --- in numpy, for many draws --------------------------------------------------------------------


@dataclass(frozen=True)
class Parameters:
    """Draws of a recovery model's parameters.

    Attributes
    ----------
    location, spread : ndarray, shape (draw,)
    shape : ndarray, shape (draw,), or None
    log_never, log_ever : ndarray, shape (draw,), or None
        Logs of the never-recovered fraction and of the rest, at the covariates' centre.
    scale_slopes, never_slopes : ndarray, shape (draw, covariate)
        On the location, and on the fraction's link.
    """

    location: np.ndarray
    spread: np.ndarray
    shape: np.ndarray | None = None
    log_never: np.ndarray | None = None
    log_ever: np.ndarray | None = None
    scale_slopes: np.ndarray | None = None
    never_slopes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.location)

    def at(self, cure: str, centred: np.ndarray) -> Parameters:
        """Return the parameters of patients with these covariates, centred as the fit's were."""
        location, never, ever = self.location, self.log_never, self.log_ever
        if self.scale_slopes is not None and self.scale_slopes.shape[1]:
            location = location + self.scale_slopes @ centred
        if never is not None and self.never_slopes is not None and self.never_slopes.shape[1]:
            never, ever = shifted_never(cure, never, ever, self.never_slopes @ centred)
        return Parameters(location, self.spread, self.shape, never, ever)


def shifted_never(cure: str, log_never, log_ever, shift, xp=NUMPY):
    """Return logs of the fraction and of its rest after a covariate's shift.

    Parameters
    ----------
    cure : {"mixture", "promotion"}
    log_never, log_ever : array_like
    shift : array_like
        Added to the log odds of never recovering (mixture), or taken from log theta (promotion),
        so that above 0 always is a larger fraction.

    Examples
    --------
    >>> never, ever = shifted_never("mixture", np.log(0.5), np.log(0.5), np.log(3.0))
    >>> float(np.exp(never).round(12))
    0.75
    """
    if cure == "mixture":
        logit = log_never - log_ever + shift
        return -xp.logaddexp(0.0, -logit), -xp.logaddexp(0.0, logit)
    never = log_never * xp.exp(-shift)
    return never, log1mexp(never, xp)


def row_log_likelihood(family: str, cure: str, rows: Rows, parameters: Parameters) -> np.ndarray:
    """Return the log probability of every row at every draw, without the rows' weights.

    Parameters
    ----------
    family, cure : str
    rows : Rows
    parameters : Parameters

    Returns
    -------
    ndarray, shape (draw, row)
    """
    points = points_of(rows)
    found = np.empty((len(parameters), len(rows)))
    step = max(1, _BLOCK // max(1, len(points.time)))
    for start in range(0, len(parameters), step):
        part = _slice(parameters, slice(start, start + step))
        found[start : start + step] = _row_block(family, cure, rows, points, part)
    return found


def _slice(parameters: Parameters, which: slice) -> Parameters:
    values = (getattr(parameters, name) for name in Parameters.__dataclass_fields__)
    return Parameters(*(None if value is None else value[which] for value in values))


def _row_block(family, cure, rows, points, parameters):
    each = [parameters.at(cure, centred) for centred in rows.patterns]
    location = np.stack([one.location for one in each], axis=1)
    spread = parameters.spread[:, None]
    shape = None if parameters.shape is None else parameters.shape[:, None]
    arguments = points.time, location[:, points.pattern], spread, shape
    survival, recovered = both_tails(family, *arguments)
    never = ever = None
    if cure != "none":
        never = np.stack([one.log_never for one in each], axis=1)
        ever = np.stack([one.log_ever for one in each], axis=1)
    found = np.empty((len(parameters), len(rows)))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for kind in np.unique(rows.kind):
            at = rows.of(kind)
            low, high, pattern = points.low[at], points.high[at], rows.pattern[at]
            asks = kind not in (NEVER, RECOVERED)
            density = None
            if kind == EXACT:
                density = log_density(family, points.time[low], location[:, pattern], spread, shape)
            ends = Ends(
                survival[:, low] if asks else None,
                recovered[:, low] if asks else None,
                survival[:, high] if asks else None,
                recovered[:, high] if asks else None,
                density,
                None if never is None else never[:, pattern],
                None if ever is None else ever[:, pattern],
            )
            found[:, at] = log_masses(kind, ends, cure)
    return found


def log_likelihood(family: str, cure: str, rows: Rows, parameters: Parameters) -> np.ndarray:
    """Return the weighted log likelihood of each draw, shape (draw,).

    Examples
    --------
    >>> from riskmodel.evidence.recovery_data import make_rows
    >>> rows = make_rows([(RIGHT, 2.0, 1.0, 3)])
    >>> one = Parameters(np.array([0.0]), np.array([1.0]))
    >>> log_likelihood("weibull", "none", rows, one)
    array([-6.])
    """
    return row_log_likelihood(family, cure, rows, parameters) @ rows.weight
