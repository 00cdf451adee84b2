"""What two medians imply for the chance of recovery by a time, family by family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize

from riskmodel.evidence.families import refuse, require_number, require_probability
from riskmodel.evidence.recovery_families import FAMILIES, log_recovered, quantile, require_family

if TYPE_CHECKING:
    import pandas as pd

_SPREADS = (0.05, 20.0)


def implied_relative_risk(
    medians: tuple[float, float],
    at: float,
    families: Sequence[str] = FAMILIES,
    *,
    spread: Sequence[float] = (0.5, 1.0),
    shape: float = 0.5,
    never_recovered: float = 0.0,
    printed: float | None = None,
    interval: tuple[float, float] | None = None,
) -> pd.DataFrame:
    """Return the relative chance of recovery by a time that two printed medians imply.

    Parameters
    ----------
    medians : (float, float)
        Of everyone with and without the treatment, in one unit of time.
    at : float
        When the chance is compared, in the same unit.
    families : sequence of str
    spread : sequence of float
        Spreads of log time at which it is shown; the same with and without the treatment.
    shape : float
        Of the generalized gamma: 0 is the lognormal, 1 the Weibull.
    never_recovered : float
        The same fraction with and without the treatment; below 0.5, or there is no median.
    printed : float, optional
        A relative chance that was printed, to be set beside it.
    interval : (float, float), optional
        Its limits.

    Returns
    -------
    pandas.DataFrame
        One row a family and spread: ``family``, ``spread``, ``recovered_treated``,
        ``recovered_untreated``, ``relative_risk``; with `printed` also ``printed``,
        ``spread_for_printed`` (nan where no spread gives it) and with `interval`
        ``inside_interval``.

    Notes
    -----
    Time is sped up or slowed down as a whole: equal spreads, locations put to the medians. Two
    medians alone say nothing of the spread, and the relative chance depends on it: the narrower,
    the farther from 1. Median and relative chance of one trial are two readings of two curves, and
    which spread makes them agree is what the table says.

    Examples
    --------
    >>> table = implied_relative_risk((30, 44), 28, ["weibull"], spread=[1.0])
    >>> round(float(table["relative_risk"][0]), 3)  # (1 - 2^(-28/30)) / (1 - 2^(-28/44))
    1.336
    """
    import pandas as pd

    treated, untreated = (require_number("medians", one, above=0) for one in medians)
    time = require_number("at", at, above=0)
    never = require_probability("never_recovered", never_recovered, ends=True)
    if never >= 0.5:
        refuse(
            "never_recovered",
            never_recovered,
            "below 0.5",
            "with half or more who never recover there is no median",
        )
    rows = []
    for family in families:
        require_family(family, "families")

        def chances(width, family=family):
            return _chances(family, (treated, untreated), time, width, shape, never)

        found = _spread_for(chances, printed)
        for width in spread:
            chance = chances(require_number("spread", width, above=0))
            row = {
                "family": family,
                "spread": float(width),
                "recovered_treated": chance[0],
                "recovered_untreated": chance[1],
                "relative_risk": chance[0] / chance[1],
            }
            if printed is not None:
                row["printed"] = float(printed)
                row["spread_for_printed"] = found
            if interval is not None:
                row["inside_interval"] = interval[0] <= row["relative_risk"] <= interval[1]
            rows.append(row)
    return pd.DataFrame(rows)


def _chances(family, medians, time, spread, shape, never) -> tuple[float, float]:
    """Return the chance of recovery by a time for each median."""
    # Half of everyone is a larger share of those who recover.
    standard = np.log(quantile(family, 0.5 / (1 - never), 0.0, spread, shape))
    found = (
        (1 - never) * np.exp(log_recovered(family, time, np.log(m) - standard, spread, shape))
        for m in medians
    )
    return tuple(float(one) for one in found)


def _spread_for(chances, printed: float | None) -> float:
    if printed is None:
        return float("nan")

    def gap(log_width):
        treated, untreated = chances(np.exp(log_width))
        if untreated <= 0:
            return np.inf
        return np.log(treated / untreated) - np.log(printed)

    low, high = np.log(_SPREADS)
    if not gap(low) * gap(high) < 0:
        return float("nan")
    start = low if np.isfinite(gap(low)) else np.log(0.1)
    return float(np.exp(optimize.brentq(gap, start, high)))
