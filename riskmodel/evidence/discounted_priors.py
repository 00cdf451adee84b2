"""A prior whose source counts in part: as a problem file declares it, and at every a0 from 0 to 1.

==========  ======================================  ==============================================
way         what it does on the modelling scale     its a0
==========  ======================================  ==============================================
``power``   the spread about the median over the    the power
            root of a0; events and non-events of
            counts times a0
``level``   a power prior whose a0 is a convention  that power
            of this package for the level
``bias``    the figure is off by Normal(mean, sd):  ``s**2 / (s**2 + sd**2)`` with s the source's
            ``theta = figure - bias``               own standard deviation
``robust``  a mixture with a vague normal           the weight of the source
==========  ======================================  ==============================================

The modelling scale is the logarithm for ratios and rates, the log odds for risks, and the plain
number for differences. At a0 = 1 the source counts in full; at a0 = 0 there is what is left
without it: the Jeffreys prior that counts were added to, the vague normal of a mixture, or no
distribution at all.

Power prior: Ibrahim and Chen (2000), doi:10.1214/ss/1009212673; additive bias: Turner et al.
(2009), doi:10.1111/j.1467-985X.2008.00547.x; robust mixture: Schmidli et al. (2014),
doi:10.1111/biom.12242.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from riskmodel.errors import NOTHING, ParameterError, Phrase
from riskmodel.evidence.priors import JEFFREYS, SCORES, Prior, place
from riskmodel.evidence.quantile_arithmetic import (
    log_odds_of_beta,
    mixed,
    moments,
    shifted,
    widened,
)
from riskmodel.evidence.trust_levels import DEFAULT_LEVELS, SYSTEMS, default_strength
from riskmodel.parameters.library import LoadedProblem
from riskmodel.parameters.schema import Discount

WAYS = ("power", "bias", "robust", "level")


def discount_way(discount: Discount) -> str:
    """Return which of the ways a checked discount is."""
    return next(way for way in WAYS if getattr(discount, way) is not None)


def discounted(prior: Prior, discount: Discount) -> Prior:
    """Return a prior after the discount that is declared.

    Parameters
    ----------
    prior : Prior
        The source at face value.
    discount : Discount

    Returns
    -------
    Prior
        With the discount in its rule.

    Examples
    --------
    >>> one = Prior("x", "odds_ratio", "lognormal", -0.5, 0.2, "assumed", (), "as printed")
    >>> found = discounted(one, Discount(power=0.25, because="indirect", whose="an example"))
    >>> found.first, found.second, found.rule
    (-0.5, 0.4, 'as printed; power prior 0.25 (an example)')
    """
    if discount_way(discount) == "bias":
        found = _biased(prior, discount.bias.mean, discount.bias.sd)
    else:
        found = at_strength(prior, discount, chosen_strength(prior, discount))
    return replace(found, rule=f"{prior.rule}; {discount_words(discount)}")


def discount_words(discount: Discount) -> str:
    """Return a discount in words, with whose it is.

    Examples
    --------
    >>> low = Discount(level="low", system="grade", because="one trial", whose="an example")
    >>> discount_words(low)
    "power prior 0.3, assumed for GRADE 'low': a default of this package (an example)"
    """
    way = discount_way(discount)
    if way == "power":
        words = f"power prior {discount.power:g}"
    elif way == "level":
        system = SYSTEMS[discount.system]
        words = (
            f"power prior {_level_strength(discount):g}, assumed for {system} "
            f"'{discount.level.replace('_', ' ')}': a default of this package"
        )
    elif way == "bias":
        words = f"bias {discount.bias.mean:g}, sd {discount.bias.sd:g}"
    else:
        robust = discount.robust
        words = f"mixture {robust.weight:g} with a normal of sd {robust.sd:g}"
        words += f" around {robust.mean:g}" if robust.mean else ""
    return f"{words} ({discount.whose})"


def _level_strength(discount: Discount) -> float:
    return default_strength(discount.level, SYSTEMS[discount.system])


def chosen_strength(prior: Prior, discount: Discount) -> float:
    """Return the a0 that a declared discount stands for, in (0, 1].

    Parameters
    ----------
    prior : Prior
        The source at face value.
    discount : Discount
    """
    way = discount_way(discount)
    if way == "power":
        return discount.power
    if way == "level":
        return _level_strength(discount)
    if way == "robust":
        return discount.robust.weight
    own = _spread(prior) ** 2
    return own / (own + discount.bias.sd**2)


def at_strength(prior: Prior, discount: Discount, a0: float) -> Prior | None:
    """Return a prior with another a0 in the place of the declared one.

    Parameters
    ----------
    prior : Prior
        The source at face value.
    discount : Discount
    a0 : float
        In [0, 1].

    Returns
    -------
    Prior or None
        None where nothing is left without the source.

    Notes
    -----
    A bias at a0 widens the source to ``s**2 / a0``, and moves it by
    ``mean (1 - a0) / (1 - chosen)``, at most by its whole mean: nothing at face value, all of it
    at the declared a0 and below.

    Examples
    --------
    >>> counts = Prior("x", "risk", "beta", 4.5, 1.5, "assumed", (), f"4 of 5 with {JEFFREYS}")
    >>> half = Discount(power=0.5, because="a series", whose="an example")
    >>> [(p.first, p.second) for p in (at_strength(counts, half, a0) for a0 in (0, 0.5, 1))]
    [(0.5, 0.5), (2.5, 1.0), (4.5, 1.5)]
    """
    way = discount_way(discount)
    if way == "robust":
        robust = discount.robust
        return _of_quantiles(prior, mixed(_values(prior), a0, robust.mean, robust.sd))
    if a0 == 1:
        return prior
    if way == "bias":
        if a0 == 0:
            return None
        share = min((1 - a0) / (1 - chosen_strength(prior, discount)), 1.0)
        return _biased(prior, share * discount.bias.mean, _spread(prior) * np.sqrt(1 / a0 - 1))
    if prior.family == "beta":
        kept = 0.5 if prior.rule.endswith(JEFFREYS) else 0.0
        shapes = [(shape - kept) * a0 + kept for shape in (prior.first, prior.second)]
        return replace(prior, first=shapes[0], second=shapes[1]) if min(shapes) > 0 else None
    if a0 == 0:
        return None
    if prior.family in ("normal", "lognormal"):
        return replace(prior, second=float(prior.second / np.sqrt(a0)))
    return _of_quantiles(prior, widened(_values(prior), a0))


def _biased(prior: Prior, mean: float, sd: float) -> Prior:
    if prior.family in ("normal", "lognormal"):
        second = float(np.hypot(prior.second, sd))
        return replace(prior, first=float(prior.first - mean), second=second)
    return _of_quantiles(prior, shifted(_values(prior), mean, sd))


def _values(prior: Prior) -> np.ndarray:
    """Return the values of a prior at the scores, on the modelling scale."""
    if prior.family == "beta":
        return log_odds_of_beta(prior.first, prior.second)
    if prior.family == "quantiles":
        return np.array(prior.knots)
    return prior.first + prior.second * SCORES


def _spread(prior: Prior) -> float:
    """Return the standard deviation of a prior on the modelling scale, far tails left out."""
    return moments(_values(prior))[1]


def _of_quantiles(prior: Prior, values: np.ndarray) -> Prior:
    mean, deviation = moments(values)
    if prior.family == "quantiles":  # a moment that does not exist stays so
        mean = mean if np.isfinite(prior.first) else prior.first
        deviation = deviation if np.isfinite(prior.second) else prior.second
    knots = tuple(float(value) for value in values)
    return replace(prior, family="quantiles", first=mean, second=float(deviation), knots=knots)


# --- what a file may declare ---------------------------------------------------------------------


def check_discount(loaded: LoadedProblem, name: str) -> None:
    """Refuse a discount that is none, several at once, of no known level, or nobody's judgement.

    Raises
    ------
    ParameterError
        With the place in the problem's file.
    """
    specification = loaded.problem.priors[name]
    discount, badge = specification.discount, specification.badge

    def refuse(part: tuple, found, allowed: str, remedy: str):
        where = ("priors", name, *part)
        raise ParameterError([place(loaded, where, found=found, allowed=allowed, remedy=remedy)])

    ways = [way for way in WAYS if getattr(discount, way) is not None]
    if len(ways) != 1:
        refuse(
            ("discount",),
            ways or NOTHING,
            "exactly one of power, bias, robust, level",
            "choose how the source is discounted",
        )
    if (discount.level is None) != (discount.system is None):
        missing = "level" if discount.level is None else "system"
        refuse(
            ("discount", missing),
            NOTHING,
            "`level:` and `system:` together",
            "write for example `level: serious, system: robins_i`, or leave `system:` out",
        )
    if discount.level is not None:
        _check_level(discount, refuse)
    if specification.line is not None:
        refuse(
            ("discount",),
            Phrase("a discount of a line"),
            "a discount of a figure, or of a pool",
            "lower the line's `effective_sample_size:` instead",
        )
    if badge in (None, "data"):
        refuse(
            ("badge",),
            NOTHING if badge is None else badge,
            "assumed, elicited or transported",
            "a discount is a judgement: add `badge:` with `whose:` and `because:`",
        )
    if discount.level is not None and badge != "assumed":
        refuse(
            ("badge",),
            badge,
            "assumed, for a discount by `level:`",
            "what a level is worth is a convention of this package and nobody's data: write "
            "`badge: assumed`",
        )


def _check_level(discount: Discount, refuse) -> None:
    system = SYSTEMS[discount.system]
    try:
        strength = default_strength(discount.level, system)
    except ParameterError as error:
        (fault,) = error.problems
        words = ", ".join(word.replace(" ", "_") for word in DEFAULT_LEVELS[system])
        refuse(("discount", "level"), discount.level, f"{words} ({system})", fault.remedy)
    if strength == 0:
        refuse(
            ("discount", "level"),
            Phrase(f"'{discount.level}', for which this package assumes a0 = 0"),
            f"a level of {system} that leaves something of the source",
            "such a source is set aside: name another estimate, or declare the effect "
            "`not_estimable:` with the reason; if you would give it some weight after all, say how "
            "much with `power:`, and whose judgement that is",
        )
