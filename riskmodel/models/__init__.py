"""The joint model by MCMC: the only room PyMC enters."""
