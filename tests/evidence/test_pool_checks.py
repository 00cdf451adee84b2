"""A pooled study in conflict with the others is asked about, until somebody answers."""

import numpy as np
import pytest

import riskmodel as rm
from riskmodel.errors import ParameterError

HEAD = """\
schema: riskmodel/problem/1
id: training
question: How should a runner train?
population: runners
horizon: {value: 6, unit: month}
comparator: rest
options: {rest: {label: Rest}, hills: {label: Hills}}
outcomes:
  fall:
    label: Fall
    unwanted: true
    baseline: {intercept: {prior: fall_risk}}
    effects: {hills: {scale: odds_ratio, prior: fall_ratio}}
preferences: {reference: fall, default: runner, vary: fall}
panels:
  - {id: runner, label: A runner, whose: a test, why: example, swing: no event to one event,
     status: judgement, reference: fall, weights: {fall: {weight: 1}}}
sources:
  diary: {citation: A diary, title: A diary, date: "2001", url: "https://example.org/diary",
          read: full text, role: primary}
priors:
  fall_risk: {from: [fall_counts]}
  fall_ratio: {from: [NAMES], pool: {take: mean, tau_prior: "half_normal:0.1", because: example}}
ANSWERS
estimates:
"""
FALL = "counts: {events: 90, n: 300}"


def written(tmp_path, ratios, answers="", counts=False):
    names = [f"trial_{i}" for i in range(len(ratios))]
    whole = HEAD.replace("NAMES", ", ".join(names)).replace("ANSWERS\n", answers)
    figures = {"fall_counts": ("risk", FALL, "90 of 300")}
    for name, ratio in zip(names, ratios, strict=True):
        if counts:
            treated = round(400 * ratio * 0.2)
            body = (
                f"counts: {{events: {treated}, n: 400}}, comparator_counts: {{events: 80, n: 400}}"
            )
            figures[name] = ("odds_ratio", body, f"{treated} of 400 v 80 of 400")
        else:
            low, high = (round(ratio * np.exp(s), 4) for s in (-0.2, 0.2))
            body = (
                f"value: {ratio}, interval: {{lower: {low}, upper: {high}, level: 0.95, "
                "kind: confidence}"
            )
            figures[name] = ("odds_ratio", body, f"{ratio} ({low} to {high})")
    for page, (name, (measure, body, printed)) in enumerate(figures.items()):
        whole += f"""\
  - {{id: {name}, measure: {measure}, outcome: fall, {body},
     population: "runners, {name}", horizon: {{value: 6, unit: month}}, study_ids: [{name}],
     source: {{key: diary, locator: page {page}}}, printed: "{printed}", status: seen_primary}}
"""
    path = tmp_path / "training.yaml"
    path.write_text(whole)
    return path


@pytest.mark.parametrize("counts", [False, True])
def test_studies_that_agree_are_pooled_without_a_question(tmp_path, counts):
    rm.load_problem(written(tmp_path, [0.8, 0.75, 0.85, 0.9], counts=counts))


@pytest.mark.parametrize("counts", [False, True])
def test_a_study_far_from_the_rest_is_asked_about_at_its_place(tmp_path, counts):
    with pytest.raises(ParameterError) as error:
        rm.load_problem(written(tmp_path, [0.8, 0.75, 2.4, 0.85, 0.9], counts=counts))
    questions = [p for p in error.value.problems if p.severity == "Q"]
    (fault,) = [p for p in questions if p.field == "priors.fall_ratio.from[2]"]
    assert "trial_2, " in str(fault.found) and "standard deviations from the rest" in str(fault)
    assert fault.line and "resolutions: [{between: [trial_2, trial_0]" in fault.remedy


def test_a_written_answer_settles_it(tmp_path):
    answers = (
        "resolutions:\n  - {between: [trial_2, trial_0], because: another slope, whose: a test}\n"
    )
    rm.load_problem(written(tmp_path, [0.8, 0.75, 2.4, 0.85, 0.9], answers))
