"""Enumeration: the best of all joint actions, by batched forward passes."""

from __future__ import annotations

from itertools import combinations_with_replacement, product
from math import comb, exp, inf, lgamma
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import numpy as np
import scipy.sparse as sp

from milproute.instances import OptionError
from milproute.solvers.argmax.engines.interface import EngineResult
from milproute.solvers.pipeline import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from milproute.formulations.action_sets import Candidates
    from milproute.solvers.argmax.engines.interface import EngineInput
    from milproute.solvers.argmax.path_columns import PathColumns
    from milproute.solvers.argmax.problem import ArgmaxProblem

NAME = "enumerate"
LISTS_PATHS = True
# Joint choices up to which trying them all beats anything else (half a second of batched forward passes).
FEW_ACTIONS = 200_000
# Joint actions that are tried at most when asked for, and choices of one request that are listed.
MOST_ACTIONS, MOST_CHOICES = 1e10, 5e6
BATCH = 50_000


def suits(problem: ArgmaxProblem) -> bool:
    """Say whether there are few joint actions."""
    return problem.columns is not None and count_actions(problem.columns.candidates) <= FEW_ACTIONS


def reason(problem: ArgmaxProblem) -> str:
    """Say how few joint actions there are."""
    candidates = problem.listed().candidates
    return f"{len(candidates)} paths, {count_actions(candidates):.3g} joint choices, at most {FEW_ACTIONS}"


def solve(given: EngineInput) -> EngineResult:
    """Try all joint actions: proven by exhaustion, or bounded when time is up.

    Raises
    ------
    OptionError : there are more joint actions than could ever be tried.
    """
    problem, begin = given.problem, perf_counter()
    columns, left = problem.listed(), problem.clock.left
    _refuse_many(columns.candidates)
    with problem.clock.phase("solve"):
        chosen, q, done = enumerate_actions(
            columns, lambda: left is not None and perf_counter() > begin + left
        )
    ended: Literal["optimal", "time_limit"] = "optimal" if done else "time_limit"
    bound = q if done else max(q, problem.bounds().largest_q)
    outcome = Outcome(ended, q, bound, np.zeros(0), columns.routes(chosen), None, termination=ended)
    return EngineResult(problem.in_true_units(outcome), NAME)


def _refuse_many(candidates: Candidates) -> None:
    if count_actions(candidates) > MOST_ACTIONS or largest_choice(candidates) > MOST_CHOICES:
        raise OptionError(
            f"the engine enumerate would try {count_actions(candidates):.3g} joint actions, up to "
            f"{largest_choice(candidates):.3g} choices of one request; allowed: at most {MOST_ACTIONS:.0e} "
            f"and {MOST_CHOICES:.0e}. Take another engine: auto, branch, milp."
        )


def count_actions(candidates: Candidates) -> float:
    """Return the number of joint choices, capacities aside; infinite beyond the largest double.

    A request with n paths and up to c copies has (n + c) choose c of them, n + 1 with one copy.
    """
    return float(np.prod([_choices(n, c) for n, c in _sizes(candidates)]))


def largest_choice(candidates: Candidates) -> float:
    """Return the largest number of choices of one request."""
    return max((_choices(n, c) for n, c in _sizes(candidates)), default=1.0)


def _sizes(candidates: Candidates) -> list[tuple[int, int]]:
    """Return paths and copies of each request."""
    copies = candidates.rules.copies.tolist()
    paths = np.bincount(candidates.request, minlength=len(copies)).tolist()
    return list(zip(paths, copies, strict=True))


def _choices(paths: int, copies: int) -> float:
    logarithm = lgamma(paths + copies + 1) - lgamma(paths + 1) - lgamma(copies + 1)
    if logarithm > 700:
        return inf
    return float(comb(paths + copies, copies)) if logarithm < 36 else exp(logarithm)


def enumerate_actions(
    columns: PathColumns, is_over: Callable[[], bool] = lambda: False
) -> tuple[list[int], float, bool]:
    """Return the best joint action (rows of paths, with repeats), its Q, and whether all actions were tried.

    The joint choices of the last requests are listed once, as many as make a batch, and go through the net
    together for each joint choice of the others. Ties go to the first in order; the empty action comes first.

    Parameters
    ----------
    is_over : whether to stop; asked between batches.
    """
    heads, none = _options(columns.candidates), sp.csr_array((1, len(columns)))
    capacities, nothing = columns.capacities, np.zeros(len(columns.capacities.limit))
    tail: sp.csr_array = none
    while heads and (tail.shape[0] == 1 or tail.shape[0] * heads[-1].shape[0] <= BATCH):
        joined = _joined(heads.pop(), tail)
        tail = joined[capacities.choices_that_fit(joined, nothing)]
    sums = tail @ columns.contributions
    best, best_q = none, float(columns.net.q_of_sums(sums[:1])[0])
    done = True
    for picks in product(*(range(choices.shape[0]) for choices in heads)):
        if is_over():
            done = False
            break
        head = sum((choices[[i]] for choices, i in zip(heads, picks, strict=True)), none)
        if not capacities.choices_that_fit(head, nothing)[0]:
            continue
        base, used = head @ columns.contributions, (head @ capacities.use).toarray()[0]
        for start in range(0, tail.shape[0], BATCH):
            q = columns.net.q_of_sums(base + sums[start : start + BATCH])
            better = np.flatnonzero(q > best_q)
            better = better[capacities.choices_that_fit(tail[start + better], used)]
            if len(better):
                i = better[np.argmax(q[better])]
                best, best_q = head + tail[[start + i]], float(q[i])
    counts = best.toarray()[0].astype(int)
    return np.repeat(np.arange(len(counts)), counts).tolist(), best_q, done


def _options(candidates: Candidates) -> list[sp.csr_array]:
    """List the choices of each request that has a path: copies of each path, shape (choices, paths).

    None, one path, or several copies; the empty choice is the first, the longest list the last.
    """
    options = []
    for request, copies in enumerate(candidates.rules.copies.tolist()):
        own = np.flatnonzero(candidates.request == request).tolist()
        if own:
            choices = [c for n in range(copies + 1) for c in combinations_with_replacement(own, n)]
            row = np.repeat(np.arange(len(choices)), [len(c) for c in choices])
            column = np.array([p for c in choices for p in c], dtype=np.int64)
            shape = (len(choices), len(candidates))
            options.append(sp.csr_array(sp.coo_array((np.ones(len(row)), (row, column)), shape=shape)))
    return sorted(options, key=lambda choices: choices.shape[0])


def _joined(some: sp.csr_array, others: sp.csr_array) -> sp.csr_array:
    """Join every choice of some requests with every choice of others."""
    first = np.repeat(np.arange(some.shape[0]), others.shape[0])
    joined: sp.csr_array = some[first] + others[np.tile(np.arange(others.shape[0]), some.shape[0])]
    return joined
