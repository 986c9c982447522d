"""``milproute solve``: from an instance to a verified plan."""

from __future__ import annotations

import re
import shlex
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
    number,
    out,
    print_json,
    whole,
)

if TYPE_CHECKING:
    from rich.table import Table

    from instances import Instance, Plan

FAILURES = {"wrong_solution", "crash", "licence", "error"}

# What to do about a plan that is none, or not to be trusted.
REMEDIES = {
    "no_solution": "a limit came before the first solution. Try a longer --time-limit or --method rounding.",
    "memory_limit": "the solver ran out of memory. Try --threads 1, another variant, or --method rounding.",
    "infeasible": "no plan meets every demand and limit of the instance.",
    "unbounded": "nothing limits the objective. Report it with the file of --write-model.",
    "crash": "the solver's process died. Try another --seed or --solver.",
    "licence": "the solver's licence refuses; `milproute solvers` shows the state of each.",
    "wrong_solution": "the solver's answer breaks the rules below. Try another --solver; report it.",
    "error": "the solver failed. Try another --seed or --solver; report it with the file of --write-model.",
}


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
    time_limit: Annotated[
        float, typer.Option(parser=number, metavar="SECONDS", help="Seconds for the solver.")
    ] = 60.0,
    gap: Annotated[
        float, typer.Option(parser=number, metavar="GAP", help="Relative gap at which to stop.")
    ] = 1e-4,
    threads: Annotated[int, typer.Option(parser=whole, metavar="N", help="Threads of the solver.")] = 1,
    seed: Annotated[
        int,
        typer.Option(parser=whole, metavar="N", help="Seed of the solver, of outcomes and of rounding."),
    ] = 0,
    out_file: Annotated[Path | None, typer.Option("--out", help="Write the plan as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the plan (.svg or .png).")] = None,
    write_model: Annotated[Path | None, typer.Option(help="Write the model (.mps).")] = None,
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
    from solvers.results import BackendError
    from solvers.selector import parse_selector

    if plot is not None:
        from milproute.plotting.save import picture_format

        picture_format(plot)
    outputs = [out_file, plot, write_model]
    check_writable(outputs)
    _check_distinct(instance, outputs)
    if write_model is not None:
        _check_model(write_model, formulation)
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
        from milproute.plotting import plot_plan, save_figure

        save_figure(plot_plan(problem, plan), plot)
    _report(problem, plan, as_json)
    raise typer.Exit(_exit_status(plan))


def _exit_status(plan: Plan) -> int:
    if plan.status in FAILURES:
        return SOLVER_FAILED
    return OK if plan.objective is not None and plan.verified else NO_SOLUTION


def _check_distinct(instance: str, outputs: list[Path | None]) -> None:
    """Refuse outputs that would overwrite each other or the instance."""
    from instances import OutputError

    taken = {Path(instance).resolve(): "the instance"} if Path(instance).is_file() else {}
    for flag, path in zip(("--out", "--plot", "--write-model"), outputs, strict=True):
        if path is None:
            continue
        if path.resolve() in taken:
            other = taken[path.resolve()]
            raise OutputError(f"{flag} {path} would overwrite {other}; allowed: a file of its own.")
        taken[path.resolve()] = f"what {flag} writes"


def _check_model(path: Path, formulation: str) -> None:
    """Refuse a model file that cannot be, before anything is solved."""
    from instances import OptionError

    if path.suffix.lower() != ".mps":
        raise OptionError(f"--write-model {path} has the suffix {path.suffix!r}; allowed: .mps")
    if formulation == "reps":
        raise OptionError(
            "--write-model writes one model, but --formulation reps solves several; allowed: link, path"
        )


def _check_pairs(text: str, problem: Instance) -> None:
    """Refuse the path ILP where pairs are missing, with a command to copy that draws them."""
    from instances import InstanceError

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
    bound = "no bound proven" if plan.bound is None else f"proven at most {plan.bound:g}"
    worst = "" if plan.gap is None else f" (gap {plan.gap:.2%})"
    colour = "green" if _exit_status(plan) == OK else "red"
    console.print(f"[bold {colour}]{plan.status}[/]: {objective} connections, {bound}{worst}")
    if colour == "red" and plan.status in REMEDIES:
        console.print(REMEDIES[plan.status], markup=False, soft_wrap=True)
    if plan.delivered is not None:
        console.print(f"delivered after the swaps: {sum(plan.delivered.values())}")
    attempts = sum(a.channels for a in plan.attempts)
    seconds = ", ".join(f"{phase} {t:.2f} s" for phase, t in plan.seconds.items())
    console.print(
        f"{plan.formulation} ({plan.variant}) by {plan.solver} {plan.solver_version}; {seconds}",
        markup=False,
        soft_wrap=True,
    )
    if plan.attempts:
        console.print(f"{attempts:g} attempts on {len(plan.attempts)} of {len(problem.links)} links")
    if plan.objective is not None:
        console.print("[green]verified independently[/]" if plan.verified else "[bold red]NOT verified[/]")
    for violation in plan.violations:
        console.print(str(violation), markup=False, soft_wrap=True)


def _paths_table(problem: Instance, plan: Plan) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("request", "connections", "paths", title=escape(f"{problem.name}: {plan.formulation}"))
    for request in problem.requests:
        own = [p for p in plan.paths if p.request == request.id]
        lines = [f"{p.count:g} × {escape(' – '.join(p.nodes))}" for p in own]
        table.add_row(
            escape(request.id), f"{plan.connections[request.id]:g}", "\n".join(lines) or "[dim]none[/]"
        )
    return table
