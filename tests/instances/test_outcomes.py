"""Outcomes: right distributions, and luck that belongs to a place rather than to a policy."""

from __future__ import annotations

from math import comb

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.instances.errors import OptionError
from milproute.instances.instance import Instance
from milproute.instances.outcomes import binomial_quantile, draw_entangled, draw_pairs, draw_swaps
from milproute.instances.plan import Attempt, Plan, RoutedPath


def chain(probabilities: list[float], channels: list[int], swaps: list[float]) -> Instance:
    graph: nx.Graph[str] = nx.path_graph([f"n{i}" for i in range(len(swaps))])
    for (_, _, link), p, c in zip(graph.edges(data=True), probabilities, channels, strict=True):
        link |= {"probability": p, "channels": c}
    for (_, node), q in zip(graph.nodes(data=True), swaps, strict=True):
        node["swap_probability"] = q
    rest = {"attenuation_per_km": 0.0, "memory": 9, "length_km": 1.0, "fidelity": 1.0}
    return Instance.from_networkx(graph, name="chain", **rest)


def path(instance: Instance, first: int, last: int, count: float) -> RoutedPath:
    nodes = tuple(node.id for node in instance.nodes)[first : last + 1]
    return RoutedPath(request="r", nodes=nodes, count=count)


THREE = chain([0.3, 0.0, 1.0], [4, 2, 5], [0.5, 0.8, 0.6, 0.5])
attempts = st.tuples(*(st.integers(0, int(c)) for c in THREE.channels))


def test_pairs_are_binomial() -> None:
    rng, draws = np.random.default_rng(1), 4000
    drawn = np.array([draw_pairs(THREE, [3, 2, 4], rng) for _ in range(draws)])
    assert drawn[:, 1].max() == 0
    assert set(drawn[:, 2]) == {4}
    # Four standard errors of the mean and of each frequency; the seed is fixed.
    assert drawn[:, 0].mean() == pytest.approx(0.9, abs=4 * np.sqrt(3 * 0.3 * 0.7 / draws))
    for n, frequency in enumerate([0.343, 0.441, 0.189, 0.027]):
        error = 4 * np.sqrt(frequency * (1 - frequency) / draws)
        assert (drawn[:, 0] == n).mean() == pytest.approx(frequency, abs=error)


@given(attempts, attempts, st.integers(0, 2**32))
def test_more_attempts_only_add_pairs(a: tuple[int, ...], b: tuple[int, ...], seed: int) -> None:
    fewer, more = np.minimum(a, b).tolist(), np.maximum(a, b).tolist()
    first, second = (draw_pairs(THREE, x, np.random.default_rng(seed)) for x in (fewer, more))
    assert all(f <= s for f, s in zip(first, second, strict=True))
    # and what was attempted equally on a link came out equally there
    assert all(f == s for f, s, x, y in zip(first, second, fewer, more, strict=True) if x == y)


@given(attempts, st.integers(0, 2**32))
def test_every_slot_uses_as_many_numbers_as_there_are_channels(x: tuple[int, ...], seed: int) -> None:
    rng, reference = np.random.default_rng(seed), np.random.default_rng(seed)
    draw_pairs(THREE, x, rng)
    reference.random(4 + 2 + 5)
    assert rng.random() == reference.random()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([1, 1], "2 numbers of attempts; allowed: one for each of 3 links"),
        ([5, 0, 0], r"links\[0\] \(n0-n1\) are 5; allowed: a whole number from 0 to 4"),
        ([0, -1, 0], r"links\[1\] \(n1-n2\) are -1"),
        ([0, 0, 1.5], r"links\[2\] \(n2-n3\) are 1.5"),
        ([0, 0, float("nan")], r"links\[2\] \(n2-n3\) are nan"),
    ],
)
def test_attempts_that_cannot_be_made_are_refused(wrong: list[int], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        draw_pairs(THREE, wrong, np.random.default_rng(0))


def test_a_network_without_links_has_no_pairs() -> None:
    assert draw_pairs(chain([], [], [0.5]), [], np.random.default_rng(0)) == []


def test_swaps_succeed_with_the_product_of_interior_nodes() -> None:
    rng, draws, copies = np.random.default_rng(2), 1000, 10
    paths = [path(THREE, 0, 3, copies), path(THREE, 0, 1, copies)]
    delivered = np.array([draw_swaps(THREE, paths, rng) for _ in range(draws)])
    q = 0.8 * 0.6
    assert delivered[:, 0].mean() / copies == pytest.approx(q, abs=4 * np.sqrt(q * (1 - q) / draws / copies))
    assert delivered[:, 0].var() == pytest.approx(copies * q * (1 - q), rel=0.2)  # copies are independent
    assert set(delivered[:, 1]) == {copies}  # one link, no swap, although both ends have q < 1


def test_certain_and_impossible_swaps() -> None:
    instance = chain([1.0] * 3, [1] * 3, [0.0, 1.0, 0.0, 0.0])
    paths = [path(instance, 0, 2, 3), path(instance, 0, 3, 3)]
    assert draw_swaps(instance, paths, np.random.default_rng(0)) == [3, 0]


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 2**32))
def test_swaps_elsewhere_change_nothing(here: int, there: int, seed: int) -> None:
    instance = chain([1.0] * 4, [1] * 4, [0.5] * 5)
    alone = draw_swaps(instance, [path(instance, 0, 2, here)], np.random.default_rng(seed))
    paths = [path(instance, 2, 4, there), path(instance, 0, 2, here)]
    assert draw_swaps(instance, paths, np.random.default_rng(seed))[1:] == alone


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 2**32))
def test_more_copies_only_add_connections(a: int, b: int, seed: int) -> None:
    few, many = (
        draw_swaps(THREE, [path(THREE, 0, 3, n)], np.random.default_rng(seed))[0] for n in sorted((a, b))
    )
    assert few <= many <= few + abs(a - b)


def test_slots_draw_anew_but_repeatably() -> None:
    paths = [path(THREE, 0, 3, 40)]
    runs = []
    for _ in range(2):
        rng = np.random.default_rng(5)
        runs.append([draw_swaps(THREE, paths, rng)[0] for _ in range(10)])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) > 1


def test_a_fraction_of_a_copy_cannot_be_drawn() -> None:
    with pytest.raises(OptionError, match=r"count of paths\[0\] is 1.5; allowed: a whole number"):
        draw_swaps(THREE, [path(THREE, 0, 3, 1.5)], np.random.default_rng(0))


# --- draw_entangled -----------------------------------------------------------------------------------


def plan_of(*attempts: tuple[str, str, float]) -> Plan:
    rows = tuple(Attempt(source=u, target=v, channels=x) for u, v, x in attempts)
    words = dict.fromkeys(("instance", "formulation", "variant", "solver", "solver_version"), "?")
    return Plan(
        **words, status="optimal", objective=0.0, bound=0.0, gap=0.0, seconds={}, attempts=rows
    )  # fmt: skip


def drawn(instance: Instance, seed: int, plan: Plan | None = None) -> list[int | None]:
    return [link.entangled_pairs for link in draw_entangled(instance, seed, plan).links]


@given(st.integers(0, 2**32))
def test_without_a_plan_every_channel_attempts(seed: int) -> None:
    expected = draw_pairs(THREE, [4, 2, 5], np.random.default_rng(seed))
    assert drawn(THREE, seed) == expected
    assert expected[1:] == [0, 5]  # never, always


@given(st.integers(0, 4), st.integers(0, 5), st.integers(0, 2**32))
def test_a_plan_attempts_what_it_says_in_either_direction_and_nothing_elsewhere(
    first: int, last: int, seed: int
) -> None:
    expected = draw_pairs(THREE, [first, 0, last], np.random.default_rng(seed))
    assert drawn(THREE, seed, plan_of(("n0", "n1", first), ("n2", "n3", last))) == expected
    assert drawn(THREE, seed, plan_of(("n3", "n2", last), ("n1", "n0", first))) == expected


def test_drawing_changes_the_pairs_alone_and_leaves_the_instance_as_it_was() -> None:
    before = THREE.document()
    after = draw_entangled(THREE, 3).document()
    assert THREE.document() == before
    for link in after["links"]:
        assert isinstance(link["entangled_pairs"], int)
        link["entangled_pairs"] = None
    assert after == before


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (("n0", "n2", 1.0), "the plan attempts n0-n2; allowed: links of chain"),
        (("n0", "z", 1.0), "the plan attempts n0-z; allowed: links of chain"),
        (("n0", "n1", 5.0), r"links\[0\] \(n0-n1\) are 5.0; allowed: a whole number from 0 to 4"),
        (("n0", "n1", 0.5), r"links\[0\] \(n0-n1\) are 0.5; allowed: a whole number from 0 to 4"),
    ],
)
def test_a_plan_that_cannot_be_attempted_is_refused(attempt: tuple[str, str, float], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        draw_entangled(THREE, 0, plan_of(attempt))


@given(
    st.lists(st.floats(0.0, 0.999999), min_size=1, max_size=5),
    st.integers(0, 60),
    st.sampled_from([0.0, 0.013, 0.4, 0.75, 1.0]),
)
def test_the_quantile_is_the_first_number_whose_probability_reaches_it(
    numbers: list[float], n: int, p: float
) -> None:
    terms = [comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    reached = np.cumsum(terms)
    for u, k in zip(numbers, binomial_quantile(numbers, n, p).tolist(), strict=True):
        assert k == n or reached[k] >= u - 1e-12
        assert k == 0 or reached[k - 1] < u + 1e-12


@pytest.mark.parametrize("capacity", [20_000, 10**9, 10**12])
def test_a_large_capacity_draws_the_same_distribution_at_once(capacity: int) -> None:
    many = chain([0.3, 0.25], [capacity, 3], [1.0, 0.5, 1.0])
    rng = np.random.default_rng(5)
    drawn = np.array([draw_pairs(many, [capacity // 2, 3], rng) for _ in range(300)], dtype=float)
    mean, deviation = 0.3 * (capacity // 2), np.sqrt(0.3 * 0.7 * (capacity // 2))
    assert drawn[:, 0].mean() == pytest.approx(mean, abs=4 * deviation / np.sqrt(300))
    assert drawn[:, 0].std() == pytest.approx(deviation, rel=0.2)
    assert drawn[:, 1].mean() == pytest.approx(0.75, abs=0.2)
    paths = [path(many, 0, 2, float(capacity))]
    delivered = [draw_swaps(many, paths, np.random.default_rng(seed))[0] for seed in range(100)]
    assert np.mean(delivered) == pytest.approx(0.5 * capacity, abs=4 * 0.5 * np.sqrt(capacity) / 10)


@given(st.integers(0, 20_000), st.integers(0, 20_000), st.integers(0, 20))
def test_more_attempts_on_a_large_link_only_add_pairs(x: int, y: int, seed: int) -> None:
    many = chain([0.3], [20_000], [1.0, 1.0])
    fewer, more = (draw_pairs(many, [n], np.random.default_rng(seed))[0] for n in sorted((x, y)))
    assert fewer <= more <= max(x, y)
