"""Experts' quantiles or ranges -> one density each, and a pooled one.

Each expert's answers are fitted by least squares on the quantiles; the fits are pooled linearly
(an average of densities: the mean of what they believe) or logarithmically (a weighted geometric
mean: what they agree on). Every fit is shown beside the pooled one, with what it implies in the
tails, for the experts to look at: answers that look wrong in that mirror are to be asked again.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import special

from riskmodel.errors import (
    NOTHING,
    ParameterError,
    Phrase,
    Problem,
    RiskModelWarning,
    did_you_mean,
)
from riskmodel.evidence.distributions import GridDistribution
from riskmodel.evidence.families import SUPPORTS, Family, Mixture, at_score, refuse

FITTED_FAMILIES = ("normal", "lognormal", "gamma", "beta")
# What the ends of a range stand for, as probabilities below them.
MEANINGS = {"plausible_limits": (0.025, 0.975), "q05_q95": (0.05, 0.95), "iqr": (0.25, 0.75)}
_POOLS = ("linear", "log")


def elicit(
    experts: Mapping[str, Any] | Sequence[tuple[str, Any]],
    *,
    family: str | Mapping[str, str] = "best",
    weights: Mapping[str, float] | None = None,
    pool: Literal["linear", "log"] = "linear",
    quantity: str = "quantity",
    support: tuple[float, float] | None = None,
    thresholds: Sequence[float] = (),
    normalise: bool = False,
) -> Elicitation:
    """Return the pooled belief of several experts, with feedback for each.

    Parameters
    ----------
    experts : mapping of name to answers, or sequence of (name, answers)
        Answers are quantiles, ``{0.05: 6, 0.5: 14, 0.95: 36}``, or a range that says what its ends
        mean, ``{"lower": 6, "upper": 36, "meaning": "plausible_limits"}`` (or ``q05_q95``,
        ``iqr``), perhaps with a ``"median"``. At least two numbers each.
    family : {"best", "normal", "lognormal", "gamma", "beta"}, or mapping of name to one
        ``best`` is the one with the smallest squared quantile error, among those that can hold the
        answers and lie within `support`; among equals, the first in this order: log-normal for
        positive answers, then gamma, beta, normal.
    weights : mapping of name to float, optional
        0 or more, with sum 1; equal if left out.
    pool : {"linear", "log"}
    quantity : str
        What was asked; it stands in messages.
    support : tuple of float, optional
        Lowest and highest possible value, such as (0, 1) for a risk or (0, inf) for a time.
    thresholds : sequence of float
        Values whose tail probabilities are fed back, beside every limit that was stated.
    normalise : bool
        Whether weights that do not sum to 1 are divided by their sum.

    Returns
    -------
    Elicitation

    Raises
    ------
    ParameterError
        For crossing quantiles, impossible bounds, an expert named twice, or weights that do not
        fit, naming the expert and the quantity.

    Warns
    -----
    RiskModelWarning
        For equal answers under two names, and a bound of 0 that rules the log-normal out.

    References
    ----------
    Oakley and O'Hagan, SHELF: the Sheffield Elicitation Framework; Bojke et al. (2021), Health
    Technol Assess 25(37).

    Examples
    --------
    >>> found = elicit(
    ...     {"one": {"lower": 6, "upper": 36, "meaning": "plausible_limits"},
    ...      "two": {0.05: 6, 0.95: 36}},
    ...     family="lognormal", quantity="months to recovery", thresholds=[36])
    >>> round(found.distribution.median(), 1)
    14.7
    >>> found.tails.query("threshold == 36")["probability_above"].round(4).tolist()
    [0.025, 0.05, 0.0375]
    """
    names, answers = _read(experts, quantity)
    support = _checked_support(support)
    if pool not in _POOLS:
        refuse("pool", pool, ", ".join(_POOLS), did_you_mean(pool, _POOLS))
    share = _weights(weights, names, normalise)
    concerns = _equal_answers(names, answers, quantity)
    fits: dict[str, Family] = {}
    problems: list[Problem] = []
    for name in names:
        try:
            chosen = family if isinstance(family, str) else family.get(name, "best")
            fits[name], more = _fit_expert(name, answers[name], chosen, quantity, support)
            concerns += more
        except ParameterError as error:
            problems += error.problems
    if problems:
        raise ParameterError(problems)
    pooled = pool_densities(list(fits.values()), [share[name] for name in names], pool)
    for concern in concerns:
        warnings.warn(str(concern), RiskModelWarning, stacklevel=2)
    return Elicitation(
        distribution=pooled,
        experts=fits,
        answers=answers,
        weights=share,
        pool=pool,
        quantity=quantity,
        thresholds=tuple(thresholds),
        concerns=tuple(concerns),
    )


@dataclass(frozen=True)
class Elicitation:
    """The pooled belief of several experts.

    Attributes
    ----------
    distribution : distribution
        The pooled density.
    experts : dict of str to Family
        Each expert's own.
    answers : dict of str to dict of float to float
        What each stated: probability below -> value.
    weights : dict of str to float
    pool : {"linear", "log"}
    quantity : str
    thresholds : tuple of float
    concerns : tuple of Problem
        What was doubtful and went on.
    badge : str
        Always ``elicited``.
    """

    distribution: Any
    experts: dict[str, Family]
    answers: dict[str, dict[float, float]]
    weights: dict[str, float]
    pool: str
    quantity: str
    thresholds: tuple[float, ...] = ()
    concerns: tuple[Problem, ...] = ()
    badge: str = field(default="elicited", init=False)

    @property
    def rule(self) -> str:
        """How the pooled density was made, in words."""
        words = {"linear": "linear pool (average of densities)", "log": "logarithmic pool"}
        shares = ", ".join(f"{name} {weight:.3g}" for name, weight in self.weights.items())
        return f"{words[self.pool]} of {len(self.experts)} experts' fits; weights {shares}"

    def _everyone(self) -> list[tuple[str, Any]]:
        return [*self.experts.items(), ("pooled", self.distribution)]

    @property
    def summary(self) -> pd.DataFrame:
        """One row an expert, and one pooled: fit, mean, sd, and the 5%, 50% and 95% quantiles."""
        rows = []
        for name, found in self._everyone():
            answers = self.answers.get(name) if name in self.experts else None
            rows.append(
                {
                    "expert": name,
                    "weight": self.weights.get(name, 1.0) if answers else 1.0,
                    "fit": str(found) if isinstance(found, Family) else f"{self.pool} pool",
                    "squared_quantile_error": _squared_error(found, answers) if answers else np.nan,
                    "mean": float(found.mean()),
                    "standard_deviation": float(found.std()),
                    "quantile_05": float(found.ppf(0.05)),
                    "median": float(found.ppf(0.5)),
                    "quantile_95": float(found.ppf(0.95)),
                }
            )
        return pd.DataFrame(rows)

    @property
    def fitted(self) -> pd.DataFrame:
        """Each stated quantile beside the fitted one, and what the pooled density gives there."""
        rows = [
            (name, probability, stated, float(self.experts[name].ppf(probability)))
            for name, answers in self.answers.items()
            for probability, stated in answers.items()
        ]
        table = pd.DataFrame(rows, columns=["expert", "probability", "stated", "fitted"])
        table["difference"] = table["fitted"] - table["stated"]
        table["pooled_probability"] = self.distribution.cdf(table["stated"].to_numpy())
        return table

    @property
    def tails(self) -> pd.DataFrame:
        """What everyone implies above each threshold and each stated limit."""
        limits = {value for answers in self.answers.values() for value in answers.values()}
        rows = [
            (threshold, name, 1 - float(found.cdf(threshold)))
            for threshold in sorted(limits | {float(x) for x in self.thresholds})
            for name, found in self._everyone()
        ]
        return pd.DataFrame(rows, columns=["threshold", "expert", "probability_above"])

    def densities(self, points: int = 201) -> pd.DataFrame:
        """Return every expert's density and the pooled one on one grid, for a figure."""
        low = min(float(found.ppf(0.002)) for _, found in self._everyone())
        high = max(float(found.ppf(0.998)) for _, found in self._everyone())
        x = np.linspace(low, high, points)
        parts = [
            pd.DataFrame({"expert": name, "value": x, "density": found.pdf(x)})
            for name, found in self._everyone()
        ]
        return pd.concat(parts, ignore_index=True)


# --- what the experts said ------------------------------------------------------------------------


def _read(experts, quantity: str) -> tuple[list[str], dict[str, dict[float, float]]]:
    pairs = list(experts.items() if isinstance(experts, Mapping) else experts)
    if not pairs:
        refuse("experts", NOTHING, "at least one expert", "give each expert's quantiles by name")
    problems: list[Problem] = []
    answers: dict[str, dict[float, float]] = {}
    known: dict[str, str] = {}
    for name, stated in pairs:
        key = " ".join(str(name).split()).casefold()
        if key in known:
            problems.append(
                _problem(
                    name,
                    quantity,
                    Phrase(f"the expert twice, as {known[key]!r} and {name!r}"),
                    "each expert once",
                    "leave one of the two out, or give two people two names",
                )
            )
            continue
        known[key] = str(name)
        try:
            answers[str(name)] = _quantiles(str(name), stated, quantity)
        except ParameterError as error:
            problems += error.problems
    if problems:
        raise ParameterError(problems)
    return list(answers), answers


def _problem(name, quantity, found, allowed, remedy, severity="E") -> Problem:
    return Problem(
        field=f"experts.{name}.{quantity}",
        found=found,
        allowed=allowed,
        remedy=remedy,
        severity=severity,
    )


def _quantiles(name: str, stated, quantity: str) -> dict[float, float]:
    """Return an expert's answers as probability -> value, in order."""

    def wrong(found, allowed, remedy):
        raise ParameterError([_problem(name, quantity, found, allowed, remedy)])

    if not isinstance(stated, Mapping):
        wrong(
            stated,
            "quantiles by probability, or a range with its meaning",
            "write for example {0.05: 6, 0.95: 36}",
        )
    if "lower" in stated or "upper" in stated:
        stated = _of_range(stated, wrong)
    answers = {}
    for probability, value in stated.items():
        number = _number(probability)
        if number is None or not 0 < number < 1:
            wrong(
                probability, "probabilities strictly between 0 and 1", "divide percentages by 100"
            )
        if (value := _number(value)) is None:
            wrong(
                stated[probability],
                "a finite number for each probability",
                "leave out what the expert did not answer",
            )
        answers[number] = value
    answers = dict(sorted(answers.items()))
    if len(answers) < 2:
        wrong(
            Phrase(f"{len(answers)} number"),
            "at least two quantiles",
            "one number says where, not how sure: ask for another",
        )
    for (p, low), (q, high) in zip(
        list(answers.items())[:-1], list(answers.items())[1:], strict=True
    ):
        if low >= high:
            wrong(
                Phrase(f"{low:g} at probability {p:g} and {high:g} at {q:g}"),
                "quantiles that rise with the probability",
                "they cross; ask the expert again, or exchange the two if they were swapped",
            )
    return answers


def _of_range(stated: Mapping, wrong) -> dict:
    unknown = set(stated) - {"lower", "upper", "meaning", "median"}
    if unknown or "lower" not in stated or "upper" not in stated:
        wrong(
            Phrase(", ".join(map(str, stated))),
            "lower, upper, meaning, and perhaps median",
            "give both ends and what they mean",
        )
    if stated.get("meaning") not in MEANINGS:
        wrong(
            stated.get("meaning", NOTHING),
            f"meaning: {', '.join(MEANINGS)}",
            "ask what share of cases the expert expects outside the range: 5%, 10% or 50%",
        )
    below, above = MEANINGS[stated["meaning"]]
    answers = {below: stated["lower"], above: stated["upper"]}
    return answers | ({0.5: stated["median"]} if "median" in stated else {})


def _number(value) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return None if isinstance(value, bool) or not np.isfinite(number) else number


def _equal_answers(names, answers, quantity: str) -> list[Problem]:
    """Return a warning for each pair of names with the same answers."""
    return [
        _problem(
            two,
            quantity,
            Phrase(f"the same answers as {one}: {answers[one]}"),
            "answers of one's own",
            "if this is one expert under two names, leave one out: the answers count twice",
            "W",
        )
        for one, two in combinations(names, 2)
        if answers[one] == answers[two]
    ]


def _weights(weights, names: list[str], normalise: bool) -> dict[str, float]:
    if weights is None:
        return {name: 1 / len(names) for name in names}
    problems = []
    numbers = {}
    for name in weights:
        if name not in names:
            problems.append(
                Problem(
                    field=f"weights.{name}",
                    found=name,
                    allowed=", ".join(names),
                    remedy=did_you_mean(name, names),
                )
            )
    for name in names:
        number = _number(weights.get(name))
        if number is None or number < 0:
            problems.append(
                Problem(
                    field=f"weights.{name}",
                    found=weights.get(name, NOTHING),
                    allowed="a number, 0 or more, for every expert",
                    remedy="0 leaves an expert out of the pool and still shows the answers",
                )
            )
        else:
            numbers[name] = number
    if problems:
        raise ParameterError(problems)
    total = sum(numbers.values())
    if total <= 0:
        refuse(
            "weights",
            Phrase("0 for every expert"),
            "one weight above 0",
            "leave the weights out to count all experts alike",
        )
    if abs(total - 1) > 1e-9 and not normalise:
        refuse(
            "weights",
            Phrase(f"a sum of {total:g}"),
            "a sum of 1",
            "say normalise=True to divide by the sum",
        )
    return {name: number / total for name, number in numbers.items()}


def _checked_support(support) -> tuple[float, float] | None:
    """Return the bounds of the possible in order; either may be infinite."""
    if support is None:
        return None
    allowed = "the lowest and the highest possible value, in this order"
    remedy = "write for example (0, 1) for a risk, or (0, inf) for a time"
    try:
        low, high = (float(end) for end in support)
    except (TypeError, ValueError):
        refuse("support", support, allowed, remedy)
    if not low < high:
        refuse("support", support, allowed, remedy)
    return low, high


# --- fitting --------------------------------------------------------------------------------------


def _fit_expert(name, answers, chosen: str, quantity: str, support):
    """Return an expert's fit and what is doubtful about it."""
    p, x = np.array(list(answers)), np.array(list(answers.values()))

    def wrong(found, allowed, remedy):
        raise ParameterError([_problem(name, quantity, found, allowed, remedy)])

    if support is not None and not (support[0] <= x.min() and x.max() <= support[1]):
        wrong(
            Phrase(f"{x.min():g} to {x.max():g}"),
            f"values from {support[0]:g} to {support[1]:g}",
            "check the unit; divide percentages by 100",
        )
    if chosen == "best":
        able = [f for f in _candidates(support) if _holds(f, x)]
        if not able:
            wrong(
                Phrase(f"{x.min():g} to {x.max():g}"),
                "answers that a family can hold",
                "name `family` yourself, or drop a bound that is only a limit of the possible",
            )
        found = [fit_quantiles(one, p, x) for one in able]
        errors = [_squared_error(one, answers) for one in found]
        # Fits that are equally exact are told apart by their order, not by rounding.
        best = min(range(len(able)), key=lambda i: (round(errors[i] / np.ptp(x) ** 2, 8), i))
        concerns = []
        if x.min() == 0 and support is not None and support[0] == 0 and support[1] == np.inf:
            concerns.append(
                _problem(
                    name,
                    quantity,
                    0,
                    "a lower answer above 0 for a log-normal",
                    f"the log-normal cannot hold it and was passed over for {able[best]}",
                    "W",
                )
            )
        return found[best], concerns
    if chosen not in FITTED_FAMILIES:
        refuse(
            "family",
            chosen,
            f"best, {', '.join(FITTED_FAMILIES)}",
            did_you_mean(chosen, [*FITTED_FAMILIES, "best"]),
        )
    if not _holds(chosen, x):
        low, high = SUPPORTS[chosen]
        wrong(
            Phrase(f"{x.min():g} to {x.max():g}, with a {chosen} density"),
            f"values strictly between {low:g} and {high:g}",
            "ask for the smallest value the expert thinks possible above 0, or use gamma or normal"
            if chosen == "lognormal"
            else "choose another family, or check the unit",
        )
    return fit_quantiles(chosen, p, x), []


def _candidates(support) -> list[str]:
    """Return the families that may be chosen, in order of preference."""
    order = ["lognormal", "gamma", "beta", "normal"]
    if support is None:
        return ["lognormal", "gamma", "normal"]
    low, high = support
    return [f for f in order if SUPPORTS[f][0] >= low and SUPPORTS[f][1] <= high]


def _holds(family: str, x: np.ndarray) -> bool:
    low, high = SUPPORTS[family]
    if family == "gamma":
        return x.min() >= 0 and x.max() > 0
    return bool(low < x.min() and x.max() < high)


def fit_quantiles(family: str, probabilities: Iterable[float], values: Iterable[float]) -> Family:
    """Return the member of a family that is nearest to stated quantiles.

    Parameters
    ----------
    family : {"normal", "lognormal", "gamma", "beta", "logit_normal"}
    probabilities, values : array_like
        Two or more quantiles, rising.

    Returns
    -------
    Family
        With the smallest sum of squared differences between fitted and stated quantiles; two
        quantiles are met exactly.

    Examples
    --------
    >>> print(fit_quantiles("lognormal", [0.025, 0.975], [6, 36]))
    lognormal(log location 2.688, log standard deviation 0.4571)
    """
    from scipy.optimize import least_squares

    p, x = np.asarray(probabilities, dtype=float), np.asarray(values, dtype=float)
    z, unit = special.ndtri(p), np.ptp(x)
    forward = {"normal": np.asarray, "lognormal": np.log, "logit_normal": special.logit}
    if family in forward:
        y = forward[family](x)
        slope = np.cov(z, y, bias=True)[0, 1] / np.var(z)
        start = [y.mean() - slope * z.mean(), np.log(slope)]
    elif family == "gamma":
        mean, sd = np.interp(0.5, p, x), unit / np.ptp(z)
        start = [2 * np.log(max(mean / sd, 1e-2)), np.log(sd**2 / max(mean, 1e-12))]
    else:
        mean, sd = np.clip(np.interp(0.5, p, x), 1e-4, 1 - 1e-4), unit / np.ptp(z)
        size = max(mean * (1 - mean) / sd**2 - 1, 0.2)
        start = [np.log(size * mean), np.log(size * (1 - mean))]

    def made(free) -> Family:
        free = np.clip(free, -500, 500)
        first = free[0] if family in forward else np.exp(free[0])
        return Family(family, float(first), float(np.exp(free[1])))

    def miss(free):
        return np.nan_to_num((made(free).ppf(p) - x) / unit, nan=1e6, posinf=1e6, neginf=-1e6)

    if family in forward and len(p) == 2:
        return made(start)
    found = least_squares(miss, start, xtol=1e-14, ftol=1e-14, gtol=1e-14, max_nfev=2000)
    return made(found.x)


def _squared_error(found, answers: Mapping[float, float]) -> float:
    p, x = np.array(list(answers)), np.array(list(answers.values()))
    return float(np.sum((found.ppf(p) - x) ** 2))


# --- pooling --------------------------------------------------------------------------------------


def pool_densities(components: Sequence[Any], weights: Sequence[float], pool: str):
    """Return the linear or logarithmic pool of several densities.

    Parameters
    ----------
    components : sequence of distribution
    weights : sequence of float
        0 or more, with sum 1.
    pool : {"linear", "log"}
        ``sum(w * f)``, or proportional to ``prod(f ** w)``.

    Notes
    -----
    A logarithmic pool within one family stays in it: precisions average for normals (on the log
    scale for log-normals), shapes for gammas and Betas. Across families it is made on a grid.

    Examples
    --------
    >>> one, two = Family("normal", 0, 1), Family("normal", 3, 1)
    >>> print(pool_densities([one, two], [0.5, 0.5], "log"))
    normal(mean 1.5, standard deviation 1)
    """
    used = [(c, w) for c, w in zip(components, weights, strict=True) if w > 0]
    if len(used) == 1:
        return used[0][0]
    if pool == "linear":
        return Mixture(tuple(c for c, _ in used), tuple(float(w) for _, w in used))
    families = {getattr(c, "family", None) for c, _ in used}
    if len(families) == 1 and families <= {"normal", "lognormal", "logit_normal", "gamma", "beta"}:
        return _log_pool_of_one_family(families.pop(), used)
    return _log_pool_on_grid(used)


def _log_pool_of_one_family(family: str, used) -> Family:
    weight = np.array([w for _, w in used])
    first = np.array([c.first for c, _ in used])
    second = np.array([c.second for c, _ in used])
    if family == "beta":
        return Family("beta", float(weight @ first), float(weight @ second))
    if family == "gamma":
        return Family("gamma", float(weight @ first), float(1 / (weight @ (1 / second))))
    precision = weight / second**2
    return Family(
        family, float(precision @ first / precision.sum()), float(precision.sum() ** -0.5)
    )


def _log_pool_on_grid(used) -> GridDistribution:
    """Return the pool of unlike families, on points that are dense wherever one of them is."""
    z = np.linspace(-8, 8, 1201)
    points = np.unique(np.concatenate([at_score(c, z) for c, _ in used]))
    low = max(c.support()[0] for c, _ in used)
    high = min(c.support()[1] for c, _ in used)
    points = points[(points > low) & (points < high)]
    # Points that nearly coincide make the spline through them ring.
    keep, last = [], -np.inf
    gap = 1e-6 * np.ptp(points)
    for point in points:
        if point - last > gap:
            keep.append(point)
            last = point
    points = np.array(keep)
    density = sum(w * np.asarray(c.logpdf(points)) for c, w in used)
    inside = density > density.max() - 60
    return GridDistribution(points[inside], density[inside])
