"""Result folder: one file a finished cell, written once; what is corrupt, retried or another suite's.

suite.json               the suite and its cells
cells/KEY.json           the record of a finished cell; beside it KEY.plan.json and KEY.log
corrupt/, retried/       records set aside
reference.jsonl          the reference jobs
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from milproute.bench.records.record import CELL_FORMAT, CellSpec, Record, RecordError
from milproute.instances import MilprouteError, OutputError
from milproute.instances.files import read_json, write_text
from milproute.instances.schema import Frozen, Identifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from milproute.bench.records.task import Outcome
    from milproute.bench.suite.suite import Suite

RESULTS_FORMAT: Literal["milproute.results/1"] = "milproute.results/1"
SUFFIXES = (".json", ".plan.json", ".log")


class FolderError(MilprouteError, ValueError):
    """A folder that is not the result folder it should be."""


class Contents(Frozen):
    """What a result folder is for: the file ``suite.json``.

    Parameters
    ----------
    name, limits : of the suite; joined where folders were merged.
    digest : content hash of the cells.
    cells : all cells, finished or not.
    """

    format: Literal["milproute.results/1"] = RESULTS_FORMAT
    name: Identifier
    limits: dict[str, Any]
    digest: str
    cells: tuple[CellSpec, ...]

    @classmethod
    def of(cls, name: str, limits: dict[str, Any], cells: Sequence[CellSpec]) -> Contents:
        """Return the contents with their digest."""
        keys = "".join(sorted(cell.key for cell in cells))
        return cls(
            name=name, limits=limits, digest=hashlib.sha256(keys.encode()).hexdigest(), cells=tuple(cells)
        )


@dataclass(frozen=True, slots=True)
class ResultFolder:
    """A folder of results."""

    path: Path

    @property
    def cells(self) -> Path:
        """Where the records are."""
        return self.path / "cells"

    def begin(self, suite: Suite, cells: Sequence[CellSpec]) -> None:
        """Make the folder, or take it up again for the same suite, whose lists may have grown.

        Raises
        ------
        FolderError : it holds another suite, or files that are no results.
        OutputError : it cannot be made.
        """
        if (self.path / "suite.json").exists():
            self._compare(suite)
        elif self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise FolderError(
                f"{self.path} is no folder of results; allowed: a new or empty folder. Choose another --out."
            )
        self.make()
        self.write_contents(Contents.of(suite.name, suite.limits, cells))

    def make(self) -> None:
        """Make the folder and that of the cells.

        Raises
        ------
        OutputError : it cannot be made.
        """
        try:
            self.cells.mkdir(parents=True, exist_ok=True)
        except OSError as failure:
            raise OutputError(f"{self.cells} cannot be made: {failure.strerror}.") from failure

    def _compare(self, suite: Suite) -> None:
        contents = self.contents()
        if (contents.name, contents.limits) == (suite.name, suite.limits):
            return
        theirs, ours = (
            f"{name!r} ({', '.join(f'{key} {value}' for key, value in limits.items())})"
            for name, limits in ((contents.name, contents.limits), (suite.name, suite.limits))
        )
        raise FolderError(
            f"{self.path} holds results of the suite {theirs}; allowed: a folder of {ours}, or a new one. "
            f"Run into another folder, then join both: milproute bench merge NEW {self.path} OTHER"
        )

    def contents(self) -> Contents:
        """Return what the folder is for.

        Raises
        ------
        RecordError : there is no readable ``suite.json``.
        """
        path = self.path / "suite.json"
        return Contents.parse(read_json(path, RecordError, RESULTS_FORMAT), str(path), RecordError)

    def write_contents(self, contents: Contents) -> None:
        """Write ``suite.json``."""
        write_text(self.path / "suite.json", contents.model_dump_json() + "\n")

    def record_paths(self) -> list[Path]:
        """List the files of finished cells."""
        return sorted(path for path in self.cells.glob("*.json") if "." not in path.stem)

    def records(self) -> Iterator[tuple[Path, Record | RecordError]]:
        """Yield each finished cell, or what is wrong with its file."""
        for path in self.record_paths():
            try:
                yield path, read_record(path)
            except RecordError as error:
                yield path, error

    def keep(self, outcome: Outcome) -> None:
        """Write the files of a finished cell, the record last: it makes the cell finished, and stays.

        Raises
        ------
        OutputError : they cannot be written.
        """
        record = outcome.record
        plan, log, main = (self.cells / (record.key + suffix) for suffix in (".plan.json", ".log", ".json"))
        if main.exists():  # another run in the same folder was quicker
            return
        try:
            if outcome.plan is not None:
                write_text(plan, json.dumps(outcome.plan, indent=1, allow_nan=False) + "\n")
            write_text(log, outcome.log)
            write_text(main, record.model_dump_json(indent=1) + "\n")
        except (OutputError, KeyboardInterrupt):  # a full disk, a Ctrl-C: half a cell is none
            plan.unlink(missing_ok=True)
            log.unlink(missing_ok=True)
            raise

    def set_aside(self, path: Path, shelf: Literal["corrupt", "retried"]) -> Path:
        """Move a record and the files beside it to a shelf; return where the record is now."""
        place = self.path / shelf
        place.mkdir(exist_ok=True)
        number = sum(1 for _ in place.glob(f"{path.stem}.*.json"))
        for suffix in SUFFIXES:
            file = path.with_name(path.stem + suffix)
            if file.exists():
                file.replace(place / f"{path.stem}.{number}{suffix}")
        return place / f"{path.stem}.{number}.json"

    def add_reference(self, line: dict[str, Any]) -> None:
        """Append a reference job."""
        path = self.path / "reference.jsonl"
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        write_text(path, before + json.dumps(line) + "\n")


def read_record(path: Path) -> Record:
    """Return the record of a finished cell.

    Raises
    ------
    RecordError : the file holds none, or that of another cell.
    """
    try:
        record = Record.model_validate_json(path.read_bytes())
    except (OSError, ValueError):  # read again with care, to say what is wrong
        record = Record.parse(read_json(path, RecordError, CELL_FORMAT), str(path), RecordError)
    if not record.key == record.spec.key == path.stem:
        raise RecordError(path, "key", repr(record.key), "the name of the file and the hash of spec", "")
    return record


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a folder is.

    Parameters
    ----------
    suite : its name.
    cells : of the suite.
    by_status : finished cells of the suite by status.
    missing : cells without a record.
    other : records of cells that the suite does not have (any more).
    corrupt : files that are no records.
    """

    suite: str
    cells: int
    by_status: dict[str, int]
    missing: tuple[CellSpec, ...]
    other: int
    corrupt: tuple[str, ...]

    @property
    def done(self) -> int:
        """Finished cells."""
        return self.cells - len(self.missing)


def progress(folder: ResultFolder) -> Progress:
    """Say how far a folder is; nothing in it is touched.

    Raises
    ------
    RecordError : it is no result folder.
    """
    contents = folder.contents()
    wanted = {cell.key: cell for cell in contents.cells}
    statuses, corrupt, other = Counter[str](), [], 0
    done = set()
    for path, found in folder.records():
        if isinstance(found, RecordError):
            corrupt.append(str(found))
        elif found.key in wanted:
            done.add(found.key)
            statuses[found.status] += 1
        else:
            other += 1
    missing = tuple(cell for key, cell in wanted.items() if key not in done)
    return Progress(contents.name, len(wanted), dict(statuses.most_common()), missing, other, tuple(corrupt))


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did: cells taken, met again, with another outcome, and corrupt files."""

    taken: int
    again: int
    differing: tuple[str, ...]
    corrupt: tuple[str, ...]


def merge(target: ResultFolder, folders: Iterable[ResultFolder]) -> Merged:
    """Copy the results of several folders into ``target``; of a cell met twice the first record stays.

    Raises
    ------
    RecordError : one of them is no result folder.
    OutputError : the target cannot be written.
    """
    sources = list(folders)
    known = [target, *sources] if (target.path / "suite.json").exists() else sources
    contents = [folder.contents() for folder in known]
    target.make()
    taken, again, differing, corrupt = 0, 0, list[str](), list[str]()
    for source in sources:
        for path, found in source.records():
            place = target.cells / path.name
            if isinstance(found, RecordError):
                corrupt.append(str(found))
            elif place.exists():
                again += 1
                kept = read_record(place)
                if (kept.status, kept.objective, kept.bound) != (found.status, found.objective, found.bound):
                    differing.append(found.key)
            else:
                taken += 1
                for suffix in (".plan.json", ".log", ".json"):  # the record last
                    file = path.with_name(path.stem + suffix)
                    if file.exists():
                        write_text(place.with_name(file.name), file.read_text(encoding="utf-8"))
    _merge_references(target, sources)
    target.write_contents(_joined(contents))
    return Merged(taken, again, tuple(differing), tuple(corrupt))


def _merge_references(target: ResultFolder, sources: Iterable[ResultFolder]) -> None:
    files = [folder.path / "reference.jsonl" for folder in (target, *sources)]
    lines = [line for file in files if file.exists() for line in file.read_text().splitlines()]
    if lines:
        write_text(target.path / "reference.jsonl", "\n".join(dict.fromkeys(lines)) + "\n")


def _joined(contents: Sequence[Contents]) -> Contents:
    """Join what several folders are for; limits that differ are left to the cells."""
    names = dict.fromkeys(name for each in contents for name in each.name.split(" + "))
    limits = {
        key: value
        for key, value in contents[0].limits.items()
        if all(c.limits.get(key) == value for c in contents)
    }
    cells = {cell.key: cell for each in contents for cell in each.cells}
    return Contents.of(" + ".join(names), limits, list(cells.values()))
