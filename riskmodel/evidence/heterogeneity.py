"""Priors for tau, the standard deviation of the true effects between studies.

==================================  ============================================================
written                             tau is distributed as
==================================  ============================================================
``("half_normal", s)``              abs of Normal(0, s)
``("half_cauchy", s)``              abs of Cauchy(0, s)
``("half_student_t", df, s)``       abs of s times Student t with df degrees of freedom
``("uniform", u)``                  uniform on [0, u]
``("log_normal", m, s)``            log(tau**2) is Normal(m, s) (Turner's families)
``("log_t", m, s, df)``             log(tau**2) is m + s times Student t (those of Rhodes)
``"flat"``                          density 1 on tau >= 0: improper
==================================  ============================================================

The same as text has a colon or comma between its parts, ``half_normal:0.5``. The numbers are the
user's: which of them fits an outcome and a comparison is for the cited tables to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from riskmodel.errors import ParameterError, Problem, did_you_mean
from riskmodel.evidence.distributions import GridDistribution, TransformedDistribution

PARAMETERS = {
    "half_normal": ("scale",),
    "half_cauchy": ("scale",),
    "half_student_t": ("degrees_of_freedom", "scale"),
    "uniform": ("upper",),
    "log_normal": ("location", "scale"),
    "log_t": ("location", "scale", "degrees_of_freedom"),
    "flat": (),
}

_TAIL = 36.0  # what is less than e**-36 of the greatest is left out
_GREATEST_LOG = 300.0  # tau between e**-300 and e**300, so that its square is still a number


@dataclass(frozen=True)
class HeterogeneityPrior:
    """A prior for tau; `parse_tau_prior` makes and checks one.

    Parameters
    ----------
    family : str
        A key of `PARAMETERS`.
    parameters : tuple of float
        In the order of `PARAMETERS`.

    Examples
    --------
    >>> prior = HeterogeneityPrior("half_normal", (0.5,))
    >>> str(prior), round(float(prior.ppf(0.5)), 4)
    ('half_normal:0.5', 0.3372)
    """

    family: str
    parameters: tuple[float, ...] = ()

    def __str__(self) -> str:
        return ":".join([self.family, *(f"{value:g}" for value in self.parameters)])

    def __getattr__(self, name: str) -> float:
        """Return a parameter by its name."""
        names = PARAMETERS.get(self.__dict__.get("family"), ())
        if name in names:
            return self.parameters[names.index(name)]
        raise AttributeError(f"a {self.__dict__.get('family')} prior has no {name!r}")

    @property
    def proper(self) -> bool:
        """Whether the density has a finite integral."""
        return self.family != "flat"

    @property
    def support(self) -> tuple[float, float]:
        """The ends of what tau can be."""
        return 0.0, self.upper if self.family == "uniform" else np.inf

    @property
    def logarithmic(self) -> bool:
        """Whether the prior is one for the logarithm of tau squared."""
        return self.family in ("log_normal", "log_t")

    @property
    def tail_power(self) -> float:
        """The p of a density that falls as ``tau**-p`` for great tau; `inf` if faster."""
        return {
            "flat": 0.0,
            "log_t": 1.0,  # times a power of log(tau)
            "half_cauchy": 2.0,
            "half_student_t": 1.0 + self.parameters[0] if self.parameters else np.nan,
        }.get(self.family, np.inf)

    def log_density(self, tau: ArrayLike) -> np.ndarray:
        """Return the log density at `tau`; normalised unless improper.

        Examples
        --------
        >>> prior = HeterogeneityPrior("half_normal", (0.5,))
        >>> np.exp(prior.log_density([0.0, 0.5, -0.1])).round(4)  # 2 * 0.39894 / 0.5 at 0
        array([1.5958, 0.9679, 0.    ])
        """
        tau = np.asarray(tau, float)
        lower, upper = self.support
        inside = (tau >= lower) & (tau <= upper)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            found = _LOG_DENSITIES[self.family](tau, *self.parameters)
        return np.where(inside & ~np.isnan(found), found, -np.inf)

    def ppf(self, q: ArrayLike) -> np.ndarray:
        """Return the quantiles at `q`; a flat prior has none.

        Examples
        --------
        >>> float(HeterogeneityPrior("half_cauchy", (0.3,)).ppf(0.5).round(10))
        0.3
        """
        if not self.proper:
            _refuse(str(self), "a proper prior", "an improper density has no quantiles")
        return _QUANTILES[self.family](np.asarray(q, float), *self.parameters)

    def rvs(self, size=None, random_state=None) -> np.ndarray:
        """Return independent draws; `random_state` is a seed or a NumPy generator."""
        return self.ppf(np.random.default_rng(random_state).uniform(size=size))

    def finite_moments(self, power: float) -> int:
        """Return how many of the first two moments of tau exist in a posterior, or -1 for none.

        Parameters
        ----------
        power : float
            The likelihood falls as ``tau**-power``: the number of studies less the number of
            coefficients with a flat prior.

        Returns
        -------
        int
            2, 1, 0, or -1 where the posterior itself does not exist.

        Notes
        -----
        The posterior density falls as ``tau**-a`` with ``a = power + tail_power``; its moment of
        order m exists where ``a - m > 1``. For ``log_t`` the powers of the logarithm decide the
        limit case in its favour. For the flat prior and a flat mean of k studies, ``a = k - 1``:
        a posterior needs k >= 3, its mean k >= 4, its standard deviation k >= 5.

        Examples
        --------
        >>> flat = HeterogeneityPrior("flat")
        >>> [flat.finite_moments(k - 1) for k in (2, 3, 4, 5)]
        [-1, 0, 1, 2]
        """
        a = power + self.tail_power
        enough = (lambda left: left >= 1) if self.family == "log_t" else (lambda left: left > 1)
        return max([m for m in (0, 1, 2) if enough(a - m)], default=-1)

    # The variable of integration: tau is a smooth function of v with no sharp corner anywhere.

    def tau_and_log_slope(self, v: np.ndarray, unit: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return tau and the log of its derivative at values of the variable of integration.

        ``tau = unit * sinh(v)``, which is a line below `unit` and an exponential above it. For the
        logarithmic priors ``log(tau**2) = location + scale * v``, or ``... * sinh(v)``.
        """
        if self.family == "log_normal":
            tau = np.exp(0.5 * (self.location + self.scale * v))
            return tau, np.log(0.5 * self.scale * tau)
        if self.family == "log_t":
            log_tau = 0.5 * (self.location + self.scale * np.sinh(v))
            return np.exp(log_tau), log_tau + np.log(0.5 * self.scale * np.cosh(v))
        return unit * np.sinh(v), np.log(unit * np.cosh(v))

    def integration_variable(self, tau: np.ndarray, unit: ArrayLike) -> np.ndarray:
        """Return the inverse of `tau_and_log_slope`."""
        if not self.logarithmic:
            return np.arcsinh(tau / unit)
        standard = (2.0 * np.log(tau) - self.location) / self.scale
        return standard if self.family == "log_normal" else np.arcsinh(standard)

    def slope_of_tau(self, v: np.ndarray, unit: ArrayLike) -> np.ndarray:
        """Return the derivative of tau at values of the variable of integration."""
        return np.exp(self.tau_and_log_slope(v, unit)[1])

    def reach(self, power: float, unit: np.ndarray, spread: np.ndarray):
        """Return bounds of the variable of integration beyond which nothing matters.

        Parameters
        ----------
        power : float
            See `finite_moments`.
        unit, spread : ndarray
            The unit of `tau_and_log_slope`, and a size beyond which the likelihood has its tail.
        """
        none = np.zeros_like(unit)
        if self.family == "uniform":
            return none, np.arcsinh(self.upper / unit)
        if self.family == "half_normal":  # beyond `spread` likelihood and prior both fall
            return none, np.arcsinh((spread + 9.5 * self.scale) / unit)
        if self.logarithmic:
            return self._logarithmic_reach(unit, spread)
        own = self.parameters[-1] if self.parameters else 0.0
        left = power + self.tail_power - 1.0 - max(self.finite_moments(power), 0)
        far = np.log(2.0 * np.maximum(spread, own) / unit) + min(_TAIL / left, 200.0) + 1.0
        return none, np.minimum(far, _GREATEST_LOG - np.log(np.maximum(unit, 1e-300)))

    def _logarithmic_reach(self, unit: np.ndarray, spread: np.ndarray):
        """Below `unit` the likelihood is level, above `spread` it falls: the prior's tails rule."""
        if self.family == "log_normal":
            further = 9.5 + self.scale
        else:
            further = np.log(2.0) + _TAIL / self.degrees_of_freedom + 1.0
        edges = self.integration_variable(np.exp([-_GREATEST_LOG, _GREATEST_LOG]), unit)
        lower = np.minimum(self.integration_variable(unit, unit), 0.0) - further
        upper = np.maximum(self.integration_variable(spread, unit), 0.0) + further
        return np.maximum(lower, edges[0]), np.minimum(upper, edges[1])


def parse_tau_prior(prior: object) -> HeterogeneityPrior:
    """Return a prior for tau from how it was written.

    Parameters
    ----------
    prior : str, sequence, mapping or HeterogeneityPrior
        ``"half_normal:0.5"``, ``("half_normal", 0.5)`` or ``{"family": "half_normal",
        "scale": 0.5}``.

    Raises
    ------
    ParameterError
        For an unknown family, a wrong number of parameters, or one that is not a positive finite
        number (a location may be any number).

    Examples
    --------
    >>> parse_tau_prior("half_student_t:4:0.5") == parse_tau_prior(("half_student_t", 4, 0.5))
    True
    >>> parse_tau_prior("half_norml:0.5")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    riskmodel.errors.ParameterError: tau_prior: found 'half_norml'; ... mean 'half_normal'?
    """
    if isinstance(prior, HeterogeneityPrior):
        return prior
    family, values = _parts(prior)
    if family not in PARAMETERS:
        _refuse(family, ", ".join(PARAMETERS), did_you_mean(family, PARAMETERS))
    names = PARAMETERS[family]
    allowed = ":".join([family, *names])
    if len(values) != len(names):
        _refuse(prior, allowed, f"write it as {allowed}")
    numbers = tuple(_number(prior, value, allowed) for value in values)
    for name, value in zip(names, numbers, strict=True):
        if not np.isfinite(value) or (name != "location" and value <= 0):
            _refuse(prior, f"{allowed} with a positive {name}", f"{name} is {value:g}")
    return HeterogeneityPrior(family, numbers)


def _parts(prior: object) -> tuple[object, list]:
    if isinstance(prior, str):
        family, *values = prior.replace(",", ":").split(":")
        return family.strip(), [value.strip() for value in values]
    if isinstance(prior, Mapping):
        rest = {key: value for key, value in prior.items() if key != "family"}
        names = PARAMETERS.get(prior.get("family"), tuple(rest))
        unknown = [key for key in rest if key not in names]
        if unknown:
            _refuse(unknown[0], ", ".join(names), did_you_mean(unknown[0], names))
        return prior.get("family"), [rest[name] for name in names if name in rest]
    if isinstance(prior, Sequence) and prior and isinstance(prior[0], str):
        return prior[0], list(prior[1:])
    return _refuse(prior, 'as ("half_normal", 0.5) or "half_normal:0.5"', "name a family first")


def _number(prior: object, value: object, allowed: str) -> float:
    if isinstance(value, Real) and not isinstance(value, bool | np.bool_):
        return float(value)
    try:
        if isinstance(value, str):
            return float(value)
    except ValueError:
        pass
    return _refuse(prior, allowed, f"{value!r} is not a number")


def _refuse(found: object, allowed: str, remedy: str):
    raise ParameterError([Problem(field="tau_prior", found=found, allowed=allowed, remedy=remedy)])


def _log_student(z, df):
    """Log density of Student's t."""
    norm = special.gammaln(0.5 * (df + 1)) - special.gammaln(0.5 * df) - 0.5 * np.log(df * np.pi)
    return norm - 0.5 * (df + 1) * np.log1p(z * z / df)


def _log_of_square(tau, location, scale):
    """Standardised log(tau**2), and the log of its derivative with respect to tau."""
    log_tau = np.log(tau)
    return (2.0 * log_tau - location) / scale, np.log(2.0 / scale) - log_tau


def _log_normal(tau, location, scale):
    z, slope = _log_of_square(tau, location, scale)
    return -0.5 * z**2 - 0.5 * np.log(2.0 * np.pi) + slope


def _log_t(tau, location, scale, df):
    z, slope = _log_of_square(tau, location, scale)
    return _log_student(z, df) + slope


_LOG_DENSITIES = {
    "half_normal": lambda tau, s: 0.5 * np.log(2 / np.pi) - np.log(s) - 0.5 * (tau / s) ** 2,
    "half_cauchy": lambda tau, s: np.log(2 / np.pi) - np.log(s) - np.log1p((tau / s) ** 2),
    "half_student_t": lambda tau, df, s: np.log(2.0) - np.log(s) + _log_student(tau / s, df),
    "uniform": lambda tau, u: np.zeros_like(tau) - np.log(u),
    "log_normal": _log_normal,
    "log_t": _log_t,
    "flat": lambda tau: np.zeros_like(tau),
}

_QUANTILES = {
    "half_normal": lambda q, s: s * special.ndtri(0.5 * (1 + q)),
    "half_cauchy": lambda q, s: s * np.tan(0.5 * np.pi * q),
    "half_student_t": lambda q, df, s: s * special.stdtrit(df, 0.5 * (1 + q)),
    "uniform": lambda q, u: u * q,
    "log_normal": lambda q, m, s: np.exp(0.5 * (m + s * special.ndtri(q))),
    "log_t": lambda q, m, s, df: np.exp(0.5 * (m + s * special.stdtrit(df, q))),
}


def heterogeneity_of(
    base: GridDistribution, prior: HeterogeneityPrior, unit: float
) -> TransformedDistribution:
    """Return the distribution of tau from that of the variable its prior is integrated in."""
    return TransformedDistribution(
        base,
        lambda v: prior.tau_and_log_slope(v, unit)[0],
        lambda tau: prior.integration_variable(tau, unit),
        lambda v: prior.slope_of_tau(v, unit),
    )
