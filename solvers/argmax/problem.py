"""ArgmaxProblem: a Q-net over an action set, ready to be bounded, enumerated or stated as a MILP."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from milproute.formulations.action_sets import (
    MAX_COLUMNS,
    ActionModel,
    arcs_model,
    columns_model,
    layers_model,
    list_candidates,
)
from milproute.formulations.relu.bounds import Bounds, Box, crown_bounds, interval_bounds
from milproute.formulations.relu.folded_net import fold_state
from milproute.formulations.relu.net_block import RELU_NAMES
from milproute.formulations.relu.scaling import Scaling
from milproute.formulations.relu.support_functions import (
    action_box,
    column_box,
    column_oracle,
    column_peak,
    hop_oracle,
)
from milproute.instances import OptionError, RoutedPath
from milproute.instances.action_set import ActionSet
from milproute.instances.errors import unknown_name
from milproute.instances.qnets.blocks import action_positions
from milproute.instances.qnets.features import features, state_vector
from milproute.instances.qnets.net import check_fits
from milproute.solvers.argmax.local_search import Table
from milproute.solvers.clock import Clock
from milproute.solvers.results import is_closed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import scipy.sparse as sp

    from milproute.formulations import Route
    from milproute.formulations.action_sets import Candidates
    from milproute.formulations.relu.folded_net import AffineNet
    from milproute.formulations.relu.support_functions import ColumnOracle
    from milproute.instances import Instance, QNet
    from milproute.instances.arrays import Floats, Rows
    from milproute.solvers.pipeline import Outcome


ACTIONS = ("columns", "arcs", "layers")
BOUNDS = ("path", "crown", "interval", "obbt")
ENGINES = ("auto", "milp", "branch", "enumerate", "price")
MAX_HOPS = 6


@dataclass(frozen=True, slots=True)
class ArgmaxOptions:
    """How to state and solve an argmax.

    Parameters
    ----------
    actions : ``columns`` (listed paths), ``layers`` or ``arcs``.
    relu : how neurons are stated, one of `RELU_NAMES`.
    bounds : of neurons: ``interval``, ``crown`` (box), ``path`` (action set), ``obbt`` (LPs on top of path).
    engine : ``enumerate`` tries all joint actions, ``branch`` is branch and bound over the listed paths,
        ``milp`` a solver's, ``price`` finds the paths that matter without a list of all; ``auto`` chooses.
    max_hops : most links of a path.
    max_columns : most paths that ``columns`` may list.
    """

    actions: str = "columns"
    relu: str = "tight"
    bounds: str = "path"
    engine: str = "auto"
    max_hops: int = MAX_HOPS
    max_columns: int = MAX_COLUMNS

    def __post_init__(self) -> None:
        tables = {"actions": ACTIONS, "relu": RELU_NAMES, "bounds": BOUNDS, "engine": ENGINES}
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
        if self.engine in ("enumerate", "branch", "price") and self.actions != "columns":
            raise OptionError(f"{self.engine} lists paths, but actions is {self.actions!r}; allowed: columns")

    @property
    def variant(self) -> str:
        """Name in plans: actions, relu and bounds."""
        return f"{self.actions}+{self.relu}+{self.bounds}"


@dataclass(frozen=True, slots=True)
class Listed:
    """Candidate paths with what does not depend on the state.

    Parameters
    ----------
    candidates : the paths.
    box : bounds of the action features; those of a larger set of paths do as well.
    oracle : bounds linear functions of the first-layer sums, which are weights times features.
    sums : bounds of these sums themselves.
    """

    candidates: Candidates
    box: Box
    oracle: ColumnOracle
    sums: Box

    @property
    def first(self) -> Floats:
        """What each path adds to the first-layer sums, shape (paths, neurons)."""
        return cast("Floats", self.oracle.features)

    @property
    def peak(self) -> Floats:
        """Largest absolute terms behind the first-layer sums, for the rounding error."""
        return self.oracle.peak

    def scaled(self, units: Floats) -> Listed:
        """Return the same paths with their first-layer sums in other units, shape (neurons,)."""
        oracle = replace(self.oracle, features=self.first / units, peak=self.peak / units)
        return replace(self, oracle=oracle, sums=Box(self.sums.lower / units, self.sums.upper / units))

    def among(self, candidates: Candidates, rows: Rows) -> Listed:
        """Return what is listed of some of the paths, ``candidates``, which are ``rows`` of these."""
        if len(rows) == len(self.candidates):
            return replace(self, candidates=candidates)
        return _listed(candidates, self.first[rows], self.peak, self.box)


def list_paths(candidates: Candidates, features: sp.csr_array, net: AffineNet) -> Listed:
    """Send the action features of all candidates, shape (paths, features), through the first layer."""
    weight = net.weights[0]
    peak = column_peak(candidates, abs(features) @ np.abs(weight).T)
    return _listed(candidates, features @ weight.T, peak, column_box(candidates, features))


def _listed(candidates: Candidates, first: Floats, peak: Floats, box: Box) -> Listed:
    oracle = column_oracle(candidates, first, peak)
    return Listed(candidates, box, oracle, oracle.box())


@dataclass
class ArgmaxProblem:
    """A Q-net over an action set: paths or arcs, their features, the net with the state folded in.

    Parameters
    ----------
    qnet, instance, options : what to maximise, where, how.
    listed : candidate paths of this action set and their features, when known already; in the units of
        ``scaling``.
    clock : time by phase.
    scaling : units of the neurons of ``net`` and of Q, None for those of the Q-net itself.
    """

    qnet: QNet
    instance: Instance
    options: ArgmaxOptions
    listed: Listed | None = None
    clock: Clock = field(default_factory=Clock)
    scaling: Scaling | None = None

    def __post_init__(self) -> None:
        check_fits(self.qnet, self.instance)
        with self.clock.phase("paths"):
            inputs, options = self.qnet.inputs, self.options
            self.rules = ActionSet(self.instance, options.max_hops)
            self.rules.refuse_huge_copies()
            self.positions = action_positions(self.instance, inputs)
            self.state = state_vector(self.instance, inputs)
            self.net = fold_state(self.qnet, self.state, self.positions)
            if self.scaling is not None:
                self.net = self.scaling.net(self.net)
            if options.actions == "columns" and options.engine != "price" and self.listed is None:
                candidates = list_candidates(self.rules, options.max_columns)
                self.listed = list_paths(candidates, candidates.features(inputs)[:, self.positions], self.net)
            self.candidates = None if self.listed is None else self.listed.candidates
            self.box = self._box()

    def _box(self) -> Box:
        if self.listed is not None:
            return self.listed.box
        box = action_box(self.rules, self.qnet.inputs)
        return Box(box.lower[self.positions], box.upper[self.positions])

    def action_model(self, *, all_limits: bool = False) -> ActionModel:
        """Build the rows of the action set; ``all_limits`` as in `columns_model`."""
        if self.candidates is not None:
            model = columns_model(self.candidates, self.qnet.inputs, all_limits=all_limits)
        else:
            build = {"arcs": arcs_model, "layers": layers_model}[self.options.actions]
            model = build(self.rules, self.qnet.inputs)
        return ActionModel(
            model.model, model.variables, model.features[:, self.positions], model.read, model.arcs
        )

    def bounds(self, action: ActionModel | None = None) -> Bounds:
        """Bound all pre-activations as the options say; ``action`` is needed where no paths are listed."""
        if self.listed is not None and self.options.bounds in ("path", "obbt"):
            # Through the first layer once and for all: what is left are small dense products.
            net = self.net.of_first_sums()
            return crown_bounds(net, self.listed.oracle, interval_bounds(net, self.listed.sums), first=1)
        found = interval_bounds(self.net, self.box)
        if self.options.bounds == "interval":
            return found
        found = crown_bounds(self.net, self.box, found)
        return found if self.options.bounds == "crown" else self.refresh(action)(found)

    def refresh(self, action: ActionModel | None = None) -> Callable[[Bounds], Bounds]:
        """Return what carries bounds once more from layer to layer, down to the paths."""
        if self.listed is not None:
            net, oracle = self.net.of_first_sums(), self.listed.oracle
            return lambda bounds: crown_bounds(net, oracle, bounds, first=1)
        walks = hop_oracle(self.rules, action or self.action_model())
        return lambda bounds: crown_bounds(self.net, walks, bounds)

    def table(self) -> Table:
        """Return the listed paths with their first-layer sums."""
        if self.listed is None:
            raise OptionError(f"actions {self.options.actions!r} lists no paths; allowed: columns")
        return Table(self.listed.candidates, self.listed.first, self.net)

    def keeping(self, rows: Rows) -> ArgmaxProblem:
        """Return the problem over some of the listed paths, in order; bounds of the box still hold."""
        known = self.table().candidates
        kept = type(known)(self.rules, known.request[rows], known.nodes[rows], known.links[rows])
        assert self.listed is not None
        listed = self.listed.among(kept, rows)
        return replace(self, listed=listed)

    def in_usual_units(self) -> ArgmaxProblem:
        """Return the problem in units in which cheap bounds of its neurons and of Q lie in [-1, 1]."""
        if self.listed is None:
            bounds = crown_bounds(self.net, self.box, interval_bounds(self.net, self.box))
        else:
            net = self.net.of_first_sums()
            bounds = crown_bounds(net, self.listed.oracle, interval_bounds(net, self.listed.sums), first=1)
        return self.scaled(Scaling.of(bounds))

    @property
    def unit(self) -> float:
        """Unit of Q: what 1 of ``net`` is worth."""
        return 1.0 if self.scaling is None else self.scaling.output

    def scaled(self, scaling: Scaling) -> ArgmaxProblem:
        """Return the problem with its net in other units."""
        listed = None if self.listed is None else self.listed.scaled(scaling.units[0])
        both = scaling if self.scaling is None else self.scaling.then(scaling)
        return replace(self, listed=listed, scaling=both)

    def in_true_units(self, outcome: Outcome) -> Outcome:
        """Return what was found for ``net`` as a claim about the Q-net itself."""
        if outcome.objective is None and outcome.bound is None:
            return outcome
        q, bound = (None if x is None else x * self.unit for x in (outcome.objective, outcome.bound))
        status = outcome.status
        if status == "optimal" and not is_closed(q, bound):
            status = "gap_limit"
        return replace(outcome, status=status, objective=q, bound=bound)

    def empty_q(self) -> float:
        """Return Q of the empty action, in the units of ``net``."""
        return float(self.net(np.zeros((1, self.net.weights[0].shape[1])))[0])

    def forward(self, routes: Sequence[Route]) -> float:
        """Return Q of an action by a plain forward pass of the whole net."""
        requests = self.instance.requests
        paths = [RoutedPath(request=requests[r.request].id, nodes=r.nodes, count=r.count) for r in routes]
        return float(self.qnet.forward(features(self.instance, self.qnet.inputs, paths)[None])[0])
