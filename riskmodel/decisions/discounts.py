"""Net benefit with a discounted source left out, as chosen and in full, and where it tips."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import ndtri

from riskmodel.decisions.net_benefit import Weighting
from riskmodel.errors import ParameterError
from riskmodel.evidence.checks import as_panel
from riskmodel.evidence.discounted_priors import (
    at_strength,
    chosen_strength,
    discount_words,
)
from riskmodel.evidence.priors import Prior, undiscounted_prior, used_priors
from riskmodel.models.posterior import Posterior
from riskmodel.parameters.schema import Discount, Panel
from riskmodel.simulation.changed_draws import ChangedDraws

CUTS = (0.5, 0.8, 0.95)  # of P(net benefit > 0), as in the map of preferences
# A spread goes with one over the root of a0: close together near 0, wider apart towards 1.
GRID = np.linspace(0.0, 1.0, 17) ** 2
TOLERANCE = 1e-3  # of an end on the scale of a0
NOTHING_LEFT = "no distribution without this source"
MAX_PROFILES = 8  # beyond this the tipping points of the first only; the table has all


class _Source:
    """One discounted prior: what its source says at each a0, at the ranks of the run's draws."""

    def __init__(self, posterior: Posterior, name: str):
        self.name = name
        self.discount: Discount = posterior.problem.priors[name].discount
        self.face_value: Prior = undiscounted_prior(posterior.loaded, name)
        self.chosen = chosen_strength(self.face_value, self.discount)
        draws = posterior.draws[name].values.ravel()
        ranks = np.argsort(np.argsort(draws, kind="stable"), kind="stable")
        self._scores = ndtri((ranks + 0.5) / draws.size)

    def prior(self, a0: float) -> Prior | None:
        return at_strength(self.face_value, self.discount, a0)

    def draws(self, a0: float) -> np.ndarray | None:
        """Return draws as far into the prior as those of the run; None without a prior."""
        prior = self.prior(a0)
        return None if prior is None else prior.at_score(self._scores)


def discount_table(
    posterior: Posterior,
    profiles: Sequence,
    *,
    preferences: str | Panel | None = None,
    prob: float = 0.95,
    horizon=None,
    waning: str | None = None,
) -> pd.DataFrame:
    """Return each discounted prior and net benefit with a0 at 0, as chosen, and at 1.

    Parameters
    ----------
    posterior : Posterior
    profiles : sequence
    preferences : str or Panel, optional
    prob : float
        Of the prior's equal-tailed interval.
    horizon, waning
        As for :func:`riskmodel.simulate`.

    Returns
    -------
    pandas.DataFrame
        One row a discounted prior, a0, profile and option: ``alternative`` (left out, chosen,
        face value), ``a0``, ``discount`` (in words, with whose it is), ``badge`` of the a0
        (assumed), ``median``, ``lower``, ``upper`` of the prior, ``net_benefit``,
        ``prob_positive``, and ``stopped``: why a row has no numbers, as where no distribution is
        left without the source. Empty without a discount.
    """
    rows = []
    benefit = _Benefit(posterior, profiles, preferences, horizon, waning)
    tails = [0.5, (1 - prob) / 2, (1 + prob) / 2]
    for source in _sources(posterior):
        for alternative, a0 in (("left out", 0.0), ("chosen", source.chosen), ("face value", 1.0)):
            row = {
                "prior": source.name,
                "alternative": alternative,
                "a0": a0,
                "discount": discount_words(source.discount),
                "badge": "assumed",
            }
            prior = source.prior(a0)
            if prior is None:
                rows.append(row | {"stopped": NOTHING_LEFT})
                continue
            row |= dict(
                zip(("median", "lower", "upper"), map(float, prior.quantile(tails)), strict=True)
            )
            as_run = alternative == "chosen"  # the run's own draws, and its own answer
            try:
                found = benefit.of({} if as_run else {source.name: source.draws(a0)})
            except ParameterError as error:
                rows.append(row | {"stopped": str(error)})
                continue
            for who, option, values in _each(found, posterior.problem.alternatives):
                positive = (values > 0).mean()
                named = {"profile": who, "option": option, "net_benefit": values.mean()}
                rows.append(row | named | {"prob_positive": positive, "stopped": ""})
    if not rows:
        return pd.DataFrame()
    columns = ["prior", "alternative", "a0", "discount", "badge", "median", "lower", "upper"]
    columns += ["profile", "option", "net_benefit", "prob_positive", "stopped"]
    return pd.DataFrame(rows).reindex(columns=columns)


def tipping_points(
    posterior: Posterior,
    profiles: Sequence,
    *,
    preferences: str | Panel | None = None,
    cuts: Sequence[float] = CUTS,
    horizon=None,
    waning: str | None = None,
) -> pd.DataFrame:
    """Return the set of a0 for which P(net benefit > 0) reaches each cut.

    Parameters
    ----------
    posterior : Posterior
    profiles : sequence
        Of more than eight, the first only.
    preferences : str or Panel, optional
    cuts : sequence of float
        In (0, 1).
    horizon, waning
        As for :func:`riskmodel.simulate`.

    Returns
    -------
    pandas.DataFrame
        One row a discounted prior, profile, option, cut and stretch of a0: ``claim``; ``holds``,
        the whole set in words ("for no a0", "for a0 from 0.12 to 1"); ``a0_from`` and ``a0_to`` of
        this stretch, nan where the set is empty; ``stretches``, how many there are;
        ``not_computed_up_to``, the greatest a0 at which more than 0.1% of the draws would put a
        risk beyond 1, so that nothing is claimed (nan if there is none); ``chosen_a0``;
        ``prob_lowest`` and ``prob_highest`` of P(net benefit > 0) over the
        other a0;
        ``monte_carlo_standard_error`` of P at the cut; ``holds_as_chosen``; ``discount``. Empty
        without a discount.

    Notes
    -----
    The run's draws with this prior's replaced by its quantiles at the same ranks, so that a0
    alone differs. P(net benefit > 0) on 17 values of a0, denser towards 0, and at the chosen one;
    each end by bisection to 0.001. A stretch that lies between two of them can be missed, and an
    end is as sure as P at the cut, whose Monte Carlo error is ``sqrt(cut (1 - cut) / draws)``. At
    a0 = 0 no claim holds where no distribution is left: what is said from 0 up begins at 0.001.
    Nor does one where more than 0.1% of the draws would put a risk beyond 1.
    """
    problem = posterior.problem
    rows = []
    sources = list(_sources(posterior))
    if not sources:
        return pd.DataFrame()
    benefit = _Benefit(posterior, profiles, preferences, horizon, waning, most=MAX_PROFILES)
    for source in sources:
        curve = _Curve(benefit, source, problem.alternatives)
        for who, option in curve.keys:
            for cut in cuts:
                stretches = list(_stretches(curve, (who, option), cut))
                along = curve.computed((who, option))
                row = {
                    "prior": source.name,
                    "profile": who,
                    "option": option,
                    "cut": cut,
                    "claim": f"P(net benefit > 0) at least {cut:g}",
                    "holds": _in_words(stretches, nothing_at_0=curve.nothing_at_0),
                    "not_computed_up_to": curve.beyond_one,
                    "stretches": len(stretches),
                    "a0_from": np.nan,
                    "a0_to": np.nan,
                    "chosen_a0": source.chosen,
                    "prob_lowest": min(along),
                    "prob_highest": max(along),
                    "monte_carlo_standard_error": np.sqrt(cut * (1 - cut) / curve.draws),
                    "holds_as_chosen": curve.at(source.chosen)[(who, option)] >= cut,
                    "discount": discount_words(source.discount),
                }
                rows += [row | {"a0_from": low, "a0_to": high} for low, high in stretches] or [row]
    return pd.DataFrame(rows)


def _sources(posterior: Posterior) -> Iterator[_Source]:
    for name in used_priors(posterior.problem):
        if posterior.problem.priors[name].discount is not None:
            yield _Source(posterior, name)


class _Benefit:
    """Net benefit of the same patients for other draws of a prior."""

    def __init__(self, posterior, profiles, preferences, horizon, waning, most: int | None = None):
        self._posterior, self._profiles = posterior, profiles
        self._time, self._most = (horizon, waning), most
        self._panel = as_panel(posterior.loaded, preferences)
        self._changed: ChangedDraws | None = None

    def of(self, changes: dict[str, np.ndarray]) -> xr.DataArray:
        if self._changed is None:  # nothing is built for a run without discounts
            horizon, waning = self._time
            profiles = self._profiles
            if self._most is not None and profiles is not None and len(profiles) > self._most:
                profiles = profiles[:1]
            self._changed = ChangedDraws(self._posterior, profiles, horizon=horizon, waning=waning)
        risk = self._changed.risks(changes)
        return Weighting(self._posterior.problem, self._panel).net_benefit(risk)


def _each(benefit: xr.DataArray, options: Sequence[str]):
    """Yield the draws of each patient and option that has any."""
    benefit = benefit.transpose("chain", "draw", "profile", "option")
    names = list(benefit["option"].values)
    values = benefit.values
    for i, who in enumerate(benefit["profile"].values):
        for option in options:
            draws = values[:, :, i, names.index(option)].ravel()
            kept = draws[np.isfinite(draws)]
            if kept.size:
                yield str(who), option, kept


class _Curve:
    """P(net benefit > 0) of every patient and option against a0; each a0 is computed once."""

    def __init__(self, benefit: _Benefit, source: _Source, options: Sequence[str]):
        self._benefit, self._source, self._options = benefit, source, options
        self._known: dict[float, dict] = {}
        self.beyond_one = np.nan
        self.nothing_at_0 = source.prior(0.0) is None
        self.draws = len(source.draws(1.0))
        grid = [TOLERANCE, *GRID[1:]] if self.nothing_at_0 else GRID
        self.grid = np.union1d(grid, source.chosen)
        for a0 in self.grid:
            self.at(a0)
        self.keys = list(dict.fromkeys(key for found in self._known.values() for key in found))

    def at(self, a0: float) -> _Probabilities:
        a0 = float(a0)
        if a0 not in self._known:
            self._known[a0] = self._computed(a0)
        return _Probabilities(self._known[a0])

    def computed(self, key: tuple) -> list[float]:
        """Return the probabilities at every a0 for which there is one."""
        return [found[key] for found in self._known.values() if key in found]

    def _computed(self, a0: float) -> dict:
        draws = self._source.draws(a0)
        if draws is None:
            return {}
        try:
            found = self._benefit.of({self._source.name: draws})
        except ParameterError:  # risks beyond 1: nothing is claimed there
            self.beyond_one = float(np.fmax(self.beyond_one, a0))
            return {}
        return {
            (who, option): float((values > 0).mean())
            for who, option, values in _each(found, self._options)
        }


class _Probabilities(dict):
    """Probabilities by patient and option; 0 where there is none, so that no claim holds."""

    def __missing__(self, key) -> float:
        return 0.0


def _stretches(curve: _Curve, key: tuple, cut: float) -> Iterator[tuple[float, float]]:
    """Yield the ends of each stretch of a0 in which a probability is at least the cut."""

    def holds(a0: float) -> bool:
        return curve.at(a0)[key] >= cut

    start = 0.0 if holds(curve.grid[0]) else None
    for low, high in zip(curve.grid[:-1], curve.grid[1:], strict=True):
        if holds(low) == holds(high):
            continue
        end = _end(holds, float(low), float(high))
        if start is None:
            start = end
        else:
            yield start, end
            start = None
    if start is not None:
        yield start, 1.0


def _end(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return the end of a stretch, from the side where the claim holds."""
    rising = holds(high)
    while high - low > TOLERANCE:
        middle = 0.5 * (low + high)
        if holds(middle) == rising:
            high = middle
        else:
            low = middle
    return high if rising else low


def _in_words(stretches: Sequence[tuple[float, float]], *, nothing_at_0: bool) -> str:
    if not stretches:
        return "for no a0 from 0 to 1"
    if stretches == [(0.0, 1.0)]:
        return "for every a0 above 0" if nothing_at_0 else "for every a0 from 0 to 1"
    parts = [
        f"above 0 to {high:.3g}" if nothing_at_0 and low == 0 else f"from {low:.3g} to {high:.3g}"
        for low, high in stretches
    ]
    return f"for a0 {' and '.join(parts)}"
