"""Recovery from now on, of somebody who has waited: P(recovered by s + t | not by s)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from riskmodel.evidence.families import refuse, require_number, require_probability
from riskmodel.models.recovery_result import Recovery, prior_share, survival_of

if TYPE_CHECKING:
    import pandas as pd


def conditional_draws(
    recovery: Recovery, already: float, further: ArrayLike, *, prior: bool = False
) -> np.ndarray:
    """Return draws of P(recovered by ``already + further`` | not by ``already``).

    Parameters
    ----------
    recovery : Recovery
        Without covariates.
    already : float
        Time gone by without recovery, 0 or more, in the unit of the fit.
    further : array_like, shape (time,)
        From now on, 0 or more.
    prior : bool
        Of the prior instead of the posterior.

    Returns
    -------
    ndarray, shape (draw, time)
    """
    gone = require_number("already", already)
    later = np.atleast_1d(np.asarray(further, dtype=float))
    if gone < 0 or not (np.isfinite(later) & (later >= 0)).all():
        refuse("already", (already, further), "times of 0 or more", "give times, not dates")
    found = []
    for part in recovery.parts:
        parameters = part.prior if prior else part.posterior
        not_yet = survival_of(part.family, part.cure, parameters, [gone, *(gone + later)])
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = not_yet[:, 1:] / not_yet[:, :1]
        # Nobody left at `already`, to the last digit: what is left goes at once.
        found.append(1 - np.where(not_yet[:, :1] > 0, ratio, later == 0))
    return np.concatenate(found)


def conditional_curve(
    recovery: Recovery, already: float, further: ArrayLike, *, prob: float = 0.95
) -> pd.DataFrame:
    """Return recovery from now on, of somebody not recovered by now.

    Parameters
    ----------
    recovery, already, further
        As of :func:`conditional_draws`.
    prob : float
        Of the equal-tailed credible interval.

    Returns
    -------
    pandas.DataFrame
        ``time`` from now, ``time_unit``, ``recovered`` (posterior mean), ``lower``, ``upper``,
        ``prob``, ``prior_share`` (nan at time 0, where nothing is to be learnt), ``endpoint``.

    Examples
    --------
    A constant hazard, half recovered by 6 months: half of the rest within another 6.

    >>> from riskmodel.evidence.recovery_summaries import RecoveredCount
    >>> from riskmodel.models.recovery_quadrature import integrate_recovery
    >>> found = integrate_recovery([RecoveredCount(recovered=30, n=60, by=6)],
    ...     family="weibull", priors={"spread": (0.999, 1.001)})
    >>> conditional_curve(found, 6, [0, 6])["recovered"].round(2).tolist()
    [0.0, 0.5]
    """
    import pandas as pd

    prob = require_probability("prob", prob)
    further = np.atleast_1d(np.asarray(further, dtype=float))
    draws = conditional_draws(recovery, already, further)
    before = conditional_draws(recovery, already, further, prior=True)
    lower, upper = np.quantile(draws, [(1 - prob) / 2, (1 + prob) / 2], axis=0)
    return pd.DataFrame(
        {
            "time": further,
            "time_unit": recovery.time_unit,
            "recovered": draws.mean(axis=0),
            "lower": lower,
            "upper": upper,
            "prob": prob,
            "prior_share": np.atleast_1d(prior_share(before, draws)),
            "endpoint": recovery.endpoint or "not declared",
        }
    )
