# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Immunoglobulin in plexopathy: what can be said when there are five patients?
#
# Four of five patients with the diabetic form had less pain after immunoglobulin. They were compared with nobody.
# Research use; not medical advice.

# %%
import matplotlib.pyplot as plt
import numpy as np

import riskmodel as rm

four_of_five = rm.small_series(4, 5, wanted=True)
four_of_five.statement

# %% [markdown]
# That is all the series says: how many had less pain, not what immunoglobulin did. A contrast is refused until the course
# without treatment is declared.

# %%
try:
    four_of_five.contrast
except rm.ParameterError as refused:
    print(refused)

# %% [markdown]
# In the question itself, further treatment after corticosteroids have failed, the sources allow no contrast of benefit. The
# run therefore solves for it: how much more complete recovery would make up for the thromboembolism that is known?

# %%
problem = rm.load_problem("ivig_plexopathy")
posterior = rm.fit(problem, seed=7)
outcomes = rm.simulate(posterior)
rm.absolute_effects(outcomes)[["option", "outcome", "per_1000", "per_1000_lower", "per_1000_upper"]]

# %%
needed = rm.benefit_needed(outcomes)
needed

# %% [markdown]
# What if one *did* believe the five? Suppose, as an example of nobody's, that half would have had less pain anyway (10 of 20),
# and let the series count for a share a0 of itself: 0 leaves it out, 1 takes it at face value.

# %%
shares = np.linspace(0, 1, 11)
contrasts = [
    rm.small_series(4, 5, comparator=(10, 20), a0=a0, wanted=True, because="an example").contrast
    for a0 in shares
]
differences = [contrast.risk_difference for contrast in contrasts]
middle = [float(difference.ppf(0.5)) for difference in differences]
lower, upper = zip(*(difference.interval(0.95) for difference in differences), strict=True)

# %% [markdown]
# Even at face value the interval holds no difference, and a large harm as well. Five patients cannot carry the question;
# beside what they leave open, the benefit that would be needed (above, in complete recoveries) is small.

# %%
figure, ax = plt.subplots()
ax.fill_between(shares, lower, upper, alpha=0.2, label="95% credible interval")
ax.plot(shares, middle, label="median")
ax.axhline(0, color="black", linewidth=0.8, label="no difference")
ax.set_xlabel("Share of the five patients that counts (a0)")
ax.set_ylabel("Difference in the chance of less pain")
legend = ax.legend()
