"""The fused loops: their own exponential and logarithm, quantiles, sums that are exact."""

import numpy as np
import pytest

from riskmodel.simulation import kernels
from riskmodel.simulation.block import choose_backend


def test_the_exponential_is_right_to_1e_14():
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(-700, 700, 100_000), rng.normal(size=100_000), [0.0, 1, -1]])
    found = x.copy()
    kernels._exp_float64(found)
    # Against the same in extended precision where the machine has it.
    wanted = np.exp(x.astype(np.longdouble))
    assert np.abs(found / wanted - 1).max() < 1e-14
    assert np.abs(found / np.exp(x) - 1).max() < 1e-14


def test_the_exponential_stays_finite_beyond_its_limits():
    x = np.array([-1e300, -750.0, 750.0, 1e300])
    kernels._exp_float64(x)
    assert np.isfinite(x).all() and (x[:2] < 1e-300).all() and (x[2:] > 1e300).all()


def test_the_exponential_in_single_precision_is_right_to_its_last_bits():
    x = np.random.default_rng(1).uniform(-80, 80, 100_000).astype(np.float32)
    found = x.copy()
    kernels._exp_float32(found)
    wanted = np.exp(x.astype(float))
    assert np.abs(found / wanted - 1).max() < 3e-7


def test_log1p_and_hazards_keep_their_digits_near_zero():
    p = np.concatenate([np.logspace(-12, -0.01, 5000), [0.0]])
    found, spare = np.empty_like(p), np.empty_like(p)
    kernels.log1p(-p, found)
    np.testing.assert_allclose(found, np.log1p(-p), rtol=2e-15)
    ratio = np.full(p.size, 1.7)
    kernels._hazard(p, ratio, spare, found)
    np.testing.assert_allclose(found, -np.expm1(1.7 * np.log1p(-p)), rtol=2e-14)
    kernels._hazard(np.array([1.2]), np.ones(1), spare[:1], found[:1])
    assert np.isnan(found[0])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(1).normal(size=4000),
        np.exp(3 * np.random.default_rng(2).normal(size=1001)),  # a long tail in few bins
        np.repeat([0.0, 1.0], 50),
        np.full(37, 0.25),
        np.arange(5.0),
        np.array([2.0]),
    ],
    ids=["normal", "long tail", "two values", "one value", "five", "single"],
)
def test_quantiles_are_numpys_to_the_last_digits(values, dtype):
    x = values.astype(dtype)
    probs = np.array([0.0, 0.025, 0.5, 0.975, 1.0])
    n = x.size
    out = np.empty(probs.size)
    marks = np.zeros((n + 7) // 8 * 8, bool)
    mean = kernels.mean_and_quantiles(
        x, probs, kernels.wanted_ranks(probs, n), np.empty(32), np.empty(32, dtype),
        np.empty(32, dtype), np.empty(n, np.uint8), np.empty(kernels.BINS, np.int32),
        np.empty(kernels.BINS, np.int32), marks, marks.view(np.uint64), np.empty(n, dtype), out,
    )  # fmt: skip
    np.testing.assert_allclose(out, np.quantile(x.astype(float), probs), rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(mean, x.astype(float).mean(), rtol=1e-13, atol=1e-15)


def test_sums_are_exact_in_any_order():
    rng = np.random.default_rng(3)
    rows = rng.uniform(-1, 1, (1024, 50))
    rounding = 1.5 * 2.0**11
    sums = []
    for order in (np.arange(1024), rng.permutation(1024)):
        total = np.zeros(50)
        for i in order:
            kernels._add_exactly(rows[i], rounding, total)
        sums.append(total)
    np.testing.assert_array_equal(*sums)
    # Rounding each of 1,024 terms to a multiple of 2^-41 moves their sum by under 2^-32.
    np.testing.assert_allclose(sums[0], rows.sum(axis=0), atol=2.0**-32)
    assert (np.abs(rows.sum(axis=0) - rows[::-1].cumsum(axis=0)[-1]) > 0).any()  # plain sums do not


def test_small_jobs_do_without_the_compiler():
    assert choose_backend(10**6) == "numpy"
    assert choose_backend(10**9) == "numba"
    assert choose_backend(10, "numba") == "numba"
