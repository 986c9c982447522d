"""Column generation for an argmax: restricted master, column pool, subproblems, bounds on arcs."""
