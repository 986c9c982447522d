"""Suite: the TOML file that says what a benchmark solves, how, and within which limits."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field

from milproute.instances.errors import DocumentError, unknown_name
from milproute.instances.files import read_text
from milproute.instances.schema import AnyNumber, AnyWhole, Count, Flag, Frozen, Identifier, NonNegative

SHIPPED = files("milproute.bench.suites")


class SuiteError(DocumentError):
    """A suite file that describes no benchmark."""


def _listed(value: Any) -> Any:
    """Take a single value for a list of one."""
    return value if isinstance(value, list | tuple) else (value,)


Item = TypeVar("Item")
Many = Annotated[tuple[Item, ...], Field(min_length=1), BeforeValidator(_listed)]
Whole = Annotated[int, Field(strict=True, ge=1), AnyWhole]


class ModelGroup(Frozen):
    """What is stated and how: all combinations of the lists. A single value stands for a list of one.

    Parameters
    ----------
    formulation : ``link``, ``path``, ``reps`` or ``argmax``.
    variants, method, flows, relax : as in `milproute.solve`; without ``variants`` the default one. The
        ``variants`` of an argmax join actions, relu and bounds, and the others have no place there.
    instances : in place of the suite's.
    qnets, max_hops : of an argmax. Without ``instances`` a library Q-net meets the instance and, without
        ``max_hops``, the hop limit that it was made for.
    inputs : feature blocks in input order, joined by commas, of the Q-nets whose files name none.
    draw_pairs : seeds of entangled pairs, which the path ILP (and some Q-nets) need.
    """

    formulation: Identifier
    variants: Many[Identifier] | None = None
    method: Many[Identifier] | None = None
    flows: Many[Literal["integer", "continuous"]] | None = None
    relax: Many[Flag] | None = None
    instances: Many[Identifier] | None = None
    qnets: Many[Identifier] | None = None
    inputs: Identifier | None = None
    max_hops: Many[Whole] | None = None
    draw_pairs: Many[Count] | None = None


class Suite(Frozen):
    """A benchmark: all combinations of models, instances, solvers, seeds and permutations.

    Parameters
    ----------
    name : of the suite; a result folder belongs to one.
    instances : library names, files, globs, or generator calls in which ``seed=1..5`` stands for five.
    solvers : names, with native options if need be; without it all that are installed.
    seeds, permutations : of the solver; of rows and columns (0: as built).
    time_limit, memory_limit_mb, threads, gap : of each solve.
    models : what is solved.
    """

    name: Identifier
    instances: Many[Identifier] | None = None
    solvers: Many[Identifier] | None = None
    seeds: Many[Count] = (0,)
    permutations: Many[Count] = (0,)
    time_limit: Annotated[float, Field(strict=True, ge=0.001), AnyNumber] = 60.0
    memory_limit_mb: Whole | None = None
    threads: Whole = 1
    gap: NonNegative = 1e-4
    models: Annotated[tuple[ModelGroup, ...], Field(min_length=1)]

    @property
    def limits(self) -> dict[str, float | int | None]:
        """What all cells of a result folder have in common, so that they can be compared."""
        return {
            "time_limit": self.time_limit,
            "memory_limit_mb": self.memory_limit_mb,
            "threads": self.threads,
            "gap": self.gap,
        }


def shipped_suites() -> list[str]:
    """List the suites that work by name."""
    return sorted(Path(file.name).stem for file in SHIPPED.iterdir() if file.name.endswith(".toml"))


def load_suite(text: str) -> tuple[Suite, Path]:
    """Return the suite that ``text`` names, an existing file or a shipped one, and the folder of its paths.

    Raises
    ------
    SuiteError : a missing file, no TOML, an unknown key, a value that no suite may hold.
    OptionError : neither a path nor a shipped suite; with the nearest name.
    """
    path = Path(text)
    if path.is_file() or len(path.parts) > 1 or path.suffix:
        return _parse(read_text(path, SuiteError), text), path.parent
    if text not in shipped_suites():
        raise unknown_name("suite", text, shipped_suites())
    return _parse((SHIPPED / f"{text}.toml").read_text(encoding="utf-8"), text), Path()


def _parse(content: str, source: str) -> Suite:
    try:
        data = tomllib.loads(content)
    except tomllib.TOMLDecodeError as failure:
        raise SuiteError(source, "", f"no TOML ({failure})", "a TOML document", "") from None
    return Suite.parse(data, source, SuiteError)
