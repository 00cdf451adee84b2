"""Checks that the pooling of counts shares: counts, names, and how fine a grid."""

from __future__ import annotations

import numpy as np

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem
from riskmodel.evidence.pooling_priors import location_prior, proper_tau_prior


def whole_numbers(name: str, given: object, problems: list[Problem]) -> np.ndarray:
    """Return counts as floats; what is none is added to `problems`."""
    try:
        values = np.atleast_1d(np.asarray(given, float))
    except (TypeError, ValueError):
        problems.append(
            Problem(
                field=name,
                found=given,
                allowed="whole numbers, one a study",
                remedy="leave out text and gaps",
            )
        )
        return np.empty(0)
    if values.ndim != 1 or not len(values):
        found = NOTHING if not values.size else Phrase(f"shape {values.shape}")
        problems.append(
            Problem(
                field=name, found=found, allowed="a list, one number a study", remedy="give one"
            )
        )
        return np.empty(0)
    for i, value in enumerate(values):
        if not np.isfinite(value) or value < 0 or value != np.rint(value):
            remedy = "give the counts as printed, and leave a study without them out"
            if np.isfinite(value) and value > 0:
                remedy = "a count weighted or adjusted has no binomial likelihood: pool its effect"
            problems.append(
                Problem(
                    field=f"{name}[{i}]",
                    found=float(value),
                    allowed="a whole number of at least 0",
                    remedy=remedy,
                )
            )
    return values


def checked_names(study, names, arrays, problems: list[Problem]) -> tuple[str, ...]:
    """Return the names of studies; lists of different lengths are added to `problems`."""
    lengths = {name: len(values) for name, values in zip(names, arrays, strict=True)}
    if len(set(lengths.values())) > 1 and all(lengths.values()):
        problems.append(
            Problem(
                field=", ".join(names),
                found=Phrase("lengths " + ", ".join(str(length) for length in lengths.values())),
                allowed="lists of one length",
                remedy="give one entry a study in each",
            )
        )
    k = max(lengths.values(), default=0)
    if study is None:
        return tuple(f"study {i + 1}" for i in range(k))
    study = (study,) if isinstance(study, str) else tuple(str(name) for name in study)
    if len(study) != k and not problems:
        problems.append(
            Problem(
                field="study",
                found=Phrase(f"{len(study)} names"),
                allowed=f"{k} names, one a study",
                remedy="name each study once",
            )
        )
    doubled = sorted({name for name in study if study.count(name) > 1})
    if doubled:
        problems.append(
            Problem(
                field="study",
                found=doubled[0],
                allowed="each name once",
                remedy="one study entered twice counts its patients twice; tell two apart",
            )
        )
    return study


def check_events_and_n(names, arrays, study, problems: list[Problem]) -> None:
    """Add to `problems` arms without patients and with more events than patients."""
    for i, (events, n) in enumerate(zip(*arrays, strict=True)):
        if n == 0:
            problems.append(
                Problem(
                    field=f"{names[1]}[{i}]",
                    found=0,
                    allowed="at least 1 patient",
                    remedy=f"leave {study[i]} out",
                )
            )
        elif events > n:
            problems.append(
                Problem(
                    field=f"{names[0]}[{i}]",
                    found=int(events),
                    allowed=f"at most {names[1]}[{i}] = {int(n)}",
                    remedy="count patients with an event, not events; or mend the pair",
                )
            )


def check_resolution(resolution: object, problems: list[Problem]) -> None:
    """Add to `problems` a resolution that is too low for its answer to mean anything."""
    number = isinstance(resolution, int | float) and not isinstance(resolution, bool)
    if not number or not 0.5 <= resolution <= 16:
        problems.append(
            Problem(
                field="resolution",
                found=resolution,
                allowed="a number from 0.5 to 16",
                remedy="1 is accurate; 2 checks it",
            )
        )


def positive_numbers(name: str, given: object, problems: list[Problem]) -> np.ndarray:
    """Return times as floats; what is none is added to `problems`."""
    try:
        values = np.atleast_1d(np.asarray(given, float))
    except (TypeError, ValueError):
        values = np.full((1, 1), np.nan)
    if values.ndim != 1 or not len(values):
        shape = Phrase("no list of numbers")
        problems.append(
            Problem(field=name, found=shape, allowed="one number a study", remedy="give a list")
        )
        return np.empty(0)
    for i, value in enumerate(values):
        if not np.isfinite(value) or value <= 0:
            problems.append(
                Problem(
                    field=f"{name}[{i}]",
                    found=float(value),
                    allowed="a positive number",
                    remedy="give patients times the mean follow-up, in one unit for all",
                )
            )
    return values


def checked_priors(mu_prior, tau_prior, resolution, problems: list[Problem]):
    """Return both priors, or raise with every problem found up to here."""
    found = location_prior(mu_prior, problems), proper_tau_prior(tau_prior, problems)
    check_resolution(resolution, problems)
    if problems:
        raise ParameterError(problems)
    return found
