"""Parts: actions in which some neurons have a given sign; how they are bounded, priced and halved."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from milproute.formulations.relu.bounds import Bounds, BoundsError, crown_bounds
from milproute.solvers.argmax.colgen.arc_bounds import line_ceiling, walk_sums
from milproute.solvers.argmax.colgen.column_pool import NEW
from milproute.solvers.argmax.colgen.restricted_master import master, net_relaxation
from milproute.solvers.argmax.path_fixing import WORTHWHILE
from milproute.solvers.argmax.strengthening.obbt import NATIVE
from milproute.solvers.interface import Watch
from milproute.solvers.results import SolveOptions

if TYPE_CHECKING:
    from milproute.formulations.action_sets.layered_graph import Walks
    from milproute.instances.arrays import Floats
    from milproute.solvers.argmax.colgen.arc_bounds import Ceiling, WalkSums
    from milproute.solvers.argmax.colgen.column_pool import Pool
    from milproute.solvers.argmax.colgen.restricted_master import Master
    from milproute.solvers.interface import Backend
    from milproute.solvers.results import SolveResult


KEPT = (50, 400, 3_200)  # unfinished paths kept: more of them where fewer leave the bound too high
SETTLED = 0.02  # share of the gap to the best Q known that pricing may leave of itself


@dataclass(frozen=True, slots=True)
class Part:
    """Actions in which some neurons have a given sign.

    Parameters
    ----------
    bound : proven bound on their Q.
    walks : what their paths may be, where they are better than the best action known.
    bounds : of the neurons over them.
    """

    bound: float
    walks: Walks
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class Priced:
    """A part with the best ceiling found for it, and the last linear program that was solved."""

    part: Part
    ceiling: Ceiling
    program: Master | None
    result: SolveResult | None

    def halves(self, known: float) -> list[Part]:
        """Split by the sign of the neuron that the relaxation blurs most; [] where all signs are known."""
        bounds = self.part.bounds
        low, high = np.concatenate(bounds.lower[:-1] or [[]]), np.concatenate(bounds.upper[:-1] or [[]])
        unstable = np.flatnonzero((low < 0) & (high > 0))
        if not len(unstable):
            return []
        blur = self._blur(low, high)[unstable]
        if blur.max() <= 0:
            blur = np.minimum(-low, high)[unstable]
        neuron = int(unstable[np.argmax(blur)])
        walks = self.ceiling.narrowed(self.part.walks, known)
        return [Part(self.part.bound, walks, half) for half in _with_sign(bounds, neuron)]

    def _blur(self, low: Floats, high: Floats) -> Floats:
        """Return how far each neuron is off in the relaxation, at the price of its value."""
        blur = np.zeros(len(low))
        if self.program is None or self.result is None or self.result.values is None:
            return blur
        model, values, duals = self.program.model, self.result.values, self.result.duals
        value, spare, price = np.zeros((3, len(low)))
        value[high > 0] = model.read("qnet.y", values)
        spare[(high > 0) & (low < 0)] = model.read("qnet.s", values)
        if duals is not None:
            price[high > 0] = np.abs(duals[model.rows["qnet.neuron"]])
        blur[:] = np.minimum(value, spare) * price
        return blur


def _with_sign(bounds: Bounds, neuron: int) -> tuple[Bounds, Bounds]:
    """Return the bounds with a neuron, counted through all layers, off and on."""
    ends = np.cumsum([len(low) for low in bounds.lower])
    layer = int(np.searchsorted(ends, neuron, side="right"))
    place = neuron - (int(ends[layer - 1]) if layer else 0)
    lower, upper = bounds.lower[layer].copy(), bounds.upper[layer].copy()
    upper[place], lower[place] = 0.0, 0.0
    off = Bounds(bounds.lower, (*bounds.upper[:layer], upper, *bounds.upper[layer + 1 :]))
    return off, Bounds((*bounds.lower[:layer], lower, *bounds.lower[layer + 1 :]), bounds.upper)


@dataclass(frozen=True, slots=True)
class Pricer:
    """Who solves the linear programs, and until when.

    Parameters
    ----------
    backend : which must return duals.
    end : when time is up, on the clock of ``perf_counter``; infinite for never.
    watch : its ``stop`` ends the pricing.
    """

    backend: Backend
    end: float
    watch: Watch

    @property
    def over(self) -> bool:
        """Whether time is up or a stop was asked for."""
        return perf_counter() >= self.end or self.watch.stop.is_set()

    def solve(self, program: Master) -> SolveResult:
        """Solve one linear program."""
        left = None if np.isinf(self.end) else max(self.end - perf_counter(), 1e-3)
        options = SolveOptions(time_limit=left, native=NATIVE.get(self.backend.name, {}))
        return self.backend.solve(program.model, options, None, Watch(stop=self.watch.stop))

    def look(self, pool: Pool, part: Part) -> Priced | None:
        """Bound a part over its walks, narrow it, price it; None where no action has its signs."""
        problem, net = pool.problem, pool.problem.net.of_first_sums()
        walks, bounds, steps = part.walks, part.bounds, np.inf
        try:
            while walks.alive.sum() < (1 - WORTHWHILE) * steps:
                steps = walks.alive.sum()
                sums = walk_sums(problem, walks)
                bounds = crown_bounds(net, sums, bounds)
                ceiling = line_ceiling(problem, sums, bounds)
                walks = ceiling.narrowed(walks, pool.known)
        except BoundsError:
            return None
        part = Part(min(part.bound, ceiling.total), sums.walks, bounds)
        return self._price(pool, part, sums, ceiling)

    def _price(self, pool: Pool, part: Part, sums: WalkSums, ceiling: Ceiling) -> Priced:
        """Solve and price until the relaxation over all paths is nearly solved, or time is up."""
        relaxation = net_relaxation(pool.problem.net, part.bounds)
        program, result, kept = None, None, list(KEPT)
        while part.bound > pool.known and not self.over:
            program = master(pool.problem.net, relaxation, *pool.within(part.walks))
            result = self.solve(program)
            if result.duals is None or result.objective is None:  # nothing that could be certified
                break
            found, priced = program.price(result.duals, sums, kept[0])
            if priced.total < ceiling.total:
                ceiling = priced
                part = Part(min(part.bound, priced.total), part.walks, part.bounds)
            if priced.total - result.objective <= SETTLED * (priced.total - pool.known):
                break
            if pool.add(part.walks, found.first(NEW)):
                pool.improve()
            elif len(kept) > 1:
                kept.pop(0)
            else:
                break
        return Priced(part, ceiling, program, result)
