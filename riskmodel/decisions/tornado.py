"""Expected net benefit at either end of every input, and where other assumptions turn its sign."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.information import read_net_benefit, read_parameters, refuse
from riskmodel.decisions.net_benefit import net_benefit as weighted_net_benefit
from riskmodel.errors import Phrase, did_you_mean
from riskmodel.parameters.schema import Panel

ENDS = (0.05, 0.95)
SPAN = 0.25  # share of the draws that a local regression sees
FEW_VALUES = 12  # an input with no more values than these is met value by value
UNCLEAR = 2.0  # standard errors


def gains(net_benefit: Any, comparator: str | None = None) -> Iterator[tuple[dict, np.ndarray]]:
    """Yield what names each group and option, and its draws of net benefit over the comparator.

    Parameters
    ----------
    net_benefit : DataFrame, DataArray, Dataset or array
        Draws by option (columns, or the ``option`` dimension); one column is a difference already.
    comparator : str, optional
        None is the option whose net benefit is 0 in every draw, or else the first.

    Examples
    --------
    >>> table = pd.DataFrame({"usual": [0.0, 0.0], "new": [0.1, 0.3]})
    >>> [(labels, draws.tolist()) for labels, draws in gains(table)]
    [({'option': 'new'}, [0.1, 0.3])]
    """
    read = read_net_benefit(net_benefit)
    against = _comparator(read, comparator)
    for place, group in enumerate(read.groups):
        values = read.values[:, place]
        for column, option in enumerate(read.options):
            if column == against:
                continue
            draws = values[:, column] - values[:, against]
            if np.isfinite(draws).any():
                yield {**group, "option": option}, draws


def _comparator(read, name: str | None) -> int:
    if name is not None:
        if name not in read.options:
            remedy = did_you_mean(name, read.options)
            refuse("comparator", name, ", ".join(read.options), remedy)
        return read.options.index(name)
    nothing = [j for j in range(len(read.options)) if not np.nan_to_num(read.values[..., j]).any()]
    return nothing[0] if nothing else 0


def one_way_tornado(
    net_benefit: Any,
    parameters: Any,
    *,
    comparator: str | None = None,
    ends: tuple[float, float] = ENDS,
) -> pd.DataFrame:
    """Return expected net benefit where each input stands at its P5 and at its P95.

    Parameters
    ----------
    net_benefit : DataFrame, DataArray, Dataset or array
        Draws by option.
    parameters : DataFrame, Dataset, mapping or array
        The draws of each input that net benefit was computed from, in the same order.
    comparator : str, optional
        None is the option whose net benefit is 0 in every draw, or else the first.
    ends : tuple of float
        The two probabilities.

    Returns
    -------
    pandas.DataFrame
        One row a group (profile, weight), option and input, widest first: ``parameters``,
        ``low_value`` and ``high_value`` (the input's quantiles), ``net_benefit`` (of all draws),
        ``net_benefit_low``, ``net_benefit_high`` with ``standard_error_low`` and
        ``standard_error_high``, ``swing`` (high less low), ``flips`` (whether the sign at an end
        is not that of all draws), ``unclear`` (whether an end lies within two of its standard
        errors of 0) and ``method``.

    Raises
    ------
    ParameterError
        If the draws do not fit together, or an end is not in (0, 1).

    Notes
    -----
    The conditional mean ``E[net benefit | input = its quantile]`` by local quadratic regression
    (tricube weights on the nearest quarter of the draws) on the same draws; an input of at most
    twelve values by the mean at the value. Other inputs keep their spread, and whatever goes
    together with the input goes with it: this is a conditional mean, not a shift.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x, y = rng.normal(size=(2, 20_000))
    >>> found = one_way_tornado(0.5 + x + 0.1 * y, pd.DataFrame({"y": y, "x": x}))
    >>> found[["parameters", "flips"]].values.tolist()
    [['x', True], ['y', False]]
    """
    low, high = ends
    if not 0 < low < high < 1:
        refuse("ends", ends, "two probabilities, the lower first", "P5 and P95 are (0.05, 0.95)")
    read = read_net_benefit(net_benefit)
    inputs = read_parameters(parameters, read)
    for name, values in inputs.items():
        if values.shape[1] > 1:
            refuse(
                f"parameters.{name}",
                Phrase(f"{values.shape[1]} columns"),
                "one number a draw",
                "name each column, or give the value that counts for the patient",
            )
    rows = []
    for labels, draws in gains(net_benefit, comparator):
        table = [_ends_of(name, x[:, 0], draws, ends) for name, x in inputs.items()]
        table.sort(key=lambda row: -abs(row["swing"]))
        rows += [{**labels, **row} for row in table]
    return pd.DataFrame(rows)


def _ends_of(name: str, x: np.ndarray, value: np.ndarray, ends) -> dict:
    kept = np.isfinite(x) & np.isfinite(value)
    x, value = x[kept], value[kept]
    expected = value.mean()
    low, high = (float(q) for q in np.quantile(x, ends))
    method = "local quadratic regression"
    if len(np.unique(x[: FEW_VALUES * 100])) <= FEW_VALUES:
        found = [_mean_at(x, value, at) for at in (low, high)]
        method = "mean at the value"
    else:
        found = [_local(x, value, at) for at in (low, high)]
    (below, below_error), (above, above_error) = found
    return {
        "parameters": name,
        "low_value": low,
        "high_value": high,
        "net_benefit": expected,
        "net_benefit_low": below,
        "net_benefit_high": above,
        "standard_error_low": below_error,
        "standard_error_high": above_error,
        "swing": above - below,
        "flips": bool(below * expected < 0 or above * expected < 0),
        "unclear": bool(abs(below) < UNCLEAR * below_error or abs(above) < UNCLEAR * above_error),
        "method": method,
    }


def _mean_at(x: np.ndarray, value: np.ndarray, at: float) -> tuple[float, float]:
    here = value[x == x[np.argmin(np.abs(x - at))]]
    error = here.std(ddof=1) / np.sqrt(here.size) if here.size > 1 else np.inf
    return float(here.mean()), float(error)


def _local(x: np.ndarray, value: np.ndarray, at: float) -> tuple[float, float]:
    """Return the local quadratic fit at a point, and its standard error (sandwich)."""
    distance = np.abs(x - at)
    count = max(int(SPAN * x.size), min(x.size, 20))
    width = np.partition(distance, count - 1)[count - 1]
    near = distance < width
    step = (x[near] - at) / width
    weight = (1 - np.abs(step) ** 3) ** 3
    design = np.column_stack([np.ones_like(step), step, step**2])
    inverse = np.linalg.pinv(design.T @ (design * weight[:, None]))
    smoother = (inverse[0] @ design.T) * weight
    fitted = design @ (inverse @ (design.T @ (weight * value[near])))
    error = np.sqrt(np.sum((smoother * (value[near] - fitted)) ** 2))
    return float(smoother @ value[near]), float(error)


# --- other assumptions --------------------------------------------------------------------------


def scenario_flips(
    scenarios: Mapping[str, Any],
    preferences: str | Panel | None = None,
    *,
    reference: str | None = None,
    comparator: str | None = None,
) -> pd.DataFrame:
    """Return where the sign of expected net benefit is another than in the reference.

    Parameters
    ----------
    scenarios : mapping of str to outcomes or net benefit
        By name, such as the scale an effect is carried on (relative risk, odds ratio, hazard
        ratio): outcomes of :func:`riskmodel.simulate`, or draws of net benefit by option.
    preferences : str or Panel, optional
        The weights that turn outcomes into net benefit.
    reference : str, optional
        None is the first.
    comparator : str, optional
        As of :func:`one_way_tornado`.

    Returns
    -------
    pandas.DataFrame
        One row a scenario, group and option: ``scenario``, ``net_benefit`` (mean),
        ``standard_error`` (of independent draws), ``prob_positive``,
        ``reference_net_benefit``, ``flips`` (the two signs differ) and ``unclear`` (either mean
        lies within two standard errors of 0, so that its sign is not known).

    Examples
    --------
    >>> x = np.random.default_rng(2).normal(0.3, 1, 10_000)
    >>> table = scenario_flips({"relative risk": x, "odds ratio": x - 0.5})
    >>> table[["scenario", "flips", "unclear"]].values.tolist()
    [['relative risk', False, False], ['odds ratio', True, False]]
    """
    if not scenarios:
        refuse("scenarios", Phrase("nothing"), "one or more by name", "give at least the reference")
    reference = next(iter(scenarios)) if reference is None else reference
    if reference not in scenarios:
        refuse("reference", reference, ", ".join(scenarios), did_you_mean(reference, scenarios))
    rows = []
    for name, given in scenarios.items():
        value = given
        if isinstance(given, xr.Dataset) and "net_benefit" not in given:
            value = weighted_net_benefit(given, preferences)
        for labels, draws in gains(value, comparator):
            kept = draws[np.isfinite(draws)]
            rows.append(
                {
                    "scenario": name,
                    **labels,
                    "net_benefit": kept.mean(),
                    "standard_error": kept.std() / np.sqrt(kept.size),
                    "prob_positive": (kept > 0).mean(),
                }
            )
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    figures = ("net_benefit", "standard_error", "prob_positive")
    keys = [column for column in table if column not in ("scenario", *figures)]
    unclear = table["net_benefit"].abs() < UNCLEAR * table["standard_error"]
    table = table.assign(unclear=unclear)
    base = table.loc[table["scenario"] == reference, [*keys, "net_benefit", "unclear"]]
    base = base.rename(
        columns={"net_benefit": "reference_net_benefit", "unclear": "reference_unclear"}
    )
    table = table.merge(base, on=keys, how="left")
    table["flips"] = table["net_benefit"] * table["reference_net_benefit"] < 0
    table["unclear"] |= table.pop("reference_unclear").fillna(True).astype(bool)
    return table
