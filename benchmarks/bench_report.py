"""The report against the drawing of its figures: ratios of CPU time, interleaved.

The aim is for the whole of figures and report: at most 1.5 times the figures alone, so that the
report itself is at most half of what its figures take. Nothing here fails; a ratio over its aim is
a place to look.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import riskmodel as rm
from riskmodel.reports.figures import covariate_grid, run_figures
from riskmodel.reports.paper_figure import save_figure
from riskmodel.reports.report import report
from riskmodel.reports.run import run_problem
from riskmodel.simulation.outcomes import simulate

AIM = 1.5
PATIENT = {"id": "patient", "serum_creatinine": 420, "age": 62}


def cpu(function, *arguments) -> float:
    """Return CPU seconds of one call, all threads counted."""
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


def draw(outcomes, grid, folder: Path) -> None:
    """Draw and save every figure of a run that rests on draws."""
    for figure in run_figures(outcomes, grid):
        save_figure(figure, folder)


def main() -> None:
    """Print figures, report and the ratio of both together to the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    rounds = parser.parse_args().rounds
    posterior = rm.fit(rm.load_problem("plex_aav"), seed=7)
    outcomes = simulate(posterior, [PATIENT])
    grid = simulate(posterior, covariate_grid(posterior.loaded), case_mix=False, gate=False)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        run_problem(posterior.loaded, [PATIENT], folder, seed=7)
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        for _ in range(rounds + 1):
            figures = cpu(draw, outcomes, grid, Path(name) / "figures")
            rows.append((figures, cpu(lambda: report(folder, checklist="barg"))))
    figures, written = (statistics.median(column) for column in zip(*rows[1:], strict=True))
    ratio = statistics.median((a + b) / a for a, b in rows[1:])
    print("CPU seconds: figures, report; both over the figures; aim")
    mark = "  over" if ratio > AIM else ""
    print(f"{figures:8.2f} {written:8.2f} {ratio:6.2f} {AIM:6.1f}{mark}")
    print(f"{len(record['figures'])} figures in the page")


if __name__ == "__main__":
    main()
