"""Byte-order marks, declared encodings, and lines of bytes that are no text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from milproute.instances.errors import InstanceError
from milproute.instances.files import load_instance, load_plan
from milproute.instances.formats.registry import read_any, write_any
from milproute.instances.library import load_library
from tests.support.foreign_files import NEEDS, gml
from tests.support.foreign_texts import SNDLIB

if TYPE_CHECKING:
    from pathlib import Path

ENCODINGS = ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8"]
EDGE = gml("source 0 target 1 length 10", "Äß")
TEXTS: dict[str, tuple[str, dict[str, Any]]] = {
    "a.gml": (EDGE, NEEDS),
    "a.sndlib": (SNDLIB.replace("Berlin", "Köln"), {**NEEDS, "great_circle": True, "demand_unit": 4}),
    "a.qcast": ("2\n0.01\n0.9\n0\n9 0 0\n9 10 0\n0 1 2\n", {"fidelity": 1}),
    "a.json": (
        json.dumps(
            {"nodes": [{"id": "Ä"}, {"id": "B"}], "links": [{"source": "Ä", "target": "B", "length": 1}]},
            ensure_ascii=False,
        ),
        NEEDS,
    ),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("file", TEXTS)
def test_a_mark_or_a_wide_encoding_changes_nothing(tmp_path: Path, file: str, encoding: str) -> None:
    text, fields = TEXTS[file]
    (tmp_path / file).write_bytes(text.encode())
    plain = read_any(tmp_path / file, **fields)
    (tmp_path / file).write_bytes(text.encode(encoding))
    assert read_any(tmp_path / file, **fields) == plain


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_instances_and_graphml_of_our_own_as_well(tmp_path: Path, encoding: str) -> None:
    for name in ("json", "graphml", "gml", "node-link"):
        path = tmp_path / f"toy.{name}"
        write_any(load_library("toy"), path, name)
        text = path.read_text(encoding="utf-8").replace("encoding='utf-8'", "")
        path.write_bytes(text.encode(encoding))
        assert read_any(path, name) == load_library("toy")
    assert load_instance(tmp_path / "toy.json") == load_library("toy")


def test_lines_may_end_as_on_other_systems(tmp_path: Path) -> None:
    for end in ("\r\n", "\r"):
        path = tmp_path / "a.gml"
        path.write_bytes(EDGE.replace("\n", end).encode())
        assert read_any(path, **NEEDS).links[0].length_km == 10
        path.write_bytes(EDGE.replace("length 10", "length -1").replace("\n", end).encode())
        with pytest.raises(InstanceError, match="line 4: edge 'Ä'-'ß': length is -1"):
            read_any(path, **NEEDS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{\n\n\xfc", "line 3 is no UTF-8 \\(byte 0xFC"),
        (b"\xef\xbb\xbf{\n\xfc", "line 2 is no UTF-8 \\(byte 0xFC"),
        (b"\xff\xfe{\x00\n\x00\x00\xd8", "line 2 is no UTF-16"),
    ],
)
def test_bytes_that_are_no_text_are_refused_with_their_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(InstanceError, match=message + r".*Save the file as UTF-8\."):
        read_any(path)
    with pytest.raises(ValueError, match=message):
        load_plan(path)
