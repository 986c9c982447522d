"""Variants of an argmax: three names in one."""

from __future__ import annotations

from milproute.instances import OptionError
from milproute.solvers.argmax.options import ACTIONS, BOUNDS, MAX_HOPS, ArgmaxOptions


def argmax_options(variant: str, max_hops: int | None = None) -> ArgmaxOptions:
    """Read ``columns+tight+path``: the options of an argmax by MILP.

    Raises
    ------
    OptionError : not three names, or one that does not exist.
    """
    parts = variant.split("+")
    if len(parts) != 3:
        raise OptionError(
            f"variant of argmax is {variant!r}; allowed: ACTIONS+RELU+BOUNDS as {ArgmaxOptions().variant}, "
            f"actions {', '.join(ACTIONS)}, bounds {', '.join(BOUNDS)}"
        )
    actions, relu, bounds = parts
    return ArgmaxOptions(actions, relu, bounds, engine="milp", max_hops=max_hops or MAX_HOPS)
