"""The methods of one run in words: nothing is said that the run does not hold.

Each sentence is made from ``run.json``, the problem as it was run, or a table of the run, and is
left out where that has nothing to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from riskmodel.parameters.library import LoadedProblem
from riskmodel.parameters.schema import Duration
from riskmodel.reports.formulas import baseline_formula, effect_formula, later_formula
from riskmodel.reports.paper_run import PaperRun
from riskmodel.reports.paper_words import interval_name
from riskmodel.reports.trace import COMPETING, distribution_of

_BADGES = {
    "data": "data: from what a source counted or estimated",
    "assumed": "assumed: somebody's judgement, named below",
    "elicited": "elicited: stated by people who were asked",
    "transported": "transported: observed in other patients",
}
# The tables that move an input, or a choice, and say what becomes of the answer.
SENSITIVITY = {
    "scenarios": "named scenarios and other panels of weights",
    "own_baseline": "other places of the patient in the declared between-patient spread",
    "discounts": "each discounted source left out, as chosen, and in full",
    "tipping_points": "the discounts for which a net benefit is how probable",
    "correlations": "other correlations of pairs of inputs",
    "waning": "four ways in which effects go on after the first horizon",
    "sensitivity_power_scaling": "each prior made stronger and weaker by power scaling",
    "sensitivity_tornado": "each input moved to either end of its distribution",
    "sensitivity_flip_distance": "how far each input would have to move for the sign to turn",
    "sensitivity_joint_flip_distance": "how far all inputs together would have to move",
}


@dataclass(frozen=True)
class MethodSection:
    """A part of the method text.

    Parameters
    ----------
    title : str
    paragraphs : tuple of str
    items : tuple of str
        A list below them.
    """

    title: str
    paragraphs: tuple[str, ...]
    items: tuple[str, ...] = ()


def method_text(paper: PaperRun) -> list[MethodSection]:
    """Return the methods of a run, section by section; empty ones are left out.

    Parameters
    ----------
    paper : PaperRun

    Returns
    -------
    list of MethodSection
    """
    sections = [
        _question(paper),
        _sources(paper),
        _priors(paper),
        _model(paper),
        _time(paper),
        _computation(paper),
        _decision(paper),
        _sensitivity(paper),
        _not_estimable(paper),
        _reproducibility(paper),
    ]
    return [section for section in sections if section.paragraphs or section.items]


def _question(paper: PaperRun) -> MethodSection:
    record, problem = paper.record, paper.problem
    told = [_sentence(record["question"])]
    if problem:
        others = [paper.option(name) for name in problem["options"] if name != paper.comparator]
        told.append(
            f"Population: {_line(problem['population'])}. Compared with "
            f"{paper.option(paper.comparator)}: {_listed(others)}. Outcomes: "
            f"{_listed(_outcome_words(paper))}. Horizon: {record['horizon']}."
        )
    if record.get("scenarios"):
        told.append(f"Scenarios switched on: {', '.join(record['scenarios'])}.")
    people = [
        f"{paper.patient(profile['id'])}"
        + (f": {'; '.join(profile['notes'])}" if profile.get("notes") else "")
        for profile in record.get("profiles") or []
    ]
    return MethodSection("Question", tuple(told), tuple(people))


def _outcome_words(paper: PaperRun) -> list[str]:
    return [
        f"{paper.outcome(name)} ({paper.direction(name)})" for name in paper.problem["outcomes"]
    ]


def _sources(paper: PaperRun) -> MethodSection:
    rows = paper.rows("provenance")
    if not rows:
        return MethodSection("Sources", ())
    estimates = {row["estimate"]: row["status"] for row in rows}
    statuses = Counter(estimates.values())
    badges = Counter(paper.badges().values())
    named = {row["source"] for row in rows}
    judged = {source for source in named if source.startswith("judgement of ")}
    told = (
        f"{_number_of(len(paper.badges()), 'distribution')} in use rest on "
        f"{_number_of(len(estimates), 'statement')}, of "
        f"{_number_of(len(named - judged), 'source')} and "
        f"{_number_of(len(judged), 'judgement')}. By how each statement was seen: "
        f"{_listed(f'{name} {count}' for name, count in statuses.items())}."
    )
    items = [f"{badges[name]} {words}" for name, words in _BADGES.items() if badges.get(name)]
    return MethodSection("Sources", (told,), tuple(items))


def _priors(paper: PaperRun) -> MethodSection:
    loaded = paper.run.loaded
    if loaded is None or not paper.badges():
        return MethodSection("Priors", ())
    items = []
    for name, badge in paper.badges().items():
        if name not in loaded.problem.priors:
            continue
        prior, specification = paper.run.prior(loaded, name), loaded.problem.priors[name]
        said = f"{name} [{badge}], {prior.measure.replace('_', ' ')}: {distribution_of(prior)}; "
        said += prior.rule
        reasons = [specification.whose, specification.because]
        if any(reasons):
            said += f". Why: {'; '.join(_line(reason) for reason in reasons if reason)}"
        items.append(_sentence(said))
    told = "Each distribution follows by a named rule from what its sources printed."
    return MethodSection("Priors", (told,), tuple(items))


def _model(paper: PaperRun) -> MethodSection:
    loaded = paper.run.loaded
    if loaded is None or not paper.record.get("posterior"):
        return MethodSection("Model and likelihood", ())
    problem = loaded.problem
    items = []
    for name, outcome in problem.outcomes.items():
        said = f"{outcome.label}: {baseline_formula(outcome.baseline)}"
        if outcome.competing:
            said += f"; {COMPETING}, H_other of {outcome.competing}"
        for option, effect in outcome.effects.items():
            said += f". Under {problem.options[option].label}: {effect_formula(effect)}"
            reason = effect.not_estimable or effect.no_effect
            if reason:
                said += f", because {_line(reason)}"
        if paper.baseline(name).get("caveat"):
            caveat = _line(paper.baseline(name)["caveat"])
            said += f". {caveat[:1].upper()}{caveat[1:]}"
        items.append(_sentence(said))
    return MethodSection("Model and likelihood", tuple(_likelihood(paper, loaded)), tuple(items))


def _likelihood(paper: PaperRun, loaded: LoadedProblem) -> Iterable[str]:
    problem, used = loaded.problem, paper.badges()
    lines = [name for name in used if name in problem.priors and problem.priors[name].line]
    if lines:
        weights = "; ".join(
            f"{name}: {len(problem.priors[name].from_)} stated risks, each counting as "
            f"{problem.priors[name].effective_sample_size:g} patients"
            for name in lines
        )
        yield (
            "Likelihood: the stated risks of a line on the log-odds scale enter with a declared "
            f"weight ({weights}): m [r log p + (1 - r) log(1 - p)] each. Every other distribution "
            "is already that of its source's figures and meets no further data in the model."
        )
    else:
        yield (
            "Likelihood: each distribution is already that of its source's figures; no further "
            "data enter in the model, so that the posterior is their joint distribution."
        )
    pairs = [f"{' and '.join(pair.priors)} (rho {pair.rho:g})" for pair in problem.correlations]
    if pairs:
        yield (
            f"Declared correlations, by a normal copula: {_listed(pairs)}; all others are "
            "independent."
        )
    else:
        yield "No two distributions were declared as correlated: they are independent."
    if problem.overlap:
        overlaps = [
            f"{' with '.join(paper.outcome(name) for name in pair.outcomes)} {pair.odds_ratio:g}"
            for pair in problem.overlap
        ]
        yield f"Declared odds ratios of two events in one patient: {_listed(overlaps)}."


def _time(paper: PaperRun) -> MethodSection:
    loaded, record = paper.run.loaded, paper.record
    if loaded is None or not record.get("posterior"):
        return MethodSection("Other horizons", ())
    own = loaded.problem.horizon
    shown = list(dict.fromkeys([record["horizon"], *(record.get("horizons") or [])]))
    others = [horizon for horizon in shown if Duration.read(horizon).days != own.days]
    if not others:
        return MethodSection("Other horizons", ())
    told = (
        f"The evidence is at {own}; {_listed(others)} rest on declared, assumed ratios of the "
        "hazard after one horizon to that before."
    )
    items = []
    if any(Duration.read(horizon).days > own.days for horizon in others):
        for name, outcome in loaded.problem.outcomes.items():
            for option, effect in outcome.effects.items():
                if not effect.waning:
                    continue
                chosen = record.get("waning")
                scenario = effect.waning.default if chosen not in _SCENARIOS else chosen
                items.append(
                    f"{loaded.problem.options[option].label} on {paper.outcome(name)}: {scenario}, "
                    f"{later_formula(scenario)}; half-life {effect.waning.half_life}; "
                    f"{_line(effect.waning.because)}"
                )
    return MethodSection("Other horizons", (told,), tuple(map(_sentence, items)))


_SCENARIOS = ("held", "waning", "lost", "caught_up")


def _computation(paper: PaperRun) -> MethodSection:
    posterior = paper.record.get("posterior")
    if not posterior:
        return MethodSection("Computation", ("Nothing was sampled.",))
    told = [_sampler(posterior)]
    extremes = convergence(posterior)
    if extremes:
        told.append(extremes)
    if paper.record.get("unconverged"):
        told.append("The run has not converged; its numbers are not to be used.")
    elif (posterior.get("versions") or {}).get("riskmodel") == version("riskmodel"):
        from riskmodel.models.gate import MAX_R_HAT, MIN_EFFECTIVE_SAMPLE_SIZE

        told.append(
            f"This version writes no run unless R-hat is below {MAX_R_HAT}, bulk and tail "
            f"effective sample sizes are above {MIN_EFFECTIVE_SAMPLE_SIZE} for every parameter and "
            "every reported risk, and no transition diverged."
        )
    aside = [
        f"{float(row['set_aside']):.2%} for {paper.who(row['profile'])}"
        for row in paper.rows("prior_predictive")
        if float(row.get("set_aside") or 0) > 0
    ]
    if aside:
        told.append(
            "Share of the draws of the priors alone that put some risk beyond 1, set aside: "
            f"{_listed(dict.fromkeys(aside))}."
        )
    return MethodSection("Computation", tuple(told))


def _sampler(posterior: Mapping) -> str:
    words = [f"{posterior['draws']} posterior draws in {posterior['chains']} chains"]
    if posterior.get("sampler"):
        words.append(f"by {posterior['sampler']}")
    if posterior.get("tune"):
        words.append(f"after {posterior['tune']} tuning steps a chain")
    if posterior.get("target_accept"):
        words.append(f"target acceptance {posterior['target_accept']:g}")
    text = f"{', '.join(words)}; seed {posterior['seed']}."
    if posterior.get("reused"):
        text += " The draws were those stored of an earlier run with the same content."
    return text


def convergence(posterior: Mapping) -> str:
    """Return the worst diagnostics of a run's parameters in a sentence; "" where none are kept.

    Examples
    --------
    >>> convergence({"diagnostics": [], "divergences": 0})
    ''
    """
    rows = posterior.get("diagnostics") or []
    if not rows:
        return ""
    worst = max(rows, key=lambda row: row["r_hat"])
    bulk = min(rows, key=lambda row: row["ess_bulk"])
    tail = min(rows, key=lambda row: row["ess_tail"])
    return (
        f"Over {_number_of(len(rows), 'parameter')}: largest R-hat {worst['r_hat']:.4f} "
        f"({worst['quantity']}), smallest bulk effective sample size {bulk['ess_bulk']:.0f} "
        f"({bulk['quantity']}), smallest tail effective sample size {tail['ess_tail']:.0f} "
        f"({tail['quantity']}); {_number_of(posterior.get('divergences', 0), 'divergence')}."
    )


def _decision(paper: PaperRun) -> MethodSection:
    told = []
    intervals = intervals_of(paper)
    if intervals:
        told.append(f"Intervals: {_listed(intervals)}.")
        told.append("Points of effects are posterior medians, of net benefit the posterior mean.")
    panel = paper.record.get("preferences")
    if panel and "weights" in panel:
        weights = ", ".join(
            f"{paper.outcome(name)} {weight['weight']:g}"
            for name, weight in panel["weights"].items()
        )
        told.append(
            f"Weights '{panel['id']}', of {panel['whose']} ({panel['status']}), against "
            f"{paper.outcome(panel['reference'])} = 1, {_line(panel['swing'])}: {weights}. "
            f"{_sentence(_line(panel['why']))}"
        )
        for pair in panel.get("together") or []:
            names = " and ".join(paper.outcome(name) for name in pair["outcomes"])
            told.append(f"{names} in one patient weigh {pair['weight']:g} together.")
        if panel.get("burden"):
            told.append(f"Residual burden of treating: {panel['burden']:g}.")
    if paper.rows("net_benefit"):
        told.append(
            "Net benefit, draw by draw, in reference outcomes per patient: the weighted benefit "
            "less the weighted harm, less what two events in one patient weigh beside their sum, "
            "less the burden."
        )
    elif panel:
        told.append("No net benefit was computed: an outcome it weighs has no estimable contrast.")
    mix = paper.problem.get("case_mix")
    if mix and paper.rows("absolute_effects_by_band"):
        told.append(
            f"Case mix, declared: {mix['covariate'].replace('_', ' ')} with median "
            f"{mix['median']:g}, standard deviation {mix['sd']:g} on the {mix['transform']} scale, "
            f"within {mix['within'][0]:g} to {mix['within'][1]:g}; "
            f"{_sentence(_line(mix['because']))}"
        )
    return MethodSection("From risks to a comparison", tuple(told))


def intervals_of(paper: PaperRun) -> list[str]:
    """Return the kinds and levels of the intervals in a run's tables."""
    found: dict[str, None] = {}
    for name in paper.run.tables:
        for row in paper.rows(name):
            if row.get("prob") and row.get("kind"):
                found[interval_name(row["prob"], row["kind"])] = None
    return list(found)


def _sensitivity(paper: PaperRun) -> MethodSection:
    items = [words for name, words in SENSITIVITY.items() if paper.rows(name)]
    if not items:
        return MethodSection("Sensitivity", ())
    return MethodSection(
        "Sensitivity", ("What was varied, each in a table of its own:",), tuple(items)
    )


def _not_estimable(paper: PaperRun) -> MethodSection:
    items = [
        f"{paper.option(row.get('option', ''))}, {paper.outcome(row.get('outcome', ''))}: "
        f"{_line(row['because'])}"
        for row in paper.rows("not_estimable")
    ]
    told = ("No contrast was computed where the sources allow none:",) if items else ()
    return MethodSection("What was not computed", told, tuple(map(_sentence, items)))


def _reproducibility(paper: PaperRun) -> MethodSection:
    record, posterior = paper.record, paper.record.get("posterior") or {}
    sampled, now = posterior.get("versions") or {}, record.get("versions_now") or {}
    told = []
    if record.get("command"):
        command = [record["command"][0].rsplit("/", 1)[-1], *record["command"][1:]]
        told.append(f"Command: {' '.join(command)}")
    if record.get("written"):
        told.append(f"Written {record['written']}.")
    if sampled:
        told.append(f"Sampled with {_versions(sampled)}.")
    if now and now != sampled:
        told.append(f"Computed and written with {_versions(now)}.")
    files = [f"{name}: SHA-256 {digest}" for name, digest in (record.get("inputs") or {}).items()]
    return MethodSection("To run it again", tuple(told), tuple(files))


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())


# --- words --------------------------------------------------------------------------------------


def _line(text: str) -> str:
    return " ".join(text.split())


def _sentence(text: str) -> str:
    text = _line(text)
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _listed(parts: Iterable[str]) -> str:
    parts: Sequence[str] = list(parts)
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _number_of(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")
