"""Several studies as one distribution on the modelling scale, as a problem file declares it.

What the studies carry decides how they are pooled:

====================================  =============================================================
what each estimate carries            model
====================================  =============================================================
``counts`` and ``comparator_counts``  binomial in both groups, normal between studies on the scale
                                      of the measure (:mod:`riskmodel.evidence.pooling_counts`)
a risk with ``counts``                binomial, normal log odds between studies
a rate with ``events_over``           Poisson, normal log rate between studies
                                      (:mod:`riskmodel.evidence.pooling_single_arm`)
a value with its interval             normal, normal between studies, by the logarithm for ratios
                                      and rates (:mod:`riskmodel.evidence.pooling`)
====================================  =============================================================

The modelling scale is the logarithm for ratios and rates, the log odds for risks, and the plain
number for differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from riskmodel.errors import NOTHING, ParameterError, Phrase
from riskmodel.evidence.priors import SCORES, Prior, place
from riskmodel.parameters.library import LoadedProblem
from riskmodel.parameters.schema import (
    RATIO_MEASURES,
    TWO_ARM_MEASURES,
    Badge,
    Duration,
    Estimate,
    PriorSpecification,
)

LOG_MEASURES = (*RATIO_MEASURES, "rate_ratio", "prevalence_ratio", "rate")
POOLED_DIFFERENCES = ("risk_difference", "mean_difference")
# What is pooled without `tau_prior:`; a difference has to name its own.
DEFAULT_TAU_PRIOR = {"risk": "half_normal:1", "rate": "half_normal:1"}
RATIO_TAU_PRIOR = "half_normal:0.5"


def pooled_prior(loaded: LoadedProblem, name: str, badge: Badge) -> Prior:
    """Return the random-effects prior of several studies.

    Parameters
    ----------
    loaded : LoadedProblem
    name : str
        Of a prior that declares ``pool:``.
    badge : str

    Returns
    -------
    Prior
        Of family ``quantiles``, without any discount.

    Raises
    ------
    ParameterError
        If the estimates cannot be pooled with one another, with the place in the problem's file.
    """
    specification = loaded.problem.priors[name]
    estimates = [loaded.estimates[key] for key in specification.from_]
    pool = specification.pool

    def refuse(part: tuple, found, allowed: str, remedy: str):
        where = ("priors", name, *part)
        raise ParameterError([place(loaded, where, found=found, allowed=allowed, remedy=remedy)])

    if len(estimates) < 2:
        refuse(
            ("from",),
            [e.id for e in estimates],
            "two or more estimates, for `pool:`",
            "name the other studies, or leave `pool:` out",
        )
    data = _pooled_data(estimates)
    measure = _measure(specification, estimates, data, refuse)
    if data is None:
        data = _intervals(estimates, measure, refuse)
    _require_use(specification, measure, refuse)
    tau_prior = pool.tau_prior or DEFAULT_TAU_PRIOR.get(measure)
    if tau_prior is None and measure in POOLED_DIFFERENCES:
        refuse(
            ("pool", "tau_prior"),
            NOTHING,
            "a prior on the scale of the difference",
            "the default is for log ratios; write for example `tau_prior: half_normal:"
            + ("0.05`" if measure == "risk_difference" else "2`"),
        )
    try:
        found = _pooled(data, measure, tau_prior or RATIO_TAU_PRIOR, pool.take)
    except ParameterError as error:
        raise ParameterError(
            place(
                loaded,
                ("priors", name, *(("pool", "tau_prior") if f.field == "tau_prior" else ("from",))),
                found=f.found,
                allowed=f.allowed,
                remedy=f.remedy,
            )
            for f in error.problems
        ) from None
    mean, deviation, knots, rule = found
    if specification.reverse or specification.complement:
        mean, knots = -mean, tuple(-x for x in reversed(knots))
        rule += ", the other way round" if specification.reverse else ", one minus it"
    ids = tuple(estimate.id for estimate in estimates)
    return Prior(name, measure, "quantiles", mean, deviation, badge, ids, rule, knots)


# --- what is pooled ------------------------------------------------------------------------------


def _pooled_data(estimates: Sequence[Estimate]) -> tuple | None:
    """Return the kind of counts that every estimate carries, and each one's; None without.

    A study is a plain tuple, so that the same studies need to be pooled only once.
    """
    every = {
        "two groups": [
            (*_events_of(e.counts), *_events_of(e.comparator_counts))
            for e in estimates
            if e.counts and e.comparator_counts and e.measure in TWO_ARM_MEASURES
        ],
        "risk": [_events_of(e.counts) for e in estimates if e.measure == "risk" and e.counts],
        "rate": [
            (e.events_over.events, Duration(value=e.events_over.time, unit=e.events_over.unit).days)
            for e in estimates
            if e.measure == "rate" and e.events_over
        ],
    }
    for kind, studies in every.items():
        if len(studies) == len(estimates):
            return kind, tuple(studies)
    return None


def _events_of(counts) -> tuple[float, float]:
    return counts.events, float(counts.n)


def _measure(specification: PriorSpecification, estimates, data, refuse) -> str:
    """Return what the pool is a distribution of."""
    asked = specification.pool.measure
    measures = {estimate.measure for estimate in estimates}
    if asked is not None:
        if data is None or data[0] != "two groups":
            refuse(
                ("pool", "measure"),
                asked,
                "`counts:` and `comparator_counts:` in every estimate, from which any measure "
                "follows",
                "leave `measure:` out, or give the counts of both groups",
            )
        return asked
    allowed = {*LOG_MEASURES, *POOLED_DIFFERENCES, *(("risk",) if data else ())}
    if len(measures) > 1 or not measures <= allowed:
        refuse(
            ("from",),
            Phrase(", ".join(sorted(measures))),
            "one measure for all: a ratio, a difference, a rate, or risks with their counts",
            "pool only what is on one scale; with counts of both groups, `measure:` in `pool:` "
            "says which",
        )
    (measure,) = measures
    return measure


def _intervals(estimates: Sequence[Estimate], measure: str, refuse) -> tuple:
    """Return each estimate's point and limits, in the unit of the model."""
    bare = [e.id for e in estimates if e.limits is None or e.interval.level is None]
    bare += [e.id for e in estimates if e.limits and e.interval.kind == "rounding"]
    bare += [e.id for e in estimates if e.id not in bare and np.isnan(e.number)]
    if bare:
        refuse(
            ("from",),
            bare,
            "estimates that all carry their counts, or all an interval and its level",
            "leave out what has no spread; counts and intervals are not pooled with one another",
        )
    studies = []
    for e in estimates:
        unit = Duration(value=e.per.value, unit=e.per.unit).days if e.per else 1.0
        studies.append((e.number / unit, e.limits[0] / unit, e.limits[1] / unit, e.interval.level))
    return "interval", tuple(studies)


def _require_use(specification: PriorSpecification, measure: str, refuse) -> None:
    """Refuse what is declared and would be passed over in silence."""
    reversible = {*LOG_MEASURES, *POOLED_DIFFERENCES} - {"rate"}
    for part, fits in (
        ("complement", measure == "risk"),
        ("reverse", measure in reversible),
        ("effective_sample_size", False),
        ("log_sd", False),
        ("sd", False),
    ):
        if getattr(specification, part) and not fits:
            refuse(
                (part,),
                getattr(specification, part),
                f"nothing, for a pool of {measure} figures",
                f"leave out `{part}:`; it has no meaning here",
            )


# --- how it is pooled ----------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _pooled(data: tuple, measure: str, tau_prior: str, take: str):
    """Return mean and spread of what is taken, its values at the scores, and how it was made.

    A run builds its priors many times over, and the same studies always give the same answer.
    """
    from scipy.special import ndtr

    kind, studies = data
    result, words = _POOLS[kind](np.array(studies, dtype=float).T, measure, tau_prior)
    taken = result.effect if take == "mean" else result.prediction
    what = {"risk": "risk", "rate": "rate"}.get(measure, "effect")
    chosen = f"their mean {what}" if take == "mean" else f"the {what} in a new study"
    tau = result.heterogeneity.median()
    rule = (
        f"{len(studies)} studies with random effects, tau {tau_prior.replace('_', '-')}, "
        f"median {tau:.3g}{words}; {chosen}"
    )
    knots = tuple(float(x) for x in taken.ppf(ndtr(SCORES)))
    return float(taken.mean()), float(taken.std()), knots, rule


def _pool_two_groups(studies: np.ndarray, measure: str, tau_prior: str):
    from riskmodel.evidence.pooling_counts import pool_counts

    result = pool_counts(*studies, measure=measure, tau_prior=tau_prior)
    scale = measure.replace("_", " ")
    return result, f", counts of both groups by their binomial likelihood on the {scale} scale"


def _pool_risks(studies: np.ndarray, measure: str, tau_prior: str):
    from riskmodel.evidence.pooling_single_arm import pool_proportions

    result = pool_proportions(*studies, tau_prior=tau_prior)
    return result, ", counts by their binomial likelihood, log odds"


def _pool_rates(studies: np.ndarray, measure: str, tau_prior: str):
    from riskmodel.evidence.pooling_single_arm import pool_rates

    result = pool_rates(*studies, tau_prior=tau_prior)
    return result, ", events by their Poisson likelihood, log rate a day"


def _pool_intervals(studies: np.ndarray, measure: str, tau_prior: str):
    from riskmodel.evidence.measures import log_standard_error, standard_error
    from riskmodel.evidence.pooling import pool_effects

    log = measure in LOG_MEASURES
    points, lower, upper, level = studies
    error = log_standard_error if log else standard_error
    errors = [float(error(*each)) for each in zip(lower, upper, level, strict=True)]
    return pool_effects(np.log(points) if log else points, errors, tau_prior=tau_prior), ""


_POOLS = {
    "two groups": _pool_two_groups,
    "risk": _pool_risks,
    "rate": _pool_rates,
    "interval": _pool_intervals,
}
