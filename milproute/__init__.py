"""Entanglement routing in quantum networks as mixed-integer programs: ``import milproute as mr``.

Everything public is listed in the stub beside this file and loaded on first use: importing milproute loads
neither Pyomo nor a solver.

Examples
--------
>>> import milproute as mr
>>> instance = mr.resolve("toy")
>>> plan = mr.solve(instance)
>>> plan.status, plan.objective, plan.verified
('optimal', 3.0, True)
>>> mr.check(instance, plan)
[]
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
