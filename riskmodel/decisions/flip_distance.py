"""How far an input would have to move, alone or with others, to turn the sign of net benefit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from riskmodel.decisions.information import refuse
from riskmodel.decisions.tornado import gains
from riskmodel.errors import ParameterError, Phrase

SCALES = ("plain", "log", "log_odds")
REACH = np.log(1e6)  # logarithms and log odds beyond this are of no risk, ratio or rate on earth
MOST = 100.0  # posterior standard deviations
# Steps of the search outward, in posterior standard deviations; between two of them a sign that
# turns twice is not seen.
STEPS = np.concatenate([np.arange(0.5, 4.1, 0.5), np.geomspace(6, MOST, 8)])
LEAST_POWER = 0.01  # of a discount; at 0 there is no distribution
POWERS = np.geomspace(1, LEAST_POWER, 13)
TOLERANCE = 1e-8
Evaluate = Callable[[pd.DataFrame], Any]


def to_scale(value, scale: str) -> np.ndarray:
    """Return values in their own unit on the modelling scale.

    Examples
    --------
    >>> to_scale([0.5, 0.9], "log_odds").round(3).tolist()
    [0.0, 2.197]
    """
    value = np.asarray(value, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "log":
            return np.log(value)
        return np.log(value) - np.log1p(-value) if scale == "log_odds" else value


def from_scale(value, scale: str) -> np.ndarray:
    """Return values of the modelling scale in their own unit."""
    value = np.asarray(value, dtype=float)
    if scale == "log":
        return np.exp(value)
    return 1 / (1 + np.exp(-value)) if scale == "log_odds" else value


def flip_distance(
    net_benefit: Evaluate,
    parameters: pd.DataFrame,
    *,
    scales: Mapping[str, str] | None = None,
    supports: Mapping[str, tuple[float, float]] | None = None,
    units: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the smallest shift of each input that reverses the sign of expected net benefit.

    Parameters
    ----------
    net_benefit : callable
        Takes a DataFrame like `parameters` with changed draws and returns expected net benefit
        over the comparator: one number, or a mapping or Series by option. May raise
        ParameterError where the model has no meaning: the support ends there.
    parameters : pandas.DataFrame
        Draws by input, each in its own unit.
    scales : mapping of str to {"plain", "log", "log_odds"}, optional
        The modelling scale of each input: log for ratios and rates, log_odds for risks, plain
        (the default) for differences.
    supports : mapping of str to (lower, upper), optional
        Where the location of an input may lie, in its own unit. None is everywhere for
        differences, 1e-6 to 1e6 for ratios and odds.
    units : mapping of str to str, optional

    Returns
    -------
    pandas.DataFrame
        One row an option and input, nearest first: ``parameters``, ``scale``, ``net_benefit``
        (as it is), ``standard_deviations`` (the distance; infinite if there is none), ``shift``
        (signed, on the modelling scale), ``posterior_sd`` (there), ``location`` and
        ``location_at_flip`` (the mean on the modelling scale, in the input's own unit),
        ``own_unit`` (the distance there: a factor for log, a factor of the odds for log_odds, a
        difference for plain), ``unit`` and ``reason`` (``flips``, or why not).

    Raises
    ------
    ParameterError
        If an input has no location on its scale, or does not vary.

    Notes
    -----
    All draws of one input are shifted by the same amount, the other draws fixed. The search goes
    outward on both sides in steps of half a posterior standard deviation, wider beyond four, up
    to 100; the first change of sign is closed in on by Brent's method.

    Examples
    --------
    >>> rng = np.random.default_rng(3)
    >>> draws = pd.DataFrame({"benefit": rng.normal(0.10, 0.02, 4000)})
    >>> found = flip_distance(lambda x: (x["benefit"] - 0.04).mean(), draws)
    >>> bool(abs(found.loc[0, "location_at_flip"] - 0.04) < 1e-9)
    True
    """
    _require_model(net_benefit, parameters)
    scales = _scales(parameters, scales)
    base = _by_option(net_benefit(parameters))
    rows = []
    for name in parameters.columns:
        spot = _Spot(name, parameters, scales[name], (supports or {}).get(name))
        for option, found in _search(net_benefit, parameters, spot, base).items():
            shift, reason = found
            rows.append(
                {
                    "option": option,
                    "parameters": str(name),
                    "scale": scales[name],
                    "net_benefit": base[option],
                    "standard_deviations": abs(shift) / spot.sd,
                    "shift": shift,
                    "posterior_sd": spot.sd,
                    "location": float(from_scale(spot.centre, scales[name])),
                    **_own(spot, shift, scales[name]),
                    "unit": (units or {}).get(name, ""),
                    "reason": reason,
                }
            )
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    order = table["option"].map({option: i for i, option in enumerate(base)})
    table = table.assign(_order=order).sort_values(["_order", "standard_deviations"], kind="stable")
    return table.drop(columns="_order").reset_index(drop=True)


def _own(spot: _Spot, shift: float, scale: str) -> dict:
    """Return where the location stands at the flip, and how far that is, in the input's unit."""
    if not np.isfinite(shift):
        return {"location_at_flip": np.nan, "own_unit": np.nan, "own_unit_is": "none"}
    kind = {"plain": "difference", "log": "factor", "log_odds": "factor of the odds"}[scale]
    return {
        "location_at_flip": float(from_scale(spot.centre + shift, scale)),
        "own_unit": shift if scale == "plain" else float(np.exp(shift)),
        "own_unit_is": kind,
    }


def _require_model(net_benefit: Any, parameters: Any) -> None:
    if not callable(net_benefit):
        refuse(
            "net_benefit",
            type(net_benefit).__name__,
            "a function of a DataFrame of draws",
            "give what computes expected net benefit of changed draws",
        )
    if not isinstance(parameters, pd.DataFrame) or parameters.empty:
        refuse(
            "parameters",
            type(parameters).__name__,
            "a DataFrame of draws, a column an input",
            "put the draws into pandas.DataFrame({name: draws})",
        )


def _scales(parameters: pd.DataFrame, scales: Mapping[str, str] | None) -> dict[str, str]:
    found = {name: (scales or {}).get(name, "plain") for name in parameters.columns}
    for name, scale in found.items():
        if scale not in SCALES:
            refuse(f"scales.{name}", scale, ", ".join(SCALES), "choose the input's modelling scale")
    return found


def _by_option(value: Any) -> dict[str, float]:
    """Return expected net benefit by option, whatever it came in; nan where there is none."""
    if isinstance(value, pd.Series | Mapping):
        return {str(name): float(number) for name, number in value.items()}
    numbers = np.atleast_1d(np.asarray(value, dtype=float)).ravel()
    if numbers.size == 1:
        return {"option": float(numbers[0])}
    return {f"option_{i + 1}": float(number) for i, number in enumerate(numbers)}


class _Spot:
    """Where an input stands on its modelling scale, and how far it may go."""

    def __init__(self, name, parameters: pd.DataFrame, scale: str, support):
        self.name, self.scale = name, scale
        self.draws = to_scale(parameters[name].to_numpy(), scale)
        if not np.isfinite(self.draws).all():
            refuse(
                f"parameters.{name}",
                Phrase(f"draws without a {scale.replace('_', ' ')}"),
                "positive numbers for log, strictly between 0 and 1 for log_odds",
                "choose another scale for it",
            )
        self.centre, self.sd = float(self.draws.mean()), float(self.draws.std(ddof=1))
        if not self.sd > 0:
            refuse(
                f"parameters.{name}",
                Phrase("a constant"),
                "draws that vary",
                "leave it out: a distance in standard deviations has no meaning for it",
            )
        if support is None:
            reach = np.inf if scale == "plain" else REACH
            self.lower, self.upper = -reach, reach
        else:
            self.lower, self.upper = (float(end) for end in to_scale(support, scale))

    def steps(self, side: int) -> np.ndarray:
        """Return the shifts to look at on one side, the last at the end of the support."""
        edge = self.upper - self.centre if side > 0 else self.centre - self.lower
        steps = STEPS * self.sd
        inside = steps[steps < edge]
        if edge < steps[-1]:
            inside = np.append(inside, max(edge, 0.0))
        return side * inside

    def shifted(self, parameters: pd.DataFrame, shift: float) -> pd.DataFrame:
        return parameters.assign(**{self.name: from_scale(self.draws + shift, self.scale)})


def _search(net_benefit: Evaluate, parameters: pd.DataFrame, spot: _Spot, base: dict) -> dict:
    """Return by option the shift that turns the sign, and a reason."""

    def at(shift: float) -> dict[str, float] | None:
        try:
            return _by_option(net_benefit(spot.shifted(parameters, shift)))
        except ParameterError:
            return None

    lines = {side: _Line(at, spot.steps(side), base) for side in (-1, 1)}
    found: dict[str, tuple[float, str]] = {}
    for option, value in base.items():
        if not np.isfinite(value):
            continue
        if value == 0:
            found[option] = (0.0, "net benefit is 0 as it is")
            continue
        found[option] = _nearest(lines, option, spot)
    return found


class _Line:
    """Expected net benefit along one direction, looked at step by step and kept."""

    def __init__(self, at: Callable, steps: np.ndarray, base: dict):
        self.at, self.steps = at, list(steps)
        self.points: list[tuple[float, dict]] = [(0.0, base)]
        self.stopped = False

    def go(self, count: int) -> bool:
        """Look at steps up to the `count`-th; say whether there are as many."""
        while len(self.points) <= count and not self.stopped:
            if len(self.points) > len(self.steps):
                return False
            self._look(self.steps[len(self.points) - 1])
        return len(self.points) > count

    def _look(self, shift: float) -> None:
        value = self.at(shift)
        if value is not None:
            self.points.append((shift, value))
            return
        self.stopped = True  # the model has no meaning there: find how far it has
        good, bad, last = self.points[-1][0], shift, None
        for _ in range(8):
            middle = (good + bad) / 2
            value = self.at(middle)
            if value is None:
                bad = middle
            else:
                good, last = middle, value
        if last is not None:
            self.points.append((good, last))

    def root(self, place: int, option: str) -> float | None:
        """Return where the sign turns between a step and the one before it, if it does."""
        (near, first), (far, second) = self.points[place - 1], self.points[place]
        if not np.isfinite(second[option]) or first[option] * second[option] > 0:
            return None
        if second[option] == 0:
            return far
        from scipy.optimize import brentq

        def value(shift: float) -> float:
            found = self.at(shift)
            return np.nan if found is None else found[option]

        return float(brentq(value, near, far, xtol=TOLERANCE * abs(far), rtol=1e-12))


def _nearest(lines: Mapping[int, _Line], option: str, spot: _Spot) -> tuple[float, str]:
    for place in range(1, len(STEPS) + 2):
        on = [line for line in lines.values() if line.go(place)]
        roots = [line.root(place, option) for line in on]
        roots = [root for root in roots if root is not None]
        if roots:
            return min(roots, key=abs), "flips"
        if not on:
            break
    where = []
    for side, line in lines.items():
        word = "down" if side < 0 else "up"
        reached = abs(line.points[-1][0]) / spot.sd
        if line.stopped:
            where.append(f"{word} to {reached:.3g} sd, where a risk passes 1 or the model stops")
        else:
            where.append(f"{word} to {reached:.3g} sd")
    return np.inf, f"none within its support ({'; '.join(where)})"


# --- several at once ----------------------------------------------------------------------------


def joint_flip_distance(
    net_benefit: Evaluate,
    parameters: pd.DataFrame,
    draws: Any,
    *,
    scales: Mapping[str, str] | None = None,
    comparator: str | None = None,
) -> pd.DataFrame:
    """Return the nearest joint shift of all inputs that reverses the sign of net benefit.

    Parameters
    ----------
    net_benefit, parameters, scales
        As of :func:`flip_distance`.
    draws : DataFrame, DataArray or array
        Net benefit draw by draw, by the options that `net_benefit` names.
    comparator : str, optional
        Of `draws`.

    Returns
    -------
    pandas.DataFrame
        One row an option and input: ``distance``, the Mahalanobis distance at which evaluation
        finds the sign reversed (infinite if it does not); ``distance_linear``, what the linear
        approximation says; ``parameters``, ``shift`` on its modelling scale and
        ``standard_deviations`` (signed) of that input at the point; ``explained``, the share of
        the variance of net benefit that the line explains; ``reason``.

    Notes
    -----
    Net benefit regressed on the inputs on their modelling scales gives slopes b; with their
    covariance S, the nearest point of the plane ``net benefit = 0`` in Mahalanobis distance is
    ``-E[NB] S b / (b' S b)``, at distance ``|E[NB]| / sqrt(b' S b)``. The model is then
    evaluated along that direction, all draws shifted together, until its sign turns: the
    direction is that of the line, the distance is the model's. Correlated inputs move together.

    Examples
    --------
    >>> rng = np.random.default_rng(4)
    >>> x = pd.DataFrame(rng.normal([0.1, 0.0], [0.02, 0.03], (4000, 2)), columns=["a", "b"])
    >>> found = joint_flip_distance(lambda z: (z["a"] + z["b"]).mean(), x, x["a"] + x["b"])
    >>> bool(np.isclose(found.loc[0, "distance"], found.loc[0, "distance_linear"]))
    True
    """
    _require_model(net_benefit, parameters)
    scales = _scales(parameters, scales)
    spots = [_Spot(name, parameters, scales[name], None) for name in parameters.columns]
    z = np.column_stack([spot.draws for spot in spots])
    base = _by_option(net_benefit(parameters))
    if isinstance(draws, pd.Series):
        draws = draws.to_numpy()
    rows = []
    for labels, value in gains(draws, comparator):
        option = labels["option"]
        if option not in base or not np.isfinite(base[option]):
            continue
        kept = np.isfinite(value)
        centred, target = z[kept] - z[kept].mean(axis=0), value[kept] - value[kept].mean()
        slope = np.linalg.lstsq(centred, target, rcond=None)[0]
        covariance = np.atleast_2d(np.cov(centred.T))
        spread = float(np.sqrt(slope @ covariance @ slope))
        explained = spread**2 / target.var(ddof=1) if target.any() else np.nan
        if not spread > 0:
            point, linear, distance = np.full(len(spots), np.nan), np.inf, np.inf
            reason = "net benefit does not depend on the inputs"
        else:
            linear = abs(base[option]) / spread
            direction = -np.sign(base[option]) * covariance @ slope / spread  # distance 1
            distance, reason = _along(net_benefit, parameters, spots, direction, option, base)
            point = direction * distance if np.isfinite(distance) else np.full(len(spots), np.nan)
        rows += [
            {
                "option": option,
                "parameters": str(spot.name),
                "scale": spot.scale,
                "net_benefit": base[option],
                "distance": distance,
                "distance_linear": linear,
                "shift": float(shift),
                "standard_deviations": float(shift) / spot.sd,
                "explained": explained,
                "reason": reason,
            }
            for spot, shift in zip(spots, point, strict=True)
        ]
    return pd.DataFrame(rows)


def _along(net_benefit, parameters, spots: Sequence[_Spot], direction, option, base):
    """Return how far along a joint direction the sign turns, and a reason."""

    def at(distance: float) -> dict | None:
        changed = {
            spot.name: from_scale(spot.draws + distance * step, spot.scale)
            for spot, step in zip(spots, direction, strict=True)
        }
        try:
            return _by_option(net_benefit(parameters.assign(**changed)))
        except ParameterError:
            return None

    if base[option] == 0:
        return 0.0, "net benefit is 0 as it is"
    line = _Line(at, STEPS, base)
    for place in range(1, len(STEPS) + 1):
        if not line.go(place):
            break
        root = line.root(place, option)
        if root is not None:
            return root, "flips"
    reached = line.points[-1][0]
    ended = ", where a risk passes 1 or the model stops" if line.stopped else ""
    return np.inf, f"none along the direction of the line up to {reached:.3g}{ended}"


# --- less weight to a source --------------------------------------------------------------------


def discount_to_flip(
    net_benefit: Evaluate,
    parameters: pd.DataFrame,
    *,
    sources: Mapping[str, str | Sequence[str]] | None = None,
    scales: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the power on each source at which the sign of expected net benefit is reversed.

    Parameters
    ----------
    net_benefit, parameters, scales
        As of :func:`flip_distance`.
    sources : mapping of str to str or sequence of str, optional
        Input -> the documents it rests on; all inputs of a document are discounted together.
        None discounts each input alone.

    Returns
    -------
    pandas.DataFrame
        One row an option and source: ``source``, ``parameters`` (joined by " + "),
        ``net_benefit`` as it is, ``net_benefit_nearly_ignored`` (at the least power, or where
        the model stops before), ``power`` (largest at which the sign is another; nan if none),
        ``discount`` (1 - power), ``least_power`` looked at and ``reason``.

    Notes
    -----
    A power a divides the precision: the spread about the mean on the modelling scale grows by
    ``1 / sqrt(a)``, the location stays. So only the curvature of net benefit in the input can
    turn its sign; a linear input never does.

    Examples
    --------
    >>> rng = np.random.default_rng(5)
    >>> z = rng.normal(0, 0.1, 20_000)
    >>> x = pd.DataFrame({"x": np.exp(z - z.mean())})
    >>> found = discount_to_flip(lambda t: 1.05 - t["x"].mean(), x, scales={"x": "log"})
    >>> round(float(found.loc[0, "power"]), 1)  # exp(0.01 / (2 a)) = 1.05
    0.1
    """
    _require_model(net_benefit, parameters)
    scales = _scales(parameters, scales)
    base = _by_option(net_benefit(parameters))
    spots = {
        name: _Spot(name, parameters, scales[name], None)
        for name in parameters.columns
    }  # fmt: skip
    rows = []
    for source, names in _grouped(parameters.columns, sources).items():
        group = [spots[name] for name in names]

        def at(discounted: float, group=group) -> dict | None:
            widen = np.exp(discounted / 2) - 1  # minus the log of the power
            changed = {
                s.name: from_scale(s.draws + (s.draws - s.centre) * widen, s.scale) for s in group
            }
            try:
                return _by_option(net_benefit(parameters.assign(**changed)))
            except ParameterError:
                return None

        line = _Line(at, -np.log(POWERS[1:]), base)
        for option, value in base.items():
            if np.isfinite(value):
                row = _discount_row(line, option)
                rows.append(
                    {"option": option, "source": source, "parameters": " + ".join(map(str, names))}
                    | {"net_benefit": value}
                    | row
                )
    return pd.DataFrame(rows)


def _discount_row(line: _Line, option: str) -> dict:
    root = None
    place = 1
    while root is None and line.go(place):
        root = line.root(place, option)
        place += 1
    if root is None and line.stopped and len(line.points) > place:
        root = line.root(place, option)
    last, value = line.points[-1]
    least = float(np.exp(-last))
    ended = " where a risk passes 1 or the model stops" if line.stopped else ""
    power = np.nan if root is None else float(np.exp(-root))
    return {
        "net_benefit_nearly_ignored": value[option],
        "power": power,
        "discount": 1 - power,
        "least_power": least,
        "reason": "flips" if root is not None else f"none down to power {least:.2g}{ended}",
    }


def _grouped(names, sources: Mapping | None) -> dict[str, list]:
    if sources is None:
        return {str(name): [name] for name in names}
    found: dict[str, list] = {}
    for name in names:
        documents = sources.get(name, ())
        for document in [documents] if isinstance(documents, str) else documents:
            found.setdefault(document, []).append(name)
    return found
