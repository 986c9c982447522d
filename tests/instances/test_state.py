"""NetworkState and slot dynamics: what a slot holds, where it comes from and what it leaves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milproute.instances import Instance, OptionError, RoutedPath
from milproute.instances.action_set import ActionSet
from milproute.instances.outcomes import draw_pairs, draw_swaps
from milproute.instances.slot_dynamics import SlotOutcomes, after_generation, after_slot, after_swaps
from milproute.instances.state import NetworkState, check_state
from tests.support.cases import any_case, brief, make

LINE = make([("a", "b", 4, 0.5), ("b", "c", 3, 0.5)], [("a", "c", 2), ("b", "c")])


@given(any_case())
@brief
def test_the_state_of_an_instance_says_what_the_instance_says(instance: Instance) -> None:
    state = NetworkState.of(instance)
    check_state(state, instance)
    assert state.instance(instance) == instance


def test_a_demand_of_nothing_and_no_demand_are_different_states() -> None:
    state = NetworkState.of(LINE.with_demands([0, None]))
    assert state.waiting.tolist() == [0.0, np.inf]
    assert state.instance(LINE).requests[0].demand == 0
    assert state.instance(LINE).requests[1].demand is None


@given(any_case(), st.integers(0, 2**32 - 1))
@brief
def test_the_action_set_of_a_state_is_that_of_the_instance_it_describes(
    instance: Instance, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    state = replace(
        NetworkState.of(instance).with_pairs(rng.integers(0, 3, len(instance.links))),
        memory_held=rng.integers(0, instance.memories + 1),
        waiting=rng.integers(0, 3, len(instance.requests)).astype(float),
    )
    one, other = ActionSet(instance, state, max_hops=3), ActionSet(state.instance(instance), max_hops=3)
    for name in ("capacity", "memory", "demands", "copies", "usable", "interior"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist(), name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pairs": np.zeros((3, 1), int)}, r"pairs of a network state has the shape \(3,\)"),
        ({"pairs": np.array([[1], [-1]])}, r"pairs\[1\] of a network state is -1; .* >= 0"),
        ({"channels_held": np.array([5, 0])}, r"channels_held\[0\] of a network state is 5; .* from 0 to 4"),
        ({"memory_held": np.array([0, 0, 10**6])}, r"memory_held\[2\] of a network state is 1000000"),
        ({"waiting": np.array([0.5, 1.0])}, r"waiting\[0\] of a network state is 0.5; .* whole number"),
        ({"waiting": np.array([np.nan, 1.0])}, r"waiting\[0\] of a network state is nan"),
        ({"waiting": np.array([-np.inf, 1.0])}, r"waiting\[0\] of a network state is -inf"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_with_its_place(change: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        check_state(replace(NetworkState.of(LINE), **change), LINE)  # type: ignore[arg-type]


# --- slot dynamics --------------------------------------------------------------------------------------


@given(st.integers(0, 99))
@brief
def test_the_outcomes_of_a_slot_are_those_of_its_two_generators(seed: int) -> None:
    outcomes = SlotOutcomes.of(LINE, seed)
    generation, swapping = np.random.default_rng(seed).spawn(2)
    assert outcomes.pairs(np.array([4.0, 2.0])).tolist() == draw_pairs(LINE, [4, 2], generation)
    paths = [RoutedPath(request="r0", nodes=("a", "b", "c"), count=3.0)]
    assert outcomes.deliveries(paths).tolist() == draw_swaps(LINE, paths, swapping)


def test_pairs_hold_a_channel_and_two_qubits_until_they_are_used_or_too_old() -> None:
    new = after_generation(NetworkState.of(LINE), LINE, np.array([2, 1]))
    assert new.pairs.tolist() == [[2], [1]]
    assert new.channels_held.tolist() == [2, 1]
    assert new.memory_held.tolist() == [2, 3, 1]
    later = after_generation(after_slot(new, LINE, lifetime=3), LINE, np.array([1, 0]))
    assert later.pairs.tolist() == [[1, 2, 0], [0, 1, 0]]
    used = after_swaps(later, LINE, np.array([2, 1]))  # the oldest go first
    assert used.pairs.tolist() == [[1, 0, 0], [0, 0, 0]]
    assert used.memory_held.tolist() == [1, 1, 0]
    assert used.channels_held.tolist() == [1, 0]
    gone = after_slot(after_slot(after_slot(used, LINE, 3), LINE, 3), LINE, 3)
    assert gone.total_pairs.tolist() == gone.channels_held.tolist() == [0, 0]
    assert gone.memory_held.tolist() == [0, 0, 0]


@given(any_case(), st.integers(0, 2**32 - 1), st.integers(1, 4))
@brief
def test_what_is_held_is_always_what_the_pairs_hold(instance: Instance, seed: int, lifetime: int) -> None:
    rng = np.random.default_rng(seed)
    state = NetworkState.of(instance).with_pairs(np.zeros(len(instance.links), int))
    for _ in range(6):
        state = after_generation(state, instance, rng.integers(0, 3, len(instance.links)))
        state = after_swaps(state, instance, rng.integers(0, state.total_pairs + 1))
        state = after_slot(state, instance, lifetime)
        held = np.zeros(len(instance.nodes), int)
        np.add.at(held, instance.ends, state.total_pairs[:, None])
        assert state.memory_held.tolist() == held.tolist()
        assert state.channels_held.tolist() == state.total_pairs.tolist()
        assert (state.pairs >= 0).all() and state.pairs.shape[1] == lifetime
