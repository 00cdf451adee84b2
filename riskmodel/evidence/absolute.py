"""Joint propagation of a baseline risk and an effect to a risk difference.

Both inputs are distributions. Nothing is drawn: with the baseline risk at its quantile for a
standard normal ``z``, the risk difference is at most ``d`` when the effect is at most the one that
leads from the baseline to ``baseline + d``, so that ::

    P(RD <= d) = mean over z of P(effect <= effect_between(p0(z), p0(z) + d) | z)

and the mean over ``z`` is a sum on a fixed grid. A Gaussian copula enters through the conditional
probability given ``z``; at correlation 0 that is the effect's own distribution function.
"""

from __future__ import annotations

import secrets
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from riskmodel.errors import Phrase, RiskModelWarning, did_you_mean
from riskmodel.evidence.families import (
    Continuous,
    at_score,
    distribution_of,
    invert,
    normal_nodes,
    refuse,
    require_number,
    require_probability,
)
from riskmodel.evidence.measures import SCALES, apply_effect, effect_between, format_nnt

MAX_SHARE_BEYOND = 0.001  # of the joint probability, that may lie at treated risks outside [0, 1]
_SCALES = (*SCALES, "own_risk")
_NEVER_BEYOND = ("odds_ratio", "hazard_ratio")


def absolute_effect(
    baseline: Any,
    effect: Any,
    scale: str,
    *,
    wanted: bool = False,
    log_effect: bool = False,
    correlation: float = 0.0,
    level: float = 0.95,
    n: int | None = None,
    seed: int | None = None,
) -> AbsoluteEffect:
    """Return the risk difference that a baseline risk and an effect give together.

    Parameters
    ----------
    baseline : distribution
        Risk under the comparator by one horizon, in [0, 1]; SciPy's frozen protocol, or a result
        that carries a `distribution`.
    effect : distribution
        Treatment against comparator on `scale`; for ``own_risk`` the risk under treatment.
    scale : {"relative_risk", "odds_ratio", "hazard_ratio", "risk_difference", "own_risk"}
    wanted : bool
        Whether the event is wanted; it decides which sign is to the patient's benefit.
    log_effect : bool
        Whether `effect` is of the logarithm of the ratio, as pooled effects are.
    correlation : float
        Of baseline and effect, in a Gaussian copula; in (-1, 1). Zero is independence, stated in
        the result.
    level : float
        Of the credible intervals, equal-tailed.
    n : int, optional
        Draws to return beside the exact answer, for further arithmetic; none needs no seed.
    seed : int, optional
        Of these draws; None draws one, says so and records it.

    Returns
    -------
    AbsoluteEffect

    Raises
    ------
    ParameterError
        If an argument cannot be used, or more than 0.1% of the joint probability lies at treated
        risks outside [0, 1]. Up to that share is left out, counted and stated; never clipped.

    References
    ----------
    Newcombe and Bender (2014), Evid Based Med 19:6, on why the baseline's uncertainty counts.

    Examples
    --------
    >>> from riskmodel.evidence.families import Family
    >>> baseline = Family("beta", 60 * 0.121, 60 * 0.879)
    >>> ratio = Family("lognormal", np.log(0.62), 0.2351)
    >>> found = absolute_effect(baseline, ratio, "relative_risk")
    >>> round(-1000 * found.risk_difference.median(), 1)
    41.5
    >>> found.number_needed_to_treat
    'NNTB 24 (NNTB 10.1 to NNTB 559.0)'
    """
    if scale not in _SCALES:
        refuse("scale", scale, ", ".join(_SCALES), did_you_mean(scale, _SCALES))
    level = require_probability("level", level)
    rho = require_number("correlation", correlation)
    if not -1 < rho < 1:
        refuse("correlation", correlation, "strictly between -1 and 1", "give a correlation")
    baseline = distribution_of("baseline", baseline)
    effect = distribution_of("effect", effect)
    _require_risk("baseline", baseline)
    if scale == "own_risk":
        _require_risk("effect", effect)
    if scale not in ("risk_difference", "own_risk") and not log_effect:
        _require_ratio(effect, scale)
    if log_effect and scale in ("risk_difference", "own_risk"):
        refuse("log_effect", True, f"False for a {scale}", "only ratios have a logarithm here")
    difference = RiskDifference(baseline, effect, scale, log_effect, rho)
    share = difference.share_beyond
    if share > MAX_SHARE_BEYOND:
        refuse(
            "scale",
            Phrase(
                f"{scale}, with {share:.2%} of the joint probability at a treated risk"
                " outside [0, 1]"
            ),
            f"at most {MAX_SHARE_BEYOND:.1%}",
            "use odds_ratio or hazard_ratio, converted with convert_effect at the source's "
            "comparator risk, or a baseline within the range that the effect was studied in",
        )
    draws = None
    if n is not None:
        if require_number("n", n, above=0) != int(n):
            refuse("n", n, "a whole number of draws", "give for example 10000")
        if seed is None:
            seed = secrets.randbelow(2**31)
            warnings.warn(
                f"seed: found nothing; drew {seed}; pass seed={seed} to repeat these draws",
                RiskModelWarning,
                stacklevel=2,
            )
        draws = difference.joint_draws(int(n), np.random.default_rng(seed))
    return AbsoluteEffect(
        baseline=baseline,
        effect=effect,
        scale=scale,
        wanted=wanted,
        correlation=rho,
        level=level,
        risk_difference=difference,
        share_beyond=share,
        draws=draws,
        seed=seed if draws is not None else None,
    )


def _require_risk(name: str, distribution) -> None:
    below, above = float(distribution.cdf(-1e-12)), 1 - float(distribution.cdf(1.0))
    if below > MAX_SHARE_BEYOND or above > MAX_SHARE_BEYOND:
        refuse(
            name,
            Phrase(f"a distribution with {below:.2%} below 0 and {above:.2%} above 1"),
            "a distribution of a risk, in [0, 1]",
            "give it as a Beta or logit-normal; divide percentages by 100",
        )


def _require_ratio(effect, scale: str) -> None:
    below = float(effect.cdf(0.0))
    if below > 1e-12:
        refuse(
            "effect",
            Phrase(f"a distribution with {below:.2%} at or below 0"),
            f"a distribution of a {scale}, above 0",
            "if it is of the logarithm of the ratio, say log_effect=True",
        )


@dataclass(frozen=True)
class RiskDifference(Continuous):
    """Distribution of treated risk minus baseline risk, by quadrature.

    Parameters
    ----------
    baseline, effect : distribution
    scale : str
    log_effect : bool
    correlation : float
        Of the Gaussian copula.
    nodes : int
        Of the trapezoid rule over the baseline's standard normal score.
    """

    baseline: Any
    effect: Any
    scale: str
    log_effect: bool = False
    correlation: float = 0.0
    nodes: int = 801

    @cached_property
    def _grid(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the normal scores, their weights, and the baseline risk at each."""
        z, weight = normal_nodes(self.nodes)
        return z, weight, at_score(self.baseline, z)

    def _share_below(self, risk: ArrayLike) -> np.ndarray:
        """Return P(treated risk <= risk | z), one column a node."""
        z, _, baseline = self._grid
        if self.scale == "own_risk":
            limit = np.asarray(risk, dtype=float)
        else:
            # Where the baseline underflows to 0 a ratio leads nowhere else than 0.
            limit = effect_between(baseline, risk, self.scale)
            limit = np.where(np.isnan(limit), np.inf, limit)
        if self.log_effect:
            with np.errstate(divide="ignore"):
                limit = np.log(np.maximum(limit, 0))
        share = np.asarray(self.effect.cdf(limit), dtype=float)
        if self.correlation:
            rho = self.correlation
            share = special.ndtr((special.ndtri(share) - rho * z) / np.sqrt(1 - rho**2))
        return share

    @cached_property
    def _inside(self) -> tuple[np.ndarray, float, float]:
        """Return P(treated risk < 0 | z) at each node, and the joint P(< 0) and P(> 1)."""
        _, weight, baseline = self._grid
        if self.scale in ("relative_risk", *_NEVER_BEYOND):
            below = np.zeros_like(baseline)
        else:
            below = self._share_below(np.zeros_like(baseline))
        above = 0.0
        if self.scale not in _NEVER_BEYOND:
            above = float(weight @ (1 - self._share_below(np.ones_like(baseline))))
        return below, float(weight @ below), max(above, 0.0)

    @property
    def share_beyond(self) -> float:
        """The joint probability at treated risks outside [0, 1], which is left out."""
        return self._inside[1] + self._inside[2]

    def support(self) -> tuple[float, float]:
        """Return the lowest and highest possible value."""
        return -1.0, 1.0

    def cdf(self, x: ArrayLike):
        """Return the probability of a risk difference up to `x`, given a possible treated risk."""
        x = np.asarray(x, dtype=float)
        _, weight, baseline = self._grid
        below, share_below, share_above = self._inside
        flat = np.empty(x.size)
        for index, difference in enumerate(x.ravel()):
            risk = baseline + difference
            share = self._share_below(np.clip(risk, 0, 1)) - below
            flat[index] = weight @ np.where(risk < 0, 0.0, share)
        found = flat / (1 - share_below - share_above)
        return np.clip(found, 0, 1).reshape(x.shape)[()]

    def pdf(self, x: ArrayLike):
        """Return the density at `x`, as the slope of the distribution function nearby."""
        x = np.asarray(x, dtype=float)
        step = 1e-4 * max(self.std(), 1e-9)
        return (self.cdf(x + step) - self.cdf(x - step)) / (2 * step)

    def ppf(self, q: ArrayLike):
        """Return the risk difference below which a probability lies."""
        q = np.asarray(q, dtype=float)
        flat = np.array([invert(self.cdf, one, -1.0, 1.0) for one in q.ravel()])
        return flat.reshape(q.shape)[()]

    @cached_property
    def _mean_and_variance(self) -> tuple[float, float]:
        """Return mean and variance, over a grid of both normal scores.

        Where part of that grid is left out its edge would blur them; there they follow from
        the distribution function, whose slope vanishes at both ends.
        """
        if self.share_beyond > 1e-10:
            return self._moments_of_cdf()
        z, weight, baseline = self._grid
        rho = self.correlation
        # One row of scores serves every baseline unless the two are correlated.
        score = rho * z[:, None] + np.sqrt(1 - rho**2) * z if rho else z[None, :]
        effect = at_score(self.effect, score)
        if self.log_effect:
            effect = np.exp(effect)
        if self.scale == "own_risk":
            risk = np.broadcast_to(effect, (len(z), len(z)))
        else:
            risk = apply_effect(baseline[:, None], effect, self.scale)
        joint = weight[:, None] * weight
        difference = risk - baseline[:, None]
        mean = float((joint * difference).sum())
        return mean, float((joint * (difference - mean) ** 2).sum())

    def _moments_of_cdf(self) -> tuple[float, float]:
        """Return mean and variance: ``E X = b - int F`` and ``E X**2 = b**2 - 2 int x F``."""
        low, high = self.ppf([1e-14, 1 - 1e-14])
        x = np.linspace(low, high, 1601)
        below = self.cdf(x)
        mean = high - np.trapezoid(below, x)
        square = high**2 - 2 * np.trapezoid(x * below, x)
        return float(mean), float(square - mean**2)

    def mean(self) -> float:
        """Return the mean."""
        return self._mean_and_variance[0]

    def var(self) -> float:
        """Return the variance."""
        return self._mean_and_variance[1]

    def rvs(self, size=None, random_state=None):
        """Return draws; `random_state` is a seed or a Generator."""
        count = int(np.prod(size)) if size is not None else 1
        draws = self.joint_draws(count, np.random.default_rng(random_state))[
            "risk_difference"
        ].to_numpy()
        return float(draws[0]) if size is None else draws.reshape(size)

    def joint_draws(self, n: int, rng: np.random.Generator) -> pd.DataFrame:
        """Return draws of baseline risk, effect, treated risk and risk difference, together.

        Draws at a treated risk outside [0, 1] are drawn again.
        """
        parts, missing = [], n
        rho = self.correlation
        while missing > 0:
            z, own = rng.standard_normal((2, missing))
            baseline = at_score(self.baseline, z)
            effect = at_score(self.effect, rho * z + np.sqrt(1 - rho**2) * own)
            if self.log_effect:
                effect = np.exp(effect)
            risk = (
                effect if self.scale == "own_risk" else apply_effect(baseline, effect, self.scale)
            )
            part = pd.DataFrame(
                {
                    "baseline_risk": baseline,
                    "effect": effect,
                    "treated_risk": risk,
                    "risk_difference": risk - baseline,
                }
            )
            part = part[(risk >= 0) & (risk <= 1)]
            parts.append(part)
            missing -= len(part)
        return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True)
class AbsoluteEffect:
    """A risk difference with its number needed to treat, and what it rests on.

    Attributes
    ----------
    baseline, effect : distribution
    scale : str
    wanted : bool
    correlation : float
    level : float
    risk_difference : RiskDifference
        Treatment minus comparator.
    share_beyond : float
        Joint probability left out for a treated risk outside [0, 1].
    draws : DataFrame or None
    seed : int or None
    """

    baseline: Any
    effect: Any
    scale: str
    wanted: bool
    correlation: float
    level: float
    risk_difference: RiskDifference
    share_beyond: float
    draws: pd.DataFrame | None
    seed: int | None

    @cached_property
    def _limits(self) -> tuple[float, float, float]:
        lower, upper = self.risk_difference.interval(self.level)
        return lower, self.risk_difference.median(), upper

    @property
    def number_needed_to_treat(self) -> str:
        """The reciprocal of the median risk difference, with its limits, printed Altman's way."""
        lower, median, upper = self._limits
        return format_nnt(median, lower, upper, wanted=self.wanted)

    def prob_benefit(self) -> float:
        """Return the probability that treatment changes the risk to the patient's benefit."""
        below = float(self.risk_difference.cdf(0.0))
        return 1 - below if self.wanted else below

    def prob_nntb_below(self, k: float) -> float:
        """Return the probability of a number needed to treat to benefit below `k`.

        That is the probability of a benefit, as a difference of risks, above ``1 / k``.
        """
        k = require_number("k", k)
        if k < 1:
            refuse("k", k, "1 or more", "no fewer than one patient is treated for one event")
        if self.wanted:
            return 1 - float(self.risk_difference.cdf(1 / k))
        return float(self.risk_difference.cdf(-1 / k))

    @cached_property
    def table(self) -> pd.DataFrame:
        """Baseline risk and risk difference, as proportions and per 1000."""
        rows = []
        for name, found in (("baseline_risk", self.baseline), ("risk_difference", None)):
            if found is None:
                lower, median, upper = self._limits
                mean = self.risk_difference.mean()
            else:
                tail = (1 - self.level) / 2
                lower, median, upper = (float(found.ppf(q)) for q in (tail, 0.5, 1 - tail))
                mean = float(found.mean())
            rows.append((name, mean, median, lower, upper))
        table = pd.DataFrame(rows, columns=["quantity", "mean", "median", "lower", "upper"])
        for column in ("mean", "median", "lower", "upper"):
            table[f"{column}_per_1000"] = 1000 * table[column]
        return table.assign(level=self.level, interval_kind="equal-tailed credible")

    @property
    def statement(self) -> str:
        """The result in one sentence, with the assumptions that made it."""
        lower, median, upper = (1000 * x for x in self._limits)
        tie = (
            "baseline risk and effect taken as independent"
            if self.correlation == 0
            else f"baseline risk and effect correlated at {self.correlation:g} (Gaussian copula)"
        )
        beyond = (
            f"; {self.share_beyond:.3%} at treated risks outside [0, 1] left out"
            if self.share_beyond >= 5e-6
            else ""
        )
        return (
            f"{median:+.1f} events per 1000 ({self.level:.0%} credible interval {lower:+.1f} to "
            f"{upper:+.1f}), {self.number_needed_to_treat}; probability of benefit "
            f"{self.prob_benefit():.3f}; {tie}{beyond}"
        )

    def __str__(self) -> str:
        return self.statement
