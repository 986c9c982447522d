"""The application: one line a verb; nothing heavy is imported before a verb runs."""

from __future__ import annotations

from typing import Annotated

import typer

from milproute.cli import bench, embed, instances, solve, solvers, train, verify

app = typer.Typer(
    name="milproute",
    help="Entanglement routing in quantum networks: solved exactly, checked independently.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: drawing boxes would take half of its time
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("solve", short_help="Solve an instance and write a verified plan.")(solve.solve)
app.command("embed", short_help="Embed a Q-net as a MILP; its proven best action.")(embed.embed)
app.command("verify", short_help="Check a plan, independently of any solver.")(verify.verify)
app.command("solvers", short_help="List what is installed and what it can do.")(solvers.solvers)
app.add_typer(instances.app, name="instances")
app.add_typer(train.app, name="train")
app.add_typer(bench.app, name="bench")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("milproute"))
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Entanglement routing in quantum networks: solved exactly, checked independently."""
