"""Measurements and, in time, the solver benchmark."""
