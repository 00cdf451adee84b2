"""What a journal asks of a figure, measured in the files that are written."""

import re
import struct
import zlib

import numpy as np
import pandas as pd
import pytest
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from PIL import Image

from riskmodel.errors import ParameterError
from riskmodel.plots.effects import plot_differences
from riskmodel.plots.icons import plot_icons
from riskmodel.plots.journals import HOUSE, JOURNALS, current_journal, drawn_for, find_journal
from riskmodel.plots.style import house_style, small, style_of
from riskmodel.reports.paper_figure import PaperFigure, drawn_from, new_figure, styled

Image.MAX_IMAGE_PIXELS = None
PAPERS = [key for key in JOURNALS if key != "house"]
TABLE = pd.DataFrame(
    {
        "value": [-40.0, 25.0],
        "lower": [-90.0, 5.0],
        "upper": [10.0, 60.0],
        "meaning": ["more is worse", "more is better"],
    }
)


@styled
def example() -> PaperFigure:
    """A figure with text too small, lines too thick, a hatch, transparency and colour in words."""
    figure, ax = new_figure(60)
    plot_differences(
        TABLE, labels=["One", "Two"], xlabel="Per 1000", directions=("fewer", "more"), ax=ax
    )
    ax.axvspan(0, 20, alpha=0.3, color="#0072B2", hatch="///")
    ax.plot([-50, 50], [0, 1], linewidth=7, alpha=0.5, color="#D55E00")
    ax.plot([-50, 50], [1, 0], linewidth=0.05)
    ax.text(0, 0.5, "words", fontsize=3, color="#009E73")
    ax.grid(True)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center")
    return PaperFigure("example", figure, TABLE, "A caption.", "Words.")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Every journal's files of the example, by journal and ending."""
    record = {"problem": "example", "posterior": {"digest": "abc", "seed": 1}}
    found = {}
    for key in JOURNALS:
        folder = tmp_path_factory.mktemp(key)
        with drawn_for(key), drawn_from(record) as origin:
            made = example()
        made.save(folder)
        found[key] = (made, folder)
    return found, origin.digest


# --- the table ----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", PAPERS)
def test_every_journal_has_a_source_and_says_what_is_open(key):
    journal = JOURNALS[key]
    assert journal.source and journal.formats and journal.lines[0] < journal.lines[1]
    assert journal.single_mm < journal.double_mm <= 200 and journal.greatest_height_mm <= 260
    assert journal.smallest_text <= journal.font_size
    assert set(journal.unconfirmed) <= set(journal.__dataclass_fields__)
    assert set(journal.formats) <= {"pdf", "svg", "eps", "tiff", "png"}


def test_limits_read_on_the_publishers_pages_are_kept():
    assert JOURNALS["plos"].formats == ("tiff", "eps") and JOURNALS["plos"].double_mm == 190.5
    assert JOURNALS["elsevier"].lines == (0.1, 1.5) and JOURNALS["elsevier"].font_size == 7
    assert JOURNALS["bmc"].lines[0] == 0.5 and JOURNALS["bmc"].smallest_text == 8
    assert not JOURNALS["nature"].patterns and not JOURNALS["nature"].grid


def test_an_unknown_journal_is_answered_with_the_known_ones():
    with pytest.raises(ParameterError, match="did you mean 'elsevier'") as caught:
        find_journal("elsvier")
    assert all(key in str(caught.value) for key in PAPERS)
    assert find_journal(None) is HOUSE and find_journal("PLOS") is JOURNALS["plos"]


def test_the_journal_holds_inside_its_block_only():
    with drawn_for("elsevier"):
        assert (current_journal().id, small()) == ("elsevier", 7)
        with drawn_for("plos"):
            assert small() == 8
        assert small() == 7
    assert current_journal() is HOUSE


# --- what is drawn ------------------------------------------------------------------------------


@pytest.mark.parametrize("key", list(JOURNALS))
def test_text_and_lines_are_within_limits(saved, key):
    made, journal = saved[0][key][0].figure, JOURNALS[key]
    sizes = [text.get_fontsize() for text in made.findobj(Text) if text.get_text()]
    assert min(sizes) >= journal.smallest_text and max(sizes) <= journal.font_size
    widths = [line.get_linewidth() for line in made.findobj(Line2D) if line.get_linewidth()]
    widths += [patch.get_linewidth() for patch in made.findobj(Patch) if patch.get_linewidth()]
    assert journal.lines[0] <= min(widths) and max(widths) <= journal.lines[1]
    assert style_of(journal)["axes.linewidth"] >= journal.lines[0]


def test_nature_gets_no_pattern_no_coloured_words_and_no_grid(saved):
    figure = saved[0]["nature"][0].figure
    assert not any(patch.get_hatch() for patch in figure.findobj(Patch))
    assert {text.get_color() for text in figure.findobj(Text) if text.get_text() == "words"} == {
        "black"
    }
    assert not any(line.get_visible() for line in figure.axes[0].get_xgridlines())
    other = saved[0]["elsevier"][0].figure
    assert any(patch.get_hatch() for patch in other.findobj(Patch))


def test_a_figure_higher_than_the_page_is_cut_to_it():
    with drawn_for("nature"), house_style():
        figure, _ = new_figure(400)
    assert figure.get_size_inches()[1] * 25.4 == pytest.approx(170)


# --- what is written ----------------------------------------------------------------------------


def path_of(saved, key, ending):
    return saved[0][key][1] / f"example.{ending}"


@pytest.mark.parametrize("key", list(JOURNALS))
def test_files_have_the_formats_and_the_physical_size_of_the_journal(saved, key):
    journal, folder = JOURNALS[key], saved[0][key][1]
    written = {path.suffix[1:] for path in folder.iterdir()}
    assert written == {*journal.formats, "csv", "txt"}
    for ending in journal.formats:
        width, height = size_mm(folder / f"example.{ending}")
        assert width == pytest.approx(journal.width_mm, abs=0.1), ending  # a pixel at most
        assert height == pytest.approx(60, abs=0.1), ending


def size_mm(path):
    """Return width and height of a file, as its own format states them."""
    if path.suffix == ".pdf":
        box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+)", path.read_bytes())
        return tuple(float(part) / 72 * 25.4 for part in box.groups())
    if path.suffix == ".svg":
        head = path.read_text(encoding="utf-8")
        sides = (re.search(rf'{side}="([\d.]+)pt"', head) for side in ("width", "height"))
        return tuple(float(found[1]) / 72 * 25.4 for found in sides)
    if path.suffix == ".eps":
        box = re.search(r"%%HiResBoundingBox: 0(?:\.0+)? 0(?:\.0+)? ([\d.]+) ([\d.]+)",
                        path.read_text(encoding="latin-1"))  # fmt: skip
        return tuple(float(part) / 72 * 25.4 for part in box.groups())
    with Image.open(path) as image:
        return tuple(
            side / float(dpi) * 25.4
            for side, dpi in zip(image.size, image.info["dpi"], strict=True)
        )


def test_images_have_the_journals_resolution_and_tiff_is_plain_rgb_with_lzw(saved):
    with Image.open(path_of(saved, "plos", "tiff")) as image:
        assert image.mode == "RGB" and image.info["compression"] == "tiff_lzw"
        assert [round(float(dpi)) for dpi in image.info["dpi"]] == [300, 300]
        assert 789 <= image.size[0] <= 2250  # what PLOS prints for 300 dpi
    with Image.open(path_of(saved, "house", "png")) as image:
        assert round(image.info["dpi"][0]) == HOUSE.dpi


def test_pdf_holds_truetype_and_no_outline_of_type_3(saved):
    for key in ("house", "elsevier"):
        content = path_of(saved, key, "pdf").read_bytes()
        assert b"/FontFile2" in content and b"/Type3" not in content
        names = set(re.findall(rb"/FontName /([A-Z]{6}\+[\w-]+|[\w-]+)", content))
        assert any(b"Arimo" in name for name in names)
    eps = path_of(saved, "plos", "eps").read_text(encoding="latin-1")
    assert "/FontType 42" in eps and "/FontType 3 " not in eps


def test_svg_holds_its_text_as_paths(saved):
    content = path_of(saved, "house", "svg").read_text(encoding="utf-8")
    assert "<text" not in content and "font-family" not in content


def test_eps_has_no_transparency_and_the_figure_keeps_its_own(saved, caplog):
    made, folder = saved[0]["plos"]
    caplog.clear()
    made.save(folder)
    assert not caplog.records  # matplotlib would say that it draws transparent parts opaque
    (thick,) = [line for line in made.figure.findobj(Line2D) if line.get_alpha() == 0.5]
    assert thick.get_color() == "#D55E00"
    eps = path_of(saved, "plos", "eps").read_text(encoding="latin-1")
    # 0.5 of D55E00 on white
    red, green, blue = (0.5 * int("D55E00"[i : i + 2], 16) / 255 + 0.5 for i in (0, 2, 4))
    used = [
        tuple(map(float, m)) for m in re.findall(r"([\d.]+) ([\d.]+) ([\d.]+) setrgbcolor", eps)
    ]
    assert any(np.allclose(colour, (red, green, blue), atol=1e-3) for colour in used)


def test_every_file_carries_the_digest_of_its_run(saved):
    digest = saved[1]
    assert re.fullmatch(r"[0-9a-f]{32}", digest)
    for key, ending in (("house", "pdf"), ("house", "svg"), ("plos", "eps")):
        assert digest.encode() in path_of(saved, key, ending).read_bytes(), ending
    with Image.open(path_of(saved, "house", "png")) as image:
        assert digest in image.info["Description"]
    with Image.open(path_of(saved, "plos", "tiff")) as image:
        assert digest in image.tag_v2[270]


def test_no_file_knows_when_it_was_made(saved):
    assert b"CreationDate" not in path_of(saved, "house", "pdf").read_bytes()
    assert "CreationDate" not in path_of(saved, "plos", "eps").read_text(encoding="latin-1")
    assert "<dc:date>" not in path_of(saved, "house", "svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", ["house", "plos"])
def test_drawn_again_it_is_the_same_bytes(saved, key, tmp_path):
    record = {"problem": "example", "posterior": {"digest": "abc", "seed": 1}}
    with drawn_for(key), drawn_from(record):
        again = example()
    for path in again.save(tmp_path):
        assert path.read_bytes() == (saved[0][key][1] / path.name).read_bytes(), path.name


def test_a_png_is_read_as_grey_and_still_tells_lines_apart(saved):
    # Lightness of the palette differs by more than a printer's step between neighbours.
    from riskmodel.plots.style import COLOURS, LINES

    light = []
    for colour in COLOURS:
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        light.append(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    close = [(i, j) for i in range(6) for j in range(i) if abs(light[i] - light[j]) < 0.05]
    assert all(LINES[i] != LINES[j] for i, j in close)  # where grey does not, the dashes do


# --- icons --------------------------------------------------------------------------------------


def test_icons_count_the_patients():
    import matplotlib.pyplot as plt

    ax = plot_icons(35, 100, before=28)
    assert [len(part.get_offsets()) for part in ax.collections] == [65, 28, 7]
    ax = plot_icons(0, 1000, before=0)
    assert [len(part.get_offsets()) for part in ax.collections] == [1000, 0]
    places = np.concatenate([part.get_offsets() for part in plot_icons(3, 40).collections])
    assert len(np.unique(places, axis=0)) == 40
    plt.close("all")


def test_png_chunks_can_be_read_without_a_library(saved):
    # The text chunk is where other readers look: its own check sum holds.
    data, place = path_of(saved, "house", "png").read_bytes(), 8
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        kind, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        (check,) = struct.unpack(">I", data[place + 8 + length : place + 12 + length])
        assert zlib.crc32(kind + body) == check
        if kind == b"tEXt" and body.startswith(b"Description"):
            assert saved[1].encode() in body
            return
        place += 12 + length
    raise AssertionError("no description")
