"""The simplex method without presolve: the quickest way to a linear program that is small or nearly whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from milproute.solvers.interface import Backend
    from milproute.solvers.results import SolveOptions

# Native options by solver. On relaxations of embedded nets this is two to ten times as fast as presolve,
# interior point or a warm start from the program before (neighbours have little in common but their rows); on
# the path ILP of a slot it takes 5 to 40 ms where interior point takes 60 to 400.
NATIVE: Mapping[str, Mapping[str, Any]] = {"highs": {"presolve": "off", "solver": "simplex"}}


def by_simplex(options: SolveOptions, backend: Backend) -> SolveOptions:
    """Return options with those of the simplex method, for back ends where it pays; given ones stay."""
    return replace(options, native={**NATIVE.get(backend.name, {}), **options.native})
