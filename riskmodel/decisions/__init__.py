"""What is better, for whom, at what weights: arithmetic on arrays of draws."""
