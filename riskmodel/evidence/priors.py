"""Estimate -> Prior: the only place where a printed figure becomes a distribution.

The rule follows from what a problem file declares (formulas in docs/model.md):

=============================================  ==================================================
what is declared                               distribution
=============================================  ==================================================
a ratio with its interval                      log-normal: location log(point), standard error
                                               (log upper - log lower) / (2 z) at the stated level
events of n                                    Beta(events + 1/2, n - events + 1/2) (Jeffreys)
a risk and an ``effective_sample_size`` m      Beta(m * risk, m * (1 - risk)): its mean is the risk
a rate or ratio and a ``log_sd``               log-normal: location log(point), that spread
a difference with its interval, or an ``sd``   normal: (upper - lower) / (2 z), or that spread
an NNT or NNH with its interval, or an ``sd``  normal for the risk difference: 1/NNT, interval
                                               ends 1/limits, signed by the direction
several figures or counts and a ``pool``       random effects over the studies, exact by quadrature
several judgements and ``experts``             linear or logarithmic pool of the experts' densities
any of these and a ``discount``                widened, shifted or mixed as declared
risks at covariate values and a ``line``       intercept and slope of a line on the log-odds scale,
                                               each risk counting as m patients
=============================================  ==================================================

A point alone never becomes a distribution.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem
from riskmodel.evidence.measures import log_standard_error, standard_error
from riskmodel.parameters.library import LoadedProblem, written_at
from riskmodel.parameters.marked_yaml import dotted
from riskmodel.parameters.schema import (
    RATIO_MEASURES,
    Badge,
    Correlation,
    DecisionProblem,
    Duration,
    Estimate,
    PriorSpecification,
)

POSITIVE_MEASURES = (
    *RATIO_MEASURES,
    "rate_ratio",
    "prevalence_ratio",
    "rate",
    "later_hazard_ratio",
)
NUMBERS_NEEDED = ("number_needed_to_treat", "number_needed_to_harm")
DIFFERENCES = ("risk_difference", "mean_difference", *NUMBERS_NEEDED)

JEFFREYS = "the Jeffreys prior"  # ends the rule of a Beta that half an event was added to

# Where the quantiles of a distribution without a formula are kept: 1e-9 lies beyond either end,
# and a straight line between two of them is within 1e-4 of a standard deviation.
SCORES = np.linspace(-6, 6, 601)


def modelling_scale(measure: str) -> Literal["log", "log_odds", "plain"]:
    """Return the scale on which a measure's distributions are made."""
    if measure in POSITIVE_MEASURES:
        return "log"
    return "log_odds" if measure == "risk" else "plain"


def from_modelling_scale(value, measure: str) -> np.ndarray:
    """Return a value of the modelling scale in the unit of its measure."""
    value = np.asarray(value, dtype=float)
    scale = modelling_scale(measure)
    if scale == "plain":
        return value
    return np.exp(value) if scale == "log" else 1 / (1 + np.exp(-value))


@dataclass(frozen=True)
class Prior:
    """A distribution of one number, made from estimates by a named rule.

    Parameters
    ----------
    id : str
    measure : str
        What it is a distribution of: ``relative_risk``, ``risk``, ``rate`` (per day) and so on.
    family : {"lognormal", "beta", "normal", "quantiles"}
    first, second : float
        Mean and standard deviation, of the logarithm for a log-normal, or the two shapes of the
        Beta; of the modelling scale for quantiles.
    knots : tuple of float
        For the family "quantiles": values on the modelling scale (logarithm of a ratio, log odds
        of a risk) at the standard normal scores :data:`SCORES`; between them, a straight line.
    badge : {"data", "assumed", "elicited", "transported"}
    estimates : tuple of str
    rule : str
        How it was made, in words.
    """

    id: str
    measure: str
    family: Literal["lognormal", "beta", "normal", "quantiles"]
    first: float
    second: float
    badge: Badge
    estimates: tuple[str, ...]
    rule: str
    knots: tuple[float, ...] = ()

    def quantile(self, prob):
        """Return quantiles at `prob`, in the unit of the measure.

        Examples
        --------
        >>> prior = Prior("rr", "relative_risk", "lognormal", np.log(0.62), 0.2351, "data", (), "")
        >>> [float(q) for q in prior.quantile([0.025, 0.5, 0.975]).round(2)]
        [0.39, 0.62, 0.98]
        """
        from scipy.special import betaincinv, ndtri  # heavy, and `check` does without

        prob = np.asarray(prob, dtype=float)
        if self.family == "beta":
            return betaincinv(self.first, self.second, prob)
        return self.at_score(ndtri(prob))

    def at_score(self, score) -> np.ndarray:
        """Return the value as far into the distribution as a standard normal score.

        Examples
        --------
        >>> prior = Prior("rr", "relative_risk", "lognormal", np.log(0.62), 0.2351, "data", (), "")
        >>> float(prior.at_score(1.959964).round(2))
        0.98
        """
        score = np.asarray(score, dtype=float)
        if self.family == "beta":
            from scipy.special import betaincinv, ndtr

            return betaincinv(self.first, self.second, ndtr(score))
        if self.family == "quantiles":
            value = np.interp(score, SCORES, self.knots)
        else:
            value = self.first + self.second * score
        if self.family == "normal":
            return value
        return from_modelling_scale(value, self.measure)

    def mean(self) -> float:
        """Return the mean in the unit of the measure."""
        if self.family == "beta":
            return self.first / (self.first + self.second)
        if self.family == "normal":
            return self.first
        if self.family == "quantiles":
            weight = np.exp(-(SCORES**2) / 2)
            return float(np.average(self.at_score(SCORES), weights=weight))
        return float(np.exp(self.first + self.second**2 / 2))


@dataclass(frozen=True)
class LinePrior:
    """A line on the log-odds scale through stated risks, with what it was weakly believed before.

    Parameters
    ----------
    positions : tuple of float
        Transformed covariate values of the stated risks, less the transformed centre.
    risks : tuple of float
    effective_sample_size : float
        Patients that each stated risk counts for.
    intercept, slope : tuple of float
        Mean and standard deviation of the normal each is given before the risks are seen.

    Notes
    -----
    Log density, up to a constant, with ``eta = intercept + slope * position``::

        normal(intercept) + normal(slope)
        + effective_sample_size * sum(risk * log expit(eta) + (1 - risk) * log expit(-eta))
    """

    id: str
    covariate: str
    transform: Literal["linear", "log"]
    centre: float
    positions: tuple[float, ...]
    risks: tuple[float, ...]
    effective_sample_size: float
    intercept: tuple[float, float]
    slope: tuple[float, float]
    badge: Badge
    estimates: tuple[str, ...]
    rule: str

    measure: str = "log_odds_line"


def transformed(value, transform: str, centre: float, per: float = 1.0):
    """Return covariate values on the scale of a term: steps of `per` from `centre`.

    Examples
    --------
    >>> float(transformed(75.0, "linear", centre=65, per=10))
    1.0
    >>> round(float(transformed(500.0, "log", centre=300)), 4)
    0.5108
    """
    value = np.asarray(value, dtype=float)
    step = np.log(value / centre) if transform == "log" else value - centre
    return step / per


def used_priors(problem: DecisionProblem, *, later: bool = True) -> list[str]:
    """Return the names of the priors that a problem's outcomes use, each once, in order.

    Parameters
    ----------
    problem : DecisionProblem
    later : bool
        Whether to count those that only a later horizon uses.
    """
    names: list[str] = []
    for outcome in problem.outcomes.values():
        baseline = outcome.baseline
        names += [part.prior for part in (baseline.intercept, baseline.line) if part]
        names += [term.prior for term in baseline.terms]
        names += [effect.prior for effect in outcome.effects.values() if effect.prior]
        if later:
            names += [extension.later_hazard_ratio.prior for extension in baseline.extension]
    return list(dict.fromkeys(names))


def rests_on_unverified(loaded: LoadedProblem, prior: str) -> bool:
    """Say whether a prior uses an estimate that is only remembered."""
    return any(
        loaded.estimates[name].status == "unverified" for name in loaded.problem.priors[prior].from_
    )


def default_scenarios(loaded: LoadedProblem) -> list[str]:
    """Return the scenarios that rest on no unverified estimate: those every run may show."""
    return [
        name
        for name in loaded.problem.scenarios
        if not any(
            rests_on_unverified(loaded, prior)
            for prior in used_priors(loaded.with_scenarios([name]).problem)
            if prior not in used_priors(loaded.problem)
        )
    ]


def active_priors(loaded: LoadedProblem) -> list[str]:
    """Return the priors of the problem and of every scenario a run may show.

    One posterior then serves them all; unverified ones enter only where a scenario that was
    switched on by name uses them.
    """
    names = set(used_priors(loaded.problem))
    for scenario in default_scenarios(loaded):
        names.update(used_priors(loaded.with_scenarios([scenario]).problem))
    return [name for name in loaded.problem.priors if name in names]


def draw_prior(prior: Prior | LinePrior, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return draws of a prior as believed before a line's stated risks are seen.

    Parameters
    ----------
    prior : Prior or LinePrior
    size : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (size,) or (size, 2)
        Intercept and slope for a line.
    """
    if isinstance(prior, LinePrior):
        mean, sd = np.array([prior.intercept, prior.slope]).T
        return rng.normal(mean, sd, size=(size, 2))
    if prior.family == "beta":
        return rng.beta(prior.first, prior.second, size)
    return prior.at_score(rng.standard_normal(size))


def draw_priors(
    priors: Mapping[str, Prior | LinePrior],
    correlations: Iterable[Correlation],
    size: int,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Return draws of every prior, correlated as declared.

    Parameters
    ----------
    priors : mapping of str to Prior or LinePrior
    correlations : iterable of Correlation
        Of normal scores; those of priors that are not there are passed over.
    size : int
    rng : numpy.random.Generator
        Each prior has a stream of its own, whatever else is drawn.

    Returns
    -------
    dict of str to ndarray
        As of :func:`draw_prior`.
    """
    streams = dict(zip(priors, rng.spawn(len(priors)), strict=True))
    names, matrix = correlation_matrix(correlations, priors)
    scores = np.array([streams[name].standard_normal(size) for name in names])
    if names:
        scores = np.linalg.cholesky(matrix) @ scores
    draws = {name: priors[name].at_score(row) for name, row in zip(names, scores, strict=True)}
    return {
        name: draws[name] if name in draws else draw_prior(prior, size, streams[name])
        for name, prior in priors.items()
    }


def correlation_matrix(
    correlations: Iterable[Correlation], among: Iterable[str]
) -> tuple[list[str], np.ndarray]:
    """Return the priors that are correlated, and the matrix of their normal scores.

    Examples
    --------
    >>> pair = Correlation(priors=["a", "b"], rho=0.3, because="an example")
    >>> correlation_matrix([pair], ["a", "b", "c"])
    (['a', 'b'], array([[1. , 0.3],
           [0.3, 1. ]]))
    """
    among = list(among)
    pairs = [c for c in correlations if c.rho and set(c.priors) <= set(among)]
    names = [name for name in among if any(name in pair.priors for pair in pairs)]
    matrix = np.eye(len(names))
    for pair in pairs:
        i, j = (names.index(name) for name in pair.priors)
        matrix[i, j] = matrix[j, i] = pair.rho
    return names, matrix


def build_priors(loaded: LoadedProblem, names: Iterable[str] | None = None) -> dict:
    """Return the priors of a problem by name.

    Parameters
    ----------
    loaded : LoadedProblem
    names : iterable of str, optional
        None is :func:`active_priors`.

    Returns
    -------
    dict of str to Prior or LinePrior

    Raises
    ------
    ParameterError
        With every prior that cannot be made from what is declared.
    """
    priors, problems = {}, []
    for name in active_priors(loaded) if names is None else names:
        try:
            priors[name] = build_prior(loaded, name)
        except ParameterError as error:
            problems += error.problems
    if problems:
        raise ParameterError(problems)
    return priors


def build_prior(loaded: LoadedProblem, name: str) -> Prior | LinePrior:
    """Return one prior of a problem, by the rule its declaration implies."""
    discount = loaded.problem.priors[name].discount
    if discount is None:
        return undiscounted_prior(loaded, name)
    from riskmodel.evidence.discounted_priors import check_discount, discounted

    check_discount(loaded, name)
    return discounted(undiscounted_prior(loaded, name), discount)


def undiscounted_prior(loaded: LoadedProblem, name: str) -> Prior | LinePrior:
    """Return one prior of a problem with its source at face value."""
    specification = loaded.problem.priors[name]
    estimates = [loaded.estimates[key] for key in specification.from_]
    if specification.line:
        return _line(loaded, name, specification, estimates)
    if specification.experts:
        from riskmodel.evidence.expert_priors import expert_prior

        return expert_prior(loaded, name, prior_badge(loaded, name, specification, estimates))
    if specification.pool:
        from riskmodel.evidence.synthesised_priors import pooled_prior

        badge = prior_badge(loaded, name, specification, estimates)
        return pooled_prior(loaded, name, badge)
    if len(estimates) > 1:
        _refuse(
            loaded,
            name,
            ("from",),
            [e.id for e in estimates],
            "one estimate, or several with `pool:`",
            "name the estimate to use, or add `pool: {take: mean, because: ...}`",
        )
    return _single(loaded, name, specification, estimates[0])


def _refuse(loaded, name, part, found, allowed, remedy):
    location = ("priors", name, *part)
    raise ParameterError([place(loaded, location, found=found, allowed=allowed, remedy=remedy)])


def place(loaded: LoadedProblem, location: tuple, **parts):
    """Return a Problem at a location of the problem's file, or without a place if it has none."""
    location = written_at(loaded.problem, loaded.scenarios, location)
    if loaded.document is None:
        return Problem(field=dotted(location), **parts)
    return loaded.document.problem(location, **parts)


def prior_badge(
    loaded: LoadedProblem, name: str, specification: PriorSpecification, estimates
) -> Badge:
    """Return what a prior rests on; what is not data has to say so."""
    if specification.badge is not None:
        return specification.badge
    judged = [e.id for e in estimates if e.status in ("judgement", "unverified")]
    declared = specification.effective_sample_size or specification.log_sd or specification.sd
    if judged or declared:
        why = f"{judged[0]} is a judgement" if judged else "its spread is declared, not printed"
        _refuse(
            loaded,
            name,
            ("badge",),
            NOTHING,
            "assumed, elicited or transported",
            f"add `badge:` with `whose:` and `because:`; {why}",
        )
    return "data"


def _require_use(loaded, name, specification: PriorSpecification, measure: str) -> None:
    """Refuse what is declared and would be passed over in silence."""
    for part, fits in (
        ("complement", measure == "risk" and not specification.line),
        ("effective_sample_size", measure == "risk"),
        ("log_sd", measure in POSITIVE_MEASURES),
        ("sd", measure in DIFFERENCES),
        ("reverse", measure in (*RATIO_MEASURES, *DIFFERENCES)),
    ):
        if getattr(specification, part) and not fits:
            kind = "line" if specification.line else measure
            _refuse(
                loaded,
                name,
                (part,),
                getattr(specification, part),
                f"nothing, for a prior made from a {kind}",
                f"leave out `{part}:`; it has no meaning here",
            )


def _single(loaded, name, specification: PriorSpecification, estimate: Estimate) -> Prior:
    _require_use(loaded, name, specification, estimate.measure)
    badge = prior_badge(loaded, name, specification, [estimate])
    value = 1 - estimate.number if specification.complement else estimate.number
    size = specification.effective_sample_size

    def prior(measure, family, first, second, rule):
        return Prior(
            name, measure, family, float(first), float(second), badge, (estimate.id,), rule
        )

    if np.isnan(value):
        _refuse(
            loaded,
            name,
            ("from", 0),
            Phrase(f"{estimate.id}, a range without a point"),
            "an estimate with a value or counts",
            "name another estimate, or judge a value and say whose it is",
        )
    if estimate.measure == "risk" and size is not None:
        if not 0 < value < 1:
            _refuse(
                loaded,
                name,
                ("from", 0),
                Phrase(f"{estimate.id}, a risk of {value:g}"),
                "a risk above 0 and below 1",
                "never nobody or everybody for certain: give the counts, without "
                "`effective_sample_size:`",
            )
        return prior(
            "risk",
            "beta",
            size * value,
            size * (1 - value),
            f"Beta with mean {value:.4g} and the weight of {size:g} patients (declared)",
        )
    if estimate.measure == "risk" and estimate.counts is not None:
        events, n = estimate.counts.events, estimate.counts.n
        if specification.complement:
            events = n - events
        return prior(
            "risk",
            "beta",
            events + 0.5,
            n - events + 0.5,
            f"{events:g} of {n} with {JEFFREYS}",
        )
    if estimate.measure in POSITIVE_MEASURES:
        per_day = 1.0
        if estimate.per is not None:
            per_day = Duration(value=estimate.per.value, unit=estimate.per.unit).days
        location = np.log(value / per_day) * (-1 if specification.reverse else 1)
        centre = np.exp(location) * per_day
        if specification.log_sd is not None:
            return prior(
                estimate.measure,
                "lognormal",
                location,
                specification.log_sd,
                f"log-normal around {centre:.4g}, log standard deviation "
                f"{specification.log_sd:g} (declared)",
            )
        interval = estimate.interval
        if interval is not None and interval.kind != "rounding" and interval.level is not None:
            error = log_standard_error(*estimate.limits, interval.level)
            return prior(
                estimate.measure,
                "lognormal",
                location,
                error,
                f"log-normal around {centre:.4g}, log standard error {error:.4f} from the "
                f"{interval.level:.0%} interval" + _reversed(specification),
            )
    if estimate.measure in DIFFERENCES:
        return _difference(loaded, name, specification, estimate, prior)
    if estimate.measure == "risk":
        remedy = "declare `effective_sample_size:` with `badge: assumed`, or give its counts"
    elif estimate.comparator_counts is not None or estimate.events_over is not None:
        remedy = "give its interval with `level:`, or pool its counts with those of other studies"
    elif estimate.measure in POSITIVE_MEASURES:
        remedy = "give its interval with `level:`, or declare `log_sd:` with `badge: assumed`"
    else:
        remedy = "name the ratio or the risks that it was computed from"
    _refuse(
        loaded,
        name,
        ("from", 0),
        Phrase(f"{estimate.id}, a {estimate.measure} without a spread that can be used"),
        "an estimate with counts, an interval of sampling error, or a declared spread",
        f"a point alone is no distribution: {remedy}",
    )


def _reversed(specification: PriorSpecification) -> str:
    return ", the other way round" if specification.reverse else ""


def _difference(loaded, name, specification, estimate: Estimate, prior) -> Prior:
    """Return the normal prior of a difference, from its own figures or a number needed to treat.

    A number needed is one over a risk difference, towards more of a wanted event or less of an
    unwanted one to treat, and the other way to harm; its limits exchange places.
    """
    point, limits, sign = estimate.number, estimate.limits, 1.0
    measure = estimate.measure
    if measure in NUMBERS_NEEDED:
        more = estimate.wanted == (measure == "number_needed_to_treat")
        sign = 1.0 if more else -1.0
        point = 1 / point
        if limits:  # limits of opposite signs run through infinity, and their reciprocals through 0
            limits = tuple(sorted(1 / limit for limit in limits))
        measure = "risk_difference"
    if specification.reverse:
        sign = -sign
    unit = f" {estimate.unit}" if estimate.measure == "mean_difference" else ""
    if specification.sd is not None:
        words = f"standard deviation {specification.sd:g} (declared)"
        sd = specification.sd
    elif limits and estimate.interval.kind != "rounding" and estimate.interval.level is not None:
        sd = standard_error(*limits, estimate.interval.level)
        words = f"standard error {sd:.4g} from the {estimate.interval.level:.0%} interval"
    else:
        _refuse(
            loaded,
            name,
            ("from", 0),
            Phrase(f"{estimate.id}, a {estimate.measure} without a spread that can be used"),
            "an interval of sampling error with its `level:`, or a declared spread",
            "a point alone is no distribution: name the ratio or risks that it was computed "
            "from, or declare `sd:` with `badge: assumed`",
        )
    return prior(
        measure,
        "normal",
        sign * point,
        sd,
        f"normal around {sign * point:.4g}{unit}, {words}" + _reversed(specification),
    )


def _line(loaded, name, specification: PriorSpecification, estimates) -> LinePrior:
    line = specification.line
    _require_use(loaded, name, specification, "risk")
    badge = prior_badge(loaded, name, specification, estimates)
    if specification.effective_sample_size is None:
        _refuse(
            loaded,
            name,
            ("effective_sample_size",),
            NOTHING,
            "how many patients each stated risk counts for",
            "add `effective_sample_size:`",
        )
    for i, estimate in enumerate(estimates):
        if estimate.measure != "risk" or line.covariate not in (estimate.at or {}):
            _refuse(
                loaded,
                name,
                ("from", i),
                estimate.id,
                f"a risk with `at: {{{line.covariate}: value}}`",
                "use an estimate that says where its risk holds",
            )
    if len({estimate.at[line.covariate] for estimate in estimates}) < 2:
        _refuse(
            loaded,
            name,
            ("from",),
            Phrase("one covariate value"),
            "risks at two or more",
            "add an estimate at another value",
        )
    values = [estimate.at[line.covariate] for estimate in estimates]
    positions = transformed(values, line.transform, line.centre)
    size = specification.effective_sample_size
    return LinePrior(
        id=name,
        covariate=line.covariate,
        transform=line.transform,
        centre=line.centre,
        positions=tuple(float(x) for x in positions),
        risks=tuple(float(estimate.number) for estimate in estimates),
        effective_sample_size=size,
        intercept=(line.intercept.mean, line.intercept.sd),
        slope=(line.slope.mean, line.slope.sd),
        badge=badge,
        estimates=tuple(estimate.id for estimate in estimates),
        rule=f"line on the log-odds scale through {len(estimates)} stated risks, "
        f"each with the weight of {size:g} patients (declared)",
    )
