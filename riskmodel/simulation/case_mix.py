"""A declared case mix as weighted nodes: exact in every band, few enough to keep all draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from riskmodel.parameters.schema import CaseMix, Covariate

NODES_PER_BAND = 16


@dataclass(frozen=True)
class Cases:
    """Nodes of a case mix.

    Parameters
    ----------
    values : ndarray, shape (case,)
        Of the covariate, increasing.
    weights : ndarray, shape (case,)
        Sum to 1.
    bands : tuple of str
        The band each node belongs to; ``all`` without bands.
    """

    values: np.ndarray
    weights: np.ndarray
    bands: tuple[str, ...]


def build_cases(mix: CaseMix, covariate: Covariate) -> Cases:
    """Return Gauss-Legendre nodes in probability within each band of the covariate.

    The weights of a band's nodes sum to its share of the case mix exactly, and a smooth risk is
    averaged over it to many digits.

    Examples
    --------
    >>> mix = CaseMix(covariate="age", transform="linear", median=60, sd=10, within=[30, 90],
    ...               because="an example")
    >>> cases = build_cases(mix, Covariate(label="Age", unit="year"))
    >>> round(float(cases.weights @ cases.values), 6)
    60.0
    """
    forward = np.log if mix.transform == "log" else np.asarray
    backward = np.exp if mix.transform == "log" else np.asarray

    def share(value: float) -> float:
        return float(ndtr((forward(value) - forward(mix.median)) / mix.sd))

    low, high = mix.within
    edges = [low, *_inner_edges(covariate, low, high), high]
    nodes, weights = np.polynomial.legendre.leggauss(NODES_PER_BAND)
    total = share(high) - share(low)
    values, masses = [], []
    for below, above in zip(edges[:-1], edges[1:], strict=True):
        a, b = share(below), share(above)
        at = a + (b - a) * (nodes + 1) / 2
        values.append(backward(forward(mix.median) + mix.sd * ndtri(at)))
        masses.append((b - a) / total * weights / 2)
    values = np.concatenate(values)
    return Cases(
        values, np.concatenate(masses), tuple(band_of(covariate, v) or "all" for v in values)
    )


def _inner_edges(covariate: Covariate, low: float, high: float) -> list[float]:
    edges = [band.up_to for band in covariate.bands if band.up_to is not None]
    return [edge for edge in edges if low < edge < high]


def band_of(covariate: Covariate, value: float) -> str:
    """Return the id of the half-open band (above one edge, up to the other) of a value.

    Examples
    --------
    >>> bands = [{"id": "low", "label": "Low", "up_to": 200.0},
    ...          {"id": "high", "label": "High", "above": 200.0}]
    >>> covariate = Covariate(label="Creatinine", unit="umol/L", bands=bands)
    >>> band_of(covariate, 200), band_of(covariate, 200.1)
    ('low', 'high')
    """
    for band in covariate.bands:
        lower = -np.inf if band.above is None else band.above
        upper = np.inf if band.up_to is None else band.up_to
        if lower < value <= upper:
            return band.id
    return ""
