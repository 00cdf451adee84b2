"""Every figure by name: what there is, what it needs, and how it is drawn from a finished run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from riskmodel.errors import ParameterError, Phrase, Problem, did_you_mean
from riskmodel.plots.journals import HOUSE, Journal, drawn_for, find_journal
from riskmodel.reports import figures as run_figures
from riskmodel.reports import patient_figures, structure_figures, supplement_figures
from riskmodel.reports.drawn_run import refuse
from riskmodel.reports.evidence_figures import evidence_figures
from riskmodel.reports.finished_run import FinishedRun
from riskmodel.reports.paper_figure import PaperFigure, drawn_from
from riskmodel.reports.progress import Steps
from riskmodel.reports.time_figures import time_figures

Draw = Callable[[FinishedRun], Iterable[PaperFigure]]


@dataclass(frozen=True)
class Family:
    """One kind of figure; it yields one file set or several: by patient, option or page.

    Parameters
    ----------
    name : str
        Every figure of it is called so, or begins so.
    shows : str
        In one line.
    draw : callable
        A finished run in, figures out; refuses a run that has not what it needs.
    """

    name: str
    shows: str
    draw: Draw


# --- how each is drawn --------------------------------------------------------------------------


def _value_tree(run: FinishedRun) -> Iterator[PaperFigure]:
    yield structure_figures.value_tree_figure(run.loaded, run.weights, run.differences)


def _model_graph(run: FinishedRun) -> Iterator[PaperFigure]:
    from riskmodel.evidence.priors import used_priors

    if not used_priors(run.loaded.problem):
        refuse(
            "run",
            Phrase(f"{run.loaded.id}, which has no inputs"),
            "a problem whose sources allow a contrast",
            "its statements stand in the figures timeline and reported_risks",
        )
    yield structure_figures.model_graph_figure(run.loaded, run.weights, later=run.later)


def _evidence_forest(run: FinishedRun) -> Iterator[PaperFigure]:
    _ = run.outcomes
    yield from structure_figures.evidence_forest_figures(run.loaded, later=run.later)


def _effects(run: FinishedRun) -> Iterator[PaperFigure]:
    yield from run_figures.effect_figures(run.outcomes, run.prob)


def _absolute_effect(run: FinishedRun) -> Iterator[PaperFigure]:
    for option in run.loaded.problem.alternatives:
        yield run_figures.absolute_effect_figure(run.grid, option, run.prob)


def _effect_by_baseline_risk(run: FinishedRun) -> Iterator[PaperFigure]:
    against = patient_figures.baseline_outcome(run.grid, run.weights)
    if against is None:
        refuse(
            "run",
            Phrase(f"{run.loaded.id}, whose baseline risks are the same for everybody"),
            "a problem in which a baseline risk follows the case mix",
            "give a baseline a line or a term of the case mix's covariate",
        )
    for option in run.loaded.problem.alternatives:
        yield patient_figures.baseline_risk_figure(run.grid, option, against, run.prob)


def _weighed(run: FinishedRun) -> list[str]:
    known = run_figures.weighed_options(run.outcomes, run.panel)
    options = [option for option in run.loaded.problem.alternatives if option in known]
    if not options:
        refuse(
            "run",
            Phrase(f"{run.folder}, in which no option has a net benefit"),
            "a contrast of every weighed outcome",
            "name a panel that weighs only what can be estimated",
        )
    return options


def _preference_curve(run: FinishedRun) -> Iterator[PaperFigure]:
    for option in _weighed(run):
        yield from run_figures.preference_curve_figures(run.outcomes, option, run.panel, run.prob)


def _decision_curve(run: FinishedRun) -> Iterator[PaperFigure]:
    options = _weighed(run)
    if "case_risk" not in run.outcomes:
        _ = run.grid  # says that there is no case mix
    for option in options:
        yield run_figures.decision_curve_figure(run.outcomes, option, run.panel, run.prob)


def _risk_over_time(run: FinishedRun) -> Iterator[PaperFigure]:
    yield from time_figures(run.over_time, prob=run.prob)


def _waterfall(run: FinishedRun) -> Iterator[PaperFigure]:
    _weighed(run)
    yield from patient_figures.waterfall_figures(run.outcomes, run.panel, run.prob)


def _icon_array(run: FinishedRun) -> Iterator[PaperFigure]:
    for of in patient_figures.DENOMINATORS:
        yield from patient_figures.icon_figures(run.outcomes, of, run.prob)


def _of_decision(name: str) -> Draw:
    def draw(run: FinishedRun) -> Iterator[PaperFigure]:
        from riskmodel.reports.decide import decide_figures

        for figure in decide_figures(run.decision):
            if _belongs(figure.name, name):
                yield figure

    return draw


def _of_sensitivity(name: str) -> Draw:
    def draw(run: FinishedRun) -> Iterator[PaperFigure]:
        from riskmodel.reports.sensitivity import sensitivity_figures

        for figure in sensitivity_figures(run.sensitivity):
            if _belongs(figure.name, name):
                yield figure

    return draw


def _evppi(run: FinishedRun) -> Iterator[PaperFigure]:
    from riskmodel.reports.value import value_figures

    yield from value_figures(run.value)


def _of_evidence(name: str) -> Draw:
    def draw(run: FinishedRun) -> Iterator[PaperFigure]:
        for figure in evidence_figures(run.loaded, run.evidence):
            if figure.name == name:
                yield figure

    return draw


def _trace_rank(run: FinishedRun) -> Iterator[PaperFigure]:
    yield from supplement_figures.trace_rank_figures(run.posterior)


def _prior_posterior(run: FinishedRun) -> Iterator[PaperFigure]:
    yield from supplement_figures.prior_posterior_figures(run.posterior)


FAMILIES = {
    family.name: family
    for family in (
        Family("value_tree", "what is weighed, and by how much", _value_tree),
        Family("model_graph", "from sources over inputs to outcomes", _model_graph),
        Family("evidence_forest", "what sources print and the model takes, with badges",
               _evidence_forest),
        Family("effects", "differences on every outcome, patient by patient", _effects),
        Family("absolute_effect", "benefit and harm along the case mix's covariate",
               _absolute_effect),
        Family("effect_by_baseline_risk", "benefit and harm against the baseline risk",
               _effect_by_baseline_risk),
        Family("icon_array", "icons per 100 and per 1000 under each option", _icon_array),
        Family("waterfall", "benefits and harms one after another, up to net benefit", _waterfall),
        Family("preference_curve", "net benefit against the weight of a harm", _preference_curve),
        Family("preference_map", "net benefit over two weights", _of_decision("preference_map")),
        Family("decision_curve", "net benefit of strategies against the treatment threshold",
               _decision_curve),
        Family("acceptability", "probability of being best against a weight",
               _of_decision("acceptability")),
        Family("ranks", "rank acceptability over all weights", _of_decision("ranks")),
        Family("contributions", "what each criterion adds to each option's score, stacked",
               _of_decision("contributions")),
        Family("risk_over_time", "cumulative risks at several horizons", _risk_over_time),
        Family("tornado", "net benefit at the ends of each input", _of_sensitivity("tornado")),
        Family("flip_distance", "how far each input is from turning the decision",
               _of_sensitivity("flip_distance")),
        Family("evppi_by_source", "what better knowledge would be worth, source by source", _evppi),
        Family("timeline", "windows and ranges of time as sources print them",
               _of_evidence("timeline")),
        Family("reported_risks", "reported proportions without a comparator",
               _of_evidence("reported_risks")),
        Family("trace_rank", "supplement: traces and rank plots of every input", _trace_rank),
        Family("prior_posterior", "supplement: densities before and after the evidence is joined",
               _prior_posterior),
    )
}  # fmt: skip
PATHWAY_FAMILIES = {
    "states": "where patients are over time",
    "moves": "who went where, move by move",
    "recovery": "recovery over time, pathway by pathway",
    "course_risk": "at least one event by course, source by source",
}
RECOVERY_FAMILIES = {"recovery_curves": "share recovered over time, with what was observed"}


def _belongs(figure: str, family: str) -> bool:
    return figure == family or figure.startswith(f"{family}_")


def family_of(name: str) -> Family | None:
    """Return the family that a figure's name belongs to, or None.

    Examples
    --------
    >>> family_of("icon_array_100").name
    'icon_array'
    >>> family_of("effect_by_baseline_risk").name
    'effect_by_baseline_risk'
    """
    found = [family for key, family in FAMILIES.items() if _belongs(name, key)]
    return max(found, key=lambda family: len(family.name)) if found else None


def _unknown(name: object, known: Iterable[str]) -> Problem:
    known = list(known)
    return Problem(
        field="name",
        found=name,
        allowed=", ".join(known),
        remedy=f"{did_you_mean(name, known)} a figure's own name is its family's, with the "
        "patient, option or page after it",
    )


def _checked(names: Sequence[str], journal) -> Journal:
    """Return the journal; refuse it and every unknown name at once."""
    problems = [_unknown(name, FAMILIES) for name in names if family_of(str(name)) is None]
    chosen = HOUSE
    try:
        chosen = find_journal(journal)
    except ParameterError as error:
        problems += error.problems
    if problems:
        raise ParameterError(problems)
    return chosen


# --- one figure ---------------------------------------------------------------------------------


def figure(
    run, name: str, journal: str | Journal | None = None, *, allow_unconverged: bool = False
) -> PaperFigure:
    """Return a figure of a finished run by its name, drawn for a journal; nothing is sampled.

    Parameters
    ----------
    run : Path, str or Run
        A run's folder, or what :func:`riskmodel.run_problem` returned. A pathway's report draws
        ``states``, ``moves``, ``recovery`` and ``course_risk``, a fitted recovery
        ``recovery_curves``.
    name : str
        A family where the run has one figure of it, or the figure's own name: ``waterfall``,
        ``icon_array_100``, ``risk_over_time_anna``.
    journal : str, optional
        plos, elsevier, springer, bmc, wiley, nature or bmj; None is the house's own size.
    allow_unconverged : bool
        Whether a run that did not converge may be drawn; the figure then carries a mark.

    Returns
    -------
    PaperFigure
        With ``figure``, ``points`` (what was drawn), ``caption``, ``alt_text`` and
        ``save(folder)``.

    Raises
    ------
    ParameterError
        If the figure or the journal is not known, the run has not what the figure needs, or has
        several figures of the name.
    ConvergenceError
        If the run did not converge and that was not allowed.

    Examples
    --------
    >>> figure("runs/none", "waterfal")
    Traceback (most recent call last):
    ...
    riskmodel.errors.ParameterError: name: found 'waterfal'; ... did you mean 'waterfall'? ...
    """
    other = _of_another_kind(run, name, journal)
    if other is not None:
        return other
    chosen = _checked([name], journal)
    finished = run if isinstance(run, FinishedRun) else FinishedRun(
        run, allow_unconverged=allow_unconverged
    )  # fmt: skip
    with drawn_for(chosen), drawn_from(finished.record):
        found = list(drawn_figures(finished, name))
    return _the_one(found, name)


def drawn_figures(run: FinishedRun, name: str) -> Iterator[PaperFigure]:
    """Yield the figures of a name: all of a family, or those that are called so.

    Parameters
    ----------
    run : FinishedRun
    name : str
        Of a family, or of a figure of one.

    Raises
    ------
    ParameterError
        If the run has not what the family needs, or no figure of the name.
    """
    family = family_of(name)
    found = list(family.draw(run))
    if name != family.name:
        found = [one for one in found if _belongs(one.name, name)] or found
        if not any(_belongs(one.name, name) for one in found):
            raise ParameterError([_unknown(name, [one.name for one in found])])
    if not found:
        refuse(
            "run",
            Phrase(f"{run.folder}, which has nothing to show as {family.name}"),
            f"a run with {family.shows}",
            "`riskmodel figures RUN --list` says which figures it has",
        )
    yield from found


def _the_one(found: list[PaperFigure], name: str) -> PaperFigure:
    exact = [one for one in found if one.name == name]
    if exact or len(found) == 1:
        return (exact or found)[0]
    raise ParameterError(
        [
            Problem(
                field="name",
                found=Phrase(f"{name}, of which there are {len(found)}"),
                allowed=", ".join(one.name for one in found),
                remedy="name one of them",
            )
        ]
    )


def _of_another_kind(run, name: str, journal) -> PaperFigure | None:
    """Return the figure of a pathway's report or of a fitted recovery; None for a run."""
    kind = type(run).__name__
    if kind == "PathwayReport":
        from riskmodel.reports.pathway import pathway_figures

        known, draw = PATHWAY_FAMILIES, pathway_figures
    elif kind == "Recovery":
        known, draw = RECOVERY_FAMILIES, _recovery_figures
    else:
        return None
    if not any(_belongs(name, key) for key in known):
        raise ParameterError([_unknown(name, known)])
    with drawn_for(journal):
        found = [one for one in draw(run) if _belongs(one.name, name)]
    if not found:
        raise ParameterError([_unknown(name, known)])
    return _the_one(found, name)


def _recovery_figures(result) -> list[PaperFigure]:
    from riskmodel.reports.recovery_figures import recovery_curve_figure

    return [recovery_curve_figure(result)]


# --- many figures -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """What was written for a run, and which families it has not what is needed for."""

    paths: tuple[Path, ...]
    left_out: dict[str, str]


def write_figures(
    run,
    out: Path | None = None,
    *,
    journal: str | Journal | None = None,
    only: Sequence[str] = (),
    allow_unconverged: bool = False,
    steps: Steps | None = None,
) -> Written:
    """Draw a run's figures for a journal and write them.

    Parameters
    ----------
    run : Path, str or Run
    out : Path, optional
        A folder; None is ``figures`` in the run's own, with the journal's name below it.
    journal : str, optional
    only : sequence of str
        Names of figures or families; none is every one the run has what it needs for.
    allow_unconverged : bool
    steps : Steps, optional

    Returns
    -------
    Written

    Raises
    ------
    ParameterError
        As of :func:`figure`; what was asked for by name and cannot be drawn is refused.
    ConvergenceError
        If the run did not converge and that was not allowed.
    """
    chosen, steps = _checked(only, journal), steps or Steps()
    finished = FinishedRun(run, allow_unconverged=allow_unconverged)
    if out is None:
        out = finished.folder / "figures" / ("" if chosen is HOUSE else chosen.id)
    paths, left_out = [], {}
    with drawn_for(chosen), drawn_from(finished.record):
        for name in dict.fromkeys(only or FAMILIES):
            with steps(f"Draw {name}"):
                try:
                    for one in drawn_figures(finished, name):
                        paths += one.save(Path(out))
                except ParameterError as error:
                    if only:
                        raise
                    left_out[name] = "; ".join(str(problem.found) for problem in error.problems)
    return Written(tuple(paths), left_out)


def list_figures() -> list[dict[str, str]]:
    """Return every family with what it shows."""
    return [{"name": family.name, "shows": family.shows} for family in FAMILIES.values()]
