"""What docs/pathways.md shows is what runs, and its numbers are the formulas'."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import riskmodel

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "pathways.md").read_text("utf-8")
HOMES = {
    "simulate_pathway": "riskmodel.simulation.pathways",
    "compare_pathways": "riskmodel.decisions.pathway_comparison",
    "load_policy": "riskmodel.evidence.policies",
    "course_risk": "riskmodel.simulation.course_risk",
    "policy_course_sources": "riskmodel.simulation.course_risk",
    "regimen": "riskmodel.evidence.regimen_arithmetic",
}


def test_the_python_of_the_page_runs(monkeypatch):
    for name, home in HOMES.items():
        monkeypatch.setitem(riskmodel._HOMES, name, home)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(compile(code, "pathways.md", "exec"), names)
    assert names["result"].n == 2000 and len(names["result"].profiles) == 2
    assert names["gates"].best["probability_best"].sum() == pytest.approx(1)
    assert names["risk"]["source"].nunique() == 3
    assert names["plan"].absolute.upper == pytest.approx(140)


def test_every_shipped_pathway_is_on_the_page():
    from riskmodel.parameters.library import load_library

    for name in load_library().records("policy"):
        assert f"| `{name}` |" in PAGE, name


def test_the_numbers_of_the_page_are_the_formulas():
    rate, death = np.log(2) / 60, -np.log(0.8) / 100
    plain = 1 - np.exp(-rate * (15 + 140))
    a, b = rate * 0.5 + death, rate * 2 + death
    early = rate * 0.5 / a * -np.expm1(-a * 30)
    late = rate * 2 / b * -np.expm1(-b * 70) * np.exp(-a * 30)
    text = " ".join(PAGE.split())
    assert f"= {plain:.3f}`; with death at {death:.5f} a day it is {early + late:.3f}" in text
