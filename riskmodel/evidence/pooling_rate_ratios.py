"""Random-effects pooling of rate ratios: events in a time under watch, in two arms.

For study i with ``y1`` events in ``T1`` and a comparator's ``y0`` in ``T0``, all Poisson, the
events of both given leave no baseline rate::

    y1 | y1 + y0 ~ Binomial(y1 + y0, expit(theta + log(T1 / T0)))
    theta ~ Normal(mu, tau), the log rate ratio

This is exact, whatever the baselines are, and nothing is added to an arm without events; a study
without any event has likelihood 1 and says nothing of the ratio.

References
----------
Przyborowski and Wilenski (1940), Biometrika 31:313, doi:10.1093/biomet/31.3-4.313, for the
conditional binomial; Stijnen, Hamza and Ozdemir (2010), Stat Med 29:3046, doi:10.1002/sim.4040,
for its random effects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from riskmodel.errors import NOTHING, ParameterError, Problem
from riskmodel.evidence.distributions import TransformedDistribution, exponential_of
from riskmodel.evidence.heterogeneity import HeterogeneityPrior
from riskmodel.evidence.pooling_checks import (
    checked_names,
    checked_priors,
    positive_numbers,
    whole_numbers,
)
from riskmodel.evidence.pooling_likelihoods import log_choose, softplus
from riskmodel.evidence.pooling_priors import LocationPrior
from riskmodel.evidence.pooling_quadrature import QuadraturePosterior, posterior_of
from riskmodel.evidence.pooling_tables import PooledByQuadrature

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_TAU_PRIOR = ("half_normal", 0.5)
DEFAULT_MU_PRIOR = ("normal", 0.0, 2.82)  # 95% of ratios between 1/251 and 251
NAMES = ("events", "person_time", "events_comparator", "person_time_comparator")


@dataclass(frozen=True, eq=False)
class PooledRateRatios(PooledByQuadrature):
    """What :func:`riskmodel.pool_rates` returns with a comparator.

    Parameters
    ----------
    study : tuple of str
    events, person_time, events_comparator, person_time_comparator : ndarray, shape (k,)
    mu_prior, tau_prior
    notes : tuple of str
    posterior : QuadraturePosterior

    Notes
    -----
    `effect` and `prediction` are log rate ratios, treatment against comparator; negative means
    fewer events.
    """

    study: tuple[str, ...] = field(repr=False)
    events: np.ndarray = field(repr=False)
    person_time: np.ndarray = field(repr=False)
    events_comparator: np.ndarray = field(repr=False)
    person_time_comparator: np.ndarray = field(repr=False)
    mu_prior: LocationPrior
    tau_prior: HeterogeneityPrior
    notes: tuple[str, ...] = field(repr=False)
    posterior: QuadraturePosterior = field(repr=False)

    measure = "rate_ratio"

    @property
    def effect_ratio(self) -> TransformedDistribution:
        """The pooled rate ratio."""
        return exponential_of(self.effect)

    def studies_table(self, prob: float = 0.95) -> pd.DataFrame:
        """Return one row a study: its counts and times, and its log rate ratio given all studies.

        Equal-tailed intervals of probability `prob`; ``without_contrast`` marks a study without
        any event.
        """
        import pandas as pd

        own = self._own_effects(prob)
        return pd.DataFrame(
            {
                "study": list(self.study),
                "events": self.events.astype(int),
                "person_time": self.person_time,
                "events_comparator": self.events_comparator.astype(int),
                "person_time_comparator": self.person_time_comparator,
                "without_contrast": self.events + self.events_comparator == 0,
                **own,
            }
        )


def pool_rate_ratios(
    events: ArrayLike,
    person_time: ArrayLike,
    events_comparator: ArrayLike | None,
    person_time_comparator: ArrayLike | None,
    *,
    study: Sequence[str] | None = None,
    tau_prior: object = DEFAULT_TAU_PRIOR,
    mu_prior: object = DEFAULT_MU_PRIOR,
    resolution: float = 1.0,
) -> PooledRateRatios:
    """Return the pooled rate ratio of two arms; the parameters are those of `pool_rates`."""
    problems: list[Problem] = []
    given = dict(zip(NAMES, (events, person_time, events_comparator, person_time_comparator),
                     strict=True))  # fmt: skip
    for name in (name for name, values in given.items() if values is None):
        problems.append(
            Problem(
                field=name,
                found=NOTHING,
                allowed="events and time of the comparator together",
                remedy="give both for a rate ratio, or neither for the rate of single arms",
            )
        )
    if problems:
        raise ParameterError(problems)
    checks = (whole_numbers, positive_numbers) * 2
    arrays = [check(*item, problems) for check, item in zip(checks, given.items(), strict=True)]
    study = checked_names(study, NAMES, arrays, problems)
    priors = checked_priors(mu_prior, tau_prior, resolution, problems)
    y, time, y0, time0 = arrays
    total, offset = y + y0, np.log(time / time0)

    def log_likelihood(index, theta):
        seen, of, log_odds = y[index], total[index], theta + offset[index]
        return log_choose(of, seen) + seen * log_odds - of * softplus(log_odds)

    centres = np.log((y + 0.5) / time) - np.log((y0 + 0.5) / time0)
    scales = np.sqrt(1 / (y + 0.5) + 1 / (y0 + 0.5))
    power = int(((y > 0) & (y0 > 0)).sum())
    posterior = posterior_of(
        log_likelihood, centres, scales, *priors, power=power, resolution=resolution
    )
    return PooledRateRatios(study, *arrays, *priors, _notes(y, y0), posterior)


def _notes(y: np.ndarray, y0: np.ndarray) -> tuple[str, ...]:
    notes, k = [], len(y)
    empty = int((y + y0 == 0).sum())
    if empty:
        verb = "carries" if empty == 1 else "carry"
        notes.append(f"{empty} of {k} studies without any event {verb} no information on the ratio")
    one = int(((y == 0) != (y0 == 0)).sum())
    if one:
        notes.append(f"{one} of {k} studies without events in one arm enter as they are")
    return (*notes, "no continuity correction")
