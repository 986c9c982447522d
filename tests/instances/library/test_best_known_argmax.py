"""The proven argmax of every Q-net of the library belongs to that net, is an action, and has that value."""

from __future__ import annotations

from typing import Any

import pytest

from milproute.instances import RoutedPath
from milproute.instances.checker.action_rules import action_violations
from milproute.instances.library import best_known
from milproute.instances.qnets.features import features
from milproute.instances.qnets.library import load_library_qnet, qnet_names

ENTRIES: dict[str, dict[str, Any]] = {entry["qnet"]: entry for entry in best_known()["argmax"]}


def test_every_library_qnet_has_an_entry() -> None:
    assert sorted(ENTRIES) == sorted(qnet_names())


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_the_best_known_action_is_an_action_with_the_value_that_is_written(name: str) -> None:
    entry = ENTRIES[name]
    qnet, instance, hops = load_library_qnet(name)
    paths = [RoutedPath.model_validate(path) for path in entry["paths"]]
    assert (entry["digest"], entry["max_hops"], entry["instance"]) == (qnet.digest, hops, instance.name)
    assert action_violations(instance, paths, hops) == []
    q = float(qnet.forward(features(instance, qnet.inputs, paths)))
    assert q == pytest.approx(entry["value"], abs=1e-9)
    assert q <= entry["bound"] + 1e-6
    if entry["status"] == "optimal":
        assert entry["bound"] == pytest.approx(q, abs=1e-5)


def test_all_but_the_net_without_l1_are_proven() -> None:
    open_ones = [name for name, entry in ENTRIES.items() if entry["status"] != "optimal"]
    assert set(open_ones) <= {"q-waxman-50-5-32x32-l0"}
