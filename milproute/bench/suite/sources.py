"""Sources: the instances, Q-nets and solvers that a suite names, each found and read once."""

from __future__ import annotations

import re
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from glob import glob, has_magic
from itertools import product
from typing import TYPE_CHECKING, Any

from milproute.instances import InstanceError, MilprouteError, OptionError, resolve
from milproute.instances.library import fingerprint
from milproute.instances.outcomes import draw_entangled
from milproute.instances.qnets.library import load_library_qnet, qnet_library, resolve_qnet
from milproute.instances.qnets.safetensors import qnet_bytes
from milproute.solvers.backends import load_backend
from milproute.solvers.results import MissingSolverError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from milproute.instances import Instance, QNet

RANGE = re.compile(r"=(\d+)\.\.(\d+)(?=,|$)")


@dataclass(frozen=True, slots=True)
class InstanceSource:
    """An instance with the name it has in the suite.

    Parameters
    ----------
    label, instance, digest : name, problem and content hash.
    document : before pairs are drawn; a cell reads it sooner than it makes the instance again.
    draw_pairs : seed of the pairs on its links, None for those that it came with.
    """

    label: str
    instance: Instance
    digest: str
    document: dict[str, Any]
    draw_pairs: int | None = None

    def drawn(self, seed: int | None) -> InstanceSource:
        """Return this source with pairs drawn; unchanged without a seed."""
        if seed is None:
            return self
        instance = draw_entangled(self.instance, seed)
        return InstanceSource(self.label, instance, fingerprint(instance), self.document, seed)


@dataclass(frozen=True, slots=True)
class QNetSource:
    """A Q-net with the name it has in the suite.

    Parameters
    ----------
    label, qnet : name and net.
    home, max_hops : the instance and the hop limit that a library net was made for.
    content : in base64, as a .safetensors file, a net that is not in the library.
    """

    label: str
    qnet: QNet
    home: InstanceSource | None = None
    max_hops: int | None = None
    content: str | None = None


@contextmanager
def placed(place: str) -> Iterator[None]:
    """Put the place in the suite in front of what goes wrong in the block."""
    try:
        yield
    except MissingSolverError as error:
        raise MissingSolverError(f"{place}: {error}") from None
    except MilprouteError as error:
        raise OptionError(f"{place}: {error}") from None


@dataclass(frozen=True, slots=True)
class Sources:
    """Finds what a suite names, relative to its folder."""

    folder: Path
    known: dict[str, InstanceSource] = field(default_factory=dict)

    def instances(self, text: str) -> list[InstanceSource]:
        """Return the instances of one entry: a file, a library name, a glob, a generator call with ranges.

        Raises
        ------
        MilprouteError : nothing of that name, or a glob that matches nothing.
        """
        if not (self.folder / text).is_file() and has_magic(text):
            matches = sorted(glob(text, root_dir=self.folder, recursive=True))
            if not matches:
                raise InstanceError(
                    text, "", f"without a match in {self.folder}", "a glob of instance files", ""
                )
            return [self._one(match) for match in matches]
        return [self._one(label) for label in _ranged(text)]

    def qnet(self, text: str, inputs: str | None) -> QNetSource:
        """Return a Q-net: a file or a library name.

        Parameters
        ----------
        inputs : feature blocks in input order, for a file that does not name them.

        Raises
        ------
        MilprouteError : nothing of that name, or one that names other inputs.
        """
        path = self.folder / text
        if path.is_file():
            net = resolve_qnet(path, inputs)
            return QNetSource(text, net, content=b64encode(qnet_bytes(net)).decode())
        resolve_qnet(text, inputs)  # which says what is wrong with it
        qnet, _, hops = load_library_qnet(text)
        return QNetSource(text, qnet, self._one(qnet_library()[text].instance), hops)

    def _one(self, label: str) -> InstanceSource:
        if label not in self.known:
            path = self.folder / label
            instance = resolve(path if path.is_file() else label)
            self.known[label] = InstanceSource(label, instance, fingerprint(instance), instance.document())
        return self.known[label]


@cache
def solver_version(name: str) -> str:
    """Return the version of a back end.

    Raises
    ------
    OptionError : no such solver; with the nearest name.
    MissingSolverError : it is not installed.
    """
    return load_backend(name).version


def _ranged(text: str) -> list[str]:
    """Write a generator call once for each combination of its ranges, ``seed=1..5``."""
    spans = [range(int(first), int(last) + 1) for first, last in RANGE.findall(text)]
    if not all(spans):
        raise OptionError(f"{text!r} has an empty range; allowed: the smaller end first, as in seed=1..5")
    parts = RANGE.split(text)[::3]
    calls = []
    for values in product(*spans):
        filled = [*(f"={value}" for value in values), ""]
        calls.append("".join(part + value for part, value in zip(parts, filled, strict=True)))
    return calls
