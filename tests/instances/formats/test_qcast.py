"""Q-CAST's text layout."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from milproute.instances.errors import InstanceError
from milproute.instances.formats.registry import read_any, write_any
from tests.support.foreign_texts import QCAST

if TYPE_CHECKING:
    from pathlib import Path


def test_qcast_text_by_hand(tmp_path: Path) -> None:
    """Lengths are 50 and 60; two fibres with 3 and 4 channels join the last two nodes."""
    path = tmp_path / "path.qcast"
    path.write_text(QCAST)
    with pytest.raises(
        InstanceError, match=r"line 12: link 2-1 is a second link beside line 11: link 1-2 \(channels"
    ):
        read_any(path, fidelity=1)
    instance = read_any(path, fidelity=1, parallel="sum")
    assert (instance.attenuation_per_km, [n.memory for n in instance.nodes]) == (0.01, [10, 12, 14])
    assert {n.swap_probability for n in instance.nodes} == {0.9}
    assert [(k.ends, k.length_km, k.channels) for k in instance.links] == [
        (("0", "1"), 50.0, 5),
        (("1", "2"), 60.0, 7),
    ]
    assert instance.requests == ()
    assert instance.metadata.source == "file path.qcast"
    assert instance.metadata.notes[0] == "k = 3, the hops of recovery paths, is not read"
    write_any(instance, tmp_path / "path.net")
    rows = ["3", "0.01", "0.9", "0", "10 0.0 0.0", "12 30.0 40.0", "14 30.0 100.0", "0 1 5", "1 2 7"]
    assert (tmp_path / "path.net").read_text().splitlines() == rows


def test_ranges_and_requests_are_drawn_with_the_seed_alone(tmp_path: Path) -> None:
    path = tmp_path / "path.qcast"
    path.write_text(
        "4\n0.01\n0.9\n0\n" + "5 0 0\n" * 4 + "".join(f"{u} {v} 2\n" for u, v in combinations(range(4), 2))
    )
    ranged: dict[str, Any] = {"fidelity": "0.9-0.99", "requests": 3}
    with pytest.raises(InstanceError, match=r"seed is missing.*supply it with the option --seed"):
        read_any(path, **ranged)
    one, same, two = (read_any(path, **ranged, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one.links != two.links
    assert len({frozenset((r.source, r.target)) for r in one.requests}) == 3
    assert all(0.9 <= link.fidelity <= 0.99 for link in one.links)
    assert read_any(path, fidelity=0.9, requests=3, seed=1).requests == one.requests
