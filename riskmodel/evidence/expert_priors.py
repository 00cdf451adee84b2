"""Several experts' judgements of one number as one prior, as a problem file declares it.

Each judgement is an estimate with an interval at its level, and perhaps a value between, read as
the expert's quantiles; :func:`riskmodel.elicit` fits and pools them.
"""

from __future__ import annotations

import numpy as np

from riskmodel.errors import ParameterError, Phrase
from riskmodel.evidence.priors import SCORES, Prior, modelling_scale, place
from riskmodel.parameters.library import LoadedProblem
from riskmodel.parameters.schema import Badge, Duration, Estimate

_FAMILY = {"log": "lognormal", "log_odds": "beta", "plain": "normal"}
_SUPPORT = {"log": (0.0, np.inf), "log_odds": (0.0, 1.0), "plain": None}
BELIEFS = ("plausible", "credible")


def expert_prior(loaded: LoadedProblem, name: str, badge: Badge) -> Prior:
    """Return the pooled prior of several experts.

    Parameters
    ----------
    loaded : LoadedProblem
    name : str
        Of a prior that declares ``experts:``.
    badge : str

    Returns
    -------
    Prior
        Of family ``quantiles``, without any discount.

    Raises
    ------
    ParameterError
        If the records are no judgements of one measure with intervals, or the weights do not fit
        them, with the place in the problem's file.

    Notes
    -----
    The linear pool is the weighted mean of the experts' densities, the logarithmic one their
    weighted geometric mean, normalised: Genest and Zidek (1986), doi:10.1214/ss/1177013825.
    """
    from scipy.special import logit, ndtr

    from riskmodel.evidence.elicitation import elicit

    specification = loaded.problem.priors[name]
    estimates = [loaded.estimates[key] for key in specification.from_]
    _check(loaded, name, estimates)
    (measure,) = {estimate.measure for estimate in estimates}
    scale = modelling_scale(measure)
    try:
        found = elicit(
            {estimate.id: _quantiles(estimate) for estimate in estimates},
            family=_FAMILY[scale],
            weights=specification.experts.weights or None,
            pool=specification.experts.pool,
            quantity=name,
            support=_SUPPORT[scale],
        )
    except ParameterError as error:
        part = ("experts", "weights") if specification.experts.weights else ("from",)
        raise ParameterError(
            place(
                loaded, ("priors", name, *part), found=f.found, allowed=f.allowed, remedy=f.remedy
            )
            for f in error.problems
        ) from None
    values = np.asarray(found.distribution.ppf(ndtr(SCORES)), dtype=float)
    knots = {"log": np.log, "log_odds": logit, "plain": np.asarray}[scale](values)
    rule = (
        f"{len(estimates)} experts, {specification.experts.pool} pool of "
        f"{_FAMILY[scale].replace('lognormal', 'log-normal')} densities"
    )
    if specification.experts.weights:
        rule += ", weights " + ", ".join(
            f"{expert} {weight:g}" for expert, weight in specification.experts.weights.items()
        )
    weights = np.exp(-(SCORES**2) / 2)
    weights /= weights.sum()
    mean = float(weights @ knots)
    deviation = float(np.sqrt(weights @ (knots - mean) ** 2))
    ids = tuple(estimate.id for estimate in estimates)
    return Prior(
        name, measure, "quantiles", mean, deviation, badge, ids, rule, tuple(map(float, knots))
    )


def _quantiles(estimate: Estimate) -> dict[float, float]:
    """Return what an expert said, a rate per day."""
    unit = Duration(value=estimate.per.value, unit=estimate.per.unit).days if estimate.per else 1.0
    tail = (1 - estimate.interval.level) / 2
    lower, upper = estimate.limits
    said = {tail: lower / unit, 1 - tail: upper / unit}
    if estimate.value is not None:
        said[0.5] = estimate.value / unit
    return dict(sorted(said.items()))


def _check(loaded: LoadedProblem, name: str, estimates: list[Estimate]) -> None:
    specification = loaded.problem.priors[name]
    problems = []

    def fault(part: tuple, found, allowed: str, remedy: str) -> None:
        where = ("priors", name, *part)
        problems.append(place(loaded, where, found=found, allowed=allowed, remedy=remedy))

    if len(estimates) < 2:
        fault(
            ("from",),
            [e.id for e in estimates],
            "two or more judgements, for `experts:`",
            "name the other experts' records, or leave `experts:` out",
        )
    measures = {estimate.measure for estimate in estimates}
    if len(measures) > 1:
        fault(
            ("from",),
            Phrase(", ".join(sorted(measures))),
            "one measure for all",
            "ask every expert for the same number",
        )
    other = [
        e.id
        for e in estimates
        if e.status != "judgement"
        or e.limits is None
        or e.interval.level is None
        or e.interval.kind not in BELIEFS
    ]
    if other:
        fault(
            ("from",),
            other,
            "judgements with an interval of kind plausible or credible and its level",
            "studies are pooled with `pool:`; write down the level the expert meant",
        )
    stray = [key for key in specification.experts.weights if key not in specification.from_]
    if stray or (
        specification.experts.weights and len(specification.experts.weights) < len(estimates)
    ):
        fault(
            ("experts", "weights"),
            list(specification.experts.weights),
            f"one weight for each of {', '.join(specification.from_)}",
            "weigh every expert, or leave `weights:` out for equal ones",
        )
    for part in ("effective_sample_size", "log_sd", "sd", "line", "pool", "reverse", "complement"):
        if getattr(specification, part):
            fault(
                (part,),
                Phrase("beside `experts:`"),
                "nothing",
                f"leave out `{part}:`; the experts' own intervals say how sure they are",
            )
    if problems:
        raise ParameterError(problems)
