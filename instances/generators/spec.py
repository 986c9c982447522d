"""Spec strings, ``NAME:key=value,key=value``: the one way to name a generated instance."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from milproute.instances.errors import OptionError, unknown_name
from milproute.instances.numbers import read_real, read_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np

    from milproute.instances.arrays import Integers

_NUMBER = r"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?"  # without a sign: 3-7 is a range
MOST_DRAWN = 1_000_000_000  # of channels or qubits; numpy draws 64-bit numbers


class Range(NamedTuple):
    """A closed range of whole numbers that values are drawn from, ``3-7`` in a spec."""

    least: int
    most: int

    def __str__(self) -> str:
        return _joined(self.least, self.most)

    def draw(self, size: int, rng: np.random.Generator) -> list[int]:
        """Draw ``size`` values uniformly."""
        values: Integers = rng.integers(self.least, self.most + 1, size=size)
        return [int(value) for value in values]


class RealRange(NamedTuple):
    """A closed range of real numbers, ``0.8-0.95`` in a spec."""

    least: float
    most: float

    def __str__(self) -> str:
        return _joined(self.least, self.most)

    def draw(self, size: int, rng: np.random.Generator) -> list[float]:
        """Draw ``size`` values uniformly, with four decimals; a single value stays as it is."""
        values = self.least + (self.most - self.least) * rng.random(size)
        return [self.least if self.least == self.most else round(float(value), 4) for value in values]


Value = int | float | Range | RealRange | None


@dataclass(frozen=True)
class Parameter:
    """One key of a spec.

    Parameters
    ----------
    read : turns the text into a value; ValueError when it is none.
    default : None stands for null where `optional` is set, and for "required" elsewhere.
    least, most : the closed range that a value (both ends of a range) must keep to.
    unit : words for the message, as in ``a whole number``.
    optional : whether ``none`` may be given.
    """

    read: Callable[[str], Value]
    default: Value
    least: float
    most: float
    unit: str
    optional: bool = False

    @property
    def allowed(self) -> str:
        """Say in words what may be given."""
        most = f" to {show(self.most)}" if self.most < inf else " or more"
        return f"{self.unit}, {show(self.least)}{most}" + (", or none" if self.optional else "")


def whole(default: int | None, least: int = 0, most: float = inf) -> Parameter:
    """Return a parameter that takes a whole number."""
    return Parameter(read_whole, default, least, most, "a whole number")


def real(default: float, least: float = 0.0, most: float = inf) -> Parameter:
    """Return a parameter that takes a number."""
    return Parameter(read_real, default, least, most, "a number")


def span(default: Range | None) -> Parameter:
    """Return a parameter that takes a whole number or a range of them; with default None also ``none``."""
    unit = "a whole number or a range like 3-7"
    return Parameter(read_range, default, 0, MOST_DRAWN, unit, optional=default is None)


def unit_span(default: float) -> Parameter:
    """Return a parameter that takes a number or a range of them in [0, 1]."""
    unit = "a number or a range like 0.8-0.95"
    return Parameter(read_real_range, RealRange(default, default), 0.0, 1.0, unit)


def read_range(text: str) -> Range:
    """Read ``3-7`` or ``5``; ValueError for anything else."""
    match = re.fullmatch(f"({_NUMBER})(?:-({_NUMBER}))?", text)
    if not match:
        raise ValueError(text)
    return Range(read_whole(match[1]), read_whole(match[2] or match[1]))


def read_real_range(text: str) -> RealRange:
    """Read ``0.8-0.95`` or ``0.9``; ValueError for anything else."""
    match = re.fullmatch(f"({_NUMBER})(?:-({_NUMBER}))?", text)
    if not match:
        raise ValueError(text)
    return RealRange(read_real(match[1]), read_real(match[2] or match[1]))


def show(value: object) -> str:
    """Write a value as a spec holds it: ``none``, ``3-7``, ``0.9``, ``2000``."""
    if value is None:
        return "none"
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def split_spec(spec: str) -> tuple[str, dict[str, str]]:
    """Split a spec into the text before the keys and the keys' texts.

    A part without ``=`` belongs to the name, so ``topohub:gabriel/25/0,seed=1`` works.

    Raises
    ------
    OptionError : a key twice, or a nameless part that is not the first.
    """
    name, _, tail = spec.partition(":")
    given: dict[str, str] = {}
    for i, part in enumerate(tail.split(",") if tail else []):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals and i == 0:
            name = f"{name}:{key}"
        elif not equals:
            raise OptionError(f"{spec!r} has {part!r}; allowed: NAME:key=value,key=value")
        elif key in given:
            raise OptionError(f"{spec!r} gives {key} twice; allowed: each key once")
        else:
            given[key] = value
    return name.strip(), given


def read_parameters(
    name: str, given: Mapping[str, str], parameters: Mapping[str, Parameter]
) -> dict[str, Any]:
    """Turn the texts of a spec into values, defaults filled in, in the order of ``parameters``.

    Raises
    ------
    OptionError : an unknown key, a missing required one, a value of the wrong kind or out of range.
    """
    for key in given:
        if key not in parameters:
            raise unknown_name(f"parameter of {name}", key, parameters)
    values: dict[str, Any] = {}
    for key, parameter in parameters.items():
        if key in given:
            values[key] = read_parameter(name, key, given[key], parameter)
        elif parameter.default is None and not parameter.optional:
            raise OptionError(f"{name} needs {key}={parameter.allowed}: nothing is guessed")
        else:
            values[key] = parameter.default
    return values


def write_spec(name: str, values: Mapping[str, Value]) -> str:
    """Write ``NAME:key=value,…`` in the order of ``values``."""
    separator = "," if ":" in name else ":"
    return name + separator + ",".join(f"{key}={show(value)}" for key, value in values.items())


def read_parameter(name: str, key: str, text: str, parameter: Parameter) -> Value:
    """Read one value for ``key`` of ``name``; OptionError when it is of the wrong kind or out of range."""
    if parameter.optional and text == "none":
        return None
    refusal = OptionError(f"{name}: {key} is {text!r}; allowed: {parameter.allowed}")
    try:
        value = parameter.read(text)
    except ValueError:
        raise refusal from None
    ends = value if isinstance(value, tuple) else (value, value)
    if not all(end is not None and parameter.least <= end <= parameter.most for end in ends):
        raise refusal
    if isinstance(value, tuple) and value[0] > value[1]:
        raise OptionError(f"{name}: {key} is {text!r}; allowed: the smaller end first")
    return value


def _joined(least: float, most: float) -> str:
    return show(least) if least == most else f"{show(least)}-{show(most)}"
