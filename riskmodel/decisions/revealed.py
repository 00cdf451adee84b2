"""What weight a published recommendation implies, and whether choices fit any one weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.decision_files import read_recommendation
from riskmodel.decisions.information import refuse
from riskmodel.decisions.net_benefit import weighting
from riskmodel.errors import NOTHING, Phrase, did_you_mean
from riskmodel.parameters.schema import Panel, Recommendation
from riskmodel.simulation.outcomes import loaded_problem

STANCES = ("for", "against")
CONTRADICTORY = "none: contradictory"


def revealed_threshold(
    recommendation: Mapping[str, str] | Recommendation | str | Path,
    outcomes: xr.Dataset | pd.DataFrame,
    *,
    option: str | None = None,
    outcome: str | None = None,
    preferences: str | Panel | None = None,
) -> pd.DataFrame:
    """Return the weights of one outcome under which a recommendation would follow, by stratum.

    Parameters
    ----------
    recommendation : mapping of str to {"for", "against"}, Recommendation, str or Path
        By stratum: the bands of the case mix, or else the profiles. Or a YAML file of schema
        ``riskmodel/recommendation/1``, or the id of a shipped one, which names the option too.
    outcomes : xarray.Dataset or DataFrame
        Of :func:`riskmodel.simulate`; or a table with a row a stratum and draw, and the columns
        ``stratum``, ``benefit`` (net benefit of everything else) and ``harm`` (of the varied
        outcome at weight 1, positive where the option adds it).
    option : str, optional
        None is the only alternative.
    outcome : str, optional
        Whose weight varies; None is the one the problem names.
    preferences : str or Panel, optional
        The other weights.

    Returns
    -------
    pandas.DataFrame
        One row a stratum and one for ``all``: ``recommendation``, ``benefit`` and ``harm``
        (means), ``lower`` and ``upper`` (the recommendation follows at weights, 0 or more,
        strictly between; upper may be infinite; nan where at none), ``consistent`` (``weights
        from .. to ..`` or ``none: contradictory``), and ``prob_consistent``, the share of draws
        at which there is such a weight.

    Raises
    ------
    ParameterError
        If a stratum or stance is unknown, or there are several options and none is named.

    Notes
    -----
    A weight r implies treating where ``E[benefit] - r E[harm] > 0``. One weight for all strata is
    the claim; where none exists, either values differ between strata, or those who recommended
    saw other risks, or something not weighed here.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"stratum": ["low", "high"], "benefit": [0.02, 0.16], "harm": [0.08, 0.10]}
    ... )
    >>> found = revealed_threshold({"low": "against", "high": "for"}, table)
    >>> found.iloc[-1]["consistent"]
    'weights from 0.25 to 1.6'
    >>> revealed_threshold({"low": "for", "high": "against"}, table).iloc[-1]["consistent"]
    'none: contradictory'
    """
    if isinstance(recommendation, str | Path):
        recommendation = read_recommendation(recommendation)
    if isinstance(recommendation, Recommendation):
        _require_problem(recommendation, outcomes)
        option, outcome = option or recommendation.option, outcome or recommendation.outcome
        recommendation = recommendation.strata
    if not isinstance(recommendation, Mapping) or not recommendation:
        refuse("recommendation", NOTHING, "a stance by stratum", "write {stratum: for or against}")
    for stratum, stance in recommendation.items():
        if stance not in STANCES:
            refuse(
                f"recommendation.{stratum}",
                stance,
                "for, against",
                "leave out a stratum on which nothing is recommended",
            )
    parts = _parts(outcomes, option, outcome, preferences)
    for stratum in recommendation:
        if stratum not in parts:
            remedy = did_you_mean(stratum, parts)
            refuse(f"recommendation.{stratum}", stratum, ", ".join(parts), remedy)
    rows, spans, drawn = [], [], []
    for stratum, stance in recommendation.items():
        benefit, harm = parts[stratum]
        known = np.isfinite(benefit) & np.isfinite(harm)
        lower, upper = _span(benefit[known].mean(), harm[known].mean(), stance)
        spans.append((float(lower), float(upper)))
        each = np.full((2, known.size), np.nan)
        each[:, known] = _span(benefit[known], harm[known], stance)
        drawn.append(each)
        rows.append(
            {
                "stratum": stratum,
                "recommendation": stance,
                "benefit": benefit[known].mean(),
                "harm": harm[known].mean(),
                **_row(*spans[-1]),
                "prob_consistent": float((each[0] < each[1])[known].mean()),
            }
        )
    lower, upper = max(s[0] for s in spans), min(s[1] for s in spans)
    together = np.nan
    if len({each.shape for each in drawn}) == 1:
        every = np.stack(drawn)
        known = np.isfinite(every[:, 0]).all(axis=0)
        together = float((every[:, 0].max(axis=0) < every[:, 1].min(axis=0))[known].mean())
    rows.append(
        {
            "stratum": "all",
            "recommendation": "",
            "benefit": np.nan,
            "harm": np.nan,
            **_row(lower, upper),
            "prob_consistent": together,
        }
    )
    return pd.DataFrame(rows)


def _require_problem(recommendation: Recommendation, outcomes) -> None:
    """Refuse a recommendation that is about another decision problem."""
    if not isinstance(outcomes, xr.Dataset):
        return
    here = loaded_problem(outcomes).id
    if recommendation.problem != here:
        refuse(
            "recommendation.problem",
            recommendation.problem,
            here,
            "name a recommendation about the problem of this run",
        )


def _span(benefit, harm, stance: str):
    """Return the open interval of weights r >= 0 with the sign of benefit - r harm that is meant.

    Empty intervals have an upper end below the lower.
    """
    benefit, harm = np.asarray(benefit, dtype=float), np.asarray(harm, dtype=float)
    if stance == "against":  # benefit - r harm <= 0 is the same with both signs turned
        benefit, harm = -benefit, -harm
    ratio = np.divide(benefit, harm, out=np.full(np.shape(benefit), np.nan), where=harm != 0)
    # r < ratio where harm is positive, r > ratio where negative; without harm, always or never.
    lower = np.where(harm < 0, np.maximum(ratio, 0), 0.0)
    upper = np.where(harm > 0, ratio, np.inf)
    never = (harm == 0) & (benefit <= 0) | (harm > 0) & (ratio <= 0)
    return lower, np.where(never, -1.0, upper)


def _row(lower: float, upper: float) -> dict:
    if not lower < upper:
        return {"lower": np.nan, "upper": np.nan, "consistent": CONTRADICTORY}
    end = "any more" if np.isinf(upper) else f"{upper:.3g}"
    return {"lower": lower, "upper": upper, "consistent": f"weights from {lower:.3g} to {end}"}


def _parts(outcomes, option, outcome, preferences) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return draws of benefit and harm by stratum."""
    if isinstance(outcomes, pd.DataFrame):
        missing = [name for name in ("stratum", "benefit", "harm") if name not in outcomes]
        if missing:
            refuse("outcomes", Phrase(f"no {missing[0]}"), "stratum, benefit, harm", "add it")
        return {
            str(name): (rows["benefit"].to_numpy(float), rows["harm"].to_numpy(float))
            for name, rows in outcomes.groupby("stratum", sort=False)
        }
    bound = weighting(outcomes, preferences)
    option = _option(bound.problem, option)
    outcome = outcome or bound.problem.preferences.vary
    if outcome not in bound.problem.outcomes:
        names = bound.problem.outcomes
        refuse("outcome", outcome, ", ".join(names), did_you_mean(outcome, names))
    by = "band" if "band_risk" in outcomes else "profile"
    rest, harm = bound.split(outcomes["band_risk" if by == "band" else "risk"], outcome)
    return {
        str(name): tuple(
            part.sel({by: name, "option": option}).values.ravel() for part in (rest, harm)
        )
        for name in rest[by].values
    }


def _option(problem, option: str | None) -> str:
    alternatives = list(problem.alternatives)
    if option is None and len(alternatives) == 1:
        return alternatives[0]
    if option not in alternatives:
        remedy = did_you_mean(option, alternatives)
        refuse("option", option or NOTHING, ", ".join(alternatives), remedy)
    return option


# --- choices that were published ----------------------------------------------------------------


@dataclass(frozen=True)
class PreferenceMisfit:
    """What published choices say about a single, linear weight for everybody and every level.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a level: ``level``, ``ratio`` (benefit over harm, if given), ``uptake`` (if
        given), ``least`` and ``most`` (what single weights allow), ``monotone`` (the nearest
        uptake that does not fall as the ratio rises), ``misfit`` (uptake less that),
        ``chosen`` by the weight tried and ``disagreeing``, the share that chose otherwise.
    findings : pandas.DataFrame
        One row a check: ``check``, ``value``, ``lower``, ``upper``, ``says``.
    not_checked : tuple of str
        What could not be checked, and what it would take.
    """

    table: pd.DataFrame
    findings: pd.DataFrame
    not_checked: tuple[str, ...] = field(default=())


def preference_misfit(
    levels: Sequence,
    *,
    always: int,
    never: int,
    n: int,
    uptake: Sequence[float] | None = None,
    lower_than: Sequence[tuple] = (),
    benefit: Sequence[float] | None = None,
    harm: Sequence[float] | None = None,
    weight: float | None = None,
    prob: float = 0.95,
) -> PreferenceMisfit:
    """Return how far choices at several levels of risk are from any linear weight.

    Parameters
    ----------
    levels : sequence
        Names of the scenarios that were shown.
    always, never, n : int
        Respondents who chose the option at every level, at none, and in all.
    uptake : sequence of float, optional
        Share that chose it at each level, in [0, 1].
    lower_than : sequence of (level, level), optional
        Pairs where uptake is only known to be lower at the first than at the second.
    benefit, harm : sequence of float, optional
        Absolute reduction and increase that each level showed, as proportions.
    weight : float, optional
        Of the harm relative to the benefit: one for everybody, to be tried.
    prob : float
        Of the equal-tailed intervals of shares (Jeffreys).

    Returns
    -------
    PreferenceMisfit

    Raises
    ------
    ParameterError
        If counts do not fit, or lengths differ.

    Notes
    -----
    A respondent with one exchange rate r chooses the option where ``benefit - r harm > 0``, that
    is where benefit / harm > r. Over any mixture of such respondents uptake cannot fall as the
    ratio rises; it equals the share of *always* at the lowest ratio, and one less the share of
    *never* at the highest. A fall of d between two levels needs at least a share d of
    respondents with no single rate. Which level has the higher ratio, only the figures that
    were shown can tell.

    Examples
    --------
    >>> found = preference_misfit(["a", "b"], always=30, never=20, n=100)
    >>> found.table[["least", "most"]].values.tolist()
    [[0.3, 0.8], [0.3, 0.8]]
    >>> len(found.not_checked)
    3
    >>> found = preference_misfit(
    ...     ["a", "b"], always=30, never=20, n=100, uptake=[0.6, 0.5],
    ...     benefit=[0.05, 0.16], harm=[0.08, 0.13])
    >>> round(float(found.findings.set_index("check").loc["without one weight", "value"]), 3)
    0.1
    """
    levels = list(levels)
    _check_counts(levels, always, never, n, uptake, benefit, harm, lower_than)
    table = pd.DataFrame({"level": levels})
    ratio = None
    if benefit is not None and harm is not None:
        ratio = np.asarray(benefit, dtype=float) / np.asarray(harm, dtype=float)
    table["ratio"] = np.nan if ratio is None else ratio
    table["uptake"] = np.nan if uptake is None else np.asarray(uptake, dtype=float)
    table["least"], table["most"] = always / n, 1 - never / n
    findings = [
        _share("always", always, n, prob, "a weight near 0, or values that no rate holds"),
        _share("never", never, n, prob, "a weight beyond every ratio shown, or no rate"),
        _share(
            "changed with the level",
            n - always - never,
            n,
            prob,
            "only of these can the levels say anything about a rate",
        ),
    ]
    missing: list[str] = []
    if ratio is None:
        missing.append(
            "whether uptake rises with benefit / harm: needs the benefit and harm that each level "
            "showed"
        )
    if uptake is None:
        missing.append("uptake level by level: needs the share that chose it at each level")
    if ratio is not None:
        lowest, highest = ratio == ratio.min(), ratio == ratio.max()
        table.loc[lowest, "most"] = always / n
        table.loc[highest, "least"] = 1 - never / n
        if lowest.all():  # all the same: every respondent is one of the two
            table[["least", "most"]] = always / n
    table, more = _against_ratios(table, ratio, uptake, lower_than, n)
    findings += more
    if lower_than and ratio is None:
        pairs = "; ".join(f"{a} below {b}" for a, b in lower_than)
        missing.append(f"whether {pairs} is a misfit: it is if the first has the higher ratio")
    if weight is None:
        missing.append("agreement with one weight for everybody: needs `weight` and the ratios")
    elif ratio is None:
        missing.append("the choices that the weight implies: needs benefit and harm by level")
    else:
        table, more = _against_weight(table, ratio, weight, always, never, n)
        findings += more
    return PreferenceMisfit(table, pd.DataFrame(findings), tuple(missing))


def _share(check: str, count: int, n: int, prob: float, says: str) -> dict:
    from scipy.special import betaincinv

    ends = betaincinv(count + 0.5, n - count + 0.5, [(1 - prob) / 2, (1 + prob) / 2])
    low, high = float(ends[0]), float(ends[1])
    return {"check": check, "value": count / n, "lower": low, "upper": high, "says": says}


def _against_ratios(table, ratio, uptake, lower_than, n):
    findings: list[dict] = []
    levels = table["level"].tolist()
    table["monotone"], table["misfit"] = np.nan, np.nan
    if ratio is None:
        return table, findings
    for first, second in lower_than:
        i, j = levels.index(first), levels.index(second)
        bad = ratio[i] >= ratio[j]
        says = "misfit: lower uptake at a ratio no lower" if bad else "fits: its ratio is lower"
        findings.append(
            {"check": f"{first} below {second}", "value": float(ratio[i] - ratio[j]), "says": says}
        )
    if uptake is None:
        return table, findings
    share = table["uptake"].to_numpy()
    drop = np.where(ratio[:, None] >= ratio, share - share[:, None], 0.0).max()
    table["monotone"] = _isotonic(ratio, share)
    table["misfit"] = table["uptake"] - table["monotone"]
    outside = np.maximum(table["least"] - share, share - table["most"]).clip(lower=0).max()
    findings += [
        {
            "check": "without one weight",
            "value": float(max(drop, 0.0)),
            "says": "at least this share of respondents has no single exchange rate",
        },
        {
            "check": "largest misfit",
            "value": float(table["misfit"].abs().max()),
            "says": "uptake against the nearest that does not fall as the ratio rises",
        },
        {
            "check": "outside always and never",
            "value": float(outside),
            "says": "uptake against the shares of always at the lowest ratio and never at the "
            "highest",
        },
    ]
    return table, findings


def _isotonic(ratio: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the least-squares fit that does not fall with the ratio; equal ratios are pooled."""
    blocks = [[share[ratio == value].mean(), int((ratio == value).sum())] for value in
              np.unique(ratio)]  # fmt: skip
    merged: list[list] = []
    for mean, size in blocks:
        merged.append([mean, size, 1])
        while len(merged) > 1 and merged[-2][0] > merged[-1][0]:
            b, a = merged.pop(), merged.pop()
            size = a[1] + b[1]
            merged.append([(a[0] * a[1] + b[0] * b[1]) / size, size, a[2] + b[2]])
    fitted = np.concatenate([np.full(count, mean) for mean, _, count in merged])
    return fitted[np.searchsorted(np.unique(ratio), ratio)]


def _against_weight(table, ratio, weight: float, always: int, never: int, n: int):
    chosen = ratio > weight
    table["chosen"] = chosen
    table["disagreeing"] = np.where(chosen, 1 - table["uptake"], table["uptake"])
    share = (never if chosen.any() else 0) + (0 if chosen.all() else always)
    says = "at least this share chose otherwise at some level than one weight for everybody would"
    findings = [{"check": f"weight {weight:g} for everybody", "value": share / n, "says": says}]
    return table, findings


def _check_counts(levels, always, never, n, uptake, benefit, harm, lower_than) -> None:
    if len(levels) < 2 or len(set(levels)) < len(levels):
        refuse("levels", levels, "two or more names, each once", "name every scenario shown")
    whole = all(
        isinstance(x, int | np.integer) and not isinstance(x, bool) for x in (always, never, n)
    )
    if not whole or min(always, never) < 0 or n < 1 or always + never > n:
        refuse(
            "always",
            Phrase(f"{always} always and {never} never of {n}"),
            "whole numbers, together at most n",
            "give the counts of respondents, not percentages",
        )
    for name, values, low in (("uptake", uptake, 0), ("benefit", benefit, -1), ("harm", harm, 0)):
        if values is None:
            continue
        array = np.asarray(values, dtype=float)
        inside = (array >= low) & (array <= 1) & ((array > 0) if name == "harm" else True)
        if array.shape != (len(levels),) or not inside.all():
            above = "above 0" if name == "harm" else f"{low} or more"
            refuse(
                name,
                values,
                f"{len(levels)} proportions, {above}, at most 1",
                "one a level; divide percentages by 100",
            )
    if (benefit is None) != (harm is None):
        refuse("benefit", Phrase("one of benefit and harm"), "both or neither", "give the other")
    for pair in lower_than:
        if len(pair) != 2 or not set(pair) <= set(levels):
            refuse("lower_than", pair, f"two of {levels}", "name levels that were shown")
