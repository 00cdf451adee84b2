"""One page of a request: the same bytes, no verdict, the figures of its records."""

import json
import random
import re

import numpy as np
import pytest

from riskmodel.cli import main
from riskmodel.errors import ParameterError
from riskmodel.evidence.attribution import attribution_bounds
from riskmodel.evidence.brief_requests import resolve_request
from riskmodel.parameters.library import Entry, load_library, shipped_folder, validate
from riskmodel.parameters.marked_yaml import load_marked
from riskmodel.reports import brief_pdf
from riskmodel.reports.brief import brief_of, make_brief, write_brief
from riskmodel.reports.brief_words import neutral

EXAMPLE = shipped_folder() / "requests" / "plexopathy_example.yaml"
# Written here again, and not taken from the package: what no page may say, anywhere in its text.
NEVER = (
    "approv", "denied", "denial", "deny ", "denies", "reject", "refus", "authoriz", "authoris",
    "recommend", "indicated", "indication", "necessary", "necessity", "eligib", "entitled",
    "covered", "coverage", "warrant", "justif", "appropriate", "should", " must ", "certif",
    "granted", "declin", "qualif", "permit", "allowed", "criteria", "do not treat", "verdict",
)  # fmt: skip


@pytest.fixture(scope="module")
def library():
    return load_library()


@pytest.fixture(scope="module")
def brief():
    return make_brief(EXAMPLE, figures=False)


def resolved_of(library, tmp_path, **changes):
    """Return a request in the words of its plan, from the example with some parts exchanged."""
    value = load_marked(EXAMPLE).value
    value |= changes
    value = {key: part for key, part in value.items() if part is not None}
    path = tmp_path / "request.yaml"
    path.write_text(json.dumps(value), encoding="utf-8")
    document = load_marked(path)
    return resolve_request(library, Entry(validate(document), document, ()))


def made(library, tmp_path, **changes):
    return brief_of(library, resolved_of(library, tmp_path, **changes), figures=False)


def words_of(html):
    """Return what a reader, or a screen reader, gets of a page."""
    text = re.sub(r"<style>.*?</style>", " ", html, flags=re.DOTALL)
    labels = " ".join(re.findall(r'(?:aria-label|alt)="([^"]*)"', text))
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text) + " " + labels).lower()


def found_words(text):
    return [word for word in NEVER if word in text]


# --- no verdict -----------------------------------------------------------------------------------


def many_requests(library, number):
    """Yield requests of every plan and option, the rest of them dealt out by a seeded generator."""
    dealt = random.Random(20)
    plans = library.records("brief")
    places = [(plan, option) for plan in plans.values() for option in plan.options]
    for i in range(number):
        plan, option = places[i % len(places)]
        problem = library.records("problem")[plan.problem]
        months = dealt.choice([0, 0.5, 3, 8, 30, 120])
        before = []
        for treatment in dealt.sample(sorted(plan.prior_treatments), dealt.randint(0, 3)):
            before.append(
                {
                    "treatment": treatment,
                    "response": dealt.choice(["none", "response", "unknown"]),
                    "started": {"value": months / 3, "unit": "month"},
                    "assessed": dealt.choice([{"value": months / 2, "unit": "month"}, "unknown"]),
                    **dealt.choice(
                        [
                            {},
                            {"scale": "modified_rankin", "before": 3, "after": dealt.randint(0, 6)},
                        ]
                    ),
                }
            )
        factors = {
            name: dealt.choice([True, False])
            for name, covariate in {**problem.covariates, **plan.covariates}.items()
            if covariate.type == "boolean" and "failure" not in name and dealt.random() < 0.6
        }
        single = dealt.random() < 0.3
        figures = {"dose": "0.4 g/kg", "days": 5, "weight": "154 lb"}
        figures["every"] = "none" if single else dealt.choice(["4 weeks", "unknown", "21 days"])
        known = plan.options[option].regimens
        regimens = [None, {"id": dealt.choice(known)}] if known else [None]
        if plan.options[option].treatment == "immunoglobulin":
            regimens += [figures, figures]
        regimen = dealt.choice(regimens)
        courses = "unknown" if regimen is None or "id" in regimen else 1
        if regimen is figures and not single:
            courses = dealt.choice([1, 2, 7, 24, "unknown"])
        yield {
            "plan": plan.id,
            "option": option,
            "diagnosis": dealt.choice(sorted(plan.diagnoses)),
            "grade": dealt.choice([1, 2, 2.5, 3, 4, "unknown"]),
            "since_onset": dealt.choice([{"value": months, "unit": "month"}]),
            "prior_treatments": before,
            "regimen": regimen,
            "courses": courses,
            "risk_factors": factors,
        }


def test_no_word_of_approval_or_denial_for_many_requests(library, tmp_path):
    seen = set()
    for request in many_requests(library, 60):
        texts = made(library, tmp_path, **request).texts()
        assert found_words(words_of(texts["brief.html"])) == []
        assert found_words(texts["brief.md"].lower()) == []
        seen.add(texts["brief.md"])
        assert "Research use; not a determination; not medical advice." in texts["brief.md"]
    assert len(seen) == 60  # no two of them alike


def test_sources_do_use_such_words_so_that_the_search_can_fail(library):
    rules = library.records("rule").values()
    text = " ".join(f"{rule.statement} {rule.strength}" for rule in rules).lower()
    assert {"recommend", "indicated", "should"} <= set(found_words(text))
    assert neutral("Immunoglobulin is recommended.", "said so") == "said so"


# --- same input, same bytes -----------------------------------------------------------------------


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_request_is_the_same_bytes_and_opens_without_a_network(tmp_path, monkeypatch):
    one, other = tmp_path / "one", tmp_path / "elsewhere" / "other"
    copied = tmp_path / "copied.yaml"
    copied.write_bytes(EXAMPLE.read_bytes())
    write_brief(EXAMPLE, one, pdf=False)
    write_brief(copied, other, pdf=False)
    assert tree(one) == tree(other)
    names = set(tree(one))
    assert {"brief.html", "brief.md", "brief.json"} <= names
    assert {f"figures/harm_by_course.{end}" for end in ("pdf", "svg", "png")} <= names
    html = (one / "brief.html").read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href)=\"(?!#)", html)
    assert html.count("<svg") == 3
    assert "@page" in html and "A4" in html and 'name="viewport"' in html
    assert found_words(words_of(html)) == []
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert str(tmp_path) not in "".join(map(repr, tree(one).values()))


@pytest.mark.skipif(brief_pdf.find_browser() is None, reason="no browser is installed")
def test_a_browser_prints_one_page_and_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        assert write_brief(EXAMPLE, tmp_path / name) == []
    one, other = ((tmp_path / name / "brief.pdf").read_bytes() for name in ("one", "other"))
    assert one == other
    assert brief_pdf.pages_of(one) == 1


def test_without_a_browser_it_says_how_to_print(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(brief_pdf.VARIABLE, "no_such_browser")
    assert main(["brief", str(EXAMPLE), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "no browser was found; open brief.html in a browser and print it to A4" in said.err
    assert not (tmp_path / "out" / "brief.pdf").exists()
    assert (tmp_path / "out" / "brief.html").exists()


def test_a_folder_that_holds_something_is_kept(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(ParameterError, match="choose another folder"):
        write_brief(EXAMPLE, out, pdf=False, force=True)
    assert (out / "notes.txt").read_text() == "mine"


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def fails(*_):
        raise OSError("disk full")

    monkeypatch.setattr("riskmodel.reports.brief_figures.save_figures", fails)
    with pytest.raises(OSError, match="disk full"):
        write_brief(EXAMPLE, tmp_path / "out", pdf=False)
    assert list(tmp_path.iterdir()) == []


# --- what the figures are -------------------------------------------------------------------------


def test_the_treated_share_is_the_beta_of_the_series_at_each_discount(brief):
    added = brief.tables["added"].dropna(subset=["a0"])
    # 4 of 5 on Beta(1, 1): (1 + 4 a0) / (2 + 5 a0), by hand 1/2, 1.8/3, 5/7.
    assert added["treated"].tolist() == pytest.approx([0.5, 0.6, 5 / 7], abs=1e-9)
    difference = added["treated"] - added["untreated"]
    # Quadrature of the difference: its mean is the difference of means to 2e-3.
    assert added["mean"].tolist() == pytest.approx(difference.tolist(), abs=2e-3)
    assert added["prior_share"].tolist() == pytest.approx([1, 2 / 3, 2 / 7])
    open_ = brief.tables["added"].query("a0.isna()")
    assert open_["endpoint"].tolist() == ["Complete recovery"]
    assert "not estimable" in brief.texts()["brief.md"]


def test_harm_keeps_three_sources_and_the_first_two_courses_are_the_records(brief):
    harm = brief.tables["harm"]
    assert harm["source"].nunique() == 3
    first = harm.query("course == 1").set_index("source")["mean"]
    # Jeffreys mean of 3 of 25: 3.5 / 26; to Monte Carlo error of 4000 draws, sd 0.065.
    assert first["one centre's series"] == pytest.approx(3.5 / 26, abs=4 * 0.065 / 4000**0.5)
    flat = harm.query("source == '31 randomised trials'")["mean"]
    assert flat.nunique() == 1


def test_bounds_are_those_of_the_two_shares(brief):
    table = brief.tables["attribution"].query("about == 'if one is seen' and a0 == 1")
    row = table.iloc[0]
    assert 0 <= row["least"] <= row["lower"] <= row["upper"] <= row["most"] <= 1
    # Worked case of the formula itself: 60% without, 70% with.
    low, high = attribution_bounds(0.6, 0.7)
    assert (round(float(low), 3), round(float(high), 3)) == (0.143, 0.571)
    assert row["untreated"] == pytest.approx(
        brief.tables["added"].dropna(subset=["a0"])["untreated"].iloc[0]
    )


def test_longer_without_recovery_leaves_less_of_it(library, tmp_path):
    chances = []
    for months in (12, 48, 110):
        made_ = made(
            library, tmp_path, since_onset={"value": months, "unit": "month"}, prior_treatments=[]
        )
        table = made_.tables["natural"]
        last = table[table["course"] == "complete_recovery"].iloc[-1]
        assert 0 <= last["prior_share"] <= 1
        chances.append(last["recovered"])
    assert chances[0] > chances[1] > chances[2] > 0
    # Never above the share that ever recovers: 4 of 44 on average (Beta(1, 1) and 3 of 42).
    assert chances[0] < 4 / 44 + 0.02


def test_what_is_judged_is_counted_beside_what_is_prior(brief):
    last = brief.tables["natural"].groupby("course").tail(1).set_index("course")
    # The range of times is worth ten judged patients; the printed median has its own 203.
    range_, median = last.loc["complete_recovery"], last.loc["pain_relief"]
    assert range_["prior_share"] < range_["judged_share"] <= 1
    assert median["judged_share"] == median["prior_share"]


def test_three_gates_part_at_grade_2_after_a_failure_and_agree_at_grade_3_and_more(
    library, tmp_path
):
    gates = "neuropathy grade at least 3"
    failed = made(library, tmp_path, grade=2)
    rows = failed.tables["rules"]
    rows = rows[rows["when"].str.startswith(gates)]
    assert rows["answer"].tolist() == ["does not hold", "does not hold", "holds"]
    assert "3 gates of document_004 part here" in failed.texts()["brief.md"]
    severe = made(library, tmp_path, grade=4, risk_factors={"corticosteroid_contraindicated": True})
    rows = severe.tables["rules"]
    rows = rows[rows["when"].str.startswith(gates)]
    assert rows["answer"].tolist() == ["holds"] * 3
    assert "agree here, and part in others" in severe.texts()["brief.md"]
    changed = failed.tables["changes"].set_index(["covariate", "if"])
    assert "s004_hold_ivig_rule" in changed.loc[("neuropathy_grade", "at least 3"), "ids"]


def test_first_document_stands_against_the_fourth(brief):
    text = brief.texts()["brief.md"]
    assert "document_001 says for; document_004 says against." in text
    assert "Conditions that hold here: for, document_001" in text


def test_a_second_line_rule_waits_for_the_failure_it_asks_for(library, tmp_path):
    nothing = made(library, tmp_path, prior_treatments=[]).tables["rules"].set_index("rule")
    assert nothing.loc["s001_ivig_second_line", "answer"] == "does not hold"
    unknown = [{"treatment": "prednisone", "response": "unknown"}]
    rules = made(library, tmp_path, prior_treatments=unknown).tables["rules"].set_index("rule")
    assert rules.loc["s001_ivig_second_line", "answer"] == "cannot be told"


def test_counts_of_the_evidence_map_are_those_of_the_records(brief):
    table = brief.tables["evidence_map"]
    tiers = ["seen_primary", "seen_secondary", "judgement", "unverified"]
    assert (table[tiers].sum(axis=1) == table["total"]).all()
    assert table["unverified"].sum() == 0
    assert table.set_index("kind").loc["Pooled trials", "seen_primary"] == 2


def test_an_option_without_figures_says_not_estimable(library, tmp_path):
    texts = made(library, tmp_path, option="corticosteroid", regimen=None, courses=None).texts()
    text = texts["brief.md"]
    assert text.count("not estimable") + text.count("Not estimable") >= 3
    assert "Harm by course" in text


def test_patients_share_their_luck(library, tmp_path):
    one = made(library, tmp_path, grade=1).tables["harm"]
    other = made(library, tmp_path, grade=4).tables["harm"]
    assert np.array_equal(one["mean"], other["mean"])


# --- the page of the docs -------------------------------------------------------------------------

DOCS = shipped_folder().parent / "docs" / "brief.md"


@pytest.mark.skipif(not DOCS.exists(), reason="an installed package has no docs")
def test_the_request_of_the_docs_makes_a_page_and_its_message_is_what_is_said(tmp_path):
    page = DOCS.read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "request.yaml"
    path.write_text(block, encoding="utf-8")
    text = make_brief(path, figures=False).texts()["brief.md"]
    for title in re.findall(r"^- \*\*(.*?)\*\*", page, re.MULTILINE)[:-1]:
        plain = title.rstrip(".").replace("Harm by course", "Thromboembolic event by course")
        assert f"## {plain}\n" in text, title
    assert "140 g for 70 kg; 1 course." in text
    shown = re.findall(r"^request\.yaml:.*$", page, re.MULTILINE)
    path.write_text(block.replace("every: none", "every: 0 weeks"), encoding="utf-8")
    with pytest.raises(ParameterError) as caught:
        make_brief(path, figures=False)
    assert [str(p).removeprefix(f"{tmp_path}/") for p in caught.value.problems] == shown
