"""Reporting checklists, filled only with what a run proves; all else is for its author.

The items are in this package's own words. Where the published list was not read when they were
written, the checklist says so, and its items are topics, not the list's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from riskmodel.errors import ParameterError, Problem, did_you_mean
from riskmodel.reports.method_text import SENSITIVITY, convergence, intervals_of
from riskmodel.reports.page import anchor
from riskmodel.reports.paper_run import PaperRun
from riskmodel.reports.paper_words import TO_COMPLETE
from riskmodel.reports.table_titles import title_of


@dataclass(frozen=True)
class Proof:
    """Something that stands in a run.

    Parameters
    ----------
    text : str
    where : str
        The section of the report it stands in.
    """

    text: str
    where: str


@dataclass(frozen=True)
class Item:
    """One item of a checklist.

    Parameters
    ----------
    name, asks : str
        What it is called here, and what it asks.
    prove : callable
        From a run to what it holds on the item; nothing is no proof.
    left : str
        What no run can show, and its author completes; "" where the proof is the whole answer.
    """

    name: str
    asks: str
    prove: Callable[[PaperRun], Iterable[Proof]]
    left: str = ""


@dataclass(frozen=True)
class Answer:
    """One item as far as a run fills it.

    Parameters
    ----------
    item : Item
    proofs : tuple of Proof
    """

    item: Item
    proofs: tuple[Proof, ...]

    @property
    def status(self) -> str:
        """Return "From this run", "In part from this run" or "Author to complete"."""
        if not self.proofs:
            return TO_COMPLETE
        return "In part from this run" if self.item.left else "From this run"

    @property
    def left(self) -> str:
        """Return what is left to the author."""
        if not self.proofs:
            return self.item.left or self.item.asks
        return self.item.left


@dataclass(frozen=True)
class Checklist:
    """A reporting checklist.

    Parameters
    ----------
    title, about : str
        Its name, and how far its published text was known here.
    items : tuple of Item
    """

    title: str
    about: str
    items: tuple[Item, ...]


# --- what a run may prove -----------------------------------------------------------------------

METHOD = "Methods of this run"


def _method(title: str) -> str:
    return f"{METHOD}: {title}"


def _nothing(_: PaperRun) -> Iterable[Proof]:
    return ()


def _question(paper: PaperRun) -> Iterable[Proof]:
    yield Proof(paper.record["question"], _method("Question"))


def _population(paper: PaperRun) -> Iterable[Proof]:
    if paper.problem:
        yield Proof(" ".join(paper.problem["population"].split()), _method("Question"))


def _comparators(paper: PaperRun) -> Iterable[Proof]:
    if paper.problem:
        names = ", ".join(paper.option(name) for name in paper.problem["options"])
        said = f"{names}; compared with {paper.option(paper.comparator)}"
        yield Proof(said, _method("Question"))


def _horizon(paper: PaperRun) -> Iterable[Proof]:
    shown = dict.fromkeys([paper.record["horizon"], *(paper.record.get("horizons") or [])])
    yield Proof(", ".join(shown), _method("Question"))


def _outcomes(paper: PaperRun) -> Iterable[Proof]:
    if paper.problem:
        names = [f"{paper.outcome(o)} ({paper.direction(o)})" for o in paper.problem["outcomes"]]
        yield Proof(", ".join(names), _method("Question"))


def _model(paper: PaperRun) -> Iterable[Proof]:
    if paper.run.loaded is not None and paper.record.get("posterior"):
        number = len(paper.run.loaded.problem.outcomes)
        yield Proof(
            f"formula of the baseline and of every effect, for each of {number} outcomes, and what "
            "enters the likelihood",
            _method("Model and likelihood"),
        )


def _priors(paper: PaperRun) -> Iterable[Proof]:
    if paper.run.loaded is not None and paper.badges():
        said = f"{len(paper.badges())} distributions, each with family, parameters and rule"
        yield Proof(said, _method("Priors"))


def _priors_justified(paper: PaperRun) -> Iterable[Proof]:
    rows = paper.rows("provenance")
    sourced = {row["prior"] for row in rows if row["locator"] or row["because"]}
    if rows and sourced == set(paper.badges()):
        yield Proof(
            f"each of {len(sourced)} distributions with the locator of its figure, or whose "
            "judgement it is and why",
            "Provenance",
        )


def _prior_predictive(paper: PaperRun) -> Iterable[Proof]:
    if paper.rows("prior_predictive"):
        yield Proof("what the priors alone imply", "What the priors alone imply")


def _prior_sensitivity(paper: PaperRun) -> Iterable[Proof]:
    for name in ("sensitivity_power_scaling", "discounts"):
        if paper.rows(name):
            yield Proof(SENSITIVITY[name], title_of(name))
    if paper.rows("share_by_input"):
        yield Proof("how much rests on each input", title_of("share_by_input"))


def _sensitivity(paper: PaperRun) -> Iterable[Proof]:
    for name, words in SENSITIVITY.items():
        if paper.rows(name):
            yield Proof(words, title_of(name))


def _software(paper: PaperRun) -> Iterable[Proof]:
    posterior = paper.record.get("posterior") or {}
    if posterior.get("sampler"):
        versions = posterior.get("versions") or {}
        told = ", ".join(f"{name} {version}" for name, version in versions.items())
        yield Proof(f"{posterior['sampler']}; {told}", _method("Computation"))


def _computation(paper: PaperRun) -> Iterable[Proof]:
    yield from _software(paper)
    told = convergence(paper.record.get("posterior") or {})
    if told:
        yield Proof(told, _method("Computation"))
        yield Proof("every parameter's R-hat, effective sample sizes and error", "Diagnostics")
    if any(row.get("monte_carlo_standard_error") for row in paper.rows("absolute_effects")):
        said = "Monte Carlo standard error of every reported difference"
        yield Proof(said, title_of("absolute_effects"))


def _centre(paper: PaperRun) -> Iterable[Proof]:
    for name, words in _RESULTS:
        if paper.rows(name):
            yield Proof(words, title_of(name))


_RESULTS = (
    ("absolute_effects", "posterior medians of risks and of their difference"),
    ("mean_differences", "posterior medians of mean differences"),
    ("net_benefit", "posterior mean of net benefit"),
)


def _spread(paper: PaperRun) -> Iterable[Proof]:
    kinds = intervals_of(paper)
    if kinds:
        where = next((name for name, _ in _RESULTS if paper.rows(name)), None)
        where = where or next(
            name for name in paper.run.tables if any(r.get("prob") for r in paper.rows(name))
        )
        yield Proof(", ".join(kinds), title_of(where))


def _posterior(paper: PaperRun) -> Iterable[Proof]:
    yield from _centre(paper)
    yield from _spread(paper)


def _decision(paper: PaperRun) -> Iterable[Proof]:
    if paper.rows("net_benefit"):
        yield Proof("rule: net benefit by declared weights", _method("From risks to a comparison"))
        yield Proof("P(net benefit > 0) and its mean", title_of("net_benefit"))
    if paper.rows("break_even_weight"):
        yield Proof("weight at which it turns", title_of("break_even_weight"))


def _weights(paper: PaperRun) -> Iterable[Proof]:
    panel = paper.record.get("preferences")
    if panel and "weights" in panel:
        said = f"weights '{panel['id']}', of {panel['whose']} ({panel['status']})"
        yield Proof(said, _method("From risks to a comparison"))


def _reproducibility(paper: PaperRun) -> Iterable[Proof]:
    record, posterior = paper.record, paper.record.get("posterior") or {}
    where = _method("To run it again")
    if record.get("command"):
        yield Proof("the command as typed", where)
    if posterior:
        yield Proof(f"seed {posterior['seed']}", _method("Computation"))
    if record.get("inputs"):
        yield Proof(f"SHA-256 of {len(record['inputs'])} input files", where)
    if record.get("versions_now"):
        yield Proof("versions of the packages a number may depend on", where)


def _parameters(paper: PaperRun) -> Iterable[Proof]:
    if paper.rows("provenance"):
        yield Proof("each value as printed, with source and locator", "Provenance")


def _heterogeneity(paper: PaperRun) -> Iterable[Proof]:
    for name, words in (
        ("absolute_effects_by_band", "absolute effects in each band of the declared case mix"),
        ("published_strata", "published strata beside the model"),
        ("own_baseline", "other places in the declared between-patient spread"),
    ):
        if paper.rows(name):
            yield Proof(words, title_of(name))


def _absolute(paper: PaperRun) -> Iterable[Proof]:
    if paper.rows("absolute_effects"):
        said = "risk differences per 1000, with their intervals, at the patient's own baseline"
        yield Proof(said, title_of("absolute_effects"))


def _baseline_model(paper: PaperRun) -> Iterable[Proof]:
    if paper.rows("stated_risks"):
        said = "stated risks beside the fitted line; stated, not observed"
        yield Proof(said, title_of("stated_risks"))
    elif paper.run.loaded is not None and paper.record.get("posterior"):
        yield Proof("formula of each baseline", _method("Model and likelihood"))


def _harms(paper: PaperRun) -> Iterable[Proof]:
    unwanted = [
        row["outcome"] for row in paper.rows("absolute_effects") if not paper.wanted(row["outcome"])
    ]
    if unwanted:
        names = ", ".join(paper.outcome(name) for name in dict.fromkeys(unwanted))
        yield Proof(f"unwanted outcomes computed: {names}", title_of("absolute_effects"))


def _limits(paper: PaperRun) -> Iterable[Proof]:
    if paper.record.get("notes"):
        yield Proof(f"{len(paper.record['notes'])} notes on this run", "Notes")
    if paper.rows("contradictions"):
        number = len(paper.rows("contradictions"))
        said = f"{number} places where the sources disagree, with what settles them"
        yield Proof(said, title_of("contradictions"))
    if paper.rows("not_estimable"):
        yield Proof("what was not computed, and why", title_of("not_estimable"))


def _information(paper: PaperRun) -> Iterable[Proof]:
    for name, words in (
        ("evpi", "value of perfect information"),
        ("evppi_by_parameter", "value of knowing single inputs, with standard errors"),
        ("evppi_by_source", "value by source"),
    ):
        if paper.rows(name):
            yield Proof(words, title_of(name))


# --- the lists ----------------------------------------------------------------------------------

_OWN_WORDS = "Items in this package's own words; compare with the published list."
_NOT_READ = (
    "The published list was not read when this was written: the topics and their order are this "
    "package's own, and the numbers and wording of the items are to be taken from the paper."
)

BARG = Checklist(
    "BARG: reporting a Bayesian analysis in six steps",
    _OWN_WORDS,
    (
        Item("1 Model", "Data, likelihood and priors, and why these", (
            lambda paper: [*_model(paper), *_priors(paper), *_prior_predictive(paper)]
        ), "why this model suits the question"),
        Item("2 Computation", "Software, chains, convergence and resolution of every parameter "
             "and derived value", _computation,
             "R-hat and effective sample sizes of derived values: the gate tests them before a run "
             "is written, and the run keeps their Monte Carlo errors"),
        Item("3 Posterior", "Central tendency and interval of every quantity reported; a check of "
             "the model against data", _posterior,
             "a posterior predictive check where patients' own data exist"),
        Item("4 Decisions", "Rule, loss or limits by which anything is called better", lambda
             paper: [*_decision(paper), *_weights(paper)], "why these weights"),
        Item("5 Sensitivity", "What other priors and models would have said", _sensitivity,
             "other models than those varied here"),
        Item("6 Reproducibility", "Everything needed to run it again", _reproducibility,
             "where code, inputs and draws are kept"),
    ),
)  # fmt: skip
ROBUST = Checklist(
    "ROBUST: seven items of a Bayesian analysis",
    _OWN_WORDS,
    (
        Item("1 Prior: specification", "Each prior written out", _priors),
        Item("2 Prior: justification", "Where each prior comes from", _priors_justified),
        Item("3 Prior: sensitivity", "What other priors would have said", _prior_sensitivity,
             "alternative priors that a reader would propose"),
        Item("4 Model", "The statistical model written out", _model),
        Item("5 Technique", "How the posterior was computed", _computation),
        Item("6 Central tendency", "Point summaries", _centre),
        Item("7 Spread", "Standard deviation or interval, with kind and level", _spread),
    ),
)  # fmt: skip
PATH = Checklist(
    "PATH: effects that differ between patients",
    _NOT_READ,
    (
        Item("Baseline risk", "The model of the risk without treatment, and how it was validated",
             _baseline_model, "external validation of the baseline model in the patients meant"),
        Item("Absolute effects", "Benefit on the absolute scale, across baseline risk", lambda
             paper: [*_absolute(paper), *_heterogeneity(paper)],
             "whether the relative effect is the same for all, and on what evidence"),
        Item("Harms and burden", "Harms of treatment at the same horizon and patient", _harms,
             "harms that no outcome of this run stands for"),
        Item("Competing risk", "Events that stop others from happening", lambda paper: [
            Proof(f"{paper.outcome(name)} with {paper.outcome(part['competing'])} competing",
                  _method("Model and likelihood"))
            for name, part in (paper.problem.get("outcomes") or {}).items()
            if part.get("competing")
        ], "events treated as if nothing competed"),
        Item("Preferences", "How patients' values enter", _weights, "that patients were asked"),
        Item("Caveats", "When effects by patient are not to be computed, or not to be used", _limits,
             "each caveat of the statement, one by one"),
    ),
)  # fmt: skip
CHEERS_VOI = Checklist(
    "CHEERS with its extension to the value of information",
    f"CHEERS has 28 items; the extension words 7 of them anew and adds 6. {_NOT_READ}",
    (
        Item("Title and abstract", "That the kind of analysis is named", _nothing),
        Item("Background", "Context and question", _question, "context, and why it matters"),
        Item("Analysis plan", "Whether a plan exists, and where", _nothing),
        Item("Population", "Who it is about", _population,
             "its characteristics, and why this one"),
        Item("Setting", "Where, and in which health system", _nothing),
        Item("Comparators", "What is compared, and why these", _comparators, "why these"),
        Item("Perspective", "Whose costs and effects count", _weights, "the perspective chosen"),
        Item("Time horizon", "Over what time", _horizon, "why this horizon"),
        Item("Discount rate", "Of later costs and effects", _nothing),
        Item("Outcomes: selection", "Which outcomes", _outcomes, "why these"),
        Item("Outcomes: measurement", "How each was measured", _parameters,
             "what each source counted as an event"),
        Item("Outcomes: valuation", "Whose values, and how they were obtained", _weights,
             "how the values were obtained"),
        Item("Resources and costs", "Measurement and valuation", _nothing),
        Item("Currency and price date", "Currency, date, conversion", _nothing),
        Item("Model: rationale and description", "The model, and where it can be had", _model,
             "why this model; where it can be had"),
        Item("Analysis and assumptions", "How it was computed, and on what assumptions", lambda
             paper: [*_priors(paper), *_computation(paper)], "assumptions on structure"),
        Item("Heterogeneity", "Results for different patients", _heterogeneity,
             "subgroups not modelled"),
        Item("Distributional effects", "Who gains and who loses", _nothing),
        Item("Uncertainty", "Sources of uncertainty and how each was treated", lambda paper: [
            *_priors_justified(paper), *_sensitivity(paper)], "uncertainty on structure"),
        Item("Engagement", "With patients and others affected, and what it changed", _nothing),
        Item("Parameters", "Values, ranges, distributions, sources", lambda paper: [
            *_parameters(paper), *_priors(paper)]),
        Item("Main results", "Central estimates, with the overall measure", _centre, "costs"),
        Item("Effect of uncertainty", "What uncertainty does to the findings", lambda paper: [
            *_spread(paper), *_sensitivity(paper)], "in words, for the reader"),
        Item("Findings, limits, generalisability", "What they mean, and for whom", _limits,
             "the discussion"),
        Item("Funding and conflicts of interest", "Whose money, whose interests", _nothing),
        Item("Value of information", "What better knowledge would be worth, in all and by input, "
             "with the precision of the estimates (the extension's own items)", _information,
             "population, time, costs of research, and each of the extension's 7 elaborated and 6 "
             "new items from the paper"),
    ),
)  # fmt: skip
CHECKLISTS = {"barg": BARG, "robust": ROBUST, "path": PATH, "cheers-voi": CHEERS_VOI}


def checklist_named(name: str) -> Checklist:
    """Return a checklist by name.

    Raises
    ------
    ParameterError
        If there is none of this name.

    Examples
    --------
    >>> len(checklist_named("robust").items)
    7
    """
    if name not in CHECKLISTS:
        raise ParameterError(
            [
                Problem(
                    field="checklist",
                    found=name,
                    allowed=", ".join(CHECKLISTS),
                    remedy=did_you_mean(name, CHECKLISTS),
                )
            ]
        )
    return CHECKLISTS[name]


def fill(checklist: Checklist, paper: PaperRun, sections: Iterable[str]) -> list[Answer]:
    """Return each item with what a run proves of it.

    Parameters
    ----------
    checklist : Checklist
    paper : PaperRun
    sections : iterable of str
        Anchors of the sections that the report has; a proof that stands in none of them counts
        for nothing.

    Returns
    -------
    list of Answer
    """
    known = set(sections)
    return [
        Answer(
            item,
            tuple(proof for proof in item.prove(paper) if anchor(proof.where) in known),
        )
        for item in checklist.items
    ]
