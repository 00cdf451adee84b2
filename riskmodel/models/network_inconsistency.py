"""Whether direct and indirect evidence of a network agree: side-splitting, unrelated effects."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from scipy import special

from riskmodel.models.convergence import monte_carlo_standard_error
from riskmodel.models.network_data import Arms
from riskmodel.models.network_model import NetworkModel, Sampled
from riskmodel.models.network_tables import KIND

if TYPE_CHECKING:
    import pandas as pd

ERROR_RATE = 0.05  # of flagging any comparison of a consistent network
_BATCHES = 5  # of each chain, for the Monte Carlo error of what is no mean of draws

SPLIT_COLUMNS = (
    "treatment", "comparator", "direct_studies",
    "direct_odds_ratio", "direct_lower", "direct_upper",
    "indirect_odds_ratio", "indirect_lower", "indirect_upper",
    "difference", "lower", "upper", "monte_carlo_standard_error",
    "tail_probability", "flagged", "prob", "kind",
)  # fmt: skip
UNRELATED_COLUMNS = (
    "treatment", "comparator", "direct_studies",
    "consistent_odds_ratio", "consistent_lower", "consistent_upper",
    "unrelated_odds_ratio", "unrelated_lower", "unrelated_upper",
    "consistent_log_odds_ratio", "consistent_standard_deviation",
    "unrelated_log_odds_ratio", "unrelated_standard_deviation",
    "monte_carlo_standard_error", "prob", "kind",
)  # fmt: skip
COMPARISON_COLUMNS = (
    "model", "arms", "residual_deviance", "effective_parameters",
    "deviance_information_criterion", "monte_carlo_standard_error",
    "tau", "tau_lower", "tau_upper", "prob",
)  # fmt: skip


def split_table(model: NetworkModel, pairs, prob: float, seeds) -> tuple[pd.DataFrame, list[dict]]:
    """Return direct against indirect evidence for each pair, and the records of the runs."""
    import pandas as pd

    arms, rows, records = model.arms, [], []
    together = arms.together()
    cut = 1 - (1 - ERROR_RATE) ** (1 / max(len(pairs), 1))
    tails = [(1 - prob) / 2, 0.5, (1 + prob) / 2]
    for pair, seed in zip(pairs, seeds, strict=False):
        sampled = model.sample(seed, arms.split_vector(pair))
        a, b = pair
        effect, omega = sampled.draws["effect"].values, sampled.draws["omega"].values
        indirect = effect[..., b] - effect[..., a]
        tail = 2 * min((omega > 0).mean(), (omega < 0).mean())
        row = {
            "treatment": arms.treatments[b],
            "comparator": arms.treatments[a],
            "direct_studies": len(together[pair]),
        }
        for name, values in (("direct", indirect + omega), ("indirect", indirect)):
            ends = np.exp(np.quantile(values, tails))
            names = (f"{name}_lower", f"{name}_odds_ratio", f"{name}_upper")
            row |= dict(zip(names, ends, strict=True))
        lower, middle, upper = np.quantile(omega, tails)
        rows.append(
            row
            | {
                "difference": middle,
                "lower": lower,
                "upper": upper,
                "monte_carlo_standard_error": float(monte_carlo_standard_error(omega)),
                "tail_probability": float(tail),
                "flagged": bool(tail < cut),
                "prob": prob,
                "kind": KIND,
            }
        )
        records.append({"comparison": arms.contrast_name(pair), "seed": seed, **sampled.record()})
    return pd.DataFrame(rows, columns=list(SPLIT_COLUMNS)), records


# --- unrelated mean effects -----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Unrelated:
    """The network with an effect of its own for every contrast, beside the consistent one.

    Parameters
    ----------
    effects, comparison, deviance : pandas.DataFrame
        See `Network`.
    draws : xarray.Dataset or None
    record : dict
    """

    effects: pd.DataFrame = field(repr=False)
    comparison: pd.DataFrame = field(repr=False)
    deviance: pd.DataFrame = field(repr=False)
    draws: xr.Dataset | None = field(repr=False)
    record: dict = field(repr=False)

    @property
    def difference(self) -> tuple[float, float]:
        """Criterion of the unrelated effects less that of consistent ones, and its error."""
        rows = self.comparison.set_index("model")
        name = "deviance_information_criterion"
        errors = rows["monte_carlo_standard_error"]
        return (
            float(rows.loc["unrelated", name] - rows.loc["consistent", name]),
            float(np.hypot(errors["unrelated"], errors["consistent"])),
        )


def unrelated_effects(
    model: NetworkModel, consistent: Sampled, prob: float, seed: int, wanted: bool
) -> Unrelated:
    """Return unrelated mean effects, sampled once more; empty tables where not wanted."""
    import pandas as pd

    if not wanted:
        empty = [
            pd.DataFrame(columns=list(columns))
            for columns in (UNRELATED_COLUMNS, COMPARISON_COLUMNS, ("study", "treatment"))
        ]
        return Unrelated(*empty, None, {})
    sampled = replace(model, unrelated=True).sample(seed)
    found = {"consistent": consistent.draws, "unrelated": sampled.draws}
    comparison = [_model_row(name, model.arms, draws, prob) for name, draws in found.items()]
    return Unrelated(
        _effects_table(model.arms, *found.values(), prob),
        pd.DataFrame(comparison, columns=list(COMPARISON_COLUMNS)),
        _deviance_table(model.arms, found),
        sampled.draws,
        {"seed": seed, **sampled.record()},
    )


def residual_deviance(arms: Arms, expected: np.ndarray) -> np.ndarray:
    """Return the residual deviance of each arm, 0 where the expected events are the observed.

    Parameters
    ----------
    arms : Arms
    expected : ndarray, shape (..., arm)
        Events, between 0 and n.

    Notes
    -----
    ``2 (y log(y / e) + (n - y) log((n - y) / (n - e)))``: where a model fits, about 1 an arm.
    """
    y, rest = arms.events, arms.n - arms.events
    with np.errstate(divide="ignore", invalid="ignore"):
        one = special.xlogy(y, y / expected)
        other = special.xlogy(rest, rest / (arms.n - expected))
    return 2 * (one + other)


def _fit(arms: Arms, expected: np.ndarray) -> tuple[float, float]:
    """Return mean deviance, and effective parameters, over the first two axes."""
    mean = residual_deviance(arms, expected).sum(axis=-1).mean()
    return mean, mean - residual_deviance(arms, expected.mean(axis=(0, 1))).sum()


def _model_row(name: str, arms: Arms, draws: xr.Dataset, prob: float) -> dict:
    expected = arms.n * special.expit(draws["log_odds"].values)
    deviance, parameters = _fit(arms, expected)
    batches = np.array_split(expected, _BATCHES, axis=1)
    parts = [sum(_fit(arms, chain[None])) for batch in batches for chain in batch]
    tails = [(1 - prob) / 2, 0.5, (1 + prob) / 2]
    lower, middle, upper = np.quantile(draws["tau"].values, tails)
    return {
        "model": name,
        "arms": len(arms.study),
        "residual_deviance": deviance,
        "effective_parameters": parameters,
        "deviance_information_criterion": deviance + parameters,
        "monte_carlo_standard_error": float(np.std(parts, ddof=1) / np.sqrt(len(parts))),
        "tau": middle,
        "tau_lower": lower,
        "tau_upper": upper,
        "prob": prob,
    }


def _effects_table(arms: Arms, consistent, unrelated, prob: float) -> pd.DataFrame:
    import pandas as pd

    tails, rows, together = [(1 - prob) / 2, 0.5, (1 + prob) / 2], [], arms.together()
    for k, (a, b) in enumerate(arms.unrelated_contrasts):
        effect = consistent["effect"].values
        own = unrelated["effect"].values[..., k]
        row = {
            "treatment": arms.treatments[b],
            "comparator": arms.treatments[a],
            "direct_studies": len(together[a, b]),
            "monte_carlo_standard_error": float(monte_carlo_standard_error(own)),
            "prob": prob,
            "kind": KIND,
        }
        for name, values in (("consistent", effect[..., b] - effect[..., a]), ("unrelated", own)):
            lower, middle, upper = np.exp(np.quantile(values, tails))
            row |= {
                f"{name}_odds_ratio": middle,
                f"{name}_lower": lower,
                f"{name}_upper": upper,
                f"{name}_log_odds_ratio": values.mean(),
                f"{name}_standard_deviation": values.std(ddof=1),
            }
        rows.append(row)
    return pd.DataFrame(rows, columns=list(UNRELATED_COLUMNS))


def _deviance_table(arms: Arms, found: dict[str, xr.Dataset]) -> pd.DataFrame:
    """Return the mean residual deviance of each arm under both models."""
    import pandas as pd

    columns = {
        name: residual_deviance(arms, arms.n * special.expit(draws["log_odds"].values)).mean((0, 1))
        for name, draws in found.items()
    }
    return pd.DataFrame(
        {
            "study": [arms.studies[i] for i in arms.study],
            "treatment": [arms.treatments[i] for i in arms.treatment],
            **columns,
        }
    )
