"""The page on recovery: what it shows is what runs, and its numbers are those of the functions."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from riskmodel.errors import RiskModelWarning
from riskmodel.evidence.recovery_implied import implied_relative_risk

PAGE = Path(__file__).resolve().parents[2] / "docs" / "recovery.md"


def test_table_of_implied_relative_chances_is_computed():
    rows = re.findall(r"^\| ([a-z0-9, .]+) \| ([0-9.]+) \| ([0-9.]+) \| ([0-9.]+) \|$",
                      PAGE.read_text(encoding="utf-8"), re.MULTILINE)  # fmt: skip
    table = implied_relative_risk((30, 44), 28, printed=1.60, interval=(1.19, 2.15))
    families = table["family"].unique()
    assert len(rows) == len(families)
    for (_, *shown), family in zip(rows, families, strict=True):
        one = table[table["family"] == family]
        found = [*one["relative_risk"], one["spread_for_printed"].iloc[0]]
        assert [f"{value:.2f}" for value in found] == shown


@pytest.mark.slow
def test_the_python_of_the_page_runs():
    names: dict = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
            exec(compile(code, PAGE.name, "exec"), names)
    said = [str(one.message) for one in caught if issubclass(one.category, RiskModelWarning)]
    assert "does not support" in said[0]
    assert names["curve"]["recovered"].is_monotonic_increasing
    assert set(names["table"].columns) >= {"quantity", "lower", "upper", "prior_share"}
    assert 0 < names["chance"].mean() < 1
    assert np.isfinite(names["from_print"].median.median())
    import matplotlib.pyplot as plt

    plt.close("all")
