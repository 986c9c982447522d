"""One rule for numbers in every reader."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.instances.errors import MilprouteError
from milproute.instances.files import load_plan
from milproute.instances.formats.registry import read_any
from milproute.instances.generators.generate import generate
from milproute.instances.numbers import read_number, read_whole

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path

NO_NUMBERS = [
    "",
    " ",
    "ten",
    "1_000",
    "0x10",
    "1,5",
    "10 km",
    "nan",
    "inf",
    "-inf",
    "1e999",
    "1e",
    "--1",
    "٣",
    "½",
    ".",
]


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_reads_the_same_bare_and_in_quotes(value: float) -> None:
    assert read_number(value) == value
    assert read_number(repr(value)) == value
    assert read_number(f" {value!r}\n") == value


@given(st.integers())
def test_a_whole_number_may_have_a_fraction_of_zero(value: int) -> None:
    assert read_whole(value) == read_whole(str(value)) == read_whole(f"{value}.0") == value
    assert read_whole(f"{value}.000") == value
    with pytest.raises(ValueError, match="whole"):
        read_whole(f"{value}.5")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-1000, max_value=1000, places=3))
def test_whole_numbers_are_those_without_a_fraction(value: Decimal) -> None:
    if value == int(value):
        assert read_whole(float(value)) == read_whole(str(value)) == int(value)
    else:
        for written in (float(value), str(value)):
            with pytest.raises(ValueError, match="no whole number"):
                read_whole(written)


@pytest.mark.parametrize("value", [*NO_NUMBERS, True, False, None, [], float("nan"), float("inf")])
def test_nothing_else_is_a_number(value: object) -> None:
    for reader in (read_number, read_whole):
        with pytest.raises(ValueError, match="no"):
            reader(value)


def instance_text(suffix: str, memory: str, length: str) -> str:
    """Return two nodes and a link in one of the layouts, numbers as they are given."""
    own = {
        "attenuation_per_km": 0,
        "name": "a",
        "metadata": {},
        "requests": [],
        "format": "milproute.instance/1",
    }
    quoted = '"' if not memory.startswith('"') else ""
    if suffix == "gml":
        node = f"node [ id {{}} memory {memory} ]".format
        return f"graph [\n {node(0)}\n {node(1)}\n edge [ source 0 target 1 length {length} ]\n]"
    if suffix == "graphml":
        keys = '<key id="m" for="node" attr.name="memory"/><key id="l" for="edge" attr.name="length"/>'
        memory, length = memory.strip('"'), length.strip('"')
        node = '<node id="{}"><data key="m">{}</data></node>'.format
        edge = f'<edge source="0" target="1"><data key="l">{length}</data></edge>'
        return f"<graphml>{keys}<graph>{node(0, memory)}{node(1, memory)}{edge}</graph></graphml>"
    assert quoted is not None
    node = '{{"id": "{}", "memory": {}, "swap_probability": 1}}'.format
    edge = f'{{"source": "0", "target": "1", "length_km": {length}, "channels": 1, "fidelity": 1}}'
    rows = f'"nodes": [{node(0, memory)}, {node(1, memory)}], "links": [{edge}]'
    return "{" + rows + ("}" if suffix == "node-link" else f", {json.dumps(own)[1:]}")


@pytest.mark.parametrize("suffix", ["json", "node-link", "gml", "graphml"])
@pytest.mark.parametrize("memory", ["12", '"12"', "12.0", '"12.0"', '" 12 "', "1.2e1"])
@pytest.mark.parametrize("length", ["10.5", '"10.5"', '"1.05e1"'])
def test_every_reader_takes_the_same_numbers(tmp_path: Path, suffix: str, memory: str, length: str) -> None:
    path = tmp_path / f"a.{suffix.replace('node-link', 'json')}"
    path.write_text(instance_text(suffix, memory, length))
    fields: dict[str, Any] = {} if suffix == "json" else {"attenuation_per_km": 0}
    if suffix in ("gml", "graphml"):
        fields |= {"swap_probability": 1, "channels": 1, "fidelity": 1}
    instance = read_any(path, **fields)
    assert [node.memory for node in instance.nodes] == [12, 12]
    assert [link.length_km for link in instance.links] == [10.5]


@pytest.mark.parametrize("suffix", ["json", "node-link", "gml", "graphml"])
@pytest.mark.parametrize("memory", ['"12_0"', '"twelve"', "12.5", '"12.5"', '"-1"', '"1e999"', '"nan"'])
def test_every_reader_refuses_the_same_ones(tmp_path: Path, suffix: str, memory: str) -> None:
    path = tmp_path / f"a.{suffix.replace('node-link', 'json')}"
    path.write_text(instance_text(suffix, memory, "10.5"))
    fields: dict[str, Any] = {} if suffix == "json" else {"attenuation_per_km": 0}
    if suffix in ("gml", "graphml"):
        fields |= {"swap_probability": 1, "channels": 1, "fidelity": 1}
    with pytest.raises(MilprouteError, match=r"memory is .*allowed: a whole number of at least 0"):
        read_any(path, **fields)


@pytest.mark.parametrize("number", ["9", "9.0", "+9", "9e0"])
def test_texts_of_words_take_them_too(tmp_path: Path, number: str) -> None:
    (tmp_path / "a.qcast").write_text(f"2.0\n0.0\n1\n0\n{number} 0 0\n{number} 10 0\n0 1 {number}\n")
    instance = read_any(tmp_path / "a.qcast", fidelity=1)
    assert [node.memory for node in instance.nodes] == [9, 9]
    assert instance.links[0].channels == 9
    (tmp_path / "a.sndlib").write_text(
        "?SNDlib native format; type: network; version: 1.0\nNODES ( A B )\n"
        f"LINKS ( L ( A B ) {number} 0 10 0 ( ) )\nDEMANDS ( D ( A B ) 1 {number} UNLIMITED )\n"
    )
    fields: dict[str, Any] = {"memory": 1, "swap_probability": 1, "fidelity": 1, "attenuation_per_km": 0}
    instance = read_any(tmp_path / "a.sndlib", **fields, map="capacity=channels,routing_cost=length_km")
    assert (instance.links[0].channels, instance.requests[0].demand) == (9, 9)


def test_specs_take_them_too() -> None:
    plain = generate("line:nodes=3,channels=2,requests=1,seed=1")
    assert generate("line:nodes=3.0,channels=2.0-2,requests=1e0,seed=1.0") == plain


def test_plans_take_them_too(tmp_path: Path) -> None:
    plan = {
        "format": "milproute.plan/1",
        "instance": "toy",
        "formulation": "link",
        "variant": "by-source",
        "solver": "hand",
        "solver_version": "0",
        "status": "optimal",
        "objective": "3",
        "bound": 3,
        "gap": "0.0",
        "seconds": {"solve": "0.25"},
        "size": {"rows": 10.0, "columns": "20", "nonzeros": 40, "integers": 8},
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    read = load_plan(tmp_path / "plan.json")
    assert (read.objective, read.gap, read.seconds, read.size and read.size.rows) == (
        3.0,
        0.0,
        {"solve": 0.25},
        10,
    )
