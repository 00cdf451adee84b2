"""Single arms and rate ratios by quadrature against NUTS on models written out here.

The rate ratio is sampled from its unconditional model, Poisson arms with a baseline each under a
log rate that is flat, which integrates to the conditional binomial that the quadrature uses.
Distances are measured in Monte Carlo standard errors; five of them.
"""


import numpy as np
import pytest

from riskmodel.evidence.pooling_single_arm import pool_proportions, pool_rates
from riskmodel.models.compiling import quiet_compiling
from riskmodel.models.convergence import (
    monte_carlo_standard_error,
    monte_carlo_standard_error_quantile,
)
from riskmodel.models.posterior import group

WITHIN = 5
EVENTS, PATIENTS = np.array([3, 8, 1, 0]), np.array([20, 40, 35, 15])
CASES, TIME = np.array([3, 1, 12, 0]), np.array([210.0, 95.5, 480.0, 60.0])
CASES_0, TIME_0 = np.array([9, 2, 20, 3]), np.array([200.0, 101.0, 490.0, 75.0])


def sampled(likelihood, mu_prior, tau_scale):
    import nutpie
    import pymc as pm

    with quiet_compiling():
        with pm.Model() as model:
            mu = pm.Normal("effect", *mu_prior)
            tau = pm.HalfNormal("heterogeneity", tau_scale)
            likelihood(pm, mu + tau * pm.Normal("z", shape=4))
            pm.Deterministic("prediction", mu + tau * pm.Normal("new"))
        compiled = nutpie.compile_pymc_model(model)
    result = nutpie.sample(
        compiled, draws=4000, tune=1500, chains=4, seed=5, target_accept=0.97, progress_bar=False
    )
    return group(result, "posterior").load()


def proportions(pm, theta):
    pm.Binomial("y", n=PATIENTS, logit_p=theta, observed=EVENTS)


def rates(pm, theta):
    pm.Poisson("y", TIME * pm.math.exp(theta), observed=CASES)


def rate_ratios(pm, theta):
    base = pm.Flat("base", shape=4)
    pm.Poisson("y", TIME * pm.math.exp(base + theta), observed=CASES)
    pm.Poisson("y0", TIME_0 * pm.math.exp(base), observed=CASES_0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "likelihood, pool, mu_prior, tau_scale",
    [
        (proportions, lambda: pool_proportions(EVENTS, PATIENTS), (0, 4), 1),
        (rates, lambda: pool_rates(CASES, TIME), (0, 10), 1),
        (rate_ratios, lambda: pool_rates(CASES, TIME, CASES_0, TIME_0), (0, 2.82), 0.5),
    ],
)
def test_draws_have_the_moments_and_quantiles_of_the_quadrature(
    likelihood, pool, mu_prior, tau_scale
):
    exact, draws = pool(), sampled(likelihood, mu_prior, tau_scale)
    for name in ("effect", "heterogeneity", "prediction"):
        wanted, found = getattr(exact, name), draws[name].transpose("chain", "draw").values
        error = monte_carlo_standard_error(found)
        assert abs(found.mean() - wanted.mean()) < WITHIN * error, name
        square = (found - wanted.mean()) ** 2
        error = monte_carlo_standard_error(square)
        assert abs(square.mean() - wanted.var()) < WITHIN * error, name
        for prob in (0.025, 0.5, 0.975):
            error = monte_carlo_standard_error_quantile(found, prob)
            assert abs(np.quantile(found, prob) - wanted.ppf(prob)) < WITHIN * error, (name, prob)
