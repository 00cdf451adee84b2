"""Named two-parameter distributions and mixtures of them, with SciPy's frozen protocol.

Built on ``scipy.special`` alone: ``scipy.stats`` takes more than a second to load.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from riskmodel.errors import ParameterError, Problem, did_you_mean
from riskmodel.evidence.distributions import Distribution
from riskmodel.evidence.priors import Prior

FAMILIES = ("normal", "lognormal", "gamma", "beta", "logit_normal", "uniform")
# Where each family lives: its lowest and highest possible value.
SUPPORTS = {
    "normal": (-np.inf, np.inf),
    "lognormal": (0.0, np.inf),
    "gamma": (0.0, np.inf),
    "beta": (0.0, 1.0),
    "logit_normal": (0.0, 1.0),
}


class Continuous(Distribution):
    """What follows from `ppf`, `cdf`, `pdf`, `mean` and `var` for every distribution here."""

    @property
    def _moments(self) -> tuple[float, float]:
        return self.mean(), self.var()

    def sf(self, x: ArrayLike):
        """Return the probability above `x`."""
        return 1.0 - self.cdf(x)

    def isf(self, q: ArrayLike):
        """Return the value above which a probability lies."""
        return self.ppf(1.0 - np.asarray(q, dtype=float))

    def logpdf(self, x: ArrayLike):
        """Return the log density at `x`."""
        with np.errstate(divide="ignore"):
            return np.log(self.pdf(x))

    def expect(self, function) -> float:
        """Return the mean of a function, over a fixed grid of normal scores."""
        z, weight = normal_nodes()
        return float(weight @ function(at_score(self, z)))


@dataclass(frozen=True)
class Family(Continuous):
    """One named distribution of a number.

    Parameters
    ----------
    family : {"normal", "lognormal", "gamma", "beta", "logit_normal", "uniform"}
    first, second : float
        Mean and standard deviation, of the logarithm for a log-normal and of the log odds for a
        logit-normal; shape and scale of a gamma; the two shapes of a Beta; the two ends of a
        uniform.
    shift : float
        Added to every value.

    Examples
    --------
    >>> ratio = Family("lognormal", np.log(0.62), 0.2351)
    >>> [round(end, 2) for end in ratio.interval(0.95)]
    [0.39, 0.98]
    >>> round(Family("beta", 4.5, 1.5).median(), 3)
    0.779
    """

    family: str
    first: float
    second: float
    shift: float = 0.0

    def __post_init__(self):
        if self.family not in FAMILIES:
            refuse("family", self.family, ", ".join(FAMILIES), did_you_mean(self.family, FAMILIES))
        positive = (self.first, self.second) if self.family in ("gamma", "beta") else (self.second,)
        if self.family == "uniform":
            positive = (self.second - self.first,)
        if not all(np.isfinite(p) and p > 0 for p in positive) or not np.isfinite(self.first):
            refuse(
                self.family,
                (self.first, self.second),
                "finite parameters with a spread above 0",
                "check the figures the distribution is made from",
            )

    def __str__(self) -> str:
        names = {
            "normal": ("mean", "standard deviation"),
            "lognormal": ("log location", "log standard deviation"),
            "gamma": ("shape", "scale"),
            "beta": ("first shape", "second shape"),
            "logit_normal": ("log-odds location", "log-odds standard deviation"),
            "uniform": ("lower", "upper"),
        }[self.family]
        words = ", ".join(
            f"{name} {value:.4g}"
            for name, value in zip(names, (self.first, self.second), strict=True)
        )
        return f"{self.family}({words})" + (f" + {self.shift:g}" if self.shift else "")

    def support(self) -> tuple[float, float]:
        """Return the lowest and highest possible value."""
        low, high = SUPPORTS.get(self.family, (self.first, self.second))
        return low + self.shift, high + self.shift

    def cdf(self, x: ArrayLike):
        """Return the probability up to `x`."""
        x = np.asarray(x, dtype=float) - self.shift
        a, b = self.first, self.second
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if self.family == "normal":
                value = special.ndtr((x - a) / b)
            elif self.family == "lognormal":
                value = special.ndtr((np.log(np.maximum(x, 0)) - a) / b)
            elif self.family == "gamma":
                value = special.gammainc(a, np.maximum(x, 0) / b)
            elif self.family == "beta":
                value = special.betainc(a, b, np.clip(x, 0, 1))
            elif self.family == "logit_normal":
                value = special.ndtr((special.logit(np.clip(x, 0, 1)) - a) / b)
            else:
                value = np.clip((x - a) / (b - a), 0, 1)
        return value[()]

    def ppf(self, q: ArrayLike):
        """Return the value below which a probability lies."""
        q = np.asarray(q, dtype=float)
        a, b = self.first, self.second
        if self.family == "normal":
            value = a + b * special.ndtri(q)
        elif self.family == "lognormal":
            value = np.exp(a + b * special.ndtri(q))
        elif self.family == "gamma":
            value = b * special.gammaincinv(a, q)
        elif self.family == "beta":
            value = special.betaincinv(a, b, q)
        elif self.family == "logit_normal":
            value = special.expit(a + b * special.ndtri(q))
        else:
            value = a + q * (b - a)
        return (value + self.shift)[()]

    def logpdf(self, x: ArrayLike):
        """Return the log density at `x`; minus infinity outside the support."""
        x = np.asarray(x, dtype=float) - self.shift
        a, b = self.first, self.second
        low, high = SUPPORTS.get(self.family, (a, b))
        inside = (x > low) & (x < high)
        y = np.where(inside, x, 0.5 * (a + b) if self.family == "uniform" else 0.5)
        if self.family == "normal":
            value = -0.5 * ((y - a) / b) ** 2 - np.log(b * np.sqrt(2 * np.pi))
        elif self.family == "lognormal":
            value = -0.5 * ((np.log(y) - a) / b) ** 2 - np.log(y * b * np.sqrt(2 * np.pi))
        elif self.family == "gamma":
            value = (a - 1) * np.log(y) - y / b - special.gammaln(a) - a * np.log(b)
        elif self.family == "beta":
            value = (a - 1) * np.log(y) + (b - 1) * np.log1p(-y) - special.betaln(a, b)
        elif self.family == "logit_normal":
            value = -0.5 * ((special.logit(y) - a) / b) ** 2 - np.log(b * np.sqrt(2 * np.pi))
            value = value - np.log(y) - np.log1p(-y)
        else:
            value = np.full(y.shape, -np.log(b - a))
        return np.where(inside, value, -np.inf)[()]

    def pdf(self, x: ArrayLike):
        """Return the density at `x`."""
        return np.exp(self.logpdf(x))

    def mean(self) -> float:
        """Return the mean."""
        a, b = self.first, self.second
        if self.family == "normal":
            value = a
        elif self.family == "lognormal":
            value = np.exp(a + b**2 / 2)
        elif self.family == "gamma":
            value = a * b
        elif self.family == "beta":
            value = a / (a + b)
        elif self.family == "logit_normal":
            value = self._moment(1)
        else:
            value = (a + b) / 2
        return float(value + self.shift)

    def var(self) -> float:
        """Return the variance."""
        a, b = self.first, self.second
        if self.family == "normal":
            return float(b**2)
        if self.family == "lognormal":
            return float(np.expm1(b**2) * np.exp(2 * a + b**2))
        if self.family == "gamma":
            return float(a * b**2)
        if self.family == "beta":
            return float(a * b / ((a + b) ** 2 * (a + b + 1)))
        if self.family == "logit_normal":
            return float(self._moment(2) - self._moment(1) ** 2)
        return float((b - a) ** 2 / 12)

    def _moment(self, power: int) -> float:
        """Return a moment of a logit-normal, which has none in closed form."""
        z, weight = normal_nodes()
        return float(weight @ special.expit(self.first + self.second * z) ** power)


@dataclass(frozen=True)
class Mixture(Continuous):
    """One of several distributions, each with its probability.

    Parameters
    ----------
    components : tuple of distributions
    weights : tuple of float
        0 or more, with sum 1.

    Examples
    --------
    >>> both = Mixture((Family("normal", -1, 1), Family("normal", 1, 1)), (0.5, 0.5))
    >>> abs(both.median()) < 1e-12, both.var()
    (True, 2.0)
    """

    components: tuple[Any, ...]
    weights: tuple[float, ...]

    def _sum(self, name: str, x: ArrayLike):
        return sum(
            weight * getattr(component, name)(x)
            for component, weight in zip(self.components, self.weights, strict=True)
        )

    def cdf(self, x: ArrayLike):
        """Return the probability up to `x`."""
        return self._sum("cdf", x)

    def pdf(self, x: ArrayLike):
        """Return the density at `x`."""
        return self._sum("pdf", x)

    def ppf(self, q: ArrayLike):
        """Return the value below which a probability lies."""
        used = [c for c, w in zip(self.components, self.weights, strict=True) if w > 0]
        ends = np.array([component.ppf(q) for component in used])
        return invert(self.cdf, q, ends.min(axis=0), ends.max(axis=0))

    def mean(self) -> float:
        """Return the mean."""
        means = np.array([component.mean() for component in self.components])
        return float(np.array(self.weights) @ means)

    def var(self) -> float:
        """Return the variance."""
        means = np.array([component.mean() for component in self.components])
        inner = np.array([component.var() for component in self.components])
        weight = np.array(self.weights)
        return float(weight @ (inner + (means - weight @ means) ** 2))

    def support(self) -> tuple[float, float]:
        """Return the lowest and highest possible value."""
        ends = np.array([component.support() for component in self.components])
        return float(ends[:, 0].min()), float(ends[:, 1].max())

    def expect(self, function) -> float:
        """Return the mean of a function."""
        means = [expected(component, function) for component in self.components]
        return float(np.array(self.weights) @ np.array(means))

    def rvs(self, size=None, random_state=None):
        """Return draws; `random_state` is a seed or a Generator."""
        rng = np.random.default_rng(random_state)
        which = np.asarray(rng.choice(len(self.weights), size=size, p=self.weights))
        u = rng.random(which.shape)
        value = np.empty(which.shape)
        for index, component in enumerate(self.components):
            value = np.where(which == index, component.ppf(u), value)
        return value[()]


# --- arithmetic that distributions share ---------------------------------------------------------


def normal_nodes(count: int = 401, reach: float = 9.0) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights for the mean of a smooth function of a standard normal.

    The trapezoid rule on an analytic integrand that vanishes at both ends converges faster than
    any power of the step; beyond nine standard deviations lies 2e-19.

    Examples
    --------
    >>> z, weight = normal_nodes()
    >>> round(float(weight @ z**4), 10)
    3.0
    """
    z = np.linspace(-reach, reach, count)
    density = np.exp(-0.5 * z**2)
    return z, density / density.sum()


def invert(cdf, q: ArrayLike, low: ArrayLike, high: ArrayLike):
    """Return where an increasing function reaches `q`, between two bounds, by bisection."""
    q, low, high = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (q, low, high)))
    low, high = low.copy(), high.copy()
    with np.errstate(invalid="ignore"):
        for _ in range(100):
            middle = 0.5 * (low + high)
            below = cdf(middle) < q
            low, high = np.where(below, middle, low), np.where(below, high, middle)
            if np.all(high - low <= 4e-16 * np.maximum(abs(low), abs(high)) + 1e-300):
                break
        return (0.5 * (low + high))[()]


def at_score(distribution, z: ArrayLike) -> np.ndarray:
    """Return the quantiles of a distribution at standard normal scores."""
    q = np.clip(special.ndtr(z), 1e-300, 1 - 2**-53)
    return np.asarray(distribution.ppf(q), dtype=float)


def expected(distribution, function) -> float:
    """Return the mean of a function of a value, for any distribution with quantiles."""
    z, weight = normal_nodes()
    return float(weight @ function(at_score(distribution, z)))


def distribution_of(argument: str, given) -> Any:
    """Return the distribution that was given, or that a result carries."""
    found = given
    if not callable(getattr(given, "cdf", None)):
        found = getattr(given, "distribution", given)
    if isinstance(found, Prior):
        found = Family(found.family, found.first, found.second)
    missing = [n for n in ("cdf", "ppf", "mean", "std") if not callable(getattr(found, n, None))]
    if missing:
        refuse(
            argument,
            given,
            "a distribution with cdf, ppf, mean and std, or a result that carries one",
            "make one with as_prior, or freeze one of scipy.stats",
        )
    return found


def refuse(field: str, found: object, allowed: str, remedy: str, severity: str = "E"):
    """Raise the one problem of one argument."""
    raise ParameterError(
        [Problem(field=field, found=found, allowed=allowed, remedy=remedy, severity=severity)]
    )


def require_probability(field: str, value: object, *, ends: bool = False) -> float:
    """Return a probability, strictly between 0 and 1 unless `ends` are allowed too."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    inside = 0 <= number <= 1 if ends else 0 < number < 1
    if isinstance(value, bool) or not inside:
        allowed = "0 to 1" if ends else "strictly between 0 and 1"
        refuse(field, value, allowed, "divide percentages by 100")
    return number


def require_number(field: str, value: object, *, above: float | None = None) -> float:
    """Return a finite number, above a bound where one is given."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if (
        isinstance(value, bool)
        or not np.isfinite(number)
        or (above is not None and number <= above)
    ):
        allowed = "a finite number" + ("" if above is None else f" above {above:g}")
        refuse(field, value, allowed, "give the number as printed, without text or sign")
    return number


def require_counts(events: object, n: object, *, names=("events", "n")) -> tuple[float, float]:
    """Return events and people, both whole, the first at most the second."""
    for name, value, least in ((names[1], n, 1), (names[0], events, 0)):
        number = require_number(name, value)
        if number != np.floor(number) or number < least:
            refuse(
                name,
                value,
                f"a whole number of people, {least} or more",
                "give the counts of the cited table, not percentages",
            )
    if events > n:
        refuse(names[0], events, f"0 to {names[1]} = {n}", "events cannot outnumber people")
    return float(events), float(n)
