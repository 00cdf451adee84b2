"""From a criterion's own unit to a value: 0 at the worst end of a stated swing, 1 at the best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from riskmodel.decisions.option_draws import refuse
from riskmodel.errors import Phrase


class ValueFunction(Protocol):
    """Anything with a swing that turns measurements into values."""

    worst: float
    best: float

    def __call__(self, measurement: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class LinearValue:
    """Value that rises in proportion from `worst` to `best`, and goes on beyond them.

    Parameters
    ----------
    worst, best : float
        Ends of the swing, in the criterion's unit; `worst` above `best` where less is better.
    unit : str

    Examples
    --------
    >>> LinearValue(worst=0.4, best=0.0, unit="risk")(np.array([0.4, 0.1]))
    array([0.  , 0.75])
    """

    worst: float
    best: float
    unit: str = ""

    def __post_init__(self):
        _require_swing(self.worst, self.best)

    def __call__(self, measurement: np.ndarray) -> np.ndarray:
        return (np.asarray(measurement, dtype=float) - self.worst) / (self.best - self.worst) + 0.0


@dataclass(frozen=True)
class PiecewiseLinearValue:
    """Value along straight pieces between stated points; the end pieces go on beyond the swing.

    Parameters
    ----------
    points : tuple of (float, float)
        Measurement and value, in the order of measurements; values go from 0 at one end to 1 at
        the other and never turn back.
    unit : str

    Examples
    --------
    >>> value = PiecewiseLinearValue(((0, 0), (10, 0.8), (30, 1)), unit="m")
    >>> value(np.array([5, 20])), value.worst, value.best
    (array([0.4, 0.9]), 0.0, 30.0)
    """

    points: tuple[tuple[float, float], ...]
    unit: str = ""

    def __post_init__(self):
        try:
            at, values = np.asarray(self.points, dtype=float).T
        except (TypeError, ValueError):
            refuse("points", self.points, "pairs of measurement and value", "((0, 0), (10, 1))")
        if len(at) < 2 or not np.isfinite([at, values]).all() or (np.diff(at) <= 0).any():
            refuse("points", self.points, "two or more, measurements rising", "sort the points")
        change = np.diff(values)
        if not ((change >= 0).all() or (change <= 0).all()) or {values[0], values[-1]} != {0, 1}:
            refuse("points", self.points, "values from 0 at one end to 1 at the other, one way",
                   "rescale: 0 is the worst of the swing, 1 the best")  # fmt: skip

    @property
    def worst(self) -> float:
        return float(next(at for at, value in self._ends if value == 0))

    @property
    def best(self) -> float:
        return float(next(at for at, value in self._ends if value == 1))

    @property
    def _ends(self):
        return self.points[0], self.points[-1]

    def __call__(self, measurement: np.ndarray) -> np.ndarray:
        measurement = np.asarray(measurement, dtype=float)
        (a, u), (b, v) = self._ends
        value = np.interp(measurement, *np.asarray(self.points, dtype=float).T)
        (a1, u1), (b0, v0) = self.points[1], self.points[-2]
        before, after = (u1 - u) / (a1 - a), (v - v0) / (b - b0)
        value = np.where(measurement < a, u + before * (measurement - a), value)
        return np.where(measurement > b, v + after * (measurement - b), value)


@dataclass(frozen=True)
class UserValue:
    """Value by a function of one's own, over a stated swing.

    Parameters
    ----------
    function : callable
        Array of measurements in, array of values out; must be 0 at `worst` and 1 at `best`.
    worst, best : float
    unit : str

    Examples
    --------
    >>> UserValue(np.sqrt, worst=0, best=1)(np.array([0.25]))
    array([0.5])
    """

    function: Callable[[np.ndarray], np.ndarray]
    worst: float
    best: float
    unit: str = ""

    def __post_init__(self):
        _require_swing(self.worst, self.best)
        ends = np.asarray(self.function(np.array([self.worst, self.best], dtype=float)))
        if ends.shape != (2,) or not np.allclose(ends, [0, 1], rtol=0, atol=1e-9):
            refuse("function", Phrase(f"values {ends} at worst and best"), "0 at worst, 1 at best",
                   "rescale the function to its swing")  # fmt: skip

    def __call__(self, measurement: np.ndarray) -> np.ndarray:
        return np.asarray(self.function(np.asarray(measurement, dtype=float)), dtype=float)


def require_value_function(name: str, function: object) -> None:
    """Refuse what is no value function, or has no swing."""
    ends = [getattr(function, end, None) for end in ("worst", "best")]
    if not callable(function) or None in ends:
        refuse(
            f"value_functions.{name}",
            function,
            "LinearValue, PiecewiseLinearValue or UserValue with a swing from worst to best",
            "state the swing: a weight means nothing without the range it is given for",
        )


def _require_swing(worst: float, best: float) -> None:
    try:
        usable = np.isfinite([float(worst), float(best)]).all() and worst != best
    except (TypeError, ValueError):
        usable = False
    if not usable:
        refuse(
            "worst, best",
            (worst, best),
            "two different finite numbers",
            "state the swing: a weight means nothing without the range it is given for",
        )
