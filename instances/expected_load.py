"""Expected load: which whole load some attempts carry, and how many attempts a load needs.

A link of probability p carries a whole load F by x attempts when F <= p x: x attempts give p x pairs on
average. Probabilities are often fractions that were rounded, such as 0.3333333333 for 1/3. So p counts as
the simplest fraction within 1e-9 of it, relative to the fraction, and all that follows is exact arithmetic on
whole numbers. Nothing else is forgiven. Models, their tightening, heuristics, decoding and the checker all
ask here.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from milproute.instances.arrays import Floats, Integers
    from milproute.instances.network import Network

# The rounding of p itself to a double is forgiven on top, so that a decimal at exactly 1e-9 counts.
COUNTS_AS = Fraction(1, 10**9) + Fraction(1, 10**15)
# A whole load above p x exceeds it by at least 1 / denominator. Below this many, that is more than what
# solvers forgive of a row.
LARGEST_DENOMINATOR = 100_000


@lru_cache(maxsize=65_536)
def as_fraction(probability: float) -> Fraction:
    """Return the simplest fraction f with |p - f| <= 1e-9 f: the one with the smallest denominator."""
    p = Fraction(probability)
    return _simplest_between(p / (1 + COUNTS_AS), p / (1 - COUNTS_AS))


def largest_load(probability: float, attempts: int) -> int:
    """Return floor(p x): the largest whole load that x attempts carry."""
    p = as_fraction(probability)
    return p.numerator * attempts // p.denominator


def fewest_attempts(probability: float, load: int) -> int:
    """Return ceil(F / p): the fewest attempts that carry the whole load F.

    Raises
    ------
    ZeroDivisionError : a load on a link with p = 0, which carries none.
    """
    p = as_fraction(probability)
    return -(-load * p.denominator // p.numerator) if load else 0


def row_coefficient(probability: float, attempts: int) -> Fraction:
    """Return a fraction f with floor(f x) = floor(p x) for x = 0, …, ``attempts``, safe in a model's row.

    In a row F <= p x a solver forgives about 1e-6. Where p is barely below a fraction with a small
    denominator, as 0.3333333 is below 1/3, that lets a load through that p does not carry. Then f is the
    largest fraction below p whose denominator is at most ``attempts``: every whole load that it does not
    carry is beyond it by at least 1 / denominator.
    """
    p = as_fraction(probability)
    return p if p.denominator <= LARGEST_DENOMINATOR else neighbours(p, max(attempts, 1))[0]


def load_hull(probability: float, attempts: int) -> list[tuple[int, int]]:
    """Return the corners (F, x) of the lower hull of the points (F, ceil(F / p)), F = 0, …, floor(p c).

    The slopes rise, and no whole point below the hull or to its right carries its load with at most c =
    ``attempts`` attempts. There are O(log c) corners. Each edge runs along the smallest fraction above 1/p
    whose denominator is at most the load that is left, as often as it fits.
    """
    corners = [(0, 0)]
    p = as_fraction(probability)
    left = p.numerator * attempts // p.denominator
    while left:
        edge = neighbours(1 / p, left)[1]
        times = left // edge.denominator
        load, used = corners[-1]
        corners.append((load + times * edge.denominator, used + times * edge.numerator))
        left -= times * edge.denominator
    return corners


def most_attempts(
    network: Network, channels: Integers | None = None, memories: Integers | None = None
) -> Integers:
    """Return the most attempts each link can make: its channels, at most the qubits at each end; (links,).

    Parameters
    ----------
    channels, memories : free channels of each link and free qubits of each node; None for all of them.
    """
    channels = network.channels if channels is None else channels
    memories = network.memories if memories is None else memories
    at_ends = memories[network.ends].min(axis=1, initial=np.iinfo(np.int64).max)
    most: Integers = np.minimum(channels, at_ends)
    return most


def largest_loads(probabilities: Floats, attempts: Integers) -> Integers:
    """Return `largest_load` of each link, shape (links,)."""
    cases = zip(probabilities.tolist(), attempts.tolist(), strict=True)
    return np.array([largest_load(p, most) for p, most in cases], dtype=np.int64)


def neighbours(value: Fraction, largest_denominator: int) -> tuple[Fraction, Fraction]:
    """Return the largest fraction <= ``value`` and the smallest >= it with at most that denominator.

    Both are ``value`` where its own denominator is small enough. Otherwise they are the last two convergents
    or semiconvergents of its continued fraction: O(log) steps.
    """
    if value.denominator <= largest_denominator:
        return value, value
    p0, q0, p1, q1 = 0, 1, 1, 0
    n, d = value.numerator, value.denominator
    while q0 + (whole := n // d) * q1 <= largest_denominator:
        p0, q0, p1, q1 = p1, q1, p0 + whole * p1, q0 + whole * q1
        n, d = d, n - whole * d
    steps = (largest_denominator - q0) // q1
    found = Fraction(p0 + steps * p1, q0 + steps * q1), Fraction(p1, q1)
    return min(found), max(found)


def _simplest_between(low: Fraction, high: Fraction) -> Fraction:
    """Return the fraction with the smallest denominator in [low, high], both positive or both 0."""
    whole = ceil(low)
    if whole <= high:
        return Fraction(whole)
    floor = (
        whole - 1
    )  # both ends lie between floor and floor + 1: look at the reciprocals of what is beyond it
    return floor + 1 / _simplest_between(1 / (high - floor), 1 / (low - floor))
