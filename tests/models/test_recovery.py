"""Recovery models: tensors against SciPy, sampler against grids, truth, calibration, a paper."""

import dataclasses
import warnings

import numpy as np
import pytest
from scipy import integrate, optimize, special, stats

from riskmodel.errors import ParameterError, RiskModelWarning
from riskmodel.evidence.recovery_data import merge, read_patients, rows_of_patients
from riskmodel.evidence.recovery_families import (
    FAMILIES,
    both_tails,
    log_density,
    quantile,
    restricted_mean,
)
from riskmodel.evidence.recovery_likelihood import Parameters, log_likelihood
from riskmodel.evidence.recovery_priors import recovery_priors
from riskmodel.evidence.recovery_summaries import recovery_summary
from riskmodel.models.convergence import monte_carlo_standard_error
from riskmodel.models.recovery import fit_recovery
from riskmodel.models.recovery_average import (
    from_array,
    leave_one_out,
    marginal_likelihood,
    pareto_smoothed,
    patient_log_likelihood,
    shares_of,
    stacking_weights,
    to_array,
)
from riskmodel.models.recovery_result import (
    FamilyDraws,
    Recovery,
    RecoveryQuantity,
    prior_share,
    restricted_mean_of,
)

INF = float("inf")
LOG_10 = float(np.log(10))
VISITS = np.array([0, 2, 4, 6, 9, 12, 18, 24, 36, 48.0, 72])


def simulated(family, cure, number, rng, never=0.25, location=LOG_10, spread=0.6, shape=0.4):
    """Return the visits between which patients with a known truth recover."""
    share = rng.uniform(size=number)
    if cure == "mixture":
        inner = share / (1 - never)
    elif cure == "promotion":
        inner = np.log1p(-share) / np.log(never)
    else:
        inner = share
    time = quantile(family, np.clip(inner, 0, 1 - 1e-13), location, spread, shape)
    time = np.where(inner < 1, time, INF)
    place = np.searchsorted(VISITS, time)
    last = len(VISITS)
    lower = VISITS[np.clip(place - 1, 0, last - 1)]
    upper = np.where(place < last, VISITS[np.clip(place, 0, last - 1)], INF)
    return lower, upper


def quiet(*arguments, **settings):
    """Fit without the warning that follow-up is short, which is not the subject here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RiskModelWarning)
        return fit_recovery(*arguments, **settings)


# --- without a sampler ---------------------------------------------------------------------------


def hand_made(cure="mixture", family="lognormal", number=4000, seed=1):
    rng = np.random.default_rng(seed)
    priors = recovery_priors(family, cure, "month")
    posterior = Parameters(
        rng.normal(np.log(10), 0.1, number),
        np.exp(rng.normal(-0.5, 0.1, number)),
        None,
        None if cure == "none" else np.log(np.full(number, 0.3)),
        None if cure == "none" else np.log(np.full(number, 0.7)),
        np.zeros((number, 0)),
        np.zeros((number, 0)),
    )
    part = FamilyDraws(family, cure, 1.0, posterior, priors.draw(2000, rng), priors)
    return Recovery(
        (part,), "full_recovery", "month", "onset", read_patients(None, None), (),
        np.zeros(0), np.ones(0),
    )  # fmt: skip


def test_quantities_are_those_of_the_draws():
    result = hand_made()
    draws = result.parts[0].posterior
    at_12 = 0.7 * stats.norm.cdf((np.log(12) - draws.location) / draws.spread)
    assert result.recovered_by(12).draws.reshape(-1) == pytest.approx(at_12, abs=1e-12)
    at_24 = 0.7 * stats.norm.cdf((np.log(24) - draws.location) / draws.spread)
    given = (at_24 - at_12) / (1 - at_12)
    assert result.recovered_by_given(12, 12).draws.reshape(-1) == pytest.approx(given, abs=1e-12)
    inner = stats.norm.ppf(0.5 / 0.7)
    median = np.exp(draws.location + draws.spread * inner)
    assert result.median.draws.reshape(-1) == pytest.approx(median)
    curve = result.curve([0, 12, 24])
    assert curve["recovered"].tolist() == pytest.approx([0, at_12.mean(), at_24.mean()])
    assert curve["lower"].iloc[1] == pytest.approx(np.quantile(at_12, 0.025))
    assert np.isnan(curve["prior_share"].iloc[0]) and 0 < curve["prior_share"].iloc[1] < 1


def test_quantile_that_is_never_reached_is_infinite_and_so_is_its_mean():
    late = hand_made().quantile(0.75)
    assert (late.median(), late.mean(), late.std()) == (INF, INF, INF)
    assert late.interval(0.95) == (INF, INF) and late.probability_infinite == 1
    mixed = RecoveryQuantity(np.array([[1.0, 2, 3, 4], [5, 6, INF, INF]]))
    assert mixed.median() == 4 and mixed.ppf(0.99) == INF and mixed.probability_infinite == 0.25


@pytest.mark.parametrize("cure", ["none", "mixture", "promotion"])
@pytest.mark.parametrize("family", FAMILIES)
def test_restricted_mean_is_the_area_under_the_whole_curve(family, cure):
    fraction = () if cure == "none" else (np.log([0.3]), np.log([0.7]))
    draw = Parameters(np.array([2.0]), np.array([0.7]), np.array([-0.5]), *fraction)

    def survival(t):
        not_yet, recovered = both_tails(family, t, 2.0, 0.7, -0.5)
        if cure == "none":
            return np.exp(not_yet)
        if cure == "promotion":
            return np.exp(np.log(0.3) * np.exp(recovered))
        return 0.3 + 0.7 * np.exp(not_yet)

    area, error = integrate.quad(lambda t: float(survival(t)), 0, 30, epsrel=1e-11)
    found = restricted_mean_of(family, cure, draw, 30.0)[0]
    assert found == pytest.approx(area, rel=1e-8, abs=2 * error)


def test_prior_share_of_normal_prior_and_likelihood_is_precision_over_precision():
    rng = np.random.default_rng(3)
    prior, posterior = rng.normal(0, 2, 40_000), rng.normal(0.5, 0.8, 40_000)
    # sd of a sample variance: variance * sqrt(2 / n) = 0.7%; four of them
    assert prior_share(prior, posterior) == pytest.approx(0.16, rel=0.04)
    # and the same for any rising function, infinity included
    assert prior_share(np.exp(prior), np.exp(posterior)) == prior_share(prior, posterior)
    assert prior_share(prior, prior) == pytest.approx(1, abs=1e-9)
    assert prior_share(prior, 3 * prior) == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_the_samplers_tensors_are_scipys_functions(family):
    import pytensor
    import pytensor.tensor as pt

    from riskmodel.models.recovery_model import standard_log_density, standard_tails

    w, q = pt.vector(), pt.scalar()
    shape = {"gamma": q, "generalized_gamma": q}.get(family)
    outputs = [*standard_tails(family, w, shape), standard_log_density(family, w, shape)]
    function = pytensor.function([w, q], outputs, mode="FAST_COMPILE", on_unused_input="ignore")
    # as far as SciPy's own logs reach
    points = np.linspace(-5, 3, 81)
    shapes = [0.05, 0.5, 1.0, 2.5] if family == "gamma" else [-2.5, -0.5, 0.0, 0.05, 0.5, 1.0, 2.5]
    for value in shapes:
        found = function(points, value)
        spread = value if family == "gamma" else 1.0
        time = np.exp(spread * points)
        known = [*both_tails(family, time, 0.0, spread, value)]
        known.append(log_density(family, time, 0.0, spread, value) + np.log(time * spread))
        for one, other in zip(found, known, strict=True):
            inside = np.isfinite(other) & (other > -200)
            # 2e-6 in the log of a probability: the fixed rule of 40 nodes
            assert np.abs(one - other)[inside].max() < 2e-6


@pytest.mark.parametrize("cure", ["none", "mixture", "promotion"])
def test_the_samplers_density_is_the_likelihood_and_prior_of_numpy(cure):
    from riskmodel.models.recovery_model import build_recovery_model

    rng = np.random.default_rng(5)
    lower, upper = simulated("weibull", cure, 40, rng)
    lower[:5], upper[:5] = [3.3, 4.0, 5.5, 8.0, 20.0], [3.3, 4.0, 5.5, 8.0, 20.0]
    entry = np.where(lower > 6, 1.5, 0)
    age = rng.normal(60, 10, 40)
    patients = read_patients(lower, upper, entry=entry, covariates={"age": age})
    rows, who = rows_of_patients(patients, (patients.covariates - 60) / 10)
    rows = merge([(rows, patients.weights[who])])
    for family in ("generalized_gamma", "loglogistic"):
        priors = recovery_priors(family, cure, "month", {"never_recovered": (2, 3)})
        model = build_recovery_model(rows, priors)
        names = [variable.name for variable in model.value_vars]
        found = model.compile_logp(mode="FAST_COMPILE")
        draws = priors.draw(2, rng, 1)
        draws = dataclasses.replace(draws, location=np.array([2.0, 2.6]))
        table = to_array(draws, priors)
        known = log_likelihood(family, cure, rows, draws) + priors.log_density(draws)
        constant = special.betaln(2, 3) if cure != "none" else 0.0
        for row, value in zip(table, known, strict=True):
            point = dict(zip(_order(family, cure), row, strict=True))
            point = {n: np.atleast_1d(point[n]) if "slopes" in n else point[n] for n in names}
            # 1e-4: forty patients, each within the rule's 2e-6
            assert float(found(point)) == pytest.approx(value + constant, abs=1e-4)


def _order(family, cure):
    names = ["location", "log_spread"]
    names += ["shape"] if family == "generalized_gamma" else []
    names += ["never_logit"] if cure != "none" else []
    return names + ["scale_slopes"] + (["never_slopes"] if cure != "none" else [])


# --- weights of families -------------------------------------------------------------------------


def grid_of(lower, upper, priors, steps=161, **settings):
    """Return points, log posterior and cell size on a grid of location and log spread."""
    patients = read_patients(lower, upper, **settings)
    rows, who = rows_of_patients(patients, patients.covariates)
    rows = merge([(rows, patients.weights[who])])
    location, log_spread = np.linspace(0.5, 4.0, steps), np.linspace(-2.2, 1.2, steps)
    a, b = (x.reshape(-1) for x in np.meshgrid(location, log_spread, indexing="ij"))
    draws = Parameters(a, np.exp(b), scale_slopes=np.zeros((len(a), 0)))
    log_posterior = log_likelihood(priors.family, "none", rows, draws) + priors.log_density(draws)
    cell = (location[1] - location[0]) * (log_spread[1] - log_spread[0])
    return patients, rows, draws, log_posterior, cell


def drawn_from_grid(draws, log_posterior, number, rng):
    weight = special.softmax(log_posterior)
    place = rng.choice(len(weight), size=number, p=weight)
    step = 3.5 / 160, 3.4 / 160  # spread within the cell, so that draws are continuous
    location = draws.location[place] + rng.uniform(-0.5, 0.5, number) * step[0]
    spread = np.exp(np.log(draws.spread[place]) + rng.uniform(-0.5, 0.5, number) * step[1])
    return Parameters(location, spread, scale_slopes=np.zeros((number, 0)))


def test_bridge_sampling_is_the_integral_over_a_grid():
    rng = np.random.default_rng(11)
    lower, upper = simulated("lognormal", "none", 40, rng)
    for family in ("lognormal", "weibull"):
        priors = recovery_priors(family, "none", "month")
        _, rows, draws, log_posterior, cell = grid_of(lower, upper, priors)
        known = special.logsumexp(log_posterior) + np.log(cell)
        sample = drawn_from_grid(draws, log_posterior, 4000, rng)
        found, error = marginal_likelihood(rows, priors, sample, rng)
        assert abs(found - known) < 5 * error + 1e-3  # the grid's own error is below 1e-3
        assert error < 0.02


def test_leave_one_out_is_that_of_refitting_without_each_patient():
    rng = np.random.default_rng(12)
    lower, upper = simulated("lognormal", "none", 12, rng)
    priors = recovery_priors("lognormal", "none", "month")
    patients, _, draws, log_posterior, _ = grid_of(lower, upper, priors)
    each = patient_log_likelihood("lognormal", "none", patients, np.zeros((12, 0)), draws)
    without = log_posterior[:, None] - each
    exact = special.logsumexp(without + each, axis=0) - special.logsumexp(without, axis=0)
    sample = drawn_from_grid(draws, log_posterior, 8000, rng)
    each = patient_log_likelihood("lognormal", "none", patients, np.zeros((12, 0)), sample)
    found = leave_one_out(each, patients.weights)
    assert found.pareto_k.max() < 0.7
    # importance weights of 8000 draws with k below 0.7 are worth a few hundred: 5% of a density
    assert found.pointwise == pytest.approx(exact, abs=0.05)


def test_pareto_tail_of_known_shape_is_found():
    rng = np.random.default_rng(13)
    for shape in (0.2, 0.5, 0.8):
        found = [
            pareto_smoothed(np.log(stats.genpareto.rvs(shape, size=4000, random_state=rng)))[1]
            for _ in range(20)
        ]
        # 190 tail draws: sd (1 + k) / sqrt(190) = 0.13 each, 0.03 of the mean; and a weak prior
        assert np.mean(found) == pytest.approx(shape, abs=0.12)


def test_stacking_weights_are_the_optimum():
    rng = np.random.default_rng(14)
    densities = rng.normal(0, 1, (50, 3))

    def loss(logits):
        return -special.logsumexp(densities + special.log_softmax(logits), axis=1).sum()

    best = optimize.minimize(loss, np.zeros(3), tol=1e-12)
    found = stacking_weights(densities)
    assert found == pytest.approx(special.softmax(best.x), abs=1e-3)
    assert shares_of(found, 1000).sum() == 1000
    table = rng.normal(size=(5, 4))
    priors = recovery_priors("generalized_gamma", "mixture", "month")
    assert to_array(from_array(table, priors, 0), priors) == pytest.approx(table)


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings, text",
    [
        (dict(lower=None, upper=None), "patients, summaries, or both"),
        (dict(lower=[0], upper=[INF]), "nothing that tells of a time"),
        (dict(family="weibul"), "did you mean 'weibull'"),
        (dict(family=["weibull", "weibull"]), "each family once"),
        (dict(family=[]), "average, weibull"),
        (dict(cure="mixtur"), "did you mean 'mixture'"),
        (dict(endpoint="recovery"), "functional_recovery"),
        (dict(time_unit="hour"), "day, week"),
        (dict(average="aic"), "stacking, marginal_likelihood"),
        (dict(draws=10), "at least 1000"),
        (dict(seed=-1), "whole number"),
        (dict(summaries=[{"kind": "count", "recovered": 3, "n": 9, "by": 2}],
              covariates={"age": [1, 2]}), "the covariates of its patients"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused_before_anything_is_compiled(settings, text):
    settings = {"lower": [3, 4], "upper": [6, 9], "seed": 1, **settings}
    with pytest.raises(ParameterError, match=text):
        fit_recovery(settings.pop("lower"), settings.pop("upper"), **settings)


def test_average_has_parameters_by_family_only():
    one = hand_made()
    both = dataclasses.replace(one, parts=one.parts + hand_made(family="weibull").parts)
    with pytest.raises(ParameterError, match="lognormal, weibull"):
        both.parameters()
    assert both.family == "average" and "spread" in both.parameters("weibull")
    assert both.median.draws.shape == (4, 2000)
    with pytest.raises(ParameterError, match="none"):
        one.curve([1], at={"age": 3})


# --- with the sampler ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "family, cure", [*((family, "mixture") for family in FAMILIES), ("lognormal", "promotion")]
)
def test_known_truth_is_recovered_under_interval_censoring_and_cure(family, cure):
    rng = np.random.default_rng(21)
    lower, upper = simulated(family, cure, 600, rng)
    found = quiet(lower, upper, family=family, cure=cure, seed=1)
    truth = {"never": 0.25, "typical_time": 10.0, "spread": 0.6}
    values = found.parameters()
    values["never"] = values.pop("never_recovered")
    for name, known in truth.items():
        draws = np.log(values[name].draws)
        # posterior standard deviations from the truth; 4 is one in 16,000
        assert abs(draws.mean() - np.log(known)) < 4 * draws.std(), name
    part = found.parts[0].posterior
    mean = 0.25 * 36 + 0.75 * restricted_mean(family, 36.0, np.log(10), 0.6, 0.4)
    if cure == "mixture":
        area = found.restricted_mean(36.0)
        assert abs(area.mean() - mean) < 4 * area.std()
    assert len(part) == 4000 and values["never"].prior_share < 0.2


@pytest.mark.slow
def test_sampler_is_the_grid_within_monte_carlo_error():
    rng = np.random.default_rng(22)
    lower, upper = simulated("lognormal", "none", 30, rng)
    lower[:4], upper[:4] = [7.0, 11.0, 3.0, 5.0], [7.0, 11.0, INF, 5.0]
    entry, weights = np.where(lower >= 6, 2.0, 0.0), rng.integers(1, 3, 30).astype(float)
    for family in ("lognormal", "loglogistic"):
        priors = recovery_priors(family, "none", "month")
        _, _, draws, log_posterior, _ = grid_of(
            lower, upper, priors, steps=241, entry=entry, weights=weights
        )
        weight = special.softmax(log_posterior)
        fit = quiet(lower, upper, family=family, entry=entry, weights=weights, seed=2)
        exact = {
            "typical_time": np.exp(draws.location),
            "spread": draws.spread,
        }
        values = fit.parameters()
        for name, grid in exact.items():
            sample = values[name].draws
            tolerance = 5 * monte_carlo_standard_error(sample) + 1e-4  # the grid's own
            assert abs(sample.mean() - weight @ grid) < tolerance
        late = np.exp(both_tails(family, 12.0, draws.location, draws.spread)[1])
        sample = fit.recovered_by(12).draws
        assert abs(sample.mean() - weight @ late) < 5 * monte_carlo_standard_error(sample) + 1e-4


@pytest.mark.slow
def test_covariates_act_on_time_and_on_the_fraction():
    rng = np.random.default_rng(23)
    treated = np.repeat([0.0, 1.0], 400)
    first = simulated("weibull", "mixture", 400, rng, never=0.5)
    second = simulated("weibull", "mixture", 400, rng, never=0.25, location=np.log(5))
    lower, upper = (np.concatenate(pair) for pair in zip(first, second, strict=True))
    fit = quiet(lower, upper, cure="mixture", covariates={"treated": treated}, seed=3)
    values = fit.parameters()
    for name, known in (("time_ratio.treated", 0.5), ("never_ratio.treated", 1 / 3)):
        draws = np.log(values[name].draws)
        assert abs(draws.mean() - np.log(known)) < 4 * draws.std()
    for at, known in ((0, 0.5), (1, 0.25)):
        never = fit.never_recovered_at({"treated": at})
        assert abs(never.mean() - known) < 4 * never.std()


@pytest.mark.slow
def test_ranges_and_counts_alone_and_what_of_them_is_prior():
    said = dict(endpoint="full_recovery", meaning="q05_q95", of="recovered",
                effective_sample_size=40, whose="a test")  # fmt: skip
    months = recovery_summary("s002_recovery_range", **said)
    settings = dict(family="lognormal", cure="mixture", endpoint="full_recovery", seed=4)
    with pytest.warns(RiskModelWarning, match="precision is the prior's"):
        often_incomplete = fit_recovery(summaries=[months], **settings)
    # words without a number leave the fraction where its prior is
    never = often_incomplete.never_recovered
    assert abs(never.mean() - 0.5) < 5 * never.monte_carlo_standard_error
    assert never.prior_share > 0.9 and often_incomplete.assumed
    assert "assumed" in often_incomplete.statement
    # 14.7 months and a spread of 0.545: the range read as 90% (the method's printed numbers)
    values = often_incomplete.parameters()
    assert values["typical_time"].median() == pytest.approx(14.7, rel=0.05)
    assert values["spread"].median() == pytest.approx(0.545, rel=0.1)
    counted = recovery_summary("lrpn_complete_recovery", endpoint="full_recovery", by=INF)
    fit = fit_recovery(summaries=[months, counted], **settings)
    known = stats.beta(4, 40)  # 3 of 42 on a uniform prior
    ever = 1 - fit.never_recovered.draws
    assert abs(ever.mean() - known.mean()) < 5 * monte_carlo_standard_error(ever)
    assert fit.median.probability_infinite == 1 and fit.follow_up.supported


@pytest.mark.slow
def test_average_leans_to_the_true_family_and_says_so():
    rng = np.random.default_rng(24)
    lower, upper = simulated("lognormal", "none", 400, rng, spread=0.9)
    for method, column in (("stacking", "elpd"), (None, "elpd"),
                           ("marginal_likelihood", "log_marginal_likelihood")):  # fmt: skip
        fit = quiet(lower, upper, family=["lognormal", "weibull"], average=method, seed=5)
        weights = fit.weights.set_index("family")
        assert weights["weight"].sum() == pytest.approx(1)
        # stacking leaves a near family some weight: it predicts almost as well
        assert weights.loc["lognormal", "weight"] > 0.75
        assert weights.loc["lognormal", column] > weights.loc["weibull", column]
    assert fit.median.draws.shape == (4, 1000)
    with pytest.raises(ParameterError, match="not one patient"):
        quiet(summaries=[{"kind": "count", "recovered": 3, "n": 9, "by": 6}],
              family=["lognormal", "weibull"], average="stacking", seed=5)  # fmt: skip


@pytest.mark.slow
def test_fraction_that_follow_up_does_not_support_is_warned_of():
    rng = np.random.default_rng(25)
    time = quantile("lognormal", rng.uniform(size=80), np.log(20), 0.8)
    short = np.where(time < 18, time, 18.0), np.where(time < 18, time, INF)
    with pytest.warns(RiskModelWarning, match="does not support.*expected only after 18"):
        doubtful = fit_recovery(*short, family="lognormal", cure="mixture", seed=6)
    assert not doubtful.follow_up.supported and "not support" in doubtful.statement
    lower, upper = simulated("lognormal", "mixture", 200, rng, location=np.log(5), spread=0.4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        supported = fit_recovery(lower, upper, family="lognormal", cure="mixture", seed=6)
    assert supported.follow_up.supported


# Meeker (1987), Technometrics 29:51: 4,156 integrated circuits on test for 1,370 hours, of which
# 28 failed; most never would. The times are those that the PyPI package surpyval ships as
# `load_meeker_lfp`, whose own tests give the fraction that can fail as 0.0067, at a log likelihood
# of -293.0.
HOURS = np.array([
    0.1, 0.1, 0.15, 0.6, 0.8, 0.8, 1.2, 2.5, 3, 4, 4, 6, 10, 10, 12.5, 20, 20, 43, 43, 48, 48, 54,
    74, 84, 94, 168, 263, 593,
])  # fmt: skip


def circuits():
    lower = np.append(HOURS, 1370.0) / 24
    return lower, np.append(HOURS / 24, INF), np.append(np.ones(28), 4128.0)


def test_likelihood_of_the_published_cure_example_is_the_printed_one():
    lower, upper, weights = circuits()
    patients = read_patients(lower, upper, weights=weights)
    rows, who = rows_of_patients(patients, patients.covariates)
    rows = merge([(rows, patients.weights[who])])

    def loss(point):
        parameters = from_array(point[None, :], recovery_priors("weibull", "mixture", "day"), 0)
        return -log_likelihood("weibull", "mixture", rows, parameters)[0]

    best = optimize.minimize(loss, [0.0, 0.7, 5.0], method="Nelder-Mead", tol=1e-10)
    assert special.expit(-best.x[2]) == pytest.approx(0.0067, abs=5e-5)
    in_hours = best.fun + 28 * np.log(24)  # a density per hour instead of per day
    assert in_hours == pytest.approx(293.0, abs=0.05)


def test_published_cure_example_is_the_one_that_a_package_ships():
    surpyval = pytest.importorskip("surpyval")
    from surpyval.datasets import load_meeker_lfp

    table = load_meeker_lfp()
    failed = table[table["c"] == 0]
    assert np.repeat(failed["x"], failed["n"]).tolist() == HOURS.tolist()
    fitted = surpyval.Weibull.fit(
        x=table["x"].values, c=table["c"].values, n=table["n"].values, lfp=True
    )
    assert fitted.lfp_p == pytest.approx(0.0067, abs=5e-5)


@pytest.mark.slow
def test_published_fraction_is_inside_the_posterior():
    lower, upper, weights = circuits()
    fit = quiet(lower, upper, weights=weights, cure="mixture", time_unit="day", seed=7)
    low, high = fit.never_recovered.interval(0.95)
    assert low < 1 - 0.0067 < high
    shape = 1 / fit.parameters()["spread"].median()
    assert shape == pytest.approx(0.496, abs=0.1)  # 0.49598 is surpyval's; sd here 0.08


@pytest.mark.slow
def test_intervals_are_calibrated():
    """Ranks of the truth among draws are uniform where truth comes from the prior."""
    from riskmodel.models.recovery_model import parameters_of, sample_recovery

    priors = recovery_priors(
        "lognormal",
        "mixture",
        "month",
        {"typical_time": (4, 30), "spread": (0.3, 1.2), "never_recovered": (2, 2)},
    )
    rng, ranks, repeats = np.random.default_rng(31), [], 120
    truth = priors.draw(repeats, rng)
    for place in range(repeats):
        lower, upper = simulated(
            "lognormal",
            "mixture",
            50,
            rng,
            never=np.exp(truth.log_never[place]),
            location=truth.location[place],
            spread=truth.spread[place],
        )
        patients = read_patients(lower, upper)
        rows, who = rows_of_patients(patients, patients.covariates)
        rows = merge([(rows, patients.weights[who])])
        dataset, _, _ = sample_recovery(rows, priors, seed=place, draws=2000)
        found = parameters_of(dataset)
        every = slice(None, None, 20)  # ranks want draws that are nearly independent
        ranks.append(
            [
                (found.location[every] < truth.location[place]).sum(),
                (found.spread[every] < truth.spread[place]).sum(),
                (found.log_never[every] < truth.log_never[place]).sum(),
            ]
        )
    bins = np.array(ranks) * 10 // 101
    for column in bins.T:
        counts = np.bincount(column, minlength=10)
        # p below 0.001 in one of three columns is one run in 300
        assert stats.chisquare(counts).pvalue > 0.001
