"""The report of a benchmark: metrics, verdicts across solvers, tables and the page."""
