"""Entanglement routing in quantum networks as mixed-integer programs: ``import milproute as mr``.

Everything public is listed in the stub beside this file and loaded on first use: importing milproute loads
neither Pyomo nor a solver.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
