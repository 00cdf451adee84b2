"""Five families of time to recovery: survival, density, quantiles and restricted means.

Every family is ``log T = location + spread * W``. The log density of W has its mode at 0, so
`location` is the log of one and the same thing everywhere: the time at which the density of log T
is highest. W is the least of an exponential's logs (Weibull), normal (lognormal), logistic
(loglogistic) or Prentice's log gamma (gamma, generalized gamma), which holds three of the others:
shape 1 is the Weibull, 0 the lognormal, and shape = spread the gamma.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from riskmodel.errors import did_you_mean
from riskmodel.evidence.families import refuse

FAMILIES = ("weibull", "lognormal", "gamma", "loglogistic", "generalized_gamma")
SHAPED = ("gamma", "generalized_gamma")
_NEAR = 1e-3
_FLAT = 1e-7  # a generalized gamma of a smaller shape is a lognormal to all digits
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)

Floats = np.ndarray | np.float64


def require_family(family: object, field: str = "family") -> str:
    """Return the name of a family, or refuse it.

    Examples
    --------
    >>> require_family("gamma")
    'gamma'
    """
    if family not in FAMILIES:
        refuse(field, family, ", ".join(FAMILIES), did_you_mean(family, FAMILIES))
    return str(family)


def log_survival(
    family: str,
    time: ArrayLike,
    location: ArrayLike,
    spread: ArrayLike,
    shape: ArrayLike | None = None,
) -> Floats:
    """Return the log probability of not having recovered by a time.

    Parameters
    ----------
    family : str
        One of :data:`FAMILIES`.
    time : array_like
        0 or more; all arguments broadcast.
    location : array_like
        Log of the time at which the density of log time is highest.
    spread : array_like
        Above 0; scale of log time.
    shape : array_like, optional
        Of the generalized gamma: any real number. A gamma's is its spread.

    Returns
    -------
    ndarray
        0 or less; 0 at time 0.

    References
    ----------
    Prentice (1974), Biometrika 61:539, doi:10.1093/biomet/61.3.539, for the generalized gamma.

    Examples
    --------
    >>> float(log_survival("weibull", 12.0, np.log(12.0), 1.0))
    -1.0
    """
    return _tails(family, time, location, spread, shape)[0]


def log_recovered(
    family: str,
    time: ArrayLike,
    location: ArrayLike,
    spread: ArrayLike,
    shape: ArrayLike | None = None,
) -> Floats:
    """Return the log probability of having recovered by a time; see :func:`log_survival`.

    Examples
    --------
    >>> float(np.exp(log_recovered("lognormal", 20.0, np.log(20.0), 0.7)).round(12))
    0.5
    """
    return _tails(family, time, location, spread, shape)[1]


def both_tails(
    family: str,
    time: ArrayLike,
    location: ArrayLike,
    spread: ArrayLike,
    shape: ArrayLike | None = None,
) -> tuple[Floats, Floats]:
    """Return :func:`log_survival` and :func:`log_recovered` at once.

    Examples
    --------
    >>> not_yet, recovered = both_tails("loglogistic", 3.0, np.log(3.0), 0.4)
    >>> round(float(np.exp(not_yet) + np.exp(recovered)), 12)
    1.0
    """
    return _tails(family, time, location, spread, shape)


def _tails(family, time, location, spread, shape):
    time = np.asarray(time, dtype=float)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        w = (np.log(time) - location) / spread
        if family == "weibull":
            z = np.exp(w)
            return -z, np.log(-np.expm1(-z))
        if family == "lognormal":
            return special.log_ndtr(-w), special.log_ndtr(w)
        if family == "loglogistic":
            return -np.logaddexp(0.0, w), -np.logaddexp(0.0, -w)
        return _log_gamma_tails(w, _shape(family, spread, shape))


def _shape(family, spread, shape):
    return np.asarray(spread if family == "gamma" else shape, dtype=float)


def _log_gamma_tails(w, q):
    w, q = np.broadcast_arrays(w, q)
    # SciPy's incomplete gamma function is wrong in the far tail of a shape above 1e7, which is the
    # lognormal's neighbourhood: there its log runs straight from the lognormal's.
    flat = np.abs(q) < _NEAR
    safe = np.where(flat, np.where(q < 0, -_NEAR, _NEAR), q)
    k = safe**-2.0
    x = k * np.exp(safe * w)
    low, high = np.log(special.gammainc(k, x)), np.log(special.gammaincc(k, x))
    both = np.where(safe > 0, high, low), np.where(safe > 0, low, high)
    if flat.any():
        share = np.abs(q) / _NEAR
        normal = special.log_ndtr(-w), special.log_ndtr(w)
        both = tuple(
            np.where(flat & np.isfinite(one), base + share * (one - base), one)
            for one, base in zip(both, normal, strict=True)
        )
    return both[0][()], both[1][()]


def log_density(
    family: str,
    time: ArrayLike,
    location: ArrayLike,
    spread: ArrayLike,
    shape: ArrayLike | None = None,
) -> Floats:
    """Return the log density of recovering at a time, per unit of time; see :func:`log_survival`.

    Examples
    --------
    >>> round(float(np.exp(log_density("weibull", 2.0, 0.0, 1.0))), 6)  # exp(-2)
    0.135335
    """
    time = np.asarray(time, dtype=float)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        log_time = np.log(time)
        w = (log_time - location) / spread
        if family == "weibull":
            standard = w - np.exp(w)
        elif family == "lognormal":
            standard = -0.5 * w**2 - 0.5 * np.log(2 * np.pi)
        elif family == "loglogistic":
            standard = -w - 2 * np.logaddexp(0.0, -w)
        else:
            standard = _log_gamma_density(w, _shape(family, spread, shape))
        return standard - np.log(spread) - log_time


def _log_gamma_density(w, q):
    w, q = np.broadcast_arrays(w, q)
    flat = np.abs(q) < 1e-3
    safe = np.where(flat, 1.0, q)
    k = safe**-2.0
    exact = np.log(np.abs(safe)) + k * np.log(k) - special.gammaln(k)
    exact = exact + k * (safe * w - np.exp(safe * w))
    # To the third order of the shape: its neighbours would cancel to nothing.
    x = q * w
    near = -0.5 * w**2 * (1 + x / 3 + x**2 / 12 + x**3 / 60) - 0.5 * np.log(2 * np.pi) - q**2 / 12
    return np.where(flat, near, exact)[()]


def quantile(
    family: str,
    probability: ArrayLike,
    location: ArrayLike,
    spread: ArrayLike,
    shape: ArrayLike | None = None,
) -> Floats:
    """Return the time by which a share of those who recover has recovered.

    Parameters
    ----------
    family : str
    probability : array_like
        In [0, 1]; 1 is infinite.
    location, spread, shape : array_like
        As for :func:`log_survival`.

    Returns
    -------
    ndarray
        In the unit of ``exp(location)``.

    Examples
    --------
    >>> float(quantile("loglogistic", 0.5, np.log(9.0), 0.4).round(9))
    9.0
    """
    p = np.asarray(probability, dtype=float)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        if family == "weibull":
            w = np.log(-np.log1p(-p))
        elif family == "lognormal":
            w = special.ndtri(p)
        elif family == "loglogistic":
            w = special.logit(p)
        else:
            w = _log_gamma_quantile(p, _shape(family, spread, shape))
        return np.exp(location + spread * w)


def _log_gamma_quantile(p, q):
    p, q = np.broadcast_arrays(p, q)
    flat = np.abs(q) < 1e-6
    safe = np.where(flat, 1.0, q)
    k = safe**-2.0
    x = np.where(safe > 0, special.gammaincinv(k, p), special.gammainccinv(k, p))
    return np.where(flat, special.ndtri(p), np.log(x / k) / safe)[()]


def restricted_mean(
    family: str,
    horizon: ArrayLike,
    location: ArrayLike,
    spread: ArrayLike,
    shape: ArrayLike | None = None,
) -> Floats:
    """Return the mean time without recovery up to a horizon: the area under the survival curve.

    Parameters
    ----------
    family : str
    horizon : array_like
        Above 0, finite.
    location, spread, shape : array_like
        As for :func:`log_survival`.

    Returns
    -------
    ndarray
        In the unit of time, between 0 and the horizon.

    Notes
    -----
    ``h S(h) + E[T; T <= h]``, whose second part is an incomplete gamma function (Weibull, gamma,
    generalized gamma), a normal one (lognormal) or an incomplete beta function (loglogistic, as
    Gauss's series where its second argument is not positive). A generalized gamma of negative
    shape whose mean does not exist is integrated by Gauss and Legendre's rule instead.

    Examples
    --------
    >>> round(float(restricted_mean("weibull", 1.0, 0.0, 1.0)), 6)  # 1 - exp(-1)
    0.632121
    """
    horizon, location, spread = np.broadcast_arrays(
        *(np.asarray(x, dtype=float) for x in (horizon, location, spread))
    )
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        w = (np.log(horizon) - location) / spread
        if family == "weibull":
            share = special.gammainc(1 + spread, np.exp(w))
            early = np.exp(location + special.gammaln(1 + spread)) * share
        elif family == "lognormal":
            early = np.exp(location + spread**2 / 2 + special.log_ndtr(w - spread))
        elif family == "loglogistic":
            recovered = special.expit(w)
            series = special.hyp2f1(1 + spread, spread, 2 + spread, recovered)
            early = np.exp(location) * recovered ** (1 + spread) / (1 + spread) * series
        else:
            q = np.broadcast_to(_shape(family, spread, shape), w.shape)
            early = np.exp(location) * _log_gamma_early(w, spread, q)
        survival, _ = _tails(family, horizon, location, spread, shape)
        total = horizon * np.exp(survival) + early
        # Past the last digit of S(h) or of the series, and where no closed form exists.
        bad = ~np.isfinite(total) | (total > horizon)
        if bad.any():
            q = None if shape is None else np.broadcast_to(shape, w.shape)
            numeric = mean_of_curve(
                lambda t: np.exp(_tails(family, t, location, spread, q)[0]), horizon
            )
            total = np.where(bad, numeric, total)
    return total[()]


def _log_gamma_early(w, spread, q):
    """Return ``E[exp(spread * W); W <= w]``; nan where the gamma function has no such argument."""
    flat = np.abs(q) < _FLAT
    safe = np.where(flat, 1.0, q)
    k, a = safe**-2.0, spread / safe
    exists = k + a > 0
    top = np.where(exists, k + a, np.nan)
    x = k * np.exp(safe * w)
    share = np.where(safe > 0, special.gammainc(top, x), special.gammaincc(top, x))
    large = (k > 1e3) & (top > 1e3)  # Stirling's series: the difference of two log gammas
    series = (k + a - 0.5) * np.log1p(a / k) - a + (1 / (k + a) - 1 / k) / 12
    plain = special.gammaln(top) - special.gammaln(k) - a * np.log(k)
    found = np.exp(np.where(large, series, plain)) * share
    return np.where(flat, np.exp(spread**2 / 2 + special.log_ndtr(w - spread)), found)


def mean_of_curve(curve: Callable[[np.ndarray], np.ndarray], horizon: ArrayLike) -> np.ndarray:
    """Return the area under a falling curve from 0 to a horizon, by Gauss and Legendre's rule.

    Parameters
    ----------
    curve : callable
        Of a time with the shape of `horizon`.
    horizon : array_like

    Notes
    -----
    200 nodes in the fourth root of time, which is where curves with a steep beginning are smooth.

    Examples
    --------
    >>> round(float(mean_of_curve(lambda t: np.exp(-t), 1.0)), 9)
    0.632120559
    """
    horizon = np.asarray(horizon, dtype=float)
    total = np.zeros(horizon.shape)
    for node, weight in zip((_NODES + 1) / 2, _WEIGHTS / 2, strict=True):
        total = total + weight * 4 * node**3 * horizon * curve(horizon * node**4)
    return total


def spread_of_range(lower: float, upper: float, probability: float) -> tuple[float, float]:
    """Return median and log spread of a lognormal from a central range.

    Parameters
    ----------
    lower, upper : float
        Above 0.
    probability : float
        What lies between them.

    Examples
    --------
    >>> median, spread = spread_of_range(6, 36, 0.95)
    >>> round(median, 1), round(spread, 3)
    (14.7, 0.457)
    """
    reach = special.ndtri((1 + probability) / 2)
    return float(np.sqrt(lower * upper)), float(np.log(upper / lower) / (2 * reach))
