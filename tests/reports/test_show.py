"""One thing of the library whole."""

import io
import json

import pytest
from rich.console import Console

from riskmodel.errors import ParameterError
from riskmodel.evidence.conflicts import find_conflicts
from riskmodel.parameters.library import load_library, load_overlay
from riskmodel.reports.show import describe, in_words, print_record


@pytest.fixture(scope="module")
def library():
    return load_library()


def text_of(described):
    out = io.StringIO()
    print_record(described, Console(file=out, width=80))
    return out.getvalue()


def only(library, name):
    (record,) = describe(library, name)["records"]
    return record


def test_every_id_of_the_library_can_be_shown_as_json_and_as_text(library):
    for kind, entries in library.entries.items():
        for name in list(entries)[:4]:
            described = describe(library, name)
            assert kind in [record["kind"] for record in described["records"]]
            json.dumps(described, allow_nan=False)
            assert text_of(described).startswith(f"{described['records'][0]['kind']} ")


def test_an_estimate_has_value_interval_provenance_uses_and_contradictions(library):
    record = only(library, "rr_eskd_12m")
    assert (record["value"]["value"], record["value"]["lower"]) == (0.62, 0.39)
    assert record["value"]["level"] == 0.95
    source = record["source"]
    assert (source["key"], source["doi"]) == ("walsh2022", "10.1136/bmj-2021-064604")
    assert source["url"].startswith("https://")
    assert "abstract" in source["read"]
    assert {"problem": "plex_aav", "as": "prior eskd_relative_risk"} in record["used_by"]
    touching = [c.id for c in find_conflicts(library) if "rr_eskd_12m" in c.ids]
    assert touching
    assert [conflict["id"] for conflict in record["contradictions"]] == touching
    text = text_of(describe(library, "rr_eskd_12m"))
    for words in ("RR 0.62 (0.39 to 0.98)", "doi:10.1136/", "used by: plex_aav", touching[0]):
        assert words in text


def test_published_strata_count_as_a_use(library):
    uses = only(library, "ard_eskd_12m_low")["used_by"]
    assert {"problem": "plex_aav", "as": "published strata"} in uses


def test_a_percent_is_told_as_printed_and_held_as_a_proportion(library):
    value = only(library, "ard_eskd_12m_low")["value"]
    assert value["value"] == pytest.approx(-0.0008)
    assert value["words"] == "risk_difference -0.08%"


def test_what_is_shown_beside_a_result_counts_as_a_use(library):
    problem, name = next(
        (problem.id, problem.evidence[0])
        for problem in library.records("problem").values()
        if problem.evidence
    )
    uses = only(library, name)["used_by"]
    assert {"problem": problem, "as": "evidence shown beside the result"} in uses


def test_a_tertiary_source_has_its_badge(library):
    assert "[tertiary source]" in text_of(
        describe(library, next(iter(_citing(library, "document_000"))))
    )


def _citing(library, key):
    return [
        name
        for kind in ("finding", "rule", "estimate", "evidence_level")
        for name, record in library.records(kind).items()
        if record.source.key == key
    ]


def test_a_judgement_says_whose(library):
    record = only(library, "serious_infection_risk_implied")
    assert record["source"]["judgement"]["whose"] == "the maintainers of riskmodel"


def test_a_reading_that_was_split_shows_all_its_parts(library):
    parts = {}
    for kind, entries in library.entries.items():
        for name, entry in entries.items():
            reading = getattr(entry.record, "part_of", None)
            if reading:
                parts.setdefault(reading, []).append((kind, name))
    reading, expected = next((r, p) for r, p in parts.items() if len(p) > 1)
    shown = [(r["kind"], r["id"]) for r in describe(library, reading)["records"]]
    assert set(shown) >= set(expected)


def test_a_source_a_treatment_and_a_group_show_who_names_them(library):
    assert "rr_eskd_12m" in only(library, "walsh2022")["named_by"]
    assert "rr_eskd_12m" in only(library, "plasma_exchange")["named_by"]
    uses = {use["problem"] for use in only(library, "walsh2022")["used_by"]}
    assert "plex_aav" in uses


def test_a_problem_shows_what_its_priors_rest_on_and_what_contradicts_it(library):
    record = only(library, "plex_aav")
    ratio = next(p for p in record["priors"] if p["prior"] == "eskd_relative_risk")
    assert ratio["from"][0]["id"] == "rr_eskd_12m"
    assert ratio["from"][0]["printed"] == "RR 0.62 (0.39 to 0.98)"
    assert len(record["contradictions"]) == len(find_conflicts(library, "plex_aav"))


def test_a_contradiction_shows_its_sides_whether_registered_or_found_by_rule(library):
    conflicts = find_conflicts(library)
    registered = next(c for c in conflicts if c.id in library.entries["contradiction"])
    record = only(library, registered.id)
    assert [side["id"] for side in record["sides"]] == list(registered.ids)
    assert "found by: register" in text_of(describe(library, registered.id))
    for conflict in conflicts:
        if conflict.id not in library.entries["contradiction"]:
            assert only(library, conflict.id)["found_by"] == list(conflict.found_by)


def test_an_unknown_id_is_answered_with_the_nearest(library):
    with pytest.raises(ParameterError) as caught:
        describe(library, "rr_eskd_12")
    assert str(caught.value) == (
        "id: found 'rr_eskd_12'; allowed: an id that `riskmodel list` shows; "
        "did you mean 'rr_eskd_12m'?"
    )


def test_what_overrides_a_shipped_record_says_so_and_why(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "schema: riskmodel/sources/1\nsources:\n  zeng2022: {citation: Mine, doi: 10.1000/x, "
        "read: full text, role: primary, overrides: an erratum}\n"
    )
    described = describe(load_overlay([path]), "zeng2022")
    (record,) = described["records"]
    assert record["overrides"]["why"] == "an erratum"
    assert "sources.yaml:" in record["overrides"]["instead_of"]
    text = text_of(described)
    assert "stands in place of" in text
    assert "because an erratum" in text


def test_a_value_is_told_with_counts_rates_and_intervals(tmp_path, small_text):
    path = tmp_path / "small.yaml"
    path.write_text(small_text)
    estimates = load_library([path]).records("estimate")
    told = {name: in_words(estimate) for name, estimate in estimates.items()}
    assert told["fall_ratio"] == "relative_risk 0.8 (0.6 to 1.0667, 95% confidence)"
    assert told["blister_counts"] == "risk 40 of 200"
    assert told["blister_rate"] == "rate 5 per 1000 day of days"
