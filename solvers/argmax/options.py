"""ArgmaxOptions: how an argmax is stated and solved."""

from __future__ import annotations

from dataclasses import dataclass

from milproute.formulations.action_sets import MAX_COLUMNS
from milproute.formulations.relu.net_block import RELU_NAMES
from milproute.instances import OptionError
from milproute.instances.errors import unknown_name

ACTIONS = ("columns", "arcs", "layers")
BOUNDS = ("path", "crown", "interval", "obbt")
# The engines that can be asked for, and those among them that search over paths; `ENGINES` has their code.
ENGINE_NAMES = ("auto", "milp", "branch", "enumerate", "price")
PATH_ENGINES = ("branch", "enumerate", "price")
MAX_HOPS = 6


@dataclass(frozen=True, slots=True)
class ArgmaxOptions:
    """How to state and solve an argmax.

    Parameters
    ----------
    actions : encoding of the action set: ``columns`` (listed paths), ``layers`` or ``arcs``.
    relu : encoding of the neurons, one of `RELU_NAMES`.
    bounds : bounds of the neurons: ``interval``, ``crown`` (over the box of the features), ``path`` (over the
        action set), ``obbt`` (linear programs on top of ``path``).
    engine : ``enumerate`` tries all joint actions, ``branch`` is branch and bound over the listed paths,
        ``milp`` gives a model to a solver, ``price`` is column generation and lists only the paths that a
        better action may take; ``auto`` takes the first engine that suits the problem.
    max_hops : largest number of links of a path.
    max_columns : largest number of paths that ``columns`` may list.

    Raises
    ------
    OptionError : an unknown name, a limit below 1, or options that exclude each other.
    """

    actions: str = "columns"
    relu: str = "tight"
    bounds: str = "path"
    engine: str = "auto"
    max_hops: int = MAX_HOPS
    max_columns: int = MAX_COLUMNS

    def __post_init__(self) -> None:
        tables = {"actions": ACTIONS, "relu": RELU_NAMES, "bounds": BOUNDS, "engine": ENGINE_NAMES}
        for name, allowed in tables.items():
            if getattr(self, name) not in allowed:
                raise unknown_name(name, getattr(self, name), allowed)
        if self.bounds == "obbt" and self.relu.startswith("omlt-"):
            raise OptionError(
                f"bounds 'obbt' tighten neurons that relu {self.relu!r} states its own way; "
                "allowed: with relu tight, ideal or sos1"
            )
        if self.max_columns < 1:
            raise OptionError(f"max_columns is {self.max_columns}; allowed: a whole number >= 1")
        if self.engine in PATH_ENGINES and self.actions != "columns":
            raise OptionError(f"{self.engine} lists paths, but actions is {self.actions!r}; allowed: columns")

    @property
    def variant(self) -> str:
        """Name in plans: actions, relu and bounds."""
        return f"{self.actions}+{self.relu}+{self.bounds}"
