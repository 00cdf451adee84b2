"""build_model: a decision problem and its priors become one pm.Model.

PyMC enters the project in this module and nowhere else; it is imported on first use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from riskmodel.evidence.priors import (
    SCORES,
    LinePrior,
    Prior,
    build_priors,
    correlation_matrix,
    modelling_scale,
)
from riskmodel.parameters.library import LoadedProblem

if TYPE_CHECKING:
    pass

LINE_COEFFICIENTS = ("intercept", "slope")


def build_model(loaded: LoadedProblem, priors: Mapping[str, Prior | LinePrior] | None = None):
    """Return the joint model of a decision problem.

    Parameters
    ----------
    loaded : LoadedProblem
    priors : mapping of str to Prior or LinePrior, optional
        None is :func:`riskmodel.evidence.priors.build_priors`.

    Returns
    -------
    pymc.Model
        One variable a prior, under the prior's name and in the unit of its measure (a line has
        the dimension ``coefficient``); and two deterministics in the problem's own coordinates:
        ``baseline_risk[outcome]`` at the reference profile (a mean for a continuous outcome), and
        ``effect[option, outcome]`` in each effect's printed measure, which is 1 (a ratio) or 0 (a
        difference, a rate) where an option changes nothing, and nan where the sources allow no
        contrast.

    Notes
    -----
    Every prior is independent of the others given the data, except intercept and slope of one
    line and the pairs that the problem declares as correlated: those share a normal copula, each
    prior being the quantile function of its own at a standard normal score. The stated risks of a
    line enter as a potential, so that the prior predictive distribution is what was believed before
    them.

    Examples
    --------
    >>> from riskmodel import load_problem
    >>> model = build_model(load_problem("plex_aav"))
    >>> sorted(model.coords)
    ['coefficient', 'covariate', 'option', 'outcome']
    """
    import pymc as pm

    priors = build_priors(loaded) if priors is None else priors
    problem = loaded.problem
    coords = {
        "outcome": list(problem.outcomes),
        "option": list(problem.options),
        "covariate": list(problem.covariates),
        "coefficient": list(LINE_COEFFICIENTS),
    }
    with pm.Model(coords=coords) as model:
        scores = _correlated_scores(pm, loaded, priors)
        variables = {name: _variable(prior, scores.get(name)) for name, prior in priors.items()}
        reference = _reference_profile(pm, loaded)
        _baseline_risk(pm, loaded, priors, variables, reference)
        _effect(pm, loaded, priors, variables)
    return model


def _correlated_scores(pm, loaded: LoadedProblem, priors) -> dict:
    """Return a standard normal score for each prior that is declared to go with another."""
    names, matrix = correlation_matrix(loaded.problem.correlations, priors)
    if not names:
        return {}
    independent = pm.Normal("independent_scores", 0, 1, shape=len(names))
    correlated = pm.math.dot(np.linalg.cholesky(matrix), independent)
    return {name: correlated[i] for i, name in enumerate(names)}


def _at_score(prior: Prior, score):
    """Return the value as far into a prior as a standard normal score, as `Prior.at_score`."""
    import pymc as pm

    if prior.family in ("lognormal", "normal"):
        value = prior.first + prior.second * score
        return value if prior.family == "normal" else pm.math.exp(value)
    if prior.family == "beta":  # no formula that a sampler could follow: kept as quantiles
        risks = np.clip(prior.at_score(SCORES), 1e-300, 1 - 1e-16)
        knots = np.log(risks) - np.log1p(-risks)
    else:
        knots = np.array(prior.knots)
    step = SCORES[1] - SCORES[0]
    place = pm.math.clip((score - SCORES[0]) / step, 0, len(SCORES) - 1.000001)
    below = pm.math.floor(place).astype("int64")
    inside = place - below
    value = pm.math.constant(knots)[below] * (1 - inside)
    value = value + pm.math.constant(knots)[below + 1] * inside
    scale = modelling_scale(prior.measure)
    if scale == "plain":
        return value
    return pm.math.exp(value) if scale == "log" else pm.math.sigmoid(value)


def _variable(prior: Prior | LinePrior, score=None):
    import pymc as pm

    if score is not None:
        return pm.Deterministic(prior.id, _at_score(prior, score))
    if isinstance(prior, LinePrior):
        mean, sd = np.array([prior.intercept, prior.slope]).T
        line = pm.Normal(prior.id, mean, sd, dims="coefficient")
        log_odds = line[0] + line[1] * np.array(prior.positions)
        risks = np.array(prior.risks)
        # log expit(x) = -log1pexp(-x): finite for every x.
        log_likelihood = -(
            risks * pm.math.log1pexp(-log_odds) + (1 - risks) * pm.math.log1pexp(log_odds)
        )
        pm.Potential(f"{prior.id}_stated_risks", prior.effective_sample_size * log_likelihood.sum())
        return line
    if prior.family == "quantiles":
        score = pm.Normal(f"{prior.id}_score", 0, 1)
        return pm.Deterministic(prior.id, _at_score(prior, score))
    if prior.family == "beta":
        return pm.Beta(prior.id, prior.first, prior.second)
    if prior.family == "normal":
        return pm.Normal(prior.id, prior.first, prior.second)
    return pm.LogNormal(prior.id, prior.first, prior.second)


def _reference_profile(pm, loaded: LoadedProblem):
    problem = loaded.problem
    values = [
        problem.reference_profile.get(name, covariate.default)
        for name, covariate in problem.covariates.items()
    ]
    # PyMC refuses nan; what is not stated, or is no number, stands in no term.
    numbers = [0.0 if value is None or isinstance(value, str) else float(value) for value in values]
    return pm.Data("reference_profile", np.array(numbers), dims="covariate")


def _baseline_risk(pm, loaded: LoadedProblem, priors, variables, reference) -> None:
    problem = loaded.problem
    position = {name: i for i, name in enumerate(problem.covariates)}
    risks = []
    for outcome in problem.outcomes.values():
        baseline = outcome.baseline
        if baseline.fixed_risk is not None or baseline.fixed_mean is not None:
            known = baseline.fixed_mean if baseline.fixed_risk is None else baseline.fixed_risk
            risks.append(pm.math.constant(known))
            continue
        if baseline.not_estimable:
            risks.append(pm.math.constant(np.nan))
            continue
        if baseline.line:
            line = priors[baseline.line.prior]
            terms = [(line.covariate, line.transform, line.centre, 1.0)]
            log_odds = variables[line.id][0]
            slopes = [variables[line.id][1]]
        else:
            terms = [(t.covariate, t.transform, t.centre, t.per) for t in baseline.terms]
            log_odds = pm.math.logit(variables[baseline.intercept.prior])
            slopes = [pm.math.log(variables[t.prior]) for t in baseline.terms]
        for (covariate, transform, centre, per), slope in zip(terms, slopes, strict=True):
            value = reference[position[covariate]]
            step = pm.math.log(value / centre) if transform == "log" else value - centre
            log_odds = log_odds + slope * step / per
        risks.append(pm.math.sigmoid(log_odds))
    pm.Deterministic("baseline_risk", pm.math.stack(risks), dims="outcome")


def _effect(pm, loaded: LoadedProblem, priors, variables) -> None:
    problem = loaded.problem
    rows = []
    for option in problem.options:
        row = []
        for outcome in problem.outcomes.values():
            effect = outcome.effects.get(option)
            if effect is not None and effect.prior:
                row.append(variables[effect.prior])
                continue
            scales = {e.scale for e in outcome.effects.values() if e.scale}
            neutral = 0.0 if scales <= {"added_rate", "risk_difference", "mean_difference"} else 1.0
            unknown = effect is not None and effect.not_estimable
            row.append(pm.math.constant(np.nan if unknown else neutral))
        rows.append(pm.math.stack(row))
    pm.Deterministic("effect", pm.math.stack(rows), dims=("option", "outcome"))
