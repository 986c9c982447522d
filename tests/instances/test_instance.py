"""Instances: to networkx and back, and with other pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import networkx as nx
import pytest
from pydantic import ValidationError

from milproute.instances.instance import Instance, Request
from tests.support.documents import TOY

if TYPE_CHECKING:
    from collections.abc import Callable

    Edit = Callable[[dict[str, Any]], object]


def test_networkx_round_trip() -> None:
    instance = Instance.model_validate(TOY)
    graph = instance.to_networkx()
    assert graph.edges["b", "ç"]["channels"] == 3
    assert [graph.edges[link.ends]["row"] for link in instance.links] == [0, 1]
    again = Instance.from_networkx(graph)
    assert again.nodes == instance.nodes
    assert again.requests == instance.requests
    assert again.metadata == instance.metadata
    # networkx turns ends around at will: links are equal up to that.
    fields = {"length_km", "channels", "probability", "fidelity", "entangled_pairs"}
    assert {k.ends: k.model_dump(include=fields) for k in again.links} == {
        k.ends: k.model_dump(include=fields) for k in instance.links
    }


def test_from_networkx_takes_defaults_for_what_the_graph_lacks() -> None:
    graph: nx.Graph[int] = nx.path_graph(3)
    graph.edges[0, 1]["channels"] = 7
    defaults = {"memory": 4, "swap_probability": 0.9, "length_km": 1.0, "channels": 2, "fidelity": 1.0}
    wanted = [Request(id="r", source="0", target="2")]
    instance = Instance.from_networkx(graph, name="line", attenuation_per_km=0.0, requests=wanted, **defaults)
    assert [link.channels for link in instance.links] == [7, 2]
    assert [node.id for node in instance.nodes] == ["0", "1", "2"]
    assert instance.requests == tuple(wanted)
    del defaults["fidelity"]
    with pytest.raises(ValidationError, match="fidelity"):
        Instance.from_networkx(graph, name="line", attenuation_per_km=0.0, **defaults)


def test_with_pairs_validates_what_it_sets() -> None:
    instance = Instance.model_validate(TOY)
    assert [link.entangled_pairs for link in instance.with_pairs([1, 0]).links] == [1, 0]
    with pytest.raises(ValueError, match="shorter"):
        instance.with_pairs([1])
