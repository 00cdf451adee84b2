"""Every name a file uses must stand somewhere: unknown ids, with the nearest known one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import partial

from pydantic import ValidationError

from riskmodel.errors import Problem, did_you_mean
from riskmodel.parameters.library import (
    STATEMENTS,
    Entry,
    Library,
    problems_of,
    set_at,
    written_at,
)
from riskmodel.parameters.marked_yaml import Location, MarkedDocument
from riskmodel.parameters.schema import DecisionProblem, Estimate


class _Names:
    """Collects what is not known, at the place where it is written."""

    def __init__(
        self, document: MarkedDocument, written_at: Callable[[Location], Location] = tuple
    ):
        self.document = document
        self.written_at = written_at
        self.problems: list[Problem] = []

    def must_be(self, kind: str, known: Iterable[str], name: str, location: Location) -> None:
        known = list(known)
        if name in known:
            return
        location = self.written_at(location)
        of_key = bool(location) and location[-1] == name
        self.problems.append(
            self.document.problem(
                location,
                of_key=of_key,
                found=name,
                allowed=f"a known {kind}",
                remedy=did_you_mean(name, known),
            )
        )


def check_estimate_sources(library: Library) -> list[Problem]:
    """Return a problem for each estimate whose source key is not in the library."""
    problems = []
    for entry in library.entries["estimate"].values():
        estimate: Estimate = entry.record
        if estimate.source.key is not None:
            names = _Names(entry.document)
            names.must_be(
                "source",
                library.entries["source"],
                estimate.source.key,
                (*entry.location, "source", "key"),
            )
            problems += names.problems
    return problems


def check_references(library: Library, entry: Entry) -> list[Problem]:
    """Return a problem for each name in a decision problem that stands nowhere."""
    problem: DecisionProblem = entry.record
    names = _Names(entry.document)
    _check_problem(names, library, problem)
    found = list(names.problems)
    if not found:
        for name in problem.scenarios:
            found += _check_scenario(library, entry, name)
    used = {estimate for prior in problem.priors.values() for estimate in prior.from_}
    for problem_ in check_estimate_sources(library):
        if any(_is_of(library, problem_, estimate) for estimate in used):
            found.append(problem_)
    return found


def _is_of(library: Library, fault: Problem, estimate: str) -> bool:
    entry = library.entries["estimate"].get(estimate)
    if entry is None or entry.document.file != fault.file:
        return False
    place = (*entry.location, "source", "key")
    return entry.document.position(place) == (fault.line, fault.column)


def _check_problem(names: _Names, library: Library, problem: DecisionProblem) -> None:
    options, outcomes, covariates = problem.options, problem.outcomes, problem.covariates
    names.must_be("option", options, problem.comparator, ("comparator",))
    for covariate in problem.reference_profile:
        names.must_be("covariate", covariates, covariate, ("reference_profile", covariate))
    for key, option in options.items():
        for i, rule in enumerate(option.not_for):
            place = ("options", key, "not_for", i)
            names.must_be("covariate", covariates, rule.covariate, (*place, "covariate"))
            if rule.source and rule.source.key:
                names.must_be(
                    "source", library.entries["source"], rule.source.key, (*place, "source", "key")
                )
    for key, outcome in outcomes.items():
        _check_outcome(names, problem, key, outcome)
    for key, prior in problem.priors.items():
        for i, estimate in enumerate(prior.from_):
            names.must_be(
                "estimate", library.entries["estimate"], estimate, ("priors", key, "from", i)
            )
        if prior.line:
            names.must_be(
                "covariate", covariates, prior.line.covariate, ("priors", key, "line", "covariate")
            )
    for i, pair in enumerate(problem.correlations):
        for j, name in enumerate(pair.priors):
            names.must_be("prior", problem.priors, name, ("correlations", i, "priors", j))
    for i, overlap in enumerate(problem.overlap):
        for j, outcome in enumerate(overlap.outcomes):
            names.must_be("outcome", outcomes, outcome, ("overlap", i, "outcomes", j))
    for key, composite in problem.composites.items():
        for j, outcome in enumerate(composite.of):
            names.must_be("outcome", outcomes, outcome, ("composites", key, "of", j))
    if problem.case_mix:
        names.must_be(
            "covariate", covariates, problem.case_mix.covariate, ("case_mix", "covariate")
        )
    _check_evidence(names, library, problem)
    _check_published_strata(names, library, problem)
    _check_preferences(names, library, problem)


def _check_outcome(names: _Names, problem: DecisionProblem, key: str, outcome) -> None:
    place = ("outcomes", key)
    baseline = outcome.baseline
    for part in ("intercept", "line"):
        reference = getattr(baseline, part)
        if reference:
            names.must_be(
                "prior", problem.priors, reference.prior, (*place, "baseline", part, "prior")
            )
    for i, term in enumerate(baseline.terms):
        spot = (*place, "baseline", "terms", i)
        names.must_be("covariate", problem.covariates, term.covariate, (*spot, "covariate"))
        names.must_be("prior", problem.priors, term.prior, (*spot, "prior"))
    for i, extension in enumerate(baseline.extension):
        names.must_be(
            "prior",
            problem.priors,
            extension.later_hazard_ratio.prior,
            (*place, "baseline", "extension", i, "later_hazard_ratio", "prior"),
        )
    if outcome.competing:
        names.must_be("outcome", problem.outcomes, outcome.competing, (*place, "competing"))
    for option, effect in outcome.effects.items():
        spot = (*place, "effects", option)
        names.must_be("option", problem.alternatives, option, spot)
        if effect.prior:
            names.must_be("prior", problem.priors, effect.prior, (*spot, "prior"))
        if effect.relative_to:
            names.must_be("option", problem.options, effect.relative_to, (*spot, "relative_to"))


def _check_evidence(names: _Names, library: Library, problem: DecisionProblem) -> None:
    """Hold what is shown beside the result, and what a written answer is about, to the library."""
    statements = [name for kind in STATEMENTS.values() for name in library.entries[kind]]
    for i, name in enumerate(problem.evidence):
        names.must_be("statement of the library", statements, name, ("evidence", i))
    for i, question in enumerate(problem.resolutions):
        for j, name in enumerate(question.between):
            names.must_be(
                "statement of the library", statements, name, ("resolutions", i, "between", j)
            )


def _check_published_strata(names: _Names, library: Library, problem: DecisionProblem) -> None:
    strata = problem.published_strata
    if strata is None:
        return
    place = ("published_strata",)
    names.must_be("option", problem.alternatives, strata.option, (*place, "option"))
    names.must_be("outcome", problem.outcomes, strata.outcome, (*place, "outcome"))
    names.must_be("covariate", problem.covariates, strata.covariate, (*place, "covariate"))
    covariate = problem.covariates.get(strata.covariate)
    bands = [band.id for band in covariate.bands] if covariate else []
    for i, row in enumerate(strata.rows):
        names.must_be("band", bands, row.band, (*place, "rows", i, "band"))
        for part in ("risk_difference", "number_needed_to_treat"):
            if getattr(row, part):
                names.must_be(
                    "estimate",
                    library.entries["estimate"],
                    getattr(row, part),
                    (*place, "rows", i, part),
                )


def _check_preferences(names: _Names, library: Library, problem: DecisionProblem) -> None:
    panels = library.records("preferences")
    choice = problem.preferences
    if choice is None:
        return
    names.must_be("outcome", problem.outcomes, choice.reference, ("preferences", "reference"))
    names.must_be("outcome", problem.outcomes, choice.vary, ("preferences", "vary"))
    names.must_be("preferences", panels, choice.default, ("preferences", "default"))
    panel = panels.get(choice.default)
    if panel is None:
        return
    for outcome in panel.weights:
        if outcome not in problem.outcomes:
            entry = library.entries["preferences"][choice.default]
            spot = (*entry.location, "weights", outcome)
            names.problems.append(
                entry.document.problem(
                    spot,
                    of_key=True,
                    found=outcome,
                    allowed=f"an outcome of {problem.id}",
                    remedy=did_you_mean(outcome, problem.outcomes),
                )
            )


# What no scenario may set: one posterior serves them all, and what it is made of is shared.
SHARED = ("schema", "id", "priors", "sources", "estimates", "panels", "scenarios")


def _check_scenario(library: Library, entry: Entry, name: str) -> list[Problem]:
    problem: DecisionProblem = entry.record
    data = problem.model_dump(by_alias=True, exclude_unset=True)
    found = []
    for path, value in problem.scenarios[name].set.items():
        fault = partial(
            entry.document.problem, ("scenarios", name, "set", path), of_key=True, found=path
        )
        if path.split(".")[0] in SHARED:
            found.append(
                fault(
                    allowed=f"any part but {', '.join(SHARED)}, which all scenarios share",
                    remedy="declare another prior under `priors:` and let the scenario name it",
                )
            )
            continue
        try:
            set_at(data, path, deepcopy(value))
        except KeyError as error:
            found.append(
                fault(
                    allowed="a dotted path of this file",
                    remedy=f"{error.args[0]!r} is not there",
                )
            )
    if found:
        return found
    place = partial(written_at, problem, [name])
    try:
        changed = DecisionProblem.model_validate(data)
    except ValidationError as error:
        return problems_of(error, entry.document, DecisionProblem, place)
    names = _Names(entry.document, place)
    _check_problem(names, library, changed)
    return names.problems
