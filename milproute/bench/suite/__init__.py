"""Suites: what a benchmark solves, read from TOML and expanded to cells."""
