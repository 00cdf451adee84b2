"""What `pool_effects` gives back: one synthesis, or a batch of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from riskmodel.errors import Phrase
from riskmodel.evidence.distributions import (
    GridDistribution,
    NormalMixture,
    TransformedDistribution,
    mixture_quantiles,
)
from riskmodel.evidence.families import require_probability
from riskmodel.evidence.heterogeneity import HeterogeneityPrior, heterogeneity_of
from riskmodel.evidence.pooling_normal import (
    CELLS,
    Data,
    Nodes,
    existing,
    integrate,
    joined,
    log_likelihood_of_tau,
    log_posterior_of_tau,
    moments_of_mean,
    quantiles_by_series,
    weighted,
    without,
)
from riskmodel.evidence.pooling_normal_checks import check_posterior, refuse
from riskmodel.evidence.pooling_tables import summary_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PooledEffects:
    """One synthesis; made by `pool_effects`."""

    _data: Data = field(repr=False)
    _nodes: Nodes = field(repr=False)

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
        nodes = self._nodes
        unit = float(nodes.unit[0])
        lower, upper = float(nodes.lower[0]), float(nodes.upper[0])
        v = np.linspace(lower, upper, int(np.clip(120 * (upper - lower), 600, 4000)))
        log_density = log_posterior_of_tau(self._data, v[None], nodes.unit)[0]
        base = GridDistribution(v, log_density[0], finite_moments=max(self._data.finite_moments, 0))
        return heterogeneity_of(base, self.tau_prior, unit)

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
        >>> from riskmodel import pool_effects
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
            refuse("study", study, ", ".join(self.study), "name one of the studies")
        means, deviations, *_ = self._study_moments()
        place = self.study.index(study)
        return NormalMixture(self._nodes.weight[0], means[place], deviations[place])

    def summary(self, prob: float = 0.95) -> pd.DataFrame:
        """Return effect, heterogeneity and prediction, one row each, with intervals."""
        named = {
            "effect": self.effect,
            "heterogeneity": self.heterogeneity,
            "prediction": self.prediction,
        }
        slopes = {name: self.coefficients[name] for name in self._data.centres}
        return summary_table(named | slopes, prob)

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
            refuse("estimate", Phrase("1 study"), "2 or more studies", "there is none to leave")
        left = [without(self._data, place) for place in range(count)]
        for name, data in zip(self.study, left, strict=True):
            check_posterior(data, left_out=name)
        together = joined(left)
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
        >>> from riskmodel import pool_effects
        >>> alike = pool_effects([0.1, 0.1, 0.1], [0.1, 0.1, 0.1], tau_prior=("half_normal", 1))
        >>> alike.bayes_factor_heterogeneity() < 1
        True
        """
        if not self.tau_prior.proper:
            refuse(
                "tau_prior",
                str(self.tau_prior),
                "a proper prior",
                "the Bayes factor under an improper prior is arbitrary; name a proper one",
            )
        none, *_ = log_likelihood_of_tau(self._data, np.zeros((1, 1)))
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
                refuse(name, Phrase(f"{len(values)} values"), f"{count}", "give one a study")
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
            finite_moments=moments_of_mean(self._data),
        )

    def _moments_at(self, moderators) -> tuple[np.ndarray, np.ndarray]:
        centres = self._data.centres
        if isinstance(moderators, Mapping):
            missing = [name for name in centres if name not in moderators]
            if missing or len(moderators) != len(centres):
                refuse("moderators", dict(moderators), ", ".join(centres), "give each of them")
            values = np.array([moderators[name] for name in centres], float)
        else:
            values = np.atleast_1d(np.asarray(moderators, float))
        if values.shape != (len(centres),):
            refuse("moderators", Phrase(f"{values.size} values"), f"{len(centres)}", "give each")
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
    >>> from riskmodel import pool_effects
    >>> rng = np.random.default_rng(1)
    >>> batch = pool_effects(rng.normal(size=(100, 5)), np.full(5, 0.3))
    >>> batch.effect_mean.shape, batch.effect_quantiles([0.025, 0.975]).shape
    ((100,), (100, 2))
    >>> bool(abs(batch[3].effect.mean() - batch.effect_mean[3]) < 1e-12)
    True
    """

    _data: Data = field(repr=False)

    def __len__(self) -> int:
        return len(self._data.estimate)

    def __getitem__(self, place: int) -> PooledEffects:
        data = self._data.rows([range(len(self))[place]])
        return PooledEffects(data, integrate(data))

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
            v = quantiles_by_series(nodes, q)
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
    def _parts(self) -> list[Nodes]:
        """Nodes of a few analyses at a time, so that arrays stay in the cache."""
        size = max(1, CELLS // (96 * self._data.estimate.shape[1]))
        starts = range(0, len(self), size)
        return [integrate(self._data.rows(slice(start, start + size))) for start in starts]

    def _moments(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        exist = moments_of_mean(self._data)
        mean, deviation = [], []
        for nodes in self._parts:
            means, deviations = getattr(nodes, name)
            mean.append(weighted(nodes.weight, means))
            squares = deviations**2 + (means - mean[-1][:, None]) ** 2
            deviation.append(np.sqrt(weighted(nodes.weight, squares)))
        return existing(exist, np.concatenate(mean), np.concatenate(deviation))

    @cached_property
    def _tau_moments(self) -> tuple[np.ndarray, np.ndarray]:
        mean = [weighted(nodes.weight, nodes.tau) for nodes in self._parts]
        deviation = [
            np.sqrt(weighted(nodes.weight, (nodes.tau - centre[:, None]) ** 2))
            for nodes, centre in zip(self._parts, mean, strict=True)
        ]
        exist = self._data.finite_moments
        return existing(exist, np.concatenate(mean), np.concatenate(deviation))

    def _quantiles(self, name: str, q: ArrayLike) -> np.ndarray:
        return np.concatenate(
            [mixture_quantiles(nodes.weight, *getattr(nodes, name), q) for nodes in self._parts]
        )


def _drawn(row, name: str, estimate: float) -> dict[str, float]:
    return {
        "estimate": estimate,
        "lower": getattr(row, f"{name}_lower"),
        "upper": getattr(row, f"{name}_upper"),
    }
