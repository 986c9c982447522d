"""Pictures: what is in them, not how their pixels look."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from time import process_time
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import pytest
from matplotlib.figure import Figure

from milproute.instances.errors import OptionError, OutputError
from milproute.instances.instance import Instance
from milproute.instances.plan import Attempt, DrawnPairs, Plan, RoutedPath, Violation
from milproute.plotting import plot_network, plot_plan, save_figure
from milproute.plotting.drawing.lanes import lane_offsets
from milproute.plotting.drawing.layout import node_positions
from milproute.plotting.drawing.route import Route
from milproute.plotting.drawing.style import number, request_style
from milproute.plotting.plot_plan import link_use
from tests.support.pictures import make_instance, make_plan

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

CROSS = {"a": (0.0, 0.0), "b": (100.0, 0.0), "c": (200.0, 50.0), "d": (200.0, -50.0), "e": (300.0, 0.0)}
CROSS_LINKS = [("a", "b"), ("b", "c"), ("b", "d"), ("c", "e"), ("d", "e")]


def with_links(instance: Instance, field: str, values: list[int]) -> Instance:
    document = instance.document()
    for link, value in zip(document["links"], values, strict=True):
        link[field] = value
    return Instance.model_validate(document)


def artist(ax: Axes, gid: str) -> Any:
    return next(child for child in ax.get_children() if child.get_gid() == gid)


def routes(ax: Axes) -> list[Route]:
    return [child for child in ax.get_children() if isinstance(child, Route)]


def legend_texts(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def all_text(ax: Axes) -> str:
    return " ".join([ax.get_title(loc="left"), *(text.get_text() for text in ax.texts)])


@pytest.fixture
def cross() -> Instance:
    return make_instance(CROSS, CROSS_LINKS, [("a", "e"), ("a", "c"), ("a", "d"), ("c", "d")])


@pytest.fixture
def plan(cross: Instance) -> Plan:
    paths = [("r0", "a b c e", 1.0), ("r0", "a b d e", 2.0), ("r1", "a b c", 1.0), ("r2", "a b d", 1.0)]
    return make_plan(cross, paths, attempts=[Attempt(source="b", target="a", channels=3)])


def test_importing_plotting_leaves_pyplot_alone() -> None:
    code = "import sys, milproute.plotting; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_network_has_every_node_link_label_and_request(cross: Instance) -> None:
    ax = plot_network(cross)
    assert np.asarray(artist(ax, "nodes").get_offsets()).tolist() == [list(p) for p in CROSS.values()]
    assert len(artist(ax, "links").get_segments()) == 5
    assert {text.get_text() for text in ax.texts} >= set(CROSS)
    assert legend_texts(ax)[0] == "r0: a → e · any"
    assert len({child.get_gid() for child in ax.lines} & {f"source-{i}" for i in range(4)}) == 4


def test_link_width_is_in_proportion_to_channels(cross: Instance) -> None:
    instance = with_links(cross, "channels", [2, 4, 8, 8, 8])
    widths = artist(plot_network(instance), "links").get_linewidths()
    assert widths[1] == pytest.approx(2 * widths[0]) and widths[2] == pytest.approx(2 * widths[1])


def test_large_networks_label_request_ends_only() -> None:
    places = {f"n{i}": (float(i), float(i % 7)) for i in range(30)}
    ax = plot_network(make_instance(places, [("n0", "n1")], [("n3", "n9")]))
    assert {t.get_text() for t in ax.texts if str(t.get_gid()).startswith("label-")} == {"n3", "n9"}


def test_plan_shows_paths_legend_and_certificate(cross: Instance, plan: Plan) -> None:
    ax = plot_plan(cross, plan)
    assert len(routes(ax)) == 4
    assert legend_texts(ax) == ["r0: a → e · 3", "r1: a → c · 1", "r2: a → d · 1", "r3: c → d · 0"]
    for part in ("link / by-source", "optimal", "objective 5", "bound 5", "gap 0 %", "verified"):
        assert part in all_text(ax)
    colors = artist(ax, "links").get_colors()
    assert len({tuple(color) for color in colors}) == 2  # the link with attempts is darker


def test_paths_on_one_link_neither_overlap_nor_cross(cross: Instance, plan: Plan) -> None:
    drawn = routes(plot_plan(cross, plan))
    first = sorted((route.offsets[0], route.get_linewidth(), route.places[2, 1]) for route in drawn)
    for (low, thin, _), (high, thick, _) in pairwise(first):
        assert high - low > (thin + thick) / 2
    sides = [side for _, _, side in first]
    assert sides == sorted(sides)  # those that turn left later are on the left already


def test_lanes_mind_the_direction_of_travel() -> None:
    points = np.array([[0.0, 0.0], [90.0, 0.0], [180.0, 0.0]])
    offsets, _ = lane_offsets([[0, 1, 2], [2, 1, 0]], points, [2.0, 2.0], 30.0)
    assert offsets[0] == pytest.approx(offsets[1]) and offsets[0].min() > 1  # each on its own left
    alone, width = lane_offsets([[0, 1]], points, [2.0], 30.0)
    assert alone[0].tolist() == [0.0] and width == [2.0]
    crowd, widths = lane_offsets([[0, 1]] * 12, points, [3.0] * 12, 20.0)
    assert np.ptp([lane[0] for lane in crowd]) + widths[0] == pytest.approx(20.0, rel=0.01)


def test_a_drawn_lane_lies_as_many_points_aside_as_it_says(cross: Instance, plan: Plan) -> None:
    ax = plot_plan(cross, plan)
    for dpi in (72.0, 200.0):
        ax.figure.dpi = dpi
        level = ax.transData.transform((0.0, 0.0))[1]
        for route in routes(ax):
            first_bend = route.get_path().vertices[3]
            assert first_bend[1] - level == pytest.approx(route.offsets[0] * dpi / 72)


def test_requests_have_distinct_looks() -> None:
    styles = [request_style(i) for i in range(200)]
    assert len(set(styles)) == 200
    assert len({style.color for style in styles[:50]}) == 50


def test_the_legend_folds_into_columns() -> None:
    ends = [(u, v) for u in CROSS for v in CROSS if u != v]
    instance = make_instance(CROSS, CROSS_LINKS, [*ends, *ends])
    legend = plot_plan(instance, make_plan(instance, [])).get_legend()
    assert legend is not None and legend._ncols == 2 and len(legend.get_texts()) == 40


@pytest.mark.parametrize("name", ["cross", "wide", "tall"])
def test_nothing_outside_covers_anything(name: str) -> None:
    stretch = {"cross": (1, 1), "wide": (9, 0.1), "tall": (0.1, 9)}[name]
    places = {node: (x * stretch[0], y * stretch[1]) for node, (x, y) in CROSS.items()}
    instance = make_instance(places, CROSS_LINKS, [("a", "e")] * 12)
    ax = plot_plan(instance, make_plan(instance, [("r0", "a b c e", 1.0)]))
    legends = [child for child in ax.get_children() if type(child).__name__ == "Legend"]
    assert len(legends) == 3
    boxes = [ax.get_window_extent(), *(legend.get_window_extent() for legend in legends)]
    for i, box in enumerate(boxes):
        for other in boxes[i + 1 :]:
            assert not (box.x0 < other.x1 and other.x0 < box.x1 and box.y0 < other.y1 and other.y0 < box.y1)


def test_given_axes_are_used(cross: Instance, plan: Plan) -> None:
    ax = Figure(figsize=(6, 4)).add_subplot()
    assert plot_plan(cross, plan, ax=ax) is ax and routes(ax)
    other = Figure().add_subplot()
    assert plot_network(cross, other) is other
    assert tuple(other.figure.get_size_inches()) == (6.4, 4.8)


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_same_input_gives_the_same_bytes(
    tmp_path: Path, cross: Instance, plan: Plan, suffix: str
) -> None:
    ax = plot_plan(cross, plan)
    for name, picture in (("1", ax), ("2", ax.figure), ("3", plot_plan(cross, plan))):
        save_figure(picture, tmp_path / f"{name}.{suffix}")
    first, *others = (path.read_bytes() for path in sorted(tmp_path.iterdir()))
    assert len(first) > 2000 and others == [first, first]
    assert b"<dc:date>" not in first


def test_pictures_go_to_svg_and_png_only(tmp_path: Path, cross: Instance) -> None:
    ax = plot_network(cross)
    for name in ("plan.jpg", "plan"):
        with pytest.raises(OptionError, match=r"allowed: \.png, \.svg"):
            save_figure(ax, tmp_path / name)
    with pytest.raises(OutputError, match="no folder"):
        save_figure(ax, tmp_path / "none" / "plan.svg")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("places", "links"),
    [
        ({"a": (5.0, 5.0)}, []),
        ({"a": None}, []),
        ({"a": (0.0, 0.0), "b": (9.0, 0.0)}, []),
        ({"a": (1.0, 1.0), "b": (1.0, 1.0), "c": (1.0, 1.0)}, [("a", "b"), ("b", "c")]),
        ({"a": (1.0, 1.0), "b": (1.0, 1.0), "c": (2.0, 1.0)}, [("a", "b"), ("b", "c")]),
        ({"a": (0.0, 0.0), "b": (0.0, 7.0), "c": (0.0, 9.0)}, [("a", "b"), ("b", "c")]),
        ({"a$b": (0.0, 0.0), "c$_{": (1.0, 7.0), "<&\n>": (0.0, 9.0)}, [("a$b", "c$_{")]),
    ],
)
def test_degenerate_networks_are_drawn_whole(
    tmp_path: Path, places: dict[str, Any], links: list[tuple[str, str]]
) -> None:
    ends = list(places)
    instance = make_instance(places, links, [(ends[0], ends[-1])] if len(ends) > 1 else [], channels=0)
    path = [RoutedPath(request="r0", nodes=tuple(ends), count=0.5)] if len(ends) > 1 else []
    plan = make_plan(instance, []).model_copy(update={"paths": tuple(path)})
    for suffix in ("svg", "png"):
        save_figure(plot_network(instance), tmp_path / f"network.{suffix}")
        save_figure(plot_plan(instance, plan), tmp_path / f"plan.{suffix}")
    for name, start in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        pictures = [(tmp_path / f"{kind}.{name}").read_bytes() for kind in ("network", "plan")]
        assert all(picture.startswith(start) and len(picture) > 1000 for picture in pictures)
    assert len(routes(plot_plan(instance, plan))) == len(path)


@pytest.mark.parametrize("status", ["infeasible", "no_solution", "time_limit", "error"])
def test_plans_without_solution(cross: Instance, status: str) -> None:
    empty = make_plan(
        cross, [], status=status, objective=None, bound=None, gap=None, connections={}, verified=False
    )
    ax = plot_plan(cross, empty)
    assert legend_texts(ax)[0] == "r0: a → e · no plan" and not routes(ax)
    assert status.replace("_", " ") in all_text(ax) and "no objective" in all_text(ax)


def test_violations_are_named(cross: Instance) -> None:
    broken = Violation(rule="channels", place="links[0]", amount=1.0, message="too many")
    ax = plot_plan(cross, make_plan(cross, [("r0", "a e", 1.0)], violations=[broken], verified=False))
    assert "not verified: 1 violation" in all_text(ax)
    assert len(routes(ax)) == 1  # a step without a link is drawn all the same


def test_relaxed_and_reps_plans_word_their_numbers(cross: Instance) -> None:
    relaxed = make_plan(cross, [("r0", "a b c e", 1 / 3), ("r1", "a b c", 1e-9)], relaxed=True)
    ax = plot_plan(cross, relaxed)
    assert legend_texts(ax)[:2] == ["r0: a → e · 0.3333", "r1: a → c · 0"] and "relaxed" in all_text(ax)
    drawn = [DrawnPairs(source="a", target="b", pairs=2)]
    reps = make_plan(
        cross, [("r0", "a b c e", 2.0)], formulation="reps", entangled_pairs=drawn, delivered={"r0": 1}
    )
    assert legend_texts(plot_plan(cross, reps))[0] == "r0: a → e · 2 (1 delivered)"


def test_use_of_links_without_attempts(cross: Instance) -> None:
    plan = make_plan(cross, [("r0", "a b c e", 2.0)], formulation="path")
    wording, share = link_use(cross, plan)
    assert (wording, share.tolist()) == ("Paths / channels", [0.5, 0.5, 0.0, 0.5, 0.0])
    wording, share = link_use(with_links(cross, "entangled_pairs", [4, 2, 1, 0, 0]), plan)
    assert (wording, share.tolist()) == ("Paths / entangled pairs", [0.5, 1.0, 0.0, np.inf, 0.0])


def test_a_plan_of_another_instance_is_refused(cross: Instance) -> None:
    for path in (("r0", "a z", 1.0), ("r9", "a b", 1.0)):
        with pytest.raises(OptionError, match="lacks"):
            plot_plan(cross, make_plan(cross, [path]))


def test_unknown_positions_are_laid_out_and_said() -> None:
    places = {name: None for name in "abcdefgh"} | {"a": (0.0, 0.0)}
    instance = make_instance(places, [("a", "b"), ("b", "c"), ("d", "e")], [("a", "c")])
    first, note = node_positions(instance)
    again, _ = node_positions(instance)
    assert (first == again).all() and note == "7 of 8 positions unknown: Kamada-Kawai layout"
    gaps = np.linalg.norm(first[:, None] - first[None], axis=2) + 9 * np.eye(8)
    assert gaps.min() > 0.2  # components stand beside each other
    assert note in all_text(plot_network(instance))


def test_numbers_read_well() -> None:
    assert [number(x) for x in (7.0, 2.9999999999, 1 / 3, 0.0, -0.0, 12345.0, 2e12)] == [
        "7",
        "3",
        "0.3333",
        "0",
        "0",
        "12345",
        "2e+12",
    ]


def test_large_networks_are_fast(tmp_path: Path) -> None:
    graph = nx.gnm_random_graph(200, 600, seed=1)
    places = dict(enumerate(np.random.default_rng(0).random((200, 2)).tolist()))
    names = {str(node): tuple(places[node]) for node in graph}
    links = [(str(u), str(v)) for u, v in graph.edges]
    ends = [(str(i), str(i + 100)) for i in range(50)]
    instance = make_instance(names, links, ends)
    paths = [
        (f"r{i}", " ".join(map(str, nx.shortest_path(graph, int(u), int(v)))), 1.0)
        for i, (u, v) in enumerate(ends)
    ]
    plan = make_plan(instance, paths)
    start = process_time()
    ax = plot_plan(instance, plan)
    assert process_time() - start < 6.0  # about 1 s on one free core
    assert len(artist(ax, "links").get_segments()) == 600 and len(routes(ax)) == 50
