"""The arguments of `pool_effects`, checked, and whether they have a posterior."""

from __future__ import annotations

import warnings

import numpy as np

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, RiskModelWarning
from riskmodel.evidence.heterogeneity import HeterogeneityPrior, parse_tau_prior
from riskmodel.evidence.pooling_normal import Data

DEFAULT_TAU_PRIOR = ("half_normal", 0.5)


def refuse(name: str, found: object, allowed: str, remedy: str):
    """Raise the one problem of an argument."""
    raise ParameterError([Problem(field=name, found=found, allowed=allowed, remedy=remedy)])


def checked(estimate, standard_error, study, tau_prior, mu_prior, moderators) -> Data:
    """Check the arguments of `pool_effects` and bring them into one shape."""
    problems: list[Problem] = []

    def wrong(name, found, allowed, remedy):
        problems.append(Problem(field=name, found=found, allowed=allowed, remedy=remedy))

    y, s = _numbers("estimate", estimate), _numbers("standard_error", standard_error)
    if y.ndim not in (1, 2) or y.size == 0:
        refuse("estimate", Phrase(f"shape {y.shape}"), "one or two dimensions", "list the studies")
    if s.shape not in (y.shape, y.shape[-1:]):
        found = Phrase(f"shape {s.shape} for estimates of shape {y.shape}")
        refuse("standard_error", found, "one a study", "give one standard error an estimate")
    y = np.atleast_2d(y)
    s = np.array(np.broadcast_to(s, y.shape), float)
    for place in np.argwhere(~np.isfinite(y))[:5]:
        wrong(f"estimate{_at(place, estimate)}", float(y[tuple(place)]), "a finite number", _LEAVE)
    for place in np.argwhere(~(np.isfinite(s) & (s > 0)))[:5]:
        allowed = "a positive finite number"
        wrong(f"standard_error{_at(place, estimate)}", float(s[tuple(place)]), allowed, _LEAVE)
    names = _checked_names(study, y.shape[1], wrong)
    prior = parse_tau_prior(tau_prior)
    mean_prior = _checked_mean_prior(mu_prior, wrong)
    design, centres = _checked_design(moderators, y.shape[1], wrong)
    if problems:
        raise ParameterError(problems)
    data = Data(y, s, design, centres, names, prior, mean_prior)
    check_posterior(data)
    _warn_of_scale(y, prior)
    return data


_LEAVE = "leave the study out, or find its number"


def _numbers(name: str, values: object) -> np.ndarray:
    try:
        return np.asarray(values, float)
    except (TypeError, ValueError):
        return refuse(name, Phrase(f"{values!r:.80}"), "numbers", "one number a study, no text")


def _at(place: np.ndarray, estimate: object) -> str:
    shown = place[1:] if np.ndim(estimate) == 1 else place
    return "".join(f"[{index}]" for index in shown)


def _checked_names(study, count: int, wrong) -> tuple[str, ...]:
    if study is None:
        return tuple(f"study {number}" for number in range(1, count + 1))
    names = tuple(str(name) for name in study)
    if len(names) != count:
        wrong("study", Phrase(f"{len(names)} names"), f"{count}, one a study", "name each study")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        wrong("study", twice[0], "each name once", "a study counted twice is double use")
    return names


def _checked_mean_prior(mu_prior, wrong) -> tuple[float, float] | None:
    if mu_prior is None:
        return None
    allowed = "None (flat), or (mean, standard deviation) of a normal"
    try:
        mean, deviation = (float(value) for value in mu_prior)
    except (TypeError, ValueError):
        wrong("mu_prior", mu_prior, allowed, "give two numbers")
        return None
    if not (np.isfinite(mean) and np.isfinite(deviation) and deviation > 0):
        wrong("mu_prior", mu_prior, allowed, "the standard deviation is positive and finite")
    return mean, deviation


def _checked_design(moderators, count: int, wrong) -> tuple[np.ndarray, dict[str, float]]:
    ones = np.ones((count, 1))
    if moderators is None:
        return ones, {}
    columns = getattr(moderators, "columns", None)
    values = _numbers("moderators", moderators)
    if values.ndim == 1:
        values = values[:, None]
        columns = [name] if (name := getattr(moderators, "name", None)) else None
    if values.ndim != 2 or len(values) != count or values.shape[1] == 0:
        wrong("moderators", Phrase(f"shape {values.shape}"), f"({count}, p)", "one row a study")
        return ones, {}
    if not np.isfinite(values).all():
        wrong("moderators", Phrase("nan or inf"), "finite numbers", _LEAVE)
        return ones, {}
    names = [str(name) for name in columns] if columns is not None else []
    names = names or [f"moderator_{number}" for number in range(1, values.shape[1] + 1)]
    if len(set(names)) < len(names) or "effect" in names:
        wrong("moderators", names, "columns of different names, none called effect", "rename them")
    centres = values.mean(axis=0)
    design = np.hstack([ones, values - centres])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        found = Phrase(f"{values.shape[1]} moderators that the {count} studies cannot tell apart")
        wrong("moderators", found, "fewer than studies, none constant", "leave some out")
    return design, dict(zip(names, centres.tolist(), strict=True))


def check_posterior(data: Data, *, left_out: str | None = None) -> None:
    """Refuse what has no posterior, and name the study whose absence made it so."""
    if data.finite_moments >= 0:
        return
    free = data.design.shape[1] - (data.mu_prior is not None)
    count = len(data.study)
    needed = next(k for k in range(1, 1000) if data.tau_prior.finite_moments(k - free) >= 0)
    found = f"{count} {'study' if count == 1 else 'studies'}" if count else NOTHING
    found = f"with {found}" if left_out is None else f"where leaving {left_out} out leaves {found}"
    refuse(
        "tau_prior",
        Phrase(f"{data.tau_prior} {found}"),
        f"{needed} or more studies, or a proper prior",
        "under this prior there is no posterior; name a proper prior for tau",
    )


def _warn_of_scale(y: np.ndarray, prior: HeterogeneityPrior) -> None:
    greatest = float(np.abs(y).max())
    if greatest > 10 and prior == parse_tau_prior(DEFAULT_TAU_PRIOR):
        warnings.warn(
            f"estimate: found {greatest:g}; allowed: log ratios under tau_prior {prior}; "
            "name a tau_prior on the scale of these estimates",
            RiskModelWarning,
            stacklevel=4,
        )
