"""Features: what a Q-net reads is what the definitions say, and linear in the chosen copies of paths."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milproute.instances import InstanceError, OptionError, QNet, QNetError, RoutedPath, resolve
from milproute.instances.qnets.blocks import BLOCKS, action_positions, block_size, input_slices
from milproute.instances.qnets.features import feature_matrix, features, path_features, state_vector
from milproute.instances.qnets.net import check_fits
from tests.support.strategies import instances as drawn_instances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances import Instance

ACTION = ("link_load", "request_served", "request_hops", "request_log_success")
STATE = ("link_pairs", "link_probability", "link_fidelity", "node_memory")


def reckoned(instance: Instance, inputs: Sequence[str], paths: Sequence[RoutedPath]) -> list[float]:
    """The definitions, written out with dictionaries and loops; -inf where a factor is 0."""
    number = {frozenset((link.source, link.target)): link for link in instance.links}
    chance = {node.id: node.swap_probability for node in instance.nodes}

    def probability(ends: frozenset[str]) -> float:
        link = number[ends]
        given = link.probability
        return math.exp(-instance.attenuation_per_km * link.length_km) if given is None else given

    def log(x: float) -> float:
        return math.log(x) if x else -math.inf

    steps = [(path, [frozenset(step) for step in pairwise(path.nodes)]) for path in paths]
    out: list[float] = []
    for block in inputs:
        match block:
            case "link_pairs":
                out += [link.entangled_pairs or 0 for link in instance.links]
            case "link_probability":
                out += [probability(frozenset((link.source, link.target))) for link in instance.links]
            case "link_fidelity":
                out += [link.fidelity for link in instance.links]
            case "node_memory":
                out += [node.memory for node in instance.nodes]
            case "link_load":
                out += [
                    sum(p.count for p, ends in steps if {x.source, x.target} in ends) for x in instance.links
                ]
            case "request_served":
                out += [sum(p.count for p in paths if p.request == r.id) for r in instance.requests]
            case "request_hops":
                out += [
                    sum(p.count * len(ends) for p, ends in steps if p.request == r.id)
                    for r in instance.requests
                ]
            case "request_log_success":
                out += [
                    sum(
                        p.count
                        * (
                            sum(log(probability(e)) for e in ends)
                            + sum(log(chance[v]) for v in p.nodes[1:-1])
                        )
                        for p, ends in steps
                        if p.request == r.id
                    )
                    for r in instance.requests
                ]
    return out


def all_paths(instance: Instance) -> list[tuple[int, tuple[str, ...]]]:
    """Up to 8 simple paths of each request that can succeed."""
    graph = nx.Graph([link.ends for link in instance.links])
    graph.add_nodes_from(node.id for node in instance.nodes)
    found = []
    for row, request in enumerate(instance.requests):
        for nodes, _ in zip(
            nx.all_simple_paths(graph, request.source, request.target), range(8), strict=False
        ):
            action = [RoutedPath(request=request.id, nodes=tuple(nodes), count=1.0)]
            if math.isfinite(sum(reckoned(instance, ["request_log_success"], action))):
                found.append((row, tuple(nodes)))
    return found


@st.composite
def cases(draw: st.DrawFn) -> tuple[Instance, tuple[str, ...]]:
    instance = draw(drawn_instances(pairs=True))
    return instance, tuple(draw(st.lists(st.sampled_from(list(BLOCKS)), unique=True)))


@settings(deadline=None)
@given(cases(), st.randoms(use_true_random=False))
def test_the_input_of_an_action_is_what_the_definitions_say(
    case: tuple[Instance, tuple[str, ...]], random: object
) -> None:
    instance, inputs = case
    chosen = [
        RoutedPath(request=instance.requests[row].id, nodes=nodes, count=float(random.randint(0, 3)))  # type: ignore[attr-defined]
        for row, nodes in all_paths(instance)
    ]
    np.testing.assert_allclose(
        features(instance, inputs, chosen), reckoned(instance, inputs, chosen), atol=1e-9
    )
    np.testing.assert_allclose(state_vector(instance, inputs), reckoned(instance, inputs, []))


@settings(deadline=None)
@given(cases())
def test_many_paths_at_once_are_the_same_paths_one_by_one(case: tuple[Instance, tuple[str, ...]]) -> None:
    instance, inputs = case
    found = all_paths(instance)
    rows = [row for row, _ in found]
    links = [instance.links_along(nodes) for _, nodes in found]
    inner = [[instance.node_row[v] for v in nodes[1:-1]] for _, nodes in found]
    expected = [path_features(instance, inputs, row, nodes) for row, nodes in found]
    size = sum(block_size(instance, block) for block in inputs)
    width = max(map(len, links), default=0)
    padded = [
        np.array([[*x, *[-1] * (width - len(x))] for x in lists], dtype=int).reshape(len(found), width)
        for lists in (links, inner)
    ]
    arrays = [[np.array(x, dtype=np.int32) for x in lists] for lists in (links, inner)]
    for given_links, given_inner in ((links, inner), padded, arrays):
        matrix = feature_matrix(instance, inputs, rows, given_links, given_inner)
        assert matrix.shape == (len(found), size)
        np.testing.assert_allclose(matrix.toarray(), np.reshape(expected, (len(found), size)), atol=1e-12)


def test_a_path_adds_one_row_by_hand() -> None:
    instance = resolve("toy")
    request = instance.requests[0]
    graph = nx.Graph([link.ends for link in instance.links])
    nodes = max(nx.all_simple_paths(graph, request.source, request.target), key=len)
    assert len(nodes) > 2
    x = path_features(instance, ACTION, 0, nodes)
    places = input_slices(instance, ACTION)
    assert x[places["link_load"]].sum() == len(nodes) - 1 == x[places["request_hops"]][0]
    assert x[places["request_served"]].tolist() == [1.0] + [0.0] * (len(instance.requests) - 1)


def test_served_counts_copies_so_that_it_stays_linear() -> None:
    instance = resolve("toy")
    request = instance.requests[0]
    graph = nx.Graph([link.ends for link in instance.links])
    nodes = tuple(nx.shortest_path(graph, request.source, request.target))
    twice = features(instance, ["request_served"], [RoutedPath(request=request.id, nodes=nodes, count=2.0)])
    assert twice[0] == 2.0


@given(cases())
def test_slices_tile_the_input_in_the_order_of_the_blocks(case: tuple[Instance, tuple[str, ...]]) -> None:
    instance, inputs = case
    places = input_slices(instance, inputs)
    assert tuple(places) == inputs
    edges = [0] + [place.stop for place in places.values()]
    assert [place.start for place in places.values()] == edges[:-1]
    sizes = {"link": len(instance.links), "node": len(instance.nodes), "request": len(instance.requests)}
    for block, place in places.items():
        assert place.stop - place.start == sizes[block.partition("_")[0]]
    action = [
        i for block in ACTION if block in places for i in range(places[block].start, places[block].stop)
    ]
    assert action_positions(instance, inputs).tolist() == sorted(action)


def test_every_block_is_known_as_state_or_action() -> None:
    assert [name for name, block in BLOCKS.items() if block.state is not None] == list(STATE)
    assert [name for name, block in BLOCKS.items() if block.state is None] == list(ACTION)


def linear_net(inputs: tuple[str, ...], width: int) -> QNet:
    return QNet(inputs, (np.ones((1, width)),), (np.zeros(1),), "q.safetensors")


def test_a_net_that_does_not_fit_is_refused_with_block_and_both_sizes() -> None:
    instance = resolve("toy")
    links, requests = len(instance.links), len(instance.requests)
    inputs = ("link_load", "request_hops")
    check_fits(linear_net(inputs, links + requests), instance)
    cases = {
        links
        - 1: f"which leaves {links - 1} for block 'link_load'; allowed: {links} for 'link_load', one for "
        "each of the links of 'toy'",
        links
        + requests
        + 2: f"which leaves {requests + 2} for block 'request_hops'; allowed: {requests} for "
        "'request_hops', one for each of the requests of 'toy'",
    }
    for width, message in cases.items():
        with pytest.raises(QNetError) as raised:
            check_fits(linear_net(inputs, width), instance)
        text = str(raised.value)
        assert text.startswith(f"q.safetensors: layers.0.weight is {width} inputs wide, {message}")
        assert f"(link_load {links} + request_hops {requests} = {links + requests} inputs)" in text


def test_unknown_pairs_are_no_zeros() -> None:
    instance = resolve("toy").with_pairs([1] * len(resolve("toy").links))
    links = (*instance.links[:1], instance.links[1].changed(entangled_pairs=None), *instance.links[2:])
    instance = instance.changed(links=links)
    with pytest.raises(InstanceError) as raised:
        state_vector(instance, ["link_pairs"])
    assert "links[1].entangled_pairs is null; allowed: a whole number >= 0 on every link" in str(raised.value)
    assert "--draw-pairs SEED" in str(raised.value)


def test_what_has_no_features_is_refused() -> None:
    instance = resolve("toy")
    request, first = instance.requests[0], instance.links[0]
    dead = instance.changed(links=(first.changed(probability=0.0), *instance.links[1:]))
    stuck = instance.changed(nodes=tuple(node.changed(swap_probability=0.0) for node in instance.nodes))
    row = instance.node_row
    with pytest.raises(OptionError, match="unknown feature block 'link_loads': did you mean 'link_load'"):
        input_slices(instance, ["link_loads"])
    with pytest.raises(OptionError, match="'link_load' is given twice"):
        input_slices(instance, ["link_load", "link_load"])
    with pytest.raises(OptionError, match="there is no link"):
        path_features(instance, ACTION, 0, (request.source, "nowhere"))
    with pytest.raises(OptionError, match="unknown request 'r99'"):
        features(instance, ACTION, [RoutedPath(request="r99", nodes=first.ends, count=1.0)])
    with pytest.raises(OptionError, match="success probability of 0 in request_log_success"):
        path_features(dead, ACTION, 0, first.ends)
    with pytest.raises(OptionError, match=r"a path over links\[0\] has a success probability of 0"):
        feature_matrix(dead, ACTION, [0, 0], [[1], [0]], [[], []])
    with pytest.raises(OptionError, match=rf"a path over nodes\[{row[first.target]}\] has"):
        feature_matrix(stuck, ACTION, [0], [[0, 1]], [[row[first.target]]])
    with pytest.raises(OptionError, match="2 requests, 1 lists of links, 2 of interior nodes"):
        feature_matrix(instance, ACTION, [0, 0], [[1]], [[], []])
    # Without the logarithm nothing is undefined.
    assert path_features(dead, ["link_load"], 0, first.ends)[0] == 1.0
    assert feature_matrix(dead, ["link_load"], [0], [[0]], [[]]).toarray()[0, 0] == 1.0
