"""Startup: what a process of ours, and only ours, does to be quick."""

from __future__ import annotations

import sys
from types import ModuleType

# Packages that Pyomo loads whenever it touches scipy, and that nothing here uses.
UNUSED = ("scipy.stats", "scipy.integrate", "scipy.spatial")


def load_scipy_lightly() -> None:
    """Let Pyomo find scipy without the half of it that takes most of a second to load and is not used.

    Not for a library: an import of these packages in another thread would meet an empty one meanwhile.
    """
    stand_ins = {name: ModuleType(name) for name in UNUSED if name not in sys.modules}
    sys.modules.update(stand_ins)
    from pyomo.common.dependencies import scipy_available

    bool(scipy_available)  # Pyomo loads scipy when it is asked whether it is there
    for name in stand_ins:
        del sys.modules[name]
