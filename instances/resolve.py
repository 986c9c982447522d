"""Where an instance comes from: a file, the library, or a spec. One rule for every command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from milproute.instances.errors import InstanceError, unknown_name
from milproute.instances.formats.registry import read_as_it_is
from milproute.instances.generators.generate import GENERATORS, MEASURED, generate
from milproute.instances.library import library_names, load_library

if TYPE_CHECKING:
    from milproute.instances.instance import Instance


def resolve(text: str | Path) -> Instance:
    """Return the instance that ``text`` names.

    An existing path wins, then a library name, then a spec such as ``waxman:nodes=30,seed=1``.

    Raises
    ------
    InstanceError : a path to a missing or a bad file, or a spec that gives no valid instance.
    OptionError : neither a path, nor a library name, nor a spec that fits; with the nearest name.
    """
    name, path = str(text), Path(text)
    if path.is_file():
        return read_as_it_is(path)
    if name in library_names():
        return load_library(name)
    if _is_spec(name):
        return generate(name)
    if _is_path(path):
        remedy = "Check the path; `milproute instances list` shows the names that work in its place."
        value = "a folder" if path.is_dir() else "missing"
        raise InstanceError(name, "", value, "an existing file", remedy)
    raise unknown_name(
        "instance", name, [*library_names(), *(f"{head}:…" for head in (*GENERATORS, MEASURED))]
    )


def _is_spec(name: str) -> bool:
    head, colon, _ = name.partition(":")
    return bool(colon) and ("=" in name or head in (*GENERATORS, MEASURED))


def _is_path(path: Path) -> bool:
    return len(path.parts) > 1 or path.is_dir() or bool(path.suffix)
