"""The folder of a simulated pathway: tables, record, figures, the same bytes, and no verdict."""

import json
import re

import pandas as pd
import pytest

from riskmodel.errors import ParameterError
from riskmodel.reports.pathway import pathway_report, read_values, save_pathway

VERDICTS = re.compile(r"\b(approv|deny|denied|denial|recommend|should|do not treat)", re.IGNORECASE)


@pytest.fixture(scope="module")
def one():
    return pathway_report(["stepwise_immunotherapy"], n=1000, draws=50, seed=7)


def test_tables_record_and_unit_of_time(one):
    assert set(one.tables) == {
        "summary", "endpoints", "states", "moves", "provenance", "course_risk",
    }  # fmt: skip
    record = one.record
    assert record["seed"] == 7 and record["patients_per_profile"] == 1000
    assert record["time_unit"] == "month" and record["horizon"] == "36 months"
    assert any(name.startswith("policies/") for name in record["inputs"])
    assert record["badges"].get("assumed", 0) > 5 and record["note"].startswith("Research use")
    for name in ("states", "endpoints"):
        assert (one.tables[name]["time_unit"] == "month").all()
    provenance = one.tables["provenance"].set_index("name")
    assert provenance.loc["never_recovers", "records"] == "lrpn_complete_recovery"
    assert (provenance["lower"] <= provenance["median"]).all()


def test_the_same_input_writes_the_same_bytes(one, tmp_path):
    again = pathway_report(["stepwise_immunotherapy"], n=1000, draws=50, seed=7)
    for folder, report in (("a", one), ("b", again)):
        save_pathway(report, tmp_path / folder, figures=False)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert len(files) == 7
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    data = json.loads((tmp_path / "a" / "pathway.json").read_text(encoding="utf-8"))
    assert data["schema"] == "riskmodel/pathway/1"
    states = pd.read_csv(tmp_path / "a" / "tables" / "states.csv")
    assert states.groupby("time")["probability"].sum().to_numpy() == pytest.approx(1)


@pytest.mark.slow
def test_figures_have_points_captions_and_alt_text_and_no_verdict(tmp_path):
    report = pathway_report(
        ["grade_based_algorithm", "grade_or_failure_algorithm"],
        profile=["neuropathy_grade=2,symptoms_progressing=yes"],
        values="time_in_recovered=1,thromboembolism=-12", whose="a test", n=2000, draws=50, seed=1,
    )  # fmt: skip
    assert {"differences", "net_benefit", "best"} <= set(report.tables)
    assert report.record["whose"] == "a test"
    paths = save_pathway(report, tmp_path / "out")
    pictures = [path for path in paths if path.suffix == ".png"]
    assert len(pictures) == 5 and all(path.stat().st_size > 5000 for path in pictures)
    for path in pictures:
        text = path.with_suffix(".txt").read_text(encoding="utf-8")
        assert "Alt text" in text and "Research use; not medical advice." in text
        assert not VERDICTS.search(text)
    for path in paths:
        if path.suffix in (".csv", ".json"):
            assert not VERDICTS.search(path.read_text(encoding="utf-8")), path.name


def test_what_cannot_be_is_refused(one, tmp_path):
    with pytest.raises(ParameterError, match="one pathway or several"):
        pathway_report([])
    with pytest.raises(ParameterError, match="two pathways or more"):
        pathway_report(["stepwise_immunotherapy"], values="death=-1", n=10, seed=1)
    with pytest.raises(ParameterError, match="name=number"):
        read_values("death")
    with pytest.raises(ParameterError, match="unknown covariate"):
        pathway_report(["stepwise_immunotherapy"], profile=["shoe_size=44"], n=10, seed=1)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ParameterError, match="a file"):
        save_pathway(one, tmp_path / "file")
