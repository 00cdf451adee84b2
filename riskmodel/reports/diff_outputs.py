"""Which numbers of two runs differ by more than Monte Carlo error.

Monte Carlo error is what another seed would have changed. The difference of two numbers that rest
on independent draws has the standard error sqrt(s_a^2 + s_b^2). Where many numbers are compared,
some pass any fixed multiple of it by chance, so the multiple grows with their number m
(Bonferroni): z = Phi^-1(1 - 0.05 / (2 m)), 1.96 for one number and 3.48 for a hundred. Runs that
share their draws differ by less noise than that; for them the rule is on the careful side.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from riskmodel.reports.formulas import TableCard
from riskmodel.reports.trace import RunFolder

FAMILY_LEVEL = 0.05  # chance of at least one false "moved" where nothing but the seed differs
SAME = 1e-7  # relative; tables are written with eight significant digits

How = Literal["own", "limit", "share", "exact", "none"]

_ERRORS = ("monte_carlo_standard_error", "standard_error")
# What a row's standard error is of: the first of these that the row has. True: of a median.
_POINTS = {
    "risk_difference": True,
    "mean_difference": True,
    "restricted_mean_difference": True,
    "net_benefit": False,
    "mean": False,
    "evpi": False,
    "evppi": False,
}
_SHARES = (
    "prob_benefit",
    "prob_positive",
    "prob_best",
    "benefit_and_harm",
    "benefit_no_harm",
    "no_benefit_harm",
    "no_benefit_no_harm",
)
# The same number in another dress: they move when the number they are made from does.
_FOLLOW = (
    "per_1000",
    "per_1000_lower",
    "per_1000_upper",
    "number_needed_to_treat",
    "model_per_1000",
    "model_minus_printed",
    "model_number_needed_to_treat",
)
# How well the sampler did, not what it found.
_SAMPLER = ("r_hat", "ess_bulk", "ess_tail", "n_draws")
# Declared or printed: they have no Monte Carlo error.
_DECLARED = (
    "declared",
    "rho",
    "a0",
    "chosen_a0",
    "odds_ratio",
    "position",
    "stated_risk",
    "printed_per_1000",
    "implied_untreated_risk",
)


@dataclass(frozen=True)
class OutputDifferences:
    """What differs between the tables of two runs.

    Parameters
    ----------
    moved : list of dict
        Numbers that differ by more than the multiple of their combined standard error.
    exact : list of dict
        Texts, and numbers that were declared or printed: any difference counts.
    unjudged : list of dict
        Numbers that differ and whose Monte Carlo error no table states.
    missing : list of dict
        Tables, columns and rows that one run alone has.
    compared : int
        Numbers with a standard error that stand in both runs.
    multiple : float
        Of the combined standard error, beyond which a number has moved.
    """

    moved: list[dict]
    exact: list[dict]
    unjudged: list[dict]
    missing: list[dict]
    compared: int
    multiple: float


def output_differences(a: RunFolder, b: RunFolder) -> OutputDifferences:
    """Return what differs between the tables of two runs, and by how many standard errors."""
    sizes = effective_draws(a), effective_draws(b)
    judged: list[dict] = []
    exact: list[dict] = []
    unjudged: list[dict] = []
    for cell in _cells(a, b):
        how, errors = _standard_errors(cell, sizes)
        if how == "exact":
            if not _same(cell):
                exact.append({"id": cell.id, "a": cell.texts[0], "b": cell.texts[1]})
        elif how == "none":
            if not _same(cell):
                unjudged.append(_compared(cell))
        else:
            judged.append(_compared(cell) | {"judged_by": how, "standard_error": errors})
    multiple = multiple_for(len(judged))
    return OutputDifferences(
        moved=[row for row in judged if _moved(row, multiple)],
        exact=exact,
        unjudged=unjudged,
        missing=list(_missing(a, b)),
        compared=len(judged),
        multiple=multiple,
    )


def multiple_for(numbers: int, level: float = FAMILY_LEVEL) -> float:
    """Return the multiple of a standard error for a number of two-sided comparisons.

    Parameters
    ----------
    numbers : int
        How many are compared, at least 0.
    level : float
        Chance of one or more false findings among all of them, in (0, 1).

    References
    ----------
    Bonferroni's inequality; Dunn (1961), J Am Stat Assoc 56:52, doi:10.1080/01621459.1961.10482090.

    Examples
    --------
    >>> [round(multiple_for(m), 2) for m in (1, 10, 100)]
    [1.96, 2.81, 3.48]
    """
    return NormalDist().inv_cdf(1 - level / (2 * max(numbers, 1)))


def effective_draws(run: RunFolder) -> float:
    """Return how many independent draws a run's are worth: the least of its diagnostics."""
    posterior = run.record.get("posterior") or {}
    sizes = [
        size
        for row in posterior.get("diagnostics") or []
        for size in (row.get("ess_bulk"), row.get("ess_tail"))
        if isinstance(size, int | float) and size > 0
    ]
    return float(min([*sizes, posterior.get("draws") or 1]))


# --- cells of both runs ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cell:
    """One column of one row that both runs have."""

    table: str
    card: TableCard
    key: str
    column: str
    rows: tuple[Mapping[str, str], Mapping[str, str]]

    @property
    def id(self) -> str:
        return f"{self.table}/{self.key}/{self.column}"

    @property
    def texts(self) -> tuple[str, str]:
        return self.rows[0][self.column], self.rows[1][self.column]

    @property
    def numbers(self) -> tuple[float, float] | None:
        """Return the two numbers; None unless both are finite numbers."""
        values = tuple(number(text) for text in self.texts)
        return None if None in values else values


def _cells(a: RunFolder, b: RunFolder) -> Iterator[_Cell]:
    for table in a.tables:
        if table not in b.tables:
            continue
        card, before = a.rows(table)
        after = b.rows(table)[1]
        for key, row in before.items():
            if key not in after:
                continue
            for column in row:
                if column in after[key] and _is_output(card, column):
                    yield _Cell(table, card, key, column, (row, after[key]))


def _is_output(card: TableCard, column: str) -> bool:
    said_once = ("prob", "kind", "horizon")  # they stand among the inputs
    left_out = (*card.keys, *said_once, *_ERRORS, *_FOLLOW, *_SAMPLER)
    return column not in left_out


def _missing(a: RunFolder, b: RunFolder) -> Iterator[dict]:
    for name, mine, other in (("a", a, b), ("b", b, a)):
        for table in mine.tables:
            if table not in other.tables:
                yield {"what": "table", "name": table, "only_in": name}
                continue
            rows, others = mine.rows(table)[1], other.rows(table)[1]
            for key in rows:
                if key not in others:
                    yield {"what": "row", "name": f"{table}/{key}", "only_in": name}
            columns, known = next(iter(rows.values()), {}), next(iter(others.values()), {})
            for column in columns:
                if known and column not in known:
                    yield {"what": "column", "name": f"{table}/{column}", "only_in": name}


# --- how a number is judged -----------------------------------------------------------------------


def number(text: str) -> float | None:
    """Return a finite number, or None for anything else.

    Examples
    --------
    >>> number("0.5"), number("inf"), number("NNTB 16")
    (0.5, None, None)
    """
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _same(cell: _Cell) -> bool:
    if cell.numbers is None:
        return cell.texts[0] == cell.texts[1]
    return math.isclose(*cell.numbers, rel_tol=SAME)


def _compared(cell: _Cell) -> dict:
    one, other = cell.numbers
    return {"id": cell.id, "a": one, "b": other, "difference": other - one}


def _standard_errors(cell: _Cell, sizes: tuple[float, float]) -> tuple[How, float | None]:
    """Return how a cell is judged, and the standard error of its difference."""
    carried_over = bool(cell.card.columns) and cell.column not in cell.card.columns
    if (
        carried_over
        or cell.numbers is None
        or cell.card.rests_on in ("statement", "row")
        or cell.column in _DECLARED
        or cell.table == "provenance"
    ):
        return "exact", None
    if cell.column in _SHARES and _of_all_draws(cell):
        return "share", _error_of_shares(*cell.numbers, *sizes)
    parts = [_row_error(cell, row) for row in cell.rows]
    if None in parts:
        return "none", None
    return ("limit" if cell.column in ("lower", "upper") else "own"), math.hypot(*parts)


def _of_all_draws(cell: _Cell) -> bool:
    """Say whether a share is of all the draws; some tables take fewer, or weigh them."""
    return cell.card.draws in ("risk", "band_risk") or any(name in cell.rows[0] for name in _ERRORS)


def _row_error(cell: _Cell, row: Mapping[str, str]) -> float | None:
    """Return the standard error that a row states, or implies, of one of its numbers."""
    error = next((e for e in (number(row.get(name)) for name in _ERRORS) if e is not None), None)
    if error is None:
        return None
    if cell.table == "tipping_points":  # of the probability at the cut, the widest there is
        return error if cell.column in ("prob_lowest", "prob_highest") else None
    point = next((name for name in _POINTS if name in row), None)
    if cell.column == point:
        return error
    if cell.column in ("lower", "upper") and point is not None:
        return _limit_error(row, cell, point, error)
    return None


def _limit_error(row: Mapping[str, str], cell: _Cell, point: str, error: float) -> float | None:
    """Return the standard error of an interval's limit from that of the row's point.

    A normal sample's quantile q has the error sd sqrt(q (1 - q)) / phi(z_q) / sqrt(n), its mean
    sd / sqrt(n) and its median 1.2533 of that. Where the two sides of the interval differ in
    length, each side stands for a normal distribution of its own width.
    """
    if cell.rows[0].get("prob") != cell.rows[1].get("prob"):
        return None
    prob, middle = number(row.get("prob")), number(row[point])
    lower, upper = number(row.get("lower")), number(row.get("upper"))
    if None in (prob, middle, lower, upper) or not upper > lower:
        return None
    side = abs(number(row[cell.column]) - middle) / ((upper - lower) / 2)
    of_mean = error / 1.2533 if _POINTS[point] else error
    return of_mean * max(side, 0.1) * quantile_factor((1 - prob) / 2)


def quantile_factor(q: float) -> float:
    """Return the standard error of a normal sample's quantile over that of its mean.

    References
    ----------
    Stuart and Ord, Kendall's Advanced Theory of Statistics, vol. 1, section 10.10.

    Examples
    --------
    >>> round(quantile_factor(0.5), 4), round(quantile_factor(0.025), 4)
    (1.2533, 2.6713)
    """
    normal = NormalDist()
    return math.sqrt(q * (1 - q)) / normal.pdf(normal.inv_cdf(q))


def _error_of_shares(one: float, other: float, n_one: float, n_other: float) -> float:
    """Return the standard error of the difference of two shares of draws, from the pooled share.

    One draw is added on either side, so that a share of 0 or 1 still has an error.
    """
    pooled = (one * n_one + other * n_other + 1) / (n_one + n_other + 2)
    return math.sqrt(pooled * (1 - pooled) * (1 / n_one + 1 / n_other))


def _moved(row: dict, multiple: float) -> bool:
    if math.isclose(row["a"], row["b"], rel_tol=SAME):
        return False
    error = row["standard_error"]
    row["multiple"] = abs(row["difference"]) / error if error else None
    return not error or row["multiple"] > multiple
