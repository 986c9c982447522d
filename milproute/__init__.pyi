# The public names, and where each lives: read by type checkers, and by lazy_loader when a name is first used.
from .bench.report.metrics import charged, penalised_mean, shifted_geometric_mean
from .bench.report.static_figures import plot_profiles, plot_solved
from .formulations.action_sets import TooManyPathsError
from .formulations.add_qnet import add_qnet
from .formulations.relu.bounds import BoundsError
from .instances import (
    DocumentError,
    Instance,
    InstanceError,
    Link,
    MilprouteError,
    MissingPackageError,
    Network,
    Node,
    OptionError,
    OutputError,
    Plan,
    PlanError,
    QNet,
    QNetError,
    Request,
    RoutedPath,
    Violation,
    check,
    generate,
    library_names,
    load_instance,
    load_plan,
    load_qnet,
    resolve,
    save,
    save_qnet,
)
from .instances.action_set import ActionSet
from .instances.outcomes import draw_entangled
from .instances.qnets.library import load_library_qnet, qnet_names, resolve_qnet
from .instances.qnets.onnx import qnet_from_onnx, qnet_to_onnx
from .instances.qnets.torch import qnet_from_torch, qnet_to_torch
from .instances.state import NetworkState
from .learning import FitOptions, FitResult, fit_qnet, fit_sweep
from .plotting import plot_network, plot_plan, save_figure
from .solvers import BackendError, MissingSolverError, SolveOptions, solve
from .solvers.argmax.argmax import argmax
from .solvers.argmax.options import ArgmaxOptions
from .solvers.argmax.persistent import ArgmaxModel
from .solvers.argmax.problem import ArgmaxProblem, argmax_problem
from .solvers.compiled_formulation import CompiledFormulation
from .solvers.reps_slot import RepsSlot

__all__ = [
    "ActionSet",
    "ArgmaxModel",
    "ArgmaxOptions",
    "ArgmaxProblem",
    "BackendError",
    "BoundsError",
    "CompiledFormulation",
    "DocumentError",
    "FitOptions",
    "FitResult",
    "Instance",
    "InstanceError",
    "Link",
    "MilprouteError",
    "MissingPackageError",
    "MissingSolverError",
    "Network",
    "NetworkState",
    "Node",
    "OptionError",
    "OutputError",
    "Plan",
    "PlanError",
    "QNet",
    "QNetError",
    "RepsSlot",
    "Request",
    "RoutedPath",
    "SolveOptions",
    "TooManyPathsError",
    "Violation",
    "add_qnet",
    "argmax",
    "argmax_problem",
    "charged",
    "check",
    "draw_entangled",
    "fit_qnet",
    "fit_sweep",
    "generate",
    "library_names",
    "load_instance",
    "load_library_qnet",
    "load_plan",
    "load_qnet",
    "penalised_mean",
    "plot_network",
    "plot_plan",
    "plot_profiles",
    "plot_solved",
    "qnet_from_onnx",
    "qnet_from_torch",
    "qnet_names",
    "qnet_to_onnx",
    "qnet_to_torch",
    "resolve",
    "resolve_qnet",
    "save",
    "save_figure",
    "save_qnet",
    "shifted_geometric_mean",
    "solve",
]
