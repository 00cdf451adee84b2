"""The shape of the house: which room imports which, what loads when, which words stand where."""

import ast
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import riskmodel

PACKAGE = Path(riskmodel.__file__).parent
ROOT = PACKAGE.parent
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = ("parameters", "evidence", "models", "simulation", "decisions", "plots", "reports")

PUBLIC_NAMES = [
    "load_problem",
    "ParameterError",
    "ConvergenceError",
    "RiskModelWarning",
    "build_model",
    "fit",
    "simulate",
    "prior_predictive",
    "absolute_effects",
    "band_effects",
    "net_benefit",
    "summarize_net_benefit",
    "preference_curve",
    "break_even_weight",
    "treatment_decision_curve",
    "share_by_input",
    "scenario_table",
    "plot_absolute_effect",
    "plot_preference_curve",
    "plot_treatment_decision_curve",
    "pool_effects",
    "regress_on_baseline",
    "NormalMixture",
    "GridDistribution",
    "decision_curve",
    "decision_curve_difference",
    "trial_decision_curve",
    "derived_threshold",
    "plot_decision_curve",
    "plot_difference_curve",
    "mean_differences",
    "benefit_needed",
    "find_conflicts",
    "load_library",
    "as_prior",
    "elicit",
    "discount",
    "tipping_point",
    "small_series",
    "conflict",
    "absolute_effect",
    "shared_control_covariance",
    "effect_covariance",
    "joint_normal",
    "net_benefit_by_correlation",
    "net_benefit_of_ratios",
    "network",
    "reconstruct_survival",
    "kaplan_meier",
    "plot_forest",
    "evpi",
    "evppi",
    "evsi",
    "enbs",
    "population_reached",
    "BinomialTrial",
    "NormalTrial",
    "plot_evppi",
    "plot_evsi",
    "acceptability",
    "likelihood_helped_or_harmed",
    "preference_map",
    "preference_contours",
    "mcda",
    "smaa",
    "LinearValue",
    "PiecewiseLinearValue",
    "UserValue",
    "SwingWeights",
    "OrdinalWeights",
    "RatioBounds",
    "DirichletWeights",
    "panel_weights",
    "plot_acceptability",
    "plot_ranks",
    "plot_contributions",
    "plot_preference_map",
    "sensitivity",
    "one_way_tornado",
    "scenario_flips",
    "flip_distance",
    "joint_flip_distance",
    "discount_to_flip",
    "power_scaling",
    "magnitude",
    "revealed_threshold",
    "preference_misfit",
    "plot_tornado",
    "plot_flip_distance",
    "pool_counts",
    "pool_proportions",
    "pool_rates",
    "baseline_risk",
    "run_problem",
    "cumulative_incidence",
    "aalen_johansen",
    "composite_consistency",
    "treated_survival",
    "restricted_mean",
    "effects_over_time",
    "attribution_bounds",
    "attribution_table",
    "simulate_horizons",
    "horizon_effects",
    "restricted_mean_differences",
    "composite_effects",
    "plot_risk_over_time",
    "fit_recovery",
    "recovery_summary",
    "EndpointLink",
    "implied_relative_risk",
    "plot_recovery",
    "simulate_pathway",
    "compare_pathways",
    "load_policy",
    "course_risk",
    "course_source",
    "policy_course_sources",
    "CourseSource",
    "regimen",
    "course_total",
    "plot_states",
    "plot_pathway_recovery",
    "plot_moves",
    "plot_course_risk",
    "simulate_cohort",
    "merge_cohort",
    "make_brief",
    "write_brief",
    "diff_runs",
    "export_run",
    "paper_tables",
    "write_paper_tables",
    "figure",
]

HEAVY = ("pymc", "arviz", "pandas", "xarray", "scipy.stats", "matplotlib.pyplot")

# Words of the shipped problems; no Python file may know them.
WORDS = re.compile(
    "plex|plasma|creatinine|eskd|end.stage|kidney|renal|dialysis|infection|thrombo"
    "|catheter|haemorrhage|hemorrhage|coagul|vasculitis|anca|mepex|pexivas|ivig|immunoglobulin"
    "|steroid|prednis|rituximab|cyclophosphamide|neuropath|stroke|bleeding",
    re.IGNORECASE,
)


def name_of(path):
    return str(path.relative_to(ROOT))


def imported(path):
    """Return the modules of this package that a file imports, at its top or inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} imports by a relative name"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] == "riskmodel"}


def room(parts):
    """Return the place of a module in the line; -1 is left of every room, the last right of all."""
    if len(parts) > 1 and parts[1] in ROOMS:
        return ROOMS.index(parts[1])
    return -1 if parts[1:2] == ["errors"] or len(parts) == 1 else len(ROOMS)


# --- rooms --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_each_room_imports_only_from_its_left(path):
    own = room(list(path.relative_to(ROOT).with_suffix("").parts))
    for name in imported(path):
        assert room(name.split(".")) <= own, f"{name_of(path)} imports {name}"


def test_every_folder_of_the_package_is_a_room():
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == set(ROOMS)


def test_only_models_know_the_sampler_and_only_plots_and_figures_the_plotting_library():
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        where = path.relative_to(PACKAGE).parts[0]
        if re.search(r"^\s*(import|from) (pymc|pytensor|nutpie|arviz)\b", text, re.MULTILINE):
            assert where == "models", name_of(path)
        if re.search(r"^\s*(import|from) matplotlib\b", text, re.MULTILINE):
            assert where in ("plots", "reports"), name_of(path)


def test_there_is_no_drawer_for_everything():
    assert not [path for path in MODULES if path.stem in ("utils", "util", "helpers", "common")]


# --- what loads ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    [
        "import riskmodel",
        "from riskmodel.cli import main; main(['--help'])",
        "from riskmodel.cli import main; main(['run', '--help'])",
        "from riskmodel.cli import main; assert main(['check']) == 0",
        "import riskmodel; riskmodel.load_problem('plex_aav')",
    ],
)
def test_reading_and_checking_load_nothing_heavy(code):
    report = f"import sys; {code}\nprint([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr.splitlines()[-1:]) == (0, ["[]"]), done.stderr


# --- names and words ----------------------------------------------------------------------------


def test_the_public_names_are_these_and_all_of_them_load():
    assert riskmodel.__all__ == PUBLIC_NAMES
    for name in PUBLIC_NAMES:
        assert getattr(riskmodel, name).__name__ == name
    assert set(PUBLIC_NAMES) <= set(dir(riskmodel))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        riskmodel.nothing  # noqa: B018


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_python_file_knows_a_disease_a_drug_or_an_outcome(path):
    found = [
        f"{token.start[0]}: {token.string}"
        for token in tokenize.generate_tokens(
            io.StringIO(path.read_text(encoding="utf-8")).readline
        )
        if WORDS.search(_without_examples(token.string))
    ]
    assert not found, f"{name_of(path)}: {found}"


def _without_examples(text):
    """Return a docstring or message without what only shows how something is written."""
    text = re.sub(r"(?m)^\s*(>>>|\.\.\.).*\n(?:\s*[\[({'\"A-Za-z0-9-].*\n)?", "", text)
    text = re.sub(r"(?m)^\s*Example: riskmodel .*$", "", text)
    text = re.sub(r"``[^`\n]*``|\bas \"[^\"\n]*\"", "", text)
    return re.sub(r"write for example \S+", "", text)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_public_function_and_class_says_what_it_is(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{name_of(path)} has no docstring"
    missing = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not missing, f"{name_of(path)}: {', '.join(missing)}"


def test_constraints_hold_names_and_versions_only():
    for path in (ROOT / "constraints").glob("*.txt"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line), f"{path.name}: {line}"
