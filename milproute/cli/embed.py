"""``milproute embed``: a Q-net over an action set as a MILP, and its proven best action."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from milproute.cli.console import OK, InstanceArgument, JsonOption, err, out, print_json, whole
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


def embed(
    qnet: Annotated[
        str, typer.Argument(metavar="QNET", help="A .safetensors or .onnx file or a library name.")
    ],
    instance: InstanceArgument,
    inputs: Annotated[
        str | None,
        typer.Option(
            metavar="BLOCK,...",
            help="Inputs of QNET in order, where its file names none: link_load,request_served.",
        ),
    ] = None,
    actions: Annotated[str, typer.Option(help="columns (listed paths), layers or arcs.")] = "columns",
    relu: Annotated[
        str, typer.Option(help="tight, ideal (tight and cuts), sos1, omlt-bigm or omlt-partition.")
    ] = "tight",
    bounds: Annotated[str, typer.Option(help="Of neurons: path, obbt, crown or interval.")] = "path",
    max_hops: Annotated[int, typer.Option(parser=whole, metavar="N", help="Most links of a path.")] = 6,
    max_columns: Annotated[
        int, typer.Option(parser=whole, metavar="N", help="Most paths that columns may list.")
    ] = 200_000,
    engine: Annotated[
        str,
        typer.Option(help="auto, milp, branch, enumerate (all joint actions) or price (paths not listed)."),
    ] = "auto",
    solve: Annotated[
        bool, typer.Option("--solve", help="Solve; without it the model is only built.")
    ] = False,
    solver: SolverFlag = "highs",
    time_limit: TimeLimitFlag = 60.0,
    gap: GapFlag = 1e-4,
    threads: ThreadsFlag = 1,
    seed: Annotated[int, typer.Option(parser=whole, metavar="N", help="Seed of the solver.")] = 0,
    out_file: OutFlag = None,
    plot: PlotFlag = None,
    write_model: ModelFlag = None,
    confirm: ConfirmFlag = False,
    as_json: JsonOption = False,
) -> None:
    """Embed QNET in a MILP over the joint actions of INSTANCE and find its best action, proven.

    Exit status as in `milproute solve`.
    """
    from milproute.startup import load_scipy_lightly

    load_scipy_lightly()
    from dataclasses import asdict

    from milproute.instances import OptionError, resolve, save
    from milproute.instances.qnets.library import resolve_qnet
    from milproute.solvers import SolveOptions, Worker
    from milproute.solvers.argmax.argmax import argmax, pose
    from milproute.solvers.argmax.describe import describe, write_embedding
    from milproute.solvers.argmax.options import ArgmaxOptions
    from milproute.solvers.selector import parse_selector

    options = ArgmaxOptions(actions, relu, bounds, engine, max_hops, max_columns)
    if not solve and (out_file or plot or confirm):
        raise OptionError("--out, --plot and --confirm need a solved action; allowed: with --solve")
    check_outputs([qnet, instance], out_file, plot, write_model)
    name, native = parse_selector(solver)
    limits = SolveOptions(time_limit, gap, threads, seed, native)
    net, problem = resolve_qnet(qnet, inputs), resolve(instance)
    if write_model is not None:
        write_embedding(write_model, net, problem, options, name)
    if not solve:
        _report_model(describe(pose(net, problem, options)), as_json)
        raise typer.Exit(OK)
    from milproute.progress import live_progress

    with Worker(name) as worker, live_progress(err(), problem.name) as watch:
        plan = argmax(
            net, problem, **asdict(options), solver=worker, limits=limits, watch=watch, confirm=confirm
        )
    if out_file is not None:
        save(plan, out_file)
    if plot is not None:
        from milproute.cli.picture import save_picture
        from milproute.plotting import plot_plan

        save_picture(plot_plan(problem, plan), plot)
    report(problem, plan, as_json=as_json)
    raise typer.Exit(exit_status(plan))


def _report_model(facts: dict[str, Any], as_json: bool) -> None:
    """Print the size of the model and what the bounds say."""
    if as_json:
        print_json(facts)
        return
    for key, value in facts.items():
        out().print(f"{key.replace('_', ' ')}: {value}", markup=False)
