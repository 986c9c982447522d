"""Reading and writing instances in other formats, chosen by suffix or by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from instances.convert.fields import FIELDS, Format, Supplied
from instances.convert.graphs import GML, GRAPHML
from instances.convert.qcast import NET, QCAST
from instances.convert.sndlib import SNDLIB
from instances.errors import OptionError, unknown_name
from instances.files import load_instance, write_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from instances.instance import Instance


def _read_json(supplied: Supplied) -> Instance:
    return supplied.finish(load_instance(supplied.path))


def _write_json(instance: Instance) -> str:
    return json.dumps(instance.document(), indent=1, allow_nan=False) + "\n"


JSON = Format("json", ".json", _read_json, _write_json, "nothing")
FORMATS: Mapping[str, Format] = {f.name: f for f in (JSON, GRAPHML, GML, SNDLIB, QCAST, NET)}
SUFFIXES: Mapping[str, Format] = {f.suffix: f for f in FORMATS.values()}


def read_any(path: Path | str, format_name: str | None = None, **fields: Any) -> Instance:
    """Read an instance from a file of any format.

    Parameters
    ----------
    path : the file.
    format_name : one of `FORMATS`; None: by the suffix of ``path``.
    fields : what the file lacks, by the names of `FIELDS`: ``memory``, ``channels``,
        ``swap_probability`` and ``fidelity`` (a number, or a range like ``"10-14"`` to draw from with
        ``seed``), ``attenuation_per_km``, ``requests`` (how many to draw with ``seed``),
        ``great_circle`` (lengths from longitude and latitude), ``demand_unit`` (SNDlib traffic of one
        pair). What the file has stands. ``name``, ``source`` and ``licence`` replace the file's.

    Raises
    ------
    InstanceError : malformed or invalid, or something is missing and no field supplies it.
    OptionError : an unknown format or field, or a field that the file leaves no use for.
    """
    chosen = find_format(Path(path), format_name)
    return chosen.read(Supplied(Path(path), fields))


def write_any(instance: Instance, path: Path | str, format_name: str | None = None) -> None:
    """Write an instance to a file of any format; ``FORMATS[name].loses`` says what is lost.

    Raises
    ------
    InstanceError : the format cannot hold the problem and something else would come back.
    OptionError : an unknown format.
    OutputError : the file cannot be written.
    """
    write_text(Path(path), find_format(Path(path), format_name).write(instance))


def find_format(path: Path, format_name: str | None = None) -> Format:
    """Return the format with that name, or else the one that the suffix stands for.

    Raises
    ------
    OptionError : no such format.
    """
    if format_name is not None:
        if format_name not in FORMATS:
            raise unknown_name("format", format_name, FORMATS)
        return FORMATS[format_name]
    if path.suffix.lower() not in SUFFIXES:
        raise OptionError(
            f"{path} has the suffix {path.suffix!r}; allowed: {', '.join(SUFFIXES)}. "
            f"Name the format for another suffix: {', '.join(FORMATS)}"
        )
    return SUFFIXES[path.suffix.lower()]


__all__ = ["FIELDS", "FORMATS", "SUFFIXES", "Format", "find_format", "read_any", "write_any"]
