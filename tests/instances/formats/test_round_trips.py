from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.instances.formats.registry import read_any, write_any
from milproute.instances.generators.geography import distance_km
from milproute.instances.instance import Instance
from milproute.instances.library import load_library
from tests.support.strategies import instances

if TYPE_CHECKING:
    from pathlib import Path

LOSSLESS = ("json", "graphml", "gml", "node-link")
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
    notes = draw(st.lists(AWKWARD | TEXT, max_size=2))
    document["metadata"] = {**words, "seed": draw(st.none() | st.integers(0, 2**70)), "notes": notes}
    document |= {"name": draw(AWKWARD | TEXT), "attenuation_per_km": draw(FLOATS)}
    return Instance.model_validate(document)


@pytest.mark.parametrize("name", LOSSLESS)
@given(instance=odd_instances())
def test_lossless_formats_give_back_the_same_instance(
    name: str, tmp_path_factory: pytest.TempPathFactory, instance: Instance
) -> None:
    path = scratch(tmp_path_factory, f"x.{name}")
    write_any(instance, path, name)
    assert read_any(path, name).document() == instance.document()


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


@given(instance=instances(), places=st.lists(PLACES, min_size=8, max_size=8))
def test_sndlib_keeps_all_but_what_it_says(
    tmp_path_factory: pytest.TempPathFactory, instance: Instance, places: list[tuple[float, float]]
) -> None:
    """Demands come back as they were: none, 0 and others alike."""
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
    kept |= {"name": "x", "attenuation_per_km": 0.01, "metadata": {"source": "file x.sndlib"}}
    assert read_any(path, **supply) == Instance.model_validate(kept)


@given(instance=instances(), places=st.lists(st.none() | PLACES, min_size=8, max_size=8))
def test_sequence_gives_back_the_same_instance(
    tmp_path_factory: pytest.TempPathFactory, instance: Instance, places: list[tuple[float, float] | None]
) -> None:
    document = instance.document()
    for node, place in zip(document["nodes"], places, strict=False):
        node["position_km"] = place
    for link in document["links"]:
        link |= {"probability": None, "fidelity": 0.93}
    same, path = Instance.model_validate(document), scratch(tmp_path_factory, "sequence.json")
    write_any(same, path, "sequence")
    assert read_any(path) == same


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


@pytest.mark.parametrize("suffix", ["graphml", "gml", "json"])
def test_no_attenuation_is_needed_where_every_link_has_a_probability(tmp_path: Path, suffix: str) -> None:
    document = load_library("nsfnet-10").document()
    document["attenuation_per_km"] = None
    for link in document["links"]:
        link["probability"] = 0.5
    instance = Instance.model_validate(document)
    write_any(instance, tmp_path / f"x.{suffix}")
    assert read_any(tmp_path / f"x.{suffix}") == instance
    supplied = {} if suffix == "json" else {"attenuation_per_km": 0.1}
    again = read_any(tmp_path / f"x.{suffix}", **supplied)
    assert again.attenuation_per_km == supplied.get("attenuation_per_km")
