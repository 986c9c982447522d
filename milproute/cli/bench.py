"""``milproute bench``: solvers, formulations and limits side by side."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from milproute.cli.console import NO_SOLUTION, JsonOption, err, out, print_error, print_json, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from milproute.bench.results.folder import Progress, ResultFolder
    from milproute.bench.suite.expand import Cell

app = typer.Typer(help="Benchmark solvers and formulations.", no_args_is_help=True)

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="A folder of results.")]


@app.command()
def run(
    suite: Annotated[
        str,
        typer.Argument(
            metavar="SUITE", help="A TOML file, or smoke, reps-link, reps-path, argmax or scaling."
        ),
    ],
    folder: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder of the results.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the cells, run none.")] = False,
    workers: Annotated[
        int | None,
        typer.Option(parser=whole, metavar="N", help="Cells at once; by default as many as cores allow."),
    ] = None,
    retry: Annotated[
        str, typer.Option(metavar="STATUS,...", help="Run finished cells of these statuses again.")
    ] = "",
    executor: Annotated[str, typer.Option(help="local, or dask://HOST:PORT for a dask scheduler.")] = "local",
    as_json: JsonOption = False,
) -> None:
    """Run the cells of SUITE that DIR has no result of; the same command continues a run.

    Exit status: 0 every cell has a result, whatever it says, 1 stopped by Ctrl-C, 2 bad input, no space
    left, or no cluster.
    """
    from milproute.bench.results.folder import ResultFolder, progress
    from milproute.bench.run.display import Board
    from milproute.bench.run.executors import ClusterError, check_executor
    from milproute.bench.run.run import missing_cells, run_cells
    from milproute.bench.suite.expand import expand
    from milproute.bench.suite.suite import load_suite
    from milproute.instances import OptionError, OutputError

    again = _statuses(retry)
    chosen, base = load_suite(suite)
    if folder is None and not dry_run:
        raise OptionError("--out is missing; allowed: a folder for the results, or --dry-run")
    cells = expand(chosen, suite, base)
    if dry_run or folder is None:
        _list_cells(cells, as_json=as_json)
        return
    check_executor(executor, workers, chosen.threads)
    results, specs = ResultFolder(folder), [cell.spec for cell in cells]
    command = _command(suite, folder, workers, executor)
    try:
        results.begin(chosen, specs)
        board = Board(chosen.name, len(cells), 0, err())
        missing = missing_cells(results, cells, again, board)
        run_cells(missing, results, board, executor=executor, workers=workers)
    except KeyboardInterrupt:
        _stopped(results, command, as_json=as_json)
        raise typer.Exit(NO_SOLUTION) from None
    except (OutputError, ClusterError) as error:
        raise type(error)(f"{error} What is done stays; mend that and continue with: {command}") from error
    _report_progress(progress(results), folder, as_json=as_json)


@app.command()
def status(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """Tell how far a run is: cells done, by status, and missing."""
    from milproute.bench.results.folder import ResultFolder, progress

    _report_progress(progress(ResultFolder(folder)), folder, as_json=as_json, details=True)


@app.command()
def merge(
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to join the results in.")],
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of results.")],
    as_json: JsonOption = False,
) -> None:
    """Join the results of several machines; of a cell met twice the first result stays."""
    from dataclasses import asdict

    from milproute.bench.results.folder import ResultFolder
    from milproute.bench.results.folder import merge as join

    merged = join(ResultFolder(target), [ResultFolder(folder) for folder in folders])
    if as_json:
        print_json(asdict(merged))
        return
    again = f"; {merged.again} met again, the first result stays" if merged.again else ""
    out().print(f"{merged.taken} cells taken{again}", markup=False)
    if merged.differing:
        out().print(f"with another outcome: {', '.join(merged.differing)}", markup=False, soft_wrap=True)
    for line in merged.corrupt:
        err().print(f"left out: {line}", markup=False, soft_wrap=True)


@app.command()
def report(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """Write results.csv, results.parquet and report.html into DIR."""
    from milproute.bench.report.write import write_report

    page = write_report(folder)
    if as_json:
        print_json({"report": str(page)})
    else:
        out().print(f"wrote {page}", markup=False, soft_wrap=True)


def _statuses(text: str) -> tuple[str, ...]:
    """Read the statuses of ``--retry``."""
    from milproute.instances import Status
    from milproute.instances.errors import unknown_name

    given = tuple(filter(None, (part.strip() for part in text.split(","))))
    for name in given:
        if name not in get_args(Status):
            raise unknown_name("status in --retry", name, get_args(Status))
    return given


def _list_cells(cells: Sequence[Cell], *, as_json: bool) -> None:
    if as_json:
        print_json({"cells": [{"key": cell.spec.key, **cell.spec.model_dump(mode="json")} for cell in cells]})
        return
    from milproute.bench.run.display import describe

    for cell in cells:
        out().print(f"{cell.spec.key}  {describe(cell.spec)}", markup=False, soft_wrap=True)
    hours = sum(cell.spec.time_limit for cell in cells) / 3600
    out().print(f"{len(cells)} cells, at most {hours:.2g} hours of solving one by one", markup=False)


def _command(suite: str, folder: Path, workers: int | None, executor: str) -> str:
    """Return the command that continues: finished cells are skipped, and no retry is tried twice."""
    flags = ["--workers", str(workers)] if workers is not None else []
    flags += ["--executor", executor] if executor != "local" else []
    return shlex.join(["milproute", "bench", "run", suite, "--out", str(folder), *flags])


def _stopped(results: ResultFolder, command: str, *, as_json: bool) -> None:
    from milproute.bench.results.folder import progress

    far = progress(results)
    message = (
        f"stopped by Ctrl-C: {far.done} of {far.cells} cells are done and stay; continue with: {command}"
    )
    if as_json:
        print_error("KeyboardInterrupt", message)
    err().print(message, markup=False, soft_wrap=True)


def _report_progress(far: Progress, folder: Path, *, as_json: bool, details: bool = False) -> None:
    """Print how far a run is."""
    if as_json:
        print_json(
            {
                "suite": far.suite,
                "folder": str(folder),
                "cells": far.cells,
                "done": far.done,
                "by_status": far.by_status,
                "missing": [cell.key for cell in far.missing],
                "other": far.other,
                "corrupt": list(far.corrupt),
            }
        )
        return
    console, statuses = out(), ", ".join(f"{n} {status}" for status, n in far.by_status.items())
    console.print(f"{far.suite}: {far.done} of {far.cells} cells done ({statuses or 'none'})", markup=False)
    if far.other:
        console.print(f"{far.other} results of cells that the suite does not have now", markup=False)
    for line in far.corrupt:
        console.print(line, markup=False, soft_wrap=True)
    if details and far.missing:
        from milproute.bench.run.display import describe

        for spec in far.missing[:20]:
            console.print(f"missing: {spec.key}  {describe(spec)}", markup=False, soft_wrap=True)
        if len(far.missing) > 20:
            console.print(f"… and {len(far.missing) - 20} more", markup=False)
