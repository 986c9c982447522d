"""``milproute solve``: from an instance to a verified plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from milproute.cli.console import (
    NO_SOLUTION,
    OK,
    SOLVER_FAILED,
    InstanceArgument,
    JsonOption,
    err,
    out,
    print_json,
)

if TYPE_CHECKING:
    from rich.table import Table

    from instances import Instance, Plan

FAILURES = {"wrong_solution", "crash", "licence", "error"}


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
    solver: Annotated[
        str, typer.Option(help="Solver, with native options if need be: highs[presolve=off].")
    ] = "highs",
    time_limit: Annotated[float, typer.Option(help="Seconds for the solver.")] = 60.0,
    gap: Annotated[float, typer.Option(help="Relative gap at which to stop.")] = 1e-4,
    threads: Annotated[int, typer.Option(help="Threads of the solver.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the solver, of outcomes and of rounding.")] = 0,
    out_file: Annotated[Path | None, typer.Option("--out", help="Write the plan as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the plan (.svg or .png).")] = None,
    write_model: Annotated[Path | None, typer.Option(help="Write the model before solving (.mps).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Decide which link attempts to make or which paths to swap, with a proof of how good it is.

    Exit status: 0 a verified plan, 1 no solution (infeasible, or a limit came first), 2 bad input,
    3 the solver is missing, failed, or gave a wrong answer.
    """
    from instances import resolve
    from instances.files import check_writable, save
    from solvers import SolveOptions, Worker
    from solvers import solve as run
    from solvers.selector import parse_selector

    if plot is not None:
        from milproute.plotting.save import picture_format

        picture_format(plot)
    check_writable([out_file, plot, write_model])
    name, native = parse_selector(solver)
    limits = SolveOptions(time_limit, gap, threads, seed, native)
    problem = resolve(instance)
    if write_model is not None:
        _write_model(write_model, problem, formulation, variant, flows, relax, name)
    from milproute.progress import live_progress

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
        )
    if out_file is not None:
        save(plan, out_file)
    if plot is not None:
        from milproute.plotting import plot_plan, save_figure

        save_figure(plot_plan(problem, plan), plot)
    _report(problem, plan, as_json)
    raise typer.Exit(_exit_status(plan))


def _exit_status(plan: Plan) -> int:
    if plan.status in FAILURES:
        return SOLVER_FAILED
    return OK if plan.objective is not None and plan.verified else NO_SOLUTION


def _write_model(
    path: Path, problem: Instance, formulation: str, variant: str | None, flows: str, relax: bool, solver: str
) -> None:
    """Write the model that will be solved, names and all."""
    from solvers.solve import write_model

    write_model(path, problem, formulation, variant, flows=flows, relax=relax, solver=solver)


def _report(problem: Instance, plan: Plan, as_json: bool) -> None:
    """Print the plan: JSON for machines, tables for people."""
    if as_json:
        print_json(plan.document())
        return
    console = out()
    if plan.objective is not None:
        console.print(_paths_table(problem, plan))
    objective = "-" if plan.objective is None else f"{plan.objective:g}"
    bound = "nothing proven" if plan.bound is None else f"at most {plan.bound:g}"
    worst = "" if plan.gap is None else f" (gap {plan.gap:.2%})"
    colour = "green" if _exit_status(plan) == OK else "red"
    console.print(f"[bold {colour}]{plan.status}[/]: {objective} connections, proven {bound}{worst}")
    if plan.delivered is not None:
        console.print(f"delivered after the swaps: {sum(plan.delivered.values())}")
    attempts = sum(a.channels for a in plan.attempts)
    seconds = ", ".join(f"{phase} {t:.2f} s" for phase, t in plan.seconds.items())
    console.print(f"{plan.formulation} ({plan.variant}) by {plan.solver} {plan.solver_version}; {seconds}")
    if plan.attempts:
        console.print(f"{attempts:g} attempts on {len(plan.attempts)} of {len(problem.links)} links")
    word = "[green]verified independently[/]" if plan.verified else "[bold red]NOT verified[/]"
    console.print(word)
    for violation in plan.violations:
        console.print(str(violation), markup=False, soft_wrap=True)


def _paths_table(problem: Instance, plan: Plan) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("request", "connections", "paths", title=f"{problem.name}: {plan.formulation}")
    for request in problem.requests:
        own = [p for p in plan.paths if p.request == request.id]
        lines = [f"{p.count:g} × {escape(' – '.join(p.nodes))}" for p in own]
        table.add_row(
            escape(request.id), f"{plan.connections[request.id]:g}", "\n".join(lines) or "[dim]none[/]"
        )
    return table
