"""Make the reference numbers of decision curves; needs the package dcurves, 1.1.7.

    python -m venv VENV && VENV/bin/pip install dcurves==1.1.7
    VENV/bin/python tests/decisions/reference/make_dcurves_reference.py

Writes patients.csv (made up, seeded), dcurves.csv (what the package says of them) and
survival_of_dcurves.csv (three columns of the simulated example that the package ships, on which its
sister package in R printed the numbers of the test).
"""

import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
THRESHOLDS = np.arange(0, 100) / 100
DESIGNS = {
    "binary": ("event", {}),
    "control": ("event", {"prevalence": 0.15}),
    "survival": ("event", {"time": 3, "time_to_outcome_col": "time"}),
}
COLUMNS = ("net_benefit", "tp_rate", "fp_rate", "net_intervention_avoided", "prevalence")


def patients(size: int = 300) -> pd.DataFrame:
    """Return made-up patients: predictions with ties, on thresholds, at 0 and at 1."""
    rng = np.random.default_rng(20)
    risk = rng.beta(1, 3, size)
    model = np.round(np.clip(risk + rng.normal(0, 0.05, size), 0, 1), 2)
    other = np.round(np.clip(0.7 * risk + rng.normal(0, 0.15, size), 0, 1), 3)
    time = np.round(rng.exponential(1 / (0.3 * risk / 0.25), size), 1) + 0.1
    stop = np.round(rng.uniform(1, 8, size), 1)
    return pd.DataFrame(
        {
            "event": (time <= stop).astype(int),
            "time": np.round(np.minimum(time, stop), 1),
            "model": model,
            "other": other,
        }
    )


def main() -> None:
    """Write the files."""
    import dcurves  # not needed to run the tests

    warnings.simplefilter("ignore")
    data = patients()
    data.to_csv(HERE / "patients.csv", index=False)
    tables = []
    for design, (outcome, keywords) in DESIGNS.items():
        table = dcurves.dca(
            data, outcome, ["model", "other"], THRESHOLDS, harm={"other": 0.02}, **keywords
        )
        table = table[["model", "threshold", *COLUMNS]]
        tables.append(table.assign(design=design))
    made_by = ", ".join(
        [f"Python {sys.version.split()[0]}"]
        + [f"{name} {version(name)}" for name in ("dcurves", "lifelines", "pandas", "numpy")]
    )
    text = pd.concat(tables).to_csv(index=False, float_format="%.17g")
    (HERE / "dcurves.csv").write_text(f"# {made_by}\n{text}")
    shipped = pd.read_csv(Path(dcurves.__file__).parent / "data" / "df_surv.csv")
    shipped = shipped[["cancer", "ttcancer", "famhistory"]].astype({"cancer": int})
    head = f"# From df_surv.csv of dcurves {version('dcurves')}, simulated patients\n"
    text = shipped.to_csv(index=False, float_format="%.17g")
    (HERE / "survival_of_dcurves.csv").write_text(head + text)


if __name__ == "__main__":
    main()
