"""Sampled joint actions: all are members, every member can come up, and drawing is quick."""

from __future__ import annotations

from itertools import combinations_with_replacement, product
from time import process_time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milproute.formulations.action_sets import list_candidates
from milproute.formulations.action_sets.sampling import sample_actions
from milproute.instances import OptionError, RoutedPath, generate
from milproute.instances.action_set import ActionSet
from milproute.instances.checker.action_rules import action_violations
from tests.support.strategies import instances

if TYPE_CHECKING:
    from milproute.formulations.action_sets import Candidates
    from milproute.instances import Instance

Counts = tuple[int, ...]


def sampled(candidates: Candidates, count: int, seed: int) -> set[Counts]:
    drawn = sample_actions(candidates, count, np.random.default_rng(seed))
    assert drawn.shape == (count, len(candidates))
    return {tuple(int(n) for n in row) for row in drawn.toarray()}


def routed(candidates: Candidates, counts: Counts) -> list[RoutedPath]:
    requests = candidates.rules.instance.requests
    return [
        RoutedPath(request=requests[candidates.request[p]].id, nodes=candidates.path(p), count=float(n))
        for p, n in enumerate(counts)
        if n
    ]


def members(candidates: Candidates) -> set[Counts]:
    """Every joint action: all multisets of paths, kept by the checker."""
    rules = candidates.rules
    choices = []
    for request, copies in enumerate(rules.copies.tolist()):
        own = np.flatnonzero(candidates.request == request).tolist()
        choices.append([c for n in range(copies + 1) for c in combinations_with_replacement(own, n)])
    found = set()
    for choice in product(*choices):
        counts = tuple(np.bincount(sum(choice, ()), minlength=len(candidates)).tolist())
        if not action_violations(rules.instance, routed(candidates, counts), rules.max_hops):
            found.add(counts)
    return found


@given(instances(), st.integers(1, 4), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_every_sampled_action_is_a_member(instance: Instance, max_hops: int, seed: int) -> None:
    candidates = list_candidates(ActionSet(instance, max_hops=max_hops))
    for counts in sampled(candidates, 20, seed):
        assert action_violations(instance, routed(candidates, counts), max_hops) == []


@pytest.mark.parametrize(
    ("spec", "max_hops"),
    [
        ("ring:nodes=4,requests=2,channels=1,memory=2,seed=1", 3),
        ("ring:nodes=4,requests=2,channels=2,memory=4,demand=2,seed=2", 3),
        ("ring:nodes=3,requests=1,channels=2,memory=3,demand=3,seed=3", 2),
        ("grid:rows=2,columns=3,requests=3,channels=1,memory=3,seed=4", 4),
        ("grid:rows=2,columns=2,requests=3,channels=2,memory=3,seed=5", 3),
    ],
)
def test_every_member_comes_up_and_nothing_else(spec: str, max_hops: int) -> None:
    candidates = list_candidates(ActionSet(generate(spec), max_hops=max_hops))
    known = members(candidates)
    assert len(known) > 3
    assert sampled(candidates, 30_000, 0) == known


def test_the_lengths_of_a_request_are_equally_likely() -> None:
    candidates = list_candidates(ActionSet(generate("waxman:nodes=30,requests=1,seed=1"), max_hops=6))
    hops = (candidates.links >= 0).sum(axis=1)
    drawn = sample_actions(candidates, 20_000, np.random.default_rng(0))
    found = np.bincount(hops[drawn.indices])
    lengths = np.unique(hops)
    assert len(lengths) > 2
    share = found[lengths] / found.sum()
    np.testing.assert_allclose(share, 1 / len(lengths), atol=0.02)


def test_what_clashes_with_the_first_draws_still_gets_every_path_that_fits() -> None:
    # One of the two requests takes the link that most paths of the other need.
    instance = generate("grid:rows=3,columns=3,requests=2,channels=1,memory=2,seed=6")
    candidates = list_candidates(ActionSet(instance, max_hops=8))
    assert sampled(candidates, 100_000, 1) == members(candidates)


def test_the_same_seed_draws_the_same_actions() -> None:
    candidates = list_candidates(ActionSet(generate("waxman:nodes=20,requests=4,seed=1"), max_hops=4))
    first, again, other = (
        sample_actions(candidates, 50, np.random.default_rng(seed)).toarray() for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_nothing_to_choose_and_nothing_asked_for_are_fine() -> None:
    far = list_candidates(ActionSet(generate("line:nodes=4,requests=1,channels=0,seed=2"), max_hops=3))
    assert sample_actions(far, 5, np.random.default_rng(0)).sum() == 0
    some = list_candidates(ActionSet(generate("ring:nodes=4,requests=1,seed=1"), max_hops=3))
    assert sample_actions(some, 0, np.random.default_rng(0)).shape == (0, len(some))
    with pytest.raises(OptionError, match="-1 samples are asked for; allowed: 0 or more"):
        sample_actions(some, -1, np.random.default_rng(0))


def test_a_demand_beyond_the_memory_costs_no_time() -> None:
    candidates = list_candidates(
        ActionSet(generate("ring:nodes=5,requests=2,demand=1000000,memory=4,seed=1"), max_hops=4)
    )
    begin = process_time()
    drawn = sample_actions(candidates, 1000, np.random.default_rng(0))
    assert process_time() - begin < 5
    assert drawn.max() >= 2
