"""What we believe from the sources: printed figures in, distributions out."""
