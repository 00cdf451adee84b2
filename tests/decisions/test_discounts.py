"""Net benefit by how much a discounted source counts, against a case with an answer by hand."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

import riskmodel as rm
from riskmodel.decisions.discounts import (
    NOTHING_LEFT,
    TOLERANCE,
    _in_words,
    _stretches,
    discount_table,
    tipping_points,
)

TEXT = (Path(__file__).parents[1] / "evidence" / "discounted.yaml").read_text(encoding="utf-8")


@pytest.fixture
def load(tmp_path):
    def read(*changes):
        text = TEXT
        for there, instead in changes:
            assert there in text, there
            text = text.replace(there, instead)
        path = tmp_path / "trail.yaml"
        path.write_text(text, encoding="utf-8")
        return rm.load_problem(path)

    return read


@pytest.fixture
def only_blister(load):
    """One outcome counts, so that net benefit is above zero where its odds ratio is below 1."""

    def read(value=0.8, lower=0.6):
        upper = value**2 / lower
        return load(
            ("reference: fall", "reference: blister"),
            ("vary: blister", "vary: cramp"),
            (
                "fall: {weight: 1}, blister: {weight: 0.5}, cramp: {weight: 0.5}",
                "blister: {weight: 1}, cramp: {weight: 0}",
            ),
            ("value: 1.2,", f"value: {value},"),
            ("{lower: 0.8, upper: 1.8,", f"{{lower: {lower}, upper: {upper:.6g},"),
            ("1.2 (0.8 to 1.8)", f"{value} ({lower} to {upper:.6g})"),
        )

    return read


def test_every_discount_is_shown_left_out_chosen_and_at_face_value(load, drawn):
    posterior = drawn(load())
    table = discount_table(posterior, None)
    for prior, rows in table.groupby("prior"):
        rows = rows.set_index("alternative")
        assert list(rows.index) == ["left out", "chosen", "face value"]
        assert (rows["a0"].iloc[0], rows["a0"].iloc[2]) == (0, 1), prior
    rows = table.set_index(["prior", "alternative"])
    for prior in ("blister_risk", "blister_ratio"):
        assert rows.loc[(prior, "left out"), "stopped"] == NOTHING_LEFT
        assert np.isnan(rows.loc[(prior, "left out"), "median"])
    assert rows.loc[("cramp_risk", "left out"), "median"] == pytest.approx(0.5)  # Jeffreys
    assert "ROBINS-I 'serious'" in rows.loc[("blister_ratio", "chosen"), "discount"]
    assert (table["badge"] == "assumed").all()
    as_run = rm.summarize_net_benefit(rm.net_benefit(rm.simulate(posterior, gate=False))).iloc[0]
    chosen = table[table["alternative"] == "chosen"]
    assert (chosen["prob_positive"] == as_run["prob_positive"]).all()
    assert chosen["net_benefit"].values == pytest.approx(as_run["net_benefit"], rel=1e-12)
    # The tipping points are of the quantiles at the same ranks: within 5 Monte Carlo errors.
    tips = tipping_points(posterior, None, cuts=[as_run["prob_positive"] - 0.04])
    assert tips["holds_as_chosen"].all()
    tips = tipping_points(posterior, None, cuts=[as_run["prob_positive"] + 0.04])
    assert not tips["holds_as_chosen"].any()


def test_the_tipping_point_of_one_ratio_is_the_one_by_hand(only_blister, drawn):
    loaded = only_blister()
    table = tipping_points(drawn(loaded), None).query("prior == 'blister_ratio'").set_index("cut")
    error = (np.log(0.8 / 0.6)) / norm.ppf(0.975)
    # P(ratio < 1) = Phi(-log(0.8) sqrt(a0) / error) reaches the cut at:
    for cut in (0.8, 0.95):
        exact = (norm.ppf(cut) * error / -np.log(0.8)) ** 2
        row = table.loc[cut]
        if exact > 1:
            assert row["stretches"] == 0 and row["holds"] == "for no a0 from 0 to 1"
            continue
        # Stratified ranks: P is exact to 1 / 4000, and the end to that over the slope (here > 0.4).
        assert row["a0_from"] == pytest.approx(exact, abs=0.002)
        assert row["a0_to"] == 1
    assert set(table["stretches"]) == {0, 1}  # both kinds were seen
    assert table.loc[0.5, "holds"] == "for every a0 above 0"


def test_a_claim_can_hold_for_less_of_a_source_only(only_blister, drawn):
    harmful = drawn(only_blister(value=1.2, lower=0.9))
    table = tipping_points(harmful, None, cuts=[0.3]).query("prior == 'blister_ratio'").iloc[0]
    error = np.log(1.2 / 0.9) / norm.ppf(0.975)
    exact = (norm.ppf(0.7) * error / np.log(1.2)) ** 2
    assert (table["a0_from"], table["stretches"]) == (0, 1)
    assert table["a0_to"] == pytest.approx(exact, abs=0.002)
    assert table["holds"].startswith("for a0 above 0 to 0.")


def test_where_risks_would_pass_1_nothing_is_claimed_and_that_is_said(load, drawn):
    loaded = load(
        (
            "measure: odds_ratio, because: example}\n",
            "measure: relative_risk, because: example}\n"
            "    discount: {power: 0.9, because: example, whose: a test}\n    badge: assumed\n"
            "    whose: a test\n    because: example\n",
        ),
        ("{scale: odds_ratio, prior: fall_ratio}", "{scale: relative_risk, prior: fall_ratio}"),
    )
    table = tipping_points(drawn(loaded), None, cuts=[0.5]).query("prior == 'fall_ratio'").iloc[0]
    assert 0 < table["not_computed_up_to"] < table["a0_from"] < 1
    assert table["a0_from"] == pytest.approx(table["not_computed_up_to"], abs=TOLERANCE)
    assert table["prob_lowest"] > 0.5  # the claim held wherever it could be computed


class Known:
    """A probability of a0 that is known, in the place of a computed one."""

    grid = np.linspace(0, 1, 11)

    def at(self, a0):
        return {"key": 0.5 + 0.4 * np.cos(4 * np.pi * a0)}


def test_a_set_may_be_no_interval():
    found = list(_stretches(Known(), "key", 0.5))
    # cos(4 pi a0) is 0 or more up to 1/8, from 3/8 to 5/8, and from 7/8.
    assert np.array(found) == pytest.approx(
        np.array([(0, 1 / 8), (3 / 8, 5 / 8), (7 / 8, 1)]), abs=TOLERANCE
    )
    assert _in_words(found, nothing_at_0=False).count(" and ") == 2


def test_nothing_is_computed_without_a_discount(load, drawn):
    plain = [(line, "") for line in TEXT.splitlines(keepends=True) if "    discount:" in line]
    assert len(plain) == 4
    posterior = drawn(load(*plain))
    assert discount_table(posterior, None).empty
    assert tipping_points(posterior, None).empty
