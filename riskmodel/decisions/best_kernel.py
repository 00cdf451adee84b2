"""The compiled count of who is best at every set of weights; imports numba, so load it when needed.

One chunk of draws stays in the core's cache while every set of weights passes over it.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(nogil=True, cache=True, error_model="numpy")
def count_best(values, weights, burden, counts):
    """Add to counts in how many draws each option is best, ties counted for each; flag the ties.

    Parameters
    ----------
    values : ndarray, shape (option, outcome, draw)
    weights : ndarray, shape (set, outcome)
    burden : ndarray, shape (option,)
    counts : ndarray, shape (set, option)
        Added to, except in the sets that are flagged.

    Returns
    -------
    ndarray of bool, shape (set,)
        Whether two options are best together in some draw.
    """
    options, outcomes, draws = values.shape
    benefit, best = np.empty((options, draws)), np.empty(draws)
    held = np.empty(options)
    tied = np.zeros(len(weights), dtype=np.bool_)
    for row in range(len(weights)):
        for option in range(options):
            one = benefit[option]
            one[:] = -burden[option]
            for outcome in range(outcomes):
                weight, effect = weights[row, outcome], values[option, outcome]
                for draw in range(draws):
                    one[draw] += weight * effect[draw]
            for draw in range(draws):
                best[draw] = one[draw] if option == 0 or one[draw] > best[draw] else best[draw]
        for option in range(options):
            one, count = benefit[option], 0
            for draw in range(draws):
                count += one[draw] == best[draw]
            held[option] = count
        tied[row] = held.sum() != draws
        if not tied[row]:
            counts[row] += held
    return tied
