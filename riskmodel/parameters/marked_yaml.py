"""YAML 1.2 in, values with file, line and column out; knows no medicine."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from riskmodel.errors import ParameterError, Phrase, Problem

MAX_BYTES = 512 * 1024
MAX_DEPTH = 50

Location = tuple  # keys and indices from the top, as pydantic gives them
Position = tuple[int, int]

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\Z")  # a longer one is read as a float
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_TRAPS = (
    (re.compile(r"[-+]?[0-9]+(_[0-9]+)+\Z"), "write the number without underscores"),
    (re.compile(r"[-+]?0[0-9]+\Z"), "write the number without a leading zero, or quote it"),
    (re.compile(r"[-+]?[0-9]+,[0-9]+\Z"), "decimal comma? write a decimal point"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}\Z"), "quote a date"),
    (re.compile(r"[-+]?\.(inf|Inf|INF|nan|NaN|NAN)\Z"), "give a finite number"),
)
_SYNTAX_REMEDIES = {
    "character '\\t' that cannot start any token": "indent with spaces, not tabs",
    "another document": "keep one document in a file",
}


@dataclass(frozen=True)
class MarkedDocument:
    """The value of one YAML file and where each part of it stands.

    Parameters
    ----------
    file : Path
    value : object
        Mappings, lists, strings, numbers, booleans and None.
    keys, values : dict
        From a location (a tuple of keys and indices) to (line, column), both from 1: of the
        key or list dash, and of the value.
    """

    file: Path
    value: object
    keys: dict[Location, Position] = field(repr=False)
    values: dict[Location, Position] = field(repr=False)

    def position(self, location: Location, *, of_key: bool = False) -> Position:
        """Return line and column of a location, or of the nearest parent in the file."""
        table = self.keys if of_key else self.values
        while location and location not in table:
            location, table = location[:-1], self.values
        return table.get(location, (1, 1))

    def problem(self, location: Location, *, of_key: bool = False, **parts) -> Problem:
        """Return a Problem placed at a location of this file."""
        line, column = self.position(location, of_key=of_key)
        parts.setdefault("field", dotted(location))
        return Problem(file=self.file, line=line, column=column, **parts)


def dotted(location: Location) -> str:
    """Return a location as a reader writes it.

    Examples
    --------
    >>> dotted(("estimates", 0, "horizon", "value"))
    'estimates[0].horizon.value'
    """
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def load_marked(path: Path) -> MarkedDocument:
    """Return the value of a YAML 1.2 file with the position of every key and value.

    Parameters
    ----------
    path : Path

    Returns
    -------
    MarkedDocument

    Raises
    ------
    ParameterError
        If the file cannot be read, is larger than 512 KiB, is not UTF-8 or not YAML 1.2, or
        holds what a parameter file must not: duplicate keys, aliases, tags, directives,
        several documents, nesting beyond 50, or scalars that readers take in different ways.
    """
    path = Path(path)
    text = _read(path)
    walker = _Walker(path)
    root = _compose(path, text)
    value = walker.walk(root, (), 0) if root is not None else None
    if root is not None and root.start_mark is not None:
        walker.values.setdefault((), _place(root))
    if walker.problems:
        raise ParameterError(walker.problems)
    return MarkedDocument(path, value, walker.keys, walker.values)


def _read(path: Path) -> str:
    def fail(found, allowed, remedy):
        raise ParameterError(
            [Problem(field="", found=Phrase(found), allowed=allowed, remedy=remedy, file=path)]
        )

    try:
        if not path.is_file():
            fail("no such file", "a YAML file that can be read", "check the path")
        size = path.stat().st_size
        if size > MAX_BYTES:
            fail(f"{size} bytes", f"at most {MAX_BYTES} bytes", "split the file")
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fail(f"a byte that is not UTF-8 at offset {error.start}", "UTF-8 text", "save it as UTF-8")
    except OSError as error:
        fail(error.strerror or str(error), "a YAML file that can be read", "check its permissions")
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("%"):
            raise ParameterError(
                [
                    Problem(
                        field="",
                        found=line[:40],
                        allowed="YAML 1.2 without directives",
                        remedy="delete the line",
                        file=path,
                        line=number,
                        column=1,
                    )
                ]
            )
    return text


def _compose(path: Path, text: str) -> Node | None:
    try:
        node = _compose_quickly(text)
        if node is not None:
            return node
        return YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        words = error.problem or error.context or "text that is not YAML"
        found = Phrase(words.removeprefix("but ").removeprefix("found "))
    except RecursionError:
        line, column, found = 1, 1, Phrase("nesting too deep to read")
    except YAMLError as error:
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        column, found = 1, Phrase(str(error).splitlines()[0])
    raise ParameterError(
        [
            Problem(
                field="",
                found=found,
                allowed="one YAML 1.2 document",
                remedy=_SYNTAX_REMEDIES.get(found, "mend the syntax here or just above"),
                file=path,
                line=line,
                column=column,
            )
        ]
    )


def _compose_quickly(text: str) -> Node | None:
    """Return the nodes of a file without anchors, aliases or tags by way of the C parser.

    None for whatever else: ruamel reads that, and words what is wrong with it. The shipped library
    loads about ten times faster so. Events, not PyYAML's own nodes, because composing those
    recurses in C and deep nesting would crash the interpreter.
    """
    loader = getattr(yaml, "CSafeLoader", None)
    if loader is None:  # a PyYAML that was built without libyaml
        return None
    root, open_nodes, documents = None, [], 0
    try:
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.CollectionEndEvent):
                open_nodes.pop()
                continue
            documents += isinstance(event, yaml.DocumentStartEvent)
            if documents > 1 or isinstance(event, yaml.AliasEvent):
                return None
            if not isinstance(event, yaml.NodeEvent):
                continue
            if len(open_nodes) > 4 * MAX_DEPTH:  # ruamel would need a minute to say so
                raise RecursionError
            if event.anchor is not None or event.tag is not None:
                return None
            node = _node(event)
            if root is None:
                root = node
            else:
                _put(node, open_nodes[-1])
            if not isinstance(node, ScalarNode):
                open_nodes.append(node)
    except yaml.YAMLError:
        return None
    return root


def _node(event: yaml.NodeEvent) -> Node:
    places = event.start_mark, event.end_mark
    if isinstance(event, yaml.ScalarEvent):
        return ScalarNode(None, event.value, *places, style=event.style or None)
    kind = MappingNode if isinstance(event, yaml.MappingStartEvent) else SequenceNode
    return kind(None, [], *places)


def _put(node: Node, into: Node) -> None:
    """Put a node into the collection that is open: an item, a key, or the value of the last key."""
    if isinstance(into, SequenceNode):
        into.value.append(node)
    elif into.value and into.value[-1][1] is None:
        into.value[-1] = (into.value[-1][0], node)
    else:
        into.value.append((node, None))


def _place(node: Node) -> Position:
    return node.start_mark.line + 1, node.start_mark.column + 1


class _Walker:
    """Turns composed nodes into plain values, noting positions and everything refused."""

    def __init__(self, file: Path):
        self.file = file
        self.keys: dict[Location, Position] = {}
        self.values: dict[Location, Position] = {}
        self.problems: list[Problem] = []
        self._seen: set[int] = set()

    def refuse(self, node: Node, location: Location, found: object, allowed: str, remedy: str):
        line, column = _place(node)
        self.problems.append(
            Problem(
                field=dotted(location),
                found=found,
                allowed=allowed,
                remedy=remedy,
                file=self.file,
                line=line,
                column=column,
            )
        )

    def walk(self, node: Node, location: Location, depth: int):
        self.values[location] = _place(node)
        if id(node) in self._seen or node.anchor is not None:
            self.refuse(
                node,
                location,
                Phrase("an anchor or alias"),
                "plain values only",
                "write the value out where it is used",
            )
            return None
        self._seen.add(id(node))
        if _explicit_tag(node):
            self.refuse(node, location, str(node.tag), "values without tags", "delete the tag")
            return None
        if depth > MAX_DEPTH:
            self.refuse(
                node,
                location[:1],
                Phrase(f"nesting deeper than {MAX_DEPTH}"),
                f"at most {MAX_DEPTH} levels",
                "flatten the file",
            )
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, location, depth)
        if isinstance(node, SequenceNode):
            return [self.walk(item, (*location, i), depth + 1) for i, item in enumerate(node.value)]
        return self._scalar(node, location)

    def _mapping(self, node: MappingNode, location: Location, depth: int) -> dict:
        mapping = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, ScalarNode) else None
            if not isinstance(key, str) or key == "<<":
                self.refuse(
                    key_node,
                    location,
                    Phrase("a key that is not a word"),
                    "keys that are plain words",
                    "write the keys out",
                )
                continue
            place = (*location, key)
            if key in mapping:
                self.refuse(
                    key_node,
                    place,
                    Phrase("the same key a second time"),
                    "each key once",
                    "delete one of the two",
                )
                continue
            self.keys[place] = _place(key_node)
            mapping[key] = self.walk(value_node, place, depth + 1)
        return mapping

    def _scalar(self, node: ScalarNode, location: Location):
        text = node.value
        if node.style is not None:  # quoted or block: a string, whatever it looks like
            return text
        if text in ("", "~", "null", "Null", "NULL"):
            return None
        if text in ("true", "false"):
            return text == "true"
        if _INTEGER.match(text):
            return int(text)
        for pattern, remedy in _TRAPS:
            if pattern.match(text):
                self.refuse(node, location, text, "a YAML 1.2 number, or quoted text", remedy)
                return None
        if _FLOAT.match(text):
            number = float(text)
            if math.isfinite(number):
                return number
            self.refuse(node, location, text, "a finite number", "give a smaller number")
            return None
        return text


def _explicit_tag(node: Node) -> bool:
    """Say whether the file itself wrote a tag before this value."""
    begin = node.start_mark
    if begin.buffer is None:  # of the C parser, which is not asked about files with tags
        return False
    return begin.buffer[begin.pointer : begin.pointer + 1] == "!"
