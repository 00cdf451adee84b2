"""What a fitted time to recovery says: curves, medians, means and chances, with what is prior."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from riskmodel.errors import NOTHING, did_you_mean
from riskmodel.evidence.families import refuse, require_number, require_probability
from riskmodel.evidence.recovery_data import Patients
from riskmodel.evidence.recovery_families import both_tails, mean_of_curve, quantile
from riskmodel.evidence.recovery_families import restricted_mean as mean_without_cure
from riskmodel.evidence.recovery_follow_up import FollowUp, longest_observation
from riskmodel.evidence.recovery_likelihood import Parameters
from riskmodel.evidence.recovery_priors import RecoveryPriors
from riskmodel.evidence.recovery_summaries import RecoverySummary
from riskmodel.models.drawn_distribution import DrawnDistribution
from riskmodel.models.posterior import CHAINS

if TYPE_CHECKING:
    import pandas as pd


class RecoveryQuantity(DrawnDistribution):
    """A quantity of a recovery model: draws that may be infinite, and what of them is prior.

    Parameters
    ----------
    draws : array_like, shape (chain, draw)
        Infinite where a time is never reached.
    prior_share : float
        Share of the posterior's precision that is the prior's; see :func:`prior_share`.
    """

    def __init__(self, draws: ArrayLike, prior_share: float = float("nan")):
        super().__init__(draws)
        self.prior_share = float(prior_share)

    def __repr__(self) -> str:
        lower, upper = self.interval(0.95)
        return (
            f"RecoveryQuantity(median {self.median():.4g}, 95% {lower:.4g} to {upper:.4g}, "
            f"prior share {self.prior_share:.0%})"
        )

    @property
    def probability_infinite(self) -> float:
        """The share of draws in which the time is never reached."""
        return float(np.mean(np.isinf(self._sorted)))

    def ppf(self, q: ArrayLike):
        """Return the quantiles of the draws; infinite where that share of them is."""
        if not np.isinf(self._sorted[-1]):
            return super().ppf(q)
        q = np.asarray(q, dtype=float)
        inside = (q >= 0) & (q <= 1)
        place = np.clip(np.ceil(np.clip(q, 0, 1) * len(self._sorted)).astype(int) - 1, 0, None)
        return np.where(inside, self._sorted[place], np.nan)[()]

    def var(self) -> float:
        """Return the variance; infinite if any draw is."""
        return float("inf") if np.isinf(self._sorted[-1]) else super().var()

    def std(self) -> float:
        """Return the standard deviation; infinite if any draw is."""
        return float("inf") if np.isinf(self._sorted[-1]) else super().std()


def prior_share(prior: ArrayLike, posterior: ArrayLike) -> np.ndarray:
    """Return the share of a posterior's precision that its prior already had.

    Parameters
    ----------
    prior, posterior : array_like, shape (draw, ...)
        Draws; they may be infinite.

    Returns
    -------
    ndarray, shape (...)
        In [0, 1]: variance of the posterior on the scale on which the prior is standard normal;
        nan for what is constant.

    Notes
    -----
    Both are put through ``Phi^-1(rank in the prior)``, so the answer is the same for a quantity
    and any rising function of it. For a normal prior and likelihood it is prior precision over
    posterior precision. A posterior wider than its prior gives 1.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> float(prior_share(rng.normal(0, 2, 20_000), rng.normal(0.3, 1, 20_000)).round(2))
    0.25
    """
    prior, posterior = np.asarray(prior, dtype=float), np.asarray(posterior, dtype=float)
    shape = posterior.shape[1:]
    prior = np.sort(prior.reshape(len(prior), -1), axis=0)
    posterior = posterior.reshape(len(posterior), -1)
    found = np.empty(posterior.shape[1])
    for place in range(posterior.shape[1]):
        known, one = prior[:, place], posterior[:, place]
        if known[0] == known[-1]:  # nothing to learn of a constant
            found[place] = np.nan
            continue
        rank = np.searchsorted(known, one, side="left") + np.searchsorted(known, one, side="right")
        score = special.ndtri((rank / 2 + 0.5) / (len(known) + 1))
        found[place] = min(1.0, np.var(score) / _score_variance(known))
    return found.reshape(shape)[()]


def _score_variance(known: np.ndarray) -> float:
    """Return the variance of the prior's own scores: 1, or less where many draws are equal."""
    rank = np.searchsorted(known, known, side="left") + np.searchsorted(known, known, side="right")
    return float(np.var(special.ndtri((rank / 2 + 0.5) / (len(known) + 1))))


@dataclass(frozen=True)
class FamilyDraws:
    """Draws of one family, prior and posterior.

    Attributes
    ----------
    family, cure : str
    weight : float
        1, or the family's weight in an average.
    posterior : Parameters
        Chains laid end to end.
    prior : Parameters
    priors : RecoveryPriors
    """

    family: str
    cure: str
    weight: float
    posterior: Parameters = field(repr=False)
    prior: Parameters = field(repr=False)
    priors: RecoveryPriors = field(repr=False)


Curve = Callable[[str, str, Parameters], np.ndarray]


def survival_of(family: str, cure: str, parameters: Parameters, time: ArrayLike) -> np.ndarray:
    """Return the probability of not having recovered by each time, shape (draw, time)."""
    time = np.atleast_1d(np.asarray(time, dtype=float))
    shape = None if parameters.shape is None else parameters.shape[:, None]
    location, spread = parameters.location[:, None], parameters.spread[:, None]
    not_yet, recovered = both_tails(family, time, location, spread, shape)
    if cure == "none":
        return np.exp(not_yet)
    if cure == "promotion":
        return np.exp(parameters.log_never[:, None] * np.exp(recovered))
    never, ever = np.exp(parameters.log_never)[:, None], np.exp(parameters.log_ever)[:, None]
    return never + ever * np.exp(not_yet)


def recovered_of(family: str, cure: str, parameters: Parameters, time: ArrayLike) -> np.ndarray:
    """Return the probability of having recovered by each time, shape (draw, time).

    Not one minus survival, so that a chance of 1e-20 stays one.
    """
    time = np.atleast_1d(np.asarray(time, dtype=float))
    shape = None if parameters.shape is None else parameters.shape[:, None]
    location, spread = parameters.location[:, None], parameters.spread[:, None]
    share = np.exp(both_tails(family, time, location, spread, shape)[1])
    if cure == "none":
        return share
    if cure == "promotion":
        return -np.expm1(parameters.log_never[:, None] * share)
    return np.exp(parameters.log_ever)[:, None] * share


def quantile_of(family: str, cure: str, parameters: Parameters, share: float) -> np.ndarray:
    """Return when a share of everyone has recovered, shape (draw,); infinite if never."""
    needed = np.full(len(parameters), share)
    with np.errstate(divide="ignore", over="ignore"):
        if cure == "mixture":
            needed = share * np.exp(-parameters.log_ever)
        elif cure == "promotion":
            needed = np.log1p(-share) / parameters.log_never
    reached = needed < 1
    inner = quantile(
        family,
        np.where(reached, needed, 0.5),
        parameters.location,
        parameters.spread,
        parameters.shape,
    )
    return np.where(reached, inner, np.inf)


def restricted_mean_of(
    family: str, cure: str, parameters: Parameters, horizon: float
) -> np.ndarray:
    """Return the mean time without recovery up to a horizon, shape (draw,).

    In closed form, but for the promotion model, which has none and is integrated.
    """
    if cure == "promotion":
        shape = None if parameters.shape is None else parameters.shape

        def curve(time):
            _, recovered = both_tails(family, time, parameters.location, parameters.spread, shape)
            return np.exp(parameters.log_never * np.exp(recovered))

        return mean_of_curve(curve, np.full(len(parameters), horizon))
    inner = mean_without_cure(
        family, horizon, parameters.location, parameters.spread, parameters.shape
    )
    if cure == "none":
        return inner
    return np.exp(parameters.log_never) * horizon + np.exp(parameters.log_ever) * inner


@dataclass(frozen=True)
class Recovery:
    """A fitted time to recovery.

    Attributes
    ----------
    parts : tuple of FamilyDraws
        One family, or those that are averaged.
    endpoint : str or None
        What has happened at that time; None was not declared.
    time_unit : str
        Of every time in every table.
    time_from : str
        What time is counted from.
    patients : Patients
    summaries : tuple of RecoverySummary
    centre, scale : ndarray, shape (covariate,)
        What covariates were centred and divided by.
    follow_up : FollowUp or None
        None without a cure fraction.
    weights : DataFrame or None
        Of an average: families, their weights and what these rest on.
    record : dict
        Seed, draws, diagnostics, seconds, priors in words, versions.
    """

    parts: tuple[FamilyDraws, ...]
    endpoint: str | None
    time_unit: str
    time_from: str
    patients: Patients = field(repr=False)
    summaries: tuple[RecoverySummary, ...] = field(repr=False)
    centre: np.ndarray = field(repr=False)
    scale: np.ndarray = field(repr=False)
    follow_up: FollowUp | None = None
    weights: pd.DataFrame | None = field(default=None, repr=False)
    record: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        families = " + ".join(part.family for part in self.parts)
        return (
            f"Recovery to {self.endpoint or 'an endpoint not declared'}: {families}, "
            f"cure {self.cure}, {len(self.patients)} patients, {len(self.summaries)} summaries, "
            f"seed {self.record.get('seed')}"
        )

    @property
    def cure(self) -> str:
        """The cure model, the same for every family."""
        return self.parts[0].cure

    @property
    def family(self) -> str:
        """The family, or ``average``."""
        return self.parts[0].family if len(self.parts) == 1 else "average"

    @property
    def assumed(self) -> bool:
        """Whether a summary's weight is somebody's judgement."""
        return any(summary.assumed for summary in self.summaries)

    # --- quantities -------------------------------------------------------------------------

    @property
    def never_recovered(self) -> RecoveryQuantity:
        """The fraction that never recovers, at the covariates' centre; 0 where none is modelled."""
        return self.never_recovered_at()

    def never_recovered_at(self, at: Mapping[str, float] | None = None) -> RecoveryQuantity:
        """Return the fraction that never recovers for patients with given covariates."""
        if self.cure == "none":
            return RecoveryQuantity(np.zeros((CHAINS, len(self.parts[0].posterior) // CHAINS)), 1.0)
        return self._quantity(lambda family, cure, p: np.exp(p.log_never), at)

    @property
    def median(self) -> RecoveryQuantity:
        """When half of everyone has recovered; infinite in draws in which that never happens."""
        return self.quantile(0.5)

    def quantile(self, q: float, *, at: Mapping[str, float] | None = None) -> RecoveryQuantity:
        """Return when a share of everyone has recovered.

        Parameters
        ----------
        q : float
            In (0, 1).
        at : mapping, optional
            Covariates; the centre of the data where left out.

        Returns
        -------
        RecoveryQuantity
            In :attr:`time_unit`; draws are infinite where more than ``1 - q`` never recover, and
            so may be an end of its interval.
        """
        share = require_probability("q", q)
        return self._quantity(lambda family, cure, p: quantile_of(family, cure, p, share), at)

    def restricted_mean(
        self, horizon: float, *, at: Mapping[str, float] | None = None
    ) -> RecoveryQuantity:
        """Return the mean time without recovery from 0 to a horizon, in :attr:`time_unit`."""
        end = require_number("horizon", horizon, above=0)
        return self._quantity(lambda family, cure, p: restricted_mean_of(family, cure, p, end), at)

    def recovered_by(
        self, time: float, *, at: Mapping[str, float] | None = None
    ) -> RecoveryQuantity:
        """Return the probability of having recovered by a time."""
        end = require_number("time", time, above=0)
        return self._quantity(lambda *one: recovered_of(*one, end)[:, 0], at)

    def recovered_by_given(
        self, already: float, further: float, *, at: Mapping[str, float] | None = None
    ) -> RecoveryQuantity:
        """Return P(recovered by ``already + further`` | not by ``already``).

        Parameters
        ----------
        already : float
            Time gone by without recovery; 0 or more.
        further : float
            Time from now on; above 0.
        at : mapping, optional
        """
        gone = require_number("already", already)
        if gone < 0:
            refuse("already", already, "0 or more", "give the time that has gone by")
        more = require_number("further", further, above=0)

        def given(family, cure, parameters):
            both = survival_of(family, cure, parameters, [gone, gone + more])
            with np.errstate(invalid="ignore", divide="ignore"):
                ratio = both[:, 1] / both[:, 0]
            # Nobody left at `already`, to the last digit: what is left goes at once.
            return 1 - np.where(both[:, 0] > 0, ratio, 0.0)

        return self._quantity(given, at)

    def parameters(self, family: str | None = None) -> dict[str, RecoveryQuantity]:
        """Return the parameters of a family as distributions.

        Parameters
        ----------
        family : str, optional
            Needed for an average.

        Returns
        -------
        dict
            ``typical_time`` (of the mode of log time's density), ``spread``, ``shape``,
            ``never_recovered``; for each covariate ``time_ratio.<name>`` and, with a cure
            fraction, ``never_ratio.<name>``, a ratio of odds (mixture) or of log fractions
            (promotion: above 1 fewer recover), per unit of the covariate.
        """
        names = [part.family for part in self.parts]
        if family is None and len(names) > 1:
            refuse("family", NOTHING, ", ".join(names), "an average has parameters by family only")
        if family is not None and family not in names:
            refuse("family", family, ", ".join(names), did_you_mean(family, names))
        part = self.parts[0 if family is None else names.index(family)]
        getters: dict[str, Callable] = {
            "typical_time": lambda p: np.exp(p.location),
            "spread": lambda p: p.spread,
        }
        if part.family == "generalized_gamma":
            getters["shape"] = lambda p: p.shape
        if self.cure != "none":
            getters["never_recovered"] = lambda p: np.exp(p.log_never)
        for place, name in enumerate(self.patients.names):
            step = self.scale[place]
            getters[f"time_ratio.{name}"] = lambda p, i=place, s=step: np.exp(
                p.scale_slopes[:, i] / s
            )
            if self.cure != "none":
                getters[f"never_ratio.{name}"] = lambda p, i=place, s=step: np.exp(
                    p.never_slopes[:, i] / s
                )
        found = {}
        for name, getter in getters.items():
            draws, prior = getter(part.posterior), getter(part.prior)
            found[name] = RecoveryQuantity(_by_chain(draws), prior_share(prior, draws))
        return found

    # --- tables -----------------------------------------------------------------------------

    def curve(
        self,
        time: ArrayLike,
        prob: float = 0.95,
        *,
        at: Mapping[str, float] | None = None,
    ) -> pd.DataFrame:
        """Return recovery over time.

        Parameters
        ----------
        time : array_like
            0 or more, in :attr:`time_unit`.
        prob : float
            Of the equal-tailed credible interval.
        at : mapping, optional
            Covariates.

        Returns
        -------
        pandas.DataFrame
            ``time``, ``time_unit``, ``recovered`` (posterior mean), ``lower``, ``upper``,
            ``not_recovered``, ``prior_share``, ``prob``, ``endpoint``.
        """
        return self._curve_table(time, prob, at, prior=False)

    def prior_curve(
        self,
        time: ArrayLike,
        prob: float = 0.95,
        *,
        at: Mapping[str, float] | None = None,
    ) -> pd.DataFrame:
        """Return recovery over time as believed before any patient: the prior predictive curve."""
        return self._curve_table(time, prob, at, prior=True)

    def summary(self, *, times: Sequence[float] = (), horizon: float | None = None, prob=0.95):
        """Return the main quantities, one a row.

        Parameters
        ----------
        times : sequence of float
            At which the probability of having recovered is wanted.
        horizon : float, optional
            Of the restricted mean; the longest observation where left out.
        prob : float

        Returns
        -------
        pandas.DataFrame
            ``quantity``, ``unit``, ``mean``, ``median``, ``lower``, ``upper``, ``prob``,
            ``prior_share``. A mean is infinite where any draw is.
        """
        import pandas as pd

        end = horizon or self.end_of_observation()
        rows = {
            ("never recovered", "fraction"): self.never_recovered,
            ("time by which 25% have recovered", self.time_unit): self.quantile(0.25),
            ("median time to recovery", self.time_unit): self.median,
            ("time by which 75% have recovered", self.time_unit): self.quantile(0.75),
            (f"mean time without recovery to {end:g}", self.time_unit): self.restricted_mean(end),
        }
        for time in times:
            rows[(f"recovered by {time:g} {self.time_unit}s", "probability")] = self.recovered_by(
                time
            )
        table = []
        for (name, unit), found in rows.items():
            lower, upper = found.interval(require_probability("prob", prob))
            table.append(
                {
                    "quantity": name,
                    "unit": unit,
                    "mean": found.mean(),
                    "median": found.median(),
                    "lower": lower,
                    "upper": upper,
                    "prob": prob,
                    "prior_share": found.prior_share,
                }
            )
        return pd.DataFrame(table)

    @property
    def statement(self) -> str:
        """The median and the fraction in one sentence, with what they rest on."""
        median, never = self.median, self.never_recovered
        low, high = median.interval(0.95)
        middle = median.median()
        if np.isinf(middle):
            first = f"fewer than half ever recover in {median.probability_infinite:.0%} of draws"
        else:
            first = f"half have recovered by {middle:.3g} {self.time_unit}s"
        parts = [
            f"{first} (95% of the median {low:.3g} to {high:.3g} {self.time_unit}s; prior share "
            f"{median.prior_share:.0%})"
        ]
        if self.cure != "none":
            low, high = never.interval(0.95)
            parts.append(
                f"{never.median():.0%} never recover (95% {low:.0%} to {high:.0%}; prior share "
                f"{never.prior_share:.0%})"
            )
            if self.follow_up is not None and not self.follow_up.supported:
                parts.append("a fraction that the follow-up does not support")
        if self.assumed:
            whose = sorted({s.whose for s in self.summaries if s.assumed})
            parts.append(f"assumed: the weight of summaries ({', '.join(whose)})")
        return "; ".join(parts)

    def end_of_observation(self) -> float:
        """Return the latest time anybody was looked at; or when most had recovered."""
        end = longest_observation(self.patients, self.summaries)
        if np.isfinite(end) and end > 0:
            return float(end)
        found = self.quantile(0.9).median()
        return float(found) if np.isfinite(found) else float(self.quantile(0.05).median() * 10)

    # --- inside -----------------------------------------------------------------------------

    def _centred(self, at: Mapping[str, float] | None) -> np.ndarray:
        names = self.patients.names
        values = np.array(self.centre, dtype=float)
        for name, value in (at or {}).items():
            if name not in names:
                refuse(f"at.{name}", value, ", ".join(names) or "none", did_you_mean(name, names))
            values[names.index(name)] = require_number(f"at.{name}", value)
        return (values - self.centre) / self.scale if len(names) else values

    def _draws(self, function: Curve, at, *, prior: bool) -> np.ndarray:
        """Return draws of all parts side by side: (chain, draw, ...), or (draw, ...) of priors."""
        centred, found = self._centred(at), []
        for part in self.parts:
            parameters = part.prior if prior else part.posterior
            if not len(parameters):
                continue
            draws = function(part.family, part.cure, parameters.at(part.cure, centred))
            found.append(draws if prior else _by_chain(draws))
        return np.concatenate(found, axis=0 if prior else 1)

    def _quantity(self, function: Curve, at) -> RecoveryQuantity:
        draws = self._draws(function, at, prior=False)
        prior = self._draws(function, at, prior=True)
        return RecoveryQuantity(draws, prior_share(prior, draws.reshape(-1)))

    def _curve_table(self, time, prob, at, *, prior: bool):
        import pandas as pd

        time = np.atleast_1d(np.asarray(time, dtype=float))
        if time.ndim != 1 or not (np.isfinite(time) & (time >= 0)).all():
            refuse("time", time, "finite times of 0 or more", "give them in the unit of the fit")
        prob = require_probability("prob", prob)

        def recovered(*one):
            return recovered_of(*one, time)

        before = self._draws(recovered, at, prior=True)
        draws = before
        if not prior:
            draws = self._draws(recovered, at, prior=False)
            draws = draws.reshape(-1, len(time))
        lower, upper = np.quantile(draws, [(1 - prob) / 2, (1 + prob) / 2], axis=0)
        share = np.ones(len(time)) if prior else prior_share(before, draws)
        return pd.DataFrame(
            {
                "time": time,
                "time_unit": self.time_unit,
                "recovered": draws.mean(axis=0),
                "lower": lower,
                "upper": upper,
                "not_recovered": 1 - draws.mean(axis=0),
                "prior_share": share,
                "prob": prob,
                "endpoint": self.endpoint or "not declared",
            }
        )


def _by_chain(draws: np.ndarray) -> np.ndarray:
    return draws.reshape(CHAINS, -1, *draws.shape[1:])


def replaced(recovery: Recovery, **changes: Any) -> Recovery:
    """Return a result with some attributes exchanged."""
    return dataclasses.replace(recovery, **changes)
