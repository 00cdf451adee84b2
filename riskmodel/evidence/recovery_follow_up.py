"""Whether anybody was followed for long enough to say that some never recover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from riskmodel.evidence.recovery_data import (
    BETWEEN,
    EXACT,
    LATER,
    LEFT,
    NEVER,
    RIGHT,
    Patients,
)
from riskmodel.evidence.recovery_summaries import RecoverySummary

MAX_STILL_TO_COME = 0.05
MAX_ALPHA = 0.05
MAX_PRIOR_SHARE = 0.5


@dataclass(frozen=True)
class FollowUp:
    """What the length of follow-up says of a fraction that never recovers.

    Attributes
    ----------
    last_recovery : float
        Latest examination that found a patient recovered; nan without patients.
    last_examination : float
        Latest time at which one was seen not recovered; nan without one.
    alpha : float
        Maller and Zhou's ``(1 - N / n)^n``, N the recoveries in the stretch before the last one
        that is as long as the plateau after it; near 0: follow-up was long enough.
    still_to_come : float
        Of those who recover, the share expected only after the longest observation: posterior
        median.
    prior_share : float
        Of the never-recovered fraction's posterior precision.
    reasons : tuple of str
        Why the fraction is not supported; empty where it is.
    """

    last_recovery: float
    last_examination: float
    alpha: float
    still_to_come: float
    prior_share: float
    reasons: tuple[str, ...]

    @property
    def supported(self) -> bool:
        """Whether nothing speaks against reading the fraction as learned from the data."""
        return not self.reasons

    def message(self, time_unit: str) -> str:
        """Return the warning in one sentence."""
        return (
            "never_recovered: found a fraction that the follow-up does not support: "
            f"{'; '.join(self.reasons)}; allowed: a plateau seen for long enough after the last "
            f"recovery (times in {time_unit}s); read it as not yet recovered by the end of "
            "follow-up, or fit cure='none', and show both"
        )


def alpha_of(patients: Patients) -> float:
    """Return Maller and Zhou's measure of insufficient follow-up; nan where it has no meaning.

    Parameters
    ----------
    patients : Patients
        For an interval its middle is taken as the time of recovery.

    Notes
    -----
    With t the latest observation and r the latest recovery, N patients recovered in
    ``(2 r - t, r]``. Were recoveries still going on, so long a plateau would have chance
    ``(1 - N / n)^n``. 1 where nobody was seen after the last recovery.

    References
    ----------
    Maller and Zhou (1994), Journal of the American Statistical Association 89:1499,
    doi:10.1080/01621459.1994.10476889.

    Examples
    --------
    >>> from riskmodel.evidence.recovery_data import read_patients
    >>> late = read_patients([1, 2, 3, 12], [1, 2, 3, float("inf")])
    >>> alpha_of(late)  # three of four recovered within 9 before the last
    0.00390625
    """
    counted = patients.weights > 0
    recovered = patients.recovered & counted
    waiting = ~patients.recovered & counted
    if not recovered.any() or not waiting.any():
        return float("nan")
    middle = (patients.lower + patients.upper) / 2
    last, end = middle[recovered].max(), patients.lower[waiting].max()
    if end <= last:
        return 1.0
    inside = recovered & (middle > 2 * last - end)
    number, whole = patients.weights[inside].sum(), patients.weights[counted].sum()
    return float((1 - number / whole) ** whole)


def follow_up(
    patients: Patients,
    summaries: Sequence[RecoverySummary],
    still_to_come: np.ndarray,
    prior_share: float,
) -> FollowUp:
    """Return what speaks against a never-recovered fraction.

    Too short a plateau counts where the fitted family, too, leaves open that recoveries are still
    to come: visits at fixed times make alpha coarse.

    Parameters
    ----------
    patients : Patients
    summaries : sequence of RecoverySummary
    still_to_come : ndarray, shape (draw,)
        Survival of those who recover at :func:`longest_observation`.
    prior_share : float
    """
    recovered, waiting = patients.recovered, ~patients.recovered
    last = float(patients.upper[recovered].max()) if recovered.any() else float("nan")
    end = float(patients.lower[waiting].max()) if waiting.any() else float("nan")
    alpha, left, reasons = alpha_of(patients), float(np.median(still_to_come)), []
    if len(patients) and not recovered.any():
        reasons.append("nobody was seen to recover")
    elif len(patients) and not waiting.any():
        reasons.append("every patient was seen to recover")
    elif alpha >= MAX_ALPHA and np.quantile(still_to_come, 0.975) > MAX_STILL_TO_COME:
        reasons.append(
            f"recoveries were seen until {last:g} and patients only until {end:g}, too short a "
            f"plateau (Maller and Zhou's alpha {alpha:.2g}, below {MAX_ALPHA:g} wanted), and up to "
            f"{np.quantile(still_to_come, 0.975):.0%} of recoveries may be still to come"
        )
    longest = longest_observation(patients, summaries)
    if np.isfinite(longest) and left > MAX_STILL_TO_COME:
        reasons.append(
            f"of those who do recover {left:.0%} are expected only after {longest:g}, where "
            "observation ends"
        )
    if prior_share > MAX_PRIOR_SHARE:
        reasons.append(f"{prior_share:.0%} of its precision is the prior's")
    return FollowUp(last, end, alpha, left, float(prior_share), tuple(reasons))


def longest_observation(patients: Patients, summaries: Sequence[RecoverySummary]) -> float:
    """Return the latest time anybody was looked at; infinite where somebody counted for ever.

    Examples
    --------
    >>> from riskmodel.evidence.recovery_data import read_patients
    >>> longest_observation(read_patients([3, 9], [6, float("inf")]), [])
    9.0
    """
    times = [0.0, *patients.lower.tolist()]
    times += patients.upper[patients.recovered].tolist()
    for summary in summaries:
        for kind, low, high, _ in summary.entries():
            times.append(low if kind in (EXACT, LATER, RIGHT) else 0.0)
            times.append(high if kind in (LEFT, BETWEEN) else 0.0)
            times.append(np.inf if kind == NEVER else 0.0)
    return max(times)
