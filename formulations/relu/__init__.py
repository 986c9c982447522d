"""ReLU nets as rows of a model: bounds of neurons, and formulations that OMLT builds."""

from __future__ import annotations

from instances.qnet import optional_package

optional_package("omlt", "nets", "embedding a Q-net")
