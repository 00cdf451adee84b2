"""Finds and loads parameter files: the shipped params/ and the user's own."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel, ValidationError

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, did_you_mean
from riskmodel.parameters.identifiers import refuse_what_names
from riskmodel.parameters.marked_yaml import Location, MarkedDocument, load_marked
from riskmodel.parameters.schema import (
    FILE_SCHEMAS,
    IDENTIFIER,
    BriefPlan,
    BriefRequest,
    ContradictionFile,
    DecisionProblem,
    Estimate,
    EvidenceFile,
    EvidenceLevel,
    Finding,
    NotEncodedFile,
    Panel,
    Policy,
    Preferences,
    Profile,
    Record,
    Regimen,
    Rule,
    Source,
    SourceFile,
    Statement,
    TimeRange,
    VocabularyFile,
    Window,
)
from riskmodel.parameters.schema.decision_files import OWN_RULE

Kind = Literal[
    "problem",
    "estimate",
    "time_range",
    "window",
    "regimen",
    "rule",
    "evidence_level",
    "finding",
    "contradiction",
    "source",
    "treatment",
    "group",
    "policy",
    "brief",
    "request",
    "preferences",
    "profile",
    "not_encoded",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
# The lists of an evidence file, and the kind of what stands in each.
STATEMENTS: dict[str, Kind] = {
    "estimates": "estimate",
    "time_ranges": "time_range",
    "windows": "window",
    "regimens": "regimen",
    "rules": "rule",
    "evidence_levels": "evidence_level",
    "findings": "finding",
}


class Entry(NamedTuple):
    """One named thing of the library and where it stands."""

    record: Record
    document: MarkedDocument
    location: Location


@dataclass
class Library:
    """Everything named in a set of parameter files, and everything wrong with them.

    Parameters
    ----------
    problems : list of Problem
        What the schema refused, and ids given twice.
    files : list of Path
        Every file read.
    overridden : dict
        The shipped entry that a user's own took the place of, by kind and id.
    """

    entries: dict[Kind, dict[str, Entry]] = field(
        default_factory=lambda: {kind: {} for kind in KINDS}
    )
    problems: list[Problem] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    overridden: dict[tuple[Kind, str], Entry] = field(default_factory=dict)

    def records(self, kind: Kind) -> dict[str, Any]:
        """Return the records of one kind by id."""
        return {name: entry.record for name, entry in self.entries[kind].items()}

    def statement_entry(self, name: str) -> Entry:
        """Return a statement of any kind by its id.

        Raises
        ------
        KeyError
            If no statement has this id.
        """
        for kind in STATEMENTS.values():
            if name in self.entries[kind]:
                return self.entries[kind][name]
        raise KeyError(name)

    def statement(self, name: str) -> Any:
        """Return the record of a statement of any kind by its id."""
        return self.statement_entry(name).record

    def read(self, path: Path) -> None:
        """Read one file into the library; what is wrong with it goes to `problems`."""
        self.files.append(path)
        try:
            document = load_marked(path)
            record = validate(document)
        except ParameterError as error:
            self.problems.extend(error.problems)
            return
        for kind, name, part, location in _named_parts(record):
            self._add(kind, name, Entry(part, document, location))

    def _add(self, kind: Kind, name: str, entry: Entry) -> None:
        """Take in one named thing; a user's own may stand in the place of a shipped one."""
        known = self.entries[kind].get(name)
        if known is None or _same_place(known, entry):
            self.entries[kind][name] = entry
            return
        if is_shipped(known.document.file) == is_shipped(entry.document.file):
            self.problems.append(
                entry.document.problem(
                    entry.location,
                    found=name,
                    allowed=f"each {kind} id once",
                    remedy=f"it stands in {_written(known)} already; rename one",
                )
            )
            return
        own, shipped = (entry, known) if is_shipped(known.document.file) else (known, entry)
        self.entries[kind][name] = own
        why = getattr(own.record, "overrides", None)
        if why is not None:
            self.overridden[kind, name] = shipped
        elif _content(kind, name, own.record) != _content(kind, name, shipped.record):
            self.problems.append(
                own.document.problem(
                    own.location,
                    found=name,
                    allowed=f"an id of your own, or the shipped {kind} unchanged",
                    remedy=f"another one stands in {_written(shipped)}; rename yours"
                    + _or_override(own.record),
                )
            )

    def require_overridden(self) -> None:
        """Refuse every ``overrides:`` that takes the place of nothing shipped."""
        for kind, entries in self.entries.items():
            for name, entry in entries.items():
                why = getattr(entry.record, "overrides", None)
                if why is None or (kind, name) in self.overridden:
                    continue
                self.problems.append(
                    entry.document.problem(
                        (*entry.location, "overrides"),
                        found=why,
                        allowed=f"`overrides:` on the id of a shipped {kind}",
                        remedy=f"nothing shipped is called '{name}'; take the line out, or mend "
                        "the id",
                    )
                )


def is_shipped(path: Path) -> bool:
    """Say whether a file belongs to the shipped library.

    Examples
    --------
    >>> is_shipped(shipped_folder() / "sources.yaml"), is_shipped(Path("mine.yaml"))
    (True, False)
    """
    return whole_path(path).is_relative_to(shipped_folder())


def _same_place(one: Entry, other: Entry) -> bool:
    return one.location == other.location and (
        whole_path(one.document.file) == whole_path(other.document.file)
    )


def _written(entry: Entry) -> str:
    line, _ = entry.document.position(entry.location)
    return f"{entry.document.file}:{line}"


def _content(kind: Kind, name: str, record: Record) -> object:
    """Return what a record says, without how it came to say it."""
    if kind == "not_encoded":
        return record.readings[name]
    return record.model_dump(exclude={"schema_", "overrides"})


def _or_override(record: Record) -> str:
    if "overrides" not in type(record).model_fields:
        return ""
    return ", or say in `overrides:` why yours takes its place"


def _named_parts(record: Record) -> Iterator[tuple[Kind, str, Record, Location]]:
    if isinstance(record, SourceFile):
        yield from _of_mapping("source", record, "sources")
    if isinstance(record, EvidenceFile):
        for part, kind in STATEMENTS.items():
            yield from _of_list(kind, record, part)
    if isinstance(record, VocabularyFile):
        yield from _of_mapping("treatment", record, "treatments")
        yield from _of_mapping("group", record, "groups")
    if isinstance(record, ContradictionFile):
        yield from _of_list("contradiction", record, "contradictions")
    if isinstance(record, NotEncodedFile):
        for key in record.readings:
            yield "not_encoded", key, record, ("readings", key)
    if isinstance(record, Preferences):
        yield "preferences", record.id, record, ()
    if isinstance(record, Profile):
        yield "profile", record.id, record, ()
    if isinstance(record, DecisionProblem):
        yield "problem", record.id, record, ()
        yield from _of_mapping("source", record, "sources")
        yield from _of_list("estimate", record, "estimates")
        yield from _of_list("preferences", record, "panels")
    if isinstance(record, Policy):
        yield "policy", record.id, record, ()
        yield from _of_mapping("source", record, "sources")
        yield from _of_list("estimate", record, "estimates")
    if isinstance(record, BriefPlan):
        yield "brief", record.id, record, ()
    if isinstance(record, BriefRequest):  # it has no name, for a name may be a patient's
        yield "request", f"request_{_digest_of(record)}", record, ()


def _digest_of(record: Record) -> str:
    return hashlib.sha256(record.model_dump_json().encode()).hexdigest()[:8]


def _of_mapping(kind: Kind, record: Record, part: str) -> Iterator:
    for key, item in getattr(record, part).items():
        yield kind, key, item, (part, key)


def _of_list(kind: Kind, record: Record, part: str) -> Iterator:
    for i, item in enumerate(getattr(record, part)):
        yield kind, item.id, item, (part, i)


def whole_path(path: Path) -> Path:
    """Return a path from the root without links; as far as it goes where a link leads to itself."""
    return Path(os.path.realpath(path))


def shipped_folder() -> Path:
    """Return the folder of the shipped parameter files.

    In an installed wheel it lies inside the package, in a checkout beside it.
    """
    package = Path(__file__).resolve().parent.parent
    inside = package / "params"
    return inside if inside.is_dir() else package.parent / "params"


def parameter_files(folder: Path) -> list[Path]:
    """Return every YAML file of a params folder, in a fixed order."""
    return sorted(path for pattern in ("*.yaml", "*.yml") for path in folder.rglob(pattern))


def load_library(paths: Iterable[Path] | None = None) -> Library:
    """Return the library of the given files and folders, or the shipped one.

    Parameters
    ----------
    paths : iterable of Path, optional
        Files and folders; None is the shipped folder.

    Returns
    -------
    Library
        With whatever is wrong in its ``problems``; nothing is raised.
    """
    library, seen = Library(), set()
    for path in [shipped_folder()] if paths is None else [Path(path) for path in paths]:
        files = parameter_files(path) if path.is_dir() else [path]
        if not files:
            library.problems.append(
                Problem(
                    field="",
                    found=Phrase("no YAML file in this folder"),
                    file=path,
                    allowed="a folder of parameter files",
                    remedy="check the path",
                )
            )
        for file in files:
            whole = whole_path(file)
            if whole not in seen:
                seen.add(whole)
                library.read(file)
    return library


def with_shipped(own: Library) -> Library:
    """Return the shipped library with a user's own records laid over it.

    Parameters
    ----------
    own : Library
        Of the user's files; may hold shipped ones too.

    Returns
    -------
    Library
        In its ``problems``: those of `own`, an id of a shipped record with other content and no
        ``overrides:``, and an ``overrides:`` that takes the place of nothing.
    """
    read = {whole_path(path) for path in own.files}
    if read.issuperset(whole_path(path) for path in parameter_files(shipped_folder())):
        library = replace(own, problems=list(own.problems))
    else:
        library = load_library()
        library.problems[:] = own.problems
        library.overridden.update(own.overridden)
        for kind, entries in own.entries.items():
            for name, entry in entries.items():
                library._add(kind, name, entry)
    library.require_overridden()
    return library


def load_overlay(paths: Iterable[Path] = ()) -> Library:
    """Return the shipped library with the files and folders of a user laid over it.

    Parameters
    ----------
    paths : iterable of Path
        Without any, the shipped library alone.

    Returns
    -------
    Library

    Raises
    ------
    ParameterError
        If something is wrong with the user's files, or with how they fit the shipped ones.

    Examples
    --------
    >>> load_overlay().overridden
    {}
    """
    paths = list(paths)
    if not paths:
        return load_library()
    library = with_shipped(load_library(paths))
    if library.problems:
        raise ParameterError(library.problems)
    return library


# --- one file: from marked values to a checked record -------------------------------------------


def validate(document: MarkedDocument) -> Record:
    """Return the record a document holds, by the schema it names.

    Raises
    ------
    ParameterError
        With every field that is missing, unknown, or of the wrong type or value.
    """
    value = document.value
    if not isinstance(value, dict):
        raise ParameterError(
            [
                document.problem(
                    (),
                    found=Phrase("no mapping" if value is not None else "an empty file"),
                    allowed="a mapping of keys to values",
                    remedy="start with `schema: riskmodel/problem/1` or another schema",
                )
            ]
        )
    name = value.get("schema")
    if not isinstance(name, str) or name not in FILE_SCHEMAS:
        raise ParameterError(
            [
                document.problem(
                    ("schema",),
                    found=NOTHING if name is None else name,
                    allowed=", ".join(FILE_SCHEMAS),
                    remedy=did_you_mean(name or "", FILE_SCHEMAS),
                )
            ]
        )
    model = FILE_SCHEMAS[name]
    if model is BriefRequest:
        refuse_what_names(document)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise ParameterError(problems_of(error, document, model)) from None


def problems_of(
    error: ValidationError,
    document: MarkedDocument,
    model: type,
    written_at: Callable[[Location], Location] = tuple,
) -> list[Problem]:
    """Return what pydantic refused, in our words and at its place in the file.

    Parameters
    ----------
    error : ValidationError
    document : MarkedDocument
    model : type
        The schema that refused.
    written_at : callable, optional
        Where in the file a location of the validated value stands, if not there itself.
    """
    problems: dict[tuple, Problem] = {}
    for detail in error.errors(include_url=False):
        keys = _keys_at(model, detail["loc"][:-1])
        location = written_at(tuple(detail["loc"]))
        if detail["type"] == "missing":
            problem = document.problem(
                location,
                found=NOTHING,
                allowed=f"`{location[-1]}` is required here",
                remedy=f"add `{location[-1]}:`",
            )
        elif detail["type"] == "extra_forbidden":
            problem = document.problem(
                location,
                of_key=True,
                found=Phrase("an unknown key"),
                allowed="the keys of the schema",
                remedy=_of_unknown_key(location[-1], detail["input"], keys),
            )
        else:
            while location and location not in document.values:
                location = location[:-1]  # the name of a union's member
            value = detail["input"]
            allowed, remedy = _wanted(detail, _keys_at(model, detail["loc"]))
            problem = document.problem(
                location, found=NOTHING if value is None else value, allowed=allowed, remedy=remedy
            )
        place = (problem.field, problem.line, problem.column)
        if place in problems:  # another member of a union
            problem = replace(problem, allowed=f"{problems[place].allowed} or {problem.allowed}")
        problems[place] = problem
    return list(problems.values())


def _of_unknown_key(key: str, value: object, keys: list[str]) -> str:
    """Return a remedy; words without a value are most often the rest of a sentence."""
    if value is None and " " in str(key):
        return "a comma inside { } or [ ] ends the text before it: put the whole text in quotes"
    return did_you_mean(key, keys)


_TYPES = {
    "bool_type": ("true or false", "write true or false, without quotes"),
    "dict_type": ("a mapping of keys to values", "write `key: value` lines below it"),
    "list_type": ("a list", "write it in brackets: [one, two]"),
}


def _wanted(detail: dict, keys: list[str]) -> tuple[str, str]:
    """Return what a field allows, and a remedy, from pydantic's own account of the fault."""
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    message = detail["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    if kind == OWN_RULE:
        return message, context["remedy"]
    if kind == "literal_error":
        return message, did_you_mean(
            value, message.replace("'", "").replace(" or ", ", ").split(", ")
        )
    if kind == "model_type":
        return f"a mapping of {', '.join(keys)}", "write `key: value` lines below it"
    if kind in _TYPES:
        return _TYPES[kind]
    if kind == "string_type":
        return "text", "put it in quotes" if value is not None else "add the text"
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        if pattern == IDENTIFIER:
            return "small letters, digits and underscores, a letter first", "correct the spelling"
        return f"text that matches {pattern}", "correct the spelling"
    if kind in ("float_type", "int_type"):
        message = "a whole number" if kind == "int_type" else "a number"
        if isinstance(value, str) and value.endswith("%"):
            return message, "write a percentage as a number between 0 and 1"
        if isinstance(value, str) and value.replace(".", "", 1).isdecimal():
            return message, "write it without quotes"
        return message, f"give {message}"
    if kind in ("less_than", "less_than_equal") and 1 in context.values():
        return message, "divide percentages by 100"
    return message, "correct the value"


def _keys_at(model: type, location: Location) -> list[str]:
    """Return the keys the schema allows at a location."""
    here: Any = model
    for part in location:
        here = _plain(here)
        if isinstance(here, type) and issubclass(here, BaseModel):
            fields = {(f.alias or name): f.annotation for name, f in here.model_fields.items()}
            here = fields.get(part, here)
        elif get_origin(here) in (list, dict):
            here = get_args(here)[-1]
    here = _plain(here)
    if isinstance(here, type) and issubclass(here, BaseModel):
        return [f.alias or name for name, f in here.model_fields.items()]
    return []


def _plain(annotation: Any) -> Any:
    """Strip Annotated and Optional from an annotation."""
    while hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    if type(None) in get_args(annotation):
        (annotation,) = (arg for arg in get_args(annotation)[:1])
        return _plain(annotation)
    return annotation


# --- a problem with everything it needs ---------------------------------------------------------


@dataclass(frozen=True)
class LoadedProblem:
    """A decision problem with the estimates, sources and panels it may use.

    Parameters
    ----------
    problem : DecisionProblem
    estimates : mapping of str to Estimate
    sources : mapping of str to Source
    panels : mapping of str to Panel
    statements : mapping of str to Statement
        What the problem shows beside its result: windows, regimens, rules, grades.
    contradictions : tuple of mapping
        Disagreements between sources that touch what the problem uses, as plain data.
    document : MarkedDocument or None
        The problem's own file, for messages.
    scenarios : tuple of str
        Those switched on, in order.
    digests : mapping of str to str
        SHA-256 of each file the problem was made from.
    """

    problem: DecisionProblem
    estimates: Mapping[str, Estimate]
    sources: Mapping[str, Source]
    panels: Mapping[str, Panel]
    statements: Mapping[str, Statement] = field(default_factory=dict)
    contradictions: tuple[Mapping, ...] = ()
    document: MarkedDocument | None = field(default=None, repr=False, compare=False)
    scenarios: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def id(self) -> str:
        return self.problem.id

    def _repr_html_(self) -> str:
        from riskmodel.parameters.rich_display import problem_card

        return problem_card(self)

    def with_scenarios(self, names: Iterable[str]) -> LoadedProblem:
        """Return the problem with named scenarios switched on, one after the other.

        Raises
        ------
        ParameterError
            If a scenario is unknown, or its values do not fit the schema.
        """
        names = tuple(names)
        if not names:
            return self
        known = self.problem.scenarios
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ParameterError(
                Problem(
                    field="scenario",
                    found=name,
                    allowed=", ".join(known) or "none declared",
                    remedy=did_you_mean(name, known),
                )
                for name in unknown
            )
        data = self.problem.model_dump(by_alias=True, exclude_unset=True)
        try:
            for name in names:
                for path, value in known[name].set.items():
                    set_at(data, path, deepcopy(value))
            problem = DecisionProblem.model_validate(data)
        except (KeyError, ValidationError):
            raise ParameterError(
                [
                    Problem(
                        field="scenario",
                        found=Phrase(", ".join(names)),
                        allowed="scenarios that fit together",
                        remedy="one sets a part that another takes away; switch on fewer",
                    )
                ]
            ) from None
        return replace(self, problem=problem, scenarios=(*self.scenarios, *names))

    def to_json(self) -> str:
        """Return everything but the file positions as JSON text."""
        return json.dumps(
            {
                "problem": self.problem.model_dump(by_alias=True, exclude_unset=True),
                "estimates": _dump(self.estimates),
                "sources": _dump(self.sources),
                "panels": _dump(self.panels),
                "statements": {
                    name: [
                        type(record).__name__,
                        record.model_dump(by_alias=True, exclude_unset=True),
                    ]
                    for name, record in self.statements.items()
                },
                "contradictions": list(self.contradictions),
                "scenarios": self.scenarios,
                "digests": dict(self.digests),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> LoadedProblem:
        """Return what :meth:`to_json` wrote."""
        data = json.loads(text)

        def load(model, records):
            return {name: model.model_validate(record) for name, record in records.items()}

        return cls(
            problem=DecisionProblem.model_validate(data["problem"]),
            estimates=load(Estimate, data["estimates"]),
            sources=load(Source, data["sources"]),
            panels=load(Panel, data["panels"]),
            statements={
                name: _MODELS[model].model_validate(record)
                for name, (model, record) in data["statements"].items()
            },
            contradictions=tuple(data["contradictions"]),
            scenarios=tuple(data["scenarios"]),
            digests=data["digests"],
        )


_MODELS: dict[str, type[Statement]] = {
    model.__name__: model
    for model in (Estimate, TimeRange, Window, Regimen, Rule, EvidenceLevel, Finding)
}


def _dump(records: Mapping[str, Record]) -> dict:
    return {
        name: record.model_dump(by_alias=True, exclude_unset=True, exclude={"schema_"})
        for name, record in records.items()
    }


def set_at(data: dict, path: str, value: Any) -> None:
    """Set the value at a dotted path of nested mappings, in place.

    Raises
    ------
    KeyError
        If a mapping on the way is not there.

    Examples
    --------
    >>> data = {"effects": {"drug": {"scale": "odds_ratio"}}}
    >>> set_at(data, "effects.drug.scale", "relative_risk")
    >>> data
    {'effects': {'drug': {'scale': 'relative_risk'}}}
    """
    *parents, last = path.split(".")
    for part in parents:
        data = data[part]
        if not isinstance(data, dict):
            raise KeyError(part)
    if last.isdigit() and last not in data:
        raise KeyError(last)
    data[last] = value


def written_at(problem: DecisionProblem, scenarios: Iterable[str], location: Location) -> Location:
    """Return where a part of a problem is written: in a scenario that sets it, or in itself.

    Examples
    --------
    >>> problem = find_problem("plex_aav")[1].record
    >>> written_at(problem, ["central_line"], ("outcomes", "death"))
    ('outcomes', 'death')
    """
    for name in scenarios:
        for path in problem.scenarios[name].set:
            parts = tuple(path.split("."))
            if all(a == b for a, b in zip(parts, location, strict=False)):
                return ("scenarios", name, "set", path, *location[len(parts) :])
    return location


LAYOUT = (
    "sources.yaml",
    "vocabulary.yaml",
    "contradictions.yaml",
    "not_encoded.yaml",
    "evidence",
    "problems",
    "policies",
    "briefs",
    "profiles",
    "preferences",
    "recommendations",
)


def find_problem(name: str | Path) -> tuple[Library, Entry]:
    """Return a decision problem by its shipped id or the path of its file, and what is beside it.

    Parameters
    ----------
    name : str or Path
        As for :func:`riskmodel.load_problem`.

    Returns
    -------
    library : Library
        The shipped one, with the user's own ids before the shipped ones.
    entry : Entry

    Raises
    ------
    ParameterError
        If there is no such problem, or its files do not pass the schema.
    """
    return find_by_name("problem", name, folder="problems", called="a problem file")


def find_by_name(kind: str, name: str | Path, *, folder: str, called: str) -> tuple[Library, Entry]:
    """Return one record by its shipped id or the path of its file, and what is beside it.

    Parameters
    ----------
    kind : str
        A kind of record with a file to itself, such as ``problem``.
    name : str or Path
    folder : str
        Where files of the kind lie in a folder of parameters.
    called : str
        What such a file is, for messages.

    Returns
    -------
    library : Library
    entry : Entry

    Raises
    ------
    ParameterError
        If there is no such record, or its files do not pass the schema.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        own = load_library([path, *_beside(path, folder)])
        entries = own.entries[kind].values()
        entry = next((e for e in entries if e.document.file == path), None)
        library = with_shipped(own)
        allowed, remedy = f"a file of schema riskmodel/{kind}/1", f"name {called}"
    else:
        library = load_library()
        known = library.entries[kind]
        entry = known.get(str(name))
        allowed = f"a shipped id ({', '.join(known)}) or a .yaml file"
        remedy = did_you_mean(name, known)
    if entry is None and not library.problems:
        library.problems.append(
            Problem(field=kind, found=str(name), allowed=allowed, remedy=remedy)
        )
    if library.problems:
        raise ParameterError(library.problems)
    return library, entry


def _beside(path: Path, folder: str) -> list[Path]:
    """Return the rest of the params folder that a record's own file stands in, if it is one."""
    if whole_path(path).parent.name != folder:
        return []
    above = path.parent.parent if path.parent.name else whole_path(path).parent.parent
    return [above / part for part in LAYOUT if (above / part).exists()]


def resolve(library: Library, entry: Entry) -> LoadedProblem:
    """Return a problem of the library with the parts it refers to."""
    problem: DecisionProblem = entry.record
    estimates, sources = library.records("estimate"), library.records("source")
    names = used_estimates(problem)
    used = {name: estimates[name] for name in names}
    statements = {name: library.statement(name) for name in problem.evidence}
    cited = [*used.values(), *statements.values()]
    keys = {record.source.key for record in cited if record.source.key}
    keys |= {
        rule.source.key
        for option in problem.options.values()
        for rule in option.not_for
        if rule.source and rule.source.key
    }
    panels = library.records("preferences")
    files = {library.statement_entry(name).document.file for name in [*names, *statements]}
    files |= {library.entries["source"][key].document.file for key in keys}
    files |= {entry.document.file}
    if problem.preferences:
        files |= {library.entries["preferences"][problem.preferences.default].document.file}
    return LoadedProblem(
        problem=problem,
        estimates=used,
        sources={key: sources[key] for key in sorted(keys)},
        statements=statements,
        panels={n: p for n, p in panels.items() if set(p.weights) <= set(problem.outcomes)},
        document=entry.document,
        digests={_input_name(path): file_digest(path) for path in sorted(files)},
    )


def used_estimates(problem: DecisionProblem) -> list[str]:
    """Return the ids of every estimate a problem names, each once, in order."""
    names = [name for prior in problem.priors.values() for name in prior.from_]
    if problem.published_strata:
        for row in problem.published_strata.rows:
            names += [row.risk_difference]
            names += [row.number_needed_to_treat] if row.number_needed_to_treat else []
    return list(dict.fromkeys(names))


def _input_name(path: Path) -> str:
    """Return a shipped file's place in the library, or another's path as it was given."""
    whole, shipped = whole_path(path), shipped_folder()
    return (whole.relative_to(shipped) if whole.is_relative_to(shipped) else path).as_posix()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
