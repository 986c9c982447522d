"""``milproute solve``: from an instance to a verified plan."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from milproute.cli.console import InstanceArgument, JsonOption, err, whole
from milproute.cli.flags import (
    ConfirmFlag,
    GapFlag,
    ModelFlag,
    OutFlag,
    PlotFlag,
    SolverFlag,
    ThreadsFlag,
    TimeLimitFlag,
    check_outputs,
)
from milproute.cli.plan_report import exit_status, report

if TYPE_CHECKING:
    from milproute.instances import Instance


def solve(
    instance: InstanceArgument,
    formulation: Annotated[
        str, typer.Option(help="link (which attempts), path (which paths), reps (a whole slot).")
    ] = "link",
    variant: Annotated[
        str | None,
        typer.Option(help="link: by-source, per-request; path: by-source, aggregated, per-copy."),
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="exact, or rounding: a heuristic with a bound (default of reps).")
    ] = None,
    flows: Annotated[str, typer.Option(help="integer or continuous (attempts stay whole).")] = "integer",
    relax: Annotated[bool, typer.Option("--relax", help="Solve the linear relaxation.")] = False,
    solver: SolverFlag = "highs",
    time_limit: TimeLimitFlag = 60.0,
    gap: GapFlag = 1e-4,
    threads: ThreadsFlag = 1,
    seed: Annotated[
        int,
        typer.Option(parser=whole, metavar="N", help="Seed of the solver, of outcomes and of rounding."),
    ] = 0,
    out_file: OutFlag = None,
    plot: PlotFlag = None,
    write_model: ModelFlag = None,
    confirm: ConfirmFlag = False,
    as_json: JsonOption = False,
) -> None:
    """Decide which link attempts to make or which paths to swap, with a proof of how good it is.

    Exit status: 0 a verified plan, 1 no solution (infeasible, or a limit came first), 2 bad input,
    3 the solver is missing, failed, or gave a wrong answer.
    """
    from milproute.startup import load_scipy_lightly

    load_scipy_lightly()
    from milproute.instances import OptionError, resolve, save
    from milproute.solvers import SolveOptions, Worker
    from milproute.solvers import solve as run
    from milproute.solvers.results import BackendError
    from milproute.solvers.selector import parse_selector

    check_outputs([instance], out_file, plot, write_model)
    if write_model is not None and formulation == "reps":
        raise OptionError(
            "--write-model writes one model, but --formulation reps solves several; allowed: link, path"
        )
    name, native = parse_selector(solver)
    limits = SolveOptions(time_limit, gap, threads, seed, native)
    problem = resolve(instance)
    if formulation == "path":
        _check_pairs(instance, problem)
    from milproute.progress import live_progress

    try:
        with Worker(name) as worker, live_progress(err(), problem.name) as watch:
            plan = run(
                problem,
                formulation,
                variant,
                method=method,
                flows=flows,
                relax=relax,
                solver=worker,
                limits=limits,
                seed=seed,
                watch=watch,
                confirm=confirm,
            )
    except BackendError:
        if write_model is not None:  # the model is what explains a refusal
            _write_model(write_model, problem, formulation, variant, flows, relax, name)
        raise
    if out_file is not None:
        save(plan, out_file)
    # Only now is it sure that all options are good: bad input writes nothing.
    if write_model is not None:
        _write_model(write_model, problem, formulation, variant, flows, relax, name)
    if plot is not None:
        from milproute.cli.picture import save_picture
        from milproute.plotting import plot_plan

        save_picture(plot_plan(problem, plan), plot)
    report(problem, plan, as_json=as_json)
    raise typer.Exit(exit_status(plan))


def _check_pairs(text: str, problem: Instance) -> None:
    """Refuse the path ILP where pairs are missing, with a command to copy that draws them."""
    from milproute.instances import InstanceError

    missing = [i for i, link in enumerate(problem.links) if link.entangled_pairs is None]
    if missing:
        target = re.sub(r"[^\w.-]+", "-", problem.name).strip("-.") + "-pairs.json"
        command = f"milproute instances make {shlex.quote(text)} --draw-pairs 1 --out {target}"
        raise InstanceError(
            text,
            f"links[{missing[0]}].entangled_pairs",
            "null",
            "a whole number >= 0 on every link for the path ILP",
            f"Draw pairs with `{command}` and solve {target}, "
            "or solve the whole slot with `--formulation reps`.",
        )


def _write_model(
    path: Path, problem: Instance, formulation: str, variant: str | None, flows: str, relax: bool, solver: str
) -> None:
    """Write the exact model of the formulation, names and all."""
    from milproute.solvers.solve import write_model

    write_model(path, problem, formulation, variant, flows=flows, relax=relax, solver=solver)
