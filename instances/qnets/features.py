"""Features: what a Q-net reads of an instance (state) and of a joint action (paths).

Every action feature is a sum over the chosen copies of paths: that is what makes Q over an action set a
mixed-integer *linear* program. With a ``demand`` above 1 ``request_served`` is therefore the number of
copies, not merely 0 or 1. Links, nodes and requests stand in the instance's order.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from milproute.instances.errors import OptionError, unknown_name
from milproute.instances.path_physics import path_log_success
from milproute.instances.qnets.blocks import BLOCKS, input_size, input_slices

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import scipy.sparse as sp

    from milproute.instances.arrays import Floats, Rows
    from milproute.instances.instance import Instance
    from milproute.instances.plan import RoutedPath


def state_vector(instance: Instance, inputs: Sequence[str]) -> Floats:
    """Return the input of a Q-net for the empty action, shape (inputs,): zeros at action features.

    Raises
    ------
    InstanceError : ``link_pairs`` is asked for and a link has no ``entangled_pairs``.
    """
    x = np.zeros(input_size(instance, inputs))
    for block, place in input_slices(instance, inputs).items():
        values = BLOCKS[block].state
        if values is not None:
            x[place] = values(instance)
    return x


def path_features(
    instance: Instance, inputs: Sequence[str], request_row: int, nodes: Sequence[str]
) -> Floats:
    """Return what one copy of a path adds to the input of a Q-net, shape (inputs,).

    Raises
    ------
    OptionError : two neighbours on the path have no link, or the path can never succeed (ln 0 is no
        number) while ``request_log_success`` is asked for.
    """
    try:
        links = instance.links_along(nodes)
    except KeyError as failure:
        raise OptionError(
            f"there is no link {failure.args[0]} in {instance.name!r}; allowed: its links"
        ) from None
    x = np.zeros(input_size(instance, inputs))
    for block, place in input_slices(instance, inputs).items():
        part = x[place]
        if block == "link_load":
            np.add.at(part, links, 1.0)
        elif block == "request_served":
            part[request_row] = 1.0
        elif block == "request_hops":
            part[request_row] = len(links)
        elif block == "request_log_success":
            part[request_row] = path_log_success(instance, nodes)
            if np.isinf(part[request_row]):
                raise _impossible(f"path {'-'.join(nodes)}")
    return x


def features(instance: Instance, inputs: Sequence[str], paths: Iterable[RoutedPath]) -> Floats:
    """Return the input of a Q-net for a joint action, shape (inputs,): state + sum of count * path.

    Raises
    ------
    InstanceError : as `state_vector`.
    OptionError : as `path_features`, or a request that the instance does not have.
    """
    rows = {request.id: row for row, request in enumerate(instance.requests)}
    x = state_vector(instance, inputs)
    for path in paths:
        if path.request not in rows:
            raise unknown_name("request", path.request, rows)
        x += path.count * path_features(instance, inputs, rows[path.request], path.nodes)
    return x


def feature_matrix(
    instance: Instance,
    inputs: Sequence[str],
    requests: Sequence[int] | Rows,
    links: Sequence[Sequence[int] | Rows] | Rows,
    interiors: Sequence[Sequence[int] | Rows] | Rows,
) -> sp.csr_array:
    """Return `path_features` of many paths at once, shape (paths, inputs).

    Parameters
    ----------
    requests : row of the request of each path, shape (paths,).
    links, interiors : rows of the links and of the interior nodes of each path: a sequence for each, or
        one array padded with -1, shape (paths, any).

    Raises
    ------
    OptionError : not as many links or interiors as requests, or ``request_log_success`` is asked for and
        a path uses a link or swap that never succeeds.
    """
    import scipy.sparse as sp  # only here: the room alone loads quickly

    k = np.asarray(requests, dtype=np.int64)
    count = len(k)
    if len(links) != count or len(interiors) != count:
        raise OptionError(
            f"{count} requests, {len(links)} lists of links, {len(interiors)} of interior nodes"
        )
    path, link = _flat(links)
    places = input_slices(instance, inputs)
    rows, columns, values = [], [], []
    for block, place in places.items():
        if BLOCKS[block].state is not None:
            continue
        if block == "link_load":
            rows.append(path)
            columns.append(place.start + link)
            values.append(np.ones(len(link)))
            continue
        if block == "request_served":
            value = np.ones(count)
        elif block == "request_hops":
            value = np.bincount(path, minlength=count).astype(float)
        else:
            value = _log_success(instance, count, path, link, *_flat(interiors))
        rows.append(np.arange(count))
        columns.append(place.start + k)
        values.append(value)
    none = np.zeros(0, dtype=np.int64)
    entries = (np.concatenate([*rows, none]), np.concatenate([*columns, none]))
    data = np.concatenate([*values, none.astype(float)])
    return sp.csr_array(sp.coo_array((data, entries), shape=(count, input_size(instance, inputs))))


def _log_success(instance: Instance, count: int, path: Rows, link: Rows, at: Rows, node: Rows) -> Floats:
    """Return sum ln p + sum ln q of each path, from its links and its interior nodes laid flat."""
    swaps = np.array([v.swap_probability for v in instance.nodes])
    p, q = instance.probabilities[link], swaps[node]
    for factor, member, name in ((p, link, "links"), (q, node, "nodes")):
        dead = np.flatnonzero(factor == 0)
        if len(dead):
            raise _impossible(f"a path over {name}[{member[dead[0]]}]")
    sums = np.zeros(count)
    np.add.at(sums, path, np.log(p))
    np.add.at(sums, at, np.log(q))
    return sums


def _impossible(what: str) -> OptionError:
    return OptionError(
        f"{what} has a success probability of 0 in request_log_success; allowed: links with a probability "
        "> 0 and swaps at nodes with a swap_probability > 0 (ln 0 is no number)"
    )


def _flat(lists: Sequence[Sequence[int] | Rows] | Rows) -> tuple[Rows, Rows]:
    """Return (position of the list, member) of all members of all lists."""
    if isinstance(lists, np.ndarray):
        owner, slot = np.nonzero(lists >= 0)
        return owner.astype(np.int64), lists[owner, slot].astype(np.int64)
    lengths = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
    if len(lists) and isinstance(lists[0], np.ndarray):  # three times as fast as one by one
        members = np.concatenate(lists).astype(np.int64)
    else:
        members = np.fromiter(chain.from_iterable(lists), dtype=np.int64, count=int(lengths.sum()))
    return np.repeat(np.arange(len(lists)), lengths), members
