"""Pooling studies: normal-normal random effects, exact by quadrature over the heterogeneity.

Study i reports ``y_i ~ Normal(theta_i, s_i)`` with known s_i; true effects differ,
``theta_i ~ Normal(mu + x_i . beta, tau)``. Given tau everything is normal and known in closed
form, so each posterior is a mixture of normals over tau, and only tau is integrated by quadrature:
with ``w_i = 1 / (s_i**2 + tau**2)``, ``V = 1 / sum(w)``, ``m = V * sum(w * y)``,

    p(tau | y) ~ p(tau) * prod(w)**0.5 * V**0.5 * exp(-sum(w * (y - m)**2) / 2)

and ``mu | tau, y ~ Normal(m, V**0.5)``, a new study ``Normal(m, (V + tau**2)**0.5)``, and study i
``Normal((1 - B_i) y_i + B_i m, (tau**2 B_i + B_i**2 V)**0.5)`` with the shrinkage
``B_i = s_i**2 / (s_i**2 + tau**2)``. No sampler, no seed.

References
----------
Roever (2020), J Stat Softw 93(6), doi:10.18637/jss.v093.i06, for the model and its mixtures;
Higgins, Thompson and Spiegelhalter (2009), J R Stat Soc A 172:137,
doi:10.1111/j.1467-985X.2008.00552.x, for the prediction of a new study.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, RiskModelWarning
from riskmodel.evidence.distributions import (
    GridDistribution,
    NormalMixture,
    TransformedDistribution,
    mixture_quantiles,
)
from riskmodel.evidence.families import require_probability
from riskmodel.evidence.heterogeneity import HeterogeneityPrior, parse_tau_prior

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_TAU_PRIOR = ("half_normal", 0.5)

_DROP = 34.0  # the variable of integration is cut where the integrand is below e**-34 of its top
_SCAN = 33
_CELLS = 1_500_000  # studies x nodes x analyses at once; more would leave the cache
_REFINEMENT = 1.0  # tests double the number of nodes with it


@dataclass(frozen=True)
class _Data:
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
        return self.tau_prior.finite_moments(self.power)

    def rows(self, which) -> _Data:
        return _Data(
            self.estimate[which],
            self.standard_error[which],
            self.design,
            self.centres,
            self.study,
            self.tau_prior,
            self.mu_prior,
        )


@dataclass(frozen=True)
class _Nodes:
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
        return self.coefficients[..., 0], np.sqrt(self.covariance[..., 0, 0])

    @property
    def prediction(self) -> tuple[np.ndarray, np.ndarray]:
        return self.coefficients[..., 0], np.sqrt(self.covariance[..., 0, 0] + self.tau**2)


def pool_effects(
    estimate: ArrayLike,
    standard_error: ArrayLike,
    *,
    study: Sequence[str] | None = None,
    tau_prior=DEFAULT_TAU_PRIOR,
    mu_prior: tuple[float, float] | None = None,
    moderators=None,
) -> PooledEffects | PooledBatch:
    """Return the posterior of a random-effects synthesis of normal estimates.

    Parameters
    ----------
    estimate : array_like, shape (studies,) or (analyses, studies)
        Effects on a scale where they add: log ratios, differences. Two dimensions are many
        analyses in one call, each of the same number of studies.
    standard_error : array_like, shape of `estimate` or (studies,)
        Of each estimate, on the same scale; taken as known.
    study : sequence of str, optional
        Names, one a study, no two the same; ``study 1`` and so on without.
    tau_prior : optional
        For the standard deviation of the true effects; how to write one is in
        `riskmodel.evidence.heterogeneity`. The default, half-normal(0.5), is for log ratios;
        other scales name theirs.
    mu_prior : (mean, standard deviation), optional
        A normal prior for the mean effect; without it the prior is flat.
    moderators : array_like or DataFrame, shape (studies,) or (studies, p), optional
        Covariates of the studies. Each is centred at its plain mean over the studies, so `effect`
        and `prediction` are at the mean of every moderator; slopes have flat priors.

    Returns
    -------
    PooledEffects, or PooledBatch for many analyses

    Raises
    ------
    ParameterError
        For input that cannot be used, naming all of it; and for an improper prior with too few
        studies for a posterior.

    Warns
    -----
    RiskModelWarning
        Where an estimate is greater than 10 in size and the prior for tau is the default.

    Notes
    -----
    With ``tau = unit * sinh(v)``, unit the least standard error, the integrand is smooth in v; it
    is cut where it is below e**-34 of its greatest value, and integrated by Gauss-Legendre with as
    many nodes as its width needs. Mean, standard deviation and interval ends are converged to
    better than 1e-6 of the standard deviation.

    A moment that does not exist is `inf`. With a flat prior for tau and for the mean of k studies
    there is a posterior for k >= 3, the mean of the effect exists for k >= 4 and its standard
    deviation for k >= 5.

    Examples
    --------
    >>> pooled = pool_effects([-0.6, -0.2, -0.9], [0.3, 0.25, 0.5])
    >>> round(pooled.effect.mean(), 3), [round(end, 3) for end in pooled.effect.interval(0.95)]
    (-0.478, [-1.099, 0.078])
    >>> round(pooled.heterogeneity.median(), 3), round(pooled.prediction.std(), 3)
    (0.249, 0.481)
    """
    data = _checked(estimate, standard_error, study, tau_prior, mu_prior, moderators)
    if np.ndim(estimate) == 2:
        return PooledBatch(data)
    return PooledEffects(data, _integrate(data))


@dataclass(frozen=True)
class PooledEffects:
    """One synthesis; made by `pool_effects`."""

    _data: _Data = field(repr=False)
    _nodes: _Nodes = field(repr=False)

    def __repr__(self) -> str:
        return (
            f"PooledEffects({len(self.study)} studies, tau_prior {self.tau_prior}, "
            f"effect {self.effect!r}, heterogeneity {self.heterogeneity!r})"
        )

    @property
    def study(self) -> tuple[str, ...]:
        """Names of the studies."""
        return self._data.study

    @property
    def estimate(self) -> np.ndarray:
        """What the studies reported."""
        return self._data.estimate[0]

    @property
    def standard_error(self) -> np.ndarray:
        """Of the estimates."""
        return self._data.standard_error[0]

    @property
    def tau_prior(self) -> HeterogeneityPrior:
        """The prior for the heterogeneity."""
        return self._data.tau_prior

    @property
    def mu_prior(self) -> tuple[float, float] | None:
        """Mean and standard deviation of the normal prior for the mean effect; None is flat."""
        return self._data.mu_prior

    @property
    def moderator_centres(self) -> Mapping[str, float]:
        """Where each moderator is centred: `effect` and `prediction` are at these values."""
        return self._data.centres

    @cached_property
    def effect(self) -> NormalMixture:
        """The mean of the true effects (at the mean of every moderator)."""
        return self._mixture(*self._nodes.effect)

    @cached_property
    def prediction(self) -> NormalMixture:
        """The true effect in a new study (at the mean of every moderator)."""
        return self._mixture(*self._nodes.prediction)

    @cached_property
    def heterogeneity(self) -> TransformedDistribution:
        """tau, the standard deviation of the true effects between studies."""
        nodes, prior = self._nodes, self.tau_prior
        unit = float(nodes.unit[0])
        lower, upper = float(nodes.lower[0]), float(nodes.upper[0])
        v = np.linspace(lower, upper, int(np.clip(120 * (upper - lower), 600, 4000)))
        log_density = _log_posterior(self._data, v[None], nodes.unit)[0]
        base = GridDistribution(v, log_density[0], finite_moments=max(self._data.finite_moments, 0))
        return TransformedDistribution(
            base,
            lambda v: prior.tau_and_log_slope(v, unit)[0],
            lambda tau: prior.integration_variable(tau, unit),
            lambda v: prior.slope_of_tau(v, unit),
        )

    @cached_property
    def coefficients(self) -> dict[str, NormalMixture]:
        """The effect at the mean of every moderator, and the slope on each moderator."""
        names = ("effect", *self._data.centres)
        return {
            name: self._mixture(
                self._nodes.coefficients[..., place],
                np.sqrt(self._nodes.covariance[..., place, place]),
            )
            for place, name in enumerate(names)
        }

    def effect_at(self, moderators: Mapping[str, float] | ArrayLike) -> NormalMixture:
        """Return the mean of the true effects at given values of every moderator.

        Examples
        --------
        >>> pooled = pool_effects([0.1, 0.3, 0.5], [0.1, 0.1, 0.1], moderators=[1.0, 2.0, 3.0])
        >>> round(pooled.effect_at([5.0]).mean(), 6)
        0.9
        """
        return self._mixture(*self._moments_at(moderators))

    def prediction_at(self, moderators: Mapping[str, float] | ArrayLike) -> NormalMixture:
        """Return the true effect in a new study at given values of every moderator."""
        means, deviations = self._moments_at(moderators)
        return self._mixture(means, np.hypot(deviations, self._nodes.tau))

    @cached_property
    def studies(self) -> pd.DataFrame:
        """The table of studies, with 95% intervals; `studies_table` for other levels."""
        return self.studies_table(0.95)

    def studies_table(self, prob: float = 0.95) -> pd.DataFrame:
        """Return one row a study: what it reported, and its own effect given all studies.

        Parameters
        ----------
        prob : float
            Probability of the intervals; equal-tailed.

        Returns
        -------
        DataFrame
            ``study``, ``estimate``, ``standard_error``, ``estimate_lower``, ``estimate_upper``
            (normal interval of the report); ``effect_mean``, ``effect_standard_deviation``,
            ``effect_median``, ``effect_lower``, ``effect_upper`` (posterior of the study's true
            effect); ``weight`` (posterior mean of its share in the pooled mean; with moderators or
            a prior for the mean the shares do not sum to 1); ``shrinkage`` (posterior mean of
            ``B``: 0 is the study alone, 1 the pooled mean); ``prob``.
        """
        import pandas as pd

        prob = require_probability("prob", prob)
        y, s = self.estimate, self.standard_error
        tail = 0.5 * (1.0 - prob)
        z = special.ndtri(1.0 - tail)
        means, deviations, shares, shrinkage = self._study_moments()
        weight = self._nodes.weight[0]
        mean = means @ weight
        quantiles = mixture_quantiles(weight, means, deviations, [tail, 0.5, 1.0 - tail])
        variance = (deviations**2 + (means - mean[:, None]) ** 2) @ weight
        return pd.DataFrame(
            {
                "study": self.study,
                "estimate": y,
                "standard_error": s,
                "estimate_lower": y - z * s,
                "estimate_upper": y + z * s,
                "effect_mean": mean,
                "effect_standard_deviation": np.sqrt(variance),
                "effect_median": quantiles[:, 1],
                "effect_lower": quantiles[:, 0],
                "effect_upper": quantiles[:, 2],
                "weight": shares @ weight,
                "shrinkage": shrinkage @ weight,
                "prob": prob,
            }
        )

    def study_effect(self, study: str) -> NormalMixture:
        """Return the true effect in one study, given all of them."""
        if study not in self.study:
            _refuse("study", study, ", ".join(self.study), "name one of the studies")
        means, deviations, *_ = self._study_moments()
        place = self.study.index(study)
        return NormalMixture(self._nodes.weight[0], means[place], deviations[place])

    def summary(self, prob: float = 0.95) -> pd.DataFrame:
        """Return effect, heterogeneity and prediction, one row each, with intervals."""
        import pandas as pd

        rows = {
            "effect": self.effect,
            "heterogeneity": self.heterogeneity,
            "prediction": self.prediction,
        }
        rows |= {name: self.coefficients[name] for name in self._data.centres}
        return pd.DataFrame([{"quantity": name, **_described(d, prob)} for name, d in rows.items()])

    def leave_one_out(self, prob: float = 0.95) -> pd.DataFrame:
        """Return the synthesis without each study in turn.

        Returns
        -------
        DataFrame
            One row a study left out: ``left_out``, ``effect_mean``,
            ``effect_standard_deviation``, ``effect_median``, ``effect_lower``, ``effect_upper``,
            ``heterogeneity_median``, ``change`` (of the effect's median), ``prob``.

        Raises
        ------
        ParameterError
            If the studies left are too few for a posterior under an improper prior.
        """
        import pandas as pd

        prob = require_probability("prob", prob)
        count = len(self.study)
        if count < 2:
            _refuse("estimate", Phrase("1 study"), "2 or more studies", "there is none to leave")
        left = [_without(self._data, place) for place in range(count)]
        for name, data in zip(self.study, left, strict=True):
            _check_posterior(data, left_out=name)
        together = _joined(left)
        batches = [PooledBatch(data) for data in together]
        tails = [0.5 * (1 - prob), 0.5, 0.5 * (1 + prob)]
        quantiles = np.concatenate([batch.effect_quantiles(tails) for batch in batches])
        return pd.DataFrame(
            {
                "left_out": self.study,
                "effect_mean": np.concatenate([batch.effect_mean for batch in batches]),
                "effect_standard_deviation": np.concatenate(
                    [batch.effect_standard_deviation for batch in batches]
                ),
                "effect_median": quantiles[:, 1],
                "effect_lower": quantiles[:, 0],
                "effect_upper": quantiles[:, 2],
                "heterogeneity_median": np.concatenate(
                    [batch.heterogeneity_quantiles([0.5])[:, 0] for batch in batches]
                ),
                "change": quantiles[:, 1] - self.effect.median(),
                "prob": prob,
            }
        )

    def bayes_factor_heterogeneity(self) -> float:
        """Return the Bayes factor of heterogeneity: ``tau`` by its prior against ``tau = 0``.

        Above 1 the estimates speak for heterogeneity, below 1 for one common effect.

        Raises
        ------
        ParameterError
            If the prior for tau is improper: its arbitrary constant would be the answer.

        Notes
        -----
        ``integral of p(y | tau) p(tau) d tau / p(y | tau = 0)``. A flat prior for the mean stands
        in both models, where its constant cancels; the answer is the limit for a normal prior of
        growing spread, and a test holds it to that.

        Examples
        --------
        >>> alike = pool_effects([0.1, 0.1, 0.1], [0.1, 0.1, 0.1], tau_prior=("half_normal", 1))
        >>> alike.bayes_factor_heterogeneity() < 1
        True
        """
        if not self.tau_prior.proper:
            _refuse(
                "tau_prior",
                str(self.tau_prior),
                "a proper prior",
                "the Bayes factor under an improper prior is arbitrary; name a proper one",
            )
        none, *_ = _log_likelihood(self._data, np.zeros((1, 1)))
        return float(np.exp(self._nodes.log_evidence[0] - none[0, 0]))

    def forest_plot_table(
        self, prob: float = 0.95, *, controlled: Sequence[bool] | None = None, badges=None
    ) -> pd.DataFrame:
        """Return what a forest plot draws, in its order from the top.

        Parameters
        ----------
        prob : float
            Probability of the intervals; equal-tailed.
        controlled : sequence of bool, optional
            For each study whether it had a comparator; those without get hollow markers.
        badges : sequence of str, optional
            For each study, ``data``, ``assumed``, ``elicited`` or ``transported``.

        Returns
        -------
        DataFrame
            ``label``, ``kind`` (``observed``, ``shrunken``, ``pooled``, ``predicted``),
            ``estimate`` (as reported, or the posterior median), ``lower``, ``upper``, ``weight``,
            ``controlled``, ``badge``, ``prob``.
        """
        import pandas as pd

        count = len(self.study)
        controlled = [True] * count if controlled is None else list(controlled)
        badges = ["data"] * count if badges is None else list(badges)
        for name, values in (("controlled", controlled), ("badges", badges)):
            if len(values) != count:
                _refuse(name, Phrase(f"{len(values)} values"), f"{count}", "give one a study")
        rows = []
        for place, row in enumerate(self.studies_table(prob).itertuples()):
            common = {"label": row.study, "weight": row.weight}
            common |= {"controlled": bool(controlled[place]), "badge": badges[place]}
            rows += [
                {"kind": "observed", **common, **_drawn(row, "estimate", row.estimate)},
                {"kind": "shrunken", **common, **_drawn(row, "effect", row.effect_median)},
            ]
        for label, kind, distribution in (
            ("Pooled effect", "pooled", self.effect),
            ("New study", "predicted", self.prediction),
        ):
            lower, upper = distribution.interval(prob)
            ends = {"estimate": distribution.median(), "lower": lower, "upper": upper}
            rows.append(
                {"kind": kind, "label": label, "controlled": all(controlled), "badge": ""} | ends
            )
        columns = ["label", "kind", "estimate", "lower", "upper", "weight", "controlled", "badge"]
        return pd.DataFrame(rows, columns=columns).assign(prob=prob)

    def _mixture(self, means: np.ndarray, deviations: np.ndarray) -> NormalMixture:
        return NormalMixture(
            self._nodes.weight[0],
            means[0],
            deviations[0],
            finite_moments=_moments_of_mean(self._data),
        )

    def _moments_at(self, moderators) -> tuple[np.ndarray, np.ndarray]:
        centres = self._data.centres
        if isinstance(moderators, Mapping):
            missing = [name for name in centres if name not in moderators]
            if missing or len(moderators) != len(centres):
                _refuse("moderators", dict(moderators), ", ".join(centres), "give each of them")
            values = np.array([moderators[name] for name in centres], float)
        else:
            values = np.atleast_1d(np.asarray(moderators, float))
        if values.shape != (len(centres),):
            _refuse("moderators", Phrase(f"{values.size} values"), f"{len(centres)}", "give each")
        row = np.concatenate([[1.0], values - np.array(list(centres.values()))])
        means = self._nodes.coefficients @ row
        return means, np.sqrt(np.einsum("rnpq,p,q->rn", self._nodes.covariance, row, row))

    def _study_moments(self):
        """Return means and deviations given tau, weights and shrinkage, each (studies, nodes)."""
        y, variance = self.estimate[:, None], self.standard_error[:, None] ** 2
        nodes, design = self._nodes, self._data.design
        tau = nodes.tau[0]
        shrinkage = variance / (variance + tau**2)
        fitted = design @ nodes.coefficients[0].T
        spread = np.einsum("kp,npq,kq->kn", design, nodes.covariance[0], design)
        means = (1.0 - shrinkage) * y + shrinkage * fitted
        deviations = np.sqrt(shrinkage * tau**2 + shrinkage**2 * spread)
        pull = np.einsum("npq,kq->kpn", nodes.covariance[0], design)[:, 0]
        return means, deviations, pull / (variance + tau**2), shrinkage


@dataclass(frozen=True)
class PooledBatch:
    """Many syntheses of one number of studies; made by `pool_effects`.

    Arrays have one entry an analysis. An item is that analysis as `PooledEffects`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> batch = pool_effects(rng.normal(size=(100, 5)), np.full(5, 0.3))
    >>> batch.effect_mean.shape, batch.effect_quantiles([0.025, 0.975]).shape
    ((100,), (100, 2))
    >>> bool(abs(batch[3].effect.mean() - batch.effect_mean[3]) < 1e-12)
    True
    """

    _data: _Data = field(repr=False)

    def __len__(self) -> int:
        return len(self._data.estimate)

    def __getitem__(self, place: int) -> PooledEffects:
        data = self._data.rows([range(len(self))[place]])
        return PooledEffects(data, _integrate(data))

    @cached_property
    def effect_mean(self) -> np.ndarray:
        """Posterior mean of the mean effect."""
        return self._moments("effect")[0]

    @cached_property
    def effect_standard_deviation(self) -> np.ndarray:
        """Posterior standard deviation of the mean effect."""
        return self._moments("effect")[1]

    @cached_property
    def prediction_mean(self) -> np.ndarray:
        """Posterior mean of the true effect in a new study."""
        return self._moments("prediction")[0]

    @cached_property
    def prediction_standard_deviation(self) -> np.ndarray:
        """Posterior standard deviation of the true effect in a new study."""
        return self._moments("prediction")[1]

    @cached_property
    def heterogeneity_mean(self) -> np.ndarray:
        """Posterior mean of tau."""
        return self._tau_moments[0]

    @cached_property
    def heterogeneity_standard_deviation(self) -> np.ndarray:
        """Posterior standard deviation of tau."""
        return self._tau_moments[1]

    def effect_quantiles(self, q: ArrayLike) -> np.ndarray:
        """Return quantiles of the mean effect, shape (analyses, len(q))."""
        return self._quantiles("effect", q)

    def prediction_quantiles(self, q: ArrayLike) -> np.ndarray:
        """Return quantiles of the true effect in a new study, shape (analyses, len(q))."""
        return self._quantiles("prediction", q)

    def heterogeneity_quantiles(self, q: ArrayLike) -> np.ndarray:
        """Return quantiles of tau, shape (analyses, len(q))."""
        q = np.atleast_1d(np.asarray(q, float))
        found = []
        for nodes in self._parts:
            v = _quantiles_by_series(nodes, q)
            found.append(self._data.tau_prior.tau_and_log_slope(v, nodes.unit[:, None])[0])
        return np.concatenate(found)

    def table(self, prob: float = 0.95) -> pd.DataFrame:
        """Return one row an analysis: mean, standard deviation, median and interval of each."""
        import pandas as pd

        prob = require_probability("prob", prob)
        q = [0.5 * (1 - prob), 0.5, 0.5 * (1 + prob)]
        columns = {}
        for name in ("effect", "heterogeneity", "prediction"):
            quantiles = getattr(self, f"{name}_quantiles")(q)
            columns[f"{name}_mean"] = getattr(self, f"{name}_mean")
            columns[f"{name}_standard_deviation"] = getattr(self, f"{name}_standard_deviation")
            columns[f"{name}_median"] = quantiles[:, 1]
            columns[f"{name}_lower"] = quantiles[:, 0]
            columns[f"{name}_upper"] = quantiles[:, 2]
        return pd.DataFrame(columns).assign(prob=prob)

    @cached_property
    def _parts(self) -> list[_Nodes]:
        """Nodes of a few analyses at a time, so that arrays stay in the cache."""
        size = max(1, _CELLS // (96 * self._data.estimate.shape[1]))
        starts = range(0, len(self), size)
        return [_integrate(self._data.rows(slice(start, start + size))) for start in starts]

    def _moments(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        exist = _moments_of_mean(self._data)
        mean, deviation = [], []
        for nodes in self._parts:
            means, deviations = getattr(nodes, name)
            mean.append(_weighted(nodes.weight, means))
            squares = deviations**2 + (means - mean[-1][:, None]) ** 2
            deviation.append(np.sqrt(_weighted(nodes.weight, squares)))
        return _existing(exist, np.concatenate(mean), np.concatenate(deviation))

    @cached_property
    def _tau_moments(self) -> tuple[np.ndarray, np.ndarray]:
        mean = [_weighted(nodes.weight, nodes.tau) for nodes in self._parts]
        deviation = [
            np.sqrt(_weighted(nodes.weight, (nodes.tau - centre[:, None]) ** 2))
            for nodes, centre in zip(self._parts, mean, strict=True)
        ]
        exist = self._data.finite_moments
        return _existing(exist, np.concatenate(mean), np.concatenate(deviation))

    def _quantiles(self, name: str, q: ArrayLike) -> np.ndarray:
        return np.concatenate(
            [mixture_quantiles(nodes.weight, *getattr(nodes, name), q) for nodes in self._parts]
        )


# --- quadrature ---------------------------------------------------------------------------------


def _integrate(data: _Data) -> _Nodes:
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
    log_density, tau, coefficients, covariance = _log_posterior(data, v, unit)
    top = log_density.max(axis=1, keepdims=True)
    mass = np.exp(log_density - top) * rule * half
    total = mass.sum(axis=1, keepdims=True)
    return _Nodes(
        lower=lower,
        upper=upper,
        unit=unit,
        tau=tau,
        weight=mass / total,
        coefficients=coefficients,
        covariance=covariance,
        log_evidence=(top + np.log(total))[:, 0],
    )


def _narrowed(data: _Data, lower, upper, unit, spread) -> tuple[np.ndarray, np.ndarray]:
    """Cut the range of the variable where the integrand, and its moments, no longer matter."""
    share = np.linspace(0.0, 1.0, _SCAN)
    v = lower[:, None] + (upper - lower)[:, None] * share
    log_density, tau, *_ = _log_posterior(data, v, unit)
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


def _log_posterior(data: _Data, v: np.ndarray, unit: np.ndarray):
    """Return the log density of the variable of integration, tau, and what is normal given it."""
    tau, log_slope = data.tau_prior.tau_and_log_slope(v, unit[:, None])
    log_likelihood, coefficients, covariance = _log_likelihood(data, tau)
    log_density = log_likelihood + data.tau_prior.log_density(tau) + log_slope
    return log_density, tau, coefficients, covariance


def _log_likelihood(data: _Data, tau: np.ndarray):
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


def _quantiles_by_series(nodes: _Nodes, q: np.ndarray) -> np.ndarray:
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


# --- small pieces -------------------------------------------------------------------------------


def _moments_of_mean(data: _Data) -> int:
    """How many moments exist of the effect and of a new study: as many as of tau."""
    return max(data.finite_moments, 0)


def _weighted(weight: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.einsum("rn,rn->r", weight, values)


def _existing(exist: int, mean: np.ndarray, deviation: np.ndarray):
    nothing = np.full_like(mean, np.inf)
    return (mean if exist >= 1 else nothing), (deviation if exist >= 2 else nothing)


def _described(distribution, prob: float) -> dict[str, float]:
    lower, upper = distribution.interval(prob)
    return {
        "mean": distribution.mean(),
        "standard_deviation": distribution.std(),
        "median": distribution.median(),
        "lower": lower,
        "upper": upper,
        "prob": prob,
    }


def _drawn(row, name: str, estimate: float) -> dict[str, float]:
    return {
        "estimate": estimate,
        "lower": getattr(row, f"{name}_lower"),
        "upper": getattr(row, f"{name}_upper"),
    }


def _without(data: _Data, place: int) -> _Data:
    """Return the data without one study; moderators keep their centres."""
    kept = np.arange(len(data.study)) != place
    return _Data(
        data.estimate[:, kept],
        data.standard_error[:, kept],
        data.design[kept],
        data.centres,
        tuple(name for name, keep in zip(data.study, kept, strict=True) if keep),
        data.tau_prior,
        data.mu_prior,
    )


def _joined(many: list[_Data]) -> list[_Data]:
    """Return one batch where all have the same design, and each by itself otherwise."""
    if many[0].design.shape[1] > 1:
        return many
    estimate = np.concatenate([data.estimate for data in many])
    error = np.concatenate([data.standard_error for data in many])
    first = many[0]
    return [_Data(estimate, error, first.design, {}, first.study, first.tau_prior, first.mu_prior)]


# --- the border ---------------------------------------------------------------------------------


def _refuse(name: str, found: object, allowed: str, remedy: str):
    raise ParameterError([Problem(field=name, found=found, allowed=allowed, remedy=remedy)])


def _checked(estimate, standard_error, study, tau_prior, mu_prior, moderators) -> _Data:
    """Check the arguments of `pool_effects` and bring them into one shape."""
    problems: list[Problem] = []

    def wrong(name, found, allowed, remedy):
        problems.append(Problem(field=name, found=found, allowed=allowed, remedy=remedy))

    y, s = _numbers("estimate", estimate), _numbers("standard_error", standard_error)
    if y.ndim not in (1, 2) or y.size == 0:
        _refuse("estimate", Phrase(f"shape {y.shape}"), "one or two dimensions", "list the studies")
    if s.shape not in (y.shape, y.shape[-1:]):
        found = Phrase(f"shape {s.shape} for estimates of shape {y.shape}")
        _refuse("standard_error", found, "one a study", "give one standard error an estimate")
    y = np.atleast_2d(y)
    s = np.array(np.broadcast_to(s, y.shape), float)
    for place in np.argwhere(~np.isfinite(y))[:5]:
        wrong(f"estimate{_at(place, estimate)}", float(y[tuple(place)]), "a finite number", _LEAVE)
    for place in np.argwhere(~(np.isfinite(s) & (s > 0)))[:5]:
        allowed = "a positive finite number"
        wrong(f"standard_error{_at(place, estimate)}", float(s[tuple(place)]), allowed, _LEAVE)
    names = _checked_names(study, y.shape[1], wrong)
    prior = parse_tau_prior(tau_prior)
    mean_prior = _checked_mean_prior(mu_prior, wrong)
    design, centres = _checked_design(moderators, y.shape[1], wrong)
    if problems:
        raise ParameterError(problems)
    data = _Data(y, s, design, centres, names, prior, mean_prior)
    _check_posterior(data)
    _warn_of_scale(y, prior)
    return data


_LEAVE = "leave the study out, or find its number"


def _numbers(name: str, values: object) -> np.ndarray:
    try:
        return np.asarray(values, float)
    except (TypeError, ValueError):
        return _refuse(name, Phrase(f"{values!r:.80}"), "numbers", "one number a study, no text")


def _at(place: np.ndarray, estimate: object) -> str:
    shown = place[1:] if np.ndim(estimate) == 1 else place
    return "".join(f"[{index}]" for index in shown)


def _checked_names(study, count: int, wrong) -> tuple[str, ...]:
    if study is None:
        return tuple(f"study {number}" for number in range(1, count + 1))
    names = tuple(str(name) for name in study)
    if len(names) != count:
        wrong("study", Phrase(f"{len(names)} names"), f"{count}, one a study", "name each study")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        wrong("study", twice[0], "each name once", "a study counted twice is double use")
    return names


def _checked_mean_prior(mu_prior, wrong) -> tuple[float, float] | None:
    if mu_prior is None:
        return None
    allowed = "None (flat), or (mean, standard deviation) of a normal"
    try:
        mean, deviation = (float(value) for value in mu_prior)
    except (TypeError, ValueError):
        wrong("mu_prior", mu_prior, allowed, "give two numbers")
        return None
    if not (np.isfinite(mean) and np.isfinite(deviation) and deviation > 0):
        wrong("mu_prior", mu_prior, allowed, "the standard deviation is positive and finite")
    return mean, deviation


def _checked_design(moderators, count: int, wrong) -> tuple[np.ndarray, dict[str, float]]:
    ones = np.ones((count, 1))
    if moderators is None:
        return ones, {}
    columns = getattr(moderators, "columns", None)
    values = _numbers("moderators", moderators)
    if values.ndim == 1:
        values = values[:, None]
        columns = [name] if (name := getattr(moderators, "name", None)) else None
    if values.ndim != 2 or len(values) != count or values.shape[1] == 0:
        wrong("moderators", Phrase(f"shape {values.shape}"), f"({count}, p)", "one row a study")
        return ones, {}
    if not np.isfinite(values).all():
        wrong("moderators", Phrase("nan or inf"), "finite numbers", _LEAVE)
        return ones, {}
    names = [str(name) for name in columns] if columns is not None else []
    names = names or [f"moderator_{number}" for number in range(1, values.shape[1] + 1)]
    if len(set(names)) < len(names) or "effect" in names:
        wrong("moderators", names, "columns of different names, none called effect", "rename them")
    centres = values.mean(axis=0)
    design = np.hstack([ones, values - centres])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        found = Phrase(f"{values.shape[1]} moderators that the {count} studies cannot tell apart")
        wrong("moderators", found, "fewer than studies, none constant", "leave some out")
    return design, dict(zip(names, centres.tolist(), strict=True))


def _check_posterior(data: _Data, *, left_out: str | None = None) -> None:
    """Refuse what has no posterior, and name the study whose absence made it so."""
    if data.finite_moments >= 0:
        return
    free = data.design.shape[1] - (data.mu_prior is not None)
    count = len(data.study)
    needed = next(k for k in range(1, 1000) if data.tau_prior.finite_moments(k - free) >= 0)
    found = f"{count} {'study' if count == 1 else 'studies'}" if count else NOTHING
    found = f"with {found}" if left_out is None else f"where leaving {left_out} out leaves {found}"
    _refuse(
        "tau_prior",
        Phrase(f"{data.tau_prior} {found}"),
        f"{needed} or more studies, or a proper prior",
        "under this prior there is no posterior; name a proper prior for tau",
    )


def _warn_of_scale(y: np.ndarray, prior: HeterogeneityPrior) -> None:
    greatest = float(np.abs(y).max())
    if greatest > 10 and prior == parse_tau_prior(DEFAULT_TAU_PRIOR):
        warnings.warn(
            f"estimate: found {greatest:g}; allowed: log ratios under tau_prior {prior}; "
            "name a tau_prior on the scale of these estimates",
            RiskModelWarning,
            stacklevel=4,
        )
