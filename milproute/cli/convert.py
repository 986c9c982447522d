"""``milproute instances convert``: from one file format to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

FORMATS = "json, graphml, gml, node-link, sequence, sndlib, qcast, net"


def convert(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A file or a library name.")],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The file to write.")],
    from_format: Annotated[str | None, typer.Option("--from", help=f"{FORMATS}; else by suffix.")] = None,
    to_format: Annotated[str | None, typer.Option("--to", help="As --from, for TARGET.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the instance.")] = None,
    memory: Annotated[str | None, typer.Option(help="Qubits of nodes without: 12, or 10-14 to draw.")] = None,
    swap_probability: Annotated[str | None, typer.Option(help="Of nodes without.")] = None,
    channels: Annotated[str | None, typer.Option(help="Of links without: 5, or 3-7 to draw.")] = None,
    fidelity: Annotated[str | None, typer.Option(help="Of links without.")] = None,
    attenuation_per_km: Annotated[
        str | None, typer.Option(metavar="A", help="Of a file without; per km, not dB.")
    ] = None,
    requests: Annotated[
        str | None, typer.Option(metavar="N", help="How many to draw where the file has none.")
    ] = None,
    seed: Annotated[str | None, typer.Option(metavar="N", help="Seed for what is drawn.")] = None,
    great_circle: Annotated[
        bool,
        typer.Option(
            "--great-circle",
            help="Lengths of links without one from longitude and latitude. Coordinates are believed: no "
            "file tells a drawing whose numbers could be degrees from a map.",
        ),
    ] = False,
    length_km: Annotated[
        str | None, typer.Option(metavar="KM", help="Length of links that still have none.")
    ] = None,
    length_from: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Edge attribute, or SNDlib column (routing_cost), that is the length in km."
        ),
    ] = None,
    drop_unplaced: Annotated[
        bool, typer.Option("--drop-unplaced", help="Leave out nodes without coordinates, and their links.")
    ] = False,
    drop_loops: Annotated[
        bool, typer.Option("--drop-loops", help="Leave out edges from a node to itself.")
    ] = False,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="NAME=FIELD",
            help="What an attribute of another name is: dist=length_km, lon=longitude, name=id; repeatable.",
        ),
    ] = None,
    parallel: Annotated[
        str | None,
        typer.Option(
            help="Fibres between the same nodes: sum (all channels, the largest length), best (the one with "
            "the most expected pairs), or error, the default."
        ),
    ] = None,
    undirected: Annotated[
        bool, typer.Option("--undirected", help="Take the edges of a directed graph for links.")
    ] = False,
    demand_unit: Annotated[str | None, typer.Option(metavar="T", help="SNDlib traffic of one pair.")] = None,
    licence: Annotated[str | None, typer.Option(help="Terms of the imported data.")] = None,
) -> None:
    """Convert between our JSON, GraphML, GML, node-link JSON, SeQUeNCe, SNDlib and Q-CAST text.

    What the file has stands; options supply what it lacks, and an option without effect is an error. What is
    merged, left out or not read is said on stderr and kept in the metadata of the instance.
    """
    from milproute.instances import OptionError, resolve
    from milproute.instances.files import check_writable
    from milproute.instances.formats.registry import find_format, flag, read_any, write_any

    find_format(target, to_format)
    check_writable([target])
    given: dict[str, Any] = {
        "name": name,
        "memory": memory,
        "swap_probability": swap_probability,
        "channels": channels,
        "fidelity": fidelity,
        "attenuation_per_km": attenuation_per_km,
        "requests": requests,
        "seed": seed,
        "great_circle": great_circle or None,
        "length_km": length_km,
        "length_from": length_from,
        "drop_unplaced": drop_unplaced or None,
        "drop_loops": drop_loops or None,
        "map": mapping or None,
        "parallel": parallel,
        "undirected": undirected or None,
        "demand_unit": demand_unit,
        "licence": licence,
    }
    fields = {key: value for key, value in given.items() if value is not None}
    if Path(source).is_file():
        problem = read_any(Path(source), from_format, **fields)
    else:
        problem = resolve(source)
        if name is not None:
            problem = problem.changed(name=name)
        useless = [flag(key) for key in fields if key != "name"] + (["--from"] if from_format else [])
        if useless:
            raise OptionError(
                f"{', '.join(useless)} given, but {source} is no file and lacks nothing: leave it out"
            )
    write_any(problem, target, to_format)
