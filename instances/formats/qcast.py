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

from typing import TYPE_CHECKING

from milproute.instances.errors import InstanceError
from milproute.instances.files import read_text
from milproute.instances.formats.complete import complete
from milproute.instances.formats.draft import Draft, Note, Row
from milproute.instances.formats.format import Format, cannot_hold, refuse_unsayable
from milproute.instances.formats.tokens import real_at, whole_at
from milproute.instances.generators.geography import distance_km

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from milproute.instances.formats.import_options import ImportOptions
    from milproute.instances.instance import Instance

Line = tuple[int, list[str]]


def read_qcast(options: ImportOptions) -> Instance:
    """Read either layout; fidelity, and requests if wanted, come from options.

    Raises
    ------
    InstanceError : no such layout; with the line.
    """
    file = options.path
    lines = _lines(file)
    count = whole_at(_only(lines, file, "the number of nodes"), file, lines[0][0], "the number of nodes")
    alpha, q = (
        real_at(_only(lines[i:], file, what), file, lines[i][0], what) for i, what in ((1, "alpha"), (2, "q"))
    )
    hops = whole_at(_only(lines[3:], file, "k"), file, lines[3][0], "k")
    if len(lines) < 4 + count:
        remedy = "The first line is the number of nodes."
        raise InstanceError(str(file), "nodes", len(lines) - 4, f"{count} lines 'memory x y'", remedy)
    if not 0 <= q <= 1:
        raise InstanceError(str(file), f"line {lines[2][0]}: q", q, "a number from 0 to 1", "")
    nodes = [_node(i, q, file, line) for i, line in enumerate(lines[4 : 4 + count])]
    links = [_link(nodes, file, line) for line in lines[4 + count :]]
    notes = [Note(f"k = {hops}, the hops of recovery paths, is not read")] if hops else []
    return complete(Draft(nodes, links, attenuation_per_km=alpha, notes=notes), options)


def write_qcast(instance: Instance) -> str:
    """Write the Q-CAST layout, with a comment that says what was lost.

    Raises
    ------
    InstanceError : swap probabilities that differ, a node without a place, a link whose probability
        is given or whose length is not the distance of its ends, pairs: another problem would come back.
    """
    return f"// {instance.name.splitlines()[0]}: nodes renumbered in their order\n" + write_net(instance)


def write_net(instance: Instance) -> str:
    """Write the ``.net`` layout: as `write_qcast`, without a comment."""
    refuse_unsayable(instance, "the layout", ("probability", "entangled_pairs"))
    swaps = {node.swap_probability for node in instance.nodes}
    if len(swaps) > 1:
        value = f"different ({min(swaps)} to {max(swaps)})"
        raise cannot_hold(instance, "swap_probability", value, "one for all nodes", "Choose another format.")
    for node in instance.nodes:
        if node.position_km is None:
            place = f"node {node.id!r}: position_km"
            raise cannot_hold(instance, place, "missing", "a place", "Lengths hang on it.")
    _check_lengths(instance)
    head = [len(instance.nodes), instance.attenuation_per_km or 0.0, swaps.pop(), 0]
    nodes = [
        f"{node.memory} {node.position_km[0]} {node.position_km[1]}"
        for node in instance.nodes
        if node.position_km
    ]
    ends = [sorted(int(row) for row in pair) for pair in instance.ends]
    links = [f"{u} {v} {link.channels}" for (u, v), link in zip(ends, instance.links, strict=True)]
    return "\n".join([*map(str, head), *nodes, *links]) + "\n"


def lost_in_qcast(instance: Instance) -> Sequence[str]:
    """List what the layout does not hold of an instance."""
    parts = [
        f"{len(instance.requests)} requests" if instance.requests else "",
        "fidelities" if instance.links else "",
        "names of nodes (now 0, 1, … in their order), name and metadata",
    ]
    return ("not in the file: " + ", ".join(filter(None, parts)),)


def _check_lengths(instance: Instance) -> None:
    """Refuse links that would come back with another length."""
    place = [node.position_km or (0.0, 0.0) for node in instance.nodes]
    for link, (u, v) in zip(instance.links, instance.ends, strict=True):
        straight = distance_km(place[u], place[v])
        if abs(link.length_km - straight) > 0.0015:
            where = f"link {link.source!r}-{link.target!r}: length_km"
            allowed = f"{straight} km, the distance of its ends: the layout has no lengths"
            raise cannot_hold(instance, where, link.length_km, allowed, "Choose another format.")


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


def _node(row: int, q: float, file: Path, line: Line) -> Row:
    number, words = line
    if len(words) != 3:
        raise InstanceError(str(file), f"line {number}", repr(" ".join(words)), "memory x y", "")
    memory = whole_at(words[0], file, number, "memory")
    x, y = (real_at(word, file, number, what) for word, what in zip(words[1:], "xy", strict=True))
    fields = {"id": str(row), "memory": memory, "swap_probability": q, "position_km": (x, y)}
    return Row(fields, f"line {number}: node {row}")


def _link(nodes: list[Row], file: Path, line: Line) -> Row:
    number, words = line
    if len(words) != 3:
        raise InstanceError(str(file), f"line {number}", repr(" ".join(words)), "u v channels", "")
    u, v, channels = (whole_at(word, file, number, "u v channels") for word in words)
    if max(u, v) >= len(nodes):
        allowed = f"two nodes from 0 to {len(nodes) - 1}"
        raise InstanceError(str(file), f"line {number}", f"a link from {u} to {v}", allowed, "")
    length = distance_km(nodes[u].fields["position_km"], nodes[v].fields["position_km"])
    fields = {"source": str(u), "target": str(v), "length_km": length, "channels": channels}
    return Row(fields, f"line {number}: link {u}-{v}")


QCAST: Format = Format("qcast", ".qcast", read_qcast, write_qcast, lost_in_qcast)
NET: Format = Format("net", ".net", read_qcast, write_net, lost_in_qcast)
