"""Network meta-analysis of counts: every treatment against every other, in one model."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from riskmodel.errors import ParameterError, Problem, RiskModelWarning, did_you_mean
from riskmodel.evidence.heterogeneity import HeterogeneityPrior, parse_tau_prior
from riskmodel.models.drawn_distribution import DrawnDistribution
from riskmodel.models.network_data import Arms, checked_arms
from riskmodel.models.network_inconsistency import split_table, unrelated_effects
from riskmodel.models.network_model import NetworkModel, Sampled
from riskmodel.models.network_tables import (
    direct_evidence_table,
    league_table,
    new_study,
    rank_tables,
)
from riskmodel.models.posterior import (
    CHAINS,
    DEFAULT_DRAWS,
    TARGET_ACCEPT,
    TUNE,
    package_versions,
)

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_EFFECT_DEVIATION = 2.82  # 95% of odds ratios between 1/251 and 251
DEFAULT_BASELINE_DEVIATION = 10.0
PRIORS = ("half_normal", "half_cauchy", "half_student_t", "uniform", "log_normal", "log_t")


@dataclass(frozen=True, eq=False)
class Network:
    """What :func:`network` returns.

    Parameters
    ----------
    league : pandas.DataFrame
        One row an ordered pair: ``treatment``, ``comparator``, ``odds_ratio`` (median), ``lower``,
        ``upper``, ``predicted_lower``, ``predicted_upper`` (a new study), ``log_odds_ratio``
        (mean), its ``standard_deviation`` and ``monte_carlo_standard_error``,
        ``probability_fewer`` (that the treatment's odds are lower), ``direct_studies``, ``prob``,
        ``kind``.
    ranks : pandas.DataFrame
        One row a treatment and rank, 1 the best: ``probability``, ``monte_carlo_standard_error``.
    sucra : pandas.DataFrame
        One row a treatment, best first: ``sucra``, ``monte_carlo_standard_error``, ``mean_rank``,
        ``lower`` and ``upper`` rank.
    inconsistency : pandas.DataFrame
        One row a comparison with direct and indirect evidence, each side by itself
        (side-splitting); empty if there is none or it was not asked for.
    unrelated_effects : pandas.DataFrame
        One row a contrast of the model of unrelated mean effects: its odds ratio there and in the
        consistent model; empty as `inconsistency`.
    model_comparison : pandas.DataFrame
        Two rows, consistent and unrelated: ``residual_deviance`` (posterior mean; where a model
        fits, about the number of ``arms``), ``effective_parameters``,
        ``deviance_information_criterion`` (their sum) with its Monte Carlo standard error, and
        the median and interval of ``tau``; empty as `inconsistency`.
    deviance : pandas.DataFrame
        One row an arm: mean residual deviance under both models, to see which study is at odds.
    direct_evidence : pandas.DataFrame
        One row a pair compared within studies: how many, and their patients and events.
    arms : Arms
    draws : xarray.Dataset
        ``effect`` (log odds against the mean of all treatments), ``tau`` and ``log_odds`` (of each
        arm), by chain and draw.
    record : mapping
        Seed, priors, versions, diagnostics, timings.
    notes : tuple of str
    """

    league: pd.DataFrame = field(repr=False)
    ranks: pd.DataFrame = field(repr=False)
    sucra: pd.DataFrame = field(repr=False)
    inconsistency: pd.DataFrame = field(repr=False)
    unrelated_effects: pd.DataFrame = field(repr=False)
    model_comparison: pd.DataFrame = field(repr=False)
    deviance: pd.DataFrame = field(repr=False)
    direct_evidence: pd.DataFrame = field(repr=False)
    arms: Arms = field(repr=False)
    draws: xr.Dataset = field(repr=False)
    record: Mapping[str, Any] = field(repr=False)
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return (
            f"Network of {len(self.treatments)} treatments in {len(self.arms.studies)} studies, "
            f"reference {self.arms.reference}, seed {self.record['seed']}"
        )

    @property
    def treatments(self) -> tuple[str, ...]:
        """The reference first, then by name."""
        return self.arms.treatments

    @property
    def heterogeneity(self) -> DrawnDistribution:
        """Standard deviation tau of log odds ratios between studies, one for all comparisons."""
        return DrawnDistribution(self.draws["tau"].values)

    def effect(self, treatment: str, comparator: str | None = None) -> DrawnDistribution:
        """Return the log odds ratio of a treatment over a comparator, or over the reference."""
        return DrawnDistribution(self._contrast(treatment, comparator))

    def prediction(self, treatment: str, comparator: str | None = None) -> DrawnDistribution:
        """Return the log odds ratio in a new study."""
        rng = np.random.default_rng(self.record["seed"])
        return DrawnDistribution(new_study(self._contrast(treatment, comparator), self.draws, rng))

    def _contrast(self, treatment: str, comparator: str | None) -> np.ndarray:
        comparator = self.arms.reference if comparator is None else comparator
        for name, value in (("treatment", treatment), ("comparator", comparator)):
            if value not in self.treatments:
                _refuse(
                    name,
                    value,
                    ", ".join(self.treatments),
                    did_you_mean(value, self.treatments),
                )
        effect = self.draws["effect"]
        return (effect.sel(treatment=treatment) - effect.sel(treatment=comparator)).values

    def league_matrix(self, digits: int = 2) -> pd.DataFrame:
        """Return odds ratios with intervals as text: row treatment over column comparator."""
        text = self.league.assign(
            text=[
                f"{row.odds_ratio:.{digits}f} ({row.lower:.{digits}f} to {row.upper:.{digits}f})"
                for row in self.league.itertuples()
            ]
        )
        table = text.pivot(index="treatment", columns="comparator", values="text")
        names = list(self.treatments)
        return table.reindex(index=names, columns=names).fillna("")

    def forest_plot_table(self) -> pd.DataFrame:
        """Return each treatment against the reference, pooled and predicted, for `plot_forest`."""
        import pandas as pd

        rows = []
        for row in self.league[self.league["comparator"] == self.arms.reference].itertuples():
            number = f"{row.direct_studies} direct stud{'y' if row.direct_studies == 1 else 'ies'}"
            common = {"label": row.treatment, "value": row.odds_ratio, "badge": "data"}
            rows += [
                {"kind": "pooled", "lower": row.lower, "upper": row.upper, "note": number} | common,
                {
                    "kind": "predicted",
                    "lower": row.predicted_lower,
                    "upper": row.predicted_upper,
                    "note": "",
                }
                | common,
            ]
        columns = ["label", "kind", "value", "lower", "upper", "badge", "note"]
        return pd.DataFrame(rows)[columns]


def network(
    data: object,
    *,
    reference: str | None = None,
    unwanted: bool = True,
    tau_prior: object = ("half_normal", 0.5),
    effect_deviation: float = DEFAULT_EFFECT_DEVIATION,
    baseline_deviation: float = DEFAULT_BASELINE_DEVIATION,
    inconsistency: bool = True,
    prob: float = 0.95,
    draws: int = DEFAULT_DRAWS,
    seed: int | None = None,
) -> Network:
    """Return the random-effects network meta-analysis of events in the arms of trials.

    Parameters
    ----------
    data : DataFrame, or mapping of columns
        One row an arm: ``study``, ``treatment``, ``events``, ``n``.
    reference : str, optional
        What results are first shown against; no number depends on it. By default the treatment
        of most studies.
    unwanted : bool
        Whether events are to be avoided; rank 1 then has the fewest.
    tau_prior : optional
        For the standard deviation of log odds ratios between studies, see
        `riskmodel.evidence.heterogeneity`; proper.
    effect_deviation : float
        Standard deviation of the normal prior of the log odds ratio of every pair, mean 0.
    baseline_deviation : float
        Of the normal prior of each study's mean log odds, mean 0.
    inconsistency : bool
        Whether each comparison in a closed loop is split into direct and indirect, and the
        consistent model held against one of unrelated effects; samples once more for each.
    prob : float
        Probability of the equal-tailed credible intervals.
    draws : int
        In all, over four chains; more are taken where these have not converged.
    seed : int, optional
        None draws one, says it and records it.

    Returns
    -------
    Network

    Raises
    ------
    ParameterError
        For rows that cannot be, a study of one arm, or a network in parts, which are named.
    ConvergenceError
        If R-hat is 1.01 or more or an effective sample size 400 or less, of any league entry,
        heterogeneity or split, or a transition diverged; and still so after two more careful runs
        with two and four times the draws.

    Notes
    -----
    For arm k of study i::

        events ~ Binomial(n, p),  logit p = a_i + (D_k - mean of the study's D)
        D_k = effect of its treatment + random effect

    with mean log odds ``a_i`` of the study's arms. Random effects make the difference of any two
    arms vary with standard deviation tau, and differences that share an arm correlate 0.5.
    Treatment effects are exchangeable: each pair's log odds ratio has the same prior, whatever the
    reference. Two treatments are :func:`riskmodel.pool_counts` of the odds ratio.

    *Inconsistency.* For a pair compared within studies and also joined without those studies, a
    free difference ``omega`` is added to the direct comparison, symmetrically: half to the one
    arm, minus half to the other, so that a study of more arms does not depend on which is its
    base. ``difference`` is direct minus indirect log odds ratio, with prior standard deviation
    `effect_deviation`. ``tail_probability`` is twice the smaller posterior side of 0; a row is
    ``flagged`` below a cut that a consistent network crosses anywhere 5% of times, were the rows
    independent (Sidak). Absence of a flag is not evidence of consistency: look at the interval.

    *Unrelated mean effects.* The same model and priors without the consistency of effects: every
    contrast of a study's arm with its first (the reference, else the first by name) has an effect
    of its own, tau one for all. In trials of two arms that is each pair's own evidence; which of
    the contrasts of three arms are free hangs on the order of names, as the method has it. A lower
    criterion, less residual deviance or a smaller tau than in the consistent model speaks of
    inconsistency; differences of a few Monte Carlo errors, or of less than about 3, say nothing.

    References
    ----------
    Lu and Ades (2004), Statistics in Medicine 23:3105; Dias et al. (2013), Medical Decision Making
    33:641, doi:10.1177/0272989X12455847, also for unrelated mean effects; Spiegelhalter et al.
    (2002), Journal of the Royal Statistical Society B 64:583, for the criterion; White (2015),
    Stata Journal 15:951, for symmetric side-splitting; van Valkenhoef et al. (2016), Research
    Synthesis Methods 7:80, doi:10.1002/jrsm.1167, for which comparisons to split; Salanti, Ades
    and Ioannidis (2011), Journal of Clinical Epidemiology 64:163, for SUCRA.

    Examples
    --------
    >>> data = {"study": ["s1", "s1", "s2", "s2"], "treatment": ["a", "b", "b", "c"],
    ...         "events": [10, 20, 15, 30], "n": [100, 100, 90, 95]}
    >>> found = network(data, seed=1)  # doctest: +SKIP
    >>> found.league_matrix()  # doctest: +SKIP
    """
    arms = checked_arms(data, reference)
    prior = _checked_settings(tau_prior, effect_deviation, baseline_deviation, prob, draws)
    seed = _checked_seed(seed)
    seeds = [int(s) for s in np.random.SeedSequence(seed).generate_state(2 + 10_000)]
    model = NetworkModel(arms, prior, effect_deviation, baseline_deviation, int(draws))
    sampled = model.sample(seeds[0])
    league = league_table(arms, sampled.draws, prob, np.random.default_rng(seeds[1]))
    ranks, sucra = rank_tables(arms, sampled.draws, unwanted, prob)
    pairs = [pair for pair in arms.together() if arms.closed_by_others(pair)]
    asked = pairs if inconsistency else []
    splits, split_records = split_table(model, asked, prob, seeds[2:])
    unrelated = unrelated_effects(model, sampled, prob, seeds[2 + len(asked)], bool(asked))
    record = {
        "seed": seed,
        "chains": CHAINS,
        "tune": TUNE,
        "sampler": "nutpie NUTS",
        "model": "binomial, logit, consistent, random effects with correlation 0.5",
        "tau_prior": str(prior),
        "effect_prior": f"normal:0:{effect_deviation:g}",
        "baseline_prior": f"normal:0:{baseline_deviation:g}",
        "unwanted": bool(unwanted),
        "versions": package_versions(),
        **sampled.record(),
        "splits": split_records,
        "unrelated_effects": unrelated.record,
    }
    return Network(
        league=league,
        ranks=ranks,
        sucra=sucra,
        inconsistency=splits,
        unrelated_effects=unrelated.effects,
        model_comparison=unrelated.comparison,
        deviance=unrelated.deviance,
        direct_evidence=direct_evidence_table(arms),
        arms=arms,
        draws=sampled.draws,
        record=record,
        notes=_notes(arms, pairs, inconsistency, sampled, splits, unrelated),
    )


# --- settings -------------------------------------------------------------------------------------


def _refuse(name: str, found: object, allowed: str, remedy: str):
    raise ParameterError([Problem(field=name, found=found, allowed=allowed, remedy=remedy)])


def _checked_settings(
    tau_prior, effect_deviation, baseline_deviation, prob, draws
) -> HeterogeneityPrior:
    prior = parse_tau_prior(tau_prior)
    if not prior.proper:
        _refuse(
            "tau_prior",
            str(prior),
            ", ".join(PRIORS),
            "a network with few studies a comparison may leave tau unbounded",
        )
    for name, value in (
        ("effect_deviation", effect_deviation),
        ("baseline_deviation", baseline_deviation),
    ):
        if not (np.ndim(value) == 0 and np.isfinite(value) and value > 0):
            _refuse(name, value, "a finite number above 0", "in log odds; 2.82 and 10 suit most")
    if not 0 < prob < 1:
        _refuse("prob", prob, "strictly between 0 and 1", "divide percentages by 100")
    whole = isinstance(draws, int | np.integer) and not isinstance(draws, bool)
    if not (whole and draws >= 1000 and draws % CHAINS == 0):
        _refuse("draws", draws, f"a multiple of {CHAINS}, at least 1000", "4000 suits most")
    return prior


def _checked_seed(seed: int | None) -> int:
    if seed is None:
        seed = secrets.randbelow(2**31)
        warnings.warn(
            f"seed: found nothing; drew {seed}; pass seed={seed} to repeat this run",
            RiskModelWarning,
            stacklevel=3,
        )
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not (whole and 0 <= seed < 2**32):
        _refuse("seed", seed, "a whole number from 0 to 2^32 - 1", "give an integer, or none")
    return int(seed)


def _notes(arms: Arms, pairs, asked: bool, sampled: Sampled, splits, unrelated) -> tuple[str, ...]:
    notes = []
    empty = [
        name
        for name, rows in zip(arms.studies, arms.by_study, strict=True)
        if arms.events[rows].sum() in (0, arms.n[rows].sum())
    ]
    if empty:
        notes.append(
            f"no event, or nothing but events, in every arm of {', '.join(empty)}: under the "
            "binomial model with its prior of baselines they inform a little"
        )
    notes.append("no continuity correction")
    if not pairs:
        notes.append("no closed loop of several studies: consistency is assumed and cannot be seen")
    elif not asked:
        notes.append("consistency is assumed; direct and indirect evidence were not compared")
    for row in splits.itertuples():
        if row.flagged:
            notes.append(
                f"inconsistent: {row.treatment} v {row.comparator}, direct minus indirect log odds "
                f"ratio {row.difference:.2f} ({row.prob:.0%} {row.lower:.2f} to {row.upper:.2f})"
            )
    if unrelated.record:
        lower, error = unrelated.difference
        notes.append(
            f"unrelated less consistent effects: deviance information criterion {lower:.1f} "
            f"(Monte Carlo standard error {error:.1f}); below 0 speaks against consistency"
        )
        if any(len(rows) > 2 for rows in arms.by_study):
            notes.append(
                "in studies of three arms or more the unrelated effects are those against the "
                "first of their treatments by order of names, the reference before all"
            )
    if sampled.target_accept != TARGET_ACCEPT:
        notes.append(
            f"sampled again, {sampled.number} draws at target acceptance {sampled.target_accept}, "
            "for a first run had not converged"
        )
    return tuple(notes)
