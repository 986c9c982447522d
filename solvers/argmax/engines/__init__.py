"""Engines: enumeration, branch and bound, MILP, and pricing."""
