"""Measured topologies: topohub's copies of the Topology Zoo, SNDlib, Gabriel graphs and backbones."""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from milproute.instances.errors import InstanceError, OptionError, unknown_name
from milproute.instances.generators.geography import Place, is_lon_lat, metres, project
from milproute.instances.generators.synthetic import Topology

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.resources.abc import Traversable

    import numpy as np

TOPOHUB_LICENCE = "topohub is MIT; the terms of the upstream collection are not stated by the package"
# A sheet of 50 x 50, and no India, though its numbers could be degrees.
DRAWN_WITHIN_DEGREES = frozenset({"sndlib/india35"})
ARBITRARY = {
    "sndlib/brain": "the collection says of this network that coordinates are chosen arbitrarily, so lengths "
    "and places are not those of the real sites"
}


def topohub(key: str, length_km: float | None = None) -> Topology:
    """Return a topology of the topohub package, such as ``topozoo/Surfnet``.

    Lengths are topohub's ``dist``: near great-circle km, not fibre lengths; 0 km between two sites of a
    town is kept. Places are longitude and latitude, projected to the plane, save for the Gabriel graphs,
    which live on a plane in km already. Ids are topohub's, as strings.

    Parameters
    ----------
    length_km : the length of every link of the twelve SNDlib networks that hold drawing coordinates, which
        topohub took for degrees; their nodes then have no place.

    Raises
    ------
    OptionError : no such key, or a length for a network that has lengths.
    InstanceError : drawing coordinates and no length.
    """
    if key not in topohub_keys():
        raise unknown_name("topohub topology", key, topohub_keys())
    # Not topohub.get: version 1.5.1 leaves the file open, a ResourceWarning.
    data = json.loads(_data().joinpath(f"{key}.json").read_text(encoding="utf-8"))
    return _topology(key, data, length_km)


def draw_topohub(rng: np.random.Generator, *, key: str, length_km: float | None) -> Topology:
    """Return `topohub` as generators are called; nothing is drawn."""
    return topohub(key, length_km)


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


def _topology(key: str, data: dict[str, Any], length_km: float | None) -> Topology:
    """Turn topohub's node-link document into a topology."""
    nodes, edges = data["nodes"], data["edges"]
    places = [_place(node) for node in nodes]
    lengths = [edge.get("dist") for edge in edges]
    notes = [ARBITRARY[key]] if key in ARBITRARY else []
    positions: Sequence[Place | None] = [None] * len(nodes)
    if _is_drawn(key, places):
        if length_km is None:
            raise _drawn(key, nodes)
        notes.append(f"drawing coordinates left out, and every link {length_km:g} km long")
        lengths = [None] * len(edges)
    elif key.startswith("gabriel/"):
        positions = [place and (metres(place[0]), metres(place[1])) for place in places]
    else:
        flat = iter(project([place for place in places if place is not None]))
        positions = [None if place is None else next(flat) for place in places]
    if None not in lengths and length_km is not None:
        value = f"length_km is {length_km:g} for topohub:{key}"
        raise OptionError(f"{value}; allowed: none. It has lengths of its own")
    row_of = {node["id"]: i for i, node in enumerate(nodes)}
    return Topology(
        ids=[str(node["id"]) for node in nodes],
        positions=positions,
        edges=[
            (row_of[edge["source"]], row_of[edge["target"]], _length(key, edge, length, length_km))
            for edge, length in zip(edges, lengths, strict=True)
        ],
        source=f"topohub {version('topohub')} {key}",
        licence=TOPOHUB_LICENCE,
        notes=tuple(notes),
    )


def _place(node: dict[str, Any]) -> Place | None:
    """Return the coordinates of a node, None without."""
    pair = node.get("pos")
    return None if pair is None else (float(pair[0]), float(pair[1]))


def _length(key: str, edge: dict[str, Any], length: float | None, length_km: float | None) -> float:
    """Return the length of an edge, or else ``length_km``."""
    if length is not None:
        return metres(length)
    if length_km is None:
        place = f"edge {str(edge['source'])!r}-{str(edge['target'])!r}: dist"
        remedy = f"Give such links a length: topohub:{key},length_km=100,seed=1."
        raise InstanceError(f"topohub:{key}", place, "missing", "a length in km", remedy)
    return length_km


def _is_drawn(key: str, places: Sequence[Place | None]) -> bool:
    """Say whether coordinates are those of a drawing."""
    if key.startswith("gabriel/"):
        return False
    return key in DRAWN_WITHIN_DEGREES or not all(is_lon_lat(place) for place in places if place)


def _drawn(key: str, nodes: list[dict[str, Any]]) -> InstanceError:
    """Return the error for drawing coordinates, with the node that shows it best."""
    node = next((n for n in nodes if n.get("pos") and not is_lon_lat(tuple(n["pos"]))), nodes[0])
    return InstanceError(
        f"topohub:{key}",
        f"node {str(node['id'])!r} ({node.get('name', 'without a name')})",
        f"at {node['pos']}, on a drawing",
        "longitude and latitude in degrees",
        f"topohub's lengths for it mean nothing. Give every link one: topohub:{key},length_km=100,seed=1.",
    )
