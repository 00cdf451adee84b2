"""What is wrong, where, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

Severity = Literal["E", "W", "Q"]


class RiskModelWarning(UserWarning):
    """Doubtful but legal input; the run goes on and its outputs say so."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong in one place.

    Parameters
    ----------
    field : str
        Path of the field, ``outcomes.stroke.baseline``, or the name of an argument.
    found : object
        What stands there now.
    allowed : str
        What may stand there.
    remedy : str
        What to do about it.
    severity : {"E", "W", "Q"}
        Error, warning, or question that needs a written answer.
    file, line, column
        Where, for what came from a file; lines and columns count from 1.

    Examples
    --------
    >>> print(Problem(field="age", found=620, allowed="18 to 105 year", remedy="check the age"))
    age: found 620; allowed: 18 to 105 year; check the age
    """

    field: str
    found: object
    allowed: str
    remedy: str
    severity: Severity = "E"
    file: Path | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = ""
        if self.file is not None:
            place = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: "
        mark = "" if self.severity == "E" else f"[{self.severity}] "
        field = f"{self.field}: " if self.field else ""
        return f"{place}{mark}{field}found {_shown(self.found)}; allowed: {self.allowed}; " + (
            self.remedy
        )


def _shown(found: object) -> str:
    """Show a value in one short line; what is already a phrase comes as it is."""
    text = found if isinstance(found, Phrase) else repr(found)
    return text if len(text) <= 160 else f"{text[:157]}..."


class Phrase(str):
    """Words about what was found ("nothing"), as against a value that was typed."""


NOTHING = Phrase("nothing")


class ParameterError(ValueError):
    """Input that cannot be used, with every problem found in it.

    Parameters
    ----------
    problems : iterable of Problem
        At least one.
    """

    def __init__(self, problems: Iterable[Problem]):
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self):
        """Cross from one process to another with every problem."""
        return type(self), (self.problems,)


class ConvergenceError(RuntimeError):
    """A posterior that has not converged; its text names the quantities."""


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return the nearest known word as a question, or the list of all of them.

    Examples
    --------
    >>> did_you_mean("confidence_interal", ["confidence_interval", "value"])
    "did you mean 'confidence_interval'?"
    """
    known = sorted(known)
    close = get_close_matches(str(word), known, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"use one of: {', '.join(known)}" if known else "there is none to choose from"
