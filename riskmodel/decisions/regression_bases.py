"""What a conditional mean is regressed on: splines, chaos, groups, and a Gaussian process.

One basis serves every option and every weight: its Gram matrix is solved once for all columns.
Of several parameters every basis here holds their interactions. A sum of smooths, one a parameter,
is not among them: where parameters multiply, it loses a third or more of what they are worth.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.special import ndtri

MAX_LEVELS = 12  # a parameter of no more values is taken as discrete
MAX_GROUPS = 200
MAX_CHAOS = 5  # parameters; beyond it, a Gaussian process
TENSOR_FUNCTIONS = 6  # of each of two parameters
DRAWS_PER_TERM = 10
_PROBE = 500  # draws that are looked at to tell a discrete parameter
_RIDGE = 1e-10  # of the Gram matrix's mean diagonal: lets collinear terms share


@dataclass(frozen=True)
class Inputs:
    """Parameters made ready: without constants and copies, centred and scaled.

    Parameters
    ----------
    values : ndarray, shape (draw, parameter)
        Mean 0 and standard deviation 1; normal scores where the tails are heavy.
    levels : tuple of (ndarray or None)
        The values of a discrete parameter; None for a continuous one.
    """

    values: np.ndarray
    levels: tuple[np.ndarray | None, ...]

    @property
    def size(self) -> int:
        return self.values.shape[1]


@dataclass(frozen=True)
class Basis:
    """Terms at every draw, and what their regression is called.

    Parameters
    ----------
    matrix : ndarray, shape (draw, term)
        The constant is in its span: its terms add up to 1, or its first is 1, in every draw.
    method : str
    penalty : ndarray, shape (term,), optional
        Prior precision of each coefficient, noise variance 1; None is none.
    adds_up : bool
        Whether it is the sum of the terms that is 1.
    """

    matrix: np.ndarray
    method: str
    penalty: np.ndarray | None = None
    adds_up: bool = False

    @property
    def constant(self) -> np.ndarray:
        """The coefficients of 1."""
        terms = self.matrix.shape[1]
        return np.ones(terms) if self.adds_up else np.eye(1, terms)[0]

    @property
    def terms_spent(self) -> int:
        """Degrees of freedom that fit noise; a Gaussian process has shrunk its own."""
        return self.matrix.shape[1] - 1 if self.penalty is None else 0


@dataclass(frozen=True)
class Solved:
    """A basis with its Gram matrix factored."""

    basis: Basis
    gram: np.ndarray = field(repr=False)
    factor: tuple = field(repr=False)
    mean: np.ndarray = field(repr=False)

    def coefficients(self, values: np.ndarray) -> np.ndarray:
        """Return the coefficients of every column of values, shape (term, column)."""
        return self.from_products(self.basis.matrix.T @ values)

    def from_products(self, products: np.ndarray) -> np.ndarray:
        """Return coefficients from the sums of every term times every column."""
        return cho_solve(self.factor, products, check_finite=False)

    def covariance(self, coefficients: np.ndarray, columns: int) -> np.ndarray:
        """Return covariances of what is fitted, (block, column, column), blocks of `columns`."""
        centred = self.gram / len(self.basis.matrix) - np.outer(self.mean, self.mean)
        product = centred @ coefficients
        terms = len(coefficients)
        left = coefficients.reshape(terms, -1, columns).transpose(1, 2, 0)
        return left @ product.reshape(terms, -1, columns).transpose(1, 0, 2)


def solve(basis: Basis) -> Solved:
    """Return a basis with its Gram matrix factored, once for every column to come."""
    matrix = basis.matrix
    gram = matrix.T @ matrix
    loaded = gram.copy()
    diagonal = np.einsum("ii->i", loaded)
    diagonal += _RIDGE * diagonal.mean()
    if basis.penalty is not None:
        diagonal += basis.penalty
    mean = gram @ basis.constant / len(matrix)
    return Solved(basis, gram, cho_factor(loaded, check_finite=False), mean)


# --- parameters made ready ----------------------------------------------------------------------


def ready(columns: np.ndarray) -> Inputs:
    """Return parameters without constants and copies, on a scale that regression likes.

    Parameters
    ----------
    columns : ndarray, shape (draw, parameter)

    Notes
    -----
    A net benefit is often a product of parameters as they are, which a polynomial holds exactly, so
    parameters are only centred and scaled; where tails are heavy (absolute skewness above 1 or
    kurtosis above 6) normal scores stand in, since a few draws would else carry the fit.

    Examples
    --------
    >>> x = np.linspace(0, 1, 101)
    >>> ready(np.column_stack([x, 1 - x, np.ones(101)])).size
    1
    """
    kept, levels = [], []
    for column in np.ascontiguousarray(columns.T):
        low, high = column.min(), column.max()
        if high - low <= 1e-12 * max(abs(low), abs(high)):
            continue
        found = _levels(column)
        scaled = _scaled(column, heavy=found is None)
        if found is not None:
            found = np.unique(scaled)
        if any(abs(scaled @ other) / len(scaled) > 1 - 1e-9 for other in kept):
            continue
        kept.append(scaled)
        levels.append(found)
    values = np.array(kept).reshape(-1, len(columns)).T  # each parameter side by side in memory
    return Inputs(values, tuple(levels))


def _levels(column: np.ndarray) -> np.ndarray | None:
    step = max(1, len(column) // _PROBE)
    if len(np.unique(column[::step])) > MAX_LEVELS:
        return None
    found = np.unique(column)
    return found if len(found) <= MAX_LEVELS else None


def _scaled(column: np.ndarray, *, heavy: bool) -> np.ndarray:
    z = column - column.mean()
    z /= np.sqrt(z @ z / len(z))
    if heavy:
        square = z * z
        if abs(square @ z) > len(z) or square @ square > 6 * len(z):
            ordered = np.sort(column)
            rank = np.searchsorted(ordered, column) + np.searchsorted(ordered, column, "right")
            z = ndtri(rank / (2 * len(z)) * (1 - 1 / len(z)) + 0.5 / len(z))
            z -= z.mean()
            z /= np.sqrt(z @ z / len(z))
    return z


# --- which basis --------------------------------------------------------------------------------


def choose(inputs: Inputs) -> Basis | None:
    """Return the basis for these parameters; None asks for a Gaussian process.

    Groups for discrete parameters alone, a cubic B-spline for one, a tensor product of splines
    for two, Hermite chaos of total degree 3 for three to five.
    """
    draws, size = inputs.values.shape
    if size == 0:
        return Basis(np.ones((draws, 1)), "constant")
    for build in (_groups, _spline, _tensor, _chaos):
        basis = build(inputs)
        if basis is not None:
            return basis
    return None


def _groups(inputs: Inputs) -> Basis | None:
    if any(found is None for found in inputs.levels):
        return None
    code = np.zeros(len(inputs.values), dtype=np.intp)
    for column, found in zip(inputs.values.T, inputs.levels, strict=True):
        code = code * len(found) + np.searchsorted(found, column)
    groups, code = np.unique(code, return_inverse=True)
    if len(groups) > min(MAX_GROUPS, len(code) // DRAWS_PER_TERM):
        return None
    return Basis(np.eye(len(groups))[code], f"group means ({len(groups)} groups)", adds_up=True)


def _spline(inputs: Inputs) -> Basis | None:
    draws = len(inputs.values)
    if inputs.size != 1 or draws < 5 * DRAWS_PER_TERM:
        return None
    interior = int(np.clip(draws**0.25 - 4, 1, 12))
    matrix = spline_functions(inputs.values[:, 0], interior)
    return Basis(matrix, f"cubic B-spline ({matrix.shape[1]} terms)", adds_up=True)


def _tensor(inputs: Inputs) -> Basis | None:
    if inputs.size != 2:
        return None
    interior = TENSOR_FUNCTIONS - 4
    one, other = (
        spline_functions(column, interior)
        if found is None
        else (column[:, None] == found).astype(float)
        for column, found in zip(inputs.values.T, inputs.levels, strict=True)
    )
    terms = one.shape[1] * other.shape[1]
    if terms * DRAWS_PER_TERM > len(one):
        return None
    matrix = (one[:, :, None] * other[:, None, :]).reshape(len(one), terms)
    return Basis(matrix, f"tensor-product spline ({terms} terms)", adds_up=True)


def _chaos(inputs: Inputs) -> Basis | None:
    if inputs.size > MAX_CHAOS:
        return None
    matrix = hermite_chaos(inputs, degree=3)
    terms = matrix.shape[1]
    if terms * DRAWS_PER_TERM > len(matrix):
        return None
    return Basis(matrix, f"Hermite chaos of degree 3 ({terms} terms)")


def spline_functions(x: np.ndarray, interior: int) -> np.ndarray:
    """Return cubic B-splines at x, with knots at equal shares of the draws.

    Parameters
    ----------
    x : ndarray, shape (draw,)
    interior : int
        Knots between the smallest and the largest value; equal ones count once.

    Returns
    -------
    ndarray, shape (draw, function)
        At most ``interior + 4`` functions; each row sums to 1.

    Examples
    --------
    >>> spline_functions(np.linspace(0, 1, 50), 2).sum(axis=1).round(12).tolist() == [1.0] * 50
    True
    """
    low, high = x.min(), x.max()
    knots = np.unique(_cuts(x, interior + 1))
    knots = knots[(knots > low) & (knots < high)]
    t = np.concatenate([[low] * 4, knots, [high] * 4])
    place = np.searchsorted(knots, x, side="right") + 3  # t[place] <= x < t[place + 1]
    local = np.zeros((4, len(x)))  # the four that are not zero at x, by de Boor's recursion
    local[0] = 1.0
    for degree in range(1, 4):
        before = np.zeros(len(x))
        for j in range(degree):
            right, left = t[place + j + 1], t[place + j + 1 - degree]
            share = local[j] / (right - left)
            local[j] = before + (right - x) * share
            before = (x - left) * share
        local[degree] = before
    matrix = np.zeros((len(x), len(t) - 4))
    flat, start = matrix.ravel(), np.arange(len(x)) * matrix.shape[1] + place - 3
    for j in range(4):
        flat[start + j] = local[j]
    return matrix


def hermite_chaos(inputs: Inputs, *, degree: int) -> np.ndarray:
    """Return products of normalised Hermite polynomials up to a total degree.

    Returns
    -------
    ndarray, shape (draw, term)
        ``(d + degree)! / (d! degree!)`` terms for d continuous parameters, the constant first; a
        discrete one of k values goes up to degree k - 1.

    Examples
    --------
    >>> values = np.random.default_rng(1).normal(size=(100, 3))
    >>> hermite_chaos(Inputs(values, (None, None, None)), degree=3).shape
    (100, 20)
    """
    draws, size = inputs.values.shape
    powers = np.empty((size, degree + 1, draws))
    for one, z in zip(powers, inputs.values.T, strict=True):
        one[0] = 1.0
        one[1] = z
        for k in range(1, degree):  # He_(k+1) = z He_k - k He_(k-1), over the root of (k+1)!
            one[k + 1] = (z * one[k] - math.sqrt(k) * one[k - 1]) / math.sqrt(k + 1)
    terms = chaos_terms(inputs, degree)
    matrix = np.empty((len(terms), draws))
    for row, term in zip(matrix, terms, strict=True):
        factors = [powers[i, k] for i, k in enumerate(term) if k]
        if len(factors) < 2:
            row[:] = factors[0] if factors else 1.0
            continue
        np.multiply(factors[0], factors[1], out=row)
        for factor in factors[2:]:
            row *= factor
    return matrix.T


def chaos_terms(inputs: Inputs, degree: int) -> list[tuple[int, ...]]:
    """Return the degree of every parameter in each term of :func:`hermite_chaos`."""
    top = [degree if found is None else min(degree, len(found) - 1) for found in inputs.levels]
    terms = [(0,) * inputs.size]
    for total in range(1, degree + 1):
        for chosen in itertools.combinations_with_replacement(range(inputs.size), total):
            term = tuple(chosen.count(i) for i in range(inputs.size))
            if all(k <= limit for k, limit in zip(term, top, strict=True)):
                terms.append(term)
    return terms


# --- Gaussian process ---------------------------------------------------------------------------

_SUBSAMPLE = 2000
_COMPONENTS = 3


def gaussian_process(inputs: Inputs, values: np.ndarray) -> Basis:
    """Return the terms of a Gaussian process through inducing points, tuned to the values.

    Parameters
    ----------
    inputs : Inputs
    values : ndarray, shape (draw, column)

    Notes
    -----
    Covariance ``a z.z' + b (z.z')^2 + c exp(-|z - z'|^2 / 2)`` with each parameter divided by a
    length of its own: lines, products and whatever is smooth. Lengths follow how much of the
    values each parameter explains in a quadratic fit and in bins; their common scale and the
    three variances, against the noise, maximise the marginal likelihood of the leading
    components of the values at 2000 draws (deterministic training conditional).

    References
    ----------
    Quinonero-Candela and Rasmussen (2005), Journal of Machine Learning Research 6:1939.
    """
    rng = np.random.default_rng(0)  # a fixed choice of inducing points, not a random result
    draws, size = inputs.values.shape
    z = inputs.values / _lengths(inputs, values)
    points = min(draws // 5, 96 if size <= 2 else 200)
    order = rng.permutation(draws)
    if size == 1:
        centres = np.quantile(z, np.linspace(0, 1, points), axis=0)
    else:
        centres = z[order[:points]]
    some = order[-min(draws, _SUBSAMPLE) :]
    setting = _tuned(z[some], centres[:: max(1, points // 80)], _leading(values[some]))
    features = _features(z, centres, setting)
    matrix = np.column_stack([np.ones(draws), features])
    penalty = np.ones(matrix.shape[1])
    penalty[0] = 0.0
    return Basis(matrix, f"Gaussian process ({points} inducing points)", penalty)


def _lengths(inputs: Inputs, values: np.ndarray) -> np.ndarray:
    """Return a length for each parameter: 1 for the one that explains most, up to 8."""
    leading = _leading(values)
    degree = 2 if (inputs.size + 1) * (inputs.size + 2) * DRAWS_PER_TERM < 2 * len(values) else 1
    chaos = Basis(hermite_chaos(inputs, degree=degree), "")
    found = solve(chaos).coefficients(leading)
    weight = (found**2).sum(axis=1)
    involved = np.array(chaos_terms(inputs, degree)) > 0
    relevance = weight @ involved
    left = leading - chaos.matrix @ found
    for i, column in enumerate(inputs.values.T):
        bins = np.array_split(np.argsort(column, kind="stable"), 20)
        means = np.array([left[part].mean(axis=0) for part in bins])
        relevance[i] += max(0.0, (means**2).mean(axis=0).sum() - 20 / len(left) * left.var())
    return np.clip(np.sqrt(relevance.max() / np.maximum(relevance, 1e-300)), 1, 8)


def _leading(values: np.ndarray) -> np.ndarray:
    """Return the leading components of the values, each of variance 1."""
    centred = values - values.mean(axis=0)
    size, direction = np.linalg.eigh(centred.T @ centred / len(values))
    kept = size[-_COMPONENTS:] > 1e-12 * max(size[-1], 1e-300)
    return centred @ direction[:, -_COMPONENTS:][:, kept] / np.sqrt(size[-_COMPONENTS:][kept])


def _kernel(one: np.ndarray, other: np.ndarray, setting: np.ndarray) -> np.ndarray:
    scale, line, product, smooth = np.exp(setting)
    one, other = one * scale, other * scale
    inner = one @ other.T
    square = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * inner
    return line * inner + product * inner**2 + smooth * np.exp(-0.5 * np.maximum(square, 0))


def _features(z: np.ndarray, centres: np.ndarray, setting: np.ndarray) -> np.ndarray:
    own = _kernel(centres, centres, setting)
    np.einsum("ii->i", own)[:] += 1e-8 * np.trace(own) / len(own)
    root = np.linalg.cholesky(own)
    return solve_triangular(root, _kernel(z, centres, setting).T, lower=True).T


def _tuned(z: np.ndarray, centres: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the logarithms of scale and variances that maximise the marginal likelihood."""
    from scipy.optimize import minimize

    total = (values**2).sum(axis=0)

    def cost(setting: np.ndarray) -> float:
        features = _features(z, centres, np.clip(setting, -9, 9))
        inner = features.T @ features
        np.einsum("ii->i", inner)[:] += 1
        root = np.linalg.cholesky(inner)
        fitted = solve_triangular(root, features.T @ values, lower=True)
        left = np.log(np.maximum(total - (fitted**2).sum(axis=0), 1e-12 * total))
        determinant = 2 * np.log(np.diag(root)).sum()
        return 0.5 * float(len(z) * left.sum() + values.shape[1] * determinant)

    starts = [np.array([-0.5, -2.0, -4.0, -2.0]), np.array([1.5, -3.0, -6.0, -1.0])]
    best = min(starts, key=cost)
    found = minimize(cost, best, method="Nelder-Mead", options={"maxfev": 120, "fatol": 0.1})
    return np.clip(found.x, -9, 9)


# --- is anything left in the residuals? ---------------------------------------------------------


def cells(inputs: Inputs) -> list[np.ndarray]:
    """Return ways to divide the draws into cells of like parameters.

    One division by all parameters together for up to five, one by each pair beyond.
    """
    draws, size = inputs.values.shape
    several = {1: 64, 2: 8, 3: 4, 4: 3, 5: 2}.get(size, 4)
    while several > 2 and several ** min(size, 2 if size > 5 else size) > draws / 20:
        several -= 1
    codes = [_coarse(column, several) for column in inputs.values.T]
    if size > MAX_CHAOS:
        return [
            one.astype(np.intp) * several + other for one, other in itertools.combinations(codes, 2)
        ]
    code = np.zeros(draws, dtype=np.intp)
    for one in codes:
        code *= several
        code += one
    return [code]


def _cuts(column: np.ndarray, several: int, of: int = 2000) -> np.ndarray:
    """Return values that cut the draws into about equal shares, from about `of` of them."""
    ordered = np.sort(column[:: max(1, len(column) // of)])
    return ordered[np.arange(1, several) * len(ordered) // several]


def _coarse(column: np.ndarray, several: int) -> np.ndarray:
    """Return which of about equal shares each draw is in, the more by a grid of 1024 steps."""
    if several <= 8:
        code = np.zeros(len(column), dtype=np.int8)
        for cut in _cuts(column, several, of=1000):
            code += (column > cut).view(np.int8)
        return code
    low, high = column.min(), column.max()
    step = (high - low) / 1023
    grid = np.searchsorted(_cuts(column, several), low + step * (np.arange(1024) + 0.5))
    return grid[((column - low) / step).astype(np.intp)]


def left_in_cells(residual: np.ndarray, code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far the means of residuals differ between cells, and what that would add.

    Parameters
    ----------
    residual : ndarray, shape (draw, column)
    code : ndarray of int, shape (draw,)

    Returns
    -------
    score : ndarray, shape (column,)
        Standard deviations that the variance between cells lies above chance.
    added : ndarray, shape (cell, column)
        Mean residual of each cell, shrunk by the share of it that is chance.
    """
    count = np.bincount(code).astype(float)
    total = np.column_stack([np.bincount(code, column) for column in residual.T])
    held = count > 0
    freedom = max(held.sum() - 1, 1)
    means = np.divide(total, count[:, None], out=np.zeros_like(total), where=held[:, None])
    between = (means**2 * count[:, None]).sum(axis=0)
    within = np.einsum("ij,ij->j", residual, residual) / len(residual)
    chance = np.where(within > 0, within, 1.0) * freedom
    score = (between / chance - 1) * np.sqrt(freedom / 2) * (within > 0)
    kept = np.clip(1 - chance / np.maximum(between, 1e-300), 0, 1)
    return score, means * kept
