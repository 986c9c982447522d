"""Tolerances: every number that decides whether two values count as equal, with its meaning.

They are relative to the values where these exceed 1, unless a sentence says otherwise.
"""

from __future__ import annotations

# The largest breach of a row, a bound or a limit (copies, attempts, qubits, pairs, fidelity) that is
# forgiven, in plans as in compiled models. Solvers are asked for as much or less.
FEASIBILITY = 1e-6

# A number this close to a whole number, in absolute terms, is that whole number.
INTEGRALITY = 1e-6

# Objective and bound this close prove an optimum, relative or absolute. It is also the absolute gap at which
# solvers stop, and how far an objective may be from what is computed again.
OPTIMALITY = 1e-6

# A known value must exceed a claimed bound by this much to refute it: ten times what solvers may leave.
REFUTATION = 1e-5

# What a solver leaves of a value that should be 0, in absolute terms: its own feasibility tolerance.
SOLVER_NOISE = 1e-7

# Values computed twice in doubles, by different orders of the same operations, are equal up to this.
COMPARISON = 1e-9

# Bound on the error of a sum of products in doubles, relative to the sum of the absolute terms. Bounds that
# must hold are moved outwards by it.
ROUND_OFF = 1e-12
