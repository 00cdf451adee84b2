"""Families of time to recovery: each formula against quadrature, limits and printed figures."""

import numpy as np
import pytest
from scipy import integrate, stats

from riskmodel.errors import ParameterError
from riskmodel.evidence.recovery_families import (
    FAMILIES,
    log_density,
    log_recovered,
    log_survival,
    quantile,
    require_family,
    restricted_mean,
    spread_of_range,
)


def cases(number=25):
    rng = np.random.default_rng(8)
    for _ in range(number):
        location, spread = rng.normal(1, 1), np.exp(rng.normal(-0.3, 0.6))
        shape = rng.normal(0.3, 1.0)
        horizon = np.exp(location + rng.normal() * 2 * spread)
        yield location, spread, shape, horizon


@pytest.mark.parametrize("family", FAMILIES)
def test_restricted_mean_in_closed_form_is_the_area_by_quadrature(family):
    for location, spread, shape, horizon in cases():

        def survival(t, spread=spread, location=location, shape=shape):
            return float(np.exp(log_survival(family, t, location, spread, shape)))

        area, error = integrate.quad(survival, 0, horizon, limit=500, epsrel=1e-11)
        found = restricted_mean(family, horizon, location, spread, shape)
        # 1e-8: what is lost in the difference of two log gamma functions; quad's own error above it
        assert abs(found - area) <= 1e-8 * area + 2 * error


@pytest.mark.parametrize("family", FAMILIES)
def test_density_integrates_to_the_fall_of_survival_and_quantiles_invert_it(family):
    for location, spread, shape, horizon in cases():
        args = (location, spread, shape)

        def density(t, args=args):
            return float(np.exp(log_density(family, t, *args)))

        fallen, error = integrate.quad(density, horizon / 2, horizon, epsrel=1e-10)
        both = np.exp(log_survival(family, [horizon / 2, horizon], *args))
        assert abs(fallen - (both[0] - both[1])) <= 1e-10 + 2 * error
        total = np.exp(log_survival(family, horizon, *args))
        total += np.exp(log_recovered(family, horizon, *args))
        assert total == pytest.approx(1, abs=1e-12)
        for p in (0.03, 0.5, 0.97):
            back = np.exp(log_recovered(family, quantile(family, p, *args), *args))
            assert back == pytest.approx(p, abs=1e-9)


def test_families_are_scipys():
    t = np.array([0.3, 2.0, 9.0])
    pairs = {
        "weibull": stats.weibull_min(1 / 0.7, scale=4.0),
        "lognormal": stats.lognorm(0.7, scale=4.0),
        "loglogistic": stats.fisk(1 / 0.7, scale=4.0),
        "gamma": stats.gamma(1 / 0.49, scale=4.0 * 0.49),
    }
    for family, known in pairs.items():
        found = np.exp(log_survival(family, t, np.log(4.0), 0.7))
        assert found == pytest.approx(known.sf(t), abs=1e-12)


@pytest.mark.parametrize(
    "shape, same", [(1.0, "weibull"), (0.0, "lognormal"), (1e-5, "lognormal"), (0.6, "gamma")]
)
def test_generalized_gamma_holds_three_families(shape, same):
    t = np.array([0.5, 3.0, 20.0])
    for function in (log_survival, log_density, log_recovered):
        wide = function("generalized_gamma", t, np.log(4.0), 0.6, shape)
        # to first order in a shape that is not quite 0
        assert wide == pytest.approx(function(same, t, np.log(4.0), 0.6), abs=40 * 1e-5)
    mean = restricted_mean("generalized_gamma", 12.0, np.log(4.0), 0.6, shape)
    assert mean == pytest.approx(restricted_mean(same, 12.0, np.log(4.0), 0.6), rel=1e-5)


def test_every_location_is_the_mode_of_log_time():
    steps = np.linspace(-1, 1, 20_001)
    for family in FAMILIES:
        time = np.exp(1.3 + 0.5 * steps)
        of_log_time = log_density(family, time, 1.3, 0.5, 0.8) + np.log(time)
        assert abs(steps[np.argmax(of_log_time)]) < 2e-4


@pytest.mark.parametrize(
    "probability, spread, beyond", [(0.95, 0.457, 0.025), (0.9, 0.545, 0.05), (0.5, 1.328, 0.25)]
)
def test_six_to_36_months_means_what_its_ends_are_said_to_be(probability, spread, beyond):
    median, found = spread_of_range(6, 36, probability)
    assert median == pytest.approx(14.7, abs=0.05)
    assert found == pytest.approx(spread, abs=0.0006)
    tail = np.exp(log_survival("lognormal", 36.0, np.log(median), found))
    assert tail == pytest.approx(beyond, abs=1e-12)


def test_limits():
    for family in FAMILIES:
        assert np.exp(log_survival(family, 0.0, 1.0, 0.5, 0.4)) == 1.0
        assert np.exp(log_survival(family, 1e9, 1.0, 0.5, 0.4)) < 1e-12
        # a vanishing spread is one and the same time for everyone
        assert restricted_mean(family, 10.0, np.log(4.0), 1e-3, 0.4) == pytest.approx(4, rel=1e-2)
        assert quantile(family, 1.0, 1.0, 0.5, 0.4) == np.inf


def test_unknown_family_is_refused_with_the_nearest():
    with pytest.raises(ParameterError, match="did you mean 'weibull'"):
        require_family("weibul")
