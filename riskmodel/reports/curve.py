"""Decision curves of a file of patients: CSV in, tables and figures out."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from riskmodel.decisions.classic_decision_curve import decision_curve, decision_curve_difference
from riskmodel.decisions.decision_curve import TREAT_ALL, TREAT_NONE
from riskmodel.decisions.trial_decision_curve import trial_decision_curve
from riskmodel.errors import (
    ParameterError,
    Phrase,
    Problem,
    RiskModelWarning,
    did_you_mean,
)
from riskmodel.plots.classic_decision_curve import plot_decision_curve, plot_difference_curve
from riskmodel.reports.paper_figure import (
    DISCLAIMER,
    PaperFigure,
    new_figure,
    save_figure,
    styled,
)

SCHEMA = "riskmodel/curve/1"
MOST_THRESHOLDS = 10_000
DRAWS = 4000


@dataclass(frozen=True)
class CurveReport:
    """The decision curves of one file.

    Parameters
    ----------
    curve : pandas.DataFrame
        Of :func:`riskmodel.decision_curve` or :func:`riskmodel.trial_decision_curve`.
    difference : pandas.DataFrame
        Of :func:`riskmodel.decision_curve_difference`; empty with trial data, whose curve holds
        the difference from treating nobody.
    record : dict
        What was asked of which file: name, digest, columns, seed, draws, versions, warnings.
    trial : bool
    """

    curve: pd.DataFrame
    difference: pd.DataFrame
    record: dict = field(default_factory=dict)
    trial: bool = False

    def to_json(self) -> str:
        """Return record and tables as JSON; what is unknown is null."""
        return json.dumps(
            {
                "schema": SCHEMA,
                "record": self.record,
                "curve": _rows(self.curve),
                "difference": _rows(self.difference),
            },
            indent=2,
            ensure_ascii=False,
            allow_nan=False,
        )


def read_range(text: str) -> list[float]:
    """Return thresholds from words: numbers with commas, or first:last:step with both ends.

    Parameters
    ----------
    text : str

    Raises
    ------
    ParameterError
        If it is neither.

    Examples
    --------
    >>> read_range("0.1,0.2"), read_range("0.05:0.2:0.05")
    ([0.1, 0.2], [0.05, 0.1, 0.15, 0.2])
    """
    try:
        if ":" not in text:
            return [float(part) for part in text.split(",")]
        first, last, step = (float(part) for part in text.split(":"))
        if not (step > 0 and last >= first and np.isfinite([first, last, step]).all()):
            raise ValueError
    except ValueError:
        raise _range_fault(text) from None
    steps = int(np.floor((last - first) / step + 1e-9))
    if steps >= MOST_THRESHOLDS:
        raise _range_fault(text)
    return [float(f"{first + i * step:.12g}") for i in range(steps + 1)]


def _range_fault(text: str) -> ParameterError:
    return ParameterError(
        [
            Problem(
                field="thresholds",
                found=text,
                allowed=f"0.05,0.1,0.2 or first:last:step, at most {MOST_THRESHOLDS} of them",
                remedy="write for example 0.05:0.35:0.01",
            )
        ]
    )


def curve_report(
    path: Path | str,
    outcome: str,
    predictions: Sequence[str],
    thresholds: str | Sequence[float],
    *,
    arm: str | None = None,
    treated: str | None = None,
    allocation: float | None = None,
    prevalence: float | None = None,
    time: float | None = None,
    time_to_event: str | None = None,
    competing: str | None = None,
    harm: Mapping[str, float] | None = None,
    draws: int | None = DRAWS,
    seed: int | None = None,
    prob: float = 0.95,
    uncertainty: str = "bayesian_bootstrap",
) -> CurveReport:
    """Return the decision curves of a CSV file of patients.

    Parameters
    ----------
    path : pathlib.Path or str
        One row a patient, named columns. Only the columns that are asked for are read.
    outcome : str
    predictions : sequence of str
        Columns of predicted risks; with `arm`, of predicted absolute benefits.
    thresholds : str or sequence of float
        As :func:`read_range` reads them.
    arm : str, optional
        Column of the arm of a trial; then the curve is that of whom to treat.
    treated : str, optional
        The value of `arm` that means treatment; None is 1.
    allocation : float, optional
        Probability of treatment by design.
    prevalence, time, time_to_event, competing, harm, draws, seed, prob, uncertainty
        As of :func:`riskmodel.decision_curve`.

    Returns
    -------
    CurveReport

    Raises
    ------
    ParameterError
        With the file's name, and every problem found in it.
    """
    path = Path(path)
    grid = read_range(thresholds) if isinstance(thresholds, str) else list(thresholds)
    wanted = {"outcome": [outcome], "predictions": list(predictions)}
    for role, name in (("arm", arm), ("time_to_event", time_to_event), ("competing", competing)):
        wanted[role] = [] if name is None else [name]
    data = _read_csv(path, wanted)
    shared = {"draws": draws, "seed": seed, "prob": prob}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if arm is None:
                keywords = {
                    "prevalence": prevalence,
                    "time": time,
                    "time_to_event": time_to_event,
                    "competing": competing,
                    "harm": harm,
                    "uncertainty": uncertainty,
                    **shared,
                }
                _refuse_trial_words(treated, allocation)
                curve = decision_curve(data, outcome, list(predictions), grid, **keywords)
                keywords["seed"] = curve.attrs["seed"]
                difference = decision_curve_difference(
                    data, outcome, list(predictions), grid, **keywords
                )
            else:
                _refuse_classic_words(prevalence, time, time_to_event, competing, harm)
                which = 1 if treated is None else treated
                curve = trial_decision_curve(
                    data, arm, outcome, list(predictions), grid,
                    treated=_as_in(data[arm], which), allocation=allocation, **shared,
                )  # fmt: skip
                difference = pd.DataFrame()
        except ParameterError as error:
            raise ParameterError(
                p if p.file else replace(p, file=path) for p in error.problems
            ) from None
    said = list(dict.fromkeys(str(w.message) for w in caught))
    for text in said:
        warnings.warn(text, RiskModelWarning, stacklevel=2)
    record = {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "patients": int(len(data)),
        "outcome": outcome,
        "predictions": list(predictions),
        "arm": arm,
        "treated": treated,
        "allocation": allocation,
        "thresholds": {"lowest": min(grid), "highest": max(grid), "number": len(grid)},
        "prevalence": prevalence,
        "time": time,
        "time_to_event": time_to_event,
        "competing": competing,
        "harm": dict(harm or {}),
        "prob": prob,
        **curve.attrs,
        "versions": {"numpy": np.__version__, "pandas": pd.__version__},
        "warnings": said,
        "note": DISCLAIMER,
    }
    return CurveReport(curve, difference, record, trial=arm is not None)


def _read_csv(path: Path, wanted: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Read the columns asked for, and no others: what else stands in the file is not needed."""
    try:
        known = list(pd.read_csv(path, nrows=0).columns)
        columns = list(dict.fromkeys(name for names in wanted.values() for name in names))
        problems = [
            Problem(
                field=role,
                found=name,
                allowed="a column of the file",
                remedy=did_you_mean(name, known),
                file=path,
            )
            for role, names in wanted.items()
            for name in names
            if name not in known
        ]
        if problems:
            raise ParameterError(problems)
        return pd.read_csv(path, usecols=columns)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ParameterError(
            [
                Problem(
                    field="data",
                    found=Phrase(str(error).splitlines()[0]),
                    allowed="a CSV file with a line of column names",
                    remedy="save it as UTF-8 with commas between values",
                    file=path,
                )
            ]
        ) from None


def _as_in(column: pd.Series, word: object) -> object:
    """Return the value of a column that is written like a word of the command line."""
    for value in column.dropna().unique().tolist():
        if str(value) == str(word) or (isinstance(value, float) and f"{value:g}" == str(word)):
            return value
    return word


def _refuse_trial_words(treated, allocation) -> None:
    _refuse_words({"treated": treated, "allocation": allocation}, "only with arm", "give arm")


def _refuse_classic_words(prevalence, time, time_to_event, competing, harm) -> None:
    given = {
        "prevalence": prevalence,
        "time": time,
        "time_to_event": time_to_event,
        "competing": competing,
        "harm": harm or None,
    }
    _refuse_words(given, "nothing with arm", "leave it out, or leave out arm")


def _refuse_words(given: Mapping[str, object], allowed: str, remedy: str) -> None:
    problems = [
        Problem(field=name, found=value, allowed=allowed, remedy=remedy)
        for name, value in given.items()
        if value is not None
    ]
    if problems:
        raise ParameterError(problems)


def _rows(table: pd.DataFrame) -> list[dict]:
    return [
        {
            key: None if isinstance(value, float) and not np.isfinite(value) else value
            for key, value in row.items()
        }
        for row in table.to_dict("records")
    ]


# --- writing --------------------------------------------------------------------------------------


def save_curve(report: CurveReport, out: Path, *, figures: bool = False) -> list[Path]:
    """Write tables as CSV, everything as JSON and, if asked, figures into a folder.

    Parameters
    ----------
    report : CurveReport
    out : pathlib.Path
        Made if it is not there; files of the same names are written over.
    figures : bool

    Returns
    -------
    list of pathlib.Path
        What was written.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise ParameterError(
            [
                Problem(
                    field="out",
                    found=Phrase(f"{out}, a file"),
                    allowed="a folder",
                    remedy="name another place",
                )
            ]
        )
    out.mkdir(parents=True, exist_ok=True)
    texts = {"curve.csv": _csv(report.curve), "curve.json": report.to_json() + "\n"}
    if len(report.difference):
        texts["difference.csv"] = _csv(report.difference)
    paths = []
    for name, text in texts.items():
        part = out / f".{name}.part"
        part.write_text(text, encoding="utf-8")
        paths.append(part.replace(out / name))
    if figures:
        for figure in curve_figures(report):
            paths += save_figure(figure, out / "figures")
    return paths


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, float_format="%.10g", lineterminator="\n")


def curve_figures(report: CurveReport) -> list[PaperFigure]:
    """Return the figures of a report: curves, and differences where there are any."""
    figures = [_curve_figure(report)]
    if len(report.difference):
        figures.append(_difference_figure(report))
    return figures


@styled
def _curve_figure(report: CurveReport) -> PaperFigure:
    curve, record = report.curve, report.record
    figure, ax = new_figure(95)
    value = "difference" if report.trial else "net_benefit"
    xlabel = "Smallest benefit for which treatment is accepted" if report.trial else None
    plot_decision_curve(curve, value=value, ax=ax, **({"xlabel": xlabel} if xlabel else {}))
    kind = "trial data, congruent allocation" if report.trial else _kind(record)
    caption = (
        f"Decision curve of {_listed(record['predictions'])} for {record['outcome']} in "
        f"{record['patients']} patients ({kind}). Thresholds: {record['thresholds']['lowest']:g} "
        f"to {record['thresholds']['highest']:g}.{_bands(curve, record)} {DISCLAIMER}"
    )
    middle = curve["threshold"].unique()
    middle = middle[middle.size // 2]
    said = [
        f"{row.strategy} {getattr(row, value):.3g}"
        for row in curve[curve["threshold"] == middle].itertuples()
    ]
    alt = f"Line chart of net benefit by threshold. At {middle:g}: {', '.join(said)}."
    return PaperFigure("decision_curve", figure, curve, caption, alt)


@styled
def _difference_figure(report: CurveReport) -> PaperFigure:
    table, record = report.difference, report.record
    # The two defaults differ by a line that is known without data on predictions.
    table = table[~table["strategy"].isin([TREAT_ALL, TREAT_NONE])]
    # Treating all loses without end as thresholds rise: each panel has a scale of its own.
    default = table["versus"].where(table["versus"].isin([TREAT_ALL, TREAT_NONE]), "")
    panels = [rows for _, rows in table.groupby(default, sort=False)]
    figure, axes = new_figure(62 * len(panels), len(panels), 1, squeeze=False)
    for ax, rows in zip(axes.ravel(), panels, strict=True):
        plot_difference_curve(rows, ax=ax)
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=7)
    caption = (
        f"Differences in net benefit between strategies for {record['outcome']} in "
        f"{record['patients']} patients ({_kind(record)}).{_bands(table, record)} {DISCLAIMER}"
    )
    middle = table["threshold"].unique()
    middle = middle[middle.size // 2]
    said = [
        f"{row.strategy} minus {row.versus} {row.difference:.3g}"
        for row in table[table["threshold"] == middle].itertuples()
    ]
    alt = f"Line chart of differences by threshold. At {middle:g}: {', '.join(said)}."
    return PaperFigure("difference_curve", figure, table, caption, alt)


def _kind(record: Mapping) -> str:
    if record["time_to_event"] is None:
        return "binary" if record["prevalence"] is None else "cases and controls"
    method = "Kaplan-Meier" if record["competing"] is None else "Aalen-Johansen"
    return f"by {record['time']:g}, {method}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _bands(table: pd.DataFrame, record: Mapping) -> str:
    if record["draws"] is None:
        return " Point estimates."
    return (
        f" Bands: {table['prob'].iloc[0]:.0%} equal-tailed credible intervals from "
        f"{record['draws']} draws (seed {record['seed']})."
    )
