"""References as other programs read them."""

import json
import re

import pytest

from riskmodel.errors import ParameterError
from riskmodel.parameters.library import load_library
from riskmodel.parameters.schema import Source
from riskmodel.reports.cite import (
    FORMATS,
    as_data,
    bibtex,
    cited_by,
    csl_item,
    escape,
    is_article,
    is_others,
    parse_author,
    render,
    vancouver,
)

LIBRARY = load_library()
SOURCES = LIBRARY.records("source")
EVERY = pytest.mark.parametrize("key", SOURCES)


def source(**fields):
    return Source.model_validate(
        {"citation": "A citation", "read": "abstract", "role": "primary", **fields}
    )


# --- BibTeX, read back --------------------------------------------------------------------------


def parse_bibtex(text):
    """Read one entry as BibTeX does: braces nest, a backslash does not hide one."""
    kind, key, body = re.fullmatch(r"@(\w+)\{([^,\s]+),\n(.*)\n\}", text, re.DOTALL).groups()
    fields, at = {}, 0
    while at < len(body):
        name = re.compile(r"\s*(\w+) = ").match(body, at)
        assert name, body[at:]
        at, depth, start = name.end(), 0, name.end()
        while at < len(body) and (depth or body[at] != ","):
            depth += {"{": 1, "}": -1}.get(body[at], 0) if body[at - 1] != "\\" else 0
            assert depth >= 0
            at += 1
        assert depth == 0
        value = body[start:at].strip()
        fields[name[1]] = value[1:-1] if value.startswith("{") else value
        at += 1
    return kind, key, fields


def unescape(text):
    for plain, escaped in (
        ("~", r"\textasciitilde{}"),
        ("^", r"\textasciicircum{}"),
        ("\\", r"\textbackslash{}"),
    ):
        text = text.replace(escaped, plain)
    return re.sub(r"\\([&%$#_{}])", r"\1", text)


@EVERY
def test_every_shipped_source_comes_back_from_bibtex(key):
    shipped = SOURCES[key]
    kind, name, fields = parse_bibtex(bibtex(key, shipped))
    assert name == key
    assert kind == ("article" if is_article(shipped) else "misc")
    required = ("journal",) if kind == "article" else ("title",)
    assert all(fields.get(field) for field in required)
    if shipped.title:
        assert unescape(fields["title"][1:-1]) == shipped.title
    assert (fields.get("doi"), fields.get("url")) == (shipped.doi, shipped.url)
    assert fields.get("year") == (shipped.date[:4] if shipped.date else None)
    for own, theirs in (("volume", "volume"), ("issue", "number"), ("pages", "pages")):
        assert unescape(fields.get(theirs, "")).replace("--", "-") == (getattr(shipped, own) or "")
    authors = fields["author"].split(" and ") if "author" in fields else []
    assert len(authors) == len(shipped.authors)
    assert shipped.read.split()[0] in unescape(fields["note"])


def test_what_latex_would_take_as_a_command_is_escaped():
    text = r"5% & $3_a #1 {x} ~ ^ \cmd"
    assert unescape(escape(text)) == text
    entry = bibtex("odd", source(title=text, url="https://example.org/a{b}_c%20&d"))
    _, _, fields = parse_bibtex(entry)
    assert unescape(fields["title"][1:-1]) == text
    assert fields["url"] == "https://example.org/a%7Bb%7D_c%20&d"


def test_names_keep_particles_suffixes_and_those_not_named():
    authors = ["van Eijk JJJ", "Soares Ferreira Jr A", "A Study Group", "et al"]
    _, _, fields = parse_bibtex(bibtex("x", source(authors=authors)))
    assert fields["author"] == (
        "van Eijk, J. J. J. and Soares Ferreira, Jr, A. and {A Study Group} and others"
    )


def test_a_full_date_is_kept():
    _, _, fields = parse_bibtex(bibtex("x", source(date="2025-07-08")))
    assert (fields["year"], fields["month"], fields["day"]) == ("2025", "jul", "8")


# --- CSL-JSON -----------------------------------------------------------------------------------


@EVERY
def test_every_shipped_source_is_an_item_of_csl_json(key):
    shipped = SOURCES[key]
    (item,) = json.loads(render(cited_by(LIBRARY, key), "csl-json"))
    assert item == csl_item(key, shipped)
    assert item["id"] == key
    assert item["type"] in ("article-journal", "webpage", "document")
    assert item.get("title") or item["container-title"]
    assert (item.get("DOI"), item.get("PMID"), item.get("URL")) == (
        shipped.doi, shipped.pmid, shipped.url,
    )  # fmt: skip
    assert shipped.read.split()[0] in item["note"]
    for author in item.get("author", []):
        assert set(author) == {"literal"} or {"family", "given"} <= set(author)
    for part in item.get("issued", {}).get("date-parts", [[]])[0]:
        assert isinstance(part, int)


@EVERY
def test_authors_of_shipped_sources_are_names_or_et_al(key):
    for author in SOURCES[key].authors:
        assert is_others(author) or not parse_author(author).literal, author


# --- Vancouver ----------------------------------------------------------------------------------


@EVERY
def test_every_shipped_source_is_one_line_with_its_addresses(key):
    shipped = SOURCES[key]
    line = vancouver(shipped)
    assert "\n" not in line and "None" not in line and ".." not in line.split("Available")[0]
    for part in (shipped.doi, shipped.pmid, shipped.url):
        assert part is None or part in line
    assert "[Read: " in line
    assert ("tertiary source" in line) == (shipped.role == "tertiary")


def test_an_article_stands_in_vancouver_style():
    assert vancouver(SOURCES["walters2010"]).startswith(
        "Walters GD, Willis NS, Craig JC. BMC Nephrol. 2010;11:12. doi:10.1186/1471-2369-11-12."
    )
    assert vancouver(SOURCES["cochrane_cidp_pe"]).startswith(
        "Plasma exchange for CIDP. Cochrane. 2015:CD003906.pub4."
    )


def test_what_has_no_parts_is_cited_by_its_citation():
    assert vancouver(source()) == "A citation. [Read: abstract]"


# --- what an id rests on ------------------------------------------------------------------------


def test_a_record_cites_its_source_with_its_locator():
    cited = cited_by(LIBRARY, "rr_eskd_12m")
    assert cited.locators == {"walsh2022": ["abstract, results"]}
    data = as_data("rr_eskd_12m", cited, "bibtex")
    assert data["citations"][0]["citation"] == bibtex("walsh2022", SOURCES["walsh2022"])


def test_a_problem_cites_all_it_uses_once_and_tells_its_judgements():
    cited = cited_by(LIBRARY, "plex_aav")
    assert {"walsh2022", "zeng2022", "medwire_walsh"} <= set(cited.sources)
    assert any(line.startswith("judgement of the maintainers") for line in cited.judgements)
    text = render(cited, "bibtex")
    assert text.count("@article{walsh2022,") == 1


def test_a_contradiction_cites_its_sides():
    (key, *_) = LIBRARY.entries["contradiction"]
    assert cited_by(LIBRARY, key).sources


@pytest.mark.parametrize("style", FORMATS)
def test_a_judgement_has_no_citation_and_says_whose(style):
    cited = cited_by(LIBRARY, "serious_infection_risk_implied")
    assert cited.sources == {}
    text = render(cited, style)
    if style == "csl-json":
        assert json.loads(text) == []
    else:
        assert "judgement of the maintainers of riskmodel" in text
        assert "@" not in text
    assert as_data("x", cited, style)["judgements"]


def test_what_cites_nothing_and_what_is_not_there_is_refused():
    with pytest.raises(ParameterError, match="a treatment that cites nothing"):
        cited_by(LIBRARY, "plasma_exchange")
    with pytest.raises(ParameterError, match="did you mean 'walsh2022'"):
        cited_by(LIBRARY, "walsh202")
    with pytest.raises(ParameterError, match="did you mean 'bibtex'"):
        render(cited_by(LIBRARY, "walsh2022"), "bibtx")
