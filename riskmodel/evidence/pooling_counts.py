"""Random-effects pooling of events in two arms, by the exact binomial likelihood.

For study i with `events` of `n` and a comparator's events of its own number::

    y1 ~ Binomial(n1, p1),  y0 ~ Binomial(n0, p0)
    theta_i = the effect between p0 and p1 ~ Normal(mu, tau)

No continuity correction is ever added: an arm without events has a likelihood like any other.

*Unconditional*: each study has a mean log odds ``a_i = (logit p0 + logit p1) / 2`` with a stated
prior of its own, integrated out. Together ``a_i`` and ``theta_i`` give every pair of risks once,
on each scale; with ``d = (logit p1 - logit p0) / 2``::

    odds ratio        d = theta / 2
    relative risk     d = theta / 2 + asinh(exp(a) * sinh(theta / 2))
    risk difference   d = f + asinh(sinh(f) * cosh(a)),  f = atanh(theta)

so that no pair of risks can leave [0, 1], and exchanging the arms changes the sign of theta and
nothing else. A log relative risk may have any size, and its random effects need no cut; a risk
difference lies in (-1, 1), and its random effects are normal cut to that.

*Conditional* (odds ratio only): given the number of events in both arms, the events in one have
Fisher's noncentral hypergeometric distribution, in which no baseline is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, did_you_mean
from riskmodel.evidence.distributions import (
    GridDistribution,
    TransformedDistribution,
    exponential_of,
)
from riskmodel.evidence.heterogeneity import HeterogeneityPrior, parse_tau_prior
from riskmodel.evidence.pooling_quadrature import (
    LocationPrior,
    QuadraturePosterior,
    random_effects,
    tabulate,
)

if TYPE_CHECKING:
    import pandas as pd

MEASURES = ("odds_ratio", "relative_risk", "risk_difference")
MODELS = ("unconditional", "conditional")
DEFAULT_TAU_PRIOR = ("half_normal", 0.5)  # for log ratios only
DEFAULT_MU_PRIOR = {
    "odds_ratio": ("normal", 0.0, 2.82),  # 95% of ratios between 1/251 and 251
    "relative_risk": ("normal", 0.0, 2.82),
    "risk_difference": ("uniform", -1.0, 1.0),
}
DEFAULT_BASELINE_PRIOR = ("normal", 0.0, 10.0)
_FEW = 20  # where an arm may have a risk of 0 or 1, differences have a corner at 0; ratios at 1


@dataclass(frozen=True)
class BaselinePrior:
    """The prior of a study's mean log odds, or of the risk with those log odds.

    Parameters
    ----------
    family : {"normal", "beta"}
        Normal for the mean log odds; Beta for the risk.
    first, second : float
    """

    family: str
    first: float
    second: float

    def __str__(self) -> str:
        return f"{self.family}:{self.first:g}:{self.second:g}"

    def log_density(self, log_odds: np.ndarray) -> np.ndarray:
        """Return the log density of the mean log odds."""
        if self.family == "normal":
            z = (log_odds - self.first) / self.second
            return -0.5 * z**2 - np.log(self.second) - 0.5 * np.log(2 * np.pi)
        return (
            -self.first * softplus(-log_odds)
            - self.second * softplus(log_odds)
            - special.betaln(self.first, self.second)
        )

    def slope_and_information(self, log_odds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivative of the log density, and its second with the sign turned."""
        if self.family == "normal":
            slope = (self.first - log_odds) / self.second**2
            return slope, np.full(np.shape(log_odds), 1 / self.second**2)
        p = special.expit(log_odds)
        total = self.first + self.second
        return self.first - total * p, total * p * (1 - p)

    @property
    def start(self) -> float:
        """The middle of it."""
        if self.family == "normal":
            return self.first
        return float(np.log(self.first / self.second))


def softplus(x: np.ndarray) -> np.ndarray:
    """Return ``log(1 + exp(x))`` without overflow.

    Examples
    --------
    >>> softplus(np.array([0.0, 1000.0])).round(6)
    array([6.93147e-01, 1.00000e+03])
    """
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def half_difference(measure: str, log_odds: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Return half the difference of the two arms' log odds.

    Parameters
    ----------
    measure : {"odds_ratio", "relative_risk", "risk_difference"}
    log_odds : ndarray
        Mean of the two arms' log odds.
    theta : ndarray
        Log odds ratio, log relative risk, or risk difference strictly between -1 and 1.

    Examples
    --------
    >>> d = half_difference("relative_risk", np.array(-1.0), np.log(2.0))
    >>> p1, p0 = special.expit(-1.0 + d), special.expit(-1.0 - d)
    >>> round(float(p1 / p0), 12)
    2.0
    >>> d = half_difference("risk_difference", np.array(-1.0), 0.1)
    >>> round(float(special.expit(-1.0 + d) - special.expit(-1.0 - d)), 12)
    0.1
    """
    if measure == "odds_ratio":
        return 0.5 * theta + np.zeros_like(log_odds)
    if measure == "relative_risk":
        return 0.5 * theta + np.arcsinh(np.exp(log_odds) * np.sinh(0.5 * theta))
    folded = np.arctanh(theta)
    return folded + np.arcsinh(np.sinh(folded) * np.cosh(log_odds))


def _slope_of_half_difference(measure: str, log_odds: np.ndarray, theta: np.ndarray):
    """Return the derivative of `half_difference` with respect to the mean log odds."""
    if measure == "odds_ratio":
        return np.zeros_like(log_odds)
    if measure == "relative_risk":
        q = np.exp(log_odds) * np.sinh(0.5 * theta)
        return q / np.sqrt(1 + q**2)
    sinh = np.sinh(np.arctanh(theta))
    return sinh * np.sinh(log_odds) / np.sqrt(1 + (sinh * np.cosh(log_odds)) ** 2)


@dataclass(frozen=True)
class ArmCounts:
    """Checked counts of every study.

    Parameters
    ----------
    events, n, events_comparator, n_comparator : ndarray, shape (k,)
        Whole numbers, as floats.
    study : tuple of str
    """

    events: np.ndarray
    n: np.ndarray
    events_comparator: np.ndarray
    n_comparator: np.ndarray
    study: tuple[str, ...]

    @property
    def double_zero(self) -> np.ndarray:
        """Which studies have no event at all, or nothing but events."""
        total = self.events + self.events_comparator
        return (total == 0) | (total == self.n + self.n_comparator)

    @property
    def log_coefficients(self) -> np.ndarray:
        """Log of the product of the two binomial coefficients."""
        return log_choose(self.n, self.events) + log_choose(
            self.n_comparator, self.events_comparator
        )


def log_choose(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return the log of the binomial coefficient.

    Examples
    --------
    >>> round(float(np.exp(log_choose(5, 2))), 10)
    10.0
    """
    return special.gammaln(n + 1.0) - special.gammaln(k + 1.0) - special.gammaln(n - k + 1.0)


def integrated_log_likelihood(
    counts: ArmCounts,
    index: np.ndarray,
    theta: np.ndarray,
    measure: str,
    prior: BaselinePrior,
    nodes: int = 60,
) -> np.ndarray:
    """Return the log likelihood of each study's effect, its baseline integrated out.

    Parameters
    ----------
    counts : ArmCounts
    index, theta : ndarray, shape (p,)
        Studies and effects.
    measure : str
    prior : BaselinePrior
    nodes : int
        Of the trapezoid rule over the mean log odds, stretched around its conditional mode.

    Returns
    -------
    ndarray, shape (p,)
        Binomial coefficients included.
    """
    if measure == "risk_difference":
        theta = np.clip(theta, -1 + 1e-12, 1 - 1e-12)
    y1, n1 = counts.events[index], counts.n[index]
    y0, n0 = counts.events_comparator[index], counts.n_comparator[index]

    def log_joint(log_odds, column=True):
        take = (lambda x: x[:, None]) if column else (lambda x: x)
        d = half_difference(measure, log_odds, take(theta))
        one, none = log_odds + d, log_odds - d
        found = take(y1) * one - take(n1) * softplus(one) + prior.log_density(log_odds)
        return found + take(y0) * none - take(n0) * softplus(none)

    mode, spread = _conditional_mode(y1, n1, y0, n0, theta, measure, prior)
    unit = np.minimum(1.5 * spread, 1.0)
    multiples = np.array([4.0, 9.5, 20.0, 45.0, 100.0, 400.0])
    steps = np.concatenate([-multiples[::-1], multiples]) * np.minimum(spread, 1.0)[:, None]
    deep = log_joint(mode[:, None] + steps) < log_joint(mode, column=False)[:, None] - 38.0
    deep[:, [0, -1]] = True
    half = len(multiples)
    left = half - 1 - np.argmax(deep[:, :half][:, ::-1], axis=1)
    right = half + np.argmax(deep[:, half:], axis=1)
    rows = np.arange(len(theta))
    low, high = np.arcsinh(steps[rows, left] / unit), np.arcsinh(steps[rows, right] / unit)
    step = (high - low) / (nodes - 1)
    u = low[:, None] + step[:, None] * np.arange(nodes)
    logs = log_joint(mode[:, None] + unit[:, None] * np.sinh(u)) + np.log(np.cosh(u))
    top = logs.max(axis=1)
    total = np.exp(logs - top[:, None]).sum(axis=1) * step * unit
    return top + np.log(total) + counts.log_coefficients[index]


def _conditional_mode(y1, n1, y0, n0, theta, measure, prior):
    """Return the mode of the mean log odds given the effect, and its spread, by scoring."""
    crude = (y1 + y0 + 0.5) / (n1 + n0 + 1.0)
    log_odds = special.logit(crude)
    for _ in range(40):
        d = half_difference(measure, log_odds, theta)
        slope = _slope_of_half_difference(measure, log_odds, theta)
        p1, p0 = special.expit(log_odds + d), special.expit(log_odds - d)
        score, information = prior.slope_and_information(log_odds)
        score = score + (y1 - n1 * p1) * (1 + slope) + (y0 - n0 * p0) * (1 - slope)
        information = information + n1 * p1 * (1 - p1) * (1 + slope) ** 2
        information = information + n0 * p0 * (1 - p0) * (1 - slope) ** 2
        step = np.clip(score / information, -2.0, 2.0)
        log_odds = log_odds + step
        if np.abs(step).max() < 1e-4:
            break
    return log_odds, 1 / np.sqrt(information)


def conditional_log_likelihood(
    counts: ArmCounts, index: np.ndarray, theta: np.ndarray
) -> np.ndarray:
    """Return the log likelihood of each study's log odds ratio given its events in all.

    Fisher's noncentral hypergeometric distribution: ``C(n1, y1) C(n0, t - y1) exp(theta y1)``
    over its sum over every possible number of events in the first arm.

    Examples
    --------
    >>> counts = ArmCounts(*np.array([[3.0], [10.0], [1.0], [10.0]]), ("one",))
    >>> np.exp(conditional_log_likelihood(counts, np.array([0]), np.zeros(1))).round(6)
    array([0.247678])

    which is 120 * 10 / 4845, the central hypergeometric.
    """
    found = np.zeros(len(theta))
    for i in np.unique(index):
        here = index == i
        y, n1, n0 = counts.events[i], counts.n[i], counts.n_comparator[i]
        total = y + counts.events_comparator[i]
        j = np.arange(max(0.0, total - n0), min(n1, total) + 1)
        if len(j) == 1:
            continue  # nothing else could have happened: the likelihood is 1
        logs = log_choose(n1, j) + log_choose(n0, total - j)
        own = log_choose(n1, y) + log_choose(n0, total - y)
        effects = theta[here]
        sums = np.empty(len(effects))
        for part in np.array_split(np.arange(len(effects)), 1 + len(effects) * len(j) // 1_000_000):
            terms = logs[:, None] + (j - y)[:, None] * effects[part]
            top = terms.max(axis=0)
            sums[part] = top + np.log(np.exp(terms - top).sum(axis=0))
        found[here] = own - sums
    return found


# --- the public function -------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class PooledCounts:
    """What :func:`pool_counts` returns.

    Parameters
    ----------
    measure : {"odds_ratio", "relative_risk", "risk_difference"}
    model : {"unconditional", "conditional"}
    effect : GridDistribution
        The mean mu of the random effects: a log ratio or a risk difference, treatment against
        comparator; negative means fewer events.
    heterogeneity : TransformedDistribution
        Their standard deviation tau.
    prediction : GridDistribution
        The effect in a new study.
    counts : ArmCounts
    mu_prior : LocationPrior
    tau_prior : HeterogeneityPrior
    baseline_prior : BaselinePrior or None
        None in the conditional model, which has no baseline.
    log_marginal_likelihood : float
        Natural log of the probability of the data under the model and its priors.
    notes : tuple of str
        What the model does with studies without events, and how effects are kept possible.
    posterior : QuadraturePosterior
    """

    measure: str
    model: str
    counts: ArmCounts = field(repr=False)
    mu_prior: LocationPrior
    tau_prior: HeterogeneityPrior
    baseline_prior: BaselinePrior | None
    notes: tuple[str, ...] = field(repr=False)
    posterior: QuadraturePosterior = field(repr=False)

    @property
    def effect(self) -> GridDistribution:
        return self.posterior.effect

    @property
    def heterogeneity(self) -> TransformedDistribution:
        return self.posterior.heterogeneity

    @property
    def prediction(self) -> GridDistribution:
        return self.posterior.prediction

    @property
    def log_marginal_likelihood(self) -> float:
        return self.posterior.log_marginal_likelihood

    @property
    def effect_ratio(self):
        """The pooled odds ratio or relative risk; a risk difference stays as it is."""
        if self.measure == "risk_difference":
            return self.effect
        return exponential_of(self.effect)

    @cached_property
    def studies(self) -> pd.DataFrame:
        """The table of studies, with 95% intervals; `studies_table` for other levels."""
        return self.studies_table(0.95)

    def studies_table(self, prob: float = 0.95) -> pd.DataFrame:
        """Return one row a study: its counts, and its own effect given all studies.

        Parameters
        ----------
        prob : float
            Probability of the intervals; equal-tailed.

        Returns
        -------
        DataFrame
            ``study``, ``events``, ``n``, ``events_comparator``, ``n_comparator``,
            ``without_contrast`` (no event in either arm, or nothing but events), ``effect_mean``,
            ``effect_standard_deviation``, ``effect_median``, ``effect_lower``, ``effect_upper``
            (posterior of the study's true effect), ``prob``.
        """
        import pandas as pd

        tail = 0.5 * (1.0 - prob)
        own = self.posterior.study_effects()
        ends = np.array([found.ppf([tail, 0.5, 1 - tail]) for found in own])
        return pd.DataFrame(
            {
                "study": list(self.counts.study),
                "events": self.counts.events.astype(int),
                "n": self.counts.n.astype(int),
                "events_comparator": self.counts.events_comparator.astype(int),
                "n_comparator": self.counts.n_comparator.astype(int),
                "without_contrast": self.counts.double_zero,
                "effect_mean": [found.mean() for found in own],
                "effect_standard_deviation": [found.std() for found in own],
                "effect_median": ends[:, 1],
                "effect_lower": ends[:, 0],
                "effect_upper": ends[:, 2],
                "prob": prob,
            }
        )

    def summary(self, prob: float = 0.95) -> pd.DataFrame:
        """Return effect, heterogeneity and prediction, one row each, with intervals."""
        named = {
            "effect": self.effect,
            "heterogeneity": self.heterogeneity,
            "prediction": self.prediction,
        }
        return summary_table(named, prob)


def summary_table(named: Mapping[str, object], prob: float) -> pd.DataFrame:
    """Return mean, spread and equal-tailed interval of distributions, one row each."""
    import pandas as pd

    rows = []
    for name, found in named.items():
        lower, upper = found.interval(prob)
        rows.append(
            {
                "quantity": name,
                "mean": found.mean(),
                "standard_deviation": found.std(),
                "median": found.median(),
                "lower": lower,
                "upper": upper,
                "prob": prob,
            }
        )
    return pd.DataFrame(rows)


def pool_counts(
    events: ArrayLike,
    n: ArrayLike,
    events_comparator: ArrayLike,
    n_comparator: ArrayLike,
    *,
    measure: str = "odds_ratio",
    study: Sequence[str] | None = None,
    tau_prior: object = None,
    mu_prior: object = None,
    baseline_prior: object = None,
    model: str = "unconditional",
    resolution: float = 1.0,
) -> PooledCounts:
    """Return the pooled effect of trials that count events in two arms.

    Parameters
    ----------
    events, n : array_like, shape (k,)
        Events and patients under treatment; whole numbers.
    events_comparator, n_comparator : array_like, shape (k,)
        The same under the comparator.
    measure : {"odds_ratio", "relative_risk", "risk_difference"}
        Scale on which effects are normal between studies; ratios by their logarithm.
    study : sequence of str, optional
        Names; by default ``study 1`` and so on.
    tau_prior : optional
        Prior of the standard deviation between studies, see
        :mod:`riskmodel.evidence.heterogeneity`. For ratios ``("half_normal", 0.5)``; a risk
        difference must name its own. Improper ones are refused: studies with few events leave a
        large tau possible.
    mu_prior : optional
        ``("normal", mean, standard deviation)``, or the two numbers alone, or ``("uniform", lower,
        upper)`` for the mean effect. For log ratios Normal(0, 2.82), that is 95% of ratios between
        1/251 and 251; for a risk difference uniform on (-1, 1).
    baseline_prior : optional
        Unconditional model: ``("normal", mean, standard deviation)`` of each study's mean log
        odds, by default Normal(0, 10), or ``("beta", a, b)`` of the risk with those log odds.
    model : {"unconditional", "conditional"}
        Whether each study's baseline is integrated over its prior, or conditioned away (odds ratio
        only).
    resolution : float
        Multiplies every number of nodes; 1 is accurate to about 1e-7 of a standard deviation.

    Returns
    -------
    PooledCounts

    Raises
    ------
    ParameterError
        For counts that cannot be, lists of different lengths, unknown words or priors that are
        not proper; every problem is named.

    Notes
    -----
    Formulas at the head of this module. A trial without events in either arm carries no
    information in the conditional model, where its likelihood is 1 whatever the effect, and some
    in the unconditional one; `notes` says which was used. Nothing is added to any count.

    References
    ----------
    The coding of the two arms around their mean log odds is that of MetaStan's ``param="Smith"``
    and of metafor's ``coding=1/2``; the conditional model is that of metafor's ``model="CM.EL"``.

    Examples
    --------
    >>> pooled = pool_counts([1, 0, 2], [50, 60, 80], [4, 0, 5], [50, 60, 80])
    >>> [round(end, 2) for end in pooled.effect.interval(0.95)]
    [-2.72, 0.23]
    >>> print(pooled.notes[0])
    1 of 3 studies has no events in either arm: under the unconditional model it informs a little
    """
    counts = checked_counts(events, n, events_comparator, n_comparator, study)
    settings = checked_settings(measure, model, tau_prior, mu_prior, baseline_prior, resolution)
    mu_prior, tau_prior, baseline_prior = settings
    posterior = _posterior(counts, measure, model, mu_prior, tau_prior, baseline_prior, resolution)
    return PooledCounts(
        measure=measure,
        model=model,
        counts=counts,
        mu_prior=mu_prior,
        tau_prior=tau_prior,
        baseline_prior=baseline_prior,
        notes=_notes(counts, measure, model),
        posterior=posterior,
    )


def _posterior(
    counts, measure, model, mu_prior, tau_prior, baseline_prior, resolution
) -> QuadraturePosterior:
    if model == "conditional":

        def log_likelihood(index, theta):
            return conditional_log_likelihood(counts, index, theta)

    else:
        nodes = int(60 * resolution)

        def log_likelihood(index, theta):
            return integrated_log_likelihood(counts, index, theta, measure, baseline_prior, nodes)

    centres, scales = _crude(counts, measure)
    folds = np.zeros(len(centres))
    if measure != "odds_ratio":
        least = np.minimum(counts.n - counts.events, counts.n_comparator - counts.events_comparator)
        if measure == "risk_difference":
            least = np.minimum.reduce([least, counts.events, counts.events_comparator])
        folds = np.where(least < _FEW, 1e-5 / (counts.n + counts.n_comparator), 0.0)
    power = _power(counts, model)
    curves, pilot = tabulate(
        log_likelihood,
        centres,
        scales,
        mu_prior,
        tau_prior,
        power=power,
        folds=folds,
        resolution=resolution,
    )
    return random_effects(
        curves,
        pilot,
        mu_prior,
        tau_prior,
        bounds=(mu_prior.lower, mu_prior.upper),
        power=power,
        resolution=resolution,
        break_at_zero=bool(folds.any()),
    )


def _crude(counts: ArmCounts, measure: str) -> tuple[np.ndarray, np.ndarray]:
    """Return about where each likelihood lies and how wide it is; it only places the nodes."""
    y1, n1 = counts.events + 0.5, counts.n + 1.0
    y0, n0 = counts.events_comparator + 0.5, counts.n_comparator + 1.0
    p1, p0 = y1 / n1, y0 / n0
    if measure == "odds_ratio":
        variance = 1 / y1 + 1 / (n1 - y1) + 1 / y0 + 1 / (n0 - y0)
        return special.logit(p1) - special.logit(p0), np.sqrt(variance)
    if measure == "relative_risk":
        variance = (1 - p1) / y1 + (1 - p0) / y0
        return np.log(p1 / p0), np.sqrt(variance)
    return p1 - p0, np.sqrt(p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0)


def _power(counts: ArmCounts, model: str) -> int:
    """Return how many likelihoods fall to nothing on both sides."""
    if model == "unconditional":
        return len(counts.n)
    lower = np.maximum(0, counts.events + counts.events_comparator - counts.n_comparator)
    upper = np.minimum(counts.n, counts.events + counts.events_comparator)
    return int(((counts.events > lower) & (counts.events < upper)).sum())


def _notes(counts: ArmCounts, measure: str, model: str) -> tuple[str, ...]:
    notes = []
    number, k = int(counts.double_zero.sum()), len(counts.n)
    if number:
        verb, it = ("has", "it") if number == 1 else ("have", "they")
        does = {
            "unconditional": f"{it} inform{'s' if number == 1 else ''} a little",
            "conditional": f"{it} carr{'ies' if number == 1 else 'y'} no information",
        }[model]
        what = "no events in either arm"
        if (counts.double_zero & (counts.events > 0)).any():
            what = "no events in either arm, or nothing but events"
        notes.append(f"{number} of {k} studies {verb} {what}: under the {model} model {does}")
    if measure == "risk_difference":
        notes.append("random effects are normal cut to (-1, 1); every pair of risks is possible")
    if measure == "relative_risk":
        notes.append(
            "random effects are normal and uncut: each study's mean log odds makes room for any "
            "relative risk"
        )
    notes.append("no continuity correction")
    return tuple(notes)


# --- checks --------------------------------------------------------------------------------------


def checked_counts(events, n, events_comparator, n_comparator, study=None) -> ArmCounts:
    """Return counts of two arms as floats, or raise with every problem found."""
    problems: list[Problem] = []
    names = ("events", "n", "events_comparator", "n_comparator")
    arrays = [
        whole_numbers(name, given, problems)
        for name, given in zip(names, (events, n, events_comparator, n_comparator), strict=True)
    ]
    study = checked_names(study, names, arrays, problems)
    if not problems:
        check_events_and_n(names[:2], arrays[:2], study, problems)
        check_events_and_n(names[2:], arrays[2:], study, problems)
    if problems:
        raise ParameterError(problems)
    return ArmCounts(*arrays, study)


def whole_numbers(name: str, given: object, problems: list[Problem]) -> np.ndarray:
    """Return counts as floats; what is none is added to `problems`."""
    try:
        values = np.atleast_1d(np.asarray(given, float))
    except (TypeError, ValueError):
        problems.append(
            Problem(
                field=name,
                found=given,
                allowed="whole numbers, one a study",
                remedy="leave out text and gaps",
            )
        )
        return np.empty(0)
    if values.ndim != 1 or not len(values):
        found = NOTHING if not values.size else Phrase(f"shape {values.shape}")
        problems.append(
            Problem(
                field=name, found=found, allowed="a list, one number a study", remedy="give one"
            )
        )
        return np.empty(0)
    for i, value in enumerate(values):
        if not np.isfinite(value) or value < 0 or value != np.rint(value):
            remedy = "give the counts as printed, and leave a study without them out"
            if np.isfinite(value) and value > 0:
                remedy = "a count weighted or adjusted has no binomial likelihood: pool its effect"
            problems.append(
                Problem(
                    field=f"{name}[{i}]",
                    found=float(value),
                    allowed="a whole number of at least 0",
                    remedy=remedy,
                )
            )
    return values


def checked_names(study, names, arrays, problems: list[Problem]) -> tuple[str, ...]:
    """Return the names of studies; lists of different lengths are added to `problems`."""
    lengths = {name: len(values) for name, values in zip(names, arrays, strict=True)}
    if len(set(lengths.values())) > 1 and all(lengths.values()):
        problems.append(
            Problem(
                field=", ".join(names),
                found=Phrase("lengths " + ", ".join(str(length) for length in lengths.values())),
                allowed="lists of one length",
                remedy="give one entry a study in each",
            )
        )
    k = max(lengths.values(), default=0)
    if study is None:
        return tuple(f"study {i + 1}" for i in range(k))
    study = (study,) if isinstance(study, str) else tuple(str(name) for name in study)
    if len(study) != k and not problems:
        problems.append(
            Problem(
                field="study",
                found=Phrase(f"{len(study)} names"),
                allowed=f"{k} names, one a study",
                remedy="name each study once",
            )
        )
    doubled = sorted({name for name in study if study.count(name) > 1})
    if doubled:
        problems.append(
            Problem(
                field="study",
                found=doubled[0],
                allowed="each name once",
                remedy="one study entered twice counts its patients twice; tell two apart",
            )
        )
    return study


def check_events_and_n(names, arrays, study, problems: list[Problem]) -> None:
    """Add to `problems` arms without patients and with more events than patients."""
    for i, (events, n) in enumerate(zip(*arrays, strict=True)):
        if n == 0:
            problems.append(
                Problem(
                    field=f"{names[1]}[{i}]",
                    found=0,
                    allowed="at least 1 patient",
                    remedy=f"leave {study[i]} out",
                )
            )
        elif events > n:
            problems.append(
                Problem(
                    field=f"{names[0]}[{i}]",
                    found=int(events),
                    allowed=f"at most {names[1]}[{i}] = {int(n)}",
                    remedy="count patients with an event, not events; or mend the pair",
                )
            )


def checked_settings(measure, model, tau_prior, mu_prior, baseline_prior, resolution):
    """Return the three priors, or raise with every problem found."""
    problems: list[Problem] = []
    for name, value, known in (("measure", measure, MEASURES), ("model", model, MODELS)):
        if value not in known:
            problems.append(
                Problem(
                    field=name,
                    found=value,
                    allowed=", ".join(known),
                    remedy=did_you_mean(value, known),
                )
            )
    if problems:
        raise ParameterError(problems)
    if model == "conditional" and measure != "odds_ratio":
        problems.append(
            Problem(
                field="model",
                found=model,
                allowed=f"unconditional for a {measure}",
                remedy="conditioning on all events frees only the odds ratio of the baseline",
            )
        )
    if tau_prior is None:
        if measure == "risk_difference":
            problems.append(
                Problem(
                    field="tau_prior",
                    found=NOTHING,
                    allowed='a prior on the scale of risks, as ("half_normal", 0.05)',
                    remedy="half_normal(0.5) is for log ratios; a difference must name its own",
                )
            )
        tau_prior = DEFAULT_TAU_PRIOR
    lower, upper = (-1.0, 1.0) if measure == "risk_difference" else (-np.inf, np.inf)
    mu_prior = location_prior(
        DEFAULT_MU_PRIOR[measure] if mu_prior is None else mu_prior, problems, lower, upper
    )
    tau_prior = proper_tau_prior(tau_prior, problems)
    if model == "conditional" and baseline_prior is not None:
        problems.append(
            Problem(
                field="baseline_prior",
                found=baseline_prior,
                allowed="none in the conditional model",
                remedy="no baseline is left in it",
            )
        )
    baseline = None
    if model == "unconditional":
        given = DEFAULT_BASELINE_PRIOR if baseline_prior is None else baseline_prior
        baseline = _baseline_prior(given, problems)
    check_resolution(resolution, problems)
    if problems:
        raise ParameterError(problems)
    return mu_prior, tau_prior, baseline


def check_resolution(resolution: object, problems: list[Problem]) -> None:
    """Add to `problems` a resolution that is too low for its answer to mean anything."""
    number = isinstance(resolution, int | float) and not isinstance(resolution, bool)
    if not number or not 0.5 <= resolution <= 16:
        problems.append(
            Problem(
                field="resolution",
                found=resolution,
                allowed="a number from 0.5 to 16",
                remedy="1 is accurate; 2 checks it",
            )
        )


def proper_tau_prior(prior: object, problems: list[Problem]) -> HeterogeneityPrior | None:
    """Return a proper prior of tau; what is none is added to `problems`."""
    try:
        found = parse_tau_prior(prior)
    except ParameterError as error:
        problems.extend(error.problems)
        return None
    if not found.proper:
        problems.append(
            Problem(
                field="tau_prior",
                found=prior,
                allowed="a proper prior",
                remedy="counts may leave any large tau possible; name a half_normal or another",
            )
        )
    return found


def location_prior(
    given: object, problems: list[Problem], lower: float = -np.inf, upper: float = np.inf
) -> LocationPrior | None:
    """Return the prior of a mean; what is none is added to `problems`."""
    if isinstance(given, LocationPrior):
        return given
    family, first, second = _family_and_two(given, bare="normal")
    good = family == "normal" and second > 0 and np.isfinite([first, second]).all()
    if family == "normal" and good and np.isfinite(upper):
        good = abs(first) < upper
    if family == "uniform":
        good = np.isfinite([first, second]).all() and lower <= first < second <= upper
    if not good:
        ends = "" if not np.isfinite(upper) else f", within {lower:g} and {upper:g}"
        problems.append(
            Problem(
                field="mu_prior",
                found=given,
                allowed='("normal", mean, standard deviation) or ("uniform", lower, upper)' + ends,
                remedy="name a proper prior: studies with few events leave any effect possible",
            )
        )
        return None
    return LocationPrior(family, first, second, lower, upper)


def _baseline_prior(given: object, problems: list[Problem]) -> BaselinePrior | None:
    if isinstance(given, BaselinePrior):
        return given
    family, first, second = _family_and_two(given)
    good = family in ("normal", "beta") and np.isfinite([first, second]).all() and second > 0
    if not good or (family == "beta" and first <= 0):
        problems.append(
            Problem(
                field="baseline_prior",
                found=given,
                allowed='("normal", mean, standard deviation) or ("beta", a, b)',
                remedy="the first is of the mean log odds, the second of the risk with those odds",
            )
        )
        return None
    return BaselinePrior(family, first, second)


def _family_and_two(given: object, bare: str | None = None) -> tuple[object, float, float]:
    """Return a family and its two numbers from how they were written; nan for what is none."""
    parts = given.replace(",", ":").split(":") if isinstance(given, str) else given
    try:
        if bare is not None and len(parts) == 2:
            parts = (bare, *parts)
        family, first, second = parts
        return family, float(first), float(second)
    except (TypeError, ValueError):
        return None, np.nan, np.nan
