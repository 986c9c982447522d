"""Errors of milproute: each names the value, what is allowed, and what to do."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class MilprouteError(Exception):
    """Root of every error that milproute raises on purpose."""


class DocumentError(MilprouteError, ValueError):
    """``DocumentError(file, place, value, allowed, remedy)``: a value that a file may not hold.

    The parts stay in ``args``, so the error survives a trip between processes.
    """

    def __str__(self) -> str:
        file, place, value, allowed, remedy = self.args
        where = f"{file}: {place}" if place else str(file)
        return f"{where} is {value}; allowed: {allowed}." + (f" {remedy}" if remedy else "")


class InstanceError(DocumentError):
    """An instance file, generator call or import that describes no valid instance."""


class PlanError(DocumentError):
    """A plan file that describes no plan."""


class QNetError(DocumentError):
    """A Q-net, file or network handed in, that is none, or does not fit an instance."""


class MissingPackageError(MilprouteError, ImportError):
    """An optional package that is not installed."""


class OptionError(MilprouteError, ValueError):
    """An option, name or argument that does not exist or does not fit."""


class OutputError(MilprouteError, OSError):
    """A file that cannot be written where it was asked for."""

    def __str__(self) -> str:
        return str(self.args[0])


def unknown_name(kind: str, name: str, allowed: Iterable[str]) -> OptionError:
    """Return the error for a ``name`` that is none of ``allowed``, with the nearest one."""
    names = sorted(allowed)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    shown = ", ".join(names[:20]) + (f", … ({len(names)} in all)" if len(names) > 20 else "")
    return OptionError(f"unknown {kind} {name!r}: {hint}allowed: {shown}")
