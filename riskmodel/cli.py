"""The command line: read, call one public function, write. Heavy imports wait inside commands."""

from __future__ import annotations

import gc
import sys
import warnings
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Benefit-risk modelling from published evidence. Research use; not medical advice.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

# Typer brings its own click in newer versions, and shares the installed one in older ones.
_ClickException = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

EXIT_BAD_INPUT, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, no summary, no paths.")]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="No progress display.")]


class Waning(StrEnum):
    """How an effect goes on after the problem's own horizon."""

    HELD = "held"
    WANING = "waning"
    LOST = "lost"
    CAUGHT_UP = "caught_up"


@app.command()
def run(
    problem: Annotated[str, typer.Argument(help="A shipped id, or a problem's YAML file.")],
    profile: Annotated[
        list[str] | None,
        typer.Option(
            help="A patient: name=value,name=value, or a profile's id. May be given again."
        ),
    ] = None,
    profiles: Annotated[
        Path | None, typer.Option(help="A CSV file of patients, a covariate a column.")
    ] = None,
    preferences: Annotated[str | None, typer.Option(help="A panel's id, or its YAML file.")] = None,
    scenario: Annotated[
        list[str] | None, typer.Option(help="A named scenario to switch on. May be given again.")
    ] = None,
    horizon: Annotated[
        str | None,
        typer.Option(help="Another horizon the problem declares, such as '36 months'."),
    ] = None,
    horizons: Annotated[
        str | None,
        typer.Option(help="Horizons shown side by side, such as 6,12,36 in the problem's unit."),
    ] = None,
    waning: Annotated[
        Waning | None,
        typer.Option(help="How every effect goes on after the problem's own horizon."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The run's folder; by default the next free runs/PROBLEM-N."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="A whole number; by default a stored posterior's, or one is drawn."),
    ] = None,
    draws: Annotated[int, typer.Option(help="Posterior draws in all, over four chains.")] = 4000,
    prob: Annotated[
        float,
        typer.Option(
            min=0.5, max=0.999, help="Probability of the equal-tailed credible intervals."
        ),
    ] = 0.95,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an earlier run in the folder.")
    ] = False,
    allow_unconverged: Annotated[
        bool,
        typer.Option(
            "--allow-unconverged",
            help="Go on where the draws have not converged; every figure then says so.",
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print record and tables as JSON.")] = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Fit, simulate, tabulate and draw a problem for some patients.

    Example: riskmodel run plex_aav --profile serum_creatinine=420,age=62 --out runs/first
    """
    from riskmodel.evidence.loading import load_panel, load_problem, switch_on
    from riskmodel.evidence.problem_checks import needed_covariates
    from riskmodel.parameters.profiles import read_patients
    from riskmodel.parameters.schema import Duration
    from riskmodel.reports.folder import next_free_folder, require_free

    messages = _console(stderr=True)
    loaded = load_problem(problem)
    folder = out or next_free_folder(Path("runs"), loaded.id)
    require_free(folder, force=force)
    active = switch_on(loaded, scenario or ())
    later = None if horizon is None else Duration.read(horizon)
    patients = read_patients(
        active.problem, profile or (), profiles, needed=needed_covariates(active.problem)
    )
    panel = load_panel(active, preferences)

    from riskmodel.reports.progress import Steps
    from riskmodel.reports.run import run_problem
    from riskmodel.reports.summary import print_summary

    finished = run_problem(
        loaded,
        patients,
        folder,
        scenarios=scenario or (),
        preferences=panel,
        horizon=later,
        horizons=horizons or (),
        waning=None if waning is None else waning.value,
        seed=seed,
        draws=draws,
        prob=prob,
        force=force,
        allow_unconverged=allow_unconverged,
        command=sys.argv,
        steps=Steps(None if quiet or no_progress else messages),
    )
    if json:
        from riskmodel.reports.summary import summary_json

        print(summary_json(finished))
    elif not quiet:
        print_summary(finished, _console())
    if unconverged := finished.record.get("unconverged"):
        print(f"warning: not converged: {'; '.join(unconverged)}", file=sys.stderr)


@app.command()
def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files and folders; by default the shipped library."),
    ] = None,
) -> None:
    """Report every problem of parameter files at once.

    A line for each: file:line:column: field: found; allowed; remedy. W marks a warning, Q a
    question that needs a written answer. Exits 1 on any error or open question.

    Example: riskmodel check params/
    """
    from riskmodel.evidence.loading import check_files

    problems, files = check_files(paths or None)
    for problem in problems:
        print(problem)
    count = {severity: sum(p.severity == severity for p in problems) for severity in "EQW"}
    words = {"E": "error", "Q": "open question", "W": "warning"}
    found = ", ".join(_count(count[severity], word) for severity, word in words.items())
    print(f"{_count(files, 'file')}: {found}")
    if count["E"] or count["Q"]:
        raise typer.Exit(EXIT_BAD_INPUT)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


Own = Annotated[
    list[Path] | None,
    typer.Option(
        "--params",
        metavar="FOLDER",
        help="Your own files, laid over the shipped library. May be given again.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]


@app.command("list")
def list_(
    kind: Annotated[
        str | None, typer.Option(help="Only one kind, such as problem, estimate or rule.")
    ] = None,
    topic: Annotated[
        str | None, typer.Option(help="Only what stands in the evidence file of this topic.")
    ] = None,
    status: Annotated[str | None, typer.Option(help="Only one status, such as seen_primary.")] = (
        None
    ),
    source: Annotated[
        str | None, typer.Option(help="Only what cites the source of this key.")
    ] = None,
    params: Own = None,
    as_json: AsJson = False,
) -> None:
    """List what the library holds, a line each; filters combine.

    Example: riskmodel list --kind estimate --source walsh2022
    """
    from riskmodel.parameters.library import load_overlay
    from riskmodel.reports.listing import list_records, print_list

    rows = list_records(
        load_overlay(params or ()), kind=kind, topic=topic, status=status, source=source
    )
    if as_json:
        _print_json({"schema": "riskmodel/list/1", "records": rows})
    else:
        print_list(rows, _console())


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="Any id that `riskmodel list` shows.")],
    params: Own = None,
    as_json: AsJson = False,
) -> None:
    """Show one thing of the library whole: value, provenance, what uses it, what contradicts it.

    Example: riskmodel show rr_eskd_12m
    """
    from riskmodel.parameters.library import load_overlay
    from riskmodel.reports.show import describe, print_record

    described = describe(load_overlay(params or ()), name)
    if as_json:
        _print_json(described)
    else:
        print_record(described, _console())


@app.command()
def cite(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="A source, a record, or a problem for all it uses.")
    ],
    style: Annotated[
        str, typer.Option("--format", help="bibtex, vancouver or csl-json.")
    ] = "vancouver",
    params: Own = None,
    as_json: AsJson = False,
) -> None:
    """Print references: of a source, or of whatever a record or a problem rests on.

    A judgement has no reference; then it is said whose judgement it is.

    Example: riskmodel cite plex_aav --format bibtex
    """
    from riskmodel.parameters.library import load_overlay
    from riskmodel.reports.cite import as_data, cited_by, render, require_format

    require_format(style)
    cited = cited_by(load_overlay(params or ()), name)
    if as_json:
        _print_json(as_data(name, cited, style))
        return
    print(render(cited, style))
    if style == "csl-json":
        for line in cited.judgements:
            print(f"no citation: {line}", file=sys.stderr)


@app.command()
def trace(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]",
            help="table/row-key/column; or a table, for its rows and columns; or nothing.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Trace a number of a run back: formula, draws, prior, estimate, source and locator.

    Example: riskmodel trace runs/first absolute_effects/patient.plex.death/risk_difference
    """
    from riskmodel.reports import trace as tracing

    if name is None or "/" not in name:
        listed = tracing.list_ids(run, name)
        _print_json(listed) if as_json else tracing.print_ids(listed, _console())
        return
    traced = tracing.trace(run, name)
    _print_json(traced) if as_json else tracing.print_trace(traced, _console())


@app.command()
def diff(
    first: Annotated[Path, typer.Argument(metavar="RUN_A", help="A run's folder.")],
    second: Annotated[Path, typer.Argument(metavar="RUN_B", help="Another run's folder.")],
    as_json: AsJson = False,
) -> None:
    """Say what differs between two runs: inputs, outputs beyond Monte Carlo error, decisions.

    Example: riskmodel diff runs/first runs/second
    """
    from riskmodel.reports.diff import diff_runs, print_diff

    told = diff_runs(first, second)
    _print_json(told) if as_json else print_diff(told, _console())


@app.command()
def figures(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    journal: Annotated[
        str | None,
        typer.Option(help="plos, elsevier, springer, bmc, wiley, nature or bmj."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="A figure's name. May be given again.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="By default RUN/figures, and the journal's name below.")
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="Only say which figures there are.")
    ] = False,
    allow_unconverged: Annotated[
        bool,
        typer.Option(
            "--allow-unconverged",
            help="Draw a run that has not converged; every figure then says so.",
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Draw a finished run's figures anew at a journal's size, with points, captions and alt text.

    Example: riskmodel figures runs/first --journal plos --only waterfall
    """
    from riskmodel.reports.figures_by_name import list_figures, write_figures

    if list_:
        for family in list_figures():
            print(f"{family['name']:<24} {family['shows']}")
        return
    from riskmodel.reports.progress import Steps

    written = write_figures(
        run,
        out,
        journal=journal,
        only=only or (),
        allow_unconverged=allow_unconverged,
        steps=Steps(None if quiet else _console(stderr=True)),
    )
    for path in written.paths:
        print(path)
    for name, found in written.left_out.items():
        print(f"not drawn: {name}: found {found}", file=sys.stderr)


@app.command()
def tables(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="markdown, html, latex, csv or docx. May be given again."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="A table's name. May be given again.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="By default RUN/paper_tables.")] = None,
) -> None:
    """Write a run's tables for a paper: summary of findings, effects tables, evidence, diagnostics.

    Example: riskmodel tables runs/first --format docx
    """
    from riskmodel.reports.paper_tables import write_paper_tables

    written = write_paper_tables(run, out, formats=formats or ("markdown",), only=only or ())
    for path in written:
        print(path)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    checklist: Annotated[
        str | None,
        typer.Option(help="barg, robust, path or cheers-voi: filled as far as the run proves it."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="By default RUN/report.html.")] = None,
) -> None:
    """Write a run's report: one page that opens without a network; every number shows its trace.

    Figures, tables, methods, provenance, contradictions, and what the answer rests on.

    Example: riskmodel report runs/first --checklist barg --out first.html
    """
    from riskmodel.reports.report import report as write

    print(write(run, checklist=checklist, out=out))


@app.command()
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    out: Annotated[Path, typer.Option(help="A .zip file, or a new folder.")],
    format_: Annotated[str, typer.Option("--format", help="ro-crate.")] = "ro-crate",
    author: Annotated[
        list[str] | None, typer.Option(help="Who made the run. May be given again.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Of what is packed, such as CC-BY-4.0.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export.")] = False,
) -> None:
    """Pack a run for an archive: inputs, outputs, digests, environment and citation.

    Example: riskmodel export runs/first --out first.zip
    """
    from riskmodel.reports.export import export_run

    print(export_run(run, out, format=format_, authors=author or (), licence=licence, force=force))


@app.command()
def schema(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="Which kind of file: sources, evidence, problem and so on; by default all.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A folder to write NAME.json into, instead of printing.")
    ] = None,
) -> None:
    """Print or write the JSON Schema of parameter files, so that editors complete and check.

    Name it in the first line of a file: # yaml-language-server: $schema=schema/problem.json

    Example: riskmodel schema problem
    """
    from riskmodel.parameters.json_schema import FILE_KINDS, json_schema, write_schemas

    if out is not None:
        for path in write_schemas(out, FILE_KINDS if name is None else [name]):
            print(path)
    elif name is not None:
        _print_json(json_schema(name))
    else:
        _print_json({kind: json_schema(kind) for kind in FILE_KINDS})


@app.command()
def conflicts(
    problem: Annotated[
        str | None,
        typer.Argument(help="A shipped id, or a problem's YAML file; by default all."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List where the sources contradict one another: both sides, why, and what settles it.

    Found by rule, by a reader (the register), or both. A contradiction without a written
    resolution is open.

    Example: riskmodel conflicts plex_aav
    """
    from riskmodel.evidence.conflicts import find_conflicts
    from riskmodel.parameters.library import find_problem, load_library
    from riskmodel.reports.conflicts import conflicts_json, print_conflicts

    if problem is None:
        found = find_conflicts(load_library())
    else:
        library, entry = find_problem(problem)
        found = find_conflicts(library, entry.record.id)
    if json:
        print(conflicts_json(found))
    else:
        print_conflicts(found, _console())


@app.command()
def pool(
    data: Annotated[Path, typer.Argument(metavar="DATA.csv", help="A row a study.")],
    measure: Annotated[
        str,
        typer.Option(
            help="odds_ratio, relative_risk, risk_difference; without counts also hazard_ratio, "
            "rate_ratio, mean_difference."
        ),
    ] = "odds_ratio",
    tau_prior: Annotated[
        str | None,
        typer.Option(help="Prior of the heterogeneity, family:scale; half_normal:0.5 for ratios."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="A new or empty folder; by default the next free runs/NAME-N."),
    ] = None,
    prob: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="Probability of the credible intervals.")
    ] = 0.95,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Pool studies with random effects, without a sampler, and draw the forest plot.

    Columns: study and either events, n, events_comparator, n_comparator; or estimate and
    standard_error; or estimate, lower, upper and level. A ratio stands there as it is printed, not
    as its logarithm; its standard error is that of the logarithm. Also badge, note, and controlled
    (no: a series without a comparator, drawn hollow).

    Example: riskmodel pool trials.csv --measure odds_ratio --tau-prior half_normal:0.5
    """
    from riskmodel.reports.pool import run_pool

    run_pool(data, measure=measure, tau_prior=tau_prior, out=out, json=json, prob=prob)


@app.command()
def curve(
    data: Annotated[Path, typer.Argument(metavar="DATA.csv", help="A row a patient.")],
    outcome: Annotated[str, typer.Option(help="The outcome's column.")],
    prediction: Annotated[
        list[str], typer.Option(help="A column of predicted risks. May be given again.")
    ],
    thresholds: Annotated[
        str, typer.Option(help="The reasonable range, from:to:step.")
    ] = "0.05:0.5:0.01",
    prevalence: Annotated[
        float | None, typer.Option(help="Of a case-control study's population.")
    ] = None,
    time: Annotated[float | None, typer.Option(help="Horizon, in the unit of the times.")] = None,
    time_to_event: Annotated[str | None, typer.Option(help="The column of times.")] = None,
    competing: Annotated[
        str | None, typer.Option(help="The column that marks a competing event.")
    ] = None,
    arm: Annotated[
        str | None,
        typer.Option(help="The arm's column in a trial; predictions are then absolute benefits."),
    ] = None,
    treated: Annotated[str | None, typer.Option(help="The arm's value for treatment.")] = None,
    draws: Annotated[int, typer.Option(help="Bootstrap draws; 0 for none.")] = 1000,
    seed: Annotated[int | None, typer.Option(help="A whole number.")] = None,
    prob: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="Probability of the credible intervals.")
    ] = 0.95,
    out: Annotated[Path | None, typer.Option(help="A folder for CSV, JSON and figures.")] = None,
    figures: Annotated[bool, typer.Option("--figures", help="Draw them into --out.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Draw classic decision curves on patient data, or whom to treat from a trial's.

    Example: riskmodel curve patients.csv --outcome died --prediction model --out curves --figures
    """
    from riskmodel.reports.curve import curve_report, save_curve

    with _status("Resampling", hidden=quiet or no_progress):
        report = curve_report(
            data,
            outcome,
            prediction,
            thresholds,
            arm=arm,
            treated=treated,
            prevalence=prevalence,
            time=time,
            time_to_event=time_to_event,
            competing=competing,
            draws=draws or None,
            seed=seed,
            prob=prob,
        )
    if out is not None:
        _print_paths(save_curve(report, out, figures=figures), quiet=quiet)
    if json or not quiet:
        print(report.to_json() if json else report.curve.to_csv(index=False), end="")


@app.command()
def decide(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    preferences: Annotated[
        str | None, typer.Option(help="A panel's id, or its YAML file; by default the run's.")
    ] = None,
    prob: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="Probability of the credible intervals.")
    ] = 0.95,
    seed: Annotated[int | None, typer.Option(help="By default the run's.")] = None,
    thresholds: Annotated[
        Path | None,
        typer.Option(help="A YAML file of what is a small, moderate and large effect."),
    ] = None,
    recommendation: Annotated[
        str | None,
        typer.Option(help="What was recommended by stratum: a YAML file, or a shipped id."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="By default RUN/decide/PANEL.")] = None,
    figures: Annotated[bool, typer.Option("--figures", help="Draw them.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Weigh a finished run by a panel: net benefit, acceptability, criteria scores and ranks.

    Example: riskmodel decide runs/first --preferences kidney_and_infection --figures
    """
    from riskmodel.reports.decide import decide_report, save_decide

    with _status("Weighing", hidden=quiet or no_progress):
        report = decide_report(
            run,
            preferences=preferences,
            prob=prob,
            seed=seed,
            thresholds=thresholds,
            recommendation=recommendation,
        )
    _print_paths(save_decide(report, out, figures=figures), quiet=quiet)
    if json:
        print(report.to_json())
    elif not quiet:
        _print_tables(report.tables)


@app.command()
def value(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    preferences: Annotated[
        str | None, typer.Option(help="A panel's id, or its YAML file; by default the run's.")
    ] = None,
    figures: Annotated[bool, typer.Option("--figures", help="Draw them into the run.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Say what better knowledge would be worth: in all, by input, and by the document it is from.

    Example: riskmodel value runs/first
    """
    from riskmodel.reports.value import save_value, value_report

    with _status("Computing", hidden=quiet or no_progress):
        report = value_report(run, preferences=preferences)
    _print_paths(save_value(report, figures=figures), quiet=quiet)
    if json:
        print(report.to_json())
    elif not quiet:
        _print_tables(report.tables())


@app.command()
def sensitivity(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    preferences: Annotated[
        str | None, typer.Option(help="A panel's id, or its YAML file; by default the run's.")
    ] = None,
    refit: Annotated[
        bool,
        typer.Option("--refit", help="Fit again where reweighting a prior's power does not hold."),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="By default the run itself.")] = None,
    figures: Annotated[bool, typer.Option("--figures", help="Draw them.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Say how far each input would have to move for the sign of net benefit to turn.

    Tornado, flip distance (alone, jointly, as a discount on a source), scales, power scaling.

    Example: riskmodel sensitivity runs/first --figures
    """
    from riskmodel.reports.sensitivity import save_sensitivity, sensitivity_report

    messages, hidden = _console(stderr=True), quiet or no_progress

    def say(step: str) -> None:
        messages.print(f"  {step}", highlight=False, markup=False)

    report = sensitivity_report(
        run,
        preferences=preferences,
        refit=refit,
        progress=None if hidden else say,
    )
    _print_paths(save_sensitivity(report, out, figures=figures), quiet=quiet)
    for note in report.found.notes:
        print(f"note: {note}", file=sys.stderr)
    if json:
        print(report.to_json())
    elif not quiet:
        _print_tables(report.tables())


@app.command()
def pathway(
    policies: Annotated[
        list[str],
        typer.Argument(help="Shipped ids, or files of schema riskmodel/policy/1."),
    ],
    profile: Annotated[
        list[str] | None,
        typer.Option(
            help="A patient: name=value,name=value, or a profile's id. May be given again."
        ),
    ] = None,
    profiles: Annotated[
        Path | None, typer.Option(help="A CSV file of patients, a covariate a column.")
    ] = None,
    values: Annotated[
        str | None,
        typer.Option(help="What one unit is worth: time_in_recovered=1,death=-24."),
    ] = None,
    whose: Annotated[str | None, typer.Option(help="Whose values they are.")] = None,
    n: Annotated[int, typer.Option(min=1, help="Patients in all, shared over the draws.")] = (
        10_000
    ),
    draws: Annotated[int | None, typer.Option(help="Draws of the parameters.")] = None,
    seed: Annotated[int | None, typer.Option(help="A whole number; by default one is drawn.")] = (
        None
    ),
    horizon: Annotated[str | None, typer.Option(help="By default the pathway's own.")] = None,
    prob: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="Probability of the intervals.")
    ] = 0.95,
    out: Annotated[
        Path | None, typer.Option(help="By default the next free runs/POLICY-N.")
    ] = None,
    figures: Annotated[bool, typer.Option("--figures", help="Draw them.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Follow patients along a sequence of treatments, or compare several on the same patients.

    Example: riskmodel pathway stepwise_immunotherapy --seed 1 --figures
    """
    from riskmodel.reports.folder import next_free_folder
    from riskmodel.reports.pathway import pathway_report, print_pathway, save_pathway

    with _status("Simulating", hidden=quiet or no_progress):
        report = pathway_report(
            policies,
            profile=profile or (),
            profiles=profiles,
            values=values,
            whose=whose,
            n=n,
            draws=draws,
            seed=seed,
            horizon=horizon,
            prob=prob,
        )
    folder = out or next_free_folder(Path("runs"), Path(policies[0]).stem)
    _print_paths(save_pathway(report, folder, figures=figures), quiet=quiet)
    if json:
        print(report.to_json())
    elif not quiet:
        print_pathway(report, _console())


@app.command()
def cohort(
    problem: Annotated[
        str, typer.Argument(help="A shipped id, or a problem's YAML file; or the word merge.")
    ],
    data: Annotated[
        list[str],
        typer.Argument(help="Parquet, CSV, Arrow, or folders of Parquet; to merge, the folder."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="A new folder, or one in which this cohort was begun.")
    ] = None,
    preferences: Annotated[str | None, typer.Option(help="A panel's id, or its YAML file.")] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", help="COLUMN=COVARIATE[:UNIT]. May be given again."),
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", help="The column of ids.")] = None,
    by: Annotated[str | None, typer.Option(help="A column, or covariate, of subgroups.")] = None,
    rule: Annotated[str | None, typer.Option(help="A policy to compare, such as 'age>65'.")] = None,
    scenario: Annotated[
        list[str] | None, typer.Option(help="A named scenario to switch on. May be given again.")
    ] = None,
    horizon: Annotated[str | None, typer.Option(help="Another horizon the problem declares.")] = (
        None
    ),
    waning: Annotated[
        Waning | None,
        typer.Option(help="How every effect goes on after the problem's own horizon."),
    ] = None,
    draws: Annotated[int, typer.Option(help="Posterior draws in all, over four chains.")] = 4000,
    seed: Annotated[
        int | None,
        typer.Option(help="A whole number; by default a stored posterior's, or one is drawn."),
    ] = None,
    quantiles: Annotated[
        str, typer.Option(help="Of every patient's numbers, separated by commas; or none.")
    ] = "0.025,0.5,0.975",
    prob: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="Probability of the summary's intervals.")
    ] = 0.95,
    threads: Annotated[
        int | None, typer.Option(help="By default one for each core. No result depends on it.")
    ] = None,
    float32: Annotated[
        bool, typer.Option("--float32", help="Single precision; sums stay in double.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first row that cannot be used.")
    ] = False,
    engine: Annotated[str, typer.Option(help="threads, or dask.")] = "threads",
    scheduler: Annotated[
        str | None, typer.Option(help="A Dask scheduler's address; by default one is started.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(help="i/n: only this part; `cohort merge` ends it.")
    ] = None,
    partition_rows: Annotated[int, typer.Option(help="Rows that a stop loses at most.")] = 131072,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Compute every patient of a cohort, and what policies would do to all of them.

    The same command after a stop goes on from the partitions that are finished.

    Example: riskmodel cohort plex_aav patients.parquet --map creat=serum_creatinine:mg/dL --out c
    """
    from riskmodel.reports.cohort import cohort_command

    finished = cohort_command(
        problem,
        data,
        out,
        preferences=preferences,
        mapping=map_ or (),
        identifier=id_,
        by=by,
        rule=rule,
        scenarios=scenario or (),
        horizon=horizon,
        waning=None if waning is None else waning.value,
        draws=draws,
        seed=seed,
        quantiles=quantiles,
        prob=prob,
        threads=threads,
        float32=float32,
        strict=strict,
        engine=engine,
        scheduler=scheduler,
        shard=shard,
        partition_rows=partition_rows,
        quiet=quiet or no_progress,
        command=sys.argv,
    )
    if json:
        _print_json(finished.to_json())
    elif not quiet:
        _print_tables(finished.summary)


@app.command()
def brief(
    request: Annotated[
        Path, typer.Argument(metavar="REQUEST.yaml", help="A de-identified request.")
    ],
    out: Annotated[Path, typer.Option(help="A new or empty folder.")],
    params: Own = None,
    pdf: Annotated[
        bool, typer.Option("--pdf/--no-pdf", help="Print a PDF where a browser is installed.")
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an earlier brief in the folder.")
    ] = False,
) -> None:
    """Write one page on what the sources say of one request: HTML, Markdown and PDF.

    Times in a request count from the onset of the disease; dates and names are refused.

    Example: riskmodel brief params/requests/plexopathy_example.yaml --out brief
    """
    from riskmodel.reports.brief import write_brief

    for message in write_brief(request, out, params=params or (), force=force, pdf=pdf):
        print(f"note: {message}", file=sys.stderr)
    print(out / "brief.html")


def _status(words: str, *, hidden: bool):
    """Return what shows that something is being done, or shows nothing."""
    return nullcontext() if hidden else _console(stderr=True).status(words)


def _print_paths(paths, *, quiet: bool) -> None:
    """Name each file that was written, on standard error; with quiet, none."""
    for path in paths:
        if not quiet:
            print(path, file=sys.stderr)


def _print_tables(tables) -> None:
    """Print tables of a report as text, one after the other; a long one stands in its file."""
    for name, table in tables.items():
        if len(table) > 30:
            print(f"{name}\n{len(table)} rows: see its file\n")
            continue
        print(f"{name}\n{table.to_string(index=False, float_format=lambda x: f'{x:.4g}')}\n")


def _print_json(data: object) -> None:
    import json

    print(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


def _console(*, stderr: bool = False):
    from rich.console import Console

    return Console(stderr=stderr)


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1 for bad input, 2 for usage."""
    from riskmodel.errors import ConvergenceError, ParameterError, RiskModelWarning

    with warnings.catch_warnings():
        warnings.simplefilter("always", RiskModelWarning)
        warnings.showwarning = _say_warning
        try:
            result = app(args=argv, standalone_mode=False, prog_name="riskmodel")
            return result if isinstance(result, int) else 0
        except ParameterError as error:
            for problem in error.problems:
                print(problem, file=sys.stderr)
            return EXIT_BAD_INPUT
        except ConvergenceError as error:
            print(error, file=sys.stderr)
            return EXIT_BAD_INPUT
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            print(
                f"{place}{error.strerror or error}; nothing was left half-written", file=sys.stderr
            )
            return EXIT_BAD_INPUT
        except (KeyboardInterrupt, typer.Abort) as error:
            said = str(error.__cause__ or error) or "nothing was written"
            print(f"interrupted; {said}", file=sys.stderr)
            return EXIT_INTERRUPTED
        except _ClickException as error:
            error.show()
            return error.exit_code


def _say_warning(message, category, filename, lineno, file=None, line=None) -> None:
    print(f"warning: {message}", file=sys.stderr)


def entry_point() -> None:
    """Run the command line and exit."""
    # A short process that keeps nearly all it makes: collecting at Python's own pace, and once
    # more on the way out, costs a fifth of a run and frees nothing.
    gc.set_threshold(200_000, 50, 50)
    code = main()
    gc.freeze()
    sys.exit(code)
