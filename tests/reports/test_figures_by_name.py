"""Figures of a finished run by name, as whoever writes a paper asks for them."""

import dataclasses
import json
import subprocess
import sys
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.text import Text

import riskmodel as rm
from riskmodel.cli import main
from riskmodel.errors import ConvergenceError, ParameterError
from riskmodel.models import posterior as posterior_module
from riskmodel.models.gate import allowed_unconverged
from riskmodel.plots.journals import JOURNALS, drawn_for
from riskmodel.reports import run as run_module
from riskmodel.reports.figures_by_name import (
    FAMILIES,
    PATHWAY_FAMILIES,
    family_of,
    list_figures,
    write_figures,
)
from riskmodel.reports.finished_run import FinishedRun
from riskmodel.reports.paper_figure import MARK, UNCONVERGED, drawn_from
from riskmodel.reports.patient_figures import icon_table, waterfall_table
from riskmodel.reports.run_digest import run_digest
from riskmodel.reports.structure_figures import forest_tables, value_tree_tables
from riskmodel.reports.supplement_figures import density_table, rank_table

SLOW = (
    "model_graph", "evidence_forest_risk", "evidence_forest", "effects", "absolute_effect_walking",
    "icon_array_1000", "preference_curve_walking", "decision_curve_walking", "acceptability",
    "ranks", "contributions", "trace_rank_1", "prior_posterior",
)  # fmt: skip
NAMES = ["value_tree", "icon_array_100", "waterfall_walking"]
NAMES += [pytest.param(name, marks=pytest.mark.slow) for name in SLOW]


@pytest.fixture(scope="module")
def opened(finished):
    """One finished run, each part of it computed once."""
    return FinishedRun(finished)


@pytest.fixture
def no_sampler(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a figure asked for the sampler")

    monkeypatch.setattr(posterior_module, "_sample", refuse)


def words_drawn(figure):
    """Return every text that is really drawn: ticks beyond the axes are not."""
    seen, draw = [], Text.draw

    def record(text, *args, **keywords):
        if text.get_visible() and text.get_text().strip():
            seen.append(text)
        return draw(text, *args, **keywords)

    figure.canvas.draw()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", record)
        figure.canvas.draw()
    return seen


# --- names --------------------------------------------------------------------------------------


def test_the_list_has_every_family_with_what_it_shows(capsys):
    assert main(["figures", "anywhere", "--list"]) == 0
    printed = capsys.readouterr().out
    for row in list_figures():
        assert row["name"] in printed and row["shows"] in printed
    wanted = {
        "value_tree", "model_graph", "evidence_forest", "absolute_effect", "preference_curve",
        "effect_by_baseline_risk", "preference_map", "decision_curve", "tornado", "flip_distance",
        "evppi_by_source", "ranks", "contributions", "icon_array", "waterfall", "trace_rank",
        "prior_posterior", "risk_over_time",
    }  # fmt: skip
    assert wanted <= set(FAMILIES)
    assert family_of("waterfall_anna").name == "waterfall" and family_of("water") is None


def test_unknown_figure_and_journal_are_answered_together_with_the_known_ones(finished, capsys):
    with pytest.raises(ParameterError) as caught:
        rm.figure(finished, "waterfal", journal="plus")
    first, second = map(str, caught.value.problems)
    assert "did you mean 'waterfall'" in first and all(name in first for name in FAMILIES)
    assert "did you mean 'plos'" in second and "elsevier" in second
    assert main(["figures", str(finished), "--only", "tornados", "--journal", "wily"]) == 1
    said = capsys.readouterr().err
    assert "did you mean 'tornado'" in said and "did you mean 'wiley'" in said


def test_several_figures_of_a_name_are_listed(opened):
    with pytest.raises(ParameterError, match="waterfall_walking, waterfall_jumping"):
        rm.figure(opened, "waterfall")
    assert rm.figure(opened, "waterfall_jumping").name == "waterfall_jumping"
    with pytest.raises(ParameterError, match="found 'waterfall_flying'"):
        rm.figure(opened, "waterfall_flying")


def test_what_a_run_has_not_is_said_with_how_to_have_it(opened, tmp_path):
    with pytest.raises(ParameterError, match="a run at one horizon.*--horizons"):
        rm.figure(opened, "risk_over_time")
    with pytest.raises(ParameterError, match="nothing to show as timeline"):
        rm.figure(opened, "timeline")
    with pytest.raises(ParameterError, match="holds no run"):
        rm.figure(tmp_path, "waterfall")


# --- each figure --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_drawn_anew_for_its_journal(opened, no_sampler, name):
    for journal in ("elsevier", "plos"):
        made = rm.figure(opened, name, journal=journal)
        limits, figure = JOURNALS[journal], made.figure
        width, height = figure.get_size_inches() * 25.4
        assert made.name == name and made.journal is limits
        assert width == pytest.approx(limits.width_mm) and height <= limits.greatest_height_mm
        texts = words_drawn(figure)
        assert min(text.get_fontsize() for text in texts) >= limits.smallest_text
        for text in texts:
            box = text.get_window_extent()
            inside = box.x0 > -1 and box.y0 > -1
            inside &= box.x1 < figure.bbox.x1 + 1 and box.y1 < figure.bbox.y1 + 1
            assert inside, f"{text.get_text()!r} is cut off"
        assert len(made.points) and made.alt_text.endswith(".")
        assert "Research use" in made.caption and made.digest == run_digest(opened.record)


@pytest.mark.slow
def test_figures_that_reweigh_or_value_the_run_are_drawn_too(opened, no_sampler):
    for name in ("tornado_runner_walking", "flip_distance_runner_walking", "evppi_by_source"):
        made = rm.figure(opened, name, journal="bmc")
        assert made.name == name and len(made.points)
        assert not opened.record.get("unconverged") and UNCONVERGED not in made.caption


def test_captions_of_intervals_say_their_kind_and_level_and_the_sources(opened):
    for name in ("effects", "waterfall_walking", "icon_array_100", "absolute_effect_walking"):
        caption = rm.figure(opened, name).caption
        assert "95% equal-tailed credible interval" in caption, name
        assert "Sources\n- " in caption and "A diary" in caption, name


# --- the points are what is drawn ---------------------------------------------------------------


def lines_of(ax):
    return [line.get_xydata() for line in ax.get_lines()]


def holds(ax, x, y):
    """Say whether one line of the axes is exactly these points."""
    wanted = np.column_stack([x, y])
    return any(
        line.shape == wanted.shape and np.allclose(line, wanted, rtol=1e-6) for line in lines_of(ax)
    )


def saved_points(made, folder):
    """Return the points as they are saved; the pictures are not needed here."""
    no_pictures = dataclasses.replace(made.journal, formats=())
    dataclasses.replace(made, journal=no_pictures).save(folder)
    return pd.read_csv(folder / f"{made.name}.csv")


def test_curves_are_the_saved_points(opened, tmp_path):
    made = rm.figure(opened, "preference_curve_walking")
    table = saved_points(made, tmp_path)
    assert holds(made.figure.axes[0], table["weight"], 1000 * table["net_benefit"])
    assert holds(made.figure.axes[1], table["weight"], table["prob_positive"])
    made = rm.figure(opened, "decision_curve_walking")
    table = saved_points(made, tmp_path)
    for _, rows in table.groupby("strategy"):
        assert holds(made.figure.axes[0], 1000 * rows["threshold"], 1000 * rows["net_benefit"])
    made = rm.figure(opened, "absolute_effect_jumping")
    table = saved_points(made, tmp_path)
    for _, rows in table.groupby("outcome"):
        assert holds(made.figure.axes[0], rows["distance"], rows["per_1000"])


@pytest.mark.slow
def test_densities_traces_and_ranks_are_the_saved_points(opened, tmp_path):
    made = rm.figure(opened, "prior_posterior")
    table = saved_points(made, tmp_path)
    groups = table.groupby("quantity", sort=False)
    for ax, (_, rows) in zip(made.figure.axes, groups, strict=False):
        for _, part in rows.groupby("kind"):
            assert holds(ax, part["value"], part["density"])
    made = rm.figure(opened, "trace_rank_1")
    table = saved_points(made, tmp_path)
    first = table[table["quantity"] == table["quantity"].iloc[0]]
    for _, rows in first[first["panel"] == "trace"].groupby("chain"):
        assert holds(made.figure.axes[0], rows["draw"], rows["value"])
    for _, rows in first[first["panel"] == "ranks"].groupby("chain"):
        assert holds(made.figure.axes[1], rows["rank"], rows["share"])


def test_bars_and_icons_are_the_saved_points(opened, tmp_path):
    made = rm.figure(opened, "waterfall_walking")
    table = saved_points(made, tmp_path)
    drawn = sorted(bar.get_width() for bars in made.figure.axes[0].containers for bar in bars)
    np.testing.assert_allclose(drawn, sorted(1000 * table["contribution"]), rtol=1e-6)
    for of in (100, 1000):
        made = rm.figure(opened, f"icon_array_{of}")
        table = saved_points(made, tmp_path)
        assert set(table["of"]) == {of} and table["horizon"].nunique() == 1
        titles = {ax.get_title(): ax for ax in made.figure.axes if ax.get_title()}
        assert len(titles) == len(table)
        for title, ax in titles.items():
            events = int(title.rsplit(":", 1)[1].split(" of ")[0])
            filled = sum(
                len(part.get_offsets())
                for part in ax.collections
                if "with" in str(part.get_label()) and "without" not in str(part.get_label())
            )
            assert filled == events and events in set(table["events"])
            assert sum(len(part.get_offsets()) for part in ax.collections) == of


# --- what is computed ---------------------------------------------------------------------------


def test_waterfall_adds_up_to_net_benefit(opened):
    table = waterfall_table(opened.outcomes, "runner", "walking")
    parts, whole = table.iloc[:-1], table.iloc[-1]
    assert parts["contribution"].sum() == pytest.approx(whole["contribution"], abs=1e-12)
    known = rm.summarize_net_benefit(rm.net_benefit(opened.outcomes)).set_index("option")
    assert whole["contribution"] == pytest.approx(known.loc["walking", "net_benefit"])
    single = table.set_index("part").loc["fall"]
    risk = opened.outcomes["risk"].sel(profile="runner", outcome="fall").mean(("chain", "draw"))
    difference = float(risk.sel(option="walking") - risk.sel(option="rest"))
    assert single["contribution"] == pytest.approx(-1 * difference)  # unwanted, weight 1


def test_waterfall_gives_burden_a_bar_of_its_own(opened, small):
    panel = small.panels["runner"].model_copy(update={"burden": 0.02})
    table = waterfall_table(opened.outcomes, "runner", "walking", panel).set_index("part")
    assert table.loc["burden", "contribution"] == pytest.approx(-0.02)
    parts = table.drop("net_benefit")["contribution"].sum()
    assert parts == pytest.approx(table.loc["net_benefit", "contribution"], abs=1e-12)


def test_icons_are_means_rounded_over_one_denominator(opened):
    table = icon_table(opened.outcomes, "runner", 1000)
    risk = opened.outcomes["risk"].sel(profile="runner")
    for row in table.itertuples():
        mean = float(risk.sel(option=row.option, outcome=row.outcome).mean())
        assert row.mean == pytest.approx(1000 * mean) and abs(row.events - row.mean) <= 0.5
        assert row.lower <= row.mean <= row.upper


def test_ranks_of_chains_that_agree_are_level_and_of_one_apart_are_not():
    draws = np.random.default_rng(1).normal(size=(4, 2000))
    table = rank_table("x", draws)
    assert table.groupby("chain")["share"].apply(lambda s: s.iloc[:-1].mean()).to_numpy() == (
        pytest.approx(1)
    )
    # A count of 100 in 2000 has a standard error of 9.7, so of 0.097 beside 1; five of them.
    assert table["share"].between(0.5, 1.5).all()
    draws[0] += 3
    assert rank_table("x", draws)["share"].max() > 3


def test_densities_hold_one_and_follow_the_scale():
    rng = np.random.default_rng(2)
    before, after = rng.normal(0, 1, 4000), rng.normal(0, 0.5, 4000)
    plain = density_table("x", before, after, "plain")
    logs = density_table("x", np.exp(before), np.exp(after), "log")
    for table, transform in ((plain, np.asarray), (logs, np.log)):
        rows = table[table["kind"] == "posterior"]
        area = np.trapezoid(rows["density"], transform(rows["value"]))
        assert area == pytest.approx(1, abs=0.01)  # 0.2% lies beyond the ends, and the kernel's
    np.testing.assert_allclose(plain["density"], logs["density"], rtol=1e-9)


def test_forest_shows_what_is_printed_beside_what_is_used(opened):
    tables = forest_tables(opened.loaded)
    ratios = tables["ratio"].set_index(["prior", "kind"])
    assert ratios.loc[("fall_ratio", "observed"), "value"] == 0.8
    assert ratios.loc[("fall_ratio", "used"), "value"] == pytest.approx(0.8)
    assert ratios.loc[("fall_ratio", "used"), "lower"] == pytest.approx(0.6, rel=1e-3)
    # 5 per 1000 days is printed, and stands beside the prior in the same unit
    rates = tables["rate"].set_index("kind")
    assert rates.loc["observed", "value"] == pytest.approx(5)
    assert rates.loc["used", "value"] == pytest.approx(5)
    assert rates.loc["used", "badge"] == "assumed"
    risks = tables["risk"].set_index(["prior", "kind"])
    assert risks.loc[("record_risk", "observed"), "value"] == pytest.approx(30)  # 60 of 200


def test_value_tree_tells_benefits_from_harms_by_the_draws(opened, small):
    panel = small.panels["runner"]
    better = pd.DataFrame({"outcome": ["fall", "blister", "record"], "better": [True, False, True]})
    _, links = value_tree_tables(opened.loaded, panel, better)
    under = dict(zip(links["target"], links["origin"], strict=True))
    assert (under["fall"], under["blister"]) == ("better", "worse")
    nodes, links = value_tree_tables(opened.loaded, None)
    under = dict(zip(links["target"], links["origin"], strict=True))
    assert (under["fall"], under["record"]) == ("avoid", "gain")
    assert not any("weight" in node for node in nodes["node"])


def test_graph_links_every_input_to_a_source_and_an_outcome(opened):
    links = rm.figure(opened, "model_graph").points
    inputs = {n for n in links["target"] if n.startswith("prior ")}
    assert inputs == {n for n in links["origin"] if n.startswith("prior ")}
    assert set(links.loc[links["target"] == "net benefit", "origin"]) == {
        "outcome fall", "outcome record", "outcome blister",
    }  # fmt: skip
    badges = dict(zip(links["origin"], links["origin_badge"], strict=True))
    assert badges["prior blister_rate"] == "assumed"


# --- files --------------------------------------------------------------------------------------


def test_only_the_named_are_written_into_a_folder_of_the_journal(finished, tmp_path, capsys):
    out = tmp_path / "figures"
    asked = ["--only", "value_tree", "--only", "icon_array_100", "--out", str(out), "--quiet"]
    assert main(["figures", str(finished), "--journal", "plos", *asked]) == 0
    printed = capsys.readouterr().out.split()
    names = {f"{name}.{ending}" for name in ("value_tree", "icon_array_100")
             for ending in ("tiff", "eps", "csv", "txt")}  # fmt: skip
    assert {path.name for path in out.iterdir()} == names and len(printed) == len(names)


def test_a_run_as_it_was_returned_may_be_given_and_saves_beside_itself(finished, tmp_path):
    made = rm.figure(SimpleNamespace(folder=finished), "value_tree")
    assert {path.suffix for path in made.save(tmp_path)} == {".pdf", ".svg", ".png", ".csv", ".txt"}
    assert made._repr_png_().startswith(b"\x89PNG")


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(finished, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for journal in ("house", "plos"):
        write_figures(finished, first, journal=journal, only=["waterfall_walking"])
    code = (
        "import sys; from riskmodel.reports.figures_by_name import write_figures\n"
        "for journal in ('house', 'plos'):\n"
        "    write_figures(sys.argv[1], sys.argv[2], journal=journal,\n"
        "                  only=['waterfall_walking'])"
    )
    subprocess.run([sys.executable, "-c", code, str(finished), str(second)], check=True)
    names = sorted(path.name for path in first.iterdir())
    assert len(names) == 7  # five formats, points and caption
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


@pytest.mark.slow
def test_without_names_all_that_the_run_allows_is_written_and_the_rest_explained(
    finished, tmp_path
):
    no_pictures = dataclasses.replace(JOURNALS["elsevier"], formats=())
    written = write_figures(finished, tmp_path, journal=no_pictures)
    drawn = {path.stem for path in written.paths}
    assert {"risk_over_time", "timeline", "reported_risks"} <= set(written.left_out)
    for name in FAMILIES:
        assert (name in written.left_out) != any(stem.startswith(name) for stem in drawn), name


def test_the_digest_is_of_inputs_and_seed_and_nothing_else(finished):
    record = json.loads((finished / "run.json").read_text())
    assert record["digest"] == run_digest(record)
    other = {**record, "seconds": {}, "written": "later", "command": ["again"]}
    assert run_digest(other) == record["digest"]
    other = {**record, "posterior": {**record["posterior"], "seed": 99}}
    assert run_digest(other) != record["digest"]


# --- not converged ------------------------------------------------------------------------------


@pytest.fixture
def stuck(drawn, monkeypatch):
    """Let every fit return chains of which one stands apart; draw only the first figure."""

    def fit(loaded, *, seed, **_):
        posterior = drawn(loaded, seed=seed, size=300)
        moved = posterior.draws * xr.where(posterior.draws["chain"] == 0, 0.7, 1.0)
        return dataclasses.replace(posterior, draws=moved.transpose("chain", "draw"))

    monkeypatch.setattr(run_module, "fit", fit)
    every = run_module.run_figures
    monkeypatch.setattr(run_module, "run_figures", lambda *a, **k: islice(every(*a, **k), 1))


@pytest.fixture
def plain(plain_text, tmp_path):
    path = tmp_path / "plain.yaml"
    path.write_text(plain_text, encoding="utf-8")
    return path


PATIENT = [{"id": "runner", "distance": 40, "years": 3}]


def test_a_run_that_did_not_converge_yields_nothing_unless_allowed(stuck, plain, tmp_path):
    with pytest.raises(ConvergenceError, match="not converged: risk"):
        rm.run_problem(rm.load_problem(plain), PATIENT, tmp_path / "run", seed=1)
    assert not (tmp_path / "run").exists()


def test_allowed_it_is_marked_in_record_figures_and_captions(stuck, plain, tmp_path, capsys):
    folder = tmp_path / "run"
    done = rm.run_problem(rm.load_problem(plain), PATIENT, folder, seed=1, allow_unconverged=True)
    assert any("R-hat" in text for text in done.record["unconverged"])
    assert json.loads((folder / "run.json").read_text())["unconverged"]
    texts = [path.read_text(encoding="utf-8") for path in (folder / "figures").glob("*.txt")]
    assert texts and all(text.startswith(f"Caption\n{UNCONVERGED}") for text in texts)

    with pytest.raises(ConvergenceError, match="allow-unconverged"):
        rm.figure(folder, "waterfall_walking")
    assert main(["figures", str(folder), "--only", "waterfall", "--quiet"]) == 1
    assert "--allow-unconverged" in capsys.readouterr().err
    made = rm.figure(folder, "waterfall_walking", allow_unconverged=True)
    assert MARK in [text.get_text() for text in words_drawn(made.figure)]
    assert made.caption.startswith(UNCONVERGED) and made.alt_text.startswith(UNCONVERGED)
    out = tmp_path / "out"
    asked = ["--only", "value_tree", "--allow-unconverged", "--quiet", "--out", str(out)]
    assert main(["figures", str(folder), *asked]) == 0
    assert UNCONVERGED in (out / "value_tree.txt").read_text(encoding="utf-8")


def test_the_mark_leaves_the_size_as_it_was(opened):
    with drawn_for("elsevier"), drawn_from({"unconverged": ["x (R-hat 2)"]}):
        marked = list(FAMILIES["icon_array"].draw(opened))[0]
    plain_one = rm.figure(opened, "icon_array_100", journal="elsevier")
    size = marked.figure.get_size_inches()
    assert tuple(size) == tuple(plain_one.figure.get_size_inches())
    texts = words_drawn(marked.figure)
    (mark,) = [text for text in texts if text.get_text() == MARK]
    for other in texts:
        if other is not mark:
            assert not mark.get_window_extent().overlaps(other.get_window_extent())


def test_an_allowed_posterior_is_not_kept_for_later_runs(plain, monkeypatch, tmp_path):
    monkeypatch.setenv("RISKMODEL_CACHE", str(tmp_path / "cache"))
    loaded = rm.load_problem(plain)

    def sample(loaded, priors, **_):
        rng = np.random.default_rng(1)
        values = {name: (("chain", "draw"), rng.normal(size=(4, 250)) + np.arange(4)[:, None])
                  for name in priors}  # fmt: skip
        return xr.Dataset(values, attrs={"divergences": 3}), {}

    monkeypatch.setattr(posterior_module, "_sample", sample)
    with pytest.raises(ConvergenceError, match="3 divergent"):
        rm.fit(loaded, seed=1, draws=1000)
    with allowed_unconverged() as found:
        posterior = rm.fit(loaded, seed=1, draws=1000)
    assert "3 divergent transitions" in found and posterior.record["unconverged"] == found
    assert not list(tmp_path.glob("cache/**/*.nc"))
    with pytest.raises(ConvergenceError):
        rm.fit(loaded, seed=1, draws=1000)


# --- other results ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_pathway_report_is_drawn_by_name_too():
    from riskmodel.reports.pathway import pathway_report

    report = pathway_report(["stepwise_immunotherapy"], n=500, draws=50, seed=7)
    made = rm.figure(report, "states", journal="elsevier")
    assert made.figure.get_size_inches()[0] * 25.4 == pytest.approx(190)
    assert min(text.get_fontsize() for text in words_drawn(made.figure)) >= 7
    with pytest.raises(ParameterError) as caught:
        rm.figure(report, "waterfall")
    assert all(name in str(caught.value) for name in PATHWAY_FAMILIES)
