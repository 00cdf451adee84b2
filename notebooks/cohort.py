# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What would a policy do to a cohort of a million?
#
# Every patient of a registry, one risk at a time, and then all of them. The registry is simulated; where `CI` is set it
# is a small one. Research use; not medical advice.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import riskmodel as rm

patients = 5_000 if os.environ.get("CI") else 1_000_000
rng = np.random.default_rng(3)
registry = pd.DataFrame(
    {
        "serum_creatinine": np.clip(350 * np.exp(0.55 * rng.normal(size=patients)), 100, 800),
        "age": np.clip(rng.normal(64, 12, size=patients), 20, 90),
    }
)
registry.describe().loc[["mean", "50%", "min", "max"]]

# %% [markdown]
# Draws times patients times outcomes are never in memory: sums are taken draw by draw, quantiles last.

# %%
posterior = rm.fit(rm.load_problem("plex_aav"), seed=7)
cohort = rm.simulate_cohort(posterior, registry, preferences="panel", quantiles=())
cohort.summary["status"]

# %%
policies = cohort.summary["policies"]
policies

# %% [markdown]
# An input that is too high is too high for all, so that a million rows do not make the answer a thousand times surer.
# Events averted and caused by each policy, per 1000:

# %%
cohort.summary["events"].head(12)

# %% [markdown]
# How patients' own expectations are spread, and where treating starts to pay:

# %%
chosen = registry.sample(min(2_000, patients), random_state=1).index
table = cohort.patients.select(["plex.net_benefit", "plex.prob_best"]).to_pandas().loc[chosen]
figure, ax = plt.subplots()
points = ax.scatter(
    registry.loc[chosen, "serum_creatinine"],
    1000 * table["plex.net_benefit"],
    c=table["plex.prob_best"],
    s=6,
    cmap="cividis",
)
ax.axhline(0, color="black", linewidth=0.8)
ax.set_xlabel("Serum creatinine (µmol/L)")
ax.set_ylabel("Expected net benefit per 1000 such patients")
bar = figure.colorbar(points, label="Probability that treating is better")
