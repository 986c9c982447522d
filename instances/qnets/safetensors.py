"""Q-net files (``milproute.qnet/1``): one ``.safetensors`` file, read as numbers alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from milproute.instances.errors import OutputError, QNetError
from milproute.instances.files import write_bytes
from milproute.instances.optional import optional_package
from milproute.instances.qnets.inputs import named_inputs
from milproute.instances.qnets.net import QNET_FORMAT, QNet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.instances.arrays import Floats


PICKLED = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib")


def readable_file(path: Path, allowed: str) -> Path:
    """Return ``path`` when it is a file with content that need not be unpickled; QNetError otherwise."""
    if path.suffix.lower() in PICKLED:
        raise QNetError(
            path,
            "",
            f"a {path.suffix} file, which may have to be unpickled, and that can run any code",
            allowed,
            "Rebuild its nn.Sequential yourself (torch.load with weights_only=True reads numbers only), hand "
            "it to milproute.qnet_from_torch and write it with milproute.save_qnet.",
        )
    if not path.is_file():
        value = "a folder" if path.is_dir() else "missing"
        raise QNetError(path, "", value, "an existing file", "Check the path.")
    if path.stat().st_size == 0:
        raise QNetError(path, "", "empty", allowed, "Write or copy the file again.")
    return path


def load_qnet(path: Path | str, inputs: Sequence[str] | str | None = None) -> QNet:
    """Load a Q-net from a ``.safetensors`` file; float32 and float64 are computed in double.

    Parameters
    ----------
    inputs : feature blocks in input order, for a file that does not name them.

    Raises
    ------
    QNetError : with the file, the place, the value and what is allowed.
    MissingPackageError : safetensors is not installed.
    """
    path = Path(path)
    if path.suffix.lower() == ".onnx":
        remedy = "Convert it with milproute.instances.qnets.onnx.qnet_from_onnx and save_qnet."
        raise QNetError(path, "", "an ONNX file", "a .safetensors file", remedy)
    readable_file(path, "a .safetensors file")
    safetensors = optional_package("safetensors", "nets", f"reading {path}")
    try:
        with safetensors.safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            _check_format(path, metadata)
            blocks = named_inputs(path, "metadata.inputs", metadata.get("inputs"), inputs)
            weights, biases = _layers(path, file)
    except (safetensors.SafetensorError, OSError) as failure:
        value = f"no safetensors file ({failure})"
        raise QNetError(path, "", value, f"a .safetensors file of format {QNET_FORMAT}", "") from None
    return QNet(blocks, weights, biases, str(path))


def _check_format(path: Path, metadata: dict[str, str]) -> None:
    """Refuse another format than ours; further keys of the metadata are left alone."""
    if metadata.get("format") != QNET_FORMAT:
        value = repr(metadata["format"]) if "format" in metadata else "missing"
        remedy = "Make a Q-net of the tensors with instances.QNet and write it with save_qnet."
        raise QNetError(path, "metadata.format", value, repr(QNET_FORMAT), remedy)


def _layers(path: Path, file: Any) -> tuple[tuple[Floats, ...], tuple[Floats, ...]]:
    """Read the tensors, paired by their names and never by their order."""
    names = set(file.keys())
    numbers = {int(name.split(".")[1]) for name in names if re.fullmatch(r"layers\.\d+\.(weight|bias)", name)}
    count = max(numbers, default=-1) + 1
    wanted = [f"layers.{i}.{part}" for i in range(min(count, len(names))) for part in ("weight", "bias")]
    allowed = "the tensors layers.0.weight, layers.0.bias, layers.1.weight, … and no others"
    for name in sorted(names - set(wanted)):
        raise QNetError(path, f"tensor {name!r}", "an unknown name", allowed, "")
    for name in wanted:
        if name not in names:
            remedy = "A layer without bias needs one of zeros." if name.endswith("bias") else ""
            raise QNetError(path, name, "missing", allowed, remedy)
        kind = file.get_slice(name).get_dtype()
        if kind not in ("F32", "F64"):
            raise QNetError(path, name, f"of type {kind}", "F32 or F64", "Convert it before saving.")
    arrays = tuple(np.asarray(file.get_tensor(name), dtype=np.float64) for name in wanted)
    return arrays[::2], arrays[1::2]


def save_qnet(net: QNet, path: Path | str, dtype: type[np.floating[Any]] = np.float64) -> None:
    """Write a Q-net to a ``.safetensors`` file, whole or not at all; same net, same bytes.

    Parameters
    ----------
    dtype : float64, or float32 for half the size, which is exact where the numbers of the net are singles.

    Raises
    ------
    OutputError : another suffix, or a place that cannot be written.
    MissingPackageError : safetensors is not installed.
    """
    path = Path(path)
    if path.suffix.lower() != ".safetensors":
        raise OutputError(f"{path} cannot be written: a Q-net is a .safetensors file. Give it that suffix.")
    write_bytes(path, qnet_bytes(net, dtype))


def qnet_bytes(net: QNet, dtype: type[np.floating[Any]] = np.float64) -> bytes:
    """Return the content of a ``.safetensors`` file that holds a Q-net; same net, same bytes.

    Raises
    ------
    MissingPackageError : safetensors is not installed.
    """
    numpy_format = optional_package("safetensors.numpy", "nets", "writing a Q-net")
    tensors = {}
    for i, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True)):
        tensors[f"layers.{i}.weight"] = np.ascontiguousarray(weight, dtype=dtype)
        tensors[f"layers.{i}.bias"] = np.ascontiguousarray(bias, dtype=dtype)
    metadata = {"format": QNET_FORMAT, "inputs": ",".join(net.inputs)}
    return _steady(numpy_format.save(tensors, metadata=metadata))


def _steady(content: bytes) -> bytes:
    """Sort the keys of a safetensors header, whose metadata come in a random order."""
    size = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + size]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[8 + size :]
