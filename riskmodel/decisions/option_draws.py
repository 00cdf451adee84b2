"""Draws of every option on every outcome, read from whatever they came in."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.errors import ParameterError, Phrase, Problem

SAMPLE_DIMS = ("chain", "draw", "sample")


@dataclass(frozen=True)
class OptionDraws:
    """Draws of every option on every outcome.

    Parameters
    ----------
    values : ndarray, shape (draw, group, option, outcome)
    groups : tuple of dict
        What names each group: a profile, or whatever other dimensions there were.
    options, outcomes : tuple of str
    chains : int or None
        Draws of equal chains laid end to end; None if nothing is known of chains.
    """

    values: np.ndarray
    groups: tuple[dict, ...]
    options: tuple[str, ...]
    outcomes: tuple[str, ...]
    chains: int | None = None

    def group(self, place: int) -> tuple[np.ndarray, tuple[str, ...], int | None]:
        """Return one group's usable draws (draw, option, outcome), its options and its chains.

        Options that are nan throughout do not apply and are left out; draws in which any other is
        nan are set aside, and then nothing is known of chains.
        """
        values = self.values[:, place]
        if np.isfinite(values).all():
            return values, self.options, self.chains  # a view: nothing of the draws is copied
        applies = np.isfinite(values).all(axis=2).any(axis=0)
        values = values[:, applies]
        kept = np.isfinite(values).all(axis=(1, 2))
        options = tuple(name for name, yes in zip(self.options, applies, strict=True) if yes)
        if kept.all():
            return values, options, self.chains
        return values[kept], options, None


def read_effects(effects: Any, field: str = "effects") -> OptionDraws:
    """Return draws of options on outcomes from an array, a DataArray or a DataFrame.

    Parameters
    ----------
    effects : array_like (draw, option, outcome), DataArray or DataFrame
        A DataArray has dimensions ``option`` and ``outcome``, one or more of ``chain``, ``draw``
        and ``sample``, and any others, answered one by one. A DataFrame has columns of two levels,
        option and outcome. A DataFrame with plain columns, or an array (draw, option), is of one
        outcome, ``net_benefit``.
    field : str
        What the argument is called, for messages.

    Raises
    ------
    ParameterError
    """
    if isinstance(effects, xr.Dataset):
        names = [name for name in ("risk", "net_benefit") if name in effects]
        if not names:
            refuse(field, Phrase(f"a Dataset of {', '.join(map(str, effects.data_vars))}"),
                   "a Dataset with risk or net_benefit", "give the DataArray itself")  # fmt: skip
        effects = effects[names[0]]
    if isinstance(effects, xr.DataArray):
        read = _from_xarray(effects, field)
    elif isinstance(effects, pd.DataFrame):
        read = _from_frame(effects, field)
    else:
        read = _from_array(effects, field)
    if np.isinf(read.values).any():
        refuse(field, Phrase("an infinite value"), "finite numbers, or nan", "look at that draw")
    if len(read.options) < 2:
        refuse(
            field,
            Phrase(f"one option ({', '.join(read.options)})"),
            "two options or more",
            "add the comparator, at 0 if effects are differences from it",
        )
    return read


def refuse(field: str, found: object, allowed: str, remedy: str) -> NoReturn:
    """Raise a :class:`ParameterError` of one problem."""
    raise ParameterError([Problem(field=field, found=found, allowed=allowed, remedy=remedy)])


def _from_array(values: Any, field: str) -> OptionDraws:
    try:
        values = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        refuse(field, type(values).__name__, "an array of numbers", "give one rectangular array")
    if values.ndim == 2:
        values, outcomes = values[:, :, None], ("net_benefit",)
    elif values.ndim == 3:
        outcomes = tuple(f"outcome_{i + 1}" for i in range(values.shape[2]))
    else:
        refuse(field, Phrase(f"shape {values.shape}"), "(draw, option) or (draw, option, outcome)",
               "name the dimensions of anything else: give an xarray.DataArray")  # fmt: skip
    options = tuple(f"option_{i + 1}" for i in range(values.shape[1]))
    return OptionDraws(values[:, None], ({},), options, outcomes)


def _from_frame(frame: pd.DataFrame, field: str) -> OptionDraws:
    columns = frame.columns
    if columns.nlevels == 1:
        values = _from_array(frame, field).values
        return OptionDraws(values, ({},), tuple(map(str, columns)), ("net_benefit",))
    if columns.nlevels != 2:
        refuse(field, Phrase(f"columns of {columns.nlevels} levels"), "levels option and outcome",
               "give an xarray.DataArray with named dimensions")  # fmt: skip
    options = list(dict.fromkeys(columns.get_level_values(0)))
    outcomes = list(dict.fromkeys(columns.get_level_values(1)))
    absent = [(o, k) for o, k in product(options, outcomes) if (o, k) not in columns]
    if absent or columns.has_duplicates:
        refuse(field, Phrase(f"no column {absent[0]}" if absent else "a column twice"),
               "one column for every option and outcome", "add or drop columns")  # fmt: skip
    values = frame[list(product(options, outcomes))].to_numpy(dtype=float)
    values = values.reshape(len(frame), 1, len(options), len(outcomes))
    return OptionDraws(values, ({},), tuple(map(str, options)), tuple(map(str, outcomes)))


def _from_xarray(array: xr.DataArray, field: str) -> OptionDraws:
    samples = [dim for dim in SAMPLE_DIMS if dim in array.dims]
    if not samples or "option" not in array.dims:
        refuse(
            field,
            Phrase(f"dimensions {', '.join(map(str, array.dims))}"),
            "option, and one or more of chain, draw and sample",
            "rename the dimensions",
        )
    if "outcome" not in array.dims:
        array = array.expand_dims(outcome=["net_benefit"])
    others = [dim for dim in array.dims if dim not in (*SAMPLE_DIMS, "option", "outcome")]
    array = array.transpose(*samples, *others, "option", "outcome")
    sizes = [array.sizes[dim] for dim in others]
    values = np.asarray(array.values, dtype=float)
    values = values.reshape(-1, int(np.prod(sizes)), array.sizes["option"], array.sizes["outcome"])
    labels = product(*(array[dim].values.tolist() for dim in others))
    groups = tuple(dict(zip(map(str, others), label, strict=True)) for label in labels)
    chains = array.sizes["chain"] if samples == ["chain", "draw"] else None
    return OptionDraws(
        values,
        groups,
        tuple(map(str, array["option"].values)),
        tuple(map(str, array["outcome"].values)),
        chains,
    )
