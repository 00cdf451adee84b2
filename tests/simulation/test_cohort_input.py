"""Patients from files and tables: the same rows from every form, and every unusable one marked."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskmodel.errors import ParameterError
from riskmodel.evidence.problem_checks import needed_covariates
from riskmodel.parameters.profiles import resolve_patients
from riskmodel.simulation.cohort_input import (
    check_rows,
    open_source,
    read_batches,
    read_columns,
)


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "id": [f'p "{i}", {i}' for i in range(250)],  # quotes and commas, as CSV must bear
            "serum_creatinine": rng.uniform(100, 600, 250).round(3),
            "age": rng.integers(20, 90, 250),
            "coagulopathy": rng.random(250) < 0.2,
        }
    )


def rows(source, columns, size=10_000):
    tables = [t for p in source.partitions for t in read_batches(source, p, columns, size)]
    return pa.concat_tables(tables)


def checked(problem, data, **options):
    source = open_source(data)
    reading = read_columns(problem, source, needed_covariates(problem), **options)
    return check_rows(reading, rows(source, reading.wanted), 0)


def forms(frame, folder):
    """Write the same patients in every form that is read."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table, folder / "one.parquet", row_group_size=70)
    frame.to_csv(folder / "one.csv", index=False)
    with pa.OSFile(str(folder / "one.arrow"), "wb") as sink, pa.ipc.new_file(
        sink, table.schema
    ) as writer:  # fmt: skip
        writer.write_table(table, max_chunksize=70)
    (folder / "many").mkdir()
    for i in range(3):
        part = table.slice(i * 100, 100)
        pq.write_table(part, folder / "many" / f"{i}.parquet", row_group_size=64)
    return {
        "Parquet": folder / "one.parquet",
        "CSV": folder / "one.csv",
        "Arrow": folder / "one.arrow",
        "folder": folder / "many",
        "list": sorted((folder / "many").glob("*.parquet")),
        "glob": str(folder / "many" / "*.parquet"),
        "table": table,
        "pandas": frame,
        "mapping": frame.to_dict(orient="list"),
    }


@pytest.mark.parametrize("partition_rows", [100, 1000])
def test_every_form_holds_the_same_patients(plex_aav, frame, tmp_path, partition_rows):
    problem = plex_aav.problem
    wanted = checked(problem, frame)
    assert (wanted.status == "computed").sum() + (wanted.status == "no_option").sum() == 250
    for name, data in forms(frame, tmp_path).items():
        source = open_source(data, partition_rows)
        assert source.rows == 250
        firsts = [partition.first for partition in source.partitions]
        assert firsts == list(np.cumsum([0, *(p.rows for p in source.partitions)])[:-1])
        reading = read_columns(problem, source, needed_covariates(problem))
        found = check_rows(reading, rows(source, reading.wanted, 33), 0)
        assert found.identifiers.to_pylist() == list(frame["id"]), name
        np.testing.assert_array_equal(
            found.columns["serum_creatinine"], wanted.columns["serum_creatinine"], name
        )
        np.testing.assert_array_equal(found.applies, wanted.applies, name)
        np.testing.assert_array_equal(found.status, wanted.status, name)


def test_polars_is_read_as_any_arrow_stream(plex_aav, frame):
    polars = pytest.importorskip("polars")
    found = checked(plex_aav.problem, polars.DataFrame(frame.to_dict(orient="list")))
    wanted = checked(plex_aav.problem, frame)
    np.testing.assert_array_equal(found.columns["age"], wanted.columns["age"])


def test_folders_named_by_value_become_columns(plex_aav, frame, tmp_path):
    for centre in ("north", "south"):
        (tmp_path / f"centre={centre}").mkdir()
        frame.to_parquet(tmp_path / f"centre={centre}" / "part.parquet")
    source = open_source(tmp_path)
    reading = read_columns(plex_aav.problem, source, ["serum_creatinine"], by="centre")
    groups = check_rows(reading, rows(source, reading.wanted), 0).groups
    assert list(groups) == ["north"] * 250 + ["south"] * 250


def test_lines_that_end_inside_quotes_do_not_end_a_row(plex_aav, tmp_path):
    path = tmp_path / "quoted.csv"
    lines = [f'"row\n{i}",{200 + i},60' for i in range(50)]
    path.write_text("id,serum_creatinine,age\n" + "\n".join(lines))  # no newline at the end
    source = open_source(path, partition_rows=7)
    assert [partition.rows for partition in source.partitions] == [7] * 7 + [1]
    assert rows(source, ["id"])["id"].to_pylist() == [f"row\n{i}" for i in range(50)]


def test_units_are_converted_by_map_by_header_and_by_the_files_own_word(plex_aav, tmp_path):
    problem, wanted = plex_aav.problem, [4.75 * 88.42]
    plain = pd.DataFrame({"creat": [4.75], "age": [60]})
    maps = (["creat=serum_creatinine:mg/dL"], {"creat": "serum_creatinine:mg/dL"})
    for mapping in maps:
        found = checked(problem, plain, mapping=mapping)
        np.testing.assert_allclose(found.columns["serum_creatinine"], wanted)
    named = checked(problem, plain.rename(columns={"creat": "serum_creatinine [mg/dL]"}))
    np.testing.assert_allclose(named.columns["serum_creatinine"], wanted)
    said = pa.schema(
        [pa.field("serum_creatinine", pa.float64(), metadata={"units": "mg/dL"}),
         pa.field("age", pa.int64())]
    )  # fmt: skip
    table = pa.table({"serum_creatinine": [4.75], "age": [60]}, schema=said)
    found = checked(problem, table)
    np.testing.assert_allclose(found.columns["serum_creatinine"], wanted)
    with pytest.raises(ParameterError, match="unit mg/dL in the file, umol/L asked for"):
        checked(problem, table, mapping=["serum_creatinine=serum_creatinine:umol/L"])


@pytest.mark.parametrize(
    "mapping, message",
    [
        (["creat"], "column=covariate:unit"),
        (["nothing=serum_creatinine"], "a column of the data"),
        (["creat=creatinin"], "did you mean 'serum_creatinine'"),
        (["creat=serum_creatinine:mg/l"], "did you mean 'mg/dL'"),
        (["age=serum_creatinine", "creat=serum_creatinine"], "each covariate once"),
        ([], "serum_creatinine: found nothing"),
    ],
)
def test_a_map_that_does_not_fit_says_what_does(plex_aav, mapping, message):
    with pytest.raises(ParameterError, match=message):
        checked(plex_aav.problem, {"creat": [4.75], "age": [60]}, mapping=mapping)


UNUSABLE = {
    "serum_creatinine": ["", "5000", "tall", "300", "300", "300", "inf", "300", "300"],
    "age": ["60", "60", "60", "60", "200", "", "60", "60", "60"],
    "dialysis": ["no", "no", "no", "yes", "no", "", "no", "maybe", "no"],
    "coagulopathy": ["no", "no", "no", "no", "no", "no", "no", "no", "yes"],
}
STATUS = ["missing", "out_of_range", "unreadable", "not_applicable", "out_of_range", "computed",
          "unreadable", "unreadable", "no_option"]  # fmt: skip


def test_rows_that_cannot_be_used_say_why_and_simulate_refuses_the_same_ones(plex_aav, tmp_path):
    problem = plex_aav.problem
    path = tmp_path / "rows.csv"
    pd.DataFrame(UNUSABLE).to_csv(path, index=False)
    found = checked(problem, path)
    assert list(found.status) == STATUS
    assert found.reason[0] == "serum_creatinine: missing"
    assert found.reason[1] == "serum_creatinine: outside 30 to 2000 umol/L"
    assert "another estimand" in found.reason[3]
    assert list(found.identifiers.to_pylist()) == list(range(9))
    for i, status in enumerate(STATUS):
        typed = {name: values[i] for name, values in UNUSABLE.items() if values[i]}
        usable = status in ("computed", "no_option")
        try:
            (patient,) = resolve_patients(problem, [typed], needed=["serum_creatinine"])
        except ParameterError:
            assert not usable, typed
        else:
            assert usable, typed
            options = [name not in patient.not_for for name in problem.options]
            assert list(found.applies[i]) == options


def test_values_beyond_what_was_studied_are_marked_and_computed(plex_aav):
    found = checked(plex_aav.problem, {"serum_creatinine": [100.0, 300.0, 700.0], "age": [60] * 3})
    assert list(found.extrapolated) == [True, False, True]
    assert set(found.status) == {"computed"}


@pytest.mark.parametrize(
    "made, message",
    [
        (lambda p: p / "nothing.parquet", "no such file"),
        (lambda p: p, "a folder without Parquet files"),
        (lambda p: _written(p / "a.txt", "x"), "a file that ends in '.txt'"),
        (lambda p: _written(p / "a.parquet", "not one"), "what is not parquet"),
        (lambda p: _written(p / "a.csv", "age;height\n1;2\n"), "semicolons or tabs"),
        (lambda p: _written(p / "a.csv", "age\n"), "no row"),
        (lambda p: {"age": []}, "no row"),
        (lambda p: 5, "a path, paths, or a pandas"),
        (lambda p: str(p / "*.parquet"), "names that match a file"),
    ],
)
def test_what_is_no_cohort_is_said_to_be_none(tmp_path, made, message):
    with pytest.raises(ParameterError, match=message):
        open_source(made(tmp_path))


def _written(path, text):
    path.write_text(text)
    return path


def test_files_of_other_columns_are_refused_by_name(tmp_path):
    pd.DataFrame({"age": [1]}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"years": [1]}).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(ParameterError, match=r"b\.parquet.*other columns.*age, years"):
        open_source(tmp_path)


def test_an_unreadable_row_group_is_named(tmp_path, frame):
    path = tmp_path / "broken.parquet"
    frame[["serum_creatinine", "age"]].to_parquet(path, row_group_size=50, compression="gzip")
    meta = pq.ParquetFile(path).metadata.row_group(2).column(0)
    data = bytearray(path.read_bytes())
    start = meta.dictionary_page_offset or meta.data_page_offset
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(data)
    source = open_source(path, partition_rows=50)
    read = [rows_of(source, p) for p in (0, 1)]
    assert read == [50, 50]
    with pytest.raises(ParameterError, match=r"broken\.parquet.*row group 2, which cannot be read"):
        rows_of(source, 2)


def rows_of(source, index):
    tables = read_batches(source, source.partitions[index], ["serum_creatinine"], 1000)
    return sum(table.num_rows for table in tables)
