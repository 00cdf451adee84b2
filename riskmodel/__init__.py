"""Benefit-risk modelling from published evidence.

The public names load on first use, so that importing the package, and the parts of it that only
read files, stay light.
"""

from importlib import import_module

_HOMES = {
    "load_problem": "riskmodel.evidence.loading",
    "ParameterError": "riskmodel.errors",
    "ConvergenceError": "riskmodel.errors",
    "RiskModelWarning": "riskmodel.errors",
    "build_model": "riskmodel.models.joint",
    "fit": "riskmodel.models.posterior",
    "simulate": "riskmodel.simulation.outcomes",
    "prior_predictive": "riskmodel.simulation.outcomes",
    "absolute_effects": "riskmodel.decisions.absolute_effects",
    "band_effects": "riskmodel.decisions.absolute_effects",
    "net_benefit": "riskmodel.decisions.net_benefit",
    "summarize_net_benefit": "riskmodel.decisions.net_benefit",
    "preference_curve": "riskmodel.decisions.net_benefit",
    "break_even_weight": "riskmodel.decisions.net_benefit",
    "treatment_decision_curve": "riskmodel.decisions.decision_curve",
    "share_by_input": "riskmodel.decisions.sensitivity",
    "scenario_table": "riskmodel.decisions.sensitivity",
    "plot_absolute_effect": "riskmodel.plots.absolute_effect",
    "plot_preference_curve": "riskmodel.plots.preference",
    "plot_treatment_decision_curve": "riskmodel.plots.decision_curve",
    "pool_effects": "riskmodel.evidence.pooling",
    "regress_on_baseline": "riskmodel.evidence.baseline_regression",
    "NormalMixture": "riskmodel.evidence.distributions",
    "GridDistribution": "riskmodel.evidence.distributions",
    "decision_curve": "riskmodel.decisions.classic_decision_curve",
    "decision_curve_difference": "riskmodel.decisions.classic_decision_curve",
    "trial_decision_curve": "riskmodel.decisions.trial_decision_curve",
    "derived_threshold": "riskmodel.decisions.thresholds",
    "plot_decision_curve": "riskmodel.plots.classic_decision_curve",
    "plot_difference_curve": "riskmodel.plots.classic_decision_curve",
    "mean_differences": "riskmodel.decisions.absolute_effects",
    "benefit_needed": "riskmodel.decisions.net_benefit",
    "find_conflicts": "riskmodel.evidence.conflicts",
    "load_library": "riskmodel.parameters.library",
    "as_prior": "riskmodel.evidence.ladder",
    "elicit": "riskmodel.evidence.elicitation",
    "discount": "riskmodel.evidence.discounting",
    "tipping_point": "riskmodel.evidence.discounting",
    "small_series": "riskmodel.evidence.small_series",
    "conflict": "riskmodel.evidence.source_conflict",
    "absolute_effect": "riskmodel.evidence.absolute",
    "shared_control_covariance": "riskmodel.evidence.correlation",
    "effect_covariance": "riskmodel.evidence.correlation",
    "joint_normal": "riskmodel.evidence.correlation",
    "net_benefit_by_correlation": "riskmodel.evidence.correlation",
    "net_benefit_of_ratios": "riskmodel.evidence.correlation",
    "network": "riskmodel.models.network",
    "reconstruct_survival": "riskmodel.evidence.survival_reconstruction",
    "kaplan_meier": "riskmodel.evidence.survival_curves",
    "plot_forest": "riskmodel.plots.forest",
    "evpi": "riskmodel.decisions.information",
    "evppi": "riskmodel.decisions.information",
    "evsi": "riskmodel.decisions.sample_information",
    "enbs": "riskmodel.decisions.sample_information",
    "population_reached": "riskmodel.decisions.sample_information",
    "BinomialTrial": "riskmodel.decisions.sample_information",
    "NormalTrial": "riskmodel.decisions.sample_information",
    "plot_evppi": "riskmodel.plots.information",
    "plot_evsi": "riskmodel.plots.information",
    "acceptability": "riskmodel.decisions.acceptability",
    "likelihood_helped_or_harmed": "riskmodel.decisions.acceptability",
    "preference_map": "riskmodel.decisions.preference_map",
    "preference_contours": "riskmodel.decisions.preference_map",
    "mcda": "riskmodel.decisions.multicriteria",
    "smaa": "riskmodel.decisions.multicriteria",
    "LinearValue": "riskmodel.decisions.value_functions",
    "PiecewiseLinearValue": "riskmodel.decisions.value_functions",
    "UserValue": "riskmodel.decisions.value_functions",
    "SwingWeights": "riskmodel.decisions.criterion_weights",
    "OrdinalWeights": "riskmodel.decisions.criterion_weights",
    "RatioBounds": "riskmodel.decisions.criterion_weights",
    "DirichletWeights": "riskmodel.decisions.criterion_weights",
    "panel_weights": "riskmodel.decisions.criterion_weights",
    "plot_acceptability": "riskmodel.plots.multicriteria",
    "plot_ranks": "riskmodel.plots.multicriteria",
    "plot_contributions": "riskmodel.plots.multicriteria",
    "plot_preference_map": "riskmodel.plots.multicriteria",
    "sensitivity": "riskmodel.decisions.decision_sensitivity",
    "one_way_tornado": "riskmodel.decisions.tornado",
    "scenario_flips": "riskmodel.decisions.tornado",
    "flip_distance": "riskmodel.decisions.flip_distance",
    "joint_flip_distance": "riskmodel.decisions.flip_distance",
    "discount_to_flip": "riskmodel.decisions.flip_distance",
    "power_scaling": "riskmodel.decisions.power_scaling",
    "magnitude": "riskmodel.decisions.magnitude",
    "revealed_threshold": "riskmodel.decisions.revealed",
    "preference_misfit": "riskmodel.decisions.revealed",
    "plot_tornado": "riskmodel.plots.tornado",
    "plot_flip_distance": "riskmodel.plots.tornado",
    "pool_counts": "riskmodel.evidence.pooling_counts",
    "pool_proportions": "riskmodel.evidence.pooling_single_arm",
    "pool_rates": "riskmodel.evidence.pooling_single_arm",
    "baseline_risk": "riskmodel.evidence.pooling_single_arm",
    "run_problem": "riskmodel.reports.run",
}

__all__ = list(_HOMES)
__version__ = "0.1.0"


def __getattr__(name: str):
    if name in _HOMES:
        value = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return value
    raise AttributeError(f"module 'riskmodel' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
