"""Reading and writing instances in other formats, chosen by suffix or by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milproute.instances.errors import InstanceError, OptionError, unknown_name
from milproute.instances.files import check_format, read_json_object, write_text
from milproute.instances.formats.detect import format_by_content, other_content
from milproute.instances.formats.format import Format
from milproute.instances.formats.gml import GML
from milproute.instances.formats.graphml import GRAPHML
from milproute.instances.formats.import_options import FIELDS, ImportOptions, flag
from milproute.instances.formats.json_kinds import json_kind, seems_to_be
from milproute.instances.formats.node_link import NODE_LINK
from milproute.instances.formats.qcast import NET, QCAST
from milproute.instances.formats.sequence import SEQUENCE
from milproute.instances.formats.sndlib import SNDLIB
from milproute.instances.instance import INSTANCE_FORMAT, Instance
from milproute.instances.notes import tell

if TYPE_CHECKING:
    from collections.abc import Mapping


def _read_json(options: ImportOptions) -> Instance:
    """Read any JSON document that is one of ours, node-link data or a topology of SeQUeNCe."""
    data = read_json_object(options.path, InstanceError)
    kind = json_kind(data)
    if kind != JSON.name:
        return FORMATS[kind].read(options)
    check_format(data, options.path, InstanceError, INSTANCE_FORMAT, seems_to_be(data))
    return options.finish(Instance.parse(data, str(options.path), InstanceError))


def _write_json(instance: Instance) -> str:
    return json.dumps(instance.document(), indent=1, allow_nan=False) + "\n"


JSON: Format = Format("json", ".json", _read_json, _write_json)
FORMATS: Mapping[str, Format] = {
    f.name: f for f in (JSON, GRAPHML, GML, NODE_LINK, SEQUENCE, SNDLIB, QCAST, NET)
}
# Three formats end in .json: reading tells them apart, and writing means our own.
SUFFIXES: Mapping[str, Format] = {f.suffix: f for f in (*FORMATS.values(), JSON)}


def read_any(path: Path | str, format_name: str | None = None, **fields: Any) -> Instance:
    """Read an instance from a file of any format.

    What a reader merged, left out or did not read stands in ``metadata.notes`` of the instance and is said
    as a warning of the logger ``milproute``.

    Parameters
    ----------
    path : the file.
    format_name : one of `FORMATS`; None: by the suffix of ``path``.
    fields : what the file lacks, by the names of `FIELDS`: ``memory``, ``channels``,
        ``swap_probability`` and ``fidelity`` (a number, or a range like ``"10-14"`` to draw from with
        ``seed``), ``attenuation_per_km``, ``requests`` (how many to draw with ``seed``),
        ``great_circle`` (lengths from longitude and latitude), ``length_km`` (of links without one),
        ``length_from`` (the attribute or SNDlib column that has the lengths), ``map`` (attributes of other
        names, ``{"dist": "length_km"}``), ``drop_unplaced`` (leave out nodes without coordinates),
        ``parallel`` (``sum`` or ``best`` merges parallel fibres), ``undirected`` (take directed edges for
        links), ``demand_unit`` (SNDlib traffic of one pair). What the file has stands. ``name``,
        ``source`` and ``licence`` replace the file's.

    Raises
    ------
    InstanceError : malformed or invalid, or something is missing and no field supplies it.
    OptionError : an unknown format or field, or a field that the file leaves no use for.
    """
    return _read(ImportOptions(Path(path), fields), format_name)


def read_as_it_is(path: Path | str) -> Instance:
    """Read an instance from a file without any option, as verbs do that have none.

    As `read_any`, but the remedy for what is missing is the whole command that converts the file.
    """
    return _read(ImportOptions(Path(path), {}, converts=False), None)


def write_any(instance: Instance, path: Path | str, format_name: str | None = None) -> None:
    """Write an instance to a file of any format.

    What the format has no room for is said as a warning of the logger ``milproute``.

    Raises
    ------
    InstanceError : the format cannot hold the problem and something else would come back.
    OptionError : an unknown format.
    OutputError : the file cannot be written.
    """
    chosen = find_format(Path(path), format_name)
    write_text(Path(path), chosen.write(instance))
    tell(str(path), chosen.loses(instance))


def find_format(path: Path, format_name: str | None = None, option: str = "--to") -> Format:
    """Return the format with that name, or else the one that the suffix stands for.

    Parameters
    ----------
    option : the option of the command line that names a format.

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
            f"For another suffix name the format with {option}: {', '.join(FORMATS)}"
        )
    return SUFFIXES[path.suffix.lower()]


def _read(options: ImportOptions, format_name: str | None) -> Instance:
    """Read by name or suffix; where the content says otherwise, name the option for it."""
    path = options.path
    by_suffix = SUFFIXES.get(path.suffix.lower())
    shows_itself = by_suffix is None or by_suffix not in (QCAST, NET)
    if format_name is None and path.is_file() and shows_itself:
        found = format_by_content(path)
        if found and (by_suffix is None or found != by_suffix.name):
            allowed = f"a suffix of a format ({', '.join(SUFFIXES)}) and such a file"
            remedy = f"The file looks like {found}: name its format with {flag('from', found)}."
            value = repr(path.suffix) if path.suffix else "missing"
            options.problem("the suffix", value, allowed, remedy, flag("from", found))
            return FORMATS[found].read(options)
        other = other_content(path)
        if not found and other:
            allowed = "one of the formats " + ", ".join(FORMATS)
            raise InstanceError(
                str(path), "the file", "of another format", allowed, f"It seems to be {other}."
            )
    return find_format(path, format_name, "--from").read(options)


__all__ = [
    "FIELDS",
    "FORMATS",
    "SUFFIXES",
    "Format",
    "find_format",
    "flag",
    "read_any",
    "read_as_it_is",
    "write_any",
]
