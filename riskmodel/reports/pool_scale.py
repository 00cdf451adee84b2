"""Whether the estimates of a file are ratios or their logarithms: read, never guessed in silence.

===========================  =====================================================================
what stands there            what is taken
===========================  =====================================================================
a column ``scale``           what it says, the same in each line
some estimate below 0        logarithms, if no pair of limits says otherwise
all above 0, with limits     ratios, unless each estimate lies in the middle of its limits as they
                             stand and not by their logarithms: then it is asked
all above 0, with standard   asked: 0.6 may be a ratio of 0.6, or the logarithm of 1.82
errors
===========================  =====================================================================
"""

from __future__ import annotations

import math
from typing import NoReturn

import numpy as np

from riskmodel.errors import ParameterError, Phrase, Problem
from riskmodel.parameters.study_table import StudyTable

DIFFERENCES = ("risk_difference", "mean_difference")
LOPSIDED = 0.1  # of the halves of an interval


def pool_scale(table: StudyTable, measure: str) -> tuple[str, list[str]]:
    """Return ``ratio``, ``log`` or, of a difference, ``difference``, and what was taken for it.

    Raises
    ------
    ParameterError
        Where the numbers may be either, or the column says two things.
    """
    words = measure.replace("_", " ")
    said = sorted(set(table.scale))
    if measure in DIFFERENCES:
        if said != [""]:
            _ask(table, "scale", Phrase(", ".join(filter(None, said))), "no scale", measure,
                 f"{words}s have no logarithm here: leave the column out")  # fmt: skip
        return "difference", []
    if len(said) > 1:
        listed = ", ".join(word or "an empty cell" for word in said)
        _ask(table, "scale", Phrase(listed), "one scale, the same in each line", measure,
             "write all estimates in one way: log in each line, or ratio in each")  # fmt: skip
    if said != [""]:
        return said[0], [_taken(table, words, said[0], "as the column scale says")]
    if min(table.numbers["estimate"]) < 0:
        return "log", [_taken(table, words, "log", _why_log(table, measure))]
    if table.layout == "standard_error":
        first = table.numbers["estimate"][0]
        found = Phrase(f"estimates above 0 with standard errors, the first {first:g}")
        _ask(table, "estimate", found, "a column scale that says ratio or log", measure,
             f"{first:g} may be the ratio itself, or the logarithm of "
             f"{math.exp(min(first, 700.0)):.3g}; standard errors are of the logarithm either "
             "way")  # fmt: skip
    if _all_in_the_middle(table) and not _all_in_the_middle(table, np.log):
        found = Phrase("estimates in the middle of limits that are all above 0")
        _ask(table, "estimate", found, "a column scale that says ratio or log", measure,
             "limits of a ratio lie evenly by their logarithms, as these do not: are they "
             "logarithms already?")  # fmt: skip
    return "ratio", [_taken(table, words, "ratio", "none is below 0")]


def _why_log(table: StudyTable, measure: str) -> str:
    if table.layout == "limits" and not _all_in_the_middle(table):
        found = Phrase("estimates below 0, not all in the middle of their limits")
        _ask(
            table,
            "estimate",
            found,
            "ratios above 0, or their logarithms",
            measure,
            "is one of them a misprint? say log in a column scale if they are logarithms",
        )
    return "some are below 0"


def _taken(table: StudyTable, words: str, scale: str, why: str) -> str:
    what = f"{words}s" if scale == "ratio" else f"logarithms of {words}s"
    limits = " and limits" if table.layout == "limits" else ""
    more = ", standard errors as those of the logarithm" if not limits else ""
    return f"estimates{limits} were taken as {what} ({why}){more}"


def _all_in_the_middle(table: StudyTable, transform=np.asarray) -> bool:
    """Say whether each estimate lies in the middle of its limits, but for rounding."""
    numbers = [np.array(table.numbers[name]) for name in ("estimate", "lower", "upper")]
    with np.errstate(divide="ignore", invalid="ignore"):
        middle, lower, upper = (transform(values) for values in numbers)
        off = np.abs(0.5 * (lower + upper) - middle) / (0.5 * (upper - lower))
    return bool((off <= LOPSIDED).all())


def _ask(
    table: StudyTable, column: str, found: object, allowed: str, measure: str, remedy: str
) -> NoReturn:
    raise ParameterError(
        [
            Problem(
                field=column,
                found=found,
                allowed=f"{allowed}, for {measure}",
                remedy=remedy,
                severity="Q",
                file=table.path,
                line=1,
                column=table.columns.get(column, 1),
            )
        ]
    )
