"""Several experts' judgements in a problem file, against the pool by itself and by hand."""

import numpy as np
import pytest
from scipy.stats import norm

import riskmodel as rm
from riskmodel.errors import ParameterError
from riskmodel.evidence.priors import build_prior

TEXT = """\
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
priors:
  fall_risk: {from: [risk_ann, risk_ben], experts: {pool: linear, because: example},
              badge: elicited, whose: two coaches, because: nobody counted}
  fall_ratio: {from: [ratio_ann, ratio_ben], experts: {pool: POOL, because: example},
               badge: elicited, whose: two coaches, because: nobody counted}
estimates:
"""
SAID = {
    "risk_ann": ("risk", 0.3, 0.2, 0.42),
    "risk_ben": ("risk", 0.25, 0.1, 0.45),
    "ratio_ann": ("odds_ratio", 0.5, 0.25, 1.0),
    "ratio_ben": ("odds_ratio", 0.8, 0.4, 1.6),
}


def problem(tmp_path, pool="linear", edit=lambda text: text):
    text = TEXT.replace("POOL", pool)
    for name, (measure, value, lower, upper) in SAID.items():
        text += (
            f"  - {{id: {name}, measure: {measure}, outcome: fall, value: {value},\n"
            f"     interval: {{lower: {lower}, upper: {upper}, level: 0.95, kind: plausible}},\n"
            "     population: runners, horizon: {value: 6, unit: month}, status: judgement,\n"
            f"     source: {{judgement: {{whose: coach {name[-3:]}, why: an example}}}}}}\n"
        )
    path = tmp_path / "training.yaml"
    path.write_text(edit(text))
    return rm.load_problem(path)


def test_the_linear_pool_is_the_mean_of_two_log_normal_densities(tmp_path):
    prior = build_prior(problem(tmp_path), "fall_ratio")
    sd = np.log(2) / norm.ppf(0.975)
    for value in (0.3, 0.6, 1.2):
        wanted = np.mean([norm.cdf(np.log(value / m) / sd) for m in (0.5, 0.8)])
        level = np.interp(value, prior.quantile(np.linspace(0.001, 0.999, 4001)),
                          np.linspace(0.001, 0.999, 4001))  # fmt: skip
        assert level == pytest.approx(wanted, abs=2e-4)  # of the knots and of this table
    assert prior.badge == "elicited" and "2 experts, linear pool" in prior.rule


def test_the_logarithmic_pool_of_log_normals_is_one_between_them(tmp_path):
    prior = build_prior(problem(tmp_path, "log"), "fall_ratio")
    sd = np.log(2) / norm.ppf(0.975)
    found = np.log(prior.quantile([0.025, 0.5, 0.975]))
    middle = (np.log(0.5) + np.log(0.8)) / 2
    np.testing.assert_allclose(found, middle + sd * norm.ppf([0.025, 0.5, 0.975]), atol=1e-3)


def test_weights_move_the_pool(tmp_path):
    def weigh(share):
        return lambda text: text.replace(
            "{pool: linear, because: example},\n               badge",
            f"{{pool: linear, weights: {{ratio_ann: {share}, ratio_ben: {1 - share}}}, "
            "because: example},\n               badge",
        )

    medians = [
        float(build_prior(problem(tmp_path, edit=weigh(share)), "fall_ratio").quantile(0.5))
        for share in (0.999, 0.5, 0.001)
    ]
    assert medians[0] == pytest.approx(0.5, abs=0.002)
    assert medians[2] == pytest.approx(0.8, abs=0.002)
    assert medians[0] < medians[1] < medians[2]


def test_a_risk_stays_a_risk_and_equals_what_elicit_gives(tmp_path):
    prior = build_prior(problem(tmp_path), "fall_risk")
    pooled = rm.elicit(
        {
            name: {0.025: lower, 0.5: value, 0.975: upper}
            for name, (measure, value, lower, upper) in SAID.items()
            if measure == "risk"
        },
        family="beta",
        support=(0, 1),
    ).distribution
    for prob in (0.025, 0.25, 0.5, 0.9):
        assert float(prior.quantile(prob)) == pytest.approx(float(pooled.ppf(prob)), abs=1e-4)


def test_it_runs_to_net_benefit(tmp_path, drawn):
    outcomes = rm.simulate(drawn(problem(tmp_path)), [{"id": "one"}], gate=False)
    effect = rm.absolute_effects(outcomes).iloc[0]
    assert effect["lower"] < effect["risk_difference"] < 0.05


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (("ratio_ann, ratio_ben]", "ratio_ann]"), "two or more judgements"),
        (("status: judgement,\n     source: {judgement: {whose: coach ann, why: an example}}",
          "status: unverified,\n     source: {judgement: {whose: coach ann, why: remembered}}"),
         "studies are pooled with `pool:`"),
        (("{pool: linear, because: example},\n               badge",
          "{pool: linear, weights: {ratio_ann: 1}, because: example},\n               badge"),
         "one weight for each of ratio_ann, ratio_ben"),
        (("{pool: linear, because: example},\n               badge",
          "{pool: linear, because: example}, log_sd: 0.3,\n               badge"),
         "leave out `log_sd:`"),
        (("badge: elicited, whose: two coaches, because: nobody counted}\nestimates",
          "horizon: {value: 6, unit: month, because: example}}\nestimates"),
         "add `badge:`"),
    ],
)  # fmt: skip
def test_what_cannot_be_pooled_is_refused_at_its_place(tmp_path, edit, words):
    with pytest.raises(ParameterError, match=words) as error:
        problem(tmp_path, edit=lambda text: text.replace(*edit))
    assert all(fault.line for fault in error.value.problems)


def test_judgements_of_two_measures_are_never_pooled(tmp_path):
    loaded = problem(tmp_path)
    other = loaded.estimates["ratio_ben"].model_copy(update={"measure": "relative_risk"})
    estimates = {**loaded.estimates, "ratio_ben": other}
    with pytest.raises(ParameterError, match="one measure for all"):
        build_prior(type(loaded)(loaded.problem, estimates, {}, {}), "fall_ratio")
