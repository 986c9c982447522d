"""``milproute instances``: the library, generators and other formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from milproute.cli.console import InstanceArgument, JsonOption, out, print_json, whole
from milproute.cli.convert import convert

if TYPE_CHECKING:
    from milproute.instances import Instance

app = typer.Typer(help="List, describe, make and convert instances.", no_args_is_help=True)


@app.command("list")
def list_library(as_json: JsonOption = False) -> None:
    """List the library."""
    from milproute.instances.library import library

    recipes = library()
    if as_json:
        rows = [{"name": name, "description": r.description, "spec": r.spec} for name, r in recipes.items()]
        print_json({"instances": rows})
        return
    from rich.markup import escape
    from rich.table import Column, Table

    table = Table(Column("name", no_wrap=True), "what it is", title="Instance library")
    for name, recipe in recipes.items():
        table.add_row(escape(name), escape(recipe.description))
    out().print(table)


@app.command()
def info(
    instance: InstanceArgument,
    plot: Annotated[Path | None, typer.Option(help="Draw the network (.svg or .png).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Describe an instance: size, lengths, probabilities, capacities, origin."""
    from milproute.instances import resolve
    from milproute.instances.files import check_writable

    if plot is not None:
        from milproute.plotting.save import picture_format

        picture_format(plot)
    check_writable([plot])
    problem = resolve(instance)
    facts = _facts(problem)
    if plot is not None:
        from milproute.cli.picture import save_picture
        from milproute.plotting import plot_network

        save_picture(plot_network(problem), plot)
    if as_json:
        print_json(facts)
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(problem.name), show_header=False)
    for key, value in facts.items():
        table.add_row(key.replace("_", " "), escape(_words(value)))
    out().print(table)


@app.command()
def make(
    source: InstanceArgument,
    target: Annotated[Path | None, typer.Option("--out", help="Write here; stdout without it.")] = None,
    draw_pairs: Annotated[
        int | None,
        typer.Option(
            parser=whole,
            metavar="SEED",
            help="Draw entangled pairs: every channel attempts, or see --attempts.",
        ),
    ] = None,
    attempts: Annotated[
        Path | None, typer.Option(metavar="PLAN", help="Attempt what this plan attempts when drawing pairs.")
    ] = None,
) -> None:
    """Make an instance from a generator call, the library or a file, and write it as JSON."""
    from milproute.instances import OptionError, load_plan, resolve, save
    from milproute.instances.files import check_writable

    check_writable([target])
    problem = resolve(source)
    if attempts is not None and draw_pairs is None:
        raise OptionError("--attempts has no effect without --draw-pairs SEED: give a seed to draw with")
    if draw_pairs is not None:
        if draw_pairs < 0:
            raise OptionError(f"--draw-pairs is {draw_pairs}; allowed: a whole number >= 0")
        from milproute.instances.outcomes import draw_entangled

        problem = draw_entangled(problem, draw_pairs, load_plan(attempts) if attempts else None)
    if target is None:
        print_json(problem.document())
    else:
        save(problem, target)


app.command("convert")(convert)


def _facts(problem: Instance) -> dict[str, Any]:
    """Collect what there is to know about an instance at a glance."""
    import networkx as nx

    graph = problem.to_networkx()
    lengths = sorted(link.length_km for link in problem.links)
    chances = sorted(problem.probabilities.tolist())
    pairs = [link.entangled_pairs for link in problem.links]
    return {
        "name": problem.name,
        "nodes": len(problem.nodes),
        "links": len(problem.links),
        "requests": len(problem.requests),
        "mean_degree": round(2 * len(problem.links) / len(problem.nodes), 3),
        "components": nx.number_connected_components(graph),
        "channels": int(problem.channels.sum()),
        "memory": int(problem.memories.sum()),
        "length_km": _spread(lengths),
        "probability": _spread(chances),
        "entangled_pairs": None if None in pairs else sum(n for n in pairs if n is not None),
        **problem.metadata.model_dump(),
    }


def _spread(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    mean = sum(values) / len(values)
    return {"least": round(values[0], 6), "mean": round(mean, 6), "most": round(values[-1], 6)}


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {number:g}" for key, number in value.items())
    if isinstance(value, tuple):
        return "\n".join(value) or "-"
    return "-" if value is None else str(value)
