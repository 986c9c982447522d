"""Ideal inequalities of one neuron: valid, exactly as strong as the convex hull, found without trying all."""

from __future__ import annotations

from itertools import combinations_with_replacement, product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from milproute.formulations.relu.ideal_cuts import BoxInputs, Cut, Simplices
from tests.support.cases import thorough

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milproute.instances.arrays import Floats


seeds = st.integers(0, 2**32 - 1)


def drawn(rng: np.random.Generator, neurons: int = 1) -> tuple[Simplices, Floats, Floats]:
    """Draw groups with one to three copies, weights with ties and zeros, constants."""
    sizes = rng.integers(1, 5, rng.integers(1, 4))
    group = np.repeat(np.arange(len(sizes)), sizes)
    weights = np.round(rng.normal(size=(len(group), neurons)) * 2, int(rng.integers(0, 3)))
    copies = rng.integers(1, 4, len(sizes)).astype(float)
    return Simplices(group, copies), weights, rng.normal(size=neurons)


def inside(simplices: Simplices, rng: np.random.Generator) -> Floats:
    """Draw a point: some columns at 0, some groups full, some not."""
    x = rng.random(len(simplices.group)) * (rng.random(len(simplices.group)) < 0.7)
    for k, copies in enumerate(simplices.copies):
        own = simplices.group == k
        if x[own].sum() > 0:
            x[own] *= copies * rng.choice([1.0, rng.random()]) / x[own].sum()
    return x


def whole_points(simplices: Simplices) -> Iterator[Floats]:
    """Yield every choice of up to N_k columns of each group k, with repeats."""
    groups = []
    for k, copies in enumerate(simplices.copies.astype(int).tolist()):
        own = np.flatnonzero(simplices.group == k).tolist()
        groups.append([c for n in range(copies + 1) for c in combinations_with_replacement(own, n)])
    for choice in product(*groups):
        yield np.bincount([p for part in choice for p in part], minlength=len(simplices.group)).astype(float)


def left(cut: Cut, y: float, z: float, x: Floats, f: float) -> float:
    return (y - f if cut.spare else y) + cut.z * z + float(cut.others @ x)


def hull_of_simplices(simplices: Simplices, w: Floats, c: float, x: Floats, z: float) -> float:
    """Maximise y over the extended formulation: columns split into an active part t and the rest."""
    groups = len(simplices.copies)
    unused = simplices.copies - np.bincount(simplices.group, x, groups)
    rows = np.array([np.append(simplices.group == k, np.arange(groups) == k) for k in range(groups)], float)
    result = linprog(
        -np.append(w, np.zeros(groups)),
        A_eq=rows,
        b_eq=simplices.copies * z,
        bounds=list(zip(np.zeros(len(x) + groups), np.maximum(0.0, np.append(x, unused)), strict=True)),
    )
    assert result.status == 0
    assert result.fun is not None
    return c * z - float(result.fun)


@given(seeds)
@thorough
def test_the_least_right_side_over_simplices_is_the_maximum_of_the_hull(seed: int) -> None:
    rng = np.random.default_rng(seed)
    simplices, weights, constants = drawn(rng, 3)
    x, z = inside(simplices, rng), rng.choice([0.0, 0.3, 1.0, rng.random()], 3)
    thresholds = simplices.thresholds(weights, x, z)
    sides = simplices.right_sides(weights, constants, thresholds, x, z)
    for j in range(3):
        hull = hull_of_simplices(simplices, weights[:, j], float(constants[j]), x, float(z[j]))
        assert sides[j] == pytest.approx(hull, abs=1e-7)


@given(seeds)
@thorough
def test_no_choice_of_columns_breaks_a_cut_whatever_its_thresholds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    simplices, weights, constants = drawn(rng)
    w, c = weights[:, 0], float(constants[0])
    found = simplices.thresholds(weights, inside(simplices, rng), rng.random(1))[:, 0]
    for thresholds in (found, rng.normal(size=len(simplices.copies))):
        cut = simplices.cut(w, c, thresholds)
        for x in whole_points(simplices):
            f = float(w @ x) + c
            assert left(cut, max(0.0, f), float(f > 0), x, f) <= cut.right + 1e-12


@given(seeds)
@thorough
def test_a_cut_says_the_same_on_the_spare_part_as_on_the_value(seed: int) -> None:
    rng = np.random.default_rng(seed)
    simplices, weights, constants = drawn(rng)
    x, z, y = inside(simplices, rng), rng.random(1), float(rng.normal())
    thresholds = simplices.thresholds(weights, x, z)
    cut = simplices.cut(weights[:, 0], float(constants[0]), thresholds[:, 0])
    side = float(simplices.right_sides(weights, constants, thresholds, x, z)[0])
    f = float(weights[:, 0] @ x + constants[0])
    assert cut.right - left(cut, y, float(z[0]), x, f) == pytest.approx(side - y, abs=1e-6)


@pytest.mark.parametrize(("weight", "spare"), [(1.0, False), (-1.0, True)])
def test_the_sparser_of_the_two_forms_is_taken(weight: float, spare: bool) -> None:
    simplices = Simplices(np.zeros(9, dtype=np.int64), np.array([1.0]))
    weights = weight * np.array([0.1] * 8 + [5.0])
    cut = simplices.cut(weights, 0.0, np.array([weight * 0.1]))
    assert (cut.spare, int(np.count_nonzero(cut.others))) == (spare, 1)


@given(seeds)
@thorough
def test_the_cut_over_a_box_is_the_least_of_all_and_the_maximum_of_the_hull(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 6))
    lower = rng.integers(-2, 2, n).astype(float)
    upper = lower + rng.integers(0, 4, n).astype(float)
    w, c, z = (
        np.round(rng.normal(size=n), 1),
        float(rng.normal()),
        float(rng.choice([0.0, 1.0, rng.random()])),
    )
    x = rng.uniform(lower, upper)
    cut, side = BoxInputs(lower, upper).cut(w, c, x, z)
    a, b = np.where(w >= 0, lower, upper), np.where(w >= 0, upper, lower)
    every = [
        float((w * (x - a * (1 - z)))[chosen].sum() + ((w * b)[~chosen].sum() + c) * z)
        for chosen in (np.array(flags, dtype=bool) for flags in product((False, True), repeat=n))
    ]
    assert side == pytest.approx(min(every), abs=1e-9)
    # t between l z and u z, x - t between l (1 - z) and u (1 - z): the two branches of the hull.
    low = np.maximum(lower * z, x - upper * (1 - z))
    high = np.minimum(upper * z, x - lower * (1 - z))
    hull = float(np.where(w >= 0, w * high, w * low).sum()) + c * z
    assert side == pytest.approx(hull, abs=1e-9)
    assert cut.right - left(cut, side, z, x, 0.0) == pytest.approx(0.0, abs=1e-6)


@given(seeds)
@thorough
def test_no_point_of_a_box_breaks_a_cut(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 6))
    lower = rng.normal(size=n)
    upper = lower + rng.random(n) * 3
    w, c = rng.normal(size=n), float(rng.normal())
    cut, _ = BoxInputs(lower, upper).cut(w, c, rng.uniform(lower, upper), float(rng.random()))
    corners = np.array(list(product(*zip(lower, upper, strict=True))))
    for x in (*corners, *rng.uniform(lower, upper, (20, n))):
        f = float(w @ x) + c
        assert left(cut, max(0.0, f), float(f > 0), x, f) <= cut.right + 1e-12
