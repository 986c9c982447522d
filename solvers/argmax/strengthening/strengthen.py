"""Strengthening of an embedded net before a solver gets it: as the options of an argmax ask."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from milproute.formulations.action_sets.path_encoding import PathLayout
from milproute.formulations.relu.neuron_layout import NeuronLayout
from milproute.solvers.argmax.strengthening.certificate import fix_by_reduced_cost
from milproute.solvers.argmax.strengthening.cutting_planes import add_cuts
from milproute.solvers.argmax.strengthening.obbt import tighten

if TYPE_CHECKING:
    from milproute.solvers.argmax.embedded_model import EmbeddedModel
    from milproute.solvers.argmax.path_fixing import ReducedProblem
    from milproute.solvers.interface import Backend, Watch
    from milproute.solvers.results import SolveOptions

# Share of the time limit that linear programs may take, and the limit that is assumed where there is none.
SHARE, SECONDS = 0.2, 60.0
CUT_SECONDS = 5.0


def strengthened(
    embedded: EmbeddedModel,
    reduced: ReducedProblem,
    backend: Backend,
    limits: SolveOptions,
    watch: Watch | None,
) -> EmbeddedModel:
    """Strengthen a compiled MILP by linear programs, each phase timed.

    ``bounds="obbt"`` tightens the bounds of the neurons; ``relu="ideal"`` adds cutting planes, and fixes the
    paths that the reduced costs of the relaxation show to be in no better action.
    """
    problem, options, clock = reduced.problem, reduced.problem.options, reduced.problem.clock
    if options.bounds != "obbt" and options.relu != "ideal":
        return embedded
    bounds, seconds = reduced.bounds, SHARE * (limits.time_limit or SECONDS)
    layout = NeuronLayout.of(embedded.model, bounds)
    model = layout.with_loose_q_bounds(embedded.model, bounds)
    if options.bounds == "obbt":
        with clock.phase("obbt"):
            bounds = tighten(
                model, layout, bounds, backend, seconds=seconds, watch=watch, refresh=problem.tightened
            )
            model = layout.with_loose_q_bounds(layout.with_bounds(model, bounds), bounds)
    paths = PathLayout.find(model)
    if options.relu == "ideal":
        with clock.phase("cuts"):
            model, _ = add_cuts(model, layout, backend, seconds=min(CUT_SECONDS, seconds), watch=watch)
            if paths is not None:
                duals = backend.solve(model.relaxed(), clock.limits(limits), None, watch).duals
                if duals is not None:
                    model = fix_by_reduced_cost(model, duals, paths.choice, reduced.known)
    return replace(embedded, model=model, bounds=bounds)
