"""Optional packages: imported when they are needed, or named with the extra that brings them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from milproute.instances.errors import MissingPackageError


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
