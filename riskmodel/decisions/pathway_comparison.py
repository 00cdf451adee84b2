"""Pathways against one another: the same patients, the same luck, and what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, did_you_mean
from riskmodel.simulation.pathway_tables import measure_label, split_error, unit_days
from riskmodel.simulation.pathway_totals import compared_measures, is_time
from riskmodel.simulation.pathways import DEFAULT_N, Pathway, simulate_pathways

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PathwayComparison:
    """How pathways differ in the same patients.

    Parameters
    ----------
    pathways : tuple of Pathway
        The first is what the others are compared with.
    differences : DataFrame
        profile, pathway, versus, quantity, label, unit, mean (the pathway minus the other), lower,
        upper, prob, and the parts of the standard error.
    net_benefit : DataFrame
        The same of net benefit; empty without values.
    best : DataFrame
        profile, pathway, net_benefit, probability_best, standard_error, patient_noise; empty
        without values.
    values : dict
        What one unit of each quantity was judged to be worth.
    whose : str
    """

    pathways: tuple[Pathway, ...]
    differences: pd.DataFrame
    net_benefit: pd.DataFrame
    best: pd.DataFrame
    values: dict[str, float]
    whose: str


def compare_pathways(
    posterior,
    policies: Sequence,
    profiles: Sequence | None = None,
    *,
    values: Mapping[str, float] | None = None,
    whose: str | None = None,
    n: int = DEFAULT_N,
    seed: int | None = None,
    draws: int | None = None,
    prob: float = 0.95,
    **keywords,
) -> PathwayComparison:
    """Return how pathways differ in the same patients, under common random numbers.

    Parameters
    ----------
    posterior, profiles, n, seed, draws
        As of :func:`riskmodel.simulate_pathway`; other keywords go there as well.
    policies : sequence of str, pathlib.Path or LoadedPolicy
        Two or more; the first is what the others are compared with. Names of priors and times that
        two of them share are the same numbers.
    values : mapping of str to float, optional
        What one unit of a quantity is worth: of ``time_in_recovered`` or ``time_to_recovery`` one
        unit of the pathways' time, of ``courses``, ``death`` and the events one of them. Negative
        for what is not wanted. Without them there is no net benefit, and no best pathway.
    whose : str, optional
        Whose values they are; required with them.
    prob : float
        Of the equal-tailed credible intervals.

    Returns
    -------
    PathwayComparison

    Raises
    ------
    ParameterError
        With everything that is wrong.

    Notes
    -----
    Differences are taken patient by patient, then averaged: ``NB = sum_k value_k (x_k - x0_k)``.
    Their error is split as in O'Hagan, Stevenson and Madan (2007), doi:10.1002/hec.1199: with ``D``
    draws of ``m`` patients, ``sigma^2 / (D m)`` is of the patients, and what the draws' means vary
    beyond ``sigma^2 / m`` is of the numbers that went in. P(best) counts draws after that noise has
    been taken off.
    """
    if len(policies) < 2:
        _refuse("policies", Phrase(f"{len(policies)}"), "two or more", "add one to compare with")
    pathways, products = simulate_pathways(
        posterior, policies, profiles, n=n, seed=seed, draws=draws, **keywords
    )
    quantities = compared_measures(pathways[0].plan)
    worth = _checked_values(values, whose, quantities)
    rows, benefits = [], []
    differences: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
    for k, pathway in enumerate(pathways[1:]):
        for i, profile in enumerate(pathway.profiles):
            means, covariance = _differences(pathways[0], pathway, products[k][i], i, quantities)
            differences[k, i] = means, covariance
            head = {"profile": profile.id, "pathway": pathway.id, "versus": pathways[0].id}
            for j, quantity in enumerate(quantities):
                error = split_error(
                    means[:, j], covariance[:, j, j], pathway.patients_per_draw, prob
                )
                rows.append({**head, **_words(pathway, quantity), **error})
            if worth is not None:
                of_draws = means @ worth
                spread = np.einsum("j,djk,k->d", worth, covariance, worth)
                error = split_error(of_draws, spread, pathway.patients_per_draw, prob)
                benefits.append({**head, "quantity": "net_benefit", **error})
    import pandas as pd

    best = [] if worth is None else _best(pathways, differences, worth, prob)
    return PathwayComparison(
        pathways=pathways,
        differences=pd.DataFrame(rows),
        net_benefit=pd.DataFrame(benefits),
        best=pd.DataFrame(best),
        values=dict(values or {}),
        whose=whose or "",
    )


def _words(pathway: Pathway, quantity: str) -> dict[str, str]:
    unit = pathway.time_unit if is_time(quantity) else "per patient"
    return {"quantity": quantity, "label": measure_label(pathway, quantity), "unit": unit}


def _differences(
    base: Pathway, pathway: Pathway, products: np.ndarray, profile: int, quantities
) -> tuple[np.ndarray, np.ndarray]:
    """Return draw means of within-patient differences, and their covariance between patients."""
    m = pathway.patients_per_draw
    days = unit_days(pathway)
    scale = np.array([2.0**-pathway.bits / days if is_time(q) else 1.0 for q in quantities])
    ours, theirs = pathway.means(profile), base.means(profile)
    unit = np.array([1 / days if is_time(q) else 1.0 for q in quantities])
    means = np.stack([ours[q] - theirs[q] for q in quantities], axis=1) * unit
    moments = products * (scale[:, None] * scale) / m
    covariance = (moments - means[:, :, None] * means[:, None, :]) * m / max(m - 1, 1)
    return means, covariance


def _best(pathways, differences, worth: np.ndarray, prob: float) -> list[dict]:
    """Return how often each pathway has the highest expected net benefit, draw by draw."""
    rows, m, draws = [], pathways[0].patients_per_draw, pathways[0].draws
    for i, profile in enumerate(pathways[0].profiles):
        benefit = np.zeros((len(pathways), draws))
        noise = np.zeros(len(pathways))
        for k in range(len(pathways) - 1):
            means, covariance = differences[k, i]
            of_draws = means @ worth
            within = np.einsum("j,djk,k->d", worth, covariance, worth).mean() / m
            between = of_draws.var(ddof=1) if draws > 1 else 0.0
            noise[k + 1] = min(within / between, 1.0) if between > 0 else 0.0
            kept = np.sqrt(1 - noise[k + 1])
            benefit[k + 1] = of_draws.mean() + (of_draws - of_draws.mean()) * kept
        top = benefit == benefit.max(axis=0)
        share = (top / top.sum(axis=0)).mean(axis=1)
        for k, pathway in enumerate(pathways):
            rows.append(
                {
                    "profile": profile.id,
                    "pathway": pathway.id,
                    "net_benefit": benefit[k].mean(),
                    "probability_best": share[k],
                    "standard_error": np.sqrt(share[k] * (1 - share[k]) / draws),
                    "patient_noise": noise[k],
                    "draws": draws,
                    "patients_per_draw": m,
                }
            )
    return rows


def _checked_values(values, whose, quantities: Sequence[str]) -> np.ndarray | None:
    if values is None:
        return None
    problems = [
        Problem(
            field=f"values.{name}",
            found=name,
            allowed=", ".join(quantities),
            remedy=did_you_mean(name, quantities),
        )
        for name in values
        if name not in quantities
    ]
    problems += [
        Problem(
            field=f"values.{name}",
            found=value,
            allowed="a finite number",
            remedy="say what one unit is worth, in units of your own choice",
        )
        for name, value in values.items()
        if not np.isfinite(value)
    ]
    if not whose:
        problems.append(
            Problem(
                field="whose",
                found=NOTHING,
                allowed="whose values they are",
                remedy='pass whose="..."; values of nobody decide nothing',
            )
        )
    both = {"time_to_recovery", quantities[1]} & {k for k, v in values.items() if v}
    if len(both) == 2:
        problems.append(
            Problem(
                field="values",
                found=Phrase(" and ".join(sorted(both))),
                allowed="one of the two",
                remedy="earlier recovery is time recovered: weigh it once",
            )
        )
    if problems:
        raise ParameterError(problems)
    return np.array([float(values.get(name, 0.0)) for name in quantities])


def _refuse(field: str, found, allowed: str, remedy: str):
    raise ParameterError([Problem(field=field, found=found, allowed=allowed, remedy=remedy)])
