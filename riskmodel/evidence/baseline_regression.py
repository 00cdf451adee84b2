"""Regression of a treatment's effect on baseline risk, with errors in both.

The log odds ratio of a trial holds the comparator's log odds with a minus sign, so plotting one
against the other shows a slope where there is none: their errors are shared, and the baseline is
itself measured with error. The structural model keeps the true log odds apart from the observed:

    x_i ~ Normal(xi_i, sx_i)            comparator arm
    y_i ~ Normal(xi_i + delta_i, sy_i)  treated arm
    xi_i ~ Normal(mu, sigma),  delta_i | xi_i ~ Normal(delta_0 + slope * (xi_i - mu), tau)

so that (x_i, y_i) is bivariate normal with mean (mu, mu + delta_0) and covariance
``[[sigma**2 + sx**2, (1 + slope) sigma**2], [., (1 + slope)**2 sigma**2 + tau**2 + sy**2]]``.
The two means are integrated exactly, sigma, tau and slope by quadrature.

References
----------
Arends, Hoes, Lubsen, Grobbee and Stijnen (2000), Stat Med 19:3497; Sharp and Thompson (2000),
Stat Med 19:3251, for the models and the bias of the naive regression.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from riskmodel.errors import ParameterError, Phrase, Problem
from riskmodel.evidence.distributions import (
    GridDistribution,
    NormalMixture,
    TransformedDistribution,
)
from riskmodel.evidence.heterogeneity import HeterogeneityPrior, parse_tau_prior

if TYPE_CHECKING:
    import pandas as pd

_DROP = 28.0
_SCAN = (17, 17, 41)  # sigma, tau, slope
_NODES = (48, 44, 80)
_REFINEMENT = 1.0  # tests refine the grid with it


class _Axes(NamedTuple):
    """Values of the three variables of integration, in the order sigma, tau, slope."""

    sigma: np.ndarray
    tau: np.ndarray
    slope: np.ndarray  # (sigma, slope): the nearer sigma to 0, the wider the slopes that fit


class _Box(NamedTuple):
    """Where the posterior is; for the slope at each of some values of the variable of sigma."""

    sigma: tuple[float, float]
    tau: tuple[float, float]
    at: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def slopes(self, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the range of slopes at other values of the variable of sigma, never narrower."""
        after = np.clip(np.searchsorted(self.at, sigma), 1, len(self.at) - 1)
        lower = np.minimum(self.lower[after - 1], self.lower[after])
        return lower, np.maximum(self.upper[after - 1], self.upper[after])


class _Given(NamedTuple):
    """What is known given sigma, tau and slope; each of shape (sigma, tau, slope, ...)."""

    log_density: np.ndarray
    means: np.ndarray  # of mu and mu + delta_0
    covariance: np.ndarray  # (..., 3): of the first, of both, of the second


def regress_on_baseline(
    log_odds: ArrayLike,
    standard_error: ArrayLike,
    log_odds_comparator: ArrayLike,
    standard_error_comparator: ArrayLike,
    *,
    study: Sequence[str] | None = None,
    tau_prior=("half_normal", 0.5),
    baseline_prior=("half_normal", 2.0),
    slope_prior: tuple[float, float] = (0.0, 2.0),
) -> BaselineRegression:
    """Return how a log odds ratio changes with the true log odds under the comparator.

    Parameters
    ----------
    log_odds, log_odds_comparator : array_like, shape (studies,)
        Of the event in the treated and the comparator arm. Any scale will do on which the effect
        is a difference and errors are normal.
    standard_error, standard_error_comparator : array_like, shape (studies,)
        Of the two, independent between arms; taken as known.
    study : sequence of str, optional
        Names, no two the same.
    tau_prior : optional
        For the standard deviation of the effects about the line; a proper one.
    baseline_prior : optional
        For the standard deviation of the true baselines between studies; a proper one, written
        as priors for tau are.
    slope_prior : (mean, standard deviation)
        Of a normal prior for the slope. It has to be proper: where the true baselines may be all
        alike, every slope fits, and a flat prior leaves no posterior.

    Returns
    -------
    BaselineRegression

    Raises
    ------
    ParameterError
        For input that cannot be used, fewer than 3 studies, or an improper prior.

    Notes
    -----
    A grid finer by half moves no mean, deviation or interval end by more than 1e-6 where standard
    errors and the spread of the baselines are of one order, and by more than 1e-3 where a few
    trials have errors a tenth of that spread; tests hold it to that.

    Examples
    --------
    >>> x = np.array([-2.0, -1.5, -1.0, -0.5, 0.0, 0.5])
    >>> fitted = regress_on_baseline(0.6 * x - 0.5, [0.05] * 6, x, [0.05] * 6)
    >>> round(fitted.slope.mean(), 2), round(fitted.effect_at(-2.0).median(), 1)
    (-0.4, 0.3)
    """
    fields = {
        "log_odds": log_odds,
        "standard_error": standard_error,
        "log_odds_comparator": log_odds_comparator,
        "standard_error_comparator": standard_error_comparator,
    }
    columns = {name: _column(name, values) for name, values in fields.items()}
    names = _check(columns, study)
    priors = _Priors(
        _proper("baseline_prior", baseline_prior),
        _proper("tau_prior", tau_prior),
        _normal_prior(slope_prior),
    )
    return BaselineRegression(names, priors, _Grid.of(columns, priors))


@dataclass(frozen=True)
class _Priors:
    sigma: HeterogeneityPrior
    tau: HeterogeneityPrior
    slope: tuple[float, float]


@dataclass(frozen=True)
class _Grid:
    """The posterior at the nodes of a product of Gauss-Legendre rules."""

    columns: dict[str, np.ndarray]
    box: _Box
    units: tuple[float, float]
    axes: _Axes
    rules: tuple[np.ndarray, np.ndarray, np.ndarray]  # the last one has a row for each sigma
    slope_width: np.ndarray  # (sigma,)
    mass: np.ndarray  # (sigma, tau, slope); sums to 1
    means: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, columns: dict[str, np.ndarray], priors: _Priors) -> _Grid:
        units = (
            float(columns["standard_error_comparator"].min()),
            float(columns["standard_error"].min()),
        )
        box = _first_box(columns, priors, units)
        for _ in range(3):
            box = _narrowed(columns, priors, box, units)
        points, rules = zip(
            *(np.polynomial.legendre.leggauss(int(_REFINEMENT * count)) for count in _NODES),
            strict=True,
        )
        sigma, tau = (
            lower + 0.5 * (upper - lower) * (at + 1.0)
            for (lower, upper), at in zip(box[:2], points[:2], strict=True)
        )
        width = _slope_width(columns, priors, sigma, units)
        ends = np.arcsinh((np.array(box.slopes(sigma)) + 1.0) / width)[..., None]
        stretched = ends[0] + 0.5 * (ends[1] - ends[0]) * (points[2] + 1.0)
        step = 0.5 * (ends[1] - ends[0]) * width[:, None] * np.cosh(stretched)
        axes = _Axes(sigma, tau, width[:, None] * np.sinh(stretched) - 1.0)
        given = _given(columns, priors, axes, units)
        density = np.exp(given.log_density - given.log_density.max())
        mass = density * np.einsum("i,j,k->ijk", *rules) * step[:, None]
        return cls(
            columns=columns,
            box=box,
            units=units,
            axes=axes,
            rules=(*rules[:2], rules[2] * step),
            slope_width=width,
            mass=mass / mass.sum(),
            means=given.means,
            covariance=given.covariance,
        )

    def deviation(self, place: int) -> GridDistribution:
        """Return the distribution of the variable of sigma (0) or tau (1)."""
        others = tuple(axis for axis in range(3) if axis != place)
        mass = self.mass.sum(axis=others)
        points = np.linspace(*self.box[place], 801)
        return GridDistribution(points, _through(self.axes[place], mass, self.rules[place], points))

    def slope(self) -> GridDistribution:
        """Return the distribution of the slope: a mixture over sigma of smooth densities."""
        by_sigma = self.mass.sum(axis=1)
        share = by_sigma.sum(axis=1)
        kept = np.flatnonzero(share > 1e-14 * share.max())
        lower, upper = self.box.slopes(self.axes.sigma)
        points = _merged(lower[kept], upper[kept])
        terms = np.full((len(kept), len(points)), -np.inf)
        for row, place in enumerate(kept):
            inside = (points >= lower[place]) & (points <= upper[place])
            nodes, at = (
                np.arcsinh((slope + 1.0) / self.slope_width[place])
                for slope in (self.axes.slope[place], points[inside])
            )
            terms[row, inside] = _through(nodes, by_sigma[place], self.rules[2][place], at)
        return GridDistribution(points, special.logsumexp(terms, axis=0))


class _Nodes(NamedTuple):
    """Components of a mixture, flat."""

    mass: np.ndarray
    slope: np.ndarray
    tau: np.ndarray  # the variable of tau
    means: np.ndarray  # (components, 2)
    covariance: np.ndarray  # (components, 3)


def _refined(grid: _Grid, count: int) -> _Nodes:
    """Return the posterior with more nodes for the slope, by the polynomials through the nodes.

    Away from the mean baseline an effect moves with the slope by many of its own deviations
    given the slope, and a sum over few slopes would be a row of steps.
    """
    from numpy.polynomial import legendre

    old, old_rule = legendre.leggauss(grid.mass.shape[2])
    new, new_rule = legendre.leggauss(count)
    order = np.arange(len(old))
    series = (legendre.legvander(old, len(old) - 1) * (order + 0.5)).T * old_rule
    across = legendre.legvander(new, len(old) - 1) @ series  # (new, old)
    share = grid.mass.sum(axis=(1, 2))
    kept = share > 1e-13 * share.max()
    mass, width = grid.mass[kept], grid.slope_width[kept, None]
    step = (grid.rules[2][kept] / old_rule) / np.sqrt(width**2 + (grid.axes.slope[kept] + 1) ** 2)
    with np.errstate(divide="ignore"):
        log_density = np.maximum(np.log(mass / grid.rules[2][kept][:, None]), -700.0)
    slope = width * np.sinh(np.arcsinh((grid.axes.slope[kept] + 1.0) / width) @ across.T) - 1.0
    rule = new_rule * step.mean(axis=1, keepdims=True) * np.sqrt(width**2 + (slope + 1.0) ** 2)
    new_mass = np.exp(log_density @ across.T) * rule[:, None]
    heavy = new_mass > 1e-13 * new_mass.max()

    def flat(values):
        return np.broadcast_to(values, new_mass.shape)[heavy]

    def carried(values):
        many = np.einsum("stoc,no->stnc", values[kept], across, optimize=True)
        return many[heavy]

    return _Nodes(
        new_mass[heavy],
        flat(slope[:, None, :]),
        flat(grid.axes.tau[None, :, None]),
        carried(grid.means),
        carried(grid.covariance),
    )


def _through(nodes, mass, rule, points: np.ndarray) -> np.ndarray:
    """Return the log density at points by the polynomial through its logarithm at the nodes.

    The log density is smooth, so this is as accurate as the rule of the nodes.
    """
    from scipy.interpolate import BarycentricInterpolator

    with np.errstate(divide="ignore"):
        log_density = np.maximum(np.log(mass / rule), -700.0)
    return BarycentricInterpolator(nodes, log_density, rng=0)(points)


def _merged(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Return points over all ranges, fine where the narrow ones lie."""
    narrowest = int(np.argmin(upper - lower))
    parts = [
        np.linspace(lower.min(), upper.max(), 801),
        np.linspace(lower[narrowest], upper[narrowest], 801),
    ]
    points = np.unique(np.concatenate(parts))
    close = np.diff(points) < 1e-9 * (points[-1] - points[0])
    return points[np.concatenate([[True], ~close])]


@dataclass(frozen=True)
class BaselineRegression:
    """How an effect changes with baseline risk; made by `regress_on_baseline`."""

    study: tuple[str, ...]
    _priors: _Priors = field(repr=False)
    _grid: _Grid = field(repr=False)

    @cached_property
    def slope(self) -> GridDistribution:
        """Change of the log odds ratio for one unit more of the comparator's true log odds."""
        return self._grid.slope()

    @cached_property
    def heterogeneity(self) -> TransformedDistribution:
        """tau, the standard deviation of true effects about the line."""
        return self._deviation(1, self._priors.tau)

    @cached_property
    def baseline_standard_deviation(self) -> TransformedDistribution:
        """Standard deviation of the true comparator log odds between studies."""
        return self._deviation(0, self._priors.sigma)

    @cached_property
    def baseline_mean(self) -> NormalMixture:
        """Mean of the true comparator log odds."""
        return self._linear(lambda slope: (1.0 + 0.0 * slope, 0.0, 0.0))

    @cached_property
    def effect(self) -> NormalMixture:
        """Mean log odds ratio at the mean baseline."""
        return self._linear(lambda slope: (-1.0 + 0.0 * slope, 1.0, 0.0))

    def effect_at(self, log_odds: float) -> NormalMixture:
        """Return the mean log odds ratio where the comparator's true log odds are `log_odds`."""
        return self._linear(lambda slope: (-(1.0 + slope), 1.0, slope * log_odds))

    def effect_at_risk(self, risk: float) -> NormalMixture:
        """Return the mean log odds ratio where the comparator's true risk is `risk`."""
        if not 0.0 < risk < 1.0:
            _refuse("risk", risk, "a number strictly between 0 and 1", "divide percentages by 100")
        return self.effect_at(float(special.logit(risk)))

    def prediction_at(self, log_odds: float) -> NormalMixture:
        """Return the log odds ratio of a new study with this true comparator log odds."""
        return self._linear(lambda slope: (-(1.0 + slope), 1.0, slope * log_odds), new_study=True)

    @property
    def naive_slope(self) -> tuple[float, float]:
        """Slope and standard error of the weighted least squares of effect on observed baseline.

        For comparison only: it is biased towards -1, by ``-s**2 / (sigma**2 + s**2)`` where there
        is no slope, s the standard error of the baselines.
        """
        columns = self._grid.columns
        x = columns["log_odds_comparator"]
        effect = columns["log_odds"] - x
        weight = 1.0 / (columns["standard_error"] ** 2 + columns["standard_error_comparator"] ** 2)
        off = x - weight @ x / weight.sum()
        precision = weight @ off**2
        return float(weight * off @ effect / precision), float(precision**-0.5)

    def summary(self, prob: float = 0.95) -> pd.DataFrame:
        """Return slope, effect and spreads, one row each, with equal-tailed intervals."""
        import pandas as pd

        names = ("slope", "effect", "heterogeneity", "baseline_mean", "baseline_standard_deviation")
        rows = []
        for name in names:
            quantity = getattr(self, name)
            lower, upper = quantity.interval(prob)
            rows.append(
                {
                    "quantity": name,
                    "mean": quantity.mean(),
                    "standard_deviation": quantity.std(),
                    "median": quantity.median(),
                    "lower": lower,
                    "upper": upper,
                    "prob": prob,
                }
            )
        return pd.DataFrame(rows)

    def _linear(self, of_slope, *, new_study: bool = False) -> NormalMixture:
        """Return the mixture of ``a mu + b (mu + delta_0) + c`` with a, b, c of the slope."""
        grid = self._grid
        first, second, constant = of_slope(grid.axes.slope[:, None, :])
        means = first * grid.means[..., 0] + second * grid.means[..., 1] + constant
        variance = _variance(first, second, grid.covariance)
        heavy = grid.mass.sum(axis=2) > 1e-6 * grid.mass.sum(axis=2).max()
        steps = np.ptp(means, axis=2) / np.sqrt(variance.min(axis=2))
        count = 8 * int(np.ceil(np.clip(_REFINEMENT * 4.0 * steps[heavy].max(), 64, 800) / 8))
        nodes = _refined(grid, count)
        first, second, constant = of_slope(nodes.slope)
        variance = _variance(first, second, nodes.covariance)
        if new_study:
            tau = self._priors.tau.tau_and_log_slope(nodes.tau, grid.units[1])[0]
            variance = variance + tau**2
        means = first * nodes.means[..., 0] + second * nodes.means[..., 1] + constant
        return NormalMixture(nodes.mass, means, np.sqrt(variance))

    def _deviation(self, place: int, prior: HeterogeneityPrior) -> TransformedDistribution:
        unit = self._grid.units[place]
        return TransformedDistribution(
            self._grid.deviation(place),
            lambda v: prior.tau_and_log_slope(v, unit)[0],
            lambda tau: prior.integration_variable(tau, unit),
            lambda v: prior.slope_of_tau(v, unit),
            finite_moments=max(prior.finite_moments(len(self.study) - 1), 0),
        )


def _variance(first, second, covariance: np.ndarray) -> np.ndarray:
    return (
        first**2 * covariance[..., 0]
        + 2.0 * first * second * covariance[..., 1]
        + second**2 * covariance[..., 2]
    )


def _given(columns, priors: _Priors, axes: _Axes, units) -> _Given:
    """Return the log posterior density and the two means on the grid of three axes."""
    sx2 = columns["standard_error_comparator"] ** 2
    sy2 = columns["standard_error"] ** 2
    centre_x, centre_y = (
        np.average(columns["log_odds_comparator"], weights=1 / sx2),
        np.average(columns["log_odds"], weights=1 / sy2),
    )
    x, y = columns["log_odds_comparator"] - centre_x, columns["log_odds"] - centre_y
    products = np.column_stack([np.ones_like(x), x, y, x * x, x * y, y * y])
    sigma, log_sigma = priors.sigma.tau_and_log_slope(axes.sigma, units[0])
    tau, log_tau = priors.tau.tau_and_log_slope(axes.tau, units[1])
    shape = (len(axes.sigma), len(axes.tau), axes.slope.shape[1])
    log_density = np.empty(shape)
    means, covariance = np.empty((*shape, 2)), np.empty((*shape, 3))
    spread = tau[:, None, None] ** 2 + sy2
    for place, s in enumerate(sigma**2):  # one slice at a time stays in the cache
        gain = (1.0 + axes.slope[place])[None, :, None]
        own = s + sx2
        shared = gain * s
        # Written so that nothing cancels: var(x) var(y) - cov(x, y)**2.
        determinant = own * spread + gain**2 * s * sx2
        inverse = 1.0 / determinant
        p_xx = ((gain * shared + spread) * inverse) @ products
        p_xy = np.broadcast_to(-shared * inverse, determinant.shape) @ products
        p_yy = (own * inverse) @ products
        gram = p_xx[..., 0], p_xy[..., 0], p_yy[..., 0]
        right = p_xx[..., 1] + p_xy[..., 2], p_xy[..., 1] + p_yy[..., 2]
        square = p_xx[..., 3] + 2.0 * p_xy[..., 4] + p_yy[..., 5]
        size = gram[0] * gram[2] - gram[1] ** 2
        cov = np.stack([gram[2], -gram[1], gram[0]], axis=-1) / size[..., None]
        first = cov[..., 0] * right[0] + cov[..., 1] * right[1]
        second = cov[..., 1] * right[0] + cov[..., 2] * right[1]
        log_density[place] = (
            -0.5 * np.log(determinant).sum(axis=-1)
            - 0.5 * np.log(size)
            - 0.5 * (square - first * right[0] - second * right[1])
        )
        means[place] = np.stack([first + centre_x, second + centre_y], axis=-1)
        covariance[place] = cov
    mean, deviation = priors.slope
    prior = (
        (priors.sigma.log_density(sigma) + log_sigma)[:, None, None]
        + (priors.tau.log_density(tau) + log_tau)[None, :, None]
        - 0.5 * ((axes.slope[:, None, :] - mean) / deviation) ** 2
    )
    return _Given(log_density + prior, means, covariance)


def _slope_width(columns, priors: _Priors, v: np.ndarray, units) -> np.ndarray:
    """Return how far from the real line the density of the slope has its nearest pole.

    The determinant vanishes at ``slope = -1 +- i w`` with ``w = sy sqrt(sigma**2 + sx**2) /
    (sigma sx)`` where tau is 0; in the variable ``arcsinh((slope + 1) / w)`` that is far away.
    """
    sigma = np.maximum(priors.sigma.tau_and_log_slope(v, units[0])[0], 1e-6 * units[0])[:, None]
    sx, sy = columns["standard_error_comparator"], columns["standard_error"]
    return np.min(sy * np.hypot(sigma, sx) / (sigma * sx), axis=1)


def _first_box(columns, priors: _Priors, units) -> _Box:
    x, y = columns["log_odds_comparator"], columns["log_odds"]
    spread = np.ptp(x) + np.ptp(y) + np.ptp(y - x) + columns["standard_error"].max()
    power = float(len(x) - 1)
    sigma, tau = (
        tuple(float(end) for end in prior.reach(power, np.array(unit), np.array(spread)))
        for prior, unit in zip((priors.sigma, priors.tau), units, strict=True)
    )
    mean, deviation = priors.slope
    ends = np.full(2, mean - 8.5 * deviation), np.full(2, mean + 8.5 * deviation)
    return _Box(sigma, tau, np.array(sigma), *ends)


def _narrowed(columns, priors: _Priors, box: _Box, units) -> _Box:
    """Cut each axis where the density does not come near its greatest value."""
    sigma, tau = np.linspace(*box.sigma, _SCAN[0]), np.linspace(*box.tau, _SCAN[1])
    lower, upper = box.slopes(sigma)
    width = _slope_width(columns, priors, sigma, units)[:, None]
    ends = np.arcsinh((np.array([lower, upper])[..., None] + 1.0) / width)
    slope = width * np.sinh(ends[0] + (ends[1] - ends[0]) * np.linspace(0.0, 1.0, _SCAN[2])) - 1.0
    log_density = _given(columns, priors, _Axes(sigma, tau, slope), units).log_density
    matters = log_density > log_density.max() - _DROP
    own = log_density.max(axis=1)  # of each sigma: its own slopes that matter
    own = own > own.max(axis=1, keepdims=True) - _DROP
    first = np.maximum(np.argmax(own, axis=1) - 1, 0)
    last = np.minimum(_SCAN[2] - np.argmax(own[:, ::-1], axis=1), _SCAN[2] - 1)
    rows = np.arange(len(sigma))
    return _Box(
        _kept(sigma, matters.any(axis=(1, 2))),
        _kept(tau, matters.any(axis=(0, 2))),
        sigma,
        slope[rows, first],
        slope[rows, last],
    )


def _kept(axis: np.ndarray, matters: np.ndarray) -> tuple[float, float]:
    places = np.flatnonzero(matters)
    return axis[max(places[0] - 1, 0)], axis[min(places[-1] + 1, len(axis) - 1)]


def _refuse(name: str, found: object, allowed: str, remedy: str):
    raise ParameterError([Problem(field=name, found=found, allowed=allowed, remedy=remedy)])


def _column(name: str, values: object) -> np.ndarray:
    try:
        column = np.asarray(values, float)
    except (TypeError, ValueError):
        _refuse(name, Phrase(f"{values!r:.80}"), "numbers", "one number a study, no text")
    if column.ndim != 1:
        _refuse(name, Phrase(f"shape {column.shape}"), "one dimension", "list the studies")
    return column


def _check(columns: dict[str, np.ndarray], study) -> tuple[str, ...]:
    count = len(columns["log_odds"])
    problems = []
    for name, values in columns.items():
        if len(values) != count:
            found, allowed = Phrase(f"{len(values)} studies"), f"{count}, as many as log_odds"
            problems.append(_problem(name, found, allowed, "give one number a study"))
            continue
        good = np.isfinite(values) & ((values > 0) | (not name.startswith("standard_error")))
        kind = "a positive finite number" if name.startswith("standard") else "a finite number"
        for place in np.flatnonzero(~good)[:5]:
            remedy = "leave the study out, or find its number"
            problems.append(_problem(f"{name}[{place}]", float(values[place]), kind, remedy))
    if count < 3:
        found = Phrase(f"{count} studies")
        problems.append(_problem("log_odds", found, "3 or more", "a line needs three points"))
    names = tuple(map(str, study)) if study is not None else ()
    if study is not None and (len(names) != count or len(set(names)) != count):
        problems.append(_problem("study", list(names), f"{count} different names", "name each"))
    if problems:
        raise ParameterError(problems)
    return names or tuple(f"study {number}" for number in range(1, count + 1))


def _problem(name: str, found: object, allowed: str, remedy: str) -> Problem:
    return Problem(field=name, found=found, allowed=allowed, remedy=remedy)


def _proper(name: str, written: object) -> HeterogeneityPrior:
    prior = parse_tau_prior(written)
    if not prior.proper:
        _refuse(name, str(prior), "a proper prior", "name one, as half_normal:0.5")
    return prior


def _normal_prior(written: object) -> tuple[float, float]:
    allowed = "(mean, standard deviation) of a normal"
    try:
        mean, deviation = (float(value) for value in written)
    except (TypeError, ValueError):
        _refuse("slope_prior", written, allowed, "give two numbers")
    if not (np.isfinite(mean) and np.isfinite(deviation) and deviation > 0):
        _refuse("slope_prior", written, allowed, "the standard deviation is positive and finite")
    return mean, deviation
