"""The models of `riskmodel.evidence.pooling_counts` by MCMC: the same formulas, another arithmetic.

:func:`riskmodel.evidence.pooling_counts.pool_counts` answers by quadrature in a fraction of a
second. This is its check, and the place to start from for a model that quadrature cannot do.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from riskmodel.evidence.heterogeneity import HeterogeneityPrior
from riskmodel.evidence.pooling_counts import checked_counts, checked_settings
from riskmodel.evidence.pooling_likelihoods import ArmCounts, BaselinePrior, log_choose
from riskmodel.evidence.pooling_priors import LocationPrior
from riskmodel.models.compiling import quiet_compiling
from riskmodel.models.gate import diagnose, require_convergence
from riskmodel.models.posterior import group

KEPT = ("effect", "heterogeneity", "prediction", "study_effect")


def build_pooled_counts(
    events: ArrayLike,
    n: ArrayLike,
    events_comparator: ArrayLike,
    n_comparator: ArrayLike,
    *,
    measure: str = "odds_ratio",
    study=None,
    tau_prior: object = None,
    mu_prior: object = None,
    baseline_prior: object = None,
    model: str = "unconditional",
):
    """Return the pm.Model of :func:`riskmodel.evidence.pooling_counts.pool_counts`.

    Parameters
    ----------
    events, n, events_comparator, n_comparator, measure, study, tau_prior, mu_prior, \
baseline_prior, model
        As there.

    Returns
    -------
    pymc.Model
        ``effect`` (mu), ``heterogeneity`` (tau), ``study_effect[study]``, and ``prediction``, the
        effect in a new study.

    Notes
    -----
    Random effects are ``mu + tau * z`` with z standard normal, which few and small studies need;
    those of a risk difference are cut to (-1, 1) by the quantile function of the cut normal.

    Examples
    --------
    >>> model = build_pooled_counts([1, 0], [50, 60], [4, 2], [50, 60])
    >>> sorted(variable.name for variable in model.observed_RVs)
    ['events', 'events_comparator']
    """
    counts = checked_counts(events, n, events_comparator, n_comparator, study)
    priors = checked_settings(measure, model, tau_prior, mu_prior, baseline_prior, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # ArviZ announces itself
        import pymc as pm
    mu_prior, tau_prior, baseline = priors
    with pm.Model(coords={"study": list(counts.study)}) as built:
        mu = _location(mu_prior)
        tau = _heterogeneity(tau_prior)
        theta = _random_effects(mu, tau, mu_prior)
        if model == "conditional":
            _hypergeometric(counts, theta)
        else:
            _binomial(counts, theta, measure, baseline)
    return built


def sample_pooled_counts(
    events: ArrayLike,
    n: ArrayLike,
    events_comparator: ArrayLike,
    n_comparator: ArrayLike,
    *,
    seed: int,
    draws: int = 4000,
    tune: int = 1000,
    target_accept: float = 0.99,
    **settings: Any,
) -> xr.Dataset:
    """Return posterior draws of the same model as ``pool_counts``, by NUTS.

    Parameters
    ----------
    events, n, events_comparator, n_comparator, **settings
        As for :func:`build_pooled_counts`.
    seed : int
    draws : int
        In all, over four chains.
    tune : int
        Steps of tuning of each chain, not kept.
    target_accept : float
        Higher than elsewhere: studies without events leave long thin corners.

    Returns
    -------
    xarray.Dataset
        ``effect``, ``heterogeneity``, ``prediction`` with the dimensions ``(chain, draw)``, and
        ``study_effect`` with ``study`` besides.

    Raises
    ------
    ConvergenceError
        If R-hat is 1.01 or more, an effective sample size 400 or less, or a transition diverged.
    ParameterError
        For input that cannot be used.
    """
    model = build_pooled_counts(events, n, events_comparator, n_comparator, **settings)
    with quiet_compiling():
        import nutpie

        compiled = nutpie.compile_pymc_model(model)
    result = nutpie.sample(
        compiled,
        draws=draws // 4,
        tune=tune,
        chains=4,
        cores=min(4, os.cpu_count() or 1),
        seed=seed,
        target_accept=target_accept,
        progress_bar=False,
    )
    dataset = group(result, "posterior")[list(KEPT)].transpose("chain", "draw", ...).load()
    divergences = int(group(result, "sample_stats")["diverging"].values.sum())
    require_convergence(diagnose(dataset), divergences)
    return dataset


# --- the parts -----------------------------------------------------------------------------------


def _location(prior: LocationPrior):
    import pymc as pm

    if prior.family == "uniform":
        return pm.Uniform("effect", *prior.ends)
    if np.isfinite(prior.upper):
        return pm.TruncatedNormal(
            "effect", prior.first, prior.second, lower=prior.lower, upper=prior.upper
        )
    return pm.Normal("effect", prior.first, prior.second)


def _heterogeneity(prior: HeterogeneityPrior):
    import pymc as pm
    import pytensor.tensor as pt

    values = prior.parameters
    if prior.logarithmic:
        if prior.family == "log_normal":
            log_square = pm.Normal("log_square", values[0], values[1])
        else:
            log_square = pm.StudentT("log_square", nu=values[2], mu=values[0], sigma=values[1])
        return pm.Deterministic("heterogeneity", pt.exp(0.5 * log_square))
    family = {
        "half_normal": lambda scale: pm.HalfNormal("heterogeneity", scale),
        "half_cauchy": lambda scale: pm.HalfCauchy("heterogeneity", scale),
        "half_student_t": lambda df, scale: pm.HalfStudentT("heterogeneity", nu=df, sigma=scale),
        "uniform": lambda upper: pm.Uniform("heterogeneity", 0.0, upper),
    }[prior.family]
    return family(*values)


def _random_effects(mu, tau, prior: LocationPrior):
    import pymc as pm
    import pytensor.tensor as pt

    if not np.isfinite(prior.upper):
        z = pm.Normal("z", 0.0, 1.0, dims="study")
        new = pm.Normal("z_new", 0.0, 1.0)
        pm.Deterministic("prediction", mu + tau * new)
        return pm.Deterministic("study_effect", mu + tau * z, dims="study")
    low, high = (0.5 * pt.erfc(-(edge - mu) / tau / np.sqrt(2)) for edge in (-1.0, 1.0))

    def cut(share):
        at = low + share * (high - low)
        return mu + tau * np.sqrt(2) * pt.erfinv(2 * at - 1)

    pm.Deterministic("prediction", cut(pm.Uniform("share_new", 0.0, 1.0)))
    share = pm.Uniform("share", 0.0, 1.0, dims="study")
    return pm.Deterministic("study_effect", cut(share), dims="study")


def _binomial(counts: ArmCounts, theta, measure: str, prior: BaselinePrior) -> None:
    import pymc as pm
    import pytensor.tensor as pt

    if prior.family == "normal":
        log_odds = pm.Normal("mean_log_odds", prior.first, prior.second, dims="study")
    else:
        log_odds = pm.math.logit(pm.Beta("middle_risk", prior.first, prior.second, dims="study"))
    if measure == "odds_ratio":
        half = 0.5 * theta
    elif measure == "relative_risk":
        half = 0.5 * theta + pt.arcsinh(pt.exp(log_odds) * pt.sinh(0.5 * theta))
    else:
        folded = pt.arctanh(theta)
        half = folded + pt.arcsinh(pt.sinh(folded) * pt.cosh(log_odds))
    arms = (
        ("events", counts.n, log_odds + half, counts.events),
        ("events_comparator", counts.n_comparator, log_odds - half, counts.events_comparator),
    )
    for name, n, logit, seen in arms:
        pm.Binomial(name, n=n.astype(int), logit_p=logit, observed=seen.astype(int), dims="study")


def _hypergeometric(counts: ArmCounts, theta) -> None:
    import pymc as pm
    import pytensor.tensor as pt

    total = counts.events + counts.events_comparator
    least = np.maximum(0.0, total - counts.n_comparator)
    most = np.minimum(counts.n, total)
    j = least[:, None] + np.arange(int((most - least).max()) + 1)
    possible = j <= most[:, None]
    j = np.where(possible, j, least[:, None])

    def coefficient(k):
        n, rest = counts.n, counts.n_comparator
        if k.ndim == 2:
            n, rest, t = n[:, None], rest[:, None], total[:, None]
        else:
            t = total
        return log_choose(n, k) + log_choose(rest, t - k)

    logs = pt.as_tensor(np.where(possible, coefficient(j), -1e10))
    sums = pt.logsumexp(logs + (j - counts.events[:, None]) * theta[:, None], axis=1)
    pm.Potential("events_given_total", coefficient(counts.events) - sums, dims="study")
