"""Control groups (cgroup v2): a memory limit that counts what is used, not what is reserved."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMBERSHIP = Path("/proc/self/cgroup")
MOUNTS = Path("/proc/self/mounts")


@contextmanager
def memory_group(name: str, megabytes: int | None) -> Iterator[Path | None]:
    """Give a control group with a memory limit, gone after the block.

    None without a limit, and where this process may make no such group: below its own group or beside it,
    with the memory controller on. There the limit of the address space has to do.
    """
    group = None
    if megabytes is not None:
        group = next(filter(None, (_made(place / name, megabytes) for place in _places())), None)
    try:
        yield group
    finally:
        if group is not None:
            group.rmdir()  # empty: whoever was in it has ended


def killed_for_memory(group: Path | None) -> bool:
    """Whether the system killed somebody in the group at its limit."""
    if group is None:
        return False
    events = dict(line.split() for line in (group / "memory.events").read_text().splitlines())
    return int(events.get("oom_kill", 0)) > 0


def _places() -> list[Path]:
    """List where a group may be made: in our own group and beside it."""
    if not (MEMBERSHIP.exists() and MOUNTS.exists()):
        return []
    mounts = [line.split() for line in MOUNTS.read_text().splitlines()]
    roots = [Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"]
    own = [
        line.removeprefix("0::/") for line in MEMBERSHIP.read_text().splitlines() if line.startswith("0::")
    ]
    if not (roots and own):
        return []
    here = roots[0] / own[0]
    return [here, here.parent] if own[0] else [here]


def _made(group: Path, megabytes: int) -> Path | None:
    """Make a group; None where that is not allowed."""
    try:
        if "memory" not in (group.parent / "cgroup.subtree_control").read_text().split():
            return None
        group.mkdir()
    except OSError:
        return None
    try:
        (group / "memory.max").write_text(str(megabytes * 2**20))
        if (group / "memory.swap.max").exists():
            (group / "memory.swap.max").write_text("0")
    except OSError:
        group.rmdir()
        return None
    return group
