"""``milproute solvers``: what is installed and what it can do."""

from __future__ import annotations

from milproute.cli.console import JsonOption, out, print_json


def solvers(as_json: JsonOption = False) -> None:
    """List the solvers: installed or not, version, licence and its state, what each can do."""
    from milproute.solvers.backends import availability

    known = availability()
    if as_json:
        print_json({"solvers": known})
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table("solver", "installed", "version", "licence", "can do", title="Solvers")
    for solver in known:
        installed = "yes" if solver["installed"] else f"no: {solver['remedy']}"
        licence = "; ".join(filter(None, (solver["licence"], solver["licence_state"])))
        row = (solver["name"], installed, solver["version"] or "", licence, ", ".join(solver["capabilities"]))
        table.add_row(*(escape(str(cell)) for cell in row))  # remedies have brackets
    console = out()
    console.print(table)
    for solver in known:
        if solver["problem"]:
            console.print(f"{solver['name']}: {solver['problem']}", markup=False, soft_wrap=True)
