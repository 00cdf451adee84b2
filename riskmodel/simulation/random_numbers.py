"""Random numbers keyed by (seed, patient, draw, use): the same whoever asks, in whatever order.

A counter-based generator has no state: each number is a function of its key. So a simulation may
cut its patients into chunks, threads and processes as it likes, and two policies that ask for the
same use of the same patient get the same luck (common random numbers).

Philox4x32 with ten rounds (Salmon et al. 2011, doi:10.1145/2063384.2063405) turns a counter of four
words of 32 bits, here the patient (two words), the draw and the use, under a key of two, here the
seed, into four: two numbers of 53 bits.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from riskmodel.errors import ParameterError, Problem

ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_STEPS = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
MOST_DRAWS = 2**32
MOST_PATIENTS = 2**63
# Above so many pairs compiling a loop pays, if numba is there; the numbers are the same.
WORTH_COMPILING = 2_000_000


def use_number(name: str) -> int:
    """Return the number, below 2^32, that stands for a use of random numbers named in words.

    The lowest 8 bits are free: the n-th number of one use is ``use_number(name) + n``.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> use_number("recovery") % 256
    0
    >>> use_number("recovery") == use_number("death")
    False
    """
    digest = hashlib.blake2b(name.encode("utf-8"), digest_size=4).digest()
    return int.from_bytes(digest, "little") & 0xFFFFFF00


def uniform(seed: int, patient, draw, use) -> np.ndarray:
    """Return numbers strictly between 0 and 1, one for each key.

    Parameters
    ----------
    seed : int
        0 to 2^64 - 1.
    patient : array_like of int
        0 to 2^63 - 1; broadcast with `draw` and `use`.
    draw : array_like of int
        Of the parameters: 0 to 2^32 - 1.
    use : str or array_like of int
        What the number is for: words, or 0 to 2^32 - 1.

    Returns
    -------
    ndarray of float64, shape of the broadcast keys
        Odd multiples of 2^-54: symmetric about one half, never 0 or 1.

    Raises
    ------
    ParameterError
        If a key is not a whole number in its range.

    References
    ----------
    Salmon, Moraes, Dror and Shaw (2011), doi:10.1145/2063384.2063405.

    Examples
    --------
    >>> both = uniform(7, [0, 1, 2], draw=5, use="recovery")
    >>> bool((both[1] == uniform(7, 1, 5, "recovery")).all())
    True
    """
    return uniform_pair(seed, patient, draw, use)[0]


def uniform_pair(seed: int, patient, draw, use) -> tuple[np.ndarray, np.ndarray]:
    """Return two independent numbers between 0 and 1 for each key, for the cost of one.

    Parameters
    ----------
    seed, patient, draw, use
        As of :func:`uniform`, whose numbers are the first of each pair.

    Returns
    -------
    tuple of two ndarrays of float64
    """
    words, shape = _counter(seed, patient, draw, use)
    first, second = _pair(words, int(seed), compiled=words[0].size >= WORTH_COMPILING)
    return first.reshape(shape), second.reshape(shape)


@dataclass(frozen=True)
class Keys:
    """Patients and draws of one chunk, checked once, that ask for many uses.

    Parameters
    ----------
    seed : int
    low, high, draw : ndarray of uint64
        Words of the counter; :meth:`of` makes them.
    compiled : bool
        Whether to run the compiled loop where numba is there; the numbers are the same.
    """

    seed: int
    low: np.ndarray
    high: np.ndarray
    draw: np.ndarray
    compiled: bool = False

    @classmethod
    def of(cls, seed: int, patient, draw, *, compiled: bool = False) -> Keys:
        """Return the keys of arrays of patients and draws of one length."""
        (low, high, draw, _), shape = _counter(seed, patient, draw, 0)
        draw = np.broadcast_to(draw, shape)
        if high.size > 1 and not high.any():  # fewer than 2^32 patients share one such word
            high = high[:1]
        return cls(int(seed), low, high, draw, compiled)

    def take(self, index: np.ndarray) -> Keys:
        """Return the keys at some places."""
        if index.size == self.low.size and index[0] == 0 and (np.diff(index) == 1).all():
            return self
        high = self.high if self.high.size == 1 else self.high[index]
        return replace(self, low=self.low[index], high=high, draw=self.draw[index])

    def pair(self, use) -> tuple[np.ndarray, np.ndarray]:
        """Return what :func:`uniform_pair` does; `use` is a number or one for each key."""
        use = np.atleast_1d(np.asarray(use)).astype(np.uint64)
        return _pair((self.low, self.high, self.draw, use), self.seed, compiled=self.compiled)


def exponential(seed: int, patient, draw, use) -> np.ndarray:
    """Return unit exponential numbers, by inversion of :func:`uniform`: ``-log(1 - u)``.

    Examples
    --------
    >>> float(exponential(7, 3, 0, "death").round(6)) > 0
    True
    """
    return -np.log1p(-uniform(seed, patient, draw, use))


def normal(seed: int, patient, draw, use) -> np.ndarray:
    """Return standard normal numbers, by inversion of :func:`uniform`.

    Examples
    --------
    >>> from scipy.special import ndtr
    >>> bool(np.isclose(ndtr(normal(7, 3, 0, 1)), uniform(7, 3, 0, 1)))
    True
    """
    from scipy.special import ndtri

    return ndtri(uniform(seed, patient, draw, use))


# --- keys -----------------------------------------------------------------------------------------


def _counter(seed, patient, draw, use) -> tuple[tuple[np.ndarray, ...], tuple[int, ...]]:
    """Return the four words of each counter, flat, and the shape they belong to."""
    if isinstance(use, str):
        use = use_number(use)
    parts = {
        "patient": (patient, MOST_PATIENTS),
        "draw": (draw, MOST_DRAWS),
        "use": (use, MOST_DRAWS),
    }
    _check_key("seed", np.asarray(seed), 2**64)
    arrays = []
    for name, (value, most) in parts.items():
        array = np.asarray(value)
        _check_key(name, array, most)
        arrays.append(array.astype(np.uint64))
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    size = int(np.prod(shape, dtype=np.int64))
    patient, draw, use = (
        array.reshape(-1) if array.size in (1, size) else np.broadcast_to(array, shape).reshape(-1)
        for array in arrays
    )
    whole = patient if patient.size == size else np.broadcast_to(patient, size)
    return (whole & _LOW, patient >> _HALF, draw, use), shape


def _check_key(name: str, array: np.ndarray, most: int) -> None:
    whole = array.dtype.kind in "iu" or (array.dtype == object and isinstance(array.item(), int))
    inside = whole and (array.size == 0 or (array.min() >= 0 and int(array.max()) < most))
    if not inside:
        raise ParameterError(
            [
                Problem(
                    field=name,
                    found=array.item() if array.ndim == 0 else array.dtype.name,
                    allowed=f"whole numbers of at least 0 and below {most}",
                    remedy="number patients, draws and uses from 0",
                )
            ]
        )


# --- the generator --------------------------------------------------------------------------------


def _pair(
    words: tuple[np.ndarray, ...], seed: int, *, compiled: bool
) -> tuple[np.ndarray, np.ndarray]:
    loop = _compiled() if compiled else None
    if loop is not None:
        whole = [np.ascontiguousarray(np.broadcast_to(w, words[0].shape)) for w in words]
        return loop(*whole, np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32))
    return _in_unit(*philox(words, (seed & 0xFFFFFFFF, seed >> 32)))


def _compiled():
    """Return the compiled loop, or None where numba is missing."""
    try:
        from riskmodel.simulation.random_kernel import philox_pair
    except ImportError:
        return None
    return philox_pair


def philox(
    counter: tuple[np.ndarray, ...], key: tuple[int, int], rounds: int = ROUNDS
) -> tuple[np.ndarray, ...]:
    """Return the four words of Philox4x32 for each counter.

    Parameters
    ----------
    counter : tuple of four arrays of uint64
        Below 2^32 each; broadcast together.
    key : tuple of two int
        Below 2^32 each.
    rounds : int

    Returns
    -------
    tuple of four arrays of uint64, below 2^32

    Examples
    --------
    >>> zero = np.zeros(1, dtype=np.uint64)
    >>> [f"{int(word[0]):08x}" for word in philox((zero, zero, zero, zero), (0, 0))]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    first, second, third, fourth = counter
    m0, m1 = (np.uint64(m) for m in _MULTIPLIERS)
    for turn in range(rounds):
        k0, k1 = (
            np.uint64((k + turn * step) & 0xFFFFFFFF) for k, step in zip(key, _STEPS, strict=True)
        )
        a, b = first * m0, third * m1
        first, third = (b >> _HALF) ^ (second ^ k0), (a >> _HALF) ^ (fourth ^ k1)
        second, fourth = b & _LOW, a & _LOW
    return first, second, third, fourth


def _in_unit(first, second, third, fourth) -> tuple[np.ndarray, np.ndarray]:
    """Return two numbers of 53 bits from four words: the middles of 2^53 equal steps of (0, 1)."""
    return _middle(first, second), _middle(third, fourth)


def _middle(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    whole = ((high << _HALF) | low) >> np.uint64(11)
    number = whole.astype(np.float64)
    number += 0.5
    number *= 2.0**-53
    # The largest 2^-53-step rounds up to 1 in float64; it is taken half a step lower.
    return np.minimum(number, 1 - 2.0**-53, out=number)
