"""Totals of chunks that add up exactly: whole numbers, so that the order never shows.

Times are counted in ticks, a power of two of a day chosen from the horizon and the number of
patients, such that sums and sums of products stay whole numbers of 64 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from riskmodel.errors import ParameterError, Phrase, Problem
from riskmodel.simulation.pathway_engine import Courses
from riskmodel.simulation.pathway_plan import Plan

GRID = 60
SHOWN_MOVES = 6
ENDPOINTS = ("response", "recovery", "relapse", "death")


@dataclass
class Totals:
    """Sums over patients, by draw.

    Parameters
    ----------
    measures : ndarray of int, shape (draws, measures)
        Sums in ticks (times) or ones (counts), in the order of :func:`measure_names`.
    squares : ndarray of int, shape (draws, measures)
        Sums of squares.
    occupied : ndarray of int, shape (draws, states, grid)
        Patients in each state at each time of the grid.
    reached : ndarray of int, shape (draws, endpoints, grid)
        Patients who had reached each endpoint by then.
    visits : ndarray of int, shape (draws, stages)
        Patients who were ever in a stage.
    courses, course_squares : ndarray of int, shape (draws, stages)
    any_event : ndarray of int, shape (draws, events)
        Patients with at least one.
    moves : ndarray of int, shape (SHOWN_MOVES, states + 1, states + 1)
        Over all draws: n-th move, from which (0: the beginning), to which state.
    """

    measures: np.ndarray
    squares: np.ndarray
    occupied: np.ndarray
    reached: np.ndarray
    visits: np.ndarray
    courses: np.ndarray
    course_squares: np.ndarray
    any_event: np.ndarray
    moves: np.ndarray

    def add(self, other: Totals, first_draw: int) -> None:
        """Add a chunk's totals, whose draws begin at one of ours."""
        for part in fields(self):
            mine, theirs = getattr(self, part.name), getattr(other, part.name)
            if part.name == "moves":
                mine += theirs
            else:
                mine[first_draw : first_draw + theirs.shape[0]] += theirs


def empty_totals(plan: Plan, draws: int) -> Totals:
    """Return zeros of every total."""
    states, stages, events = len(plan.states), len(plan.stages), len(plan.events)
    size = len(measure_names(plan))
    shapes = {
        "measures": (draws, size),
        "squares": (draws, size),
        "occupied": (draws, states, GRID + 1),
        "reached": (draws, len(ENDPOINTS), GRID + 1),
        "visits": (draws, stages),
        "courses": (draws, stages),
        "course_squares": (draws, stages),
        "any_event": (draws, events),
        "moves": (SHOWN_MOVES, states + 1, states + 1),
    }
    return Totals(**{name: np.zeros(shape, dtype=np.int64) for name, shape in shapes.items()})


def measure_names(plan: Plan) -> tuple[str, ...]:
    """Return what is added up for each patient: times in days, counts, and death as 0 or 1."""
    times = ("time_to_recovery", "time_to_response", *(f"time_in_{s}" for s in plan.states))
    return (*times, "courses", *(event.name for event in plan.events), "death")


def is_time(measure: str) -> bool:
    """Say whether a measure is counted in ticks."""
    return measure.startswith(("time_to_", "time_in_"))


def tick_bits(horizon: float, patients: int) -> int:
    """Return b such that times in 2^-b of a day keep every sum of products below 2^62.

    Examples
    --------
    >>> tick_bits(1095.0, 1000)
    15
    """
    room = (62 - int(np.ceil(np.log2(max(patients, 1))))) // 2 - int(np.ceil(np.log2(horizon)))
    if room < 2:
        raise ParameterError(
            [
                Problem(
                    field="n",
                    found=Phrase(f"{patients} patients a draw over {horizon:g} days"),
                    allowed="few enough that sums stay exact in whole numbers",
                    remedy="take more draws, or fewer patients",
                )
            ]
        )
    return min(room, 15)


def total(plan: Plan, courses: Courses, local: np.ndarray, draws: int, bits: int) -> Totals:
    """Return a chunk's totals.

    Parameters
    ----------
    local : ndarray of int
        Draw of each patient, from 0; equal ones stand together, in order.
    draws : int
        How many draws the chunk touches.
    bits : int
        Of :func:`tick_bits`.
    """
    out = empty_totals(plan, draws)
    starts = np.flatnonzero(np.diff(local, prepend=-1))
    rows = _ticks(plan, courses, bits)
    out.measures[:] = np.add.reduceat(rows, starts, axis=1).T
    out.squares[:] = np.add.reduceat(rows * rows, starts, axis=1).T
    _fill_grid(plan, courses, local, out)
    out.visits[:] = _sum_by(courses.time_in[: len(plan.stages)] > 0, starts)
    out.courses[:] = _sum_by(courses.courses, starts)
    out.course_squares[:] = _sum_by(courses.courses**2, starts)
    if plan.events:
        out.any_event[:] = _sum_by(courses.events > 0, starts)
    _fill_moves(plan, courses, out)
    return out


def compared_measures(plan: Plan) -> tuple[str, ...]:
    """Return the measures in which pathways are compared; every pathway has the same."""
    return (
        "time_to_recovery",
        f"time_in_{plan.states[plan.recovered]}",
        "courses",
        *(event.name for event in plan.events),
        "death",
    )


def difference_products(
    plans: tuple[Plan, Plan], chunks: tuple[Courses, Courses], local: np.ndarray, bits: int
) -> np.ndarray:
    """Return sums of products of within-patient differences between two pathways, by draw.

    Returns
    -------
    ndarray of int, shape (draws, measures, measures)
        Of :func:`compared_measures`, second pathway minus first.
    """
    starts = np.flatnonzero(np.diff(local, prepend=-1))
    picked = []
    for plan, courses in zip(plans, chunks, strict=True):
        rows, names = _ticks(plan, courses, bits), measure_names(plan)
        picked.append(rows[[names.index(name) for name in compared_measures(plan)]])
    difference = picked[1] - picked[0]
    size = difference.shape[0]
    out = np.zeros((starts.size, size, size), dtype=np.int64)
    for i in range(size):
        products = np.add.reduceat(difference[i] * difference[i:], starts, axis=1).T
        out[:, i, i:] = products
        out[:, i:, i] = products
    return out


def patient_measures(plan: Plan, courses: Courses) -> dict[str, np.ndarray]:
    """Return each measure of each patient; times in days, restricted to the horizon."""
    values = {
        "time_to_recovery": np.minimum(courses.recovery, plan.horizon),
        "time_to_response": np.minimum(courses.response, plan.horizon),
    }
    for state, name in enumerate(plan.states):
        values[f"time_in_{name}"] = courses.time_in[state]
    values["courses"] = courses.courses.sum(axis=0)
    for i, event in enumerate(plan.events):
        values[event.name] = courses.events[i]
    values["death"] = np.isfinite(courses.death).astype(np.int64)
    return values


def _ticks(plan: Plan, courses: Courses, bits: int) -> np.ndarray:
    """Return each measure of each patient as whole numbers, shape (measures, patients)."""
    scale = 2.0**bits
    values = patient_measures(plan, courses)
    rows = np.empty((len(values), courses.recovery.size), dtype=np.int64)
    ticks = np.empty(rows.shape[1])
    for row, (name, value) in zip(rows, values.items(), strict=True):
        if is_time(name):
            np.multiply(value, scale, out=ticks)
            ticks += 0.5  # whole ticks are cut off next: rounded, since no time is negative
            row[:] = ticks
        else:
            row[:] = value
    return rows


def _sum_by(rows: np.ndarray, starts: np.ndarray) -> np.ndarray:
    return np.add.reduceat(rows.astype(np.int64), starts, axis=1).T


def _place(time: np.ndarray, horizon: float) -> np.ndarray:
    """Return the first place of the grid at or after a time; beyond the grid for infinity."""
    place = time * (GRID / horizon)
    np.ceil(place, out=place)
    np.minimum(place, GRID + 1, out=place)
    return place.astype(np.int64)


def _fill_grid(plan: Plan, courses: Courses, local: np.ndarray, out: Totals) -> None:
    draws = out.measures.shape[0]
    width = GRID + 2
    changes = np.zeros((len(plan.states), draws * width), dtype=np.int64)
    for state, members, start, end in courses.segments:
        base = local[members] * width
        for time, sign in ((start, 1), (end, -1)):
            places = _place(time, plan.horizon)
            places += base
            changes[state] += sign * np.bincount(places, minlength=draws * width)
    changes = changes.reshape(len(plan.states), draws, width).transpose(1, 0, 2)
    out.occupied[:] = np.cumsum(changes, axis=2)[:, :, : GRID + 1]
    for i, name in enumerate(ENDPOINTS):
        time = getattr(courses, name)
        there = np.flatnonzero(np.isfinite(time))
        places = local[there] * width + _place(time[there], plan.horizon)
        counts = np.bincount(places, minlength=draws * width).reshape(draws, width)
        out.reached[:, i] = np.cumsum(counts, axis=1)[:, : GRID + 1]


def _fill_moves(plan: Plan, courses: Courses, out: Totals) -> None:
    size = len(plan.states) + 1
    for number, origin, to, _ in courses.moves:
        shown = number < SHOWN_MOVES
        flat = (number[shown].astype(np.int64) * size + origin + 1) * size + to[shown]
        out.moves += np.bincount(flat, minlength=SHOWN_MOVES * size * size).reshape(out.moves.shape)
