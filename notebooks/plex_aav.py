# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What does plasma exchange add for a patient with a creatinine of 420 µmol/L?
#
# From cited figures to a decision. Research use; not medical advice.

# %%
import riskmodel as rm

problem = rm.load_problem("plex_aav")
posterior = rm.fit(problem, seed=7)
posterior

# %% [markdown]
# Risks of every outcome, under each option, draw by draw.

# %%
outcomes = rm.simulate(posterior, profiles=[{"serum_creatinine": 420, "age": 62}])
rm.absolute_effects(outcomes)[
    [
        "outcome",
        "per_1000",
        "per_1000_lower",
        "per_1000_upper",
        "number_needed_to_treat",
        "prob_benefit",
    ]
]

# %% [markdown]
# Weighted by a panel (here an illustration: nobody was asked), and how sure that is.

# %%
benefit = rm.net_benefit(outcomes, preferences="panel")
rm.summarize_net_benefit(benefit)

# %% [markdown]
# Whose values would change the answer? The weight at which net benefit turns.

# %%
rm.break_even_weight(outcomes)

# %%
curve = rm.preference_curve(outcomes)
axes = rm.plot_preference_curve(
    curve,
    xlabel="Weight of serious infection (kidney failure = 1)",
    scale=1000,
    ylabel="Net benefit per 1000",
    break_even=rm.break_even_weight(outcomes).iloc[0],
)
