"""The numbers of a pathway, draw by draw: from a posterior, from arrays, or from its own priors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from riskmodel.errors import ParameterError, Phrase, Problem, did_you_mean
from riskmodel.evidence.policies import (
    TimeDistribution,
    policy_priors,
    prior_uses,
    time_distribution,
)
from riskmodel.parameters.policies import LoadedPolicy
from riskmodel.simulation.random_numbers import normal
from riskmodel.simulation.time_laws import TimeLaw

PRIOR_DRAWS = 1000
MOST_DRAWS = 100_000
_ALLOWED = {
    "risk": ("from 0 to 1", lambda x: (x >= 0) & (x <= 1)),
    "course_risk": ("from 0 to 1", lambda x: (x >= 0) & (x <= 1)),
    "ratio": ("above 0, and finite", lambda x: (x > 0) & np.isfinite(x)),
    "rate": ("at least 0 a day, and finite", lambda x: (x >= 0) & np.isfinite(x)),
    "time": ("a median above 0, in days", lambda x: (x > 0) & np.isfinite(x)),
}


@dataclass(frozen=True)
class PathwayDraws:
    """Draws of every number that one or more pathways name.

    Parameters
    ----------
    values : mapping of str to ndarray, shape (draws,)
        By the name of a prior (a risk, a ratio, or a rate per day) or of a time (its median in
        days).
    laws : mapping of str to TimeLaw
        Of each time.
    given : tuple of str
        Names whose draws came from the posterior; every other was drawn from its prior.
    badges : mapping of str to str
        What each number rests on: data, assumed, elicited or transported.
    seed : int
    """

    values: Mapping[str, np.ndarray]
    laws: Mapping[str, TimeLaw]
    given: tuple[str, ...]
    badges: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0

    @property
    def draws(self) -> int:
        return next(iter(self.laws.values())).median.size


def pathway_draws(
    posterior, policies: Sequence[LoadedPolicy], *, draws: int | None, seed: int
) -> PathwayDraws:
    """Return draws of every number that pathways name, the same for all of them.

    Parameters
    ----------
    posterior : mapping of str to array_like, or Posterior, or PathwayDraws, or None
        Draws by name, one-dimensional and of one length, or a number that is taken as known: of
        priors, and of times (the median in days). A result of :func:`riskmodel.fit` gives every
        quantity of one value a draw under its own name. What is not there is drawn from the
        pathway's priors; None draws all.
    policies : sequence of LoadedPolicy
        A name that two of them use must be declared alike in both.
    draws : int, optional
        How many; fewer than the posterior has are taken evenly spaced. None: all the posterior
        has, or 1000.
    seed : int
        For what is drawn from priors; a prior's draws depend on its name, not on the others.

    Raises
    ------
    ParameterError
        If an array cannot be that number, a name is not the pathways', or they contradict one
        another.
    """
    if isinstance(posterior, PathwayDraws):
        return posterior
    specifications = _specifications(policies)
    given = _given(posterior, specifications)
    size = _size(given, draws)
    index = {n: np.arange(size) * n // size for n in {a.size for a in given.values()}}
    values = {name: array[index[array.size]] for name, array in given.items()}
    badges: dict[str, str] = {}
    laws: dict[str, TimeLaw] = {}
    for loaded in policies:
        for name, prior in policy_priors(loaded).items():
            badges[name] = prior.badge
            if name not in values:
                values[name] = prior.at_score(normal(seed, 0, np.arange(size), _use(name)))
        for name, specification in loaded.policy.times.items():
            badges[name] = specification.badge
            law = time_distribution(loaded, name)
            if name not in values:
                values[name] = _medians(law, name, size, seed)
            laws[name] = TimeLaw(law.family, values[name], np.full(size, law.shape))
    return PathwayDraws(values, laws, tuple(given), badges, seed)


def _use(name: str) -> str:
    return f"prior:{name}"


def _medians(law: TimeDistribution, name: str, size: int, seed: int) -> np.ndarray:
    if law.log_sd == 0:
        return np.full(size, law.median)
    return law.median * np.exp(law.log_sd * normal(seed, 0, np.arange(size), _use(name)))


def _specifications(policies: Sequence[LoadedPolicy]) -> dict[str, tuple[object, str]]:
    """Return how each name is declared and what kind of number it is; refuse two meanings."""
    known: dict[str, tuple[object, str]] = {}
    problems = []
    for loaded in policies:
        kinds = {name: kind for _, name, kind in prior_uses(loaded.policy)}
        declared = {name: (spec, kinds[name]) for name, spec in loaded.policy.priors.items()}
        for name, spec in loaded.policy.times.items():
            declared[name] = ((spec, loaded.time_ranges.get(spec.from_ or "")), "time")
        for name, (spec, kind) in declared.items():
            if name in known and known[name][0] != spec:
                problems.append(
                    Problem(
                        field=name,
                        found=Phrase(f"declared in {loaded.id} otherwise than in another pathway"),
                        allowed="one meaning for one name in pathways that are compared",
                        remedy="give one of the two another name",
                    )
                )
            known.setdefault(name, (spec, kind))
    if problems:
        raise ParameterError(problems)
    return known


def _given(posterior, specifications: Mapping[str, tuple[object, str]]) -> dict[str, np.ndarray]:
    """Return the draws that a posterior has of the names in question, checked."""
    if posterior is None:
        return {}
    problems, found = [], {}
    for name, value in _named_draws(posterior, specifications).items():
        if name not in specifications:
            problems.append(
                Problem(
                    field=f"posterior.{name}",
                    found=name,
                    allowed="names of the pathway's priors and times",
                    remedy=did_you_mean(name, specifications),
                )
            )
            continue
        array = np.atleast_1d(np.asarray(value, dtype=float))
        words, fits = _ALLOWED[specifications[name][1]]
        if array.ndim != 1 or array.size == 0 or not fits(array).all():
            wrong = array.ravel()[~fits(array.ravel())]
            problems.append(
                Problem(
                    field=f"posterior.{name}",
                    found=float(wrong[0]) if wrong.size else Phrase(f"shape {array.shape}"),
                    allowed=f"one number a draw, {words}",
                    remedy="flatten chains and draws into one dimension; check the scale",
                )
            )
            continue
        found[name] = array
    sizes = {array.size for array in found.values() if array.size > 1}
    if len(sizes) > 1:
        problems.append(
            Problem(
                field="posterior",
                found=Phrase(f"arrays of {', '.join(map(str, sorted(sizes)))} draws"),
                allowed="one length: draws belong together",
                remedy="give each parameter's value at the same draws",
            )
        )
    if problems:
        raise ParameterError(problems)
    return found


def _named_draws(posterior, specifications) -> dict[str, object]:
    """Return names and arrays of a mapping, or the one-valued quantities of a posterior."""
    if isinstance(posterior, Mapping):
        return dict(posterior)
    dataset = getattr(posterior, "draws", None)
    if not hasattr(dataset, "data_vars"):
        raise ParameterError(
            [
                Problem(
                    field="posterior",
                    found=Phrase(type(posterior).__name__),
                    allowed="a mapping of names to draws, a fitted posterior, or None",
                    remedy="pass {name: array} with the pathway's own names",
                )
            ]
        )
    return {
        name: dataset[name].transpose("chain", "draw").values.ravel()
        for name in dataset.data_vars
        if name in specifications and set(dataset[name].dims) == {"chain", "draw"}
    }


def _size(given: Mapping[str, np.ndarray], draws: int | None) -> int:
    available = max((array.size for array in given.values()), default=1)
    most = available if available > 1 else MOST_DRAWS
    if draws is None:
        return available if available > 1 else PRIOR_DRAWS
    if not (isinstance(draws, (int, np.integer)) and 1 <= draws <= most):
        raise ParameterError(
            [
                Problem(
                    field="draws",
                    found=draws,
                    allowed=f"a whole number from 1 to {most}",
                    remedy="give no more draws than the posterior has",
                )
            ]
        )
    return int(draws)
