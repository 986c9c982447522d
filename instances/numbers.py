"""Numbers in files: one rule for every reader.

A number is written as such or as text with one decimal number and nothing else: ``10``, ``10.5``,
``"10.5"``, ``" 1e3 "``. A whole number may carry a fraction of zero: ``4.0`` is 4. Neither true and false,
nor NaN and infinity, nor ``1_000``, ``0x10`` or ``10 km`` are numbers.
"""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite

DECIMAL = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
MOST_DIGITS = 4300  # Python refuses longer integers


def read_number(value: object) -> int | float:
    """Return the number that ``value`` is, an int where it is written as one.

    Raises
    ------
    ValueError : it is no finite number.
    """
    if isinstance(value, str):
        return _from_text(value.strip())
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, float) or not isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return value


def read_real(value: object) -> float:
    """Return the number that ``value`` is as a float, never minus zero.

    Raises
    ------
    ValueError : it is no number, or beyond the range of floats.
    """
    try:
        return float(read_number(value)) + 0.0
    except OverflowError:
        raise ValueError("beyond the range of floats") from None


def read_whole(value: object) -> int:
    """Return the whole number that ``value`` is.

    Raises
    ------
    ValueError : it is no number, or has a fraction.
    """
    found = read_number(value)
    exact = Decimal(value.strip()) if isinstance(value, str) else found
    if exact != int(exact):
        raise ValueError(f"{value!r} is no whole number")
    return int(exact)


def number_or_same(value: object) -> object:
    """Return the number that ``value`` is; anything else comes back as it is."""
    try:
        return read_number(value)
    except ValueError:
        return value


def whole_or_same(value: object) -> object:
    """Return the whole number that ``value`` is; anything else comes back as it is."""
    try:
        return read_whole(value)
    except ValueError:
        return value


def _from_text(text: str) -> int | float:
    if len(text) > MOST_DIGITS or not re.fullmatch(DECIMAL, text):
        raise ValueError(f"{text[:80]!r} is no number")
    if re.fullmatch("[+-]?[0-9]+", text):
        return int(text)
    found = float(text)
    if not isfinite(found):
        raise ValueError(f"{text[:80]!r} is no finite number")
    return found
