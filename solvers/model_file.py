"""Compiled models as MPS files."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from milproute.instances import OptionError
from milproute.instances.files import write_bytes
from milproute.solvers.backends import load_backend

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel


def write_compiled(path: Path, compiled: CompiledModel, solver: str) -> None:
    """Write a compiled model with names as MPS, whole or not at all.

    Raises
    ------
    OptionError : another suffix than .mps.
    OutputError : the file cannot be written.
    """
    if path.suffix.lower() != ".mps":
        raise OptionError(f"model file {str(path)!r} has the suffix {path.suffix!r}; allowed: .mps")
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.mps"
        load_backend(solver).write(compiled, file)
        write_bytes(path, file.read_bytes())
