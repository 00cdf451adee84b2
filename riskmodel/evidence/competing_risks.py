"""Several events that may come first: cumulative incidence, never one minus Kaplan-Meier.

Who has died can no longer have the event. Counting the dead as censored answers another question,
what would happen if nobody could die, and its answer is always the larger one. With constant
cause-specific hazards ``h_k`` and ``h`` their sum::

    incidence of k by t          h_k / h * (1 - exp(-h t))
    one minus Kaplan-Meier of k  1 - exp(-h_k t)
    composite, any of them       1 - exp(-h t), the sum of the incidences

With hazards that are constant between given times the same holds interval by interval. Sources:
Putter, Fiocco and Geskus (2007), Stat Med 26:2389, doi:10.1002/sim.2712; Aalen and Johansen
(1978), Scand J Stat 5:141.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from riskmodel.errors import ParameterError, Phrase, Problem

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class CompetingRisks:
    """Incidences of events of which only the first counts.

    Parameters
    ----------
    times : ndarray, shape (time,)
        In the unit of time of the hazards.
    incidence : mapping of str to ndarray, shape (..., time)
        Cumulative incidence of each cause as first event; leading axes are draws.
    one_minus_kaplan_meier : mapping of str to ndarray, shape (..., time)
        The risk of each cause if the others could not happen: for comparison only.
    event_free : ndarray, shape (..., time)
    """

    times: np.ndarray
    incidence: Mapping[str, np.ndarray] = field(repr=False)
    one_minus_kaplan_meier: Mapping[str, np.ndarray] = field(repr=False)
    event_free: np.ndarray = field(repr=False)

    @property
    def composite(self) -> np.ndarray:
        """Return the risk of any of the causes, shape (..., time): the incidences' sum."""
        return 1 - self.event_free

    def table(self, *, prob: float = 0.95) -> pd.DataFrame:
        """Return one row a cause and time, and of ``any`` of them.

        Parameters
        ----------
        prob : float
            Of the equal-tailed intervals over draws; without draws they have no width.

        Returns
        -------
        pandas.DataFrame
            ``cause``, ``time``, ``incidence`` (median over draws) with ``lower`` and ``upper``,
            ``one_minus_kaplan_meier``, ``prob``, ``kind``.
        """
        import pandas as pd

        naive = {**self.one_minus_kaplan_meier, "any": self.composite}
        rows = []
        for cause, values in {**self.incidence, "any": self.composite}.items():
            flat = values.reshape(-1, len(self.times))
            lower, middle, upper = np.quantile(flat, [(1 - prob) / 2, 0.5, (1 + prob) / 2], axis=0)
            other = np.median(naive[cause].reshape(-1, len(self.times)), axis=0)
            for i, time in enumerate(self.times):
                rows.append(
                    {
                        "cause": cause,
                        "time": time,
                        "incidence": middle[i],
                        "lower": lower[i],
                        "upper": upper[i],
                        "one_minus_kaplan_meier": other[i],
                        "prob": prob,
                        "kind": "equal-tailed",
                    }
                )
        return pd.DataFrame(rows)


def cumulative_incidence(
    hazards: Mapping[str, object],
    times: Sequence[float],
    *,
    edges: Sequence[float] | None = None,
) -> CompetingRisks:
    """Return cumulative incidences from cause-specific hazards.

    Parameters
    ----------
    hazards : mapping of str to array_like
        Cause -> hazard per unit of time, 0 or more: shape (...) where it is constant, and with
        `edges` (..., interval). Leading axes, of draws, must broadcast.
    times : array_like, shape (time,)
        0 or more.
    edges : array_like, shape (interval,), optional
        Where each interval of constant hazards begins; the first is 0, the last has no end.

    Returns
    -------
    CompetingRisks

    Raises
    ------
    ParameterError
        If a hazard or a time is negative or no number, or the edges do not rise from 0.

    Notes
    -----
    A sum of cause-specific hazards decides who is still at risk; what a cause takes in an interval
    is its share of that hazard: Putter, Fiocco and Geskus (2007), doi:10.1002/sim.2712.

    Examples
    --------
    A yearly hazard of failure of 0.6 beside one of death of 0.3: by one year 39.6% have had
    the first, not 45.1%.

    >>> found = cumulative_incidence({"failure": 0.6, "death": 0.3}, [1.0])
    >>> found.incidence["failure"].round(4).item()
    0.3956
    >>> found.one_minus_kaplan_meier["failure"].round(4).item()
    0.4512
    """
    starts = np.array([0.0]) if edges is None else np.asarray(edges, dtype=float)
    rates = {
        cause: np.asarray(rate, dtype=float)[..., None]
        if edges is None
        else np.asarray(rate, float)
        for cause, rate in hazards.items()
    }
    times = np.atleast_1d(np.asarray(times, dtype=float))
    _check(rates, times, starts)
    ends = np.append(starts[1:], np.inf)
    # Time spent in each interval by each time: (time, interval).
    spent = np.clip(np.minimum(times[:, None], ends) - starts, 0, None)
    total = sum(rates.values())
    before = _cumulated(total, np.diff(starts))  # hazard accrued where each interval begins
    # The chance of an event of any cause inside each interval, by each time: (..., time, interval).
    inside = np.exp(-before)[..., None, :] * -np.expm1(-total[..., None, :] * spent)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = {k: np.where(total > 0, rate / total, 0.0) for k, rate in rates.items()}
    return CompetingRisks(
        times,
        {k: (inside * share[..., None, :]).sum(axis=-1) for k, share in shares.items()},
        {k: -np.expm1(-(rate[..., None, :] * spent).sum(axis=-1)) for k, rate in rates.items()},
        np.exp(-(total[..., None, :] * spent).sum(axis=-1)),
    )


def _cumulated(total: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    accrued = np.cumsum(total[..., :-1] * lengths, axis=-1)
    return np.concatenate([np.zeros((*total.shape[:-1], 1)), accrued], axis=-1)


def _check(rates: Mapping[str, np.ndarray], times: np.ndarray, starts: np.ndarray) -> None:
    problems = []
    if not rates:
        problems.append(_fault("hazards", "no cause", "at least one", "name each cause"))
    for cause, rate in rates.items():
        if not (np.isfinite(rate) & (rate >= 0)).all():
            worst = rate[~(np.isfinite(rate) & (rate >= 0))][0]
            problems.append(
                _fault(
                    f"hazards.{cause}", worst, "0 or more per unit of time", "a risk is no hazard"
                )
            )
        if rate.shape[-1] != len(starts):
            problems.append(
                _fault(
                    f"hazards.{cause}",
                    Phrase(f"{rate.shape[-1]} intervals"),
                    f"{len(starts)}, one for each of the edges",
                    "give one hazard an interval along the last axis",
                )
            )
    if not (np.isfinite(times) & (times >= 0)).all():
        problems.append(_fault("times", times.min(), "0 or more", "times run from the start"))
    if starts[0] != 0 or not (np.diff(starts) > 0).all():
        problems.append(
            _fault("edges", starts.tolist(), "0, and then rising", "say where each interval begins")
        )
    if problems:
        raise ParameterError(problems)


def _fault(field_: str, found, allowed: str, remedy: str) -> Problem:
    found = found.item() if isinstance(found, np.generic) else found
    return Problem(field=field_, found=found, allowed=allowed, remedy=remedy)


def incidence_beside(risk, competing_risk) -> np.ndarray:
    """Return the incidence of an event beside a competing one, from two risks at one horizon.

    Parameters
    ----------
    risk : array_like
        One minus Kaplan-Meier of the event, the other one censored, in [0, 1].
    competing_risk : array_like
        Risk of the other one, in [0, 1].

    Returns
    -------
    ndarray
        The cumulative incidence of the event before the other one: at most `risk`.

    Notes
    -----
    Both hazards may vary over time, but in step: ``H = -log(1 - risk)`` and the share of all first
    events that are this one is ``H / (H + H_other)`` throughout; Putter, Fiocco and Geskus (2007),
    doi:10.1002/sim.2712, with proportional cause-specific hazards.

    Examples
    --------
    >>> round(float(incidence_beside(1 - np.exp(-0.6), 1 - np.exp(-0.3))), 4)
    0.3956
    >>> float(incidence_beside(0.2, 0.0).round(10)), float(incidence_beside(0.2, 1.0).round(10))
    (0.2, 0.0)
    """
    risk, other = np.broadcast_arrays(np.asarray(risk, float), np.asarray(competing_risk, float))
    with np.errstate(divide="ignore", invalid="ignore"):
        hazard, rival = -np.log1p(-risk), -np.log1p(-other)
        total = hazard + rival
        share = np.where(np.isinf(rival), np.where(np.isinf(hazard), 0.5, 0.0), hazard / total)
    share = np.where(np.isinf(hazard) & ~np.isinf(rival), 1.0, share)
    return np.where(total > 0, share * -np.expm1(-total), np.where(np.isnan(total), np.nan, 0.0))


def aalen_johansen(time: Sequence[float], cause: Sequence[int]) -> pd.DataFrame:
    """Return the Aalen-Johansen estimate of each cause's cumulative incidence.

    Parameters
    ----------
    time : array_like, shape (patient,)
        0 or more.
    cause : array_like of int, shape (patient,)
        0 for censoring, 1 and on for the cause; who is censored at the time of an event is at
        risk then.

    Returns
    -------
    pandas.DataFrame
        ``time``, ``cause``, ``incidence``, ``one_minus_kaplan_meier`` (the other causes censored,
        for comparison), ``event_free``: one row a time and cause.

    References
    ----------
    Aalen and Johansen (1978), Scandinavian Journal of Statistics 5:141.

    Examples
    --------
    >>> table = aalen_johansen([1, 2, 3, 4], [1, 2, 1, 0])
    >>> table[table["cause"] == 1][["incidence", "one_minus_kaplan_meier"]].values[-1].tolist()
    [0.5, 0.625]
    """
    import pandas as pd

    time, cause = np.asarray(time, dtype=float), np.asarray(cause)
    problems = []
    if time.ndim != 1 or time.shape != cause.shape or time.size == 0:
        problems.append(
            _fault(
                "time", Phrase(f"shapes {time.shape} and {cause.shape}"), "one row a patient", ""
            )
        )
    elif not (np.isfinite(time) & (time >= 0)).all():
        problems.append(
            _fault("time", Phrase("a negative or missing time"), "0 or more", "mend it")
        )
    if not (np.equal(np.mod(cause, 1), 0) & (cause >= 0)).all():
        problems.append(
            _fault("cause", Phrase("other values"), "0, 1, 2 ...", "0 is censored, 1 a first cause")
        )
    if problems:
        raise ParameterError(problems)
    causes = [int(k) for k in np.unique(cause) if k > 0]
    times, place = np.unique(time, return_inverse=True)
    events = {k: np.bincount(place, weights=cause == k, minlength=len(times)) for k in causes}
    leaving = np.bincount(place, minlength=len(times))
    at_risk = len(time) - np.append(0, np.cumsum(leaving)[:-1])
    event_free = np.cumprod(1 - sum(events.values(), np.zeros(len(times))) / at_risk)
    before = np.append(1.0, event_free[:-1])
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "time": times,
                    "cause": k,
                    "incidence": np.cumsum(before * events[k] / at_risk),
                    "one_minus_kaplan_meier": 1 - np.cumprod(1 - events[k] / at_risk),
                    "event_free": event_free,
                }
            )
            for k in causes
        ],
        ignore_index=True,
    )


def composite_limits(components: Mapping[str, object]) -> tuple[np.ndarray, np.ndarray]:
    """Return between which risks a composite of these components must lie.

    Parameters
    ----------
    components : mapping of str to array_like
        Risk of each component in the same patients by the same horizon, in [0, 1].

    Returns
    -------
    lower, upper : ndarray
        The largest component (one always comes with the others), and the smaller of 1 and the sum
        (they never come together): the Frechet-Boole bounds.

    Examples
    --------
    >>> lower, upper = composite_limits({"failure": 0.19, "death": 0.13})
    >>> float(lower), float(upper)
    (0.19, 0.32)
    """
    risks = np.broadcast_arrays(*(np.asarray(risk, dtype=float) for risk in components.values()))
    return np.max(risks, axis=0), np.minimum(1.0, np.sum(risks, axis=0))


def composite_consistency(
    composite: float, components: Mapping[str, float], *, tolerance: float = 0.0005
) -> pd.DataFrame:
    """Return whether a composite's printed risk can go with those of its components.

    Parameters
    ----------
    composite : float
        In [0, 1].
    components : mapping of str to float
        In [0, 1], of the same patients by the same horizon.
    tolerance : float
        Of rounding: half a unit of the last printed digit, here of a percentage with one decimal.

    Returns
    -------
    pandas.DataFrame
        One row: ``composite``, ``lower``, ``upper``, ``consistent``, and ``together``, the share
        of patients with more than one component as far as two components fix it.

    Examples
    --------
    >>> table = composite_consistency(0.28, {"failure": 0.19, "death": 0.13})
    >>> bool(table["consistent"][0]), round(float(table["together"][0]), 4)
    (True, 0.04)
    >>> bool(composite_consistency(0.35, {"failure": 0.19, "death": 0.13})["consistent"][0])
    False
    """
    import pandas as pd

    named = {"composite": composite, **{f"components.{k}": v for k, v in components.items()}}
    problems = [
        _fault(name, value, "a risk in [0, 1]", "divide percentages by 100")
        for name, value in named.items()
        if not 0 <= value <= 1
    ]
    if problems:
        raise ParameterError(problems)
    lower, upper = composite_limits(components)
    together = sum(components.values()) - composite if len(components) == 2 else np.nan
    fits = lower - tolerance <= composite <= upper + tolerance
    return pd.DataFrame(
        [
            {
                "composite": composite,
                "lower": float(lower),
                "upper": float(upper),
                "consistent": bool(fits),
                "together": together if fits else np.nan,
            }
        ]
    )
