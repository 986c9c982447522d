"""Action sets: the membership test accepts exactly the joint choices that brute force lists."""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations_with_replacement, pairwise, permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milproute.instances import Instance, OptionError, RoutedPath, resolve
from milproute.instances.action_set import ActionSet
from milproute.instances.checker.action_rules import MEMBERSHIP, action_violations
from tests.support.strategies import instances as drawn_instances

Walk = tuple[str, ...]
Action = tuple[tuple[int, Walk], ...]


def sequences(instance: Instance, source: str, target: str) -> list[Walk]:
    """Every order of different nodes from source to target, linked or not."""
    between = [node.id for node in instance.nodes if node.id not in (source, target)]
    return [(source, *middle, target) for n in range(len(between) + 1) for middle in permutations(between, n)]


def good_path(instance: Instance, walk: Walk, max_hops: int | None, least: float | None) -> bool:
    """The definition of a path that one copy may take, written out."""
    links = {frozenset((link.source, link.target)): link for link in instance.links}
    steps = [frozenset(step) for step in pairwise(walk)]
    if not all(step in links for step in steps):
        return False
    swaps = {node.id: node.swap_probability for node in instance.nodes}
    chances = [
        math.exp(-instance.attenuation_per_km * links[s].length_km)
        if links[s].probability is None
        else links[s].probability
        for s in steps
    ]
    werner = [(4 * links[s].fidelity - 1) / 3 for s in steps]
    faithful = (
        least is None
        or least <= 0.25
        or (min(werner) > 0 and 0.25 + 0.75 * math.prod(werner) >= least - 1e-9)
    )
    return (
        all(chances)
        and all(swaps[v] for v in walk[1:-1])
        and (max_hops is None or len(steps) <= max_hops)
        and faithful
    )


def fits(instance: Instance, action: Action) -> bool:
    """Capacities, memories and demands of a joint choice, written out."""
    load = Counter(frozenset(step) for _, walk in action for step in pairwise(walk))
    qubits: Counter[str] = Counter()
    for _, walk in action:
        for u, v in pairwise(walk):  # one qubit at both ends of each link: 1 at the ends, 2 between
            qubits[u] += 1
            qubits[v] += 1
    copies = Counter(row for row, _ in action)
    room = {
        frozenset((x.source, x.target)): x.channels if x.entangled_pairs is None else x.entangled_pairs
        for x in instance.links
    }
    return (
        all(n <= room[step] for step, n in load.items())
        and all(qubits[node.id] <= node.memory for node in instance.nodes)
        and all(copies[k] <= (1 if r.demand is None else r.demand) for k, r in enumerate(instance.requests))
    )


def routed(instance: Instance, action: Action) -> list[RoutedPath]:
    return [
        RoutedPath(request=instance.requests[row].id, nodes=walk, count=float(n))
        for (row, walk), n in Counter(action).items()
    ]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Instance, int | None]:
    instance = draw(drawn_instances(max_nodes=5, max_requests=2, pairs=draw(st.booleans())))
    requests = tuple(
        request.changed(
            demand=request.demand if request.demand is None else min(request.demand, 2),
            min_fidelity=draw(st.sampled_from((None, None, 0.2, 0.85, 0.9))),
        )
        for request in instance.requests
    )
    if draw(st.booleans()):  # most networks as drawn leave no room for anything
        nodes = tuple(x.changed(memory=x.memory + 2, swap_probability=0.9) for x in instance.nodes)
        links = tuple(x.changed(probability=0.5, channels=x.channels + 1) for x in instance.links)
        instance = instance.changed(nodes=nodes, links=links)
    return instance.changed(requests=requests), draw(st.sampled_from((None, 1, 2, 3, 9)))


@settings(deadline=None, max_examples=60)
@given(cases(), st.integers(0, 2**32 - 1))
def test_membership_is_what_brute_force_says(case: tuple[Instance, int | None], seed: int) -> None:
    instance, max_hops = case
    rng = np.random.default_rng(seed)
    every: list[list[Action]] = []
    good: set[tuple[int, Walk]] = set()
    for row, request in enumerate(instance.requests):
        walks = sequences(instance, request.source, request.target)
        fine = [walk for walk in walks if good_path(instance, walk, max_hops, request.min_fidelity)]
        good |= {(row, walk) for walk in fine}
        # Every path that may be good, and a few that are not, up to one copy too many.
        rest = [walk for walk in walks if walk not in fine]
        few = [rest[i] for i in rng.permutation(len(rest))[:2]]
        most = min(2, 1 if request.demand is None else request.demand) + 1
        every.append(
            [
                tuple((row, walk) for walk in chosen)
                for n in range(most + 1)
                for chosen in combinations_with_replacement([*fine[:4], *few], n)
            ]
        )
    joint = list(product(*every))
    actions = [tuple(copy for part in parts for copy in part) for parts in joint]
    likely = [action for action in actions if set(action) <= good]
    samples = [some[i] for some in (actions, likely) for i in rng.permutation(len(some))[:80]]
    for action in samples:
        member = set(action) <= good and fits(instance, action)
        found = action_violations(instance, routed(instance, action), max_hops)
        assert (found == []) == member, (action, found)


@settings(deadline=None)
@given(cases())
def test_a_single_copy_is_a_member_where_the_arrays_allow_it(case: tuple[Instance, int | None]) -> None:
    instance, max_hops = case
    rules = ActionSet(instance, max_hops=max_hops)
    row = instance.node_row
    for k, request in enumerate(instance.requests):
        for walk in sequences(instance, request.source, request.target):
            if any(step not in instance.link_row for step in pairwise(walk)):
                continue
            links = instance.links_along(walk)
            allowed = (
                rules.usable[links].all()
                and rules.interior[[row[v] for v in walk[1:-1]]].all()
                and len(links) <= rules.max_hops
                and rules.fidelity_weights[links].sum() <= rules.fidelity_budget(k)
                and rules.copies[k] >= 1
                and min(rules.memory[row[walk[0]]], rules.memory[row[walk[-1]]]) >= 1
            )
            found = action_violations(instance, routed(instance, ((k, walk),)), max_hops)
            assert (found == []) == allowed, (walk, found)


@pytest.mark.parametrize("limit", [0, -1, 2.5, math.nan, math.inf])
def test_a_hop_limit_below_one_or_broken_is_refused(limit: Any) -> None:
    for call in (
        lambda: ActionSet(resolve("toy"), max_hops=limit),
        lambda: action_violations(resolve("toy"), [], limit),
    ):
        with pytest.raises(OptionError) as raised:
            call()
        assert str(raised.value).startswith(
            f"the hop limit is {limit}; allowed: a whole number of at least 1, since a path has at least "
            "one link, or none at all"
        )


def test_no_hop_limit_is_that_of_simple_paths() -> None:
    instance = resolve("toy")
    longest = len(instance.nodes) - 1
    assert ActionSet(instance).max_hops == ActionSet(instance, max_hops=10**9).max_hops == longest
    assert ActionSet(instance, max_hops=np.int64(2)).max_hops == 2


def line(**changes: Any) -> Instance:
    """a - b - c - d with room for everything; changes go by place, such as ``b={"memory": 1}``."""
    nodes = {v: {"id": v, "memory": 8, "swap_probability": 0.9} for v in "abcd"}
    links = {
        f"{u}{v}": {
            "source": u,
            "target": v,
            "length_km": 1.0,
            "channels": 4,
            "probability": 0.5,
            "fidelity": 0.95,
        }
        for u, v in pairwise("abcd")
    }
    request = {"r0": {"id": "r0", "source": "a", "target": "d", "demand": 2, "min_fidelity": None}}
    for part in (nodes, links, request):
        for name, fields in changes.items():
            if name in part:
                part[name] |= fields
    return Instance.model_validate(
        {
            "name": "line",
            "attenuation_per_km": 0.0,
            "nodes": list(nodes.values()),
            "links": list(links.values()),
            "requests": list(request.values()),
        }
    )


THROUGH: dict[str, Any] = {"request": "r0", "nodes": tuple("abcd"), "count": 2.0}
# Changes of the line, of the action, hop limit -> (rule, place, amount, part of the message).
BREACHES: dict[str, tuple[dict[str, Any], dict[str, Any], int | None, tuple[str, str, float, str]]] = {
    "hop limit": ({}, {}, 2, ("hops", "paths[0]", 1, "it has 3 links, the hop limit is 2")),
    "dead link": (
        {"bc": {"probability": 0.0}},
        {},
        None,
        ("usable-links", "paths[0]", 1, "it uses links[1] (b-c) of probability 0"),
    ),
    "dead swap": (
        {"c": {"swap_probability": 0.0}},
        {},
        None,
        ("usable-swaps", "paths[0]", 1, "it swaps at 'c', where no swap succeeds"),
    ),
    "channels": (
        {"ab": {"channels": 1}},
        {},
        None,
        ("load", "links[0] (a-b)", 1, "2 copies of paths on 1 channels"),
    ),
    "pairs before channels": (
        {"ab": {"channels": 9, "entangled_pairs": 1}},
        {},
        None,
        ("load", "links[0] (a-b)", 1, "2 copies of paths on 1 entangled pairs"),
    ),
    "memory at an end": ({"a": {"memory": 1}}, {}, None, ("memory", "nodes[0] (a)", 1, "hold 2 qubits of 1")),
    "memory between": ({"b": {"memory": 3}}, {}, None, ("memory", "nodes[1] (b)", 1, "hold 4 qubits of 3")),
    "demand": (
        {"r0": {"demand": 1}},
        {},
        None,
        ("demand", "requests[0] (r0)", 1, "2 copies of its paths for a demand of 1"),
    ),
    "no demand": (
        {"r0": {"demand": None}},
        {},
        None,
        ("demand", "requests[0] (r0)", 1, "2 copies of its paths without a demand"),
    ),
    "fidelity": (
        {"r0": {"min_fidelity": 0.9}},
        {},
        None,
        (
            "min-fidelity",
            "paths[0]",
            0.9 - (0.25 + 0.75 * (2.8 / 3) ** 3),
            "below the 0.9 that 'r0' asks for",
        ),
    ),
    "half a copy": ({}, {"count": 1.5}, None, ("whole-paths", "paths[0]", 0.5, "1.5 copies are not a whole")),
    "unknown request": ({}, {"request": "r9"}, None, ("known-requests", "paths[0]", 1, "no request 'r9'")),
    "no link": ({}, {"nodes": ("a", "b", "d")}, None, ("path-links", "paths[0]", 1, "there is no link b-d")),
    "wrong end": ({}, {"nodes": ("a", "b", "c")}, None, ("path-ends", "paths[0]", 1, "it runs a to c")),
    "a node twice": (
        {"b": {"memory": 99}, "ab": {"channels": 9}},
        {"nodes": tuple("ababcd")},
        None,
        ("simple-path", "paths[0]", 2, "more than once"),
    ),
}


@pytest.mark.parametrize(
    ("network", "action", "max_hops", "expected"), BREACHES.values(), ids=BREACHES.keys()
)
def test_a_planted_breach_is_named_and_nothing_else(
    network: dict[str, Any],
    action: dict[str, Any],
    max_hops: int | None,
    expected: tuple[str, str, float, str],
) -> None:
    assert action_violations(line(), [RoutedPath.model_validate(THROUGH)]) == []
    (found,) = action_violations(line(**network), [RoutedPath.model_validate(THROUGH | action)], max_hops)
    rule, place, amount, text = expected
    assert (found.rule, found.place) == (rule, place)
    assert found.amount == pytest.approx(amount)
    assert text in found.message


def test_unknown_nodes_and_negative_counts_are_named_too() -> None:
    odd = RoutedPath(request="r0", nodes=("a", "z", "d"), count=1.0)
    assert "known-nodes" in [v.rule for v in action_violations(line(), [odd])]
    negative = RoutedPath.model_construct(request="r0", nodes=tuple("abcd"), count=-1.0)
    assert "sign" in [v.rule for v in action_violations(line(), [negative])]
    planted = {expected[0] for *_, expected in BREACHES.values()} | {"known-nodes", "sign"}
    assert planted == set(MEMBERSHIP)


def test_exactly_what_there_is_may_be_used() -> None:
    tight = line(
        a={"memory": 2},
        b={"memory": 4},
        c={"memory": 4},
        d={"memory": 2},
        ab={"channels": 2},
        bc={"channels": 0, "entangled_pairs": 2},
        r0={"min_fidelity": 0.25 + 0.75 * (2.8 / 3) ** 3},
    )
    assert action_violations(tight, [RoutedPath.model_validate(THROUGH)], 3) == []
    rules = ActionSet(tight, max_hops=3)
    assert rules.capacity.tolist() == [2, 2, 4] and rules.usable.all() and rules.copies.tolist() == [2]
    assert rules.interior.tolist() == [True] * 4
    assert rules.fidelity_weights.sum() <= rules.fidelity_budget(0) < rules.fidelity_weights.sum() + 1e-6


def test_doing_nothing_is_always_an_action() -> None:
    assert action_violations(resolve("toy"), [], 1) == []


def test_counts_that_a_solver_left_a_little_off_are_whole() -> None:
    close = RoutedPath.model_validate(THROUGH | {"count": 1.9999999})
    assert action_violations(line(), [close]) == []
    assert [v.rule for v in action_violations(line(), [close], tolerance=1e-9)] == ["whole-paths"]
