"""Q-net: a feed-forward ReLU network Q(state, action), and its file (``milproute.qnet/1``).

    y_0 = x,   y_l = max(0, W_l y_{l-1} + b_l) for l = 1 ... L - 1,   Q = W_L y_{L-1} + b_L

A file is read as numbers alone: nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from milproute.instances.errors import MissingPackageError, OutputError, QNetError
from milproute.instances.files import write_bytes
from milproute.instances.qnets.features import BLOCKS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import ArrayLike, NDArray

    Floats: TypeAlias = NDArray[np.float64]

QNET_FORMAT: Literal["milproute.qnet/1"] = "milproute.qnet/1"
PICKLED = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib")


@dataclass(frozen=True, eq=False)
class QNet:
    """A Q-net as a value: equal when inputs and numbers are equal; the arrays cannot be written.

    Parameters
    ----------
    inputs : feature blocks in input order, names of `milproute.instances.qnets.features.BLOCKS`.
    weights : W_l, shapes (out, in); converted to float64.
    biases : b_l, shapes (out,); converted to float64.
    source : the file or the like, for messages.

    Raises
    ------
    QNetError : an unknown or repeated block, no layer, shapes that do not chain, an output that is not one
        number, or a number that is not finite.
    """

    inputs: tuple[str, ...]
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    source: str = "the Q-net"

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", as_inputs(self.inputs))
        for name in ("weights", "biases"):
            arrays = tuple(np.array(values, dtype=np.float64) for values in getattr(self, name))
            for array in arrays:
                array.setflags(write=False)
            object.__setattr__(self, name, arrays)
        self._check_inputs()
        self._check_layers()

    def _check_inputs(self) -> None:
        allowed = "feature blocks: " + ", ".join(BLOCKS)
        if not self.inputs:
            raise QNetError(self.source, "inputs", "empty", allowed, "")
        for i, block in enumerate(self.inputs):
            if block not in BLOCKS:
                near = get_close_matches(str(block), BLOCKS, n=1)
                hint = f"Did you mean {near[0]!r}?" if near else ""
                raise QNetError(self.source, f"inputs[{i}]", repr(block), allowed, hint)
            if block in self.inputs[:i]:
                raise QNetError(self.source, f"inputs[{i}]", repr(block), "each feature block once", "")

    def _check_layers(self) -> None:
        if not self.weights or len(self.weights) != len(self.biases):
            value = f"{len(self.weights)} weights and {len(self.biases)} biases"
            raise QNetError(self.source, "layers", value, "at least one layer, each with weight and bias", "")
        width = None
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            place = f"layers.{i}.weight"
            if weight.ndim != 2 or 0 in weight.shape:
                raise QNetError(
                    self.source, place, f"of shape {weight.shape}", "shape (out, in), neither 0", ""
                )
            if width is not None and weight.shape[1] != width:
                allowed = f"shape (out, {width}), as layers.{i - 1} puts out {width}"
                raise QNetError(self.source, place, f"of shape {weight.shape}", allowed, "")
            width = weight.shape[0]
            if bias.shape != (width,):
                raise QNetError(
                    self.source, f"layers.{i}.bias", f"of shape {bias.shape}", f"shape ({width},)", ""
                )
            for name, array in (("weight", weight), ("bias", bias)):
                wrong = np.argwhere(~np.isfinite(array))
                if len(wrong):
                    where = ", ".join(map(str, wrong[0]))
                    raise QNetError(
                        self.source,
                        f"layers.{i}.{name}[{where}]",
                        f"{array[tuple(wrong[0])]}",
                        "finite numbers",
                        f"({len(wrong)} of {array.size} are not; the training diverged.)",
                    )
        if width != 1:
            place = f"layers.{len(self.weights) - 1}.weight"
            remedy = "A net with one output an action has no paths among its inputs: train Q(state, action)."
            raise QNetError(self.source, place, f"{width} outputs wide", "output size 1, which is Q", remedy)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Width of the input, of every hidden layer, and of the output (1)."""
        return (self.weights[0].shape[1], *(len(bias) for bias in self.biases))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of inputs, shapes and numbers: the version of the weights."""
        total = hashlib.sha256(repr((self.inputs, self.sizes)).encode())
        for weight, bias in zip(self.weights, self.biases, strict=True):
            total.update(weight.astype("<f8").tobytes())
            total.update(bias.astype("<f8").tobytes())
        return total.hexdigest()

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, QNet) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def forward(self, x: ArrayLike) -> Floats:
        """Return Q by a plain forward pass in double precision.

        Parameters
        ----------
        x : inputs, shape (..., inputs).

        Returns
        -------
        Q, shape (...): one number for each input vector.
        """
        first = np.asarray(x, dtype=np.float64) @ self.weights[0].T + self.biases[0]
        return self.forward_from(first)

    def forward_from(self, first: ArrayLike) -> Floats:
        """Return Q from the values of the first layer before its ReLU, shape (..., sizes[1]).

        For many actions of one state: W_1 x + b_1 adds up over the chosen paths.
        """
        value = np.asarray(first, dtype=np.float64)
        for weight, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            value = np.maximum(value, 0.0) @ weight.T + bias
        return value[..., 0]


def optional_package(name: str, extra: str, purpose: str) -> Any:
    """Import an optional package.

    Raises
    ------
    MissingPackageError : it is not installed; the message names the extra to install.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as failure:
        root = name.partition(".")[0]
        if failure.name is None or failure.name.partition(".")[0] != root:
            raise
        raise MissingPackageError(
            f"{purpose} needs the package {root}, which is not installed: pip install 'milproute[{extra}]'"
        ) from None


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


def named_inputs(
    source: Path | str, place: str, written: str | None, given: Sequence[str] | str | None
) -> tuple[str, ...]:
    """Return the feature blocks of a net: those that its file names, or those that its user gives.

    Parameters
    ----------
    source, place : the file, and where in it the blocks are named.
    written, given : the blocks in the file, and those of the user; None for none.

    Raises
    ------
    QNetError : neither names them, or both do and differ.
    """
    if written is None and given is None:
        allowed = "a comma-separated list of feature blocks: " + ", ".join(BLOCKS)
        remedy = (
            "Name them in input order: --inputs link_load,request_served on the command line, "
            "`inputs` in a suite or in Python."
        )
        raise QNetError(source, place, "missing", allowed, remedy)
    if written is None or given is None:
        return as_inputs(given if written is None else written)  # type: ignore[arg-type]
    if as_inputs(given) != split_inputs(written):
        allowed = f"{','.join(as_inputs(given))!r}, the inputs that were given beside the file"
        remedy = "Leave --inputs (`inputs`) out: the file says what its inputs are."
        raise QNetError(source, place, repr(written), allowed, remedy)
    return split_inputs(written)


def split_inputs(text: str) -> tuple[str, ...]:
    """Split a comma-separated list of feature blocks."""
    return tuple(block.strip() for block in text.split(",")) if text.strip() else ()


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


def save_qnet(net: QNet, path: Path | str) -> None:
    """Write a Q-net as float64 to a ``.safetensors`` file, whole or not at all; same net, same bytes.

    Raises
    ------
    OutputError : another suffix, or a place that cannot be written.
    MissingPackageError : safetensors is not installed.
    """
    path = Path(path)
    if path.suffix.lower() != ".safetensors":
        raise OutputError(f"{path} cannot be written: a Q-net is a .safetensors file. Give it that suffix.")
    write_bytes(path, qnet_bytes(net))


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


def as_inputs(inputs: Sequence[str] | str) -> tuple[str, ...]:
    """Return feature blocks given as names or as one comma-separated text."""
    return split_inputs(inputs) if isinstance(inputs, str) else tuple(inputs)
