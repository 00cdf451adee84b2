"""Table in, Axes out."""
