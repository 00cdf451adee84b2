"""What a printed figure says: its numbers, its label, its level."""

import pytest

from riskmodel.evidence.printed import (
    counted_thing,
    names_ratio,
    printed_numbers,
    says_person_time,
    stands_in,
)


@pytest.mark.parametrize(
    "number, text, unit",
    [
        (0.62, "RR 0.62 (0.39 to 0.98)", None),
        (0.98, "RR 0.62 (0.39\u20130.98)", None),
        (0.62, "RR 0,62", None),
        (0.62, "RR 0\u00b762", None),
        (-4.88, "mean difference \u22124.88 points", "points"),
        (-0.08, "0.08 percentage points", "percent"),
        (76, "73% vs 76%", "percent"),
        (0.275, "27.5%", None),
        (0.76, "76 percent", None),
        (0.0061, "6.1 per 1000 persons", None),
        (0.0061, "6.1 per 1,000 persons", None),
        (25, "0.25 of them", "percent"),
        (1200, "1,200 people", None),
        (15, "15/96", None),
        (2, "two weeks", None),
    ],
)
def test_a_number_is_found_as_it_may_be_written(number, text, unit):
    assert stands_in(number, text, unit)


@pytest.mark.parametrize(
    "number, text, unit",
    [
        (21.7, "NNT = 12.7", None),
        (21.7, "NNT = 217", None),
        (12, "0.12%", "percent"),
        (0.12, "12%", "percent"),
        (6.5, "6-5", None),
        (0.5, "about as many", None),
        (38, "0.38", None),
    ],
)
def test_another_number_is_not_taken_for_it(number, text, unit):
    assert not stands_in(number, text, unit)


def test_numbers_with_several_separators_are_read_where_they_can_be():
    assert printed_numbers("1,234.5 and 1.2.3") == {1234.5}


def test_a_ratio_is_known_by_the_name_before_it():
    assert names_ratio("aOR 24.0 (3 to 90)", 24)
    assert names_ratio("hazard ratio: 26.6", 26.6)
    assert not names_ratio("RR reduced by 38%", 38)
    assert not names_ratio(None, 38)


@pytest.mark.parametrize(
    "text, found",
    [
        ("1.8 per 100 person-years", True),
        ("3.5/1000 py", True),
        ("2% per year", True),
        ("0.8 per 1000 patient-days", True),
        ("2% at one year", False),
        ("18 per 100", False),
        ("1-y risk up to 2.5%", False),
        (None, False),
    ],
)
def test_time_at_risk_is_known_by_its_words(text, found):
    assert says_person_time(text) is found


def test_what_was_counted_is_known_by_its_word():
    assert counted_thing("6 of 52 infusions") == "infusions"
    assert counted_thing("1.9 per 100 courses") == "courses"
    assert counted_thing("6 of 52 patients after infusions") is None
