"""Each source against the rest: does chance, with heterogeneity, explain how far it lies?

For source i, with ``s_i**2 = se_i**2 + tau**2`` the predictive variance of its estimate and
``mu_-i, s_-i**2`` the pooled mean of the others and its variance (weights ``1 / s_j**2``) ::

    d_i = (y_i - mu_-i) / sqrt(s_i**2 + s_-i**2)

The node-split probability is the two-sided probability of a difference at least as large,
``2 Phi(-|d_i|)``. The cut is Bonferroni's for 5% over all comparisons; two sources are one
comparison. Sources of different estimands are never set against each other: they are reported as
that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from riskmodel.errors import NOTHING, Phrase, did_you_mean
from riskmodel.evidence.families import refuse, require_probability

RESOLUTIONS = ("estimand_differs", "bias_model", "exclude")


def conflict(
    estimates: ArrayLike,
    standard_errors: ArrayLike,
    *,
    study: Sequence[str] | None = None,
    estimand: Sequence[str] | None = None,
    tau: float = 0.0,
    heterogeneity: Any = None,
    family_wise: float = 0.05,
    resolution: dict[str, str] | None = None,
) -> ConflictReport:
    """Return how far each source lies from the rest, and whether that needs an answer in writing.

    Parameters
    ----------
    estimates, standard_errors : array_like, shape (k,)
        On one scale where they are normal: log ratios or differences.
    study : sequence of str, optional
        Names; "source 1", "source 2" and so on if left out.
    estimand : sequence of str, optional
        What each estimates, such as "risk difference at 12 months"; one for all if left out.
    tau : float
        Standard deviation between studies, 0 or more.
    heterogeneity : distribution, optional
        In place of `tau`, as pooled: the probability is averaged over it, and the distance is the
        normal score of that average. Where the source itself fed it, conflict is
        understated.
    family_wise : float
        Probability that consistent sources stop a run, two-sided, over all comparisons.
    resolution : dict of str to str, optional
        Source -> a written answer, beginning with ``estimand_differs``, ``bias_model`` or
        ``exclude``.

    Returns
    -------
    ConflictReport

    Raises
    ------
    ParameterError
        If the lists do not fit together or a number cannot be used.

    References
    ----------
    Presanis et al. (2013), Stat Sci 28:376, on node-splitting for conflict.

    Examples
    --------
    >>> found = conflict([-0.5, -0.4, 0.9], [0.2, 0.25, 0.3], study=["a", "b", "c"])
    >>> found.table[["study", "standardised_difference", "conflict"]].round(2)
      study  standardised_difference  conflict
    0     a                    -2.28     False
    1     b                    -1.10     False
    2     c                     4.02      True
    >>> found.needs_resolution
    True
    """
    y, error = _numbers("estimates", estimates), _numbers("standard_errors", standard_errors)
    if y.ndim != 1 or y.shape != error.shape or not len(y):
        refuse(
            "standard_errors",
            Phrase(f"{error.size} for {y.size} estimates"),
            "one for each estimate",
            "give both as lists of the same length",
        )
    if (error <= 0).any():
        refuse("standard_errors", float(error.min()), "numbers above 0", "check the intervals")
    study = _labels("study", study, [f"source {i + 1}" for i in range(len(y))])
    if len(set(study)) < len(study):
        twice = sorted({name for name in study if study.count(name) > 1})
        refuse("study", twice, "each source once", "a source beside itself is counted twice")
    estimand = _labels("estimand", estimand, ["one estimand"] * len(y))
    taus = _taus(tau, heterogeneity)
    family_wise = require_probability("family_wise", family_wise)
    answers = _answers(resolution, study)
    groups = {name: [i for i, e in enumerate(estimand) if e == name] for name in estimand}
    comparisons = sum(1 if len(g) == 2 else len(g) for g in groups.values() if len(g) > 1)
    cut = float(-special.ndtri(family_wise / (2 * comparisons))) if comparisons else np.inf
    rows = []
    for name, members in groups.items():
        for i in members:
            rest = [j for j in members if j != i]
            row = {
                "study": study[i],
                "estimand": name,
                "estimate": y[i],
                "standard_error": error[i],
            }
            rows.append(row | _against_rest(y, error, i, rest, taus, cut))
    table = pd.DataFrame(rows)
    table["resolution"] = [answers.get(name, "") for name in table["study"]]
    return ConflictReport(
        table=table,
        cut=cut,
        comparisons=comparisons,
        family_wise=family_wise,
        **_reported_tau(heterogeneity, taus),
        estimands=tuple(groups),
    )


@dataclass(frozen=True)
class ConflictReport:
    """Each source against the rest of its estimand.

    Attributes
    ----------
    table : DataFrame
        Columns ``study, estimand, estimate, standard_error, rest_estimate, rest_standard_error,
        standardised_difference, node_split_probability, overlap, cut, conflict, finding,
        resolution``. `overlap` is the area that the two predictive densities share.
    cut : float
        Of the size of the standardised difference.
    comparisons : int
    family_wise : float
    tau : float
        Where it is a distribution its mean, or its median where no mean exists.
    estimands : tuple of str
    tau_is : {"given", "mean", "median"}
    """

    table: pd.DataFrame
    cut: float
    comparisons: int
    family_wise: float
    tau: float
    estimands: tuple[str, ...]
    tau_is: str = "given"

    @property
    def estimands_differ(self) -> bool:
        """Whether more than one estimand was offered for the one quantity."""
        return len(self.estimands) > 1

    @property
    def needs_resolution(self) -> bool:
        """Whether a source lies beyond the cut without a written answer.

        Two sources of one estimand are one comparison, which an answer for either settles.
        """
        return bool((self.table["conflict"] & ~self._answered).any())

    @property
    def _answered(self) -> pd.Series:
        """Which sources have an answer: their own, or that of the only other of the estimand."""
        answered = self.table["resolution"].ne("")
        group = answered.groupby(self.table["estimand"])
        return answered | (group.transform("size").eq(2) & group.transform("any"))

    @property
    def rule(self) -> str:
        """The rule that was applied, in words."""
        if not self.comparisons:
            return "no two sources of one estimand: nothing is compared"
        return (
            f"standardised difference from the rest beyond {self.cut:.2f}: {self.family_wise:.0%} "
            f"two-sided over {self.comparisons} comparison{'s' * (self.comparisons > 1)} "
            f"(Bonferroni), predictive variances with tau = {self.tau:.3g}"
            + (f" ({self.tau_is})" if self.tau_is != "given" else "")
        )

    @property
    def statement(self) -> str:
        """What was found, in words."""
        parts = []
        if self.estimands_differ:
            parts.append("estimand differs, not compared: " + " | ".join(self.estimands))
        for row in self.table.assign(answered=self._answered)[self.table["conflict"]].itertuples():
            answer = row.resolution or (
                "answered at the other source"
                if row.answered
                else "needs a written resolution: " + ", ".join(RESOLUTIONS)
            )
            parts.append(
                f"{row.study} lies {abs(row.standardised_difference):.2f} standard deviations "
                f"from the rest ({answer})"
            )
        if not self.table["conflict"].any() and self.comparisons:
            parts.append("no source lies beyond the cut")
        return "; ".join([*parts, self.rule])

    def __str__(self) -> str:
        return self.statement


def _against_rest(y, error, i: int, rest: list[int], taus: np.ndarray, cut: float) -> dict:
    """Return the distance of one source from the others, averaged over the heterogeneity."""
    if not rest:
        return {
            "rest_estimate": np.nan,
            "rest_standard_error": np.nan,
            "standardised_difference": np.nan,
            "node_split_probability": np.nan,
            "overlap": np.nan,
            "cut": np.nan,
            "conflict": False,
            "finding": "estimand differs" if len(y) > 1 else "alone",
        }
    weight = 1 / (error[rest][:, None] ** 2 + taus**2)
    variance = 1 / weight.sum(axis=0)
    centre = (weight * y[rest][:, None]).sum(axis=0) * variance
    own = error[i] ** 2 + taus**2
    distance = (y[i] - centre) / np.sqrt(own + variance)
    below, above = special.ndtr(distance).mean(), special.ndtr(-distance).mean()
    tail = min(below, above)
    score = (
        float(distance[0])
        if len(taus) == 1
        else float(np.sign(below - above) * -special.ndtri(max(tail, 1e-300)))
    )
    shared = np.mean(
        [
            _overlap(y[i], np.sqrt(a), c, np.sqrt(v))
            for a, c, v in zip(own, centre, variance, strict=True)
        ]
    )
    found = abs(score) > cut
    return {
        "rest_estimate": float(centre.mean()),
        "rest_standard_error": float(np.sqrt(variance.mean() + centre.var())),
        "standardised_difference": score,
        "node_split_probability": float(min(2 * special.ndtr(-abs(score)), 1.0)),
        "overlap": float(shared),
        "cut": cut,
        "conflict": bool(found),
        "finding": "conflict" if found else "consistent",
    }


def _overlap(mean_a: float, sd_a: float, mean_b: float, sd_b: float) -> float:
    """Return the area that two normal densities share."""
    low = min(mean_a - 9 * sd_a, mean_b - 9 * sd_b)
    high = max(mean_a + 9 * sd_a, mean_b + 9 * sd_b)
    x = np.linspace(low, high, 4001)
    a = np.exp(-0.5 * ((x - mean_a) / sd_a) ** 2) / sd_a
    b = np.exp(-0.5 * ((x - mean_b) / sd_b) ** 2) / sd_b
    return float(np.minimum(a, b).sum() * (x[1] - x[0]) / np.sqrt(2 * np.pi))


def _numbers(name: str, values: ArrayLike) -> np.ndarray:
    try:
        found = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        refuse(name, values, "a list of numbers", "convert text to numbers first")
    if not np.isfinite(found).all():
        refuse(name, Phrase("nan or infinity"), "finite numbers", "leave missing sources out")
    return found


def _labels(name: str, given, default: list[str]) -> list[str]:
    if given is None:
        return default
    found = [str(one) for one in given]
    if isinstance(given, str) or len(found) != len(default):
        refuse(name, given, f"{len(default)} names, one for each estimate", "give a list")
    return found


def _taus(tau: float, heterogeneity) -> np.ndarray:
    """Return one heterogeneity, or quantiles of its distribution that count alike."""
    if heterogeneity is not None:
        if tau:
            refuse("tau", tau, "one of tau and heterogeneity", "leave one of the two out")
        if not callable(getattr(heterogeneity, "ppf", None)):
            return _taus(heterogeneity, None)
        q = (np.arange(200) + 0.5) / 200
        return np.asarray(heterogeneity.ppf(q), dtype=float)
    found = _numbers("tau", [tau])
    if found[0] < 0:
        refuse("tau", tau, "a number, 0 or more", "give the standard deviation between studies")
    return found


def _reported_tau(heterogeneity, taus: np.ndarray) -> dict:
    """Return the one number that stands for the heterogeneity, and which it is."""
    if not callable(getattr(heterogeneity, "ppf", None)):
        return {"tau": float(taus[0]), "tau_is": "given"}
    mean = getattr(heterogeneity, "mean", None)
    if callable(mean) and np.isfinite(mean()):
        return {"tau": float(taus.mean()), "tau_is": "mean"}
    # The mean of the quantiles is finite even where the mean of the distribution is not.
    return {"tau": float(heterogeneity.ppf(0.5)), "tau_is": "median"}


def _answers(resolution, study: list[str]) -> dict[str, str]:
    answers = {}
    for name, words in (resolution or {}).items():
        if name not in study:
            refuse(f"resolution.{name}", name, ", ".join(study), did_you_mean(name, study))
        text = str(words).strip()
        if not text or text.split()[0].rstrip(":,") not in RESOLUTIONS:
            refuse(
                f"resolution.{name}",
                words or NOTHING,
                f"words that begin with {', '.join(RESOLUTIONS)}",
                "say which, and why: 'exclude: counted other events'",
            )
        answers[name] = text
    return answers
