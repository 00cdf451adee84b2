"""The columns of a table of patients, and other arguments, checked at the border."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.errors import (
    NOTHING,
    ParameterError,
    Phrase,
    Problem,
    RiskModelWarning,
    did_you_mean,
)


class Columns:
    """The columns of a table of patients, checked as they are asked for.

    Parameters
    ----------
    data : pandas.DataFrame, xarray.Dataset or mapping of arrays

    Attributes
    ----------
    problems : list of Problem
        What was wrong with the columns asked for so far.
    """

    def __init__(self, data):
        if not isinstance(data, pd.DataFrame | xr.Dataset | Mapping):
            refuse(
                "data",
                type(data).__name__,
                "a table: DataFrame, Dataset or mapping of arrays",
                "name the columns",
            )
        self._data = data
        self.names = [str(name) for name in data]
        self.problems: list[Problem] = []
        sizes = {self._array(name).shape for name in data} if not self._framed else set()
        self.size = len(data) if isinstance(data, pd.DataFrame) else 0
        if not self._framed and len(sizes) == 1 and len(next(iter(sizes))) == 1:
            self.size = next(iter(sizes))[0]
        elif not self._framed:
            refuse("data", Phrase("columns of several lengths"), "one value a patient", "mend them")
        if not self.size:
            refuse("data", Phrase("no patients"), "at least one row", "check how it was read")

    @property
    def _framed(self) -> bool:
        return isinstance(self._data, pd.DataFrame)

    def _array(self, name) -> np.ndarray:
        column = self._data[name]
        return column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)

    def column(self, name: object, field_: str) -> np.ndarray | None:
        """Return a column by its name, or None and a problem."""
        if isinstance(name, str) and name in self.names:
            return self._array(name)
        self._fault(field_, name, "a column of the data", did_you_mean(name, self.names))
        return None

    def events(self, name: object, field_: str) -> np.ndarray:
        """Return a column of 0 and 1 as small integers."""
        column = self.column(name, field_)
        if column is None:
            return np.zeros(0, dtype=np.int8)
        if column.dtype == bool:
            return column.view(np.int8)
        values = self.checked(column, f"{field_}.{name}")
        if not values.size:
            return np.zeros(0, dtype=np.int8)
        coded = values.astype(np.int8)
        wrong = (coded != values) | ((coded != 0) & (coded != 1))
        if wrong.any():
            row = int(np.argmax(wrong))
            self._fault(
                f"{field_}.{name}",
                Phrase(f"{values[row]:g} in row {row} (from 0)"),
                "0 or 1 (false or true)",
                "write 1 where the event happened and 0 where not; another event that ended "
                "follow-up goes into a column of its own",
            )
            return np.zeros(0, dtype=np.int8)
        return coded

    def numbers(self, name: object, field_: str) -> np.ndarray:
        """Return a column of finite numbers."""
        column = self.column(name, field_)
        return np.zeros(0) if column is None else self.checked(column, f"{field_}.{name}")

    def checked(self, values, field_: str) -> np.ndarray:
        """Return values as finite floats; an empty array and a problem if they are not."""
        try:
            values = np.ascontiguousarray(values, dtype=float)
        except (TypeError, ValueError):
            self._fault(field_, Phrase("text"), "numbers", "read the column as numbers")
            return np.zeros(0)
        # The two ends carry nan and infinity: no pass that writes is needed.
        if values.size and not (np.isfinite(values.min()) and np.isfinite(values.max())):
            wrong = ~np.isfinite(values)
            row = int(np.argwhere(wrong)[0][-1])
            self._fault(
                field_,
                Phrase(f"{int(wrong.sum())} missing or infinite, the first in row {row} (from 0)"),
                "a finite number for every patient",
                "drop or impute these patients, and say so: the curve is of those who are left",
            )
            return np.zeros(0)
        return values

    def strategies(self, given, field_: str) -> tuple[dict, dict]:
        """Return the values each strategy acts on, (patient,), and the draws they came from.

        Parameters
        ----------
        given : str, sequence of str, mapping, or array (strategy, sample, patient)
        field_ : str
        """
        if isinstance(given, str):
            given = [given]
        if isinstance(given, xr.DataArray):
            given = _of_data_array(given)
        if isinstance(given, np.ndarray) and given.dtype.kind in "fiu":
            if given.ndim != 3:
                self._fault(
                    field_,
                    Phrase(f"an array of shape {given.shape}"),
                    "an array (strategy, sample, patient)",
                    "name columns, or give a mapping from names to arrays",
                )
                return {}, {}
            given = {f"prediction {i + 1}": part for i, part in enumerate(given)}
        if not isinstance(given, Mapping):
            given = {name: name for name in given}
        if not given:
            self._fault(field_, NOTHING, "at least one strategy", "name a column")
        arrays, by_draw = {}, {}
        for name, value in given.items():
            if isinstance(value, str):
                value = self.column(value, field_)
            elif np.isscalar(value) or value is None:
                self.column(value, field_)
                value = None
            if value is None:
                continue
            value = self.checked(getattr(value, "values", value), f"{field_}.{name}")
            if not value.size:
                continue
            if value.ndim > 2 or value.shape[-1] != self.size:
                self._fault(
                    f"{field_}.{name}",
                    Phrase(f"an array of shape {value.shape}"),
                    f"({self.size},) or (sample, {self.size})",
                    "the last dimension is the patients",
                )
                continue
            if value.ndim == 2:
                by_draw[str(name)] = value
                value = value.mean(axis=0)
            arrays[str(name)] = value
        return arrays, by_draw

    def _fault(self, field_, found, allowed, remedy) -> None:
        self.problems.append(Problem(field=field_, found=found, allowed=allowed, remedy=remedy))


def _of_data_array(given: xr.DataArray) -> dict[str, np.ndarray]:
    """Return draws by strategy of an array with a ``patient`` dimension; the rest are draws."""
    if "patient" not in given.dims:
        refuse(
            "predictions",
            Phrase(f"dimensions {', '.join(map(str, given.dims))}"),
            "the dimension 'patient', perhaps 'strategy', and those of the draws",
            "rename the dimension of patients to 'patient'",
        )
    if "strategy" not in given.dims:
        given = given.expand_dims(strategy=[str(given.name or "prediction")])
    sampled = [dim for dim in given.dims if dim not in ("patient", "strategy")]
    given = given.transpose("strategy", *sampled, "patient")
    shape = (given.sizes["strategy"], -1, given.sizes["patient"])
    names = given["strategy"].values if "strategy" in given.coords else range(1, shape[0] + 1)
    return dict(zip(map(str, names), given.values.reshape(shape), strict=True))


def is_number(value: object) -> bool:
    """Say whether something is a number; true and false are not."""
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def read_draws(draws: object) -> list[Problem]:
    """Return what is wrong with a number of draws; None asks for none."""
    whole = isinstance(draws, int | np.integer) and not isinstance(draws, bool)
    if draws is None or (whole and draws >= 100):
        return []
    return [
        Problem(
            field="draws",
            found=draws,
            allowed="a whole number, 100 or more",
            remedy="4000 give limits to about a fiftieth of the interval's width",
        )
    ]


def read_seed(seed: object) -> list[Problem]:
    """Return what is wrong with a seed; None lets one be drawn."""
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if seed is None or (whole and 0 <= seed < 2**32):
        return []
    return [
        Problem(
            field="seed",
            found=seed,
            allowed="a whole number from 0 to 4294967295",
            remedy="leave it out to have one drawn",
        )
    ]


def drawn_seed(seed: int | None, *, stacklevel: int = 3) -> int:
    """Return the seed, or draw one and say it."""
    if seed is None:
        seed = secrets.randbelow(2**31)
        warnings.warn(
            f"seed: found nothing; drew {seed}; pass seed={seed} to repeat these draws",
            RiskModelWarning,
            stacklevel=stacklevel,
        )
    return int(seed)


def refuse(field_: str, found: object, allowed: str, remedy: str):
    """Raise one problem."""
    raise ParameterError([Problem(field=field_, found=found, allowed=allowed, remedy=remedy)])
