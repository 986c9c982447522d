"""Lengths and places: taken from the file, from coordinates, or from an option, and never from a drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from milproute.instances.errors import InstanceError
from milproute.instances.formats.registry import read_any
from tests.support.foreign_files import NEEDS, gml, lengths, read, refusal

if TYPE_CHECKING:
    from pathlib import Path

# One degree of latitude is 111.195 km on a sphere of 6371 km.
HALF_PLACED = """graph [
 node [ id 0 label "A" Longitude 4.0 Latitude 50.0 ]
 node [ id 1 label "B" Longitude 4.0 Latitude 51.0 ]
 node [ id 2 label "Unknown site" ]
 edge [ source 0 target 1 ]
 edge [ source 1 target 2 ]
]
"""


def test_a_site_without_coordinates_is_named_with_what_helps(tmp_path: Path) -> None:
    told = refusal(tmp_path, "gml", HALF_PLACED, great_circle=True)
    assert told.startswith("line 6: edge 'B'-'Unknown site': length_km is missing; allowed: a length in km.")
    assert "Without coordinates: 'Unknown site' (line 4); --drop-unplaced leaves such nodes out." in told
    assert "--length-km X" in told


def test_a_length_for_links_without_one_leaves_the_others_alone(tmp_path: Path) -> None:
    instance = read(tmp_path, "gml", HALF_PLACED, great_circle=True, length_km=7)
    assert lengths(instance) == {("A", "B"): 111.195, ("B", "Unknown site"): 7.0}
    assert [node.position_km is None for node in instance.nodes] == [False, False, True]
    assert lengths(read(tmp_path, "gml", HALF_PLACED, length_km=7)) == {
        ("A", "B"): 7.0,
        ("B", "Unknown site"): 7.0,
    }


def test_nodes_without_coordinates_are_left_out_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    instance = read(tmp_path, "gml", HALF_PLACED, great_circle=True, drop_unplaced=True)
    assert lengths(instance) == {("A", "B"): 111.195}
    assert [node.id for node in instance.nodes] == ["A", "B"]
    (note,) = instance.metadata.notes
    assert (
        note
        == "nodes without coordinates left out, with 1 of the links and 0 of the requests: 'Unknown site'"
    )
    assert any(note in message for message in caplog.messages)


def test_requests_of_nodes_that_are_left_out_go_with_them(tmp_path: Path) -> None:
    text = (
        "?SNDlib native format; type: network; version: 1.0\n"
        "NODES ( A ( 4 50 ) B ( 4 51 ) C )\nLINKS ( L1 ( A B ) 1 0 0 0 ( ) L2 ( B C ) 1 0 0 0 ( ) )\n"
        "DEMANDS ( D1 ( A B ) 1 2 UNLIMITED D2 ( A C ) 1 2 UNLIMITED )\n"
    )
    instance = read(tmp_path, "sndlib", text, great_circle=True, drop_unplaced=True)
    assert [request.id for request in instance.requests] == ["D1"]
    assert "with 1 of the links and 1 of the requests: 'C'" in instance.metadata.notes[1]


def test_a_network_without_any_coordinates_is_not_dropped_whole(tmp_path: Path) -> None:
    told = refusal(tmp_path, "gml", gml("source 0 target 1"), drop_unplaced=True)
    assert told.startswith("nodes is all without coordinates; allowed: some nodes with coordinates")
    assert "--length-km X" in told


@pytest.mark.parametrize("spot", ["[283, 248]", "[4, 91]", "[-181, 0]"])
def test_drawing_coordinates_give_no_lengths(tmp_path: Path, spot: str) -> None:
    text = (
        f'graph [\n node [ id 0 label "A" position "{spot}" ]\n node [ id 1 label "B" position "[4, 5]" ]\n'
        " edge [ source 0 target 1 ]\n]"
    )
    told = refusal(tmp_path, "gml", text, great_circle=True)
    assert told.startswith("line 2: node 'A' is at [")
    assert "allowed: longitude and latitude in degrees" in told
    assert "--length-km X" in told
    instance = read(tmp_path, "gml", text, length_km=30)
    assert lengths(instance) == {("A", "B"): 30.0}
    assert [node.position_km for node in instance.nodes] == [None, None]
    assert any("coordinates left out" in note and "'A'" in note for note in instance.metadata.notes)


def test_lengths_of_the_file_stand_beside_drawing_coordinates(tmp_path: Path) -> None:
    text = 'graph [ node [ id 0 position "[283, 248]" ] node [ id 1 ] edge [ source 0 target 1 length 3 ] ]'
    assert lengths(read(tmp_path, "gml", text)) == {("0", "1"): 3.0}


OTHER_NAMES = """graph [
 node [ id 0 label "A" lon 4.0 lat 50.0 qubits 7 ]
 node [ id 1 label "B" lon 4.0 lat 51.0 qubits 8 ]
 edge [ source 0 target 1 dist 112 capacity "4" ]
]
"""


def test_other_names_are_told_and_not_guessed(tmp_path: Path) -> None:
    for great_circle in (False, True):
        told = refusal(tmp_path, "gml", OTHER_NAMES, great_circle=great_circle)
        assert told.startswith("line 4: edge 'A'-'B': length_km is missing")
        assert (
            "Looked for: length_km or length of links; Longitude and Latitude, or position, of nodes." in told
        )
        assert "The file has also: capacity, dist of links; lat, lon, qubits of nodes." in told
        assert "--map dist=length_km" in told
        assert "--great-circle --map lon=longitude --map lat=latitude" in told


@pytest.mark.parametrize(("field", "name"), [("channels", "capacity"), ("memory", "qubits")])
def test_a_name_for_another_field_is_proposed_too(tmp_path: Path, field: str, name: str) -> None:
    path = tmp_path / "a.gml"
    path.write_text(OTHER_NAMES)
    supply = {key: value for key, value in NEEDS.items() if key != field}
    with pytest.raises(InstanceError, match=f"{field} is missing; .*--map {name}={field} reads it"):
        read_any(path, **supply, map="dist=length_km")


@pytest.mark.parametrize(
    "named",
    [
        "dist=length_km,capacity=channels,qubits=memory",
        ["dist=length_km", "capacity=channels", "qubits=memory"],
        {"dist": "length_km", "capacity": "channels", "qubits": "memory"},
    ],
)
def test_attributes_are_read_by_the_names_that_are_given(tmp_path: Path, named: object) -> None:
    path = tmp_path / "a.gml"
    path.write_text(OTHER_NAMES)
    fields = {"swap_probability": 1, "attenuation_per_km": 0, "fidelity": 1}
    instance = read_any(path, **fields, map=named)
    (link,) = instance.links
    assert (link.length_km, link.channels) == (112.0, 4)
    assert [node.memory for node in instance.nodes] == [7, 8]
    assert instance.metadata.notes == ("node attributes that are not read: lat, lon",)


def test_coordinates_of_other_names_give_great_circles(tmp_path: Path) -> None:
    named = {"lon": "longitude", "lat": "latitude"}
    assert lengths(read(tmp_path, "gml", OTHER_NAMES, great_circle=True, map=named)) == {("A", "B"): 111.195}
    text = OTHER_NAMES.replace("lon 4.0 lat", 'pos "[4.0,').replace(" qubits", ']" qubits')
    assert lengths(read(tmp_path, "gml", text, great_circle=True, map="pos=position")) == {
        ("A", "B"): 111.195
    }


def test_length_from_names_an_attribute_of_links(tmp_path: Path) -> None:
    assert lengths(read(tmp_path, "gml", OTHER_NAMES, length_from="dist")) == {("A", "B"): 112.0}


def test_an_attribute_can_be_the_id(tmp_path: Path) -> None:
    text = OTHER_NAMES.replace("qubits 7", 'site "x"').replace("qubits 8", 'site "y"')
    instance = read(tmp_path, "gml", text, map=["dist=length_km", "site=id"])
    assert [node.id for node in instance.nodes] == ["x", "y"]
    told = refusal(tmp_path, "gml", text.replace('"y"', '"x"'), map=["dist=length_km", "site=id"])
    assert told.startswith("--map site=id: 'x' more than once; allowed: an attribute that every node has")


def test_longitude_and_latitude_count_in_any_case(tmp_path: Path) -> None:
    for name in ("Longitude", "longitude", "LONGITUDE"):
        text = HALF_PLACED.replace("Longitude", name).replace("Latitude", "latitude")
        assert lengths(read(tmp_path, "gml", text, great_circle=True, length_km=1))["A", "B"] == 111.195


def test_loops_are_left_out_when_asked(tmp_path: Path) -> None:
    text = gml("source 0 target 0 length 3; source 0 target 1 length 5", "AB")
    instance = read(tmp_path, "gml", text, drop_loops=True)
    assert lengths(instance) == {("A", "B"): 5.0}
    assert instance.metadata.notes == ("from a node to itself, and left out: line 4: edge 'A'-'A'",)
