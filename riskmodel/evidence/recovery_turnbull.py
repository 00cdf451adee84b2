"""Turnbull's estimate of recovery over time, which assumes no family."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from riskmodel.evidence.recovery_data import Patients

if TYPE_CHECKING:
    import pandas as pd

_STEPS = 20_000
_SETTLED = 1e-9


def turnbull(patients: Patients) -> pd.DataFrame:
    """Return the non-parametric maximum likelihood estimate of recovery under interval censoring.

    Parameters
    ----------
    patients : Patients
        From :func:`riskmodel.evidence.recovery_data.read_patients`.

    Returns
    -------
    pandas.DataFrame
        One row for each stretch of time that holds mass: ``lower``, ``upper`` (equal for an exact
        time), ``mass``, and ``recovered`` at its upper end. Inside a stretch the data say nothing
        of when. What is left over to 1 has not been seen to recover.

    Notes
    -----
    Self-consistency by the EM algorithm; delayed entry by its ghosts, the patients who would have
    come but had recovered before.

    References
    ----------
    Turnbull (1976), Journal of the Royal Statistical Society B 38:290,
    doi:10.1111/j.2517-6161.1976.tb01597.x.

    Examples
    --------
    >>> from riskmodel.evidence.recovery_data import read_patients
    >>> found = turnbull(read_patients([1, 2, 3, 3], [1, 2, 3, float("inf")]))
    >>> found["recovered"].round(9).tolist()
    [0.25, 0.5, 0.75]
    """
    import pandas as pd

    lower, upper = _innermost(patients)
    inside = _holds(patients.lower, patients.upper, lower, upper)
    weights = patients.weights
    kept = inside.any(axis=1) & (weights > 0)
    inside, weights, entry = inside[kept].astype(float), weights[kept], patients.entry[kept]
    exact = (lower == upper)[None, :]
    seen = np.where(exact, lower > entry[:, None], lower >= entry[:, None]).astype(float)
    mass = np.full(len(lower), 1 / max(1, len(lower)))
    for _ in range(_STEPS):
        part = inside * mass
        part = part / part.sum(axis=1, keepdims=True)
        late = (seen @ mass)[:, None]
        ghosts = (1 - seen) * mass / late
        new = weights @ (part + ghosts)
        new = new / new.sum()
        change = np.abs(new - mass).max() if len(mass) else 0.0
        mass = new
        if change < _SETTLED:
            break
    order = np.argsort(lower, kind="stable")
    table = pd.DataFrame({"lower": lower[order], "upper": upper[order], "mass": mass[order]})
    table = table[np.isfinite(table["upper"])].reset_index(drop=True)
    table["recovered"] = table["mass"].cumsum()
    return table


def _innermost(patients: Patients) -> tuple[np.ndarray, np.ndarray]:
    """Return Turnbull's stretches: a left end with a right end next after it."""
    ends = []
    for low, high in zip(patients.lower, patients.upper, strict=True):
        exact = low == high
        # An interval is open at its left: its left end comes just after exact times there.
        ends.append((low, 0 if exact else 2, "left"))
        ends.append((high, 1, "right"))
    ends = sorted(set(ends))
    pairs = [
        (first[0], second[0])
        for first, second in zip(ends[:-1], ends[1:], strict=True)
        if first[2] == "left" and second[2] == "right"
    ]
    table = np.array(pairs, dtype=float).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _holds(low, high, lower, upper) -> np.ndarray:
    """Say which patients may have recovered in which stretch."""
    exact = lower == upper
    after = np.where(exact[None, :], lower > low[:, None], lower >= low[:, None])
    at = exact[None, :] & (lower == low[:, None]) & (low == high)[:, None]
    return (after & (upper <= high[:, None])) | at
