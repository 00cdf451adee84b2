"""Arithmetic that parameter files must pass: intervals, horizons, bands, scales, weights.

``riskmodel check`` is the schema of :mod:`riskmodel.parameters` and these checks as one.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from riskmodel.errors import (
    NOTHING,
    ParameterError,
    Phrase,
    Problem,
    RiskModelWarning,
    did_you_mean,
)
from riskmodel.evidence.priors import (
    POSITIVE_MEASURES,
    build_priors,
    place,
    rests_on_unverified,
    used_priors,
)
from riskmodel.parameters.library import (
    Entry,
    Library,
    LoadedProblem,
    find_problem,
    load_library,
    resolve,
    shipped_folder,
    used_estimates,
    with_shipped,
)
from riskmodel.parameters.profiles import resolve_patients
from riskmodel.parameters.references import check_estimate_sources, check_references
from riskmodel.parameters.schema import (
    RATIO_MEASURES,
    Covariate,
    DecisionProblem,
    Duration,
    Estimate,
    Panel,
    Record,
)

BASELINE_FORMS = ("intercept", "line", "fixed_risk")


def load_problem(name: str | Path) -> LoadedProblem:
    """Return a checked decision problem by its shipped id or the path of its file.

    Parameters
    ----------
    name : str or Path
        A shipped id such as ``"plex_aav"``, or a YAML file. A file in a folder ``problems/``
        may use what stands in the folders beside it; any file may use shipped ids.

    Returns
    -------
    LoadedProblem

    Raises
    ------
    ParameterError
        With everything `riskmodel check` finds wrong with it. Warnings are issued as
        RiskModelWarning.

    Examples
    --------
    >>> load_problem("plex_aav").problem.comparator
    'standard_care'
    """
    library, entry = find_problem(name)
    found = _check_whole(library, entry)
    stops = [problem for problem in found if problem.severity != "W"]
    if stops:
        raise ParameterError(stops)
    for problem in found:
        warnings.warn(str(problem), RiskModelWarning, stacklevel=2)
    return resolve(library, entry)


def _check_whole(library: Library, entry: Entry) -> list[Problem]:
    """Return what is wrong with a problem, the estimates it uses and its panel.

    Each step is taken only when those before it found nothing to stop at: arithmetic on unknown
    names or impossible figures would only repeat their faults in other words.
    """
    found = check_references(library, entry)
    if found:
        return found
    for name in used_estimates(entry.record):
        estimate = library.entries["estimate"][name]
        found += check_estimate(estimate.record, estimate)
    panel = library.entries["preferences"][entry.record.preferences.default]
    found += check_panel(panel.record, panel)
    if any(problem.severity == "E" for problem in found):
        return found
    return found + check_problem(resolve(library, entry))


def switch_on(loaded: LoadedProblem, scenarios: Iterable[str]) -> LoadedProblem:
    """Return a checked problem with scenarios switched on that also pass together.

    Raises
    ------
    ParameterError
        If one is unknown, or they do not fit together.
    """
    active = loaded.with_scenarios(scenarios)
    stops = [fault for fault in check_problem(active) if fault.severity != "W"]
    if stops:
        raise ParameterError(stops)
    return active


def load_panel(loaded: LoadedProblem, preferences: str | None) -> Panel | None:
    """Return a panel from a YAML file, or one the problem knows by its id; None stays None.

    Raises
    ------
    ParameterError
        If there is no such panel, its file is wrong, or it weighs what the problem lacks.
    """
    if preferences is None:
        return None
    if Path(preferences).suffix not in (".yaml", ".yml"):
        return as_panel(loaded, preferences)
    library = load_library([Path(preferences)])
    entries = list(library.entries["preferences"].values())
    found = list(library.problems)
    for entry in entries:
        found += check_panel(entry.record, entry)
    if not entries and not found:
        found.append(
            Problem(
                field="schema",
                found=Phrase("no panel"),
                file=Path(preferences),
                allowed="a file of schema riskmodel/preferences/1",
                remedy="name a preferences file",
            )
        )
    if found:
        raise ParameterError(found)
    return as_panel(loaded, entries[0].record)


def as_panel(loaded: LoadedProblem, preferences: str | Panel | None) -> Panel:
    """Return a panel that fits a problem: given as such, named, or the problem's default.

    Raises
    ------
    ParameterError
        If there is no such panel, or it weighs what the problem does not have.
    """
    if isinstance(preferences, Panel):
        panel = preferences
    else:
        name = preferences or loaded.problem.preferences.default
        if name not in loaded.panels:
            raise ParameterError(
                [
                    Problem(
                        field="preferences",
                        found=name,
                        allowed=", ".join(loaded.panels),
                        remedy=did_you_mean(name, loaded.panels),
                    )
                ]
            )
        panel = loaded.panels[name]
    problems = [
        Problem(
            field=f"weights.{name}",
            found=name,
            allowed=", ".join(loaded.problem.outcomes),
            remedy=did_you_mean(name, loaded.problem.outcomes),
        )
        for name in panel.weights
        if name not in loaded.problem.outcomes
    ]
    declared = {frozenset(overlap.outcomes) for overlap in loaded.problem.overlap}
    problems += [
        Problem(
            field=f"together[{i}]",
            found=pair.outcomes,
            remedy="declare their `overlap:`",
            allowed="a pair whose overlap the problem declares",
        )
        for i, pair in enumerate(panel.together)
        if frozenset(pair.outcomes) not in declared
    ]
    if problems:
        raise ParameterError(problems)
    return panel


def check_files(paths: Iterable[Path] | None = None) -> tuple[list[Problem], int]:
    """Return everything wrong in parameter files, and how many files were read.

    Parameters
    ----------
    paths : iterable of Path, optional
        Files and folders; None is the shipped library. Shipped ids are known to every file.

    Returns
    -------
    problems : list of Problem
        In the order of files and lines; severity E, W or Q.
    files : int
    """
    paths = [Path(path) for path in paths] if paths is not None else [shipped_folder()]
    own = load_library(paths)
    everything = with_shipped(own)
    found = list(own.problems)
    checked = {path.resolve() for path in own.files}
    for entry in own.entries["estimate"].values():
        found += check_estimate(entry.record, entry)
    for entry in own.entries["preferences"].values():
        found += check_panel(entry.record, entry)
    found += [p for p in check_estimate_sources(everything) if p.file.resolve() in checked]
    for entry in own.entries["problem"].values():
        found += [p for p in _check_whole(everything, entry) if p not in found]
    found.sort(key=lambda p: (str(p.file), p.line or 0, p.column or 0))
    return found, len(own.files)


# --- one estimate -------------------------------------------------------------------------------


def check_estimate(estimate: Estimate, entry: Entry) -> list[Problem]:
    """Return what is impossible or missing in one estimate."""
    return list(_estimate_faults(estimate, entry))


def _estimate_faults(estimate: Estimate, entry: Entry) -> Iterator[Problem]:
    def fault(*part, **words) -> Problem:
        return entry.document.problem((*entry.location, *part), **words)

    if estimate.value is None and estimate.counts is None:
        yield fault("value", found=NOTHING, allowed="a value or counts", remedy="add one of them")
        return
    value, limits, interval = estimate.number, estimate.limits, estimate.interval
    if estimate.value is not None:
        yield from _impossible_value(estimate, value, fault)
    if estimate.counts is not None:
        yield from _count_faults(estimate, fault)
    if limits is not None:
        lower, upper = limits
        if lower > upper:
            yield fault(
                "interval",
                found=[interval.lower, interval.upper],
                allowed="lower below upper",
                remedy="exchange the two limits",
            )
        elif lower == upper:
            yield fault(
                "interval",
                found=[interval.lower, interval.upper],
                allowed="lower below upper",
                remedy="give the two limits as printed, or leave out `interval:`",
            )
        elif not lower <= value <= upper:
            yield fault(
                "value",
                found=estimate.value,
                allowed=f"a point inside its interval, {interval.lower:g} to {interval.upper:g}",
                remedy="check the point and both limits",
            )
        if interval.kind in ("confidence", "credible") and interval.level is None:
            yield fault(
                "interval",
                "level",
                severity="Q",
                found=NOTHING,
                allowed="the level the source states, such as 0.95",
                remedy="add `level:`; there is no default",
            )
        if estimate.measure in POSITIVE_MEASURES and lower <= 0 < value:
            yield fault(
                "interval",
                "lower",
                found=interval.lower,
                allowed="a number above 0",
                remedy="a ratio or rate cannot reach 0; was a logarithm entered, or a rounded 0?",
            )
        if estimate.measure == "risk" and not 0 <= lower <= upper <= 1 and 0 <= value <= 1:
            yield fault(
                "interval",
                found=[interval.lower, interval.upper],
                allowed="risks between 0 and 1",
                remedy="divide percentages by 100, or add `unit: percent`",
            )
    horizon = estimate.horizon
    if (horizon.stated is None) == (horizon.duration is None):
        yield fault(
            "horizon",
            found=_named(horizon),
            allowed="either {value, unit} or {stated: the source's words}",
            remedy="give the follow-up the source states",
        )
    if estimate.measure == "rate" and estimate.per is None:
        yield fault(
            "per",
            found=NOTHING,
            allowed="what the rate is counted over",
            remedy="add `per: {value: 1000, unit: day, of: ...}`",
        )
    yield from _source_faults(estimate, fault)


def _named(part: Record) -> Phrase:
    """Return the keys that were given."""
    return Phrase(", ".join(part.model_dump(exclude_none=True)) or NOTHING)


def _count_faults(estimate: Estimate, fault) -> Iterator[Problem]:
    counts = estimate.counts
    if estimate.measure != "risk":
        yield fault(
            "counts",
            found=Phrase(f"counts of a {estimate.measure}"),
            allowed="counts of a risk only",
            remedy="give the value and interval as printed, or `measure: risk`",
        )
    if counts.events > counts.n:
        yield fault(
            "counts",
            "events",
            found=counts.events,
            allowed=f"0 to n = {counts.n}",
            remedy="events cannot outnumber people; check the two",
        )
    elif (
        estimate.measure == "risk"
        and estimate.value is not None
        and abs(estimate.number - counts.events / counts.n) > 0.005
    ):
        yield fault(
            "value",
            found=estimate.value,
            allowed=f"{counts.events} of {counts.n}, which is {counts.events / counts.n:.4g}",
            remedy="check the two, or leave out `value:`",
        )


def _impossible_value(estimate: Estimate, value: float, fault) -> Iterator[Problem]:
    if estimate.measure == "risk" and not 0 <= value <= 1:
        yield fault(
            "value",
            found=estimate.value,
            allowed="a risk between 0 and 1",
            remedy="divide percentages by 100, or add `unit: percent`",
        )
    if estimate.measure == "risk_difference" and not -1 <= value <= 1:
        yield fault(
            "value",
            found=estimate.value,
            allowed="a difference between -1 and 1",
            remedy="divide percentages by 100, or add `unit: percent`",
        )
    if estimate.measure in POSITIVE_MEASURES and value <= 0:
        yield fault(
            "value",
            found=estimate.value,
            allowed="a number above 0",
            remedy="was a logarithm entered, or a reduction in percent?",
        )
    if estimate.measure.startswith("number_needed") and abs(value) < 1:
        yield fault(
            "value",
            found=estimate.value,
            allowed="at least 1 in magnitude",
            remedy="the reciprocal of a risk difference cannot be nearer to 0",
        )


def _source_faults(estimate: Estimate, fault) -> Iterator[Problem]:
    source, seen = estimate.source, estimate.status.startswith("seen")
    if (source.key is None) == (source.judgement is None):
        yield fault(
            "source",
            found=_named(source),
            allowed="either {key, locator} or {judgement: {whose, why}}",
            remedy="cite one source, or say whose judgement it is",
        )
        return
    if source.key is not None and source.locator is None:
        yield fault(
            "source",
            found=source.key,
            allowed="a locator such as 'Table 2, row 4'",
            remedy="add `locator:`",
        )
    if seen and source.key is None:
        yield fault(
            "status",
            found=estimate.status,
            allowed="judgement or unverified",
            remedy="a figure that was seen names its source",
        )
    if seen and estimate.printed is None:
        yield fault(
            "printed",
            found=NOTHING,
            allowed="the figure as it stands in the source",
            remedy="add `printed:`",
        )


# --- one panel ----------------------------------------------------------------------------------


def check_panel(panel: Panel, entry: Entry) -> list[Problem]:
    """Return what is wrong with a set of weights."""

    def fault(*part, **words) -> Problem:
        return entry.document.problem((*entry.location, *part), **words)

    found = []
    reference = panel.weights.get(panel.reference)
    if reference is None or reference.weight <= 0:
        found.append(
            fault(
                "reference",
                found=panel.reference,
                allowed="an outcome with a weight above 0",
                remedy="give the reference outcome a weight",
            )
        )
    for name, weight in panel.weights.items():
        if weight.range and not 0 <= weight.range[0] < weight.range[1]:
            found.append(
                fault(
                    "weights",
                    name,
                    "range",
                    found=weight.range,
                    allowed="two weights from 0 up, the lower first",
                    remedy="correct the range",
                )
            )
    for i, pair in enumerate(panel.together):
        for j, outcome in enumerate(pair.outcomes):
            if outcome not in panel.weights:
                found.append(
                    fault(
                        "together",
                        i,
                        "outcomes",
                        j,
                        found=outcome,
                        allowed="an outcome that has a weight",
                        remedy="give it one under `weights:`",
                    )
                )
    burden = panel.residual_burden
    if burden and burden.lower >= burden.upper:
        found.append(
            fault(
                "residual_burden",
                found=[burden.lower, burden.upper],
                allowed="lower below upper",
                remedy="exchange the two",
            )
        )
    return found


# --- one problem --------------------------------------------------------------------------------


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
    for i, key, rule in _exclusions(problem):
        if problem.covariates[rule.covariate].type != "boolean":
            yield place(
                loaded,
                ("options", key, "not_for", i, "covariate"),
                found=rule.covariate,
                allowed="a covariate of `type: boolean`",
                remedy="declare one that says whether the reason is there",
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
    forms = [form for form in BASELINE_FORMS if getattr(baseline, form) is not None]
    if len(forms) != 1:
        yield place(
            loaded,
            (*where, "baseline"),
            found=forms or NOTHING,
            allowed=f"exactly one of {', '.join(BASELINE_FORMS)}",
            remedy="say where the risk under the comparator comes from",
        )
        return
    yield from _measure_faults(loaded, name)
    if baseline.fixed_risk is not None and baseline.because is None:
        yield place(
            loaded,
            (*where, "baseline", "because"),
            found=NOTHING,
            allowed="a reason for a risk that is known without doubt",
            remedy="add `because:`",
        )
    for option, effect in outcome.effects.items():
        spot = (*where, "effects", option)
        measures = _measures(loaded, effect.prior)
        if effect.scale == "added_rate":
            if measures != {"rate"}:
                yield place(
                    loaded,
                    (*spot, "prior"),
                    found=Phrase(f"{effect.prior}, of {', '.join(sorted(measures))}"),
                    allowed="a prior made from a rate",
                    remedy="name another prior, or use the scale of what was printed",
                )
            elif effect.exposure is None:
                yield place(
                    loaded,
                    (*spot, "exposure"),
                    found=NOTHING,
                    allowed="how long patients are exposed to the rate",
                    remedy="add `exposure: {value, unit, because}`",
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


def _measures(loaded: LoadedProblem, prior: str) -> set[str]:
    """Return what a prior is a distribution of."""
    specification = loaded.problem.priors[prior]
    if specification.line:
        return {"line"}
    return {loaded.estimates[name].measure for name in specification.from_}


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
