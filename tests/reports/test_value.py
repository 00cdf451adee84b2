"""What a run's folder says more information would be worth."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from riskmodel.decisions.information import evppi
from riskmodel.decisions.net_benefit import net_benefit
from riskmodel.errors import ParameterError
from riskmodel.evidence.priors import build_priors, draw_prior
from riskmodel.models.posterior import Posterior, save_posterior
from riskmodel.reports.value import save_value, value_figures, value_report
from riskmodel.simulation.outcomes import save_outcomes, simulate

CHAINS, DRAWS = 4, 250


@pytest.fixture(scope="module")
def run(small, tmp_path_factory):
    """A run's folder made without a sampler: draws of the priors as they are."""
    folder = tmp_path_factory.mktemp("runs") / "by_hand"
    folder.mkdir()
    rng = np.random.default_rng(1)
    draws = {}
    for name, prior in build_priors(small).items():
        if prior.measure == "log_odds_line":
            line = rng.normal([-1.4, 0.6], [0.2, 0.1], size=(CHAINS, DRAWS, 2))
            draws[name] = (("chain", "draw", "term"), line)
        else:
            drawn = draw_prior(prior, CHAINS * DRAWS, rng).reshape(CHAINS, DRAWS)
            draws[name] = (("chain", "draw"), drawn)
    record = {"seed": 1, "draws": CHAINS * DRAWS, "chains": CHAINS, "digest": "0", "versions": {}}
    posterior = Posterior(small, xr.Dataset(draws), record)
    patients = [
        {"id": "new", "distance": 20, "years": 1},
        {"id": "old", "distance": 60, "years": 20, "sprained": True},
    ]
    outcomes = simulate(posterior, patients, gate=False)
    save_posterior(posterior, folder / "posterior.nc")
    save_outcomes(outcomes, folder / "outcomes.nc")
    panel = small.panels["runner"].model_dump(mode="json", exclude_unset=True, exclude={"schema_"})
    run = {"schema": "riskmodel/run/1", "problem": "small", "preferences": panel, "inputs": {},
           "posterior": record}  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run))
    return folder, posterior, outcomes


@pytest.fixture(scope="module")
def report(run):
    return value_report(run[0])


def test_every_parameter_and_document_of_the_run_has_its_value(run, report):
    _, posterior, outcomes = run
    assert report.evpi["profile"].tolist() == ["new", "old"]
    assert set(report.by_parameter["parameters"]) == set(posterior.draws.data_vars)
    draws = {name: posterior.draws[name] for name in posterior.draws.data_vars}
    expected = evppi(net_benefit(outcomes), draws).set_index(["profile", "parameters"])["evppi"]
    found = report.by_parameter.set_index(["profile", "parameters"])["evppi"]
    pd.testing.assert_series_equal(found.sort_index(), expected.sort_index())


def test_documents_hold_the_parameters_that_rest_on_them(report):
    table = report.by_source[report.by_source["profile"] == "new"]
    (row,) = table.to_dict("records")  # one diary
    assert row["source"] == "diary"
    assert row["citation"] == "A diary, 2001"
    assert "fall_line" in row["parameters"].split(" + ")
    assert row["badge"] == "elicited, data, assumed"
    perfect = report.evpi.set_index("profile").loc["new", "evpi"]
    # all inputs known together leave nothing to learn
    assert row["evppi"] == pytest.approx(perfect, rel=0.1)
    singles = report.by_parameter[report.by_parameter["profile"] == "new"]["evppi"]
    assert singles.max() <= row["evppi"] + 2 * row["standard_error"]
    assert (singles.diff().dropna() <= 0).all()  # most valuable first


def test_other_weights_may_be_asked_for(run, report, small):
    panel = small.panels["runner"]
    weights = {
        name: w.model_copy(update={"weight": 2 * w.weight}) for name, w in panel.weights.items()
    }
    pairs = [p.model_copy(update={"weight": 2 * p.weight}) for p in panel.together]
    double = panel.model_copy(update={"weights": weights, "together": pairs})
    twice = value_report(run[0], preferences=double)
    np.testing.assert_allclose(twice.evpi["evpi"], 2 * report.evpi["evpi"], rtol=1e-9)
    with pytest.raises(ParameterError, match="preferences: found 'runer'"):
        value_report(run[0], preferences="runer")


def test_tables_and_json_are_written_and_agree(report, tmp_path):
    paths = save_value(report, tmp_path)
    assert {path.name for path in paths} == {
        "evpi.csv",
        "evppi_by_parameter.csv",
        "evppi_by_source.csv",
        "value_of_information.json",
    }
    written = json.loads((tmp_path / "tables" / "value_of_information.json").read_text())
    assert written["schema"] == "riskmodel/value/1"
    assert written["preferences"]["whose"] == "a test"
    assert written["seed"] == 1
    table = pd.read_csv(tmp_path / "tables" / "evppi_by_parameter.csv")
    np.testing.assert_allclose(
        table["evppi"], [row["evppi"] for row in written["evppi_by_parameter"]], rtol=1e-6
    )
    assert not list(tmp_path.rglob(".*part*"))


def test_figures_are_one_a_profile_with_sources_in_the_caption(report):
    figures = value_figures(report)
    assert [figure.name for figure in figures] == [
        "evppi_by_source_new",
        "evppi_by_source_old",
    ]
    assert "A diary, 2001 [elicited, data, assumed]" in figures[0].caption
    assert "not medical advice" in figures[0].caption
    assert len(figures[0].points) == 1
    (label,) = figures[0].figure.axes[0].get_yticklabels()
    assert label.get_text() == "A diary, 2001"


def test_what_is_not_known_is_null_in_json(report):
    nothing = report.evpi.assign(evpi=np.nan)
    changed = type(report)(
        report.folder, nothing, report.by_parameter, report.by_source, report.record
    )
    assert json.loads(changed.to_json())["evpi"][0]["evpi"] is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert value_figures(changed) == []


def test_a_folder_that_holds_no_run_or_no_draws_or_no_weights_is_refused(run, tmp_path):
    with pytest.raises(ParameterError, match="holds no run"):
        value_report(tmp_path)
    record = json.loads((run[0] / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(ParameterError, match="holds no draws"):
        value_report(tmp_path)
    for name in ("posterior.nc", "outcomes.nc"):
        (tmp_path / name).write_bytes((run[0] / name).read_bytes())
    (tmp_path / "run.json").write_text(json.dumps({**record, "preferences": None}))
    with pytest.raises(ParameterError, match="a run without weights"):
        value_report(tmp_path)
    named = {"id": "runner", "whose": "a test"}  # as earlier versions recorded it
    (tmp_path / "run.json").write_text(json.dumps({**record, "preferences": named}))
    assert len(value_report(tmp_path).evpi) == 2
