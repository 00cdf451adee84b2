"""Random-effects pooling of single arms: proportions, rates, and the risk in a new population.

================================  ==============================  ===============================
what is counted                   likelihood                      between studies
================================  ==============================  ===============================
events of n                       ``y ~ Binomial(n, expit(t))``   ``t ~ Normal(mu, tau)``, log odds
events in a time under watch      ``y ~ Poisson(T * exp(t))``     ``t ~ Normal(mu, tau)``, log rate
================================  ==============================  ===============================

With a comparator `pool_rates` gives rate ratios, :mod:`riskmodel.evidence.pooling_rate_ratios`.
Nothing is added to an arm without events. The effect in a new study, ``Normal(mu, tau)`` over the
posterior of both, is the meta-analytic-predictive prior for a new population; a share of it may be
given to a vague distribution, so that a population unlike the others is not overruled by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from riskmodel.errors import ParameterError, Problem
from riskmodel.evidence.distributions import (
    GridDistribution,
    TransformedDistribution,
    expit_of,
    exponential_of,
)
from riskmodel.evidence.families import Family, Mixture
from riskmodel.evidence.heterogeneity import HeterogeneityPrior
from riskmodel.evidence.pooling_checks import (
    check_events_and_n,
    checked_names,
    checked_priors,
    positive_numbers,
    whole_numbers,
)
from riskmodel.evidence.pooling_likelihoods import log_choose, softplus
from riskmodel.evidence.pooling_priors import LocationPrior
from riskmodel.evidence.pooling_quadrature import QuadraturePosterior, posterior_of
from riskmodel.evidence.pooling_rate_ratios import PooledRateRatios, pool_rate_ratios
from riskmodel.evidence.pooling_tables import PooledByQuadrature, summary_table

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_TAU_PRIOR = {"proportion": ("half_normal", 1.0), "rate": ("half_normal", 1.0)}
DEFAULT_MU_PRIOR = {"proportion": ("normal", 0.0, 4.0), "rate": ("normal", 0.0, 10.0)}
DEFAULT_ROBUST_WEIGHT = 0.1


def moments_of_new_rate(tau_prior: HeterogeneityPrior) -> int:
    """Return how many of the two first moments the rate of a new study has.

    ``E exp(m t)`` given tau holds the factor ``exp(m**2 tau**2 / 2)``, while data leave the tail
    of tau to its prior but for a power. A half-normal(s) falls as ``exp(-tau**2 / (2 s**2))``: a
    mean for s < 1, a variance for s < 1/2. Bounded priors have both; slower tails neither. At the
    two limits a moment hangs on that power and on the prior of the mean, and is taken as none.

    Examples
    --------
    >>> [moments_of_new_rate(HeterogeneityPrior("half_normal", (s,))) for s in (0.4, 0.5, 1.0)]
    [2, 1, 0]
    """
    if tau_prior.family == "uniform":
        return 2
    if tau_prior.family != "half_normal":
        return 0
    return 2 if tau_prior.scale < 0.5 else int(tau_prior.scale < 1.0)


@dataclass(frozen=True, eq=False)
class PooledArms(PooledByQuadrature):
    """What :func:`pool_proportions` and :func:`pool_rates` return.

    Parameters
    ----------
    measure : {"proportion", "rate"}
    study : tuple of str
    events, exposure : ndarray, shape (k,)
        Events, and patients or time under watch.
    mu_prior, tau_prior
    notes : tuple of str
    posterior : QuadraturePosterior
    """

    measure: str
    study: tuple[str, ...] = field(repr=False)
    events: np.ndarray = field(repr=False)
    exposure: np.ndarray = field(repr=False)
    mu_prior: LocationPrior
    tau_prior: HeterogeneityPrior
    notes: tuple[str, ...] = field(repr=False)
    posterior: QuadraturePosterior = field(repr=False)

    @cached_property
    def pooled(self) -> TransformedDistribution:
        """The risk or rate of the middle study: `effect` on the scale of the counts."""
        light = self.tau_prior.family in ("half_normal", "uniform")  # else the prior's far tail
        return self._natural(self.effect, 2 if light else 0)

    @cached_property
    def predicted(self) -> TransformedDistribution:
        """The risk or rate in a new study: `prediction` on the scale of the counts."""
        return self._natural(self.prediction, moments_of_new_rate(self.tau_prior))

    def _natural(self, found: GridDistribution, moments: int = 2) -> TransformedDistribution:
        if self.measure == "proportion":
            return expit_of(found)
        return exponential_of(found, finite_moments=moments)

    def studies_table(self, prob: float = 0.95) -> pd.DataFrame:
        """Return one row a study: its counts, and its own risk or rate given all studies.

        Equal-tailed intervals of probability `prob`; `observed` is events over exposure.
        """
        import pandas as pd

        own = self._own_effects(prob, self.measure, self._natural)
        return pd.DataFrame(
            {
                "study": list(self.study),
                "events": self.events.astype(int),
                "n" if self.measure == "proportion" else "person_time": self.exposure,
                "observed": self.events / self.exposure,
                **own,
            }
        )

    def named(self) -> dict[str, object]:
        """Return effect, heterogeneity and prediction, and risks or rates."""
        return super().named() | {
            f"pooled_{self.measure}": self.pooled,
            f"predicted_{self.measure}": self.predicted,
        }


def pool_proportions(
    events: ArrayLike,
    n: ArrayLike,
    *,
    study: Sequence[str] | None = None,
    tau_prior: object = DEFAULT_TAU_PRIOR["proportion"],
    mu_prior: object = DEFAULT_MU_PRIOR["proportion"],
    resolution: float = 1.0,
) -> PooledArms:
    """Return the pooled risk of single arms, logit-normal between studies.

    Parameters
    ----------
    events, n : array_like, shape (k,)
        Events and patients; whole numbers. One study is enough: heterogeneity is then its prior.
    study : sequence of str, optional
        Names; by default ``study 1`` and so on.
    tau_prior : optional
        Prior of the standard deviation of the log odds between studies, by default half-normal(1).
    mu_prior : optional
        ``("normal", mean, standard deviation)`` or ``("uniform", lower, upper)`` of the mean log
        odds, by default Normal(0, 4): 95% of risks between 0.04% and 99.96%.
    resolution : float
        Multiplies every number of nodes.

    Returns
    -------
    PooledArms

    Raises
    ------
    ParameterError
        For counts that cannot be, lists of different lengths or priors that are not proper.

    Examples
    --------
    >>> pooled = pool_proportions([3, 8, 0], [20, 40, 15])
    >>> [round(end, 3) for end in pooled.pooled.interval(0.95)]
    [0.025, 0.314]
    >>> [round(end, 3) for end in pooled.predicted.interval(0.95)]
    [0.008, 0.585]
    """
    problems: list[Problem] = []
    names = ("events", "n")
    counts = [
        whole_numbers(name, given, problems) for name, given in zip(names, (events, n), strict=True)
    ]
    study = checked_names(study, names, counts, problems)
    if not problems:
        check_events_and_n(names, counts, study, problems)
    priors = checked_priors(mu_prior, tau_prior, resolution, problems)
    y, size = counts

    def log_likelihood(index, theta):
        seen, of = y[index], size[index]
        return log_choose(of, seen) + seen * theta - of * softplus(theta)

    centres = special.logit((y + 0.5) / (size + 1.0))
    scales = np.sqrt(1 / (y + 0.5) + 1 / (size - y + 0.5))
    inner = (y > 0) & (y < size)
    power = int(inner.sum())
    posterior = posterior_of(
        log_likelihood, centres, scales, *priors, power=power, resolution=resolution
    )
    notes = _notes(int((y == 0).sum()), int((y == size).sum()), len(y))
    return PooledArms("proportion", study, y, size, *priors, notes, posterior)


def pool_rates(
    events: ArrayLike,
    person_time: ArrayLike,
    events_comparator: ArrayLike | None = None,
    person_time_comparator: ArrayLike | None = None,
    *,
    study: Sequence[str] | None = None,
    tau_prior: object = None,
    mu_prior: object = None,
    resolution: float = 1.0,
) -> PooledArms | PooledRateRatios:
    """Return the pooled rate of single arms, or with a comparator the pooled rate ratio.

    Parameters
    ----------
    events : array_like, shape (k,)
        Events; whole numbers.
    person_time : array_like, shape (k,)
        Time under watch, in one unit for all; rates are per that unit.
    events_comparator, person_time_comparator : array_like, shape (k,), optional
        The same under the comparator; both or neither. A rate ratio has no unit.
    study : sequence of str, optional
        Names; by default ``study 1`` and so on.
    tau_prior : optional
        Prior of the standard deviation between studies: of log rates, by default half-normal(1);
        of log rate ratios, by default half-normal(0.5).
    mu_prior : optional
        Of the mean log rate per unit of `person_time`, by default Normal(0, 10), which is vague in
        any unit in use; of the mean log rate ratio, by default Normal(0, 2.82), that is 95% of
        ratios between 1/251 and 251. See :func:`pool_proportions`.
    resolution : float
        Multiplies every number of nodes.

    Returns
    -------
    PooledArms, or PooledRateRatios with a comparator

    Raises
    ------
    ParameterError
        For counts or times that cannot be, lists of different lengths, half a comparator or
        priors that are not proper.

    Notes
    -----
    Single arms: Poisson, with a log-normal rate between studies. Two arms: the events of both
    given, those under treatment are exactly Binomial, see
    :mod:`riskmodel.evidence.pooling_rate_ratios`.

    Examples
    --------
    >>> pooled = pool_rates([3, 0, 12], [210.0, 95.5, 480.0])
    >>> [round(end, 4) for end in pooled.pooled.interval(0.95)]
    [0.0025, 0.0414]
    >>> pooled = pool_rates([3, 0, 12], [210.0, 95.5, 480.0], [9, 2, 20], [200.0, 101.0, 490.0])
    >>> [round(end, 2) for end in pooled.effect_ratio.interval(0.95)]
    [0.17, 1.0]
    """
    if events_comparator is not None or person_time_comparator is not None:
        comparator = (events_comparator, person_time_comparator)
        priors = {"tau_prior": tau_prior, "mu_prior": mu_prior}
        given = {name: prior for name, prior in priors.items() if prior is not None}
        return pool_rate_ratios(
            events, person_time, *comparator, study=study, resolution=resolution, **given
        )
    tau_prior = DEFAULT_TAU_PRIOR["rate"] if tau_prior is None else tau_prior
    mu_prior = DEFAULT_MU_PRIOR["rate"] if mu_prior is None else mu_prior
    problems: list[Problem] = []
    y = whole_numbers("events", events, problems)
    time = positive_numbers("person_time", person_time, problems)
    study = checked_names(study, ("events", "person_time"), [y, time], problems)
    priors = checked_priors(mu_prior, tau_prior, resolution, problems)

    def log_likelihood(index, theta):
        seen = y[index]
        with np.errstate(over="ignore"):
            expected = time[index] * np.exp(np.minimum(theta, 600.0))
        return seen * (theta + np.log(time[index])) - expected - special.gammaln(seen + 1)

    centres, scales = np.log((y + 0.5) / time), 1 / np.sqrt(y + 0.5)
    power = int((y > 0).sum())
    posterior = posterior_of(
        log_likelihood, centres, scales, *priors, power=power, resolution=resolution
    )
    notes = _notes(int((y == 0).sum()), 0, len(y))
    return PooledArms("rate", study, y, time, *priors, notes, posterior)


@dataclass(frozen=True, eq=False)
class BaselineRisk:
    """What :func:`baseline_risk` returns.

    Parameters
    ----------
    distribution : distribution
        Of the risk in a new population, robust share included.
    predicted : TransformedDistribution
        The same without it: the meta-analytic-predictive distribution.
    robust_weight : float
        Share of the vague Beta(1, 1).
    pooled : PooledArms
    """

    distribution: Mixture | TransformedDistribution = field(repr=False)
    predicted: TransformedDistribution = field(repr=False)
    robust_weight: float
    pooled: PooledArms = field(repr=False)

    @property
    def effective_sample_size(self) -> float:
        """Patients a Beta of the same mean and variance would count for."""
        mean, variance = self.distribution.mean(), self.distribution.var()
        return mean * (1 - mean) / variance - 1

    def summary(self, prob: float = 0.95) -> pd.DataFrame:
        """Return the risk in a new population with and without the robust share."""
        named = {"baseline_risk": self.distribution, "predicted_proportion": self.predicted}
        return summary_table(named, prob)


def baseline_risk(
    events: ArrayLike,
    n: ArrayLike,
    *,
    robust_weight: float = DEFAULT_ROBUST_WEIGHT,
    study: Sequence[str] | None = None,
    tau_prior: object = DEFAULT_TAU_PRIOR["proportion"],
    mu_prior: object = DEFAULT_MU_PRIOR["proportion"],
    resolution: float = 1.0,
) -> BaselineRisk:
    """Return the risk in a new population, from single arms of others.

    Parameters
    ----------
    events, n, study, tau_prior, mu_prior, resolution
        As for :func:`pool_proportions`.
    robust_weight : float
        Share of a uniform Beta(1, 1), from 0 to 1: how probable it is that the new population is
        unlike all the others. The default of 0.1 is a convention, not a finding.

    Returns
    -------
    BaselineRisk

    Raises
    ------
    ParameterError
        As :func:`pool_proportions`, and for a weight outside [0, 1].

    References
    ----------
    Neuenschwander et al. (2010), Clin Trials 7:5, doi:10.1177/1740774509356002, for the
    meta-analytic-predictive prior; Schmidli et al. (2014), Biometrics 70:1023,
    doi:10.1111/biom.12242, for its robust mixture; RBesT's
    ``robustify``, whose vague component for proportions is the uniform Beta(1, 1) too.

    Examples
    --------
    >>> new = baseline_risk([3, 8, 0], [20, 40, 15])
    >>> round(new.distribution.mean(), 3), round(new.predicted.mean(), 3)
    (0.193, 0.158)
    >>> bool(new.distribution.sf(0.9) > 0.0099)  # a tenth of the uniform's
    True
    """
    number = isinstance(robust_weight, Real) and not isinstance(robust_weight, bool)
    if not number or not 0 <= robust_weight <= 1:
        raise ParameterError(
            [
                Problem(
                    field="robust_weight",
                    found=robust_weight,
                    allowed="a number from 0 to 1",
                    remedy="0 trusts the other populations wholly, 1 not at all",
                )
            ]
        )
    pooled = pool_proportions(
        events, n, study=study, tau_prior=tau_prior, mu_prior=mu_prior, resolution=resolution
    )
    predicted = pooled.predicted
    if robust_weight == 0:
        return BaselineRisk(predicted, predicted, 0.0, pooled)
    vague = Family("beta", 1.0, 1.0)
    weights = (1.0 - robust_weight, float(robust_weight))
    return BaselineRisk(Mixture((predicted, vague), weights), predicted, weights[1], pooled)


# --- what both share -----------------------------------------------------------------------------


def _notes(without: int, full: int, k: int) -> tuple[str, ...]:
    notes = []
    if without:
        notes.append(f"{without} of {k} arms without events enter as they are")
    if full:
        notes.append(f"{full} of {k} arms with nothing but events enter as they are")
    return (*notes, "no continuity correction")
