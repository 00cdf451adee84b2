"""Whether a source's rule speaks of a patient: a condition on covariates, and their values."""

from __future__ import annotations

from collections.abc import Mapping

from riskmodel.parameters.schema import Clause, Condition


def holds(condition: Condition | None, values: Mapping[str, object]) -> bool | None:
    """Say whether a condition holds for a patient; None where it cannot be told.

    Parameters
    ----------
    condition : Condition or None
        None holds for everybody.
    values : mapping of str to object
        Covariate -> number, boolean or category; a covariate that is missing or None is unknown.

    Returns
    -------
    bool or None
        By three-valued logic: one false clause of `all` settles it, and one true clause of `any`,
        whatever is unknown beside it.

    Examples
    --------
    >>> severe = Clause(covariate="grade", at_least=3)
    >>> failed = Clause.model_validate({"covariate": "failed_before", "is": True})
    >>> either = Condition(any=[severe, failed])
    >>> holds(either, {"grade": 4}), holds(either, {"grade": 2})
    (True, None)
    >>> holds(Condition(all=[severe, failed]), {"grade": 2})
    False
    """
    if condition is None:
        return True
    parts = []
    if condition.all is not None:
        answers = [_clause_holds(clause, values) for clause in condition.all]
        parts.append(False if False in answers else None if None in answers else True)
    if condition.any is not None:
        answers = [_clause_holds(clause, values) for clause in condition.any]
        parts.append(True if True in answers else None if None in answers else False)
    return False if False in parts else None if None in parts else True


def _clause_holds(clause: Clause, values: Mapping[str, object]) -> bool | None:
    value = values.get(clause.covariate)
    if value is None:
        return None
    tests = []
    if clause.is_ is not None:
        tests.append(value == clause.is_)
    for limit, test in (
        (clause.above, lambda a, b: a > b),
        (clause.at_least, lambda a, b: a >= b),
        (clause.below, lambda a, b: a < b),
        (clause.up_to, lambda a, b: a <= b),
    ):
        if limit is not None:
            tests.append(test(value, limit))
    return all(tests)


def named_covariates(condition: Condition | None) -> set[str]:
    """Return the covariates that a condition asks about.

    Examples
    --------
    >>> named_covariates(Condition(any=[Clause(covariate="grade", at_least=3)]))
    {'grade'}
    """
    if condition is None:
        return set()
    return {clause.covariate for clause in [*(condition.all or ()), *(condition.any or ())]}


def condition_words(condition: Condition | None) -> str:
    """Return a condition as one reads it.

    Examples
    --------
    >>> condition_words(Condition(all=[Clause(covariate="grade", at_least=3)]))
    'grade at least 3'
    """
    if condition is None:
        return ""
    parts = []
    for clauses, word in ((condition.all, " and "), (condition.any, " or ")):
        if clauses:
            parts.append(word.join(_clause_words(clause) for clause in clauses))
    return "; and ".join(parts)


def _clause_words(clause: Clause) -> str:
    name = clause.covariate.replace("_", " ")
    words = []
    if isinstance(clause.is_, bool):
        words.append(name if clause.is_ else f"no {name}")
    elif clause.is_ is not None:
        words.append(f"{name} {clause.is_}")
    for limit, text in (
        (clause.above, "above"),
        (clause.at_least, "at least"),
        (clause.below, "below"),
        (clause.up_to, "up to"),
    ):
        if limit is not None:
            words.append(f"{name} {text} {limit:g}")
    return " and ".join(words)
