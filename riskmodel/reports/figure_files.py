"""A figure's files: exact size, embedded fonts, the same bytes each time, the run's digest inside.

PDF and EPS hold TrueType fonts, SVG holds text as paths. EPS knows no transparency: there every
pale area takes the colour it would have on white.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np


def write_file(figure, path: Path, *, dpi: int, digest: str = "") -> Path:
    """Write a figure whose layout is done in the format that its file's ending names.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : Path
        Ending ``pdf``, ``svg``, ``png``, ``tiff`` or ``eps``.
    dpi : int
    digest : str
        Of the run; kept in the file's metadata.

    Notes
    -----
    No date is written, and no bounding box is fitted: the file has the figure's own size.
    """
    _WRITERS[path.suffix[1:]](figure, path, dpi, f"riskmodel run {digest}" if digest else None)
    return path


def _pdf(figure, path: Path, dpi: int, words: str | None) -> None:
    known = {"Keywords": words} if words else {}
    figure.savefig(path, format="pdf", dpi=dpi, metadata={"CreationDate": None, **known})


def _svg(figure, path: Path, dpi: int, words: str | None) -> None:
    known = {"Description": words} if words else {}
    figure.savefig(path, format="svg", dpi=dpi, metadata={"Date": None, **known})


def _png(figure, path: Path, dpi: int, words: str | None) -> None:
    known = {"Description": words} if words else {}
    figure.savefig(
        path,
        format="png",
        dpi=dpi,
        metadata={"Software": None, **known},
        pil_kwargs={"compress_level": 1},  # half the time, a little larger
    )


def _tiff(figure, path: Path, dpi: int, words: str | None) -> None:
    """Write RGB with LZW: what transparency there is lies on the figure's own background."""
    from PIL import Image

    before = figure.dpi
    figure.set_dpi(dpi)
    try:
        figure.canvas.draw()
        pixels = np.ascontiguousarray(np.asarray(figure.canvas.buffer_rgba())[..., :3])
    finally:
        figure.set_dpi(before)
    known = {"description": words} if words else {}
    Image.fromarray(pixels).save(
        path, format="TIFF", compression="tiff_lzw", dpi=(dpi, dpi), **known
    )


def _eps(figure, path: Path, dpi: int, words: str | None) -> None:
    text = io.StringIO()
    with _opaque(figure):
        figure.savefig(text, format="eps", dpi=dpi)
    said = f"%%Keywords: {words}\n" if words else ""
    dated = re.compile(r"^%%CreationDate:.*\n", re.MULTILINE)
    path.write_text(dated.sub(said, text.getvalue(), count=1), encoding="latin-1")


_WRITERS = {"pdf": _pdf, "svg": _svg, "png": _png, "tiff": _tiff, "eps": _eps}


@contextmanager
def _opaque(figure) -> Iterator[None]:
    """Give every transparent artist its colour on white inside the block, then its own again."""
    from matplotlib.artist import Artist

    kept = []
    for artist in figure.findobj(Artist, include_self=False):
        before = dict(vars(artist))
        if _on_white(artist):
            kept.append((artist, before))
    try:
        yield
    finally:
        for artist, before in kept:
            vars(artist).clear()
            vars(artist).update(before)


def _on_white(artist) -> bool:
    """Change one artist; say whether there was anything to change."""
    from matplotlib.collections import Collection
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if isinstance(artist, Line2D):
        if artist.get_alpha() in (None, 1):
            return False
        artist.set_color(_blend(artist.get_color(), artist.get_alpha()))
        artist.set_alpha(None)
        return True
    if not isinstance(artist, Patch | Collection):
        return False
    face, edge = np.atleast_2d(artist.get_facecolor()), np.atleast_2d(artist.get_edgecolor())
    if artist.get_alpha() in (None, 1) and all(
        np.isin(colours[..., -1], (0, 1)).all() for colours in (face, edge) if colours.size
    ):
        return False
    artist.set_alpha(None)
    if isinstance(artist, Collection):
        artist.set_facecolor([_blend(colour) for colour in face])
        artist.set_edgecolor([_blend(colour) for colour in edge])
    else:
        artist.set_facecolor(_blend(face[0]))
        artist.set_edgecolor(_blend(edge[0]))
    return True


def _blend(colour, alpha: float | None = None) -> tuple:
    """Return a colour as it looks on white; one that is not there at all stays away.

    Examples
    --------
    >>> _blend((0.0, 0.0, 0.0, 0.25))
    (0.75, 0.75, 0.75, 1.0)
    """
    from matplotlib.colors import to_rgba

    *parts, share = to_rgba(colour, alpha)
    if share == 0:
        return (0.0, 0.0, 0.0, 0.0)
    return (*(float(share * part + 1 - share) for part in parts), 1.0)
