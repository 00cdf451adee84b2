"""Own risks, means, contrasts between options, what is unknown: each against arithmetic by hand."""

import itertools

import numpy as np
import pytest
from scipy.stats import beta

import riskmodel as rm
from riskmodel.decisions.absolute_effects import mean_differences, not_estimable
from riskmodel.decisions.net_benefit import benefit_needed
from riskmodel.errors import ParameterError

TEXT = """\
schema: riskmodel/problem/1
id: training
question: How should a runner train?
population: runners
horizon: {value: 6, unit: month}
comparator: rest
covariates:
  surface: {label: Surface, type: category, categories: [road, track, trail]}
options:
  rest: {label: Rest}
  intervals:
    label: Intervals
    not_for: [{covariate: surface, is: trail, because: no even ground}]
  hills: {label: Hills}
outcomes:
  record:
    label: Personal record
    unwanted: false
    baseline: {intercept: {prior: record_rest}}
    effects:
      intervals: {scale: own_risk, prior: record_intervals}
      hills: {scale: odds_ratio, prior: hills_against_intervals, relative_to: intervals}
  pace:
    label: Pace
    type: continuous
    unit: seconds a kilometre
    unwanted: true
    baseline: {fixed_mean: 0, because: only differences were printed}
    effects:
      intervals: {scale: mean_difference, prior: pace_difference}
      hills: {no_effect: example}
  injury:
    label: Injury
    unwanted: true
    baseline: {intercept: {prior: injury_rest}}
    effects:
      intervals: {not_estimable: nobody counted}
      hills: {scale: risk_difference, prior: injury_difference}
priors:
  record_rest: {from: [record_rest]}
  record_intervals: {from: [record_intervals]}
  hills_against_intervals: {from: [intervals_against_hills], reverse: true}
  pace_difference: {from: [pace_difference]}
  injury_rest: {from: [injury_rest]}
  injury_difference: {from: [injury_needed]}
preferences: {reference: record, default: runner, vary: injury}
panels:
  - id: runner
    label: A runner
    whose: a test
    why: example
    swing: no event to one event, or one second a kilometre
    status: judgement
    reference: record
    weights: {record: {weight: 1}, pace: {weight: 0.02}, injury: {weight: 0.5}}
sources:
  diary: {citation: "A diary", title: A diary, date: "2001", url: "https://example.org/diary",
          read: full text, role: primary}
estimates:
"""
ESTIMATES = {
    "record_rest": ("risk", "wanted: true, counts: {events: 10, n: 40}", "10 of 40"),
    "record_intervals": ("risk", "wanted: true, counts: {events: 18, n: 42}", "18 of 42"),
    "intervals_against_hills": (
        "odds_ratio",
        "wanted: true, value: 2.0, "
        "interval: {lower: 1.25, upper: 3.2, level: 0.95, kind: confidence}",
        "2.0 (1.25 to 3.2)",
    ),
    "pace_difference": (
        "mean_difference",
        "value: -8, unit: seconds a kilometre, "
        "interval: {lower: -12, upper: -4, level: 0.95, kind: confidence}",
        "-8 (-12 to -4)",
    ),
    "injury_rest": ("risk", "counts: {events: 30, n: 100}", "30 of 100"),
    "injury_needed": (
        "number_needed_to_harm",
        "value: 10, interval: {lower: 6, upper: 30, level: 0.95, kind: confidence}",
        "10 (6 to 30)",
    ),
}
for _name, (_measure, _parts, _printed) in ESTIMATES.items():
    _outcome = {"pace_difference": "pace", "injury_rest": "injury", "injury_needed": "injury"}
    TEXT += f"""\
  - {{id: {_name}, measure: {_measure}, outcome: {_outcome.get(_name, "record")}, {_parts},
     population: "runners, {_name}", horizon: {{value: 6, unit: month}},
     source: {{key: diary, locator: the line on {_name}}}, printed: "{_printed}", status: seen_primary}}
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    path = tmp_path_factory.mktemp("training") / "training.yaml"
    path.write_text(TEXT)
    return rm.load_problem(path)


@pytest.fixture(scope="module")
def posterior(loaded, drawn):
    return drawn(loaded)


@pytest.fixture(scope="module")
def outcomes(posterior):
    return rm.simulate(posterior, [{"surface": "road"}])


def level(outcomes, option, outcome):
    return outcomes["risk"].sel(option=option, outcome=outcome).squeeze("profile").values


def draws(posterior, name):
    return posterior.draws[name].values


def test_an_own_risk_is_the_arms_own_whatever_the_comparator(outcomes, posterior):
    np.testing.assert_array_equal(
        level(outcomes, "intervals", "record"), draws(posterior, "record_intervals")
    )
    effects = rm.absolute_effects(outcomes).set_index(["option", "outcome"])
    row = effects.loc[("intervals", "record")]
    # Independent oracle: two Jeffreys posteriors, their difference by quadrature over one of them.
    rest, own = beta(10.5, 30.5), beta(18.5, 24.5)
    grid = rest.ppf((np.arange(4000) + 0.5) / 4000)
    better = own.sf(grid).mean()
    assert row["prob_benefit"] == pytest.approx(better, abs=5 * np.sqrt(0.25 / 4000))
    assert row["risk_difference"] == pytest.approx(18.5 / 43 - 10.5 / 41, abs=0.02)


def test_an_effect_against_another_option_starts_from_that_option(outcomes, posterior):
    own = draws(posterior, "record_intervals")
    odds = own / (1 - own) * draws(posterior, "hills_against_intervals")
    np.testing.assert_allclose(level(outcomes, "hills", "record"), odds / (1 + odds), rtol=1e-12)
    # The printed odds ratio is intervals against hills; reversed, its median is one half.
    assert np.median(draws(posterior, "hills_against_intervals")) == pytest.approx(0.5, abs=0.02)


def test_a_mean_is_added_and_has_a_table_of_its_own(outcomes, posterior):
    np.testing.assert_array_equal(
        level(outcomes, "intervals", "pace"), draws(posterior, "pace_difference")
    )
    table = mean_differences(outcomes).set_index("option")
    row = table.loc["intervals"]
    assert (row["mean_difference"], row["unit"]) == (
        pytest.approx(-8, abs=5 * row["monte_carlo_standard_error"]),
        "seconds a kilometre",
    )
    assert (row["lower"], row["upper"]) == pytest.approx((-12, -4), abs=0.4)  # 5 MCSE of a tail
    assert row["prob_benefit"] > 0.999  # less is better
    assert "pace" not in set(rm.absolute_effects(outcomes)["outcome"])


def test_no_effect_is_the_comparators_own_level(outcomes):
    np.testing.assert_array_equal(level(outcomes, "hills", "pace"), level(outcomes, "rest", "pace"))


def test_what_is_not_estimable_has_no_number_and_a_reason(outcomes, loaded):
    assert np.isnan(level(outcomes, "intervals", "injury")).all()
    assert np.isfinite(level(outcomes, "hills", "injury")).all()  # nothing else is lost
    effects = rm.absolute_effects(outcomes)
    assert ("intervals", "injury") not in set(
        zip(effects["option"], effects["outcome"], strict=True)
    )
    assert not_estimable(loaded.problem).to_dict("records") == [
        {"option": "intervals", "outcome": "injury", "because": "nobody counted"}
    ]


def test_a_number_needed_to_harm_is_the_difference_it_stands_for(outcomes, posterior):
    difference = level(outcomes, "hills", "injury") - level(outcomes, "rest", "injury")
    np.testing.assert_allclose(difference, draws(posterior, "injury_difference"), atol=1e-12)
    # 1 / 10; (1 / 6 - 1 / 30) / 3.92 = 0.0340; within 5 Monte Carlo errors
    assert difference.mean() == pytest.approx(0.1, abs=5 * 0.034 / np.sqrt(4000))


def test_net_benefit_weighs_a_mean_by_its_unit(outcomes):
    benefit = rm.net_benefit(outcomes)["net_benefit"].sel(option="hills").squeeze("profile").values
    record, injury = (
        level(outcomes, "hills", name) - level(outcomes, "rest", name)
        for name in ("record", "injury")
    )
    np.testing.assert_allclose(benefit, record - 0.5 * injury, atol=1e-12)


def test_without_a_contrast_there_is_no_net_benefit_but_what_it_would_take(outcomes):
    assert np.isnan(rm.net_benefit(outcomes)["net_benefit"].sel(option="intervals")).all()
    assert set(rm.summarize_net_benefit(rm.net_benefit(outcomes))["option"]) == {"hills"}
    (row,) = benefit_needed(outcomes).to_dict("records")
    assert (row["option"], row["outcome"], row["unit"]) == ("intervals", "injury", "risk")
    record = level(outcomes, "intervals", "record") - level(outcomes, "rest", "record")
    pace = level(outcomes, "intervals", "pace")
    # record - 0.02 * pace - 0.5 * injury = 0
    assert row["needed"] == pytest.approx(np.median((record - 0.02 * pace) / 0.5))


def test_weighing_only_what_is_known_gives_a_net_benefit(outcomes, loaded):
    panel = loaded.panels["runner"]
    known = {name: panel.weights[name] for name in ("record", "pace")}
    panel = panel.model_copy(update={"weights": known})
    assert np.isfinite(rm.net_benefit(outcomes, panel)["net_benefit"]).all()
    assert benefit_needed(outcomes, panel).empty


def test_a_category_excludes_an_option_by_name(posterior):
    outcomes = rm.simulate(
        posterior, [{"id": "a", "surface": "trail"}, {"id": "b", "surface": "road"}]
    )
    applies = np.isfinite(outcomes["risk"].sel(option="intervals", outcome="record")).all(
        ("chain", "draw")
    )
    assert applies.values.tolist() == [False, True]
    assert outcomes["surface"].values.tolist() == ["trail", "road"]


def test_an_unknown_category_is_answered_with_the_nearest(posterior):
    with pytest.raises(ParameterError, match="did you mean 'trail'"):
        rm.simulate(posterior, [{"surface": "trial"}])


def test_a_mean_is_not_carried_to_a_later_horizon(posterior):
    with pytest.raises(ParameterError, match="no rule carries a mean to another horizon"):
        rm.simulate(posterior, horizon="12 months")


FAULTS = [
    ("scale: own_risk, prior: record_intervals", "scale: own_risk, prior: pace_difference", "a prior made from a risk"),
    ("scale: own_risk, prior: record_intervals", "prior: record_intervals", "the scale that the prior is carried on"),
    ("scale: own_risk, prior: record_intervals", "because: example", "exactly one of prior, not_estimable, no_effect"),
    ("relative_to: intervals", "relative_to: hills", "does not lead back here"),
    ("relative_to: intervals", "relative_to: sprints", "a known option"),
    ("scale: own_risk, prior: record_intervals", "not_estimable: example", "whose own effect is not estimable"),
    ("scale: mean_difference, prior: pace_difference", "scale: risk_difference, prior: pace_difference", "mean_difference for a continuous outcome"),
    ("    unit: seconds a kilometre\n", "", "the unit of a continuous outcome"),
    ("fixed_mean: 0, because: only differences were printed", "fixed_risk: 0, because: example", "exactly one of fixed_mean, not_estimable"),
    ("fixed_mean: 0, because: only differences were printed", "fixed_mean: 0", "a reason for a risk or mean"),
    ("      hills: {no_effect: example}\n", "", "nothing for hills"),
    ("categories: [road, track, trail]", "categories: []", "two or more categories"),
    ("is: trail", "is: trial", "did you mean 'trail'"),
    ("injury_difference: {from: [injury_needed]}", "injury_difference: {from: [injury_rest]}", "a prior made from a ratio or risk difference"),
]  # fmt: skip


@pytest.mark.parametrize("there, instead, words", FAULTS)
def test_what_does_not_fit_is_refused_at_its_place(tmp_path, there, instead, words):
    assert there in TEXT
    path = tmp_path / "training.yaml"
    path.write_text(TEXT.replace(there, instead))
    with pytest.raises(ParameterError, match=words) as caught:
        rm.load_problem(path)
    assert all(problem.line for problem in caught.value.problems)


@pytest.mark.slow
def test_the_sampler_draws_what_the_priors_say(loaded, posterior):
    """NUTS on the compiled model against exact draws, mean and spread, within 5 MCSE."""
    sampled = rm.fit(loaded, seed=5)
    for name in posterior.draws:
        a, b = (part.draws[name].values.ravel() for part in (sampled, posterior))
        error = np.hypot(a.std() / np.sqrt(2000), b.std() / np.sqrt(b.size))  # half the draws count
        assert abs(a.mean() - b.mean()) < 5 * error, name
        assert a.std() == pytest.approx(b.std(), rel=0.12), name


def test_every_pair_of_options_adds_up(outcomes):
    """Differences along a chain of contrasts sum: the same draws stand on every side."""
    for outcome, (a, b) in itertools.product(("record", "pace"), [("intervals", "hills")]):
        direct = level(outcomes, b, outcome) - level(outcomes, a, outcome)
        around = (level(outcomes, b, outcome) - level(outcomes, "rest", outcome)) - (
            level(outcomes, a, outcome) - level(outcomes, "rest", outcome)
        )
        np.testing.assert_allclose(direct, around, atol=1e-12)
