"""Patients behind a printed Kaplan-Meier curve: times and events rebuilt from its picture.

The idea is that of Guyot et al. (2012): within each interval between two printed numbers at risk
the curve gives the events, once it is known how many patients were censored; and how many were
censored is what makes the number at risk at the interval's end come out as printed. Censoring is
spread evenly over the interval, unless the curve's own steps say otherwise. What is rebuilt is
approximate by construction; the quality report says how far it lies from what was printed.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, RiskModelWarning

if TYPE_CHECKING:
    import pandas as pd

WOBBLE = 0.02  # a rise of the curve up to this is digitisation; more is another curve
POOR = 0.05  # a distance of curve and reconstruction, in survival, that is warned of
_LEVEL = 0.02  # a distance, in survival, that makes another number of censored worth a look
_SEARCHED = 120  # patients up to which the place of each censoring is looked for in the steps


@dataclass(frozen=True)
class SurvivalReconstruction:
    """Patients rebuilt from one arm's curve, and how well they reproduce what was printed.

    Parameters
    ----------
    patients : pandas.DataFrame
        One row a patient in order of time: ``time``, in the unit of the curve, and ``event``,
        1 for an event and 0 for censoring.
    curve : pandas.DataFrame
        The digitised curve after clean-up (``time``, ``survival``) and what the patients give
        there (``reconstructed``).
    at_risk : pandas.DataFrame
        ``time``, ``at_risk`` as printed and ``reconstructed``.
    quality : pandas.DataFrame
        One row a check: ``quantity``, ``printed``, ``reconstructed``, ``difference``. Of
        ``rmse`` and ``greatest_error`` only the difference is a number, in survival.
    notes : tuple of str
        What was cleaned, added or taken for granted.
    """

    patients: pd.DataFrame = field(repr=False)
    curve: pd.DataFrame = field(repr=False)
    at_risk: pd.DataFrame = field(repr=False)
    quality: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def rmse(self) -> float:
        """Root mean squared distance of the two curves at the digitised times, in survival."""
        return self._difference("rmse")

    @property
    def greatest_error(self) -> float:
        """Greatest distance of the two curves at the digitised times, in survival."""
        return self._difference("greatest_error")

    def _difference(self, name: str) -> float:
        rows = self.quality["quantity"] == name
        return float(self.quality.loc[rows, "difference"].iloc[0])

    @property
    def events(self) -> int:
        """Number of events."""
        return int(self.patients["event"].sum())

    @property
    def median(self) -> float:
        """Earliest time at which survival is 0.5 or less; infinite if it never is."""
        steps = self.kaplan_meier()
        return median_survival(steps["time"], steps["survival"])

    def kaplan_meier(self) -> pd.DataFrame:
        """Return the Kaplan-Meier table of the rebuilt patients."""
        return kaplan_meier(self.patients["time"], self.patients["event"])

    def restricted_mean(self, horizon: float) -> float:
        """Return the mean time without the event up to a horizon, in the unit of time."""
        steps = self.kaplan_meier()
        return restricted_mean_survival(steps["time"], steps["survival"], horizon)


def reconstruct_survival(
    curve: pd.DataFrame,
    at_risk: pd.DataFrame,
    events: int | None = None,
    *,
    printed_median: float | None = None,
    printed_hazard_ratio: float | None = None,
    comparator: SurvivalReconstruction | None = None,
    wobble: float = WOBBLE,
) -> SurvivalReconstruction:
    """Return patients that reproduce a digitised Kaplan-Meier curve, with a quality report.

    Parameters
    ----------
    curve : pandas.DataFrame
        ``time`` and ``survival`` (in [0, 1]) of the points read off one arm's curve, in any
        order; both ends of a step may be given. It starts at survival 1 at time 0 and falls.
    at_risk : pandas.DataFrame
        ``time`` and ``at_risk``, the numbers printed below the curve: those still followed and
        free of the event just before each time. The first is at time 0.
    events : int, optional
        The printed total of events of this arm; then it comes out exactly. Without it, the
        patients of the last interval are taken to be censored at the rate of the earlier ones,
        and the rest at the end of the curve.
    printed_median : float, optional
        For the quality report, in the unit of the curve's time; infinite for "not reached".
    printed_hazard_ratio : float, optional
        Of this arm over `comparator`, for the quality report.
    comparator : SurvivalReconstruction, optional
        The other arm, rebuilt before.
    wobble : float
        Rises and overshoots up to this, in survival, are taken for the digitiser's hand: levelled
        out and counted. Greater ones are refused.

    Returns
    -------
    SurvivalReconstruction

    Raises
    ------
    ParameterError
        If the curve rises, or does not start at 1, by more than `wobble`; if numbers at risk
        rise or do not start at time 0; if curve, numbers at risk and total of events contradict
        one another; all problems of a call at once, where they can be told apart.

    Notes
    -----
    In an interval with ``n`` at risk at its start, a guess ``c`` of the number censored, spread
    evenly, gives the events at each point ``k`` as ``d[k] = n[k] (1 - S[k] / S'[k-1])``, rounded,
    with ``S'`` the rebuilt curve so far, so that rounding does not add up. ``c`` is changed until
    the interval ends with the printed number. Among up to 120 patients the censored are then moved
    between steps where the height of the steps asks for it: a fall from 0.9 to 0.7875 is one of
    eight, so one of nine was lost before.

    References
    ----------
    Guyot, Ades, Ouwens and Welton (2012), BMC Medical Research Methodology 12:9,
    doi:10.1186/1471-2288-12-9.

    Examples
    --------
    Ten patients, events at 1, 3 and 4, one lost between 1 and 3, six followed to time 5:

    >>> import pandas as pd
    >>> curve = pd.DataFrame(
    ...     {"time": [0, 1, 3, 4, 5], "survival": [1, 0.9, 0.7875, 0.675, 0.675]})
    >>> at_risk = pd.DataFrame({"time": [0, 5], "at_risk": [10, 6]})
    >>> rebuilt = reconstruct_survival(curve, at_risk, events=3)
    >>> rebuilt.patients.query("event == 1")["time"].tolist()
    [1.0, 3.0, 4.0]
    >>> rebuilt.patients.query("event == 0")["time"].tolist()
    [2.5, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0]
    """
    import pandas as pd

    points, numbers, notes = _checked(curve, at_risk, events, wobble)
    _check_printed(printed_median, printed_hazard_ratio, comparator)
    fits = []
    for early in (False, True):
        t, s, first, risk, led_on = _aligned(points, numbers, early=early)
        if early and len(t) == len(fits[0][0].t):
            break
        try:
            fits.append(_fit(t, s, first, risk, events, wobble))
        except ParameterError:
            if not fits:
                raise
    fit, _, more = min(fits, key=lambda found: (found[1], found[0].loss()))
    notes = [*notes, *led_on, *more]
    patients = _patients(fit)
    steps = kaplan_meier(patients["time"], patients["event"])
    own = _survival_at(steps, points[0])
    cleaned = pd.DataFrame({"time": points[0], "survival": points[1], "reconstructed": own})
    still = (patients["time"].to_numpy() >= numbers[0][:, None]).sum(axis=1)
    table = pd.DataFrame({"time": numbers[0], "at_risk": numbers[1], "reconstructed": still})
    quality = _quality(
        cleaned, table, patients, steps, events, printed_median, printed_hazard_ratio, comparator
    )
    notes = [*notes, *_warn_of(quality, len(patients))]
    return SurvivalReconstruction(patients, cleaned, table, quality, tuple(notes))


# --- what was given -------------------------------------------------------------------------------


def _checked(curve, at_risk, events, wobble):
    """Return cleaned points and numbers at risk as arrays, with notes; refuse what cannot be."""
    problems: list[Problem] = []
    t, s = _columns(curve, "curve", "survival", problems)
    risk_t, n = _columns(at_risk, "at_risk", "at_risk", problems)
    if not 0 <= wobble <= 0.1:
        problems.append(_problem("wobble", wobble, "0 to 0.1, in survival", "0.02 suits most"))
    if problems:
        raise ParameterError(problems)
    problems += _at_risk_problems(risk_t, n)
    whole = isinstance(events, int | np.integer) and not isinstance(events, bool)
    if events is not None and not (whole and events >= 0):
        problems.append(_problem("events", events, "a whole number, 0 or more", "count the events"))
    elif events is not None and len(n) and events > n[0]:
        problems.append(
            _problem(
                "events",
                events,
                f"at most the {n[0]:g} patients at time 0",
                "each patient has one event; check both numbers",
            )
        )
    t, s, notes, found = _cleaned(t, s, wobble)
    problems += found
    if problems:
        raise ParameterError(problems)
    return (t, s), (risk_t, n.astype(int)), notes


def _columns(table, name: str, second: str, problems: list[Problem]):
    """Return the two columns of a table as floats."""
    import pandas as pd

    allowed = f"a table with the columns time and {second}, numbers in every row"
    table = pd.DataFrame(table)
    for column in ("time", second):
        if column not in table.columns:
            found = Phrase(f"the columns {', '.join(map(str, table.columns)) or 'none'}")
            problems.append(_problem(name, found, allowed, f"name a column {column}"))
            return np.zeros(0), np.zeros(0)
    values = []
    for column in ("time", second):
        numbers = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
        bad = np.flatnonzero(~np.isfinite(numbers))
        if len(bad):
            row = int(bad[0])
            problems.append(
                _problem(
                    f"{name}.{column}[{row}]",
                    table[column].iloc[row],
                    "a finite number",
                    "remove the row, or read the point again",
                )
            )
        values.append(numbers)
    if not len(table):
        problems.append(_problem(name, NOTHING, allowed, "give at least two rows"))
    return values[0], values[1]


def _at_risk_problems(time: np.ndarray, number: np.ndarray) -> list[Problem]:
    problems = []
    if time[0] != 0:
        problems.append(
            _problem(
                "at_risk.time[0]",
                float(time[0]),
                "0, with the number of patients at the start",
                "add the row of time 0",
            )
        )
    for i in np.flatnonzero(np.diff(time) <= 0)[:1]:
        problems.append(
            _problem(
                f"at_risk.time[{i + 1}]",
                float(time[i + 1]),
                f"a time after {time[i]:g}",
                "sort the rows by time; each time stands once",
            )
        )
    bad = np.flatnonzero((number < 0) | (number != np.round(number)))
    for i in bad[:1]:
        problems.append(
            _problem(
                f"at_risk.at_risk[{i}]",
                float(number[i]),
                "a whole number, 0 or more",
                "count heads",
            )
        )
    if number[0] < 1:
        problems.append(
            _problem("at_risk.at_risk[0]", float(number[0]), "at least 1", "check the first number")
        )
    for i in np.flatnonzero(np.diff(number) > 0):
        problems.append(
            _problem(
                f"at_risk.at_risk[{i + 1}]",
                float(number[i + 1]),
                f"at most the {number[i]:g} at time {time[i]:g}",
                "numbers at risk never rise: check the row, and that it belongs to this arm",
            )
        )
    return problems


def _cleaned(t: np.ndarray, s: np.ndarray, wobble: float):
    """Return the curve sorted, from (0, 1), within [0, 1] and falling; notes; problems."""
    field = "curve.survival"
    if s.max() > 1 + wobble:
        found = Phrase(f"{s.max():g} at time {t[s.argmax()]:g}")
        remedy = "divide percentages by 100" if s.max() > 1.5 else "read the axis again"
        return t, s, [], [_problem(field, found, "survival in [0, 1]", remedy)]
    if s.min() < -wobble:
        found = Phrase(f"{s.min():g} at time {t[s.argmin()]:g}")
        return t, s, [], [_problem(field, found, "survival in [0, 1]", "read the axis again")]
    if t.min() < -wobble * np.ptp(t):
        return (
            t,
            s,
            [],
            [_problem("curve.time", float(t.min()), "0 or more", "read the axis again")],
        )
    notes = []
    outside = int(((s > 1) | (s < 0) | (t < 0)).sum())
    if outside:
        notes.append(_counted(outside, "point") + " a little outside the axes moved onto them")
    t, s = np.maximum(t, 0), np.clip(s, 0, 1)
    order = np.lexsort((-s, t))  # at one time from the top of the step to its foot
    t, s = t[order], s[order]
    if s[0] < 1 - wobble or (len(s) > 1 and s.max() < 1 - wobble):
        at = Phrase(f"{s[0]:g} at time {t[0]:g}")
        rising = s[-1] > s[0] + wobble
        remedy = (
            "is this a cumulative incidence, which rises? give 1 minus it"
            if rising
            else "add the point (0, 1); check that the axis is not cut"
        )
        return t, s, [], [_problem(f"{field}[0]", at, "1 at time 0", remedy)]
    if t[0] > 0:
        t, s = np.insert(t, 0, 0.0), np.insert(s, 0, 1.0)
        notes.append("the start (0, 1) added")
    elif s[0] < 1:
        s[0] = 1.0
        notes.append("the first point raised to 1")
    level = _falling(s)
    level[0] = 1.0
    rises = s - np.minimum.accumulate(s)
    worst = int(rises.argmax())
    if np.abs(level - s).max() > wobble:
        found = Phrase(f"a rise by {rises[worst]:.3g} up to {s[worst]:g} at time {t[worst]:g}")
        remedy = "a Kaplan-Meier curve never rises: remove points of another curve or a label"
        allowed = f"points within {wobble:g} of a falling curve"
        return t, s, [], [_problem(field, found, allowed, remedy)]
    count = int((np.diff(s) > 1e-12).sum())
    if count:
        notes.append(f"{_counted(count, 'rise')} of at most {rises[worst]:.2g} levelled out")
        s = level
    keep = np.append(np.diff(t) > 0, True)  # of one time the foot of the step
    keep[0] = True  # but a step at time 0 itself needs its top as well
    return t[keep], s[keep], notes, []


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def _falling(s: np.ndarray) -> np.ndarray:
    """Return the closest curve that never rises: neighbours that do are averaged (isotonic)."""
    sums, sizes = [], []
    for value in s:
        sums.append(value)
        sizes.append(1)
        while len(sums) > 1 and sums[-2] / sizes[-2] < sums[-1] / sizes[-1]:
            last, size = sums.pop(), sizes.pop()
            sums[-1] += last
            sizes[-1] += size
    return np.repeat(np.array(sums) / np.array(sizes), sizes)


def _check_printed(median, ratio, comparator) -> None:
    problems = []
    if median is not None and not median > 0:
        problems.append(
            _problem("printed_median", median, "a time above 0", "infinity for not reached")
        )
    if ratio is not None and not (np.isfinite(ratio) and ratio > 0):
        problems.append(
            _problem("printed_hazard_ratio", ratio, "a number above 0", "give exp() of a logarithm")
        )
    if ratio is not None and comparator is None:
        problems.append(
            _problem(
                "comparator",
                NOTHING,
                "the other arm's reconstruction, for a hazard ratio needs two arms",
                "reconstruct it first and pass it",
            )
        )
    if problems:
        raise ParameterError(problems)


def _aligned(points, numbers, *, early: bool):
    """Give every number at risk a point of the curve; return where each stands.

    The curve goes on level to the last number at risk above 0. That nobody is at risk after the
    end of the curve needs no point: whoever is left then is censored there. A step at the very
    time of a number at risk may have come after it (times in whole months), or just before it (a
    curve read on a grid shows it there first): with `early` it is put before.
    """
    t, s = points
    starts, n = numbers
    used = ~((starts > t[-1]) & (n == 0))
    starts, n, notes = starts[used], n[used], []
    if starts[-1] > t[-1]:
        notes = [f"the curve led on level to {starts[-1]:g}, the last time at risk"]
    if early:
        steps = np.isin(t, starts) & (np.diff(s, prepend=s[0]) < 0) & (t > 0)
        t = np.where(steps, np.nextafter(t, 0), t)
    new = starts[~np.isin(starts, t)]
    level = s[np.searchsorted(t, new, side="right") - 1]
    order = np.argsort(np.append(t, new), kind="stable")
    t, s = np.append(t, new)[order], np.append(s, level)[order]
    return t, s, np.searchsorted(t, starts, side="left"), n, notes


# --- the fit --------------------------------------------------------------------------------------


class _Fit:
    """Deaths at each point of a curve and times of censoring, filled interval by interval.

    Interval ``i`` has the points ``first[i]`` up to, not with, ``first[i + 1]``; who is censored
    at the time of a point is still at risk there.
    """

    def __init__(self, t, s, first, at_risk, wobble):
        self.t, self.s = t, s
        self.first = np.append(first, len(t))
        self.at_risk = at_risk
        self.wobble = wobble
        self.deaths = np.zeros(len(t), dtype=int)
        self.lost: list[np.ndarray] = []  # of each interval the times of censoring

    def interval(self, i: int) -> slice:
        return slice(self.first[i], self.first[i + 1])

    def ends(self, i: int) -> tuple[float, float]:
        stop = self.first[i + 1]
        return self.t[self.first[i]], self.t[min(stop, len(self.t) - 1)]

    def evenly(self, i: int, count: int) -> np.ndarray:
        start, end = self.ends(i)
        return start + (np.arange(count) + 0.5) / max(count, 1) * (end - start)

    def gaps(self, i: int, lost: np.ndarray) -> np.ndarray:
        """Return how many are censored from each point of an interval up to the next."""
        points = self.interval(i)
        own = np.searchsorted(self.t[points], lost, side="right") - 1
        return np.bincount(own, minlength=points.stop - points.start)

    def step(self, i: int, start: tuple[int, float], lost: np.ndarray):
        """Return deaths in an interval, and patients and survival at its end."""
        number, height = start
        deaths = []
        points = self.interval(i)
        for target, gone in zip(self.s[points].tolist(), self.gaps(i, lost).tolist(), strict=True):
            died = round(number * (1 - target / height)) if height > 0 and number else 0
            died = min(max(died, 0), number)
            if died:
                height *= 1 - died / number
            deaths.append(died)
            number = max(number - died - gone, 0)
        return np.array(deaths, dtype=int), (number, height)

    def fill(self, i: int, start: tuple[int, float], lost: np.ndarray) -> tuple[int, float]:
        """Settle an interval and return the state at its end."""
        deaths, end = self.step(i, start, lost)
        self.deaths[self.interval(i)] = deaths
        # Who has died cannot be lost as well.
        gaps = self.gaps(i, lost)
        left = start[0] - np.cumsum(deaths) - np.append(0, np.cumsum(gaps)[:-1])
        own = np.searchsorted(self.t[self.interval(i)], lost, side="right") - 1
        order = np.arange(len(lost)) - np.append(0, np.cumsum(gaps))[own]
        self.lost.append(lost[order < left[own]])
        return end

    # All of the curve, from what is settled.

    def numbers(self) -> np.ndarray:
        """Return how many are at risk just before each point."""
        gone = np.concatenate([self.gaps(i, lost) for i, lost in enumerate(self.lost)])
        out = np.cumsum(self.deaths + gone)
        return self.at_risk[0] - np.append(0, out[:-1])

    def survival(self) -> np.ndarray:
        return self.survival_of(self.deaths, self.numbers())

    @staticmethod
    def survival_of(deaths, numbers) -> np.ndarray:
        return np.cumprod(1 - deaths / np.maximum(numbers, 1), axis=-1)

    def loss(self) -> float:
        return float(np.mean((self.survival() - self.s) ** 2))


def _fit(t, s, first, at_risk, events, wobble):
    """Return the settled fit of a curve, how far its events were from the total, and notes."""
    fit = _Fit(t, s, first, at_risk, wobble)
    problems = [p for i in range(len(at_risk) - 1) for p in _contradiction(fit, i)]
    if problems:
        raise ParameterError(problems)
    state = (int(at_risk[0]), 1.0)
    for i in range(len(at_risk) - 1):
        lost = _lost_until(fit, i, state, int(at_risk[i + 1]))
        state = fit.fill(i, state, lost)
        state = _keep_at_risk(fit, i, state, int(at_risk[i + 1]))
    last = len(at_risk) - 1
    fit.fill(last, state, _lost_at_last(fit, state, events))
    if at_risk[0] <= _SEARCHED:
        _place_by_steps(fit, events)
    if events is not None:
        off = abs(int(fit.deaths.sum()) - events)
        return fit, off, _meet_total(fit, int(events))
    if len(at_risk) == 1:
        return fit, 0, ["no later number at risk and no total of events: nobody lost on the way"]
    return fit, 0, []


def _contradiction(fit: _Fit, i: int) -> list[Problem]:
    """Say if more are at risk at an interval's end than the curve leaves free of the event."""
    before, after = fit.first[i] - 1, fit.first[i + 1] - 1
    top, foot = (1.0 if before < 0 else fit.s[before]), fit.s[after]
    most = fit.at_risk[i] * (foot / top if top > 0 else 0)
    if fit.at_risk[i + 1] <= most + 1 + fit.wobble * fit.at_risk[0]:
        return []
    start, end = fit.ends(i)
    return [
        _problem(
            f"at_risk.at_risk[{i + 1}]",
            int(fit.at_risk[i + 1]),
            f"at most about {most:.0f}: the curve falls from {top:.3g} to {foot:.3g} between "
            f"{start:g} and {end:g}, of {fit.at_risk[i]:g} at risk",
            "check that numbers and curve belong to one arm, and the unit of time",
        )
    ]


def _lost_until(fit: _Fit, i: int, state, wanted: int) -> np.ndarray:
    """Return evenly spread times of censoring that leave the printed number at the end."""
    number = state[0]
    count, tried = max(number - wanted - int(fit.step(i, state, fit.evenly(i, 0))[0].sum()), 0), {}
    while count not in tried and len(tried) < 100:
        tried[count] = fit.step(i, state, fit.evenly(i, count))[1][0]
        count = max(count + tried[count] - wanted, 0)
    best = min(tried, key=lambda c: (abs(tried[c] - wanted), c))
    return fit.evenly(i, best)


def _keep_at_risk(fit: _Fit, i: int, state, wanted: int):
    """Turn the last few deaths or censorings so that an interval ends with the printed number."""
    number, height = state
    points = fit.interval(i)
    while number > wanted:  # rounding let one too many through
        fit.lost[i] = fit.evenly(i, len(fit.lost[i]) + number - wanted)
        number = wanted
    while number < wanted and len(fit.lost[i]):
        fit.lost[i] = fit.lost[i][:-1]
        number += 1
    while number < wanted and fit.deaths[points].any():
        _change_deaths(fit, np.flatnonzero(fit.deaths[points]) + points.start, -1)
        number += 1
    numbers = fit.at_risk[0] - np.append(0, np.cumsum(fit.deaths + _gone(fit)))
    survival = fit.survival_of(fit.deaths, numbers[:-1])
    return int(numbers[points.stop]), float(survival[points.stop - 1])


def _gone(fit: _Fit) -> np.ndarray:
    """Return how many are censored after each point, nobody in intervals not yet settled."""
    gone = np.zeros(len(fit.t), dtype=int)
    for i, lost in enumerate(fit.lost):
        gone[fit.interval(i)] = fit.gaps(i, lost)
    return gone


def _change_deaths(fit: _Fit, candidates: np.ndarray, by: int) -> None:
    """Add or take away one death where the curve suffers least."""
    settled = fit.first[len(fit.lost)]
    gone = _gone(fit)[:settled]
    tried = fit.deaths[:settled] + by * np.eye(settled, dtype=int)[candidates]
    out = np.cumsum(tried + gone, axis=1)
    numbers = fit.at_risk[0] - np.concatenate([np.zeros((len(tried), 1)), out[:, :-1]], axis=1)
    survival = fit.survival_of(tried, numbers)
    fit.deaths[candidates[np.sum((survival - fit.s[:settled]) ** 2, axis=1).argmin()]] += by


def _lost_at_last(fit: _Fit, state, events: int | None) -> np.ndarray:
    """Return times of censoring in the last interval, whose end is the end of the curve.

    With a total of events, as many as leave that total; else at the rate of the time before.
    """
    last = len(fit.at_risk) - 1
    start, end = fit.ends(last)
    number = state[0]
    if end <= start or not number:
        return np.zeros(0)
    if events is None:
        before = sum(map(len, fit.lost))
        count = round(before / start * (end - start)) if start > 0 else 0
        return _lost_by_rate(fit, state, min(count, number))
    wanted = events - int(fit.deaths.sum())

    def deaths(count):
        return int(fit.step(last, state, fit.evenly(last, count))[0].sum())

    low, high = 0, number  # the more are lost, the fewer die
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if deaths(middle) > wanted else (low, middle)
    near = range(max(low - 3, 0), min(low + 3, number) + 1)
    return fit.evenly(last, min(near, key=lambda count: (abs(deaths(count) - wanted), count)))


def _lost_by_rate(fit: _Fit, state, count: int) -> np.ndarray:
    """Return times of so many, or of fewer if the curve's last steps then want patients to die."""
    last = len(fit.at_risk) - 1
    target = fit.s[fit.interval(last)]

    def error(count):
        lost = fit.evenly(last, count)
        deaths, _ = fit.step(last, state, lost)
        number = state[0] - np.append(0, np.cumsum(deaths + fit.gaps(last, lost))[:-1])
        survival = state[1] * fit.survival_of(np.minimum(deaths, np.maximum(number, 0)), number)
        return float(np.abs(survival - target).max())

    if error(count) > _LEVEL:
        errors = np.array([error(fewer) for fewer in range(count + 1)])
        count = int(np.flatnonzero(errors <= errors.min() + _LEVEL / 2).max())
    return fit.evenly(last, count)


def _place_by_steps(fit: _Fit, events: int | None) -> None:
    """Move the censored between the steps of a small curve where its heights say so.

    Kept only if the distance to the curve falls to less than half: less may be noise. A step may
    be one death of few or two of twice as many; both readings are tried, and the total of events
    decides if it is known.
    """

    def off(candidate):
        return 0 if events is None else abs(int(candidate.deaths.sum()) - events)

    if fit.loss() < 1e-12 and not off(fit):
        return
    best = None
    for many in (True, False):
        moved = _Fit(fit.t, fit.s, fit.first[:-1], fit.at_risk, fit.wobble)
        state = (int(fit.at_risk[0]), 1.0)
        for i, lost in enumerate(fit.lost):
            wanted = int(fit.at_risk[i + 1]) if i + 1 < len(fit.at_risk) else None
            if wanted is None:
                lost = _lost_at_last(moved, state, events)
            state = moved.fill(i, state, _best_places(fit, i, state, lost, wanted, many=many))
            if wanted is not None:
                state = _keep_at_risk(moved, i, state, wanted)
        if moved.loss() < fit.loss() / 4 or moved.loss() < 1e-12:
            if best is None or (off(moved), moved.loss()) < (off(best), best.loss()):
                best = moved
    if best is not None:
        fit.deaths, fit.lost = best.deaths, best.lost


def _best_places(fit: _Fit, i: int, state, lost, wanted: int | None, *, many: bool) -> np.ndarray:
    """Return the times of censoring of one interval after moves from step to step."""
    start, end = fit.ends(i)
    points = fit.interval(i)
    s = np.append(state[1], fit.s[points])
    steps = fit.t[points][np.diff(s) < -0.3 / fit.at_risk[0]]
    steps = steps[end - steps > 1e-9 * end]  # nobody is lost between a step and the end at once
    edges = np.unique(np.concatenate([[start], steps, [end]]))
    if len(edges) < 3:
        return lost
    counts = np.histogram(lost, edges)[0]

    def places(counts):
        return np.concatenate(
            [
                a + (np.arange(c) + 0.5) / max(c, 1) * (b - a)
                for a, b, c in zip(edges, edges[1:], counts, strict=False)
            ]
        )

    def loss(counts):
        deaths, (left, _) = fit.step(i, state, places(counts))
        number = state[0] - np.append(0, np.cumsum(deaths + fit.gaps(i, places(counts)))[:-1])
        if (number < deaths).any() or wanted is not None and left != wanted:
            return np.inf
        survival = state[1] * np.cumprod(1 - deaths / np.maximum(number, 1))
        return float(np.sum((survival - fit.s[points]) ** 2))

    followed = _read_off(fit, i, state, edges, wanted, many=many)
    if loss(followed) < loss(counts):
        counts = followed
    best = loss(counts)
    for _ in range(20):
        tried = [_moved(counts, a, b) for a in np.flatnonzero(counts) for b in range(len(counts))]
        if wanted is None:  # how many are lost is open as well
            tried += [_moved(counts, None, b) for b in range(len(counts))]
            tried += [_moved(counts, a, None) for a in np.flatnonzero(counts)]
        losses = [loss(c) for c in tried]
        if not losses or min(losses) >= best - 1e-12:
            break
        best, counts = min(losses), tried[int(np.argmin(losses))]
    return places(counts)


def _read_off(fit: _Fit, i: int, state, edges, wanted: int | None, *, many: bool) -> np.ndarray:
    """Return how many are lost before each step if every step is taken at its word.

    A fall to the share 1 - d/m is d deaths among m at risk: of the m that are left, the one whose
    fraction lies nearest is taken; among equals that of most deaths, or of fewest.
    """
    number, height = state
    points = fit.interval(i)
    t, s = fit.t[points], np.append(height, fit.s[points])
    counts = np.zeros(len(edges) - 1, dtype=int)
    for place in np.flatnonzero(np.diff(s) < -0.3 / fit.at_risk[0]):
        before = max(int(np.searchsorted(edges, t[place], side="left")) - 1, 0)
        left = np.arange(number, (wanted or 0), -1)  # somebody of those at the end is among them
        if t[place] == edges[0]:
            left = left[:1]  # nobody is lost before the first moment
        if not len(left):
            break
        share = 1 - s[place + 1] / s[place]
        died = np.maximum(np.round(share * left), 1)
        away = np.round(np.abs(died / left - share), 6)
        best = int(np.lexsort((-left if many else left, away))[0])
        counts[before] += number - left[best]
        number = int(left[best] - died[best])
    if wanted is not None:
        counts[-1] += max(number - wanted, 0)
    return counts


def _moved(counts: np.ndarray, source: int | None, target: int | None) -> np.ndarray:
    counts = counts.copy()
    if source is not None:
        counts[source] -= 1
    if target is not None:
        counts[target] += 1
    return counts


def _meet_total(fit: _Fit, events: int) -> list[str]:
    """Exchange deaths and censorings until the total is as printed; refuse if the curve breaks."""
    implied = int(fit.deaths.sum())
    # Spread over the deaths there are: all at the end, where they cost least, would bend a ratio.
    share = np.cumsum(fit.deaths) / max(implied, 1)
    steps = abs(events - implied)
    for i in range(steps):
        near = (share >= i / steps) & (np.append(0, share[:-1]) <= (i + 1) / steps)
        by = 1 if events > implied else -1
        if not _exchange(fit, by, near) and not _exchange(fit, by, np.ones_like(near)):
            break
    error = float(np.abs(fit.survival() - fit.s).max())
    far = abs(events - implied) > max(2, 0.1 * implied) and error > POOR
    if fit.deaths.sum() != events or far:
        raise ParameterError(
            [
                _problem(
                    "events",
                    events,
                    f"about {implied}, which the curve and the numbers at risk imply",
                    "check that all three belong to one arm and one outcome",
                )
            ]
        )
    if events == implied:
        return []
    return [f"{_counted(abs(events - implied), 'event')} of {events} placed to meet the total"]


def _exchange(fit: _Fit, by: int, among: np.ndarray) -> bool:
    """Make a censored patient one with the event, or the other way, where it costs least."""
    gone = _gone(fit)
    gone[-1] = fit.numbers()[-1] - fit.deaths[-1]  # followed to the end of the curve
    best, place = np.inf, None
    base = fit.deaths + gone
    for k in np.flatnonzero((fit.deaths if by < 0 else gone) * among):
        deaths = fit.deaths.copy()
        deaths[k] += by
        # After it the same number is at risk: one left it in either way.
        numbers = fit.at_risk[0] - np.append(0, np.cumsum(base)[:-1])
        loss = float(np.sum((fit.survival_of(deaths, numbers) - fit.s) ** 2))
        if deaths[k] <= numbers[k] and loss < best:
            best, place = loss, k
    if place is None:
        return False
    fit.deaths[place] += by
    i = int(np.searchsorted(fit.first, place, side="right")) - 1
    own = np.searchsorted(fit.t, fit.lost[i], side="right") - 1
    if by < 0 and place < len(fit.t) - 1:
        middle = (fit.t[place] + fit.t[place + 1]) / 2
        fit.lost[i] = np.sort(np.append(fit.lost[i], middle))
    elif by > 0 and (own == place).any():
        fit.lost[i] = np.delete(fit.lost[i], np.flatnonzero(own == place)[0])
    return True


# --- what comes out -------------------------------------------------------------------------------


def _patients(fit: _Fit) -> pd.DataFrame:
    import pandas as pd

    dead = np.repeat(fit.t, fit.deaths)
    lost = np.concatenate(fit.lost)
    rest = np.full(fit.at_risk[0] - len(dead) - len(lost), fit.t[-1])
    time = np.concatenate([dead, lost, rest])
    event = np.repeat([1, 0], [len(dead), len(lost) + len(rest)])
    order = np.lexsort((1 - event, time))
    return pd.DataFrame({"time": time[order], "event": event[order]})


def _quality(cleaned, table, patients, steps, events, median, ratio, comparator) -> pd.DataFrame:
    import pandas as pd

    error = (cleaned["reconstructed"] - cleaned["survival"]).to_numpy()
    gap = (table["reconstructed"] - table["at_risk"]).to_numpy()
    nan = float("nan")
    rows = [
        ("rmse", nan, nan, float(np.sqrt(np.mean(error**2)))),
        ("greatest_error", nan, nan, float(np.abs(error).max())),
        ("greatest_at_risk_difference", nan, nan, float(np.abs(gap).max())),
    ]

    def compare(name, printed, own):
        printed = nan if printed is None else float(printed)
        same = printed == own  # both infinite, or equal
        rows.append((name, printed, float(own), 0.0 if same else float(own - printed)))

    compare("events", events, patients["event"].sum())
    compare("median", median, median_survival(steps["time"], steps["survival"]))
    if comparator is not None:
        own, _ = arm_hazard_ratio(patients, comparator.patients)
        compare("hazard_ratio", ratio, own)
    return pd.DataFrame(rows, columns=["quantity", "printed", "reconstructed", "difference"])


def _warn_of(quality: pd.DataFrame, number: int) -> list[str]:
    """Return a note, and warn, if the patients do not reproduce the curve."""
    error = float(quality.loc[quality["quantity"] == "greatest_error", "difference"].iloc[0])
    if error <= max(POOR, 1.5 / number):
        return []
    text = (
        f"curve: found a distance of {error:.2g} between the curve and its reconstruction; "
        f"allowed: {POOR} without comment; look for points of another curve, and at the numbers "
        "at risk"
    )
    warnings.warn(text, RiskModelWarning, stacklevel=3)
    return [text]


# --- Kaplan, Meier and Cox ------------------------------------------------------------------------


def kaplan_meier(time: Sequence[float], event: Sequence[int]) -> pd.DataFrame:
    """Return the Kaplan-Meier estimate of survival at every time something happens.

    Parameters
    ----------
    time : array_like, shape (patient,)
        0 or more.
    event : array_like, shape (patient,)
        1 for an event, 0 for censoring; who is censored at the time of an event is at risk then.

    Returns
    -------
    pandas.DataFrame
        ``time``, ``at_risk`` just before it, ``events``, ``censored``, ``survival`` just after.

    References
    ----------
    Kaplan and Meier (1958), Journal of the American Statistical Association 53:457,
    doi:10.1080/01621459.1958.10501452.

    Examples
    --------
    >>> kaplan_meier([1, 2, 3, 4], [1, 0, 1, 0])["survival"].tolist()
    [0.75, 0.75, 0.375, 0.375]
    """
    import pandas as pd

    time, event = np.asarray(time, dtype=float), np.asarray(event, dtype=int)
    times, place = np.unique(time, return_inverse=True)
    died = np.bincount(place, weights=event, minlength=len(times)).astype(int)
    lost = np.bincount(place, minlength=len(times)) - died
    number = len(time) - np.append(0, np.cumsum(died + lost)[:-1])
    return pd.DataFrame(
        {
            "time": times,
            "at_risk": number,
            "events": died,
            "censored": lost,
            "survival": np.cumprod(1 - died / number),
        }
    )


def median_survival(time: Sequence[float], survival: Sequence[float]) -> float:
    """Return the earliest time at which a falling curve is at 0.5 or less; infinite if never.

    Examples
    --------
    >>> median_survival([1, 2, 3], [0.8, 0.5, 0.3])
    2.0
    """
    reached = np.flatnonzero(np.asarray(survival) <= 0.5 + 1e-9)
    return float(np.asarray(time)[reached[0]]) if len(reached) else float("inf")


def restricted_mean_survival(
    time: Sequence[float], survival: Sequence[float], horizon: float
) -> float:
    """Return the area below a survival step function from 0 to a horizon, in the unit of time.

    Parameters
    ----------
    time, survival : array_like, shape (step,)
        Survival from each time on; 1 before the first.
    horizon : float
        Above 0. Past the last time the curve is led on level.

    Examples
    --------
    >>> restricted_mean_survival([1, 2], [0.5, 0], 3)
    1.5
    """
    time, survival = np.asarray(time, dtype=float), np.asarray(survival, dtype=float)
    if not (np.isfinite(horizon) and horizon > 0):
        raise ParameterError(
            [_problem("horizon", horizon, "a time above 0", "give the unit of the curve's time")]
        )
    inside = time < horizon
    edges = np.concatenate([[0.0], time[inside], [horizon]])
    return float(np.sum(np.diff(edges) * np.append(1.0, survival[inside])))


def arm_hazard_ratio(arm: pd.DataFrame, comparator: pd.DataFrame) -> tuple[float, float]:
    """Return Cox's hazard ratio of an arm over its comparator, and the log's standard error.

    Parameters
    ----------
    arm, comparator : pandas.DataFrame
        ``time`` and ``event`` of the patients of each.

    Returns
    -------
    (float, float)
        0 or infinite, with an infinite error, where one arm has no event.

    Notes
    -----
    Partial likelihood with Efron's treatment of ties, by Newton's method.

    References
    ----------
    Efron (1977), Journal of the American Statistical Association 72:557,
    doi:10.1080/01621459.1977.10480613.

    Examples
    --------
    >>> import pandas as pd
    >>> arm = pd.DataFrame({"time": [2, 4], "event": [1, 1]})
    >>> other = pd.DataFrame({"time": [1, 3], "event": [1, 1]})
    >>> ratio, _ = arm_hazard_ratio(arm, other)
    >>> print(round(ratio, 4))  # (sqrt(17) - 1) / 8
    0.3904
    """
    time = np.concatenate([arm["time"], comparator["time"]]).astype(float)
    event = np.concatenate([arm["event"], comparator["event"]]).astype(int)
    treated = np.repeat([1.0, 0.0], [len(arm), len(comparator)])
    died = event == 1
    if not died[treated == 1].any() or not died[treated == 0].any():
        none = not died.any()
        ratio = float("nan") if none else (np.inf if died[treated == 1].any() else 0.0)
        return ratio, float("inf")
    times, deaths = np.unique(time[died], return_counts=True)
    still = time >= times[:, None]
    here = (time == times[:, None]) & died
    at_risk, dead = ((np.stack([x @ (1 - treated), x @ treated])) for x in (still, here))
    # Of d tied deaths the l-th finds l/d of them already gone.
    share = np.concatenate([np.arange(d) / d for d in deaths])
    control, active = np.repeat(at_risk, deaths, axis=1) - share * np.repeat(dead, deaths, axis=1)
    total, beta = dead[1].sum(), 0.0
    for _ in range(100):
        part = active * np.exp(beta)
        chance = part / (part + control)
        information = np.sum(chance * (1 - chance))
        if information < 1e-10:
            break
        change = np.clip((total - chance.sum()) / information, -2, 2)
        beta += change
        if abs(change) < 1e-12:
            break
    if information < 1e-6 or abs(beta) > 20:  # all of one arm's events before the other's
        return (np.inf if beta > 0 else 0.0), float("inf")
    return float(np.exp(beta)), float(1 / np.sqrt(information))


def _survival_at(steps: pd.DataFrame, time: np.ndarray) -> np.ndarray:
    """Return a step function at some times, 1 before its first step."""
    place = np.searchsorted(steps["time"].to_numpy(), time, side="right")
    return np.append(1.0, steps["survival"].to_numpy())[place]


def _problem(field: str, found: object, allowed: str, remedy: str) -> Problem:
    return Problem(field=field, found=found, allowed=allowed, remedy=remedy)
