"""Flattened GNNs: the plain Q-net gives what message passing gives, on any graph."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

import networkx as nx
import numpy as np
import pytest

from milproute.instances import Instance, OptionError, QNetError, RoutedPath
from milproute.instances.qnets.blocks import input_size
from milproute.instances.qnets.features import feature_matrix, features, state_vector
from milproute.instances.qnets.gnn import GnnLayer, flatten_gnn, node_sums, propagation

INPUTS = ("node_memory", "link_load", "request_served", "request_log_success")
Aggregate = Literal["sum", "mean"]


def network(seed: int, nodes: int = 7, order: list[int] | None = None) -> Instance:
    """A random graph whose last node is isolated; ``order`` lists the same nodes another way round."""
    rng = np.random.default_rng(seed)
    graph = nx.gnp_random_graph(nodes - 1, 0.5, seed=seed)
    memory = rng.integers(2, 9, size=nodes)
    placed = list(range(nodes)) if order is None else order
    document = {
        "name": "random",
        "metadata": {"generator": None, "seed": None, "source": None, "licence": None},
        "attenuation_per_km": 0.0002,
        "nodes": [
            {"id": str(v), "memory": int(memory[v]), "swap_probability": 0.9, "position_km": None}
            for v in placed
        ],
        "links": [
            {
                "source": str(u),
                "target": str(v),
                "length_km": 100.0 + u + v,
                "channels": 2,
                "probability": None,
                "fidelity": 0.98,
                "entangled_pairs": None,
            }
            for u, v in graph.edges
        ],
        "requests": [
            {"id": "r0", "source": "0", "target": "3", "demand": None, "min_fidelity": None},
            {"id": "r1", "source": "4", "target": "1", "demand": 2, "min_fidelity": None},
        ],
    }
    return Instance.parse(document, "test", OptionError)


def layers(seed: int, *widths: int) -> list[GnnLayer]:
    rng = np.random.default_rng(seed)
    pairs = pairwise(widths)
    return [
        GnnLayer(rng.normal(size=(out, into)), rng.normal(size=(out, into)), rng.normal(size=out))
        for into, out in pairs
    ]


def passed(instance: Instance, h: Any, rounds: list[GnnLayer], aggregate: Aggregate) -> Any:
    """Message passing node by node, in plain Python."""
    near: dict[int, list[int]] = {v: [] for v in range(len(instance.nodes))}
    for u, v in instance.ends.tolist():
        near[u].append(v)
        near[v].append(u)
    for layer in rounds:
        new = []
        for v, others in near.items():
            total = sum((h[u] for u in others), np.zeros(h.shape[1]))
            if aggregate == "mean" and others:
                total = total / len(others)
            z = layer.weight_self @ h[v] + layer.weight_neighbour @ total + layer.bias
            new.append(np.maximum(z, 0.0))
        h = np.array(new)
    return h


@pytest.mark.parametrize("aggregate", ["sum", "mean"])
@pytest.mark.parametrize("pool", ["sum", "mean", "flatten"])
@pytest.mark.parametrize("seed", range(3))
def test_a_flattened_gnn_gives_what_message_passing_gives(
    aggregate: Aggregate, pool: Literal["sum", "mean", "flatten"], seed: int
) -> None:
    instance, rng = network(seed), np.random.default_rng(seed)
    rounds = layers(seed, len(INPUTS), 5, 3)
    pooled = 3 * len(instance.nodes) if pool == "flatten" else 3
    head = [(rng.normal(size=(4, pooled)), rng.normal(size=4)), (rng.normal(size=(1, 4)), rng.normal(size=1))]
    constants = rng.normal(size=(len(instance.nodes), len(INPUTS)))
    matrix = node_sums(instance, INPUTS)
    net = flatten_gnn(
        instance, INPUTS, matrix, rounds, head, aggregate=aggregate, pool=pool, node_constants=constants
    )
    assert len(net.weights) == 4
    for x in rng.normal(size=(5, input_size(instance, INPUTS))):
        h = passed(instance, (matrix @ x).reshape(-1, len(INPUTS)) + constants, rounds, aggregate)
        g = {"sum": h.sum(axis=0), "mean": h.mean(axis=0), "flatten": h.ravel()}[pool]
        want = head[1][0] @ np.maximum(head[0][0] @ g + head[0][1], 0.0) + head[1][1]
        assert net.forward(x) == pytest.approx(float(want[0]), abs=1e-9)


@pytest.mark.parametrize(
    ("kind", "aggregate"), [("SAGEConv", "mean"), ("SAGEConv", "sum"), ("GraphConv", "sum")]
)
def test_a_flattened_gnn_gives_what_torch_geometric_gives(kind: str, aggregate: Aggregate) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    convolutions = pytest.importorskip("torch_geometric.nn", reason="needs torch_geometric")
    for seed in range(3):
        torch.manual_seed(seed)
        instance, blocks = network(seed), len(INPUTS)
        aggr = "add" if aggregate == "sum" else "mean"
        made = [getattr(convolutions, kind)(a, b, aggr=aggr).double() for a, b in ((blocks, 6), (6, 4))]
        head = torch.nn.Linear(4, 1).double()
        rounds = []
        for conv in made:
            own, other = (conv.lin_r, conv.lin_l) if kind == "SAGEConv" else (conv.lin_root, conv.lin_rel)
            arrays = [t.detach().numpy() for t in (own.weight, other.weight, other.bias)]
            rounds.append(GnnLayer(*arrays))
        last = [(head.weight.detach().numpy(), head.bias.detach().numpy())]
        matrix = node_sums(instance, INPUTS)
        net = flatten_gnn(instance, INPUTS, matrix, rounds, last, aggregate=aggregate, pool="sum")
        both = np.concatenate([instance.ends, instance.ends[:, ::-1]]).T
        x = np.random.default_rng(seed).normal(size=input_size(instance, INPUTS))
        h = torch.tensor((matrix @ x).reshape(-1, blocks))
        with torch.no_grad():
            for conv in made:
                h = conv(h, torch.tensor(both.copy())).relu()
            want = float(head(h.sum(dim=0)))
        assert net.forward(x) == pytest.approx(want, abs=1e-9)


def test_q_does_not_depend_on_the_order_of_the_nodes() -> None:
    rounds, head = layers(1, len(INPUTS), 4), [(np.ones((1, 4)), np.zeros(1))]
    paths = None
    values = []
    for order in (None, [3, 6, 0, 2, 5, 1, 4]):
        instance = network(2, order=order)
        if paths is None:
            graph = instance.to_networkx()
            paths = [
                RoutedPath(request=r.id, nodes=tuple(nx.shortest_path(graph, r.source, r.target)), count=1.0)
                for r in instance.requests
            ]
        net = flatten_gnn(instance, INPUTS, node_sums(instance, INPUTS), rounds, head)
        values.append(float(net.forward(features(instance, INPUTS, paths))))
    assert values[0] == pytest.approx(values[1], abs=1e-9)
    assert values[0] != 0


def test_the_mean_over_no_neighbours_is_nothing() -> None:
    instance = network(0)
    matrix = propagation(instance, "mean").toarray()
    assert not matrix[-1].any() and not matrix[:, -1].any()
    np.testing.assert_allclose(matrix[:-1].sum(axis=1), 1.0)
    assert np.array_equal(propagation(instance, "sum").toarray() > 0, matrix > 0)


def test_node_sums_add_up_what_touches_a_node() -> None:
    instance = network(3)
    u, v = instance.ends[0].tolist()
    x = state_vector(instance, INPUTS) + feature_matrix(instance, INPUTS, [1], [[0]], [[]]).toarray()[0]
    h = (node_sums(instance, INPUTS) @ x).reshape(-1, len(INPUTS))
    assert h[:, 0].tolist() == instance.memories.tolist()
    assert np.flatnonzero(h[:, 1]).tolist() == sorted([u, v])
    assert np.flatnonzero(h[:, 2]).tolist() == [1, 4]
    assert h[1, 3] == pytest.approx(np.log(instance.probabilities[0]))


def test_a_gnn_on_a_network_without_links_or_requests_works() -> None:
    instance = network(0).changed(links=(), requests=())
    net = flatten_gnn(
        instance,
        ("node_memory",),
        node_sums(instance, ("node_memory",)),
        [GnnLayer([[1.0]], [[100.0]], [0.0])],
        [([[1.0]], [0.0])],
    )
    assert net.forward(state_vector(instance, ("node_memory",))) == instance.memories.sum()


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "aggregate": ({"aggregate": "max"}, "aggregate is 'max'; allowed: 'sum', 'mean'"),
    "pool": ({"pool": "max"}, "pool is 'max'; allowed: 'sum', 'mean', 'flatten'"),
    "no layers": ({"layers": []}, "0 GNN layers and 1 of the head"),
    "features": ({"node_features": np.ones((3, 4))}, "node_features has shape (3, 4); allowed: (7, 7)"),
    "constants": ({"node_constants": np.ones(7)}, "node_constants has shape (7,); allowed: (7, 1)"),
    "chain": (
        {"layers": [*layers(0, 1, 2), *layers(0, 3, 2)]},
        "layers[1].weight_self has shape (2, 3); allowed: (2, 2)",
    ),
    "head": ({"head": [(np.ones((1, 3)), np.zeros(1))]}, "head[0] weight has shape (1, 3); allowed: (1, 2)"),
    "vector head": ({"head": [(np.ones(2), np.zeros(1))]}, "head[0] weight has shape (2,); allowed: (2, 2)"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_refused_by_its_name(name: str) -> None:
    changes, message = BAD[name]
    instance, inputs = network(0), ("node_memory",)
    given: dict[str, Any] = {
        "node_features": node_sums(instance, inputs),
        "layers": layers(0, 1, 2),
        "head": [(np.ones((1, 2)), np.zeros(1))],
        **changes,
    }
    with pytest.raises(OptionError) as caught:
        flatten_gnn(instance, inputs, **given)
    assert message in str(caught.value)


def test_layers_with_wrong_shapes_or_several_outputs_are_refused() -> None:
    with pytest.raises(OptionError, match=r"shapes \(2, 1\) and \(2, 2\)"):
        GnnLayer(np.ones((2, 1)), np.ones((2, 2)), np.zeros(2))
    instance, inputs = network(0), ("node_memory",)
    with pytest.raises(QNetError, match="2 outputs wide"):
        flatten_gnn(
            instance,
            inputs,
            node_sums(instance, inputs),
            layers(0, 1, 2),
            [(np.ones((2, 2)), np.zeros(2))],
        )
