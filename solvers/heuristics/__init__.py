"""Heuristics of REPS: progressive rounding, random rounding, greedy fill."""
