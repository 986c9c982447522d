"""Topologies of SeQUeNCe, read and written."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from milproute.instances.errors import InstanceError
from milproute.instances.formats.registry import read_any, write_any
from milproute.instances.generators.generate import generate
from milproute.instances.library import load_library

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATES = {"r": {"MemoryArray": {"fidelity": 0.95}, "EntanglementSwapping": {"swapping_success_prob": 0.8}}}


def router(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": "QuantumRouter", "seed": 0, "memo_size": 5, "template": "r"} | fields


def connected(first: str, second: str, **fields: Any) -> dict[str, Any]:
    kind = {"type": "meet_in_the_middle", "attenuation": 2e-4, "distance": 20000}
    return {"node1": first, "node2": second, **kind, **fields}


def topology(**tables: Any) -> dict[str, Any]:
    return {
        "templates": TEMPLATES,
        "nodes": [router("a"), router("b"), router("c")],
        "qconnections": [connected("a", "b"), connected("b", "c", distance=1500.0)],
        "cconnections": [{"node1": "a", "node2": "b", "delay": 1}],
    } | tables


def load(tmp_path: Path, data: dict[str, Any], **fields: Any) -> Any:
    path = tmp_path / "net.json"
    path.write_text(json.dumps(data))
    return read_any(path, **fields)


def test_a_topology_by_hand(tmp_path: Path) -> None:
    """0.0002 dB/m are 0.2 dB/km, 0.0460517 per km: of light over 20 km 0.398 arrive."""
    instance = load(tmp_path, topology(), channels=3)
    assert [(n.id, n.memory, n.swap_probability) for n in instance.nodes] == [
        ("a", 5, 0.8),
        ("b", 5, 0.8),
        ("c", 5, 0.8),
    ]
    assert [(k.ends, k.length_km, k.channels, k.fidelity) for k in instance.links] == [
        (("a", "b"), 20.0, 3, 0.95),
        (("b", "c"), 1.5, 3, 0.95),
    ]
    assert instance.attenuation_per_km == pytest.approx(0.0460517, rel=1e-6)
    assert instance.probabilities[0] == pytest.approx(10 ** (-0.2 * 20 / 10))
    assert "not read" in instance.metadata.notes[0]


def test_channels_into_a_node_in_the_middle_are_a_link(tmp_path: Path) -> None:
    halves = [
        {"source": "a", "destination": "m", "distance": 9000, "attenuation": 1e-5},
        {"source": "b", "destination": "m", "distance": 11000, "attenuation": 1e-5},
    ]
    nodes = [router("a"), router("b"), {"name": "m", "type": "BSMNode", "seed": 0}]
    instance = load(tmp_path, {"templates": TEMPLATES, "nodes": nodes, "qchannels": halves}, channels=2)
    assert [(k.ends, k.length_km) for k in instance.links] == [(("a", "b"), 20.0)]
    assert [node.id for node in instance.nodes] == ["a", "b"]


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            {"nodes": [router("a", type="QKDNode")]},
            "nodes[0]: node 'a': type is 'QKDNode'; allowed: QuantumRouter",
        ),
        ({"nodes": [{"type": "QuantumRouter"}]}, "nodes[0].name is missing"),
        (
            {"qconnections": [connected("a", "z")]},
            "qconnections[0]: edge 'a'-'z': target is 'z'; allowed: the id",
        ),
        ({"qconnections": [connected("a", "b", distance="far")]}, "qconnections[0].distance is 'far'"),
        ({"qconnections": [connected("a", "b", distance=-2)]}, "edge 'a'-'b': distance in km is -0.002"),
        (
            {"qconnections": [connected("a", "b"), connected("b", "c", attenuation=1e-5)]},
            "attenuation is different (1e-05 dB/m in qconnections[1], 0.0002 dB/m in qconnections[0])",
        ),
        (
            {"qchannels": [{"source": "a", "destination": "b", "distance": 1, "attenuation": 1}]},
            "qchannels[0]: destination is 'b'; allowed: the name of a BSMNode",
        ),
        (
            {
                "nodes": [*topology()["nodes"], {"name": "m", "type": "BSMNode"}],
                "qchannels": [{"source": "a", "destination": "m", "distance": 1, "attenuation": 1}],
            },
            "node 'm' is the end of 1 quantum channels",
        ),
        (
            {"nodes": [router("a"), router("a"), router("b"), router("c")]},
            "nodes[1]: node 'a' is a second 'a'",
        ),
    ],
)
def test_what_has_no_counterpart_is_refused_with_its_place(
    tmp_path: Path, tables: dict[str, Any], message: str
) -> None:
    with pytest.raises(InstanceError) as caught:
        load(tmp_path, topology(**tables), channels=2)
    assert message in str(caught.value)


def test_what_a_topology_does_not_say_is_asked_for(tmp_path: Path) -> None:
    bare = topology(templates={}, nodes=[{"name": n, "type": "QuantumRouter"} for n in "abc"])
    with pytest.raises(
        InstanceError, match=r"memo_size is missing.*--swap-probability 0.9 --channels 5 --fidelity"
    ):
        load(tmp_path, bare)
    uneven = topology(templates=TEMPLATES | {"s": {"MemoryArray": {"fidelity": 0.9}}})
    uneven["nodes"][0]["template"] = "s"
    with pytest.raises(InstanceError, match=r"nodes\[0\]: node 'a': swapping_success_prob is missing"):
        load(tmp_path, uneven, channels=2)
    with pytest.raises(InstanceError, match=r"qconnections\[0\]: edge 'a'-'b': fidelity is missing"):
        load(tmp_path, uneven, channels=2, swap_probability=0.9)


def test_written_topologies_have_all_that_the_simulator_asks_for(tmp_path: Path) -> None:
    """Every router pair has a classical connection with the delay of light, every BSM its own seed."""
    path = tmp_path / "net.json"
    write_any(generate("line:nodes=3,spacing_km=60,swap_probability=0.8,requests=1,seed=1"), path, "sequence")
    data = json.loads(path.read_text())
    delays = {(row["node1"], row["node2"]): row["delay"] for row in data["cconnections"]}
    assert delays == {("n0", "n1"): 300_000_000, ("n1", "n2"): 300_000_000, ("n0", "n2"): 600_000_000}
    seeds = [row["seed"] for row in data["nodes"] + data["qconnections"]]
    assert len(set(seeds)) == 5
    assert {row["distance"] for row in data["qconnections"]} == {60000.0}
    assert data["qconnections"][0]["attenuation"] == pytest.approx(8.686e-7, rel=1e-4)
    assert data["templates"]["router0"]["EntanglementSwapping"] == {"swapping_success_prob": 0.8}
    assert data["templates"]["router0"]["MemoryArray"] == {"fidelity": 0.98}


def test_a_change_by_hand_in_the_simulators_own_fields_counts(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    write_any(load_library("surfnet-10"), path, "sequence")
    assert read_any(path) == load_library("surfnet-10")
    data = json.loads(path.read_text())
    for row in data["qconnections"]:
        row["attenuation"] *= 2
    data["nodes"][0]["memo_size"] = 99
    path.write_text(json.dumps(data))
    changed = read_any(path)
    assert changed.attenuation_per_km == pytest.approx(2 * load_library("surfnet-10").attenuation_per_km)
    assert changed.nodes[0].memory == 99


LOADER = """
import sys, typing
if not hasattr(typing, "override"):
    typing.override = lambda function: function
from sequence.topology.router_net_topo import RouterNetTopo
net = RouterNetTopo(sys.argv[1])
routers = net.get_nodes_by_type(RouterNetTopo.QUANTUM_ROUTER)
print(len(routers), len(net.get_nodes_by_type(RouterNetTopo.BSM_NODE)))
print(routers[0].swapping_success_prob, len(routers[0].components[routers[0].memo_arr_name].memories))
"""


@pytest.mark.skipif(
    find_spec("sequence") is None, reason="needs the extra sequence: pip install -e '.[sequence]'"
)
@pytest.mark.slow
def test_the_simulator_loads_what_we_write(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    surfnet = load_library("surfnet-10")
    write_any(surfnet, path, "sequence")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOADER, path], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["50", "68", "0.9", str(surfnet.nodes[0].memory)]
