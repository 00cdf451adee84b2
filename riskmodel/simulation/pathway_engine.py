"""One chunk of patients goes through a pathway: visits to stages, and what happens in each.

Every luck of a patient is keyed by (seed, patient, draw, use), and every step works element by
element, so a patient's course does not depend on who else is in the chunk.

Recovery is an event in operational time: a patient carries a unit exponential threshold, and
recovers when the cumulative hazard, natural hazard times the stage's ratio, has used it up. Adverse
events are counted likewise: the k-th comes when the hazard so far passes the sum of k unit
exponentials. So two pathways that differ in hazard only move the same patients' events in time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from riskmodel.simulation.pathway_plan import EventPlan, Exposure, Plan, StagePlan
from riskmodel.simulation.random_numbers import Keys, use_number

NATURAL = use_number("natural recovery")
DEATH = use_number("death")
RELAPSE = use_number("relapse")
RESPONDING = use_number("responding")
MOST_OCCURRENCES = 255


@dataclass
class Courses:
    """What happened to each patient of a chunk; times in days since the pathway began.

    Parameters
    ----------
    recovery, response, relapse, death : ndarray, shape (patients,)
        First times; infinite where not before the horizon.
    time_in : ndarray, shape (states, patients)
    courses : ndarray of int, shape (stages, patients)
    events : ndarray of int, shape (events, patients)
    first_event : ndarray, shape (events, patients)
        Time of the first of each event; infinite for none.
    segments : list of (state, members, start, end)
        Who was in a state from when to when; the last of each patient ends at infinity.
    moves : list of (visit, from, to, members)
        Who went from which state to which after how many moves; from -1 at the beginning.
    """

    recovery: np.ndarray
    response: np.ndarray
    relapse: np.ndarray
    death: np.ndarray
    time_in: np.ndarray
    courses: np.ndarray
    events: np.ndarray
    first_event: np.ndarray
    segments: list[tuple[int, np.ndarray, np.ndarray, np.ndarray]]
    moves: list[tuple[np.ndarray, int, np.ndarray, np.ndarray]]


@dataclass
class _Now:
    """Where each patient of a chunk stands; replaced in place as they go on."""

    keys: Keys
    draw: np.ndarray
    time: np.ndarray
    state: np.ndarray
    moves: np.ndarray
    clock: np.ndarray
    hazard: np.ndarray
    left: np.ndarray
    episode: np.ndarray
    death: np.ndarray
    prone: np.ndarray | None
    visits: np.ndarray
    frailty: list[np.ndarray | None]
    event_left: list[np.ndarray | None]


def run_chunk(plan: Plan, profile: int, keys: Keys, draw: np.ndarray) -> Courses:
    """Return what happens to the patients of some keys under a pathway.

    Parameters
    ----------
    plan : Plan
    profile : int
        Which of the plan's profiles they have.
    keys : Keys
    draw : ndarray of int
        The draw of each patient, as an index into the plan's arrays.
    """
    now = _begin(plan, profile, keys, draw)
    out = _nothing_yet(plan, draw.size)
    everyone = np.arange(draw.size)
    now.state[:] = plan.start[profile]
    _move(out, now, -1, everyone, now.state)
    done = plan.recovered + 2
    while True:
        waiting = False
        for state in range(plan.recovered + 1):
            members = np.flatnonzero(now.state == state)
            if members.size:
                waiting = True
                if state == plan.recovered:
                    _stay_recovered(plan, profile, now, out, members)
                else:
                    _visit(plan, profile, plan.stages[state], state, now, out, members)
        if not waiting:
            break
    dead = np.flatnonzero(now.state == plan.dead)
    out.segments.append((plan.dead, dead, out.death[dead], np.full(dead.size, np.inf)))
    out.time_in[plan.dead, dead] = plan.horizon - out.death[dead]
    now.state[dead] = done
    return out


def _begin(plan: Plan, profile: int, keys: Keys, draw: np.ndarray) -> _Now:
    size = draw.size
    clock = np.full(size, plan.since_onset[profile])
    now = _Now(
        keys=keys,
        draw=draw,
        time=np.zeros(size),
        state=np.zeros(size, dtype=np.int16),
        moves=np.zeros(size, dtype=np.int16),
        clock=clock,
        hazard=np.zeros(size),
        left=np.zeros(size),
        episode=np.zeros(size, dtype=np.int64),
        death=np.full(size, np.inf),
        prone=None,
        visits=np.zeros((plan.lucks, size), dtype=np.int64),
        frailty=[None] * len(plan.events),
        event_left=[None] * len(plan.events),
    )
    _new_episode(plan, profile, now, np.arange(size))
    if plan.death_rate is not None:
        first, _ = keys.pair(DEATH)
        with np.errstate(divide="ignore"):
            now.death = -np.log(first) / plan.death_rate[draw]
    if plan.response_sd:
        from scipy.special import ndtri

        now.prone = plan.response_sd * ndtri(keys.pair(RESPONDING)[0])
    for i, event in enumerate(plan.events):
        now.event_left[i] = -np.log(keys.pair(event.use)[0])
        if event.sd:
            now.frailty[i] = _frailty(event, keys)
    return now


def _frailty(event: EventPlan, keys: Keys) -> np.ndarray:
    from scipy.special import ndtri

    return np.exp(event.sd * ndtri(keys.pair(event.frailty_use)[0]) - event.sd**2 / 2)


def _new_episode(plan: Plan, profile: int, now: _Now, members: np.ndarray) -> None:
    """Give patients a threshold of natural recovery; infinite for those who never recover."""
    draw, clock = now.draw[members], now.clock[members]
    uniform, other = now.keys.take(members).pair(NATURAL + now.episode[members])
    left = -np.log(uniform)
    started = clock > 0
    hazard = np.zeros(members.size)
    if started.any():
        hazard = plan.natural.take(draw).cumulative_hazard(clock)
    if plan.never is not None:
        never = plan.never[draw]
        # Of those who have not recovered by now, the longer it lasted the fewer ever will.
        recovers = (1 - never) * np.exp(-hazard)
        with np.errstate(invalid="ignore"):
            left = np.where(other * (never + recovers) < recovers, left, np.inf)
    if not plan.possible[profile]:
        left[:] = np.inf
    now.hazard[members], now.left[members] = hazard, left


def _nothing_yet(plan: Plan, size: int) -> Courses:
    never = np.full(size, np.inf)
    return Courses(
        recovery=never.copy(),
        response=never.copy(),
        relapse=never.copy(),
        death=never.copy(),
        time_in=np.zeros((len(plan.states), size)),
        courses=np.zeros((len(plan.stages), size), dtype=np.int64),
        events=np.zeros((len(plan.events), size), dtype=np.int64),
        first_event=np.full((len(plan.events), size), np.inf),
        segments=[],
        moves=[],
    )


def _move(out: Courses, now: _Now, origin: int, members: np.ndarray, to: np.ndarray) -> None:
    out.moves.append((now.moves[members].copy(), origin, to.copy(), members))
    now.moves[members] += 1
    now.state[members] = to


# --- one visit to a stage -------------------------------------------------------------------------


def _visit(
    plan: Plan, profile: int, stage: StagePlan, state: int, now: _Now, out: Courses, members
) -> None:
    """Take patients through one stay in a stage, until whatever ends it first."""
    draw, start = now.draw[members], now.time[members]
    natural = plan.natural.take(draw)
    visit = now.visits[stage.luck, members]
    keys = now.keys.take(members)
    response = _response(stage, now, keys, draw, visit, members)
    ends = np.minimum(now.death[members], plan.horizon) - start
    stay = np.minimum(ends, stage.assess_after)
    own = _own_recovery(stage, keys, draw, visit)
    spent = _used(stage, natural, now, members, draw, response, stay)
    recovered = _recovery(stage, natural, now, members, draw, spent, stay)
    if own is not None:
        recovered = np.minimum(recovered, own)
    stay = np.minimum(stay, recovered)
    stop, stay = _adverse_events(plan, stage, now, out, members, draw, visit, stay)
    _spend(stage, natural, now, members, draw, response, stay, spent, np.flatnonzero(stop >= 0))
    _count(stage, state, now, out, members, start, stay)
    responded = response <= stay
    if stage.response is not None:
        now_responds = np.flatnonzero(responded)
        who = members[now_responds]
        first = np.minimum(out.response[who], start[now_responds] + response[now_responds])
        out.response[who] = first
    now.visits[stage.luck, members] += 1

    # What ended the stay, the later line over the earlier: assessment, recovery, an adverse event.
    end = start + stay
    to = np.full(members.size, -1, dtype=np.int16)
    to[stay >= ends] = -2
    judged = (to == -1) & (stay >= stage.assess_after)
    to[judged] = plan.enter[profile, stage.on_failure]
    if stage.by_response:
        to[judged & responded] = plan.enter[profile, stage.on_success]
    to[recovered <= stay] = plan.recovered
    stopped = stop >= 0
    to[stopped] = stop[stopped]
    targets = np.flatnonzero(stopped & (to < plan.recovered))
    to[targets] = plan.enter[profile, to[targets]]
    _leave(plan, now, out, state, members, start, end, to)


def _leave(plan: Plan, now: _Now, out: Courses, state: int, members, start, end, to) -> None:
    """Note the segment and send patients on: -2 is whatever the end of time brings, -1 nothing."""
    last = np.flatnonzero(to == -2)
    dies = last[now.death[members[last]] < plan.horizon]
    to[dies] = plan.dead
    end[dies] = now.death[members[dies]]  # to the bit, whatever way led there
    final = last[to[last] == -2]
    until = end.copy()
    until[final] = np.inf
    end[final] = plan.horizon
    out.time_in[state, members] += end - start
    out.segments.append((state, members, start, until))
    now.time[members] = end
    dead = np.flatnonzero(to == plan.dead)
    out.death[members[dead]] = end[dead]
    fresh = np.flatnonzero(to == plan.recovered)
    fresh = fresh[np.isinf(out.recovery[members[fresh]])]
    out.recovery[members[fresh]] = end[fresh]
    now.state[members[final]] = plan.recovered + 2
    goes = np.flatnonzero(to != -2)
    if goes.size:
        _move(out, now, state, members[goes], to[goes])


def _response(stage: StagePlan, now: _Now, keys: Keys, draw, visit, members) -> np.ndarray:
    """Return how long into the stage a patient responds; infinite for never."""
    never = np.full(members.size, np.inf)
    if stage.response is None:
        return never
    first, second = keys.pair(stage.response_use + visit)
    share = stage.share[draw]
    if now.prone is not None:
        from scipy.special import expit

        share = expit(share + now.prone[members])
    responds = np.flatnonzero(first < share)
    never[responds] = stage.response.take(draw[responds]).quantile(second[responds])
    return never


def _own_recovery(stage: StagePlan, keys: Keys, draw, visit) -> np.ndarray | None:
    if stage.own is None:
        return None
    first, second = keys.pair(stage.own_use + visit)
    time = np.full(draw.size, np.inf)
    recovers = np.flatnonzero(first < stage.own_share[draw])
    time[recovers] = stage.own.take(draw[recovers]).quantile(second[recovers])
    return time


# --- recovery in operational time -----------------------------------------------------------------


def _used(stage: StagePlan, natural, now: _Now, members, draw, response, stay):
    """Return the hazard of recovery used up in a stay, its part before the ratio, and H at the end.

    The ratio holds from a time in the stage on: from the patient's response, or from `after`.
    """
    clock, before = now.clock[members], now.hazard[members]
    at_end = natural.cumulative_hazard(clock + stay)
    if stage.ratio is None:
        return at_end - before, None, at_end
    turn = response if stage.among_responders else np.full(members.size, stage.after)
    if not stage.among_responders and stage.after == 0.0:
        until_turn = np.zeros(members.size)
    else:
        until_turn = natural.cumulative_hazard(clock + np.minimum(turn, stay)) - before
    with np.errstate(invalid="ignore"):
        used = until_turn + stage.ratio[draw] * (at_end - before - until_turn)
    return np.where(turn < stay, used, at_end - before), until_turn, at_end


def _recovery(stage: StagePlan, natural, now: _Now, members, draw, spent, stay) -> np.ndarray:
    """Return how long into the stage natural recovery comes, if within the stay; else infinity."""
    time = np.full(members.size, np.inf)
    used, until_turn, _ = spent
    hit = np.flatnonzero(used >= now.left[members])
    if hit.size == 0:
        return time
    who = members[hit]
    left, before = now.left[who], now.hazard[who]
    needed = left
    if until_turn is not None:
        turn = until_turn[hit]
        late = left > turn
        needed = np.where(late, turn + (left - turn) / stage.ratio[draw[hit]], left)
    reached = natural.take(hit).time_of(before + needed) - now.clock[who]
    # Rounding may put a recovery that lies within the stay a hair outside it.
    time[hit] = np.minimum(np.maximum(reached, 0.0), stay[hit])
    return time


def _spend(stage, natural, now: _Now, members, draw, response, stay, spent, cut) -> None:
    """Keep what is left of the threshold; of patients who recover or die it no longer matters."""
    used, _, at_end = spent
    if cut.size:
        used, at_end = used.copy(), at_end.copy()
        who = members[cut]
        used[cut], _, at_end[cut] = _used(
            stage, natural.take(cut), now, who, draw[cut], response[cut], stay[cut]
        )
    now.left[members] = np.maximum(now.left[members] - used, 0.0)
    now.hazard[members] = at_end
    now.clock[members] += stay


def _count(stage: StagePlan, state: int, now: _Now, out: Courses, members, start, stay) -> None:
    """Count the courses begun in a stay: one at its start, and one at every interval within it."""
    if stage.courses == 0:
        return
    begun = np.ones(members.size, dtype=np.int64)
    if stage.courses > 1:
        # A course that falls on the moment of leaving is not given.
        begun = np.ceil(np.minimum(stay, stage.every * stage.courses) / stage.every)
        begun = np.clip(begun, 1, stage.courses).astype(np.int64)
    out.courses[state, members] += begun


# --- adverse events in operational time -----------------------------------------------------------


def _adverse_events(
    plan: Plan, stage: StagePlan, now: _Now, out: Courses, members, draw, visit, stay
) -> tuple[np.ndarray, np.ndarray]:
    """Count events in a stay; return where a stopping or fatal one leads (or -1), and the stay."""
    stop = np.full(members.size, -1, dtype=np.int16)
    by_event = {exposure.event: exposure for exposure in stage.exposures}
    stays = []
    for i, event in enumerate(plan.events):
        exposure = by_event.get(i)
        if exposure is not None or event.background is not None:
            hazard = _hazard(event, exposure, now.frailty[i], members, draw, visit, stay)
            hit = np.flatnonzero(hazard >= now.event_left[i][members])
            stays.append((i, exposure, hazard, hit))
    happened = [
        _occurrences(plan.events[i], i, exposure, now, out, members, draw, visit, hit, hazard, stay)
        for i, exposure, hazard, hit in stays
    ]
    if any(happened):
        stay = stay.copy()
        for (_, exposure, _, _), occurrences in zip(stays, happened, strict=True):
            _cut_short(plan, exposure, occurrences, stop, stay)
    cut = np.flatnonzero(stop >= 0)
    for (i, exposure, hazard, _), occurrences in zip(stays, happened, strict=True):
        if cut.size:
            hazard[cut] = _hazard(
                plan.events[i], exposure, now.frailty[i], members[cut], draw[cut], visit[cut],
                stay[cut],
            )  # fmt: skip
        _settle(plan.events[i], i, now, out, members, hazard, occurrences, stay)
    return stop, stay


def _parts(event: EventPlan, exposure: Exposure | None, frailty, members, draw, visit):
    """Return the factors of a patient's cumulative hazard: of the initial and the repeated part."""
    size = members.size
    factor = frailty[members] if frailty is not None else 1.0
    first = later = steady = np.zeros(0)
    if exposure is not None:
        later = factor * exposure.later[draw]
        # The first course is a patient's very first of this treatment.
        first = np.where(visit == 0, factor * exposure.first[draw], later)
    if event.background is not None:
        steady = factor * event.background[draw]
    return tuple(part if part.size else np.zeros(size) for part in (first, later, steady))


def _hazard(event, exposure: Exposure | None, frailty, members, draw, visit, stay) -> np.ndarray:
    first, later, steady = _parts(event, exposure, frailty, members, draw, visit)
    hazard = steady * stay if event.background is not None else 0.0
    if exposure is not None:
        hazard = hazard + first * np.interp(stay, exposure.breaks, exposure.initial)
        if exposure.repeated[-1] > 0:
            hazard = hazard + later * np.interp(stay, exposure.breaks, exposure.repeated)
    return hazard


def _time_of(event, exposure, frailty, members, draw, visit, target, stay) -> np.ndarray:
    """Return when in the stay a cumulative hazard is reached, on the lines between breaks."""
    first, later, steady = _parts(event, exposure, frailty, members, draw, visit)
    if exposure is None:
        return np.minimum(target / steady, stay)
    lines = (
        first[:, None] * exposure.initial
        + later[:, None] * exposure.repeated
        + steady[:, None] * exposure.breaks
    )
    upper = np.maximum((lines < target[:, None]).sum(axis=1), 1)
    last = exposure.breaks.size - 1
    beyond = upper > last
    upper = np.minimum(upper, last)
    rows = np.arange(target.size)
    low, high = lines[rows, upper - 1], lines[rows, upper]
    x0, x1 = exposure.breaks[upper - 1], exposure.breaks[upper]
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = x0 + (x1 - x0) * np.where(high > low, (target - low) / (high - low), 0.0)
        after = exposure.breaks[-1] + (target - lines[:, -1]) / steady
    return np.minimum(np.where(beyond, after, inside), stay)


def _occurrences(event, i, exposure, now: _Now, out, members, draw, visit, hit, hazard, stay):
    """Return every occurrence in the stay as it would be uncut: (place, number, time, fatal)."""
    happened = []
    places, target = hit, now.event_left[i][members[hit]]
    limit = hazard[hit]
    number = out.events[i, members[hit]]
    while places.size:
        who = members[places]
        time = _time_of(
            event, exposure, now.frailty[i], who, draw[places], visit[places], target, stay[places]
        )
        keys = now.keys.take(who)
        # The k-th number of this use is the k-th threshold; its partner, the k-th event's outcome.
        fatal = np.zeros(places.size, dtype=bool)
        if event.fatal is not None:
            fatal = keys.pair(event.use + number)[1] < event.fatal[draw[places]]
        happened.append((places, number, time, fatal, target))
        number = np.minimum(number + 1, MOST_OCCURRENCES)
        following = target - np.log(keys.pair(event.use + number)[0])
        more = (following <= limit) & (number < MOST_OCCURRENCES)
        places, target, limit, number = (a[more] for a in (places, following, limit, number))
    return happened


def _cut_short(plan: Plan, exposure, happened, stop, stay) -> None:
    """End stays at the first occurrence that is fatal or stops the stage."""
    for places, _, time, fatal, _ in happened:
        ends = fatal | (exposure is not None and exposure.stops)
        earlier = ends & ((time < stay[places]) | (stop[places] < 0)) & (time <= stay[places])
        where = places[earlier]
        stay[where] = time[earlier]
        stop[where] = np.where(fatal[earlier], plan.dead, exposure.go_to if exposure else -1)


def _settle(event: EventPlan, i, now: _Now, out: Courses, members, hazard, happened, stay) -> None:
    """Count what happened until the stay's end, and keep what is left of the next threshold."""
    threshold = now.event_left[i][members]
    for places, number, time, _, target in happened:
        counted = time <= stay[places]
        places = places[counted]
        where = members[places]
        first = np.isinf(out.first_event[i, where])
        out.first_event[i, where[first]] = (now.time[where] + time[counted])[first]
        out.events[i, where] += 1
        following = np.minimum(number[counted] + 1, MOST_OCCURRENCES)
        uniform, _ = now.keys.take(where).pair(event.use + following)
        threshold[places] = target[counted] - np.log(uniform)
    now.event_left[i][members] = np.maximum(threshold - hazard, 0.0)


# --- recovered ------------------------------------------------------------------------------------


def _stay_recovered(plan: Plan, profile: int, now: _Now, out: Courses, members) -> None:
    """Keep patients recovered until death, the horizon, or a relapse that sends them on."""
    start, draw = now.time[members], now.draw[members]
    ends = np.minimum(now.death[members], plan.horizon) - start
    stay = ends
    if plan.relapse_rate is not None:
        uniform, _ = now.keys.take(members).pair(RELAPSE + now.episode[members])
        again = now.episode[members] < plan.relapse_most
        with np.errstate(divide="ignore"):
            wait = np.where(again, -np.log(uniform) / plan.relapse_rate[draw], np.inf)
        stay = np.minimum(ends, wait)
    nothing = _NO_STAGE
    visit = np.zeros(members.size, dtype=np.int64)
    stop, stay = _adverse_events(plan, nothing, now, out, members, draw, visit, stay)
    to = np.where(stay >= ends, -2, -1).astype(np.int16)
    to[stop >= 0] = plan.dead
    relapsed = np.flatnonzero(to == -1)
    if relapsed.size:
        who = members[relapsed]
        to[relapsed] = plan.enter[profile, plan.relapse_to]
        fresh = np.isinf(out.relapse[who])
        out.relapse[who[fresh]] = (start + stay)[relapsed][fresh]
    _leave(plan, now, out, plan.recovered, members, start, start + stay, to)
    if relapsed.size:
        now.episode[who] += 1
        now.clock[who] = 0.0
        _new_episode(plan, profile, now, who)


@dataclass(frozen=True)
class _NoStage:
    exposures: tuple = ()


_NO_STAGE = _NoStage()
