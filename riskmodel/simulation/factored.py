"""A problem and its draws as a short program over rows of draws: the same for every patient.

Whatever does not depend on a patient is computed once. What is left is one linear predictor and
one exponential an outcome, and one or two operations an option; net benefit is a sum of rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import logit

from riskmodel.errors import ParameterError, Phrase, Problem
from riskmodel.evidence.priors import transformed
from riskmodel.models.events import carried_effect, risk_under_effect
from riskmodel.parameters.schema import DecisionProblem, Panel
from riskmodel.simulation import outcomes as outcomes_module
from riskmodel.simulation.overlap import joint_risk

# Operations of a program; every row is (operation, out, a, b, number, terms).
LOGISTIC, RATIO, ODDS, HAZARD, ADD, EXPOSURE, EXTERNAL = range(7)
DIFFERENCE, JOINT, COPY, WEIGHED = range(7, 11)
LINEAR, CENTRE, SPREAD_ODDS, SPREAD_HAZARD = range(11, 15)
_SPREAD = {"odds_ratio": SPREAD_ODDS, "hazard_ratio": SPREAD_HAZARD}
OPERATION_WIDTH = 6
UNKNOWN = -1  # a row that no source allows
_RATIO_OPERATIONS = {
    "relative_risk": RATIO,
    "odds_ratio": ODDS,
    "hazard_ratio": HAZARD,
    "risk_difference": ADD,
    "mean_difference": ADD,
    "added_rate": EXPOSURE,
}
SHARE_BITS = 41  # a sum of 1,024 values up to 1, each a multiple of 2^-41, is exact in float64
MAX_SUMMED = 1024


class Step(NamedTuple):
    """A covariate on the scale of a term."""

    covariate: str
    transform: str
    centre: float
    per: float


@dataclass(frozen=True)
class Weighed:
    """The arithmetic of net benefit as numbers, from a panel.

    Parameters
    ----------
    values : mapping of str to float
        Outcome -> weight, negative if the outcome is unwanted; without those of no weight.
    pairs : tuple of (str, str, float, float)
        Two outcomes, the odds ratio of their overlap, and what is added to their two values for
        each patient who has both.
    burden : float
        Of every option but the comparator.
    """

    values: Mapping[str, float]
    pairs: tuple[tuple[str, str, float, float], ...]
    burden: float


def weigh(problem: DecisionProblem, panel: Panel) -> Weighed:
    """Return a panel's arithmetic, as :class:`riskmodel.decisions.net_benefit.Weighting` has it."""
    sign = {name: -1 if outcome.unwanted else 1 for name, outcome in problem.outcomes.items()}
    every = {name: sign[name] * weight.weight for name, weight in panel.weights.items()}
    overlap = {frozenset(o.outcomes): o.odds_ratio for o in problem.overlap}
    pairs = []
    for pair in panel.together:
        a, b = pair.outcomes
        together = min(sign[a], sign[b]) * pair.weight
        added = together - every[a] - every[b]
        pairs.append((a, b, overlap[frozenset(pair.outcomes)], added))
    values = {name: every[name] for name in problem.outcomes if every.get(name)}
    return Weighed(values, tuple(pairs), panel.burden)


@dataclass(frozen=True)
class Factored:
    """A compiled problem: a program over rows of draws, rows shared by all patients, names.

    Rows are numbered: first those that vary between patients, then the constant ones.

    Parameters
    ----------
    options, outcomes : tuple of str
    comparator : int
    kept : ndarray of bool, shape (all draws,)
        Draws that have a meaning for every patient; the others are set aside at once.
    steps : tuple of Step
        What of a patient enters; see :meth:`positions`.
    coefficients : ndarray, shape (coefficient, draw)
    coefficient_step : ndarray of int
        Which step each coefficient multiplies; -1 for an intercept.
    effects, constants : ndarray, shape (row, draw)
    program : ndarray of int, shape (operation, 6)
    risk_operations : int
        How many of the first operations make the risks; the others make differences and
        net benefit.
    numbers : ndarray
        Weights and odds ratios that operations refer to.
    varying : int
        Number of rows that vary.
    risk_row, difference_row : ndarray of int, shape (option, outcome)
        -1 where the sources allow no contrast.
    benefit_row : ndarray of int, shape (option,)
        -1 for the comparator, and where a weighed outcome is not known; see `weighed_options`.
    known_benefit : ndarray of bool, shape (option,)
    external : tuple of int
        Outcomes that the program reads from outside (:func:`external_risks`).
    external_rows : ndarray of int
        Rows that they go to, option by option.
    checked : ndarray of int
        Varying rows that may leave [0, 1].
    set_aside_before : ndarray of int
        For each checked row, draws that have no meaning for anybody.
    benefit_bound : float
        Above the absolute net benefit of any patient.
    """

    options: tuple[str, ...]
    outcomes: tuple[str, ...]
    comparator: int
    kept: np.ndarray
    steps: tuple[Step, ...]
    coefficients: np.ndarray
    coefficient_step: np.ndarray
    effects: np.ndarray
    constants: np.ndarray
    program: np.ndarray
    risk_operations: int
    numbers: np.ndarray
    varying: int
    risk_row: np.ndarray
    difference_row: np.ndarray
    benefit_row: np.ndarray
    known_benefit: np.ndarray
    external: tuple[int, ...]
    external_rows: np.ndarray
    checked: np.ndarray
    set_aside_before: np.ndarray
    burden: float
    benefit_bound: float

    @property
    def draws(self) -> int:
        return int(self.kept.sum())

    @property
    def alternatives(self) -> list[int]:
        """Return the places of every option but the comparator."""
        return [j for j in range(len(self.options)) if j != self.comparator]

    @property
    def benefit_scale(self) -> int:
        """Return s: sums of net benefit are kept in multiples of 2^-s."""
        return SHARE_BITS - max(0, int(np.ceil(np.log2(max(self.benefit_bound, 1.0)))))

    def positions(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return each patient's place on every step, shape (patient, step)."""
        size = len(next(iter(columns.values())))
        places = np.empty((size, len(self.steps)))
        for i, step in enumerate(self.steps):
            places[:, i] = transformed(
                columns[step.covariate], step.transform, step.centre, step.per
            )
        return places

    def cells(self, patients: int) -> int:
        """Return how many numbers patients need before they are summed up."""
        return patients * self.draws * len(self.options) * len(self.outcomes)


class _Compiler:
    """Collects rows and operations; names them by (option, outcome)."""

    def __init__(self, evaluation, weighed: Weighed | None):
        self.evaluation = evaluation
        self.problem: DecisionProblem = evaluation.problem
        self.weighed = weighed
        self.options = list(self.problem.options)
        self.names = list(self.problem.outcomes)
        self.comparator = self.options.index(self.problem.comparator)
        self.size = len(next(iter(evaluation.draws.values())))
        self.steps: list[Step] = []
        self.coefficients: list[np.ndarray] = []
        self.coefficient_step: list[int] = []
        self.effects: list[np.ndarray] = []
        self.constants: list[np.ndarray] = []
        self.program: list[tuple] = []
        self.numbers: list[float] = []
        self.varying = 0
        # Constants are numbered from -2 downwards until the number of varying rows is known.
        self.risk_row = np.full((len(self.options), len(self.names)), UNKNOWN)
        self.checked: dict[int, tuple[int, int]] = {}

    def row(self) -> int:
        self.varying += 1
        return self.varying - 1

    def constant(self, values: np.ndarray) -> int:
        self.constants.append(np.broadcast_to(np.ravel(values), self.size))
        return -1 - len(self.constants)

    def of_constant(self, row: int) -> np.ndarray:
        return self.constants[-2 - row]

    def number(self, value: float) -> int:
        self.numbers.append(float(value))
        return len(self.numbers) - 1

    def step(self, step: Step) -> int:
        if step not in self.steps:
            self.steps.append(step)
        return self.steps.index(step)

    def operation(self, operation: int, out: int, a=0, b=0, number=0, terms=0) -> None:
        self.program.append((operation, out, a, b, number, terms))

    # --- risks ----------------------------------------------------------------------------------

    def add_outcome(self, k: int, kind: str) -> None:
        outcome = self.problem.outcomes[self.names[k]]
        if kind == "constant":
            risks = outcome_risks(self.evaluation, [k], _nobody(self.problem))[:, 0]
            for j in range(len(self.options)):
                values = risks[:, j, k]
                if np.isfinite(values).any():
                    self.risk_row[j, k] = self.constant(values)
            return
        if kind == "external":
            self._add_external(k)
            return
        base = self.row()
        start = self._coefficients(outcome.baseline)
        terms = len(self.coefficients) - start - 1
        self.operation(LOGISTIC, base, start, terms=terms)
        self.risk_row[self.comparator, k] = base
        self.centre = UNKNOWN
        spread = outcome.baseline.between_patient_spread
        if spread and any(e.scale in _SPREAD for e in outcome.effects.values()):
            log_odds, self.centre = self.row(), self.row()
            self.operation(LINEAR, log_odds, start, terms=terms)
            self.spread = self.number(spread.log_odds_sd)
            self.operation(CENTRE, self.centre, log_odds, number=self.spread)
        for j in self._in_order(outcome):
            if j != self.comparator:
                self.risk_row[j, k] = self._treated(outcome, j, k, base)

    def _add_external(self, k: int) -> None:
        outcome = self.problem.outcomes[self.names[k]]
        for j, option in enumerate(self.options):
            effect = outcome.effects.get(option)
            if effect is not None and effect.not_estimable:
                continue
            row = self.row()
            self.operation(EXTERNAL, row)
            self.risk_row[j, k] = row
            if outcome.type == "event":
                self.checked[row] = (j, k)

    def _in_order(self, outcome) -> list[int]:
        """Return options so that each comes after the one its effect was measured against."""
        order: list[int] = []
        while len(order) < len(self.options):
            for j, option in enumerate(self.options):
                effect = outcome.effects.get(option)
                against = effect.relative_to if effect else None
                ready = against in (None, self.problem.comparator) or (
                    self.options.index(against) in order
                )
                if j not in order and ready:
                    order.append(j)
        return order

    def _treated(self, outcome, j: int, k: int, base: int) -> int:
        effect = outcome.effects.get(self.options[j])
        if effect is not None and effect.not_estimable:
            return UNKNOWN
        if effect is None or effect.no_effect:
            return base
        if effect.relative_to and effect.relative_to != self.problem.comparator:
            base = int(self.risk_row[self.options.index(effect.relative_to), k])
            if base == UNKNOWN:
                return UNKNOWN
        spread = outcome.baseline.between_patient_spread
        measure = self.evaluation.priors[effect.prior].measure
        carried = carried_effect(
            effect,
            self.evaluation.draws[effect.prior],
            measure,
            spread.log_odds_sd if spread else 0.0,
        )[:, 0]
        if effect.scale == "own_risk":
            return self.constant(carried)
        if base < 0:  # measured against an option whose own risk is the same for everybody
            return self.constant(
                risk_under_effect(self.of_constant(base)[:, None], effect, carried[:, None])
            )
        if effect.scale == "added_rate":
            carried = -np.expm1(-carried * effect.exposure.days)
        row = self.row()
        if spread and effect.scale in _SPREAD:
            with np.errstate(divide="ignore"):
                self.effects.append(np.log(carried) if effect.scale == "odds_ratio" else carried)
            place = len(self.effects) - 1
            self.operation(_SPREAD[effect.scale], row, self.centre, place, self.spread)
            return row
        self.effects.append(carried)
        self.operation(_RATIO_OPERATIONS[effect.scale], row, base, len(self.effects) - 1)
        if outcome.type == "event" and (
            effect.scale in ("relative_risk", "risk_difference") or base in self.checked
        ):
            self.checked[row] = (j, k)
        return row

    def _coefficients(self, baseline) -> int:
        """Add an outcome's linear predictor and return where it starts."""
        start, draws = len(self.coefficients), self.evaluation.draws
        if baseline.line is not None:
            line = self.evaluation.priors[baseline.line.prior]
            intercept, slope = draws[line.id].T
            parts = [(Step(line.covariate, line.transform, line.centre, 1.0), slope)]
        else:
            intercept = logit(draws[baseline.intercept.prior])
            parts = [
                (Step(t.covariate, t.transform, t.centre, t.per), np.log(draws[t.prior]))
                for t in baseline.terms
            ]
        self.coefficients.append(intercept)
        self.coefficient_step.append(-1)
        for step, values in parts:
            self.coefficients.append(values)
            self.coefficient_step.append(self.step(step))
        return start

    # --- differences and net benefit --------------------------------------------------------------

    def differences(self) -> np.ndarray:
        rows = np.full(self.risk_row.shape, UNKNOWN)
        for j, k in np.ndindex(*self.risk_row.shape):
            a, b = int(self.risk_row[j, k]), int(self.risk_row[self.comparator, k])
            if j == self.comparator or UNKNOWN in (a, b):
                continue
            if a == b:
                rows[j, k] = self.constant(np.zeros(self.size))
            elif a < 0 and b < 0:
                rows[j, k] = self.constant(self.of_constant(a) - self.of_constant(b))
            else:
                rows[j, k] = self.row()
                self.operation(DIFFERENCE, rows[j, k], a, b)
        return rows

    def benefits(self, difference_row: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Add net benefit; return its rows, which options have one, and a bound."""
        rows = np.full(len(self.options), UNKNOWN)
        known = np.zeros(len(self.options), dtype=bool)
        if self.weighed is None:
            return rows, known, 1.0
        places = {name: self.names.index(name) for name in self.weighed.values}
        for pair in self.weighed.pairs:
            places |= {name: self.names.index(name) for name in pair[:2]}
        comparator = self.risk_row[self.comparator]
        known[self.comparator] = all(comparator[k] != UNKNOWN for k in places.values())
        joint: dict[tuple[int, int, float], int] = {}
        bound = 1.0
        for j in range(len(self.options)):
            if j == self.comparator or not known[self.comparator]:
                continue
            if any(self.risk_row[j, k] == UNKNOWN for k in places.values()):
                continue
            known[j] = True
            fixed = np.full(self.size, -self.weighed.burden)
            parts, reach = [], 0.0
            for name, value in self.weighed.values.items():
                row = int(difference_row[j, places[name]])
                if row < 0:
                    fixed = fixed + value * self.of_constant(row)
                else:
                    parts.append((row, value))
                    reach += abs(value)
            for a, b, odds_ratio, added in self.weighed.pairs:
                both = [
                    self._joint(joint, int(self.risk_row[i, places[a]]),
                                int(self.risk_row[i, places[b]]), odds_ratio)
                    for i in (j, self.comparator)
                ]  # fmt: skip
                if both[0] == both[1]:
                    continue
                for row, value in zip(both, (added, -added), strict=True):
                    if row < 0:
                        fixed = fixed + value * self.of_constant(row)
                    else:
                        parts.append((row, value))
                        reach += abs(value)
            rows[j] = self.row()
            self.operation(COPY, rows[j], self.constant(fixed))
            for row, value in parts:
                self.operation(WEIGHED, rows[j], row, number=self.number(value))
            finite = fixed[np.isfinite(fixed)]
            bound = max(bound, float(np.abs(finite).max(initial=0)) + reach)
        return rows, known, bound

    def _joint(self, made: dict, a: int, b: int, odds_ratio: float) -> int:
        key = (a, b, odds_ratio)
        if key not in made:
            if a < 0 and b < 0:
                both = joint_risk(self.of_constant(a), self.of_constant(b), odds_ratio)
                made[key] = self.constant(both)
            else:
                made[key] = self.row()
                self.operation(JOINT, made[key], a, b, self.number(odds_ratio))
        return made[key]


def compile_problem(evaluation, weighed: Weighed | None = None) -> Factored:
    """Return a problem at one horizon, and its draws, as a program.

    Parameters
    ----------
    evaluation : object
        What :func:`riskmodel.simulate` evaluates: problem, priors, draws and horizon.
    weighed : Weighed, optional
        None compiles no net benefit.

    Returns
    -------
    Factored

    Raises
    ------
    ParameterError
        If more than 0.1% of the draws put a risk that is the same for all beyond [0, 1].
    """
    made = _Compiler(evaluation, weighed)
    kinds = _kinds(evaluation)
    for k in sorted(range(len(kinds)), key=lambda k: kinds[k] == "external"):
        made.add_outcome(k, kinds[k])
    risk_operations = len(made.program)
    external = tuple(k for k, kind in enumerate(kinds) if kind == "external")
    external_rows = [out for op, out, *_ in made.program if op == EXTERNAL]
    difference_row = made.differences()
    benefit_row, known, bound = made.benefits(difference_row)
    aside, before = _without_meaning(made)
    return _finished(
        made, risk_operations, difference_row, benefit_row, known, bound, external,
        external_rows, aside, before,
    )  # fmt: skip


def _finished(
    made, risk_operations, difference_row, benefit_row, known, bound, external, external_rows,
    aside, before,
) -> Factored:  # fmt: skip
    """Number constants after the varying rows, and leave out draws that mean nothing."""
    kept = ~aside

    def settle(row):
        row = np.asarray(row)
        return np.where(row < UNKNOWN, made.varying - 2 - row, row)

    def stacked(rows) -> np.ndarray:
        rows = [row[kept] for row in rows]
        return np.ascontiguousarray(rows) if rows else np.zeros((0, int(kept.sum())))

    program = np.array(made.program, dtype=np.int64).reshape(-1, OPERATION_WIDTH)
    for column in (2, 3):
        program[:, column] = settle(program[:, column])
    return Factored(
        options=tuple(made.options),
        outcomes=tuple(made.names),
        comparator=made.comparator,
        kept=kept,
        steps=tuple(made.steps),
        coefficients=stacked(made.coefficients),
        coefficient_step=np.array(made.coefficient_step, dtype=np.int64),
        effects=stacked(made.effects),
        constants=stacked(made.constants),
        program=program,
        risk_operations=risk_operations,
        numbers=np.array(made.numbers or [0.0]),
        varying=made.varying,
        risk_row=settle(made.risk_row),
        difference_row=settle(difference_row),
        benefit_row=settle(benefit_row),
        known_benefit=known,
        external=external,
        external_rows=np.array(external_rows, dtype=np.int64),
        checked=np.array(list(made.checked), dtype=np.int64),
        set_aside_before=np.array(before, dtype=np.int64),
        burden=made.weighed.burden if made.weighed else 0.0,
        benefit_bound=bound,
    )


def _without_meaning(made: _Compiler) -> tuple[np.ndarray, list[int]]:
    """Return draws in which something means nothing for anybody, and how many by checked row."""
    events = [outcome.type == "event" for outcome in made.problem.outcomes.values()]
    aside = np.zeros(made.size, dtype=bool)
    share = np.zeros((1, *made.risk_row.shape))
    for j, k in np.ndindex(*made.risk_row.shape):
        row = int(made.risk_row[j, k])
        if row < UNKNOWN and events[k]:
            with np.errstate(invalid="ignore"):
                beyond = ~((made.of_constant(row) >= 0) & (made.of_constant(row) <= 1))
            aside |= beyond
            share[0, j, k] = beyond.mean()
    outcomes_module._refuse_beyond_one(made.problem, share, ["any patient"])
    unknown = {}
    for operation, out, _, effect, *_ in made.program:
        if operation in (RATIO, ODDS, HAZARD, ADD, EXPOSURE, SPREAD_ODDS, SPREAD_HAZARD):
            missing = np.isnan(made.effects[effect])
            aside |= missing
            unknown[out] = int(missing.sum())
            if missing.any():
                made.checked.setdefault(out, _place(made.risk_row, out))
    return aside, [unknown.get(row, 0) for row in made.checked]


def _place(rows: np.ndarray, row: int) -> tuple[int, int]:
    j, k = np.argwhere(rows == row)[0]
    return int(j), int(k)


def _kinds(evaluation) -> list[str]:
    """Say of each outcome whether it is constant, made by the program, or read from outside."""
    problem = evaluation.problem
    varies = {
        name: bool(outcome.baseline.terms) or outcome.baseline.line is not None
        for name, outcome in problem.outcomes.items()
    }
    kinds = []
    for name, outcome in problem.outcomes.items():
        competing = getattr(outcome, "competing", None)
        spread = outcome.baseline.between_patient_spread
        hard = spread is not None and (
            evaluation.spread_position is not None
            or any(e.scale in _SPREAD and e.relative_to for e in outcome.effects.values())
        )
        if not varies[name] and not (competing and varies[competing]):
            kinds.append("constant")
        elif competing or hard or evaluation.horizon != problem.horizon:
            kinds.append("external")
        else:
            kinds.append("program")
    return kinds


# --- what is not factored -------------------------------------------------------------------------


def outcome_risks(
    evaluation, which: Sequence[int], columns: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Return risks of some outcomes by the formulas of :func:`riskmodel.simulate`.

    Returns
    -------
    ndarray, shape (draw, patient, option, outcome)
        nan for every outcome that was not asked for, and wherever a risk lies beyond [0, 1].
    """
    problem = evaluation.problem
    names = list(problem.outcomes)
    wanted = set(which)
    for k in which:
        competing = getattr(problem.outcomes[names[k]], "competing", None)
        wanted |= {names.index(competing)} if competing else set()
    size = len(next(iter(evaluation.draws.values())))
    patients = len(next(iter(columns.values())))
    risk = np.full((size, patients, len(problem.options), len(names)), np.nan)
    for k in sorted(wanted):
        outcome = problem.outcomes[names[k]]
        base = evaluation.baseline(outcome, columns)
        for j, option in enumerate(problem.options):
            risk[:, :, j, k] = evaluation._risk(outcome, option, base, evaluation.beyond)
    events = np.array([outcome.type == "event" for outcome in problem.outcomes.values()])
    with np.errstate(invalid="ignore"):
        outside = ((risk < 0) | (risk > 1)) & events
    beside = getattr(outcomes_module, "_beside_competing", None)
    if beside is not None:
        beside(problem, risk)
    risk[outside] = np.nan
    return risk


def external_risks(factored: Factored, evaluation, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return what a program reads from outside, shape (patient, row, kept draw)."""
    size = len(next(iter(columns.values())))
    rows = np.empty((size, len(factored.external_rows), factored.draws))
    if not factored.external:
        return rows
    risk = outcome_risks(evaluation, factored.external, columns)[factored.kept]
    place = 0
    for k in factored.external:
        for j in range(len(factored.options)):
            if factored.risk_row[j, k] != UNKNOWN:
                rows[:, place] = risk[:, :, j, k].T
                place += 1
    return rows


def _nobody(problem: DecisionProblem) -> dict[str, np.ndarray]:
    """Return covariates of nobody, for outcomes that depend on none."""
    return {name: np.full(1, np.nan) for name in problem.covariates} or {"": np.zeros(1)}


def require_draws(factored: Factored) -> None:
    """Refuse a compiled problem in which no draw is left."""
    if not factored.draws:
        raise ParameterError(
            [
                Problem(
                    field="posterior",
                    found=Phrase("no draw in which every effect has a meaning"),
                    allowed="draws that can be used",
                    remedy="look at the reference risks of effects that are carried over",
                )
            ]
        )
