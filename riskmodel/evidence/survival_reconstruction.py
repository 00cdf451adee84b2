"""Patients behind a printed Kaplan-Meier curve: times and events rebuilt from its picture.

The idea is that of Guyot et al. (2012): within each interval between two printed numbers at risk
the curve gives the events, once it is known how many patients were censored; and how many were
censored is what makes the number at risk at the interval's end come out as printed. Censoring is
spread evenly over the interval, unless the curve's own steps say otherwise. What is rebuilt is
approximate by construction; the quality report says how far it lies from what was printed.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, RiskModelWarning
from riskmodel.evidence.survival_curves import (
    arm_hazard_ratio,
    kaplan_meier,
    median_survival,
    restricted_mean_survival,
    survival_at,
)
from riskmodel.evidence.survival_fit import POOR, counted, fit_curve, rebuilt_patients

if TYPE_CHECKING:
    import pandas as pd

WOBBLE = 0.02  # a rise of the curve up to this is digitisation; more is another curve


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
            fits.append(fit_curve(t, s, first, risk, events, wobble))
        except ParameterError:
            if not fits:
                raise
    fit, _, more = min(fits, key=lambda found: (found[1], found[0].loss()))
    notes = [*notes, *led_on, *more]
    patients = rebuilt_patients(fit)
    steps = kaplan_meier(patients["time"], patients["event"])
    own = survival_at(steps, points[0])
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
        notes.append(counted(outside, "point") + " a little outside the axes moved onto them")
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
        notes.append(f"{counted(count, 'rise')} of at most {rises[worst]:.2g} levelled out")
        s = level
    keep = np.append(np.diff(t) > 0, True)  # of one time the foot of the step
    keep[0] = True  # but a step at time 0 itself needs its top as well
    return t[keep], s[keep], notes, []


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


# --- what comes out -------------------------------------------------------------------------------


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


def _problem(field: str, found: object, allowed: str, remedy: str) -> Problem:
    return Problem(field=field, found=found, allowed=allowed, remedy=remedy)
