"""A whole run of a problem with pooled counts and every way of discounting."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

import riskmodel as rm
from riskmodel.decisions.discounts import NOTHING_LEFT
from riskmodel.reports.summary import print_summary
from riskmodel.reports.trace import RunFolder, list_ids, trace

pytestmark = pytest.mark.slow  # samples and draws every figure


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    loaded = rm.load_problem(Path(__file__).parents[1] / "evidence" / "discounted.yaml")
    return rm.run_problem(loaded, None, tmp_path_factory.mktemp("runs") / "trail", seed=2)


def test_a_run_shows_what_every_discount_does_and_where_it_tips(run):
    discounts, tips = run.tables["discounts"], run.tables["tipping_points"]
    discounted = {"fall_risk", "blister_risk", "blister_ratio", "cramp_risk"}
    assert set(discounts["prior"]) == set(tips["prior"]) == discounted
    assert set(discounts["alternative"]) == {"left out", "chosen", "face value"}
    assert (discounts["stopped"] == NOTHING_LEFT).sum() == 2
    assert set(tips["cut"]) == {0.5, 0.8, 0.95}
    benefit = run.tables["net_benefit"].iloc[0]
    chosen = discounts[discounts["alternative"] == "chosen"]["net_benefit"]
    assert chosen.values == pytest.approx(benefit["net_benefit"], rel=1e-9)


def test_what_is_assumed_is_said_in_the_report_the_tables_and_the_terminal(run):
    provenance = run.tables["provenance"].set_index("prior")
    words = "assumed for ROBINS-I 'serious': a default of this package"
    assert words in provenance.loc["blister_ratio", "rule"]
    assert provenance.loc["blister_ratio", "badge"] == "assumed"
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "For which discounts a net benefit is how probable" in page
    assert NOTHING_LEFT in page
    console = Console(width=400, record=True, file=StringIO())
    print_summary(run, console)
    said = console.export_text()
    assert words in said and "P(net benefit > 0) of trail is at least 0.5" in said


def test_the_baseline_of_the_run_is_the_pooled_one(run):
    row = run.tables["absolute_effects"].query("outcome == 'fall'").iloc[0]
    exact = rm.pool_proportions([12, 9, 20], [40, 50, 60]).prediction
    # The mixture's middle is that of the pool to 0.005 (tested beside its quantiles); 5 Monte Carlo
    # errors of a median of 4000 draws of a density near 2 are 5 / (2 * 2 * sqrt(4000)) = 0.02.
    assert row["baseline_risk"] == pytest.approx(1 / (1 + 2.718281828 ** -exact.median()), abs=0.03)


def test_every_number_of_both_tables_can_be_traced(run):
    folder, traced = RunFolder.open(run.folder), 0
    for table in ("discounts", "tipping_points"):
        listed = list_ids(folder, table)
        for row in listed["rows"]:
            for column in listed["columns"]:
                number = trace(folder, f"{table}/{row}/{column}")
                if number["value"] is not None and column != "prob":
                    assert number["formula"]["symbols"], f"{table}/{row}/{column}"
                    traced += 1
    assert traced > 80
