"""Every back end that is installed, ours and those that other packages bring; what is not there skips."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from milproute.solvers.backends import backend_names, load_backend
from milproute.solvers.results import BackendError, MissingSolverError, SolveOptions
from tests.support.arrays import arrays

if TYPE_CHECKING:
    from milproute.solvers.interface import Backend

MARKS = {"gurobi": pytest.mark.gurobi, "scip": pytest.mark.scip}


@pytest.fixture(scope="module", params=[pytest.param(n, marks=MARKS.get(n, ())) for n in backend_names()])
def backend(request: pytest.FixtureRequest) -> Backend:
    try:
        found = load_backend(request.param)
    except (MissingSolverError, BackendError) as error:
        pytest.skip(str(error))
    probe = found.solve(arrays([1.0], upper=1.0), SolveOptions())
    if probe.status == "licence":
        pytest.skip(probe.message)
    return found
