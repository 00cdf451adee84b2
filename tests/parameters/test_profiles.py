"""Patients: what is typed, in which unit, and what is refused with which words."""

import pytest

from riskmodel.errors import ParameterError
from riskmodel.evidence.loading import load_problem
from riskmodel.evidence.problem_checks import needed_covariates
from riskmodel.parameters.profiles import (
    read_patients,
    read_profile_text,
    read_profiles_csv,
    resolve_patients,
)
from riskmodel.parameters.schema import Covariate


@pytest.fixture(scope="module")
def problem():
    return load_problem("plex_aav").problem


@pytest.fixture
def read(problem):
    """Return the patients of typed profiles and of the text of a CSV file."""

    def read(*texts, path=None):
        return read_patients(problem, texts, path, needed=needed_covariates(problem))

    return read


@pytest.fixture
def faults(read):
    def faults(*texts, path=None):
        with pytest.raises(ParameterError) as caught:
            read(*texts, path=path)
        return caught.value.problems

    return faults


# --- typed --------------------------------------------------------------------------------------


def test_values_are_read_with_the_problems_own_units(read):
    (patient,) = read("serum_creatinine=420, age = 62")
    assert patient.id == "patient"
    assert (patient.values["serum_creatinine"], patient.values["age"]) == (420, 62)
    assert patient.values["dialysis"] is False
    assert "dialysis at baseline not stated, taken as no" in patient.notes
    assert patient.not_for == {}


@pytest.mark.parametrize("typed", ["4.75 mg/dL", "4.75mg/dL", "419.995 umol/L", "419.995"])
def test_another_accepted_unit_is_converted(read, typed):
    (patient,) = read(f"serum_creatinine={typed}")
    assert patient.values["serum_creatinine"] == pytest.approx(419.995)
    assert ("4.75 mg/dL is 420 umol/L" in " ".join(patient.notes)) == ("mg" in typed)


def test_a_number_without_its_unit_is_answered_with_the_likely_one(faults):
    (problem,) = faults("serum_creatinine=5")
    assert problem.field == "serum_creatinine"
    assert problem.remedy == "did you mean 5 mg/dL = 442 umol/L? write '5 mg/dL'"


def test_a_number_in_the_wrong_unit_is_answered_with_the_right_one(faults):
    (problem,) = faults("serum_creatinine=420 mg/dL")
    assert "30 to 2000" in problem.allowed
    assert problem.remedy == "did you mean 420 umol/L? write '420 umol/L'"


def test_a_value_beyond_every_unit_is_a_range_error(faults):
    (problem,) = faults("serum_creatinine=420,age=620")
    assert (problem.field, problem.found) == ("age", "620")
    assert problem.remedy == "check the value and its unit"


@pytest.mark.parametrize(
    "typed, remedy",
    [
        ("420 mg/dl", "did you mean 'mg/dL'?"),
        ("420 µmol/L", "did you mean 'umol/L'?"),
        ("420 g", "use one of: mg/dL, umol/L"),
        ("high", "give a number"),
        ("nan", "give a number"),
        ("1e999", "give a number"),
        ("-420", "check the value and its unit"),
    ],
)
def test_what_is_no_number_in_a_known_unit_is_refused(faults, typed, remedy):
    (problem,) = faults(f"serum_creatinine={typed}")
    assert (problem.field, problem.found, problem.remedy) == ("serum_creatinine", typed, remedy)


def test_a_decimal_comma_is_named(faults, problem):
    (typed,) = faults("serum_creatinine=420,5")
    assert "not a comma" in typed.remedy
    with pytest.raises(ParameterError, match="decimal comma?"):
        resolve_patients(problem, [{"serum_creatinine": "420,5"}])


@pytest.mark.parametrize("text", ["age", "age=", "=62", "age=62,", "age=62,age=63", "420"])
def test_text_that_is_not_name_and_value_is_refused(text):
    with pytest.raises(ParameterError, match="name=value"):
        read_profile_text(text)


@pytest.mark.parametrize("yes, no", [("yes", "no"), ("true", "false"), ("TRUE", "No"), ("1", "0")])
def test_booleans_are_read_as_people_write_them(read, yes, no):
    (patient,) = read(f"serum_creatinine=420,lung_haemorrhage={yes},active_infection={no}")
    assert patient.values["lung_haemorrhage"] is True
    assert patient.values["active_infection"] is False


def test_a_boolean_that_is_neither_is_refused(faults):
    (problem,) = faults("serum_creatinine=420,dialysis=maybe")
    assert (problem.field, problem.allowed) == ("dialysis", "yes or no")


def test_dialysis_is_refused_with_its_reason(faults):
    (problem,) = faults("serum_creatinine=420,dialysis=yes")
    assert str(problem).startswith("dialysis: found yes; allowed: no only; ")
    assert "another estimand" in problem.remedy


def test_reasons_against_an_option_are_kept_for_the_patient(read):
    (patient,) = read("serum_creatinine=420,active_infection=yes,coagulopathy=no")
    assert set(patient.not_for) == {"plex"}
    assert patient.not_for["plex"].startswith("Active infection: a source names")


def test_a_needed_covariate_must_be_given_and_another_need_not(faults, read):
    (problem,) = faults("age=62")
    assert problem.field == "serum_creatinine"
    assert str(problem.found) == "nothing"
    assert "the baseline risk depends on it" in problem.remedy
    assert read("serum_creatinine=420")[0].values["age"] is None


def test_an_unknown_covariate_is_answered_with_the_nearest(faults):
    (problem,) = faults("serum_creatinine=420,agee=62")
    assert problem.field == "agee"
    assert problem.remedy == "did you mean 'age'?"


def test_a_value_beyond_the_studied_range_is_noted(read):
    (patient,) = read("serum_creatinine=900")
    assert "outside the range the evidence covers, 200 to 500 umol/L" in " ".join(patient.notes)


def test_a_shipped_profile_is_found_by_its_id(read, faults):
    (patient,) = read("creatinine_420")
    assert (patient.id, patient.values["serum_creatinine"]) == ("creatinine_420", 420)
    (problem,) = faults("creatinine_42")
    assert problem.remedy == "did you mean 'creatinine_420'?"


def test_ids_are_given_once(problem):
    rows = [{"id": "a", "serum_creatinine": 300}, {"id": "a", "serum_creatinine": 400}]
    with pytest.raises(ParameterError, match="id: found 'a'; allowed: each id once"):
        resolve_patients(problem, rows)


def test_no_patient_at_all_is_refused(problem, read):
    with pytest.raises(ParameterError, match="at least one patient"):
        resolve_patients(problem, [])
    assert read() is None


def test_a_numeric_default_is_said_as_a_number(problem):
    count = Covariate(label="Earlier courses", unit="course", default=1.0)
    changed = problem.model_copy(update={"covariates": {"courses": count}, "options": {}})
    (patient,) = resolve_patients(changed, [{}])
    assert patient.notes == ("earlier courses not stated, taken as 1",)


# --- in a CSV file ------------------------------------------------------------------------------


@pytest.fixture
def csv(tmp_path):
    def csv(text):
        path = tmp_path / "patients.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return csv


def test_a_csv_file_holds_a_patient_a_line(read, csv):
    path = csv("id,serum_creatinine [mg/dL],age,dialysis\na,4.75,62,no\n\nb,3,,\n")
    first, second = read(path=path)
    assert (first.id, second.id) == ("a", "b")
    assert first.values["serum_creatinine"] == pytest.approx(419.995)
    assert second.values["age"] is None


def test_typed_patients_come_before_those_of_the_file(read, csv):
    first, second = read("id=me,serum_creatinine=200", path=csv("serum_creatinine\n300\n"))
    assert (first.id, second.id) == ("me", "patient_2")


def test_a_byte_order_mark_quotes_and_windows_line_ends_change_nothing(read, csv):
    (patient,) = read(path=csv(b'\xef\xbb\xbf"serum_creatinine","age"\r\n"420","62"\r\n'))
    assert (patient.values["serum_creatinine"], patient.values["age"]) == (420, 62)


def test_every_fault_of_every_line_is_reported_at_once_with_its_place(faults, csv):
    path = csv("id,age,serum_creatinine\na,62,5\nb,620,300\n\na,x,400\nd,40,\n")
    found = [(p.file, p.line, p.column, p.field) for p in faults(path=path)]
    assert found == [
        (path, 2, 3, "serum_creatinine"),
        (path, 3, 2, "age"),
        (path, 5, 1, "id"),
        (path, 5, 2, "age"),
        (path, 6, 1, "serum_creatinine"),
    ]


@pytest.mark.parametrize(
    "text, words, line",
    [
        (b"\x89PNG\r\n\x1a\n\x00", "not UTF-8 at offset 0", None),
        ("", "no patient", None),
        ("serum_creatinine,age\n", "no patient", None),
        ("serum_creatinine,age\n420\n", "1 cells under 2 columns", 2),
        ("serum_creatinine,\n420,62\n", "a column without a name", 1),
        ("serum_creatinine,serum_creatinine [mg/dL]\n420,5\n", "the same name twice", 1),
        ("serum_creatinine;age\n420;62\n", "separate columns with commas", 1),
        ('serum_creatinine\n"420\n', "not CSV", 2),
    ],
)
def test_a_file_that_is_no_table_of_patients_is_refused(csv, text, words, line):
    path = csv(text)
    with pytest.raises(ParameterError) as caught:
        read_profiles_csv(path)
    (problem,) = caught.value.problems
    assert words in str(problem)
    assert (problem.file, problem.line) == (path, line)


def test_every_ragged_line_is_reported(csv):
    with pytest.raises(ParameterError) as caught:
        read_profiles_csv(csv("serum_creatinine,age\n420\n300,40\n1,2,3\n"))
    assert [p.line for p in caught.value.problems] == [2, 4]


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="No such file"):
        read_profiles_csv(tmp_path / "none.csv")
