"""Selectors: ``highs[presolve=off,mip_rel_gap=0.01]`` names a solver and its native options."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from milproute.instances import OptionError
from milproute.solvers.backends import load_backend
from milproute.solvers.results import SolveOptions

if TYPE_CHECKING:
    from milproute.solvers.interface import Backend

SELECTOR = re.compile(r"(?P<name>[^\[\]]+)(\[(?P<options>[^\[\]]*)\])?")
WORDS = {"true": True, "false": False}


def parse_selector(text: str) -> tuple[str, dict[str, bool | int | float | str]]:
    """Split a selector into the name and the options, numbers and booleans read as such.

    Raises
    ------
    OptionError : the text is no selector.
    """
    match = SELECTOR.fullmatch(text.strip())
    if match is None:
        raise OptionError(f"solver {text!r} is no selector; allowed: NAME or NAME[option=value,option=value]")
    options: dict[str, bool | int | float | str] = {}
    for item in filter(None, (part.strip() for part in (match["options"] or "").split(","))):
        option, equals, value = (part.strip() for part in item.partition("="))
        if not (option and equals and value):
            raise OptionError(f"{item!r} in solver {text!r} is no option; allowed: option=value")
        options[option] = _read(value)
    return match["name"].strip(), options


def select(solver: str | Backend, limits: SolveOptions | None = None) -> tuple[Backend, SolveOptions]:
    """Return the back end that a selector names, and the limits with its native options.

    A native option that the limits have already stays as it is there.

    Raises
    ------
    OptionError : the text is no selector, or names no solver.
    MissingSolverError : the solver is not installed.
    """
    limits = limits or SolveOptions()
    if not isinstance(solver, str):
        return solver, limits
    name, native = parse_selector(solver)
    return load_backend(name), replace(limits, native={**native, **limits.native})


def _read(value: str) -> bool | int | float | str:
    if value.lower() in WORDS:
        return WORDS[value.lower()]
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value
