"""What a trial of so many patients would be worth before choosing: EVSI, and ENBS after cost."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import xlog1py, xlogy

from riskmodel.decisions.information import (
    JOINED,
    Fit,
    Part,
    fit_part,
    fit_rows,
    mean,
    parts,
    read_net_benefit,
    read_parameters,
    refuse,
    rescaling,
    warn_of_notes,
)
from riskmodel.errors import Phrase, RiskModelWarning, did_you_mean

METHODS = ("regression", "moment matching")
_DATA_SETS = 60
_FEW_EFFECTIVE = 30
_GROUPS = 10  # of the jackknife over data sets
_JACKKNIFE_ROWS = 2000


@dataclass(frozen=True)
class BinomialTrial:
    """A two-arm trial that counts events.

    Parameters
    ----------
    comparator, treatment : str
        Parameters that are the risks of the two arms, in [0, 1].
    share_treated : float
        Of the patients, in (0, 1).

    Examples
    --------
    >>> trial = BinomialTrial("control_risk", "treated_risk")
    >>> risks = {"control_risk": np.array([0.5, 1.0]), "treated_risk": np.array([0.0, 1.0])}
    >>> trial.simulate(risks, 100, np.random.default_rng(1))[:, 1].tolist()
    [0.0, 1.0]
    """

    comparator: str
    treatment: str
    share_treated: float = 0.5

    def __post_init__(self):
        share = self.share_treated
        if not (isinstance(share, int | float) and 0 < share < 1):
            refuse(
                "share_treated", share, "strictly between 0 and 1", "0.5 is as many in either arm"
            )

    @property
    def parameters(self) -> tuple[str, ...]:
        """What the trial informs directly."""
        return self.comparator, self.treatment

    def arms(self, n: int) -> tuple[int, int]:
        """Return the patients of the two arms, at least one each."""
        treated = min(max(round(n * self.share_treated), 1), n - 1)
        return n - treated, treated

    def simulate(self, parameters: Mapping, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return the shares with an event, shape (draw, 2)."""
        shares = [
            rng.binomial(size, _risk(parameters, name)) / size
            for name, size in zip(self.parameters, self.arms(n), strict=True)
        ]
        return np.column_stack(shares)

    def log_likelihood(self, parameters: Mapping, data: np.ndarray, n: int) -> np.ndarray:
        """Return the log likelihood of one trial's shares at every draw, shape (draw,)."""
        total = 0.0
        for name, size, share in zip(self.parameters, self.arms(n), data, strict=True):
            risk = _risk(parameters, name)
            total = total + size * (xlogy(share, risk) + xlog1py(1 - share, -risk))
        return total


def _risk(parameters: Mapping, name: str) -> np.ndarray:
    risk = np.asarray(parameters[name], dtype=float)
    if risk.ndim != 1 or risk.min() < 0 or risk.max() > 1:
        refuse(
            f"trial.{name}",
            Phrase(f"draws from {risk.min():.3g} to {risk.max():.3g}, shape {risk.shape}"),
            "one risk a draw, in [0, 1]",
            "give the draws of each arm's risk; of a ratio, multiply by the comparator's risk",
        )
    return risk


@dataclass(frozen=True)
class NormalTrial:
    """A study whose result is an estimate of one parameter with a normal error.

    Parameters
    ----------
    parameter : str
    standard_deviation : float
        Of the estimate from one patient, so that it is ``standard_deviation / sqrt(n)`` from n. A
        difference of means between two equal arms with standard deviation s within each has
        ``2 s``; a log ratio, ``2 / sqrt(risk of an event)`` in a rough count.

    Examples
    --------
    >>> trial = NormalTrial("difference", standard_deviation=2.0)
    >>> estimate = trial.simulate({"difference": np.zeros(4000)}, 100, np.random.default_rng(1))
    >>> estimate.std().round(1)
    np.float64(0.2)
    """

    parameter: str
    standard_deviation: float

    def __post_init__(self):
        spread = self.standard_deviation
        if not (isinstance(spread, int | float) and 0 < spread < np.inf):
            refuse(
                "standard_deviation",
                spread,
                "a finite number above 0",
                "give that of the estimate from one patient",
            )

    @property
    def parameters(self) -> tuple[str, ...]:
        """What the study informs directly."""
        return (self.parameter,)

    def simulate(self, parameters: Mapping, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return the estimates, shape (draw, 1)."""
        true = np.asarray(parameters[self.parameter], dtype=float)
        return rng.normal(true, self.standard_deviation / np.sqrt(n))[:, None]

    def log_likelihood(self, parameters: Mapping, data: np.ndarray, n: int) -> np.ndarray:
        """Return the log likelihood of one estimate at every draw, shape (draw,)."""
        true = np.asarray(parameters[self.parameter], dtype=float)
        return -0.5 * n * ((data[0] - true) / self.standard_deviation) ** 2


def evsi(
    net_benefit: Any,
    parameters: Any,
    trial: Any,
    sizes: int | Sequence[int],
    *,
    of: Sequence[str] | None = None,
    method: Literal["regression", "moment matching"] = "regression",
    seed: int | None = None,
) -> pd.DataFrame:
    """Return the expected value of a trial's result, by the number of patients in it.

    Parameters
    ----------
    net_benefit, parameters
        As for :func:`riskmodel.evppi`.
    trial : BinomialTrial, NormalTrial, object or callable
        A callable takes ``(parameters, n, rng)``, parameters a mapping of name to draws, and
        returns the summaries that a trial of n patients would report, (draw,) or (draw, summary).
        An object has ``simulate`` of that kind and, for moment matching, ``log_likelihood``
        of ``(parameters, data, n)``, one trial's summaries at every draw.
    sizes : int or sequence of int
        Patients in all.
    of : sequence of str, optional
        Parameters that the trial informs; None is the trial's own, or all for a callable.
    method : {"regression", "moment matching"}
    seed : int, optional
        None draws one, says so and records it.

    Returns
    -------
    pandas.DataFrame
        One row a size and group (profile, weight): ``parameters``, ``n``, ``evsi`` per
        patient in the unit of net benefit, ``standard_error``, ``floor``, ``method``,
        ``share_of_evpi``, ``share_of_evppi``, ``n_draws``, ``seed``, ``note``.

    Raises
    ------
    ParameterError
        If a size, name or method cannot be used, or a likelihood is missing.

    Warns
    -----
    RiskModelWarning
        If a check fails, or EVSI is above EVPPI of the same parameters by more than two
        standard errors.

    Notes
    -----
    Regression (Strong, Oakley, Brennan and Breeze 2015): one trial is simulated at every draw, and
    net benefit is regressed on its summaries as :func:`riskmodel.evppi` regresses it on
    parameters. Moment matching (Heath, Manolopoulou and Baio 2018): the conditional means given
    the parameters are shrunk to the variance that the means given the data will have, which is
    their variance less what is expected to remain; that is found from 60 simulated trials
    by weighting the same draws with the likelihood. It assumes that only the spread changes.

    References
    ----------
    Strong et al. (2015), Medical Decision Making 35:570, doi:10.1177/0272989X15575286.
    Heath et al. (2018), Medical Decision Making 38:163, doi:10.1177/0272989X17738515.

    Examples
    --------
    >>> effect = np.random.default_rng(1).normal(0.1, 0.3, size=10_000)
    >>> trial = NormalTrial("effect", standard_deviation=3.0)
    >>> table = evsi(effect, {"effect": effect}, trial, [100, 10_000], seed=1)
    >>> table[["n", "evsi"]].round(2).values.tolist()  # 0.044, 0.076 in closed form
    [[100.0, 0.04], [10000.0, 0.08]]
    """
    if method not in METHODS:
        refuse("method", method, ", ".join(METHODS), did_you_mean(method, METHODS))
    draws = read_net_benefit(net_benefit)
    values = read_parameters(parameters, draws)
    names = _informed(trial, values, of)
    sizes = _sizes(sizes)
    seed = _seed(seed)
    columns = np.column_stack([values[name] for name in names])
    finite = np.isfinite(columns).all(axis=1)
    known = {
        name: (value[:, 0] if value.shape[1] == 1 else value)[finite]
        for name, value in values.items()
    }
    every = parts(draws, finite)
    exact = [fit_part(part, columns[part.rows]) for part in every]
    streams = np.random.default_rng(seed).spawn(len(sizes))
    rows = []
    for n, rng in zip(sizes, streams, strict=True):
        if method == "regression":
            data = _simulated(trial, known, n, rng, finite)
            fits = [fit_part(part, data[part.rows]) for part in every]
            fits = [replace(fit, method=f"regression, {fit.method}") for fit in fits]
        else:
            fits = [
                _moment_matched(fit, trial, {k: v[fit.part.rows[finite]] for k, v in known.items()},
                                n, rng)
                for fit in exact
            ]  # fmt: skip
        for fit, whole in zip(fits, exact, strict=True):
            _note_above_evppi(fit, whole)
        found = fit_rows(draws, fits, "evsi", parameters=JOINED.join(names), n=n)
        rows += [{**row, "seed": seed} for row in found]
    perfect = fit_rows(draws, exact, "evppi")
    for i, row in enumerate(rows):
        most = perfect[i % len(perfect)]["evppi"]
        row["share_of_evppi"] = row["evsi"] / most if most > 0 else np.nan
    warn_of_notes(rows, "evsi", ["n", *draws.groups[0]])
    order = [name for name in rows[0] if name not in ("share_of_evppi", "n_draws", "seed", "note")]
    return pd.DataFrame(rows)[[*order, "share_of_evppi", "n_draws", "seed", "note"]]


def _informed(trial: Any, values: Mapping, of: Sequence[str] | None) -> tuple[str, ...]:
    own = getattr(trial, "parameters", None)
    if not (callable(trial) or callable(getattr(trial, "simulate", None))):
        refuse(
            "trial",
            type(trial).__name__,
            "BinomialTrial, NormalTrial, or a function (parameters, n, rng) -> summaries",
            "say what a trial of n patients would report",
        )
    names = of if of is not None else own if own is not None else tuple(values)
    names = (names,) if isinstance(names, str) else tuple(names)
    for name in (*names, *(own or ())):
        if name not in values:
            refuse("of", name, ", ".join(values), did_you_mean(name, values))
    return names


def _sizes(sizes: int | Sequence[int]) -> list[int]:
    listed = np.atleast_1d(np.asarray(sizes))
    whole = listed.dtype.kind in "iu" or (listed.dtype.kind == "f" and (listed % 1 == 0).all())
    if listed.ndim != 1 or not listed.size or not whole or listed.min() < 2:
        refuse("sizes", sizes, "whole numbers of patients, 2 or more", "count both arms")
    return [int(n) for n in listed]


def _seed(seed: int | None) -> int:
    if seed is not None:
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
            refuse("seed", seed, "a whole number, 0 or more", "leave it out to have one drawn")
        return int(seed)
    seed = secrets.randbelow(2**31)
    warnings.warn(
        f"seed: found nothing; drew {seed}; pass seed={seed} to repeat these numbers",
        RiskModelWarning,
        stacklevel=3,
    )
    return seed


def _simulated(
    trial: Any, known: Mapping, n: int, rng: np.random.Generator, finite: np.ndarray
) -> np.ndarray:
    """Return what one trial at every draw would report, shape (draw, summary)."""
    simulate = trial.simulate if hasattr(trial, "simulate") else trial
    data = np.asarray(simulate(known, n, rng), dtype=float)
    count = int(finite.sum())
    if data.ndim not in (1, 2) or len(data) != count or not np.isfinite(data).all():
        refuse(
            "trial",
            Phrase(f"summaries of shape {data.shape}, {np.isfinite(data).mean():.0%} finite"),
            f"finite numbers, ({count},) or ({count}, summaries)",
            "return one trial's summaries for every draw of the parameters",
        )
    whole = np.full((len(finite), data.size // count), np.nan)
    whole[finite] = data.reshape(count, -1)
    return whole


def _note_above_evppi(fit: Fit, exact: Fit) -> None:
    over = fit.value - exact.value
    if not (over > 0).any():
        return
    part = fit.part
    error = part.error(part.gained(fit.choice) - part.gained(exact.choice))
    error = np.maximum(error, fit.error * (fit.method.startswith("moment")))
    for i in np.flatnonzero(over > 2 * error + 1e-8 * np.abs(fit.value)):
        fit.notes[i].append(f"above EVPPI of the same parameters by {over[i]:.3g}")


# --- moment matching ----------------------------------------------------------------------------


def _moment_matched(
    exact: Fit, trial: Any, known: Mapping, n: int, rng: np.random.Generator
) -> Fit:
    if not hasattr(trial, "log_likelihood"):
        refuse(
            "trial",
            Phrase(f"{type(trial).__name__} without log_likelihood"),
            "an object with simulate and log_likelihood",
            "add log_likelihood(parameters, data, n), or use method='regression'",
        )
    part, fitted = exact.part, exact.fitted
    remaining, effective = _remaining(part, fitted, trial, known, n, rng)
    middle = mean(fitted)
    centred = part.blocks(fitted - middle)
    spread = _covariance(centred)

    def rescaled(left: np.ndarray, rows: slice) -> np.ndarray:
        turn = rescaling(spread, spread - left)
        return np.einsum("ngk,gjk->ngj", centred[rows], turn) + part.blocks(middle[None])

    def worth(blocks: np.ndarray) -> np.ndarray:
        return np.maximum(blocks.max(axis=2), 0).mean(axis=0)

    blocks = rescaled(remaining.mean(axis=0), slice(None))
    choice = np.where(blocks.max(axis=2) > 0, blocks.argmax(axis=2) + 1, 0)
    rows = slice(None, None, max(1, part.draws // _JACKKNIFE_ROWS))
    keep = np.arange(len(remaining)) % _GROUPS
    without = [worth(rescaled(remaining[keep != i].mean(axis=0), rows)) for i in range(_GROUPS)]
    jackknife = np.var(without, axis=0) * (_GROUPS - 1)
    noise = part.gained(choice) - replace(part, gain=fitted).gained(choice)
    error = part.error(np.maximum(blocks.max(axis=2), 0) + noise)
    notes = [list(words) for words in exact.notes]
    if effective < _FEW_EFFECTIVE:
        for words in notes:
            words.append(
                f"the likelihood leaves {effective:.0f} effective draws of {part.draws}: too few "
                "for moment matching at this size; use regression, or more draws"
            )
    return replace(
        exact,
        method=f"moment matching ({len(remaining)} data sets), {exact.method}",
        value=worth(blocks),
        error=np.sqrt(error**2 + jackknife),
        choice=choice.astype(np.int16),
        notes=notes,
        fitted=blocks.reshape(fitted.shape),
    )


def _covariance(centred: np.ndarray) -> np.ndarray:
    turned = centred.transpose(1, 2, 0)
    return turned @ turned.transpose(0, 2, 1) / len(centred)


def _remaining(
    part: Part, fitted: np.ndarray, trial: Any, known: Mapping, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Return covariances of the fitted gains given each data set, and the median effective draws.

    Data sets are simulated at draws spread evenly over what matters: the order of the fitted
    gains. Covariances are (data set, group, column, column).
    """
    draws = len(fitted)
    order = np.argsort(fitted[:, 0] + 1e-9 * rng.normal(size=draws), kind="stable")
    count = min(_DATA_SETS, draws)
    chosen = order[((np.arange(count) + rng.random(count)) * draws / count).astype(int)]
    rng.shuffle(chosen)  # so that the groups of the jackknife are alike
    here = {name: value[chosen] for name, value in known.items()}
    data = np.asarray(trial.simulate(here, n, rng), dtype=float).reshape(count, -1)
    centred = fitted - mean(fitted)
    blocks = part.blocks(centred)
    remaining = np.empty((count, len(part.groups), part.columns, part.columns))
    effective = np.empty(count)
    for i, one in enumerate(data):
        weight = np.asarray(trial.log_likelihood(known, one, n), dtype=float)
        weight = np.exp(weight - weight.max())
        weight /= weight.sum()
        effective[i] = 1 / (weight @ weight)
        middle = part.blocks((weight @ centred)[None])[0]
        square = np.einsum("n,ngj,ngk->gjk", weight, blocks, blocks, optimize=True)
        remaining[i] = square - middle[:, :, None] * middle[:, None, :]
    return remaining, float(np.median(effective))


# --- the population, and the cost ---------------------------------------------------------------


def population_reached(
    population: float, horizon: float, discount: float = 0.0, *, delay: float = 0.0
) -> float:
    """Return how many future patients a decision concerns, discounted to now.

    Parameters
    ----------
    population : float
        New patients a year who face the decision.
    horizon : float
        Years from now for which it will stand.
    discount : float
        A year, 0.03 for 3%.
    delay : float
        Years from now until the result is known.

    Notes
    -----
    Patients arrive evenly: ``population * integral from delay to horizon of (1 + discount)^-t``.

    Examples
    --------
    >>> population_reached(1000, 10)
    10000.0
    >>> round(population_reached(1000, 10, 0.03), 1)
    8657.5
    """
    for field, value in (
        ("population", population),
        ("horizon", horizon),
        ("discount", discount),
        ("delay", delay),
    ):
        if not (np.ndim(value) == 0 and np.isfinite(value) and value >= 0):
            refuse(field, value, "one number, 0 or more", "years, a share a year, patients a year")
    if delay > horizon:
        refuse("delay", delay, f"up to the horizon, {horizon}", "nobody would profit")
    rate = np.log1p(discount)
    years = (
        horizon - delay if rate == 0 else (np.exp(-rate * delay) - np.exp(-rate * horizon)) / rate
    )
    return float(population * years)


def enbs(
    evsi: pd.DataFrame,
    population: float,
    horizon: float,
    discount: float = 0.0,
    *,
    fixed_cost: float = 0.0,
    cost_per_patient: float = 0.0,
    delay: float = 0.0,
    worth: float = 1.0,
) -> pd.DataFrame:
    """Return the expected net benefit of sampling: what a trial is worth to all, less its cost.

    Parameters
    ----------
    evsi : DataFrame
        From :func:`evsi`: ``n``, ``evsi``, ``standard_error``.
    population, horizon, discount, delay
        As for :func:`population_reached`; `delay` is until the trial reports.
    fixed_cost, cost_per_patient : float
        Of the trial, in units of net benefit, or in money if `worth` is given.
    worth : float
        What one unit of net benefit is worth in the unit of the costs.

    Returns
    -------
    pandas.DataFrame
        The rows of `evsi` with ``population``, ``population_evsi``, ``cost``, ``enbs``,
        ``enbs_standard_error``, and ``largest``: whether this size has the largest ENBS of its
        group.

    Examples
    --------
    >>> table = pd.DataFrame({"n": [100, 400], "evsi": [0.010, 0.012], "standard_error": 0.001})
    >>> enbs(table, 1000, 10, fixed_cost=20, cost_per_patient=0.1)["enbs"].round(6).tolist()
    [70.0, 60.0]
    """
    missing = [name for name in ("n", "evsi", "standard_error") if name not in evsi]
    if missing:
        refuse("evsi", Phrase(f"no column {missing[0]}"), "a table of evsi()", "pass it whole")
    for field, value in (
        ("fixed_cost", fixed_cost),
        ("cost_per_patient", cost_per_patient),
        ("worth", worth),
    ):
        if not (np.ndim(value) == 0 and np.isfinite(value) and value >= 0):
            refuse(field, value, "one number, 0 or more", "costs are positive")
    reached = population_reached(population, horizon, discount, delay=delay)
    cost = fixed_cost + cost_per_patient * evsi["n"]
    value = reached * worth * evsi["evsi"]
    table = evsi.assign(
        population=reached,
        population_evsi=value,
        cost=cost,
        enbs=value - cost,
        enbs_standard_error=reached * worth * evsi["standard_error"],
    )
    keys = list(table.columns[: list(table.columns).index("n")])
    within = table.groupby(keys)["enbs"].transform("max") if keys else table["enbs"].max()
    return table.assign(largest=table["enbs"] == within)
