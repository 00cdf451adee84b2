"""The PyMC model of a network of trials, and its converged draws."""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import xarray as xr

from riskmodel.errors import ConvergenceError
from riskmodel.evidence.heterogeneity import HeterogeneityPrior
from riskmodel.models.compiling import quiet_compiling
from riskmodel.models.gate import diagnose, require_convergence
from riskmodel.models.network_data import Arms, sum_to_zero_basis
from riskmodel.models.posterior import CHAINS, TARGET_ACCEPT, TUNE, group

# Target acceptance, and how many times the draws asked for: the next where one has not converged.
TRIES = ((TARGET_ACCEPT, 1), (0.99, 2), (0.99, 4))


@lru_cache(maxsize=16)
def _compiled(arms: int, studies: int, effects: int, deviations: int, family: str):
    """Return a model of this shape, compiled once; its numbers are all data, filled in later."""
    with quiet_compiling():
        import nutpie
        import pymc as pm

        with pm.Model() as model:
            study = pm.Data("study", np.zeros(arms, dtype="int64"))
            n = pm.Data("n", np.ones(arms, dtype="int64"))
            given = pm.Data("effects", np.zeros((arms, effects)))
            random = pm.Data("random", np.zeros((arms, deviations)))
            split = pm.Data("split", np.zeros(arms))
            scales = pm.Data("scales", np.ones(2))
            parameters = pm.Data("parameters", np.ones(3))
            events = pm.Data("events", np.zeros(arms, dtype="int64"))
            baseline = pm.Normal("baseline", 0, scales[0], shape=studies)
            unit_effect = pm.Normal("unit_effect", 0, 1, shape=effects)
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
                + pm.math.dot(given, unit_effect) * scales[1]
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
class Sampled:
    """Converged draws of one model, with what the sampler says of them.

    Parameters
    ----------
    draws : xarray.Dataset
        By chain and draw: ``effect`` (treatment, against the mean of all; or contrast, where
        effects are unrelated), ``tau``, ``omega`` and ``log_odds`` (arm).
    diagnostics : list of dict
        Of what is reported.
    target_accept : float
    number : int
        Of draws, over all chains.
    seconds : float
    """

    draws: xr.Dataset
    diagnostics: list[dict]
    target_accept: float
    number: int
    seconds: float

    def record(self) -> dict:
        """Return what the run record keeps."""
        return {
            "draws": self.number,
            "target_accept": self.target_accept,
            "divergences": 0,
            "diagnostics": self.diagnostics,
            "timings": {"compile_and_sample": self.seconds},
        }


@dataclass(frozen=True)
class NetworkModel:
    """The model of some arms under priors; effects consistent, or one free effect a contrast.

    Parameters
    ----------
    arms : Arms
    prior : HeterogeneityPrior
    effect_deviation, baseline_deviation : float
        Of the normal priors of a log odds ratio and of a study's mean log odds.
    number : int
        Draws, over all chains.
    unrelated : bool
        Whether each contrast has an effect of its own, see `Arms.unrelated_contrasts`.
    """

    arms: Arms
    prior: HeterogeneityPrior
    effect_deviation: float
    baseline_deviation: float
    number: int
    unrelated: bool = False

    @cached_property
    def basis(self) -> np.ndarray:
        """What turns independent standard normals into the named effects, over the prior's."""
        if self.unrelated:
            return np.eye(len(self.arms.unrelated_contrasts))
        return sum_to_zero_basis(len(self.arms.treatments)) / np.sqrt(2)

    @property
    def names(self) -> list[str]:
        """Of the effects."""
        if self.unrelated:
            return [self.arms.contrast_name(pair) for pair in self.arms.unrelated_contrasts]
        return list(self.arms.treatments)

    def compiled(self, split: np.ndarray | None = None):
        """Return the compiled model with these data; a model of one shape is compiled once."""
        arms, random = self.arms, self.arms.deviation_matrix
        parameters = np.ones(3)
        parameters[: len(self.prior.parameters)] = self.prior.parameters
        given = arms.unrelated_matrix if self.unrelated else arms.effect_matrix
        shape = (len(arms.study), len(arms.studies), self.basis.shape[1], random.shape[1])
        return _compiled(*shape, self.prior.family).with_data(
            study=arms.study,
            n=arms.n,
            events=arms.events,
            effects=given @ self.basis,
            random=random,
            centring=arms.centring,
            split=np.zeros(len(arms.study)) if split is None else split,
            scales=np.array([self.baseline_deviation, self.effect_deviation]),
            parameters=parameters,
        )

    def sample(self, seed: int, split: np.ndarray | None = None) -> Sampled:
        """Sample the model, with a split column or none; more carefully until it converges."""
        import nutpie

        started = time.perf_counter()
        split = np.zeros(len(self.arms.study)) if split is None else split
        compiled = self.compiled(split)
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
            draws = self.named(group(result, "posterior").load(), split)
            diagnostics = diagnose(self._reported(draws, bool(split.any())))
            try:
                require_convergence(diagnostics, divergences)
                break
            except ConvergenceError:
                if (target, times) == TRIES[-1]:
                    raise
        seconds = time.perf_counter() - started
        return Sampled(draws, diagnostics, target, self.number * times, seconds)

    def named(self, posterior: xr.Dataset, split: np.ndarray | None = None) -> xr.Dataset:
        """Return the draws of the sampler as effects, heterogeneity and log odds of the arms."""
        arms, by_draw = self.arms, ("chain", "draw")

        def values(name):
            return posterior[name].transpose(*by_draw, ...).values

        effect = values("unit_effect") @ self.basis.T * self.effect_deviation
        omega, tau = values("omega") * self.effect_deviation, values("tau")
        given = arms.unrelated_matrix if self.unrelated else arms.effect_matrix
        random = tau[..., None] ** (1 - arms.centring) * values("deviation")
        log_odds = values("baseline")[..., arms.study] + effect @ given.T
        log_odds = log_odds + random @ arms.deviation_matrix.T
        if split is not None:
            log_odds = log_odds + omega[..., None] * split
        kind = "contrast" if self.unrelated else "treatment"
        return xr.Dataset(
            {
                "effect": ((*by_draw, kind), effect),
                "tau": (by_draw, tau),
                "omega": (by_draw, omega),
                "log_odds": ((*by_draw, "arm"), log_odds),
            },
            coords={kind: self.names},
        )

    def _reported(self, draws: xr.Dataset, with_split: bool) -> xr.Dataset:
        """Return every log odds ratio, tau, and the split if there is one."""
        effect, names = draws["effect"].values, self.names
        if not self.unrelated:
            pairs = list(itertools.combinations(range(len(self.arms.treatments)), 2))
            names = [self.arms.contrast_name(pair) for pair in pairs]
            effect = np.stack([effect[..., b] - effect[..., a] for a, b in pairs], axis=-1)
        found = {
            "log_odds_ratio": (("chain", "draw", "pair"), effect),
            "tau": (("chain", "draw"), draws["tau"].values),
        }
        if with_split:
            found["difference"] = (("chain", "draw"), draws["omega"].values)
        return xr.Dataset(found, coords={"pair": names})
