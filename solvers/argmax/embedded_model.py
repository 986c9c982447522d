"""EmbeddedModel: the compiled MILP of an argmax, built from what path fixing leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from milproute.formulations import compile_model
from milproute.formulations.action_sets.path_encoding import PathLayout
from milproute.formulations.embedding import embed

if TYPE_CHECKING:
    from milproute.formulations import CompiledModel
    from milproute.formulations.action_sets import ActionEncoding
    from milproute.formulations.relu.bounds import Bounds
    from milproute.instances.arrays import Floats
    from milproute.solvers.argmax.path_fixing import ReducedProblem


@dataclass(frozen=True, slots=True)
class EmbeddedModel:
    """A compiled MILP of an argmax.

    Parameters
    ----------
    model : the compiled model.
    action : the action set in it.
    start : values of all columns to start from; None where no action is known as columns.
    bounds : bounds of the neurons that the model was built with.
    """

    model: CompiledModel
    action: ActionEncoding
    start: Floats | None
    bounds: Bounds


def build_model(reduced: ReducedProblem) -> EmbeddedModel:
    """Build and compile the MILP of a reduced problem.

    Raises
    ------
    BuildLimitError : the time limit is up before it is compiled.
    """
    problem, clock = reduced.problem, reduced.problem.clock
    with clock.building("build"):
        action = problem.encode_actions()
        embedding = embed(action, problem.net, problem.options.relu, reduced.bounds, problem.box)
    with clock.building("compile"):
        model = compile_model(embedding.model).with_changes(unit=problem.unit)
    paths, start = PathLayout.find(model), None
    if paths is not None and reduced.start is not None:
        start = paths.start(model, reduced.start)
    return EmbeddedModel(model, action, start, reduced.bounds)
