"""What papers print of recovery instead of patients: counts, shares, quantiles, ranges.

Each becomes rows of the same likelihood as patients do. A printed quantile of n patients is an
order statistic; a bare percentage or range, without a number of patients, is refused unless
somebody says how many it is worth, and is then marked as assumed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from riskmodel.errors import NOTHING, Phrase, did_you_mean
from riskmodel.evidence.families import refuse, require_number, require_probability
from riskmodel.evidence.recovery_data import (
    BETWEEN,
    EXACT,
    LATER,
    LEFT,
    NEVER,
    RECOVERED,
    RIGHT,
)
from riskmodel.evidence.recovery_priors import DAYS
from riskmodel.parameters.schema import Estimate, TimeRange

ENDPOINTS = ("first_response", "functional_recovery", "full_recovery", "relapse")
MEANINGS = {"plausible_limits": 0.95, "q05_q95": 0.90, "iqr": 0.50, "min_max": None}
_OF = ("everyone", "recovered")
_QUANTITIES = {
    "onset": ("first_response",),
    "recovery": ("functional_recovery", "full_recovery"),
    "relapse": ("relapse",),
}

Entry = tuple[int, float, float, float]


@dataclass(frozen=True, kw_only=True)
class EndpointLink:
    """A declared relation between two endpoints: times of one are a multiple of the other's.

    Parameters
    ----------
    of, to : str
        Endpoints; times of `of` are multiplied to become times of `to`.
    time_ratio : float
        Above 0.
    because, whose : str
        Why, and whose judgement it is.
    """

    of: str
    to: str
    time_ratio: float
    because: str
    whose: str

    def __post_init__(self):
        require_endpoint(self.of, "link.of")
        require_endpoint(self.to, "link.to")
        require_number("link.time_ratio", self.time_ratio, above=0)
        for name in ("because", "whose"):
            if not str(getattr(self, name)).strip():
                refuse(f"link.{name}", NOTHING, "words", "a link is a judgement: say why and whose")


@dataclass(frozen=True, kw_only=True)
class RecoverySummary(ABC):
    """What every printed summary has besides its figures.

    Parameters
    ----------
    endpoint : str, optional
        None is the endpoint of the fit.
    unit : {"day", "week", "month", "year"}, optional
        Of its times; None is the unit of the fit.
    of : {"everyone", "recovered"}, optional
        Whose times a quantile or range is: of everyone, those who never recover among them, or of
        those who recover. Needed with a cure fraction.
    effective_sample_size : float, optional
        How many patients a figure without a number of patients is worth: a judgement.
    whose : str, optional
        Whose judgement that is.
    at : mapping, optional
        Covariates of its patients, needed where the fit has covariates.
    source : str, optional
    """

    endpoint: str | None = None
    unit: str | None = None
    of: str | None = None
    effective_sample_size: float | None = None
    whose: str | None = None
    at: Mapping[str, float] | None = None
    source: str | None = None

    @property
    def assumed(self) -> bool:
        """Whether its weight is somebody's judgement."""
        return self.effective_sample_size is not None

    def _check_common(self) -> None:
        if self.endpoint is not None:
            require_endpoint(self.endpoint, "summaries.endpoint")
        if self.unit is not None and self.unit not in DAYS:
            refuse("summaries.unit", self.unit, ", ".join(DAYS), did_you_mean(self.unit, DAYS))
        if self.of is not None and self.of not in _OF:
            refuse("summaries.of", self.of, ", ".join(_OF), did_you_mean(self.of, _OF))
        if self.effective_sample_size is not None:
            require_number("summaries.effective_sample_size", self.effective_sample_size, above=0)
            if not (self.whose or "").strip():
                refuse(
                    "summaries.whose",
                    NOTHING,
                    "whose judgement the effective sample size is",
                    "name them: it is marked as assumed in every result",
                )

    def _size(self, n: float | None) -> float:
        """Return the number of patients, printed or assumed."""
        if n is not None and self.effective_sample_size is not None:
            refuse(
                "summaries.effective_sample_size",
                self.effective_sample_size,
                f"nothing beside n = {n:g}",
                "leave it out: the number of patients is known",
            )
        if n is not None:
            return n
        if self.effective_sample_size is None:
            refuse(
                "summaries.n",
                Phrase(f"nothing beside {self.statement()}"),
                "the number of patients",
                "a bare figure has no weight: give n, or effective_sample_size and whose judgement "
                "that is",
            )
        return float(self.effective_sample_size)

    @abstractmethod
    def scaled(self, factor: float) -> RecoverySummary:
        """Return the summary with its times multiplied."""

    @abstractmethod
    def entries(self) -> list[Entry]:
        """Return what it says as rows (kind, low, high, weight)."""

    @abstractmethod
    def statement(self) -> str:
        """Return it in words."""


@dataclass(frozen=True, kw_only=True)
class RecoveredCount(RecoverySummary):
    """So many of so many had recovered by a time, or ever.

    Parameters
    ----------
    recovered, n : float
    by : float
        Infinite is "at any time".

    Examples
    --------
    >>> RecoveredCount(recovered=3, n=42, by=60).statement()
    '3 of 42 by 60'
    """

    recovered: float
    n: float
    by: float = float("inf")

    def __post_init__(self):
        self._check_common()
        n = require_number("summaries.n", self.n, above=0)
        recovered = require_number("summaries.recovered", self.recovered)
        if not 0 <= recovered <= n:
            refuse("summaries.recovered", self.recovered, f"0 to {n:g}", "check the counts")
        _require_time("summaries.by", self.by, endless=True)
        if self.assumed:
            self._size(n)

    def scaled(self, factor: float) -> RecoveredCount:
        return replace(self, by=self.by * factor)

    def entries(self) -> list[Entry]:
        rest = self.n - self.recovered
        if np.isinf(self.by):
            rows = [(RECOVERED, 1.0, 1.0, self.recovered), (NEVER, 1.0, 1.0, rest)]
        else:
            rows = [(LEFT, 1.0, self.by, self.recovered), (RIGHT, self.by, 1.0, rest)]
        return [row for row in rows if row[3] > 0]

    def statement(self) -> str:
        when = "ever" if np.isinf(self.by) else f"by {self.by:g}"
        return f"{self.recovered:g} of {self.n:g} {when}"


@dataclass(frozen=True, kw_only=True)
class RecoveredShare(RecoverySummary):
    """A share that had recovered by a time: "80% by 2 years".

    Parameters
    ----------
    share : float
        In [0, 1].
    by : float
    n : float, optional
        Patients; without it `effective_sample_size` and `whose`.

    Examples
    --------
    >>> share = RecoveredShare(share=0.8, by=2, unit="year", n=50)
    >>> [entry[3] for entry in share.entries()]
    [40.0, 10.0]
    """

    share: float
    by: float = float("inf")
    n: float | None = None

    def __post_init__(self):
        self._check_common()
        require_probability("summaries.share", self.share, ends=True)
        _require_time("summaries.by", self.by, endless=True)
        if self.n is not None:
            require_number("summaries.n", self.n, above=0)
        self._size(self.n)

    def scaled(self, factor: float) -> RecoveredShare:
        return replace(self, by=self.by * factor)

    def entries(self) -> list[Entry]:
        size = self._size(self.n)
        count = round(self.share * size, 9)  # 0.8 of 50 is 40, not 40 and a last digit
        return RecoveredCount(recovered=count, n=size, by=self.by).entries()

    def statement(self) -> str:
        when = "ever" if np.isinf(self.by) else f"by {self.by:g}"
        return f"{self.share:.3g} {when}"


@dataclass(frozen=True, kw_only=True)
class RecoveryQuantiles(RecoverySummary):
    """Times by which given shares had recovered: a median, with quartiles where printed.

    Parameters
    ----------
    quantiles : mapping of float to float
        Share to time: ``{0.25: 4, 0.5: 9, 0.75: 20}``.
    n : int, optional
        Patients: the times are then order statistics. Without it, `effective_sample_size`: as if
        so many patients had been counted between the times.

    Notes
    -----
    With n, place ``k = n p + 1/2`` of n has density ``F^(k-1) f S^(n-k)``, and several places share
    the patients between them. `n` has to be at least ``1 / (2 p)`` of the outermost share.
    """

    quantiles: Mapping[float, float]
    n: float | None = None

    def __post_init__(self):
        self._check_common()
        if not self.quantiles:
            refuse("summaries.quantiles", NOTHING, "a share and its time", "give {0.5: 9}")
        shares, times = self._sorted()
        for share, time in zip(shares, times, strict=True):
            require_probability("summaries.quantiles", share)
            _require_time("summaries.quantiles", time)
        if any(a >= b for a, b in zip(times[:-1], times[1:], strict=True)):
            refuse(
                "summaries.quantiles",
                dict(self.quantiles),
                "times that rise with the share",
                "check the printed figures: they cross, or are shares that had not recovered",
            )
        size = self._size(self.n)
        least = 0.5 / min(shares[0], 1 - shares[-1])
        if self.n is not None and size < least - 1e-9:
            refuse(
                "summaries.n",
                self.n,
                f"at least {np.ceil(least):g} for these shares",
                "so few patients have no such quantile: declare the range as min_max",
            )

    def _sorted(self) -> tuple[list[float], list[float]]:
        pairs = sorted(self.quantiles.items())
        return [float(p) for p, _ in pairs], [float(t) for _, t in pairs]

    def scaled(self, factor: float) -> RecoveryQuantiles:
        return replace(self, quantiles={p: t * factor for p, t in self.quantiles.items()})

    def entries(self) -> list[Entry]:
        shares, times = self._sorted()
        size = self._size(self.n)
        places = np.array([0.0, *(size * p for p in shares), size])
        cells = np.diff(places)
        exact = self.n is not None
        if exact:  # the patients at the quantiles themselves are no longer between them
            cells = cells - np.array([0.5, *[1.0] * (len(shares) - 1), 0.5])
        return _cells(times, cells, exact, self.of)

    def statement(self) -> str:
        shares, times = self._sorted()
        parts = ", ".join(f"{p:.0%} by {t:g}" for p, t in zip(shares, times, strict=True))
        return parts + ("" if self.of is None else f" of {self.of}")


@dataclass(frozen=True, kw_only=True)
class RecoveryRange(RecoverySummary):
    """A range of times whose meaning is declared.

    Parameters
    ----------
    lower, upper : float
    meaning : {"plausible_limits", "q05_q95", "iqr", "min_max"}
        The central 95%, 90% or 50% of patients, or the earliest and the latest of n.
    n : int, optional
        Needed for min_max; else it or `effective_sample_size`.
    """

    lower: float
    upper: float
    meaning: str | None = None
    n: float | None = None

    def __post_init__(self):
        self._check_common()
        _require_time("summaries.lower", self.lower)
        _require_time("summaries.upper", self.upper)
        if self.lower >= self.upper:
            refuse(
                "summaries.lower", (self.lower, self.upper), "lower below upper", "exchange them"
            )
        if self.meaning not in MEANINGS:
            refuse(
                "summaries.meaning",
                self.meaning or NOTHING,
                ", ".join(MEANINGS),
                "a range is no distribution until somebody says what its ends are: "
                f"{self.lower:g} to {self.upper:g} as 95% limits and as quartiles are two "
                "different diseases",
            )
        if self.meaning == "min_max":
            if self.n is None or self.n < 2:
                refuse(
                    "summaries.n",
                    NOTHING if self.n is None else self.n,
                    "the number of patients, 2 or more",
                    "the earliest and the latest mean nothing without it",
                )
        else:
            self._quantiles()

    def _quantiles(self) -> RecoveryQuantiles:
        tail = (1 - MEANINGS[self.meaning]) / 2
        common = {one.name: getattr(self, one.name) for one in fields(RecoverySummary)}
        times = {tail: self.lower, 1 - tail: self.upper}
        return RecoveryQuantiles(quantiles=times, n=self.n, **common)

    def scaled(self, factor: float) -> RecoveryRange:
        return replace(self, lower=self.lower * factor, upper=self.upper * factor)

    def entries(self) -> list[Entry]:
        if self.meaning != "min_max":
            return self._quantiles().entries()
        between = [0.0, float(self.n) - 2, 0.0]
        return _cells([self.lower, self.upper], between, True, self.of)

    def statement(self) -> str:
        of = "" if self.of is None else f" of {self.of}"
        return f"{self.lower:g} to {self.upper:g} as {self.meaning}{of}"


KINDS = {
    "count": RecoveredCount,
    "share": RecoveredShare,
    "quantiles": RecoveryQuantiles,
    "range": RecoveryRange,
}


def _cells(times: Sequence[float], cells, exact: bool, of: str | None) -> list[Entry]:
    """Return rows of patients between times, and of those at them."""
    rows: list[Entry] = [(LEFT, 1.0, times[0], cells[0])]
    for low, high, number in zip(times[:-1], times[1:], cells[1:-1], strict=True):
        rows.append((BETWEEN, low, high, number))
    rows.append((LATER if of == "recovered" else RIGHT, times[-1], 1.0, cells[-1]))
    if exact:
        rows.extend((EXACT, time, 1.0, 1.0) for time in times)
    if of == "recovered":  # all of it is conditional on recovering
        rows.append((RECOVERED, 1.0, 1.0, -sum(row[3] for row in rows)))
    return [row for row in rows if row[3] != 0]


def require_endpoint(endpoint: object, field: str = "endpoint") -> str:
    """Return the name of an endpoint, or refuse it.

    Examples
    --------
    >>> require_endpoint("full_recovery")
    'full_recovery'
    """
    if endpoint not in ENDPOINTS:
        refuse(field, endpoint, ", ".join(ENDPOINTS), did_you_mean(endpoint, ENDPOINTS))
    return str(endpoint)


def _require_time(field: str, value: object, *, endless: bool = False) -> float:
    if endless and value == float("inf"):
        return float("inf")
    return require_number(field, value, above=0)


# --- reading them --------------------------------------------------------------------------------


def read_summaries(
    given: Iterable[Any] | None,
    *,
    endpoint: str | None,
    time_unit: str,
    cure: str,
    links: Iterable[EndpointLink] = (),
) -> list[RecoverySummary]:
    """Return summaries of one endpoint in one unit of time.

    Parameters
    ----------
    given : iterable of RecoverySummary or mapping
        A mapping has ``kind``: count, share, quantiles or range, and the fields of that class.
    endpoint : str or None
        Of the fit.
    time_unit : str
    cure : str
    links : iterable of EndpointLink

    Raises
    ------
    ParameterError
        For another endpoint without a link, a count of never without a cure fraction, or a
        quantile whose patients are not said.

    Examples
    --------
    >>> given = [{"kind": "share", "share": 0.8, "by": 2, "unit": "year", "n": 50}]
    >>> read_summaries(given, endpoint=None, time_unit="month", cure="none")[0].by
    24.0
    """
    read = []
    for place, one in enumerate(given or ()):
        summary = _one(one, place)
        factor = DAYS[summary.unit or time_unit] / DAYS[time_unit]
        factor *= _linked(summary, endpoint, links)
        summary = replace(summary.scaled(factor), unit=time_unit)
        _check_against_model(summary, cure)
        read.append(summary)
    return read


def _one(given: Any, place: int) -> RecoverySummary:
    if isinstance(given, RecoverySummary):
        return given
    if isinstance(given, Estimate | TimeRange):
        return recovery_summary(given)
    if not isinstance(given, Mapping):
        refuse(
            f"summaries[{place}]",
            given,
            "a mapping with its kind, or a RecoverySummary",
            'give for example {"kind": "count", "recovered": 3, "n": 42}',
        )
    said = dict(given)
    kind = said.pop("kind", None)
    if kind not in KINDS:
        refuse(
            f"summaries[{place}].kind", kind or NOTHING, ", ".join(KINDS), did_you_mean(kind, KINDS)
        )
    known = [one.name for one in fields(KINDS[kind])]
    for name in said:
        if name not in known:
            refuse(
                f"summaries[{place}].{name}",
                said[name],
                ", ".join(known),
                did_you_mean(name, known),
            )
    try:
        return KINDS[kind](**said)
    except TypeError:  # a field that has no default
        missing = [name for name in ("recovered", "n", "share", "quantiles", "lower", "upper")]
        missing = [name for name in missing if name in known and name not in said]
        refuse(f"summaries[{place}]", said, f"{kind} with {', '.join(missing)}", "add what lacks")


def _linked(summary: RecoverySummary, endpoint: str | None, links) -> float:
    """Return what a summary's times are multiplied by, or refuse another endpoint."""
    if summary.endpoint is None or summary.endpoint == endpoint:
        return 1.0
    for link in links:
        if (link.of, link.to) == (summary.endpoint, endpoint):
            return link.time_ratio
    refuse(
        "summaries.endpoint",
        summary.endpoint,
        f"{endpoint or 'an endpoint that the fit declares'}",
        "two endpoints are two different things: fit them apart, or declare links=[EndpointLink("
        "of=..., to=..., time_ratio=..., because=..., whose=...)]",
    )


def _check_against_model(summary: RecoverySummary, cure: str) -> None:
    if cure == "none":
        if any(entry[0] == NEVER for entry in summary.entries()):
            refuse(
                "summaries.by",
                Phrase(f"{summary.statement()}, without a fraction that never recovers"),
                "a time, or a model with cure='mixture' or 'promotion'",
                "somebody who never recovers cannot be in a model where all do",
            )
    elif isinstance(summary, RecoveryQuantiles | RecoveryRange) and summary.of is None:
        refuse(
            "summaries.of",
            NOTHING,
            "everyone, recovered",
            "say whose times these are: of everyone, or only of those who recover",
        )


def recovery_summary(record: Any, **said: Any) -> RecoverySummary:
    """Return a summary from a record of the library, with what the record does not say.

    Parameters
    ----------
    record : Estimate, TimeRange or str
        A string is the id of one of these in the shipped library.
    **said
        Fields of the summary that the record leaves open: ``endpoint``, ``meaning`` of a range,
        ``of``, ``n`` or ``effective_sample_size`` and ``whose``, ``by`` where the horizon is only
        words.

    Returns
    -------
    RecoverySummary

    Raises
    ------
    ParameterError
        For a record that is no time to recovery, an endpoint that contradicts it, or one that the
        record leaves open and nobody declares.

    Examples
    --------
    >>> recovery_summary("s002_recovery_range", endpoint="functional_recovery",
    ...     meaning="q05_q95", of="recovered", effective_sample_size=10,
    ...     whose="a reader").statement()
    '6 to 36 as q05_q95 of recovered'
    """
    if isinstance(record, str):
        record = _from_library(record)
    if isinstance(record, TimeRange):
        return _from_time_range(record, said)
    if isinstance(record, Estimate):
        return _from_estimate(record, said)
    refuse("record", record, "an Estimate, a TimeRange or an id", "give it as the library has it")


def _from_library(name: str):
    from riskmodel.parameters.library import load_library

    library = load_library()
    known = {**library.records("estimate"), **library.records("time_range")}
    if name not in known:
        refuse(
            "record", name, "the id of a shipped estimate or time range", did_you_mean(name, known)
        )
    return known[name]


def _from_time_range(record: TimeRange, said: dict) -> RecoverySummary:
    allowed = _QUANTITIES.get(record.quantity)
    if allowed is None:
        refuse(
            "record",
            Phrase(f"{record.id}, a {record.quantity}"),
            f"a time range of {', '.join(_QUANTITIES)}",
            "this is no time at which patients come to an endpoint",
        )
    endpoint = _declared(record, said, allowed)
    span = record.span
    if span is None:
        refuse(
            "record.span",
            Phrase(f"{record.id}, {record.stated!r}"),
            "a time in numbers",
            "a word is no distribution: elicit it",
        )
    common = {"unit": span.unit, "source": record.id, **said, "endpoint": endpoint}
    if span.value is not None:
        if record.meaning != "median":
            refuse(
                "record.meaning",
                record.meaning or NOTHING,
                "a median or a range",
                "a mean, a point or a least time says nothing of when shares recover",
            )
        return RecoveryQuantiles(quantiles={0.5: span.value}, **common)
    if span.lower is None or span.upper is None:
        refuse("record.span", str(span), "two ends", "an open end is a bound: give it as a share")
    printed = None if record.meaning == "not_stated" else record.meaning
    meaning = common.pop("meaning", printed)
    if printed is not None and meaning != printed:
        refuse("meaning", meaning, f"{printed}, as {record.id} says", "leave it out")
    return RecoveryRange(lower=span.lower, upper=span.upper, meaning=meaning, **common)


def _from_estimate(record: Estimate, said: dict) -> RecoverySummary:
    if record.measure != "risk" or not record.wanted:
        refuse(
            "record",
            Phrase(f"{record.id}, a {record.measure}"),
            "a share of patients with a wanted outcome",
            "effects and unwanted outcomes are no recoveries",
        )
    endpoint = _declared(record, said, ENDPOINTS)
    duration = record.horizon.duration
    common = {"source": record.id, **said, "endpoint": endpoint}
    if duration is not None:
        common = {"by": duration.value, "unit": duration.unit, **common}
    elif "by" not in common:
        refuse(
            "by",
            Phrase(f"{record.id}, {str(record.horizon)!r}"),
            "a time, or inf for ever",
            "declare by when this was counted, and its unit",
        )
    if record.counts is not None:
        return RecoveredCount(recovered=record.counts.events, n=record.counts.n, **common)
    if "n" not in common and "effective_sample_size" not in common:
        common["n"] = record.participants
    return RecoveredShare(share=record.number, **common)


def _declared(record, said: dict, allowed: Sequence[str]) -> str:
    endpoint = said.get("endpoint", allowed[0] if len(allowed) == 1 else None)
    if endpoint is None:
        refuse(
            "endpoint",
            Phrase(f"nothing; {record.id} is not typed"),
            ", ".join(allowed),
            "declare which of them it is: what the source counts as recovery decides",
        )
    require_endpoint(endpoint)
    if endpoint not in allowed:
        refuse("endpoint", endpoint, ", ".join(allowed), f"{record.id} is a {record.quantity}")
    return endpoint
