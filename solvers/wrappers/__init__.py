"""Wrappers: a back end around another one, which checks, permutes or isolates it."""
