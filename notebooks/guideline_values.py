# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What values does a guideline's table imply?
#
# A rapid recommendation prints what plasma exchange does to kidney failure in four classes of patients, and speaks against it
# in two of them and for it in the others. Can its table be reproduced, and which weights would lead to its advice?
# Research use; not medical advice.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import riskmodel as rm

problem = rm.load_problem("plex_aav")
posterior = rm.fit(problem, seed=7)
outcomes = rm.simulate(posterior)

# %% [markdown]
# The printed reductions beside the model's, which rests on the ratio and the edges of the classes and never saw them. One ratio for all
# classes needs an untreated risk of (printed reduction) / 0.38.

# %%
strata = problem.problem.published_strata
bands = rm.band_effects(outcomes)
modelled = bands[bands["outcome"] == strata.outcome].set_index("band")
table = pd.DataFrame(
    [
        {
            "band": row.band,
            "printed_per_1000": 1000 * problem.estimates[row.risk_difference].number,
            "modelled_per_1000": modelled.loc[row.band, "per_1000"],
            "lower": modelled.loc[row.band, "per_1000_lower"],
            "upper": modelled.loc[row.band, "per_1000_upper"],
        }
        for row in strata.rows
    ]
)
table["untreated_risk_it_needs"] = -table["printed_per_1000"] / 1000 / (1 - 0.62)
table

# %% [markdown]
# With the other weights as the illustrative panel has them, the weights of a serious infection at which each piece of
# advice follows, and those at which all do:

# %%
implied = rm.revealed_threshold("plex_aav_guideline", outcomes, preferences="panel")
implied

# %% [markdown]
# That is what the advice implies *if* it came from these risks and these other weights. A survey of patients asked at five
# levels of creatinine: 145 of 470 always chose plasma exchange, 80 never. Then at every level between 31% and 83% chose it.

# %%
survey = rm.preference_misfit([150, 250, 350, 450, 600], always=145, never=80, n=470)
survey.table

# %%
figure, ax = plt.subplots()
most = 1.1 * implied["lower"].max() + 1
for place, row in enumerate(implied.itertuples()):
    if np.isfinite(row.lower):
        width = min(row.upper, most) - row.lower
        colour = "#0072B2" if row.stratum != "all" else "#D55E00"
        ax.barh(place, width, left=row.lower, color=colour, height=0.5)
ax.set_yticks(range(len(implied)), [f"{r.stratum}: {r.recommendation or ''}" for r in implied.itertuples()])
ax.set_xlim(0, most)
ax.invert_yaxis()
xlabel = ax.set_xlabel("Weight of a serious infection (kidney failure = 1) at which the advice follows")
