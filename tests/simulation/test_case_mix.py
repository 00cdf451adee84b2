"""The nodes of a case mix against scipy's truncated distributions."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.special import expit

from riskmodel.parameters.schema import CaseMix, Covariate
from riskmodel.simulation.case_mix import band_of, build_cases

BANDS = [
    {"id": "a", "label": "A", "up_to": 200.0},
    {"id": "b", "label": "B", "above": 200.0, "up_to": 300.0},
    {"id": "c", "label": "C", "above": 300.0, "up_to": 500.0},
    {"id": "d", "label": "D", "above": 500.0},
]
EDGES = {"a": (100, 200), "b": (200, 300), "c": (300, 500), "d": (500, 800)}
MIX = CaseMix(
    covariate="x", transform="log", median=350, sd=0.55, within=[100, 800], because="example"
)
EXACT = stats.lognorm(s=0.55, scale=350)
WHOLE = EXACT.cdf(800) - EXACT.cdf(100)


@pytest.fixture(scope="module")
def covariate():
    return Covariate(label="X", unit="u", bands=BANDS)


@pytest.fixture(scope="module")
def cases(covariate):
    return build_cases(MIX, covariate)


def test_weights_sum_to_one_and_values_rise_within_the_limits(cases):
    assert cases.weights.sum() == pytest.approx(1, abs=1e-14)
    assert (cases.weights > 0).all()
    assert (np.diff(cases.values) > 0).all()
    assert 100 < cases.values[0] and cases.values[-1] < 800


def test_every_band_has_its_closed_form_share(cases, covariate):
    bands = np.array(cases.bands)
    assert [band_of(covariate, value) for value in cases.values] == list(cases.bands)
    for band, (low, high) in EDGES.items():
        share = (EXACT.cdf(high) - EXACT.cdf(low)) / WHOLE
        assert cases.weights[bands == band].sum() == pytest.approx(share, rel=1e-13)


@pytest.mark.parametrize("slope", [0.0, 2.8, -1.0, 6.0])
def test_a_risk_averages_over_a_band_as_the_integral(cases, slope):
    def risk(x):
        return expit(-2.55 + slope * np.log(x / 300))

    bands = np.array(cases.bands)
    for band, (low, high) in EDGES.items():
        inside = bands == band
        found = cases.weights[inside] @ risk(cases.values[inside]) / cases.weights[inside].sum()
        total, _ = quad(lambda x: risk(x) * EXACT.pdf(x), low, high, epsabs=1e-13)
        wanted = total / (EXACT.cdf(high) - EXACT.cdf(low))
        # 16 Gauss-Legendre nodes on a smooth curve; the rest is the quad's own error.
        assert found == pytest.approx(wanted, rel=1e-9)


def test_a_case_mix_on_the_linear_scale_is_a_truncated_normal():
    mix = CaseMix(
        covariate="x", transform="linear", median=60, sd=10, within=[50, 90], because="example"
    )
    cases = build_cases(mix, Covariate(label="X", unit="u"))
    exact = stats.truncnorm(-1, 3, loc=60, scale=10)
    mean = cases.weights @ cases.values
    assert mean == pytest.approx(exact.mean(), rel=1e-4)
    assert set(cases.bands) == {"all"}


def test_bands_outside_the_case_mix_have_no_case(covariate):
    mix = MIX.model_copy(update={"within": [200.0, 450.0]})
    cases = build_cases(mix, covariate)
    assert list(dict.fromkeys(cases.bands)) == ["b", "c"]
    assert cases.weights.sum() == pytest.approx(1, abs=1e-14)
