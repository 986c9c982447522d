"""Instance files: every bad one is refused with file, place, value and what is allowed; good ones keep."""

from __future__ import annotations

import copy
import json
import os
import pickle
from typing import TYPE_CHECKING, Any

import networkx as nx
import pytest
from pydantic import ValidationError

from milproute.instances.errors import InstanceError, MilprouteError, OutputError
from milproute.instances.files import check_writable, load_instance, save, write_text
from milproute.instances.instance import Instance, Request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Edit = Callable[[dict[str, Any]], object]

TOY: dict[str, Any] = {
    "format": "milproute.instance/1",
    "name": "toy",
    "metadata": {"generator": "by hand", "seed": 1, "source": None, "licence": None},
    "attenuation_per_km": 0.0002,
    "nodes": [
        {"id": "a", "memory": 12, "swap_probability": 0.9, "position_km": [0.0, 0.5]},
        {"id": "b", "memory": 10, "swap_probability": 0.8, "position_km": None},
        {"id": "ç", "memory": 0, "swap_probability": 1.0, "position_km": [3.0, 4.0]},
    ],
    "links": [
        {
            "source": "a",
            "target": "b",
            "length_km": 120.0,
            "channels": 5,
            "probability": None,
            "fidelity": 0.98,
            "entangled_pairs": None,
        },
        {
            "source": "ç",
            "target": "b",
            "length_km": 80.0,
            "channels": 3,
            "probability": 0.25,
            "fidelity": 0.9,
            "entangled_pairs": 2,
        },
    ],
    "requests": [{"id": "r0", "source": "a", "target": "ç", "demand": 2, "min_fidelity": 0.8}],
}

COUNT = "a whole number of at least 0 and at most 9007199254740992"
NEEDED = (
    "a finite number of at least 0, because the link between 'a' and 'b' has no probability. "
    "Give it, or every link a probability."
)
LINK_KEYS = "source, target, length_km, channels, probability, fidelity, entangled_pairs"


def written(folder: Path, text: str) -> Path:
    path = folder / "toy.json"
    path.write_text(text, encoding="utf-8")
    return path


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


def test_a_good_file_survives_load_and_save(tmp_path: Path) -> None:
    instance = load_instance(written(tmp_path, json.dumps(TOY)))
    assert instance.document() == TOY
    save(instance, tmp_path / "again.json")
    assert load_instance(tmp_path / "again.json") == instance
    assert list(json.loads((tmp_path / "again.json").read_text())) == list(TOY)


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


def test_a_failing_write_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "toy.json"
    save(Instance.model_validate(TOY), path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"toy.json cannot be written: No space left on device\."):
        save(Instance.model_validate({**TOY, "name": "other"}), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["toy.json"]


def test_what_cannot_be_written_is_said_before(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"there is no folder .*none\. Make it first\."):
        check_writable([None, tmp_path / "fine.json", tmp_path / "none" / "plan.json"])
    with pytest.raises(OutputError, match=r"it is a folder\. Name a file in it\."):
        check_writable([tmp_path])
    with pytest.raises(OutputError, match="there is no folder"):
        write_text(tmp_path / "none" / "plan.json", "text")
    check_writable([None, tmp_path / "fine.json"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_said_before(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match=r"permission denied\. Choose another place\."):
        check_writable([tmp_path / "plan.json"])
