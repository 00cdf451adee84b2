"""Draws against quadrature, known truth, and what is kept between runs.

Distances are measured in Monte Carlo standard errors by riskmodel.models.convergence, which
test_convergence.py holds to ArviZ. Five of them: some hundred comparisons then fail by chance
less often than one seed in ten thousand.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from scipy.special import expit

import riskmodel as rm
from riskmodel.errors import ConvergenceError, ParameterError, RiskModelWarning
from riskmodel.evidence.priors import LinePrior, build_priors
from riskmodel.models import posterior as module
from riskmodel.models.convergence import monte_carlo_standard_error
from riskmodel.models.gate import diagnose, require_convergence
from riskmodel.models.posterior import load_posterior, save_posterior

WITHIN = 5
THIN = 4  # draws of NUTS are nearly independent at this distance; KS needs them so


def z_score(draws, wanted):
    """Return how many Monte Carlo standard errors the mean of draws lies from an exact value."""
    draws = np.asarray(draws, dtype=float)
    return abs(draws.mean() - wanted) / monte_carlo_standard_error(draws)


def frozen(prior):
    """Return the prior as scipy knows it, from its two numbers alone."""
    if prior.family == "beta":
        return stats.beta(prior.first, prior.second)
    return stats.lognorm(s=prior.second, scale=np.exp(prior.first))


class ExactLine:
    """Posterior of a line by Gauss-Legendre quadrature over the log odds at `at` and the slope."""

    def __init__(self, line, at=0.0, centre=(-2.5, 2.8), half_width=(4.0, 7.0), nodes=160):
        x, w = np.polynomial.legendre.leggauss(nodes)
        (a0, b0), (ha, hb) = centre, half_width
        self.line, self.at = line, at
        self.b, self.wb = b0 + hb * x, hb * w
        self.a = a0 + b0 * at + ha * x
        weight = np.exp(self.log_density(self.a[:, None], self.b)) * (ha * w)[:, None] * self.wb
        self.weight = weight / weight.sum()
        # Nothing that matters is cut off: the outermost nodes hold no mass to speak of.
        assert self.weight[[0, -1]].max() < 1e-12 and self.weight[:, [0, -1]].max() < 1e-12

    def log_density(self, a, b):
        line = self.line
        start = a - b * self.at
        eta = start[..., None] + b[..., None] * np.array(line.positions)
        risks = np.array(line.risks)
        seen = -(risks * np.logaddexp(0, -eta) + (1 - risks) * np.logaddexp(0, eta)).sum(-1)
        before = stats.norm.logpdf(start, *line.intercept) + stats.norm.logpdf(b, *line.slope)
        return before + line.effective_sample_size * seen

    def mean(self, function):
        return float((self.weight * function(self.a[:, None], self.b)).sum())

    def distribution(self, of="a"):
        """Return the distribution function of the log odds at `at`, or of the slope."""
        if of == "a":
            grid = np.linspace(self.a[0], self.a[-1], 4001)
            density = np.exp(self.log_density(grid[:, None], self.b)) @ self.wb
        else:
            grid = np.linspace(self.b[0], self.b[-1], 4001)
            x, w = np.polynomial.legendre.leggauss(160)
            a = (self.a[0] + self.a[-1]) / 2 + (self.a[-1] - self.a[0]) / 2 * x
            density = w @ np.exp(self.log_density(a[:, None], grid))
        total = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
        return lambda value: np.interp(value, grid, total / total[-1])


@pytest.fixture(scope="module")
def priors(plex_aav):
    return build_priors(plex_aav)


@pytest.fixture(scope="module")
def line(priors):
    return priors["eskd_line"]


# --- the posterior against quadrature -----------------------------------------------------------


@pytest.mark.slow
def test_every_single_number_has_the_moments_and_quantiles_of_its_closed_form(posterior, priors):
    for name, prior in priors.items():
        if isinstance(prior, LinePrior):
            continue
        draws, exact = posterior.draws[name].values, frozen(prior)
        assert z_score(draws, exact.mean()) < WITHIN, name
        assert z_score((draws - exact.mean()) ** 2, exact.var()) < WITHIN, name
        for prob in (0.025, 0.5, 0.975):
            assert z_score(draws <= exact.ppf(prob), prob) < WITHIN, (name, prob)


@pytest.mark.slow
def test_intercept_and_slope_have_the_moments_of_the_quadrature(posterior, line):
    exact = ExactLine(line)
    a, b = np.moveaxis(posterior.draws["eskd_line"].values, -1, 0)
    mean_a, mean_b = exact.mean(lambda a, b: a), exact.mean(lambda a, b: b)
    assert z_score(a, mean_a) < WITHIN
    assert z_score(b, mean_b) < WITHIN
    assert z_score((a - mean_a) ** 2, exact.mean(lambda a, b: (a - mean_a) ** 2)) < WITHIN
    assert z_score((b - mean_b) ** 2, exact.mean(lambda a, b: (b - mean_b) ** 2)) < WITHIN
    product = exact.mean(lambda a, b: (a - mean_a) * (b - mean_b))
    assert z_score((a - mean_a) * (b - mean_b), product) < WITHIN


@pytest.mark.slow
@pytest.mark.parametrize("creatinine", [200, 300, 420, 500])
def test_risks_along_the_line_are_those_of_the_quadrature(posterior, line, creatinine):
    at = np.log(creatinine / 300)
    exact = ExactLine(line)
    mean = exact.mean(lambda a, b: expit(a + b * at))
    var = exact.mean(lambda a, b: (expit(a + b * at) - mean) ** 2)
    risk = rm.simulate(posterior, [{"serum_creatinine": creatinine}], case_mix=False)["risk"]
    draws = risk.sel(
        profile="patient", option="standard_care", outcome="end_stage_kidney_disease"
    ).values
    assert z_score(draws, mean) < WITHIN
    assert z_score((draws - mean) ** 2, var) < WITHIN


@pytest.mark.slow
def test_absolute_effect_at_420_is_the_nested_quadrature(posterior, line, priors, outcomes):
    ratio = frozen(priors["eskd_relative_risk"])
    exact, at = ExactLine(line), np.log(420 / 300)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    ratios = np.exp(np.log(ratio.median()) + ratio.kwds["s"] * nodes)
    weights = weights / weights.sum()

    def average(function):
        return exact.mean(
            lambda a, b: sum(
                w * function(expit(a + b * at) * (r - 1))
                for r, w in zip(ratios, weights, strict=True)
            )
        )

    risk = outcomes["risk"].sel(profile="reference", outcome="end_stage_kidney_disease")
    draws = (risk.sel(option="plex") - risk.sel(option="standard_care")).values
    mean = average(lambda d: d)
    assert z_score(draws, mean) < WITHIN
    assert z_score((draws - mean) ** 2, average(lambda d: (d - mean) ** 2)) < WITHIN
    assert z_score(draws < 0, ratio.cdf(1.0)) < WITHIN
    for points in (-0.12, -0.05, -0.01):  # P(difference below so many points)
        below = exact.mean(lambda a, b, d=points: ratio.cdf(1 + d / expit(a + b * at)))
        assert z_score(draws < points, below) < WITHIN, points


@pytest.mark.slow
def test_draws_stand_uniformly_in_their_exact_distributions(posterior, line, priors):
    at = np.log(420 / 300)
    a, b = np.moveaxis(posterior.draws["eskd_line"].values, -1, 0)
    places = {
        "intercept": ExactLine(line).distribution()(a),
        "slope": ExactLine(line).distribution(of="b")(b),
        "log odds at 420": ExactLine(line, at=at).distribution()(a + b * at),
    }
    for name, prior in priors.items():
        if not isinstance(prior, LinePrior):
            places[name] = frozen(prior).cdf(posterior.draws[name].values)
    for name, place in places.items():
        assert z_score(place, 0.5) < WITHIN, name
        # 15 tests at 1e-4: a right posterior fails one seed in 600.
        assert stats.kstest(place[:, ::THIN].ravel(), "uniform").pvalue > 1e-4, name


@pytest.mark.slow
def test_independent_priors_stay_independent(posterior, priors):
    names = [n for n, prior in priors.items() if not isinstance(prior, LinePrior)]
    draws = np.array([posterior.draws[n].values.ravel() for n in names])
    correlation = stats.spearmanr(draws.T).statistic
    off_diagonal = correlation[~np.eye(len(names), dtype=bool)]
    # Of 4000 draws, independent numbers correlate with standard error 0.016.
    assert np.abs(off_diagonal).max() < 0.08


@pytest.mark.slow
def test_shipped_posterior_says_how_it_was_made(posterior):
    record = posterior.record
    wanted = {"seed": 7, "draws": 4000, "chains": 4, "divergences": 0}
    assert {key: record[key] for key in wanted} == wanted
    assert {row["quantity"] for row in record["diagnostics"]} >= {"eskd_line[slope]"}
    assert {"pymc", "nutpie", "numpy"} <= set(record["versions"])


# --- known truth --------------------------------------------------------------------------------

TINY = """\
schema: riskmodel/problem/1
id: tiny
question: Does a hat help?
population: walkers
horizon: {{value: 1, unit: month}}
comparator: bare
covariates: {{sun: {{label: Sun, unit: hour, range: [0, 24]}}}}
reference_profile: {{sun: 4}}
options: {{bare: {{label: Bare}}, hat: {{label: Hat}}}}
outcomes:
  burn:
    label: Sunburn
    unwanted: true
    baseline: {{line: {{prior: burn_line}}}}
    effects: {{hat: {{scale: relative_risk, prior: burn_ratio}}}}
priors:
  burn_line:
    from: [burn_1, burn_2, burn_3, burn_4]
    line: {{covariate: sun, transform: linear, centre: 4,
           intercept: {{mean: 0, sd: 3}}, slope: {{mean: 0, sd: 3}}}}
    effective_sample_size: {size}
    badge: elicited
    whose: a test
    because: example
  burn_ratio: {{from: [burn_ratio]}}
preferences: {{reference: burn, default: walker, vary: burn}}
panels:
  - {{id: walker, label: Walker, whose: a test, why: example, swing: none to one, status: judgement,
     reference: burn, weights: {{burn: {{weight: 1}}}}}}
sources:
  diary: {{citation: "A diary, 2001", url: "https://example.org/diary", read: full text,
          role: primary}}
estimates:
"""
ESTIMATE = """\
  - {{id: {name}, measure: {measure}, outcome: burn, value: {value}, {more},
     population: walkers, horizon: {{value: 1, unit: month}},
     source: {{key: diary, locator: page 1}}, printed: "{value}, {more}", status: seen_primary}}
"""
TRUTH = {"intercept": -1.2, "slope": 0.45}
SIZE = 4000


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A problem whose stated risks were counted among patients of a known line."""
    rng = np.random.default_rng(20)
    text = TINY.format(size=SIZE)
    for i, sun in enumerate((1, 3, 5, 8), start=1):
        events = rng.binomial(SIZE, expit(TRUTH["intercept"] + TRUTH["slope"] * (sun - 4)))
        text += ESTIMATE.format(
            name=f"burn_{i}", measure="risk", value=events / SIZE, more=f"at: {{sun: {sun}}}"
        )
    interval = "interval: {lower: 0.4, upper: 0.9, level: 0.95, kind: confidence}"
    text += ESTIMATE.format(name="burn_ratio", measure="relative_risk", value=0.6, more=interval)
    path = tmp_path_factory.mktemp("tiny") / "tiny.yaml"
    path.write_text(text)
    return rm.load_problem(path)


@pytest.fixture(scope="module")
def fits(tiny):
    """The same problem fitted with the seeds 0, 0 and 1, none of them stored."""
    return [rm.fit(tiny, seed=seed, draws=2000, reuse=False) for seed in (0, 0, 1)]


@pytest.mark.slow
def test_a_known_line_is_recovered(fits):
    draws = fits[0].draws["burn_line"]
    for name, truth in TRUTH.items():
        values = draws.sel(coefficient=name).values
        lower, upper = np.quantile(values, [0.005, 0.995])
        assert lower < truth < upper, name
        # And not by being vague: 16,000 patients leave a standard error of some 0.02.
        assert upper - lower < 0.15, name


@pytest.mark.slow
def test_same_seed_gives_the_same_bits_and_another_seed_others(fits):
    first, again, other = (fit.draws for fit in fits)
    xr.testing.assert_identical(first, again)
    for name in first.data_vars:
        assert not (first[name].values == other[name].values).any()


@pytest.mark.slow
def test_seeds_agree_to_monte_carlo_error(fits):
    first, _, other = (fit.draws for fit in fits)
    for name in first.data_vars:
        for one, two in zip(
            first[name].values.reshape(4, 500, -1).transpose(2, 0, 1),
            other[name].values.reshape(4, 500, -1).transpose(2, 0, 1),
            strict=True,
        ):
            error = np.hypot(monte_carlo_standard_error(one), monte_carlo_standard_error(two))
            assert abs(one.mean() - two.mean()) < WITHIN * error, name


@pytest.mark.slow
def test_seed_zero_is_a_seed(fits):
    assert [fit.seed for fit in fits] == [0, 0, 1]
    assert not any(fit.record["reused"] for fit in fits)


# --- what is kept between runs ------------------------------------------------------------------


def chains(names, draws=1000, seed=0):
    rng = np.random.default_rng(seed)
    return xr.Dataset(
        {
            name: (("chain", "draw", *dims), rng.normal(size=(4, draws // 4, *[2] * len(dims))))
            for name, dims in names.items()
        },
        attrs={"divergences": 0},
    )


@pytest.fixture
def sampler(monkeypatch, tmp_path):
    """A sampler that draws normal numbers at once, counts its calls, and an empty cache."""
    monkeypatch.setenv("RISKMODEL_CACHE", str(tmp_path / "cache"))
    calls = []

    def sample(loaded, priors, *, seed, draws, step):
        calls.append(seed)
        dims = {
            name: ("coefficient",) if isinstance(prior, LinePrior) else ()
            for name, prior in priors.items()
        }
        return chains(dims, draws, seed), {"compile": 0.0, "sample": 0.0}

    monkeypatch.setattr(module, "_sample", sample)
    return calls


def stored():
    return next(module.cache_folder().rglob("*.nc"))


@pytest.mark.slow
def test_a_fit_of_the_same_content_and_seed_samples_nothing(posterior, plex_aav, monkeypatch):
    def never(*_, **__):
        raise AssertionError("sampled")

    monkeypatch.setattr(module, "_sample", never)
    again = rm.fit(plex_aav, seed=7)
    assert again.record["reused"] and again.seed == 7
    xr.testing.assert_identical(again.draws, posterior.draws)
    # Any seed will do if none is asked for, and none is then drawn.
    assert rm.fit(plex_aav).seed == 7
    for name in plex_aav.problem.scenarios:
        scenario = plex_aav.with_scenarios([name])
        if name == "recalled_infection_strata":  # its prior was never sampled
            with pytest.raises(AssertionError, match="sampled"):
                rm.fit(scenario, seed=7)
        else:
            assert rm.fit(scenario, seed=7).record["reused"], name


def test_what_is_stored_belongs_to_one_seed_and_one_content(tiny, sampler, tmp_path):
    rm.fit(tiny, seed=0)
    assert rm.fit(tiny, seed=0).record["reused"]
    rm.fit(tiny, seed=1)
    rm.fit(tiny, seed=0, draws=2000)
    rm.fit(tiny, seed=0, reuse=False)
    assert sampler == [0, 1, 0, 0]


def test_no_seed_takes_what_is_stored_or_draws_one_and_says_it(tiny, sampler):
    with pytest.warns(RiskModelWarning, match="drew [0-9]+; pass seed=") as caught:
        first = rm.fit(tiny)
    assert f"seed={first.seed} " in str(caught[0].message)
    assert first.record["seed"] == sampler[0]
    again = rm.fit(tiny)
    assert again.record["reused"] and again.seed == first.seed
    assert len(sampler) == 1


def test_a_numpy_integer_is_a_seed_like_another(tiny, sampler):
    first = rm.fit(tiny, seed=np.int64(5), draws=np.int32(1000))
    assert json.loads(json.dumps(dict(first.record)))["seed"] == 5
    assert rm.fit(tiny, seed=5, draws=1000).record["reused"]


@pytest.mark.parametrize(
    "arguments, field",
    [
        ({"seed": -1}, "seed"),
        ({"seed": True}, "seed"),
        ({"seed": 1.0}, "seed"),
        ({"seed": 2**32}, "seed"),
        ({"draws": 1001}, "draws"),
        ({"draws": 400}, "draws"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(tiny, sampler, arguments, field):
    with pytest.raises(ParameterError) as caught:
        rm.fit(tiny, **{"seed": 1, **arguments})
    assert [problem.field for problem in caught.value.problems] == [field]
    assert sampler == []


def damage_empty(path: Path):
    path.write_bytes(b"")


def damage_text(path: Path):
    path.write_text("not a posterior")


def damage_half(path: Path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_end(path: Path):
    path.write_bytes(path.read_bytes()[:-100])


def damage_header(path: Path):
    content = bytearray(path.read_bytes())
    content[600:1600] = b"\xff" * 1000
    path.write_bytes(bytes(content))


def damage_group(path: Path):
    path.unlink()
    xr.Dataset({"x": 1.0}).to_netcdf(path, engine="h5netcdf")


def damage_record(path: Path):
    path.unlink()
    xr.Dataset({"x": 1.0}).to_netcdf(path, engine="h5netcdf", group="posterior")


@pytest.mark.parametrize(
    "damage",
    [
        damage_empty,
        damage_text,
        damage_half,
        damage_end,
        damage_header,
        damage_group,
        damage_record,
    ],
)
def test_a_damaged_store_is_sampled_again_and_mended(tiny, sampler, damage):
    first = rm.fit(tiny, seed=3)
    damage(stored())
    with pytest.warns(RiskModelWarning, match="cannot be read"):
        again = rm.fit(tiny, seed=3)
    assert sampler == [3, 3] and not again.record["reused"]
    np.testing.assert_array_equal(again.draws["burn_ratio"], first.draws["burn_ratio"])
    assert rm.fit(tiny, seed=3).record["reused"]


def test_a_cache_that_cannot_be_written_warns_and_the_run_goes_on(
    tiny, sampler, monkeypatch, tmp_path
):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RISKMODEL_CACHE", str(tmp_path / "file"))
    with pytest.warns(RiskModelWarning, match="not writable.*RISKMODEL_CACHE"):
        found = rm.fit(tiny, seed=3)
    assert found.seed == 3


def test_a_store_is_written_whole_or_not_at_all(tiny, sampler, monkeypatch):
    def full(self, path, **_):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", full)
    with pytest.warns(RiskModelWarning, match="No space left"):
        rm.fit(tiny, seed=3)
    assert [path for path in module.cache_folder().rglob("*") if path.is_file()] == []


def test_a_saved_posterior_comes_back(tiny, sampler, tmp_path):
    first = rm.fit(tiny, seed=3)
    save_posterior(first, tmp_path / "kept.nc")
    shutil.rmtree(module.cache_folder())
    back = load_posterior(tiny, tmp_path / "kept.nc")
    xr.testing.assert_equal(back.draws, first.draws)
    assert back.record == {**first.record, "reused": True}


# --- the gate -----------------------------------------------------------------------------------


def test_a_stuck_chain_is_named_and_stored_nowhere(tiny, monkeypatch, sampler):
    def stuck(loaded, priors, **_):
        draws = chains({"burn_line": ("coefficient",), "burn_ratio": ()})
        draws["burn_ratio"][1] = 4.0
        return draws, {}

    monkeypatch.setattr(module, "_sample", stuck)
    with pytest.raises(ConvergenceError, match=r"burn_ratio \(R-hat") as caught:
        rm.fit(tiny, seed=3)
    assert "burn_line" not in str(caught.value)
    assert not module.cache_folder().exists()


def test_divergences_stop_the_run(tiny, monkeypatch, sampler):
    def divergent(loaded, priors, **_):
        draws = chains({"burn_line": ("coefficient",), "burn_ratio": ()})
        draws.attrs["divergences"] = 3
        return draws, {}

    monkeypatch.setattr(module, "_sample", divergent)
    with pytest.raises(ConvergenceError, match="3 divergent transitions"):
        rm.fit(tiny, seed=3)


def test_gate_looks_at_what_has_draws_set_aside():
    draws = chains({"good": (), "bad": ()}).assign_attrs({})
    draws["bad"][2] += 3.0
    draws["good"][0, 5] = draws["bad"][0, 5] = np.nan
    with pytest.raises(ConvergenceError, match="bad") as caught:
        require_convergence(diagnose(draws))
    assert "good" not in str(caught.value)


def test_gate_leaves_out_constants_and_what_is_never_defined():
    draws = chains({"good": ()})
    draws["constant"] = draws["good"] * 0 + 0.1
    draws["nearly"] = draws["constant"].copy()
    draws["nearly"][::2] += np.finfo(float).eps / 8  # rounding of one sum in two orders
    draws["zero"] = draws["good"] * 0
    draws["never"] = draws["good"] * np.nan
    diagnostics = diagnose(draws)
    assert [row["quantity"] for row in diagnostics] == ["good"]
    require_convergence(diagnostics)


def test_diagnostics_are_labelled_by_coordinate():
    draws = chains({"risk": ("outcome",)}).assign_coords(outcome=["fall", "burn"])
    assert [row["quantity"] for row in diagnose(draws)] == ["risk[fall]", "risk[burn]"]
