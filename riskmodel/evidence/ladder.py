"""One printed figure -> a distribution, by the highest rung that what was printed can reach.

=============================  ====================================================================
what was printed               distribution
=============================  ====================================================================
events of n                    Beta(events + 1/2, n - events + 1/2), Jeffreys
an interval with its level     log-normal for ratios and rates, normal for differences, logit-normal
                               or Beta for risks; normal for a risk difference from the limits of a
                               number needed, through infinity where they have two signs; its
                               quantiles and ranges by their reciprocals too, while its mean and
                               standard deviation are refused: 1/difference has none
a range with its meaning       as an interval of 95% (``plausible_limits``), 90% (``q05_q95``) or
                               50% (``iqr``); ``min_max`` by the expected extremes of n
quantiles, median and          fitted; a median and quartiles keep the median
quartiles, "80% by week 6"
mean and standard deviation    moments of patients, or of the mean where n is given and asked for
a point and its p-value        z = the normal quantile of 1 - p/2, standard error = point / z
a percentage of n              Beta, the count found back from the percentage
a point and a declared spread  ``effective_sample_size``, ``sd`` or ``log_sd``; always `assumed`
a number needed and n          normal around 1/NNT: the variance at the comparator's risk, or its
                               greatest possible; with what rounding leaves open
=============================  ====================================================================

A point alone is refused, whatever it is; a number needed also says which differences it may stand
for. Each result carries the *reconstruction error*: what was printed, what the distribution's own
summary gives, and the difference; figures that the rung did not use are held against it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from riskmodel.errors import Phrase
from riskmodel.evidence.families import refuse
from riskmodel.evidence.ladder_figure import (
    Figure,
    check_value,
    check_words,
    declared_spread,
    from_record,
    guess,
    quartile_parts,
)
from riskmodel.evidence.ladder_intervals import (
    expected_maximum,
    from_interval,
    from_quantiles,
    refuse_interval,
)
from riskmodel.evidence.ladder_numbers_needed import (
    check_family,
    from_number_needed,
    from_number_needed_quantiles,
    refuse_number_needed_moments,
    rounding_interval,
)
from riskmodel.evidence.ladder_points import (
    from_counts,
    from_declared,
    from_moments,
    from_p_value,
    from_percent,
)
from riskmodel.evidence.ladder_result import LadderPrior
from riskmodel.evidence.ladder_unused import refuse_point, with_unused
from riskmodel.evidence.priors import NUMBERS_NEEDED
from riskmodel.parameters.schema import Estimate, TimeRange

__all__ = ["LadderPrior", "as_prior", "expected_maximum", "rounding_interval"]


def as_prior(
    estimate: Estimate | TimeRange | None = None,
    *,
    measure: str | None = None,
    value: float | None = None,
    interval: tuple[float, float] | None = None,
    level: float | None = None,
    meaning: str | None = None,
    events: float | None = None,
    n: int | tuple[int, int] | None = None,
    mean: float | None = None,
    standard_deviation: float | None = None,
    median: float | None = None,
    quartiles: tuple[float, float] | None = None,
    quantiles: Mapping[float, float] | None = None,
    p_value: str | float | None = None,
    comparator_risk: float | None = None,
    effective_sample_size: float | None = None,
    sd: float | None = None,
    log_sd: float | None = None,
    family: str | None = None,
    wanted: bool | None = None,
    rounded: Literal["nearest", "up"] = "nearest",
    estimated: bool = False,
    of: Literal["patients", "mean"] = "patients",
    unit: str | None = None,
    badge: str | None = None,
) -> LadderPrior:
    """Return the distribution that one printed figure allows, and how well it gives it back.

    Parameters
    ----------
    estimate : Estimate or TimeRange, optional
        A record of the library; the keywords add to it what it does not say, never what it says.
    measure : str, optional
        As in the parameter language, or ``time``. Without it, positive numbers of which one is
        above 1 are taken as a time, numbers of either sign as a difference.
    value : float
        The printed point; a risk in [0, 1], a number needed above 1 in size.
    interval, level : tuple of float, float
        Printed limits and their stated level; there is no default.
    meaning : {"plausible_limits", "q05_q95", "iqr", "min_max"}
        What the ends of a range are; `min_max` needs `n`.
    events, n : int
        People with the event, and people; for a number needed `n` is of both arms together, or
        (under treatment, under the comparator).
    mean, standard_deviation : float
    median, quartiles : float, tuple of float
    quantiles : mapping of probability to value
        "80% by week 6" is ``{0.8: 6}``; it needs one more number.
    p_value : str or float
        Two-sided, as printed: ``"0.03"``, ``"< 0.001"``.
    comparator_risk : float
        For the variance of a risk difference.
    effective_sample_size, sd, log_sd : float
        A spread that nobody printed: patients the point counts for (both arms together for a number
        needed), or a standard deviation on the modelling scale.
    family : str, optional
        ``normal``, ``lognormal``, ``logit_normal``, ``gamma`` or ``beta``, in place of the rule's.
    wanted : bool, optional
        Whether the event of a number needed is wanted.
    rounded : {"nearest", "up"}
        How a number needed was rounded.
    estimated : bool
        Whether a percentage that no whole count of n gives may pass.
    of : {"patients", "mean"}
        Whose spread a mean, standard deviation and n give: patients, or the mean itself.
    unit : str, optional
        Carried into the result.
    badge : str, optional
        In place of the rule's: ``elicited`` or ``transported``, for example.

    Returns
    -------
    LadderPrior

    Raises
    ------
    ParameterError
        If what was printed allows no distribution; the message says what would.

    References
    ----------
    Altman and Bland (2011), BMJ 343:d2090 and d2304, on standard errors from intervals and
    p-values.

    Examples
    --------
    >>> found = as_prior(interval=(6, 36), meaning="plausible_limits", unit="month")
    >>> round(found.distribution.median(), 1), found.badge
    (14.7, 'assumed')
    >>> found = as_prior(measure="risk", events=4, n=5)
    >>> [round(end, 2) for end in found.distribution.interval(0.95)]
    [0.37, 0.98]
    >>> as_prior(measure="number_needed_to_treat", value=14)
    Traceback (most recent call last):
        ...
    riskmodel.errors.ParameterError: [Q] value: found a number_needed_to_treat of 14 without a \
spread: risk differences of 6.90 to 7.41 points, if rounded to nearest; allowed: a number \
needed with the interval, arm counts or ratio it came from; look for the ratio and the \
comparator's risk, or the counts, and use these; else state effective_sample_size or sd, marked \
as assumed
    """
    said = {
        "measure": measure,
        "value": value,
        "interval": tuple(interval) if interval is not None else None,
        "level": level,
        "meaning": meaning,
        "events": events,
        "n": n,
        "mean": mean,
        "standard_deviation": standard_deviation,
        "p_value": p_value,
        "comparator_risk": comparator_risk,
        "effective_sample_size": effective_sample_size,
        "sd": sd,
        "log_sd": log_sd,
        "family": family,
        "wanted": wanted,
        "unit": unit,
        "badge": badge,
    }
    said = {name: given for name, given in said.items() if given is not None}
    stated = {float(q): float(x) for q, x in (quantiles or {}).items()}
    for probability, number in quartile_parts(median, quartiles):
        stated[probability] = number
    figure = from_record(estimate, said)
    figure = replace(
        figure,
        quantiles=figure.quantiles | stated,
        rounded=rounded,
        estimated=figure.estimated or estimated,
        of=of,
    )
    check_words(figure)
    return _climb(replace(figure, measure=figure.measure or guess(figure)))


def _climb(figure: Figure) -> LadderPrior:
    """Return the result of the highest rung that the figure reaches."""
    check_value(figure)
    if figure.measure in NUMBERS_NEEDED:
        check_family(figure)
    found, used = _highest_rung(figure)
    return with_unused(found, figure, used)


def _highest_rung(figure: Figure) -> tuple[LadderPrior, set[str]]:
    """Return the result, and the names of the printed figures that it was made from."""
    measure = figure.measure
    declared = declared_spread(figure)
    if figure.events is not None:
        _no_other_spread(declared, "counts")
        return from_counts(figure), {"interval"} if figure.level is not None else set()
    usable = figure.interval is not None and figure.kind != "rounding"
    if usable and (figure.level is not None or figure.meaning is not None):
        _no_other_spread(declared, "an interval")
        return from_interval(figure), {"interval", "value"}
    if usable and declared is None and figure.p_value is None:
        refuse_interval(figure)
    if len(figure.quantiles) > 1:
        _no_other_spread(declared, "quantiles")
        if measure in NUMBERS_NEEDED:
            return from_number_needed_quantiles(figure), {"quantiles"}
        return from_quantiles(figure), {"quantiles"}
    if figure.mean is not None and figure.standard_deviation is not None:
        _no_other_spread(declared, "a standard deviation")
        if measure in NUMBERS_NEEDED:
            refuse_number_needed_moments(figure)
        return from_moments(figure), {"mean", "standard_deviation"}
    if declared is not None:
        return from_declared(figure, declared), {_declared_point(figure)}
    if measure == "risk" and figure.value is not None and figure.n is not None:
        return from_percent(figure), {"value"}
    if figure.p_value is not None and figure.value is not None:
        return from_p_value(figure), {"value", "p_value"}
    if measure in NUMBERS_NEEDED and figure.value is not None and figure.n is not None:
        return from_number_needed(figure), {"value"}
    refuse_point(figure)


def _declared_point(figure: Figure) -> str:
    """Return the name of the figure that a declared spread is put around."""
    if figure.value is not None:
        return "value"
    return "quantiles" if figure.quantiles else "mean"


def _no_other_spread(declared: str | None, printed: str) -> None:
    if declared is not None:
        refuse(
            declared,
            Phrase(f"a declared spread beside {printed}"),
            "one of the two",
            "leave the declared spread out: what was printed says more",
        )
