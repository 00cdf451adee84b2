# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Would acting on this prediction help? Decision curves on data of your own
#
# A decision curve asks what a prediction is worth to somebody who acts at a threshold, beside treating all and treating
# none. It needs patients' own outcomes. The rows below are simulated, so that the notebook runs by itself: put your own
# table in their place.

# %%
import numpy as np
import pandas as pd

import riskmodel as rm

rng = np.random.default_rng(20)
marker, age = rng.normal(size=(2, 600))
risk = 1 / (1 + np.exp(-(-1.4 + 1.1 * marker + 0.5 * age)))
patients = pd.DataFrame(
    {
        "event": rng.random(600) < risk,
        "full_model": risk,
        "age_only": 1 / (1 + np.exp(-(-1.2 + 0.5 * age))),
        "overconfident": 1 / (1 + np.exp(-(-2.6 + 2.8 * marker + 1.0 * age))),
    }
)
patients.head()

# %% [markdown]
# The reasonable range of thresholds comes first, and from outside the data: someone who would treat nine patients in vain
# to reach one event acts at 10%.

# %%
thresholds = np.arange(0.05, 0.5, 0.01)
models = ["full_model", "age_only", "overconfident"]
curve = rm.decision_curve(patients, "event", models, thresholds, draws=500, seed=1)
curve[np.isclose(curve["threshold"], 0.2)][
    ["strategy", "net_benefit", "lower", "upper", "net_interventions_avoided", "prob_best"]
]

# %% [markdown]
# Is the marker worth having? The difference of two curves, patient by patient, with its interval; not two intervals that
# are looked at for overlap.

# %%
difference = rm.decision_curve_difference(
    patients, "event", ["full_model", "age_only"], thresholds, versus="age_only", draws=500, seed=1
)
difference[np.isclose(difference["threshold"], 0.2)]

# %% [markdown]
# A model that is overconfident may discriminate as well, and still lose: the curve sees calibration.

# %%
axes = rm.plot_decision_curve(
    curve,
    labels={"full_model": "marker and age", "age_only": "age", "overconfident": "overconfident"},
)
