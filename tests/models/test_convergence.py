"""Diagnostics agree with ArviZ, and say the right thing where ArviZ says nothing."""

import subprocess
import sys

import arviz as az
import numpy as np
import pytest

from riskmodel.models.convergence import (
    ESS_KINDS,
    effective_sample_size,
    monte_carlo_standard_error,
    monte_carlo_standard_error_quantile,
    r_hat,
)

# The same sums in another order (one FFT for all quantities, padded to a power of two): both
# sides hold some 12 digits, and 1e-8 leaves room for cancellation near zero autocorrelation.
SAME = 1e-8


def autoregressive(rng, phi, shape=(4, 1000)):
    draws = rng.normal(size=shape)
    draws[:, 0] /= np.sqrt(1 - phi**2)
    for t in range(1, shape[1]):
        draws[:, t] += phi * draws[:, t - 1]
    return draws


def shifted(rng):
    return rng.normal(size=(4, 1000)) + np.array([0.0, 0.2, -0.3, 1.0])[:, None]


CHAINS = {
    "independent normal": lambda rng: rng.normal(size=(4, 1000)),
    "slow": lambda rng: autoregressive(rng, 0.7),
    "very slow": lambda rng: autoregressive(rng, 0.99),
    "repelling": lambda rng: autoregressive(rng, -0.5),
    "shifted means": shifted,
    "unequal spread": lambda rng: (
        rng.normal(size=(4, 1000)) * np.array([[1.0], [1.0], [2.0], [4.0]])
    ),
    "heavy tails": lambda rng: rng.standard_cauchy(size=(4, 1000)),
    "odd number of draws": lambda rng: autoregressive(rng, 0.7, (3, 333)),
    "two chains": lambda rng: autoregressive(rng, 0.7, (2, 500)),
    "ties": lambda rng: rng.poisson(3.0, size=(4, 1000)).astype(float),
    "slow ties": lambda rng: np.round(autoregressive(rng, 0.9) * 2),
    "few draws": lambda rng: rng.normal(size=(4, 9)),
    "fewest draws": lambda rng: rng.normal(size=(2, 4)),
    "small risks": lambda rng: rng.beta(2, 2000, size=(4, 1000)),
}


@pytest.fixture(params=CHAINS, scope="module")
def draws(request):
    return CHAINS[request.param](np.random.default_rng(20240607))


def arviz_tail(draws):
    """The tail size by its definition: ArviZ 1 asks for `prob=` where 0.23 did not."""
    return min(float(az.ess(draws, method="quantile", prob=prob)) for prob in (0.05, 0.95))


def test_r_hat_is_that_of_arviz(draws):
    np.testing.assert_allclose(r_hat(draws), float(az.rhat(draws)), rtol=SAME)


def test_bulk_size_is_that_of_arviz(draws):
    expected = float(az.ess(draws, method="bulk"))
    np.testing.assert_allclose(effective_sample_size(draws), expected, rtol=SAME)


def test_tail_size_is_that_of_arviz(draws):
    np.testing.assert_allclose(effective_sample_size(draws, "tail"), arviz_tail(draws), rtol=SAME)


def test_size_for_the_mean_is_that_of_arviz(draws):
    expected = float(az.ess(draws, method="mean"))
    np.testing.assert_allclose(effective_sample_size(draws, "mean"), expected, rtol=SAME)


def test_monte_carlo_error_of_the_mean_is_that_of_arviz(draws):
    expected = np.asarray(az.mcse(draws, method="mean")).item()  # 0.23 may give shape (1,)
    np.testing.assert_allclose(monte_carlo_standard_error(draws), expected, rtol=SAME)


@pytest.mark.parametrize("prob", [0.025, 0.5, 0.9])
def test_monte_carlo_error_of_a_quantile_is_that_of_arviz(draws, prob):
    expected = float(az.mcse(draws, method="quantile", prob=prob))
    # Both pick whole draws by rank, so they agree to the last digits or not at all.
    np.testing.assert_allclose(
        monte_carlo_standard_error_quantile(draws, prob), expected, rtol=SAME, atol=1e-15
    )


def test_every_quantity_is_diagnosed_by_itself():
    rng = np.random.default_rng(5)
    draws = np.stack([autoregressive(rng, phi) for phi in (-0.5, 0.0, 0.3, 0.6, 0.9, 0.99)], axis=2)
    draws = draws.reshape(4, 1000, 2, 3)
    for measure in (
        r_hat,
        monte_carlo_standard_error,
        *(lambda x, kind=kind: effective_sample_size(x, kind) for kind in ESS_KINDS),
        lambda x: monte_carlo_standard_error_quantile(x, 0.1),
    ):
        together = measure(draws)
        assert together.shape == (2, 3)
        for index in np.ndindex(2, 3):
            alone = measure(draws[(..., *index)])
            assert np.ndim(alone) == 0 and isinstance(alone, np.float64)
            # The same sums, but a vectorised FFT may take another path for one column.
            np.testing.assert_allclose(together[index], alone, rtol=1e-10)


def test_more_quantities_than_fit_one_block_change_nothing(monkeypatch):
    draws = np.random.default_rng(6).normal(size=(4, 100, 7))
    whole = r_hat(draws), effective_sample_size(draws, "tail")
    monkeypatch.setattr("riskmodel.models.convergence._BLOCK_VALUES", 1000)  # two at a time
    np.testing.assert_array_equal(whole, (r_hat(draws), effective_sample_size(draws, "tail")))


def test_no_quantities_give_no_diagnostics():
    assert r_hat(np.zeros((4, 100, 0))).shape == (0,)
    assert effective_sample_size(np.zeros((4, 100, 3, 0))).shape == (3, 0)


def test_autoregressive_chains_have_the_size_theory_gives_them():
    rng = np.random.default_rng(7)
    for phi in (0.7, -0.5):
        draws = autoregressive(rng, phi, (4, 20_000))
        expected = 80_000 * (1 - phi) / (1 + phi)
        # The estimate of a sum of autocorrelations has a relative error of a few per cent here.
        assert effective_sample_size(draws, "mean") == pytest.approx(expected, rel=0.1)


def test_monte_carlo_error_is_the_spread_of_means_over_repeated_runs():
    rng = np.random.default_rng(8)
    runs = np.stack([autoregressive(rng, 0.7) for _ in range(200)], axis=2)
    spread = runs.mean(axis=(0, 1)).std(ddof=1)
    # A standard deviation of 200 values has a relative error of 5%: three of them.
    assert monte_carlo_standard_error(runs).mean() == pytest.approx(spread, rel=0.15)


def test_chains_in_different_places_fail_the_bound():
    assert r_hat(shifted(np.random.default_rng(9))) > 1.05


def test_chains_of_different_spread_fail_the_bound_though_their_means_agree():
    draws = np.random.default_rng(10).normal(size=(4, 1000))
    draws[0] *= 4
    assert r_hat(draws) > 1.05


def test_a_drift_common_to_all_chains_fails_the_bound():
    draws = np.random.default_rng(11).normal(size=(4, 1000)) + np.linspace(0, 2, 1000)
    assert r_hat(draws) > 1.05


def test_chains_stuck_at_different_values_fail_the_bound():
    draws = np.repeat([[0.1], [0.2], [0.3], [0.4]], 1000, axis=1)
    assert r_hat(draws) > 1.05
    assert effective_sample_size(draws) < 10


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -3e-20])
def test_a_quantity_that_never_varies_has_no_r_hat_and_all_its_draws(value):
    draws = np.full((4, 100), value)
    assert np.isnan(r_hat(draws))
    for kind in ESS_KINDS:
        assert effective_sample_size(draws, kind) == 400
    # The mean of equal numbers may be off by rounding, so the spread is not always exactly 0.
    assert monte_carlo_standard_error(draws) <= 1e-16 * abs(value)
    assert monte_carlo_standard_error_quantile(draws, 0.5) == 0


def test_rounding_noise_counts_as_a_quantity_that_never_varies():
    draws = np.full((4, 100), 0.3)
    draws[:, ::2] = 0.1 + 0.2
    assert np.isnan(r_hat(draws))
    for kind in ESS_KINDS:
        assert effective_sample_size(draws, kind) == 400


def test_a_tiny_scale_is_not_taken_for_a_constant():
    draws = np.random.default_rng(12).normal(size=(4, 1000))
    for measure in (r_hat, effective_sample_size, lambda x: effective_sample_size(x, "mean")):
        # A power of two shifts exponents only, so not a digit may change.
        assert measure(draws * 2.0**-100) == measure(draws)


def test_bulk_diagnostics_do_not_change_under_a_monotone_transformation():
    draws = autoregressive(np.random.default_rng(13), 0.7)
    assert effective_sample_size(np.exp(draws)) == effective_sample_size(draws)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_spoils_its_own_quantity_only(bad):
    draws = np.random.default_rng(14).normal(size=(4, 100, 3))
    good = r_hat(draws), effective_sample_size(draws, "mean"), monte_carlo_standard_error(draws)
    draws[2, 7, 1] = bad
    spoilt = r_hat(draws), effective_sample_size(draws, "mean"), monte_carlo_standard_error(draws)
    for before, after in zip(good, spoilt, strict=True):
        assert np.isnan(after[1])
        # Fewer quantities in one FFT: the same sums, perhaps in another order.
        np.testing.assert_allclose(after[[0, 2]], before[[0, 2]], rtol=1e-10)


def test_true_and_false_are_draws_of_an_indicator():
    draws = np.random.default_rng(15).random(size=(4, 1000)) < 0.3
    np.testing.assert_array_equal(r_hat(draws), r_hat(draws.astype(float)))
    assert 3000 < effective_sample_size(draws) < 5000


def test_draws_are_left_as_they_were():
    draws = np.random.default_rng(16).normal(size=(4, 100, 2))
    before = draws.copy()
    for kind in ESS_KINDS:
        effective_sample_size(draws, kind)
    r_hat(draws)
    monte_carlo_standard_error_quantile(draws, 0.5)
    np.testing.assert_array_equal(draws, before)


@pytest.mark.parametrize(
    "draws, found",
    [
        (np.zeros(100), r"shape \(100,\)"),
        (np.zeros((1, 100)), r"shape \(1, 100\)"),
        (np.zeros((4, 3)), r"shape \(4, 3\)"),
    ],
)
def test_too_few_chains_or_draws_for_r_hat_are_refused(draws, found):
    with pytest.raises(ValueError, match=f"draws: found {found}; allowed: .* 2 by 4 numbers; "):
        r_hat(draws)


def test_one_chain_is_enough_for_a_size():
    draws = autoregressive(np.random.default_rng(17), 0.7, (1, 1000))
    expected = float(az.ess(draws, method="bulk"))
    np.testing.assert_allclose(effective_sample_size(draws), expected, rtol=SAME)


def test_draws_that_are_not_numbers_are_refused():
    with pytest.raises(ValueError, match=r"draws: found .*; allowed: an array"):
        effective_sample_size([["a", "b"], ["c", "d"]])


def test_an_unknown_kind_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="kind: found 'tails'; allowed: bulk, tail, mean; did you"):
        effective_sample_size(np.zeros((4, 100)), "tails")


@pytest.mark.parametrize("prob", [0, 1, 95, np.nan])
def test_a_quantile_outside_zero_to_one_is_refused(prob):
    with pytest.raises(ValueError, match=r"prob: found .*; allowed: strictly between 0 and 1; "):
        monte_carlo_standard_error_quantile(np.zeros((4, 100)), prob)


@pytest.mark.slow
def test_import_brings_neither_arviz_nor_pymc_nor_scipy_stats():
    code = (
        "import sys, riskmodel.models.convergence; "
        "print([m for m in ('arviz', 'pymc', 'scipy.stats') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
