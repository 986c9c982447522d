"""Sos1: an OMLT formulation of a ReLU net without M and without binaries."""

from __future__ import annotations

from milproute.formulations.compiled import SOS1_SETS
from milproute.formulations.relu.bigm import TightReluFormulation


class Sos1ReluFormulation(TightReluFormulation):
    """At most one of value and spare part of a neuron is above 0, said to the solver as such.

        U <= 0          y = 0: no column, no row
        L >= 0          y = f                                          1 column, 1 row
        L < 0 < U       y - s = f;  y, s >= 0;  {y, s} an SOS1 set     2 columns, 1 row, 1 set

    Nothing depends on how large the bounds are, and the linear relaxation says nothing about y beyond
    them: for solvers that branch on the sets. With n stable active and m unstable neurons: n + 2 m
    columns, n + m + 1 rows, m sets. The sets lie in the attribute `SOS1_SETS` of the block. Source:
    the default of PySCIPOpt-ML (Turner et al. 2023).
    """

    def _build_formulation(self) -> None:
        super()._build_formulation()
        b = self.block
        for part in (b.value_if_on, b.spare_if_off, b.z):
            b.del_component(part)
        setattr(b, SOS1_SETS, [(b.y[index], b.s[index]) for index in b.s])
