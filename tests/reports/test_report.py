"""The report as a reader, a screen reader and a referee find it."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from riskmodel.errors import ParameterError
from riskmodel.reports import run as run_module
from riskmodel.reports.checklists import CHECKLISTS, Answer, Item, Proof, fill
from riskmodel.reports.method_text import method_text
from riskmodel.reports.page import anchor, shown, table
from riskmodel.reports.paper_run import PaperRun
from riskmodel.reports.report import report, report_page, shares
from riskmodel.reports.run import run_problem
from riskmodel.reports.trace import RunFolder, trace
from riskmodel.reports.traced_cells import cell_id, id_of_cell

pytestmark = pytest.mark.slow

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """What the tests ask of a page: elements with their attributes, and whether they nest."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.texts, self.faults = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    def ids(self):
        return [attrs["id"] for _, attrs in self.elements if "id" in attrs]

    def traced(self):
        return [attrs for _, attrs in self.elements if "data-traced" in attrs]

    def text(self):
        words = [data for tag, data in self.texts if tag not in ("script", "style")]
        return " ".join(" ".join(words).split())


@pytest.fixture(scope="module")
def folders(posterior, small_posterior, tmp_path_factory):
    """Two runs with their figures: the shipped problem at several horizons, and a small one."""
    folder = tmp_path_factory.mktemp("runs")
    patient = {"id": "patient", "serum_creatinine": 420, "age": 62}
    run_problem(posterior.loaded, [patient], folder / "shipped", seed=7, horizons="6,12,36")
    awkward = {"id": "<b>&'\"/.x", "distance": 40, "years": 3}
    run_problem(small_posterior.loaded, [awkward], folder / "small", seed=11)
    return folder


@pytest.fixture(scope="module", params=["shipped", "small"])
def folder(folders, request):
    return folders / request.param


@pytest.fixture(scope="module")
def page(folder):
    return Page(report_page(RunFolder.open(folder), "barg"))


# --- the page -----------------------------------------------------------------------------------


def test_the_page_of_a_run_is_the_page_that_the_command_writes(folder, tmp_path):
    written = report(folder, out=tmp_path / "again.html")
    assert written.read_bytes() == (folder / "report.html").read_bytes()


def test_the_page_refers_to_nothing_outside_itself(page):
    for tag, attrs in page.elements:
        for name in ("src", "href", "srcset", "action", "data", "poster", "background"):
            if name in attrs:
                assert attrs[name].startswith(("#", "data:")), (tag, attrs[name])
    style = "".join(data for tag, data in page.texts if tag == "style")
    script = "".join(data for tag, data in page.texts if tag == "script")
    assert "url(" not in style and "@import" not in style
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(|https?://", script.split("book =")[-1])
    inside = {f"#{name}" for name in page.ids()}
    assert {attrs["href"] for attrs in page.all("a")} <= inside


def test_elements_nest_ids_are_unique_and_nothing_of_a_file_becomes_markup(page):
    assert (page.faults, page.open) == ([], [])
    ids = page.ids()
    assert len(ids) == len(set(ids))
    assert not any(re.search(r"\s", name) for name in ids)
    assert not page.all("b")


def test_language_width_landmarks_and_headings_are_there(page):
    assert page.all("html")[0]["lang"] == "en"
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all(
        "meta"
    )
    assert len(page.all("main")) == len(page.all("h1")) == len(page.all("title")) == 1
    assert all(nav.get("aria-label") for nav in page.all("nav"))
    assert page.all("a")[0]["href"] == "#content"  # the skip link comes first
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))


def test_every_image_has_its_alt_text_and_every_table_scrolls_under_a_name(page):
    images = page.all("img")
    assert len(images) >= 3
    assert all(len(image["alt"]) > 20 for image in images)
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in images)
    regions = [attrs for attrs in page.all("div") if attrs.get("role") == "region"]
    assert len(regions) == len(page.all("table"))
    assert all(region["aria-label"] and region["tabindex"] == "0" for region in regions)
    assert all(head.get("scope") in ("col", "row") for head in page.all("th"))


def test_tab_stops_once_in_a_table_and_arrow_keys_do_the_rest(page):
    inside, stops = None, {}
    for tag, attrs in page.elements:
        if tag == "table":
            inside = len(stops)
            stops[inside] = []
        if "data-traced" in attrs:
            stops[inside].append(attrs["tabindex"])
    for found in stops.values():
        assert found[:1] in ([], ["0"]) and set(found[1:]) <= {"-1"}


def test_every_number_of_every_table_has_an_id_that_trace_knows(folder, page):
    run, ids = RunFolder.open(folder), {attrs["id"] for attrs in page.traced()}
    numbers = 0
    for name in run.tables:
        _, rows = run.rows(name)
        for key, row in rows.items():
            for column, text in row.items():
                if re.fullmatch(r"-?[0-9.]+(e-?[0-9]+)?", text):
                    numbers += 1
                    assert cell_id(name, key, column) in ids, (name, key, column)
    assert numbers > 300
    for attribute in ids:
        assert trace(run, id_of_cell(attribute))["id"] == id_of_cell(attribute)


def test_what_hovering_shows_is_what_trace_says(folder, page):
    run = RunFolder.open(folder)
    (book,) = [json.loads(data) for tag, data in page.texts if data.startswith('{"texts"')]
    for attrs in page.traced()[::7]:
        name = id_of_cell(attrs["id"])
        parts = name.split("/")
        table_name, row, column = parts[0], "/".join(parts[1:-1]), parts[-1]
        basis = book["tables"][table_name]["rows"][row]
        basis = book["bases"][basis[column] if isinstance(basis, dict) else basis]
        traced = trace(run, name)
        heads = [book["texts"][book["quantities"][i][0]] for i in basis[0]]
        assert len(heads) == len(traced["quantities"])
        said = [
            book["texts"][book["priors"][j][0]] for i in basis[0] for j in book["quantities"][i][1]
        ]
        wanted = [prior["id"] for part in traced["quantities"] for prior in part["priors"]]
        assert [text.split(" [")[0] for text in said] == wanted
        formula = book["texts"][book["tables"][table_name]["columns"][column]]
        assert formula.startswith(traced["formula"]["words"])


# --- what it says -------------------------------------------------------------------------------


def test_methods_are_those_of_the_run_and_of_no_other(folders):
    runs = {name: PaperRun(RunFolder.open(folders / name)) for name in ("shipped", "small")}
    text = {
        name: " ".join(" ".join((*part.paragraphs, *part.items)) for part in method_text(paper))
        for name, paper in runs.items()
    }
    assert "seed 7" in text["shipped"] and "seed 11" in text["small"]
    assert "6 months and 36 months rest on declared" in text["shipped"]
    assert "rest on declared, assumed ratios" not in text["small"]
    assert "by a normal copula" in text["shipped"]
    assert "they are independent" in text["small"]
    assert "each counting as 400 patients" in text["small"]
    for name, paper in runs.items():
        for prior in paper.badges():
            assert f"{prior} [" in text[name]
        digest = next(iter(paper.record["inputs"].values()))
        assert digest in text[name]


def test_later_priors_are_counted_where_later_horizons_are_shown(folders):
    paper = PaperRun(RunFolder.open(folders / "shipped"))
    later = {extension["later_hazard_ratio"]["prior"]
             for outcome in paper.problem["outcomes"].values()
             for extension in outcome["baseline"].get("extension", [])}  # fmt: skip
    assert later and later <= set(paper.badges())


def test_the_share_that_is_no_data_is_the_sum_of_its_badges(folders):
    paper = PaperRun(RunFolder.open(folders / "shipped"))
    rows = {row["badge"]: float(row["variance_share"]) for row in paper.rows("share_by_badge")}
    rest = sum(value for badge, value in rows.items() if badge != "data")
    (line,) = [line for line in shares(paper) if line.startswith("Of the variance")]
    assert f"{rows['data']:.1%} goes with inputs from data and {rest:.1%} with others" in line
    counted = list(paper.badges().values())
    assert f"{counted.count('data')} rest on data" in shares(paper)[0]


def test_a_run_that_did_not_converge_says_so_at_the_top(folders, tmp_path):
    shutil.copytree(folders / "small", tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    record["unconverged"] = ["fall_ratio: R-hat 1.2"]
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    page = Page(report_page(RunFolder.open(tmp_path / "run"), "barg"))
    assert page.text().count("NOT CONVERGED") == 1
    assert "This version writes no run unless" not in page.text()


# --- checklists ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHECKLISTS)
def test_each_answer_points_to_a_section_of_the_page_or_is_left_to_the_author(folder, name):
    page = Page(report_page(RunFolder.open(folder), name))
    assert CHECKLISTS[name].title in page.text()
    assert "Author to complete" in page.text()
    assert {attrs["href"][1:] for attrs in page.all("a")} <= set(page.ids())


def test_the_number_of_items_is_that_of_the_lists():
    assert len(CHECKLISTS["barg"].items) == 6
    assert len(CHECKLISTS["robust"].items) == 7
    assert "28 items" in CHECKLISTS["cheers-voi"].about
    for name in ("path", "cheers-voi"):
        assert "was not read" in CHECKLISTS[name].about


def test_what_a_run_does_not_hold_is_not_filled_in(folders, tmp_path):
    shutil.copytree(folders / "small", tmp_path / "run")
    gone = (
        "net_benefit", "break_even_weight", "scenarios", "own_baseline", "correlations", "waning",
        "discounts", "tipping_points", "provenance",
    )  # fmt: skip
    for name in gone:
        (tmp_path / "run" / "tables" / f"{name}.csv").unlink(missing_ok=True)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    record |= {"preferences": None, "inputs": {}, "command": [], "versions_now": {}}
    record["posterior"]["diagnostics"] = []
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    paper = PaperRun(RunFolder.open(tmp_path / "run"))
    titles = [anchor(title) for title in ("Absolute effects", "Methods of this run: Computation")]
    answers = {a.item.name: a for a in fill(CHECKLISTS["barg"], paper, titles)}
    assert answers["4 Decisions"].status == "Author to complete"
    assert answers["5 Sensitivity"].status == "Author to complete"
    assert not any("R-hat" in proof.text for proof in answers["2 Computation"].proofs)
    assert [proof.text for proof in answers["6 Reproducibility"].proofs] == ["seed 11"]
    robust = {a.item.name: a for a in fill(CHECKLISTS["robust"], paper, titles)}
    assert robust["2 Prior: justification"].status == "Author to complete"
    assert not fill(CHECKLISTS["barg"], paper, [])[2].proofs  # no section, no proof


def test_status_follows_from_proofs_and_from_what_is_left():
    whole, part = Item("a", "b", lambda _: ()), Item("a", "b", lambda _: (), "c")
    proof = (Proof("x", "y"),)
    assert Answer(whole, proof).status == "From this run"
    assert Answer(part, proof).status == "In part from this run"
    assert Answer(whole, ()).status == Answer(part, ()).status == "Author to complete"
    assert (Answer(whole, ()).left, Answer(part, ()).left) == ("b", "c")


# --- bad input ----------------------------------------------------------------------------------


def test_an_unknown_checklist_lists_the_known_and_writes_nothing(folder, tmp_path):
    with pytest.raises(ParameterError, match="barg, robust, path, cheers-voi") as caught:
        report(folder, checklist="brag", out=tmp_path / "x.html")
    assert "barg" in caught.value.problems[0].remedy
    assert not list(tmp_path.iterdir())


def test_a_folder_as_out_or_no_run_is_refused(folder, tmp_path):
    with pytest.raises(ParameterError, match="a folder"):
        report(folder, out=tmp_path)
    with pytest.raises(ParameterError, match="which holds no run"):
        report(tmp_path)


def test_a_figure_that_is_gone_is_said_to_be_gone(folders, tmp_path):
    shutil.copytree(folders / "small", tmp_path / "run")
    name = json.loads((tmp_path / "run" / "run.json").read_text())["figures"][0]
    (tmp_path / "run" / "figures" / f"{name}.svg").unlink()
    page = Page(report_page(RunFolder.open(tmp_path / "run")))
    assert f"The figure {name} is no longer in the run's folder." in page.text()


def test_a_run_without_draws_has_its_page(tmp_path, monkeypatch):
    from riskmodel.parameters.library import load_library, resolve

    library = load_library()
    drawless = resolve(library, library.entries["problem"]["nerve_injury_timing"])
    monkeypatch.setattr(run_module, "evidence_figures", lambda *_: iter(()))
    run_problem(drawless, None, tmp_path / "run")
    page = Page(report_page(RunFolder.open(tmp_path / "run"), "robust"))
    assert "Nothing was sampled." in page.text()
    assert "the sources allow no contrast" in page.text()
    assert "From this run" not in page.text()
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    record["inputs"] = {name: "0" * 64 for name in record["inputs"]}  # the library has moved on
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    page = Page(report_page(RunFolder.open(tmp_path / "run"), "cheers-voi"))
    assert page.faults == [] and "Nothing was sampled." in page.text()


# --- small parts --------------------------------------------------------------------------------


def test_cells_escape_what_they_hold_and_keep_the_stored_number():
    text = table("x", [{"a": "<i>", "b": "0.123456"}], keys=("a",), ids=[{"b": "x/<i>/b"}])
    assert "<i>" not in text.replace("&lt;i&gt;", "")
    assert 'data-stored="0.123456"' in text and ">0.1235<" in text
    assert shown("2.5e-07") == "2.5e-07" and shown("nan") == "nan"


def test_ids_come_back_from_their_attribute():
    for name in ("a/b c/d", "a/5%/d", "a/<b>&'\"/.x.y/d", "a/é/d", "a/b\tc/d"):
        table_name, *row, column = name.split("/")
        attribute = cell_id(table_name, "/".join(row), column)
        assert id_of_cell(attribute) == name
        assert not re.search(r"\s", attribute)


# --- in a browser -------------------------------------------------------------------------------

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
# The page in a frame as wide as a phone; what is found out goes into the outer page as JSON.
FRAME = """<!doctype html><meta charset="utf-8"><title>frame</title>
<iframe id="f" src="report.html" style="width:375px;height:700px;border:0"></iframe>
<pre id="found"></pre>
<script>
var errors = [];
document.getElementById("f").onload = function () {
  var w = this.contentWindow, d = w.document, found = {};
  w.addEventListener("error", function (e) { errors.push(String(e.message)); });
  var images = Array.prototype.slice.call(d.images);
  Promise.all(images.map(function (i) { return i.decode(); })).then(function () {
    found.images = images.map(function (i) { return i.naturalWidth; });
    found.wide = d.documentElement.scrollWidth;
    found.small = Math.min.apply(null, Array.prototype.slice.call(
      d.querySelectorAll("p,li,td,th,figcaption")).map(function (e) {
        return parseFloat(w.getComputedStyle(e).fontSize); }));
    var panel = d.getElementById("trace-panel"), first = d.querySelector("[data-traced]");
    found.hidden = panel.hidden;
    first.focus();
    found.said = panel.hidden ? "" : panel.innerText;
    function press(key) {
      d.activeElement.dispatchEvent(new w.KeyboardEvent("keydown", {key: key, bubbles: true}));
    }
    press("ArrowRight");
    found.right = d.activeElement.id;
    press("ArrowDown");
    found.down = d.activeElement.id;
    found.stops = d.querySelectorAll("table")[0].querySelectorAll('[tabindex="0"]').length;
    press("Escape");
    found.closed = panel.hidden;
    var broken = [];
    d.querySelectorAll("[data-traced]").forEach(function (cell) {
      cell.dispatchEvent(new w.MouseEvent("mouseover", {bubbles: true}));
      if (panel.hidden || panel.innerText.indexOf(decodeURIComponent(cell.id)) < 0) {
        broken.push(cell.id);
      }
    });
    found.broken = broken;
    found.errors = errors;
    document.getElementById("found").textContent = JSON.stringify(found);
  }).catch(function (e) { document.getElementById("found").textContent =
    JSON.stringify({failed: String(e)}); });
};
</script>"""


@pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed")
def test_the_page_works_in_a_browser_at_phone_width(folders, tmp_path):
    report(folders / "shipped", checklist="barg", out=tmp_path / "report.html")
    (tmp_path / "frame.html").write_text(FRAME, encoding="utf-8")
    done = subprocess.run(
        [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu",
            "--allow-file-access-from-files",
            "--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom",
            f"--user-data-dir={tmp_path / 'profile'}", (tmp_path / "frame.html").as_uri(),
        ],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr, done.stderr
    (text,) = re.findall(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    found = json.loads(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    assert "failed" not in found, found
    assert found["errors"] == [] and found["broken"] == []
    assert len(found["images"]) >= 4 and min(found["images"]) > 100
    assert found["wide"] <= 375  # tables scroll inside themselves, the page does not
    assert found["small"] >= 12
    assert found["hidden"] and found["closed"]
    assert "absolute_effects/patient." in found["said"] and "median(p0)" in found["said"]
    said = re.search(r"absolute_effects/\S+", found["said"]).group()
    assert found["right"].split("/")[:2] == said.split("/")[:2] and found["right"] != said
    assert found["down"].split("/")[1] != found["right"].split("/")[1]
    assert found["down"].split("/")[2] == found["right"].split("/")[2]
    assert found["stops"] == 1
