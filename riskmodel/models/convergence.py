"""R-hat, effective sample size and Monte Carlo error of draws, on plain arrays.

The rank-normalised diagnostics of Vehtari et al. (2021), for parameters and for quantities
derived from them alike. Draws come as ``(chain, draw, ...)``; every quantity along the trailing
dimensions is diagnosed by itself. A quantity with a value that is not finite gets nan. One that
never varies, but for rounding, has no R-hat (nan), as many effective draws as draws, and a Monte
Carlo error of 0: a gate must tell it apart from an R-hat that is missing for a worse reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NoReturn

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, ndtri

from riskmodel.errors import ParameterError, Phrase, Problem, did_you_mean

Floats = np.ndarray | np.float64

ESS_KINDS = ("bulk", "tail", "mean")

_MIN_DRAWS = 4
_BLOCK_VALUES = 2**21  # values worked on at once: 16 MB, so that a large table stays in memory
_ONE_SIGMA = (0.1586553, 0.8413447)  # normal probabilities one standard deviation either side


def r_hat(draws: ArrayLike) -> Floats:
    """Return the rank-normalised split R-hat, the larger of bulk and folded.

    Parameters
    ----------
    draws : array_like, shape (chain, draw, ...)
        At least 2 chains of at least 4 draws; the middle one of an odd number is left out.

    Returns
    -------
    ndarray, shape (...,)
        Dimensionless; 1 for chains that agree in place and spread, larger where they differ,
        infinite or huge for chains stuck at different values. The usual bound is 1.01. nan for
        a quantity that never varies or is not finite throughout.

    Raises
    ------
    ValueError
        If the shape is too small or a draw is not a number.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021), Bayesian Analysis 16:667,
    doi:10.1214/20-BA1221.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> draws = rng.normal(size=(4, 1000, 2))
    >>> draws[0, :, 1] += 1  # one chain of the second quantity is elsewhere
    >>> r_hat(draws) < 1.01
    array([ True, False])
    """
    return _by_quantity(_checked(draws, min_chains=2), _r_hat)


def effective_sample_size(
    draws: ArrayLike, kind: Literal["bulk", "tail", "mean"] = "bulk"
) -> Floats:
    """Return how many independent draws would say as much.

    Parameters
    ----------
    draws : array_like, shape (chain, draw, ...)
        At least 4 draws in each chain; the middle one of an odd number is left out.
    kind : {"bulk", "tail", "mean"}
        ``bulk`` works on rank-normalised draws and guards means and medians of any
        distribution; ``tail`` is the smaller one of the 5% and 95% quantiles; ``mean`` works on
        the draws as they are and belongs to their mean.

    Returns
    -------
    ndarray, shape (...,)
        A number of draws, above 0; more than were drawn where successive draws repel each
        other, at most ``log10`` of their number times as many. The number of draws for a
        quantity that never varies; nan for one that is not finite throughout.

    Raises
    ------
    ValueError
        If the kind is unknown, the shape is too small or a draw is not a number.

    References
    ----------
    Vehtari et al. (2021), doi:10.1214/20-BA1221; the sum of autocorrelations is
    cut after Geyer (1992), Statistical Science 7:473, doi:10.1214/ss/1177011137.

    Examples
    --------
    >>> draws = np.random.default_rng(1).normal(size=(4, 1000))
    >>> draws[:, 1::2] = draws[:, ::2]  # every draw twice: half as many to learn from
    >>> 1800 < effective_sample_size(draws, kind="bulk") < 2200
    np.True_
    """
    if kind not in ESS_KINDS:
        _refuse("kind", kind, ", ".join(ESS_KINDS), did_you_mean(kind, ESS_KINDS))
    formula = {"bulk": _ess_bulk, "tail": _ess_tail, "mean": _ess_mean}[kind]
    return _by_quantity(_checked(draws), formula)


def monte_carlo_standard_error(draws: ArrayLike) -> Floats:
    """Return the Monte Carlo standard error of the mean of the draws.

    Parameters
    ----------
    draws : array_like, shape (chain, draw, ...)
        At least 4 draws in each chain.

    Returns
    -------
    ndarray, shape (...,)
        Standard deviation of the draws over the root of their effective number (``kind="mean"``),
        in the unit of the draws; 0 or more. Digits of the mean below it are noise.

    Raises
    ------
    ValueError
        If the shape is too small or a draw is not a number.

    References
    ----------
    Vehtari et al. (2021), doi:10.1214/20-BA1221.

    Examples
    --------
    >>> draws = np.random.default_rng(1).normal(size=(4, 2500))
    >>> monte_carlo_standard_error(draws).round(2)
    np.float64(0.01)
    """
    return _by_quantity(_checked(draws), _mcse_mean)


def monte_carlo_standard_error_quantile(draws: ArrayLike, prob: float) -> Floats:
    """Return the Monte Carlo standard error of one quantile of the draws.

    Parameters
    ----------
    draws : array_like, shape (chain, draw, ...)
        At least 4 draws in each chain.
    prob : float
        Which quantile; in (0, 1), so 0.5 is the median.

    Returns
    -------
    ndarray, shape (...,)
        Half the distance between the draws that bound the quantile one standard error either
        side, in the unit of the draws; 0 or more.

    Raises
    ------
    ValueError
        If `prob` is outside (0, 1), the shape is too small or a draw is not a number.

    References
    ----------
    Vehtari et al. (2021), doi:10.1214/20-BA1221.

    Examples
    --------
    >>> draws = np.random.default_rng(1).normal(size=(4, 2500))
    >>> 0.01 < monte_carlo_standard_error_quantile(draws, 0.5) < 0.02
    np.True_
    """
    if not (np.ndim(prob) == 0 and 0 < prob < 1):
        _refuse("prob", prob, "strictly between 0 and 1", "divide percentages by 100")
    return _by_quantity(_checked(draws), lambda block: _mcse_quantile(block, float(prob)))


def _checked(draws: ArrayLike, min_chains: int = 1) -> np.ndarray:
    """Return draws as floats of at least two dimensions and enough values in them."""
    allowed = f"an array (chain, draw, ...) of at least {min_chains} by {_MIN_DRAWS} numbers"
    try:
        draws = np.asarray(draws, dtype=float)
    except (TypeError, ValueError):
        _refuse("draws", draws, allowed, "give one rectangular array of numbers")
    if draws.ndim < 2 or draws.shape[0] < min_chains or draws.shape[1] < _MIN_DRAWS:
        _refuse("draws", Phrase(f"shape {draws.shape}"), allowed, "sample more chains or draws")
    return draws


def _by_quantity(draws: np.ndarray, formula: Callable[[np.ndarray], np.ndarray]) -> Floats:
    """Apply a formula for (quantity, chain, draw) block by block, to what is finite."""
    trailing = draws.shape[2:]
    draws = draws.reshape(*draws.shape[:2], math.prod(trailing))
    result = np.full(draws.shape[2], np.nan)
    step = max(1, _BLOCK_VALUES // (draws.shape[0] * draws.shape[1]))
    for start in range(0, draws.shape[2], step):
        block = np.ascontiguousarray(np.moveaxis(draws[:, :, start : start + step], 2, 0))
        finite = np.isfinite(block).all(axis=(1, 2))
        if finite.any():
            result[start : start + step][finite] = formula(block[finite])
    return result.reshape(trailing)[()]


def _r_hat(draws: np.ndarray) -> np.ndarray:
    split = _split(draws)
    median = np.median(split, axis=(1, 2), keepdims=True)
    bulk = _between_to_within(_rank_normalised(split))
    folded = _between_to_within(_rank_normalised(np.abs(split - median)))
    # Two values equally far from the median fold into one; then only the bulk has an R-hat.
    return np.where(_constant(split), np.nan, np.fmax(bulk, folded))


def _ess_bulk(draws: np.ndarray) -> np.ndarray:
    split = _split(draws)
    return np.where(_constant(split), split[0].size, _ess(_rank_normalised(split)))


def _ess_tail(draws: np.ndarray) -> np.ndarray:
    both = np.minimum(_ess_quantile(draws, 0.05), _ess_quantile(draws, 0.95))
    return np.where(_constant(draws), _split(draws)[0].size, both)


def _ess_mean(draws: np.ndarray) -> np.ndarray:
    return _ess(_split(draws))


def _ess_quantile(draws: np.ndarray, prob: float) -> np.ndarray:
    quantile = np.quantile(draws, prob, axis=(1, 2), keepdims=True)
    return _ess(_split((draws <= quantile).astype(float)))


def _mcse_mean(draws: np.ndarray) -> np.ndarray:
    return np.std(draws, axis=(1, 2), ddof=1) / np.sqrt(_ess_mean(draws))


def _mcse_quantile(draws: np.ndarray, prob: float) -> np.ndarray:
    ess = _ess_quantile(draws, prob)
    ordered = np.sort(draws.reshape(len(draws), -1), axis=1)
    last = ordered.shape[1] - 1
    low, high = (
        betaincinv(ess * prob + 1, ess * (1 - prob) + 1, bound) * ordered.shape[1] - 1
        for bound in _ONE_SIGMA
    )
    quantities = np.arange(len(draws))
    below = ordered[quantities, np.maximum(np.floor(low), 0).astype(int)]
    above = ordered[quantities, np.minimum(np.ceil(high), last).astype(int)]
    return (above - below) / 2


def _split(draws: np.ndarray) -> np.ndarray:
    """Cut each chain in two halves, leaving out the middle of an odd number of draws."""
    half = draws.shape[2] // 2
    return np.concatenate([draws[:, :, :half], draws[:, :, -half:]], axis=1)


def _constant(draws: np.ndarray) -> np.ndarray:
    """Say which quantities never vary by more than rounding."""
    low, high = draws.min(axis=(1, 2)), draws.max(axis=(1, 2))
    return high - low <= 4 * np.finfo(float).eps * np.maximum(np.abs(low), np.abs(high))


def _rank_normalised(draws: np.ndarray) -> np.ndarray:
    """Return the normal scores of the ranks over all chains, with Blom's offset."""
    ranks = _average_ranks(draws.reshape(len(draws), -1))
    return ndtri((ranks - 3 / 8) / (ranks.shape[1] + 1 / 4)).reshape(draws.shape)


def _average_ranks(rows: np.ndarray) -> np.ndarray:
    """Rank each row from 1, ties at the mean of their places."""
    order = np.argsort(rows, axis=1)
    ordered = np.take_along_axis(rows, order, axis=1)
    places = np.arange(rows.shape[1])
    differs = ordered[:, 1:] != ordered[:, :-1]
    edge = np.ones((len(rows), 1), dtype=bool)
    starts = np.concatenate([edge, differs], axis=1)
    ends = np.concatenate([differs, edge], axis=1)
    first = np.maximum.accumulate(np.where(starts, places, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, places, places[-1])[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty(rows.shape)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, axis=1)
    return ranks


def _between_to_within(draws: np.ndarray) -> np.ndarray:
    """Return R-hat of chains as they stand: root of total over within-chain variance."""
    n_draw = draws.shape[2]
    between = np.var(draws.mean(axis=2), axis=1, ddof=1)
    within = np.mean(np.var(draws, axis=2, ddof=1), axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(between / within + (n_draw - 1) / n_draw)


def _ess(draws: np.ndarray) -> np.ndarray:
    """Return the effective size of chains as they stand; all of them where nothing varies."""
    _, n_chain, n_draw = draws.shape
    constant = _constant(draws)
    covariance = _autocovariance(draws).mean(axis=1)
    within = covariance[:, :1] * n_draw / (n_draw - 1)
    total = covariance[:, :1]
    if n_chain > 1:
        total = total + np.var(draws.mean(axis=2), axis=1, ddof=1, keepdims=True)
    total = np.where(constant[:, None], 1.0, total)
    correlation = 1 - (within - covariance) / total
    correlation[:, 0] = 1
    n_total = n_chain * n_draw
    time = np.maximum(_autocorrelation_time(correlation), 1 / np.log10(n_total))
    return np.where(constant, n_total, n_total / time)


def _autocovariance(draws: np.ndarray) -> np.ndarray:
    """Return the autocovariance of each chain at every lag, by FFT."""
    n_draw = draws.shape[2]
    size = 1 << (2 * n_draw - 1).bit_length()
    spectrum = np.fft.rfft(draws - draws.mean(axis=2, keepdims=True), n=size, axis=2)
    power = spectrum.real**2 + spectrum.imag**2
    return np.fft.irfft(power, n=size, axis=2)[:, :, :n_draw] / n_draw


def _autocorrelation_time(correlation: np.ndarray) -> np.ndarray:
    """Return the sum of autocorrelations over both directions of lag, cut after Geyer.

    Sums of neighbouring even and odd lags are positive and fall for a reversible chain; those
    past the first that is not positive are noise, and of the others none may exceed the last.
    """
    n_pairs = max((correlation.shape[1] - 3) // 2, 0) + 1
    even = correlation[:, 0 : 2 * n_pairs : 2]
    pairs = even + correlation[:, 1 : 2 * n_pairs : 2]
    stops = pairs <= 0
    stops[:, -1] = True
    cut = np.argmax(stops, axis=1)[:, None]
    falling = np.minimum.accumulate(pairs, axis=1)
    kept = np.where(np.arange(n_pairs) < cut, falling, 0).sum(axis=1)
    # The even lag of the pair at the cut still counts once if it is positive itself.
    even_at_cut = np.take_along_axis(even, cut, axis=1)[:, 0]
    positive_pair = np.take_along_axis(pairs, cut, axis=1)[:, 0] >= 0
    return 2 * kept - 1 + np.where((even_at_cut > 0) | positive_pair, even_at_cut, 0)


def _refuse(name: str, found: object, allowed: str, remedy: str) -> NoReturn:
    """Raise the one problem of one argument."""
    raise ParameterError([Problem(field=name, found=found, allowed=allowed, remedy=remedy)])
