from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instances.convert import read_any, write_any
from instances.errors import InstanceError
from instances.geography import distance_km
from instances.instance import Instance
from instances.library import load_library
from tests.instances.convert_texts import NEEDS, QCAST, SNDLIB
from tests.strategies import instances

if TYPE_CHECKING:
    from pathlib import Path

LOSSLESS = ("json", "graphml", "gml")
# Separators, quotes, brackets, entities, what GML takes for an empty list, and non-Latin letters.
AWKWARD = st.sampled_from(
    [
        "'",
        '"',
        "[]",
        "()",
        "[1,2]",
        "&amp;",
        "&#34;",
        "<x>",
        "#",
        "//",
        "é",
        "量子",
        "🛰",
        "01",
        "1",
        "1.0",
        "None",
        "NAN",
        "INF",
        "id",
        "label",
        "\\",
        "]]>",
        "a b",
        " lead",
        "trail ",
        "a\nb",
        "\t",
        "\x85",
        "\u2028",
    ]
)
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=8)
IDS = st.lists(AWKWARD | TEXT, unique=True, min_size=8, max_size=8)
PLACES = st.tuples(*[st.integers(-5_000_000, 5_000_000).map(lambda metre: metre / 1000)] * 2)
FLOATS = st.floats(0, 1e6, allow_subnormal=False)


def scratch(tmp: pytest.TempPathFactory, name: str) -> Path:
    """Return one file for all examples of a test: a folder for each would take most of the time."""
    return tmp.getbasetemp() / name


def changed(instance: Instance, **tables: Any) -> Instance:
    return Instance.model_validate({**instance.document(), **tables})


@st.composite
def odd_instances(draw: st.DrawFn) -> Instance:
    """Draw instances with awkward ids, names, floats and every optional field set or not."""
    plain = draw(instances(pairs=draw(st.booleans())))
    ids = dict(zip((node.id for node in plain.nodes), draw(IDS), strict=False))
    document = plain.document()
    for node in document["nodes"]:
        node |= {
            "id": ids[node["id"]],
            "position_km": draw(st.none() | PLACES),
            "memory": draw(st.integers(0, 2**40)),
        }
    for row in document["links"] + document["requests"]:
        row |= {"source": ids[row["source"]], "target": ids[row["target"]]}
    for link in document["links"]:
        link["length_km"] = draw(FLOATS)
    for request in document["requests"]:
        request["min_fidelity"] = draw(st.none() | st.floats(0, 1))
    words = draw(
        st.fixed_dictionaries({key: st.none() | AWKWARD | TEXT for key in ("source", "licence", "generator")})
    )
    document["metadata"] = {**words, "seed": draw(st.none() | st.integers(0, 2**70))}
    document |= {"name": draw(AWKWARD | TEXT), "attenuation_per_km": draw(FLOATS)}
    return Instance.model_validate(document)


@pytest.mark.parametrize("name", LOSSLESS)
@given(instance=odd_instances())
def test_lossless_formats_give_back_the_same_instance(
    name: str, tmp_path_factory: pytest.TempPathFactory, instance: Instance
) -> None:
    path = scratch(tmp_path_factory, f"x.{name}")
    write_any(instance, path)
    assert read_any(path).document() == instance.document()


@pytest.mark.parametrize("name", LOSSLESS)
def test_library_instances_go_through_byte_for_byte(name: str, tmp_path: Path) -> None:
    surfnet = load_library("surfnet-10")
    first, second = tmp_path / "a.file", tmp_path / "b.file"
    write_any(surfnet, first, name)
    write_any(read_any(first, name), second, name)
    assert read_any(first, name) == surfnet
    assert first.read_bytes() == second.read_bytes()


def placed(instance: Instance, places: list[tuple[float, float]]) -> Instance:
    """Give every node a place, and every link the length that belongs to it and no probability."""
    document = instance.document()
    for node, place in zip(document["nodes"], places, strict=False):
        node["position_km"] = place
    for link, (u, v) in zip(document["links"], instance.ends, strict=True):
        link |= {"length_km": distance_km(places[u], places[v]), "probability": None}
    return changed(instance, **document)


@given(instance=instances(pairs=True), places=st.lists(PLACES, min_size=8, max_size=8))
def test_sndlib_keeps_all_but_what_it_says(
    tmp_path_factory: pytest.TempPathFactory, instance: Instance, places: list[tuple[float, float]]
) -> None:
    instance, path = placed(instance, places), scratch(tmp_path_factory, "x.sndlib")
    write_any(instance, path)
    supply = {"memory": 4, "swap_probability": 0.9, "attenuation_per_km": 0.01, "fidelity": 0.98}
    if not instance.links:
        del supply["fidelity"]
    kept = instance.document()
    for node in kept["nodes"]:
        node |= {"memory": 4, "swap_probability": 0.9}
    for link in kept["links"]:
        link |= {"fidelity": 0.98, "entangled_pairs": None}
    for request in kept["requests"]:
        request["demand"] = request["demand"] or None
    kept |= {"name": "x", "attenuation_per_km": 0.01, "metadata": {"source": "file x.sndlib"}}
    assert read_any(path, **supply) == Instance.model_validate(kept)


@pytest.mark.parametrize("name", ["qcast", "net"])
@given(instance=instances(), places=st.lists(PLACES, min_size=8, max_size=8))
def test_qcast_keeps_all_but_what_it_says(
    tmp_path_factory: pytest.TempPathFactory, name: str, instance: Instance, places: list[tuple[float, float]]
) -> None:
    kept = placed(instance, places).document()
    for node in kept["nodes"]:
        node["swap_probability"] = 0.8
    path = scratch(tmp_path_factory, f"x.{name}")
    write_any(changed(instance, **kept), path)
    row = {node["id"]: i for i, node in enumerate(kept["nodes"])}
    for i, node in enumerate(kept["nodes"]):
        node["id"] = str(i)
    for link in kept["links"]:
        u, v = sorted((row[link["source"]], row[link["target"]]))
        link |= {"source": str(u), "target": str(v), "fidelity": 0.98, "entangled_pairs": None}
    kept |= {"name": "x", "requests": [], "metadata": {"source": f"file x.{name}"}}
    supply = {"fidelity": 0.98} if kept["links"] else {}
    assert read_any(path, **supply) == Instance.model_validate(kept)


def test_qcast_text_by_hand(tmp_path: Path) -> None:
    """Lengths are 50 and 60; the second link stands twice, so it has 3 + 4 channels."""
    path = tmp_path / "path.qcast"
    path.write_text(QCAST)
    instance = read_any(path, fidelity=1)
    assert (instance.attenuation_per_km, [n.memory for n in instance.nodes]) == (0.01, [10, 12, 14])
    assert {n.swap_probability for n in instance.nodes} == {0.9}
    assert [(k.ends, k.length_km, k.channels) for k in instance.links] == [
        (("0", "1"), 50.0, 5),
        (("1", "2"), 60.0, 7),
    ]
    assert instance.requests == ()
    assert instance.metadata.source == "file path.qcast"
    write_any(instance, tmp_path / "path.net")
    rows = ["3", "0.01", "0.9", "0", "10 0.0 0.0", "12 30.0 40.0", "14 30.0 100.0", "0 1 5", "1 2 7"]
    assert (tmp_path / "path.net").read_text().splitlines() == rows


def test_sndlib_text_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "tiny.sndlib"
    path.write_text(SNDLIB)
    instance = read_any(path, **NEEDS, demand_unit=40, great_circle=True, licence="academic")
    assert [(k.ends, k.channels) for k in instance.links] == [
        (("Berlin", "Munich"), 6),
        (("Bonn", "Munich"), 3),
    ]
    assert instance.links[0].length_km == pytest.approx(504, abs=1)
    assert [(r.id, r.source, r.target, r.demand) for r in instance.requests] == [
        ("D1", "Berlin", "Bonn", 4),
        ("D2", "Bonn", "Berlin", 1),
    ]
    assert instance.metadata.licence == "academic"
    berlin, _, bonn = (node.position_km or (0, 0) for node in instance.nodes)
    assert berlin[0] > bonn[0] and berlin[1] > bonn[1]


def test_gml_of_other_tools(tmp_path: Path) -> None:
    path = tmp_path / "fibre.gml"
    path.write_text(
        'graph [\n node [ id 0 label "Delft" position "[4.36, 52.01]" ]\n'
        ' node [ id 1 label "Utrecht" position "[5.12, 52.09]" ]\n'
        " edge [ source 1 target 0 length 63.2 ]\n edge [ source 0 target 1 length 60.5 ]\n]\n"
    )
    instance = read_any(path, **NEEDS)
    assert [node.id for node in instance.nodes] == ["Delft", "Utrecht"]
    assert [(k.ends, k.length_km, k.channels) for k in instance.links] == [(("Delft", "Utrecht"), 60.5, 6)]
    delft, utrecht = (node.position_km or (0, 0) for node in instance.nodes)
    assert distance_km(delft, utrecht) == pytest.approx(52.8, abs=0.5)


ZOO = (
    "graph [\n node [ id 0 label \"A\" Longitude 4.0 Latitude 52.0 ]\n"
    " node [ id 1 label \"A\" Longitude 4.0 Latitude 53.0 ]\n edge [ source 0 target 1 ]\n]\n"
)  # fmt: skip


def test_topology_zoo_has_no_lengths_unless_great_circles_are_asked_for(tmp_path: Path) -> None:
    """One degree of latitude is 111.195 km on a sphere of 6371 km; equal labels give way to the numbers."""
    path = tmp_path / "zoo.gml"
    path.write_text(ZOO)
    with pytest.raises(InstanceError, match=r"zoo.gml: links\[0\].length_km is missing.*option great_circle"):
        read_any(path, **NEEDS)
    instance = read_any(path, **NEEDS, great_circle=True)
    assert [node.id for node in instance.nodes] == ["0", "1"]
    assert instance.links[0].length_km == 111.195


def test_topology_zoo_graphml(tmp_path: Path) -> None:
    graph = nx.MultiGraph([(0, 1), (0, 1), (1, 2)])
    for node in graph:
        graph.nodes[node].update(label=f"Town {node}", Longitude=float(node), Latitude=0.0)
    nx.write_graphml(graph, tmp_path / "zoo.graphml")
    instance = read_any(tmp_path / "zoo.graphml", **NEEDS, great_circle=True)
    assert [(k.ends, k.channels, k.length_km) for k in instance.links] == [
        (("0", "1"), 6, 111.195),
        (("1", "2"), 3, 111.195),
    ]


def test_ranges_and_requests_are_drawn_with_the_seed_alone(tmp_path: Path) -> None:
    path = tmp_path / "path.qcast"
    path.write_text(
        "4\n0.01\n0.9\n0\n" + "5 0 0\n" * 4 + "".join(f"{u} {v} 2\n" for u, v in combinations(range(4), 2))
    )
    ranged: dict[str, Any] = {"fidelity": "0.9-0.99", "requests": 3}
    with pytest.raises(InstanceError, match=r"seed is missing.*supply it with the option seed"):
        read_any(path, **ranged)
    one, same, two = (read_any(path, **ranged, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one.links != two.links
    assert len({frozenset((r.source, r.target)) for r in one.requests}) == 3
    assert all(0.9 <= link.fidelity <= 0.99 for link in one.links)
    assert read_any(path, fidelity=0.9, requests=3, seed=1).requests == one.requests
