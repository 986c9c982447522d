"""Import options: what a caller supplies for what a file lacks, and the remedy when something is missing.

Nothing is guessed, and nothing is passed over: an option without effect is an error as well.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from milproute.instances.errors import InstanceError, OptionError, unknown_name
from milproute.instances.formats.attribute_map import read_map
from milproute.instances.generators.generate import COMMON
from milproute.instances.generators.spec import Parameter, read_parameter, show
from milproute.instances.instance import Instance
from milproute.instances.numbers import read_real

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from milproute.instances.formats.draft import Note, Row

WORDS = ("name", "source", "licence")  # texts; given, they replace those of the file
PARAMETERS: Mapping[str, Parameter] = {
    **COMMON,
    "length_km": Parameter(read_real, None, 0.0, float("inf"), "a number"),
    "demand_unit": Parameter(read_real, None, 1e-9, float("inf"), "a number"),
}
SWITCHES = ("great_circle", "drop_unplaced", "drop_loops", "undirected")
PARALLEL = ("sum", "best", "error")
FIELDS = (*WORDS, *PARAMETERS, *SWITCHES, "parallel", "map", "length_from")
# A stream of its own for each, so that a file that lacks less does not change the rest.
STREAMS = ("memory", "swap_probability", "channels", "fidelity", "requests")
# For the command in a remedy, and in the place of what is missing until all that is missing is known.
EXAMPLES = {
    "memory": "12",
    "swap_probability": "0.9",
    "channels": "5",
    "fidelity": "0.98",
    "attenuation_per_km": "0.0002",
    "seed": "1",
}


def flag(key: str, value: str | None = None) -> str:
    """Write an option as the command line has it."""
    return f"--{key.replace('_', '-')}" + (f" {shlex.quote(value)}" if value is not None else "")


@dataclass(frozen=True)
class Problem:
    """Something that an option of the import mends: what is wrong, what to do, and an example of it."""

    place: str
    value: str
    allowed: str
    remedy: str
    flags: tuple[str, ...]


@dataclass
class ImportOptions:
    """The options of one import, which of them were of use, and what was missing.

    Parameters
    ----------
    path : the file that is read.
    given : options by the names of `FIELDS`; ``memory`` and the like take a number or a range like
        ``"10-14"``.
    converts : whether the caller can give options; if not, a remedy is the command that can.
    """

    path: Path
    given: Mapping[str, Any]
    converts: bool = True
    used: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    values: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        for key in self.given:
            if key not in FIELDS:
                raise unknown_name("import option", key, FIELDS)
        present = {
            key: value for key, value in self.given.items() if value is not None and value is not False
        }
        self.values = {
            key: read_parameter("import", key, show(value), PARAMETERS[key]) if key in PARAMETERS else value
            for key, value in present.items()
            if key not in WORDS
        }
        if self.values.get("parallel", "error") not in PARALLEL:
            raise unknown_name("way to treat parallel links", str(self.values["parallel"]), PARALLEL)
        if "map" in self.values:
            self.values["map"] = read_map(self.values["map"])
        if "length_from" in self.values and "length_km" in self.values.get("map", {}):
            raise OptionError("--length-from and --map X=length_km name the length twice: give one of them")

    def take(self, key: str) -> Any:
        """Return an option that now has an effect; None when it is not given."""
        if key in self.values:
            self.used.add(key)
        return self.values.get(key)

    def mapped(self) -> dict[str, str]:
        """Return for each field the attribute that a caller named for it."""
        named = dict(self.take("map") or {})
        column = self.take("length_from")
        return named | ({"length_km": str(column)} if column is not None else {})

    def problem(self, place: str, value: str, allowed: str, remedy: str, *flags: str) -> None:
        """Record what an option would mend; `raise_problems` tells of all of them at once."""
        self.problems.append(Problem(place, value, allowed, remedy, flags))

    def need(self, key: str, place: str, remedy: str = "The file does not have it") -> Any:
        """Return the option ``key``; record a problem and return an example when it is not given."""
        if key in self.values:
            return self.take(key)
        parameter, example = PARAMETERS[key], EXAMPLES[key]
        words = f"{remedy}: supply it with the option {flag(key)}."
        self.problem(place, "missing", parameter.allowed, words, flag(key, example))
        return read_parameter("import", key, example, parameter)

    def rng(self, stream: str) -> np.random.Generator:
        """Return the generator for what is drawn under ``stream``; the option ``seed`` is needed."""
        seed = self.need("seed", "seed", "Ranges and requests are drawn")
        return np.random.default_rng(np.random.SeedSequence(seed).spawn(len(STREAMS))[STREAMS.index(stream)])

    def fill(self, rows: Sequence[Row], key: str) -> None:
        """Give every row that lacks ``key`` a value: the option's, drawn where that is a range."""
        missing = [row for row in rows if row.fields.get(key) is None]
        if not missing:
            return
        span = self.need(key, missing[0].at(key))
        single = span.least == span.most
        drawn = [span.least] * len(missing) if single else span.draw(len(missing), self.rng(key))
        for row, value in zip(missing, drawn, strict=True):
            row.fields[key] = value

    def raise_problems(self) -> None:
        """Raise for the first problem; its remedy names what mends the others too.

        Raises
        ------
        InstanceError : there is a problem.
        """
        if not self.problems:
            return
        first, *others = self.problems
        remedy = first.remedy
        if self.converts:
            known = {*map(_option, first.flags), *map(flag, self.values)}
            besides = [f for f in unique(others) if _option(f) not in known]
            remedy += f" Needed besides, for example: {' '.join(besides)}." if besides else ""
        else:
            command = (
                f"milproute instances convert {shlex.quote(str(self.path))} {shlex.quote(self._target())}"
            )
            command = " ".join([command, *unique(self.problems)])
            remedy += f" Convert the file first, with values of your own: `{command}`."
        raise InstanceError(str(self.path), first.place, first.value, first.allowed, remedy)

    def finish(self, instance: Instance) -> Instance:
        """Put in the words of the caller and refuse options that had no effect.

        Raises
        ------
        OptionError : an option without effect.
        """
        self.raise_problems()
        idle = sorted(flag(key) for key in set(self.values) - self.used if self.values[key] != "error")
        if idle:
            raise OptionError(
                f"{', '.join(idle)} given for {self.path}; allowed: options that have an effect. "
                "The file leaves no use for it: leave the option out."
            )
        words = {key: self.given[key] for key in WORDS if self.given.get(key) is not None}
        if not words:
            return instance
        document = instance.document()
        document["name"] = words.pop("name", instance.name)
        document["metadata"] |= words
        return Instance.parse(document, "the import's options", InstanceError)

    def _target(self) -> str:
        """Return a name for the converted file that is not taken."""
        names = [f"{self.path.stem}.json", f"{self.path.stem}-milproute.json"]
        return next((name for name in names if not self.path.with_name(name).exists()), names[-1])


def unique(problems: Sequence[Problem]) -> list[str]:
    """List the flags of all problems, each option once, as it comes first."""
    found: dict[str, str] = {}
    for problem in problems:
        for words in problem.flags:
            found.setdefault(_option(words), words)
    return list(found.values())


def _option(words: str) -> str:
    """Return the option of a flag with its value; each ``--map`` is an option of its own."""
    return words if words.startswith("--map ") else words.split()[0]
