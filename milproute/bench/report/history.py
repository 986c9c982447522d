"""History of a solve: incumbent and bound over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from milproute.bench.report.metrics import carried_forward

if TYPE_CHECKING:
    from milproute.bench.records.record import Record
    from milproute.instances.arrays import Floats


class History(NamedTuple):
    """Incumbent and bound from ``seconds[i]`` on; NaN while there is none."""

    seconds: Floats
    objectives: Floats
    bounds: Floats


def history(record: Record, valid: bool) -> History:
    """Return what a cell had at which time, from its trace and its ending.

    Parameters
    ----------
    valid : whether its plan holds. Otherwise nothing that the solver called its incumbent was ever checked:
        it counts as none.
    """
    seconds, _, objectives, bounds = zip(*record.trace, strict=True) if record.trace else ((), (), (), ())
    end = max(record.seconds.get("solve", record.time), *seconds, 0.0)
    return History(
        np.maximum.accumulate([*seconds, end]),
        carried_forward([*objectives, record.objective] if valid else [None] * (len(seconds) + 1)),
        carried_forward([*bounds, record.bound]),
    )
