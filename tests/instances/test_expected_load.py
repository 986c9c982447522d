"""Loads and attempts against exact fractions counted one by one."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.instances.expected_load import (
    as_fraction,
    fewest_attempts,
    largest_load,
    load_hull,
    most_attempts,
    neighbours,
    row_coefficient,
)
from milproute.instances.generators.generate import generate

probabilities = st.floats(1e-6, 1.0)


@st.composite
def nearly_whole(draw: st.DrawFn) -> tuple[Fraction, float, float, int]:
    """Draw a fraction F/x, a relative offset from it, the double at that offset, and x."""
    attempts = draw(st.integers(1, 40))
    exact = Fraction(draw(st.integers(1, attempts)), attempts)
    digits = draw(st.sampled_from([3, 5, 6, 7, 8, 10, 11, 12, 14]))
    offset = draw(st.sampled_from([-1, 1])) * draw(st.floats(1.01, 9.9)) * 10.0**-digits
    return exact, offset, min(1.0, float(exact) * (1 + offset)), attempts


@given(nearly_whole())
def test_a_probability_within_a_billionth_of_a_fraction_is_that_fraction_and_no_other_is_forgiven(
    case: tuple[Fraction, float, float, int],
) -> None:
    exact, offset, p, attempts = case
    load = int(exact * attempts)
    if abs(offset) < 1e-9 or p == 1.0:
        assert largest_load(p, attempts) == load
        assert fewest_attempts(p, load) <= attempts
    elif offset < -1.1e-9:
        assert largest_load(p, attempts) == floor(Fraction(p) * attempts) == load - 1
    else:
        assert largest_load(p, attempts) == floor(Fraction(p) * attempts) == load


@pytest.mark.parametrize(
    ("p", "attempts", "load"),
    [
        (0.333333, 3, 0),
        (0.3333333, 6, 1),
        (0.333333333, 3, 1),
        (0.3333333333, 3, 1),
        (0.19999999, 5, 0),
        (0.2, 5, 1),
        (0.1 + 0.2, 10, 3),
        (0.7, 10, 7),
        (0.0, 5, 0),
        (1.0, 10**12, 10**12),
        (0.5, 10**12, 5 * 10**11),
    ],
)
def test_loads_at_and_beside_whole_numbers(p: float, attempts: int, load: int) -> None:
    assert largest_load(p, attempts) == load


@given(probabilities, st.integers(0, 60))
def test_fewest_attempts_is_the_first_number_of_attempts_that_carries_the_load(p: float, load: int) -> None:
    x = fewest_attempts(p, load)
    assert largest_load(p, x) >= load
    assert x == 0 or largest_load(p, x - 1) < load


@given(st.one_of(probabilities, nearly_whole().map(lambda case: case[2])), st.integers(1, 60))
def test_the_coefficient_of_a_row_has_the_same_whole_solutions_and_keeps_others_far(
    p: float, attempts: int
) -> None:
    f = row_coefficient(p, attempts)
    for x in range(attempts + 1):
        load = largest_load(p, x)
        assert load <= f * x
        assert load + 1 - float(f) * x > 9e-6


@given(st.one_of(probabilities, nearly_whole().map(lambda case: case[2])), st.integers(0, 80))
def test_the_hull_is_that_of_all_points_listed_one_by_one(p: float, attempts: int) -> None:
    points = [(load, fewest_attempts(p, load)) for load in range(largest_load(p, attempts) + 1)]
    corners = load_hull(p, attempts)
    assert corners[0] == (0, 0) and corners[-1] == points[-1]
    assert set(corners) <= set(points)
    slopes = [Fraction(x1 - x0, f1 - f0) for (f0, x0), (f1, x1) in pairwise(corners)]
    assert all(a < b for a, b in pairwise(slopes))
    for load, x in points:
        for (f0, x0), slope in zip(corners, slopes, strict=False):
            assert x >= x0 + slope * (load - f0)


@given(st.one_of(probabilities, nearly_whole().map(lambda case: case[2])), st.integers(1, 80))
def test_whole_points_above_the_hull_carry_their_load(p: float, attempts: int) -> None:
    corners = load_hull(p, attempts)
    for load in range(corners[-1][0] + 1):
        lowest = max(
            (x0 + Fraction(x1 - x0, f1 - f0) * (load - f0) for (f0, x0), (f1, x1) in pairwise(corners)),
            default=0,
        )
        assert ceil(lowest) == fewest_attempts(p, load)


@given(st.fractions(0, 3, max_denominator=5000), st.integers(1, 70))
def test_neighbours_are_the_nearest_fractions_of_small_denominator(value: Fraction, most: int) -> None:
    below, above = neighbours(value, most)
    assert below == max(Fraction(floor(value * q), q) for q in range(1, most + 1))
    assert above == min(Fraction(ceil(value * q), q) for q in range(1, most + 1))


@given(probabilities)
def test_the_fraction_is_the_simplest_one_close_by(p: float) -> None:
    f = as_fraction(p)
    assert abs(Fraction(p) - f) <= Fraction(1001, 10**12) * f
    for q in range(1, min(f.denominator, 300)):
        nearest = Fraction(round(Fraction(p) * q), q)
        assert abs(Fraction(p) - nearest) > Fraction(1, 10**9) * nearest


@pytest.mark.parametrize("attempts", [10**5, 10**9, 10**12])
@pytest.mark.parametrize("p", [0.5, 0.3, 0.9753123, 1e-7, 1.0])
def test_the_hull_of_a_large_capacity_has_few_corners(p: float, attempts: int) -> None:
    corners = load_hull(p, attempts)
    assert corners[-1] == (largest_load(p, attempts), fewest_attempts(p, largest_load(p, attempts)))
    assert len(corners) < 80


def test_most_attempts_is_the_least_of_channels_and_both_memories() -> None:
    network = generate("waxman:nodes=12,requests=1,seed=3,memory=1-9,channels=1-9")
    for e, (link, most) in enumerate(zip(network.links, most_attempts(network), strict=True)):
        ends = [network.nodes[v].memory for v in network.ends[e]]
        assert most == min(link.channels, *ends)
    assert most_attempts(network).dtype == np.int64
