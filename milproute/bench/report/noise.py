"""Noise of a machine: how far the times of the same small job lie apart."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from milproute.bench.records.record import RecordError
from milproute.instances.files import read_text
from milproute.instances.schema import Frozen, Identifier, NonNegative

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Reference(Frozen):
    """One run of the reference job: when, on which machine, how many seconds."""

    when: Identifier
    machine: Identifier
    seconds: NonNegative


@dataclass(frozen=True, slots=True)
class Noise:
    """Seconds of the reference job on one machine."""

    machine: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.seconds)

    @property
    def spread(self) -> float:
        """The largest time less the smallest, as a share of the median; 0 when all are 0."""
        return (max(self.seconds) - min(self.seconds)) / self.median if self.median else 0.0


def read_references(folder: Path) -> list[Reference]:
    """Return the reference jobs of a result folder in the order they ran; none where there is no file.

    Raises
    ------
    RecordError : a line is no reference job.
    """
    path = folder / "reference.jsonl"
    if not path.exists():
        return []
    lines = read_text(path, RecordError).splitlines()
    return [_read_line(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def noise(references: Iterable[Reference]) -> list[Noise]:
    """Gather the reference jobs of each machine."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for reference in references:
        seconds[reference.machine].append(reference.seconds)
    return [Noise(machine, tuple(times)) for machine, times in sorted(seconds.items())]


def _read_line(path: Path, number: int, line: str) -> Reference:
    try:
        data = json.loads(line)
    except json.JSONDecodeError as failure:
        wrong = f"not JSON ({failure.msg})"
        raise RecordError(path, f"line {number}", wrong, "one JSON object a line", "") from None
    return Reference.parse(data, f"{path}, line {number}", RecordError)
