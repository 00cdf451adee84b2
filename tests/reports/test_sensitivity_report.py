"""From a run's folder to tables and figures of what would turn its decision."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import riskmodel as rm
from riskmodel.errors import ParameterError
from riskmodel.evidence.priors import LinePrior, build_priors
from riskmodel.models.posterior import Posterior, save_posterior
from riskmodel.reports.sensitivity import (
    save_sensitivity,
    sensitivity_figures,
    sensitivity_report,
)


@pytest.fixture(scope="module")
def folder(plex_aav, tmp_path_factory):
    """A run folder made without a sampler."""
    rng = np.random.default_rng(16)
    draws = {}
    for name, prior in build_priors(plex_aav).items():
        if isinstance(prior, LinePrior):
            line = rng.normal([-2.0, 1.5], [0.25, 0.4], (2, 250, 2))
            draws[name] = (("chain", "draw", "coefficient"), line)
        else:
            values = prior.at_score(rng.standard_normal(500))
            draws[name] = (("chain", "draw"), values.reshape(2, 250))
    posterior = Posterior(plex_aav, xr.Dataset(draws), {"seed": 16})
    patient = {"id": "one", "serum_creatinine": 420, "age": 62}
    outcomes = rm.simulate(posterior, [patient], gate=False)
    folder = tmp_path_factory.mktemp("run")
    outcomes.to_netcdf(folder / "outcomes.nc", engine="h5netcdf")
    save_posterior(posterior, folder / "posterior.nc")
    record = {
        "schema": "riskmodel/run/1",
        "problem": "plex_aav",
        "preferences": {"id": "kidney_and_infection"},
        "posterior": {"seed": 16, "digest": "abc"},
    }
    (folder / "run.json").write_text(json.dumps(record))
    return folder


@pytest.fixture(scope="module")
def report(folder):
    fixed = {"locked": "2026-01-31", "whose": "an example", "serious_infection": [10, 30, 60]}
    return sensitivity_report(folder, thresholds=fixed)


def test_a_run_is_opened_and_its_own_weights_are_used(report):
    assert report.record["preferences"]["id"] == "kidney_and_infection"
    assert (report.record["seed"], report.record["digest"]) == (16, "abc")
    assert set(report.found.tornado["profile"]) == {"one"}
    assert report.found.discounts["citation"].notna().all()
    assert not report.found.magnitude.empty


def test_tables_and_figures_are_written(report, tmp_path):
    written = save_sensitivity(report, tmp_path, figures=True)
    names = {path.name for path in written}
    assert {"sensitivity_tornado.csv", "sensitivity_flip_distance.csv", "sensitivity.json"} <= names
    assert {"tornado.svg", "tornado.png", "flip_distance.pdf", "flip_distance.txt"} <= names
    assert all(path.stat().st_size for path in written)
    read = json.loads((tmp_path / "tables" / "sensitivity.json").read_text())
    assert (
        read["schema"] == "riskmodel/sensitivity/1" and "not medical advice" in read["disclaimer"]
    )
    table = pd.read_csv(tmp_path / "tables" / "sensitivity_tornado.csv")
    assert list(table["parameters"]) == list(report.found.tornado["parameters"])


def test_captions_state_the_method_the_weights_and_the_badges(report):
    tornado, flip = sensitivity_figures(report)
    assert "local quadratic regression" in tornado.caption and "Weights" in tornado.caption
    assert "modelling scale" in flip.caption
    assert any("[assumed]" in t.get_text() for t in tornado.figure.axes[0].get_yticklabels())


def test_a_folder_without_a_run_or_draws_is_refused(folder, tmp_path):
    with pytest.raises(ParameterError, match="holds no run"):
        sensitivity_report(tmp_path)
    (tmp_path / "run.json").write_text((folder / "run.json").read_text())
    with pytest.raises(ParameterError, match="holds no draws"):
        sensitivity_report(tmp_path)
