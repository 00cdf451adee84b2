"""What a grade of trust is taken to be worth, as the a0 of a power prior.

No study set these numbers. They are conventions of this package, printed as assumed wherever they
are used, and to be replaced by the user's own.
"""

from __future__ import annotations

from riskmodel.errors import ParameterError, Problem, did_you_mean

DEFAULT_LEVELS = {
    "ROBINS-I": {"low": 0.8, "moderate": 0.5, "serious": 0.2, "critical": 0.0},
    "GRADE": {"high": 1.0, "moderate": 0.6, "low": 0.3, "very low": 0.1},
}
# How a problem file writes the systems.
SYSTEMS = {"robins_i": "ROBINS-I", "grade": "GRADE"}


def default_strength(level: str, system: str = "ROBINS-I") -> float:
    """Return the a0 that a level of trust stands for by default.

    Parameters
    ----------
    level : str
    system : {"ROBINS-I", "GRADE"}

    Returns
    -------
    float
        In [0, 1]; a convention of this package, without a source.

    Raises
    ------
    ParameterError
        For an unknown system, or a level that is none of its own.

    Examples
    --------
    >>> default_strength("serious"), default_strength("very low", "GRADE")
    (0.2, 0.1)
    """
    if system not in DEFAULT_LEVELS:
        _refuse("system", system, DEFAULT_LEVELS)
    levels = DEFAULT_LEVELS[system]
    word = str(level).strip().lower().replace("_", " ")
    if word not in levels:
        _refuse("level", level, levels)
    return levels[word]


def _refuse(field: str, found: object, allowed):
    remedy = did_you_mean(str(found), allowed)
    problem = Problem(field=field, found=found, allowed=", ".join(allowed), remedy=remedy)
    raise ParameterError([problem])
