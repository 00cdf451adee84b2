"""Whether one patient's response is owed to the treatment: bounds, from two groups' shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from riskmodel.errors import ParameterError, Problem

if TYPE_CHECKING:
    import pandas as pd


def attribution_bounds(untreated, treated) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds on the probability that an observed response is owed to the treatment.

    Parameters
    ----------
    untreated, treated : array_like
        Share that responds by the same time without and with the treatment, in [0, 1]; of
        exchangeable groups.

    Returns
    -------
    lower, upper : ndarray
        In [0, 1]; nan where nobody responds under treatment.

    Raises
    ------
    ParameterError
        If a share is outside [0, 1].

    Notes
    -----
    ``max(0, (p1 - p0) / p1) <= PC <= min(1, (1 - p0) / p1)``: what two groups' shares can say of
    one responder, without any assumption on which patients would have responded anyway. The lower
    bound is met where the treatment keeps nobody from responding. Tian and Pearl (2000), Ann Math
    Artif Intell 28:287, doi:10.1023/A:1018912507879.

    Examples
    --------
    Six of ten recover by then untreated, seven of ten treated:

    >>> lower, upper = attribution_bounds(0.6, 0.7)
    >>> round(float(lower), 3), round(float(upper), 3)
    (0.143, 0.571)
    """
    p0, p1 = np.broadcast_arrays(np.asarray(untreated, float), np.asarray(treated, float))
    problems = [
        Problem(
            field=name,
            found=float(values[~((values >= 0) & (values <= 1))].ravel()[0]),
            allowed="shares in [0, 1]",
            remedy="divide percentages by 100",
        )
        for name, values in (("untreated", p0), ("treated", p1))
        if not ((values >= 0) & (values <= 1)).all()
    ]
    if problems:
        raise ParameterError(problems)
    with np.errstate(divide="ignore", invalid="ignore"):
        lower = np.where(p1 > 0, np.maximum(0.0, (p1 - p0) / p1), np.nan)
        upper = np.where(p1 > 0, np.minimum(1.0, (1 - p0) / p1), np.nan)
    return lower, upper


def attribution_table(untreated, treated, *, prob: float = 0.95) -> pd.DataFrame:
    """Return the bounds with the uncertainty of both shares.

    Parameters
    ----------
    untreated, treated : array_like, shape (draw,)
        Draws of the two shares; arrays of equal length are taken together, draw by draw.
    prob : float
        Of the equal-tailed intervals over draws, in (0, 1).

    Returns
    -------
    pandas.DataFrame
        Two rows, ``bound`` lower and upper: ``median`` over draws, ``lower``, ``upper``, ``prob``,
        ``kind``. The interval says how well each bound is known, not where between the bounds the
        patient lies: no data of groups can tell that.

    Examples
    --------
    >>> table = attribution_table([0.6], [0.7]).set_index("bound")
    >>> table["median"].round(3).to_dict()
    {'lower': 0.143, 'upper': 0.571}
    """
    import pandas as pd

    if not 0 < prob < 1:
        raise ParameterError(
            [
                Problem(
                    field="prob",
                    found=prob,
                    allowed="values strictly between 0 and 1",
                    remedy="divide percentages by 100",
                )
            ]
        )
    rows = []
    for name, draws in zip(("lower", "upper"), attribution_bounds(untreated, treated), strict=True):
        lower, middle, upper = np.nanquantile(draws, [(1 - prob) / 2, 0.5, (1 + prob) / 2])
        rows.append(
            {
                "bound": name,
                "median": middle,
                "lower": lower,
                "upper": upper,
                "prob": prob,
                "kind": "equal-tailed",
            }
        )
    return pd.DataFrame(rows)
