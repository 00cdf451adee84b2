"""What it would be worth to know more before choosing: EVPI, and EVPPI by parameter and source."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import permutations, product
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.absolute_effects import standard_error
from riskmodel.decisions.regression_bases import (
    Basis,
    Inputs,
    Solved,
    cells,
    choose,
    gaussian_process,
    left_in_cells,
    ready,
    solve,
)
from riskmodel.errors import ParameterError, Phrase, Problem, RiskModelWarning, did_you_mean

MIN_DRAWS = 100
PERMUTATIONS = 19  # the largest of 19 is beaten by chance once in 20
NO_DOCUMENT = "no document"
SAMPLE_DIMS = ("chain", "draw", "sample")
JOINED = " + "  # between the names of a set
_FLOOR_ROWS = 1000
_CHANCE = 5.0  # standard deviations
_MISSED = (0.01, 0.001)  # shares of EVPPI and of EVPI that the residuals may still hold


@dataclass(frozen=True)
class Draws:
    """Net benefit read from whatever it came in.

    Parameters
    ----------
    values : ndarray, shape (draw, group, option)
    groups : list of dict
        What names each group: profile, weight, or whatever other dimensions there were.
    options : tuple of str
    chains : int or None
        Draws of equal chains laid end to end; None if nothing is known of chains.
    """

    values: np.ndarray
    groups: list[dict]
    options: tuple[str, ...]
    chains: int | None


@dataclass(frozen=True)
class Part:
    """Groups that share options and draws: one regression serves them all.

    Parameters
    ----------
    rows : ndarray of bool, shape (draw,)
    groups : ndarray of int
    best : ndarray of str, shape (group,)
        The option of highest expected net benefit.
    gain : ndarray, shape (kept draw, group * column)
        Net benefit of every other option less that of the best, draw by draw.
    columns : int
        Other options.
    chains : int or None
    """

    rows: np.ndarray
    groups: np.ndarray
    best: np.ndarray
    gain: np.ndarray
    columns: int
    chains: int | None

    @property
    def draws(self) -> int:
        return len(self.gain)

    def kept(self, values: np.ndarray) -> np.ndarray:
        """Return values by draw (draw, ...) of the draws that this part is of."""
        return values if self.draws == len(values) else values[self.rows]

    def blocks(self, values: np.ndarray) -> np.ndarray:
        """Return (draw, group * column) as (draw, group, column)."""
        return values.reshape(len(values), -1, self.columns)

    @cached_property
    def perfect(self) -> np.ndarray:
        """What the best option of each draw gains, shape (draw, group)."""
        return np.maximum(_largest(self.blocks(self.gain)), 0)

    @cached_property
    def shuffled(self) -> np.ndarray:
        """The gains in one random order, the same at every call."""
        return self.gain[_order(self.draws)]

    @cached_property
    def covariance(self) -> np.ndarray:
        """Covariance of the gains, shape (group, column, column)."""
        centred = self.blocks(self.gain - mean(self.gain)).transpose(1, 2, 0)
        return centred @ centred.transpose(0, 2, 1) / self.draws

    def gained(self, choice: np.ndarray) -> np.ndarray:
        """Return what the chosen options gain; choice 0 is the best in expectation."""
        if self.columns == 1:
            return self.gain * (choice > 0)
        place = np.maximum(choice - 1, 0)[..., None].astype(np.intp)
        taken = np.take_along_axis(self.blocks(self.gain), place, axis=2)[..., 0]
        return np.where(choice > 0, taken, 0.0)

    def error(self, values: np.ndarray) -> np.ndarray:
        """Return the Monte Carlo standard error of the means of (draw, group)."""
        if self.chains is None:
            left = values - mean(values)
            return np.sqrt(np.einsum("ij,ij->j", left, left)) / len(values)
        whole = np.full((len(self.rows), values.shape[1]), np.nan)
        whole[self.rows] = values
        return standard_error(whole.reshape(self.chains, -1, values.shape[1]))


@lru_cache(maxsize=1)  # sets of parameters, and calls, of as many draws share it
def _order(draws: int) -> np.ndarray:
    return np.random.default_rng(0).permutation(draws).astype(np.int32)


def evpi(net_benefit: Any) -> pd.DataFrame:
    """Return the expected value of perfect information.

    Parameters
    ----------
    net_benefit : array_like, DataFrame, DataArray or Dataset
        Draws of the net benefit of every option: columns of a DataFrame, the ``option``
        dimension of xarray, the last axis of an array (draw, option) or (weight, draw, option).
        A single column of draws is the net benefit of one option over a comparator at 0. Further
        dimensions of xarray (profile, weight) are answered one by one.

    Returns
    -------
    pandas.DataFrame
        One row a profile, weight, or whatever further dimensions there are: ``evpi``, in the
        unit of net benefit, per patient; ``standard_error`` (Monte Carlo; allows for
        autocorrelation where draws come by chain); ``option``, the one of highest expected net
        benefit; ``n_draws``. Nan where fewer than two options have net benefit.

    Raises
    ------
    ParameterError
        If the shape is not of this kind, a value is infinite, or nothing can be compared.

    Notes
    -----
    ``EVPI = E[max over options of NB] - max over options of E[NB]``. Draws in which an applicable
    option has no net benefit (nan) are set aside; an option that has none in any draw is left out.

    Examples
    --------
    >>> from scipy.special import ndtri
    >>> gain = 0.01 + 0.05 * ndtri((np.arange(10_000) + 0.5) / 10_000)
    >>> evpi(gain)["evpi"].round(5).item()
    0.01534
    """
    draws = read_net_benefit(net_benefit)
    empty = {"evpi": np.nan, "standard_error": np.nan, "option": "", "n_draws": 0}
    rows = [{**group, **empty} for group in draws.groups]
    for part in parts(draws):
        perfect = mean(part.perfect)
        error = part.error(part.perfect)
        for i, group in enumerate(part.groups):
            rows[group] |= {
                "evpi": float(perfect[i]),
                "standard_error": float(error[i]),
                "option": part.best[i],
                "n_draws": part.draws,
            }
    return pd.DataFrame(rows)


def evppi(
    net_benefit: Any,
    parameters: Any,
    *,
    of: str | Sequence | None = None,
    sources: Mapping[str, str | Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Return the expected value of knowing some parameters exactly.

    Parameters
    ----------
    net_benefit : array_like, DataFrame, DataArray or Dataset
        As for :func:`evpi`.
    parameters : mapping, DataFrame, Dataset or array_like
        Draws of every parameter, in step with those of net benefit; a parameter may have several
        columns (a line's two coefficients). Columns of an array are named x1, x2 and so on.
    of : str or sequence, optional
        One name, several names (a set that is known together), or a sequence of such sets. None
        is every parameter by itself, or every source.
    sources : mapping of str to str or sequence of str, optional
        Parameter -> the document, or documents, that it came from. Parameters of a document are
        then known together, and `of` may name documents.

    Returns
    -------
    pandas.DataFrame
        One row a set and group: ``parameters`` (names joined by " + "; before it ``source``, if
        sources were given), ``evppi``, ``standard_error``, ``floor`` (what 19 of 20 unrelated
        parameters would stay below: the largest of 19 permutations), ``method``,
        ``share_of_evpi``, ``n_draws``, and ``note``: what is doubtful about the row.

    Raises
    ------
    ParameterError
        If a name is unknown, or the draws are not in step.

    Warns
    -----
    RiskModelWarning
        If the residual check fails, or estimates break ``EVPPI <= EVPI`` or
        ``EVPPI(part of a set) <= EVPPI(set)`` by more than two standard errors.

    Notes
    -----
    ``EVPPI = E[max over options of E[NB | parameters]] - max over options of E[NB]``, the inner
    expectation by regression on the same draws (Strong, Oakley and Brennan 2014): group means
    for discrete parameters, a cubic B-spline for one, a tensor product of splines for two,
    Hermite chaos of total degree 3 for three to five, a Gaussian process through inducing
    points beyond five and wherever the residual check fails. All hold interactions. Noise that
    least squares fits is taken out of the variance of what is fitted, so that worthless
    parameters do not gain by their number.

    The residual check divides the draws into cells of like parameters; it fails if residual
    means differ between cells by more than chance and would add more than 1% to EVPPI.

    The standard error is that of the mean gain of the options chosen, which holds the error of
    the regression to first order.

    References
    ----------
    Strong, Oakley and Brennan (2014), Medical Decision Making 34:311,
    doi:10.1177/0272989X13505910.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x, y = rng.normal(size=(2, 10_000))
    >>> table = evppi(np.column_stack([0 * x, 0.3 + x + y]), {"x": x, "y": y}, of=["x", "y"])
    >>> table[["parameters", "evppi"]].round(1).values.tolist()  # 0.43 in closed form
    [['x + y', 0.4]]
    """
    draws = read_net_benefit(net_benefit)
    values = read_parameters(parameters, draws)
    sets = _sets(values, of, sources)
    shared: dict[bytes, list[Part]] = {}
    found: list[list[Fit]] = []
    for _, names in sets:
        columns = np.column_stack([values[name] for name in names])
        finite = np.isfinite(columns)
        finite = None if finite.all() else finite.all(axis=1)
        key = b"" if finite is None else finite.tobytes()
        if key not in shared:
            shared[key] = parts(draws, finite)
        found.append([fit_part(part, part.kept(columns)) for part in shared[key]])
    _note_nested(sets, found)
    rows = []
    for (source, names), fits in zip(sets, found, strict=True):
        first = {} if sources is None else {"source": source}
        rows += fit_rows(draws, fits, "evppi", **first, parameters=JOINED.join(names))
    warn_of_notes(rows, "evppi", ["source", "parameters", *draws.groups[0]])
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return pd.DataFrame(columns, copy=False)


# --- one regression, all options and weights ----------------------------------------------------


@dataclass
class Fit:
    """The regression of a part's gains on one set of parameters, and what it is worth."""

    part: Part
    method: str
    value: np.ndarray  # (group,)
    error: np.ndarray
    floor: np.ndarray
    perfect: np.ndarray
    choice: np.ndarray  # (draw, group): 0 is the best in expectation
    notes: list[list[str]]  # by group
    inputs: Inputs
    fitted: np.ndarray  # (draw, group * column)


def fit_part(part: Part, columns: np.ndarray) -> Fit:
    """Return what knowing the columns is worth, for every group of a part at once."""
    inputs = ready(columns)
    basis = choose(inputs) if np.any(part.gain) else Basis(np.ones((part.draws, 1)), "constant")
    codes = cells(inputs) if inputs.size else []
    first = None
    if basis is not None:
        first = _worth(part, solve(basis))
        missed = _missed(part, first, codes)
        if missed.max() <= 0:
            return _finished(part, inputs, first, missed)
    process = _worth(part, solve(gaussian_process(inputs, part.gain)))
    still = _missed(part, process, codes)
    if first is not None and missed.max() <= still.max():  # no better: keep the plainer one
        return _finished(part, inputs, first, missed)
    return _finished(part, inputs, process, still)


@dataclass(frozen=True)
class _Worth:
    solved: Solved
    fitted: np.ndarray
    value: np.ndarray


def _worth(part: Part, solved: Solved) -> _Worth:
    coefficients = solved.coefficients(part.gain)
    coefficients, offset = _without_noise(part, solved, coefficients, part.covariance)
    fitted = solved.basis.matrix @ coefficients
    fitted += offset
    value = mean(np.maximum(_largest(part.blocks(fitted)), 0))
    return _Worth(solved, fitted, value)


def _without_noise(
    part: Part, solved: Solved, coefficients: np.ndarray, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients whose fit has the variance it would have without noise, and an offset.

    Least squares with p terms adds p / n of the residual variance to that of the fit; `spread` is
    the covariance of the gains, block by block.
    """
    spent = solved.basis.terms_spent
    if spent == 0:
        return coefficients, np.zeros(coefficients.shape[1])
    fitted = solved.covariance(coefficients, part.columns)
    noise = (spread - fitted) * spent / (part.draws - 1 - spent)
    turn = rescaling(fitted, fitted - noise)
    shape = coefficients.shape
    blocks = coefficients.reshape(shape[0], -1, part.columns)
    turned = np.einsum("pgk,gjk->pgj", blocks, turn).reshape(shape)
    return turned, solved.mean @ (coefficients - turned)


def rescaling(covariance: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return matrices A with ``A covariance A' = wanted``, block by block.

    Parameters
    ----------
    covariance, wanted : ndarray, shape (block, column, column)
        Directions in which `wanted` is negative are given no variance.

    Examples
    --------
    >>> rescaling(np.array([[[4.0]]]), np.array([[[1.0]]]))
    array([[[0.5]]])
    """
    if covariance.shape[1] == 1:
        ratio = np.divide(wanted, covariance, out=np.zeros_like(wanted), where=covariance > 0)
        return np.sqrt(np.maximum(ratio, 0))
    size, direction = np.linalg.eigh(covariance)
    held = size > 1e-12 * size[:, -1:]
    root = np.sqrt(np.where(held, size, 0))
    inverse = np.divide(1, root, out=np.zeros_like(root), where=held)
    out, back = direction * root[:, None, :], direction * inverse[:, None, :]
    share, turn = np.linalg.eigh(back.transpose(0, 2, 1) @ wanted @ back)
    kept = np.sqrt(np.maximum(share, 0))
    return out @ (turn * kept[:, None, :]) @ turn.transpose(0, 2, 1) @ back.transpose(0, 2, 1)


def _missed(part: Part, worth: _Worth, codes: list[np.ndarray]) -> np.ndarray:
    """Return how much more than allowed the residuals would add to each group; 0 passes."""
    missed = np.zeros(len(part.groups))
    residual = part.gain - worth.fitted
    for code in codes:
        score, added = left_in_cells(residual, code)
        suspected = part.blocks(score[None])[0].max(axis=1) > _CHANCE + np.log(len(codes))
        if not suspected.any():
            continue
        better = mean(np.maximum(_largest(part.blocks(worth.fitted + added[code])), 0))
        allowed = _MISSED[0] * worth.value + _MISSED[1] * mean(part.perfect)
        excess = np.where(suspected, np.abs(better - worth.value) - allowed, 0)
        missed = np.maximum(missed, excess)
    return missed


def _finished(part: Part, inputs: Inputs, worth: _Worth, missed: np.ndarray) -> Fit:
    blocks = part.blocks(worth.fitted)
    above = _largest(blocks) > 0
    choice = above if part.columns == 1 else above * (blocks.argmax(axis=2) + 1)
    perfect, gained = mean(part.perfect), part.gained(choice)
    notes: list[list[str]] = [[] for _ in part.groups]
    for i in np.flatnonzero(missed > 0):
        notes[i].append("residual check failed: the regression misses part of the dependence")
    over = worth.value - perfect
    if (over > 0).any():
        error = part.error(part.perfect - gained)
        for i in np.flatnonzero(over > 2 * error + 1e-8 * np.abs(worth.value)):
            notes[i].append(f"above EVPI by {over[i]:.3g}, {_times(over[i], error[i])}")
    return Fit(
        part=part,
        method=worth.solved.basis.method,
        value=worth.value,
        error=part.error(gained),
        floor=_floor(part, worth.solved),
        perfect=perfect,
        choice=choice.astype(np.int16),
        notes=notes,
        inputs=inputs,
        fitted=worth.fitted,
    )


def _times(amount: float, error: float) -> str:
    return f"{amount / error:.1f} standard errors" if error > 0 else "more than rounding"


def _floor(part: Part, solved: Solved) -> np.ndarray:
    """Return the largest value among permutations of the gains against the parameters.

    One random order of the gains is cut into as many blocks as there are permutations, and each
    permutation turns the blocks round by one more. The product of every block of gains with every
    block of terms then holds them all, and the terms are read once. What is fitted is averaged
    over up to 1000 of the draws.
    """
    matrix, several = solved.basis.matrix, PERMUTATIONS
    draws, terms = matrix.shape
    size = draws // several
    used = size * several  # the few left over stay in their place
    blocks = matrix[:used].reshape(several, size, terms)
    if matrix.flags.c_contiguous:
        rows = np.ascontiguousarray(matrix[:: max(1, draws // _FLOOR_ROWS)])
    else:  # some of every block: a row here and there would read all of the memory
        rows = np.concatenate([block[: -(-_FLOOR_ROWS // several)] for block in blocks])
    turn = np.arange(several)
    turned = turn, (turn + turn[:, None]) % several  # (permutation, block)
    room = 4e6 // (several * max(len(rows), several * terms) * part.columns)
    together = max(1, int(room))  # groups at a time, so that memory stays in bounds
    floor = np.zeros(len(part.groups))
    for first in range(0, len(floor), together):
        some = slice(first, first + together)
        gain = part.shuffled[:, first * part.columns : (first + together) * part.columns]
        width = gain.shape[1]
        pieces = gain[:used].reshape(several, size, width).transpose(0, 2, 1)
        products = np.matmul(pieces.reshape(1, several * width, size), blocks)
        products = products.reshape(several, several, width, terms)[turned]
        products = np.einsum("tbwk->twk", products)
        products += gain[used:].T @ matrix[used:]
        coefficients = solved.from_products(products.reshape(-1, terms).T)
        spread = np.tile(part.covariance[some], (several, 1, 1))
        coefficients, offset = _without_noise(part, solved, coefficients, spread)
        fitted = rows @ coefficients
        fitted += offset
        largest = _largest(part.blocks(fitted))
        value = mean(np.maximum(largest, 0, out=largest))
        floor[some] = value.reshape(several, -1).max(axis=0)
    return floor


def mean(values: np.ndarray) -> np.ndarray:
    """Return the mean of every column; faster than numpy's along the first of two axes."""
    return np.full(len(values), 1 / len(values)) @ values


def _largest(blocks: np.ndarray) -> np.ndarray:
    return blocks[..., 0] if blocks.shape[-1] == 1 else blocks.max(axis=-1)


def fit_rows(draws: Draws, fits: Sequence[Fit], name: str, **first: Any) -> list[dict]:
    """Return a row of a table for each group, from regressions on one set."""
    empty = {
        name: np.nan,
        "standard_error": np.nan,
        "floor": np.nan,
        "method": "",
        "share_of_evpi": np.nan,
        "n_draws": 0,
        "note": "fewer than two options have net benefit",
    }
    rows = [{**group, **first, **empty} for group in draws.groups]
    for fit in fits:
        for i, group in enumerate(fit.part.groups):
            perfect = float(fit.perfect[i])
            rows[group] |= {
                name: float(fit.value[i]),
                "standard_error": float(fit.error[i]),
                "floor": float(fit.floor[i]),
                "method": fit.method,
                "share_of_evpi": float(fit.value[i]) / perfect if perfect > 0 else np.nan,
                "n_draws": fit.part.draws,
                "note": "; ".join(fit.notes[i]),
            }
    return rows


def warn_of_notes(rows: Sequence[Mapping], name: str, keys: Sequence[str]) -> None:
    """Warn once of every row whose note is not empty and whose value is known."""
    doubtful = [row for row in rows if row["note"] and np.isfinite(row[name])]
    if not doubtful:
        return
    keys = [key for key in keys if key in doubtful[0]]
    said = [f"{', '.join(str(row[key]) for key in keys)}: {row['note']}" for row in doubtful[:5]]
    more = f"; and {len(doubtful) - 5} more" if len(doubtful) > 5 else ""
    warnings.warn(
        f"{name}: found {'; '.join(said)}{more}; take these rows with care, more draws may help",
        RiskModelWarning,
        stacklevel=3,
    )


def _note_nested(sets: list[tuple[str, tuple[str, ...]]], found: list[list[Fit]]) -> None:
    """Note where a set is found to be worth less than a part of it."""
    for (one, (_, few)), (other, (_, many)) in permutations(enumerate(sets), 2):
        if not set(few) < set(many):
            continue
        for small, large in zip(found[one], found[other], strict=False):
            if small.part is not large.part:  # other draws: not comparable one by one
                continue
            part = small.part
            less = small.value - large.value
            if not (less > 0).any():
                continue
            error = part.error(part.gained(small.choice) - part.gained(large.choice))
            for i in np.flatnonzero(less > 2 * error + 1e-8 * np.abs(small.value)):
                large.notes[i].append(
                    f"below EVPPI of its part {JOINED.join(few)} by {less[i]:.3g}, "
                    f"{_times(less[i], error[i])}"
                )


# --- what comes in ------------------------------------------------------------------------------


def refuse(field: str, found: object, allowed: str, remedy: str) -> NoReturn:
    """Raise the five-part message for an argument."""
    raise ParameterError([Problem(field=field, found=found, allowed=allowed, remedy=remedy)])


def read_net_benefit(net_benefit: Any) -> Draws:
    """Return net benefit as (draw, group, option), whatever it came in."""
    if isinstance(net_benefit, xr.Dataset):
        if "net_benefit" not in net_benefit:
            refuse(
                "net_benefit",
                Phrase(f"a Dataset of {', '.join(map(str, net_benefit.data_vars))}"),
                "a Dataset with the variable net_benefit",
                "give the DataArray of net benefit itself",
            )
        net_benefit = net_benefit["net_benefit"]
    if isinstance(net_benefit, xr.DataArray):
        draws = _from_xarray(net_benefit)
    elif isinstance(net_benefit, pd.DataFrame):
        values = _numbers("net_benefit", net_benefit)
        draws = Draws(values[:, None, :], [{}], tuple(map(str, net_benefit.columns)), None)
    else:
        draws = _from_array(_numbers("net_benefit", net_benefit))
    if np.isinf(draws.values).any():
        refuse("net_benefit", Phrase("an infinite value"), "finite numbers, or nan", "look at it")
    if draws.values.shape[2] < 2:
        refuse(
            "net_benefit",
            Phrase(f"one option ({draws.options[0]})"),
            "two options or more",
            "add the comparator; or give a single column of the difference from it",
        )
    return draws


def _numbers(field: str, values: Any) -> np.ndarray:
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        refuse(field, type(values).__name__, "an array of numbers", "give one rectangular array")


def _from_array(values: np.ndarray) -> Draws:
    if values.ndim == 1:
        values = np.column_stack([np.zeros(len(values)), values])
        return Draws(values[:, None, :], [{}], ("comparator", "option"), None)
    if values.ndim not in (2, 3):
        refuse(
            "net_benefit",
            Phrase(f"shape {values.shape}"),
            "(draw,), (draw, option) or (weight, draw, option)",
            "name the dimensions of anything larger: give an xarray.DataArray",
        )
    options = tuple(f"option_{i + 1}" for i in range(values.shape[-1]))
    if values.ndim == 2:
        return Draws(values[:, None, :], [{}], options, None)
    groups = [{"weight": i} for i in range(len(values))]
    return Draws(values.transpose(1, 0, 2), groups, options, None)


def _from_xarray(array: xr.DataArray) -> Draws:
    samples = [dim for dim in SAMPLE_DIMS if dim in array.dims]
    others = [dim for dim in array.dims if dim not in (*SAMPLE_DIMS, "option")]
    if not samples:
        refuse(
            "net_benefit",
            Phrase(f"dimensions {', '.join(map(str, array.dims))}"),
            "one or more of chain, draw and sample",
            "rename the dimension that the draws lie along",
        )
    if "option" not in array.dims:
        array = xr.concat([xr.zeros_like(array), array], dim="option")
        array = array.assign_coords(option=["comparator", "option"])
    array = array.transpose(*samples, *others, "option")
    sizes = [array.sizes[dim] for dim in others]
    values = np.asarray(array.values, dtype=float)
    values = values.reshape(-1, int(np.prod(sizes)), array.sizes["option"])
    labels = product(*(array[dim].values.tolist() for dim in others))
    groups = [dict(zip(map(str, others), label, strict=True)) for label in labels]
    chains = array.sizes["chain"] if samples == ["chain", "draw"] else None
    return Draws(values, groups, tuple(map(str, array["option"].values)), chains)


def parts(draws: Draws, finite: np.ndarray | None = None) -> list[Part]:
    """Return the groups by the options and draws that they share.

    Groups with fewer than two options, or fewer than 100 draws, are in none.
    """
    values = draws.values
    if finite is None:
        finite = np.ones(len(values), dtype=bool)
    known = np.isfinite(values)
    if known.all() and finite.all() and len(values) >= MIN_DRAWS:  # the usual case, without masks
        every = list(range(values.shape[2]))
        return [_part(draws, finite, np.arange(values.shape[1]), every)]
    applies = known.any(axis=0)
    together: dict[tuple, list[int]] = {}
    rows: dict[tuple, np.ndarray] = {}
    for group in range(values.shape[1]):
        options = np.flatnonzero(applies[group])
        mask = finite & known[:, group, options].all(axis=1)
        if len(options) < 2 or mask.sum() < MIN_DRAWS:
            continue
        key = (tuple(options), mask.tobytes())
        together.setdefault(key, []).append(group)
        rows[key] = mask
    if not together:
        refuse(
            "net_benefit",
            Phrase(f"no two options with net benefit in the same {MIN_DRAWS} draws"),
            f"two options, {MIN_DRAWS} draws or more",
            "a net benefit that is not estimable has no value of information",
        )
    return [
        _part(draws, rows[key], np.array(groups), list(key[0])) for key, groups in together.items()
    ]


def _part(draws: Draws, rows: np.ndarray, groups: np.ndarray, options: list[int]) -> Part:
    kept = draws.values
    if not rows.all() or (len(groups), len(options)) != kept.shape[1:]:
        kept = kept[np.ix_(rows, groups, options)]
    flat = kept.reshape(len(kept), -1)
    best = mean(flat).reshape(len(groups), -1).argmax(axis=1)
    names = np.array(draws.options, dtype=object)[options][best]
    if len(options) == 2:
        gain = (flat[:, 1::2] - flat[:, ::2]) * (1.0 - 2.0 * best)
        return Part(rows, groups, names, gain, 1, draws.chains)
    every = np.arange(len(options))
    others = np.array([every[every != b] for b in best])
    first = len(options) * np.arange(len(groups))
    gain = np.take(flat, (others + first[:, None]).ravel(), axis=1)
    gain -= np.take(flat, np.repeat(best + first, len(options) - 1), axis=1)
    return Part(rows, groups, names, gain, len(options) - 1, draws.chains)


def read_parameters(parameters: Any, draws: Draws) -> dict[str, np.ndarray]:
    """Return draws by parameter, each (draw, column), in step with those of net benefit."""
    if isinstance(parameters, xr.DataArray):
        name = str(parameters.name or "parameter")
        read = {name: _stacked(parameters)}
    elif isinstance(parameters, xr.Dataset):
        read = {str(name): _stacked(array) for name, array in parameters.data_vars.items()}
    elif isinstance(parameters, pd.DataFrame):
        read = {str(name): parameters[name].to_numpy() for name in parameters.columns}
    elif isinstance(parameters, Mapping):
        read = {
            str(name): _stacked(value) if isinstance(value, xr.DataArray) else value
            for name, value in parameters.items()
        }
    else:
        columns = np.atleast_2d(_numbers("parameters", parameters).T)
        read = {f"x{i + 1}": column for i, column in enumerate(columns)}
    size = len(draws.values)
    shaped = {}
    for name, value in read.items():
        value = _numbers(f"parameters.{name}", value)
        if value.ndim == 0 or len(value) != size:
            refuse(
                f"parameters.{name}",
                Phrase(f"shape {value.shape}"),
                f"{size} draws, as of net benefit",
                "give the draws that net benefit was computed from, in the same order",
            )
        shaped[name] = value.reshape(size, -1)
    if not shaped:
        refuse("parameters", Phrase("none"), "one parameter or more", "give draws by name")
    return shaped


def _stacked(array: xr.DataArray) -> np.ndarray:
    samples = [dim for dim in SAMPLE_DIMS if dim in array.dims]
    values = array.transpose(*samples, ...).values
    return values.reshape(-1, *values.shape[len(samples) :])


def _sets(
    values: Mapping[str, np.ndarray],
    of: str | Sequence | None,
    sources: Mapping[str, str | Sequence[str]] | None,
) -> list[tuple[str, tuple[str, ...]]]:
    """Return (document, parameters) of every set asked for."""
    known: dict[str, list[str]] = {}
    if sources is None:
        known = {name: [name] for name in values}
    else:
        for name in sources:
            _require_known("sources", name, values)
        for name in values:
            named = sources.get(name, NO_DOCUMENT)
            for document in [named] if isinstance(named, str) else named:
                known.setdefault(str(document), []).append(name)
    if of is None:
        asked = [(name,) for name in known]
    elif isinstance(of, str):
        asked = [(of,)]
    elif all(isinstance(name, str) for name in of):
        asked = [tuple(of)]
    else:
        asked = [(item,) if isinstance(item, str) else tuple(item) for item in of]
    if not asked or not all(asked):
        refuse("of", Phrase("an empty set"), "one name or more", "leave `of` out for every one")
    sets = []
    for names in asked:
        members: list[str] = []
        for name in names:
            _require_known("of", name, known)
            members += known[name]
        label = JOINED.join(names) if sources is not None else ""
        sets.append((label, tuple(dict.fromkeys(members))))
    return sets


def _require_known(field: str, name: object, known: Iterable[str]) -> None:
    if name not in known:
        refuse(field, name, ", ".join(map(str, known)), did_you_mean(name, map(str, known)))
