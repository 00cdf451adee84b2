"""Whether the studies that a problem pools agree, or one lies too far from the rest."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from riskmodel.errors import ParameterError, Phrase, Problem
from riskmodel.evidence.measures import log_standard_error, standard_error
from riskmodel.evidence.priors import place, used_priors
from riskmodel.parameters.library import LoadedProblem
from riskmodel.parameters.schema import Duration, Estimate


def check_pools(loaded: LoadedProblem) -> Iterator[Problem]:
    """Yield a question for each pooled study that is in conflict with the others.

    Parameters
    ----------
    loaded : LoadedProblem

    Yields
    ------
    Problem
        A study whose standardised difference from the rest, by predictive variances, is beyond the
        cut for their number (:func:`riskmodel.conflict`), and of which no written answer speaks.
        Studies with a count of nobody or everybody have no estimate of their own, and are left out.
    """
    for name in used_priors(loaded.problem):
        if loaded.problem.priors[name].pool:
            yield from _pool_faults(loaded, name)


def _pool_faults(loaded: LoadedProblem, name: str) -> Iterator[Problem]:
    from riskmodel.evidence.pooling import pool_effects  # heavy; only where something is pooled
    from riskmodel.evidence.source_conflict import conflict

    specification = loaded.problem.priors[name]
    known = {key: _point(loaded.estimates[key]) for key in specification.from_}
    known = {key: point for key, point in known.items() if point is not None}
    if len(known) < 2:
        return
    points, errors = np.array(list(known.values())).T
    tau_prior = specification.pool.tau_prior or "half_normal:0.5"
    try:
        pooled = pool_effects(points, errors, tau_prior=tau_prior)
    except ParameterError:  # said where the prior itself is made
        return
    found = conflict(points, errors, study=list(known), heterogeneity=pooled.heterogeneity)
    for row in found.table[found.table["conflict"]].itertuples():
        others = set(known) - {row.study}
        if any(
            row.study in answer.between and others & set(answer.between)
            for answer in loaded.problem.resolutions
        ):
            continue
        yield place(
            loaded,
            ("priors", name, "from", specification.from_.index(row.study)),
            severity="Q",
            found=Phrase(
                f"{row.study}, {abs(row.standardised_difference):.2f} standard deviations from the "
                "rest, heterogeneity included"
            ),
            allowed=f"sources within {found.cut:.2f} of one another (5% over "
            f"{found.comparisons} comparisons), or an answer in writing",
            remedy="see whether its patients, its outcome or its comparator differ; then leave it "
            "out, discount it, or settle it: `resolutions: [{between: "
            f"[{row.study}, {sorted(others)[0]}], because: ..., whose: ...}}]`",
        )


def _point(estimate: Estimate) -> tuple[float, float] | None:
    """Return an estimate and its standard error on the scale of pooling; None without one."""
    if estimate.counts and estimate.comparator_counts:
        return _log_odds_ratio(estimate)
    if estimate.counts and estimate.measure == "risk":
        events, others = estimate.counts.events, estimate.counts.n - estimate.counts.events
        if min(events, others) <= 0:
            return None
        return float(np.log(events / others)), float(np.sqrt(1 / events + 1 / others))
    if estimate.events_over:
        events, unit = estimate.events_over.events, estimate.events_over.unit
        time = Duration(value=estimate.events_over.time, unit=unit).days
        return None if events <= 0 else (float(np.log(events / time)), float(events**-0.5))
    if estimate.limits is None or estimate.interval.level is None or np.isnan(estimate.number):
        return None
    log = estimate.measure not in ("risk_difference", "mean_difference")
    error = (log_standard_error if log else standard_error)(
        *estimate.limits, estimate.interval.level
    )
    return (float(np.log(estimate.number)) if log else float(estimate.number)), float(error)


def _log_odds_ratio(estimate: Estimate) -> tuple[float, float] | None:
    cells = []
    for counts in (estimate.counts, estimate.comparator_counts):
        cells += [counts.events, counts.n - counts.events]
    if min(cells) <= 0:
        return None
    a, b, c, d = cells
    return float(np.log(a * d / (b * c))), float(np.sqrt(sum(1 / cell for cell in cells)))
