"""How long things take from patient to patient: quantiles and cumulative hazards, with inverses."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

LOG_2 = np.log(2.0)


@dataclass(frozen=True)
class TimeLaw:
    """A family of times with a median and a shape for each patient or draw.

    Parameters
    ----------
    family : {"lognormal", "weibull", "loglogistic", "exponential", "fixed"}
    median : ndarray
        In days, above 0.
    shape : ndarray
        Standard deviation of the logarithm (lognormal) or the shape (weibull, loglogistic); not
        used by the others.

    Examples
    --------
    >>> law = TimeLaw("weibull", np.array([10.0]), np.array([2.0]))
    >>> law.quantile(np.array([0.5]))
    array([10.])
    >>> law.time_of(law.cumulative_hazard(np.array([7.0]))).round(6)
    array([7.])
    """

    family: str
    median: np.ndarray
    shape: np.ndarray

    def take(self, index) -> TimeLaw:
        """Return the law of some of its members."""
        return replace(self, median=self.median[index], shape=self.shape[index])

    def quantile(self, probability: np.ndarray) -> np.ndarray:
        """Return the time by which a share of patients is there, in days."""
        if self.family == "fixed":
            return np.broadcast_to(self.median, np.shape(probability)).astype(float)
        if self.family == "lognormal":
            from scipy.special import ndtri

            return self.median * np.exp(self.shape * ndtri(probability))
        if self.family == "loglogistic":
            return self.median * (probability / (1 - probability)) ** (1 / self.shape)
        return self.time_of(-np.log1p(-probability))

    def cumulative_hazard(self, time: np.ndarray) -> np.ndarray:
        """Return ``-log S(t)`` at times of at least 0, in days."""
        if self.family == "exponential":
            return time * (LOG_2 / self.median)
        relative = time / self.median
        if self.family == "weibull":
            return LOG_2 * relative**self.shape
        if self.family == "loglogistic":
            return np.log1p(relative**self.shape)
        if self.family == "lognormal":
            from scipy.special import log_ndtr

            with np.errstate(divide="ignore"):
                score = np.log(relative) / self.shape
            return -log_ndtr(-score)
        return np.where(relative < 1, 0.0, np.inf)

    def time_of(self, hazard: np.ndarray) -> np.ndarray:
        """Return the time at which the cumulative hazard is reached, in days."""
        if self.family == "exponential":
            return hazard * (self.median / LOG_2)
        if self.family == "weibull":
            return self.median * (hazard / LOG_2) ** (1 / self.shape)
        if self.family == "loglogistic":
            return self.median * np.expm1(hazard) ** (1 / self.shape)
        if self.family == "lognormal":
            from scipy.special import ndtri_exp

            return self.median * np.exp(-self.shape * ndtri_exp(-hazard))
        return np.broadcast_to(self.median, np.shape(hazard)).astype(float)
