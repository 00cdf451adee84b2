"""A user's folder over the shipped library: what may share an id with what is shipped."""

import pytest

from riskmodel.errors import ParameterError
from riskmodel.evidence.loading import check_files
from riskmodel.parameters.library import (
    find_problem,
    load_library,
    load_overlay,
    parameter_files,
    shipped_folder,
    with_shipped,
)

SOURCE = "schema: riskmodel/sources/1\nsources:\n"


def shipped_text(name):
    return (shipped_folder() / name).read_text(encoding="utf-8")


@pytest.fixture
def own(tmp_path):
    """Write one file of a user's own folder, and return its path."""

    def write(text, name="mine.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def source(key="zeng2022", more=""):
    return (
        f"{SOURCE}  {key}:\n    citation: My own\n    doi: 10.1000/mine\n    read: full text\n"
        f"    role: primary\n{more}"
    )


def refused(path):
    with pytest.raises(ParameterError) as caught:
        load_overlay([path])
    (problem,) = caught.value.problems
    return problem


def test_without_a_folder_the_library_is_the_shipped_one():
    library = load_overlay()
    assert library.entries["source"].keys() == load_library().entries["source"].keys()
    assert library.overridden == {}


def test_own_ids_stand_beside_the_shipped_ones(own):
    library = load_overlay([own(source("my_own_2020"))])
    assert {"my_own_2020", "zeng2022"} <= set(library.entries["source"])
    assert library.problems == []


def test_a_shipped_id_with_other_content_is_refused_at_its_place(own):
    problem = refused(own(source()))
    assert (problem.line, problem.severity, problem.found) == (4, "E", "zeng2022")
    assert "the shipped source unchanged" in problem.allowed
    assert str(shipped_folder() / "sources.yaml") in problem.remedy
    assert "say in `overrides:` why yours takes its place" in problem.remedy


def test_a_shipped_record_may_be_repeated_word_for_word(own):
    library = load_overlay([own(shipped_text("sources.yaml"))])
    assert library.overridden == {}


def test_a_whole_copy_of_the_library_is_no_contradiction_of_it(own):
    for path in parameter_files(shipped_folder()):
        own(path.read_text(encoding="utf-8"), str(path.relative_to(shipped_folder())))
    folder = own(source("my_own_2020")).parent
    assert "my_own_2020" in load_overlay([folder]).entries["source"]


def test_with_overrides_the_users_record_stands_and_the_shipped_one_is_kept_beside(own):
    library = load_overlay([own(source(more="    overrides: the erratum of 2023\n"))])
    assert library.records("source")["zeng2022"].citation == "My own"
    shipped = library.overridden["source", "zeng2022"]
    assert shipped.record.citation.startswith("Zeng L")


def test_overrides_that_take_the_place_of_nothing_are_refused(own):
    problem = refused(own(source("my_own_2020", "    overrides: a slip\n")))
    assert (problem.line, problem.field) == (8, "sources.my_own_2020.overrides")
    assert "nothing shipped is called 'my_own_2020'" in problem.remedy


def test_the_id_of_another_kind_is_free(own):
    text = "schema: riskmodel/vocabulary/1\ngroups:\n  zeng2022: {label: People of that paper}\n"
    assert load_overlay([own(text)]).records("group")["zeng2022"].label == "People of that paper"


@pytest.mark.parametrize(
    "name, before, after, kind, key",
    [
        ("problems/plex_aav.yaml", "question: ", "question: Once more - ", "problem", "plex_aav"),
        ("preferences/panel.yaml", "label: ", "label: Another ", "preferences", "panel"),
        (
            "profiles/creatinine_420.yaml",
            "label: ",
            "label: Another ",
            "profile",
            "creatinine_420",
        ),
    ],
)
def test_a_changed_copy_of_any_file_needs_its_reason(own, name, before, after, kind, key):
    text = shipped_text(name).replace(before, after, 1)
    problem = refused(own(text))
    assert problem.found == key
    reason = text.replace("\nid: ", "\noverrides: our own reading\nid: ", 1)
    library = load_overlay([own(reason)])
    assert library.records(kind)[key].overrides == "our own reading"
    assert list(library.overridden) == [(kind, key)]


def test_a_changed_statement_and_a_changed_treatment_need_their_reason(own):
    statement = """\
schema: riskmodel/evidence/1
topic: mine
findings:
  - id: rr_eskd_12m
    kind: effect
    statement: another kind may share the id
    population: adults
    source: {judgement: {whose: a test, why: example}}
    status: judgement
"""
    assert load_overlay([own(statement)]).overridden == {}
    treatment = "schema: riskmodel/vocabulary/1\ntreatments:\n  placebo: {label: A sugar pill%s}\n"
    assert refused(own(treatment % "")).found == "placebo"
    library = load_overlay([own(treatment % ", overrides: plainer")])
    assert list(library.overridden) == [("treatment", "placebo")]


def test_a_reading_that_was_not_encoded_can_only_be_repeated(own):
    (key, *_) = load_library().entries["not_encoded"]
    text = f"schema: riskmodel/not_encoded/1\nreadings:\n  {key}: for another reason\n"
    problem = refused(own(text))
    assert "overrides" not in problem.remedy
    assert load_overlay([own(shipped_text("not_encoded.yaml"))]).problems == []


def test_the_order_of_folders_makes_no_difference(own):
    path = own(source(more="    overrides: the erratum of 2023\n"))
    for paths in ([shipped_folder(), path], [path, shipped_folder()]):
        library = with_shipped(load_library(paths))
        assert library.problems == []
        assert library.records("source")["zeng2022"].citation == "My own"
        assert ("source", "zeng2022") in library.overridden


def test_check_reports_the_overlay_too(own):
    problems, files = check_files([own(source())])
    assert files == 1
    assert [problem.found for problem in problems if problem.severity == "E"] == ["zeng2022"]


def test_a_problem_of_a_shipped_id_is_refused_when_it_is_loaded(own):
    text = shipped_text("problems/plex_aav.yaml").replace("question: ", "question: Again - ", 1)
    with pytest.raises(ParameterError, match="the shipped problem unchanged"):
        find_problem(own(text))
    reason = text.replace("\nid: ", "\noverrides: our own question\nid: ", 1)
    assert find_problem(own(reason))[1].record.question.startswith("Again")


def test_an_unchanged_copy_of_a_shipped_problem_may_be_named_by_its_path(own):
    path = own(shipped_text("problems/plex_aav.yaml"))
    assert find_problem(path)[1].document.file == path


def test_two_own_files_may_not_share_an_id(own):
    own(source("my_own_2020"), "one.yaml")
    folder = own(source("my_own_2020"), "two.yaml").parent
    assert "rename one" in refused(folder).remedy
