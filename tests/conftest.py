"""One sampled posterior, one small problem, and a cache folder of their own."""

import json
import os

import numpy as np
import pytest
import xarray as xr

import riskmodel as rm
from riskmodel.evidence.priors import build_priors, draw_prior
from riskmodel.models.posterior import Posterior

# Three options and three outcomes, one of them wanted, with every form of baseline and effect
# that the shipped problem does not use. All numbers are invented.
SMALL = """\
schema: riskmodel/problem/1
id: small
question: Which of two exercise plans suits a runner?
population: runners
horizon: {value: 6, unit: month}
comparator: rest

covariates:
  distance: {label: Weekly distance, unit: km, range: [1, 200], bands: [
    {id: short, label: Short, up_to: 20}, {id: long, label: Long, above: 20}]}
  years: {label: Years of running, unit: year, range: [0, 60]}
  sprained: {label: Sprained ankle, type: boolean, default: false}
reference_profile: {distance: 30, years: 5}

options:
  rest: {label: Rest}
  walking: {label: Walking}
  jumping:
    label: Jumping
    not_for:
      - {covariate: sprained, is: true, because: "it would hurt"}

outcomes:
  fall:
    label: Fall
    unwanted: true
    baseline: {line: {prior: fall_line}}
    effects:
      walking: {scale: relative_risk, prior: fall_ratio}
      jumping: {scale: hazard_ratio, prior: fall_hazard}
  record:
    label: Personal record
    unwanted: false
    baseline:
      intercept: {prior: record_risk}
      terms:
        - {covariate: distance, transform: log, centre: 30, per: 0.5, prior: record_by_distance}
        - {covariate: years, transform: linear, centre: 5, per: 10, prior: record_by_years}
    effects:
      walking: {no_effect: example}
      jumping: {scale: odds_ratio, prior: record_ratio, reference_risk: 0.3, because: example}
  blister:
    label: Blister
    unwanted: true
    baseline:
      intercept: {prior: blister_risk}
      between_patient_spread: {log_odds_sd: 1.0, because: example}
    effects:
      walking: {scale: added_rate, prior: blister_rate,
                exposure: {value: 10, unit: day, because: example}}
      jumping: {scale: hazard_ratio, prior: blister_ratio, reference_risk: 0.2, because: example}

overlap:
  - {outcomes: [fall, blister], odds_ratio: 3, because: example}

priors:
  fall_line:
    from: [fall_at_10, fall_at_30, fall_at_90]
    line: {covariate: distance, transform: log, centre: 30,
           intercept: {mean: -1, sd: 2}, slope: {mean: 0, sd: 3}}
    effective_sample_size: 400
    badge: elicited
    whose: a test
    because: example
  fall_ratio: {from: [fall_ratio]}
  fall_hazard: {from: [fall_hazard]}
  record_risk: {from: [record_counts]}
  record_by_distance: {from: [record_by_distance]}
  record_by_years: {from: [record_by_years]}
  record_ratio: {from: [record_ratio]}
  blister_risk: {from: [blister_counts]}
  blister_rate: {from: [blister_rate], log_sd: 0.3, badge: assumed, whose: a test, because: example}
  blister_ratio: {from: [blister_ratio]}

preferences: {reference: fall, default: runner, vary: blister}
case_mix: {covariate: distance, transform: log, median: 25, sd: 0.6, within: [5, 100],
           because: example}

panels:
  - id: runner
    label: A runner
    whose: a test
    why: example
    swing: no event to one event
    status: judgement
    reference: fall
    weights: {fall: {weight: 1}, record: {weight: 0.5}, blister: {weight: 0.2, range: [0, 1.5]}}
    together: [{outcomes: [fall, blister], weight: 1.5}]
    residual_burden: {lower: 0, upper: 0.1, because: example}

sources:
  diary: {citation: "A diary, 2001", url: "https://example.org/diary", read: full text,
          role: primary}

estimates:
"""
_ESTIMATES = {
    "fall_at_10": ("risk", "value: 0.1, at: {distance: 10}"),
    "fall_at_30": ("risk", "value: 0.2, at: {distance: 30}"),
    "fall_at_90": ("risk", "value: 0.35, at: {distance: 90}"),
    "fall_ratio": ("relative_risk", "value: 0.8, interval: {lower: 0.6, upper: 1.0667}"),
    "fall_hazard": ("hazard_ratio", "value: 1.3, interval: {lower: 1.0, upper: 1.69}"),
    "record_counts": ("risk", "counts: {events: 60, n: 200}"),
    "record_by_distance": ("odds_ratio", "value: 1.5, interval: {lower: 1.2, upper: 1.875}"),
    "record_by_years": ("odds_ratio", "value: 0.7, interval: {lower: 0.5, upper: 0.98}"),
    "record_ratio": ("relative_risk", "value: 1.4, interval: {lower: 1.12, upper: 1.75}"),
    "blister_counts": ("risk", "counts: {events: 40, n: 200}"),
    "blister_rate": ("rate", "value: 5, per: {value: 1000, unit: day, of: days}"),
    "blister_ratio": ("relative_risk", "value: 1.5, interval: {lower: 1.2, upper: 1.875}"),
}
for _name, (_measure, _parts) in _ESTIMATES.items():
    _parts = (
        _parts.replace("}", ", level: 0.95, kind: confidence}") if "lower" in _parts else _parts
    )
    SMALL += f"""\
  - {{id: {_name}, measure: {_measure}, outcome: {_name}, {_parts},
     population: runners, horizon: {{value: 6, unit: month}},
     source: {{key: diary, locator: page 1}}, printed: "{_parts}", status: seen_primary}}
"""


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Keep every posterior of the tests away from the user's own cache."""
    before = os.environ.get("RISKMODEL_CACHE")
    folder = tmp_path_factory.mktemp("cache")
    os.environ["RISKMODEL_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["RISKMODEL_CACHE"]
    else:
        os.environ["RISKMODEL_CACHE"] = before


@pytest.fixture(scope="session")
def plex_aav():
    return rm.load_problem("plex_aav")


@pytest.fixture(scope="session")
def posterior(plex_aav):
    """The shipped problem, sampled once."""
    return rm.fit(plex_aav, seed=7)


@pytest.fixture(scope="session")
def outcomes(posterior):
    """The shipped problem's reference profile and case mix."""
    return rm.simulate(posterior)


@pytest.fixture(scope="session")
def small_text():
    return SMALL


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A problem in one file, with no word of the shipped one."""
    path = tmp_path_factory.mktemp("small") / "small.yaml"
    path.write_text(SMALL)
    return rm.load_problem(path)


@pytest.fixture(scope="session")
def small_posterior(small):
    return rm.fit(small, seed=11)


@pytest.fixture
def hand_made():
    """Return outcomes made by hand: risks as [draw, profile, option, outcome]."""

    def make(loaded, risk, **coords):
        problem = loaded.problem
        risk = np.asarray(risk, dtype=float)
        names = [f"case_{i}" for i in range(risk.shape[1])]
        return xr.Dataset(
            {"risk": (("chain", "draw", "profile", "option", "outcome"), risk[None])},
            coords={
                "profile": names,
                "option": list(problem.options),
                "outcome": list(problem.outcomes),
                **coords,
            },
            attrs={
                "problem": loaded.to_json(),
                "record": json.dumps({"seed": 0}),
                "horizon": str(problem.horizon),
                "notes": "[]",
            },
        )

    return make


@pytest.fixture(scope="session")
def drawn():
    """Return an exact posterior without a sampler: independent priors, drawn as they are."""

    def draw(loaded, seed=3, chains=4, size=1000):
        rng = np.random.default_rng(seed)
        priors = build_priors(loaded)
        assert not any(prior.measure == "log_odds_line" for prior in priors.values())
        draws = {
            name: (("chain", "draw"), draw_prior(prior, chains * size, rng).reshape(chains, size))
            for name, prior in priors.items()
        }
        record = {
            "seed": seed,
            "draws": chains * size,
            "chains": chains,
            "diagnostics": [],
            "divergences": 0,
            "versions": {},
        }
        return Posterior(loaded, xr.Dataset(draws), record)

    return draw
