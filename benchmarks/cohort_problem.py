"""An invented problem to measure cohorts with: 8 covariates, 3 options, 4 outcomes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import xarray as xr

from riskmodel.evidence.loading import load_problem
from riskmodel.models.posterior import Posterior

COVARIATES, OUTCOMES = 8, 4
SCALES = {  # of the two options' effects
    "outcome_0": ("relative_risk", "odds_ratio"),
    "outcome_1": ("odds_ratio", "odds_ratio"),
    "outcome_2": ("odds_ratio", "relative_risk"),
    "outcome_3": ("relative_risk", "odds_ratio"),
}


def problem_text(scales=SCALES) -> str:
    """Return the problem's file."""
    lines = [
        "schema: riskmodel/problem/1", "id: measured", "question: How fast is it?",
        "population: invented", "horizon: {value: 12, unit: month}", "comparator: none",
        "covariates:",
    ]  # fmt: skip
    lines += [f"  covariate_{i}: {{label: C{i}, unit: unit, range: [-5, 5]}}" for i in range(8)]
    names = ", ".join(f"covariate_{i}: 0" for i in range(COVARIATES))
    lines += [f"reference_profile: {{{names}}}", "options:"]
    lines += ["  none: {label: None}", "  first: {label: First}", "  second: {label: Second}"]
    lines += ["outcomes:"]
    priors, estimates = [], []

    def estimate(name: str, measure: str, parts: str) -> None:
        priors.append(f"  {name}: {{from: [{name}]}}")
        estimates.append(
            f"  - {{id: {name}, measure: {measure}, outcome: {name}, {parts}, population: invented,"
            f" horizon: {{value: 12, unit: month}}, source: {{key: diary, locator: page 1}},"
            f' printed: "{parts}", status: seen_primary}}'
        )

    for outcome, (first, second) in scales.items():
        terms = [
            f"{{covariate: covariate_{i}, transform: linear, centre: 0, prior: {outcome}_by_{i}}}"
            for i in range(COVARIATES)
        ]
        lines += [
            f"  {outcome}:", f"    label: {outcome}", "    unwanted: true", "    baseline:",
            f"      intercept: {{prior: {outcome}_risk}}", f"      terms: [{', '.join(terms)}]",
            "    effects:",
            f"      first: {{scale: {first}, prior: {outcome}_first}}",
            f"      second: {{scale: {second}, prior: {outcome}_second}}",
        ]  # fmt: skip
        estimate(f"{outcome}_risk", "risk", "counts: {events: 20, n: 200}")
        for i in range(COVARIATES):
            limits = "interval: {lower: 0.8, upper: 1.8, level: 0.95, kind: confidence}"
            estimate(f"{outcome}_by_{i}", "odds_ratio", f"value: 1.2, {limits}")
        for option, scale in (("first", first), ("second", second)):
            limits = "interval: {lower: 0.4, upper: 1.225, level: 0.95, kind: confidence}"
            estimate(f"{outcome}_{option}", scale, f"value: 0.7, {limits}")
    weights = ", ".join(f"{name}: {{weight: {1 / (i + 1):.2f}}}" for i, name in enumerate(scales))
    lines += ["priors:", *priors]
    lines += ["preferences: {reference: outcome_0, default: measured, vary: outcome_1}", "panels:"]
    lines += ["  - id: measured", "    label: Invented", "    whose: nobody", "    why: example",
              "    swing: no event to one event", "    status: judgement",
              "    reference: outcome_0", f"    weights: {{{weights}}}",
              "    residual_burden: {lower: 0, upper: 0.1, because: example}"]  # fmt: skip
    lines += ["sources:", '  diary: {citation: "A diary, 2001", url: "https://example.org/diary",'
              " read: full text, role: primary}", "estimates:", *estimates]  # fmt: skip
    return "\n".join(lines) + "\n"


def made_posterior(draws: int, scales=SCALES, seed: int = 1) -> Posterior:
    """Return draws of the problem's priors, without a sampler."""
    from riskmodel.evidence.priors import build_priors, draw_priors

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "measured.yaml"
        path.write_text(problem_text(scales))
        loaded = load_problem(path)
    rng = np.random.default_rng(seed)
    made = draw_priors(build_priors(loaded), [], draws, rng)
    shaped = {
        name: (("chain", "draw"), np.clip(values, 1e-6, None).reshape(4, -1))
        for name, values in made.items()
    }
    return Posterior(loaded, xr.Dataset(shaped), {"seed": seed, "digest": f"measured-{seed}"})


def patients(size: int, seed: int = 2) -> dict[str, np.ndarray]:
    """Return covariates of invented patients: risks are moderate, so that no draw is set aside."""
    rng = np.random.default_rng(seed)
    return {f"covariate_{i}": rng.uniform(-0.5, 0.5, size) for i in range(COVARIATES)}
