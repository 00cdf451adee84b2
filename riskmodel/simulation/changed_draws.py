"""The same draws with some priors' draws replaced: what the risks would be then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from riskmodel.models.posterior import Posterior, draws_by_prior
from riskmodel.parameters.profiles import Patient
from riskmodel.parameters.schema import Duration
from riskmodel.simulation.outcomes import (
    _by_chain,
    _columns,
    _Evaluation,
    as_patients,
)

DIMS = ("chain", "draw", "profile", "option", "outcome")


class ChangedDraws:
    """Risks for the same patients at the same horizon, again and again, for other draws.

    What :func:`riskmodel.simulate` checks, builds and writes down for one set of draws is done
    once, so that dozens of changes of one prior take as long as their arithmetic.

    Parameters
    ----------
    posterior : Posterior
    profiles : sequence of mapping, optional
        As for :func:`riskmodel.simulate`.
    horizon, waning
        As for :func:`riskmodel.simulate`.
    """

    def __init__(
        self,
        posterior: Posterior,
        profiles: Sequence[Mapping | Patient] | None = None,
        *,
        horizon: Duration | str | None = None,
        waning: str | None = None,
    ):
        problem = posterior.problem
        self.patients = as_patients(problem, profiles)
        self._chains = posterior.draws.sizes["chain"]
        self._draws = draws_by_prior(posterior.draws)
        self._evaluate = _Evaluation(posterior.loaded, self._draws, horizon, waning)
        self._covariates = _columns(problem, self.patients)
        self._coordinates = {
            "profile": [patient.id for patient in self.patients],
            "option": list(problem.options),
            "outcome": list(problem.outcomes),
        }

    def risks(self, changes: Mapping[str, np.ndarray]) -> xr.DataArray:
        """Return the risks if these priors had these draws.

        Parameters
        ----------
        changes : mapping of str to ndarray, shape (chain * draw,)

        Returns
        -------
        xarray.DataArray
            As ``risk`` of :func:`riskmodel.simulate`.

        Raises
        ------
        ParameterError
            If more than 0.1% of the draws put a risk beyond [0, 1].
        """
        self._evaluate.draws = {**self._draws, **changes}
        risk, _ = self._evaluate.risks(self._covariates, [p.id for p in self.patients])
        for i, patient in enumerate(self.patients):
            for option in patient.not_for:
                risk[:, i, self._coordinates["option"].index(option)] = np.nan
        return xr.DataArray(_by_chain(risk, self._chains), self._coordinates, DIMS)
