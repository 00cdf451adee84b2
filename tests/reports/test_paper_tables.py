"""Tables for papers: the run's own numbers, in the right words, in five formats."""

import csv
import io
import json
import re
import shutil
import sys
import zipfile
from html.parser import HTMLParser

import pandas as pd
import pytest

from riskmodel.errors import ParameterError
from riskmodel.evidence.measures import format_nnt
from riskmodel.reports.paper_run import PaperTable
from riskmodel.reports.paper_table_formats import docx_bytes, html, latex, markdown
from riskmodel.reports.paper_tables import TABLES, paper_tables, write_paper_tables
from riskmodel.reports.paper_words import (
    change,
    change_with_limits,
    count,
    effect_words,
    studied,
    value_words,
)

DIFFERENCE = "Difference (95% equal-tailed credible interval)"
NEEDED = "Number needed to treat (95% equal-tailed credible interval)"


@pytest.fixture(scope="module")
def tables(finished):
    return paper_tables(finished)


def stored(run, table):
    with (run / "tables" / f"{table}.csv").open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def changed(run, tmp_path, table, change_row):
    """Return a copy of a run with one table's rows changed by hand."""
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    rows = stored(run, table)
    for row in rows:
        change_row(row)
    with (copy / "tables" / f"{table}.csv").open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return copy


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, words",
    [(-62.4, "62 fewer"), (62.5, "63 more"), (0, "no difference"), (-0.04, "0.040 fewer")],
)
def test_a_difference_is_fewer_or_more_by_its_sign(value, words):
    assert change(value) == words


def test_the_limits_keep_their_own_direction():
    assert change_with_limits(-16, -62, 45) == "16 fewer (62 fewer to 45 more)"
    assert change_with_limits(0, 0, 0) == "no difference"
    assert change_with_limits(0, -1, 2) == "no difference (1.0 fewer to 2.0 more)"


def test_counts_keep_two_digits_below_ten():
    assert [count(v) for v in (1000, 9.949, 9.95, 0.999, 0.0012)] == [
        "1000",
        "9.9",
        "10",
        "1.0",
        "0.0012",
    ]


def test_estimates_are_worded_with_level_kind_and_counts():
    pooled = {
        "measure": "hazard_ratio",
        "value": 0.86,
        "interval": {"lower": 0.65, "upper": 1.13, "level": 0.9, "kind": "confidence"},
        "participants": 704,
        "trials": 1,
    }
    assert effect_words(pooled) == "hazard ratio 0.86, 0.65 to 1.13 (90% confidence)"
    assert studied(pooled) == "704 (1 trial)"
    arms = {"counts": {"events": 8, "n": 95}, "comparator_counts": {"events": 15, "n": 96}}
    assert (value_words(arms), studied(arms)) == ("8/95 v 15/96", "191")
    assert value_words({"value": 30.9, "unit": "percent", "counts": {"events": 145, "n": 470}}) == (
        "30.9% (145/470)"
    )


# --- what stands in them --------------------------------------------------------------------------


def test_a_run_with_effects_has_every_table(tables):
    assert list(tables) == list(TABLES)
    for table in tables.values():
        assert len(table.frame)
        assert table.frame.columns.is_unique
        assert table.notes[-1] == "Research use; not medical advice."
        assert table.frame.map(lambda cell: isinstance(cell, str) and cell != "nan").all().all()


def test_the_summary_of_findings_says_what_the_runs_table_says(finished, tables):
    frame = tables["summary_of_findings"].frame
    rows = stored(finished, "absolute_effects")
    assert len(frame) == len(rows) == 6
    for shown, row in zip(frame.to_dict("records"), rows, strict=True):
        assert int(shown["Risk with Rest, per 1000"].split()[0]) == round(
            1000 * float(row["baseline_risk"])
        )
        limits = [float(row[part]) for part in ("risk_difference", "lower", "upper")]
        wanted = row["outcome"] == "record"
        assert shown[NEEDED] == format_nnt(*limits, wanted=wanted)
        expected = change_with_limits(*(1000 * limit for limit in limits))
        assert shown[DIFFERENCE] == f"{expected} per 1000"


def test_more_of_a_wanted_outcome_is_a_benefit_and_more_of_an_unwanted_one_a_harm(tables):
    rows = {
        (row["Outcome"], row["Option"]): row
        for row in tables["summary_of_findings"].frame.to_dict("records")
    }
    record = rows["Personal record (wanted)", "Jumping"]
    blister = rows["Blister (unwanted)", "Jumping"]
    assert " more (" in record[DIFFERENCE] and record[NEEDED].startswith("NNTB")
    assert " more (" in blister[DIFFERENCE] and blister[NEEDED].startswith("NNTH")
    kinds = {
        (row["Effect"], row["Treatment"].split(":")[0]): row["Kind of effect"]
        for row in tables["effects_table_ema"].frame.to_dict("records")
    }
    assert kinds["Personal record (wanted)", "Jumping"] == "Favourable"
    assert kinds["Blister (unwanted)", "Jumping"] == "Unfavourable"
    assert kinds["Fall (unwanted)", "Walking"] == "Favourable"
    assert kinds["Personal record (wanted)", "Walking"] == "Neither"  # no effect, as declared


def test_certainty_is_the_records_or_the_authors_to_complete(finish, plain_text):
    text = plain_text.replace(
        "{id: fall_ratio, measure: relative_risk,",
        "{id: fall_ratio, certainty: low (GRADE), participants: 321, trials: 2, "
        "measure: relative_risk,",
    )
    assert text != plain_text
    run = finish(text)
    for row in paper_tables(run)["summary_of_findings"].frame.to_dict("records"):
        known = (row["Outcome"][:4], row["Option"]) == ("Fall", "Walking")
        assert row["Certainty of the evidence"] == (
            "low (GRADE)" if known else "Author to complete"
        )
        assert row["Participants (trials)"] == (
            "321 (2 trials)" if known else row["Participants (trials)"]
        )


def test_every_header_of_an_interval_names_kind_level_and_every_table_its_comparator(tables):
    for name in ("summary_of_findings", "effects_table_ema", "framework_fda"):
        heads = " ".join(tables[name].frame.columns)
        assert "95% equal-tailed credible interval" in heads, name
    for name in set(tables) - {"diagnostics"}:
        about = dict(tables[name].about)
        assert (about["Comparator"], about["Horizon"]) == ("Rest", "6 months"), name


def test_every_letter_in_a_cell_has_its_note(tables):
    for table in tables.values():
        cells = " ".join(str(cell) for row in table.frame.values for cell in row)
        used = {
            x for marks in re.findall(r"\[([a-z](?:, [a-z])*)\]", cells) for x in marks.split(", ")
        }
        told = {note[1] for note in table.notes if re.match(r"\[[a-z]\] ", note)}
        assert used == told, table.name
    notes = tables["summary_of_findings"].notes
    assert any("the middle of three places" in note for note in notes)
    assert any("badged as elicited" in note for note in notes)


def test_the_framework_draws_no_conclusion(tables):
    frame = tables["framework_fda"].frame
    assert list(frame["Dimension"]) == [
        "Analysis of condition",
        "Current treatment options",
        "Benefit",
        "Risk and risk management",
        "Benefit-risk integrated assessment",
    ]
    assert set(frame["Conclusions and reasons"]) == {"Author to complete"}
    evidence = " ".join(frame.iloc[:, 1])
    assert "it would hurt" in evidence  # whom an option is not for
    assert "of a test (judgement)" in evidence  # whose the weights are


def test_the_evidence_table_has_every_estimate_in_use_with_its_locator(finished, tables):
    frame = tables["evidence"].frame.set_index("Id")
    assert set(frame.index) == {row["estimate"] for row in stored(finished, "provenance")}
    ratio = frame.loc["fall_ratio"]
    assert ratio["Value"] == "0.8"
    assert ratio["Interval (level and kind as its source states them)"] == (
        "0.6 to 1.0667 (95% confidence)"
    )
    assert (ratio["Locator"], ratio["Status"]) == ("page 1", "seen primary")
    assert ratio["Used for"] == "prior fall_ratio [data]"
    assert ratio["Source"] == "A diary, 2001"


def test_strata_and_horizons_stand_below_each_other(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    own = stored(finished, "absolute_effects")
    for table, more in (
        ("horizons", {"time": "3.0", "time_unit": "month", "horizon": "3 months"}),
        ("waning", {"waning": "caught_up", "horizon": "24 months"}),
    ):
        with (copy / "tables" / f"{table}.csv").open("w", encoding="utf-8", newline="") as text:
            writer = csv.DictWriter(text, [*own[0], *(key for key in more if key not in own[0])])
            writer.writeheader()
            writer.writerows(row | more for row in own)
    frame = paper_tables(copy)["effects_by_stratum_and_horizon"].frame
    places = list(dict.fromkeys(zip(frame["Stratum"], frame["Horizon"], strict=True)))
    assert places == [
        ("The patient", "6 months"),
        ("Weekly distance: Short (up to 20 km)", "6 months"),
        ("Weekly distance: Long (above 20 km)", "6 months"),
        ("The patient", "3 months"),
        ("The patient", "24 months, effect caught up"),
    ]
    assert len(frame) == 5 * len(own)


def test_several_patients_are_told_apart(finish, plain_text):
    people = [{"id": name, "distance": d, "years": 3} for name, d in (("Ann", 20), ("Bo", 60))]
    made = paper_tables(finish(plain_text, profiles=people))
    assert list(dict.fromkeys(made["summary_of_findings"].frame["Patient"])) == ["Ann", "Bo"]
    assert "Patient Ann" in set(made["effects_by_stratum_and_horizon"].frame["Stratum"])


def test_a_number_changed_in_the_table_changes_in_the_paper(finished, tmp_path):
    def shift(row):
        if (row["option"], row["outcome"]) == ("walking", "fall"):
            row.update(risk_difference="-0.0512", lower="-0.09", upper="0.0123")

    copy = changed(finished, tmp_path, "absolute_effects", shift)
    frame = paper_tables(copy, only=["summary_of_findings"])["summary_of_findings"].frame
    assert frame[DIFFERENCE].iloc[0] == "51 fewer (90 fewer to 12 more) per 1000"


# --- formats --------------------------------------------------------------------------------------

AWKWARD = PaperTable(
    "awkward",
    "50% of R&D_x",
    pd.DataFrame(
        {
            "a_b & c": ["1 | 2", r"back\slash {x} ~ ^ #1 $5 <b>"],
            "Risk": ["≤ 3%\nsecond line", "∞ [a]"],
            "Change": ["−2", "5 × 3"],
        }
    ),
    (("Population", "adults & children, 5% > 3"),),
    ("[a] a_note with 100% & <tags>",),
    {"Risk": "Effects & more", "Change": "Effects & more"},
)


def latex_rows(text):
    """Return the cells of a table's rows, read by the rules of LaTeX, not the module's."""
    body = text.split(r"\endlastfoot")[1].split(r"\end{longtable}")[0]
    rows = [row for row in re.split(r"(?<!\\)\\\\", body) if row.strip()]
    return [re.split(r"(?<!\\)&", row) for row in rows]


def balanced(text):
    depth = 0
    for found in re.finditer(r"(?<!\\)(?:\\\\)*([{}])", text):
        depth += 1 if found[1] == "{" else -1
        if depth < 0:
            return False
    return depth == 0


@pytest.mark.parametrize("name", [*TABLES, "awkward"])
def test_latex_has_its_braces_its_columns_and_no_bare_special(tables, name):
    table = AWKWARD if name == "awkward" else tables[name]
    text = latex(table)
    assert balanced(text)
    rows = latex_rows(text)
    assert len(rows) == len(table.frame)
    assert {len(row) for row in rows} == {len(table.frame.columns)}
    shape = text.split(r"\begin{longtable}", 1)[1].split("\n", 1)[0]
    assert shape.count(r"\raggedright") == len(table.frame.columns)
    widths = [float(width) for width in re.findall(r"dimexpr ([\d.]+)", shape)]
    assert sum(widths) == pytest.approx(1, abs=0.0005 * len(widths))  # rounded to three digits
    cells = " ".join(cell for row in rows for cell in row)
    plain = re.sub(r"\$\^?\\?\w+\$|\$-\$|\\[a-zA-Z]+|\\[%&_#${}]", "", cells)
    assert not re.search(r"[%&_#$~^\\]", plain), plain
    assert not re.search("[∞≤≥−×–]", cells)
    for begin in re.findall(r"\\begin\{(\w+)\}", text):
        assert text.count(rf"\begin{{{begin}}}") == text.count(rf"\end{{{begin}}}")


def test_latex_spans_end_where_their_columns_do():
    text = latex(AWKWARD)
    assert r" & \multicolumn{2}{c}{Effects \& more} \\" in text
    assert r"\cmidrule(lr){2-3}" in text


class Cells(HTMLParser):
    """The cells of a page's table, and the tags that were left open."""

    def __init__(self, page):
        super().__init__()
        self.rows, self.open, self.scopes = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.scopes.append(dict(attributes).get("scope"))
        if tag == "br" and self.rows and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += "\n"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


@pytest.mark.parametrize("name", [*TABLES, "awkward"])
def test_html_gives_the_cells_back(tables, name):
    table = AWKWARD if name == "awkward" else tables[name]
    page = html(table)
    read = Cells(page)
    assert read.open == []
    heads = 1 + bool(table.spans)
    assert read.rows[heads - 1] == list(table.frame.columns)
    assert read.rows[heads:] == table.frame.values.tolist()
    assert read.scopes.count("row") == len(table.frame)
    assert "http://" not in page and "<script" not in page  # it opens without a network


@pytest.mark.parametrize("name", [*TABLES, "awkward"])
def test_markdown_has_a_pipe_a_column(tables, name):
    table = AWKWARD if name == "awkward" else tables[name]
    lines = [line for line in markdown(table).splitlines() if line.startswith("|")]
    assert len(lines) == len(table.frame) + 2
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(table.frame.columns) + 1}


@pytest.mark.parametrize("name", [*TABLES, "awkward"])
def test_docx_opens_again_with_the_same_cells(tables, name):
    docx = pytest.importorskip("docx", reason="pip install python-docx")
    table = AWKWARD if name == "awkward" else tables[name]
    opened = docx.Document(io.BytesIO(docx_bytes(table, "2026-01-02T03:04:05+00:00")))
    (grid,) = opened.tables
    rows = [[cell.text for cell in row.cells] for row in grid.rows]
    heads = 1 + bool(table.spans)
    assert rows[heads - 1] == list(table.frame.columns)
    assert rows[heads:] == table.frame.values.tolist()
    if table.spans:
        assert set(rows[0]) - {""} == set(table.spans.values())
    texts = [paragraph.text for paragraph in opened.paragraphs]
    assert texts[0] == table.title
    assert texts[-len(table.notes) :] == list(table.notes)
    assert opened.core_properties.created.isoformat().startswith("2026-01-02T03:04:05")
    repeated = grid.rows[heads - 1]._tr.xpath("./w:trPr/w:tblHeader")
    assert len(repeated) == 1


# --- writing --------------------------------------------------------------------------------------


def test_each_format_is_a_file_a_table_and_the_same_bytes_again(finished, tmp_path):
    pytest.importorskip("docx", reason="pip install python-docx")
    formats = ["markdown", "html", "latex", "csv", "docx"]
    first = write_paper_tables(finished, tmp_path / "one", formats=formats)
    again = write_paper_tables(finished, tmp_path / "two", formats=formats)
    endings = ("md", "html", "tex", "csv", "txt", "docx")
    assert {path.name for path in first} == {f"{n}.{e}" for n in TABLES for e in endings}
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert sorted(p.name for p in (tmp_path / "one").iterdir()) == sorted(p.name for p in first)


def test_csv_is_the_frame(finished, tables, tmp_path):
    write_paper_tables(finished, tmp_path, formats=["csv"], only=["evidence"])
    read = pd.read_csv(tmp_path / "evidence.csv", dtype=str, keep_default_na=False)
    assert read.to_dict("records") == tables["evidence"].frame.to_dict("records")
    assert "Research use" in (tmp_path / "evidence.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "asked, words",
    [
        ({"formats": ["latx"]}, "did you mean 'latex'?"),
        ({"only": ["evidense"]}, "did you mean 'evidence'?"),
        ({"formats": ["pdf", "rtf"]}, "found 'rtf'; allowed: markdown, html, latex, csv, docx"),
    ],
)
def test_an_unknown_format_or_table_lists_the_known_ones(finished, tmp_path, asked, words):
    with pytest.raises(ParameterError) as caught:
        write_paper_tables(finished, tmp_path / "out", **asked)
    assert words in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_run_without_effects_has_what_it_can_and_says_what_it_has_not(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    for name in ("absolute_effects", "absolute_effects_by_band", "diagnostics"):
        (copy / "tables" / f"{name}.csv").unlink()
    assert list(paper_tables(copy)) == ["framework_fda", "evidence"]
    with pytest.raises(ParameterError, match="for which this run has nothing; allowed: framework"):
        paper_tables(copy, only=["diagnostics"])


def test_what_could_not_be_contrasted_is_named_with_its_reason(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    (copy / "tables" / "not_estimable.csv").write_text(
        "option,outcome,because\njumping,fall,nobody counted\n", encoding="utf-8"
    )
    table = paper_tables(copy)["summary_of_findings"]
    assert table.frame[DIFFERENCE].iloc[-1].startswith("no contrast [")
    assert any(note.endswith("nobody counted") for note in table.notes)


def test_docx_without_its_package_is_refused_before_anything_is_written(
    finished, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "docx", None)
    with pytest.raises(ParameterError, match=r"pip install 'riskmodel\[docx\]'"):
        write_paper_tables(finished, tmp_path / "out", formats=["markdown", "docx"])
    assert not (tmp_path / "out").exists()


def test_a_failed_write_leaves_no_part_behind(finished, tmp_path):
    (tmp_path / "evidence.md").mkdir()  # where the file should go
    with pytest.raises(OSError):
        write_paper_tables(finished, tmp_path, only=["evidence"])
    assert [path.name for path in tmp_path.iterdir()] == ["evidence.md"]


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="holds no run"):
        paper_tables(tmp_path)


def test_a_run_that_did_not_converge_says_so_below_every_table(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    record = json.loads((copy / "run.json").read_text(encoding="utf-8"))
    (copy / "run.json").write_text(json.dumps(record | {"unconverged": True}), encoding="utf-8")
    for table in paper_tables(copy).values():
        assert any(note.startswith("NOT CONVERGED") for note in table.notes)


def test_a_document_names_no_author_and_no_clock(tables):
    pytest.importorskip("docx", reason="pip install python-docx")
    packed = docx_bytes(tables["evidence"], "2026-01-02T03:04:05+00:00")
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert "python-docx" not in archive.read("docProps/core.xml").decode()
