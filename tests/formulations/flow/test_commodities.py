"""Commodities: who shares a flow, and where it starts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from milproute.formulations.flow.commodities import (
    Commodity,
    one_per_copy,
    one_per_request,
    one_per_root,
    vertex_cover,
)
from tests.support.cases import any_case, make, thorough

if TYPE_CHECKING:
    from milproute.instances import Instance


def assert_serves(instance: Instance, commodities: list[Commodity], times: list[int]) -> None:
    """Each request is served as often as it should, between its two ends."""
    assert len({k.name for k in commodities}) == len(commodities)
    rows = Counter(row for k in commodities for row, _ in k.sinks)
    assert [rows[row] for row in range(len(instance.requests))] == times
    for k in commodities:
        for row, sink in k.sinks:
            request = instance.requests[row]
            assert {k.root, sink} == {request.source, request.target}


@thorough
@given(any_case())
def test_every_request_is_served_once_from_one_of_its_ends(instance: Instance) -> None:
    once = [1] * len(instance.requests)
    assert_serves(instance, one_per_request(instance), once)
    assert_serves(instance, one_per_root(instance), once)


@thorough
@given(any_case(), st.data())
def test_copies_are_unit_commodities(instance: Instance, data: st.DataObject) -> None:
    copies = [data.draw(st.integers(0, 3)) for _ in instance.requests]
    commodities = one_per_copy(instance, copies)
    assert_serves(instance, commodities, copies)
    assert all(k.copies == 1 for k in commodities)


@thorough
@given(any_case())
def test_merged_commodities_exceed_neither_nodes_nor_requests(instance: Instance) -> None:
    roots = [k.root for k in one_per_root(instance)]
    assert len(roots) == len(set(roots)) <= min(len(instance.nodes), len(instance.requests))


@thorough
@given(any_case())
def test_the_cover_touches_every_request_and_has_no_idle_node(instance: Instance) -> None:
    cover = vertex_cover(instance.requests)
    assert all({r.source, r.target} & set(cover) for r in instance.requests)
    assert all(any(node in (r.source, r.target) for r in instance.requests) for node in cover)


def test_requests_that_share_an_end_become_one_commodity_turned_round_where_needed() -> None:
    star = make([("hub", leaf, 1, 1.0) for leaf in "abc"], [("hub", "a"), ("b", "hub"), ("c", "hub")])
    assert one_per_root(star) == [Commodity("hub", "hub", ((0, "a"), (1, "b"), (2, "c")))]


def test_the_order_of_links_and_ends_does_not_change_the_cover() -> None:
    ends = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]
    covers = {
        tuple(sorted(vertex_cover(make([], requests).requests)))
        for requests in (ends, ends[::-1], [(v, u) for u, v in ends])
    }
    assert len(covers) == 1
