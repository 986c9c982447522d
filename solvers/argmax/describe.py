"""Description of an argmax that is not solved: size of its MILP, bounds, engine; and the MILP as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milproute.formulations import compile_model
from milproute.formulations.embedding import embed
from milproute.formulations.relu.scaling import Scaling
from milproute.instances import OptionError
from milproute.solvers.argmax.engines import ENGINES, reason
from milproute.solvers.argmax.plan import count_neurons
from milproute.solvers.argmax.problem import argmax_problem
from milproute.solvers.model_file import write_compiled

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.instances import Instance, QNet
    from milproute.solvers.argmax.options import ArgmaxOptions
    from milproute.solvers.argmax.problem import ArgmaxProblem


def describe(problem: ArgmaxProblem) -> dict[str, Any]:
    """Return the size of the model, where its paths are listed or encoded, and what its bounds tell.

    Returns
    -------
    dict : ``variant``, ``max_hops``, ``paths`` (where they are listed), ``engine`` with the reason,
        ``neurons``, ``ceiling`` (proven upper bound of Q) and ``size`` of the MILP.
    """
    modelled = problem.columns is not None or problem.options.actions != "columns"
    bounds = problem.bounds() if modelled else problem.path_bounds()
    facts: dict[str, Any] = {"variant": problem.options.variant, "max_hops": problem.rules.max_hops}
    if problem.columns is not None:
        facts["paths"] = len(problem.columns)
    facts |= {
        "engine": reason(problem),
        "neurons": count_neurons(problem, bounds, as_milp=True).model_dump(),
        "ceiling": bounds.largest_q * problem.unit,
    }
    if modelled:
        action = problem.encode_actions()
        embedding = embed(action, problem.net, problem.options.relu, bounds, problem.box)
        facts["size"] = compile_model(embedding.model).size.model_dump()
    return facts


def write_embedding(path: Path, qnet: QNet, instance: Instance, options: ArgmaxOptions, solver: str) -> None:
    """Write the MILP of an argmax as MPS, names included.

    Raises
    ------
    OptionError, OutputError : as `milproute.solvers.solve.write_model`.
    """
    engine = ENGINES.get(options.engine)
    if engine is not None and options.actions == "columns" and not engine.LISTS_PATHS:
        raise OptionError("paths that are priced make no model before they are; allowed: --actions layers")
    problem = argmax_problem(qnet, instance, options)
    bounds = problem.bounds()
    scaling = Scaling.of(bounds)
    embedding = embed(
        problem.encode_actions(), scaling.net(problem.net), options.relu, scaling.bounds(bounds), problem.box
    )
    model = compile_model(embedding.model, named=True).with_changes(unit=scaling.output)
    write_compiled(path, model.in_true_units(), solver)
