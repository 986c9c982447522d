"""The best known values agree with each other and with the library as it is now."""

from __future__ import annotations

from datetime import date
from typing import Any, get_args

import pytest

from milproute.instances.library import best_known, library, library_names
from milproute.instances.plan import Status

ENTRIES: list[dict[str, Any]] = best_known()["entries"]
KEYS = set(
    [
        "instance",
        "formulation",
        "variant",
        "fingerprint",
        "options",
        "value",
        "bound",
        "status",
        "versions",
        "date",
    ]
)
TOLERANCE = 1e-6


def named(entry: dict[str, Any]) -> str:
    return f"{entry['instance']}-{entry['formulation']}-{entry['variant']}" + ("-lp" if is_lp(entry) else "")


def is_lp(entry: dict[str, Any]) -> bool:
    return bool(entry["options"].get("relax"))


def link_entries(name: str, *, lp: bool) -> list[dict[str, Any]]:
    return [e for e in ENTRIES if (e["instance"], e["formulation"], is_lp(e)) == (name, "link", lp)]


@pytest.mark.parametrize("name", library_names())
def test_every_library_instance_has_a_link_ilp_value_and_an_lp_value(name: str) -> None:
    assert link_entries(name, lp=False), f"no best known value of the link ILP for {name}"
    assert link_entries(name, lp=True), f"no LP value (options: relax) of the link ILP for {name}"


@pytest.mark.parametrize("name", sorted({entry["instance"] for entry in ENTRIES}))
def test_relaxation_is_above_every_value_and_proven_bounds_meet_no_better_value(name: str) -> None:
    ilp, lp = link_entries(name, lp=False), link_entries(name, lp=True)
    best = max(entry["value"] for entry in ilp)
    assert all(best <= entry["bound"] + TOLERANCE for entry in ilp)
    for relaxed in lp:
        slack = TOLERANCE * max(1.0, abs(relaxed["value"]))
        assert relaxed["status"] == "optimal"
        assert relaxed["value"] == pytest.approx(lp[0]["value"], rel=1e-6)
        assert best <= relaxed["value"] + slack
        assert all(entry["bound"] <= relaxed["value"] + slack for entry in ilp)


@pytest.mark.parametrize("entry", ENTRIES, ids=named)
def test_entry_is_whole_current_and_consistent(entry: dict[str, Any]) -> None:
    assert set(entry) == KEYS
    assert entry["fingerprint"] == library()[entry["instance"]].fingerprint
    assert entry["status"] in get_args(Status)
    assert entry["value"] <= entry["bound"] + TOLERANCE
    if entry["status"] == "optimal":
        gap = entry["options"].get("gap", 0.0) + TOLERANCE
        assert entry["bound"] - entry["value"] <= gap * max(1.0, abs(entry["value"]))
    if not is_lp(entry) and entry["formulation"] == "link":
        assert entry["value"] == int(entry["value"])
    assert entry["versions"]
    assert date.fromisoformat(entry["date"])


def test_no_entry_stands_twice() -> None:
    assert len({(named(entry), str(entry["options"])) for entry in ENTRIES}) == len(ENTRIES)


def test_more_requests_on_the_same_network_never_connect_less() -> None:
    for fewer, more in (("waxman-50-10", "waxman-50-20"), ("waxman-50-20", "waxman-50-50")):
        value = max(entry["value"] for entry in link_entries(fewer, lp=False))
        bound = min(entry["bound"] for entry in link_entries(more, lp=False))
        assert value <= bound + TOLERANCE


def test_toy_has_the_values_worked_out_by_hand() -> None:
    assert {entry["value"] for entry in link_entries("toy", lp=False)} == {3.0}
    assert [entry["value"] for entry in link_entries("toy", lp=True)] == pytest.approx([3.7])
