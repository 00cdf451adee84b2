"""NUTS against quadrature: two arithmetics of one model.

Distances are in Monte Carlo standard errors of the draws; five of them, as in test_posterior.py.
"""

import pytest

from riskmodel.errors import ParameterError
from riskmodel.evidence.pooling_counts import pool_counts
from riskmodel.models.convergence import monte_carlo_standard_error
from riskmodel.models.pooled_counts import build_pooled_counts, sample_pooled_counts

WITHIN = 5
TRIALS = ([1, 0, 3, 0, 6], [60, 45, 110, 80, 150], [4, 0, 7, 2, 9], [58, 50, 100, 85, 160])
SETTINGS = [
    {},
    {"model": "conditional"},
    {"baseline_prior": ("beta", 0.5, 2.0), "mu_prior": ("uniform", -3, 3)},
    {"measure": "relative_risk", "tau_prior": ("half_student_t", 4, 0.5)},
    {
        "measure": "risk_difference",
        "tau_prior": ("half_normal", 0.05),
        "baseline_prior": ("normal", -2, 2),
    },
    {"tau_prior": ("log_normal", -2.5, 1.2)},
]


def z_score(draws, wanted):
    return abs(draws.mean() - wanted) / monte_carlo_standard_error(draws)


@pytest.mark.slow
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_draws_have_the_moments_and_quantiles_of_the_quadrature(settings):
    exact = pool_counts(*TRIALS, **settings)
    draws = sample_pooled_counts(*TRIALS, seed=3, draws=8000, **settings)
    for name in ("effect", "heterogeneity", "prediction"):
        found, wanted = draws[name].values, getattr(exact, name)
        assert z_score(found, wanted.mean()) < WITHIN, name
        assert z_score((found - wanted.mean()) ** 2, wanted.var()) < WITHIN, name
        for prob in (0.025, 0.5, 0.975):
            below = (found <= wanted.ppf(prob)).astype(float)
            assert z_score(below, prob) < WITHIN, (name, prob)
    for i, row in exact.studies.iterrows():
        found = draws["study_effect"].values[..., i]
        assert z_score(found, row["effect_mean"]) < WITHIN, row["study"]
        for prob, column in ((0.025, "effect_lower"), (0.975, "effect_upper")):
            below = (found <= row[column]).astype(float)
            assert z_score(below, prob) < WITHIN, (row["study"], prob)


def test_what_the_quadrature_refuses_the_model_refuses():
    with pytest.raises(ParameterError, match=r"events\[0\]: found 9; allowed: at most n\[0\] = 5"):
        build_pooled_counts([9], [5], [1], [5])
