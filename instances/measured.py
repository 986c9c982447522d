"""Measured topologies: topohub's copies of the Topology Zoo, SNDlib, Gabriel graphs and backbones."""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from instances.errors import InstanceError, unknown_name
from instances.geography import Place, is_lon_lat, metres, project
from instances.topologies import Topology

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

TOPOHUB_LICENCE = "topohub is MIT; the terms of the upstream collection are not stated by the package"


def topohub(key: str) -> Topology:
    """Return a topology of the topohub package, such as ``topozoo/Surfnet``.

    Lengths are topohub's ``dist``: near great-circle km, not fibre lengths; 0 km between two sites of a
    town is kept. Places are longitude and latitude, projected to the plane, save for the Gabriel graphs,
    which live on a plane in km already. Ids are topohub's, as strings.

    Raises
    ------
    OptionError : no such key.
    InstanceError : eleven SNDlib networks hold drawing coordinates that topohub took for degrees, so
        its lengths for them mean nothing.
    """
    if key not in topohub_keys():
        raise unknown_name("topohub topology", key, topohub_keys())
    # Not topohub.get: version 1.5.1 leaves the file open, a ResourceWarning.
    return _topology(key, json.loads(_data().joinpath(f"{key}.json").read_text(encoding="utf-8")))


@cache
def topohub_keys() -> tuple[str, ...]:
    """List every key of the installed topohub."""
    found: list[str] = []

    def walk(folder: Traversable, prefix: str) -> None:
        for entry in folder.iterdir():
            if entry.is_dir():
                walk(entry, f"{prefix}{entry.name}/")
            elif entry.name.endswith(".json"):
                found.append(prefix + entry.name.removesuffix(".json"))

    walk(_data(), "")
    return tuple(sorted(found))


def _data() -> Traversable:
    return files("topohub").joinpath("data")


def _topology(key: str, data: dict[str, Any]) -> Topology:
    """Turn topohub's node-link document into a topology."""
    places: list[Place] = [(float(x), float(y)) for x, y in (node["pos"] for node in data["nodes"])]
    if key.startswith("gabriel/"):
        positions = [(metres(x), metres(y)) for x, y in places]
    elif all(map(is_lon_lat, places)):
        positions = project(places)
    else:
        row = next(i for i, place in enumerate(places) if not is_lon_lat(place))
        raise InstanceError(
            f"topohub:{key}",
            f"nodes[{row}].pos",
            list(places[row]),
            "longitude and latitude in degrees",
            "These are drawing coordinates, so the lengths mean nothing. Choose another topology.",
        )
    row_of = {node["id"]: i for i, node in enumerate(data["nodes"])}
    edges = [(row_of[e["source"]], row_of[e["target"]], metres(e["dist"])) for e in data["edges"]]
    source = f"topohub {version('topohub')} {key}"
    return Topology([str(node["id"]) for node in data["nodes"]], positions, edges, source, TOPOHUB_LICENCE)
