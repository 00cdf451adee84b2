"""What a rung of the ladder gives: a distribution, and how well it gives back what was printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from riskmodel.errors import Phrase
from riskmodel.evidence.families import (
    refuse,
)
from riskmodel.evidence.ladder_figure import Figure
from riskmodel.evidence.priors import NUMBERS_NEEDED


@dataclass(frozen=True)
class LadderPrior:
    """A distribution made from one printed figure.

    Attributes
    ----------
    distribution : distribution
        With SciPy's frozen protocol and `hdi`.
    measure : str
        What it is a distribution of; a number needed becomes a ``risk_difference``.
    rule : str
        How it was made, in words.
    badge : {"data", "assumed", "elicited", "transported"}
    reconstruction_error : DataFrame
        Columns ``summary, printed, distribution, difference, relative_difference``, for every
        printed figure, used or not; nan where the distribution has no such summary.
    describes : {"the quantity", "patients"}
        Whether the spread is of what is known about one number, or of patients who differ.
    unit : str or None
    notes : tuple of str
        What is doubtful and was let through.
    """

    distribution: Any
    measure: str
    rule: str
    badge: str
    reconstruction_error: pd.DataFrame
    describes: str = "the quantity"
    unit: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def worst_reconstruction(self) -> float:
        """The greatest relative difference between what was printed and what came out."""
        return float(self.reconstruction_error["relative_difference"].abs().max())

    def __str__(self) -> str:
        return f"{self.measure}: {self.rule} [{self.badge}]"


def errors(rows) -> pd.DataFrame:
    """Return what was printed, what the distribution gives, and the difference."""
    table = pd.DataFrame(rows, columns=["summary", "printed", "distribution"]).astype(
        {"printed": float, "distribution": float}
    )
    table["difference"] = table["distribution"] - table["printed"]
    with np.errstate(divide="ignore", invalid="ignore"):
        table["relative_difference"] = np.where(
            table["difference"] == 0, 0.0, table["difference"] / table["printed"].abs()
        )
    return table


def result(figure: Figure, distribution, rule: str, rows, *, assumed: bool = False, **more):
    """Return the distribution of a rung with its rule, its badge and its reconstruction error."""
    badge = figure.badge or ("assumed" if assumed or figure.judged else "data")
    if badge == "data" and assumed:
        refuse(
            "badge",
            "data",
            "assumed, elicited or transported",
            "a spread that nobody printed is not data",
        )
    measure = figure.measure
    if measure in NUMBERS_NEEDED:
        measure = "risk_difference"
        _check_differences(figure, distribution)
    return LadderPrior(
        distribution=distribution,
        measure=measure,
        rule=rule,
        badge=badge,
        reconstruction_error=errors(rows),
        unit=figure.unit,
        **more,
    )


def _check_differences(figure: Figure, distribution) -> None:
    """Refuse a normal that puts more than 1% where no difference of risks can be."""
    beyond = float(distribution.cdf(-1.0) + 1 - distribution.cdf(1.0))
    if beyond > 0.01:
        refuse(
            "value" if figure.value is not None else "interval",
            Phrase(
                f"a {figure.measure} whose normal distribution puts {beyond:.0%} beyond a risk "
                "difference of 1 in size"
            ),
            "a risk difference between -1 and 1, but for 1%",
            "nearly everybody is affected: give the counts of both arms, not a number needed",
        )
