"""Q-CAST's text layout and the ``.net`` files of QuARC: the same lines, read and written alike.

    n                     number of nodes
    alpha                 attenuation: an attempt over L succeeds with exp(-alpha L)
    q                     swap probability, one for all nodes
    k                     hops of the recovery paths
    memory x y            n times; nodes are 0 … n-1
    u v channels          the rest; u < v

``//`` starts a comment. No unit is stated; milproute takes km and 1/km. Lengths are the straight
distances between the places. Requests, fidelities and names are not there.
Source: sshi27/QuantumRouting (Shi and Qian, SIGCOMM 2020), `Topo.kt`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from instances.convert.fields import (
    Draft,
    Format,
    Supplied,
    cannot_hold,
    complete,
    real_at,
    whole_at,
)
from instances.errors import InstanceError
from instances.files import read_text
from instances.geography import distance_km

if TYPE_CHECKING:
    from pathlib import Path

    from instances.instance import Instance

LOSES = (
    "node ids (renumbered 0 … n-1 in the order of the nodes), the order of the two ends of a link, names, "
    "metadata, requests, fidelities, entangled pairs; lengths come back rounded to metres"
)
Line = tuple[int, list[str]]


def read_qcast(supplied: Supplied) -> Instance:
    """Read either layout; fidelity, and requests if wanted, come from arguments, k is passed over."""
    file = supplied.path
    lines = _lines(file)
    count = whole_at(_only(lines, file, "the number of nodes"), file, lines[0][0], "the number of nodes")
    alpha, q = (
        real_at(_only(lines[i:], file, what), file, lines[i][0], what) for i, what in ((1, "alpha"), (2, "q"))
    )
    whole_at(_only(lines[3:], file, "k"), file, lines[3][0], "k")
    if len(lines) < 4 + count:
        remedy = "The first line is the number of nodes."
        raise InstanceError(str(file), "nodes", len(lines) - 4, f"{count} lines 'memory x y'", remedy)
    nodes = [_node(i, q, file, line) for i, line in enumerate(lines[4 : 4 + count])]
    links = [_link(nodes, file, line) for line in lines[4 + count :]]
    return complete(Draft(nodes, links, attenuation_per_km=alpha), supplied)


def write_qcast(instance: Instance) -> str:
    """Write the Q-CAST layout, with a comment that says what was lost.

    Raises
    ------
    InstanceError : swap probabilities that differ, a node without a place, a link whose probability
        is given or whose length is not the distance of its ends: another problem would come back.
    """
    return f"// {instance.name.splitlines()[0]}: nodes renumbered in their order\n" + write_net(instance)


def write_net(instance: Instance) -> str:
    """Write the ``.net`` layout: as `write_qcast`, without a comment."""
    swaps = {node.swap_probability for node in instance.nodes}
    if len(swaps) > 1:
        value = f"different ({min(swaps)} to {max(swaps)})"
        raise cannot_hold(instance, "swap_probability", value, "one for all nodes", "Choose another format.")
    for i, node in enumerate(instance.nodes):
        if node.position_km is None:
            raise cannot_hold(
                instance, f"nodes[{i}].position_km", "missing", "a place", "Lengths hang on it."
            )
    _check_links(instance)
    head = [len(instance.nodes), instance.attenuation_per_km, swaps.pop(), 0]
    nodes = [
        f"{node.memory} {node.position_km[0]} {node.position_km[1]}"
        for node in instance.nodes
        if node.position_km
    ]
    ends = [sorted(int(row) for row in pair) for pair in instance.ends]
    links = [f"{u} {v} {link.channels}" for (u, v), link in zip(ends, instance.links, strict=True)]
    return "\n".join([*map(str, head), *nodes, *links]) + "\n"


def _check_links(instance: Instance) -> None:
    """Refuse links that would come back with another probability."""
    place = [node.position_km or (0.0, 0.0) for node in instance.nodes]
    for i, (link, (u, v)) in enumerate(zip(instance.links, instance.ends, strict=True)):
        straight = distance_km(place[u], place[v])
        if link.probability is not None:
            allowed = "null: the layout has exp(-alpha length) only"
            raise cannot_hold(
                instance, f"links[{i}].probability", link.probability, allowed, "Choose another format."
            )
        if abs(link.length_km - straight) > 0.0015:
            allowed = f"{straight} km, the distance of its ends: the layout has no lengths"
            raise cannot_hold(
                instance, f"links[{i}].length_km", link.length_km, allowed, "Choose another format."
            )


def _lines(file: Path) -> list[Line]:
    """Return the lines with their numbers, without comments and empty ones."""
    lines = enumerate(read_text(file, InstanceError).split("\n"), start=1)
    return [(n, words) for n, line in lines if (words := line.partition("//")[0].split())]


def _only(lines: list[Line], file: Path, what: str) -> str:
    """Return the single word of the first line."""
    if not lines:
        raise InstanceError(str(file), what, "missing", "lines n, alpha, q, k, one number each", "")
    number, words = lines[0]
    if len(words) != 1:
        raise InstanceError(str(file), f"line {number}", repr(" ".join(words)), f"one number, {what}", "")
    return words[0]


def _node(row: int, q: float, file: Path, line: Line) -> dict[str, Any]:
    number, words = line
    if len(words) != 3:
        raise InstanceError(str(file), f"line {number}", repr(" ".join(words)), "memory x y", "")
    memory = whole_at(words[0], file, number, "memory")
    x, y = (real_at(word, file, number, what) for word, what in zip(words[1:], "xy", strict=True))
    return {"id": str(row), "memory": memory, "swap_probability": q, "position_km": (x, y)}


def _link(nodes: list[dict[str, Any]], file: Path, line: Line) -> dict[str, Any]:
    number, words = line
    if len(words) != 3:
        raise InstanceError(str(file), f"line {number}", repr(" ".join(words)), "u v channels", "")
    u, v, channels = (whole_at(word, file, number, "u v channels") for word in words)
    if max(u, v) >= len(nodes) or u == v:
        allowed = f"two different nodes from 0 to {len(nodes) - 1}"
        raise InstanceError(str(file), f"line {number}", f"a link from {u} to {v}", allowed, "")
    length = distance_km(nodes[u]["position_km"], nodes[v]["position_km"])
    return {"source": str(u), "target": str(v), "length_km": length, "channels": channels}


QCAST = Format("qcast", ".qcast", read_qcast, write_qcast, LOSES)
NET = Format("net", ".net", read_qcast, write_net, LOSES)
