"""Weighted net benefit, break-even weight, preference curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from riskmodel.decisions.absolute_effects import KIND, interval_tails, quantiles, standard_error
from riskmodel.errors import ParameterError, Problem, did_you_mean
from riskmodel.evidence.checks import as_panel
from riskmodel.parameters.schema import DecisionProblem, Panel
from riskmodel.simulation.outcomes import loaded_problem
from riskmodel.simulation.overlap import joint_risk

BREAK_EVEN_PROBABILITIES = (0.025, 0.5, 0.975)


@dataclass(frozen=True)
class Weighting:
    """A panel bound to a problem: turns risks into net benefit.

    Net benefit of an option, in reference outcomes per patient::

        sum over weighed outcomes of sign * weight * (risk - baseline risk)
        + sum over stated pairs of (sign * weight together - sum of sign * weight)
          * difference in joint risk
        - burden

    with sign -1 for an unwanted outcome and +1 for a wanted one; a pair's is +1 if both are wanted.
    For a continuous outcome the mean stands in place of the risk, and the weight is per unit. Where
    the sources allow no contrast of a weighed outcome, there is no net benefit: nan.
    """

    problem: DecisionProblem
    panel: Panel

    def net_benefit(self, risk: xr.DataArray, *, burden: float | None = None) -> xr.DataArray:
        """Return net benefit of every option; the comparator's is 0.

        Parameters
        ----------
        risk : xarray.DataArray
            With the dimensions ``option`` and ``outcome``.
        burden : float, optional
            Of every option but the comparator; None is the panel's.
        """
        value = self._value(risk)
        comparator = self.problem.comparator
        burden = self.panel.burden if burden is None else burden
        burdens = xr.DataArray(
            [0.0 if option == comparator else burden for option in risk["option"].values],
            dims="option",
            coords={"option": risk["option"]},
        )
        return value - value.sel(option=comparator, drop=True) - burdens

    def _value(self, risk: xr.DataArray) -> xr.DataArray:
        risk = risk.transpose(*(dim for dim in risk.dims if dim != "outcome"), "outcome")
        value = self.value_of(risk.values, list(map(str, risk["outcome"].values)))
        return risk.isel(outcome=0, drop=True).copy(data=value)

    def value_of(self, risk: np.ndarray, outcomes: Sequence[str]) -> np.ndarray:
        """Return what risks are worth, before burden and comparator are taken off.

        Parameters
        ----------
        risk : ndarray, shape (..., outcome)
        outcomes : sequence of str
            What lies along the last axis.

        Returns
        -------
        ndarray, shape (...,)
        """
        sign = {name: -1 if o.unwanted else 1 for name, o in self.problem.outcomes.items()}
        values = {name: sign[name] * w.weight for name, w in self.panel.weights.items()}
        place = {name: i for i, name in enumerate(outcomes)}
        weighed = [name for name in outcomes if values.get(name)]
        value = np.zeros(risk.shape[:-1])
        for name in weighed:  # an outcome of no weight does not count, known or not
            value += values[name] * risk[..., place[name]]
        odds_ratios = {frozenset(o.outcomes): o.odds_ratio for o in self.problem.overlap}
        for pair in self.panel.together:
            a, b = pair.outcomes
            together = min(sign[a], sign[b]) * pair.weight
            both = joint_risk(
                risk[..., place[a]], risk[..., place[b]], odds_ratios[frozenset(pair.outcomes)]
            )
            value += (together - values[a] - values[b]) * both
        return value

    def with_weight(self, outcome: str, weight: float) -> Weighting:
        """Return the weighting with one outcome's weight changed."""
        changed = self.panel.weights.get(outcome)
        weights = dict(self.panel.weights)
        weights[outcome] = (
            changed.model_copy(update={"weight": weight})
            if changed
            else type(next(iter(weights.values())))(weight=weight)
        )
        return Weighting(self.problem, self.panel.model_copy(update={"weights": weights}))

    def without(self, outcome: str) -> Weighting:
        """Return the weighting as if an outcome were of no weight, alone or in a pair."""
        kept = {name: w for name, w in self.panel.weights.items() if name != outcome}
        pairs = [pair for pair in self.panel.together if outcome not in pair.outcomes]
        changed = self.panel.model_copy(update={"weights": kept, "together": pairs})
        return Weighting(self.problem, changed)

    def split(self, risk: xr.DataArray, outcome: str) -> tuple[xr.DataArray, xr.DataArray]:
        """Return net benefit as ``rest - weight * harm`` in the weight of one outcome.

        Net benefit is linear in each weight, so two evaluations give the line; an outcome in a
        stated pair counts only where it happens alone, the pair keeping its own weight.
        """
        rest = self.with_weight(outcome, 0.0).net_benefit(risk)
        return rest, rest - self.with_weight(outcome, 1.0).net_benefit(risk)


def require_outcomes(outcomes: object) -> None:
    """Refuse what is not a Dataset of risks that knows its problem."""
    if isinstance(outcomes, xr.Dataset) and "risk" in outcomes and "problem" in outcomes.attrs:
        return
    raise ParameterError(
        [
            Problem(
                field="outcomes",
                found=type(outcomes).__name__,
                allowed="a Dataset of risks that riskmodel.simulate made",
                remedy="open a run's outcomes.nc with xarray, or simulate",
            )
        ]
    )


def weighting(outcomes: xr.Dataset, preferences: str | Panel | None = None) -> Weighting:
    """Return the weighting of outcomes by a panel: given, named, or the problem's default."""
    require_outcomes(outcomes)
    loaded = loaded_problem(outcomes)
    return Weighting(loaded.problem, as_panel(loaded, preferences))


def net_benefit(outcomes: xr.Dataset, preferences: str | Panel | None = None) -> xr.Dataset:
    """Return weighted net benefit, draw by draw.

    Parameters
    ----------
    outcomes : xarray.Dataset
        From :func:`riskmodel.simulate`.
    preferences : str or Panel, optional
        A panel, or the id of one the problem knows; None is the problem's default.

    Returns
    -------
    xarray.Dataset
        ``net_benefit`` with dimensions ``(chain, draw, profile, option)``, in reference outcomes
        avoided per patient; 0 for the comparator, nan where an option does not apply.

    Raises
    ------
    ParameterError
        If the panel is unknown, or weighs what the problem does not have.

    Notes
    -----
    See :class:`Weighting` for the formula.
    """
    bound = weighting(outcomes, preferences)
    value = bound.net_benefit(outcomes["risk"]).transpose("chain", "draw", "profile", "option")
    panel = bound.panel
    return xr.Dataset(
        {"net_benefit": value.assign_attrs(units=f"{panel.reference} per patient")},
        attrs={
            **outcomes.attrs,
            "panel": panel.model_dump_json(by_alias=True, exclude_unset=True, exclude={"schema_"}),
        },
    )


def summarize_net_benefit(benefit: xr.Dataset, *, prob: float = 0.95) -> pd.DataFrame:
    """Return the table of :func:`net_benefit`.

    Parameters
    ----------
    benefit : xarray.Dataset
    prob : float
        Of the equal-tailed credible intervals, in (0, 1).

    Returns
    -------
    pandas.DataFrame
        One row a profile and option: ``net_benefit`` (posterior mean), ``lower``, ``upper``,
        ``prob_positive`` = P(net benefit > 0), ``prob_best``, ``monte_carlo_standard_error`` of
        the mean.
    """
    tails = interval_tails(prob)
    problem = loaded_problem(benefit).problem
    rows = []
    for who in benefit["profile"].values:
        every = benefit["net_benefit"].sel(profile=who)
        best = every.fillna(-np.inf).argmax("option").values
        for option in problem.alternatives:
            draws = every.sel(option=option).values
            kept = draws[np.isfinite(draws)]
            if not kept.size:
                continue
            lower, upper = np.quantile(kept, tails)
            place = list(every["option"].values).index(option)
            rows.append(
                {
                    "profile": who,
                    "option": option,
                    "net_benefit": kept.mean(),
                    "lower": lower,
                    "upper": upper,
                    "prob_positive": (kept > 0).mean(),
                    "prob_best": (best[np.isfinite(draws)] == place).mean(),
                    "monte_carlo_standard_error": float(standard_error(draws)),
                    "prob": prob,
                    "kind": KIND,
                }
            )
    return pd.DataFrame(rows, columns=None if rows else _SUMMARY)


_SUMMARY = (
    *("profile", "option", "net_benefit", "lower", "upper", "prob_positive", "prob_best"),
    *("monte_carlo_standard_error", "prob", "kind"),
)


def benefit_needed(
    outcomes: xr.Dataset, preferences: str | Panel | None = None, *, prob: float = 0.95
) -> pd.DataFrame:
    """Return how large an effect of unknown size would have to be to make up for the rest.

    Parameters
    ----------
    outcomes : xarray.Dataset
        From :func:`riskmodel.simulate`.
    preferences : str or Panel, optional
        A panel, or the id of one the problem knows; None is the problem's default.
    prob : float
        Of the equal-tailed credible intervals, in (0, 1).

    Returns
    -------
    pandas.DataFrame
        One row a profile and option of which exactly one weighed outcome is not estimable:
        ``outcome``, and ``needed``, the change of it (a risk difference or a mean difference;
        positive is more of it) at which net benefit is zero, given everything else: posterior
        median with ``lower`` and ``upper``. Zero or beyond means nothing has to be made up for.
        Empty where net benefit is known.

    Notes
    -----
    ``needed = -(net benefit of the rest) / (sign * weight)``. The outcome's own part in a pair's
    joint weight cannot be known either, and is left out.
    """
    tails = interval_tails(prob)
    bound = weighting(outcomes, preferences)
    problem, risk = bound.problem, outcomes["risk"]
    rows = []
    for option in problem.alternatives:
        contrast = risk.sel(option=option) - risk.sel(option=problem.comparator)
        for who in outcomes["profile"].values:
            known = {
                name: bool(np.isfinite(contrast.sel(profile=who, outcome=name)).any())
                for name, weight in bound.panel.weights.items()
                if weight.weight > 0
            }
            unknown = [name for name, yes in known.items() if not yes]
            if len(unknown) != 1 or not any(known.values()):
                continue
            (name,) = unknown
            rest = bound.without(name).net_benefit(risk).sel(profile=who, option=option).values
            sign = -1 if problem.outcomes[name].unwanted else 1
            needed = -rest / (sign * bound.panel.weights[name].weight)
            lower, middle, upper = np.nanquantile(needed, [tails[0], 0.5, tails[1]])
            rows.append(
                {
                    "profile": who,
                    "option": option,
                    "outcome": name,
                    "needed": middle,
                    "lower": lower,
                    "upper": upper,
                    "unit": problem.outcomes[name].unit or "risk",
                    "prob": prob,
                    "kind": KIND,
                }
            )
    return pd.DataFrame(rows)


# --- what if the weight were another ------------------------------------------------------------


def preference_curve(
    outcomes: xr.Dataset,
    *,
    outcome: str | None = None,
    weights: Sequence[float] | None = None,
    preferences: str | Panel | None = None,
    prob: float = 0.95,
) -> pd.DataFrame:
    """Return net benefit against the weight of one outcome.

    Parameters
    ----------
    outcomes : xarray.Dataset
    outcome : str, optional
        Whose weight varies; None is the one the problem names.
    weights : sequence of float, optional
        Relative to the reference outcome; None is 121 values over the panel's declared range.
    preferences : str or Panel, optional
        The other weights.
    prob : float

    Returns
    -------
    pandas.DataFrame
        One row a profile, option and weight: ``net_benefit`` (posterior mean), ``lower``,
        ``upper``, ``prob_positive``.
    """
    bound = weighting(outcomes, preferences)
    outcome = _varied(bound, outcome)
    weights = _weight_grid(bound, outcome) if weights is None else np.asarray(weights, dtype=float)
    tails = interval_tails(prob)
    rest, harm = bound.split(outcomes["risk"], outcome)
    rows = []
    for who in outcomes["profile"].values:
        for option in bound.problem.alternatives:
            a, h = (_finite(part, who, option) for part in (rest, harm))
            if not a.size:
                continue
            draws = a[:, None] - h[:, None] * weights
            lower, upper = quantiles(draws, tails, sample_dims=1)
            rows.append(
                pd.DataFrame(
                    {
                        "profile": who,
                        "option": option,
                        "outcome": outcome,
                        "weight": weights,
                        "net_benefit": draws.mean(axis=0),
                        "lower": lower,
                        "upper": upper,
                        "prob_positive": (draws > 0).mean(axis=0),
                        "prob": prob,
                        "kind": KIND,
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def break_even_weight(
    outcomes: xr.Dataset,
    *,
    outcome: str | None = None,
    preferences: str | Panel | None = None,
) -> pd.DataFrame:
    """Return the weights of one outcome at which P(net benefit > 0) is 0.025, 0.5 and 0.975.

    Parameters
    ----------
    outcomes : xarray.Dataset
    outcome : str, optional
        Whose weight varies; None is the one the problem names.
    preferences : str or Panel, optional
        The other weights.

    Returns
    -------
    pandas.DataFrame
        One row a profile and option. ``weight`` is where the probability falls to 0.5; ``lower``
        and ``upper`` where it first falls to 0.975 and 0.025: 0 where it is no higher already at
        weight 0, infinite where it never falls so far. ``benefit_and_harm``, ``benefit_no_harm``,
        ``no_benefit_harm``, ``no_benefit_no_harm`` are the shares of draws in the four sign
        quadrants of everything else (benefit above 0) and the varied outcome (harm above 0).

    Notes
    -----
    Never a summary of the draws of the ratio benefit / harm: where both are negative that ratio
    is positive, and means the opposite.
    """
    bound = weighting(outcomes, preferences)
    outcome = _varied(bound, outcome)
    rest, harm = bound.split(outcomes["risk"], outcome)
    rows = []
    for who in outcomes["profile"].values:
        for option in bound.problem.alternatives:
            a, h = (_finite(part, who, option) for part in (rest, harm))
            if not a.size:
                continue
            upper, middle, lower = (falls_to(a, h, level) for level in BREAK_EVEN_PROBABILITIES)
            rows.append(
                {
                    "profile": who,
                    "option": option,
                    "outcome": outcome,
                    "weight": middle,
                    "lower": lower,
                    "upper": upper,
                    "benefit_and_harm": ((a > 0) & (h > 0)).mean(),
                    "benefit_no_harm": ((a > 0) & (h <= 0)).mean(),
                    "no_benefit_harm": ((a <= 0) & (h > 0)).mean(),
                    "no_benefit_no_harm": ((a <= 0) & (h <= 0)).mean(),
                }
            )
    return pd.DataFrame(rows)


def falls_to(benefit: np.ndarray, harm: np.ndarray, level: float) -> float:
    """Return the smallest weight r >= 0 at which P(benefit - r * harm > 0) is at most `level`.

    Parameters
    ----------
    benefit, harm : ndarray, shape (sample,)
    level : float

    Returns
    -------
    float
        Infinite if the probability stays above `level` at every weight.

    Examples
    --------
    >>> benefit, harm = np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4)
    >>> falls_to(benefit, harm, 0.5), falls_to(benefit, harm, 0.0), falls_to(-benefit, harm, 0.5)
    (2.0, 4.0, 0.0)
    """
    positive = benefit > 0
    at_zero = positive.mean()
    if at_zero <= level:
        return 0.0
    falls = positive & (harm > 0)  # positive up to benefit / harm
    rises = ~positive & (harm < 0)  # positive beyond it
    weight = np.concatenate([benefit[falls] / harm[falls], benefit[rises] / harm[rises]])
    change = np.concatenate([-np.ones(falls.sum()), np.ones(rises.sum())])
    order = np.argsort(weight, kind="stable")
    share = at_zero + np.cumsum(change[order]) / benefit.size
    below = np.flatnonzero(share <= level + 1e-12)
    return float(weight[order][below[0]]) if below.size else float(np.inf)


def _varied(bound: Weighting, outcome: str | None) -> str:
    outcome = outcome or bound.problem.preferences.vary
    if outcome not in bound.problem.outcomes:
        raise ParameterError(
            [
                Problem(
                    field="outcome",
                    found=outcome,
                    allowed=", ".join(bound.problem.outcomes),
                    remedy=did_you_mean(outcome, bound.problem.outcomes),
                )
            ]
        )
    return outcome


def _weight_grid(bound: Weighting, outcome: str) -> np.ndarray:
    declared = bound.panel.weights.get(outcome)
    low, high = declared.range if declared and declared.range else (0.0, 1.0)
    return np.linspace(low, high, 121)


def _finite(part: xr.DataArray, who: str, option: str) -> np.ndarray:
    draws = part.sel(profile=who, option=option).values.ravel()
    return draws[np.isfinite(draws)]
