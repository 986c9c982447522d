"""Bad files: exit status 2, one message with the place, the value and what is allowed, nothing written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from milproute.instances import resolve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command_line import Command

Document = dict[str, Any]


PLAN: Document = {
    "format": "milproute.plan/1",
    "instance": "toy",
    "formulation": "link",
    "variant": "by-source",
    "solver": "hand",
    "solver_version": "0",
    "status": "no_solution",
    "objective": None,
    "bound": None,
    "gap": None,
    "seconds": {},
}


def toy() -> Document:
    return resolve("toy").document()


def put(*steps: str | int, value: object) -> Callable[[Document], None]:
    """Return a change that puts ``value`` at a place of a document."""

    def change(document: Document) -> None:
        here: Any = document
        for step in steps[:-1]:
            here = here[step]
        here[steps[-1]] = value

    return change


def again(table: str, index: int = 0, **other: object) -> Callable[[Document], None]:
    """Return a change that appends a copy of a row."""

    def change(document: Document) -> None:
        document[table].append(document[table][index] | other)

    return change


NAN, INFINITY = float("nan"), float("inf")
# change, place, value as it is shown, what is allowed
BAD_INSTANCES = [
    (
        put("format", value="milproute.instance/2"),
        "format",
        "'milproute.instance/2'",
        "'milproute.instance/1'",
    ),
    (put("nodes", 0, "memry", value=3), "nodes[0].memry", "an unknown key", "Did you mean 'memory'?"),
    (put("colour", value=1), "colour", "an unknown key", "name"),
    (again("nodes"), "nodes[5].id", "'a'", "unique ids"),
    (again("links"), "links[5]", "('a', 'b')", "one link between two nodes"),
    (again("links", source="b", target="a"), "links[5]", "('a', 'b')", "one link between two nodes"),
    (again("requests"), "requests[2].id", "'r0'", "unique ids"),
    (put("links", 1, "target", value="a"), "links[1].target", "'a'", "another node than its source"),
    (put("links", 1, "target", value="z"), "links[1].target", "'z'", "the id of a node"),
    (put("requests", 0, "source", value="z"), "requests[0].source", "'z'", "the id of a node"),
    (put("requests", 1, "target", value="b"), "requests[1].target", "'b'", "another node than its source"),
    (put("links", 3, "probability", value=1.2), "links[3].probability", "1.2", "a number from 0 to 1"),
    (put("links", 3, "probability", value=-0.1), "links[3].probability", "-0.1", "a number from 0 to 1"),
    (put("links", 3, "probability", value=NAN), "links[3].probability", "nan", "a number from 0 to 1"),
    (put("links", 3, "fidelity", value=1.01), "links[3].fidelity", "1.01", "to 1"),
    (put("links", 3, "length_km", value=INFINITY), "links[3].length_km", "inf", "a finite number"),
    (put("links", 3, "length_km", value=-1.0), "links[3].length_km", "-1.0", "of at least 0"),
    (put("links", 3, "channels", value=2.5), "links[3].channels", "2.5", "a whole number"),
    (put("links", 3, "channels", value=-2), "links[3].channels", "-2", "a whole number of at least 0"),
    (put("links", 3, "channels", value="5 of"), "links[3].channels", "'5 of'", "a whole number"),
    (put("links", 3, "channels", value=True), "links[3].channels", "true", "a whole number"),
    (put("links", 3, "channels", value=None), "links[3].channels", "null", "a whole number"),
    (put("nodes", 2, "memory", value=-1), "nodes[2].memory", "-1", "a whole number of at least 0"),
    (put("nodes", 2, "swap_probability", value=2), "nodes[2].swap_probability", "2", "a number from 0 to 1"),
    (put("nodes", 2, "position_km", value=[NAN, 0]), "nodes[2].position_km[0]", "nan", "a finite number"),
    (put("nodes", 2, "id", value=""), "nodes[2].id", "''", "a non-empty string"),
    (put("nodes", 2, "id", value=7), "nodes[2].id", "7", "a non-empty string"),
    (put("nodes", value=[]), "nodes", "[]", "at least 1"),
    (put("requests", 0, "demand", value=1.5), "requests[0].demand", "1.5", "a whole number"),
    (put("requests", 0, "min_fidelity", value=INFINITY), "requests[0].min_fidelity", "inf", "to 1"),
    (put("attenuation_per_km", value=NAN), "attenuation_per_km", "nan", "a finite number of at least 0"),
    (lambda d: d.pop("requests"), "requests", "missing", "a list"),
]


@pytest.mark.parametrize(
    ("change", "place", "value", "allowed"), BAD_INSTANCES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_bad_instance_is_named_with_file_place_value_and_what_is_allowed(
    refused: Command, tmp_path: Path, change: Callable[[Document], None], place: str, value: str, allowed: str
) -> None:
    document = toy()
    change(document)
    (tmp_path / "bad.json").write_text(json.dumps(document))
    said = refused("solve", "bad.json", "--out", "plan.json").said
    assert said.startswith(f"error: bad.json: {place}")
    assert f" is {value}" in said
    assert "; allowed: " in said
    assert allowed in said.partition(" is ")[2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "error: bad.json: line 1, column 2 is not JSON"),
        ("", "error: bad.json: line 1, column 1 is not JSON"),
        ("[]", "error: bad.json: the document is a list; allowed: a JSON object"),
        ("{}", "error: bad.json: format is missing; allowed: 'milproute.instance/1'"),
        ('{"format": 1, "format": 2}', "error: bad.json: key 'format' is given twice in one object"),
        ("[" * 100_000, "error: bad.json: the document is nested too deeply"),
    ],
)
def test_what_is_no_instance_at_all_is_refused(
    refused: Command, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "bad.json").write_text(text)
    assert refused("solve", "bad.json").said.startswith(message)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (None, "plan.json is missing; allowed: an existing file"),
        ("{", "plan.json: line 1, column 2 is not JSON"),
        (
            {"format": "milproute.instance/1"},
            "plan.json: format is 'milproute.instance/1'; allowed: 'milproute.plan/1'",
        ),
        ({"objective": float("nan")}, "plan.json: objective is nan; allowed: a finite number"),
        ({"status": "good"}, "plan.json: status is 'good'; allowed: 'optimal'"),
        ({"colour": 1}, "plan.json: colour is an unknown key"),
    ],
)
def test_what_is_no_plan_cannot_be_verified(
    refused: Command, tmp_path: Path, plan: Any, message: str
) -> None:
    if isinstance(plan, dict):
        plan = json.dumps(PLAN | plan)
    if plan is not None:
        (tmp_path / "plan.json").write_text(plan)
    assert message in refused("verify", "toy", "plan.json").said
