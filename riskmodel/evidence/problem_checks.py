"""Arithmetic that a decision problem must pass: bands, baselines, scales, horizons, scenarios."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, did_you_mean
from riskmodel.evidence.checks import as_panel
from riskmodel.evidence.composite_checks import composite_faults
from riskmodel.evidence.priors import (
    NUMBERS_NEEDED,
    build_priors,
    correlation_matrix,
    place,
    rests_on_unverified,
    used_priors,
)
from riskmodel.parameters.library import LoadedProblem
from riskmodel.parameters.profiles import resolve_patients
from riskmodel.parameters.schema import (
    RATIO_MEASURES,
    Covariate,
    DecisionProblem,
    Duration,
    Effect,
    Outcome,
)

BASELINE_FORMS = {
    "event": ("intercept", "line", "fixed_risk", "not_estimable"),
    "continuous": ("fixed_mean", "not_estimable"),
}


def check_problem(loaded: LoadedProblem) -> list[Problem]:
    """Return what is wrong with a problem whose names are all known, and with each scenario."""
    found = _problem_faults(loaded)
    if not loaded.scenarios:
        found += _unverified_faults(loaded)
        for name in loaded.problem.scenarios if not found else ():
            found += _problem_faults(loaded.with_scenarios([name]))
    return found


def _problem_faults(loaded: LoadedProblem) -> list[Problem]:
    found = list(_structure_faults(loaded))
    if found:
        return found
    names = used_priors(loaded.problem)
    try:
        build_priors(loaded, names)
    except ParameterError as error:
        found += error.problems
    found += _horizon_faults(loaded, names)
    found += _shared_study_faults(loaded, names)
    if loaded.problem.preferences is None:
        return found
    try:
        as_panel(loaded, None)
    except ParameterError as error:
        found += [
            place(
                loaded,
                ("preferences", "default"),
                found=Phrase(f"'{loaded.problem.preferences.default}', with {fault.field}"),
                allowed=fault.allowed,
                remedy=fault.remedy,
            )
            for fault in error.problems
        ]
    return found


def _unverified_faults(loaded: LoadedProblem) -> Iterator[Problem]:
    for name in used_priors(loaded.problem):
        if rests_on_unverified(loaded, name):
            yield place(
                loaded,
                ("priors", name, "from"),
                found=list(loaded.problem.priors[name].from_),
                allowed="estimates that were seen, or judgements",
                remedy="what is only remembered may be used in a scenario, by name",
            )


def _structure_faults(loaded: LoadedProblem) -> Iterator[Problem]:
    problem = loaded.problem
    for name, covariate in problem.covariates.items():
        yield from _covariate_faults(loaded, name, covariate)
    for name in problem.outcomes:
        yield from _outcome_faults(loaded, name)
    yield from _overlap_faults(loaded)
    yield from composite_faults(loaded)
    yield from _correlation_faults(loaded)
    for i, key, rule in _exclusions(problem):
        covariate = problem.covariates[rule.covariate]
        if covariate.type == "number":
            yield place(
                loaded,
                ("options", key, "not_for", i, "covariate"),
                found=rule.covariate,
                allowed="a covariate of `type: boolean` or `category`",
                remedy="declare one that says whether the reason is there",
            )
        elif covariate.type == "category" and rule.is_ not in covariate.categories:
            yield place(
                loaded,
                ("options", key, "not_for", i, "is"),
                found=rule.is_,
                allowed=", ".join(covariate.categories),
                remedy=did_you_mean(str(rule.is_), covariate.categories),
            )
    yield from _reference_profile_faults(loaded)
    yield from _logarithm_faults(loaded)
    mix = problem.case_mix
    if mix and not mix.within[0] < mix.median < mix.within[1]:
        yield place(
            loaded,
            ("case_mix", "within"),
            found=mix.within,
            allowed="limits on either side of the median",
            remedy="correct one of them",
        )


def _logarithm_faults(loaded: LoadedProblem) -> Iterator[Problem]:
    """Refuse a logarithm of what may be 0 or less."""
    problem = loaded.problem
    parts = [
        (("outcomes", name, "baseline", "terms", i, "centre"), term, term.centre)
        for name, outcome in problem.outcomes.items()
        for i, term in enumerate(outcome.baseline.terms)
    ]
    parts += [
        (("priors", name, "line", "centre"), prior.line, prior.line.centre)
        for name, prior in problem.priors.items()
        if prior.line and name in used_priors(problem)
    ]
    if problem.case_mix:
        parts.append((("case_mix", "within"), problem.case_mix, problem.case_mix.within[0]))
    for spot, part, lowest in parts:
        if part.transform != "log":
            continue
        if lowest <= 0:
            yield place(
                loaded,
                spot,
                found=lowest,
                allowed="a number above 0, for `transform: log`",
                remedy="give one, or use `transform: linear`",
            )
        span = problem.covariates[part.covariate].range
        if span is None or span[0] <= 0:
            yield place(
                loaded,
                ("covariates", part.covariate, "range"),
                found=NOTHING if span is None else span,
                allowed="a range above 0, since a model takes this covariate's logarithm",
                remedy="add `range: [lowest, highest]` of what a patient can have"
                if span is None
                else "raise the lower end",
            )


def _exclusions(problem: DecisionProblem):
    for key, option in problem.options.items():
        for i, rule in enumerate(option.not_for):
            yield i, key, rule


def _reference_profile_faults(loaded: LoadedProblem) -> Iterator[Problem]:
    """Hold the reference profile to the rules of every patient."""
    problem = loaded.problem
    try:
        resolve_patients(problem, [problem.reference_profile], needed=needed_covariates(problem))
    except ParameterError as error:
        for fault in error.problems:
            yield place(
                loaded,
                ("reference_profile", fault.field),
                found=fault.found,
                allowed=fault.allowed,
                remedy=fault.remedy,
            )


def _overlap_faults(loaded: LoadedProblem) -> Iterator[Problem]:
    """Refuse pairs that close a ring: such margins and odds ratios may have no joint risks."""
    group: dict[str, str] = {}

    def root(outcome: str) -> str:
        while group.get(outcome, outcome) != outcome:
            outcome = group[outcome]
        return outcome

    for i, overlap in enumerate(loaded.problem.overlap):
        a, b = overlap.outcomes
        if root(a) == root(b):
            yield place(
                loaded,
                ("overlap", i, "outcomes"),
                found=[a, b],
                allowed="pairs that close no ring",
                remedy="leave out the weakest of the pairs in the ring",
            )
        group[root(a)] = root(b)


def _correlation_faults(loaded: LoadedProblem) -> Iterator[Problem]:
    """Refuse correlations of a prior with itself, of lines, given twice, or out of reach."""
    problem, seen = loaded.problem, set()
    for i, pair in enumerate(problem.correlations):
        where, names = ("correlations", i, "priors"), frozenset(pair.priors)
        lines = [name for name in pair.priors if problem.priors[name].line]
        if lines or len(names) < 2 or names in seen:
            yield place(
                loaded,
                where,
                found=pair.priors,
                allowed="two priors that are no line, each pair once",
                remedy="take the pair out, or name two other priors",
            )
        seen.add(names)
    _, matrix = correlation_matrix(problem.correlations, problem.priors)
    if matrix.size and np.linalg.eigvalsh(matrix).min() <= 1e-9:
        yield place(
            loaded,
            ("correlations",),
            found=[pair.rho for pair in problem.correlations],
            allowed="correlations that can hold together (a positive definite matrix)",
            remedy="bring some of them nearer to 0",
        )


def _shared_study_faults(loaded: LoadedProblem, names: Iterable[str]) -> Iterator[Problem]:
    """Ask how two outcomes' effects go together where one study counted both."""
    problem = loaded.problem
    declared = {frozenset(pair.priors) for pair in problem.correlations}
    owners = [
        (effect.prior, key)
        for key, outcome in problem.outcomes.items()
        for effect in outcome.effects.values()
        if effect.prior in names
    ]
    studies = {
        name: {s for e in problem.priors[name].from_ for s in loaded.estimates[e].study_ids}
        for name, _ in owners
    }
    asked = set()
    for (a, first), (b, second) in combinations(dict.fromkeys(owners), 2):
        pair = frozenset((a, b))
        shared = sorted(studies[a] & studies[b])
        if first == second or len(pair) < 2 or not shared or pair in declared | asked:
            continue
        asked.add(pair)
        yield place(
            loaded,
            ("priors", b, "from", 0),
            severity="Q",
            found=Phrase(f"{b} and {a}, both counted in {', '.join(shared)}"),
            allowed="a declared correlation; independence is a choice like another",
            remedy=f"declare `correlations: [{{priors: [{a}, {b}], rho: 0, because: ...}}]`, or "
            "another rho; a run shows -0.5, 0 and 0.5 beside it",
        )


def needed_covariates(problem: DecisionProblem) -> list[str]:
    """Return the covariates that some outcome's baseline model has a term for."""
    names: list[str] = []
    for outcome in problem.outcomes.values():
        names += [term.covariate for term in outcome.baseline.terms]
        if outcome.baseline.line:
            line = problem.priors[outcome.baseline.line.prior].line
            names += [line.covariate] if line else []
    return list(dict.fromkeys(names))


def _covariate_faults(loaded: LoadedProblem, name: str, covariate: Covariate) -> Iterator[Problem]:
    where = ("covariates", name)
    for part in ("range", "studied"):
        pair = getattr(covariate, part)
        if pair is not None and pair[0] >= pair[1]:
            yield place(
                loaded,
                (*where, part),
                found=pair,
                allowed="lower below upper",
                remedy="exchange the two",
            )
    if covariate.refuse and covariate.type != "boolean":
        yield place(
            loaded,
            (*where, "refuse"),
            found=Phrase("`refuse:` on a number"),
            allowed="`refuse:` on a covariate of `type: boolean`",
            remedy="declare a boolean covariate for it, or narrow `range:`",
        )
    if covariate.type == "number" and covariate.unit is None:
        yield place(
            loaded,
            (*where, "unit"),
            found=NOTHING,
            allowed="the unit of a number",
            remedy="add `unit:`, or `type: boolean` if it is there or not",
        )
    if (covariate.type == "category") != bool(covariate.categories):
        yield place(
            loaded,
            (*where, "categories"),
            found=covariate.categories or NOTHING,
            allowed="two or more categories for `type: category`, none otherwise",
            remedy="list what the covariate may be, or correct its `type:`",
        )
    bands = covariate.bands
    for i, band in enumerate(bands):
        lower = -np.inf if band.above is None else band.above
        upper = np.inf if band.up_to is None else band.up_to
        if lower >= upper:
            yield place(
                loaded,
                (*where, "bands", i),
                found=[band.above, band.up_to],
                allowed="`above` below `up_to`",
                remedy="exchange the two",
            )
        if i == 0:
            continue
        before = bands[i - 1]
        if before.up_to is None or band.above != before.up_to:
            gap = before.up_to is not None and band.above is not None and lower > before.up_to
            yield place(
                loaded,
                (*where, "bands", i, "above"),
                found=NOTHING if band.above is None else band.above,
                allowed=f"the upper edge of band '{before.id}', "
                + ("which has none" if before.up_to is None else f"{before.up_to:g}"),
                remedy=f"the two bands leave a gap above {before.up_to:g}; close it"
                if gap
                else "the two bands overlap; a value belongs to one band only",
            )
        if band.id in [other.id for other in bands[:i]]:
            yield place(
                loaded,
                (*where, "bands", i, "id"),
                found=band.id,
                allowed="each band's id once",
                remedy="rename one of the two",
            )


def _outcome_faults(loaded: LoadedProblem, name: str) -> Iterator[Problem]:
    outcome = loaded.problem.outcomes[name]
    baseline, where = outcome.baseline, ("outcomes", name)
    every = dict.fromkeys(form for forms in BASELINE_FORMS.values() for form in forms)
    forms = [form for form in every if getattr(baseline, form) is not None]
    if len(forms) != 1 or forms[0] not in BASELINE_FORMS[outcome.type]:
        yield place(
            loaded,
            (*where, "baseline"),
            found=forms or NOTHING,
            allowed=f"exactly one of {', '.join(BASELINE_FORMS[outcome.type])}",
            remedy="say where the risk or mean under the comparator comes from",
        )
        return
    yield from _measure_faults(loaded, name)
    if (baseline.fixed_risk, baseline.fixed_mean) != (None, None) and baseline.because is None:
        yield place(
            loaded,
            (*where, "baseline", "because"),
            found=NOTHING,
            allowed="a reason for a risk or mean that is taken as known without doubt",
            remedy="add `because:`",
        )
    if outcome.type == "continuous" and outcome.unit is None:
        yield place(
            loaded,
            (*where, "unit"),
            found=NOTHING,
            allowed="the unit of a continuous outcome",
            remedy="add `unit:`, such as points (0-10)",
        )
    for option in loaded.problem.alternatives:
        if option not in outcome.effects:
            yield place(
                loaded,
                (*where, "effects"),
                found=Phrase(f"nothing for {option}"),
                allowed="for each option but the comparator a prior, `not_estimable:` or "
                "`no_effect:`",
                remedy=f"say what {option} does to this outcome, or why that is not known",
            )
    for option, effect in outcome.effects.items():
        yield from _effect_faults(loaded, outcome, effect, (*where, "effects", option))


EFFECT_FORMS = ("prior", "not_estimable", "no_effect")


def _effect_faults(loaded: LoadedProblem, outcome: Outcome, effect: Effect, spot: tuple):
    """Yield what is wrong with what one option does to one outcome."""
    forms = [form for form in EFFECT_FORMS if getattr(effect, form)]
    if len(forms) != 1:
        yield place(
            loaded,
            spot,
            found=forms or NOTHING,
            allowed=f"exactly one of {', '.join(EFFECT_FORMS)}",
            remedy="name a prior, or say in words why there is no contrast or no effect",
        )
        return
    if effect.relative_to:
        yield from _relative_faults(loaded, outcome, effect, spot)
    if effect.prior is None:
        return
    if effect.scale is None:
        yield place(
            loaded,
            (*spot, "scale"),
            found=NOTHING,
            allowed="the scale that the prior is carried on",
            remedy="add `scale:`",
        )
        return
    if (effect.scale == "mean_difference") != (outcome.type == "continuous"):
        yield place(
            loaded,
            (*spot, "scale"),
            found=effect.scale,
            allowed="mean_difference for a continuous outcome, another scale for an event",
            remedy="correct the scale, or the outcome's `type:`",
        )
        return
    measures, baseline = _measures(loaded, effect.prior), outcome.baseline
    if effect.scale in _MEASURE_OF_SCALE:
        wanted, words, remedy = _MEASURE_OF_SCALE[effect.scale]
        if measures != {wanted}:
            yield place(
                loaded,
                (*spot, "prior"),
                found=Phrase(f"{effect.prior}, of {', '.join(sorted(measures))}"),
                allowed=words,
                remedy=remedy,
            )
        elif effect.scale == "added_rate" and effect.exposure is None:
            yield place(
                loaded,
                (*spot, "exposure"),
                found=NOTHING,
                allowed="how long patients are exposed to the rate",
                remedy="add `exposure: {value, unit, because}`",
            )
        elif effect.scale == "own_risk" and (
            baseline.terms or baseline.line or baseline.between_patient_spread
        ):
            yield place(
                loaded,
                (*spot, "scale"),
                found=Phrase("own_risk beside a baseline that differs between patients"),
                allowed="a baseline that is the same for all, from the same patients",
                remedy="the option's own risk is that of a trial's patients; carry a ratio instead",
            )
    elif not measures <= {*RATIO_MEASURES, "risk_difference"}:
        yield place(
            loaded,
            (*spot, "prior"),
            found=Phrase(f"{effect.prior}, of {', '.join(sorted(measures))}"),
            allowed="a prior made from a ratio or risk difference",
            remedy="name the ratio it was computed from, or use `scale: added_rate` for a rate",
        )
    elif measures != {effect.scale} and effect.reference_risk is None:
        yield place(
            loaded,
            spot,
            found=Phrase(f"{', '.join(measures)} carried as {effect.scale}"),
            allowed="a `reference_risk:` at which the one becomes the other",
            remedy="add `reference_risk:` with `because:`",
        )
    elif (
        baseline.between_patient_spread
        and effect.scale in ("odds_ratio", "hazard_ratio")
        and effect.reference_risk is None
    ):
        yield place(
            loaded,
            spot,
            found=Phrase(f"{effect.scale} on patients who differ"),
            allowed="a `reference_risk:`, since what was printed is a ratio of averages",
            remedy="add `reference_risk:`, the average risk where it was printed",
        )


# What a prior of each of these scales is made from: the measure, words for it, and a remedy.
_MEASURE_OF_SCALE = {
    "added_rate": (
        "rate",
        "a prior made from a rate",
        "name another prior, or use the scale of what was printed",
    ),
    "own_risk": (
        "risk",
        "a prior made from a risk",
        "name the risk in the option's own group, or use the scale of what was printed",
    ),
    "mean_difference": (
        "mean_difference",
        "a prior made from a mean difference",
        "name the difference of the two means",
    ),
}


def _relative_faults(loaded: LoadedProblem, outcome: Outcome, effect: Effect, spot: tuple):
    """Yield a problem where an effect is measured against itself, or against what is unknown."""
    option, against = spot[-1], effect.relative_to
    chain = [option]
    while against is not None and against not in chain:
        chain.append(against)
        before = outcome.effects.get(against)
        against = before.relative_to if before else None
    if against is not None:
        yield place(
            loaded,
            (*spot, "relative_to"),
            found=effect.relative_to,
            allowed="an option whose own effect does not lead back here",
            remedy="measure one of them against the comparator",
        )
        return
    other = outcome.effects.get(effect.relative_to)
    if other is not None and other.not_estimable:
        yield place(
            loaded,
            (*spot, "relative_to"),
            found=Phrase(f"{effect.relative_to}, whose own effect is not estimable"),
            allowed="an option with an effect",
            remedy="then this effect is not estimable against the comparator either; say so",
        )


def _measures(loaded: LoadedProblem, prior: str) -> set[str]:
    """Return what a prior is a distribution of."""
    specification = loaded.problem.priors[prior]
    if specification.line:
        return {"line"}
    if specification.pool and specification.pool.measure:
        return {specification.pool.measure}
    measures = {loaded.estimates[name].measure for name in specification.from_}
    return {"risk_difference" if m in NUMBERS_NEEDED else m for m in measures}


def _measure_faults(loaded: LoadedProblem, name: str) -> Iterator[Problem]:
    """Refuse priors of another kind of number than the baseline model takes in their place."""
    baseline = loaded.problem.outcomes[name].baseline
    parts = [
        (("intercept",), baseline.intercept, "risk", "a prior made from a risk"),
        (("line",), baseline.line, "line", "a prior that declares a `line:`"),
        *(
            (("terms", i), term, "odds_ratio", "a prior made from an odds ratio per step")
            for i, term in enumerate(baseline.terms)
        ),
        *(
            (
                ("extension", i, "later_hazard_ratio"),
                extension.later_hazard_ratio,
                "later_hazard_ratio",
                "a prior made from a later_hazard_ratio",
            )
            for i, extension in enumerate(baseline.extension)
        ),
    ]
    for spot, part, wanted, words in parts:
        if part is not None and _measures(loaded, part.prior) != {wanted}:
            yield place(
                loaded,
                ("outcomes", name, "baseline", *spot, "prior"),
                found=Phrase(f"{part.prior}, of {', '.join(_measures(loaded, part.prior))}"),
                allowed=words,
                remedy="name another prior"
                + (", or use `intercept:`" if wanted == "line" else "")
                + (", or use `line:`" if "line" in _measures(loaded, part.prior) else ""),
            )


def _horizon_faults(loaded: LoadedProblem, names: Iterable[str]) -> Iterator[Problem]:
    """Yield a question for each prior whose figures were counted over another time."""
    problem = loaded.problem
    for name in names:
        specification = problem.priors[name]
        for i, key in enumerate(specification.from_):
            estimate = loaded.estimates[key]
            if estimate.measure in ("rate", "later_hazard_ratio"):
                continue  # a rate has its exposure, a later hazard its extension
            taken: Duration | None = specification.horizon or estimate.horizon.duration
            if taken is None or not _same_time(taken, problem.horizon):
                yield place(
                    loaded,
                    ("priors", name, "from", i),
                    severity="Q",
                    found=Phrase(f"{key}, counted over '{estimate.horizon}'"),
                    allowed=f"figures at the problem's horizon, {problem.horizon}",
                    remedy="declare `horizon: {value, unit, because}` on this prior if it may be "
                    "taken to hold there; for a later horizon keep the problem's own and declare "
                    "`extension:` with an assumed baseline there",
                )


def _same_time(a: Duration, b: Duration) -> bool:
    return abs(a.days - b.days) <= 0.01 * b.days
