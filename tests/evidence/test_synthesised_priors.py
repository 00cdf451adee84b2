"""Pooled, discounted and correlated priors in a problem file, against arithmetic."""

import numpy as np
import pytest
from scipy.stats import norm

import riskmodel as rm
from riskmodel.decisions.sensitivity import correlation_table
from riskmodel.errors import ParameterError
from riskmodel.evidence.pooling import pool_effects
from riskmodel.evidence.priors import build_prior, draw_priors
from riskmodel.parameters.schema import Correlation

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
    effects: {hills: {scale: relative_risk, prior: fall_ratio}}
  blister:
    label: Blister
    unwanted: true
    baseline: {intercept: {prior: blister_risk}}
    effects: {hills: {scale: odds_ratio, prior: blister_ratio}}
correlations: [{priors: [fall_ratio, blister_ratio], rho: RHO, because: example}]
preferences: {reference: fall, default: runner, vary: blister}
panels:
  - {id: runner, label: A runner, whose: a test, why: example, swing: no event to one event,
     status: judgement, reference: fall, weights: {fall: {weight: 1}, blister: {weight: 0.5}}}
sources:
  diary: {citation: A diary, title: A diary, date: "2001", url: "https://example.org/diary",
          read: full text, role: primary}
priors:
  fall_risk: {from: [fall_counts]}
  blister_risk: {from: [blister_counts]}
  blister_ratio: {from: [blister_trial]}
  fall_ratio:
    from: [fall_trial_a, fall_trial_b, fall_trial_c]
    pool: {take: TAKE, because: example}
DISCOUNT
estimates:
"""
FIGURES = {
    "fall_counts": ("risk", "fall", "counts: {events: 90, n: 300}", "90 of 300"),
    "blister_counts": ("risk", "blister", "counts: {events: 30, n: 300}", "30 of 300"),
    "fall_trial_a": ("relative_risk", "fall", (0.7, 0.5, 0.98), ""),
    "fall_trial_b": ("relative_risk", "fall", (0.9, 0.6, 1.35), ""),
    "fall_trial_c": ("relative_risk", "fall", (0.6, 0.45, 0.8), ""),
    "blister_trial": ("odds_ratio", "blister", (1.5, 1.2, 1.875), ""),
}


def text(take="mean", rho="0.6", discount="", scale="relative_risk"):
    whole = HEAD.replace("TAKE", take).replace("RHO", rho).replace("DISCOUNT\n", discount)
    for name, (measure, outcome, figure, printed) in FIGURES.items():
        if isinstance(figure, tuple):
            value, lower, upper = figure
            printed = f"{value} ({lower} to {upper})"
            figure = (
                f"value: {value}, interval: {{lower: {lower}, upper: {upper}, level: 0.95, "
                "kind: confidence}"
            )
        whole += f"""\
  - {{id: {name}, measure: {measure}, outcome: {outcome}, {figure},
     population: "runners, {name}", horizon: {{value: 6, unit: month}},
     source: {{key: diary, locator: page 1}}, printed: "{printed}", status: seen_primary}}
"""
    return whole.replace("relative_risk", scale)


@pytest.fixture
def load(tmp_path):
    def read(**words):
        path = tmp_path / "training.yaml"
        path.write_text(text(**words))
        return rm.load_problem(path)

    return read


def by_hand():
    figures = [FIGURES[f"fall_trial_{letter}"][2] for letter in "abc"]
    points = np.log([f[0] for f in figures])
    errors = [(np.log(f[2]) - np.log(f[1])) / (2 * norm.ppf(0.975)) for f in figures]
    return pool_effects(points, errors)


@pytest.mark.parametrize("take, part", [("mean", "effect"), ("new_study", "prediction")])
def test_a_pooled_prior_is_the_pooled_distribution(load, take, part):
    prior = build_prior(load(take=take), "fall_ratio")
    expected = getattr(by_hand(), part)
    probs = np.array([0.025, 0.2, 0.5, 0.8, 0.975])
    # Straight lines between 601 quantiles: within 1e-4 of a standard deviation.
    np.testing.assert_allclose(
        np.log(prior.quantile(probs)), expected.ppf(probs), atol=1e-4 * expected.std()
    )
    mean = np.average(np.exp(expected.ppf((np.arange(2000) + 0.5) / 2000)))
    assert prior.mean() == pytest.approx(mean, rel=5e-3)
    assert prior.badge == "data"
    assert "3 studies with random effects" in prior.rule


def test_a_fault_of_the_heterogeneity_prior_has_its_place(tmp_path):
    path = tmp_path / "training.yaml"
    path.write_text(text().replace("take: mean,", "take: mean, tau_prior: half_norml:1,"))
    with pytest.raises(ParameterError, match="half_normal") as caught:
        rm.load_problem(path)
    (problem,) = caught.value.problems
    assert problem.field == "priors.fall_ratio.pool.tau_prior"
    assert problem.line


def test_a_discount_in_a_file_widens_and_asks_for_a_badge(load):
    way = "    discount: {power: 0.25, because: example, whose: a test}\n"
    with pytest.raises(ParameterError, match="a discount is a judgement"):
        load(discount=way)
    badge = "    badge: assumed\n    whose: a test\n    because: example\n"
    prior = build_prior(load(discount=way + badge), "fall_ratio")
    plain = build_prior(load(), "fall_ratio")
    assert prior.second == pytest.approx(2 * plain.second, rel=1e-6)
    assert prior.badge == "assumed"
    assert "power prior 0.25 (a test)" in prior.rule


@pytest.mark.parametrize(
    "there, instead, words",
    [
        ("    pool: {take: mean, because: example}\n", "", "or several with `pool:`"),
        ("fall_trial_b, fall_trial_c", "blister_trial", "carried as relative_risk"),
        ("[fall_trial_a, fall_trial_b, fall_trial_c]", "[fall_trial_a]", "two or more estimates"),
        ("rho: 0.6", "rho: 1.2", "less than 1"),
        ("[fall_ratio, blister_ratio]", "[fall_ratio, fall_ratio]", "each pair once"),
        ("[fall_ratio, blister_ratio]", "[fall_ratio, blister]", "a known prior"),
    ],
)
def test_what_cannot_be_pooled_or_correlated_is_refused(tmp_path, there, instead, words):
    path = tmp_path / "training.yaml"
    assert there in text()
    path.write_text(text().replace(there, instead))
    with pytest.raises(ParameterError, match=words):
        rm.load_problem(path)


def test_correlated_draws_have_the_declared_correlation_and_their_own_margins(load):
    loaded = load()
    names = ("fall_ratio", "blister_ratio", "fall_risk")
    priors = {name: build_prior(loaded, name) for name in names}
    size = 200_000
    draws = draw_priors(priors, loaded.problem.correlations, size, np.random.default_rng(4))
    error = 5 / np.sqrt(size)
    scores = [np.log(draws[name]) for name in ("fall_ratio", "blister_ratio")]
    # Of logs: exactly 0.6 for two normals; the pooled one is close to normal, its tails heavier.
    assert np.corrcoef(scores)[0, 1] == pytest.approx(0.6, abs=error + 0.02)
    for name, prior in priors.items():
        share = (draws[name] < prior.quantile(0.3)).mean()
        assert share == pytest.approx(0.3, abs=5 * np.sqrt(0.21 / size)), name
    other = [Correlation(priors=["fall_ratio", "fall_risk"], rho=-0.5, because="example")]
    again = draw_priors(priors, other, size, np.random.default_rng(4))
    assert np.corrcoef(np.log(again["fall_ratio"]), again["fall_risk"])[0, 1] < -0.4


def test_the_correlation_table_pairs_the_same_draws_otherwise(load, drawn):
    loaded = load(rho="0.0")
    posterior = drawn(loaded)
    table = correlation_table(posterior, None)
    benefit = rm.net_benefit(rm.simulate(posterior, gate=False))
    as_run = rm.summarize_net_benefit(benefit).iloc[0]
    at_zero = table[table["rho"] == 0.0].iloc[0]
    assert at_zero["prob_positive"] == pytest.approx(as_run["prob_positive"])
    # The more two effects go together, the wider net benefit: both ratios push the one way.
    means = table.set_index("rho")["net_benefit"]
    assert np.ptp(means) < 0.01
    spread = table.set_index("rho")["prob_positive"]
    assert spread.nunique() == 3


@pytest.mark.slow
def test_the_sampler_draws_pooled_and_correlated_priors_as_numpy_does(load):
    loaded = load()
    sampled = rm.fit(loaded, seed=3)
    names = ("fall_ratio", "blister_ratio")
    exact = draw_priors(
        {name: build_prior(loaded, name) for name in names},
        loaded.problem.correlations,
        100_000,
        np.random.default_rng(1),
    )
    rows = {row["quantity"]: row for row in sampled.record["diagnostics"]}
    for name in names:
        error = rows[name]["monte_carlo_standard_error"]
        assert sampled.draws[name].mean() == pytest.approx(
            exact[name].mean(), abs=5 * np.hypot(error, exact[name].std() / np.sqrt(1e5))
        )
    logs = [np.log(sampled.draws[name].values.ravel()) for name in names]
    assert np.corrcoef(logs)[0, 1] == pytest.approx(0.6, abs=0.08)  # 5 x 0.64 / sqrt(2000)
