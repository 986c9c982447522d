"""Solve an instance: from the problem to a checked plan."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from milproute.formulations import FORMULATIONS, LINK, PATH, Flows, Formulation, ModelOptions, compile_model
from milproute.instances import OptionError
from milproute.instances.errors import unknown_name
from milproute.solvers.clock import BuildLimitError, Clock
from milproute.solvers.confirm import SecondWay, other_solvers
from milproute.solvers.confirm import confirm as confirm_plan
from milproute.solvers.exact import solve_exactly
from milproute.solvers.heuristics.rounding import round_links, round_paths
from milproute.solvers.interface import Watch
from milproute.solvers.model_file import write_compiled
from milproute.solvers.pipeline import Job, Outcome, nothing_built
from milproute.solvers.plans import checked_plan
from milproute.solvers.reps_slot import exact_slot, round_slot
from milproute.solvers.selector import select

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from milproute.instances import Instance, Plan
    from milproute.solvers.interface import Backend
    from milproute.solvers.results import SolveOptions

# The first method of a formulation is its default.
METHODS: Mapping[str, Mapping[str, Callable[[Job], Outcome]]] = {
    "link": {"exact": solve_exactly, "rounding": round_links},
    "path": {"exact": solve_exactly, "rounding": round_paths},
    "reps": {"rounding": round_slot, "exact": exact_slot},
}

# The variant whose relaxation a rounding takes.
ROUNDED: Mapping[str, str] = {"link": "by-source", "path": "aggregated", "reps": "by-source"}


def solve(
    instance: Instance,
    formulation: str = "link",
    variant: str | None = None,
    *,
    method: str | None = None,
    flows: str = "integer",
    relax: bool = False,
    solver: str | Backend = "highs",
    limits: SolveOptions | None = None,
    seed: int = 0,
    watch: Watch | None = None,
    confirm: bool = False,
) -> Plan:
    """Solve ``instance`` and return a plan that the independent checker has seen.

    Parameters
    ----------
    instance : the problem.
    formulation : ``link``, ``path`` or ``reps`` (a whole slot).
    variant : of the formulation; its first by default.
    method : ``exact`` (default of link and path) or ``rounding`` (default of reps), a heuristic whose
        plan has a proven bound and names it in ``variant``.
    flows : ``continuous`` lets the path counts be fractional, never the attempts.
    relax : solve the linear relaxation.
    solver : name of a back end, also with native options (``"highs[presolve=off]"``), or a back end.
    limits : time, gap, threads, seed and native options of the solver.
    seed : of link and swap outcomes, and of random rounding.
    watch : told how the solve goes.
    confirm : prove the claim a second time, by another solver where one is installed, else by the same one on
        a permuted model with other settings; this takes up to the time limit once more. ``confirmed_by`` says
        how, and a contradiction is ``wrong_solution``. Of a whole slot the bound on its pairs is confirmed.

    Returns
    -------
    Plan : with ``verified`` and ``violations`` by the checker. A claim that breaks a rule has the status
        ``wrong_solution``; solver failures are statuses too.

    Raises
    ------
    OptionError : an unknown name, or options that do not go together.
    InstanceError : an instance that the formulation cannot state.
    MissingSolverError : the solver is not installed.
    """
    stated, run, options = _choose(formulation, variant, method, flows, relax)
    backend, limits = select(solver, limits)
    problem = _Problem(instance, formulation, stated, run, options, seed)
    plan = problem.solve(backend, limits, watch or Watch())
    if not confirm:
        return plan
    again = problem.slot_bound(plan) if formulation == "reps" else problem
    with ExitStack() as stack:
        ways = (
            SecondWay(other.words, partial(again.solve, other.backend, other.limits, Watch()))
            for other in other_solvers(backend, limits, stack)
        )
        return confirm_plan(plan, ways, limits.gap)


@dataclass(frozen=True, slots=True)
class _Problem:
    """What is solved and how, for whichever back end."""

    instance: Instance
    formulation: str
    stated: Formulation
    run: Callable[[Job], Outcome]
    options: ModelOptions
    seed: int

    def solve(self, backend: Backend, limits: SolveOptions, watch: Watch) -> Plan:
        """Solve and have the plan checked."""
        clock, how = Clock(limits.time_limit), (self.stated, self.options, backend, limits)
        job = Job(self.instance, *how, seed=self.seed, watch=watch, clock=clock)
        try:
            outcome = self.run(job)
        except BuildLimitError as error:
            outcome = nothing_built(str(error))
        heuristic = self.run in (round_links, round_paths)
        return checked_plan(
            self.instance,
            outcome,
            backend,
            clock.seconds,
            formulation=self.formulation,
            variant=f"{self.options.variant}+rounding" if heuristic else self.options.variant,
            relaxed=self.options.relax,
            flows=self.options.flows,
        )

    def slot_bound(self, plan: Plan) -> _Problem:
        """Return the path ILP on the pairs of a slot: its optimum bounds the paths of the slot."""
        pairs = [drawn.pairs for drawn in plan.entangled_pairs or ()]
        drawn = self.instance.with_pairs(pairs) if pairs else self.instance
        return _Problem(drawn, "path", PATH, solve_exactly, ModelOptions("by-source"), self.seed)


def write_model(
    path: Path,
    instance: Instance,
    formulation: str,
    variant: str | None = None,
    *,
    flows: str = "integer",
    relax: bool = False,
    solver: str = "highs",
) -> None:
    """Write the model of a formulation as MPS, names included; the same input gives the same bytes.

    Raises
    ------
    OptionError : an unknown name, another suffix than .mps, or a formulation that is several models.
    OutputError : the file cannot be written.
    """
    if formulation not in FORMULATIONS:
        raise unknown_name("formulation with one model", formulation, FORMULATIONS)
    stated, _, options = _choose(formulation, variant, "exact", flows, relax)
    compiled = compile_model(stated.build(instance, options).model, named=True)
    write_compiled(path, compiled, solver)


def _choose(
    formulation: str, variant: str | None, method: str | None, flows: str, relax: bool
) -> tuple[Formulation, Callable[[Job], Outcome], ModelOptions]:
    """Look up names, and refuse what does not go together."""
    if formulation not in METHODS:
        raise unknown_name("formulation", formulation, METHODS)
    methods = METHODS[formulation]
    method = method or next(iter(methods))
    if method not in methods:
        raise unknown_name("method", method, methods)
    stated = FORMULATIONS.get(formulation, LINK)
    if variant is not None and variant not in stated.variants:
        raise unknown_name(f"variant of {formulation}", variant, stated.variants)
    rounded = ROUNDED.get(formulation) if method == "rounding" else None
    if rounded and variant not in (None, rounded):
        raise OptionError(
            f"rounding of {formulation} works on the variant {rounded}: leave out --variant {variant}"
        )
    variant = variant or rounded or stated.variants[0]
    if flows not in ("integer", "continuous"):
        raise unknown_name("flows", flows, ("integer", "continuous"))
    if (relax or flows == "continuous") and (method == "rounding" or formulation == "reps"):
        raise OptionError(
            f"{formulation} by {method} gives whole numbers: leave out --relax and --flows continuous"
        )
    kind: Flows = "continuous" if flows == "continuous" else "integer"
    return stated, methods[method], ModelOptions(variant, kind, relax)
