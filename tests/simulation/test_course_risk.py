"""Risk by course: closed forms, quadrature, denominators that stay apart."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.optimize import brentq

from riskmodel.errors import ParameterError
from riskmodel.evidence.policies import load_policy
from riskmodel.parameters.library import load_library
from riskmodel.simulation.course_risk import (
    CourseSource,
    course_risk,
    policy_course_sources,
)
from riskmodel.simulation.course_risk import course_source as read_source


def test_without_frailty_it_is_one_minus_the_product():
    source = CourseSource("series", first=0.12, later=0.004)
    table = course_risk(source, courses=6, draws=1)
    exact = [1 - 0.88 * 0.996 ** (k - 1) for k in range(1, 7)]
    np.testing.assert_allclose(table["mean"], exact, rtol=1e-12)
    np.testing.assert_allclose(table["plug_in"], exact, rtol=1e-12)


def test_a_gamma_frailty_has_its_closed_form():
    table = course_risk(
        CourseSource("series", first=0.12, later=0.03), courses=5, between_patient_sd=0.9,
        family="gamma", draws=1,
    )  # fmt: skip
    v = 0.81
    first, later = (((1 - r) ** -v - 1) / v for r in (0.12, 0.03))
    exact = 1 - (1 + v * (first + later * np.arange(5))) ** (-1 / v)
    np.testing.assert_allclose(table["mean"], exact, rtol=1e-10)
    # shared between a patient's courses, so below the plug-in from the second course on
    assert (table["mean"] < table["plug_in"])[1:].all()
    assert table["mean"].iloc[0] == pytest.approx(0.12)


def test_draws_of_counts_are_averaged_over_beta_and_frailty():
    table = course_risk(
        CourseSource("series", first=(3, 25), later=(2, 591)), courses=1, draws=20_000
    )
    exact = stats.beta(3.5, 22.5)
    # 20 000 draws: the mean within 4 standard errors, the ends within 3%
    assert abs(table["mean"][0] - exact.mean()) < 4 * exact.std() / np.sqrt(20_000)
    assert table["lower"][0] == pytest.approx(exact.ppf(0.025), rel=0.03)
    assert table["upper"][0] == pytest.approx(exact.ppf(0.975), rel=0.03)


def test_integrating_over_draws_and_a_lognormal_frailty_is_double_quadrature():
    sd = 0.8
    draws = stats.beta(3.5, 22.5).ppf((np.arange(10) + 0.5) / 10)

    def free(hazard):
        return integrate.quad(
            lambda z: stats.norm.pdf(z) * np.exp(-hazard * np.exp(sd * z - sd**2 / 2)), -9, 9
        )[0]

    exact = [1 - free(3 * brentq(lambda h, r=r: 1 - free(h) - r, 1e-9, 20)) for r in draws]
    table = course_risk(
        CourseSource("series", first=draws), courses=3, between_patient_sd=sd, draws=draws.size
    )
    assert table["mean"].iloc[-1] == pytest.approx(np.mean(exact), abs=1e-8)


def test_scenarios_multiply_the_hazard():
    source = CourseSource("series", first=0.1)
    table = course_risk(source, courses=2, scenarios={"slower": 0.5, "none": 0.0}, draws=1)
    means = table.set_index(["scenario", "course"])["mean"]
    assert means["slower", 2] == pytest.approx(0.1)  # half the hazard, twice
    assert means["none", 2] == 0
    unsure = course_risk(source, courses=1, scenarios={"slower": (0.5, 0.25, 1.0)}, draws=20_000)
    row = unsure[unsure["scenario"] == "slower"].iloc[0]
    assert row["upper"] == pytest.approx(0.1, rel=0.02)
    assert row["lower"] == pytest.approx(1 - 0.9**0.25, rel=0.03)


def test_infusions_make_courses_only_when_their_number_is_said():
    source = CourseSource("series", first=0.01, denominator="infusion", infusions_per_course=5)
    table = course_risk(source, courses=2, draws=1)
    np.testing.assert_allclose(table["mean"], 1 - 0.99 ** np.array([5, 10]))


def test_a_ratio_holds_on_the_days_at_risk_over_an_untreated_hazard():
    source = CourseSource(
        "claims", first=3.4, denominator="day", days_at_risk=6, untreated_per_day=5e-5
    )
    table = course_risk(source, courses=3, draws=1)
    np.testing.assert_allclose(table["mean"], 1 - np.exp(-3.4 * 6 * 5e-5 * np.arange(1, 4)))
    np.testing.assert_allclose(table["untreated"], 1 - np.exp(-6 * 5e-5 * np.arange(1, 4)))


def test_three_sources_stay_three_lines():
    sources = policy_course_sources(load_policy("stepwise_immunotherapy"), "thromboembolism")
    table = course_risk(sources, courses=8, between_patient_sd=[0.0, 0.8])
    assert table["source"].nunique() == 3
    assert table["kind"].tolist()[0] == "uncontrolled series"
    lines = table.groupby("source")["mean"]
    assert (lines.max() - lines.min()).round(4).nunique() == 3
    flat = table[table["denominator"] == "patient"]
    assert not flat["by_course"].any() and flat["mean"].nunique() == 1
    assert flat["estimand"].str.startswith("excess risk").all()
    assert len(flat) == 8  # one line, whatever the spread: there is no course to spread over
    # RD 0.0% (-0.7 to 0.7), as printed
    assert flat["lower"].iloc[0] == pytest.approx(-0.007, abs=0.0004)


@pytest.mark.parametrize(
    "source, field",
    [
        (CourseSource("a", (1, 62), later=(2, 591), denominator="patient"), "a.later"),
        (CourseSource("a", (3, 364), denominator="infusion"), "a.infusions_per_course"),
        (CourseSource("a", (3, 84), infusions_per_course=5), "a.infusions_per_course"),
        (CourseSource("a", 3.4, denominator="day", days_at_risk=2.0), "a.untreated_per_day"),
        (CourseSource("a", 0.1, denominator="cycle"), "a.denominator"),
    ],
)
def test_denominators_are_not_mixed(source, field):
    with pytest.raises(ParameterError) as caught:
        course_risk(source)
    assert [problem.field for problem in caught.value.problems] == [field]


def test_records_of_different_denominators_are_not_put_together():
    known = load_library()

    def course_source(*names, **words):
        return read_source(*names, **words, library=known)

    with pytest.raises(ParameterError, match="patients, courses and infusions are not exchanged"):
        course_source("mixed", "ivig_neuropathy_tec", "ivig_neuropathy_tec_later_courses")
    with pytest.raises(ParameterError, match="are not exchanged"):
        course_source("mixed", "ivig_neuro_tec_61_courses", "ivig_neuro_tec_61_infusions")
    with pytest.raises(ParameterError, match="a point alone is no distribution"):
        course_source("bare", "s004_tee_percent")
    with pytest.raises(ParameterError, match="a risk over a stated length of time"):
        course_source("claims", "ivig_medicare_arterial_day0_1", untreated="ivig_neuro_tec_61")


@pytest.mark.parametrize(
    "words, match",
    [
        ({"courses": 0}, "courses"),
        ({"prob": 1.5}, "prob"),
        ({"between_patient_sd": 5.0}, "between_patient_sd"),
        ({"scenarios": {"slower": -0.4}}, "a reduction of 40% is a ratio of 0.6"),
    ],
)
def test_arguments_that_cannot_be_are_refused(words, match):
    with pytest.raises(ParameterError, match=match):
        course_risk(CourseSource("a", 0.1), **words)
    with pytest.raises(ParameterError, match="divide percentages by 100"):
        course_risk(CourseSource("a", 12.0))
    with pytest.raises(ParameterError, match="never averaged"):
        course_risk([CourseSource("a", 0.1), CourseSource("a", 0.2)])
