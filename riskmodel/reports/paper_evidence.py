"""The evidence table and the diagnostics of a run, as a paper prints them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from riskmodel.reports.paper_run import PaperRun, PaperTable
from riskmodel.reports.paper_words import (
    duration,
    interval_words,
    measure_words,
    value_words,
)


def evidence_table(paper: PaperRun) -> PaperTable | None:
    """Return every estimate that the run used or showed, down to the locator in its source.

    Parameters
    ----------
    paper : PaperRun

    Returns
    -------
    PaperTable or None
        None where neither the run nor its files keep an estimate.
    """
    rows = [
        {
            "Id": name,
            "Used for": "; ".join(uses),
            "Outcome": estimate["outcome"],
            "Measure": measure_words(estimate["measure"]),
            "As printed": estimate.get("printed") or "nothing printed",
            "Value": value_words(estimate),
            "Interval (level and kind as its source states them)": interval_words(estimate),
            "Population": " ".join(estimate["population"].split()),
            "Horizon": duration(estimate.get("horizon")),
            "Status": estimate["status"].replace("_", " "),
            "Locator": (estimate.get("source") or {}).get("locator") or "-",
            "Source": paper.source_of(estimate),
        }
        for name, (estimate, uses) in _used(paper).items()
    ]
    if not rows:
        return None
    notes = [
        "Status: seen primary, read in the source itself; seen secondary, read in another's "
        "report of it; judgement, as the named person holds it; unverified, from memory.",
        "In square brackets, the badge of the prior: data, elicited, assumed or transported.",
    ]
    return PaperTable(
        "evidence",
        "Evidence",
        pd.DataFrame(rows),
        paper.about(),
        (*notes, *paper.closing(of_draws=False)),
    )


def _used(paper: PaperRun) -> dict[str, tuple[Mapping[str, Any], list[str]]]:
    """Return the estimates in use or on show, by id, and what each is there for."""
    known = dict(paper.data.get("estimates") or {})
    for name, record in (paper.data.get("statements") or {}).items():
        kind, content = record
        if kind == "Estimate":
            known.setdefault(name, content)
    used: dict[str, tuple[Mapping[str, Any], list[str]]] = {}
    for name, use in _uses(paper):
        if name in known:
            uses = used.setdefault(name, (known[name], []))[1]
            if use not in uses:
                uses.append(use)
    return used


def _uses(paper: PaperRun) -> Iterator[tuple[str, str]]:
    for row in paper.rows("provenance"):
        yield row["estimate"], f"prior {row['prior']} [{row['badge']}]"
    for stratum in (paper.problem.get("published_strata") or {}).get("rows") or []:
        for part in ("risk_difference", "number_needed_to_treat"):
            if stratum.get(part):
                yield stratum[part], "shown beside the model's bands"
    for row in paper.rows("evidence"):
        if row["kind"] == "estimate":
            yield row["id"], "shown beside the result"


def diagnostics_table(paper: PaperRun) -> PaperTable | None:
    """Return how well each reported quantity was sampled.

    Parameters
    ----------
    paper : PaperRun

    Returns
    -------
    PaperTable or None
        None where nothing was sampled.

    References
    ----------
    Vehtari et al. (2021), Bayesian Analysis 16:667, doi:10.1214/20-BA1221.
    """
    rows = paper.rows("diagnostics")
    if not rows:
        return None
    posterior = paper.record["posterior"]
    columns = {
        "mean": ("Posterior mean", ".4g"),
        "sd": ("Posterior standard deviation", ".4g"),
        "monte_carlo_standard_error": ("Monte Carlo standard error of the mean", ".2g"),
        "r_hat": ("R-hat", ".4f"),
        "ess_bulk": ("Effective sample size, bulk", ".0f"),
        "ess_tail": ("Effective sample size, tail", ".0f"),
    }
    frame = pd.DataFrame(
        [
            {"Quantity": row["quantity"]}
            | {
                heading: f"{float(row[name]):{shape}}" if row.get(name) else "-"
                for name, (heading, shape) in columns.items()
            }
            for row in rows
        ]
    )
    told = {
        "Sampler": posterior.get("sampler"),
        "Draws": f"{posterior['draws']} in {posterior['chains']} chains",
        "Tuning steps a chain": posterior.get("tune"),
        "Target acceptance": posterior.get("target_accept"),
        "Divergences": posterior.get("divergences"),
        "Seed": posterior.get("seed"),
    }
    versions = posterior.get("versions") or {}
    shown = ", ".join(f"{name} {version}" for name, version in versions.items())
    about = [(name, str(value)) for name, value in told.items() if value is not None]
    return PaperTable(
        "diagnostics",
        "Computation and convergence",
        frame,
        (*about, *([("Versions", shown)] if shown else [])),
        tuple(paper.closing(of_draws=False)),
    )
