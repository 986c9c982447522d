"""The instance library: named instances, made on load and checked against their fingerprints."""

from __future__ import annotations

import hashlib
import json
import tomllib
from functools import cache
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milproute.instances.errors import InstanceError, unknown_name
from milproute.instances.files import load_instance
from milproute.instances.generators.generate import generate
from milproute.instances.schema import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milproute.instances.instance import Instance

DRAWN_WITH = ("numpy", "networkx", "topohub")  # what a drawn instance depends on
FOLDER = files("milproute.instances.library")


class Recipe(Frozen):
    """How a library instance is made: from a ``spec`` or a ``file`` of the package.

    ``fingerprint`` is `fingerprint` of the instance that must come out.
    """

    description: str
    spec: str | None = None
    file: str | None = None
    fingerprint: str


def library() -> Mapping[str, Recipe]:
    """Return the recipe of every library instance, in the order of the catalogue."""
    return {name: Recipe.model_validate(entry) for name, entry in _catalogue()["instances"].items()}


def library_names() -> list[str]:
    """List the names that `load_library` takes."""
    return list(_catalogue()["instances"])


def load_library(name: str) -> Instance:
    """Make a library instance and check that it is the one everybody else has.

    Raises
    ------
    OptionError : no such name.
    InstanceError : the installed packages draw another instance; the message names the versions.
    """
    recipes = library()
    if name not in recipes:
        raise unknown_name("library instance", name, recipes)
    instance = make(name, recipes[name])
    if fingerprint(instance) != recipes[name].fingerprint:
        here = ", ".join(f"{package} {version(package)}" for package in DRAWN_WITH)
        there = ", ".join(f"{package} {known}" for package, known in _catalogue()["made_with"].items())
        raise InstanceError(
            f"library instance {name}",
            "fingerprint",
            f"{fingerprint(instance)[:12]}… (drawn with {here})",
            f"{recipes[name].fingerprint[:12]}… (drawn with {there})",
            "Install the versions of constraints.txt: pip install -c constraints.txt milproute.",
        )
    return instance


def make(name: str, recipe: Recipe) -> Instance:
    """Make the instance of a recipe under its library name, without a look at the fingerprint."""
    if recipe.file is not None:
        with as_file(FOLDER / recipe.file) as path:
            return load_instance(path)
    return generate(recipe.spec or "").changed(name=name)


def fingerprint(instance: Instance) -> str:
    """Return the sha256 of the problem: the JSON document without name and metadata.

    Those say where a problem comes from; a new release of topohub changes them without changing it.
    """
    document = instance.document()
    problem = {key: value for key, value in document.items() if key not in ("name", "metadata")}
    text = json.dumps(problem, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def best_known() -> dict[str, Any]:
    """Return the best known values: ``{"format": …, "entries": [...]}``.

    An entry has ``instance``, ``formulation``, ``variant``, ``fingerprint`` (of the instance),
    ``options`` (those of the solve; ``relax`` marks an LP), ``value``, ``bound``, ``status``,
    ``versions`` and ``date``.
    """
    data: dict[str, Any] = json.loads((FOLDER / "best_known.json").read_text(encoding="utf-8"))
    return data


def catalogue_path() -> Path:
    """Return the catalogue in a source checkout, where it can be written."""
    return Path(__file__).with_name("library.toml")


@cache
def _catalogue() -> dict[str, Any]:
    return tomllib.loads((FOLDER / "library.toml").read_text(encoding="utf-8"))
