"""Outcomes of a slot: which attempts give pairs, which copies of a path survive their swaps.

Two policies that draw from equally seeded generators see the same luck (common random numbers):
the random number of an attempt or swap depends on its place alone, never on what else was decided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instances.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from instances.instance import Instance
    from instances.network import Network
    from instances.plan import Plan, RoutedPath


def draw_pairs(network: Network, attempts: Sequence[float], rng: np.random.Generator) -> list[int]:
    """Draw the pairs that come of ``attempts``: E_e ~ Binomial(x_e, p_e), independent over links.

    Channel k of link e owns one uniform number, drawn in the order of links and channels whether it is
    used or not; the first x_e channels attempt and succeed where their number is below p_e. So more
    attempts only add pairs, and attempts on one link change nothing on another.

    Parameters
    ----------
    attempts : x_e of each link, whole, 0 <= x_e <= channels, shape (links,).

    Returns
    -------
    list of int : pairs of each link, shape (links,).

    Raises
    ------
    OptionError : not one number a link, or a number that is not allowed.
    """
    if len(attempts) != len(network.links):
        raise OptionError(
            f"{len(attempts)} numbers of attempts; allowed: one for each of {len(network.links)} links"
        )
    for i, (x, link) in enumerate(zip(attempts, network.links, strict=True)):
        if not float(x).is_integer() or not 0 <= x <= link.channels:
            place = f"attempts on links[{i}] ({link.source}-{link.target})"
            raise OptionError(f"{place} are {x}; allowed: a whole number from 0 to {link.channels}")
    row = np.repeat(np.arange(len(network.links)), network.channels)
    first = np.cumsum(network.channels) - network.channels
    channel = np.arange(row.size) - first[row]
    lucky = rng.random(row.size) < network.probabilities[row]
    used = channel < np.asarray(attempts, dtype=np.int64)[row]
    return [int(n) for n in np.bincount(row[lucky & used], minlength=len(network.links))]


def draw_swaps(network: Network, paths: Sequence[RoutedPath], rng: np.random.Generator) -> list[int]:
    """Draw the connections that come of ``paths`` over existing pairs.

    A copy gives a connection when the swap at each of its interior nodes succeeds, independently with
    the node's ``swap_probability`` q_v: each path delivers Binomial(count, prod q_v). The k-th swap at
    a node uses the k-th number of that node's own child generator, so a policy that swaps more at one
    node changes no outcome at another. Copies take their swaps in the order of ``paths``.

    Parameters
    ----------
    paths : paths with whole counts.
    rng : a generator that can spawn, as `numpy.random.default_rng` makes them.

    Returns
    -------
    list of int : connections of each path, shape (paths,).

    Raises
    ------
    OptionError : a count that is not whole.
    KeyError : an interior node that the network does not have.
    """
    for i, path in enumerate(paths):
        if not path.count.is_integer():
            raise OptionError(f"count of paths[{i}] is {path.count}; allowed: a whole number to draw swaps")
    luck = dict(zip(network.node_row, rng.spawn(len(network.nodes)), strict=True))
    chance = {node.id: node.swap_probability for node in network.nodes}
    delivered = []
    for path in paths:
        # Every swap of a copy is tried, also after one of them failed.
        swaps = [luck[v].random(round(path.count)) < chance[v] for v in path.nodes[1:-1]]
        delivered.append(int(np.sum(np.logical_and.reduce(swaps))) if swaps else round(path.count))
    return delivered


def draw_entangled(instance: Instance, seed: int, plan: Plan | None = None) -> Instance:
    """Return the instance with pairs drawn for every link, as the path ILP needs them.

    Parameters
    ----------
    seed : of the draw.
    plan : whose attempts to make; None: every channel of every link attempts, whatever the memories say.

    Raises
    ------
    OptionError : the plan's attempts are fractional, too many, or on no link of the instance.
    """
    attempts: list[float] = [link.channels for link in instance.links]
    if plan is not None:
        known = instance.link_row
        attempts = [0] * len(instance.links)
        for attempt in plan.attempts:
            if (attempt.source, attempt.target) not in known:
                raise OptionError(
                    f"the plan attempts {attempt.source}-{attempt.target}; allowed: links of {instance.name}"
                )
            attempts[known[attempt.source, attempt.target]] += attempt.channels
    return instance.with_pairs(draw_pairs(instance, attempts, np.random.default_rng(seed)))
