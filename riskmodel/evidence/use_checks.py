"""Whether the estimates that one problem uses may stand side by side.

Each is right by itself; the questions here come up between them: other patients, another time,
the same trial twice, a composite in place of its part. Such a question is answered in the problem,
under ``resolutions: [{between: [id, id], because, whose}]``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from riskmodel.errors import Phrase, Problem
from riskmodel.evidence.checks import rounding
from riskmodel.evidence.priors import NUMBERS_NEEDED, place
from riskmodel.evidence.statement_checks import larger_groups
from riskmodel.parameters.library import Library, LoadedProblem
from riskmodel.parameters.marked_yaml import Location
from riskmodel.parameters.schema import Duration, Estimate, PriorSpecification

_ABSOLUTE = ("risk_difference", *NUMBERS_NEEDED)


@dataclass(frozen=True)
class Use:
    """One estimate in one place of a problem.

    Parameters
    ----------
    estimate : Estimate
    location : tuple
        Where the problem names it.
    outcome : str
        The problem's outcome it serves.
    role : {"baseline", "covariate", "effect", "later", "shown"}
        Shown: in the published strata, beside the model.
    option : str or None
        The option of an effect.
    prior : PriorSpecification or None
    """

    estimate: Estimate
    location: Location
    outcome: str
    role: Literal["baseline", "covariate", "effect", "later", "shown"]
    option: str | None = None
    prior: PriorSpecification | None = None

    @property
    def id(self) -> str:
        return self.estimate.id

    @property
    def horizon(self) -> Duration | None:
        """Return the time the estimate is taken to hold at; None if nobody says."""
        taken = self.prior.horizon if self.prior else None
        return taken or self.estimate.horizon.duration


def uses_of(loaded: LoadedProblem) -> list[Use]:
    """Return every use of an estimate by the outcomes and published strata of a problem.

    Examples
    --------
    >>> from riskmodel.evidence.loading import load_problem
    >>> uses = uses_of(load_problem("plex_aav"))
    >>> next((use.role, use.option) for use in uses if use.id == "rr_eskd_12m")
    ('effect', 'plex')
    """
    problem, found = loaded.problem, []
    for name, outcome in problem.outcomes.items():
        baseline = outcome.baseline
        parts = [
            ("baseline", None, part.prior) for part in (baseline.intercept, baseline.line) if part
        ]
        parts += [("covariate", None, term.prior) for term in baseline.terms]
        parts += [("effect", key, e.prior) for key, e in outcome.effects.items() if e.prior]
        parts += [("later", None, e.later_hazard_ratio.prior) for e in baseline.extension]
        for role, option, prior in parts:
            specification = problem.priors[prior]
            found += [
                Use(
                    loaded.estimates[key],
                    ("priors", prior, "from", i),
                    name,
                    role,
                    option,
                    specification,
                )
                for i, key in enumerate(specification.from_)
            ]
    strata = problem.published_strata
    for i, row in enumerate(strata.rows if strata else ()):
        for part in ("risk_difference", "number_needed_to_treat"):
            key = getattr(row, part)
            if key:
                location = ("published_strata", "rows", i, part)
                estimate = loaded.estimates[key]
                found.append(Use(estimate, location, strata.outcome, "shown", strata.option))
    return found


def check_uses(loaded: LoadedProblem, library: Library) -> list[Problem]:
    """Return what is wrong or open between the estimates of a problem and of each scenario.

    Parameters
    ----------
    loaded : LoadedProblem
    library : Library
        For the groups of patients of the vocabulary.

    Returns
    -------
    list of Problem
        Each once, where it first comes up.
    """
    found: dict[tuple, Problem] = {}
    for names in ((), *((name,) for name in loaded.problem.scenarios)):
        active = loaded.with_scenarios(names)
        uses = uses_of(active)
        fitted = [use for use in uses if use.role != "shown"]
        for key, problem in (
            *_benefit_and_harm(active, uses),
            *_double_use(active, fitted),
            *_composites(active, fitted),
            *_transfers(active, library, fitted),
            *_counted_twice(active, fitted),
            *_unanchored(active, fitted),
            *(fault for use in fitted for fault in _of_one(active, use)),
        ):
            found.setdefault(key, problem)
    return list(found.values())


Found = Iterator[tuple[tuple, Problem]]


def settled(loaded: LoadedProblem, *names: str) -> bool:
    """Say whether a written answer of the problem is about all of these estimates."""
    return any(set(names) <= set(answer.between) for answer in loaded.problem.resolutions)


def _answer(*names: str) -> str:
    return f"`resolutions: [{{between: [{', '.join(names)}], because: ..., whose: ...}}]`"


def _same(text: str, other: str) -> bool:
    return text.strip().casefold() == other.strip().casefold()


def _pairs(uses: Iterable[Use]) -> Iterator[tuple[Use, Use]]:
    yield from (pair for pair in combinations(uses, 2) if pair[0].id != pair[1].id)


# --- between two estimates ----------------------------------------------------------------------


def _benefit_and_harm(loaded: LoadedProblem, uses: list[Use]) -> Found:
    """Ask for a matched pair where absolute effects on two outcomes are of other patients or times.

    A difference, unlike a ratio, holds at one baseline risk only: that of those it was counted in.
    """
    absolute = [
        use for use in uses if use.estimate.measure in _ABSOLUTE and use.role in ("effect", "shown")
    ]
    for a, b in _pairs(absolute):
        if a.outcome == b.outcome or settled(loaded, a.id, b.id):
            continue
        patients = not _same_patients(a.estimate, b.estimate)
        # Two priors at other times are asked about one by one, against the problem's horizon.
        times = "shown" in (a.role, b.role) and not _same_time(a, b)
        if patients or times:
            what = " and ".join(
                words
                for words, differ in (("of other patients", patients), ("at another time", times))
                if differ
            )
            yield (
                ("benefit and harm", frozenset((a.id, b.id))),
                place(
                    loaded,
                    b.location,
                    severity="Q",
                    found=Phrase(f"{b.id} beside {a.id}, {what}"),
                    allowed="a benefit and a harm counted in the same patients over the same time",
                    remedy=f"{_described(b)}; {_described(a)}. Use a matched pair, or ratios on "
                    "each patient's own baseline risks; or settle it in writing: "
                    + _answer(a.id, b.id),
                ),
            )


def _same_patients(a: Estimate, b: Estimate) -> bool:
    if a.group is not None and b.group is not None:
        return a.group == b.group
    return _same(a.population, b.population)


def _same_time(a: Use, b: Use) -> bool:
    one, other = a.horizon, b.horizon
    if one is None or other is None:
        return False
    return abs(one.days - other.days) <= 0.01 * one.days


def _described(use: Use) -> str:
    estimate = use.estimate
    who = estimate.group or f"'{estimate.population}'"
    return f"{use.id}: {estimate.measure} {estimate.number:g}, {who}, " + str(
        use.horizon or estimate.horizon
    )


def _double_use(loaded: LoadedProblem, uses: list[Use]) -> Found:
    """Ask where two estimates behind one outcome count the same study."""
    for a, b in _pairs(uses):
        shared = _studies(loaded, a.estimate) & _studies(loaded, b.estimate)
        if a.outcome != b.outcome or not shared or _parts_of_one_result(loaded, a, b):
            continue
        if not settled(loaded, a.id, b.id):
            yield (
                ("double use", frozenset((a.id, b.id))),
                place(
                    loaded,
                    b.location,
                    severity="Q",
                    found=Phrase(f"{b.id} and {a.id}, both counting {', '.join(sorted(shared))}"),
                    allowed="each study once behind one outcome",
                    remedy="leave out the one that the other holds; or say why both may stand: "
                    + _answer(a.id, b.id),
                ),
            )


def _studies(loaded: LoadedProblem, estimate: Estimate) -> set[str]:
    if estimate.study_ids:
        return set(estimate.study_ids)
    source = loaded.sources.get(estimate.source.key or "")
    return set(source.study_ids) if source else set()


def _parts_of_one_result(loaded: LoadedProblem, a: Use, b: Use) -> bool:
    """Say whether two figures are parts of one result, as the risk and the ratio of one trial."""
    same_source = a.estimate.source.key is not None and a.estimate.source.key == (
        b.estimate.source.key
    )
    same_studies = _studies(loaded, a.estimate) == _studies(loaded, b.estimate)
    other_part = (a.role, a.option) != (b.role, b.option) or a.estimate.at != b.estimate.at
    return same_source and same_studies and other_part


def _composites(loaded: LoadedProblem, uses: list[Use]) -> Found:
    """Refuse a composite where the problem's outcome is one of its parts, or another thing."""
    for use in uses:
        estimate, outcome = use.estimate, loaded.problem.outcomes[use.outcome]
        if not estimate.composite:
            continue
        others = [
            other.id
            for other in uses
            if other.outcome == use.outcome and not _same(other.estimate.outcome, estimate.outcome)
        ]
        definition = (outcome.definition or "").casefold()
        declared = _same(outcome.label, estimate.outcome) or all(
            part.casefold() in definition for part in estimate.composite
        )
        if others or not declared:
            yield (
                ("composite", use.id, use.outcome),
                place(
                    loaded,
                    use.location,
                    found=Phrase(
                        f"{use.id}, of the composite '{estimate.outcome}'"
                        + (f", beside {others[0]}" if others else "")
                    ),
                    allowed=f"estimates of one outcome, '{outcome.label}'",
                    remedy="use an estimate of this outcome alone, or make the composite the "
                    "outcome, with its parts in `definition:` and every estimate of it",
                ),
            )


def _transfers(loaded: LoadedProblem, library: Library, uses: list[Use]) -> Found:
    """Ask where an estimate of other patients is used as if it were of these."""
    taken: list[Use] = []
    for use in uses:
        if use.estimate.group is None or use.prior.badge in ("transported", "assumed"):
            continue
        strangers = [
            other
            for other in taken
            if not _related(library, use.estimate.group, other.estimate.group)
        ]
        taken.append(use)
        if strangers and not any(settled(loaded, use.id, other.id) for other in strangers):
            other = strangers[0]
            yield (
                ("transfer", use.id),
                place(
                    loaded,
                    use.location,
                    severity="Q",
                    found=Phrase(
                        f"{use.id}, of {use.estimate.group}, beside {other.id}, of "
                        f"{other.estimate.group}"
                    ),
                    allowed="estimates of one group of patients, or of groups within one another",
                    remedy="add `badge: transported` with `whose:` and `because:` to the prior of "
                    f"the one from elsewhere; or settle it in writing: {_answer(other.id, use.id)}",
                ),
            )


def _related(library: Library, one: str, other: str) -> bool:
    return one in larger_groups(library, other) or other in larger_groups(library, one)


def _counted_twice(loaded: LoadedProblem, uses: list[Use]) -> Found:
    """Ask where one event is weighed under two outcomes."""
    problem = loaded.problem
    panel = loaded.panels.get(problem.preferences.default) if problem.preferences else None
    weighed = [name for name, weight in panel.weights.items() if weight.weight > 0] if panel else []
    declared = {frozenset(overlap.outcomes) for overlap in problem.overlap}
    events = [use for use in uses if use.role == "effect" and use.outcome in weighed]
    for a, b in _pairs(events):
        shared = _event_names(a.estimate) & _event_names(b.estimate)
        pair = frozenset((a.outcome, b.outcome))
        if len(pair) < 2 or not shared or pair in declared or settled(loaded, a.id, b.id):
            continue
        yield (
            ("counted twice", pair),
            place(
                loaded,
                b.location,
                severity="Q",
                found=Phrase(f"'{sorted(shared)[0]}', under {a.outcome} and {b.outcome}"),
                allowed="each event weighed under one outcome, or an `overlap:` of the two",
                remedy="drop one, or declare how often they come together under `overlap:` with a "
                f"weight for both; or settle it in writing: {_answer(a.id, b.id)}",
            ),
        )


def _event_names(estimate: Estimate) -> set[str]:
    return {name.strip().casefold() for name in (estimate.outcome, *estimate.composite)}


def _unanchored(loaded: LoadedProblem, uses: list[Use]) -> Found:
    """Ask where an option's own risk is set against a comparator's risk from somewhere else."""
    for use in uses:
        outcome = loaded.problem.outcomes[use.outcome]
        if use.role != "effect" or outcome.effects[use.option].scale != "own_risk":
            continue
        for other in uses:
            if other.outcome != use.outcome or other.role != "baseline":
                continue
            if _one_comparison(use.estimate, other.estimate) or settled(loaded, use.id, other.id):
                continue
            counts = use.estimate.counts
            yield (
                ("unanchored", frozenset((use.id, other.id))),
                place(
                    loaded,
                    use.location,
                    severity="Q",
                    found=Phrase(
                        f"{use.id}{f', {counts.n} people' if counts else ''}, without a comparator "
                        f"of its own, against {other.id}"
                    ),
                    allowed="the two risks of one comparison",
                    remedy="leave the contrast out with `not_estimable:`; or say why those "
                    f"untreated patients are a fair comparator: {_answer(use.id, other.id)}",
                ),
            )


def _one_comparison(a: Estimate, b: Estimate) -> bool:
    """Say whether two risks are the two arms of one comparison: one source, or one study."""
    if a.source.key is not None and a.source.key == b.source.key:
        return True
    return bool(set(a.study_ids) & set(b.study_ids))


# --- one estimate in its place ------------------------------------------------------------------


def _of_one(loaded: LoadedProblem, use: Use) -> Found:
    estimate = use.estimate
    if (
        estimate.unit_of_analysis not in (None, "patients")
        and "unit_of_analysis" not in estimate.resolution
        and estimate.measure == "risk"
    ):
        yield (
            ("unit", use.id),
            place(
                loaded,
                use.location,
                severity="Q",
                found=Phrase(f"{use.id}, counted in {estimate.unit_of_analysis}"),
                allowed="a risk of patients",
                remedy="convert it, or say in the estimate how one becomes the other: "
                "`resolution: {unit_of_analysis: ...}`",
            ),
        )
    source = loaded.sources.get(estimate.source.key or "")
    if source and source.role == "tertiary" and "source" not in estimate.resolution:
        yield (
            ("tertiary", use.id),
            place(
                loaded,
                use.location,
                severity="W",
                found=Phrase(f"{use.id}, from {estimate.source.key}, a tertiary source"),
                allowed="figures of the study, or of who pooled it",
                remedy="go back to what it cites; or say in the estimate why it is taken: "
                "`resolution: {source: ...}`",
            ),
        )
    yield from _rounded_number_needed(loaded, use)
    yield from _other_direction(loaded, use)
    yield from _beyond_the_covariate(loaded, use)


def _rounded_number_needed(loaded: LoadedProblem, use: Use) -> Found:
    """Warn of a whole number needed, taken back to a difference that it stands for only roughly."""
    estimate = use.estimate
    if (
        estimate.measure not in NUMBERS_NEEDED
        or estimate.interval is not None
        or estimate.value is None
        or not float(estimate.value).is_integer()
        or "value" in estimate.resolution
        or abs(estimate.value) <= 1
    ):
        return
    low, high = rounding(abs(estimate.value))
    yield (
        ("rounded", use.id),
        place(
            loaded,
            use.location,
            severity="W",
            found=Phrase(f"{use.id}, a whole number"),
            allowed=f"{low:g} to {high:g}, differences of {1 / high:.2%} to {1 / low:.2%}",
            remedy="carry what it may stand for, `interval: {lower, upper, kind: rounding}`; it "
            "may also have been rounded up",
        ),
    )


def _other_direction(loaded: LoadedProblem, use: Use) -> Found:
    """Refuse a hazard ratio of staying free of an unwanted event as one of having it."""
    outcome = loaded.problem.outcomes[use.outcome]
    if (
        use.estimate.direction == "event_free"
        and outcome.unwanted
        and use.role == "effect"
        and not use.prior.reverse
    ):
        yield (
            ("direction", use.id),
            place(
                loaded,
                use.location,
                found=Phrase(f"{use.id}, of staying free of the event"),
                allowed=f"a hazard ratio of the event itself, '{outcome.label}'",
                remedy="add `reverse: true` to the prior if one is the reciprocal of the other",
            ),
        )


def _beyond_the_covariate(loaded: LoadedProblem, use: Use) -> Found:
    """Refuse a risk at a covariate value that no patient can have."""
    for name, value in (use.estimate.at or {}).items():
        covariate = loaded.problem.covariates.get(name)
        if covariate is None or covariate.range is None:
            continue
        lowest, highest = covariate.range
        if lowest <= value <= highest:
            continue
        meant = [
            f"was {value:g} {unit} meant, {value * factor:g} {covariate.unit}?"
            for unit, factor in covariate.accepts.items()
            if lowest <= value * factor <= highest
        ]
        yield (
            ("covariate", use.id, name),
            place(
                loaded,
                use.location,
                found=Phrase(f"{use.id}, at {name} {value:g}"),
                allowed=f"{lowest:g} to {highest:g} {covariate.unit or ''}".strip(),
                remedy=meant[0] if meant else "check the number and its unit",
            ),
        )
