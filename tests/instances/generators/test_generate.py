from __future__ import annotations

import re
from itertools import combinations
from math import asin, cos, exp, hypot, pi, radians, sin, sqrt

import networkx as nx
import numpy as np
import pytest

from milproute.instances.errors import InstanceError, OptionError
from milproute.instances.generators import topohub as measured
from milproute.instances.generators.generate import GENERATORS, draw_requests, generate
from milproute.instances.generators.geography import distance_km, great_circle_km, project
from milproute.instances.generators.synthetic import _weighted_order, waxman

SMALL = {
    "waxman": "waxman:nodes=12,degree=4,requests=5,seed=3",
    "random_geometric": "random_geometric:nodes=15,radius_km=300,requests=5,seed=3",
    "watts_strogatz": "watts_strogatz:nodes=14,rewire=0.5,requests=5,seed=3",
    "grid": "grid:rows=3,columns=4,requests=5,seed=3",
    "ring": "ring:nodes=7,requests=5,seed=3",
    "line": "line:nodes=6,requests=5,seed=3",
    "topohub": "topohub:topozoo/Abilene,requests=5,seed=3",
}


def refusal(spec: str) -> str:
    with pytest.raises(OptionError) as caught:
        generate(spec)
    return str(caught.value)


def test_every_generator_is_tried_here() -> None:
    assert set(SMALL) == {*GENERATORS, "topohub"}


@pytest.mark.parametrize("spec", SMALL.values(), ids=SMALL)
def test_same_spec_same_document_and_another_seed_another_one(spec: str) -> None:
    assert generate(spec).document() == generate(spec).document()
    assert generate(spec).links != generate(spec.replace("seed=3", "seed=4")).links


@pytest.mark.parametrize("spec", SMALL.values(), ids=SMALL)
def test_instance_is_connected_in_range_and_rounded(spec: str) -> None:
    instance = generate(spec)
    assert nx.is_connected(instance.to_networkx())
    assert all(3 <= link.channels <= 7 and link.fidelity == 0.98 for link in instance.links)
    assert all(10 <= node.memory <= 14 and node.swap_probability == 0.9 for node in instance.nodes)
    numbers = [x for node in instance.nodes for x in node.position_km or ()]
    numbers += [link.length_km for link in instance.links]
    assert all(re.fullmatch(r"-?\d+\.\d{1,3}", repr(x)) and repr(x) != "-0.0" for x in numbers)


@pytest.mark.parametrize("spec", SMALL.values(), ids=SMALL)
def test_requests_are_distinct_unordered_pairs_in_node_order(spec: str) -> None:
    instance = generate(spec)
    rows = [(instance.node_row[r.source], instance.node_row[r.target]) for r in instance.requests]
    assert len(set(rows)) == 5
    assert all(u < v for u, v in rows)


@pytest.mark.parametrize("spec", SMALL.values(), ids=SMALL)
def test_metadata_and_name_are_specs_of_the_same_instance(spec: str) -> None:
    instance = generate(spec)
    assert instance.metadata.seed == 3
    assert instance.metadata.generator is not None
    assert generate(instance.metadata.generator).document() == instance.document()
    assert generate(instance.name).document() == instance.document()
    assert "channels=3-7" in instance.metadata.generator


@pytest.mark.parametrize("spec", SMALL.values(), ids=SMALL)
def test_fewer_requests_are_the_first_of_more_on_the_same_network(spec: str) -> None:
    few, many = generate(spec), generate(spec.replace("requests=5", "requests=15"))
    assert (few.nodes, few.links) == (many.nodes, many.links)
    assert few.requests == many.requests[:5]


def test_topology_does_not_hang_on_what_stands_on_it() -> None:
    thin, thick = (generate(f"waxman:nodes=9,channels={c},seed=1") for c in ("1", "2-9"))
    assert [link.ends for link in thin.links] == [link.ends for link in thick.links]
    assert {link.channels for link in thin.links} == {1}


@pytest.mark.parametrize(("nodes", "degree"), [(50, 6.0), (7, 6.0), (8, 1.75), (20, 3.5)])
def test_waxman_meets_the_mean_degree(nodes: int, degree: float) -> None:
    instance = generate(f"waxman:nodes={nodes},degree={degree},seed=5")
    assert 2 * len(instance.links) / nodes == pytest.approx(degree, abs=1 / nodes)
    assert all(0 <= x <= 2000 and 0 <= y <= 4000 for x, y in (n.position_km or () for n in instance.nodes))


def test_waxman_lengths_are_distances_and_small_alpha_means_short_links() -> None:
    near, far = (generate(f"waxman:alpha={alpha},seed=2") for alpha in (0.02, 10))
    place = [node.position_km or (0, 0) for node in near.nodes]
    for link, (u, v) in zip(near.links, near.ends, strict=True):
        straight = hypot(place[u][0] - place[v][0], place[u][1] - place[v][1])
        assert link.length_km == pytest.approx(straight, abs=6e-4)
    mean = [np.mean([link.length_km for link in instance.links]) for instance in (near, far)]
    assert 2 * mean[0] < mean[1]


def test_weighted_order_draws_the_first_in_proportion_to_the_weights() -> None:
    rng = np.random.default_rng(0)
    weights = np.array([1.0, 2.0, 5.0])
    counts = np.bincount([_weighted_order(rng, np.log(weights))[0] for _ in range(8000)], minlength=3)
    # Three standard deviations of a binomial share are below 0.017.
    assert counts / 8000 == pytest.approx(weights / weights.sum(), abs=0.017)


def test_waxman_survives_weights_far_below_the_smallest_double() -> None:
    rng = np.random.default_rng(1)
    topology = waxman(rng, nodes=30, width_km=2000.0, height_km=4000.0, degree=4.0, alpha=1e-6)
    every = sorted(distance_km(*pair) for pair in combinations(topology.positions, 2))
    # With weights that steep the draw is greedy: the shortest link is in for certain.
    assert min(length for *_, length in topology.edges) == every[0]
    assert len(topology.edges) == 60


def test_random_geometric_links_all_within_the_radius_and_little_else() -> None:
    instance = generate("random_geometric:nodes=30,radius_km=500,requests=1,seed=4")
    places = [node.position_km or (0, 0) for node in instance.nodes]
    within = {(u, v) for u, v in combinations(range(30), 2) if distance_km(places[u], places[v]) <= 500}
    links = {(int(u), int(v)) for u, v in instance.ends}
    assert within <= links
    pieces = nx.Graph(within)
    pieces.add_nodes_from(range(30))
    assert len(links - within) == nx.number_connected_components(pieces) - 1


def test_watts_strogatz_keeps_the_number_of_links_and_moves_some() -> None:
    still, moved = (
        generate(f"watts_strogatz:nodes=20,degree=4,rewire={p},requests=1,seed=1") for p in (0, 1)
    )
    assert len(still.links) == len(moved.links) == 40
    chord = 200 * cos(pi / 20)  # over two steps of 100 km, each turning by 2 pi / 20
    assert sorted({link.length_km for link in still.links}) == pytest.approx([100, chord], abs=6e-4)
    assert len({link.ends for link in moved.links} - {link.ends for link in still.links}) > 20


def test_regular_topologies_have_their_links_and_spacing() -> None:
    ring, grid, line = (generate(f"{spec},spacing_km=50,requests=1,seed=1") for spec in
                        ("ring:nodes=9", "grid:rows=3,columns=5", "line:nodes=4"))  # fmt: skip
    assert nx.is_isomorphic(ring.to_networkx(), nx.cycle_graph(9))
    assert nx.is_isomorphic(grid.to_networkx(), nx.grid_2d_graph(3, 5))
    assert nx.is_isomorphic(line.to_networkx(), nx.path_graph(4))
    assert {link.length_km for network in (ring, grid, line) for link in network.links} == {50.0}


def test_node_ids_sort_like_their_rows() -> None:
    ids = [node.id for node in generate("line:nodes=120,seed=1").nodes]
    assert (ids[7], ids) == ("n007", sorted(ids))


def test_ranges_are_drawn_from_and_reach_their_ends() -> None:
    instance = generate("waxman:swap_probability=0.7-0.9,fidelity=0.9-1,demand=1-3,requests=300,seed=1")
    swaps = [node.swap_probability for node in instance.nodes]
    assert (0.7 <= min(swaps) < 0.72) and (0.88 < max(swaps) <= 0.9)
    assert all(0.9 <= link.fidelity <= 1 for link in instance.links)
    assert {request.demand for request in instance.requests} == {1, 2, 3}
    assert {link.channels for link in instance.links} == {3, 4, 5, 6, 7}
    assert {node.memory for node in instance.nodes} == {10, 11, 12, 13, 14}


def test_all_pairs_can_be_asked_for_and_one_more_cannot() -> None:
    pairs = {(r.source, r.target) for r in generate("line:nodes=5,requests=10,seed=1").requests}
    assert pairs == set(combinations(["n0", "n1", "n2", "n3", "n4"], 2))
    assert refusal("line:nodes=5,requests=11,seed=1") == (
        "requests is 11; allowed: at most 10, the number of pairs of 5 nodes"
    )


def test_pairs_are_drawn_uniformly() -> None:
    values = {"requests": 2, "demand": None, "min_fidelity": None}
    rng = np.random.default_rng(0)
    drawn = [(r["source"], r["target"]) for _ in range(3000) for r in draw_requests("abcd", values, rng)]
    shares = [drawn.count(pair) / 3000 for pair in combinations("abcd", 2)]
    assert shares == pytest.approx([1 / 3] * 6, abs=0.03)  # three standard deviations are 0.026


def test_probability_follows_the_attenuation() -> None:
    instance = generate("line:nodes=3,spacing_km=80,attenuation_per_km=0.01,requests=1,seed=1")
    assert instance.probabilities == pytest.approx([exp(-0.8)] * 2)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("waxmann:seed=1", "unknown generator 'waxmann': did you mean 'waxman'?"),
        ("waxman:nods=3,seed=1", "unknown parameter of waxman 'nods': did you mean 'nodes'?"),
        ("waxman:nodes=3", "waxman needs seed="),
        ("waxman:nodes=3.5,seed=1", "waxman: nodes is '3.5'; allowed: a whole number, 2 or more"),
        ("waxman:nodes=1_0,seed=1", "waxman: nodes is '1_0'; allowed: a whole number, 2 or more"),
        ("waxman:nodes=1,seed=1", "waxman: nodes is '1'; allowed: a whole number, 2 or more"),
        ("waxman:seed=-1", "waxman: seed is '-1'; allowed: a whole number, 0 or more"),
        ("waxman:seed=none", "waxman: seed is 'none'; allowed: a whole number, 0 or more"),
        ("waxman:seed=1..5", "waxman: seed is '1..5'; allowed: a whole number, 0 or more"),
        ("waxman:channels=7-3,seed=1", "waxman: channels is '7-3'; allowed: the smaller end first"),
        ("waxman:channels=few,seed=1", "channels is 'few'; allowed: a whole number or a range like 3-7"),
        (
            "waxman:fidelity=1.5,seed=1",
            "fidelity is '1.5'; allowed: a number or a range like 0.8-0.95, 0 to 1",
        ),
        ("waxman:alpha=nan,seed=1", "alpha is 'nan'; allowed: a number, 1e-06 or more"),
        ("waxman:alpha=1e999,seed=1", "alpha is '1e999'; allowed: a number, 1e-06 or more"),
        ("waxman:min_fidelity=2,seed=1", "min_fidelity is '2'; allowed: a number, 0 to 1, or none"),
        ("waxman:nodes=5,nodes=6,seed=1", "gives nodes twice; allowed: each key once"),
        ("waxman:seed=1,big", "has 'big'; allowed: NAME:key=value,key=value"),
        ("waxman:nodes=10,degree=1.5,seed=1", "allowed for 10 connected nodes: 1.8 to 9"),
        ("waxman:nodes=5,degree=6,seed=1", "allowed for 5 connected nodes: 1.6 to 4"),
        ("watts_strogatz:degree=3,seed=1", "degree is 3; allowed: an even number from 2 to 49"),
        ("grid:rows=1,columns=1,seed=1", "allowed: at least two nodes in all"),
        ("ring:big,seed=1", "ring got 'big'; allowed: key=value with nodes, spacing_km"),
        ("topohub:seed=1", "topohub needs a key"),
        ("topohub:topozoo/Surfent,seed=1", "did you mean 'topozoo/Surfnet'?"),
        ("topohub:../../secret,seed=1", "unknown topohub topology '../../secret'"),
    ],
)
def test_bad_specs_are_refused_with_what_is_allowed(spec: str, message: str) -> None:
    assert message in refusal(spec)


def test_topohub_gives_its_lengths_ids_and_origin() -> None:
    surfnet = generate("topohub:topozoo/Surfnet,requests=10,seed=1")
    lengths = [link.length_km for link in surfnet.links]
    assert (len(surfnet.nodes), len(surfnet.links)) == (50, 68)
    assert (min(lengths), np.mean(lengths), max(lengths)) == pytest.approx((2.9, 31.59, 112.29), abs=0.01)
    assert surfnet.nodes[0].id == "0"
    assert surfnet.metadata.source is not None
    assert re.fullmatch(r"topohub \d+\.\d+\.\d+ topozoo/Surfnet", surfnet.metadata.source)
    assert "not stated by the package" in (surfnet.metadata.licence or "")


@pytest.mark.parametrize("key", ["topozoo/Surfnet", "sndlib/nobel-germany", "gabriel/100/0"])
def test_places_of_topohub_agree_with_its_lengths(key: str) -> None:
    """Projected places and the plane places of Gabriel graphs alike; Germany is 7 degrees high: 5 %."""
    instance = generate(f"topohub:{key},requests=1,seed=1")
    place = [node.position_km or (0.0, 0.0) for node in instance.nodes]
    for link, (u, v) in zip(instance.links, instance.ends, strict=True):
        assert distance_km(place[u], place[v]) == pytest.approx(link.length_km, rel=0.055, abs=1.0)


def test_a_link_of_no_length_succeeds_always() -> None:
    instance = generate("topohub:topozoo/BtEurope,requests=1,seed=1")
    assert instance.probabilities[[link.length_km == 0 for link in instance.links]] == pytest.approx([1.0])


DRAWN = [  # on sheets, not on maps
    *("atlanta", "di-yuan", "france", "giul39", "india35", "newyork"),
    *("norway", "pioro40", "sun", "ta1", "ta2", "zib54"),
]


@pytest.mark.parametrize("name", DRAWN)
def test_drawing_coordinates_are_no_longitude_and_latitude(name: str) -> None:
    """India lies between 68 and 97 degrees east; its network on a sheet of 50 by 50 is no exception."""
    with pytest.raises(InstanceError) as caught:
        generate(f"topohub:sndlib/{name},seed=1")
    assert re.search(r"node '\S+' \(\S+\) is at \[.*\], on a drawing; allowed: longitude", str(caught.value))
    spec = re.search(r"(topohub:\S+),length_km=100,seed=1\.$", str(caught.value))
    assert spec is not None
    instance = generate(f"{spec[1]},length_km=100,seed=1")
    assert {link.length_km for link in instance.links} == {100.0}
    assert {node.position_km for node in instance.nodes} == {None}
    assert instance.metadata.notes == ("drawing coordinates left out, and every link 100 km long",)
    assert generate(instance.metadata.generator or "").document() == instance.document()


def test_a_length_for_links_that_have_one_is_refused() -> None:
    with pytest.raises(OptionError, match=r"length_km is 5 for topohub:topozoo/Surfnet; allowed: none"):
        generate("topohub:topozoo/Surfnet,length_km=5,seed=1")


def test_nodes_without_a_place_and_links_without_a_length_are_no_crash() -> None:
    """The installed topohub has none of either; another release may."""
    data = {
        "nodes": [{"id": 0, "pos": [4, 50]}, {"id": 1}, {"id": 2, "pos": [4, 51]}],
        "edges": [{"source": 0, "target": 1, "dist": 7}, {"source": 1, "target": 2}],
    }
    with pytest.raises(
        InstanceError, match=r"edge '1'-'2': dist is missing; .*topohub:topozoo/X,length_km=100"
    ):
        measured._topology("topozoo/X", data, None)
    topology = measured._topology("topozoo/X", data, 9.0)
    assert topology.edges == [(0, 1, 7.0), (1, 2, 9.0)]
    assert [place is None for place in topology.positions] == [False, True, False]


def test_coordinates_that_are_arbitrary_by_their_own_word_are_noted() -> None:
    (note,) = generate("topohub:sndlib/brain,requests=1,seed=1").metadata.notes
    assert "chosen arbitrarily" in note


def test_every_network_of_the_topology_zoo_and_of_sndlib_is_made_or_says_what_helps() -> None:
    """217 networks have lengths, twelve take the length that the message asks for; no link is there twice."""
    asked = []
    for key in measured.topohub_keys():
        if not key.startswith(("topozoo/", "sndlib/")):
            continue
        spec = f"topohub:{key},requests=1,seed=1"
        try:
            instance = generate(spec)
        except InstanceError as refusal:
            assert "length_km=100" in str(refusal)
            instance = generate(f"{spec},length_km=100")
            asked.append(key.removeprefix("sndlib/"))
        assert nx.is_connected(instance.to_networkx())
    assert asked == sorted(DRAWN)


def test_every_usable_topohub_key_gives_a_connected_topology() -> None:
    refused = 0
    for key in measured.topohub_keys():
        if key.startswith(("caida/", "gabriel/")) and not key.endswith("/0"):
            continue
        try:
            topology = measured.topohub(key)
        except InstanceError:
            refused += 1
            continue
        graph = nx.Graph((u, v) for u, v, _ in topology.edges)
        assert nx.is_connected(graph)
        assert len(graph.edges) == len(topology.edges)
        assert len(graph) == len(set(topology.ids))
    assert refused == len(DRAWN)


def test_projection_and_great_circle_against_a_city_pair() -> None:
    """Berlin to Munich is 504 km as the crow flies."""
    berlin, munich = (13.405, 52.52), (11.582, 48.1351)
    assert great_circle_km(berlin, munich) == pytest.approx(504, abs=1)
    flat = project([berlin, munich])
    assert distance_km(*flat) == pytest.approx(504, rel=0.01)
    assert flat[0][0] > flat[1][0] and flat[0][1] > flat[1][1]  # Berlin lies east and north
    east = 2 * 6371 * asin(sqrt(cos(radians(60)) ** 2 * sin(radians(0.5)) ** 2))
    assert great_circle_km((0, 60), (1, 60)) == pytest.approx(east, abs=1e-3)
