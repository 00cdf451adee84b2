"""What each table of a run is called where people read it."""

from __future__ import annotations

TITLES = {
    "absolute_effects": "Absolute effects",
    "composites": "Composites of events",
    "horizons": "Absolute effects at several horizons",
    "restricted_means": "Time without the event, up to several horizons",
    "absolute_effects_by_band": "Absolute effects by band of the declared case mix",
    "mean_differences": "Mean differences",
    "not_estimable": "What the sources allow no contrast of",
    "net_benefit": "Net benefit",
    "benefit_needed": "How large the unknown effect would have to be",
    "break_even_weight": "Break-even weight",
    "published_strata": "Published strata beside the model",
    "rules": "Rules of the sources, and whether they speak of these patients",
    "contradictions": "Where the sources disagree",
    "windows": "Windows and ranges of time",
    "reported_risks": "Reported proportions without a comparator",
    "evidence": "Further statements of the sources",
    "waning": "After the first horizon: four scenarios",
    "scenarios": "Named scenarios and panels",
    "own_baseline": "If the patient stood elsewhere in the between-patient spread",
    "discounts": "If a discounted source were left out, counted as chosen, or in full",
    "tipping_points": "For which discounts a net benefit is how probable",
    "correlations": "If declared pairs of inputs went together otherwise",
    "share_by_input": "How much rests on each input",
    "share_by_badge": "How much rests on each kind of input",
    "stated_risks": "Stated risks beside the fitted line",
    "overlap": "Overlap of outcomes",
    "prior_predictive": "What the priors alone imply",
    "provenance": "Provenance",
    "diagnostics": "Diagnostics",
    "not_applicable": "Patients to whom an option does not apply",
    "evpi": "What perfect information would be worth",
    "evppi_by_parameter": "What knowing single inputs would be worth",
    "evppi_by_source": "What better sources would be worth",
    "sensitivity_tornado": "Each input moved to either end",
    "sensitivity_scenarios": "Scenarios under which the sign turns",
    "sensitivity_power_scaling": "Priors made stronger and weaker",
    "sensitivity_flip_distance": "How far one input would have to move",
    "sensitivity_joint_flip_distance": "How far all inputs would have to move together",
    "sensitivity_discounts": "How far a source would have to be discounted",
}


def title_of(table: str) -> str:
    """Return the title of a table; of an unknown one, its name in words.

    Examples
    --------
    >>> title_of("net_benefit"), title_of("something_new")
    ('Net benefit', 'Something new')
    """
    return TITLES.get(table, table.replace("_", " ").capitalize())
