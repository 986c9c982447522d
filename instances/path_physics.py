"""Physics of paths in a network: fidelity, success, and what a plan delivers on average."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from milproute.instances.physics import chain_fidelity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from milproute.instances.network import Network
    from milproute.instances.plan import RoutedPath


def path_fidelity(
    network: Network, nodes: Sequence[str], swap_factors: Mapping[str, float] | None = None
) -> float:
    """Return the fidelity of a connection along ``nodes``: `chain_fidelity` of its links.

    ``swap_factors`` gives f_v of every interior node; None means ideal swaps. Whether a path obeys a
    ``min_fidelity`` is decided by `fidelity_shortfall`, which also forbids links with F <= 1/4.

    Raises
    ------
    KeyError : two neighbours on the path have no link, or an interior node has no factor.
    """
    factors = [] if swap_factors is None else [swap_factors[v] for v in nodes[1:-1]]
    return chain_fidelity([network.links[e].fidelity for e in network.links_along(nodes)], factors)


def fidelity_shortfall(network: Network, nodes: Sequence[str], min_fidelity: float | None) -> float:
    """Return how far a path (ideal swaps) stays below ``min_fidelity``; <= 0 when it is met.

    None and values up to 1/4 restrict nothing. Above, a link with F <= 1/4 (W <= 0) rules the path
    out even where two negative Werner parameters multiply to a positive one: the smaller of path and
    worst link counts. Where all W >= 0 that is the path itself.

    Raises
    ------
    KeyError : two neighbours on the path have no link.
    """
    if min_fidelity is None or min_fidelity <= 0.25:
        return -math.inf
    worst = min(network.links[e].fidelity for e in network.links_along(nodes))
    return min_fidelity - min(worst, path_fidelity(network, nodes))


def swap_success(network: Network, nodes: Sequence[str]) -> float:
    """Return prod q_v over interior nodes: success of a path whose pairs all exist."""
    return math.prod(network.nodes[network.node_row[v]].swap_probability for v in nodes[1:-1])


def path_success(network: Network, nodes: Sequence[str]) -> float:
    """Return prod p_e prod q_v: success of a path tried with one attempt a link.

    p_e over its h links, q_v over its h - 1 interior nodes; q^(h-1) prod p_e for equal nodes.

    Raises
    ------
    KeyError : two neighbours on the path have no link.
    """
    return float(np.prod(network.probabilities[network.links_along(nodes)])) * swap_success(network, nodes)


def path_log_success(network: Network, nodes: Sequence[str]) -> float:
    """Return sum ln p_e + sum ln q_v, the logarithm of `path_success`; -inf for an impossible path.

    Raises
    ------
    KeyError : two neighbours on the path have no link.
    """
    swaps = [network.nodes[network.node_row[v]].swap_probability for v in nodes[1:-1]]
    factors = [*network.probabilities[network.links_along(nodes)], *swaps]
    return math.fsum(map(math.log, factors)) if all(factors) else -math.inf


def expected_connections_given_pairs(network: Network, paths: Iterable[RoutedPath]) -> float:
    """Return sum of count * `swap_success`: mean connections when the pairs of all paths exist.

    For link, path and REPS plans, whose paths use up pairs that were made before.
    """
    return math.fsum(path.count * swap_success(network, path.nodes) for path in paths)


def expected_connections_from_attempts(network: Network, paths: Iterable[RoutedPath]) -> float:
    """Return sum of count * `path_success`: mean connections when each copy makes its own pairs.

    For joint actions, where a copy spends one attempt a link and no pair exists yet.
    """
    return math.fsum(path.count * path_success(network, path.nodes) for path in paths)
