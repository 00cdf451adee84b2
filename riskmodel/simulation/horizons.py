"""One set of draws at several horizons."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import xarray as xr

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem
from riskmodel.models.posterior import Posterior
from riskmodel.parameters.profiles import Patient
from riskmodel.parameters.schema import DecisionProblem, Duration
from riskmodel.simulation.outcomes import require_horizon, simulate

# A cumulative risk that falls from one horizon to the next has no meaning.
MAX_SHARE_FALLING = 0.001


def read_horizons(
    problem: DecisionProblem, horizons: str | Iterable[str | float | Duration]
) -> list[Duration]:
    """Return several horizons, in order; all that is missing for any of them is refused at once.

    Parameters
    ----------
    problem : DecisionProblem
    horizons : str or iterable
        Such as ``"6,12,36"``, in the unit of the problem's own horizon, or
        ``["6 months", "3 years"]``.

    Returns
    -------
    list of Duration
        Rising, each once.

    Raises
    ------
    ParameterError
        For what is no horizon, and for each one the problem does not declare enough.

    Examples
    --------
    >>> from riskmodel.evidence.loading import load_problem
    >>> problem = load_problem("plex_aav").problem
    >>> [str(horizon) for horizon in read_horizons(problem, "36 months, 12")]
    ['12 months', '36 months']
    """
    parts = horizons.split(",") if isinstance(horizons, str) else list(horizons)
    found: dict[float, Duration] = {}
    problems = []
    for part in parts:
        try:
            horizon = require_horizon(problem, _duration(part, problem.horizon.unit))
            found[horizon.days] = horizon
        except ParameterError as error:
            problems += [fault for fault in error.problems if fault not in problems]
    if not parts or not any(str(part).strip() for part in parts):
        problems = [
            Problem(
                field="horizons",
                found=NOTHING,
                allowed="one horizon or more, such as 6,12,36",
                remedy=f"numbers alone are read as {problem.horizon.unit}s",
            )
        ]
    if problems:
        raise ParameterError(problems)
    return [found[days] for days in sorted(found)]


def _duration(part: str | float | Duration, unit: str) -> Duration | str:
    if isinstance(part, Duration):
        return part
    text = str(part).strip()
    return f"{text} {unit}s" if re.fullmatch(r"\d+\.?\d*", text) else Duration.read(text)


def simulate_horizons(
    posterior: Posterior,
    profiles: Sequence[Mapping | Patient] | None = None,
    *,
    horizons: str | Iterable[str | float | Duration],
    scenarios: Iterable[str] = (),
    waning: str | None = None,
    gate: bool = True,
) -> xr.Dataset:
    """Return the risk of every outcome at several horizons, from the same draws.

    Parameters
    ----------
    posterior : Posterior
    profiles : sequence of mapping, optional
        As of :func:`riskmodel.simulate`.
    horizons : str or iterable
        As of :func:`read_horizons`.
    scenarios, waning, gate
        As of :func:`riskmodel.simulate`.

    Returns
    -------
    xarray.Dataset
        As of :func:`riskmodel.simulate`, with a dimension ``time`` after ``draw``: the horizons in
        the unit of the problem's own (``time.attrs["units"]``).

    Raises
    ------
    ParameterError
        As of :func:`riskmodel.simulate`; and if in more than 0.1% of the draws a cumulative risk
        falls from one horizon to the next.
    """
    loaded = posterior.loaded.with_scenarios(scenarios)
    wanted = read_horizons(loaded.problem, horizons)
    parts = [
        simulate(
            posterior,
            profiles,
            scenarios=scenarios,
            horizon=horizon,
            waning=waning,
            case_mix=False,
            gate=gate,
        )
        for horizon in wanted
    ]
    own = loaded.problem.horizon
    per_unit = own.days / own.value
    time = xr.IndexVariable("time", [h.days / per_unit for h in wanted], {"units": own.unit})
    outcomes = xr.concat(
        [part[["risk", "set_aside"]] for part in parts], dim=time, combine_attrs="drop"
    ).transpose("chain", "draw", "time", ...)
    _refuse_falling(loaded.problem, outcomes["risk"], wanted)
    return outcomes.assign_attrs(
        {**parts[0].attrs, "horizon": "", "horizons": [str(horizon) for horizon in wanted]}
    )


def at_horizon(outcomes: xr.Dataset, position: int) -> xr.Dataset:
    """Return one horizon of several, as :func:`riskmodel.simulate` would have given it."""
    one = outcomes.isel(time=position, drop=True)
    return one.assign_attrs({**outcomes.attrs, "horizon": outcomes.attrs["horizons"][position]})


def _refuse_falling(problem: DecisionProblem, risk: xr.DataArray, horizons) -> None:
    """Stop if extensions that were declared apart contradict one another under the comparator."""
    base = risk.sel(option=problem.comparator)
    falling = (base.diff("time") < -1e-12).mean(("chain", "draw")).max("profile")
    problems = []
    for i in range(falling.sizes["time"]):
        for name, outcome in problem.outcomes.items():
            share = float(falling.isel(time=i).sel(outcome=name))
            if outcome.type == "event" and share > MAX_SHARE_FALLING:
                problems.append(
                    Problem(
                        field=f"outcomes.{name}.baseline.extension",
                        found=Phrase(
                            f"a risk that falls from {horizons[i]} to {horizons[i + 1]} in "
                            f"{share:.1%} of the draws"
                        ),
                        allowed=f"at most {MAX_SHARE_FALLING:.1%} of draws",
                        remedy="declare a correlation between the priors of the two horizons, or "
                        "narrow them",
                    )
                )
    if problems:
        raise ParameterError(problems)
