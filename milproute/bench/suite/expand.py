"""Expansion: from a suite to its cells, everything checked before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from milproute.bench.records.machine import package_versions
from milproute.bench.records.record import CellSpec
from milproute.bench.suite.sources import InstanceSource, QNetSource, Sources, placed, solver_version
from milproute.bench.suite.variants import argmax_options
from milproute.formulations import FORMULATIONS, LINK
from milproute.formulations.flow.arc_flow import refuse_min_fidelity
from milproute.instances import OptionError
from milproute.instances.errors import unknown_name
from milproute.instances.qnets.features import state_vector
from milproute.instances.qnets.net import check_fits
from milproute.solvers import METHODS, SolveOptions
from milproute.solvers.argmax.options import MAX_HOPS, ArgmaxOptions
from milproute.solvers.backends import availability
from milproute.solvers.selector import parse_selector
from milproute.solvers.solve import ROUNDED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from milproute.bench.suite.suite import ModelGroup, Suite

# What, besides the solver, decides which model is built.
BUILDERS = ("milproute", "pyomo", "numpy", "networkx")
ARGMAX = "argmax"
# Keys of a model that only some formulations have.
KEYS = {
    "method": METHODS,
    "flows": METHODS,
    "relax": METHODS,
    "qnets": (ARGMAX,),
    "inputs": (ARGMAX,),
    "max_hops": (ARGMAX,),
    "draw_pairs": ("path", ARGMAX),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a suite, with what another machine could not find by name."""

    spec: CellSpec
    document: dict[str, Any] | None = None
    qnet: str | None = None


@dataclass(frozen=True, slots=True)
class _Problem:
    """What a cell solves: fields of its spec, and the files behind them."""

    fields: dict[str, Any]
    document: dict[str, Any] | None = None
    qnet: str | None = None


def expand(suite: Suite, file: str, folder: Path) -> list[Cell]:
    """Return the cells of a suite: all seeds and permutations of all models, each cell once.

    The solvers stand next to each other, so that a machine that grows warm or busy spoils no comparison.

    Parameters
    ----------
    suite, file, folder : the suite, its name in messages, and the folder that its paths start from.

    Raises
    ------
    OptionError : a name that does not exist, or options that do not go together, with the place.
    MissingSolverError : a solver that is not installed.
    """
    sources = Sources(folder)
    solvers = _solvers(suite, file)
    problems = [
        problem
        for i, model in enumerate(suite.models)
        for problem in _Group(suite, model, file, f"models[{i}]", sources).problems()
    ]
    packages = package_versions(*BUILDERS)
    cells: dict[str, Cell] = {}
    for j, (seed, permutation) in enumerate(product(suite.seeds, suite.permutations)):
        with placed(f"{file}: seeds[{j // len(suite.permutations)}]"):
            SolveOptions(seed=seed)
        for problem, solver in product(problems, solvers):
            spec = CellSpec.model_validate(
                problem.fields
                | solver
                | suite.limits
                | {"seed": seed, "permutation": permutation, "packages": packages}
            )
            cells.setdefault(spec.key, Cell(spec, problem.document, problem.qnet))
    return list(cells.values())


def _solvers(suite: Suite, file: str) -> list[dict[str, Any]]:
    """Return name, options and version of each solver; without a word of the suite, of all installed."""
    texts = suite.solvers or [row["name"] for row in availability() if row["version"] is not None]
    found = []
    for i, text in enumerate(texts):
        with placed(f"{file}: solvers[{i}]"):
            name, native = parse_selector(text)
            found.append({"solver": name, "native": native, "solver_version": solver_version(name)})
    return found


@dataclass(frozen=True, slots=True)
class _Group:
    """One ``[[models]]`` of a suite and its place there."""

    suite: Suite
    model: ModelGroup
    file: str
    place: str
    sources: Sources

    def at(self, key: str) -> str:
        """Name a place in the suite."""
        return f"{self.file}: {self.place}.{key}"

    def problems(self) -> Iterator[_Problem]:
        """Yield all combinations of the group's lists."""
        formulation = self.model.formulation
        with placed(self.at("formulation")):
            if formulation not in (*METHODS, ARGMAX):
                raise unknown_name("formulation", formulation, [*METHODS, ARGMAX])
        for key, formulations in KEYS.items():
            with placed(self.at(key)):
                if getattr(self.model, key) is not None and formulation not in formulations:
                    fitting = ", ".join(name for name, known in KEYS.items() if formulation in known)
                    raise OptionError(f"does not go with {formulation}; allowed there: {fitting}")
        yield from self._argmaxes() if formulation == ARGMAX else self._routings()

    def _routings(self) -> Iterator[_Problem]:
        """Yield the link ILPs, path ILPs or slots."""
        instances = self._instances()
        for stated, source in product(list(self._stated()), instances):
            yield _Problem(_of(source) | stated, source.document)

    def _stated(self) -> Iterator[dict[str, Any]]:
        """Yield how the formulation is stated: method, variant, flows, relax."""
        model, methods = self.model, METHODS[self.model.formulation]
        known = FORMULATIONS.get(model.formulation, LINK).variants
        for i, method in enumerate(model.method or [next(iter(methods))]):
            with placed(self.at(f"method[{i}]")):
                if method not in methods:
                    raise unknown_name("method", method, methods)
            rounded = ROUNDED[model.formulation] if method == "rounding" else None
            for j, variant in enumerate(model.variants or [rounded or known[0]]):
                with placed(self.at(f"variants[{j}]")):
                    if variant not in known:
                        raise unknown_name(f"variant of {model.formulation}", variant, known)
                    if rounded not in (None, variant):
                        raise OptionError(f"rounding works on {rounded}, not on {variant!r}")
                for flows, relax in product(model.flows or ["integer"], model.relax or [False]):
                    with placed(self.at("relax" if relax else "flows")):
                        whole = method == "rounding" or model.formulation == "reps"
                        if whole and (relax or flows == "continuous"):
                            raise OptionError(
                                f"{model.formulation} by {method} gives whole numbers: leave it out"
                            )
                    yield {
                        "formulation": model.formulation,
                        "variant": variant,
                        "method": method,
                        "flows": flows,
                        "relax": relax,
                    }

    def _argmaxes(self) -> Iterator[_Problem]:
        """Yield the argmaxes."""
        model = self.model
        if model.qnets is None:
            raise OptionError(f"{self.at('qnets')}: missing; allowed: names or files of Q-nets")
        variants = model.variants or [ArgmaxOptions().variant]
        for i, variant in enumerate(variants):
            with placed(self.at(f"variants[{i}]")):
                argmax_options(variant)
        given = self._instances() if model.instances is not None else None
        for i, text in enumerate(model.qnets):
            with placed(self.at(f"qnets[{i}]")):
                net = self.sources.qnet(text, model.inputs)
                instances = given or self._home(net)
                for source in instances:
                    check_fits(net.qnet, source.instance)
                    state_vector(source.instance, net.qnet.inputs)  # which needs pairs for some nets
            hops = model.max_hops or [net.max_hops or MAX_HOPS]
            for source, limit, variant in product(instances, hops, variants):
                fields = {
                    "formulation": ARGMAX,
                    "variant": variant,
                    "qnet": net.label,
                    "qnet_digest": net.qnet.digest,
                    "max_hops": limit,
                }
                yield _Problem(_of(source) | fields, source.document, net.content)

    def _home(self, net: QNetSource) -> list[InstanceSource]:
        if net.home is None:
            raise OptionError(
                f"{net.label} is no library Q-net: say in `instances` which instances it is for"
            )
        return [net.home.drawn(seed) for seed in self.model.draw_pairs or [None]]

    def _instances(self) -> list[InstanceSource]:
        """Return the instances of the group, pairs drawn."""
        own = self.model.instances
        texts, place = (own, f"{self.place}.instances") if own else (self.suite.instances, "instances")
        if texts is None:
            raise OptionError(f"{self.at('instances')}: missing, here and in the suite; allowed: instances")
        found = []
        for i, text in enumerate(texts):
            with placed(f"{self.file}: {place}[{i}]"):
                for source in self.sources.instances(text):
                    self._check(source)
                    found += [source.drawn(seed) for seed in self.model.draw_pairs or [None]]
        return found

    def _check(self, source: InstanceSource) -> None:
        """Refuse what the formulation cannot state."""
        if self.model.formulation != ARGMAX:
            refuse_min_fidelity(source.instance)
        paired = all(link.entangled_pairs is not None for link in source.instance.links)
        if self.model.formulation == "path" and not paired and self.model.draw_pairs is None:
            raise OptionError(
                f"{source.label} has no entangled_pairs, which the path ILP needs: "
                f"draw them with `draw_pairs = 1` in {self.place}"
            )


def _of(source: InstanceSource) -> dict[str, Any]:
    return {
        "instance": source.label,
        "instance_digest": source.digest,
        "draw_pairs": source.draw_pairs,
    }
