"""Finds a treatment pathway by its id or file, with the records that it refers to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from riskmodel.parameters.library import (
    Entry,
    Library,
    file_digest,
    find_by_name,
    is_shipped,
    shipped_folder,
    whole_path,
)
from riskmodel.parameters.marked_yaml import MarkedDocument
from riskmodel.parameters.schema import Estimate, Policy, Statement, TimeRange

FOLDER = "policies"


@dataclass(frozen=True)
class LoadedPolicy:
    """A treatment pathway with the records of the library that it names.

    Parameters
    ----------
    problem : Policy
        The pathway; it stands where a decision problem would, so that priors are made alike.
    estimates, time_ranges, statements : mapping of str to record
        What its priors and times are made of, and what is shown beside the result.
    document : MarkedDocument or None
        Its file, for messages.
    digests : mapping of str to str
        SHA-256 of each file it was made from.
    """

    problem: Policy
    estimates: Mapping[str, Estimate]
    time_ranges: Mapping[str, TimeRange]
    statements: Mapping[str, Statement] = field(default_factory=dict)
    document: MarkedDocument | None = field(default=None, repr=False, compare=False)
    digests: Mapping[str, str] = field(default_factory=dict, repr=False)
    scenarios: tuple[str, ...] = ()

    @property
    def policy(self) -> Policy:
        return self.problem

    @property
    def id(self) -> str:
        return self.problem.id


def find_policy(name: str | Path) -> tuple[Library, Entry]:
    """Return a pathway by its shipped id or the path of its file, and the library it lies in.

    Raises
    ------
    ParameterError
        If there is none, or its file does not pass the schema.

    Examples
    --------
    >>> find_policy("stepwise_immunotherapy")[1].record.start[0].stage
    'pulse'
    """
    return find_by_name("policy", name, folder=FOLDER, called="a pathway's file")


def resolve_policy(library: Library, entry: Entry) -> LoadedPolicy:
    """Return a pathway of the library with the records it refers to; names must be known."""
    policy: Policy = entry.record
    names = policy_estimates(policy)
    spans = [time.from_ for time in policy.times.values() if time.from_]
    shown = [*policy.evidence, *(s.regimen for s in policy.stages.values() if s.regimen)]
    shown += course_source_estimates(policy)
    statements = {name: library.statement(name) for name in dict.fromkeys(shown)}
    used = [library.entries["estimate"][name] for name in names]
    used += [library.entries["time_range"][name] for name in spans]
    used += [library.statement_entry(name) for name in statements]
    files = {entry.document.file, *(part.document.file for part in used)}
    return LoadedPolicy(
        problem=policy,
        estimates={name: library.entries["estimate"][name].record for name in names},
        time_ranges={name: library.entries["time_range"][name].record for name in spans},
        statements=statements,
        document=entry.document,
        digests={_place(path): file_digest(path) for path in sorted(files)},
    )


def policy_estimates(policy: Policy) -> list[str]:
    """Return the ids of every estimate that a pathway's priors name, each once, in order."""
    return list(dict.fromkeys(name for prior in policy.priors.values() for name in prior.from_))


def course_source_estimates(policy: Policy) -> list[str]:
    """Return the ids of the estimates that a pathway's events list for repeated courses."""
    return [
        name
        for event in policy.events.values()
        for source in event.course_sources
        for name in (source.first, source.later, source.untreated)
        if name
    ]


def _place(path: Path) -> str:
    if is_shipped(path):
        return whole_path(path).relative_to(shipped_folder()).as_posix()
    return path.as_posix()
