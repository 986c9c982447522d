"""``milproute embed``: a Q-net over an action set as a MILP, and its proven best action."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from milproute.cli.console import (
    OK,
    InstanceArgument,
    JsonOption,
    err,
    exit_status,
    out,
    print_json,
)

if TYPE_CHECKING:
    from instances import Plan
    from solvers.methods.argmax import ArgmaxProblem


def embed(
    qnet: Annotated[str, typer.Argument(metavar="QNET", help="A .safetensors or .onnx file or a library name.")],
    instance: InstanceArgument,
    actions: Annotated[str, typer.Option(help="columns (listed paths), layers or arcs.")] = "columns",
    relu: Annotated[
        str, typer.Option(help="tight, ideal (tight and cuts), sos1, omlt-bigm or omlt-partition.")
    ] = "tight",
    bounds: Annotated[str, typer.Option(help="Of neurons: path, obbt, crown or interval.")] = "path",
    max_hops: Annotated[int, typer.Option(help="Most links of a path.")] = 6,
    max_columns: Annotated[int, typer.Option(help="Most paths that columns may list.")] = 200_000,
    engine: Annotated[str, typer.Option(help="auto, milp or enumerate (all joint actions).")] = "auto",
    solve: Annotated[bool, typer.Option("--solve", help="Solve; without it the model is only built.")] = False,
    solver: Annotated[str, typer.Option(help="Solver, with native options if need be.")] = "highs",
    time_limit: Annotated[float, typer.Option(help="Seconds for the solver.")] = 60.0,
    gap: Annotated[float, typer.Option(help="Relative gap at which to stop.")] = 1e-4,
    threads: Annotated[int, typer.Option(help="Threads of the solver.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the solver.")] = 0,
    out_file: Annotated[Path | None, typer.Option("--out", help="Write the plan as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the action (.svg or .png).")] = None,
    write_model: Annotated[Path | None, typer.Option(help="Write the MILP (.mps).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Embed QNET in a MILP over the joint actions of INSTANCE and find its best action, proven.

    Exit status as in `milproute solve`.
    """
    from instances import OptionError, resolve
    from instances.files import check_writable, save
    from instances.library.qnets import resolve_qnet
    from solvers import SolveOptions, Worker
    from solvers.methods.argmax import ArgmaxOptions, ArgmaxProblem, argmax, write_embedding
    from solvers.selector import parse_selector

    options = ArgmaxOptions(actions, relu, bounds, engine, max_hops, max_columns)
    if not solve and (out_file or plot):
        raise OptionError("--out and --plot need a solved action; allowed: with --solve")
    if plot is not None:
        from milproute.plotting.save import picture_format

        picture_format(plot)
    check_writable([out_file, plot, write_model])
    name, native = parse_selector(solver)
    limits = SolveOptions(time_limit, gap, threads, seed, native)
    net, problem = resolve_qnet(qnet), resolve(instance)
    if write_model is not None:
        write_embedding(write_model, net, problem, options, name)
    if not solve:
        _report_model(ArgmaxProblem(net, problem, options), as_json)
        raise typer.Exit(OK)
    from milproute.progress import live_progress

    with Worker(name) as worker, live_progress(err(), problem.name) as watch:
        plan = argmax(net, problem, options=options, solver=worker, limits=limits, watch=watch)
    if out_file is not None:
        save(plan, out_file)
    if plot is not None:
        from milproute.plotting import plot_plan, save_figure

        save_figure(plot_plan(problem, plan), plot)
    _report(plan, as_json)
    raise typer.Exit(exit_status(plan))


def _report_model(problem: ArgmaxProblem, as_json: bool) -> None:
    """Print the size of the model and what the bounds say."""
    facts = problem.describe()
    if as_json:
        print_json(facts)
        return
    for key, value in facts.items():
        out().print(f"{key.replace('_', ' ')}: {value}", markup=False)


def _report(plan: Plan, as_json: bool) -> None:
    if as_json:
        print_json(plan.document())
        return
    from rich.markup import escape

    console = out()
    for path in plan.paths:
        console.print(f"{escape(path.request)}: {path.count:g} × {escape(' – '.join(path.nodes))}")
    objective = "-" if plan.objective is None else f"{plan.objective:.6g}"
    bound = "nothing proven" if plan.bound is None else f"at most {plan.bound:.6g}"
    worst = "" if plan.gap is None else f" (gap {plan.gap:.2%})"
    colour = "green" if exit_status(plan) == OK else "red"
    console.print(f"[bold {colour}]{plan.status}[/]: Q = {objective}, proven {bound}{worst}")
    if plan.residual is not None:
        console.print(f"forward pass {plan.forward:.6g}, residual {plan.residual:.1e}")
    if plan.neurons is not None:
        n = plan.neurons
        console.print(f"{n.total} neurons, {n.stable} stable, {n.binaries} binaries")
    seconds = ", ".join(f"{phase} {t:.2f} s" for phase, t in plan.seconds.items())
    console.print(f"{plan.variant} by {plan.engine}, {plan.solver} {plan.solver_version}; {seconds}")
    console.print("[green]verified independently[/]" if plan.verified else "[bold red]NOT verified[/]")
    for violation in plan.violations:
        console.print(str(violation), markup=False, soft_wrap=True)
