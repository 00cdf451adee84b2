"""draws x profiles x options x outcomes -> risks."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import expit

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, RiskModelWarning
from riskmodel.evidence.competing_risks import incidence_beside
from riskmodel.evidence.conditions import named_covariates
from riskmodel.evidence.priors import build_priors, draw_priors, used_priors
from riskmodel.evidence.problem_checks import needed_covariates
from riskmodel.models.events import (
    baseline_risk,
    carried_effect,
    earlier_risk,
    later_risks,
    log_odds_with_mean,
    risk_under_effect,
)
from riskmodel.models.gate import diagnose, require_convergence
from riskmodel.models.posterior import Posterior, draws_by_prior
from riskmodel.parameters.library import LoadedProblem
from riskmodel.parameters.profiles import Patient, resolve_patients
from riskmodel.parameters.schema import DecisionProblem, Duration
from riskmodel.simulation.case_mix import Cases, build_cases

MAX_SHARE_BEYOND_ONE = 0.001
HANDFUL = 8  # more profiles go through the program that cohorts go through
DIMS = ("chain", "draw", "profile", "option", "outcome")


def simulate(
    posterior: Posterior,
    profiles: Sequence[Mapping | Patient] | None = None,
    *,
    scenarios: Iterable[str] = (),
    horizon: Duration | str | None = None,
    waning: str | None = None,
    spread_position: float | None = None,
    case_mix: bool = True,
    gate: bool = True,
) -> xr.Dataset:
    """Return the risk of every outcome, for each patient under each option, draw by draw.

    Parameters
    ----------
    posterior : Posterior
        From :func:`riskmodel.fit`.
    profiles : sequence of mapping, optional
        Covariate -> number, boolean, or text with a unit such as ``"4.75 mg/dL"``; ``id`` names
        the patient. None is the problem's reference profile.
    scenarios : iterable of str
        Scenarios of the problem to switch on.
    horizon : Duration or str, optional
        None is the problem's own; another one needs a declared ``extension:``.
    waning : {"held", "waning", "lost", "caught_up"}, optional
        How every effect goes on after the problem's horizon; None is each effect's default.
    spread_position : float, optional
        Where in every declared between-patient spread the patients stand, in standard
        deviations of the log odds; None integrates over the spread.
    case_mix : bool
        Whether to simulate the problem's declared case mix beside the patients.
    gate : bool
        Whether every risk must have converged. False for grids that are only drawn, between
        points that are gated.

    Returns
    -------
    xarray.Dataset
        ``risk`` with dimensions ``(chain, draw, profile, option, outcome)``: the probability of an
        event, in [0, 1] (the incidence beside a declared ``competing:`` outcome), or the mean of a
        continuous outcome in its own unit (coordinates ``outcome_type`` and ``outcome_unit``);
        nan where an option does not apply to a patient, where the sources allow no contrast, and
        in draws set aside because a relative effect has no meaning there. ``case_risk`` and ``case_weight``, over ``case``, are the same for
        the declared case mix, and ``band_risk`` its means by band. Covariates are coordinates;
        the problem and the run record ride in ``attrs``.

    Raises
    ------
    ParameterError
        If a profile cannot be used, no option applies to anybody, more than 0.1% of the draws
        put a risk beyond [0, 1], or a later horizon is not declared.
    ConvergenceError
        If a risk has not converged.
    """
    loaded = posterior.loaded.with_scenarios(scenarios)
    problem = loaded.problem
    missing = [name for name in used_priors(problem) if name not in posterior.draws]
    if missing:
        raise ParameterError(
            [
                Problem(
                    field="scenarios",
                    found=list(scenarios),
                    allowed=f"scenarios whose priors were sampled; {', '.join(missing)} was not",
                    remedy="fit(problem.with_scenarios([...])) first",
                )
            ]
        )
    patients = as_patients(problem, profiles)
    _require_an_option(problem, patients)
    evaluate = _Evaluation(
        loaded, draws_by_prior(posterior.draws), horizon, waning, spread_position
    )
    chains = posterior.draws.sizes["chain"]

    risk, aside = evaluate.risks(_columns(problem, patients), [p.id for p in patients])
    for i, patient in enumerate(patients):
        for option in patient.not_for:
            risk[:, i, list(problem.options).index(option)] = np.nan
    dataset = xr.Dataset(
        {
            "risk": (DIMS, _by_chain(risk, chains)),
            "set_aside": ("profile", aside),
        },
        coords={
            "profile": [patient.id for patient in patients],
            "option": list(problem.options),
            "outcome": list(problem.outcomes),
            "outcome_type": ("outcome", [o.type for o in problem.outcomes.values()]),
            "outcome_unit": ("outcome", [o.unit or "" for o in problem.outcomes.values()]),
            **_covariate_coordinates(problem, patients),
        },
    )
    if problem.case_mix and case_mix:
        cases = build_cases(problem.case_mix, problem.covariates[problem.case_mix.covariate])
        dataset = dataset.assign(_case_risks(evaluate, problem, cases, chains))
        dataset = dataset.assign(band_risk=band_risks(dataset))
    if gate:
        reported = [name for name in ("risk", "band_risk") if name in dataset]
        require_convergence(diagnose(dataset[reported]))
    return dataset.assign_attrs(
        problem=loaded.to_json(),
        record=json.dumps({k: v for k, v in posterior.record.items() if k != "diagnostics"}),
        horizon=str(evaluate.horizon),
        waning=waning or "",
        notes=json.dumps(_notes(loaded, patients, dataset)),
        patients=json.dumps(
            {p.id: {"notes": p.notes, "not_for": dict(p.not_for)} for p in patients}
        ),
    )


def as_patients(
    problem: DecisionProblem, profiles: Sequence[Mapping | Patient] | None
) -> list[Patient]:
    """Return checked patients: those given, or the problem's reference profile."""
    if profiles is None:
        profiles = [{"id": "reference", **problem.reference_profile}]
    if isinstance(profiles, Mapping):
        profiles = [profiles]
    if all(isinstance(profile, Patient) for profile in profiles) and profiles:
        return list(profiles)
    return resolve_patients(problem, profiles, needed=needed_covariates(problem))


def loaded_problem(outcomes: xr.Dataset) -> LoadedProblem:
    """Return the problem that outcomes were simulated for."""
    return _from_json(outcomes.attrs["problem"])


@lru_cache(maxsize=16)
def _from_json(text: str) -> LoadedProblem:
    return LoadedProblem.from_json(text)  # every table asks again, and validation takes a while


def prior_predictive(
    posterior: Posterior,
    profiles: Sequence[Mapping | Patient] | None = None,
    *,
    seed: int | None = None,
) -> xr.Dataset:
    """Return the risks that the priors alone imply, before a line's stated risks are seen.

    Parameters
    ----------
    posterior : Posterior
    profiles : sequence of mapping, optional
    seed : int, optional
        None is the posterior's own.

    Returns
    -------
    xarray.Dataset
        ``risk`` with dimensions ``(draw, profile, option, outcome)``; draws in which an effect
        has no meaning are nan, and ``set_aside`` is their share.
    """
    loaded = posterior.loaded
    rng = np.random.default_rng(posterior.seed if seed is None else seed)
    priors = build_priors(loaded)
    size = posterior.draws.sizes["chain"] * posterior.draws.sizes["draw"]
    draws = draw_priors(priors, loaded.problem.correlations, size, rng)
    patients = as_patients(loaded.problem, profiles)
    evaluate = _Evaluation(loaded, draws)
    risk, aside = evaluate.risks(_columns(loaded.problem, patients), None)
    return xr.Dataset(
        {"risk": (DIMS[1:], risk), "set_aside": ("profile", aside)},
        coords={
            "profile": [patient.id for patient in patients],
            "option": list(loaded.problem.options),
            "outcome": list(loaded.problem.outcomes),
        },
    )


class _Evaluation:
    """One problem, one set of draws, one horizon: covariates in, risks out."""

    def __init__(
        self,
        loaded: LoadedProblem,
        draws: dict,
        horizon: Duration | str | None = None,
        waning: str | None = None,
        spread_position: float | None = None,
    ):
        self.problem = loaded.problem
        self.priors = build_priors(loaded, used_priors(loaded.problem))
        self.draws = draws
        self.horizon = require_horizon(self.problem, horizon)
        self.waning = waning
        self.spread_position = spread_position
        self.beyond = self.horizon.days - self.problem.horizon.days

    def risks(self, covariates: dict, names: list[str] | None) -> tuple[np.ndarray, np.ndarray]:
        """Return risks (sample, profile, option, outcome) and the share of draws set aside.

        With `names` None nothing is refused, whatever the share.
        """
        from riskmodel.simulation.block import many_risks  # it compiles what this module says

        problem = self.problem
        size = len(next(iter(self.draws.values())))
        profiles = len(next(iter(covariates.values()), [0]))
        shape = (size, profiles, len(problem.options), len(problem.outcomes))
        risk = many_risks(self, covariates) if profiles > HANDFUL else None
        if risk is None:
            risk = np.empty(shape)
            for k, outcome in enumerate(problem.outcomes.values()):
                base = self.baseline(outcome, covariates)
                for j, option in enumerate(problem.options):
                    risk[:, :, j, k] = self._risk(outcome, option, base, self.beyond)
        beyond = _beyond_one(problem, risk)
        _beside_competing(problem, risk)
        share = beyond.mean(axis=0)
        if names is not None:
            _refuse_beyond_one(problem, share, names)
        aside = beyond.any(axis=(2, 3))
        risk[aside] = np.nan
        return risk, aside.mean(axis=0)

    def baseline(self, outcome, covariates: dict) -> np.ndarray:
        """Return the comparator's risk at the problem's own horizon, where patients stand."""
        base = baseline_risk(outcome.baseline, self.draws, self.priors, covariates)
        spread = outcome.baseline.between_patient_spread
        if spread and self.spread_position is not None:
            middle = log_odds_with_mean(base, spread.log_odds_sd)
            base = expit(middle + spread.log_odds_sd * self.spread_position)
        return base

    def _risk(self, outcome, option: str, base: np.ndarray, beyond: float) -> np.ndarray:
        """Return the risk, or mean, under an option, so many days beyond the problem's horizon.

        `base` is the comparator's risk at the problem's own horizon.
        """
        effect = outcome.effects.get(option)
        if effect is not None and effect.not_estimable:
            return np.full((1, 1), np.nan)
        if effect is None or effect.no_effect:
            return self._baseline(outcome, base, beyond)
        # What the effect was measured against, at the problem's own horizon and the one asked for.
        against, elsewhere = base, self._baseline(outcome, base, beyond)
        of_comparator = effect.relative_to in (None, self.problem.comparator)
        if not of_comparator:
            against = self._risk(outcome, effect.relative_to, base, 0)
            elsewhere = self._risk(outcome, effect.relative_to, base, beyond)
        spread = outcome.baseline.between_patient_spread
        sd = spread.log_odds_sd if spread else 0.0
        measure = self.priors[effect.prior].measure
        carried = carried_effect(effect, self.draws[effect.prior], measure, sd)
        integrated = sd if self.spread_position is None else 0.0
        if effect.scale == "added_rate":  # the exposure is over by every horizon
            return risk_under_effect(elsewhere, effect, carried, integrated)
        treated = risk_under_effect(against, effect, carried, integrated)
        if beyond == 0:
            return treated
        growth = self._growth(outcome)
        if beyond < 0:
            return earlier_risk(treated, growth)
        with np.errstate(invalid="ignore", divide="ignore"):
            if not of_comparator:  # another option's hazard after the horizon, over that before it
                own = np.log1p(-elsewhere) / np.log1p(-against) - 1
                growth = np.where(against > 0, own, growth)
            _, treated = later_risks(
                against,
                treated,
                growth,
                self.waning or effect.waning.default,
                later_days=beyond,
                half_life_days=effect.waning.half_life.days,
            )
        return treated

    def _baseline(self, outcome, base: np.ndarray, beyond: float) -> np.ndarray:
        """Return the comparator's risk so many days beyond the problem's own horizon."""
        if beyond == 0 or _is_fixed(outcome):
            return base
        if beyond < 0:
            return earlier_risk(base, self._growth(outcome))
        return -np.expm1(np.log1p(-base) * (1 + self._growth(outcome)))

    def _growth(self, outcome) -> np.ndarray:
        extension = _extension(outcome, self.horizon)
        return self.draws[extension.later_hazard_ratio.prior][:, None]


def _beyond_one(problem: DecisionProblem, risk: np.ndarray) -> np.ndarray:
    """Mark risks outside [0, 1]; what is not estimable in any draw, or a mean, is not marked."""
    events = np.array([outcome.type == "event" for outcome in problem.outcomes.values()])
    with np.errstate(invalid="ignore"):
        beyond = ~((risk >= 0) & (risk <= 1)) & events
    return beyond & np.isfinite(risk).any(axis=0)


def _beside_competing(problem: DecisionProblem, risk: np.ndarray) -> None:
    """Turn every risk read with another outcome censored into an incidence beside it, in place."""
    names = list(problem.outcomes)
    before = risk.copy() if any(o.competing for o in problem.outcomes.values()) else risk
    for k, outcome in enumerate(problem.outcomes.values()):
        if outcome.competing:
            with np.errstate(invalid="ignore"):
                risk[..., k] = incidence_beside(
                    before[..., k], before[..., names.index(outcome.competing)]
                )


def _is_fixed(outcome) -> bool:
    """Say whether an outcome's baseline is the same at every horizon, or never known."""
    baseline = outcome.baseline
    return baseline.fixed_risk is not None or baseline.not_estimable is not None


def _extension(outcome, horizon: Duration):
    for extension in outcome.baseline.extension:
        if abs(extension.horizon.days - horizon.days) <= 1:
            return extension
    return None


def require_horizon(problem: DecisionProblem, horizon: Duration | str | None) -> Duration:
    """Return the horizon asked for, the problem's own for None; refuse what is not declared."""
    if horizon is None:
        return problem.horizon
    horizon = Duration.read(horizon)
    if abs(horizon.days - problem.horizon.days) <= 1:
        return problem.horizon
    _require_extensions(problem, horizon)
    return horizon


def _require_extensions(problem: DecisionProblem, horizon: Duration) -> None:
    """Refuse a horizon at which some outcome has no declared baseline, or no effect."""
    problems = []
    for name, outcome in problem.outcomes.items():
        problems += _effects_elsewhere(problem, name, horizon)
        carried = any(e.prior and e.scale != "added_rate" for e in outcome.effects.values())
        nothing = outcome.baseline.fixed_risk == 0 or outcome.baseline.not_estimable
        if nothing and not carried:
            continue
        if outcome.type == "continuous":
            problems.append(
                Problem(
                    field=f"outcomes.{name}",
                    found=Phrase(f"a mean at {problem.horizon}"),
                    allowed=f"events, which can be carried to {horizon}",
                    remedy=f"no rule carries a mean to another horizon; ask for {problem.horizon}",
                )
            )
            continue
        if outcome.baseline.fixed_risk is not None or _extension(outcome, horizon) is None:
            declared = ", ".join(str(e.horizon) for e in outcome.baseline.extension) or "none"
            problems.append(
                Problem(
                    field=f"outcomes.{name}.baseline.extension",
                    found=Phrase(f"{declared} declared"),
                    allowed=f"an assumed baseline at {horizon}",
                    remedy=f"declare `extension: [{{horizon: {{value: {horizon.value:g}, unit: "
                    f"{horizon.unit}}}, later_hazard_ratio: {{prior: ...}}}}]` with a prior of "
                    f"`badge: assumed`, or ask for {problem.horizon}",
                )
            )
    if problems:
        raise ParameterError(problems)


def _effects_elsewhere(problem: DecisionProblem, name: str, horizon: Duration) -> list[Problem]:
    """Return what keeps an outcome's effects from another horizon."""
    later = horizon.days > problem.horizon.days
    problems = []
    for option, effect in problem.outcomes[name].effects.items():
        place = f"outcomes.{name}.effects.{option}"
        if effect.scale == "added_rate" and effect.exposure.days > horizon.days:
            problems.append(
                Problem(
                    field=f"{place}.exposure",
                    found=Phrase(f"{effect.exposure}, longer than {horizon}"),
                    allowed="an exposure that is over by the horizon",
                    remedy=f"ask for {effect.exposure} or later",
                )
            )
        ratio = effect.prior and effect.scale not in ("added_rate", "mean_difference")
        if later and ratio and effect.waning is None:
            problems.append(
                Problem(
                    field=f"{place}.waning",
                    found=NOTHING,
                    allowed=f"how the effect goes on after {problem.horizon}",
                    remedy="declare `waning: {half_life, default, because}`",
                )
            )
    return problems


def _refuse_beyond_one(problem: DecisionProblem, share: np.ndarray, names: list[str]) -> None:
    """Stop if more than 0.1% of the draws put a risk beyond [0, 1]."""
    problems = []
    for j, option in enumerate(problem.options):
        for k, (name, outcome) in enumerate(problem.outcomes.items()):
            worst = int(np.argmax(share[:, j, k]))
            if share[worst, j, k] > MAX_SHARE_BEYOND_ONE:
                effect = outcome.effects[option]
                problems.append(
                    Problem(
                        field=f"outcomes.{name}.effects.{option}.scale",
                        found=Phrase(
                            f"{effect.scale}, which puts {share[worst, j, k]:.2%} of draws "
                            f"beyond a risk of 1 for profile '{names[worst]}'"
                        ),
                        allowed=f"at most {MAX_SHARE_BEYOND_ONE:.1%} of draws",
                        remedy="carry the effect on another scale, such as odds_ratio, with a "
                        "declared `reference_risk:`; nothing is clipped",
                    )
                )
    if problems:
        raise ParameterError(problems)


def _require_an_option(problem: DecisionProblem, patients: list[Patient]) -> None:
    """Stop if no option but the comparator applies to anybody; warn about some."""
    excluded = [p for p in patients if set(problem.alternatives) <= set(p.not_for)]
    faults = [
        Problem(
            field=patient.id,
            found=Phrase("; ".join(dict.fromkeys(patient.not_for.values()))),
            allowed="a patient to whom an option beside "
            f"{problem.options[problem.comparator].label.lower()} applies",
            remedy="no benefit is computed for this patient",
        )
        for patient in excluded
    ]
    if len(excluded) == len(patients):
        raise ParameterError(faults)
    for fault in faults:
        warnings.warn(str(fault), RiskModelWarning, stacklevel=3)


def _columns(problem: DecisionProblem, patients: Sequence[Patient]) -> dict[str, np.ndarray]:
    columns = {
        name: np.array([_number(patient.values[name]) for patient in patients])
        for name in problem.covariates
    }
    return columns or {"": np.zeros(len(patients))}


def _number(value: Any) -> float:
    """Return a covariate's value for a formula; what is no number is never in one."""
    return np.nan if value is None or isinstance(value, str) else float(value)


def _covariate_coordinates(problem: DecisionProblem, patients: Sequence[Patient]) -> dict:
    coordinates = {}
    for name, covariate in problem.covariates.items():
        said = [patient.values[name] for patient in patients]
        if covariate.type == "category":
            coordinates[name] = ("profile", [value or "" for value in said])
            continue
        values = np.array([_number(value) for value in said])
        attrs = {"units": covariate.unit} if covariate.unit else {}
        coordinates[name] = xr.Variable("profile", values, attrs)
    return coordinates


def _by_chain(risk: np.ndarray, chains: int) -> np.ndarray:
    return risk.reshape(chains, -1, *risk.shape[1:])


def _case_risks(evaluate: _Evaluation, problem: DecisionProblem, cases: Cases, chains: int) -> dict:
    covariate = problem.case_mix.covariate
    columns = {
        name: np.full(len(cases.values), _number(problem.reference_profile.get(name, c.default)))
        for name, c in problem.covariates.items()
    }
    columns[covariate] = cases.values
    unit = problem.covariates[covariate].unit
    names = [f"case mix, {covariate} {value:.0f} {unit}" for value in cases.values]
    risk, aside = evaluate.risks(columns, names)
    return {
        "case_risk": (("chain", "draw", "case", "option", "outcome"), _by_chain(risk, chains)),
        "case_weight": ("case", cases.weights),
        "case_band": ("case", list(cases.bands)),
        "case_value": xr.Variable("case", cases.values, {"units": unit, "covariate": covariate}),
        "case_set_aside": ("case", aside),
    }


def band_risks(outcomes: xr.Dataset) -> xr.DataArray:
    """Return the mean risk in each band of the declared case mix, draw by draw.

    Returns
    -------
    xarray.DataArray
        Dimensions ``(chain, draw, band, option, outcome)``.
    """
    risk, weights = outcomes["case_risk"].values, outcomes["case_weight"].values
    bands = outcomes["case_band"].values
    names = list(dict.fromkeys(bands))
    # Band by band: a draw set aside in one band counts in the others.
    inside = [np.flatnonzero(bands == name) for name in names]
    shares = [weights[cases] / weights[cases].sum() for cases in inside]
    means = [
        np.tensordot(risk[:, :, cases], share, axes=(2, 0))
        for cases, share in zip(inside, shares, strict=True)
    ]
    return xr.DataArray(
        np.stack(means, axis=2),
        dims=("chain", "draw", "band", "option", "outcome"),
        coords={"band": names, "option": outcomes["option"], "outcome": outcomes["outcome"]},
    )


def _notes(loaded: LoadedProblem, patients: Sequence[Patient], dataset: xr.Dataset) -> list[str]:
    """Return what every result of this simulation must say beside its numbers."""
    problem = loaded.problem
    notes = [
        f"{outcome.label}: {outcome.baseline.caveat}"
        for outcome in problem.outcomes.values()
        if outcome.baseline.caveat
    ]
    influential = set(needed_covariates(problem))
    influential |= {rule.covariate for o in problem.options.values() for rule in o.not_for}
    influential |= {name for name, c in problem.covariates.items() if c.refuse}
    for record in loaded.statements.values():
        influential |= named_covariates(getattr(record, "when", None))
    for name, covariate in problem.covariates.items():
        if name not in influential and any(
            p.values[name] is not None and p.values[name] != covariate.default for p in patients
        ):
            notes.append(
                f"{covariate.label} has no influence on any result: no outcome's model "
                "has a term for it"
            )
    asides = {patient.id: dataset["set_aside"].values[i] for i, patient in enumerate(patients)}
    if "case_set_aside" in dataset:
        asides["case mix, at the worst case"] = dataset["case_set_aside"].values.max()
    for name, share in asides.items():
        if share > 0:
            notes.append(f"{name}: {share:.3%} of draws set aside, a risk beyond 1")
    return notes


def save_outcomes(outcomes: xr.Dataset, path: Path) -> None:
    """Write outcomes to a netCDF file."""
    outcomes.to_netcdf(path, engine="h5netcdf")
