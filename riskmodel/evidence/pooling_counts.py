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

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from riskmodel.errors import NOTHING, ParameterError, Problem, did_you_mean
from riskmodel.evidence.distributions import (
    exponential_of,
)
from riskmodel.evidence.heterogeneity import HeterogeneityPrior
from riskmodel.evidence.pooling_checks import (
    check_events_and_n,
    check_resolution,
    checked_names,
    whole_numbers,
)
from riskmodel.evidence.pooling_likelihoods import (
    ArmCounts,
    BaselinePrior,
    conditional_log_likelihood,
    integrated_log_likelihood,
)
from riskmodel.evidence.pooling_priors import (
    LocationPrior,
    family_and_two,
    location_prior,
    proper_tau_prior,
)
from riskmodel.evidence.pooling_quadrature import QuadraturePosterior, posterior_of
from riskmodel.evidence.pooling_tables import PooledByQuadrature

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


@dataclass(frozen=True, eq=False)
class PooledCounts(PooledByQuadrature):
    """What :func:`pool_counts` returns.

    Parameters
    ----------
    measure : {"odds_ratio", "relative_risk", "risk_difference"}
    model : {"unconditional", "conditional"}
    counts : ArmCounts
    mu_prior : LocationPrior
    tau_prior : HeterogeneityPrior
    baseline_prior : BaselinePrior or None
        None in the conditional model, which has no baseline.
    notes : tuple of str
        What the model does with studies without events, and how effects are kept possible.
    posterior : QuadraturePosterior

    Notes
    -----
    `effect` and `prediction` are log ratios or risk differences, treatment against comparator;
    negative means fewer events.
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
    def effect_ratio(self):
        """The pooled odds ratio or relative risk; a risk difference stays as it is."""
        if self.measure == "risk_difference":
            return self.effect
        return exponential_of(self.effect)

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

        own = self._own_effects(prob)
        return pd.DataFrame(
            {
                "study": list(self.counts.study),
                "events": self.counts.events.astype(int),
                "n": self.counts.n.astype(int),
                "events_comparator": self.counts.events_comparator.astype(int),
                "n_comparator": self.counts.n_comparator.astype(int),
                "without_contrast": self.counts.double_zero,
                **own,
            }
        )


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
    return posterior_of(
        log_likelihood,
        centres,
        scales,
        mu_prior,
        tau_prior,
        power=_power(counts, model),
        folds=folds,
        resolution=resolution,
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


def _baseline_prior(given: object, problems: list[Problem]) -> BaselinePrior | None:
    if isinstance(given, BaselinePrior):
        return given
    family, first, second = family_and_two(given)
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
