"""Time to recovery from examinations at visits, from printed summaries, or from both."""

from __future__ import annotations

import dataclasses
import secrets
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from riskmodel.errors import (
    NOTHING,
    ConvergenceError,
    Phrase,
    RiskModelWarning,
    did_you_mean,
)
from riskmodel.evidence.families import refuse, require_number
from riskmodel.evidence.recovery_data import (
    Patients,
    Rows,
    make_rows,
    merge,
    read_patients,
    rows_of_patients,
)
from riskmodel.evidence.recovery_families import FAMILIES, log_survival, require_family
from riskmodel.evidence.recovery_follow_up import FollowUp, follow_up, longest_observation
from riskmodel.evidence.recovery_likelihood import require_cure
from riskmodel.evidence.recovery_priors import DAYS, RecoveryPriors, recovery_priors
from riskmodel.evidence.recovery_summaries import (
    EndpointLink,
    RecoverySummary,
    read_summaries,
    require_endpoint,
)
from riskmodel.models.gate import diagnose, require_convergence
from riskmodel.models.posterior import (
    CHAINS,
    TARGET_ACCEPT,
    TUNE,
    _check_arguments,
    package_versions,
)
from riskmodel.models.recovery_average import (
    MAX_PARETO_K,
    METHODS,
    leave_one_out,
    marginal_likelihood,
    patient_log_likelihood,
    shares_of,
    stacking_weights,
    thinned,
    weights_of_evidence,
)
from riskmodel.models.recovery_model import (
    build_recovery_model,
    parameter_names,
    parameters_of,
    sample_recovery,
)
from riskmodel.models.recovery_result import FamilyDraws, Recovery

PRIOR_DRAWS = 20_000
SECOND_TARGET_ACCEPT = 0.99
MIN_STACKED = 20  # distinct patients below which leaving one out says little

__all__ = ["build_recovery_model", "fit_recovery"]


def fit_recovery(
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    *,
    family: str | Sequence[str] = "weibull",
    cure: str = "none",
    covariates: Any = None,
    weights: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    summaries: Iterable[Any] | None = None,
    endpoint: str | None = None,
    links: Iterable[EndpointLink] = (),
    time_unit: str = "month",
    time_from: str = "the start",
    priors: Mapping[str, Any] | None = None,
    average: str | None = None,
    seed: int | None = None,
    draws: int = 4000,
) -> Recovery:
    """Return the posterior of a time to recovery.

    Parameters
    ----------
    lower, upper : array_like, shape (patient,), optional
        In `time_unit`. ``lower == upper``: seen at that time; ``upper = inf``: not yet; ``lower =
        0``: before the first examination; else between two visits. Left out where there are only
        summaries.
    family : str or sequence of str
        weibull, lognormal, gamma, loglogistic, generalized_gamma; several, or ``"average"`` for
        the first four, are averaged.
    cure : {"none", "mixture", "promotion"}
        Whether a fraction never recovers, and how.
    covariates : mapping of str to array_like, or DataFrame, optional
        They act on the time of those who recover and on the never-recovered fraction.
    weights : array_like, shape (patient,), optional
        How many patients each row stands for.
    entry : array_like, shape (patient,), optional
        Delayed entry: not yet recovered when observation began.
    summaries : iterable, optional
        Printed counts, shares, quantiles and ranges; see
        :mod:`riskmodel.evidence.recovery_summaries`. Alone or beside patients who are not in them.
    endpoint : {"first_response", "functional_recovery", "full_recovery", "relapse"}, optional
        What has happened at these times. Summaries of another endpoint are refused without a link.
    links : iterable of EndpointLink, optional
    time_unit : {"day", "week", "month", "year"}
    time_from : str
        What time is counted from, for tables and axes.
    priors : mapping, optional
        ``typical_time``, ``spread``, ``shape``, ``never_recovered``, ``slope``; see
        :func:`riskmodel.evidence.recovery_priors.recovery_priors`.
    average : {"stacking", "marginal_likelihood"}, optional
        How several families are weighed; None takes stacking with 20 or more patients and no
        summary, else the marginal likelihood. The result says which.
    seed : int, optional
        None draws one, says so and records it.
    draws : int
        Posterior draws in all, over four chains.

    Returns
    -------
    Recovery

    Raises
    ------
    ParameterError
        For input that cannot be used, with every problem of the patients at once.
    ConvergenceError
        If R-hat is 1.01 or more, an effective sample size 400 or less, or a transition diverged,
        at target acceptance 0.95 and again at 0.99.

    Warns
    -----
    RiskModelWarning
        Where the follow-up does not support a never-recovered fraction, with the reasons.

    Notes
    -----
    Exact likelihood: ``log(S(low) - S(high))`` of the whole model, the fraction included.
    Default priors are those of :mod:`riskmodel.evidence.recovery_priors`; ``result.prior_curve``
    shows what they say of recovery.

    Examples
    --------
    >>> result = fit_recovery([0, 3, 6, 12], [3, 6, 12, float("inf")], cure="mixture",
    ...     endpoint="full_recovery", seed=1)  # doctest: +SKIP
    >>> result.curve([6, 12, 24])  # doctest: +SKIP
    """
    _check_arguments(seed, draws)
    families, unit = _families(family), _unit(time_unit)
    cure = require_cure(cure)
    if endpoint is not None:
        require_endpoint(endpoint)
    _check_average(average)
    patients = read_patients(lower, upper, entry=entry, weights=weights, covariates=covariates)
    told = tuple(
        read_summaries(summaries, endpoint=endpoint, time_unit=unit, cure=cure, links=links)
    )
    centre, scale = _centre(patients)
    rows = _rows(patients, told, centre, scale)
    seed = _seed(seed)
    rng = np.random.default_rng(seed)
    parts, records = [], []
    for name, stream in zip(families, rng.spawn(len(families)), strict=True):
        prior = recovery_priors(name, cure, unit, _priors_for(name, families, priors))
        part, record = _fit_family(rows, prior, stream, draws, len(patients.names))
        parts.append(part)
        records.append(record)
    weighed = None
    if len(parts) > 1:
        parts, weighed = _averaged(parts, rows, patients, told, centre, scale, average, rng, draws)
    result = Recovery(
        tuple(parts),
        endpoint,
        unit,
        str(time_from),
        patients,
        told,
        centre,
        scale,
        weights=weighed,
        record={
            "seed": seed,
            "draws": draws,
            "families": records,
            "priors": [part.priors.statement() for part in parts],
            "versions": package_versions(),
        },
    )
    if cure == "none":
        return result
    return _with_follow_up(result)


# --- what was given ------------------------------------------------------------------------------


def _families(family) -> list[str]:
    if family == "average":
        return list(FAMILIES[:4])
    if isinstance(family, str):
        return [require_family(family)]
    if not isinstance(family, Sequence) or not family:
        refuse(
            "family", family, f"average, {', '.join(FAMILIES)}, or a list", "name one or several"
        )
    named = [require_family(one) for one in family]
    if len(set(named)) < len(named):
        refuse("family", list(family), "each family once", "its weight would be counted twice")
    return named


def _unit(time_unit: object) -> str:
    if time_unit not in DAYS:
        refuse("time_unit", time_unit, ", ".join(DAYS), did_you_mean(time_unit, DAYS))
    return str(time_unit)


def _check_average(average: object) -> None:
    if average is not None and average not in METHODS:
        refuse("average", average, ", ".join(METHODS), did_you_mean(average, METHODS))


def _priors_for(name: str, families: list[str], given) -> dict:
    """Leave the shape's prior to the one family that has it, among several."""
    given = dict(given or {})
    if name != "generalized_gamma" and "generalized_gamma" in families:
        given.pop("shape", None)
    return given


def _centre(patients: Patients) -> tuple[np.ndarray, np.ndarray]:
    if not patients.names:
        return np.zeros(0), np.ones(0)
    weight = patients.weights / patients.weights.sum()
    centre = weight @ patients.covariates
    return centre, np.sqrt(weight @ (patients.covariates - centre) ** 2)


def _rows(patients: Patients, summaries, centre, scale) -> Rows:
    """Return everything that was given as rows of one likelihood."""
    parts = []
    if len(patients):
        rows, who = rows_of_patients(patients, (patients.covariates - centre) / scale)
        parts.append((rows, patients.weights[who]))
    for summary in summaries:
        rows = make_rows(summary.entries(), _pattern(summary, patients.names, centre, scale))
        parts.append((rows, np.ones(len(rows))))
    merged = merge(parts)
    if not len(merged):
        refuse(
            "lower",
            NOTHING if not parts else Phrase("nothing that tells of a time"),
            "patients, summaries, or both",
            "give at least one patient who was examined after the start, or one summary",
        )
    return merged


def _pattern(summary: RecoverySummary, names, centre, scale) -> np.ndarray | None:
    if not names:
        if summary.at:
            refuse("summaries.at", dict(summary.at), "nothing", "this fit has no covariates")
        return None
    given = summary.at or {}
    missing = [name for name in names if name not in given]
    extra = [name for name in given if name not in names]
    if missing or extra:
        refuse(
            "summaries.at",
            dict(given) or NOTHING,
            f"the covariates of its patients: {', '.join(names)}",
            "say at which covariates this summary stands, or leave the covariates out of the fit",
        )
    values = np.array([require_number(f"summaries.at.{name}", given[name]) for name in names])
    return (values - centre) / scale


def _seed(seed: int | None) -> int:
    if seed is not None:
        return int(seed)
    seed = secrets.randbelow(2**31)
    warnings.warn(
        f"seed: found nothing; drew {seed}; pass seed={seed} to repeat this run",
        RiskModelWarning,
        stacklevel=3,
    )
    return seed


# --- fitting -------------------------------------------------------------------------------------


def _fit_family(
    rows: Rows, priors: RecoveryPriors, rng: np.random.Generator, draws: int, covariates: int
) -> tuple[FamilyDraws, dict]:
    """Sample one family, once more with smaller steps if the first run has not converged."""
    seeds = rng.integers(2**31, size=2)
    for number, target in enumerate((TARGET_ACCEPT, SECOND_TARGET_ACCEPT)):
        dataset, divergences, seconds = sample_recovery(
            rows,
            priors,
            seed=int(seeds[number]),
            draws=draws,
            target_accept=target,
            tune=TUNE * (1 + number),
        )
        diagnostics = diagnose(_with_derived(dataset, priors))
        try:
            require_convergence(diagnostics, divergences)
            break
        except ConvergenceError:
            if number:
                raise
    record = {
        "family": priors.family,
        "sampler": "nutpie NUTS",
        "chains": CHAINS,
        "target_accept": target,
        "divergences": divergences,
        "diagnostics": diagnostics,
        "seconds": seconds,
        "names": parameter_names(priors, covariates),
    }
    part = FamilyDraws(
        priors.family,
        priors.cure,
        1.0,
        parameters_of(dataset),
        priors.draw(PRIOR_DRAWS, rng, covariates),
        priors,
    )
    return part, record


def _with_derived(dataset: xr.Dataset, priors: RecoveryPriors) -> xr.Dataset:
    """Add to what is sampled what is read off it: gates hold for derived quantities too."""
    from riskmodel.models.recovery_result import survival_of

    parameters = parameters_of(dataset)
    time = np.exp(np.quantile(parameters.location, [0.025, 0.5, 0.975]))
    not_yet = survival_of(priors.family, priors.cure, parameters, time)
    shaped = not_yet.reshape(CHAINS, -1, len(time))
    return dataset.assign(
        not_recovered=xr.DataArray(
            shaped, dims=("chain", "draw", "time"), coords={"time": time.round(3)}
        )
    )


def _averaged(parts, rows, patients, summaries, centre, scale, average, rng, draws):
    """Return the parts with as many draws as their weights give them, and the table of weights."""
    import pandas as pd

    if average == "stacking" and (summaries or not len(patients)):
        refuse(
            "average",
            average,
            "marginal_likelihood, where there are summaries",
            "a printed summary is not one patient that could be left out",
        )
    enough = len(patients) >= MIN_STACKED and not summaries
    method = average or ("stacking" if enough else "marginal_likelihood")
    table = pd.DataFrame({"family": [part.family for part in parts]})
    if method == "stacking":
        centred = (patients.covariates - centre) / scale
        each = [
            leave_one_out(
                patient_log_likelihood(part.family, part.cure, patients, centred, part.posterior),
                patients.weights,
            )
            for part in parts
        ]
        weights = stacking_weights(
            np.column_stack([one.pointwise for one in each]), patients.weights
        )
        table["elpd"] = [one.elpd for one in each]
        table["worst_pareto_k"] = [float(one.pareto_k.max()) for one in each]
        bad = table["worst_pareto_k"] > MAX_PARETO_K
        if bad.any():
            warnings.warn(
                f"average: found Pareto k up to {table['worst_pareto_k'].max():.2f}; allowed: "
                f"{MAX_PARETO_K}; single patients decide the weights of "
                f"{', '.join(table['family'][bad])}: use average='marginal_likelihood'",
                RiskModelWarning,
                stacklevel=3,
            )
    else:
        found = [
            marginal_likelihood(rows, part.priors, part.posterior, stream)
            for part, stream in zip(parts, rng.spawn(len(parts)), strict=True)
        ]
        weights = weights_of_evidence(np.array([one[0] for one in found]))
        table["log_marginal_likelihood"] = [one[0] for one in found]
        table["monte_carlo_standard_error"] = [one[1] for one in found]
    table["weight"], table["method"] = weights, method
    keep = shares_of(weights, draws // CHAINS)
    averaged = [
        FamilyDraws(
            part.family,
            part.cure,
            float(weight),
            thinned(part.posterior, CHAINS, int(number)),
            part.prior,
            part.priors,
        )
        for part, weight, number in zip(parts, weights, keep, strict=True)
    ]
    return averaged, table


def _with_follow_up(result: Recovery) -> Recovery:
    """Add what the follow-up says of the never-recovered fraction, and warn where it says no."""
    never = result.never_recovered
    longest = longest_observation(result.patients, result.summaries)
    if np.isfinite(longest):
        late = result._draws(
            lambda family, cure, p: np.exp(
                log_survival(family, longest, p.location, p.spread, p.shape)
            ),
            None,
            prior=False,
        )
    else:
        late = np.zeros(1)
    found: FollowUp = follow_up(result.patients, result.summaries, late, float(never.prior_share))
    if not found.supported:
        warnings.warn(found.message(result.time_unit), RiskModelWarning, stacklevel=3)
    return dataclasses.replace(result, follow_up=found)
