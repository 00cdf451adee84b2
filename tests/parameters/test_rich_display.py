"""What a notebook shows of a problem, an estimate, a posterior and outcomes."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

import riskmodel as rm
from riskmodel.parameters.library import load_library


class Nesting(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.tags = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def whole(text):
    page = Nesting(text)
    assert page.open == []
    return page.tags


def test_a_problem_shows_its_question_options_and_what_is_not_estimable():
    loaded = rm.load_problem("ivig_plexopathy")
    text = loaded._repr_html_()
    assert whole(text) == {"div", "strong", "table", "tr", "th", "td", "p"} - {"p"}
    assert loaded.problem.question in text
    assert "Wait (comparator)" in text and "not estimable" in text and "12 months" in text
    assert len(text) < 10_000


def test_every_estimate_of_the_library_shows_its_figure_and_its_place():
    for name, estimate in load_library().records("estimate").items():
        text = estimate._repr_html_()
        whole(text)
        assert name in text and estimate.status in text
        assert (estimate.source.key or "judgement of") in text


def test_nothing_of_a_file_becomes_markup(plex_aav):
    evil = "<script>alert(1)</script>"
    problem = plex_aav.problem.model_copy(update={"question": evil, "population": evil})
    text = replace(plex_aav, problem=problem)._repr_html_()
    assert "<script" not in text and "&lt;script&gt;" in text
    estimate = plex_aav.estimates["rr_eskd_12m"].model_copy(update={"printed": evil})
    assert "<script" not in estimate._repr_html_()


@pytest.mark.slow
def test_a_posterior_shows_the_quantiles_of_its_draws(posterior):
    text = posterior._repr_html_()
    whole(text)
    draws = posterior.draws["eskd_relative_risk"].values
    lower, middle, upper = np.quantile(draws, [0.025, 0.5, 0.975])
    assert f"<td>{middle:.4g}</td><td>{lower:.4g} to {upper:.4g}</td>" in text
    assert "eskd_line[slope]" in text and "seed 7" in text and "more</p>" in text


@pytest.mark.slow
def test_outcomes_show_themselves_as_a_dataset(outcomes):
    text = outcomes._repr_html_()
    assert "end_stage_kidney_disease" in text and "xarray.Dataset" in text
