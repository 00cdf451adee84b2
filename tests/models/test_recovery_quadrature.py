"""Recovery from printed summaries without a sampler: closed forms, and the sampler itself."""

import numpy as np
import pytest
from scipy import stats

from riskmodel.errors import ParameterError
from riskmodel.evidence.recovery_summaries import (
    RecoveredCount,
    RecoveryQuantiles,
    RecoveryRange,
)
from riskmodel.models.recovery_conditional import conditional_curve, conditional_draws
from riskmodel.models.recovery_quadrature import integrate_recovery

PRINTED = (
    RecoveryRange(
        lower=6,
        upper=36,
        meaning="q05_q95",
        of="recovered",
        effective_sample_size=10,
        whose="a test",
    ),
    RecoveredCount(recovered=3, n=42),
)


@pytest.fixture(scope="module")
def found():
    return integrate_recovery(PRINTED, cure="mixture", endpoint="full_recovery")


def test_the_fraction_of_a_count_for_ever_is_its_beta(found):
    # Beta(1, 1) and 39 of 42 who never do: Beta(40, 4), whatever the times say.
    exact = stats.beta(40, 4)
    draws = found.never_recovered
    # Thinned along a path, the mean is nearer than that of 4000 random draws would be (1.6% of sd).
    assert draws.mean() == pytest.approx(exact.mean(), abs=0.008 * exact.std())
    assert draws.std() == pytest.approx(exact.std(), rel=0.03)
    for q in (0.025, 0.5, 0.975):
        assert float(draws.ppf(q)) == pytest.approx(exact.ppf(q), abs=0.06 * exact.std())


def test_one_count_by_a_time_is_exact_quadrature():
    """A grid of the two parameters, summed by hand, is the oracle."""
    result = integrate_recovery([RecoveredCount(recovered=30, n=60, by=6)], family="lognormal")
    prior = result.parts[0].priors
    x = np.linspace(-7, 7, 801)
    location = prior.location[0] + prior.location[1] * x[:, None]
    spread = np.exp(prior.log_spread[0] + prior.log_spread[1] * x[None, ::4])
    weight = stats.norm.pdf(x)[:, None] * stats.norm.pdf(x[None, ::4])
    by_6 = stats.norm.cdf((np.log(6) - location) / spread)
    weight = weight * by_6**30 * (1 - by_6) ** 30
    by_12 = stats.norm.cdf((np.log(12) - location) / spread)
    weight /= weight.sum()
    mean = (weight * by_12).sum()
    sd = np.sqrt((weight * (by_12 - mean) ** 2).sum())
    draws = result.recovered_by(12)
    assert draws.mean() == pytest.approx(mean, abs=0.03 * sd)
    assert draws.std() == pytest.approx(sd, rel=0.04)


def test_the_same_summaries_give_the_same_numbers(found):
    again = integrate_recovery(PRINTED, cure="mixture", endpoint="full_recovery")
    for one, other in zip(found.parts, again.parts, strict=True):
        assert np.array_equal(one.posterior.location, other.posterior.location)
        assert np.array_equal(one.posterior.log_never, other.posterior.log_never)
    assert found.record["effective_points"] > 2000


def test_the_conditional_curve_is_the_results_own_and_starts_at_nothing(found):
    table = conditional_curve(found, 8.0, [0.0, 4.0, 12.0])
    assert table["recovered"].iloc[0] == 0
    for row in table.iloc[1:].itertuples():
        own = found.recovered_by_given(8.0, row.time)
        assert row.recovered == pytest.approx(own.mean(), abs=1e-12)
        assert row.prior_share == pytest.approx(own.prior_share, abs=1e-12)
    # From the onset it is the plain curve.
    plain = found.curve([12.0])["recovered"].iloc[0]
    assert conditional_curve(found, 0, [12.0])["recovered"].iloc[0] == pytest.approx(plain)


def test_of_an_exponential_waiting_changes_nothing():
    """A Weibull of spread 1 has no memory; with the spread held there, nor has its posterior."""
    result = integrate_recovery(
        [RecoveredCount(recovered=20, n=40, by=6)],
        family="weibull",
        priors={"spread": (0.9999, 1.0001)},
    )
    fresh = conditional_draws(result, 0.0, [6.0]).mean()
    assert conditional_draws(result, 24.0, [6.0]).mean() == pytest.approx(fresh, abs=1e-3)


def test_nobody_is_left_after_long_enough_and_that_is_no_fault():
    result = integrate_recovery(
        [RecoveredCount(recovered=99, n=100, by=1)], priors={"spread": (0.2, 0.21)}
    )
    draws = conditional_draws(result, 1e9, [0.0, 1.0])
    assert np.array_equal(draws[:, 0], np.zeros(len(draws)))
    assert np.isfinite(draws).all() and (draws[:, 1] <= 1).all()


@pytest.mark.parametrize("already, further", [(-1, [1]), (1, [-1]), (1, [np.inf])])
def test_times_that_cannot_be_are_refused(found, already, further):
    with pytest.raises(ParameterError):
        conditional_curve(found, already, further)


def test_nothing_printed_is_refused():
    with pytest.raises(ParameterError, match="one printed summary or more"):
        integrate_recovery([])


@pytest.mark.slow
@pytest.mark.parametrize(
    "summaries, cure",
    [(PRINTED, "mixture"), ([RecoveryQuantiles(quantiles={0.5: 0.67}, n=203)], "none")],
)
def test_it_is_what_the_sampler_says(summaries, cure):
    from riskmodel.models.recovery import fit_recovery

    sampled = fit_recovery(
        summaries=summaries, family="lognormal", cure=cure, endpoint="full_recovery", seed=3
    )
    exact = integrate_recovery(summaries, cure=cure, endpoint="full_recovery")
    for time in (1.0, 12.0, 24.0):
        one, other = (r.recovered_by(time) for r in (sampled, exact))
        # Of the sampler's mean: five of its own Monte Carlo errors.
        assert one.mean() == pytest.approx(
            other.mean(), abs=5 * one.monte_carlo_standard_error + 1e-4
        )
        given, ours = sampled.recovered_by_given(8.0, time), conditional_draws(exact, 8.0, [time])
        assert given.mean() == pytest.approx(
            ours.mean(), abs=5 * given.monte_carlo_standard_error + 1e-3
        )
