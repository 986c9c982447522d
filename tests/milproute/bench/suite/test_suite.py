"""Suites: what multiplies out, and what is refused with its place before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from milproute.bench.cell.cell import find_qnet
from milproute.bench.records.task import Task
from milproute.bench.suite.expand import Cell, expand
from milproute.bench.suite.suite import load_suite, shipped_suites
from milproute.instances import MilprouteError, generate, resolve, save
from milproute.instances.library import fingerprint
from milproute.instances.outcomes import draw_entangled
from milproute.instances.qnets.library import FOLDER, load_library_qnet, qnet_library
from milproute.instances.qnets.onnx import qnet_to_onnx
from milproute.solvers import load_backend
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NET = "q-waxman-20-3-16x16"
HEAD = """
name = "mine"
instances = ["toy"]
solvers = ["highs"]
"""
LINK = '[[models]]\nformulation = "link"\n'
PATH = '[[models]]\nformulation = "path"\n'
ARGMAX = f'[[models]]\nformulation = "argmax"\nqnets = "{NET}"\n'


@pytest.fixture
def cells(tmp_path: Path) -> Callable[[str], list[Cell]]:
    """Expand the text of a suite."""

    def run(text: str) -> list[Cell]:
        (tmp_path / "suite.toml").write_text(text)
        suite, folder = load_suite(str(tmp_path / "suite.toml"))
        return expand(suite, "suite.toml", folder)

    return run


def test_lists_multiply_out_and_every_combination_is_there_once(cells: Callable[[str], list[Cell]]) -> None:
    text = HEAD.replace('"toy"', '"toy", "waxman:nodes=8,requests=2,seed=1..3"').replace(
        '"highs"', '"highs", "highs[presolve=off]"'
    )
    text += "seeds = [1, 2]\npermutations = [0, 5]\n"
    text += LINK + 'variants = ["by-source", "per-request"]\nrelax = [false, true]\n'
    text += LINK + 'method = "rounding"\n'
    found = [cell.spec for cell in cells(text)]
    assert len(found) == 4 * 2 * 2 * 2 * (4 + 1)
    combinations = {
        (s.instance, s.selector, s.seed, s.permutation, s.variant, s.relax, s.method) for s in found
    }
    assert len(combinations) == len({spec.key for spec in found}) == len(found)
    labels = {f"waxman:nodes=8,requests=2,seed={seed}" for seed in (1, 2, 3)} | {"toy"}
    assert {spec.instance for spec in found} == labels
    assert {spec.instance_digest for spec in found} == {fingerprint(resolve(label)) for label in labels}
    assert {spec.solver_version for spec in found} == {load_backend("highs").version}
    assert [spec.native for spec in found[:2]] == [{}, {"presolve": "off"}]  # side by side


def test_the_same_cell_by_two_ways_is_one(cells: Callable[[str], list[Cell]]) -> None:
    assert len(cells(HEAD + LINK + LINK + 'variants = ["by-source"]\n')) == 1


def test_files_and_globs_are_found_beside_the_suite_and_travel_whole(
    cells: Callable[[str], list[Cell]], tmp_path: Path
) -> None:
    (tmp_path / "my").mkdir()
    made = [generate(f"ring:nodes=5,requests=2,seed={seed}") for seed in (1, 2)]
    for name, instance in zip("ab", made, strict=True):
        save(instance, tmp_path / "my" / f"{name}.json")
    found = cells(HEAD.replace('"toy"', '"my/*.json", "my/b.json"') + LINK)
    assert [cell.spec.instance for cell in found] == ["my/a.json", "my/b.json"]
    assert [cell.document for cell in found] == [instance.document() for instance in made]


def test_pairs_are_drawn_by_seed_and_the_digest_is_of_what_was_drawn(
    cells: Callable[[str], list[Cell]],
) -> None:
    found = [cell.spec for cell in cells(HEAD + PATH + "draw_pairs = [1, 2]\n")]
    assert [spec.draw_pairs for spec in found] == [1, 2]
    drawn = [fingerprint(draw_entangled(resolve("toy"), seed)) for seed in (1, 2)]
    assert [spec.instance_digest for spec in found] == drawn


def test_a_library_net_meets_the_instance_and_the_hop_limit_it_was_made_for(
    cells: Callable[[str], list[Cell]],
) -> None:
    (cell,) = cells(HEAD + ARGMAX)
    qnet, instance, hops = load_library_qnet(NET)
    assert cell.spec.instance_digest == fingerprint(instance)
    assert (cell.spec.qnet_digest, cell.spec.max_hops) == (qnet.digest, hops)
    assert cell.spec.variant == "columns+tight+path"
    assert cell.qnet is None


def test_a_net_of_a_file_travels_whole(cells: Callable[[str], list[Cell]], tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_bytes((FOLDER / qnet_library()[NET].file).read_bytes())
    text = HEAD + ARGMAX.replace(NET, "net.safetensors")
    with pytest.raises(MilprouteError, match="is no library Q-net: say in `instances`"):
        cells(text)
    (cell,) = cells(f"{text}instances = '{qnet_library()[NET].instance}'\nmax_hops = 4\n")
    assert (cell.spec.qnet, cell.spec.max_hops) == ("net.safetensors", 4)
    assert cell.qnet is not None


def test_an_onnx_net_travels_as_what_it_is_with_the_inputs_that_the_suite_names(
    cells: Callable[[str], list[Cell]], tmp_path: Path
) -> None:
    onnx = pytest.importorskip("onnx", reason="needs onnx")
    net = load_library_qnet(NET)[0]
    qnet_to_onnx(net, tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "net.onnx")
    text = f"{HEAD}{ARGMAX.replace(NET, 'net.onnx')}instances = '{qnet_library()[NET].instance}'\n"
    with pytest.raises(
        MilprouteError, match=r"qnets\[0\]: .*net\.onnx: metadata_props\.inputs is missing;.*`inputs`"
    ):
        cells(text)
    (cell,) = cells(f"{text}inputs = '{','.join(net.inputs)}'\n")
    task = Task(spec=cell.spec, qnet=cell.qnet)
    assert (cell.spec.qnet, cell.spec.qnet_digest) == ("net.onnx", net.digest)
    assert find_qnet(task) == net


@pytest.mark.parametrize("name", shipped_suites())
def test_every_shipped_suite_expands_and_says_what_it_is_for(name: str) -> None:
    suite, folder = load_suite(name)
    assert suite.name == name
    assert expand(suite, name, folder)


def test_the_shipped_suites_are_those_that_are_promised() -> None:
    assert shipped_suites() == ["argmax", "reps-link", "reps-path", "scaling", "smoke"]


BAD = [
    (HEAD + "sedes = [1]\n" + LINK, "sedes is an unknown key; allowed: ", "Did you mean 'seeds'?"),
    (HEAD + LINK + "variant = 'a'\n", "models[0].variant is an unknown key", "Did you mean 'variants'?"),
    (HEAD.replace('"highs"', '"highs", "higs"') + LINK, "solvers[1]: unknown solver 'higs'", "mean 'highs'?"),
    (HEAD.replace('"highs"', '"highs[a"') + LINK, "solvers[0]: solver 'highs[a' is no selector", "allowed:"),
    (HEAD.replace('"toy"', '"toi"') + LINK, "instances[0]: unknown instance 'toi'", "mean 'toy'?"),
    (HEAD.replace('"toy"', '"a.json"') + LINK, "instances[0]: a.json is missing", "allowed:"),
    (HEAD.replace('"toy"', '"my/*.json"') + LINK, "instances[0]: my/*.json is without a match", "allowed:"),
    (HEAD.replace('"toy"', '"ring:nodes=5,sed=1..2"') + LINK, "instances[0]: unknown parameter", "'seed'"),
    (HEAD.replace('"toy"', '"ring:nodes=5,seed=3..1"') + LINK, "has an empty range", "allowed:"),
    (HEAD + LINK + "instances = 'toi'\n", "models[0].instances[0]: unknown instance 'toi'", "mean 'toy'?"),
    (HEAD + LINK.replace("link", "lnk"), "models[0].formulation: unknown formulation 'lnk'", "mean 'link'?"),
    (HEAD + LINK + "variants = ['by-source', 'by-sourc']\n", "models[0].variants[1]: ", "mean 'by-source'?"),
    (HEAD + LINK + "method = 'roundin'\n", "models[0].method[0]: unknown method", "mean 'rounding'?"),
    (HEAD + LINK + "method = 'rounding'\nrelax = true\n", "models[0].relax: ", "leave it out"),
    (HEAD + LINK + "method = 'rounding'\nvariants = 'per-request'\n", "models[0].variants[0]: ", "by-source"),
    (HEAD + LINK + "qnets = 'x'\n", "models[0].qnets: does not go with link", "allowed there: method"),
    (HEAD + ARGMAX + "relax = true\n", "models[0].relax: does not go with argmax", "allowed there: qnets"),
    (HEAD + ARGMAX.replace("16x16", "16x17"), "models[0].qnets[0]: unknown Q-net", f"mean '{NET}'?"),
    (HEAD + ARGMAX + "variants = 'columns+tigth+path'\n", "models[0].variants[0]: ", "mean 'tight'?"),
    (HEAD + ARGMAX + "variants = 'columns'\n", "models[0].variants[0]: ", "allowed: ACTIONS+RELU+BOUNDS"),
    (HEAD + ARGMAX + "instances = 'toy'\n", "models[0].qnets[0]: ", "wide"),
    (
        HEAD + ARGMAX + "inputs = 'link_load'\n",
        "models[0].qnets[0]: library Q-net",
        "Leave --inputs (`inputs`)",
    ),
    (HEAD + LINK + "inputs = 'link_load'\n", "models[0].inputs: does not go with link", "allowed there"),
    (HEAD + PATH, "instances[0]: toy has no entangled_pairs", "draw_pairs = 1"),
    (HEAD + LINK + "draw_pairs = 1\n", "models[0].draw_pairs: does not go with link", "allowed there"),
    (HEAD.replace('instances = ["toy"]', "") + LINK, "models[0].instances: missing", "allowed:"),
    (HEAD + "seeds = [1, 3000000000]\n" + LINK, "seeds[1]: seed is 3000000000", "allowed:"),
    (HEAD + "seeds = []\n" + LINK, "seeds is []", "at least 1"),
    (HEAD + "threads = 0\n" + LINK, "threads is 0", "at least 1"),
    (HEAD + "time_limit = 0\n" + LINK, "time_limit is 0", "at least 0.001"),
    (HEAD, "models is missing", "allowed:"),
    (LINK, "name is missing", "allowed:"),
    ("name = ", "is no TOML", "allowed: a TOML document"),
]


@pytest.mark.parametrize(("text", "place", "remedy"), BAD, ids=[place for _, place, _ in BAD])
def test_a_bad_suite_is_refused_with_place_and_remedy(
    cells: Callable[[str], list[Cell]], text: str, place: str, remedy: str
) -> None:
    with pytest.raises(MilprouteError) as caught:
        cells(text)
    assert place in str(caught.value)
    assert remedy in str(caught.value).partition(place)[2]


def test_an_instance_that_the_formulation_cannot_state_is_refused_before_anything_runs(
    cells: Callable[[str], list[Cell]], tmp_path: Path
) -> None:
    save(generate("ring:nodes=5,requests=2,min_fidelity=0.9,seed=1"), tmp_path / "a.json")
    with pytest.raises(MilprouteError, match=r"instances\[0\]: .*min_fidelity"):
        cells(HEAD.replace('"toy"', '"a.json"') + LINK)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smok", "unknown suite 'smok': did you mean 'smoke'?"),
        ("smok.toml", "smok.toml is missing"),
        ("my/smoke", "my/smoke is missing"),
    ],
)
def test_a_suite_that_does_not_exist_is_refused(name: str, message: str) -> None:
    with pytest.raises(MilprouteError) as caught:
        load_suite(name)
    assert message in str(caught.value)


def test_the_suite_of_the_manual_is_one(tmp_path: Path) -> None:
    manual = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(manual.partition("```toml\n")[2].partition("```")[0])
    suite, _ = load_suite(str(tmp_path / "mine.toml"))
    assert [model.formulation for model in suite.models] == ["link", "path", "argmax"]
