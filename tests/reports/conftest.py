"""Finished runs made without a sampler and without figures, in a second or two."""

import dataclasses
from zlib import crc32

import pytest

import riskmodel as rm
from riskmodel.reports import run as run_module
from riskmodel.reports.run import run_problem

# The small problem's one baseline that is a line, as a stated risk: a line has to be sampled.
_LINE = "baseline: {line: {prior: fall_line}}"
_RISK = "baseline: {intercept: {prior: fall_risk}, caveat: the middle of three places}"
_PRIOR = """\
  fall_risk:
    from: [fall_at_30]
    effective_sample_size: 400
    badge: elicited
    whose: a test
    because: example
"""


@pytest.fixture(scope="session")
def plain_text(small_text):
    """The small problem without a line, so that its priors are its posterior."""
    before, rest = small_text.replace(_LINE, _RISK).split("  fall_line:\n", 1)
    return f"{before}{_PRIOR}  fall_ratio:{rest.split('  fall_ratio:', 1)[1]}"


@pytest.fixture(scope="session")
def finish(drawn, tmp_path_factory):
    """Return a function that makes a finished run of a problem's text, from exact draws."""

    def make(text, *, seed=3, **asked):
        folder = tmp_path_factory.mktemp("finished")
        (folder / "plain.yaml").write_text(text, encoding="utf-8")
        profiles = asked.pop("profiles", [{"id": "runner", "distance": 40, "years": 3}])

        def fit(loaded, *, seed, **_):
            posterior = drawn(loaded, seed=seed)
            size = posterior.record["draws"]
            diagnostics = [
                {
                    "quantity": name,
                    "mean": float(values.mean()),
                    "sd": float(values.std()),
                    "monte_carlo_standard_error": float(values.std()) / size**0.5,
                    "r_hat": 1.0,
                    "ess_bulk": float(size),
                    "ess_tail": float(size),
                }
                for name, values in posterior.draws.items()
            ]
            record = {
                **posterior.record,
                "sampler": "exact",
                "digest": f"{seed}-{crc32(loaded.to_json().encode())}",
                "versions": {"riskmodel": "0.1.0", "numpy": "2.0"},
                "diagnostics": diagnostics,
            }
            return dataclasses.replace(posterior, record=record)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(run_module, "fit", fit)
            for figures in ("run_figures", "time_figures", "evidence_figures"):
                patch.setattr(run_module, figures, lambda *_, **__: iter(()))
            run_problem(
                rm.load_problem(folder / "plain.yaml"), profiles, folder / "run", seed=seed, **asked
            )
        return folder / "run"

    return make


@pytest.fixture(scope="session")
def finished(finish, plain_text):
    """One finished run of two options, two unwanted outcomes and a wanted one."""
    return finish(plain_text)
