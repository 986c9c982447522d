"""The Q-net library: fitted nets by name, each with the instance and the hop limit it was made for."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milproute.instances.errors import InstanceError, unknown_name
from milproute.instances.library import fingerprint
from milproute.instances.qnets.inputs import named_inputs
from milproute.instances.qnets.onnx import qnet_from_onnx
from milproute.instances.qnets.safetensors import load_qnet
from milproute.instances.resolve import resolve
from milproute.instances.schema import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from milproute.instances.instance import Instance
    from milproute.instances.qnets.net import QNet

FOLDER = files("milproute.instances.library")


class QNetRecipe(Frozen):
    """How a library Q-net was made, and how good it is.

    ``instance`` is a library name or a spec, ``fingerprint`` that of the instance drawn from it; the
    network only means something there. ``command`` fits the net anew, with all seeds; ``r2`` and
    ``rmse`` are its errors on validation samples.
    """

    description: str
    instance: str
    fingerprint: str
    max_hops: int
    command: str
    r2: float
    rmse: float
    file: str


def qnet_library() -> Mapping[str, QNetRecipe]:
    """Return the recipe of every library Q-net, in the order of the catalogue."""
    return {name: QNetRecipe.model_validate(entry) for name, entry in _catalogue()["qnets"].items()}


def qnet_names() -> list[str]:
    """List the names that `load_library_qnet` takes."""
    return list(_catalogue()["qnets"])


def load_library_qnet(name: str) -> tuple[QNet, Instance, int]:
    """Return a library Q-net, the instance it was made for, and its hop limit.

    Raises
    ------
    OptionError : no such name.
    InstanceError : the installed packages draw another instance than the one it was made for.
    MissingPackageError : safetensors is not installed.
    """
    recipe = _recipe(name)
    instance = resolve(recipe.instance)
    if fingerprint(instance) != recipe.fingerprint:
        raise InstanceError(
            f"library Q-net {name}",
            "fingerprint",
            f"made for the instance {recipe.fingerprint[:12]}…, but here {recipe.instance} draws "
            f"{fingerprint(instance)[:12]}…",
            "the instance that it was made for",
            "Install the versions of constraints.txt: pip install -c constraints.txt milproute.",
        )
    return _load(recipe), instance, recipe.max_hops


def resolve_qnet(text: str | Path, inputs: Sequence[str] | str | None = None) -> QNet:
    """Return the Q-net that ``text`` names: an existing file (.safetensors, .onnx) wins, then a library name.

    Parameters
    ----------
    inputs : feature blocks in input order, for a file that does not name them.

    Raises
    ------
    QNetError : a path to a missing or a bad file, or one that names other inputs.
    OptionError : neither a path nor a library name; with the nearest name.
    MissingPackageError : safetensors or onnx is not installed.
    """
    name, path = str(text), Path(text)
    if path.suffix.lower() == ".onnx":
        return qnet_from_onnx(path, inputs)
    if path.is_file():
        return load_qnet(path, inputs)
    if name in qnet_names():
        net = _load(_recipe(name))
        named_inputs(f"library Q-net {name}", "inputs", ",".join(net.inputs), inputs)
        return net
    if len(path.parts) > 1 or path.suffix or path.is_dir():
        return load_qnet(path)  # which says what is wrong with it
    raise unknown_name("Q-net", name, qnet_names())


def qnet_catalogue_path() -> Path:
    """Return the catalogue in a source checkout, where it can be written."""
    return Path(__file__).parents[1] / "library" / "qnets.toml"


def _recipe(name: str) -> QNetRecipe:
    recipes = qnet_library()
    if name not in recipes:
        raise unknown_name("library Q-net", name, recipes)
    return recipes[name]


def _load(recipe: QNetRecipe) -> QNet:
    with as_file(FOLDER / recipe.file) as path:
        return load_qnet(path)


@cache
def _catalogue() -> dict[str, Any]:
    return tomllib.loads((FOLDER / "qnets.toml").read_text(encoding="utf-8"))
