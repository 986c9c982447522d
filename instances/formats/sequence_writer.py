"""Writing topologies for the simulator SeQUeNCe (1.3): any instance whose fibres it can state.

Routers have a memory array and a swapping probability each, fibres meet in the middle, and every two routers
that fibres join have a classical connection with the delay of light along the shortest way. SeQUeNCe halves
a distance and drops the fraction of a metre. Its rate of pairs follows from its own model of photons and
detectors, not from exp(-a L) alone.

What it has no word for stands under names that it passes over, so that our reader gives it back:
``channels`` of a quantum connection, ``position_km`` of a node, and ``milproute``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from milproute.instances.formats.format import cannot_hold, refuse_unsayable
from milproute.instances.instance import INSTANCE_FORMAT
from milproute.instances.physics import attenuation_to_db

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances.instance import Instance

OURS = "milproute"
METRES = 1000.0  # in a km
METRES_PER_PICOSECOND = 2e-4  # light in fibre
DETECTOR = {"efficiency": 1, "dark_count": 0}


def write_sequence(instance: Instance) -> str:
    """Write a topology for `RouterNetTopo`.

    Raises
    ------
    InstanceError : a link whose probability is given, entangled pairs, or links of different fidelity, which
        would be another problem there.
    """
    refuse_unsayable(instance, "SeQUeNCe", ("probability", "entangled_pairs"))
    fidelities = {link.fidelity for link in instance.links}
    if len(fidelities) > 1:
        value, allowed = f"different ({min(fidelities)} to {max(fidelities)})", "one for all links"
        remedy = "In SeQUeNCe a fresh pair has the fidelity of the memories at its ends."
        raise cannot_hold(instance, "fidelity", value, allowed, remedy)
    memories = {"fidelity": next(iter(fidelities))} if fidelities else {}
    swaps = sorted({node.swap_probability for node in instance.nodes})
    templates: dict[str, Any] = {
        f"router{i}": {"MemoryArray": memories, "EntanglementSwapping": {"swapping_success_prob": swap}}
        for i, swap in enumerate(swaps)
    }
    templates["bsm"] = {
        "encoding_type": "single_heralded",
        "SingleHeraldedBSM": {"detectors": [DETECTOR, DETECTOR]},
    }
    document = {
        "templates": templates,
        "formalism": "bell_diagonal",
        "nodes": _nodes(instance, swaps),
        "qconnections": _quantum(instance),
        "cconnections": _classical(instance),
        "qchannels": [],  # SeQUeNCe adds to these lists
        "cchannels": [],
        OURS: {
            "format": INSTANCE_FORMAT,
            "name": instance.name,
            "metadata": instance.metadata.document(),
            "attenuation_per_km": instance.attenuation_per_km,
            "requests": [request.model_dump() for request in instance.requests],
        },
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def lost_in_sequence(instance: Instance) -> Sequence[str]:
    """List what SeQUeNCe itself will not see of an instance."""
    requests = "requests, " if instance.requests else ""
    return (f"SeQUeNCe itself passes over: {requests}channels of links, places of nodes, name and metadata",)


def _nodes(instance: Instance, swaps: Sequence[float]) -> list[dict[str, Any]]:
    rows = []
    for i, node in enumerate(instance.nodes):
        row = {
            "name": node.id,
            "type": "QuantumRouter",
            "seed": i,
            "memo_size": node.memory,
            "template": f"router{swaps.index(node.swap_probability)}",
        }
        rows.append(row | ({} if node.position_km is None else {"position_km": list(node.position_km)}))
    return rows


def _quantum(instance: Instance) -> list[dict[str, Any]]:
    attenuation = attenuation_to_db(instance.attenuation_per_km or 0.0) / METRES
    return [
        {
            "node1": link.source,
            "node2": link.target,
            "attenuation": attenuation,
            "distance": float(f"{link.length_km * METRES:.15g}"),  # 56.1 km are 56100.0 m, not …00001
            "type": "meet_in_the_middle",
            "seed": len(instance.nodes) + i,  # the same random numbers on every link without one
            "template": "bsm",
            "channels": link.channels,
        }
        for i, link in enumerate(instance.links)
    ]


def _classical(instance: Instance) -> list[dict[str, Any]]:
    """Connect every two routers that fibres join, with the delay of the shortest way in picoseconds."""
    import networkx as nx  # only here: the room alone loads quickly

    ids = [node.id for node in instance.nodes]
    row = instance.node_row
    ways = dict(nx.all_pairs_dijkstra_path_length(instance.to_networkx(), weight="length_km"))
    return [
        {"node1": u, "node2": v, "delay": round(ways[u][v] * METRES / METRES_PER_PICOSECOND)}
        for u in ids
        for v in ids
        if row[u] < row[v] and v in ways[u]
    ]
