"""How each number of the tables that `riskmodel sensitivity` adds to a run is computed."""

from __future__ import annotations

from riskmodel.reports.formulas import BENEFIT, INFLUENCE, Formula, TableCard

_AS_RUN = Formula("expected net benefit of the option over the comparator", "mean(NB)", BENEFIT)


def _influence(words: str, symbols: str) -> Formula:
    return Formula(words, symbols, INFLUENCE)


_FLIP = {
    "net_benefit": _AS_RUN,
    "standard_deviations": _influence(
        "smallest shift of the input's draws on its modelling scale, the other draws fixed, that "
        "turns the sign of expected net benefit, in posterior standard deviations",
        "min |d| / sd(z) with sign mean(NB(z + d)) other than sign mean(NB)",
    ),
    "shift": _influence("that shift on the modelling scale, with its sign", "d"),
    "posterior_sd": _influence("standard deviation of the input there", "sd(z)"),
    "location": _influence("mean of the input there, in its own unit", "scale^-1(mean(z))"),
    "location_at_flip": _influence(
        "where that mean stands at the flip, in the input's own unit", "scale^-1(mean(z) + d)"
    ),
    "own_unit": _influence(
        "the shift in the input's own unit: a difference, or a factor", "d, or exp(d)"
    ),
}
_JOINT = {
    "net_benefit": _AS_RUN,
    "distance": _influence(
        "Mahalanobis distance of the joint shift at which the model's expected net benefit turns, "
        "along the direction of the regression",
        "t with mean(NB(z + t u)) = 0",
    ),
    "distance_linear": _influence(
        "the same by the regression of net benefit on the inputs", "|mean(NB)| / sqrt(b' S b)"
    ),
    "shift": _influence("this input's part of the joint shift, on its modelling scale", "t u"),
    "standard_deviations": _influence("that part in its standard deviations", "t u / sd(z)"),
    "explained": _influence(
        "share of the variance of net benefit that the regression explains", "b' S b / var(NB)"
    ),
}
_TORNADO = {
    "low_value": _influence("5th percentile of the input", "quantile(x, 0.05)"),
    "high_value": _influence("95th percentile of the input", "quantile(x, 0.95)"),
    "net_benefit": _AS_RUN,
    **{
        f"net_benefit_{end}": _influence(
            f"expected net benefit where the input stands at its {end} end, by local regression",
            f"E[NB | x = {end} end]",
        )
        for end in ("low", "high")
    },
    **{
        f"standard_error_{end}": _influence(
            f"standard error of the regression at the {end} end", "sandwich"
        )
        for end in ("low", "high")
    },
    "swing": _influence("the high end's less the low end's", "E[NB | high] - E[NB | low]"),
}
_SCENARIOS = {
    "net_benefit": Formula("expected net benefit in the scenario", "mean(NB)", BENEFIT),
    "standard_error": Formula(
        "its standard error, draws taken as independent", "sd(NB) / sqrt(n)", BENEFIT
    ),
    "prob_positive": Formula("share of the draws above zero", "mean(NB > 0)", BENEFIT),
    "reference_net_benefit": Formula("expected net benefit as run", "mean(NB)", BENEFIT),
}
_POWER = {
    "net_benefit": _influence(
        "expected net benefit if the component counted with the power: draws reweighted, or a "
        "refit, as `method` says",
        "sum(w NB), w the smoothed density^(alpha - 1)",
    ),
    "prob_positive": _influence("weight of the draws above zero", "sum(w (NB > 0))"),
    "net_benefit_as_run": _AS_RUN,
    "pareto_k": _influence(
        "shape of the tail of the weights; above 0.7 they do not hold", "generalised Pareto k"
    ),
    "effective_draws": _influence("one over the sum of squared weights", "1 / sum(w^2)"),
}
_DISCOUNTS = {
    "net_benefit": _AS_RUN,
    "net_benefit_nearly_ignored": _influence(
        "expected net benefit at the least power looked at", "mean(NB) at that power"
    ),
    "power": _influence(
        "largest power on the source's inputs at which the sign is another: the spread about the "
        "mean grows by one over its root",
        "a with mean(NB(m + (z - m) / sqrt(a))) = 0",
    ),
    "discount": _influence("one less the power", "1 - a"),
}

DECISION_TABLES: dict[str, TableCard] = {
    "sensitivity_tornado": TableCard(("profile", "option", "parameters"), "benefit", _TORNADO),
    "sensitivity_scenarios": TableCard(("scenario", "profile", "option"), "benefit", _SCENARIOS),
    "sensitivity_power_scaling": TableCard(
        ("profile", "option", "component", "alpha"), "benefit", _POWER
    ),
    "sensitivity_flip_distance": TableCard(("profile", "option", "parameters"), "benefit", _FLIP),
    "sensitivity_joint_flip_distance": TableCard(
        ("profile", "option", "parameters"), "benefit", _JOINT
    ),
    "sensitivity_discounts": TableCard(("profile", "option", "source"), "benefit", _DISCOUNTS),
}
