"""``milproute verify``: the independent checker alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from milproute.cli.console import NO_SOLUTION, OK, InstanceArgument, JsonOption, out, print_json


def verify(
    instance: InstanceArgument,
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan file.")],
    as_json: JsonOption = False,
) -> None:
    """Check PLAN against INSTANCE. Exit status: 0 it holds, 1 it does not, 2 bad input."""
    from milproute.instances import check, load_plan, resolve

    violations = check(resolve(instance), load_plan(plan))
    if as_json:
        print_json({"verified": not violations, "violations": [v.model_dump() for v in violations]})
    elif violations:
        for violation in violations:
            out().print(str(violation), markup=False, soft_wrap=True)
    else:
        out().print("[bold green]verified[/]")
    raise typer.Exit(NO_SOLUTION if violations else OK)
