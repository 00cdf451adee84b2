# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Which citation would be most worth replacing?
#
# Net benefit is uncertain because what the sources say is uncertain. What would it be worth to know one input, or all
# that one document says, exactly? Research use; not medical advice.

# %%
import riskmodel as rm

problem = rm.load_problem("plex_aav")
posterior = rm.fit(problem, seed=7)
outcomes = rm.simulate(posterior, profiles=[{"serum_creatinine": 250, "age": 62}])
benefit = rm.net_benefit(outcomes, preferences="panel")
rm.summarize_net_benefit(benefit)

# %% [markdown]
# With perfect information every draw would take its better option. What that gains on average is the most that any
# research could be worth, per patient, in the unit of the weights (kidney failures):

# %%
perfect = rm.evpi(benefit)
perfect

# %% [markdown]
# By input. A value under its floor cannot be told from nothing.

# %%
used = rm.share_by_input(posterior, outcomes)["prior"].unique()
draws = posterior.draws[list(used)]
by_input = rm.evppi(benefit, draws)
by_input[["parameters", "evppi", "standard_error", "floor", "share_of_evpi"]]

# %% [markdown]
# By document: everything that the answer took from it is known together. A judgement is a document, too.

# %%
def documents(prior):
    estimates = (problem.estimates[name] for name in problem.problem.priors[prior].from_)
    return sorted({estimate.source.key or "judgement" for estimate in estimates})


sources = {prior: documents(prior) for prior in used}
by_source = rm.evppi(benefit, draws, sources=sources).sort_values("evppi", ascending=False)
by_source[["source", "parameters", "evppi", "standard_error", "floor"]]

# %% [markdown]
# This says which knowledge would be worth most *if* the weights and the structure hold. It says nothing about what a study
# costs, or how many patients it would reach: `rm.enbs` and `rm.population_reached` go on from here.

# %%
axes = rm.plot_evppi(
    by_source,
    by="source",
    evpi=float(perfect["evpi"].iloc[0]),
    scale=1000,
    xlabel="EVPPI, kidney failures per 1000 patients",
)
