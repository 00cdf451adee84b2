"""A page as PDF, by the print layout of a browser that is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "headless_shell",
    "microsoft-edge",
    "msedge",
    "brave-browser",
)
VARIABLE = "RISKMODEL_BROWSER"
SECONDS = 120
# Same length, so that no offset in the file moves.
_DATE = re.compile(rb"(/(?:CreationDate|ModDate) ?\(D:)(\d{14})([^)]*)\)")
_HOW = f"open brief.html in a browser and print it to A4, or name one in {VARIABLE}"


def find_browser() -> str | None:
    """Return the path of a browser that prints without a window, or None.

    The one named in the environment variable RISKMODEL_BROWSER comes first.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return shutil.which(named)
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def print_pdf(page: Path, target: Path) -> str | None:
    """Print an HTML file to PDF without dates; return what stood in the way, or None.

    Parameters
    ----------
    page : pathlib.Path
    target : pathlib.Path

    Notes
    -----
    The dates that a browser writes into the file are zeroed, so that the same page is the same
    bytes.
    """
    browser = find_browser()
    if browser is None:
        return f"no PDF: no browser was found; {_HOW}"
    with tempfile.TemporaryDirectory() as home:
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--disable-extensions",
            "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={home}",
            "--no-pdf-header-footer",
            f"--print-to-pdf={target.resolve()}",
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:  # a browser's sandbox refuses root
            command.append("--no-sandbox")
        try:
            subprocess.run(
                [*command, page.resolve().as_uri()],
                check=True,
                capture_output=True,
                timeout=SECONDS,
            )
        except (OSError, subprocess.SubprocessError):
            target.unlink(missing_ok=True)
            return f"no PDF: the browser did not print the page; {_HOW}"
    if not target.exists():
        return f"no PDF: the browser wrote none; {_HOW}"
    target.write_bytes(without_dates(target.read_bytes()))
    return None


def without_dates(pdf: bytes) -> bytes:
    """Return a PDF whose dates of making are zeroed, at the same length.

    Examples
    --------
    >>> without_dates(b"/CreationDate (D:20260131120000+00'00')")
    b"/CreationDate (D:19700101000000+00'00')"
    """
    return _DATE.sub(rb"\g<1>19700101000000\g<3>)", pdf)


def pages_of(pdf: bytes) -> int:
    """Return the number of pages of a PDF whose page objects are not compressed.

    Examples
    --------
    >>> pages_of(b"<</Type /Page /Parent 1 0 R>> <</Type /Pages /Count 1>>")
    1
    """
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))
