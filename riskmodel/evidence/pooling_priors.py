"""Proper priors of a pooled mean and of the heterogeneity, as one writes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from riskmodel.errors import ParameterError, Problem
from riskmodel.evidence.heterogeneity import HeterogeneityPrior, parse_tau_prior

_LOG_ROOT_TWO_PI = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True)
class LocationPrior:
    """The proper prior of mu, perhaps cut at the ends of what an effect can be.

    Parameters
    ----------
    family : {"normal", "uniform"}
    first, second : float
        Mean and standard deviation, or the ends.
    lower, upper : float
        Ends of what an effect can be on this scale.
    """

    family: str
    first: float
    second: float
    lower: float = -np.inf
    upper: float = np.inf

    def __str__(self) -> str:
        return f"{self.family}:{self.first:g}:{self.second:g}"

    @property
    def ends(self) -> tuple[float, float]:
        """Where mu can be, but for a mass of no account."""
        if self.family == "uniform":
            low, high = self.first, self.second
        else:
            low, high = self.first - 9 * self.second, self.first + 9 * self.second
        return max(low, self.lower), min(high, self.upper)

    @property
    def centre(self) -> float:
        """The mean, before the cut."""
        return self.first if self.family == "normal" else 0.5 * (self.first + self.second)

    @property
    def spread(self) -> float:
        """The standard deviation, before the cut."""
        if self.family == "normal":
            return self.second
        return (self.second - self.first) / np.sqrt(12)

    def log_density(self, mu: np.ndarray) -> np.ndarray:
        """Return the log density at `mu`, which lies between the ends."""
        if self.family == "uniform":
            low, high = self.ends
            return np.full(np.shape(mu), -np.log(high - low))
        z = (np.asarray(mu) - self.first) / self.second
        inside = special.ndtr((self.upper - self.first) / self.second) - special.ndtr(
            (self.lower - self.first) / self.second
        )
        return -0.5 * z**2 - np.log(self.second) - _LOG_ROOT_TWO_PI - np.log(inside)


def proper_tau_prior(prior: object, problems: list[Problem]) -> HeterogeneityPrior | None:
    """Return a proper prior of tau; what is none is added to `problems`."""
    try:
        found = parse_tau_prior(prior)
    except ParameterError as error:
        problems.extend(error.problems)
        return None
    if not found.proper:
        problems.append(
            Problem(
                field="tau_prior",
                found=prior,
                allowed="a proper prior",
                remedy="counts may leave any large tau possible; name a half_normal or another",
            )
        )
    return found


def location_prior(
    given: object, problems: list[Problem], lower: float = -np.inf, upper: float = np.inf
) -> LocationPrior | None:
    """Return the prior of a mean; what is none is added to `problems`."""
    if isinstance(given, LocationPrior):
        return given
    family, first, second = family_and_two(given, bare="normal")
    good = family == "normal" and second > 0 and np.isfinite([first, second]).all()
    if family == "normal" and good and np.isfinite(upper):
        good = abs(first) < upper
    if family == "uniform":
        good = np.isfinite([first, second]).all() and lower <= first < second <= upper
    if not good:
        ends = "" if not np.isfinite(upper) else f", within {lower:g} and {upper:g}"
        problems.append(
            Problem(
                field="mu_prior",
                found=given,
                allowed='("normal", mean, standard deviation) or ("uniform", lower, upper)' + ends,
                remedy="name a proper prior: studies with few events leave any effect possible",
            )
        )
        return None
    return LocationPrior(family, first, second, lower, upper)


def family_and_two(given: object, bare: str | None = None) -> tuple[object, float, float]:
    """Return a family and its two numbers from how they were written; nan for what is none."""
    parts = given.replace(",", ":").split(":") if isinstance(given, str) else given
    try:
        if bare is not None and len(parts) == 2:
            parts = (bare, *parts)
        family, first, second = parts
        return family, float(first), float(second)
    except (TypeError, ValueError):
        return None, np.nan, np.nan
