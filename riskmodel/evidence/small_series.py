"""A few patients, all treated: what their proportion says, and when a contrast may be drawn.

A series without a comparator says how many had the event, never what the treatment did. A contrast
needs a declared course without treatment, a discount of the series, and a prior that is stated; the
result says how much of the posterior's precision is that prior's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from riskmodel.errors import NOTHING, Phrase
from riskmodel.evidence.absolute import AbsoluteEffect, absolute_effect
from riskmodel.evidence.discounting import Discounted, discount
from riskmodel.evidence.distributions import GridDistribution, expit_of
from riskmodel.evidence.families import (
    Family,
    distribution_of,
    normal_nodes,
    refuse,
    require_counts,
    require_number,
    require_probability,
)


def small_series(
    events: int,
    n: int,
    *,
    level: float = 0.95,
    comparator: Any = None,
    a0: float | None = None,
    trust: str | None = None,
    system: str = "ROBINS-I",
    prior: tuple[float, float] = (1.0, 1.0),
    bias_mean: float = 0.0,
    bias_sd: float = 0.0,
    wanted: bool = False,
    because: str | None = None,
) -> SmallSeries:
    """Return what an uncontrolled series of patients says.

    Parameters
    ----------
    events, n : int
        People with the event, and people.
    level : float
        Of the intervals, and of the one-sided limits.
    comparator : distribution, or (events, n), optional
        The declared course without treatment. Without it any contrast is refused. Counts take the
        Jeffreys prior.
    a0 : float
        What the series is discounted to, in [0, 1], for a contrast.
    trust, system : str
        Or a level of trust whose default a0 is taken; see `discount`.
    prior : tuple of float
        The two shapes of the Beta that the treated risk has before the series, for a contrast.
    bias_mean, bias_sd : float
        Mean and standard deviation of what selection and natural course add to the series' log
        odds, taken off again in a contrast. 0 and 0 declare that there is none.
    wanted : bool
        Whether the event is wanted.
    because : str, optional
        Why this discount and comparator.

    Returns
    -------
    SmallSeries

    Raises
    ------
    ParameterError
        If counts are impossible, or a comparator comes without a discount.

    Examples
    --------
    >>> four_of_five = small_series(4, 5)
    >>> four_of_five.statement
    '4 of 5: median 78%, 95% credible interval 37% to 98% (Jeffreys)'
    >>> small_series(0, 5).statement
    '0 of 5: at most 45% (Clopper-Pearson) or 31% (Jeffreys), one-sided 95%; never 0%'
    >>> four_of_five.contrast
    Traceback (most recent call last):
        ...
    riskmodel.errors.ParameterError: [Q] comparator: found 4 of 5 treated patients and nobody \
untreated; allowed: a declared course without treatment, as a distribution or (events, n); a \
series alone says how many had the event, not what treatment did: give `comparator` with its \
source, and a0 or trust
    """
    events, n = require_counts(events, n)
    level = require_probability("level", level)
    first, second = (require_number("prior", shape, above=0) for shape in prior)
    bias_mean = require_number("bias_mean", bias_mean)
    bias_sd = require_number("bias_sd", bias_sd)
    if bias_sd < 0:
        refuse("bias_sd", bias_sd, "a standard deviation, 0 or more", "give it without its sign")
    if comparator is None:
        if a0 is not None or trust is not None:
            refuse(
                "comparator",
                NOTHING,
                "a comparator for the contrast that a discount is of",
                "give the course without treatment, or leave the discount out",
                "Q",
            )
        found = discounted = None
    else:
        found = _comparator(comparator)
        if (a0 is None) == (trust is None):
            refuse(
                "a0",
                Phrase("a0 and trust" if a0 is not None else NOTHING),
                "a0 or trust, for a series that nobody was randomised in",
                "choose one; a0=1 takes the series at face value",
            )
        discounted = discount(
            events=events,
            n=n,
            a0=a0,
            level=trust,
            system=system,
            prior=(first, second),
            because=because,
        )
    return SmallSeries(
        events=events,
        n=n,
        level=level,
        comparator=found,
        discounted=discounted,
        bias_mean=bias_mean,
        bias_sd=bias_sd,
        wanted=wanted,
    )


def _comparator(given):
    if isinstance(given, tuple | list):
        if len(given) != 2:
            refuse("comparator", given, "a distribution, or (events, n)", "give two counts")
        events, n = require_counts(*given, names=("comparator events", "comparator n"))
        return Family("beta", events + 0.5, n - events + 0.5)
    return distribution_of("comparator", given)


def clopper_pearson(events: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Return the exact confidence limits of a proportion, with half the error on either side.

    References
    ----------
    Clopper and Pearson (1934), Biometrika 26:404.

    Examples
    --------
    >>> [round(end, 4) for end in clopper_pearson(4, 5)]
    [0.2836, 0.9949]
    >>> [round(end, 4) for end in clopper_pearson(0, 5, level=0.9)]
    [0.0, 0.4507]
    """
    tail = (1 - level) / 2
    lower = special.betaincinv(events, n - events + 1, tail) if events > 0 else 0.0
    upper = special.betaincinv(events + 1, n - events, 1 - tail) if events < n else 1.0
    return float(lower), float(upper)


@dataclass(frozen=True)
class SmallSeries:
    """What an uncontrolled series says.

    Attributes
    ----------
    events, n : float
    level : float
    comparator : distribution or None
    discounted : Discounted or None
        The treated risk after prior and discount.
    bias_mean, bias_sd : float
    wanted : bool
    """

    events: float
    n: float
    level: float
    comparator: Any
    discounted: Discounted | None
    bias_mean: float
    bias_sd: float
    wanted: bool

    @property
    def proportion(self) -> Family:
        """The Jeffreys posterior of the proportion, at face value."""
        return Family("beta", self.events + 0.5, self.n - self.events + 0.5)

    @property
    def limits(self) -> pd.DataFrame:
        """Two-sided intervals and one-sided limits, exact and Jeffreys.

        A Jeffreys limit on the side of 0 of n, or n of n, is the end itself for the two-sided
        interval; the one-sided limit on the other side is what the series says.
        """
        rows = []
        for sides, level in (("two-sided", self.level), ("one-sided", 2 * self.level - 1)):
            exact = clopper_pearson(self.events, self.n, level) if level > 0 else (np.nan, np.nan)
            tail = (1 - level) / 2
            bayes = (float(self.proportion.ppf(tail)), float(self.proportion.ppf(1 - tail)))
            for method, (lower, upper) in (("Clopper-Pearson", exact), ("Jeffreys", bayes)):
                rows.append((method, sides, self.level, lower, upper))
        return pd.DataFrame(rows, columns=["method", "sides", "level", "lower", "upper"])

    @property
    def statement(self) -> str:
        """The proportion in one sentence; never 0% or 100%."""
        head = f"{self.events:g} of {self.n:g}: "
        if 0 < self.events < self.n:
            lower, upper = self.proportion.interval(self.level)
            return head + (
                f"median {self.proportion.median():.0%}, {self.level:.0%} credible interval "
                f"{lower:.0%} to {upper:.0%} (Jeffreys)"
            )
        one_sided = self.limits.query("sides == 'one-sided'").set_index("method")
        end, words, never = (
            ("upper", "at most", "0%") if self.events == 0 else ("lower", "at least", "100%")
        )
        return head + (
            f"{words} {one_sided[end]['Clopper-Pearson']:.0%} (Clopper-Pearson) or "
            f"{one_sided[end]['Jeffreys']:.0%} (Jeffreys), one-sided {self.level:.0%}; "
            f"never {never}"
        )

    def __str__(self) -> str:
        return self.statement

    @cached_property
    def contrast(self) -> SeriesContrast:
        """Treated risk minus the comparator's; refused without a comparator."""
        if self.comparator is None:
            refuse(
                "comparator",
                Phrase(f"{self.events:g} of {self.n:g} treated patients and nobody untreated"),
                "a declared course without treatment, as a distribution or (events, n)",
                "a series alone says how many had the event, not what treatment did: give "
                "`comparator` with its source, and a0 or trust",
                "Q",
            )
        return SeriesContrast(
            absolute=self._absolute(self.discounted.a0),
            discounted=self.discounted,
            bias_mean=self.bias_mean,
            bias_sd=self.bias_sd,
            table=self._table(),
        )

    def _treated(self, a0: float):
        """Return the treated risk at one discount, its bias taken off."""
        if (self.bias_mean, self.bias_sd) == (0.0, 0.0):
            return self.discounted.at(a0)
        return biased_series(
            self.events,
            self.n,
            a0=a0,
            prior=self.discounted.prior,
            bias_mean=self.bias_mean,
            bias_sd=self.bias_sd,
        )

    def _absolute(self, a0: float) -> AbsoluteEffect:
        return absolute_effect(
            self.comparator,
            self._treated(a0),
            "own_risk",
            wanted=self.wanted,
            level=self.level,
        )

    def _table(self) -> pd.DataFrame:
        """The contrast with the series left out, discounted, and at face value."""
        rows = []
        strengths = (0.0, "left out"), (self.discounted.a0, "chosen"), (1.0, "face value")
        for a0, which in strengths:
            found = self._absolute(a0)
            lower, upper = found.risk_difference.interval(self.level)
            rows.append(
                {
                    "a0": a0,
                    "evidence": which,
                    "mean": found.risk_difference.mean(),
                    "median": found.risk_difference.median(),
                    "lower": lower,
                    "upper": upper,
                    "level": self.level,
                    "probability_of_benefit": found.prob_benefit(),
                }
            )
        return pd.DataFrame(rows)


@dataclass(frozen=True)
class SeriesContrast:
    """A series against a declared course without treatment.

    Attributes
    ----------
    absolute : AbsoluteEffect
    discounted : Discounted
    bias_mean, bias_sd : float
    table : DataFrame
        With the series left out (a0 = 0), as chosen, and at face value (a0 = 1).
    """

    absolute: AbsoluteEffect
    discounted: Discounted
    bias_mean: float
    bias_sd: float
    table: pd.DataFrame

    @property
    def risk_difference(self):
        """The distribution of treated minus untreated risk."""
        return self.absolute.risk_difference

    @property
    def prior_share(self) -> float:
        """The prior's share of the posterior's precision, in patients, before any bias."""
        return self.discounted.prior_share

    @property
    def badge(self) -> str:
        """Always assumed: the discount is nobody's data."""
        return "assumed"

    @property
    def statement(self) -> str:
        """The contrast with what it rests on."""
        bias = (
            "no bias term, as declared"
            if self.bias_mean == 0 and self.bias_sd == 0
            else f"bias of the log odds N({self.bias_mean:g}, sd {self.bias_sd:g}) taken off"
        )
        return (
            f"{self.absolute.statement}; {self.discounted.rule}; {bias}; prior share of "
            f"posterior precision {self.prior_share:.0%}"
        )

    def __str__(self) -> str:
        return self.statement


def biased_series(
    events: float,
    n: float,
    *,
    a0: float,
    prior: tuple[float, float],
    bias_mean: float,
    bias_sd: float,
):
    """Return the treated risk after a series whose log odds carry a normal bias.

    Parameters
    ----------
    events, n : float
    a0 : float
        Power of the series' likelihood, the bias integrated out of it first.
    prior : tuple of float
        Shapes of the Beta that the risk itself has.
    bias_mean, bias_sd : float
        Mean and standard deviation of what is added to the log odds that the series was counted
        at.

    Notes
    -----
    ``p(risk) L(risk)**a0`` with ``L(risk) = E[binomial(events | n, expit(logit(risk) + bias))]``,
    on a grid of the log odds.

    Examples
    --------
    >>> nothing = biased_series(4, 5, a0=0.0, prior=(1.0, 1.0), bias_mean=0.5, bias_sd=0.4)
    >>> round(nothing.mean(), 6), round(nothing.var(), 6)
    (0.5, 0.083333)
    """
    z, weight = (np.zeros(1), np.ones(1)) if bias_sd == 0 else normal_nodes(161)
    shift = bias_mean + bias_sd * z
    first, second = prior
    # A Beta's tail in the log odds falls as exp(-shape |log odds|): to 1e-13 of the mode.
    points = np.linspace(-30 / min(first, 1.0), 30 / min(second, 1.0), 1601)
    counted = points[:, None] + shift
    likelihood = events * special.log_expit(counted) + (n - events) * special.log_expit(-counted)
    with np.errstate(divide="ignore"):
        series = special.logsumexp(likelihood + np.log(weight), axis=1)
    density = first * special.log_expit(points) + second * special.log_expit(-points) + a0 * series
    return expit_of(GridDistribution(points, density))
