"""How large an effect is, against thresholds that were fixed beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.decision_files import read_thresholds
from riskmodel.decisions.information import refuse
from riskmodel.errors import NOTHING, Phrase, did_you_mean
from riskmodel.parameters.schema import Duration, MagnitudeThresholds
from riskmodel.simulation.outcomes import loaded_problem

SIZES = ("trivial", "small", "moderate", "large")
_HEAD = ("locked", "whose")


def magnitude(
    outcomes: xr.Dataset | pd.DataFrame | Mapping[str, Any],
    thresholds: Mapping[str, Any] | MagnitudeThresholds | str | Path,
    *,
    wanted: Iterable[str] = (),
) -> pd.DataFrame:
    """Return the probability that each effect is trivial, small, moderate or large.

    Parameters
    ----------
    outcomes : xarray.Dataset, DataFrame or mapping
        Of :func:`riskmodel.simulate`; or draws of risk differences (option minus comparator,
        in [-1, 1]) by outcome.
    thresholds : str, Path, MagnitudeThresholds or mapping
        A YAML file of schema ``riskmodel/thresholds/1``: ``locked``, the day on which they were
        fixed; ``whose`` they are; and for each outcome from which absolute effect per 1000 on it is
        small, moderate, large. Or a mapping of ``locked``, ``whose``, and for each outcome those
        three numbers.
    wanted : iterable of str
        Outcomes of which more is better, where `outcomes` are draws; a problem says so itself.

    Returns
    -------
    pandas.DataFrame
        One row a profile and option (of a Dataset) and outcome: ``trivial``, ``small``,
        ``moderate``, ``large``, which sum to one; ``small_benefit`` .. ``large_harm``, which
        sum to one with ``trivial``; the three thresholds, ``locked`` and ``whose``.

    Raises
    ------
    ParameterError
        Without a date that has passed, an owner, or three increasing thresholds; on an outcome
        that is not there; or if the file is about risks by another horizon.

    Notes
    -----
    An effect of exactly a threshold belongs to the larger class. What is large is a judgement
    of value, made per outcome and before the effect is seen; hence the date.

    Examples
    --------
    >>> fixed = {"locked": "2026-01-31", "whose": "an example", "fall": [5, 20, 50]}
    >>> draws = {"fall": [-0.001, -0.01, -0.03, 0.06]}
    >>> magnitude(draws, fixed)[["trivial", "small_benefit", "large_harm"]].values.tolist()
    [[0.25, 0.25, 0.25]]
    """
    if isinstance(thresholds, str | Path):
        thresholds = read_thresholds(thresholds)
    _require_horizon(outcomes, thresholds)
    locked, whose, cuts = _read(thresholds)
    rows = []
    for labels, draws, better in _effects(outcomes, set(cuts), set(wanted)):
        name = labels["outcome"]
        rows.append(
            {
                **labels,
                **_shares(draws, np.asarray(cuts[name]) / 1000, better),
                **dict(zip(("small_from", "moderate_from", "large_from"), cuts[name], strict=True)),
                "unit": "per 1000",
                "locked": locked,
                "whose": whose,
            }
        )
    return pd.DataFrame(rows)


def _shares(draws: np.ndarray, cuts: np.ndarray, better: int) -> dict[str, float]:
    effect = better * draws[np.isfinite(draws)]
    # A threshold met but for the last bits of a difference is met.
    size = np.searchsorted(cuts, np.abs(effect) * (1 + 1e-12), side="right")
    benefit = np.bincount(size[effect > 0], minlength=4) / effect.size
    harm = np.bincount(size[effect <= 0], minlength=4) / effect.size
    either = benefit + harm
    return (
        dict(zip(SIZES, map(float, either), strict=True))
        | {f"{word}_benefit": float(benefit[i]) for i, word in enumerate(SIZES) if i}
        | {f"{word}_harm": float(harm[i]) for i, word in enumerate(SIZES) if i}
    )


def _effects(outcomes, named: set[str], wanted: set[str]):
    """Yield labels, draws of the risk difference, and the sign of what is better."""
    if isinstance(outcomes, xr.Dataset):
        problem = loaded_problem(outcomes).problem
        events = [name for name, o in problem.outcomes.items() if o.type == "event"]
        _require_known(named, events)
        risk = outcomes["risk"]
        difference = risk - risk.sel(option=problem.comparator)
        for who in risk["profile"].values:
            for option in problem.alternatives:
                for name in (name for name in events if name in named):
                    place = {"profile": who, "option": option, "outcome": name}
                    draws = difference.sel(place).values.ravel()
                    if np.isfinite(draws).any():
                        yield place, draws, -1 if problem.outcomes[name].unwanted else 1
        return
    _require_known(named | wanted, list(outcomes))
    for name in (name for name in outcomes if name in named):
        draws = np.asarray(outcomes[name], dtype=float).ravel()
        if not np.isfinite(draws).any() or np.nanmax(np.abs(draws)) > 1:
            refuse(
                f"outcomes.{name}",
                Phrase("values beyond [-1, 1], or none"),
                "risk differences as proportions",
                "divide what is per 1000 by 1000",
            )
        yield {"outcome": str(name)}, draws, 1 if name in wanted else -1


def _require_known(named: set[str], known: list) -> None:
    for name in sorted(named - set(known)):
        remedy = did_you_mean(name, known)
        refuse(f"thresholds.{name}", name, ", ".join(map(str, known)), remedy)


def _require_horizon(outcomes, thresholds) -> None:
    """Refuse thresholds for risks by another horizon than those at hand."""
    asked = getattr(thresholds, "horizon", None)
    if asked is None or not isinstance(outcomes, xr.Dataset):
        return
    there = Duration.read(outcomes.attrs["horizon"])
    if abs(there.days - asked.days) > 0.5:
        refuse(
            "thresholds.horizon",
            Phrase(str(asked)),
            f"the horizon of the outcomes, {there}",
            "what is a large effect by one horizon need not be by another; fix them for this one",
        )


def _read(thresholds: Mapping | MagnitudeThresholds) -> tuple[str, str, dict[str, list[float]]]:
    if isinstance(thresholds, MagnitudeThresholds):
        cuts = {name: list(sizes.cuts) for name, sizes in thresholds.outcomes.items()}
        return thresholds.locked, thresholds.whose, cuts
    if not isinstance(thresholds, Mapping):
        refuse(
            "thresholds",
            type(thresholds).__name__,
            "a YAML file, or a mapping of `locked`, `whose` and outcomes",
            "name the file",
        )
    locked, whose = thresholds.get("locked"), thresholds.get("whose")
    _require_past(locked)
    if not isinstance(whose, str) or not whose.strip():
        refuse(
            "thresholds.whose",
            whose or NOTHING,
            "who set the thresholds",
            "add `whose:`: what counts as large is somebody's judgement",
        )
    cuts = {str(name): value for name, value in thresholds.items() if name not in _HEAD}
    if not cuts:
        refuse("thresholds", NOTHING, "three numbers for an outcome", "add `outcome: [5, 20, 50]`")
    for name, value in cuts.items():
        try:
            numbers = [float(number) for number in value]
        except (TypeError, ValueError):
            numbers = []
        ordered = len(numbers) == 3 and 0 < numbers[0] < numbers[1] < numbers[2] <= 1000
        if not ordered:
            refuse(
                f"thresholds.{name}",
                value,
                "three increasing effects per 1000, above 0 up to 1000",
                "say from where on an effect is small, moderate, large: [5, 20, 50]",
            )
        cuts[name] = numbers
    return str(locked), whose, cuts


def _require_past(locked: object) -> None:
    try:
        when = locked if isinstance(locked, date) else date.fromisoformat(str(locked))
    except ValueError:
        when = None
    if locked is None or when is None or when > date.today():
        refuse(
            "thresholds.locked",
            NOTHING if locked is None else str(locked),
            'the date on which they were fixed, not after today, such as "2026-01-31"',
            'fix them before the effects are seen, and write the day: `locked: "2026-01-31"`',
        )
