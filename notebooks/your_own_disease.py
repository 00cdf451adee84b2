# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # How do I add my own disease in one file?
#
# No Python is written for it: one YAML file asks the question, states what sources report with the place in each, and says
# what is judged and by whom. Every value below is invented.

# %%
import tempfile
from pathlib import Path

import riskmodel as rm
from riskmodel.evidence.loading import check_files

TEXT = """\
schema: riskmodel/problem/1
id: brace_ankle
question: What does a brace add to rest after a first ankle sprain?
population: adults after a first ankle sprain
horizon: {value: 12, unit: month}
comparator: rest
covariates:
  age: {label: Age, unit: year, range: [18, 90], studied: [18, 60]}
reference_profile: {age: 35}
options:
  rest: {label: Rest}
  brace: {label: Brace}
outcomes:
  sprain:
    label: Another sprain
    unwanted: true
    baseline:
      intercept: {prior: sprain_risk}
      terms: [{covariate: age, transform: linear, centre: 35, per: 10, prior: odds_ratio_decade}]
    effects:
      brace: {scale: relative_risk, prior: sprain_ratio}
  sore:
    label: Pressure sore
    unwanted: true
    baseline: {intercept: {prior: sore_risk}}
    effects:
      brace: {scale: odds_ratio, prior: sore_ratio}
priors:
  sprain_risk: {from: [sprain_cohort]}
  odds_ratio_decade: {from: [sprain_age]}
  sprain_ratio: {from: [sprain_trial]}
  sore_risk: {from: [sore_cohort]}
  sore_ratio: {from: [sore_trial]}
preferences: {reference: sprain, default: runners, vary: sore}
sources:
  example: {citation: "Invented for this notebook", url: "https://example.org", read: full text, role: primary}
estimates:
  - {id: sprain_cohort, measure: risk, outcome: sprain, counts: {events: 120, n: 400}, population: adults, horizon: {value: 12, unit: month}, source: {key: example, locator: Table 1}, printed: 120/400, status: seen_primary}
  - {id: sprain_age, measure: odds_ratio, outcome: sprain, value: 0.8, interval: {lower: 0.7, upper: 0.92, level: 0.95, kind: confidence}, population: adults, horizon: {value: 12, unit: month}, source: {key: example, locator: Table 3}, printed: "OR 0.8 (0.7-0.92)", status: seen_primary}
  - {id: sprain_trial, measure: relative_risk, outcome: sprain, value: 0.6, interval: {lower: 0.42, upper: 0.86, level: 0.95, kind: confidence}, population: adults, horizon: {value: 12, unit: month}, source: {key: example, locator: Table 2}, printed: "RR 0.6 (0.42-0.86)", status: seen_primary}
  - {id: sore_cohort, measure: risk, outcome: sore, counts: {events: 8, n: 400}, population: adults, horizon: {value: 12, unit: month}, source: {key: example, locator: Table 1}, printed: 8/400, status: seen_primary}
  - {id: sore_trial, measure: odds_ratio, outcome: sore, value: 3.0, interval: {lower: 1.5, upper: 6.0, level: 0.95, kind: confidence}, population: adults, horizon: {value: 12, unit: month}, source: {key: example, locator: Table 2}, printed: "OR 3.0 (1.5-6.0)", status: seen_primary}
panels:
  - id: runners
    label: Runners
    whose: invented for this notebook
    why: to show the shape
    swing: no event to one event within 12 months
    status: judgement
    reference: sprain
    weights: {sprain: {weight: 1}, sore: {weight: 0.5, range: [0, 4]}}
"""
path = Path(tempfile.mkdtemp()) / "brace_ankle.yaml"
written = path.write_text(TEXT, encoding="utf-8")
problems, files = check_files([path])
problems

# %% [markdown]
# Nothing is wrong. Were the level of an interval left out, the check would say where, what and how to mend it:

# %%
broken = path.with_name("broken.yaml")
written = broken.write_text(TEXT.replace("upper: 0.86, level: 0.95,", "upper: 0.86,"), encoding="utf-8")
for problem in check_files([broken])[0]:
    print(str(problem).removeprefix(f"{path.parent}/"))

# %% [markdown]
# The file is the program. Two patients, both options, both outcomes:

# %%
problem = rm.load_problem(path)
posterior = rm.fit(problem, seed=1)
outcomes = rm.simulate(posterior, [{"id": "young", "age": 20}, {"id": "older", "age": 55}])
rm.absolute_effects(outcomes)[["profile", "outcome", "baseline_risk", "per_1000", "number_needed_to_treat"]]

# %% [markdown]
# And whose values would change the answer, for the older one:

# %%
curve = rm.preference_curve(outcomes)
turning = rm.break_even_weight(outcomes)
axes = rm.plot_preference_curve(
    curve[curve["profile"] == "older"],
    xlabel="Weight of a pressure sore (sprain = 1)",
    scale=1000,
    ylabel="Net benefit per 1000",
    break_even=turning[turning["profile"] == "older"].iloc[0],
)
