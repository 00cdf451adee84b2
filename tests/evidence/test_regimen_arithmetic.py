"""Doses with units: totals, weights, intervals, and slips of the unit."""

import pytest

from riskmodel.errors import ParameterError
from riskmodel.evidence.regimen_arithmetic import course_total, regimen, regimen_total
from riskmodel.parameters.library import load_library


@pytest.fixture(scope="module")
def library():
    return load_library()


def faults(**words):
    with pytest.raises(ParameterError) as caught:
        regimen(**words)
    return {problem.field: str(problem) for problem in caught.value.problems}


def test_dose_times_days_is_the_course_per_kilogram_and_absolute(library):
    plan = regimen(
        "immunoglobulin", dose="0.4 g/kg", days=5, every="4 weeks", course_total="2 g/kg",
        weight="70 kg", library=library,
    )  # fmt: skip
    assert plan.course.limits == (2.0, 2.0) and plan.course.unit == "g/kg"
    assert plan.absolute.limits == pytest.approx((140.0, 140.0))
    assert plan.interval_days == 28 and plan.courses_within("12 weeks") == 3
    assert plan.courses_within("85 days") == 4
    table = plan.table().set_index("quantity")
    assert table.loc["course total, absolute", "upper"] == pytest.approx(140)


def test_units_are_converted_and_never_dropped(library):
    # 500 mg/m2 x 1.8 m2 = 0.9 g; 1 mg/kg x 154 lb (69.853 kg) x 2 a day x 10 days = 1.397 g
    assert course_total("500 mg/m2", 1).unit == "mg/m2"
    plan = regimen(dose="500 mg/m2", days=1, surface="1.8 m2", library=library)
    assert plan.absolute.upper == pytest.approx(0.9)
    total = course_total("1 mg/kg", 10, times_per_day=2, weight="154 lb")
    assert total.unit == "g" and total.upper == pytest.approx(0.02 * 154 * 0.45359237)
    # without a weight there are no grams
    assert regimen(dose="1 mg/kg", days=10, library=library).absolute is None
    assert regimen(dose="1 mg/kg", days=10, surface="1.8 m2", library=library).absolute is None
    assert course_total("1-2 g", (3, 5)).limits == (3, 10)
    assert regimen(dose="0.4gm/kg per day", days=5, library=library).course.limits == (2, 2)


@pytest.mark.parametrize("every", ["0 weeks", "every 0 weeks", "-4 weeks", "0.0 days"])
def test_every_0_weeks_is_refused_with_both_ways_out(every, library):
    found = faults(
        treatment="immunoglobulin", dose="0.4 g/kg", days=5, every=every, library=library
    )
    assert set(found) == {"every"}
    assert (
        "write none if one course is meant, unknown if the request does not say" in found["every"]
    )


def test_single_and_unknown_intervals_are_not_the_same(library):
    single = regimen(dose="1 g", days=5, every="none", library=library)
    unknown = regimen(dose="1 g", days=5, every="unknown", library=library)
    assert single.courses_within("10 years") == 1
    with pytest.raises(ParameterError, match="state the interval"):
        unknown.courses_within("10 years")
    assert "write for example 4 weeks" in faults(dose="1 g", every="monthly")["every"]


@pytest.mark.parametrize(
    "dose, likely",
    [("0.4 mg/kg", "was 0.4 g/kg meant?"), ("40 g/kg", "was 0.4 g/kg meant?")],
)
def test_slips_of_the_dose_are_caught_by_range(dose, likely, library):
    found = faults(treatment="immunoglobulin", dose=dose, days=5, library=library)
    assert likely in found["dose"] and "0.1 to 2 g/kg" in found["dose"]


def test_pounds_for_kilograms_are_caught_or_asked_about(library):
    assert "was 330 lb meant?" in faults(dose="1 g", weight="330 kg", library=library)["weight"]
    found = faults(dose="1 g", weight="154", library=library)
    assert "a number with kg or lb" in found["weight"]
    doubtful = regimen(dose="1 g", days=1, weight="154 kg", library=library)
    assert doubtful.notes == ("weight 154 kg: if pounds were meant, it is 70 kg",)
    assert regimen(dose="1 g", days=1, weight="154 lb", library=library).notes == ()
    assert "per kilogram" in faults(dose="1 g/lb", library=library)["dose"]


def test_a_total_that_is_not_dose_times_days_shows_the_arithmetic(library):
    found = faults(dose="0.4 g/kg", days=5, course_total="1 g/kg", library=library)
    assert "0.4 g/kg x 5 days = 2 g/kg" in found["course_total"]
    assert (
        "150" in faults(dose="200 mg", times_per_day=2, maximum_per_day="150 mg")["maximum_per_day"]
    )


def test_everything_wrong_is_said_at_once(library):
    found = faults(
        treatment="immunoglobin", dose="some", every="0 weeks", weight="2 tons", library=library
    )
    assert set(found) == {"treatment", "dose", "every", "weight"}
    assert "did you mean 'immunoglobulin'?" in found["treatment"]


def test_the_library_s_totals_are_as_printed_or_by_multiplication(library):
    def total(name):
        return str(regimen_total(library.statement(name)))

    assert total("s001_ivig_dose_5d") == "2 g/kg"
    assert total("s001_ivig_dose_alt") == "1 to 2 g/kg"
    assert total("s004_ivig_total_dose") == "2 g/kg"
    assert total("s004_methylpred_dose") == "3 to 10 g"
    assert total("proderm_regimen") == "2 g/kg"  # printed alone
    assert regimen_total(library.statement("s001_azathioprine_dose")) is None
