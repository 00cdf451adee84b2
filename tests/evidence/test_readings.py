"""Every figure that was read has a home in params/, and every figure in params/ was read.

`readings.yaml` lists what was read: ids, statuses and numbers, no sentences.
"""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from riskmodel.evidence.printed import printed_numbers
from riskmodel.evidence.priors import used_priors
from riskmodel.parameters.library import STATEMENTS, load_library
from riskmodel.parameters.marked_yaml import load_marked

READINGS = load_marked(Path(__file__).parent / "readings.yaml").value
ALL = READINGS["documents"] | READINGS["others"]
NOT_CITABLE = ("recalled_unverified", "source_not_found")
# The fields of a record that hold figures of the source; the rest is words, or the reader's own.
FIGURES = (
    "value", "interval", "counts", "span", "opens", "closes", "dose", "days", "every",
    "course_total", "maximum_per_day", "maximum_rate",
)  # fmt: skip


@pytest.fixture(scope="module")
def library():
    library = load_library()
    assert not library.problems
    return library


@pytest.fixture(scope="module")
def records(library):
    return [r for kind in STATEMENTS.values() for r in library.records(kind).values()]


@pytest.fixture(scope="module")
def homes(records):
    homes = defaultdict(list)
    for record in records:
        homes[_reading(record)].append(record)
    return dict(homes)


def _reading(record):
    return record.part_of or record.id


def _numbers(data, text=lambda words: set()):
    """Return every number in nested data, without its sign, and what `text` finds in its text."""
    if isinstance(data, dict):
        data = list(data.values())
    if isinstance(data, list):
        return {n for value in data for n in _numbers(value, text)}
    if isinstance(data, str):
        return text(data)
    if isinstance(data, bool) or data is None:
        return set()
    return {abs(float(data))}


def _in_text(text):
    return printed_numbers(text) | ({0.0} if re.search(r"\bno\b", text) else set())


def _stands_in(number, numbers):
    """Say whether a number is among others, as it is or as a proportion of 100 or 1000."""
    scales = (1, 100, 0.01, 1000)
    return any(abs(number * scale - n) < 1e-9 for n in numbers for scale in scales)


def test_the_list_holds_every_reading():
    assert len(READINGS["documents"]) == 110
    assert len(READINGS["others"]) == 122


def test_every_reading_has_a_home_or_a_written_reason(library, homes):
    reasons = library.entries["not_encoded"]
    assert [name for name in ALL if name not in homes and name not in reasons] == []


def test_a_reading_has_a_home_or_a_reason_not_both(library, homes):
    reasons = library.entries["not_encoded"]
    assert [name for name in reasons if name in homes or name not in ALL] == []


def test_every_record_that_was_seen_is_a_reading_or_part_of_one(records):
    seen = [r for r in records if r.status.startswith("seen")]
    assert [r.id for r in seen if _reading(r) not in ALL] == []


def test_a_part_of_a_reading_names_a_reading(records):
    assert [r.id for r in records if r.part_of and r.part_of not in ALL] == []


def test_what_is_only_remembered_or_was_not_found_is_marked_unverified(homes):
    names = [name for name, reading in ALL.items() if reading["status"] in NOT_CITABLE]
    assert names
    for name in names:
        assert {r.status for r in homes.get(name, ())} == {"unverified"}, name


def test_a_record_was_seen_as_its_reading_was(homes):
    differ = [
        (record.id, record.status, reading["status"])
        for name, reading in ALL.items()
        if reading["status"] not in NOT_CITABLE
        for record in homes.get(name, ())
        if record.status != reading["status"]
    ]
    assert differ == []


def test_no_default_rests_on_what_is_unverified(library):
    estimates = library.records("estimate")
    resting = [
        (problem.id, name)
        for problem in library.records("problem").values()
        for prior in used_priors(problem)
        for name in problem.priors[prior].from_
        if estimates[name].status == "unverified"
    ]
    assert resting == []


def _numbers_read(name):
    """Return the numbers of a reading; for a document, those of its other readings too.

    One sentence of a document often makes several readings, and the regimen it opens with
    returns in all of them.
    """
    names = [name]
    if name in READINGS["documents"]:
        document, _, _ = name.partition("_")
        names = [n for n in READINGS["documents"] if n.startswith(f"{document}_")]
    return [number for n in names for number in (*ALL[n]["figures"], *ALL[n]["beside"])]


def test_a_figure_in_a_record_is_a_figure_of_its_reading(homes):
    foreign = []
    for name in ALL:
        read = _numbers_read(name)
        for record in homes.get(name, ()):
            data = record.model_dump(exclude_unset=True)
            if isinstance(data.get("interval"), dict):
                data["interval"] = {k: data["interval"].get(k) for k in ("lower", "upper")}
            foreign += [
                (record.id, key, number)
                for key in FIGURES
                for number in _numbers(data.get(key))
                if not _stands_in(number, read)
            ]
    assert foreign == []


def test_no_figure_of_a_reading_is_left_out(homes):
    lost = []
    for name, reading in ALL.items():
        if name in homes:
            kept = _numbers(
                [r.model_dump(exclude={"id", "part_of"}) for r in homes[name]], _in_text
            )
            lost += [(name, n) for n in reading["figures"] if not _stands_in(n, kept)]
    assert lost == []


def test_printed_figures_are_short(records):
    assert [r.id for r in records if r.printed and len(r.printed) > 160] == []
