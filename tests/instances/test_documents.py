"""Instance documents: every bad one is refused with file, place, value and what is allowed; the good load."""

from __future__ import annotations

import copy
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from milproute.instances.errors import InstanceError, MilprouteError
from milproute.instances.files import load_instance, save
from milproute.instances.instance import Instance
from tests.support.documents import TOY, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Edit = Callable[[dict[str, Any]], object]


COUNT = "a whole number of at least 0 and at most 9007199254740992"
NEEDED = (
    "a finite number of at least 0, because the link between 'a' and 'b' has no probability. "
    "Give it, or every link a probability."
)
LINK_KEYS = "source, target, length_km, channels, probability, fidelity, entangled_pairs"


def refusal(path: Path) -> str:
    with pytest.raises(InstanceError) as caught:
        load_instance(path)
    assert isinstance(caught.value, MilprouteError)
    assert isinstance(caught.value, ValueError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def node(**fields: Any) -> Edit:
    return lambda data: data["nodes"][1].update(fields)


def link(**fields: Any) -> Edit:
    return lambda data: data["links"][1].update(fields)


def request(**fields: Any) -> Edit:
    return lambda data: data["requests"][0].update(fields)


def top(**fields: Any) -> Edit:
    return lambda data: data.update(fields)


BAD: dict[str, tuple[Edit, str, str, str]] = {  # edit; place, value, allowed
    "wrong version": (
        top(format="milproute.instance/2"),
        "format",
        "'milproute.instance/2'",
        "'milproute.instance/1'",
    ),
    "no format": (lambda data: data.pop("format"), "format", "missing", "'milproute.instance/1'"),
    "no requests": (lambda data: data.pop("requests"), "requests", "missing", "a list. This key is required"),
    "no fidelity": (
        lambda data: data["links"][1].pop("fidelity"),
        "links[1].fidelity",
        "missing",
        "a number from 0 to 1. This key is required",
    ),
    "no nodes": (top(nodes=[]), "nodes", "[]", "a list with at least 1 of them"),
    "null nodes": (top(nodes=None), "nodes", "null", "a list"),
    "node that is none": (
        top(nodes=[3]),
        "nodes[0]",
        "3",
        "an object with the keys id, memory, swap_probability",
    ),
    "unknown key": (top(link=[]), "link", "an unknown key", "attenuation_per_km, nodes, links, "),
    "misspelt key": (
        lambda data: data["links"][1].update(fidelty=data["links"][1].pop("fidelity")),
        "links[1].fidelty",
        "an unknown key",
        f"{LINK_KEYS}. Did you mean 'fidelity'? (1 more error in this file.)",
    ),
    "unknown key in metadata": (
        lambda data: data["metadata"].update(author="me"),
        "metadata.author",
        "an unknown key",
        "generator, seed, source, licence",
    ),
    "node twice": (node(id="a"), "nodes[1].id", "'a'", "unique ids (nodes[0] has it too)"),
    "link twice": (
        link(source="a"),
        "links[1]",
        "('a', 'b')",
        "one link between two nodes (the first is links[0]). Keep one of them, or add up the channels",
    ),
    "link twice, turned": (
        link(source="b", target="a"),
        "links[1]",
        "('a', 'b')",
        "one link between two nodes (the first is links[0])",
    ),
    "request twice": (
        lambda data: data["requests"].append(data["requests"][0]),
        "requests[1].id",
        "'r0'",
        "unique ids (requests[0] has it too)",
    ),
    "self-loop": (link(target="ç"), "links[1].target", "'ç'", "another node than its source"),
    "dangling source": (link(source="z"), "links[1].source", "'z'", "the id of a node"),
    "dangling target": (link(target="z"), "links[1].target", "'z'", "the id of a node"),
    "request from nowhere": (request(source="z"), "requests[0].source", "'z'", "the id of a node"),
    "request to nowhere": (request(target="z"), "requests[0].target", "'z'", "the id of a node"),
    "request to itself": (request(target="a"), "requests[0].target", "'a'", "another node than its source"),
    "probability above 1": (
        link(probability=1.5),
        "links[1].probability",
        "1.5",
        "a number from 0 to 1 or null",
    ),
    "negative probability": (
        link(probability=-0.5),
        "links[1].probability",
        "-0.5",
        "a number from 0 to 1 or null",
    ),
    "fidelity above 1": (link(fidelity=1.01), "links[1].fidelity", "1.01", "a number from 0 to 1"),
    "no swap probability": (
        node(swap_probability=None),
        "nodes[1].swap_probability",
        "null",
        "a number from 0 to 1",
    ),
    "swap probability above 1": (
        node(swap_probability=2),
        "nodes[1].swap_probability",
        "2",
        "a number from 0 to 1",
    ),
    "min_fidelity above 1": (
        request(min_fidelity=90),
        "requests[0].min_fidelity",
        "90",
        "a number from 0 to 1 or null",
    ),
    "NaN": (link(fidelity=float("nan")), "links[1].fidelity", "nan", "a number from 0 to 1"),
    "infinite length": (
        link(length_km=float("inf")),
        "links[1].length_km",
        "inf",
        "a finite number of at least 0",
    ),
    "negative length": (link(length_km=-1.0), "links[1].length_km", "-1.0", "a finite number of at least 0"),
    "infinite place": (
        node(position_km=[0.0, float("-inf")]),
        "nodes[1].position_km[1]",
        "-inf",
        "a finite number",
    ),
    "half a place": (node(position_km=[0.0]), "nodes[1].position_km[1]", "missing", "a finite number"),
    "too much of a place": (
        node(position_km=[0.0, 1.0, 2.0]),
        "nodes[1].position_km",
        "[0.0, 1.0, 2.0]",
        "a list of exactly 2 values or null",
    ),
    "negative attenuation": (
        top(attenuation_per_km=-0.1),
        "attenuation_per_km",
        "-0.1",
        "a finite number of at least 0",
    ),
    "negative memory": (node(memory=-1), "nodes[1].memory", "-1", "a whole number of at least 0"),
    "fractional channels": (link(channels=2.5), "links[1].channels", "2.5", "a whole number of at least 0"),
    "boolean channels": (link(channels=True), "links[1].channels", "true", "a whole number of at least 0"),
    "channels as a word": (
        link(channels="five"),
        "links[1].channels",
        "'five'",
        "a whole number of at least 0",
    ),
    "half a channel as a string": (
        link(channels="2.5"),
        "links[1].channels",
        "'2.5'",
        "a whole number of at least 0",
    ),
    "length with a unit": (
        link(length_km="5 km"),
        "links[1].length_km",
        "'5 km'",
        "a finite number of at least 0",
    ),
    "NaN as a string": (link(fidelity="nan"), "links[1].fidelity", "'nan'", "a number from 0 to 1"),
    "boolean fidelity": (link(fidelity=True), "links[1].fidelity", "true", "a number from 0 to 1"),
    "negative pairs": (
        link(entangled_pairs=-2),
        "links[1].entangled_pairs",
        "-2",
        "a whole number of at least 0 and at most 9007199254740992 or null",
    ),
    "fractional demand": (
        request(demand=0.5),
        "requests[0].demand",
        "0.5",
        "a whole number of at least 0 and at most 9007199254740992 or null",
    ),
    "more memory than is counted": (node(memory=10**18), "nodes[1].memory", "1000000000000000000", COUNT),
    "more channels than are counted": (
        link(channels=2**53 + 1),
        "links[1].channels",
        "9007199254740993",
        COUNT,
    ),
    "more pairs than are counted": (
        link(entangled_pairs=10**30),
        "links[1].entangled_pairs",
        "1" + "0" * 30,
        f"{COUNT} or null",
    ),
    "more demand than is counted": (
        request(demand=2**63),
        "requests[0].demand",
        "9223372036854775808",
        f"{COUNT} or null",
    ),
    "memory as a power of ten": (node(memory=1e18), "nodes[1].memory", "1000000000000000000", COUNT),
    "no attenuation": (
        lambda data: data.pop("attenuation_per_km"),
        "attenuation_per_km",
        "missing",
        NEEDED,
    ),
    "null as the attenuation": (top(attenuation_per_km=None), "attenuation_per_km", "missing", NEEDED),
    "number as id": (node(id=3), "nodes[1].id", "3", "a non-empty string"),
    "empty id": (request(id=""), "requests[0].id", "''", "a non-empty string"),
    "empty name": (top(name=""), "name", "''", "a non-empty string"),
    "long nonsense": (top(links="x" * 999), "links", "'" + "x" * 78 + "…", "a list"),
}


@pytest.mark.parametrize(("edit", "place", "value", "allowed"), BAD.values(), ids=BAD.keys())
def test_a_bad_value_is_named(tmp_path: Path, edit: Edit, place: str, value: str, allowed: str) -> None:
    data = copy.deepcopy(TOY)
    edit(data)
    message = refusal(written(tmp_path, json.dumps(data)))
    assert message.startswith(f"{place} is {value}; allowed: {allowed}")


def test_the_number_of_further_errors_is_told(tmp_path: Path) -> None:
    data = copy.deepcopy(TOY)
    data["links"][0]["channels"], data["links"][0]["fidelity"], data["links"][1]["fidelity"] = -1, 3, 4
    message = refusal(written(tmp_path, json.dumps(data)))
    expected = (
        "links[0].channels is -1; allowed: a whole number of at least 0 and at most 9007199254740992. "
        "(2 more errors in this file.)"
    )
    assert message == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{\n nodes", "line 2, column 2 is not JSON (Expecting property name enclosed in double quotes); "
                      "allowed: a JSON document."),
        ("", "line 1, column 1 is not JSON (Expecting value); allowed: a JSON document."),
        ("[1]", "the document is a list; allowed: a JSON object."),
        ('{"format": 1, "format": 2}', "key 'format' is given twice in one object; allowed: each key once."),
        ('{"links": [{"id": 1, "id": 1}]}', "key 'id' is given twice in one object; allowed: each key once."),
    ],
)  # fmt: skip
def test_text_that_is_no_document_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(written(tmp_path, text)) == message


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InstanceError, match=r"none\.json is missing; allowed: an existing file\. Check the path\."
    ):
        load_instance(tmp_path / "none.json")
    with pytest.raises(InstanceError, match=r"is unreadable \(Is a directory\); allowed: a readable file"):
        load_instance(tmp_path)
    binary = tmp_path / "binary.json"
    binary.write_bytes(b'{\n"name": "\xff"}')
    with pytest.raises(
        InstanceError, match=r"binary\.json: line 2 is no UTF-8 \(byte 0xFF after .*Save the file"
    ):
        load_instance(binary)


def test_numbers_in_quotes_and_whole_fractions_are_numbers(tmp_path: Path) -> None:
    data = copy.deepcopy(TOY)
    data["links"][1] |= {"channels": 3.0, "length_km": "80", "probability": "0.25", "entangled_pairs": "2.0"}
    data["nodes"][0] |= {"memory": "12", "position_km": ["0", "5e-1"]}
    data["metadata"]["seed"] = 1.0
    data["attenuation_per_km"] = "0.0002"
    assert load_instance(written(tmp_path, json.dumps(data))).document() == TOY


def test_the_attenuation_may_be_left_out_when_every_link_has_a_probability(tmp_path: Path) -> None:
    data = copy.deepcopy(TOY)
    data["links"][0]["probability"] = 0.5
    given = load_instance(written(tmp_path, json.dumps(data)))
    for absent in (data | {"attenuation_per_km": None}, {k: v for k, v in data.items() if "atten" not in k}):
        instance = load_instance(written(tmp_path, json.dumps(absent)))
        assert instance.attenuation_per_km is None
        assert instance.probabilities.tolist() == given.probabilities.tolist() == [0.5, 0.25]
        assert instance.document()["attenuation_per_km"] is None
        save(instance, tmp_path / "again.json")
        assert load_instance(tmp_path / "again.json") == instance
        graph = instance.to_networkx()
        assert "attenuation_per_km" not in graph.graph
        again = Instance.from_networkx(graph)
        assert again.attenuation_per_km is None and again.probabilities.tolist() == [0.5, 0.25]


def test_counts_may_be_as_large_as_floats_can_tell_apart(tmp_path: Path) -> None:
    data = copy.deepcopy(TOY)
    data["nodes"][0]["memory"] = data["links"][0]["channels"] = data["requests"][0]["demand"] = 2**53
    data["links"][0]["entangled_pairs"] = 2**53
    instance = load_instance(written(tmp_path, json.dumps(data)))
    assert instance.channels[0] == instance.memories[0] == instance.requests[0].demand == 2**53


def test_an_instance_without_requests_or_links_is_valid(tmp_path: Path) -> None:
    instance = load_instance(written(tmp_path, json.dumps({**TOY, "requests": [], "links": []})))
    assert instance.requests == ()
    assert instance.probabilities.shape == (0,)
    assert instance.ends.shape == (0, 2)


def test_optional_keys_may_be_left_out(tmp_path: Path) -> None:
    data = copy.deepcopy(TOY)
    del data["metadata"], data["nodes"][1]["position_km"], data["links"][0]["probability"]
    del data["links"][0]["entangled_pairs"], data["requests"][0]["demand"]
    instance = load_instance(written(tmp_path, json.dumps(data)))
    assert instance.requests[0].demand is None
    assert instance.links[0].probability is None
