"""Patients of a cohort: where they are read from, in which pieces, and which can be used."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from riskmodel.errors import NOTHING, ParameterError, Phrase, Problem, did_you_mean
from riskmodel.parameters.profiles import _FALSE, _TRUE, _Place, resolve_patients
from riskmodel.parameters.schema import DecisionProblem
from riskmodel.simulation.case_mix import band_of

PARTITION_ROWS = 131_072
MAX_PARTITION_ROWS = 2**20  # what sums by draw in whole numbers have room for
COMPUTED, MISSING, UNREADABLE, OUT_OF_RANGE, NOT_APPLICABLE, BEYOND_ONE, NO_OPTION = (
    "computed", "missing", "unreadable", "out_of_range", "not_applicable", "beyond_one",
    "no_option",
)  # fmt: skip
USABLE = (COMPUTED, NO_OPTION)
_SUFFIXES = {
    ".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".arrow": "arrow",
    ".feather": "arrow", ".ipc": "arrow",
}  # fmt: skip


def refuse(found: object, allowed: str, remedy: str, **place) -> None:
    """Raise a :class:`ParameterError` of one problem; `place` names field, file and so on."""
    place.setdefault("field", "data")
    raise ParameterError([Problem(found=found, allowed=allowed, remedy=remedy, **place)])


# --- pieces ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Partition:
    """Rows that are read, computed, written and, after a stop, repeated together.

    Parameters
    ----------
    index : int
    file : Path or None
        None is a table in memory.
    kind : {"parquet", "csv", "arrow", "memory"}
    first : int
        Number of its first row in the whole input.
    rows : int
    first_in_file : int
        The same in its file.
    pieces : tuple of int
        Row groups, or record batches; for CSV the offset and length of its bytes.
    keys : tuple of (str, str)
        Columns that the folders' names ``key=value`` state.
    """

    index: int
    file: Path | None
    kind: str
    first: int
    rows: int
    first_in_file: int
    pieces: tuple[int, ...]
    keys: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Source:
    """A cohort's rows in partitions.

    Parameters
    ----------
    partitions : tuple of Partition
    columns : tuple of str
    units : mapping of str to str
        Column -> unit, where a file says it (``unit`` or ``units`` in a field's metadata).
    stamp : tuple
        What tells whether the files are still the same: names, sizes, times, row counts.
    table : pyarrow.Table or None
    """

    partitions: tuple[Partition, ...]
    columns: tuple[str, ...]
    units: Mapping[str, str]
    stamp: tuple
    table: Any = field(default=None, repr=False)

    @property
    def rows(self) -> int:
        return sum(partition.rows for partition in self.partitions)


def open_source(data: Any, partition_rows: int = PARTITION_ROWS) -> Source:
    """Return a cohort's rows, from files or from memory.

    Parameters
    ----------
    data : path, sequence of paths, or table
        Parquet, CSV or Arrow files, or folders of Parquet (``key=value`` in their names become
        columns); a pandas or polars DataFrame, a pyarrow Table, or anything with
        ``__arrow_c_stream__``; or a mapping of columns.
    partition_rows : int
        At least this many rows are taken together, in whole row groups.

    Raises
    ------
    ParameterError
        If there is nothing there, or it cannot be read.
    """
    if not 1 <= partition_rows <= MAX_PARTITION_ROWS:
        refuse(partition_rows, f"1 to {MAX_PARTITION_ROWS}", "131072 is enough for most uses",
               field="partition_rows")  # fmt: skip
    if isinstance(data, str | Path):
        data = [data]
    if isinstance(data, list | tuple) and all(isinstance(part, str | Path) for part in data):
        return _open_files(_files(data), partition_rows)
    return _open_table(_as_table(data), partition_rows)


def _files(paths: Sequence[str | Path]) -> list[tuple[Path, str, tuple]]:
    """Return every file with its kind and the keys of its folders."""
    found = []
    for given in paths:
        path = Path(given)
        if not path.exists() and any(letter in str(given) for letter in "*?["):
            matched = sorted(glob.glob(str(given), recursive=True))
            if not matched:
                refuse(str(given), "names that match a file", "check the path", field="data")
            found += _files(matched)
        elif path.is_dir():
            below = sorted(p for p in path.rglob("*") if p.suffix in (".parquet", ".pq"))
            below = [p for p in below if not p.name.startswith((".", "_"))]
            if not below:
                refuse(Phrase("a folder without Parquet files"), "Parquet files",
                       "give CSV and Arrow files one by one", file=path)  # fmt: skip
            for file in below:
                parts = file.relative_to(path).parts[:-1]
                keys = tuple(tuple(part.split("=", 1)) for part in parts if "=" in part)
                found.append((file, "parquet", keys))
        elif not path.exists():
            refuse(Phrase("no such file"), "a Parquet, CSV or Arrow file", "check the path",
                   file=path)  # fmt: skip
        elif path.suffix.lower() not in _SUFFIXES:
            refuse(Phrase(f"a file that ends in '{path.suffix}'"), ", ".join(_SUFFIXES),
                   "convert it to Parquet", file=path)  # fmt: skip
        else:
            found.append((path, _SUFFIXES[path.suffix.lower()], ()))
    return found


def _open_files(files: list[tuple[Path, str, tuple]], partition_rows: int) -> Source:
    partitions: list[Partition] = []
    stamp, columns, units, first = [], None, {}, 0
    for path, kind, keys in files:
        names, said, pieces = _layout(path, kind, partition_rows)
        names = [*names, *(key for key, _ in keys)]
        if columns is not None and sorted(names) != sorted(columns):
            differ = sorted(set(names) ^ set(columns)) or names
            refuse(
                Phrase(f"other columns than the first file ({', '.join(differ[:5])})"),
                "the same columns in every file",
                "give files of one layout",
                file=path,
            )
        columns = columns or names
        units |= said
        in_file = 0
        for taken, rows in pieces:
            partitions.append(
                Partition(len(partitions), path.absolute(), kind, first, rows, in_file, taken, keys)
            )
            first, in_file = first + rows, in_file + rows
        stat = path.stat()
        stamp.append((str(path.absolute()), stat.st_size, stat.st_mtime_ns, in_file))
    if not first:
        refuse(Phrase("no row"), "at least one patient", "check the files", field="data")
    return Source(tuple(partitions), tuple(columns or ()), units, tuple(stamp))


def _layout(path: Path, kind: str, partition_rows: int):
    """Return a file's columns, the units it states, and its pieces with their rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if kind == "csv":
            return _csv_layout(path, partition_rows)
        if kind == "arrow":
            with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped) as file:
                sizes = [file.get_batch(i).num_rows for i in range(file.num_record_batches)]
                return file.schema.names, _units(file.schema), _grouped(sizes, partition_rows)
        with pq.ParquetFile(path) as file:
            meta = file.metadata
            sizes = [meta.row_group(i).num_rows for i in range(meta.num_row_groups)]
            return (
                file.schema_arrow.names,
                _units(file.schema_arrow),
                _grouped(sizes, partition_rows),
            )
    except (OSError, pa.ArrowInvalid, pa.ArrowException) as error:
        refuse(Phrase(f"what is not {kind} ({_short(error)})"), f"a whole {kind} file",
               "write the file again", file=path)  # fmt: skip


def _units(schema) -> dict[str, str]:
    units = {}
    for one in schema:
        for key in (b"unit", b"units"):
            if one.metadata and key in one.metadata:
                units[one.name] = one.metadata[key].decode()
    return units


def _grouped(sizes: Sequence[int], wanted: int) -> list[tuple[tuple[int, ...], int]]:
    """Return whole row groups put together until they hold as many rows as wanted."""
    pieces: list[tuple[tuple[int, ...], int]] = []
    taken: list[int] = []
    rows = 0
    for i, size in enumerate(sizes):
        if taken and rows + size > wanted:
            pieces.append((tuple(taken), rows))
            taken, rows = [], 0
        taken.append(i)
        rows += size
    if rows:
        pieces.append((tuple(taken), rows))
    return pieces


def _csv_layout(path: Path, partition_rows: int):
    """Return a CSV file's columns, and offset and length of the bytes of each partition."""
    import csv

    with path.open("rb") as file:
        head = file.readline()
        try:
            names = next(csv.reader([head.decode("utf-8-sig")]))
        except (UnicodeDecodeError, StopIteration):
            refuse(
                Phrase("no header of UTF-8 text"),
                "a line of column names",
                "save the file as UTF-8 text with a header",
                file=path,
                line=1,
                column=1,
            )
        if len(names) == 1 and (b";" in head or b"\t" in head):
            refuse(Phrase("semicolons or tabs between the columns"), "commas",
                   "separate columns with commas", file=path, line=1, column=1)  # fmt: skip
        pieces, start, rows, inside = [], len(head), 0, False
        offset = start
        last = b"\n"
        while block := file.read(2**24):
            marks = np.frombuffer(block, dtype=np.uint8)
            quotes = np.cumsum(marks == 34)
            ends = np.flatnonzero(marks == 10)
            outside = (quotes[ends] + inside) % 2 == 0  # a line may end inside quotes
            for end in ends[outside]:
                rows += 1
                if rows == partition_rows:
                    stop = offset + int(end) + 1
                    pieces.append(((start, stop - start), rows))
                    start, rows = stop, 0
            inside = bool((quotes[-1] + inside) % 2)
            offset += len(block)
            last = block[-1:]
        rows += last != b"\n"
        if rows:
            pieces.append(((start, offset - start), rows))
    return names, {}, pieces


def _as_table(data: Any):
    import pyarrow as pa

    if isinstance(data, pa.Table):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    if type(data).__module__.split(".")[0] == "pandas":
        return pa.Table.from_pandas(data, preserve_index=False)
    if isinstance(data, Mapping):
        return pa.table({name: np.asarray(values) for name, values in data.items()})
    if hasattr(data, "__arrow_c_stream__"):
        return pa.table(data)
    refuse(type(data).__name__, "a path, paths, or a pandas, polars or pyarrow table",
           "write it to Parquet, or make a table of it")  # fmt: skip


def _open_table(table, partition_rows: int) -> Source:
    if not table.num_rows:
        refuse(Phrase("no row"), "at least one patient", "check the table")
    partitions = []
    for first in range(0, table.num_rows, partition_rows):
        rows = min(partition_rows, table.num_rows - first)
        partitions.append(Partition(len(partitions), None, "memory", first, rows, first, ()))
    columns = tuple(table.schema.names)
    return Source(tuple(partitions), columns, _units(table.schema), (table.num_rows,), table)


def read_batches(source: Source | None, partition: Partition, columns: Sequence[str], size: int):
    """Yield a partition's rows as pyarrow tables of at most `size` rows.

    Parameters
    ----------
    source : Source or None
        Needed for tables in memory only.
    partition : Partition
    columns : sequence of str
    size : int

    Raises
    ------
    ParameterError
        If a piece cannot be read; it names the file and the piece.
    """
    import pyarrow as pa

    keys = dict(partition.keys)
    stored = [name for name in columns if name not in keys]
    for number, table in _pieces(source, partition, stored):
        try:
            for first in range(0, table.num_rows, size):
                part = table.slice(first, size)
                for name in columns:
                    if name in keys:
                        part = part.append_column(name, pa.array([keys[name]] * part.num_rows))
                yield part.select(list(columns))
        except pa.ArrowException as error:
            _unreadable(partition, number, error)


def _pieces(source: Source | None, partition: Partition, columns: list[str]) -> Iterator:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = partition.pieces[0] if partition.pieces else 0
    try:
        if partition.kind == "memory":
            yield 0, source.table.slice(partition.first, partition.rows).select(columns)
        elif partition.kind == "csv":
            yield 0, _read_csv(partition, columns)
        elif partition.kind == "arrow":
            with pa.memory_map(str(partition.file)) as mapped, pa.ipc.open_file(mapped) as file:
                for number in partition.pieces:
                    batch = file.get_batch(number)
                    yield number, pa.Table.from_batches([batch]).select(columns)
        else:
            with pq.ParquetFile(partition.file) as file:
                for number in partition.pieces:
                    for batch in file.iter_batches(
                        65_536, row_groups=[number], columns=columns, use_threads=False
                    ):
                        yield number, pa.Table.from_batches([batch])
    except (OSError, pa.ArrowException) as error:
        _unreadable(partition, number, error)


def _read_csv(partition: Partition, columns: list[str]):
    import io

    import pyarrow as pa
    from pyarrow import csv

    offset, length = partition.pieces
    with partition.file.open("rb") as file:
        head = file.readline().removeprefix(b"\xef\xbb\xbf")
        file.seek(offset)
        text = head + file.read(length)
    return csv.read_csv(
        io.BytesIO(text),
        read_options=csv.ReadOptions(use_threads=False),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            include_columns=columns,
            column_types={name: pa.string() for name in columns},
            strings_can_be_null=True,
            null_values=[""],
        ),
    )


def _unreadable(partition: Partition, number: int, error: Exception) -> None:
    what = {"csv": "bytes from", "arrow": "record batch", "parquet": "row group"}[partition.kind]
    number = partition.pieces[0] if partition.kind == "csv" else number
    refuse(
        Phrase(f"{what} {number}, which cannot be read ({_short(error)})"),
        "rows that can be read",
        "write the file again; finished partitions stay, and the same command goes on from them",
        field=f"partition {partition.index}",
        file=partition.file,
    )


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:100]


# --- columns --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """Which column holds which covariate, in which unit.

    Parameters
    ----------
    problem : DecisionProblem
    needed : tuple of str
        Covariates that a baseline model cannot do without.
    columns : mapping of str to (str, float, str)
        Covariate -> column, what one of its units is in the problem's, and its unit.
    identifier : str or None
        The column of ids; None numbers the rows.
    by : str or None
        The column of subgroups, or a covariate, by its bands if it has any.
    rule : Rule or None
    """

    problem: DecisionProblem
    needed: tuple[str, ...]
    columns: Mapping[str, tuple[str, float, str]]
    identifier: str | None
    by: str | None
    rule: Rule | None

    @property
    def wanted(self) -> list[str]:
        """Return every column that is read, each once."""
        names = [column for column, _, _ in self.columns.values()]
        names += [name for name in (self.identifier, self.by_column) if name]
        return list(dict.fromkeys(names))

    @property
    def by_column(self) -> str | None:
        if self.by in self.columns:
            return self.columns[self.by][0]
        return self.by


@dataclass(frozen=True)
class Rule:
    """Treat above an edge of one covariate; each edge is a policy.

    Parameters
    ----------
    covariate : str
    edges : tuple of float
        Increasing, in the problem's unit.
    """

    covariate: str
    edges: tuple[float, ...]

    def classes(self, values: np.ndarray) -> np.ndarray:
        """Return how many edges each value lies above; 0 for what is not known."""
        return np.where(np.isnan(values), 0, np.searchsorted(self.edges, values, side="left"))


def read_rule(problem: DecisionProblem, text: str | None) -> Rule | None:
    """Return the rule that was asked for, ``covariate>value``, or the bands of the case mix.

    Raises
    ------
    ParameterError
    """
    if text is not None:
        match = re.fullmatch(r"\s*(\w+)\s*>\s*([-+.\deE]+)\s*", text)
        names = [n for n, c in problem.covariates.items() if c.type == "number"]
        if match is None or match[1] not in names:
            refuse(text, f"covariate>value, with one of {', '.join(names)}",
                   "write for example age>65, in the problem's unit", field="rule")  # fmt: skip
        return Rule(match[1], (float(match[2]),))
    first = [problem.case_mix.covariate] if problem.case_mix else []
    for name in [*first, *problem.covariates]:
        edges = [band.above for band in problem.covariates[name].bands if band.above is not None]
        if edges:
            return Rule(name, tuple(sorted(edges)))
    return None


def read_columns(
    problem: DecisionProblem,
    source: Source,
    needed: Sequence[str],
    *,
    mapping: Mapping[str, str] | Sequence[str] = (),
    identifier: str | None = None,
    by: str | None = None,
    rule: str | None = None,
) -> Reading:
    """Return which column is which covariate; every fault is reported at once.

    Parameters
    ----------
    problem : DecisionProblem
    source : Source
    needed : sequence of str
    mapping : mapping of str to str, or sequence of str
        ``column -> covariate`` or ``column -> covariate:unit``; as text,
        ``column=covariate:unit``. Any other column counts by its name, with its unit in brackets
        (``weight [kg]``) or in the file's own metadata.
    identifier, by, rule : str, optional

    Raises
    ------
    ParameterError
    """
    problems: list[Problem] = []
    columns: dict[str, tuple[str, float, str]] = {}
    for column, covariate, unit in _mapped(mapping, problems):
        if column not in source.columns:
            problems.append(_unknown("map", column, source.columns, "a column of the data"))
        elif covariate not in problem.covariates:
            problems.append(_unknown("map", covariate, problem.covariates, "a covariate"))
        elif covariate in columns:
            problems.append(_unknown("map", covariate, (), "each covariate once"))
        else:
            _add_column(problem, source, columns, column, covariate, unit, problems)
    for column in source.columns:
        name, _, unit = (part.strip() for part in column.partition("["))
        if name in problem.covariates and name not in columns:
            unit = unit.removesuffix("]").strip() or None
            _add_column(problem, source, columns, column, name, unit, problems)
    for name in needed:
        if name not in columns and problem.covariates[name].default is None:
            problems.append(
                Problem(
                    field=name,
                    found=NOTHING,
                    allowed=f"a column with values in {problem.covariates[name].unit or 'words'}",
                    remedy="name the column after the covariate, or say which it is: "
                    f"--map COLUMN={name}",
                )
            )
    if identifier is None and "id" in source.columns:
        identifier = "id"
    for field_, name in (("id", identifier), ("by", by)):
        if name is not None and name not in source.columns and name not in columns:
            problems.append(_unknown(field_, name, source.columns, "a column of the data"))
    if problems:
        raise ParameterError(problems)
    return Reading(problem, tuple(needed), columns, identifier, by, read_rule(problem, rule))


def _mapped(mapping, problems: list[Problem]) -> Iterator[tuple[str, str, str | None]]:
    pairs = mapping.items() if isinstance(mapping, Mapping) else []
    if not isinstance(mapping, Mapping):
        for text in [mapping] if isinstance(mapping, str) else mapping:
            column, sign, rest = text.partition("=")
            if not (sign and column.strip() and rest.strip()):
                problems.append(
                    Problem(
                        field="map",
                        found=text,
                        allowed="column=covariate:unit",
                        remedy="the unit may be left out if it is the problem's own",
                    )  # fmt: skip
                )
                continue
            pairs = [*pairs, (column.strip(), rest.strip())]
    for column, rest in pairs:
        covariate, _, unit = rest.partition(":")
        yield column, covariate.strip(), unit.strip() or None


def _unknown(field_: str, found: str, known, allowed: str) -> Problem:
    remedy = did_you_mean(found, known) if known else "leave the others out"
    return Problem(field=field_, found=found, allowed=allowed, remedy=remedy)


def _add_column(problem, source, columns, column, name, unit, problems) -> None:
    covariate = problem.covariates[name]
    said = source.units.get(column)
    if unit and said and unit != said:
        problems.append(
            Problem(
                field=column,
                found=Phrase(f"unit {said} in the file, {unit} asked for"),
                allowed="one unit",
                remedy="check which of them is right",
            )  # fmt: skip
        )
    unit = unit or said or covariate.unit
    factor = 1.0
    if covariate.type == "number" and unit != covariate.unit:
        if unit not in covariate.accepts:
            units = [str(covariate.unit), *covariate.accepts]
            problems.append(
                Problem(
                    field=column,
                    found=unit,
                    allowed=" or ".join(units),
                    remedy=did_you_mean(unit, units),
                )  # fmt: skip
            )
            return
        factor = covariate.accepts[unit]
    columns[name] = (column, factor, unit or "")


# --- rows -----------------------------------------------------------------------------------------


@dataclass
class Patients:
    """Checked rows.

    Parameters
    ----------
    identifiers : pyarrow.Array
    columns : mapping of str to ndarray
        Covariates in the problem's unit as numbers; nan where not known, or no number.
    status : ndarray of object
        One word a row; see docs/cohorts.md.
    reason : ndarray of object
        Why a row cannot be used; "" where it can.
    extrapolated : ndarray of bool
        Whether a covariate lies outside the range the evidence covers.
    applies : ndarray of bool, shape (row, option)
    groups : ndarray of object
        Subgroup, "" without any.
    classes : ndarray of int
        Rule class: edges of the rule that the patient lies above.
    """

    identifiers: Any
    columns: dict[str, np.ndarray]
    status: np.ndarray
    reason: np.ndarray
    extrapolated: np.ndarray
    applies: np.ndarray
    groups: np.ndarray
    classes: np.ndarray

    @property
    def usable(self) -> np.ndarray:
        """Return the places of rows that are computed."""
        return np.flatnonzero(np.isin(self.status, USABLE))


def check_rows(reading: Reading, table, first: int) -> Patients:
    """Return rows checked as :func:`riskmodel.simulate` checks profiles, but none refused.

    Parameters
    ----------
    reading : Reading
    table : pyarrow.Table
    first : int
        Number of the first row in the whole input; ids of rows without any.
    """
    import pyarrow as pa

    problem, size = reading.problem, table.num_rows
    status = np.full(size, COMPUTED, dtype=object)
    reason = np.full(size, "", dtype=object)

    def mark(rows: np.ndarray, word: str, because: str) -> None:
        rows = rows & (status == COMPUTED)
        status[rows], reason[rows] = word, because

    columns: dict[str, np.ndarray] = {}
    words: dict[str, np.ndarray] = {}
    extrapolated = np.zeros(size, dtype=bool)
    for name, covariate in problem.covariates.items():
        values, stated = np.full(size, np.nan), np.zeros(size, dtype=bool)
        if name in reading.columns:
            column, factor, _ = reading.columns[name]
            values, stated, unreadable = _read(covariate, table.column(column), words, name)
            mark(unreadable, UNREADABLE, f"{name}: cannot be read")
            values = values * factor
        if covariate.type == "number":
            _check_range(name, covariate, values, stated, mark)
            if covariate.studied:
                low, high = covariate.studied
                extrapolated |= stated & ((values < low) | (values > high))
        if covariate.default is None and name in reading.needed:
            mark(~stated, MISSING, f"{name}: missing")
        elif covariate.default is not None:
            if covariate.type == "category":
                words.setdefault(name, np.full(size, None, dtype=object))[~stated] = (
                    covariate.default
                )
            else:
                values = np.where(stated, values, float(covariate.default))
        if covariate.refuse:
            mark(
                values == float(covariate.refuse.is_), NOT_APPLICABLE,
                f"{name}: {' '.join(covariate.refuse.because.split())}",
            )  # fmt: skip
        columns[name] = values
    applies = _applies(problem, columns, words, size)
    nothing = ~applies[:, [j for j, o in enumerate(problem.options) if o != problem.comparator]]
    mark(nothing.all(axis=1), NO_OPTION, "no option but the comparator applies")
    if reading.identifier is None:
        identifiers = pa.chunked_array([pa.array(np.arange(first, first + size))])
    else:
        identifiers = table.column(reading.identifier)
    rule = reading.rule
    classes = np.zeros(size, np.int64) if rule is None else rule.classes(columns[rule.covariate])
    groups = _groups(reading, table, columns, words)
    columns = columns or {"": np.zeros(size)}
    return Patients(identifiers, columns, status, reason, extrapolated, applies, groups, classes)


def _check_range(name: str, covariate, values: np.ndarray, stated: np.ndarray, mark) -> None:
    mark(stated & ~np.isfinite(values), UNREADABLE, f"{name}: not a finite number")
    if covariate.range:
        low, high = covariate.range
        with np.errstate(invalid="ignore"):
            outside = stated & ~((values >= low) & (values <= high))
        unit = f" {covariate.unit}" if covariate.unit else ""
        mark(outside, OUT_OF_RANGE, f"{name}: outside {low:g} to {high:g}{unit}")


def _read(covariate, column, words: dict, name: str):
    """Return a column's values as numbers, where it states one, and where it cannot be read."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    text = text or str(column.type) == "string_view"
    if text:
        column = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
        column = pc.if_else(pc.equal(column, ""), None, column)
    if covariate.type == "category":
        found = column.to_numpy(zero_copy_only=False).astype(object)
        stated = np.array([value is not None and value == value for value in found], dtype=bool)
        known = np.isin(found, list(covariate.categories))
        words[name] = np.where(known, found, None)
        return np.full(len(found), np.nan), stated, stated & ~known
    if covariate.type == "boolean":
        return _read_boolean(column, text)
    if text:
        import pandas as pd

        stated = ~np.asarray(column.is_null().to_numpy(zero_copy_only=False), dtype=bool)
        values = pd.to_numeric(pd.Series(column.to_pylist(), dtype=object), errors="coerce")
        values = values.to_numpy(dtype=float)
        return values, stated, stated & np.isnan(values)
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
            or pa.types.is_decimal(column.type) or pa.types.is_null(column.type)):  # fmt: skip
        stated = ~np.asarray(column.is_null().to_numpy(zero_copy_only=False), dtype=bool)
        return np.full(len(stated), np.nan), stated, stated
    values = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    stated = ~np.isnan(values)  # in a table of numbers nan is how missing is said
    return np.array(values, dtype=float), stated, np.zeros(len(values), dtype=bool)


def _read_boolean(column, text: bool):
    import pyarrow as pa
    import pyarrow.compute as pc

    stated = ~np.asarray(column.is_null().to_numpy(zero_copy_only=False), dtype=bool)
    if text:
        word = pc.utf8_lower(column).to_numpy(zero_copy_only=False)
        yes, no = np.isin(word.astype(object), _TRUE), np.isin(word.astype(object), _FALSE)
    else:
        values = pc.cast(column, pa.float64(), safe=False)
        values = values.to_numpy(zero_copy_only=False) if len(values) else np.zeros(0)
        stated &= ~np.isnan(values)
        yes, no = values == 1, values == 0
    values = np.where(yes, 1.0, np.where(no, 0.0, np.nan))
    return values, stated, stated & ~(yes | no)


def _applies(problem, columns, words, size: int) -> np.ndarray:
    """Return which options apply to each row."""
    applies = np.ones((size, len(problem.options)), dtype=bool)
    for j, option in enumerate(problem.options.values()):
        for rule in option.not_for:
            if isinstance(rule.is_, bool):
                applies[:, j] &= ~(columns[rule.covariate] == float(rule.is_))
            elif rule.covariate in words:
                applies[:, j] &= words[rule.covariate] != rule.is_
    return applies


def _groups(reading: Reading, table, columns: dict, words: dict) -> np.ndarray:
    if reading.by is None:
        return np.full(table.num_rows, "", dtype=object)
    covariate = reading.problem.covariates.get(reading.by)
    if covariate is not None and covariate.bands and reading.by in columns:
        values = columns[reading.by]
        found = np.array([band_of(covariate, value) for value in np.unique(values)], dtype=object)
        return found[np.unique(values, return_inverse=True)[1]]
    column = table.column(reading.by_column).to_pylist()
    return np.array(["" if value is None else str(value) for value in column], dtype=object)


def require_usable(reading: Reading, table, partition: Partition, first_in_file: int) -> None:
    """Stop at the first row of a batch that cannot be used, with its row and column.

    Raises
    ------
    ParameterError
        As :func:`riskmodel.simulate` words it.
    """
    patients = check_rows(reading, table, 0)
    bad = np.flatnonzero(~np.isin(patients.status, USABLE))
    if not bad.size:
        return
    row = int(bad[0])
    typed, places = {"id": f"row_{first_in_file + row + 1}"}, {}
    for name, (column, _, unit) in reading.columns.items():
        value = table.column(column)[row].as_py()
        if value is None or value != value or (isinstance(value, str) and not value.strip()):
            continue
        number = reading.problem.covariates[name].type == "number"
        typed[name] = f"{value} {unit}".strip() if number else value
        places[name] = table.schema.names.index(column) + 1
    line = first_in_file + row + (2 if partition.kind == "csv" else 1)
    place = _Place(partition.file, line if partition.file else None, places)
    resolve_patients(reading.problem, [typed], [place], needed=reading.needed)
    refuse(Phrase(patients.reason[row]), "a row that can be used", "correct the row, or leave out "
           "--strict", field=f"row {first_in_file + row + 1}", file=partition.file)  # fmt: skip
