"""Sample, gate on convergence, save, load, reuse by content digest."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import secrets
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import xarray as xr

from riskmodel.errors import ParameterError, Problem, RiskModelWarning
from riskmodel.evidence.priors import LinePrior, Prior, build_priors, correlation_matrix
from riskmodel.models.compiling import quiet_compiling
from riskmodel.models.gate import diagnose, require_convergence
from riskmodel.models.joint import LINE_COEFFICIENTS, build_model
from riskmodel.parameters.library import LoadedProblem
from riskmodel.parameters.schema import Correlation

CHAINS = 4
TUNE = 1000
TARGET_ACCEPT = 0.95
DEFAULT_DRAWS = 4000
SAMPLER_PACKAGES = ("numba", "numpy", "nutpie", "pymc", "pytensor")
MODEL_VERSION = 1  # raise it when the same priors would give another model

Step = Callable[[str], AbstractContextManager]


def no_step(_: str) -> AbstractContextManager:
    """Show nothing; the default of every long function's `step`."""
    return nullcontext()


@dataclass(frozen=True)
class Posterior:
    """Draws of every prior of a problem after the evidence is joined.

    Parameters
    ----------
    loaded : LoadedProblem
    draws : xarray.Dataset
        Dimensions ``(chain, draw)``; one variable a prior, in the unit of its measure.
    record : dict
        Seed, digest, versions, diagnostics, timings; whether it was reused.
    """

    loaded: LoadedProblem
    draws: xr.Dataset = field(repr=False)
    record: Mapping[str, Any] = field(repr=False)

    @property
    def problem(self):
        return self.loaded.problem

    @property
    def seed(self) -> int:
        return self.record["seed"]

    def __repr__(self) -> str:
        sizes = self.draws.sizes
        return (
            f"Posterior of {self.loaded.id}: {len(self.draws.data_vars)} quantities, "
            f"{sizes['chain']} chains x {sizes['draw']} draws, seed {self.seed}"
        )

    def _repr_html_(self) -> str:
        """Return each quantity's median, 95% equal-tailed interval and diagnostics."""
        from riskmodel.parameters.rich_display import card, grid

        known = {row["quantity"]: row for row in self.record.get("diagnostics", ())}
        rows = []
        for name, values in draws_by_prior(self.draws).items():
            columns = values.reshape(len(values), -1)
            labels = LINE_COEFFICIENTS if columns.shape[1] > 1 else ("",)
            for label, column in zip(labels, columns.T, strict=True):
                quantity = f"{name}[{label}]" if label else name
                lower, middle, upper = np.quantile(column, [0.025, 0.5, 0.975])
                row = known.get(quantity, {})
                rows.append(
                    [
                        quantity,
                        f"{middle:.4g}",
                        f"{lower:.4g} to {upper:.4g}",
                        f"{row['r_hat']:.4f}" if row else "",
                        f"{row['ess_bulk']:.0f}" if row else "",
                    ]
                )
        heads = ["quantity", "median", "95% equal-tailed interval", "R-hat", "ESS bulk"]
        told = [
            ("question", self.problem.question),
            ("divergences", self.record.get("divergences")),
            ("not converged", "; ".join(self.record.get("unconverged") or ())),
        ]
        return card(repr(self), told, grid(heads, rows))


def fit(
    loaded: LoadedProblem,
    *,
    seed: int | None = None,
    draws: int = DEFAULT_DRAWS,
    reuse: bool = True,
    step: Step = no_step,
) -> Posterior:
    """Return the joint posterior of a problem, sampled by NUTS or reused.

    Parameters
    ----------
    loaded : LoadedProblem
        From :func:`riskmodel.load_problem`.
    seed : int, optional
        None takes a stored posterior of the same content, whatever its seed, or else draws a
        seed, says so and records it.
    draws : int
        Posterior draws in all, over four chains.
    reuse : bool
        Whether a stored posterior of the same content may be used, and a new one stored.
    step : callable
        Called with the name of each long step; returns a context manager.

    Returns
    -------
    Posterior

    Raises
    ------
    ConvergenceError
        If R-hat is 1.01 or more, an effective sample size 400 or less, or a transition diverged;
        the text names each quantity.
    ParameterError
        If `seed` or `draws` cannot be used.

    Notes
    -----
    nutpie's NUTS, four chains, 1000 tuning steps, target acceptance 0.95. The content is every
    prior, the sampler's settings and the versions of the packages that sample. Other patients,
    weights, and scenarios that use the same priors sample nothing.
    """
    _check_arguments(seed, draws)
    seed, draws = None if seed is None else int(seed), int(draws)  # as JSON knows them
    priors = build_priors(loaded)
    digest = content_digest(priors, draws, loaded.problem.correlations)
    if reuse:
        stored = _stored(digest, seed)
        if stored is not None:
            return Posterior(loaded, *stored)
    if seed is None:
        seed = secrets.randbelow(2**31)
        warnings.warn(
            f"seed: found nothing; drew {seed}; pass seed={seed} to repeat this run",
            RiskModelWarning,
            stacklevel=2,
        )
    dataset, timings = _sample(loaded, priors, seed=seed, draws=draws, step=step)
    divergences = int(dataset.attrs.pop("divergences"))
    diagnostics = diagnose(dataset)
    unconverged = require_convergence(diagnostics, divergences)
    record = {
        "seed": seed,
        "draws": draws,
        "chains": CHAINS,
        "tune": TUNE,
        "target_accept": TARGET_ACCEPT,
        "sampler": "nutpie NUTS",
        "digest": digest,
        "versions": package_versions(),
        "divergences": divergences,
        "diagnostics": diagnostics,
        "timings": timings,
        "reused": False,
    }
    if unconverged:  # allowed here, but no later run may take it for a good one
        record["unconverged"] = unconverged
    elif reuse:
        _store(dataset, record, _path(digest, seed))
    return Posterior(loaded, dataset, record)


def _check_arguments(seed: object, draws: object) -> None:
    problems = []
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if seed is not None and not (whole and 0 <= seed < 2**32):
        problems.append(
            Problem(
                field="seed",
                found=seed,
                allowed="a whole number from 0 to 2^32 - 1",
                remedy="give an integer, or none to draw one",
            )
        )
    whole = isinstance(draws, int | np.integer) and not isinstance(draws, bool)
    if not (whole and draws >= 1000 and draws % CHAINS == 0):
        problems.append(
            Problem(
                field="draws",
                found=draws,
                allowed=f"a multiple of {CHAINS} (the chains), at least 1000",
                remedy="4000 is enough for most uses",
            )
        )
    if problems:
        raise ParameterError(problems)


def _sample(loaded, priors, *, seed: int, draws: int, step: Step) -> tuple[xr.Dataset, dict]:
    """Compile and sample; return draws with the number of divergences in their attrs."""
    started = time.perf_counter()
    with step("Compile the model"), quiet_compiling():
        import nutpie

        model = build_model(loaded, priors)
        compiled = nutpie.compile_pymc_model(model)
    compiled_at = time.perf_counter()
    with step("Sample the posterior"):
        result = nutpie.sample(
            compiled,
            draws=draws // CHAINS,
            tune=TUNE,
            chains=CHAINS,
            cores=min(CHAINS, os.cpu_count() or 1),
            seed=seed,
            target_accept=TARGET_ACCEPT,
            progress_bar=False,
        )
    dataset = group(result, "posterior")
    dataset = dataset[list(priors)].transpose("chain", "draw", ...).load()
    divergences = int(group(result, "sample_stats")["diverging"].values.sum())
    dataset.attrs = {"divergences": divergences}
    timings = {
        "compile": compiled_at - started,
        "sample": time.perf_counter() - compiled_at,
    }
    return dataset, timings


def group(result: Any, name: str) -> xr.Dataset:
    """Return a group of what a sampler returned as a Dataset, on ArviZ 0.23 and 1.x."""
    part = result[name]
    return part.to_dataset() if hasattr(part, "to_dataset") else part


def draws_by_prior(dataset: xr.Dataset) -> dict[str, np.ndarray]:
    """Return draws as arrays (sample,), or (sample, coefficient), chains laid end to end."""
    arrays = {}
    for name, variable in dataset.data_vars.items():
        values = variable.values
        arrays[str(name)] = values.reshape(-1, *values.shape[2:])
    return arrays


# --- stored by content --------------------------------------------------------------------------


def content_digest(
    priors: Mapping[str, Prior | LinePrior], draws: int, correlations: Iterable[Correlation] = ()
) -> str:
    """Return a digest of everything the draws depend on, but the seed."""
    correlated, matrix = correlation_matrix(correlations, priors)
    content = {
        "correlated": [correlated, matrix.tolist()],
        "model_version": MODEL_VERSION,
        "priors": {name: dataclasses.asdict(prior) for name, prior in priors.items()},
        "sampler": [draws, CHAINS, TUNE, TARGET_ACCEPT],
        "versions": {name: package_versions()[name] for name in SAMPLER_PACKAGES},
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that a number may depend on."""
    names = (
        "riskmodel", "numpy", "scipy", "numba", "pymc", "pytensor", "nutpie", "arviz", "xarray",
    )  # fmt: skip
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def cache_folder() -> Path:
    """Return where posteriors are kept: ``$RISKMODEL_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("RISKMODEL_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("riskmodel"))


def _path(digest: str, seed: int) -> Path:
    return cache_folder() / "posteriors" / f"{digest}-seed{seed}.nc"


def _stored(digest: str, seed: int | None) -> tuple[xr.Dataset, dict] | None:
    """Return the stored posterior of this content: of this seed, or the newest of any."""
    folder, name = _path(digest, 0).parent, f"{digest}-seed{'*' if seed is None else seed}.nc"
    found = sorted(folder.glob(name), key=lambda path: path.stat().st_mtime)
    if not found:
        return None
    try:
        return _read(found[-1], reused=True)
    except (OSError, KeyError, ValueError, RuntimeError) as error:  # cut short, or not HDF5
        warnings.warn(
            f"cache: found {found[-1]}, which cannot be read ({error}); the run goes on and "
            "samples again",
            RiskModelWarning,
            stacklevel=3,
        )
        return None


def save_posterior(posterior: Posterior, path: Path) -> None:
    """Write draws and record to one netCDF file, whole or not at all."""
    _write(posterior.draws, dict(posterior.record), path)


def _write(dataset: xr.Dataset, record: dict, path: Path) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    labelled = dataset.assign_attrs(record=json.dumps(record))
    try:
        labelled.to_netcdf(part, engine="h5netcdf", group="posterior")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _store(dataset: xr.Dataset, record: dict, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(dataset, record, path)
    except OSError as error:
        warnings.warn(
            f"cache: found {path.parent} not writable ({error.strerror}); the run goes on and "
            "will sample again next time; set RISKMODEL_CACHE to a folder that can be written",
            RiskModelWarning,
            stacklevel=3,
        )


def _read(path: Path, *, reused: bool) -> tuple[xr.Dataset, dict]:
    with xr.open_dataset(path, group="posterior", engine="h5netcdf") as opened:
        dataset = opened.load()
    record = json.loads(dataset.attrs.pop("record"))
    return dataset, {**record, "reused": reused}


def load_posterior(loaded: LoadedProblem, path: Path) -> Posterior:
    """Return a posterior that :func:`save_posterior` wrote."""
    return Posterior(loaded, *_read(Path(path), reused=True))
