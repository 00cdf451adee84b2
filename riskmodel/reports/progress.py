"""What is being done, and how long each step took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Steps:
    """Shows each step while it runs and keeps its time.

    Parameters
    ----------
    console : rich.console.Console, optional
        None shows nothing.

    Examples
    --------
    >>> steps = Steps()
    >>> with steps("Simulate"):
    ...     pass
    >>> list(steps.seconds)
    ['Simulate']
    """

    def __init__(self, console: Console | None = None):
        self.console = console
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        if self.console is not None and self.console.is_terminal:
            with self.console.status(f"{name} ..."):
                yield
        else:
            yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
        if self.console is not None:
            self.console.print(f"  {name:<34} {self.seconds[name]:6.1f} s", highlight=False)
