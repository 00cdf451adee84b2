"""The compiled loop of the counter-based generator; imports numba, so load it only when needed."""

from __future__ import annotations

import numba
import numpy as np

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_DROP = np.uint64(11)
_STEP, _LARGEST = 2.0**-53, 1 - 2.0**-53


@numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")
def pair_of(c0, c1, c2, c3, k0, k1):
    """Return the two numbers of one key, as :func:`riskmodel.simulation.random_numbers.uniform`.

    Parameters
    ----------
    c0, c1, c2, c3, k0, k1 : uint64
        Below 2^32: patient modulo 2^32, patient over 2^32, draw, use, and the seed's two halves.
    """
    for _ in range(10):
        a, b = c0 * _M0, c2 * _M1
        c0, c2 = (b >> _HALF) ^ (c1 ^ k0), (a >> _HALF) ^ (c3 ^ k1)
        c1, c3 = b & _LOW, a & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    first = (np.float64(((c0 << _HALF) | c1) >> _DROP) + 0.5) * _STEP
    second = (np.float64(((c2 << _HALF) | c3) >> _DROP) + 0.5) * _STEP
    return min(first, _LARGEST), min(second, _LARGEST)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def philox_pair(c0, c1, c2, c3, k0, k1):
    """Return two arrays of numbers for arrays of keys; arguments as of :func:`pair_of`."""
    first = np.empty(c0.size)
    second = np.empty(c0.size)
    for i in range(c0.size):
        first[i], second[i] = pair_of(c0[i], c1[i], c2[i], c3[i], k0, k1)
    return first, second
