"""Network meta-analysis of counts: every treatment against every other, in one model."""

from __future__ import annotations

import itertools
import os
import secrets
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from riskmodel.errors import (
    ConvergenceError,
    ParameterError,
    Problem,
    RiskModelWarning,
    did_you_mean,
)
from riskmodel.evidence.heterogeneity import HeterogeneityPrior, parse_tau_prior
from riskmodel.models.convergence import monte_carlo_standard_error
from riskmodel.models.drawn_distribution import DrawnDistribution
from riskmodel.models.gate import diagnose, require_convergence
from riskmodel.models.network_data import Arms, checked_arms, sum_to_zero_basis
from riskmodel.models.posterior import (
    CHAINS,
    DEFAULT_DRAWS,
    TARGET_ACCEPT,
    TUNE,
    group,
    package_versions,
)

if TYPE_CHECKING:
    import pandas as pd

KIND = "equal_tailed"
DEFAULT_EFFECT_DEVIATION = 2.82  # 95% of odds ratios between 1/251 and 251
DEFAULT_BASELINE_DEVIATION = 10.0
# Target acceptance, and how many times the draws asked for: the next where one has not converged.
TRIES = ((TARGET_ACCEPT, 1), (0.99, 2), (0.99, 4))
ERROR_RATE = 0.05  # of flagging any comparison of a consistent network
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
        One row a comparison with direct and indirect evidence; empty if there is none or it was
        not asked for.
    direct_evidence : pandas.DataFrame
        One row a pair compared within studies: how many, and their patients and events.
    arms : Arms
    draws : xarray.Dataset
        ``effect`` (log odds against the mean of all treatments) and ``tau``, by chain and draw.
    record : mapping
        Seed, priors, versions, diagnostics, timings.
    notes : tuple of str
    """

    league: pd.DataFrame = field(repr=False)
    ranks: pd.DataFrame = field(repr=False)
    sucra: pd.DataFrame = field(repr=False)
    inconsistency: pd.DataFrame = field(repr=False)
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
        return DrawnDistribution(_new_study(self._contrast(treatment, comparator), self.draws, rng))

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
        Whether each comparison in a closed loop is split into direct and indirect; samples the
        model once more for each.
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

    References
    ----------
    Lu and Ades (2004), Statistics in Medicine 23:3105; Dias et al. (2013), Medical Decision Making
    33:641, doi:10.1177/0272989X12455847; White (2015), Stata Journal 15:951, for symmetric
    side-splitting; van Valkenhoef et al. (2016), Research Synthesis Methods 7:80,
    doi:10.1002/jrsm.1167, for which comparisons to split; Salanti, Ades and Ioannidis (2011),
    Journal of Clinical Epidemiology 64:163, for SUCRA.

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
    settings = _Settings(arms, prior, effect_deviation, baseline_deviation, int(draws))
    sampled = settings.sample(np.zeros(len(arms.study)), seeds[0])
    rng = np.random.default_rng(seeds[1])
    league = _league(arms, sampled.draws, prob, rng)
    ranks, sucra = _ranks(arms, sampled.draws, unwanted, prob)
    pairs = [pair for pair in arms.together() if arms.closed_by_others(pair)]
    splits, split_records = _splits(settings, pairs if inconsistency else [], prob, seeds[2:])
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
    }
    return Network(
        league=league,
        ranks=ranks,
        sucra=sucra,
        inconsistency=splits,
        direct_evidence=_direct_evidence(arms),
        arms=arms,
        draws=sampled.draws,
        record=record,
        notes=_notes(arms, pairs, inconsistency, sampled, splits),
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


# --- the model ------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def _compiled(arms: int, studies: int, treatments: int, deviations: int, family: str):
    """Return a model of this shape, compiled once; its numbers are all data, filled in later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # ArviZ and PyTensor announce themselves
        import nutpie
        import pymc as pm

        with pm.Model() as model:
            study = pm.Data("study", np.zeros(arms, dtype="int64"))
            n = pm.Data("n", np.ones(arms, dtype="int64"))
            effects = pm.Data("effects", np.zeros((arms, treatments - 1)))
            random = pm.Data("random", np.zeros((arms, deviations)))
            split = pm.Data("split", np.zeros(arms))
            scales = pm.Data("scales", np.ones(2))
            parameters = pm.Data("parameters", np.ones(3))
            events = pm.Data("events", np.zeros(arms, dtype="int64"))
            baseline = pm.Normal("baseline", 0, scales[0], shape=studies)
            unit_effect = pm.Normal("unit_effect", 0, 1, shape=treatments - 1)
            centring = pm.Data("centring", np.zeros(deviations))
            # Where nothing is split, its column is empty and omega keeps its prior.
            omega = pm.Normal("omega", 0, 1) * scales[1]
            tau = _tau(pm, family, parameters)
            # tau**c for the sampler, tau**(1 - c) after it: any c is the same model. Where the
            # counts say much of a study's own effect, c near 1 lets the sampler move; where they
            # say little, c near 0 does.
            deviation = pm.Normal("deviation", 0, tau**centring, shape=deviations)
            logit = (
                baseline[study]
                + pm.math.dot(effects, unit_effect) * scales[1] / np.sqrt(2)
                + split * omega
                + pm.math.dot(random, tau ** (1 - centring) * deviation)
            )
            pm.Binomial("observed", n=n, logit_p=logit, observed=events)
        return nutpie.compile_pymc_model(model)


def _tau(pm, family: str, p):
    """Return the heterogeneity with its prior; parameters as `HeterogeneityPrior` orders them."""
    if family == "half_normal":
        return pm.HalfNormal("tau", sigma=p[0])
    if family == "half_cauchy":
        return pm.HalfCauchy("tau", beta=p[0])
    if family == "half_student_t":
        return pm.HalfStudentT("tau", nu=p[0], sigma=p[1])
    if family == "uniform":
        return pm.Deterministic("tau", p[0] * pm.Uniform("unit_tau", 0, 1))
    if family == "log_normal":  # of tau squared
        return pm.LogNormal("tau", mu=p[0] / 2, sigma=p[1] / 2)
    standard = pm.StudentT("unit_log_tau", nu=p[2], mu=0, sigma=1)
    return pm.Deterministic("tau", pm.math.exp((p[0] + p[1] * standard) / 2))


@dataclass(frozen=True)
class _Sampled:
    """Converged draws of one model, with what the sampler says of them."""

    draws: xr.Dataset
    diagnostics: list[dict]  # of what is reported
    target_accept: float
    number: int
    seconds: float

    def record(self) -> dict:
        return {
            "draws": self.number,
            "target_accept": self.target_accept,
            "divergences": 0,
            "diagnostics": self.diagnostics,
            "timings": {"compile_and_sample": self.seconds},
        }


@dataclass(frozen=True)
class _Settings:
    arms: Arms
    prior: HeterogeneityPrior
    effect_deviation: float
    baseline_deviation: float
    number: int

    def sample(self, split: np.ndarray, seed: int) -> _Sampled:
        """Sample the model with a split column; again, more carefully, until it converges."""
        import nutpie

        started = time.perf_counter()
        arms = self.arms
        basis = sum_to_zero_basis(len(arms.treatments))
        parameters = np.ones(3)
        parameters[: len(self.prior.parameters)] = self.prior.parameters
        random = arms.deviation_matrix
        shape = (len(arms.study), len(arms.studies), len(arms.treatments), random.shape[1])
        compiled = _compiled(*shape, self.prior.family).with_data(
            study=arms.study,
            n=arms.n,
            events=arms.events,
            effects=arms.effect_matrix @ basis,
            random=random,
            centring=arms.centring,
            split=split,
            scales=np.array([self.baseline_deviation, self.effect_deviation]),
            parameters=parameters,
        )
        for target, times in TRIES:
            result = nutpie.sample(
                compiled,
                draws=self.number * times // CHAINS,
                tune=TUNE * times,
                chains=CHAINS,
                cores=min(CHAINS, os.cpu_count() or 1),
                seed=seed,
                target_accept=target,
                progress_bar=False,
                # Baselines, effects and deviations of a study are correlated.
                low_rank_modified_mass_matrix=True,
            )
            divergences = int(group(result, "sample_stats")["diverging"].values.sum())
            draws = self._named(group(result, "posterior").load(), basis)
            diagnostics = diagnose(_reported(arms, draws, bool(split.any())))
            try:
                require_convergence(diagnostics, divergences)
                break
            except ConvergenceError:
                if (target, times) == TRIES[-1]:
                    raise
        seconds = time.perf_counter() - started
        return _Sampled(draws, diagnostics, target, self.number * times, seconds)

    def _named(self, posterior: xr.Dataset, basis: np.ndarray) -> xr.Dataset:
        unit = posterior["unit_effect"].transpose("chain", "draw", ...).values
        effect = unit @ basis.T * self.effect_deviation / np.sqrt(2)
        by_draw = ("chain", "draw")
        return xr.Dataset(
            {
                "effect": ((*by_draw, "treatment"), effect),
                "tau": (by_draw, posterior["tau"].transpose(*by_draw).values),
                "omega": (
                    by_draw,
                    posterior["omega"].transpose(*by_draw).values * self.effect_deviation,
                ),
            },
            coords={"treatment": list(self.arms.treatments)},
        )


def _reported(arms: Arms, draws: xr.Dataset, with_split: bool) -> xr.Dataset:
    """Return every log odds ratio, tau, and the split if there is one."""
    effect = draws["effect"].values
    pairs = list(itertools.combinations(range(len(arms.treatments)), 2))
    names = [f"{arms.treatments[b]} v {arms.treatments[a]}" for a, b in pairs]
    values = np.stack([effect[..., b] - effect[..., a] for a, b in pairs], axis=-1)
    found = {
        "log_odds_ratio": (("chain", "draw", "pair"), values),
        "tau": (("chain", "draw"), draws["tau"].values),
    }
    if with_split:
        found["difference"] = (("chain", "draw"), draws["omega"].values)
    return xr.Dataset(found, coords={"pair": names})


# --- tables ---------------------------------------------------------------------------------------


def _new_study(contrast: np.ndarray, draws: xr.Dataset, rng) -> np.ndarray:
    return contrast + draws["tau"].values * rng.standard_normal(contrast.shape)


def _league(arms: Arms, draws: xr.Dataset, prob: float, rng) -> pd.DataFrame:
    import pandas as pd

    tails = [(1 - prob) / 2, 0.5, (1 + prob) / 2]
    effect = draws["effect"].values
    together, rows = arms.together(), {}
    for a, b in itertools.combinations(range(len(arms.treatments)), 2):
        contrast = effect[..., b] - effect[..., a]
        new = np.quantile(_new_study(contrast, draws, rng), tails)
        ends = np.quantile(contrast, tails)
        error = float(monte_carlo_standard_error(contrast))
        for sign, pair in ((1, (b, a)), (-1, (a, b))):  # both ways from the same draws
            lower, middle, upper = np.sort(sign * ends)
            rows[pair] = {
                "treatment": arms.treatments[pair[0]],
                "comparator": arms.treatments[pair[1]],
                "odds_ratio": np.exp(middle),
                "lower": np.exp(lower),
                "upper": np.exp(upper),
                "predicted_lower": np.exp(np.min(sign * new)),
                "predicted_upper": np.exp(np.max(sign * new)),
                "log_odds_ratio": sign * contrast.mean(),
                "standard_deviation": contrast.std(ddof=1),
                "monte_carlo_standard_error": error,
                "probability_fewer": float((sign * contrast < 0).mean()),
                "direct_studies": len(together.get((a, b), [])),
                "prob": prob,
                "kind": KIND,
            }
    return pd.DataFrame([rows[pair] for pair in sorted(rows, key=lambda pair: (pair[1], pair[0]))])


def _ranks(
    arms: Arms, draws: xr.Dataset, unwanted: bool, prob: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    import pandas as pd

    effect = draws["effect"].values * (1 if unwanted else -1)
    rank = effect.argsort(axis=-1).argsort(axis=-1) + 1
    number = len(arms.treatments)
    share = (number - rank) / (number - 1)
    tails = [(1 - prob) / 2, (1 + prob) / 2]
    by_rank, summary = [], []
    for k, name in enumerate(arms.treatments):
        own = rank[..., k]
        for place in range(1, number + 1):
            hit = (own == place).astype(float)
            by_rank.append(
                {
                    "treatment": name,
                    "rank": place,
                    "probability": hit.mean(),
                    "monte_carlo_standard_error": float(monte_carlo_standard_error(hit)),
                }
            )
        lower, upper = np.quantile(own, tails, method="inverted_cdf")
        summary.append(
            {
                "treatment": name,
                "sucra": share[..., k].mean(),
                "monte_carlo_standard_error": float(monte_carlo_standard_error(share[..., k])),
                "mean_rank": own.mean(),
                "lower": int(lower),
                "upper": int(upper),
                "prob": prob,
                "kind": KIND,
            }
        )
    sucra = pd.DataFrame(summary).sort_values("sucra", ascending=False, kind="stable")
    return pd.DataFrame(by_rank), sucra.reset_index(drop=True)


SPLIT_COLUMNS = (
    "treatment", "comparator", "direct_studies",
    "direct_odds_ratio", "direct_lower", "direct_upper",
    "indirect_odds_ratio", "indirect_lower", "indirect_upper",
    "difference", "lower", "upper", "monte_carlo_standard_error",
    "tail_probability", "flagged", "prob", "kind",
)  # fmt: skip


def _splits(settings: _Settings, pairs, prob: float, seeds) -> tuple[pd.DataFrame, list[dict]]:
    """Return direct against indirect evidence for each pair, and the records of the runs."""
    import pandas as pd

    arms, rows, records = settings.arms, [], []
    together = arms.together()
    cut = 1 - (1 - ERROR_RATE) ** (1 / max(len(pairs), 1))
    tails = [(1 - prob) / 2, 0.5, (1 + prob) / 2]
    for pair, seed in zip(pairs, seeds, strict=False):
        sampled = settings.sample(arms.split_vector(pair), seed)
        a, b = pair
        effect, omega = sampled.draws["effect"].values, sampled.draws["omega"].values
        indirect = effect[..., b] - effect[..., a]
        tail = 2 * min((omega > 0).mean(), (omega < 0).mean())
        row = {
            "treatment": arms.treatments[b],
            "comparator": arms.treatments[a],
            "direct_studies": len(together[pair]),
        }
        for name, values in (("direct", indirect + omega), ("indirect", indirect)):
            ends = np.exp(np.quantile(values, tails))
            names = (f"{name}_lower", f"{name}_odds_ratio", f"{name}_upper")
            row |= dict(zip(names, ends, strict=True))
        lower, middle, upper = np.quantile(omega, tails)
        rows.append(
            row
            | {
                "difference": middle,
                "lower": lower,
                "upper": upper,
                "monte_carlo_standard_error": float(monte_carlo_standard_error(omega)),
                "tail_probability": float(tail),
                "flagged": bool(tail < cut),
                "prob": prob,
                "kind": KIND,
            }
        )
        name = f"{row['treatment']} v {row['comparator']}"
        records.append({"comparison": name, "seed": seed, **sampled.record()})
    return pd.DataFrame(rows, columns=list(SPLIT_COLUMNS)), records


def _direct_evidence(arms: Arms) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for (a, b), studies in arms.together().items():
        row = {
            "treatment": arms.treatments[b],
            "comparator": arms.treatments[a],
            "studies": len(studies),
        }
        for name, treatment in (("", b), ("_comparator", a)):
            chosen = np.isin(arms.study, studies) & (arms.treatment == treatment)
            row[f"events{name}"] = int(arms.events[chosen].sum())
            row[f"n{name}"] = int(arms.n[chosen].sum())
        rows.append({**row, "study_names": ", ".join(arms.studies[i] for i in studies)})
    return pd.DataFrame(rows)


def _notes(arms: Arms, pairs, asked: bool, sampled: _Sampled, splits) -> tuple[str, ...]:
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
    if sampled.target_accept != TARGET_ACCEPT:
        notes.append(
            f"sampled again, {sampled.number} draws at target acceptance {sampled.target_accept}, "
            "for a first run had not converged"
        )
    return tuple(notes)
