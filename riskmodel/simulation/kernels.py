"""The fused loops: one patient after the other, all draws of one row side by side.

Every helper runs over contiguous one-dimensional slices, stays out of line and divides without
asking about zero, so that the compiler can use the processor's vectors. Sums over patients are
exact (see :data:`riskmodel.simulation.factored.SHARE_BITS`), so that their order does not matter.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.extending import overload

from riskmodel.models.events import _NODES, _WEIGHTS
from riskmodel.simulation import factored as words

_FAST = {"nogil": True, "error_model": "numpy", "inline": "never", "cache": True}
_FUSED = {**_FAST, "fastmath": {"contract"}}

# Global names of numba's loops are compiled in as constants.
LOGISTIC, RATIO, ODDS, HAZARD, ADD, EXPOSURE, EXTERNAL = (
    words.LOGISTIC, words.RATIO, words.ODDS, words.HAZARD, words.ADD, words.EXPOSURE,
    words.EXTERNAL,
)  # fmt: skip
DIFFERENCE, JOINT, COPY, WEIGHED = words.DIFFERENCE, words.JOINT, words.COPY, words.WEIGHED
LINEAR, CENTRE, SPREAD_ODDS, SPREAD_HAZARD = (
    words.LINEAR, words.CENTRE, words.SPREAD_ODDS, words.SPREAD_HAZARD
)  # fmt: skip
_LOG2_E, _LN2_HIGH, _LN2_LOW = 1.4426950408889634, 0.6931471803691238, 1.9082149292705877e-10
_SQRT2 = 1.4142135623730951
LANES = 32  # sums and extremes of a row are taken side by side, whatever vectors there are
BINS = 256  # that a row's draws are counted into before a quantile is looked for in one
COMPUTED, BEYOND_ONE = 0, 1
MAX_SHARE = 0.001


# --- exponential and logarithm --------------------------------------------------------------------


@njit(**_FUSED)
def _exp_float64(x):
    for i in range(x.size):
        v = x[i]
        v = 700.0 if v > 700.0 else v
        v = -700.0 if v < -700.0 else v
        n = np.rint(v * _LOG2_E)
        r = (v - n * _LN2_HIGH) - n * _LN2_LOW
        p = 1.0 / 479001600  # Taylor: at most 0.35 from zero, the next term is 2e-16
        p = p * r + 1.0 / 39916800
        p = p * r + 1.0 / 3628800
        p = p * r + 1.0 / 362880
        p = p * r + 1.0 / 40320
        p = p * r + 1.0 / 5040
        p = p * r + 1.0 / 720
        p = p * r + 1.0 / 120
        p = p * r + 1.0 / 24
        p = p * r + 1.0 / 6
        p = p * r + 0.5
        p = p * r * r + r + 1.0
        x[i] = p * np.int64((np.int64(n) + 1023) << 52).view(np.float64)


@njit(**_FUSED)
def _exp_float32(x):
    for i in range(x.size):
        v = x[i]
        v = np.float32(80.0) if v > np.float32(80.0) else v
        v = np.float32(-80.0) if v < np.float32(-80.0) else v
        n = np.rint(v * np.float32(_LOG2_E))
        r = (v - n * np.float32(0.693359375)) + n * np.float32(2.12194440e-4)
        p = np.float32(1.0 / 5040)
        p = p * r + np.float32(1.0 / 720)
        p = p * r + np.float32(1.0 / 120)
        p = p * r + np.float32(1.0 / 24)
        p = p * r + np.float32(1.0 / 6)
        p = p * r + np.float32(0.5)
        p = p * r * r + r + np.float32(1.0)
        x[i] = p * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)


def exponential(x):
    """Replace values by their exponential, in place; beyond 700 (80 in float32) as at the limit.

    Range reduction by ln 2 in two parts, a polynomial, the exponent's bits; relative error under
    1e-15 in float64 and 2e-7 in float32.
    """
    (_exp_float64 if x.dtype == np.float64 else _exp_float32)(x)


@overload(exponential)
def _exponential(x):
    if x.dtype.bitwidth == 64:
        return lambda x: _exp_float64(x)
    return lambda x: _exp_float32(x)


@njit(**_FUSED)
def log1p(x, out):
    """Write log(1 + x): -inf at -1, nan below."""
    for i in range(x.size):
        y = np.float64(x[i])
        u = 1.0 + y
        bits = np.float64(u).view(np.int64)
        exponent = np.float64((bits >> 52) - 1023)
        m = np.int64((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000).view(np.float64)
        large = m > _SQRT2
        m = 0.5 * m if large else m
        exponent = exponent + 1.0 if large else exponent
        s = (m - 1.0) / (m + 1.0)
        z = s * s
        p = 1.0 / 21
        p = p * z + 1.0 / 19
        p = p * z + 1.0 / 17
        p = p * z + 1.0 / 15
        p = p * z + 1.0 / 13
        p = p * z + 1.0 / 11
        p = p * z + 1.0 / 9
        p = p * z + 1.0 / 7
        p = p * z + 1.0 / 5
        p = p * z + 1.0 / 3
        log_m = 2.0 * s + 2.0 * s * z * p
        value = exponent * _LN2_HIGH + (log_m + exponent * _LN2_LOW) + (y - (u - 1.0)) / u
        value = value if u > 0.0 else (-np.inf if u == 0.0 else np.nan)
        out[i] = value


@njit(**_FUSED)
def _hazard(p, ratio, log_survival, out):
    """Write ``1 - (1 - p) ** ratio`` as ``-expm1(ratio * log1p(-p))``."""
    for i in range(p.size):
        out[i] = -p[i]
    log1p(out, log_survival)
    for i in range(p.size):
        log_survival[i] *= ratio[i]
        out[i] = log_survival[i]
    exponential(out)
    for i in range(p.size):
        x = np.float64(log_survival[i])
        q = 1.0 / 1307674368000  # Taylor of expm1, for what subtraction would cancel
        q = q * x + 1.0 / 87178291200
        q = q * x + 1.0 / 6227020800
        q = q * x + 1.0 / 479001600
        q = q * x + 1.0 / 39916800
        q = q * x + 1.0 / 3628800
        q = q * x + 1.0 / 362880
        q = q * x + 1.0 / 40320
        q = q * x + 1.0 / 5040
        q = q * x + 1.0 / 720
        q = q * x + 1.0 / 120
        q = q * x + 1.0 / 24
        q = q * x + 1.0 / 6
        q = q * x + 0.5
        q = q * x * x + x
        value = 1.0 - out[i]
        value = -q if x > -0.5 else value
        value = np.nan if x != x else value
        out[i] = value


# --- rows -----------------------------------------------------------------------------------------


@njit(**_FUSED)
def _set(x, out):
    for i in range(x.size):
        out[i] = x[i]


@njit(**_FAST)
def _set_all(x, value):
    for i in range(x.size):
        x[i] = value


@njit(**_FUSED)
def _add_product(x, factor, out):
    for i in range(x.size):
        out[i] += factor * x[i]


@njit(**_FUSED)
def _add_products(x, y, f, g, out):
    for i in range(x.size):
        out[i] += f * x[i] + g * y[i]


@njit(**_FUSED)
def _add_four(w, x, y, z, a, b, c, d, out):
    for i in range(x.size):
        out[i] += (a * w[i] + b * x[i]) + (c * y[i] + d * z[i])


@njit(**_FUSED)
def odds_to_risk(x):
    """Replace odds by risks."""
    one = x.dtype.type(1)
    for i in range(x.size):
        x[i] = x[i] / (one + x[i])


@njit(**_FUSED)
def _ratio(p, effect, out):
    for i in range(p.size):
        out[i] = p[i] * effect[i]


@njit(**_FUSED)
def _odds(p, effect, out):
    one = p.dtype.type(1)
    for i in range(p.size):
        events = p[i] * effect[i]
        out[i] = events / ((one - p[i]) + events)


@njit(**_FUSED)
def _add(p, effect, out):
    for i in range(p.size):
        out[i] = p[i] + effect[i]


@njit(**_FUSED)
def _exposure(p, added, out):
    one = p.dtype.type(1)
    for i in range(p.size):
        out[i] = p[i] + (one - p[i]) * added[i]


@njit(**_FUSED)
def _difference(p, q, out):
    for i in range(p.size):
        out[i] = p[i] - q[i]


@njit(**_FUSED)
def _joint_above(p, q, psi, out):
    for i in range(p.size):
        x, y = np.float64(p[i]), np.float64(q[i])
        middle = 1.0 + (psi - 1.0) * (x + y)
        side = 1.0 + (psi - 1.0) * (x - y)
        root = np.sqrt(side * side + 4.0 * (psi - 1.0) * y * (1.0 - x))
        out[i] = 2.0 * psi * x * y / (middle + root)


@njit(**_FUSED)
def _joint_below(p, q, psi, out):
    for i in range(p.size):
        x, y = np.float64(p[i]), np.float64(q[i])
        middle = 1.0 + (psi - 1.0) * (x + y)
        root = np.sqrt(middle * middle - 4.0 * psi * (psi - 1.0) * x * y)
        large = 2.0 * psi * x * y / (middle + root)
        small = (middle - root) / (2.0 * (psi - 1.0))
        out[i] = large if middle > 0.0 else small


@njit(**_FUSED)
def _add_node(odds, factor, weight, mean, slope):
    for i in range(odds.size):
        e = odds[i] * factor
        p = e / (1.0 + e)
        mean[i] += weight * p
        slope[i] += weight * (p / (1.0 + e))


@njit(**_FUSED)
def _add_node_mean(odds, factor, weight, mean):
    for i in range(odds.size):
        e = odds[i] * factor
        mean[i] += weight * (e / (1.0 + e))


@njit(**_FUSED)
def _newton_step(target, mean, slope, logit, x):
    """Move `x` towards the mean wanted; `logit` holds the log odds of the present one."""
    largest = 0.0
    for i in range(x.size):
        step = (logit[i] - target[i]) * mean[i] * (1.0 - mean[i]) / slope[i]
        x[i] -= step
        largest = max(largest, abs(step))
    return largest


@njit(**_FAST)
def _centre(log_odds, sd, out):
    """Write the middle of patients' log odds whose mean risk is given, by Newton's method."""
    n = log_odds.size
    target, x, odds = np.empty(n), np.empty(n), np.empty(n)
    mean, slope, logit = np.empty(n), np.empty(n), np.empty(n)
    for i in range(n):
        target[i] = -abs(np.float64(log_odds[i]))  # the rarer of event and no event
        x[i] = target[i] * np.sqrt(1.0 + 0.346 * sd * sd)
    for _ in range(20):
        _set(x, odds)
        exponential(odds)
        _set_all(mean, 0.0)
        _set_all(slope, 0.0)
        for k in range(_NODES.size):
            _add_node(odds, np.exp(sd * _NODES[k]), _WEIGHTS[k], mean, slope)
        for i in range(n):
            logit[i] = np.log(mean[i] / (1.0 - mean[i]))
        if not _newton_step(target, mean, slope, logit, x) > 1e-8:
            break
    for i in range(n):
        out[i] = x[i] if log_odds[i] <= 0 else -x[i]


@njit(**_FAST)
def _spread_odds(centre, log_ratio, sd, out):
    """Write the mean risk of patients around a middle moved by a log odds ratio."""
    n = centre.size
    odds, rarer = np.empty(n), np.zeros(n)
    for i in range(n):
        odds[i] = -abs(np.float64(centre[i]) + np.float64(log_ratio[i]))
    exponential(odds)
    for k in range(_NODES.size):
        _add_node_mean(odds, np.exp(sd * _NODES[k]), _WEIGHTS[k], rarer)
    for i in range(n):
        out[i] = 1.0 - rarer[i] if centre[i] + log_ratio[i] > 0 else rarer[i]


@njit(**_FAST)
def _spread_hazard(centre, ratio, sd, out):
    """Write the mean risk of patients around a middle, each under a hazard ratio."""
    n = centre.size
    odds, risk, treated = np.empty(n), np.empty(n), np.empty(n)
    total, spare, wide = np.zeros(n), np.empty(n), np.empty(n)
    _set(centre, odds)
    _set(ratio, wide)
    exponential(odds)
    for k in range(_NODES.size):
        _set_all(risk, 0.0)
        _add_node_mean(odds, np.exp(sd * _NODES[k]), 1.0, risk)
        _hazard(risk, wide, spare, treated)
        _add_product(treated, _WEIGHTS[k], total)
    _set(total, out)


@njit(**_FUSED)
def _linear(coefficients, steps, start, terms, place, out):
    """Write intercept and terms added up; few passes, since each reads a row."""
    _set(coefficients[start], out)
    t = 0
    while t + 4 <= terms:
        c = start + 1 + t
        _add_four(coefficients[c], coefficients[c + 1], coefficients[c + 2], coefficients[c + 3],
                  place[steps[c]], place[steps[c + 1]], place[steps[c + 2]], place[steps[c + 3]],
                  out)  # fmt: skip
        t += 4
    if t + 2 <= terms:
        c = start + 1 + t
        _add_products(coefficients[c], coefficients[c + 1], place[steps[c]], place[steps[c + 1]],
                      out)  # fmt: skip
        t += 2
    if t < terms:
        c = start + 1 + t
        _add_product(coefficients[c], place[steps[c]], out)


@njit(**_FUSED)
def run_operations(
    program, first, last, coefficients, steps, effects, numbers, place, outside, rows, spare
):
    """Carry out operations of a program for one patient."""
    taken = 0
    for i in range(first, last):
        kind, out, a, b = program[i, 0], rows[program[i, 1]], program[i, 2], program[i, 3]
        if kind == LOGISTIC:
            _linear(coefficients, steps, a, program[i, 5], place, out)
            exponential(out)
            odds_to_risk(out)
        elif kind == RATIO:
            _ratio(rows[a], effects[b], out)
        elif kind == ODDS:
            _odds(rows[a], effects[b], out)
        elif kind == HAZARD:
            _hazard(rows[a], effects[b], spare, out)
        elif kind == ADD:
            _add(rows[a], effects[b], out)
        elif kind == EXPOSURE:
            _exposure(rows[a], effects[b], out)
        elif kind == EXTERNAL:
            _set(outside[taken], out)
            taken += 1
        elif kind == DIFFERENCE:
            _difference(rows[a], rows[b], out)
        elif kind == JOINT:
            psi = numbers[program[i, 4]]
            if psi >= 1.0:
                _joint_above(rows[a], rows[b], psi, out)
            else:
                _joint_below(rows[a], rows[b], psi, out)
        elif kind == LINEAR:
            _linear(coefficients, steps, a, program[i, 5], place, out)
        elif kind == CENTRE:
            _centre(rows[a], numbers[program[i, 4]], out)
        elif kind == SPREAD_ODDS:
            _spread_odds(rows[a], effects[b], numbers[program[i, 4]], out)
        elif kind == SPREAD_HAZARD:
            _spread_hazard(rows[a], effects[b], numbers[program[i, 4]], out)
        elif kind == COPY:
            _set(rows[a], out)
        elif kind == WEIGHED:
            _add_product(rows[a], rows.dtype.type(numbers[program[i, 4]]), out)


# --- summaries of a row ---------------------------------------------------------------------------


@njit(**_FAST)
def _mean(x, lanes):
    """Return the mean of a row, in float64 and in one fixed order."""
    lanes[:] = 0.0
    whole = x.size // LANES * LANES
    for i in range(0, whole, LANES):
        for t in range(LANES):
            lanes[t] += x[i + t]
    total = 0.0
    for t in range(LANES):
        total += lanes[t]
    for i in range(whole, x.size):
        total += x[i]
    return total / x.size


@njit(**_FAST)
def _mean_and_extremes(x, lanes, low, high):
    """Return mean, least and greatest value of a row without nan, in one pass."""
    lanes[:] = 0.0
    low[:] = x[0]
    high[:] = x[0]
    whole = x.size // LANES * LANES
    for i in range(0, whole, LANES):
        for t in range(LANES):
            v = x[i + t]
            lanes[t] += v
            low[t] = v if v < low[t] else low[t]
            high[t] = v if v > high[t] else high[t]
    total, least, most = 0.0, low[0], high[0]
    for t in range(LANES):
        total += lanes[t]
        least = min(least, low[t])
        most = max(most, high[t])
    for i in range(whole, x.size):
        total += x[i]
        least = min(least, x[i])
        most = max(most, x[i])
    return total / x.size, least, most


@njit(**_FAST)
def _bins(x, least, scale, out):
    for i in range(x.size):
        out[i] = np.uint8((x[i] - least) * scale)


@njit(**_FAST)
def wanted_ranks(probs, draws):
    """Return the ranks that quantiles lie between, two for each probability."""
    ranks = np.empty(2 * probs.size, np.int64)
    for q in range(probs.size):
        ranks[2 * q] = np.int64(probs[q] * (draws - 1))
        ranks[2 * q + 1] = min(ranks[2 * q] + 1, draws - 1)
    return ranks


@njit(**_FAST)
def mean_and_quantiles(
    x, probs, ranks, lanes, low, high, bins, counts, start, marks, words, kept, out
):
    """Return a row's mean and write its quantiles: linear between order statistics.

    Draws are counted into bins; only the bins that hold a wanted rank are put in order. Exact,
    whatever the draws look like.

    Parameters
    ----------
    x : ndarray, without nan
    probs : ndarray, increasing
    ranks : ndarray
        From :func:`wanted_ranks`.
    lanes, low, high, bins, counts, start, marks, words, kept : ndarray
        Workspace: (LANES,) thrice, (draws,) of uint8, (BINS,) twice of int32, marks for draws
        rounded up to eight, the same as words of 64 bits, (draws,).
    out : ndarray, shape (prob,)
    """
    if probs.size == 0:
        return _mean(x, lanes)
    mean, least, most = _mean_and_extremes(x, lanes, low, high)
    if not most > least:
        out[:] = least
        return mean
    _bins(x, least, x.dtype.type(BINS * (1.0 - 1e-6)) / (most - least), bins)
    _count_bins(bins, counts)
    _find_bins(ranks, counts, start)
    _gather(x, bins, start, marks, words, kept)
    place = 0  # of a bin's first value in `kept`
    before, b, sorted_bin = 0, 0, -1
    value = 0.0
    for q in range(ranks.size):
        while before + counts[b] <= ranks[q]:
            if start[b] >= 0:
                place += counts[b]
            before += counts[b]
            b += 1
        if b != sorted_bin:
            _put_in_order(kept[place : place + counts[b]])
            sorted_bin = b
        found = np.float64(kept[place + ranks[q] - before])
        if q % 2 == 0:
            value = found
        else:
            at = probs[q // 2] * (x.size - 1)
            out[q // 2] = value + (found - value) * (at - ranks[q - 1])
    return mean


@njit(**_FAST)
def _count_bins(bins, counts):
    counts[:] = 0
    for i in range(bins.size):
        counts[bins[i]] += 1


@njit(**_FAST)
def _find_bins(ranks, counts, start):
    """Mark the bins that hold a wanted rank with their place among the values to keep."""
    start[:] = -1
    place, before, b, marked = 0, 0, 0, -1
    for q in range(ranks.size):
        while before + counts[b] <= ranks[q]:
            before += counts[b]
            b += 1
        if b != marked:
            start[b] = place
            place += counts[b]
            marked = b


@njit(**_FAST)
def _mark_bin(bins, wanted, marks):
    for i in range(bins.size):
        marks[i] |= bins[i] == wanted


@njit(**_FAST)
def _gather(x, bins, start, marks, words, kept):
    """Put values of marked bins in their places; eight marks are passed over at a time."""
    marks[:] = False
    for b in range(BINS):
        if start[b] >= 0:
            _mark_bin(bins, np.uint8(b), marks[: bins.size])
    for w in range(words.size):
        if words[w] != 0:
            for i in range(8 * w, 8 * w + 8):
                if marks[i]:
                    place = start[bins[i]]
                    kept[place] = x[i]
                    start[bins[i]] = place + 1


@njit(**_FAST)
def _put_in_order(x):
    """Sort a few values by Shell's method."""
    gap = 1
    while gap < x.size // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, x.size):
            v, j = x[i], i
            while j >= gap and x[j - gap] > v:
                x[j] = x[j - gap]
                j -= gap
            x[j] = v
        gap //= 3


@njit(**_FAST)
def _take_better(value, option, most, best):
    for i in range(value.size):
        better = value[i] > most[i]
        most[i] = value[i] if better else most[i]
        best[i] = option if better else best[i]


@njit(**_FAST)
def _count(best, option):
    count = 0
    for i in range(best.size):
        count += best[i] == option
    return count


@njit(**_FAST)
def _outside(x):
    count = 0
    for i in range(x.size):
        count += not ((x[i] >= 0) and (x[i] <= 1))
    return count


@njit(**_FAST)
def _mark_outside(x, aside):
    for i in range(x.size):
        aside[i] |= not ((x[i] >= 0) and (x[i] <= 1))


@njit(**_FAST)
def _compact(x, aside, out):
    n = 0
    for i in range(x.size):
        out[n] = x[i]
        n += not aside[i]
    return n


@njit(**_FAST)
def _fill(x, aside, value):
    for i in range(x.size):
        x[i] = value if aside[i] else x[i]


@njit(**_FAST)
def _add_exactly(x, rounding, out):
    """Add values, each rounded to a multiple of a power of two, so that the sum is exact."""
    for i in range(x.size):
        out[i] += (np.float64(x[i]) + rounding) - rounding


# --- patients -------------------------------------------------------------------------------------


@njit(**_FAST)
def risks(
    program, operations, coefficients, steps, effects, numbers, places, outside, rows, wanted, out
):
    """Write risks of patients, draw by draw: ``out`` is (patient, wanted row, draw)."""
    spare = np.empty(rows.shape[1], rows.dtype)
    for i in range(places.shape[0]):
        run_operations(
            program, 0, operations, coefficients, steps, effects, numbers, places[i], outside[i],
            rows, spare,
        )  # fmt: skip
        for w in range(wanted.size):
            _set(rows[wanted[w]], out[i, w])


@njit(**_FAST)
def summarize(
    program, coefficients, steps, effects, numbers, places, outside, rows, varying, checked,
    before, all_draws, stat_rows, stat_varies, benefit_row, known, comparator, burden, applies,
    probs, thresholds, summed, summed_option, summed_rounding, benefit_rounding, classes,
    slot_sums, bin_sums, bins_used, mean, quantile, prob_best, most_expected, best, aside_share,
    status,
):  # fmt: skip
    """Summarize patients over draws and add them to the sums by draw."""
    draws = rows.shape[1]
    spare = np.empty(draws, rows.dtype)
    lanes = np.empty(LANES)
    low, high = np.empty(LANES, rows.dtype), np.empty(LANES, rows.dtype)
    bins, counts = np.empty(draws, np.uint8), np.empty(BINS, np.int32)
    marks = np.zeros((draws + 7) // 8 * 8, np.bool_)
    words = marks.view(np.uint64)
    start, kept = np.empty(BINS, np.int32), np.empty(draws, rows.dtype)
    packed = np.empty(draws, rows.dtype)
    most, which = np.empty(draws, rows.dtype), np.empty(draws, np.int32)
    zero = np.zeros(draws, rows.dtype)
    aside = np.zeros(draws, np.bool_)
    ranks = wanted_ranks(probs, draws)
    options = benefit_row.size
    for i in range(places.shape[0]):
        run_operations(
            program, 0, program.shape[0], coefficients, steps, effects, numbers, places[i],
            outside[i], rows, spare,
        )  # fmt: skip
        n_aside, worst = 0, 0
        for c in range(checked.size):
            count = _outside(rows[checked[c]])
            n_aside += count
            worst = max(worst, count + before[c])
        status[i] = BEYOND_ONE if worst > MAX_SHARE * all_draws else COMPUTED
        aside_share[i] = 0.0
        if status[i] != COMPUTED:
            continue
        n = draws
        if n_aside:
            aside[:] = False
            for c in range(checked.size):
                _mark_outside(rows[checked[c]], aside)
            n = _compact(zero, aside, packed)
            aside_share[i] = draws - n
        for s in range(stat_rows.size):
            if n_aside:
                _compact(rows[stat_rows[s]], aside, packed)
                mean[i, s] = mean_and_quantiles(
                    packed[:n], probs, wanted_ranks(probs, n), lanes, low, high, bins[:n], counts,
                    start, marks, words, kept, quantile[i, s],
                )  # fmt: skip
                if stat_rows[s] < varying:
                    _fill(rows[stat_rows[s]], aside, rows.dtype.type(mean[i, s]))
            elif stat_varies[s]:
                mean[i, s] = mean_and_quantiles(
                    rows[stat_rows[s]], probs, ranks, lanes, low, high, bins, counts, start,
                    marks, words, kept, quantile[i, s],
                )  # fmt: skip
        # Which option is best, draw by draw and by expectation; of equals the first.
        _set_all(most, rows.dtype.type(-np.inf))
        which[:] = -1
        leading, top = -1, -np.inf
        for j in range(options):
            if not (known[j] and applies[i, j]):
                continue
            expected = 0.0
            row = zero
            if j != comparator:
                row = rows[benefit_row[j]]
                expected = _expected(mean[i], stat_rows, benefit_row[j])
            _take_better(row, j, most, which)
            if expected > top:
                leading, top = j, expected
        best[i] = leading
        if leading >= 0:
            if n_aside:
                _compact(most, aside, packed)
                most_expected[i] = _mean(packed[:n], lanes)
                for d in range(draws):
                    which[d] = -1 if aside[d] else which[d]
            else:
                most_expected[i] = _mean(most, lanes)
            for j in range(options):
                prob_best[i, j] = _count(which, j) / n
        # Sums by draw: of a class of patients who share group, rule and best option.
        slot = classes[i] * (options + 1) + leading + 1
        for s in range(summed.size):
            if applies[i, summed_option[s]]:
                _add_exactly(rows[summed[s]], summed_rounding[s], slot_sums[slot, s])
        if thresholds.size:
            a = 0
            for j in range(options):
                if j == comparator or not known[j]:
                    continue
                if applies[i, j]:
                    expected = _expected(mean[i], stat_rows, benefit_row[j]) + burden
                    b = np.searchsorted(thresholds, expected)
                    bins_used[b] = True
                    _add_exactly(rows[benefit_row[j]], benefit_rounding, bin_sums[b, a])
                a += 1


@njit(**_FAST)
def _expected(mean, stat_rows, row):
    for s in range(stat_rows.size):
        if stat_rows[s] == row:
            return mean[s]
    return np.nan


@njit(**_FAST)
def _flush_row(x, scale, total):
    for i in range(x.size):
        total[i] += np.int64(x[i] * scale)
        x[i] = 0.0


@njit(**_FAST)
def flush(sums, used, scales, totals, places):
    """Move sums of used slots into whole numbers of their unit, and start again from zero."""
    for s in range(used.size):
        if used[s]:
            for r in range(sums.shape[1]):
                _flush_row(sums[s, r], scales[r], totals[places[s], r])
