"""SNDlib's native format: demands, sites without coordinates, columns that options name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from milproute.instances.errors import OptionError
from milproute.instances.formats.registry import read_any, write_any
from milproute.instances.generators.generate import generate
from milproute.instances.instance import Instance
from tests.support.foreign_files import NEEDS, lengths, read, refusal
from tests.support.foreign_texts import SNDLIB

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "?SNDlib native format; type: network; version: 1.0\n"
PLACED = "NODES (\n  A ( 4 50 )\n  B ( 4 51 )\n)\nLINKS (\n  L1 ( A B ) 2 0 7.5 0 ( )\n)\n"
BARE = PLACED.replace("( 4 50 )", "").replace("( 4 51 )", "( )")


def test_sndlib_text_by_hand(tmp_path: Path) -> None:
    """The link Berlin-Munich stands in both directions: it has the channels of one fibre."""
    instance = read(tmp_path, "sndlib", SNDLIB, demand_unit=40, great_circle=True, licence="academic")
    assert [(k.ends, k.channels) for k in instance.links] == [
        (("Berlin", "Munich"), 3),
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


@pytest.mark.parametrize("unit", [None, 3])
@pytest.mark.parametrize(("value", "demand"), [("0.00", 0), ("0", 0), ("6.00", 6), ("3", 3)])
def test_a_demand_of_nothing_asks_for_nothing(
    tmp_path: Path, value: str, demand: int, unit: int | None
) -> None:
    text = f"{HEAD}{PLACED}DEMANDS ( D1 ( A B ) 1 {value} UNLIMITED )\n"
    fields = {"demand_unit": unit} if unit else {}
    instance = read(tmp_path, "sndlib", text, great_circle=True, **fields)
    assert [r.demand for r in instance.requests] == [demand // (unit or 1)]


@pytest.mark.parametrize("demand", [0, 1, 7, None])
def test_demands_come_back_as_they_were(tmp_path: Path, demand: int | None) -> None:
    document = generate("line:nodes=3,requests=1,seed=1").document()
    document["requests"][0]["demand"] = demand
    write_any(Instance.model_validate(document), tmp_path / "a.sndlib")
    back = read_any(tmp_path / "a.sndlib", **{k: v for k, v in NEEDS.items() if k != "channels"})
    assert [request.demand for request in back.requests] == [demand]


@pytest.mark.parametrize("tail", ["UNLIMITED ()", "UNLIMITED ( )", "4 ( )", "UNLIMITED"])
def test_an_empty_list_behind_a_demand_does_no_harm(tmp_path: Path, tail: str) -> None:
    rows = f"D1 ( A B ) 1 2 {tail}\n D2 ( B A ) 1 3 {tail}\n"
    instance = read(tmp_path, "sndlib", f"{HEAD}{PLACED}DEMANDS ( {rows} )\n", great_circle=True)
    assert [(r.id, r.source, r.demand) for r in instance.requests] == [("D1", "A", 2), ("D2", "B", 3)]


def test_sites_may_have_no_coordinates_and_lengths_come_from_an_option(tmp_path: Path) -> None:
    told = refusal(tmp_path, "sndlib", HEAD + BARE)
    assert told.startswith("line 7: link L1 'A'-'B': length_km is missing")
    assert "--length-km X" in told
    assert "--length-from NAME takes it from one of these columns" in told
    assert "routing_cost" in told
    assert lengths(read(tmp_path, "sndlib", HEAD + BARE, length_km=30)) == {("A", "B"): 30.0}


def test_a_comma_may_part_coordinates(tmp_path: Path) -> None:
    text = HEAD + PLACED.replace("4 50", "4, 50")
    assert lengths(read(tmp_path, "sndlib", text, great_circle=True)) == {("A", "B"): 111.195}


@pytest.mark.parametrize("column", ["routing_cost", "routing-cost"])
def test_a_column_can_be_the_length(tmp_path: Path, column: str) -> None:
    assert lengths(read(tmp_path, "sndlib", HEAD + BARE, length_from=column)) == {("A", "B"): 7.5}
    path = tmp_path / "a.sndlib"
    fields = {key: value for key, value in NEEDS.items() if key != "channels"}
    named = {"routing_cost": "length_km", "capacity": "channels"}
    (link,) = read_any(path, **fields, map=named).links
    assert (link.length_km, link.channels) == (7.5, 2)


def test_a_column_that_is_none_or_holds_nothing_is_refused(tmp_path: Path) -> None:
    assert "SNDlib has no such column; allowed: capacity, capacity_cost, routing_cost, setup_cost" in refusal(
        tmp_path, "sndlib", HEAD + BARE, length_from="length"
    )
    told = refusal(tmp_path, "sndlib", HEAD + BARE, length_from="setup_cost")
    assert told.startswith("column setup_cost is 0 on every link; allowed: lengths in km.")


def test_drawing_coordinates_can_be_kept_out_by_another_source_of_lengths(tmp_path: Path) -> None:
    text = HEAD + PLACED.replace("( 4 50 )", "( 283 248 )")
    told = refusal(tmp_path, "sndlib", text, great_circle=True)
    assert told.startswith(
        "line 3: node 'A' is at [283.0, 248.0]; allowed: longitude and latitude in degrees."
    )
    assert "--length-km X" in told and "--length-from NAME" in told
    instance = read(tmp_path, "sndlib", text, length_from="routing_cost")
    assert lengths(instance) == {("A", "B"): 7.5}
    assert {node.position_km for node in instance.nodes} == {None}


def test_options_without_effect_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"--demand-unit given for .*no use for it"):
        read(tmp_path, "sndlib", HEAD + PLACED, great_circle=True, demand_unit=3)
    with pytest.raises(OptionError, match=r"--great-circle given for"):
        read(tmp_path, "sndlib", HEAD + PLACED, great_circle=True, length_from="routing_cost")


def test_nodes_without_a_place_are_written_without_one(tmp_path: Path) -> None:
    document = generate("line:nodes=2,requests=0,seed=1").document()
    document["nodes"][0]["position_km"] = None
    write_any(Instance.model_validate(document), tmp_path / "a.sndlib")
    back = read_any(tmp_path / "a.sndlib", **{k: v for k, v in NEEDS.items() if k != "channels"})
    assert [node.position_km for node in back.nodes] == [None, (100.0, 0.0)]


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    instance = read(tmp_path, "sndlib", HEAD + PLACED, great_circle=True)
    (note,) = instance.metadata.notes
    assert note.startswith("not read of links and demands: capacity, capacity_cost, routing_cost, setup_cost")
