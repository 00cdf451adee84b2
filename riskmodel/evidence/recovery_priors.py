"""What is believed of a time to recovery before any patient is seen, in the time's own unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from riskmodel.errors import did_you_mean
from riskmodel.evidence.families import refuse, require_number
from riskmodel.evidence.recovery_likelihood import Parameters

DAYS = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "year": 365.25}

# 95% limits of the time at which recoveries crowd: a day to ten years, whatever the data.
TYPICAL_TIME_DAYS = (1.0, 3652.5)
SPREAD = (0.2, 2.5)  # 95% limits of the spread of log time
SHAPE = (0.5, 0.75)  # mean and sd: lognormal (0) and Weibull (1) equally near
NEVER = (1.0, 1.0)  # Beta: every fraction alike
SLOPE = 1.0  # sd of a slope, per standard deviation of its covariate
_REACH = 1.959963984540054
_LOGISTIC = np.sqrt(3) / np.pi  # a logistic of this scale has the normal's spread
_NAMES = ("typical_time", "spread", "shape", "never_recovered", "slope")


@dataclass(frozen=True)
class RecoveryPriors:
    """Priors of one family, on the scale of the sampler.

    Attributes
    ----------
    family, cure : str
    time_unit : str
    location, log_spread, shape : tuple of float
        Mean and standard deviation of normals.
    never : tuple of float
        Shapes of the Beta of the never-recovered fraction.
    slope : float
        Standard deviation of slopes around 0.
    """

    family: str
    cure: str
    time_unit: str
    location: tuple[float, float]
    log_spread: tuple[float, float]
    shape: tuple[float, float]
    never: tuple[float, float]
    slope: float

    def statement(self) -> str:
        """Return the priors in words."""
        low, high = (np.exp(self.location[0] + s * _REACH * self.location[1]) for s in (-1, 1))
        narrow, wide = (
            np.exp(self.log_spread[0] + s * _REACH * self.log_spread[1]) for s in (-1, 1)
        )
        parts = [
            f"typical time lognormal, 95% {low:.3g} to {high:.3g} {self.time_unit}s",
            f"spread of log time lognormal, 95% {narrow:.2g} to {wide:.2g}",
        ]
        if self.family == "generalized_gamma":
            parts.append(f"shape normal({self.shape[0]:g}, {self.shape[1]:g})")
        if self.cure != "none":
            parts.append(f"never recovered Beta({self.never[0]:g}, {self.never[1]:g})")
        return "; ".join(parts)

    def draw(self, number: int, rng: np.random.Generator, covariates: int = 0) -> Parameters:
        """Return independent draws of the parameters."""
        location = rng.normal(*self.location, number)
        spread = np.exp(rng.normal(*self.log_spread, number))
        shape = rng.normal(*self.shape, number) if self.family == "generalized_gamma" else None
        scale_slopes = rng.normal(0, self.slope, (number, covariates))
        if self.cure == "none":
            return Parameters(location, spread, shape, scale_slopes=scale_slopes)
        never = rng.beta(*self.never, number)
        never = np.clip(never, 1e-300, 1 - 1e-16)
        never_slopes = rng.normal(0, self.slope, (number, covariates))
        return Parameters(
            location, spread, shape, np.log(never), np.log1p(-never), scale_slopes, never_slopes
        )

    def log_density(self, parameters: Parameters) -> np.ndarray:
        """Return the log prior density of (location, log spread, shape, logit never, slopes)."""
        total = _normal(parameters.location, *self.location)
        total = total + _normal(np.log(parameters.spread), *self.log_spread)
        if self.family == "generalized_gamma":
            total = total + _normal(parameters.shape, *self.shape)
        slopes = [parameters.scale_slopes]
        if self.cure != "none":
            a, b = self.never
            total = total + a * parameters.log_never + b * parameters.log_ever
            total = total - special.betaln(a, b)
            slopes.append(parameters.never_slopes)
        for slope in slopes:
            if slope is not None and slope.shape[1]:
                total = total + _normal(slope, 0.0, self.slope).sum(axis=1)
        return total


def _normal(x, mean, sd):
    return -0.5 * ((x - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)


def recovery_priors(
    family: str, cure: str, time_unit: str, given: Mapping[str, Any] | None = None
) -> RecoveryPriors:
    """Return the priors of a recovery model, the stated default where nothing is given.

    Parameters
    ----------
    family, cure : str
    time_unit : {"day", "week", "month", "year"}
    given : mapping, optional
        ``typical_time`` and ``spread``: a pair of 95% limits; ``shape``: mean and standard
        deviation; ``never_recovered``: the two shapes of a Beta; ``slope``: a standard deviation.

    Raises
    ------
    ParameterError
        For another name, or limits that cannot be.

    Examples
    --------
    >>> recovery_priors("weibull", "mixture", "day", {"typical_time": (5, 500)}).statement()
    'typical time lognormal, 95% 5 to 500 days; spread of log time lognormal, 95% 0.2 to 2.5; \
never recovered Beta(1, 1)'
    """
    given = dict(given or {})
    for name in given:
        if name not in _NAMES:
            refuse(f"priors.{name}", given[name], ", ".join(_NAMES), did_you_mean(name, _NAMES))
    default = tuple(x / DAYS[time_unit] for x in TYPICAL_TIME_DAYS)
    location = _limits("typical_time", given.get("typical_time", default))
    mean, sd = _limits("spread", given.get("spread", SPREAD))
    if family == "loglogistic":
        mean += np.log(_LOGISTIC)
    shape = _pair("shape", given.get("shape", SHAPE))
    if "shape" in given and family != "generalized_gamma":
        refuse(
            "priors.shape",
            given["shape"],
            "a shape of the generalized gamma only",
            "leave it out: a gamma's shape is its spread, and the others have none",
        )
    never = _pair("never_recovered", given.get("never_recovered", NEVER), above=0.0)
    slope = require_number("priors.slope", given.get("slope", SLOPE), above=0)
    return RecoveryPriors(family, cure, time_unit, location, (mean, sd), shape, never, slope)


def _limits(name: str, given) -> tuple[float, float]:
    lower, upper = _pair(name, given, above=0.0)
    if lower >= upper:
        refuse(f"priors.{name}", given, "lower below upper", "give two different 95% limits")
    return (np.log(lower) + np.log(upper)) / 2, (np.log(upper) - np.log(lower)) / (2 * _REACH)


def _pair(name: str, given, above: float | None = None) -> tuple[float, float]:
    try:
        first, second = given
    except (TypeError, ValueError):
        refuse(f"priors.{name}", given, "two numbers", "give a pair, as in (1, 24)")
    first = require_number(f"priors.{name}", first, above=above)
    return first, require_number(f"priors.{name}", second, above=0.0)
