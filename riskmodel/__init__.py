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
