"""Tables of a simulated pathway: tidy rows, times in the pathway's own unit, errors split in two.

A mean over draws and patients is uncertain for two reasons, and each has its column: the numbers
that went in are (interval, and standard error of having so many draws), and only so many patients
were simulated. The two are told apart by analysis of variance, as for one random effect: with draw
means ``y_d`` of ``m`` patients each, their variance is ``tau^2 + sigma^2 / m``, where ``sigma^2``
is the mean variance within draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from riskmodel.errors import NOTHING, ParameterError, Problem
from riskmodel.parameters.schema import Duration
from riskmodel.simulation.pathway_totals import ENDPOINTS, SHOWN_MOVES, is_time, measure_names
from riskmodel.simulation.pathways import Pathway, grid_days

if TYPE_CHECKING:
    import pandas as pd

BEGINNING = "beginning"


def unit_days(result: Pathway) -> float:
    """Return the days in the pathway's unit of time."""
    return Duration(value=1.0, unit=result.time_unit).days


def split_error(means: np.ndarray, variances: np.ndarray, patients: int, prob: float) -> dict:
    """Return a mean over draws, its credible interval, and its standard error in two parts.

    Parameters
    ----------
    means, variances : ndarray, shape (draws,)
        Of the patients of each draw.
    patients : int
        Of each draw.
    prob : float
        Of the equal-tailed interval.

    Returns
    -------
    dict
        ``mean``; ``lower`` and ``upper`` of what the numbers leave open, patient noise taken off by
        drawing the means in; ``standard_error_patients``; ``standard_error_draws``; and
        ``standard_error``, of both.

    Examples
    --------
    >>> found = split_error(np.array([1.0, 3.0]), np.array([0.0, 0.0]), 10, 0.95)
    >>> found["mean"], float(found["standard_error"]), float(found["standard_error_patients"])
    (2.0, 1.0, 0.0)
    """
    draws, mean = means.size, float(means.mean())
    within = float(variances.mean()) / patients
    between = float(means.var(ddof=1)) if draws > 1 else float("nan")
    parameters = max(between - within, 0.0) if draws > 1 else float("nan")
    kept = np.sqrt(parameters / between) if draws > 1 and between > 0 else 0.0
    tail = (1 - prob) / 2
    lower, upper = np.quantile(mean + (means - mean) * kept, [tail, 1 - tail])
    if draws == 1:
        lower = upper = float("nan")
    patient_part = np.sqrt(within / draws)
    draw_part = np.sqrt(parameters / draws)
    return {
        "mean": mean,
        "lower": float(lower),
        "upper": float(upper),
        "prob": prob,
        "standard_error": float(np.hypot(patient_part, draw_part)) if draws > 1 else patient_part,
        "standard_error_patients": patient_part,
        "standard_error_draws": draw_part,
    }


def states_table(result: Pathway) -> pd.DataFrame:
    """Return the share of patients in each state over time.

    Returns
    -------
    DataFrame
        profile, time, time_unit, state, label, probability, standard_error.
    """
    import pandas as pd

    times, frames = grid_days(result) / unit_days(result), []
    labels = state_labels(result)
    for profile, totals in zip(result.profiles, result.totals, strict=True):
        share = totals.occupied / result.patients_per_draw
        error = _share_errors(share, result.patients_per_draw)
        for i, state in enumerate(result.plan.states):
            frames.append(
                pd.DataFrame(
                    {
                        "profile": profile.id,
                        "time": times,
                        "time_unit": result.time_unit,
                        "state": state,
                        "label": labels[state],
                        "probability": share[:, i].mean(axis=0),
                        "standard_error": error[i],
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def _share_errors(share: np.ndarray, m: int) -> np.ndarray:
    """Return the standard error of shares over draws and patients, shape (states, grid)."""
    draws = share.shape[0]
    if draws > 1:
        return share.std(axis=0, ddof=1) / np.sqrt(draws)
    return np.sqrt(share[0] * (1 - share[0]) / m)


def endpoint_table(result: Pathway, prob: float) -> pd.DataFrame:
    """Return the share that has reached each endpoint by each time.

    Returns
    -------
    DataFrame
        profile, endpoint, label, time, time_unit, mean, lower, upper, prob, and the parts of the
        standard error. Deaths before an endpoint stay in the denominator: an incidence beside
        competing death, not one minus Kaplan-Meier.
    """
    import pandas as pd

    _check_prob(prob)
    times, rows = grid_days(result) / unit_days(result), []
    labels = endpoint_labels(result)
    for profile, totals in zip(result.profiles, result.totals, strict=True):
        for i, endpoint in enumerate(ENDPOINTS):
            if endpoint not in labels:
                continue
            share = totals.reached[:, i] / result.patients_per_draw
            m = result.patients_per_draw
            within = share * (1 - share) * m / max(m - 1, 1)
            for g, time in enumerate(times):
                rows.append(
                    {
                        "profile": profile.id,
                        "endpoint": endpoint,
                        "label": labels[endpoint],
                        "time": time,
                        "time_unit": result.time_unit,
                        **split_error(share[:, g], within[:, g], m, prob),
                    }
                )
    return pd.DataFrame(rows)


def summary_table(result: Pathway, prob: float) -> pd.DataFrame:
    """Return what happened by the horizon, a row for each profile and quantity.

    Returns
    -------
    DataFrame
        profile, quantity, label, unit, mean, lower, upper, prob, standard_error and its parts.
        Restricted mean times count who does not get there, or dies before, as the horizon.
    """
    import pandas as pd

    _check_prob(prob)
    rows = []
    for i, profile in enumerate(result.profiles):
        for quantity, label, unit, means, variances in _quantities(result, i):
            error = split_error(means, variances, result.patients_per_draw, prob)
            rows.append(
                {"profile": profile.id, "quantity": quantity, "label": label, "unit": unit, **error}
            )
    return pd.DataFrame(rows)


def _quantities(result: Pathway, i: int):
    """Yield each quantity of a profile: name, label, unit, means and variances by draw."""
    m, totals = result.patients_per_draw, result.totals[i]
    means, variances = result.means(i), result.variances(i)
    horizon, days = result.policy.policy.horizon, unit_days(result)
    endpoints = endpoint_labels(result)
    for j, endpoint in enumerate(ENDPOINTS):
        if endpoint in endpoints:
            label = f"{endpoints[endpoint]} by {horizon}"
            yield _of_share(f"{endpoint}_by_horizon", label, totals.reached[:, j, -1] / m, m)
    for name in measure_names(result.plan):
        if not is_time(name) or (name == "time_to_response" and "response" not in endpoints):
            continue
        yield (
            name,
            measure_label(result, name),
            result.time_unit,
            means[name] / days,
            variances[name] / days**2,
        )
    for j, stage in enumerate(result.plan.stages):
        label = result.policy.policy.stages[stage.name].label
        yield _of_share(f"ever_in_{stage.name}", f"Ever: {label}", totals.visits[:, j] / m, m)
        if stage.courses:
            courses = totals.courses[:, j] / m
            spread = (totals.course_squares[:, j] / m - courses**2) * m / max(m - 1, 1)
            yield (
                f"courses_of_{stage.name}",
                f"Courses: {label}",
                "courses per patient",
                courses,
                np.maximum(spread, 0.0),
            )
    yield "courses", "Courses", "courses per patient", means["courses"], variances["courses"]
    for j, event in enumerate(result.plan.events):
        label = result.policy.policy.events[event.name].label
        yield event.name, label, "events per patient", means[event.name], variances[event.name]
        yield _of_share(
            f"any_{event.name}", f"{label}, at least one", totals.any_event[:, j] / m, m
        )


def _of_share(name: str, label: str, share: np.ndarray, m: int):
    return name, label, "probability", share, share * (1 - share) * m / max(m - 1, 1)


def moves_table(result: Pathway) -> pd.DataFrame:
    """Return who went from which state to which at which move.

    Returns
    -------
    DataFrame
        profile, move (0 is the beginning), origin, origin_label, destination,
        destination_label, destination_place (among the states), share of all
        the profile's patients. Moves beyond the sixth are left out.
    """
    import pandas as pd

    names = [BEGINNING, *result.plan.states]
    labels = {BEGINNING: "Beginning", **state_labels(result)}
    rows = []
    for profile, totals in zip(result.profiles, result.totals, strict=True):
        for move in range(SHOWN_MOVES):
            for origin, destination in zip(*np.nonzero(totals.moves[move]), strict=True):
                rows.append(
                    {
                        "profile": profile.id,
                        "move": move,
                        "origin": names[origin],
                        "origin_label": labels[names[origin]],
                        "destination": result.plan.states[destination],
                        "destination_label": labels[result.plan.states[destination]],
                        "destination_place": int(destination),
                        "share": totals.moves[move, origin, destination] / result.n,
                    }
                )
    return pd.DataFrame(rows)


def patient_table(result: Pathway) -> pd.DataFrame:
    """Return one row for each profile, draw and patient; times in the pathway's unit.

    Raises
    ------
    ParameterError
        If the patients were not kept.
    """
    import pandas as pd

    if result.patients is None:
        raise ParameterError(
            [
                Problem(
                    field="patients",
                    found=NOTHING,
                    allowed='a pathway simulated with keep="patients"',
                    remedy='pass keep="patients"; memory then grows with n',
                )
            ]
        )
    days = unit_days(result)
    names = np.array([profile.id for profile in result.profiles])
    columns = {"profile": names[result.patients["profile"]], "time_unit": result.time_unit}
    for name, values in result.patients.items():
        if name != "profile":
            columns[name] = values / days if values.dtype.kind == "f" else values
    return pd.DataFrame(columns)


# --- words ----------------------------------------------------------------------------------------


def state_labels(result: Pathway) -> dict[str, str]:
    """Return each state as one reads it."""
    policy = result.policy.policy
    endpoint = policy.natural_recovery.endpoint
    labels = {name: stage.label for name, stage in policy.stages.items()}
    return labels | {"recovered": endpoint[:1].upper() + endpoint[1:], "dead": "Dead"}


def endpoint_labels(result: Pathway) -> dict[str, str]:
    """Return each endpoint that the pathway has, as one reads it; they are never one another."""
    policy = result.policy.policy
    labels = {"recovery": state_labels(result)["recovered"]}
    if any(stage.response for stage in policy.stages.values()):
        labels = {"response": "First response", **labels}
    if policy.relapse:
        labels["relapse"] = "Relapse"
    deadly = policy.death or any(event.fatal for event in policy.events.values())
    return labels | ({"death": "Death"} if deadly else {})


def measure_label(result: Pathway, name: str) -> str:
    """Return a measure as one reads it."""
    policy, states = result.policy.policy, state_labels(result)
    if name == "time_to_recovery":
        return f"{states['recovered']}: restricted mean time to it"
    if name == "time_to_response":
        return "First response: restricted mean time to it"
    if name.startswith("time_in_"):
        return f"Time in: {states[name.removeprefix('time_in_')]}"
    if name in policy.events:
        return policy.events[name].label
    return {"courses": "Courses", "death": "Death"}[name]


def _check_prob(prob: float) -> None:
    if not 0 < prob < 1:
        raise ParameterError(
            [
                Problem(
                    field="prob",
                    found=prob,
                    allowed="a number strictly between 0 and 1",
                    remedy="write for example 0.95",
                )
            ]
        )
