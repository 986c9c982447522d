"""Outcomes of a slot: which attempts give pairs, which copies of a path survive their swaps.

Two policies that draw from equally seeded generators see the same random outcomes (common random numbers):
the random number of an attempt or swap depends on its place alone, never on what else was decided.
"""

from __future__ import annotations

from functools import cache
from math import prod
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from milproute.instances.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from milproute.instances.arrays import Integers
    from milproute.instances.instance import Instance
    from milproute.instances.network import Network
    from milproute.instances.plan import Plan

# Channels and copies up to this number own a random number each; more of them share one, which is turned into
# their sum by the quantile function, so that no cost grows with a capacity.
LISTED = 10_000


class Counted(Protocol):
    """A path with a number of copies."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes from one end to the other."""

    @property
    def count(self) -> float:
        """Number of copies."""


def draw_pairs(network: Network, attempts: Sequence[float], rng: np.random.Generator) -> list[int]:
    """Draw the pairs that come of ``attempts``: E_e ~ Binomial(x_e, p_e), independent over links.

    Channel k of link e owns one uniform number, drawn in the order of links and channels whether it is
    used or not; the first x_e channels attempt and succeed where their number is below p_e. A link with
    more than 10,000 channels owns one number u, and E_e is the u-quantile of its distribution. Either way
    more attempts only add pairs, and attempts on one link change nothing on another.

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
    used, p = np.asarray(attempts, dtype=np.int64), network.probabilities
    large = network.channels > LISTED
    owned = np.where(large, 1, network.channels)
    row = np.repeat(np.arange(len(owned)), owned)
    channel = np.arange(row.size) - (np.cumsum(owned) - owned)[row]
    number = rng.random(row.size)
    succeeds = (number < p[row]) & (channel < used[row]) & ~large[row]
    pairs = np.bincount(row[succeeds], minlength=len(owned))
    if large.any():
        pairs[large] = binomial_quantile(number[large[row]], used[large], p[large])
    return [int(n) for n in pairs]


def binomial_quantile(u: ArrayLike, number: ArrayLike, probability: ArrayLike) -> Integers:
    """Return the smallest k with P(Binomial(n, p) <= k) >= u, at most n; arguments broadcast.

    By bisection on the regularised incomplete beta function, so the cost grows with log n. As u, n or p
    grows, k never falls.
    """
    from scipy.special import betainc

    u, n, p = np.broadcast_arrays(np.asarray(u, float), np.asarray(number, np.int64), probability)
    low, high = np.full(n.shape, -1, dtype=np.int64), n.astype(np.int64)
    while (high - low > 1).any():
        middle = (low + high) // 2
        here = np.clip(middle, 0, np.maximum(n - 1, 0))
        reached = betainc(np.maximum(n - here, 1).astype(float), here + 1.0, 1.0 - p) >= u
        open_ = high - low > 1
        high = np.where(open_ & reached, middle, high)
        low = np.where(open_ & ~reached, middle, low)
    return high


def draw_swaps(network: Network, paths: Sequence[Counted], rng: np.random.Generator) -> list[int]:
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
    seeding = cast("np.random.SeedSequence", rng.bit_generator.seed_seq)
    seeds = dict(zip(network.node_row, seeding.spawn(len(network.nodes)), strict=True))

    @cache
    def own(node: str) -> np.random.Generator:  # as `rng.spawn` makes them, where one is needed
        return np.random.Generator(type(rng.bit_generator)(seeds[node]))

    chance = {node.id: node.swap_probability for node in network.nodes}
    delivered = []
    for path in paths:
        copies, interior = round(path.count), path.nodes[1:-1]
        if copies > LISTED and interior:
            u, q = own(interior[0]).random(), prod(chance[v] for v in interior)
            delivered.append(int(binomial_quantile(u, copies, q)))
            continue
        # Every swap of a copy is tried, also after one of them failed.
        swaps = [own(v).random(copies) < chance[v] for v in interior]
        delivered.append(int(np.sum(np.logical_and.reduce(swaps))) if swaps else copies)
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
