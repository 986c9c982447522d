"""What verbs share: consoles, JSON, exit statuses, common options."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

OK, NO_SOLUTION, BAD_INPUT, SOLVER_FAILED = range(4)

# What a wrong flag or argument raises; typer publishes only one of its descendants.
UsageProblem: type[typer.BadParameter] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

InstanceArgument = Annotated[
    str,
    typer.Argument(
        metavar="INSTANCE",
        help="A file, a library name (surfnet-10), or a generator call (waxman:nodes=30,requests=10,seed=1).",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def out() -> Console:
    """Return the console for results."""
    from rich.console import Console

    return Console(soft_wrap=False, highlight=False)


def err() -> Console:
    """Return the console for progress and messages."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    sys.stdout.write(json.dumps(document, indent=1, allow_nan=False) + "\n")
    sys.stdout.flush()  # here a closed pipe is still an error that somebody hears


def print_error(kind: str, message: str) -> None:
    """Print an error as the JSON document on stdout."""
    print_json({"error": {"type": kind, "message": message}})


def whole(text: str | int) -> int:
    """Read a whole number, for flags: unlike typer's own reader it says what it was given."""
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is given; allowed: a whole number") from None


def number(text: str | float) -> float:
    """Read a number, as `whole`."""
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is given; allowed: a number") from None


def fail(error: Exception, *, as_json: bool) -> int | None:
    """Report one of our errors; return the exit status, None for an error that is not ours."""
    from milproute.instances.errors import MilprouteError

    if not isinstance(error, MilprouteError):
        return None
    if as_json:
        print_error(type(error).__name__, str(error))
    from rich.markup import escape

    err().print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
    solver_failed = {"MissingSolverError", "BackendError"} & {kind.__name__ for kind in type(error).__mro__}
    return SOLVER_FAILED if solver_failed else BAD_INPUT
