"""YAML 1.2: what is read, what is refused, and where each value stands."""

from pathlib import Path

import pytest

from riskmodel.errors import ParameterError
from riskmodel.parameters import marked_yaml
from riskmodel.parameters.library import shipped_folder
from riskmodel.parameters.marked_yaml import MAX_BYTES, MAX_DEPTH, load_marked


def load(folder, text):
    path = folder / "file.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_marked(path)


def fault(folder, text):
    with pytest.raises(ParameterError) as caught:
        load(folder, text)
    (problem,) = caught.value.problems
    return problem


def test_every_key_and_value_has_its_line_and_column(tmp_path):
    document = load(tmp_path, "a: 1\nb:\n  - c: two\n  - {d: 3.5, e: [x]}\n")
    assert document.value == {"a": 1, "b": [{"c": "two"}, {"d": 3.5, "e": ["x"]}]}
    assert document.position(("b",), of_key=True) == (2, 1)
    assert document.position(("b", 0, "c")) == (3, 8)
    assert document.position(("b", 1, "e", 0)) == (4, 18)
    assert document.position(("b", 0, "missing")) == (3, 5)  # the nearest parent


@pytest.mark.parametrize(
    "text, value",
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("0x1F", "0x1F"),
        ("1.2.3", "1.2.3"),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("1e-3", 0.001),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-7", -7),
        ("'010'", "010"),
        ('"2024-01-31"', "2024-01-31"),
        ("12345678901234567890", 1.2345678901234567e19),
    ],
)
def test_scalars_are_read_as_yaml_1_2_has_them(tmp_path, text, value):
    read = load(tmp_path, f"a: {text}\n").value["a"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "text, remedy",
    [
        ("0,62", "decimal comma?"),
        ("1_000", "without underscores"),
        ("010", "without a leading zero"),
        ("2024-01-31", "quote a date"),
        (".nan", "finite number"),
        ("-.inf", "finite number"),
        ("1e999", "smaller number"),
        ("9" * 5000, "smaller number"),
    ],
)
def test_scalars_that_readers_take_in_different_ways_are_refused(tmp_path, text, remedy):
    problem = fault(tmp_path, f"a:\n  b: {text}\n")
    assert (problem.line, problem.column, problem.field) == (2, 6, "a.b")
    assert remedy in problem.remedy


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path):
    document = load(tmp_path, b"\xef\xbb\xbfa: 1\r\nb: two\r\n")
    assert document.value == {"a": 1, "b": "two"}
    assert document.position(("a",), of_key=True) == (1, 1)
    assert document.position(("b",)) == (2, 4)


def test_text_that_is_not_utf8_is_refused(tmp_path):
    assert "not UTF-8 at offset 3" in str(fault(tmp_path, "a: é".encode("latin-1")))
    assert "save it as UTF-8" in fault(tmp_path, "a: 1".encode("utf-16")).remedy


def test_a_file_over_512_kib_is_refused_unread(tmp_path):
    room = MAX_BYTES - len("a: ")
    assert len(load(tmp_path, "a: " + "x" * room).value["a"]) == room
    assert "at most 524288 bytes" in str(fault(tmp_path, "a: " + "x" * (room + 1)))


def test_nesting_beyond_fifty_is_refused_however_deep(tmp_path):
    fits = MAX_DEPTH - 1
    assert load(tmp_path, "a: " + "[" * fits + "]" * fits)
    for depth in (MAX_DEPTH + 1, 500, 50_000):
        problem = fault(tmp_path, "a: " + "[" * depth + "]" * depth)
        assert "nesting" in str(problem.found)
        assert problem.line == 1


def test_a_control_character_is_refused_on_its_line(tmp_path):
    assert fault(tmp_path, b"a: 1\nb: \x00\n").line == 2


def test_several_faults_of_one_file_are_reported_at_once(tmp_path):
    with pytest.raises(ParameterError) as caught:
        load(tmp_path, "a: 0,5\nb: &x 1\nb: 2\nc: !!str 3\n")
    assert [(p.line, p.field) for p in caught.value.problems] == [
        (1, "a"), (2, "b"), (3, "b"), (4, "c"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["a: &x 1\nb: *x\n", "a: &x {b: 1}\nc: {<<: *x}\n", "<<: {a: 1}\n"]
)
def test_anchors_aliases_and_merges_are_refused(tmp_path, text):
    with pytest.raises(ParameterError):
        load(tmp_path, text)


def test_a_bomb_of_aliases_is_refused_at_once(tmp_path):
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    with pytest.raises(ParameterError):
        load(tmp_path, "\n".join(lines))


def test_a_key_that_is_no_word_is_refused(tmp_path):
    for text in ("? [a, b]\n: 1\n", "{a: 1}: 2\n"):
        with pytest.raises(ParameterError):
            load(tmp_path, text)


def test_a_folder_in_place_of_a_file_is_no_such_file(tmp_path):
    with pytest.raises(ParameterError, match="no such file"):
        load_marked(tmp_path)


SHIPPED_AND_BAD = sorted(
    [*shipped_folder().rglob("*.yaml"), *(Path(__file__).parent.parent / "bad_params").glob("*")]
)


@pytest.mark.parametrize("path", SHIPPED_AND_BAD, ids=lambda path: path.name)
def test_the_c_parser_reads_what_the_yaml_12_parser_reads(path, monkeypatch):
    def read():
        try:
            document = load_marked(path)
        except ParameterError as error:
            return [str(problem) for problem in error.problems]
        values = {k: v for k, v in document.values.items() if _at(document.value, k) is not None}
        return document.value, document.keys, values  # where nothing stands, they place it apart

    fast = read()
    monkeypatch.setattr(marked_yaml, "_compose_quickly", lambda text: None)
    assert fast == read()


def _at(value, location):
    for part in location:
        value = value[part]
    return value


@pytest.mark.parametrize("opening", ["[", "- ", "? ", "{a: "])
def test_nesting_far_too_deep_is_refused_and_crashes_nothing(tmp_path, opening):
    path = tmp_path / "deep.yaml"
    path.write_text(opening * 100_000)
    with pytest.raises(ParameterError, match="nesting too deep"):
        load_marked(path)
