"""Back ends for tests: one that remembers, and some that lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import sleep
from typing import TYPE_CHECKING, Any, ClassVar

from milproute.solvers.backends.highs import Highs

if TYPE_CHECKING:
    from pathlib import Path

    from milproute.formulations import CompiledModel
    from milproute.solvers.interface import Capability, Watch
    from milproute.solvers.results import SolveOptions, SolveResult

Change = Callable[["SolveResult", "CompiledModel"], "SolveResult"]


def truth(result: SolveResult, _model: CompiledModel) -> SolveResult:
    return result


def without_solution(status: str, bound: float | None = None) -> Change:
    """Answer with a status, and a bound perhaps, but no solution."""

    def change(result: SolveResult, _model: CompiledModel) -> SolveResult:
        words: Any = status
        return replace(result, status=words, objective=None, values=None, bound=bound)

    return change


@dataclass
class Stub:
    """HiGHS that remembers what it was asked, waits, and changes its answers from the n-th solve on."""

    name: ClassVar[str] = "stub"
    capabilities: ClassVar[frozenset[Capability]] = Highs.capabilities

    change: Change = truth
    after: int = 0
    wait: float = 0.0
    models: list[CompiledModel] = field(default_factory=list)

    @property
    def version(self) -> str:
        return "0"

    def solve(
        self, model: CompiledModel, options: SolveOptions, start: Any = None, watch: Watch | None = None
    ) -> SolveResult:
        self.models.append(model)
        sleep(self.wait)
        result = Highs().solve(model, options, start, watch)
        return self.change(result, model) if len(self.models) > self.after else result

    def write(self, model: CompiledModel, path: Path) -> None:
        raise NotImplementedError
