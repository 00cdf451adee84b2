# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From NNT 21.7 and 6.25 to a decision: what does plasma exchange add in ANCA-associated vasculitis?
#
# A page gives two numbers needed to treat against kidney failure, 21.7 at moderate to high risk and 6.25 at high risk,
# and one number needed to harm, 14, for serious infection, of no class of patients in particular. Research use; not
# medical advice.

# %%
import riskmodel as rm

problem = rm.load_problem("plex_aav")
problem

# %% [markdown]
# Taken at their word, the weight of an infection at which benefit and harm balance is the NNH over the NNT: below it
# (kidney failure = 1) plasma exchange comes out ahead. The two numbers stand without an interval, and the harm without a
# class; that is why no decision follows from them yet.

# %%
{nnt: 14 / nnt for nnt in (21.7, 6.25)}

# %% [markdown]
# Behind them stand one ratio, 0.62 (0.39 to 0.98), and a baseline risk that rises with creatinine. From those, with all
# else the sources give, the joint posterior:

# %%
posterior = rm.fit(problem, seed=7)
posterior

# %% [markdown]
# A patient with a creatinine of 420 µmol/L: risks of every outcome, under each option, draw by draw.

# %%
outcomes = rm.simulate(posterior, profiles=[{"serum_creatinine": 420, "age": 62}])
effects = rm.absolute_effects(outcomes)
effects[["outcome", "per_1000", "per_1000_lower", "per_1000_upper", "number_needed_to_treat"]]

# %% [markdown]
# The model beside the printed reductions, class by class: they were not fitted, and do not agree everywhere.

# %%
bands = rm.band_effects(outcomes)
bands[bands["outcome"] == "end_stage_kidney_disease"][["band", "per_1000", "per_1000_lower", "per_1000_upper"]]

# %% [markdown]
# Weighted by a panel (here an illustration: nobody was asked), and how sure that is.

# %%
benefit = rm.net_benefit(outcomes, preferences="panel")
rm.summarize_net_benefit(benefit)

# %% [markdown]
# Whose values would change the answer? The weight at which net benefit turns, with its interval.

# %%
turning = rm.break_even_weight(outcomes)
turning

# %%
curve = rm.preference_curve(outcomes)
axes = rm.plot_preference_curve(
    curve,
    xlabel="Weight of serious infection (kidney failure = 1)",
    scale=1000,
    ylabel="Net benefit per 1000",
    break_even=turning.iloc[0],
)
