"""Reading patients and summaries of recovery: rows, likelihoods, refusals."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from riskmodel.errors import ParameterError
from riskmodel.evidence.recovery_data import make_rows, merge, read_patients, rows_of_patients
from riskmodel.evidence.recovery_families import quantile
from riskmodel.evidence.recovery_follow_up import alpha_of, follow_up, longest_observation
from riskmodel.evidence.recovery_implied import implied_relative_risk
from riskmodel.evidence.recovery_likelihood import Parameters, log_likelihood
from riskmodel.evidence.recovery_priors import recovery_priors
from riskmodel.evidence.recovery_summaries import (
    EndpointLink,
    RecoveredCount,
    RecoveryQuantiles,
    RecoveryRange,
    read_summaries,
    recovery_summary,
)
from riskmodel.evidence.recovery_turnbull import turnbull

INF = float("inf")
WEIBULL = stats.weibull_min(1 / 0.7, scale=8.0)
NEVER = 0.3


def one_draw(cure):
    fraction = {} if cure == "none" else {
        "log_never": np.array([np.log(NEVER)]), "log_ever": np.array([np.log(1 - NEVER)])
    }  # fmt: skip
    return Parameters(np.array([np.log(8.0)]), np.array([0.7]), **fraction)


def survival(cure, t):
    """The three models, written out again with SciPy's Weibull."""
    t = np.asarray(t, dtype=float)
    if cure == "none":
        return WEIBULL.sf(t)
    if cure == "mixture":
        return NEVER + (1 - NEVER) * WEIBULL.sf(t)
    return np.exp(np.log(NEVER) * WEIBULL.cdf(t))


@pytest.mark.parametrize("cure", ["none", "mixture", "promotion"])
def test_likelihood_of_every_kind_of_row_is_the_model_written_out(cure):
    lower, upper = [5.0, 0.0, 3.0, 9.0, 6.0], [5.0, 2.0, 6.0, INF, 12.0]
    entry, weights = [0, 0, 0, 0, 4.0], [1, 2, 1, 3, 1]
    patients = read_patients(lower, upper, entry=entry, weights=weights)
    rows, who = rows_of_patients(patients, patients.covariates)
    rows = merge([(rows, patients.weights[who])])
    step = 1e-5  # the density as a difference: exact to step^2
    density = (survival(cure, 5 - step) - survival(cure, 5 + step)) / (2 * step)
    by_hand = (
        np.log(density)
        + 2 * np.log(1 - survival(cure, 2))
        + np.log(survival(cure, 3) - survival(cure, 6))
        + 3 * np.log(survival(cure, 9))
        + np.log((survival(cure, 6) - survival(cure, 12)) / survival(cure, 4))
    )
    found = log_likelihood("weibull", cure, rows, one_draw(cure))
    assert found[0] == pytest.approx(by_hand, abs=1e-8)


def test_interval_far_in_the_tail_keeps_its_probability():
    patients = read_patients([400.0], [401.0])
    rows, _ = rows_of_patients(patients, patients.covariates)
    found = log_likelihood("weibull", "none", rows, one_draw("none"))[0]
    z = (np.array([400.0, 401.0]) / 8) ** (1 / 0.7)  # e^-267: a difference of two zeros
    assert found == pytest.approx(-z[0] + np.log(-np.expm1(z[0] - z[1])), abs=1e-9)


def test_every_bad_time_is_named_at_once():
    with pytest.raises(ParameterError) as caught:
        read_patients([3, -1, 8, 2], [6, 4, 5, np.nan], weights=[1, 1, -2, 1])
    assert {problem.field for problem in caught.value.problems} == {"lower", "upper", "weights"}
    assert "-1 in row 1" in str(caught.value)


@pytest.mark.parametrize(
    "arguments, text",
    [
        (dict(lower=[3], upper=None), "lower and upper together"),
        (dict(lower=[3], upper=[2]), "no less than lower"),
        (dict(lower=[0], upper=[0]), "times above 0"),
        (dict(lower=[3], upper=[6], entry=[4]), "had not recovered then"),
        (dict(lower=[3, 4], upper=[6]), "2 in all"),
        (dict(lower=[3], upper=["soon"]), "no column of numbers"),
        (dict(lower=[1, 2], upper=[2, 3], covariates={"age": [4, np.nan]}), "finite numbers"),
        (dict(lower=[1, 2], upper=[2, 3], covariates={"age": [4, 4]}), "values that differ"),
        (dict(lower=[1, 2], upper=[2, 3], covariates=[4, 4]), "a mapping of names"),
    ],
)
def test_bad_patients_are_refused(arguments, text):
    with pytest.raises(ParameterError, match=text):
        read_patients(**arguments)


# --- summaries -----------------------------------------------------------------------------------


def likelihood_of(summary, cure):
    return log_likelihood("weibull", cure, make_rows(summary.entries()), one_draw(cure))[0]


def test_count_by_a_time_is_binomial():
    found = likelihood_of(RecoveredCount(recovered=7, n=20, by=6), "mixture")
    p = 1 - survival("mixture", 6)
    assert found == pytest.approx(7 * np.log(p) + 13 * np.log(1 - p), abs=1e-10)


def test_count_of_ever_is_binomial_in_the_fraction():
    found = likelihood_of(RecoveredCount(recovered=3, n=42), "promotion")
    assert found == pytest.approx(3 * np.log(1 - NEVER) + 39 * np.log(NEVER), abs=1e-10)


def test_median_of_odd_n_is_the_density_of_that_order_statistic():
    # the 6th of 11: a Beta(6, 6) of the distribution function, up to its constant
    found = likelihood_of(RecoveryQuantiles(quantiles={0.5: 7.0}, n=11), "none")
    known = stats.beta(6, 6).logpdf(WEIBULL.cdf(7.0)) + WEIBULL.logpdf(7.0)
    constant = stats.beta(6, 6).logpdf(0.5) - 10 * np.log(0.5)
    assert found == pytest.approx(known - constant, abs=1e-9)


def test_earliest_and_latest_of_n_are_their_joint_density():
    summary = RecoveryRange(lower=2.0, upper=20.0, meaning="min_max", n=8)
    known = WEIBULL.logpdf(2.0) + WEIBULL.logpdf(20.0)
    known += 6 * np.log(WEIBULL.cdf(20.0) - WEIBULL.cdf(2.0))
    assert likelihood_of(summary, "none") == pytest.approx(known, abs=1e-9)


@pytest.mark.parametrize("cure", ["mixture", "promotion"])
def test_quantiles_of_the_recovered_are_conditional_on_recovering(cure):
    summary = RecoveryQuantiles(
        quantiles={0.25: 4.0, 0.75: 12.0},
        effective_sample_size=20,
        whose="a test",
        of="recovered",
    )
    inside = (1 - survival(cure, [4.0, 12.0])) / (1 - NEVER)
    known = 5 * np.log(inside[0]) + 10 * np.log(inside[1] - inside[0]) + 5 * np.log(1 - inside[1])
    assert likelihood_of(summary, cure) == pytest.approx(known, abs=1e-9)


def test_units_and_links_multiply_times():
    link = EndpointLink(
        of="first_response", to="full_recovery", time_ratio=3, because="example", whose="a test"
    )
    given = [{"kind": "count", "recovered": 5, "n": 9, "by": 2, "unit": "year",
              "endpoint": "first_response"}]  # fmt: skip
    settings = dict(endpoint="full_recovery", time_unit="month", cure="none")
    with pytest.raises(ParameterError, match="two different things"):
        read_summaries(given, **settings)
    assert read_summaries(given, links=[link], **settings)[0].by == pytest.approx(72)


@pytest.mark.parametrize(
    "given, text",
    [
        ({"kind": "share", "share": 0.8, "by": 24}, "a bare figure has no weight"),
        ({"kind": "share", "share": 80, "by": 24, "n": 5}, "summaries.share"),
        ({"kind": "share", "share": 0.8, "by": 24, "effective_sample_size": 9}, "summaries.whose"),
        ({"kind": "range", "lower": 6, "upper": 36, "n": 9}, "until somebody says what its ends"),
        ({"kind": "range", "lower": 6, "upper": 36, "meaning": "min_max"}, "number of patients"),
        ({"kind": "range", "lower": 36, "upper": 6, "meaning": "iqr", "n": 9}, "exchange them"),
        ({"kind": "quantiles", "quantiles": {0.5: 9, 0.75: 4}, "n": 9}, "rise with the share"),
        ({"kind": "quantiles", "quantiles": {0.05: 9}, "n": 9}, "at least 10"),
        ({"kind": "count", "recovered": 50, "n": 42}, "0 to 42"),
        ({"kind": "count", "recovered": 3, "n": 42}, "never recovers cannot be in a model"),
        ({"kind": "count", "recovered": 3}, "count with n"),
        ({"kind": "cuont"}, "did you mean 'count'"),
        ({"kind": "count", "recoverd": 3, "n": 42}, "did you mean 'recovered'"),
        ({"kind": "count", "recovered": 3, "n": 9, "by": 2, "unit": "fortnight"}, "month"),
        (3, "a mapping with its kind"),
    ],
)
def test_bad_summaries_are_refused(given, text):
    with pytest.raises(ParameterError, match=text):
        read_summaries([given], endpoint=None, time_unit="month", cure="none")


def test_quantiles_with_a_cure_fraction_must_say_whose():
    given = [{"kind": "quantiles", "quantiles": {0.5: 9}, "n": 9}]
    with pytest.raises(ParameterError, match="everyone, recovered"):
        read_summaries(given, endpoint=None, time_unit="month", cure="mixture")


def test_records_of_the_library_become_summaries():
    said = dict(endpoint="functional_recovery", of="recovered", effective_sample_size=10,
                whose="a test")  # fmt: skip
    found = recovery_summary("s002_recovery_range", meaning="q05_q95", **said)
    assert (found.lower, found.upper, found.unit, found.assumed) == (6, 36, "month", True)
    with pytest.raises(ParameterError, match="until somebody says what its ends"):
        recovery_summary("s002_recovery_range", **said)
    with pytest.raises(ParameterError, match="declare which of them"):
        recovery_summary("s002_recovery_range", meaning="iqr")
    with pytest.raises(ParameterError, match="functional_recovery, full_recovery"):
        recovery_summary("s002_recovery_range", **{**said, "endpoint": "first_response"})
    counted = recovery_summary("lrpn_complete_recovery", endpoint="full_recovery", by=INF)
    assert counted.statement() == "3 of 42 ever"
    with pytest.raises(ParameterError, match="a word is no distribution"):
        recovery_summary("s001_ivig_onset")
    with pytest.raises(ParameterError, match="no time at which patients"):
        recovery_summary("s001_mmf_minimum_trial")
    with pytest.raises(ParameterError, match="did you mean"):
        recovery_summary("s002_recovery_rang")


# --- what needs no family ------------------------------------------------------------------------


def test_turnbull_without_intervals_is_kaplan_and_meier():
    time = np.array([1.0, 2.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    event = np.array([1, 1, 0, 1, 0, 1, 0])
    found = turnbull(read_patients(time, np.where(event == 1, time, INF)))
    from riskmodel.evidence.survival_curves import kaplan_meier

    known = kaplan_meier(time, event)
    known = known[known["events"] > 0]
    assert found["upper"].tolist() == known["time"].tolist()
    # EM stops when no mass moves by more than 1e-9
    assert found["recovered"].to_numpy() == pytest.approx(1 - known["survival"], abs=1e-6)


def test_turnbull_with_delayed_entry_is_kaplan_and_meier_of_those_at_risk():
    time, event = np.array([2.0, 3.0, 4.0, 5.0]), np.array([1, 1, 0, 1])
    entry = np.array([0.0, 2.5, 0.0, 1.0])
    found = turnbull(read_patients(time, np.where(event == 1, time, INF), entry=entry))
    at_risk = [3, 3, 1]  # at 2, 3 and 5
    known = 1 - np.cumprod(1 - 1 / np.array(at_risk))
    assert found["recovered"].to_numpy() == pytest.approx(known, abs=1e-6)


def test_turnbulls_own_limit_of_one_shared_interval():
    found = turnbull(read_patients([0, 2, 4], [5, 6, 10]))
    # (0,5], (2,6] and (4,10] share (4,5] only: all of the mass is there
    assert found[["lower", "upper"]].to_numpy().tolist() == [[4.0, 5.0]]


def test_follow_up_knows_a_long_plateau_from_a_short_one():
    early, rng = np.arange(1.0, 11.0), np.zeros(100)
    long = read_patients([*early, 60, 60], [*early, INF, INF])
    short = read_patients([*early, 11, 11], [*early, INF, INF])
    assert alpha_of(long) < 0.001 < 0.05 < alpha_of(short)
    assert follow_up(long, [], rng, 0.1).supported
    doubtful = follow_up(short, [], np.full(100, 0.2), 0.1)
    assert len(doubtful.reasons) == 2 and "still to come" in doubtful.message("month")
    assert "prior's" in follow_up(long, [], rng, 0.9).reasons[0]
    nobody = read_patients([5.0, 6.0], [INF, INF])
    assert "nobody was seen to recover" in follow_up(nobody, [], rng, 0.1).reasons[0]
    assert longest_observation(nobody, [RecoveredCount(recovered=1, n=2, by=30.0)]) == 30


def test_priors_refuse_what_they_do_not_know():
    with pytest.raises(ParameterError, match="did you mean 'spread'"):
        recovery_priors("weibull", "none", "month", {"spred": (1, 2)})
    with pytest.raises(ParameterError, match="generalized gamma only"):
        recovery_priors("weibull", "none", "month", {"shape": (1, 2)})
    with pytest.raises(ParameterError, match="lower below upper"):
        recovery_priors("weibull", "none", "month", {"spread": (2, 1)})
    day, month = (recovery_priors("weibull", "none", unit) for unit in ("day", "month"))
    assert day.location[0] - month.location[0] == pytest.approx(np.log(365.25 / 12))


# --- medians and a relative chance ---------------------------------------------------------------


def test_medians_of_30_and_44_days_beside_the_printed_relative_chance():
    table = implied_relative_risk((30, 44), 28, printed=1.60, interval=(1.19, 2.15))
    exponential = table[(table["family"] == "weibull") & (table["spread"] == 1.0)].iloc[0]
    by_hand = (1 - 2 ** (-28 / 30)) / (1 - 2 ** (-28 / 44))
    assert exponential["relative_risk"] == pytest.approx(by_hand, rel=1e-12)
    assert bool(exponential["inside_interval"])
    for _, row in table.iterrows():
        again = implied_relative_risk(
            (30, 44), 28, [row["family"]], spread=[row["spread_for_printed"]]
        )
        assert again["relative_risk"][0] == pytest.approx(1.60, abs=1e-8)
    assert table.groupby("family")["spread_for_printed"].first()["lognormal"] == pytest.approx(
        0.824, abs=0.001
    )


def test_implied_risk_at_the_medians_themselves_is_a_half():
    for family in ("weibull", "generalized_gamma"):
        table = implied_relative_risk((10, 20), 10, [family], never_recovered=0.2)
        assert table["recovered_treated"].to_numpy() == pytest.approx(0.5, abs=1e-12)
    with pytest.raises(ParameterError, match="there is no median"):
        implied_relative_risk((10, 20), 10, never_recovered=0.5)


def test_median_of_a_simulated_family_is_what_quantile_says():
    draws = np.random.default_rng(2).uniform(size=100_001)
    times = quantile("generalized_gamma", draws, 1.0, 0.5, -0.7)
    # standard error of a sample median: 1 / (2 f sqrt(n)), here below 0.5%
    assert np.median(times) == pytest.approx(
        float(quantile("generalized_gamma", 0.5, 1.0, 0.5, -0.7)), rel=0.02
    )
    assert isinstance(turnbull(read_patients([1], [2])), pd.DataFrame)
