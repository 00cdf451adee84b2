"""No number leaves before it has converged: R-hat and effective sample size of every quantity."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import xarray as xr

from riskmodel.errors import ConvergenceError
from riskmodel.models.convergence import (
    effective_sample_size,
    monte_carlo_standard_error,
    r_hat,
)

MAX_R_HAT = 1.01
MIN_EFFECTIVE_SAMPLE_SIZE = 400
REMEDY = (
    f"allowed: R-hat below {MAX_R_HAT}, bulk and tail effective sample size above "
    f"{MIN_EFFECTIVE_SAMPLE_SIZE}, no divergence; use more draws, or look for a prior that the "
    "evidence hardly bounds"
)


def diagnose(dataset: xr.Dataset) -> list[dict]:
    """Return the diagnostics of every varying quantity of a dataset of draws.

    Parameters
    ----------
    dataset : xarray.Dataset
        Variables with the dimensions ``chain`` and ``draw`` and any others.

    Returns
    -------
    list of dict
        ``quantity``, ``mean``, ``sd``, ``monte_carlo_standard_error`` (of the mean), ``r_hat``,
        ``ess_bulk``, ``ess_tail``. Constants carry no Monte Carlo error and are left out, as is
        what is undefined in every draw. Where some draws were set aside, the mean of the others
        stands in for them.
    """
    rows = []
    for name, variable in dataset.data_vars.items():
        others = [dim for dim in variable.dims if dim not in ("chain", "draw")]
        values = variable.transpose("chain", "draw", *others).values
        values = values.reshape(*values.shape[:2], -1)
        labels = itertools.product(*(variable[dim].values for dim in others))
        names = np.array([_label(str(name), label) for label in labels], dtype=object)
        defined = np.isfinite(values).any(axis=(0, 1))
        names, values = names[defined], values[..., defined]
        values = np.where(np.isfinite(values), values, np.nanmean(values, axis=(0, 1)))
        rounding = 4 * np.finfo(float).eps * np.abs(values).max(axis=(0, 1), initial=0)
        varying = np.ptp(values, axis=(0, 1)) > rounding
        if not varying.any():
            continue
        kept = values[..., varying]
        columns = zip(
            names[varying],
            kept.mean(axis=(0, 1)),
            kept.std(axis=(0, 1), ddof=1),
            monte_carlo_standard_error(kept),
            r_hat(kept),
            effective_sample_size(kept, "bulk"),
            effective_sample_size(kept, "tail"),
            strict=True,
        )
        for quantity, *numbers in columns:
            keys = ("mean", "sd", "monte_carlo_standard_error", "r_hat", "ess_bulk", "ess_tail")
            rows.append({"quantity": quantity, **dict(zip(keys, map(float, numbers), strict=True))})
    return rows


def _label(name: str, key: tuple) -> str:
    return f"{name}[{', '.join(map(str, key))}]" if key else name


# Where what has not converged is written down instead of refused; None is nowhere.
_WRITTEN_DOWN: ContextVar[list[str] | None] = ContextVar("written_down", default=None)


@contextmanager
def allowed_unconverged() -> Iterator[list[str]]:
    """Refuse nothing inside the block; the list it gives says what had not converged.

    Whoever uses it has to carry that list into the record, and a mark into every figure.

    Examples
    --------
    >>> row = {"quantity": "x", "r_hat": 2.0, "ess_bulk": 9.0, "ess_tail": 9.0}
    >>> with allowed_unconverged() as found:
    ...     refused = require_convergence([row])
    >>> found
    ['x (R-hat 2.000, effective sample size 9 bulk, 9 tail)']
    """
    found: list[str] = []
    token = _WRITTEN_DOWN.set(found)
    try:
        yield found
    finally:
        _WRITTEN_DOWN.reset(token)


def require_convergence(diagnostics: list[dict], divergences: int = 0) -> list[str]:
    """Raise ConvergenceError, naming each quantity, unless all has converged.

    Returns
    -------
    list of str
        Empty, or what has not converged inside :func:`allowed_unconverged`.
    """
    found = [
        f"{row['quantity']} (R-hat {row['r_hat']:.3f}, effective sample size "
        f"{row['ess_bulk']:.0f} bulk, {row['ess_tail']:.0f} tail)"
        for row in diagnostics
        if not (
            row["r_hat"] < MAX_R_HAT
            and min(row["ess_bulk"], row["ess_tail"]) > MIN_EFFECTIVE_SAMPLE_SIZE
        )
    ]
    if divergences:
        found.append(f"{divergences} divergent transitions")
    written = _WRITTEN_DOWN.get()
    if found and written is None:
        raise ConvergenceError(f"not converged: {'; '.join(found)}; {REMEDY}")
    if found:
        written.extend(text for text in found if text not in written)
    return found
