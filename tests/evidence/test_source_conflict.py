"""Each source against the rest: the distance by hand, and the cut by simulation."""

import numpy as np
import pytest
from scipy import stats

from riskmodel.errors import ParameterError
from riskmodel.evidence.families import Family
from riskmodel.evidence.source_conflict import conflict


def test_the_distance_by_hand():
    found = conflict([-0.5, -0.4, 0.9], [0.2, 0.25, 0.3])
    row = found.table.iloc[2]
    # Weights 25 and 16: (-12.5 - 6.4) / 41 = -0.46098, variance 1/41; 1.36098 / sqrt(0.11439)
    assert row["rest_estimate"] == pytest.approx(-18.9 / 41)
    assert row["standardised_difference"] == pytest.approx(4.0240, abs=1e-4)
    assert row["node_split_probability"] == pytest.approx(2 * stats.norm.sf(4.0240), rel=1e-3)
    assert found.cut == pytest.approx(stats.norm.isf(0.05 / 6))
    assert found.needs_resolution and "needs a written resolution" in str(found)


def test_heterogeneity_makes_room():
    plain = conflict([-0.5, -0.4, 0.9], [0.2, 0.25, 0.3])
    room = conflict([-0.5, -0.4, 0.9], [0.2, 0.25, 0.3], tau=0.6)
    assert plain.needs_resolution and not room.needs_resolution
    # own 0.09 + 0.36; rest 1 / (1/0.40 + 1/0.4225)
    rest = 1 / (1 / 0.40 + 1 / 0.4225)
    centre = rest * (-0.5 / 0.40 - 0.4 / 0.4225)
    distance = (0.9 - centre) / np.sqrt(0.45 + rest)
    assert room.table["standardised_difference"][2] == pytest.approx(distance)


def test_a_distribution_of_heterogeneity_is_averaged_over():
    narrow = conflict([0, 0.1, 0.9], [0.2] * 3, heterogeneity=Family("uniform", 0.2999, 0.3001))
    fixed = conflict([0, 0.1, 0.9], [0.2] * 3, tau=0.3)
    assert narrow.table["standardised_difference"].to_numpy() == pytest.approx(
        fixed.table["standardised_difference"].to_numpy(), abs=1e-3
    )
    wide = conflict([0, 0.1, 0.9], [0.2] * 3, heterogeneity=Family("uniform", 0.0, 0.6))
    sizes = [
        abs(conflict([0, 0.1, 0.9], [0.2] * 3, tau=tau).table["standardised_difference"][2])
        for tau in (0.0, 0.6)
    ]
    assert sizes[1] < abs(wide.table["standardised_difference"][2]) < sizes[0]


def test_two_sources_are_one_comparison():
    found = conflict([0.0, 1.0], [0.3, 0.3])
    assert found.comparisons == 1 and found.cut == pytest.approx(1.96, abs=0.001)
    first, second = found.table["standardised_difference"]
    assert first == pytest.approx(-second)
    assert found.needs_resolution
    settled = conflict(
        [0.0, 1.0], [0.3, 0.3], study=["a", "b"], resolution={"b": "exclude: counted other events"}
    )
    assert not settled.needs_resolution and "counted other events" in str(settled)


@pytest.mark.parametrize("k", [2, 5, 20])
def test_consistent_sources_seldom_stop_a_run(k):
    # At a flat cut of 2, twenty consistent sources would stop most runs.
    rng = np.random.default_rng(20 + k)
    runs = 400
    error = rng.uniform(0.1, 0.5, k)
    beyond = flat = 0
    for _ in range(runs):
        y = rng.normal(0.2, np.hypot(error, 0.15))
        weight = 1 / (error**2 + 0.15**2)
        rest = weight.sum() - weight
        distance = np.abs(y - (weight @ y - weight * y) / rest) / np.sqrt(1 / weight + 1 / rest)
        beyond += (distance > stats.norm.isf(0.025 / (1 if k == 2 else k))).any()
        flat += (distance > 2).any()
        if _ == 0:
            own = conflict(y, error, tau=0.15).table["standardised_difference"].abs()
            np.testing.assert_allclose(own, distance)
    # 5% at most, and three binomial standard errors.
    assert beyond / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    if k == 20:
        assert flat / runs > 0.5


def test_estimands_are_reported_and_never_compared():
    found = conflict(
        [0.115, 0.0, 0.002],
        [0.03, 0.004, 0.005],
        study=["series", "trial", "review"],
        estimand=["proportion", "risk difference", "risk difference"],
    )
    assert found.estimands_differ and not found.needs_resolution
    alone = found.table.iloc[0]
    assert alone["finding"] == "estimand differs" and np.isnan(alone["standardised_difference"])
    assert found.comparisons == 1
    assert "estimand differs, not compared: proportion | risk difference" in str(found)


def test_one_source_is_compared_with_nothing():
    found = conflict([0.1], [0.2])
    assert not found.needs_resolution and "nothing is compared" in found.rule


def test_overlap_is_one_for_the_same_and_small_for_the_far():
    same = conflict([0.0, 0.0], [0.3, 0.3]).table["overlap"]
    # Two unit normals two standard deviations apart share 2 Phi(-1).
    apart = conflict([0.0, 0.6], [0.3, 0.3]).table["overlap"]
    assert same[0] == pytest.approx(1, abs=1e-6)
    assert apart[0] == pytest.approx(2 * stats.norm.cdf(-1), abs=1e-5)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (([0.1, 0.2], [0.1]), "standard_errors"),
        (([0.1, 0.2], [0.1, 0.0]), "standard_errors"),
        (([0.1, float("nan")], [0.1, 0.1]), "estimates"),
    ],
)
def test_lists_that_do_not_fit_are_refused(given, field):
    with pytest.raises(ParameterError) as caught:
        conflict(*given)
    assert caught.value.problems[0].field == field


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"study": ["a", "a"]}, "counted twice"),
        ({"study": ["a"]}, "2 names"),
        ({"tau": -0.1}, "0 or more"),
        ({"tau": 0.1, "heterogeneity": 0.2}, "one of tau"),
        ({"resolution": {"x": "exclude"}}, "source 1"),
        ({"resolution": {"source 1": "because"}}, "bias_model"),
        ({"family_wise": 5}, "strictly between"),
    ],
)
def test_words_that_do_not_fit_are_refused(named, words):
    with pytest.raises(ParameterError, match=words):
        conflict([0.1, 0.2], [0.1, 0.1], **named)


def test_either_answer_settles_each_pair_of_one_estimand():
    given = {"study": list("xyz"), "estimand": ["a", "a", "b"]}
    numbers = ([-0.5, 0.9, 0.2], [0.1, 0.1, 0.3])
    assert conflict(*numbers, **given).needs_resolution
    for name in "xy":
        settled = conflict(*numbers, **given, resolution={name: "exclude: other"})
        assert not settled.needs_resolution
        assert "needs a written resolution" not in str(settled)
    # An answer for a source of another estimand settles nothing, nor one pair the other.
    assert conflict(*numbers, **given, resolution={"z": "exclude: other"}).needs_resolution
    two = {"study": list("wxyz"), "estimand": list("aabb"), "resolution": {"w": "exclude: other"}}
    assert conflict([0, 2, 0, 2], [0.1] * 4, **two).needs_resolution


def test_three_of_one_estimand_are_each_answered():
    given = {"study": list("xyz"), "resolution": {"x": "exclude: other"}}
    found = conflict([-2, 0, 2], [0.1] * 3, **given)
    assert found.table["conflict"].sum() > 1 and found.needs_resolution


def test_a_heterogeneity_without_a_mean_is_reported_by_its_median():
    from riskmodel.evidence.pooling import pool_effects

    pooled = pool_effects([0.0, 0.1, 0.9], [0.2] * 3, tau_prior="flat").heterogeneity
    assert np.isinf(pooled.mean())
    found = conflict([0, 0.1, 0.9], [0.2] * 3, heterogeneity=pooled)
    assert found.tau == pytest.approx(pooled.median()) and "(median)" in found.rule
    uniform = conflict([0, 0.1, 0.9], [0.2] * 3, heterogeneity=Family("uniform", 0.0, 0.6))
    assert uniform.tau == pytest.approx(0.3) and "(mean)" in uniform.rule
