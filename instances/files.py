"""Reading and writing JSON documents: clear errors, and never half a file."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milproute.instances.encoding import decode
from milproute.instances.errors import DocumentError, InstanceError, OutputError, PlanError
from milproute.instances.instance import INSTANCE_FORMAT, Instance
from milproute.instances.plan import PLAN_FORMAT, Plan

if TYPE_CHECKING:
    from collections.abc import Iterable


def read_text(path: Path, error: type[DocumentError]) -> str:
    """Return the text of ``path``; whatever prevents it becomes ``error``."""
    if not path.exists():
        raise error(path, "", "missing", "an existing file", "Check the path.")
    try:
        content = path.read_bytes()
    except OSError as failure:
        raise error(path, "", f"unreadable ({failure.strerror})", "a readable file", "") from None
    return decode(content, path, error)


def read_json(path: Path, error: type[DocumentError], expected_format: str) -> dict[str, Any]:
    """Read one JSON object whose ``format`` is ``expected_format``; duplicate keys are errors."""
    return check_format(read_json_object(path, error), path, error, expected_format)


def read_json_object(path: Path, error: type[DocumentError]) -> dict[str, Any]:
    """Read one JSON object; duplicate keys are errors."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        data = dict(pairs)
        if len(data) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise error(path, f"key {twice!r}", "given twice in one object", "each key once", "")
        return data

    try:
        data = json.loads(read_text(path, error), object_pairs_hook=unique)
    except json.JSONDecodeError as failure:
        place = f"line {failure.lineno}, column {failure.colno}"
        raise error(path, place, f"not JSON ({failure.msg})", "a JSON document", "") from None
    except RecursionError:
        raise error(path, "the document", "nested too deeply", "the nesting of the format", "") from None
    except ValueError as failure:
        if isinstance(failure, error):
            raise
        raise error(path, "a number", f"too long ({failure})", "numbers of at most 4300 digits", "") from None
    if not isinstance(data, dict):
        raise error(path, "the document", f"a {type(data).__name__}", "a JSON object", "")
    return data


def check_format(
    data: dict[str, Any], path: Path, error: type[DocumentError], expected_format: str, remedy: str = ""
) -> dict[str, Any]:
    """Return ``data``, or raise ``error`` when its ``format`` is not ``expected_format``."""
    if data.get("format") != expected_format:
        value = repr(data["format"]) if "format" in data else "missing"
        raise error(path, "format", value, repr(expected_format), remedy)
    return data


def load_instance(path: Path | str) -> Instance:
    """Load an instance file.

    Raises
    ------
    InstanceError : with the file, the place, the value and what is allowed.
    """
    data = read_json(Path(path), InstanceError, INSTANCE_FORMAT)
    return Instance.parse(data, str(path), InstanceError)


def load_plan(path: Path | str) -> Plan:
    """Load a plan file.

    Raises
    ------
    PlanError : with the file, the place, the value and what is allowed.
    """
    data = read_json(Path(path), PlanError, PLAN_FORMAT)
    return Plan.parse(data, str(path), PlanError)


def save(document: Instance | Plan, path: Path | str) -> None:
    """Write an instance or a plan as JSON, whole or not at all."""
    write_text(Path(path), json.dumps(document.document(), indent=1, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to a temporary file beside ``path``, then rename it."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to a temporary file beside ``path``, then rename it.

    Raises
    ------
    OutputError : the folder does not exist or cannot be written.
    """
    check_writable([path])
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except OSError as failure:
        raise OutputError(f"{path} cannot be written: {failure.strerror}.") from failure
    finally:
        Path(name).unlink(missing_ok=True)


def check_writable(paths: Iterable[Path | None]) -> None:
    """Raise for the first path that could not be written; None stands for no output.

    Raises
    ------
    OutputError : with the path, the reason and the remedy. Nothing is created.
    """
    for path in paths:
        if path is None:
            continue
        if not path.parent.is_dir():
            raise OutputError(f"{path} cannot be written: there is no folder {path.parent}. Make it first.")
        if path.is_dir():
            raise OutputError(f"{path} cannot be written: it is a folder. Name a file in it.")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise OutputError(f"{path} cannot be written: permission denied. Choose another place.")
