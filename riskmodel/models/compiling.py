"""Compiling a model without other packages' announcements."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_compiling() -> Iterator[None]:
    """Keep back what says nothing of a model: packages' plans, and that numba cannot cache it.

    nutpie keeps back the latter itself, but misses it where colorama is installed, which has numba
    colour its words.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # ArviZ and PyTensor announce themselves
        warnings.filterwarnings("ignore", message=r"(?s).*Cannot cache compiled function")
        yield
