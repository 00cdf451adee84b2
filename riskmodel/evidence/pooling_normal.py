"""Normal-normal random effects: closed form given tau, and Gauss-Legendre over tau."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from riskmodel.evidence.heterogeneity import HeterogeneityPrior

_DROP = 34.0  # the variable of integration is cut where the integrand is below e**-34 of its top
_SCAN = 33
CELLS = 1_500_000  # studies x nodes x analyses at once; more would leave the cache
_REFINEMENT = 1.0  # tests double the number of nodes with it


@dataclass(frozen=True)
class Data:
    """Checked input of one or many analyses of the same number of studies."""

    estimate: np.ndarray  # (analyses, studies)
    standard_error: np.ndarray
    design: np.ndarray  # (studies, coefficients): ones, then centred moderators
    centres: dict[str, float]
    study: tuple[str, ...]
    tau_prior: HeterogeneityPrior
    mu_prior: tuple[float, float] | None

    @property
    def power(self) -> int:
        """The likelihood falls as ``tau**-power``."""
        free = self.design.shape[1] - (self.mu_prior is not None)
        return self.design.shape[0] - free

    @property
    def finite_moments(self) -> int:
        """How many moments of tau exist; below 0 there is no posterior."""
        return self.tau_prior.finite_moments(self.power)

    def rows(self, which) -> Data:
        """Return some of the analyses."""
        return Data(
            self.estimate[which],
            self.standard_error[which],
            self.design,
            self.centres,
            self.study,
            self.tau_prior,
            self.mu_prior,
        )


@dataclass(frozen=True)
class Nodes:
    """The posterior of tau at nodes, and what is normal given each; first axis: analyses."""

    lower: np.ndarray  # (analyses,) ends of the variable of integration
    upper: np.ndarray
    unit: np.ndarray
    tau: np.ndarray  # (analyses, nodes)
    weight: np.ndarray
    coefficients: np.ndarray  # (analyses, nodes, coefficients)
    covariance: np.ndarray  # (analyses, nodes, coefficients, coefficients)
    log_evidence: np.ndarray  # (analyses,) up to a constant that tau = 0 has too

    @property
    def effect(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of the mean effect given tau."""
        return self.coefficients[..., 0], np.sqrt(self.covariance[..., 0, 0])

    @property
    def prediction(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of the effect in a new study given tau."""
        return self.coefficients[..., 0], np.sqrt(self.covariance[..., 0, 0] + self.tau**2)


def integrate(data: Data) -> Nodes:
    """Return the posterior at the nodes of a Gauss-Legendre rule fitted to each analysis."""
    y, s = data.estimate, data.standard_error
    unit = s.min(axis=1)
    centre = y if data.mu_prior is None else np.column_stack([y, np.full(len(y), data.mu_prior[0])])
    spread = np.ptp(centre, axis=1) + s.max(axis=1)
    lower, upper = data.tau_prior.reach(float(data.power), unit, spread)
    for _ in range(2):
        lower, upper = _narrowed(data, lower, upper, unit, spread)
    doubled = 2.0 if data.tau_prior.family == "log_t" else 1.0  # its variable is a sinh of a log
    points, rule = _gauss_legendre(_node_count(doubled * float(np.max(upper - lower))))
    half = 0.5 * (upper - lower)[:, None]
    v = lower[:, None] + half * (points + 1.0)
    log_density, tau, coefficients, covariance = log_posterior_of_tau(data, v, unit)
    top = log_density.max(axis=1, keepdims=True)
    mass = np.exp(log_density - top) * rule * half
    total = mass.sum(axis=1, keepdims=True)
    return Nodes(
        lower=lower,
        upper=upper,
        unit=unit,
        tau=tau,
        weight=mass / total,
        coefficients=coefficients,
        covariance=covariance,
        log_evidence=(top + np.log(total))[:, 0],
    )


def _narrowed(data: Data, lower, upper, unit, spread) -> tuple[np.ndarray, np.ndarray]:
    """Cut the range of the variable where the integrand, and its moments, no longer matter."""
    share = np.linspace(0.0, 1.0, _SCAN)
    v = lower[:, None] + (upper - lower)[:, None] * share
    log_density, tau, *_ = log_posterior_of_tau(data, v, unit)
    log_density = log_density + max(data.finite_moments, 0) * np.log1p(tau / spread[:, None])
    matters = log_density > log_density.max(axis=1, keepdims=True) - _DROP
    first = np.maximum(np.argmax(matters, axis=1) - 1, 0)
    last = np.minimum(_SCAN - np.argmax(matters[:, ::-1], axis=1), _SCAN - 1)
    rows = np.arange(len(v))
    return v[rows, first], v[rows, last]


def _node_count(width: float) -> int:
    """Return how many nodes a range needs: poles of the integrand lie pi / 2 from the real line."""
    return int(_REFINEMENT * np.clip(26.0 + 17.0 / np.arcsinh(np.pi / width), 48, 256))


_RULES: dict[int, tuple[np.ndarray, np.ndarray]] = {}


def _gauss_legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    count += -count % 8
    if count not in _RULES:
        _RULES[count] = np.polynomial.legendre.leggauss(count)
    return _RULES[count]


def log_posterior_of_tau(data: Data, v: np.ndarray, unit: np.ndarray):
    """Return the log density of the variable of integration, tau, and what is normal given it."""
    tau, log_slope = data.tau_prior.tau_and_log_slope(v, unit[:, None])
    log_likelihood, coefficients, covariance = log_likelihood_of_tau(data, tau)
    log_density = log_likelihood + data.tau_prior.log_density(tau) + log_slope
    return log_density, tau, coefficients, covariance


def log_likelihood_of_tau(data: Data, tau: np.ndarray):
    """Return log p(y | tau) with the coefficients integrated out, their means and covariance.

    Weighted least squares about the first row's rough mean, which keeps the digits of residuals.
    """
    precision = 1.0 / data.standard_error**2
    shift = (precision * data.estimate).sum(axis=1) / precision.sum(axis=1)
    residual = data.estimate - shift[:, None]
    variance = data.standard_error**2
    weight = 1.0 / (variance[:, None, :] + (tau**2)[..., None])  # (analyses, nodes, studies)
    half_log = 0.5 * np.log(weight).sum(axis=-1)
    size = data.design.shape[1]
    if size == 1:
        gram = weight.sum(axis=-1)
        right = (weight @ residual[..., None])[..., 0]
    else:
        outer = (data.design[:, :, None] * data.design[:, None, :]).reshape(-1, size * size)
        gram = (weight @ outer).reshape(*tau.shape, size, size)
        right = (weight * residual[:, None, :]) @ data.design
    square = (weight @ (residual**2)[..., None])[..., 0]
    if data.mu_prior is not None:
        mean, deviation = data.mu_prior
        off = (mean - shift)[:, None]
        first = (...,) if size == 1 else (..., 0)
        gram[(...,) if size == 1 else (..., 0, 0)] += deviation**-2
        right[first] += off * deviation**-2
        square += off**2 * deviation**-2
        half_log -= np.log(deviation)
    if size == 1:
        covariance = (1.0 / gram)[..., None, None]
        coefficients = (right / gram)[..., None]
        log_determinant = np.log(gram)
        explained = right**2 / gram
    else:
        covariance = np.linalg.inv(gram)
        coefficients = np.linalg.solve(gram, right[..., None])[..., 0]
        log_determinant = np.linalg.slogdet(gram)[1]
        explained = np.sum(right * coefficients, axis=-1)
    log_likelihood = half_log - 0.5 * log_determinant - 0.5 * (square - explained)
    coefficients[..., 0] += shift[:, None]
    return log_likelihood, coefficients, covariance


def quantiles_by_series(nodes: Nodes, q: np.ndarray) -> np.ndarray:
    """Return quantiles of the variable of integration from the Legendre series of its density.

    The nodes of the rule give the coefficients of the series, whose antiderivative is a series
    too, so the cdf is as accurate as the quadrature.
    """
    from numpy.polynomial import legendre

    count = nodes.weight.shape[1]
    points, _ = _gauss_legendre(count)
    order = np.arange(count)
    density = (legendre.legvander(points, count - 1) * (order + 0.5)).T @ nodes.weight.T
    cdf = legendre.legint(density, lbnd=-1)
    coarse = np.linspace(-1.0, 1.0, 129)
    at_coarse = legendre.legval(coarse, cdf)  # (analyses, 129)
    place = np.stack([(at_coarse < prob).sum(axis=1) for prob in q], axis=1)
    lower, upper = coarse[np.clip(place - 1, 0, 127)], coarse[np.clip(place, 1, 128)]
    x = 0.5 * (lower + upper)
    for _ in range(40):
        value = legendre.legval(x, cdf[..., None], tensor=False)
        slope = legendre.legval(x, density[..., None], tensor=False)
        miss = value - q
        lower, upper = np.where(miss <= 0, x, lower), np.where(miss >= 0, x, upper)
        with np.errstate(divide="ignore", invalid="ignore"):
            new = x - miss / slope
        new = np.where((new >= lower) & (new <= upper), new, 0.5 * (lower + upper))
        moved = np.abs(new - x).max()
        x = new
        if moved < 1e-14:
            break
    return nodes.lower[:, None] + 0.5 * (nodes.upper - nodes.lower)[:, None] * (x + 1.0)


def moments_of_mean(data: Data) -> int:
    """How many moments exist of the effect and of a new study: as many as of tau."""
    return max(data.finite_moments, 0)


def weighted(weight: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return sums over nodes, one an analysis."""
    return np.einsum("rn,rn->r", weight, values)


def existing(exist: int, mean: np.ndarray, deviation: np.ndarray):
    """Return mean and deviation, infinite where they do not exist."""
    nothing = np.full_like(mean, np.inf)
    return (mean if exist >= 1 else nothing), (deviation if exist >= 2 else nothing)


def without(data: Data, place: int) -> Data:
    """Return the data without one study; moderators keep their centres."""
    kept = np.arange(len(data.study)) != place
    return Data(
        data.estimate[:, kept],
        data.standard_error[:, kept],
        data.design[kept],
        data.centres,
        tuple(name for name, keep in zip(data.study, kept, strict=True) if keep),
        data.tau_prior,
        data.mu_prior,
    )


def joined(many: list[Data]) -> list[Data]:
    """Return one batch where all have the same design, and each by itself otherwise."""
    if many[0].design.shape[1] > 1:
        return many
    estimate = np.concatenate([data.estimate for data in many])
    error = np.concatenate([data.standard_error for data in many])
    first = many[0]
    return [Data(estimate, error, first.design, {}, first.study, first.tau_prior, first.mu_prior)]
