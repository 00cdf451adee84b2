"""Giving less weight to evidence that is not randomised, or not about these patients.

Three ways, each with the evidence left out and taken at face value beside what was chosen:

==================  ===============================================================================
power prior         the likelihood to the power a0: a normal's variance over a0, a Beta's counts
                    times a0
additive bias       ``y ~ N(theta + beta, s**2)``, ``beta ~ N(b, d**2)``: centre minus b, variance
                    plus ``d**2``; its a0 is ``s**2 / (s**2 + d**2)``
robust mixture      with the stated weight the evidence, otherwise a vague distribution; a0 is that
                    weight, and what was known directly moves it
==================  ===============================================================================

These mostly widen: only a stated bias moves the centre. The `tipping_point` is the set of a0 for
which a claim holds; it may be empty, or not an interval from some a0 up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from riskmodel.errors import NOTHING, Phrase
from riskmodel.evidence.distributions import NormalMixture
from riskmodel.evidence.families import (
    Family,
    Mixture,
    refuse,
    require_counts,
    require_number,
    require_probability,
)
from riskmodel.evidence.trust_levels import default_strength

Claim = Callable[[Any], bool] | tuple[str, float, float]
_CLAIMS = ("prob_below", "prob_above")


def discount(
    *,
    estimate: float | None = None,
    standard_error: float | None = None,
    events: float | None = None,
    n: int | None = None,
    a0: float | None = None,
    bias_mean: float | None = None,
    bias_sd: float | None = None,
    weight: float | None = None,
    vague: tuple[float, float] | None = None,
    prior: tuple[float, float] | None = None,
    level: str | None = None,
    system: str = "ROBINS-I",
    because: str | None = None,
    claim: Claim | None = None,
    prob: float = 0.95,
) -> Discounted:
    """Return what evidence says after a discount, beside nothing and all of it.

    Parameters
    ----------
    estimate, standard_error : float
        Of the evidence, on a scale where it is normal: a log ratio or a difference.
    events, n : int
        Or its counts, for a risk.
    a0 : float
        Of a power prior, in [0, 1].
    bias_mean, bias_sd : float
        Or mean and standard deviation (0 or more) of the additive bias, in the unit of the
        estimate; one that is left out is 0.
    weight : float
        Or the weight of the evidence in a robust mixture, in [0, 1].
    vague : tuple of float
        The mixture's other part: mean and standard deviation, or the two shapes of a Beta
        (1, 1 for counts if left out).
    prior : tuple of float
        What is known without this evidence, as from randomised trials: mean and standard error, or
        the two shapes of a Beta (1, 1 for counts if left out; for an estimate, flat).
    level, system : str
        A grade of trust in place of a number: ROBINS-I (low, moderate, serious, critical) or GRADE
        (high, moderate, low, very low). It stands for a default a0, or weight where `vague` is
        given, and is marked as assumed.
    because : str
        Why this much.
    claim : callable or tuple
        Shown as held or not in each row: see `tipping_point`.
    prob : float
        Of the equal-tailed intervals of the table.

    Returns
    -------
    Discounted

    Raises
    ------
    ParameterError
        If a number is out of range, or two discounts or two kinds of evidence are given.

    References
    ----------
    Ibrahim and Chen (2000), Stat Sci 15:46, for the power prior; Turner et al. (2009), J R Stat Soc
    A 172:21, for additive bias; Schmidli et al. (2014), Biometrics 70:1023, for the mixture.

    Examples
    --------
    >>> found = discount(events=4, n=5, a0=0.2)
    >>> print(found.distribution)
    beta(first shape 1.8, second shape 1.2)
    >>> [round(end, 2) for end in found.distribution.interval(0.95)]
    [0.11, 0.97]
    """
    counts = events is not None or n is not None
    if counts == (estimate is not None or standard_error is not None):
        refuse(
            "estimate",
            Phrase("both kinds of evidence" if counts else NOTHING),
            "estimate with standard_error, or events with n",
            "give one of the two",
        )
    bias = _bias(bias_mean, bias_sd)
    method, strength, note = _strength(a0, bias, weight, vague, level, system)
    if counts:
        if method == "additive bias":
            refuse(
                "bias_mean" if bias_mean is not None else "bias_sd",
                bias,
                "a bias of a normal estimate",
                "give the log odds and their standard error, with a bias on that scale",
            )
        _require_both({"events": events, "n": n})
        evidence = require_counts(events, n)
        prior = _pair("prior", prior or (1.0, 1.0), positive=(True, True))
        vague = _pair("vague", vague or (1.0, 1.0), positive=(True, True))
    else:
        _require_both({"estimate": estimate, "standard_error": standard_error})
        evidence = (
            require_number("estimate", estimate),
            require_number("standard_error", standard_error, above=0),
        )
        prior = _pair("prior", prior, positive=(False, True)) if prior else None
        if method == "robust mixture" and vague is None:
            refuse(
                "vague",
                NOTHING,
                "mean and standard deviation of the vague part",
                "give what would be believed if the evidence were worth nothing",
            )
        vague = _pair("vague", vague, positive=(False, True)) if vague else None
    return Discounted(
        method=method,
        evidence=evidence,
        counts=counts,
        a0=strength,
        bias_mean=bias and bias[0],
        bias_sd=bias and bias[1],
        vague=vague,
        prior=prior,
        assumption=note + (f"; {because}" if because else ""),
        claim=_checked_claim(claim) if claim is not None else None,
        prob=require_probability("prob", prob),
    )


def _bias(mean, sd) -> tuple[float, float] | None:
    """Return mean and standard deviation of a bias, 0 for what is left out; None without any."""
    if mean is None and sd is None:
        return None
    mean = require_number("bias_mean", 0.0 if mean is None else mean)
    sd = require_number("bias_sd", 0.0 if sd is None else sd)
    if sd < 0:
        refuse("bias_sd", sd, "a standard deviation, 0 or more", "give it without its sign")
    return mean, sd


def _require_both(given: dict[str, Any]) -> None:
    """Refuse half of the evidence, by the name of what is missing."""
    for name, other in zip(given, reversed(given), strict=True):
        if given[name] is None:
            refuse(name, NOTHING, f"a number, beside {other}", "give both, as printed")


def _pair(name: str, pair, *, positive: tuple[bool, bool]) -> tuple[float, float]:
    try:
        first, second = pair
    except (TypeError, ValueError):
        refuse(name, pair, "two numbers", "see the docstring for what they are")
    return tuple(
        require_number(name, x, above=0 if above else None)
        for x, above in zip((first, second), positive, strict=True)
    )


def _strength(a0, bias, weight, vague, level, system) -> tuple[str, float | None, str]:
    """Return the method, its a0 (None for a bias), and the assumption in words."""
    given = [
        n
        for n, x in (("a0", a0), ("bias", bias), ("weight", weight), ("level", level))
        if x is not None
    ]
    if len(given) != 1:
        refuse(
            "a0",
            Phrase(" and ".join(given) or NOTHING),
            "one of a0, bias, weight and level",
            "choose how the evidence is discounted; a0=1 takes it at face value",
        )
    if level is not None:
        value = default_strength(level, system)
        method = "power prior" if vague is None else "robust mixture"
        return (
            method,
            value,
            (
                f"{system} '{level}' taken as {'a0' if vague is None else 'weight'} = {value:g}, a "
                "default of this package (assumed)"
            ),
        )
    if bias is not None:
        mean, sd = bias
        return "additive bias", None, f"bias N({mean:g}, sd {sd:g}) (assumed)"
    if a0 is not None:
        if vague is not None:
            refuse("vague", vague, "nothing beside a0", "the vague part goes with `weight`")
        value = require_probability("a0", a0, ends=True)
        return "power prior", value, f"a0 = {value:g} (assumed)"
    value = require_probability("weight", weight, ends=True)
    return "robust mixture", value, f"weight of the evidence {value:g} (assumed)"


@dataclass(frozen=True)
class Discounted:
    """Evidence after a discount.

    Attributes
    ----------
    method : {"power prior", "additive bias", "robust mixture"}
    evidence : tuple of float
        Estimate and standard error, or events and n.
    counts : bool
    a0 : float or None
        The chosen strength; None for a bias, whose equivalent is `strength`.
    bias_mean, bias_sd : float or None
    vague, prior : tuple of float or None
    assumption : str
        The discount in words; always assumed.
    claim : callable or tuple or None
    prob : float
    badge : str
    """

    method: str
    evidence: tuple[float, float]
    counts: bool
    a0: float | None
    bias_mean: float | None
    bias_sd: float | None
    vague: tuple[float, float] | None
    prior: tuple[float, float] | None
    assumption: str
    claim: Claim | None
    prob: float
    badge: str = "assumed"

    @property
    def strength(self) -> float:
        """The chosen a0; for a bias the share of the evidence's precision that is left.

        nan for a bias without spread: it moves the evidence and takes nothing from its weight.
        """
        return np.nan if self._has_no_a0 else self._precision_left

    @property
    def _has_no_a0(self) -> bool:
        """Whether a bias moves the centre at full precision, which no a0 stands for."""
        return self.a0 is None and self.bias_mean != 0 and self._precision_left == 1

    @property
    def _precision_left(self) -> float:
        if self.a0 is not None:
            return self.a0
        variance = self.evidence[1] ** 2
        return variance / (variance + self.bias_sd**2)

    @property
    def distribution(self):
        """What is believed after the discount."""
        if self.method == "additive bias":
            return _normal(self.prior, self.evidence[0] - self.bias_mean, self._biased_variance)
        return self.at(self.a0)

    @property
    def _biased_variance(self) -> float:
        return self.evidence[1] ** 2 + self.bias_sd**2

    def at(self, a0: float):
        """Return what would be believed at another a0, or None where nothing would be known.

        For an additive bias, the evidence counts with precision times `a0` and a bias whose mean is
        in proportion, so that 1 is face value and `strength` is what was chosen. A bias without
        spread has no a0: then only 0 and 1, nothing and face value, are answered.
        """
        if self._has_no_a0 and a0 not in (0, 1):
            _refuse_without_spread(self.bias_sd)
        a0 = require_probability("a0", a0, ends=True)
        if self.method == "robust mixture":
            return self._mixture(a0)
        if self.counts:
            events, n = self.evidence
            return Family("beta", self.prior[0] + a0 * events, self.prior[1] + a0 * (n - events))
        estimate, error = self.evidence
        if self.method == "additive bias" and a0 < 1:
            chosen = self.strength
            if self.bias_mean != 0:  # so that chosen is below 1
                estimate -= min((1 - a0) / (1 - chosen), 1.0) * self.bias_mean
        return _normal(self.prior, estimate, error**2 / a0 if a0 else np.inf)

    def _mixture(self, weight: float):
        if self.counts:
            return _beta_mixture(weight, self.evidence, self.vague, self.prior)
        return _normal_mixture(weight, self.evidence, self.vague, self.prior)

    @property
    def prior_share(self) -> float:
        """The share of the posterior's precision that does not come from this evidence.

        Precision is one over the variance for an estimate, and the sum of the two shapes, which is
        patients, for counts; 0 without a prior, nan for a mixture, which has no single precision.
        """
        if self.method == "robust mixture":
            return float("nan")
        if self.counts:
            before = sum(self.prior)
            return before / (before + self.a0 * self.evidence[1])
        if self.prior is None:
            return 0.0
        before = self.prior[1] ** -2
        return before / (before + self._precision_left / self.evidence[1] ** 2)

    @property
    def table(self) -> pd.DataFrame:
        """The evidence left out, discounted as chosen, and at face value.

        The a0 of a bias without spread is nan: it has none.
        """
        lower, upper = (1 - self.prob) / 2, (1 + self.prob) / 2
        rows = []
        chosen = (self.strength, "chosen", self.distribution)
        for a0, which, found in (
            (0.0, "left out", self.at(0.0)),
            chosen,
            (1.0, "face value", self.at(1.0)),
        ):
            row = {"a0": a0, "evidence": which}
            if found is None:
                row |= {
                    "mean": np.nan,
                    "standard_deviation": np.inf,
                    "lower": -np.inf,
                    "median": np.nan,
                    "upper": np.inf,
                }
            else:
                row |= {
                    "mean": float(found.mean()),
                    "standard_deviation": float(found.std()),
                    "lower": float(found.ppf(lower)),
                    "median": float(found.ppf(0.5)),
                    "upper": float(found.ppf(upper)),
                }
            row |= {"level": self.prob}
            if self.claim is not None:
                row["claim_holds"] = _holds(self.claim, found)
            rows.append(row)
        return pd.DataFrame(rows)

    @property
    def rule(self) -> str:
        """The discount in words."""
        return f"{self.method}, {self.assumption}"


def _refuse_without_spread(sd):
    refuse(
        "bias_sd",
        sd,
        "a standard deviation above 0",
        "a bias without spread has no a0: see its table, or give the standard deviation of the "
        "bias",
    )


def _normal(prior, estimate: float, variance: float) -> Family | None:
    """Return the normal of a prior and an estimate together; None where neither says anything."""
    precision, total = 0.0, 0.0
    if np.isfinite(variance):
        precision, total = 1 / variance, estimate / variance
    if prior is not None:
        precision += prior[1] ** -2
        total += prior[0] * prior[1] ** -2
    if precision == 0:
        return None
    return Family("normal", total / precision, precision**-0.5)


def _normal_mixture(weight, evidence, vague, prior) -> NormalMixture:
    """Return the mixture, each part updated by the prior and weighed by how well it foresaw it."""
    means, errors = np.array([evidence, vague], dtype=float).T
    shares = np.array([weight, 1 - weight])
    if prior is not None:
        spread = np.hypot(errors, prior[1])
        with np.errstate(divide="ignore"):
            log = np.log(shares) - 0.5 * ((prior[0] - means) / spread) ** 2 - np.log(spread)
        shares = np.exp(log - special.logsumexp(log))
        parts = [_normal(prior, m, s**2) for m, s in zip(means, errors, strict=True)]
        means, errors = np.array([(part.first, part.second) for part in parts]).T
    return NormalMixture(shares, means, errors)


def _beta_mixture(weight, evidence, vague, prior) -> Mixture:
    """Return the mixture of two Betas; a prior other than (1, 1) counts as (a - 1) of (a + b - 2).

    As a likelihood a Beta(a, b) density is proportional to one of a - 1 events among a + b - 2.
    """
    events, n = evidence
    parts = np.array([(1 + events, 1 + n - events), vague], dtype=float)
    more = np.array(prior) - 1
    after = parts + more
    if (after <= 0).any():
        refuse("prior", prior, "shapes that leave both parts proper", "give shapes of 1 or more")
    with np.errstate(divide="ignore"):
        log = np.log([weight, 1 - weight]) + special.betaln(*after.T) - special.betaln(*parts.T)
    shares = np.exp(log - special.logsumexp(log))
    return Mixture(
        tuple(Family("beta", float(a), float(b)) for a, b in after), tuple(map(float, shares))
    )


# --- for which discounts a claim holds ------------------------------------------------------------


@dataclass(frozen=True)
class TippingPoint:
    """The set of a0 for which a claim holds.

    Attributes
    ----------
    intervals : tuple of (float, float)
        In order, apart, ends included to 1e-9; none where the claim never holds.
    claim : str
    table : DataFrame
        Columns ``a0, claim_holds``, and ``probability`` for a claim about one.
    """

    intervals: tuple[tuple[float, float], ...]
    claim: str
    table: pd.DataFrame

    def holds(self, a0: float) -> bool:
        """Say whether the claim holds at one a0."""
        return any(low <= a0 <= high for low, high in self.intervals)

    def __str__(self) -> str:
        if not self.intervals:
            return f"{self.claim}: for no a0 from 0 to 1"
        parts = [
            _span(low, high) if high > low else f"{low:.3f} alone" for low, high in self.intervals
        ]
        return f"{self.claim}: for a0 from {' and from '.join(parts)}"


def _span(low: float, high: float) -> str:
    """Return both ends with as many decimals as tell them apart, 3 at least."""
    for digits in range(3, 13):
        text = f"{low:.{digits}f}", f"{high:.{digits}f}"
        if text[0] != text[1]:
            break
    return " to ".join(text)


def tipping_point(
    evidence: Discounted | Callable[[float], Any], claim: Claim, *, points: int = 1001
) -> TippingPoint:
    """Return the a0 for which a claim holds, as a union of intervals.

    Parameters
    ----------
    evidence : Discounted, or callable
        What is believed at each a0 from 0 to 1; a callable gives a distribution, or None where
        nothing is known, and then no claim holds.
    claim : callable, or (kind, value, probability)
        A callable takes the distribution and gives True or False. ``("prob_below", 0, 0.95)`` is a
        probability of at least 0.95 below 0; ``prob_above`` likewise.
    points : int
        Of the grid on [0, 1]; changes are refined by bisection to 1e-10. A stretch narrower than
        the grid can be missed by a callable; for the named claims the extremes of the probability
        between points are sought too.

    Returns
    -------
    TippingPoint

    Raises
    ------
    ParameterError
        For a bias with a standard deviation of 0, which has no a0.

    Notes
    -----
    The a0 of an additive bias N(b, d**2) is ``s**2 / (s**2 + d**2)``, the share of the evidence's
    precision that is left. At another a0 the evidence has variance ``s**2 / a0``, and its centre is
    moved by ``b * (1 - a0) / (1 - chosen a0)``, at most b: nothing at face value, all of b at the
    chosen a0 and below. So a0 stands for d and b together, and for neither alone; with d = 0 the
    chosen a0 would be that of face value, and with b = 0 it is the a0 of a power prior.

    Examples
    --------
    >>> trial = discount(estimate=-0.4, standard_error=0.2, prior=(-0.2, 0.3), level="serious")
    >>> print(tipping_point(trial, ("prob_below", 0, 0.95)))
    probability below 0 of at least 0.95: for a0 from 0.630 to 1.000
    """
    claim = _checked_claim(claim)
    if isinstance(evidence, Discounted) and evidence._has_no_a0:
        _refuse_without_spread(evidence.bias_sd)
    if points < 3 or points != int(points):
        refuse("points", points, "a whole number, 3 or more", "the default is 1001")
    at = evidence.at if isinstance(evidence, Discounted) else evidence

    def margin(a0: float) -> float:
        """Return how far the claim holds; its sign alone counts for a callable."""
        found = at(float(a0))
        if callable(claim):
            return 0.0 if _holds(claim, found) else -1.0
        return _probability(claim, found) - claim[2]

    grid = np.linspace(0.0, 1.0, int(points))
    margins = np.array([margin(a0) for a0 in grid])
    if not callable(claim):
        grid, margins = _with_extremes(margin, grid, margins)
    holds = margins >= 0
    table = pd.DataFrame({"a0": grid, "claim_holds": holds})
    if not callable(claim):
        table["probability"] = margins + claim[2]
    return TippingPoint(tuple(_stretches(margin, grid, holds)), _claim_words(claim), table)


def _checked_claim(claim) -> Claim:
    if callable(claim):
        return claim
    if not isinstance(claim, Sequence) or len(claim) != 3 or claim[0] not in _CLAIMS:
        refuse(
            "claim",
            claim,
            "a callable, or (prob_below or prob_above, value, probability)",
            'write for example ("prob_below", 0, 0.95)',
        )
    return claim[0], require_number("claim", claim[1]), require_probability("claim", claim[2])


def _claim_words(claim: Claim) -> str:
    if callable(claim):
        return getattr(claim, "__name__", "claim").strip("<>") or "claim"
    return f"probability {claim[0][5:]} {claim[1]:g} of at least {claim[2]:g}"


def _probability(claim, found) -> float:
    if found is None:
        return 0.0
    below = float(found.cdf(claim[1]))
    return below if claim[0] == "prob_below" else 1 - below


def _holds(claim: Claim, found) -> bool:
    if found is None:
        return False
    return bool(claim(found)) if callable(claim) else _probability(claim, found) >= claim[2]


def _with_extremes(margin, grid: np.ndarray, margins: np.ndarray):
    """Add the extremes between grid points whose sign may differ from their neighbours'."""
    from scipy.optimize import minimize_scalar

    added = []
    for i in range(1, len(grid) - 1):
        before, here, after = margins[i - 1 : i + 2]
        top = here < 0 and here >= before and here >= after
        bottom = here >= 0 and here <= before and here <= after
        if not (top or bottom):
            continue
        sign = -1.0 if top else 1.0
        found = minimize_scalar(
            lambda a0, sign=sign: sign * margin(a0),
            bounds=(grid[i - 1], grid[i + 1]),
            method="bounded",
            options={"xatol": 1e-12},
        )
        if (sign * found.fun >= 0) != (here >= 0):
            added.append((found.x, sign * found.fun))
    if not added:
        return grid, margins
    more_grid, more = np.array(added).T
    order = np.argsort(np.concatenate([grid, more_grid]))
    return np.concatenate([grid, more_grid])[order], np.concatenate([margins, more])[order]


def _stretches(margin, grid: np.ndarray, holds: np.ndarray):
    """Yield the ends of each stretch of a0 where the claim holds."""
    start = float(grid[0]) if holds[0] else None
    for i in range(1, len(grid)):
        if holds[i] == holds[i - 1]:
            continue
        edge = _edge(margin, grid[i - 1], grid[i], rising=bool(holds[i]))
        if holds[i]:
            start = edge
        else:
            yield start, edge
            start = None
    if start is not None:
        yield start, float(grid[-1])


def _edge(margin, low: float, high: float, *, rising: bool) -> float:
    """Return the last a0 that holds, from the side where it does, by bisection."""
    while high - low > 1e-10:
        middle = 0.5 * (low + high)
        if (margin(middle) >= 0) == rising:
            high = middle
        else:
            low = middle
    return float(high if rising else low)
