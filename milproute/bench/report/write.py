"""The report of a benchmark: a table of its cells and one page that works offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milproute.bench.records.record import RecordError
from milproute.bench.report.consistency import contradictions, judge
from milproute.bench.report.noise import noise, read_references
from milproute.bench.report.page import page
from milproute.bench.report.table import cell_table, write_table
from milproute.bench.results.folder import ResultFolder
from milproute.instances.files import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.bench.records.record import Record


def write_report(folder: Path) -> Path:
    """Write ``results.csv``, ``results.parquet`` and ``report.html`` into a result folder.

    The same folder makes the same page, byte for byte.

    Returns
    -------
    Path of the page.

    Raises
    ------
    RecordError : no finished cell, or a file that does not hold what it should; it is named.
    MissingPackageError : a package of the extra ``bench`` is missing.
    """
    suite = ResultFolder(folder).contents().name
    jobs = noise(read_references(folder))
    records = read_records(folder)
    found = contradictions(records)
    cells = judge(records, found)
    table, text = cell_table(cells), page(suite, cells, found, jobs)
    write_table(table, folder)
    write_text(folder / "report.html", text)
    return folder / "report.html"


def read_records(folder: Path) -> list[Record]:
    """Return the records of a result folder, those of one problem side by side.

    Raises
    ------
    RecordError : a file is no record, or there is none at all.
    """
    records = []
    for _, found in ResultFolder(folder).records():
        if isinstance(found, RecordError):
            raise found
        records.append(found)
    if not records:
        remedy = f"Run `milproute bench run SUITE --out {folder}` first."
        raise RecordError(folder / "cells", "", "without a finished cell", "at least one KEY.json", remedy)
    return sorted(records, key=_order)


def _order(record: Record) -> tuple[str | int, ...]:
    spec = record.spec
    problem = (spec.formulation, spec.instance, spec.draw_pairs or 0, spec.qnet or "", spec.relax, spec.flows)
    return (*problem, spec.variant, spec.method, spec.selector, spec.permutation, spec.seed, record.key)
