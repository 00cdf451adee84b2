"""What every pooling of counts gives back: three distributions, and tables of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from riskmodel.evidence.distributions import GridDistribution, TransformedDistribution
from riskmodel.evidence.families import require_probability
from riskmodel.evidence.pooling_quadrature import QuadraturePosterior

if TYPE_CHECKING:
    import pandas as pd


class PooledByQuadrature:
    """The distributions of a pooling whose `posterior` is a :class:`QuadraturePosterior`."""

    posterior: QuadraturePosterior

    @property
    def effect(self) -> GridDistribution:
        """The mean mu over studies, on the scale of pooling."""
        return self.posterior.effect

    @property
    def heterogeneity(self) -> TransformedDistribution:
        """The standard deviation tau between studies, on the scale of pooling."""
        return self.posterior.heterogeneity

    @property
    def prediction(self) -> GridDistribution:
        """The effect in a new study, on the scale of pooling."""
        return self.posterior.prediction

    @property
    def log_marginal_likelihood(self) -> float:
        """Natural log of the probability of the data under the model and its priors."""
        return self.posterior.log_marginal_likelihood

    @cached_property
    def studies(self) -> pd.DataFrame:
        """The table of studies, with 95% intervals; `studies_table` for other levels."""
        return self.studies_table(0.95)

    def summary(self, prob: float = 0.95) -> pd.DataFrame:
        """Return effect, heterogeneity and prediction, one row each, with intervals."""
        return summary_table(self.named(), prob)

    def named(self) -> dict[str, object]:
        """Return the distributions that `summary` lists."""
        return {
            "effect": self.effect,
            "heterogeneity": self.heterogeneity,
            "prediction": self.prediction,
        }

    def _own_effects(
        self, prob: float, name: str = "effect", natural: Callable = lambda found: found
    ) -> dict[str, object]:
        """Return the columns of each study's own effect given all studies."""
        prob = require_probability("prob", prob)
        tail = 0.5 * (1 - prob)
        own = [natural(found) for found in self.posterior.study_effects()]
        ends = np.array([found.ppf([tail, 0.5, 1 - tail]) for found in own])
        return {
            f"{name}_mean": [found.mean() for found in own],
            f"{name}_standard_deviation": [found.std() for found in own],
            f"{name}_median": ends[:, 1],
            f"{name}_lower": ends[:, 0],
            f"{name}_upper": ends[:, 2],
            "prob": prob,
        }


def summary_table(named: Mapping[str, object], prob: float) -> pd.DataFrame:
    """Return mean, spread and equal-tailed interval of distributions, one row each."""
    import pandas as pd

    prob = require_probability("prob", prob)
    rows = [{"quantity": name, **described(found, prob)} for name, found in named.items()]
    return pd.DataFrame(rows)


def described(distribution, prob: float) -> dict[str, float]:
    """Return mean, spread and equal-tailed interval of a distribution."""
    lower, upper = distribution.interval(prob)
    return {
        "mean": distribution.mean(),
        "standard_deviation": distribution.std(),
        "median": distribution.median(),
        "lower": lower,
        "upper": upper,
        "prob": prob,
    }
