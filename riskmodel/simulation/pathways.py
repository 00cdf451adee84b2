"""What would happen to these patients along a treatment pathway: states, endpoints, events."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Literal

import numpy as np

from riskmodel.errors import ParameterError, Phrase, Problem, RiskModelWarning
from riskmodel.evidence.policies import load_policy
from riskmodel.parameters.policies import LoadedPolicy
from riskmodel.parameters.profiles import Patient, resolve_patients
from riskmodel.parameters.schema import Duration
from riskmodel.simulation.pathway_engine import run_chunk
from riskmodel.simulation.pathway_parameters import PathwayDraws, pathway_draws
from riskmodel.simulation.pathway_plan import Plan, build_plan, passed_over
from riskmodel.simulation.pathway_totals import (
    ENDPOINTS,
    GRID,
    Totals,
    compared_measures,
    difference_products,
    empty_totals,
    is_time,
    measure_names,
    patient_measures,
    tick_bits,
    total,
)
from riskmodel.simulation.random_numbers import Keys

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 32768
DEFAULT_N = 10_000
MOST_N = 2**40
FEWEST_PER_DRAW = 10


@dataclass(frozen=True)
class Pathway:
    """What happened to simulated patients along one pathway.

    Parameters
    ----------
    policy : LoadedPolicy
    profiles : tuple of Patient
    parameters : PathwayDraws
    plan : Plan
    totals : tuple of Totals
        One for each profile: exact sums over patients, by draw.
    patients_per_draw : int
    bits : int
        Times were added up in 2^-bits of a day.
    seed : int
    patients : mapping of str to ndarray or None
        With ``keep="patients"``: one row for each profile, draw and patient.
    """

    policy: LoadedPolicy
    profiles: tuple[Patient, ...]
    parameters: PathwayDraws = field(repr=False)
    plan: Plan = field(repr=False)
    totals: tuple[Totals, ...] = field(repr=False)
    patients_per_draw: int
    bits: int
    seed: int
    patients: Mapping[str, np.ndarray] | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        return self.policy.id

    @property
    def draws(self) -> int:
        return self.parameters.draws

    @property
    def n(self) -> int:
        """Return how many patients each profile had."""
        return self.draws * self.patients_per_draw

    @property
    def time_unit(self) -> str:
        return self.policy.policy.horizon.unit

    def means(self, profile: int) -> dict[str, np.ndarray]:
        """Return each measure's mean over the patients of a draw; times in days, shape (draws,)."""
        totals, scale = self.totals[profile], 2.0**-self.bits
        return {
            name: totals.measures[:, i] * (scale if is_time(name) else 1.0) / self.patients_per_draw
            for i, name in enumerate(measure_names(self.plan))
        }

    def variances(self, profile: int) -> dict[str, np.ndarray]:
        """Return each measure's variance between the patients of a draw, shape (draws,)."""
        totals, m = self.totals[profile], self.patients_per_draw
        found = {}
        for i, name in enumerate(measure_names(self.plan)):
            scale = 4.0**-self.bits if is_time(name) else 1.0
            mean = totals.measures[:, i] / m
            spread = totals.squares[:, i] / m - mean**2
            found[name] = np.maximum(spread, 0.0) * scale * m / max(m - 1, 1)
        return found

    def states(self) -> pd.DataFrame:
        """Return who is where over time; see :mod:`riskmodel.simulation.pathway_tables`."""
        from riskmodel.simulation.pathway_tables import states_table

        return states_table(self)

    def endpoint_curves(self, prob: float = 0.95) -> pd.DataFrame:
        """Return the share that has reached each endpoint over time, with credible intervals."""
        from riskmodel.simulation.pathway_tables import endpoint_table

        return endpoint_table(self, prob)

    def summary(self, prob: float = 0.95) -> pd.DataFrame:
        """Return each measure with its interval and the two parts of its standard error."""
        from riskmodel.simulation.pathway_tables import summary_table

        return summary_table(self, prob)

    def moves(self) -> pd.DataFrame:
        """Return who went where, move by move."""
        from riskmodel.simulation.pathway_tables import moves_table

        return moves_table(self)

    def patient_table(self) -> pd.DataFrame:
        """Return one row for each profile, draw and patient, if they were kept."""
        from riskmodel.simulation.pathway_tables import patient_table

        return patient_table(self)


def simulate_pathway(
    posterior,
    policy: str | LoadedPolicy,
    profiles: Sequence[Mapping[str, object] | Patient] | None = None,
    *,
    n: int = DEFAULT_N,
    seed: int | None = None,
    draws: int | None = None,
    horizon: str | Duration | None = None,
    keep: Literal["patients", "totals"] = "totals",
    chunk: int = CHUNK,
    executor: Executor | None = None,
    compiled: bool | None = None,
) -> Pathway:
    """Return what would happen to patients along a declared treatment pathway.

    Parameters
    ----------
    posterior : mapping of str to array_like, or Posterior, or None
        Draws of the pathway's numbers by name: of its `priors` (risks, ratios, rates per day) and
        of its `times` (medians, in days). A result of :func:`riskmodel.fit` gives what it has
        under the same names. Whatever is missing is drawn from the pathway's own priors; None
        draws all of it.
    policy : str, pathlib.Path or LoadedPolicy
        A shipped id, or a file of schema riskmodel/policy/1.
    profiles : sequence of mapping, optional
        Covariate -> value, with an ``id``; None is one patient with every default.
    n : int
        Patients of each profile in all, shared out evenly over the draws: ``n / draws`` each,
        rounded up.
    seed : int, optional
        None draws one, says it and records it.
    draws : int, optional
        Of the parameters. None is all that the posterior has (1000 from priors), but no more than
        leaves ten patients each.
    horizon : str or Duration, optional
        Another than the pathway's own.
    keep : {"totals", "patients"}
        Sums by draw, in memory that does not grow with `n`; or every patient as well.
    chunk : int
        Patients at a time. The result is the same bits for any.
    executor : concurrent.futures.Executor, optional
        Threads or processes that share the chunks; the same bits for any.
    compiled : bool, optional
        Whether random numbers are drawn by a compiled loop where numba is there; the same
        numbers. None: where there are very many.

    Returns
    -------
    Pathway

    Raises
    ------
    ParameterError
        With everything that is wrong with the pathway, the profiles, or the draws.

    Notes
    -----
    Formulas in docs/pathways.md. Patients of different profiles, and of different pathways under
    one seed, share their luck: comparing them is paired.

    Examples
    --------
    >>> result = simulate_pathway(None, "stepwise_immunotherapy", n=400, seed=1, draws=20)
    >>> result.n, result.time_unit
    (400, 'month')
    """
    (result,) = simulate_pathways(
        posterior, [policy], profiles, n=n, seed=seed, draws=draws, horizon=horizon, keep=keep,
        chunk=chunk, executor=executor, compiled=compiled,
    )[0]  # fmt: skip
    return result


def simulate_pathways(
    posterior,
    policies: Sequence[str | LoadedPolicy],
    profiles: Sequence[Mapping[str, object] | Patient] | None = None,
    *,
    n: int = DEFAULT_N,
    seed: int | None = None,
    draws: int | None = None,
    horizon: str | Duration | None = None,
    keep: Literal["patients", "totals"] = "totals",
    chunk: int = CHUNK,
    executor: Executor | None = None,
    compiled: bool | None = None,
) -> tuple[tuple[Pathway, ...], tuple[tuple[np.ndarray, ...], ...]]:
    """Return several pathways of the same patients, and how they differ patient by patient.

    Parameters
    ----------
    posterior, profiles, n, seed, draws, horizon, keep, chunk, executor, compiled
        As of :func:`simulate_pathway`.
    policies : sequence
        The first is what the others are compared with.

    Returns
    -------
    pathways : tuple of Pathway
    products : tuple of tuple of ndarray
        For each further pathway and each profile: sums over patients of products of differences
        in the measures compared, in ticks, shape (draws, measures, measures).
    """
    loaded = [load_policy(policy) for policy in policies]
    seed = _seed(seed)
    n, chunk = (_whole(k, v) for k, v in (("n", n), ("chunk", chunk)))
    if keep not in ("totals", "patients"):
        _refuse("keep", keep, "totals or patients", "write one of them")
    days = _horizon(loaded, horizon)
    parameters = pathway_draws(posterior, loaded, draws=draws, seed=seed)
    if draws is None and parameters.draws > max(n // FEWEST_PER_DRAW, 1):
        most = max(n // FEWEST_PER_DRAW, 1)
        parameters = pathway_draws(posterior, loaded, draws=most, seed=seed)
    each = -(-n // parameters.draws)
    bits = tick_bits(days, each)
    # A covariate that one pathway asks about may be stated to all of them.
    known = {name for policy in loaded for name in policy.policy.covariates}
    patients = [_patients(policy, profiles, known) for policy in loaded]
    plans = tuple(
        build_plan(policy, of_policy, parameters, days)
        for policy, of_policy in zip(loaded, patients, strict=True)
    )
    _require_alike(plans)
    size = parameters.draws * each
    use_compiled = size >= 200_000 if compiled is None else compiled
    results = []
    for profile in range(len(patients[0])):
        jobs = [
            _Job(plans, profile, seed, each, first, min(first + chunk, size), bits,
                 keep == "patients", use_compiled)
            for first in range(0, size, chunk)
        ]  # fmt: skip
        results.append(_gather(plans, parameters.draws, jobs, executor))
    pathways = tuple(
        Pathway(
            policy=replace_horizon(policy, horizon),
            profiles=tuple(patients[i]),
            parameters=parameters,
            plan=plans[i],
            totals=tuple(part[0][i] for part in results),
            patients_per_draw=each,
            bits=bits,
            seed=seed,
            patients=_joined([part[2][i] for part in results]) if keep == "patients" else None,
        )
        for i, policy in enumerate(loaded)
    )
    products = tuple(tuple(part[1][i] for part in results) for i in range(len(loaded) - 1))
    return pathways, products


# --- chunks ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Job:
    """One chunk of one profile: patients `first` to `last` of all draws, one draw after another."""

    plans: tuple[Plan, ...]
    profile: int
    seed: int
    each: int
    first: int
    last: int
    bits: int
    keep: bool
    compiled: bool


def _run(job: _Job):
    """Return a chunk's first draw, its totals by plan, products of differences, and patients."""
    place = np.arange(job.first, job.last)
    draw, patient = place // job.each, place % job.each
    local = draw - draw[0]
    keys = Keys.of(job.seed, patient, draw, compiled=job.compiled)
    chunks = [run_chunk(plan, job.profile, keys, draw) for plan in job.plans]
    touched = int(local[-1]) + 1
    totals = [
        total(plan, courses, local, touched, job.bits)
        for plan, courses in zip(job.plans, chunks, strict=True)
    ]
    products = [
        difference_products((job.plans[0], plan), (chunks[0], courses), local, job.bits)
        for plan, courses in zip(job.plans[1:], chunks[1:], strict=True)
    ]
    kept = None
    if job.keep:
        kept = [
            {"draw": draw, "patient": patient, **_kept(plan, courses)}
            for plan, courses in zip(job.plans, chunks, strict=True)
        ]
    return int(draw[0]), totals, products, kept


def _kept(plan: Plan, courses) -> dict[str, np.ndarray]:
    rows = {name: getattr(courses, name) for name in ENDPOINTS}
    rows |= {
        name: value
        for name, value in patient_measures(plan, courses).items()
        if name not in ("time_to_recovery", "time_to_response", "death")
    }
    rows |= {f"courses_of_{s.name}": courses.courses[i] for i, s in enumerate(plan.stages)}
    rows |= {f"first_{e.name}": courses.first_event[i] for i, e in enumerate(plan.events)}
    return rows


def _gather(plans, draws: int, jobs: Sequence[_Job], executor: Executor | None):
    totals = [empty_totals(plan, draws) for plan in plans]
    size = len(compared_measures(plans[0]))
    products = [np.zeros((draws, size, size), dtype=np.int64) for _ in plans[1:]]
    kept: list[list[dict]] = [[] for _ in plans]
    for first, of_plans, of_pairs, rows in _results(jobs, executor):
        for mine, theirs in zip(totals, of_plans, strict=True):
            mine.add(theirs, first)
        for mine, theirs in zip(products, of_pairs, strict=True):
            mine[first : first + theirs.shape[0]] += theirs
        if rows:
            for mine, theirs in zip(kept, rows, strict=True):
                mine.append(theirs)
    whole = [
        {key: np.concatenate([part[key] for part in parts]) for key in parts[0]} if parts else None
        for parts in kept
    ]
    return totals, products, whole


def _results(jobs: Sequence[_Job], executor: Executor | None) -> Iterator:
    """Yield results in the order of the jobs; with an executor, a few wait at a time."""
    if executor is None:
        yield from map(_run, jobs)
        return
    waiting: list = []
    for job in jobs:
        waiting.append(executor.submit(_run, job))
        if len(waiting) >= 16:
            yield waiting.pop(0).result()
    for future in waiting:
        yield future.result()


def _joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the patients of every profile under one another, with the profile's number."""
    rows = {"profile": np.repeat(np.arange(len(parts)), [p["draw"].size for p in parts])}
    return rows | {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


# --- arguments ------------------------------------------------------------------------------------


def _patients(loaded: LoadedPolicy, profiles, known: set[str]) -> list[Patient]:
    """Return profiles with every covariate of a pathway; None is one with every default."""
    if profiles is not None and all(isinstance(p, Patient) for p in profiles) and len(profiles):
        rows = [
            {"id": p.id, **{k: v for k, v in p.values.items() if v is not None}} for p in profiles
        ]
    else:
        rows = [{}] if profiles is None else [dict(p) for p in profiles]
    policy = loaded.policy
    others = known - set(policy.covariates)
    rows = [{key: value for key, value in row.items() if key not in others} for row in rows]
    asked = SimpleNamespace(covariates=policy.covariates, options={})
    patients = resolve_patients(asked, rows)
    noted = []
    for patient in patients:
        said = tuple(
            f"{label} passed over: {why}" for label, why in passed_over(loaded, patient).items()
        )
        noted.append(replace(patient, notes=(*patient.notes, *said)))
    return noted


def _require_alike(plans: Sequence[Plan]) -> None:
    first = plans[0]
    problems = [
        Problem(
            field=plan.id,
            found=Phrase(f"events {', '.join(e.name for e in plan.events) or 'none'}"),
            allowed=f"those of {first.id}: {', '.join(e.name for e in first.events) or 'none'}",
            remedy="declare the same events in pathways that are compared, in one order",
        )
        for plan in plans[1:]
        if [e.name for e in plan.events] != [e.name for e in first.events]
    ]
    if len({plan.id for plan in plans}) < len(plans):
        problems.append(
            Problem(
                field="policies",
                found=Phrase(", ".join(plan.id for plan in plans)),
                allowed="each pathway once",
                remedy="leave out one, or give it another id",
            )
        )
    if problems:
        raise ParameterError(problems)


def _horizon(loaded: Sequence[LoadedPolicy], horizon) -> float:
    if horizon is not None:
        return Duration.read(horizon).days
    found = {policy.policy.horizon.days for policy in loaded}
    if len(found) > 1:
        shown = ", ".join(str(policy.policy.horizon) for policy in loaded)
        _refuse("horizon", Phrase(shown), "one horizon for all pathways", "pass horizon=")
    return found.pop()


def replace_horizon(loaded: LoadedPolicy, horizon) -> LoadedPolicy:
    """Return a pathway that is simulated to another horizon than its own."""
    if horizon is None:
        return loaded
    policy = loaded.policy.model_copy(update={"horizon": Duration.read(horizon)})
    return replace(loaded, problem=policy)


def _seed(seed: int | None) -> int:
    if seed is None:
        seed = secrets.randbelow(2**31)
        warnings.warn(
            f"seed: found nothing; drew {seed}; pass seed={seed} to repeat this run",
            RiskModelWarning,
            stacklevel=4,
        )
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        _refuse("seed", seed, "a whole number of at least 0", "write for example 7")
    return int(seed)


def _whole(name: str, value: int) -> int:
    fits = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not (fits and 1 <= value <= MOST_N):
        _refuse(name, value, f"a whole number from 1 to {MOST_N}", "give a number of patients")
    return int(value)


def _refuse(field_: str, found, allowed: str, remedy: str):
    raise ParameterError([Problem(field=field_, found=found, allowed=allowed, remedy=remedy)])


def grid_days(result: Pathway) -> np.ndarray:
    """Return the times of the grid, in days."""
    return np.linspace(0.0, result.plan.horizon, GRID + 1)
