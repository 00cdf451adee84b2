"""The compiled model without sampling: names, dimensions, densities, prior draws."""

import re

import numpy as np
import pymc as pm
import pytensor
import pytest
from scipy import stats
from scipy.special import expit

from riskmodel.evidence.priors import LinePrior, build_priors, draw_prior, used_priors
from riskmodel.models.events import baseline_risk
from riskmodel.models.joint import build_model


@pytest.fixture(scope="module", autouse=True)
def interpreted():
    """Evaluate each graph a few times without compiling it."""
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        yield


@pytest.fixture(scope="module", params=["plex_aav", "small"])
def loaded(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def priors(loaded):
    return build_priors(loaded)


@pytest.fixture(scope="module")
def model(loaded):
    return build_model(loaded)


@pytest.fixture(scope="module")
def point(priors):
    """Some values of every prior, (1, ...), as the formulas take them."""
    rng = np.random.default_rng(3)
    return {
        name: np.array([[-1.3, 0.9]]) if isinstance(prior, LinePrior) else draw_prior(prior, 1, rng)
        for name, prior in priors.items()
    }


@pytest.fixture(scope="module")
def evaluated(model, point):
    """The two deterministics at that point."""
    outputs = [model["baseline_risk"], model["effect"]]
    givens = {model[name]: value[0] for name, value in point.items()}
    return pytensor.function([], outputs, givens=givens, on_unused_input="ignore")()


def test_there_is_one_variable_a_prior_and_nothing_else_is_free(model, priors):
    assert {v.name for v in model.free_RVs} == set(priors)
    assert model.observed_RVs == []
    assert {v.name for v in model.deterministics} == {"baseline_risk", "effect"}
    lines = {name for name, prior in priors.items() if isinstance(prior, LinePrior)}
    assert {v.name for v in model.potentials} == {f"{name}_stated_risks" for name in lines}


def test_coordinates_are_the_problems_own(model, loaded):
    coords = {name: list(values) for name, values in model.coords.items()}
    assert coords == {
        "option": list(loaded.problem.options),
        "outcome": list(loaded.problem.outcomes),
        "covariate": list(loaded.problem.covariates),
        "coefficient": ["intercept", "slope"],
    }
    dims = model.named_vars_to_dims
    assert tuple(dims["effect"]) == ("option", "outcome")
    assert tuple(dims["baseline_risk"]) == ("outcome",)


def test_log_density_is_finite_where_sampling_starts(model):
    logps = model.point_logps()
    assert all(np.isfinite(value) for value in logps.values()), logps


def test_density_of_a_line_is_its_documented_formula(model, priors):
    (name,) = [name for name, prior in priors.items() if isinstance(prior, LinePrior)]
    line = priors[name]
    logp = model.compile_logp(vars=[model[name], model[f"{name}_stated_risks"]])

    def by_hand(a, b):
        eta = a + b * np.array(line.positions)
        risks = np.array(line.risks)
        seen = risks * np.log(expit(eta)) + (1 - risks) * np.log(expit(-eta))
        before = stats.norm.logpdf([a, b], *np.array([line.intercept, line.slope]).T).sum()
        return before + line.effective_sample_size * seen.sum()

    start = model.initial_point()
    for a, b in [(-2.0, 0.0), (-2.5, 2.8), (1.0, -3.0)]:
        assert logp({**start, name: np.array([a, b])}) == pytest.approx(by_hand(a, b), rel=1e-12)


def test_stated_risks_stay_finite_far_out(model, priors):
    (name,) = [name for name, prior in priors.items() if isinstance(prior, LinePrior)]
    logp = model.compile_logp(vars=[model[f"{name}_stated_risks"]])
    assert np.isfinite(logp({**model.initial_point(), name: np.array([900.0, -900.0])}))


def test_baseline_risks_at_the_reference_profile_equal_the_formula(
    evaluated, loaded, priors, point
):
    reference = loaded.problem.reference_profile
    covariates = {
        name: np.array([float(reference.get(name, np.nan))]) for name in loaded.problem.covariates
    }
    by_hand = [
        baseline_risk(outcome.baseline, point, priors, covariates).item()
        for outcome in loaded.problem.outcomes.values()
    ]
    np.testing.assert_allclose(evaluated[0], by_hand, rtol=1e-12)


def test_effects_are_the_printed_measures_and_neutral_elsewhere(evaluated, loaded, point):
    problem = loaded.problem
    for j, option in enumerate(problem.options):
        for k, outcome in enumerate(problem.outcomes.values()):
            effect = outcome.effects.get(option)
            if effect is not None and effect.prior:
                assert evaluated[1][j, k] == point[effect.prior].item()
            else:
                rates = {e.scale for e in outcome.effects.values()} == {"added_rate"}
                assert evaluated[1][j, k] == (0.0 if rates else 1.0)


def test_a_problem_of_three_options_compiles_without_a_word_of_the_shipped_one(
    small, small_text, plex_aav
):
    words = {*plex_aav.problem.options, *plex_aav.problem.outcomes, *plex_aav.problem.covariates}
    assert not words & set(re.findall(r"\w+", small_text))
    model = build_model(small)
    assert model["effect"].type.ndim == 2
    assert np.isfinite(sum(model.point_logps().values()))


def test_only_the_priors_asked_for_are_compiled(plex_aav):
    names = used_priors(plex_aav.problem)
    model = build_model(plex_aav, build_priors(plex_aav, names))
    assert {v.name for v in model.free_RVs} == set(names)


def test_pymc_draws_the_priors_that_numpy_draws(model, priors):
    size = 20_000
    # What a line saw is a potential, which prior draws leave out.
    drawn = pm.draw([model[name] for name in priors], draws=size, random_seed=5)
    streams = np.random.default_rng(6).spawn(len(priors))
    for (name, prior), ours, rng in zip(priors.items(), drawn, streams, strict=True):
        theirs = draw_prior(prior, size, rng)
        assert ours.shape == theirs.shape, name
        for one, other in zip(ours.reshape(size, -1).T, theirs.reshape(size, -1).T, strict=True):
            # Some 25 comparisons at 1e-4 each: a right model fails one seed in 400.
            assert stats.ks_2samp(one, other).pvalue > 1e-4, name
