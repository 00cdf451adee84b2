"""Deaths and censorings that make a Kaplan-Meier curve, found interval by interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from riskmodel.errors import ParameterError, Problem

if TYPE_CHECKING:
    import pandas as pd

POOR = 0.05  # a distance of curve and reconstruction, in survival, that is warned of
_LEVEL = 0.02  # a distance, in survival, that makes another number of censored worth a look
_SEARCHED = 120  # patients up to which the place of each censoring is looked for in the steps


class Fit:
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


def fit_curve(t, s, first, at_risk, events, wobble) -> tuple[Fit, int, list[str]]:
    """Return the settled fit of a curve, how far its events were from the total, and notes."""
    fit = Fit(t, s, first, at_risk, wobble)
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


def _contradiction(fit: Fit, i: int) -> list[Problem]:
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


def _lost_until(fit: Fit, i: int, state, wanted: int) -> np.ndarray:
    """Return evenly spread times of censoring that leave the printed number at the end."""
    number = state[0]
    count, tried = max(number - wanted - int(fit.step(i, state, fit.evenly(i, 0))[0].sum()), 0), {}
    while count not in tried and len(tried) < 100:
        tried[count] = fit.step(i, state, fit.evenly(i, count))[1][0]
        count = max(count + tried[count] - wanted, 0)
    best = min(tried, key=lambda c: (abs(tried[c] - wanted), c))
    return fit.evenly(i, best)


def _keep_at_risk(fit: Fit, i: int, state, wanted: int):
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


def _gone(fit: Fit) -> np.ndarray:
    """Return how many are censored after each point, nobody in intervals not yet settled."""
    gone = np.zeros(len(fit.t), dtype=int)
    for i, lost in enumerate(fit.lost):
        gone[fit.interval(i)] = fit.gaps(i, lost)
    return gone


def _change_deaths(fit: Fit, candidates: np.ndarray, by: int) -> None:
    """Add or take away one death where the curve suffers least."""
    settled = fit.first[len(fit.lost)]
    gone = _gone(fit)[:settled]
    tried = fit.deaths[:settled] + by * np.eye(settled, dtype=int)[candidates]
    out = np.cumsum(tried + gone, axis=1)
    numbers = fit.at_risk[0] - np.concatenate([np.zeros((len(tried), 1)), out[:, :-1]], axis=1)
    survival = fit.survival_of(tried, numbers)
    fit.deaths[candidates[np.sum((survival - fit.s[:settled]) ** 2, axis=1).argmin()]] += by


def _lost_at_last(fit: Fit, state, events: int | None) -> np.ndarray:
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


def _lost_by_rate(fit: Fit, state, count: int) -> np.ndarray:
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


def _place_by_steps(fit: Fit, events: int | None) -> None:
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
        moved = Fit(fit.t, fit.s, fit.first[:-1], fit.at_risk, fit.wobble)
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


def _best_places(fit: Fit, i: int, state, lost, wanted: int | None, *, many: bool) -> np.ndarray:
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


def _read_off(fit: Fit, i: int, state, edges, wanted: int | None, *, many: bool) -> np.ndarray:
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


def _meet_total(fit: Fit, events: int) -> list[str]:
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
    return [f"{counted(abs(events - implied), 'event')} of {events} placed to meet the total"]


def _exchange(fit: Fit, by: int, among: np.ndarray) -> bool:
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


def rebuilt_patients(fit: Fit) -> pd.DataFrame:
    """Return ``time`` and ``event`` of every patient of a fit, in order of time."""
    import pandas as pd

    dead = np.repeat(fit.t, fit.deaths)
    lost = np.concatenate(fit.lost)
    rest = np.full(fit.at_risk[0] - len(dead) - len(lost), fit.t[-1])
    time = np.concatenate([dead, lost, rest])
    event = np.repeat([1, 0], [len(dead), len(lost) + len(rest)])
    order = np.lexsort((1 - event, time))
    return pd.DataFrame({"time": time[order], "event": event[order]})


def counted(number: int, word: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "event"), counted(2, "event")
    ('1 event', '2 events')
    """
    return f"{number} {word}" + ("" if number == 1 else "s")


def _problem(field: str, found: object, allowed: str, remedy: str) -> Problem:
    return Problem(field=field, found=found, allowed=allowed, remedy=remedy)
