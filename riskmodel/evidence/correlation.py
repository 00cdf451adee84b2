"""Two effects from the same trials: their covariance, and what it does to the net benefit.

Where benefit and harm were counted in the same patients, or two options against the same control
arm, the two estimated effects share sampling error. Either a within-study correlation is declared,
or the covariance follows from the arm that is shared. Independence is a choice too: rho = 0,
stated.

With ``p1, p2`` the risks of two events among ``n`` patients of one arm and ``p12`` the share with
both, that arm adds to the covariance of the two effects ::

    log relative risks     (p12 - p1 p2) / (n p1 p2)
    log odds ratios        (p12 - p1 p2) / (n p1 (1 - p1) p2 (1 - p2))
    risk differences       (p12 - p1 p2) / n

For one event counted against one control arm by two options, ``p12 = p1 = p2``: 1/events - 1/n,
1/events + 1/(n - events), and p (1 - p) / n.
"""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from riskmodel.errors import Phrase, RiskModelWarning, did_you_mean
from riskmodel.evidence.families import normal_nodes, refuse, require_counts, require_number

MEASURES = ("relative_risk", "odds_ratio", "risk_difference")
SENSITIVITY = (-0.5, 0.0, 0.5)
Measure = Literal["relative_risk", "odds_ratio", "risk_difference"]


def effect_covariance(
    standard_error_first: float, standard_error_second: float, correlation: float
) -> np.ndarray:
    """Return the covariance matrix of two effects from a declared within-study correlation.

    Parameters
    ----------
    standard_error_first, standard_error_second : float
        Of the two effects, of log ratios or differences; above 0.
    correlation : float
        Of the two *estimates*, each treatment against comparator; in (-1, 1).

    Returns
    -------
    ndarray, shape (2, 2)

    Examples
    --------
    >>> effect_covariance(0.2, 0.3, 0.5).round(3)
    array([[0.04, 0.03],
           [0.03, 0.09]])
    """
    first = require_number("standard_error_first", standard_error_first, above=0)
    second = require_number("standard_error_second", standard_error_second, above=0)
    rho = _correlation(correlation)
    return np.array([[first**2, rho * first * second], [rho * first * second, second**2]])


def shared_control_covariance(
    events: float,
    n: float,
    *,
    events_second: float | None = None,
    events_both: float | None = None,
    measure: Measure = "relative_risk",
) -> float:
    """Return the covariance of two effects measured against one control arm.

    Parameters
    ----------
    events, n : int
        Patients of the control arm with the event, and patients.
    events_second, events_both : int, optional
        For two different events in that arm: patients with the second, and with both. Left out, the
        two effects are of two options on the same event.
    measure : {"relative_risk", "odds_ratio", "risk_difference"}
        Ratios on the log scale.

    Returns
    -------
    float

    Raises
    ------
    ParameterError
        If the counts are impossible, or the covariance of log ratios does not exist: no event, or
        for odds everybody. Nothing is added to the counts.

    References
    ----------
    Gleser and Olkin (2009), Stochastically dependent effect sizes, in Cooper, Hedges and Valentine
    (eds), The Handbook of Research Synthesis and Meta-Analysis, 2nd ed.

    Examples
    --------
    >>> round(shared_control_covariance(20, 100), 3)  # 1/20 - 1/100
    0.04
    >>> shared_control_covariance(20, 100, events_second=10, events_both=2)  # as if by chance
    0.0
    """
    return arm_covariance(
        events, n, events_second=events_second, events_both=events_both, measure=measure
    )


def arm_covariance(
    events: float,
    n: float,
    *,
    events_second: float | None = None,
    events_both: float | None = None,
    measure: Measure = "relative_risk",
) -> float:
    """Return what one arm adds to the covariance of two effects; see the module for the formula.

    Two outcomes counted in both arms of a trial share both: add the two arms.

    Examples
    --------
    >>> round(arm_covariance(20, 100, measure="risk_difference"), 5)  # 0.2 * 0.8 / 100
    0.0016
    """
    if measure not in MEASURES:
        refuse("measure", measure, ", ".join(MEASURES), did_you_mean(measure, MEASURES))
    events, n = require_counts(events, n)
    if (events_second is None) != (events_both is None):
        refuse(
            "events_both" if events_both is None else "events_second",
            Phrase("one of the two"),
            "both, or neither",
            "two events need the patients who had both",
        )
    second, both = events, events
    if events_second is not None:
        second, _ = require_counts(events_second, n, names=("events_second", "n"))
        both, _ = require_counts(events_both, n, names=("events_both", "n"))
        least, most = max(0.0, events + second - n), min(events, second)
        if not least <= both <= most:
            refuse("events_both", both, f"{least:g} to {most:g}", "check the three counts")
    for name, count in (("events", events), ("events_second", second)):
        if measure != "risk_difference" and count == 0:
            refuse(name, 0, "1 or more", "a log ratio of no event has no variance; declare it")
        if measure == "odds_ratio" and count == n:
            refuse(name, count, f"below n = {n:g}", "log odds of everybody have no variance")
    p1, p2 = events / n, second / n
    joint = (both * n - events * second) / n**3  # exact where the two are as if by chance
    if measure == "relative_risk":
        return float(joint / (p1 * p2))
    if measure == "odds_ratio":
        return float(joint / (p1 * (1 - p1) * p2 * (1 - p2)))
    return float(joint)


def correlation_from(covariance: float, standard_error_first: float, standard_error_second: float):
    """Return the correlation that a covariance stands for; refused outside (-1, 1).

    Examples
    --------
    >>> round(correlation_from(0.03, 0.2, 0.3), 3)
    0.5
    """
    first = require_number("standard_error_first", standard_error_first, above=0)
    second = require_number("standard_error_second", standard_error_second, above=0)
    rho = require_number("covariance", covariance) / (first * second)
    if not -1 < rho < 1:
        refuse(
            "covariance",
            Phrase(f"{covariance:.4g}, a correlation of {rho:.3g}"),
            f"less than {first * second:.4g} in size",
            "the standard errors are too small for what is shared: are they of the same trial?",
        )
    return float(rho)


def joint_normal(
    mean: ArrayLike,
    covariance: ArrayLike,
    *,
    n: int = 10_000,
    seed: int | None = None,
    names: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return draws of several effects together.

    Parameters
    ----------
    mean : array_like, shape (k,)
    covariance : array_like, shape (k, k)
        Symmetric, positive definite.
    n : int
        Draws.
    seed : int, optional
        None draws one and says so; it stands in ``.attrs["seed"]``.
    names : sequence of str, optional
        Of the columns.

    Returns
    -------
    DataFrame, n rows and k columns

    Examples
    --------
    >>> draws = joint_normal([0, 0], effect_covariance(0.2, 0.3, 0.5), n=4, seed=1)
    >>> draws.shape, draws.attrs["seed"]
    ((4, 2), 1)
    """
    mean, covariance = np.asarray(mean, dtype=float), np.asarray(covariance, dtype=float)
    size = len(np.atleast_1d(mean))
    if mean.ndim != 1 or covariance.shape != (size, size):
        refuse(
            "covariance",
            Phrase(f"shape {covariance.shape}"),
            f"({size}, {size})",
            "give one row and column for each mean",
        )
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        refuse("covariance", Phrase("nan or infinity"), "finite numbers", "check the inputs")
    if not np.allclose(covariance, covariance.T, rtol=1e-10, atol=0):
        refuse("covariance", Phrase("two halves that differ"), "a symmetric matrix", "check it")
    try:
        root = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        refuse(
            "covariance",
            Phrase("a matrix that is not positive definite"),
            "variances above 0, correlations within (-1, 1) that fit together",
            "pairwise correlations may contradict one another: check the three",
        )
    names = [f"effect_{i + 1}" for i in range(size)] if names is None else list(names)
    if len(names) != size:
        refuse("names", names, f"{size} names", "one for each mean")
    if n != int(n) or n < 1:
        refuse("n", n, "a whole number of draws", "give for example 10000")
    if seed is None:
        seed = secrets.randbelow(2**31)
        warnings.warn(
            f"seed: found nothing; drew {seed}; pass seed={seed} to repeat these draws",
            RiskModelWarning,
            stacklevel=2,
        )
    z = np.random.default_rng(seed).standard_normal((int(n), size))
    draws = pd.DataFrame(mean + z @ root.T, columns=names)
    draws.attrs["seed"] = seed
    return draws


@dataclass(frozen=True)
class CorrelationSensitivity:
    """P(net benefit > 0) over the correlation of benefit and harm.

    Attributes
    ----------
    table : DataFrame
        Columns ``correlation, mean, standard_deviation, probability_net_benefit, chosen``.
    chosen : float
        The correlation that the result itself uses.
    """

    table: pd.DataFrame
    chosen: float

    @property
    def statement(self) -> str:
        """The choice and what another would give, in words."""
        words = ", ".join(
            f"{row.probability_net_benefit:.3f} at {row.correlation:g}"
            for row in self.table.itertuples()
        )
        choice = (
            "benefit and harm taken as independent"
            if self.chosen == 0
            else f"correlation {self.chosen:g} of benefit and harm (declared)"
        )
        return f"{choice}; probability of a net benefit above 0: {words}"

    def __str__(self) -> str:
        return self.statement


def net_benefit_by_correlation(
    benefit: float,
    standard_error_benefit: float,
    harm: float,
    standard_error_harm: float,
    *,
    weight: float = 1.0,
    burden: float = 0.0,
    correlation: float = 0.0,
    correlations: Sequence[float] = SENSITIVITY,
) -> CorrelationSensitivity:
    """Return P(net benefit > 0) from two normal effects, for several correlations.

    Parameters
    ----------
    benefit, standard_error_benefit : float
        Absolute risk reduction of the unwanted event (or gain of the wanted one), positive to
        the patient's benefit.
    harm, standard_error_harm : float
        Absolute risk increase of the harm, positive to the patient's loss.
    weight : float
        How bad the harm is, in events that the benefit is counted in; 0 or more.
    burden : float
        Of treating, in the same events.
    correlation : float
        The declared one; 0 is independence.
    correlations : sequence of float
        Shown beside it.

    Returns
    -------
    CorrelationSensitivity

    Notes
    -----
    ``NB = B - w H - c`` is normal, with variance ``sB**2 + w**2 sH**2 - 2 w rho sB sH``. `rho` is
    of B and H as signed here. With B a *reduction* it is minus the correlation of the two
    treatment-minus-comparator differences.

    Examples
    --------
    >>> found = net_benefit_by_correlation(0.046, 0.025, 0.03, 0.02, weight=0.5)
    >>> found.table[["correlation", "probability_net_benefit"]].round(3)
       correlation  probability_net_benefit
    0         -0.5                    0.840
    1          0.0                    0.875
    2          0.5                    0.923
    """
    benefit, harm = require_number("benefit", benefit), require_number("harm", harm)
    sd_benefit = require_number("standard_error_benefit", standard_error_benefit, above=0)
    sd_harm = require_number("standard_error_harm", standard_error_harm, above=0)
    weight = _weight(weight)
    mean = benefit - weight * harm - require_number("burden", burden)

    def row(rho: float):
        variance = sd_benefit**2 + (weight * sd_harm) ** 2 - 2 * weight * rho * sd_benefit * sd_harm
        sd = float(np.sqrt(variance))
        return mean, sd, float(special.ndtr(mean / sd))

    return _sensitivity(row, correlation, correlations)


def net_benefit_of_ratios(
    log_ratio_benefit: float,
    standard_error_benefit: float,
    baseline_benefit: float,
    log_ratio_harm: float,
    standard_error_harm: float,
    baseline_harm: float,
    *,
    weight: float = 1.0,
    burden: float = 0.0,
    correlation: float = 0.0,
    correlations: Sequence[float] = SENSITIVITY,
) -> CorrelationSensitivity:
    """Return P(net benefit > 0) from two log relative risks of unwanted events.

    Parameters
    ----------
    log_ratio_benefit, standard_error_benefit : float
        Log relative risk of the event that treatment is given to prevent.
    baseline_benefit : float
        Its risk without treatment, known; in (0, 1).
    log_ratio_harm, standard_error_harm, baseline_harm : float
        The same of the harm.
    weight, burden : float
        As for `net_benefit_by_correlation`.
    correlation, correlations : float, sequence of float
        Of the two log ratios: positive where trials that saw fewer events of the first also saw
        fewer of the second.

    Returns
    -------
    CorrelationSensitivity

    Notes
    -----
    ``NB = p_b (1 - RR_b) - w p_h (RR_h - 1) - c > 0`` bounds ``log RR_h`` from above given
    ``RR_b``; the conditional normal probability is averaged over ``RR_b`` by the trapezoid rule.

    Examples
    --------
    >>> found = net_benefit_of_ratios(np.log(0.62), 0.235, 0.2, np.log(1.3), 0.1, 0.25)
    >>> found.table["probability_net_benefit"].round(3).tolist()
    [0.464, 0.486, 0.498]
    """
    risks = []
    for name, risk in (("baseline_benefit", baseline_benefit), ("baseline_harm", baseline_harm)):
        if not 0 < require_number(name, risk) < 1:
            refuse(name, risk, "strictly between 0 and 1", "divide percentages by 100")
        risks.append(float(risk))
    centre_b = require_number("log_ratio_benefit", log_ratio_benefit)
    centre_h = require_number("log_ratio_harm", log_ratio_harm)
    sd_b = require_number("standard_error_benefit", standard_error_benefit, above=0)
    sd_h = require_number("standard_error_harm", standard_error_harm, above=0)
    weight, burden = _weight(weight), require_number("burden", burden)
    z, share = normal_nodes()

    def row(rho: float):
        benefit = risks[0] * (1 - np.exp(centre_b + sd_b * z)) - burden
        mean_h, sd = centre_h + rho * sd_h * z, sd_h * np.sqrt(1 - rho**2)
        if weight == 0:
            # A step in z, which the rule would blur: the same in closed form.
            least = max(1 - burden / risks[0], 0.0)
            with np.errstate(divide="ignore"):
                chance = np.full(z.shape, special.ndtr((np.log(least) - centre_b) / sd_b))
        else:
            most = 1 + benefit / (weight * risks[1])
            with np.errstate(divide="ignore"):
                chance = special.ndtr((np.log(np.maximum(most, 0)) - mean_h) / sd)
        ratio = np.exp(mean_h + sd**2 / 2)
        square = np.exp(2 * mean_h + 2 * sd**2)
        mean = share @ (benefit - weight * risks[1] * (ratio - 1))
        second = share @ (
            (benefit + weight * risks[1]) ** 2
            - 2 * (benefit + weight * risks[1]) * weight * risks[1] * ratio
            + (weight * risks[1]) ** 2 * square
        )
        return float(mean), float(np.sqrt(second - mean**2)), float(share @ chance)

    return _sensitivity(row, correlation, correlations)


def _sensitivity(row, correlation, correlations) -> CorrelationSensitivity:
    chosen = _correlation(correlation)
    every = sorted({_correlation(rho) for rho in correlations} | {chosen})
    table = pd.DataFrame(
        [(rho, *row(rho), rho == chosen) for rho in every],
        columns=["correlation", "mean", "standard_deviation", "probability_net_benefit", "chosen"],
    )
    return CorrelationSensitivity(table, chosen)


def _correlation(rho: float) -> float:
    rho = require_number("correlation", rho)
    if not -1 < rho < 1:
        refuse("correlation", rho, "strictly between -1 and 1", "give a correlation")
    return rho


def _weight(weight: float) -> float:
    weight = require_number("weight", weight)
    if weight < 0:
        refuse("weight", weight, "0 or more", "a harm that is worth having is a benefit")
    return weight
