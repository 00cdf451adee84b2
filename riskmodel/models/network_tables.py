"""The tables of a network: the league, ranks, and which evidence is direct."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from riskmodel.models.convergence import monte_carlo_standard_error
from riskmodel.models.network_data import Arms

if TYPE_CHECKING:
    import pandas as pd

KIND = "equal_tailed"


def new_study(contrast: np.ndarray, draws: xr.Dataset, rng) -> np.ndarray:
    """Return draws of a contrast in a new study."""
    return contrast + draws["tau"].values * rng.standard_normal(contrast.shape)


def league_table(arms: Arms, draws: xr.Dataset, prob: float, rng) -> pd.DataFrame:
    """Return every ordered pair of treatments, see `Network.league`."""
    import pandas as pd

    tails = [(1 - prob) / 2, 0.5, (1 + prob) / 2]
    effect = draws["effect"].values
    together, rows = arms.together(), {}
    for a, b in itertools.combinations(range(len(arms.treatments)), 2):
        contrast = effect[..., b] - effect[..., a]
        new = np.quantile(new_study(contrast, draws, rng), tails)
        ends = np.quantile(contrast, tails)
        error = float(monte_carlo_standard_error(contrast))
        for sign, pair in ((1, (b, a)), (-1, (a, b))):  # both ways from the same draws
            lower, middle, upper = np.sort(sign * ends)
            rows[pair] = {
                "treatment": arms.treatments[pair[0]],
                "comparator": arms.treatments[pair[1]],
                "odds_ratio": np.exp(middle),
                "lower": np.exp(lower),
                "upper": np.exp(upper),
                "predicted_lower": np.exp(np.min(sign * new)),
                "predicted_upper": np.exp(np.max(sign * new)),
                "log_odds_ratio": sign * contrast.mean(),
                "standard_deviation": contrast.std(ddof=1),
                "monte_carlo_standard_error": error,
                "probability_fewer": float((sign * contrast < 0).mean()),
                "direct_studies": len(together.get((a, b), [])),
                "prob": prob,
                "kind": KIND,
            }
    return pd.DataFrame([rows[pair] for pair in sorted(rows, key=lambda pair: (pair[1], pair[0]))])


def rank_tables(
    arms: Arms, draws: xr.Dataset, unwanted: bool, prob: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the probability of each rank, and the surface under their cumulative curve."""
    import pandas as pd

    effect = draws["effect"].values * (1 if unwanted else -1)
    rank = effect.argsort(axis=-1).argsort(axis=-1) + 1
    number = len(arms.treatments)
    share = (number - rank) / (number - 1)
    tails = [(1 - prob) / 2, (1 + prob) / 2]
    by_rank, summary = [], []
    for k, name in enumerate(arms.treatments):
        own = rank[..., k]
        for place in range(1, number + 1):
            hit = (own == place).astype(float)
            by_rank.append(
                {
                    "treatment": name,
                    "rank": place,
                    "probability": hit.mean(),
                    "monte_carlo_standard_error": float(monte_carlo_standard_error(hit)),
                }
            )
        lower, upper = np.quantile(own, tails, method="inverted_cdf")
        summary.append(
            {
                "treatment": name,
                "sucra": share[..., k].mean(),
                "monte_carlo_standard_error": float(monte_carlo_standard_error(share[..., k])),
                "mean_rank": own.mean(),
                "lower": int(lower),
                "upper": int(upper),
                "prob": prob,
                "kind": KIND,
            }
        )
    sucra = pd.DataFrame(summary).sort_values("sucra", ascending=False, kind="stable")
    return pd.DataFrame(by_rank), sucra.reset_index(drop=True)


def direct_evidence_table(arms: Arms) -> pd.DataFrame:
    """Return each pair that studies compare, with their counts."""
    import pandas as pd

    rows = []
    for (a, b), studies in arms.together().items():
        row = {
            "treatment": arms.treatments[b],
            "comparator": arms.treatments[a],
            "studies": len(studies),
        }
        for name, treatment in (("", b), ("_comparator", a)):
            chosen = np.isin(arms.study, studies) & (arms.treatment == treatment)
            row[f"events{name}"] = int(arms.events[chosen].sum())
            row[f"n{name}"] = int(arms.n[chosen].sum())
        rows.append({**row, "study_names": ", ".join(arms.studies[i] for i in studies)})
    return pd.DataFrame(rows)
