"""What each journal asks of a figure: width, height, type, lines, formats, resolution.

A figure is drawn anew for its journal and never scaled: whoever draws asks :func:`current_journal`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from riskmodel.errors import ParameterError, Problem, did_you_mean

OPEN = "to be confirmed"


@dataclass(frozen=True, kw_only=True)
class Journal:
    """What one journal, or family of journals, asks of a figure.

    Parameters
    ----------
    id, label : str
    single_mm, double_mm : float
        Widths of one column and of the page's full type area. Figures take the full width.
    greatest_height_mm : float
    font_size, smallest_text : float
        In points: of all text, and the least that any text may have.
    lines : (float, float)
        Thinnest and thickest line, in points.
    formats : tuple of str
        Endings of the files that are written: ``pdf``, ``svg``, ``eps``, ``tiff``, ``png``.
    dpi : int
        Of images, and of what is turned into pixels within a vector file.
    patterns, coloured_text, grid : bool
        Whether hatches, text in colour and grid lines may be used.
    source : str
        Where the figures were read, and when.
    unconfirmed : tuple of str
        Fields that stand on no publisher's own page as yet; look them up before submission.
    """

    id: str
    label: str
    single_mm: float
    double_mm: float
    greatest_height_mm: float
    font_size: float
    smallest_text: float
    lines: tuple[float, float]
    formats: tuple[str, ...]
    dpi: int
    patterns: bool = True
    coloured_text: bool = True
    grid: bool = True
    source: str
    unconfirmed: tuple[str, ...] = field(default=())

    @property
    def width_mm(self) -> float:
        """Return the width that figures take: the full one, which every figure is made for."""
        return self.double_mm

    def line(self, width: float) -> float:
        """Return a line's width held within what the journal allows.

        Examples
        --------
        >>> JOURNALS["bmc"].line(0.3), JOURNALS["elsevier"].line(3)
        (0.5, 1.5)
        """
        return min(max(width, self.lines[0]), self.lines[1])


HOUSE = Journal(
    id="house",
    label="No journal: the house's own size",
    single_mm=85,
    double_mm=176,
    greatest_height_mm=240,
    font_size=8,
    smallest_text=7,
    lines=(0.3, 6),
    formats=("pdf", "svg", "png"),
    dpi=300,
    source="the house's own choice",
)

# Facts were noted in 2025 from the publishers' own pages as far as `unconfirmed` does not say
# otherwise; copies of such pages elsewhere carry figures that contradict one another.
_NOTED = (
    HOUSE,
    Journal(
        id="plos",
        label="PLOS",
        single_mm=132,
        double_mm=190.5,
        greatest_height_mm=222.3,
        font_size=8,
        smallest_text=8,
        lines=(0.5, 1.5),
        formats=("tiff", "eps"),
        dpi=300,
        source="PLOS, Figures: TIFF or EPS only, 300 to 600 dpi, 66.8 to 190.5 mm wide (789 to "
        "2250 pixels at 300 dpi), at most 222.3 mm high, 8 to 12 points, below 10 MB",
        unconfirmed=("single_mm", "lines"),
    ),
    Journal(
        id="elsevier",
        label="Elsevier",
        single_mm=90,
        double_mm=190,
        greatest_height_mm=240,
        font_size=7,
        smallest_text=7,
        lines=(0.1, 1.5),
        formats=("pdf", "eps"),
        dpi=500,
        source="Elsevier, Artwork: EPS or PDF for vectors; line art 1000 dpi, combinations 500; 7 "
        "points, lines 0.10 to 1.5 points",
        unconfirmed=("single_mm", "double_mm", "greatest_height_mm"),
    ),
    Journal(
        id="springer",
        label="Springer",
        single_mm=84,
        double_mm=174,
        greatest_height_mm=234,
        font_size=8,
        smallest_text=8,
        lines=(0.3, 1.5),
        formats=("eps", "pdf"),
        dpi=600,
        source="Springer, Artwork: EPS preferred for vectors; line art 1200 dpi, combinations 600; "
        "lines at least 0.1 mm, 8 to 12 points in Helvetica or Arial, legible in grey",
        unconfirmed=("single_mm", "double_mm", "greatest_height_mm", "lines"),
    ),
    Journal(
        id="bmc",
        label="BMC",
        single_mm=85,
        double_mm=176,
        greatest_height_mm=225,
        font_size=8,
        smallest_text=8,
        lines=(0.5, 1.5),
        formats=("pdf", "eps"),
        dpi=300,
        source="BioMed Central, Figure types (older page): 85 or 176 mm, PDF or EPS for vectors; "
        "lines at least 0.5 points, text at least 8 points, images at least 300 dpi",
        unconfirmed=("greatest_height_mm",),
    ),
    Journal(
        id="wiley",
        label="Wiley",
        single_mm=80,
        double_mm=180,
        greatest_height_mm=240,
        font_size=8,
        smallest_text=8,
        lines=(0.3, 1.5),
        formats=("pdf", "eps"),
        dpi=600,
        source="Wiley, Figure preparation: EPS or PDF, line art 600 dpi, at least 80 mm or 1800 "
        "pixels wide, below 10 MB",
        unconfirmed=("double_mm", "greatest_height_mm", "font_size", "smallest_text", "lines"),
    ),
    Journal(
        id="nature",
        label="Nature",
        single_mm=89,
        double_mm=183,
        greatest_height_mm=170,
        font_size=7,
        smallest_text=6,
        lines=(0.25, 1),
        formats=("pdf", "eps"),
        dpi=300,
        patterns=False,
        coloured_text=False,
        grid=False,
        source="Nature, Figure guide: at least 5 points in Arial or Helvetica, Wong's palette, "
        "no grid lines, no coloured text, no patterns",
        unconfirmed=("single_mm", "double_mm", "greatest_height_mm", "lines", "dpi"),
    ),
    Journal(
        id="bmj",
        label="BMJ",
        single_mm=89,
        double_mm=183,
        greatest_height_mm=240,
        font_size=8,
        smallest_text=7,
        lines=(0.3, 1.5),
        formats=("tiff", "pdf"),
        dpi=300,
        source="no page was read that gives sizes; near to those of the others",
        unconfirmed=(
            "single_mm", "double_mm", "greatest_height_mm", "font_size", "smallest_text", "lines",
            "formats", "dpi",
        ),
    ),
)  # fmt: skip
JOURNALS = {journal.id: journal for journal in _NOTED}

_CURRENT: ContextVar[Journal] = ContextVar("journal", default=HOUSE)


def find_journal(name: str | Journal | None) -> Journal:
    """Return a journal by its id; None is the house's own size.

    Raises
    ------
    ParameterError
        If it is not known; the message lists those that are.

    Examples
    --------
    >>> find_journal("plos").formats
    ('tiff', 'eps')
    """
    if name is None or isinstance(name, Journal):
        return name or HOUSE
    known = JOURNALS.get(str(name).lower())
    if known is None:
        raise ParameterError(
            [
                Problem(
                    field="journal",
                    found=name,
                    allowed=", ".join(key for key in JOURNALS if key != HOUSE.id),
                    remedy=f"{did_you_mean(name, JOURNALS)} none is the house's own size",
                )
            ]
        )
    return known


def current_journal() -> Journal:
    """Return the journal that is drawn for here: the house's own size unless one was chosen."""
    return _CURRENT.get()


@contextmanager
def drawn_for(journal: str | Journal | None) -> Iterator[Journal]:
    """Draw for a journal inside the block.

    Examples
    --------
    >>> with drawn_for("elsevier"):
    ...     current_journal().width_mm
    190
    """
    chosen = find_journal(journal)
    token = _CURRENT.set(chosen)
    try:
        yield chosen
    finally:
        _CURRENT.reset(token)
