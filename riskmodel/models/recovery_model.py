"""The recovery model for the sampler: exact for every kind of censoring, with its tails kept.

The generalized gamma's survival is an incomplete gamma function whose gradient by its shape the
sampler has only as a slow series that fails where the family turns into the lognormal. Here the
tail is integrated in log time by a fixed rule, which is smooth through that point.
"""

from __future__ import annotations

import os
import time
import warnings
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import xarray as xr

from riskmodel.evidence.recovery_data import BETWEEN, EXACT, LATER, LEFT, RIGHT, Rows
from riskmodel.evidence.recovery_likelihood import (
    Ends,
    Parameters,
    log1mexp,
    log_masses,
    shifted_never,
)
from riskmodel.evidence.recovery_priors import RecoveryPriors
from riskmodel.models.compiling import quiet_compiling
from riskmodel.models.posterior import CHAINS, TARGET_ACCEPT, TUNE, group

LOOKS_LOW, LOOKS_HIGH = (EXACT, BETWEEN, LATER, RIGHT), (LEFT, BETWEEN)
_RULE = np.polynomial.legendre.leggauss(40)


def _tensors() -> SimpleNamespace:
    import pytensor.tensor as pt

    return SimpleNamespace(
        exp=pt.exp,
        log=pt.log,
        log1p=pt.log1p,
        expm1=pt.expm1,
        where=pt.switch,
        minimum=pt.minimum,
        maximum=pt.maximum,
        logaddexp=pt.logaddexp,
    )


# --- the families, on tensors --------------------------------------------------------------------


def standard_tails(family: str, w, q):
    """Return log survival and log recovered of the standard variable as tensors.

    Parameters
    ----------
    family : str
    w : tensor, shape (point,)
        ``(log time - location) / spread``.
    q : tensor or None
        The generalized gamma's shape, or the gamma's spread.
    """
    import pytensor.tensor as pt

    xp = _tensors()
    if family == "weibull":
        z = pt.exp(w)
        return -z, _log_one_minus_exp_minus(z, xp)
    if family == "lognormal":
        return _log_normal_tail(-w), _log_normal_tail(w)
    if family == "loglogistic":
        return -pt.softplus(w), -pt.softplus(-w)
    late = w > 0
    side = pt.switch(late, 1.0, -1.0)
    near = _log_gamma_tail(side * w, side * q)  # the smaller of the two tails
    far = pt.log1p(-pt.exp(pt.minimum(near, -1e-12)))
    return pt.switch(late, near, far), pt.switch(late, far, near)


def _log_one_minus_exp_minus(z, xp):
    import pytensor.tensor as pt

    return log1mexp(-pt.maximum(z, 1e-300), xp)


def _log_normal_tail(x):
    """Log of the normal's cumulative function, by erfcx where it is small."""
    import pytensor.tensor as pt

    low = pt.switch(x < -1.0, x, -1.0)
    high = pt.switch(x < -1.0, -1.0, x)
    tail = pt.log(0.5 * pt.erfcx(-low / np.sqrt(2.0))) - 0.5 * low**2
    return pt.switch(x < -1.0, tail, pt.log1p(-0.5 * pt.erfc(high / np.sqrt(2.0))))


def _expm1_over(x):
    """Return (exp(x) - 1) / x, and twice (exp(x) - 1 - x) / x^2, smooth at 0."""
    import pytensor.tensor as pt

    small = pt.abs(x) < 0.02
    safe = pt.switch(small, 1.0, x)
    first = pt.switch(small, 1 + x / 2 + x**2 / 6 + x**3 / 24 + x**4 / 120, pt.expm1(safe) / safe)
    second = pt.switch(
        small,
        1 + x / 3 + x**2 / 12 + x**3 / 60 + x**4 / 360,
        2 * (pt.expm1(safe) - safe) / safe**2,
    )
    return first, second


def _log_constant(q):
    """Log of the generalized gamma's density at its mode, in the standard variable."""
    import pytensor.tensor as pt

    square = q**2
    small = square < 0.16
    k = 1 / pt.switch(small, 1.0, square)
    exact = 0.5 * pt.log(pt.switch(small, 1.0, square)) + k * pt.log(k) - k - pt.gammaln(k)
    series = square / 12 - square**3 / 360 + square**5 / 1260
    return pt.switch(small, -0.5 * np.log(2 * np.pi) - series, exact)


def _log_gamma_tail(w, q):
    """Log of the integral of the density from w on, for w of 0 or more.

    From w on the log density falls by ``z v + c v^2 h(q v) / 2``; v is measured in the length on
    which it falls by about one, and the half line is folded into (0, 1). Exponents stop at 50,
    far past where the density has gone.
    """
    import pytensor.tensor as pt

    w = pt.minimum(w, 40.0)
    first, second = _expm1_over(pt.minimum(q * w, 50.0))
    slope, curve = w * first, pt.exp(pt.minimum(q * w, 50.0))
    length = 2 / (slope + pt.sqrt(slope**2 + 2 * curve))
    # A negative shape flattens into an exponential tail of rate 1/|q|.
    length = length * (1 + 0.5 * pt.maximum(-q, 0.0) * pt.exp(pt.minimum(q, 0.0) * w))
    node, weight = (_RULE[0] + 1) / 2, np.log(_RULE[1] / 2)
    x, jacobian = node / (1 - node), -2 * np.log1p(-node)
    v = length[:, None] * x[None, :]
    _, bend = _expm1_over(pt.minimum((q + 0 * w)[:, None] * v, 50.0))
    fall = slope[:, None] * v + 0.5 * curve[:, None] * v**2 * bend
    inside = pt.logsumexp(weight + jacobian - fall, axis=1)
    return _log_constant(q) - 0.5 * w**2 * second + pt.log(length) + inside


def standard_log_density(family: str, w, q):
    """Return the log density of the standard variable as a tensor."""
    import pytensor.tensor as pt

    if family == "weibull":
        return w - pt.exp(w)
    if family == "lognormal":
        return -0.5 * w**2 - 0.5 * np.log(2 * np.pi)
    if family == "loglogistic":
        return -w - 2 * pt.softplus(-w)
    _, second = _expm1_over(pt.minimum(q * w, 50.0))
    return _log_constant(q) - 0.5 * w**2 * second


# --- the model -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Structure:
    """What decides which model is compiled; all else is data."""

    family: str
    cure: str
    kinds: tuple[int, ...]
    covariates: int


def structure_of(rows: Rows, priors: RecoveryPriors) -> Structure:
    """Return the structure of a model for these rows."""
    return Structure(priors.family, priors.cure, _kinds(rows), rows.patterns.shape[1])


def _kinds(rows: Rows) -> tuple[int, ...]:
    """Return the kinds of the model: those of visits always, empty or not, to compile once."""
    return tuple(sorted({LEFT, BETWEEN, RIGHT, *(int(kind) for kind in rows.kind)}))


def model_data(rows: Rows, priors: RecoveryPriors) -> dict[str, np.ndarray]:
    """Return the arrays that the model reads, and no other.

    The ends of all rows stand one kind after the other in one column, which is split again by
    ``sizes``: a gradient through places looked up by number takes the compiler far longer.
    """
    covariates = rows.patterns.shape[1]
    data = {
        "location_prior": np.array(priors.location),
        "log_spread_prior": np.array(priors.log_spread),
    }
    if priors.family == "generalized_gamma":
        data["shape_prior"] = np.array(priors.shape)
    if priors.cure != "none":
        data["never_prior"] = np.array(priors.never)
    if covariates:
        data["slope_prior"] = np.array(priors.slope)
    ends, patterns = [], []
    for kind in _kinds(rows):
        at = rows.of(kind)
        table = rows.patterns[rows.pattern[at]]
        data[f"weight_{kind}"] = rows.weight[at]
        if covariates and priors.cure != "none":
            data[f"patterns_{kind}"] = table
        for asks, times in ((LOOKS_LOW, rows.low), (LOOKS_HIGH, rows.high)):
            if kind in asks and _needs_tails(kind, priors.cure):
                ends.append(np.log(times[at]))
                patterns.append(table)
        if kind == EXACT:
            data["log_exact"] = np.log(rows.low[at])
            if covariates:
                data["exact_patterns"] = table
    if ends:
        data["log_ends"] = np.concatenate(ends)
        if len(ends) > 1:
            data["sizes"] = np.array([len(one) for one in ends], dtype="int64")
        if covariates:
            data["end_patterns"] = np.concatenate(patterns)
    return data


def _needs_tails(kind: int, cure: str) -> bool:
    """Say whether rows of a kind need survival: exact times do in the promotion model only."""
    return kind != EXACT or cure == "promotion"


def build_recovery_model(rows: Rows, priors: RecoveryPriors):
    """Return the pm.Model of a time to recovery.

    Parameters
    ----------
    rows : Rows
        What patients and summaries say.
    priors : RecoveryPriors

    Returns
    -------
    pymc.Model
        ``location``, ``log_spread``; ``shape`` for the generalized gamma; ``never_logit`` where a
        fraction never recovers; ``scale_slopes`` and ``never_slopes`` with covariates; and the
        potential ``log_likelihood``. Data can be exchanged for others of the same kinds.
    """
    return _build(structure_of(rows, priors), model_data(rows, priors))


def _build(structure: Structure, data: dict[str, np.ndarray]):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # ArviZ announces itself
        import pymc as pm
    import pytensor.tensor as pt

    xp = _tensors()
    with pm.Model() as built:
        given = {name: pm.Data(name, value) for name, value in data.items()}
        location = pm.Normal("location", given["location_prior"][0], given["location_prior"][1])
        log_spread = pm.Normal(
            "log_spread", given["log_spread_prior"][0], given["log_spread_prior"][1]
        )
        spread = pt.exp(log_spread)
        shape = None
        if structure.family == "generalized_gamma":
            shape = pm.Normal("shape", given["shape_prior"][0], given["shape_prior"][1])
        elif structure.family == "gamma":
            shape = spread
        slopes = fraction = None
        if structure.covariates:
            slopes = pm.Normal("scale_slopes", 0, given["slope_prior"], shape=structure.covariates)
        if structure.cure != "none":
            fraction = _fraction(structure, given)
        looked_up = _look_up(structure, given, location, spread, shape, slopes)
        total = 0.0
        for kind in structure.kinds:
            never, ever = _fraction_at(kind, structure, given, fraction, xp)
            ends = replace(looked_up[kind], log_never=never, log_ever=ever)
            if kind == EXACT:
                density = _density(structure, given, location, spread, shape, slopes)
                ends = replace(ends, density=density - log_spread)
            masses = log_masses(kind, ends, structure.cure, xp)
            total = total + (given[f"weight_{kind}"] * masses).sum()
        pm.Potential("log_likelihood", pt.as_tensor_variable(total))
    return built


def _fraction(structure: Structure, given):
    """Return logs of the fraction and of its rest at the centre, and the slopes on it."""
    import pymc as pm
    import pytensor.tensor as pt

    logit = pm.Flat("never_logit")
    never, ever = -pt.softplus(-logit), -pt.softplus(logit)
    first, second = given["never_prior"][0], given["never_prior"][1]
    pm.Potential("never_density", first * never + second * ever)  # a Beta of the fraction
    slopes = None
    if structure.covariates:
        slopes = pm.Normal("never_slopes", 0, given["slope_prior"], shape=structure.covariates)
    return never, ever, slopes


def _fraction_at(kind: int, structure: Structure, given, fraction, xp):
    if fraction is None:
        return None, None
    never, ever, slopes = fraction
    if slopes is None:
        return never, ever
    return shifted_never(structure.cure, never, ever, given[f"patterns_{kind}"] @ slopes, xp)


def _look_up(structure: Structure, given, location, spread, shape, slopes) -> dict[int, Ends]:
    """Return log survival and log recovered at the ends of every kind."""
    import pytensor.tensor as pt

    if "log_ends" not in given:
        return {kind: Ends() for kind in structure.kinds}
    place = location if slopes is None else location + given["end_patterns"] @ slopes
    tails = standard_tails(structure.family, (given["log_ends"] - place) / spread, shape)
    asked = [
        (kind, side)
        for kind in structure.kinds
        for side, kinds in (("low", LOOKS_LOW), ("high", LOOKS_HIGH))
        if kind in kinds and _needs_tails(kind, structure.cure)
    ]
    if len(asked) == 1:
        parts = [[tail] for tail in tails]
    else:
        parts = [pt.split(tail, given["sizes"], n_splits=len(asked)) for tail in tails]
    found = {kind: Ends() for kind in structure.kinds}
    for (kind, side), survival, recovered in zip(asked, *parts, strict=True):
        values = {f"survival_{side}": survival, f"recovered_{side}": recovered}
        found[kind] = replace(found[kind], **values)
    return found


def _density(structure: Structure, given, location, spread, shape, slopes):
    """Return the log density of exact times, but for the spread."""
    place = location if slopes is None else location + given["exact_patterns"] @ slopes
    w = (given["log_exact"] - place) / spread
    return standard_log_density(structure.family, w, shape) - given["log_exact"]


# --- sampling ------------------------------------------------------------------------------------


_COMPILED: dict[Structure, Any] = {}


def compiled_for(rows: Rows, priors: RecoveryPriors):
    """Return the compiled model with these rows as its data; compiled once a structure."""
    structure = structure_of(rows, priors)
    data = model_data(rows, priors)
    if structure not in _COMPILED:
        with quiet_compiling():
            # Matrices here are small: nothing is lost without a BLAS.
            warnings.filterwarnings("ignore", "PyTensor could not link to a BLAS", UserWarning)
            import nutpie

            _COMPILED[structure] = nutpie.compile_pymc_model(_build(structure, data))
    return _COMPILED[structure].with_data(**data)


def sample_recovery(
    rows: Rows,
    priors: RecoveryPriors,
    *,
    seed: int,
    draws: int,
    target_accept: float = TARGET_ACCEPT,
    tune: int = TUNE,
) -> tuple[xr.Dataset, int, dict[str, float]]:
    """Return posterior draws, the number of divergences, and the seconds it took."""
    started = time.perf_counter()
    compiled = compiled_for(rows, priors)
    compiled_at = time.perf_counter()
    import nutpie

    result = nutpie.sample(
        compiled,
        draws=draws // CHAINS,
        tune=tune,
        chains=CHAINS,
        cores=min(CHAINS, os.cpu_count() or 1),
        seed=seed,
        target_accept=target_accept,
        progress_bar=False,
    )
    names = parameter_names(priors, rows.patterns.shape[1])
    dataset = group(result, "posterior")[names].transpose("chain", "draw", ...).load()
    divergences = int(group(result, "sample_stats")["diverging"].values.sum())
    seconds = {
        "compile": compiled_at - started,
        "sample": time.perf_counter() - compiled_at,
    }
    return dataset, divergences, seconds


def parameter_names(priors: RecoveryPriors, covariates: int) -> list[str]:
    """Return the names of what is sampled."""
    names = ["location", "log_spread"]
    if priors.family == "generalized_gamma":
        names.append("shape")
    if priors.cure != "none":
        names.append("never_logit")
    if covariates:
        names.append("scale_slopes")
        if priors.cure != "none":
            names.append("never_slopes")
    return names


def parameters_of(dataset: xr.Dataset) -> Parameters:
    """Return draws of the sampler as parameters, chains laid end to end."""
    flat = {
        str(name): variable.values.reshape(-1, *variable.shape[2:])
        for name, variable in dataset.data_vars.items()
    }
    number = len(flat["location"])
    none = np.zeros((number, 0))
    logit = flat.get("never_logit")
    return Parameters(
        flat["location"],
        np.exp(flat["log_spread"]),
        flat.get("shape"),
        None if logit is None else -np.logaddexp(0, -logit),
        None if logit is None else -np.logaddexp(0, logit),
        flat.get("scale_slopes", none),
        None if logit is None else flat.get("never_slopes", none),
    )
