"""Several studies, or a discounted one, as one distribution on the modelling scale.

The modelling scale is the logarithm for ratios and rates, the log odds for risks, and the plain
number for differences. Pooling is :mod:`riskmodel.evidence.pooling`; what a discount does:

=============  ===================================================================================
``power`` a    precision times a: the spread about the median grows by ``1 / sqrt(a)``; events and
               non-events of counts are multiplied by a
``bias``       the figure is off by Normal(mean, sd): ``theta = figure - bias``
``robust``     a mixture of the source and a vague normal
=============  ===================================================================================

Power prior: Ibrahim and Chen (2000), doi:10.1214/ss/1009212673; additive bias: Turner et al.
(2009), doi:10.1111/j.1467-985X.2008.00547.x; robust mixture: Schmidli et al. (2014),
doi:10.1111/biom.12242.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from riskmodel.evidence.distributions import Distribution, NormalMixture
from riskmodel.evidence.measures import log_standard_error, standard_error
from riskmodel.evidence.pooling import pool_effects
from riskmodel.parameters.schema import Discount, Estimate, Pool, PriorSpecification

POOLED_DIFFERENCES = ("risk_difference", "mean_difference")


def pooled(estimates: Sequence[Estimate], pool: Pool, *, log: bool) -> tuple[NormalMixture, str]:
    """Return the random-effects distribution of several estimates, and how it was made.

    Parameters
    ----------
    estimates : sequence of Estimate
        Each with an interval of sampling error at its stated level.
    pool : Pool
    log : bool
        Whether the modelling scale is the logarithm.

    Returns
    -------
    distribution : NormalMixture
        On the modelling scale.
    rule : str
    """
    error = log_standard_error if log else standard_error
    tau_prior = pool.tau_prior or "half_normal:0.5"
    points = [e.number for e in estimates]
    errors = [float(error(*e.limits, e.interval.level)) for e in estimates]
    result = pool_effects(
        np.log(points) if log else points,
        errors,
        study=[e.id for e in estimates],
        tau_prior=tau_prior,
    )
    taken = result.effect if pool.take == "mean" else result.prediction
    words = "their mean effect" if pool.take == "mean" else "the effect in a new study"
    rule = (
        f"{len(points)} studies with random effects, tau {tau_prior.replace('_', '-')}, "
        f"median {result.heterogeneity.median():.3g}; {words}"
    )
    return taken, rule


def discounted(distribution: Distribution, discount: Discount) -> tuple[NormalMixture, str]:
    """Return a distribution on the modelling scale after a discount, and how it was made.

    Parameters
    ----------
    distribution : Distribution
        A normal mixture on the modelling scale.
    discount : Discount

    Returns
    -------
    distribution : NormalMixture
    rule : str

    Examples
    --------
    >>> one = NormalMixture([1.0], [-0.5], [0.2])
    >>> half = Discount(power=0.25, because="indirect", whose="an example")
    >>> wider, words = discounted(one, half)
    >>> round(wider.std(), 3), round(wider.mean(), 3), words
    (0.4, -0.5, 'power prior 0.25 (an example)')
    """
    weights, means, sds = (
        np.asarray(part)
        for part in (distribution.weights, distribution.means, distribution.standard_deviations)
    )
    kept = {"finite_moments": distribution.finite_moments}  # what does not exist stays so
    if discount.power is not None:
        centre, factor = distribution.median(), 1 / np.sqrt(discount.power)
        result = NormalMixture(weights, centre + (means - centre) * factor, sds * factor, **kept)
        words = f"power prior {discount.power:g}"
    elif discount.bias is not None:
        wider = np.hypot(sds, discount.bias.sd)
        result = NormalMixture(weights, means - discount.bias.mean, wider, **kept)
        words = f"bias {discount.bias.mean:g}, sd {discount.bias.sd:g}"
    else:
        robust = discount.robust
        result = NormalMixture(
            np.append(weights * robust.weight, 1 - robust.weight),
            np.append(means, robust.mean),
            np.append(sds, robust.sd),
            **kept,
        )
        words = f"mixture {robust.weight:g} with a normal of sd {robust.sd:g}"
    return result, f"{words} ({discount.whose})"


def discount_alternatives(specification: PriorSpecification) -> dict[str, PriorSpecification]:
    """Return a prior's specification with its discount off, and as far as it goes.

    Returns
    -------
    dict of str to PriorSpecification
        ``not discounted``, ``as declared``, and for a power prior the powers 0.75, 0.5, 0.25, 0.1
        and ``nearly ignored`` (0.01; at 0 there is no distribution): where along them a conclusion
        tips can be read off. Empty without a discount.
    """
    discount = specification.discount
    if discount is None:
        return {}
    found = {
        "not discounted": specification.model_copy(update={"discount": None}),
        "as declared": specification,
    }
    if discount.power is not None:
        for power in (0.75, 0.5, 0.25, 0.1, 0.01):
            name = "nearly ignored" if power == 0.01 else f"power {power:g}"
            other = discount.model_copy(update={"power": power})
            found[name] = specification.model_copy(update={"discount": other})
    return found
