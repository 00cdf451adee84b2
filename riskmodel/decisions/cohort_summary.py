"""What a cohort would gain and lose by a policy, from sums over patients by draw.

Parameters are shared by all patients, so an interval of a sum is taken from sums by draw, never
from patients' own intervals. What differs between patients alike in every covariate is integrated
for each patient, and never shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskmodel.decisions.absolute_effects import KIND, interval_tails
from riskmodel.decisions.decision_curve import BY_MODEL, TREAT_ALL, TREAT_NONE
from riskmodel.parameters.schema import DecisionProblem
from riskmodel.simulation.block import HISTOGRAM_BINS, Plan, histogram_ranges
from riskmodel.simulation.cohort_input import Rule
from riskmodel.simulation.cohort_output import Merged

_PATIENT_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
Slot = tuple[str, int, int]  # subgroup, rule class, option that the model expects most of


@dataclass(frozen=True)
class CohortSums:
    """Sums of a cohort by draw, and the words for them.

    Parameters
    ----------
    problem : DecisionProblem
    plan : Plan
    rule : Rule or None
    merged : Merged
    prob : float
        Of the equal-tailed credible intervals.
    """

    problem: DecisionProblem
    plan: Plan
    rule: Rule | None
    merged: Merged
    prob: float

    @property
    def groups(self) -> list[str]:
        return sorted({key[0] for key in self.merged.keys})

    def slots(self, group: str | None) -> list[Slot]:
        return [key for key in self.merged.keys if group is None or key[0] == group]

    def patients(self, slots: list[Slot]) -> int:
        return sum(self.merged.numbers(key)[0] for key in slots)

    def total(self, slot: Slot, row: int, option: int) -> np.ndarray:
        """Return a row's sum over a slot's patients to whom an option applies, by draw."""
        f = self.plan.factored
        if row >= f.varying:
            count = self.merged.numbers(slot)[1][option]
            return f.constants[row - f.varying] * count
        place = int(np.flatnonzero(self.plan.summed == row)[0])
        return self.merged.total(slot, place, float(self.plan.summed_bits[place]))


@dataclass(frozen=True)
class Policy:
    """Who gets what.

    Parameters
    ----------
    name : str
    option : str
        What it may give; "" where it may be any.
    choose : callable
        Slot -> place of the option it gives to those patients.
    """

    name: str
    option: str
    choose: Callable[[Slot], int]


def policies(sums: CohortSums) -> Iterator[Policy]:
    """Yield nobody, everybody, above each edge of the rule, and what the model expects most of."""
    f, comparator = sums.plan.factored, sums.plan.factored.comparator
    yield Policy(TREAT_NONE, "", lambda slot: comparator)
    for j in f.alternatives:
        yield Policy(TREAT_ALL, f.options[j], lambda slot, j=j: j)
    if sums.rule is not None:
        covariate = sums.problem.covariates[sums.rule.covariate]
        for place, edge in enumerate(sums.rule.edges):
            name = f"treat above {edge:g} {covariate.unit or ''}".rstrip()
            for j in f.alternatives:
                yield Policy(
                    name,
                    f.options[j],
                    lambda slot, j=j, place=place: j if slot[1] > place else comparator,
                )
    if f.known_benefit.any():
        yield Policy(BY_MODEL, "", lambda slot: slot[2] if slot[2] >= 0 else comparator)


def cohort_tables(sums: CohortSums) -> dict[str, pd.DataFrame]:
    """Return every table of a cohort, by name.

    Parameters
    ----------
    sums : CohortSums

    Returns
    -------
    dict of str to DataFrame
        ``status``: rows by status. ``policies``: expected net benefit by policy. ``events``:
        events averted and caused. ``decision_curve``, ``information`` (population EVPI), and
        ``patients``: how patients' own expectations are distributed. With subgroups,
        ``policies_by_group`` and ``events_by_group``.
    """
    tables = {"status": status_table(sums)}
    if not sums.slots(None):
        return tables
    if sums.plan.factored.known_benefit.any():
        tables["policies"] = policy_table(sums)
        tables["information"] = information_table(sums)
        curve = curve_table(sums)
        if curve is not None:
            tables["decision_curve"] = curve
    tables["events"] = events_table(sums)
    tables["patients"] = patients_distribution(sums)
    if sums.groups != [""]:
        for name, make in (("policies", policy_table), ("events", events_table)):
            if name in tables:
                parts = [make(sums, group).assign(group=group) for group in sums.groups]
                table = pd.concat(parts, ignore_index=True)
                tables[f"{name}_by_group"] = table[["group", *table.columns.drop("group")]]
    return tables


def status_table(sums: CohortSums) -> pd.DataFrame:
    """Return rows by status."""
    status = sums.merged.counts.status
    total = sum(status.values())
    return pd.DataFrame(
        [
            {"status": word, "rows": count, "share": count / total}
            for word, count in sorted(status.items(), key=lambda item: (-item[1], item[0]))
        ]
    )


def policy_table(sums: CohortSums, group: str | None = None) -> pd.DataFrame:
    """Return expected net benefit by policy.

    Returns
    -------
    pandas.DataFrame
        ``net_benefit`` per patient (posterior mean) with ``lower`` and ``upper``;
        ``net_benefit_total`` of the cohort with its limits; ``treated`` and ``share_treated``;
        ``prob_positive``; ``patients``.
    """
    slots = sums.slots(group)
    size, tails = sums.patients(slots), interval_tails(sums.prob)
    rows = []
    for policy in policies(sums):
        gained, treated = _gained(sums, slots, policy)
        lower, upper = np.quantile(gained, tails)
        rows.append(
            {
                "policy": policy.name,
                "option": policy.option,
                "net_benefit": gained.mean() / size,
                "lower": lower / size,
                "upper": upper / size,
                "net_benefit_total": gained.mean(),
                "total_lower": lower,
                "total_upper": upper,
                "prob_positive": (gained > 0).mean(),
                "treated": treated,
                "share_treated": treated / size,
                "patients": size,
                "prob": sums.prob,
                "kind": KIND,
            }
        )
    return pd.DataFrame(rows)


def _gained(sums: CohortSums, slots: list[Slot], policy: Policy) -> tuple[np.ndarray, int]:
    """Return a policy's net benefit by draw, and how many patients it treats."""
    f = sums.plan.factored
    gained, treated = np.zeros(f.draws), 0
    for slot in slots:
        j = policy.choose(slot)
        if j == f.comparator:
            continue
        treated += int(sums.merged.numbers(slot)[1][j])
        if f.known_benefit[j]:
            gained = gained + sums.total(slot, int(f.benefit_row[j]), j)
        else:
            gained = gained + np.nan
    return gained, treated


def events_table(sums: CohortSums, group: str | None = None) -> pd.DataFrame:
    """Return events averted and caused by each policy, in the whole cohort.

    Returns
    -------
    pandas.DataFrame
        One row a policy and outcome: ``events_without`` treatment, posterior mean;
        ``direction``: whether events (or units of a score) are "averted" or "caused";
        ``events`` of them, posterior mean, with ``lower`` and ``upper`` (below zero is the other
        direction); ``per_1000`` patients with its limits; ``prob_fewer``.
    """
    slots, f = sums.slots(group), sums.plan.factored
    size, tails = sums.patients(slots), interval_tails(sums.prob)
    rows = []
    for policy in policies(sums):
        if policy.name == TREAT_NONE:
            continue
        for k, (name, outcome) in enumerate(sums.problem.outcomes.items()):
            change = _change(sums, slots, policy, k)
            if change is None:
                continue
            averted = change.mean() < 0
            shown = -change if averted else change
            lower, upper = np.quantile(shown, tails)
            base = int(f.risk_row[f.comparator, k])
            without = sum(sums.total(slot, base, f.comparator).mean() for slot in slots)
            rows.append(
                {
                    "policy": policy.name,
                    "option": policy.option,
                    "outcome": name,
                    "wanted": not outcome.unwanted,
                    "unit": outcome.unit or "events",
                    "events_without": without,
                    "direction": "averted" if averted else "caused",
                    "events": shown.mean(),
                    "lower": lower,
                    "upper": upper,
                    "per_1000": 1000 * shown.mean() / size,
                    "per_1000_lower": 1000 * lower / size,
                    "per_1000_upper": 1000 * upper / size,
                    "prob_fewer": (change < 0).mean(),
                    "patients": size,
                    "prob": sums.prob,
                    "kind": KIND,
                }
            )
    return pd.DataFrame(rows)


def _change(sums: CohortSums, slots: list[Slot], policy: Policy, k: int) -> np.ndarray | None:
    """Return the change in events of one outcome by draw; None where it is not known."""
    f = sums.plan.factored
    change = np.zeros(f.draws)
    for slot in slots:
        j = policy.choose(slot)
        if j == f.comparator:
            continue
        row = int(f.difference_row[j, k])
        if row < 0:
            return None
        change = change + sums.total(slot, row, j)
    return change


def information_table(sums: CohortSums) -> pd.DataFrame:
    """Return what perfect knowledge of the parameters would be worth to this cohort.

    Notes
    -----
    Decided for each patient: ``sum over patients of E[max of NB] - max of E[NB]``. One decision
    for all: the same of the sums over patients. Knowledge is of shared parameters, never of who
    will have an event.
    """
    f, slots = sums.plan.factored, sums.slots(None)
    size = sums.patients(slots)
    greatest = sum(sums.merged.numbers(slot)[2] for slot in slots)
    expected = sum(sums.merged.numbers(slot)[3] for slot in slots)
    every = [np.zeros(f.draws)] if f.known_benefit[f.comparator] else []
    for policy in policies(sums):
        if policy.name == TREAT_ALL and f.known_benefit[f.options.index(policy.option)]:
            every.append(_gained(sums, slots, policy)[0])
    together = np.max(every, axis=0).mean() - max(gained.mean() for gained in every)
    found = {"each patient": max(expected - greatest, 0.0), "one for all": max(together, 0.0)}
    return pd.DataFrame(
        [
            {"decided": decided, "evpi": value / size, "evpi_total": value, "patients": size}
            for decided, value in found.items()
        ]
    )


def curve_table(sums: CohortSums) -> pd.DataFrame | None:
    """Return the decision curve over the cohort; None without thresholds.

    Returns
    -------
    pandas.DataFrame
        As :func:`riskmodel.treatment_decision_curve` returns it, over these patients.
    """
    f, grid = sums.plan.factored, sums.plan.thresholds
    bins = sums.merged.bins(f.benefit_scale)
    if bins is None:
        return None
    slots, tails = sums.slots(None), interval_tails(sums.prob)
    size = sums.patients(slots)
    tables = []
    for a, j in enumerate(f.alternatives):
        if not f.known_benefit[j]:
            continue
        counts = sums.merged.counts.bin_counts[:, a]
        # Those above a threshold lie in the bins after it.
        above = np.cumsum(bins[::-1, a], axis=0)[::-1][1:]
        number = np.cumsum(counts[::-1])[::-1][1:]
        everybody = np.broadcast_to(bins[:, a].sum(axis=0), above.shape)
        strategies = {
            TREAT_NONE: (np.zeros(above.shape), np.zeros(len(grid))),
            TREAT_ALL: (everybody, np.full(len(grid), counts.sum())),
        }
        for policy in policies(sums):
            if policy.name.startswith("treat above") and policy.option == f.options[j]:
                gained, treated = _gained(sums, slots, policy)
                strategies[policy.name] = (
                    np.broadcast_to(gained, above.shape), np.full(len(grid), treated)
                )  # fmt: skip
        strategies[BY_MODEL] = (above, number)
        for name, (gained, treated) in strategies.items():
            draws = (gained + (f.burden - grid)[:, None] * treated[:, None]) / size
            lower, upper = np.quantile(draws, tails, axis=1)
            tables.append(
                pd.DataFrame(
                    {
                        "option": f.options[j],
                        "strategy": name,
                        "threshold": grid,
                        "net_benefit": draws.mean(axis=1),
                        "lower": lower,
                        "upper": upper,
                        "share_treated": treated / size,
                        "prob": sums.prob,
                        "kind": KIND,
                    }
                )
            )
    return pd.concat(tables, ignore_index=True)


def patients_distribution(sums: CohortSums) -> pd.DataFrame:
    """Return how patients' own expectations are spread over the cohort.

    Returns
    -------
    pandas.DataFrame
        One row an option and quantity: quantiles over patients of the posterior mean, from
        histograms of 2,048 bins (so to a 2,048th of the range a quantity may have).
    """
    f, plan = sums.plan.factored, sums.plan
    histograms = sums.merged.counts.histograms
    ranges = histogram_ranges(plan)
    rows = []
    for j, option in enumerate(f.options):
        wanted = [("risk", name, int(f.risk_row[j, k])) for k, name in enumerate(f.outcomes)]
        wanted += [
            ("risk_difference", name, int(f.difference_row[j, k]))
            for k, name in enumerate(f.outcomes)
        ]
        wanted.append(("net_benefit", "", int(f.benefit_row[j])))
        for quantity, outcome, row in wanted:
            if row < 0:
                continue
            place = plan.place_of[row]
            values = _histogram_quantiles(histograms[place], ranges[place])
            named = {f"quantile_{p:g}": v for p, v in zip(_PATIENT_QUANTILES, values, strict=True)}
            rows.append({"option": option, "outcome": outcome, "quantity": quantity, **named})
    return pd.DataFrame(rows)


def _histogram_quantiles(counts: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    low, high = limits
    total = counts.sum()
    if not total:
        return np.full(len(_PATIENT_QUANTILES), np.nan)
    if (counts > 0).sum() == 1 and counts[HISTOGRAM_BINS // 2] == total and high - low == 2:
        return np.full(len(_PATIENT_QUANTILES), (low + high) / 2)  # the same for every patient
    edges = np.linspace(low, high, HISTOGRAM_BINS + 1)
    below = np.concatenate([[0], np.cumsum(counts)]) / total
    kept = np.concatenate([[True], np.diff(below) > 0])
    return np.interp(_PATIENT_QUANTILES, below[kept], edges[kept])
