"""Reports: a plan as JSON for machines, in words for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milproute.cli.console import NO_SOLUTION, OK, SOLVER_FAILED, out, print_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from milproute.instances import Instance, Plan

FAILURES = {"wrong_solution", "crash", "licence", "error"}

# Engines that ask no solver.
BY_ITSELF = {"enumerate": "trying all actions", "branch": "branching over paths"}

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


def exit_status(plan: Plan) -> int:
    """Return the exit status that a plan stands for."""
    if plan.status in FAILURES:
        return SOLVER_FAILED
    return OK if plan.objective is not None and plan.verified else NO_SOLUTION


def report(problem: Instance, plan: Plan, *, as_json: bool) -> None:
    """Print a plan: one JSON document, or a table and the certificate in words."""
    if as_json:
        print_json(plan.document())
        return
    from milproute.shown import gap_text, number_text  # not before it is needed: --help stays fast

    console = out()
    if plan.objective is not None:
        console.print(_paths_table(problem, plan))
    objective = number_text(plan.objective)
    bound = "no bound proven" if plan.bound is None else f"proven at most {number_text(plan.bound)}"
    worst = "" if plan.gap is None else f" (gap {gap_text(plan.objective, plan.bound)})"
    what = f"Q = {objective}" if plan.formulation == "argmax" else f"{objective} connections"
    colour = "green" if exit_status(plan) == OK else "red"
    console.print(f"[bold {colour}]{plan.status}[/]: {what}, {bound}{worst}")
    if colour == "red" and plan.status in REMEDIES:
        console.print(plan.message or REMEDIES[plan.status], markup=False, soft_wrap=True)
    _details(console, problem, plan)
    if plan.objective is not None:
        console.print("[green]verified independently[/]" if plan.verified else "[bold red]NOT verified[/]")
    for violation in plan.violations:
        console.print(str(violation), markup=False, soft_wrap=True)


def _details(console: Console, problem: Instance, plan: Plan) -> None:
    """Print what only some formulations have, and how long it all took."""
    if plan.message and exit_status(plan) == OK:
        console.print(plan.message, markup=False, soft_wrap=True)
    if plan.confirmed_by is not None:
        console.print(f"confirmed by {plan.confirmed_by}", style="green", markup=False, soft_wrap=True)
    if plan.forward is not None:
        console.print(f"forward pass {plan.forward:z.6g}, residual {plan.residual:.1e}")
    if plan.neurons is not None:
        counts = plan.neurons
        console.print(f"{counts.total} neurons, {counts.stable} stable, {counts.binaries} binaries")
    if plan.delivered is not None:
        console.print(f"delivered after the swaps: {sum(plan.delivered.values())}")
    if plan.attempts:
        attempts = sum(a.channels for a in plan.attempts)
        console.print(f"{attempts:zg} attempts on {len(plan.attempts)} of {len(problem.links)} links")
    seconds = ", ".join(f"{phase} {t:.2f} s" for phase, t in plan.seconds.items())
    by = BY_ITSELF.get(plan.engine or "", f"{plan.solver} {plan.solver_version}")
    console.print(f"{plan.formulation} ({plan.variant}) by {by}; {seconds}", markup=False, soft_wrap=True)


def _paths_table(problem: Instance, plan: Plan) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("request", "connections", "paths", title=escape(f"{problem.name}: {plan.formulation}"))
    for request in problem.requests:
        own = [p for p in plan.paths if p.request == request.id]
        lines = [f"{p.count:zg} × {escape(' – '.join(p.nodes))}" for p in own]
        table.add_row(
            escape(request.id), f"{plan.connections[request.id]:zg}", "\n".join(lines) or "[dim]none[/]"
        )
    return table
