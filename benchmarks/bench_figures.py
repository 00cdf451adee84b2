"""Figures against the least that saving them takes: ratios of CPU time, interleaved.

The base is one warm ``savefig`` of the same figure in each of the journal's formats at its dpi, to
memory. Ours opens nothing and samples nothing, but computes the table from the stored draws, draws
the figure anew, lays it out, and writes the files with points and caption. What several figures
share (opening the run, the grid of profiles, the reports of decide, sensitivity and value) is
computed once before, as `riskmodel figures` does. Nothing here fails; a ratio over its aim is a
place to look.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from pathlib import Path

from riskmodel.errors import ParameterError
from riskmodel.evidence.loading import load_problem
from riskmodel.plots.journals import drawn_for
from riskmodel.plots.style import house_style
from riskmodel.reports.figures_by_name import FAMILIES, drawn_figures
from riskmodel.reports.finished_run import FinishedRun
from riskmodel.reports.paper_figure import PaperFigure, drawn_from
from riskmodel.reports.run import run_problem

AIM = 4.0


def base(figure: PaperFigure) -> float:
    """Return CPU seconds of one savefig in each of the figure's formats."""
    start = time.process_time()
    with drawn_for(figure.journal), house_style():
        for ending in figure.journal.formats:
            figure.figure.savefig(io.BytesIO(), format=ending, dpi=figure.journal.dpi)
    return time.process_time() - start


def ours(run: FinishedRun, name: str, folder: Path) -> tuple[float, list[PaperFigure]]:
    """Return CPU seconds of drawing and writing every figure of a family, and the figures."""
    start = time.process_time()
    made = list(drawn_figures(run, name))
    for figure in made:
        figure.save(folder)
    return time.process_time() - start, made


def main() -> None:
    """Print every ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", nargs="?", help="a run's folder; by default one is made")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--journal", default="house,plos")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        compare(FinishedRun(asked.run or made_run(Path(folder) / "run")), asked)


def made_run(folder: Path) -> Path:
    """Return the folder of a new run of the shipped problem at three horizons."""
    run_problem(
        load_problem("plex_aav"),
        [{"id": "patient", "serum_creatinine": 420, "age": 62}],
        folder,
        horizons="6,12,36",
        seed=1,
    )
    return folder


def compare(run: FinishedRun, asked: argparse.Namespace) -> None:
    """Print a row a journal and family."""
    print(f"{'figure':<40} {'ours ms':>8} {'base ms':>8} {'ratio':>6} {'aim':>5}")
    for journal in asked.journal.split(","):
        with drawn_for(journal), drawn_from(run.record), tempfile.TemporaryDirectory() as folder:
            for name in FAMILIES:
                try:
                    rows = []
                    for _ in range(asked.rounds + 1):  # the first warms up and is left out
                        seconds, made = ours(run, name, Path(folder))
                        rows.append((seconds, sum(base(figure) for figure in made)))
                except ParameterError:
                    continue
                first, second = (
                    1000 * statistics.median(column) for column in zip(*rows[1:], strict=True)
                )
                ratio = statistics.median(a / b for a, b in rows[1:])
                over = "  over" if ratio > AIM else ""
                print(f"{journal + ': ' + name:<40} {first:8.0f} {second:8.0f} {ratio:6.2f} "
                      f"{AIM:5.1f}{over}")  # fmt: skip


if __name__ == "__main__":
    main()
