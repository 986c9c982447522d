"""Rules on the certificate: objective, bound, gap and status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from milproute.instances.checker.context import Breach
from milproute.instances.plan import relative_gap
from milproute.instances.tolerances import OPTIMALITY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from milproute.instances.checker.context import CheckContext


def objective(context: CheckContext) -> Iterator[Breach]:
    """Require objective = sum of the connections."""
    claimed, total = context.plan.objective, sum(context.plan.connections.values())
    if claimed is not None and context.differs(claimed, total):
        text = f"the objective is {claimed:.9g}, the connections add up to {total:.9g}"
        yield Breach("objective", abs(claimed - total), text)


def bound(context: CheckContext) -> Iterator[Breach]:
    """Require objective <= proven bound, as all formulations maximise."""
    claimed, proven = context.plan.objective, context.plan.bound
    if claimed is not None and proven is not None and claimed > proven and context.differs(claimed, proven):
        text = f"the objective {claimed:.9g} is above the bound {proven:.9g} on it"
        yield Breach("bound", claimed - proven, text)


def gap(context: CheckContext) -> Iterator[Breach]:
    """Require gap = |bound - objective| / max(|objective|, 1e-9), None when either is missing."""
    stated, expected = context.plan.gap, relative_gap(context.plan.objective, context.plan.bound)
    if stated is None or expected is None:
        if stated is not expected:
            yield Breach("gap", 1, f"the gap is {stated}, objective and bound give {expected}")
    elif context.differs(stated, expected):
        text = f"the gap is {stated:.9g}, objective and bound give {expected:.9g}"
        yield Breach("gap", abs(stated - expected), text)


def status(context: CheckContext) -> Iterator[Breach]:
    """Require what the status says: a proof for `optimal`, no objective for `infeasible` and its like."""
    word, claimed, proven = context.plan.status, context.plan.objective, context.plan.bound
    if word in ("infeasible", "unbounded", "no_solution") and claimed is not None:
        yield Breach("status", 1, f"{word!r}, but the objective is {claimed:.9g}")
    if word in ("optimal", "gap_limit") and (claimed is None or proven is None):
        yield Breach("status", 1, f"{word!r}, but the objective is {claimed} and the bound {proven}")
    elif word == "optimal" and claimed is not None and proven is not None:
        apart = abs(proven - claimed)
        if not apart <= OPTIMALITY * max(1.0, abs(claimed)):
            yield Breach("status", apart, f"'optimal', but objective and bound are {apart:.9g} apart")


def no_solution(context: CheckContext) -> Iterator[Breach]:
    """Require neither paths nor connections of a plan without an objective."""
    if not context.solved:
        named = [*context.plan.connections.values(), *(context.plan.delivered or {}).values()]
        served = sum(1 for value in named if value)
        if context.plan.paths or served:
            text = f"no objective, but {len(context.plan.paths)} paths and {served} served requests"
            yield Breach("objective", len(context.plan.paths) + served, text)
