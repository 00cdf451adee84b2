"""Times from patient to patient and averages over frailty, against scipy and plain quadrature."""

import numpy as np
import pytest
from scipy import integrate, stats

from riskmodel.errors import ParameterError
from riskmodel.simulation.frailty import CERTAIN, frailty_nodes, hazard_of_risk, survival
from riskmodel.simulation.time_laws import TimeLaw

LAWS = {
    "exponential": (1.0, lambda m, s: stats.expon(scale=m / np.log(2))),
    "weibull": (1.7, lambda m, s: stats.weibull_min(s, scale=m / np.log(2) ** (1 / s))),
    "lognormal": (0.8, lambda m, s: stats.lognorm(s, scale=m)),
    "loglogistic": (2.3, lambda m, s: stats.fisk(s, scale=m)),
}


@pytest.mark.parametrize("family", LAWS)
def test_time_laws_are_those_of_scipy(family):
    shape, reference = LAWS[family]
    known = reference(40.0, shape)
    time = np.array([0.5, 10.0, 40.0, 90.0, 400.0])
    law = TimeLaw(family, np.full(5, 40.0), np.full(5, shape))
    np.testing.assert_allclose(law.cumulative_hazard(time), -known.logsf(time), rtol=1e-10)
    np.testing.assert_allclose(law.time_of(-known.logsf(time)), time, rtol=1e-9)
    probability = np.array([1e-6, 0.1, 0.5, 0.9, 1 - 1e-6])
    np.testing.assert_allclose(law.quantile(probability), known.ppf(probability), rtol=1e-8)
    assert law.cumulative_hazard(np.zeros(5)).max() == 0


def test_a_fixed_time_is_the_same_for_everybody():
    law = TimeLaw("fixed", np.full(3, 28.0), np.full(3, np.nan))
    assert law.quantile(np.array([0.01, 0.5, 0.99])).tolist() == [28.0] * 3


@pytest.mark.parametrize("sd", [0.3, 0.8, 1.5])
@pytest.mark.parametrize("hazard", [0.002, 0.3, 2.0])
def test_the_average_over_a_lognormal_frailty_is_plain_quadratures(sd, hazard):
    def integrand(z):
        return stats.norm.pdf(z) * np.exp(-np.exp(sd * z - sd**2 / 2) * hazard)

    exact, _ = integrate.quad(integrand, -9, 9, epsabs=1e-12)
    # 81 Gauss-Hermite nodes reach 2e-9 at this spread; at sd 2 and hazard 30 it is 3e-7
    assert survival(hazard, sd) == pytest.approx(exact, abs=1e-8)


def test_the_average_over_a_gamma_frailty_is_its_closed_form_and_its_nodes():
    hazard = np.array([0.01, 0.5, 3.0])
    values, weights = frailty_nodes(0.7, "gamma")
    np.testing.assert_allclose(
        survival(hazard, 0.7, "gamma"), np.exp(-hazard[:, None] * values) @ weights, rtol=1e-9
    )
    risk = 1 - survival(hazard, 0.7, "gamma")
    np.testing.assert_allclose(hazard_of_risk(risk, 0.7, "gamma"), hazard, rtol=1e-10)


@pytest.mark.parametrize("sd", [0.0, 0.5, 2.0])
def test_the_hazard_of_a_risk_gives_it_back(sd):
    risk = np.array([1e-6, 0.004, 0.12, 0.5, 0.97])
    hazard = hazard_of_risk(risk, sd)
    np.testing.assert_allclose(1 - survival(hazard, sd), risk, rtol=1e-9)
    # a spread of patients needs more hazard on average to bring the same risk
    assert (hazard >= -np.log1p(-risk) - 1e-12).all()
    assert hazard_of_risk([0.0, 1.0], sd).tolist() == [0.0, CERTAIN]


def test_a_spread_that_cannot_be_is_refused():
    for sd in (-0.1, 2.5, np.nan):
        with pytest.raises(ParameterError, match="between_patient_sd"):
            frailty_nodes(sd)
