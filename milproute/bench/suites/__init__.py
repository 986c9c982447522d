"""The suites that ship with milproute, by name."""
