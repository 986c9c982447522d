"""Settings of all tests: nothing depends on wall-clock time, so hypothesis has no deadline."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("milproute", deadline=None)
settings.load_profile("milproute")
