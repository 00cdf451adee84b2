"""Pooling studies: normal-normal random effects, exact by quadrature over the heterogeneity.

Study i reports ``y_i ~ Normal(theta_i, s_i)`` with known s_i; true effects differ,
``theta_i ~ Normal(mu + x_i . beta, tau)``. Given tau everything is normal and known in closed
form, so each posterior is a mixture of normals over tau, and only tau is integrated by quadrature:
with ``w_i = 1 / (s_i**2 + tau**2)``, ``V = 1 / sum(w)``, ``m = V * sum(w * y)``,

    p(tau | y) ~ p(tau) * prod(w)**0.5 * V**0.5 * exp(-sum(w * (y - m)**2) / 2)

and ``mu | tau, y ~ Normal(m, V**0.5)``, a new study ``Normal(m, (V + tau**2)**0.5)``, and study i
``Normal((1 - B_i) y_i + B_i m, (tau**2 B_i + B_i**2 V)**0.5)`` with the shrinkage
``B_i = s_i**2 / (s_i**2 + tau**2)``. No sampler, no seed.

References
----------
Roever (2020), J Stat Softw 93(6), doi:10.18637/jss.v093.i06, for the model and its mixtures;
Higgins, Thompson and Spiegelhalter (2009), J R Stat Soc A 172:137,
doi:10.1111/j.1467-985X.2008.00552.x, for the prediction of a new study.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from riskmodel.evidence.pooling_normal import integrate
from riskmodel.evidence.pooling_normal_checks import DEFAULT_TAU_PRIOR, checked
from riskmodel.evidence.pooling_results import PooledBatch, PooledEffects


def pool_effects(
    estimate: ArrayLike,
    standard_error: ArrayLike,
    *,
    study: Sequence[str] | None = None,
    tau_prior=DEFAULT_TAU_PRIOR,
    mu_prior: tuple[float, float] | None = None,
    moderators=None,
) -> PooledEffects | PooledBatch:
    """Return the posterior of a random-effects synthesis of normal estimates.

    Parameters
    ----------
    estimate : array_like, shape (studies,) or (analyses, studies)
        Effects on a scale where they add: log ratios, differences. Two dimensions are many
        analyses in one call, each of the same number of studies.
    standard_error : array_like, shape of `estimate` or (studies,)
        Of each estimate, on the same scale; taken as known.
    study : sequence of str, optional
        Names, one a study, no two the same; ``study 1`` and so on without.
    tau_prior : optional
        For the standard deviation of the true effects; how to write one is in
        `riskmodel.evidence.heterogeneity`. The default, half-normal(0.5), is for log ratios;
        other scales name theirs.
    mu_prior : (mean, standard deviation), optional
        A normal prior for the mean effect; without it the prior is flat.
    moderators : array_like or DataFrame, shape (studies,) or (studies, p), optional
        Covariates of the studies. Each is centred at its plain mean over the studies, so `effect`
        and `prediction` are at the mean of every moderator; slopes have flat priors.

    Returns
    -------
    PooledEffects, or PooledBatch for many analyses

    Raises
    ------
    ParameterError
        For input that cannot be used, naming all of it; and for an improper prior with too few
        studies for a posterior.

    Warns
    -----
    RiskModelWarning
        Where an estimate is greater than 10 in size and the prior for tau is the default.

    Notes
    -----
    With ``tau = unit * sinh(v)``, unit the least standard error, the integrand is smooth in v; it
    is cut where it is below e**-34 of its greatest value, and integrated by Gauss-Legendre with as
    many nodes as its width needs. Mean, standard deviation and interval ends are converged to
    better than 1e-6 of the standard deviation.

    A moment that does not exist is `inf`. With a flat prior for tau and for the mean of k studies
    there is a posterior for k >= 3, the mean of the effect exists for k >= 4 and its standard
    deviation for k >= 5.

    Examples
    --------
    >>> pooled = pool_effects([-0.6, -0.2, -0.9], [0.3, 0.25, 0.5])
    >>> round(pooled.effect.mean(), 3), [round(end, 3) for end in pooled.effect.interval(0.95)]
    (-0.478, [-1.099, 0.078])
    >>> round(pooled.heterogeneity.median(), 3), round(pooled.prediction.std(), 3)
    (0.249, 0.481)
    """
    data = checked(estimate, standard_error, study, tau_prior, mu_prior, moderators)
    if np.ndim(estimate) == 2:
        return PooledBatch(data)
    return PooledEffects(data, integrate(data))
