"""From every prior back to the locator it rests on."""

from __future__ import annotations

import pandas as pd

from riskmodel.evidence.priors import build_priors, used_priors
from riskmodel.parameters.library import LoadedProblem
from riskmodel.parameters.schema import Statement


def provenance_table(loaded: LoadedProblem, *, later: bool = False) -> pd.DataFrame:
    """Return one row a prior in use and estimate behind it.

    Parameters
    ----------
    loaded : LoadedProblem
    later : bool
        Whether the results stand at a later horizon than the problem's own.

    Returns
    -------
    pandas.DataFrame
        ``prior``, ``badge``, ``rule``, ``estimate``, ``measure``, ``value``, ``printed``,
        ``status``, ``horizon``, ``source``, ``locator``, and ``because``: what was judged, and
        by whom.
    """
    rows = []
    for name, prior in build_priors(loaded, used_priors(loaded.problem, later=later)).items():
        specification = loaded.problem.priors[name]
        judged = [specification.whose, specification.because]
        if specification.horizon:
            judged.append(f"taken at {specification.horizon}: {specification.horizon.because}")
        for word, part in (("pooled", specification.pool), ("discounted", specification.discount)):
            if part is not None:
                judged.append(f"{word}: {part.because}")
        for key in prior.estimates:
            estimate = loaded.estimates[key]
            rows.append(
                {
                    "prior": name,
                    "badge": prior.badge,
                    "rule": prior.rule,
                    "estimate": key,
                    "measure": estimate.measure,
                    "value": estimate.number,
                    "printed": estimate.printed or "",
                    "status": estimate.status,
                    "horizon": str(estimate.horizon),
                    "source": citation(loaded, estimate),
                    "locator": estimate.source.locator or "",
                    "because": "; ".join(part for part in judged if part),
                }
            )
    return pd.DataFrame(rows)


def citation(loaded: LoadedProblem, record: Statement) -> str:
    """Return where a statement comes from, in one line."""
    judgement = record.source.judgement
    if judgement is not None:
        return f"judgement of {judgement.whose}: {' '.join(judgement.why.split())}"
    source = loaded.sources[record.source.key]
    tertiary = " [tertiary source]" if source.role == "tertiary" else ""
    return f"{source.citation}{tertiary}"


def sources_in_use(loaded: LoadedProblem, *, later: bool = False) -> list[str]:
    """Return a line for each source behind the priors in use, with locators and badges."""
    lines: dict[str, list[str]] = {}
    badges: dict[str, set[str]] = {}
    for row in provenance_table(loaded, later=later).itertuples():
        lines.setdefault(row.source, []).append(row.locator)
        badges.setdefault(row.source, set()).add(row.badge)
    return [
        f"{source}"
        + (f" ({'; '.join(dict.fromkeys(filter(None, locators)))})" if any(locators) else "")
        + f" [{', '.join(sorted(badges[source]))}]"
        for source, locators in lines.items()
    ]
