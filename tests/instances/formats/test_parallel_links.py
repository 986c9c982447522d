"""Parallel fibres: never merged in silence, and never into more than they can do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.instances.errors import InstanceError, OptionError
from milproute.instances.formats.registry import read_any, write_any
from milproute.instances.instance import Instance
from milproute.solvers import solve
from tests.support.foreign_files import NEEDS, gml, read, refusal

if TYPE_CHECKING:
    from pathlib import Path

SNDLIB = """?SNDlib native format; type: network; version: 1.0
NODES ( A ( 10 50 ) B ( 10.1 50 ) C ( 10.2 50 ) )
LINKS (
 L1 ( A B ) 1 0 {first} 0 ( )
 L2 ( {ends} ) 1 0 {second} 0 ( )
 L3 ( B C ) 1 0 7 0 ( )
)
"""
GRAPHML = """<graphml><key id="l" for="edge" attr.name="length" attr.type="double"/>
<graph edgedefault="undirected"><node id="A"/><node id="B"/><node id="C"/>
<edge source="A" target="B"><data key="l">{first}</data></edge>
<edge source="{source}" target="{target}"><data key="l">{second}</data></edge>
<edge source="B" target="C"><data key="l">7</data></edge>
</graph></graphml>
"""
QCAST = "3\n0.0002\n0.9\n0\n9 0 0\n9 10 0\n9 17 0\n0 1 {first}\n{u} {v} {second}\n1 2 3\n"


def texts(first: float, second: float, *, turned: bool) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return a network with two lines for A-B in every layout, and how it is read."""
    ends = ("B", "A") if turned else ("A", "B")
    edge = "source {0} target {1} length {2}".format
    pair = f"{edge(0, 1, first)}; {edge(*((1, 0) if turned else (0, 1)), second)}; {edge(1, 2, 7)}"
    node_link = {
        "nodes": [{"id": "A"}, {"id": "B"}, {"id": "C"}],
        "links": [
            {"source": "A", "target": "B", "length": first},
            {"source": ends[0], "target": ends[1], "length": second},
            {"source": "B", "target": "C", "length": 7},
        ],
    }
    sequence = {
        "nodes": [{"name": name, "type": "QuantumRouter"} for name in "ABC"],
        "qconnections": [
            {"node1": u, "node2": v, "distance": 1000 * d, "attenuation": 1e-5}
            for u, v, d in (("A", "B", first), (*ends, second), ("B", "C", 7))
        ],
    }
    filled = {"first": first, "second": second, "ends": " ".join(ends), "source": ends[0], "target": ends[1]}
    u, v = (1, 0) if turned else (0, 1)
    short = {key: NEEDS[key] for key in ("memory", "swap_probability", "channels", "fidelity")}
    return {
        "a.gml": (gml(pair), NEEDS),
        "a.graphml": (GRAPHML.format(**filled), NEEDS),
        "node-link.json": (json.dumps(node_link), NEEDS),
        "sequence.json": (json.dumps(sequence), short),
        "a.sndlib": (SNDLIB.format(**filled), {**NEEDS, "length_from": "routing_cost"}),
        "a.qcast": (QCAST.format(**filled, u=u, v=v), {"fidelity": 0.98}),
    }


@pytest.mark.parametrize("file", texts(1, 1, turned=True))
def test_a_fibre_written_once_in_each_direction_is_one_fibre(
    tmp_path: Path, file: str, caplog: pytest.LogCaptureFixture
) -> None:
    text, fields = texts(5, 5, turned=True)[file]
    (tmp_path / file).write_text(text)
    instance = read_any(tmp_path / file, **fields)
    assert len(instance.links) == 2
    assert instance.links[0].channels == (5 if file == "a.qcast" else 3)
    (note,) = [note for note in instance.metadata.notes if "once in each direction" in note]
    assert ("'0'-'1'" if file == "a.qcast" else "'A'-'B'") in note
    assert f"note: {tmp_path / file}: {note}" in caplog.messages
    with pytest.raises(OptionError, match=r"--parallel given for .*no use for it"):
        read_any(tmp_path / file, **fields, parallel="sum")


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("file", texts(1, 1, turned=True))
def test_fibres_that_differ_are_refused_with_both_named_or_merged_as_told(
    tmp_path: Path, file: str, turned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    text, fields = texts(5, 6, turned=turned)[file]
    (tmp_path / file).write_text(text)
    with pytest.raises(InstanceError) as caught:
        read_any(tmp_path / file, **fields)
    where = {
        "a.gml": ("line 6:", "line 5:"),
        "a.graphml": ("line 4:", "line 3:"),
        "node-link.json": ("links[1]:", "links[0]:"),
        "sequence.json": ("qconnections[1]:", "qconnections[0]:"),
        "a.sndlib": ("line 5: link L2", "line 4: link L1"),
        "a.qcast": ("line 9:", "line 8:"),
    }[file]
    assert str(caught.value).startswith(f"{tmp_path / file}: {where[0]}")
    assert f"a second link beside {where[1]}" in str(caught.value)
    assert "--parallel sum" in str(caught.value)
    assert "--parallel best" in str(caught.value)
    assert (
        read_any(tmp_path / file, **fields, parallel="sum").links[0]
        != read_any(tmp_path / file, **fields, parallel="best").links[0]
    )
    notes = read_any(tmp_path / file, **fields, parallel="sum").metadata.notes
    assert any("--parallel sum" in note and where[0].split(":")[0] in note for note in notes)
    assert any("--parallel best" in message for message in caplog.messages)


@pytest.mark.parametrize("file", ["a.gml", "a.graphml", "node-link.json", "a.sndlib"])
def test_equal_fibres_in_one_direction_are_parallel_all_the_same(tmp_path: Path, file: str) -> None:
    text, fields = texts(5, 5, turned=False)[file]
    (tmp_path / file).write_text(text)
    with pytest.raises(InstanceError, match=r"a second link beside .*the same values"):
        read_any(tmp_path / file, **fields)
    assert read_any(tmp_path / file, **fields, parallel="sum").links[0].channels == 6
    assert read_any(tmp_path / file, **fields, parallel="best").links[0].channels == 3


def test_two_there_and_one_back_are_two_fibres(tmp_path: Path) -> None:
    edges = "source 0 target 1 length 5; source 1 target 0 length 5; source 0 target 1 length 5"
    assert "a second link beside line 5" in refusal(tmp_path, "gml", gml(edges))
    assert read(tmp_path, "gml", gml(edges), parallel="sum").links[0].channels == 6


def test_sum_takes_all_channels_at_the_worst_of_each(tmp_path: Path) -> None:
    edges = (
        "source 0 target 1 length 5 channels 10 fidelity 0.9 probability 0.4; "
        "source 1 target 0 length 9 channels 4 fidelity 0.8; "
        "source 0 target 1 length 7 channels 1 fidelity 0.95"
    )
    path = tmp_path / "a.gml"
    path.write_text(gml(edges, "AB"))
    fields = {"memory": 9, "swap_probability": 1, "attenuation_per_km": 0.0}
    (link,) = read_any(path, **fields, parallel="sum").links
    found = (link.source, link.length_km, link.channels, link.probability, link.fidelity)
    assert found == ("A", 9.0, 15, 0.4, 0.8)
    (link,) = read_any(path, **fields, parallel="best").links
    found = (link.source, link.length_km, link.channels, link.probability, link.fidelity)
    # 10 channels at 0.4 are 4 pairs, as are 4 at 1: the fidelity decides.
    assert found == ("A", 5.0, 10, 0.4, 0.9)


FIBRE = st.tuples(st.integers(1, 6), st.sampled_from([1.0, 0.5, 0.25, 0.75]))


@given(fibres=st.lists(FIBRE, min_size=2, max_size=3), way=st.sampled_from(["sum", "best"]))
def test_a_merged_link_never_serves_more_than_the_fibres(
    tmp_path_factory: pytest.TempPathFactory, fibres: list[tuple[int, float]], way: str
) -> None:
    """Brute force: fibres c and p apart serve at most sum p c connections in the mean."""
    edges = "; ".join(f"source 0 target 1 length 5 channels {c} probability {p}" for c, p in fibres)
    path = tmp_path_factory.getbasetemp() / "merged.gml"
    path.write_text(gml(edges, "AB"))
    instance = read_any(
        path,
        memory=99,
        swap_probability=1,
        attenuation_per_km=0,
        fidelity=1,
        parallel=way,
        requests=1,
        seed=1,
    )
    (link,) = instance.links
    assert link.channels * (link.probability or 0) <= sum(c * p for c, p in fibres) + 1e-9
    best = max(c * p for c, p in fibres)
    assert link.channels * (link.probability or 0) >= (best if way == "best" else 0)


def test_long_fibres_beside_short_ones_no_longer_count_as_short(tmp_path: Path) -> None:
    """10 channels over 1 km and 10 over 100,000 km carry 9 connections, not 19."""
    edges = "source 0 target 1 length 1 channels 10; source 0 target 1 length 100000 channels 10"
    path = tmp_path / "a.gml"
    path.write_text(gml(edges, "AB"))
    fields = {"memory": 99, "swap_probability": 1, "attenuation_per_km": 0.0002, "fidelity": 1}
    served = []
    for way in ("sum", "best"):
        instance = read_any(path, **fields, parallel=way, requests=1, seed=1)
        served.append(solve(instance).objective)
    assert served == [0.0, 9.0]


def test_an_instance_of_our_own_with_a_link_twice_is_refused(tmp_path: Path) -> None:
    document = read(tmp_path, "gml", gml("source 0 target 1 length 5", "AB")).document()
    document["links"].append({**document["links"][0], "source": "B", "target": "A"})
    with pytest.raises(ValueError, match="one link between two nodes"):
        Instance.model_validate(document)
    (tmp_path / "b.json").write_text(json.dumps(document))
    with pytest.raises(InstanceError, match="one link between two nodes"):
        read_any(tmp_path / "b.json")


def test_an_unknown_way_to_merge_is_refused(tmp_path: Path) -> None:
    words = refusal(tmp_path, "gml", gml("source 0 target 1 length 5"), parallel="summ")
    assert (
        "unknown way to treat parallel links 'summ': did you mean 'sum'? allowed: best, error, sum" in words
    )


def test_the_default_may_be_named_and_has_no_effect_to_miss(tmp_path: Path) -> None:
    assert len(read(tmp_path, "gml", gml("source 0 target 1 length 5"), parallel="error").links) == 1
    write_any(read(tmp_path, "gml", gml("source 0 target 1 length 5"), parallel="error"), tmp_path / "b.gml")
    assert read_any(tmp_path / "b.gml").metadata.notes == ()
